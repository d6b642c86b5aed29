#include <ampacity/core/distributions.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/workload/session_requests.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace ampacity::workload {

session_requests::session_requests(synthetic_request_options options, const session_options& sessions)
    : options_(std::move(options)), sessions_(sessions), arrivals_(options_.arrivals) {
    AMPACITY_ASSERT(options_.priority < num_request_priorities && sessions_.turns >= 1 && sessions_.think_s > 0);
    AMPACITY_ASSERT(sessions_.context >= 2 && sessions_.context <= max_tokens_per_request);
}

void session_requests::begin() {
    if (first_ || ended_) return;
    const std::optional<instant> at = arrivals_.next();
    ended_ = !at;
    if (at) first_ = turn{*at, num_begun_++, 0, 0};
}

request session_requests::take(const turn& t) {
    random_stream lengths(options_.seed, purpose::sizes, options_.entity + t.conversation);
    lengths.seek(4 * std::uint64_t{t.number});
    const std::uint64_t added = options_.prompt(lengths);
    lengths.seek(4 * std::uint64_t{t.number} + 2);
    const std::uint64_t output = std::min<std::uint64_t>(options_.output(lengths), sessions_.context - 1);
    const std::uint64_t prompt = std::min(t.before + added, sessions_.context - output);
    random_stream goes_on(options_.seed, purpose::sessions, options_.entity + t.conversation);
    goes_on.seek(2 * std::uint64_t{t.number});
    const bool is_last = goes_on.uniform01() * sessions_.turns < 1;
    const double pause_s = exponential_distribution{sessions_.think_s}(goes_on);
    const std::uint64_t said = prompt + output;
    // A turn adds a token at least, and gets one.
    if (!is_last && said + 2 <= sessions_.context) {
        const instant at = add_saturating(t.at, duration{std::llround(std::min(pause_s, 6e9) * 1e9)});
        if (at - start_of_time <= longest_input) later_.push({at, t.conversation, t.number + 1, said});
    }
    return {.row = num_given_,
            .arrival = t.at,
            .prompt_tokens = static_cast<std::uint32_t>(prompt),
            .output_tokens = static_cast<std::uint32_t>(output),
            .prefix_tokens = static_cast<std::uint32_t>(std::min(t.before, prompt)),
            .session = static_cast<std::uint32_t>(t.conversation % 0xFFFF'FFFFU + 1),
            .priority = options_.priority};
}

std::size_t session_requests::next(std::span<request> out) {
    std::size_t n = 0;
    for (; n != out.size() && num_given_ != options_.requests; ++n, ++num_given_) {
        begin();
        if (!first_ && later_.empty()) {
            throw scenario_error({{},
                                  "rate",
                                  "request " + std::to_string(num_given_) + " would arrive after more than 200 years",
                                  {},
                                  "give a larger rate or fewer requests"});
        }
        turn t;
        if (!first_ || (!later_.empty() && *first_ > later_.top())) {
            t = later_.top();
            later_.pop();
        } else {
            t = *first_;
            first_.reset();
        }
        out[n] = take(t);
    }
    return n;
}

std::optional<double> session_requests::progress() const {
    if (options_.requests == 0) return 1.0;
    return static_cast<double>(num_given_) / static_cast<double>(options_.requests);
}

}  // namespace ampacity::workload
