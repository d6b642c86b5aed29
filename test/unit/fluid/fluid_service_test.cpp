// Flows: a loop of small steps of time that shares nothing with them but the surface, what is kept, and waits in closed
// form.
#include "support/cases.hpp"
#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/fluid/fluid_service.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;
using namespace std::chrono_literals;
using fluid::fluid_service;

/// Capacity 2 requests/s, with a queue a share of that; busy as the load; times to the first token of 0.1 s, to the
/// last of 1 s, but within a factor.
std::shared_ptr<const fluid::surface> plain_surface(double spread = 0, double queued_share = 1) {
    fluid::mix_values m{.capacity = 2,
                        .queued_share = queued_share,
                        .rejected = 0.25,
                        .prompt_tokens = 100,
                        .output_tokens = 10,
                        .points = {}};
    for (std::size_t i = 0; i != fluid::surface_loads.size(); ++i) {
        fluid::point_values& p = m.points[i];
        p.busy = fluid::surface_loads[i];
        p.prefilling = p.busy / 4;
        p.kv = p.busy / 2;
        for (std::size_t k = 0; k <= fluid::num_waits; ++k) p.met[k] = 1 - static_cast<double>(k) / fluid::num_waits;
        const auto set = [&](fluid::latency_values& v, double mean) {
            v.mean = mean;
            for (std::size_t q = 0; q != v.quantiles.size(); ++q)
                v.quantiles[q] = mean * (1 + spread * (fluid::quantile_shares[q] - 0.5));
        };
        set(p.ttft, 0.1);
        set(p.tpot, 0.05);
        set(p.e2e, 1);
    }
    return std::make_shared<const fluid::surface>(0, std::vector<double>{1}, std::vector<double>{1}, std::vector{m});
}

/// The same with latencies that rise with the load.
std::shared_ptr<const fluid::surface> rising_surface(double queued_share = 1) {
    const auto plain = plain_surface(0.8, queued_share);
    fluid::mix_values m = plain->mixes().front();
    for (std::size_t i = 0; i != fluid::surface_loads.size(); ++i) {
        for (fluid::latency_values* const v : {&m.points[i].ttft, &m.points[i].tpot, &m.points[i].e2e}) {
            const double times = 1 / (1 - 0.8 * fluid::surface_loads[i]);
            v->mean *= times;
            for (double& q : v->quantiles) q *= times;
        }
    }
    return std::make_shared<const fluid::surface>(0, std::vector<double>{1}, std::vector<double>{1}, std::vector{m});
}

/// Several answers at a time, behind a router; steps take so many times as long.
fluid::surface_options real_engine(int times) {
    return {.engine = {.max_seqs = 32, .max_batched_tokens = 2048, .kv_capacity_tokens = 200'000},
            .time = serving::iteration_time(serving::linear_step{.base = serving::to_exact(5ms * times),
                                                                 .per_token = serving::to_exact(20us * times)}),
            .replicas = 2,
            .router = "least-requests",
            .prompt = workload::token_lengths({{.law = lognormal_distribution{300, 0.6}}}, 4000),
            .output = workload::token_lengths({{.law = lognormal_distribution{60, 0.5}}}, 500),
            .targets = {.ttft = 60ms, .tpot = 15ms},
            .requests = 8000};
}

instant at_s(double s) { return start_of_time + duration{std::llround(s * 1e9)}; }

}  // namespace

TEST_CASE("a constant load has the latencies of the surface and Little's number of requests") {
    fluid_service s(plain_surface(0.5), {3.0, 36'000, {}, 0ns}, {.ttft = 1s});
    for (int minute = 1; !s.is_over(); ++minute) s.advance(at_s(60.0 * minute), 3);
    const fluid::flow_totals& t = s.totals();
    CHECK(t.offered == 36'000);
    CHECK(t.served == Approx(36'000));
    CHECK(t.met == Approx(36'000 * 0.75));
    CHECK(t.max_backlog == 0);
    CHECK(t.busy_s == Approx(3 * 12'000 * 0.5).epsilon(1e-3));
    CHECK(t.kv_s == Approx(t.busy_s / 2));
    CHECK(t.request_s == Approx(36'000 * 0.75 * 1.0));
    const auto r = s.result().value();
    CHECK(r.ttft.mean == Approx(0.1));
    CHECK(r.ttft.p50 == Approx(0.1).epsilon(0.01));
    CHECK(r.ttft.p99 == Approx(0.1 * (1 + 0.5 * 0.49)).epsilon(0.005));
    CHECK(r.e2e.p90 == Approx(1 + 0.5 * 0.4).epsilon(0.005));
}

TEST_CASE("a burst of twice the capacity waits as a triangle does") {
    // An hour at 4/s and nothing for the rest of the week, on one replica of 2/s: the backlog is 7200 after an hour.
    std::vector<double> hours(168, 0.0);
    hours[0] = 1;
    fluid_service s(plain_surface(), {4.0 / 168, 14'400, hours, 0ns}, {.ttft = 3600s});
    double most = 0;
    for (int k = 1; !s.is_over(); ++k) {
        s.advance(at_s(61.0 * k), 1);
        most = std::max(most, s.backlog());
        CHECK(s.totals().served + s.backlog() == Approx(s.totals().offered).epsilon(1e-12));
    }
    CHECK(most == Approx(7200).margin(122));
    const auto r = s.result().value();
    // Waits rise evenly from 0 to 3600 s.
    CHECK(r.ttft.mean == Approx(0.1 + 1800).epsilon(1e-3));
    CHECK(r.ttft.p50 == Approx(0.1 + 1800).epsilon(0.02));
    CHECK(r.ttft.p99 == Approx(0.1 + 3564).epsilon(0.02));
    CHECK(r.tpot.p99 == Approx(0.05).epsilon(1e-3));
    CHECK(s.totals().met == Approx(14'400 * 0.75 * 0.5).epsilon(0.01));
}

TEST_CASE("without replicas everything waits, and first come is first served") {
    fluid_service s(plain_surface(), {1.0, 100, {}, 0ns}, {});
    s.advance(at_s(100), 0);
    s.advance(at_s(200), 0);
    CHECK(s.backlog() == Approx(100));
    CHECK(s.totals().served == 0);
    CHECK_FALSE(s.is_over());
    s.advance(at_s(300), 1);
    CHECK(s.is_over());
    // Request k came at k and was served at 200 + k / 2, from 200 s of waiting to 150.
    const auto r = s.result().value();
    CHECK(r.ttft.mean == Approx(0.1 + 175));
    CHECK(r.ttft.max == Approx(0.1 + 200).epsilon(0.05));
}

TEST_CASE("a queue that costs capacity stays until less comes than it is worked off with") {
    // 1.8/s of 2/s, and with a queue 1.5/s: a surge of a minute at 3/s leaves a queue that grows by 0.3/s.
    fluid::offered_rate rate{1.8,
                             100'000,
                             {},
                             0ns,
                             {.surges = {{.at = 10min, .length = 1min, .factor = 3 / 1.8},
                                         {.at = 30min, .length = 30min, .factor = 1 / 1.8}}}};
    fluid_service s(plain_surface(0, 0.75), rate, {});
    for (int minute = 1; minute <= 10; ++minute) s.advance(at_s(60.0 * minute), 1);
    CHECK(s.backlog() == 0);
    CHECK(s.last().load == Approx(0.9));
    s.advance(at_s(660), 1);
    CHECK(s.backlog() == Approx(60 * (3 - 1.5)));
    for (int minute = 12; minute <= 30; ++minute) s.advance(at_s(60.0 * minute), 1);
    CHECK(s.backlog() == Approx(90 + 19 * 60 * 0.3));
    // At 1/s it shrinks by 0.5/s, and is gone after 864 s.
    for (int minute = 31; minute <= 44; ++minute) s.advance(at_s(60.0 * minute), 1);
    CHECK(s.backlog() == Approx(432 - 14 * 60 * 0.5));
    s.advance(at_s(2700), 1);
    CHECK(s.backlog() == 0);
    for (int minute = 46; minute <= 70; ++minute) s.advance(at_s(60.0 * minute), 1);
    CHECK(s.backlog() == 0);
}

TEST_CASE("a flow is what small steps of time make of it, whatever comes and goes") {
    const std::size_t cases = test::random_cases(40);
    for (std::size_t n = 0; n != cases; ++n) {
        random_stream random(11, purpose::test, n);
        std::vector<double> hours(168);
        for (double& h : hours) h = random.below(4) == 0 ? 0 : random.uniform01();
        hours[5] = 1;
        const double rate = 0.5 + 4 * random.uniform01();
        const auto requests = 1000 + random.below(30'000);
        fluid::offered_rate offered{rate, requests, hours, 0ns};
        const double share = random.below(2) == 0 ? 1 : 0.6 + 0.4 * random.uniform01();
        fluid_service s(plain_surface(0, share), offered, {});
        double now = 0, backlog = 0, served = 0, waiting_s = 0, in_work_s = 0;
        for (int k = 0; k != 60 && !s.is_over(); ++k) {
            const double length = std::round(1 + random.uniform01() * 3000);
            const auto replicas = static_cast<std::uint32_t>(random.below(5));
            const double pace = n % 2 == 0 ? 1 : 0.2 + 0.8 * random.uniform01();
            // The rate of a while is its mean.
            const double come = offered.through(at_s(now + length)) - offered.through(at_s(now));
            constexpr int steps = 4000;
            const bool queues = backlog > 1e-9 || come > 2.0 * pace * replicas * length;
            const double rate_now = (queues ? share : 1) * 2.0 * pace * replicas;
            for (int i = 0; i != steps; ++i) {
                const double have = backlog + come / steps, out = std::min(have, rate_now * length / steps);
                waiting_s += (backlog + have - out) / 2 * length / steps;
                served += out;
                in_work_s += 0.75 * out / pace;
                backlog = have - out;
            }
            now += length;
            s.advance(at_s(now), replicas, pace);
            REQUIRE(s.totals().offered == Approx(offered.through(at_s(now))).epsilon(1e-12));
            REQUIRE(s.backlog() == Approx(backlog).margin(1e-3));
            REQUIRE(s.totals().served == Approx(served).margin(1e-3));
            REQUIRE(s.totals().served + s.backlog() == Approx(s.totals().offered).epsilon(1e-9));
            const double with_service = waiting_s + in_work_s;
            REQUIRE(s.totals().request_s == Approx(with_service).epsilon(2e-3).margin(2));
        }
    }
}

TEST_CASE("what is told interval by interval flows as a rate does") {
    const std::size_t cases = test::random_cases(40);
    for (std::size_t n = 0; n != cases; ++n) {
        random_stream random(12, purpose::test, n);
        std::vector<double> hours(168);
        for (double& h : hours) h = random.below(4) == 0 ? 0 : random.uniform01();
        hours[5] = 1;
        fluid::offered_rate offered{2 + 2 * random.uniform01(), 20'000, hours, 0ns};
        fluid_service by_rate(plain_surface(0.3), offered, {.ttft = 600s});
        const std::vector<double> no_way(3, 0.0);
        fluid_service told(plain_surface(0.3), {.ttft = 600s}, no_way);
        for (int hour = 0; !by_rate.is_over(); ++hour) {
            REQUIRE_FALSE(told.is_over());
            const double before = offered.through(at_s(3600.0 * hour)),
                         by_then = offered.through(at_s(3600.0 * (hour + 1)));
            const double share = random.uniform01();
            const std::vector<double> parts{(by_then - before) * share, 0, (by_then - before) * (1 - share)};
            told.expect(at_s(3600.0 * (hour + 1)), parts, by_then == offered.requests());
            // The rate is not even in the hour in which its last request comes.
            const bool is_last = by_then == offered.requests();
            for (const double into : {0.25, 1.0}) {
                if (is_last && into < 1) continue;
                const auto replicas = static_cast<std::uint32_t>(random.below(4));
                by_rate.advance(at_s(3600.0 * (hour + into)), replicas);
                told.advance(at_s(3600.0 * (hour + into)), replicas);
                REQUIRE(told.totals().offered == Approx(by_rate.totals().offered).epsilon(1e-9));
                REQUIRE(told.backlog() == Approx(by_rate.backlog()).margin(1e-4));
            }
        }
        CHECK(told.is_over());
        CHECK(told.totals().served == Approx(by_rate.totals().served).epsilon(1e-9));
        CHECK(told.totals().met == Approx(by_rate.totals().met).epsilon(1e-6));
        CHECK(told.totals().request_s == Approx(by_rate.totals().request_s).epsilon(1e-6));
        CHECK(told.result()->ttft.mean == Approx(by_rate.result()->ttft.mean).epsilon(1e-6));
        double of_parts = 0;
        for (const double x : told.served_of_parts()) of_parts += x;
        CHECK(of_parts == Approx(told.totals().served).epsilon(1e-9));
    }
}

TEST_CASE("requests take the time of their way more") {
    // Half of the targets are met after half of the longest one.
    fluid_service s(plain_surface(), {.ttft = 1s}, {0.0, 0.5});
    for (int minute = 0; minute != 100; ++minute) {
        s.expect(at_s(60.0 * (minute + 1)), std::vector{45.0, 15.0}, minute == 99);
        s.advance(at_s(60.0 * (minute + 1)), 1);
        REQUIRE(s.last().ttft_p50_s == Approx(0.1 + 0.125));
    }
    CHECK(s.is_over());
    const auto r = s.result().value();
    CHECK(r.ttft.mean == Approx(0.225));
    CHECK(r.ttft.p50 == Approx(0.1).epsilon(1e-3));
    CHECK(r.ttft.p90 == Approx(0.6).epsilon(1e-3));
    CHECK(r.e2e.mean == Approx(1.125));
    CHECK(r.e2e.max == Approx(1.5).epsilon(1e-3));
    CHECK(r.tpot.max == Approx(0.05).epsilon(1e-3));
    CHECK(s.served_of_parts()[1] == Approx(1500));
    CHECK(s.totals().met == Approx(0.75 * (4500 + 1500 * 0.5)));
    CHECK(s.totals().request_s == Approx(6000 * 0.75));

    // With a backlog: 3/s on 2/s for 100 s, and the mean way.
    fluid_service late(plain_surface(), {}, {0.0, 10.0});
    late.expect(at_s(100), std::vector{150.0, 150.0}, true);
    for (const double t : {100.0, 150.0}) late.advance(at_s(t), 1);
    CHECK(late.is_over());
    CHECK(late.result()->ttft.mean == Approx(0.1 + 25 + 5).epsilon(1e-6));
    CHECK(late.served_of_parts()[0] == Approx(150));

    const fluid_service* const both[]{&s, &late};
    const auto all = fluid_service::result_of(both).value();
    CHECK(all.ttft.mean == Approx((6000 * 0.225 + 300 * 30.1) / 6300).epsilon(1e-6));
    CHECK(all.e2e.max == Approx(late.result()->e2e.max));
    CHECK(all.ttft.p50 == Approx(0.1).epsilon(1e-3));
}

TEST_CASE("what waits can go on waiting elsewhere and keeps its time and its place") {
    const std::vector<double> ways{0.0, 2.0};
    fluid_service a(plain_surface(), {}, ways), b(plain_surface(), {}, ways), c(plain_surface(), {}, ways);
    a.expect(at_s(100), std::vector{100.0, 0.0}, true);
    b.expect(at_s(100), std::vector{0.0, 50.0}, true);
    c.expect(at_s(100), std::vector{0.0, 0.0}, true);
    for (fluid_service* const s : {&a, &b, &c}) s->advance(at_s(100), 0);
    CHECK(c.is_over());
    fluid_service* const others[]{&b, &c};
    a.hand_over(others, std::vector{0.6, 0.4});
    CHECK(a.is_over());
    CHECK(a.totals().offered == 0);
    CHECK(a.offered_of_parts()[0] == Approx(0).margin(1e-9));
    CHECK(b.backlog() == Approx(110));
    CHECK(c.backlog() == Approx(40));
    CHECK(c.offered_of_parts()[0] == Approx(40));
    CHECK_FALSE(c.is_over());
    for (fluid_service* const s : {&b, &c}) s->advance(at_s(200), 1);
    CHECK(b.is_over());
    CHECK(c.is_over());
    CHECK(b.totals().served == Approx(110));
    CHECK(b.served_of_parts()[1] == Approx(50));
    // Requests of 0 to 100 s, served from 100 s at 2/s.
    CHECK(c.result()->ttft.mean == Approx(0.1 + 50 + 20.0 / 2).epsilon(1e-6));
    CHECK(b.result()->ttft.mean == Approx(0.1 + 50 + 55.0 / 2 + 2.0 * 50 / 110).epsilon(1e-6));
}

TEST_CASE("a flow at a pace is one at full pace on a slower clock") {
    const std::size_t cases = test::random_cases(40);
    for (std::size_t n = 0; n != cases; ++n) {
        random_stream random(13, purpose::test, n);
        const double times = std::vector{2.0, 3.0, 5.0}[random.below(3)];
        const bool is_exact = times == 2;
        const auto surface = rising_surface(random.below(2) == 0 ? 1 : 0.8);
        fluid_service full(surface, {}, {0.0, 0.25}), slow(surface, {}, {0.0, 0.25 * times});
        const auto same = [&](double a, double b) {
            if (is_exact)
                REQUIRE(a == b);
            else
                REQUIRE(a == Approx(b).epsilon(1e-12).margin(1e-9));
        };
        double now = 0;
        for (int k = 0; k != 40; ++k) {
            const double length = static_cast<double>(1 + random.below(3000));
            const auto replicas = static_cast<std::uint32_t>(random.below(6));
            const double come = 8 * random.uniform01() * random.uniform01() * length;
            const std::vector<double> parts{come / 4, come - come / 4};
            full.expect(at_s(now + length), parts, k == 39);
            slow.expect(at_s((now + length) * times), parts, k == 39);
            now += length;
            full.advance(at_s(now), replicas);
            slow.advance(at_s(now * times), replicas, 1 / times);
            const fluid::flow_interval &a = slow.last(), &b = full.last();
            same(a.offered, b.offered);
            same(a.served, b.served);
            same(a.load, b.load);
            same(a.backlog, b.backlog);
            REQUIRE(a.ttft_p99_s.has_value() == b.ttft_p99_s.has_value());
            if (b.ttft_p99_s) same(*a.ttft_p99_s, *b.ttft_p99_s * times);
            same(slow.running(), full.running());
            same(slow.service_s(0.5), full.service_s(0.5) * times);
        }
        full.advance(at_s(now + 1e5), 3);
        slow.advance(at_s((now + 1e5) * times), 3, 1 / times);
        REQUIRE(full.is_over());
        REQUIRE(slow.is_over());
        const fluid::flow_totals &a = slow.totals(), &b = full.totals();
        same(a.served, b.served);
        same(a.met, b.met);
        same(a.capacity, b.capacity);
        same(a.max_backlog, b.max_backlog);
        for (const auto time : {&fluid::flow_totals::busy_s, &fluid::flow_totals::prefilling_s,
                                &fluid::flow_totals::kv_s, &fluid::flow_totals::request_s})
            same(a.*time, b.*time * times);
        const auto r = slow.result().value(), of_full = full.result().value();
        for (const auto kind :
             {&fluid_service::latencies::ttft, &fluid_service::latencies::tpot, &fluid_service::latencies::e2e}) {
            const auto &x = r.*kind, &y = of_full.*kind;
            CHECK(x.mean == Approx(y.mean * times).epsilon(1e-9));
            // Loads in bins, latencies in those of the sketch.
            CHECK(x.p50 == Approx(y.p50 * times).epsilon(4e-3));
            CHECK(x.p90 == Approx(y.p90 * times).epsilon(4e-3));
            CHECK(x.p99 == Approx(y.p99 * times).epsilon(4e-3));
            CHECK(x.max == Approx(y.max * times).epsilon(4e-3));
        }
    }
}

TEST_CASE("what waits is served at the pace of each while") {
    // 4/s for 100 s on one replica of 2/s leave 200; at half the pace 100 s serve 100, and the rest needs 50 s.
    fluid_service s(plain_surface(), {}, {0.0});
    s.expect(at_s(100), std::vector{400.0}, true);
    s.advance(at_s(100), 1);
    CHECK(s.backlog() == Approx(200));
    s.advance(at_s(200), 1, 0.5);
    CHECK(s.backlog() == Approx(100));
    CHECK(s.last().load == Approx(1));
    CHECK(*s.last().ttft_p50_s == Approx(0.2 + 100));
    s.advance(at_s(300), 1);
    CHECK(s.is_over());
    // 200 that waited 0 to 50 s, 100 of 50 to 125 s, and 100 of 125 to 150 s.
    CHECK(s.result()->ttft.mean == Approx((200 * (25 + 0.1) + 100 * (87.5 + 0.2) + 100 * (137.5 + 0.1)) / 400));
    CHECK(s.result()->tpot.mean == Approx(0.05 * (300 + 100 * 2) / 400));
    CHECK(s.totals().busy_s == Approx(250));
}

TEST_CASE("a pace costs the targets that latencies of the surface miss at it") {
    // Times to the first token from 0.08 to 0.12 s, evenly.
    const auto met_at = [](double pace, double way_s) {
        fluid_service s(plain_surface(0.4), {.ttft = 200ms, .tpot = 1s}, {way_s});
        s.expect(at_s(1000), std::vector{1000.0 * pace}, true);
        s.advance(at_s(1000), 1, pace);
        return s.totals().met / s.totals().served;
    };
    const double all = 0.75;  // the others are rejected
    CHECK(met_at(1, 0) == all);
    CHECK(met_at(0.61, 0) == Approx(all));
    CHECK(met_at(0.55, 0) == Approx(all * 0.75).epsilon(1e-6));
    CHECK(met_at(0.5, 0) == Approx(all * 0.5).epsilon(1e-6));
    CHECK(met_at(0.39, 0) == 0);
    // After half of the longest target, half of them are within at full pace.
    CHECK(met_at(1, 0.09) == Approx(all * 0.55));
    CHECK(met_at(0.95, 0.1) < met_at(1, 0.1));
    double before = 0;
    for (int k = 1; k <= 100; ++k) {
        const double met = met_at(0.01 * k, 0.02);
        CHECK(met >= before);
        CHECK(met <= all);
        before = met;
    }
}

TEST_CASE("a pace is what the engine does with slower steps") {
    const int times = 2;
    const auto full = std::make_shared<const fluid::surface>(fluid::surface::build(real_engine(1)));
    const fluid::surface_options slower = real_engine(times);
    const double capacity = full->mix(1, 1).capacity / times;
    CHECK(fluid::queued_capacity(slower, 1, 1) == Approx(capacity * full->mix(1, 1).queued_share).epsilon(0.01));
    for (const double load : {0.3, 0.6, 0.85}) {
        const fluid::measured_point engine = fluid::measure_point(slower, 1, 1, load, capacity);
        fluid_service s(full, slower.targets, {0.0});
        s.expect(at_s(3600), std::vector{load * capacity * 2 * 3600}, true);
        s.advance(at_s(3600), 2, 1.0 / times);
        REQUIRE(s.is_over());
        const auto r = s.result().value();
        const fluid::point_values& v = engine.values;
        CHECK(s.totals().busy_s / 7200 == Approx(v.busy).epsilon(0.03));
        CHECK(s.totals().kv_s / 7200 == Approx(v.kv).epsilon(0.03));
        for (const auto& [mine, theirs] : {std::pair{&r.ttft, &v.ttft}, {&r.tpot, &v.tpot}, {&r.e2e, &v.e2e}}) {
            CHECK(mine->mean == Approx(theirs->mean).epsilon(0.1));
            CHECK(mine->p50 == Approx(theirs->p50()).epsilon(0.1));
            CHECK(mine->p99 == Approx(theirs->p99()).epsilon(0.2));
        }
        CHECK(s.totals().met / s.totals().served == Approx(v.met[0]).margin(0.03));
    }
}
