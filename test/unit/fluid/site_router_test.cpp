// Requests of several places over several sites: against the definition written down naively, water that rises in small
// steps, closed forms, and what must hold whatever comes.
#include "support/cases.hpp"
#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/fluid/site_router.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;
using fluid::site_room;
using fluid::site_router;
using fluid::site_router_options;
using hardware::position;
using hardware::site_preference;
using table = std::vector<std::vector<double>>;  // by origin, by site

struct situation {
    site_router_options options{};
    std::vector<position> origins{}, sites{};
    std::vector<double> offered{};
    std::vector<site_room> rooms{};
    double utc_s = 0;
};

table routed(const situation& c) {
    site_router r{c.options, c.origins, c.sites};
    std::vector<double> to(c.origins.size() * c.sites.size(), -1.0);
    r.split(c.offered, c.rooms, c.utc_s, to);
    table out;
    for (std::size_t o = 0; o != c.origins.size(); ++o)
        out.emplace_back(to.begin() + static_cast<std::ptrdiff_t>(o * c.sites.size()),
                         to.begin() + static_cast<std::ptrdiff_t>((o + 1) * c.sites.size()));
    return out;
}

situation random_situation(random_stream& random, site_preference by) {
    situation c;
    c.options = {.by = by, .max_load = 0.5 + random.uniform01()};
    const auto place = [&] { return position{180 * random.uniform01() - 90, 360 * random.uniform01() - 180}; };
    for (std::uint64_t n = 1 + random.below(5); n > 0; --n) {
        c.origins.push_back(place());
        c.offered.push_back(random.below(5) == 0 ? 0 : 1000 * random.uniform01());
    }
    for (std::uint64_t n = 1 + random.below(6); n > 0; --n) {
        c.sites.push_back(place());
        c.rooms.push_back({.capacity = random.below(4) == 0 ? 0 : 1000 * random.uniform01(),
                           .waiting = random.below(2) == 0 ? 0 : 700 * random.uniform01(),
                           .price_usd_per_j = random.uniform01(),
                           .carbon_kg_per_j = random.uniform01()});
    }
    if (random.below(4) != 0) c.options.max_round_trip_s = 0.3 * random.uniform01();
    c.utc_s = 86400 * random.uniform01();
    return c;
}

bool is_near(const situation& c, std::size_t o, std::size_t s) {
    return hardware::round_trip_s(c.origins[o], c.sites[s], c.options.detour) <= c.options.max_round_trip_s;
}

std::vector<std::size_t> list_of(const situation& c, std::size_t o) {
    std::set<std::pair<double, std::size_t>> sorted;
    for (std::size_t s = 0; s != c.sites.size(); ++s)
        sorted.emplace(hardware::site_cost(c.options.by,
                                           {.where = c.sites[s],
                                            .price_usd_per_j = c.rooms[s].price_usd_per_j,
                                            .carbon_kg_per_j = c.rooms[s].carbon_kg_per_j},
                                           c.origins[o], c.utc_s),
                       s);
    std::vector<std::size_t> out;
    for (const auto& [cost, s] : sorted) out.push_back(s);
    return out;
}

/// As the header says it, by whoever asks whom in which round.
table naive(const situation& c) {
    table out(c.origins.size(), std::vector<double>(c.sites.size(), 0.0));
    std::vector<double> rest = c.offered, room;
    for (const site_room& s : c.rooms) room.push_back(c.options.max_load * s.capacity - s.waiting);
    for (int pass = 1; pass <= 2; ++pass) {
        while (true) {
            std::map<std::size_t, std::vector<std::size_t>> asks;  // by site, the origins
            for (std::size_t o = 0; o != rest.size(); ++o) {
                for (const std::size_t s : list_of(c, o)) {
                    if (rest[o] <= 0 || room[s] <= 0 || (pass == 1 && !is_near(c, o, s))) continue;
                    asks[s].push_back(o);
                    break;
                }
            }
            if (asks.empty()) break;
            for (const auto& [s, who] : asks) {
                double sum = 0;
                for (const std::size_t o : who) sum += rest[o];
                const double share = std::min(1.0, room[s] / sum);
                for (const std::size_t o : who) {
                    out[o][s] += share * rest[o];
                    rest[o] = share < 1 ? rest[o] * (1 - share) : 0;
                }
                room[s] = share < 1 ? 0 : room[s] - sum;
            }
        }
    }
    double all = 0;
    for (const site_room& s : c.rooms) all += s.capacity;
    for (std::size_t o = 0; o != rest.size(); ++o) {
        const auto list = list_of(c, o);
        const auto near = std::find_if(list.begin(), list.end(), [&](std::size_t s) { return is_near(c, o, s); });
        for (std::size_t s = 0; s != c.sites.size(); ++s) {
            if (all > 0)
                out[o][s] += rest[o] * c.rooms[s].capacity / all;
            else if (s == (near == list.end() ? list.front() : *near))
                out[o][s] += rest[o];
        }
    }
    return out;
}

double sum_of(const std::vector<double>& v) { return std::accumulate(v.begin(), v.end(), 0.0); }
double given_to(const table& t, std::size_t s) {
    double sum = 0;
    for (const auto& row : t) sum += row[s];
    return sum;
}
/// Below the top, by more than rounding.
bool has_room(const situation& c, const table& t, std::size_t s) {
    const double top = c.options.max_load * c.rooms[s].capacity;
    return c.rooms[s].waiting + given_to(t, s) < top - 1e-6;
}

void check_invariants(const situation& c, const table& t) {
    for (std::size_t o = 0; o != c.origins.size(); ++o) {
        REQUIRE(sum_of(t[o]) == Approx(c.offered[o]).epsilon(1e-12).margin(1e-12));
        bool near_has_room = false;
        for (std::size_t s = 0; s != c.sites.size(); ++s) {
            REQUIRE(t[o][s] >= 0);
            near_has_room |= is_near(c, o, s) && has_room(c, t, s);
        }
        for (std::size_t s = 0; s != c.sites.size(); ++s)
            if (near_has_room && !is_near(c, o, s)) REQUIRE(t[o][s] <= 1e-6);
    }
    bool any_room = false, any_above = false;
    for (std::size_t s = 0; s != c.sites.size(); ++s) {
        any_room |= has_room(c, t, s);
        const double most = std::max(0.0, c.options.max_load * c.rooms[s].capacity - c.rooms[s].waiting);
        any_above |= given_to(t, s) > most + 1e-6;
    }
    REQUIRE_FALSE((any_room && any_above));
}

constexpr site_preference by_list[]{site_preference::nearest, site_preference::cheapest, site_preference::greenest,
                                    site_preference::follow_the_sun};

}  // namespace

TEST_CASE("requests go down the lists of their origins as a naive router has it") {
    const std::size_t cases = test::random_cases(3000);
    for (std::size_t n = 0; n != cases; ++n) {
        random_stream random(21, purpose::test, n);
        const situation c = random_situation(random, by_list[random.below(4)]);
        const table t = routed(c), expected = naive(c);
        for (std::size_t o = 0; o != c.origins.size(); ++o) {
            for (std::size_t s = 0; s != c.sites.size(); ++s)
                REQUIRE(t[o][s] == Approx(expected[o][s]).epsilon(1e-9).margin(1e-7));
        }
        check_invariants(c, t);
    }
}

TEST_CASE("water rises over sites as it does in small steps") {
    const std::size_t cases = test::random_cases(60);
    for (std::size_t n = 0; n != cases; ++n) {
        random_stream random(22, purpose::test, n);
        const situation c = random_situation(random, site_preference::balanced);
        const table t = routed(c);
        check_invariants(c, t);
        table expected(c.origins.size(), std::vector<double>(c.sites.size(), 0.0));
        std::vector<double> rest = c.offered, have;
        for (const site_room& s : c.rooms) have.push_back(s.waiting);
        constexpr int steps = 20'000;
        const double dl = c.options.max_load / steps;
        for (const bool near_only : {true, false}) {
            for (int i = 0; i != steps; ++i) {
                const std::vector<double> before = rest;
                for (std::size_t s = 0; s != have.size(); ++s) {
                    if (have[s] > c.rooms[s].capacity * dl * i) continue;
                    double offer = 0;
                    for (std::size_t o = 0; o != rest.size(); ++o)
                        if (before[o] > 0 && (!near_only || is_near(c, o, s))) offer += c.offered[o];
                    for (std::size_t o = 0; o != rest.size(); ++o) {
                        if (before[o] <= 0 || (near_only && !is_near(c, o, s))) continue;
                        const double x = std::min(rest[o], c.rooms[s].capacity * dl * c.offered[o] / offer);
                        expected[o][s] += x;
                        have[s] += x;
                        rest[o] -= x;
                    }
                }
            }
        }
        double all = 0;
        for (const site_room& s : c.rooms) all += s.capacity;
        for (std::size_t o = 0; all > 0 && o != c.origins.size(); ++o) {
            for (std::size_t s = 0; s != c.sites.size(); ++s)
                REQUIRE(t[o][s] == Approx(expected[o][s] + rest[o] * c.rooms[s].capacity / all).margin(2));
        }
    }
}

TEST_CASE("sites that all may use come to one load, which a bisection finds") {
    const std::size_t cases = test::random_cases(1000);
    for (std::size_t n = 0; n != cases; ++n) {
        random_stream random(23, purpose::test, n);
        situation c = random_situation(random, site_preference::balanced);
        c.options.max_round_trip_s = 1;
        c.options.max_load = 1e6;
        c.rooms[0].capacity = 100;
        const table t = routed(c);
        const auto filled = [&](double level) {
            double sum = 0;
            for (const site_room& s : c.rooms) sum += std::max(0.0, level * s.capacity - s.waiting);
            return sum;
        };
        double low = 0, high = 1e4;
        for (int i = 0; i != 100; ++i) {
            const double middle = (low + high) / 2;
            (filled(middle) < sum_of(c.offered) ? low : high) = middle;
        }
        for (std::size_t s = 0; s != c.sites.size(); ++s) {
            const double expected = std::max(0.0, low * c.rooms[s].capacity - c.rooms[s].waiting);
            REQUIRE(given_to(t, s) == Approx(expected).epsilon(1e-9).margin(1e-6));
        }
    }
}

TEST_CASE("the numbers of origins and sites do not matter") {
    const std::size_t cases = test::random_cases(1000);
    for (std::size_t n = 0; n != cases; ++n) {
        random_stream random(24, purpose::test, n);
        const site_preference by = n % 5 == 4 ? site_preference::balanced : by_list[n % 5];
        const situation c = random_situation(random, by);
        situation other{.options = c.options, .utc_s = c.utc_s};
        std::vector<std::size_t> from(c.origins.size()), at(c.sites.size());
        std::iota(from.begin(), from.end(), std::size_t{0});
        std::iota(at.begin(), at.end(), std::size_t{0});
        for (auto* const of : {&from, &at}) {
            for (std::size_t i = of->size(); i > 1; --i) std::swap((*of)[i - 1], (*of)[random.below(i)]);
        }
        for (const std::size_t o : from) {
            other.origins.push_back(c.origins[o]);
            other.offered.push_back(c.offered[o]);
        }
        for (const std::size_t s : at) {
            other.sites.push_back(c.sites[s]);
            other.rooms.push_back(c.rooms[s]);
        }
        const table one = routed(c), two = routed(other);
        for (std::size_t o = 0; o != from.size(); ++o) {
            for (std::size_t s = 0; s != at.size(); ++s)
                REQUIRE(two[o][s] == Approx(one[from[o]][at[s]]).epsilon(1e-9).margin(1e-7));
        }
    }
}

TEST_CASE("a cheap site is filled first and far sites come behind near ones and the rest waits by capacity") {
    situation c{.options = {.by = site_preference::cheapest, .max_load = 0.5, .max_round_trip_s = 0.05},
                .origins = {{50, 8}, {40, -75}},
                .sites = {{50, 9}, {52, 5}, {39, -77}},
                .offered = {300, 100},
                .rooms = {{.capacity = 400, .price_usd_per_j = 3},
                          {.capacity = 200, .price_usd_per_j = 2},
                          {.capacity = 400, .price_usd_per_j = 1}}};
    // The cheapest is far from the first origin, whose own are full before it is asked.
    CHECK(routed(c) == table{{200, 100, 0}, {0, 0, 100}});
    c.offered = {350, 100};
    CHECK(routed(c) == table{{200, 100, 50}, {0, 0, 100}});
    c.offered = {500, 100};  // 100 are left, for 400 : 200 : 400
    CHECK(routed(c) == table{{240, 120, 140}, {0, 0, 100}});
    // Two that ask for more than there is get it in proportion.
    c.options.max_round_trip_s = 1;
    c.offered = {300, 100};
    CHECK(routed(c) == table{{75, 75, 150}, {25, 25, 50}});
    for (site_room& s : c.rooms) s.capacity = 0;
    CHECK(routed(c) == table{{0, 0, 300}, {0, 0, 100}});
    c.options.max_round_trip_s = 0.05;
    CHECK(routed(c) == table{{0, 300, 0}, {0, 0, 100}});
}
