// output.telemetry_columns and output.feeds_columns: which columns, in which order, and that nothing else changes.
#include "cli/program.hpp"

#include <cstddef>
#include <string>
#include <vector>

using namespace ampacity::test;

namespace {

const std::string powered = with(small_scenario, "{ pool_gpus: 4 }", "{ racks: { model: gb300-nvl72, count: 2 } }") +
                            "power: { racks_per_row: 1 }\noutput: { telemetry: \"2 s\", feeds: rack }\n";

std::vector<std::string> cells_of(const std::string& line) {
    std::vector<std::string> out{{}};
    for (const char c : line) {
        if (c == ',')
            out.emplace_back();
        else
            out.back() += c;
    }
    return out;
}

/// These columns of a table without quotes, by their numbers.
std::string cut(const std::string& table, const std::vector<std::size_t>& columns) {
    std::string out;
    for (const std::string& line : lines_of(table)) {
        const auto cells = cells_of(line);
        for (std::size_t i = 0; i != columns.size(); ++i) out += (i == 0 ? "" : ",") + cells.at(columns[i]);
        out += '\n';
    }
    return out;
}

std::string refused(const workspace& here, const std::string& setting) {
    const auto r = here.run_to(2, {"--set", setting});
    return r.err.substr(r.err.find("error: ") + 7);
}

}  // namespace

TEST_CASE("chosen columns are those of all, in the order that is asked for, and change no result") {
    const workspace here{powered};
    here.run_well({}, "all");
    const std::string telemetry = here.read("all/telemetry.csv"), feeds = here.read("all/feeds.csv");
    CHECK(lines_of(telemetry).size() > 3);
    CHECK(telemetry.starts_with(
        "time_s,queued_jobs,running_jobs,busy_gpus,free_gpus,finished_jobs,it_w,utility_w,it_kwh\n"));

    here.run_well({"--set",
                   "output.telemetry_columns=[ time_s, queued_jobs, running_jobs, busy_gpus, free_gpus, "
                   "finished_jobs, it_w, utility_w, it_kwh ]",
                   "--set",
                   "output.feeds_columns=[ time_s, feed, load_w, limit_w, gpu_limit_low, gpu_limit_high, charge ]"});
    CHECK(here.read("out/telemetry.csv") == telemetry);
    CHECK(here.read("out/feeds.csv") == feeds);

    here.run_well({"--set", "output.telemetry_columns=[ utility_w, time_s, queued_jobs ]", "--set",
                   "output.feeds_columns=[ feed, gpu_limit_high, load_w ]"});
    CHECK(here.read("out/telemetry.csv") == cut(telemetry, {7, 0, 1}));
    CHECK(here.read("out/feeds.csv") == cut(feeds, {1, 5, 2}));
    CHECK(here.read("out/summary.json") == here.read("all/summary.json"));
    CHECK(here.read("out/jobs.csv") == here.read("all/jobs.csv"));
    CHECK(contains(here.read("out/resolved.yaml"), "telemetry_columns: [utility_w, time_s, queued_jobs]"));
    here.run_well({"--set", "output.feeds_columns=[ limit_w ]"});
    CHECK(here.read("out/feeds.csv") == cut(feeds, {3}));

    // Without power there are no columns of it.
    const workspace pool{small_scenario + "output: { telemetry: \"2 s\" }\n"};
    pool.run_well();
    CHECK(pool.read("out/telemetry.csv")
              .starts_with("time_s,queued_jobs,running_jobs,busy_gpus,free_gpus,finished_jobs\n"));
    CHECK(contains(refused(pool, "output.telemetry_columns=[ time_s, it_w ]"),
                   "output.telemetry_columns.1: power is not modelled (it_w); give `energy` or `power`"));
    CHECK(contains(refused(pool, "output.telemetry_columns=[ cost_usd ]"), "power is not modelled (cost_usd)"));
    CHECK(contains(refused(here, "output.telemetry_columns=[ gpu_temperature_max_c ]"),
                   "temperatures are not modelled (gpu_temperature_max_c); write power.thermal: true"));
    // Chosen, and not to be known in this run.
    here.run_well({"--set", "output.telemetry_columns=[ time_s, carbon_kg, facility_w, it_kwh ]"});
    CHECK(lines_of(here.read("out/telemetry.csv")).at(1) == "0,,,0");
}

TEST_CASE("reports are made of what columns there are") {
    const workspace here{powered};
    for (const std::string columns : {"[ queued_jobs ]", "[ time_s, it_w ]", "[ time_s, it_w, utility_w ]",
                                      "[ time_s, queued_jobs, busy_gpus, free_gpus ]"}) {
        INFO(columns);
        here.run_well({"--set", "output.telemetry_columns=" + columns});
        CHECK(here.call({"report", "out"}).status == 0);
        CHECK(contains(here.read("out/report.html"), "at the utility [") == contains(columns, "utility_w"));
    }
}

TEST_CASE("columns that there are not, twice, or of no file are refused") {
    const workspace here{powered};
    CHECK(contains(refused(here, "output.telemetry_columns=[ time_s, queued_job ]"),
                   "output.telemetry_columns.1: unknown name (queued_job); did you mean `queued_jobs`?"));
    CHECK(contains(refused(here, "output.telemetry_columns=[ watts ]"),
                   "known: time_s, queued_jobs, running_jobs, busy_gpus, free_gpus, finished_jobs, it_w, utility_w"));
    CHECK(contains(refused(here, "output.feeds_columns=[ feed, load_w, feed ]"),
                   "output.feeds_columns.2: named twice (feed); name it once"));
    CHECK(contains(refused(here, "output.telemetry_columns=[]"), "output.telemetry_columns: an empty list"));
    const workspace none{small_scenario};
    CHECK(contains(refused(none, "output.telemetry_columns=[ time_s ]"),
                   "output.telemetry_columns: the file is not written; set output.telemetry to an interval"));
    CHECK(contains(refused(none, "output.feeds_columns=[ feed ]"),
                   "output.feeds_columns: the file is not written; set output.feeds"));
}
