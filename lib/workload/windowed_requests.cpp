#include <ampacity/core/distributions.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/workload/windowed_requests.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace ampacity::workload {

windowed_requests::windowed_requests(windowed_request_options options) : options_(std::move(options)) {
    AMPACITY_ASSERT(!options_.lengths.empty());
    const instant* last = nullptr;
    for (const length_window& w : options_.lengths) {
        AMPACITY_ASSERT(!w.prompt.empty() && w.prompt.size() <= max_parts);
        AMPACITY_ASSERT(last == nullptr || *last <= w.begin);
        last = &w.begin;
    }
    instant end = start_of_time;
    for (const rate_window& w : options_.rates) {
        AMPACITY_ASSERT(w.begin >= end && w.length > duration::zero() && w.rate_per_s >= 0 && w.shape > 0);
        end = w.begin + w.length;
    }
}

/// In expected requests.
double windowed_requests::draw_gap() const {
    random_stream stream{options_.seed, purpose::arrivals, options_.entity + at_};
    const rate_window& w = options_.rates[window_];
    switch (w.process) {
        case arrival_process::poisson: break;
        case arrival_process::gamma: return gamma_distribution{w.shape, 1 / w.shape}(stream);
        case arrival_process::weibull: {
            const double mean = weibull_distribution{w.shape, 1}.mean();
            return weibull_distribution{w.shape, 1}(stream) / mean;
        }
    }
    return exponential_distribution{1}(stream);
}

std::optional<instant> windowed_requests::next_arrival() {
    if (window_ == options_.rates.size()) return std::nullopt;
    double gap = draw_gap();
    for (;;) {
        const rate_window& w = options_.rates[window_];
        const double left_s = to_seconds(w.length) - in_window_s_;
        if (gap < w.rate_per_s * left_s) {
            in_window_s_ += gap / w.rate_per_s;
            return w.begin + std::min(round_to_duration(in_window_s_), w.length);
        }
        gap -= w.rate_per_s * left_s;
        in_window_s_ = 0;
        if (++window_ == options_.rates.size()) return std::nullopt;
    }
}

std::size_t windowed_requests::next(std::span<request> out) {
    constexpr double most = max_tokens_per_request;
    std::size_t n = 0;
    for (; n != out.size(); ++n, ++at_) {
        const std::optional<instant> arrival = next_arrival();
        if (!arrival) break;
        const auto& windows = options_.lengths;
        while (length_at_ + 1 != windows.size() && windows[length_at_ + 1].begin <= *arrival) ++length_at_;
        const length_window& w = windows[length_at_];
        random_stream lengths(options_.seed, purpose::sizes, options_.entity + at_);
        double prompt = 0;
        for (const empirical_distribution& part : w.prompt) prompt += std::round(part(lengths));
        lengths.seek(max_parts);
        const double output = std::round(w.output(lengths));
        out[n] = {.row = at_,
                  .arrival = *arrival,
                  .prompt_tokens = static_cast<std::uint32_t>(std::clamp(prompt, 1.0, most)),
                  .output_tokens = static_cast<std::uint32_t>(std::clamp(output, 1.0, most))};
    }
    return n;
}

}  // namespace ampacity::workload
