#include "builtin.hpp"

#include <algorithm>

namespace ampacity::policy {
namespace {

/// Conservative backfill. Reservations made in queue order stay what a rebuild would give as long as jobs end when
/// planned, so they are kept between passes; an early end, or a job that had no place at its slot, rebuilds them.
/// A pass stops reserving once no GPU is free, since only starts can be observed.
class conservative final : public policy {
public:
    void on_submit(const view&, job_id job) override { queue_.push_back({.job = job}); }

    void on_finish(const view& v, job_id job) override {
        if (v[job].planned_end() != v.now) stale_ = true;
        std::erase(running_, job);
    }

    void on_capacity_changed(const view&) override { stale_ = true; }

    void decide(const view& v, plan& p) override {
        if (queue_.empty() || v.capacity.free.free_gpus() == 0) return;
        if (stale_ || next_slot_ < v.now) rebuild(v);
        forget_past(v.now);
        if (next_slot_ > v.now && reserved_ == queue_.size()) return;
        std::size_t kept = 0;
        std::size_t at = 0;
        next_slot_ = never;
        for (; at != queue_.size() && (at < reserved_ || v.capacity.free.free_gpus() != 0); ++at) {
            waiting w = queue_[at];
            if (at >= reserved_) {
                w.slot = earliest(v.now, v[w.job].demand.gpus, v[w.job].estimate);
                claim(w.slot, v[w.job].estimate, v[w.job].demand.gpus);
            }
            if (w.slot == v.now && p.start(w.job)) {
                running_.push_back(w.job);
                continue;
            }
            next_slot_ = std::min(next_slot_, w.slot);
            queue_[kept++] = w;
        }
        reserved_ = kept;
        queue_.erase(queue_.begin() + static_cast<std::ptrdiff_t>(kept), queue_.begin() + static_cast<std::ptrdiff_t>(at));
    }

private:
    struct waiting {
        job_id job{};
        instant slot = never;
    };
    /// From `at` until the next step, so many GPUs are planned to be free.
    struct step {
        instant at{};
        std::int64_t free = 0;
    };

    void rebuild(const view& v) {
        std::vector<std::pair<instant, std::uint32_t>> ends;
        std::int64_t free = static_cast<std::int64_t>(v.capacity.free.free_gpus());
        for (const job_id job : running_) {
            if (v[job].planned_end() <= v.now) free += v[job].demand.gpus;
            else ends.emplace_back(v[job].planned_end(), v[job].demand.gpus);
        }
        std::sort(ends.begin(), ends.end());
        profile_.assign(1, {.at = v.now, .free = free});
        for (const auto& [at, gpus] : ends) {
            if (profile_.back().at != at) profile_.push_back({.at = at, .free = profile_.back().free});
            profile_.back().free += gpus;
        }
        reserved_ = 0;
        next_slot_ = never;
        stale_ = false;
    }

    /// Drops the steps that lie before `now`.
    void forget_past(instant now) {
        std::size_t first = 0;
        while (first + 1 < profile_.size() && profile_[first + 1].at <= now) ++first;
        profile_.erase(profile_.begin(), profile_.begin() + static_cast<std::ptrdiff_t>(first));
        profile_.front().at = now;
    }

    /// The earliest instant from which `gpus` are planned free for `length`.
    [[nodiscard]] instant earliest(instant now, std::int64_t gpus, duration length) const {
        instant start = now;
        bool open = false;
        for (const step& s : profile_) {
            if (open && s.at >= add_saturating(start, length)) return start;
            if (s.free < gpus) {
                open = false;
            } else if (!open) {
                start = s.at;
                open = true;
            }
        }
        return open ? start : never;
    }

    /// Takes the GPUs out of the profile over [start, start + length).
    void claim(instant start, duration length, std::int64_t gpus) {
        if (start == never || length == duration::zero()) return;
        const std::size_t first = split(start);
        const std::size_t last = split(add_saturating(start, length));
        for (std::size_t i = first; i != last; ++i) profile_[i].free -= gpus;
    }

    /// The step that begins at `t`, made if there is none. \pre t not before the first step
    std::size_t split(instant t) {
        const auto at = std::lower_bound(profile_.begin(), profile_.end(), t, [](const step& s, instant u) { return s.at < u; });
        const auto row = static_cast<std::size_t>(at - profile_.begin());
        if (at == profile_.end() || at->at != t) profile_.insert(at, {.at = t, .free = profile_[row - 1].free});
        return row;
    }

    std::vector<waiting> queue_;  // submit order; the first reserved_ hold a slot
    std::size_t reserved_ = 0;
    instant next_slot_ = never;   // earliest of them
    std::vector<job_id> running_;
    std::vector<step> profile_{{}};
    bool stale_ = true;
};

}  // namespace

std::unique_ptr<policy> make_conservative() { return std::make_unique<conservative>(); }

}  // namespace ampacity::policy
