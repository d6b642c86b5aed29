#include "support/catch.hpp"
#include "support/random_workload.hpp"

#include <ampacity/policy/site_choice.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <tuple>
#include <vector>

using namespace ampacity;
using hardware::site_preference;
using policy::site_offer;
using policy::site_room;

namespace {

constexpr std::array all_preferences{site_preference::nearest, site_preference::cheapest, site_preference::greenest,
                                     site_preference::follow_the_sun, site_preference::balanced};

/// Sorts all of them.
std::optional<std::size_t> naive_choice(const std::vector<site_offer>& offers, site_preference by,
                                        const hardware::position& origin, double utc_s) {
    std::vector<std::tuple<int, double, std::size_t>> all;
    for (std::size_t i = 0; i != offers.size(); ++i) {
        if (offers[i].room != site_room::none)
            all.emplace_back(-static_cast<int>(offers[i].room),
                             hardware::site_cost(by, offers[i].outlook, origin, utc_s), i);
    }
    std::sort(all.begin(), all.end());
    if (all.empty()) return std::nullopt;
    return std::get<2>(all.front());
}

}  // namespace

TEST_CASE("a job goes where it starts at once, then where it costs least") {
    // Room; then price; then number.
    std::vector<site_offer> offers(4);
    const auto choose = [&] { return policy::choose_site(offers, site_preference::cheapest, {}, 0); };
    CHECK_FALSE(choose().has_value());
    offers[2] = {.room = site_room::ever, .outlook = {.price_usd_per_j = 1}};
    CHECK(choose() == 2);
    offers[3] = {.room = site_room::in_service, .outlook = {.price_usd_per_j = 9}};
    CHECK(choose() == 3);
    offers[1] = {.room = site_room::in_service, .outlook = {.price_usd_per_j = 9}};
    CHECK(choose() == 1);
    offers[3].outlook.price_usd_per_j = 8;
    CHECK(choose() == 3);
    offers[0] = {.room = site_room::now, .outlook = {.price_usd_per_j = 100}};
    CHECK(choose() == 0);
}

TEST_CASE("the choice of a site is that of sorting all of them") {
    naive::test_random random(0x636875636bU);
    for (int round = 0; round != 5000; ++round) {
        std::vector<site_offer> offers(static_cast<std::size_t>(random.between(0, 6)));
        for (site_offer& o : offers) {
            o.room = static_cast<site_room>(random.between(0, 3));
            o.outlook = {.where = {static_cast<double>(random.between(-2, 2)) * 30,
                                   static_cast<double>(random.between(-3, 3)) * 60},
                         .price_usd_per_j = static_cast<double>(random.between(-1, 3)),
                         .carbon_kg_per_j = static_cast<double>(random.between(0, 3)),
                         .free_share = static_cast<double>(random.between(0, 4)) / 4};
        }
        const hardware::position origin{static_cast<double>(random.between(-2, 2)) * 30,
                                        static_cast<double>(random.between(-3, 3)) * 60};
        const auto utc_s = static_cast<double>(random.between(0, 200'000));
        for (const site_preference by : all_preferences) {
            INFO("round " << round << " by " << static_cast<int>(by));
            REQUIRE(policy::choose_site(offers, by, origin, utc_s) == naive_choice(offers, by, origin, utc_s));
        }
    }
}

TEST_CASE("a site is better by a share of what the other one has, or by so much more of it free") {
    using policy::is_better_site;
    for (const site_preference by : all_preferences) {
        CHECK_FALSE(is_better_site(by, 2, 2, 0));
        CHECK_FALSE(is_better_site(by, 1, 2, 0));
        CHECK(is_better_site(by, 2, 1.75, 0));
    }
    CHECK(is_better_site(site_preference::cheapest, 2, 1.75, 0.125));
    CHECK_FALSE(is_better_site(site_preference::cheapest, 2, 1.75, 0.13));
    CHECK(is_better_site(site_preference::balanced, -0.25, -0.5, 0.25));
    CHECK_FALSE(is_better_site(site_preference::balanced, -0.25, -0.5, 0.26));
    // Who is paid for taking energy goes where more is paid.
    CHECK(is_better_site(site_preference::cheapest, -2, -2.5, 0.25));
    CHECK_FALSE(is_better_site(site_preference::cheapest, -2, -2.4, 0.25));
    CHECK(is_better_site(site_preference::cheapest, 0, -1, 1));
    CHECK(is_better_site(site_preference::cheapest, 1, -1, 1));
}
