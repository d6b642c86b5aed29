// Snapshots of a run are the results of runs that end there, and change nothing.
#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/failing_run.hpp"

#include <ampacity/scenario/build.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using std::chrono::hours;
using std::chrono::minutes;

namespace {

constexpr std::array policies{"fifo", "easy", "srtf", "las", "elastic"};
constexpr serving::linear_step step{.base = {40'000'000'000, 0}, .per_token = {2'000'000'000, 1}};

/// Instants at which nothing else happens, as everything else is at whole milliseconds.
instant odd(std::uint64_t minute, std::uint64_t ns) {
    return start_of_time + minutes{static_cast<std::int64_t>(minute)} + duration{1 + static_cast<std::int64_t>(ns)};
}

std::vector<node_id> nodes_from(std::uint32_t first, std::uint32_t count) {
    std::vector<node_id> out;
    for (std::uint32_t n = 0; n != count; ++n) out.push_back(node_id{first + n});
    return out;
}

/// Jobs with checkpoints on racks that fail, drain, come later and are reserved; every second time on
/// racks that draw power.
sim::parts random_parts(std::uint64_t seed) {
    random_stream draw{seed, purpose::test, 1};
    auto jobs = test::random_jobs(seed, 40, seed % 3 == 0);
    const std::string policy = policies.at(seed % policies.size());
    const bool powered = seed % 2 != 0;
    sim::parts p = powered ? test::powered_parts(test::plant_of(2, "4n3", 2), {jobs}, {power::phase::gemm_bf16},
                                                 policy::make_policy(policy, {}))
                           : test::parts_of(jobs, policy);
    const std::uint32_t nodes = powered ? 36 : 30, per_rack = powered ? 18 : 6;
    if (powered) {
        p.energy->demand_usd_w = 0.01;
        p.energy->gpu_usd_s = 0.001;
        p.energy->sites[0].region = io::read_model<hardware::region>("us-east-1").value;
        p.preemption = {.checkpoint_interval = hours{1}, .checkpoint = minutes{2}, .restart = minutes{5}};
    }
    for (int i = 0; i != 12; ++i) {
        const instant start = start_of_time + minutes{static_cast<std::int64_t>(draw.below(3000))};
        const auto first = static_cast<std::uint32_t>(draw.below(nodes - 2));
        p.outages.push_back({.start = start,
                             .end = start + minutes{1 + static_cast<std::int64_t>(draw.below(200))},
                             .nodes = nodes_from(first, 2)});
    }
    p.until = hours{60};
    if (!powered) {
        p.reservations.push_back({.name = "work",
                                  .what = {.start = start_of_time + hours{5 + seed % 7},
                                           .end = start_of_time + hours{14 + seed % 3},
                                           .nodes = nodes_from(6, 3)}});
        sim::reservation& own = p.reservations.emplace_back();
        own.name = "own";
        own.what = {.start = start_of_time + hours{8}, .end = start_of_time + hours{30}, .nodes = nodes_from(12, 4)};
        own.kind = sim::reservation_kind::capacity_block;
        own.policy = policy::make_policy("easy", {});
        own.placer = policy::make_placer("first-fit");
        std::vector<workload::job_request> theirs = test::random_jobs(seed ^ 1U, 10);
        for (auto& j : theirs) j.gpus_min = j.gpus = j.gpus_max = std::min(j.gpus, 16U);
        p.sources.push_back(std::make_unique<workload::vector_source>(std::move(theirs)));
        p.reserved_for = {"", "own"};
    }
    p.groups = {{.nodes = nodes, .gpus = nodes * 4U, .gpus_per_unit = per_rack * 4U}};
    if (seed % 4 < 2)
        p.deliveries.push_back({.at = start_of_time + minutes{static_cast<std::int64_t>(1 + draw.below(900))},
                                .nodes = nodes_from(nodes - per_rack, per_rack)});
    if (p.deliveries.empty() && !powered) p.drain_racks_at = 300'000;
    return p;
}

/// A service on half of a pool.
sim::parts served_parts(std::uint64_t seed) {
    random_stream draw{seed, purpose::test, 2};
    sim::parts p{.fleet = fleet::fleet_state::pool(16),
                 .policy = policy::make_policy("easy", {}),
                 .placer = policy::make_first_fit()};
    auto jobs = test::random_jobs(seed, 30);
    for (auto& j : jobs) j.gpus_min = j.gpus = j.gpus_max = std::min(j.gpus, 8U);
    p.sources.push_back(std::make_unique<workload::vector_source>(std::move(jobs)));
    std::vector<workload::request> requests;
    instant now = start_of_time;
    for (int i = 0; i != 400; ++i) {
        now += std::chrono::milliseconds{draw.below(300'000)};
        requests.push_back({.arrival = now,
                            .prompt_tokens = static_cast<std::uint32_t>(1 + draw.below(100)),
                            .output_tokens = static_cast<std::uint32_t>(1 + draw.below(40))});
    }
    const serving::service_options options{
        .replicas = 2,
        .engine = {.max_seqs = 4, .max_batched_tokens = 64, .kv_capacity_tokens = 4096},
        .router = "least-requests",
        .random = {.seed = seed}};
    sim::service_parts& s = p.services.emplace_back(
        sim::service_parts{.name = "s",
                           .options = options,
                           .time = serving::iteration_time{step},
                           .requests = std::make_unique<workload::vector_request_source>(std::move(requests))});
    s.entry = 1;
    s.gpus_per_replica = 4;
    s.places.resize(s.num_replicas());
    p.groups = {{.gpus = 16, .gpus_per_unit = 1}};
    return p;
}

const sim::summary& finish(sim::simulation& s) {
    s.run();
    return s.results();
}

void check_same(const power::site_books& a, const power::site_books& b) {
    CHECK(a.it_j == b.it_j);
    CHECK(a.losses_j == b.losses_j);
    CHECK(a.overhead_j == b.overhead_j);
    CHECK(a.carbon_location_kg == b.carbon_location_kg);
    CHECK(a.carbon_embodied_kg == b.carbon_embodied_kg);
    CHECK(a.energy_usd == b.energy_usd);
    CHECK(a.demand_usd == b.demand_usd);
    CHECK(a.capacity_usd == b.capacity_usd);
}

/// What is in service is what the books say.
gpu_time in_service(const sim::summary& s, instant to) {
    gpu_time sum = 0;
    for (const sim::standing_step& c : s.standing) {
        if (c.at < to) sum += gpu_time{ticks(to - c.at)} * c.gpus;
    }
    return sum;
}

template <class F>
void compare(F parts, std::uint64_t seed) {
    INFO("seed " << seed);
    random_stream draw{seed, purpose::test, 3};
    std::vector<instant> at;
    for (std::uint64_t k = 0; k != 4; ++k) at.push_back(odd(100 + draw.below(1600), draw.below(999'999)));
    std::sort(at.begin(), at.end());
    sim::parts watched = parts(seed);
    watched.snapshots = at;
    watched.snapshots.push_back(never);
    sim::simulation looked{std::move(watched)}, plain{parts(seed)};
    const sim::summary &a = finish(looked), &b = finish(plain);
    REQUIRE(a.books == b.books);
    CHECK(a.simulated == b.simulated);
    CHECK(looked.events_processed() == plain.events_processed());
    if (b.energy) CHECK(a.energy->facility_j() == b.energy->facility_j());
    CHECK(b.snapshots.empty());
    REQUIRE(a.snapshots.size() > 1);
    CHECK(a.snapshots.back().at == start_of_time + a.simulated);
    CHECK(a.snapshots.back().books == a.books);
    CHECK((in_service(a, start_of_time + a.simulated) == a.books.capacity));
    for (const sim::snapshot& s : a.snapshots) {
        if (s.at == start_of_time + a.simulated) continue;
        sim::parts cut = parts(seed);
        cut.until = s.at - start_of_time;
        cut.snapshots = {never};
        sim::simulation other{std::move(cut)};
        const sim::summary& c = finish(other);
        REQUIRE(s.books == c.books);
        CHECK((in_service(c, s.at) == s.books.capacity));
        CHECK(s.interruptions == c.snapshots.back().interruptions);
        REQUIRE(s.sites.size() == c.snapshots.back().sites.size());
        for (std::size_t i = 0; i != s.sites.size(); ++i) check_same(s.sites[i], c.snapshots.back().sites[i]);
        REQUIRE(s.services.size() == c.services.size());
        for (std::size_t i = 0; i != s.services.size(); ++i) {
            CHECK(s.services[i].requests == c.services[i].requests);
            CHECK(s.services[i].finished == c.services[i].finished);
            CHECK(s.services[i].prompt_tokens == c.services[i].prompt_tokens);
            CHECK(s.services[i].output_tokens == c.services[i].output_tokens);
        }
    }
}

}  // namespace

TEST_CASE("snapshots are the results of runs that end there and change nothing", "[snapshots]") {
    for (std::uint64_t seed = 0; seed != test::random_cases(60); ++seed) compare(random_parts, seed);
}

TEST_CASE("snapshots of services are the results of runs that end there", "[snapshots]") {
    for (std::uint64_t seed = 0; seed != test::random_cases(40); ++seed) compare(served_parts, seed);
}

TEST_CASE("a run that ends at a snapshot has it once and one that is cut short ends where it was", "[snapshots]") {
    const auto parts = [] {
        sim::parts p = test::parts_of({test::gpu_job(4, hours{10})}, "fifo");
        p.until = hours{8};
        p.snapshots = {start_of_time + hours{4}, start_of_time + hours{8}, start_of_time + hours{12}};
        return p;
    };
    sim::simulation whole{parts()};
    const sim::summary& s = finish(whole);
    REQUIRE(s.snapshots.size() == 2);
    CHECK(s.snapshots[0].at == start_of_time + hours{4});
    CHECK((s.snapshots[0].books[account::useful] == s.snapshots[0].books.capacity -
                                                        s.snapshots[0].books[account::idle] -
                                                        s.snapshots[0].books[account::checkpoint]));
    CHECK(s.snapshots[1].at == start_of_time + hours{8});
    sim::simulation cut{parts()};
    cut.run_until(start_of_time + hours{2});
    const sim::summary& c = cut.results();
    REQUIRE(c.snapshots.size() == 1);
    CHECK(c.snapshots[0].books == c.books);
}

TEST_CASE("years begin on the first of January in UTC, leap years and late hours included", "[snapshots]") {
    using namespace std::chrono;
    const sys_days feb = year{2028} / February / 28;
    const auto years = scenario::year_starts(scenario::date{feb} + hours{18});
    REQUIRE(years.size() > 200);
    // The rest of the 28th, the leap day, and 306 days of March to December.
    CHECK(years[0] == start_of_time + hours{6} + days{1 + 306});
    CHECK(years[1] - years[0] == days{365});
    CHECK(years[4] - years[3] == days{366});  // 2032
    CHECK(std::is_sorted(years.begin(), years.end()));
    // One that begins with a year has that year whole.
    CHECK(scenario::year_starts(scenario::date{sys_days{year{2028} / 1 / 1}})[0] == start_of_time + days{366});
    CHECK(scenario::year_starts(scenario::date{sys_days{year{2027} / 12 / 31}} + hours{24} - nanoseconds{1})[0] ==
          start_of_time + nanoseconds{1});
}
