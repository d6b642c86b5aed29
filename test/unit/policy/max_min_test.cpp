// Max-min shares on cases that are told by hand and against an optimum found by trying all corners, and rounds of the
// policy on cases that are told by hand.
#include "lib/policy/max_min_shares.hpp"
#include "support/catch.hpp"
#include "support/random_workload.hpp"

#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;
using policy::max_min_result;
using policy::max_min_shares;
using policy::share_class;

namespace {

bool near(double a, double b) { return std::abs(a - b) <= 1e-6 * std::max(1.0, std::abs(b)); }

/// Work per time that is level 1.
double unit_of(const share_class& c, const std::vector<std::uint64_t>& gpus) {
    double all = 0;
    double mean = 0;
    for (std::size_t t = 0; t != gpus.size(); ++t) {
        all += static_cast<double>(gpus[t]);
        mean += c.speeds[t] * static_cast<double>(gpus[t]);
    }
    return mean / all / c.gpus;
}

/// A half space: sum(a x) <= b.
struct limit {
    std::vector<double> a;
    double b = 0;
};

/// The point in which n of the limits are met, if there is one.
std::vector<double> corner(std::vector<limit> rows) {
    const std::size_t n = rows.size();
    for (std::size_t i = 0; i != n; ++i) {
        std::size_t best = i;
        for (std::size_t k = i; k != n; ++k)
            if (std::abs(rows[k].a[i]) > std::abs(rows[best].a[i])) best = k;
        if (std::abs(rows[best].a[i]) < 1e-9) return {};
        std::swap(rows[i], rows[best]);
        for (std::size_t k = 0; k != n; ++k) {
            if (k == i) continue;
            const double f = rows[k].a[i] / rows[i].a[i];
            for (std::size_t c = 0; c != n; ++c) rows[k].a[c] -= f * rows[i].a[c];
            rows[k].b -= f * rows[i].b;
        }
    }
    std::vector<double> x;
    for (std::size_t i = 0; i != n; ++i) x.push_back(rows[i].b / rows[i].a[i]);
    return x;
}

/// The largest value of sum(c x) within the limits, by trying all corners; -1 if there is no point.
double largest(const std::vector<limit>& limits, const std::vector<double>& c) {
    const std::size_t n = c.size();
    double best = -1;
    std::vector<bool> chosen(limits.size(), false);
    std::fill(chosen.end() - static_cast<std::ptrdiff_t>(n), chosen.end(), true);
    do {
        std::vector<limit> tight;
        for (std::size_t i = 0; i != limits.size(); ++i)
            if (chosen[i]) tight.push_back(limits[i]);
        const auto x = corner(tight);
        if (x.empty()) continue;
        const auto sum = [&x](const std::vector<double>& of) {
            double s = 0;
            for (std::size_t i = 0; i != x.size(); ++i) s += of[i] * x[i];
            return s;
        };
        if (std::all_of(limits.begin(), limits.end(), [&](const limit& l) { return sum(l.a) <= l.b + 1e-7; }))
            best = std::max(best, sum(c));
    } while (std::next_permutation(chosen.begin(), chosen.end()));
    return best;
}

struct wish {
    duration submit{};
    duration work{};
    std::uint32_t gpus = 1;
};

/// What became of the jobs, on pools of these types.
std::string replay(const std::vector<wish>& wishes, const std::vector<std::uint64_t>& pools,
                   const std::vector<double>& speeds, duration round) {
    std::vector<std::string> names;
    std::vector<fleet::free_index> parts;
    for (std::size_t t = 0; t != pools.size(); ++t) {
        names.push_back("type" + std::to_string(t));
        parts.push_back(fleet::free_index::pool(pools[t]));
    }
    auto types = std::make_shared<fleet::gpu_types>(names);
    const std::uint8_t row = types->add_row(speeds).value();
    std::vector<workload::job_request> jobs;
    for (const wish& w : wishes) {
        workload::job_request r;
        r.submit = start_of_time + w.submit;
        r.work = w.work;
        r.gpus = r.gpus_min = r.gpus_max = w.gpus;
        jobs.push_back(r);
    }
    sim::parts p{.fleet = fleet::fleet_state::mixed(types, std::move(parts)),
                 .policy = policy::make_policy("max-min", {.max_min = {.round = round}}),
                 .placer = policy::make_first_fit(),
                 .speeds = {{.row = row}}};
    p.sources.push_back(std::make_unique<workload::vector_source>(std::move(jobs)));
    sim::simulation s(std::move(p));
    s.run();
    s.results();
    std::string out;
    for (const auto& r : s.records(0)) {
        out += std::to_string((r.first_start - start_of_time) / 1s) + "-" +
               std::to_string((r.finish - start_of_time) / 1s) + "!" + std::to_string(r.preemptions) + " ";
    }
    return out;
}

}  // namespace

TEST_CASE("shares of one class and of gangs", "[max-min]") {
    // Alone a job is all the time on the fastest type.
    const auto alone = max_min_shares({{.jobs = 1, .gpus = 1, .speeds = {1, 3, 2}}}, {4, 2, 8});
    CHECK(near(alone.shares[0], 0));
    CHECK(near(alone.shares[1], 1));
    CHECK(near(alone.shares[2], 0));
    // 3 / ((1 x 4 + 3 x 2 + 2 x 8) / 14)
    CHECK(near(alone.levels[0], 3 * 14.0 / 26));

    // One type, four GPUs: the small job has all its time, the gang what is left.
    const auto gang =
        max_min_shares({{.jobs = 1, .gpus = 4, .speeds = {1}}, {.jobs = 1, .gpus = 1, .speeds = {1}}}, {4});
    CHECK(near(gang.shares[0], 0.75));
    CHECK(near(gang.shares[1], 1));

    // Ten jobs on four GPUs.
    const auto many = max_min_shares({{.jobs = 10, .gpus = 1, .speeds = {1}}}, {4});
    CHECK(near(many.shares[0], 0.4));
}

TEST_CASE("shares of jobs that gain differently from a fast type", "[max-min]") {
    // Two jobs that run thrice as fast on the first type and one that does not care, a GPU of each. It takes 0.8 of the
    // second, the others the rest: 3 + 0.2 of work for two, whose level 1 is 2 each.
    const auto three =
        max_min_shares({{.jobs = 2, .gpus = 1, .speeds = {3, 1}}, {.jobs = 1, .gpus = 1, .speeds = {1, 1}}}, {1, 1});
    CHECK(near(three.levels[0], 0.8));
    CHECK(near(three.levels[1], 0.8));
    CHECK(near(three.shares[0], 0.5));
    CHECK(near(three.shares[1], 0.1));
    CHECK(near(three.shares[3], 0.8));

    // The one that does not care cannot get above level 1; the other goes on to what it can have.
    const auto two =
        max_min_shares({{.jobs = 1, .gpus = 1, .speeds = {4, 1}}, {.jobs = 1, .gpus = 1, .speeds = {1, 1}}}, {1, 1});
    CHECK(near(two.levels[0], 1.6));
    CHECK(near(two.levels[1], 1));
    CHECK(near(two.shares[0], 1));
    CHECK(near(two.shares[3], 1));

    // A type that only one of them can use is left to it.
    const auto picky =
        max_min_shares({{.jobs = 1, .gpus = 1, .speeds = {1, 0}}, {.jobs = 1, .gpus = 1, .speeds = {1, 1}}}, {1, 1});
    CHECK(near(picky.shares[0], 1));
    CHECK(near(picky.shares[3], 1));
}

TEST_CASE("no class can have more but from one that has no more", "[max-min]") {
    std::size_t cases = 0;
    for (std::uint64_t seed = 0; seed != 300; ++seed) {
        naive::test_random random(seed ^ 0x6c70U);
        const auto types = static_cast<std::size_t>(random.between(1, 2));
        std::vector<std::uint64_t> gpus;
        for (std::size_t t = 0; t != types; ++t) gpus.push_back(static_cast<std::uint64_t>(random.between(1, 9)));
        std::vector<share_class> classes;
        for (std::int64_t k = random.between(1, 3); k > 0; --k) {
            share_class c{.jobs = static_cast<std::uint64_t>(random.between(1, 5)),
                          .gpus = static_cast<std::uint32_t>(random.between(1, 4))};
            for (std::size_t t = 0; t != types; ++t)
                c.speeds.push_back(random.chance(15) ? 0 : static_cast<double>(random.between(1, 12)) / 4);
            if (*std::max_element(c.speeds.begin(), c.speeds.end()) == 0) c.speeds[0] = 1;
            classes.push_back(c);
        }
        const max_min_result found = max_min_shares(classes, gpus);
        const std::size_t n = classes.size() * types;
        const auto row_of = [&](std::size_t k, auto value) {
            std::vector<double> a(n, 0);
            for (std::size_t t = 0; t != types; ++t) a[k * types + t] = value(t);
            return a;
        };
        std::vector<limit> limits;
        for (std::size_t i = 0; i != n; ++i) {
            limits.push_back({std::vector<double>(n, 0), 0});
            limits.back().a[i] = -1;
        }
        for (std::size_t t = 0; t != types; ++t) {
            limits.push_back({std::vector<double>(n, 0), static_cast<double>(gpus[t])});
            for (std::size_t k = 0; k != classes.size(); ++k)
                limits.back().a[k * types + t] = static_cast<double>(classes[k].jobs) * classes[k].gpus;
        }
        for (std::size_t k = 0; k != classes.size(); ++k)
            limits.push_back({row_of(k, [](std::size_t) { return 1.0; }), 1});
        INFO("seed " << seed);
        for (const limit& l : limits) {
            double sum = 0;
            for (std::size_t i = 0; i != n; ++i) sum += l.a[i] * found.shares[i];
            REQUIRE(sum <= l.b + 1e-6);
        }
        for (std::size_t k = 0; k != classes.size(); ++k) {
            const auto work = row_of(k, [&](std::size_t t) { return classes[k].speeds[t]; });
            double mine = 0;
            for (std::size_t i = 0; i != n; ++i) mine += work[i] * found.shares[i];
            REQUIRE(near(mine, found.levels[k] * unit_of(classes[k], gpus)));
            // The others that have no more than this class keep what they have.
            auto held = limits;
            for (std::size_t other = 0; other != classes.size(); ++other) {
                if (other == k || found.levels[other] > found.levels[k] + 1e-7) continue;
                held.push_back({row_of(other, [&](std::size_t t) { return -classes[other].speeds[t]; }),
                                -found.levels[other] * unit_of(classes[other], gpus) + 1e-8});
            }
            REQUIRE(near(largest(held, work), mine));
            ++cases;
        }
    }
    CHECK(cases > 300);
}

TEST_CASE("a job alone runs on the fastest type, from the next round on", "[max-min]") {
    CHECK(replay({{.submit = 0s, .work = 40s}}, {1, 1}, {0.5, 2}, 10s) == "0-20!0 ");
    CHECK(replay({{.submit = 3s, .work = 40s}}, {1, 1}, {0.5, 2}, 10s) == "10-30!0 ");
    // Too large for it.
    CHECK(replay({{.submit = 0s, .work = 40s, .gpus = 2}}, {2, 1}, {0.5, 2}, 10s) == "0-80!0 ");
}

TEST_CASE("equal jobs change places from round to round", "[max-min]") {
    // Two rounds, one on each type, do 30 s of work.
    CHECK(replay({{.work = 30s}, {.work = 30s}}, {1, 1}, {2, 1}, 10s) == "0-20!1 0-20!1 ");
    // One GPU, of which each has every other round.
    CHECK(replay({{.work = 30s}, {.work = 30s}}, {1}, {1}, 10s) == "0-50!2 10-60!2 ");
    // A gang of two and two single jobs, which have twice its time each.
    CHECK(replay({{.work = 20s, .gpus = 2}, {.work = 20s}, {.work = 20s}}, {2}, {1}, 10s) == "10-40!1 0-30!1 0-30!1 ");
}
