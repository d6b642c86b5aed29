#pragma once
/// \file
/// What the queueing tests share: customers drawn from named streams, runs of them through the public simulation, the
/// closed forms, and confidence intervals by batch means.
///
/// Every statistical check is two-sided at `alpha` = 1e-4: a correct program fails one with this probability for a seed
/// chosen at random, so that the 40 checks together raise a false alarm for 1 choice of seeds in 250. The seeds are
/// fixed: what passed once passes for good. Each check also bounds its interval, so that it is known what error it can
/// see.

#include "support/catch.hpp"

#include <ampacity/core/distributions.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace queueing {

using ampacity::duration;
using ampacity::instant;
using ampacity::int128;

/// Mean service time of most tests; so long that rounding to ns is far below any statistical error.
inline constexpr double mean_service_s = 100;

/// Arrives and asks for `gpus` for some time.
struct customer {
    std::int64_t arrival_ns = 0;
    std::int64_t service_ns = 0;
    std::uint32_t gpus = 1;
    std::uint32_t user = 0;
};

/// `count` customers with independent times between arrivals and services [s].
template <ampacity::distribution Between, ampacity::distribution Service>
std::vector<customer> draw(const Between& between, const Service& service, std::size_t count, std::uint64_t seed) {
    ampacity::random_stream arrivals{seed, ampacity::purpose::arrivals, 0};
    ampacity::random_stream services{seed, ampacity::purpose::durations, 0};
    std::vector<customer> customers(count);
    std::int64_t clock = 0;
    for (customer& c : customers) {
        c.arrival_ns = clock += ampacity::ticks(draw_duration(between, arrivals));
        c.service_ns = ampacity::ticks(draw_duration(service, services));
    }
    return customers;
}

/// Poisson arrivals that keep `servers` busy for the share `rho`.
template <ampacity::distribution Service>
std::vector<customer> draw_poisson(double rho, unsigned servers, const Service& service, std::size_t count,
                                   std::uint64_t seed) {
    return draw(ampacity::exponential_distribution{service.mean() / (rho * servers)}, service, count, seed);
}

/// The customers as jobs.
class customer_source final : public ampacity::workload::job_source {
public:
    explicit customer_source(std::span<const customer> customers) : customers_(customers) {}

    std::size_t next(std::span<ampacity::workload::job_request> out) override {
        const std::size_t count = std::min(out.size(), customers_.size() - at_);
        for (auto& job : out.first(count)) {
            job = {};
            job.row = at_;
            job.name = static_cast<std::int64_t>(at_);
            job.submit = instant{duration{customers_[at_].arrival_ns}};
            job.work = duration{customers_[at_].service_ns};
            job.gpus = job.gpus_min = job.gpus_max = customers_[at_].gpus;
            job.user = customers_[at_].user;
            ++at_;
        }
        return count;
    }
    [[nodiscard]] std::string_view text(std::int64_t) const override { return {}; }

private:
    std::span<const customer> customers_;
    std::size_t at_ = 0;
};

/// What a simulation is made of.
inline ampacity::sim::parts make_parts(std::unique_ptr<ampacity::workload::job_source> source,
                                       ampacity::fleet::fleet_state fleet, const std::string& policy,
                                       const ampacity::policy::policy_options& options = {}) {
    ampacity::sim::parts p{.fleet = std::move(fleet),
                           .sources = {},
                           .policy = ampacity::policy::make_policy(policy, options),
                           .placer = ampacity::policy::make_placer("first-fit"),
                           .until = {},
                           .enforce_estimate = false,
                           .sample_every = {},
                           .observers = {}};
    p.sources.push_back(std::move(source));
    return p;
}

/// Runs the source to its end; all jobs must finish and the books balance.
inline ampacity::sim::simulation run(std::unique_ptr<ampacity::workload::job_source> source,
                                     ampacity::fleet::fleet_state fleet, const std::string& policy,
                                     const ampacity::policy::policy_options& options = {}) {
    ampacity::sim::simulation s(make_parts(std::move(source), std::move(fleet), policy, options));
    s.run();
    if (s.results().finished != s.results().submitted) throw std::logic_error("jobs are left");
    return s;
}

/// Customers on a pool.
inline ampacity::sim::simulation run(std::span<const customer> customers, std::uint64_t gpus,
                                     const std::string& policy = "fifo") {
    return run(std::make_unique<customer_source>(customers), ampacity::fleet::fleet_state::pool(gpus), policy);
}

/// [ns], in order of arrival.
inline std::vector<std::int64_t> waits_ns(const ampacity::sim::simulation& s) {
    std::vector<std::int64_t> out;
    for (const auto& r : s.records(0)) out.push_back(ampacity::ticks(r.first_start - r.submit));
    return out;
}

/// [ns], in order of arrival.
inline std::vector<std::int64_t> sojourns_ns(const ampacity::sim::simulation& s) {
    std::vector<std::int64_t> out;
    for (const auto& r : s.records(0)) out.push_back(ampacity::ticks(r.finish - r.submit));
    return out;
}

/// Equal customer by customer; names the first that differs.
inline void check_equal(std::span<const std::int64_t> actual, std::span<const std::int64_t> expected) {
    REQUIRE(actual.size() == expected.size());
    const auto at = std::mismatch(actual.begin(), actual.end(), expected.begin()).first - actual.begin();
    INFO("customer " << at);
    const auto i = static_cast<std::size_t>(at);
    if (i == actual.size())
        SUCCEED("all are equal");
    else
        CHECK(actual[i] == expected[i]);
}

inline int128 sum(std::span<const std::int64_t> values) {
    int128 total = 0;
    for (const auto v : values) total += v;
    return total;
}

/// Times in units of the mean service.
inline std::vector<double> in_services(std::span<const std::int64_t> ns) {
    std::vector<double> out;
    for (const auto v : ns) out.push_back(static_cast<double>(v) / (mean_service_s * 1e9));
    return out;
}

/// 1 where the value is above `bound_ns`, else 0.
inline std::vector<double> above(std::span<const std::int64_t> ns, std::int64_t bound_ns) {
    std::vector<double> out;
    for (const auto v : ns) out.push_back(v > bound_ns ? 1 : 0);
    return out;
}

inline constexpr double alpha = 1e-4;
inline constexpr std::size_t batches = 32;
inline constexpr double student_quantile = 4.460989;  ///< of t with 31 degrees of freedom, at 1 - alpha / 2

struct interval {
    double mean = 0;
    double half_width = 0;
};

/// Mean and half width of its confidence interval. The first twentieth is warm-up; the rest falls into 32 batches,
/// whose means are taken for independent and normal: a batch must be long against the memory of the queue.
inline interval batch_means(std::span<const double> values) {
    const std::size_t size = values.size() * 19 / 20 / batches;
    const auto tail = values.last(size * batches);
    std::vector<double> means;
    for (std::size_t b = 0; b != batches; ++b) {
        double total = 0;
        for (const double v : tail.subspan(b * size, size)) total += v;
        means.push_back(total / static_cast<double>(size));
    }
    double mean = 0;
    for (const double m : means) mean += m / batches;
    double squares = 0;
    for (const double m : means) squares += (m - mean) * (m - mean);
    return {mean, student_quantile * std::sqrt(squares / (batches * (batches - 1)))};
}

/// The mean of the values is the exact one at level alpha, and an error of `resolution` (relative) would be seen.
inline void check_mean(const std::string& what, std::span<const double> values, double exact, double resolution) {
    const interval i = batch_means(values);
    INFO(what << ": " << i.mean << " +- " << i.half_width << ", exact " << exact);
    CHECK(std::abs(i.mean - exact) <= i.half_width);
    CHECK(i.half_width <= resolution * exact);
}

/// Probability that all of `servers` servers are busy in M/M/c (Erlang's second formula), `rho` = load per server.
inline double erlang_c(unsigned servers, double rho) {
    const double load = rho * servers;
    double blocked = 1;  // Erlang's first formula, by its recursion
    for (unsigned k = 1; k <= servers; ++k) blocked = load * blocked / (k + load * blocked);
    return blocked / (1 - rho * (1 - blocked));
}

/// Mean wait in M/G/1 in units of the mean service (Pollaczek and Khinchine), `scv` = variance / mean^2 of the service.
inline double pollaczek_khinchine(double rho, double scv) { return rho * (1 + scv) / (2 * (1 - rho)); }

/// Wait(n+1) = max(0, wait(n) + service(n) - time to the next arrival), in integers.
inline std::vector<std::int64_t> lindley(std::span<const customer> customers) {
    std::vector<std::int64_t> waits{0};
    for (std::size_t i = 0; i + 1 < customers.size(); ++i) {
        const auto between = customers[i + 1].arrival_ns - customers[i].arrival_ns;
        waits.push_back(std::max<std::int64_t>(0, waits.back() + customers[i].service_ns - between));
    }
    return waits;
}

}  // namespace queueing
