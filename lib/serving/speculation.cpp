#include <ampacity/serving/speculation.hpp>

#include <cmath>

namespace ampacity::serving {

std::int64_t mean_gain(std::int64_t drafts, double acceptance) noexcept {
    double tokens = 1;
    double accepted = 1;
    for (std::int64_t k = 0; k != drafts; ++k) tokens += accepted *= acceptance;
    return std::llround(tokens * static_cast<double>(parts_per_token));
}

std::int64_t mean_gain(std::span<const double> shares) noexcept {
    double tokens = 0;
    double all = 0;
    double given = 1;
    for (const double share : shares) {
        tokens += given * share;
        all += share;
        given += 1;
    }
    return std::llround(tokens / all * static_cast<double>(parts_per_token));
}

}  // namespace ampacity::serving
