// Module scenario: a run described by plain structs, checked, written out, and built.
#include "example.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/scenario/admission.hpp>
#include <ampacity/scenario/arrival_shape.hpp>
#include <ampacity/scenario/autoscale.hpp>
#include <ampacity/scenario/build.hpp>
#include <ampacity/scenario/build_out.hpp>
#include <ampacity/scenario/cache_transfer.hpp>
#include <ampacity/scenario/capacity_changes.hpp>
#include <ampacity/scenario/contract.hpp>
#include <ampacity/scenario/duration_shape.hpp>
#include <ampacity/scenario/elastic_options.hpp>
#include <ampacity/scenario/elastic_training.hpp>
#include <ampacity/scenario/energy_options.hpp>
#include <ampacity/scenario/engine.hpp>
#include <ampacity/scenario/everywhere.hpp>
#include <ampacity/scenario/feed_failures.hpp>
#include <ampacity/scenario/fields.hpp>
#include <ampacity/scenario/kv_tiers.hpp>
#include <ampacity/scenario/lora_adapters.hpp>
#include <ampacity/scenario/output_options.hpp>
#include <ampacity/scenario/part_failures.hpp>
#include <ampacity/scenario/power_aware_options.hpp>
#include <ampacity/scenario/power_options.hpp>
#include <ampacity/scenario/preemption.hpp>
#include <ampacity/scenario/reference.hpp>
#include <ampacity/scenario/resolved.hpp>
#include <ampacity/scenario/scenario.hpp>
#include <ampacity/scenario/scheduler.hpp>
#include <ampacity/scenario/served_model.hpp>
#include <ampacity/scenario/services.hpp>
#include <ampacity/scenario/signal_aware_options.hpp>
#include <ampacity/scenario/signal_options.hpp>
#include <ampacity/scenario/site_migration.hpp>
#include <ampacity/scenario/site_preference.hpp>
#include <ampacity/scenario/site_scheduler.hpp>
#include <ampacity/scenario/speculative.hpp>
#include <ampacity/scenario/synthetic_jobs.hpp>
#include <ampacity/scenario/synthetic_options.hpp>
#include <ampacity/scenario/synthetic_requests.hpp>
#include <ampacity/scenario/topology_options.hpp>
#include <ampacity/scenario/trained_jobs.hpp>
#include <ampacity/scenario/training_jobs.hpp>
#include <ampacity/scenario/units.hpp>
#include <ampacity/scenario/validate.hpp>
#include <ampacity/scenario/values.hpp>
#include <ampacity/scenario/workload_entry.hpp>
#include <ampacity/scenario/workload_model.hpp>

#include <algorithm>

using namespace ampacity;
using namespace std::chrono_literals;

namespace {

scenario::scenario described() {
    scenario::scenario s;
    s.name = "in-code";
    s.seed = 42;
    s.fleet.nodes = scenario::node_group{.gpus = 8, .count = 4};
    s.scheduler.policy = "sjf";
    s.scheduler.preemption = scenario::preemption{.restart = 1min};
    scenario::synthetic_jobs jobs;
    jobs.jobs = 100;
    require(!scenario::parse("60 /h", jobs.rate), "a rate with its unit");
    jobs.duration = {.median = 30min, .sigma = 1};
    jobs.gpus = {{.gpus = 1, .weight = 1}, {.gpus = 8, .weight = 1}};
    s.scheduler.reservations.push_back({.name = "upgrade", .start = 1h, .length = 30min, .nodes = "0-1"});
    s.workload.push_back({.trace = {}, .synthetic = jobs});
    return s;
}

/// A service that has the fleet for itself.
void a_service() {
    scenario::scenario s;
    s.name = "served";
    s.seed = 42;
    s.fleet.pool_gpus = 8;
    s.scheduler.policy = "fifo";
    scenario::inference_service chat{.name = "chat", .gpus_per_replica = 8};
    scenario::step_terms step;
    require(!scenario::parse("5 ms", step.base) && !scenario::parse("30.5 ns", step.per_kv_token), "exact times");
    const scenario::serving_sizes plan{.tp = 8};  // with `model` a plan says what a replica is
    require(!chat.model && plan.attention_dp * plan.pp == 1, "this one has its coefficients");
    chat.engine.kv_capacity_tokens = 60'000;
    chat.engine.step = step;
    chat.engine.prefix_cache = true;
    chat.engine.kv_bytes_per_token = scenario::quantity<scenario::dimension::data_size>{160'000};
    chat.engine.tiers = {scenario::kv_tier{.name = "lpddr", .capacity = {480e9}, .bandwidth = {400e9}}};
    chat.engine.adapters = scenario::lora_adapters{.slots = 4, .size = {2e8}, .bandwidth = {50e9}};
    chat.engine.speculation = scenario::speculative_decoding{.tokens = 2, .acceptance = 0.7};
    chat.synthetic = scenario::synthetic_requests{
        .requests = 100,
        .rate = scenario::rate{3},
        .prompt = scenario::token_length{.median = scenario::quantity<scenario::dimension::tokens>{1000}},
        .output = scenario::token_length{.median = scenario::quantity<scenario::dimension::tokens>{100}}};
    s.workload.emplace_back().service = chat;
    sim::simulation run{scenario::build(s)};
    run.run();
    const sim::service_result& result = run.results().services.front();
    require(result.finished == 100 && result.output_tokens == 10'000, "all requests are answered");

    s.workload[0].service->admission =
        scenario::admission_control{.classes = {scenario::admission_class{.name = "all", .max_requests = 1}}};
    sim::simulation shedding{scenario::build(s)};
    shedding.run();
    const sim::class_result& of_class = shedding.results().services.front().classes.front();
    require(of_class.shed > 0 && of_class.shed + of_class.finished == 100, "one request at a time, others are shed");
    s.workload[0].service->admission.reset();

    s.workload[0].service->autoscale = scenario::autoscale_options{.start = std::chrono::seconds{10}};
    sim::simulation again{scenario::build(s)};
    again.run();
    const sim::service_result& scaled = again.results().services.front();
    require(scaled.finished == 100 && scaled.scaling->cold_starts == 1, "by a replica that is a job of its own");

    s.workload[0].service->everywhere =
        scenario::everywhere_options{.router = hardware::site_preference::greenest,
                                     .origins = {{.name = "berlin", .latitude = 52.5, .longitude = 13.4}}};
    bool refused = false;
    try {
        scenario::validate(s);
    } catch (const scenario_error& e) {
        refused = e.details().key == "workload.0.service.everywhere";
    }
    require(refused, "only a fluid service can be at several sites");
}

/// Two racks a week.
void a_build_out() {
    scenario::scenario s;
    s.name = "built";
    s.seed = 42;
    s.until = 24h * 70;
    s.fleet.racks = scenario::rack_group{.count = 20};
    s.fleet.plan = scenario::build_out{.racks_per_week = 2, .burn_in = scenario::time_law{.constant = 96h}};
    s.scheduler.policy = "fifo";
    const auto facts = scenario::facts_of(scenario::rack_courses(s), start_of_time + *s.until);
    require(facts.racks == 19 && *facts.first == start_of_time + 96h,
            "one rack is burnt in for four days each half week");
}

}  // namespace

void scenario_example() {
    a_service();
    a_build_out();
    scenario::scenario s = described();
    scenario::validate(s);
    sim::simulation simulation(scenario::build(s));
    simulation.run();
    require(simulation.results().finished == 100, "the description runs");
    require(scenario::make_options(*s.workload[0].synthetic, s.seed, 0).rate_per_s == 60 / 3600.0,
            "rates are per second");

    s.scheduler.topology = scenario::topology_options{.weights = scenario::placement_weights{.racks = 1, .blocks = 10}};
    const std::string text = scenario::write_resolved(s);
    require(text.find("placer: first-fit") != std::string::npos, "every default is spelt out");
    require(text.find("blocks: 10\n") != std::string::npos, "and what is not one");

    // The same jobs, half of them elastic.
    s.workload[0].synthetic->gpus[1].elastic = scenario::elastic_range{.min = 1, .max = 32, .serial_fraction = 0.02};
    s.scheduler.policy = "elastic";
    s.scheduler.elastic = scenario::elastic_options{.steps = scenario::gpu_steps::powers_of_two};
    s.scheduler.preemption = scenario::preemption{.resize = 30s};
    sim::simulation resizing(scenario::build(s));
    resizing.run();
    require(resizing.results().finished == 100 && resizing.results().resizes > 0U, "they are resized");

    s.scheduler.policy = "sfj";
    try {
        scenario::validate(s);
        require(false, "an unknown policy is refused");
    } catch (const scenario_error& e) {
        require(e.details().key == "scheduler.policy" && e.details().remedy == "did you mean `sjf`?", "with a remedy");
    }

    // One description of the keys serves the reader, the writer and the reference.
    const auto keys = scenario::keys_of<scenario::node_group>().known;
    require(keys[0] == "model" && keys[1] == "gpus", "the keys of a struct");
    require(!scenario::failing_parts{}.repair, "a cause of failures needs no repair unless it says so");
    require(scenario::signal_file{}.gaps == scenario::gap_filling::error,
            "gaps of a file are errors unless one says else");
    const auto all = scenario::key_reference();
    const auto placer =
        std::find_if(all.begin(), all.end(), [](const auto& k) { return k.path == "scheduler.placer"; });
    require(placer != all.end() && placer->default_value == "first-fit", "the reference of keys");

    // Values as they stand in a file.
    duration d{};
    require(!scenario::parse("1.5 h", d) && d == 90min && scenario::format(d) == "90 min", "durations");
    require(scenario::parse("90", d).has_value(), "a bare number has no meaning");
    require(scenario::yaml_text(std::string{"on"}) == "\"on\"", "texts that YAML would take for something else");
}
