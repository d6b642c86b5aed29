// Module experiment: many runs and their statistics.
#include "example.hpp"

#include <ampacity/core/distributions.hpp>
#include <ampacity/experiment/compare.hpp>
#include <ampacity/experiment/comparison.hpp>
#include <ampacity/experiment/design.hpp>
#include <ampacity/experiment/optimise.hpp>
#include <ampacity/experiment/ranks.hpp>
#include <ampacity/experiment/result_store.hpp>
#include <ampacity/experiment/run_sweep.hpp>
#include <ampacity/experiment/steady_state.hpp>
#include <ampacity/experiment/sweep.hpp>
#include <ampacity/experiment/tornado.hpp>
#include <ampacity/experiment/trial.hpp>
#include <ampacity/io/optimise_file.hpp>
#include <ampacity/io/prepare.hpp>
#include <ampacity/io/shared_inputs.hpp>
#include <ampacity/io/sweep_file.hpp>
#include <ampacity/io/trace_cache.hpp>

#include <array>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>
#include <vector>

using namespace ampacity;
namespace fs = std::filesystem;

namespace {

void variants_are_compared() {
    // Mean JCT of two policies [s], replication by replication.
    const std::vector<double> fifo{410, 385, 530, 460, 395}, easy{300, 290, 410, 350, 301};
    const auto saved = experiment::differences(easy, fifo);
    const experiment::careful_mean mean(saved);
    require(mean.sample().mean == -105.8, "by how much on average");
    require(!mean.within(0.95).contains(0) && mean.p_value() < 0.05, "and that it is no accident");
    require(std::abs(experiment::change_of(easy, fifo)->share + 0.2427) < 1e-4, "a quarter less");
    const std::array p{mean.p_value(), 0.04, 0.6};
    require(!experiment::holm(p)[1].significant, "of several comparisons each must be surer");
    require(experiment::probability_of_best(std::array{fifo, easy}, experiment::better_of("jct_s.mean"))[1] == 1,
            "better in every resample");
    const std::array lower{experiment::direction::lower, experiment::direction::lower};
    require(!experiment::pareto_front(std::array{std::vector{330.0, 9.0}, std::vector{436.0, 9.5}}, lower)[1],
            "worse in both");
    require(experiment::hall_t(saved).within().high < 0, "also where skew is taken out");
    require(experiment::is_thin_tail("jct_s.p99", 5'000), "50 values above a percentile are few");
}

void factors_are_ranked() {
    // Mean JCT [s] of variants that change one assumption each.
    experiment::compared_group cases;
    for (const auto& [name, jct_s] : {std::pair{"base", 400.0}, std::pair{"load-low", 350.0},
                                      std::pair{"failures-low", 390.0}, std::pair{"failures-high", 500.0}})
        cases.variants.push_back({.name = name, .key = name, .mean = {.count = 20, .mean = jct_s}});
    cases.variants.front().is_baseline = true;
    const auto ranked = experiment::tornado_of(cases);
    require(ranked.rows.size() == 2 && ranked.rows[0].factor == "failures", "what matters most is first");
    require(ranked.rows[0].swing() == 110 && !ranked.rows[1].high, "from end to end; one may be missing");
}

void long_runs_are_averaged() {
    random_stream stream(1, purpose::test, 0);
    const normal_distribution normal;
    std::vector<double> queue(5'000);
    double x = 100;  // far from its mean
    for (double& y : queue) y = x = 0.5 * x + normal(stream);
    require(*experiment::warm_up(queue) > 0, "the beginning is no steady state");
    const auto mean = experiment::steady_state_mean(queue);
    require(mean && mean->within.contains(0), "the rest is");
    const auto rule = experiment::parse_stopping_rule("ci(jct_s.mean) < 1 %");
    require(rule && !rule->met_by(std::array{1.0, 1.0, 1.0}), "never before ten replications");
}

void a_sweep_is_expanded(const fs::path& folder) {
    std::ofstream(folder / "base.yaml") << R"(ampacity: 1
name: base
fleet: { pool_gpus: 8 }
workload:
  - synthetic:
      jobs: 50
      rate: "30 /h"
      duration: { median: "10 min", sigma: 1 }
      gpus: [ { gpus: 1, weight: 3 }, { gpus: 4, weight: 1 } ]
scheduler: { policy: fifo }
)";
    std::ofstream(folder / "sweep.yaml") << R"(ampacity-sweep: 1
name: policies
base: base.yaml
axes:
  scheduler.policy: [fifo, easy]
  workload.0.synthetic.rate: { from: "20 /h", to: "80 /h", steps: 3, scale: log }
replications: 12
seed: 7
metrics: [jct_s.mean, utilisation]
)";
    const auto sweep = experiment::expand(io::read_sweep(folder / "sweep.yaml"));
    require(sweep.variants.size() == 6 && sweep.num_trials() == 72, "all combinations, each so many times");
    require(sweep.variants[1].key == "scheduler.policy=fifo, workload.0.synthetic.rate=40 /h", "each has a name");
    const auto seed = experiment::seed_of(7, 11);
    require(sweep.load(1, seed).value.seed == seed, "and becomes a scenario");

    using method = io::sweep_sample::method;
    const auto points = experiment::design_points(method::sobol, 16, 2, 7);
    const io::sweep_dimension load{.path = "load", .of = io::sweep_dimension::law::log_uniform, .a = 1, .b = 100};
    require(points.size() == 16 && experiment::value_at(load, 0.5) == 10, "samples over intervals");
}

void a_sweep_runs_and_is_compared(const fs::path& folder) {
    const auto sweep = experiment::expand(io::read_sweep(folder / "sweep.yaml"));
    experiment::trial_runner runner(sweep);
    const auto about = experiment::provenance_of(sweep, runner.check(2));
    fs::remove(folder / "sweep.db");
    auto store = experiment::result_store::create(folder / "sweep.db", about);
    // The first dozen trials, then the rest: killed or not, resumed or not, the store is the same in the end.
    const auto few = [](const experiment::sweep_state& s) { return s.ended < 12; };
    static_cast<void>(experiment::run_sweep(sweep, runner, store, {.threads = 1, .watch = few}));
    const auto outcome = experiment::run_sweep(sweep, runner, store, {.threads = 2});
    require(outcome.state.ended == 72 && outcome.state.failed == 0, "all trials are there");
    require(store.values("jct_s.mean").size() == 6, "their numbers can be looked at");

    const auto c = experiment::compare(store, {.baseline = "fifo", .metrics = {"jct_s.mean"}});
    const auto& easy = c.metrics[0].groups[2].variants[1];
    require(easy.name == "easy" && easy.difference->mean < 0, "policies side by side under each load");

    const experiment::trial first{.variant = 0, .replication = 0};
    const std::atomic<bool> stop{false};
    require(runner.run(first, stop).seed == experiment::seed_of(7, 0), "a trial alone");
}

void the_fewest_gpus_are_found(const fs::path& folder) {
    std::ofstream(folder / "fewest.yaml") << R"(ampacity-optimise: 1
name: fewest
base: base.yaml
vary: { fleet.pool_gpus: { from: 4, to: 64, whole: true } }
goal: smallest
where: { wait_s.mean: "< 60" }
replications: 40
seed: 7
)";
    const auto asked = io::read_optimise(folder / "fewest.yaml");
    const auto values = experiment::candidates_of(asked);
    experiment::trial_runner runner(values);
    const auto about = experiment::provenance_of(values, runner.check(1, experiment::checked_rows(asked, values)));
    auto store = experiment::result_store::resume(folder / "fewest.db", about);
    const auto found = experiment::optimise(asked, values, runner, store, {.threads = 2});
    require(found.answer && found.neighbour, "there is one, and one GPU less will not do");
    const auto& mean = found.values[*found.answer].metrics.front().mean;
    require(mean.mean < 60 && found.trials < 61 * 40, "found with few of the trials that there could be");
}

/// A way for processes to talk to each other. Here there is one, which nobody talks to.
class alone final : public experiment::ranks {
public:
    [[nodiscard]] int number() const noexcept override { return 0; }
    [[nodiscard]] int count() const noexcept override { return 1; }
    void send(int, std::vector<char>) override {}
    [[nodiscard]] std::optional<experiment::rank_message> receive() override { return std::nullopt; }
};

void ranks_share_a_sweep(const fs::path& folder) {
    const auto sweep = experiment::expand(io::read_sweep(folder / "sweep.yaml"));
    experiment::trial_runner runner(sweep);
    const auto about = experiment::provenance_of(sweep, runner.check(1));
    fs::remove(folder / "ranks.db");
    auto store = experiment::result_store::create(folder / "ranks.db", about);
    alone all;
    const experiment::rank_dismissal dismissal(all);  // the others call serve_trials
    const auto outcome = experiment::run_sweep(
        sweep, runner, store, {.threads = 2, .others = &all, .fingerprint = experiment::fingerprint_of(about)});
    require(outcome.state.ended == 72 && outcome.absences.empty(), "all ranks together run all trials");
}

void runs_share_what_they_read(const fs::path& folder) {
    std::ofstream(folder / "jobs.csv") << "job_id,submit_s,gpus,duration_s\na,0,2,10\nb,1.5,4,5\n";
    io::trace_cache traces;
    const auto a = traces.open({.path = folder / "jobs.csv"}), b = traces.open({.path = folder / "jobs.csv"});
    std::array<workload::job_request, 8> jobs;
    require(a->next(jobs) == 2 && b->next(jobs) == 2 && traces.parsed() == 1, "two sources, one reading");

    io::shared_inputs shared;
    const auto loaded = io::read_scenario(folder / "base.yaml", std::array{io::parse_override("seed=1")});
    for (int i = 0; i != 2; ++i) {
        sim::simulation s(io::prepare(loaded, nullptr, &shared).parts);
        s.run();
        require(s.results().finished == 50, "models and signals are read for the first run");
    }
}

}  // namespace

void experiment_example() {
    const fs::path folder = fs::temp_directory_path() / "ampacity-example-experiment";
    fs::create_directories(folder);
    a_sweep_is_expanded(folder);
    a_sweep_runs_and_is_compared(folder);
    the_fewest_gpus_are_found(folder);
    ranks_share_a_sweep(folder);
    runs_share_what_they_read(folder);
    fs::remove_all(folder);
    variants_are_compared();
    factors_are_ranked();
    long_runs_are_averaged();
}
