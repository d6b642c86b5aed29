#include "support/catch.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/report/axis.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <string>
#include <vector>

using namespace ampacity;
using namespace ampacity::report;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> labels(const axis& a) {
    std::vector<std::string> out;
    for (const tick& t : a.ticks) out.push_back(t.label);
    for (std::string& label : out) {
        if (const auto blank = label.find("\u00A0"); blank != std::string::npos) label.replace(blank, 2, " ");
    }
    return out;
}

using texts = std::vector<std::string>;

}  // namespace

TEST_CASE("ticks of counts are round whole numbers", "[report]") {
    CHECK(labels(count_axis(573, 6)) == texts{"0", "100", "200", "300", "400", "500"});
    CHECK(labels(count_axis(1, 6)) == texts{"0", "1"});
    CHECK(labels(count_axis(1.05, 4)) == texts{"0", "1"});
    CHECK(labels(count_axis(9, 6)) == texts{"0", "2", "4", "6", "8"});
    CHECK(labels(count_axis(13028, 4)) == texts{"0", "5,000", "10,000"});
    CHECK(labels(count_axis(1.12e9, 6)) ==
          texts{"0", "200,000,000", "400,000,000", "600,000,000", "800,000,000", "1,000,000,000"});
    CHECK(labels(count_axis(0.5, 6)) == texts{"0"});
}

TEST_CASE("ticks of values are round and hold all of them", "[report]") {
    CHECK(labels(value_axis(0, 396, 5)) == texts{"0", "100", "200", "300", "400"});
    CHECK(labels(value_axis(53.34, 92, 5)) == texts{"50", "60", "70", "80", "90", "100"});
    CHECK(labels(value_axis(0, 0.0042, 4)) == texts{"0.000", "0.002", "0.004", "0.006"});
    CHECK(value_axis(7, 7, 5).low < 7);
    CHECK(value_axis(7, 7, 5).high > 7);
    CHECK(value_axis(0, 0, 5).low == 0);
    std::mt19937_64 random{11};
    std::uniform_real_distribution<double> some{-1, 1}, decade{-3, 6};
    for (int i = 0; i != 2000; ++i) {
        const double size = std::pow(10, decade(random));
        double low = some(random) * size, high = some(random) * size;
        if (high < low) std::swap(low, high);
        const axis a = value_axis(low, high, 5);
        INFO(low << " to " << high);
        CHECK(a.low <= low + 1e-6 * size);
        CHECK(a.high >= high - 1e-6 * size);
        CHECK(a.ticks.size() >= 2);
        CHECK(a.ticks.size() <= 8);
        CHECK(a.ticks.front().at == a.low);
        CHECK(a.ticks.back().at == Approx(a.high));
        CHECK(a.high - a.low <= 2.1 * std::max(high - low, 0.0) + 0.3 * size);
    }
}

TEST_CASE("ticks of time are in the unit of their step", "[report]") {
    const axis quarter = time_axis(87 * 24h, 12);
    CHECK(labels(quarter) == texts{"0", "10", "20", "30", "40", "50", "60", "70", "80"});
    CHECK(quarter.unit == "d");
    CHECK(quarter.ticks[1].at == 864e12);
    const axis day = time_axis(24h, 12);
    CHECK(labels(day) == texts{"0", "2", "4", "6", "8", "10", "12", "14", "16", "18", "20", "22", "24"});
    CHECK(day.unit == "h");
    CHECK(time_axis(36h, 12).ticks[1].at == 3 * 3600e9);
    CHECK(labels(time_axis(2h, 5)) == texts{"0", "30", "60", "90", "120"});
    CHECK(time_axis(2h, 5).unit == "min");
    CHECK(time_axis(1500ms, 4).unit == "ms");
    CHECK(labels(time_axis(3ns, 12)) == texts{"0", "1", "2", "3"});
    CHECK(labels(time_axis(1ns, 1)) == texts{"0", "1"});
}

TEST_CASE("an axis has ticks enough and not too many", "[report]") {
    std::mt19937_64 random{3};
    for (int trial = 0; trial < 5000; ++trial) {
        const auto ns = static_cast<std::int64_t>(random() >> (1 + random() % 62));
        const std::size_t most = 1 + random() % 20;
        const axis time = time_axis(duration{std::max<std::int64_t>(ns, 1)}, most);
        REQUIRE(time.ticks.size() <= most + 1);
        const axis count = count_axis(static_cast<double>(ns) + 0.5, most);
        REQUIRE(count.ticks.size() <= most + 1);
        if (most < 4 || ns < 100) continue;
        REQUIRE(time.ticks.size() > most / 4);
        REQUIRE(count.ticks.size() > most / 4);
        REQUIRE(count.ticks.back().at <= count.high);
        REQUIRE(time.ticks.back().at <= time.high);
    }
}

TEST_CASE("logarithmic ticks of time are those of a clock", "[report]") {
    const axis a = log_time_axis(2.0, 4.6e6);
    CHECK(labels(a) == texts{"1 s", "10 s", "1 min", "10 min", "1 h", "6 h", "1 d", "10 d"});
    CHECK(a.low == 1);
    CHECK(a.high == Approx(1.2 * 4.6e6));
    CHECK(labels(log_time_axis(10, 100)) == texts{"10 s", "20 s", "30 s", "1 min", "2 min"});
    CHECK(labels(log_time_axis(60, 60)) == texts{"30 s", "1 min", "2 min"});
    const axis least = log_time_axis(1e-9, 1e-9);
    CHECK(least.low < least.high);
    CHECK(log_time_axis(1e-9, 1e7).low >= 1e-3);
}

TEST_CASE("any logarithmic axis holds its greatest value", "[report]") {
    std::mt19937_64 random{4};
    std::uniform_real_distribution<double> exponent{-9, 9.9};
    for (int trial = 0; trial < 5000; ++trial) {
        const double a = std::pow(10, exponent(random));
        const double b = std::pow(10, exponent(random));
        const axis x = log_time_axis(std::min(a, b), std::max(a, b));
        REQUIRE(x.low < x.high);
        REQUIRE(x.high >= std::max(a, b));
        REQUIRE(x.ticks.size() >= 2);
        REQUIRE(x.share(x.high) == 1);
        REQUIRE(x.share(x.low) == 0);
        for (const tick& t : x.ticks) REQUIRE((t.at >= x.low && t.at <= x.high));
    }
}

TEST_CASE("factors begin at one", "[report]") {
    CHECK(labels(factor_axis(1)) == texts{"1\u00D7", "1.2\u00D7", "1.4\u00D7", "1.6\u00D7", "1.8\u00D7", "2\u00D7"});
    CHECK(labels(factor_axis(6000)) == texts{"1\u00D7", "10\u00D7", "100\u00D7", "1,000\u00D7"});
    CHECK(labels(factor_axis(60)) == texts{"1\u00D7", "2\u00D7", "5\u00D7", "10\u00D7", "20\u00D7", "50\u00D7"});
    CHECK(factor_axis(60).share(1) == 0);
    CHECK(factor_axis(100).share(10) == Approx(0.5));
    CHECK_THROWS_AS(factor_axis(0.5), internal_error);
}
