#pragma once
/// \file
/// When synthetic jobs come: a renewal process, whose rate has a weekly profile, growth and surges, with batches, and a
/// fixed beat.
///
/// Arrivals of the renewal process are numbered; interval and batch size of arrival k are drawn from streams named by
/// k, so neither shifts the other. Intervals are rounded to nanoseconds one by one and summed exactly; profile and
/// trend then map the sum to the calendar. Job 0 comes one interval after time 0.
///
/// A batch brings several jobs at one arrival, `spacing` apart; batches may overlap. The beat brings one job at every
/// multiple of its period, whatever profile and trend. At equal instants the order is: jobs of earlier batches (by
/// number of their arrival), the beat, the next arrival.
///
/// O(1) per job; O(log overlapping batches) with a spacing. One thread at a time.

#include <ampacity/core/time.hpp>
#include <ampacity/workload/rate_clock.hpp>
#include <ampacity/workload/rate_profile.hpp>

#include <cstdint>
#include <optional>
#include <queue>
#include <vector>

namespace ampacity::workload {

/// The distribution of the times between arrivals. All have mean 1 / rate; the second parameter follows from cv.
enum class arrival_process : std::uint8_t { poisson, gamma, weibull };

/// Several jobs at one arrival.
struct batch_options {
    double share = 0;     ///< of the arrivals that bring a batch, 0 .. 1
    double mean = 2;      ///< jobs of a batch, 2 + a geometric number; 2 .. 10,000
    duration spacing{0};  ///< between the jobs of a batch, >= 0
};
inline constexpr std::uint32_t max_batch = 1'000'000;  ///< larger batches are cut

/// How jobs arrive.
struct arrival_options {
    std::uint64_t seed;     ///< of the run
    std::uint64_t entity;   ///< of arrival 0; those of the others follow
    double rate_per_s = 1;  ///< mean rate of jobs, batches and beat included, > 0
    double cv = 1;          ///< standard deviation / mean of the times between arrivals; 0 is a fixed interval
    arrival_process process = arrival_process::gamma;  ///< `poisson` requires cv = 1
    std::vector<double> profile{};  ///< relative rates of the hours of a week, or empty; rate_profile
    duration week_offset{0};        ///< how far into the week (from Monday 00:00) time 0 lies
    rate_trend trend{};             ///< of the rate, which is that of time 0
    std::optional<batch_options> batches{};
    std::optional<duration> beat{};  ///< period, > 0; 1 / period is below the rate
};

/// Shape of the Weibull distribution with this coefficient of variation, within 1e-12, by bisection. \pre 0.02 <= cv <=
/// 100
[[nodiscard]] double weibull_shape(double cv);

/// The submit times, in order.
class arrivals {
public:
    /// \pre the options are in their ranges (checked).
    explicit arrivals(const arrival_options& options);

    /// The next job's; nothing where it lies beyond `longest_input`, and then for ever.
    [[nodiscard]] std::optional<instant> next();

private:
    struct tail {
        instant at;
        std::uint64_t arrival;
        std::uint32_t left;
        friend bool operator>(const tail& a, const tail& b) {
            return a.at != b.at ? a.at > b.at : a.arrival > b.arrival;
        }
    };

    [[nodiscard]] duration draw_interval() const;
    [[nodiscard]] std::uint32_t draw_batch() const;
    void advance();
    [[nodiscard]] instant take_tail();

    std::uint64_t seed_;
    std::uint64_t entity_;
    double mean_s_;  // between arrivals of the renewal process
    double cv_;
    double shape_ = 0;  // of gamma and Weibull
    double scale_s_ = 0;
    arrival_process process_;
    std::optional<rate_profile> profile_;
    std::optional<rate_clock> trend_;  // instead of it, where the rate has one
    std::optional<batch_options> batches_;
    double log_more_ = 0;  // log of the chance that a batch has one job more
    std::optional<duration> beat_;

    std::uint64_t arrival_ = 0;  // number of the next one
    duration clock_{0};          // operational time of it
    instant next_ = never;       // its instant; never: beyond the limit
    instant beat_at_ = never;
    std::priority_queue<tail, std::vector<tail>, std::greater<>> tails_;
    bool simple_;  // neither batches nor beat
};

}  // namespace ampacity::workload
