// Replicas that are opened, shut and abandoned: against the rules of a step done literally, before and after.
#include "support/catch.hpp"
#include "support/naive_serving.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/serving/service.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

using namespace ampacity;
using serving::request_record;
using serving::request_state;
using workload::request;

namespace {

constexpr serving::linear_step step{
    .base = {1000, 0}, .per_token = {105, 1}, .per_kv_token = {3, 1}, .per_prefill_attention = {1, 2}};

struct drawn {
    serving::replica_options engine;
    std::vector<request> requests;
};

drawn draw(std::uint64_t number) {
    random_stream d(91, purpose::test, number);
    const auto upto = [&](std::uint64_t n) { return static_cast<std::int64_t>(d.below(n)); };
    drawn out;
    out.engine = {.max_seqs = 1 + upto(10),
                  .max_batched_tokens = 20 + upto(100),
                  .kv_capacity_tokens = 120 + upto(900),
                  .order = static_cast<serving::step_order>(upto(3)),
                  .priorities = upto(3) == 0,
                  .prefix_cache = upto(3) == 0};
    if (upto(2) == 0) out.engine.timeout = duration{1 + upto(400'000)};
    if (upto(2) == 0) out.engine.max_wait = duration{1 + upto(200'000)};
    if (upto(3) == 0) {
        const std::int64_t drafts = 1 + upto(4);
        out.engine.max_batched_tokens = std::max(out.engine.max_batched_tokens, out.engine.max_seqs * (drafts + 1));
        out.engine.speculation = serving::speculation_options{
            .drafts = drafts, .gain = 1000 + upto(1000 * static_cast<std::uint64_t>(drafts)), .draft = {55, 1}};
    }
    std::int64_t now = 0;
    const auto count = static_cast<std::uint64_t>(upto(120));
    for (std::uint64_t i = 0; i != count; ++i) {
        now += upto(4) == 0 ? 0 : upto(20'000);
        const std::int64_t prompt = 1 + upto(150);
        out.requests.push_back({.row = i,
                                .arrival = instant{duration{now}},
                                .prompt_tokens = static_cast<std::uint32_t>(prompt),
                                .output_tokens = static_cast<std::uint32_t>(1 + upto(60)),
                                .prefix_tokens = static_cast<std::uint32_t>(upto(static_cast<std::uint64_t>(prompt))),
                                .session = static_cast<std::uint32_t>(upto(3)),
                                .priority = static_cast<std::uint8_t>(upto(3))});
    }
    return out;
}

/// One replica as a service that scales, driven by hand.
struct driven {
    explicit driven(const drawn& d)
        : requests(d.requests),
          service({.replicas = 1, .engine = d.engine, .random = {.seed = 1}, .scaled = true},
                  serving::iteration_time{step}) {}

    /// Up to and with this instant.
    void run(instant until) {
        for (;;) {
            const instant arrival = at == requests.size() ? never : requests[at].arrival;
            const instant now = std::min(arrival, service.next());
            if (now > until || now == never) break;
            service.advance(now);
            for (; at != requests.size() && requests[at].arrival == now; ++at) service.submit(requests[at], now);
            service.start(now);
        }
    }

    std::vector<request> requests;
    serving::service service;
    std::size_t at = 0;
};

std::map<std::uint64_t, request_record> by_row(std::vector<request_record> records) {
    std::map<std::uint64_t, request_record> out;
    for (request_record& r : records) {
        r.replica = 0;
        REQUIRE(out.emplace(r.row, r).second);
    }
    return out;
}

std::vector<request_record> all_of(const serving::service& s) { return {s.records().begin(), s.records().end()}; }

}  // namespace

TEST_CASE("replicas find in a shared tier what others have put down, and share its link", "[serving]") {
    const auto asks = [](std::uint64_t row, std::int64_t arrival, std::uint32_t prompt, std::uint32_t prefix = 0) {
        return request{.row = row,
                       .arrival = instant{duration{arrival}},
                       .prompt_tokens = prompt,
                       .output_tokens = 1,
                       .prefix_tokens = prefix,
                       .session = row == 1 || row == 2 ? 0U : 3U};
    };
    // Rows 0, 2 and 4 go to the first replica, where row 2 takes all 20 blocks, 12 of which are the session's.
    const std::vector<request> requests{asks(0, 0, 48, 47), asks(1, 100, 1), asks(2, 4000, 79), asks(3, 8000, 60, 49),
                                        asks(4, 8000, 60, 49)};
    // 10 ns per token, and 70 ns more.
    const serving::cache_tier tier{
        .capacity_tokens = 100,
        .link = {.latency = duration{70}, .bytes_per_token = 3, .bandwidth_b_s = 300'000'000},
        .shared = true};
    const auto served = [&](bool is_shared) {
        serving::replica_options engine{.max_batched_tokens = 100,
                                        .kv_capacity_tokens = 80,
                                        .kv_block_tokens = 4,
                                        .prefix_cache = true,
                                        .tiers = {tier}};
        engine.tiers[0].shared = is_shared;
        serving::service s({.replicas = 2, .engine = engine, .router = "round-robin"},
                           serving::iteration_time{serving::linear_step{.base = {100, 0}, .per_token = {1, 0}}});
        for (std::size_t next = 0;;) {
            const instant now = std::min(next == requests.size() ? never : requests[next].arrival, s.next());
            if (now == never) break;
            s.advance(now);
            for (; next != requests.size() && requests[next].arrival == now; ++next) s.submit(requests[next], now);
            s.start(now);
        }
        std::map<std::uint64_t, request_record> out;
        for (const request_record& r : s.records()) out.emplace(r.row, r);
        return out;
    };
    auto r = served(true);
    CHECK(r[4].replica == 0);
    CHECK(r[4].cached_tokens == 48);
    CHECK(r[4].first_start == instant{duration{8000 + 480 + 70}});
    CHECK(r[3].replica == 1);
    CHECK(r[3].cached_tokens == 48);
    CHECK(r[3].first_start == instant{duration{8000 + 480 + 480 + 70}});
    r = served(false);
    CHECK(r[4].cached_tokens == 48);
    CHECK(r[3].cached_tokens == 0);
    CHECK(r[3].first_start == instant{duration{8000}});
}

TEST_CASE("requests of an abandoned replica begin anew where they are sent then", "[serving]") {
    std::map<request_state, std::uint64_t> before, after;
    std::uint64_t moved = 0;
    for (std::uint64_t number = 0; number != 600; ++number) {
        INFO(number);
        const drawn d = draw(number);
        random_stream random(92, purpose::test, number);
        const instant gone{duration{static_cast<std::int64_t>(random.below(1'500'000))}};
        const instant back =
            gone + duration{random.below(2) == 0 ? 0 : static_cast<std::int64_t>(random.below(90'000))};

        driven run(d);
        run.service.open(0);
        run.run(gone);
        const auto first = test::serve_naively(d.requests, d.engine, {step}, gone);
        run.service.advance(gone);
        run.service.start(gone);
        run.service.shut(0);
        const std::uint64_t live = run.service.replicas()[0].num_live();
        const serving::service::loss lost = run.service.abandon(0, gone, true);
        REQUIRE(lost.requests == live);
        REQUIRE(lost.tokens == first.cached_at_until);
        REQUIRE(run.service.counts().steps == first.steps);
        REQUIRE(run.service.num_pending() == live);
        REQUIRE(run.service.next() == never);

        run.run(back - duration{1});
        if (run.at != run.requests.size() && run.requests[run.at].arrival == back) {
            for (; run.at != run.requests.size() && run.requests[run.at].arrival == back; ++run.at)
                REQUIRE(run.service.submit(run.requests[run.at], back) == serving::no_replica);
        }
        run.service.open(0);
        run.service.start(back);
        run.run(never);
        run.service.close(never);

        std::vector<request> rest;
        std::map<std::uint64_t, request_record> expected;
        for (const request_record& r : first.records) {
            ++before[r.state];
            if (r.state == request_state::unfinished)
                rest.push_back(d.requests[r.row]);
            else
                expected[r.row] = r;
        }
        moved += rest.size();
        std::vector<instant> submitted(rest.size(), back);
        for (const request& r : d.requests) {
            if (r.arrival <= gone) continue;
            rest.push_back(r);
            submitted.push_back(std::max(r.arrival, back));
        }
        const auto second = test::serve_naively(rest, d.engine, {step}, never, {}, submitted);
        for (const request_record& r : second.records) {
            ++after[r.state];
            expected[r.row] = r;
        }
        REQUIRE(by_row(all_of(run.service)) == expected);
        REQUIRE(run.service.counts().steps == first.steps + second.steps);
        REQUIRE(run.service.counts().produced_tokens == first.produced_tokens + second.produced_tokens);
    }
    CHECK(moved > 3000);
    for (const request_state s : {request_state::finished, request_state::rejected, request_state::cancelled}) {
        CHECK(before[s] > 100);
        CHECK(after[s] > 100);
    }
}

TEST_CASE("requests of an abandoned replica fail where nobody takes them over", "[serving]") {
    std::uint64_t failed = 0;
    for (std::uint64_t number = 0; number != 200; ++number) {
        const drawn d = draw(number);
        const instant gone{duration{static_cast<std::int64_t>(3000 * number)}};
        driven run(d);
        run.service.open(0);
        run.run(gone);
        run.service.advance(gone);
        run.service.start(gone);
        run.service.shut(0);
        run.service.abandon(0, gone, false);
        const auto expected = test::serve_naively(d.requests, d.engine, {step}, gone);
        const auto records = by_row(all_of(run.service));
        REQUIRE(records.size() == expected.records.size());
        for (request_record r : expected.records) {
            if (r.state == request_state::unfinished) {
                r.state = request_state::failed;
                r.end = gone;
                ++failed;
            }
            REQUIRE(records.at(r.row) == r);
        }
        run.service.close(gone);
        REQUIRE(run.service.records().size() == expected.records.size());
    }
    CHECK(failed > 500);
}

TEST_CASE("each replica of a service goes at its own pace", "[serving]") {
    std::size_t answers = 0;
    for (std::uint64_t number = 0; number != 200; ++number) {
        INFO(number);
        const drawn d = draw(number);
        random_stream random(93, purpose::test, number);
        constexpr std::size_t replicas = 3;
        serving::service service({.replicas = replicas, .engine = d.engine, .random = {.seed = 1}, .scaled = true},
                                 serving::iteration_time{step});
        for (std::size_t i = 0; i != replicas; ++i) service.open(i);
        // More of them than a service keeps, and some that several replicas have.
        std::vector<std::vector<test::slowdown_change>> slowdowns(replicas);
        std::vector<std::pair<test::slowdown_change, std::size_t>> changes;
        std::int64_t at = 0;
        for (int n = 0; n != 40; ++n) {
            at += static_cast<std::int64_t>(random.below(60'000));
            const auto millionths = static_cast<std::int64_t>(1'000'000 + 10'000 * random.below(40));
            const std::size_t i = random.below(replicas);
            changes.push_back({{.at = instant{duration{at}}, .millionths = millionths}, i});
            slowdowns[i].push_back(changes.back().first);
        }
        auto change = changes.begin();
        for (std::size_t next = 0;;) {
            const instant arrival = next == d.requests.size() ? never : d.requests[next].arrival;
            const instant paced = change == changes.end() ? never : change->first.at;
            const instant now = std::min({arrival, paced, service.next()});
            if (now == never) break;
            service.advance(now);
            for (; change != changes.end() && change->first.at == now; ++change)
                service.set_slowdown(change->second, change->first.millionths, now);
            for (; next != d.requests.size() && d.requests[next].arrival == now; ++next)
                service.submit(d.requests[next], now);
            service.start(now);
        }
        for (std::size_t i = 0; i != replicas; ++i) {
            std::vector<request> sent;
            for (std::size_t k = i; k < d.requests.size(); k += replicas) sent.push_back(d.requests[k]);
            const auto expected = test::serve_naively(sent, d.engine, {step}, never, {}, {}, slowdowns[i]);
            std::vector<request_record> got;
            for (const request_record& r : service.records())
                if (r.replica == i) got.push_back(r);
            CHECK(by_row(got) == by_row(expected.records));
            CHECK(service.replicas()[i].counts().steps == expected.steps);
            answers += got.size();
            service.shut(i);
            if (i == 0) service.abandon(i, instant{duration{at}}, true);
        }
        CHECK(service.replicas()[0].slowdown() == serving::full_speed);
        CHECK(service.replicas()[1].slowdown() ==
              (slowdowns[1].empty() ? serving::full_speed : slowdowns[1].back().millionths));
    }
    CHECK(answers > 5000);
}

TEST_CASE("whoever follows a replica that is gone goes at full speed whether that had requests or not", "[serving]") {
    for (const bool had_some : {true, false}) {
        serving::service service({.replicas = 1, .random = {.seed = 1}, .scaled = true}, serving::iteration_time{step});
        service.open(0);
        service.set_slowdown(0, 2'000'000, start_of_time);
        if (had_some) service.submit({.prompt_tokens = 1, .output_tokens = 9}, start_of_time);
        service.start(start_of_time);
        service.shut(0);
        const instant gone = start_of_time + duration{10};
        service.abandon(0, gone, false);
        CHECK(service.replicas()[0].slowdown() == serving::full_speed);
        service.clear_records();
        service.open(0);
        service.submit({.arrival = gone, .prompt_tokens = 1, .output_tokens = 1}, gone);
        service.start(gone);
        service.advance(service.next());
        REQUIRE(service.records().size() == 1);
        CHECK(service.records()[0].end == gone + duration{1011});  // 1000 + 10.5 + 0.01 ns
    }
}

TEST_CASE("bounds of admission are of the open replicas and what waits at the router counts", "[serving]") {
    serving::service s({.replicas = 3,
                        .engine = {.max_seqs = 4},
                        .random = {.seed = 1},
                        .scaled = true,
                        .admission = serving::admission_options{.all = {.max_waiting = 2}}},
                       serving::iteration_time{step});
    std::uint64_t row = 0;
    const auto submitted = [&](instant now) {
        s.submit({.row = row++, .arrival = now, .prompt_tokens = 10, .output_tokens = 5}, now);
        return s.waiting();
    };
    const instant t1{duration{1}}, t2{duration{2}}, t3{duration{3}};
    // None is open: the bounds are those of one.
    CHECK(submitted(t1).requests == 1);
    CHECK(submitted(t1).requests == 2);
    CHECK(submitted(t1).requests == 2);
    CHECK(s.records().size() == 1);
    CHECK(s.records().back().state == request_state::shed);
    CHECK(s.records().back().end == t1);
    CHECK(s.waiting().tokens == 20);
    s.open(0);
    s.open(2);
    s.start(t1);
    CHECK(s.waiting().requests == 0);
    // Four wait while both are in a step.
    for (int i = 0; i != 6; ++i) submitted(t2);
    CHECK(s.waiting().requests == 4);
    CHECK(s.waiting().tokens == 40);
    CHECK(s.records().size() == 3);
    // What an abandoned one had goes back to the router, and nobody sheds it.
    s.shut(0);
    CHECK(s.abandon(0, t3, true).requests == 3);
    CHECK(s.waiting().requests == 5);
    CHECK(s.waiting().tokens == 50);
    CHECK(submitted(t3).requests == 5);
    CHECK(s.records().size() == 4);
    s.close(t3);
    CHECK(s.records().size() == 10);
}

TEST_CASE("bounds of admission outside their ranges are refused", "[serving]") {
    const auto key = [](const serving::admission_options& o) -> std::string {
        try {
            const serving::admission a{o};
        } catch (const scenario_error& e) {
            return e.details().key;
        }
        return {};
    };
    CHECK(key({.all = {.max_waiting = 0}}) == "max_waiting");
    CHECK(key({.classes = {{.priority = 1, .bounds = {.max_requests = -1}}}}) == "max_requests");
    CHECK(key({.all = {.max_waiting_tokens = serving::admission::most + 1}}) == "max_waiting_tokens");
    CHECK(key({.classes = {{.priority = 1}, {.priority = 1}}}) == "priority");
    CHECK(key({.classes = {{.priority = 8}}}) == "priority");
    CHECK(key({.all = {.max_waiting = 1}, .classes = {{.priority = 0}, {.priority = 7}}}).empty());
}

TEST_CASE("a router sees the open replicas alone and keeps what nobody takes", "[serving]") {
    serving::service s({.replicas = 4, .engine = {.max_seqs = 4}, .random = {.seed = 1}, .scaled = true},
                       serving::iteration_time{step});
    const auto request_at = [](std::int64_t ns) {
        return request{.row = static_cast<std::uint64_t>(ns),
                       .arrival = instant{duration{ns}},
                       .prompt_tokens = 10,
                       .output_tokens = 5};
    };
    const instant t1{duration{1}}, t2{duration{2}}, t3{duration{3}};
    CHECK(s.submit(request_at(1), t1) == serving::no_replica);
    s.start(t1);
    CHECK(s.num_pending() == 1);
    s.open(3);
    s.open(1);
    CHECK(s.num_open() == 2);
    CHECK(s.submit(request_at(2), t2) == serving::no_replica);  // behind the one that waits
    s.start(t2);
    CHECK(s.num_pending() == 0);
    CHECK(s.replicas()[1].num_live() == 1);
    CHECK(s.replicas()[3].num_live() == 1);
    s.shut(1);
    CHECK(s.submit(request_at(3), t3) == 3);
    CHECK(s.submit(request_at(3), t3) == 3);
    s.shut(3);
    CHECK(s.submit(request_at(3), t3) == serving::no_replica);
    s.start(t3);
    s.close(t3);
    CHECK(s.records().size() == 5);
    CHECK(s.records().back().replica == serving::no_replica);
    CHECK(s.records().back().state == request_state::unfinished);
}
