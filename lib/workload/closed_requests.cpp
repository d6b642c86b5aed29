#include <ampacity/core/distributions.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/workload/closed_requests.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace ampacity::workload {

closed_requests::closed_requests(synthetic_request_options options, const session_options& sessions,
                                 std::optional<loop_users> users)
    : options_(std::move(options)), sessions_(sessions), users_(users) {
    AMPACITY_ASSERT(options_.priority < num_request_priorities && sessions_.turns >= 1 && sessions_.think_s > 0);
    AMPACITY_ASSERT(sessions_.context >= 2 && sessions_.context <= max_tokens_per_request);
    AMPACITY_ASSERT(!users_ || (users_->count >= 1 && users_->between_s >= 0));
    if (users_) {
        for (; num_begun_ != users_->count; ++num_begun_) push(start_of_time, {.conversation = num_begun_});
    } else {
        arrivals_.emplace(options_.arrivals);
        begin_by_arrival();
    }
}

/// What lies beyond the end of input never comes.
void closed_requests::push(instant at, const turn_name& turn) {
    if (at - start_of_time <= longest_input) due_.push({at, turn});
}

/// The next conversation that arrives is always due, until there is none.
void closed_requests::begin_by_arrival() {
    if (const std::optional<instant> at = arrivals_->next()) push(*at, {.conversation = num_begun_++});
}

/// The user of a conversation that has ended begins another.
void closed_requests::begin_again(std::uint64_t ended, instant now) {
    duration pause{0};
    if (users_->between_s > 0) {
        random_stream stream(options_.seed, purpose::sessions, options_.entity + ended);
        stream.seek(random_stream::length - 2);
        const double pause_s = exponential_distribution{users_->between_s}(stream);
        pause = duration{std::llround(std::min(pause_s, 6e9) * 1e9)};
    }
    push(add_saturating(now, pause), {.conversation = num_begun_++});
}

instant closed_requests::next_arrival() const {
    return num_given_ == options_.requests || due_.empty() ? never : due_.top().at;
}

void closed_requests::widen() {
    std::vector<pending> wider(std::max<std::size_t>(64, 2 * out_.size()));
    for (std::uint64_t row = first_out_; row != num_given_; ++row) wider[row & (wider.size() - 1)] = pending_of(row);
    out_ = std::move(wider);
}

request closed_requests::take() {
    AMPACITY_ASSERT(next_arrival() != never);
    const turn_due d = due_.top();
    due_.pop();
    if (!users_ && d.turn.number == 0) begin_by_arrival();
    turn t = turn_of(d.turn, options_, sessions_);
    if (num_given_ - first_out_ == out_.size()) widen();
    pending_of(num_given_) = {t.following, t.pause, d.turn.conversation, false};
    t.asked.row = num_given_++;
    t.asked.arrival = d.at;
    return t.asked;
}

void closed_requests::left(std::uint64_t row, bool answered, instant now) {
    AMPACITY_ASSERT(row >= first_out_ && row < num_given_);
    pending& p = pending_of(row);
    AMPACITY_ASSERT(!p.has_left);
    p.has_left = true;
    if (answered && p.following)
        push(add_saturating(now, p.pause), *p.following);
    else if (users_)
        begin_again(p.conversation, now);
    while (first_out_ != num_given_ && pending_of(first_out_).has_left) ++first_out_;
}

std::size_t closed_requests::next(std::span<request> out) {
    std::size_t n = 0;
    for (; n != out.size() && num_given_ != options_.requests; ++n) {
        if (next_arrival() == never) {
            throw scenario_error({{},
                                  "rate",
                                  "request " + std::to_string(num_given_) + " would arrive after more than 200 years",
                                  {},
                                  "give a larger rate or fewer requests"});
        }
        out[n] = take();
        left(out[n].row, true, out[n].arrival);
    }
    return n;
}

std::optional<double> closed_requests::progress() const {
    if (options_.requests == 0) return 1.0;
    return static_cast<double>(num_given_) / static_cast<double>(options_.requests);
}

}  // namespace ampacity::workload
