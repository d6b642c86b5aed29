#pragma once
/// \file
/// Which of several sites should take work: the nearest, the cheapest, the greenest, the one that is closest to noon,
/// or the one with the largest share of room.
///
/// The lowest `cost` is the best, and of equal costs the lowest number of a site. Pure functions; any number of
/// threads.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace ampacity::hardware {

enum class site_preference : std::uint8_t { nearest, cheapest, greenest, follow_the_sun, balanced };

/// On the globe; north and east are positive [deg].
struct position {
    double latitude_deg = 0;
    double longitude_deg = 0;
    friend bool operator==(const position&, const position&) = default;
};

/// What a choice sees of a site, as of now.
struct site_outlook {
    position where{};
    double price_usd_per_j = 0;  ///< of what the grid delivers [USD/J]
    double carbon_kg_per_j = 0;  ///< the same [kg/J]
    double free_share = 0;       ///< of what is in service there [1]
};

/// Along the great circle, on a sphere of 6371.0088 km (the mean radius of IUGG) [km].
[[nodiscard]] inline double great_circle_km(const position& a, const position& b) {
    constexpr double rad = std::numbers::pi / 180;
    const double lat = std::sin((b.latitude_deg - a.latitude_deg) * rad / 2);
    const double lon = std::sin((b.longitude_deg - a.longitude_deg) * rad / 2);
    const double h =
        lat * lat + std::cos(a.latitude_deg * rad) * std::cos(b.latitude_deg * rad) * lon * lon;  // haversine
    return 2 * 6371.0088 * std::asin(std::sqrt(std::min(1.0, h)));
}

/// There and back at 200 km per millisecond (light in fibre, 2/3 of c) on a path `detour` times the great circle [s].
[[nodiscard]] inline double round_trip_s(const position& a, const position& b, double detour) {
    return 2 * detour * great_circle_km(a, b) / 200'000;
}

/// Mean solar time between noon and now, either way; `utc_s` since a midnight in UTC [h], 0 to 12.
[[nodiscard]] inline double hours_from_noon(const position& where, double utc_s) {
    const double local = std::fmod(utc_s / 3600 + where.longitude_deg / 15, 24.0);
    return std::abs((local < 0 ? local + 24 : local) - 12);
}

/// Of doing work that comes from `origin` at a site.
[[nodiscard]] inline double site_cost(site_preference by, const site_outlook& s, const position& origin, double utc_s) {
    switch (by) {
        case site_preference::nearest: return great_circle_km(origin, s.where);
        case site_preference::cheapest: return s.price_usd_per_j;
        case site_preference::greenest: return s.carbon_kg_per_j;
        case site_preference::follow_the_sun: return hours_from_noon(s.where, utc_s);
        case site_preference::balanced: return -s.free_share;
    }
    return 0;
}

}  // namespace ampacity::hardware
