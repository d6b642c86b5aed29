#pragma once
/// \file
/// Random descriptions of synthetic jobs that pass `check`, with every key now and then.

#include <ampacity/core/distributions.hpp>
#include <ampacity/scenario/synthetic_jobs.hpp>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace ampacity::test {

class random_synthetic {
public:
    explicit random_synthetic(std::mt19937_64& random) : random_(random) {}

    /// Adds to jobs that have a rate, sizes and median and sigma.
    void enrich(scenario::synthetic_jobs& jobs) {
        if (coin()) shape(jobs.duration);
        for (auto& size : jobs.gpus) {
            if (coin()) size.duration_factor = 1e-3 + real() * 10;
            if (coin()) {
                size.placement.emplace();
                if (coin()) size.placement->segment = 1 + upto(scenario::max_segment);
                size.placement->within = static_cast<scope>(upto(4));
                size.placement->exclusive = coin();
                size.placement->spread = coin();
            }
            if (coin())
                size.elastic = scenario::elastic_range{
                    .min = 1 + upto(size.gpus), .max = size.gpus + upto(9), .serial_fraction = real()};
            if (upto(4) == 0) {
                size.duration.emplace();
                size.duration->median = time();
                size.duration->sigma = real() * 10;
                shape(*size.duration);
            }
        }
        if (coin()) arrive(jobs);
        if (coin()) {
            jobs.users = scenario::user_mix{1 + upto(100), real() * 10, std::nullopt};
            if (coin()) jobs.users->groups = 1 + upto(jobs.users->count);
        } else {
            for (std::uint64_t i = upto(3); i > 0; --i)
                jobs.groups.push_back({"group " + std::to_string(i), weight(), 1 + upto(9), real() * 3});
        }
        for (std::uint64_t i = upto(3); i > 0; --i) jobs.priorities.push_back({upto(1000), weight()});
        for (std::uint64_t i = upto(3); i > 0; --i) jobs.models.push_back({"model " + std::to_string(i), weight()});
    }

private:
    std::uint64_t upto(std::uint64_t n) { return random_() % n; }
    bool coin() { return upto(2) == 0; }
    double real() { return static_cast<double>(random_() >> 11U) * 0x1p-53; }
    double weight() { return 1e-6 + real() * 100; }
    duration time() { return duration{1 + static_cast<std::int64_t>(upto(std::uint64_t{1} << (10 + upto(45))))}; }

    void shape(scenario::duration_shape& s) {
        if (coin()) return;
        s.median.reset();
        s.sigma.reset();
        for (std::uint64_t i = 1 + upto(3); i > 0; --i) s.mixture.push_back(component());
    }

    scenario::duration_component component() {
        scenario::duration_component c;
        c.weight = weight();
        const duration a = time();
        const duration b = a + time();
        switch (upto(7)) {
            case 0: c.constant = a; break;
            case 1: c.uniform = scenario::uniform_durations{a, b}; break;
            case 2: c.exponential = a; break;
            case 3: c.lognormal = scenario::lognormal_law{a, 0.1 + real()}; break;
            case 4: c.weibull = scenario::weibull_law{a, 0.1 + real()}; break;
            case 5:
                c.pareto = scenario::pareto_law{a, 0.1 + real(), std::nullopt};
                if (coin()) c.pareto->max = b;
                break;
            default:
                c.quantiles = scenario::quantile_durations{static_cast<interpolation>(upto(3)),
                                                           {{0, a}, {0.1 + 0.8 * real(), b}, {1, b + time()}}};
        }
        return c;
    }

    void arrive(scenario::synthetic_jobs& jobs) {
        auto& a = jobs.arrivals.emplace();
        a.process = static_cast<workload::arrival_process>(upto(3));
        if (a.process == workload::arrival_process::poisson) jobs.cv = 1;
        if (a.process == workload::arrival_process::weibull) jobs.cv += 0.02;
        const auto fill = [&](std::vector<double>& w, std::size_t n) {
            for (std::size_t i = 0; i < n; ++i) w.push_back(weight());
        };
        switch (upto(4)) {
            case 0: fill(a.hourly, 168); break;
            case 1: fill(a.daily, 24); break;
            case 2: fill(a.daily, 24); [[fallthrough]];
            default: fill(a.weekly, 7);
        }
        if (coin()) a.growth = 0.1 + real();
        if (coin()) a.surges.push_back({time(), duration{1} + time(), real()});
        if (coin()) a.batches = scenario::batch_shape{real(), 2 + real() * 100, coin() ? duration{0} : time()};
        if (coin()) a.beat = round_to_duration(2 / jobs.rate.value);
    }

    std::mt19937_64& random_;
};

}  // namespace ampacity::test
