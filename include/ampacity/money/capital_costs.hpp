#pragma once
/// \file
/// What a fleet costs its owner: depreciation, interest and maintenance of what stands there, while it stands.
///
/// A rack, or a node without a rack, is depreciated in equal parts of time from when it comes into service over its
/// life, down to what is left of its price; the facility for it, by its nameplate, from the same instant over its own
/// life, down to nothing. Interest is on the book value at each instant, integrated in closed form; maintenance is a
/// share of the prices per year of 365 days. What leaves earlier is no longer depreciated; what of its book value is
/// then left is nobody's here. Pure functions, O(stretches).

#include <ampacity/core/time.hpp>
#include <ampacity/money/holdings.hpp>
#include <ampacity/scenario/contract.hpp>
#include <ampacity/sim/snapshot.hpp>

#include <cstdint>
#include <optional>
#include <span>

namespace ampacity::money {

/// What some of it cost in a while [USD].
struct capital_cost {
    double racks_usd = 0;     ///< depreciation
    double facility_usd = 0;  ///< depreciation
    double interest_usd = 0;
    double maintenance_usd = 0;

    [[nodiscard]] double total_usd() const noexcept {
        return racks_usd + facility_usd + interest_usd + maintenance_usd;
    }
};

/// Price of a unit and of its facility by the key or the model; none: not known [USD].
[[nodiscard]] std::optional<double> rack_price_usd(const scenario::capital& of, const sim::fleet_group& g) noexcept;
[[nodiscard]] std::optional<double> facility_price_usd(const scenario::capital& of, const sim::fleet_group& g) noexcept;

/// Of one site, or of all without. \throws std::bad_optional_access if a price is not known
[[nodiscard]] capital_cost capital_costs(const scenario::capital& of, std::span<const sim::fleet_group> groups,
                                         std::span<const holding> standing, instant from, instant to,
                                         std::optional<std::uint32_t> site = {});

}  // namespace ampacity::money
