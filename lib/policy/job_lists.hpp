#pragma once
/// \file
/// Jobs in a number of doubly linked lists, each job in at most one of them; lists are rows.
///
/// Push, erase and a step cost O(1). Eight bytes per job id. Not thread-safe.

#include <ampacity/core/ids.hpp>
#include <ampacity/core/pod_vector.hpp>

#include <cstddef>
#include <vector>

namespace ampacity::policy {

class job_lists {
public:
    /// A new list; its row.
    std::size_t add() {
        ends_.push_back({});
        return ends_.size() - 1;
    }

    /// `none` if the list is empty.
    [[nodiscard]] job_id first(std::size_t list) const noexcept { return ends_[list].first; }
    [[nodiscard]] job_id last(std::size_t list) const noexcept { return ends_[list].last; }
    /// The one before in its list; `none` before the first. \pre in a list
    [[nodiscard]] job_id before(job_id job) const noexcept { return at_[index(job)].before; }

    /// The one behind in its list; `none` behind the last. \pre in a list
    [[nodiscard]] job_id after(job_id job) const noexcept { return at_[index(job)].after; }

    void push_back(std::size_t list, job_id job) {
        at_.grow_to(index(job) + 1, {});
        ends& e = ends_[list];
        at_[index(job)] = {.before = e.last, .after = none<job_id>};
        (e.last == none<job_id> ? e.first : at_[index(e.last)].after) = job;
        e.last = job;
    }

    /// Before `next`, which is in the list; at its end if that is `none`.
    void insert(std::size_t list, job_id job, job_id next) {
        if (next == none<job_id>) return push_back(list, job);
        at_.grow_to(index(job) + 1, {});
        const job_id previous = at_[index(next)].before;
        at_[index(job)] = {.before = previous, .after = next};
        at_[index(next)].before = job;
        (previous == none<job_id> ? ends_[list].first : at_[index(previous)].after) = job;
    }

    /// \pre `job` is in `list`
    void erase(std::size_t list, job_id job) {
        const links l = at_[index(job)];
        (l.before == none<job_id> ? ends_[list].first : at_[index(l.before)].after) = l.after;
        (l.after == none<job_id> ? ends_[list].last : at_[index(l.after)].before) = l.before;
    }

private:
    struct links {
        job_id before = none<job_id>;
        job_id after = none<job_id>;
    };
    struct ends {
        job_id first = none<job_id>;
        job_id last = none<job_id>;
    };

    std::vector<ends> ends_;
    pod_vector<links> at_;  // by job_id
};

}  // namespace ampacity::policy
