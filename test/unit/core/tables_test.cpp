// Statistical tests state their alpha, the chance of a false alarm had the seed been drawn at random; the seed is
// fixed.
#include "support/catch.hpp"
#include "support/goodness_of_fit.hpp"

#include <ampacity/core/tables.hpp>
#include <ampacity/core/truncated.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

using namespace ampacity;

namespace {

static_assert(distribution<empirical_distribution> && distribution<discrete_distribution>);
static_assert(distribution<truncated_distribution<lognormal_distribution>>);
static_assert(invertible_distribution<empirical_distribution>);

constexpr double alpha = 1e-4;  // per distribution and test

using points = std::vector<empirical_distribution::point>;

random_stream stream_of(std::uint64_t entity) { return {20'260'101, purpose::test, entity}; }

template <class Distribution>
std::vector<double> sample(const Distribution& d, std::size_t n, std::uint64_t entity) {
    random_stream stream = stream_of(entity);
    std::vector<double> out(n);
    for (double& x : out) x = d(stream);
    REQUIRE(stream.position() == n);  // one number each
    return out;
}

/// Means over many small steps of the quantile function, the reference for closed forms.
template <class Distribution>
std::pair<double, double> moments_of_quantiles(const Distribution& d, int steps = 2'000'000) {
    long double sum = 0;
    long double square = 0;
    for (int i = 0; i < steps; ++i) {
        const long double x = d.quantile((i + 0.5) / steps);
        sum += x;
        square += x * x;
    }
    const long double mean = sum / steps;
    return {static_cast<double>(mean), static_cast<double>(square / steps - mean * mean)};
}

template <class Distribution>
void check_moments(const Distribution& d, double tolerance = 1e-5) {
    const auto [mean, variance] = moments_of_quantiles(d);
    INFO("mean " << d.mean() << " of quantiles " << mean << " variance " << d.variance() << " of quantiles "
                 << variance);
    CHECK(std::fabs(d.mean() - mean) <= tolerance * std::fabs(mean));
    CHECK(std::fabs(d.variance() - variance) <= tolerance * 10 * variance);
}

template <class Distribution>
void check_monotone(const Distribution& d, double tolerance = 0) {
    std::mt19937_64 random{5};
    std::vector<double> u;
    for (int i = 0; i < 2000; ++i) u.push_back(static_cast<double>(random() >> 12U) * 0x1p-52);
    for (int i = 0; i < 100; ++i) u.push_back((i + 0.5) * 0x1p-53);
    for (int i = 0; i < 100; ++i) u.push_back(1 - (i + 0.5) * 0x1p-53);
    std::sort(u.begin(), u.end());
    for (std::size_t i = 1; i < u.size(); ++i)
        REQUIRE(d.quantile(u[i - 1]) <= d.quantile(u[i]) + tolerance * std::fabs(d.quantile(u[i])));
}

std::string refusal(const points& p, interpolation between) {
    try {
        (void)empirical_distribution{p, between};
    } catch (const std::invalid_argument& e) {
        return e.what();
    }
    return "valid";
}

/// p-value of the draws' counts against the weights.
double counts_p(const std::vector<double>& weights, std::uint64_t entity) {
    constexpr int n = 200'000;
    const discrete_distribution d(weights);
    std::vector<int> counts(weights.size());
    random_stream stream = stream_of(entity);
    for (int i = 0; i < n; ++i) ++counts[static_cast<std::size_t>(d(stream))];
    double total = 0;
    for (const double w : weights) total += w;
    double statistic = 0;
    double degrees = -1;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        if (weights[i] == 0) {
            CHECK(counts[i] == 0);
            continue;
        }
        const double expected = n * weights[i] / total;
        statistic += (counts[i] - expected) * (counts[i] - expected) / expected;
        ++degrees;
    }
    return degrees == 0 ? 1 : test::chi_square_p(statistic, degrees);
}

}  // namespace

TEST_CASE("an empirical distribution goes through its points", "[tables]") {
    const points p{{0, 1}, {0.25, 4}, {0.5, 4}, {0.9, 100}, {1, 1000}};
    for (const auto between : {interpolation::step, interpolation::linear, interpolation::logarithmic}) {
        const empirical_distribution d{p, between};
        for (const auto& [share, value] : p) CHECK(d.quantile(share) == value);
        check_monotone(d);
        check_moments(d);
        CHECK(d.cdf(0.5) == 0);
        CHECK(d.cdf(1000) == 1);
        CHECK(d.cdf(4) == 0.5);
    }
    CHECK(empirical_distribution{p, interpolation::step}.quantile(0.3) == 4);
    CHECK(empirical_distribution{p, interpolation::step}.quantile(0.51) == 100);
    CHECK(std::fabs(empirical_distribution{p, interpolation::linear}.quantile(0.7) - 52) < 1e-12);
    CHECK(std::fabs(empirical_distribution{p, interpolation::logarithmic}.quantile(0.7) - 20) < 1e-13);
    CHECK(std::fabs(empirical_distribution{p, interpolation::logarithmic}.cdf(20) - 0.7) < 1e-15);

    // Draws follow it.
    for (const auto between : {interpolation::linear, interpolation::logarithmic}) {
        const empirical_distribution d{{{0, 1}, {0.25, 3}, {0.9, 100}, {1, 1000}}, between};
        CHECK(test::kolmogorov_smirnov_p(sample(d, 30'000, 60 + static_cast<std::uint64_t>(between)),
                                         [&](double x) { return d.cdf(x); }) > alpha);
    }
    const empirical_distribution steps{{{0.2, 5}, {0.7, 6}, {1, 9}}, interpolation::step};
    double low = 0;
    for (const double x : sample(steps, 100'000, 63)) low += x == 5 ? 1 : 0;
    CHECK(test::normal_p((low - 20'000) / std::sqrt(100'000 * 0.2 * 0.8)) > alpha);
    CHECK(steps.mean() == 0.2 * 5 + 0.5 * 6 + 0.3 * 9);
}

TEST_CASE("an empirical distribution refuses tables that are none", "[tables]") {
    CHECK(refusal({{0, 1}, {1, 2}}, interpolation::linear) == "valid");
    CHECK(refusal({{1, 2}}, interpolation::step) == "valid");
    CHECK(refusal({}, interpolation::step) == "empirical: needs at least one point");
    CHECK(refusal({{1, 2}}, interpolation::linear) == "empirical: needs at least two points");
    CHECK(refusal({{0, 1}, {0.9, 2}}, interpolation::linear) == "empirical: the last share must be 1");
    CHECK(refusal({{0.1, 1}, {1, 2}}, interpolation::linear) == "empirical: the first share must be 0");
    CHECK(refusal({{0, 1}, {0, 1}, {1, 2}}, interpolation::linear) == "empirical: shares must rise");
    CHECK(refusal({{0, 3}, {1, 2}}, interpolation::linear) == "empirical: values must not fall");
    CHECK(refusal({{0, 0}, {1, 2}}, interpolation::logarithmic) == "empirical: values must be > 0");
    CHECK(refusal({{0, 0}, {1, std::numeric_limits<double>::infinity()}}, interpolation::linear) ==
          "empirical: values must be finite");
}

TEST_CASE("indices come in proportion to their weights", "[tables]") {
    CHECK(counts_p({1}, 70) > alpha);
    CHECK(counts_p({68, 14, 18}, 71) > alpha);
    CHECK(counts_p({0, 0, 5, 0, 1, 0}, 72) > alpha);
    std::vector<double> zipf;
    for (int i = 1; i <= 300; ++i) zipf.push_back(1.0 / i);
    CHECK(counts_p(zipf, 73) > alpha);
    CHECK(counts_p(std::vector<double>(1000, 0.1), 74) > alpha);

    const discrete_distribution d(std::vector<double>{1, 0, 3});
    CHECK(d.mean() == 1.5);
    CHECK(d.variance() == 0.75);
    CHECK(d.share(2) == 0.75);
    for (const auto& wrong : {std::vector<double>{}, {0.0}, {1.0, -1.0}, {std::numeric_limits<double>::infinity()}})
        CHECK_THROWS_AS(discrete_distribution(wrong), std::invalid_argument);
}

TEST_CASE("the guided search finds what a plain search of the cumulative table finds", "[tables]") {
    std::mt19937_64 random{75};
    for (int trial = 0; trial < 300; ++trial) {
        std::vector<double> weights(1 + random() % 40);
        for (double& w : weights)
            w = random() % 3 == 0
                    ? 0
                    : std::ldexp(static_cast<double>(random() >> 11U), static_cast<int>(random() % 60) - 90);
        weights[random() % weights.size()] += 1e-9;
        std::vector<double> cumulative;
        double sum = 0;
        for (const double w : weights) cumulative.push_back(sum += w);
        const auto stop = std::lower_bound(cumulative.begin(), cumulative.end(), sum) - cumulative.begin();
        const discrete_distribution d(weights);
        for (int i = 0; i < 300; ++i) {
            const double u = i == 0   ? 0
                             : i == 1 ? 1 - 0x1p-53
                             : i < 99 ? static_cast<double>(random() % 64) / 64
                                      : static_cast<double>(random() >> 11U) * 0x1p-53;
            const auto found = std::upper_bound(cumulative.begin(), cumulative.end(), u * sum) - cumulative.begin();
            REQUIRE(d.index(u) == static_cast<std::size_t>(std::min(found, stop)));
        }
    }
}

TEST_CASE("a truncated distribution is its base between the bounds", "[tables]") {
    const auto check = [](const auto& base, double low, double high, std::uint64_t entity, double tolerance = 1e-6) {
        const truncated_distribution d(base, low, high);
        check_monotone(d, 1e-15);
        check_moments(d, tolerance);
        CHECK(std::fabs(d.kept() - (base.cdf(high) - base.cdf(low))) < 1e-13);
        CHECK(d.cdf(std::nextafter(low, -1e300)) == 0);
        CHECK(d.cdf(high) == 1);
        const auto x = sample(d, 30'000, entity);
        for (const double v : x) REQUIRE((v >= low && v <= high));
        CHECK(test::kolmogorov_smirnov_p(x, [&](double v) { return d.cdf(v); }) > alpha);
    };
    check(uniform_distribution{-1, 4}, 0, 1, 80);
    check(exponential_distribution{2}, 1, 9, 81);
    check(normal_distribution{0, 1}, -0.5, 3, 82);
    check(normal_distribution{0, 1}, 4, 6, 83);
    check(lognormal_distribution{1320, 2.2}, 60, 345'600, 84);
    check(weibull_distribution{0.5, 100}, 1, 10'000, 85);
    check(pareto_distribution{10, 0.8}, 20, 5'000, 86);
    check(empirical_distribution{{{0, 0}, {0.5, 1}, {1, 10}}, interpolation::linear}, 0.5, 8, 87, 1e-4);

    // Closed forms: the exponential distribution forgets, the normal one has Mills' ratio.
    const truncated_distribution e(exponential_distribution{2}, 3, 7);
    CHECK(std::fabs(e.mean() - (5 - 4 / std::expm1(4.0 / 2))) < 4e-9);
    const truncated_distribution n(normal_distribution{0, 1}, -1, 2);
    const auto phi = [](double z) { return std::exp(-z * z / 2) / std::sqrt(2 * std::acos(-1.0)); };
    const auto cdf = [](double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); };
    const double mass = cdf(2) - cdf(-1);
    const double mean = (phi(-1) - phi(2)) / mass;
    CHECK(std::fabs(n.mean() - mean) < 3e-9);
    CHECK(std::fabs(n.variance() - (1 + (-1 * phi(-1) - 2 * phi(2)) / mass - mean * mean)) < 9e-9);

    CHECK_THROWS_AS(truncated_distribution(normal_distribution{0, 1}, 1, 1), std::invalid_argument);
    CHECK_THROWS_AS(truncated_distribution(normal_distribution{0, 1}, 20, 30), std::invalid_argument);
    CHECK_THROWS_AS(truncated_distribution(normal_distribution{0, -1}, 0, 1), std::invalid_argument);
    CHECK_THROWS_AS(truncated_distribution(exponential_distribution{1}, 0, std::numeric_limits<double>::infinity()),
                    std::invalid_argument);
}
