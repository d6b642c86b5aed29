#include "support/catch.hpp"

#include <ampacity/core/wide.hpp>

#include <cstdint>
#include <limits>
#include <random>
#include <string>

using namespace ampacity;

namespace {

constexpr int128 largest = static_cast<int128>(~uint128{0} >> 1U);

static_assert(sizeof(int128) == 16 && sizeof(uint128) == 16);
static_assert(static_cast<gpu_time>(-1) < 0, "GPU-time is signed");
static_assert(to_gpu_hours(3'600'000'000'000) == 1.0 && to_gpu_hours(-1'800'000'000'000) == -0.5);
static_assert(to_gpu_hours(static_cast<gpu_time>(3'600'000'000'000) << 80) == 0x1p80);

}  // namespace

TEST_CASE("128-bit integers are written in decimal, to the ends of their range", "[wide]") {
    CHECK(to_string(int128{0}) == "0");
    CHECK(to_string(int128{7}) == "7");
    CHECK(to_string(int128{-10}) == "-10");
    CHECK(to_string(largest) == "170141183460469231731687303715884105727");
    CHECK(to_string(-largest) == "-170141183460469231731687303715884105727");
    CHECK(to_string(-largest - 1) == "-170141183460469231731687303715884105728");
    CHECK(to_string(static_cast<int128>(std::numeric_limits<std::uint64_t>::max()) + 1) == "18446744073709551616");
    CHECK(to_string(static_cast<int128>(std::numeric_limits<std::int64_t>::min())) == "-9223372036854775808");

    int128 power = 1;
    std::string text = "1";
    for (; text.size() <= 39; power *= 10, text += '0') {
        CHECK(to_string(power) == text);
        CHECK(to_string(-power) == "-" + text);
        CHECK(to_string(power - 1) == (text.size() == 1 ? "0" : std::string(text.size() - 1, '9')));
        if (text.size() == 39) break;
    }

    std::mt19937_64 random{1};
    for (int trial = 0; trial < 1000; ++trial) {
        const auto x = static_cast<std::int64_t>(random()) >> random() % 63;
        REQUIRE(to_string(static_cast<int128>(x)) == std::to_string(x));
        const std::uint64_t low = random() % 1'000'000'000'000'000'000;
        const auto high = static_cast<std::int64_t>(random() % 1'000'000'000'000'000'000 + 1);
        std::string digits = std::to_string(low);
        digits.insert(0, 18 - digits.size(), '0');
        const int128 wide = static_cast<int128>(high) * 1'000'000'000'000'000'000 + static_cast<int128>(low);
        REQUIRE(to_string(wide) == std::to_string(high) + digits);
        REQUIRE(to_string(-wide) == "-" + std::to_string(high) + digits);
    }
}
