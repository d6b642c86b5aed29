// Windows: pieces as a naive loop cuts them, the queue with one server in closed form, and sides that agree where a
// service is steady, replicas that are slowed as engines with longer steps, and sites one by one.
#include "support/cases.hpp"
#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/fluid/window.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace {

using namespace ampacity;
using namespace std::chrono_literals;

/// Steps of 1 s; a request is one of them, one at a time.
fluid::surface_options one_seat() {
    return {.engine = {.max_seqs = 1, .max_batched_tokens = 64, .kv_capacity_tokens = 64},
            .time = serving::iteration_time(serving::linear_step{.base = serving::to_exact(1s)}),
            .prompt = workload::token_lengths({{.law = constant_distribution{1}}}),
            .output = workload::token_lengths({{.law = constant_distribution{1}}}),
            .requests = 20'000};
}

/// Several answers at a time, behind a router; steps take so many times as long.
fluid::surface_options usual(int times = 1) {
    return {.engine = {.max_seqs = 32, .max_batched_tokens = 2048, .kv_capacity_tokens = 200'000},
            .time = serving::iteration_time(serving::linear_step{.base = serving::to_exact(5ms * times),
                                                                 .per_token = serving::to_exact(20us * times)}),
            .replicas = 4,
            .router = "least-requests",
            .prompt = workload::token_lengths({{.law = lognormal_distribution{300, 0.6}}}, 4000),
            .output = workload::token_lengths({{.law = lognormal_distribution{60, 0.5}}}, 500),
            .requests = 4000};
}

/// Of `usual()`.
const std::shared_ptr<const fluid::surface>& usual_surface() {
    static const auto made = std::make_shared<const fluid::surface>(fluid::surface::build(usual()));
    return made;
}

instant at_s(double s) { return start_of_time + duration{std::llround(s * 1e9)}; }

/// The wait of a queue with one server, a service of 1 s and this load, that such a share does not exceed [s].
double wait_of_share(double load, double share) {
    const auto at_most = [load](double wait) {
        double sum = 0, factorial = 1;
        for (int k = 0; k <= wait; ++k) {
            if (k != 0) factorial *= k;
            const double x = load * (k - wait);
            sum += std::pow(x, k) / factorial * std::exp(-x);
        }
        return (1 - load) * sum;
    };
    double low = 0, high = 20;
    for (int i = 0; i != 60; ++i) {
        const double middle = (low + high) / 2;
        (at_most(middle) < share ? low : high) = middle;
    }
    return low;
}

bool same(const fluid::window_values& a, const fluid::window_values& b) {
    return a.served_per_s == b.served_per_s && a.busy == b.busy && a.ttft_p50_s == b.ttft_p50_s &&
           a.ttft_p99_s == b.ttft_p99_s && a.tpot_p50_s == b.tpot_p50_s && a.tpot_p99_s == b.tpot_p99_s;
}

/// Follows a flow at ticks of a minute.
fluid::window_recorder followed(const std::shared_ptr<const fluid::surface>& s, fluid::offered_rate rate,
                                const fluid::window_options& o, int minutes, std::uint32_t replicas,
                                const std::function<double(int)>& pace_of = {}) {
    fluid::fluid_service flow(s, std::move(rate), {});
    fluid::window_recorder out(o);
    for (int k = 1; k <= minutes; ++k) {
        flow.advance(start_of_time + k * 1min, replicas, pace_of ? pace_of(k) : 1);
        out.add(flow.last(), replicas);
    }
    return out;
}

}  // namespace

TEST_CASE("windows are cut out of what the flow did") {
    const std::size_t cases = test::random_cases(200);
    for (std::size_t n = 0; n != cases; ++n) {
        random_stream random(5, purpose::test, n);
        const auto s = [](std::uint64_t n_s) { return duration{static_cast<std::int64_t>(n_s * 1'000'000'000)}; };
        fluid::window_options o{.length = s(1 + random.below(50)), .warm_up = s(random.below(30))};
        o.every = o.length + o.warm_up + s(random.below(100));
        fluid::window_recorder recorder(o);
        struct interval {
            double from, to, rate, pace;
            std::uint32_t replicas;
            bool waits;
        };
        std::vector<interval> all;
        double now = 0;
        for (int k = 0; k != 40; ++k) {
            const double length = 1 + static_cast<double>(random.below(k % 7 == 0 ? 300 : 20));
            all.push_back({now, now + length, random.uniform01(), 0.5 + 0.5 * random.uniform01(),
                           static_cast<std::uint32_t>(random.below(6)), random.below(30) == 0});
            const interval& i = all.back();
            const fluid::flow_interval told{.from = at_s(i.from),
                                            .to = at_s(i.to),
                                            .offered = i.rate * length,
                                            .served = i.rate * length,
                                            .backlog = i.waits ? 1.0 : 0.0,
                                            .pace = i.pace};
            recorder.add(told, i.replicas);
            recorder.add(told, 1000);  // nothing new
            now += length;
        }
        std::size_t number = 0;
        for (;; ++number) {
            const double begin = to_seconds(o.every) * static_cast<double>(number + 1);
            const double from = begin - to_seconds(o.warm_up), to = begin + to_seconds(o.length);
            if (to > now) break;
            REQUIRE(recorder.windows().size() > number);
            const fluid::recorded_window& w = recorder.windows()[number];
            CHECK(w.number == number + 1);
            std::size_t at = 0;
            bool waited = false;
            for (const interval& i : all) {
                if (i.to <= from || i.from >= to) continue;
                REQUIRE(w.pieces.size() > at);
                const fluid::window_piece& p = w.pieces[at++];
                CHECK(p.from_s == std::max(i.from, from));
                CHECK(p.to_s == std::min(i.to, to));
                CHECK(p.requests == Approx(i.rate * (p.to_s - p.from_s)));
                CHECK(p.replicas == i.replicas);
                CHECK(p.pace == i.pace);
                waited = waited || i.waits || i.replicas == 0;
            }
            CHECK(w.pieces.size() == at);
            CHECK(w.waited == waited);
        }
        CHECK(recorder.windows().size() == number);
    }
}

TEST_CASE("requests of a window are a queue with one server, at the rate of each replica") {
    const auto s = std::make_shared<const fluid::surface>(fluid::surface::build(one_seat()));
    // 12 replicas at 0.4/s each; one is simulated, for ten hours.
    const auto recorded = followed(s, {4.8, 1'000'000'000, {}, 0ns},
                                   {.every = 11h, .length = 10h, .warm_up = 1h, .replicas = 1, .seed = 8}, 24 * 60, 12);
    const fluid::windows_result r = compare_windows(*s, one_seat(), recorded);
    REQUIRE(r.each.size() == 1);
    CHECK(r.not_compared == 0);
    CHECK(r.each[0].replicas == 1);
    CHECK(r.each[0].from_s == 11 * 3600);
    CHECK(r.flow.served_per_s == Approx(0.4).epsilon(1e-9));
    CHECK(r.engine.served_per_s == Approx(0.4).epsilon(0.03));
    CHECK(r.engine.busy == Approx(r.engine.served_per_s).epsilon(1e-3));
    CHECK(r.flow.busy == Approx(0.4).epsilon(0.02));
    // Three of five do not wait; of the others, waits are those of M/D/1 (Erlang).
    CHECK(*r.engine.ttft_p50_s == Approx(1).epsilon(1e-3));
    CHECK(*r.engine.ttft_p99_s == Approx(1 + wait_of_share(0.4, 0.99)).epsilon(0.04));
    CHECK(*r.flow.ttft_p99_s == Approx(1 + wait_of_share(0.4, 0.99)).epsilon(0.06));
    CHECK_FALSE(r.engine.tpot_p50_s.has_value());
}

TEST_CASE("rates and requests agree in the windows of a steady service, the same each time") {
    const fluid::surface_options o = usual();
    const auto& s = usual_surface();
    const double rate = 0.7 * s->mix(1, 1).capacity * 20;
    const fluid::window_options w{.every = 30min, .length = 4min, .warm_up = 1min, .seed = 3};
    const auto recorded = followed(s, {rate, 1'000'000'000, {}, 0ns}, w, 190, 20);
    const fluid::windows_result r = compare_windows(*s, o, recorded);
    REQUIRE(r.each.size() == 6);
    const auto near = [](double a, double b, double share) { CHECK(a == Approx(b).epsilon(share)); };
    near(r.flow.served_per_s, r.engine.served_per_s, 0.03);
    near(r.flow.busy, r.engine.busy, 0.03);
    near(*r.flow.ttft_p50_s, *r.engine.ttft_p50_s, 0.1);
    near(*r.flow.tpot_p50_s, *r.engine.tpot_p50_s, 0.1);
    near(*r.flow.ttft_p99_s, *r.engine.ttft_p99_s, 0.2);
    near(*r.flow.tpot_p99_s, *r.engine.tpot_p99_s, 0.2);
    const fluid::windows_result again = compare_windows(*s, o, recorded);
    for (std::size_t i = 0; i != r.each.size(); ++i) {
        CHECK(r.each[i].replicas == 4);
        CHECK(same(r.each[i].engine, again.each[i].engine));
        CHECK(r.each[i].flow.busy == Approx(r.each[0].flow.busy).epsilon(1e-9));
        if (i != 0) CHECK_FALSE(same(r.each[i].engine, r.each[0].engine));
    }
    // A surface of something else does not agree.
    fluid::surface_options slower = o;
    slower.time = serving::iteration_time(
        serving::linear_step{.base = serving::to_exact(6ms), .per_token = serving::to_exact(20us)});
    const fluid::windows_result other = compare_windows(*s, slower, recorded);
    CHECK(*other.engine.tpot_p50_s > 1.1 * *r.engine.tpot_p50_s);
    CHECK(same(other.flow, r.flow));
}

TEST_CASE("windows in which something waits or nothing comes are left out") {
    const auto s = std::make_shared<const fluid::surface>(fluid::surface::build(one_seat()));
    const fluid::window_options w{.every = 1h, .length = 10min, .warm_up = 0ns};
    // A surge in the second hour leaves a backlog; requests end in the fifth.
    fluid::offered_rate rate{0.5, 8000, {}, 0ns, {.surges = {{.at = 2h, .length = 20min, .factor = 3}}}};
    const fluid::windows_result r = compare_windows(*s, one_seat(), followed(s, rate, w, 310, 1));
    CHECK(r.each.size() + r.not_compared == 5);
    CHECK(r.not_compared >= 2);
    REQUIRE_FALSE(r.each.empty());
    CHECK(r.each[0].from_s == 3600);
    const fluid::windows_result none = compare_windows(*s, one_seat(), followed(s, {1e-3, 1, {}, 0ns}, w, 100, 1));
    CHECK(none.each.size() + none.not_compared == 1);
}

TEST_CASE("requests of slowed replicas are those of replicas with longer steps") {
    const fluid::surface_options o = usual(), slower = usual(2);
    const auto& s = usual_surface();
    const double rate = 0.7 / 2 * s->mix(1, 1).capacity * 20;
    const fluid::window_options w{.every = 30min, .length = 8min, .warm_up = 2min, .seed = 3};
    const auto half = followed(s, {rate, 1'000'000'000, {}, 0ns}, w, 100, 20, [](int) { return 0.5; });
    const fluid::windows_result r = compare_windows(*s, o, half);
    REQUIRE(r.each.size() == 3);
    const fluid::windows_result longer =
        compare_windows(*s, slower, followed(s, {rate, 1'000'000'000, {}, 0ns}, w, 100, 20));
    REQUIRE(longer.each.size() == 3);
    // To the nanosecond of each arrival and step.
    for (std::size_t i = 0; i != 3; ++i) {
        const fluid::window_values &a = r.each[i].engine, &b = longer.each[i].engine;
        CHECK(a.served_per_s == Approx(b.served_per_s).epsilon(1e-3));
        CHECK(a.busy == Approx(b.busy).epsilon(1e-4));
        CHECK(*a.ttft_p50_s == Approx(*b.ttft_p50_s).epsilon(2e-3));
        CHECK(*a.ttft_p99_s == Approx(*b.ttft_p99_s).epsilon(1e-2));
        CHECK(*a.tpot_p50_s == Approx(*b.tpot_p50_s).epsilon(2e-3));
        CHECK(*a.tpot_p99_s == Approx(*b.tpot_p99_s).epsilon(2e-3));
    }
    CHECK(r.flow.served_per_s == Approx(r.engine.served_per_s).epsilon(0.03));
    CHECK(r.flow.busy == Approx(r.engine.busy).epsilon(0.03));
    CHECK(*r.flow.ttft_p50_s == Approx(*r.engine.ttft_p50_s).epsilon(0.1));
    CHECK(*r.flow.ttft_p99_s == Approx(*r.engine.ttft_p99_s).epsilon(0.2));
    CHECK(*r.flow.tpot_p50_s == Approx(*r.engine.tpot_p50_s).epsilon(0.1));
    CHECK(*r.flow.tpot_p99_s == Approx(*r.engine.tpot_p99_s).epsilon(0.2));

    // A pace on a clock of its own: everything twice as slow gives everything twice as long.
    const fluid::window_options twice{.every = 1h, .length = 16min, .warm_up = 4min, .seed = 3};
    const fluid::windows_result full =
        compare_windows(*s, o, followed(s, {2 * rate, 1'000'000'000, {}, 0ns}, w, 100, 20));
    const fluid::windows_result slow =
        compare_windows(*s, o, followed(s, {rate, 1'000'000'000, {}, 0ns}, twice, 200, 20, [](int) { return 0.5; }));
    REQUIRE(full.each.size() == 3);
    REQUIRE(slow.each.size() == 3);
    CHECK(slow.engine.served_per_s == Approx(full.engine.served_per_s / 2).epsilon(1e-4));
    CHECK(slow.engine.busy == Approx(full.engine.busy).epsilon(1e-6));
    CHECK(*slow.engine.ttft_p50_s == Approx(*full.engine.ttft_p50_s * 2).epsilon(2e-3));
    CHECK(*slow.engine.tpot_p99_s == Approx(*full.engine.tpot_p99_s * 2).epsilon(2e-3));
    CHECK(slow.flow.served_per_s == Approx(full.flow.served_per_s / 2).epsilon(1e-9));
    CHECK(slow.flow.busy == Approx(full.flow.busy).epsilon(1e-9));
    // A quantile of the surface ends there, where a rounded count is on either side.
    CHECK(*slow.flow.ttft_p99_s == Approx(*full.flow.ttft_p99_s * 2).epsilon(0.05));
    CHECK(*slow.flow.tpot_p50_s == Approx(*full.flow.tpot_p50_s * 2).epsilon(0.01));
}

TEST_CASE("a pace that changes within a window changes the time in steps there") {
    const auto s = std::make_shared<const fluid::surface>(fluid::surface::build(one_seat()));
    // Half of the time 0.3/s at full pace, the other half of it at half the pace.
    const auto recorded = followed(s, {3.6, 1'000'000'000, {}, 0ns},
                                   {.every = 11h, .length = 10h, .warm_up = 1h, .replicas = 1, .seed = 8}, 24 * 60, 12,
                                   [](int minute) { return minute / 60 % 2 == 0 ? 1.0 : 0.5; });
    const fluid::windows_result r = compare_windows(*s, one_seat(), recorded);
    REQUIRE(r.each.size() == 1);
    CHECK(r.engine.served_per_s == Approx(0.3).epsilon(0.03));
    CHECK(r.engine.busy == Approx((0.3 + 0.6) / 2).epsilon(0.03));
    CHECK(r.flow.busy == Approx((0.3 + 0.6) / 2).epsilon(0.02));
    CHECK(*r.engine.ttft_p99_s == Approx(*r.flow.ttft_p99_s).epsilon(0.2));
    // At half the pace a load of 0.6, and half of the requests.
    CHECK(*r.flow.ttft_p99_s == Approx(2 * (1 + wait_of_share(0.6, 0.98))).epsilon(0.1));
}

TEST_CASE("windows of sites are those of each, and together as many replicas count") {
    const fluid::surface_options o = usual();
    const auto& s = usual_surface();
    const double capacity = s->mix(1, 1).capacity;
    const auto options = [](std::uint64_t seed) {
        return fluid::window_options{.every = 30min, .length = 4min, .warm_up = 1min, .seed = seed};
    };
    // The second has two replicas, and a surge in its second window; the third has none.
    const auto a = followed(s, {0.7 * capacity * 20, 1'000'000'000, {}, 0ns}, options(3), 130, 20);
    const auto b = followed(
        s, {0.4 * capacity * 2, 1'000'000'000, {}, 0ns, {.surges = {{.at = 59min, .length = 4min, .factor = 4}}}},
        options(4), 130, 2);
    const auto c = followed(s, {1e-3, 1'000'000'000, {}, 0ns}, options(5), 130, 0);
    const fluid::window_recorder* const all[]{&a, &b, &c};
    const fluid::windows_of_sites r = compare_windows(*s, o, all);
    REQUIRE(r.sites.size() == 3);
    CHECK(r.sites[0].each.size() == 4);
    CHECK(r.sites[1].not_compared >= 1);
    CHECK(r.sites[1].not_compared + r.sites[1].each.size() == 4);
    CHECK(r.sites[2].not_compared == 4);
    CHECK(r.sites[2].each.empty());
    CHECK(r.together.each.size() == 4);
    CHECK(r.together.not_compared == 0);
    for (std::size_t i = 0; i != 2; ++i) {
        const fluid::windows_result alone = compare_windows(*s, o, *all[i]);
        REQUIRE(alone.each.size() == r.sites[i].each.size());
        CHECK(alone.not_compared == r.sites[i].not_compared);
        CHECK(same(alone.engine, r.sites[i].engine));
        CHECK(same(alone.flow, r.sites[i].flow));
        for (std::size_t k = 0; k != alone.each.size(); ++k)
            CHECK(same(alone.each[k].engine, r.sites[i].each[k].engine));
    }
    double replicas = 0, served = 0, busy = 0;
    for (const fluid::windows_result& site : r.sites) {
        for (const fluid::window_result& w : site.each) {
            replicas += w.replicas;
            served += w.replicas * w.engine.served_per_s;
            busy += w.replicas * w.flow.busy;
        }
    }
    CHECK(r.together.engine.served_per_s == Approx(served / replicas));
    CHECK(r.together.flow.busy == Approx(busy / replicas));
    CHECK(r.together.each[0].replicas == 6);
    CHECK(r.together.each[1].replicas == 4);
    CHECK(same(r.together.each[1].engine, r.sites[0].each[1].engine));
    const fluid::window_values &low = r.sites[1].engine, &high = r.sites[0].engine;
    CHECK(*r.together.engine.tpot_p50_s > *low.tpot_p50_s);
    CHECK(*r.together.engine.tpot_p50_s <= *high.tpot_p50_s);
    const fluid::windows_of_sites none = compare_windows(*s, o, std::vector<const fluid::window_recorder*>{&c});
    CHECK(none.together.each.empty());
    CHECK(none.together.not_compared == 4);
}
