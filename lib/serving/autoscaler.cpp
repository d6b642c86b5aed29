#include <ampacity/core/error.hpp>
#include <ampacity/serving/autoscaler.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace ampacity::serving {
namespace {

/// Drops what is no longer of the last `delay`.
template <class List>
void forget(List& list, instant now, duration delay) {
    while (list.front().at != now && now - list.front().at >= delay) list.pop_front();
}

}  // namespace

autoscaler::autoscaler(const autoscaler_options& options) : options_(options), wanted_(options.first) {
    AMPACITY_ASSERT(options.min <= options.max && options.interval > duration::zero() && options.target > 0);
    if (options.policy == scaling_policy::schedule) wanted_ = scheduled(start_of_time);
    AMPACITY_ASSERT(options.min <= wanted_ && wanted_ <= options.max);
    low_.push_back({start_of_time, wanted_});
    high_.push_back({start_of_time, wanted_});
}

duration autoscaler::into_period(instant at) const noexcept {
    return (at.time_since_epoch() % options_.period + options_.offset) % options_.period;
}

std::uint32_t autoscaler::scheduled(instant at) const noexcept {
    const duration now = into_period(at);
    std::uint32_t replicas = options_.schedule.back().replicas;
    for (const scheduled_replicas& s : options_.schedule) {
        if (s.at <= now) replicas = s.replicas;
    }
    return replicas;
}

instant autoscaler::next(instant now) const noexcept {
    if (options_.policy == scaling_policy::fixed) return never;
    if (options_.policy != scaling_policy::schedule) {
        const duration into = now.time_since_epoch() % options_.interval;
        return add_saturating(now, options_.interval - into);
    }
    const duration into = into_period(now);
    for (const scheduled_replicas& s : options_.schedule) {
        if (s.at > into) return add_saturating(now, s.at - into);
    }
    return add_saturating(now, options_.period - into + options_.schedule.front().at);
}

std::uint32_t autoscaler::clamped(double replicas) const noexcept {
    if (!(replicas < static_cast<double>(options_.max))) return options_.max;
    return std::max(options_.min, static_cast<std::uint32_t>(std::max(replicas, 0.0)));
}

std::uint32_t autoscaler::asked_for(const scaling_observation& o) const noexcept {
    const auto seats = static_cast<double>(options_.seats);
    const double requests = static_cast<double>(o.request_ns) / static_cast<double>(ticks(o.since));
    switch (options_.policy) {
        case scaling_policy::fixed: return wanted_;
        case scaling_policy::target_utilisation: return clamped(std::ceil(requests / (options_.target * seats)));
        case scaling_policy::queue:
            return clamped(std::ceil(static_cast<double>(o.running) / seats) +
                           std::ceil(static_cast<double>(o.waiting) / options_.target));
        case scaling_policy::slo: {
            const double now = wanted_;
            if (static_cast<double>(o.met) < options_.target * static_cast<double>(o.left))
                return clamped(now + std::max(1.0, std::ceil(now / 10)));
            return 2 * requests <= (now - 1) * seats ? clamped(now - 1) : wanted_;
        }
        case scaling_policy::schedule: return scheduled(o.now);
    }
    return wanted_;
}

std::uint32_t autoscaler::decide(const scaling_observation& o) {
    const asked a{o.now, asked_for(o)};
    if (options_.policy == scaling_policy::schedule) return wanted_ = a.replicas;
    while (!low_.empty() && low_.back().replicas >= a.replicas) low_.pop_back();
    low_.push_back(a);
    while (!high_.empty() && high_.back().replicas <= a.replicas) high_.pop_back();
    high_.push_back(a);
    forget(low_, o.now, options_.up_delay);
    forget(high_, o.now, options_.down_delay);
    if (low_.front().replicas > wanted_)
        wanted_ = low_.front().replicas;
    else if (high_.front().replicas < wanted_)
        wanted_ = high_.front().replicas;
    return wanted_;
}

}  // namespace ampacity::serving
