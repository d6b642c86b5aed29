#include "rack_worth.hpp"

#include <ampacity/core/error.hpp>

#include <algorithm>

namespace ampacity::policy {

std::vector<worth> worths(std::span<const rack_offer> offers, const gang& g, count most) {
    const auto unit = static_cast<count>(g.unit_size());
    const auto rest = static_cast<count>(g.rest_size());
    std::vector<worth> all;
    all.reserve(offers.size());
    for (const rack_offer& o : offers) {
        worth w{.plain = std::min<count>(o.units, most / unit)};
        if (o.beside_rest >= 0 && most >= rest) w.host = std::min<count>(o.beside_rest, (most - rest) / unit);
        all.push_back(w);
    }
    return all;
}

std::vector<rack_part> even_shares(std::span<const rack_offer> offers, const std::vector<std::size_t>& places,
                                   const std::vector<worth>& racks, const gang& g) {
    std::size_t host = places.size();
    count total = 0;
    for (const std::size_t i : places) total += racks[i].plain;
    for (std::size_t i = 0; g.has_rest() && i != places.size() && host == places.size(); ++i) {
        const worth& w = racks[places[i]];
        if (w.host > impossible && total - w.plain + w.host >= static_cast<count>(g.units)) host = i;
    }
    const auto room = [&](std::size_t i) { return i == host ? racks[places[i]].host : racks[places[i]].plain; };
    const auto filled_to = [&](count level) {
        count sum = 0;
        for (std::size_t i = 0; i != places.size(); ++i) sum += std::min(room(i), level);
        return sum;
    };
    const count above =
        first_good(0, g.units, [&](count level) { return filled_to(level) > static_cast<count>(g.units); });
    const count level = std::max<count>(above - 1, 0);
    count left = static_cast<count>(g.units) - filled_to(level);
    std::vector<rack_part> parts;
    for (std::size_t i = 0; i != places.size(); ++i) {
        const bool more = left > 0 && room(i) > level;
        if (more) --left;
        parts.push_back({.rack = offers[places[i]].rack,
                         .units = static_cast<std::uint32_t>(std::min(room(i), level) + (more ? 1 : 0)),
                         .rest = i == host});
    }
    AMPACITY_ASSERT(left == 0);
    return parts;
}

}  // namespace ampacity::policy
