// Services whose replicas come and go, every request against the same done literally: routers, engines with all their
// parts, admission, autoscalers, nodes that fail, and requests that follow answers.
#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/drawer.hpp"
#include "support/naive_serving.hpp"
#include "support/random_admission.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>
#include <ampacity/workload/closed_requests.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;
using serving::request_record;
using serving::request_state;
using serving::scaling_policy;
using workload::request;

struct scaled_case {
    serving::service_options options;
    test::naive_scaling scaling;
    std::vector<serving::linear_step> pieces;
    std::vector<request> requests;
    instant until = never;
};

serving::replica_options random_engine(test::drawer& d) {
    serving::replica_options o{.max_seqs = d.between(1, 9),
                               .max_batched_tokens = d.between(8, 90),
                               .kv_capacity_tokens = d.between(90, 400),
                               .kv_block_tokens = d.one_in(3) ? 1 : d.between(1, 16)};
    o.order = d.one_in(2) ? serving::step_order::mixed : static_cast<serving::step_order>(d.between(0, 2));
    if (o.order == serving::step_order::prefill_first)
        o.max_batched_tokens = std::max(o.max_batched_tokens, o.max_seqs);
    o.priorities = d.one_in(3);
    o.prefix_cache = !d.one_in(3);
    if (d.one_in(4)) o.timeout = duration{d.between(1, 120'000)};
    if (d.one_in(4)) o.max_wait = duration{d.between(1, 40'000)};
    if (d.one_in(3)) {
        const std::int64_t drafts = d.between(1, 4);
        o.max_batched_tokens = std::max(o.max_batched_tokens, o.max_seqs * (drafts + 1));
        o.kv_block_tokens = std::max(o.kv_block_tokens, drafts + 1);
        o.speculation = serving::speculation_options{
            .drafts = drafts, .gain = d.between(1000, 1000 * (drafts + 1)), .draft = {d.between(0, 300), 1}};
    }
    if (o.prefix_cache && d.one_in(2)) {
        for (std::int64_t n = d.between(1, 2); n != 0; --n)
            o.tiers.push_back({.capacity_tokens = o.kv_block_tokens * d.between(1, 60),
                               .link = {.latency = duration{d.one_in(3) ? 0 : d.between(0, 2000)},
                                        .bytes_per_token = d.between(1, 100),
                                        .bandwidth_b_s = d.between(1, 100) * 1'000'000'000}});
        o.tiers.back().shared = d.one_in(2);
        if (d.one_in(3)) o.recompute_per_token = duration{d.between(0, 100)};
    }
    if (d.one_in(3)) o.adapters = {.slots = d.between(1, 4), .load = duration{d.between(0, 8000)}};
    return o;
}

test::naive_scaling random_scaling(test::drawer& d, std::int64_t last) {
    test::naive_scaling out{.cold_start = duration{d.between(1, 9000)},
                            .requeues = !d.one_in(3),
                            .ttft = duration{d.between(100, 20'000)},
                            .nodes = static_cast<std::uint32_t>(d.between(1, 6))};
    serving::autoscaler_options& a = out.autoscale;
    a = {.policy = static_cast<scaling_policy>(d.between(0, 4)),
         .min = 1,
         .max = static_cast<std::uint32_t>(d.between(1, out.nodes)),
         .interval = duration{d.between(200, 20'000)},
         .up_delay = duration{d.one_in(2) ? 0 : d.between(0, 20'000)},
         .down_delay = duration{d.one_in(2) ? 0 : d.between(0, 40'000)},
         .target = 0.01 * static_cast<double>(d.between(10, 100))};
    a.first = static_cast<std::uint32_t>(d.between(1, a.max));
    if (a.policy == scaling_policy::schedule) {
        for (std::int64_t t = 0; t < last; t += d.between(1, last / 6 + 1))
            a.schedule.push_back({duration{t}, static_cast<std::uint32_t>(d.between(1, a.max))});
    }
    if (d.one_in(2)) out.drain_limit = duration{d.between(0, 15'000)};
    std::int64_t start = 0;
    for (std::int64_t n = d.one_in(2) ? d.between(1, 8) : 0; n != 0; --n) {
        start += d.between(1, last / 4 + 1);
        const std::int64_t length = d.between(1, last / 4 + 1);
        out.outages.push_back({instant{duration{start}}, instant{duration{start + length}},
                               static_cast<std::uint32_t>(d.between(0, out.nodes - 1))});
        start += length;
    }
    return out;
}

scaled_case random_case(std::uint64_t number) {
    test::drawer d(34, number);
    scaled_case c;
    for (std::int64_t n = d.one_in(3) ? 2 : 1; n != 0; --n)
        c.pieces.push_back({.base = {d.between(2, 300), 0},
                            .per_token = {d.between(0, 200), 1},
                            .per_kv_token = {d.between(0, 300), 2},
                            .per_prefill_attention = {d.between(0, 10), 2}});
    std::int64_t now = 0;
    const std::int64_t gap = d.between(1, 1500);
    const auto sessions = d.between(1, 6), tenants = d.between(1, 5);
    for (std::uint64_t row = 0; row != 20 + number % 60; ++row) {
        if (!d.one_in(4)) now += d.one_in(12) ? d.between(0, 20 * gap) : d.between(0, gap);
        const std::int64_t prompt = d.one_in(25) ? d.between(1, 400) : d.between(1, 60);
        c.requests.push_back({.row = row,
                              .arrival = instant{duration{now}},
                              .prompt_tokens = static_cast<std::uint32_t>(prompt),
                              .output_tokens = static_cast<std::uint32_t>(d.one_in(8) ? 1 : d.between(1, 60)),
                              .prefix_tokens = static_cast<std::uint32_t>(d.between(prompt / 2, prompt)),
                              .tenant = static_cast<std::uint32_t>(d.between(0, tenants)),
                              .session = static_cast<std::uint32_t>(d.between(0, sessions)),
                              .priority = static_cast<std::uint8_t>(d.between(0, 7))});
    }
    c.scaling = random_scaling(d, now + 20'000);
    const auto routers = serving::router_descriptions();
    c.options = {.replicas = c.scaling.autoscale.max,
                 .engine = random_engine(d),
                 .router = std::string{routers[static_cast<std::size_t>(d.between(0, 7))].name},
                 .random = {.seed = number, .entity = 3, .kv_weight = d.between(0, 4) * 500},
                 .scaled = true};
    c.scaling.autoscale.seats = c.options.engine.max_seqs;
    if (d.one_in(4)) c.until = instant{duration{d.between(1, now + 1)}};
    if (d.one_in(3)) c.options.admission = test::random_admission(number);
    return c;
}

/// The same with all times on one grid, so that much happens at one instant, in several rounds of it.
scaled_case on_grid(scaled_case c, std::uint64_t number) {
    test::drawer d(36, number);
    const std::int64_t grid = d.between(1, 3) * 50;
    const auto snap = [grid](std::int64_t ns) { return ns / grid * grid; };
    c.pieces = {{.base = {grid * d.between(1, 2), 0}}};
    for (request& r : c.requests)
        r.arrival = instant{duration{snap(ticks(r.arrival)) + grid}};  // replicas may be there
    if (c.options.engine.speculation) c.options.engine.speculation->draft = {grid, 0};
    test::naive_scaling& s = c.scaling;
    s.cold_start = duration{grid * d.between(0, 9)};
    if (s.drain_limit) s.drain_limit = duration{d.one_in(2) ? 0 : grid * d.between(0, 40)};
    s.autoscale.interval = duration{grid * d.between(4, 100)};
    for (serving::scheduled_replicas& step : s.autoscale.schedule) step.at = duration{snap(ticks(step.at))};
    const auto same = [](const auto& a, const auto& b) { return a.at == b.at; };
    std::vector<serving::scheduled_replicas>& steps = s.autoscale.schedule;
    steps.erase(std::unique(steps.begin(), steps.end(), same), steps.end());
    for (test::naive_scaling::outage& o : s.outages) {
        o.start = instant{duration{snap(ticks(o.start - start_of_time)) + grid}};
        o.end = instant{duration{snap(ticks(o.end - start_of_time)) + 2 * grid}};
    }
    return c;
}

struct listener final : sim::observer {
    std::vector<request_record> records;
    void on_requests(std::size_t, std::span<const request_record> more) override {
        records.insert(records.end(), more.begin(), more.end());
    }
    /// Who has left holds no blocks.
    void on_sample(const sim::sample& x) override {
        const sim::request_sample& r = x.replicas[0].requests.value();
        if (r.waiting + r.running != 0) return;
        ++empty;
        if (r.kv_occupancy != 0) ++leaks;
    }
    std::size_t empty = 0, leaks = 0;
};

struct run_result {
    std::vector<request_record> records;
    sim::service_result service;
    std::size_t empty = 0, leaks = 0;  ///< samples without requests, and those of them with blocks
};

run_result run(const scaled_case& c, std::unique_ptr<workload::request_source> source) {
    constexpr std::uint32_t gpus = 2;
    listener seen;
    sim::parts parts{.fleet = fleet::fleet_state::flat_nodes(c.scaling.nodes, gpus),
                     .policy = policy::make_policy("fifo", {}),
                     .placer = policy::make_first_fit(),
                     .observers = {&seen}};
    parts.sources.push_back(std::make_unique<workload::vector_source>(std::vector<workload::job_request>{}));
    sim::service_parts& s = parts.services.emplace_back(sim::service_parts{.name = "chat",
                                                                           .options = c.options,
                                                                           .time = serving::iteration_time{c.pieces},
                                                                           .requests = std::move(source)});
    s.gpus_per_replica = gpus;
    s.targets = {.ttft = c.scaling.ttft};
    s.measures_gaps = true;
    if (c.options.admission) {
        for (const serving::request_class& k : c.options.admission->classes)
            s.classes.push_back({.name = std::to_string(k.priority), .priority = k.priority, .targets = s.targets});
    }
    s.scaling = sim::scaling_options{.autoscale = c.scaling.autoscale,
                                     .cold_start = c.scaling.cold_start,
                                     .drain_limit = c.scaling.drain_limit,
                                     .requeues = c.scaling.requeues};
    for (const test::naive_scaling::outage& o : c.scaling.outages)
        parts.outages.push_back({.start = o.start, .end = o.end, .nodes = {node_id{o.node}}});
    if (c.until != never) parts.until = c.until - start_of_time;
    parts.sample_every = duration{2111};
    sim::simulation simulation(std::move(parts));
    simulation.run();
    const sim::summary& results = simulation.results();  // what is left is told of here
    run_result out{std::move(seen.records), results.services.at(0), seen.empty, seen.leaks};
    std::sort(out.records.begin(), out.records.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
    return out;
}

std::string text_of(const request_record& r) {
    std::ostringstream out;
    out << serving::request_state_names[static_cast<std::size_t>(r.state)] << " at " << r.replica << ", arrival "
        << ticks(r.arrival) << ", first start " << ticks(r.first_start) << ", first token " << ticks(r.first_token)
        << ", end " << ticks(r.end) << ", produced " << r.produced << ", preemptions " << r.preemptions << ", cached "
        << r.cached_tokens;
    return out.str();
}

struct seen {
    std::size_t all = 0, finished = 0, cancelled = 0, shed = 0, failed = 0, unfinished = 0, requeued = 0, failures = 0,
                cold_starts = 0, cached = 0, loads = 0, adapters = 0, preemptions = 0, empty = 0, class_gaps = 0;
};

void check_gaps(const std::optional<sim::distribution_summary>& measured, std::vector<std::int64_t> gaps) {
    REQUIRE(measured.has_value() == !gaps.empty());
    if (gaps.empty()) return;
    std::sort(gaps.begin(), gaps.end());
    const auto near = [&](double is, std::uint32_t rank) {
        const auto exact = static_cast<double>(gaps[exact_rank(per_mille{rank}, gaps.size()) - 1]);
        return std::abs(is * 1e9 - exact) <= 1.001 + (exact + 1) / 2048;
    };
    REQUIRE(near(measured->p50, 500));
    REQUIRE(near(measured->p99, 990));
    REQUIRE(std::abs(measured->max * 1e9 - static_cast<double>(gaps.back())) <= 1.001);
    double sum = 0;
    for (const std::int64_t g : gaps) sum += static_cast<double>(g);
    REQUIRE(measured->mean * 1e9 == Approx(sum / static_cast<double>(gaps.size())).epsilon(1e-9));
}

/// `requests`: those that came; `after`: see `serve_pools_naively`.
void compare(const scaled_case& c, const std::vector<request>& requests, const run_result& engine, seen& s,
             const std::vector<std::uint64_t>& after = {}) {
    const test::naive_pools_result naive =
        test::serve_pools_naively(requests, c.options, c.pieces, {}, c.until, &c.scaling, after);
    REQUIRE(engine.records.size() == naive.records.size());
    std::vector<request_record> expected = naive.records;
    std::sort(expected.begin(), expected.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
    for (std::size_t i = 0; i != expected.size(); ++i) {
        const request_record& r = engine.records[i];
        INFO("request " << i << ": " << text_of(r) << "; rather: " << text_of(expected[i]));
        REQUIRE(r == expected[i]);
        ++s.all;
        if (r.state == request_state::finished) ++s.finished;
        if (r.state == request_state::cancelled) ++s.cancelled;
        if (r.state == request_state::shed) ++s.shed;
        if (r.state == request_state::failed) ++s.failed;
        if (r.state == request_state::unfinished) ++s.unfinished;
        if (r.cached_tokens != 0) ++s.cached;
    }
    REQUIRE(engine.leaks == 0);
    s.empty += engine.empty;
    const sim::service_result& r = engine.service;
    const sim::scaling_result& scaling = r.scaling.value();
    std::uint64_t answered = 0;
    for (const request_record& x : expected)
        if (x.state == request_state::finished) answered += x.output_tokens;
    REQUIRE(r.output_tokens == answered);
    REQUIRE(r.steps == static_cast<std::uint64_t>(naive.prefill.steps));
    REQUIRE(scaling.requeued == naive.requeued);
    REQUIRE(scaling.failures == naive.failures);
    REQUIRE(scaling.cold_starts == naive.cold_starts);
    REQUIRE(scaling.lost_tokens == naive.lost_tokens);
    for (std::size_t t = 0; t != r.tiers.size(); ++t) {
        REQUIRE(r.tiers[t].loads == static_cast<std::uint64_t>(naive.prefill.loads[t]));
        REQUIRE(r.tiers[t].tokens == static_cast<std::uint64_t>(naive.prefill.loaded_tokens[t]));
        s.loads += r.tiers[t].loads;
    }
    if (r.adapters) {
        REQUIRE(r.adapters->loads == static_cast<std::uint64_t>(naive.prefill.adapter_loads));
        REQUIRE(r.adapters->hits == static_cast<std::uint64_t>(naive.prefill.adapter_hits));
        s.adapters += r.adapters->loads;
    }
    check_gaps(r.itl_s, naive.prefill.gaps);
    if (c.options.engine.priorities) {
        for (const sim::priority_result& p : r.priorities)
            check_gaps(p.itl_s, naive.prefill.gaps_by_priority[p.priority]);
    }
    for (std::size_t k = 0; k != r.classes.size(); ++k) {
        std::vector<std::int64_t> gaps;
        const std::size_t end =
            k + 1 == r.classes.size() ? workload::num_request_priorities : c.options.admission->classes[k + 1].priority;
        for (std::size_t p = c.options.admission->classes[k].priority; p != end; ++p)
            gaps.insert(gaps.end(), naive.prefill.gaps_by_priority[p].begin(), naive.prefill.gaps_by_priority[p].end());
        check_gaps(r.classes[k].itl_s, gaps);
        if (!gaps.empty()) ++s.class_gaps;
    }
    s.requeued += scaling.requeued;
    s.failures += scaling.failures;
    s.cold_starts += scaling.cold_starts;
    s.preemptions += static_cast<std::size_t>(naive.prefill.preemptions);
}

}  // namespace

TEST_CASE("replicas that come and go serve every request as the rules say done literally") {
    seen s;
    const std::size_t cases = test::random_cases(3000);
    for (std::size_t number = 0; number != cases; ++number) {
        const scaled_case c = random_case(number);
        INFO("case " << number << ", " << c.options.router << ", "
                     << serving::scaling_policy_names[static_cast<std::size_t>(c.scaling.autoscale.policy)]);
        compare(c, c.requests, run(c, std::make_unique<workload::vector_request_source>(c.requests)), s);
    }
    CHECK(s.finished > s.all / 3);
    CHECK(s.cancelled > s.all / 50);
    CHECK(s.shed > s.all / 50);
    CHECK(s.failed > s.all / 200);
    CHECK(s.unfinished > s.all / 100);
    CHECK(s.requeued > s.all / 50);
    CHECK(s.failures > cases / 4);
    CHECK(s.cold_starts > 2 * cases);
    CHECK(s.cached > s.all / 20);
    CHECK(s.loads > s.all / 100);
    CHECK(s.adapters > s.all / 20);
    CHECK(s.preemptions > s.all / 100);
    CHECK(s.empty > cases);
    CHECK(s.class_gaps > cases / 4);
}

TEST_CASE("what happens at one instant happens in the rounds of a loop done literally") {
    seen s;
    const std::size_t cases = test::random_cases(3000);
    for (std::size_t number = 0; number != cases; ++number) {
        const scaled_case c = on_grid(random_case(3'000'000 + number), number);
        INFO("case " << number << ", " << c.options.router << ", "
                     << serving::scaling_policy_names[static_cast<std::size_t>(c.scaling.autoscale.policy)]);
        compare(c, c.requests, run(c, std::make_unique<workload::vector_request_source>(c.requests)), s);
    }
    CHECK(s.finished > s.all / 3);
    CHECK(s.requeued > s.all / 50);
    CHECK(s.failures > cases / 4);
}

namespace {

/// Requests that follow answers, and those of them that came; of those that do so without a pause, behind steps that
/// begin at that instant, whose answer it was.
class told_requests final : public workload::request_source, public workload::request_loop {
public:
    told_requests(const workload::synthetic_request_options& of, const workload::session_options& sessions,
                  std::optional<workload::loop_users> users, std::vector<request>& given,
                  std::vector<std::uint64_t>& after)
        : of_(of, sessions, users), given_(given), after_(after) {}
    std::size_t next(std::span<request> out) override { return of_.next(out); }
    workload::request_loop* loop() noexcept override { return this; }
    instant next_arrival() const override { return of_.next_arrival(); }
    request take() override {
        given_.push_back(of_.take());
        after_.push_back(given_.back().arrival == at_ ? row_ : test::after_none);
        return given_.back();
    }
    void left(std::uint64_t row, bool answered, instant now) override {
        of_.left(row, answered, now);
        at_ = now;
        row_ = row;
    }

private:
    workload::closed_requests of_;
    std::vector<request>& given_;
    std::vector<std::uint64_t>& after_;
    instant at_ = never;  // somebody left last
    std::uint64_t row_ = 0;
};

}  // namespace

TEST_CASE("agents and conversations that follow answers go where the rules say while replicas come and go") {
    seen s;
    std::size_t later = 0, at_once = 0;
    const std::size_t cases = test::random_cases(1500);
    for (std::size_t number = 0; number != cases; ++number) {
        test::drawer d(34, 1'000'000 + number);
        scaled_case c = random_case(2'000'000 + number);
        const bool pauses = !d.one_in(3);
        if (!pauses) c = on_grid(std::move(c), number);
        c.scaling.cold_start = std::max(c.scaling.cold_start, duration{1});  // users are there before replicas
        c.until = never;
        c.options.router = std::array{"session", "prefix-aware", "kv-aware"}.at(number % 3);
        c.options.engine.prefix_cache = true;
        const auto us = [&d](std::int64_t low, std::int64_t high) {
            return 1e-6 * static_cast<double>(d.between(low, high));
        };
        const workload::synthetic_request_options of{
            .seed = number,
            .entity = 50,
            .requests = 20 + number % 70,
            .arrivals = {.seed = number, .entity = 50, .rate_per_s = 1 / us(1, 4)},
            .prompt = workload::token_lengths({{.law = exponential_distribution{12}}}),
            .output = workload::token_lengths({{.law = exponential_distribution{15}}})};
        const workload::session_options sessions{
            .turns = 1 + static_cast<double>(d.between(1, 5)), .think_s = pauses ? us(1, 20) : 1e-12, .context = 90};
        std::optional<workload::loop_users> users;
        if (d.one_in(2))
            users = workload::loop_users{.count = static_cast<std::uint32_t>(d.between(1, 12)),
                                         .between_s = pauses ? us(1, 9) : 1e-12};
        std::vector<request> given;
        std::vector<std::uint64_t> after;
        const run_result engine = run(c, std::make_unique<told_requests>(of, sessions, users, given, after));
        INFO("case " << number << ", " << c.options.router);
        compare(c, given, engine, s, after);
        for (std::size_t i = 0; i != given.size(); ++i) {
            if (given[i].prefix_tokens != 0) ++later;
            if (after[i] != test::after_none) ++at_once;
        }
    }
    CHECK(at_once > s.all / 20);
    CHECK(later > s.all / 4);
    CHECK(s.finished > s.all / 2);
    CHECK(s.requeued > s.all / 50);
    CHECK(s.failures > cases / 4);
    CHECK(s.cached > s.all / 10);
    CHECK(s.empty > cases);
}
