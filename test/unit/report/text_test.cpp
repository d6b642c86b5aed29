#include "support/catch.hpp"

#include <ampacity/report/text.hpp>

#include <string>
#include <string_view>

using namespace ampacity::report;

namespace {

const std::string unknown = "\xEF\xBF\xBD";  // U+FFFD
const std::string nbsp = "\xC2\xA0";

}  // namespace

TEST_CASE("marks of HTML are escaped", "[report]") {
    CHECK(escape("a<b>&\"'c") == "a&lt;b&gt;&amp;&quot;&#39;c");
    CHECK(escape("<script>alert(1)</script>") == "&lt;script&gt;alert(1)&lt;/script&gt;");
    CHECK(escape("&amp;") == "&amp;amp;");
    CHECK(escape("") == "");
    CHECK(escape("plain, 1.5\n\tnext\r\n") == "plain, 1.5\n\tnext\r\n");
}

TEST_CASE("UTF-8 passes and anything else is replaced", "[report]") {
    for (const std::string_view good :
         {"\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF"})
        CHECK(escape(good) == good);
    CHECK(escape(std::string_view{"a\0b", 3}) == "a" + unknown + "b");
    CHECK(escape("\x1B[31m\x7F") == unknown + "[31m" + unknown);
    CHECK(escape("\xC3") == unknown);
    CHECK(escape("\xC3(") == unknown + "(");
    CHECK(escape("\xC0\xAF") == unknown + unknown);                // overlong
    CHECK(escape("\xED\xA0\x80") == unknown + unknown + unknown);  // surrogate
    CHECK(escape("\xF4\x90\x80\x80") == unknown + unknown + unknown + unknown);
    CHECK(escape("\xEF\xBF\xBE") == unknown + unknown + unknown);  // not a character of XML
    CHECK(escape("\xE2\x82<") == unknown + unknown + "&lt;");
}

TEST_CASE("long texts are cut between characters", "[report]") {
    CHECK(shortened("abc", 3) == "abc");
    CHECK(shortened("abcd", 3) == "abc\xE2\x80\xA6");
    CHECK(shortened("\xC3\xA9\xC3\xA9\xC3\xA9", 2) == "\xC3\xA9\xC3\xA9\xE2\x80\xA6");
    CHECK(shortened("\xFF\xFF\xFF", 2) == "\xFF\xFF\xE2\x80\xA6");
    CHECK(shortened("", 0) == "");
}

TEST_CASE("thousands are separated", "[report]") {
    CHECK(grouped(0) == "0");
    CHECK(grouped(999) == "999");
    CHECK(grouped(1000) == "1,000");
    CHECK(grouped(18446744073709551615U) == "18,446,744,073,709,551,615");
    CHECK(fixed(1234567.891, 2) == "1,234,567.89");
    CHECK(fixed(999.5, 0) == "1,000");
    CHECK(fixed(0.125, 2) == "0.12");
    CHECK(fixed(-1234.5, 1) == "-1,234.5");
}

TEST_CASE("significant digits say whether a number is exact", "[report]") {
    CHECK(significant(0, 3) == "0");
    CHECK(significant(2, 3) == "2");
    CHECK(significant(2.001, 3) == "2.00");
    CHECK(significant(1.5, 3) == "1.5");
    CHECK(significant(26.97, 3) == "27.0");
    CHECK(significant(1234.5, 3) == "1,234");
    CHECK(significant(0.012345, 3) == "0.0123");
    CHECK(significant(999.9, 3) == "1,000");
    CHECK(significant(1e-9, 3) == "1e-9");
    CHECK(significant(1.26e-9, 2) == "1.3e-9");
    CHECK(significant(1e21, 3) == "1,000,000,000,000,000,000,000");
}

TEST_CASE("times are shown in the unit that suits them", "[report]") {
    CHECK(human_seconds(0) == "0" + nbsp + "s");
    CHECK(human_seconds(1e-9) == "1" + nbsp + "ns");
    CHECK(human_seconds(0.0853) == "85.3" + nbsp + "ms");
    CHECK(human_seconds(105) == "105" + nbsp + "s");
    CHECK(human_seconds(60) == "1" + nbsp + "min");
    CHECK(human_seconds(3600) == "1" + nbsp + "h");
    CHECK(human_seconds(5400) == "90" + nbsp + "min");
    CHECK(human_seconds(86400) == "1" + nbsp + "d");
    CHECK(human_seconds(484430.73) == "5.61" + nbsp + "d");
    CHECK(human_seconds(6.3e9) == "72,917" + nbsp + "d");
    CHECK(human_bytes(0) == "0" + nbsp + "B");
    CHECK(human_bytes(17829888) == "17.0" + nbsp + "MiB");
    CHECK(human_bytes(std::uint64_t{3} << 40U) == "3,072" + nbsp + "GiB");
}

TEST_CASE("less than all is never 100 percent", "[report]") {
    CHECK(percent(0, 5) == "0" + nbsp + "%");
    CHECK(percent(5, 5) == "100" + nbsp + "%");
    CHECK(percent(1, 2) == "50" + nbsp + "%");
    CHECK(percent(1, 3) == "33.3" + nbsp + "%");
    CHECK(percent(62193, 62194) == ">" + nbsp + "99.9" + nbsp + "%");
    CHECK(percent(1, 62194) == "<" + nbsp + "0.1" + nbsp + "%");
}
