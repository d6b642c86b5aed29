#include "builtin.hpp"
#include "claims.hpp"
#include "demand_rows.hpp"
#include "job_set.hpp"
#include "max_min_shares.hpp"

#include <ampacity/core/pod_vector.hpp>
#include <ampacity/core/wide.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace ampacity::policy {
namespace {

/// Max-min fair throughput (docs/policies/max-min.md). At the multiples of the round all GPUs are given anew, by what
/// jobs should have received on each type over what they have; between them nothing happens. The shares are found anew
/// in the first round after jobs or nodes have come or gone. A round costs O(n log n) for n jobs and types, and a
/// question to the placer for each demand that finds no place and each job that is placed.
class max_min final : public policy {
public:
    explicit max_min(const max_min_options& options) : round_(options.round) {}

    void on_submit(const view& v, job_id job) override {
        live_.add(job);
        const std::size_t row = rows_.row(v[job].demand);
        if (row == classes_.size()) classes_.push_back(class_of(v, v[job].demand));
        ++classes_[row].jobs;
        of_job_.grow_to((index(job) + 1) * num_types(v), {});
        for (std::size_t t = 0; t != num_types(v); ++t) of_job_[index(job) * num_types(v) + t] = {};
        stale_ = true;
    }
    void on_finish(const view& v, job_id job) override {
        live_.remove(job);
        --classes_[rows_.row(v[job].demand)].jobs;
        stale_ = true;
    }
    /// It keeps its account, and waits for the next round.
    void on_fail(const view&, job_id) override {}
    void on_requeue(const view&, job_id) override {}
    void on_capacity_changed(const view&) override { stale_ = true; }
    [[nodiscard]] bool runs_into_closings() const noexcept override { return true; }
    [[nodiscard]] bool moves_runs() const noexcept override { return true; }
    void on_tick(const view&) override {
        wanted_ = never;
        due_ = true;
    }

    void decide(const view& v, plan& p) override {
        // A decision that takes time comes behind the beginning of its round.
        const bool due = std::exchange(due_, false) || v.now.time_since_epoch() % round_ == duration::zero();
        if (due && v.now != last_ && !live_.empty() && v.capacity.usable_gpus() != 0) {
            last_ = v.now;
            if (stale_) allocate(v);
            rank(v);
            v.capacity.free.is_pool() ? share_pool(v) : share_nodes(v);
            carry_out(v, p);
        }
        const instant next = live_.empty() ? never : next_round(v.now);
        if (next == wanted_) return;
        wanted_ = next;
        p.wake_at(next);
    }

    [[nodiscard]] reason explain(const view& v, const plan&, job_id job) const override {
        reason r = seen_from_outside(v, v.capacity.free, job);
        r.ahead = waiting_before(v, job);
        if (v.now != last_) {
            r.what = obstacle::round;
            r.until = next_round(v.now);
        }
        return r;
    }

private:
    static constexpr double whole = 1 << 30;  // all of a job's time

    /// What a job should have received on a type, in rounds x `whole`, and the rounds that it has.
    struct account {
        std::uint64_t due = 0;
        std::uint64_t rounds = 0;
    };
    struct candidate {
        account of{};
        std::uint64_t order = 0;
        job_id job{};
        std::uint32_t row = 0;  ///< of its class
        fleet::gpu_type type = 0;
    };
    enum class fate : std::uint8_t { open, asked, stays, placed };

    static bool before(const candidate& a, const candidate& b) noexcept {
        const uint128 of_a = uint128{a.of.due} * b.of.rounds;
        const uint128 of_b = uint128{b.of.due} * a.of.rounds;
        if (of_a != of_b) return of_a > of_b;
        if (a.of.due != b.of.due) return a.of.due > b.of.due;
        return a.order != b.order ? a.order < b.order : a.type < b.type;
    }

    [[nodiscard]] static std::size_t num_types(const view& v) {
        return v.capacity.free.is_mixed() ? v.capacity.types()->size() : 1;
    }
    [[nodiscard]] instant next_round(instant t) const noexcept {
        return add_saturating(t, round_ - t.time_since_epoch() % round_);
    }

    static share_class class_of(const view& v, fleet::demand wanted) {
        share_class c{.jobs = 0, .gpus = wanted.gpus, .speeds = std::vector<double>(num_types(v), 1.0)};
        if (!v.capacity.free.is_mixed()) return c;
        for (std::size_t t = 0; t != c.speeds.size(); ++t) {
            const auto type = static_cast<fleet::gpu_type>(t);
            const double speed = v.capacity.types()->speed(wanted.speeds, type);
            c.speeds[t] = speed > 0 && fits_on(v.place, v.capacity.empty, type, wanted) ? speed : 0;
        }
        return c;
    }

    void allocate(const view& v) {
        stale_ = false;
        std::vector<std::uint64_t> gpus;
        for (std::size_t t = 0; t != num_types(v); ++t) {
            gpus.push_back(v.capacity.free.is_mixed()
                               ? v.capacity.in_service.of(static_cast<fleet::gpu_type>(t)).free_gpus()
                               : v.capacity.usable_gpus());
        }
        std::vector<share_class> present;
        for (const share_class& c : classes_) {
            if (c.jobs != 0) present.push_back(c);
        }
        const max_min_result result = max_min_shares(present, gpus);
        shares_.assign(classes_.size() * gpus.size(), 0);
        std::size_t at = 0;
        for (std::size_t k = 0; k != classes_.size(); ++k) {
            if (classes_[k].jobs == 0) continue;
            for (std::size_t t = 0; t != gpus.size(); ++t, ++at)
                shares_[k * gpus.size() + t] = static_cast<std::uint64_t>(std::llround(result.shares[at] * whole));
        }
    }

    /// Whose turn it is in this round.
    void rank(const view& v) {
        const std::size_t types = num_types(v);
        candidates_.clear();
        queue_.clear();
        fates_.grow_to(v.jobs.size(), fate::open);
        hopeless_.assign(classes_.size() * types, false);
        for (const job_id job : live_) {
            fates_[index(job)] = fate::open;
            const std::size_t row = rows_.row(v[job].demand);
            queue_.push_back({.order = v[job].order, .job = job, .row = static_cast<std::uint32_t>(row)});
            for (std::size_t t = 0; t != types; ++t) {
                const std::uint64_t share = shares_[row * types + t];
                if (share == 0) continue;
                account& a = of_job_[index(job) * types + t];
                a.due += share;
                candidates_.push_back({.of = a,
                                       .order = v[job].order,
                                       .job = job,
                                       .row = static_cast<std::uint32_t>(row),
                                       .type = static_cast<fleet::gpu_type>(t)});
            }
        }
        std::sort(candidates_.begin(), candidates_.end(), before);
        // What they leave goes to the others, in the order of arrival.
        std::sort(queue_.begin(), queue_.end(),
                  [](const candidate& a, const candidate& b) { return a.order < b.order; });
        for (const candidate& c : queue_) add_all_types(v, c);
    }
    void add_all_types(const view& v, candidate c) {
        if (!v.capacity.free.is_mixed()) {
            candidates_.push_back(c);
            return;
        }
        for (const fleet::gpu_type t : v.capacity.types()->by_speed(v[c.job].demand.speeds)) {
            c.type = t;
            candidates_.push_back(c);
        }
    }

    [[nodiscard]] bool settled(job_id job) const {
        return fates_[index(job)] == fate::stays || fates_[index(job)] == fate::placed;
    }
    [[nodiscard]] static bool runs(const view& v, job_id job) { return v[job].state == job_state::running; }

    void share_pool(const view& v) {
        winners_.clear();
        std::uint64_t left = v.capacity.free.free_gpus();
        for (const job_id job : live_) left += runs(v, job) ? v[job].demand.gpus : 0;
        for (const candidate& c : candidates_) {
            if (settled(c.job) || v[c.job].demand.gpus > left) continue;
            left -= v[c.job].demand.gpus;
            count_round(v, c);
            fates_[index(c.job)] = runs(v, c.job) ? fate::stays : fate::placed;
            if (!runs(v, c.job)) winners_.push_back(c.job);
        }
    }

    void share_nodes(const view& v) {
        claims_.begin(v);
        for (const job_id job : live_) {
            if (runs(v, job)) claims_.contest(v, job);
        }
        for (const candidate& c : candidates_) {
            if (!settled(c.job) && takes(v, c)) count_round(v, c);
        }
    }
    /// Does the job get GPUs of the type? One that runs there keeps its own if nobody has claimed them.
    bool takes(const view& v, const candidate& c) {
        const bool mixed = v.capacity.free.is_mixed();
        fate& of = fates_[index(c.job)];
        const bool holds = of == fate::open && runs(v, c.job);
        const bool here = holds && v[c.job].type == c.type;
        if (here) {
            of = fate::asked;
            if (claims_.keep(v, c.job)) {
                of = fate::stays;
                return true;
            }
        }
        const std::size_t at = c.row * num_types(v) + c.type;
        if (hopeless_[at]) return false;
        if (mixed ? claims_.claim_on(v, c.job, c.type) : claims_.claim(v, c.job)) {
            if (holds && !here) claims_.leave(v, c.job);
            of = fate::placed;
            return true;
        }
        // Room only shrinks within a round, but for what running jobs leave: that was unclaimed before.
        hopeless_[at] = true;
        return false;
    }
    void count_round(const view& v, const candidate& c) { ++of_job_[index(c.job) * num_types(v) + c.type].rounds; }

    void carry_out(const view& v, plan& p) {
        for (const job_id job : live_) {
            if (runs(v, job) && fates_[index(job)] != fate::stays) p.preempt(job);
        }
        if (v.capacity.free.is_pool()) {
            for (const job_id job : winners_) p.start(job);
            return;
        }
        for (const claims::placed& s : claims_.starts()) p.start(s.job, claims_.where(s));
    }

    duration round_;
    job_set live_;
    demand_rows rows_;
    std::vector<share_class> classes_;   // by row
    std::vector<std::uint64_t> shares_;  // (classes, types) of `whole`
    pod_vector<account> of_job_;         // (job_id, types)
    bool stale_ = true;                  // jobs have come or gone since `shares_` were found
    bool due_ = false;                   // a round has begun since the last pass
    instant last_ = instant::min();      // round
    instant wanted_ = never;             // the wish that was made last

    // Of one round:
    std::vector<candidate> candidates_;
    std::vector<candidate> queue_;
    pod_vector<fate> fates_;      // by job_id
    std::vector<bool> hopeless_;  // (classes, types)
    std::vector<job_id> winners_;
    claims claims_;
};

}  // namespace

std::unique_ptr<policy> make_max_min(const max_min_options& options) { return std::make_unique<max_min>(options); }

}  // namespace ampacity::policy
