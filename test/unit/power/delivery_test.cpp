// Power delivery: who carries what after a failure, what is lost, when a device trips; each against hand arithmetic,
// and against a naive walk on random graphs.
#include "support/catch.hpp"
#include "support/random_workload.hpp"

#include <ampacity/power/delivery.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace ampacity::power;

namespace {

constexpr microwatts kw = 1'000'000'000;

instant at(double s) { return start_of_time + duration{static_cast<std::int64_t>(std::llround(s * 1e9))}; }
const auto nobody = [](device_id, bool) {};

/// Sources, and loads on each pair of neighbours in `pairs`.
struct site {
    delivery d;
    std::vector<device_id> sources;
    std::vector<device_id> loads;

    site(int num_sources, microwatts rating, const std::vector<std::pair<int, int>>& pairs, microwatts each) {
        for (int i = 0; i != num_sources; ++i) sources.push_back(d.add({.rating = rating}));
        for (const auto& [a, b] : pairs)
            loads.push_back(
                d.add({.feeds = {sources[static_cast<std::size_t>(a)], sources[static_cast<std::size_t>(b)]}}));
        for (const device_id l : loads) d.set_load(at(0), l, each);
    }
    [[nodiscard]] double share(std::size_t source) const {
        const double headroom = static_cast<double>(d.headroom(sources[source]));
        const double output = static_cast<double>(d.output(sources[source]));
        return output / (output + headroom);
    }
};

}  // namespace

TEST_CASE("each redundant topology carries the loss of a source at its usable share", "[power]") {
    struct topology {
        std::string name;
        int sources;
        std::vector<std::pair<int, int>> pairs;
        double usable;
    };
    const std::vector<topology> all{{"2N", 2, {{0, 1}}, 1.0 / 2},
                                    {"3N/2", 3, {{0, 1}, {1, 2}, {0, 2}}, 2.0 / 3},
                                    {"4N/3", 4, {{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}}, 3.0 / 4}};
    for (const topology& t : all) {
        INFO(t.name);
        const microwatts rating = 1200 * kw;
        const auto each = static_cast<microwatts>(static_cast<double>(rating) * t.usable * t.sources /
                                                  static_cast<double>(t.pairs.size()));
        site s{t.sources, rating, t.pairs, each};
        for (std::size_t i = 0; i != s.sources.size(); ++i) CHECK(s.share(i) == Approx(t.usable).epsilon(1e-9));
        // The survivors are full, and nobody is dark.
        std::size_t dark = 0;
        s.d.set_failed(at(1), s.sources[0], true, [&](device_id d, bool) { dark += d == s.sources[0] ? 0U : 1U; });
        CHECK(dark == 0);
        CHECK(s.d.output(s.sources[0]) == 0);
        for (std::size_t i = 1; i != s.sources.size(); ++i) CHECK(s.share(i) == Approx(1).epsilon(1e-9));
        s.d.set_failed(at(2), s.sources[0], false, nobody);
        for (std::size_t i = 0; i != s.sources.size(); ++i) CHECK(s.share(i) == Approx(t.usable).epsilon(1e-9));
    }
}

TEST_CASE("parallel modules share a bus, and N of N + 1 carry it", "[power]") {
    delivery d;
    std::vector<device_id> modules;
    for (int i = 0; i != 4; ++i) modules.push_back(d.add({.rating = 400 * kw}));
    const device_id bus = d.add({.feeds = modules});
    d.set_load(at(0), bus, 1200 * kw);
    for (const device_id m : modules) CHECK(d.output(m) == 300 * kw);
    d.set_failed(at(1), modules[2], true, nobody);
    CHECK(d.output(modules[0]) == 400 * kw);
    CHECK(d.headroom(modules[0]) == 0);
    CHECK(d.is_live(bus));
    // Microwatts that do not divide are not lost.
    d.set_load(at(2), bus, 1'000'000'000'001);
    CHECK(d.output(modules[0]) + d.output(modules[1]) + d.output(modules[3]) == 1'000'000'000'001);
}

TEST_CASE("a reserve carries a block whose source has failed, and nothing before", "[power]") {
    delivery d;
    const device_id a = d.add({.rating = 1000 * kw});
    const device_id b = d.add({.rating = 1000 * kw});
    const device_id catcher = d.add({.rating = 1000 * kw});
    const device_id block_a = d.add({.feeds = {a, catcher}, .how = feeding::reserve});
    const device_id block_b = d.add({.feeds = {b, catcher}, .how = feeding::reserve});
    d.set_load(at(0), block_a, 900 * kw);
    d.set_load(at(0), block_b, 800 * kw);
    CHECK(d.output(catcher) == 0);
    d.set_failed(at(1), a, true, nobody);
    CHECK(d.output(catcher) == 900 * kw);
    CHECK(d.output(b) == 800 * kw);
    d.set_failed(at(2), b, true, nobody);
    CHECK(d.headroom(catcher) == -700 * kw);
    d.set_failed(at(3), a, false, nobody);
    CHECK(d.output(catcher) == 800 * kw);
    CHECK(d.output(a) == 900 * kw);
}

TEST_CASE("a failure takes down what has no other feed, and tells it in order", "[power]") {
    delivery d;
    const device_id utility = d.add({});
    const device_id left = d.add({.feeds = {utility}});
    const device_id right = d.add({.feeds = {utility}});
    const device_id one = d.add({.feeds = {left}});
    const device_id both = d.add({.feeds = {left, right}});
    d.set_load(at(0), one, 10 * kw);
    d.set_load(at(0), both, 20 * kw);
    CHECK(d.output(left) == 20 * kw);
    std::vector<std::pair<device_id, bool>> told;
    const auto tell = [&told](device_id x, bool live) { told.emplace_back(x, live); };
    d.set_failed(at(1), left, true, tell);
    CHECK(told == std::vector<std::pair<device_id, bool>>{{left, false}, {one, false}});
    CHECK(d.output(right) == 20 * kw);
    CHECK(d.output(one) == 0);
    CHECK(d.output(utility) == 20 * kw);
    told.clear();
    d.set_failed(at(2), left, false, tell);
    CHECK(told == std::vector<std::pair<device_id, bool>>{{left, true}, {one, true}});
    CHECK(d.output(utility) == 30 * kw);
    CHECK(d.output(one) == 10 * kw);
}

TEST_CASE("energy through a chain is the integral of loads and losses", "[power]") {
    const hardware::efficiency_curve ups{{{1.0, 0.965}}};
    const hardware::efficiency_curve transformer{{{0.5, 0.9955}, {1.0, 0.9905}}};
    delivery d;
    const device_id source = d.add({.rating = 2500 * kw, .efficiency = &transformer});
    const device_id lineup = d.add({.rating = 1500 * kw, .efficiency = &ups, .feeds = {source}});
    d.set_load(at(0), lineup, 965 * kw);
    d.set_load(at(100), lineup, 0);
    // 965 kW for 100 s; 1 MW into the UPS.
    CHECK(to_joules(d.energy_in(lineup, at(1000))) == Approx(1e8).epsilon(1e-9));
    CHECK(to_joules(d.energy_lost(lineup, at(1000))) == Approx(35e5).epsilon(1e-9));
    const double loaded = 1e6 / transformer.at(0.4) - 1e6;
    CHECK(to_joules(d.energy_lost(source, at(1000))) == Approx(100 * loaded).epsilon(1e-8));
    // The books balance to the last microwatt nanosecond.
    CHECK(d.energy_in(source, at(1000)) ==
          energy{965 * kw} * 100'000'000'000 + d.energy_lost(lineup, at(1000)) + d.energy_lost(source, at(1000)));
    CHECK(to_kwh(energy{1000 * kw} * 3'600'000'000'000) == Approx(1000));
}

TEST_CASE("an overloaded survivor trips when its curve says, unless its load falls in time", "[power]") {
    using std::chrono::seconds;
    const trip_curve curve{{.holds = 1.0, .points = {{1.03, seconds{600}}, {1.25, seconds{120}}, {1.50, seconds{30}}}}};
    const auto survivor = [&curve](double cap_at_s) {
        delivery d;
        const device_id a = d.add({.rating = 1000 * kw, .trips = &curve});
        const device_id b = d.add({.rating = 1000 * kw, .trips = &curve});
        const device_id load = d.add({.feeds = {a, b}});
        d.set_load(at(0), load, 1500 * kw);
        CHECK(d.next_trip().at == never);
        d.set_failed(at(10), a, true, nobody);
        CHECK(d.next_trip().at == at(40));
        CHECK(d.next_trip().device == b);
        if (at(10 + cap_at_s) < d.next_trip().at) d.set_load(at(10 + cap_at_s), load, 990 * kw);
        return d.next_trip().at;
    };
    CHECK(survivor(29) == never);
    CHECK(survivor(31) == at(40));
}

TEST_CASE("random graphs give what a walk from the loads up gives, whatever the order of changes", "[power]") {
    for (std::uint64_t seed = 0; seed != 300; ++seed) {
        naive::test_random random(seed);
        const hardware::efficiency_curve lossy{{{0.3, 0.97}, {1.0, 0.95}}};
        const trip_curve curve{
            {.holds = 1.0, .points = {{1.2, std::chrono::seconds{100}}, {2.0, std::chrono::seconds{10}}}}};
        delivery d;
        std::vector<device> devices;
        const auto size = static_cast<std::size_t>(random.between(2, 30));
        for (std::size_t i = 0; i != size; ++i) {
            device x{.rating = random.between(100, 1000) * kw};
            if (random.chance(60)) x.efficiency = &lossy;
            if (random.chance(40)) x.trips = &curve;
            if (random.chance(30)) x.how = feeding::reserve;
            if (i != 0 && random.chance(85)) {
                for (std::int64_t k = random.between(1, 3); k > 0; --k) {
                    const device_id feed{
                        static_cast<std::uint32_t>(random.between(0, static_cast<std::int64_t>(i) - 1))};
                    if (std::find(x.feeds.begin(), x.feeds.end(), feed) == x.feeds.end()) x.feeds.push_back(feed);
                }
            }
            devices.push_back(x);
            d.add(x);
        }
        std::vector<microwatts> own(size, 0);
        std::vector<bool> failed(size, false);
        std::vector<energy> in(size, 0);
        std::vector<microwatts> input(size, 0);
        const auto walk = [&] {
            std::vector<bool> live(size);
            for (std::size_t i = 0; i != size; ++i) {
                bool fed = devices[i].feeds.empty();
                for (const device_id f : devices[i].feeds) fed = fed || live[index(f)];
                live[i] = fed && !failed[i];
            }
            std::vector<microwatts> output = own;
            for (std::size_t i = size; i-- > 0;) {
                if (!live[i]) output[i] = 0;
                input[i] = output[i];
                if (live[i] && devices[i].efficiency != nullptr) {
                    const auto w = static_cast<double>(output[i]);
                    input[i] = std::llround(w / devices[i].efficiency->at(w / static_cast<double>(devices[i].rating)));
                }
                std::vector<std::size_t> from;
                for (const device_id f : devices[i].feeds)
                    if (live[index(f)]) from.push_back(index(f));
                if (devices[i].how == feeding::reserve && from.size() > 1) from.resize(1);
                microwatts rest = input[i];
                for (std::size_t k = 0; k != from.size(); ++k) {
                    const microwatts part = rest / static_cast<microwatts>(from.size() - k);
                    output[from[k]] += part;
                    rest -= part;
                }
            }
            return std::pair{live, output};
        };
        walk();
        double now = 0;
        for (int step = 0; step != 60; ++step) {
            const double dt = static_cast<double>(random.between(0, 50)) / 10;
            for (std::size_t i = 0; i != size; ++i) in[i] += energy{std::llround(dt * 1e9)} * input[i];
            now += dt;
            const auto i = static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(size) - 1));
            if (random.chance(70)) {
                own[i] = random.between(0, 400) * kw + random.between(0, 9);
                d.set_load(at(now), device_id{static_cast<std::uint32_t>(i)}, own[i]);
            } else {
                failed[i] = !failed[i];
                std::vector<std::size_t> told;
                const auto before = [&] {
                    failed[i] = !failed[i];
                    auto live = walk().first;
                    failed[i] = !failed[i];
                    return live;
                }();
                d.set_failed(at(now), device_id{static_cast<std::uint32_t>(i)}, failed[i],
                             [&](device_id x, bool) { told.push_back(index(x)); });
                const auto after = walk().first;
                std::vector<std::size_t> expected;
                for (std::size_t k = 0; k != size; ++k)
                    if (before[k] != after[k]) expected.push_back(k);
                REQUIRE(told == expected);
            }
            const auto [live, output] = walk();
            for (std::size_t k = 0; k != size; ++k) {
                const device_id x{static_cast<std::uint32_t>(k)};
                INFO("seed " << seed << " step " << step << " device " << k);
                REQUIRE(d.is_live(x) == live[k]);
                REQUIRE(d.output(x) == output[k]);
                REQUIRE(d.input(x) == input[k]);
                REQUIRE(d.energy_in(x, at(now)) == in[k]);
            }
        }
    }
}
