// Limits of power that a scheduling policy sets: what they do to jobs and loads by hand, and what is refused.
#include "support/catch.hpp"
#include "support/powered_run.hpp"

#include <ampacity/policy/policy.hpp>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace ampacity::test;
using policy::gpu_limits;
using power::class_limits;
using std::chrono::hours;

namespace {

using action = std::function<void(const policy::view&, policy::plan&)>;

/// In order of submit; at some instants it does something before that.
class scripted final : public policy::policy {
public:
    explicit scripted(std::vector<std::pair<instant, action>> steps) : steps_(std::move(steps)) {}

    void on_submit(const policy::view&, job_id job) override { queue_.push_back(job); }
    void on_finish(const policy::view& v, job_id) override { ends_.push_back(v.now); }
    void decide(const policy::view& v, policy::plan& p) override {
        for (; next_ != steps_.size() && steps_[next_].first <= v.now; ++next_) steps_[next_].second(v, p);
        while (!queue_.empty() && p.start(queue_.front())) queue_.erase(queue_.begin());
        if (next_ != steps_.size()) p.wake_at(steps_[next_].first);
    }

private:
    std::vector<std::pair<instant, action>> steps_;
    std::size_t next_ = 0;
    std::vector<job_id> queue_;
    std::vector<instant> ends_;
};

std::uint32_t feed_called(const policy::view& v, const std::string& name) {
    for (std::uint32_t f = 0; f != v.headroom.room_uw.size(); ++f) {
        if (v.headroom.facts->name(f) == name) return f;
    }
    FAIL("no feed " << name);
    return 0;
}

action cap_feed(const std::string& name, gpu_limits to) {
    return [name, to](const policy::view& v, policy::plan& p) { p.set_cap(feed_called(v, name), to); };
}
action cap_nodes(std::uint32_t first, std::uint32_t last, gpu_limits to) {
    return [first, last, to](const policy::view&, policy::plan& p) { p.set_cap(node_id{first}, node_id{last}, to); };
}

power::plant_plan tripping(std::uint32_t racks) {
    power::plant_plan p = plant_of(racks, "single", 1);
    p.sites.front().halls.trips = true;
    return p;
}

struct finished {
    std::vector<double> ends_h;
    sim::summary all;
};

finished run(power::plant_plan plan, std::vector<workload::job_request> jobs,
             std::vector<std::pair<instant, action>> steps) {
    sim::simulation s{powered_parts(std::move(plan), {std::move(jobs)}, {power::phase::gemm_bf16},
                                    std::make_unique<scripted>(std::move(steps)))};
    s.run();
    finished out{.ends_h = {}, .all = s.results()};
    for (const sim::job_record& r : s.records(0)) out.ends_h.push_back(to_seconds(r.finish - start_of_time) / 3600);
    return out;
}

/// By the fit of the catalogue.
double pace_at(int permille) {
    const hardware::node& n = gb300().node;
    const hardware::gpu_power& g = n.gpu.power;
    double bound_w = power::gpu_power_w(g, power::phase::gemm_bf16);
    if (n.modules) bound_w = std::min(bound_w, (n.modules->count * n.modules->limit_w - n.power.cpus_w) / n.gpus);
    const double p = std::floor(g.limit_w * permille / 1000) / bound_w;
    REQUIRE(p > g.compute_bound.valid_from);
    return p >= 1 ? 1 : 1 - g.compute_bound.loss * std::pow(1 - p, g.compute_bound.exponent);
}

const instant one = start_of_time + hours{1}, three = start_of_time + hours{3};

}  // namespace

TEST_CASE("a cap slows the jobs behind its feed by the fit, from its plan on until it is lifted", "[set-cap]") {
    const double pace = pace_at(600);
    CHECK(pace < 0.9);
    for (const std::string feed : {"iad", "iad/hall-0/source-0", "iad/hall-0/row-0"}) {
        INFO(feed);
        const auto r = run(tripping(1), {gpu_job(72, hours{10})},
                           {{one, cap_feed(feed, {600, 600})}, {three, cap_feed(feed, {})}});
        CHECK(r.ends_h[0] == Approx(12 - 2 * pace).epsilon(1e-12));
        CHECK(*r.all.energy->limits == 2);
        CHECK(*r.all.energy->trips == 0);
    }
    // A job that the same plan starts is as slow from its start.
    const auto started = run(tripping(1), {gpu_job(72, hours{10})}, {{start_of_time, cap_feed("iad", {600, 600})}});
    CHECK(started.ends_h[0] == Approx(10 / pace).epsilon(1e-12));
}

TEST_CASE("a cap is of a class, and of whole racks", "[set-cap]") {
    const double pace = pace_at(700);
    // Rack 0 is of low priority, rack 1 of high; racks are filled in order.
    const std::vector<workload::job_request> jobs{gpu_job(72, hours{4}), gpu_job(72, hours{4}, {}, 1)};
    const auto low = run(tripping(2), jobs, {{start_of_time, cap_feed("iad", {.low = 700})}});
    CHECK(low.ends_h[0] == Approx(4 / pace).epsilon(1e-12));
    CHECK(low.ends_h[1] == 4);
    const auto second = run(tripping(2), jobs, {{start_of_time, cap_nodes(18, 36, {700, 700})}});
    CHECK(second.ends_h[0] == 4);
    CHECK(second.ends_h[1] == Approx(4 / pace).epsilon(1e-12));
    const auto both = run(tripping(2), jobs, {{start_of_time, cap_nodes(0, 36, {700, 700})}});
    CHECK(both.ends_h[0] == Approx(4 / pace).epsilon(1e-12));
    CHECK(both.ends_h[0] == both.ends_h[1]);
    // It is one limit of a rack, whoever names it: the last one that does.
    const auto lifted = run(tripping(2), jobs, {{start_of_time, [](const policy::view& v, policy::plan& p) {
                                                     cap_nodes(0, 36, {700, 700})(v, p);
                                                     cap_nodes(0, 18, {})(v, p);
                                                 }}});
    CHECK(lifted.ends_h[0] == 4);
    CHECK(lifted.ends_h[1] == Approx(4 / pace).epsilon(1e-12));
}

TEST_CASE("of the caps of a scheduler and those of controllers the lowest holds", "[set-cap]") {
    class constant final : public power::cap_policy {
        class_limits decide(const power::capped_feed&) override { return {650, 850}; }
    };
    power::plant_plan plan = tripping(3);
    plan.controls.push_back({.at = power::power_tree::level::row,
                             .policy = std::make_unique<constant>(),
                             .period = std::chrono::seconds{3},
                             .latency = duration::zero()});
    power::plant plant{std::move(plan)};
    const auto device = [&](const std::string& name) { return *plant.tree().find(name); };
    using limits = std::vector<class_limits>;
    const auto all = [&] { return limits{plant.limits_of(0), plant.limits_of(1), plant.limits_of(2)}; };
    instant now = start_of_time;
    plant.cap(now, device("iad"), {900, 900});
    CHECK(all() == limits(3, {900, 900}));
    while (plant.next_control() != never && plant.next_control() < start_of_time + hours{1})
        plant.control(now = plant.next_control());
    CHECK(all() == limits(3, {650, 850}));
    const auto& what = plant.cap(now, device("hall-0/row-1"), {400, 1000});
    CHECK(what.repaced.size() == 18);
    CHECK(what.repaced.front() == node_id{18});
    CHECK(all() == limits{{650, 850}, {400, 850}, {650, 850}});
    CHECK(plant.cap_units(now, 1, 3, {500, 500}).repaced.size() == 36);
    CHECK(all() == limits{{650, 850}, {400, 500}, {500, 500}});
    plant.cap(now, device("hall-0/source-0"), {300, 600});
    CHECK(all() == limits{{300, 600}, {300, 500}, {300, 500}});
    plant.cap(now, device("hall-0/source-0"), {1000, 1000});
    plant.cap(now, device("iad"), {1000, 1000});
    plant.cap(now, device("rack-2"), {1000, 1000});
    CHECK(all() == limits{{650, 850}, {400, 500}, {650, 850}});
    CHECK(plant.cap(now, device("rack-2"), {700, 1000}).repaced.empty());
}

TEST_CASE("what a capped feed carries is what its GPUs may draw", "[set-cap]") {
    power::plant plant{tripping(1)};
    std::vector<fleet::gpu_share> where;
    for (std::uint32_t n = 0; n != 18; ++n) where.push_back({.node = node_id{n}, .gpus = 0xF});
    const power::plant::load job{.where = where};
    plant.start(start_of_time, job);
    plant.cap(start_of_time, *plant.tree().find("iad"), {500, 500});
    const hardware::rack& r = gb300();
    const double node_w = power::node_power_w(r.node, {.count = 4, .power_w = 4 * 700.0});
    CHECK(r.node.gpu.power.limit_w == 1400);
    CHECK(static_cast<double>(plant.it(0)) * 1e-6 == Approx(power::rack_power_w(r, r.nodes * node_w, 1)).epsilon(1e-9));
    CHECK(plant.pace(job) == Approx(pace_at(500)).epsilon(1e-12));
}

TEST_CASE("caps that cannot be end the run and say why", "[set-cap]") {
    const auto refusal = [](action what, bool trips = true) -> std::string {
        power::plant_plan plan = tripping(2);
        plan.sites.front().halls.trips = trips;
        try {
            run(std::move(plan), {gpu_job(72, hours{1})}, {{start_of_time, std::move(what)}});
        } catch (const plan_error& e) {
            return e.what();
        }
        return {};
    };
    const auto says = [&](action what, const std::string& text) {
        const std::string found = refusal(std::move(what));
        INFO(found);
        CHECK(found.find("the policy's plan at 0 s is impossible: set_cap of " + text) != std::string::npos);
    };
    says(cap_feed("iad", {0, 500}), "feed 0: a limit of 0 thousandths; write 1 to 1000");
    says(cap_feed("iad", {500, 1001}), "feed 0: a limit of 1001 thousandths");
    says([](const policy::view&, policy::plan& p) { p.set_cap(99, {}); },
         "feed 99: there is no such feed; the head-room shows ");
    says(cap_nodes(0, 17, {500, 500}), "nodes 0 to 17: they cut a rack, whose GPUs have one limit; name nodes 0 to 18");
    says(cap_nodes(17, 19, {500, 500}),
         "nodes 17 to 19: they cut a rack, whose GPUs have one limit; name nodes 0 to 36");
    says(cap_nodes(18, 18, {500, 500}), "nodes 18 to 18: there are no such nodes; the fleet has 36");
    says(cap_nodes(18, 54, {500, 500}), "nodes 18 to 54: there are no such nodes");
    CHECK(refusal(cap_nodes(0, 18, {500, 500}), false).find("no power acts on jobs") != std::string::npos);
}
