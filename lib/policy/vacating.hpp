#pragma once
/// \file
/// Running jobs that have been asked to leave their GPUs (`plan::vacate`), and jobs that wait for that: these count as
/// if they had started, each with a place behind those before it.
///
/// What is free is copied whenever places are looked for: O(nodes) on nodes, and one question to the placer, for each
/// job that waits. Not thread-safe.

#include "eviction.hpp"

#include <ampacity/policy/plan.hpp>
#include <ampacity/policy/view.hpp>

#include <cstddef>
#include <vector>

namespace ampacity::policy {

class vacating {
public:
    /// Nobody waits for them yet.
    void begin_pass() { awaiting_.clear(); }

    /// Running jobs that have been asked.
    [[nodiscard]] const std::vector<job_id>& leaving() const noexcept { return leaving_; }
    /// Jobs that wait for them in this pass, in the order of their turns.
    [[nodiscard]] const std::vector<job_id>& awaiting() const noexcept { return awaiting_; }
    [[nodiscard]] bool is_awaiting(job_id job) const noexcept {
        return std::find(awaiting_.begin(), awaiting_.end(), job) != awaiting_.end();
    }

    /// Asks a running job. Are its GPUs free now?
    bool ask(plan& p, job_id job) {
        const bool gone = p.vacate(job);
        if (!gone) leaving_.push_back(job);
        return gone;
    }
    /// It has left its GPUs. Had it been asked?
    bool forget(job_id job) { return std::erase(leaving_, job) != 0; }
    void await(job_id job) { awaiting_.push_back(job); }

    /// `to` shows what the job could get without those that leave, behind those that wait for them. False if one of
    /// these has no place.
    [[nodiscard]] bool look_ahead(const view& v, job_id job, eviction& to) {
        taken_.clear();
        if (!place_awaiting(v, to)) return false;
        show(v, job, to);
        return true;
    }
    /// Would all that wait have a place if this one, which waits too, started now? False if it has none itself.
    [[nodiscard]] bool leaves_places(const view& v, job_id job, eviction& trial) {
        if (awaiting_.empty()) return true;
        taken_.clear();
        taken_.push_back({.wanted = v[job].demand, .where = {}});
        return place(v.place, v.room(job), v[job].demand, taken_.back().where) && place_awaiting(v, trial);
    }

private:
    struct taken {
        fleet::demand wanted;
        std::vector<fleet::gpu_share> where;
    };

    void show(const view& v, job_id job, eviction& to) const {
        to.begin(v, job);
        for (const job_id gone : leaving_) to.give(v, gone);
        for (const taken& t : taken_) to.occupy(t.wanted, t.where);
    }
    bool place_awaiting(const view& v, eviction& trial) {
        for (const job_id job : awaiting_) {
            show(v, job, trial);
            taken_.push_back({.wanted = v[job].demand, .where = {}});
            if (!place(v.place, trial.room(), v[job].demand, taken_.back().where)) return false;
        }
        return true;
    }

    std::vector<job_id> leaving_;
    std::vector<job_id> awaiting_;
    std::vector<taken> taken_;  // while places are looked for
};

}  // namespace ampacity::policy
