#pragma once
/// \file
/// What an inference service of a run came to.
///
/// Part of `result.hpp`. Latencies are of finished requests. Values only.

#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/fluid/window.hpp>
#include <ampacity/sim/modelled_service.hpp>
#include <ampacity/workload/request_source.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::sim {

/// Mean and order statistics: the p-th percentile of n values is the ceil(p/100 n)-th smallest.
struct distribution_summary {
    double mean = 0, p50 = 0, p90 = 0, p99 = 0, max = 0;
};

/// The requests of one priority. Times are over finished requests.
struct priority_result {
    std::uint8_t priority = 0;
    std::uint64_t requests = 0, finished = 0;            ///< that arrived
    std::optional<distribution_summary> ttft_s{};        ///< [s]
    std::optional<distribution_summary> tpot_s{};        ///< [s]
    std::optional<distribution_summary> itl_s{};         ///< of all, as of the service [s]
    std::optional<distribution_summary> e2e_s{};         ///< [s]
    std::optional<double> attainment{};                  ///< [1]
    std::optional<distribution_summary> queueing_s{};    ///< [s]
    std::uint64_t prompt_tokens = 0, output_tokens = 0;  ///< of finished requests
};

/// The requests of one class. Times are over finished requests.
struct class_result {
    std::string name;
    std::uint64_t requests = 0, finished = 0, shed = 0;  ///< that arrived
    std::uint64_t met = 0;                               ///< finished and within all its targets
    std::optional<distribution_summary> ttft_s{};        ///< [s]
    std::optional<distribution_summary> tpot_s{};        ///< [s]
    std::optional<distribution_summary> itl_s{};         ///< of all, as of the service [s]
    std::optional<distribution_summary> e2e_s{};         ///< [s]
    std::optional<double> attainment{};                  ///< [1]
    std::optional<distribution_summary> queueing_s{};    ///< [s]
    std::uint64_t prompt_tokens = 0, output_tokens = 0;  ///< of finished requests
};

/// What became of replicas that came and went. Times are sums over replicas.
struct scaling_result {
    std::uint64_t gpus_per_replica = 0;
    duration lasted{};                            ///< until the last request had left, or the end of the run
    gpu_time serving = 0;                         ///< replicas x time that they got requests [ns]
    gpu_time cold = 0, draining = 0;              ///< the same before and after that [ns]
    std::uint32_t max_serving = 0;                ///< at a time
    std::uint64_t cold_starts = 0;                ///< that began
    std::uint64_t failures = 0, preemptions = 0;  ///< of replicas that held GPUs
    std::uint64_t requeued = 0;                   ///< times that a request lost its replica and waited for another
    std::int64_t lost_tokens = 0;                 ///< in the caches of replicas, of requests that lost them
    bool is_paced = false;                        ///< something could slow its replicas down
    gpu_time slowed = 0;                          ///< of `serving`, that of replicas at less than full speed
    gpu_time paced = 0;                           ///< the integral of the paces of those that serve [millionths x ns]

    /// Replicas x time that they held GPUs [ns].
    [[nodiscard]] gpu_time held() const noexcept { return serving + cold + draining; }
    /// Mean pace of replicas that serve, weighted by time, of full speed [1]. \pre serving > 0
    [[nodiscard]] double mean_pace() const noexcept {
        return static_cast<double>(paced) / (1e6 * static_cast<double>(serving));
    }
};

/// Of a service without requests.
struct fluid_result {
    double capacity_per_s = 0;                       ///< requests that a replica can take [1/s]
    double queued_capacity_per_s = 0;                ///< the same while a long queue is worked off [1/s]
    double max_backlog = 0;                          ///< requests at a time, as it is known at ticks
    double mean_load = 0;                            ///< requests served / what serving replicas could have [1]
    std::optional<fluid::windows_result> windows{};  ///< none: there are none
};

/// Requests from one place or at one site, of a service that is everywhere. Means are over those that were served.
struct routed_requests {
    std::string name;
    double requests = 0;      ///< that came
    double served = 0;        ///< rejected ones included
    double round_trip_s = 0;  ///< mean on the way, there and back [s]
    double far_share = 0;     ///< of those at sites beyond the longest round trip [1]
    /// Of a place, requests that were served, by site.
    std::vector<double> served_at{};
};

/// Where requests came from and went to.
struct routing_result {
    double prompt_tokens = 0, output_tokens = 0;  ///< mean of a request that was served
    double round_trip_s = 0, far_share = 0;       ///< of all, as above
    std::vector<routed_requests> origins{}, sites{};
};

/// What the replicas of one kind did, where prompts and answers are computed apart.
struct pool_result {
    std::uint64_t replicas = 0, gpus_per_replica = 0;
    std::uint64_t steps = 0;  ///< that have ended
    std::uint64_t preemptions = 0;
    duration busy{};                             ///< in steps, summed over replicas
    duration prefilling{};                       ///< of it, in steps with prompts
    double kv_occupancy = 0;                     ///< mean share of KV blocks taken while it held its GPUs [1]
    double kv_peak = 0;                          ///< largest share at the end of a step, of one replica [1]
    std::optional<modelled_service> modelled{};  ///< of one replica
};

/// Blocks that came back from a tier below prefix caches, of all replicas.
struct tier_result {
    std::uint64_t loads = 0;   ///< begun
    std::uint64_t tokens = 0;  ///< of these
    duration busy{};           ///< of links, summed over replicas
};

/// Adapters of the tenants of a service, on all replicas.
struct adapter_result {
    std::uint64_t hits = 0;   ///< seats given to requests whose adapter had a slot
    std::uint64_t loads = 0;  ///< begun, for the others
    duration busy{};          ///< of links, summed over replicas
};

/// A service whose prompts and answers are computed apart.
struct disaggregated_result {
    pool_result prefill, decode;
    std::uint64_t begun = 0, received = 0;             ///< transfers
    double moved_b = 0;                                ///< by those that were received [B]
    std::optional<distribution_summary> transfer_s{};  ///< first token to the cache at the other replica [s]
};

/// What replicas used of the units that they held GPUs of, and their share of what the site emitted and paid
/// meanwhile; none where the run does not know it, or nothing was used.
struct service_cost {
    double it_j = 0;  ///< [J]
    std::optional<double> facility_j{};
    std::optional<double> carbon_location_kg{}, carbon_market_kg{};
    std::optional<double> energy_usd{};  ///< without demand charges
};

/// What became of a service and its requests. Times are over finished requests.
struct service_result {
    std::string name;
    std::uint64_t gpus = 0;  ///< of all replicas
    std::uint64_t gpus_per_replica = 1;
    std::uint64_t requests = 0, finished = 0, rejected = 0, cancelled = 0, unfinished = 0;  ///< that arrived
    std::uint64_t failed = 0;                                                               ///< the same
    std::uint64_t shed = 0;                                                                 ///< the same
    std::optional<distribution_summary> ttft_s{};         ///< time to the first token [s]
    std::optional<distribution_summary> tpot_s{};         ///< time per token after the first [s]
    std::optional<distribution_summary> e2e_s{};          ///< arrival to the last token [s]
    std::optional<distribution_summary> queueing_s{};     ///< arrival to the first step that worked on it [s]
    std::optional<distribution_summary> itl_s{};          ///< between tokens, of all requests [s]
    std::optional<double> attainment{};                   ///< of its targets, by requests that have left [1]
    std::uint64_t met = 0;                                ///< finished and within all targets
    std::vector<priority_result> priorities{};            ///< from the least; none: nobody looks at priorities
    std::vector<class_result> classes{};                  ///< by rising priority
    std::uint64_t prompt_tokens = 0, output_tokens = 0;   ///< of finished requests
    std::uint64_t preemptions = 0;                        ///< of all
    std::uint64_t steps = 0;                              ///< that have ended, of all replicas
    std::uint64_t cached_tokens = 0;                      ///< found in prefix caches
    std::vector<tier_result> tiers{};                     ///< from the first
    std::optional<adapter_result> adapters{};             ///< none: requests need none
    std::uint64_t prefill_tokens = 0;                     ///< computed in prompts, recomputed ones included
    double kv_occupancy = 0;                              ///< mean share of KV blocks taken while it held its GPUs [1]
    double kv_peak = 0;                                   ///< largest share at the end of a step, of one replica [1]
    std::optional<modelled_service> modelled{};           ///< of one replica; none: no model says what it is
    double busy_s = 0;                                    ///< in these steps, summed over replicas [s]
    double prefilling_s = 0;                              ///< of these, in steps with prompts [s]
    duration held{};                                      ///< for which it held its GPUs
    std::vector<workload::skipped_records> skipped{};     ///< records of its file that are no requests
    std::optional<scaling_result> scaling{};              ///< none: all were there from the start
    std::optional<disaggregated_result> disaggregated{};  ///< none: replicas give whole answers
    std::optional<fluid_result> fluid{};                  ///< then steps, preemptions and queueing are not known
    std::optional<routing_result> routing{};              ///< none: it is at one place
    std::vector<service_result> sites{};                  ///< of it, as services of their own
    std::optional<service_cost> cost{};                   ///< none: power is not modelled

    [[nodiscard]] gpu_time held_gpu_time() const noexcept {
        if (scaling) return scaling->held() * static_cast<gpu_time>(scaling->gpus_per_replica);
        return gpu_time{ticks(held)} * static_cast<gpu_time>(gpus);
    }
    /// Replicas x time that they held GPUs [s].
    [[nodiscard]] double replica_s() const noexcept {
        if (scaling) return static_cast<double>(scaling->held()) * 1e-9;
        if (disaggregated)
            return to_seconds(held) *
                   static_cast<double>(disaggregated->prefill.replicas + disaggregated->decode.replicas);
        return to_seconds(held) * static_cast<double>(gpus) / static_cast<double>(gpus_per_replica);
    }
    /// Of its GPUs alone, without a cap, by what steps do; none: no model says what they draw. [J]
    [[nodiscard]] std::optional<double> gpu_energy_j() const noexcept {
        if (!modelled || modelled->waiting_w <= 0) return std::nullopt;
        if (!disaggregated) return energy_j(*modelled, gpus_per_replica, replica_s(), busy_s, prefilling_s);
        double sum = 0;
        for (const pool_result* p : {&disaggregated->prefill, &disaggregated->decode}) {
            if (!p->modelled) return std::nullopt;
            sum += energy_j(*p->modelled, p->gpus_per_replica, to_seconds(held) * static_cast<double>(p->replicas),
                            to_seconds(p->busy), to_seconds(p->prefilling));
        }
        return sum;
    }
};

}  // namespace ampacity::sim
