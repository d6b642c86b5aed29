#include "serve_alone.hpp"
#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/serving/replica.hpp>
#include <ampacity/serving/speculation.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

using namespace ampacity;
using serving::iteration_time;
using serving::linear_step;
using serving::mean_gain;
using serving::replica_options;
using serving::request_record;
using serving::speculation_options;
using workload::request;

namespace {

std::vector<request_record> serve(const replica_options& options, const linear_step& step,
                                  const std::vector<request>& requests) {
    serving::replica server(options, iteration_time(step));
    return test::serve_alone(server, requests);
}

std::string refused(const replica_options& options, const linear_step& step) {
    try {
        const serving::replica r(options, iteration_time(step));
    } catch (const scenario_error& e) {
        return e.details().key;
    }
    return "none";
}

}  // namespace

TEST_CASE("speculation: tokens of a step are those of the geometric series or of the shares") {
    CHECK(mean_gain(3, 0.8) == 2952);
    CHECK(mean_gain(5, 0) == 1000);
    CHECK(mean_gain(5, 1) == 6000);
    for (std::int64_t g = 1; g != 17; ++g) {
        for (const double a : {0.1, 0.5, 0.77, 0.95}) {
            const double closed = (1 - std::pow(a, static_cast<double>(g + 1))) / (1 - a);
            CHECK(std::abs(static_cast<double>(mean_gain(g, a)) - 1000 * closed) <= 0.5 + 1e-9);
        }
    }
    // Ties: 1052.5, 1172.5, 1312.5, 1652.5.
    CHECK(mean_gain(2, 0.05) == 1052);
    CHECK(mean_gain(2, 0.15) == 1172);
    CHECK(mean_gain(2, 0.25) == 1312);
    CHECK(mean_gain(2, 0.45) == 1652);
    CHECK(mean_gain(64, 0.999999999) == 65'000);
    CHECK(mean_gain(std::array{0.9985, 0.0015}) == 1002);
    CHECK(mean_gain(std::array{0.25, 0.25, 0.5}) == 2250);
    CHECK(mean_gain(std::array{0.0, 0.0, 0.0, 1.0}) == 4000);
    // The number accepted of three drafts at 0.8 has these shares.
    CHECK(mean_gain(std::array{0.2, 0.16, 0.128, 0.512}) == mean_gain(3, 0.8));
}

TEST_CASE("speculation: the steps of an answer by hand") {
    // A prompt of 100 + 10; then 100 + 4 + 5 for drafts + 10, 12.5 and 15 tokens in the cache, which give 2.5 each.
    const std::vector<request_record> r = serve(
        {.speculation = speculation_options{.drafts = 3, .gain = 2500, .draft = {5, 0}}},
        {.base = {100, 0}, .per_token = {1, 0}, .per_kv_token = {1, 0}}, {{.prompt_tokens = 10, .output_tokens = 8}});
    CHECK(r[0].first_token == instant{duration{110}});
    CHECK(r[0].end == instant{duration{110 + 364}});  // 364.5, half to even
    CHECK(r[0].produced == 8);
}

TEST_CASE("speculation: a long answer alone comes at the tokens of a step over its time") {
    for (const std::int64_t drafts : {1, 3, 7}) {
        for (const double acceptance : {0.3, 0.8, 1.0}) {
            const std::int64_t gain = mean_gain(drafts, acceptance);
            const auto tokens = std::uint32_t{100'001};
            const std::vector<request_record> r =
                serve({.kv_capacity_tokens = 200'000,
                       .speculation = speculation_options{.drafts = drafts, .gain = gain, .draft = {700 * drafts, 0}}},
                      {.base = {5000, 0}, .per_token = {20, 0}}, {{.prompt_tokens = 1, .output_tokens = tokens}});
            const std::int64_t step = 5000 + 20 * (drafts + 1) + 700 * drafts;
            const std::int64_t steps = (100'000'000 + gain - 1) / gain;
            CHECK(ticks(r[0].end - r[0].first_token) == steps * step);
            // The gain over plain decoding, net of drafts and of the tokens that are verified in vain.
            const double speed_up = 100'000.0 * 5020 / static_cast<double>(steps * step);
            const double expected = static_cast<double>(gain) / 1000 * 5020 / static_cast<double>(step);
            CHECK(std::abs(speed_up / expected - 1) < 1e-4);
        }
    }
}

TEST_CASE("speculation: drafts that cost nothing and are never accepted change nothing") {
    random_stream d(38, purpose::test, 0);
    for (int trial = 0; trial != 60; ++trial) {
        replica_options o{.max_seqs = static_cast<std::int64_t>(1 + d.below(12)),
                          .max_batched_tokens = 10'000,
                          .kv_capacity_tokens = static_cast<std::int64_t>(300 + d.below(900)),
                          .kv_block_tokens = static_cast<std::int64_t>(2 + d.below(20)),
                          .order = static_cast<serving::step_order>(d.below(3)),
                          .prefix_cache = d.below(2) == 0};
        const linear_step step{.base = {static_cast<std::int64_t>(50 + d.below(100)), 0},
                               .per_kv_token = {static_cast<std::int64_t>(d.below(50)), 1},
                               .per_prefill_attention = {static_cast<std::int64_t>(d.below(9)), 1}};
        std::vector<request> requests;
        std::int64_t now = 0;
        for (std::uint64_t row = 0; row != 80; ++row) {
            now += static_cast<std::int64_t>(d.below(3000));
            const auto prompt = static_cast<std::uint32_t>(1 + d.below(100));
            requests.push_back({.row = row,
                                .arrival = instant{duration{now}},
                                .prompt_tokens = prompt,
                                .output_tokens = static_cast<std::uint32_t>(1 + d.below(120)),
                                .prefix_tokens = static_cast<std::uint32_t>(d.below(prompt)),
                                .session = static_cast<std::uint32_t>(d.below(5))});
        }
        const std::vector<request_record> plain = serve(o, step, requests);
        o.speculation = speculation_options{.drafts = 1, .gain = 1000, .draft = {}};
        REQUIRE(serve(o, step, requests) == plain);
    }
}

TEST_CASE("speculation: closed forms of a series equal its steps one by one") {
    random_stream d(39, purpose::test, 0);
    for (int trial = 0; trial != 1000; ++trial) {
        std::vector<linear_step> pieces(1 + d.below(4));
        for (linear_step& p : pieces) {
            const auto coefficient = [&](std::uint64_t most) {
                return serving::exact_time{static_cast<std::int64_t>(d.below(most)), static_cast<int>(d.below(4))};
            };
            p = {coefficient(5000), coefficient(200), coefficient(20), coefficient(3)};
        }
        iteration_time time{pieces};
        const auto drafts = static_cast<std::int64_t>(1 + d.below(8));
        const auto gain = static_cast<std::int64_t>(1000 + d.below(1000 * static_cast<std::uint64_t>(drafts) + 1));
        time.speculate({.drafts = drafts,
                        .gain = gain,
                        .draft = {static_cast<std::int64_t>(d.below(900)), static_cast<int>(d.below(6))}});
        const auto decodes = static_cast<std::int64_t>(1 + d.below(30));
        const auto kv = static_cast<std::int64_t>(d.below(3'000'000));
        const serving::decode_run run(time, decodes, kv);
        serving::time_units sum = 0;
        const auto steps = static_cast<std::int64_t>(1 + d.below(100));
        for (std::int64_t i = 0; i != steps; ++i) {
            sum += time({.tokens = decodes * (1 + drafts),
                         .kv_tokens = kv + i * decodes * gain,
                         .decodes = decodes,
                         .drafts = true});
            REQUIRE(run.total(i + 1) == sum);
            REQUIRE(run.first_reaching(sum, steps) <= i + 1);
        }
    }
}

TEST_CASE("speculation: what cannot be is refused by name") {
    const linear_step step{.base = {1, 0}};
    const auto with = [](const speculation_options& s, std::int64_t batched = 2048, std::int64_t block = 16) {
        return replica_options{.max_batched_tokens = batched, .kv_block_tokens = block, .speculation = s};
    };
    CHECK(refused(with({.drafts = 3, .gain = 2000}), step) == "none");
    CHECK(refused(with({.drafts = 0, .gain = 1000}), step) == "speculation.tokens");
    CHECK(refused(with({.drafts = 65, .gain = 1000}, 10'000), step) == "speculation.tokens");
    CHECK(refused(with({.drafts = 3, .gain = 4001}), step) == "speculation.gain");
    CHECK(refused(with({.drafts = 3, .gain = 999}), step) == "speculation.gain");
    CHECK(refused(with({.drafts = 3, .gain = 2000}, 255), step) == "max_batched_tokens");
    CHECK(refused(with({.drafts = 3, .gain = 2000}, 256), step) == "none");
    CHECK(refused(with({.drafts = 3, .gain = 2000}, 2048, 3), step) == "kv_block_tokens");
    CHECK(refused(with({.drafts = 3, .gain = 2000}, 2048, 1025), step) == "kv_block_tokens");
    CHECK(refused(with({.drafts = 3, .gain = 2000, .draft = {-1, 0}}), step) == "speculation.draft");
    CHECK(refused(with({.drafts = 3, .gain = 2000, .draft = {1, 16}}), step) == "speculation");
    CHECK(refused(with({.drafts = 3, .gain = 2000}), {.base = {1, 16}}) == "speculation");
    CHECK(refused(with({.drafts = 3, .gain = 2000}), {.base = {1, 15}}) == "none");
}
