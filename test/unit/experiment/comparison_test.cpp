#include "support/catch.hpp"

#include <ampacity/core/distributions.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/experiment/comparison.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

using namespace ampacity;
using namespace ampacity::experiment;

namespace {

/// How many of 1,000 experiments of 20 pairs have the true difference in their 95 % intervals.
struct coverage {
    int t = 0, bootstrap = 0, hall = 0, careful = 0;
};

double skewness_of(const std::vector<double>& values) {
    const auto n = static_cast<double>(values.size());
    const double mean = mean_of(values).mean;
    double squares = 0, cubes = 0;
    for (const double x : values) {
        squares += std::pow(x - mean, 2) / n;
        cubes += std::pow(x - mean, 3) / n;
    }
    return cubes / std::pow(squares, 1.5);
}

/// `draw_pair(stream)` gives value and baseline.
template <class DrawPair>
coverage cover(double truth, std::uint64_t first_entity, DrawPair draw_pair) {
    coverage out;
    for (std::uint64_t e = 0; e != 1000; ++e) {
        random_stream stream{7, purpose::test, first_entity + e};
        std::vector<double> values, baseline;
        for (int i = 0; i != 20; ++i) {
            const auto [a, b] = draw_pair(stream);
            values.push_back(a);
            baseline.push_back(b);
        }
        const auto d = differences(values, baseline);
        const resampling how{.times = 999};
        out.t += t_interval(mean_of(d))->contains(truth) ? 1 : 0;
        out.bootstrap += bootstrap_t{d, how}.within().contains(truth) ? 1 : 0;
        out.hall += hall_t{d, how}.within().contains(truth) ? 1 : 0;
        out.careful += careful_mean{d, how}.within().contains(truth) ? 1 : 0;
    }
    return out;
}

}  // namespace

TEST_CASE("comparison: mean and error and interval and p value of a sample by hand") {
    const std::array values{1.0, 2.0, 3.0, 4.0, 5.0};
    const auto m = mean_of(values);
    CHECK(m.count == 5);
    CHECK(m.mean == 3);
    CHECK(m.standard_error == Approx(std::sqrt(2.5 / 5)));
    // t(0.975, 4) = 2.776445 (tables)
    CHECK(t_interval(m)->low == Approx(3 - 2.776445 * std::sqrt(0.5)).epsilon(1e-6));
    CHECK(t_interval(m)->high == Approx(3 + 2.776445 * std::sqrt(0.5)).epsilon(1e-6));
    // t(4) = 4.2426: two-sided p = 0.013236
    CHECK(*p_value(m) == Approx(0.0132356).epsilon(1e-4));
    const std::array one{3.0};
    CHECK_FALSE(t_interval(mean_of(one)));
    CHECK_FALSE(p_value(mean_of(one)));
    CHECK(*p_value(mean_of(std::array{0.0, 0.0})) == 1);
    CHECK(*p_value(mean_of(std::array{2.0, 2.0})) == 0);
    CHECK(mean_of({}).count == 0);
}

TEST_CASE("comparison: an interval leaves out 0 exactly where the p value is small") {
    for (std::uint64_t e = 0; e != 200; ++e) {
        random_stream stream{3, purpose::test, e};
        const normal_distribution normal{.location = 0.4, .scale = 1};
        std::vector<double> values(12);
        for (double& x : values) x = e % 2 == 0 ? normal(stream) : std::exp(2 * normal(stream)) - 2;
        const auto m = mean_of(values);
        CHECK(t_interval(m)->contains(0) == (*p_value(m) > 0.05));
        const bootstrap_t b{values, {.times = 1999}};
        // Ranks of the interval and of the p value may differ by one.
        if (b.p_value() < 0.049) CHECK_FALSE(b.within().contains(0));
        if (b.p_value() > 0.053) CHECK(b.within().contains(0));
        const hall_t h{values, {.times = 1999}};
        if (h.p_value() < 0.049) CHECK_FALSE(h.within().contains(0));
        if (h.p_value() > 0.053) CHECK(h.within().contains(0));
        const bool is_skewed = std::abs(skewness_of(values)) > careful_mean::skewed;
        const double penalty = is_skewed ? 3 : 1, level = 1 - 0.05 / penalty;
        const careful_mean all{values, {.times = 1999}};
        CHECK(all.p_value() == std::min(1.0, penalty * std::max({*p_value(m), b.p_value(), h.p_value()})));
        CHECK(all.within().low == std::min({t_interval(m, level)->low, b.within(level).low, h.within(level).low}));
        CHECK(all.within().high == std::max({t_interval(m, level)->high, b.within(level).high, h.within(level).high}));
    }
}

TEST_CASE("comparison: bootstrap-t against its definition") {
    // Two values: the four resamples are (a,a), (a,b), (b,a), (b,b), so t is -inf, 0, 0 or +inf.
    const std::array values{1.0, 3.0};
    const bootstrap_t b{values, {.times = 9999}};
    CHECK(std::isinf(b.within(0.9).low));
    CHECK(b.within(0.2).low == 2);
    CHECK(b.within(0.2).high == 2);
    const bootstrap_t equal{std::array{2.0, 2.0, 2.0}};
    CHECK(equal.within() == interval{2, 2});
    CHECK(equal.p_value() == 0);
    const bootstrap_t again{values, {.times = 9999}};
    CHECK(again.within(0.33) == b.within(0.33));
}

TEST_CASE("comparison: 95 % intervals of 20 normal pairs cover 93 to 97 %") {
    const normal_distribution normal;
    const auto c = cover(0.3, 0, [&](random_stream& s) {
        const double shared = 2 * normal(s);
        return std::array{shared + normal(s) + 0.3, shared + normal(s)};
    });
    INFO("t " << c.t << " bootstrap " << c.bootstrap << " Hall " << c.hall << " careful " << c.careful);
    CHECK((c.t >= 930 && c.t <= 970));
    CHECK((c.bootstrap >= 930 && c.bootstrap <= 970));
    CHECK((c.hall >= 925 && c.hall <= 970));
    CHECK((c.careful >= 930 && c.careful <= 970));
}

TEST_CASE("comparison: 95 % intervals of 20 lognormal pairs cover 90 %") {
    const normal_distribution normal;
    // Sigma 1.5, correlated by half; the one is a quarter larger, or twice as large.
    const auto pair = [&](double factor) {
        return [&normal, factor](random_stream& s) {
            const double shared = normal(s), half = std::sqrt(0.5);
            return std::array{factor * std::exp(1.5 * half * (shared + normal(s))),
                              std::exp(1.5 * half * (shared + normal(s)))};
        };
    };
    const auto near = cover(0.25 * std::exp(1.125), 1'000, pair(1.25));
    const auto far = cover(std::exp(1.125), 3'000, pair(2));
    for (const coverage& c : {near, far}) {
        INFO("t " << c.t << " bootstrap " << c.bootstrap << " Hall " << c.hall << " careful " << c.careful);
        CHECK(c.careful >= 900);
        CHECK((c.t >= 830 && c.bootstrap >= 800 && c.hall >= 780));
    }
    CHECK(far.t <= 880);
}

TEST_CASE("comparison: 95 % intervals of 20 differences that are lognormal themselves cover 90 %") {
    const lognormal_distribution skewed{.median = 1, .sigma = 1.5};
    for (const double sign : {1.0, -1.0}) {
        const auto c =
            cover(sign * std::exp(1.125), 2'000, [&](random_stream& s) { return std::array{sign * skewed(s), 0.0}; });
        INFO("t " << c.t << " bootstrap " << c.bootstrap << " Hall " << c.hall << " careful " << c.careful);
        CHECK((c.t >= 730 && c.t <= 800));
        CHECK((c.bootstrap >= 840 && c.bootstrap <= 900));
        CHECK((c.hall >= 860 && c.hall <= 920));
        CHECK((c.careful >= 910 && c.careful <= 955));
    }
}

TEST_CASE("comparison: Hall's transformation by hand") {
    // Mean 4, variance 13.
    const std::vector<double> values{1, 3, 8};
    const hall_t h{values, {.times = 1}};
    const double n = 3, g = skewness_of(values), deviation = std::sqrt(13.0);
    // With one resample both ends of any interval are its value taken back; taking it forth again gives the transform
    // of one of the 27 resamples.
    const double w = (4 - h.within().low) / deviation;
    const auto transform = [n](double x, double skew) {
        return x + skew * x * x / 3 + skew * skew * x * x * x / 27 + skew / (6 * n);
    };
    double nearest = 1;
    for (const double a : values) {
        for (const double b : values) {
            for (const double c : values) {
                const std::vector<double> drawn{a, b, c};
                const auto m = mean_of(drawn);
                if (m.standard_error == 0) continue;
                const double x = transform((m.mean - 4) / (m.standard_error * std::sqrt(n)), skewness_of(drawn));
                nearest = std::min(nearest, std::abs(x - transform(w, g)));
            }
        }
    }
    CHECK(nearest < 1e-9);
    CHECK(hall_t{std::array{2.0, 2.0}}.within() == interval{2, 2});
    CHECK(hall_t{std::array{2.0, 2.0}}.p_value() == 0);
}

TEST_CASE("comparison: relative change by the delta method covers 93 to 97 %") {
    const normal_distribution normal;
    int covered = 0;
    for (std::uint64_t e = 0; e != 1000; ++e) {
        random_stream s{11, purpose::test, e};
        std::vector<double> values, baseline;
        for (int i = 0; i != 20; ++i) {
            const double shared = 10 + normal(s);
            values.push_back(1.2 * shared + 0.5 * normal(s));
            baseline.push_back(shared + 0.5 * normal(s));
        }
        const auto change = change_of(values, baseline);
        REQUIRE(change);
        covered += std::abs(change->share - 0.2) <= 2.093 * change->standard_error ? 1 : 0;
    }
    INFO(covered);
    CHECK((covered >= 930 && covered <= 970));
    CHECK_FALSE(change_of(std::array{1.0, 2.0}, std::array{-1.0, 1.0}));
    CHECK(change_of(std::array{2.0, 4.0}, std::array{1.0, 2.0})->share == 1);
    CHECK(change_of(std::array{2.0, 4.0}, std::array{1.0, 2.0})->standard_error == 0);
}

TEST_CASE("comparison: Holm against its definition on random p values") {
    for (std::uint64_t e = 0; e != 300; ++e) {
        random_stream s{5, purpose::test, e};
        std::vector<double> p(1 + s.below(8));
        for (double& x : p) x = s.uniform01() * s.uniform01() * s.uniform01();
        const auto got = holm(p);
        for (std::size_t i = 0; i != p.size(); ++i) {
            // Adjusted p: the largest, over the values up to this one, of p times the number that is not smaller.
            double adjusted = 0;
            for (const double x : p) {
                const auto not_smaller = std::count_if(p.begin(), p.end(), [&](double y) { return y >= x; });
                if (x <= p[i]) adjusted = std::max(adjusted, std::min(1.0, x * static_cast<double>(not_smaller)));
            }
            CHECK(got[i].p == Approx(adjusted));
            CHECK(got[i].significant == (adjusted <= 0.05));
            // The interval of its level leaves out 0 exactly where it is significant.
            CHECK((p[i] <= 1 - got[i].confidence) == got[i].significant);
        }
    }
    CHECK(holm({}).empty());
}

TEST_CASE("comparison: with correction one of ten true nulls is called significant in 5 % of experiments") {
    const normal_distribution normal;
    int wrong = 0, wrong_without = 0;
    for (std::uint64_t e = 0; e != 1000; ++e) {
        random_stream s{13, purpose::test, e};
        std::vector<double> p;
        for (int k = 0; k != 10; ++k) {
            std::vector<double> values(20);
            for (double& x : values) x = normal(s);
            p.push_back(*p_value(mean_of(values)));
        }
        const auto all = holm(p);
        wrong += std::any_of(all.begin(), all.end(), [](const corrected& c) { return c.significant; }) ? 1 : 0;
        wrong_without += std::any_of(p.begin(), p.end(), [](double x) { return x <= 0.05; }) ? 1 : 0;
    }
    INFO(wrong << " and " << wrong_without);
    CHECK((wrong >= 27 && wrong <= 77));  // 50 -+ 4 standard errors, false alarm < 1e-4
    CHECK(wrong_without > 300);
}

TEST_CASE("comparison: probability of being best") {
    using rows = std::vector<std::vector<double>>;
    CHECK(probability_of_best(rows{{1, 1}, {2, 2}}, direction::lower) == std::vector<double>{1, 0});
    CHECK(probability_of_best(rows{{1, 1}, {2, 2}}, direction::higher) == std::vector<double>{0, 1});
    CHECK(probability_of_best(rows{{1, 2}, {1, 2}}, direction::lower) == std::vector<double>{0.5, 0.5});
    // Of two rows in which each wins once by the same, resamples give 1/4 either, 1/2 a tie.
    const auto p = probability_of_best(rows{{0, 1}, {1, 0}}, direction::lower, {.times = 40'000});
    CHECK(p[0] == Approx(0.5).margin(0.01));
    CHECK(p[0] + p[1] == Approx(1));
    // Pairs stay pairs: always better by a little is surely best, however much both vary.
    CHECK(probability_of_best(rows{{10, 200, 3000}, {11, 201, 3001}}, direction::lower)[0] == 1);
}

TEST_CASE("comparison: Pareto front against its definition") {
    const std::array two{direction::lower, direction::higher};
    using points = std::vector<std::vector<double>>;
    CHECK(pareto_front(points{{1, 1}, {2, 2}, {2, 1}, {1, 1}}, two) == std::vector<bool>{true, true, false, true});
    const std::array one{direction::lower};
    CHECK(pareto_front(points{{3}, {1}, {2}}, one) == std::vector<bool>{false, true, false});
    CHECK(pareto_front({}, two).empty());
}

TEST_CASE("comparison: what is better and which tails are too thin") {
    CHECK(better_of("jct_s.mean") == direction::lower);
    CHECK(better_of("utilisation") == direction::higher);
    CHECK(better_of("gpu_hours.useful") == direction::higher);
    CHECK(better_of("gpu_types.h100.occupancy") == direction::higher);
    CHECK(better_of("gpu_hours.lost") == direction::lower);
    CHECK(is_thin_tail("wait_s.p99", 9'999));
    CHECK_FALSE(is_thin_tail("wait_s.p99", 10'000));
    CHECK(is_thin_tail("jct_s.p90", 999));
    CHECK_FALSE(is_thin_tail("jct_s.p90", 1'000));
    CHECK_FALSE(is_thin_tail("jct_s.mean", 3));
}
