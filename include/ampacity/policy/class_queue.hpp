#pragma once
/// \file
/// A queue in submit order, indexed by what decides whether a job may start: its demand and its estimate.
///
/// Jobs of equal demand share a lane, so "does it fit?" is asked once per lane; a lane knows the least estimate of
/// every run of 16 jobs and a tree over these, so the next job with an estimate within a window is found in O(log n)
/// without a walk of the queue. Push and remove cost O(log n). About 40 bytes per job. Not thread-safe.

#include <ampacity/core/ids.hpp>
#include <ampacity/core/pod_vector.hpp>
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

        /// The first job of rank `from_order` or behind whose estimate is at most `longest`; an entry without job if
        /// none.
        /// \pre longest < duration::max()
        [[nodiscard]] entry first(std::uint64_t from_order, duration longest) const {
            if (live_ == 0 || least_[1] > longest) return {};
            const std::size_t row = row_of(from_order);
            if (row == slots_.size()) return {};
            const std::size_t block = row / per_block;
            if (least_[blocks() + block] <= longest) {
                if (const entry e = first_in(row, (block + 1) * per_block, longest); e.job != none<job_id>) return e;
            }
            std::size_t at = blocks() + block;
            do {  // climb to a right neighbour that holds one, then descend
                while (at % 2 == 1) at /= 2;
                if (at == 0) return {};
                ++at;
            } while (least_[at] > longest);
            while (at < blocks()) at = least_[2 * at] <= longest ? 2 * at : 2 * at + 1;
            return first_in((at - blocks()) * per_block, (at - blocks() + 1) * per_block, longest);
        }

        /// The same of an estimate above `above`, too. O(jobs between that are not).
        [[nodiscard]] entry first(std::uint64_t from_order, duration longest, duration above) const {
            while (true) {
                const entry e = first(from_order, longest);
                if (e.job == none<job_id> || above < duration::zero() || slots_[row_of(e.order)].estimate() > above)
                    return e;
                from_order = e.order + 1;
            }
        }

    private:
        friend class class_queue;

        /// Packed, as there is one of them per waiting job.
        struct [[gnu::packed, gnu::aligned(4)]] slot {
            std::uint64_t order = 0;
            std::int64_t estimate_ns = ticks(gone);
            job_id job{};

            [[nodiscard]] duration estimate() const noexcept { return duration{estimate_ns}; }
        };
        static_assert(sizeof(slot) == 20);

        /// The first slot of this order or behind.
        [[nodiscard]] std::size_t row_of(std::uint64_t order) const {
            const auto at = std::lower_bound(slots_.begin(), slots_.end(), order,
                                             [](const slot& s, std::uint64_t o) { return s.order < o; });
            return static_cast<std::size_t>(at - slots_.begin());
        }
        [[nodiscard]] std::size_t blocks() const noexcept { return least_.size() / 2; }
        [[nodiscard]] std::size_t capacity() const noexcept { return blocks() * per_block; }

        [[nodiscard]] entry first_in(std::size_t row, std::size_t end, duration longest) const {
            for (end = std::min(end, slots_.size()); row < end; ++row) {
                if (slots_[row].estimate() <= longest) return {.order = slots_[row].order, .job = slots_[row].job};
            }
            return {};
        }
        [[nodiscard]] duration least_of(std::size_t block) const {
            duration least = gone;
            const std::size_t end = std::min((block + 1) * per_block, slots_.size());
            for (std::size_t row = block * per_block; row != end; ++row)
                least = std::min(least, slots_[row].estimate());
            return least;
        }
        void append(const slot& s) {
            if (slots_.size() == slots_.capacity()) slots_.reserve(slots_.size() + slots_.size() / 8 + per_block);
            slots_.push_back(s);
            for (std::size_t at = blocks() + (slots_.size() - 1) / per_block; at != 0 && s.estimate() < least_[at];
                 at /= 2) {
                least_[at] = s.estimate();
            }
        }
        void erase(std::size_t row) {
            slots_[row].estimate_ns = ticks(gone);
            std::size_t at = blocks() + row / per_block;
            duration least = least_of(row / per_block);
            while (at != 0 && least_[at] != least) {
                least_[at] = least;
                at /= 2;
                if (at != 0) least = std::min(least_[2 * at], least_[2 * at + 1]);
            }
        }

        fleet::demand demand_;
        std::vector<slot> slots_;      // rising order; removed ones stay until the next compaction
        std::vector<duration> least_;  // tree over runs of `per_block` slots, root at 1
        std::size_t live_ = 0;
    };

    /// For `lane::first`: every estimate is at most this if it is the longest there is.
    [[nodiscard]] static constexpr duration within(duration longest) noexcept {
        return std::min(longest, gone - duration{1});
    }

    [[nodiscard]] bool empty() const noexcept { return head_ == none<job_id>; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// The job that has waited longest. \pre not empty
    [[nodiscard]] job_id front() const noexcept { return head_; }
    /// The next one in submit order; `none` behind the last. \pre queued
    [[nodiscard]] job_id next(job_id job) const noexcept { return at_[index(job)].after; }

    /// Calls `f(lane)` for each lane that holds jobs of at most `gpus`, smallest demand first.
    template <class F>
    void for_lanes(std::uint64_t gpus, F f) const {
        for (const std::uint32_t row : by_size_) {
            const lane& l = lanes_[row];
            if (l.demand().gpus > gpus) return;
            if (l.size() != 0) f(l);
        }
    }

    /// Appends a job; `order` is above all that were pushed before.
    void push(job_id job, std::uint64_t order, fleet::demand demand, duration estimate) {
        const std::uint32_t row = lane_for(demand);
        at_.grow_to(index(job) + 1, {});
        lane& l = lanes_[row];
        if (l.slots_.size() == l.capacity()) compact(l);
        at_[index(job)] = {
            .lane = row, .slot = static_cast<std::uint32_t>(l.slots_.size()), .before = tail_, .after = none<job_id>};
        l.append({.order = order, .estimate_ns = ticks(std::min(estimate, gone - duration{1})), .job = job});
        ++l.live_;
        ++size_;
        (tail_ == none<job_id> ? head_ : at_[index(tail_)].after) = job;
        tail_ = job;
    }

    /// Puts a job that was removed back where its order belongs. O(lanes log n + jobs of its lane).
    void put_back(job_id job, std::uint64_t order, fleet::demand demand, duration estimate) {
        // The next job in submit order, of any lane.
        entry next;
        for (const lane& l : lanes_) {
            if (const entry e = l.first(order, gone - duration{1}); e.order < next.order) next = e;
        }
        push(job, order, demand, estimate);
        // From the end of its lane, which may hold removed slots of higher order, to its place.
        lane& l = lanes_[at_[index(job)].lane];
        std::stable_sort(l.slots_.begin(), l.slots_.end(),
                         [](const lane::slot& a, const lane::slot& b) { return a.order < b.order; });
        compact(l);
        if (next.job == none<job_id>) return;
        // And from the end of the linked list.
        tail_ = at_[index(job)].before;
        at_[index(tail_)].after = none<job_id>;
        place& p = at_[index(job)];
        p.before = at_[index(next.job)].before;
        p.after = next.job;
        at_[index(next.job)].before = job;
        (p.before == none<job_id> ? head_ : at_[index(p.before)].after) = job;
    }

    void remove(job_id job) {
        const place p = at_[index(job)];
        lane& l = lanes_[p.lane];
        l.erase(p.slot);
        --l.live_;
        --size_;
        (p.before == none<job_id> ? head_ : at_[index(p.before)].after) = p.after;
        (p.after == none<job_id> ? tail_ : at_[index(p.after)].before) = p.before;
    }

private:
    static constexpr duration gone = duration::max();
    static constexpr std::size_t per_block = 16;

    struct place {
        std::uint32_t lane = 0;
        std::uint32_t slot = 0;
        job_id before = none<job_id>;
        job_id after = none<job_id>;
    };

    std::uint32_t lane_for(fleet::demand demand) {
        const auto [found, fresh] = lane_of_.try_emplace(demand.key(), static_cast<std::uint32_t>(lanes_.size()));
        if (fresh) {
            lanes_.emplace_back(demand);
            const auto smaller = [this](std::uint32_t row, std::uint32_t gpus) {
                return lanes_[row].demand().gpus < gpus;
            };
            by_size_.insert(std::lower_bound(by_size_.begin(), by_size_.end(), demand.gpus, smaller), found->second);
        }
        return found->second;
    }

    /// Drops the removed slots; doubles when more than half are alive. O(1) per push on average.
    void compact(lane& l) {
        std::erase_if(l.slots_, [](const lane::slot& s) { return s.estimate() == gone; });
        const std::size_t wanted = std::max<std::size_t>(4, std::bit_ceil(2 * l.slots_.size() / per_block + 1));
        if (wanted != l.blocks()) l.least_.resize(2 * wanted);
        for (std::size_t i = 0; i != l.slots_.size(); ++i)
            at_[index(job_id{l.slots_[i].job})].slot = static_cast<std::uint32_t>(i);
        for (std::size_t b = 0; b != l.blocks(); ++b)
            l.least_[l.blocks() + b] = b * per_block < l.slots_.size() ? l.least_of(b) : gone;
        for (std::size_t at = l.blocks() - 1; at != 0; --at)
            l.least_[at] = std::min(l.least_[2 * at], l.least_[2 * at + 1]);
    }

    std::vector<lane> lanes_;
    std::vector<std::uint32_t> by_size_;  // rows of lanes_, rising demand
    std::unordered_map<std::uint64_t, std::uint32_t> lane_of_;
    pod_vector<place> at_;  // by job_id
    job_id head_ = none<job_id>;
    job_id tail_ = none<job_id>;
    std::size_t size_ = 0;
};

}  // namespace ampacity::policy
