// Statistical tests: fixed seed; bounds are 4.4 standard errors, a false alarm in 1e5 for a new seed.
#include "support/catch.hpp"
#include "support/goodness_of_fit.hpp"

#include <ampacity/core/distributions.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/workload/arrivals.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;
using workload::arrival_options;
using workload::arrival_process;

namespace {

arrival_options usual() { return {.seed = 42, .entity = 0, .rate_per_s = 0.01}; }

std::vector<instant> draw(const arrival_options& options, std::size_t n) {
    workload::arrivals a(options);
    std::vector<instant> out;
    while (out.size() < n) out.push_back(a.next().value());
    return out;
}

std::vector<double> intervals_s(const std::vector<instant>& at) {
    std::vector<double> out;
    instant last = start_of_time;
    for (const instant t : at) {
        out.push_back(to_seconds(t - last));
        last = t;
    }
    return out;
}

double rate_of(const std::vector<instant>& at) { return static_cast<double>(at.size()) / to_seconds(at.back()); }

}  // namespace

TEST_CASE("each process has the intervals it is named after", "[arrivals]") {
    auto options = usual();
    const auto p_of = [&](auto&& cdf) { return test::kolmogorov_smirnov_p(intervals_s(draw(options, 30'000)), cdf); };
    const double alpha = 1e-4;
    options.process = arrival_process::poisson;
    CHECK(p_of([](double x) { return 1 - std::exp(-x / 100); }) > alpha);
    options.process = arrival_process::gamma;
    options.cv = 2;
    CHECK(p_of([](double x) { return test::incomplete_gamma_of(0.25, x / 400).p; }) > alpha);
    options.process = arrival_process::weibull;
    for (const double cv : {0.3, 1.0, 2.5}) {
        options.cv = cv;
        const double k = workload::weibull_shape(cv);
        const double scale = 100 / std::tgamma(1 + 1 / k);
        CHECK(p_of([=](double x) { return -std::expm1(-std::pow(x / scale, k)); }) > alpha);
    }
}

TEST_CASE("the Weibull shape has the coefficient of variation", "[arrivals]") {
    for (const double cv : {0.02, 0.1, 0.5, 1.0, 2.0, 10.0, 20.0}) {
        const double k = workload::weibull_shape(cv);
        CAPTURE(cv, k);
        const weibull_distribution d{k, 1};
        CHECK(std::fabs(std::sqrt(d.variance()) / d.mean() - cv) < 1e-9 * cv);
    }
    CHECK(std::fabs(workload::weibull_shape(1) - 1) < 1e-12);
}

TEST_CASE("a profile moves arrivals to its hours and keeps their number in a week", "[arrivals]") {
    auto options = usual();
    options.rate_per_s = 0.05;
    options.profile.assign(168, 1.0);
    CHECK(draw(options, 1000) == draw({.seed = 42, .entity = 0, .rate_per_s = 0.05}, 1000));
    for (std::size_t day = 0; day < 7; ++day) {
        for (std::size_t hour = 0; hour < 24; ++hour)
            options.profile[day * 24 + hour] = (hour < 6 ? 0.0 : hour < 18 ? 3.0 : 1.0) * (day < 5 ? 2.0 : 0.5);
    }
    options.week_offset = 3 * 24h + 30min;
    const auto at = draw(options, 200'000);  // 6.6 weeks
    REQUIRE(std::is_sorted(at.begin(), at.end()));
    std::map<int, double> in;  // by kind of hour
    const auto whole = static_cast<std::int64_t>(to_seconds(at.back()) / 604'800);
    double total = 0;
    for (const instant t : at) {
        if (t >= start_of_time + whole * workload::rate_profile::week) break;
        const auto hour = (options.week_offset + t.time_since_epoch()) % workload::rate_profile::week / 1h;
        in[static_cast<int>(options.profile[static_cast<std::size_t>(hour)] * 2)] += 1;
        total += 1;
    }
    CHECK(std::fabs(total / (0.05 * 604'800 * static_cast<double>(whole)) - 1) < 4.4 / std::sqrt(total));
    // Expected shares: weight x hours of that kind over the sum.
    const double sum = 5 * (12 * 6.0 + 6 * 2.0) + 2 * (12 * 1.5 + 6 * 0.5);
    const std::map<int, double> expected{
        {12, 5 * 12 * 6.0 / sum}, {4, 5 * 6 * 2.0 / sum}, {3, 2 * 12 * 1.5 / sum}, {1, 2 * 6 * 0.5 / sum}};
    CHECK(in.count(0) == 0);
    for (const auto& [kind, share] : expected) {
        CAPTURE(kind, share);
        CHECK(std::fabs(in[kind] / total - share) < 4.4 * std::sqrt(share * (1 - share) / total));
    }
}

TEST_CASE("batches bring several jobs at one arrival and leave the rate as it is", "[arrivals]") {
    auto options = usual();
    options.batches = workload::batch_options{.share = 0.2, .mean = 6};
    const auto at = draw(options, 300'000);
    std::map<std::size_t, double> sizes;
    std::size_t arrivals = 0;
    double jobs_of_batches = 0;
    for (std::size_t i = 0; i < at.size();) {
        std::size_t n = 1;
        while (i + n < at.size() && at[i + n] == at[i]) ++n;
        sizes[n] += 1;
        if (n > 1) jobs_of_batches += static_cast<double>(n);
        i += n;
        ++arrivals;
    }
    const auto all = static_cast<double>(arrivals);
    const double batches = all - sizes[1];
    CHECK(std::fabs(batches / all - 0.2) < 4.4 * std::sqrt(0.16 / all));
    // 2 + geometric of mean 4: variance 4 x 5.
    CHECK(std::fabs(jobs_of_batches / batches - 6) < 4.4 * std::sqrt(20 / batches));
    CHECK(std::fabs(sizes[2] / batches - 0.2) < 4.4 * std::sqrt(0.16 / batches));
    // Arrivals of 1 + 0.2 x 5 = 2 jobs on average, with variance 0.8 x 1 + 0.2 x (16 + 20) - ...: E[n^2] = 12,
    // variance 8.
    CHECK(std::fabs(rate_of(at) / 0.01 - 1) < 4.4 * std::sqrt((1 + 8.0 / 4) / all));
    options.batches->mean = 2;
    std::map<std::size_t, int> pairs;
    const auto twos = draw(options, 10'000);
    for (std::size_t i = 0; i + 2 < twos.size(); ++i) REQUIRE_FALSE((twos[i] == twos[i + 1] && twos[i] == twos[i + 2]));
}

TEST_CASE("spaced batches and the beat are merged in order", "[arrivals]") {
    auto options = usual();
    options.rate_per_s = 0.02;
    options.batches = workload::batch_options{.share = 0.5, .mean = 10, .spacing = 45s};
    options.beat = 600s;
    constexpr std::size_t n = 20'000;
    const auto at = draw(options, n);
    REQUIRE(std::is_sorted(at.begin(), at.end()));
    CHECK(std::fabs(rate_of(at) / 0.02 - 1) < 0.06);

    // The same from its parts: arrivals and batch sizes by the same streams, all times sorted.
    const double rate = (0.02 - 1 / 600.0) / (1 - 0.5 + 0.5 * 10);
    std::vector<instant> expected;
    instant clock = start_of_time;
    for (std::uint64_t k = 0; clock <= at.back(); ++k) {
        random_stream intervals{42, purpose::arrivals, k};
        clock += draw_duration(exponential_distribution{1 / rate}, intervals);
        random_stream sizes{42, purpose::batches, k};
        const double u = sizes.uniform01();
        int jobs = 1;
        if (u < 0.5) jobs = 2 + static_cast<int>(std::log1p(-u / 0.5) / std::log1p(-1.0 / 9));
        for (int j = 0; j < jobs; ++j) expected.push_back(clock + j * 45s);
    }
    for (instant beat = start_of_time + 600s; beat <= at.back(); beat += 600s) expected.push_back(beat);
    std::sort(expected.begin(), expected.end());
    expected.resize(n);
    CHECK(at == expected);
}

TEST_CASE("arrivals end with the range of time", "[arrivals]") {
    auto options = usual();
    options.rate_per_s = 1 / (to_seconds(longest_input) / 2.5);
    options.cv = 0;
    workload::arrivals a(options);
    CHECK(a.next().has_value());
    CHECK(a.next().has_value());
    CHECK_FALSE(a.next().has_value());
    CHECK_FALSE(a.next().has_value());
    options.beat = longest_input / 2;
    options.rate_per_s = 1 / (to_seconds(longest_input) / 4);
    workload::arrivals with_beat(options);  // 2 of the beat, and one half as often again
    int count = 0;
    while (with_beat.next()) ++count;
    CHECK(count == 4);
}

TEST_CASE("arrival options out of range are a bug of the caller", "[arrivals]") {
    auto options = usual();
    SECTION("rate") { options.rate_per_s = 0; }
    SECTION("poisson") {
        options.process = arrival_process::poisson;
        options.cv = 2;
    }
    SECTION("beat") { options.beat = 99s; }
    SECTION("share") { options.batches = workload::batch_options{.share = 1.5}; }
    SECTION("profile") { options.profile.assign(24, 1.0); }
    CHECK_THROWS_AS(workload::arrivals{options}, internal_error);
}
