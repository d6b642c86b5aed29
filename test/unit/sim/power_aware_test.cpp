// Jobs that wait for power: what policies see of feeds, and what power-aware makes of it, against hand arithmetic.
#include "support/cap_recorder.hpp"
#include "support/catch.hpp"
#include "support/powered_run.hpp"

#include <ampacity/policy/power_budget.hpp>
#include <ampacity/power/node_power.hpp>
#include <ampacity/sim/wait_recorder.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using std::chrono::hours;

namespace {

using test::gpu_job;
using test::limit_of;
using test::plant_of;

/// At the input of a rack all of whose GPUs multiply [W]; and of one with nothing to do.
double full_w() {
    const hardware::rack& r = test::gb300();
    const double gpu_w = power::gpu_power_w(r.node.gpu.power, power::phase::gemm_bf16);
    const double node_w = power::node_power_w(r.node, {.count = 4, .power_w = 4 * gpu_w});
    return power::rack_power_w(r, r.nodes * node_w, 1);
}
double idle_w() { return test::gb300().idle_power_w(); }
/// So many racks of a feed's `all` run at full power, and a share of one more.
double watts(int all, double running) { return all * idle_w() + running * (full_w() - idle_w()); }

std::unique_ptr<policy::policy> power_aware(bool skip = false, double reserve = 0) {
    policy::policy_options o;
    o.power_aware = {.skip = skip, .reserve = static_cast<std::uint32_t>(reserve * 1e6)};
    return policy::make_policy("power-aware", o);
}

/// When each job of the first entry starts last [h]; -1: never.
std::vector<double> starts(sim::parts p) {
    sim::simulation s{std::move(p)};
    s.run();
    s.results();
    std::vector<double> out;
    for (const sim::job_record& r : s.records(0))
        out.push_back(r.first_start == sim::unset ? -1 : to_seconds(r.first_start - start_of_time) / 3600);
    return out;
}
std::vector<double> starts(power::plant_plan plan, std::vector<workload::job_request> jobs, bool skip = false,
                           double reserve = 0) {
    return starts(
        test::powered_parts(std::move(plan), {std::move(jobs)}, {power::phase::gemm_bf16}, power_aware(skip, reserve)));
}

/// A rack whose GPUs multiply under a limit of so many thousandths [W]; how fast they do.
double capped_w(int permille) {
    const hardware::rack& r = test::gb300();
    const hardware::gpu_power& g = r.node.gpu.power;
    const double gpu_w =
        std::min(power::gpu_power_w(g, power::phase::gemm_bf16), std::floor(g.limit_w * permille / 1000));
    return power::rack_power_w(r, r.nodes * power::node_power_w(r.node, {.count = 4, .power_w = 4 * gpu_w}), 1);
}
double pace_at(int permille) {
    const hardware::node& n = test::gb300().node;
    const hardware::gpu_power& g = n.gpu.power;
    double bound_w = power::gpu_power_w(g, power::phase::gemm_bf16);
    if (n.modules) bound_w = std::min(bound_w, (n.modules->count * n.modules->limit_w - n.power.cpus_w) / n.gpus);
    const double p = std::floor(g.limit_w * permille / 1000) / bound_w;
    return p >= 1 ? 1 : 1 - g.compute_bound.loss * std::pow(1 - p, g.compute_bound.exponent);
}

struct capped_run {
    std::vector<double> starts_h, ends_h;
    std::vector<std::string> caps;  ///< hour, feed, limit
    sim::summary all;
};
capped_run run_capped(power::plant_plan plan, std::vector<workload::job_request> jobs, double cap, bool skip = false) {
    capped_run out;
    policy::policy_options o;
    o.power_aware = {.skip = skip, .cap = static_cast<std::uint32_t>(std::lround(cap * 1e6))};
    plan.caps_by_scheduler = true;
    sim::simulation s{test::powered_parts(
        std::move(plan), {std::move(jobs)}, {power::phase::gemm_bf16},
        std::make_unique<test::cap_recorder>(
            policy::make_policy("power-aware", o),
            [&out](const policy::view& v, const policy::plan&, const std::vector<test::planned_cap>& caps) {
                for (const test::planned_cap& c : caps) {
                    CHECK(c.to.low == c.to.high);
                    out.caps.push_back(std::to_string((v.now - start_of_time) / hours{1}) + " " + c.feed + " " +
                                       std::to_string(c.to.low));
                }
            }))};
    s.run();
    out.all = s.results();
    for (const sim::job_record& r : s.records(0)) {
        out.starts_h.push_back(r.first_start == sim::unset ? -1 : to_seconds(r.first_start - start_of_time) / 3600);
        out.ends_h.push_back(r.finish == sim::unset ? -1 : to_seconds(r.finish - start_of_time) / 3600);
    }
    return out;
}

/// fifo, which keeps what it saw.
class watching final : public policy::policy {
public:
    struct seen {
        std::vector<double> changes;  ///< instants of on_headroom_changed [h]
        bool any = false;
        double least_room_w = 0, limit_w = 0;  ///< of row 0, in the last pass
    };
    explicit watching(seen& to) : to_(to) {}
    void on_submit(const view&, job_id job) override { queue_.push_back(job); }
    void on_headroom_changed(const view& v) override {
        to_.changes.push_back(to_seconds(v.now - start_of_time) / 3600);
    }
    void decide(const view& v, plan& p) override {
        to_.any = v.headroom.any();
        for (std::uint32_t f = 0; to_.any && f != v.headroom.room_uw.size(); ++f) {
            if (v.headroom.facts->name(f) != "iad/hall-0/row-0") continue;
            to_.least_room_w = static_cast<double>(v.headroom.room_uw[f]) * 1e-6;
            to_.limit_w = static_cast<double>(v.headroom.limit_uw[f]) * 1e-6;
        }
        while (!queue_.empty() && p.start(queue_.front())) queue_.erase(queue_.begin());
    }

private:
    seen& to_;
    std::vector<job_id> queue_;
};

}  // namespace

TEST_CASE("as many jobs run as their row can carry, and more when its limit is over", "[power][sim]") {
    power::plant_plan p = plant_of(4, "single", 4);
    p.events.push_back(limit_of("iad/hall-0/row-0", watts(4, 2.5), {}, hours{5}));
    std::vector<workload::job_request> jobs(4, gpu_job(72, hours{1}));
    for (int i = 0; i != 4; ++i) jobs.push_back(gpu_job(72, hours{10}, hours{3}));
    CHECK(starts(std::move(p), jobs) == std::vector<double>{0, 0, 1, 1, 3, 3, 5, 5});
    // With a quarter of it kept free one job less has power.
    power::plant_plan q = plant_of(4, "single", 4);
    q.events.push_back(limit_of("iad/hall-0/row-0", watts(4, 1.5) / 0.75));
    CHECK(starts(std::move(q), {jobs.begin(), jobs.begin() + 3}, false, 0.25) == std::vector<double>{0, 1, 2});
}

TEST_CASE("a hall that is built for its nameplate carries all that fits") {
    for (const std::string topology : {"single", "2n"}) {
        CAPTURE(topology);
        CHECK(starts(plant_of(4, topology, 2), std::vector(5, gpu_job(72, hours{1}))) ==
              std::vector<double>{0, 0, 0, 0, 1});
    }
    CHECK(starts(plant_of(12, "4n3", 1), std::vector(12, gpu_job(72, hours{1}))) == std::vector<double>(12, 0));
}

TEST_CASE("whole nodes of a limited row are carried to the last one", "[power][sim]") {
    // Half a rack is less than half of what a rack adds: shelves are better at higher loads.
    power::plant_plan p = plant_of(1, "single", 1);
    p.events.push_back(limit_of("iad/hall-0/row-0", watts(1, 0.6)));
    CHECK(starts(std::move(p), {gpu_job(36, hours{1}), gpu_job(36, hours{1})}) == std::vector<double>{0, 1});
}

TEST_CASE("a job goes round a row that is short of power, or takes what it can carry", "[power][sim]") {
    const auto plan = [](double running) {
        power::plant_plan p = plant_of(2, "single", 1);
        p.events.push_back(limit_of("iad/hall-0/row-0", watts(1, running)));
        return p;
    };
    // Row 0 carries nothing: the second rack is the only one.
    CHECK(starts(plan(0.001), {gpu_job(72, hours{1}), gpu_job(4, hours{1})}) == std::vector<double>{0, 1});
    // It carries one node of the 18.
    CHECK(starts(plan(0.08), {gpu_job(72, hours{1}), gpu_job(4, hours{1}), gpu_job(4, hours{1})}) ==
          std::vector<double>{0, 0, 1});
    // A job of both racks does not fit; one of nearly so many takes part of row 0.
    CHECK(starts(plan(0.6), {gpu_job(108, hours{1}), gpu_job(144, hours{1})}) == std::vector<double>{0, -1});
}

TEST_CASE("jobs behind one that lacks power start if they may be skipped to", "[power][sim]") {
    const auto plan = [] {
        power::plant_plan p = plant_of(2, "single", 2);
        p.events.push_back(limit_of("iad/hall-0/row-0", watts(2, 1.5)));
        return p;
    };
    const std::vector<workload::job_request> jobs{gpu_job(72, hours{2}), gpu_job(72, hours{1}), gpu_job(4, hours{1}),
                                                  gpu_job(72, hours{1})};
    CHECK(starts(plan(), jobs, false) == std::vector<double>{0, 2, 2, 3});
    CHECK(starts(plan(), jobs, true) == std::vector<double>{0, 2, 0, 3});
}

TEST_CASE("an entry that draws less has power where another has none", "[power][sim]") {
    power::plant_plan p = plant_of(1, "single", 1);
    p.events.push_back(limit_of("iad/hall-0/row-0", watts(1, 0.7)));
    // Both entries ask at once, the one that multiplies first.
    sim::parts parts = test::powered_parts(std::move(p), {{gpu_job(72, hours{1})}, {gpu_job(72, hours{1})}},
                                           {power::phase::gemm_bf16, power::phase::communication}, power_aware(true));
    sim::simulation s{std::move(parts)};
    s.run();
    CHECK(s.results().simulated == hours{1});
    CHECK(s.records(0)[0].first_start == sim::unset);
    CHECK(s.records(1)[0].first_start == start_of_time);
}

TEST_CASE("after a loss the sources that are left decide", "[power][sim]") {
    // Two sources carry half of a row each; one alone is limited to a rack and a half.
    power::plant_plan p = plant_of(2, "2n", 2);
    p.events.push_back(limit_of("iad/hall-0/source-0", watts(2, 1.5)));
    p.events.push_back(
        {.start = start_of_time + hours{1}, .end = start_of_time + hours{4}, .device = "iad/hall-0/source-1"});
    // At 0 both run, at 2 only one can, at 4 the second source is back.
    CHECK(starts(std::move(p), {gpu_job(72, hours{1}), gpu_job(72, hours{1}), gpu_job(72, hours{3}, hours{2}),
                                gpu_job(72, hours{3}, hours{2})}) == std::vector<double>{0, 0, 2, 4});
}

TEST_CASE("policies see head-room, and hear of it when feeds change", "[power][sim]") {
    const auto run = [](bool shown) {
        power::plant_plan p = plant_of(4, "single", 4);
        p.events.push_back(limit_of("iad/hall-0/row-0", watts(4, 2.5), hours{1}, hours{3}));
        watching::seen seen;
        sim::parts parts = test::powered_parts(std::move(p), {{gpu_job(72, hours{5})}}, {power::phase::gemm_bf16},
                                               std::make_unique<watching>(seen));
        parts.energy->shows_headroom = shown;
        sim::simulation s{std::move(parts)};
        s.run_until(start_of_time + hours{2});
        const double room_w = seen.least_room_w, limit_w = seen.limit_w;
        s.run();
        seen.least_room_w = room_w;
        seen.limit_w = limit_w;
        return seen;
    };
    const watching::seen seen = run(true);
    CHECK(seen.any);
    CHECK(seen.changes == std::vector<double>{1, 3});
    CHECK(std::abs(seen.limit_w - watts(4, 2.5)) < 1e-3);
    CHECK(std::abs(seen.least_room_w - watts(0, 1.5)) < 1e-3);
    const watching::seen blind = run(false);
    CHECK_FALSE(blind.any);
    CHECK(blind.changes.empty());
}

TEST_CASE("what a job adds is bounded by what its rack then draws, closely", "[power][sim]") {
    // Of a plant that is asked directly: a view of it in the first pass.
    class probing final : public policy::policy {
    public:
        explicit probing(std::vector<double>& to) : to_(to) {}
        void on_submit(const view& v, job_id job) override {
            const auto& h = v.headroom;
            to_.push_back(static_cast<double>(h.added(h.facts->kind(job), h.group[0], 4)) * 1e-6);
        }
        void decide(const view&, plan&) override {}

    private:
        std::vector<double>& to_;
    };
    std::vector<double> added;
    sim::parts parts = test::powered_parts(plant_of(1, "single", 1), {{gpu_job(4, hours{1})}},
                                           {power::phase::gemm_bf16}, std::make_unique<probing>(added));
    sim::simulation s{std::move(parts)};
    s.run();
    REQUIRE(added.size() == 1);
    CHECK(18 * added[0] >= full_w() - idle_w());
    CHECK(18 * added[0] <= 1.01 * (full_w() - idle_w()));
}

TEST_CASE("why says which feed is short, and until when", "[power][sim]") {
    std::vector<sim::wait_stretch> stretches;
    sim::wait_recorder recorder([](const sim::job_event&) { return true; },
                                [&](const sim::wait_stretch& w) { stretches.push_back(w); });
    power::plant_plan p = plant_of(2, "single", 2);
    p.events.push_back(limit_of("iad/hall-0/row-0", watts(2, 1.5), {}, hours{5}));
    p.events.push_back(limit_of("iad", 2 * watts(2, 2), {}, hours{7}));
    const bool skip = GENERATE(false, true);
    CAPTURE(skip);
    sim::parts parts =
        test::powered_parts(std::move(p), {{gpu_job(72, hours{8}), gpu_job(72, hours{1}), gpu_job(72, hours{1})}},
                            {power::phase::gemm_bf16}, power_aware(skip));
    parts.observers = {&recorder};
    sim::explain_to(parts, recorder);
    sim::simulation s{std::move(parts)};
    s.run();
    s.results();
    recorder.finish(start_of_time + hours{9});
    REQUIRE(stretches.size() == 3);
    const sim::wait_stretch* const second = stretches[0].job.name == 1 ? &stretches[0] : &stretches[1];
    const sim::wait_stretch* const third = stretches[0].job.name == 1 ? &stretches[1] : &stretches[0];
    CHECK(second->why.what == policy::obstacle::power);
    CHECK(second->feed == "iad/hall-0/row-0");
    CHECK(second->why.until == start_of_time + hours{5});
    CHECK(second->from == start_of_time);
    CHECK(second->to == start_of_time + hours{5});
    CHECK(third->why.what == (skip ? policy::obstacle::power : policy::obstacle::order));
    // Then the second job has the other rack.
    CHECK(stretches[2].job.name == 2);
    CHECK(stretches[2].why.what == policy::obstacle::gpus);
}

TEST_CASE("a job that no feed could ever carry waits until the end", "[power][sim]") {
    std::vector<sim::wait_stretch> stretches;
    sim::wait_recorder recorder([](const sim::job_event&) { return true; },
                                [&](const sim::wait_stretch& w) { stretches.push_back(w); });
    power::plant_plan p = plant_of(1, "single", 1);
    p.sites[0].halls.oversubscription = 1.6;
    sim::parts parts = test::powered_parts(std::move(p), {{gpu_job(72, hours{1}), gpu_job(4, hours{2}, hours{1})}},
                                           {power::phase::gemm_bf16}, power_aware(true));
    parts.observers = {&recorder};
    sim::explain_to(parts, recorder);
    sim::simulation s{std::move(parts)};
    s.run();
    const sim::summary all = s.results();
    recorder.finish(start_of_time + hours{3});
    CHECK(all.simulated == hours{3});
    CHECK(s.records(0)[0].state == sim::outcome::unfinished);
    CHECK(s.records(0)[1].finish == start_of_time + hours{3});
    REQUIRE(stretches.size() == 1);
    CHECK(stretches[0].why.what == policy::obstacle::power);
    CHECK(stretches[0].why.until == never);
}

TEST_CASE("GPUs are capped so that one job more has power, and no longer than that", "[power][sim]") {
    // Three racks at 80 % of their GPUs' limit, or two at full power.
    const double limit_w = 3 * capped_w(810) - 1;
    REQUIRE(limit_w > watts(3, 2));
    REQUIRE(limit_w < watts(3, 2.9));
    const auto plan = [limit_w](duration until = duration::max()) {
        power::plant_plan p = plant_of(3, "single", 3);
        p.events.push_back(limit_of("iad/hall-0/row-0", limit_w, {}, until));
        return p;
    };
    const std::vector<workload::job_request> jobs{gpu_job(72, hours{4}), gpu_job(72, hours{10}),
                                                  gpu_job(72, hours{10})};
    const double p = pace_at(800);
    REQUIRE(p < 0.97);
    for (const double cap : {0.8, 0.3}) {
        CAPTURE(cap);
        const capped_run r = run_capped(plan(), jobs, cap);
        CHECK(r.starts_h == std::vector<double>{0, 0, 0});
        CHECK(r.ends_h[0] == Approx(4 / p).epsilon(1e-9));
        CHECK(r.ends_h[1] == Approx(4 / p + 6).epsilon(1e-9));
        CHECK(r.ends_h[2] == r.ends_h[1]);
        CHECK(r.caps == std::vector<std::string>{"0 iad/hall-0/row-0 800", "4 iad/hall-0/row-0 1000"});
    }
    // Over with the event.
    const capped_run event = run_capped(plan(hours{2}), jobs, 0.8);
    CHECK(event.ends_h[0] == Approx(2 + 4 - 2 * p).epsilon(1e-9));
    CHECK(event.caps == std::vector<std::string>{"0 iad/hall-0/row-0 800", "2 iad/hall-0/row-0 1000"});
    // The lowest limit that may be set is not enough, or there is none.
    for (const double cap : {0.801, 0.9, 1.0}) {
        CAPTURE(cap);
        const capped_run r = run_capped(plan(), jobs, cap);
        CHECK(r.starts_h == std::vector<double>{0, 0, 4});
        CHECK(r.ends_h == std::vector<double>{4, 10, 14});
        CHECK(r.caps.empty());
        CHECK(*r.all.energy->limits == 0);
    }
}

TEST_CASE("a cap falls with each job that needs it, and is raised in part", "[power][sim]") {
    // Four racks at 65 %.
    power::plant_plan p = plant_of(4, "single", 4);
    p.events.push_back(limit_of("iad/hall-0/row-0", 4 * capped_w(660) - 1));
    REQUIRE(4 * capped_w(660) < watts(4, 3));
    std::vector<workload::job_request> jobs(3, gpu_job(72, hours{10}));
    jobs.push_back(gpu_job(72, hours{2}, hours{1}));
    const capped_run r = run_capped(std::move(p), jobs, 0.5);
    CHECK(r.starts_h == std::vector<double>{0, 0, 0, 1});
    // The highest that three racks can have.
    int third = 1000;
    while (3 * capped_w(third) + idle_w() > 4 * capped_w(660) - 1) third -= 10;
    REQUIRE(r.caps.size() == 4);
    const int at_first = std::stoi(r.caps[0].substr(r.caps[0].rfind(' ')));
    // A step of what bounds are worth may be left.
    CHECK(at_first <= third);
    CHECK(at_first >= third - 10);
    CHECK(r.caps[1] == "1 iad/hall-0/row-0 650");
    const int raised = std::stoi(r.caps[2].substr(r.caps[2].rfind(' ')));
    CHECK(r.caps[2].starts_with("3 "));
    CHECK(raised <= third);
    CHECK(raised >= third - 10);
    CHECK(r.ends_h[3] == Approx(1 + 2 / pace_at(650)).epsilon(1e-9));
    const double before = pace_at(at_first) + (r.ends_h[3] - 1) * pace_at(650);
    CHECK(r.ends_h[0] == Approx(r.ends_h[3] + (10 - before) / pace_at(raised)).epsilon(1e-9));
    // Two end at once before the third: all have.
    CHECK(r.caps[3].ends_with(" 1000"));
}

TEST_CASE("each feed that is short gets the limit that it needs", "[power][sim]") {
    // Two rows of two racks: row 1 at 80 %, then all at 70 %.
    power::plant_plan p = plant_of(4, "single", 2);
    p.events.push_back(limit_of("iad/hall-0/row-1", 2 * capped_w(810) - 1));
    p.events.push_back(limit_of("iad/hall-0/source-0", 1.02 * (2 * full_w() + 2 * capped_w(810)), hours{2}, hours{3}));
    std::vector<workload::job_request> jobs(4, gpu_job(72, hours{4}));
    const capped_run r = run_capped(std::move(p), jobs, 0.5);
    CHECK(r.starts_h == std::vector<double>{0, 0, 0, 0});
    CHECK(r.ends_h[0] == 4);
    CHECK(r.ends_h[3] == Approx(4 / pace_at(800)).epsilon(1e-9));
    CHECK(r.caps.front() == "0 iad/hall-0/row-1 800");
    CHECK(r.caps.back() == "4 iad/hall-0/row-1 1000");
    power::plant_plan q = plant_of(4, "single", 2);
    q.events.push_back(limit_of("iad/hall-0/row-1", 2 * capped_w(810) - 1));
    q.events.push_back(limit_of("iad/hall-0/source-0", 4 * capped_w(700)));
    const capped_run both = run_capped(std::move(q), jobs, 0.5);
    CHECK(both.starts_h == std::vector<double>{0, 0, 0, 0});
    // The source needs the lower limit; then that of its row is none any more.
    REQUIRE(both.caps.size() == 2);
    CHECK(both.caps[0].starts_with("0 iad/hall-0/source-0 6"));
    CHECK(both.caps[1].ends_with("iad/hall-0/source-0 1000"));
}

TEST_CASE("of the limits of power-aware and of controllers the lowest holds", "[power][sim]") {
    class constant final : public power::cap_policy {
    public:
        explicit constant(power::permille to) : to_(to) {}
        power::class_limits decide(const power::capped_feed&) override { return {to_, to_}; }

    private:
        power::permille to_;
    };
    for (const int permille : {900, 750}) {
        CAPTURE(permille);
        power::plant_plan p = plant_of(3, "single", 3);
        p.events.push_back(limit_of("iad/hall-0/row-0", 3 * capped_w(810) - 1));
        p.controls.push_back({.at = power::power_tree::level::row,
                              .policy = std::make_unique<constant>(static_cast<power::permille>(permille)),
                              .period = std::chrono::seconds{1},
                              .latency = duration::zero()});
        const capped_run r = run_capped(std::move(p), std::vector(3, gpu_job(72, hours{10})), 0.5);
        CHECK(r.starts_h == std::vector<double>{0, 0, 0});
        CHECK(r.ends_h[2] == Approx(10 / pace_at(std::min(permille, 800))).epsilon(1e-4));
    }
}

TEST_CASE("events of coolant are no events of feeds", "[power][sim]") {
    power::plant_plan p = plant_of(4, "single", 4);
    p.coolant = {power::coolant_plan{.supply_c = 30, .rack_loop_j_per_k = 2e5}};
    p.events.push_back(limit_of("iad/hall-0/row-0", watts(4, 2.5)));
    p.events.push_back({.start = start_of_time + hours{5},
                        .end = start_of_time + hours{6},
                        .what = power::feed_event::kind::cooling_loss,
                        .device = "iad/hall-0"});
    CHECK(starts(std::move(p), std::vector(4, gpu_job(72, hours{1}))) == std::vector<double>{0, 0, 1, 1});
}

TEST_CASE("jobs of a reservation and of the fleet wait for each other's power", "[power][sim]") {
    power::plant_plan p = plant_of(2, "single", 2);
    p.events.push_back(limit_of("iad/hall-0/row-0", watts(2, 1.5)));
    sim::parts parts = test::powered_parts(std::move(p), {{gpu_job(72, hours{1})}, {gpu_job(72, hours{1})}},
                                           {power::phase::gemm_bf16, power::phase::gemm_bf16}, power_aware());
    std::vector<node_id> second;
    for (std::uint32_t n = 18; n != 36; ++n) second.push_back(node_id{n});
    parts.reservations.push_back({.name = "block",
                                  .what = {.start = start_of_time, .end = start_of_time + hours{9}, .nodes = second},
                                  .kind = sim::reservation_kind::advance,
                                  .policy = power_aware(),
                                  .placer = policy::make_placer("first-fit")});
    parts.reserved_for = {"", "block"};
    sim::simulation s{std::move(parts)};
    s.run();
    s.results();
    CHECK(s.records(0)[0].first_start == start_of_time);
    CHECK(s.records(1)[0].first_start == start_of_time + hours{1});
}

TEST_CASE("a budget is what the view says, less what starts have been promised", "[policy]") {
    using policy::headroom_view;
    class facts final : public policy::feed_facts {
    public:
        [[nodiscard]] std::uint32_t kind(job_id) const override { return 0; }
        [[nodiscard]] std::string name(std::uint32_t) const override { return "f"; }
        [[nodiscard]] instant limited_until(std::uint32_t) const override { return never; }
    } about;
    // Two nodes of two GPUs behind feeds of their own, and a third feed that carries half of both.
    const std::vector<std::int64_t> limit{1'000'000, 1'000'000, headroom_view::no_limit},
        room{100'000, 50'000, headroom_view::no_limit}, added{0, 40'000, 60'000};
    const std::vector<std::uint32_t> group{0, 1}, model{0, 0}, first{0, 2, 4};
    const std::vector<headroom_view::feed_share> shares{
        {0, 1'000'000'000}, {2, 500'000'000}, {1, 1'000'000'000}, {2, 500'000'000}};
    const headroom_view h{.limit_uw = limit,
                          .room_uw = room,
                          .group = group,
                          .model = model,
                          .first = first,
                          .shares = shares,
                          .added_uw = added,
                          .models = 1,
                          .gpus = 2,
                          .facts = &about};
    policy::power_budget b;
    b.begin(h);
    const std::vector<fleet::gpu_share> both{{node_id{0}, 3}, {node_id{1}, 3}}, one{{node_id{0}, 3}};
    const auto shortage = b.short_of(0, both);
    REQUIRE(shortage);
    CHECK(shortage->feed == 1);
    CHECK(shortage->share == 1);
    CHECK_FALSE(b.short_of(0, one));
    b.charge(0, one);
    CHECK(b.left(0) == 40'000 - 100);
    CHECK(b.left(1) == 50'000);
    CHECK(b.short_of(0, one)->feed == 0);
    CHECK(b.exhausted(0, 0) == 0U);
    CHECK_FALSE(b.exhausted(0, 1));
    b.begin(h, 50'000);
    CHECK(b.left(0) == 50'000);
    CHECK(b.left(1) == 0);
    CHECK(b.left(2) == headroom_view::no_limit);
}
