#include "support/catch.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/workload/request_source.hpp>
#include <ampacity/workload/synthetic_requests.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;
using workload::request;
using workload::synthetic_request_options;
using workload::synthetic_requests;
using workload::token_lengths;

namespace {

/// Poisson arrivals, lognormal prompts, geometric-like answers.
synthetic_request_options chat(std::uint64_t requests) {
    return {.seed = 7,
            .entity = 1000,
            .requests = requests,
            .arrivals = {.seed = 7, .entity = 1000, .rate_per_s = 5, .process = workload::arrival_process::poisson},
            .prompt = token_lengths({{.law = lognormal_distribution{1020, 0.8}}}),
            .output = token_lengths({{.law = exponential_distribution{211}}}, 1000)};
}

std::vector<request> all(synthetic_request_options options, std::size_t batch_size = 100) {
    synthetic_requests source(std::move(options));
    std::vector<request> out;
    std::vector<request> batch(batch_size);
    while (const std::size_t n = source.next(batch))
        out.insert(out.end(), batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(n));
    return out;
}

}  // namespace

TEST_CASE("synthetic_requests: lengths and arrivals follow their laws") {
    const std::vector<request> r = all(chat(200'000));
    REQUIRE(r.size() == 200'000);
    std::vector<std::uint32_t> prompts;
    double answers = 0;
    for (std::size_t i = 0; i != r.size(); ++i) {
        CHECK(r[i].row == i);
        if (i != 0 && r[i].arrival < r[i - 1].arrival) FAIL("out of order");
        prompts.push_back(r[i].prompt_tokens);
        answers += r[i].output_tokens;
    }
    std::sort(prompts.begin(), prompts.end());
    // Five standard deviations: of the median of a lognormal, of the mean of a cut exponential, of a Poisson count.
    CHECK(std::abs(prompts[100'000] - 1020.0) < 5 * 1020 * 0.8 * 1.2533 / std::sqrt(200'000.0));
    const double cut_mean = 211 * (1 - std::exp(-1000.0 / 211));
    CHECK(std::abs(answers / 200'000 - cut_mean) < 5 * 211 / std::sqrt(200'000.0) + 0.2);
    CHECK(std::abs(to_seconds(r.back().arrival) - 40'000) < 5 * 0.2 * std::sqrt(200'000.0));
    CHECK(std::all_of(r.begin(), r.end(),
                      [](const request& x) { return x.output_tokens >= 1 && x.output_tokens <= 1000; }));
    CHECK(std::any_of(r.begin(), r.end(), [](const request& x) { return x.output_tokens == 1000; }));
}

TEST_CASE("synthetic_requests: no draw shifts another") {
    const std::vector<request> base = all(chat(50));
    CHECK(all(chat(50), 7).back().output_tokens == base.back().output_tokens);
    auto faster = chat(80);
    faster.arrivals.rate_per_s = 50;
    auto longer = chat(50);
    longer.prompt =
        token_lengths({{.weight = 1, .law = constant_distribution{5}}, {.weight = 1, .law = constant_distribution{9}}});
    const std::vector<request> f = all(faster);
    const std::vector<request> l = all(longer);
    bool both = false;
    for (std::size_t i = 0; i != base.size(); ++i) {
        CHECK(f[i].prompt_tokens == base[i].prompt_tokens);
        CHECK(f[i].output_tokens == base[i].output_tokens);
        CHECK(l[i].output_tokens == base[i].output_tokens);
        CHECK(l[i].arrival == base[i].arrival);
        both = both || l[i].prompt_tokens != l[0].prompt_tokens;
    }
    CHECK(both);
}

TEST_CASE("synthetic_requests: what cannot be drawn is refused") {
    CHECK_THROWS_AS(token_lengths({}), std::invalid_argument);
    CHECK_THROWS_AS(token_lengths({{.law = lognormal_distribution{-1, 1}}}), std::invalid_argument);
    auto slow = chat(10);
    slow.arrivals.rate_per_s = 1e-10;
    CHECK_THROWS_AS(all(slow), scenario_error);
}

TEST_CASE("vector_request_source: sorted stably, rows by position") {
    workload::vector_request_source source({{.arrival = start_of_time + 2s, .prompt_tokens = 1},
                                            {.arrival = start_of_time + 1s, .prompt_tokens = 2},
                                            {.arrival = start_of_time + 2s, .prompt_tokens = 3}});
    CHECK(source.progress() == 0.0);
    std::array<request, 2> out;
    REQUIRE(source.next(out) == 2);
    CHECK(out[0].prompt_tokens == 2);
    CHECK(out[0].row == 1);
    CHECK(out[1].prompt_tokens == 1);
    REQUIRE(source.next(out) == 1);
    CHECK(out[0].prompt_tokens == 3);
    CHECK(source.next(out) == 0);
    CHECK(source.progress() == 1.0);
    CHECK(source.text(0).empty());
    CHECK(source.skipped().empty());
}
