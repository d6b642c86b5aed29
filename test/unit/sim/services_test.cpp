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

TEST_CASE("what a service does between samples is what one reckons by hand", "[services]") {
    struct sampled final : sim::observer {
        std::vector<sim::request_sample> rows;
        void on_sample(const sim::sample& s) override { rows.push_back(s.replicas[0].requests.value()); }
    };
    using namespace std::chrono_literals;
    constexpr serving::linear_step one_second{.base = {1'000'000'000, 0}};
    for (const bool apart : {false, true}) {
        INFO(apart);
        sampled seen;
        sim::parts parts{.fleet = fleet::fleet_state::pool(8),
                         .policy = policy::make_policy("fifo", {}),
                         .placer = policy::make_first_fit(),
                         .observers = {&seen}};
        parts.sources.push_back(std::make_unique<workload::vector_source>(std::vector<workload::job_request>{}));
        // Three tokens at 3, 4 and 5 s, and one at 8 s.
        std::vector<request> requests{
            {.row = 0, .arrival = start_of_time + 2s, .prompt_tokens = 20, .output_tokens = 3, .session = 1},
            {.row = 1,
             .arrival = start_of_time + 7s,
             .prompt_tokens = 20,
             .output_tokens = 1,
             .prefix_tokens = 16,
             .session = 1}};
        sim::service_parts& s = parts.services.emplace_back(
            sim::service_parts{.name = "chat",
                               .options = {.engine = {.prefix_cache = true}, .random = {.seed = 1}},
                               .time = serving::iteration_time{one_second},
                               .requests = std::make_unique<workload::vector_request_source>(requests),
                               .targets = {.ttft = 1s}});
        s.gpus_per_replica = 2;
        s.places.resize(1);
        s.modelled = sim::modelled_service{.prefill_w = 700, .decode_w = 500, .waiting_w = 100};
        if (apart) {
            s.options.decode =
                serving::decode_options{.time = serving::iteration_time{one_second},
                                        .transfer = {.bytes_per_token = 1, .bandwidth_b_s = 1'000'000'000'000}};
            s.decode_gpus_per_replica = 4;
            s.decode_modelled = sim::modelled_service{.prefill_w = 700, .decode_w = 400, .waiting_w = 100};
            s.places.resize(2);
        }
        parts.sample_every = 2500ms;
        sim::simulation simulation(std::move(parts));
        simulation.run();
        const sim::service_result& all = simulation.results().services[0];
        REQUIRE(seen.rows.size() >= 4);
        const double decode_gpus = apart ? 4 : 0;
        // By 2.5 s half of the step with the prompt; by 5 s the rest of it and two decodes, as the cache moves in no
        // time; by 7.5 s half of the second prompt.
        const std::vector<double> joules{
            2 * (2 * 100 + 0.5 * 700) + decode_gpus * 2.5 * 100,
            apart ? 2 * (0.5 * 700 + 2 * 100) + decode_gpus * (0.5 * 100 + 2 * 400) : 2 * (0.5 * 700 + 2 * 500),
            2 * (2 * 100 + 0.5 * 700) + decode_gpus * 2.5 * 100};
        const std::vector<double> tokens{0, 3, 0}, met{0, 1, 0};
        CHECK_FALSE(seen.rows[0].power_w);
        for (std::size_t k = 0; k != joules.size(); ++k) {
            INFO(k);
            const sim::request_sample& row = seen.rows[k + 1];
            CHECK(row.power_w.value() == Approx(joules[k] / 2.5).epsilon(1e-8));
            CHECK(row.output_tokens_per_s == Approx(tokens[k] / 2.5));
            CHECK(row.output_tokens_per_joule.value() == Approx(tokens[k] / joules[k]).epsilon(1e-8));
            CHECK(row.goodput_per_s == Approx(met[k] / 2.5));
        }
        CHECK_FALSE(seen.rows[1].prefix_hit_share);  // the chunk has not ended
        CHECK(seen.rows[2].prefix_hit_share.value() == 0);
        CHECK(seen.rows[3].prefix_hit_share.value() == 1);  // found, and nothing else computed yet
        CHECK(all.gpu_energy_j().value() ==
              Approx(joules[0] + joules[1] + joules[2] + 2 * 0.5 * 700 + decode_gpus * 0.5 * 100).epsilon(1e-8));
    }
}
