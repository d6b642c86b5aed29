#include "serve_alone.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/serving/replica.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

using namespace ampacity;
using serving::iteration_time;
using serving::linear_step;
using serving::replica;
using serving::replica_options;
using serving::request_record;
using serving::request_state;
using serving::step_order;
using workload::request;

namespace {

constexpr instant at(std::int64_t ns) { return instant{duration{ns}}; }

request asks(std::int64_t arrival, std::uint32_t prompt, std::uint32_t output, std::uint8_t priority = 0) {
    return {.arrival = at(arrival), .prompt_tokens = prompt, .output_tokens = output, .priority = priority};
}

std::vector<request_record> serve(const replica_options& options, const linear_step& step,
                                  const std::vector<request>& requests) {
    replica server(options, iteration_time(step));
    return test::serve_alone(server, requests);
}

/// The key that a set of options is refused with.
std::string refused(const replica_options& options) {
    try {
        const replica r(options, iteration_time(linear_step{.base = {1, 0}}));
    } catch (const scenario_error& e) {
        return e.details().key;
    }
    return "none";
}

}  // namespace

TEST_CASE("replica: a prompt is computed in chunks of the budget") {
    // 100 + 10 + 55, then 100 + 10 + (100 + 55), then 100 + 5 + (100 + 15), and a decode of 100 + 1 + 25.
    const auto r = serve({.max_batched_tokens = 10}, {{100, 0}, {1, 0}, {1, 0}, {1, 0}}, {asks(7, 25, 2)});
    CHECK(r[0].first_start == at(7));
    CHECK(r[0].first_token == at(7 + 165 + 265 + 220));
    CHECK(r[0].end == r[0].first_token + duration{126});
    CHECK(r[0].state == request_state::finished);
}

TEST_CASE("replica: the last to be admitted gives way and computes its answer again") {
    // Steps 1 and 2 leave both with two tokens and three blocks; in step 3 the first takes the seventh block of seven.
    replica server({.max_seqs = 4, .max_batched_tokens = 100, .kv_capacity_tokens = 7, .kv_block_tokens = 1},
                   iteration_time(linear_step{.base = {10, 0}}));
    const auto r = test::serve_alone(server, {asks(0, 2, 3), asks(0, 2, 3)});
    CHECK(r[0].end == at(30));
    CHECK(r[0].preemptions == 0);
    CHECK(r[1].first_token == at(10));
    CHECK(r[1].end == at(40));
    CHECK(r[1].preemptions == 1);
    CHECK(server.counts().steps == 4);
    CHECK(server.counts().prefill_tokens == 2 + 2 + 4);
    CHECK(server.counts().decode_tokens == 2 + 1);
    CHECK(server.counts().produced_tokens == 6);
    CHECK(server.counts().busy == duration{40});
    CHECK(server.blocks_in_use(at(40)) == 0);
}

TEST_CASE("replica: an arrival at the last step's end continues the busy period") {
    const linear_step step{.base = {104, 1}};
    CHECK(serve({}, step, {asks(0, 1, 1), asks(10, 1, 1)})[1].end == at(21));    // 20.8
    CHECK(serve({}, step, {asks(0, 1, 1), asks(100, 1, 1)})[1].end == at(110));  // 100 + 10.4
}

TEST_CASE("replica: a step sees what has arrived when it begins") {
    const linear_step step{.base = {10, 0}};
    const auto r = serve({}, step, {asks(0, 1, 100), asks(50, 1, 1), asks(51, 1, 1), asks(60, 1, 1)});
    CHECK(r[1].first_start == at(50));
    CHECK(r[2].first_start == at(60));
    CHECK(r[3].first_start == at(60));
    CHECK(r[0].end == at(1000));
}

TEST_CASE("replica: what can never fit is rejected and starts nothing") {
    replica server({.kv_capacity_tokens = 63, .kv_block_tokens = 16}, iteration_time(linear_step{.base = {10, 0}}));
    server.submit(asks(5, 40, 9), at(5));
    server.start(at(5));
    CHECK(server.next() == never);
    REQUIRE(server.records().size() == 1);
    CHECK(server.records()[0].state == request_state::rejected);
    CHECK(server.records()[0].first_token == never);
    CHECK(server.num_live() == 0);
    server.submit(asks(6, 40, 8), at(6));
    server.start(at(6));
    CHECK(server.next() == at(16));
}

TEST_CASE("replica: the queue is by priority where that is asked for") {
    const std::vector<request> requests{asks(0, 1, 2), asks(1, 1, 1, 2), asks(2, 1, 1, 7), asks(3, 1, 1, 2)};
    const linear_step step{.base = {10, 0}};
    const auto ends = [&](bool priorities) {
        std::vector<std::int64_t> out;
        for (const request_record& r : serve({.max_seqs = 1, .priorities = priorities}, step, requests))
            out.push_back(ticks(r.end));
        return out;
    };
    CHECK(ends(false) == std::vector<std::int64_t>{20, 30, 40, 50});
    CHECK(ends(true) == std::vector<std::int64_t>{20, 40, 30, 50});
}

TEST_CASE("replica: prompts before answers, or answers before prompts") {
    // A prompt of two steps arrives while another request has three more tokens to get.
    const std::vector<request> requests{asks(0, 1, 4), asks(10, 20, 1)};
    const auto ends = [&](step_order order) {
        const replica_options options{.max_seqs = 8, .max_batched_tokens = 10, .order = order};
        const auto r = serve(options, {.base = {10, 0}}, requests);
        return std::vector<std::int64_t>{ticks(r[0].end), ticks(r[1].end)};
    };
    CHECK(ends(step_order::mixed) == std::vector<std::int64_t>{40, 40});  // 9, 9 and 2 tokens beside the decodes
    CHECK(ends(step_order::prefill_first) == std::vector<std::int64_t>{60, 30});
    CHECK(ends(step_order::decode_first) == std::vector<std::int64_t>{40, 60});
}

TEST_CASE("replica: requests give up, and their blocks with them") {
    replica server({.kv_capacity_tokens = 32, .kv_block_tokens = 16, .timeout = duration{25}},
                   iteration_time(linear_step{.base = {10, 0}}));
    // The first is cancelled at the first end of a step after 25; only then are there two blocks for the second, whose
    // last token comes with the step in which its own time runs out.
    const auto r = test::serve_alone(server, {asks(0, 15, 10), asks(12, 17, 1)});
    CHECK(r[0].state == request_state::cancelled);
    CHECK(r[0].end == at(30));
    CHECK(r[0].produced == 3);
    CHECK(r[1].state == request_state::finished);
    CHECK(r[1].first_start == at(30));
    CHECK(r[1].end == at(40));
    CHECK(server.blocks_in_use(at(40)) == 0);
}

TEST_CASE("replica: waiting has an end of its own") {
    replica server({.max_seqs = 1, .max_wait = duration{25}}, iteration_time(linear_step{.base = {10, 0}}));
    const auto r = test::serve_alone(server, {asks(0, 1, 9), asks(1, 1, 1), asks(70, 1, 1)});
    CHECK(r[0].state == request_state::finished);
    CHECK(r[1].state == request_state::cancelled);
    CHECK(r[1].end == at(30));
    CHECK(r[1].first_start == never);
    CHECK(r[2].end == at(100));
}

TEST_CASE("replica: what a session has computed is not computed again") {
    // 40 tokens and an answer of 9, then a prompt that begins with these 49 tokens: 48 of them have been computed and
    // fill 12 blocks of four.
    request first = asks(0, 40, 9);
    request second = asks(5000, 60, 1);
    first.session = second.session = 3;
    second.prefix_tokens = 49;
    const replica_options options{
        .max_batched_tokens = 100, .kv_capacity_tokens = 80, .kv_block_tokens = 4, .prefix_cache = true};
    const linear_step step{.base = {100, 0}, .per_token = {1, 0}, .per_prefill_attention = {1, 0}};
    const auto r = serve(options, step, {first, second});
    CHECK(r[0].cached_tokens == 0);
    CHECK(r[1].cached_tokens == 48);
    CHECK(r[1].end == at(5000 + 100 + 12 + 12 * 48 + 78));
    // While the first one still runs, its prompt alone is known.
    second.arrival = at(1000);
    CHECK(serve(options, step, {first, second})[1].cached_tokens == 40);
    second.arrival = at(5000);
    // A stranger needs 15 of the 20 blocks: the session's last ones give way, its first ones stay known.
    request stranger = asks(4000, 58, 1);
    const auto after = serve(options, step, {first, stranger, second});
    CHECK(after[2].cached_tokens == 4 * (20 - 15));
    // Others' sessions, and servers without a cache, have nothing.
    second.session = 4;
    CHECK(serve(options, step, {first, second})[1].cached_tokens == 0);
    replica_options without = options;
    without.prefix_cache = false;
    second.session = 3;
    CHECK(serve(without, step, {first, second})[1].cached_tokens == 0);
}

TEST_CASE("replica: what a session has computed comes back from a tier below") {
    // As above, but the stranger needs all blocks but one: 11 of the session's 12 go down, the last ones first.
    request first = asks(0, 40, 9);
    const request stranger = asks(4000, 76, 1);
    request second = asks(8000, 60, 1);
    first.session = second.session = 3;
    second.prefix_tokens = 49;
    replica_options options{
        .max_batched_tokens = 100, .kv_capacity_tokens = 80, .kv_block_tokens = 4, .prefix_cache = true};
    const linear_step step{.base = {100, 0}, .per_token = {1, 0}, .per_prefill_attention = {1, 0}};
    // 3 bytes per token and 0.3 bytes per ns are 10 ns per token; the load waits for 70 ns more.
    options.tiers = {{.capacity_tokens = 100,
                      .link = {.latency = duration{70}, .bytes_per_token = 3, .bandwidth_b_s = 300'000'000}}};
    const auto loaded = serve(options, step, {first, stranger, second});
    CHECK(loaded[2].cached_tokens == 48);
    CHECK(loaded[2].first_start == at(8000 + 440 + 70));
    CHECK(loaded[2].end == at(8000 + 440 + 70 + 100 + 12 + 12 * 48 + 78));
    // Whose load takes longer than what it saves does without: 8 ns per token do not pay 10 ns, 12 ns do.
    options.recompute_per_token = duration{8};
    CHECK(serve(options, step, {first, stranger, second})[2].cached_tokens == 4);
    options.recompute_per_token = duration{12};
    CHECK(serve(options, step, {first, stranger, second})[2].cached_tokens == 48);
    options.recompute_per_token.reset();
    // A tier of five blocks has those that came last, the front of them.
    options.tiers.front().capacity_tokens = 23;
    CHECK(serve(options, step, {first, stranger, second})[2].cached_tokens == 4 * 6);
    // With a second one below nothing is lost; what comes from there comes beside the rest.
    options.tiers.push_back(options.tiers.front());
    options.tiers.back().capacity_tokens = 100;
    const auto both = serve(options, step, {first, stranger, second});
    CHECK(both[2].cached_tokens == 48);
    CHECK(both[2].first_start == at(8000 + 240 + 70));
}

TEST_CASE("replica: a request waits for a slot and for its adapter") {
    // Prompts of one token: answers of n tokens take n steps of 10 ns. The first and the third have one tenant.
    std::vector<request> all{asks(0, 1, 3), asks(0, 1, 3), asks(0, 1, 1), asks(0, 1, 1)};
    for (std::uint32_t i = 0; i != 4; ++i) all[i].tenant = 1 + i % 2;
    const replica_options options{.adapters = serving::adapter_options{.slots = 1, .load = duration{25}}};
    replica server(options, iteration_time(linear_step{.base = {10, 0}}));
    const auto r = test::serve_alone(server, all);
    // The second one waits for the first one's slot, the others behind it.
    CHECK(r[0].first_start == at(25));
    CHECK(r[0].end == at(55));
    CHECK(r[1].first_start == at(55 + 25));
    CHECK(r[1].end == at(55 + 25 + 30));
    CHECK(r[2].first_start == at(110 + 25));
    CHECK(r[3].first_start == at(145 + 25));
    CHECK(server.counts().adapters.loads == 4);
    CHECK(server.counts().adapters.hits == 0);
    CHECK(server.counts().adapters.busy == duration{100});
    CHECK(server.counts().steps == 3 + 3 + 1 + 1);
    // In the order of adapters two loads do, and two slots spare the wait for a slot.
    std::swap(all[1], all[2]);
    const auto sorted = serve(options, {.base = {10, 0}}, all);
    CHECK(sorted[1].first_start == at(25));
    CHECK(sorted[2].end == sorted[3].end + duration{20});
    replica_options two = options;
    two.adapters->slots = 2;
    CHECK(serve(two, {.base = {10, 0}}, all)[2].first_start == at(55));
}

TEST_CASE("replica: options outside their ranges are refused by name") {
    CHECK(refused({}) == "none");
    CHECK(refused({.max_seqs = 0}) == "max_seqs");
    CHECK(refused({.max_batched_tokens = 0}) == "max_batched_tokens");
    CHECK(refused({.kv_capacity_tokens = -1}) == "kv_capacity_tokens");
    CHECK(refused({.kv_block_tokens = 0}) == "kv_block_tokens");
    CHECK(refused({.kv_block_tokens = serving::kv_blocks::max_block_tokens + 1}) == "kv_block_tokens");
    CHECK(refused({.timeout = duration{0}}) == "timeout");
    CHECK(refused({.max_wait = duration{-1}}) == "max_wait");
    CHECK(refused({.max_seqs = 9, .max_batched_tokens = 8, .order = step_order::prefill_first}) ==
          "max_batched_tokens");
    const auto with_tier = [](const serving::cache_tier& tier, bool prefix_cache = true) {
        return refused({.prefix_cache = prefix_cache, .tiers = {tier}});
    };
    CHECK(with_tier({.capacity_tokens = 16}) == "none");
    CHECK(with_tier({.capacity_tokens = 16}, false) == "tiers");
    CHECK(with_tier({.capacity_tokens = 15}) == "tiers.0.capacity");
    CHECK(with_tier({.capacity_tokens = 16, .link = {.bytes_per_token = 0}}) == "tiers.0.bytes_per_token");
    CHECK(with_tier({.capacity_tokens = 16, .link = {.bandwidth_b_s = 0}}) == "tiers.0.bandwidth");
    CHECK(refused({.prefix_cache = true, .tiers = std::vector<serving::cache_tier>(5, {.capacity_tokens = 16})}) ==
          "tiers");
    const serving::cache_tier shared{.capacity_tokens = 16, .shared = true};
    CHECK(refused({.prefix_cache = true, .tiers = {{.capacity_tokens = 16}, shared}}) == "none");
    CHECK(refused({.prefix_cache = true, .tiers = {shared, {.capacity_tokens = 16}}}) == "tiers.0.shared");
    CHECK(refused({.recompute_per_token = duration{-1}}) == "recompute_per_token");
    CHECK(refused({.adapters = serving::adapter_options{.slots = 0}}) == "adapters.slots");
    CHECK(refused({.adapters = serving::adapter_options{.load = duration{-1}}}) == "adapters.load");
    CHECK(refused({.adapters = serving::adapter_options{}, .hands_over = true}) == "adapters");
}

TEST_CASE("replica: what is left at the end of a run is unfinished") {
    replica server({.max_seqs = 1}, iteration_time(linear_step{.base = {10, 0}}));
    for (const request& r : {asks(0, 1, 100), asks(0, 1, 1)}) server.submit(r, at(0));
    server.start(at(0));
    server.advance(server.next());
    server.start(at(10));
    server.advance(at(57));
    server.close(at(57));
    REQUIRE(server.records().size() == 2);
    CHECK(server.records()[0].state == request_state::unfinished);
    CHECK(server.records()[0].first_token == at(10));
    CHECK(server.records()[0].produced == 5);
    CHECK(server.records()[1].first_start == never);
    CHECK(server.counts().steps == 5);
    CHECK(server.counts().busy == duration{50});
}

TEST_CASE("replica: a step that ends beyond the end of time is never seen") {
    replica server({}, iteration_time(linear_step{.base = {3'600'000'000'000'000'000, 0}}));
    server.submit(asks(0, 1, 10), at(0));
    server.start(at(0));
    server.advance(server.next());
    server.start(at(3'600'000'000'000'000'000));
    CHECK(server.next() == never);
    CHECK(server.num_live() == 1);
}

TEST_CASE("replica: nothing is allocated once it has held as many requests as it will") {
    replica server({.max_seqs = 16, .max_batched_tokens = 64, .kv_capacity_tokens = 1000},
                   iteration_time(linear_step{.base = {10, 0}, .per_token = {1, 0}}));
    random_stream d(34, purpose::test, 0);
    std::int64_t now = 0;
    std::uint64_t before = 0;
    std::uint64_t left = 0;
    for (int i = 0; i != 20'000; ++i) {
        if (i == 5'000) {
            before = test::allocations();
            left = 0;
        }
        // Bursts of 100 until half of them are served.
        while (server.num_live() > 50) {
            now = ticks(server.next());
            server.advance(at(now));
            server.start(at(now));
        }
        for (int burst = 0; burst != 100; ++burst) {
            request r = asks(now, 1, 1);
            r.prompt_tokens = static_cast<std::uint32_t>(1 + d.below(200));
            r.output_tokens = static_cast<std::uint32_t>(1 + d.below(200));
            server.submit(r, at(now));
        }
        server.start(at(now));
        left += server.records().size();
        server.clear_records();
    }
    CHECK(left > 1'000'000);
    CHECK(test::allocations() == before);
    CHECK(replica::bytes_per_request() <= 256);
}

TEST_CASE("replica: loads allocate nothing once tiers have been full") {
    replica server({.kv_capacity_tokens = 4000,
                    .prefix_cache = true,
                    .tiers = {{.capacity_tokens = 3000, .link = {.bandwidth_b_s = 2'000'000'000}},
                              {.capacity_tokens = 6000, .link = {.bandwidth_b_s = 200'000'000}}},
                    .recompute_per_token = duration{4},
                    .adapters = serving::adapter_options{.slots = 3, .load = duration{500}}},
                   iteration_time(linear_step{.base = {100, 0}, .per_token = {4, 0}}));
    random_stream d(36, purpose::test, 0);
    std::uint64_t before = 0;
    std::int64_t now = 0;
    for (int i = 0; i != 20'000; ++i) {
        if (i == 10'000) before = test::allocations();
        while (server.num_live() > 20) {
            now = ticks(server.next());
            server.advance(at(now));
            server.start(at(now));
        }
        request r =
            asks(now, static_cast<std::uint32_t>(1 + d.below(400)), static_cast<std::uint32_t>(1 + d.below(50)));
        r.session = static_cast<std::uint32_t>(1 + d.below(80));
        r.prefix_tokens = r.prompt_tokens;
        r.tenant = static_cast<std::uint32_t>(d.below(7));
        server.submit(r, at(now));
        server.start(at(now));
        server.clear_records();
    }
    CHECK(test::allocations() == before);
    CHECK(server.counts().tiers[0].loads > 1000);
    CHECK(server.counts().tiers[1].loads > 200);
    CHECK(server.counts().adapters.loads > 1000);
}

TEST_CASE("replica: the number of requests over time is the sum of their sojourns") {
    replica server({.max_seqs = 8, .max_batched_tokens = 32, .kv_capacity_tokens = 500},
                   iteration_time(linear_step{.base = {10, 0}, .per_token = {13, 1}, .per_kv_token = {3, 2}}));
    random_stream d(35, purpose::test, 0);
    int128 integral = 0;
    int128 sojourns = 0;
    std::int64_t asked_tokens = 0;
    std::int64_t now = 0;
    std::int64_t arrival = 0;
    int to_come = 20'000;
    while (to_come != 0 || server.num_live() != 0) {
        const std::int64_t next = std::min(to_come != 0 ? arrival : ticks(never), ticks(server.next()));
        integral += static_cast<int128>(server.num_live()) * (next - now);
        now = next;
        server.advance(at(now));
        while (to_come != 0 && arrival == now) {
            request r =
                asks(now, static_cast<std::uint32_t>(1 + d.below(60)), static_cast<std::uint32_t>(1 + d.below(40)));
            asked_tokens += r.output_tokens;
            server.submit(r, at(now));
            --to_come;
            arrival += static_cast<std::int64_t>(d.below(300));
        }
        server.start(at(now));
        for (const request_record& r : server.records()) sojourns += ticks(r.end - r.arrival);
        server.clear_records();
    }
    CHECK(integral == sojourns);
    CHECK(server.counts().produced_tokens == asked_tokens);
    CHECK(server.counts().preemptions > 100);
    CHECK(server.blocks_in_use(at(now)) == 0);
}
