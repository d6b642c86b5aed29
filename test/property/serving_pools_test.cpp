// Prompts and answers on different replicas, against the same done literally, on random requests and parameters.
#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/drawer.hpp"
#include "support/naive_serving.hpp"
#include "support/random_admission.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/serving/decode_pool.hpp>
#include <ampacity/serving/service.hpp>
#include <ampacity/workload/request_source.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace ampacity;
using serving::linear_step;
using serving::request_state;
using serving::step_order;
using workload::request;

struct pools_case {
    serving::service_options options;
    std::vector<linear_step> prefill, decode;
    std::vector<request> requests;
    instant until = never;
};

class drawer : public test::drawer {
public:
    explicit drawer(std::uint64_t number) : test::drawer(31, number) {}
    std::vector<linear_step> pieces() {
        std::vector<linear_step> out;
        for (std::int64_t n = one_in(3) ? 2 : 1; n != 0; --n)
            out.push_back({.base = {between(2, 300), 0},
                           .per_token = {between(0, 200), 1},
                           .per_kv_token = {between(0, 300), 2},
                           .per_prefill_attention = {between(0, 10), 2}});
        return out;
    }
};

serving::replica_options random_engine(drawer& d) {
    serving::replica_options o{.max_seqs = d.between(1, 9),
                               .max_batched_tokens = d.between(4, 90),
                               .kv_capacity_tokens = d.between(70, 260),
                               .kv_block_tokens = d.one_in(3) ? 1 : d.between(1, 16)};
    o.order = d.one_in(2) ? step_order::mixed : static_cast<step_order>(d.between(0, 2));
    if (o.order == step_order::prefill_first) o.max_batched_tokens = std::max(o.max_batched_tokens, o.max_seqs);
    o.priorities = d.one_in(3);
    if (d.one_in(4)) o.timeout = duration{d.between(1, 60'000)};
    if (d.one_in(4)) o.max_wait = duration{d.between(1, 20'000)};
    if (!d.one_in(3)) return o;
    const std::int64_t drafts = d.between(1, 4);
    o.max_batched_tokens = std::max(o.max_batched_tokens, o.max_seqs * (drafts + 1));
    o.kv_block_tokens = std::max(o.kv_block_tokens, drafts + 1);
    o.speculation = serving::speculation_options{
        .drafts = drafts, .gain = d.between(1000, 1000 * (drafts + 1)), .draft = {d.between(0, 300), 1}};
    return o;
}

pools_case random_case(std::uint64_t number) {
    drawer d(number);
    constexpr std::array<const char*, 5> routers{"round-robin", "least-requests", "least-kv", "random", "power-of-two"};
    pools_case c;
    c.prefill = d.pieces();
    c.decode = d.pieces();
    c.options = {.replicas = static_cast<std::uint32_t>(d.between(1, 4)),
                 .engine = random_engine(d),
                 .router = routers[static_cast<std::size_t>(d.between(0, 4))],
                 .random = {.seed = number}};
    c.options.engine.prefix_cache = !d.one_in(3);
    if (c.options.engine.prefix_cache && d.one_in(2)) {
        for (std::int64_t n = d.between(1, 2); n != 0; --n)
            c.options.engine.tiers.push_back({.capacity_tokens = c.options.engine.kv_block_tokens * d.between(1, 60),
                                              .link = {.latency = duration{d.one_in(3) ? 0 : d.between(0, 2000)},
                                                       .bytes_per_token = d.between(1, 100),
                                                       .bandwidth_b_s = d.between(1, 100) * 1'000'000'000}});
        c.options.engine.tiers.back().shared = d.one_in(2);
        if (d.one_in(3)) c.options.engine.recompute_per_token = duration{d.between(0, 100)};
    }
    c.options.decode = serving::decode_options{.replicas = static_cast<std::uint32_t>(d.between(1, 4)),
                                               .engine = random_engine(d),
                                               .router = routers[static_cast<std::size_t>(d.between(0, 4))],
                                               .random = {.seed = number, .entity = 7},
                                               .time = serving::iteration_time{c.decode}};
    // From caches that are there at once to those that fill the senders.
    c.options.decode->transfer = {.latency = duration{d.one_in(3) ? 0 : d.between(0, 2000)},
                                  .bytes_per_token = d.between(1, 5000),
                                  .bandwidth_b_s = d.between(1, 1000) * (d.one_in(2) ? 1'000'000'000 : 30'000'000'000),
                                  .efficiency_ppb = d.between(1, 10) * 100'000'000,
                                  .layers = d.one_in(3) ? 1 : d.between(1, 80)};
    std::int64_t now = 0;
    const std::int64_t gap = d.between(1, 1500);
    for (std::uint64_t row = 0; row != 20 + number % 60; ++row) {
        if (!d.one_in(4)) now += d.between(0, gap);
        const std::int64_t prompt = d.one_in(25) ? d.between(1, 300) : d.between(1, 60);
        c.requests.push_back({.row = row,
                              .arrival = instant{duration{now}},
                              .prompt_tokens = static_cast<std::uint32_t>(prompt),
                              .output_tokens = static_cast<std::uint32_t>(d.one_in(8) ? 1 : d.between(1, 60)),
                              .prefix_tokens = static_cast<std::uint32_t>(d.between(0, prompt)),
                              .session = static_cast<std::uint32_t>(d.between(0, 4)),
                              .priority = static_cast<std::uint8_t>(d.between(0, 7))});
    }
    if (d.one_in(4)) c.until = instant{duration{d.between(0, now)}};
    if (d.one_in(3)) c.options.admission = test::random_admission(number);
    return c;
}

struct engine_result {
    std::vector<serving::request_record> records;
    serving::replica_counts prefill, decode;
    std::uint64_t begun = 0, received = 0;
    std::int64_t tokens_moved = 0;
};

engine_result serve(const pools_case& c, std::vector<serving::token_gaps>& gaps) {
    serving::service service(c.options, serving::iteration_time{c.prefill});
    service.measure_gaps(gaps);
    workload::vector_request_source source(c.requests);
    engine_result out;
    serving::serve(source, service, c.until, [&](const serving::request_record& r) { out.records.push_back(r); });
    std::sort(out.records.begin(), out.records.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
    const serving::decode_pool& pool = *service.decode();
    out.prefill = serving::counts_of(service.replicas());
    out.decode = serving::counts_of(pool.replicas());
    out.begun = pool.num_begun();
    out.received = pool.num_received();
    out.tokens_moved = pool.tokens_received();
    if (c.until != never) return out;
    CHECK(pool.num_on_their_way() == 0);
    CHECK(out.begun == out.received);
    for (const auto replicas : {service.replicas(), pool.replicas()}) {
        for (const serving::replica& r : replicas) {
            CHECK(r.num_live() == 0);
            CHECK(r.num_expected() == 0);
            CHECK(r.blocks_held() == 0);
            CHECK(r.blocks_expected() == 0);
        }
    }
    return out;
}

std::string text_of(const serving::request_record& r) {
    std::ostringstream out;
    out << serving::request_state_names[static_cast<std::size_t>(r.state)] << " at " << r.replica << ", first start "
        << ticks(r.first_start) << ", first token " << ticks(r.first_token) << ", transfer " << ticks(r.transfer)
        << ", end " << ticks(r.end) << ", produced " << r.produced << ", preemptions " << r.preemptions << ", cached "
        << r.cached_tokens;
    return out.str();
}

bool same(const serving::replica_counts& e, const test::naive_serving_result& n) {
    return e.steps == n.steps && e.preemptions == n.preemptions &&
           e.prefill_tokens + e.decode_tokens == n.computed_tokens && e.produced_tokens == n.produced_tokens;
}

}  // namespace

TEST_CASE("serving pools: every request is served as the rules say done literally") {
    std::size_t finished = 0, rejected = 0, cancelled = 0, unfinished = 0, preemptions = 0, all = 0, moved = 0,
                cached = 0, shed = 0, speculative = 0, loads = 0;
    const std::size_t cases = test::random_cases(4000);
    for (std::size_t number = 0; number != cases; ++number) {
        const pools_case c = random_case(number);
        std::vector<serving::token_gaps> gaps(workload::num_request_priorities);
        const engine_result engine = serve(c, gaps);
        const test::naive_pools_result naive =
            test::serve_pools_naively(c.requests, c.options, c.prefill, c.decode, c.until);
        INFO("case " << number);
        REQUIRE(engine.records.size() == naive.records.size());
        for (std::size_t i = 0; i != engine.records.size(); ++i) {
            INFO("request " << i << ": " << text_of(engine.records[i]) << "; rather: " << text_of(naive.records[i]));
            REQUIRE(engine.records[i] == naive.records[i]);
            const serving::request_record& r = engine.records[i];
            ++all;
            if (r.transfer >= duration::zero()) ++moved;
            if (r.cached_tokens != 0) ++cached;
            if (r.state == request_state::finished) ++finished;
            if (r.state == request_state::rejected) ++rejected;
            if (r.state == request_state::cancelled) ++cancelled;
            if (r.state == request_state::unfinished) ++unfinished;
            if (r.state == request_state::shed) ++shed;
        }
        REQUIRE(same(engine.prefill, naive.prefill));
        REQUIRE(same(engine.decode, naive.decode));
        if (c.options.engine.tiers.empty()) REQUIRE(engine.prefill.preemptions == 0);
        for (std::size_t t = 0; t != c.options.engine.tiers.size(); ++t) {
            REQUIRE(engine.prefill.tiers[t].loads == naive.prefill.loads[t]);
            REQUIRE(engine.prefill.tiers[t].tokens == naive.prefill.loaded_tokens[t]);
            loads += static_cast<std::size_t>(naive.prefill.loads[t]);
        }
        REQUIRE(naive.prefill.gaps.empty());
        REQUIRE(test::difference_of(gaps, naive.decode) == "");
        REQUIRE(engine.received == static_cast<std::uint64_t>(naive.transfers));
        REQUIRE(engine.tokens_moved == naive.tokens_moved);
        preemptions += static_cast<std::size_t>(engine.decode.preemptions);
        if (c.options.decode->engine.speculation) speculative += engine.received;
    }
    CHECK(finished > all / 4);
    CHECK(rejected > all / 100);
    CHECK(cancelled > all / 50);
    CHECK(unfinished > all / 100);
    CHECK(preemptions > all / 50);
    CHECK(moved > all / 3);
    CHECK(cached > all / 20);
    CHECK(shed > all / 20);
    CHECK(speculative > all / 20);
    CHECK(loads > all / 100);
}
