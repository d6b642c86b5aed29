// Services whose replicas are jobs: closed forms of their lives, random runs under every policy that balance whatever
// is stopped when, wherever they are cut.
#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;
using namespace std::chrono_literals;
using serving::request_record;
using serving::request_state;
using serving::scaling_policy;
using workload::job_request;
using workload::request;

/// A request of p and n tokens takes p + n - 1 steps of 1 s.
constexpr serving::linear_step one_second{.base = {1'000'000'000, 0}};
constexpr std::uint16_t service_entry = 1;

instant at(duration d) { return start_of_time + d; }

struct told {
    instant at{};
    char what{};  // s: starts, f: finished, p: preempted, x: failed, u: unfinished
    std::uint16_t source = 0;
    std::int64_t name = 0;
    std::uint32_t gpus = 0;

    friend bool operator==(const told&, const told&) = default;
};

struct listener final : sim::observer {
    std::vector<request_record> requests;
    std::vector<told> events;
    std::vector<std::pair<instant, sim::replica_sample>> samples;

    void on_requests(std::size_t, std::span<const request_record> records) override {
        requests.insert(requests.end(), records.begin(), records.end());
    }
    void on_start(const sim::job_start& e) override { events.push_back({e.at, 's', e.source, e.name, e.gpus}); }
    void on_stop(const sim::job_event& e, sim::run_end how) override {
        events.push_back({e.at, "fkpxu"[static_cast<std::size_t>(how)], e.source, e.name, e.gpus});
    }
    void on_sample(const sim::sample& s) override {
        REQUIRE(s.replicas.size() == 1);
        samples.emplace_back(s.at, s.replicas[0]);
    }

    /// GPU-time between starts and stops of a source.
    [[nodiscard]] gpu_time held(std::uint16_t source) const {
        std::map<std::int64_t, instant> since;
        gpu_time all = 0;
        for (const told& e : events) {
            if (e.source != source) continue;
            if (e.what == 's')
                since[e.name] = e.at;
            else
                all += gpu_time{ticks(e.at - since.at(e.name))} * e.gpus;
        }
        return all;
    }
    [[nodiscard]] std::vector<told> of(std::uint16_t source) const {
        std::vector<told> out;
        for (const told& e : events) {
            if (e.source == source) out.push_back(e);
        }
        return out;
    }
};

job_request job(std::uint32_t gpus, duration submit, duration work, std::int32_t priority = 0) {
    return {.submit = at(submit), .work = work, .gpus_min = gpus, .gpus = gpus, .gpus_max = gpus, .priority = priority};
}

request a_request(duration arrival, std::uint32_t output = 1) {
    return {.arrival = at(arrival), .prompt_tokens = 1, .output_tokens = output};
}

sim::parts parts_of(fleet::fleet_state fleet, const std::string& policy, std::vector<job_request> jobs,
                    std::vector<request> requests, sim::scaling_options scaling, std::uint32_t gpus,
                    sim::observer& who) {
    sim::parts parts{.fleet = std::move(fleet),
                     .policy = policy::make_policy(policy, {}),
                     .placer = policy::make_first_fit(),
                     .observers = {&who}};
    for (std::size_t i = 0; i != jobs.size(); ++i) jobs[i].name = static_cast<std::int64_t>(i);
    parts.sources.push_back(std::make_unique<workload::vector_source>(std::move(jobs)));
    parts.sources.push_back(std::make_unique<workload::vector_source>(std::vector<job_request>{}));
    sim::service_parts& s = parts.services.emplace_back(
        sim::service_parts{.name = "chat",
                           .options = {.replicas = scaling.autoscale.max,
                                       .engine = {.max_seqs = scaling.autoscale.seats},
                                       .router = "least-requests",
                                       .random = {.seed = 1},
                                       .scaled = true},
                           .time = serving::iteration_time{one_second},
                           .requests = std::make_unique<workload::vector_request_source>(std::move(requests))});
    s.gpus_per_replica = gpus;
    s.entry = service_entry;
    s.scaling = std::move(scaling);
    return parts;
}

serving::autoscaler_options by_time(std::uint32_t max, std::vector<serving::scheduled_replicas> schedule) {
    return {.policy = scaling_policy::schedule, .min = 1, .max = max, .seats = 8, .schedule = std::move(schedule)};
}

const sim::scaling_result& scaling_of(const sim::summary& s) { return s.services.at(0).scaling.value(); }

void check_conserved(const sim::service_result& r, const listener& seen) {
    REQUIRE(r.requests == r.finished + r.rejected + r.cancelled + r.failed + r.shed + r.unfinished);
    REQUIRE(r.requests == seen.requests.size());
    std::vector<std::uint64_t> rows;
    for (const request_record& x : seen.requests) rows.push_back(x.row);
    std::sort(rows.begin(), rows.end());
    for (std::size_t k = 0; k != rows.size(); ++k) REQUIRE(rows[k] == k);
}

}  // namespace

TEST_CASE("replicas start cold and drain and their GPUs are for jobs in the same round", "[services]") {
    listener seen;
    // Two replicas until 60 s, then one; a request of 30 s on each, which begins at 50 s; a job waits for their GPUs.
    sim::simulation s(parts_of(fleet::fleet_state::pool(8), "fifo", {job(4, 1s, 100s)},
                               {a_request(5s), a_request(50s, 30), a_request(50s, 30), a_request(300s)},
                               {.autoscale = by_time(2, {{0s, 2}, {60s, 1}}), .cold_start = 20s}, 4, seen));
    s.run();
    const sim::summary& all = s.results();
    const std::vector<told> replicas{
        {at(0s), 's', 1, 0, 4}, {at(0s), 's', 1, 1, 4}, {at(80s), 'f', 1, 1, 4}, {at(301s), 'f', 1, 0, 4}};
    CHECK(seen.of(1) == replicas);
    CHECK(seen.of(0) == std::vector<told>{{at(80s), 's', 0, 0, 4}, {at(180s), 'f', 0, 0, 4}});
    REQUIRE(seen.requests.size() == 4);
    CHECK(seen.requests[0].first_start == at(20s));  // waits for the first replica
    CHECK(seen.requests[0].end == at(21s));
    CHECK(seen.requests[1].end == at(80s));
    CHECK(seen.requests[2].end == at(80s));
    CHECK(seen.requests[3].end == at(301s));
    const sim::scaling_result& r = scaling_of(all);
    CHECK(r.cold == gpu_time{ticks(duration{40s})});
    CHECK(r.draining == gpu_time{ticks(duration{20s})});
    CHECK(r.serving == gpu_time{ticks(duration{281s + 40s})});
    CHECK(r.lasted == duration{301s});
    CHECK(r.cold_starts == 2);
    CHECK(r.max_serving == 2);
    CHECK(r.requeued + r.failures + r.preemptions == 0);
    CHECK(all.submitted == 1);
    CHECK(all.finished == 1);
    CHECK(all.simulated == duration{301s});
    CHECK(all.books[account::useful] == gpu_time{ticks(duration{100s + 301s + 80s})} * 4);
    CHECK(s.records(service_entry).empty());
}

TEST_CASE("a replica that drains serves again where one more is wanted", "[services]") {
    listener seen;
    sim::scaling_options o{.autoscale = by_time(3, {{0s, 3}, {60s, 1}, {70s, 2}, {85s, 3}}), .cold_start = 20s};
    sim::simulation s(parts_of(
        fleet::fleet_state::pool(12), "fifo", {},
        {a_request(50s, 20), a_request(50s, 40), a_request(50s, 60), a_request(75s, 2), a_request(200s)}, o, 4, seen));
    s.run();
    // Rows 2 and 1 drain from 60 s; row 1 has as many requests as row 2 and serves again at 70 s, with what it has. Row
    // 0 is done with its request at 70 s, and row 2 with its own at 110 s: it serves again before that.
    CHECK(seen.of(1) == std::vector<told>{{at(0s), 's', 1, 0, 4},
                                          {at(0s), 's', 1, 1, 4},
                                          {at(0s), 's', 1, 2, 4},
                                          {at(201s), 'f', 1, 0, 4},
                                          {at(201s), 'f', 1, 1, 4},
                                          {at(201s), 'f', 1, 2, 4}});
    const sim::scaling_result& r = scaling_of(s.results());
    CHECK(r.cold_starts == 3);
    CHECK(r.cold == gpu_time{ticks(duration{60s})});
    CHECK(r.draining == gpu_time{ticks(duration{10s + 25s})});
    CHECK(r.requeued == 0);
    REQUIRE(seen.requests.size() == 5);
    CHECK(seen.requests[1].row == 3);
    CHECK(seen.requests[1].replica == 0);
    CHECK(seen.requests[1].end == at(77s));
    CHECK(seen.requests[3].end == at(110s));
}

TEST_CASE("a replica that drains serves again where another one fails", "[services]") {
    listener seen;
    sim::scaling_options o{.autoscale = by_time(2, {{0s, 2}, {30s, 1}}), .cold_start = 10s};
    sim::parts parts = parts_of(fleet::fleet_state::flat_nodes(2, 4), "easy", {},
                                {a_request(20s, 60), a_request(20s, 60), a_request(70s)}, o, 4, seen);
    parts.outages.push_back({.start = at(40s), .end = at(200s), .nodes = {node_id{0}}});
    sim::simulation s(std::move(parts));
    s.run();
    // Row 0 fails at 40 s; its request goes on to row 1, which has drained since 30 s.
    const sim::scaling_result& r = scaling_of(s.results());
    CHECK(r.failures == 1);
    CHECK(r.cold_starts == 2);
    CHECK(r.draining == gpu_time{ticks(duration{10s})});
    REQUIRE(seen.requests.size() == 3);
    for (const request_record& x : seen.requests) CHECK(x.replica == 1);
    CHECK(seen.requests.back().end == at(100s));
}

TEST_CASE("what does not drain in time waits for others with nothing done", "[services]") {
    listener seen;
    sim::scaling_options o{.autoscale = by_time(2, {{0s, 2}, {60s, 1}}), .cold_start = 20s, .drain_limit = 10s};
    sim::simulation s(parts_of(fleet::fleet_state::pool(8), "fifo", {},
                               {a_request(50s, 30), a_request(50s, 30), a_request(50s, 3)}, o, 4, seen));
    s.run();
    // The first two go to rows 0 and 1, the third to row 0; row 1 has fewer and is taken away.
    CHECK(seen.of(1) ==
          std::vector<told>{
              {at(0s), 's', 1, 0, 4}, {at(0s), 's', 1, 1, 4}, {at(70s), 'f', 1, 1, 4}, {at(100s), 'f', 1, 0, 4}});
    REQUIRE(seen.requests.size() == 3);
    CHECK(seen.requests[2].row == 1);
    CHECK(seen.requests[2].arrival == at(50s));
    CHECK(seen.requests[2].first_start == at(70s));
    CHECK(seen.requests[2].end == at(100s));
    const sim::scaling_result& r = scaling_of(s.results());
    CHECK(r.requeued == 1);
    CHECK(r.lost_tokens == 20);  // of 20 steps
    CHECK(r.draining == gpu_time{ticks(duration{10s})});
}

TEST_CASE("a surge preempts training by priority and gives back at night", "[services]") {
    listener seen;
    sim::scaling_options o{.autoscale = by_time(4, {{0s, 1}, {100s, 4}, {200s, 2}}), .cold_start = 5s, .priority = 10};
    std::vector<job_request> training;
    for (int i = 0; i != 3; ++i) training.push_back(job(4, 0s, 150s));
    sim::simulation s(parts_of(fleet::fleet_state::pool(16), "priority", training,
                               {a_request(1s), a_request(150s, 60), a_request(400s)}, o, 4, seen));
    s.run();
    const sim::summary& all = s.results();
    CHECK(all.preemptions == 3);
    std::map<std::int64_t, std::vector<std::pair<instant, char>>> lives;
    for (const told& e : seen.of(0)) lives[e.name].emplace_back(e.at, e.what);
    // Two come back at 200 s for what is left of their work, the third behind them.
    std::multiset<instant> ends;
    for (const auto& [name, life] : lives) {
        REQUIRE(life.size() == 4);
        CHECK(life[0] == std::pair{at(0s), 's'});
        CHECK(life[1] == std::pair{at(100s), 'p'});
        ends.insert(life[3].first);
    }
    CHECK(ends == std::multiset<instant>{at(250s), at(250s), at(300s)});
    CHECK(all.finished == 3);
    const sim::scaling_result& r = scaling_of(all);
    CHECK(r.max_serving == 4);
    CHECK(r.cold_starts == 4);
    CHECK(r.preemptions == 0);
}

TEST_CASE("a replica of low priority is preempted and starts cold again", "[services]") {
    listener seen;
    sim::scaling_options o{.autoscale = by_time(1, {{0s, 1}}), .cold_start = 10s, .priority = -1};
    sim::simulation s(parts_of(fleet::fleet_state::pool(4), "priority", {job(4, 30s, 100s)},
                               {a_request(20s, 30), a_request(40s)}, o, 4, seen));
    s.run();
    CHECK(seen.of(1) ==
          std::vector<told>{
              {at(0s), 's', 1, 0, 4}, {at(30s), 'p', 1, 0, 4}, {at(130s), 's', 1, 0, 4}, {at(170s), 'f', 1, 0, 4}});
    REQUIRE(seen.requests.size() == 2);
    CHECK(seen.requests[0].row == 1);
    CHECK(seen.requests[0].end == at(141s));
    CHECK(seen.requests[1].first_start == at(140s));
    CHECK(seen.requests[1].end == at(170s));
    const sim::summary& all = s.results();
    CHECK(scaling_of(all).preemptions == 1);
    CHECK(scaling_of(all).cold_starts == 2);
    CHECK(scaling_of(all).requeued == 1);
    CHECK(all.books[account::useful] == gpu_time{ticks(duration{170s})} * 4);
    CHECK(all.books[account::lost] == 0);
}

TEST_CASE("a node that fails takes its replica and its requests are sent on or fail", "[services]") {
    for (const bool requeues : {true, false}) {
        listener seen;
        sim::scaling_options o{.autoscale = by_time(2, {{0s, 2}}), .cold_start = 10s, .requeues = requeues};
        sim::parts parts = parts_of(fleet::fleet_state::flat_nodes(2, 4), "easy", {},
                                    {a_request(20s, 30), a_request(20s, 30), a_request(400s)}, o, 4, seen);
        parts.outages.push_back({.start = at(30s), .end = at(200s), .nodes = {node_id{1}}});
        sim::simulation s(std::move(parts));
        s.run();
        CHECK(seen.of(1) == std::vector<told>{{at(0s), 's', 1, 0, 4},
                                              {at(0s), 's', 1, 1, 4},
                                              {at(30s), 'x', 1, 1, 4},
                                              {at(200s), 's', 1, 1, 4},
                                              {at(401s), 'f', 1, 0, 4},
                                              {at(401s), 'f', 1, 1, 4}});
        const sim::summary& all = s.results();
        const sim::scaling_result& r = scaling_of(all);
        CHECK(r.failures == 1);
        CHECK(r.cold_starts == 3);
        CHECK(r.lost_tokens == 10);
        CHECK(r.requeued == (requeues ? 1 : 0));
        CHECK(all.services[0].failed == (requeues ? 0 : 1));
        CHECK(all.services[0].finished == (requeues ? 3 : 2));
        REQUIRE(seen.requests.size() == 3);
        if (requeues) {
            CHECK(seen.requests[1].first_start == at(30s));
            CHECK(seen.requests[1].end == at(60s));
        } else {
            CHECK(seen.requests[0].state == request_state::failed);
            CHECK(seen.requests[0].end == at(30s));
            CHECK(seen.requests[0].produced == 10);
        }
        CHECK(all.books[account::lost] == 0);
        CHECK(all.books[account::useful] == r.held() * 4);
        CHECK(r.held() == gpu_time{ticks(duration{401s + 30s + 201s})});
        check_conserved(all.services[0], seen);
    }
}

TEST_CASE("a replica that gets GPUs when it is no longer wanted ends at once", "[services]") {
    listener seen;
    sim::scaling_options o{.autoscale = by_time(2, {{0s, 1}, {50s, 2}, {80s, 1}}), .cold_start = 10s};
    sim::simulation s(parts_of(fleet::fleet_state::pool(8), "fifo", {job(4, 0s, 100s), job(4, 60s, 10s)},
                               {a_request(1s), a_request(150s)}, o, 4, seen));
    s.run();
    CHECK(seen.of(1) ==
          std::vector<told>{
              {at(0s), 's', 1, 0, 4}, {at(100s), 's', 1, 1, 4}, {at(100s), 'f', 1, 1, 4}, {at(151s), 'f', 1, 0, 4}});
    CHECK(seen.of(0)[1] == told{at(100s), 'f', 0, 0, 4});
    CHECK(seen.of(0)[2] == told{at(100s), 's', 0, 1, 4});  // behind it in the queue
    CHECK(scaling_of(s.results()).cold_starts == 1);
}

TEST_CASE("a job that needs the GPUs of a replica without end waits for them and lets others pass", "[services]") {
    for (const char* const policy : {"easy", "conservative"}) {
        INFO(policy);
        listener seen;
        sim::simulation s(parts_of(fleet::fleet_state::pool(8), policy, {job(8, 1s, 10s), job(4, 2s, 50s)},
                                   {a_request(1s), a_request(100s)}, {.autoscale = by_time(1, {{0s, 1}})}, 4, seen));
        s.run();
        CHECK(seen.of(0) ==
              std::vector<told>{
                  {at(2s), 's', 0, 1, 4}, {at(52s), 'f', 0, 1, 4}, {at(101s), 's', 0, 0, 8}, {at(111s), 'f', 0, 0, 8}});
        CHECK(s.results().finished == 2);
    }
}

namespace {

/// Maintenance of these nodes over [from, to).
sim::reservation work_on(std::vector<node_id> nodes, duration from, duration to, duration notice) {
    return {.name = "work",
            .what = {.start = at(from), .end = at(to), .nodes = std::move(nodes)},
            .known = at(std::max(duration{}, from - notice))};
}

}  // namespace

TEST_CASE("a replica drains before maintenance of its nodes while another one starts elsewhere", "[services]") {
    for (const bool is_long : {true, false}) {
        listener seen;
        sim::scaling_options o{.autoscale = by_time(3, {{0s, 2}}), .cold_start = 10s, .drain_limit = 20s};
        sim::parts parts = parts_of(
            fleet::fleet_state::flat_nodes(3, 4), "easy", {},
            {a_request(75s, is_long ? 60 : 10), a_request(75s, 60), a_request(85s, 10), a_request(300s)}, o, 4, seen);
        parts.reservations.push_back(work_on({node_id{0}}, 100s, 200s, 40s));
        sim::simulation s(std::move(parts));
        s.run();
        // Row 0 drains from 80 s: the request of 85 s goes to row 1. What it has left at 100 s goes to row 2.
        CHECK(seen.of(1) == std::vector<told>{{at(0s), 's', 1, 0, 4},
                                              {at(0s), 's', 1, 1, 4},
                                              {at(80s), 's', 1, 2, 4},
                                              {is_long ? at(100s) : at(85s), 'f', 1, 0, 4},
                                              {at(301s), 'f', 1, 1, 4},
                                              {at(301s), 'f', 1, 2, 4}});
        REQUIRE(seen.requests.size() == 4);
        for (const request_record& r : seen.requests) {
            if (r.row == 0) CHECK(r.end == (is_long ? at(160s) : at(85s)));
            if (r.row == 0) CHECK(r.replica == (is_long ? 2 : 0));
            if (r.row == 2) CHECK(r.replica == 1);
        }
        const sim::scaling_result& r = scaling_of(s.results());
        CHECK(r.cold_starts == 3);
        CHECK(r.requeued == (is_long ? 1 : 0));
        CHECK(r.lost_tokens == (is_long ? 25 : 0));
        CHECK(r.preemptions + r.failures == 0);
        CHECK(r.draining == gpu_time{ticks(duration{is_long ? 20s : 5s})});
        CHECK(s.results().reservations[0].stopped == 0);
        CHECK(s.results().books[account::down] == gpu_time{4} * ticks(duration{100s}));
        check_conserved(s.results().services[0], seen);
    }
}

TEST_CASE("a replica without a limit of draining serves until the maintenance begins", "[services]") {
    listener seen;
    sim::parts parts = parts_of(fleet::fleet_state::flat_nodes(3, 4), "easy", {},
                                {a_request(75s, 60), a_request(75s, 60), a_request(85s, 10), a_request(300s)},
                                {.autoscale = by_time(2, {{0s, 2}}), .cold_start = 10s}, 4, seen);
    parts.reservations.push_back(work_on({node_id{0}}, 100s, 200s, 40s));
    sim::simulation s(std::move(parts));
    s.run();
    const std::vector<told> events = seen.of(1);
    REQUIRE(events.size() == 6);
    CHECK(events[2] == told{at(100s), 'p', 1, 0, 4});
    CHECK(events[3] == told{at(100s), 's', 1, 0, 4});  // on the third node
    const sim::scaling_result& r = scaling_of(s.results());
    CHECK(r.preemptions == 1);
    CHECK(r.cold_starts == 3);
    CHECK(r.requeued == 1);
    CHECK(s.results().reservations[0].stopped == 1);
}

TEST_CASE("replicas start where no maintenance is known to come if the policy looks ahead", "[services]") {
    struct one {
        std::string policy;
        duration notice;
        std::vector<told> lives;
    };
    const told first{at(0s), 's', 1, 0, 4}, stop{at(100s), 'p', 1, 0, 4}, again{at(200s), 's', 1, 0, 4},
        last{at(301s), 'f', 1, 0, 4};
    const told drained{at(80s), 'f', 1, 0, 4}, next{at(200s), 's', 1, 1, 4}, end{at(301s), 'f', 1, 1, 4};
    for (const one& c : {one{"easy", 100s, {again, last}}, one{"easy", 99s, {first, drained, next, end}},
                         one{"easy", 0s, {first, stop, again, last}}, one{"srtf", 99s, {first, stop, again, last}},
                         one{"srtf", 100s, {first, stop, again, last}}}) {
        INFO(c.policy << ' ' << to_seconds(c.notice));
        listener seen;
        sim::parts parts =
            parts_of(fleet::fleet_state::flat_nodes(1, 4), c.policy, {}, {a_request(300s)},
                     {.autoscale = by_time(1, {{0s, 1}}), .cold_start = 10s, .drain_limit = 20s}, 4, seen);
        parts.reservations.push_back(work_on({node_id{0}}, 100s, 200s, c.notice));
        sim::simulation s(std::move(parts));
        s.run();
        CHECK(seen.of(1) == c.lives);
    }
}

TEST_CASE("maintenance goes round the whole fleet and all replicas serve that are wanted", "[services]") {
    listener seen;
    std::vector<request> requests;
    for (std::int64_t i = 0; i != 400; ++i) requests.push_back(a_request((10 + i) * 1s, 5));
    sim::parts parts = parts_of(fleet::fleet_state::flat_nodes(4, 4), "easy", {}, std::move(requests),
                                {.autoscale = by_time(4, {{0s, 2}}), .cold_start = 0s, .drain_limit = 10s}, 4, seen);
    for (std::uint32_t n = 0; n != 4; ++n)
        parts.reservations.push_back(work_on({node_id{n}}, (100 + 50 * n) * 1s, (150 + 50 * n) * 1s, 60s));
    parts.sample_every = 1s;
    sim::simulation s(std::move(parts));
    s.run();
    std::size_t draining = 0;
    for (const auto& [when, r] : seen.samples) {
        if (when == at(0s) || when > at(400s)) continue;
        CHECK(r.cold + r.serving == 2);
        draining += r.draining;
    }
    CHECK(draining > 10);
    const sim::scaling_result& r = scaling_of(s.results());
    CHECK(r.preemptions == 0);
    CHECK(r.cold_starts == 2 + 4);  // on nodes 0, 1; then on 2, 3, 0 and 1 as those of 0 to 3 are left
    CHECK(s.results().services[0].finished == 400);
    CHECK(s.results().books[account::down] == gpu_time{4} * ticks(duration{200s}));
}

TEST_CASE("replicas leave a site that is worked on for another one", "[services]") {
    for (const bool drains : {true, false}) {
        listener seen;
        sim::scaling_options o{.autoscale = by_time(2, {{0s, 1}}), .cold_start = 10s};
        if (drains) o.drain_limit = 20s;
        sim::parts parts = parts_of(fleet::fleet_state::flat_nodes(4, 4), "easy", {}, {a_request(300s)}, o, 4, seen);
        parts.reservations.push_back(work_on({node_id{0}, node_id{1}}, 100s, 200s, 50s));
        for (const std::uint32_t first : {0U, 2U}) {
            parts.sites.sites.push_back({.name = "s",
                                         .nodes = {node_id{first}, node_id{first + 1}},
                                         .price = power::signal{1.0 + first},
                                         .carbon = power::signal{1}});
        }
        parts.sites.place = hardware::site_preference::cheapest;
        parts.sites.transfer = 5s;
        parts.sites.make_policy = [] { return policy::make_policy("easy", {}); };
        parts.sites.make_placer = [] { return policy::make_first_fit(); };
        sim::simulation s(std::move(parts));
        s.run();
        // It drains at 80 s, and the next one goes where it starts; or it is stopped, and its site is dark.
        if (drains)
            CHECK(seen.of(1) == std::vector<told>{{at(0s), 's', 1, 0, 4},
                                                  {at(80s), 'f', 1, 0, 4},
                                                  {at(80s), 's', 1, 1, 4},
                                                  {at(301s), 'f', 1, 1, 4}});
        else
            CHECK(seen.of(1) == std::vector<told>{{at(0s), 's', 1, 0, 4},
                                                  {at(100s), 'p', 1, 0, 4},
                                                  {at(105s), 's', 1, 0, 4},
                                                  {at(301s), 'f', 1, 0, 4}});
        const auto& sites = s.results().sites;
        CHECK(sites[0].left == (drains ? 0 : 1));
        CHECK(sites[0].jobs.down == gpu_time{8} * ticks(duration{100s}));
        CHECK(sites[0].jobs.held == gpu_time{4} * ticks(duration{drains ? 80s : 100s}));
        CHECK(sites[1].jobs.held == gpu_time{4} * ticks(duration{drains ? 221s : 196s}));
        CHECK(sites[1].jobs.down == 0);
    }
}

namespace {

struct random_case {
    std::uint64_t number;
    std::string policy;

    [[nodiscard]] bool slows_down() const noexcept { return number / 7 % 3 == 0; }

    /// Two, the first of so many nodes.
    void add_sites(sim::parts& to, std::uint32_t nodes, std::uint32_t first, duration transfer) const {
        for (const auto& [from, end] : {std::pair{0U, first}, {first, nodes}}) {
            sim::site_parts& s = to.sites.sites.emplace_back();
            s.name = from == 0 ? "a" : "b";
            for (std::uint32_t n = from; n != end; ++n) s.nodes.push_back(node_id{n});
        }
        to.sites.place = hardware::site_preference::balanced;
        to.sites.transfer = transfer;
        to.sites.make_policy = [name = policy] { return policy::make_policy(name, {}); };
        to.sites.make_placer = [] { return policy::make_first_fit(); };
    }

    [[nodiscard]] sim::parts parts(sim::observer& who, bool sampled = true) const {
        random_stream d(53, purpose::test, number);
        const auto upto = [&](std::uint64_t n) { return static_cast<std::int64_t>(d.below(n)); };
        const auto nodes = static_cast<std::uint32_t>(3 + upto(6));
        std::vector<job_request> jobs;
        for (std::int64_t i = upto(25); i != 0; --i)
            jobs.push_back(job(static_cast<std::uint32_t>(1 + upto(nodes * 4)), upto(600) * 1s, (1 + upto(200)) * 1s,
                               static_cast<std::int32_t>(upto(4))));
        std::vector<request> requests;
        std::int64_t now = 0;
        for (std::int64_t i = 1 + upto(120); i != 0; --i) {
            now += upto(3) == 0 ? 0 : upto(12'000);
            requests.push_back(a_request(now * 1ms, static_cast<std::uint32_t>(1 + upto(60))));
        }
        sim::scaling_options o{.cold_start = upto(3) * 7s, .requeues = upto(2) == 0};
        serving::autoscaler_options& a = o.autoscale;
        a = {.policy = static_cast<scaling_policy>(upto(5)),
             .min = 1,
             .max = static_cast<std::uint32_t>(1 + upto(nodes)),
             .interval = (1 + upto(20)) * 1s,
             .up_delay = upto(3) * 10s,
             .down_delay = upto(3) * 20s,
             .target = 0.1 + 0.01 * static_cast<double>(upto(90)),
             .seats = 1 + upto(6)};
        a.first = 1 + static_cast<std::uint32_t>(upto(a.max));
        if (a.policy == scaling_policy::schedule) {
            for (std::int64_t t = 0; t != 300; t += 30)
                a.schedule.push_back({t * 1s, static_cast<std::uint32_t>(1 + upto(a.max))});
            a.period = 300s;
            a.offset = upto(300) * 1s;
        }
        if (upto(2) == 0) o.drain_limit = upto(30) * 1s;
        o.priority = static_cast<std::int32_t>(upto(5));
        sim::parts out = parts_of(fleet::fleet_state::flat_nodes(nodes, 4), policy, std::move(jobs),
                                  std::move(requests), o, static_cast<std::uint32_t>(1 + upto(4)), who);
        if (upto(2) == 0) out.services[0].options.engine.timeout = (1 + upto(80)) * 1s;
        if (upto(3) == 0) out.services[0].options.engine.max_wait = (1 + upto(40)) * 1s;
        out.services[0].options.router =
            std::array{"round-robin", "least-requests", "random", "power-of-two", "prefix-aware", "kv-aware"}.at(
                static_cast<std::size_t>(upto(6)));
        out.services[0].targets = {.e2e = 30s};
        std::int64_t start = 0;
        for (std::int64_t i = upto(6); i != 0; --i) {
            start += upto(200);
            const node_id n{static_cast<std::uint32_t>(upto(nodes))};
            const std::int64_t length = 1 + upto(60);
            out.outages.push_back({.start = at(start * 1s), .end = at((start + length) * 1s), .nodes = {n}});
            start += length;
        }
        for (std::int64_t i = slows_down() ? 1 + upto(8) : 0; i != 0; --i) {
            sim::slowdown one{.start = at(upto(900) * 1s),
                              .end = {},
                              .nodes = {},
                              .speed = 0.1 * (1.0 + 0.1 * static_cast<double>(upto(90)))};
            one.end = one.start + (1 + upto(400)) * 1s;
            for (std::uint32_t n = 0; n != nodes; ++n)
                if (upto(2) == 0) one.nodes.push_back(node_id{n});
            if (!one.nodes.empty()) out.slowdowns.push_back(std::move(one));
        }
        if (sampled) out.sample_every = 1s;
        if (upto(3) == 0) out.until = upto(900) * 1s;
        if (upto(3) == 0)
            out.services[0].options.admission = serving::admission_options{.all = {.max_waiting = 1 + upto(4)}};
        for (std::int64_t i = upto(6); i != 0; --i) {
            const duration from = upto(500) * 1s;
            std::vector<node_id> worked_on;
            for (std::uint32_t n = 0; n != nodes; ++n) {
                if (upto(3) == 0) worked_on.push_back(node_id{n});
            }
            if (!worked_on.empty())
                out.reservations.push_back(work_on(worked_on, from, from + (1 + upto(90)) * 1s, upto(120) * 1s));
        }
        if (upto(3) == 0) add_sites(out, nodes, static_cast<std::uint32_t>(1 + upto(nodes - 1)), upto(3) * 10s);
        return out;
    }
};

/// Policies that need nothing but jobs.
std::vector<std::string> plain_policies() {
    std::vector<std::string> out;
    for (const policy::description& d : policy::policies()) {
        if (d.name != "power-aware" && d.name != "carbon-aware" && d.name != "price-aware") out.emplace_back(d.name);
    }
    return out;
}

}  // namespace

TEST_CASE("books and requests balance under every policy whatever stops replicas", "[services]") {
    std::uint64_t requeued = 0, failed = 0, failures = 0, preemptions = 0, cold_starts = 0, cancelled = 0, shed = 0,
                  slowed = 0;
    const std::vector<std::string> policies = plain_policies();
    REQUIRE(policies.size() > 12);
    for (std::uint64_t number = 0; number != 1500; ++number) {
        const random_case c{number, policies[number % policies.size()]};
        INFO(c.number << ' ' << c.policy);
        listener seen;
        sim::parts parts = c.parts(seen);
        const serving::autoscaler_options a = parts.services[0].scaling->autoscale;
        const bool drains = !parts.until, is_worked_on = !parts.reservations.empty();
        sim::simulation s(std::move(parts));
        s.run();
        const sim::summary& all = s.results();  // the ledger is checked there
        const sim::service_result& r = all.services[0];
        check_conserved(r, seen);
        REQUIRE(r.held_gpu_time() == seen.held(service_entry));
        gpu_time useful = r.held_gpu_time();
        for (const sim::job_record& j : s.records(0)) useful += gpu_time{ticks(j.useful)} * j.gpus;
        REQUIRE(all.books[account::useful] == useful);
        if (drains) {
            REQUIRE(r.unfinished == 0);
            REQUIRE(all.unfinished == 0);
            REQUIRE(all.finished + all.rejected == s.records(0).size());
            REQUIRE((all.rejected == 0 || !all.sites.empty()));
        }
        std::vector<instant> ends;
        for (const request_record& x : seen.requests) ends.push_back(x.end);
        std::sort(ends.begin(), ends.end());
        std::uint64_t arrived = 0;
        for (const auto& [when, replicas] : seen.samples) {
            // A sample may come before what else happens at its instant.
            const auto gone = std::equal_range(ends.begin(), ends.end(), when);
            arrived += replicas.requests.value().arrived;
            const std::uint64_t left = arrived - replicas.requests->waiting - replicas.requests->running;
            REQUIRE(left >= static_cast<std::uint64_t>(gone.first - ends.begin()));
            REQUIRE(left <= static_cast<std::uint64_t>(gone.second - ends.begin()));
            REQUIRE(replicas.requests->kv_occupancy <= 1);
            REQUIRE(replicas.cold + replicas.serving <= replicas.wanted);
            if (!is_worked_on) REQUIRE((replicas.draining == 0 || replicas.cold + replicas.serving == replicas.wanted));
            REQUIRE(replicas.cold + replicas.serving + replicas.draining <= a.max);
            REQUIRE((replicas.wanted == 0 || (a.min <= replicas.wanted && replicas.wanted <= a.max)));
        }
        for (const request_record& x : seen.requests) {
            if (x.state != request_state::finished) continue;
            REQUIRE(x.first_start >= x.arrival);
            const duration decoding = (x.output_tokens - 1) * 1s;
            REQUIRE((c.slows_down() ? x.end >= x.first_token + decoding : x.end == x.first_token + decoding));
        }
        REQUIRE(r.scaling->slowed <= r.scaling->serving);
        if (r.scaling->slowed != 0) ++slowed;
        requeued += r.scaling->requeued;
        failed += r.failed;
        failures += r.scaling->failures;
        preemptions += r.scaling->preemptions;
        cold_starts += r.scaling->cold_starts;
        cancelled += r.cancelled;
        shed += r.shed;
    }
    CHECK(requeued > 500);
    CHECK(failed > 500);
    CHECK(failures > 200);
    CHECK(preemptions > 100);
    CHECK(cold_starts > 3000);
    CHECK(cancelled > 1000);
    CHECK(shed > 1000);
    CHECK(slowed > 150);
}

TEST_CASE("a run with replicas is the same in pieces and balances wherever it is cut", "[services]") {
    const std::vector<std::string> policies = plain_policies();
    for (std::uint64_t number = 0; number != 200; ++number) {
        const random_case c{number, policies[number % policies.size()]};
        INFO(c.number << ' ' << c.policy);
        listener whole, pieces, cut;
        sim::simulation a(c.parts(whole)), b(c.parts(pieces)), e(c.parts(cut));
        a.run();
        instant to = start_of_time;
        for (std::int64_t i = 1; b.run_until(to) == sim::status::paused; ++i) to += duration{i * 777'777'777};
        const sim::scaling_result x = scaling_of(a.results()), y = scaling_of(b.results());
        REQUIRE(whole.requests == pieces.requests);
        REQUIRE(whole.events == pieces.events);
        REQUIRE(std::tuple{x.serving, x.cold, x.draining, x.requeued, x.lost_tokens, x.slowed, x.paced} ==
                std::tuple{y.serving, y.cold, y.draining, y.requeued, y.lost_tokens, y.slowed, y.paced});
        e.run_rounds(number * 3);
        const sim::service_result& r = e.results().services[0];
        check_conserved(r, cut);
        REQUIRE(r.held_gpu_time() == cut.held(service_entry));
    }
}
