// A campaign that follows the price of energy from site to site, from file to file.
#include "cli/program.hpp"

#include <string>

namespace {

using namespace ampacity;
using namespace ampacity::test;

/// By the mean days of prices in July, Texas is at least 20 % dearer than Ohio from 20 h to 2 h (UTC), and at least 20
/// % cheaper from 3 h to 19 h.
const std::string campaign = R"(ampacity: 1
name: m
seed: 3
start: 2026-07-01
until: "5 d"
fleet:
  sites:
    - { name: texas, region: us-east-1-dfw-2a, racks: [ { model: gb200-nvl72, count: 2 } ] }
    - name: ohio
      region: us-east-2
      racks: [ { model: gb200-nvl72, count: 2 } ]
      signals: { price: { path: ohio.csv, column: price, unit: USD/MWh, from: 2026-07-01, beyond: hold } }
  storage: { bandwidth: "2 TB/s" }
energy: { daily: [ price ] }
workload:
  - home: texas
    training:
      name: p
      gpus: 144
      step: { compute: "1 s" }
      steps: 10000000
      checkpoint: { interval: "20 min", size: "1 TB", blocking: "10 s", asynchronous: true }
      restart: "2 min"
scheduler:
  policy: fifo
  placer: topology
  sites:
    place: cheapest
    transfer: "1 min"
    migrate: { interval: "1 h", gain: 0.2, min_stay: "4 h", bandwidth: "10 GB/s" }
)";

}  // namespace

TEST_CASE("a campaign follows the cheaper site through the hours of the day") {
    const workspace here{campaign};
    here.write("ohio.csv", "time,price\n2026-07-01T00:00:00Z,70.3\n2026-07-02T00:00:00Z,70.3\n");
    here.run_well({}, "follows");
    const auto s = here.summary("follows");
    check_books(s);
    // It begins in Texas at midnight: on the first day it leaves at 1 h, is back at 6 h, and leaves at 20 h; then each
    // day it is back at 3 h and leaves at 20 h.
    CHECK(s.number("migrations.moves") == 3 + 4 * 2);
    CHECK(s.number("migrations.stayed") == 0);
    CHECK(s.number("migrations.moved_gb") == Approx(11 * 1000.0));
    CHECK(s.number("training.p.moves") == 11);
    CHECK(s.number("training.p.preemptions") == 11);
    CHECK(s.number("training.p.hours.lost") == 0);
    CHECK(s.number("training.p.hours.restart") == Approx(11 * 2.0 / 60));
    // 1 min, and 100 s for 1 TB.
    CHECK(s.number("training.p.hours.waiting") == Approx(11 * 160.0 / 3600));
    CHECK(s.number("sites.texas.jobs.left") == 6);
    CHECK(s.number("sites.ohio.jobs.left") == 5);
    CHECK(s.number("sites.ohio.jobs.came") == 6);
    const double there = s.number("sites.ohio.held_gpu_hours") / 144;
    CHECK(there > 5 + 4 * 7 + 4 - 6);
    CHECK(there < 5 + 4 * 7 + 4 + 1);

    here.run_well({"--set", "scheduler.sites.migrate.gain=1"}, "stays");
    const auto stays = here.summary("stays");
    CHECK(stays.number("migrations.moves") == 0);
    CHECK(stays.number("sites.ohio.held_gpu_hours") == 0);
    CHECK(stays.number("cost_usd.energy") > s.number("cost_usd.energy"));
}
