#pragma once
/// \file
/// The clock of arrivals whose rate grows and surges over a run, beside its weekly profile: an exact change of time.
///
/// As with `rate_profile`, a stationary process runs on operational time, which passes the faster the higher the rate
/// is. Here the rate is profile x growth x surges, of which the growth is compounded daily: on day d after time 0 it is
/// growth^(d/365). Between two changes of any of them the rate is constant; the operational time of each such piece is
/// a whole number of nanoseconds, and an instant of the calendar is the first at which the wanted operational time is
/// reached. A trend that says nothing changes nothing.
///
/// Goes forward only. O(1) per call and per hour that is passed. One thread at a time.

#include <ampacity/core/time.hpp>
#include <ampacity/workload/rate_profile.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace ampacity::workload {

/// For a while the rate is a multiple of what it would be.
struct rate_surge {
    duration at{};      ///< begin, from time 0, >= 0
    duration length{};  ///< > 0
    double factor = 1;  ///< >= 0; surges that overlap multiply
};

/// How a rate changes over a run.
struct rate_trend {
    double growth = 1;  ///< rate a year of 365 days later / rate now, > 0
    std::vector<rate_surge> surges{};

    [[nodiscard]] bool is_flat() const noexcept { return growth == 1 && surges.empty(); }
};

class rate_clock {
public:
    /// \pre the trend is in its ranges (checked).
    rate_clock(std::optional<rate_profile> profile, const rate_trend& trend);

    /// The calendar's time at operational time `s`, both from time 0; more than `longest_input` where it lies beyond.
    /// \pre s >= 0, and not less than in the call before
    [[nodiscard]] duration calendar_time(duration s);
    /// Operational time at calendar time `t`, rounded down. \pre t >= 0, and not before the piece of the call before
    [[nodiscard]] duration operational_time(duration t);

private:
    struct change {
        duration at;
        std::uint32_t surge;
        bool begins;
    };

    void next_piece();

    std::optional<rate_profile> profile_;
    double log_growth_;  // of a day
    std::vector<rate_surge> surges_;
    std::vector<change> changes_;    // by (at, surge), ends before begins
    std::size_t change_ = 0;         // the next one
    std::vector<std::uint32_t> on_;  // surges in progress, by number

    // The piece: calendar time [begin_, end_), operational time from reached_ on, length_ of it.
    duration begin_{0}, end_{0};
    duration reached_{0}, length_{0};
};

}  // namespace ampacity::workload
