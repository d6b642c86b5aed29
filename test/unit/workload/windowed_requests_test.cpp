#include "support/catch.hpp"

#include <ampacity/workload/windowed_requests.hpp>

#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;
using workload::arrival_process;
using workload::request;
using workload::windowed_request_options;
using workload::windowed_requests;

namespace {

/// All lengths are this one.
empirical_distribution always(double tokens) { return {{{0, tokens}, {1, tokens}}, interpolation::linear}; }

windowed_request_options options(std::vector<workload::rate_window> rates) {
    return {.seed = 5, .rates = std::move(rates), .lengths = {{start_of_time, {always(7), always(4)}, always(3)}}};
}

std::vector<request> all(windowed_request_options of) {
    windowed_requests source(std::move(of));
    std::vector<request> out;
    std::array<request, 7> batch;
    while (const std::size_t n = source.next(batch)) out.insert(out.end(), batch.begin(), batch.begin() + n);
    return out;
}

}  // namespace

TEST_CASE("windowed requests: gaps have the rate and the variation of their window") {
    for (const auto& [process, shape, cv] :
         {std::tuple{arrival_process::poisson, 1.0, 1.0}, std::tuple{arrival_process::gamma, 0.25, 2.0},
          std::tuple{arrival_process::gamma, 4.0, 0.5}, std::tuple{arrival_process::weibull, 2.0, 0.5227}}) {
        const auto requests = all(options({{start_of_time, 100'000s, 0.5, process, shape}}));
        const auto n = static_cast<double>(requests.size());
        CHECK(n == Approx(50'000).epsilon(0.03));
        double sum = 0, squares = 0;
        instant before = start_of_time;
        for (const request& r : requests) {
            const double gap = to_seconds(r.arrival - before);
            before = r.arrival;
            sum += gap;
            squares += gap * gap;
        }
        const double mean = sum / n;
        CHECK(std::sqrt(squares / n - mean * mean) / mean == Approx(cv).epsilon(0.03));
        CHECK(requests.back().row == requests.size() - 1);
    }
}

TEST_CASE("windowed requests: nothing comes between windows and a gap goes on behind them") {
    const instant at = start_of_time;
    const auto together = all(options({{at, 2h, 0.01, arrival_process::poisson, 1}}));
    const auto apart = all(options({{at, 1h, 0.01, arrival_process::poisson, 1},
                                    {at + 1h, 1h, 0, arrival_process::poisson, 1},
                                    {at + 5h, 1h, 0.01, arrival_process::poisson, 1}}));
    REQUIRE(together.size() > 50);
    REQUIRE(apart.size() == together.size());
    for (std::size_t i = 0; i != apart.size(); ++i) {
        const duration shift = together[i].arrival >= at + 1h ? 4h : 0h;
        CHECK(std::abs(to_seconds(apart[i].arrival - together[i].arrival - shift)) < 1e-6);
    }
}

TEST_CASE("windowed requests: twice the rate halves the gaps, and windows change lengths") {
    const auto slow = all(options({{start_of_time, 20h, 0.01, arrival_process::gamma, 0.5}}));
    auto of = options({{start_of_time, 10h, 0.02, arrival_process::gamma, 0.5}});
    of.lengths.push_back({start_of_time + 5h, {always(0)}, always(0)});
    const auto fast = all(of);
    REQUIRE(slow.size() == fast.size());
    for (std::size_t i = 0; i != slow.size(); ++i) {
        CHECK(std::abs(to_seconds(slow[i].arrival - start_of_time) - 2 * to_seconds(fast[i].arrival - start_of_time)) <
              1e-6);
        CHECK(slow[i].prompt_tokens == 11);
        CHECK(slow[i].output_tokens == 3);
        const bool late = fast[i].arrival >= start_of_time + 5h;
        CHECK(fast[i].prompt_tokens == (late ? 1 : 11));
        CHECK(fast[i].output_tokens == (late ? 1 : 3));
    }
}
