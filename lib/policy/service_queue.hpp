#pragma once
/// \file
/// Queued jobs by service, the least in front: a length of time x the job's GPUs, exact in 128 bits.
///
/// Jobs of equal demand share a lane, in which the length alone decides, so that a job takes the room of a 64-bit key.
/// The lane whose first job is the front of all is remembered: a look at the front costs O(1), a push O(log n) on
/// average as in `job_sorter`, a pop the same and one look at the front of each lane. Equal service stands in the order
/// of arrival. Not thread-safe.

#include "demand_rows.hpp"
#include "job_sorter.hpp"
#include "ordered_jobs.hpp"

#include <ampacity/core/wide.hpp>
#include <ampacity/fleet/allocation.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

namespace ampacity::policy {

/// A job and its place in the order of services.
struct service_place {
    uint128 service = 0;      ///< [GPU-ns]
    std::uint64_t order = 0;  ///< `job_view::order`: ties are broken by arrival
    job_id job{};
};

/// The order: service, then arrival.
[[nodiscard]] constexpr bool before(const service_place& a, const service_place& b) noexcept {
    return a.service != b.service ? a.service < b.service : a.order < b.order;
}

class service_queue {
public:
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// \pre not empty
    [[nodiscard]] service_place front() const { return first(lanes_[front_]); }

    /// `length` x GPUs is the job's service. [ns]
    void push(fleet::demand demand, std::uint64_t length, std::uint64_t order, job_id job) {
        const std::size_t row = rows_.row(demand);
        if (row == lanes_.size()) lanes_.push_back({.demand = demand, .jobs = {}});
        lanes_[row].jobs.push({.key = length, .order = order, .job = job});
        if (size_++ == 0 || before(first(lanes_[row]), front())) front_ = row;
    }

    /// \pre not empty
    void pop() { pop(front_); }

    /// Takes the first job whose demand `fits(demand)`, if `start(job)` agrees; false if there is none or it does not.
    template <class Fits, class Start>
    bool take_first(Fits fits, Start start) {
        std::size_t best = lanes_.size();
        for (std::size_t row = 0; row != lanes_.size(); ++row) {
            const lane& l = lanes_[row];
            if (l.jobs.empty() || !fits(l.demand)) continue;
            if (best == lanes_.size() || before(first(l), first(lanes_[best]))) best = row;
        }
        if (best == lanes_.size() || !start(first(lanes_[best]).job)) return false;
        pop(best);
        return true;
    }

    /// Takes each job that `start(job)` agrees to, in order. O(n log n).
    template <class Start>
    void take_all(Start start) {
        std::vector<std::pair<std::size_t, ranked_job>> others;
        while (!empty()) {
            const std::size_t row = front_;
            const ranked_job e = lanes_[row].jobs.front();
            pop(row);
            if (!start(e.job)) others.emplace_back(row, e);
        }
        for (const auto& [row, e] : others) push(lanes_[row].demand, e.key, e.order, e.job);
    }

    /// `job_sorter::for_next` of the lane of the front.
    template <class F>
    void for_next(F f) {
        if (size_ != 0) lanes_[front_].jobs.for_next(f);
    }

private:
    struct lane {
        fleet::demand demand{};
        job_sorter jobs;  // by length
    };

    static service_place first(const lane& l) {
        const ranked_job& e = l.jobs.front();
        return {.service = uint128{e.key} * l.demand.gpus, .order = e.order, .job = e.job};
    }

    void pop(std::size_t row) {
        lanes_[row].jobs.pop();
        --size_;
        if (row != front_) return;
        bool found = false;
        for (std::size_t other = 0; other != lanes_.size(); ++other) {
            if (lanes_[other].jobs.empty()) continue;
            if (!found || before(first(lanes_[other]), first(lanes_[front_]))) front_ = other;
            found = true;
        }
    }

    std::deque<lane> lanes_;
    demand_rows rows_;
    std::size_t front_ = 0;  // the lane of the first job
    std::size_t size_ = 0;
};

}  // namespace ampacity::policy
