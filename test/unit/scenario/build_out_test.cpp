// Plans of sites as what they come to: which rack comes when, what the books of a run say of it, what is refused.
#include "support/catch.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/scenario/build.hpp>
#include <ampacity/scenario/scenario.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

using namespace ampacity;
using std::chrono::hours;

namespace {

constexpr hours day{24};

scenario::time_law always(duration d) { return {.constant = d}; }

scenario::scenario racks(std::uint64_t count, const scenario::build_out& plan) {
    scenario::scenario s;
    s.name = "built";
    s.seed = 1;
    s.until = 400 * day;
    s.fleet.racks = scenario::rack_group{.count = count};
    s.fleet.plan = plan;
    s.scheduler.policy = "fifo";
    return s;
}

/// The reference case: five sites, 2870 racks, as uncertain as the facts say.
scenario::scenario five_sites(std::uint64_t seed) {
    scenario::scenario s;
    s.name = "five";
    s.seed = seed;
    s.until = 500 * day;
    for (const char* name : {"a", "b", "c", "d", "e"}) {
        scenario::build_out plan{
            .racks_per_week = 9.6,
            .blocks = {{.racks = 300, .ready = 20 * day, .delay = scenario::time_law{.exponential = 15 * day}},
                       {.racks = 274, .ready = 150 * day, .delay = scenario::time_law{.exponential = 15 * day}}},
            .install = scenario::time_law{.uniform = scenario::uniform_durations{2 * day, 5 * day}},
            .crews = 6,
            .burn_in = scenario::time_law{.uniform = scenario::uniform_durations{hours{72}, hours{168}}},
            .acceptance_failure = 0.05,
            .rework = scenario::time_law{.exponential = hours{48}}};
        s.fleet.sites.push_back({.name = name, .racks = {scenario::rack_group{.count = 574}}, .plan = plan});
    }
    s.scheduler.policy = "easy";
    return s;
}

std::string refused(const scenario::scenario& s) {
    try {
        scenario::validate(s);
    } catch (const scenario_error& e) {
        return e.details().key;
    }
    return {};
}

/// GPU-time in service as the dates say it.
gpu_time in_service(const std::vector<scenario::rack_course>& racks, instant end) {
    gpu_time sum = 0;
    for (const auto& r : racks) {
        const instant to = std::min(end, r.dates.retired);
        if (r.dates.in_service < to) sum += gpu_time{r.gpus} * ticks(to - r.dates.in_service);
    }
    return sum;
}

}  // namespace

TEST_CASE("racks are there, arrive in lots and wait for their power blocks", "[build-out]") {
    const auto s = racks(5, {.arrivals = {{.at = 10 * day, .racks = 1}, {.at = 20 * day, .racks = 2}},
                             .present = 2,
                             .blocks = {{.racks = 3, .ready = 5 * day}, {.racks = 2, .ready = 30 * day}},
                             .install = always(2 * day)});
    const auto list = scenario::rack_courses(s);
    REQUIRE(list.size() == 5);
    CHECK(list[0].is_present);
    CHECK(list[1].dates.in_service == start_of_time);
    CHECK(list[2].dates.in_service == start_of_time + 12 * day);
    CHECK(list[3].dates.in_service == start_of_time + 32 * day);
    CHECK(list[4].dates.in_service == start_of_time + 32 * day);
    sim::simulation run{scenario::build(s)};
    run.run();
    CHECK((run.results().books.capacity == gpu_time{72} * ticks(day) * (2 * 400 + 388 + 2 * 368)));
    CHECK((run.results().books[account::uncommissioned] == gpu_time{72} * ticks(day) * (12 + 2 * 32)));
    const auto facts = scenario::facts_of(list, start_of_time + 20 * day);
    CHECK(facts.racks == 3);
    CHECK(facts.gpus == 216);
    CHECK(facts.came == 1);
    CHECK(!facts.racks_per_week);
}

TEST_CASE("a generation takes the places of the one before it", "[build-out]") {
    auto s = racks(1, {.racks_per_week = 7, .install = always(day)});
    s.fleet.racks = {
        scenario::rack_group{.count = 4, .retire = scenario::retirement{.at = 100 * day, .racks_per_week = 2}},
        scenario::rack_group{.count = 3, .replaces = 0}};
    auto list = scenario::rack_courses(s);
    REQUIRE(list.size() == 7);
    const auto at = [](int days) { return start_of_time + days * day; };
    for (int i = 0; i != 4; ++i) {
        CHECK(list[static_cast<std::size_t>(i)].dates.in_service == at(i + 1));
        CHECK(list[static_cast<std::size_t>(i)].dates.retired == at(100 + 7 * (i / 2)));
    }
    CHECK(list[4].dates.arrived == at(100));
    CHECK(list[4].dates.in_service == at(101));
    CHECK(list[6].dates.in_service == at(108));
    CHECK(list[6].rack == 6);
    sim::simulation run{scenario::build(s)};
    run.run();
    const sim::summary& all = run.results();
    CHECK((all.books.capacity == in_service(list, at(400))));
    CHECK((all.books.capacity + all.books[account::uncommissioned] == gpu_time{7 * 72} * ticks(400 * day)));
    CHECK(scenario::facts_of(list, at(400)).racks == 3);
    CHECK(scenario::facts_of(list, at(400)).retired == 4);
    CHECK(scenario::facts_of(list, at(104)).racks == 4);

    // No place ever has two racks, whatever is drawn.
    s.fleet.racks[0].retire = scenario::retirement{.after = 50 * day};
    s.fleet.plan->burn_in = scenario::time_law{.exponential = 10 * day};
    for (s.seed = 0; s.seed != 20; ++s.seed) {
        list = scenario::rack_courses(s);
        for (std::size_t i = 0; i != 3; ++i) CHECK(list[i].dates.retired + day <= list[4 + i].dates.installed);
        sim::simulation again{scenario::build(s)};
        again.run();
        CHECK((again.results().books.capacity == in_service(list, at(400))));
    }
}

TEST_CASE("numbers of racks are those of the fleet where there are several GPU types", "[build-out]") {
    scenario::scenario s = racks(1, {});
    s.fleet.racks.clear();
    s.fleet.plan.reset();
    const auto group = [](const char* gpu, std::uint64_t count) {
        return scenario::rack_group{.count = count, .gpu = gpu};
    };
    s.fleet.sites = {{.name = "x",
                      .racks = {group("gb200", 2), group("gb300", 1)},
                      .plan = scenario::build_out{.racks_per_week = 1}},
                     {.name = "y", .racks = {group("gb200", 3)}}};
    s.until = 10 * day;
    const auto list = scenario::rack_courses(s);
    REQUIRE(list.size() == 3);
    CHECK(list[1].rack == 1);
    CHECK(list[2].rack == 5);
    // One rack from the start, the others after 7 and 14 days; three at the other site.
    sim::simulation run{scenario::build(s)};
    run.run();
    CHECK((run.results().books.capacity == gpu_time{72} * ticks(day) * (10 + 3 + 30)));
}

TEST_CASE("the reference case differs by seed and keeps its books", "[build-out]") {
    const auto one = scenario::rack_courses(five_sites(1));
    REQUIRE(one.size() == 2870);
    const auto same = scenario::rack_courses(five_sites(1));
    const auto other = scenario::rack_courses(five_sites(2));
    std::size_t differ = 0;
    for (std::size_t i = 0; i != one.size(); ++i) {
        REQUIRE(one[i].dates == same[i].dates);
        if (one[i].dates != other[i].dates) ++differ;
        CHECK(one[i].dates.begun >= one[i].dates.arrived);
        CHECK(one[i].dates.installed - one[i].dates.begun >= 2 * day);
        CHECK(one[i].dates.in_service - one[i].dates.installed >= hours{72});
    }
    CHECK(differ == one.size());
    sim::simulation run{scenario::build(five_sites(1))};
    run.run();
    const instant end = start_of_time + 500 * day;
    const ledger& books = run.results().books;
    CHECK((books.capacity == in_service(one, end)));
    CHECK((books.capacity + books[account::uncommissioned] == gpu_time{2870 * 72} * ticks(500 * day)));
    const auto facts = scenario::facts_of(one, end);
    CHECK(facts.racks == 2870);
    CHECK(*facts.racks_per_week == Approx(48).epsilon(0.1));
    CHECK(facts.reworks == Approx(2870 * 0.05 / 0.95).margin(60));
}

TEST_CASE("plans that do not add up are refused", "[build-out]") {
    CHECK(refused(racks(5, {.racks_per_week = 1})).empty());
    CHECK(refused(racks(5, {})) == "fleet.build_out.arrivals");
    CHECK(refused(racks(5, {.present = 5})).empty());
    CHECK(refused(racks(5, {.present = 6})) == "fleet.build_out.present");
    CHECK(refused(racks(5, {.racks_per_week = 1, .arrivals = {{.at = day, .racks = 5}}})) ==
          "fleet.build_out.racks_per_week");
    CHECK(refused(racks(5, {.arrivals = {{.at = 2 * day, .racks = 2}, {.at = day, .racks = 3}}})) ==
          "fleet.build_out.arrivals.1.at");
    CHECK(refused(racks(5, {.racks_per_week = 1, .blocks = {{.racks = 4}}})) == "fleet.build_out.blocks");
    CHECK(refused(racks(5, {.racks_per_week = 1, .rework = always(day)})) == "fleet.build_out.rework");
    CHECK(refused(racks(5, {.racks_per_week = 1,
                            .install = scenario::time_law{.uniform = scenario::uniform_durations{day, day}}})) ==
          "fleet.build_out.install.uniform.max");

    auto s = racks(5, {.racks_per_week = 1});
    s.fleet.deliveries.push_back({.at = day, .racks = "1"});
    CHECK(refused(s) == "fleet.deliveries");
    s = racks(5, {.racks_per_week = 1});
    s.fleet.racks.front().replaces = 0;
    CHECK(refused(s) == "fleet.racks.replaces");
    s.fleet.racks = {scenario::rack_group{.count = 2}, scenario::rack_group{.count = 2, .replaces = 0}};
    CHECK(refused(s) == "fleet.racks.1.replaces");
    s.fleet.racks[0].retire = scenario::retirement{.after = 9 * day};
    CHECK(refused(s).empty());
    s.fleet.racks[1].count = 3;
    CHECK(refused(s) == "fleet.racks.1.replaces");
    s.fleet.racks[1].count = 1;
    s.fleet.racks.push_back(scenario::rack_group{.count = 1, .replaces = 0});
    CHECK(refused(s) == "fleet.racks.2.replaces");
    s.fleet.racks.pop_back();
    s.fleet.racks[0].retire->racks_per_week = 2;
    CHECK(refused(s) == "fleet.racks.0.retire.racks_per_week");
    s = racks(5, {.present = 5});
    s.fleet.racks.clear();
    s.fleet.nodes = scenario::node_group{.gpus = 8, .count = 2};
    CHECK(refused(s) == "fleet.build_out");
}
