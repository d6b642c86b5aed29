#include "service_json.hpp"

#include "distribution_json.hpp"

#include <ampacity/core/accounts.hpp>
#include <ampacity/core/time.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

namespace ampacity::io {
namespace {

using json = nlohmann::ordered_json;
using io::to_json;

/// Of replicas that something could slow down.
void add_pace(json& out, const sim::scaling_result& r) {
    if (!r.is_paced || r.serving == 0) return;
    out["slowed_share"] = static_cast<double>(r.slowed) / static_cast<double>(r.serving);
    out["mean_pace"] = r.mean_pace();
}

/// Replicas that come and go.
void add_scaling(json& out, const sim::service_result& s) {
    const sim::scaling_result& r = *s.scaling;
    const auto gpu_hours = [&r](gpu_time of) { return to_gpu_hours(of * static_cast<gpu_time>(r.gpus_per_replica)); };
    out["cold_gpu_hours"] = gpu_hours(r.cold);
    out["draining_gpu_hours"] = gpu_hours(r.draining);
    const double gpu_s = to_gpu_hours(s.held_gpu_time()) * 3600;
    if (gpu_s > 0) out["tokens_per_s_per_gpu"] = static_cast<double>(s.output_tokens) / gpu_s;
    add_pace(out, r);
    out["requeued"] = r.requeued;
    out["lost_tokens"] = r.lost_tokens;
    json& replicas = out["replicas"];
    replicas = {{"hours", to_gpu_hours(r.held())},
                {"max", r.max_serving},
                {"cold_starts", r.cold_starts},
                {"failures", r.failures},
                {"preemptions", r.preemptions}};
    if (r.lasted > duration::zero())
        replicas["mean"] = static_cast<double>(r.serving) / static_cast<double>(ticks(r.lasted));
}

json to_json(const sim::modelled_service& m) {
    return {{"gpus", m.gpus},
            {"kv_capacity_tokens", m.kv_capacity_tokens},
            {"weights_gb_per_gpu", m.weights_b / 1e9},
            {"full_decodes", m.full_decodes},
            {"decode_alone_s", m.decode_alone_s},
            {"decode_full_s", m.decode_full_s},
            {"prefill_tokens_per_s", m.prefill_tokens_s},
            {"step_error", m.mean_error}};
}

/// Prompts and answers on different replicas.
void add_pools(json& out, const sim::disaggregated_result& d, duration held) {
    for (const auto& [name, p] : {std::pair{"prefill", &d.prefill}, {"decode", &d.decode}}) {
        json& to = out["pools"][name];
        to = {{"replicas", p->replicas},
              {"gpus", p->replicas * p->gpus_per_replica},
              {"steps", p->steps},
              {"preemptions", p->preemptions}};
        const double all_s = to_seconds(held) * static_cast<double>(p->replicas);
        if (all_s > 0) {
            to["busy_share"] = to_seconds(p->busy) / all_s;
            to["kv_occupancy"] = {{"mean", p->kv_occupancy}, {"peak", p->kv_peak}};
        }
        if (p->modelled) to["replica"] = to_json(*p->modelled);
    }
    json& moved = out["transfers"];
    moved = {{"begun", d.begun}, {"received", d.received}, {"moved_gb", d.moved_b / 1e9}};
    if (d.transfer_s) moved["time_s"] = to_json(*d.transfer_s);
}

/// May its engines cancel requests?
bool may_cancel(const scenario::inference_service& of) {
    const auto cancels = [](const scenario::engine_options& e) { return e.timeout || e.max_wait; };
    if (!of.disaggregated) return cancels(of.engine);
    return cancels(of.disaggregated->prefill.engine.value_or(of.engine)) ||
           cancels(of.disaggregated->decode.engine.value_or(of.engine));
}

/// The same number by rates and by requests, and the first / the second - 1.
void add_sides(json& to, const fluid::window_values& flow, const fluid::window_values& engine) {
    const auto add = [](json& pair, std::optional<double> a, std::optional<double> b) {
        if (a) pair["flow"] = *a;
        if (b) pair["engine"] = *b;
        if (a && b && *b > 0) pair["error"] = *a / *b - 1;
    };
    add(to["served_per_s"], flow.served_per_s, engine.served_per_s);
    add(to["busy_share"], flow.busy, engine.busy);
    add(to["ttft_s"]["p50"], flow.ttft_p50_s, engine.ttft_p50_s);
    add(to["ttft_s"]["p99"], flow.ttft_p99_s, engine.ttft_p99_s);
    add(to["tpot_s"]["p50"], flow.tpot_p50_s, engine.tpot_p50_s);
    add(to["tpot_s"]["p99"], flow.tpot_p99_s, engine.tpot_p99_s);
}

json to_json(const fluid::windows_result& w) {
    json out{{"compared", w.each.size()}, {"not_compared", w.not_compared}};
    if (w.each.empty()) return out;
    add_sides(out, w.flow, w.engine);
    for (const fluid::window_result& one : w.each) {
        json& to = out["each"].emplace_back(json{{"from_s", one.from_s}, {"replicas", one.replicas}});
        add_sides(to, one.flow, one.engine);
    }
    return out;
}

/// Of all sites together, and of each.
json windows_of(const sim::service_result& s) {
    json out = to_json(*s.fluid->windows);
    for (const sim::service_result& site : s.sites) out["sites"][site.name] = to_json(*site.fluid->windows);
    return out;
}

/// Requests of a place or at a site, of a service that is everywhere.
json to_json(const sim::routed_requests& r, const sim::routing_result& of) {
    return {{"requests", std::llround(r.requests)},
            {"served", std::llround(r.served)},
            {"prompt_tokens", std::llround(r.served * of.prompt_tokens)},
            {"output_tokens", std::llround(r.served * of.output_tokens)},
            {"round_trip_s", r.round_trip_s},
            {"far_share", r.far_share}};
}

/// What the units of its GPUs used, and what came of it.
void add_cost(json& out, const sim::service_result& s) {
    if (!s.cost || !(s.cost->it_j > 0)) return;
    const sim::service_cost& c = *s.cost;
    json& used = out["used"];
    const auto put = [&used](const char* name, const std::optional<double>& value, double unit) {
        if (value) used[name] = *value / unit;
    };
    put("it_mwh", c.it_j, 3.6e9);
    put("facility_mwh", c.facility_j, 3.6e9);
    put("carbon_location_t", c.carbon_location_kg, 1000);
    put("carbon_market_t", c.carbon_market_kg, 1000);
    put("energy_usd", c.energy_usd, 1);
    if (c.energy_usd && s.output_tokens != 0)
        used["energy_usd_per_million_output_tokens"] = *c.energy_usd * 1e6 / static_cast<double>(s.output_tokens);
}

/// Of a service that is everywhere what its places and sites have.
void add_routing(json& out, const sim::service_result& s) {
    const sim::routing_result& r = *s.routing;
    out["round_trip_s"] = r.round_trip_s;
    out["far_share"] = r.far_share;
    for (const sim::routed_requests& origin : r.origins) {
        json& to = out["origins"][origin.name] = to_json(origin, r);
        for (std::size_t k = 0; k != s.sites.size(); ++k)
            to["served_at"][s.sites[k].name] = std::llround(origin.served_at[k]);
    }
    for (std::size_t k = 0; k != s.sites.size(); ++k) {
        const sim::service_result& site = s.sites[k];
        json& to = out["sites"][site.name] = to_json(r.sites[k], r);
        to["unfinished"] = site.unfinished;
        if (site.ttft_s) to["ttft_s"] = to_json(*site.ttft_s);
        if (site.e2e_s) to["e2e_s"] = to_json(*site.e2e_s);
        if (site.attainment) to["slo_attainment"] = *site.attainment;
        to["mean_load"] = site.fluid->mean_load;
        to["max_backlog"] = site.fluid->max_backlog;
        to["held_gpu_hours"] = to_gpu_hours(site.held_gpu_time());
        json own;
        add_scaling(own, site);
        to["replicas"] = own["replicas"];
        add_cost(to, site);
    }
}

/// Has it any that requests could miss?
bool has_targets(const scenario::inference_service& of) {
    return of.slo ||
           (of.admission && std::any_of(of.admission->classes.begin(), of.admission->classes.end(),
                                        [](const scenario::admission_class& c) { return c.slo.has_value(); }));
}

/// Of requests of a priority or a class.
template <class Result>
void add_tokens(json& to, const Result& of) {
    to["prompt_tokens"] = of.prompt_tokens;
    to["output_tokens"] = of.output_tokens;
    if (of.queueing_s) to["queueing_s"] = to_json(*of.queueing_s);
}

void add_classes(json& out, const sim::service_result& s, const scenario::inference_service& of) {
    const double held_s = to_seconds(s.held);
    for (const sim::class_result& c : s.classes) {
        json& one = out["classes"][c.name];
        one = {{"requests", c.requests}, {"finished", c.finished}, {"shed", c.shed}};
        add_tokens(one, c);
        for (const auto& [name, d] :
             {std::pair{"ttft_s", &c.ttft_s}, {"tpot_s", &c.tpot_s}, {"itl_s", &c.itl_s}, {"e2e_s", &c.e2e_s}}) {
            if (*d) one[name] = to_json(**d);
        }
        if (c.attainment) one["slo_attainment"] = *c.attainment;
        if (held_s > 0 && has_targets(of)) one["goodput_per_s"] = static_cast<double>(c.met) / held_s;
    }
}

}  // namespace

json to_json(const sim::service_result& s, const scenario::inference_service& of,
             const std::optional<scenario::energy>& energy) {
    const scenario::engine_options engine =
        of.disaggregated ? of.disaggregated->prefill.engine.value_or(of.engine) : of.engine;
    json out{{"requests", s.requests}, {"finished", s.finished}, {"rejected", s.rejected}};
    if (may_cancel(of)) out["cancelled"] = s.cancelled;
    if (s.scaling) out["failed"] = s.failed;
    if (of.admission) out["shed"] = s.shed;
    out["unfinished"] = s.unfinished;
    for (const auto& [reason, count] : s.skipped) out["skipped"][std::string{reason}] = count;
    for (const auto& [name, d] : {std::pair{"ttft_s", &s.ttft_s},
                                  {"tpot_s", &s.tpot_s},
                                  {"e2e_s", &s.e2e_s},
                                  {"queueing_s", &s.queueing_s},
                                  {"itl_s", &s.itl_s}}) {
        if (*d) out[name] = to_json(**d);
    }
    if (s.attainment) out["slo_attainment"] = *s.attainment;
    const double held_s = to_seconds(s.held);
    if (held_s > 0) {
        out["requests_per_s"] = static_cast<double>(s.finished) / held_s;
        if (has_targets(of)) out["goodput_per_s"] = static_cast<double>(s.met) / held_s;
    }
    out["prompt_tokens"] = s.prompt_tokens;
    out["output_tokens"] = s.output_tokens;
    if (s.fluid)
        out["fluid"] = {{"capacity_per_s", s.fluid->capacity_per_s},
                        {"queued_capacity_per_s", s.fluid->queued_capacity_per_s},
                        {"mean_load", s.fluid->mean_load},
                        {"max_backlog", s.fluid->max_backlog}};
    if (s.fluid && s.fluid->windows) out["fluid"]["windows"] = windows_of(s);
    if (!s.fluid) out["preemptions"] = s.preemptions;
    if (!s.fluid) out["steps"] = s.steps;
    if (engine.prefix_cache) {
        out["cached_tokens"] = s.cached_tokens;
        if (const std::uint64_t all = s.cached_tokens + s.prefill_tokens; all != 0)
            out["prefix_hit_share"] = static_cast<double>(s.cached_tokens) / static_cast<double>(all);
    }
    for (std::size_t t = 0; t != s.tiers.size(); ++t) {
        json& one = out["tiers"][engine.tiers[t].name];
        one = {{"loads", s.tiers[t].loads}, {"loaded_tokens", s.tiers[t].tokens}};
        const double of_links_s = engine.tiers[t].shared ? held_s
                                  : s.disaggregated
                                      ? to_seconds(s.held) * static_cast<double>(s.disaggregated->prefill.replicas)
                                      : s.replica_s();
        if (of_links_s > 0) one["busy_share"] = to_seconds(s.tiers[t].busy) / of_links_s;
    }
    if (s.adapters) {
        json& one = out["adapters"];
        one = {{"loads", s.adapters->loads}};
        if (const std::uint64_t all = s.adapters->hits + s.adapters->loads; all != 0)
            one["hit_share"] = static_cast<double>(s.adapters->hits) / static_cast<double>(all);
        if (s.replica_s() > 0) one["busy_share"] = to_seconds(s.adapters->busy) / s.replica_s();
    }
    if (s.replica_s() > 0) {
        out["busy_share"] = s.busy_s / s.replica_s();
        out["kv_occupancy"] = {{"mean", s.kv_occupancy}};
        if (!s.fluid) out["kv_occupancy"]["peak"] = s.kv_peak;
    }
    for (const sim::priority_result& p : s.priorities) {
        json& one = out["priorities"][std::to_string(p.priority)];
        one = {{"requests", p.requests}, {"finished", p.finished}};
        add_tokens(one, p);
        for (const auto& [name, d] :
             {std::pair{"ttft_s", &p.ttft_s}, {"tpot_s", &p.tpot_s}, {"itl_s", &p.itl_s}, {"e2e_s", &p.e2e_s}}) {
            if (*d) one[name] = to_json(**d);
        }
        if (p.attainment) one["slo_attainment"] = *p.attainment;
    }
    add_classes(out, s, of);
    out["held_gpu_hours"] = to_gpu_hours(s.held_gpu_time());
    if (energy && energy->gpu_price && s.output_tokens != 0)
        out["usd_per_million_output_tokens"] = energy->gpu_price->value * 1e-9 *
                                               static_cast<double>(s.held_gpu_time()) * 1e6 /
                                               static_cast<double>(s.output_tokens);
    if (s.scaling)
        add_scaling(out, s);
    else if (s.held > duration::zero())
        out["tokens_per_s_per_gpu"] =
            static_cast<double>(s.output_tokens) / (to_seconds(s.held) * static_cast<double>(s.gpus));
    if (const auto joules = s.gpu_energy_j(); joules && s.replica_s() > 0) {
        out["gpu_energy_kwh"] = *joules / 3.6e6;
        out["gpu_power_w"] = *joules / (s.disaggregated ? to_seconds(s.held) * static_cast<double>(s.gpus)
                                                        : s.replica_s() * static_cast<double>(s.gpus_per_replica));
        if (s.output_tokens != 0)
            out["kwh_per_million_output_tokens"] = *joules / 3.6 / static_cast<double>(s.output_tokens);
        if (*joules > 0) out["output_tokens_per_joule"] = static_cast<double>(s.output_tokens) / *joules;
    }
    add_cost(out, s);
    if (s.routing) add_routing(out, s);
    if (s.disaggregated)
        add_pools(out, *s.disaggregated, s.held);
    else if (s.modelled)
        out["replica"] = to_json(*s.modelled);
    return out;
}

}  // namespace ampacity::io
