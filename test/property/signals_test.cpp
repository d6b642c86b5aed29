// Jobs that wait for a signal: each is let go at the earliest start of the least integral, found by trying all starts
// second by second, and the policy below then decides as its naive re-implementation does of the jobs that it sees.

#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/engine_replay.hpp"
#include "support/naive_replay.hpp"
#include "support/random_racks.hpp"
#include "support/random_workload.hpp"

#include <ampacity/core/step_series.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;

constexpr std::int64_t second = 1'000'000'000;

/// Values per step of `step` seconds from `first` on [s].
struct steps {
    std::int64_t first = 0, step = 1;
    std::vector<std::int64_t> values{};
    outside beyond = outside::repeated;

    [[nodiscard]] std::int64_t end() const { return first + step * static_cast<std::int64_t>(values.size()); }
    /// In the second that begins at `t` [s]; none: unknown.
    [[nodiscard]] std::optional<std::int64_t> at(std::int64_t t) const {
        const auto n = static_cast<std::int64_t>(values.size());
        std::int64_t i = t >= first ? (t - first) / step : -((first - t + step - 1) / step);
        if (beyond == outside::unknown && (i < 0 || i >= n)) return std::nullopt;
        i = beyond == outside::repeated ? (i % n + n) % n : std::clamp<std::int64_t>(i, 0, n - 1);
        return values[static_cast<std::size_t>(i)];
    }
    [[nodiscard]] std::shared_ptr<const exact_series> series() const {
        std::vector<instant> begins;
        for (std::size_t i = 0; i != values.size(); ++i)
            begins.push_back(start_of_time + std::chrono::seconds{first + step * static_cast<std::int64_t>(i)});
        return std::make_shared<exact_series>(begins, values, start_of_time + std::chrono::seconds{end()}, beyond);
    }
};

/// The sum over a run of `length` from `start` on, both in whole seconds; none: part of it is unknown.
std::optional<std::int64_t> sum_of(const steps& s, std::int64_t start, std::int64_t length) {
    std::int64_t sum = 0;
    for (std::int64_t t = start; t != start + length; ++t) {
        const auto value = s.at(t);
        if (!value) return std::nullopt;
        sum += *value;
    }
    return sum;
}

std::int64_t best_start(const steps& s, std::int64_t submit, std::int64_t most, std::int64_t length) {
    std::int64_t best = submit;
    std::optional<std::int64_t> least = sum_of(s, submit, length);
    // Where nothing is known of a run from its submit on, the job does not wait.
    if (!least || (length == 0 && !s.at(submit))) return submit;
    for (std::int64_t start = submit + 1; start <= submit + most; ++start) {
        const auto sum = sum_of(s, start, length);
        if (!sum || *sum >= *least) continue;
        least = sum;
        best = start;
    }
    return best;
}

steps random_steps(naive::test_random& random) {
    steps s{.first = random.between(-30, 10), .step = random.between(1, 9)};
    for (std::int64_t n = random.between(1, 25); n > 0; --n) s.values.push_back(random.between(-2, 9));
    s.beyond = static_cast<outside>(random.between(0, 2));
    return s;
}

bool compare(std::uint64_t seed, const naive::fleet& where, const std::string& base) {
    naive::test_random random(seed ^ 0x7369676E616CU);
    auto jobs = naive::random_workload(seed, naive::flavour::mixed, where, 40);
    // Breakpoints on whole seconds, so that starts are.
    for (naive::job& j : jobs) {
        j.submit_ns = j.submit_ns / second * second;
        j.duration_ns = j.duration_ns / second * second;
        if (j.estimate_ns) j.estimate_ns = *j.estimate_ns / second * second;
        j.priority = static_cast<std::int32_t>(random.between(-2, 4));
    }
    const steps carbon = random_steps(random);
    const std::int64_t most = random.between(0, 60);
    std::optional<std::int32_t> below;
    if (random.chance(50)) below = static_cast<std::int32_t>(random.between(-1, 3));
    naive::options how{.policy = base};
    if (random.chance(30)) how.decision_ns = random.between(0, 5) * second;
    for (const naive::job& j : jobs) {
        const std::int64_t length = std::max(j.estimate_ns.value_or(0), j.duration_ns) / second;
        const bool waits = !below || j.priority < *below;
        const std::int64_t submit = j.submit_ns / second;
        how.held_until_ns.push_back(waits ? best_start(carbon, submit, most, length) * second : j.submit_ns);
    }
    const auto expected = naive::replay(jobs, where, how);
    const bool by_price = seed % 2 == 0;
    const policy::signal_options o{.of = by_price ? policy::signal_kind::price : policy::signal_kind::carbon,
                                   .max_delay = std::chrono::seconds{most},
                                   .below_priority = below};
    policy::policy_options options;
    (by_price ? options.price_aware_base : options.carbon_aware_base) = base;
    (by_price ? options.price_aware : options.carbon_aware) = o;
    policy::known_signals signals;
    (by_price ? signals.price : signals.carbon) = carbon.series();
    const auto actual = test::replay_by_engine(jobs, where,
                                               {.policy = by_price ? "price-aware" : "carbon-aware",
                                                .options = options,
                                                .decision_ns = how.decision_ns,
                                                .signals = signals});
    std::size_t held = 0;
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        if (how.held_until_ns[i] > jobs[i].submit_ns) ++held;
        if (naive::describe(expected[i]) == naive::describe(actual[i])) continue;
        INFO(base << " seed " << seed << " job " << i << ": " << naive::text(jobs[i]) << " held until "
                  << how.held_until_ns[i] << " at most " << most << " s, decision " << how.decision_ns);
        CHECK(naive::describe(actual[i]) == naive::describe(expected[i]));
        return false;
    }
    return held > 0;
}

}  // namespace

TEST_CASE("jobs that wait for a signal are let go and run as in the naive schedule") {
    const std::string base =
        GENERATE(from_range(std::vector<std::string>(naive::all_policies.begin(), naive::all_policies.end())));
    std::size_t with_held_jobs = 0;
    for (std::uint64_t seed = 0; seed != test::random_cases(150); ++seed) {
        with_held_jobs += compare(seed, naive::random_pool(seed), base) ? 1U : 0U;
        const std::string placer = naive::all_placers.at(seed % naive::all_placers.size());
        with_held_jobs += compare(seed + 1'000'000, naive::random_nodes(seed, placer), base) ? 1U : 0U;
    }
    CHECK(with_held_jobs > 10);
}
