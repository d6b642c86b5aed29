#pragma once
/// \file
/// Weights of the components of a mixture, as its discrete distribution takes them.

#include <ampacity/workload/durations.hpp>

#include <vector>

namespace ampacity::workload {

inline std::vector<double> weights_of(const std::vector<weighted_law>& components) {
    std::vector<double> weights;
    for (const weighted_law& c : components) weights.push_back(c.weight);
    return weights;
}

}  // namespace ampacity::workload
