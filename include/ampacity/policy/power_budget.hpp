#pragma once
/// \file
/// What feeds can still carry while a plan is made: begins with the head-room of the view, and is charged for each
/// start that the plan proposes.
///
/// An upper bound of what a start adds is charged, so a feed whose budget is not exceeded is not overloaded by the
/// plan, as long as no feed is lost. Asking or charging costs O(shares of the allocation + feeds above them). Not
/// thread-safe.

#include <ampacity/core/ids.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/fleet/allocation.hpp>
#include <ampacity/policy/plan.hpp>
#include <ampacity/policy/view.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace ampacity::policy {

class power_budget {
public:
    /// Millionths of every limit are kept free. \pre `h` outlives what follows, and does not change
    void begin(const headroom_view& h, std::uint32_t reserve = 0) {
        view_ = &h;
        limits_ = {};
        left_.assign(h.room_uw.begin(), h.room_uw.end());
        sum_.assign(left_.size(), 0);
        for (std::size_t i = 0; i != left_.size(); ++i) {
            if (h.limit_uw[i] != headroom_view::no_limit)
                left_[i] -= static_cast<std::int64_t>(int128{h.limit_uw[i]} * reserve / 1'000'000);
        }
    }
    /// From now on the GPUs of groups have these limits, by plans. \pre they outlive what follows; `h.caps`
    void set_limits(std::span<const std::uint16_t> by_group) { limits_ = by_group; }
    /// What the jobs of a group change at the input of their racks.
    void change(std::uint32_t group, const cap_facts::change& by) {
        if (by.more == 0 && by.less == 0) return;
        for (const headroom_view::feed_share& s : view_->above(group)) {
            if (view_->limit_uw[s.feed] == headroom_view::no_limit) continue;
            const auto less = static_cast<std::int64_t>(int128{by.less} * s.least_billionths / 1'000'000'000);
            left_[s.feed] += less - rounding - at_feed(by.more, s);
        }
    }
    /// Of a feed. [uW]
    [[nodiscard]] std::int64_t left(std::uint32_t feed) const noexcept { return left_[feed]; }

    /// Where an allocation goes wrong.
    struct shortage {
        std::uint32_t feed = 0;
        std::size_t share = 0;  ///< of the allocation: the first that the feed cannot carry with those before it
    };
    /// None if all feeds above can carry a job of this kind on these GPUs.
    [[nodiscard]] std::optional<shortage> short_of(std::uint32_t kind, std::span<const fleet::gpu_share> where) {
        std::optional<shortage> out;
        for (std::size_t i = 0; i != where.size() && !out; ++i) {
            for_each(kind, where[i], [&](std::uint32_t feed, std::int64_t more) {
                if (sum_[feed] == 0) touched_.push_back(feed);
                sum_[feed] += more;
                if (!out && sum_[feed] > left_[feed]) out = shortage{feed, i};
            });
        }
        for (const std::uint32_t feed : touched_) sum_[feed] = 0;
        touched_.clear();
        return out;
    }
    /// Calls `f(feed)` for all that cannot, in no order.
    template <class F>
    void for_short(std::uint32_t kind, std::span<const fleet::gpu_share> where, F f) {
        for (const fleet::gpu_share& s : where) {
            for_each(kind, s, [this](std::uint32_t feed, std::int64_t more) {
                if (sum_[feed] == 0) touched_.push_back(feed);
                sum_[feed] += more;
            });
        }
        for (const std::uint32_t feed : touched_)
            if (std::exchange(sum_[feed], 0) > left_[feed]) f(feed);
        touched_.clear();
    }
    /// The plan starts such a job there.
    void charge(std::uint32_t kind, std::span<const fleet::gpu_share> where) {
        for (const fleet::gpu_share& s : where)
            for_each(kind, s, [this](std::uint32_t feed, std::int64_t more) { left_[feed] -= more; });
    }
    /// The same of GPUs of one node of a group.
    void charge(std::uint32_t kind, std::uint32_t group, std::uint32_t gpus) {
        const std::int64_t more = added(kind, group, gpus);
        for (const headroom_view::feed_share& to : view_->above(group)) left_[to.feed] -= at_feed(more, to);
    }
    /// Could the feeds above a group carry one GPU more of this kind? The first that could not.
    [[nodiscard]] std::optional<std::uint32_t> exhausted(std::uint32_t kind, std::uint32_t group) const {
        for (const headroom_view::feed_share& s : view_->above(group)) {
            if (at_feed(added(kind, group, 1), s) > left_[s.feed]) return s.feed;
        }
        return std::nullopt;
    }

private:
    /// For what is rounded to whole microwatts on the way, at each device once.
    static constexpr std::int64_t rounding = 100;

    [[nodiscard]] std::int64_t added(std::uint32_t kind, std::uint32_t group, std::uint32_t count) const {
        if (limits_.empty() || limits_[group] == gpu_limits::none) return view_->added(kind, group, count);
        return view_->caps->added(kind, group, count, limits_[group]);
    }
    [[nodiscard]] static std::int64_t at_feed(std::int64_t added, const headroom_view::feed_share& s) noexcept {
        return static_cast<std::int64_t>(int128{added} * s.billionths / 1'000'000'000) + rounding;
    }
    template <class F>
    void for_each(std::uint32_t kind, const fleet::gpu_share& s, F f) const {
        const std::uint32_t group = view_->group[index(s.node)];
        const std::int64_t more = added(kind, group, static_cast<std::uint32_t>(std::popcount(s.gpus)));
        for (const headroom_view::feed_share& to : view_->above(group)) f(to.feed, at_feed(more, to));
    }

    const headroom_view* view_ = nullptr;
    std::span<const std::uint16_t> limits_;  // (groups) empty: none
    std::vector<std::int64_t> left_, sum_;   // (feeds)
    std::vector<std::uint32_t> touched_;
};

}  // namespace ampacity::policy
