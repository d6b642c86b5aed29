#pragma once
/// \file
/// Sites with schedulers of their own: partitions of the fleet, the choice between them, what becomes of jobs whose
/// site has no node left that takes jobs, and which jobs that run go to another one. See `site_scheduling`.
///
/// Sites are numbered from 0, their partitions from 1; the fleet's own partition has no jobs. A choice costs O(sites)
/// looks of the placer; leaving a site O(rows of its jobs), and happens only while none of its nodes takes jobs. A look
/// for moves costs O(sites x rows of jobs), and a copy of what is free of each site that some job would go to. Not
/// thread-safe.

#include "model.hpp"

#include <ampacity/core/pod_vector.hpp>
#include <ampacity/policy/site_choice.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace ampacity::sim {

class simulation::model::sites {
public:
    /// Adds a partition for each to `all`, which outlives it.
    sites(model& all, site_scheduling terms, const capacity_plan& planned);

    [[nodiscard]] std::size_t size() const noexcept { return terms_.sites.size(); }
    /// 1 + the site that the job is bound to, or 0.
    [[nodiscard]] std::uint16_t pinned(const workload::job_request& r, std::size_t source) const noexcept {
        if (r.site != 0) return r.site;
        return source < terms_.pinned.size() ? terms_.pinned[source] : std::uint16_t{0};
    }
    /// Where it runs; if it could run on no site, the first.
    [[nodiscard]] partition& partition_of(const workload::job_request& r, std::size_t source);
    /// The job has entered the system.
    void enter(const workload::job_request& r, std::size_t source, std::size_t job) {
        pinned_.grow_to(job + 1, 0);
        pinned_[job] = pinned(r, source) != 0 ? 1 : 0;
        if (!terms_.migrate) return;
        moved_at_.grow_to(job + 1, unset);
        moved_at_[job] = unset;
        orders_.grow_to(job + 1, {});
    }
    /// Nodes have left or come: jobs may have to go to other sites.
    void settle();
    /// One that is on its way is there.
    void arrive(std::size_t job);

    // --- jobs that run: model_migration.cpp --------------------------------------------------------------
    /// All sites are looked at, and some jobs are to go to another one.
    void look();
    /// When that is due next.
    void follow_looks() {
        if (terms_.migrate) plan_look();
    }
    [[nodiscard]] bool is_to_move(std::size_t job) const noexcept {
        return job < orders_.size() && orders_[job].to != stays;
    }
    /// It stays, if it was to move.
    void forget(std::size_t job) {
        if (is_to_move(job)) stay(job);
    }
    /// Its run has begun another stretch. \pre it is to move
    void schedule_departure(const partition& p, std::size_t job);
    /// All of its progress is kept: it leaves, if its new site could still start it.
    void depart(std::size_t job);
    /// None: jobs that run keep their site.
    [[nodiscard]] const std::optional<migration_result>& moves() const noexcept { return moves_; }

    /// By the number of its partition.
    [[nodiscard]] site_result& result(std::uint16_t part) noexcept { return results_[part - 1U]; }
    [[nodiscard]] const std::vector<site_result>& results() const noexcept { return results_; }
    /// Of jobs on their way.
    template <class F>
    void for_coming(F f) const {
        for (const moving_job& m : moving_) f(m.job);
    }
    /// The run ends: jobs on their way are where they go to.
    void close();
    /// By site, of what its jobs have used, by partition. \throws internal_error if `all` is not their sum
    [[nodiscard]] std::vector<site_count> counts_at(instant then, std::vector<ledger> parts, const ledger& all);
    /// The same in the results, with the energy of each.
    void finish(instant end, const ledger& all, const energy_meter* energy);
    /// Jobs there lost GPUs to a failure.
    void interrupt(std::uint16_t part, std::size_t count) noexcept { result(part).count.interruptions += count; }

private:
    struct moving_job {
        std::size_t job = 0;
        policy::job_view seen{};
    };
    static constexpr std::uint16_t stays = 0xFFFF;
    /// What a job that runs is to do.
    struct order {
        std::uint16_t to = stays;  ///< the site
        kernel::event_handle leaves = kernel::no_event;
    };
    /// What is free at a site behind those that go there.
    struct room {
        fleet::free_index free;
        bool is_open;  ///< nobody waits there, and all of them have their place
    };

    [[nodiscard]] partition& part(std::size_t site) noexcept { return *all_.partitions_[1 + site]; }
    /// For a job that would last so long; none if it could run on none of them.
    [[nodiscard]] std::optional<std::size_t> choose(fleet::demand needed, duration length, std::size_t source);
    [[nodiscard]] bool starts_now(std::size_t site, fleet::demand needed, instant end);
    /// If it cannot.
    [[nodiscard]] policy::site_room room_later(std::size_t site, fleet::demand needed);
    [[nodiscard]] hardware::site_outlook outlook(std::size_t site);
    /// Of a job with this demand, or of an elastic one, what it needs to start anew.
    [[nodiscard]] fleet::demand needed_by(std::size_t job, fleet::demand of) const;
    void leave(partition& p);
    /// What services have done by site; none: some have replicas that have none for good.
    [[nodiscard]] std::optional<std::vector<service_count>> served_at(instant then) const;
    /// It leaves the queue, for that of another site.
    moving_job take_out(partition& from, std::size_t job, std::size_t to);
    void send(const moving_job& m, duration after);
    void enter_queue(const moving_job& m);
    /// Its scheduler begins anew.
    void renew(partition& p);

    /// Does a rule of its own say when it writes checkpoints?
    [[nodiscard]] bool is_driven(std::size_t job) const {
        return all_.trainings_ && all_.trainings_->is_driven(all_.jobs_[job].training);
    }
    void plan_look();
    void stay(std::size_t job);
    [[nodiscard]] bool may_move(const partition& p, std::size_t job) const;
    /// Where it is to go; none: it stays.
    [[nodiscard]] std::optional<std::size_t> better_site(std::size_t job);
    /// Of doing its work at a site, as `place` sees it if all that is planned has been done.
    [[nodiscard]] double cost(std::size_t site, std::size_t job, std::int64_t gpus_given_back);
    [[nodiscard]] std::int64_t planned_gpus(std::size_t site) const;
    /// `chosen`: those that have not left yet, too.
    [[nodiscard]] room room_at(std::size_t site, bool chosen);
    /// Were it alone: could it start there on nodes that are not known to leave before its planned end?
    [[nodiscard]] bool stays_long_enough(std::size_t site, std::size_t job, fleet::demand needed) const;
    /// Takes a place for the job; is there one?
    bool take_place(std::size_t site, room& of, fleet::demand needed);
    void order_move(std::size_t job, std::size_t to);
    [[nodiscard]] double moved_bytes(std::size_t job) const;
    [[nodiscard]] duration transfer_time(double bytes) const;

    model& all_;
    site_scheduling terms_;
    std::vector<policy::site_offer> offers_;  // (sites) at the last choice
    std::vector<std::uint64_t> coming_;       // (sites) jobs on their way
    std::vector<moving_job> moving_;          // in the order in which they left
    pod_vector<std::uint8_t> pinned_;         // by job_id
    std::vector<job_id> jobs_;                // while they leave
    std::vector<site_result> results_;        // (sites)
    pod_vector<instant> moved_at_;            // by job_id: when it came to its site from another one, or `unset`
    pod_vector<order> orders_;                // by job_id
    std::vector<std::uint32_t> chosen_;       // jobs that are to move, in the order of their choice
    std::vector<std::optional<room>> rooms_;  // (sites) during a look: of those that were asked
    std::vector<fleet::gpu_share> place_;     // while one is looked for
    instant next_look_ = start_of_time;
    followed looks_;
    std::optional<migration_result> moves_;
};

}  // namespace ampacity::sim
