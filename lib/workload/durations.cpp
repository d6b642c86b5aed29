#include "weights.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/workload/durations.hpp>

#include <algorithm>
#include <utility>

namespace ampacity::workload {

duration_mixture::duration_mixture(std::vector<weighted_law> components, duration max)
    : pick_(weights_of(components)), max_(max) {
    AMPACITY_ASSERT(max > duration::zero() && max <= longest_input);
    for (weighted_law& c : components) {
        std::visit([](const auto& law) { law.validate(); }, c.law);
        laws_.push_back(std::move(c.law));
    }
}

duration duration_mixture::operator()(random_stream& stream, double factor) const {
    const std::size_t i = laws_.size() == 1 ? 0 : pick_.index(stream.uniform01());
    const double seconds = std::visit([&stream](const auto& law) { return law(stream); }, laws_[i]);
    return std::min(round_to_duration(seconds * factor), max_);
}

}  // namespace ampacity::workload
