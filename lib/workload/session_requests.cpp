#include <ampacity/core/error.hpp>
#include <ampacity/workload/session_requests.hpp>

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
    if (at) first_ = turn_due{*at, {.conversation = num_begun_++}};
}

request session_requests::take(const turn_due& d) {
    turn t = turn_of(d.turn, options_, sessions_);
    if (t.following) {
        const instant at = add_saturating(d.at, t.pause);
        if (at - start_of_time <= longest_input) later_.push({at, *t.following});
    }
    t.asked.row = num_given_;
    t.asked.arrival = d.at;
    return t.asked;
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
        turn_due d;
        if (!first_ || (!later_.empty() && *first_ > later_.top())) {
            d = later_.top();
            later_.pop();
        } else {
            d = *first_;
            first_.reset();
        }
        out[n] = take(d);
    }
    return n;
}

std::optional<double> session_requests::progress() const {
    if (options_.requests == 0) return 1.0;
    return static_cast<double>(num_given_) / static_cast<double>(options_.requests);
}

}  // namespace ampacity::workload
