#include "builtin.hpp"
#include "elastic_shares.hpp"
#include "job_set.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace ampacity::policy {
namespace {

/// Elastic jobs get GPUs by marginal gain. Waiting jobs get their smallest number by arrival; what is left goes step by
/// step to whom it helps most; running jobs are resized for both. A pass looks at every elastic job that runs, O(n),
/// and at the waiting ones that it comes to; each step that changes hands costs O(log n).
class elastic final : public policy {
public:
    explicit elastic(const elastic_options& options) : options_(options), shares_(options) {}

    [[nodiscard]] bool chooses_gpus() const override { return true; }

    void on_submit(const view& v, job_id job) override { enqueue(v, job); }
    void on_finish(const view& v, job_id job) override { leave(v, job); }
    void on_preempt(const view& v, job_id job) override {
        leave(v, job);
        enqueue(v, job);
    }
    void on_capacity_changed(const view&) override { changed_ = true; }
    void on_tick(const view&) override {
        wanted_ = never;
        interval_ended_ = true;
    }

    void decide(const view& v, plan& p) override {
        // A decision that takes time comes behind the end of the interval.
        const bool ended = std::exchange(interval_ended_, false);
        adjusts_ = ended || options_.interval == duration::zero() ||
                   v.now.time_since_epoch() % options_.interval == duration::zero();
        if (adjusts_ || begin_ != waiting_.size()) {
            admit(v);
            shares_.deal(left_);
            shrink(p);
            start(v, p);
            grow(p);
        }
        if (adjusts_) changed_ = false;
        wake_up(v, p);
    }

    [[nodiscard]] reason explain(const view& v, const plan&, job_id job) const override {
        reason r{.free_gpus = left_, .ahead = waiting_before(v, job), .gpus = least(v, job)};
        const job_id head = waiting_[begin_];
        if (!options_.skip && job != head) {
            r.what = obstacle::order;
            r.blocker = head;
        } else if (std::find(unplaced_.begin(), unplaced_.end(), job) != unplaced_.end()) {
            r.what = obstacle::placement;
            r.free_gpus = v.capacity.free.free_gpus();
        } else if (!adjusts_ && r.gpus <= left_ + spare(v)) {
            r.what = obstacle::round;
            r.until = next_interval(v.now);
        } else {
            r.what = obstacle::gpus;
        }
        return r;
    }

private:
    static constexpr std::size_t none_of_them = ~std::size_t{0};

    /// A waiting job that is to start.
    struct admitted {
        std::size_t at = 0;     ///< in `waiting_`
        std::size_t share = 0;  ///< none_of_them: it is rigid
    };

    [[nodiscard]] static std::uint32_t least(const view& v, job_id job) {
        const elastic_job* const e = v.elastic(job);
        return e == nullptr ? v[job].demand.gpus : e->gpus_min;
    }
    /// GPUs that running jobs have beyond their smallest numbers.
    [[nodiscard]] std::uint64_t spare(const view& v) const {
        std::uint64_t sum = 0;
        for (const job_id job : running_) sum += v[job].demand.gpus - v.elastic(job)->gpus_min;
        return sum;
    }

    /// The smallest numbers of waiting jobs, by arrival; what is left then is `left_`.
    void admit(const view& v) {
        shares_.begin(v.capacity.free.gpus_per_node());
        admitted_.clear();
        left_ = v.capacity.free.free_gpus();
        if (adjusts_) {
            for (const job_id job : running_) shares_.add(job, v[job].order, *v.elastic(job), v[job].demand.gpus);
            left_ += spare(v);
        }
        walked_ = begin_;
        for (; walked_ != waiting_.size() && left_ != 0; ++walked_) {
            const job_id job = waiting_[walked_];
            const std::uint32_t gpus = least(v, job);
            if (gpus > left_) {
                if (!options_.skip) break;
                continue;
            }
            left_ -= gpus;
            const elastic_job* const e = v.elastic(job);
            admitted_.push_back({.at = walked_, .share = e == nullptr ? none_of_them : shares_.all().size()});
            if (e != nullptr) shares_.add(job, v[job].order, *e, 0);
        }
    }

    /// Running jobs that lose GPUs, by arrival; those that gain some are found, too.
    void shrink(plan& p) {
        shrinking_.clear();
        growing_.clear();
        for (const elastic_shares::share& s : shares_.all()) {
            if (s.held == 0 || s.gpus == s.held) continue;
            (s.gpus < s.held ? shrinking_ : growing_).push_back({.order = s.order, .job = s.job, .gpus = s.gpus});
        }
        const auto earlier = [](const change& a, const change& b) { return a.order < b.order; };
        std::sort(shrinking_.begin(), shrinking_.end(), earlier);
        std::sort(growing_.begin(), growing_.end(), earlier);
        for (const change& c : shrinking_) p.resize(c.job, c.gpus);
    }

    void start(const view& v, plan& p) {
        unplaced_.clear();
        for (const admitted& a : admitted_) {
            const job_id job = waiting_[a.at];
            if (starts(v, p, job, a.share)) {
                if (a.share != none_of_them) running_.add(job);
                waiting_[a.at] = none<job_id>;
            } else {
                unplaced_.push_back(job);
                if (!options_.skip) break;
            }
        }
        // Those that were passed over move up to those behind them.
        std::size_t to = walked_;
        for (std::size_t from = walked_; from-- > begin_;) {
            if (waiting_[from] != none<job_id>) waiting_[--to] = waiting_[from];
        }
        begin_ = to;
        if (begin_ > waiting_.size() / 2) {
            waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(begin_));
            begin_ = 0;
        }
    }
    [[nodiscard]] bool starts(const view& v, plan& p, job_id job, std::size_t share) const {
        if (share == none_of_them) return p.start(job);
        const elastic_shares::share& s = shares_.all()[share];
        if (p.start_on(job, s.gpus)) return true;
        // On a pool there is always room.
        return s.gpus != s.least && !v.capacity.free.is_pool() && p.start_on(job, s.least);
    }

    void grow(plan& p) {
        for (const change& c : growing_) p.resize(c.job, c.gpus);
    }

    /// At its place by arrival: behind all others unless it has run before.
    void enqueue(const view& v, job_id job) {
        const auto earlier = [&v](std::uint64_t order, job_id other) { return order < v[other].order; };
        const auto first = waiting_.begin() + static_cast<std::ptrdiff_t>(begin_);
        const bool is_last = first == waiting_.end() || v[waiting_.back()].order < v[job].order;
        waiting_.insert(is_last ? waiting_.end() : std::upper_bound(first, waiting_.end(), v[job].order, earlier), job);
        changed_ = true;
    }
    void leave(const view& v, job_id job) {
        if (v.elastic(job) != nullptr) running_.remove(job);
        changed_ = true;
    }

    [[nodiscard]] instant next_interval(instant now) const {
        return add_saturating(now, options_.interval - now.time_since_epoch() % options_.interval);
    }
    /// The end of the interval, if it may change something.
    void wake_up(const view& v, plan& p) {
        if (options_.interval == duration::zero()) return;
        const bool useful = changed_ && !running_.empty();
        const instant next = useful ? next_interval(v.now) : never;
        if (next == wanted_) return;
        wanted_ = next;
        p.wake_at(next);
    }

    struct change {
        std::uint64_t order = 0;
        job_id job{};
        std::uint32_t gpus = 0;
    };

    elastic_options options_;
    std::vector<job_id> waiting_;  // by arrival, from `begin_` on
    std::size_t begin_ = 0;
    job_set running_;              // elastic ones
    bool changed_ = false;         // since running jobs were adjusted last
    instant wanted_ = never;       // the wish that was made last
    bool interval_ended_ = false;  // since the last pass

    // Of the last pass:
    elastic_shares shares_;
    bool adjusts_ = true;
    std::uint64_t left_ = 0;  // room beyond the smallest numbers
    std::size_t walked_ = 0;  // end of what was looked at of `waiting_`
    std::vector<admitted> admitted_;
    std::vector<change> shrinking_;
    std::vector<change> growing_;
    std::vector<job_id> unplaced_;
};

}  // namespace

std::unique_ptr<policy> make_elastic(const elastic_options& options) { return std::make_unique<elastic>(options); }

}  // namespace ampacity::policy
