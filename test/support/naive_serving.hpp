#pragma once
/// \file
/// The rules of a serving step, done literally: one step after the other, every request looked at in each, blocks
/// counted one by one, times as exact sums. Shares nothing with the engine but the structs of its inputs.

#include <ampacity/core/wide.hpp>
#include <ampacity/serving/autoscaler.hpp>
#include <ampacity/serving/iteration_time.hpp>
#include <ampacity/serving/replica.hpp>
#include <ampacity/serving/request_record.hpp>
#include <ampacity/serving/service.hpp>
#include <ampacity/serving/token_gaps.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::test {

struct naive_serving_result {
    std::vector<serving::request_record> records;  ///< by row
    std::int64_t steps = 0;
    std::int64_t preemptions = 0;
    std::int64_t computed_tokens = 0;  ///< over all steps
    std::int64_t produced_tokens = 0;
    std::int64_t blocks_at_until = 0;   ///< taken at `until`, before a step that begins then
    int128 block_time = 0;              ///< sum over steps that ended, and waits for loads, of blocks x time [block-ns]
    std::int64_t busy = 0;              ///< of all steps that ended [ns]
    std::int64_t prefill_time = 0;      ///< of steps with a chunk that is no decode [ns]
    std::int64_t peak_blocks = 0;       ///< in a step that ended
    std::int64_t cached_at_until = 0;   ///< tokens computed of requests that run then, without the step in progress
    std::int64_t waiting_at_until = 0;  ///< tokens known to requests that wait then, before a step that begins then
    std::int64_t loading_at_until = 0;  ///< requests whose prefix is being loaded then, or was
    std::vector<std::int64_t> loads, loaded_tokens, load_time;           ///< by tier; the latter of its link [ns]
    std::int64_t adapter_hits = 0, adapter_loads = 0, adapter_time = 0;  ///< the latter of their link [ns]
    std::size_t num_waiting_at_until = 0;                                ///< requests that do, likewise
    /// Blocks that the prefix cache knows then, by session and number; likewise.
    std::set<std::pair<std::uint32_t, std::int64_t>> known_at_until{};
    std::vector<std::int64_t> gaps{};  ///< between tokens of one answer, in order of the later one [ns]
    std::array<std::vector<std::int64_t>, workload::num_request_priorities> gaps_by_priority{};  ///< the same
};

/// From an instant on steps that begin last so many millionths of their time.
struct slowdown_change {
    instant at{};
    std::int64_t millionths = serving::full_speed;
};

/// Serves requests, in order of arrival, on one replica; what is left at `until` is unfinished. `submitted`: when they
/// come to it, rising, no earlier than they arrived; empty: then. `slowdowns`: by instant, of several at one the last
/// counts.
[[nodiscard]] naive_serving_result serve_naively(const std::vector<workload::request>& requests,
                                                 const serving::replica_options& options,
                                                 const std::vector<serving::linear_step>& pieces, instant until = never,
                                                 const serving::step_grid& grid = {},
                                                 const std::vector<instant>& submitted = {},
                                                 const std::vector<slowdown_change>& slowdowns = {});

/// Where what was measured leaves what its header says of these gaps; empty: nowhere.
[[nodiscard]] std::string difference_of(const serving::token_gaps& measured, std::vector<std::int64_t> gaps);
/// The same of each priority and of all together.
[[nodiscard]] std::string difference_of(const std::vector<serving::token_gaps>& measured,
                                        const naive_serving_result& naive);

struct naive_pools_result {
    std::vector<serving::request_record> records;               ///< by row
    naive_serving_result prefill{}, decode{};                   ///< sums over replicas, without records
    std::int64_t transfers = 0;                                 ///< that ended
    std::int64_t tokens_moved = 0;                              ///< by these
    std::uint64_t cold_starts = 0, failures = 0, requeued = 0;  ///< where replicas come and go
    std::int64_t lost_tokens = 0;                               ///< there
};

/// Replicas that come and go on a fleet with nothing else, where each takes a whole node, the first that is free. What
/// happens to nodes and what is decided never happens at one instant.
struct naive_scaling {
    serving::autoscaler_options autoscale{};
    duration cold_start{};  ///< > 0
    std::optional<duration> drain_limit{};
    bool requeues = true;
    duration ttft{};  ///< the target, for the policy `slo`
    std::uint32_t nodes = 1;
    struct outage {
        instant start, end;
        std::uint32_t node = 0;
    };
    std::vector<outage> outages{};
};

inline constexpr std::uint64_t after_none = ~std::uint64_t{0};

/// The same of a service of several replicas, whose prompts and answers are computed apart where `service.decode` is
/// there, and which come and go where `scaling` is; it may shed requests. Steps take 1 ns or more. `pieces`, and
/// `decode_pieces` in place of `service.decode->time`. Gaps are one list of those of each replica. `after`, if it is
/// given: a request comes in a round behind that in which the one of this row has left; `after_none`: with all that is
/// there.
[[nodiscard]] naive_pools_result serve_pools_naively(const std::vector<workload::request>& requests,
                                                     const serving::service_options& service,
                                                     const std::vector<serving::linear_step>& pieces,
                                                     const std::vector<serving::linear_step>& decode_pieces,
                                                     instant until = never, const naive_scaling* scaling = nullptr,
                                                     const std::vector<std::uint64_t>& after = {});

}  // namespace ampacity::test
