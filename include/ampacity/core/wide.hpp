#pragma once
/// \file
/// 128-bit integers for GPU-time: 2^31 GPUs over 200 years is 1.4e28 GPU-ns, beyond 64 bits.

#include <string>

namespace ampacity {

__extension__ using int128 = __int128;            ///< signed 128-bit integer
__extension__ using uint128 = unsigned __int128;  ///< unsigned 128-bit integer

using gpu_time = int128;  ///< exact GPU-time [GPU-ns]

/// Decimal text of a 128-bit integer.
std::string to_string(int128 value);

/// GPU-hours as a double, for reports only.
constexpr double to_gpu_hours(gpu_time t) noexcept { return static_cast<double>(t) / 3.6e12; }

}  // namespace ampacity
