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

TEST_CASE("durations may depend on the size, by a factor or a law of their own", "[synthetic]") {
    auto options = usual(5'000);
    const auto base = draw(options);
    options.sizes[2].duration_factor = 2;
    options.sizes[3].law = workload::duration_mixture{{{1, constant_distribution{60}}}};
    const auto jobs = draw(options);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        REQUIRE(jobs[i].gpus == base[i].gpus);
        REQUIRE(jobs[i].submit == base[i].submit);
        if (jobs[i].gpus == 1) REQUIRE(jobs[i].work == base[i].work);
        if (jobs[i].gpus == 8) {
            const double twice = std::min(2 * to_seconds(base[i].work), to_seconds(options.max));
            REQUIRE(std::abs(to_seconds(jobs[i].work) - twice) <= 2e-9);
        }
        if (jobs[i].gpus == 32) REQUIRE(jobs[i].work == std::chrono::minutes{1});
    }
    // A law for all takes the place of the lognormal; with the same parameters it draws the same.
    options = usual(500);
    options.law = workload::duration_mixture{{{1, lognormal_distribution{1320, 2.0}}}, options.max};
    const auto by_law = draw(options);
    for (std::size_t i = 0; i < by_law.size(); ++i) REQUIRE(by_law[i].work == base[i].work);
}

TEST_CASE("users, groups and priorities come in their shares and shift nothing else", "[synthetic]") {
    auto options = usual(50'000);
    const auto base = draw(options);
    options.users = {{"ann", "physics", 3}, {"bob", "", 1}, {"carl", "physics", 0}, {"dora", "biology", 4}};
    options.priorities = {{0, 9}, {10, 1}};
    synthetic_source source{options};
    std::vector<job_request> jobs(options.jobs);
    REQUIRE(source.next(jobs) == jobs.size());
    double ann = 0;
    double urgent = 0;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        REQUIRE(jobs[i].submit == base[i].submit);
        REQUIRE(jobs[i].work == base[i].work);
        REQUIRE(jobs[i].gpus == base[i].gpus);
        REQUIRE(jobs[i].estimate == base[i].estimate);
        const auto user = source.text(jobs[i].user);
        const auto group = source.text(jobs[i].group);
        REQUIRE(user != "carl");
        REQUIRE(group == (user == "ann" ? "physics" : user == "bob" ? "" : "biology"));
        ann += user == "ann" ? 1 : 0;
        REQUIRE((jobs[i].priority == 0 || jobs[i].priority == 10));
        urgent += jobs[i].priority == 10 ? 1 : 0;
        REQUIRE((base[i].user == 0 && base[i].group == 0 && base[i].priority == 0));
    }
    CHECK(std::abs(ann / 50'000 - 0.375) < 4.4 * std::sqrt(0.375 * 0.625 / 50'000));
    CHECK(std::abs(urgent / 50'000 - 0.1) < 4.4 * std::sqrt(0.09 / 50'000));
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

TEST_CASE("the rest of a description becomes options too", "[synthetic]") {
    using namespace std::chrono_literals;
    scenario::synthetic_jobs jobs;
    jobs.jobs = 3;
    jobs.rate = {0.25};
    jobs.gpus = {{4, 2.0}};
    jobs.duration.mixture.resize(7);
    jobs.duration.mixture[0].constant = 5s;
    jobs.duration.mixture[1].uniform = scenario::uniform_durations{1s, 2s};
    jobs.duration.mixture[2].exponential = 9s;
    jobs.duration.mixture[3].lognormal = scenario::lognormal_law{3s, 0.5};
    jobs.duration.mixture[4].weibull = scenario::weibull_law{4s, 0.7};
    jobs.duration.mixture[5].pareto = scenario::pareto_law{6s, 1.5, std::nullopt};
    jobs.duration.mixture[6].quantiles = scenario::quantile_durations{interpolation::step, {{0.5, 7s}, {1, 8s}}};
    auto& a = jobs.arrivals.emplace();
    a.process = workload::arrival_process::weibull;
    a.daily.assign(24, 1.0);
    a.daily[5] = 3;
    a.weekly = {1, 1, 1, 1, 1, 0, 2};
    a.batches = scenario::batch_shape{0.1, 5, 3s};
    a.beat = 10min;
    jobs.users = scenario::user_mix{3, 1, 2};
    jobs.priorities = {{7, 1.0}};
    // 2026-01-01 is a Thursday.
    const auto o = scenario::make_options(jobs, 9, 5, scenario::default_start + 90min);
    CHECK(o.process == workload::arrival_process::weibull);
    REQUIRE(o.profile.size() == 168);
    CHECK(o.profile[5] == 3);
    CHECK(o.profile[5 * 24 + 5] == 0);
    CHECK(o.profile[6 * 24 + 5] == 6);
    CHECK(o.week_offset == 3 * 24h + 90min);
    CHECK(scenario::make_options(jobs, 9, 5, scenario::date{-1h}).week_offset == 2 * 24h + 23h);
    CHECK(o.batches->mean == 5);
    CHECK(o.batches->spacing == 3s);
    CHECK(o.beat == 10min);
    CHECK(o.law.has_value());
    REQUIRE(o.users.size() == 3);
    CHECK(o.users[2].name == "user-3");
    CHECK(o.users[2].group == "group-1");
    CHECK(o.users[1].group == "group-2");
    CHECK(std::abs(o.users[2].weight - 1.0 / 3) < 1e-15);
    REQUIRE(o.priorities.size() == 1);
    CHECK(o.priorities[0].value == 7);

    jobs.users.reset();
    jobs.groups = {{"a", 3, 2, 0}, {"b", 1, 1, 1}};
    const auto g = scenario::make_options(jobs, 9, 5);
    REQUIRE(g.users.size() == 3);
    CHECK(g.users[0].name == "a/1");
    CHECK(g.users[1].weight == 1.5);
    CHECK(g.users[2].group == "b");
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
