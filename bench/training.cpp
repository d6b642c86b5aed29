// What does a pre-training of 100,000 GPUs over 90 days cost to simulate, with a failure every 18 minutes and its
// checkpoints, and what does the planner?
//
// The answer that a fast wrong simulation fails: the share of useful time is its exact form for exponential failures.

#include "table.hpp"

#include <ampacity/execution/training.hpp>
#include <ampacity/io/catalogue.hpp>
#include <ampacity/llm/planner.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;
using namespace bench;

constexpr std::uint32_t nodes = 12'500;
constexpr double day_s = 86'400;

/// Checkpoints that stop the job, or not, as often as Daly has it.
void pre_train(table& t, const char* name, bool asynchronous) {
    const double mtbf_s = day_s / 6.5e-3 / nodes;  // of Meta's RSC-1, arXiv 2410.21680
    const double pause_s = 10, restart_s = 300;
    const double interval_s = execution::daly_interval_s(pause_s, mtbf_s);
    const execution::training_terms terms{.name = "job",
                                          .steps = 100'000'000,
                                          .step = std::chrono::seconds{5},
                                          .checkpoint = {.interval = duration{std::llround(interval_s * 1e9)},
                                                         .blocking = std::chrono::seconds{10},
                                                         .bytes = asynchronous ? 5.7e12 : 0,
                                                         .asynchronous = asynchronous},
                                          .restart = std::chrono::seconds{300}};
    sim::parts p{.fleet = fleet::fleet_state::flat_nodes(nodes, 8),
                 .policy = policy::make_policy("fifo", {}),
                 .placer = policy::make_placer("first-fit"),
                 .until = std::chrono::hours{24 * 90},
                 .failures = {.processes = {{.cause = "any", .mean_s = 8 * day_s / 6.5e-3}}, .seed = 1},
                 .trainings = {terms},
                 .store_b_s = 2e12};
    workload::job_request job;
    job.gpus = job.gpus_min = job.gpus_max = nodes * 8;
    job.work = job.estimate = execution::work_of(terms);
    job.submit = start_of_time;
    job.training = 1;
    p.sources.push_back(std::make_unique<workload::vector_source>(std::vector{job}));
    const stopwatch watch;
    sim::simulation s{std::move(p)};
    s.run();
    const double took_s = watch.ns() * 1e-9;
    const sim::training_result& r = s.results().trainings.front();
    t.row(name, {}, {took_s, "s"}, at_most(5));
    const double share = r.training_s / r.elapsed_s;
    const double exact =
        interval_s / (mtbf_s * std::exp(restart_s / mtbf_s) * std::expm1((interval_s + pause_s) / mtbf_s));
    t.expect(std::abs(share - exact) < 0.01, "share of useful time");
    t.expect(r.failures > 6000 && r.failures < 8500, "failures");
}

void plan(table& t) {
    const auto model = io::read_model<llm::model>("deepseek-v3").value;
    const auto system = llm::system_of(io::read_model<hardware::rack>("gb300-nvl72").value);
    const auto efficiency = io::read_model<llm::training_efficiency>("training").value;
    const stopwatch watch;
    const llm::plan_ranking found = llm::find_plans(
        model, system, efficiency,
        {.gpus = 98'304, .batch = {.sequences = 98'304, .length = 4096}, .precision = llm::precision_kind::mxfp8});
    t.row("plans of deepseek-v3 on 98,304 GPUs", {}, {watch.ns() * 1e-9, "s"}, at_most(1));
    t.expect(!found.plans.empty() && found.plans.front().plan.gpus() <= 98'304, "plans");
}

}  // namespace

int main() {
    table t;
    pre_train(t, "90 days of 100,000 GPUs, synchronous checkpoints", false);
    pre_train(t, "the same, asynchronous to a store of 2 TB/s", true);
    plan(t);
    return t.exit_status();
}
