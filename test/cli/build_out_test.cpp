// Fleets that come over weeks and leave years later, from file to file.
#include "cli/program.hpp"

#include <filesystem>
#include <string>

using namespace ampacity::test;

namespace {

const std::string built = R"(ampacity: 1
name: built
seed: 1
start: 2027-11-01
until: "200 d"
fleet:
  sites:
    - name: one
      racks:
        - { nodes_per_rack: 2, gpus_per_node: 1, count: 3, retire: { at: "150 d" } }
        - { nodes_per_rack: 2, gpus_per_node: 1, count: 1, replaces: 0 }
      build_out: { start: "40 d", racks_per_week: 0.175, install: { constant: "1 d" }, burn_in: { constant: "4 d" } }
    - name: two
      racks: [ { nodes_per_rack: 2, gpus_per_node: 1, count: 1 } ]
workload:
  - trace: { path: jobs.csv }
scheduler: { policy: easy }
)";

constexpr int day = 86400;

}  // namespace

TEST_CASE("racks come over a turn of the year and a leap day, leave, and are replaced") {
    const workspace here{built, header + "a,0,8,86400\n"};
    here.run_well();
    // One each 40 days, five days until it is in service: on day 45, 85 and 125.
    CHECK(here.read("out/build_out.csv") ==
          "site,rack,arrived_s,ready_s,installed_s,burnt_in_s,in_service_s,retired_s,attempts\n"
          "one,0,3456000,3456000,3542400,3888000,3888000,12960000,1\n"
          "one,1,6912000,6912000,6998400,7344000,7344000,12960000,1\n"
          "one,2,10368000,10368000,10454400,10800000,10800000,12960000,1\n"
          "one,3,12960000,12960000,13046400,13392000,13392000,,1\n");
    // All four racks of the three groups are there from day 125 on.
    CHECK(lines_of(here.read("out/jobs.csv"))[1] == "a,0,10800000,10886400,8,finished,0,0,691200,0");
    const document s = here.summary();
    CHECK(s.number("build_out.racks") == 1);
    CHECK(s.number("build_out.gpus") == 2);
    CHECK(s.number("build_out.came") == 4);
    CHECK(s.number("build_out.retired") == 3);
    CHECK(s.number("build_out.first_s") == 45 * day);
    CHECK(s.number("build_out.last_s") == 155 * day);
    CHECK(s.number("build_out.racks_per_week") == Approx(3 * 7 / 110.0));
    CHECK(s.number("build_out.crew_wait_s.max") == 0);
    // 45 days after 1 November 2027; 155 days, over 29 February 2028.
    CHECK(contains(here.read("out/summary.json"), "\"first_date\": \"2027-12-16\""));
    CHECK(contains(here.read("out/summary.json"), "\"last_date\": \"2028-04-04\""));
    CHECK(s.number("gpu_hours.capacity") == Approx(24 * 2 * (200 + 105 + 65 + 25 + 45)));
    CHECK(s.number("gpu_hours.capacity") + s.number("gpu_hours.uncommissioned") == Approx(24 * 2 * 5 * 200));
    here.write("again.yaml", here.read("out/resolved.yaml"));
    CHECK(here.call({"run", "again.yaml", "-o", "resolved"}).status == 0);
    CHECK(here.read("resolved/build_out.csv") == here.read("out/build_out.csv"));
    CHECK(here.read("resolved/summary.json") == here.read("out/summary.json"));

    here.run_well({"--until", "100 d"}, "early");
    CHECK(here.summary("early").number("build_out.racks") == 2);
    CHECK(contains(here.read("early/summary.json"), "\"last_date\": \"2028-01-25\""));
}

TEST_CASE("the build-out that is shipped differs by seed") {
    const workspace here;
    std::filesystem::copy_file(std::filesystem::path{AMPACITY_SOURCE_DIR} / "scenarios/build-out.yaml",
                               here.path("s.yaml"), std::filesystem::copy_options::overwrite_existing);
    here.run_well();
    here.run_well({}, "again");
    here.run_well({"--seed", "2"}, "other");
    for (const char* file : {"summary.json", "build_out.csv"})
        CHECK(here.read(std::string{"out/"} + file) == here.read(std::string{"again/"} + file));
    CHECK(here.read("out/build_out.csv") != here.read("other/build_out.csv"));
    const document s = here.summary();
    check_books(s);
    CHECK(s.number("build_out.racks") == 160);
    CHECK(s.number("build_out.retired") == 64);
    CHECK(s.number("build_out.reworks") > 0);
    CHECK(s.number("jobs.finished") > 0);
}

TEST_CASE("on a fleet of several GPU types racks leave unannounced, and one type takes the place of another") {
    const workspace here{with(small_scenario, "fleet: { pool_gpus: 4 }", R"(until: "1 d"
fleet:
  racks:
    - { nodes_per_rack: 2, gpus_per_node: 1, count: 1, gpu: old, retire: { at: "100 s" } }
    - { nodes_per_rack: 2, gpus_per_node: 1, count: 1, gpu: new, replaces: 0 }
  build_out: { present: 1, install: { constant: "50 s" } })"),
                         header + "a,0,2,120\nb,10,2,10\n"};
    here.run_well();
    CHECK(lines_of(here.read("out/build_out.csv"))[1] == ",0,0,0,0,0,0,100,0");
    CHECK(lines_of(here.read("out/build_out.csv"))[2] == ",1,100,100,150,150,150,,1");
    // Stopped after 100 of its 120 s, it goes on 50 s later.
    const auto jobs = lines_of(here.read("out/jobs.csv"));
    CHECK(jobs[1] == "a,0,0,170,2,finished,1,0,240,0");
    CHECK(jobs[2] == "b,10,170,180,2,finished,0,0,20,0");
    check_books(here.summary());
}

TEST_CASE("replicas on racks that leave go on elsewhere") {
    const std::string text = R"(ampacity: 1
name: c
seed: 4
until: "20 d"
fleet:
  racks:
    - { nodes_per_rack: 1, gpus_per_node: 4, count: 1, retire: { at: "10 d", notice: "1 d" } }
    - { nodes_per_rack: 1, gpus_per_node: 4, count: 1 }
workload:
  - service:
      name: chat
      gpus_per_replica: 4
      autoscale: { policy: fixed, start: "1 s" }
      engine: { kv_capacity_tokens: 4000, step: { base: "1 ms", per_token: "1 us" } }
      requests: { path: requests.csv }
scheduler: { policy: fifo }
output: { requests: true, placement: true }
)";
    const std::string requests = "arrival_s,prompt_tokens,output_tokens\n0,10,3\n900000,10,1\n1728000,10,1\n";
    const workspace here{text};
    here.write("requests.csv", requests);
    here.run_well();
    CHECK(here.read("out/placement.csv") == "job_id,attempt,start_s,nodes\nchat/0,1,0,0:4\nchat/0,2,864000,1:4\n");
    CHECK(here.summary().number("services.chat.finished") == 2);
    CHECK(here.summary().number("services.chat.failed") == 0);
    CHECK(here.summary().number("gpu_hours.uncommissioned") == 4 * 240);
    check_books(here.summary());
    // What is known from the start: no replica is put there.
    const workspace known{with(text, ", notice: \"1 d\"", "")};
    known.write("requests.csv", requests);
    known.run_well();
    CHECK(known.read("out/placement.csv") == "job_id,attempt,start_s,nodes\nchat/0,1,0,1:4\n");
    // Of a service that holds its GPUs for good nothing can be taken.
    check_key_refused(with(text, "autoscale: { policy: fixed, start: \"1 s\" }", "replicas: 1"), "fleet", "", "remove");
}
