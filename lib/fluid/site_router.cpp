#include <ampacity/core/error.hpp>
#include <ampacity/fluid/site_router.hpp>

#include <algorithm>
#include <utility>

namespace ampacity::fluid {

using hardware::site_preference;

site_router::site_router(const site_router_options& options, std::vector<hardware::position> origins,
                         std::vector<hardware::position> sites)
    : options_(options),
      origins_(std::move(origins)),
      sites_(std::move(sites)),
      lists_(origins_.size() * sites_.size()),
      cost_(sites_.size()),
      rest_(origins_.size()),
      next_(origins_.size()),
      room_(sites_.size()),
      asked_(sites_.size()),
      level_(sites_.size()),
      speed_(origins_.size()) {
    AMPACITY_ASSERT(!origins_.empty() && !sites_.empty() && options.max_load > 0);
    for (const hardware::position& o : origins_) {
        for (const hardware::position& s : sites_)
            round_trip_s_.push_back(hardware::round_trip_s(o, s, options.detour));
    }
}

void site_router::split(std::span<const double> offered, std::span<const site_room> sites, double utc_s,
                        std::span<double> to) {
    AMPACITY_ASSERT(offered.size() == num_origins() && sites.size() == num_sites());
    AMPACITY_ASSERT(to.size() == num_origins() * num_sites());
    std::fill(to.begin(), to.end(), 0.0);
    std::copy(offered.begin(), offered.end(), rest_.begin());
    const bool evenly = options_.by == site_preference::balanced;
    if (!is_sorted_) sort_lists(sites, utc_s);
    for (std::size_t s = 0; s != sites.size(); ++s) {
        room_[s] = std::max(0.0, options_.max_load * sites[s].capacity - sites[s].waiting);
        if (sites[s].capacity > 0) level_[s] = sites[s].waiting / sites[s].capacity;
    }
    for (const bool near_only : {true, false}) {
        if (evenly)
            fill_evenly(offered, sites, near_only, to);
        else
            fill_by_lists(near_only, to);
    }
    spread(sites, to);
}

/// Water has no lists but for its last resort: the nearest.
void site_router::sort_lists(std::span<const site_room> sites, double utc_s) {
    const bool evenly = options_.by == site_preference::balanced;
    const site_preference by = evenly ? site_preference::nearest : options_.by;
    is_sorted_ = by == site_preference::nearest;
    for (std::size_t o = 0; o != num_origins(); ++o) {
        const auto list = lists_.begin() + static_cast<std::ptrdiff_t>(o * num_sites());
        for (std::size_t s = 0; s != num_sites(); ++s) {
            const hardware::site_outlook outlook{.where = sites_[s],
                                                 .price_usd_per_j = sites[s].price_usd_per_j,
                                                 .carbon_kg_per_j = sites[s].carbon_kg_per_j};
            cost_[s] = hardware::site_cost(by, outlook, origins_[o], utc_s);
            // Insertion: there are few, and none is allocated.
            std::size_t at = s;
            for (; at != 0 && cost_[s] < cost_[list[static_cast<std::ptrdiff_t>(at - 1)]]; --at)
                list[static_cast<std::ptrdiff_t>(at)] = list[static_cast<std::ptrdiff_t>(at - 1)];
            list[static_cast<std::ptrdiff_t>(at)] = static_cast<std::uint32_t>(s);
        }
    }
}

void site_router::fill_by_lists(bool near_only, std::span<double> to) {
    const auto places = static_cast<std::uint32_t>(num_sites());
    std::fill(next_.begin(), next_.end(), 0);
    for (bool goes_on = true; goes_on;) {
        goes_on = false;
        std::fill(asked_.begin(), asked_.end(), 0.0);
        for (std::size_t o = 0; o != num_origins(); ++o) {
            if (!(rest_[o] > 0)) continue;
            const std::uint32_t* const list = &lists_[o * num_sites()];
            while (next_[o] != places && !(room_[list[next_[o]]] > 0 && may_use(o, list[next_[o]], near_only)))
                ++next_[o];
            if (next_[o] != places) asked_[list[next_[o]]] += rest_[o];
        }
        for (std::size_t o = 0; o != num_origins(); ++o) {
            if (!(rest_[o] > 0) || next_[o] == places) continue;
            const std::size_t s = lists_[o * num_sites() + next_[o]];
            const bool fits = asked_[s] <= room_[s];
            const double given = fits ? rest_[o] : std::min(rest_[o], room_[s] * (rest_[o] / asked_[s]));
            to[o * num_sites() + s] += given;
            rest_[o] = fits ? 0 : rest_[o] - given;
            goes_on |= !fits;
        }
        for (std::size_t s = 0; s != num_sites(); ++s) room_[s] = asked_[s] <= room_[s] ? room_[s] - asked_[s] : 0;
    }
}

void site_router::fill_evenly(std::span<const double> offered, std::span<const site_room> sites, bool near_only,
                              std::span<double> to) {
    const double top = options_.max_load;
    double level = 0;
    // In each turn an origin runs dry, or the water comes to another site, or to the top.
    for (std::size_t turn = 0; turn <= num_origins() + num_sites(); ++turn) {
        for (std::size_t s = 0; s != num_sites(); ++s) {
            asked_[s] = 0;  // what those offer that it takes from
            for (std::size_t o = 0; o != num_origins(); ++o) {
                if (rest_[o] > 0 && may_use(o, s, near_only)) asked_[s] += offered[o];
            }
        }
        const auto is_open = [&](std::size_t s) { return asked_[s] > 0 && sites[s].capacity > 0 && level_[s] < top; };
        double lowest = top;
        for (std::size_t s = 0; s != num_sites(); ++s) {
            if (is_open(s)) lowest = std::min(lowest, level_[s]);
        }
        level = std::max(level, lowest);
        if (!(level < top)) return;
        double until = top;
        for (std::size_t s = 0; s != num_sites(); ++s) {
            if (is_open(s) && level_[s] > level) until = std::min(until, level_[s]);
        }
        const auto rises = [&](std::size_t s) { return is_open(s) && level_[s] <= level; };
        double rise = until - level;
        std::size_t dry = num_origins();
        for (std::size_t o = 0; o != num_origins(); ++o) {
            speed_[o] = 0;
            for (std::size_t s = 0; s != num_sites(); ++s) {
                if (rest_[o] > 0 && rises(s) && may_use(o, s, near_only))
                    speed_[o] += sites[s].capacity * (offered[o] / asked_[s]);
            }
            if (speed_[o] > 0 && rest_[o] <= rise * speed_[o]) {
                rise = rest_[o] / speed_[o];
                dry = o;
            }
        }
        for (std::size_t s = 0; s != num_sites(); ++s) {
            if (!rises(s)) continue;
            for (std::size_t o = 0; o != num_origins(); ++o) {
                if (rest_[o] > 0 && may_use(o, s, near_only))
                    to[o * num_sites() + s] += rise * sites[s].capacity * (offered[o] / asked_[s]);
            }
        }
        for (std::size_t s = 0; s != num_sites(); ++s) {
            if (rises(s)) level_[s] = dry == num_origins() ? until : std::min(until, level + rise);
        }
        level = dry == num_origins() ? until : std::min(until, level + rise);
        for (std::size_t o = 0; o != num_origins(); ++o) rest_[o] = std::max(0.0, rest_[o] - rise * speed_[o]);
        if (dry != num_origins()) rest_[dry] = 0;
    }
}

void site_router::spread(std::span<const site_room> sites, std::span<double> to) {
    double all = 0;
    for (const site_room& s : sites) all += s.capacity;
    for (std::size_t o = 0; o != num_origins(); ++o) {
        if (!(rest_[o] > 0)) continue;
        if (all > 0) {
            for (std::size_t s = 0; s != num_sites(); ++s)
                to[o * num_sites() + s] += rest_[o] * (sites[s].capacity / all);
            continue;
        }
        const std::uint32_t* const list = &lists_[o * num_sites()];
        const std::uint32_t* const end = list + num_sites();
        const std::uint32_t* const near = std::find_if(list, end, [&](std::uint32_t s) { return is_near(o, s); });
        to[o * num_sites() + (near == end ? *list : *near)] += rest_[o];
    }
}

}  // namespace ampacity::fluid
