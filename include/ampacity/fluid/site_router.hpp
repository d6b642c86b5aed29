#pragma once
/// \file
/// How the requests that come from several places in an interval are split over the sites that could serve them.
///
/// A pair of origin and site is near if its round trip is at most `max_round_trip_s`. A site has room for
/// max_load x capacity less what waits there. Three passes, each of all origins at once:
///
///  1. over near pairs: every origin asks the first site of its list that has room, for all that it still has. A site
///     that is asked for more than its room gives each a share of it in proportion to what it asks for, and is full.
///     This is repeated until no origin with requests has a near site with room;
///  2. the same over all pairs;
///  3. what is left of each origin is spread over all sites in proportion to their capacity, as backlog; where none has
///     any, it goes to the first near site of its list, or else to the first.
///
/// An origin's list is by the lowest `site_cost`, of equal ones by the lowest number. `balanced` fills water in place
/// of lists: in a pass the load (waiting + given) / capacity of the lowest sites rises, for all the same, to `max_load`
/// at most; a site that rises takes its requests from the origins that may use it and still have some, in proportion to
/// what they offer. So sites that the same origins may use have the same load, unless it was higher before.
///
/// What an origin offers is given out to the last bits. The order of origins changes nothing but these, that of sites
/// only between equal costs. Passes end after as many rounds as there are sites (origins + sites for water), each
/// O(origins x sites) at most. Nothing is allocated by `split`; not thread-safe.

#include <ampacity/hardware/site_preference.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace ampacity::fluid {

struct site_router_options {
    hardware::site_preference by = hardware::site_preference::nearest;
    double max_load = 0.9;  ///< share of its capacity that a site is filled to in the first two passes; > 0
    double max_round_trip_s = std::numeric_limits<double>::infinity();  ///< of near pairs [s]
    double detour = 1.4;                                                ///< path / great circle; >= 1
};

/// A site in an interval.
struct site_room {
    double capacity = 0;         ///< requests that it could serve meanwhile
    double waiting = 0;          ///< requests that are there already, and come first
    double price_usd_per_j = 0;  ///< of what the grid delivers there [USD/J]
    double carbon_kg_per_j = 0;  ///< the same [kg/J]
};

class site_router {
public:
    /// \pre at least one origin and one site
    site_router(const site_router_options& options, std::vector<hardware::position> origins,
                std::vector<hardware::position> sites);

    [[nodiscard]] std::size_t num_origins() const noexcept { return origins_.size(); }
    [[nodiscard]] std::size_t num_sites() const noexcept { return sites_.size(); }
    [[nodiscard]] double round_trip_s(std::size_t origin, std::size_t site) const noexcept {
        return round_trip_s_[origin * num_sites() + site];
    }
    [[nodiscard]] bool is_near(std::size_t origin, std::size_t site) const noexcept {
        return round_trip_s(origin, site) <= options_.max_round_trip_s;
    }

    /// `offered`: requests by origin, >= 0; `utc_s` since a midnight in UTC, now. Writes what each site gets of each
    /// origin to `to` (origins x sites, by origin).
    void split(std::span<const double> offered, std::span<const site_room> sites, double utc_s, std::span<double> to);

private:
    void sort_lists(std::span<const site_room> sites, double utc_s);
    void fill_by_lists(bool near_only, std::span<double> to);
    void fill_evenly(std::span<const double> offered, std::span<const site_room> sites, bool near_only,
                     std::span<double> to);
    void spread(std::span<const site_room> sites, std::span<double> to);
    [[nodiscard]] bool may_use(std::size_t origin, std::size_t site, bool near_only) const noexcept {
        return !near_only || is_near(origin, site);
    }

    site_router_options options_;
    std::vector<hardware::position> origins_, sites_;
    std::vector<double> round_trip_s_;  // (origins x sites)
    std::vector<std::uint32_t> lists_;  // (origins x sites) sites by preference
    bool is_sorted_ = false;            // for good
    // Of one call:
    std::vector<double> cost_;                  // (sites)
    std::vector<double> rest_;                  // (origins) requests
    std::vector<std::uint32_t> next_;           // (origins) place in its list
    std::vector<double> room_, asked_, level_;  // (sites)
    std::vector<double> speed_;                 // (origins) requests per load
};

}  // namespace ampacity::fluid
