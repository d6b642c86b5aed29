#pragma once
/// \file
/// How fast an elastic job runs on more or fewer GPUs than it prefers.
///
/// Amdahl's law (AFIPS 1967): a share of the work of one GPU is serial, the rest is divided among the GPUs. The same
/// form follows from the throughput model of Pollux (OSDI 2021) with gamma = 1 and a time of synchronisation that does
/// not grow with the GPUs. Doubles in a fixed order of operations: the same bits everywhere. Pure functions.

#include <cstdint>

namespace ampacity::workload {

/// The most GPUs of a job for each that it prefers, so that its speed stays within what work.hpp takes.
inline constexpr std::uint64_t max_scale_out = std::uint64_t{1} << 20U;

/// Speed on `gpus` GPUs, relative to that on `preferred`: n (f p + 1 - f) / (p (f n + 1 - f)) for n GPUs where p are
/// preferred and the share f is serial; exactly 1 at n = p, never falls with n.
/// \pre both >= 1, serial in [0, 1]
[[nodiscard]] constexpr double amdahl_speed(double serial, std::uint32_t preferred, std::uint32_t gpus) noexcept {
    const double parallel = 1.0 - serial;
    const auto p = static_cast<double>(preferred);
    const auto n = static_cast<double>(gpus);
    return (n * (serial * p + parallel)) / (p * (serial * n + parallel));
}

}  // namespace ampacity::workload
