#include "builtin.hpp"
#include "job_set.hpp"
#include "job_sorter.hpp"
#include "ordered_jobs.hpp"
#include "prefix_policy.hpp"
#include "service_stages.hpp"

#include <algorithm>

namespace ampacity::policy {
namespace {

/// A list whose order is a number of each job: queue and running jobs sorted by it.
class numbered_list {
public:
    using entry = ranked_job;

    [[nodiscard]] bool waiting() const noexcept { return !queue_.empty(); }
    void pop_head() { queue_.pop(); }
    void hint(const view& v) {
        queue_.for_next([&v](job_id next) { v.expect(next); });
    }
    [[nodiscard]] bool running() const noexcept { return !running_.empty(); }
    [[nodiscard]] entry last(const view&) const { return running_.last(); }
    void behind(const view&, const entry& e, std::vector<entry>& out) const {
        for (auto at = running_.behind(e); at != running_.end(); ++at) out.push_back(*at);
    }

protected:
    static entry make_entry(const view& v, job_id job, std::uint64_t key) {
        return {.key = key, .order = v[job].order, .job = job};
    }

    job_sorter queue_;
    ordered_jobs running_;
};

/// Sums of a duration and an instant, each up to 292 years, need the unsigned range.
std::uint64_t unsigned_ns(std::int64_t ns) noexcept { return static_cast<std::uint64_t>(ns); }

/// By the time that jobs still take. The number of a running job, which does not change, is when it will end; to that
/// of a queued one the time is added.
///
/// On a mixed fleet by the work that is left: that of running jobs falls at different speeds, so it is looked up anew
/// whenever it is asked for, O(running jobs).
class srtf_list : public numbered_list {
public:
    explicit srtf_list(bool by_estimate) : by_estimate_(by_estimate) {}

    void refresh(const view& v) noexcept { by_work_ = v.capacity.free.is_mixed(); }
    [[nodiscard]] entry head(const view& v) const {
        entry e = queue_.front();
        if (!by_work_) e.key += unsigned_ns(ticks(v.now));
        return e;
    }
    [[nodiscard]] entry queued_entry(const view& v, job_id job) const {
        return make_entry(v, job, left(v, job, v[job].speed));
    }
    void enqueue(const view& v, job_id job) { queue_.push(queued_entry(v, job)); }

    [[nodiscard]] bool running() const noexcept { return by_work_ ? !jobs_.empty() : numbered_list::running(); }
    [[nodiscard]] entry last(const view& v) const {
        if (!by_work_) return numbered_list::last(v);
        entry found{};
        for (const job_id job : jobs_) {
            if (const entry e = queued_entry(v, job); !before(e, found)) found = e;
        }
        return found;
    }
    void behind(const view& v, const entry& e, std::vector<entry>& out) const {
        if (!by_work_) return numbered_list::behind(v, e, out);
        for (const job_id job : jobs_) {
            if (const entry other = queued_entry(v, job); before(e, other)) out.push_back(other);
        }
        std::sort(out.begin(), out.end(), [](const entry& a, const entry& b) { return before(a, b); });
    }

    void begin_run(const view& v, job_id job) {
        by_work_ ? jobs_.add(job) : running_.insert(running_entry(v, job, v.full_speed(job)));
    }
    void is_slowed(const view& v, job_id job) {
        if (by_work_) return;
        running_.erase(running_entry(v, job, v.full_speed(job)));
        running_.insert(running_entry(v, job, v[job].speed));
    }
    void go_on(const view& v, job_id job) {
        by_work_ ? jobs_.add(job) : running_.insert(running_entry(v, job, v[job].speed));
    }
    void end_run(const view&, const entry& e) { by_work_ ? jobs_.remove(e.job) : running_.erase(e); }
    void learn(const view&, job_id) const noexcept {}
    void leave(const view& v, job_id job) {
        by_work_ ? jobs_.remove(job) : running_.erase(running_entry(v, job, v[job].speed));
    }
    void tick(const view&) const noexcept {}
    void wake_up(plan&) const noexcept {}

private:
    /// Run time that the job still takes, counted from the start of its run if it runs; on a mixed fleet its work.
    [[nodiscard]] std::uint64_t left(const view& v, job_id job, double speed) const {
        const duration whole = by_estimate_ ? v[job].estimate : v.oracle.work(job);
        if (v.capacity.free.is_mixed()) return unsigned_ns(ticks(whole - v.done(job)));
        return unsigned_ns(ticks(v.run_length(job, time_for(whole - v[job].progress, speed))));
    }
    [[nodiscard]] entry running_entry(const view& v, job_id job, double speed) const {
        return make_entry(v, job, left(v, job, speed) + unsigned_ns(ticks(v[job].run_start)));
    }

    bool by_estimate_;
    bool by_work_ = false;  // on a mixed fleet
    job_set jobs_;          // that run, on a mixed fleet
};

/// By bucket of attained service.
class las_list : public numbered_list {
public:
    explicit las_list(std::vector<gpu_time> thresholds) : stages_(std::move(thresholds)) {}

    void refresh(const view& v) {
        stages_.cross(v, [&](job_id job, std::size_t from, std::size_t to) {
            running_.erase(make_entry(v, job, from));
            running_.insert(make_entry(v, job, to));
        });
    }
    [[nodiscard]] entry head(const view&) const { return queue_.front(); }
    [[nodiscard]] entry queued_entry(const view& v, job_id job) const {
        return make_entry(v, job, stages_.stage(v, job));
    }
    void enqueue(const view& v, job_id job) { queue_.push(queued_entry(v, job)); }
    void begin_run(const view& v, job_id job) {
        stages_.begin_run(v, job);
        running_.insert(make_entry(v, job, stages_.running_stage(job)));
    }
    void is_slowed(const view&, job_id) const noexcept {}
    void go_on(const view& v, job_id job) {
        stages_.go_on(v, job);
        running_.insert(make_entry(v, job, stages_.running_stage(job)));
    }
    void end_run(const view& v, const entry& e) {
        running_.erase(e);
        stages_.end_run(v, e.job);
    }
    void learn(const view&, job_id) const noexcept {}
    void leave(const view& v, job_id job) { end_run(v, make_entry(v, job, stages_.running_stage(job))); }
    void tick(const view&) noexcept { stages_.tick(); }
    void wake_up(plan& p) { stages_.wake_up(p); }

private:
    service_stages stages_;
};

}  // namespace

std::unique_ptr<policy> make_srtf(bool by_estimate) { return std::make_unique<prefix_policy<srtf_list>>(by_estimate); }
std::unique_ptr<policy> make_las(std::vector<gpu_time> thresholds) {
    return std::make_unique<prefix_policy<las_list>>(std::move(thresholds));
}

}  // namespace ampacity::policy
