// Windows: pieces as a naive loop cuts them, the queue with one server in closed form, and sides that agree where a
// service is steady.
#include "support/cases.hpp"
#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/fluid/window.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
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

/// Several answers at a time, behind a router.
fluid::surface_options usual() {
    return {.engine = {.max_seqs = 32, .max_batched_tokens = 2048, .kv_capacity_tokens = 200'000},
            .time = serving::iteration_time(
                serving::linear_step{.base = serving::to_exact(5ms), .per_token = serving::to_exact(20us)}),
            .replicas = 4,
            .router = "least-requests",
            .prompt = workload::token_lengths({{.law = lognormal_distribution{300, 0.6}}}, 4000),
            .output = workload::token_lengths({{.law = lognormal_distribution{60, 0.5}}}, 500),
            .requests = 4000};
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
                                const fluid::window_options& o, int minutes, std::uint32_t replicas) {
    fluid::fluid_service flow(s, std::move(rate), {});
    fluid::window_recorder out(o);
    for (int k = 1; k <= minutes; ++k) {
        flow.advance(start_of_time + k * 1min, replicas);
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
            double from, to, rate;
            std::uint32_t replicas;
            bool waits;
        };
        std::vector<interval> all;
        double now = 0;
        for (int k = 0; k != 40; ++k) {
            const double length = 1 + static_cast<double>(random.below(k % 7 == 0 ? 300 : 20));
            all.push_back({now, now + length, random.uniform01(), static_cast<std::uint32_t>(random.below(6)),
                           random.below(30) == 0});
            const interval& i = all.back();
            const fluid::flow_interval told{.from = at_s(i.from),
                                            .to = at_s(i.to),
                                            .offered = i.rate * length,
                                            .served = i.rate * length,
                                            .backlog = i.waits ? 1.0 : 0.0};
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
    const auto s = std::make_shared<const fluid::surface>(fluid::surface::build(o));
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
