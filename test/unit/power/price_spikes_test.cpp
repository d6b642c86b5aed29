// Price spikes: what they cost by hand, what policies see of them, and random ones against a walk second by second.
#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/random_workload.hpp"

#include <ampacity/core/distributions.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/io/prepare.hpp>
#include <ampacity/power/price_spikes.hpp>
#include <ampacity/power/signal.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;
using power::price_spike;
using std::chrono::seconds;

namespace {

instant at(std::int64_t s) { return start_of_time + seconds{s}; }

constexpr double mwh = 3.6e9;  // [J]

class folder {
public:
    explicit folder(const std::string& jobs) {
        test::write_file(home_.path() / "jobs.csv", "job_id,submit_s,gpus,duration_s\n" + jobs);
        test::write_file(home_.path() / "grid.csv",
                         "time,price\n2026-01-01 00:00,40\n2026-01-01 01:00,-20\n2026-01-01 02:00,100\n");
    }
    [[nodiscard]] sim::simulation run(const std::string& power, const std::string& energy = "region: us-east-1",
                                      const std::string& policy = "policy: fifo",
                                      const std::string& until = "30 d") const {
        test::write_file(home_.path() / "s.yaml",
                         "ampacity: 1\nname: s\nseed: 7\nstart: 2026-01-01\nuntil: \"" + until +
                             "\"\nfleet: { racks: { model: "
                             "gb300-nvl72, count: 2 } }\nworkload:\n  - trace: { path: jobs.csv }\nscheduler: { " +
                             policy + " }\nenergy: { " + energy + " }\npower: { trips: false" +
                             (power.empty() ? "" : ", " + power) + " }\n");
        sim::simulation s{io::prepare(io::read_scenario(home_.path() / "s.yaml")).parts};
        s.run();
        return s;
    }
    [[nodiscard]] std::string refusal(const std::string& power, const std::string& energy = "region: us-east-1",
                                      const std::string& policy = "policy: fifo") const {
        try {
            static_cast<void>(run(power, energy, policy));
        } catch (const scenario_error& e) {
            const std::string all = e.what();
            return all.substr(all.find("error: ") + 7);
        }
        return {};
    }

private:
    test::temporary_directory home_;
};

std::string event(const std::string& what, const std::string& from, const std::string& length) {
    return "{ kind: price-spike, feed: site, " + what + ", start: \"" + from + "\", duration: \"" + length + "\" }";
}

std::vector<double> starts_h(const sim::simulation& s) {
    std::vector<double> out;
    for (const sim::job_record& r : s.records(0)) out.push_back(to_seconds(r.first_start - start_of_time) / 3600);
    return out;
}

}  // namespace

TEST_CASE("random spikes over random prices agree with a walk second by second", "[price-spikes]") {
    for (std::uint64_t seed = 0; seed != 200; ++seed) {
        naive::test_random random(seed);
        INFO("seed " << seed);
        std::vector<instant> begins;
        std::vector<double> values;
        std::int64_t t = random.between(-20, 0);
        for (std::int64_t n = random.between(1, 8); n > 0; --n) {
            begins.push_back(at(t));
            values.push_back(static_cast<double>(random.between(-5, 50)));
            t += random.between(1, 15);
        }
        const step_series<double> below{begins, values, at(t), static_cast<outside>(random.between(1, 2))};
        std::vector<price_spike> spikes;
        for (std::int64_t n = random.between(0, 6); n > 0; --n) {
            const std::int64_t from = random.between(0, 120);
            price_spike s{.start = at(from), .end = at(from + random.between(1, 40))};
            if (random.between(0, 1) == 0) s.price = static_cast<double>(random.between(-10, 90));
            s.factor = static_cast<double>(random.between(0, 4));
            spikes.push_back(s);
        }
        const step_series<double> with = power::with_spikes(below, spikes);
        std::vector<std::int64_t> whole(values.begin(), values.end());
        std::vector<exact_series::step> over;
        for (const auto& s : with.over()) over.push_back({static_cast<std::int64_t>(s.value), s.begin, s.end});
        const exact_series exact{exact_series{begins, whole, at(t), below.beyond()}, over};

        const auto price = [&](std::int64_t now) {
            const double plain = below.find(at(now))->value;
            std::optional<double> most;
            for (const price_spike& s : spikes) {
                if (at(now) < s.start || at(now) >= s.end) continue;
                const double one = s.price ? *s.price : s.factor * plain;
                most = std::max(most.value_or(one), one);
            }
            return most.value_or(plain);
        };
        power::signal cursor{std::make_shared<const step_series<double>>(with), {}};
        std::int64_t sum = 0;
        for (std::int64_t now = 0; now != 180; ++now) {
            REQUIRE(with.find(at(now))->value == price(now));
            REQUIRE(with.find(at(now))->begin <= at(now));
            REQUIRE(with.find(at(now))->end > at(now));
            REQUIRE(cursor.at(at(now)) == price(now));
            REQUIRE(exact.find(at(now))->value == static_cast<std::int64_t>(price(now)));
            sum += static_cast<std::int64_t>(price(now));
            REQUIRE(exact.integral(at(0), at(now + 1)) == int128{sum} * 1'000'000'000);
        }
    }
}

TEST_CASE("energy in a spike costs its price, to the last joule", "[price-spikes]") {
    const folder here{"a,0,144,36000\n"};  // both racks for ten hours: a constant power
    const auto plain = *here.run("", "region: us-east-1", "policy: fifo", "10 h").results().energy;
    const double energy_j = plain.facility_j();
    const double price = *plain.energy_usd / energy_j;
    const auto cost = [&](const std::string& events, const std::string& energy = "region: us-east-1") {
        return *here.run("events: [ " + events + " ]", energy, "policy: fifo", "10 h").results().energy->energy_usd;
    };
    const auto expected = [&](std::vector<std::pair<double, double>> hours_at) {
        double usd = 0, left = 10;
        for (const auto& [hours, at_price] : hours_at) {
            usd += energy_j * hours / 10 * at_price;
            left -= hours;
        }
        return usd + energy_j * left / 10 * price;
    };
    CHECK(cost(event("price: \"900 USD/MWh\"", "2 h", "90 min")) ==
          Approx(expected({{1.5, 900 / mwh}})).epsilon(1e-12));
    CHECK(cost(event("factor: 5", "9 h", "3 h")) == Approx(expected({{1, 5 * price}})).epsilon(1e-12));
    CHECK(cost(event("price: \"-50 USD/MWh\"", "0 s", "1 h")) == Approx(expected({{1, -50 / mwh}})).epsilon(1e-12));
    // Of several the highest holds, whichever came first.
    CHECK(cost(event("price: \"900 USD/MWh\"", "2 h", "4 h") + ", " + event("price: \"300 USD/MWh\"", "1 h", "3 h") +
               ", " + event("price: \"2000 USD/MWh\"", "3 h", "1 h")) ==
          Approx(expected({{1, 300 / mwh}, {3, 900 / mwh}, {1, 2000 / mwh}})).epsilon(1e-12));
    // Over a signal of -20 USD/MWh in the second hour, 100 afterwards and 40 before.
    const std::string signal =
        "region: us-east-1, signals: { price: { path: grid.csv, column: price, unit: USD/MWh, beyond: hold } }";
    const double by_signal = energy_j / 10 * (40 - 20 + 8 * 100) / mwh;
    CHECK(*here.run("", signal, "policy: fifo", "10 h").results().energy->energy_usd ==
          Approx(by_signal).epsilon(1e-12));
    CHECK(cost(event("factor: 3", "90 min", "1 h"), signal) ==
          Approx(by_signal + energy_j / 10 * (0.5 * 2 * -20 + 0.5 * 2 * 100) / mwh).epsilon(1e-12));
    // Feeds, jobs, energy and carbon are as without.
    const auto with =
        here.run("events: [ " + event("factor: 7", "1 h", "1 h") + " ]", "region: us-east-1", "policy: fifo", "10 h")
            .results();
    CHECK(with.energy->it_j == plain.it_j);
    CHECK(*with.energy->carbon_location_kg == *plain.carbon_location_kg);
    CHECK(!with.energy->trips);
}

TEST_CASE("price-aware looks as far ahead as it may wait, and sees what is scheduled", "[price-spikes]") {
    const folder here{"a,0,72,7200\nb,0,72,1800\n"};
    const std::string spike = "events: [ " + event("price: \"900 USD/MWh\"", "1 h", "2 h") + " ]";
    const auto starts = [&](const std::string& power, const std::string& max_delay) {
        return starts_h(here.run(power, "region: us-east-1",
                                 "policy: price-aware, price-aware: { max_delay: \"" + max_delay + "\" }"));
    };
    // Two hours fit before no spike: the job starts at its end. Half an hour does.
    CHECK(starts(spike, "12 h") == std::vector{3.0, 0.0});
    // It may wait until the end of the spike, and no shorter.
    CHECK(starts(spike, "3 h") == std::vector{3.0, 0.0});
    // Half of it is in the spike whenever it starts: the earliest.
    CHECK(starts(spike, "2 h") == std::vector{0.0, 0.0});
    CHECK(starts("events: [ " + event("factor: 0.5", "4 h", "1 h") + " ]", "12 h") == std::vector{3.0, 4.0});
}

TEST_CASE("nobody knows of a random spike before it begins", "[price-spikes]") {
    // The first spike of the process, by hand: FNV-1a of the name of its stream.
    std::uint64_t name = 14695981039346656037U;
    for (const char c : std::string{"price-spike each 0 site"}) {
        name ^= static_cast<unsigned char>(c);
        name *= 1099511628211U;
    }
    random_stream failures{7, purpose::failures, name};
    const double first_s = to_seconds(round_to_duration(exponential_distribution{5 * 86400.0}(failures)));
    REQUIRE(first_s > 7200);
    REQUIRE(first_s < 25 * 86400.0);
    const auto decimals = [](double s) { return std::to_string(s); };
    // One is submitted before it and runs into it, one in its midst, one that has to wait for none.
    const folder here{"a," + decimals(first_s - 1800) + ",72,7200\nb," + decimals(first_s + 3600) + ",72,7200\n"};
    const std::string process =
        "failures: [ { kind: price-spike, level: site, factor: 10, mtbf: \"5 d\", repair: { constant: \"3 h\" } } ]";
    auto s = here.run(process, "region: us-east-1", "policy: price-aware, price-aware: { max_delay: \"12 h\" }");
    const auto starts = starts_h(s);
    CHECK(starts[0] == Approx((first_s - 1800) / 3600).epsilon(1e-9));
    CHECK(starts[1] == Approx(first_s / 3600 + 3).epsilon(1e-9));
    // The account knows it: what a costs more is its energy in the hour and a half, and that of an idle fleet.
    const auto plain = here.run("", "region: us-east-1", "policy: fifo").results();
    CHECK(*s.results().energy->energy_usd > *plain.energy->energy_usd);
}

TEST_CASE("what is wrong with a spike is refused", "[price-spikes]") {
    const folder here{"a,0,72,3600\n"};
    CHECK(here.refusal("events: [ { kind: price-spike, feed: site, start: \"1 h\", duration: \"1 h\" } ]") ==
          "power.events.0: does not say what energy costs; give `price`, such as \"900 USD/MWh\", or `factor`, such as "
          "5");
    CHECK(here.refusal("events: [ " + event("price: \"9 USD/MWh\", factor: 2", "1 h", "1 h") + " ]")
              .starts_with("power.events.0: says twice what energy costs"));
    CHECK(here.refusal("events: [ { kind: loss, feed: site, factor: 2, start: \"1 h\", duration: \"1 h\" } ]") ==
          "power.events.0.factor: only a price spike has a factor; remove it");
    CHECK(here.refusal("events: [ { kind: price-spike, factor: 2, feed: hall-0/row-0, start: \"1 h\", duration: \"1 "
                       "h\" } ]")
              .starts_with("power.events.0.feed: there is no such site (hall-0/row-0)"));
    const std::string spike = "events: [ " + event("factor: 2", "1 h", "1 h") + " ]";
    CHECK(here.refusal(spike, "topology: single")
              .starts_with("power.events.0: the facility's power is not known; write energy.region"));
    CHECK(here.refusal(spike, "cooling: chilled-liquid")
              .starts_with("power.events.0: what energy costs without it is not known; write energy.region"));
    CHECK(here.refusal("", "region: us-east-1", "policy: price-aware")
              .starts_with("scheduler.policy: needs a signal that is not given (price-aware)"));
}
