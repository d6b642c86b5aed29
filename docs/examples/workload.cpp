// Module workload: jobs, where they come from.
#include "example.hpp"

#include <ampacity/workload/arrivals.hpp>
#include <ampacity/workload/client_requests.hpp>
#include <ampacity/workload/closed_requests.hpp>
#include <ampacity/workload/conversation.hpp>
#include <ampacity/workload/durations.hpp>
#include <ampacity/workload/job.hpp>
#include <ampacity/workload/links.hpp>
#include <ampacity/workload/rate_clock.hpp>
#include <ampacity/workload/rate_profile.hpp>
#include <ampacity/workload/request.hpp>
#include <ampacity/workload/request_presets.hpp>
#include <ampacity/workload/request_source.hpp>
#include <ampacity/workload/scaling.hpp>
#include <ampacity/workload/session_requests.hpp>
#include <ampacity/workload/source.hpp>
#include <ampacity/workload/synthetic.hpp>
#include <ampacity/workload/synthetic_requests.hpp>
#include <ampacity/workload/windowed_requests.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;

namespace {

/// Conversations of two clients, as long as those of a published trace.
void clients_talk() {
    const workload::request_preset& like = *workload::find_request_preset("azure-conv-2023");
    std::vector<std::unique_ptr<workload::request_source>> clients;
    for (const std::uint64_t entity : {std::uint64_t{0}, std::uint64_t{1'000'000}}) {
        clients.push_back(std::make_unique<workload::session_requests>(
            workload::synthetic_request_options{
                .seed = 1,
                .entity = entity,
                .requests = 100,
                .arrivals = {.seed = 1, .entity = entity, .rate_per_s = 1, .cv = like.cv},
                .prompt = like.prompt,
                .output = like.output},
            workload::session_options{.turns = 5, .think_s = 10, .context = 32'768}));
    }
    workload::client_requests all(std::move(clients), 100);
    std::array<workload::request, 100> requests;
    require(all.next(requests) == 100 && all.next(requests) == 0, "a hundred requests of both");
    require(std::any_of(requests.begin(), requests.end(), [](const auto& r) { return r.prefix_tokens != 0; }),
            "some prompts begin with what was said before");
}

/// Two users of whom each waits for an answer, half a second after every request, before the next.
void users_wait() {
    workload::closed_requests asks({.seed = 1,
                                    .requests = 6,
                                    .arrivals = {.seed = 1, .entity = 0},
                                    .prompt = workload::token_lengths({{.law = constant_distribution{100}}}),
                                    .output = workload::token_lengths({{.law = constant_distribution{20}}})},
                                   {.turns = 1}, workload::loop_users{.count = 2});
    while (asks.next_arrival() != never) {
        const workload::request r = asks.take();
        require(r.arrival == start_of_time + static_cast<std::int64_t>(r.row / 2) * 500ms, "both come in step");
        if (r.row % 2 == 0) continue;
        asks.left(r.row - 1, true, r.arrival + 500ms);
        asks.left(r.row, true, r.arrival + 500ms);
    }
}

/// A rate that doubles for an hour: 3 hours of operational time have passed after 2.
void rates_surge() {
    workload::rate_clock clock({}, {.surges = {{.at = 1h, .length = 1h, .factor = 2}}});
    require(clock.calendar_time(3h) == 2h, "the surge lasts from 1 h to 2 h");
}

}  // namespace

void workload_example() {
    users_wait();
    rates_surge();
    // Jobs from memory come in order of submit.
    workload::job_request late{.name = 1, .submit = start_of_time + 1h, .work = 10min, .gpus = 8};
    workload::job_request early{.name = 2, .work = 5min, .gpus = 1};
    require(early.estimate == workload::no_estimate, "no estimate unless one is given");
    workload::vector_source listed({late, early});
    std::array<workload::job_request, 4> batch;
    require(listed.next(batch) == 2 && batch[0].name == 2 && batch[1].row == 0, "sorted, rows by position");
    require(listed.next(batch) == 0, "exhausted");

    // A job can wait for others of its source before it enters the queue; the links outlive the simulation.
    const std::array first{workload::dependency{.row = 0, .kind = workload::dependency_kind::after_any}};
    const workload::job_links links{.after = first, .think = 30s};
    late.links = &links;
    require(late.links->after[0].row == 0, "rows count from 0 within the source");
    // An elastic job of which a fifth is serial, which prefers 4 GPUs: on 1 of them it takes 2.5 times as long.
    require(workload::amdahl_speed(0.2, 4, 4) == 1.0, "speed 1 is that of what it prefers");
    require(std::abs(workload::amdahl_speed(0.2, 4, 1) - 0.4) < 1e-15, "Amdahl's law");

    // Jobs from distributions follow from the seed.
    workload::synthetic_source drawn(
        {.seed = 1, .jobs = 3, .rate_per_s = 0.5, .cv = 0, .median = 1min, .sizes = {{.gpus = 4}}});
    require(drawn.next(batch) == 3, "as many as were asked for");
    require(batch[2].submit == start_of_time + 6s && batch[2].work == 1min && batch[2].gpus == 4,
            "a fixed beat of equal jobs");
    require(drawn.progress() == 1.0, "all are out");

    // The parts of such a stream can be had alone: when jobs come ...
    workload::arrivals beat({.seed = 1, .entity = 0, .rate_per_s = 0.1, .cv = 0});
    require(beat.next() == start_of_time + 10s && beat.next() == start_of_time + 20s, "arrivals");
    std::vector<double> weights(workload::rate_profile::hours, 1.0);
    weights[0] = 0;  // nothing comes on Monday between 0 and 1 o'clock
    const workload::rate_profile week(weights, 0s);
    require(week.calendar_time(1s) > 1h && week.operational_time(1h) == 0s, "a profile is a change of time");

    // ... and how long they run.
    const workload::duration_mixture lengths({{.weight = 1, .law = constant_distribution{60}}}, 10min);
    random_stream stream(1, purpose::durations, 0);
    require(lengths(stream) == 1min && lengths(stream, 100.0) == 10min, "durations, cut to the longest");

    // Requests to a service come the same way.
    workload::vector_request_source asked({{.arrival = start_of_time + 2s, .prompt_tokens = 500, .output_tokens = 20},
                                           {.arrival = start_of_time + 1s, .prompt_tokens = 80, .output_tokens = 9}});
    std::array<workload::request, 4> requests;
    require(asked.next(requests) == 2 && requests[0].prompt_tokens == 80 && requests[0].row == 1,
            "in order of arrival");

    // Lengths of prompts and answers are mixtures of laws, drawn apart from the arrivals.
    workload::synthetic_requests generated(
        {.seed = 1,
         .requests = 2,
         .arrivals = {.seed = 1, .entity = 0, .rate_per_s = 4, .cv = 0},
         .prompt = workload::token_lengths({{.law = constant_distribution{99.5}}}),
         .output = workload::token_lengths({{.law = lognormal_distribution{130, 1}}})});
    require(generated.next(requests) == 2 && requests[1].arrival == start_of_time + 500ms, "a fixed beat");
    require(requests[0].prompt_tokens == 100 && requests[0].output_tokens >= 1, "rounded, and never empty");
    clients_talk();
}
