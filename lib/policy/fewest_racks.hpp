#pragma once
/// \file
/// Which racks should a job get, and how much of it each? The exact optimum of an order of wishes.
///
/// Fewest racks; then the smallest largest share of a rack; then fewest blocks; then fewest sites; then the list of
/// racks that comes first. Shares are then as even as the racks allow, larger ones first. The number of racks and the
/// largest share are found by binary search; blocks by dynamic programming over (blocks left, racks left), in
/// O(blocks^2 x racks per block^2) where all blocks are alike; for a job that fits one rack none of this is needed.

#include "rack_worth.hpp"

#include <span>
#include <vector>

namespace ampacity::policy {

/// `offers` stand in the order that decides ties, those of one block together, and blocks of one site. Empty if they
/// cannot take the job.
[[nodiscard]] std::vector<rack_part> fewest_racks(std::span<const rack_offer> offers, const gang& g);

}  // namespace ampacity::policy
