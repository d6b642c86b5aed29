#pragma once
/// \file
/// The baselines of the replay: what one would write for this fleet, these jobs and this policy alone.
///
/// `fifo_loop` and `easy_loop` know counts only: no records, ledger, places or preemption. `easy_walk` is EASY as a
/// policy of the engine that looks at the whole queue in every pass; its schedule is the one to reach.

#include <ampacity/core/wide.hpp>
#include <ampacity/policy/policy.hpp>
#include <ampacity/workload/job.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <span>
#include <vector>

namespace bench {

/// A job as far as a loop needs it.
struct slim_job {
    std::int64_t submit;
    std::int64_t duration;
    std::int64_t estimate;
    std::uint32_t gpus;
};

inline std::vector<slim_job> slim(std::span<const ampacity::workload::job_request> jobs) {
    using ampacity::ticks;
    std::vector<slim_job> out;
    out.reserve(jobs.size());
    for (const auto& j : jobs) {
        out.push_back({ticks(j.submit), ticks(j.work), std::max(ticks(j.estimate), ticks(j.work)), j.gpus});
    }
    return out;
}

/// An end of a run; the earliest is on top.
struct run_end {
    std::int64_t at;
    std::uint32_t job;
    bool operator>(const run_end& other) const { return at > other.at; }
};
using run_ends = std::priority_queue<run_end, std::vector<run_end>, std::greater<>>;

/// Sum of the waits [ns]. A job starts once its forerunner has, it is there, and enough GPUs are free.
inline ampacity::int128 fifo_loop(std::span<const slim_job> jobs, std::uint32_t free) {
    run_ends ends;
    ampacity::int128 waits = 0;
    std::int64_t now = 0;
    for (std::uint32_t i = 0; i != jobs.size(); ++i) {
        const slim_job& j = jobs[i];
        now = std::max(now, j.submit);
        while (!ends.empty() && (ends.top().at <= now || free < j.gpus)) {
            now = std::max(now, ends.top().at);
            free += jobs[ends.top().job].gpus;
            ends.pop();
        }
        free -= j.gpus;
        waits += now - j.submit;
        ends.push({now + j.duration, i});
    }
    return waits;
}

/// EASY backfill that walks the queue.
class easy_loop {
public:
    easy_loop(std::span<const slim_job> jobs, std::uint32_t gpus) : jobs_(jobs), free_(gpus), start_of_(jobs.size()) {}

    /// Sum of the waits [ns].
    ampacity::int128 run() {
        std::uint32_t arrived = 0;
        while (arrived != jobs_.size() || !ends_.empty()) {
            now_ = ends_.empty() ? jobs_[arrived].submit : ends_.top().at;
            if (arrived != jobs_.size()) now_ = std::min(now_, jobs_[arrived].submit);
            for (; !ends_.empty() && ends_.top().at == now_; ends_.pop()) finish(ends_.top().job);
            for (; arrived != jobs_.size() && jobs_[arrived].submit == now_; ++arrived) queue_.push_back(arrived);
            pass();
        }
        return waits_;
    }

private:
    void start(std::uint32_t job) {
        const slim_job& j = jobs_[job];
        free_ -= j.gpus;
        waits_ += now_ - j.submit;
        start_of_[job] = now_;
        ends_.push({now_ + j.duration, job});
        const run_end planned{now_ + j.estimate, job};
        running_.insert(std::upper_bound(running_.begin(), running_.end(), planned, std::greater<>()), planned);
    }

    void finish(std::uint32_t job) {
        free_ += jobs_[job].gpus;
        const run_end planned{start_of_[job] + jobs_[job].estimate, job};
        auto at = std::lower_bound(running_.begin(), running_.end(), planned, std::greater<>());
        while (at->job != job) ++at;
        running_.erase(at);
    }

    void pass() {
        while (head_ != queue_.size() && jobs_[queue_[head_]].gpus <= free_) start(queue_[head_++]);
        if (head_ == queue_.size()) {
            queue_.clear();
            head_ = 0;
            return;
        }
        if (queue_.size() - head_ < 2 || free_ == 0) return;
        const std::uint32_t need = jobs_[queue_[head_]].gpus;
        std::uint32_t then = free_;
        std::int64_t shadow = 0;
        for (std::size_t i = running_.size(); i != 0; --i) {
            if (then >= need && running_[i - 1].at != shadow) break;
            shadow = running_[i - 1].at;
            then += jobs_[running_[i - 1].job].gpus;
        }
        std::uint32_t extra = then - need;
        std::size_t kept = head_ + 1;
        for (std::size_t i = kept; i != queue_.size(); ++i) {
            const slim_job& j = jobs_[queue_[i]];
            const bool ends_in_time = now_ + j.estimate <= shadow;
            if (j.gpus <= free_ && (ends_in_time || j.gpus <= extra)) {
                if (!ends_in_time) extra -= j.gpus;
                start(queue_[i]);
            } else {
                queue_[kept++] = queue_[i];
            }
        }
        queue_.resize(kept);
    }

    std::span<const slim_job> jobs_;
    std::uint32_t free_;
    std::int64_t now_ = 0;
    ampacity::int128 waits_ = 0;
    run_ends ends_;
    std::vector<run_end> running_;  // latest planned end first
    std::vector<std::int64_t> start_of_;
    std::vector<std::uint32_t> queue_;  // from head_
    std::size_t head_ = 0;
};

/// EASY on a pool as the semantics tell it, against the public interface.
class easy_walk final : public ampacity::policy::policy {
public:
    void on_submit(const ampacity::policy::view&, ampacity::job_id job) override { queue_.push_back(job); }
    void on_finish(const ampacity::policy::view&, ampacity::job_id job) override {
        std::erase_if(running_, [job](const planned_end& e) { return e.job == job; });
    }

    void decide(const ampacity::policy::view& v, ampacity::policy::plan& p) override {
        std::size_t head = 0;
        while (head != queue_.size() && p.start(queue_[head])) add_running(v, queue_[head++]);
        queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(head));
        if (queue_.size() < 2 || v.capacity.free.free_gpus() == 0) return;
        const std::uint64_t need = v[queue_[0]].demand.gpus;
        std::uint64_t then = v.capacity.free.free_gpus();
        ampacity::instant shadow{};
        for (const planned_end& e : running_) {
            if (then >= need && e.at != shadow) break;
            shadow = e.at;
            then += v[e.job].demand.gpus;
        }
        std::uint64_t extra = then - need;
        std::size_t kept = 1;
        for (std::size_t i = 1; i != queue_.size(); ++i) {
            const auto& j = v[queue_[i]];
            const bool fits = j.demand.gpus <= v.capacity.free.free_gpus();
            const bool ends_in_time = v.now + j.estimate <= shadow;
            if (fits && (ends_in_time || j.demand.gpus <= extra) && p.start(queue_[i])) {
                if (!ends_in_time) extra -= j.demand.gpus;
                add_running(v, queue_[i]);
            } else {
                queue_[kept++] = queue_[i];
            }
        }
        queue_.resize(kept);
    }

private:
    struct planned_end {
        ampacity::instant at{};
        ampacity::job_id job{};
    };

    void add_running(const ampacity::policy::view& v, ampacity::job_id job) {
        const planned_end e{.at = v.planned_end(job), .job = job};
        const auto earlier = [](const planned_end& a, const planned_end& b) { return a.at < b.at; };
        running_.insert(std::upper_bound(running_.begin(), running_.end(), e, earlier), e);
    }

    std::vector<ampacity::job_id> queue_;  // submit order
    std::vector<planned_end> running_;     // earliest first
};

}  // namespace bench
