#include "weights.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/workload/synthetic_requests.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <variant>

namespace ampacity::workload {

token_lengths::token_lengths(std::vector<weighted_law> components, std::uint64_t max)
    : pick_(weights_of(components)), max_(static_cast<double>(max)) {
    AMPACITY_ASSERT(max >= 1 && max <= max_tokens_per_request);
    for (weighted_law& c : components) {
        std::visit([](const auto& law) { law.validate(); }, c.law);
        laws_.push_back(std::move(c.law));
    }
}

std::uint32_t token_lengths::operator()(random_stream& stream) const {
    const std::size_t i = laws_.size() == 1 ? 0 : pick_.index(stream.uniform01());
    const double tokens = std::visit([&stream](const auto& law) { return law(stream); }, laws_[i]);
    return static_cast<std::uint32_t>(std::clamp(std::round(tokens), 1.0, max_));
}

synthetic_requests::synthetic_requests(synthetic_request_options options)
    : options_(std::move(options)), arrivals_(options_.arrivals) {
    AMPACITY_ASSERT(options_.priority < num_request_priorities);
}

std::size_t synthetic_requests::next(std::span<request> out) {
    std::size_t n = 0;
    for (; n != out.size() && at_ != options_.requests; ++n, ++at_) {
        const std::optional<instant> arrival = arrivals_.next();
        if (!arrival) {
            throw scenario_error({{},
                                  "rate",
                                  "request " + std::to_string(at_) + " would arrive after more than 200 years",
                                  {},
                                  "give a larger rate or fewer requests"});
        }
        random_stream lengths(options_.seed, purpose::sizes, options_.entity + at_);
        request& r = out[n];
        r = {.row = at_, .arrival = *arrival, .priority = options_.priority};
        r.prompt_tokens = options_.prompt(lengths);
        lengths.seek(2);
        r.output_tokens = options_.output(lengths);
    }
    return n;
}

std::optional<double> synthetic_requests::progress() const {
    if (options_.requests == 0) return 1.0;
    return static_cast<double>(at_) / static_cast<double>(options_.requests);
}

}  // namespace ampacity::workload
