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
    /// A pass at `now` begins, which never decreases. Its result goes to `end`.
    std::int64_t begin(instant now) {
        if (now >= hour_end_) [[unlikely]]
            close_hours(now);
        ++in_hour_;
        const std::uint64_t number = costs_.passes++;
        return number < each_of_first || number % one_in == 0 ? clock_ns() : untimed;
    }

    /// The pass is over.
    void end(std::int64_t begun) {
        if (begun != untimed) [[unlikely]]
            add(begun);
    }

    /// The run ends here; a part of an hour counts as one.
    void finish(instant last) {
        close_hours(last);
        if (last > hour_end_ - hour || in_hour_ != 0) costs_.per_hour.add(in_hour_);
        in_hour_ = 0;
    }

    [[nodiscard]] const decision_costs& costs() const noexcept { return costs_; }

private:
    static constexpr std::uint64_t each_of_first = 4096;
    static constexpr std::uint64_t one_in = 128;
    static constexpr duration hour = std::chrono::hours{1};

    static constexpr std::int64_t untimed = -1;

    [[gnu::noinline]] static std::int64_t clock_ns() {
        return std::chrono::nanoseconds{std::chrono::steady_clock::now().time_since_epoch()}.count();
    }

    [[gnu::noinline]] void add(std::int64_t begun) {
        const std::int64_t took = std::max<std::int64_t>(0, clock_ns() - begun);
        ++costs_.measured;
        costs_.wall_ns.add(static_cast<std::uint64_t>(took), costs_.passes <= each_of_first ? 1 : one_in);
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
