#include "support/catch.hpp"

#include <ampacity/workload/request_presets.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

using namespace ampacity;
using workload::request;

namespace {

/// What the trace's own description publishes.
struct published {
    std::string name;
    double cv;
    double prompt_mean, prompt_p50, prompt_p95, prompt_p99, prompt_max;
    double output_mean, output_p50, output_p95, output_p99, output_max;
};

const std::vector<published> traces{
    {"azure-conv-2023", 1.094, 1154.7, 1020, 4083, 4142, 14050, 211.13, 129, 451, 601, 1000},
    {"mooncake-conversation", 3.034, 12035.06, 6909, 39550.5, 85400.4, 126195, 342.62, 350, 698, 1118.5, 2000},
    {"arxiv-summarization", 1, 2588.08, 2730, 3813, 3933.44, 4054, 291.43, 167, 736.2, 3271.32, 4056}};

void check_lengths(std::vector<double> v, double mean, double p50, double p95, double p99, double max) {
    std::sort(v.begin(), v.end());
    double sum = 0;
    for (const double x : v) sum += x;
    const auto n = static_cast<double>(v.size());
    const auto quantile = [&](double p) { return v[static_cast<std::size_t>(p * n) - 1]; };
    CHECK(sum / n == Approx(mean).epsilon(0.015));
    CHECK(quantile(0.5) == Approx(p50).epsilon(0.02));
    CHECK(quantile(0.95) == Approx(p95).epsilon(0.06));
    CHECK(quantile(0.99) == Approx(p99).epsilon(0.06));
    CHECK(v.back() <= max);
    CHECK(v.back() > 0.9 * max);
}

}  // namespace

TEST_CASE("request presets: what is generated has the published statistics") {
    CHECK(workload::request_presets().size() == traces.size());
    for (const published& t : traces) {
        INFO(t.name);
        const workload::request_preset* const p = workload::find_request_preset(t.name);
        REQUIRE(p != nullptr);
        CHECK_FALSE(p->source.empty());
        workload::synthetic_requests source({.seed = 11,
                                             .requests = 200'000,
                                             .arrivals = {.seed = 11, .entity = 0, .rate_per_s = 5, .cv = p->cv},
                                             .prompt = p->prompt,
                                             .output = p->output});
        std::vector<double> prompts, outputs;
        double sum = 0, squares = 0;
        instant last = start_of_time;
        std::vector<request> batch(1000);
        while (const std::size_t n = source.next(batch)) {
            for (std::size_t i = 0; i != n; ++i) {
                prompts.push_back(batch[i].prompt_tokens);
                outputs.push_back(batch[i].output_tokens);
                const double gap = to_seconds(batch[i].arrival - last);
                last = batch[i].arrival;
                sum += gap;
                squares += gap * gap;
            }
        }
        check_lengths(prompts, t.prompt_mean, t.prompt_p50, t.prompt_p95, t.prompt_p99, t.prompt_max);
        check_lengths(outputs, t.output_mean, t.output_p50, t.output_p95, t.output_p99, t.output_max);
        const double mean = sum / 200'000;
        CHECK(mean == Approx(0.2).epsilon(0.03));
        CHECK(std::sqrt(squares / 200'000 - mean * mean) / mean == Approx(t.cv).epsilon(0.03));
    }
    CHECK(workload::find_request_preset("azure") == nullptr);
}
