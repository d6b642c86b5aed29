#include "support/catch.hpp"

#include <ampacity/report/tornado_chart.hpp>

#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

using namespace ampacity;
using namespace ampacity::report;
using experiment::tornado;
using experiment::tornado_end;

namespace {

std::size_t count(const std::string& text, std::string_view part) {
    std::size_t n = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
    return n;
}

std::string drawn(const tornado& t) {
    canvas c{992, tornado_height(t), "t"};
    draw_tornado(c, {0, 0, 992, tornado_height(t)}, t, "base");
    return c.embedded();
}

/// The number of an attribute of the rectangle whose tooltip starts so.
double attribute(const std::string& svg, const std::string& tooltip, const std::string& name) {
    const auto title = svg.find("<title>" + tooltip);
    REQUIRE(title != std::string::npos);
    const auto begin = svg.rfind("<rect", title);
    const auto at = svg.find(' ' + name + "=\"", begin);
    REQUIRE(at < title);
    return std::strtod(svg.c_str() + at + name.size() + 3, nullptr);
}

tornado_end end(const std::string& name, double difference, double within = 1) {
    return {.variant = name,
            .difference = difference,
            .change = difference / 100,
            .within = experiment::interval{difference - within, difference + within},
            .significant = true};
}

}  // namespace

TEST_CASE("bars of a tornado chart start at the baseline and are as long as their differences", "[report]") {
    const std::string svg = drawn({.baseline = 100,
                                   .rows = {{.factor = "a", .low = end("a-low", -20), .high = end("a-high", 10)},
                                            {.factor = "b", .high = end("b-high", 5)}}});
    const double left = attribute(svg, "a-low:", "x"), long_bar = attribute(svg, "a-low:", "width");
    const double zero = attribute(svg, "a-high:", "x");
    CHECK(left + long_bar == Approx(zero).margin(0.11));
    CHECK(attribute(svg, "a-high:", "width") == Approx(long_bar / 2).margin(0.11));
    CHECK(attribute(svg, "b-high:", "x") == zero);
    CHECK(attribute(svg, "b-high:", "width") == Approx(long_bar / 4).margin(0.11));
    CHECK(attribute(svg, "a-low:", "y") == attribute(svg, "a-high:", "y"));
    CHECK(attribute(svg, "b-high:", "y") > attribute(svg, "a-low:", "y") + attribute(svg, "a-low:", "height"));
    CHECK(count(svg, ">80 (\u221220\u00A0%)</text>") == 1);
    CHECK(count(svg, ">110 (+10\u00A0%)</text>") == 1);
    CHECK(count(svg, ">base 100</text>") == 1);
    CHECK(count(svg, "class=\"limit\"") == 1);
    CHECK(count(svg, "class=\"light c1\"") == 2);  // bar and legend
    CHECK(count(svg, "class=\"light c2\"") == 3);
    CHECK(count(svg, "class=\"solid c1\"") == 3);  // a whisker and its caps
    CHECK(count(svg, "other") == 0);
}

TEST_CASE("bars of a tornado chart on the same side do not cover each other", "[report]") {
    const std::string svg =
        drawn({.baseline = 100, .rows = {{.factor = "a", .low = end("a-low", 20), .high = end("a-high", 10)}}});
    CHECK(attribute(svg, "a-low:", "y") + attribute(svg, "a-low:", "height") < attribute(svg, "a-high:", "y"));
}

TEST_CASE("whiskers of a tornado chart that leave the axis have no cap, and bars stay long", "[report]") {
    tornado t{.baseline = 100, .rows = {{.factor = "a", .low = end("a-low", -20, 1e6), .single = {}}}};
    const std::string wide = drawn(t);
    CHECK(count(wide, "class=\"solid c1\"") == 1);
    CHECK(attribute(wide, "a-low:", "width") > 80);
    t.rows[0].low->within = experiment::interval{-std::numeric_limits<double>::infinity(), -19};
    const std::string open = drawn(t);
    CHECK(count(open, "class=\"solid c1\"") == 2);
    CHECK(count(open, "interval \u2212\u221E \u2026 \u221219") == 1);
    t.rows[0].low->within.reset();
    CHECK(count(drawn(t), "class=\"solid c1\"") == 0);
}

TEST_CASE("a tornado chart where nothing differs is drawn", "[report]") {
    const std::string svg = drawn({.baseline = 0, .rows = {{.factor = "a", .low = tornado_end{.variant = "a-low"}}}});
    CHECK(count(svg, ">0 (0)</text>") == 1);
    CHECK(count(svg, "nan") == 0);
}

TEST_CASE("names in a tornado chart are escaped and cut", "[report]") {
    const std::string bad = "<script>\"&'";
    const std::string svg = drawn({.baseline = 100,
                                   .rows = {{.factor = bad, .low = end(bad + "-low", -1)},
                                            {.factor = std::string(100, 'x'), .single = end("y", 1)}}});
    CHECK(count(svg, "<script>") == 0);
    CHECK(count(svg, ">&lt;script&gt;&quot;&amp;&#39;</text>") == 1);
    CHECK(count(svg, "<title>&lt;script&gt;&quot;&amp;&#39;-low: ") == 1);
    CHECK(count(svg, std::string(27, 'x')) == 0);
    CHECK(count(svg, ">other</text>") == 1);
}

TEST_CASE("a picture of tornado charts holds those metrics and groups that have one", "[report]") {
    using namespace experiment;
    const compared_variant base{.name = "base", .key = "base", .mean = {2, 10, 1}, .is_baseline = true};
    const compared_variant low{.name = "a-low", .key = "a-low", .mean = {2, 9, 1}};
    const compared_variant other{.name = "fifo", .key = "fifo", .mean = {2, 9, 1}};
    comparison all{.by = "case", .baseline = "base"};
    all.metrics.push_back({.name = "wait_s.mean", .groups = {{"rate=1", {base, low}}, {"rate=2", {base, other}}}});
    all.metrics.push_back({.name = "utilisation", .groups = {{"", {base, low}}}});
    const std::string svg = tornado_svg(all);
    CHECK(svg.starts_with("<svg xmlns="));
    CHECK(count(svg, ">wait_s.mean [s], rate=1</text>") == 1);
    CHECK(count(svg, "rate=2") == 0);
    CHECK(count(svg, ">utilisation</text>") == 1);
    CHECK(svg == tornado_svg(all));
}
