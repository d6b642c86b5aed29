#include "fleet_groups.hpp"
#include "gpu_fleet.hpp"
#include "reporter.hpp"
#include "row_list.hpp"
#include "service_parts.hpp"

#include <ampacity/core/suggest.hpp>
#include <ampacity/fleet/rack_ranges.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/policy/wrappers.hpp>
#include <ampacity/scenario/build.hpp>
#include <ampacity/scenario/synthetic_options.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::scenario {
namespace {

using descriptions = std::vector<policy::description>;

std::vector<std::string_view> names_of(std::span<const policy::description> table, const descriptions& more) {
    std::vector<std::string_view> names;
    for (const auto& d : table) names.push_back(d.name);
    for (const auto& d : more) names.push_back(d.name);
    return names;
}

bool has(const descriptions& table, std::string_view name) {
    return std::any_of(table.begin(), table.end(), [name](const auto& d) { return d.name == name; });
}

/// The nearest. \pre 0 to 1e6
std::uint64_t millionths(double share) { return static_cast<std::uint64_t>(std::llround(share * 1e6)); }

/// \pre valid
template <class T>
std::vector<node_id> nodes_of(const T& what, const ampacity::fleet::fleet_state& f) {
    std::vector<node_id> out;
    if (what.nodes) {
        for (const std::uint32_t n : parse_rows(*what.nodes, f.free().num_nodes())) out.push_back(node_id{n});
    }
    if (what.racks) {
        const auto racks = ampacity::fleet::rack_ranges(f.free());
        for (const std::uint32_t r : parse_rows(*what.racks, racks.size())) {
            for (std::uint32_t n = racks[r].first; n != racks[r].last; ++n) out.push_back(node_id{n});
        }
    }
    return out;
}
std::vector<node_id> last_nodes(std::uint64_t gpus, const ampacity::fleet::fleet_state& f) {
    const std::uint64_t per_node = f.free().gpus_per_node();
    std::vector<node_id> out;
    for (std::uint64_t n = f.free().num_nodes() - (gpus + per_node - 1) / per_node; n != f.free().num_nodes(); ++n)
        out.push_back(node_id{static_cast<std::uint32_t>(n)});
    return out;
}

sim::reservation_kind kind_of(reservation_kind kind) {
    switch (kind) {
        case reservation_kind::maintenance: break;
        case reservation_kind::advance: return sim::reservation_kind::advance;
        case reservation_kind::capacity_block: return sim::reservation_kind::capacity_block;
    }
    return sim::reservation_kind::maintenance;
}

/// Nodes that serve jobs of a reservation are in no other at the same time. `keys` name them.
void check_overlaps(const std::vector<sim::reservation>& list, const std::vector<std::string>& keys,
                    const locator& locate) {
    const auto has_jobs = [](const sim::reservation& r) { return r.kind != sim::reservation_kind::maintenance; };
    if (std::none_of(list.begin(), list.end(), has_jobs)) return;
    for (std::size_t i = 0; i < list.size(); ++i) {
        for (std::size_t k = 0; k < i; ++k) {
            const auto& a = list[i];
            const auto& b = list[k];
            if (!has_jobs(a) && !has_jobs(b)) continue;
            if (a.what.end <= b.what.start || b.what.end <= a.what.start) continue;
            const auto shared = std::find_if(a.what.nodes.begin(), a.what.nodes.end(), [&b](node_id n) {
                return std::binary_search(b.what.nodes.begin(), b.what.nodes.end(), n);
            });
            if (shared == a.what.nodes.end()) continue;
            reporter{locate}.fail(
                keys[i], "reserves node " + std::to_string(index(*shared)) + " at a time when " + b.name + " has it",
                a.name, "give it other nodes, or another time");
        }
    }
}

void check_delivered_once(const std::vector<sim::delivery>& list, std::uint32_t nodes, const locator& locate) {
    std::vector<bool> seen(list.empty() ? 0 : nodes, false);
    for (std::size_t i = 0; i != list.size(); ++i) {
        for (const node_id n : list[i].nodes) {
            if (seen[index(n)])
                reporter{locate}.fail("fleet.deliveries." + std::to_string(i),
                                      "node " + std::to_string(index(n)) + " has come already", {},
                                      "name each node or rack in one delivery");
            seen[index(n)] = true;
        }
    }
}

/// What is worked on, one after the other. \pre valid
std::vector<ampacity::fleet::node_range> worked_on(const maintenance& m, const ampacity::fleet::fleet_state& f) {
    std::vector<ampacity::fleet::node_range> all = ampacity::fleet::rack_ranges(f.free());
    if (m.nodes || all.empty()) {
        all.clear();
        for (std::uint32_t n = 0; n != f.free().num_nodes(); ++n) all.push_back({n, n + 1});
    }
    const auto& given = m.nodes ? m.nodes : m.racks;
    if (!given) return all;
    std::vector<ampacity::fleet::node_range> out;
    for (const std::uint32_t i : parse_rows(*given, all.size())) out.push_back(all[i]);
    return out;
}

instant after_turns(instant start, duration each, std::size_t turns) {
    const auto n = static_cast<std::int64_t>(turns);
    return n != 0 && each > duration::max() / n ? never : add_saturating(start, each * n);
}

/// How long before its turns policies learn of maintenance; none: from the start of the run.
std::optional<duration> notice_of(const maintenance& m, const scenario& s) {
    const bool serves = std::any_of(s.workload.begin(), s.workload.end(),
                                    [](const workload_entry& w) { return w.service.has_value(); });
    if (m.notice || !serves) return m.notice;
    return m.length;  // a replica has no end that could lie before all that is known
}

/// Rounds of maintenance, a reservation for all that is worked on at a time. `keys` name them.
void add_maintenance(const scenario& s, const maintenance& m, const std::string& key, sim::parts& parts,
                     std::vector<std::string>& keys, const locator& locate) {
    constexpr std::size_t most_known = 1000;
    const std::optional<duration> notice = notice_of(m, s);
    const std::size_t most = notice ? 10 * most_known : most_known;
    const auto units = worked_on(m, parts.fleet);
    const std::size_t turns = (units.size() + m.at_a_time - 1) / m.at_a_time;
    const auto rounds_known = notice && m.every ? static_cast<std::size_t>(*notice / *m.every) + 1 : std::size_t{1};
    if (notice && *notice / m.length >= static_cast<std::int64_t>(most_known) && turns * rounds_known >= most_known)
        reporter{locate}.fail(key + ".notice", "too many turns would be known at a time", format(*notice),
                              "write less than " + std::to_string(most_known) + " times `duration`");
    if (m.every && after_turns(start_of_time, m.length, turns) > start_of_time + *m.every)
        reporter{locate}.fail(key + ".every", "a round is not over by then", format(*m.every),
                              "write more, or work on more at a time: a round is " + std::to_string(turns) + " times " +
                                  format(m.length));
    const instant until = s.until ? start_of_time + *s.until : never;
    instant round = start_of_time + (m.start ? *m.start : *m.every);
    for (std::size_t number = 0; round < until; ++number) {
        const std::size_t turn = number % turns;
        const instant start = after_turns(round, m.length, turn);
        if (start >= until) break;
        if (parts.reservations.size() >= most)
            reporter{locate}.fail(key, "too many reservations, with all others", m.name,
                                  "plan at most " + std::to_string(most) + ": work on more at a time, or less often" +
                                      (notice ? "" : ", or give `notice`"));
        sim::reservation& r = parts.reservations.emplace_back();
        r.name = m.name + ' ' + std::to_string(number + 1);
        r.what = {.start = start, .end = add_saturating(start, m.length), .nodes = {}};
        if (notice && *notice < start - start_of_time) r.known = start - *notice;
        for (std::size_t u = turn * m.at_a_time; u != units.size() && u != (turn + 1) * m.at_a_time; ++u) {
            for (std::uint32_t n = units[u].first; n != units[u].last; ++n) r.what.nodes.push_back(node_id{n});
        }
        keys.push_back(key);
        if (turn + 1 == turns) round = m.every ? add_saturating(round, *m.every) : never;
    }
}

/// Racks that come and leave as their sites plan it: what is at the same instant, at once.
void add_build_out(const scenario& s, sim::parts& parts) {
    const auto racks = ampacity::fleet::rack_ranges(parts.fleet.free());
    std::map<instant, std::vector<node_id>> come;
    std::map<instant, sim::retirement> leave;
    for (const rack_course& c : rack_courses(s)) {
        const instant in_service = c.dates.in_service;
        std::vector<node_id> nodes;
        for (std::uint32_t n = racks[c.rack].first; n != racks[c.rack].last; ++n) nodes.push_back(node_id{n});
        if (in_service != start_of_time) come[in_service].insert(come[in_service].end(), nodes.begin(), nodes.end());
        if (in_service == never || c.dates.retired == never) continue;
        sim::retirement& r = leave[c.dates.retired];
        const instant known = start_of_time + std::max(duration::zero(), c.dates.retired - start_of_time - c.notice);
        r.known = r.nodes.empty() ? known : std::min(known, r.known);
        r.at = c.dates.retired;
        r.nodes.insert(r.nodes.end(), nodes.begin(), nodes.end());
    }
    for (auto& [at, nodes] : come) {
        std::sort(nodes.begin(), nodes.end());
        parts.deliveries.push_back({.at = at, .nodes = std::move(nodes)});
    }
    for (auto& [at, r] : leave) {
        std::sort(r.nodes.begin(), r.nodes.end());
        parts.retirements.push_back(std::move(r));
    }
}

/// Nodes that leave and come, or are slow for a while.
void add_changes(const scenario& s, sim::parts& parts, const locator& locate) {
    for (const outage& o : s.faults.outages) {
        const instant start = start_of_time + o.start;
        parts.outages.push_back({.start = start, .end = start + o.length, .nodes = nodes_of(o, parts.fleet)});
    }
    for (const slowdown& d : s.fleet.slowdowns) {
        const instant start = start_of_time + d.start;
        parts.slowdowns.push_back(
            {.start = start, .end = start + d.length, .nodes = nodes_of(d, parts.fleet), .speed = d.speed});
    }
    for (const delivery& d : s.fleet.deliveries)
        parts.deliveries.push_back({.at = start_of_time + d.at, .nodes = nodes_of(d, parts.fleet)});
    check_delivered_once(parts.deliveries, parts.fleet.free().num_nodes(), locate);
    add_build_out(s, parts);
    std::vector<std::string> keys;
    for (const reservation& r : s.scheduler.reservations) {
        const instant start = start_of_time + r.start;
        parts.reservations.push_back(
            {.name = r.name,
             .what = {.start = start,
                      .end = start + r.length,
                      .nodes = r.gpus ? last_nodes(*r.gpus, parts.fleet) : nodes_of(r, parts.fleet)},
             .kind = kind_of(r.kind)});
        keys.push_back("scheduler.reservations." + std::to_string(keys.size()));
    }
    for (std::size_t i = 0; i != s.faults.planned.size(); ++i)
        add_maintenance(s, s.faults.planned[i], "faults.maintenance." + std::to_string(i), parts, keys, locate);
    check_overlaps(parts.reservations, keys, locate);
    for (const workload_entry& entry : s.workload) parts.reserved_for.push_back(entry.reservation.value_or(""));
    parts.drain_racks_at = static_cast<std::uint32_t>(millionths(s.faults.drain_rack_at));
}

/// Number of a site, from 0. \pre there is one of this name
std::uint16_t number_of(const std::string& name, const fleet& f) {
    const auto at = std::find_if(f.sites.begin(), f.sites.end(), [&](const site& s) { return s.name == name; });
    return static_cast<std::uint16_t>(at - f.sites.begin());
}

/// Sites that schedule their own jobs, but for who does.
void add_sites(const scenario& s, sim::site_scheduling& to) {
    const site_scheduler& terms = *s.scheduler.sites;
    to.place = terms.place;
    to.transfer = terms.transfer;
    if (terms.migrate) {
        const site_migration& m = *terms.migrate;
        to.migrate = {.interval = m.interval, .gain = m.gain, .min_stay = m.min_stay};
        if (m.bandwidth) to.migrate->bandwidth_b_s = m.bandwidth->value;
    }
    constexpr std::int64_t day_ns = 86'400'000'000'000;
    to.utc_s = static_cast<double>(s.start.time_since_epoch().count() % day_ns) * 1e-9;
    std::uint32_t next = 0;
    for (const site& of : s.fleet.sites) {
        sim::site_parts& made = to.sites.emplace_back();
        made.name = of.name;
        for (const rack_group& g : of.racks) {
            for (std::uint64_t n = 0; n != g.count * g.nodes_per_rack; ++n) made.nodes.push_back(node_id{next++});
        }
    }
    for (const workload_entry& w : s.workload) {
        to.pinned.push_back(w.site ? static_cast<std::uint16_t>(1 + number_of(*w.site, s.fleet)) : std::uint16_t{0});
        to.homes.push_back(w.home ? static_cast<std::uint16_t>(1 + number_of(*w.home, s.fleet)) : std::uint16_t{0});
        const auto& from = w.origin ? w.origin : terms.origin;
        to.origins.push_back(from ? number_of(*from, s.fleet) : std::uint16_t{0});
    }
}

/// Every replica of a service has a place at a site where it may run.
void check_replicas(const sim::parts& parts, const reporter& report) {
    for (const sim::service_parts& of : parts.services) {
        const workload::placement_constraint& wish = of.scaling->placement;
        const ampacity::fleet::demand wanted{.gpus = of.gpus_per_replica,
                                             .segment = wish.segment,
                                             .within = wish.within,
                                             .exclusive = wish.exclusive,
                                             .spread = wish.spread};
        bool any = false;
        for (std::size_t i = 0; i != parts.sites.sites.size() && !any; ++i) {
            const std::uint16_t bound = parts.sites.pinned[of.entry];
            if (bound != 0 && bound != i + 1) continue;
            const auto alone = ampacity::fleet::fleet_state::part(parts.fleet, parts.sites.sites[i].nodes);
            any = policy::fits(*parts.placer, alone.empty(), wanted);
        }
        if (!any)
            report.fail("workload." + std::to_string(of.entry) + ".service", "a replica has a place at no site",
                        std::to_string(of.gpus_per_replica), "write fewer GPUs for each, or a larger site");
    }
}

/// What training jobs share.
void add_shared(const fleet& f, sim::parts& parts) {
    if (f.storage && f.storage->bandwidth) parts.store_b_s = f.storage->bandwidth->value;
    if (!f.network) return;
    const scope part = f.network->part == network_part::rack    ? scope::rack
                       : f.network->part == network_part::block ? scope::block
                                                                : scope::site;
    parts.fabric = {.part = part, .oversubscription = f.network->oversubscription, .interleave = f.network->interleave};
}

policy::gpu_steps steps_of(gpu_steps s) {
    switch (s) {
        case gpu_steps::any: return policy::gpu_steps::any;
        case gpu_steps::powers_of_two: return policy::gpu_steps::powers_of_two;
        case gpu_steps::whole_nodes: return policy::gpu_steps::whole_nodes;
    }
    return policy::gpu_steps::any;
}

std::optional<std::int32_t> below(const std::optional<std::uint64_t>& priority) {
    return priority ? std::optional{static_cast<std::int32_t>(*priority)} : std::nullopt;
}

policy::policy_options make_options(const scheduler& s) {
    policy::policy_options options{.sjf_by_estimate = s.sjf.by == knowledge::estimate,
                                   .srtf_by_estimate = s.srtf.by == knowledge::estimate,
                                   .las_thresholds = {},
                                   .topology_keeps_racks_whole = s.topology.keep_racks_whole,
                                   .round_policy = s.round.policy,
                                   .round_every = s.round.every,
                                   .explain_policy = s.explain.policy};
    for (const gpu_duration& t : s.las.thresholds) options.las_thresholds.push_back(t.value);
    options.srsf_by_estimate = s.srsf.by == knowledge::estimate;
    options.gittins.quantum = s.gittins.service_quantum.value;
    options.gittins.stages = s.gittins.stages;
    for (const gpu_duration& t : s.gittins.service) options.gittins.service.push_back(t.value);
    options.qssf = {.weight = millionths(s.qssf.weight), .prior = s.qssf.prior, .skip = s.qssf.skip};
    options.ftf = {.lease = s.ftf.lease, .fairness = millionths(s.ftf.fairness)};
    options.max_min = {.round = s.max_min.round};
    const bool at_checkpoints = s.preemption.at == preemption_time::checkpoint;
    options.priority = {.backfill = s.priority.backfill,
                        .at_checkpoints = at_checkpoints,
                        .preempt_above = static_cast<std::uint32_t>(s.priority.preempt_above)};
    options.fair_share.reclaim = s.fair_share.reclaim;
    options.fair_share.at_checkpoints = at_checkpoints;
    for (const quota_group& g : s.fair_share.groups)
        options.fair_share.groups.push_back({.name = g.name, .parent = g.parent, .quota = g.quota, .weight = g.weight});
    options.drf.by_group = s.drf.by == share_owner::group;
    options.drf.skip = s.drf.skip;
    for (const owner_weight& w : s.drf.weights) options.drf.weights.emplace_back(w.name, w.weight);
    static_assert(max_placement_weight * 1e6 == policy::rack_weights::most);
    static_assert(max_weighed_racks == policy::rack_weights::most_racks);
    if (const auto& w = s.topology.weights) {
        options.topology_weights = {.racks = millionths(w->racks),
                                    .largest_share = millionths(w->largest_share),
                                    .blocks = millionths(w->blocks),
                                    .sites = millionths(w->sites),
                                    .whole_racks = millionths(w->whole_racks)};
    }
    options.elastic = {.steps = steps_of(s.elastic.steps),
                       .arithmetic = s.elastic.mean == speed_mean::arithmetic,
                       .interval = s.elastic.interval,
                       .skip = s.elastic.skip};
    options.carbon_aware_base = s.carbon_aware.base;
    options.carbon_aware = {.of = s.carbon_aware.intensity == intensity::marginal ? policy::signal_kind::marginal
                                                                                  : policy::signal_kind::carbon,
                            .max_delay = s.carbon_aware.max_delay,
                            .below_priority = below(s.carbon_aware.below_priority)};
    options.price_aware_base = s.price_aware.base;
    options.price_aware = {.of = policy::signal_kind::price,
                           .max_delay = s.price_aware.max_delay,
                           .below_priority = below(s.price_aware.below_priority)};
    options.power_aware = {.skip = s.power_aware.skip,
                           .reserve = static_cast<std::uint32_t>(millionths(s.power_aware.reserve)),
                           .cap = static_cast<std::uint32_t>(millionths(s.power_aware.cap))};
    return options;
}

/// The policy that decides in the end, whatever wraps it.
const std::string& innermost(const scheduler& s) {
    const std::string* name = s.policy == "explain" ? &s.explain.policy : &s.policy;
    if (*name == "round") name = &s.round.policy;
    if (*name == "carbon-aware") return s.carbon_aware.base;
    if (*name == "price-aware") return s.price_aware.base;
    return *name;
}

/// Policies that preempt at once can do nothing else, and plug-ins say themselves when.
void check_preemption_time(const scheduler& s, const descriptions& plugins, const reporter& report) {
    if (s.preemption.at == preemption_time::now) return;
    const std::string& name = innermost(s);
    constexpr std::array<std::string_view, 6> only_now{"srtf", "las", "srsf", "gittins", "ftf", "max-min"};
    const char* const key = "scheduler.preemption.at";
    const std::string value{name_of_value(s.preemption.at)};
    if (std::find(only_now.begin(), only_now.end(), name) != only_now.end())
        report.fail(key, "the policy " + name + " preempts at once", value,
                    "write now, or the policy priority or fair-share");
    if (has(plugins, name))
        report.fail(key, "the policy " + name + " of a plug-in says itself when jobs leave", value, "remove it");
}

const free_options* given(const std::optional<free_options>& options) { return options ? &*options : nullptr; }

/// Policies and placers as the scenario names them: of this library, or of plug-ins.
class scheduler_parts {
public:
    scheduler_parts(scenario s, const more_parts* more) : s_(std::move(s)), more_(more) {}

    [[nodiscard]] std::unique_ptr<policy::policy> make_policy() const { return make_policy(s_.scheduler.policy); }
    [[nodiscard]] std::unique_ptr<policy::placer> make_placer() const {
        const scheduler& of = s_.scheduler;
        if (auto built_in = policy::make_placer(of.placer, options_)) return built_in;
        return more_->make_placer({.name = of.placer,
                                   .options = given(of.placer_options),
                                   .key = "scheduler.placer_options",
                                   .seed = s_.seed});
    }

private:
    [[nodiscard]] std::unique_ptr<policy::policy> make_policy(std::string_view name) const {
        const scheduler& of = s_.scheduler;
        if (name == "explain") return make_policy(of.explain.policy);
        if (name == "round") return policy::make_round(make_policy(of.round.policy), of.round.every);
        if (name == "carbon-aware")
            return policy::make_signal_aware(make_policy(of.carbon_aware.base), options_.carbon_aware);
        if (name == "price-aware")
            return policy::make_signal_aware(make_policy(of.price_aware.base), options_.price_aware);
        if (auto built_in = policy::make_policy(name, options_)) return built_in;
        return more_->make_policy(
            {.name = name, .options = given(of.policy_options), .key = "scheduler.policy_options", .seed = s_.seed});
    }

    scenario s_;
    const more_parts* more_;
    policy::policy_options options_ = make_options(s_.scheduler);
};

}  // namespace

void validate(const scenario& s, const locator& locate, const more_parts* more) {
    const descriptions policies = more ? more->policies() : descriptions{};
    const descriptions placers = more ? more->placers() : descriptions{};
    validate(s, names_of(policy::policies(), policies), names_of(policy::placers(), placers), locate);
    const reporter report{locate};
    if (s.scheduler.policy_options && !has(policies, innermost(s.scheduler)))
        report.fail("scheduler.policy_options", "is for policies of plug-ins", innermost(s.scheduler),
                    "remove it; the options of a built-in policy stand under its own name");
    check_preemption_time(s.scheduler, policies, report);
    if (s.scheduler.placer_options && !has(placers, s.scheduler.placer))
        report.fail("scheduler.placer_options", "is for placers of plug-ins", s.scheduler.placer, "remove it");
    const std::vector<std::string_view> sources = names_of({}, more ? more->sources() : descriptions{});
    for (std::size_t i = 0; i != s.workload.size(); ++i) {
        if (!s.workload[i].plugin) continue;
        const std::string& name = s.workload[i].plugin->name;
        if (std::find(sources.begin(), sources.end(), name) == sources.end())
            report.fail("workload." + std::to_string(i) + ".plugin.name", "no plug-in has a source of this name", name,
                        sources.empty() ? "load its plug-in with --plugin FILE" : suggestion(name, sources));
    }
}

sim::parts build(const scenario& s, const trace_opener& open_trace, const locator& locate, const more_parts* more,
                 const training_opener& open_training, const request_opener& open_requests,
                 const model_opener& open_model) {
    validate(s, locate, more);
    made_fleet made = make_fleet(s);
    sim::parts parts{.fleet = std::move(made.fleet),
                     .sources = {},
                     .until = s.until,
                     .enforce_estimate = s.enforce_estimate,
                     .preemption = {.checkpoint_interval = s.scheduler.preemption.checkpoint_interval,
                                    .checkpoint = s.scheduler.preemption.checkpoint,
                                    .restart = s.scheduler.preemption.restart,
                                    .resize = s.scheduler.preemption.resize},
                     .decision_time = {.base = s.scheduler.decision_time, .per_job = s.scheduler.decision_time_per_job},
                     .sample_every = s.output.telemetry,
                     .observers = {},
                     .speeds = std::move(made.speeds)};
    add_changes(s, parts, locate);
    add_shared(s.fleet, parts);
    if (s.has_years()) {
        parts.groups = groups_of(s.fleet);
        parts.snapshots = year_starts(s.start);
    }
    const scheduler_parts scheduling{s, more};
    parts.policy = scheduling.make_policy();
    parts.placer = scheduling.make_placer();
    for (sim::reservation& r : parts.reservations) {
        if (r.kind == sim::reservation_kind::maintenance) continue;
        r.policy = scheduling.make_policy();
        r.placer = scheduling.make_placer();
    }
    if (s.scheduler.sites) {
        add_sites(s, parts.sites);
        const auto all = std::make_shared<const scheduler_parts>(s, more);
        parts.sites.make_policy = [all] { return all->make_policy(); };
        parts.sites.make_placer = [all] { return all->make_placer(); };
    }
    add_services(s, parts, open_requests, open_model, locate);
    if (s.scheduler.sites) check_replicas(parts, reporter{locate});
    for (std::size_t i = 0; i != s.workload.size(); ++i) {
        const workload_entry& entry = s.workload[i];
        const auto number = static_cast<std::uint16_t>(i);
        if (entry.service) {
            parts.sources.push_back(replica_names(*entry.service, s.fleet));
            continue;
        }
        if (entry.synthetic) {
            parts.sources.push_back(
                std::make_unique<workload::synthetic_source>(make_options(*entry.synthetic, s.seed, number, s.start)));
            continue;
        }
        if (entry.plugin) {
            parts.sources.push_back(more->make_source({.name = entry.plugin->name,
                                                       .options = given(entry.plugin->options),
                                                       .key = "workload." + std::to_string(i) + ".plugin.options",
                                                       .seed = s.seed,
                                                       .entry = number}));
            continue;
        }
        const std::string key = "workload." + std::to_string(i);
        if (entry.training) {
            if (!open_training)
                reporter{locate}.fail(key + ".training", "no way to make training jobs was given", {},
                                      "pass a training_opener to build, or use the library of files");
            parts.sources.push_back(open_training(entry.training, number));
            continue;
        }
        if (!open_trace)
            reporter{locate}.fail(key + ".trace", "no way to open traces was given", entry.trace->path,
                                  "pass a trace_opener to build, or use the library of files");
        parts.sources.push_back(open_trace(*entry.trace, number));
    }
    return parts;
}

}  // namespace ampacity::scenario
