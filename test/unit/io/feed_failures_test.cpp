// What happens to feeds at random: draws of named streams by hand, closed forms, nesting, and what is refused.
#include "support/catch.hpp"
#include "support/files.hpp"

#include <ampacity/core/distributions.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/io/prepare.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;
using power::feed_event;

namespace {

constexpr auto day = std::chrono::hours{24};

/// A run of one job that holds all racks, and what `power` says.
std::string scenario_of(const std::string& power, int racks = 12, const std::string& until = "30 d") {
    return "ampacity: 1\nname: s\nseed: 7\nuntil: \"" + until +
           "\"\nfleet: { racks: { model: gb300-nvl72, count: " + std::to_string(racks) +
           " } }\nworkload:\n  - trace: { path: jobs.csv }\nscheduler: { policy: fifo }\nenergy: { region: us-east-1, "
           "cooling: warm-water-w40 "
           "}\n"
           "power: { hall: 4n3-hall, racks_per_row: 2, trips: false, " +
           power + " }\n";
}

class folder {
public:
    explicit folder(std::string jobs = "a,0,864,86400\n") {
        test::write_file(home_.path() / "jobs.csv", "job_id,submit_s,gpus,duration_s\n" + jobs);
    }
    [[nodiscard]] io::prepared_run prepare(const std::string& text) const {
        test::write_file(home_.path() / "s.yaml", text);
        return io::prepare(io::read_scenario(home_.path() / "s.yaml"));
    }
    [[nodiscard]] std::string refusal(const std::string& text) const {
        try {
            static_cast<void>(prepare(text));
        } catch (const scenario_error& e) {
            const std::string all = e.what();
            return all.substr(all.find("error: ") + 7);
        }
        return {};
    }
    /// Events by feed, in order.
    [[nodiscard]] std::map<std::string, std::vector<feed_event>> events(const std::string& text) const {
        std::map<std::string, std::vector<feed_event>> out;
        const auto run = prepare(text);
        for (const feed_event& e : run.parts.energy->plant.events) out[e.device].push_back(e);
        return out;
    }

private:
    test::temporary_directory home_;
};

/// FNV-1a, 64 bits, from its definition.
std::uint64_t hash_of(const std::string& text) {
    std::uint64_t h = 14695981039346656037U;
    for (const char c : text) {
        h ^= static_cast<unsigned char>(c);
        h *= 1099511628211U;
    }
    return h;
}

/// A renewal process drawn by hand.
template <class Up, class Down>
std::vector<std::pair<instant, instant>> drawn(const std::string& name, Up up, Down down, duration until) {
    random_stream failures{7, purpose::failures, hash_of(name)};
    random_stream repairs{7, purpose::repairs, hash_of(name)};
    std::vector<std::pair<instant, instant>> out;
    for (instant t = start_of_time;;) {
        const instant from = t + round_to_duration(up(failures));
        if (from >= start_of_time + until) return out;
        t = from + round_to_duration(down(repairs));
        out.emplace_back(from, t);
    }
}

template <class Expected>
void check_same(const std::vector<feed_event>& events, const Expected& expected) {
    REQUIRE(events.size() == expected.size());
    for (std::size_t i = 0; i != events.size(); ++i) {
        CHECK(events[i].start == expected[i].first);
        CHECK(events[i].end == expected[i].second);
    }
}

}  // namespace

TEST_CASE("feeds fail as named streams say, whatever else there is", "[feed-failures]") {
    const folder here;
    const std::string each = "failures: [ { level: source, mtbf: \"4 d\", repair: { exponential: \"8 h\" } }";
    const auto alone = here.events(scenario_of(each + " ]"));
    REQUIRE(alone.size() == 4);
    std::size_t all = 0;
    for (const auto& [feed, events] : alone) {
        check_same(events, drawn("loss each 0 " + feed, exponential_distribution{4 * 86400.0},
                                 exponential_distribution{8 * 3600.0}, 30 * day));
        for (const feed_event& e : events) CHECK(e.what == feed_event::kind::loss);
        all += events.size();
    }
    CHECK(all > 10);

    // Others before and behind, more racks, and an end that is later: nothing of these feeds moves.
    const auto more = here.events(scenario_of("thermal: true, " + each +
                                                  ", { level: source, mtbf: \"9 d\", repair: { constant: \"1 h\" } }"
                                                  ", { kind: cooling-loss, level: hall, mtbf: \"2 d\", repair: { "
                                                  "lognormal: { median: \"1 min\", sigma: 0.5 } } } ]",
                                              48, "40 d"));
    for (const auto& [feed, events] : alone) {
        std::vector<std::pair<instant, instant>> first;
        for (const feed_event& e : events) first.emplace_back(e.start, e.end);
        std::vector<feed_event> again = more.at(feed);
        again.resize(events.size());
        check_same(again, first);
    }
    check_same(more.at("site/hall-0"), drawn("cooling-loss each 0 site/hall-0", exponential_distribution{2 * 86400.0},
                                             lognormal_distribution{60, 0.5}, 40 * day));
    CHECK(more.at("site/hall-0").front().what == feed_event::kind::cooling_loss);
    std::vector<feed_event> second = more.at("site/hall-0/source-2");
    const auto of_second = drawn("loss each 1 site/hall-0/source-2", exponential_distribution{9 * 86400.0},
                                 constant_distribution{3600}, 40 * day);
    second.erase(second.begin(), second.end() - static_cast<std::ptrdiff_t>(of_second.size()));
    check_same(second, of_second);
}

TEST_CASE("one feed may fail by itself, with a Weibull law of the mean that is asked for", "[feed-failures]") {
    const folder here;
    const auto events = here.events(
        scenario_of("failures: [ { feed: hall-0/row-1, mtbf: \"2 d\", shape: 2, repair: { uniform: { min: \"1 h\", "
                    "max: \"3 h\" } } } ]",
                    12, "400 d"));
    REQUIRE(events.size() == 1);
    const double scale = 2 * 86400.0 / (std::sqrt(3.14159265358979323846) / 2);  // the mean is scale x gamma(3/2)
    const auto expected = drawn("loss one 0 site/hall-0/row-1", weibull_distribution{2, scale},
                                uniform_distribution{3600, 10800}, 400 * day);
    const auto& found = events.at("hall-0/row-1");
    REQUIRE(found.size() == expected.size());
    // The scale comes from the moments, to a rounding error.
    for (std::size_t i = 0; i != found.size(); ++i)
        CHECK(to_seconds(found[i].start - start_of_time) ==
              Approx(to_seconds(expected[i].first - start_of_time)).epsilon(1e-12));
    CHECK(found.size() > 160);
    CHECK(found.size() < 225);
}

TEST_CASE("as many failures as the closed form of an alternating renewal process expects", "[feed-failures]") {
    const folder here;
    const auto events = here.events(
        scenario_of("failures: [ { level: rack, mtbf: \"40 d\", repair: { exponential: \"10 d\" } } ]", 500, "400 d"));
    std::size_t found = 0;
    for (const auto& [feed, of] : events) found += of.size();
    const double fail = 1 / 40.0, mend = 1 / 10.0, both = fail + mend;
    const double expected =
        500 * (fail * mend / both * 400 + fail * fail / (both * both) * (1 - std::exp(-both * 400)));
    CHECK(expected == Approx(4020).epsilon(1e-3));
    CHECK(std::abs(static_cast<double>(found) - expected) < 4 * std::sqrt(expected));
}

TEST_CASE("scheduled and random losses of a feed nest: it is back when the last one ends", "[feed-failures]") {
    const folder here;
    const std::string text = scenario_of(
        "boot: 0 s, batteries: { ride_through: 0 s }, generators: { share: 0 }, events: [ { kind: loss, feed: site, "
        "start: \"2 d\", duration: \"9 d\" }, { kind: maintenance, "
        "feed: "
        "site, start: \"10 d\", duration: \"30 h\" } ], failures: [ { level: site, mtbf: \"3 d\", repair: { "
        "exponential: \"2 d\" } }, { level: site, mtbf: \"5 d\", repair: { constant: \"6 h\" } } ]");
    auto run = here.prepare(text);
    std::vector<std::pair<instant, instant>> down;
    for (const feed_event& e : run.parts.energy->plant.events) down.emplace_back(e.start, e.end);
    std::sort(down.begin(), down.end());
    REQUIRE(down.size() > 6);
    sim::simulation s{std::move(run.parts)};
    s.run();
    // The job ends the run; until then the site is dark in the union of all.
    const instant end = start_of_time + s.results().simulated;
    duration dark{};
    instant reached = start_of_time;
    bool overlaps = false;
    for (const auto& [from, to] : down) {
        overlaps = overlaps || from < reached;
        const instant a = std::max(from, reached), b = std::min(to, end);
        if (b > a) dark += b - a;
        reached = std::max(reached, to);
    }
    CHECK(overlaps);
    CHECK(dark > 2 * day);
    CHECK(*s.results().energy->lost_rack_s == Approx(12 * to_seconds(dark)).epsilon(1e-12));
}

TEST_CASE("utilities and UPSs fail as the catalogue says", "[feed-failures]") {
    const folder here;
    const auto events = here.events(scenario_of("reliability: facility", 12, "36500 d"));
    CHECK(events.size() == 5);
    check_same(events.at("site"), drawn("reliability utility site", exponential_distribution{208 * 86400.0},
                                        exponential_distribution{3600}, 36500 * day));
    check_same(events.at("site/hall-0/source-3"),
               drawn("reliability ups_module site/hall-0/source-3", exponential_distribution{250000 * 3600.0},
                     exponential_distribution{8 * 3600.0}, 36500 * day));
}

TEST_CASE("other things may happen at random, too", "[feed-failures]") {
    const folder here;
    const auto events = here.events(scenario_of(
        "control: { level: site, policy: uniform }, failures: [ { kind: demand-response, level: site, cut: 0.2, mtbf: "
        "\"2 d\", repair: { constant: \"4 h\" } }, { kind: limit, feed: site, power: \"900 kW\", mtbf: \"3 d\", "
        "repair: "
        "{ constant: \"1 h\" } } ]"));
    std::size_t cuts = 0, limits = 0;
    for (const feed_event& e : events.at("site")) {
        if (e.what == feed_event::kind::cut) {
            CHECK(e.share == 0.2);
            CHECK(e.end - e.start == 4h);
            ++cuts;
        } else {
            CHECK(e.limit_w == 900e3);
            ++limits;
        }
    }
    CHECK(cuts > 5);
    CHECK(limits > 3);
}

TEST_CASE("what cannot happen at random is refused", "[feed-failures]") {
    const folder here;
    const auto refused = [&](const std::string& failure) {
        return here.refusal(scenario_of("failures: [ { " + failure + " } ]"));
    };
    const std::string law = ", mtbf: \"4 d\", repair: { constant: \"1 h\" }";
    CHECK(refused("mtbf: \"4 d\", repair: { constant: \"1 h\" }") ==
          "power.failures.0: does not say to which feeds; give `level`, such as source, or `feed`");
    CHECK(refused("level: source, feed: site" + law).starts_with("power.failures.0: says twice to which feeds"));
    CHECK(refused("level: hall" + law) ==
          "power.failures.0.level: no such thing happens to one (hall); write site, source, row or rack");
    CHECK(refused("kind: price-spike, factor: 2, level: row" + law) ==
          "power.failures.0.level: no such thing happens to one (row); write site");
    CHECK(refused("kind: cooling-loss, level: hall" + law)
              .starts_with("power.failures.0.kind: temperatures act on nothing"));
    CHECK(
        refused("kind: demand-response, level: site" + law).starts_with("power.failures.0: does not say by how much"));
    CHECK(refused("kind: limit, power: \"1 MW\", level: site" + law)
              .starts_with("power.failures.0.level: no controller lowers the load of such a feed"));
    CHECK(refused("feed: hall-0/source-9" + law).starts_with("power.failures.0.feed: there is no such feed"));
    CHECK(refused("level: source, mtbf: \"4 d\", repair: {}")
              .starts_with("power.failures.0.repair: expected exactly one key, found 0; give one of: constant"));
    CHECK(refused("level: source, mtbf: \"4 d\", repair: { uniform: { min: \"2 h\", max: \"1 h\" } }")
              .starts_with("power.failures.0.repair.uniform.max: not above min"));
    CHECK(refused("level: rack, mtbf: \"1 s\", repair: { constant: \"1 s\" }") ==
          "power.failures.0: more than 1000000 events at random until `until`; write a longer mtbf");
    CHECK(here.refusal(scenario_of("reliability: meta-rsc1-a100"))
              .starts_with("power.reliability: says nothing of utilities and UPSs (meta-rsc1-a100)"));
    std::string endless = scenario_of("reliability: facility");
    endless.erase(endless.find("until"), endless.find("fleet") - endless.find("until"));
    CHECK(here.refusal(endless) ==
          "power.reliability: what happens at random has no end; write `until`, such as until: \"30 d\"");
}
