#pragma once
/// \file
/// What a replica does at a load, measured by the request engine itself at points of a grid and interpolated between:
/// capacity, shares of time, latencies. It stands for requests where there are too many of them to be simulated.
///
/// The grid is load (a share of capacity) x scale of prompts x scale of answers: a mix has the lengths of the service,
/// each times its scale. At a load, requests come by the service's renewal process to `replicas` replicas behind its
/// router; the first tenth of them is left out, and so are those at the end. All points have the same draws.
///
/// There are two capacities. A long queue is worked off at the lower one, taken between a tenth and nine tenths of it.
/// The other one is the highest rate at which the queue of an idle replica does not grow, to one part in a hundred, and
/// within the requests of a point. They differ by 5 % or more where a long queue fills the cache and preemptions cost
/// time that is not lost below; else both are the lower one.
///
/// Between loads and between the logarithms of scales everything is monotone piecewise cubic (Fritsch and Butland, SIAM
/// J. Sci. Stat. Comput. 5 (1984)): latencies, capacities and lengths by their logarithms, the busy share by that of
/// its complement. The lower capacity bends where the limit changes from seats to the cache, and is measured on lines
/// halfway between those of the grid too. Load 0 has no work and the latencies of the lowest load. At load 1 the
/// replica is never without work; its times to the first and the last token are at least those at the highest load
/// below: a queue that grows is not a surface's.
///
/// Values after construction: any number of threads. The same options give the same bits.

#include <ampacity/serving/iteration_time.hpp>
#include <ampacity/serving/replica.hpp>
#include <ampacity/serving/service_metrics.hpp>
#include <ampacity/workload/arrivals.hpp>
#include <ampacity/workload/synthetic_requests.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace ampacity::fluid {

/// What a surface is made from.
struct surface_options {
    serving::replica_options engine{};  ///< without priorities, prefix cache, `timeout` and `max_wait`
    serving::iteration_time time;
    std::uint32_t replicas = 1;  ///< behind the router, at each point; >= 1
    std::string router = "round-robin";
    workload::token_lengths prompt;  ///< at scale 1
    workload::token_lengths output;  ///< the same
    double cv = 1;                   ///< of the times between arrivals
    workload::arrival_process process = workload::arrival_process::gamma;
    serving::latency_targets targets{};
    std::uint64_t requests = 40'000;       ///< of each replica at each point, those left out included; >= 1000
    std::vector<double> prompt_scales{1};  ///< rising, > 0
    std::vector<double> output_scales{1};  ///< the same
    std::uint64_t seed = 1;
};

/// What 64 bits tell surfaces of different replicas, lengths, routers, arrivals and targets apart; grid, number of
/// requests and seed do not count. Lengths count by a set of draws.
[[nodiscard]] std::uint64_t signature(const surface_options& o);

/// The same of all that a surface hangs on, with grid, number of requests and seed, and every draw of a length. O(those
/// draws).
[[nodiscard]] std::uint64_t fingerprint(const surface_options& o);

/// A request of the points of a mix, by its row; it has no arrival.
[[nodiscard]] workload::request request_of(const surface_options& o, std::uint64_t row, double prompt_scale,
                                           double output_scale);

/// Loads of the points, beside 0.
inline constexpr std::array<double, 16> surface_loads{0.05, 0.1,   0.2,  0.35,  0.5, 0.6,   0.7,  0.75,
                                                      0.8,  0.825, 0.85, 0.875, 0.9, 0.925, 0.95, 1.0};

/// Shares at which the quantiles of latencies are known.
inline constexpr std::array<double, 28> quantile_shares{0,   .05, .1,  .15, .2,   .25, .3,   .35, .4, .45,
                                                        .5,  .55, .6,  .65, .7,   .75, .8,   .85, .9, .92,
                                                        .94, .96, .97, .98, .985, .99, .995, 1};

/// Latencies of one kind [s].
struct latency_values {
    double mean = 0;
    std::array<double, quantile_shares.size()> quantiles{};

    [[nodiscard]] double p50() const noexcept { return quantiles[10]; }
    [[nodiscard]] double p90() const noexcept { return quantiles[18]; }
    [[nodiscard]] double p99() const noexcept { return quantiles[25]; }
};
static_assert(quantile_shares[10] == .5 && quantile_shares[18] == .9 && quantile_shares[25] == .99);

/// How often targets are met is known for waits of k / `num_waits` x the longest target, k = 0 .. `num_waits`.
inline constexpr std::size_t num_waits = 8;

/// What a replica does at a load. Shares are of its time.
struct point_values {
    double busy = 0;        ///< in steps [1]
    double prefilling = 0;  ///< in steps with prompts [1]
    double kv = 0;          ///< mean share of KV blocks taken [1]
    /// Of the finished requests, those within all targets after a further wait; without targets all.
    std::array<double, num_waits + 1> met{};
    latency_values ttft, tpot, e2e;
};

/// What a replica does with requests of a mix.
struct mix_values {
    double capacity = 0;       ///< requests that it can take, rejected ones included [1/s]
    double queued_share = 1;   ///< of `capacity`, at which a long queue is worked off
    double rejected = 0;       ///< share of the requests that its cache can never hold
    double prompt_tokens = 0;  ///< mean of the others
    double output_tokens = 0;  ///< the same
    std::array<point_values, surface_loads.size()> points{};
};

/// The rate at which a long queue of a mix is worked off [1/s]. \throws scenario_error for an engine that is not one
[[nodiscard]] double queued_capacity(const surface_options& o, double prompt_scale, double output_scale);

/// Runs all points of a mix. \throws scenario_error for an engine that is not one
[[nodiscard]] mix_values measure_mix(const surface_options& o, double prompt_scale, double output_scale);

/// What a run of the engine came to, between its first tenth and its end.
struct measured_point {
    point_values values;
    double offered_per_s = 0;  ///< requests that came, for a replica [1/s]
    double served_per_s = 0;   ///< requests that left, of a replica [1/s]
    double growth_per_s = 0;   ///< of those that are there, of a replica [1/s]
};

/// One point at a load of any `capacity`, with draws of this seed: what a surface is compared with. \pre 0 < load
[[nodiscard]] measured_point measure_point(const surface_options& o, double prompt_scale, double output_scale,
                                           double load, double capacity);

class surface {
public:
    /// Calls the function with each number below the first argument, in any order.
    using loop = std::function<void(std::size_t, const std::function<void(std::size_t)>&)>;

    /// Measures every mix of the scales. \throws scenario_error for an engine that is not one
    [[nodiscard]] static surface build(const surface_options& o, const loop& each = {});

    /// One that was built before. \pre mixes are those of the scales, answers running fastest, and `queued` capacities
    /// with a long queue those of `halved` scales; none: they are those of the mixes
    surface(std::uint64_t made_from, std::vector<double> prompt_scales, std::vector<double> output_scales,
            std::vector<mix_values> mixes, std::vector<double> queued = {});

    [[nodiscard]] std::uint64_t made_from() const noexcept { return made_from_; }  ///< its options' signature
    [[nodiscard]] std::span<const double> prompt_scales() const noexcept { return prompt_; }
    [[nodiscard]] std::span<const double> output_scales() const noexcept { return output_; }
    [[nodiscard]] std::span<const mix_values> mixes() const noexcept { return mixes_; }
    [[nodiscard]] std::span<const double> queued() const noexcept { return queued_; }  ///< [1/s]

    /// Without points. Scales beyond the grid are those of its edge.
    [[nodiscard]] mix_values mix(double prompt_scale, double output_scale) const;
    /// At 0 <= load; above 1 as at 1.
    [[nodiscard]] point_values at(double load, double prompt_scale, double output_scale) const;
    /// Never without work; times to the first and the last token from the first step on.
    [[nodiscard]] point_values saturated(double prompt_scale, double output_scale) const;

    /// Scales with the geometric means of neighbours between them.
    [[nodiscard]] static std::vector<double> halved(std::span<const double> scales);

private:
    /// Of `value(mix)` on the grid.
    template <class Value>
    [[nodiscard]] double between_mixes(double prompt_scale, double output_scale, const Value& value) const;

    std::uint64_t made_from_;
    std::vector<double> prompt_, output_, log_prompt_, log_output_;
    std::vector<mix_values> mixes_;
    std::vector<double> log_fine_prompt_, log_fine_output_, queued_;
};

/// Share of the requests within all targets after a wait of `share` x the longest target. \pre share >= 0
[[nodiscard]] double met_after(const point_values& v, double share) noexcept;

/// The longest target that a wait counts towards [s]; 0: none does.
[[nodiscard]] double longest_target_s(const serving::latency_targets& t) noexcept;

}  // namespace ampacity::fluid
