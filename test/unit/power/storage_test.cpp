// Batteries and tanks of devices, generators of sites: how long they carry, what fills them, who takes over; against
// hand arithmetic, nanosecond by nanosecond, and by balances that must hold to the last microwatt.
#include "support/catch.hpp"
#include "support/random_workload.hpp"

#include <ampacity/power/delivery.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace ampacity::power;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

namespace {

constexpr microwatts kw = 1'000'000'000;
constexpr microwatts mw = 1'000 * kw;

instant at(duration d) { return start_of_time + d; }
const auto nobody = [](device_id, bool) {};

/// A utility, a UPS of 1 MW that loses a fifth of its output, and a load.
struct line_up {
    hardware::efficiency_curve curve{.points = {{.load = 1, .efficiency = 0.8}}};
    delivery d;
    device_id utility, ups, load;
    std::vector<std::pair<device_id, bool>> changes{};

    explicit line_up(microwatts recharge = 100 * kw)
        : utility(d.add({})),
          // 5 min at the rating, at which it takes 1.25 MW.
          ups(d.add(
              {.rating = mw,
               .efficiency = &curve,
               .feeds = {utility},
               .store =
                   storage{.capacity = energy{1250 * kw} * 300'000'000'000, .recharge = recharge, .efficiency = 0.9}})),
          load(d.add({.feeds = {ups}})) {}

    void fail(duration t, device_id x, bool failed) {
        d.set_failed(at(t), x, failed, [this](device_id c, bool live) { changes.emplace_back(c, live); });
    }
    void pass() {
        const auto s = d.next_store();
        REQUIRE(s.at != never);
        d.pass_store(s.at, s.device, [this](device_id c, bool live) { changes.emplace_back(c, live); });
    }
};

}  // namespace

TEST_CASE("a battery carries its rating for the minutes that it is for, and less for longer", "[power][storage]") {
    for (const auto& [load, lasts] : std::vector<std::pair<microwatts, duration>>{
             {mw, seconds{300}}, {mw / 2, seconds{600}}, {mw / 8, seconds{2400}}, {2 * mw, seconds{150}}}) {
        line_up l;
        l.d.set_load(at({}), l.load, load);
        CHECK(l.d.next_store().at == never);
        CHECK(l.d.input(l.utility) == load / 4 * 5);
        l.fail(hours{1}, l.utility, true);
        REQUIRE(l.changes.size() == 1);
        CHECK(l.d.is_live(l.load));
        CHECK(l.d.is_on_battery(l.ups));
        CHECK(l.d.input(l.ups) == 0);
        CHECK(l.d.loss(l.ups) == load / 4);
        CHECK(l.d.flow(0).given == load / 4 * 5);
        CHECK(l.d.next_store().at == at(hours{1} + lasts));
        CHECK(l.d.next_store().device == l.ups);
        l.pass();
        CHECK_FALSE(l.d.is_live(l.load));
        CHECK(l.d.charge(l.ups, at(hours{1} + lasts)) == 0);
        CHECK(l.d.flow(0).given == 0);
        CHECK(l.d.next_store().at == never);
    }
}

TEST_CASE("the charge is the integral of what the load takes, step by step", "[power][storage]") {
    line_up l;
    l.d.set_load(at({}), l.load, mw);
    l.fail(seconds{10}, l.utility, true);
    l.d.set_load(at(seconds{110}), l.load, mw / 4);  // 100 s of 300 gone, then a quarter for 400 s
    CHECK(l.d.next_store().at == at(seconds{110 + 800}));
    l.d.set_load(at(seconds{510}), l.load, 0);  // another 100, then nothing
    CHECK(l.d.next_store().at == never);
    l.d.set_load(at(hours{5}), l.load, mw / 2);
    CHECK(l.d.next_store().at == at(hours{5} + seconds{200}));
    CHECK(l.d.charge(l.ups, at(hours{5} + seconds{60})) == energy{1250 * kw} * 70'000'000'000);
    // What it cannot carry to the last nanosecond it does not begin: 250 kJ at 1.25 MW + 1 uW.
    l.d.set_load(at(hours{5} + seconds{60}), l.load, mw + 1);
    CHECK(l.d.flow(0).given == 1250 * kw + 1);
    CHECK(l.d.next_store().at < at(hours{5} + seconds{130}));
    CHECK(l.d.next_store().at >= at(hours{5} + seconds{130} - nanoseconds{1}));
}

TEST_CASE("a battery is filled beside the load, loses a part, and carries less until it is full", "[power][storage]") {
    line_up l;
    l.d.set_load(at({}), l.load, mw / 2);
    l.fail(seconds{0}, l.utility, true);
    l.fail(seconds{144}, l.utility, false);  // of 600 s; 90 MJ at 90 of 100 kW come back in 1000 s
    CHECK(l.d.input(l.ups) == 625 * kw + 100 * kw);
    CHECK(l.d.input(l.utility) == 725 * kw);
    CHECK(l.d.loss(l.ups) == 125 * kw + 10 * kw);
    CHECK(l.d.flow(0).kept == 90 * kw);
    CHECK(l.d.next_store().at == at(seconds{144} + seconds{1000}));
    CHECK_FALSE(l.d.is_on_battery(l.ups));
    l.d.set_load(at(seconds{400}), l.load, mw);  // the load has no part in it
    CHECK(l.d.next_store().at == at(seconds{1144}));
    l.fail(seconds{644}, l.utility, true);  // half of what was missing
    CHECK(l.d.next_store().at == at(seconds{644} + seconds{300 - 36}));
    l.fail(seconds{645}, l.utility, false);
    // 46.25 MJ are missing.
    CHECK(to_seconds(l.d.next_store().at - at(seconds{645})) == Approx(46.25e6 / 90e3).epsilon(1e-9));
    l.pass();
    CHECK(l.d.input(l.ups) == 1250 * kw);
    const instant full = l.d.next_store().at;
    CHECK(full == never);
    CHECK(l.changes.size() == 4);  // the utility alone
    const energy missing = l.d.capacity(l.ups) - l.d.charge(l.ups, at(hours{1}));
    CHECK(missing >= 0);
    CHECK(missing < energy{90 * kw});
    CHECK(l.d.energy_given(l.ups, at(hours{1})) - l.d.energy_kept(l.ups, at(hours{1})) == missing);
}

TEST_CASE("a device that has failed has no battery, and none starts what is dark", "[power][storage]") {
    line_up l;
    l.d.set_load(at({}), l.load, mw);
    l.fail(seconds{1}, l.ups, true);
    CHECK_FALSE(l.d.is_live(l.load));
    l.fail(seconds{2}, l.ups, false);
    CHECK(l.d.is_live(l.load));
    l.fail(seconds{3}, l.utility, true);
    l.fail(seconds{103}, l.ups, true);
    CHECK(l.d.flow(0).given == 0);
    l.fail(seconds{104}, l.ups, false);
    CHECK_FALSE(l.d.is_live(l.ups));
    l.fail(seconds{105}, l.utility, false);
    CHECK(l.d.is_live(l.load));
    CHECK(l.d.charge(l.ups, at(seconds{105})) == energy{1250 * kw} * 200'000'000'000);
    // Run down, it carries as far as it has been filled since: 10 s of 90 kW.
    l.fail(seconds{105}, l.utility, true);
    l.pass();
    CHECK_FALSE(l.d.is_live(l.load));
    l.fail(hours{1}, l.utility, false);
    CHECK(l.d.is_live(l.load));
    l.fail(hours{1} + seconds{10}, l.utility, true);
    CHECK(l.d.is_live(l.load));
    CHECK(l.d.next_store().at == at(hours{1} + seconds{10} + milliseconds{720}));
    line_up never_filled{0};
    never_filled.d.set_load(at({}), never_filled.load, mw);
    never_filled.fail(seconds{0}, never_filled.utility, true);
    never_filled.fail(seconds{299}, never_filled.utility, false);
    CHECK(never_filled.d.next_store().at == never);
    never_filled.fail(hours{9}, never_filled.utility, true);
    CHECK(never_filled.d.next_store().at == at(hours{9} + seconds{1}));
}

TEST_CASE("what one battery no longer carries the next one does, and is empty sooner", "[power][storage]") {
    delivery d;
    const device_id utility = d.add({});
    const auto ups = [&](std::int64_t s) {
        return d.add({.rating = mw, .feeds = {utility}, .store = storage{.capacity = energy{mw} * s * 1'000'000'000}});
    };
    const device_id a = ups(100), b = ups(300);
    const device_id load = d.add({.feeds = {a, b}});
    d.set_load(at({}), load, mw);
    d.set_failed(at({}), utility, true, nobody);
    REQUIRE(d.next_store().at == at(seconds{200}));
    REQUIRE(d.next_store().device == a);
    d.pass_store(at(seconds{200}), a, nobody);
    CHECK(d.is_live(load));
    CHECK(d.flow(0).given == mw);
    REQUIRE(d.next_store().at == at(seconds{200 + 200}));
    d.pass_store(at(seconds{400}), b, nobody);
    CHECK_FALSE(d.is_live(load));
}

TEST_CASE("a source with a tank lives on it, and stands by until it is told", "[power][storage]") {
    delivery d;
    const device_id utility = d.add({});
    const device_id generator = d.add(
        {.rating = mw, .store = storage{.capacity = energy{mw} * 3'600'000'000'000, .account = 3}, .failed = true});
    const device_id bus = d.add({.feeds = {utility, generator}, .how = feeding::reserve});
    d.set_load(at({}), bus, mw / 2);
    CHECK_FALSE(d.is_live(generator));
    d.set_failed(at({}), generator, false, nobody);
    CHECK(d.input(generator) == 0);
    CHECK(d.next_store().at == never);
    d.set_failed(at(seconds{1}), utility, true, nobody);
    CHECK(d.input(generator) == mw / 2);
    CHECK(d.flow(3).made == mw / 2);
    CHECK(d.flow(0).made == 0);
    CHECK(d.next_store().at == at(hours{2} + seconds{1}));
    d.set_failed(at(hours{1} + seconds{1}), utility, false, nobody);
    CHECK(d.next_store().at == never);
    d.set_failed(at(hours{2}), utility, true, nobody);
    CHECK(d.next_store().at == at(hours{3}));
    d.pass_store(at(hours{3}), generator, nobody);
    CHECK_FALSE(d.is_live(bus));
    CHECK_FALSE(d.is_live(generator));
    // Nobody fills it.
    d.set_failed(at(hours{4}), generator, true, nobody);
    d.set_failed(at(hours{5}), generator, false, nobody);
    CHECK_FALSE(d.is_live(generator));
    CHECK(d.energy_in(generator, at(hours{9})) == energy{mw} * 3'600'000'000'000);
}

TEST_CASE("stores of random graphs do what a walk in steps of a nanosecond says", "[power][storage][property]") {
    const hardware::efficiency_curve curve{
        .points = {{.load = 0.2, .efficiency = 0.7}, {.load = 1, .efficiency = 0.9}}};
    std::size_t emptied = 0, filled = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        naive::test_random random(seed);
        const auto size = static_cast<std::size_t>(random.between(3, 14));
        std::vector<device> devices;
        delivery d;
        for (std::size_t i = 0; i != size; ++i) {
            device x;
            x.rating = random.between(100, 1000);
            if (random.chance(40)) x.efficiency = &curve;
            if (random.chance(30)) x.how = feeding::reserve;
            if (i != 0 && random.chance(80)) {
                for (std::int64_t k = random.between(1, 2); k > 0; --k) {
                    const device_id feed{
                        static_cast<std::uint32_t>(random.between(0, static_cast<std::int64_t>(i) - 1))};
                    if (std::find(x.feeds.begin(), x.feeds.end(), feed) == x.feeds.end()) x.feeds.push_back(feed);
                }
            }
            if (random.chance(50))
                x.store = storage{.capacity = random.between(0, random.chance(50) ? 30'000 : 300'000),
                                  .recharge = random.chance(80) ? random.between(0, 200) : 0,
                                  .efficiency = static_cast<double>(random.between(1, 10)) / 10,
                                  .account = static_cast<std::uint32_t>(random.between(0, 1))};
            if (x.feeds.empty() && random.chance(20)) x.failed = true;
            devices.push_back(x);
            d.add(x);
        }
        // The naive ones.
        std::vector<microwatts> own(size, 0), output(size), input(size), given(size), kept(size), lost(size);
        std::vector<energy> charge(size, 0), in(size, 0), losses(size, 0), all_given(size, 0), all_kept(size, 0);
        std::vector<char> failed(size, 0), live(size, 0), empty(size, 0);
        for (std::size_t i = 0; i != size; ++i) {
            failed[i] = devices[i].failed ? 1 : 0;
            if (devices[i].store) charge[i] = devices[i].store->capacity;
        }
        const auto fed = [&](std::size_t i) {
            return std::any_of(devices[i].feeds.begin(), devices[i].feeds.end(),
                               [&](device_id f) { return live[index(f)] != 0; });
        };
        const auto walk = [&] {
            for (std::size_t i = 0; i != size; ++i) {
                const bool has_store = devices[i].store.has_value();
                const bool was = live[i] != 0;
                if (devices[i].feeds.empty())
                    live[i] = failed[i] == 0 && empty[i] == 0 ? 1 : 0;
                else
                    live[i] = failed[i] == 0 && (fed(i) || (has_store && was && empty[i] == 0)) ? 1 : 0;
                if (!devices[i].feeds.empty() && fed(i)) empty[i] = 0;
            }
            output = own;
            for (std::size_t i = size; i-- > 0;) {
                if (live[i] == 0) output[i] = 0;
                microwatts needs = output[i];
                if (live[i] != 0 && devices[i].efficiency != nullptr) {
                    const auto w = static_cast<double>(needs);
                    needs = std::llround(w / devices[i].efficiency->at(w / static_cast<double>(devices[i].rating)));
                }
                given[i] = kept[i] = 0;
                input[i] = needs;
                if (devices[i].store && !devices[i].feeds.empty() && live[i] != 0) {
                    const storage& s = *devices[i].store;
                    const microwatts keeps = std::llround(static_cast<double>(s.recharge) * s.efficiency);
                    if (!fed(i)) {
                        given[i] = needs;
                        input[i] = 0;
                    } else if (keeps != 0 && s.capacity - charge[i] >= keeps) {
                        kept[i] = keeps;
                        input[i] += s.recharge;
                    }
                }
                lost[i] = input[i] + given[i] - output[i] - kept[i];
                std::vector<std::size_t> from;
                for (const device_id f : devices[i].feeds)
                    if (live[index(f)] != 0) from.push_back(index(f));
                if (devices[i].how == feeding::reserve && from.size() > 1) from.resize(1);
                microwatts rest = input[i];
                for (std::size_t k = 0; k != from.size(); ++k) {
                    const microwatts part = rest / static_cast<microwatts>(from.size() - k);
                    output[from[k]] += part;
                    rest -= part;
                }
            }
        };
        /// Those that cannot carry another nanosecond go, the first one first.
        const auto settle = [&] {
            walk();
            for (std::size_t i = 0; i != size; ++i) {
                if (!devices[i].store || live[i] == 0 || empty[i] != 0) continue;
                const microwatts takes = devices[i].feeds.empty() ? input[i] : given[i];
                if (takes == 0 || charge[i] >= takes) continue;
                empty[i] = 1;
                ++emptied;
                walk();
                i = static_cast<std::size_t>(-1);
            }
        };
        const auto pass_until = [&](instant t, bool and_at) {
            for (auto s = d.next_store(); s.at < t || (and_at && s.at == t); s = d.next_store()) {
                d.pass_store(s.at, s.device, nobody);
                filled += d.is_live(s.device) ? 1U : 0U;
            }
        };
        settle();
        std::int64_t next = 0;
        for (std::int64_t now = 0; now != 12'000; ++now) {
            if (now == next) {
                next += random.between(1, 700);
                const auto i = static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(size) - 1));
                const device_id x{static_cast<std::uint32_t>(i)};
                pass_until(at(duration{now}), false);
                if (random.chance(50)) {
                    own[i] = random.between(0, 400);
                    d.set_load(at(duration{now}), x, own[i]);
                } else {
                    failed[i] ^= 1;
                    d.set_failed(at(duration{now}), x, failed[i] != 0, nobody);
                }
                pass_until(at(duration{now}), true);
                settle();
                energy drawn = 0, made = 0, leaves = 0, losing = 0;
                for (std::size_t k = 0; k != size; ++k) {
                    INFO("seed " << seed << " at " << now << " device " << k);
                    const device_id y{static_cast<std::uint32_t>(k)};
                    REQUIRE(d.is_live(y) == (live[k] != 0));
                    REQUIRE(d.output(y) == output[k]);
                    REQUIRE(d.input(y) == input[k]);
                    REQUIRE(d.loss(y) == lost[k]);
                    REQUIRE(d.energy_in(y, at(duration{now})) == in[k]);
                    REQUIRE(d.energy_lost(y, at(duration{now})) == losses[k]);
                    if (devices[k].feeds.empty()) (devices[k].store ? made : drawn) += input[k];
                    if (live[k] != 0) leaves += own[k];
                    losing += lost[k];
                    if (!devices[k].store) continue;
                    REQUIRE(d.charge(y, at(duration{now})) == charge[k]);
                    REQUIRE(charge[k] >= 0);
                    REQUIRE(charge[k] <= devices[k].store->capacity);
                    REQUIRE(d.energy_given(y, at(duration{now})) == all_given[k]);
                    REQUIRE(d.energy_kept(y, at(duration{now})) == all_kept[k]);
                }
                const stored_flow a = d.flow(0), b = d.flow(1);
                REQUIRE(energy{a.made + b.made} == made);
                REQUIRE(drawn + made + a.given + b.given == leaves + losing + a.kept + b.kept);
            } else {
                settle();
            }
            for (std::size_t i = 0; i != size; ++i) {
                in[i] += input[i];
                losses[i] += lost[i];
                all_given[i] += given[i];
                all_kept[i] += kept[i];
                if (devices[i].store) charge[i] += kept[i] - given[i] - (devices[i].feeds.empty() ? input[i] : 0);
            }
        }
    }
    CHECK(emptied > 100);
    CHECK(filled > 10);
}
