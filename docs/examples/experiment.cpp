// Module experiment: statistics of many runs.
#include "example.hpp"

#include <ampacity/core/distributions.hpp>
#include <ampacity/experiment/comparison.hpp>
#include <ampacity/experiment/steady_state.hpp>

#include <array>
#include <cmath>
#include <vector>

using namespace ampacity;

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

}  // namespace

void experiment_example() {
    variants_are_compared();
    long_runs_are_averaged();
}
