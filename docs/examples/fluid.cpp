// Module fluid: what a replica does at a load, and a service that flows by it.
#include "example.hpp"

#include <ampacity/fluid/fluid_service.hpp>
#include <ampacity/fluid/offered_rate.hpp>
#include <ampacity/fluid/site_router.hpp>
#include <ampacity/fluid/surface.hpp>
#include <ampacity/fluid/window.hpp>

#include <chrono>
#include <cmath>
#include <memory>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;

void fluid_example() {
    // One seat, and a step of 1 s for each request: a queue with one server.
    const fluid::surface_options replica{
        .engine = {.max_seqs = 1, .max_batched_tokens = 64, .kv_capacity_tokens = 64},
        .time = serving::iteration_time(serving::linear_step{.base = serving::to_exact(1s)}),
        .prompt = workload::token_lengths({{.law = constant_distribution{1}}}),
        .output = workload::token_lengths({{.law = constant_distribution{1}}}),
        .targets = {.ttft = 5s},
        .requests = 20'000};
    const auto made = std::make_shared<const fluid::surface>(fluid::surface::build(replica));
    require(std::abs(made->mix(1, 1).capacity - 1) < 1e-6, "it serves a request per second");
    require(std::abs(made->at(0.5, 1, 1).ttft.mean - 1.5) < 0.1, "half loaded, one waits half a second");

    // 30 requests per second to 50 of them, and for a minute 60.
    fluid::offered_rate rate{30, 20'000, {}, 0ns, {.surges = {{.at = 2min, .length = 1min, .factor = 2}}}};
    fluid::fluid_service service(made, rate, replica.targets);
    for (int minute = 1; minute <= 5; ++minute) service.advance(start_of_time + minute * 1min, 50);
    require(std::abs(service.totals().max_backlog - 600) < 1e-6, "10 per second are too many");
    require(service.backlog() == 0, "half a minute later they are served");
    require(service.result()->ttft.p99 > 10, "and have waited");

    // 25 per second to 50 of them, and four of these simulated for half an hour.
    fluid::fluid_service steady(made, fluid::offered_rate{25, 1'000'000, {}, 0ns}, replica.targets);
    fluid::window_recorder recorder({.every = 1h, .length = 30min, .warm_up = 10min, .seed = 7});
    for (int minute = 1; minute <= 90; ++minute) {
        steady.advance(start_of_time + minute * 1min, 50);
        recorder.add(steady.last(), 50);
    }
    const fluid::windows_result windows = compare_windows(*made, replica, recorder);
    require(windows.each.size() == 1 && windows.each[0].replicas == 4, "of one window");
    require(std::abs(windows.flow.busy / windows.engine.busy - 1) < 0.1, "both sides are alike");

    // Frankfurt's requests go to the cheaper of two sites until nine tenths of it are taken.
    const hardware::position frankfurt{50.1, 8.7}, stockholm{59.3, 18.1};
    fluid::site_router router({.by = hardware::site_preference::cheapest}, {frankfurt}, {frankfurt, stockholm});
    const fluid::site_room rooms[]{{.capacity = 1000, .price_usd_per_j = 3e-8},
                                   {.capacity = 1000, .price_usd_per_j = 1e-8}};
    std::vector<double> to(2);
    router.split(std::vector{1200.0}, rooms, 0, to);
    require(std::abs(to[1] - 900) < 1e-9 && std::abs(to[0] - 300) < 1e-9, "the rest stays");
}
