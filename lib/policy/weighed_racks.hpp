#pragma once
/// \file
/// Which racks should a job get if racks, shares, blocks, sites and whole racks have weights? The exact optimum.
///
/// For a largest share of a rack, the rest is to cover the job's units at the least cost: dynamic programming over
/// blocks keeps, of all sums of racks, those that no other beats in cost and units, less those that cannot lead to
/// the best known one even at the least cost per unit that there is. Largest shares are found by bisection: a smaller
/// one cannot make the other costs less. Ties are part of the cost, as its low bits; sums are exact.

#include "rack_worth.hpp"

#include <ampacity/policy/placer.hpp>

#include <span>
#include <vector>

namespace ampacity::policy {

/// `offers` stand in the order that decides ties, those of one block together, and blocks of one site. Empty if they
/// cannot take the job. \pre at most `rack_weights::most_racks` offers
[[nodiscard]] std::vector<rack_part> weighed_racks(std::span<const rack_offer> offers, const gang& g,
                                                   const rack_weights& weights);

}  // namespace ampacity::policy
