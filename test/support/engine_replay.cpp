#include "support/engine_replay.hpp"

#include <ampacity/policy/wrappers.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

namespace ampacity::test {
namespace {

struct recorder final : sim::observer {
    void on_start(const sim::job_start& s) override {
        naive::attempt a{.start_ns = ticks(s.at)};
        for (const auto& share : s.where) a.nodes.emplace_back(static_cast<std::uint32_t>(share.node), share.gpus);
        std::sort(a.nodes.begin(), a.nodes.end());
        of[s.name].push_back(std::move(a));
    }
    std::map<std::int64_t, std::vector<naive::attempt>> of;
};

fleet::fleet_state fleet_of(const naive::fleet& where) {
    if (where.pool_gpus != 0) return fleet::fleet_state::pool(where.pool_gpus);
    if (where.racks.empty()) return fleet::fleet_state::flat_nodes(where.nodes, where.gpus_per_node);
    fleet::topology racks;
    for (std::size_t i = 0; i != where.racks.size();) {
        const naive::rack& first = where.racks[i];
        if (i != 0 && where.racks[i - 1].site != first.site) racks.next_site();
        std::uint32_t count = 0;
        for (; i != where.racks.size() && where.racks[i].block == first.block; ++i) ++count;
        racks.add({.count = count, .nodes = first.nodes, .usable = first.usable});
    }
    return fleet::fleet_state::racks(std::move(racks), where.gpus_per_node);
}

}  // namespace

std::vector<workload::job_request> requests(const std::vector<naive::job>& jobs) {
    std::vector<workload::job_request> out;
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        workload::job_request r;
        r.name = static_cast<std::int64_t>(i);
        r.submit = instant{duration{jobs[i].submit_ns}};
        r.work = duration{jobs[i].duration_ns};
        if (jobs[i].estimate_ns) r.estimate = duration{*jobs[i].estimate_ns};
        r.gpus = r.gpus_min = r.gpus_max = static_cast<std::uint32_t>(jobs[i].gpus);
        r.placement = {.segment = static_cast<std::uint16_t>(jobs[i].segment),
                       .within = jobs[i].within,
                       .exclusive = jobs[i].exclusive,
                       .spread = jobs[i].spread};
        r.user = jobs[i].user;
        r.group = jobs[i].group;
        out.push_back(r);
    }
    return out;
}

std::vector<naive::outcome> replay_by_engine(const std::vector<naive::job>& jobs, const naive::fleet& where,
                                             const engine_options& how) {
    recorder seen;
    sim::parts p{.fleet = fleet_of(where),
                 .sources = {},
                 .policy = policy::make_policy(how.policy, how.options),
                 .placer = policy::make_placer(where.placer, how.options),
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

}  // namespace ampacity::test

namespace naive {

std::string describe(const outcome& o) {
    std::string out = "state " + std::to_string(static_cast<int>(o.st)) + " start " +
                      (o.first_start_ns ? std::to_string(*o.first_start_ns) : "-") + " finish " +
                      (o.finish_ns ? std::to_string(*o.finish_ns) : "-") + " preemptions " +
                      std::to_string(o.preemptions) + " useful " + ampacity::to_string(o.useful_gpu_ns) + " lost " +
                      ampacity::to_string(o.lost_gpu_ns);
    for (const auto& a : o.attempts) {
        out += " [" + std::to_string(a.start_ns) + ":";
        for (const auto& [node, gpus] : a.nodes) out += " " + std::to_string(node) + "/" + std::to_string(gpus);
        out += "]";
    }
    return out;
}

}  // namespace naive
