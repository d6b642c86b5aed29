// Services inside of a simulation: against the module's own loop, whatever else happens and wherever a run is cut.
#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;
using serving::request_record;
using workload::request;

struct listener final : sim::observer {
    std::vector<std::vector<request_record>> of = std::vector<std::vector<request_record>>(2);
    void on_requests(std::size_t service, std::span<const request_record> records) override {
        CHECK_FALSE(records.empty());
        of.at(service).insert(of.at(service).end(), records.begin(), records.end());
    }
};

struct drawn {
    serving::service_options options;
    std::vector<request> requests;
};

constexpr serving::linear_step step{
    .base = {1000, 0}, .per_token = {105, 1}, .per_kv_token = {3, 1}, .per_prefill_attention = {1, 2}};

drawn draw(std::uint64_t number) {
    random_stream d(77, purpose::test, number);
    const auto upto = [&](std::uint64_t n) { return static_cast<std::int64_t>(d.below(n)); };
    drawn out;
    out.options = {
        .replicas = static_cast<std::uint32_t>(1 + upto(3)),
        .engine = {.max_seqs = 1 + upto(10), .max_batched_tokens = 20 + upto(100), .kv_capacity_tokens = 900},
        .router = upto(2) != 0 ? "least-requests" : "random",
        .random = {.seed = number}};
    if (upto(3) == 0) out.options.engine.timeout = duration{1 + upto(300'000)};
    // Of every second one prompts and answers are computed apart.
    if (number / 2 % 2 == 0)
        out.options.decode =
            serving::decode_options{.replicas = static_cast<std::uint32_t>(1 + number % 3),
                                    .engine = {.max_seqs = 8, .kv_capacity_tokens = 700},
                                    .router = "least-kv",
                                    .time = serving::iteration_time{step},
                                    .transfer = {.latency = duration{static_cast<std::int64_t>(number % 5) * 2000},
                                                 .bytes_per_token = static_cast<std::int64_t>(1 + number % 7 * 200)}};
    std::int64_t now = 0;
    const auto count = static_cast<std::size_t>(upto(120));
    for (std::size_t i = 0; i != count; ++i) {
        now += upto(4) == 0 ? 0 : upto(60'000);
        out.requests.push_back({.arrival = instant{duration{now}},
                                .prompt_tokens = static_cast<std::uint32_t>(1 + upto(150)),
                                .output_tokens = static_cast<std::uint32_t>(1 + upto(60))});
    }
    return out;
}

/// Two services of 3 GPUs a replica, and jobs that come and go at instants of their requests.
sim::parts parts_of(const std::vector<drawn>& services, sim::observer& who) {
    sim::parts parts{.fleet = fleet::fleet_state::pool(32),
                     .policy = policy::make_policy("easy", {}),
                     .placer = policy::make_first_fit(),
                     .observers = {&who}};
    std::vector<workload::job_request> jobs;
    for (const drawn& s : services) {
        for (std::size_t i = 0; i < s.requests.size(); i += 7)
            jobs.push_back({.submit = s.requests[i].arrival,
                            .work = duration{static_cast<std::int64_t>(i) * 10'000},
                            .gpus_min = 5,
                            .gpus = 5,
                            .gpus_max = 5});
    }
    parts.sources.push_back(std::make_unique<workload::vector_source>(std::move(jobs)));
    for (const drawn& s : services) {
        sim::service_parts& to = parts.services.emplace_back(
            sim::service_parts{.name = "s" + std::to_string(parts.services.size()),
                               .options = s.options,
                               .time = serving::iteration_time{step},
                               .requests = std::make_unique<workload::vector_request_source>(s.requests)});
        to.gpus_per_replica = 3;
        to.decode_gpus_per_replica = 2;
        to.places.resize(to.num_replicas());
    }
    return parts;
}

std::vector<request_record> alone(const drawn& s) {
    workload::vector_request_source source(s.requests);
    serving::service service(s.options, serving::iteration_time{step});
    std::vector<request_record> out;
    serving::serve(source, service, never, [&](const request_record& r) { out.push_back(r); });
    return out;
}

/// A source that fails after some requests.
struct broken final : workload::request_source {
    int left = 2;
    std::size_t next(std::span<request> out) override {
        if (left-- == 0) throw std::runtime_error("broken");
        out[0] = {.arrival = instant{duration{10 - left}}};
        return 1;
    }
};

}  // namespace

TEST_CASE("services in a simulation do what they do alone", "[services]") {
    for (std::uint64_t number = 0; number != 150; ++number) {
        const std::vector<drawn> services{draw(2 * number), draw(2 * number + 1)};
        listener seen;
        sim::simulation s(parts_of(services, seen));
        s.run();
        const sim::summary& all = s.results();
        gpu_time held = 0;
        for (std::size_t i = 0; i != 2; ++i) {
            INFO(number << ' ' << i);
            const std::vector<request_record> expected = alone(services[i]);
            REQUIRE(seen.of[i] == expected);
            instant left = start_of_time;
            for (const request_record& r : expected) left = std::max(left, r.end);
            const sim::service_result& r = all.services[i];
            REQUIRE(r.requests == expected.size());
            REQUIRE(r.held == left - start_of_time);
            const auto& decode = services[i].options.decode;
            REQUIRE(r.gpus == services[i].options.replicas * 3 + (decode ? decode->replicas * 2 : 0));
            REQUIRE(r.disaggregated.has_value() == decode.has_value());
            if (decode) {
                const sim::disaggregated_result& d = *r.disaggregated;
                REQUIRE(d.begun == d.received);
                REQUIRE(d.prefill.steps + d.decode.steps == r.steps);
                REQUIRE(to_seconds(d.prefill.busy + d.decode.busy) == r.busy_s);
                REQUIRE(d.prefill.preemptions == 0);
                std::int64_t tokens = 0;
                for (const request_record& x : expected) tokens += x.transfer < duration::zero() ? 0 : x.prompt_tokens;
                REQUIRE(d.moved_b == static_cast<double>(tokens * decode->transfer.bytes_per_token));
                REQUIRE(d.transfer_s.has_value() == (d.received != 0));
            }
            held += r.held_gpu_time();
        }
        for (const sim::job_record& j : s.records(0)) held += gpu_time{ticks(j.useful)} * j.gpus;
        REQUIRE(all.finished == all.submitted);
        REQUIRE(all.books[account::useful] == held);
    }
}

TEST_CASE("a run that is cut anywhere accounts for every request and GPU", "[services]") {
    for (std::uint64_t number = 0; number != 150; ++number) {
        const std::vector<drawn> services{draw(2 * number), draw(2 * number + 1)};
        listener seen;
        sim::simulation s(parts_of(services, seen));
        s.run_rounds(number * 5);
        const sim::summary& all = s.results();  // the ledger is checked there
        for (std::size_t i = 0; i != 2; ++i) {
            const sim::service_result& r = all.services[i];
            REQUIRE(r.requests == r.finished + r.rejected + r.cancelled + r.unfinished);
            REQUIRE(r.requests == seen.of[i].size());
            std::vector<std::uint64_t> rows;
            for (const request_record& x : seen.of[i]) rows.push_back(x.row);
            std::sort(rows.begin(), rows.end());
            for (std::size_t k = 0; k != rows.size(); ++k) REQUIRE(rows[k] == k);
        }
    }
}

TEST_CASE("what a source of requests throws comes through", "[services]") {
    listener seen;
    sim::parts parts = parts_of({drawn{}}, seen);
    parts.services.front().requests = std::make_unique<broken>();
    sim::simulation s(std::move(parts));
    CHECK_THROWS_AS(s.run(), std::runtime_error);
}
