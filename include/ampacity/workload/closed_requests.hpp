#pragma once
/// \file
/// Requests that follow answers: turns of conversations, or users who send one after the other.
///
/// With `users` there are so many from time 0 on, each of whom sends one request at a time: the turns of a
/// conversation, and when that has ended the first of the next one. Without, conversations begin by `arrivals`. A pause
/// is between the answer to a request and the next one of its user or conversation: that of the turn within a
/// conversation, `between_s` on average, exponential, before a user begins another. A conversation whose request gets
/// no answer has ended. Conversations are numbered in order of their beginning; what a turn is see conversation.hpp.
///
/// Ties in time go by the conversation. `requests` counts all; behind the last nothing follows. O(log live
/// conversations) per request; memory is the live conversations, and the rows between the oldest request that has not
/// left and the youngest; nothing is allocated once both
/// have been as large as they will. One thread at a time.

#include <ampacity/workload/arrivals.hpp>
#include <ampacity/workload/conversation.hpp>
#include <ampacity/workload/request_source.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <span>
#include <vector>

namespace ampacity::workload {

/// Who sends them.
struct loop_users {
    std::uint32_t count = 1;  ///< >= 1
    double between_s = 0;     ///< mean time from the end of a conversation to the begin of the next, >= 0 [s]
};

class closed_requests final : public request_source, public request_loop {
public:
    /// \pre the options are in their ranges (checked); `options.arrivals` is not looked at where there are users
    closed_requests(synthetic_request_options options, const session_options& sessions,
                    std::optional<loop_users> users);

    /// \throws scenario_error when an arrival lies beyond 200 years.
    std::size_t next(std::span<request> out) override;
    [[nodiscard]] std::optional<double> progress() const override;
    [[nodiscard]] request_loop* loop() noexcept override { return this; }

    [[nodiscard]] instant next_arrival() const override;
    request take() override;
    void left(std::uint64_t row, bool answered, instant now) override;

private:
    /// What follows a request that has not left.
    struct pending {
        std::optional<turn_name> following;
        duration pause;
        std::uint64_t conversation;
        bool has_left;
    };

    [[nodiscard]] pending& pending_of(std::uint64_t row) noexcept { return out_[row & (out_.size() - 1)]; }
    void widen();

    void begin_by_arrival();
    void begin_again(std::uint64_t ended, instant now);
    void push(instant at, const turn_name& turn);

    synthetic_request_options options_;
    session_options sessions_;
    std::optional<loop_users> users_;
    std::optional<arrivals> arrivals_;  // of conversations; none: there are users
    std::uint64_t num_begun_ = 0;
    std::uint64_t num_given_ = 0;
    std::priority_queue<turn_due, std::vector<turn_due>, std::greater<>>
        due_;                      // with the next conversation, where they arrive
    std::vector<pending> out_;     // a ring by row, from `first_out_` to `num_given_`; a power of two
    std::uint64_t first_out_ = 0;  // the oldest request that has not left
};

}  // namespace ampacity::workload
