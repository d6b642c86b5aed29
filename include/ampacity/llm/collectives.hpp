#pragma once
/// \file
/// Times of collective operations over links: closed forms, and the curve that measurements follow.
///
/// Closed forms take S bytes in all, n ranks, latency alpha per message and bandwidth B per rank and direction. The
/// curve t = alpha (1 + log2 n) / 2 + V / B (1 + sqrt(S_half / S)) with V the bytes that a rank sends lets bandwidth
/// rise slowly with the size: half of it is reached at S = S_half, and three quarters only at 9 S_half. A curve with
/// B(S) = B S / (S + S_half) is alpha + V / B with another alpha. Pure functions.

#include <cmath>
#include <cstdint>
#include <string_view>

namespace ampacity::llm {

/// (2 (n - 1) alpha) + 2 (n - 1) / n S / B [s]
[[nodiscard]] inline double ring_all_reduce_s(double bytes, double n, double alpha_s, double b_s) {
    return 2 * (n - 1) * alpha_s + 2 * (n - 1) / n * bytes / b_s;
}
/// Of a reduce-scatter or an all-gather: half a ring all-reduce. [s]
[[nodiscard]] inline double ring_gather_s(double bytes, double n, double alpha_s, double b_s) {
    return (n - 1) * alpha_s + (n - 1) / n * bytes / b_s;
}
/// 2 log2(n) alpha + 2 S / B [s]
[[nodiscard]] inline double tree_all_reduce_s(double bytes, double n, double alpha_s, double b_s) {
    return 2 * std::log2(n) * alpha_s + 2 * bytes / b_s;
}
/// Summed in the switches: 2 alpha + S / B. [s]
[[nodiscard]] inline double switch_all_reduce_s(double bytes, double alpha_s, double b_s) {
    return 2 * alpha_s + bytes / b_s;
}
/// alpha + (n - 1) / n S / B [s]
[[nodiscard]] inline double all_to_all_s(double bytes, double n, double alpha_s, double b_s) {
    return alpha_s + (n - 1) / n * bytes / b_s;
}
/// Scattered inside domains of `inside` ranks, reduced across `outside` of them with a share each, gathered inside. [s]
[[nodiscard]] inline double hierarchical_all_reduce_s(double bytes, double inside, double outside, double alpha_in_s,
                                                      double in_b_s, double alpha_out_s, double out_b_s) {
    const double within = inside > 1 ? 2 * ring_gather_s(bytes, inside, alpha_in_s, in_b_s) : 0;
    const double across = outside > 1 ? ring_all_reduce_s(bytes / inside, outside, alpha_out_s, out_b_s) : 0;
    return within + across;
}

/// What was measured.
enum class collective_kind : std::uint8_t { all_reduce, all_gather, reduce_scatter, all_to_all };
inline constexpr std::uint32_t num_collectives = 4;
/// "all-reduce", "all-gather", "reduce-scatter", "all-to-all".
[[nodiscard]] inline std::string_view name_of(collective_kind k) noexcept {
    switch (k) {
        case collective_kind::all_reduce: return "all-reduce";
        case collective_kind::all_gather: return "all-gather";
        case collective_kind::reduce_scatter: return "reduce-scatter";
        case collective_kind::all_to_all: break;
    }
    return "all-to-all";
}
/// Bytes that a rank sends per byte of the whole.
[[nodiscard]] inline double sent_share(collective_kind k, double n) {
    return (k == collective_kind::all_reduce ? 2 : 1) * (n - 1) / n;
}

/// A measured curve.
struct collective_curve {
    double latency_s = 10e-6;  ///< of two ranks [s]
    double share = 0.6;        ///< of the bandwidth of the link that large messages reach [1]
    double half_b = 5e6;       ///< size at which half of that is reached [B]

    /// Time of an operation on `bytes` in all over `n` ranks. [s]
    [[nodiscard]] double time_s(collective_kind k, double bytes, double n, double link_b_s) const {
        if (n <= 1) return 0;
        return latency_s * (1 + std::log2(n)) / 2 + sent_s(sent_share(k, n) * bytes, bytes, link_b_s);
    }
    /// Time of sending `sent` bytes of a message of `bytes`, without latency. [s]
    [[nodiscard]] double sent_s(double sent, double bytes, double link_b_s) const {
        return bytes <= 0 ? 0 : sent / (share * link_b_s) * (1 + std::sqrt(half_b / bytes));
    }
    friend bool operator==(const collective_curve&, const collective_curve&) = default;
};

}  // namespace ampacity::llm
