#pragma once
/// \file
/// Which running jobs must go so that one that waits fits: they are tried in the order in which they are offered, and
/// those that turn out not to be needed are spared, the last ones first. Before that some may be counted as gone, and
/// GPUs as taken.
///
/// A trial on a copy of what is free; nothing is proposed. O(nodes) to begin on nodes, O(1) on a pool; one question to
/// the placer for each job offered and each that is spared. Not thread-safe.

#include <ampacity/policy/view.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace ampacity::policy {

class eviction {
public:
    void begin(const view& v, job_id job) {
        room_ = v.room(job);
        wanted_ = v[job].demand;
        jobs_.clear();
    }

    /// A running job that goes anyhow; others that come before; does the waiting job fit with that?
    void give(const view& v, job_id job) { room_.give(v[job].demand, v.held(job)); }
    void occupy(fleet::demand wanted, std::span<const fleet::gpu_share> where) { room_.occupy(wanted, where); }
    [[nodiscard]] bool is_enough(const view& v) const { return fits(v.place, room_, wanted_); }
    /// What is free as tried last.
    [[nodiscard]] const fleet::free_index& room() const noexcept { return room_; }

    /// Takes a running job off its GPUs. Does the waiting job fit now?
    bool take(const view& v, job_id job) {
        jobs_.push_back(job);
        room_.give(v[job].demand, v.held(job));
        return fits(v.place, room_, wanted_);
    }

    /// \pre the last `take` was true
    void spare(const view& v) {
        for (std::size_t i = jobs_.size() - 1; i-- > 0;) {
            const job_id job = jobs_[i];
            room_.occupy(v[job].demand, v.held(job));
            if (fits(v.place, room_, wanted_))
                jobs_[i] = none<job_id>;
            else
                room_.give(v[job].demand, v.held(job));
        }
        jobs_.erase(std::remove(jobs_.begin(), jobs_.end(), none<job_id>), jobs_.end());
    }

    /// Those that must go, in the order in which they were offered.
    [[nodiscard]] const std::vector<job_id>& jobs() const noexcept { return jobs_; }

private:
    fleet::free_index room_;
    fleet::demand wanted_{};
    std::vector<job_id> jobs_;
};

}  // namespace ampacity::policy
