#include "forwarding.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/policy/wrappers.hpp>

#include <algorithm>
#include <utility>

namespace ampacity::policy {
namespace {

class round final : public forwarding {
public:
    round(std::unique_ptr<policy> inner, duration every) : forwarding(std::move(inner)), every_(every) {
        AMPACITY_ASSERT(every > duration::zero());
    }

    void on_submit(const view& v, job_id job) override {
        ++live_;
        forwarding::on_submit(v, job);
    }
    void on_finish(const view& v, job_id job) override {
        --live_;
        forwarding::on_finish(v, job);
    }
    void on_tick(const view&) override { armed_ = never; }

    void decide(const view& v, plan& p) override {
        instant next = round_after(v.now);
        if (is_round(v.now)) {
            if (wanted_ <= v.now) {
                wanted_ = never;
                inner().on_tick(v);
            }
            inner().decide(v, p);
            last_ = v.now;
            if (p.wake_up()) wanted_ = *p.wake_up();
            for (const action& a : p.actions()) live_ -= a.kind == action_kind::reject ? 1U : 0U;
            next = wanted_ == never ? never : round_from(wanted_);
        }
        if (live_ == 0) next = never;
        if (p.wake_up() || next != armed_) p.wake_at(next);
        armed_ = next;
    }

    [[nodiscard]] reason explain(const view& v, const plan& p, job_id job) const override {
        if (is_round(v.now)) return inner().explain(v, p, job);
        if (v[job].submit <= last_) return {.what = obstacle::unchanged};
        return {.what = obstacle::round,
                .until = round_after(v.now),
                .free_gpus = v.capacity.free.free_gpus(),
                .ahead = waiting_before(v, job)};
    }

private:
    [[nodiscard]] bool is_round(instant t) const noexcept { return ticks(t) % ticks(every_) == 0; }
    [[nodiscard]] instant round_after(instant t) const noexcept {
        return add_saturating(t, every_ - duration{ticks(t) % ticks(every_)});
    }
    [[nodiscard]] instant round_from(instant t) const noexcept { return is_round(t) ? t : round_after(t); }

    duration every_;
    instant last_ = instant::min();  // round in which the inner policy decided
    instant wanted_ = never;         // by the inner policy
    instant armed_ = never;          // the wish that stands
    std::uint64_t live_ = 0;         // jobs in the system
};

class explaining final : public forwarding {
public:
    explaining(std::unique_ptr<policy> inner, pass_listener& to) : forwarding(std::move(inner)), to_(to) {}

    void decide(const view& v, plan& p) override {
        inner().decide(v, p);
        to_.on_pass(v, p, inner());
    }

private:
    pass_listener& to_;
};

}  // namespace

std::unique_ptr<policy> make_round(std::unique_ptr<policy> inner, duration every) {
    return std::make_unique<round>(std::move(inner), every);
}

std::unique_ptr<policy> make_explain(std::unique_ptr<policy> inner, pass_listener& to) {
    return std::make_unique<explaining>(std::move(inner), to);
}

}  // namespace ampacity::policy
