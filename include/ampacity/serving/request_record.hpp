#pragma once
/// \file
/// What became of a request. A plain value.

#include <ampacity/core/time.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ampacity::serving {

/// How a request left, or that it has not.
enum class request_state : std::uint8_t { finished, rejected, cancelled, unfinished, failed, shed };

/// Their names in files, by value.
inline constexpr std::array<std::string_view, 6> request_state_names{"finished",   "rejected", "cancelled",
                                                                     "unfinished", "failed",   "shed"};

/// In a record: it was sent to none.
inline constexpr std::uint32_t no_replica = 0xFFFF'FFFFU;

/// One line of the results.
struct request_record {
    std::uint64_t row = 0;        ///< as in `workload::request`
    instant arrival{};            ///< at the service
    instant first_start = never;  ///< start of the first step that worked on it; never: there was none
    instant first_token = never;  ///< end of the step that gave it; never: there was none
    instant end = never;          ///< when it left; never: it has not
    std::uint32_t prompt_tokens = 0;
    std::uint32_t output_tokens = 0;  ///< asked for
    std::uint32_t produced = 0;       ///< tokens of the answer
    std::uint32_t preemptions = 0;
    std::uint32_t cached_tokens = 0;  ///< found in the prefix cache, of all its admissions
    std::uint32_t replica = 0;        ///< the one that it was sent to last
    std::uint32_t tenant = 0;
    std::uint8_t priority = 0;
    request_state state = request_state::unfinished;
    /// From its first token until its cache was at the replica that decodes; below 0: it was computed there, or is not
    /// there yet.
    duration transfer{-1};

    friend bool operator==(const request_record&, const request_record&) = default;
};

/// Time to the first token.
[[nodiscard]] constexpr std::optional<duration> ttft(const request_record& r) noexcept {
    if (r.first_token == never) return std::nullopt;
    return r.first_token - r.arrival;
}
/// From the arrival to the first step that worked on it.
[[nodiscard]] constexpr std::optional<duration> queueing(const request_record& r) noexcept {
    if (r.first_start == never) return std::nullopt;
    return r.first_start - r.arrival;
}
/// From the arrival to the last token, of finished requests.
[[nodiscard]] constexpr std::optional<duration> e2e(const request_record& r) noexcept {
    if (r.state != request_state::finished) return std::nullopt;
    return r.end - r.arrival;
}
/// Time per token after the first [ns], of finished requests with more than one.
[[nodiscard]] constexpr std::optional<double> tpot_ns(const request_record& r) noexcept {
    if (r.state != request_state::finished || r.output_tokens < 2) return std::nullopt;
    return static_cast<double>(ticks(r.end - r.first_token)) / static_cast<double>(r.output_tokens - 1);
}

}  // namespace ampacity::serving
