#pragma once
/// \file
/// Measures scheduling passes, see sim/decision_costs.hpp. One run, one thread.

#include <ampacity/core/time.hpp>
#include <ampacity/sim/decision_costs.hpp>

#include <algorithm>
#include <chrono>

namespace ampacity::sim {

class decision_meter {
public:
    /// Calls `decide` in a pass at `now`, which never decreases.
    template <class F>
    void measure(instant now, F decide) {
        if (now >= hour_end_) [[unlikely]]
            close_hours(now);
        ++in_hour_;
        const std::uint64_t number = costs_.passes++;
        if (number < each_of_first || number % one_in == 0) [[unlikely]]
            return time(number, decide);
        decide();
    }

    /// The run ends here; a part of an hour counts as one.
    void finish(instant end) {
        close_hours(end);
        if (end > hour_end_ - hour || in_hour_ != 0) costs_.per_hour.add(in_hour_);
        in_hour_ = 0;
    }

    [[nodiscard]] const decision_costs& costs() const noexcept { return costs_; }

private:
    static constexpr std::uint64_t each_of_first = 4096;
    static constexpr std::uint64_t one_in = 128;
    static constexpr duration hour = std::chrono::hours{1};

    template <class F>
    [[gnu::noinline]] void time(std::uint64_t number, F decide) {
        using clock = std::chrono::steady_clock;
        const auto begin = clock::now();
        decide();
        const std::chrono::nanoseconds took = clock::now() - begin;
        ++costs_.measured;
        costs_.wall_ns.add(static_cast<std::uint64_t>(std::max<std::int64_t>(0, took.count())),
                           number < each_of_first ? 1 : one_in);
    }

    [[gnu::noinline]] void close_hours(instant now) {
        if (now < hour_end_) return;
        costs_.per_hour.add(in_hour_);
        in_hour_ = 0;
        const auto empty = (now - hour_end_) / hour;
        if (empty != 0) costs_.per_hour.add(0, static_cast<std::uint64_t>(empty));
        hour_end_ = add_saturating(hour_end_, hour * (empty + 1));
    }

    decision_costs costs_;
    instant hour_end_ = start_of_time + hour;
    std::uint64_t in_hour_ = 0;
};

}  // namespace ampacity::sim
