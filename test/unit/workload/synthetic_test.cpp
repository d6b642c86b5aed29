#include "support/catch.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/scenario/synthetic_options.hpp>
#include <ampacity/workload/synthetic.hpp>

#include <algorithm>
#include <cmath>

using namespace ampacity;
using workload::job_request;
using workload::synthetic_options;
using workload::synthetic_source;

namespace {

synthetic_options usual(std::uint64_t jobs) {
    return {.seed = 42,
            .jobs = jobs,
            .rate_per_s = 0.01,
            .median = std::chrono::minutes{22},
            .sigma = 2.0,
            .max = std::chrono::hours{24 * 30},
            .sizes = {{1, 8.0}, {2, 0.0}, {8, 1.5}, {32, 0.5}},
            .estimate = synthetic_options::factor{1.0, 5.0}};
}

std::vector<job_request> draw(const synthetic_options& options, std::size_t batch = 1000) {
    synthetic_source source{options};
    std::vector<job_request> jobs;
    std::vector<job_request> buffer(batch);
    while (const std::size_t n = source.next(buffer))
        jobs.insert(jobs.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(n));
    CHECK(source.progress() == 1.0);
    return jobs;
}

std::vector<double> intervals_s(const std::vector<job_request>& jobs) {
    std::vector<double> out;
    instant last = start_of_time;
    for (const job_request& job : jobs) {
        out.push_back(to_seconds(job.submit - last));
        last = job.submit;
    }
    return out;
}

double mean(const std::vector<double>& x) {
    double sum = 0;
    for (const double v : x) sum += v;
    return sum / static_cast<double>(x.size());
}

double cv(const std::vector<double>& x) {
    const double m = mean(x);
    double sum = 0;
    for (const double v : x) sum += (v - m) * (v - m);
    return std::sqrt(sum / static_cast<double>(x.size() - 1)) / m;
}

}  // namespace

TEST_CASE("synthetic jobs are rigid, numbered and in order of submit", "[synthetic]") {
    const auto jobs = draw(usual(5'000));
    REQUIRE(jobs.size() == 5'000);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        CHECK(jobs[i].row == i);
        CHECK(jobs[i].name == static_cast<std::int64_t>(i));
        CHECK(!jobs[i].name_is_text);
        CHECK(jobs[i].gpus_min == jobs[i].gpus);
        CHECK(jobs[i].gpus_max == jobs[i].gpus);
        CHECK((jobs[i].gpus == 1 || jobs[i].gpus == 8 || jobs[i].gpus == 32));
        CHECK(jobs[i].work <= std::chrono::hours{24 * 30});
        CHECK(jobs[i].work >= duration::zero());
        CHECK(jobs[i].estimate >= jobs[i].work);
        CHECK(ticks(jobs[i].estimate) / 5 <= ticks(jobs[i].work));
        CHECK((i == 0 || jobs[i].submit >= jobs[i - 1].submit));
    }
    CHECK(draw(usual(0)).empty());
}

TEST_CASE("the batch size changes nothing", "[synthetic]") {
    const auto a = draw(usual(1'000), 1);
    const auto b = draw(usual(1'000), 7);
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        CHECK(a[i].submit == b[i].submit);
        CHECK(a[i].work == b[i].work);
        CHECK(a[i].gpus == b[i].gpus);
        CHECK(a[i].estimate == b[i].estimate);
    }
}

TEST_CASE("one parameter never shifts the draws of another", "[synthetic]") {
    const auto base = draw(usual(500));
    auto options = usual(800);
    options.rate_per_s = 0.5;
    options.cv = 1;
    options.estimate.reset();
    const auto faster = draw(options);
    options = usual(500);
    options.sizes = {{4, 1.0}};
    const auto uniform = draw(options);
    options = usual(500);
    options.seed = 43;
    const auto other_seed = draw(options);
    options = usual(500);
    options.entry = 1;
    const auto other_entry = draw(options);
    std::size_t same_seed = 0;
    std::size_t same_entry = 0;
    for (std::size_t i = 0; i < base.size(); ++i) {
        CHECK(faster[i].work == base[i].work);
        CHECK(faster[i].gpus == base[i].gpus);
        CHECK(faster[i].estimate == workload::no_estimate);
        CHECK(uniform[i].submit == base[i].submit);
        CHECK(uniform[i].work == base[i].work);
        CHECK(uniform[i].estimate == base[i].estimate);
        CHECK(other_entry[i].source == 1);
        same_seed += other_seed[i].work == base[i].work ? 1U : 0U;
        same_entry += other_entry[i].work == base[i].work ? 1U : 0U;
    }
    CHECK(same_seed <= 1);
    CHECK(same_entry <= 1);
}

// Fixed seed, so these never flicker; the bounds are 4.4 standard errors, a false alarm in 1e5 for a new seed.
TEST_CASE("intervals have the rate and the variation that is asked for", "[synthetic]") {
    auto options = usual(100'000);
    const double n = 100'000;
    for (const double wanted : {0.25, 0.5, 1.0, 1.5, 3.0}) {
        INFO("cv " << wanted);
        options.cv = wanted;
        const auto x = intervals_s(draw(options));
        CHECK(std::abs(mean(x) / 100.0 - 1) < 4.4 * wanted / std::sqrt(n));
        // Gamma: excess kurtosis 6 cv^2, skewness 2 cv; delta method for the ratio of the two moments.
        const double v = wanted * wanted;
        const double relative_variance = (2 + 6 * v) / 4 + v - 2 * v;
        CHECK(std::abs(cv(x) / wanted - 1) < 4.4 * std::sqrt(relative_variance / n));
    }
    options.cv = 0;
    options.jobs = 100;
    const auto jobs = draw(options);
    for (std::size_t i = 0; i < jobs.size(); ++i)
        CHECK(jobs[i].submit == instant{std::chrono::seconds{100 * static_cast<std::int64_t>(i + 1)}});
}

TEST_CASE("durations are lognormal up to their limit", "[synthetic]") {
    auto options = usual(100'000);
    const double n = 100'000;
    const auto jobs = draw(options);
    // Shares below the median and below one sigma above it, and the share that was cut.
    const auto share = [&](auto&& predicate) {
        return static_cast<double>(std::count_if(jobs.begin(), jobs.end(), predicate)) / n;
    };
    const auto bound = [&](double p) { return 4.4 * std::sqrt(p * (1 - p) / n); };
    CHECK(std::abs(share([&](const job_request& j) { return j.work < options.median; }) - 0.5) < bound(0.5));
    const double one_sigma_s = 22 * 60 * std::exp(2.0);
    CHECK(std::abs(share([&](const job_request& j) { return to_seconds(j.work) < one_sigma_s; }) - 0.8413447) <
          bound(0.8413447));
    const double cut = 0.5 * std::erfc(std::log(30 * 24 * 60 / 22.0) / 2.0 / std::sqrt(2.0));
    CHECK(std::abs(share([&](const job_request& j) { return j.work == options.max; }) - cut) < bound(cut));
    options.sigma = 0;
    options.jobs = 10;
    for (const job_request& job : draw(options)) CHECK(job.work == std::chrono::minutes{22});
}

TEST_CASE("sizes come in their shares", "[synthetic]") {
    const auto jobs = draw(usual(100'000));
    for (const auto& [gpus, p] : {std::pair{1U, 0.8}, {2U, 0.0}, {8U, 0.15}, {32U, 0.05}}) {
        const auto count =
            std::count_if(jobs.begin(), jobs.end(), [size = gpus](const job_request& j) { return j.gpus == size; });
        CHECK(std::abs(static_cast<double>(count) / 1e5 - p) <= 4.4 * std::sqrt(p * (1 - p) / 1e5));
    }
    // A weight of 0 at the end is never drawn.
    auto options = usual(10'000);
    options.sizes = {{1, 1.0}, {64, 0.0}};
    for (const job_request& job : draw(options)) REQUIRE(job.gpus == 1);
}

TEST_CASE("a stream beyond 200 years is refused, not wrapped", "[synthetic]") {
    auto options = usual(1'000);
    options.rate_per_s = 1e-9;
    CHECK_THROWS_AS(draw(options), scenario_error);
    options.cv = 20;
    CHECK_THROWS_AS(draw(options), scenario_error);
}

TEST_CASE("options outside their ranges are a bug of the caller", "[synthetic]") {
    auto options = usual(1);
    SECTION("no sizes") { options.sizes.clear(); }
    SECTION("no weight") { options.sizes = {{1, 0.0}}; }
    SECTION("no rate") { options.rate_per_s = 0; }
    SECTION("no median") { options.median = duration::zero(); }
    SECTION("estimates upside down") { options.estimate = synthetic_options::factor{2, 1}; }
    CHECK_THROWS_AS(synthetic_source{options}, internal_error);
}

TEST_CASE("a scenario's description becomes options", "[synthetic]") {
    scenario::synthetic_jobs jobs;
    jobs.jobs = 3;
    jobs.rate = {0.25};
    jobs.cv = 2;
    jobs.duration = {std::chrono::minutes{1}, 1.5, std::chrono::hours{1}};
    jobs.gpus = {{4, 2.0}};
    jobs.estimate_factor = scenario::factor_range{1, 3};
    const auto options = scenario::make_options(jobs, 9, 5);
    CHECK(options.seed == 9);
    CHECK(options.entry == 5);
    CHECK(options.jobs == 3);
    CHECK(options.rate_per_s == 0.25);
    CHECK(options.cv == 2);
    CHECK(options.median == std::chrono::minutes{1});
    CHECK(options.sigma == 1.5);
    CHECK(options.max == std::chrono::hours{1});
    REQUIRE(options.sizes.size() == 1);
    CHECK(options.sizes[0].gpus == 4);
    CHECK(options.sizes[0].weight == 2.0);
    REQUIRE(options.estimate);
    CHECK(options.estimate->max == 3);
}
