#include "support/byte_offset.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/report/run_report.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

using namespace ampacity;
using namespace ampacity::report;

namespace {

constexpr std::string_view jobs_header =
    "job_id,submit_s,start_s,finish_s,gpus,state,preemptions,restarts,useful_gpu_s,lost_gpu_s\n";

/// Two jobs on 8 GPUs for 200 s: 4 GPUs from 0 to 100 s, 8 from 100 to 200 s; the second waits for 90 s.
constexpr std::string_view two_jobs =
    "a,0,0,100,4,finished,0,0,400,0\n"
    "b,10,100,200,8,finished,0,0,800,0\n";

struct run_text {
    std::string counts =
        R"("submitted": 2, "finished": 2, "rejected": 0, "killed": 0, "unfinished": 0, "preemptions": 0)";
    std::string name = "two jobs";
    std::string more = "";
    std::string metrics = R"("jct_s": {"mean": 145, "p50": 100, "p90": 190, "p99": 190, "max": 190},
  "wait_s": {"mean": 45, "p50": 0, "p90": 90, "p99": 90, "max": 90},
  "bounded_slowdown": {"mean": 1.45, "p50": 1, "p90": 1.9, "p99": 1.9, "max": 1.9},
  "makespan_s": 200, "utilisation": 0.75,)";
    std::string hours = R"("capacity": 0.4444444444444444, "useful": 0.3333333333333333, "idle": 0.1111111111111111)";
    std::string simulated = "200";

    [[nodiscard]] std::string summary() const {
        return "{\"schema\": 1,\n \"scenario\": \"" + name + "\", \"seed\": 7, \"policy\": \"fifo\",\n" + more +
               "  \"simulated_s\": " + simulated + ",\n  \"jobs\": {" + counts + "},\n  " + metrics +
               "\n  \"gpu_hours\": {" + hours + "}}\n";
    }
};

/// A folder with the files of a run.
class run_folder {
public:
    explicit run_folder(const run_text& text = {}) { write("summary.json", text.summary()); }
    run_folder& write(std::string_view name, std::string_view content) {
        test::write_file(directory_.path() / name, content);
        return *this;
    }
    run_folder& jobs(std::string_view rows) { return write("jobs.csv", std::string{jobs_header} += rows); }
    [[nodiscard]] run_files read() const { return read_run(directory_.path()); }
    [[nodiscard]] std::string page() const { return html(read()); }
    /// What is wrong with it, without the folder and the byte, which is checked.
    [[nodiscard]] std::string fault() const {
        try {
            static_cast<void>(page());
        } catch (const data_error& e) {
            const std::string message = std::string{e.what()}.substr(directory_.path().string().size() + 1);
            const auto file = directory_.path() / message.substr(0, message.find(':'));
            return test::without_byte(message, std::filesystem::exists(file) ? test::read_file(file) : "");
        }
        return {};
    }

private:
    test::temporary_directory directory_;
};

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// The first tag that does not fit; empty where all do.
std::string unbalanced(const std::string& page) {
    std::vector<std::string> open;
    for (std::size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at + 1)) {
        const std::size_t end = page.find('>', at);
        if (end == std::string::npos) return page.substr(at, 40);
        const std::string tag = page.substr(at + 1, end - at - 1);
        const std::string name = tag.substr(0, tag.find(' '));
        if (tag.ends_with('/') || name == "meta" || name == "!DOCTYPE") continue;
        if (name == "script") {
            at = page.find("</script>", at);
            if (at == std::string::npos) return "script";
        } else if (!name.starts_with('/')) {
            open.push_back(name);
        } else if (open.empty() || open.back() != name.substr(1)) {
            return page.substr(at, 40);
        } else {
            open.pop_back();
        }
    }
    return open.empty() ? "" : open.back();
}

}  // namespace

TEST_CASE("a report shows the run", "[report]") {
    const std::string page = run_folder{}.jobs(two_jobs).page();
    CHECK(holds(page, "<h1>two jobs</h1>"));
    CHECK(holds(page, "policy <b>fifo</b> &middot; seed <b>7</b> &middot; <b>8</b> GPUs &middot; <b>2</b> jobs"));
    CHECK(holds(page, "145\u00A0s"));
    CHECK(holds(page, "mean 6, peak 8"));     // GPUs: (4 x 100 + 8 x 100) / 200
    CHECK(holds(page, "mean 0.45, peak 1"));  // jobs waiting: 90 / 200
    CHECK(holds(page, "capacity 8"));
    CHECK(holds(page, "Computed exactly"));
    CHECK(holds(page, "wait (50\u00A0% did not wait)"));
    CHECK(holds(page, "<bdi>b</bdi>"));
    CHECK(unbalanced(page).empty());
    CHECK_FALSE(holds(page, "Censored."));
    CHECK_FALSE(holds(page, "Interrupted."));
}

TEST_CASE("a report needs nothing from outside", "[report]") {
    const std::string page = run_folder{}.jobs(two_jobs).page();
    for (const std::string_view part :
         {"https:", "<script src", "<link", "<img", "@import", "url(", "fetch(", "import("}) {
        CAPTURE(part);
        CHECK_FALSE(holds(page, part));
    }
    CHECK(holds(page, "content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-"));
    CHECK(holds(page, "prefers-color-scheme:dark"));
    CHECK(holds(page, "@media print"));
}

TEST_CASE("skipped records are shown by reason", "[report]") {
    CHECK_FALSE(holds(run_folder{}.jobs(two_jobs).page(), "Skipped"));
    run_text text;
    text.counts += R"(, "skipped": {"no_gpus": 1018, "<b>": 3})";
    const std::string page = run_folder{text}.jobs(two_jobs).page();
    CHECK(holds(page, "1,021 records of the traces were no jobs and are nowhere here: 1,018 no_gpus, 3 &lt;b&gt;."));
    CHECK(unbalanced(page).empty());
    text.counts = run_text{}.counts + R"(, "skipped": {"no_gpus": 1})";
    CHECK(holds(run_folder{text}.page(), "1 record of the traces was no job and is nowhere here: 1 no_gpus."));
    text.counts = run_text{}.counts + R"(, "skipped": {"no_gpus": -1})";
    CHECK(run_folder{text}.fault().find("jobs.skipped.no_gpus") != std::string::npos);
}

TEST_CASE("equal files give equal reports", "[report]") {
    run_folder folder;
    folder.jobs(two_jobs);
    CHECK(folder.page() == folder.page());
    CHECK(overview_svg(folder.read()) == overview_svg(folder.read()));
    run_folder copy;
    CHECK(copy.jobs(two_jobs).page() == folder.page());
}

TEST_CASE("whatever comes from files is escaped", "[report]") {
    run_text text{.name = "<b>&'x'", .more = R"("extra <i>": {"a&b": "</td>"},)"};
    run_folder folder{text};
    folder.jobs(
        "\"<script>alert(\"\"1\"\")</script>\",0,0,100,4,finished,0,0,400,0\n"
        "\"\xFF\x01&amp;\",10,100,200,8,finished,0,0,800,0\n");
    folder.write("resolved.yaml", "name: </pre><script>\n");
    folder.write("run.json", R"({"version": "<u>", "inputs": {"a<b>.csv": "</code>"}})");
    const std::string page = folder.page();
    CHECK(unbalanced(page).empty());
    CHECK_FALSE(holds(page, "<script>alert"));
    CHECK(holds(page, "<h1>&lt;b&gt;&amp;&#39;x&#39;</h1>"));
    CHECK(holds(page, "<title>&lt;b&gt;"));
    CHECK(holds(page, "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;"));
    CHECK(holds(page, "<bdi>\xEF\xBF\xBD\xEF\xBF\xBD&amp;amp;</bdi>"));
    CHECK(holds(page, "name: &lt;/pre&gt;&lt;script&gt;"));
    CHECK(holds(page, "a&lt;b&gt;.csv"));
    CHECK(holds(page, "extra &lt;i&gt;.a&amp;b"));
    CHECK(unbalanced(overview_svg(folder.read())).empty());
}

TEST_CASE("an interrupted run says so first", "[report]") {
    run_text text{.more = "\"interrupted\": true,\n"};
    run_folder folder{text};
    const std::string page = folder.jobs(two_jobs).page();
    const std::size_t band = page.find("<strong>Interrupted.</strong> The run was stopped after 3.33\u00A0min");
    REQUIRE(band != std::string::npos);
    CHECK(band < page.find("class=\"cards\""));
    CHECK(holds(overview_svg(folder.read()), "interrupted; figures are of the part that ran"));
}

TEST_CASE("jobs that are in no mean are counted beside it", "[report]") {
    run_text text{
        .counts = R"("submitted": 6, "finished": 2, "rejected": 1, "killed": 1, "unfinished": 2, "preemptions": 0)",
        .hours = R"("capacity": 0.4444444444444444, "useful": 0.3611111111111111, "idle": 0.08333333333333333)"};
    run_folder folder{text};
    folder.jobs(std::string{two_jobs} + "c,5,,,9,rejected,0,0,0,0\n" + "d,20,30,80,2,killed,0,0,0,100\n" +
                "e,30,,,1,unfinished,0,0,0,0\n" + "f,200,200,,1,unfinished,0,0,0,0\n");
    const std::string page = folder.page();
    CHECK(holds(page,
                "<strong>Censored.</strong> Means and percentiles are over the 2 finished of 6 jobs (33.3\u00A0%). "
                "Left out: 2 unfinished, 1 rejected, 1 killed. Of the unfinished jobs 1 had started and 1 had "
                "not, the longest wait so far being 2.83\u00A0min.</div>"));
    CHECK(holds(page, "of 33.3\u00A0% of jobs</span>"));
    CHECK(holds(page, "2 jobs unfinished, 1 rejected, 1 killed: they are in none of these numbers."));
    CHECK(holds(page, "mean 6.5, peak 8"));   // the killed job held 2 GPUs for 50 s
    CHECK(holds(page, "mean 1.35, peak 2"));  // 90 s, 10 s and, to the end, 170 s of waiting
    CHECK(holds(overview_svg(folder.read()), "figures are of the 2 finished of 6 jobs"));
}

TEST_CASE("a run without a finished job has no means", "[report]") {
    run_text text{
        .counts = R"("submitted": 1, "finished": 0, "rejected": 0, "killed": 0, "unfinished": 1, "preemptions": 0)",
        .metrics = "",
        .hours = R"("capacity": 0.4444444444444444, "useful": 0.0555555555555556, "idle": 0.38888888888888884)"};
    const std::string page = run_folder{text}.jobs("a,0,0,,1,unfinished,0,0,200,0\n").page();
    CHECK(holds(page,
                "No job finished, so there are no means. Left out: 1 unfinished. All unfinished jobs had started."));
    CHECK(holds(page, "<b>\u2013</b><span>no job finished</span>"));
    CHECK(unbalanced(page).empty());
}

TEST_CASE("an empty run is a report too", "[report]") {
    run_text text{
        .counts = R"("submitted": 0, "finished": 0, "rejected": 0, "killed": 0, "unfinished": 0, "preemptions": 0)",
        .metrics = "",
        .hours = R"("capacity": 0, "useful": 0, "idle": 0)",
        .simulated = "0"};
    run_folder folder{text};
    const std::string page = folder.jobs("").page();
    CHECK(holds(page, "No job was submitted"));
    CHECK(holds(page, "No simulated time passed"));
    CHECK(unbalanced(page).empty());
    CHECK(holds(overview_svg(folder.read()), "No simulated time passed"));
}

TEST_CASE("one job of no duration is a report too", "[report]") {
    run_text text{
        .counts = R"("submitted": 1, "finished": 1, "rejected": 0, "killed": 0, "unfinished": 0, "preemptions": 0)",
        .metrics = "",
        .hours = R"("capacity": 0, "useful": 0, "idle": 0)",
        .simulated = "0"};
    const std::string page = run_folder{text}.jobs("a,0,0,0,1,finished,0,0,0,0\n").page();
    CHECK(holds(page, "The finished job"));
    CHECK(holds(page, "wait (100\u00A0% did not wait)"));
    CHECK(unbalanced(page).empty());
}

TEST_CASE("preempted jobs need telemetry for charts over time", "[report]") {
    const std::string preempted = "a,0,0,200,4,finished,1,0,400,0\nb,10,10,200,8,finished,0,0,800,0\n";
    run_folder folder;
    folder.jobs(preempted);
    CHECK(holds(folder.page(), "jobs were preempted or restarted, and jobs.csv has only their first start"));
    CHECK(holds(folder.page(), "Set output.telemetry"));
    CHECK(holds(overview_svg(folder.read()), "Set output.telemetry"));

    folder.write("telemetry.csv",
                 "time_s,queued_jobs,running_jobs,busy_gpus,free_gpus,finished_jobs\n0,0,1,4,4,0\n100,3,1,6,0,0\n");
    const std::string page = folder.page();
    CHECK(holds(page, "From the samples of telemetry.csv, one every 100\u00A0s;"));
    CHECK(holds(page, "mean 5, peak 6"));
    CHECK(holds(page, "mean 1.5, peak 3"));
    CHECK(holds(page, "capacity, at most 8"));

    // Columns that were not chosen.
    folder.write("telemetry.csv", "time_s,queued_jobs,busy_gpus\n0,0,1\n100,3,1\n");
    CHECK(holds(folder.page(), "need the columns queued_jobs, busy_gpus and free_gpus of telemetry.csv"));
    CHECK(holds(folder.page(), "Leave out output.telemetry_columns"));
    folder.write("telemetry.csv", "queued_jobs,busy_gpus,free_gpus\n0,0,1\n3,1,1\n");
    CHECK(holds(folder.page(), "Set output.telemetry to"));
}

TEST_CASE("carbon, cost and temperatures are drawn where there are samples of them", "[report]") {
    run_folder folder;
    folder.jobs(two_jobs);
    folder.write("telemetry.csv", "time_s,carbon_g_per_kwh,carbon_kg\n0,300,0\n100,,5\n200,-20,25000\n");
    const std::string page = folder.page();
    CHECK(holds(page, "Carbon and cost over time"));
    CHECK(holds(page, "carbon of the grid [g/kWh]"));
    CHECK(holds(page, "carbon so far [t]"));
    CHECK(!holds(page, "price of energy"));
    CHECK(!holds(page, "Temperatures of GPUs"));
    CHECK(unbalanced(page).empty());
    folder.write("telemetry.csv", "time_s,gpu_temperature_max_c,price_usd_per_mwh,cost_usd\n0,40,-3,0\n100,41.5,5,1\n");
    const std::string other = folder.page();
    CHECK(holds(other, "price of energy [USD/MWh]"));
    CHECK(holds(other, "cost so far [USD]"));
    CHECK(holds(other, "hottest [\u00B0C]"));
    CHECK(!holds(other, "carbon of the grid"));
    // One sample is no course.
    folder.write("telemetry.csv", "time_s,cost_usd\n0,0\n");
    CHECK(!holds(folder.page(), "Carbon and cost over time"));
    folder.write("telemetry.csv", "time_s,cost_usd\n0,x\n");
    CHECK(folder.fault().starts_with("telemetry.csv:2:3: error: cost_usd: not a number (x)"));
}

TEST_CASE("jobs that do not account for the GPU-time are not drawn as exact", "[report]") {
    run_text text{.hours = R"("capacity": 0.4444444444444444, "useful": 0.4, "idle": 0.0444444444444444)"};
    run_folder folder{text};
    CHECK(holds(folder.jobs(two_jobs).page(), "do not account for all GPU-time"));
    folder.write("telemetry.csv", "time_s,queued_jobs,running_jobs,busy_gpus,free_gpus,finished_jobs\n0,0,1,4,4,0\n");
    CHECK(holds(folder.page(), "From the samples of telemetry.csv;"));
}

TEST_CASE("without jobs.csv there is a report of the summary", "[report]") {
    const std::string page = run_folder{}.page();
    CHECK(holds(page, "the folder has no jobs.csv either"));
    CHECK(holds(page, "Not in the folder: jobs.csv resolved.yaml run.json."));
    CHECK(holds(page, "Where the GPU-hours went"));
    CHECK(unbalanced(page).empty());
}

TEST_CASE("the slowest jobs come first, in file order where equal", "[report]") {
    run_text text{
        .counts = R"("submitted": 50, "finished": 50, "rejected": 0, "killed": 0, "unfinished": 0, "preemptions": 0)",
        .hours = R"("capacity": 1)"};
    std::string rows;
    for (int i = 0; i < 50; ++i) {
        const std::string jct = std::to_string(i % 25 + 1);
        rows += "j" + std::to_string(i) + ",0,0," + jct + ",1,finished,0,0," + jct + ",0\n";
    }
    const run_files run = run_folder{text}.jobs(rows).read();
    REQUIRE(run.slowest.size() == 20);
    for (std::size_t i = 0; i < 20; ++i) {
        CHECK(run.slowest[i].id == "j" + std::to_string((i % 2 == 0 ? 24 : 49) - i / 2));
    }
}

TEST_CASE("percentiles by size are those of the semantics", "[report]") {
    run_text text{
        .counts = R"("submitted": 10, "finished": 10, "rejected": 0, "killed": 0, "unfinished": 0, "preemptions": 0)",
        .hours = R"("capacity": 1)"};
    std::string rows;
    for (int i = 1; i <= 10; ++i) {  // run time 10 s, so the bounded slowdown is i
        const std::string start = std::to_string(10 * (i - 1));
        rows += "j" + std::to_string(i) + ",0," + start + "," + std::to_string(10 * i) + ",3,finished,0,0,30,0\n";
    }
    const std::string page = run_folder{text}.jobs(rows).page();
    CHECK(holds(page, "p50 5.00, p90 9.00"));  // the 5th and the 9th of 10
    CHECK(holds(page, "<td>3\u20134 GPUs</td>"));
}

TEST_CASE("a folder that is none is bad usage", "[report]") {
    const test::temporary_directory directory;
    const auto file = directory.path() / "file";
    test::write_file(file, "x");
    CHECK_THROWS_AS(read_run(directory.path() / "missing"), scenario_error);
    CHECK_THROWS_WITH(
        read_run(file),
        file.string() +
            ": error: is not a folder; give the output folder of `ampacity run`, or the file that `ampacity sweep` "
            "wrote");
    CHECK_THROWS_AS(read_run(directory.path()), data_error);
    CHECK_THROWS_WITH(read_run(directory.path()),
                      (directory.path() / "summary.json").string() +
                          ": error: there is no such file; give the output folder of `ampacity run`; a run writes it "
                          "at its end");
}

TEST_CASE("faults of summary.json are named with their place", "[report]") {
    const auto fault = [](std::string_view text) { return run_folder{}.write("summary.json", text).fault(); };
    const std::string remedy = "; run the simulation again, or give the file as `ampacity run` wrote it";
    CHECK(fault("{\"schema\": 1,\n \"scenario\":") == "summary.json:2:13: error: ends too early" + remedy);
    CHECK(fault("") == "summary.json:1:1: error: ends too early" + remedy);
    CHECK(fault("{\n  x}") == "summary.json:2:3: error: is not JSON (x})" + remedy);
    CHECK(fault("[1]") == "summary.json:1:1: error: is not a JSON object" + remedy);
    CHECK(fault("{\"schema\": 1}") == "summary.json:1:1: error: scenario: key missing" + remedy);
    CHECK(fault("{\"schema\": 1e999}").starts_with("summary.json:1:1: error: is not JSON that can be read"));
    CHECK(fault("{ \"schema\": 2 }") ==
          "summary.json:1:13: error: schema: is of another version of Ampacity (2); use that version for the report, "
          "or run the simulation again");
    CHECK(fault(std::string(200, '[') + std::string(200, ']')) ==
          "summary.json:1:1: error: is nested too deeply" + remedy);
    run_text text;
    text.counts = R"("submitted": 2, "fin": {"is\"hed": [1, "}"]}, "finished": -2)";
    CHECK(fault(text.summary()) == "summary.json:4:70: error: jobs.finished: not a count (-2)" + remedy);
    text.counts = R"("submitted": 2)";
    CHECK(fault(text.summary()) == "summary.json:4:11: error: jobs.finished: key missing" + remedy);
    text = {.simulated = "1e10"};
    CHECK(fault(text.summary()) ==
          "summary.json:3:18: error: simulated_s: not a time (10,000,000,000); give seconds from 0 to 290 years");
}

TEST_CASE("faults of jobs.csv are named with their place", "[report]") {
    const auto fault = [](std::string_view rows) { return run_folder{}.jobs(rows).fault(); };
    CHECK(fault("a,x,0,1,1,finished,0,0,1,0\n") ==
          "jobs.csv:2:3: error: submit_s: not a time (x); give seconds from 0 to 290 years");
    CHECK(fault("a,-1,0,1,1,finished,0,0,1,0\n").starts_with("jobs.csv:2:3: error: submit_s: not a time (-1)"));
    CHECK(fault("a,0,0,1,1,done,0,0,1,0\n") ==
          "jobs.csv:2:11: error: state: unknown state (done); known: finished, rejected, killed, unfinished");
    CHECK(fault("a,0,,1,1,finished,0,0,1,0\n") ==
          "jobs.csv:2:5: error: start_s: value missing; a finished job has a start");
    CHECK(fault("a,0,0,,1,finished,0,0,1,0\n") ==
          "jobs.csv:2:7: error: finish_s: value missing; a finished job has an end");
    CHECK(fault("a,5,4,9,1,finished,0,0,1,0\n") ==
          "jobs.csv:2:5: error: start_s: before submit_s (4); correct the times");
    CHECK(fault("a,5,6,5,1,finished,0,0,1,0\n") ==
          "jobs.csv:2:7: error: finish_s: before the job began (5); correct the times");
    CHECK(fault("a,0,0,1,1.5,finished,0,0,1,0\n") ==
          "jobs.csv:2:9: error: gpus: not a count (1.5); give a whole number from 0 to 1e15");
    CHECK(fault("a,0,0,1,2147483649,finished,0,0,1,0\n").starts_with("jobs.csv:2:9: error: gpus: too large"));
    CHECK(fault("a,0,0,1,1,finished,0,0,nan,0\n") ==
          "jobs.csv:2:24: error: useful_gpu_s: not a number (nan); give a decimal number from 0 up");
    CHECK(fault("a,0,0,1\n").starts_with("jobs.csv:2:8: error: too few fields"));
    CHECK(run_folder{}.write("jobs.csv", "job_id,submit_s\n").fault() ==
          "jobs.csv:1:16: error: start_s: column missing from the header; give the file as `ampacity run` wrote it");
    CHECK(fault("a,0,0,1,1,finished,0,0,1,0\n") ==
          "jobs.csv: error: is not of the run that summary.json describes (1 jobs, 1 finished, where 2 and 2 are "
          "expected); give the folder of one run, as `ampacity run` left it");
}

TEST_CASE("faults of telemetry.csv are named with their place", "[report]") {
    run_folder folder;
    folder.write("telemetry.csv", "time_s,queued_jobs,busy_gpus,free_gpus\n5,0,0,8\n4,0,0,8\n");
    CHECK(folder.fault() == "telemetry.csv:3:1: error: time_s: earlier than the row before (4); sort the rows");
    folder.write("telemetry.csv", "it_w,time_s,utility_w\n-1,0,2\n");
    CHECK(folder.fault().starts_with("telemetry.csv:2:1: error: it_w: not a number (-1)"));
}

namespace {

constexpr std::string_view four_nodes =
    "ampacity: 1\nname: two jobs\nseed: 7\nfleet: { nodes: { gpus: 4, count: 2 } }\nworkload:\n"
    "  - trace: { path: x.csv }\nscheduler: { policy: fifo }\n";

constexpr std::string_view requests_header =
    "request,arrival_s,ttft_s,finish_s,prompt_tokens,output_tokens,preemptions,replica,state\n";

run_text with_service(const std::string& name) {
    run_text text;
    text.more = std::string{"\"services\": {\""} + name +
                "\": {\"requests\": 3, \"finished\": 2, \"rejected\": 1, \"ttft_s\": {\"mean\": 0.25}, "
                "\"slo_attainment\": 0.5}},\n";
    return text;
}

}  // namespace

TEST_CASE("a report shows where jobs ran", "[report]") {
    run_folder folder;
    folder.jobs(two_jobs).write("resolved.yaml", four_nodes);
    CHECK(holds(folder.page(), "Jobs take the lowest free numbers"));
    folder.write("placement.csv", "job_id,attempt,start_s,nodes\na,1,0,1:4\nb,1,100,0:4;1:4\n");
    const run_files run = folder.read();
    CHECK(run.fleet.node_gpus == std::vector<std::uint32_t>{4, 4});
    REQUIRE(run.placement->parts.size() == 3);
    CHECK(run.placement->ends == std::vector<std::size_t>{1, 3});
    const std::string page = html(run);
    CHECK(holds(page, "Nodes as in placement.csv"));
    CHECK(holds(page, "<td>node 0</td><td class=\"n\">4</td><td class=\"n\">50\u00A0%</td>"));
    CHECK(holds(page, "<td>node 1</td><td class=\"n\">4</td><td class=\"n\">100\u00A0%</td>"));
    CHECK(unbalanced(page).empty());
}

TEST_CASE("a report says what is wrong with a placement", "[report]") {
    run_folder folder;
    folder.jobs(two_jobs);
    const std::string header = "job_id,attempt,start_s,nodes\n";
    folder.write("placement.csv", header + "z,1,0,0:4\n");
    CHECK(folder.fault().starts_with("placement.csv:2:1: error: job_id: no such job in jobs.csv"));
    folder.write("placement.csv", header + "a,1,0,0:4;1\n");
    CHECK(holds(folder.fault(), "placement.csv:2:7: error: nodes: not a list of nodes"));
    folder.write("placement.csv", header + "b,1,100,0:4\na,1,0,1:4\n");
    CHECK(holds(folder.fault(), "placement.csv:3:5: error: start_s: earlier than the row before"));
    folder.write("placement.csv", "job_id,attempt\n");
    CHECK(holds(folder.fault(), "start_s: column missing from the header"));
}

TEST_CASE("a report shows the requests of a service", "[report]") {
    run_folder folder{with_service("chat")};
    folder.jobs(two_jobs);
    CHECK(holds(folder.page(), "need the file of requests: set output.requests to true"));
    const std::string rows = std::string{requests_header} +
                             "0,1,0.2,3,10,11,0,0,finished\n1,2,0.3,6,10,1,0,0,finished\n2,3,,,10,5,0,0,rejected\n";
    folder.write("requests.csv", rows);
    const run_files run = folder.read();
    REQUIRE(run.requests.size() == 1);
    CHECK(run.requests[0].ttft == std::vector<std::int64_t>{200'000'000, 300'000'000, -1});
    const std::string page = html(run);
    CHECK(holds(page, "<h2>Service chat</h2>"));
    CHECK(holds(page, "of 3\n1 rejected"));
    CHECK(holds(page, "Cumulative distributions of TTFT, TPOT and end-to-end time"));
    CHECK(unbalanced(page).empty());
    folder.write("requests.csv", rows.substr(0, rows.size() - 12));
    CHECK(holds(folder.fault(), "requests.csv:4:"));
    folder.write("requests.csv", std::string{requests_header} + "0,1,0.2,,10,11,0,0,finished\n");
    CHECK(holds(folder.fault(), "a finished request without times"));
    folder.write("requests.csv", std::string{requests_header});
    CHECK(holds(folder.page(), "No request finished, so there are no latencies to draw."));
}

TEST_CASE("a report draws what services.csv has over time", "[report]") {
    run_folder folder{with_service("chat")};
    folder.jobs(two_jobs);
    const std::string header =
        "time_s,service,arrived,finished,shed,waiting,running,kv_occupancy,prefill_tokens_per_s,output_tokens_per_s,"
        "ttft_p50_s,ttft_p99_s,slo_attainment\n";
    const std::string first = "0,chat,0,0,0,0,0,0,0,0,,,\n0,other,0,0,0,0,0,0,0,0,,,\n";
    folder.write("services.csv", header + first +
                                     "10,chat,30,20,5,2,3,0.25,100,200,0.1,0.4,0.8\n10,other,1,1,0,0,0,0,1,2,,,\n"
                                     "20,chat,10,10,0,0,5,0.5,10,20,,,\n");
    const run_files run = folder.read();
    REQUIRE(run.service_rows.size() == 2);
    CHECK(run.service_rows[0].service == "chat");
    CHECK(run.service_rows[0].arrived == std::vector<double>{0, 30, 10});
    CHECK(std::isnan(run.service_rows[0].ttft_p99_s[0]));
    CHECK(run.service_rows[0].ttft_p99_s[1] == 0.4);
    CHECK(run.service_rows[1].time.size() == 2);
    const std::string page = html(run);
    CHECK(holds(page, "The service over simulated time, by interval of telemetry"));
    CHECK(holds(page, "Share of KV blocks taken, and of requests within targets"));
    CHECK_FALSE(holds(page, " intervals: means"));
    CHECK(unbalanced(page).empty());
    // So many that neighbours are drawn as one.
    std::string many = header + first;
    for (int i = 1; i != 1500; ++i) many += std::to_string(i) + ",chat,1,1,0,0,0,0,1,1,0.1,0.2,1\n";
    folder.write("services.csv", many);
    CHECK(holds(folder.page(), "Of each 4 intervals: means, of percentiles the largest."));
    folder.write("services.csv", header + first + "0,chat,0,0,0,0,0,0,0,0,,,\n");
    CHECK(holds(folder.fault(), "not later than the row before of this service"));
}

TEST_CASE("a report shows training jobs and where their time went", "[report]") {
    run_text text;
    text.more = R"("training": {"pre": {"jobs": 1, "finished": 1, "gpus": 8, "tokens": 14800000000000, "mfu": 0.4,
 "effective_training_time_ratio": 0.9, "hours": {"elapsed": 10, "training": 9, "lost": 0.25, "waiting": 0.75}}},
)";
    const std::string page = run_folder{text}.jobs(two_jobs).page();
    CHECK(holds(page, "<bdi>pre</bdi>"));
    CHECK(holds(page, "14.8\u00A0T"));
    CHECK(holds(page, "40.0\u00A0%"));
    CHECK(holds(page, "training 9 h, 90\u00A0%"));
    CHECK(holds(page, "waiting 0.75 h, 7.5\u00A0%"));
    CHECK_FALSE(holds(run_folder{}.page(), "<h2>Training</h2>"));
}

TEST_CASE("a report shows feeds against their limits", "[report]") {
    run_folder folder;
    folder.jobs(two_jobs).write("feeds.csv",
                                "time_s,feed,load_w,limit_w,gpu_limit_low,gpu_limit_high,charge\n"
                                "0,site,1000,4000,,,\n0,site/hall-0/source-0,500,1000,,,0.5\n"
                                "100,site,3000,4000,,,\n100,site/hall-0/source-0,900,1000,,,0.25\n");
    const run_files run = folder.read();
    REQUIRE(run.feeds.size() == 2);
    CHECK(run.feeds[1].load_w == std::vector<double>{500, 900});
    const std::string page = html(run);
    CHECK(holds(page,
                "<td>site</td><td class=\"n\">2.0</td><td class=\"n\">3.0</td><td class=\"n\">4.0</td>"
                "<td class=\"n\">75.0\u00A0%</td>"));
    CHECK(holds(page, "<td class=\"n\">90.0\u00A0%</td><td class=\"n\">25.0\u00A0%</td>"));
    CHECK(unbalanced(page).empty());
    folder.write("feeds.csv", "time_s,feed,load_w,limit_w,charge\n0,site,much,,\n");
    CHECK(holds(folder.fault(), "feeds.csv:2:8: error: load_w: not a number"));
}

TEST_CASE("energy flows from its sources to where it went", "[report]") {
    run_text text;
    text.more = R"("energy_kwh": {"it": 80, "losses": 5, "overhead": 15, "facility": 100, "grid": 90}, "pue": 1.25,
 "carbon_kg": {"location": 30, "embodied": 10}, "cost_usd": {"energy": 7},
)";
    const std::string page = run_folder{text}.jobs(two_jobs).page();
    CHECK(holds(page, "generators, batteries \u2192 facility: 10.00 kWh"));
    CHECK(holds(page, "from the grid \u2192 facility: 90.00 kWh"));
    CHECK(holds(page, "facility \u2192 IT equipment: 80.00 kWh"));
    CHECK(holds(page, "embodied in hardware 25\u00A0%"));
    CHECK(holds(page, "capacity \u2192 held by jobs: 0.333 GPU-h"));
    CHECK(unbalanced(page).empty());
}

TEST_CASE("a report has a section of calendar years and one of sites", "[report]") {
    const std::string header =
        "year,site,hours,gpu_hours_in_service,gpu_hours_useful,gpu_hours_idle,interruptions,it_kwh,facility_kwh,"
        "carbon_location_kg,energy_usd,contract_usd,output_tokens\n";
    const std::string rows =
        "2027,all,1000,4000,1000,3000,7,500000,600000,250000,1234567,5000000,2.5e15\n"
        "2027,iad,1000,3000,900,2100,5,300000,360000,150000,1000000,,\n"
        "2027,\"<b>\",1000,1000,100,900,2,200000,240000,100000,234567,,\n"
        "2028,all,2000,8000,7000,1000,0,800000,1000000,,-5,,\n"
        "2028,iad,2000,6000,6000,0,0,600000,700000,,-4,,\n"
        "2028,\"<b>\",2000,2000,1000,1000,0,200000,300000,,-1,,\n";
    const auto with_years = [&](const std::string& text) {
        return run_folder{}.write("years.csv", header + text).page();
    };
    const std::string page = with_years(rows);
    CHECK(unbalanced(page).empty());
    CHECK(holds(page, "<h2>By calendar year</h2>"));
    // Bars with what they are, in the unit that suits the largest.
    CHECK(holds(page, "2027, useful: 1 10³ GPU-h"));
    CHECK(holds(page, "2028, idle: 1 10³ GPU-h"));
    CHECK(holds(page, "2028, losses and building: 200 MWh"));
    CHECK(holds(page, "2027, energy, by location: 250 t"));
    CHECK(holds(page, "2027, output tokens: 2.5 10¹⁵"));
    CHECK_FALSE(holds(page, "2028, energy, by location"));  // not known
    CHECK_FALSE(holds(page, ", lost: "));
    CHECK_FALSE(holds(page, "Cost [USD]</text>"));
    // Rows of years, of sites by year, and sites over all years: 2100 of 9000 GPU-hours, and what is unknown of a year.
    CHECK(holds(page, "<td>2027</td><td class=\"n\">1,000</td><td class=\"n\">4,000</td><td class=\"n\">25.00"));
    CHECK(holds(page, "Years of each site"));
    CHECK(holds(page, "<h2>By site</h2>"));
    CHECK(holds(page, "<bdi>iad</bdi></td><td class=\"n\">9,000</td><td class=\"n\">76.67"));
    CHECK(holds(page, "<bdi>&lt;b&gt;</bdi></td><td class=\"n\">3,000</td>"));
    CHECK_FALSE(holds(page, "<b>\""));
    CHECK(page == with_years(rows));

    // One year of a fleet without energy; no rows at all; sites without years.
    const std::string plain = with_years("2027,all,1000,4000,1000,3000,0,,,,,,\n");
    CHECK(unbalanced(plain).empty());
    CHECK(holds(plain, "By calendar year"));
    CHECK_FALSE(holds(plain, "By site"));
    CHECK_FALSE(holds(with_years(""), "By calendar year"));
    const run_text text{.more = R"(  "sites": {"iad": {"gpus": 8, "gpu_hours": {"capacity": 10, "useful": 4}, )"
                                R"("energy_kwh": {"it": 100, "facility": 120}}},)"
                                "\n"};
    const std::string sites = run_folder{text}.page();
    CHECK(holds(sites, "<bdi>iad</bdi></td><td class=\"n\">10</td><td class=\"n\">40.00"));
    CHECK(holds(sites, "1.2000"));

    const auto fault = [&](const std::string& more) { return run_folder{}.write("years.csv", header + more).fault(); };
    CHECK(fault("2027,all,x,1,1,0,0,,,,,,\n").starts_with("years.csv:2:10: error: hours: not a number (x)"));
    CHECK(fault("soon,all,1,1,1,0,0,,,,,,\n").starts_with("years.csv:2:1: error: year: not a count (soon)"));
}

TEST_CASE("a report repeats what the run has to say", "[report]") {
    const std::string page = run_folder{}.write("run.json", R"({"notes": ["energy.daily: <none>"]})").page();
    CHECK(holds(page, "Note."));
    CHECK(holds(page, "energy.daily: &lt;none&gt;"));
}

TEST_CASE("names from a scenario do not become part of the page", "[report]") {
    const std::string evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>";
    run_folder folder{with_service(evil)};
    folder.jobs(evil + ",0,0,100,4,finished,0,0,400,0\nb,10,100,200,8,finished,0,0,800,0\n");
    folder.write("resolved.yaml", four_nodes);
    const std::string page = folder.page();
    CHECK_FALSE(holds(page, "<script>alert"));
    CHECK_FALSE(holds(page, "<img"));
    CHECK(holds(page, "\"names\":[\"\\u003c/script\\u003e\\u003cscript\\u003ealert(1)"));
    CHECK(holds(page, "&lt;img src=x onerror=alert(1)&gt;"));
    CHECK(unbalanced(page).empty());
}

TEST_CASE("a report goes on where resolved.yaml cannot be understood", "[report]") {
    run_folder folder;
    folder.jobs(two_jobs).write("resolved.yaml", "ampacity: 1\nname: [\n");
    CHECK(holds(folder.page(), "resolved.yaml cannot be understood"));
}
