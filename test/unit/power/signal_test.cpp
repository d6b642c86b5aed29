// Signals: values, changes and integrals of steps, against a walk second by second.
#include "support/catch.hpp"
#include "support/random_workload.hpp"

#include <ampacity/core/step_series.hpp>
#include <ampacity/power/signal.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

using namespace ampacity;
using std::chrono::seconds;

namespace {

instant at(std::int64_t s) { return start_of_time + seconds{s}; }

/// What the header says, word by word, for series on whole seconds.
std::optional<std::int64_t> naive_value(const std::vector<std::int64_t>& begins,
                                        const std::vector<std::int64_t>& values, std::int64_t end, outside beyond,
                                        std::int64_t t) {
    const std::int64_t first = begins.front();
    if (beyond == outside::repeated) {
        while (t < first) t += end - first;
        while (t >= end) t -= end - first;
    }
    if (beyond == outside::unknown && (t < first || t >= end)) return std::nullopt;
    std::int64_t value = values.front();
    for (std::size_t i = 0; i != begins.size(); ++i) {
        if (begins[i] <= t) value = values[i];
    }
    return value;
}

struct random_steps {
    std::vector<std::int64_t> begins, values;
    std::int64_t end = 0;

    explicit random_steps(naive::test_random& random) {
        std::int64_t t = random.between(-50, 20);
        for (std::int64_t n = random.between(1, 12); n > 0; --n) {
            begins.push_back(t);
            values.push_back(random.between(-5, 50));
            t += random.between(1, 15);
        }
        end = t;
    }
    [[nodiscard]] std::vector<instant> instants() const {
        std::vector<instant> out;
        for (const std::int64_t b : begins) out.push_back(at(b));
        return out;
    }
};

}  // namespace

TEST_CASE("steps are right-continuous, and what lies outside is as it was chosen", "[signal]") {
    const std::vector<instant> begins{at(10), at(20)};
    const auto series = [&](outside beyond) {
        return step_series<double>{begins, std::vector<double>{1.0, 3.0}, at(25), beyond};
    };
    const auto strict = series(outside::unknown);
    CHECK(!strict.find(at(9)));
    CHECK(strict.find(at(10))->value == 1);
    CHECK(strict.find(at(20) - duration{1})->value == 1);
    CHECK(strict.find(at(20))->value == 3);
    CHECK(strict.find(at(20))->end == at(25));
    CHECK(!strict.find(at(25)));
    CHECK(strict.knows(at(10), at(25)));
    CHECK(!strict.knows(at(9), at(25)));
    CHECK(!strict.knows(at(10), at(26)));
    const auto held = series(outside::held);
    CHECK(held.find(at(-1000))->value == 1);
    CHECK(held.find(at(-1000))->begin == instant::min());
    CHECK(held.find(at(1000))->value == 3);
    CHECK(held.find(at(1000))->end == never);
    const auto repeated = series(outside::repeated);
    CHECK(repeated.find(at(25))->value == 1);
    CHECK(repeated.find(at(25))->end == at(35));
    CHECK(repeated.find(at(9))->value == 3);
    CHECK(repeated.find(at(9))->begin == at(5));
    CHECK(repeated.find(at(4))->value == 1);
    CHECK(repeated.find(never)->end == never);
    CHECK(repeated.find(instant::min())->begin == instant::min());
}

TEST_CASE("values, changes and exact integrals of random series agree with a walk second by second", "[signal]") {
    for (std::uint64_t seed = 0; seed != 300; ++seed) {
        naive::test_random random(seed);
        const random_steps s(random);
        const auto beyond = static_cast<outside>(random.between(0, 2));
        const exact_series exact{s.instants(), s.values, at(s.end), beyond};
        const auto series = std::make_shared<const step_series<double>>(
            s.instants(), std::vector<double>(s.values.begin(), s.values.end()), at(s.end), beyond);
        power::signal cursor{series, {}};
        const std::int64_t from = beyond == outside::unknown ? s.begins.front() : -120;
        const std::int64_t to = beyond == outside::unknown ? s.end : 250;
        INFO("seed " << seed);
        std::int64_t sum = 0;
        for (std::int64_t t = from; t != to; ++t) {
            const auto value = naive_value(s.begins, s.values, s.end, beyond, t);
            REQUIRE(value);
            CHECK(exact.find(at(t))->value == *value);
            CHECK(cursor.at(at(t)) == static_cast<double>(*value));
            sum += *value;
            CHECK(exact.integral(at(from), at(t + 1)) == int128{sum} * 1'000'000'000);
        }
        power::signal sums{series, {}};
        std::int64_t a = from;
        while (a < to) {
            const std::int64_t b = std::min(to, a + random.between(0, 40));
            std::int64_t naive = 0;
            for (std::int64_t t = a; t != b; ++t) naive += *naive_value(s.begins, s.values, s.end, beyond, t);
            CHECK(sums.integral(at(a), at(b)) == Approx(static_cast<double>(naive) * 1e9).epsilon(1e-12).margin(1e-3));
            CHECK(exact.integral(at(a), at(b)) == int128{naive} * 1'000'000'000);
            if (b < to) {
                const std::int64_t end = ticks(sums.next_change(at(b))) / 1'000'000'000;
                CHECK(end > b);
                // Nothing changes before the end of the step.
                for (std::int64_t t = b; t < std::min(end, to); ++t)
                    CHECK(naive_value(s.begins, s.values, s.end, beyond, t) ==
                          naive_value(s.begins, s.values, s.end, beyond, b));
            }
            a = b + (b == a ? 1 : 0);
        }
    }
}

TEST_CASE("reading beyond what is known is an error of the data, and constants never end", "[signal]") {
    const auto series = std::make_shared<const step_series<double>>(std::vector<instant>{at(0)},
                                                                    std::vector<double>{2.0}, at(60), outside::unknown);
    power::signal s{series, {.where = {.file = "co2.csv"}, .key = "carbon", .what = "ends", .value = {}, .remedy = {}}};
    CHECK(s.integral(at(10), at(60)) == 100e9);
    CHECK(std::as_const(*series).knows(at(0), at(60)));
    try {
        (void)s.integral(at(60), at(61));
        FAIL("nothing is known there");
    } catch (const data_error& e) {
        CHECK(e.exit_status() == 3);
        CHECK(e.details().where.file == "co2.csv");
    }
    power::signal c{0.5};
    CHECK(c.at(at(5)) == 0.5);
    CHECK(c.next_change(at(5)) == never);
    CHECK(c.integral(at(5), at(7)) == 1e9);
}

TEST_CASE("a sum of many terms keeps what each of them adds", "[signal]") {
    power::careful_sum sum;
    sum.add(1e16);
    for (int i = 0; i != 1000; ++i) sum.add(1);
    sum.add(-1e16);
    CHECK(sum.value() == 1000);
}
