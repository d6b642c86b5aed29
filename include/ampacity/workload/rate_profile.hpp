#pragma once
/// \file
/// A weekly profile of the arrival rate, as an exact change of time.
///
/// A stationary process runs on its own, operational time; the profile says how fast that time passes at each hour of
/// the week: twice the weight, twice the rate. Instant t of the calendar is the first at which the integral of the rate
/// has reached the process's s. The integral is piecewise linear in integer nanoseconds, one piece per hour, and a
/// whole week of it is exactly a week; so arrivals keep their order, the mean rate over a week is that of the process,
/// a flat profile changes nothing, and the same inputs give the same nanoseconds anywhere. An hour of weight 0 has no
/// arrivals.
///
/// A plain value, O(log 168) per call. Reference: Cinlar, "Introduction to Stochastic Processes", 1975, 4.7 (for
/// Poisson processes; for other renewal processes the spread of the intervals is that of operational time).

#include <ampacity/core/time.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ampacity::workload {

class rate_profile {
public:
    static constexpr std::size_t hours = 168;
    static constexpr duration week = std::chrono::hours{hours};

    /// `weights`: relative rates of the hours of a week, >= 0, Monday 00:00 first; 168 of them. `offset`: how far into
    /// the week time 0 lies, from 0 to a week. Throws `std::invalid_argument` unless the sum is finite and > 0.
    rate_profile(std::span<const double> weights, duration offset);

    /// The calendar's time at operational time `s` >= 0, both from time 0; `longest_input` or more where it lies
    /// beyond.
    [[nodiscard]] duration calendar_time(duration s) const;

    /// How long the hour of the week at calendar time `t` >= 0 still lasts: at most an hour, more than 0.
    [[nodiscard]] duration until_next_hour(duration t) const noexcept {
        constexpr duration hour = std::chrono::hours{1};
        return hour - (duration{offset_} % hour + t % hour) % hour;
    }

    /// The operational time at calendar time `t` >= 0: the integral of the relative rate, rounded down.
    [[nodiscard]] duration operational_time(duration t) const;

private:
    [[nodiscard]] std::int64_t integral(std::int64_t from_monday) const;

    std::array<std::int64_t, hours + 1>
        reached_{};            // [ns] operational time at the begin of each hour; the last: a week
    std::int64_t offset_;      // [ns] of time 0, calendar
    std::int64_t passed_ = 0;  // [ns] operational time at time 0
};

}  // namespace ampacity::workload
