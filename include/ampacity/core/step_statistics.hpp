#pragma once
/// \file
/// Mean, variance, smallest and largest value of an integer step function of time, weighted by time.
///
/// Right-continuous as `time_weighted`: a value set at t holds from t on; of several set at one instant the last
/// counts, and a value that held for no time counts nowhere. Integrals are exact integers; the division at the end
/// gives the mean correctly rounded up to 2 ulp and the variance within a few ulp, however large the mean is against
/// it. Values are limited to +-2^31, so that 200 years of squares fit 128 bits. O(1) per change, one thread per object.

#include <ampacity/core/error.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace ampacity {

class step_statistics {
public:
    static constexpr std::int64_t limit = std::int64_t{1} << 31U;  ///< of values, both ways

    /// Starts at `start` with `value`.
    explicit constexpr step_statistics(instant start, std::int64_t value = 0) : start_(start), last_(start) {
        set(start, value);
    }

    /// The function's value from `at` on. Requires at >= the last change, |value| <= limit.
    constexpr void set(instant at, std::int64_t value) {
        AMPACITY_ASSERT(at >= last_ && value >= -limit && value <= limit);
        sums_ = until(at);
        last_ = at;
        value_ = value;
    }
    /// Adds `change` to the value from `at` on.
    constexpr void add(instant at, std::int64_t change) { set(at, value_ + change); }

    [[nodiscard]] constexpr std::int64_t value() const noexcept { return value_; }

    /// What is known of the function over a stretch of time.
    struct summary {
        double mean;
        double variance;  ///< of the value at an instant drawn evenly; the population's, >= 0
        std::int64_t min;
        std::int64_t max;
    };
    /// From the start to `end`; nothing for no time. Requires end >= the last change.
    [[nodiscard]] constexpr std::optional<summary> summarize(instant end) const {
        AMPACITY_ASSERT(end >= last_);
        const sums s = until(end);
        const int128 time = ticks(end - start_);
        if (time == 0) return std::nullopt;
        // Moments about the whole number next to the mean: (x - q)^2 >= |x - q| for integers, so no more than half of
        // the second one cancels.
        int128 q = s.first / time;
        const int128 rest = s.first - q * time;
        if (2 * rest >= time) ++q;
        if (2 * rest < -time) --q;
        const int128 first = s.first - q * time;
        const int128 second = s.second - 2 * q * s.first + q * q * time;
        const double t = static_cast<double>(time);
        const double off = static_cast<double>(first) / t;
        return summary{static_cast<double>(q) + off, std::max(0.0, static_cast<double>(second) / t - off * off), s.min,
                       s.max};
    }

private:
    struct sums {
        int128 first = 0;   // [value x ns]
        int128 second = 0;  // [value^2 x ns]
        std::int64_t min = INT64_MAX;
        std::int64_t max = INT64_MIN;
    };

    [[nodiscard]] constexpr sums until(instant at) const {
        sums out = sums_;
        const int128 time = ticks(at - last_);
        if (time == 0) return out;
        out.first += value_ * time;
        out.second += static_cast<int128>(value_) * value_ * time;
        out.min = std::min(out.min, value_);
        out.max = std::max(out.max, value_);
        return out;
    }

    instant start_;
    instant last_;
    std::int64_t value_ = 0;
    sums sums_{};
};

}  // namespace ampacity
