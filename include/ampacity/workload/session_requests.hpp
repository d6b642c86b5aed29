#pragma once
/// \file
/// Conversations from distributions: each arrival begins one, and each turn's prompt holds all that was said before.
///
/// What a turn is depends on neither the rate nor other conversations, see conversation.hpp. Times between the arrivals
/// of turns are exponential: they know nothing of how long answers take. O(log live conversations) per request; memory
/// is the live conversations. One thread at a time.

#include <ampacity/workload/arrivals.hpp>
#include <ampacity/workload/conversation.hpp>
#include <ampacity/workload/request_source.hpp>
#include <ampacity/workload/synthetic_requests.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <span>
#include <vector>

namespace ampacity::workload {

/// The stream. `requests` counts turns; `arrivals` are those of conversations.
class session_requests final : public request_source {
public:
    /// \pre the options are in their ranges (checked).
    session_requests(synthetic_request_options options, const session_options& sessions);

    /// \throws scenario_error when an arrival lies beyond 200 years.
    std::size_t next(std::span<request> out) override;
    [[nodiscard]] std::optional<double> progress() const override;

private:
    void begin();
    [[nodiscard]] request take(const turn_due& d);

    synthetic_request_options options_;
    session_options sessions_;
    arrivals arrivals_;
    std::uint64_t num_begun_ = 0;
    std::uint64_t num_given_ = 0;
    std::optional<turn_due> first_;  ///< the first turn of the next conversation
    bool ended_ = false;             ///< no conversation begins any more
    std::priority_queue<turn_due, std::vector<turn_due>, std::greater<>> later_;
};

}  // namespace ampacity::workload
