#include "support/catch.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/serving/iteration_time.hpp>
#include <ampacity/serving/step_table.hpp>

#include <cstdint>
#include <string>
#include <vector>

using namespace ampacity;
using serving::exact_time;
using serving::step_grid;
using serving::step_table;

namespace {

std::string refused(const step_grid& grid) {
    try {
        const step_table t{grid};
    } catch (const scenario_error& e) {
        return e.details().key + ": " + e.details().what;
    }
    return "accepted";
}

}  // namespace

TEST_CASE("step_table: corners are exact, and between them it is bilinear, rounded half to even") {
    const step_table t(
        {.decodes = {0, 2, 10}, .prefill_tokens = {0, 4}, .time = {{0, 0}, {40, 9}, {3, 9}, {41, 9}, {5, 0}, {7, 0}}});
    CHECK(t(0, 0) == 0);
    CHECK(t(0, 4) == 40);
    CHECK(t(2, 0) == 3);
    CHECK(t(10, 4) == 7'000'000'000);
    CHECK(t(1, 0) == 2);   // 1.5: half to even
    CHECK(t(1, 4) == 40);  // 40.5
    CHECK(t(0, 1) == 10);
    CHECK(t(1, 2) == 21);  // (0 + 40 + 3 + 41) / 4
    CHECK(t.least() == 3);
    CHECK(t.largest() == 7'000'000'000);
}

TEST_CASE("step_table: what is no grid is refused") {
    const std::vector<exact_time> four(4);
    CHECK(refused({}) == "accepted");
    CHECK(refused({.decodes = {0, 1}, .prefill_tokens = {0, 1}, .time = four}) == "accepted");
    CHECK(refused({.decodes = {0}, .prefill_tokens = {0, 1}, .time = four}) ==
          "table: wrong number of different `decodes`");
    CHECK(refused({.decodes = {1, 2}, .prefill_tokens = {0, 1}, .time = four}) == "table: `decodes` do not begin at 0");
    CHECK(refused({.decodes = {0, 2, 2}, .prefill_tokens = {0, 1}, .time = std::vector<exact_time>(6)}) ==
          "table: `decodes` do not ascend");
    CHECK(refused({.decodes = {0, 1}, .prefill_tokens = {0, 1, 2}, .time = four}) == "table: is no full grid");
    CHECK(refused({.decodes = {0, 1}, .prefill_tokens = {0, 1}, .time = {{}, {}, {}, {1, 10}}}) ==
          "table: a time has too many decimals");
    CHECK(refused({.decodes = {0, 1}, .prefill_tokens = {0, 1}, .time = {{}, {}, {}, {-1, 0}}}) ==
          "table: a time is out of range");
    CHECK(refused({.decodes = {0, 1}, .prefill_tokens = {0, 1}, .time = {{}, {}, {}, {1'000'000'000'001, 0}}}) ==
          "table: a time is out of range");
}

TEST_CASE("step_table: a corner of 1000 s on the largest grid is interpolated without loss") {
    const std::int64_t rows = std::int64_t{1} << 20U;
    const std::int64_t columns = std::int64_t{1} << 31U;
    const exact_time most{1'000'000'000'000, 0};
    const step_table t({.decodes = {0, rows}, .prefill_tokens = {0, columns}, .time = {most, most, most, most}});
    CHECK(t(rows / 2 + 1, columns / 3) == int128{1'000'000'000'000} * 1'000'000'000);
    const step_table slope({.decodes = {0, rows}, .prefill_tokens = {0, columns}, .time = {{}, {}, most, most}});
    CHECK(slope(rows / 4, columns / 3) == int128{250'000'000'000} * 1'000'000'000);
}

TEST_CASE("step_table: a replica that it does not reach is refused") {
    const step_table t({.decodes = {0, 8}, .prefill_tokens = {0, 100}, .time = std::vector<exact_time>(4)});
    const serving::iteration_time time(serving::linear_step{}, t);
    CHECK_NOTHROW(time.check_range(100, 1000, 0, 8));
    CHECK_NOTHROW(time.check_range(8, 1000, 0, 800));  // no more decode than tokens are scheduled
    CHECK_THROWS_AS(time.check_range(100, 1000, 0, 9), scenario_error);
    CHECK_THROWS_AS(time.check_range(101, 1000, 0, 8), scenario_error);
}
