// Services on GPUs that are slowed down or lost: against hand arithmetic, the plant asked directly, and the rules of a
// step done literally at the paces of each replica's nodes.
#include "support/catch.hpp"
#include "support/naive_serving.hpp"
#include "support/powered_run.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/power/cap_policy.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;
using namespace ampacity::test;
using namespace std::chrono_literals;
using serving::request_record;
using workload::request;

/// A request of p and n tokens takes p + n - 1 steps of 1 s, p of one token each.
constexpr serving::linear_step one_second{.base = {1'000'000'000, 0}};
constexpr std::uint16_t service_entry = 1;

instant at(duration d) { return start_of_time + d; }

struct listener final : sim::observer {
    std::vector<request_record> requests;
    std::map<std::int64_t, std::vector<node_id>> nodes;  ///< of replicas, by job
    std::vector<std::pair<instant, char>> events;        ///< of replicas: starts, and their ends

    void on_requests(std::size_t, std::span<const request_record> records) override {
        requests.insert(requests.end(), records.begin(), records.end());
    }
    void on_start(const sim::job_start& e) override {
        if (e.source != service_entry) return;
        events.emplace_back(e.at, 's');
        for (const fleet::gpu_share& s : e.where) nodes[e.name].push_back(s.node);
    }
    void on_stop(const sim::job_event& e, sim::run_end how) override {
        if (e.source == service_entry) events.emplace_back(e.at, "fkpxu"[static_cast<std::size_t>(how)]);
    }
    /// By row.
    [[nodiscard]] std::map<std::uint64_t, request_record> by_row() const {
        std::map<std::uint64_t, request_record> out;
        for (const request_record& r : requests) REQUIRE(out.emplace(r.row, r).second);
        return out;
    }
};

request a_request(std::uint64_t row, duration arrival, std::uint32_t output) {
    return {.row = row, .arrival = at(arrival), .prompt_tokens = 1, .output_tokens = output};
}

/// So many replicas, always.
sim::service_parts service_of(std::vector<request> requests, std::uint32_t replicas, std::uint32_t gpus,
                              duration cold_start, const serving::linear_step& step = one_second,
                              const serving::replica_options& engine = {}) {
    sim::service_parts s{.name = "chat",
                         .options = {.replicas = replicas, .engine = engine, .random = {.seed = 1}, .scaled = true},
                         .time = serving::iteration_time{step},
                         .requests = std::make_unique<workload::vector_request_source>(std::move(requests))};
    s.gpus_per_replica = gpus;
    s.entry = service_entry;
    s.scaling = sim::scaling_options{.autoscale = {.first = replicas, .max = replicas, .seats = engine.max_seqs},
                                     .cold_start = cold_start};
    return s;
}

sim::parts on_nodes(std::uint32_t nodes, sim::service_parts service, sim::observer& who) {
    sim::parts p{.fleet = fleet::fleet_state::flat_nodes(nodes, 4),
                 .policy = policy::make_policy("fifo", {}),
                 .placer = policy::make_first_fit(),
                 .observers = {&who}};
    for (int i = 0; i != 2; ++i)
        p.sources.push_back(std::make_unique<workload::vector_source>(std::vector<workload::job_request>{}));
    p.services.push_back(std::move(service));
    return p;
}

sim::parts on_racks(power::plant_plan plan, std::vector<workload::job_request> jobs, sim::service_parts service,
                    sim::observer& who) {
    sim::parts p =
        powered_parts(std::move(plan), {std::move(jobs), {}}, {power::phase::decode_gemm, power::phase::decode_gemm},
                      policy::make_policy("fifo", {}));
    p.energy->shows_headroom = false;
    p.observers.push_back(&who);
    p.services.push_back(std::move(service));
    return p;
}

power::plant_plan limited_row(duration from, duration to) {
    power::plant_plan p = plant_of(1, "single", 1);
    p.controls.push_back({.at = power::power_tree::level::row,
                          .policy = power::make_cap_policy("uniform", {}),
                          .period = 3s,
                          .latency = 100ms});
    p.events.push_back(limit_of("hall-0/row-0", 60e3, from, to));
    return p;
}

std::vector<fleet::gpu_share> whole_rack(std::uint32_t rack) {
    std::vector<fleet::gpu_share> out;
    for (std::uint32_t n = 0; n != 18; ++n) out.push_back({.node = node_id{18 * rack + n}, .gpus = 0xF});
    return out;
}

/// When the pace of GPUs that decode changes on a plant of one rack, all of which do so from the start.
std::vector<slowdown_change> paces_of(power::plant_plan plan) {
    power::plant alone{std::move(plan)};
    const auto where = whole_rack(0);
    const auto pace = [&] { return alone.pace({.what = power::phase::decode_gemm, .where = where}); };
    alone.in_pass(true);
    alone.start(start_of_time, {.what = power::phase::decode_gemm, .where = where});
    alone.in_pass(false);
    std::vector<slowdown_change> out;
    for (double last = 1;;) {
        const instant next = std::min(alone.next_change(), alone.next_control());
        if (next == never) return out;
        if (alone.next_change() == next) alone.change(next);
        if (alone.next_control() == next) alone.control(next);
        if (pace() == last) continue;
        last = pace();
        out.push_back({.at = next, .millionths = serving::slowdown_at(last)});
    }
}

const sim::scaling_result& scaling_of(const sim::summary& s) { return s.services.at(0).scaling.value(); }

gpu_time replica_time(duration d) { return ticks(d); }

}  // namespace

TEST_CASE("steps that begin on slow nodes last longer and those in progress as they began", "[services]") {
    listener seen;
    // One replica on each node; the first node is at half speed from 30 s to 60 s, and at 0.8 from 90.5 s on.
    sim::parts p = on_nodes(2,
                            service_of({a_request(0, 20s, 30), a_request(1, 20s, 30), a_request(2, 80s, 20),
                                        a_request(3, 80s, 20), a_request(4, 200s, 1)},
                                       2, 4, 10s),
                            seen);
    p.slowdowns = {{.start = at(30s), .end = at(60s), .nodes = {node_id{0}}, .speed = 0.5},
                   {.start = at(90500ms), .end = at(1h), .nodes = {node_id{0}}, .speed = 0.8}};
    sim::simulation s(std::move(p));
    s.run();
    const auto requests = seen.by_row();
    // 10 steps until 30 s, 15 until 60 s, and 5.
    CHECK(requests.at(0).end == at(65s));
    CHECK(requests.at(1).end == at(50s));
    // The eleventh step began at 90 s.
    CHECK(requests.at(2).end == at(91s + 9 * 1250ms));
    CHECK(requests.at(3).end == at(100s));
    CHECK(requests.at(4).end == at(201250ms));
    const sim::scaling_result& r = scaling_of(s.results());
    CHECK(r.is_paced);
    CHECK(r.cold_starts == 2);
    CHECK(r.serving == 2 * replica_time(191250ms));
    CHECK(r.slowed == replica_time(30s + 110750ms));
    CHECK(r.paced ==
          1'000'000 * (r.serving - r.slowed) + 500'000 * replica_time(30s) + 800'000 * replica_time(110750ms));
    CHECK(r.mean_pace() == Approx((2 * 191.25 - 15 - 0.2 * 110.75) / (2 * 191.25)));
    CHECK(s.results().books[account::useful] == 4 * r.held());
}

TEST_CASE("a replica takes the pace of the place where it starts and its start is not slowed", "[services]") {
    listener seen;
    sim::parts p = on_nodes(2, service_of({a_request(0, 1s, 4), a_request(1, 150s, 4)}, 1, 4, 20s), seen);
    p.slowdowns = {{.start = at(0s), .end = at(1h), .nodes = {node_id{0}}, .speed = 0.25}};
    p.outages = {{.start = at(100s), .end = at(1h), .nodes = {node_id{0}}}};
    sim::simulation s(std::move(p));
    s.run();
    const auto requests = seen.by_row();
    CHECK(requests.at(0).end == at(20s + 4 * 4s));
    CHECK(requests.at(1).end == at(154s));  // on the other node
    const sim::scaling_result& r = scaling_of(s.results());
    CHECK(r.failures == 1);
    CHECK(r.cold == replica_time(40s));
    CHECK(r.slowed == replica_time(80s));
}

TEST_CASE("a service without anything that slows it down has no pace", "[services]") {
    listener seen;
    sim::simulation s(on_nodes(2, service_of({a_request(0, 1s, 4)}, 1, 4, 0s), seen));
    s.run();
    CHECK(!scaling_of(s.results()).is_paced);
}

TEST_CASE("a limit on a feed slows a service by the cap response of its GPUs", "[services][power]") {
    const std::vector<slowdown_change> paces = paces_of(limited_row(10min, 30min));
    REQUIRE(paces.size() >= 2);
    REQUIRE(paces.back().millionths == serving::full_speed);
    const std::int64_t slowest = std::max_element(paces.begin(), paces.end(), [](const auto& a, const auto& b) {
                                     return a.millionths < b.millionths;
                                 })->millionths;
    REQUIRE(slowest > serving::full_speed);
    std::vector<request> requests;
    for (std::uint64_t row = 0; row != 60; ++row)
        requests.push_back(
            a_request(row, 7s + static_cast<std::int64_t>(row) * 41s, static_cast<std::uint32_t>(1 + 11 * (row % 9))));
    listener seen;
    sim::simulation s(on_racks(limited_row(10min, 30min), {}, service_of(requests, 1, 72, 5s), seen));
    s.run();
    const auto naive = serve_naively(requests, {}, {one_second}, never, {}, {}, paces);
    const auto got = seen.by_row();
    std::uint64_t slow = 0;
    for (const request_record& r : naive.records) {
        INFO(r.row);
        CHECK(got.at(r.row) == r);
        if (r.first_token < paces.front().at + 1min || r.end > at(30min) || r.output_tokens == 1) continue;
        // All its steps are slow.
        ++slow;
        const auto tokens = static_cast<std::int64_t>(r.output_tokens - 1);
        const std::int64_t exact = tokens * slowest * 1000;
        CHECK(ticks(r.end - r.first_token) == exact);
    }
    CHECK(slow > 5);
    const sim::scaling_result& r = scaling_of(s.results());
    CHECK(r.failures == 0);
    CHECK(r.slowed == gpu_time{ticks(paces.back().at - paces.front().at)});
    CHECK(s.results().books[account::useful] == 72 * r.held());
}

TEST_CASE("a limited service takes the power of a job that holds its GPUs as long", "[services][power]") {
    listener seen, other;
    sim::parts served = on_racks(limited_row(10min, 30min), {},
                                 service_of({a_request(0, 5s, 9), a_request(1, 2h, 9)}, 1, 72, 5s), seen);
    sim::parts worked = on_racks(limited_row(10min, 30min), {gpu_job(72, 10h)}, service_of({}, 1, 72, 5s), other);
    served.until = worked.until = 1h;
    sim::simulation a(std::move(served)), b(std::move(worked));
    a.run();
    b.run();
    const sim::energy_result& x = *a.results().energy;
    const sim::energy_result& y = *b.results().energy;
    CHECK(x.it_j == y.it_j);
    CHECK(x.losses_j == y.losses_j);
    CHECK(*x.limits == *y.limits);
    CHECK(*x.limits >= 2);
    CHECK(a.results().books[account::useful] == b.results().books[account::useful]);
}

TEST_CASE("a feed that is lost takes the replicas behind it and their requests go on elsewhere", "[services][power]") {
    listener seen;
    power::plant_plan plan = plant_of(2, "single", 1);
    plan.boot = 2min;
    plan.events.push_back({.start = at(50s), .end = at(5min), .device = "hall-0/row-1"});
    sim::parts p =
        on_racks(std::move(plan), {},
                 service_of({a_request(0, 30s, 40), a_request(1, 30s, 40), a_request(2, 10min, 1)}, 2, 72, 10s), seen);
    sim::simulation s(std::move(p));
    s.run();
    const auto requests = seen.by_row();
    CHECK(requests.at(0).end == at(70s));
    CHECK(requests.at(1).first_start == at(50s));  // beside the other one, from its prompt on
    CHECK(requests.at(1).end == at(90s));
    CHECK(requests.at(2).end == at(601s));
    CHECK(seen.events == std::vector<std::pair<instant, char>>{{at(0s), 's'},
                                                               {at(0s), 's'},
                                                               {at(50s), 'x'},
                                                               {at(7min), 's'},  // its racks have booted
                                                               {at(601s), 'f'},
                                                               {at(601s), 'f'}});
    const sim::scaling_result& r = scaling_of(s.results());
    CHECK(r.failures == 1);
    CHECK(r.requeued == 1);
    CHECK(r.cold_starts == 3);
    CHECK(r.lost_tokens == 20);
    CHECK(r.held() == replica_time(601s + 50s + 181s));
    CHECK(s.results().books[account::useful] == 72 * r.held());
    CHECK(s.results().books[account::lost] == 0);
}

namespace {

struct random_service {
    explicit random_service(std::uint64_t number) {
        random_stream d(57, purpose::test, number);
        const auto upto = [&](std::uint64_t n) { return static_cast<std::int64_t>(d.below(n)); };
        nodes = static_cast<std::uint32_t>(1 + upto(4));
        engine = {.max_seqs = 1 + upto(12),
                  .max_batched_tokens = 20 + upto(200),
                  .kv_capacity_tokens = 200 + upto(2000),
                  .order = static_cast<serving::step_order>(upto(3)),
                  .priorities = upto(3) == 0,
                  .prefix_cache = upto(2) == 0};
        if (upto(3) == 0) engine.timeout = duration{1s} + upto(200) * duration{100ms};
        if (upto(3) == 0) engine.max_wait = duration{1s} + upto(100) * duration{100ms};
        duration now = 1s;
        for (std::int64_t i = 20 + upto(60); i != 0; --i) {
            now += upto(4) == 0 ? duration{} : upto(2'000'000'001) * 1ns;
            const std::int64_t prompt = 1 + upto(150);
            requests.push_back({.row = requests.size(),
                                .arrival = at(now),
                                .prompt_tokens = static_cast<std::uint32_t>(prompt),
                                .output_tokens = static_cast<std::uint32_t>(1 + upto(80)),
                                .prefix_tokens = static_cast<std::uint32_t>(upto(static_cast<std::uint64_t>(prompt))),
                                .session = static_cast<std::uint32_t>(upto(4)),
                                .priority = static_cast<std::uint8_t>(upto(3))});
        }
        const auto length = static_cast<std::uint64_t>(ticks(now));
        for (std::int64_t i = upto(8); i != 0; --i) {
            sim::slowdown one{.start = at(upto(length) * 1ns),
                              .end = {},
                              .nodes = {},
                              .speed = 0.05 * static_cast<double>(1 + upto(20))};
            one.end = one.start + 1ns + upto(length) * 1ns;
            for (std::uint32_t n = 0; n != nodes; ++n)
                if (upto(2) == 0) one.nodes.push_back(node_id{n});
            if (!one.nodes.empty()) slowdowns.push_back(std::move(one));
        }
    }

    [[nodiscard]] sim::parts parts(sim::observer& who) const {
        sim::parts p = on_nodes(nodes, service_of(requests, nodes, 4, 0s, step, engine), who);
        p.slowdowns = slowdowns;
        return p;
    }
    /// Of a node, from what is on at each begin and end.
    [[nodiscard]] std::vector<slowdown_change> paces(node_id n) const {
        std::vector<instant> when;
        for (const sim::slowdown& s : slowdowns) when.insert(when.end(), {s.start, s.end});
        std::sort(when.begin(), when.end());
        std::vector<slowdown_change> out;
        for (const instant t : when) {
            double pace = 1;
            for (const sim::slowdown& s : slowdowns)
                if (s.start <= t && t < s.end && std::find(s.nodes.begin(), s.nodes.end(), n) != s.nodes.end())
                    pace *= s.speed;
            out.push_back({.at = t, .millionths = serving::slowdown_at(pace)});
        }
        return out;
    }

    static constexpr serving::linear_step step{.base = {21'000'000, 0},
                                               .per_token = {1'050'001, 1},
                                               .per_kv_token = {30'003, 1},
                                               .per_prefill_attention = {1, 2}};
    std::uint32_t nodes = 1;
    serving::replica_options engine{};
    std::vector<request> requests;
    std::vector<sim::slowdown> slowdowns;
};

}  // namespace

TEST_CASE("requests on slow nodes are served as the rules say done literally", "[services]") {
    std::size_t slowed = 0, finished = 0;
    for (std::uint64_t number = 0; number != 150; ++number) {
        INFO(number);
        const random_service c(number);
        listener seen, again;
        sim::simulation s(c.parts(seen)), pieces(c.parts(again));
        s.run();
        const auto got = seen.by_row();
        REQUIRE(got.size() == c.requests.size());
        for (std::uint32_t i = 0; i != c.nodes; ++i) {
            REQUIRE(seen.nodes.at(i) == std::vector{node_id{i}});
            std::vector<request> sent;
            for (const request& r : c.requests)
                if (got.at(r.row).replica == i) sent.push_back(r);
            const auto naive = serve_naively(sent, c.engine, {c.step}, never, {}, {}, c.paces(node_id{i}));
            for (const request_record& r : naive.records) {
                request_record own = got.at(r.row);
                own.replica = 0;
                REQUIRE(own == r);
                if (r.state == serving::request_state::finished) ++finished;
            }
        }
        const sim::scaling_result& r = scaling_of(s.results());
        REQUIRE(r.slowed <= r.serving);
        REQUIRE(r.paced <= 1'000'000 * r.serving);
        REQUIRE((r.slowed == 0) == (r.paced == 1'000'000 * r.serving));
        if (r.slowed != 0) ++slowed;
        // The same in pieces.
        instant to = start_of_time;
        for (std::int64_t i = 1; pieces.run_until(to) == sim::status::paused; ++i) to += duration{i * 77'777'777};
        REQUIRE(again.requests == seen.requests);
        const sim::scaling_result& x = scaling_of(pieces.results());
        REQUIRE((x.serving == r.serving && x.slowed == r.slowed && x.paced == r.paced));
    }
    CHECK(slowed > 100);
    CHECK(finished > 3000);
}

namespace {

/// Two to four racks whose feeds are limited, cut and lost, with a service and jobs on them.
sim::parts random_plant(std::uint64_t number, sim::observer& who) {
    random_stream d(58, purpose::test, number);
    const auto upto = [&](std::uint64_t n) { return static_cast<std::int64_t>(d.below(n)); };
    const auto racks = static_cast<std::uint32_t>(2 + upto(3));
    power::plant_plan plan = plant_of(racks, "single", 1);
    plan.boot = upto(5) * 1min;
    const auto level = upto(2) == 0 ? power::power_tree::level::row : power::power_tree::level::site;
    if (upto(4) != 0)
        plan.controls.push_back({.at = level,
                                 .policy = power::make_cap_policy(upto(2) == 0 ? "uniform" : "priority", {}),
                                 .period = 3s,
                                 .latency = upto(20) * 1s});
    for (std::int64_t i = upto(7); i != 0; --i) {
        const instant from = at(upto(7200) * 500ms);
        const bool lost = upto(3) == 0;
        plan.events.push_back({.start = from,
                               .end = from + (1 + upto(1500)) * 1s,
                               .what = lost ? power::feed_event::kind::loss : power::feed_event::kind::limit,
                               .device = upto(3) == 0 ? "iad" : "hall-0/row-" + std::to_string(upto(racks)),
                               .limit_w = 25e3 + 1e3 * static_cast<double>(upto(80))});
        if (plan.events.back().device == "iad") plan.events.back().limit_w *= racks;
    }
    std::vector<workload::job_request> jobs;
    for (std::int64_t i = upto(12); i != 0; --i)
        jobs.push_back(gpu_job(static_cast<std::uint32_t>(4 * (1 + upto(18))), (1 + upto(1800)) * 1s, upto(3000) * 1s,
                               static_cast<std::int32_t>(upto(3))));
    std::vector<request> requests;
    duration now = 0s;
    for (std::uint64_t row = 0; row != 200; ++row) {
        now += upto(30'000) * 1ms;
        requests.push_back(a_request(row, now, static_cast<std::uint32_t>(1 + upto(90))));
    }
    sim::service_parts service =
        service_of(std::move(requests), static_cast<std::uint32_t>(1 + upto(2 * racks)), 36, upto(2) * 40s);
    service.scaling->priority = static_cast<std::int32_t>(upto(3));
    service.scaling->requeues = upto(2) == 0;
    service.options.router = upto(2) == 0 ? "least-requests" : "round-robin";
    sim::parts p = on_racks(std::move(plan), std::move(jobs), std::move(service), who);
    policy::policy_options o;
    o.power_aware.cap = upto(2) == 0 ? 700'000 : policy::power_aware_options::whole;
    p.policy = policy::make_policy(std::array{"fifo", "easy", "priority", "power-aware"}.at(number % 4), o);
    p.energy->shows_headroom = true;
    p.until = 2h;
    if (upto(2) == 0) p.preemption = {.checkpoint_interval = 5min, .checkpoint = 5s, .restart = 20s};
    return p;
}

}  // namespace

TEST_CASE("books and requests balance behind random feeds and a run is the same in pieces", "[services][power]") {
    std::uint64_t slowed = 0, failures = 0, failed = 0, finished = 0;
    for (std::uint64_t number = 0; number != 120; ++number) {
        INFO(number);
        listener seen, again;
        sim::simulation whole(random_plant(number, seen)), pieces(random_plant(number, again));
        whole.run();
        instant to = start_of_time;
        for (std::int64_t i = 1; pieces.run_until(to) == sim::status::paused; ++i) to += duration{i * 777'777'777};
        const sim::summary& x = whole.results();  // the ledger is checked there
        const sim::summary& y = pieces.results();
        REQUIRE(seen.requests == again.requests);
        REQUIRE(seen.events == again.events);
        REQUIRE(x.books.of == y.books.of);
        REQUIRE(x.energy->it_j == y.energy->it_j);
        REQUIRE(x.energy->losses_j == y.energy->losses_j);
        const sim::service_result& r = x.services[0];
        REQUIRE(seen.by_row().size() == r.requests);
        REQUIRE(r.requests == r.finished + r.failed + r.unfinished);
        REQUIRE(r.scaling->paced == y.services[0].scaling->paced);
        REQUIRE(r.scaling->slowed <= r.scaling->serving);
        gpu_time useful = r.held_gpu_time();
        for (const sim::job_record& j : whole.records(0)) useful += gpu_time{ticks(j.useful)} * j.gpus;
        REQUIRE(x.books[account::useful] == useful);
        for (const request_record& one : seen.requests) {
            if (one.state != serving::request_state::finished) continue;
            // No step is faster than at full speed.
            REQUIRE(one.end - one.first_token >= (one.output_tokens - 1) * 1s);
        }
        if (r.scaling->slowed != 0) ++slowed;
        failures += r.scaling->failures;
        failed += r.failed;
        finished += r.finished;
    }
    CHECK(slowed > 30);
    CHECK(failures > 60);
    CHECK(failed > 30);
    CHECK(finished > 12'000);
}
