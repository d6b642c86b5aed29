#pragma once
/// \file
/// A service without requests: what comes, what replicas can take, and what waits are real numbers that flow.
///
/// Between two calls of `advance` the rate of arrivals is their mean, and the replicas that serve are constant:
///
///     served = offered                                                     up to replicas x capacity x time
///     served = min(offered + backlog, replicas x queued capacity x time)   with a backlog, or above that
///
/// to the instant at which a backlog is gone. Without a backlog a request has the latencies of the surface at the load
/// of that while. With one, replicas are saturated, and times to the first and the last token are those from the first
/// step on and the wait before it: first come, first served, by when the same share of the arrivals came. Requests that
/// the cache can never hold take their part of the flow and are counted apart.
///
/// Replicas may be slowed: at a pace p every step takes 1/p as long, and a replica does at a rate r what it does at
/// full pace at r / p, 1/p as slowly. Its capacity is p times that of the surface, its latencies are 1/p those at that
/// load, and shares of its time are the same. How often several targets are met at a pace below 1 follows from their
/// distributions, times to the first token and per token as independent of one another, and is the surface's at 1.
///
/// What comes follows from a rate, or somebody says it interval by interval, in parts from different places. Requests
/// of a part are so long on the way, there and back, which adds to their times to the first and the last token and
/// counts for targets; of those that meet a backlog it is the mean of what came with them.
///
/// O(1) per call without a backlog; with one, O(pieces of arrivals that it serves), amortised O(1), and a few hundred
/// additions to the sketches. Results are those of `quantile_sketch`; loads are kept in steps of 1/1024, paces below 1
/// in steps of 1/256 of themselves, each between its neighbours so that means are exact. A step of the pace that was
/// seen takes 8 KiB for each part. Not thread-safe.

#include <ampacity/core/quantile_sketch.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/fluid/offered_rate.hpp>
#include <ampacity/fluid/surface.hpp>
#include <ampacity/serving/service_metrics.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace ampacity::fluid {

/// Requests and shares of replicas' time since time 0.
struct flow_totals {
    double offered = 0;
    double served = 0;        ///< rejected ones included
    double met = 0;           ///< finished within all targets
    double busy_s = 0;        ///< replicas x time in steps [s]
    double prefilling_s = 0;  ///< of it, in steps with prompts [s]
    double kv_s = 0;          ///< replicas x time x share of KV blocks taken [s]
    double request_s = 0;     ///< requests in the service x time [s]
    double capacity = 0;      ///< what replicas could have served
    double max_backlog = 0;   ///< requests
};

/// What happened between two calls.
struct flow_interval {
    instant from{}, to{};
    double offered = 0, served = 0;                    ///< requests
    double load = 0;                                   ///< served / capacity; 0 without replicas
    std::optional<double> ttft_p50_s{}, ttft_p99_s{};  ///< of those that were served, by the wait at the end
    double backlog = 0;                                ///< at the end
    double pace = 1;                                   ///< of the replicas, mean
};

class fluid_service {
public:
    fluid_service(std::shared_ptr<const surface> of, offered_rate offered, const serving::latency_targets& targets);
    /// What comes is what `expect` says. `way_s`: how long requests are on the way, by part; >= 0, at least one [s]
    fluid_service(std::shared_ptr<const surface> of, const serving::latency_targets& targets,
                  std::vector<double> way_s);

    /// From the last call of `advance` to `to` so many requests of each part come, evenly, and nothing behind them if
    /// they are the last ones. \pre nobody said otherwise of that while; to is later
    void expect(instant to, std::span<const double> requests, bool last);
    /// What waits goes on waiting at the others, in these shares, with the time that it came. \pre as many shares, with
    /// a sum of 1; all of the same parts, and advanced to the same instant
    void hand_over(std::span<fluid_service* const> others, std::span<const double> shares);
    /// Through `now`, with so many replicas since the last call, at this mean pace. \pre now is not before it; 0 < pace
    /// <= 1
    void advance(instant now, std::uint32_t replicas, double pace = 1);

    /// All requests have come and been served.
    [[nodiscard]] bool is_over() const noexcept {
        const bool came = offered_ ? totals_.offered == offered_->requests()
                                   : told_.is_last && totals_.offered == told_.before + told_.requests;
        return came && backlog_ == 0;
    }
    [[nodiscard]] double backlog() const noexcept { return backlog_; }
    /// Requests that run, as of the last interval.
    [[nodiscard]] double running() const noexcept { return running_; }
    [[nodiscard]] const flow_totals& totals() const noexcept { return totals_; }
    [[nodiscard]] const flow_interval& last() const noexcept { return last_; }
    [[nodiscard]] const mix_values& mix() const noexcept { return mix_; }

    struct latency {
        double mean = 0, p50 = 0, p90 = 0, p99 = 0, max = 0;  ///< [s]
    };
    struct latencies {
        latency ttft, tpot, e2e;
    };
    /// Of all that were served; nothing where none was.
    [[nodiscard]] std::optional<latencies> result() const;
    /// Of all that several have served.
    [[nodiscard]] static std::optional<latencies> result_of(std::span<const fluid_service* const> all);
    /// Requests that have come and that were served, of each part.
    [[nodiscard]] std::span<const double> offered_of_parts() const noexcept { return offered_of_; }
    [[nodiscard]] std::span<const double> served_of_parts() const noexcept { return served_of_; }
    /// Mean time in the service of those that are not rejected, at a load of 0 to 1 without a backlog, at the pace of
    /// the last interval [s].
    [[nodiscard]] double service_s(double load) const noexcept {
        return bins_[static_cast<std::size_t>(load * num_bins)].e2e.mean / last_.pace;
    }

private:
    static constexpr std::size_t num_bins = 1024;  // of loads

    /// Arrivals of a while, evenly.
    struct piece {
        double from_s = 0, to_s = 0, requests = 0;
        double way_s = 0;  // mean
    };
    /// What comes in an interval.
    struct told {
        instant from = start_of_time, to = start_of_time;
        double before = 0, requests = 0;  // by its begin, and in it
        bool is_last = false;
    };
    struct sketches {
        quantile_sketch ttft{10}, tpot{10}, e2e{10};
        double ttft_sum = 0, tpot_sum = 0, e2e_sum = 0, requests = 0;
    };

    [[nodiscard]] double come_by(instant now);
    [[nodiscard]] double met_of(const point_values& v, double wait_s, double pace) const noexcept;
    [[nodiscard]] double within_each(const point_values& v, double wait_s, double pace) const noexcept;
    void add_to(sketches& all) const;
    void take(const piece& p, std::span<const double> shares);
    void keep_slowed(double pace, std::size_t part, std::size_t bin, double share, double requests);
    void flow(double load, double seconds, double requests, std::uint32_t replicas, double pace);
    void work_off(double from_s, double seconds, double requests, std::uint32_t replicas, double pace);
    static void add(sketches& to, const point_values& v, double wait_s, double requests, double times = 1);

    std::shared_ptr<const surface> surface_;
    std::optional<offered_rate> offered_;  // none: it is told
    serving::latency_targets targets_;
    double longest_target_s_;
    mix_values mix_;
    point_values saturated_;
    std::vector<point_values> bins_;  // at loads k / num_bins
    std::vector<double> way_s_;       // (parts)
    std::vector<double> in_bin_;      // (parts x bins) requests that were served at a load about k / num_bins
    std::map<int, std::vector<double>> slowed_;   // the same by how slow replicas were, k: exp(k / 256) times
    std::vector<double> offered_of_, served_of_;  // (parts) requests

    instant now_ = start_of_time;
    double backlog_ = 0;
    double running_ = 0;
    told told_;
    std::vector<double> shares_;         // (parts) of what comes
    double mean_way_s_ = 0;              // of it
    std::deque<piece> waiting_;          // of the backlog, by time
    std::deque<double> waiting_shares_;  // (waiting x parts) of each piece
    flow_totals totals_;
    flow_interval last_;
    sketches waited_;  // those that met a backlog
};

}  // namespace ampacity::fluid
