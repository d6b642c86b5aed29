#pragma once
/// \file
/// The built-in policies and placers by name. Constant tables: no registration, no global state.

#include <ampacity/core/wide.hpp>
#include <ampacity/policy/placer.hpp>
#include <ampacity/policy/policy.hpp>
#include <ampacity/policy/wrappers.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::policy {

/// Settings of `priority`.
struct priority_options {
    bool backfill = false;            ///< start jobs behind the blocked head that do not delay it
    bool at_checkpoints = false;      ///< victims leave at their next checkpoint, instead of at once
    std::uint32_t preempt_above = 1;  ///< least difference of priorities for a preemption, at least 1
};

/// Settings of `fair-share`.
struct fair_share_options {
    struct group {
        std::string name;
        std::string parent{};  ///< a group before it; empty: the whole fleet
        std::uint64_t quota = 0;
        std::uint64_t weight = 1;  ///< at least 1
    };
    std::vector<group> groups{};
    bool reclaim = true;
    bool at_checkpoints = false;  ///< victims leave at their next checkpoint, instead of at once
};

/// Settings of `drf`.
struct drf_options {
    bool by_group = false;  ///< shares belong to groups instead of users
    bool skip = false;      ///< pass over owners whose first job does not fit, instead of stopping
    std::vector<std::pair<std::string, std::uint64_t>> weights{};  ///< of those that do not have 1; at least 1
};

/// Settings of `gittins`.
struct gittins_options {
    gpu_time quantum = gpu_time{3600} * 1'000'000'000;  ///< attained service from one stage to the next [GPU-ns]
    std::size_t stages = 64;                            ///< a job in the last one stays there; 1 to 256
    std::vector<gpu_time> service{};                    ///< what jobs take in all [GPU-ns]; empty: learned from the run
};

/// Settings of `qssf`.
struct qssf_options {
    static constexpr std::uint64_t whole = 1'000'000;

    std::uint64_t weight = 200'000;          ///< of the latest job in a rolling mean, of `whole`; at least 1
    duration prior = std::chrono::hours{1};  ///< prediction before any job has finished
    bool skip = false;                       ///< jobs behind one that does not fit may start
};

/// Settings of `ftf`.
struct ftf_options {
    static constexpr std::uint64_t whole = 1'000'000;

    duration lease = std::chrono::minutes{20};  ///< all GPUs are offered at its multiples; at least 1 ns
    std::uint64_t fairness = 800'000;           ///< f, of `whole`: the share 1 - f of the bidders goes first
};

/// Settings of `max-min`.
struct max_min_options {
    duration round = std::chrono::minutes{6};  ///< all GPUs are given anew at its multiples; at least 1 ns
};

/// Numbers of GPUs between the smallest and the largest of a job.
enum class gpu_steps : std::uint8_t {
    any,
    powers_of_two,
    whole_nodes,  ///< multiples of the GPUs of a node; on a pool as `any`
};

/// Settings of `elastic`.
struct elastic_options {
    gpu_steps steps = gpu_steps::any;
    bool arithmetic = false;  ///< the mean of speeds that is made large; else the harmonic one
    duration interval{};      ///< running jobs are resized at its multiples only; 0: at every pass
    bool skip = false;        ///< jobs behind one that does not fit may start
};

/// Settings of `power-aware`.
struct power_aware_options {
    static constexpr std::uint32_t whole = 1'000'000;

    bool skip = false;          ///< jobs behind one that does not fit, or lacks power, may start
    std::uint32_t reserve = 0;  ///< kept free of every limit, of `whole`
    std::uint32_t cap = whole;  ///< GPUs are limited down to this, of `whole`, so that jobs can start
};

/// Settings of the built-in policies.
struct policy_options {
    bool sjf_by_estimate = false;   ///< order by planning estimate instead of the true duration
    bool srtf_by_estimate = false;  ///< order by remaining planning estimate instead of the truth
    std::vector<gpu_time> las_thresholds{gpu_time{3600} * 1'000'000'000,
                                         gpu_time{36000} * 1'000'000'000};  ///< [GPU-ns], rising
    bool topology_keeps_racks_whole = false;  ///< ties between single racks go to the fullest instead of the lowest
    std::optional<rack_weights> topology_weights{};  ///< what comes before the order of wishes; none: nothing
    std::string round_policy = "fifo";               ///< that decides in the rounds of `round`
    duration round_every = std::chrono::minutes{6};  ///< > 0
    std::string explain_policy = "fifo";             ///< that `explain` explains
    priority_options priority{};
    fair_share_options fair_share{};
    drf_options drf{};
    bool srsf_by_estimate = false;  ///< order by remaining planning estimate x GPUs
    gittins_options gittins{};
    qssf_options qssf{};
    ftf_options ftf{};
    max_min_options max_min{};
    elastic_options elastic{};
    std::string carbon_aware_base = "easy";  ///< round which `carbon-aware` stands
    signal_options carbon_aware{};
    std::string price_aware_base = "easy";  ///< round which `price-aware` stands
    signal_options price_aware{.of = signal_kind::price};
    power_aware_options power_aware{};
};

/// A name and what it means, for `list` and `describe`.
struct description {
    std::string_view name;
    std::string_view text;
};

/// The built-in ones, in the order in which they are listed.
[[nodiscard]] std::span<const description> policies() noexcept;
[[nodiscard]] std::span<const description> placers() noexcept;

/// Null for an unknown name. `explain` is the policy that it explains, until `make_explain` (wrappers.hpp) gives it
/// somebody to tell; `round`, `explain`, `carbon-aware` and `price-aware` are null for an inner policy that they do not
/// take.
[[nodiscard]] std::unique_ptr<policy> make_policy(std::string_view name, const policy_options& options);
/// Null for an unknown name.
[[nodiscard]] std::unique_ptr<placer> make_placer(std::string_view name, const policy_options& options = {});

}  // namespace ampacity::policy
