#include "support/catch.hpp"

#include <ampacity/core/distributions.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/experiment/steady_state.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace ampacity::experiment;

namespace {

/// x(i+1) = 0.9 x(i) + normal, about 5, begun at 5 + `begin`.
std::vector<double> autoregressive(std::uint64_t entity, std::size_t length, double begin) {
    random_stream stream{17, purpose::test, entity};
    const normal_distribution normal;
    std::vector<double> out(length);
    double x = begin;
    for (double& y : out) {
        x = 0.9 * x + normal(stream);
        y = 5 + x;
    }
    return out;
}

/// The cut by the definition: for each d the mean and the squares anew.
std::optional<std::size_t> naive_warm_up(const std::vector<double>& values) {
    std::vector<double> means;
    for (std::size_t i = 0; i + 5 <= values.size(); i += 5)
        means.push_back((values[i] + values[i + 1] + values[i + 2] + values[i + 3] + values[i + 4]) / 5);
    double best = std::numeric_limits<double>::infinity();
    std::size_t cut = 0;
    for (std::size_t d = 0; d + 5 <= means.size(); ++d) {
        const auto n = static_cast<double>(means.size() - d);
        double mean = 0, squares = 0;
        for (std::size_t i = d; i != means.size(); ++i) mean += means[i] / n;
        for (std::size_t i = d; i != means.size(); ++i) squares += (means[i] - mean) * (means[i] - mean);
        if (squares / (n * n) < best) {
            best = squares / (n * n);
            cut = d;
        }
    }
    if (cut > means.size() / 2) return std::nullopt;
    return 5 * cut;
}

}  // namespace

TEST_CASE("steady state: MSER-5 against its definition and where it cannot tell") {
    for (std::uint64_t e = 0; e != 50; ++e) {
        const auto values = autoregressive(e, 50 + 7 * e, e % 3 == 0 ? 40.0 : 0.0);
        CHECK(warm_up(values) == naive_warm_up(values));
    }
    CHECK_FALSE(warm_up(std::vector<double>(9, 1.0)));
    CHECK(warm_up(std::vector<double>(10, 1.0)) == 0);
    std::vector<double> rising(100);
    for (std::size_t i = 0; i != rising.size(); ++i) rising[i] = static_cast<double>(i);
    CHECK_FALSE(warm_up(rising));
}

TEST_CASE("steady state: a warm-up is cut off about where it ends") {
    // From 100 it takes log(100 / 2.3) / log(1 / 0.9) = 36 steps to come within one deviation.
    double sum = 0;
    int told = 0;
    for (std::uint64_t e = 0; e != 100; ++e) {
        const auto cut = warm_up(autoregressive(1'000 + e, 2'000, 100));
        if (!cut) continue;  // a long excursion by chance
        ++told;
        CHECK(*cut >= 20);
        sum += static_cast<double>(*cut);
    }
    INFO(told << ' ' << sum / told);
    CHECK(told >= 90);
    CHECK((sum / told > 30 && sum / told < 200));
}

TEST_CASE("steady state: batch means of a sequence with correlation 0.9 cover 93 to 97 %") {
    int covered = 0;
    for (std::uint64_t e = 0; e != 1000; ++e) {
        const auto m = steady_state_mean(autoregressive(e, 10'000, 50), 0.95, 16);
        REQUIRE(m);
        covered += m->within.contains(5) ? 1 : 0;
        CHECK(m->left_out > 0);
        CHECK(m->batch_length >= 256);
        CHECK(std::abs(*m->lag_1) < 0.9);
    }
    INFO(covered);
    CHECK((covered >= 930 && covered <= 970));
}

TEST_CASE("steady state: the interval of values taken for independent covers far less") {
    int covered = 0;
    for (std::uint64_t e = 0; e != 200; ++e)
        covered += t_interval(mean_of(autoregressive(e, 10'000, 0)))->contains(5) ? 1 : 0;
    CHECK(covered < 80);  // nominal 190: a mean of correlation 0.9 varies sqrt(19) times as much
    CHECK_FALSE(steady_state_mean(autoregressive(0, 40, 0), 0.95, 32));
}

TEST_CASE("steady state: stopping when the interval is narrow keeps its coverage within 3 points") {
    const normal_distribution normal{.location = 1, .scale = 0.3};
    for (const double share : {0.05, 0.1, 0.2}) {
        const stopping_rule rule{.metric = "x", .share = share};
        int covered = 0;
        for (std::uint64_t e = 0; e != 1000; ++e) {
            random_stream stream{23, purpose::test, e};
            std::vector<double> values;
            std::uint32_t n = 0;
            do {
                n = stopping_rule::next_look(n);
                while (values.size() < n) values.push_back(normal(stream));
            } while (!rule.met_by(values));
            REQUIRE(n >= 10);
            const auto within = *t_interval(mean_of(values));
            CHECK((within.high - within.low) / 2 < share * mean_of(values).mean);
            covered += within.contains(1) ? 1 : 0;
        }
        INFO(share << ' ' << covered);
        CHECK((covered >= 920 && covered <= 975));
    }
}

TEST_CASE("steady state: the rule never stops below ten and is looked at ever more rarely") {
    const stopping_rule rule{.metric = "x"};
    CHECK_FALSE(rule.met_by(std::vector<double>(9, 1.0)));
    CHECK(rule.met_by(std::vector<double>(10, 1.0)));
    CHECK(rule.met_by(std::vector<double>(10, 0.0)));
    CHECK(stopping_rule::next_look(0) == 10);
    CHECK(stopping_rule::next_look(10) == 12);
    CHECK(stopping_rule::next_look(12) == 14);
    CHECK(stopping_rule::next_look(100) == 120);
}

TEST_CASE("steady state: stopping rules as text") {
    const auto rule = parse_stopping_rule("ci(jct_s.mean) < 1 %");
    REQUIRE(rule);
    CHECK(rule->metric == "jct_s.mean");
    CHECK(rule->share == Approx(0.01));
    CHECK(parse_stopping_rule(" ci( wait_s.p99 )<2.5%")->share == Approx(0.025));
    for (const char* const wrong : {"", "ci", "ci(x)", "ci(x) < 1", "ci() < 1 %", "ci(x) < 0 %", "ci(x) < -1 %",
                                    "ci(x) > 1 %", "mean(x) < 1 %", "ci(x) y < 1 %", "< 1 % ci(x)", "ci(x) < nan %"})
        CHECK_FALSE(parse_stopping_rule(wrong));
}

TEST_CASE("steady state: stopping with lognormal values of sigma 0.5 costs more of its coverage") {
    const lognormal_distribution skewed{.median = 1, .sigma = 0.5};
    const double truth = std::exp(0.125);
    for (const double share : {0.1, 0.2}) {
        const stopping_rule rule{.metric = "x", .share = share};
        int covered = 0;
        for (std::uint64_t e = 0; e != 1000; ++e) {
            random_stream stream{29, purpose::test, e};
            std::vector<double> values;
            std::uint32_t n = 0;
            do {
                n = stopping_rule::next_look(n);
                while (values.size() < n) values.push_back(skewed(stream));
            } while (!rule.met_by(values));
            covered += t_interval(mean_of(values))->contains(truth) ? 1 : 0;
        }
        INFO(share << ' ' << covered);
        CHECK((covered >= 880 && covered <= 950));
    }
}

TEST_CASE("steady state: means of jobs without the warm-up") {
    // Waits rise until the tenth job and are 5 from there on.
    std::vector<steady_job> jobs;
    for (int i = 0; i != 200; ++i)
        jobs.push_back({.submit = start_of_time + std::chrono::seconds{i},
                        .jct_s = 100,
                        .wait_s = i < 10 ? 50.0 - 5 * i : 5.0,
                        .bounded_slowdown = i < 100 ? 1.0 : 3.0});
    const auto by_time = steady_means(jobs, {.first = std::chrono::seconds{10}, .text = "10 s"});
    REQUIRE(by_time.size() == 3);
    CHECK(by_time[0] == std::pair<std::string, double>{"steady.jct_s.mean", 100});
    CHECK(by_time[1] == std::pair<std::string, double>{"steady.wait_s.mean", 5});
    CHECK(by_time[2].second == Approx(1 * 90.0 / 190 + 3 * 100.0 / 190));
    const auto all = steady_means(jobs, {.first = duration{0}, .text = "0 s"});
    CHECK(all[1].second == Approx((5 * 190 + 275) / 200.0));
    CHECK(steady_means(jobs, {.first = std::chrono::hours{1}, .text = "1 h"}).empty());
    const auto found = steady_means(jobs, {.mser_5 = true, .text = "mser-5"});
    REQUIRE(found.size() == 3);
    CHECK(found[1].second == 5);
    CHECK(found[2].second == 3);  // the whole first half
    jobs.resize(9);
    CHECK(steady_means(jobs, {.mser_5 = true, .text = "mser-5"}).empty());
}
