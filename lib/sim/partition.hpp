#pragma once
/// \file
/// Nodes with a queue of their own: the fleet, a site, or the nodes of a reservation that serves jobs. Who decides
/// about them, and what he sees.
///
/// Its nodes are numbered from 0, whatever their numbers in the fleet are; jobs of other partitions are absent from
/// its table. It never moves: its view points into it. Not thread-safe.

#include "capacity_changes.hpp"
#include "jobs_on_nodes.hpp"
#include "live_jobs.hpp"
#include "pacer.hpp"
#include "training_runs.hpp"

#include <ampacity/fleet/fleet_state.hpp>
#include <ampacity/kernel/event.hpp>
#include <ampacity/policy/checked_plan.hpp>
#include <ampacity/policy/placer.hpp>
#include <ampacity/policy/policy.hpp>
#include <ampacity/policy/view.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::sim {

/// Why it is there, and until when.
struct reserved_for_jobs {
    std::string name;
    reservation_kind kind{};
    instant start{}, end{};
    std::uint32_t number = 0;  ///< of its reservation, by start
};

struct partition {
    /// `costs`, `all`, `pacers`, `trainings` and `owners` outlive it. Without `trainings` there are none.
    partition(fleet::fleet_state nodes, capacity_plan planned, std::unique_ptr<policy::policy> who,
              std::unique_ptr<policy::placer> where, std::span<const preemption_costs> costs, live_jobs& all,
              const std::vector<const pacer*>& pacers, const training_runs* trainings,
              const policy::owner_names& owners)
        : fleet(std::move(nodes)),
          scheduler(std::move(who)),
          into_closings(scheduler->runs_into_closings()),
          placer(std::move(where)),
          // A plan holds what it takes beside what it gives back.
          allocations(fleet.is_pool() ? 0 : 2 * fleet.installed_gpus()),
          pace(*this, all, pacers, trainings),
          plan(fleet, jobs, allocations, *placer, costs.empty() ? nullptr : costs.data(), &all.elastic(),
               &all.changed(), pacers.empty() && trainings == nullptr ? nullptr : &pace),
          on_nodes(pacers.empty() && !planned.any ? 0 : fleet.free().num_nodes()),
          view(first_view(*this, std::move(planned), costs, owners, sizeof(live_job))) {}
    partition(const partition&) = delete;
    partition& operator=(const partition&) = delete;

    [[nodiscard]] std::uint64_t waiting() const noexcept { return live - running; }
    /// What is planned to close has changed.
    void look_at_closings() noexcept {
        view.capacity.horizons = fleet.horizons();
        view.capacity.closings = fleet.closings();
    }
    [[nodiscard]] bool is_reserved() const noexcept { return reserved.has_value(); }
    /// The fleet's number of a node of it.
    [[nodiscard]] node_id row_in_fleet(node_id n) const noexcept { return rows.empty() ? n : rows[index(n)]; }
    /// Those of it among nodes of the fleet, by its own numbers; valid until the next call. \pre rising
    [[nodiscard]] std::span<const node_id> own(std::span<const node_id> nodes) {
        if (rows.empty()) return nodes;
        own_.clear();
        if (lie_together()) {
            const auto first = std::lower_bound(nodes.begin(), nodes.end(), rows.front());
            for (auto n = first; n != nodes.end() && *n <= rows.back(); ++n)
                own_.push_back(node_id{static_cast<std::uint32_t>(index(*n) - index(rows.front()))});
            return own_;
        }
        for (std::uint32_t i = 0; i != rows.size(); ++i) {
            if (std::binary_search(nodes.begin(), nodes.end(), rows[i])) own_.push_back(node_id{i});
        }
        return own_;
    }
    /// GPUs by the fleet's numbers of their nodes; valid until the next call.
    [[nodiscard]] std::span<const fleet::gpu_share> in_fleet(std::span<const fleet::gpu_share> where) const {
        if (rows.empty()) return where;
        in_fleet(where, in_fleet_);
        return in_fleet_;
    }
    /// \pre not the whole fleet
    void in_fleet(std::span<const fleet::gpu_share> where, std::vector<fleet::gpu_share>& out) const {
        out.assign(where.begin(), where.end());
        if (lie_together()) {
            const auto first = static_cast<std::uint32_t>(index(rows.front()));
            for (fleet::gpu_share& s : out) s.node = node_id{static_cast<std::uint32_t>(s.node) + first};
        } else {
            for (fleet::gpu_share& s : out) s.node = rows[index(s.node)];
        }
    }

    /// How fast its jobs run on its nodes.
    class gang_pace final : public policy::pacing {
    public:
        gang_pace(const partition& of, const live_jobs& all, const std::vector<const pacer*>& pacers,
                  const training_runs* trainings)
            : of_(of), all_(all), pacers_(pacers), trainings_(trainings) {}
        [[nodiscard]] double full_speed(job_id job, std::span<const fleet::gpu_share> where,
                                        double usual) const override {
            const std::uint16_t training = all_[index(job)].training;
            if (training == 0) return usual;
            const double scaled = all_.scaled(index(job), of_.jobs[index(job)].demand.gpus);
            return trainings_->speed(index(job), training, of_.in_fleet(where), scaled);
        }
        [[nodiscard]] double pace(job_id job, std::span<const fleet::gpu_share> where) const override {
            if (std::all_of(pacers_.begin(), pacers_.end(), [](const pacer* by) { return by->slows_none(); }))
                return 1.0;
            const std::uint16_t source = all_[index(job)].source();
            const std::int32_t priority = of_.jobs[index(job)].priority;
            double least = 1.0;
            for (fleet::gpu_share s : where) {
                s.node = of_.row_in_fleet(s.node);
                double here = 1.0;
                for (const pacer* by : pacers_) here *= by->pace(source, priority, s);
                least = std::min(least, here);
            }
            return least;
        }

    private:
        const partition& of_;
        const live_jobs& all_;
        const std::vector<const pacer*>& pacers_;
        const training_runs* trainings_;
    };

    /// What of a plan comes later than it is asked for.
    enum class decision : std::uint8_t { none, pending, due };

    fleet::fleet_state fleet;
    std::unique_ptr<policy::policy> scheduler;
    bool into_closings;  ///< may plans place jobs where they run into a closing?
    std::unique_ptr<policy::placer> placer;
    policy::job_table jobs;  ///< by job_id
    fleet::allocation_arena allocations;
    gang_pace pace;
    policy::checked_plan plan;
    jobs_on_nodes on_nodes;  ///< only where nodes may be slow, or leave
    policy::view view;
    bool changed = false;  ///< since the last pass
    decision deciding = decision::none;
    kernel::event_handle wake = kernel::no_event;
    std::uint64_t live = 0, running = 0;  ///< jobs in the system; of these with GPUs

    std::optional<reserved_for_jobs> reserved{};  ///< of a reservation
    std::vector<node_id> rows{};                  ///< its nodes in the fleet, rising; empty: all
    std::uint16_t number = 0;                     ///< 0: the fleet; 1 + that of its site
    bool is_over = false;                         ///< it has no jobs any more; of the fleet: sites have them

private:
    [[nodiscard]] bool lie_together() const noexcept {
        return index(rows.back()) - index(rows.front()) + 1 == rows.size();
    }

    std::vector<node_id> own_;
    mutable std::vector<fleet::gpu_share> in_fleet_;

    static policy::view first_view(partition& p, capacity_plan planned, std::span<const preemption_costs> costs,
                                   const policy::owner_names& owners, std::size_t stride) {
        if (planned.any) p.fleet.plan_closings(std::move(planned.closings), planned.drain_racks_at);
        return {.capacity = {.free = p.fleet.free(),
                             .empty = p.fleet.empty(),
                             .in_service = p.fleet.in_service(),
                             .horizons = p.fleet.horizons(),
                             .closings = p.fleet.closings()},
                .health = {.nodes = p.fleet.states()},
                .jobs = {},
                .allocations = p.allocations,
                .place = *p.placer,
                .oracle = policy::oracle_view{nullptr, stride},
                .more_stride = stride,
                .costs = costs,
                .owners = &owners};
    }
};

}  // namespace ampacity::sim
