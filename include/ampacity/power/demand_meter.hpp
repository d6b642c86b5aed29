#pragma once
/// \file
/// What a utility charges for the largest power: of each calendar month (UTC) that a run touches, the highest mean over
/// a quarter of an hour.
///
/// Quarters lie on the clock, so none belongs to two months. One that the run covers in part counts what was drawn in
/// that part over the whole quarter. Energies are whole microwatts x nanoseconds. A call costs O(months + 1), however
/// many quarters it covers. Not thread-safe.

#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/power/delivery.hpp>

#include <chrono>
#include <vector>

namespace ampacity::power {

class demand_meter {
public:
    using calendar = std::chrono::sys_time<std::chrono::nanoseconds>;
    static constexpr duration quarter = std::chrono::minutes{15};

    /// `start` is the date of simulated time 0.
    explicit demand_meter(calendar start);

    /// This much was drawn from `from`, where the last call ended, until `to`.
    void draw(instant from, instant to, microwatts power);
    /// The peak of each month so far, in order, the current quarter included [W].
    [[nodiscard]] std::vector<double> peaks_w() const;

private:
    [[nodiscard]] instant end_of_month(instant t) const;

    calendar start_;
    instant quarter_end_, month_end_;
    energy drawn_ = 0;              // in this quarter
    std::vector<energy> peaks_{0};  // by month, of a quarter; the last is the current one
};

}  // namespace ampacity::power
