#pragma once
/// \file
/// The requests of one client whose rate and burstiness change from window to window, and whose lengths do.
///
/// Gaps between requests are a renewal process in operational time, which passes with the rate: a gap has mean 1
/// expected request and the law of the window in which it begins, and what of it is left at the end of a window goes on
/// in the next one. Nothing comes between windows. Lengths are drawn from the tables of the last window of lengths that
/// begins at or before the arrival, or of the first.
///
/// Gap k comes from the stream (seed, arrivals, entity + k), the parts of the prompt and the answer of request k from
/// (seed, sizes, entity + k), each from a number of its own. The same bits on every x86-64 machine. O(1) per request
/// and window. One thread at a time.

#include <ampacity/core/tables.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/workload/arrivals.hpp>
#include <ampacity/workload/request_source.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ampacity::workload {

/// How often requests come for a while.
struct rate_window {
    instant begin{};
    duration length{};      ///< > 0; ends at or before the next one begins
    double rate_per_s = 0;  ///< >= 0
    arrival_process process = arrival_process::poisson;
    double shape = 1;  ///< of gamma and Weibull, > 0
};

/// How long they are from then on [tokens].
struct length_window {
    instant begin{};
    std::vector<empirical_distribution> prompt;  ///< parts, 1 .. 8, drawn apart and summed
    empirical_distribution output;
};

struct windowed_request_options {
    std::uint64_t seed;                  ///< of the run
    std::uint64_t entity = 0;            ///< of request 0; those of the others follow
    std::vector<rate_window> rates;      ///< in order of `begin`
    std::vector<length_window> lengths;  ///< in order of `begin`; not empty
};

/// All of them: it ends behind the last window.
class windowed_requests final : public request_source {
public:
    static constexpr std::size_t max_parts = 8;

    /// \pre the options are in their ranges (checked).
    explicit windowed_requests(windowed_request_options options);

    std::size_t next(std::span<request> out) override;

private:
    [[nodiscard]] double draw_gap() const;
    [[nodiscard]] std::optional<instant> next_arrival();

    windowed_request_options options_;
    std::uint64_t at_ = 0;       // number of the next request
    std::size_t window_ = 0;     // in which the last one came
    double in_window_s_ = 0;     // how far into it
    std::size_t length_at_ = 0;  // window of lengths
};

}  // namespace ampacity::workload
