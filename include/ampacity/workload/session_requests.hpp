#pragma once
/// \file
/// Conversations from distributions: each arrival begins one, and each turn's prompt holds all that was said before.
///
/// Turn j of conversation k takes its lengths from the stream (seed, sizes, entity + k), the prompt from numbers 4 j
/// and 4 j + 1, the answer from the next two; whether it goes on, and after how long, from (seed, sessions, entity +
/// k), numbers 2 j and 2 j + 1. So nothing depends on the rate or on another conversation. The prompt of turn j + 1 is
/// the prompt of turn j, its answer and what is added; the first two are its prefix. Times between the arrivals of
/// turns are exponential: they know nothing of how long answers take. O(log live conversations) per request; memory is
/// the live conversations. One thread at a time.

#include <ampacity/workload/arrivals.hpp>
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

/// What conversations look like.
struct session_options {
    double turns = 4;                                ///< mean, geometric from 1; >= 1
    double think_s = 30;                             ///< mean time between the arrivals of two turns; > 0 [s]
    std::uint64_t context = max_tokens_per_request;  ///< prompt and answer never exceed it; >= 2
};

/// The stream. `requests` counts turns; `arrivals` are those of conversations.
class session_requests final : public request_source {
public:
    /// \pre the options are in their ranges (checked).
    session_requests(synthetic_request_options options, const session_options& sessions);

    /// \throws scenario_error when an arrival lies beyond 200 years.
    std::size_t next(std::span<request> out) override;
    [[nodiscard]] std::optional<double> progress() const override;

private:
    struct turn {
        instant at;
        std::uint64_t conversation;  ///< from 0
        std::uint32_t number;        ///< from 0
        std::uint64_t before;        ///< tokens that were said before
        friend bool operator>(const turn& a, const turn& b) {
            return a.at != b.at ? a.at > b.at : a.conversation > b.conversation;
        }
    };

    void begin();
    [[nodiscard]] request take(const turn& t);

    synthetic_request_options options_;
    session_options sessions_;
    arrivals arrivals_;
    std::uint64_t num_begun_ = 0;
    std::uint64_t num_given_ = 0;
    std::optional<turn> first_;  ///< the first turn of the next conversation
    bool ended_ = false;         ///< no conversation begins any more
    std::priority_queue<turn, std::vector<turn>, std::greater<>> later_;
};

}  // namespace ampacity::workload
