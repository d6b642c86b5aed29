// Several servers, first come first served, against the recursion of Kiefer and Wolfowitz job by job and against
// Erlang.

#include "analytic/queueing.hpp"

#include <algorithm>
#include <functional>

using namespace queueing;
using namespace ampacity;

namespace {

constexpr exponential_distribution exponential{mean_service_s};

/// Each customer takes the server that is free first: waits follow from the servers' free times alone, in integers.
std::vector<std::int64_t> kiefer_wolfowitz(std::span<const customer> customers, unsigned servers) {
    std::vector<std::int64_t> free_at(servers, 0);  // a heap, the earliest on top
    std::vector<std::int64_t> waits;
    for (const customer& c : customers) {
        std::pop_heap(free_at.begin(), free_at.end(), std::greater<>{});
        const auto start = std::max(c.arrival_ns, free_at.back());
        waits.push_back(start - c.arrival_ns);
        free_at.back() = start + c.service_ns;
        std::push_heap(free_at.begin(), free_at.end(), std::greater<>{});
    }
    return waits;
}

std::vector<customer> of_size(std::vector<customer> customers, std::uint32_t gpus) {
    for (customer& c : customers) c.gpus = gpus;
    return customers;
}

}  // namespace

TEST_CASE("waits at several servers follow the recursion of Kiefer and Wolfowitz exactly") {
    for (const unsigned servers : {2U, 4U, 16U, 100U}) {
        INFO(servers << " servers");
        const auto customers = draw_poisson(0.95, servers, exponential, 50'000, servers);
        check_equal(waits_ns(run(customers, servers)), kiefer_wolfowitz(customers, servers));
        const auto heavy = draw_poisson(0.9, servers, lognormal_distribution{20, 2}, 50'000, servers);
        check_equal(waits_ns(run(heavy, servers)), kiefer_wolfowitz(heavy, servers));
    }
}

TEST_CASE("mean wait and chance to wait in M/M/c follow Erlang") {
    struct point {
        unsigned servers;
        double rho;
        std::size_t count;
        double resolution;
    };
    for (const auto& [servers, rho, count, resolution] :
         {point{4, 0.8, 1'200'000, 0.065}, point{16, 0.9, 2'400'000, 0.12}}) {
        INFO(servers << " servers");
        const auto waits = waits_ns(run(draw_poisson(rho, servers, exponential, count, 20 + servers), servers));
        const double busy = erlang_c(servers, rho);
        check_mean("mean wait", in_services(waits), busy / (servers * (1 - rho)), resolution);
        check_mean("P(wait > 0)", above(waits, 0), busy, resolution / 3);
        const double t = 1 / (servers * (1 - rho));
        check_mean("P(wait > t)", above(waits, std::llround(t * mean_service_s * 1e9)), busy * std::exp(-1.0),
                   resolution);
    }
}

TEST_CASE("Erlang's formula agrees with tables and with one server") {
    CHECK(erlang_c(1, 0.7) == Approx(0.7).epsilon(1e-12));
    CHECK(erlang_c(2, 0.5) == Approx(1.0 / 3).epsilon(1e-12));
    // Two servers: C = 2 rho^2 / (1 + rho).
    CHECK(erlang_c(2, 0.9) == Approx(2 * 0.81 / 1.9).epsilon(1e-12));
}

TEST_CASE("utilisation is the offered load") {
    const unsigned servers = 8;
    const double rho = 0.75;
    const auto customers = draw_poisson(rho, servers, exponential, 1'000'000, 31);
    auto s = run(customers, servers);
    const auto& result = s.results();
    int128 work = 0;
    std::int64_t last = 0;
    for (const auto& r : s.records(0)) last = std::max(last, ticks(r.finish));
    for (const customer& c : customers) work += c.service_ns;
    const auto makespan = last - customers.front().arrival_ns;
    CHECK(*result.makespan_s == Approx(static_cast<double>(makespan) / 1e9).epsilon(1e-15));
    CHECK(*result.utilisation ==
          Approx(static_cast<double>(work) / (servers * static_cast<double>(makespan))).epsilon(1e-14));
    CHECK(result.books[account::useful] == work);
    // Work and makespan are sums of 1e6 exponentials: their ratio has a relative deviation of sqrt(2e-6). The normal
    // quantile at 1 - alpha / 2 is 3.891; what runs after the last arrival adds less than 1e-4.
    CHECK(std::abs(*result.utilisation / rho - 1) < 3.891 * std::sqrt(2e-6) + 1e-4);
}

TEST_CASE("with a server for everybody nobody waits and the mean number present is the load") {
    const double load = 50;
    const auto customers =
        draw_poisson(load, 1, lognormal_distribution{mean_service_s / std::exp(0.5), 1}, 400'000, 32);
    auto parts =
        make_parts(std::make_unique<customer_source>(customers), fleet::fleet_state::pool(1'000'000'000), "fifo");
    struct counter final : sim::observer {
        void on_sample(const sim::sample& s) override { present.push_back(static_cast<double>(s.running)); }
        std::vector<double> present;
    } seen;
    parts.sample_every = duration{std::chrono::seconds{20}};
    parts.observers = {&seen};
    sim::simulation s(std::move(parts));
    s.run();
    s.results();
    CHECK(sum(waits_ns(s)) == 0);
    // Without the samples of the empty end; insensitive to the distribution of the service.
    const auto last = static_cast<std::size_t>(customers.back().arrival_ns / 20'000'000'000);
    check_mean("number present", std::span{seen.present}.first(last), load, 0.02);
}

TEST_CASE("jobs of several GPUs on a multiple of them wait like jobs of one") {
    const unsigned servers = 4;
    const auto customers = draw_poisson(0.9, servers, exponential, 50'000, 33);
    const auto expected = waits_ns(run(customers, servers));
    check_equal(waits_ns(run(of_size(customers, 8), servers * 8)), expected);
    // What is left over is of no use to anyone.
    check_equal(waits_ns(run(of_size(customers, 8), servers * 8 + 7)), expected);
    check_equal(waits_ns(run(of_size(customers, 250'000'000), servers * 250'000'000)), expected);
    const auto jobs = of_size(customers, 8);
    check_equal(
        waits_ns(run(std::make_unique<customer_source>(jobs), fleet::fleet_state::flat_nodes(servers, 8), "fifo")),
        expected);
}

TEST_CASE("where all jobs have one size backfilling is first come first served") {
    const unsigned servers = 4;
    const auto customers = of_size(draw_poisson(0.95, servers, exponential, 20'000, 34), 3);
    const auto expected = waits_ns(run(customers, servers * 3 + 2));
    for (const std::string policy : {"fifo-skip", "easy", "conservative"}) {
        INFO(policy);
        check_equal(waits_ns(run(customers, servers * 3 + 2, policy)), expected);
    }
}
