#pragma once
/// \file
/// The jobs that the replay benchmarks run, and the engine around them.

#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>
#include <ampacity/workload/synthetic.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

using job_list = std::vector<ampacity::workload::job_request>;
using ampacity::fleet::fleet_state;
using estimate_factor = std::optional<ampacity::workload::synthetic_options::factor>;
using policy_owner = std::unique_ptr<ampacity::policy::policy>;
using source_owner = std::unique_ptr<ampacity::workload::job_source>;

inline constexpr std::uint32_t fleet_gpus = 1064;  ///< 133 nodes of 8
inline constexpr double light = 0.85;              ///< work that arrives / work that the fleet can do
inline constexpr double congested = 1.15;
inline constexpr estimate_factor exact{};
inline constexpr estimate_factor loose{{1, 3}};  ///< estimate / duration: most jobs end before they are planned to

/// What the jobs of a benchmark look like.
struct job_shape {
    std::uint64_t jobs = 0;
    double load = light;
    estimate_factor estimate{};
};

/// Poisson arrivals, lognormal durations with a median of 20 minutes, 1 to 64 GPUs: 5.4 on average.
inline ampacity::workload::synthetic_options options_of(const job_shape& shape) {
    ampacity::workload::synthetic_options o{};
    o.seed = 1;
    o.jobs = shape.jobs;
    o.median = std::chrono::seconds{1200};
    o.sigma = 1.5;
    o.sizes = {{1, 45}, {2, 12}, {4, 13}, {8, 20}, {16, 6}, {32, 3}, {64, 1}};
    o.estimate = shape.estimate;
    double gpus = 0;
    double weights = 0;
    for (const auto& size : o.sizes) {
        gpus += size.gpus * size.weight;
        weights += size.weight;
    }
    const double mean_duration_s = ampacity::to_seconds(o.median) * std::exp(o.sigma * o.sigma / 2);
    o.rate_per_s = shape.load * fleet_gpus / (gpus / weights * mean_duration_s);
    return o;
}

inline job_list make_jobs(const job_shape& shape) {
    job_list jobs(shape.jobs);
    ampacity::workload::synthetic_source source(options_of(shape));
    std::span<ampacity::workload::job_request> rest(jobs);
    while (!rest.empty()) rest = rest.subspan(source.next(rest));
    return jobs;
}

/// Jobs that live elsewhere, so that many runs share them.
class borrowed_jobs final : public ampacity::workload::job_source {
public:
    explicit borrowed_jobs(std::span<const ampacity::workload::job_request> jobs) : rest_(jobs) {}
    std::size_t next(std::span<ampacity::workload::job_request> out) override {
        const std::size_t n = std::min(out.size(), rest_.size());
        std::copy_n(rest_.begin(), n, out.begin());
        rest_ = rest_.subspan(n);
        return n;
    }
    [[nodiscard]] std::string_view text(std::int64_t) const override { return {}; }

private:
    std::span<const ampacity::workload::job_request> rest_;
};

inline fleet_state a_pool() { return fleet_state::pool(fleet_gpus); }
inline fleet_state some_nodes() { return fleet_state::flat_nodes(fleet_gpus / 8, 8); }
inline policy_owner built_in(std::string_view name) { return ampacity::policy::make_policy(name, {}); }

/// An engine that is ready to run; on nodes, it packs.
inline ampacity::sim::simulation make_engine(fleet_state fleet, policy_owner policy, source_owner source) {
    ampacity::sim::parts p{.fleet = std::move(fleet),
                           .sources = {},
                           .policy = std::move(policy),
                           .placer = ampacity::policy::make_placer("pack"),
                           .until = {},
                           .enforce_estimate = false,
                           .sample_every = {},
                           .observers = {}};
    p.sources.push_back(std::move(source));
    return ampacity::sim::simulation(std::move(p));
}

/// The same, over jobs that outlive it.
inline ampacity::sim::simulation make_engine(fleet_state fleet, policy_owner policy, const job_list& jobs) {
    return make_engine(std::move(fleet), std::move(policy), std::make_unique<borrowed_jobs>(jobs));
}

}  // namespace bench
