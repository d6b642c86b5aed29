#include <ampacity/core/error.hpp>
#include <ampacity/execution/shared_store.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace ampacity::execution {
namespace {

constexpr double ns_per_s = 1e9;

/// The first ns at which it is complete.
instant end_at(instant now, double bytes, double b_s) {
    if (bytes <= 0) return now;
    const double ns = std::ceil(bytes / b_s * ns_per_s);
    return ns < 9e18 ? add_saturating(now, duration{static_cast<std::int64_t>(ns)}) : never;
}

}  // namespace

shared_store::shared_store(double b_s) : b_s_(b_s) { AMPACITY_ASSERT(b_s > 0); }

void shared_store::begin(instant now, std::uint32_t owner, double bytes, double most_b_s) {
    AMPACITY_ASSERT(bytes > 0 && most_b_s > 0 && (std::isfinite(most_b_s) || std::isfinite(b_s_)));
    AMPACITY_ASSERT(end_of(owner) == never);
    advance(now);
    writes_.push_back({.owner = owner, .left = bytes, .most = most_b_s, .since = now});
    share(now);
}

void shared_store::cancel(instant now, std::uint32_t owner) {
    const auto at = std::find_if(writes_.begin(), writes_.end(), [&](const write& w) { return w.owner == owner; });
    if (at == writes_.end()) return;
    advance(now);
    writes_.erase(at);
    share(now);
}

std::span<const std::uint32_t> shared_store::complete(instant now) {
    complete_.clear();
    for (const write& w : writes_) {
        if (w.ends <= now) complete_.push_back(w.owner);
    }
    if (complete_.empty()) return complete_;
    advance(now);
    std::erase_if(writes_, [now](const write& w) { return w.ends <= now; });
    share(now);
    return complete_;
}

instant shared_store::next() const noexcept {
    instant first = never;
    for (const write& w : writes_) first = std::min(first, w.ends);
    return first;
}

instant shared_store::end_of(std::uint32_t owner) const noexcept {
    for (const write& w : writes_) {
        if (w.owner == owner) return w.ends;
    }
    return never;
}

void shared_store::advance(instant now) {
    for (write& w : writes_) {
        const double done = w.ends <= now ? w.left : std::min(w.left, w.rate * to_seconds(now - w.since));
        taken_b_ += done;
        w.left -= done;
        w.since = now;
    }
}

/// From the slowest owner on, each gets an equal part of what is left, or all that it can use.
void shared_store::share(instant now) {
    changed_ = true;
    order_.resize(writes_.size());
    std::iota(order_.begin(), order_.end(), 0U);
    std::stable_sort(order_.begin(), order_.end(),
                     [this](std::uint32_t a, std::uint32_t b) { return writes_[a].most < writes_[b].most; });
    double left = b_s_;
    std::size_t sharers = writes_.size();
    for (const std::uint32_t row : order_) {
        write& w = writes_[row];
        const double before = w.rate;
        w.rate = std::min(w.most, left / static_cast<double>(sharers--));
        if (std::isfinite(left)) left -= w.rate;
        // What goes on as before ends as it was going to, to the ns.
        if (w.rate != before) w.ends = end_at(now, w.left, w.rate);
    }
}

}  // namespace ampacity::execution
