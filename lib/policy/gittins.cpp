#include "builtin.hpp"
#include "gittins_index.hpp"
#include "job_sorter.hpp"
#include "ordered_jobs.hpp"
#include "prefix_policy.hpp"
#include "service_stages.hpp"

#include <algorithm>

namespace ampacity::policy {
namespace {

/// By the Gittins index of the stage of attained service, the largest first.
///
/// Jobs of one stage stand in the order of arrival, so queue and running jobs are kept by stage, and only the order of
/// the stages changes when jobs end: the queue is never sorted anew. A look at the first or last job costs one look at
/// each stage.
class gittins_list {
public:
    using entry = ranked_job;  // key: rank of the index, 0 for the largest

    explicit gittins_list(const gittins_options& options)
        : learns_(options.service.empty()),
          index_(options.quantum, options.stages),
          stages_(thresholds(options)),
          ranks_(options.stages, 0),
          queue_(options.stages),
          running_(options.stages) {
        for (const gpu_time service : options.service) index_.add(service);
        stale_ = !learns_;
    }

    void refresh(const view& v) {
        stages_.cross(v, [&](job_id job, std::size_t from, std::size_t to) {
            running_[from].erase(place(v, job));
            running_[to].insert(place(v, job));
        });
        if (!stale_ || waiting_ == 0) return;
        stale_ = false;
        index_.rank(ranks_);
        head_known_ = false;
    }

    [[nodiscard]] bool waiting() const noexcept { return waiting_ != 0; }
    entry head(const view&) const {
        if (!head_known_) {
            head_ = queue_.size();
            for (std::size_t s = 0; s != queue_.size(); ++s) {
                if (queue_[s].empty()) continue;
                if (head_ == queue_.size() || before(first(s), first(head_))) head_ = s;
            }
            head_known_ = true;
        }
        return first(head_);
    }
    [[nodiscard]] entry queued_entry(const view& v, job_id job) const {
        return ranked(stages_.stage(v, job), place(v, job));
    }
    void pop_head() {
        queue_[head_].pop();
        --waiting_;
        head_known_ = false;
    }
    void enqueue(const view& v, job_id job) {
        const std::size_t s = stages_.stage(v, job);
        queue_[s].push({.key = 0, .order = v[job].order, .job = job});
        ++waiting_;
        if (head_known_ && before(first(s), first(head_))) head_ = s;
    }
    void hint(const view& v) {
        if (waiting_ == 0) return;
        head(v);
        queue_[head_].for_next([&v](job_id next) { v.expect(next); });
    }

    [[nodiscard]] bool running() const noexcept { return num_running_ != 0; }
    [[nodiscard]] entry last(const view&) const {
        std::size_t found = running_.size();
        for (std::size_t s = 0; s != running_.size(); ++s) {
            if (running_[s].empty()) continue;
            if (found == running_.size() || before(last_of(found), last_of(s))) found = s;
        }
        return last_of(found);
    }
    void behind(const view&, const entry& e, std::vector<entry>& out) const {
        for (std::size_t s = 0; s != running_.size(); ++s) {
            if (ranks_[s] < e.key) continue;
            auto at = ranks_[s] == e.key ? running_[s].behind({.key = 0, .order = e.order, .job = e.job})
                                         : running_[s].begin();
            for (; at != running_[s].end(); ++at) out.push_back(ranked(s, *at));
        }
        std::sort(out.begin(), out.end(), [](const entry& a, const entry& b) { return before(a, b); });
    }

    void begin_run(const view& v, job_id job) {
        stages_.begin_run(v, job);
        add_running(v, job);
    }
    void is_slowed(const view&, job_id) const noexcept {}
    void go_on(const view& v, job_id job) {
        stages_.go_on(v, job);
        add_running(v, job);
    }
    void end_run(const view& v, const entry& e) {
        running_[stages_.running_stage(e.job)].erase(place(v, e.job));
        --num_running_;
        stages_.end_run(v, e.job);
    }
    void learn(const view& v, job_id job) {
        if (!learns_) return;
        index_.add(stages_.service(v, job));
        stale_ = true;
    }
    void leave(const view& v, job_id job) { end_run(v, place(v, job)); }

    void tick(const view&) noexcept { stages_.tick(); }
    void wake_up(plan& p) { stages_.wake_up(p); }

private:
    static std::vector<gpu_time> thresholds(const gittins_options& options) {
        std::vector<gpu_time> out;
        for (std::size_t s = 1; s < options.stages; ++s) out.push_back(options.quantum * static_cast<gpu_time>(s));
        return out;
    }
    void add_running(const view& v, job_id job) {
        running_[stages_.running_stage(job)].insert(place(v, job));
        ++num_running_;
    }
    static ranked_job place(const view& v, job_id job) { return {.key = 0, .order = v[job].order, .job = job}; }
    [[nodiscard]] entry ranked(std::size_t stage, ranked_job e) const {
        e.key = ranks_[stage];
        return e;
    }
    [[nodiscard]] entry last_of(std::size_t stage) const { return ranked(stage, running_[stage].last()); }
    [[nodiscard]] entry first(std::size_t stage) const { return ranked(stage, queue_[stage].front()); }

    bool learns_;
    gittins_index index_;
    service_stages stages_;
    std::vector<std::uint64_t> ranks_;   // (stages)
    std::vector<job_sorter> queue_;      // (stages) by arrival
    std::vector<ordered_jobs> running_;  // (stages) by arrival
    std::size_t waiting_ = 0;
    std::size_t num_running_ = 0;
    bool stale_ = false;               // ranks_ do not know of all that index_ knows
    mutable bool head_known_ = false;  // head_ is the stage of the first queued job; never while none waits
    mutable std::size_t head_ = 0;
};

}  // namespace

std::unique_ptr<policy> make_gittins(const gittins_options& options) {
    return std::make_unique<prefix_policy<gittins_list>>(options);
}

}  // namespace ampacity::policy
