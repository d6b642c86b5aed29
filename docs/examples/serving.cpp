// Module serving: replicas with continuous batching, routers, what a service comes to.
#include "example.hpp"

#include <ampacity/serving/adapter_slots.hpp>
#include <ampacity/serving/admission.hpp>
#include <ampacity/serving/autoscaler.hpp>
#include <ampacity/serving/cache_tiers.hpp>
#include <ampacity/serving/decode_pool.hpp>
#include <ampacity/serving/exact_time.hpp>
#include <ampacity/serving/finish_queue.hpp>
#include <ampacity/serving/iteration_time.hpp>
#include <ampacity/serving/kv_blocks.hpp>
#include <ampacity/serving/kv_transfer.hpp>
#include <ampacity/serving/load_tree.hpp>
#include <ampacity/serving/percentile_planner.hpp>
#include <ampacity/serving/prefix_cache.hpp>
#include <ampacity/serving/replica.hpp>
#include <ampacity/serving/replica_options.hpp>
#include <ampacity/serving/request_record.hpp>
#include <ampacity/serving/router.hpp>
#include <ampacity/serving/server_comparison.hpp>
#include <ampacity/serving/service.hpp>
#include <ampacity/serving/service_metrics.hpp>
#include <ampacity/serving/speculation.hpp>
#include <ampacity/serving/step_table.hpp>
#include <ampacity/serving/token_gaps.hpp>

#include <array>
#include <chrono>

using namespace ampacity;
using namespace std::chrono_literals;

namespace {

/// 5 ms, 20 us per token, 30 ns per token in the cache, 1.5 ns per pair of tokens in a prompt.
serving::iteration_time step_time() {
    return serving::iteration_time(serving::linear_step{.base = serving::to_exact(5ms),
                                                        .per_token = serving::to_exact(20us),
                                                        .per_kv_token = serving::to_exact(30ns),
                                                        .per_prefill_attention = {15, 1}});
}

void step_times() {
    const auto half = serving::parse_exact_time("20.5", 1000);
    require(half && half.value == serving::exact_time{20'500, 0}, "20.5 us");
    require(serving::parse_exact_time("0.0305", 1).value == serving::exact_time{305, 4}, "decimals are kept");

    const serving::iteration_time time = step_time();
    require(time.units_per_ns() == 10, "one decimal of a nanosecond is the finest");
    const serving::batch prompt{.tokens = 100, .kv_tokens = 0, .prefill_attention = 5050};
    require(time.round_to_ns(time(prompt)) == 5'000'000 + 2'000'000 + 7'575, "one step");

    // Two requests decode, with 300 tokens in their caches: 1000 steps at once.
    const serving::decode_run run(time, 2, 300);
    const serving::time_units all = run.total(1000);
    require(time.round_to_ns(all) == 5'049'000'000 + 29'970'000, "a series of steps");
    require(run.first_reaching(all, 5000) == 1000, "the step that an instant falls into");

    // A roofline: the larger of two lines in each step.
    const std::array<serving::linear_step, 2> lines{
        serving::linear_step{.base = serving::to_exact(8ms)},
        serving::linear_step{.base = serving::to_exact(1ms), .per_kv_token = serving::to_exact(10us)}};
    const serving::iteration_time roofline(lines);
    require(roofline({.tokens = 1, .kv_tokens = 100}) == 8'000'000, "below the ridge");
    require(roofline({.tokens = 1, .kv_tokens = 1000}) == 11'000'000, "above it");

    // A grid: 2 ms for 8 decodes, 6 ms with 100 tokens of prompts beside them.
    const serving::step_table grid(
        {.decodes = {0, 8},
         .prefill_tokens = {0, 100},
         .time = {serving::to_exact(0ms), serving::to_exact(4ms), serving::to_exact(2ms), serving::to_exact(6ms)}});
    const serving::iteration_time between(serving::linear_step{}, grid);
    require(between.round_to_ns(between({.tokens = 54, .decodes = 4})) == 3'000'000, "linear between its corners");
}

void the_least_loaded() {
    serving::load_tree tree;
    tree.assign({5, 3, 3});
    require(tree.least() == 1, "the first of several");
    tree.set(1, 7);
    require(tree.least() == 2, "after a change");
}

void one_replica() {
    serving::replica replica({.max_seqs = 8, .max_batched_tokens = 512, .kv_capacity_tokens = 4096}, step_time());
    replica.submit({.row = 0, .arrival = start_of_time, .prompt_tokens = 100, .output_tokens = 11}, start_of_time);
    replica.start(start_of_time);
    const instant first_token = replica.next();
    require(first_token == start_of_time + 7'007'575ns, "the step that computes the prompt");
    replica.advance(first_token);
    replica.start(first_token);
    replica.advance(replica.next());  // ten more tokens, one event
    require(replica.records().size() == 1 && replica.counts().steps == 11, "finished");
    const serving::request_record& r = replica.records()[0];
    require(r.state == serving::request_state::finished && serving::ttft(r) == 7'007'575ns, "time to first token");
    require(serving::tpot_ns(r) == 5'020'000 + 30 * 104.5, "time per token after it");
    require(serving::e2e(r) == r.end - r.arrival && serving::queueing(r) == 0ns, "the whole, and the wait");

    // Its parts: blocks by the step in which requests take them, requests by the step that ends them.
    serving::kv_blocks blocks(10, 16);
    blocks.take(blocks.holding(100));
    blocks.join(0, 100);
    require(blocks.free() == 3 && blocks.needed(0) == 0 && blocks.needed(12) == 1, "12 tokens fit the seventh block");
    require(blocks.steps_with_blocks(0, 100) == 60, "three blocks more");
    serving::finish_queue queue;
    queue.push({.step = 9, .admission = 0, .slot = 4});
    queue.push({.step = 7, .admission = 1, .slot = 2});
    queue.erase(4);
    require(queue.front().slot == 2, "by step");
    serving::prefix_cache cache;
    require(cache.insert(8, 0, 1) && cache.insert(8, 1, 1), "two blocks of session 8");
    cache.let_go(8, 1);
    require(cache.matching(8, 5) == 2 && cache.evictable() == 1, "known as long as there is room");
}

void tiers_below_a_cache() {
    // 1600 tokens below the cache; 10 us for the 16 tokens of a block and 50 us before they come.
    const serving::cache_tier memory{
        .capacity_tokens = 1600, .link = {.latency = 50us, .bytes_per_token = 1000, .bandwidth_b_s = 1'600'000'000}};
    serving::cache_tiers tiers({memory}, 16);
    serving::counts_by_tier counts{};
    require(tiers.load({.of = {2}, .all = 2}, start_of_time, counts) == start_of_time + 70us, "two blocks");
    require(tiers.load({.of = {1}, .all = 1}, start_of_time, counts) == start_of_time + 80us, "behind them");
    require(counts[0].loads == 2 && counts[0].tokens == 48 && counts[0].busy == 30us, "both");
    // Two replicas with a tier between them: what one puts down the other finds.
    const std::vector<serving::cache_tier> last{{.capacity_tokens = 1600, .shared = true}};
    const auto shared = serving::shared_of(last, 16);
    const serving::cache_tiers one(last, 16, shared), other(last, 16, shared);
    serving::prefix_cache cache = one.cache();
    cache.insert(8, 0, 1);
    cache.let_go(8, 0);
    cache.evict(1);
    require(other.cache().tier_of(8, 0) == 0, "in the first tier, which is the last");
}

void adapters_of_tenants() {
    serving::adapter_slots slots(serving::adapter_options{.slots = 1, .load = 4ms});
    serving::adapter_counts counts{};
    require(slots.take(2, start_of_time, counts) == start_of_time + 4ms, "loaded");
    require(!slots.has_room(1) && slots.has_room(2), "in use");
    slots.let_go(2);
    require(slots.has_room(1) && slots.is_ready(2, start_of_time + 4ms), "there until another one needs the slot");
}

void speculative_decoding() {
    // Three drafts of 300 us, each accepted in 8 of 10 cases where those before it are.
    const serving::speculation_options drafts{
        .drafts = 3, .gain = serving::mean_gain(3, 0.8), .draft = serving::to_exact(900us)};
    require(drafts.gain == 2952, "tokens of a step, in thousandths");
    serving::replica server({.speculation = drafts}, step_time());
    server.submit({.prompt_tokens = 100, .output_tokens = 2953}, start_of_time);
    server.start(start_of_time);
    while (server.next() != never) {
        const instant now = server.next();
        server.advance(now);
        server.start(now);
    }
    require(server.counts().steps == 1001 && server.counts().decode_tokens == 4000, "1000 steps after the first");
}

void gaps_between_tokens() {
    serving::replica server({.kv_capacity_tokens = 4096}, step_time());
    serving::token_gaps gaps;
    server.measure_gaps(gaps);
    for (int i = 0; i != 2; ++i) server.submit({.prompt_tokens = 100, .output_tokens = 11}, start_of_time);
    server.start(start_of_time);
    while (server.next() != never) {
        const instant now = server.next();
        server.advance(now);
        server.start(now);
    }
    require(gaps.count() == 20, "ten of each request");
    const instant end = server.records()[0].end, first = server.records()[0].first_token;
    require(gaps.sum_ns() == 2 * ticks(end - first), "from the first token to the last");
    require(*gaps.percentile_s(p100) == 5'040'000e-9 + 60e-9 * 109, "the last step, with the fullest caches");
}

void whole_service() {
    std::vector<workload::request> requests;
    for (int i = 0; i != 100; ++i)
        requests.push_back({.arrival = start_of_time + i * 20ms, .prompt_tokens = 200, .output_tokens = 50});
    workload::vector_request_source source(requests);
    serving::service service(
        {.replicas = 4, .engine = {.max_seqs = 8}, .router = "least-requests", .random = {.seed = 1}}, step_time());
    serving::service_metrics metrics({.ttft = 100ms, .tpot = 20ms});
    serving::serve(source, service, never, [&](const serving::request_record& r) { metrics.add(r); });
    require(metrics.finished == 100 && metrics.output_tokens == 5000, "all are answered");
    require(service.counts().produced_tokens == 5000, "token by token");
    require(*metrics.ttft.percentile_s(p99) < 0.1 && metrics.attainment() == 1.0, "in time");
    require(serving::make_router("power-of-two", {.seed = 1}) != nullptr, "routers by name");
}

void requests_that_are_shed() {
    // At most two wait for each replica, and of the requests of priority 0 to 3 none behind another.
    serving::service service(
        {.engine = {.max_seqs = 1},
         .random = {.seed = 1},
         .admission =
             serving::admission_options{.all = {.max_waiting = 2},
                                        .classes = {{.priority = 0, .bounds = {.max_waiting = 1}}, {.priority = 4}}}},
        step_time());
    for (const int priority : {0, 3, 4, 7}) {
        const workload::request r{.arrival = start_of_time,
                                  .prompt_tokens = 200,
                                  .output_tokens = 50,
                                  .priority = static_cast<std::uint8_t>(priority)};
        service.submit(r, start_of_time);
    }
    require(service.waiting().requests == 2 && service.waiting().tokens == 400, "the first and the third are taken");
    require(service.records().size() == 2, "the others have left");
    require(service.records()[0].state == serving::request_state::shed, "as they came");
}

void prompts_and_answers_apart() {
    // Caches of 160 kB per token in 80 layers, at 0.8 of 50 GB/s: 4 ms for 1000 tokens, 50 us for their last layer.
    const serving::kv_transfer_options network{.latency = 100us,
                                               .bytes_per_token = 160'000,
                                               .bandwidth_b_s = 50'000'000'000,
                                               .efficiency_ppb = 800'000'000,
                                               .layers = 80};
    require(serving::kv_transfer(network).whole(1000) == 4ms, "the whole cache");
    require(serving::kv_transfer(network).last(1000) == 50us, "its last layer");

    serving::service service(
        {.random = {.seed = 1},
         .decode = serving::decode_options{.replicas = 2, .time = step_time(), .transfer = network}},
        step_time());
    workload::vector_request_source source({{.arrival = start_of_time, .prompt_tokens = 1000, .output_tokens = 50}});
    serving::serve(source, service, never, [](const serving::request_record& r) {
        require(r.transfer == 150us, "all but the last layer left while the prompt was computed");
        require(r.replica == 1, "the first of those that decode");
    });
    require(service.decode()->tokens_received() == 1000, "one cache");
}

void replicas_that_come_and_go() {
    // Eight requests on average for each replica of ten seats; fewer only when that has held for a minute.
    serving::autoscaler scaler({.policy = serving::scaling_policy::target_utilisation,
                                .max = 20,
                                .interval = 30s,
                                .down_delay = 60s,
                                .target = 0.8,
                                .seats = 10});
    require(scaler.wanted() == 1 && scaler.next(start_of_time) == start_of_time + 30s, "the first decision");
    const auto requests = [](std::int64_t n) { return int128{n} * 30'000'000'000; };
    require(scaler.decide({.now = start_of_time + 30s, .since = 30s, .request_ns = requests(25)}) == 4, "at once");
    require(scaler.decide({.now = start_of_time + 60s, .since = 30s, .request_ns = requests(8)}) == 4, "not yet");
    require(scaler.decide({.now = start_of_time + 90s, .since = 30s, .request_ns = requests(8)}) == 1, "now");

    serving::service service({.replicas = 2, .engine = {.max_seqs = 8}, .random = {.seed = 1}, .scaled = true},
                             step_time());
    const workload::request r{.arrival = start_of_time, .prompt_tokens = 200, .output_tokens = 50};
    require(service.submit(r, start_of_time) == serving::no_replica, "nobody takes it");
    service.open(1);
    service.start(start_of_time);
    require(service.replicas()[1].num_live() == 1, "it is sent on");
    service.shut(1);
    require(service.abandon(1, start_of_time + 1ms, true).requests == 1, "it waits again");
    require(service.num_pending() == 1, "at the router");
}

void replicas_within_limits() {
    const llm::model m{.name = "8b",
                       .hidden = 4096,
                       .vocabulary = 128256,
                       .layers = {{.name = "dense",
                                   .count = 32,
                                   .heads = 32,
                                   .kv_heads = 8,
                                   .head_dim = 128,
                                   .width = 14336,
                                   .matrices = 3}}};
    const llm::system s{.name = "node",
                        .accelerator = "g",
                        .memory_b = 100e9,
                        .memory_b_s = 4e12,
                        .bf16_flop_s = 1e15,
                        .domain_gpus = 8,
                        .domain_b_s = 450e9};
    const llm::inference_efficiency e{.gpus = {{.name = "g", .bf16 = 0.6, .memory = 0.8}},
                                      .software = {{.name = "vllm", .step_s = 1e-3}}};
    const serving::percentile_goal goal{.prompt = {.mean = 300, .sigma = 0.5, .most = 2000},
                                        .output = {.mean = 50, .sigma = 0.5, .most = 500},
                                        .most_ttft_s = 0.5,
                                        .most_tpot_s = 0.02};
    const serving::percentile_plan best = serving::best_within(m, 2, {.software = "vllm"}, goal, s, e);
    require(best.most.requests_s > 1 && best.most.keeps(goal), "the replicas that serve most while 99 % are in time");
    const auto half = serving::latencies_at(m, best.as, goal, best.most.requests_s / 2, s, e);
    require(half.tpot_p99_s < best.most.tpot_p99_s, "under half the load");
    require(serving::compare_servers({}, e).empty(), "no benchmark, nothing compared");
}

}  // namespace

void serving_example() {
    step_times();
    the_least_loaded();
    one_replica();
    tiers_below_a_cache();
    adapters_of_tenants();
    speculative_decoding();
    gaps_between_tokens();
    whole_service();
    requests_that_are_shed();
    prompts_and_answers_apart();
    replicas_that_come_and_go();
    replicas_within_limits();
}
