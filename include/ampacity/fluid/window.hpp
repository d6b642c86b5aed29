#pragma once
/// \file
/// Windows of a flow: short stretches of time in which requests at the same rates are simulated, beside what the
/// surface says of them.
///
/// A recorder keeps, of each window and of the warm-up before it, what came and how many replicas served. When the run
/// is over, requests come to a few replicas that are idle at the beginning of the warm-up, by the service's process and
/// through its router, each replica at the rate that each had. Those that arrive in the window are followed to their
/// ends. The other side is the surface at the load of each piece. A window in which something waited, or nothing came,
/// is not compared: a surface knows no queue that grows.
///
/// Replicas that are slowed in a window are so in both sides: the engine's clock runs at their pace, from piece to
/// piece. Times are those at the service: how long requests are on the way is in neither side. Of several sites of a
/// service each has its own requests, and all are compared window by window.
///
/// The run is not touched. The same options, pieces and seed give the same bits. Quantiles are those of
/// `quantile_sketch`. A recorder is for one thread; the functions have no state.

#include <ampacity/core/time.hpp>
#include <ampacity/fluid/fluid_service.hpp>
#include <ampacity/fluid/surface.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ampacity::fluid {

struct window_options {
    duration every = std::chrono::hours{24};     ///< they begin at its multiples, from the first on; > 0
    duration length = std::chrono::minutes{10};  ///< > 0
    duration warm_up = std::chrono::minutes{5};  ///< before each; >= 0; with `length` at most `every`
    std::uint32_t replicas = 4;                  ///< that are simulated, at most; >= 1
    std::uint64_t seed = 0;                      ///< of their requests
};

/// Arrivals of a while, evenly.
struct window_piece {
    double from_s = 0, to_s = 0;
    double requests = 0;
    std::uint32_t replicas = 0;  ///< that served
    double pace = 1;             ///< of them
};

struct recorded_window {
    std::uint64_t number = 0;  ///< from 1
    bool waited = false;       ///< something did, in it or in its warm-up
    std::vector<window_piece> pieces{};
};

class window_recorder {
public:
    explicit window_recorder(const window_options& o) : options_(o) {}

    /// What the flow has just done, if it is something new. O(1) outside of windows. \pre intervals come in order
    void add(const flow_interval& i, std::uint32_t replicas);

    [[nodiscard]] const window_options& options() const noexcept { return options_; }
    /// Those that the flow has passed.
    [[nodiscard]] std::span<const recorded_window> windows() const noexcept { return {windows_.data(), num_passed_}; }

private:
    [[nodiscard]] instant begin_of(std::uint64_t number) const;

    window_options options_;
    instant through_ = start_of_time;
    std::vector<recorded_window> windows_;  // the last may not be passed
    std::size_t num_passed_ = 0;
};

/// What replicas did in a window, by one side.
struct window_values {
    double served_per_s = 0;                       ///< of a replica, rejected ones included [1/s]
    double busy = 0;                               ///< share of its time in steps [1]
    std::optional<double> ttft_p50_s, ttft_p99_s;  ///< of those that arrived in it
    std::optional<double> tpot_p50_s, tpot_p99_s;  ///< the same
};

struct window_result {
    double from_s = 0;           ///< its begin
    std::uint32_t replicas = 0;  ///< that were simulated
    window_values flow, engine;
};

struct windows_result {
    std::vector<window_result> each{};
    window_values flow, engine;      ///< of all together
    std::uint64_t not_compared = 0;  ///< something waited, or nothing came
};

/// Lets requests come to the windows. `from`: what the surface was made from.
[[nodiscard]] windows_result compare_windows(const surface& s, const surface_options& from,
                                             const window_recorder& recorded);

struct windows_of_sites {
    std::vector<windows_result> sites{};
    /// Of what is compared, a simulated replica as much as another. A window is not compared where it is at no site.
    windows_result together;
};
/// The same of each site of a service, and together. \pre at least one; options differ at most in seeds; no null
[[nodiscard]] windows_of_sites compare_windows(const surface& s, const surface_options& from,
                                               std::span<const window_recorder* const> sites);

}  // namespace ampacity::fluid
