// Module experiment: many runs and their statistics.
#include "example.hpp"

#include <ampacity/core/distributions.hpp>
#include <ampacity/experiment/comparison.hpp>
#include <ampacity/experiment/design.hpp>
#include <ampacity/experiment/steady_state.hpp>
#include <ampacity/experiment/sweep.hpp>
#include <ampacity/io/sweep_file.hpp>

#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
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
    require(experiment::is_thin_tail("jct_s.p99", 5'000), "50 values above a percentile are few");
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

}  // namespace

void experiment_example() {
    const fs::path folder = fs::temp_directory_path() / "ampacity-example-experiment";
    fs::create_directories(folder);
    a_sweep_is_expanded(folder);
    fs::remove_all(folder);
    variants_are_compared();
    long_runs_are_averaged();
}
