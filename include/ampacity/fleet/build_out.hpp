#pragma once
/// \file
/// When the racks of a site come into service and leave: they arrive, wait for power, for their place and for a crew,
/// are installed, burnt in and accepted, or reworked and burnt in again.
///
/// Crews install one rack at a time, first come first served: by the instant from which a rack can be installed, of
/// equal ones the lower number first. What is drawn for a rack depends on (seed, site, its number) alone, and of the
/// steps each has a stream of its own: neither another rack nor another law moves it. O(racks x log racks) and as many
/// draws as there are steps. Pure functions.

#include <ampacity/core/stream.hpp>
#include <ampacity/core/time.hpp>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace ampacity::fleet {

/// How long a step takes: what is random in it comes from the stream. \pre not negative
using drawn_time = std::function<duration(random_stream&)>;

inline constexpr std::uint32_t no_rack = ~std::uint32_t{0};

/// A rack as it is planned.
struct planned_rack {
    instant arrives{};                 ///< at the site
    instant powered{};                 ///< from then on its power block is ready
    std::uint32_t replaces = no_rack;  ///< the rack of this number, below its own, stands in its place before
    bool is_present = false;           ///< in service from the start of time; the other dates are of no meaning
    instant leaves = never;            ///< for good
    duration life =
        duration::max();  ///< the same, so long after it came into service, at the end of that day of the run
};

/// What happens to all racks of a site.
struct build_out_terms {
    std::uint64_t seed = 0;
    std::uint32_t site = 0;   ///< \pre below 2^29
    std::uint32_t crews = 0;  ///< that install; 0: as many as there are racks
    drawn_time install{};     ///< empty: no time; so of the next two
    drawn_time burn_in{};
    drawn_time rework{};
    double acceptance_failure = 0;  ///< share of burn-ins after which the rack is reworked. \pre in [0, 1)
};

/// What became of it; `never`: it does not come to that.
struct rack_dates {
    instant arrived = never;
    instant ready = never;  ///< it has arrived, its place is free and its power block ready
    instant begun = never;  ///< a crew has it
    instant installed = never;
    instant burnt_in = never;    ///< the first time
    instant in_service = never;  ///< `never`, too, where it would have to leave before
    instant retired = never;
    std::uint32_t attempts = 0;  ///< burn-ins

    friend bool operator==(const rack_dates&, const rack_dates&) = default;
};

/// One for each rack. The place of a rack is free once it has left; of one that leaves before it is in service, once
/// it would have come.
[[nodiscard]] std::vector<rack_dates> build_out(const build_out_terms& terms, std::span<const planned_rack> racks);

/// When a power block is ready that was promised for `promised`. `block`: its number at the site.
[[nodiscard]] instant ready_at(const build_out_terms& terms, std::uint32_t block, instant promised,
                               const drawn_time& delay);

/// `start` + n weeks / `a_week`, rounded down. \pre a_week is positive [millionths of a rack per week]
[[nodiscard]] instant arrival_of(instant start, std::uint64_t n, std::uint64_t a_week) noexcept;

}  // namespace ampacity::fleet
