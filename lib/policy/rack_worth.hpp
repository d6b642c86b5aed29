#pragma once
/// \file
/// What racks could take of a job, and the shares of those that are chosen: the common part of the placers that choose
/// racks by an optimum.
///
/// Units and the rest are those of a `gang`. Sums of units fit easily: a fleet has fewer than 2^32 nodes.

#include "gang.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace ampacity::policy {

/// What a rack could take.
struct rack_offer {
    std::uint32_t rack = 0;
    std::uint32_t units = 0;
    std::int32_t beside_rest = -1;  ///< units that it can take beside the rest; -1: not even the rest
    std::uint32_t block = 0;
    std::uint32_t site = 0;
    bool untouched = false;  ///< no job has anything of it
};

using count = std::int64_t;
inline constexpr count impossible = std::numeric_limits<count>::min() / 4;

/// What a rack adds to a sum of units: as one of many, or as the one that takes the rest.
struct worth {
    count plain = 0;
    count host = impossible;
};

/// What racks are worth if no share may be larger than `most` GPUs.
[[nodiscard]] std::vector<worth> worths(std::span<const rack_offer> offers, const gang& g, count most);

/// The smallest number in [low, high] for which `good`, which is true from some number on; high + 1 without one.
template <class F>
count first_good(count low, count high, F good) {
    ++high;
    while (low != high) {
        const count middle = low + (high - low) / 2;
        good(middle) ? high = middle : low = middle + 1;
    }
    return low;
}

/// Shares of the racks at `places` in the offers: as even as they allow, larger shares first, the rest in the first
/// rack beside which the units still fit. \pre together they can take the job
[[nodiscard]] std::vector<rack_part> even_shares(std::span<const rack_offer> offers,
                                                 const std::vector<std::size_t>& places,
                                                 const std::vector<worth>& racks, const gang& g);

}  // namespace ampacity::policy
