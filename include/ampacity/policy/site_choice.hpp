#pragma once
/// \file
/// On which of several sites, each with a scheduler of its own, should a job run?
///
/// Where it could start at once comes first, then where nodes in service would hold it, then where it could ever run;
/// of equal ones the least `hardware::site_cost`, and of these the lowest number. And is it worth to leave the site
/// that it has? Pure; any number of threads.

#include <ampacity/hardware/site_preference.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ampacity::policy {

/// What a site has for a job, from the least.
enum class site_room : std::uint8_t {
    none,        ///< it could never run there
    ever,        ///< it could if all nodes were in service and nobody else was there
    in_service,  ///< it could if nobody else was there
    now,         ///< its placer has a place for it, and no other job waits there
};

struct site_offer {
    site_room room = site_room::none;
    hardware::site_outlook outlook{};
};

/// Number of the site; none if it could run on none of them. `origin` and `utc_s` as in `hardware::site_cost`.
[[nodiscard]] inline std::optional<std::size_t> choose_site(std::span<const site_offer> offers,
                                                            hardware::site_preference by,
                                                            const hardware::position& origin, double utc_s) {
    std::optional<std::size_t> best;
    double least = 0;
    for (std::size_t i = 0; i != offers.size(); ++i) {
        const site_offer& o = offers[i];
        if (o.room == site_room::none || (best && o.room < offers[*best].room)) continue;
        const double cost = hardware::site_cost(by, o.outlook, origin, utc_s);
        if (best && o.room == offers[*best].room && !(cost < least)) continue;
        best = i;
        least = cost;
    }
    return best;
}

/// Is a site of cost `there` preferred to one of cost `here` by at least `gain`: of `balanced` so much more of it free,
/// else cheaper, greener, nearer or closer to noon by this share of what `here` has? An equal one never is.
[[nodiscard]] inline bool is_better_site(hardware::site_preference by, double here, double there, double gain) {
    const double least = by == hardware::site_preference::balanced ? gain : gain * std::abs(here);
    return there < here && here - there >= least;
}

}  // namespace ampacity::policy
