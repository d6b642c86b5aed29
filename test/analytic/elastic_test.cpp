// What a pencil and queueing theory say of elastic jobs.

#include "analytic/queueing.hpp"

#include <cstddef>

using namespace queueing;
using namespace ampacity;

namespace {

constexpr std::int64_t second = 1'000'000'000;

workload::job_request job(std::int64_t submit_s, std::int64_t work_s, std::uint32_t gpus) {
    workload::job_request r;
    r.submit = instant{duration{submit_s * second}};
    r.work = duration{work_s * second};
    r.gpus = r.gpus_min = r.gpus_max = gpus;
    return r;
}

workload::job_request elastic(std::int64_t submit_s, std::int64_t work_s, std::uint32_t min, std::uint32_t gpus,
                              std::uint32_t max, double serial = 0) {
    auto r = job(submit_s, work_s, gpus);
    r.kind = workload::job_kind::elastic;
    r.gpus_min = min;
    r.gpus_max = max;
    r.serial_fraction = serial;
    return r;
}

sim::simulation run_elastic(const std::vector<workload::job_request>& jobs, std::uint64_t gpus,
                            preemption_options costs = {}, const policy::elastic_options& how = {}) {
    policy::policy_options options;
    options.elastic = how;
    sim::parts p =
        make_parts(std::make_unique<workload::vector_source>(jobs), fleet::fleet_state::pool(gpus), "elastic", options);
    p.preemption = costs;
    sim::simulation s(std::move(p));
    s.run();
    REQUIRE(s.results().finished == jobs.size());
    return s;
}

}  // namespace

TEST_CASE("identical jobs that scale linearly share the GPUs equally") {
    // 100 s on 4 GPUs each: 800 GPU-s on 16 GPUs take 50 s.
    auto two = run_elastic({elastic(0, 100, 1, 4, 16), elastic(0, 100, 1, 4, 16)}, 16);
    check_equal(sojourns_ns(two), std::vector<std::int64_t>{50 * second, 50 * second});
    const std::vector<workload::job_request> eight(8, elastic(0, 100, 1, 4, 16));
    check_equal(sojourns_ns(run_elastic(eight, 16)), std::vector<std::int64_t>(8, 200 * second));
    // The second comes when a quarter of the first is done, at 100 / 4 / 4 s; each then has 8 GPUs, twice the speed,
    // until the first ends after 37.5 s more; the second has 25 s of work left for 16 GPUs.
    auto jobs = std::vector{elastic(0, 100, 1, 4, 16), elastic(0, 100, 1, 4, 16)};
    jobs[1].submit = instant{duration{6'250'000'000}};
    auto staggered = run_elastic(jobs, 16);
    check_equal(sojourns_ns(staggered), std::vector<std::int64_t>{43'750'000'000, 43'750'000'000});
    CHECK(staggered.all_records(0).useful(0) == gpu_time{400} * second);
}

TEST_CASE("a job ends when Amdahl's law says") {
    // 20 s of 100 s on one GPU are serial: 40 s on 4 GPUs, 36 s on 5, 20.5 s on 160. Speeds are doubles: to a ns.
    for (const auto& [gpus, takes_ns] : {std::pair{1U, 100 * second},
                                         {2U, 60 * second},
                                         {4U, 40 * second},
                                         {5U, 36 * second},
                                         {160U, 20'500'000'000}}) {
        CAPTURE(gpus);
        auto s = run_elastic({elastic(3, 40, 1, 4, 1000, 0.2)}, gpus);
        const std::int64_t took = sojourns_ns(s)[0];
        CHECK(std::abs(took - takes_ns) <= 1);
        CHECK(s.all_records(0).useful(0) == gpu_time{took} * gpus);
        CHECK(s.results().resizes == 0);
        CHECK(s.results().bounded_slowdown->max == std::max(1.0, static_cast<double>(took) / 40e9));
    }
}

TEST_CASE("a resize takes its time, and no more") {
    // On 8 GPUs it would take 100 s. A rigid job takes half of them from 50 s to 70 s.
    const std::vector<workload::job_request> jobs{elastic(0, 100, 1, 8, 8), job(50, 20, 4)};
    auto free = run_elastic(jobs, 8);
    check_equal(sojourns_ns(free), std::vector<std::int64_t>{110 * second, 20 * second});
    CHECK(free.results().resizes == 2);
    CHECK(free.records(0)[0].preemptions == 0);
    CHECK(free.results().books[account::restart] == 0);
    // 2 s without work at 50 s, then 18 s at half speed, and 2 s again: 59 s are done at 72 s.
    auto slow = run_elastic(jobs, 8, {.resize = duration{2 * second}});
    check_equal(sojourns_ns(slow), std::vector<std::int64_t>{113 * second, 20 * second});
    CHECK(slow.results().books[account::restart] == gpu_time{2 * 4 + 2 * 8} * second);
    CHECK(slow.all_records(0).useful(0) == gpu_time{50 * 8 + 18 * 4 + 41 * 8} * second);
    CHECK(slow.results().books[account::idle] == 0);
    // A pause for a checkpoint of 3 s after each 30 s of work, counted anew after a resize: at 50 s 47 s are done, at
    // 70 s 9 s more; the last 44 s have one pause.
    auto written = run_elastic(jobs, 8,
                               {.checkpoint_interval = duration{30 * second},
                                .checkpoint = duration{3 * second},
                                .resize = duration{2 * second}});
    check_equal(sojourns_ns(written), std::vector<std::int64_t>{(70 + 2 + 44 + 3) * second, 20 * second});
    CHECK(written.results().books[account::checkpoint] == gpu_time{3 * 8 + 3 * 8} * second);
}

TEST_CASE("with an interval running jobs keep what they have until its end") {
    // The second job gets what is free, its smallest number, at 10 s; at 40 s both get half.
    const std::vector<workload::job_request> jobs{elastic(0, 100, 1, 8, 14), elastic(10, 100, 2, 8, 16)};
    auto s = run_elastic(jobs, 16, {}, {.interval = duration{40 * second}});
    // The first has done 70 s at 40 s, and the rest in 30 s; the second then 7.5 s + 30 s, and has 14 of 16 GPUs more
    // only at 80 s: 37.5 s + 10 s are done at 80 s.
    check_equal(sojourns_ns(s), std::vector<std::int64_t>{70 * second, (80 - 10) * second + 26'250'000'000});
    CHECK(s.results().resizes == 3);
}

TEST_CASE("equal shares of linear jobs are processor sharing: the mean sojourn is that of M/M/1, for any service") {
    // A job alone has all 240 GPUs; shares are equal to one GPU in 240 / n.
    constexpr std::uint32_t all = 240;
    const double rho = 0.6;
    const auto mean_of = [&](const auto& service, std::uint64_t seed) {
        std::vector<workload::job_request> jobs;
        for (const customer& c : draw_poisson(rho, 1, service, 100'000, seed)) {
            auto r = elastic(0, 0, 1, all, all);
            r.submit = instant{duration{c.arrival_ns}};
            r.work = duration{c.service_ns};
            jobs.push_back(r);
        }
        check_mean("mean sojourn", in_services(sojourns_ns(run_elastic(jobs, all))), 1 / (1 - rho), 0.08);
    };
    SECTION("exponential") { mean_of(exponential_distribution{mean_service_s}, 31); }
    SECTION("constant") { mean_of(constant_distribution{mean_service_s}, 32); }
    SECTION("uniform") { mean_of(uniform_distribution{0, 2 * mean_service_s}, 33); }
}
