// When racks come into service: by hand, in closed form, and against a naive walk over all racks at every step.
#include "support/catch.hpp"

#include <ampacity/core/distributions.hpp>
#include <ampacity/fleet/build_out.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <vector>

using namespace ampacity;
using fleet::build_out_terms;
using fleet::drawn_time;
using fleet::planned_rack;
using fleet::rack_dates;
using std::chrono::hours;

namespace {

constexpr hours day{24};

instant at(std::int64_t h) { return start_of_time + hours{h}; }

drawn_time always(duration d) {
    return [d](random_stream&) { return d; };
}

drawn_time spread(duration low, duration high) {
    return [low, high](random_stream& s) {
        return low + duration{static_cast<std::int64_t>(s.below(static_cast<std::uint64_t>(ticks(high - low))))};
    };
}

/// Each step of the walk looks at all racks and all crews.
std::vector<rack_dates> naive(const build_out_terms& t, const std::vector<planned_rack>& racks) {
    std::vector<rack_dates> out(racks.size());
    std::vector<instant> place(racks.size(), start_of_time), crews(t.crews, start_of_time);
    std::vector<bool> done(racks.size(), false);
    const auto stream = [&](std::uint64_t what, std::size_t i) {
        return random_stream{t.seed, purpose::build_out, (std::uint64_t{t.site} << 35U) + (what << 32U) + i};
    };
    const auto leave = [&](std::size_t i) {
        instant gone = racks[i].leaves;
        if (racks[i].life != duration::max()) {
            instant end = out[i].in_service + racks[i].life;
            while ((end - start_of_time) % day != duration::zero()) {
                const duration over = (end - start_of_time) % day;
                end += day - over;
            }
            gone = std::min(gone, end);
        }
        out[i].retired = gone;
        instant vacant = gone;
        if (gone <= out[i].in_service) {
            vacant = out[i].in_service;
            out[i].in_service = never;
        }
        for (std::size_t k = 0; k != racks.size(); ++k) {
            if (racks[k].replaces == i) place[k] = vacant;
        }
        done[i] = true;
    };
    for (std::size_t i = 0; i != racks.size(); ++i) {
        if (racks[i].replaces != fleet::no_rack) place[i] = never;
    }
    for (std::size_t i = 0; i != racks.size(); ++i) {
        if (!racks[i].is_present) {
            out[i].arrived = racks[i].arrives;
            continue;
        }
        out[i].arrived = out[i].ready = out[i].begun = out[i].installed = start_of_time;
        out[i].burnt_in = out[i].in_service = start_of_time;
        leave(i);
    }
    for (;;) {
        std::size_t first = racks.size();
        instant when = never;
        for (std::size_t i = 0; i != racks.size(); ++i) {
            if (done[i]) continue;
            const instant ready = std::max({racks[i].arrives, racks[i].powered, place[i]});
            if (ready < when) {
                when = ready;
                first = i;
            }
        }
        if (first == racks.size()) return out;
        rack_dates& d = out[first];
        d.ready = d.begun = when;
        auto crew = std::min_element(crews.begin(), crews.end());
        if (crew != crews.end()) d.begun = std::max(when, *crew);
        auto install = stream(0, first), burn = stream(1, first), pass = stream(2, first), rework = stream(3, first);
        d.installed = d.begun + t.install(install);
        if (crew != crews.end()) *crew = d.installed;
        instant now = d.installed + t.burn_in(burn);
        d.burnt_in = now;
        for (d.attempts = 1; pass.uniform01() < t.acceptance_failure; ++d.attempts) {
            now += t.rework(rework);
            now += t.burn_in(burn);
        }
        d.in_service = now;
        leave(first);
    }
}

std::vector<planned_rack> random_racks(std::mt19937_64& random) {
    const auto upto = [&random](std::uint64_t n) { return random() % n; };
    std::vector<planned_rack> out(1 + upto(40));
    std::vector<bool> taken(out.size(), false);
    for (std::size_t i = 0; i != out.size(); ++i) {
        planned_rack& r = out[i];
        r.arrives = at(static_cast<std::int64_t>(upto(60)));
        r.powered = upto(20) == 0 ? never : at(static_cast<std::int64_t>(upto(60)));
        r.is_present = upto(6) == 0;
        if (upto(3) == 0) r.leaves = at(static_cast<std::int64_t>(1 + upto(400)));
        if (upto(3) == 0) r.life = hours{static_cast<std::int64_t>(1 + upto(300))};
        if (i == 0 || r.is_present || upto(2) == 0) continue;
        const std::size_t before = upto(i);
        if (!taken[before]) r.replaces = static_cast<std::uint32_t>(before);
        taken[before] = true;
    }
    return out;
}

}  // namespace

TEST_CASE("three racks and one crew by hand", "[build-out]") {
    build_out_terms t{.crews = 1, .install = always(hours{10}), .burn_in = always(hours{100})};
    std::vector<planned_rack> racks{{.arrives = at(5)}, {.arrives = at(0), .powered = at(7)}, {.arrives = at(5)}};
    const auto d = fleet::build_out(t, racks);
    // Racks 0 and 2 are ready at 5, rack 1 waits for its power until 7: the crew takes 0, 2, 1.
    CHECK(d[0] == rack_dates{at(5), at(5), at(5), at(15), at(115), at(115), never, 1});
    CHECK(d[2] == rack_dates{at(5), at(5), at(15), at(25), at(125), at(125), never, 1});
    CHECK(d[1] == rack_dates{at(0), at(7), at(25), at(35), at(135), at(135), never, 1});
}

TEST_CASE("a rack stands in the place of one that has left", "[build-out]") {
    build_out_terms t{.crews = 1, .install = always(hours{10}), .burn_in = always(hours{20})};
    std::vector<planned_rack> racks{{.is_present = true, .leaves = at(50)},
                                    {.arrives = at(0), .life = hours{40}},
                                    {.arrives = at(3), .replaces = 0},
                                    {.arrives = at(3), .replaces = 1}};
    const auto d = fleet::build_out(t, racks);
    CHECK(d[0].retired == at(50));
    CHECK(d[0].attempts == 0);
    // In service at 30, for 40 hours, to the end of the third day.
    CHECK(d[1].in_service == at(30));
    CHECK(d[1].retired == at(72));
    CHECK(d[2].ready == at(50));
    CHECK(d[2].in_service == at(80));
    CHECK(d[3].ready == at(72));
    CHECK(d[3].in_service == at(102));

    // One that has to leave before it comes never does, and its place is free once it would have come.
    racks[1].leaves = at(25);
    const auto late = fleet::build_out(t, racks);
    CHECK(late[1].in_service == never);
    CHECK(late[3].ready == at(30));
}

TEST_CASE("racks that arrive evenly come into service on a straight line", "[build-out]") {
    constexpr std::uint64_t a_week = 48'000'000;
    std::vector<planned_rack> racks(2870);
    for (std::uint64_t i = 0; i != racks.size(); ++i) racks[i].arrives = fleet::arrival_of(at(24), i, a_week);
    const build_out_terms t{.install = always(3 * day), .burn_in = always(4 * day)};
    const auto d = fleet::build_out(t, racks);
    for (std::int64_t i = 0; i != 2870; ++i) {
        // A rack each 3.5 hours.
        const instant expected = at(24) + 7 * day + std::chrono::minutes{210 * i};
        REQUIRE(d[static_cast<std::size_t>(i)].in_service == expected);
    }
    // 2870 racks are 59.8 weeks.
    CHECK(to_seconds(fleet::arrival_of(start_of_time, 2870, a_week)) / (7 * 86400) == Approx(59.79).epsilon(1e-3));
    CHECK(fleet::arrival_of(start_of_time, ~std::uint64_t{0}, 1) == never);

    // Crews that are too few set the pace: two of them, three days each.
    build_out_terms few = t;
    few.crews = 2;
    const auto slow = fleet::build_out(few, racks);
    for (std::int64_t i = 2; i != 2870; ++i) {
        const auto before = static_cast<std::size_t>(i - 2);
        REQUIRE(slow[static_cast<std::size_t>(i)].begun == slow[before].begun + 3 * day);
    }
}

TEST_CASE("random plans are as a naive walk has them", "[build-out]") {
    std::mt19937_64 random{7};
    for (int round = 0; round != 300; ++round) {
        const auto racks = random_racks(random);
        build_out_terms t{.seed = random(),
                          .site = static_cast<std::uint32_t>(random() % 5),
                          .crews = static_cast<std::uint32_t>(random() % 4),
                          .install = spread(hours{1}, hours{20}),
                          .burn_in = spread(hours{10}, hours{11}),
                          .rework = spread(hours{1}, hours{50}),
                          .acceptance_failure = 0.3};
        if (round % 3 == 0) t.install = t.burn_in = t.rework = always(hours{round % 4});
        REQUIRE(fleet::build_out(t, racks) == naive(t, racks));
    }
}

TEST_CASE("one rack's draws do not move those of another", "[build-out]") {
    std::vector<planned_rack> racks(50);
    build_out_terms t{.seed = 3,
                      .install = spread(hours{48}, hours{120}),
                      .burn_in = spread(hours{72}, hours{168}),
                      .rework = spread(hours{24}, hours{48}),
                      .acceptance_failure = 0.5};
    const auto all = fleet::build_out(t, racks);
    racks.resize(20);
    const auto some = fleet::build_out(t, racks);
    for (std::size_t i = 0; i != some.size(); ++i) CHECK(some[i] == all[i]);
    // Nor does another law of one step move the draws of the others.
    t.install = always(hours{0});
    const auto instant_install = fleet::build_out(t, racks);
    for (std::size_t i = 0; i != some.size(); ++i) {
        CHECK(instant_install[i].attempts == some[i].attempts);
        CHECK(instant_install[i].in_service - instant_install[i].installed == some[i].in_service - some[i].installed);
    }
    t.site = 1;
    CHECK(fleet::build_out(t, racks) != instant_install);
    t.site = 0;
    t.seed = 4;
    CHECK(fleet::build_out(t, racks) != instant_install);
}

TEST_CASE("as many burn-ins as the share that fails says", "[build-out]") {
    std::vector<planned_rack> racks(20'000);
    const build_out_terms t{.seed = 11, .burn_in = always(day), .rework = always(day), .acceptance_failure = 0.1};
    double attempts = 0;
    for (const rack_dates& d : fleet::build_out(t, racks)) {
        attempts += d.attempts;
        REQUIRE(d.in_service == at(24) + (d.attempts - 1) * 2 * day);
    }
    // Geometric: mean 1/0.9, standard deviation 0.351; five standard errors.
    CHECK(attempts / 20'000 == Approx(1 / 0.9).margin(5 * 0.351 / 141.4));
}

TEST_CASE("a power block is ready later than it was promised", "[build-out]") {
    const build_out_terms t{.seed = 5, .site = 2};
    const auto delay = spread(hours{0}, hours{1000});
    const instant a = fleet::ready_at(t, 0, at(100), delay);
    CHECK(a >= at(100));
    CHECK(a == fleet::ready_at(t, 0, at(0), delay) + hours{100});
    CHECK(a != fleet::ready_at(t, 1, at(100), delay));
    CHECK(fleet::ready_at(t, 0, at(100), {}) == at(100));
}
