// Each refusal is provoked behind several kinds of earlier proposals; afterwards everything must be as it was.
#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/policy/checked_plan.hpp>

#include <bit>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using fleet::gpu_share;
using policy::action_kind;
using policy::job_state;
using policy::job_view;
using policy::plan;

namespace {

constexpr instant now{std::chrono::seconds{60}};
using shares = std::vector<gpu_share>;

gpu_share on(std::uint32_t node, std::uint64_t gpus) { return {.node = node_id{node}, .gpus = gpus}; }

/// Some nodes are slow.
struct slow_nodes final : policy::pacing {
    std::vector<double> of = std::vector<double>(4, 1.0);
    [[nodiscard]] double pace(job_id, std::span<const gpu_share> where) const override {
        double least = 1.0;
        for (const auto& s : where) least = std::min(least, of[index(s.node)]);
        return least;
    }
};

/// Nine jobs on four nodes of eight GPUs, or on a pool of 32: 0, 1, 7 and 9 run, 4 is absent, 6 never fits, the others
/// wait. 1, 2 and 9 are elastic.
struct site {
    fleet::fleet_state fleet;
    policy::job_table jobs;
    policy::elastic_table elastic;
    policy::changed_table changed;
    slow_nodes slow;
    fleet::allocation_arena allocations;
    std::unique_ptr<policy::placer> placer = policy::make_first_fit();
    policy::checked_plan p;

    explicit site(bool pool = false, const preemption_costs* costs = nullptr)
        : fleet(pool ? fleet::fleet_state::pool(32) : fleet::fleet_state::flat_nodes(4, 8)),
          p(fleet, jobs, allocations, *placer, costs, &elastic, &changed, &slow) {
        jobs.grow_to(10, {});
        add(0, {.gpus = 8}, {on(0, 0xFF)});
        add(1, {.gpus = 4}, {on(1, 0x0F)});
        add(2, {.gpus = 4});
        add(3, {.gpus = 12, .spread = true});
        add(5, {.gpus = 1});
        add(6, {.gpus = 40});
        add(7, {.gpus = 2}, {on(1, 0x30)});
        add(8, {.gpus = 2});
        add(9, {.gpus = 2}, {on(3, 0x03)});
        jobs[1].progress = duration{std::chrono::seconds{7}};
        jobs[7].speed = 0.5;
        elastic.grow_to(10, {});
        changed.grow_to(10, {});
        elastic[1] = {.gpus_min = 2, .gpus = 4, .gpus_max = 12};
        elastic[2] = {.gpus_min = 1, .gpus = 4, .gpus_max = 40, .serial_fraction = 0.5};
        elastic[9] = {.gpus_min = 1, .gpus = 2, .gpus_max = 8, .serial_fraction = 0.25};
        fleet.advance(now);
        p.begin(now);
    }
    site(const site&) = delete;

    void add(std::uint32_t job, fleet::demand wanted, const shares& where = {}) {
        job_view& j = jobs[job];
        j.order = 100 + job;
        j.estimate = std::chrono::hours{1 + job};
        j.demand = wanted;
        j.state = job_state::queued;
        j.attempt = 3 * job;
        if (where.empty()) return;
        j.state = job_state::running;
        j.run_start = instant{std::chrono::seconds{10 + job}};
        fleet.take(wanted, fleet.is_pool() ? shares{} : where);
        if (!fleet.is_pool()) j.held = allocations.store(where);
    }

    [[nodiscard]] shares held(std::size_t job) const {
        const auto s = allocations.shares(jobs[job].held);
        return {s.begin(), s.end()};
    }
};

std::string text(const shares& where) {
    std::string out;
    for (const auto& s : where) out += " " + std::to_string(index(s.node)) + "/" + std::to_string(s.gpus);
    return out;
}

/// Everything that a refused plan must leave as it was; the start of a run means nothing while a job waits.
std::string state_of(const site& s) {
    std::string out = "free " + std::to_string(s.fleet.free().free_gpus());
    for (std::uint32_t n = 0; n != s.fleet.free().num_nodes(); ++n)
        out += " " + std::to_string(s.fleet.free().free_mask(node_id{n}));
    for (std::size_t i = 0; i != s.jobs.size(); ++i) {
        const job_view& j = s.jobs[i];
        out += "\njob " + std::to_string(i) + " order " + std::to_string(j.order) + " state " +
               std::to_string(static_cast<int>(j.state)) + " attempt " + std::to_string(j.attempt) + " progress " +
               std::to_string(ticks(j.progress)) + " estimate " + std::to_string(ticks(j.estimate)) + " gpus " +
               std::to_string(j.demand.gpus) + " speed " + std::to_string(j.speed) + " held" + text(s.held(i));
        if (const policy::changed_run& c = s.changed[i]; c.any) {
            out += " changed, at best " + std::to_string(c.full_speed) + " since " + std::to_string(ticks(c.began));
            for (const duration d : {c.costs.reload, c.costs.restart, c.costs.pause_left, c.costs.unkept})
                out += " " + std::to_string(ticks(d));
        }
        out += j.was_preempted ? " was preempted" : "";
        out += j.vacates ? " vacates" : "";
        if (j.state == job_state::running) out += " since " + std::to_string(ticks(j.run_start));
    }
    // What is idle from now on tells what the books count as unallocated.
    fleet::fleet_state later = s.fleet;
    later.advance(now + duration{1});
    ledger before;
    ledger after;
    s.fleet.book(before);
    later.book(after);
    return out + "\nidle " + to_string(after[account::idle] - before[account::idle]);
}

/// Is each GPU either free or held by one running job?
bool consistent(const site& s) {
    std::uint64_t gpus = s.fleet.free().free_gpus();
    std::vector<std::uint64_t> mask;
    for (std::uint32_t n = 0; n != s.fleet.free().num_nodes(); ++n)
        mask.push_back(s.fleet.free().free_mask(node_id{n}));
    for (std::size_t i = 0; i != s.jobs.size(); ++i) {
        if (s.jobs[i].state != job_state::running) continue;
        gpus += s.jobs[i].demand.gpus;
        std::uint64_t sum = 0;
        for (const auto& share : s.held(i)) {
            if ((mask[index(share.node)] & share.gpus) != 0) return false;
            mask[index(share.node)] |= share.gpus;
            sum += static_cast<std::uint64_t>(std::popcount(share.gpus));
        }
        if (!s.fleet.is_pool() && sum != s.jobs[i].demand.gpus) return false;
    }
    for (const std::uint64_t m : mask) {
        if (m != 0xFF) return false;
    }
    return gpus == 32;
}

using proposal = std::function<void(plan&)>;

/// What may have been proposed before; none of it touches nodes 0 and 2, or the jobs that the refusals are about.
const std::vector<std::pair<std::string, proposal>> earlier{
    {"nothing", [](plan&) {}},
    {"a start", [](plan& p) { CHECK(p.start(job_id{8})); }},
    {"preemptions",
     [](plan& p) {
         p.preempt(job_id{7});
         p.preempt(job_id{9});
     }},
    {"a rejection", [](plan& p) { p.reject(job_id{8}); }},
    {"a wish to be woken", [](plan& p) { p.wake_at(now + duration{1}); }},
    {"a job that moves",
     [](plan& p) {
         p.preempt(job_id{7});
         p.start(job_id{7}, shares{on(3, 0x0C)});
     }},
    {"jobs that change places",
     [](plan& p) {
         p.preempt(job_id{7});
         p.preempt(job_id{9});
         p.start(job_id{7}, shares{on(3, 0x03)});
         p.start(job_id{9}, shares{on(1, 0x30)});
     }},
    {"a resize", [](plan& p) { CHECK(p.resize(job_id{9}, 1)); }},
    {"a bit of everything",
     [](plan& p) {
         p.wake_at(now + duration{5});
         p.preempt(job_id{7});
         p.start(job_id{8}, shares{on(1, 0x10), on(3, 0x80)});
         p.start(job_id{7}, shares{on(3, 0x60)});
         p.preempt(job_id{9});
         p.reject(job_id{9});
         p.wake_at(never);
     }},
};

struct refusal {
    std::string name;
    proposal propose;
    std::vector<std::string> says;
};

void check_refused(const refusal& r, bool pool) {
    for (const auto& [before, propose] : earlier) {
        if (pool && before != "nothing" && before != "preemptions" && before != "a rejection" && before != "a resize")
            continue;  // the others name nodes
        INFO(r.name << " after " << before);
        site s{pool};
        const std::string was = state_of(s);
        propose(s.p);
        std::string message;
        try {
            r.propose(s.p);
        } catch (const plan_error& e) {
            message = e.what();
            CHECK(e.exit_status() == 5);
        }
        if (message.empty()) FAIL("accepted");
        INFO(message);
        for (const std::string& part : r.says) {
            CAPTURE(part);
            CHECK(message.find(part) != std::string::npos);
        }
        CHECK(state_of(s) == was);
        CHECK(consistent(s));
        CHECK(s.p.actions().empty());
        CHECK_FALSE(s.p.wake_up().has_value());

        // The next plan finds everything as if this one had never been.
        s.p.begin(now);
        CHECK(s.p.start(job_id{2}));
        CHECK(s.p.start(job_id{3}));
        s.p.preempt(job_id{0});
        CHECK(s.p.start(job_id{0}));
        CHECK(consistent(s));
        CHECK(s.p.actions().size() == 4);
    }
}

}  // namespace

TEST_CASE("a plan refuses jobs that are not in the state for it", "[plan]") {
    const std::string queued = "it is not queued";
    const std::string running = "it is not running";
    const std::string job0 = "job number 100 by arrival (id 0)";
    const std::string job2 = "job number 102 by arrival (id 2)";
    for (const bool pool : {false, true}) {
        CAPTURE(pool);
        check_refused({"start of a running job",
                       [](plan& p) { p.start(job_id{0}); },
                       {job0, "cannot start it", queued, "at 60 s"}},
                      pool);
        check_refused(
            {"start of an absent job", [](plan& p) { p.start(job_id{4}); }, {"job id 4", "cannot start it", queued}},
            pool);
        check_refused({"start of no job", [](plan& p) { p.start(job_id{10}); }, {"job id 10", queued}}, pool);
        check_refused({"start of none", [](plan& p) { p.start(none<job_id>); }, {"job id 4294967295", queued}}, pool);
        check_refused({"start by place of a running job",
                       [](plan& p) { p.start(job_id{0}, shares{on(2, 0xFF)}); },
                       {job0, "cannot start it", queued}},
                      pool);
        check_refused({"start of a job twice",
                       [](plan& p) {
                           p.start(job_id{2});
                           p.start(job_id{2});
                       },
                       {job2, "cannot start it", queued}},
                      pool);
        check_refused({"start of a rejected job",
                       [](plan& p) {
                           p.reject(job_id{2});
                           p.start(job_id{2});
                       },
                       {"job id 2", "cannot start it", queued}},
                      pool);
        check_refused(
            {"preemption of a queued job", [](plan& p) { p.preempt(job_id{2}); }, {job2, "cannot preempt it", running}},
            pool);
        check_refused({"preemption of an absent job",
                       [](plan& p) { p.preempt(job_id{4}); },
                       {"job id 4", "cannot preempt it", running}},
                      pool);
        check_refused({"preemption of a job twice",
                       [](plan& p) {
                           p.preempt(job_id{0});
                           p.preempt(job_id{0});
                       },
                       {job0, "cannot preempt it", running}},
                      pool);
        check_refused({"preemption of what was started",
                       [](plan& p) {
                           p.start(job_id{2});
                           p.preempt(job_id{2});
                       },
                       {job2, "this plan has just started it"}},
                      pool);
        check_refused({"preemption of what was moved",
                       [](plan& p) {
                           p.preempt(job_id{0});
                           p.start(job_id{0});
                           p.preempt(job_id{0});
                       },
                       {job0, "this plan has just started it"}},
                      pool);
        check_refused({"a loss longer than the run",
                       [](plan& p) { p.preempt(job_id{0}, std::chrono::seconds{50} + duration{1}); },
                       {job0, "it cannot lose 50.000000001 s of a run of 50 s"}},
                      pool);
        check_refused({"a loss below zero",
                       [](plan& p) { p.preempt(job_id{0}, duration{-1}); },
                       {job0, "it cannot lose -0.000000001 s"}},
                      pool);
        check_refused(
            {"rejection of a running job", [](plan& p) { p.reject(job_id{0}); }, {job0, "cannot reject it", queued}},
            pool);
        check_refused({"rejection of an absent job",
                       [](plan& p) { p.reject(job_id{4}); },
                       {"job id 4", "cannot reject it", queued}},
                      pool);
        check_refused({"rejection of a job twice",
                       [](plan& p) {
                           p.reject(job_id{2});
                           p.reject(job_id{2});
                       },
                       {"job id 2", "cannot reject it", queued}},
                      pool);
    }
}

TEST_CASE("a plan refuses places that a job cannot have", "[plan]") {
    const auto place = [](std::uint32_t job, shares where) {
        return [job, where](plan& p) { p.start(job_id{job}, where); };
    };
    const std::string job2 = "job number 102 by arrival (id 2)";
    check_refused({"GPUs of a running job", place(2, {on(0, 0x0F)}), {job2, "GPUs of node 0 are not free"}}, false);
    check_refused({"one GPU that is taken",
                   place(2, {on(2, 0x03), on(1, 0x41), on(2, 0x80)}),
                   {job2, "GPUs of node 1 are not free"}},
                  false);
    check_refused({"GPUs that a node does not have", place(2, {on(2, 0xF00)}), {job2, "GPUs of node 2 are not free"}},
                  false);
    check_refused({"GPUs that the plan has given away",
                   [](plan& p) {
                       p.start(job_id{2}, shares{on(2, 0x0F)});
                       p.start(job_id{5}, shares{on(2, 0x08)});
                   },
                   {"job number 105 by arrival (id 5)", "GPUs of node 2 are not free"}},
                  false);
    check_refused({"too few", place(2, {on(2, 0x07)}), {job2, "it needs 4 GPUs and was given 3"}}, false);
    check_refused({"too many", place(2, {on(2, 0xFF)}), {job2, "it needs 4 GPUs and was given 8"}}, false);
    check_refused({"none", place(2, {}), {job2, "it needs 4 GPUs and was given 0"}}, false);
    check_refused({"a node twice", place(2, {on(2, 0x03), on(2, 0x0C)}), {job2, "node 2 is named twice"}}, false);
    check_refused({"a GPU twice", place(2, {on(2, 0x03), on(2, 0x03)}), {job2, "node 2 is named twice"}}, false);
    check_refused({"a node that does not exist", place(2, {on(4, 0x0F)}), {job2, "node 4 does not exist"}}, false);
    check_refused({"no node",
                   place(2, {on(2, 0x03), {.node = none<node_id>, .gpus = 3}}),
                   {job2, "node 4294967295 does not exist"}},
                  false);

    check_refused({"a node of a pool", place(2, {on(0, 0x0F)}), {job2, "a pool has no nodes"}}, true);
    check_refused({"more than the pool has free",
                   place(6, {}),
                   {"job number 106 by arrival (id 6)", "it needs 40 GPUs and", "are free"}},
                  true);
}

TEST_CASE("a plan refuses to wake the policy in the past", "[plan]") {
    for (const bool pool : {false, true}) {
        check_refused({"now", [](plan& p) { p.wake_at(now); }, {"wake_at", "60 s", "not after now"}}, pool);
        check_refused({"earlier",
                       [](plan& p) { p.wake_at(now - std::chrono::milliseconds{100}); },
                       {"wake_at", "59.9", "not after now"}},
                      pool);
        check_refused({"the start", [](plan& p) { p.wake_at(start_of_time); }, {"wake_at", "not after now"}}, pool);
    }
}

TEST_CASE("a plan refuses what no model supports", "[plan]") {
    for (const bool pool : {false, true}) {
        check_refused({"migrate",
                       [](plan& p) { p.migrate(job_id{0}, shares{on(2, 0xFF)}); },
                       {"'migrate'", "no model", "start, resize, preempt, vacate, reject or wake_at"}},
                      pool);
        check_refused({"drain", [](plan& p) { p.drain(node_id{2}); }, {"'drain'", "no model"}}, pool);
        check_refused({"undrain", [](plan& p) { p.undrain(node_id{2}); }, {"'undrain'", "no model"}}, pool);
        check_refused({"set_cap of a feed",
                       [](plan& p) { p.set_cap(2, {.low = 500}); },
                       {"set_cap of feed 2", "no power acts on jobs"}},
                      pool);
        check_refused({"set_cap of nodes",
                       [](plan& p) { p.set_cap(node_id{0}, node_id{2}, {.low = 500}); },
                       {"set_cap of nodes 0 to 2", "no power acts on jobs"}},
                      pool);
    }
}

TEST_CASE("a plan refuses numbers of GPUs that a job may not have", "[plan]") {
    const std::string job0 = "job number 100 by arrival (id 0)";
    const std::string job1 = "job number 101 by arrival (id 1)";
    const std::string job2 = "job number 102 by arrival (id 2)";
    const auto resize = [](std::uint32_t job, std::uint32_t gpus) {
        return [job, gpus](plan& p) { p.resize(job_id{job}, gpus); };
    };
    const auto start_on = [](std::uint32_t job, std::uint32_t gpus) {
        return [job, gpus](plan& p) { p.start_on(job_id{job}, gpus); };
    };
    for (const bool pool : {false, true}) {
        CAPTURE(pool);
        check_refused({"resize of a queued job", resize(2, 8), {job2, "cannot resize it", "it is not running"}}, pool);
        check_refused({"resize of an absent job", resize(4, 8), {"job id 4", "cannot resize it"}}, pool);
        check_refused({"resize of no job", resize(10, 8), {"job id 10", "it is not running"}}, pool);
        check_refused({"resize of a rigid job", resize(0, 4), {job0, "it is rigid", "8 GPUs", "given 4"}}, pool);
        check_refused({"resize of a rigid job to what it has", resize(0, 8), {job0, "it is rigid"}}, pool);
        check_refused({"too few", resize(1, 1), {job1, "2 to 12 GPUs", "given 1"}}, pool);
        check_refused({"too many", resize(1, 13), {job1, "2 to 12 GPUs", "given 13"}}, pool);
        check_refused({"none", resize(1, 0), {job1, "2 to 12 GPUs", "given 0"}}, pool);
        check_refused({"what it has", resize(1, 4), {job1, "it has 4 GPUs already"}}, pool);
        check_refused({"a job resized twice",
                       [](plan& p) {
                           CHECK(p.resize(job_id{1}, 3));
                           p.resize(job_id{1}, 2);
                       },
                       {job1, "this plan has just resized it"}},
                      pool);
        check_refused({"a job that this plan has started",
                       [](plan& p) {
                           CHECK(p.start(job_id{2}));
                           p.resize(job_id{2}, 2);
                       },
                       {job2, "this plan has just started it"}},
                      pool);
        check_refused({"preemption of a job that this plan has resized",
                       [](plan& p) {
                           CHECK(p.resize(job_id{1}, 3));
                           p.preempt(job_id{1});
                       },
                       {job1, "this plan has just resized it"}},
                      pool);
        check_refused({"start of a running job on some", start_on(1, 2), {job1, "cannot start it", "not queued"}},
                      pool);
        check_refused({"start of a rigid job on some", start_on(5, 2), {"(id 5)", "it is rigid", "1 GPUs"}}, pool);
        check_refused({"start on too few", start_on(2, 0), {job2, "1 to 40 GPUs", "given 0"}}, pool);
        check_refused({"start on too many", start_on(2, 41), {job2, "1 to 40 GPUs", "given 41"}}, pool);
    }
}

TEST_CASE("a job gets the GPUs that it is started on and resized to", "[plan]") {
    site s;
    const std::string was = state_of(s);
    REQUIRE(s.p.resize(job_id{1}, 8));  // a whole node, which node 1 is not for job 7
    CHECK(s.held(1) == shares{on(2, 0xFF)});
    CHECK(s.jobs[1].demand.gpus == 8);
    CHECK(s.jobs[1].speed == 2.0);
    CHECK(s.jobs[1].progress == std::chrono::seconds{7 + 49});
    CHECK(s.jobs[1].run_start == now);
    CHECK(s.jobs[1].attempt == 3);
    CHECK(s.jobs[1].state == job_state::running);
    REQUIRE(s.p.start_on(job_id{2}, 6));
    CHECK(s.held(2) == shares{on(1, 0xCF)});
    CHECK(s.jobs[2].demand.gpus == 6);
    // Half of the work is serial: on 4 GPUs it takes 1/2 + 1/8, on 6 GPUs 1/2 + 1/12.
    CHECK(s.jobs[2].speed == Approx(0.625 / (0.5 + 0.5 / 6)));
    s.p.roll_back();
    CHECK(state_of(s) == was);

    // Anew, on what is free and its own: 3 GPUs stay on node 1, which is the lowest with room.
    s.p.begin(now);
    REQUIRE(s.p.resize(job_id{1}, 3));
    CHECK(s.held(1) == shares{on(1, 0x07)});
    CHECK(s.jobs[1].speed == 0.75);
    REQUIRE(s.p.resize(job_id{9}, 5));
    CHECK(s.held(9) == shares{on(2, 0x1F)});
    REQUIRE(s.p.actions().size() == 2);
    const policy::action& a = s.p.actions()[0];
    CHECK(a.kind == action_kind::resize);
    CHECK(a.gpus == 4);
    CHECK(a.speed == 1.0);
    CHECK(a.run_start == instant{std::chrono::seconds{11}});
    CHECK(a.progress == std::chrono::seconds{7});
    const auto before = s.allocations.shares(a.before);
    CHECK(shares(before.begin(), before.end()) == shares{on(1, 0x0F)});
    CHECK(consistent(s));
    s.p.roll_back();
    CHECK(state_of(s) == was);
}

TEST_CASE("a resize or a start without a place changes nothing", "[plan]") {
    for (const bool pool : {false, true}) {
        CAPTURE(pool);
        site s{pool};
        const std::string was = state_of(s);
        CHECK_FALSE(s.p.start_on(job_id{2}, 40));
        CHECK(state_of(s) == was);
        CHECK(s.p.start_on(job_id{2}, 16) == pool);  // 16 are free on the pool, but not two whole nodes
        if (!pool) CHECK(s.p.start(job_id{2}));
        const std::string between = state_of(s);
        CHECK_FALSE(s.p.resize(job_id{1}, 12));
        CHECK(state_of(s) == between);
        CHECK(s.p.actions().size() == 1);
        CHECK(consistent(s));
        s.p.roll_back();
        CHECK(state_of(s) == was);
    }
}

TEST_CASE("a preempted job that was resized waits as at first", "[plan]") {
    site s;
    REQUIRE(s.p.resize(job_id{1}, 8));
    s.p.begin(now + std::chrono::seconds{10});
    const std::string was = state_of(s);
    s.p.preempt(job_id{1});
    CHECK(s.jobs[1].demand.gpus == 4);
    CHECK(s.jobs[1].speed == 1.0);
    CHECK(s.jobs[1].progress == std::chrono::seconds{7 + 49 + 20});
    CHECK_FALSE(s.changed[1].any);
    s.p.roll_back();
    CHECK(state_of(s) == was);
    CHECK(s.jobs[1].speed == 2.0);
}

TEST_CASE("a resize does not cut a restart short", "[plan]") {
    using std::chrono::seconds;
    const preemption_costs costs{{.checkpoint = seconds{20}, .restart = seconds{40}, .resize = seconds{15}}};
    site s{false, &costs};
    s.jobs[1].was_preempted = true;  // runs since 11 s: 20 s of its checkpoint, then its restart until 71 s
    const std::string was = state_of(s);
    REQUIRE(s.p.resize(job_id{1}, 8));  // at 60 s
    CHECK(s.jobs[1].progress == seconds{7});
    CHECK(s.changed[1].costs.reload == seconds{0});
    CHECK(s.changed[1].costs.restart == seconds{15});  // 11 s were left
    s.p.begin(now + seconds{5});
    REQUIRE(s.p.resize(job_id{1}, 4));
    CHECK(s.changed[1].costs.restart == seconds{15});
    s.p.begin(now + seconds{30});
    REQUIRE(s.p.resize(job_id{1}, 2));
    CHECK(s.jobs[1].progress == seconds{7 + 10});
    CHECK(s.changed[1].costs.restart == seconds{15});
    s.p.roll_back();
    CHECK(s.changed[1].costs.restart == seconds{15});
    CHECK(s.jobs[1].run_start == now + seconds{5});

    site early{false, &costs};
    early.jobs[1].was_preempted = true;
    early.jobs[1].run_start = now - seconds{5};
    REQUIRE(early.p.resize(job_id{1}, 8));
    CHECK(early.changed[1].costs.reload == seconds{15});
    CHECK(early.changed[1].costs.restart == seconds{40});
}

TEST_CASE("a job on slow nodes runs at the speed of the slowest one", "[plan]") {
    site s;
    s.slow.of = {1.0, 0.5, 1.0, 0.25};
    const std::string was = state_of(s);
    REQUIRE(s.p.start(job_id{2}));  // on node 2
    CHECK(s.jobs[2].speed == 1.0);
    CHECK_FALSE(s.changed[2].any);
    s.p.start(job_id{3}, shares{on(1, 0xC0), on(2, 0xF0), on(3, 0xFC)});
    CHECK(s.jobs[3].speed == 0.25);
    CHECK(s.changed[3].full_speed == 1.0);
    CHECK(s.changed[3].began == now);
    REQUIRE(s.p.resize(job_id{9}, 1));  // it goes to node 3 as before, which has no other GPU left
    CHECK(s.jobs[9].speed == s.elastic[9].speed_on(1) * 0.25);
    CHECK(s.changed[9].full_speed == s.elastic[9].speed_on(1));
    s.p.roll_back();
    CHECK(state_of(s) == was);

    s.p.start(job_id{8}, shares{on(3, 0x0C)});
    s.p.begin(now + std::chrono::seconds{10});
    const std::string later = state_of(s);
    s.p.preempt(job_id{8});
    CHECK(s.jobs[8].progress == std::chrono::milliseconds{2500});
    CHECK(s.jobs[8].speed == 1.0);
    CHECK_FALSE(s.changed[8].any);
    s.p.start(job_id{8}, shares{on(1, 0xC0)});
    CHECK(s.jobs[8].speed == 0.5);
    s.p.roll_back();
    CHECK(state_of(s) == later);
}

TEST_CASE("a preemption loses what a run has not kept of its stretches", "[plan]") {
    using std::chrono::seconds;
    const preemption_costs costs{{.checkpoint_interval = seconds{100}, .checkpoint = seconds{10}}};
    site s{false, &costs};
    // Its speed has changed 20 s ago; it had worked 39 s since its last checkpoint, for 13 s of work.
    s.changed[7] = {
        .costs = {.interval = seconds{100}, .pause = seconds{10}, .since_pause = seconds{39}, .unkept = seconds{13}},
        .began = instant{seconds{1}},
        .full_speed = 1.0,
        .any = true};
    s.jobs[7].progress = seconds{50};
    s.jobs[7].run_start = now - seconds{20};
    const std::string was = state_of(s);
    s.p.preempt(job_id{7});
    CHECK(s.jobs[7].progress == seconds{37});
    CHECK(s.jobs[7].speed == 1.0);
    CHECK(s.p.actions().back().began == instant{seconds{1}});
    s.p.roll_back();
    CHECK(state_of(s) == was);
    s.p.begin(now + seconds{80});  // 61 s until the checkpoint, 10 s for it, 29 s more
    s.p.preempt(job_id{7});
    CHECK(s.jobs[7].progress == seconds{50} + std::chrono::milliseconds{30'500});
}

TEST_CASE("a job that is asked to leave goes at once only if it loses nothing", "[plan]") {
    using std::chrono::seconds;
    const preemption_costs costs{{.checkpoint_interval = seconds{20}, .checkpoint = seconds{5}, .restart = seconds{9}}};
    site s{false, &costs};
    s.jobs[0].was_preempted = true;
    s.jobs[0].run_start = now - seconds{9};   // restarts until now
    s.jobs[7].run_start = now - seconds{25};  // its first checkpoint is complete now, at half speed
    s.jobs[9].run_start = now - seconds{24};
    const std::string was = state_of(s);
    CHECK(s.p.vacate(job_id{0}));
    CHECK(s.jobs[0].state == job_state::queued);
    CHECK(s.jobs[0].progress == seconds{0});
    CHECK(s.p.vacate(job_id{7}));
    CHECK(s.jobs[7].progress == seconds{10});
    CHECK_FALSE(s.p.vacate(job_id{9}));
    CHECK(s.jobs[9].vacates);
    CHECK(s.jobs[9].state == job_state::running);
    CHECK(s.held(9) == shares{on(3, 0x03)});
    CHECK_FALSE(s.p.vacate(job_id{9}));
    REQUIRE(s.p.actions().size() == 3);
    CHECK(s.p.actions()[0].kind == action_kind::preempt);
    CHECK(s.p.actions()[2].kind == action_kind::vacate);
    s.p.roll_back();
    CHECK(state_of(s) == was);

    // Asked before, it leaves in another way: that and the wish are taken back together.
    CHECK_FALSE(s.p.vacate(job_id{9}));
    s.p.begin(now + duration{1});
    const std::string asked = state_of(s);
    s.p.preempt(job_id{9});
    CHECK_FALSE(s.jobs[9].vacates);
    CHECK(s.p.start(job_id{9}));
    CHECK_FALSE(s.jobs[9].vacates);
    s.p.roll_back();
    CHECK(s.jobs[9].vacates);
    CHECK(state_of(s) == asked);

    // Without costs nothing is lost.
    site free;
    CHECK(free.p.vacate(job_id{9}));
    CHECK(free.jobs[9].state == job_state::queued);
}

TEST_CASE("a plan refuses to ask a job to leave that does not run", "[plan]") {
    for (const bool pool : {false, true}) {
        CAPTURE(pool);
        check_refused(
            {"of a queued job", [](plan& p) { p.vacate(job_id{2}); }, {"cannot vacate it", "it is not running"}}, pool);
        check_refused({"of a job that was started",
                       [](plan& p) {
                           p.start(job_id{2});
                           p.vacate(job_id{2});
                       },
                       {"this plan has just started it"}},
                      pool);
    }
}

TEST_CASE("proposals show in the view at once", "[plan]") {
    site s;
    CHECK(s.p.start(job_id{2}));
    CHECK(s.jobs[2].state == job_state::running);
    CHECK(s.jobs[2].run_start == now);
    CHECK(s.jobs[2].attempt == 7);
    CHECK(s.held(2) == shares{on(2, 0x0F)});
    CHECK(s.fleet.free().free_mask(node_id{2}) == 0xF0);

    s.p.preempt(job_id{1});
    CHECK(s.jobs[1].state == job_state::queued);
    CHECK(s.jobs[1].progress == std::chrono::seconds{7 + 60 - 11});
    CHECK(s.held(1).empty());
    CHECK(s.fleet.free().free_mask(node_id{1}) == 0xCF);

    s.p.preempt(job_id{7});
    CHECK(s.jobs[7].progress == std::chrono::milliseconds{21'500});  // 43 s at half speed

    s.p.start(job_id{7}, shares{on(3, 0x40), on(2, 0x80)});
    CHECK(s.held(7) == shares{on(3, 0x40), on(2, 0x80)});
    CHECK(s.jobs[7].attempt == 22);
    CHECK(s.jobs[7].progress == std::chrono::milliseconds{21'500});

    s.p.reject(job_id{1});
    CHECK(s.jobs[1].state == job_state::absent);
    s.p.wake_at(now + duration{9});
    s.p.wake_at(now + duration{8});
    CHECK(s.p.wake_up() == now + duration{8});

    const auto actions = s.p.actions();
    REQUIRE(actions.size() == 5);
    const std::vector<std::pair<action_kind, std::uint32_t>> expected{{action_kind::start, 2U},
                                                                      {action_kind::preempt, 1U},
                                                                      {action_kind::preempt, 7U},
                                                                      {action_kind::start, 7U},
                                                                      {action_kind::reject, 1U}};
    for (std::size_t i = 0; i != 5; ++i) {
        CAPTURE(i);
        CHECK(actions[i].kind == expected[i].first);
        CHECK(actions[i].job == job_id{expected[i].second});
    }
    CHECK(actions[1].progress == std::chrono::seconds{7});
    CHECK(actions[1].run_start == instant{std::chrono::seconds{11}});
    const auto before = s.allocations.shares(actions[2].before);
    CHECK(shares(before.begin(), before.end()) == shares{on(1, 0x30)});
}

TEST_CASE("a preemption may cost the end of the run", "[plan]") {
    site s;
    const std::string was = state_of(s);
    s.p.preempt(job_id{1}, std::chrono::seconds{9});  // runs since 11 s
    CHECK(s.jobs[1].progress == std::chrono::seconds{7 + 49 - 9});
    s.p.preempt(job_id{7}, std::chrono::seconds{3});  // since 17 s, at half speed
    CHECK(s.jobs[7].progress == std::chrono::seconds{20});
    s.p.preempt(job_id{0}, std::chrono::seconds{50});  // all of it
    CHECK(s.jobs[0].progress == duration::zero());
    REQUIRE(s.p.actions().size() == 3);
    CHECK(s.p.actions()[0].lost == std::chrono::seconds{9});
    s.p.roll_back();
    CHECK(state_of(s) == was);
}

TEST_CASE("a start without a place changes nothing", "[plan]") {
    for (const bool pool : {false, true}) {
        CAPTURE(pool);
        site s{pool};
        const std::string was = state_of(s);
        CHECK_FALSE(s.p.start(job_id{6}));
        CHECK(state_of(s) == was);
        CHECK(s.p.actions().empty());
        s.p.preempt(job_id{1});
        const std::string between = state_of(s);
        CHECK_FALSE(s.p.start(job_id{6}));
        CHECK(state_of(s) == between);
        CHECK(s.p.actions().size() == 1);
    }
}

TEST_CASE("a job of a plan before can be preempted at the same instant", "[plan]") {
    site s;
    CHECK(s.p.start(job_id{5}));
    s.p.begin(now);
    CHECK(s.p.actions().empty());
    s.p.preempt(job_id{5});
    CHECK(s.jobs[5].progress == duration::zero());
    CHECK(s.p.start(job_id{5}));
    CHECK(s.jobs[5].attempt == 17);
    CHECK(consistent(s));
}

TEST_CASE("a plan that is taken back leaves everything as it was", "[plan]") {
    for (const auto& [name, propose] : earlier) {
        CAPTURE(name);
        site s;
        const std::string was = state_of(s);
        propose(s.p);
        s.p.roll_back();
        CHECK(state_of(s) == was);
        CHECK(consistent(s));
        CHECK(s.p.actions().empty());
        CHECK_FALSE(s.p.wake_up().has_value());
    }
}

TEST_CASE("a new plan forgets the wish of the last one", "[plan]") {
    site s;
    s.p.wake_at(never);
    CHECK(s.p.wake_up() == never);
    s.p.begin(now + duration{1});
    CHECK_FALSE(s.p.wake_up().has_value());
    CHECK_THROWS_AS(s.p.wake_at(now + duration{1}), plan_error);
}

TEST_CASE("plans allocate nothing in steady state", "[plan]") {
    site s;
    const std::string was = state_of(s);
    std::uint64_t spent = 0;
    const shares elsewhere{on(3, 0xC0)};
    for (int i = 0; i != 100; ++i) {
        const std::uint64_t before = test::allocations();
        s.p.begin(now);
        s.p.start(job_id{3});
        s.p.preempt(job_id{7});
        s.p.start(job_id{7}, elsewhere);
        s.p.preempt(job_id{0});
        s.p.reject(job_id{0});
        s.p.start_on(job_id{2}, 3);
        s.p.resize(job_id{1}, 2);
        s.p.wake_at(now + duration{1});
        s.p.roll_back();
        if (i >= 5) spent += test::allocations() - before;
    }
    CHECK(state_of(s) == was);
    CHECK(spent == 0);
}
