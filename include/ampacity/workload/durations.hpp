#pragma once
/// \file
/// How long synthetic jobs run: one law, or a weighted mixture of laws, cut to an interval.
///
/// A single law takes the first number of the stream. A mixture takes two: the first picks the component, the second
/// the value, by inversion, so it moves smoothly with the component's parameters. Same bits on every x86-64 machine.
/// Plain values after construction: any number of threads draw from one.

#include <ampacity/core/distributions.hpp>
#include <ampacity/core/tables.hpp>
#include <ampacity/core/time.hpp>

#include <variant>
#include <vector>

namespace ampacity::workload {

/// A distribution of seconds.
using duration_law =
    std::variant<constant_distribution, uniform_distribution, exponential_distribution, lognormal_distribution,
                 weibull_distribution, pareto_distribution, bounded_pareto_distribution, empirical_distribution>;

/// One component of a mixture.
struct weighted_law {
    double weight = 1;  ///< relative to the sum of all weights, >= 0
    duration_law law{};
};

/// Durations of jobs.
class duration_mixture {
public:
    /// Longer draws are cut to `max`. Throws `std::invalid_argument` for laws that are not valid, no component, or no
    /// weight above 0. \pre max > 0
    explicit duration_mixture(std::vector<weighted_law> components, duration max = longest_input);

    /// Seconds x `factor`, rounded to a duration and cut.
    [[nodiscard]] duration operator()(random_stream& stream, double factor = 1.0) const;

    [[nodiscard]] duration max() const noexcept { return max_; }

private:
    std::vector<duration_law> laws_;
    discrete_distribution pick_;
    duration max_;
};

}  // namespace ampacity::workload
