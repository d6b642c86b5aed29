// Reasons for waiting, on random workloads: every job is followed under every policy. Its stretches cover its waiting
// exactly, the reason holds when looked at from outside, and the run is the same as without anybody asking.

#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/random_workload.hpp"

#include <ampacity/policy/registry.hpp>
#include <ampacity/policy/wrappers.hpp>
#include <ampacity/sim/simulation.hpp>
#include <ampacity/sim/wait_recorder.hpp>

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
                 .enforce_estimate = how.enforce_estimate};
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
        }
    }
    SUCCEED();
}

}  // namespace
