#include "builtin.hpp"
#include "service_queue.hpp"

#include <ampacity/core/pod_vector.hpp>
#include <ampacity/policy/reason.hpp>

#include <unordered_map>

namespace ampacity::policy {
namespace {

/// Rolling means of how long jobs ran, exact integers.
class rolling_means {
public:
    explicit rolling_means(std::uint64_t weight) : weight_(weight) {}

    void add(std::uint64_t who, std::uint32_t gpus, std::uint64_t ran) {
        const auto [mean, first] = means_.try_emplace(who << 32U | gpus, ran);
        if (first) return;
        constexpr std::uint64_t whole = qssf_options::whole;
        mean->second =
            static_cast<std::uint64_t>((uint128{mean->second} * (whole - weight_) + uint128{ran} * weight_) / whole);
    }

    /// Null where no job has finished.
    [[nodiscard]] const std::uint64_t* find(std::uint64_t who, std::uint32_t gpus) const {
        const auto at = means_.find(who << 32U | gpus);
        return at == means_.end() ? nullptr : &at->second;
    }

private:
    std::uint64_t weight_;
    std::unordered_map<std::uint64_t, std::uint64_t> means_;  // [ns]
};

class qssf final : public policy {
public:
    explicit qssf(const qssf_options& options)
        : options_(options), of_users_(options.weight), others_(options.weight) {}

    void on_submit(const view& v, job_id job) override {
        predicted_.grow_to(index(job) + 1, 0);
        predicted_[index(job)] = prediction(v[job]);
        queue_.push(v[job].demand, predicted_[index(job)], v[job].order, job);
    }

    /// The prediction stays what it was on arrival.
    void on_requeue(const view& v, job_id job) override {
        queue_.push(v[job].demand, predicted_[index(job)], v[job].order, job);
    }
    void on_fail(const view&, job_id) override {}

    void on_finish(const view& v, job_id job) override {
        const job_view& j = v[job];
        // This policy cuts no run short; of a job that was stopped the last run counts.
        const auto ran = static_cast<std::uint64_t>(ticks(v.now - v.began(job)));
        if (j.user != 0) of_users_.add(j.user, j.demand.gpus, ran);
        if (j.group != 0) others_.add(j.group, j.demand.gpus, ran);
        others_.add(everybody, j.demand.gpus, ran);
        others_.add(everybody, any_count, ran);
    }

    void decide(const view& v, plan& p) override {
        if (options_.skip && !v.capacity.horizons.empty()) {
            // How long a job is planned to run matters, and it is in no order here: the walk of the queue as it reads.
            queue_.take_all([&p](job_id job) { return p.start(job); });
            return;
        }
        if (options_.skip) {
            // Room only shrinks within a pass, so a job that was passed over cannot fit later in it.
            while (v.capacity.free.free_gpus() != 0 &&
                   queue_.take_first([&v](fleet::demand d) { return fits(v.place, v.capacity.free, d); },
                                     [&p](job_id job) { return p.start(job); })) {
            }
            return;
        }
        while (!queue_.empty() && p.start(queue_.front().job)) {
            queue_.pop();
            queue_.for_next([&v](job_id next) { v.expect(next); });
        }
    }

    [[nodiscard]] reason explain(const view& v, const plan& p, job_id job) const override {
        const service_place mine = place_of(v, job);
        reason r;
        if (options_.skip) {
            fleet::free_index free = v.capacity.free;
            for (const action& a : p.actions()) {
                if (a.kind == action_kind::start && before(mine, place_of(v, a.job)))
                    free.give(v[a.job].demand, v.held(a.job));
            }
            r = seen_from_outside(v, free, job);
        } else {
            r = seen_from_outside(v, v.capacity.free, job);
            if (const job_id head = queue_.front().job; job != head) {
                r.what = obstacle::order;
                r.blocker = head;
            }
        }
        r.ahead = count_waiting(v, [&](job_id other) { return before(place_of(v, other), mine); });
        return r;
    }

private:
    static constexpr std::uint64_t everybody = 0;  // no group has this number
    static constexpr std::uint32_t any_count = 0;  // no job has so few GPUs

    /// [ns]
    [[nodiscard]] std::uint64_t prediction(const job_view& j) const {
        const std::uint64_t* mean = j.user != 0 ? of_users_.find(j.user, j.demand.gpus) : nullptr;
        if (mean == nullptr && j.group != 0) mean = others_.find(j.group, j.demand.gpus);
        if (mean == nullptr) mean = others_.find(everybody, j.demand.gpus);
        if (mean == nullptr) mean = others_.find(everybody, any_count);
        return mean != nullptr ? *mean : static_cast<std::uint64_t>(ticks(options_.prior));
    }

    [[nodiscard]] service_place place_of(const view& v, job_id job) const {
        return {.service = uint128{predicted_[index(job)]} * v[job].demand.gpus, .order = v[job].order, .job = job};
    }

    qssf_options options_;
    pod_vector<std::uint64_t> predicted_;  // by job_id [ns]
    service_queue queue_;                  // by predicted GPU-time
    rolling_means of_users_;
    rolling_means others_;  // of groups and everybody
};

}  // namespace

std::unique_ptr<policy> make_qssf(const qssf_options& options) { return std::make_unique<qssf>(options); }

}  // namespace ampacity::policy
