#include "support/engine_replay.hpp"

#include <ampacity/policy/wrappers.hpp>
#include <ampacity/sim/simulation.hpp>
#include <ampacity/workload/links.hpp>

#include <algorithm>
#include <deque>
#include <memory>
#include <utility>

namespace ampacity::test {
namespace {

/// The ties of jobs as the engine is told them; requests point into it.
class links_of {
public:
    explicit links_of(const std::vector<naive::job>& jobs) {
        for (const naive::job& j : jobs) {
            std::vector<workload::dependency>& after = after_.emplace_back();
            for (const naive::tie& t : j.after) {
                after.push_back({.row = t.job,
                                 .kind = t.must_finish ? workload::dependency_kind::after_ok
                                                       : workload::dependency_kind::after_any});
            }
            links_.push_back(
                {.after = after, .think = duration{j.think_ns}, .array = j.array, .array_limit = j.array_limit});
        }
    }
    void tie(std::vector<workload::job_request>& requests) const {
        for (std::size_t i = 0; i != requests.size(); ++i) {
            if (!links_[i].after.empty() || links_[i].array != 0) requests[i].links = &links_[i];
        }
    }

private:
    std::deque<std::vector<workload::dependency>> after_;
    std::deque<workload::job_links> links_;
};

/// As many names as the jobs have numbers for.
std::vector<std::string> names_of(const std::vector<naive::job>& jobs) {
    std::uint32_t most = 0;
    for (const naive::job& j : jobs) most = std::max({most, j.user, j.group});
    std::vector<std::string> out{""};
    for (std::uint32_t i = 1; i <= most; ++i) out.push_back(std::to_string(i));
    return out;
}

std::vector<double> speeds_of(const naive::job& j) {
    std::vector<double> out;
    for (const std::int64_t s : j.speeds) out.push_back(static_cast<double>(s) / 64);
    return out;
}

/// The types of a mixed fleet with the speeds of these jobs; null for any other.
std::shared_ptr<fleet::gpu_types> types_of(const std::vector<naive::job>& jobs, const naive::fleet& where) {
    if (where.types.empty()) return nullptr;
    std::vector<std::string> names;
    for (std::size_t t = 0; t != where.types.size(); ++t) names.push_back("t" + std::to_string(t));
    auto types = std::make_shared<fleet::gpu_types>(names);
    for (const naive::job& j : jobs) {
        if (!j.speeds.empty()) types->add_row(speeds_of(j)).value();
    }
    return types;
}

}  // namespace

fleet::fleet_state fleet_of(const naive::fleet& where, std::shared_ptr<const fleet::gpu_types> types) {
    if (types) {
        std::vector<fleet::free_index> parts;
        for (const naive::fleet& part : where.types) parts.push_back(fleet_of(part).free());
        return fleet::fleet_state::mixed(std::move(types), std::move(parts));
    }
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

std::vector<workload::job_request> requests(const std::vector<naive::job>& jobs, fleet::gpu_types* types) {
    std::vector<workload::job_request> out;
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        const bool has_speeds = types != nullptr && !jobs[i].speeds.empty();
        out.push_back(naive::request(jobs[i], i, has_speeds ? types->add_row(speeds_of(jobs[i])).value() : 0U));
    }
    return out;
}

std::vector<sim::slowdown> slowdowns_of(const naive::fleet& where) {
    std::vector<sim::slowdown> out;
    for (const naive::slowdown& d : where.slowdowns) {
        out.push_back({.start = instant{duration{d.start_ns}},
                       .end = instant{duration{d.end_ns}},
                       .nodes = {},
                       .speed = d.speed});
        for (const std::uint32_t n : d.nodes) out.back().nodes.push_back(node_id{n});
    }
    return out;
}

std::vector<naive::outcome> replay_by_engine(const std::vector<naive::job>& jobs, const naive::fleet& where,
                                             const engine_options& how, ledger* books) {
    naive::start_recorder seen;
    const auto types = types_of(jobs, where);
    sim::parts p{.fleet = fleet_of(where, types),
                 .sources = {},
                 .policy = policy::make_policy(how.policy, how.options),
                 .placer = policy::make_placer(where.placer, how.options),
                 .until = {},
                 .enforce_estimate = how.enforce_estimate,
                 .preemption = how.preemption,
                 .decision_time = {.base = duration{how.decision_ns}, .per_job = duration{how.decision_per_job_ns}},
                 .sample_every = {},
                 .observers = {&seen}};
    const links_of links(jobs);
    auto asked = requests(jobs, types.get());
    links.tie(asked);
    if (how.change) std::for_each(asked.begin(), asked.end(), how.change);
    p.sources.push_back(
        std::make_unique<workload::vector_source>(std::move(asked), how.names.empty() ? names_of(jobs) : how.names));
    for (const naive::leave& l : where.leaves) {
        std::vector<node_id> nodes;
        for (const std::uint32_t n : l.nodes) nodes.push_back(node_id{n});
        const instant start{duration{l.start_ns}};
        const instant end{duration{l.end_ns}};
        if (l.planned)
            p.reservations.push_back({.name = "planned",
                                      .what = {.start = start, .end = end, .nodes = nodes},
                                      .known = instant{duration{l.known_ns}}});
        else
            p.outages.push_back({.start = start, .end = end, .nodes = nodes});
    }
    p.slowdowns = slowdowns_of(where);
    p.drain_racks_at = where.drain_at_millionths;
    p.signals = how.signals;
    if (how.until_ns) p.until = duration{*how.until_ns};
    if (how.every_ns) p.policy = policy::make_round(std::move(p.policy), duration{*how.every_ns});
    sim::simulation s(std::move(p));
    s.run();
    const ledger balanced = s.results().books;  // or an exception is thrown
    if (books != nullptr) *books = balanced;
    return naive::outcomes_of(s, seen, jobs.size());
}

}  // namespace ampacity::test
