#include "support/catch.hpp"

#include <ampacity/report/svg_chart.hpp>

#include <algorithm>
#include <string>
#include <vector>

using namespace ampacity;
using namespace ampacity::report;

namespace {

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::size_t count(const std::string& text, std::string_view part) {
    std::size_t n = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
    return n;
}

const box plot{0, 0, 100, 50};

}  // namespace

TEST_CASE("texts in a drawing are escaped", "[report]") {
    canvas c{100, 50, "a <b> & \"c\""};
    c.text(1, 2, anchor::start, "", "x < y & z");
    c.rectangle(plot, "light", "<script>");
    for (const std::string& drawing : {c.embedded(), c.standalone()}) {
        CHECK(holds(drawing, "a &lt;b&gt; &amp; &quot;c&quot;"));
        CHECK(holds(drawing, ">x &lt; y &amp; z</text>"));
        CHECK(holds(drawing, "<title>&lt;script&gt;</title>"));
        CHECK_FALSE(holds(drawing, "<script>"));
    }
}

TEST_CASE("a drawing of its own brings its style, an embedded one does not", "[report]") {
    const canvas c{100, 50, "t"};
    CHECK(c.standalone().starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
    CHECK(holds(c.standalone(), chart_style()));
    CHECK(holds(c.standalone(), "prefers-color-scheme:dark"));
    CHECK_FALSE(holds(c.embedded(), "<style>"));
}

TEST_CASE("a function of few steps is drawn step by step", "[report]") {
    envelope e{{start_of_time, start_of_time + duration{40}, start_of_time + duration{100}}};
    e.set(start_of_time + duration{40}, 5);
    e.close();
    canvas c{100, 50, "t"};
    draw_means(c, plot, e, time_axis(duration{100}, 5), count_axis(10, 5), "curve");
    CHECK(holds(c.embedded(), "<path class=\"curve\" d=\"M0 50H40V25H100\"/>"));
}

TEST_CASE("a million steps are a small drawing", "[report]") {
    constexpr std::int64_t steps = 1'000'000;
    envelope e{even_edges(duration{steps}, 800)};
    for (std::int64_t i = 0; i < steps; ++i) e.set(start_of_time + duration{i}, (i * 7919) % 1009);
    e.close();
    canvas c{900, 200, "t"};
    draw_envelope(c, {0, 0, 900, 200}, e, time_axis(duration{steps}, 9), count_axis(1100, 5), "c1");
    CHECK(c.embedded().size() < 50'000);
    CHECK(count(c.embedded(), "<path") == 3);
}

TEST_CASE("labels of an axis do not collide", "[report]") {
    axis x{.low = 0, .high = 10, .logarithmic = false, .unit = {}, .ticks = {}};
    for (int i = 0; i <= 10; ++i) x.ticks.push_back({static_cast<double>(i), "label " + std::to_string(i)});
    canvas narrow{100, 50, "t"};
    draw_axes(narrow, plot, x, {}, true);
    CHECK(count(narrow.embedded(), ">label") == 2);
    CHECK(count(narrow.embedded(), "class=\"grid\"") == 11);
    canvas wide{1000, 50, "t"};
    draw_axes(wide, {0, 0, 1000, 50}, x, {}, true);
    CHECK(count(wide.embedded(), ">label") == 11);
    canvas bare{1000, 50, "t"};
    draw_axes(bare, plot, x, {}, false);
    CHECK(count(bare.embedded(), ">label") == 0);
}

TEST_CASE("a cumulative curve is exact", "[report]") {
    const std::vector<std::int64_t> sorted{0, 0, 1'000'000'000, 20'000'000'000};
    CHECK(share_up_to(sorted, 0.5) == 0.5);
    CHECK(share_up_to(sorted, 1) == 0.75);
    CHECK(share_up_to(sorted, 19.999999999) == 0.75);
    CHECK(share_up_to(sorted, 20) == 1);
    CHECK(share_up_to(sorted, 1e300) == 1);
    const axis x{.low = 1, .high = 100, .logarithmic = true, .unit = {}, .ticks = {}};
    canvas c{100, 50, "t"};
    draw_cumulative(c, plot, sorted, x, "c1");
    // From nothing to 0.75 at 1 s, and to 1 at the first pixel behind log(20) / log(100) = 0.65.
    CHECK(holds(c.embedded(), "d=\"M0 50V12.5H66V0H100\""));
}

TEST_CASE("parts of a whole have its length", "[report]") {
    canvas c{200, 50, "t"};
    draw_parts(c, {0, 0, 200, 20}, std::vector<part>{{"used <b>", "c1", 3}, {"none", "c2", 0}, {"idle", "c6", 1}});
    const std::string drawing = c.embedded();
    CHECK(count(drawing, "<rect") == 2);
    CHECK(holds(drawing, "x=\"0\" y=\"0\" width=\"150\""));
    CHECK(holds(drawing, "x=\"150\" y=\"0\" width=\"50\""));
    CHECK(holds(drawing, "used &lt;b&gt; 75\u00A0%</text>"));
    CHECK_FALSE(holds(drawing, "idle 25\u00A0%</text>"));  // no room; the tooltip has it
    CHECK(holds(drawing, "idle 25\u00A0%</title>"));
}

TEST_CASE("bars are as long as their values", "[report]") {
    canvas c{300, 60, "t"};
    const std::vector<bar> rows{{.label = "1 GPU", .count = "7", .p50 = 10, .p90 = 100, .text = "p50 10"}};
    draw_bars(c, {100, 0, 100, bars_height(1)}, rows, factor_axis(100), "c1");
    CHECK(holds(c.embedded(), "class=\"light c1\" x=\"100\" y=\"5\" width=\"100\""));
    CHECK(holds(c.embedded(), "class=\"solid c1\" x=\"100\" y=\"9\" width=\"50\""));
    CHECK(holds(c.embedded(), ">1 GPU</text>"));
}
