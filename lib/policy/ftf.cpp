#include "builtin.hpp"
#include "claims.hpp"
#include "demand_rows.hpp"
#include "job_set.hpp"

#include <ampacity/core/pod_vector.hpp>

#include <algorithm>
#include <utility>

namespace ampacity::policy {
namespace {

/// Finish-time fairness: rho = (time in the system if it ran from now on) / (time alone on a share of the fleet). At
/// the multiples of the lease all GPUs are offered, at other passes those that are free. A pass that has something to
/// offer looks at every job that may bid, O(n), and orders those that it comes to, O(log n) each.
class ftf final : public policy {
public:
    explicit ftf(const ftf_options& options) : options_(options) {}

    void on_submit(const view& v, job_id job) override { enqueue(v, job); }
    void on_finish(const view&, job_id job) override { running_.remove(job); }
    [[nodiscard]] bool runs_into_closings() const noexcept override { return true; }
    [[nodiscard]] bool moves_runs() const noexcept override { return true; }
    void on_tick(const view&) override {
        wanted_ = never;
        lease_ended_ = true;
    }

    void decide(const view& v, plan& p) override {
        // A decision that takes time comes behind the end of the lease.
        const bool lease_ended =
            std::exchange(lease_ended_, false) || v.now.time_since_epoch() % options_.lease == duration::zero();
        if (!waiting_.empty()) {
            if (lease_ended) {
                offer_all(v, p);
            } else if (something_fits(v)) {
                offer_free(v, p);
            }
        }
        wake_up(v, p);
    }

    /// What is in use belongs to its holders until the lease ends.
    [[nodiscard]] reason explain(const view& v, const plan&, job_id job) const override {
        reason r = seen_from_outside(v, v.capacity.free, job);
        if (r.what != obstacle::unknown) r.what = obstacle::lease;
        r.until = wanted_;
        const std::uint64_t active = waiting_.size() + running_.size();
        const bidder mine = bidder_of(v, job, active);
        r.ahead = count_waiting(v, [&](job_id other) { return worse(bidder_of(v, other, active), mine); });
        return r;
    }

private:
    /// Who may get GPUs. rho = shared / alone, but for a factor that is the same for all.
    struct bidder {
        std::uint64_t shared = 0;  ///< [ns]
        uint128 alone = 0;         ///< [ns] x GPUs
        std::uint64_t order = 0;
        job_id job{};
    };

    /// Is the share of `a` worse? Three factors of 64 bits on each side.
    static bool worse(const bidder& a, const bidder& b) noexcept {
        const auto product = [](std::uint64_t x, uint128 y) {
            const uint128 low = uint128{x} * static_cast<std::uint64_t>(y);
            const uint128 high = uint128{x} * static_cast<std::uint64_t>(y >> 64U) + (low >> 64U);
            return std::pair{high, static_cast<std::uint64_t>(low)};
        };
        const auto left = product(a.shared, b.alone);
        const auto right = product(b.shared, a.alone);
        return left != right ? left > right : a.order < b.order;
    }
    static bool earlier(const bidder& a, const bidder& b) noexcept { return a.order < b.order; }

    [[nodiscard]] bidder bidder_of(const view& v, job_id job, std::uint64_t active) const {
        const job_view& j = v[job];
        const double speed =
            v.capacity.free.is_mixed() ? demands_[rows_.known(j.demand)].best_speed : v.full_speed(job);
        const auto ns = [](duration d) { return static_cast<std::uint64_t>(ticks(d)); };
        // A running job has been there since its submit and will be until its planned end.
        const std::uint64_t shared = j.state == job_state::running
                                         ? v.planned_end_ns(job) - ns(j.submit.time_since_epoch())
                                         : ns(v.now - j.submit) + ns(v.time_at(job, speed));
        // Alone it would not be preempted, but it would pause for checkpoints.
        duration whole = time_for(j.estimate, speed);
        if (!v.costs.empty()) whole = v.costs[v[job].costs_row].of(false).length(whole);
        const std::uint64_t alone = std::max<std::uint64_t>(1, ns(whole));
        const std::uint64_t gpus = std::max(v.capacity.usable_gpus(), j.demand.gpus * active);
        return {.shared = shared, .alone = uint128{alone} * gpus, .order = j.order, .job = job};
    }
    void add_bidder(const view& v, job_id job, std::uint64_t active) {
        bidders_.push_back(bidder_of(v, job, active));
        least_gpus_ = std::min(least_gpus_, v[job].demand.gpus);
    }

    void call(const view& v, bool running_too) {
        bidders_.clear();
        least_gpus_ = ~std::uint32_t{0};
        hopeless_.clear();
        const std::uint64_t active = waiting_.size() + running_.size();
        for (const job_id job : waiting_) add_bidder(v, job, active);
        if (!running_too) return;
        for (const job_id job : running_) add_bidder(v, job, active);
    }

    /// Calls `f(job)` for the worst share of bidders, worst first, then for the others by arrival, as long as it
    /// returns true.
    template <class F>
    void for_bidders(F f) {
        const std::uint64_t worst =
            ((ftf_options::whole - options_.fairness) * bidders_.size() + ftf_options::whole - 1) / ftf_options::whole;
        const auto end = bidders_.begin() + static_cast<std::ptrdiff_t>(worst);
        if (end != bidders_.end()) std::nth_element(bidders_.begin(), end, bidders_.end(), worse);
        if (drain(bidders_.begin(), end, worse, f)) drain(end, bidders_.end(), earlier, f);
    }
    template <class Iterator, class Before, class F>
    static bool drain(Iterator begin, Iterator end, Before is_before, F f) {
        const auto last_first = [is_before](const bidder& a, const bidder& b) { return is_before(b, a); };
        std::make_heap(begin, end, last_first);
        for (; begin != end; --end) {
            if (!f(begin->job)) return false;
            std::pop_heap(begin, end, last_first);
        }
        return true;
    }

    /// Room only shrinks within a pass: a demand that found no place will find none.
    [[nodiscard]] bool is_hopeless(fleet::demand d) const {
        return std::binary_search(hopeless_.begin(), hopeless_.end(), d.key());
    }
    void give_up(fleet::demand d) {
        hopeless_.insert(std::lower_bound(hopeless_.begin(), hopeless_.end(), d.key()), d.key());
    }

    [[nodiscard]] bool something_fits(const view& v) const {
        return std::any_of(demands_.begin(), demands_.end(), [&v](const demand_count& d) {
            return d.jobs != 0 && fits(v.place, v.capacity.free, d.demand);
        });
    }

    void offer_free(const view& v, plan& p) {
        call(v, false);
        for_bidders([&](job_id job) {
            if (!is_hopeless(v[job].demand)) {
                if (p.start(job)) {
                    begin_run(v, job);
                } else {
                    give_up(v[job].demand);
                }
            }
            return v.capacity.free.free_gpus() >= least_gpus_;
        });
    }

    void offer_all(const view& v, plan& p) {
        call(v, true);
        stays_.grow_to(v.jobs.size(), 0);
        for (const job_id job : running_) stays_[index(job)] = 0;
        v.capacity.free.is_pool() ? share_pool(v, p) : share_nodes(v, p);
    }

    void share_pool(const view& v, plan& p) {
        winners_.clear();
        std::uint64_t left = v.capacity.free.free_gpus();
        for (const job_id job : running_) left += v[job].demand.gpus;
        for_bidders([&](job_id job) {
            const std::uint32_t gpus = v[job].demand.gpus;
            if (gpus <= left) {
                left -= gpus;
                if (v[job].state == job_state::running) {
                    stays_[index(job)] = 1;
                } else {
                    winners_.push_back(job);
                }
            }
            return left >= least_gpus_;
        });
        preempt_losers(v, p);
        for (const job_id job : winners_) {
            p.start(job);
            begin_run(v, job);
        }
    }

    void share_nodes(const view& v, plan& p) {
        claims_.begin(v);
        for (const job_id job : running_) claims_.contest(v, job);
        const bool some_out = v.capacity.usable_gpus() != v.capacity.empty.free_gpus();
        for_bidders([&](job_id job) {
            if (v[job].state == job_state::running && claims_.keep(v, job)) {
                stays_[index(job)] = 1;
            } else if (!is_hopeless(v[job].demand) && !claims_.claim(v, job)) {
                give_up(v[job].demand);
            }
            // Jobs on nodes that drain keep what nobody else can have.
            return claims_.left() >= least_gpus_ || some_out;
        });
        preempt_losers(v, p);
        for (const claims::placed& s : claims_.starts()) {
            p.start(s.job, claims_.where(s));
            begin_run(v, s.job);
        }
    }

    void preempt_losers(const view& v, plan& p) {
        losers_.clear();
        for (const job_id job : running_) {
            if (stays_[index(job)] == 0) losers_.push_back(job);
        }
        for (const job_id job : losers_) {
            p.preempt(job);
            running_.remove(job);
            enqueue(v, job);
        }
    }

    void enqueue(const view& v, job_id job) {
        waiting_.add(job);
        const std::size_t row = rows_.row(v[job].demand);
        if (row == demands_.size()) {
            demands_.push_back({.demand = v[job].demand, .jobs = 0});
            if (v.capacity.free.is_mixed()) demands_.back().best_speed = v.best_speed(v[job].demand);
        }
        ++demands_[row].jobs;
    }
    void begin_run(const view& v, job_id job) {
        waiting_.remove(job);
        --demands_[rows_.row(v[job].demand)].jobs;
        running_.add(job);
    }

    /// The end of the lease, if somebody waits for it.
    void wake_up(const view& v, plan& p) {
        instant next = never;
        if (!waiting_.empty()) {
            const duration since = v.now.time_since_epoch() % options_.lease;
            next = add_saturating(v.now, options_.lease - since);
        }
        if (next == wanted_) return;
        wanted_ = next;
        p.wake_at(next);
    }

    struct demand_count {
        fleet::demand demand{};
        std::uint64_t jobs = 0;   ///< that wait
        double best_speed = 1.0;  ///< on a mixed fleet: on the fastest type that could hold such a job
    };

    ftf_options options_;
    job_set waiting_;
    job_set running_;
    demand_rows rows_;
    std::vector<demand_count> demands_;
    instant wanted_ = never;    // the wish that was made last
    bool lease_ended_ = false;  // since the last pass

    // Of one pass:
    std::vector<bidder> bidders_;
    std::uint32_t least_gpus_ = 0;         // of all bidders
    std::vector<std::uint64_t> hopeless_;  // keys of demands, rising
    std::vector<job_id> winners_;
    std::vector<job_id> losers_;
    pod_vector<std::uint8_t> stays_;  // by job_id; does a running job keep its GPUs?
    claims claims_;
};

}  // namespace

std::unique_ptr<policy> make_ftf(const ftf_options& options) { return std::make_unique<ftf>(options); }

}  // namespace ampacity::policy
