#include "support/catch.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/experiment/tornado.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace ampacity::experiment;

namespace {

compared_variant baseline(double mean) {
    return {.name = "base", .key = "base", .mean = {20, mean, 1}, .is_baseline = true};
}

/// Differs from a baseline of 100 by this.
compared_variant at(const std::string& name, double difference) {
    compared_variant v{.name = name, .key = name, .mean = {20, 100 + difference, 1}};
    v.difference = compared_difference{.pairs = 20,
                                       .mean = difference,
                                       .within = {difference - 1, difference + 2},
                                       .significant = std::abs(difference) > 2,
                                       .change = difference / 100};
    return v;
}

std::vector<std::string> factors_of(const tornado& t) {
    std::vector<std::string> out;
    for (const auto& row : t.rows) out.push_back(row.factor);
    return out;
}

using names = std::vector<std::string>;

}  // namespace

TEST_CASE("tornado: ends of a factor are joined and the factor that matters most is first", "[experiment]") {
    const auto t = tornado_of({"rate=1",
                               {at("a-low", -3), at("b-high", 40), baseline(100), at("b-low", -5), at("a-high", 4),
                                at("c-low", -20), at("c-high", -1)}});
    CHECK(t.context == "rate=1");
    CHECK(t.baseline == 100);
    CHECK(factors_of(t) == names{"b", "c", "a"});
    CHECK(t.rows[0].reach() == 40);
    CHECK(t.rows[0].swing() == 45);
    CHECK(t.rows[1].reach() == 20);
    CHECK(t.rows[1].swing() == 19);
    REQUIRE(t.rows[0].low);
    REQUIRE(t.rows[0].high);
    CHECK_FALSE(t.rows[0].single);
    CHECK(t.rows[0].low->variant == "b-low");
    CHECK(t.rows[0].low->difference == -5);
    CHECK(t.rows[0].low->change == -0.05);
    CHECK(t.rows[0].high->within == interval{39, 42});
    CHECK(t.rows[0].high->significant);
    CHECK_FALSE(tornado_of({"", {baseline(100), at("a-low", 1)}}).rows[0].low->significant);
}

TEST_CASE("tornado: a half may be missing, and others stand alone", "[experiment]") {
    const auto t = tornado_of({"",
                               {baseline(100), at("a-low", -3), at("b-high", 7), at("c", -5), at("a", 1), at("-low", 2),
                                at("x-low-high", 4)}});
    CHECK(factors_of(t) == names{"b", "c", "x-low", "a", "-low", "a"});
    CHECK_FALSE(t.rows[0].low);
    CHECK(t.rows[0].swing() == 7);
    CHECK(t.rows[1].single);
    CHECK(t.rows[2].high);
    CHECK(t.rows[3].low);
    CHECK_FALSE(t.rows[3].high);
    CHECK(t.rows[3].swing() == 3);
    CHECK(t.rows[4].single);
    CHECK(t.rows[5].single);
}

TEST_CASE("tornado: a baseline that is an end is no bar", "[experiment]") {
    auto base = baseline(100);
    base.name = "a-low";
    const auto t = tornado_of({"", {base, at("a-high", 5)}});
    REQUIRE(t.rows.size() == 1);
    CHECK_FALSE(t.rows[0].low);
    CHECK(t.rows[0].high->difference == 5);
    CHECK(tornado_of({"", {base, at("b", 5)}}).rows.empty());
}

TEST_CASE("tornado: nothing to draw", "[experiment]") {
    auto empty = baseline(0);
    empty.mean = {};
    CHECK(tornado_of({}).rows.empty());
    CHECK(tornado_of({"", {baseline(100), at("fifo", 5), at("low", 3)}}).rows.empty());
    CHECK(tornado_of({"", {empty, at("a-low", 5)}}).rows.empty());
    CHECK(tornado_of({"", {at("a-low", 5), at("a-high", 5)}}).rows.empty());
    comparison all{.by = "case", .baseline = "base"};
    all.metrics.push_back({.name = "m", .groups = {{"", {baseline(100), at("fifo", 5)}}}});
    CHECK_FALSE(has_tornado(all));
    CHECK_THROWS_AS(require_tornado(all, "a.db", "--tornado"), scenario_error);
    all.metrics[0].groups.push_back({"rate=2", {baseline(100), at("a-low", 5)}});
    CHECK(has_tornado(all));
    CHECK_NOTHROW(require_tornado(all, "a.db", "--tornado"));
}

TEST_CASE("tornado: one run of each variant gives bars without intervals", "[experiment]") {
    compared_variant once{.name = "a-high", .key = "a-high", .mean = {1, 130, 0}};
    const auto t = tornado_of({"", {baseline(100), once, {.name = "a-low", .key = "a-low"}}});
    REQUIRE(t.rows.size() == 1);
    CHECK(t.without_value == 1);
    CHECK_FALSE(t.rows[0].low);
    CHECK(t.rows[0].high->difference == 30);
    CHECK(t.rows[0].high->change == 0.3);
    CHECK_FALSE(t.rows[0].high->within);
    once.mean.mean = 5;
    CHECK_FALSE(tornado_of({"", {baseline(0), once}}).rows[0].high->change);
}

TEST_CASE("tornado: rows do not depend on the order of variants and agree with a search for the largest",
          "[experiment]") {
    for (std::uint64_t seed = 0; seed != 200; ++seed) {
        random_stream draw{seed, purpose::test, 0};
        std::vector<compared_variant> all{baseline(100)};
        std::map<std::string, double> reach;
        const auto add = [&](const std::string& factor, const char* suffix) {
            const double d = static_cast<double>(draw() % 21) - 10;
            all.push_back(at(factor + suffix, d));
            reach[factor] = std::max(reach[factor], std::abs(d));
        };
        for (std::uint64_t f = 0; f != 1 + seed % 9; ++f) {
            const std::string factor(1, static_cast<char>('a' + f));
            const std::uint64_t which = draw() % 3;
            if (which != 1) add(factor, "-low");
            if (which != 0) add(factor, "-high");
        }
        names expected;
        while (!reach.empty()) {
            auto best = reach.begin();
            for (auto next = reach.begin(); next != reach.end(); ++next)
                if (next->second > best->second) best = next;
            expected.push_back(best->first);
            reach.erase(best);
        }
        CHECK(factors_of(tornado_of({"", all})) == expected);
        std::reverse(all.begin(), all.end());
        CHECK(factors_of(tornado_of({"", all})) == expected);
    }
}
