// The command `trace`: statistics as a table and as JSON, conversion to jobs-csv and its replay, refusals.

#include "cli/program.hpp"
#include "support/zstd.hpp"

#include <iterator>
#include <sstream>

using namespace ampacity::test;

namespace {

const std::string swf_trace =
    "; UnixStartTime: 1296571124\n"
    "; MaxNodes: 2\n"
    "; MaxProcs: 16\n"
    "10 500 10 100.5 8 -1 -1 8 200 -1 1 7 2 -1 1 -1 -1 -1\n"
    "11 560 0 360.000000001 2 -1 -1 8 7200 -1 0 7 2 -1 1 -1 -1 -1\n"
    "12 550 -1 50 12 -1 -1 8 -1 -1 5 8 -1 -1 1 -1 -1 -1\n"
    "13 555 -1 -1 2 -1 -1 8 -1 -1 5 8 -1 -1 1 -1 -1 -1\n"
    "14 560 0 30 16 -1 -1 8 60 -1 1 9 -1 -1 1 -1 -1 -1\n"
    "15 561 0 30 -1 -1 -1 -1 60 -1 1 9 -1 -1 1 -1 -1 -1\n"
    "16 562 0 30 4 -1 -1 4 60 -1 1 9 -1 -1 1 -1 -1 -1\n";

const std::string openb_trace =
    "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n"
    "\"p,\"\"0\"\"\",1,2,8,1000,,LS,Running,100,1000.25,150\np-1,1,2,1,460,,LS,Failed,100,200,100\n"
    "p-2,1,2,8,1000,,LS,Succeeded,101,300,101\np-3,1,2,1,1000,,LS,Pending,102,300,\n"
    "p-4,1,2,4,1000,,LS,Failed,99,300,102\n";

const std::string philly_trace =
    "timestamp,duration,num_gpus,gpu_time,cluster\n"
    "2017-09-04 10:30:41.5,22.5,8,180,\"a,b\"\n2017-09-04 10:30:40,3256.0,1,3256.0,6214e9\n"
    "2017-09-04 10:30:42,10,16,160,7f04ca\n2017-09-04 10:30:42,10,2,160,7f04ca\n";

const std::string csv_trace =
    "job_id,submit_s,gpus,duration_s,estimate_s,user,group,priority,status,spread\n"
    "a,5,2,10,1,ann,,3,finished,true\n\"b,1\",4.000000001,4,5,,\"x \"\"y\"\"\",vc,-3,whatever,\n"
    "007,5,16,0.25,1e2,,,,failed,0\n7,5,1,1,1,,,,,\n";

std::string scenario_of(const std::string& file, const std::string& format, const std::string& policy) {
    return "ampacity: 1\nname: t\nseed: 1\nfleet: { pool_gpus: 16 }\nworkload:\n  - trace: { path: " + file +
           ", format: " + format + " }\nscheduler: { policy: " + policy + " }\n";
}

}  // namespace

TEST_CASE("trace prints what a trace holds") {
    const workspace here;
    here.write("t.swf", swf_trace);
    const auto text = here.call({"trace", "t.swf"});
    CHECK(text.status == 0);
    CHECK(text.err.empty());
    for (const std::string part :
         {"t.swf  format swf\n", "7 records: 5 jobs, 2 skipped (1 no_gpus, 1 no_run_time)\n",
          "header: MaxNodes 2, MaxProcs 16, UnixStartTime 1296571124\n", "offered load on 16 GPUs", "duration [s]",
          "recorded wait [s]", "% of GPU-hours", "users                 3; the largest, 7, has 40.0 % of the jobs",
          "recorded as finished  3: 60.0 % of the jobs"})
        CHECK(contains(text.out, part));

    const auto json = here.call({"trace", "t.swf", "--json", "--gpus", "32"});
    CHECK(json.status == 0);
    const document d{json.out};
    CHECK(d.text("format") == "swf");
    CHECK(d.number("jobs") == 5);
    CHECK(d.number("skipped.no_gpus") == 1);
    CHECK(d.number("skipped.no_run_time") == 1);
    CHECK(d.number("header.max_procs") == 16);
    CHECK(d.number("span_s") == 62);
    CHECK(d.number("duration_s.p50") == 50);
    CHECK(d.number("duration_s.max") == 360.000000001);
    CHECK(d.number("wait_s.count") == 4);
    CHECK(d.number("wait_s.max") == 10);
    CHECK(d.number("offered_load.gpus") == 32);
    CHECK(d.number("offered_load.load") ==
          Approx((8 * 100.5 + 2 * 360 + 12 * 50 + 16 * 30 + 4 * 30) / (32 * 62)).epsilon(1e-9));
    CHECK(d.at("sizes").size() == 5);
    CHECK(d.number("ended.cancelled.jobs") == 1);
    CHECK(d.number("users.count") == 3);
    CHECK(d.number("open_at_last_submit.jobs") == 5);

    here.write("packed", zstd(swf_trace));
    const auto packed = here.call({"trace", "packed", "--json", "--gpus", "32"});
    CHECK(packed.out == json.out);
    const auto empty = here.call({"trace", "jobs.csv", "--format", "jobs-csv"});
    CHECK(empty.status == 0);
    CHECK_FALSE(contains(empty.out, "recorded wait"));
}

TEST_CASE("columns of tables are apart, however large their numbers") {
    const workspace here{with(small_scenario, "pool_gpus: 4", "pool_gpus: 2"),
                         header + "a,0,2,6000000000\nb,0,2,3000000000\nc,1,1,0.001\nd,0,2147483648,6000000000\n"};
    const auto cells_of = [](const std::string& text, const std::string& name) {
        for (const std::string& line : lines_of(text)) {
            if (!line.starts_with(name)) continue;
            std::istringstream words{line.substr(name.size())};
            return std::vector<std::string>{std::istream_iterator<std::string>{words}, {}};
        }
        return std::vector<std::string>{};
    };
    const auto text = here.call({"trace", "jobs.csv"}).out;
    INFO(text);
    CHECK(cells_of(text, "duration [s]").size() == 7);
    CHECK(cells_of(text, "GPUs  ").size() == 7);
    CHECK(cells_of(text, "2,147,483,648").back() == "100.0");
    CHECK(cells_of(text, "2,147,483,648").size() == 4);
    const auto run = here.run_well().out;
    INFO(run);
    CHECK(cells_of(run, "JCT [s]") == std::vector<std::string>{"7,999,999,999.67", "8,999,999,999.00",
                                                               "9,000,000,000.00", "9,000,000,000.00",
                                                               "9,000,000,000.00"});
}

TEST_CASE("what a trace does not record is left out") {
    const workspace here;  // neither users nor groups nor a status
    const auto text = here.call({"trace", "jobs.csv"});
    CHECK(text.status == 0);
    CHECK_FALSE(contains(text.out, "recorded as"));
    const document d{here.call({"trace", "jobs.csv", "--json"}).out};
    for (const char* key : {"ended", "users", "groups", "wait_s", "estimate_factor"}) {
        INFO(key);
        CHECK_FALSE(d.has(key));
    }
    here.write("t.csv", "job_id,submit_s,gpus,duration_s,group,status\na,0,1,2,vc,odd\n");
    CHECK(contains(here.call({"trace", "t.csv"}).out, "recorded as unknown   1: 100"));
    const document e{here.call({"trace", "t.csv", "--json"}).out};
    CHECK(e.number("ended.unknown.jobs") == 1);
    CHECK(e.text("groups.largest.name") == "vc");
    CHECK_FALSE(e.has("users"));
    here.write("p.csv", "name,num_gpu,gpu_milli,creation_time,deletion_time,scheduled_time\np,1,1000,1,3,2\n");
    CHECK_FALSE(contains(here.call({"trace", "p.csv"}).out, "recorded as"));
}

TEST_CASE("a trace without jobs has no statistics") {
    const workspace here{small_scenario, header};
    const auto text = here.call({"trace", "jobs.csv"});
    CHECK(text.status == 0);
    CHECK(contains(text.out, "no job"));
    const document d{here.call({"trace", "jobs.csv", "--json"}).out};
    CHECK(d.number("jobs") == 0);
    CHECK_FALSE(d.has("duration_s"));
    CHECK_FALSE(d.has("span_s"));
}

TEST_CASE("a converted trace replays to the same schedule") {
    struct sample {
        std::string format;
        std::string text;
    };
    for (const auto& [format, text] : {sample{"swf", swf_trace}, sample{"alibaba-openb", openb_trace},
                                       sample{"philly-csv", philly_trace}, sample{"jobs-csv", csv_trace}}) {
        CAPTURE(format);
        const workspace here;
        here.write("t", text);
        const auto piped = here.call({"trace", "t", "--to", "jobs-csv"});
        CHECK(piped.status == 0);
        CHECK(contains(piped.err, "skipped") == (format == "swf" || format == "alibaba-openb"));
        const auto filed = here.call({"trace", "t", "--format", format, "--to", "jobs-csv", "-o", "c.csv"});
        CHECK(filed.status == 0);
        CHECK(contains(filed.out, "c.csv: "));
        CHECK(here.read("c.csv") == piped.out);
        for (const std::string policy : {"easy", "fifo"}) {
            here.write("s.yaml", scenario_of("t", format, policy));
            here.run_well({}, "out/published");
            here.write("s.yaml", scenario_of("c.csv", "jobs-csv", policy));
            here.run_well({}, "out/converted");
            CHECK(here.read("out/published/jobs.csv") == here.read("out/converted/jobs.csv"));
            CHECK(lines_of(here.read("out/published/jobs.csv")).size() >= 4);
        }
        // Once converted it stays as it is.
        CHECK(here.call({"trace", "c.csv", "--to", "jobs-csv", "-o", "d.csv"}).status == 0);
        here.write("s.yaml", scenario_of("d.csv", "jobs-csv", "easy"));
        here.run_well({}, "out/again");
        here.write("s.yaml", scenario_of("t", format, "easy"));
        here.run_well({}, "out/published");
        CHECK(here.read("out/published/jobs.csv") == here.read("out/again/jobs.csv"));
    }
}

TEST_CASE("a converted trace has exact decimals in file order") {
    const workspace here;
    here.write("t.swf", swf_trace);
    CHECK(here.call({"trace", "t.swf", "--to", "jobs-csv"}).out ==
          "job_id,submit_s,gpus,duration_s,estimate_s,user,group,status\n"
          "10,0,8,100.5,200,7,2,finished\n"
          "11,60,2,360.000000001,7200,7,2,failed\n"
          "12,50,12,50,,8,,cancelled\n"
          "14,60,16,30,60,9,,finished\n"
          "16,62,4,30,60,9,,finished\n");
    here.write("t.csv", philly_trace);
    CHECK(here.call({"trace", "t.csv", "--to", "jobs-csv"}).out ==
          "job_id,submit_s,gpus,duration_s,group\n0,1.5,8,22.5,\"a,b\"\n1,0,1,3256,6214e9\n2,2,16,10,7f04ca\n"
          "3,2,2,10,7f04ca\n");
}

TEST_CASE("records that are skipped are said everywhere") {
    const workspace here;
    here.write("t.swf", swf_trace);
    here.write("s.yaml", scenario_of("t.swf", "swf", "easy"));
    const auto ran = here.run_well();
    CHECK(contains(ran.out, "skipped records of the trace: 1 no_gpus, 1 no_run_time\n"));
    CHECK(here.summary().number("jobs.skipped.no_gpus") == 1);
    CHECK(here.summary().number("jobs.skipped.no_run_time") == 1);
    CHECK(here.summary().number("jobs.submitted") == 5);
    const auto validated = here.call({"validate", "s.yaml"});
    CHECK(validated.status == 0);
    CHECK(validated.out ==
          here.read("out/resolved.yaml") + "# skipped records of workload.0.trace: 1 no_gpus, 1 no_run_time\n");

    // As of jobs: those up to the end of the run.
    here.run_well({"--until", "60 s"});
    CHECK(here.summary().number("jobs.skipped.no_run_time") == 1);
    CHECK_FALSE(here.summary().has("jobs.skipped.no_gpus"));
    here.run_well({"--until", "54 s"});
    CHECK_FALSE(here.summary().has("jobs.skipped"));
    const workspace usual;
    usual.run_well();
    CHECK_FALSE(usual.summary().has("jobs.skipped"));
}

TEST_CASE("absolute alignment of swf adds the header's date") {
    const workspace here;
    here.write("t.swf", swf_trace);
    // 1296571124 + 500 is 2011-02-01T14:47:04Z.
    here.write("s.yaml", with(with(scenario_of("t.swf", "swf", "fifo"), "format: swf", "format: swf, align: absolute"),
                              "seed: 1\n", "seed: 1\nstart: 2011-02-01T14:47:00Z\n"));
    here.run_well();
    CHECK(lines_of(here.read("out/jobs.csv")).at(1).starts_with("10,4,4,104.5,"));
}

TEST_CASE("trace refuses with a place and a remedy") {
    const workspace here;
    here.write("t.swf", swf_trace + "17 10 nonsense\n");
    for (const std::vector<std::string>& more :
         {std::vector<std::string>{}, {"--json"}, {"--to", "jobs-csv", "-o", "c"}}) {
        std::vector<std::string> arguments{"trace", "t.swf"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        const auto m = check_refused(here.call(arguments), 3);
        check_placed(m, "t.swf");
        CHECK(m.line == 11);
        CHECK(contains(m.what, "at byte " + std::to_string(swf_trace.size() + 14)));
    }
    CHECK_FALSE(here.has("c"));
    check_whole_file(check_refused(here.call({"trace", "none.csv"}), 3), "none.csv");
    here.write("odd", "a b c\n");
    CHECK(contains(check_refused(here.call({"trace", "odd"}), 3).remedy, "--format"));
    CHECK(contains(check_refused(here.call({"trace", "t.swf", "--format", "swff"}), 2).remedy, "did you mean `swf`"));
    check_refused(here.call({"trace", "t.swf", "--reorder", "soon"}), 2);
    const auto over = check_refused(here.call({"trace", "jobs.csv", "--to", "jobs-csv", "-o", "jobs.csv"}), 2);
    CHECK(contains(over.what, "is the trace itself"));
    CHECK(here.read("jobs.csv") == small_trace);
    for (const std::vector<std::string>& bad : {std::vector<std::string>{"trace"},
                                                {"trace", "jobs.csv", "-o", "x"},
                                                {"trace", "jobs.csv", "--to", "swf"},
                                                {"trace", "jobs.csv", "--gpus", "0"},
                                                {"trace", "jobs.csv", "--to", "jobs-csv", "--json"}})
        CHECK(here.call(bad).status == 2);
    here.write("steps.csv", header + "a,9000,1,1\nb,0,1,1\n");
    check_refused(here.call({"trace", "steps.csv"}), 3);
    CHECK(here.call({"trace", "steps.csv", "--reorder", "3 h"}).status == 0);
}

TEST_CASE("formats are listed and described with what they skip") {
    const workspace here;
    const auto listed = here.call({"list", "formats"});
    for (const std::string format : {"jobs-csv", "swf", "philly-csv", "alibaba-openb", "requests-csv", "azure-llm"}) {
        CHECK(contains(listed.out, format + " "));
        const auto described = here.call({"describe", format});
        CHECK(described.status == 0);
        CHECK(described.out.starts_with(format + ": "));
    }
    CHECK(contains(here.call({"describe", "swf"}).out, "in this order"));
    CHECK(contains(here.call({"describe", "swf"}).out, "no_run_time"));
    CHECK(contains(here.call({"describe", "alibaba-openb"}).out, "never_scheduled"));
    CHECK_FALSE(contains(here.call({"describe", "jobs-csv"}).out, "skipped"));
}
