// Module report: the results of a run as a page and as pictures. Reads what the example of io wrote.
#include "example.hpp"

#include <ampacity/report/axis.hpp>
#include <ampacity/report/envelope.hpp>
#include <ampacity/report/load_history.hpp>
#include <ampacity/report/run_report.hpp>
#include <ampacity/report/svg_chart.hpp>
#include <ampacity/report/sweep_report.hpp>
#include <ampacity/report/text.hpp>
#include <ampacity/report/tornado_chart.hpp>

#include <array>
#include <filesystem>
#include <string>

using namespace ampacity;
using namespace std::chrono_literals;

void report_example() {
    const auto run = report::read_run(std::filesystem::current_path() / "io-example" / "out");
    require(run.summary.policy == "easy" && run.jobs->size() == 2, "the folder is read back");
    require(report::html(run).find("<svg") != std::string::npos, "a page with charts");
    require(report::overview_svg(run).starts_with("<svg"), "a picture");

    // A sweep: its store as a page. This one has no trial yet.
    const auto file = std::filesystem::current_path() / "report-example.db";
    std::filesystem::remove(file);
    const auto store = experiment::result_store::create(file, {.sweep = "loads",
                                                               .sweep_hash = "1",
                                                               .base = "base.yaml",
                                                               .base_hash = "2",
                                                               .seed = 7,
                                                               .replications = 20,
                                                               .version = "0.1.0",
                                                               .compiler = "gcc",
                                                               .host = "here"});
    require(report::html(store).find("No trial is done") != std::string::npos, "a page that says so");

    // A chart of one's own: a step function in at most four stretches.
    report::envelope busy(report::even_edges(1h, 4));
    busy.set(start_of_time + 20min, 8);
    busy.close();
    require(busy.greatest() == 8 && busy.integral() == int128{8} * ticks(40min), "nothing is lost between stretches");
    const auto x = report::time_axis(1h, 4);
    const auto y = report::count_axis(8, 4);
    require(y.share(4) == 0.5 && x.ticks.size() >= 2, "axes with ticks");
    report::canvas picture(320, 200, "GPUs busy");
    const report::box where{.x = 40, .y = 10, .width = 260, .height = 150};
    report::draw_axes(picture, where, x, y, true);
    report::draw_envelope(picture, where, busy, x, y, "c1");
    require(picture.standalone().find(report::chart_style()) != std::string::npos, "with its own style");

    // What matters most, as a chart: delays of up to a day against one of two hours.
    const experiment::tornado_end early{.variant = "delay-low", .difference = -0.5};
    const experiment::tornado_end late{.variant = "delay-high", .difference = 4};
    const experiment::tornado factors{.baseline = 10, .rows = {{.factor = "delay", .low = early, .high = late}}};
    const double height = report::tornado_height(factors);
    report::canvas chart(800, height, "Mean JCT [h]");
    report::draw_tornado(chart, {.width = 800, .height = height}, factors, "two hours");
    require(chart.standalone().find("two hours 10") != std::string::npos, "the baseline has its name and value");

    // A run of any length in a line: an observer that is told of each job.
    report::load_history load;
    load.on_submit({.at = start_of_time});
    load.on_start({.at = start_of_time + 30s, .gpus = 8});
    load.on_stop({.at = start_of_time + 60s, .gpus = 8}, sim::run_end::finished);
    const auto halves = load.parts(2, start_of_time + 60s);
    require(halves[0].queued > 0.99 && halves[0].busy_gpus < 0.1 && halves[1].busy_gpus > 7.9,
            "means over parts of a run, to within one of its 512 bins");
    require(report::sparkline(std::array{0.0, 4.0, 8.0}, 8).size() == 9, "one block character each");

    require(report::grouped(1234567) == "1,234,567" && report::human_seconds(105) == "105\u00A0s",
            "numbers for people");
    require(report::escape("<job>") == "&lt;job&gt;", "text from files is escaped");
}
