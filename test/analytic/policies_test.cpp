// What theory says of the other policies: the mean sojourn of the shortest first, the optimality of the shortest
// remaining first, and the promise of backfilling to the head of the queue.

#include "analytic/queueing.hpp"

#include <algorithm>

using namespace queueing;
using namespace ampacity;

namespace {

constexpr exponential_distribution exponential{mean_service_s};

/// Load of the jobs up to size x in M/M/1 with mean service 1.
double load_up_to(double rho, double x) { return rho * (1 - std::exp(-x) * (1 + x)); }

/// Integral of exp(-x) f(x) from 0 to 60 by Simpson's rule.
template <class Function>
double average(const Function& f) {
    constexpr int steps = 60'000;
    constexpr double width = 60.0 / steps;
    double total = 0;
    for (int i = 0; i <= steps; ++i) {
        const double x = i * width;
        total += (i == 0 || i == steps ? 1 : i % 2 == 1 ? 4 : 2) * std::exp(-x) * f(x);
    }
    return total * width / 3;
}

/// Mean wait in M/M/1 when the shortest goes first, without preemption (Phipps 1956), in units of the mean service.
double shortest_first_wait(double rho) {
    return average([&](double x) { return rho / std::pow(1 - load_up_to(rho, x), 2); });
}

/// Mean sojourn in M/M/1 when the shortest remaining goes first (Schrage and Miller 1966), likewise.
double shortest_remaining_sojourn(double rho) {
    return average([&](double x) {
        const double second_moment = 2 - std::exp(-x) * (x * x + 2 * x + 2);
        const double idle = 1 - load_up_to(rho, x);
        return rho * (second_moment + x * x * std::exp(-x)) / (2 * idle * idle) + 1 / idle;
    });
}

/// Jobs of 1 to 32 GPUs with an offered load of about 0.95 on 64.
std::vector<customer> mixed_jobs(std::size_t count, std::uint64_t seed) {
    auto jobs = draw(exponential_distribution{13}, lognormal_distribution{40, 1.2}, count, seed);
    random_stream sizes{seed, purpose::sizes, 0};
    for (customer& j : jobs) {
        j.service_ns += 1;
        j.gpus = std::uint32_t{1} << sizes.below(6);
    }
    return jobs;
}

struct head_promises {
    std::size_t broken = 0;     ///< heads that started after their first shadow time
    std::size_t waited = 0;     ///< heads that had to wait
    std::size_t overtaken = 0;  ///< jobs that a later one overtook
};

/// With exact estimates the head of the queue starts no later than its shadow time when it became the head: the
/// earliest end of a job running then at which it fits. Jobs that start later must not push it back.
head_promises check_heads(std::span<const sim::job_record> records, std::uint64_t gpus) {
    head_promises out;
    instant head_since = start_of_time;  // when all jobs before the next one have started
    for (std::size_t j = 0; j != records.size(); ++j) {
        const auto& job = records[j];
        const instant since = std::max(job.submit, head_since);
        if (job.first_start < head_since) ++out.overtaken;
        head_since = std::max(head_since, job.first_start);
        if (job.first_start <= since) continue;
        ++out.waited;
        std::uint64_t free = gpus;
        std::vector<std::pair<instant, std::uint32_t>> ends;
        for (std::size_t i = 0; i != records.size(); ++i) {
            const auto& other = records[i];
            const bool before = other.first_start < since || (other.first_start == since && i < j);
            if (i == j || !before || other.finish <= since) continue;
            free -= other.gpus;
            ends.emplace_back(other.finish, other.gpus);
        }
        std::sort(ends.begin(), ends.end());
        instant shadow = since;
        for (const auto& [end, freed] : ends) {
            if (free >= job.gpus) break;
            free += freed;
            shadow = end;
        }
        if (job.first_start > shadow) ++out.broken;
    }
    return out;
}

}  // namespace

TEST_CASE("mean wait when the shortest job goes first") {
    const double rho = 0.8;
    CHECK(average([](double x) { return x; }) == Approx(1).epsilon(1e-9));
    const auto waits = waits_ns(run(draw_poisson(rho, 1, exponential, 800'000, 51), 1, "sjf"));
    check_mean("mean wait", in_services(waits), shortest_first_wait(rho), 0.04);
}

TEST_CASE("mean sojourn when the shortest remaining job goes first") {
    const double rho = 0.8;
    const auto sojourns = sojourns_ns(run(draw_poisson(rho, 1, exponential, 800'000, 52), 1, "srtf"));
    check_mean("mean sojourn", in_services(sojourns), shortest_remaining_sojourn(rho), 0.035);
}

TEST_CASE("at one server no policy has a smaller sum of sojourns than the shortest remaining first") {
    for (std::uint64_t seed = 60; seed != 66; ++seed) {
        INFO("seed " << seed);
        const auto customers = draw_poisson(0.9, 1, lognormal_distribution{30, 1.5}, 20'000, seed);
        const auto least = sum(sojourns_ns(run(customers, 1, "srtf")));
        for (const std::string policy : {"fifo", "fifo-skip", "sjf", "las", "easy", "conservative"}) {
            INFO(policy);
            CHECK(sum(sojourns_ns(run(customers, 1, policy))) >= least);
        }
        // A server that works whenever there is work ends it at the same time in any order.
        CHECK(*run(customers, 1, "srtf").results().makespan_s == *run(customers, 1, "fifo").results().makespan_s);
    }
}

TEST_CASE("shorter jobs first shorten the mean sojourn on the same draws") {
    for (std::uint64_t seed = 70; seed != 74; ++seed) {
        INFO("seed " << seed);
        const auto jobs = draw_poisson(0.9, 8, lognormal_distribution{30, 1.5}, 20'000, seed);
        const auto fifo = sum(sojourns_ns(run(jobs, 8, "fifo")));
        const auto sjf = sum(sojourns_ns(run(jobs, 8, "sjf")));
        const auto srtf = sum(sojourns_ns(run(jobs, 8, "srtf")));
        CHECK(srtf <= sjf);
        CHECK(sjf <= fifo);
    }
}

TEST_CASE("EASY never delays the head of the queue beyond its first shadow time") {
    head_promises all;
    for (std::uint64_t seed = 80; seed != 84; ++seed) {
        const auto jobs = mixed_jobs(5'000, seed);
        const auto s = run(jobs, 64, "easy");
        const auto found = check_heads(s.records(0), 64);
        all.broken += found.broken;
        all.waited += found.waited;
        all.overtaken += found.overtaken;
    }
    CHECK(all.broken == 0);
    CHECK(all.waited > 1'000);
    CHECK(all.overtaken > 1'000);
}

TEST_CASE("without reservations the head of the queue is delayed beyond its shadow time") {
    // Shows that the check can fail.
    const auto jobs = mixed_jobs(5'000, 80);
    const auto s = run(jobs, 64, "fifo-skip");
    CHECK(check_heads(s.records(0), 64).broken > 0);
}

TEST_CASE("where one bucket holds all jobs least attained service is first come first served") {
    const auto jobs = mixed_jobs(5'000, 85);
    const auto las = run(std::make_unique<customer_source>(jobs), fleet::fleet_state::pool(64), "las",
                         {.sjf_by_estimate = false, .srtf_by_estimate = false, .las_thresholds = {}});
    check_equal(waits_ns(las), waits_ns(run(jobs, 64, "fifo")));
}
