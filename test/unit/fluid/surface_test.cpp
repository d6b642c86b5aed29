// Surfaces: closed forms of the queue that a replica with one seat is, the engine itself on mixes that were not
// measured, and what must not change anything.
#include "support/catch.hpp"

#include <ampacity/fluid/surface.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace {

using namespace ampacity;
using namespace std::chrono_literals;
using fluid::surface;
using fluid::surface_options;

surface_options usual() {
    return {.engine = {.max_seqs = 32, .max_batched_tokens = 2048, .kv_capacity_tokens = 200'000},
            .time = serving::iteration_time(serving::linear_step{.base = serving::to_exact(5ms),
                                                                 .per_token = serving::to_exact(20us),
                                                                 .per_kv_token = serving::to_exact(30ns),
                                                                 .per_prefill_attention = {15, 1}}),
            .prompt = workload::token_lengths({{.law = lognormal_distribution{300, 0.6}}}, 4000),
            .output = workload::token_lengths({{.law = lognormal_distribution{60, 0.5}}}, 500),
            .targets = {.ttft = 1s, .tpot = 20ms},
            .requests = 6000};
}

/// Steps of 1 s; a request is one of them, one at a time.
surface_options one_seat() {
    surface_options o = usual();
    o.engine.max_seqs = 1;
    o.time = serving::iteration_time(serving::linear_step{.base = serving::to_exact(1s)});
    o.prompt = o.output = workload::token_lengths({{.law = constant_distribution{1}}});
    o.targets = {.ttft = 3s};
    o.requests = 40'000;
    return o;
}

bool same(const fluid::latency_values& a, const fluid::latency_values& b) {
    return a.mean == b.mean && a.quantiles == b.quantiles;
}
bool same(const fluid::point_values& a, const fluid::point_values& b) {
    return a.busy == b.busy && a.prefilling == b.prefilling && a.kv == b.kv && a.met == b.met && same(a.ttft, b.ttft) &&
           same(a.tpot, b.tpot) && same(a.e2e, b.e2e);
}

}  // namespace

TEST_CASE("a replica with one seat is a queue with one server, at measured loads and between them") {
    const surface s = surface::build(one_seat());
    CHECK(s.mix(1, 1).capacity == Approx(1).epsilon(1e-9));
    CHECK(s.mix(1, 1).prompt_tokens == Approx(1).epsilon(1e-12));
    CHECK(s.mix(1, 1).rejected == 0);
    for (const double load : {0.05, 0.3, 0.5, 0.65, 0.75, 0.8}) {
        INFO(load);
        const fluid::point_values v = s.at(load, 1, 1);
        // Pollaczek and Khinchine, for a service that always takes 1 s.
        CHECK(v.ttft.mean == Approx(1 + load / (2 * (1 - load))).epsilon(0.05));
        CHECK(v.busy == Approx(load).epsilon(0.03));
        CHECK(v.prefilling == Approx(v.busy).epsilon(1e-3));
        CHECK(v.met[0] >= v.met[4]);
    }
    CHECK(s.saturated(1, 1).busy == Approx(1));
    CHECK(s.saturated(1, 1).ttft.mean == Approx(1));
    CHECK(s.at(0, 1, 1).busy == 0);
    CHECK(s.at(1, 1, 1).ttft.mean >= s.at(0.95, 1, 1).ttft.mean);
}

TEST_CASE("a surface goes through what was measured and is monotone between") {
    surface_options o = usual();
    o.requests = 2000;
    o.prompt_scales = {0.5, 1, 2};
    o.output_scales = {1, 2};
    const surface s = surface::build(o);
    for (std::size_t p = 0; p != 3; ++p) {
        for (std::size_t a = 0; a != 2; ++a) {
            const fluid::mix_values& m = s.mixes()[p * 2 + a];
            CHECK(s.mix(o.prompt_scales[p], o.output_scales[a]).capacity == Approx(m.capacity).epsilon(1e-12));
            for (std::size_t i = 0; i + 1 != fluid::surface_loads.size(); ++i) {
                const fluid::point_values v = s.at(fluid::surface_loads[i], o.prompt_scales[p], o.output_scales[a]);
                CHECK(v.busy == Approx(m.points[i].busy).epsilon(1e-6));
                CHECK(v.ttft.p99() == Approx(m.points[i].ttft.p99()).epsilon(1e-9));
            }
        }
    }
    for (double load = 0.01; load < 1; load += 0.01) {
        const auto place = std::upper_bound(fluid::surface_loads.begin(), fluid::surface_loads.end(), load);
        if (place == fluid::surface_loads.begin()) continue;
        const auto low = static_cast<std::size_t>(place - fluid::surface_loads.begin()) - 1;
        if (low + 2 >= fluid::surface_loads.size()) continue;
        const auto& points = s.mixes()[2].points;
        const double one = points[low].e2e.p50(), other = points[low + 1].e2e.p50();
        const double least = std::min(one, other), most = std::max(one, other);
        const double between = s.at(load, 1, 1).e2e.p50();
        CHECK(between >= least * (1 - 1e-9));
        CHECK(between <= most * (1 + 1e-9));
    }
    CHECK(s.mix(0.1, 9).capacity == s.mix(0.5, 2).capacity);
}

TEST_CASE("a surface is near the engine on mixes that were not measured") {
    surface_options o = usual();
    o.prompt_scales = o.output_scales = {1 / 1.5, 1, 1.5};
    const surface s = surface::build(o);
    const double mixes[][3] = {{0.8, 1.2, 0.3}, {1.3, 0.75, 0.55}, {1.2, 1.25, 0.72}, {0.9, 0.9, 0.45}};
    for (const auto& [prompt, output, load] : mixes) {
        INFO(prompt << ' ' << output << ' ' << load);
        const double capacity = s.mix(prompt, output).capacity;
        const fluid::point_values a = s.at(load, prompt, output);
        const fluid::measured_point m = fluid::measure_point(o, prompt, output, load, capacity);
        const fluid::point_values& b = m.values;
        CHECK(m.served_per_s == Approx(m.offered_per_s).epsilon(0.03));
        CHECK(a.busy == Approx(b.busy).epsilon(0.03));
        CHECK(a.prefilling == Approx(b.prefilling).epsilon(0.03));
        for (const auto& [x, y] : {std::pair{&a.ttft, &b.ttft}, {&a.tpot, &b.tpot}, {&a.e2e, &b.e2e}}) {
            CHECK(x->p50() == Approx(y->p50()).epsilon(0.1));
            CHECK(x->p99() == Approx(y->p99()).epsilon(0.2));
        }
        const fluid::measured_point over = fluid::measure_point(o, prompt, output, 1.3, capacity);
        const double queued = capacity * s.mix(prompt, output).queued_share;
        CHECK(over.growth_per_s == Approx(over.offered_per_s - queued).epsilon(0.05));
    }
}

TEST_CASE("where a long queue fills the cache, it is worked off more slowly than what is taken without one") {
    surface_options o = usual();
    o.engine.max_seqs = 64;
    o.replicas = 4;
    o.router = "least-requests";
    o.prompt = workload::token_lengths({{.law = lognormal_distribution{3000, 0.8}}}, 40'000);
    o.output = workload::token_lengths({{.law = lognormal_distribution{250, 1}}}, 2000);
    o.requests = 3000;
    const fluid::mix_values m = surface::build(o).mix(1, 1);
    const double queued = fluid::queued_capacity(o, 1, 1);
    CHECK(m.queued_share < 0.85);
    CHECK(m.capacity * m.queued_share == Approx(queued).epsilon(1e-9));
    const fluid::measured_point below = fluid::measure_point(o, 1, 1, 0.95, m.capacity);
    CHECK(below.offered_per_s > 1.1 * queued);
    CHECK(below.growth_per_s < 0.02 * below.offered_per_s);
    for (const double load : {1.3, 1.5}) {
        const fluid::measured_point over = fluid::measure_point(o, 1, 1, load, m.capacity);
        CHECK(over.growth_per_s == Approx(over.offered_per_s - queued).epsilon(0.05));
    }
    // Seats alone: a queue costs nothing.
    CHECK(surface::build(usual()).mix(1, 1).queued_share == 1);
}

TEST_CASE("capacities with a long queue are known halfway between the lines of the grid") {
    surface_options o = usual();
    o.requests = 1000;
    o.prompt_scales = {1, 4};
    const surface s = surface::build(o);
    CHECK(surface::halved(o.prompt_scales) == std::vector<double>{1, 2, 4});
    REQUIRE(s.queued().size() == 3);
    CHECK(s.queued()[1] == fluid::queued_capacity(o, 2, 1));
    const double scales[]{1, 2, 4};
    for (std::size_t i = 0; i != 3; ++i) {
        const fluid::mix_values m = s.mix(scales[i], 1);
        CHECK(m.capacity * m.queued_share == Approx(s.queued()[i]).epsilon(1e-12));
    }
    const surface without(s.made_from(), {1, 4}, {1}, {s.mixes().begin(), s.mixes().end()});
    CHECK(without.mix(4, 1).capacity == Approx(s.mix(4, 1).capacity).epsilon(1e-12));
    CHECK(without.mix(2, 1).capacity > 0);
}

TEST_CASE("the order in which points are measured does not change a surface") {
    surface_options o = usual();
    o.requests = 1000;
    o.replicas = 2;
    o.router = "least-requests";
    o.prompt_scales = {1, 2};
    o.output_scales = {0.5, 1};
    const surface a = surface::build(o);
    const surface b = surface::build(o, [](std::size_t n, const std::function<void(std::size_t)>& call) {
        for (std::size_t i = n; i != 0; --i) call(i - 1);
    });
    REQUIRE(a.mixes().size() == b.mixes().size());
    CHECK(std::equal(a.queued().begin(), a.queued().end(), b.queued().begin(), b.queued().end()));
    for (std::size_t i = 0; i != a.mixes().size(); ++i) {
        CHECK(a.mixes()[i].capacity == b.mixes()[i].capacity);
        for (std::size_t k = 0; k != fluid::surface_loads.size(); ++k)
            CHECK(same(a.mixes()[i].points[k], b.mixes()[i].points[k]));
    }
}

TEST_CASE("a signature tells replicas and requests apart, not how well they were measured") {
    const surface_options o = usual();
    const std::uint64_t own = signature(o);
    surface_options same = o;
    same.requests = 7000;
    same.seed = 9;
    same.prompt_scales = {1, 2};
    CHECK(signature(same) == own);
    const auto differs = [&](auto change) {
        surface_options other = o;
        change(other);
        CHECK(signature(other) != own);
    };
    differs([](surface_options& x) { x.engine.max_seqs = 33; });
    differs([](surface_options& x) { x.engine.kv_capacity_tokens = 1000; });
    differs([](surface_options& x) { x.engine.order = serving::step_order::prefill_first; });
    differs([](surface_options& x) {
        x.time =
            serving::iteration_time(serving::linear_step{.base = serving::to_exact(5ms), .per_token = {20'001, 0}});
    });
    differs([](surface_options& x) { x.replicas = 2; });
    differs([](surface_options& x) { x.router = "random"; });
    differs([](surface_options& x) { x.cv = 2; });
    differs([](surface_options& x) { x.process = workload::arrival_process::weibull; });
    differs([](surface_options& x) { x.targets.ttft = 2s; });
    differs([](surface_options& x) { x.targets.e2e = 2s; });
    differs([](surface_options& x) {
        x.prompt = workload::token_lengths({{.law = lognormal_distribution{300, 0.61}}}, 4000);
    });
    differs([](surface_options& x) {
        x.output = workload::token_lengths({{.law = lognormal_distribution{61, 0.5}}}, 500);
    });
}

TEST_CASE("requests that the cache can never hold are a share of the mix") {
    surface_options o = usual();
    o.engine.kv_capacity_tokens = 480;
    o.requests = 5000;
    const surface s = surface::build(o);
    const fluid::mix_values m = s.mix(1, 1);
    CHECK(m.rejected > 0.2);
    CHECK(m.rejected < 0.6);
    CHECK(m.prompt_tokens + m.output_tokens < 480);
    const fluid::measured_point p = fluid::measure_point(o, 1, 1, 0.5, m.capacity);
    CHECK(p.served_per_s == Approx(0.5 * m.capacity).epsilon(0.05));
    o.engine.kv_capacity_tokens = 0;
    CHECK(surface::build(o).mix(1, 1).rejected == 1);
    CHECK(surface::build(o).mix(1, 1).capacity == 0);
}
