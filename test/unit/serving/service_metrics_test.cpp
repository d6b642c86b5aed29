#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/serving/service_metrics.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;
using serving::latency_statistics;
using serving::request_record;
using serving::request_state;

namespace {

request_record answered(duration wait, duration first, duration all, std::uint32_t tokens) {
    return {.arrival = start_of_time + 5s,
            .first_start = start_of_time + 5s + wait,
            .first_token = start_of_time + 5s + first,
            .end = start_of_time + 5s + all,
            .prompt_tokens = 100,
            .output_tokens = tokens,
            .produced = tokens,
            .preemptions = 2,
            .state = request_state::finished};
}

}  // namespace

TEST_CASE("service_metrics: counts, latencies and targets") {
    serving::service_metrics m({.ttft = 2s, .tpot = 100ms});
    CHECK_FALSE(m.attainment().has_value());
    m.add(answered(1s, 2s, 3s, 11));        // both met, just
    m.add(answered(0s, 1s, 3s, 11));        // 200 ms per token
    m.add(answered(0s, 2s + 1ns, 3s, 11));  // too late
    m.add(answered(0s, 1s, 1s, 1));         // one token has no time per token
    m.add({.prompt_tokens = 7, .output_tokens = 9, .state = request_state::rejected});
    m.add({.produced = 3, .preemptions = 1, .state = request_state::cancelled});
    m.add({.state = request_state::unfinished});
    CHECK(m.requests == 7);
    CHECK(m.finished == 4);
    CHECK(m.rejected == 1);
    CHECK(m.cancelled == 1);
    CHECK(m.unfinished == 1);
    CHECK(m.preemptions == 9);
    CHECK(m.prompt_tokens == 400);
    CHECK(m.output_tokens == 34);
    CHECK(m.met == 2);
    CHECK(*m.attainment() == 2.0 / 6);
    CHECK(m.ttft.count() == 4);
    CHECK(m.tpot.count() == 3);
    CHECK(*m.ttft.percentile_s(p50) == 1.0);
    CHECK(*m.ttft.percentile_s(p100) == 2.000000001);
    CHECK(*m.tpot.percentile_s(p100) == 0.2);
    CHECK(*m.e2e.mean_s() == 2.5);
    CHECK(*m.queueing.percentile_s(p100) == 1.0);
}

TEST_CASE("latency_statistics: exact up to the limit, within the bound beyond it") {
    latency_statistics none;
    CHECK_FALSE(none.mean_s().has_value());
    CHECK_FALSE(none.percentile_s(p50).has_value());

    random_stream d(36, purpose::test, 0);
    latency_statistics all;
    std::vector<double> values;
    const auto add = [&] {
        values.push_back(std::floor(1e6 / d.uniform01_open()));
        all.add(values.back());
    };
    while (values.size() != latency_statistics::exact_limit) add();
    std::vector<double> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    CHECK(all.is_exact());
    for (const per_mille p : {p50, p90, p99, p999, p100})
        CHECK(*all.percentile_s(p) == sorted[exact_rank(p, sorted.size()) - 1] / 1e9);
    while (values.size() != latency_statistics::exact_limit + 1000) add();
    sorted = values;
    std::sort(sorted.begin(), sorted.end());
    CHECK_FALSE(all.is_exact());
    CHECK(all.count() == sorted.size());
    for (const per_mille p : {p50, p90, p99, p999, p100}) {
        const double exact = sorted[exact_rank(p, sorted.size()) - 1] * 1e-9;
        CHECK(std::abs(*all.percentile_s(p) - exact) <= exact / 2048);
    }
}
