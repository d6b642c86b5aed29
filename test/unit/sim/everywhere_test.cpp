// Services that are everywhere: which site gets what as prices change and nodes fail, sites that get replicas before
// they get requests, and sums that balance whatever comes.
#include "lib/sim/demand_router.hpp"
#include "support/cases.hpp"
#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;
using namespace std::chrono_literals;
using hardware::site_preference;
using serving::scaling_policy;

/// Capacity 2 requests/s; times to the first token of 0.1 s, to the last of 4 s.
std::shared_ptr<const fluid::surface> plain_surface() {
    fluid::mix_values m{.capacity = 2, .rejected = 0, .prompt_tokens = 100, .output_tokens = 10, .points = {}};
    for (std::size_t i = 0; i != fluid::surface_loads.size(); ++i) {
        fluid::point_values& p = m.points[i];
        p.busy = fluid::surface_loads[i];
        p.met.fill(1);
        const auto set = [](fluid::latency_values& v, double s) {
            v.mean = s;
            v.quantiles.fill(s);
        };
        set(p.ttft, 0.1);
        set(p.tpot, 0.05);
        set(p.e2e, 4);
    }
    return std::make_shared<const fluid::surface>(0, std::vector<double>{1}, std::vector<double>{1}, std::vector{m});
}

power::signal steps(const std::vector<std::pair<duration, double>>& list) {
    std::vector<instant> begins;
    std::vector<double> values;
    for (const auto& [at, value] : list) {
        begins.push_back(start_of_time + at);
        values.push_back(value);
    }
    return {std::make_shared<const step_series<double>>(std::move(begins), std::move(values), start_of_time + 1000h,
                                                        outside::held),
            {}};
}

struct listener final : sim::observer {
    std::vector<std::pair<instant, std::vector<sim::replica_sample>>> samples;
    void on_sample(const sim::sample& s) override {
        samples.emplace_back(s.at, std::vector(s.replicas.begin(), s.replicas.end()));
    }
    /// By minute.
    [[nodiscard]] const sim::replica_sample& at(std::size_t minute, std::size_t site) const {
        return samples.at(minute).second.at(site);
    }
};

sim::spread_service two_sites(double rate, std::uint64_t requests) {
    return {.name = "chat",
            .router = {.by = site_preference::cheapest},
            .origins = {{.name = "here", .where = {50, 8}, .offered = {rate, requests, {}, 0ns}}},
            .sites = {{.name = "a", .number = 0, .where = {50, 8}, .mean_usd_per_j = 1},
                      {.name = "b", .number = 1, .where = {50, 22}, .mean_usd_per_j = 2}}};
}

/// A replica on each node; a site may have `scaling.max`.
sim::parts parts_of(const sim::spread_service& what, const serving::autoscaler_options& scaling, std::uint32_t nodes,
                    duration cold_start = {}, sim::observer* who = nullptr) {
    sim::parts parts{.fleet = fleet::fleet_state::flat_nodes(nodes, 1),
                     .policy = policy::make_policy("fifo", {}),
                     .placer = policy::make_first_fit(),
                     .sample_every = 1min};
    if (who != nullptr) parts.observers.push_back(who);
    parts.sources.push_back(std::make_unique<workload::vector_source>(std::vector<workload::job_request>{}));
    const auto all = std::make_shared<sim::spread_service>(what);
    const auto surface = plain_surface();
    for (std::uint32_t k = 0; k != what.sites.size(); ++k) {
        sim::service_parts& s = parts.services.emplace_back(sim::service_parts{
            .name = "chat@" + what.sites[k].name,
            .options = {.replicas = scaling.max,
                        .engine = {.max_seqs = scaling.seats},
                        .router = "round-robin",
                        .random = {.seed = 1},
                        .scaled = true},
            .time = serving::iteration_time{serving::linear_step{.base = {1'000'000'000, 0}}},
            .requests = std::make_unique<workload::vector_request_source>(std::vector<workload::request>{})});
        s.targets = {.ttft = 600s};
        s.scaling = sim::scaling_options{.autoscale = scaling, .cold_start = cold_start};
        const workload::token_lengths one{{{.law = constant_distribution{1}}}};
        s.fluid =
            sim::fluid_parts{.from = {.time = s.time, .prompt = one, .output = one}, .made = surface, .tick = 1min};
        s.site = {all, k};
    }
    return parts;
}

constexpr serving::autoscaler_options always(std::uint32_t replicas) {
    return {.policy = scaling_policy::fixed, .first = replicas, .min = replicas, .max = replicas, .seats = 8};
}

void check_sums(const sim::service_result& all) {
    REQUIRE(all.routing);
    const sim::routing_result& r = *all.routing;
    REQUIRE(all.sites.size() == r.sites.size());
    double requests = 0, served = 0, from_requests = 0, from_served = 0, way_s = 0;
    gpu_time held = 0;
    for (std::size_t k = 0; k != all.sites.size(); ++k) {
        requests += r.sites[k].requests;
        served += r.sites[k].served;
        way_s += r.sites[k].served * r.sites[k].round_trip_s;
        held += all.sites[k].held_gpu_time();
        REQUIRE(static_cast<double>(all.sites[k].requests) == Approx(r.sites[k].requests).margin(0.51));
        double at_site = 0;
        for (const sim::routed_requests& o : r.origins) at_site += o.served_at[k];
        REQUIRE(at_site == Approx(r.sites[k].served).margin(1e-6));
    }
    for (const sim::routed_requests& o : r.origins) {
        from_requests += o.requests;
        from_served += o.served;
    }
    REQUIRE(static_cast<double>(all.requests) == Approx(requests).margin(0.51));
    REQUIRE(from_requests == Approx(requests).epsilon(1e-9).margin(1e-6));
    REQUIRE(from_served == Approx(served).epsilon(1e-9).margin(1e-6));
    REQUIRE(static_cast<double>(all.finished) == Approx(served).margin(0.51));
    REQUIRE(all.requests == all.finished + all.rejected + all.unfinished);
    REQUIRE(way_s == Approx(served * r.round_trip_s).margin(1e-6));
    REQUIRE(held == all.held_gpu_time());
    // A surface without spread: the mean is what requests wait and are on the way.
    if (served > 1 && all.fluid->max_backlog == 0) REQUIRE(all.ttft_s->mean == Approx(0.1 + r.round_trip_s));
}

}  // namespace

TEST_CASE("requests follow the price from tick to tick", "[services]") {
    sim::spread_service what = two_sites(3, 4 * 3 * 3600);
    what.sites[0].price = steps({{0h, 1}, {1h, 3}, {3h, 1}});
    sim::simulation s(parts_of(what, always(2), 4));
    s.run();
    const sim::service_result& r = s.results().services.at(0);
    REQUIRE(s.results().services.size() == 1);
    CHECK(r.name == "chat");
    CHECK(r.requests == 4 * 3 * 3600);
    CHECK(r.finished == r.requests);
    CHECK(r.sites[0].finished == 2 * 3 * 3600);
    CHECK(r.sites[1].finished == 2 * 3 * 3600);
    CHECK(r.fluid->max_backlog == 0);
    const double way_s = 2 * 1.4 * hardware::great_circle_km({50, 8}, {50, 22}) / 200'000;
    CHECK(r.routing->round_trip_s == Approx(way_s / 2));
    CHECK(r.ttft_s->mean == Approx(0.1 + way_s / 2));
    CHECK(r.ttft_s->p90 == Approx(0.1 + way_s).epsilon(1e-3));
    CHECK(r.sites[1].ttft_s->p50 == Approx(0.1 + way_s).epsilon(1e-3));
    CHECK(r.sites[0].ttft_s->p99 == Approx(0.1).epsilon(1e-3));
    CHECK(r.scaling->max_serving == 4);
    CHECK(r.gpus == 4);
    check_sums(r);
}

TEST_CASE("a site that is lost hands over what waits and gets nothing until it is back", "[services]") {
    listener seen;
    sim::spread_service what = two_sites(3, 3 * 3600 * 3);
    sim::parts parts = parts_of(what, always(2), 4, {}, &seen);
    // Between two ticks; the replicas of the cheap site stand on the first nodes.
    parts.outages.push_back({start_of_time + 30min + 30s, start_of_time + 60min + 30s, {node_id{0}, node_id{1}}});
    sim::simulation s(std::move(parts));
    s.run();
    CHECK(seen.at(30, 0).flow->offered_per_s == Approx(3));
    CHECK(seen.at(30, 1).flow->offered_per_s == 0);
    // Half a minute's requests came to nobody, and wait at the other site from the tick on.
    CHECK(seen.at(32, 0).flow->offered_per_s == 0);
    CHECK(seen.at(32, 0).flow->backlog == 0);
    CHECK(seen.at(32, 1).flow->offered_per_s == Approx(3));
    CHECK(seen.at(32, 1).flow->backlog == Approx(90 - 60.0));
    CHECK(seen.at(34, 1).flow->backlog == 0);
    CHECK(seen.at(60, 0).flow->offered_per_s == 0);
    CHECK(seen.at(63, 0).flow->offered_per_s == Approx(3));
    const sim::service_result& r = s.results().services.at(0);
    CHECK(r.finished == r.requests);
    CHECK(r.scaling->failures == 2);
    CHECK(static_cast<double>(r.sites[1].finished) == Approx(30 * 60 * 3 + 90).margin(1));
    CHECK(r.ttft_s->max < 70);
    check_sums(r);
}

TEST_CASE("a better site without replicas gets some before it gets requests", "[services]") {
    listener seen;
    sim::spread_service what = two_sites(6, 6 * 3600 * 6);
    what.sites[1].price = steps({{0h, 2}, {2h, 0.5}});
    // Seats for 8, half of them taken by 1 request/s x 4 s: 6/s want 6 replicas, which can serve 12.
    const serving::autoscaler_options scaling{.policy = scaling_policy::target_utilisation,
                                              .first = 2,
                                              .min = 0,
                                              .max = 8,
                                              .interval = 1min,
                                              .down_delay = 5min,
                                              .target = 0.5,
                                              .seats = 8};
    sim::simulation s(parts_of(what, scaling, 16, 3min, &seen));
    s.run();
    CHECK(seen.at(60, 0).serving == 6);
    CHECK(seen.at(60, 1).serving == 0);
    CHECK(seen.at(60, 0).flow->offered_per_s == Approx(6));
    // The price falls at two hours; replicas are asked for by the minute after, and start for three.
    CHECK(seen.at(122, 1).cold == 6);
    CHECK(seen.at(122, 0).serving == 6);
    CHECK(seen.at(122, 0).flow->offered_per_s == Approx(6));
    CHECK(seen.at(126, 1).serving == 6);
    CHECK(seen.at(126, 1).flow->offered_per_s == Approx(6));
    CHECK(seen.at(126, 0).serving == 6);
    CHECK(seen.at(133, 0).serving == 0);
    CHECK(seen.at(133, 0).wanted == 0);
    const sim::service_result& r = s.results().services.at(0);
    CHECK(r.finished == r.requests);
    check_sums(r);
}

TEST_CASE("whatever decides on replicas follows the plan", "[services]") {
    for (const scaling_policy by : {scaling_policy::target_utilisation, scaling_policy::queue, scaling_policy::slo}) {
        INFO(static_cast<int>(by));
        listener seen;
        sim::spread_service what = two_sites(6, 6 * 3600 * 4);
        what.sites[1].price = steps({{0h, 2}, {1h, 0.5}});
        const serving::autoscaler_options scaling{.policy = by,
                                                  .first = 4,
                                                  .min = 0,
                                                  .max = 8,
                                                  .interval = 1min,
                                                  .down_delay = 5min,
                                                  .target = 0.9,
                                                  .seats = 8};
        sim::simulation s(parts_of(what, scaling, 16, 2min, &seen));
        s.run();
        CHECK(seen.at(59, 0).flow->offered_per_s >= 0.85 * 6);
        CHECK(seen.at(61, 1).flow->offered_per_s <= 0.15 * 6);
        CHECK(seen.at(150, 1).flow->offered_per_s >= 0.85 * 6);
        check_sums(s.results().services.at(0));
    }
}

TEST_CASE("what does not fit at a site that is full is planned for others", "[services]") {
    listener seen;
    // The cheap site may have 8, and the fleet has nodes for 4 of all.
    const serving::autoscaler_options scaling{.policy = scaling_policy::target_utilisation,
                                              .first = 2,
                                              .min = 2,
                                              .max = 8,
                                              .interval = 1min,
                                              .target = 0.5,
                                              .seats = 8};
    sim::simulation s(parts_of(two_sites(7, 7 * 3600), scaling, 5, {}, &seen));
    s.run();
    // Two for each at first; the fifth goes to whoever asks first; no demand is planned where none can come.
    CHECK(seen.at(30, 0).serving == 3);
    CHECK(seen.at(30, 1).serving == 2);
    CHECK(seen.at(30, 0).flow->offered_per_s == Approx(0.9 * 6));
    CHECK(seen.at(30, 1).flow->offered_per_s == Approx(7 - 0.9 * 6));
    check_sums(s.results().services.at(0));
}

TEST_CASE("sites balance whatever comes and wherever a run is cut", "[services]") {
    const std::size_t cases = test::random_cases(40);
    for (std::size_t n = 0; n != cases; ++n) {
        random_stream random(31, purpose::test, n);
        sim::spread_service what{.name = "chat"};
        what.router = {.by = static_cast<site_preference>(random.below(5)), .max_load = 0.3 + 0.7 * random.uniform01()};
        if (random.below(2) == 0) what.router.max_round_trip_s = 0.2 * random.uniform01();
        const auto place = [&] {
            return hardware::position{180 * random.uniform01() - 90, 360 * random.uniform01() - 180};
        };
        std::vector<double> hours(168);
        for (double& h : hours) h = random.uniform01();
        std::uint64_t requests = 0;
        for (std::uint64_t o = 1 + random.below(4); o > 0; --o) {
            const std::uint64_t some = random.below(40'000);
            requests += some;
            what.origins.push_back({.name = std::string{"o"} + std::to_string(o),
                                    .where = place(),
                                    .offered = {0.5 + 4 * random.uniform01(), some, hours, 0ns}});
        }
        const std::uint64_t num_sites = 1 + random.below(4);
        for (std::uint16_t k = 0; k != num_sites; ++k) {
            what.sites.push_back({.name = std::string{"s"} + std::to_string(k),
                                  .number = k,
                                  .where = place(),
                                  .mean_usd_per_j = random.uniform01(),
                                  .mean_kg_per_j = random.uniform01()});
            if (random.below(2) == 0) what.sites.back().price = steps({{0h, 0.3}, {90min, 0.7}, {5h, 0.1}});
        }
        const auto most = static_cast<std::uint32_t>(1 + random.below(6));
        const serving::autoscaler_options scaling{.policy = static_cast<scaling_policy>(random.below(4)),
                                                  .first = 1,
                                                  .min = static_cast<std::uint32_t>(random.below(2)),
                                                  .max = most,
                                                  .interval = 7min,
                                                  .up_delay = random.below(2) * 10min,
                                                  .down_delay = random.below(2) * 20min,
                                                  .target = 0.5,
                                                  .seats = 8};
        const auto nodes = static_cast<std::uint32_t>(1 + random.below(2 * most));
        const duration cold = random.below(2) * 4min, until = 6h + random.below(3) * 1h;
        std::vector<sim::outage> outages;
        for (std::uint64_t k = random.below(3); k > 0; --k) {
            const instant begin = start_of_time + random.below(200) * 1min + 17s;
            outages.push_back({begin, begin + (1 + random.below(100)) * 1min, {node_id{0}}});
            if (nodes > 1) outages.back().nodes.push_back(node_id{1});
        }
        const auto made = [&] {
            sim::parts parts = parts_of(what, scaling, nodes, cold);
            parts.outages = outages;
            parts.until = until;
            return parts;
        };
        sim::simulation whole(made());
        whole.run();
        const sim::service_result& r = whole.results().services.at(0);
        check_sums(r);
        double offered = 0;
        for (sim::request_origin& o : what.origins) {
            fluid::offered_rate rate = o.offered;
            offered += rate.through(start_of_time + until);
        }
        CHECK(static_cast<double>(r.requests) == Approx(offered).margin(0.51));
        sim::simulation cut(made());
        for (instant t = start_of_time; cut.run_until(t) == sim::status::paused; t += 13min) {
        }
        const sim::service_result& again = cut.results().services.at(0);
        CHECK(again.finished == r.finished);
        CHECK(again.routing->round_trip_s == r.routing->round_trip_s);
        CHECK(again.held_gpu_time() == r.held_gpu_time());
        if (r.ttft_s) CHECK(again.ttft_s->mean == r.ttft_s->mean);
    }
}

TEST_CASE("jobs of replicas name their site", "[services]") {
    struct asked final : sim::observer {
        std::vector<std::int64_t> names;
        void on_start(const sim::job_start& e) override { names.push_back(e.name); }
    } seen;
    sim::simulation s(parts_of(two_sites(1, 600), always(2), 4, {}, &seen));
    s.run();
    // The second replica of site b is number 1 x 2 + 1.
    CHECK(seen.names == std::vector<std::int64_t>{0, 2, 1, 3});
}

TEST_CASE("a router sees what slowed replicas can serve", "[services]") {
    // 4 requests/s; the cheap site has two replicas of 2/s, with room for 90 % of what they serve.
    const sim::spread_service what = two_sites(4, 4 * 3600);
    const auto split_at = [&](double pace) {
        sim::demand_router router(std::make_shared<const sim::spread_service>(what));
        const auto surface = plain_surface();
        fluid::fluid_service a(surface, {}, router.ways_to(0)), b(surface, {}, router.ways_to(1));
        const std::vector<sim::demand_router::site_state> sites{
            {.flow = &a, .serving = 2, .up = 2, .most = 4, .pace = pace},
            {.flow = &b, .serving = 10, .up = 10, .most = 10}};
        router.route(start_of_time, start_of_time + 60s, sites);
        a.advance(start_of_time + 60s, 2, pace);
        b.advance(start_of_time + 60s, 10);
        CHECK(a.last().offered + b.last().offered == Approx(240));
        CHECK(a.backlog() == 0);
        return std::pair{a.last().offered, router.lacks_per_s(0)};
    };
    const double room = what.router.max_load;
    for (const double pace : {1.0, 0.8, 0.4, 0.1}) {
        const auto [gets, lacks] = split_at(pace);
        CHECK(gets == Approx(room * 240 * pace));
        // With four it could serve twice that, but no more than comes.
        CHECK(lacks == Approx(std::min(4.0, room * 8 * pace) - room * 4 * pace));
    }
}

TEST_CASE("what waits goes to others by what slowed replicas can serve", "[services]") {
    sim::spread_service what = two_sites(4, 4 * 3600);
    what.sites.push_back({.name = "c", .number = 2, .where = {50, 30}, .mean_usd_per_j = 3});
    sim::demand_router router(std::make_shared<const sim::spread_service>(what));
    std::vector<fluid::fluid_service> flows;
    for (std::size_t k = 0; k != 3; ++k)
        flows.emplace_back(plain_surface(), serving::latency_targets{}, router.ways_to(k));
    for (std::size_t k = 0; k != 3; ++k) {
        flows[k].expect(start_of_time + 60s, std::vector{k == 0 ? 100.0 : 0.0}, false);
        flows[k].advance(start_of_time + 60s, 0);
    }
    const std::vector<sim::demand_router::site_state> sites{
        {.flow = &flows[0]},
        {.flow = &flows[1], .serving = 4, .up = 4, .most = 4, .pace = 0.25},
        {.flow = &flows[2], .serving = 3, .up = 3, .most = 3}};
    router.route(start_of_time + 60s, start_of_time + 120s, sites);
    CHECK(flows[0].backlog() == 0);
    CHECK(flows[1].backlog() == Approx(25));
    CHECK(flows[2].backlog() == Approx(75));
}
