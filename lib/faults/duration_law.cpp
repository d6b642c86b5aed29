#include <ampacity/faults/duration_law.hpp>

#include <algorithm>

namespace ampacity::faults {

duration_law law_of_mean(double mean_s, double shape) {
    if (shape == 1) return exponential_distribution{mean_s};
    return weibull_distribution{shape, mean_s / weibull_distribution{shape, 1}.mean()};
}

duration draw(const duration_law& of, random_stream& stream) {
    return std::max(duration{1}, std::visit([&stream](const auto& law) { return draw_duration(law, stream); }, of));
}

}  // namespace ampacity::faults
