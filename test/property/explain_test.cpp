// Reasons for waiting, on random workloads: every job is followed under every policy. Its stretches cover its waiting
// exactly, the reason holds when looked at from outside, and the run is the same as without anybody asking.

#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/engine_replay.hpp"
#include "support/random_workload.hpp"

#include <ampacity/policy/registry.hpp>
#include <ampacity/policy/wrappers.hpp>
#include <ampacity/sim/simulation.hpp>
#include <ampacity/sim/wait_recorder.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace ampacity;
using policy::obstacle;

std::vector<workload::job_request> requests(const std::vector<naive::job>& jobs) {
    std::vector<workload::job_request> out;
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        workload::job_request r;
        r.name = static_cast<std::int64_t>(i);
        r.submit = instant{duration{jobs[i].submit_ns}};
        r.work = duration{jobs[i].duration_ns};
        if (jobs[i].estimate_ns) r.estimate = duration{*jobs[i].estimate_ns};
        r.gpus = r.gpus_min = r.gpus_max = static_cast<std::uint32_t>(jobs[i].gpus);
        r.placement.spread = jobs[i].spread;
        out.push_back(r);
    }
    return out;
}

/// Are two jobs of this queue such that the rule starts none behind one without place?
bool blocks(const std::string& policy) {
    return policy == "fifo" || policy == "sjf" || policy == "srtf" || policy == "las";
}

/// The policies that look at owners, told by what can be seen: who waits and what runs.
class sharing_doubter final : public policy::pass_listener {
public:
    sharing_doubter(std::string policy, const policy::policy_options& options, policy::pass_listener& next)
        : policy_(std::move(policy)), options_(options), next_(next) {}

    void on_pass(const policy::policy::view& v, const policy::policy::plan& p,
                 const policy::policy& decided_by) override {
        for (std::uint32_t i = 0; i != v.jobs.size() && wrong.empty(); ++i) {
            if (v.jobs[i].state != policy::job_state::queued) continue;
            const policy::reason r = decided_by.explain(v, p, job_id{i});
            ++seen[r.what];
            const std::string fault = policy_ == "priority"     ? of_priority(v, p, job_id{i}, r)
                                      : policy_ == "drf"        ? of_drf(v, job_id{i}, r)
                                      : policy_ == "fair-share" ? of_fair_share(v, p, job_id{i}, r)
                                                                : of_ftf(v, job_id{i}, r);
            if (fault.empty()) continue;
            wrong = fault + " job " + std::to_string(v.jobs[i].order) + " at " + std::to_string(ticks(v.now)) +
                    " reason " + std::string{policy::obstacle_names[static_cast<std::size_t>(r.what)]};
        }
        next_.on_pass(v, p, decided_by);
    }
    std::string wrong;
    std::map<obstacle, std::size_t> seen;

private:
    using view = policy::policy::view;
    using plan = policy::policy::plan;
    using job_view = policy::job_view;

    /// Jobs of this state for which `f` holds.
    template <class F>
    static std::vector<job_id> jobs(const view& v, policy::job_state state, F f) {
        std::vector<job_id> out;
        for (std::uint32_t i = 0; i != v.jobs.size(); ++i)
            if (v.jobs[i].state == state && f(v.jobs[i])) out.push_back(job_id{i});
        return out;
    }
    template <class F>
    static std::vector<job_id> waiting(const view& v, F f) {
        auto out = jobs(v, policy::job_state::queued, f);
        std::sort(out.begin(), out.end(), [&](job_id a, job_id b) { return v[a].order < v[b].order; });
        return out;
    }
    static std::uint64_t gpus(const view& v, const std::vector<job_id>& of) {
        std::uint64_t sum = 0;
        for (const job_id j : of) sum += v[j].demand.gpus;
        return sum;
    }
    /// It has no place in what is free now, and `what` tells of its turn, when no less was free.
    static std::string without_place(const view& v, job_id job, const policy::reason& r) {
        if (policy::fits(v.place, v.capacity.free, v[job].demand)) return "it fits";
        if (r.free_gpus < v.capacity.free.free_gpus()) return "fewer GPUs at its turn";
        if (r.what == obstacle::gpus) return r.free_gpus < v[job].demand.gpus ? "" : "enough GPUs";
        if (r.what == obstacle::placement) return r.free_gpus >= v[job].demand.gpus ? "" : "too few GPUs";
        return "no such reason";
    }

    std::string of_priority(const view& v, const plan& p, job_id job, const policy::reason& r) const {
        const auto is_before = [&](job_id a, job_id b) {
            return v[a].priority != v[b].priority ? v[a].priority > v[b].priority : v[a].order < v[b].order;
        };
        auto queue = waiting(v, [](const job_view&) { return true; });
        std::sort(queue.begin(), queue.end(), is_before);
        const auto ahead = std::find(queue.begin(), queue.end(), job) - queue.begin();
        if (r.ahead != static_cast<std::uint64_t>(ahead)) return "ahead";
        // With all that a waiting job may preempt it has no place, or it would have been helped.
        const job_id head = queue.front();
        auto most = v.capacity.free;
        const auto preemptible = jobs(v, policy::job_state::running, [&](const job_view& j) {
            return std::int64_t{j.priority} + options_.priority.preempt_above <= v[head].priority;
        });
        for (const job_id j : preemptible) most.give(v[j].demand, v.held(j));
        if (policy::fits(v.place, most, v[head].demand)) return "the head could preempt";
        if (job != head && !options_.priority.backfill)
            return r.what == obstacle::order && r.blocker == head ? "" : "not behind the head";
        auto free = v.capacity.free;
        for (const auto& a : p.actions())
            if (a.kind == policy::action_kind::start && is_before(job, a.job))
                free.give(v[a.job].demand, v.held(a.job));
        if (r.free_gpus != free.free_gpus()) return "free GPUs";
        const bool enough = v[job].demand.gpus <= free.free_gpus();
        const bool fits = policy::fits(v.place, free, v[job].demand);
        if (r.what == obstacle::gpus) return enough ? "enough GPUs" : "";
        if (r.what == obstacle::placement) return enough && !fits ? "" : "it fits";
        if (r.what != obstacle::reservation || job == head) return "no such reason";
        if (!fits || r.blocker != head) return "not held back by the head";
        if (v[job].priority + std::int64_t{options_.priority.preempt_above} <= v[head].priority)
            return "the head could preempt it";
        return add_saturating(v.now, v.remaining_time(job)) > r.until ? "" : "it would end before the head starts";
    }

    [[nodiscard]] std::string owner(const view& v, job_id job) const {
        return std::string{options_.drf.by_group || policy_ == "fair-share" ? v.owners->group(job)
                                                                            : v.owners->user(job)};
    }
    template <class F>
    static std::vector<job_id> only(std::vector<job_id> list, F f) {
        list.erase(std::remove_if(list.begin(), list.end(), [&](job_id j) { return !f(j); }), list.end());
        return list;
    }

    std::string of_drf(const view& v, job_id job, const policy::reason& r) const {
        const auto all = waiting(v, [](const job_view&) { return true; });
        const auto running = jobs(v, policy::job_state::running, [](const job_view&) { return true; });
        // Shares as whole numbers: GPUs x the weights of all others.
        const auto weight_of = [&](const std::string& who) {
            for (const auto& [name, weight] : options_.drf.weights)
                if (name == who) return weight;
            return std::uint64_t{1};
        };
        job_id front = none<job_id>;
        for (const job_id j : all) {
            if (front == none<job_id>) {
                front = j;
                continue;
            }
            const auto mine = [&](job_id o) { return owner(v, o) == owner(v, j); };
            const auto theirs = [&](job_id o) { return owner(v, o) == owner(v, front); };
            if (gpus(v, only(running, mine)) * weight_of(owner(v, front)) <
                gpus(v, only(running, theirs)) * weight_of(owner(v, j)))
                front = j;
        }
        const job_id first = only(all, [&](job_id o) { return owner(v, o) == owner(v, job); }).front();
        const job_id turn = options_.drf.skip ? first : front;
        if (job == turn) return without_place(v, job, r);
        return r.what == obstacle::order && r.blocker == turn ? "" : "not behind the one whose turn it is";
    }

    std::string of_fair_share(const view& v, const plan& p, job_id job, const policy::reason& r) const {
        const std::string group = owner(v, job);
        const auto in_group = [&](job_id j) { return owner(v, j) == group; };
        const auto queue = only(waiting(v, [](const job_view&) { return true; }), in_group);
        if (r.what == obstacle::order) {
            // The one that had its turn; jobs that were preempted since may stand before it.
            const auto was_preempted = [&](job_id j) {
                return std::any_of(p.actions().begin(), p.actions().end(),
                                   [&](const auto& a) { return a.job == j && a.kind == policy::action_kind::preempt; });
            };
            const auto stayed = only(queue, [&](job_id j) { return !was_preempted(j); });
            if (r.blocker == job || !in_group(r.blocker)) return "not behind a job of its group";
            return was_preempted(r.blocker) || r.blocker == stayed.front() ? "" : "not behind the first of its group";
        }
        std::uint64_t quota = 0;
        for (const auto& g : options_.fair_share.groups)
            if (g.name == group) quota = g.quota;
        const auto running = only(jobs(v, policy::job_state::running, [](const job_view&) { return true; }), in_group);
        const bool over = gpus(v, running) + v[job].demand.gpus > quota;
        if (r.what == obstacle::quota && !(options_.fair_share.reclaim && over)) return "within its quota";
        if (r.what != obstacle::quota && options_.fair_share.reclaim && over) return "over its quota";
        policy::reason as_seen = r;
        if (r.what == obstacle::quota)
            as_seen.what = r.free_gpus < v[job].demand.gpus ? obstacle::gpus : obstacle::placement;
        // What others gave up for jobs within their quotas may have left more free.
        if (r.free_gpus < v.capacity.free.free_gpus()) return "";
        return without_place(v, job, as_seen);
    }

    std::string of_ftf(const view& v, job_id job, const policy::reason& r) const {
        if (policy::fits(v.place, v.capacity.free, v[job].demand)) return "it fits";
        if (r.what != obstacle::lease) return "no such reason";
        const auto lease = options_.ftf.lease;
        return r.until == v.now - v.now.time_since_epoch() % lease + lease ? "" : "not the end of the lease";
    }

    std::string policy_;
    const policy::policy_options& options_;
    policy::pass_listener& next_;
};

/// Looks at every reason of every pass.
class doubter final : public policy::pass_listener {
public:
    doubter(std::string policy, policy::pass_listener& next) : policy_(std::move(policy)), next_(next) {}

    void on_pass(const policy::policy::view& v, const policy::policy::plan& p,
                 const policy::policy& decided_by) override {
        std::size_t without_place = 0;
        std::size_t waiting = 0;
        for (std::uint32_t i = 0; i != v.jobs.size() && wrong.empty(); ++i) {
            if (v.jobs[i].state != policy::job_state::queued) continue;
            ++waiting;
            const policy::reason r = decided_by.explain(v, p, job_id{i});
            if (r.what == obstacle::gpus || r.what == obstacle::placement) ++without_place;
            check(v, p, job_id{i}, r);
        }
        if (blocks(policy_) && waiting != 0 && without_place != 1)
            wrong = "blocked by " + std::to_string(without_place);
        next_.on_pass(v, p, decided_by);
    }
    std::string wrong;

private:
    void check(const policy::policy::view& v, const policy::policy::plan& p, job_id job, const policy::reason& r) {
        const policy::job_view& j = v[job];
        // The policies that block leave no job behind the head that starts, those in submit order take back what did.
        auto free = v.capacity.free;
        if (!blocks(policy_)) {
            for (const auto& a : p.actions()) {
                if (a.kind == policy::action_kind::start && v[a.job].order > j.order)
                    free.give(v[a.job].demand, v.held(a.job));
            }
        }
        const bool enough = j.demand.gpus <= free.free_gpus();
        const bool fits = policy::fits(v.place, free, j.demand);
        const auto fail = [&](const char* what) {
            wrong = std::string{what} + " job " + std::to_string(j.order) + " at " + std::to_string(ticks(v.now)) +
                    " reason " + std::string{policy::obstacle_names[static_cast<std::size_t>(r.what)]};
        };
        if (r.free_gpus != free.free_gpus()) fail("free GPUs");
        switch (r.what) {
            case obstacle::gpus:
                if (enough) fail("enough GPUs");
                break;
            case obstacle::placement:
                if (!enough || fits) fail("it fits");
                break;
            case obstacle::order:
                if (!blocks(policy_)) fail("no such rule");
                if (r.blocker == job || v[r.blocker].state != policy::job_state::queued)
                    fail("the blocker does not wait");
                if (policy::fits(v.place, v.capacity.free, v[r.blocker].demand)) fail("the blocker fits");
                if (policy_ == "fifo" && v[r.blocker].order > j.order) fail("the blocker came later");
                if (r.ahead == 0) fail("none is ahead");
                break;
            case obstacle::reservation:
                if (policy_ != "easy" && policy_ != "conservative") fail("no such rule");
                if (policy_ == "easy" && !fits) fail("it does not fit");
                if (!enough) fail("too few GPUs");
                if (r.blocker == none<job_id> || v[r.blocker].order >= j.order ||
                    v[r.blocker].state != policy::job_state::queued)
                    fail("the blocker does not wait before it");
                else if (policy_ == "conservative" && r.until == v.now)
                    break;  // it had no place at its slot, and keeps it for this pass
                else if (r.until < v.now || add_saturating(v.now, v.remaining_time(job)) <= r.until)
                    fail("it would end before the reservation");
                break;
            default: fail("no reason");
        }
    }

    std::string policy_;
    policy::pass_listener& next_;
};

struct result {
    std::vector<sim::job_record> records;
    std::map<std::int64_t, duration> first_waits;  // by job
    std::string wrong;
};

result run(const std::vector<naive::job>& jobs, const naive::fleet& where, const naive::options& how, bool explained) {
    policy::policy_options options{
        .sjf_by_estimate = how.by_estimate, .srtf_by_estimate = how.by_estimate, .las_thresholds = {}};
    for (const auto t : how.las_thresholds_gpu_s) options.las_thresholds.push_back(gpu_time{t} * 1'000'000'000);
    sim::parts p{.fleet = where.pool_gpus != 0 ? fleet::fleet_state::pool(where.pool_gpus)
                                               : fleet::fleet_state::flat_nodes(where.nodes, where.gpus_per_node),
                 .policy = policy::make_policy(how.policy, options),
                 .placer = policy::make_placer(where.placer),
                 .enforce_estimate = how.enforce_estimate,
                 .slowdowns = test::slowdowns_of(where)};
    p.sources.push_back(std::make_unique<workload::vector_source>(requests(jobs)));
    if (how.until_ns) p.until = duration{*how.until_ns};
    result out;
    std::vector<sim::wait_stretch> stretches;
    sim::wait_recorder recorder([](const sim::job_event&) { return true; },
                                [&](const sim::wait_stretch& w) { stretches.push_back(w); });
    doubter doubts(how.policy, recorder);
    if (explained) {
        p.policy = policy::make_explain(std::move(p.policy), doubts);
        p.observers = {&recorder};
    }
    sim::simulation s(std::move(p));
    s.run();
    const auto& summary = s.results();
    const auto records = s.records(0);
    out.records.assign(records.begin(), records.end());
    out.wrong = doubts.wrong;
    if (!explained) return out;
    recorder.finish(start_of_time + summary.simulated);
    std::map<std::int64_t, instant> end;
    for (const sim::wait_stretch& w : stretches) {
        const sim::job_record& r = out.records[static_cast<std::size_t>(w.job.name)];
        const bool first = r.first_start == sim::unset || w.to <= r.first_start;
        if (first) {
            const instant begins = end.contains(w.job.name) ? end[w.job.name] : r.submit;
            if (w.from != begins) out.wrong = "a gap before " + std::to_string(ticks(w.from));
            out.first_waits[w.job.name] += w.to - w.from;
        }
        if (w.to <= w.from || w.passes == 0) out.wrong = "an empty stretch";
        end[w.job.name] = w.to;
    }
    for (std::size_t i = 0; i != out.records.size(); ++i) {
        const sim::job_record& r = out.records[i];
        if (r.submit == sim::unset || r.state == sim::outcome::rejected) continue;
        const instant until = r.first_start != sim::unset ? r.first_start : start_of_time + summary.simulated;
        if (out.first_waits[static_cast<std::int64_t>(i)] != until - r.submit)
            out.wrong = "the stretches of job " + std::to_string(i) + " do not add up to its wait";
    }
    return out;
}

bool same(const sim::job_record& a, const sim::job_record& b) {
    return a.submit == b.submit && a.first_start == b.first_start && a.finish == b.finish && a.useful == b.useful &&
           a.lost == b.lost && a.preemptions == b.preemptions && a.state == b.state;
}

void check(std::uint64_t seed, naive::flavour kind, const naive::fleet& where, const std::string& policy) {
    const naive::options how = naive::random_options(seed, policy);
    const auto jobs = naive::random_workload(seed, kind, where, 40);
    const result told = run(jobs, where, how, true);
    const result untold = run(jobs, where, how, false);
    INFO(policy << " seed " << seed << " flavour " << naive::name_of(kind) << " pool " << where.pool_gpus << " nodes "
                << where.nodes << "x" << where.gpus_per_node << " placer " << where.placer);
    if (!told.wrong.empty()) FAIL_CHECK(told.wrong);
    bool equal = told.records.size() == untold.records.size();
    for (std::size_t i = 0; equal && i != told.records.size(); ++i) equal = same(told.records[i], untold.records[i]);
    if (!equal) FAIL_CHECK("being asked changes the run");
}

TEST_CASE("every policy gives a true reason for each wait, and being asked changes nothing") {
    const std::string policy =
        GENERATE(from_range(std::vector<std::string>(naive::all_policies.begin(), naive::all_policies.end())));
    for (std::uint64_t seed = 0; seed != test::random_cases(40); ++seed) {
        for (const auto kind : naive::all_flavours) {
            check(seed, kind, naive::random_pool(seed), policy);
            for (const std::string placer : naive::all_placers)
                check(seed, kind, naive::random_nodes(seed, placer), policy);
            if (policy == "srtf") continue;  // a slow job that is preempted waits as a fast one, before the first
            naive::fleet slow = naive::random_nodes(seed, "pack");
            naive::add_slowdowns(seed, kind, slow);
            check(seed, kind, slow, policy);
        }
    }
    SUCCEED();
}

TEST_CASE("the policies of owners and shares give a true reason for each wait") {
    const std::string policy = GENERATE(as<std::string>{}, "priority", "fair-share", "drf", "ftf");
    std::map<obstacle, std::size_t> seen;
    for (std::uint64_t seed = 0; seed != test::random_cases(60); ++seed) {
        for (const auto kind : naive::all_flavours) {
            for (const bool on_nodes : {false, true}) {
                const std::string placer = naive::all_placers.at(seed % naive::all_placers.size());
                const auto where = on_nodes ? naive::random_nodes(seed, placer) : naive::random_pool(seed);
                naive::test_random random(seed ^ 0x6f776eU);
                policy::policy_options o;
                o.priority = {.backfill = random.chance(60),
                              .preempt_above = static_cast<std::uint32_t>(random.between(1, 2))};
                o.fair_share.reclaim = random.chance(80);
                for (const char* name : {"a", "b"}) {
                    o.fair_share.groups.push_back({.name = name,
                                                   .parent = {},
                                                   .quota = static_cast<std::uint64_t>(random.between(
                                                       0, static_cast<std::int64_t>(naive::gpus_of(where)) / 2)),
                                                   .weight = 1});
                }
                o.drf.by_group = random.chance(50);
                o.drf.skip = random.chance(50);
                o.drf.weights = {{"a", 2}};
                o.ftf.lease = std::chrono::seconds{kind == naive::flavour::long_jobs ? 2000 : 10};
                auto asked = requests(naive::random_workload(seed, kind, where, 40));
                for (auto& r : asked) {
                    r.user = r.group = static_cast<std::uint32_t>(random.between(1, 3));
                    r.priority = static_cast<std::int32_t>(random.between(0, 3));
                }
                const auto run = [&](bool explained, std::string& wrong) {
                    sim::parts p{.fleet = where.pool_gpus != 0
                                              ? fleet::fleet_state::pool(where.pool_gpus)
                                              : fleet::fleet_state::flat_nodes(where.nodes, where.gpus_per_node),
                                 .policy = policy::make_policy(policy, o),
                                 .placer = policy::make_placer(where.placer)};
                    p.sources.push_back(
                        std::make_unique<workload::vector_source>(asked, std::vector<std::string>{"", "a", "b", "c"}));
                    sim::wait_recorder recorder([](const sim::job_event&) { return true; },
                                                [](const sim::wait_stretch&) {});
                    sharing_doubter doubts(policy, o, recorder);
                    if (explained) {
                        p.policy = policy::make_explain(std::move(p.policy), doubts);
                        p.observers = {&recorder};
                    }
                    sim::simulation s(std::move(p));
                    s.run();
                    s.results();
                    wrong = doubts.wrong;
                    for (const auto& [what, n] : doubts.seen) seen[what] += n;
                    const auto records = s.records(0);
                    return std::vector<sim::job_record>(records.begin(), records.end());
                };
                INFO(policy << " seed " << seed << " flavour " << naive::name_of(kind) << " nodes " << on_nodes);
                std::string wrong;
                std::string none;
                const auto told = run(true, wrong);
                const auto untold = run(false, none);
                if (!wrong.empty()) FAIL_CHECK(wrong);
                if (!std::equal(told.begin(), told.end(), untold.begin(), untold.end(), same))
                    FAIL_CHECK("being asked changes the run");
            }
        }
    }
    CHECK(seen[obstacle::unknown] == 0);
    if (policy == "ftf") {
        CHECK(seen[obstacle::lease] > 1000);
    } else {
        CHECK(seen[obstacle::gpus] > 1000);
        CHECK(seen[obstacle::placement] > 10);
        CHECK(seen[obstacle::order] > 1000);
    }
    if (policy == "priority") CHECK(seen[obstacle::reservation] > 100);
    if (policy == "fair-share") CHECK(seen[obstacle::quota] > 100);
}

}  // namespace
