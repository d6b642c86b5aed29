#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/serving/iteration_time.hpp>

#include <boost/multiprecision/cpp_int.hpp>

#include <cstdint>
#include <string>
#include <vector>

using namespace ampacity;
using serving::decode_run;
using serving::iteration_time;
using serving::linear_step;
using serving::time_units;

namespace {

/// The key of the error that a construction ends with.
std::string refused(const std::vector<linear_step>& pieces) {
    try {
        const iteration_time t{pieces};
    } catch (const scenario_error& e) {
        return e.details().key;
    }
    return "none";
}

}  // namespace

TEST_CASE("iteration_time: one denominator for all coefficients") {
    const iteration_time t(linear_step{.base = {5, 0}, .per_token = {25, 1}, .per_kv_token = {125, 3}});
    CHECK(t.units_per_ns() == 1000);
    CHECK(t({.tokens = 3, .kv_tokens = 7}) == 5000 + 3 * 2500 + 7 * 125);
    const iteration_time whole(linear_step{.base = {5, 0}, .per_prefill_attention = {2, 0}});
    CHECK(whole.units_per_ns() == 1);
    CHECK(whole({.tokens = 3, .kv_tokens = 7, .prefill_attention = 11}) == 27);
}

TEST_CASE("iteration_time: the largest piece counts") {
    const std::vector<linear_step> pieces{{.base = {10, 0}}, {.per_token = {1, 0}}, {.per_kv_token = {5, 1}}};
    const iteration_time t{pieces};
    CHECK(t({.tokens = 4, .kv_tokens = 4}) == 100);
    CHECK(t({.tokens = 40, .kv_tokens = 4}) == 400);
    CHECK(t({.tokens = 4, .kv_tokens = 400}) == 2000);
}

TEST_CASE("iteration_time: bad coefficients are refused by name") {
    CHECK(refused({}) == "step");
    CHECK(refused(std::vector<linear_step>(iteration_time::max_pieces + 1)) == "step");
    CHECK(refused({{.base = {-1, 0}}}) == "step.base");
    CHECK(refused({{}, {.per_kv_token = {1, 19}}}) == "step.per_kv_token");
    CHECK(refused({{.per_prefill_attention = {1, 18}}}) == "none");
}

TEST_CASE("iteration_time: what could not be summed exactly is refused") {
    const iteration_time fine(linear_step{.base = {1, 18}, .per_token = {1, 0}});
    CHECK_NOTHROW(fine.check_range(1'000'000'000, 0, 0));
    CHECK_THROWS_AS(fine.check_range(100'000'000'000, 0, 0), scenario_error);
}

TEST_CASE("iteration_time: the slowdown of a pace is the least whole number of millionths that is no faster") {
    CHECK(serving::slowdown_at(1) == serving::full_speed);
    CHECK(serving::slowdown_at(0.8) == 1'250'000);
    CHECK(serving::slowdown_at(1.0 / 3) == 3'000'000);
    CHECK(serving::slowdown_at(0.7) == 1'428'572);
    CHECK(serving::slowdown_at(0x1.fffffffffffffp-1) == 1'000'001);
    CHECK(serving::slowdown_at(0x1p-60) == 1'000'000'000'000);
}

TEST_CASE("iteration_time: a step that is slowed down lasts exactly so many millionths of its time") {
    const serving::step_grid grid{
        .decodes = {0, 4}, .prefill_tokens = {0, 9}, .time = {{1, 0}, {3, 0}, {7, 1}, {9, 9}}};
    iteration_time t(std::vector<linear_step>{{.base = {5, 0}, .per_token = {25, 1}}, {.per_kv_token = {125, 3}}},
                     serving::step_table{grid});
    t.speculate({.drafts = 2, .gain = 1500, .draft = {75, 1}});
    // Nanoseconds, as fractions that no denominator makes overflow.
    using wide = boost::multiprecision::cpp_rational;
    const auto lasts = [](time_units units, const iteration_time& of) {
        return wide{boost::multiprecision::cpp_int{units}, boost::multiprecision::cpp_int{of.units_per_ns()}};
    };
    for (const std::int64_t millionths : {1'000'000, 1'000'001, 1'250'000, 3'000'000, 12'345'678}) {
        const iteration_time slow = t.slowed(millionths);
        CHECK(slow.slowdown() == millionths);
        CHECK(t.slowdown() == serving::full_speed);
        for (const std::int64_t tokens : {1, 2, 5}) {
            const serving::batch b{.tokens = 3 * tokens + 1,
                                   .kv_tokens = 100'000 * tokens,
                                   .prefill_attention = 17,
                                   .decodes = 1,
                                   .drafts = tokens != 2};
            CHECK(lasts(slow(b), slow) == lasts(t(b), t) * wide{millionths} / wide{1'000'000});
            const decode_run run(t, 1, 1000 * tokens), slowed(slow, 1, 1000 * tokens);
            CHECK(lasts(slowed.total(2), slow) == lasts(run.total(2), t) * wide{millionths} / wide{1'000'000});
        }
    }
    CHECK(t.slowed(2'000'000).units_per_ns() == t.units_per_ns());
}

TEST_CASE("iteration_time: a slowdown that could not be summed exactly is refused") {
    const iteration_time fine(linear_step{.base = {1, 15}});
    CHECK_NOTHROW(fine.slowed(1'250'000));
    CHECK_THROWS_AS(fine.slowed(1'250'001), scenario_error);
    const iteration_time longest(linear_step{.base = {1'000'000'000'000'000'000, 0}});
    CHECK_NOTHROW(longest.slowed(1'000'000'000));
    CHECK_THROWS_AS(longest.slowed(100'000'000'001), scenario_error);
}

TEST_CASE("iteration_time: rounding is half to even") {
    const iteration_time t(linear_step{.base = {1, 1}});
    const std::vector<std::int64_t> expected{0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2,
                                             2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4};
    for (std::size_t i = 0; i != expected.size(); ++i) CHECK(t.round_to_ns(static_cast<time_units>(i)) == expected[i]);
    for (std::int64_t ns = 0; ns != 4; ++ns) {
        const time_units first = t.first_rounded_to(ns);
        CHECK(t.round_to_ns(first) >= ns);
        if (ns != 0) CHECK(t.round_to_ns(first - 1) < ns);
    }
}

TEST_CASE("iteration_time: rounding beyond 64 bits of units") {
    const iteration_time t(linear_step{.base = {1, 18}});
    const std::int64_t century = 3'155'760'000'000'000'000;
    const time_units exact = static_cast<time_units>(century) * t.units_per_ns();
    CHECK(t.round_to_ns(exact) == century);
    CHECK(t.round_to_ns(exact + t.units_per_ns() / 2) == century);
    CHECK(t.round_to_ns(exact + t.units_per_ns() / 2 + 1) == century + 1);
    CHECK(t.round_to_ns(t.first_rounded_to(century)) == century);
    CHECK(t.round_to_ns(t.first_rounded_to(century) - 1) == century - 1);
}

TEST_CASE("iteration_time: says whether ends of steps differ") {
    CHECK(iteration_time(linear_step{.base = {1, 0}}).ends_differ());
    CHECK_FALSE(iteration_time(linear_step{.base = {0, 0}, .per_token = {9, 0}}).ends_differ());
    // 5.5 and 6.5 are both rounded to 6.
    CHECK_FALSE(iteration_time(linear_step{.base = {1, 0}, .per_token = {5, 1}}).ends_differ());
    CHECK(iteration_time(linear_step{.base = {11, 1}}).ends_differ());
}

TEST_CASE("decode_run: closed forms equal the steps one by one") {
    random_stream d(31, purpose::test, 0);
    for (int trial = 0; trial != 3000; ++trial) {
        std::vector<linear_step> pieces(1 + d.below(5));
        for (linear_step& p : pieces) {
            const auto coefficient = [&](std::uint64_t most) {
                return serving::exact_time{static_cast<std::int64_t>(d.below(most)), static_cast<int>(d.below(4))};
            };
            p = {coefficient(5000), coefficient(200), coefficient(20), coefficient(3)};
        }
        const iteration_time time{pieces};
        const auto decodes = static_cast<std::int64_t>(1 + d.below(30));
        const auto kv = static_cast<std::int64_t>(d.below(3000));
        const decode_run run(time, decodes, kv);
        const auto steps = static_cast<std::int64_t>(1 + d.below(200));
        time_units sum = 0;
        std::vector<time_units> ends;
        for (std::int64_t i = 0; i != steps; ++i) {
            sum += time({.tokens = decodes, .kv_tokens = kv + i * decodes});
            ends.push_back(sum);
            REQUIRE(run.total(i + 1) == sum);
        }
        REQUIRE(run.total(0) == 0);
        for (int probe = 0; probe != 20; ++probe) {
            time_units wanted = ends[d.below(ends.size())] + static_cast<time_units>(d.below(3)) - 1;
            if (probe == 0) wanted = 0;
            if (probe == 1) wanted = sum + 1;
            std::int64_t expected = steps;
            for (std::int64_t i = steps; i-- != 0;) {
                if (ends[static_cast<std::size_t>(i)] >= wanted) expected = i + 1;
            }
            REQUIRE(run.first_reaching(wanted, steps) == expected);
        }
    }
}

TEST_CASE("decode_run: a step is found exactly where doubles cannot tell it from its neighbours") {
    // 10^18 units per ns and 2^31 steps of 6 ms: sums have 104 bits.
    const iteration_time time(linear_step{.base = {5'999'999'999'999'999'999, 12}, .per_kv_token = {1, 18}});
    const decode_run run(time, 3, 1);
    for (const std::int64_t steps : {1L, 2L, 1'000'003L, 2'147'483'647L}) {
        const time_units end = run.total(steps);
        CHECK(run.first_reaching(end, 2'147'483'647) == steps);
        if (steps != 2'147'483'647) CHECK(run.first_reaching(end + 1, 2'147'483'647) == steps + 1);
    }
}
