#include "support/catch.hpp"

#include <ampacity/scenario/units.hpp>

#include <cstdint>
#include <random>
#include <string>

using namespace ampacity;
using scenario::exact_duration;

namespace {

exact_duration read(const std::string& text) {
    exact_duration out;
    const auto wrong = scenario::parse(text, out);
    INFO(text << ": " << (wrong ? wrong->what : ""));
    REQUIRE_FALSE(wrong);
    return out;
}

std::string fault(const std::string& text) {
    exact_duration out;
    const auto wrong = scenario::parse(text, out);
    return wrong ? wrong->what : "none";
}

}  // namespace

TEST_CASE("exact durations keep every decimal", "[units]") {
    CHECK(read("30.5 ns") == exact_duration{{305, 1}});
    CHECK(read("0.125 us") == exact_duration{{125, 0}});
    CHECK(read("0.0001 us") == exact_duration{{1, 1}});
    CHECK(read("5 ms") == exact_duration{{5'000'000, 0}});
    CHECK(read("1.5e-3 ns") == exact_duration{{15, 4}});
    CHECK(read("0.000000000000000001 ns") == exact_duration{{1, 18}});
    CHECK(read("0 s") == exact_duration{});
    CHECK(read("9223372036854775807 ns") == exact_duration{{9'223'372'036'854'775'807, 0}});
    CHECK(scenario::format(read("1500 us")) == "1500 us");
    CHECK(scenario::format(read("0.25 us")) == "250 ns");
    CHECK(scenario::format(read("0.0305 us")) == "30.5 ns");
    CHECK(scenario::format(read("0.00007 us")) == "0.07 ns");
    CHECK(scenario::format(exact_duration{}) == "0 s");
}

TEST_CASE("what is no exact duration is refused", "[units]") {
    CHECK(fault("-1 ns") == "must not be negative");
    CHECK(fault("5") == "expected a duration, found a bare number");
    CHECK(fault("5 W") == "expected a duration, found a power");
    CHECK(fault("nan ns") == "expected a duration");
    CHECK(fault("0.0000000000000000001 ns") == "too many decimals");
    CHECK(fault("9223372036854775808 ns") == "too large");
    CHECK(fault("400 w") == "none");
}

TEST_CASE("exact durations read back what is written", "[units]") {
    std::mt19937_64 random{8};
    for (int i = 0; i != 20'000; ++i) {
        exact_duration d{{static_cast<std::int64_t>(random() >> (1 + random() % 63)), static_cast<int>(random() % 19)}};
        if (d.value.scale != 0 && d.value.mantissa % 10 == 0) ++d.value.mantissa;
        REQUIRE(read(scenario::format(d)) == d);
    }
}
