#include "builtin.hpp"
#include "demand_rows.hpp"
#include "job_set.hpp"
#include "ordered_jobs.hpp"
#include "prefix_policy.hpp"
#include "service_queue.hpp"

#include <algorithm>
#include <deque>
#include <limits>

namespace ampacity::policy {
namespace {

/// By remaining service: the time that a job still takes x its GPUs.
///
/// That of a running job falls at the rate of its GPUs, so two of them swap places as time goes by; those of equal GPUs
/// never do. Running jobs are therefore kept by GPU count, each lane by the end of its jobs, and the lanes' last jobs
/// are compared by what is left now. As running jobs share the fleet, n distinct counts take n(n+1)/2 GPUs: a look at
/// the last job costs O(sqrt(GPUs)) at the worst.
///
/// On a mixed fleet it is the work that is left x GPUs, looked up anew whenever it is asked for, O(running jobs).
class srsf_list {
public:
    using entry = service_place;

    explicit srsf_list(bool by_estimate) : by_estimate_(by_estimate) {}

    void refresh(const view& v) noexcept { by_work_ = v.capacity.free.is_mixed(); }
    [[nodiscard]] bool waiting() const noexcept { return !queue_.empty(); }
    [[nodiscard]] entry head(const view&) const { return queue_.front(); }
    [[nodiscard]] entry queued_entry(const view& v, job_id job) const {
        return {.service = uint128{left(v, job, v[job].speed)} * v[job].demand.gpus, .order = v[job].order, .job = job};
    }
    void pop_head() { queue_.pop(); }
    void enqueue(const view& v, job_id job) {
        // How its GPUs may lie is of no concern here.
        queue_.push(fleet::demand{.gpus = v[job].demand.gpus}, left(v, job, v[job].speed), v[job].order, job);
    }
    void hint(const view& v) {
        queue_.for_next([&v](job_id next) { v.expect(next); });
    }

    [[nodiscard]] bool running() const noexcept { return by_work_ ? !jobs_.empty() : !busy_.empty(); }
    [[nodiscard]] entry last(const view& v) const {
        if (by_work_) {
            entry found{};
            for (const job_id job : jobs_) {
                if (const entry e = queued_entry(v, job); !before(e, found)) found = e;
            }
            return found;
        }
        entry found = place(v, lanes_[busy_.front()], lanes_[busy_.front()].jobs.last());
        for (const std::size_t row : busy_) {
            const entry e = place(v, lanes_[row], lanes_[row].jobs.last());
            if (before(found, e)) found = e;
        }
        return found;
    }
    void behind(const view& v, const entry& e, std::vector<entry>& out) const {
        for (const job_id job : jobs_) {
            if (const entry other = queued_entry(v, job); before(e, other)) out.push_back(other);
        }
        const std::uint64_t now = ns(v.now);
        for (const std::size_t row : busy_) {
            const lane& l = lanes_[row];
            // Those behind end later than this, or just then where the division leaves no rest.
            const uint128 end = e.service / l.gpus + now;
            if (end > std::numeric_limits<std::uint64_t>::max()) continue;
            const bool exact = e.service % l.gpus == 0;
            const ranked_job limit{.key = static_cast<std::uint64_t>(end),
                                   .order = exact ? e.order : std::numeric_limits<std::uint64_t>::max()};
            for (auto at = l.jobs.behind(limit); at != l.jobs.end(); ++at) out.push_back(place(v, l, *at));
        }
        std::sort(out.begin(), out.end(), [](const entry& a, const entry& b) { return before(a, b); });
    }

    void begin_run(const view& v, job_id job) { add(v, job, v.full_speed(job)); }
    void is_slowed(const view& v, job_id job) {
        remove(v, job, v.full_speed(job));
        add(v, job, v[job].speed);
    }
    void go_on(const view& v, job_id job) { add(v, job, v[job].speed); }
    void end_run(const view& v, const entry& e) { leave(v, e.job); }
    void learn(const view&, job_id) const noexcept {}
    void leave(const view& v, job_id job) { remove(v, job, v[job].speed); }
    void tick(const view&) const noexcept {}
    void wake_up(plan&) const noexcept {}

private:
    /// Running jobs of one GPU count.
    struct lane {
        std::uint32_t gpus = 0;
        ordered_jobs jobs;  ///< by end [ns]
    };

    void add(const view& v, job_id job, double speed) {
        if (by_work_) return jobs_.add(job);
        const std::size_t row = rows_.row(fleet::demand{.gpus = v[job].demand.gpus});
        if (row == lanes_.size()) {
            lanes_.emplace_back();
            lanes_.back().gpus = v[job].demand.gpus;
        }
        if (lanes_[row].jobs.empty()) busy_.push_back(row);
        lanes_[row].jobs.insert(running_job(v, job, speed));
    }
    void remove(const view& v, job_id job, double speed) {
        if (by_work_) return jobs_.remove(job);
        const std::size_t row = rows_.row(fleet::demand{.gpus = v[job].demand.gpus});
        lanes_[row].jobs.erase(running_job(v, job, speed));
        if (lanes_[row].jobs.empty()) {
            *std::find(busy_.begin(), busy_.end(), row) = busy_.back();
            busy_.pop_back();
        }
    }

    /// Sums of a duration and an instant, each up to 292 years, need the unsigned range.
    static std::uint64_t ns(instant t) noexcept { return static_cast<std::uint64_t>(ticks(t)); }

    /// Run time that the job still takes, counted from the start of its run if it runs; on a mixed fleet its work.
    [[nodiscard]] std::uint64_t left(const view& v, job_id job, double speed) const {
        const duration whole = by_estimate_ ? v[job].estimate : v.oracle.work(job);
        if (v.capacity.free.is_mixed()) return static_cast<std::uint64_t>(ticks(whole - v.done(job)));
        return static_cast<std::uint64_t>(ticks(v.run_length(job, time_for(whole - v[job].progress, speed))));
    }
    [[nodiscard]] ranked_job running_job(const view& v, job_id job, double speed) const {
        return {.key = left(v, job, speed) + ns(v[job].run_start), .order = v[job].order, .job = job};
    }
    static entry place(const view& v, const lane& l, const ranked_job& e) {
        return {.service = uint128{e.key - ns(v.now)} * l.gpus, .order = e.order, .job = e.job};
    }

    bool by_estimate_;
    bool by_work_ = false;  // on a mixed fleet
    job_set jobs_;          // that run, on a mixed fleet
    service_queue queue_;
    std::deque<lane> lanes_;         // of running jobs
    demand_rows rows_;               // into lanes_
    std::vector<std::size_t> busy_;  // rows of the lanes that are not empty
};

}  // namespace

std::unique_ptr<policy> make_srsf(bool by_estimate) { return std::make_unique<prefix_policy<srsf_list>>(by_estimate); }

}  // namespace ampacity::policy
