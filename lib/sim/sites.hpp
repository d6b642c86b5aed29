#pragma once
/// \file
/// Sites with schedulers of their own: partitions of the fleet, the choice between them, and what becomes of jobs whose
/// site has no node left that takes jobs. See `site_scheduling`.
///
/// Sites are numbered from 0, their partitions from 1; the fleet's own partition has no jobs. A choice costs O(sites)
/// looks of the placer; leaving a site O(rows of its jobs), and happens only while none of its nodes takes jobs. Not
/// thread-safe.

#include "model.hpp"

#include <ampacity/core/pod_vector.hpp>
#include <ampacity/policy/site_choice.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
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
    }
    /// Nodes have left or come: jobs may have to go to other sites.
    void settle();
    /// The first that is on its way is there.
    void arrive(std::size_t job);

    /// By the number of its partition.
    [[nodiscard]] site_result& result(std::uint16_t part) noexcept { return results_[part - 1U]; }
    [[nodiscard]] const std::vector<site_result>& results() const noexcept { return results_; }
    /// The run ends: jobs on their way are where they go to.
    void close();

private:
    struct moving_job {
        std::size_t job = 0;
        policy::job_view seen{};
    };

    [[nodiscard]] partition& part(std::size_t site) noexcept { return *all_.partitions_[1 + site]; }
    /// For a job that would last so long; none if it could run on none of them.
    [[nodiscard]] std::optional<std::size_t> choose(fleet::demand needed, duration length, std::size_t source);
    [[nodiscard]] bool starts_now(std::size_t site, fleet::demand needed, instant end);
    /// If it cannot.
    [[nodiscard]] policy::site_room room_later(std::size_t site, fleet::demand needed);
    [[nodiscard]] hardware::site_outlook outlook(std::size_t site);
    void leave(partition& p);
    void send(partition& from, std::size_t job, std::size_t to);
    void enter_queue(const moving_job& m);
    /// Its scheduler begins anew.
    void renew(partition& p);

    model& all_;
    site_scheduling terms_;
    std::vector<policy::site_offer> offers_;  // (sites) at the last choice
    std::vector<std::uint64_t> coming_;       // (sites) jobs on their way
    std::deque<moving_job> moving_;           // in the order in which they arrive
    pod_vector<std::uint8_t> pinned_;         // by job_id
    std::vector<job_id> jobs_;                // while they leave
    std::vector<site_result> results_;        // (sites)
};

}  // namespace ampacity::sim
