#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/serving/decode_pool.hpp>
#include <ampacity/serving/kv_transfer.hpp>
#include <ampacity/serving/service.hpp>
#include <ampacity/workload/request_source.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace ampacity;
using serving::kv_transfer;
using serving::linear_step;
using serving::request_record;
using serving::request_state;
using workload::request;

instant at_us(std::int64_t us) { return instant{duration{1000 * us}}; }

request asks(std::uint64_t row, instant arrival, std::uint32_t prompt, std::uint32_t output) {
    return {.row = row, .arrival = arrival, .prompt_tokens = prompt, .output_tokens = output};
}

serving::decode_options decodes(std::int64_t step_us) {
    return {.time = serving::iteration_time{linear_step{.base = {1000 * step_us, 0}}}};
}

/// The records, by row.
std::vector<request_record> serve(serving::service& s, const std::vector<request>& requests, instant until = never) {
    workload::vector_request_source source(requests);
    std::vector<request_record> out;
    serving::serve(source, s, until, [&](const request_record& r) { out.push_back(r); });
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
    return out;
}

std::string refused(const serving::kv_transfer_options& o) {
    try {
        static_cast<void>(kv_transfer{o});
    } catch (const scenario_error& e) {
        return e.details().key;
    }
    return {};
}

}  // namespace

TEST_CASE("kv transfer: a fraction of integers, rounded once") {
    // 1 B per token at 2 GB/s: half a nanosecond each; halves go to the even one.
    const kv_transfer half({.bytes_per_token = 1, .bandwidth_b_s = 2'000'000'000});
    CHECK(half.whole(0) == duration{0});
    CHECK(half.whole(1) == duration{0});
    CHECK(half.whole(3) == duration{2});
    CHECK(half.whole(5) == duration{2});
    CHECK(half.whole(7) == duration{4});
    // 160 kB x 1000 / (0.8 x 50 GB/s) = 4 ms, of which the last of 80 layers is 50 us.
    const kv_transfer nic({.latency = duration{7},
                           .bytes_per_token = 160'000,
                           .bandwidth_b_s = 50'000'000'000,
                           .efficiency_ppb = 800'000'000,
                           .layers = 80});
    CHECK(nic.whole(1000) == duration{4'000'000});
    CHECK(nic.last(1000) == duration{50'000});
    // A prompt that takes 10 ms hides all but its last layer, one that takes 1 ms leaves 3 ms of its cache.
    CHECK(nic.sent(1000, at_us(0), at_us(10'000), at_us(0)) == at_us(10'050));
    CHECK(nic.sent(1000, at_us(0), at_us(1'000), at_us(0)) == at_us(4'000));
    // A link that is busy until 9 ms begins then.
    CHECK(nic.sent(1000, at_us(0), at_us(10'000), at_us(9'000)) == at_us(13'000));
    // The largest that there are: 2^31 tokens of 2^34 B at 1 B/s would take longer than 200 years.
    const kv_transfer slow({.bytes_per_token = std::int64_t{1} << 34U, .bandwidth_b_s = 1, .efficiency_ppb = 1});
    CHECK(slow.whole(std::int64_t{1} << 31U) == longest_input);
    CHECK(slow.sent(std::int64_t{1} << 31U, start_of_time, start_of_time, never) == never);
}

TEST_CASE("kv transfer: what is out of range is refused by its name") {
    CHECK(refused({}).empty());
    CHECK(refused({.latency = duration{-1}}) == "latency");
    CHECK(refused({.bytes_per_token = 0}) == "bytes_per_token");
    CHECK(refused({.bytes_per_token = (std::int64_t{1} << 34U) + 1}) == "bytes_per_token");
    CHECK(refused({.bandwidth_b_s = 0}) == "bandwidth");
    CHECK(refused({.efficiency_ppb = 0}) == "efficiency");
    CHECK(refused({.efficiency_ppb = 1'000'000'001}) == "efficiency");
    CHECK(refused({.layers = 0}) == "layers");
}

TEST_CASE("decode pool: a timeline by hand") {
    // Prompts: a step takes 10 us and 1 us per token, of at most 40; 64 blocks of one token. Answers: a step takes 20
    // us. Caches: 2 us per token, in 4 layers, and 5 us of latency. [us]
    //
    //   0  A (40 tokens, 4 of answer), B (20, 3) and C (8, 1) arrive. Step of A, until 10 + 40 = 50.
    //  50  A has its first token. Its cache could leave from 0 on: sent at max(0 + 80, 50 + 20) = 80, there at 85.
    //      24 blocks are free: B's 20, not C's 8 beside them. Step of B, until 50 + 10 + 20 = 80.
    //  80  B has its first token. The link is free from 80 on: max(80 + 40, 80 + 10) = 120, there at 125.
    //      4 blocks are free: C waits.
    //  85  A comes to the other replica: steps end at 105, 125 and 145. 44 blocks are free: step of C, until 103.
    // 103  C has its only token, which is its last. It goes nowhere.
    // 125  B comes, and is in the step from 125 to 145 with A, which is done then; B's last one ends at 165.
    serving::decode_options other = decodes(20);
    other.engine = {.kv_capacity_tokens = 100};
    other.transfer = {.latency = duration{5000}, .bytes_per_token = 1000, .bandwidth_b_s = 500'000'000, .layers = 4};
    serving::service s({.engine = {.max_batched_tokens = 40, .kv_capacity_tokens = 64, .kv_block_tokens = 1},
                        .random = {.seed = 1},
                        .decode = other},
                       serving::iteration_time{linear_step{.base = {10'000, 0}, .per_token = {1000, 0}}});
    const auto records = serve(s, {asks(0, at_us(0), 40, 4), asks(1, at_us(0), 20, 3), asks(2, at_us(0), 8, 1)});
    REQUIRE(records.size() == 3);
    const auto check = [&](std::size_t i, std::int64_t start, std::int64_t first, std::int64_t transfer,
                           std::int64_t end, std::uint32_t replica) {
        const request_record& r = records[i];
        INFO("request " << i);
        CHECK(r.state == request_state::finished);
        CHECK(r.first_start == at_us(start));
        CHECK(r.first_token == at_us(first));
        CHECK(r.transfer == (transfer < 0 ? duration{-1} : duration{1000 * transfer}));
        CHECK(r.end == at_us(end));
        CHECK(r.replica == replica);
    };
    check(0, 0, 50, 35, 145, 1);
    check(1, 50, 80, 45, 165, 1);
    check(2, 85, 103, -1, 103, 0);
    const serving::replica_counts prompts = serving::counts_of(s.replicas());
    const serving::replica_counts answers = serving::counts_of(s.decode()->replicas());
    CHECK(prompts.steps == 3);
    CHECK(prompts.busy == duration{98'000});  // 50 + 30 + 18
    CHECK(prompts.prefill_tokens == 68);
    CHECK(prompts.produced_tokens == 3);
    CHECK(prompts.peak_blocks == 60);
    // 40 x 50 + 60 x 30 in steps, 60 x 5 while C waits, 28 x 18 in its step, 20 x 22 until B's cache has left.
    CHECK(prompts.twice_block_time == 2 * 5'044'000);
    CHECK(answers.steps == 4);
    CHECK(answers.produced_tokens == 5);
    CHECK(s.counts().steps == 7);
    CHECK(s.decode()->tokens_received() == 60);
    CHECK(s.decode()->num_received() == 2);
}

TEST_CASE("decode pool: what fits on either side alone is rejected at its arrival") {
    serving::decode_options other = decodes(20);
    other.engine = {.kv_capacity_tokens = 100, .kv_block_tokens = 10};
    serving::service s(
        {.engine = {.kv_capacity_tokens = 60, .kv_block_tokens = 1}, .random = {.seed = 1}, .decode = other},
        serving::iteration_time{linear_step{.base = {10'000, 0}}});
    const auto records = serve(s, {asks(0, at_us(0), 60, 2),      // 61 tokens of 60 for the prompt
                                   asks(1, at_us(0), 59, 41),     // 100 of 100 in the end
                                   asks(2, at_us(0), 59, 42),     // 101
                                   asks(3, at_us(500), 59, 1)});  // needs no other replica
    CHECK(records[0].state == request_state::rejected);
    CHECK(records[1].state == request_state::finished);
    CHECK(records[2].state == request_state::rejected);
    CHECK(records[2].end == at_us(0));
    CHECK(records[3].state == request_state::finished);
}

TEST_CASE("decode pool: an end of the run leaves caches on their way") {
    serving::decode_options other = decodes(20);
    other.replicas = 2;
    other.transfer = {.latency = duration{50'000}};
    serving::service s({.engine = {.kv_capacity_tokens = 600}, .random = {.seed = 1}, .decode = other},
                       serving::iteration_time{linear_step{.base = {10'000, 0}}});
    const auto records = serve(s, {asks(0, at_us(0), 8, 4)}, at_us(40));
    REQUIRE(records.size() == 1);
    CHECK(records[0].state == request_state::unfinished);
    CHECK(records[0].first_token == at_us(10));
    CHECK(records[0].produced == 1);
    CHECK(records[0].transfer == duration{-1});
    CHECK(records[0].replica == 1);
    CHECK(s.decode()->num_begun() == 1);
    CHECK(s.decode()->num_received() == 0);
    // One block of 16 from 0 until 40, step or not.
    CHECK(serving::counts_of(s.replicas()).twice_block_time == 2 * 40'000);
}

TEST_CASE("decode pool: nothing is allocated once it has held as many requests as it will") {
    serving::decode_options other = decodes(2);
    other.replicas = 3;
    other.engine = {.max_seqs = 16, .max_batched_tokens = 64, .kv_capacity_tokens = 1000};
    other.router = "least-kv";
    other.transfer = {.latency = duration{3000}, .bytes_per_token = 10, .bandwidth_b_s = 1'000'000'000, .layers = 8};
    serving::service s({.replicas = 2,
                        .engine = {.max_seqs = 16, .max_batched_tokens = 64, .kv_capacity_tokens = 1000},
                        .router = "least-requests",
                        .random = {.seed = 1},
                        .decode = other},
                       serving::iteration_time{linear_step{.base = {100, 0}, .per_token = {1, 0}}});
    random_stream d(34, purpose::test, 1);
    instant now = start_of_time;
    std::uint64_t before = 0, asked = 0, left = 0;
    const auto serve_until = [&](std::uint64_t live) {
        while (asked - left > live) {
            now = s.next();
            s.advance(now);
            s.start(now);
            left += s.records().size();
            s.clear_records();
        }
    };
    for (int burst = 0; burst != 3000; ++burst) {
        if (burst == 2000) before = test::allocations();
        serve_until(50);
        for (int i = 0; i != 100; ++i)
            s.submit(asks(asked++, now, static_cast<std::uint32_t>(1 + d.below(200)),
                          static_cast<std::uint32_t>(1 + d.below(200))),
                     now);
        s.start(now);
    }
    CHECK(test::allocations() == before);
    serve_until(0);
    CHECK(s.next() == never);
    CHECK(s.decode()->num_begun() > 250'000);
    CHECK(s.decode()->num_received() == s.decode()->num_begun());
    CHECK(s.counts().preemptions > 1000);
}
