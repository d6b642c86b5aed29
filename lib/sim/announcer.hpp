#pragma once
/// \file
/// What observers are told of jobs. Costs nothing but a look where there are none.
///
/// Nodes are named by their numbers in the fleet, whatever partition they are of. Not thread-safe.

#include "live_jobs.hpp"
#include "partition.hpp"

#include <ampacity/policy/placer.hpp>
#include <ampacity/policy/plan.hpp>
#include <ampacity/sim/observer.hpp>
#include <ampacity/workload/job.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::sim {

/// A run of a job, or the part of it since its last resize, whatever its speed was.
struct stretch {
    fleet::allocation held{};
    instant since{};
    std::uint32_t gpus = 0;
};
/// That of a job that runs and has begun, or was resized, at this instant.
[[nodiscard]] inline stretch stretch_of(const policy::job_view& j, instant began) noexcept {
    return {.held = j.held, .since = began, .gpus = j.demand.gpus};
}
/// That of a job before an action of a plan.
[[nodiscard]] inline stretch stretch_before(const policy::action& a) noexcept {
    return {.held = a.before, .since = a.began, .gpus = a.gpus};
}

class announcer {
public:
    /// `jobs` outlives it.
    announcer(std::vector<observer*> to, live_jobs& jobs) : to_(std::move(to)), jobs_(jobs) {}

    [[nodiscard]] bool is_silent() const noexcept { return to_.empty(); }

    /// `job`: none if it is rejected at once; `why` says why, if not because it never has a place.
    void submit(const partition& p, const workload::job_request& r, std::size_t source, job_id job,
                fleet::demand wanted, instant now, std::string_view why = {}) const {
        if (is_silent()) return;
        std::string reason{why};
        if (job == none<job_id> && why.empty()) reason = policy::why_never(p.fleet.empty(), wanted);
        job_event e = asked(r, source, now, reason);
        e.job = job;
        for (observer* o : to_) {
            o->on_submit(e);
            if (job == none<job_id>) o->on_reject(e);
        }
    }

    /// It never enters the queue.
    void refuse(const workload::job_request& r, instant now, std::string_view why) const {
        const job_event e = asked(r, r.source, now, why);
        for (observer* o : to_) {
            o->on_submit(e);
            o->on_reject(e);
        }
    }

    /// It waits outside of the queue.
    void hold(const workload::job_request& r, instant now, std::string_view why) const {
        const job_event e = asked(r, r.source, now, why);
        for (observer* o : to_) o->on_hold(e);
    }

    void start(const partition& p, std::size_t i, instant now) {
        if (is_silent()) return;
        job_event e = told(p, i, stretch_of(p.jobs[i], now), now);
        e.since = {};
        for (observer* o : to_) o->on_start(e);
    }

    /// Before the record learns of the end.
    void stop(const partition& p, std::size_t i, const stretch& run, instant now, run_end how) {
        if (is_silent()) return;
        const job_event e = told(p, i, run, now);
        for (observer* o : to_) o->on_stop(e, how);
    }

    void resize(const partition& p, std::size_t i, const stretch& run_before, instant now) {
        if (is_silent()) return;
        const job_event before = told(p, i, run_before, now);
        const job_event after = told(p, i, stretch_of(p.jobs[i], now), now);
        for (observer* o : to_) o->on_resize(before, after);
    }

    void reject(const partition& p, std::size_t i, instant now, std::string_view why) {
        if (is_silent()) return;
        job_event e = told(p, i, {.gpus = p.jobs[i].demand.gpus}, now);
        e.attempt = 0;
        e.reason = why;
        for (observer* o : to_) o->on_reject(e);
    }

    void requests(std::size_t service, std::span<const serving::request_record> records) const {
        for (observer* o : to_) o->on_requests(service, records);
    }

    void show(const sample& s) const {
        for (observer* o : to_) o->on_sample(s);
    }

private:
    [[nodiscard]] static job_event asked(const workload::job_request& r, std::size_t source, instant now,
                                         std::string_view why) {
        return {.at = now,
                .source = static_cast<std::uint16_t>(source),
                .name = r.name,
                .name_is_text = r.name_is_text,
                .where = {},
                .gpus = r.gpus,
                .priority = r.priority,
                .user = r.user,
                .reason = why};
    }

    /// A run of a live job begins or ends.
    [[nodiscard]] job_event told(const partition& p, std::size_t i, const stretch& run, instant now) {
        const job_record& r = jobs_.record_of(i);
        job_event e{.at = now,
                    .source = jobs_[i].source(),
                    .name = r.name,
                    .name_is_text = r.name_is_text,
                    .attempt = r.preemptions + r.restarts + 1,
                    .where = where_of(p, run.held),
                    .job = job_id{static_cast<std::uint32_t>(i)},
                    .gpus = run.gpus,
                    .priority = p.jobs[i].priority,
                    .user = p.jobs[i].user,
                    .since = run.since};
        if (p.fleet.free().is_mixed() && !e.where.empty()) {
            e.type = p.fleet.free().type_of(e.where.front().node);
            if (p.fleet.free().has_pools()) e.where = {};
        }
        return e;
    }

    /// Of a part of the fleet, valid until the next but one.
    [[nodiscard]] std::span<const fleet::gpu_share> where_of(const partition& p, fleet::allocation held) {
        const auto shares = p.allocations.shares(held);
        if (p.rows.empty()) return shares;
        std::swap(where_[0], where_[1]);
        p.in_fleet(shares, where_[0]);
        return where_[0];
    }

    std::vector<observer*> to_;
    live_jobs& jobs_;
    std::array<std::vector<fleet::gpu_share>, 2> where_;
};

}  // namespace ampacity::sim
