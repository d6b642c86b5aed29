// Module money: what a fleet that grows costs its customer and its owner, and a run by calendar year.
#include "example.hpp"

#include <ampacity/money/account.hpp>
#include <ampacity/money/bill.hpp>
#include <ampacity/money/capital_costs.hpp>
#include <ampacity/money/holdings.hpp>
#include <ampacity/money/years.hpp>
#include <ampacity/scenario/build.hpp>
#include <ampacity/sim/simulation.hpp>

#include <cmath>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;

namespace {

bool near(double a, double b) { return std::abs(a - b) <= 1e-9 * std::abs(b); }

void half_of_it_comes_later() {
    const std::vector<sim::fleet_group> racks{{.nodes = 36, .gpus = 144, .gpus_per_unit = 72, .nameplate_w = 142e3}};
    const auto standing = money::holdings_of(std::vector<sim::standing_step>{
        {.at = start_of_time, .group = 0, .gpus = 72}, {.at = start_of_time + 4380h, .group = 0, .gpus = 72}});
    const instant end = start_of_time + 8760h;
    require(near(to_gpu_hours(money::gpu_time_of(standing, start_of_time, end)), 72 * 1.5 * 8760), "a year and a half");
    const scenario::contract c{.term = 8760h, .value = {{1e6}}, .commitment = {{.gpus = 144}}, .take_or_pay = 0.5};
    const money::bill b{c, scenario::default_start, racks, standing, end};
    require(near(b.between(start_of_time, end).usd, 0.875e6), "of the quarter that is missing half is paid");
    const scenario::capital capex{.rack = {{3.5e6}}, .facility = {{15.0}}, .life = 5 * 8760h};
    const money::capital_cost cost = money::capital_costs(capex, racks, standing, start_of_time, end);
    require(near(cost.racks_usd, 1.5 * 0.7e6), "a fifth of a rack and a half");
}

void a_run_over_new_year() {
    scenario::scenario s;
    s.name = "new-year";
    s.start = scenario::date{std::chrono::sys_days{std::chrono::year{2027} / 12 / 31}};
    s.until = 48h;
    s.fleet.nodes = scenario::node_group{.gpus = 8, .count = 1};
    s.scheduler.policy = "fifo";
    s.contract = scenario::contract{.price = {{.per_gpu = {3.0 / 3600}}}};
    sim::simulation run(scenario::build(s));
    run.run();
    const auto years = money::years_of(s, run.results());
    require(years.size() == 2 && years[0].year == 2027 && years[1].year == 2028, "a day of each");
    require(near(*years[1].contract_usd, 3.0 * 8 * 24), "by the hour");
    require(near(money::account_of(s, run.results()).customer->paid.usd, 2 * 576.0), "together");
}

}  // namespace

void money_example() {
    half_of_it_comes_later();
    a_run_over_new_year();
}
