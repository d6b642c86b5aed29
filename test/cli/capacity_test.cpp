// Nodes that leave and come back, from file to file: reservations, outages, racks that drain.

#include "cli/program.hpp"

#include <cstddef>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>

using namespace ampacity::test;

namespace {

const std::string two_nodes = with(small_scenario, "{ pool_gpus: 4 }", "{ nodes: { gpus: 1, count: 2 } }");

/// Node 0 is reserved over [100, 150).
const std::string reserved =
    with(two_nodes, "policy: fifo",
         R"(policy: fifo-skip, reservations: [ { name: swap, start: "100 s", duration: "50 s", nodes: "0" } ])") +
    "output: { placement: true }\n";

const std::string estimates = "job_id,submit_s,gpus,duration_s,estimate_s\n";

std::string starts(const workspace& here) {
    std::string out;
    const auto rows = lines_of(here.read("out/placement.csv"));
    for (std::size_t i = 1; i < rows.size(); ++i) out += rows[i] + ' ';
    return out;
}

}  // namespace

TEST_CASE("no job is placed where it is planned to run into a reservation, and what that leaves idle is told") {
    // a leaves node 0 at 60. b does not fit before the reservation, and has node 1. c would end at 110 there, d at 90.
    const workspace here{reserved, estimates + "a,0,1,60,60\nb,0,1,150,150\nc,10,1,50,50\nd,20,1,30,30\n"};
    CHECK(contains(here.run_well().out, "idle before it while jobs waited; 0 jobs stopped"));
    CHECK(starts(here) == "a,1,0,0:1 b,1,0,1:1 d,1,60,0:1 c,1,150,0:1 ");
    const document summary = here.summary();
    CHECK(summary.number("reservations.swap.gpus") == 1);
    CHECK(summary.number("reservations.swap.jobs_stopped") == 0);
    CHECK(summary.number("reservations.swap.closed_gpu_hours") * 3600 == Approx(50));
    // From 90, when d has left it, while c waits.
    CHECK(summary.number("reservations.swap.idle_before_gpu_hours") * 3600 == Approx(10));
    CHECK(summary.number("gpu_hours.down") * 3600 == Approx(50));
}

TEST_CASE("planning is by estimates, and what a reservation stops keeps its progress") {
    // The estimate is over before the reservation; the job ends in time, as it is planned by the longer of the two.
    const workspace here{reserved, estimates + "a,0,1,100,10\nb,0,1,101,10\n"};
    here.run_well();
    CHECK(starts(here) == "a,1,0,0:1 b,1,0,1:1 ");
    // A policy that preempts uses the node up to the last moment: a has worked 100 s, and goes on at 150.
    const workspace srtf{with(reserved, "fifo-skip", "srtf"), header + "a,0,1,200\nb,1,1,150\n"};
    srtf.run_well();
    CHECK(starts(srtf) == "a,1,0,0:1 b,1,1,1:1 a,2,150,0:1 ");
    const auto jobs = lines_of(srtf.read("out/jobs.csv"));
    CHECK(jobs[1] == "a,0,0,250,1,finished,1,0,200,0");
    CHECK(srtf.summary().number("reservations.swap.jobs_stopped") == 1);
}

TEST_CASE("easy and conservative plan around a reservation") {
    // The head needs both nodes for 60 s: from 150 on. What ends by then, or leaves it its place, may start before it.
    const std::string trace = estimates + "a,0,1,50,50\nhead,1,2,60,60\nc,2,1,90,90\nd,3,1,49,49\nlong,4,1,160,160\n";
    for (const std::string policy : {"easy", "conservative"}) {
        INFO(policy);
        const workspace here{with(reserved, "fifo-skip", policy), trace};
        here.run_well();
        CHECK(starts(here) == "a,1,0,0:1 c,1,2,1:1 d,1,50,0:1 head,1,150,0:1;1:1 long,1,210,0:1 ");
        CHECK(here.summary().number("reservations.swap.idle_before_gpu_hours") * 3600 == Approx(1));
    }
}

TEST_CASE("why names the reservation that keeps a job waiting") {
    const workspace here{reserved, estimates + "a,0,1,60,60\nb,0,1,150,150\nc,10,1,50,50\n"};
    const auto r = here.call({"why", "s.yaml", "--job", "c"});
    INFO(r.out);
    CHECK(r.status == 0);
    CHECK(contains(r.out, "fits, 1 free, but would run into a reservation; nodes that it needs close at 100 s"));
}

TEST_CASE("an outage stops the jobs of its nodes, and what no checkpoint protects is lost") {
    const std::string one = with(two_nodes, "count: 2", "count: 1") +
                            R"(faults: { outages: [ { nodes: "0", start: "40 s", duration: "20 s" } ] })" + "\n";
    const workspace here{one, header + "a,0,1,100\n"};
    here.run_well();
    CHECK(lines_of(here.read("out/jobs.csv"))[1] == "a,0,0,160,1,finished,0,1,100,40");
    const document summary = here.summary();
    CHECK(summary.number("jobs.restarts") == 1);
    CHECK(summary.number("jobs.preemptions") == 0);
    CHECK(summary.number("gpu_hours.lost") * 3600 == Approx(40));
    CHECK(summary.number("gpu_hours.down") * 3600 == Approx(20));
    CHECK(summary.number("gpu_hours.capacity") * 3600 == Approx(160));
    // A checkpoint every 30 s, and 5 s to restart.
    const workspace kept{
        with(one, "policy: fifo", R"(policy: fifo, preemption: { checkpoint_interval: "30 s", restart: "5 s" })"),
        header + "a,0,1,100\n"};
    kept.run_well();
    CHECK(lines_of(kept.read("out/jobs.csv"))[1] == "a,0,0,135,1,finished,0,1,100,10");
    // A job that ends at that instant has ended; one that begins there waits; what happens later is not waited for.
    const workspace at_once{one, header + "a,0,1,40\nb,40,1,10\n"};
    at_once.run_well();
    CHECK(lines_of(at_once.read("out/jobs.csv"))[1] == "a,0,0,40,1,finished,0,0,40,0");
    CHECK(lines_of(at_once.read("out/jobs.csv"))[2] == "b,40,60,70,1,finished,0,0,10,0");
    const workspace before{one, header + "a,0,1,10\n"};
    before.run_well();
    CHECK(before.summary().number("simulated_s") == 10);
}

TEST_CASE("an elastic job gets fewer GPUs while nodes are away, and more when they are back") {
    const std::string elastic = with(two_nodes, "fifo", "elastic");
    const std::string job = "job_id,submit_s,gpus,duration_s,gpus_min,gpus_max\na,0,2,100,1,2\n";
    // On both nodes until 40, which is lost; on one until 60, 10 s of work; 90 s on both.
    const workspace outage{
        elastic + R"(faults: { outages: [ { nodes: "0", start: "40 s", duration: "20 s" } ] })" + "\n", job};
    outage.run_well();
    CHECK(lines_of(outage.read("out/jobs.csv"))[1] == "a,0,0,150,2,finished,0,1,200,80");
    // With both nodes it would be planned to run into the reservation: on one until 60, 30 s of work; 70 s on both.
    const workspace planned{
        with(elastic, "policy: elastic",
             R"(policy: elastic, reservations: [ { name: r, start: "40 s", duration: "20 s", nodes: "0" } ])"),
        job};
    planned.run_well();
    CHECK(lines_of(planned.read("out/jobs.csv"))[1] == "a,0,0,130,2,finished,0,0,200,0");
}

TEST_CASE("a rack drains when enough of its nodes have failed, and takes jobs again when they are repaired") {
    // Racks of 4 nodes; 2 of rack 0 fail over [10, 50). The job on its node 0 runs on; b gets nothing of it before 50.
    const std::string racks =
        with(small_scenario, "{ pool_gpus: 4 }", "{ racks: { nodes_per_rack: 4, gpus_per_node: 1, count: 2 } }") +
        R"(faults: { drain_rack_at: 0.5, outages: [ { nodes: "2-3", start: "10 s", duration: "40 s" } ] })" +
        "\noutput: { placement: true }\n";
    const std::string trace = header + "a,0,1,30\nfull,1,4,100\nb,20,1,5\n";
    const workspace here{racks, trace};
    here.run_well();
    CHECK(starts(here) == "a,1,0,0:1 full,1,1,4:1;5:1;6:1;7:1 b,1,50,0:1 ");
    const document summary = here.summary();
    CHECK(summary.number("gpu_hours.down") * 3600 == Approx(80));
    CHECK(summary.number("gpu_hours.draining") * 3600 == Approx(40 + 20));  // node 1, and node 0 from 30 on
    const workspace above{with(racks, "0.5", "0.51"), trace};
    above.run_well();
    CHECK(contains(starts(above), "b,1,20,1:1"));
}

TEST_CASE("outages and reservations that cannot be are refused with their place") {
    const std::string r = "scheduler.reservations.0";
    check_key_refused(with(reserved, "nodes: { gpus: 1, count: 2 }", "pool_gpus: 2"), r, "", "nodes or racks");
    check_key_refused(with(reserved, "nodes: \"0\"", "racks: \"0\""), r + ".racks", "0", "");
    check_key_refused(with(reserved, "nodes: \"0\"", "nodes: \"0-2\""), r + ".nodes", "0-2", "0-1");
    for (const std::string text : {"1-0", "0,", "x", "0-", "-1", "0 1"})
        check_key_refused(with(reserved, "nodes: \"0\"", "nodes: \"" + text + "\""), r + ".nodes", text, "0-1");
    check_key_refused(with(reserved, "nodes: \"0\"", "gpus: 3"), r + ".gpus", "3", "at most 2");
    check_key_refused(with(reserved, ", nodes: \"0\"", ", gpus: 1, nodes: \"0\""), r, "", "one");
    check_key_refused(with(reserved, ", nodes: \"0\"", ""), r, "", "one");
    check_key_refused(with(reserved, "duration: \"50 s\"", "duration: \"0 s\""), r + ".duration", "0 s", "");
    check_key_refused(with(reserved, "start: \"100 s\"", "start: \"-1 s\""), r + ".start", "-1 s", "");
    check_key_refused(two_nodes + "faults: { drain_rack_at: 0.5 }\n", "faults.drain_rack_at", "0.5", "remove");
    check_key_refused(two_nodes + "faults: { outages: [ { nodes: \"2\", start: \"1 s\", duration: \"1 s\" } ] }\n",
                      "faults.outages.0.nodes", "2", "0-1");
}

TEST_CASE("reservations by GPUs take the last nodes, and the resolved scenario says the same") {
    const workspace here{with(reserved, "nodes: \"0\"", "gpus: 1"), header + "a,0,1,60\nb,0,1,150\n"};
    here.run_well();
    CHECK(starts(here) == "a,1,0,0:1 b,1,60,0:1 ");
    const auto text = here.read("out/resolved.yaml");
    CHECK(contains(text, "gpus: 1"));
    CHECK(contains(text, "swap"));
}

TEST_CASE("no policy that plans lets a job run into the reservation of eight racks in the example") {
    const workspace here;
    here.write("s.yaml", with(read_file(std::filesystem::path{AMPACITY_SOURCE_DIR} / "scenarios/maintenance.yaml"),
                              "jobs: 5000", "jobs: 1600"));
    constexpr double start = 24 * 3600;
    constexpr double end = start + 8 * 3600;
    constexpr int reserved_nodes = 8 * 18;
    for (const std::string policy :
         {"fifo", "fifo-skip", "sjf", "easy", "conservative", "qssf", "drf", "fair-share", "priority"}) {
        INFO(policy);
        here.run_well({"--policy", policy, "--set", "output.placement=true", "--set", "faults.outages=[]"});
        CHECK(here.summary().number("reservations.upgrade.jobs_stopped") == 0);
        CHECK(here.summary().number("reservations.upgrade.idle_before_gpu_hours") > 0);
        std::map<std::string, double> finish;
        const auto jobs = lines_of(here.read("out/jobs.csv"));
        for (std::size_t i = 1; i != jobs.size(); ++i) {
            if (const auto f = fields_of(jobs[i]); !f[3].empty()) finish[f[0]] = std::stod(f[3]);
        }
        std::size_t before = 0;
        std::size_t into = 0;
        std::size_t inside = 0;
        const auto rows = lines_of(here.read("out/placement.csv"));
        for (std::size_t i = 1; i != rows.size(); ++i) {
            const auto f = fields_of(rows[i]);
            bool there = false;
            std::istringstream nodes{f[3]};
            for (std::string node; std::getline(nodes, node, ';');) there = there || std::stoi(node) < reserved_nodes;
            if (!there) continue;
            const double began = std::stod(f[2]);
            before += began < start ? 1U : 0U;
            into += began < start && finish.at(f[0]) > start ? 1U : 0U;
            inside += began >= start && began < end ? 1U : 0U;
        }
        CHECK(before > 20);
        CHECK(into == 0);
        CHECK(inside == 0);
    }
}
