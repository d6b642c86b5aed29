// Every policy and placer, on pools and nodes, against the naive re-implementation: start, finish, preemptions, places
// and GPU-time of each job, on random workloads with ties, zero durations, fractions and wrong estimates.

#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/naive_replay.hpp"
#include "support/random_workload.hpp"

#include <ampacity/policy/registry.hpp>
#include <ampacity/policy/wrappers.hpp>
#include <ampacity/sim/simulation.hpp>

#include <array>
#include <map>
#include <string>

namespace {

using namespace ampacity;

struct recorder final : sim::observer {
    void on_start(const sim::job_start& s) override {
        naive::attempt a{.start_ns = ticks(s.at)};
        for (const auto& share : s.where) a.nodes.emplace_back(static_cast<std::uint32_t>(share.node), share.gpus);
        std::sort(a.nodes.begin(), a.nodes.end());
        of[s.name].push_back(std::move(a));
    }
    std::map<std::int64_t, std::vector<naive::attempt>> of;
};

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

std::string describe(const naive::outcome& o) {
    std::string out = "state " + std::to_string(static_cast<int>(o.st)) + " start " +
                      (o.first_start_ns ? std::to_string(*o.first_start_ns) : "-") + " finish " +
                      (o.finish_ns ? std::to_string(*o.finish_ns) : "-") + " preemptions " +
                      std::to_string(o.preemptions) + " useful " + to_string(o.useful_gpu_ns) + " lost " +
                      to_string(o.lost_gpu_ns);
    for (const auto& a : o.attempts) {
        out += " [" + std::to_string(a.start_ns) + ":";
        for (const auto& [node, gpus] : a.nodes) out += " " + std::to_string(node) + "/" + std::to_string(gpus);
        out += "]";
    }
    return out;
}

std::vector<naive::outcome> engine(const std::vector<naive::job>& jobs, const naive::fleet& where,
                                   const naive::options& how) {
    policy::policy_options options{
        .sjf_by_estimate = how.by_estimate, .srtf_by_estimate = how.by_estimate, .las_thresholds = {}};
    for (const auto t : how.las_thresholds_gpu_s) options.las_thresholds.push_back(gpu_time{t} * 1'000'000'000);
    recorder seen;
    sim::parts p{.fleet = where.pool_gpus != 0 ? fleet::fleet_state::pool(where.pool_gpus)
                                               : fleet::fleet_state::flat_nodes(where.nodes, where.gpus_per_node),
                 .sources = {},
                 .policy = policy::make_policy(how.policy, options),
                 .placer = policy::make_placer(where.placer),
                 .until = {},
                 .enforce_estimate = how.enforce_estimate,
                 .decision_time = {.base = duration{how.decision_ns}, .per_job = duration{how.decision_per_job_ns}},
                 .sample_every = {},
                 .observers = {&seen}};
    p.sources.push_back(std::make_unique<workload::vector_source>(requests(jobs)));
    if (how.until_ns) p.until = duration{*how.until_ns};
    if (how.every_ns) p.policy = policy::make_round(std::move(p.policy), duration{*how.every_ns});
    sim::simulation s(std::move(p));
    s.run();
    s.results();  // checks that the books balance
    std::vector<naive::outcome> out(jobs.size());
    const auto records = s.records(0);
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        naive::outcome& o = out[i];
        if (i >= records.size() || records[i].submit == instant{} + duration::min()) continue;
        const sim::job_record& r = records[i];
        switch (r.state) {
            case sim::outcome::finished: o.st = naive::state::finished; break;
            case sim::outcome::rejected: o.st = naive::state::rejected; break;
            case sim::outcome::killed: o.st = naive::state::killed; break;
            case sim::outcome::unfinished: o.st = naive::state::unfinished; break;
        }
        if (r.first_start != sim::unset) o.first_start_ns = ticks(r.first_start);
        if (r.finish != sim::unset) o.finish_ns = ticks(r.finish);
        o.preemptions = r.preemptions;
        o.useful_gpu_ns = int128{ticks(r.useful)} * r.gpus;
        o.lost_gpu_ns = int128{ticks(r.lost)} * r.gpus;
        if (const auto a = seen.of.find(static_cast<std::int64_t>(i)); a != seen.of.end()) o.attempts = a->second;
    }
    return out;
}

void compare(std::uint64_t seed, naive::flavour kind, const naive::fleet& where, const std::string& policy,
             std::optional<std::int64_t> every_ns = {}, bool takes_time = false) {
    naive::options how = naive::random_options(seed, policy);
    how.every_ns = every_ns;
    if (takes_time) {
        // Whole seconds meet the instants of the workload, odd times miss them; either part may be 0.
        static constexpr std::int64_t second = 1'000'000'000;
        static constexpr std::array times{std::int64_t{0}, std::int64_t{1}, second / 3,
                                          second,          3 * second,      40 * second};
        how.decision_ns = times[seed % times.size()];
        how.decision_per_job_ns = times[seed / times.size() % times.size()] / 4;
    }
    const auto jobs = naive::random_workload(seed, kind, where, 40);
    const auto expected = naive::replay(jobs, where, how);
    const auto actual = engine(jobs, where, how);
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        if (describe(expected[i]) != describe(actual[i])) {
            INFO(policy << " seed " << seed << " flavour " << naive::name_of(kind) << " pool " << where.pool_gpus
                        << " nodes " << where.nodes << "x" << where.gpus_per_node << " placer " << where.placer
                        << " job " << i << " gpus " << jobs[i].gpus << " every " << every_ns.value_or(0) << " decision "
                        << how.decision_ns << " + " << how.decision_per_job_ns);
            CHECK(describe(actual[i]) == describe(expected[i]));
            return;
        }
    }
}

TEST_CASE("every policy on pools gives the naive schedule") {
    const std::string policy =
        GENERATE(from_range(std::vector<std::string>(naive::all_policies.begin(), naive::all_policies.end())));
    for (std::uint64_t seed = 0; seed != test::random_cases(300); ++seed) {
        for (const auto kind : naive::all_flavours) compare(seed, kind, naive::random_pool(seed), policy);
    }
    SUCCEED();
}

TEST_CASE("every policy on nodes gives the naive schedule and places") {
    const std::string policy =
        GENERATE(from_range(std::vector<std::string>(naive::all_policies.begin(), naive::all_policies.end())));
    const std::string placer =
        GENERATE(from_range(std::vector<std::string>(naive::all_placers.begin(), naive::all_placers.end())));
    for (std::uint64_t seed = 0; seed != test::random_cases(150); ++seed) {
        for (const auto kind : naive::all_flavours) compare(seed, kind, naive::random_nodes(seed, placer), policy);
    }
    SUCCEED();
}

TEST_CASE("every policy in rounds gives the naive schedule") {
    const std::string policy =
        GENERATE(from_range(std::vector<std::string>(naive::all_policies.begin(), naive::all_policies.end())));
    constexpr std::int64_t second = 1'000'000'000;
    for (std::uint64_t seed = 0; seed != test::random_cases(30); ++seed) {
        for (const auto kind : naive::all_flavours) {
            // From every instant of the workload to longer than most of its jobs.
            for (const std::int64_t every : {second / 2, second, 3 * second, 7 * second + 1, 60 * second}) {
                compare(seed, kind, naive::random_pool(seed), policy, every);
                compare(seed, kind, naive::random_nodes(seed, "pack"), policy, every);
            }
        }
    }
    SUCCEED();
}

TEST_CASE("decisions that take time give the naive schedule") {
    const std::string policy =
        GENERATE(from_range(std::vector<std::string>(naive::all_policies.begin(), naive::all_policies.end())));
    for (std::uint64_t seed = 0; seed != test::random_cases(100); ++seed) {
        for (const auto kind : naive::all_flavours) {
            compare(seed, kind, naive::random_pool(seed), policy, {}, true);
            compare(seed, kind, naive::random_nodes(seed, "pack"), policy, {}, true);
        }
    }
    SUCCEED();
}

}  // namespace
