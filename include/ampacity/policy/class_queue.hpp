#pragma once
/// \file
/// A queue in submit order, indexed by what decides whether a job may start: its demand and its estimate.
///
/// Jobs of equal demand share a lane, so "does it fit?" is asked once per lane; a lane is a tree of least
/// estimates over submit order, so the next job with an estimate within a window is found in O(log n) without a
/// walk of the queue. Push and remove cost O(log n). Not thread-safe.

#include <ampacity/core/ids.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/fleet/allocation.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <unordered_map>
#include <vector>

namespace ampacity::policy {

class class_queue {
public:
    /// A queued job.
    struct entry {
        std::uint64_t order = std::numeric_limits<std::uint64_t>::max();
        job_id job = none<job_id>;
    };

    /// Jobs of one demand.
    class lane {
    public:
        explicit lane(fleet::demand d) : demand_(d) {}
        [[nodiscard]] fleet::demand demand() const noexcept { return demand_; }
        [[nodiscard]] std::size_t size() const noexcept { return live_; }

        /// The first job of rank `from_order` or behind whose estimate is at most `longest`; an entry without job if none.
        [[nodiscard]] entry first(std::uint64_t from_order, duration longest) const {
            if (live_ == 0 || least_[1] > longest) return {};
            const auto from = std::lower_bound(slots_.begin(), slots_.end(), from_order,
                                               [](const entry& e, std::uint64_t order) { return e.order < order; });
            if (from == slots_.end()) return {};
            std::size_t at = capacity() + static_cast<std::size_t>(from - slots_.begin());
            while (least_[at] > longest) {  // climb to a right neighbour that holds one, then descend
                while (at % 2 == 1) at /= 2;
                if (at == 0) return {};
                ++at;
                if (least_[at] <= longest) break;
            }
            while (at < capacity()) at = least_[2 * at] <= longest ? 2 * at : 2 * at + 1;
            return slots_[at - capacity()];
        }

    private:
        friend class class_queue;
        [[nodiscard]] std::size_t capacity() const noexcept { return least_.size() / 2; }
        void set(std::size_t slot, duration estimate) {
            std::size_t at = capacity() + slot;
            least_[at] = estimate;
            for (at /= 2; at != 0; at /= 2) least_[at] = std::min(least_[2 * at], least_[2 * at + 1]);
        }

        fleet::demand demand_;
        std::vector<entry> slots_;      // rising order; removed ones stay until the next compaction
        std::vector<duration> least_;   // tree over slots, root at 1; `gone` where there is no job
        std::size_t live_ = 0;
    };

    [[nodiscard]] bool empty() const noexcept { return head_ == none<job_id>; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// The job that has waited longest. \pre not empty
    [[nodiscard]] job_id front() const noexcept { return head_; }
    [[nodiscard]] const std::vector<lane>& lanes() const noexcept { return lanes_; }

    /// Appends a job; `order` is above all that were pushed before.
    void push(job_id job, std::uint64_t order, fleet::demand demand, duration estimate) {
        const std::uint64_t key = std::uint64_t{demand.gpus} << 1U | static_cast<std::uint64_t>(demand.spread);
        const auto [found, fresh] = lane_of_.try_emplace(key, static_cast<std::uint32_t>(lanes_.size()));
        if (fresh) lanes_.emplace_back(demand);
        if (index(job) >= at_.size()) at_.resize(index(job) + 1);
        place& p = at_[index(job)];
        p = {.lane = found->second, .slot = 0, .before = tail_, .after = none<job_id>};
        lane& l = lanes_[p.lane];
        if (l.slots_.size() == l.capacity()) compact(l);
        p.slot = static_cast<std::uint32_t>(l.slots_.size());
        l.slots_.push_back({.order = order, .job = job});
        l.set(p.slot, estimate);
        ++l.live_;
        ++size_;
        (tail_ == none<job_id> ? head_ : at_[index(tail_)].after) = job;
        tail_ = job;
    }

    void remove(job_id job) {
        const place p = at_[index(job)];
        lane& l = lanes_[p.lane];
        l.set(p.slot, gone);
        --l.live_;
        --size_;
        (p.before == none<job_id> ? head_ : at_[index(p.before)].after) = p.after;
        (p.after == none<job_id> ? tail_ : at_[index(p.after)].before) = p.before;
    }

private:
    static constexpr duration gone = duration::max();

    struct place {
        std::uint32_t lane = 0;
        std::uint32_t slot = 0;
        job_id before = none<job_id>;
        job_id after = none<job_id>;
    };

    /// Drops the removed slots; doubles when more than half are alive. O(1) per push on average.
    void compact(lane& l) {
        std::vector<duration> estimates;
        std::size_t kept = 0;
        for (std::size_t i = 0; i != l.slots_.size(); ++i) {
            const duration e = l.least_[l.capacity() + i];
            if (e == gone) continue;
            l.slots_[kept] = l.slots_[i];
            at_[index(l.slots_[kept].job)].slot = static_cast<std::uint32_t>(kept);
            estimates.push_back(e);
            ++kept;
        }
        l.slots_.resize(kept);
        l.least_.assign(2 * std::max<std::size_t>(16, std::bit_ceil(2 * kept + 1)), gone);
        std::copy(estimates.begin(), estimates.end(), l.least_.begin() + static_cast<std::ptrdiff_t>(l.capacity()));
        for (std::size_t at = l.capacity() - 1; at != 0; --at) l.least_[at] = std::min(l.least_[2 * at], l.least_[2 * at + 1]);
    }

    std::vector<lane> lanes_;
    std::unordered_map<std::uint64_t, std::uint32_t> lane_of_;
    std::vector<place> at_;  // by job_id
    job_id head_ = none<job_id>;
    job_id tail_ = none<job_id>;
    std::size_t size_ = 0;
};

}  // namespace ampacity::policy
