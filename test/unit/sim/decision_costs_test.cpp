// Histograms by powers of two, and what a simulation counts in them.
#include "support/catch.hpp"

#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>

#include <cstdint>
#include <limits>
#include <numeric>

using namespace ampacity;
using namespace std::chrono_literals;

namespace {

sim::simulation make(std::int64_t jobs, duration apart, sim::decision_time takes = {}) {
    std::vector<workload::job_request> list;
    for (std::int64_t i = 0; i != jobs; ++i)
        list.push_back({.submit = start_of_time + i * apart, .work = 1s, .gpus_min = 1, .gpus = 1, .gpus_max = 1});
    sim::parts p{.fleet = fleet::fleet_state::pool(1),
                 .policy = policy::make_policy("fifo", {}),
                 .placer = policy::make_first_fit(),
                 .decision_time = takes};
    p.sources.push_back(std::make_unique<workload::vector_source>(std::move(list)));
    return sim::simulation{std::move(p)};
}

std::uint64_t sum(const sim::power_histogram& h) {
    return std::accumulate(h.bins().begin(), h.bins().end(), std::uint64_t{0});
}

}  // namespace

TEST_CASE("a bin holds the values between two powers of two") {
    sim::power_histogram h;
    CHECK(h.mean() == 0);
    h.add(0);
    h.add(1);
    h.add(4);
    h.add(7, 10);
    h.add(8);
    h.add(std::numeric_limits<std::uint64_t>::max());
    CHECK(h.bins()[0] == 1);
    CHECK(h.bins()[1] == 1);
    CHECK(h.bins()[3] == 11);
    CHECK(h.bins()[4] == 1);
    CHECK(h.bins()[64] == 1);
    CHECK(h.count() == 15);
    CHECK(h.max() == std::numeric_limits<std::uint64_t>::max());
    for (const std::size_t bin : {0U, 1U, 4U, 64U})
        CHECK(static_cast<std::size_t>(std::bit_width(h.last_of(bin))) == bin);
}

TEST_CASE("beyond the first passes one in 128 is timed and stands for all") {
    auto s = make(10'000, 2s);
    s.run();
    const auto& d = s.decisions();
    CHECK(d.passes == 20'000);
    CHECK(d.measured == 4'096 + (20'000 - 4'096 + 127) / 128);
    CHECK(sum(d.wall_ns) == d.wall_ns.count());
    CHECK(d.wall_ns.count() >= d.passes);
    CHECK(d.wall_ns.count() < d.passes + 128);
}

TEST_CASE("passes per hour count every pass and every hour once") {
    auto s = make(50, 1000s);  // the last ends at 49,001 s, in hour 13
    s.run();
    s.results();
    const auto& d = s.decisions();
    CHECK(d.per_hour.count() == 14);
    CHECK(d.per_hour.mean() * 14 == Approx(static_cast<double>(d.passes)));
    CHECK(d.per_hour.max() == 8);  // 3,600 / 1,000 arrivals and as many ends, rounded up
}

TEST_CASE("a run that ends at a full hour, or at once, has no hour more") {
    auto none = make(0, 1s);
    none.run();
    none.results();
    CHECK(none.decisions().per_hour.count() == 0);
    CHECK(none.decisions().passes == 0);
}

TEST_CASE("changes while a decision is pending are left to it") {
    auto s = make(10, 1s, {.base = 100s});
    s.run();
    // The pass at 100 s starts the first; each end asks for another.
    CHECK(s.decisions().passes == 10);
    CHECK(s.records(0)[0].first_start == start_of_time + 100s);
    CHECK(s.results().simulated == 100s + 9 * 101s + 1s);
}

TEST_CASE("a decision that would come after the end of time is refused") {
    auto s = make(3, 1s, {.base = duration::max()});
    CHECK_THROWS_AS(s.run(), scenario_error);
}
