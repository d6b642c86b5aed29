#include "forwarding.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/core/pod_vector.hpp>
#include <ampacity/core/step_series.hpp>
#include <ampacity/policy/wrappers.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace ampacity::policy {
namespace {

/// The earliest of the starts from `from` to `last` with the least integral over `length`. Between the instants at
/// which a start or its end crosses a step the integral is linear in the start, so only those are looked at.
class best_start {
public:
    best_start(const exact_series& s, instant from, instant last, duration length)
        : series_(s), last_(last), length_(length), at_(from) {
        if (!s.knows(from, add_saturating(from, length))) return;
        least_ = s.integral(from, add_saturating(from, length));
        look(from, duration::zero());
        look(from, length);
        try_at(last);
    }
    [[nodiscard]] instant at() const noexcept { return at_; }

private:
    /// Starts at which what lies `ahead` of them crosses a step.
    void look(instant from, duration ahead) {
        instant t = add_saturating(from, ahead);
        while (const auto step = series_.find(t)) {
            t = step->end;
            if (t == never || t - last_ > ahead) return;
            try_at(t - ahead);
        }
    }
    void try_at(instant start) {
        const instant end = add_saturating(start, length_);
        if (!series_.knows(start, end)) return;
        const int128 sum = series_.integral(start, end);
        if (sum > least_ || (sum == least_ && start >= at_)) return;
        least_ = sum;
        at_ = start;
    }

    const exact_series& series_;
    instant last_;
    duration length_;
    instant at_;
    int128 least_ = 0;
};

class signal_aware final : public forwarding {
public:
    signal_aware(std::unique_ptr<policy> inner, const signal_options& options)
        : forwarding(std::move(inner)), options_(options) {
        AMPACITY_ASSERT(options.max_delay >= duration::zero());
    }

    void on_submit(const view& v, job_id job) override {
        if (const exact_series* const s = series(v); s != nullptr && can_wait(v, job)) {
            const instant last = add_saturating(v.now, options_.max_delay);
            const instant until = best_start(*s, v.now, last, v.queued_time(job)).at();
            if (until > v.now) return hold(v, job, until);
        }
        forwarding::on_submit(v, job);
    }
    void on_tick(const view& v) override {
        armed_ = never;
        if (wanted_ > v.now) return;
        wanted_ = never;
        inner().on_tick(v);
    }

    void decide(const view& v, plan& p) override {
        while (!held_.empty() && held_.front().until <= v.now) {
            const job_id job = held_.front().job;
            std::pop_heap(held_.begin(), held_.end(), is_later);
            held_.pop_back();
            until_[index(job)] = never;
            forwarding::on_submit(v, job);
        }
        inner().decide(v, p);
        if (p.wake_up()) wanted_ = *p.wake_up();
        const instant next = std::min(wanted_, held_.empty() ? never : held_.front().until);
        if (p.wake_up() || next != armed_) p.wake_at(next);
        armed_ = next;
    }

    [[nodiscard]] reason explain(const view& v, const plan& p, job_id job) const override {
        if (index(job) >= until_.size() || until_[index(job)] == never) return inner().explain(v, p, job);
        return {.what = obstacle::signal,
                .until = until_[index(job)],
                .free_gpus = v.capacity.free.free_gpus(),
                .ahead = waiting_before(v, job)};
    }

private:
    struct held_job {
        instant until;
        std::uint64_t order;
        job_id job;
    };
    static bool is_later(const held_job& a, const held_job& b) noexcept {
        return a.until != b.until ? a.until > b.until : a.order > b.order;
    }

    [[nodiscard]] bool can_wait(const view& v, job_id job) const {
        return !options_.below_priority || v[job].priority < *options_.below_priority;
    }
    [[nodiscard]] const exact_series* series(const view& v) const noexcept {
        if (v.signals == nullptr) return nullptr;
        switch (options_.of) {
            case signal_kind::carbon: return v.signals->carbon.get();
            case signal_kind::marginal: return v.signals->marginal.get();
            case signal_kind::price: return v.signals->price.get();
        }
        return nullptr;
    }
    void hold(const view& v, job_id job, instant until) {
        held_.push_back({until, v[job].order, job});
        std::push_heap(held_.begin(), held_.end(), is_later);
        until_.grow_to(index(job) + 1, never);
        until_[index(job)] = until;
    }

    signal_options options_;
    std::vector<held_job> held_;  // a heap, the first to go in front
    pod_vector<instant> until_;   // by job_id; never: it is not held
    instant wanted_ = never;      // by the inner policy
    instant armed_ = never;       // the wish that stands
};

}  // namespace

std::unique_ptr<policy> make_signal_aware(std::unique_ptr<policy> inner, const signal_options& options) {
    return std::make_unique<signal_aware>(std::move(inner), options);
}

}  // namespace ampacity::policy
