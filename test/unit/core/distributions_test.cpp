// Statistical tests state their alpha, the chance of a false alarm had the seed been drawn at random; the seed is
// fixed.
#include "support/catch.hpp"
#include "support/chosen_stream.hpp"
#include "support/goodness_of_fit.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/core/distributions.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;

namespace {

static_assert(distribution<constant_distribution> && distribution<uniform_distribution>);
static_assert(distribution<exponential_distribution> && distribution<normal_distribution>);
static_assert(distribution<lognormal_distribution> && distribution<gamma_distribution>);
static_assert(distribution<weibull_distribution> && distribution<pareto_distribution>);
static_assert(distribution<bounded_pareto_distribution> && distribution<hyper_exponential_distribution>);

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double largest = std::numeric_limits<double>::max();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t all_bits = ~std::uint64_t{0};

random_stream stream_of(std::uint64_t entity) { return {20'260'101, purpose::test, entity}; }

template <class Distribution>
std::vector<double> sample(const Distribution& d, std::size_t n, std::uint64_t entity) {
    random_stream stream = stream_of(entity);
    std::vector<double> out(n);
    for (double& x : out) x = d(stream);
    return out;
}

double tgamma(double x) { return static_cast<double>(std::tgamma(static_cast<long double>(x))); }

/// What the books say about a distribution, written down here once more.
struct book {
    double mean, variance;
    double kurtosis;  ///< fourth central moment / variance^2
    std::function<double(double)> cdf;
};

double phi(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

book of(const uniform_distribution& d) {
    const double width = d.high - d.low;
    return {(d.low + d.high) / 2, width * width / 12, 1.8, [=](double x) { return (x - d.low) / width; }};
}
book of(const exponential_distribution& d) {
    return {d.scale, d.scale * d.scale, 9, [=](double x) { return 1 - std::exp(-x / d.scale); }};
}
book of(const normal_distribution& d) {
    return {d.location, d.scale * d.scale, 3, [=](double x) { return phi((x - d.location) / d.scale); }};
}
book of(const lognormal_distribution& d) {
    const double s2 = d.sigma * d.sigma;
    return {d.median * std::exp(s2 / 2), d.median * d.median * std::exp(s2) * std::expm1(s2),
            std::exp(4 * s2) + 2 * std::exp(3 * s2) + 3 * std::exp(2 * s2) - 3,
            [=](double x) { return phi(std::log(x / d.median) / d.sigma); }};
}
book of(const gamma_distribution& d) {
    return {d.shape * d.scale, d.shape * d.scale * d.scale, 3 + 6 / d.shape,
            [=](double x) { return test::incomplete_gamma_of(d.shape, x / d.scale).p; }};
}
book of(const weibull_distribution& d) {
    const double g1 = tgamma(1 + 1 / d.shape), g2 = tgamma(1 + 2 / d.shape);
    const double g3 = tgamma(1 + 3 / d.shape), g4 = tgamma(1 + 4 / d.shape);
    const double v = g2 - g1 * g1;
    return {d.scale * g1, d.scale * d.scale * v,
            (g4 - 4 * g1 * g3 + 6 * g1 * g1 * g2 - 3 * g1 * g1 * g1 * g1) / (v * v),
            [=](double x) { return -std::expm1(-std::pow(x / d.scale, d.shape)); }};
}

book of(const pareto_distribution& d) {
    // Kurtosis: alpha > 4.
    const double a = d.alpha, v = d.min * d.min * a / ((a - 1) * (a - 1) * (a - 2));
    return {a * d.min / (a - 1), v, 3 + 6 * (a * a * a + a * a - 6 * a - 2) / (a * (a - 3) * (a - 4)),
            [=](double x) { return x < d.min ? 0 : 1 - std::pow(d.min / x, a); }};
}
book of(const bounded_pareto_distribution& d) {
    const double a = d.alpha, mass = 1 - std::pow(d.min / d.max, a);
    const auto raw = [=](double k) {
        return k == a ? a * std::pow(d.min, a) * std::log(d.max / d.min) / mass
                      : a * std::pow(d.min, a) / mass * (std::pow(d.max, k - a) - std::pow(d.min, k - a)) / (k - a);
    };
    const double m = raw(1), v = raw(2) - m * m;
    return {m, v, (raw(4) - 4 * m * raw(3) + 6 * m * m * raw(2) - 3 * m * m * m * m) / (v * v),
            [=](double x) { return (1 - std::pow(d.min / x, a)) / mass; }};
}
book of(const hyper_exponential_distribution& d) {
    double total = 0, m1 = 0, m2 = 0, m3 = 0, m4 = 0;
    for (const auto& [w, s] : d.branches) {
        total += w;
        m1 += w * s;
        m2 += 2 * w * s * s;
        m3 += 6 * w * s * s * s;
        m4 += 24 * w * s * s * s * s;
    }
    m1 /= total, m2 /= total, m3 /= total, m4 /= total;
    const double v = m2 - m1 * m1;
    return {m1, v, (m4 - 4 * m1 * m3 + 6 * m1 * m1 * m2 - 3 * m1 * m1 * m1 * m1) / (v * v), [=](double x) {
                double sum = 0;
                for (const auto& [w, s] : d.branches) sum += w / total * -std::expm1(-x / s);
                return sum;
            }};
}

/// KS against the distribution function.
template <class Distribution>
double fit_p(const Distribution& d, std::uint64_t entity, std::size_t n = 30'000) {
    return test::kolmogorov_smirnov_p(sample(d, n, entity), of(d).cdf);
}

/// The smaller p-value of the mean's and the variance's deviation.
template <class Distribution>
double moments_p(const Distribution& d, std::uint64_t entity) {
    constexpr std::size_t n = 100'000;
    const book b = of(d);
    double mean = 0, square = 0;
    for (const double x : sample(d, n, entity)) {
        mean += x - b.mean;
        square += (x - b.mean) * (x - b.mean);
    }
    mean /= n;
    square /= n;
    const double of_mean = test::normal_p(mean / std::sqrt(b.variance / n));
    const double of_variance = test::normal_p((square / b.variance - 1) / std::sqrt((b.kurtosis - 1) / n));
    return std::min(of_mean, of_variance);
}

template <class Distribution>
std::string refusal(const Distribution& d) {
    try {
        d.validate();
    } catch (const std::invalid_argument& e) {
        return e.what();
    }
    return "valid";
}

/// The draw of `d` when the stream's next 64 bits are these.
template <class Distribution>
double draw_of(const Distribution& d, std::uint64_t bits) {
    random_stream stream = test::chosen_stream(bits, 0);
    return d(stream);
}

/// Neighbouring draws never go against `direction`: near the ends, near the joins of the approximations, anywhere.
template <class Distribution>
void check_monotone(const Distribution& d, int direction, const std::string& name) {
    std::mt19937_64 random{77};
    std::vector<std::uint64_t> places;  // multiples of 2^-52
    for (int i = 0; i < 2000; ++i) places.push_back(random() >> 12U);
    constexpr std::uint64_t whole = std::uint64_t{1} << 52U;
    for (std::uint64_t k = 0; k < 100; ++k) {
        places.push_back(k);
        places.push_back(whole - 2 - k);
        for (const double join : {0.075, 0.5, 0.925, 0.75, 0.25}) {
            places.push_back(static_cast<std::uint64_t>(join * 0x1p52) - 50 + k);
        }
    }
    std::size_t wrong = 0;
    for (const std::uint64_t k : places) {
        const double here = draw_of(d, k << 12U);
        const double next = draw_of(d, (k + 1) << 12U);
        if (direction > 0 ? next < here : next > here) ++wrong;
    }
    INFO(name);
    CHECK(wrong == 0);
    const double lowest = draw_of(d, 0), highest = draw_of(d, all_bits);
    CHECK((direction > 0 ? lowest < highest : lowest > highest));
}

/// The duration nearest to a double, by way of its exact decimal digits.
duration exact(double seconds) {
    std::array<char, 512> text{};
    std::snprintf(text.data(), text.size(), "%.100f", seconds);  // all digits of a double from 2^-48 up
    const auto r = parse_seconds(text.data());
    REQUIRE(r);
    return r.value;
}

}  // namespace

TEST_CASE("the tests' own statistics are right", "[distributions]") {
    for (const double x : {0.01, 0.5, 1.0, 3.0, 20.0}) {
        CAPTURE(x);
        CHECK(std::fabs(test::incomplete_gamma_of(1, x).q - std::exp(-x)) < 1e-15);
        CHECK(std::fabs(test::incomplete_gamma_of(0.5, x).p - std::erf(std::sqrt(x))) < 1e-15);
        // Shape 3: Q = exp(-x) (1 + x + x^2 / 2).
        CHECK(std::fabs(test::incomplete_gamma_of(3, x).q - std::exp(-x) * (1 + x + x * x / 2)) < 1e-15);
    }
    // Tables: 95 % and 99.9 % points of chi-square, 99 % point of Kolmogorov's distribution.
    CHECK(std::fabs(test::chi_square_p(3.841458820694124, 1) - 0.05) < 1e-12);
    CHECK(std::fabs(test::chi_square_p(18.307038053275146, 10) - 0.05) < 1e-12);
    CHECK(std::fabs(test::chi_square_p(149.44925277903886, 100) - 0.001) < 1e-12);
    CHECK(std::fabs(test::normal_p(1.959963984540054) - 0.05) < 1e-12);
    std::vector<double> grid;
    for (int i = 0; i < 10'000; ++i) grid.push_back((i + 0.5) / 10'000);
    CHECK(test::kolmogorov_smirnov_p(grid, [](double x) { return x; }) == 1);
    const double shift = 1.6276236 / (100 + 0.12 + 0.0011) - 0.5e-4;
    CHECK(std::fabs(test::kolmogorov_smirnov_p(grid, [=](double x) { return std::min(1.0, x + shift); }) - 0.01) <
          1e-5);
}

TEST_CASE("draws follow the distribution they are named after", "[distributions]") {
    constexpr double alpha = 1e-4;  // per distribution
    CHECK(fit_p(uniform_distribution{0, 1}, 1) > alpha);
    CHECK(fit_p(uniform_distribution{-3, 5}, 2) > alpha);
    CHECK(fit_p(uniform_distribution{100, 101}, 3) > alpha);
    CHECK(fit_p(exponential_distribution{1}, 4) > alpha);
    CHECK(fit_p(exponential_distribution{3600}, 5) > alpha);
    CHECK(fit_p(normal_distribution{0, 1}, 6) > alpha);
    CHECK(fit_p(normal_distribution{-40, 7}, 7) > alpha);
    CHECK(fit_p(lognormal_distribution{1, 0.2}, 8) > alpha);
    CHECK(fit_p(lognormal_distribution{1320, 2.2}, 9) > alpha);
    CHECK(fit_p(gamma_distribution{0.1, 1}, 10) > alpha);
    CHECK(fit_p(gamma_distribution{0.5, 3}, 11) > alpha);
    CHECK(fit_p(gamma_distribution{0.999, 1}, 12) > alpha);
    CHECK(fit_p(gamma_distribution{1, 0.25}, 13) > alpha);
    CHECK(fit_p(gamma_distribution{2.5, 10}, 14) > alpha);
    CHECK(fit_p(gamma_distribution{60, 1}, 15) > alpha);
    CHECK(fit_p(weibull_distribution{0.7, 50'000}, 16) > alpha);
    CHECK(fit_p(weibull_distribution{1, 2}, 17) > alpha);
    CHECK(fit_p(weibull_distribution{3.5, 1}, 18) > alpha);

    CHECK(fit_p(pareto_distribution{10, 0.5}, 101) > alpha);
    CHECK(fit_p(pareto_distribution{0.1, 3}, 102) > alpha);
    CHECK(fit_p(bounded_pareto_distribution{10, 1e6, 0.5}, 103) > alpha);
    CHECK(fit_p(bounded_pareto_distribution{1, 2, 1}, 104) > alpha);
    CHECK(fit_p(bounded_pareto_distribution{1, 1e9, 2}, 105) > alpha);
    CHECK(fit_p(hyper_exponential_distribution{{{3, 1}, {0, 7}, {1, 100}}}, 106) > alpha);
    CHECK(fit_p(hyper_exponential_distribution::of(60, 4), 107) > alpha);
    CHECK(fit_p(hyper_exponential_distribution::of(60, 1), 108) > alpha);

    // The test sees a parameter that is a little off.
    const auto against = [](const auto& drawn, const auto& tested, std::uint64_t entity) {
        return test::kolmogorov_smirnov_p(sample(drawn, 30'000, entity), of(tested).cdf);
    };
    CHECK(against(exponential_distribution{1.03}, exponential_distribution{1}, 4) < alpha);
    CHECK(against(gamma_distribution{2.5 * 1.03, 10}, gamma_distribution{2.5, 10}, 14) < alpha);
    CHECK(against(weibull_distribution{0.7 * 1.1, 1}, weibull_distribution{0.7, 1}, 16) < alpha);
}

TEST_CASE("means and variances of draws are those of the distribution", "[distributions]") {
    constexpr double alpha = 1e-4;  // per mean and per variance
    CHECK(moments_p(uniform_distribution{-3, 5}, 21) > alpha);
    CHECK(moments_p(exponential_distribution{3600}, 22) > alpha);
    CHECK(moments_p(normal_distribution{-40, 7}, 23) > alpha);
    CHECK(moments_p(lognormal_distribution{1320, 0.5}, 24) > alpha);
    CHECK(moments_p(gamma_distribution{0.4, 3}, 25) > alpha);
    CHECK(moments_p(gamma_distribution{7, 0.1}, 26) > alpha);
    CHECK(moments_p(weibull_distribution{1.5, 50'000}, 27) > alpha);
    CHECK(moments_p(pareto_distribution{10, 9}, 111) > alpha);
    CHECK(moments_p(bounded_pareto_distribution{1, 100, 1}, 112) > alpha);
    CHECK(moments_p(bounded_pareto_distribution{2, 50, 0.3}, 113) > alpha);
    CHECK(moments_p(hyper_exponential_distribution::of(60, 3), 114) > alpha);
    for (const double x : sample(constant_distribution{0.1}, 100, 28)) REQUIRE(x == 0.1);
}

TEST_CASE("mean() and variance() are closed forms", "[distributions]") {
    const auto near = [](double got, double expected, double relative) {
        INFO("got " << got << " expected " << expected);
        CHECK(std::fabs(got - expected) <= relative * std::fabs(expected));
    };
    CHECK(constant_distribution{7}.mean() == 7);
    CHECK(constant_distribution{7}.variance() == 0);
    CHECK(uniform_distribution{-largest, largest}.mean() == 0);
    for (const double a : {1e-6, 0.3, 1.0, 2.5, 1e9}) {
        const auto each = [&](const auto& d) {
            near(d.mean(), of(d).mean, 1e-14);
            near(d.variance(), of(d).variance, 1e-14);
        };
        each(uniform_distribution{a, 3 * a});
        each(uniform_distribution{-a, 2 * a});
        each(exponential_distribution{a});
        each(normal_distribution{-a, a});
        each(gamma_distribution{a, 2});
    }
    for (const double sigma : {1e-4, 0.1, 1.0, 3.0}) {
        const lognormal_distribution d{1320, sigma};
        near(d.mean(), of(d).mean, 1e-14);
        near(d.variance(), of(d).variance, 1e-13);
    }
    // Within the bounds that the header names.
    for (double shape = 0.1; shape <= 10; shape *= 1.07) {
        CAPTURE(shape);
        const long double k = shape;
        const long double g1 = std::tgamma(1 + 1 / k), g2 = std::tgamma(1 + 2 / k);
        const weibull_distribution d{shape, 2};
        near(d.mean(), static_cast<double>(2 * g1), 1e-13);
        near(d.variance(), static_cast<double>(4 * (g2 - g1 * g1)), 1e-12);
    }
}

TEST_CASE("the heavier tails have closed forms too", "[distributions]") {
    const auto near = [](double got, double expected, double relative) {
        INFO("got " << got << " expected " << expected);
        CHECK(std::fabs(got - expected) <= relative * std::fabs(expected));
    };
    for (const double a : {2.5, 3.0, 7.0}) {
        near(pareto_distribution{10, a}.mean(), of(pareto_distribution{10, a}).mean, 1e-14);
        near(pareto_distribution{10, a}.variance(), of(pareto_distribution{10, a}).variance, 1e-13);
    }
    CHECK(pareto_distribution{10, 1}.mean() == infinity);
    CHECK(pareto_distribution{10, 1.5}.mean() == 30);
    CHECK(pareto_distribution{10, 2}.variance() == infinity);
    for (const double a : {0.2, 1.0, 1.0 + 1e-9, 1.7, 2.0, 5.0}) {
        CAPTURE(a);
        const bounded_pareto_distribution d{10, 5000, a};
        near(d.mean(), of(d).mean, 1e-6);  // the textbook's form loses digits near alpha = 1
        near(d.variance(), of(d).variance, 1e-6);
    }
    for (const double cv : {1.0, 1.01, 2.0, 20.0}) {
        const auto d = hyper_exponential_distribution::of(60, cv);
        near(d.mean(), 60, 1e-14);
        near(d.variance(), 3600 * cv * cv, 1e-13);
        near(d.branches[0].weight + d.branches[1].weight, 1, 1e-15);
    }
}

TEST_CASE("quantile() inverts cdf()", "[distributions]") {
    const auto inverts = [](const auto& d) {
        double before = -infinity;
        for (double p = 1e-9; p < 1; p += p < 0.01 ? p : 0.00731) {
            const double x = d.quantile(p);
            REQUIRE(x >= before);
            before = x;
            REQUIRE(std::fabs(d.cdf(x) - p) < 1e-13);
        }
    };
    inverts(uniform_distribution{-3, 5});
    inverts(exponential_distribution{4});
    inverts(normal_distribution{-1, 2});
    inverts(lognormal_distribution{5, 1.5});
    inverts(weibull_distribution{0.7, 3});
    inverts(pareto_distribution{3, 0.7});
    inverts(bounded_pareto_distribution{3, 900, 1.2});
    CHECK(exponential_distribution{4}.quantile(0) == 0);
    CHECK(exponential_distribution{4}.quantile(1) == infinity);
    CHECK(normal_distribution{0, 1}.quantile(0) == -infinity);
    CHECK(pareto_distribution{3, 0.7}.quantile(0) == 3);
    CHECK(bounded_pareto_distribution{3, 900, 1.2}.quantile(1) == 900);
}

TEST_CASE("cdf() agrees with the textbook, and is 0 and 1 outside", "[distributions]") {
    const auto agrees = [](const auto& d, double from, double to) {
        const book b = of(d);
        for (int i = 1; i < 400; ++i) {
            const double x = from + (to - from) * i / 400;
            CAPTURE(x);
            REQUIRE(std::fabs(d.cdf(x) - b.cdf(x)) < 1e-14);
        }
        CHECK(d.cdf(-infinity) == 0);
        CHECK(d.cdf(infinity) == 1);
    };
    agrees(uniform_distribution{-3, 5}, -3, 5);
    agrees(exponential_distribution{4}, 0, 100);
    agrees(normal_distribution{-1, 2}, -15, 14);
    agrees(lognormal_distribution{5, 1.5}, 0, 300);
    agrees(weibull_distribution{0.7, 3}, 0, 100);
    agrees(weibull_distribution{4, 3}, 0, 10);
    CHECK(uniform_distribution{-3, 5}.cdf(-3.1) == 0);
    CHECK(uniform_distribution{-3, 5}.cdf(5.1) == 1);
    CHECK(exponential_distribution{4}.cdf(-1) == 0);
    CHECK(exponential_distribution{4}.cdf(4e-20) == 1e-20);
    CHECK(lognormal_distribution{5, 1.5}.cdf(-1) == 0);
    CHECK(weibull_distribution{0.7, 3}.cdf(0) == 0);
    CHECK(constant_distribution{2}.cdf(std::nextafter(2.0, 0.0)) == 0);
    CHECK(constant_distribution{2}.cdf(2) == 1);
}

TEST_CASE("a draw takes one number from the stream, a constant none, a gamma variate a few", "[distributions]") {
    const auto taken = [](const auto& d) {
        random_stream stream = stream_of(40);
        for (int i = 0; i < 10'000; ++i) (void)d(stream);
        return static_cast<double>(stream.position()) / 10'000;
    };
    CHECK(taken(constant_distribution{3}) == 0);
    CHECK(taken(uniform_distribution{1, 2}) == 1);
    CHECK(taken(exponential_distribution{1}) == 1);
    CHECK(taken(normal_distribution{0, 1}) == 1);
    CHECK(taken(lognormal_distribution{1, 1}) == 1);
    CHECK(taken(weibull_distribution{0.7, 1}) == 1);
    CHECK(taken(pareto_distribution{1, 1}) == 1);
    CHECK(taken(bounded_pareto_distribution{1, 2, 1}) == 1);
    CHECK(taken(hyper_exponential_distribution::of(1, 2)) == 2);
    for (const double shape : {1.0, 2.0, 30.0}) {
        const double large = taken(gamma_distribution{shape, 1});
        CHECK(large > 2);
        CHECK(large < 2.15);
    }
    const double small = taken(gamma_distribution{0.5, 1});
    CHECK(small > 3);
    CHECK(small < 3.15);
}

TEST_CASE("draws are monotone in the stream, down to neighbouring numbers", "[distributions]") {
    for (const auto& [low, high] :
         {std::pair{0.0, 1.0}, {100.0, 101.0}, {1.0, 5.0}, {-0.1, 0.3}, {-7.0, -6.9}, {1.0, 1.0 + 0x1p-50}}) {
        check_monotone(uniform_distribution{low, high}, 1,
                       "uniform " + std::to_string(low) + " " + std::to_string(high));
    }
    for (const double scale : {1e-9, 1.0, 3600.0}) check_monotone(exponential_distribution{scale}, -1, "exponential");
    check_monotone(normal_distribution{0, 1}, 1, "normal");
    check_monotone(normal_distribution{1e6, 0.3}, 1, "normal, far from 0");
    for (const double sigma : {0.01, 1.0, 2.2, 20.0})
        check_monotone(lognormal_distribution{1320, sigma}, 1, "lognormal");
    for (const double shape : {0.1, 0.7, 1.0, 3.5, 40.0})
        check_monotone(weibull_distribution{shape, 50'000}, -1, "weibull");

    for (const double alpha : {0.1, 1.0, 30.0}) {
        check_monotone(pareto_distribution{60, alpha}, -1, "pareto");
        check_monotone(bounded_pareto_distribution{60, 1e5, alpha}, 1, "bounded pareto");
    }

    // Two variants of one family that share a stream rank alike.
    const auto a = sample(exponential_distribution{1}, 1000, 41);
    const auto b = sample(weibull_distribution{0.7, 9}, 1000, 41);
    for (std::size_t i = 1; i < a.size(); ++i) REQUIRE((a[i] < a[0]) == (b[i] < b[0]));
}

TEST_CASE("the extreme draws are finite and within what the distribution promises", "[distributions]") {
    for (const std::uint64_t bits : {std::uint64_t{0}, all_bits}) {
        CAPTURE(bits);
        const double e = draw_of(exponential_distribution{2}, bits);
        CHECK(e > 0);
        CHECK(e < 2 * 37);
        CHECK(std::fabs(draw_of(normal_distribution{0, 1}, bits)) < 8.3);
        CHECK(std::fabs(draw_of(normal_distribution{0, 1}, bits)) > 8.2);
        CHECK(draw_of(lognormal_distribution{1, 2}, bits) > 0);
        CHECK(std::isfinite(draw_of(lognormal_distribution{1, 2}, bits)));
        CHECK(draw_of(weibull_distribution{0.5, 1}, bits) > 0);
        CHECK(std::isfinite(draw_of(weibull_distribution{0.5, 1}, bits)));
        CHECK(std::isfinite(draw_of(uniform_distribution{-largest, largest}, bits)));
        CHECK(std::isfinite(draw_of(uniform_distribution{0, largest}, bits)));
    }
    CHECK(draw_of(uniform_distribution{-largest, largest}, std::uint64_t{1} << 62U) < -0.49 * largest);
    CHECK(draw_of(uniform_distribution{-largest, largest}, std::uint64_t{1} << 62U) > -0.51 * largest);
    // Draws stay within their range, be it a few doubles wide.
    std::mt19937_64 random{78};
    const auto any = [&] {
        const int exponent = static_cast<int>(random() % 40) - 20;
        return std::ldexp(1.0 + static_cast<double>(random() >> 12U) * 0x1p-52, exponent);
    };
    for (int trial = 0; trial < 10'000; ++trial) {
        const double low = any();
        double high = low + (trial % 2 == 0 ? any() : 0);
        for (std::uint64_t i = random() % 3 + 1; i > 0; --i) high = std::nextafter(high, infinity);
        const std::uint64_t bits = trial % 3 == 0 ? all_bits : trial % 3 == 1 ? 0 : random();
        for (const auto& d :
             {uniform_distribution{low, high}, uniform_distribution{-high, -low}, uniform_distribution{-low, high}}) {
            const double x = draw_of(d, bits);
            REQUIRE(x >= d.low);
            REQUIRE(x <= d.high);
        }
    }
}

TEST_CASE("validate names the distribution, the parameter and the value", "[distributions]") {
    CHECK(refusal(constant_distribution{-1}) == "valid");
    CHECK(refusal(constant_distribution{infinity}) == "constant: value must be finite (inf)");
    CHECK(refusal(constant_distribution{not_a_number}) == "constant: value must be finite (nan)");
    CHECK(refusal(uniform_distribution{-1, 1}) == "valid");
    CHECK(refusal(uniform_distribution{-infinity, 1}) == "uniform: low must be finite (-inf)");
    CHECK(refusal(uniform_distribution{0, not_a_number}) == "uniform: high must be finite (nan)");
    CHECK(refusal(uniform_distribution{2, 2}) == "uniform: high must be > low (2)");
    CHECK(refusal(uniform_distribution{2, 1.5}) == "uniform: high must be > low (1.5)");
    CHECK(refusal(normal_distribution{-3, 1}) == "valid");
    CHECK(refusal(normal_distribution{infinity, 1}) == "normal: location must be finite (inf)");
    for (const double wrong : {0.0, -0.0, -1.5, infinity, -infinity, not_a_number}) {
        const std::string value = std::isnan(wrong)   ? "nan"
                                  : std::isinf(wrong) ? (wrong > 0 ? "inf" : "-inf")
                                  : wrong == 0        ? (std::signbit(wrong) ? "-0" : "0")
                                                      : "-1.5";
        CHECK(refusal(exponential_distribution{wrong}) == "exponential: scale must be finite and > 0 (" + value + ")");
        CHECK(refusal(normal_distribution{0, wrong}) == "normal: scale must be finite and > 0 (" + value + ")");
        CHECK(refusal(lognormal_distribution{wrong, 1}) == "lognormal: median must be finite and > 0 (" + value + ")");
        CHECK(refusal(lognormal_distribution{1, wrong}) == "lognormal: sigma must be finite and > 0 (" + value + ")");
        CHECK(refusal(gamma_distribution{wrong, 1}) == "gamma: shape must be finite and > 0 (" + value + ")");
        CHECK(refusal(gamma_distribution{1, wrong}) == "gamma: scale must be finite and > 0 (" + value + ")");
        CHECK(refusal(weibull_distribution{wrong, 1}) == "weibull: shape must be finite and > 0 (" + value + ")");
        CHECK(refusal(weibull_distribution{1, wrong}) == "weibull: scale must be finite and > 0 (" + value + ")");

        // What does not pass is meaningless, but ends.
        random_stream stream = stream_of(42);
        (void)gamma_distribution{wrong, 1}(stream);
        (void)weibull_distribution{wrong, wrong}(stream);
        (void)lognormal_distribution{wrong, wrong}(stream);
        (void)weibull_distribution{wrong, wrong}.variance();
        CHECK(stream.position() < 100);
    }
    CHECK(refusal(pareto_distribution{0, 1}) == "pareto: min must be finite and > 0 (0)");
    CHECK(refusal(pareto_distribution{1, -1}) == "pareto: alpha must be finite and > 0 (-1)");
    CHECK(refusal(bounded_pareto_distribution{2, 2, 1}) == "bounded pareto: max must be finite and > min (2)");
    CHECK(refusal(hyper_exponential_distribution{{}}) ==
          "hyper-exponential: sum of weights must be finite and > 0 (0)");
    CHECK(refusal(hyper_exponential_distribution{{{-1, 1}}}) == "hyper-exponential: weight must be >= 0 (-1)");
    CHECK(refusal(hyper_exponential_distribution{{{1, 0}}}) == "hyper-exponential: scale must be finite and > 0 (0)");
    CHECK_THROWS_AS(hyper_exponential_distribution::of(1, 0.9), std::invalid_argument);
    CHECK(refusal(exponential_distribution{0x1p-1074}) == "valid");
    CHECK(refusal(gamma_distribution{largest, largest}) == "valid");
}

TEST_CASE("seconds become the nearest duration, ties the even one", "[distributions]") {
    const auto ns = [](double seconds) { return ticks(round_to_duration(seconds)); };
    CHECK(ns(0) == 0);
    CHECK(ns(-0.0) == 0);
    CHECK(ns(-1) == 0);
    CHECK(ns(-infinity) == 0);
    CHECK(ns(1) == 1'000'000'000);
    CHECK(ns(0.1) == 100'000'000);
    CHECK(ns(1e-9) == 1);
    CHECK(ns(1e-10) == 0);
    CHECK(ns(1e-300) == 0);
    CHECK(ns(0x1p-1074) == 0);
    // j / 1024 s = j x 976562.5 ns, exactly.
    CHECK(ns(1.0 / 1024) == 976'562);
    CHECK(ns(3.0 / 1024) == 2'929'688);
    CHECK(ns(std::nextafter(1.0 / 1024, 1)) == 976'563);
    CHECK(ns(std::nextafter(3.0 / 1024, 0)) == 2'929'687);
    for (int j = 1; j < 4000; j += 2) {
        const std::int64_t twice = std::int64_t{j} * 1'953'125;
        REQUIRE(ns(j / 1024.0) == twice / 2 + (twice / 2) % 2);
    }
    CHECK(round_to_duration(6'324'480'000.0) == longest_input);
    CHECK(round_to_duration(std::nextafter(6'324'480'000.0, 0)) < longest_input);
    CHECK(round_to_duration(6'324'480'001.0) == longest_input);
    CHECK(round_to_duration(infinity) == longest_input);
    CHECK_THROWS_AS(round_to_duration(not_a_number), std::invalid_argument);

    std::mt19937_64 random{79};
    for (int trial = 0; trial < 30'000; ++trial) {
        const int exponent = static_cast<int>(random() % 73) - 41;
        const double x = std::ldexp(1.0 + static_cast<double>(random() >> 12U) * 0x1p-52, exponent);
        if (round_to_duration(x) != std::min(exact(x), longest_input)) FAIL("seconds " << x);
        // Doubles next to a tie.
        const double tie = (static_cast<double>(random() % 1'000'000) + 0.5) * 1e-9;
        if (round_to_duration(tie) != exact(tie)) FAIL("near a tie: " << tie);
    }

    random_stream a = stream_of(43);
    random_stream b = stream_of(43);
    for (int i = 0; i < 100; ++i) {
        REQUIRE(draw_duration(exponential_distribution{100}, a) == round_to_duration(exponential_distribution{100}(b)));
    }
}

TEST_CASE("the first draws of each distribution keep their bits", "[distributions]") {
    // New values are a change of results.
    const auto bits = [](const auto& d) {
        std::array<std::uint64_t, 4> out{};
        const auto drawn = sample(d, out.size(), 7);
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = std::bit_cast<std::uint64_t>(drawn[i]);
        return out;
    };
    using golden = std::array<std::uint64_t, 4>;
    CHECK(bits(constant_distribution{0.1}) ==
          golden{0x3fb9'9999'9999'999aU, 0x3fb9'9999'9999'999aU, 0x3fb9'9999'9999'999aU, 0x3fb9'9999'9999'999aU});
    CHECK(bits(uniform_distribution{1, 5}) ==
          golden{0x3ffd'262c'44a5'3d82U, 0x4013'0da4'4e9c'edfeU, 0x400e'492a'e371'8c01U, 0x4011'5788'462e'9734U});
    CHECK(bits(uniform_distribution{-1, 3}) ==
          golden{0xbfc6'ce9d'dad6'13f0U, 0x4006'1b48'9d39'dbfdU, 0x3ffc'9255'c6e3'1802U, 0x4002'af10'8c5d'2e67U});
    CHECK(bits(exponential_distribution{3600}) ==
          golden{0x40b6'411a'8652'2c65U, 0x406b'724e'e1c4'9444U, 0x4094'59b6'e045'742eU, 0x4084'7050'1713'a476U});
    CHECK(bits(normal_distribution{10, 3}) ==
          golden{0x401e'21e9'f288'2982U, 0x402d'5ee6'56ee'ad1bU, 0x4027'15c1'cb37'dfbbU, 0x4029'd143'6efe'bbf5U});
    CHECK(bits(lognormal_distribution{1320, 2}) ==
          golden{0x406f'dc37'3c28'1de6U, 0x40dd'4c03'5f16'6575U, 0x40ac'd678'79da'e7ebU, 0x40c1'ecd9'ce9a'b062U});
    CHECK(bits(gamma_distribution{0.5, 3}) ==
          golden{0x3fde'c688'02b7'bd96U, 0x3ffe'72a9'ad5b'e130U, 0x3fdf'2b80'1971'cfc2U, 0x3fdc'74c1'fb17'f472U});
    CHECK(bits(gamma_distribution{4, 100}) ==
          golden{0x406c'd588'4649'4111U, 0x407d'a326'1b1b'1385U, 0x4073'ff53'e678'e95fU, 0x4072'9e1b'54b9'1961U});
    CHECK(bits(weibull_distribution{0.7, 50'000}) ==
          golden{0x40f7'8493'77a6'0addU, 0x408c'bda2'2e2c'dd62U, 0x40c6'da01'938b'61bdU, 0x40b1'157f'5d1e'8c4bU});
}
