// One server, first come first served, against Lindley's recursion job by job and against closed forms in the mean.

#include "analytic/queueing.hpp"

#include <ampacity/workload/synthetic.hpp>

using namespace queueing;
using namespace ampacity;

namespace {

void check_lindley(std::span<const customer> customers) {
    check_equal(waits_ns(run(customers, 1)), lindley(customers));
}

constexpr exponential_distribution exponential{mean_service_s};

}  // namespace

TEST_CASE("waits at one server follow the recursion of Lindley exactly") {
    const std::size_t count = 50'000;
    check_lindley(draw_poisson(0.9, 1, exponential, count, 1));
    check_lindley(draw_poisson(0.99, 1, constant_distribution{mean_service_s}, count, 2));
    check_lindley(draw_poisson(1.1, 1, uniform_distribution{0, 2 * mean_service_s}, count, 3));
    check_lindley(draw_poisson(0.8, 1, lognormal_distribution{60, 1}, count, 4));
    // Bursts, and whole seconds so that ends and arrivals meet.
    auto ties = draw(gamma_distribution{0.25, 500}, exponential, count, 5);
    for (customer& c : ties) {
        c.arrival_ns -= c.arrival_ns % 10'000'000'000;
        c.service_ns -= c.service_ns % 10'000'000'000;
    }
    check_lindley(ties);
}

TEST_CASE("mean wait and chance to wait in M/M/1") {
    struct point {
        double rho;
        std::size_t count;
        double resolution;
    };
    for (const auto& [rho, count, resolution] :
         {point{0.5, 400'000, 0.045}, point{0.8, 800'000, 0.055}, point{0.9, 1'600'000, 0.08}}) {
        INFO("rho " << rho);
        const auto waits = waits_ns(run(draw_poisson(rho, 1, exponential, count, 11), 1));
        check_mean("mean wait", in_services(waits), rho / (1 - rho), resolution);
        check_mean("P(wait > 0)", above(waits, 0), rho, resolution / 3);
        // The wait of those who wait is exponential: P(wait > t) = rho exp(-(1 - rho) t).
        const double t = 1 / (1 - rho);
        check_mean("P(wait > t)", above(waits, std::llround(t * mean_service_s * 1e9)), rho * std::exp(-1.0),
                   resolution);
    }
}

TEST_CASE("mean sojourn in M/M/1") {
    const double rho = 0.7;
    const auto sojourns = sojourns_ns(run(draw_poisson(rho, 1, exponential, 600'000, 12), 1));
    check_mean("mean sojourn", in_services(sojourns), 1 / (1 - rho), 0.035);
    const double t = 2 / (1 - rho);
    check_mean("P(sojourn > t)", above(sojourns, std::llround(t * mean_service_s * 1e9)), std::exp(-2.0), 0.065);
}

TEST_CASE("mean wait in M/D/1") {
    const double rho = 0.8;
    const auto waits = waits_ns(run(draw_poisson(rho, 1, constant_distribution{mean_service_s}, 800'000, 13), 1));
    check_mean("mean wait", in_services(waits), pollaczek_khinchine(rho, 0), 0.045);
    check_mean("P(wait > 0)", above(waits, 0), rho, 0.02);
}

TEST_CASE("mean wait in M/G/1 with uniform services") {
    const double rho = 0.8;
    const auto waits = waits_ns(run(draw_poisson(rho, 1, uniform_distribution{0, 2 * mean_service_s}, 800'000, 14), 1));
    check_mean("mean wait", in_services(waits), pollaczek_khinchine(rho, 1.0 / 3), 0.05);
    check_mean("P(wait > 0)", above(waits, 0), rho, 0.02);
}

TEST_CASE("mean wait in M/G/1 with lognormal services from the synthetic source") {
    const double rho = 0.7;
    const double sigma = 1;
    // Mean = median x exp(sigma^2 / 2); squared coefficient of variation = exp(sigma^2) - 1.
    const double median_s = mean_service_s / std::exp(sigma * sigma / 2);
    const auto s = run(
        std::make_unique<workload::synthetic_source>(workload::synthetic_options{.seed = 15,
                                                                                 .entry = 0,
                                                                                 .jobs = 1'000'000,
                                                                                 .rate_per_s = rho / mean_service_s,
                                                                                 .cv = 1,
                                                                                 .median = round_to_duration(median_s),
                                                                                 .sigma = sigma,
                                                                                 .max = longest_input,
                                                                                 .sizes = {{1, 1.0}},
                                                                                 .estimate = {}}),
        fleet::fleet_state::pool(1), "fifo");
    const auto waits = waits_ns(s);
    check_mean("mean wait", in_services(waits), pollaczek_khinchine(rho, std::exp(sigma * sigma) - 1), 0.08);
    check_mean("P(wait > 0)", above(waits, 0), rho, 0.02);
}
