#pragma once
/// \file
/// Limits of GPUs that a plan sets so that jobs have power, and lifts again.
///
/// It keeps a budget as if the limits that are planned held, with the starts of the plan under them, and another one as
/// if all of them were as low as may be. What is planned never overloads a feed by a start or by what is lifted: both
/// are charged with upper bounds, what limits save is credited with lower ones. Costs nothing while nothing is limited
/// and no job is short; else a limit that is planned or lifted costs O(groups behind its feed x limits tried). Not
/// thread-safe.

#include <ampacity/policy/plan.hpp>
#include <ampacity/policy/power_budget.hpp>
#include <ampacity/policy/view.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ampacity::policy {

class power_caps {
public:
    /// The lowest limit, of `power_aware_options::whole`; as much: nothing is ever limited.
    power_caps(std::uint32_t lowest, std::uint32_t reserve)
        : floor_(static_cast<std::uint16_t>((lowest + 9'999) / 10'000 * step)), reserve_(reserve) {}

    /// A new plan. \pre `h` outlives what follows, and does not change
    void begin(const headroom_view& h, power_budget& budget) {
        view_ = &h;
        is_open_ = has_floor_ = false;
        starts_.clear();
        if (any_) open(budget);
    }
    /// May it limit anything?
    [[nodiscard]] bool may() const noexcept { return floor_ != gpu_limits::none && view_->caps != nullptr; }

    /// The plan starts such a job there, and has charged it to its budget.
    void add(std::uint32_t kind, std::span<const fleet::gpu_share> where) {
        if (!may()) return;
        for (const fleet::gpu_share& s : where)
            starts_.push_back({kind, view_->group[index(s.node)], static_cast<std::uint32_t>(std::popcount(s.gpus))});
        if (has_floor_) at_floor_.charge(kind, where);
    }
    /// What feeds could carry if all limits were as low as may be. \pre may()
    [[nodiscard]] power_budget& at_floor(power_budget& budget) {
        if (!is_open_) open(budget);
        if (!has_floor_) {
            has_floor_ = true;
            for (std::size_t g = 0; g != lowest_.size(); ++g) lowest_[g] = std::min(limit_[g], floor_);
            fill(at_floor_, lowest_);
        }
        return at_floor_;
    }
    /// Plans limits with which all feeds above can carry a job there, and brings the budget up to date. Of the feeds
    /// that are short the one furthest from the utility comes first; it gets the highest limit that is enough for it.
    /// \pre at_floor could carry it, or false comes back
    [[nodiscard]] bool lower_for(std::uint32_t kind, std::span<const fleet::gpu_share> where, power_budget& budget) {
        while (const auto feed = shortest(kind, where, budget)) {
            const std::uint32_t cap = view_->caps->stands_for(*feed);
            const auto is_enough = [&](std::uint32_t to) {
                try_limit(cap, to);
                trial_.charge(kind, where);
                return trial_.left(*feed) >= 0;
            };
            const std::uint16_t was = planned_[cap];
            const bool helps = was > floor_ && is_enough(floor_);
            const std::uint32_t to = helps ? highest(floor_ / step, (was + step - 1U) / step, is_enough) : was;
            set(cap, to);
            if (!helps) return false;
            own_[cap] = 1;
            any_ = true;
            refill(budget);
        }
        return true;
    }

    /// Raises own limits as far as feeds can carry it, in the order of feeds, and proposes all that has changed.
    void end(plan& p, power_budget& budget) {
        if (!is_open_) return;
        if (any_) raise(budget);
        for (std::uint32_t f = 0; f != planned_.size(); ++f) {
            if (planned_[f] != before_[f]) p.set_cap(f, {planned_[f], planned_[f]});
        }
    }

private:
    static constexpr std::uint16_t step = 10;  // thousandths

    struct started {
        std::uint32_t kind = 0, group = 0, gpus = 0;
    };

    /// Reads the limits that hold.
    void open(power_budget& budget) {
        is_open_ = true;
        const cap_facts& caps = *view_->caps;
        if (behind_.empty()) {
            behind_.resize(view_->room_uw.size());
            own_.resize(view_->room_uw.size(), 0);
            for (std::uint32_t g = 0; g != view_->model.size(); ++g)
                for (const std::uint32_t f : caps.above(g)) behind_[f].push_back(g);
        }
        before_.assign(view_->room_uw.size(), gpu_limits::none);
        for (std::uint32_t f = 0; f != before_.size(); ++f)
            if (caps.stands_for(f) == f) before_[f] = caps.limit(f);
        planned_ = before_;
        limit_.resize(view_->model.size());
        for (std::uint32_t g = 0; g != limit_.size(); ++g) limit_[g] = limit_of(g);
        now_ = limit_;
        lowest_.resize(limit_.size());
        refill(budget);
    }
    [[nodiscard]] std::uint16_t limit_of(std::uint32_t group) const {
        std::uint16_t lowest = gpu_limits::none;
        for (const std::uint32_t f : view_->caps->above(group)) lowest = std::min(lowest, planned_[f]);
        return lowest;
    }
    void set(std::uint32_t cap, std::uint32_t to) {
        planned_[cap] = static_cast<std::uint16_t>(to);
        for (const std::uint32_t g : behind_[cap]) limit_[g] = limit_of(g);
    }

    void refill(power_budget& budget) { fill(budget, limit_); }
    /// As if these limits held.
    void fill(power_budget& budget, std::span<const std::uint16_t> limits) {
        budget.begin(*view_, reserve_);
        budget.set_limits(limits);
        for (std::uint32_t g = 0; g != limits.size(); ++g)
            if (limits[g] != now_[g]) budget.change(g, view_->caps->if_limited(g, limits[g]));
        for (const started& s : starts_) budget.charge(s.kind, s.group, s.gpus);
    }

    /// Feeds come before what they feed.
    [[nodiscard]] std::optional<std::uint32_t> shortest(std::uint32_t kind, std::span<const fleet::gpu_share> where,
                                                        power_budget& budget) const {
        std::optional<std::uint32_t> out;
        budget.for_short(kind, where, [&](std::uint32_t feed) { out = std::max(out.value_or(feed), feed); });
        return out;
    }

    /// The budget of the plan with another limit.
    void try_limit(std::uint32_t cap, std::uint32_t to) {
        set(cap, to);
        refill(trial_);
    }
    /// The highest limit that is good, in steps: the first is, the last is not.
    template <class F>
    [[nodiscard]] static std::uint32_t highest(std::uint32_t first, std::uint32_t last, F is_good) {
        while (last - first > 1) {
            const std::uint32_t mid = (first + last) / 2;
            (is_good(mid * step) ? first : last) = mid;
        }
        return first * step;
    }

    void raise(power_budget& budget) {
        any_ = false;
        for (std::uint32_t cap = 0; cap != own_.size(); ++cap) {
            if (own_[cap] == 0) continue;
            const auto fits = [&](std::uint32_t to) {
                try_limit(cap, to);
                for (std::uint32_t f = 0; f != planned_.size(); ++f)
                    if (trial_.left(f) < 0 && trial_.left(f) < budget.left(f)) return false;
                return true;
            };
            const std::uint16_t was = planned_[cap];
            const std::uint32_t next = was / step + 1U;
            std::uint32_t to = was;
            if (was == gpu_limits::none || fits(gpu_limits::none))
                to = gpu_limits::none;
            else if (fits(next * step))
                to = highest(next, gpu_limits::none / step, fits);
            set(cap, to);
            if (to != was) refill(budget);
            own_[cap] = to == gpu_limits::none ? 0 : 1;
            any_ = any_ || own_[cap] != 0;
        }
    }

    std::uint16_t floor_;
    std::uint32_t reserve_;
    const headroom_view* view_ = nullptr;
    bool is_open_ = false;                             // in this plan
    bool has_floor_ = false;                           // the same
    bool any_ = false;                                 // of own_
    std::vector<char> own_;                            // (feeds) it has planned a limit that is not lifted yet
    std::vector<std::vector<std::uint32_t>> behind_;   // (feeds) groups
    std::vector<std::uint16_t> before_, planned_;      // (feeds) limits
    std::vector<std::uint16_t> now_, limit_, lowest_;  // (groups) that hold, as planned, and the same at the floor
    std::vector<started> starts_;
    power_budget at_floor_, trial_;
};

}  // namespace ampacity::policy
