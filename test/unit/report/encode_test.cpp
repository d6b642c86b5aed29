#include "lib/report/encode.hpp"

#include "support/catch.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace ampacity::report;

namespace {

std::vector<std::uint8_t> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

}  // namespace

TEST_CASE("Base64 is that of RFC 4648", "[report]") {
    CHECK(base64(bytes_of("")) == "");
    CHECK(base64(bytes_of("f")) == "Zg==");
    CHECK(base64(bytes_of("fo")) == "Zm8=");
    CHECK(base64(bytes_of("foo")) == "Zm9v");
    CHECK(base64(bytes_of("foobar")) == "Zm9vYmFy");
    const std::vector<std::uint8_t> high{0xFF, 0xEF, 0xBE};
    CHECK(base64(high) == "/+++");
}

TEST_CASE("a hash becomes what a content security policy calls a script", "[report]") {
    // SHA-256 of the empty text.
    CHECK(csp_source("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855") ==
          "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='");
}

TEST_CASE("numbers of any size come back from groups of seven bits", "[report]") {
    std::mt19937_64 draw{7};
    std::vector<std::uint64_t> numbers{0, 1, 127, 128, 16383, 16384, std::numeric_limits<std::uint64_t>::max()};
    for (int i = 0; i != 1000; ++i) numbers.push_back(draw() >> (draw() % 64));
    std::vector<std::uint8_t> bytes;
    for (const std::uint64_t n : numbers) append_varint(bytes, n);
    std::size_t at = 0;
    for (const std::uint64_t n : numbers) {
        std::uint64_t value = 0;
        for (unsigned shift = 0;; shift += 7) {
            const std::uint8_t b = bytes.at(at++);
            value |= std::uint64_t{b & 0x7FU} << shift;
            if (b < 0x80) break;
        }
        CHECK(value == n);
    }
    CHECK(at == bytes.size());
}

TEST_CASE("texts are JSON that cannot end a script", "[report]") {
    for (const std::string text :
         {"plain", "</script>", "a\\b\"c'd", "<!-- &amp; -->", "line\nline\ttab\r", "\u00FC\u20AC"}) {
        CAPTURE(text);
        const std::string json = json_text(text);
        CHECK(nlohmann::json::parse(json).get<std::string>() == text);
        CHECK(json.find('<') == std::string::npos);
        CHECK(json.find('&') == std::string::npos);
    }
    CHECK(nlohmann::json::parse(json_text("a\xFF\x01z")).get<std::string>() == "a\uFFFD\uFFFDz");
}

TEST_CASE("numbers are JSON", "[report]") {
    CHECK(json_number(0.1234567, 3) == "0.123");
    CHECK(json_number(std::numeric_limits<double>::quiet_NaN()) == "null");
    CHECK(json_number(std::numeric_limits<double>::infinity()) == "null");
    const std::vector<double> values{1, 2.5, -3e300};
    CHECK(nlohmann::json::parse(json_numbers(values)) == nlohmann::json({1, 2.5, -3e300}));
}
