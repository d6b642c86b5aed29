// One replica against the rules of a step done literally, on random requests and random parameters.
#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/drawer.hpp"
#include "support/naive_serving.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/serving/replica.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;
using serving::exact_time;
using serving::linear_step;
using serving::replica_options;
using serving::step_order;
using workload::request;

struct serving_case {
    replica_options options;
    std::vector<linear_step> pieces;
    serving::step_grid grid;
    std::vector<request> requests;
    instant until = never;
    std::vector<test::slowdown_change> slowdowns{};

    [[nodiscard]] std::string text() const {
        std::ostringstream out;
        out << "max_seqs " << options.max_seqs << ", max_batched_tokens " << options.max_batched_tokens
            << ", kv_capacity_tokens " << options.kv_capacity_tokens << ", kv_block_tokens " << options.kv_block_tokens
            << ", order " << static_cast<int>(options.order) << ", priorities " << options.priorities
            << ", prefix_cache " << options.prefix_cache << ", speculation "
            << (options.speculation ? options.speculation->drafts : 0) << " / "
            << (options.speculation ? options.speculation->gain : 0) << ", timeout "
            << (options.timeout ? ticks(*options.timeout) : 0) << ", max_wait "
            << (options.max_wait ? ticks(*options.max_wait) : 0) << ", recompute "
            << (options.recompute_per_token ? ticks(*options.recompute_per_token) : -1) << ", until " << ticks(until)
            << '\n';
        if (options.adapters)
            out << options.adapters->slots << " slots, load " << ticks(options.adapters->load) << '\n';
        for (const serving::cache_tier& t : options.tiers)
            out << "tier of " << t.capacity_tokens << ": " << ticks(t.link.latency) << ", " << t.link.bytes_per_token
                << " / " << t.link.bandwidth_b_s << '\n';
        for (const linear_step& p : pieces) {
            for (const exact_time& t : {p.base, p.per_token, p.per_kv_token, p.per_prefill_attention})
                out << t.mantissa << "e-" << t.scale << ' ';
            out << '\n';
        }
        for (std::size_t i = 0; i != grid.time.size(); ++i)
            out << grid.decodes[i / grid.prefill_tokens.size()] << " + "
                << grid.prefill_tokens[i % grid.prefill_tokens.size()] << ": " << grid.time[i].mantissa << "e-"
                << grid.time[i].scale << '\n';
        for (const test::slowdown_change& s : slowdowns) out << "at " << ticks(s.at) << " x " << s.millionths << '\n';
        for (const request& r : requests)
            out << ticks(r.arrival) << ' ' << r.prompt_tokens << ' ' << r.output_tokens << ' ' << int{r.priority} << ' '
                << r.session << ' ' << r.prefix_tokens << ' ' << r.tenant << '\n';
        return out.str();
    }
};

class drawer : public test::drawer {
public:
    using test::drawer::drawer;
    /// Of every magnitude up to `high`.
    std::int64_t spread(std::int64_t low, std::int64_t high) {
        std::int64_t x = between(low, high);
        for (std::int64_t halvings = between(0, 12); halvings != 0 && x / 2 >= low; --halvings) x /= 2;
        return x;
    }
    exact_time time(std::int64_t most) {
        const auto scale = static_cast<int>(one_in(2) ? 0 : between(0, 9));
        std::int64_t power = 1;
        for (int i = 0; i != scale; ++i) power *= 10;
        if (one_in(4)) return {0, 0};
        if (one_in(4)) return {spread(1, 2 * most + 1) * (power > 1 ? power / 2 : 1), scale};  // halves: ties
        return {spread(0, most * power), scale};
    }
};

/// A table of any shape: neither convex nor concave, nor always longer for more.
serving::step_grid random_grid(drawer& d, const replica_options& o, std::int64_t most) {
    const auto lines = [&d](std::int64_t last) {
        std::vector<std::int64_t> out{0};
        while (out.size() < 5 && out.back() < last && !d.one_in(4)) out.push_back(d.between(out.back() + 1, last));
        if (out.back() != last) out.push_back(last + d.between(0, 3));
        return out;
    };
    serving::step_grid g{.decodes = lines(o.max_seqs), .prefill_tokens = lines(o.max_batched_tokens), .time = {}};
    for (std::size_t i = 0; i != g.decodes.size() * g.prefill_tokens.size(); ++i) g.time.push_back(d.time(most));
    return g;
}

serving::speculation_options random_speculation(drawer& d, replica_options& o, std::int64_t most) {
    const std::int64_t drafts = d.spread(1, 9);
    o.max_batched_tokens = std::max(o.max_batched_tokens, o.max_seqs * (drafts + 1));
    o.kv_block_tokens = std::clamp<std::int64_t>(o.kv_block_tokens, drafts + 1, 1024);
    return {.drafts = drafts,
            .gain = d.one_in(4) ? 1000 * d.between(1, drafts + 1) : d.between(1000, 1000 * (drafts + 1)),
            .draft = d.time(most)};
}

serving_case random_case(std::uint64_t number, std::size_t num_requests) {
    drawer d(20, number);
    serving_case c;
    replica_options& o = c.options;
    o.kv_block_tokens = d.one_in(3) ? 1 : d.one_in(8) ? d.between(33, 300) : d.between(1, 32);
    const std::int64_t longest = d.spread(2, 400);
    o.kv_capacity_tokens = o.kv_block_tokens * d.between(1, 40) + d.spread(longest / 2, 8 * longest);
    o.max_seqs = d.spread(1, 40);
    o.max_batched_tokens = d.spread(1, 2 * longest);
    o.order = d.one_in(2) ? step_order::mixed : static_cast<step_order>(d.between(0, 2));
    if (o.order == step_order::prefill_first) o.max_batched_tokens = std::max(o.max_batched_tokens, o.max_seqs);
    o.priorities = d.one_in(3);
    // Half of the cases are short of blocks but not of seats and tokens, with answers longer than prompts.
    const bool short_of_blocks = d.one_in(2);
    if (short_of_blocks) {
        o.kv_capacity_tokens = longest * d.between(2, 5) + o.kv_block_tokens * 2;
        o.max_seqs = d.between(2, 30);
        o.max_batched_tokens = std::max(o.max_seqs, o.max_batched_tokens);
    }
    const std::int64_t base = d.spread(0, 5000);
    for (std::int64_t pieces = d.one_in(2) ? 1 : d.between(2, 4); pieces != 0; --pieces)
        c.pieces.push_back({d.time(base), d.time(base / 10 + 1), d.time(base / 50 + 1), d.time(base / 200 + 1)});
    if (d.one_in(3)) o.speculation = random_speculation(d, o, base);
    if (d.one_in(4)) c.grid = random_grid(d, o, base);
    const std::int64_t step = base * 2 + 1;
    if (d.one_in(4)) o.timeout = duration{d.spread(1, step * longest * 4)};
    if (d.one_in(4)) o.max_wait = duration{d.spread(1, step * longest * 2)};
    std::int64_t now = d.between(0, 3) * 1'000'000;
    o.prefix_cache = d.one_in(2);
    const std::int64_t sessions = d.between(0, 6);
    const std::int64_t gap = d.spread(1, step * longest);
    const bool answers = short_of_blocks || d.one_in(2);
    for (std::size_t i = 0; i != num_requests; ++i) {
        if (!d.one_in(4)) now += d.one_in(10) ? d.between(0, 20 * gap) : d.between(0, gap);
        const std::int64_t prompt = d.one_in(30) ? d.between(1, 20 * longest) : d.spread(1, longest);
        const std::int64_t output = d.one_in(10)      ? 1
                                    : short_of_blocks ? d.between(1, longest)
                                                      : d.spread(1, answers ? longest : longest / 8 + 1);
        c.requests.push_back({.row = i,
                              .arrival = instant{duration{now}},
                              .prompt_tokens = static_cast<std::uint32_t>(prompt),
                              .output_tokens = static_cast<std::uint32_t>(output),
                              .prefix_tokens = static_cast<std::uint32_t>(d.between(0, prompt)),
                              .session = static_cast<std::uint32_t>(d.between(0, sessions)),
                              .priority = static_cast<std::uint8_t>(d.between(0, 7))});
    }
    if (d.one_in(4)) c.until = c.requests.front().arrival + duration{d.between(0, now - ticks(c.requests[0].arrival))};
    return c;
}

/// About one step [ns].
std::int64_t time_of_step(const serving_case& c) {
    const linear_step& p = c.pieces.front();
    double ns = 0;
    for (const auto& [t, n] : {std::pair{p.base, 1}, {p.per_token, 20}, {p.per_kv_token, 500}})
        ns += static_cast<double>(t.mantissa) / std::pow(10.0, t.scale) * n;
    return static_cast<std::int64_t>(std::min(ns, 1e6));
}

/// Of a memory that is small enough to lose what it has, and of any speed beside the steps.
std::vector<serving::cache_tier> random_tiers(drawer& d, const replica_options& o, std::int64_t step) {
    std::vector<serving::cache_tier> out;
    for (std::int64_t n = d.between(1, 3); n != 0; --n)
        out.push_back({.capacity_tokens = o.kv_block_tokens * d.spread(1, 400) + d.between(0, o.kv_block_tokens - 1),
                       .link = {.latency = duration{d.one_in(3) ? 0 : d.spread(0, 4 * step)},
                                .bytes_per_token = d.spread(1, 100),
                                .bandwidth_b_s = 1 + 1'000'000'000 / d.spread(1, step + 1),
                                .efficiency_ppb = d.one_in(2) ? 1'000'000'000 : d.between(1'000'000, 1'000'000'000)}});
    return out;
}

serving_case random_tiered_case(std::uint64_t number) {
    serving_case c = random_case(number, 5 + number % 60);
    drawer d(22, number);
    replica_options& o = c.options;
    o.prefix_cache = true;
    if (d.one_in(4)) o.kv_block_tokens = d.between(o.speculation ? o.speculation->drafts + 1 : 1, 12);
    const std::int64_t step = 1 + time_of_step(c);
    o.tiers = random_tiers(d, o, step);
    if (d.one_in(3)) o.recompute_per_token = duration{d.spread(0, 2 * step)};
    // Sessions come back when others have taken their blocks, often while few requests run.
    const std::int64_t sessions = d.between(2, 8);
    const std::int64_t stretch = d.one_in(3) ? 1 : d.between(2, 60);
    const instant first = c.requests.front().arrival;
    const auto stretched = [&](instant t) { return first + (t - first) * stretch; };
    const bool is_chat = !d.one_in(3);
    std::int64_t most = 0;
    for (request& r : c.requests) {
        if (is_chat) {
            r.prompt_tokens = static_cast<std::uint32_t>(o.kv_block_tokens * d.between(1, 12) + d.between(0, 3));
            r.prefix_tokens = std::min(r.prefix_tokens, r.prompt_tokens);
            r.output_tokens = static_cast<std::uint32_t>(d.spread(1, 60));
        }
        r.arrival = stretched(r.arrival);
        r.session = static_cast<std::uint32_t>(d.one_in(20) ? 0 : d.between(1, sessions));
        if (!d.one_in(4)) r.prefix_tokens = r.prompt_tokens;
        most = std::max(most, std::int64_t{r.prompt_tokens} + r.output_tokens);
    }
    if (is_chat || d.one_in(2))
        o.kv_capacity_tokens = std::min(o.kv_capacity_tokens, most + d.between(0, (is_chat ? 3 : 1) * most));
    if (c.until != never) c.until = stretched(c.until);
    return c;
}

/// While it serves, from one step to many apart; back to full speed, too.
void add_slowdowns(drawer& d, serving_case& c) {
    std::int64_t at = ticks(c.requests.front().arrival);
    const std::int64_t gap = (1 + time_of_step(c)) * d.spread(1, 400);
    for (std::int64_t n = d.between(1, 12); n != 0; --n) {
        if (!d.one_in(6)) at += d.between(0, gap);
        // Some are those of a request.
        const request& r = c.requests[static_cast<std::size_t>(d.between(0, std::ssize(c.requests) - 1))];
        if (d.one_in(6)) at = std::max(at, ticks(r.arrival));
        const std::int64_t few = 250'000 * d.between(4, 12);
        c.slowdowns.push_back({.at = instant{duration{at}},
                               .millionths = d.one_in(4)   ? serving::full_speed
                                             : d.one_in(2) ? few
                                                           : d.spread(serving::full_speed, 20'000'000)});
    }
}

struct engine_result {
    std::vector<serving::request_record> records;
    serving::replica_counts counts;
    std::optional<std::int64_t> blocks_at_until{};
};

/// Drives a replica as a kernel would: completions, arrivals, starts, round by round.
engine_result serve(const serving_case& c, std::span<serving::token_gaps> gaps = {}) {
    const serving::iteration_time time{c.pieces, serving::step_table{c.grid}};
    serving::replica replica(c.options, time);
    if (!gaps.empty()) replica.measure_gaps(gaps);
    std::size_t next = 0;
    auto change = c.slowdowns.begin();
    std::optional<std::int64_t> blocks;
    for (;;) {
        const instant arrival = next == c.requests.size() ? never : c.requests[next].arrival;
        const instant paced = change == c.slowdowns.end() ? never : change->at;
        const instant now = std::min({arrival, replica.next(), paced});
        if (now == never || now > c.until) break;
        const bool is_touched =
            replica.next() == now || arrival == now;  // a change of its pace alone is no reason to look
        if (replica.next() == now) replica.advance(now);
        for (; change != c.slowdowns.end() && change->at == now; ++change)
            replica.pace_by(replica.slowed(change->millionths), now);
        for (; next != c.requests.size() && c.requests[next].arrival == now; ++next)
            replica.submit(c.requests[next], now);
        if (now == c.until && !blocks) blocks = replica.blocks_in_use(now);
        if (is_touched) replica.start(now);
    }
    if (c.until != never && !blocks) blocks = replica.blocks_in_use(c.until);
    // Where several steps end at one instant, "before a step that begins then" says nothing.
    if (!time.ends_differ()) blocks.reset();
    const std::int64_t produced = replica.produced_tokens(c.until);
    replica.close(c.until);
    if (c.until != never) CHECK(produced == replica.counts().produced_tokens);
    engine_result out{{replica.records().begin(), replica.records().end()}, replica.counts(), blocks};
    if (c.until == never) {
        CHECK(replica.num_live() == 0);
        CHECK(replica.blocks_in_use(c.requests.back().arrival) == 0);
    }
    std::sort(out.records.begin(), out.records.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
    return out;
}

bool same_loads(const serving::replica_counts& e, const test::naive_serving_result& n) {
    for (std::size_t t = 0; t != n.loads.size(); ++t) {
        const serving::tier_counts& c = e.tiers[t];
        if (c.loads != n.loads[t] || c.tokens != n.loaded_tokens[t] || ticks(c.busy) != n.load_time[t]) return false;
    }
    return e.adapters.hits == n.adapter_hits && e.adapters.loads == n.adapter_loads &&
           ticks(e.adapters.busy) == n.adapter_time;
}

bool same(const engine_result& e, const test::naive_serving_result& n) {
    return e.records == n.records && e.counts.steps == n.steps && e.counts.preemptions == n.preemptions &&
           e.counts.prefill_tokens + e.counts.decode_tokens == n.computed_tokens &&
           e.counts.produced_tokens == n.produced_tokens && same_loads(e.counts, n) &&
           e.blocks_at_until.value_or(n.blocks_at_until) == n.blocks_at_until;
}

/// What went through a series of cases, so that no kind of event is left out.
struct seen {
    std::int64_t finished = 0, rejected = 0, cancelled = 0, unfinished = 0, preemptions = 0, steps = 0, requests = 0,
                 cached = 0, loads = 0, loaded_again = 0, adapters = 0;
};

test::naive_serving_result naively(const serving_case& c) {
    return test::serve_naively(c.requests, c.options, c.pieces, c.until, c.grid, {}, c.slowdowns);
}

/// The case without the requests that do not matter to the difference.
serving_case shrunk(serving_case c) {
    for (std::size_t i = c.requests.size(); i-- != 0;) {
        serving_case less = c;
        less.requests.erase(less.requests.begin() + static_cast<std::ptrdiff_t>(i));
        for (std::size_t row = 0; row != less.requests.size(); ++row) less.requests[row].row = row;
        if (!less.requests.empty() && !same(serve(less), naively(less))) c = less;
    }
    return c;
}

void compare(const serving_case& given, seen& s) {
    serving_case c = given;
    engine_result engine = serve(c);
    test::naive_serving_result naive = naively(c);
    if (!same(engine, naive)) {
        c = shrunk(c);
        engine = serve(c);
        naive = naively(c);
        for (std::size_t i = 0; i != std::min(engine.records.size(), naive.records.size()); ++i) {
            if (engine.records[i] == naive.records[i]) continue;
            const auto shown = [](const serving::request_record& r) {
                std::ostringstream out;
                out << serving::request_state_names[static_cast<std::size_t>(r.state)] << ", first start "
                    << ticks(r.first_start) << ", first token " << ticks(r.first_token) << ", end " << ticks(r.end)
                    << ", produced " << r.produced << ", preemptions " << r.preemptions << ", cached "
                    << r.cached_tokens;
                return out.str();
            };
            INFO(c.text());
            INFO("request " << i << ": " << shown(engine.records[i]) << "; rather: " << shown(naive.records[i]));
            FAIL("a request differs");
        }
        INFO(c.text());
        CHECK(engine.records.size() == naive.records.size());
        CHECK(engine.counts.steps == naive.steps);
        CHECK(engine.counts.preemptions == naive.preemptions);
        CHECK(engine.counts.prefill_tokens + engine.counts.decode_tokens == naive.computed_tokens);
        CHECK(engine.counts.produced_tokens == naive.produced_tokens);
        CHECK(same_loads(engine.counts, naive));
        CHECK(engine.blocks_at_until.value_or(naive.blocks_at_until) == naive.blocks_at_until);
        FAIL("the counts differ");
    }
    s.requests += static_cast<std::int64_t>(engine.records.size());
    s.steps += naive.steps;
    s.preemptions += naive.preemptions;
    for (const std::int64_t loads : naive.loads) s.loads += loads;
    s.adapters += naive.adapter_loads;
    if (naive.loads.size() > 1) s.loaded_again += naive.loads[1];
    for (const serving::request_record& r : engine.records) {
        s.cached += r.cached_tokens;
        switch (r.state) {
            case serving::request_state::finished: ++s.finished; break;
            case serving::request_state::rejected: ++s.rejected; break;
            case serving::request_state::cancelled: ++s.cancelled; break;
            case serving::request_state::unfinished: ++s.unfinished; break;
            case serving::request_state::failed: FAIL("no replica fails here");
            case serving::request_state::shed: FAIL("no bound is set here");
        }
    }
}

}  // namespace

TEST_CASE("serving: every request is served as the rules say, done literally") {
    seen s;
    const std::size_t cases = test::random_cases(60000);
    for (std::size_t i = 0; i != cases; ++i) compare(random_case(i, 5 + i % 60), s);
    CHECK(s.finished > s.requests / 2);
    CHECK(s.rejected > s.requests / 100);
    CHECK(s.cancelled > s.requests / 100);
    CHECK(s.unfinished > s.requests / 100);
    CHECK(s.preemptions > s.requests / 50);
    CHECK(s.cached > s.requests / 8);
}

TEST_CASE("serving: what a prefix cache evicts comes back from tiers below") {
    seen s;
    const std::size_t cases = test::random_cases(40000);
    for (std::size_t i = 0; i != cases; ++i) compare(random_tiered_case(i), s);
    CHECK(s.finished > s.requests / 2);
    CHECK(s.cancelled > s.requests / 100);
    CHECK(s.unfinished > s.requests / 100);
    CHECK(s.preemptions > s.requests / 50);
    CHECK(s.loads > s.requests / 30);
    CHECK(s.loaded_again > s.requests / 100);
}

TEST_CASE("serving: requests wait for the adapters of their tenants") {
    seen s;
    const std::size_t cases = test::random_cases(20000);
    for (std::size_t i = 0; i != cases; ++i) {
        serving_case c = i % 3 == 0 ? random_tiered_case(i) : random_case(i, 5 + i % 60);
        drawer d(23, i);
        const std::int64_t step = 1 + time_of_step(c);
        const std::int64_t count = d.between(1, 9);
        c.options.adapters = {.slots = d.between(1, count), .load = duration{d.one_in(5) ? 0 : d.spread(0, 20 * step)}};
        for (request& r : c.requests) r.tenant = static_cast<std::uint32_t>(d.between(0, count));
        compare(c, s);
    }
    CHECK(s.finished > s.requests / 2);
    CHECK(s.cancelled > s.requests / 100);
    CHECK(s.preemptions > s.requests / 50);
    CHECK(s.adapters > s.requests / 10);
    CHECK(s.loads > s.requests / 100);
}

TEST_CASE("serving: steps last by the slowdown of the instant at which they begin") {
    seen s;
    std::int64_t slower = 0;
    const std::size_t cases = test::random_cases(40000);
    for (std::size_t i = 0; i != cases; ++i) {
        serving_case c = i % 3 == 0 ? random_tiered_case(i) : random_case(i, 5 + i % 60);
        drawer d(24, i);
        const serving_case at_full_speed = c;
        add_slowdowns(d, c);
        compare(c, s);
        serving::token_gaps gaps;
        const engine_result engine = serve(c, std::span{&gaps, 1});
        INFO(c.text());
        REQUIRE(test::difference_of(gaps, naively(c).gaps) == "");
        if (engine.counts.busy > serve(at_full_speed).counts.busy) ++slower;
    }
    CHECK(slower > static_cast<std::int64_t>(cases / 2));
    CHECK(s.finished > s.requests / 2);
    CHECK(s.cancelled > s.requests / 100);
    CHECK(s.unfinished > s.requests / 100);
    CHECK(s.preemptions > s.requests / 50);
    CHECK(s.cached > s.requests / 8);
    CHECK(s.loads > s.requests / 100);
}

TEST_CASE("serving: gaps between tokens are those of the steps one by one") {
    std::size_t all = 0, interrupted = 0;
    const std::size_t cases = test::random_cases(8000);
    for (std::size_t i = 0; i != cases; ++i) {
        const serving_case c = random_case(i, 5 + i % 60);
        std::vector<serving::token_gaps> gaps(i % 4 == 0 ? 1 : workload::num_request_priorities);
        const engine_result engine = serve(c, gaps);
        const test::naive_serving_result naive = naively(c);
        INFO(c.text());
        REQUIRE(same(engine, naive));
        REQUIRE((gaps.size() == 1 ? test::difference_of(gaps[0], naive.gaps) : test::difference_of(gaps, naive)) == "");
        all += naive.gaps.size();
        for (const serving::token_gaps& g : gaps)
            if (g.count() != 0 && *g.percentile_s(p100) > 3 * *g.percentile_s(p50)) ++interrupted;
    }
    CHECK(all > 100 * cases);
    CHECK(interrupted > cases / 10);
}

TEST_CASE("serving: long answers are jumped over exactly") {
    seen s;
    const std::size_t cases = test::random_cases(300);
    for (std::size_t i = 0; i != cases; ++i) {
        drawer d(21, i);
        serving_case c;
        c.options = {.max_seqs = d.between(1, 40),
                     .max_batched_tokens = d.between(40, 3000),
                     .kv_capacity_tokens = d.between(10'000, 30'000),
                     .kv_block_tokens = d.one_in(4) ? d.between(65, 2000) : d.between(1, 32)};
        for (std::int64_t pieces = d.between(1, 4); pieces != 0; --pieces)
            c.pieces.push_back({d.time(5'000'000), d.time(20'000), d.time(30), d.time(1)});
        if (d.one_in(3)) c.options.speculation = random_speculation(d, c.options, 1'000'000);
        if (d.one_in(3)) c.grid = random_grid(d, c.options, 5'000'000);
        std::int64_t now = 0;
        for (std::size_t row = 0; row != 40; ++row) {
            now += d.spread(0, 10'000'000'000);
            c.requests.push_back({.row = row,
                                  .arrival = instant{duration{now}},
                                  .prompt_tokens = static_cast<std::uint32_t>(d.spread(1, 5000)),
                                  .output_tokens = static_cast<std::uint32_t>(d.between(1, 5000))});
        }
        compare(c, s);
        serving::token_gaps gaps;
        serve(c, std::span{&gaps, 1});
        REQUIRE(test::difference_of(gaps, naively(c).gaps) == "");
    }
    CHECK(s.steps > 50 * s.requests);
    CHECK(s.preemptions > 0);
}

TEST_CASE("serving: the blocks taken over time are those of the steps one by one") {
    const std::size_t cases = test::random_cases(3000);
    int128 whole = 0;
    for (std::size_t i = 0; i != cases; ++i) {
        // Equal steps and blocks of one token: blocks grow evenly within a series.
        serving_case c = i % 2 == 0 ? random_case(i, 5 + i % 60) : random_tiered_case(i);
        c.grid = {};
        c.pieces = {{.base = {static_cast<std::int64_t>(2 + i % 1000), 0}}};
        c.options.kv_capacity_tokens /= c.options.kv_block_tokens;
        c.options.kv_block_tokens = 1;
        c.options.speculation.reset();
        const engine_result engine = serve(c);
        const test::naive_serving_result naive = naively(c);
        INFO(c.text());
        REQUIRE(same(engine, naive));
        REQUIRE(engine.counts.twice_block_time == 2 * naive.block_time);
        REQUIRE(engine.counts.peak_blocks == naive.peak_blocks);
        REQUIRE(ticks(engine.counts.prefilling) == naive.prefill_time);
        whole += naive.block_time;
    }
    CHECK(whole > 0);
}
