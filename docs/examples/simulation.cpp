// Module sim: a run, what observers see of it, and its results.
#include "example.hpp"

#include <ampacity/policy/registry.hpp>
#include <ampacity/policy/wrappers.hpp>
#include <ampacity/sim/cap_plugin.hpp>
#include <ampacity/sim/decision_costs.hpp>
#include <ampacity/sim/energy.hpp>
#include <ampacity/sim/modelled_service.hpp>
#include <ampacity/sim/observer.hpp>
#include <ampacity/sim/result.hpp>
#include <ampacity/sim/service_parts.hpp>
#include <ampacity/sim/service_result.hpp>
#include <ampacity/sim/service_sites.hpp>
#include <ampacity/sim/simulation.hpp>
#include <ampacity/sim/site_parts.hpp>
#include <ampacity/sim/snapshot.hpp>
#include <ampacity/sim/wait_recorder.hpp>

#include <algorithm>

using namespace ampacity;
using namespace std::chrono_literals;

namespace {

struct watcher final : sim::observer {
    std::uint64_t starts = 0;
    std::uint64_t most_busy = 0;

    void on_start(const sim::job_start&) override { ++starts; }
    void on_sample(const sim::sample& s) override { most_busy = std::max(most_busy, s.busy_gpus); }
};

/// A policy in rounds, and what kept a job waiting under it.
/// A cap policy as a plug-in has it.
struct half_power final : power::cap_policy {
    power::class_limits decide(const power::capped_feed& f) override {
        return f.load_w > f.limit_w ? power::class_limits{500, 500} : f.now;
    }
};
constexpr plugin::part half = plugin::cap_policy<half_power>("half-power", "half of it in an overload");
static_assert(half.kind == plugin::part_kind::cap_policy);

void a_wait_is_explained() {
    std::vector<sim::wait_stretch> stretches;
    sim::wait_recorder recorder([](const sim::job_event& e) { return e.name == 1; },
                                [&](const sim::wait_stretch& w) { stretches.push_back(w); });
    sim::parts parts{
        .fleet = fleet::fleet_state::pool(8),
        .policy = policy::make_explain(policy::make_round(policy::make_policy("easy", {}), 6min), recorder),
        .placer = policy::make_first_fit(),
        .observers = {&recorder}};
    parts.sources.push_back(std::make_unique<workload::vector_source>(std::vector<workload::job_request>{
        {.name = 0, .work = 20min, .gpus_min = 8, .gpus = 8, .gpus_max = 8},
        {.name = 1, .submit = start_of_time + 1min, .work = 5min, .gpus_min = 4, .gpus = 4, .gpus_max = 4}}));
    sim::simulation s(std::move(parts));
    s.run();
    require(stretches.size() == 2, "it waited for two reasons");
    require(stretches[0].why.what == policy::obstacle::round && stretches[0].to == start_of_time + 6min,
            "for the round at minute six");
    require(stretches[1].why.what == policy::obstacle::gpus && stretches[1].to == start_of_time + 24min,
            "and for GPUs, until the round after minute twenty");
}

/// Two nodes, each a site with a queue of its own.
void sites_schedule_their_jobs() {
    sim::parts parts{.fleet = fleet::fleet_state::flat_nodes(2, 8),
                     .policy = policy::make_policy("fifo", {}),
                     .placer = policy::make_first_fit()};
    parts.sources.push_back(std::make_unique<workload::vector_source>(std::vector<workload::job_request>{
        {.work = 10min, .gpus_min = 8, .gpus = 8, .gpus_max = 8, .site = 2},
        {.submit = start_of_time + 1min, .work = 5min, .gpus_min = 8, .gpus = 8, .gpus_max = 8}}));
    parts.sites.sites.push_back({.name = "iad", .nodes = {node_id{0}}});
    parts.sites.sites.push_back({.name = "fra", .nodes = {node_id{1}}});
    parts.sites.make_policy = [] { return policy::make_policy("fifo", {}); };
    parts.sites.make_placer = [] { return policy::make_first_fit(); };
    sim::simulation s(std::move(parts));
    s.run();
    const auto& sites = s.results().sites;
    require(sites[1].jobs.finished == 1, "the first job names its site");
    require(sites[0].jobs.finished == 1 && s.records(0)[1].first_start == start_of_time + 1min,
            "the second starts at once at the other one");
}

/// A replica that works 1 ms for each of three tokens of an answer.
void a_service_answers() {
    sim::parts parts{.fleet = fleet::fleet_state::pool(8),
                     .policy = policy::make_policy("easy", {}),
                     .placer = policy::make_first_fit()};
    parts.sources.push_back(std::make_unique<workload::vector_source>(std::vector<workload::job_request>{}));
    sim::service_parts chat{
        .name = "chat",
        .options = {.random = {.seed = 1}},
        .time = serving::iteration_time{serving::linear_step{.base = serving::to_exact(1ms)}},
        .requests = std::make_unique<workload::vector_request_source>(
            std::vector<workload::request>{{.arrival = start_of_time + 1s, .prompt_tokens = 10, .output_tokens = 3}})};
    chat.gpus_per_replica = 4;
    chat.places = {{}};                                                              // on a pool GPUs have no names
    chat.modelled = sim::modelled_service{.gpus = 4, .kv_capacity_tokens = 60'000};  // what a model said of it
    parts.services.push_back(std::move(chat));
    sim::simulation s(std::move(parts));
    s.run();
    require(s.now() == start_of_time + 1003ms && s.results().services.front().finished == 1, "it took three steps");
    require(s.results().books[account::useful] == gpu_time{4} * 1'003'000'000, "its GPUs were there all the time");
}

/// One site for all requests of Berlin, and the time that they are on the way.
void a_service_is_elsewhere() {
    const serving::iteration_time second{serving::linear_step{.base = serving::to_exact(1s)}};
    const workload::token_lengths one{{{.law = constant_distribution{1}}}};
    sim::parts parts{.fleet = fleet::fleet_state::flat_nodes(1, 8),
                     .policy = policy::make_policy("easy", {}),
                     .placer = policy::make_first_fit()};
    parts.sources.push_back(std::make_unique<workload::vector_source>(std::vector<workload::job_request>{}));
    sim::service_parts& chat = parts.services.emplace_back(sim::service_parts{
        .name = "chat@arn",
        .options = {.engine = {.max_seqs = 1}, .random = {.seed = 1}, .scaled = true},
        .time = second,
        .requests = std::make_unique<workload::vector_request_source>(std::vector<workload::request>{})});
    chat.gpus_per_replica = 8;
    chat.scaling.emplace();
    chat.fluid = sim::fluid_parts{
        .from = {.engine = {.max_seqs = 1}, .time = second, .prompt = one, .output = one, .requests = 1000}};
    chat.site = sim::service_site{std::make_shared<sim::spread_service>(
        sim::spread_service{.name = "chat",
                            .origins = {{.name = "berlin", .where = {52.5, 13.4}, .offered = {0.5, 1800, {}, 0ns}}},
                            .sites = {{.name = "arn", .where = {59.6, 17.9}}}})};
    sim::simulation s(std::move(parts));
    s.run();
    const sim::service_result& all = s.results().services.front();
    require(all.finished == 1800 && all.sites.front().finished == 1800, "half a request per second for an hour");
    require(all.routing->round_trip_s > 0.011 && all.routing->round_trip_s < 0.013, "there and back");
}

void a_run_has_energy() {
    hardware::node node;
    node.gpus = 8;
    node.gpu.power.idle_w = 100;
    node.gpu.power.phases.gemm_bf16_w = 700;
    sim::parts parts{.fleet = fleet::fleet_state::flat_nodes(1, 8),
                     .policy = policy::make_policy("fifo", {}),
                     .placer = policy::make_first_fit(),
                     .until = 1h};
    parts.sources.push_back(std::make_unique<workload::vector_source>(
        std::vector<workload::job_request>{{.work = 30min, .gpus_min = 8, .gpus = 8, .gpus_max = 8}}));
    power::plant_plan plant;
    plant.models = {{.node = node}};
    plant.units = {{}};
    plant.sites = {{.name = "site", .units = 1}};
    parts.energy = sim::energy_model{.plant = std::move(plant), .phases = {power::phase::gemm_bf16}};
    parts.snapshots = {start_of_time + 45min};
    sim::simulation s(std::move(parts));
    s.run();
    const sim::snapshot& then = s.results().snapshots.front();
    require(then.sites[0].it_j == 1800 * (8 * 700.0) + 900 * (8 * 100.0), "a quarter of an hour less");
    require(s.results().energy->it_j == 1800 * (8 * 700.0) + 1800 * (8 * 100.0), "half an hour of each");
}

}  // namespace

void simulation_example() {
    a_service_answers();
    a_service_is_elsewhere();
    a_wait_is_explained();
    sites_schedule_their_jobs();
    a_run_has_energy();
    watcher seen;
    sim::parts parts{.fleet = fleet::fleet_state::pool(8),
                     .policy = policy::make_policy("fifo", {}),
                     .placer = policy::make_first_fit(),
                     .sample_every = 1min,
                     .observers = {&seen}};
    parts.sources.push_back(std::make_unique<workload::vector_source>(std::vector<workload::job_request>{
        {.work = 10min, .gpus_min = 8, .gpus = 8, .gpus_max = 8},
        {.submit = start_of_time + 1min, .work = 5min, .gpus_min = 4, .gpus = 4, .gpus_max = 4},
        {.submit = start_of_time + 2min, .work = 5min, .gpus_min = 9, .gpus = 9, .gpus_max = 9}}));
    sim::simulation s(std::move(parts));

    require(s.run_until(start_of_time + 3min) == sim::status::paused, "there is more to do");
    require(s.arrived() == 3 && s.waiting() == 1, "one waits, one can never run");
    s.run();

    const sim::summary& r = s.results();
    require(r.finished == 2 && r.rejected == 1 && r.unfinished == 0, "nine GPUs are more than there are");
    require(r.wait_s->max == 540 && r.makespan_s == 900.0, "the second starts at minute ten");
    require(r.utilisation == (10.0 * 8 + 5 * 4) / (15 * 8), "useful GPU-time over all there was");
    r.books.check();
    const sim::decision_costs& d = s.decisions();
    require(d.passes == 4 && d.measured == 4, "two arrivals that can run, two ends");
    require(d.per_hour.count() == 1 && d.per_hour.max() == 4, "in the first hour");

    const auto records = s.records(0);
    require(records[1].first_start == start_of_time + 10min && records[2].state == sim::outcome::rejected, "by job");
    require(seen.starts == 2 && seen.most_busy == 8, "what the observer saw");
}
