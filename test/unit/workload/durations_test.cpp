#include "support/catch.hpp"
#include "support/goodness_of_fit.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/workload/durations.hpp>

#include <chrono>
#include <cmath>
#include <stdexcept>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;
using workload::duration_mixture;
using workload::weighted_law;

namespace {

std::vector<double> draw(const duration_mixture& d, std::size_t n, double factor = 1) {
    std::vector<double> out;
    for (std::uint64_t job = 0; job < n; ++job) {
        random_stream stream{42, purpose::durations, job};
        out.push_back(to_seconds(d(stream, factor)));
    }
    return out;
}

}  // namespace

TEST_CASE("one law draws as the distribution itself", "[durations]") {
    const lognormal_distribution law{1320, 2};
    const duration_mixture d{{{7, law}}};
    for (std::uint64_t job = 0; job < 1000; ++job) {
        random_stream a{42, purpose::durations, job};
        random_stream b{42, purpose::durations, job};
        REQUIRE(d(a) == draw_duration(law, b));
        REQUIRE(a.position() == 1);
    }
}

TEST_CASE("a mixture has its components in their shares", "[durations]") {
    const duration_mixture d{{{2, constant_distribution{5}},
                              {0, constant_distribution{6}},
                              {1, bounded_pareto_distribution{10, 1000, 0.7}},
                              {1, weibull_distribution{0.5, 3000}}}};
    constexpr std::size_t n = 40'000;
    std::vector<double> others;
    for (const double x : draw(d, n)) {
        REQUIRE(x != 6);
        if (x != 5) others.push_back(x);
    }
    CHECK(test::normal_p((static_cast<double>(others.size()) - n * 0.5) / std::sqrt(n * 0.25)) > 1e-4);
    CHECK(test::kolmogorov_smirnov_p(others, [](double x) {
              return 0.5 * bounded_pareto_distribution{10, 1000, 0.7}.cdf(x) +
                     0.5 * weibull_distribution{0.5, 3000}.cdf(x);
          }) > 1e-4);
}

TEST_CASE("durations are scaled, then cut", "[durations]") {
    const duration_mixture d{{{1, exponential_distribution{100}}, {1, uniform_distribution{10, 20}}}, 150s};
    const auto plain = draw(d, 5000);
    const auto scaled = draw(d, 5000, 3);
    int cut = 0;
    for (std::size_t i = 0; i < plain.size(); ++i) {
        REQUIRE(scaled[i] <= 150);
        cut += scaled[i] == 150 ? 1 : 0;
        if (plain[i] < 50) REQUIRE(std::fabs(scaled[i] - 3 * plain[i]) < 4e-9);
        if (plain[i] > 50) REQUIRE(scaled[i] == 150);
    }
    CHECK(cut > 0);
}

TEST_CASE("a mixture refuses what is none", "[durations]") {
    CHECK_THROWS_AS(duration_mixture(std::vector<weighted_law>{}), std::invalid_argument);
    CHECK_THROWS_AS(duration_mixture({{0, constant_distribution{1}}}), std::invalid_argument);
    CHECK_THROWS_AS(duration_mixture({{1, weibull_distribution{0, 1}}}), std::invalid_argument);
    CHECK_THROWS_AS(duration_mixture({{1, constant_distribution{1}}}, 0s), internal_error);
}
