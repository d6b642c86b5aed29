#include "summary_json.hpp"

#include "build_out_files.hpp"
#include "distribution_json.hpp"
#include "energy_json.hpp"
#include "service_json.hpp"
#include "training_json.hpp"
#include "years_table.hpp"

#include <ampacity/core/accounts.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/scenario/build.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace ampacity::io {
namespace {

using json = nlohmann::ordered_json;

bool may_fail(const scenario::scenario& sc) { return !sc.faults.outages.empty() || sc.faults.parts_fail() || sc.power; }

void add_types(json& out, const sim::summary& s) {
    // One type alone is the whole fleet.
    if (s.types.size() > 1) {
        for (const sim::type_summary& t : s.types) {
            json& type = out["gpu_types"][t.name];
            type["gpus"] = t.gpus;
            type["held_gpu_hours"] = to_gpu_hours(t.held);
            if (s.simulated > duration::zero())
                type["occupancy"] =
                    to_gpu_hours(t.held) / to_gpu_hours(gpu_time{ticks(s.simulated)} * static_cast<gpu_time>(t.gpus));
        }
    }
}

/// GPU-time of the fleet or of a site.
void add_hours(json& hours, const scenario::scenario& sc, const sim::summary& s, const ledger& books) {
    hours["capacity"] = to_gpu_hours(books.capacity);
    const auto show = [&](account a) {
        hours[std::string{account_names[static_cast<std::size_t>(a)]}] = to_gpu_hours(books[a]);
    };
    // The other accounts belong to models that this version does not have.
    for (const auto a : {account::useful, account::lost, account::idle}) show(a);
    const auto& costs = sc.scheduler.preemption;
    const bool keeps = std::any_of(sc.workload.begin(), sc.workload.end(), [](const scenario::workload_entry& w) {
        return std::any_of(w.training.begin(), w.training.end(),
                           [](const auto& t) { return t.checkpoint.has_value(); });
    });
    if (costs.checkpoint != duration::zero() || keeps) show(account::checkpoint);
    if (costs.restart != duration::zero() || costs.resize != duration::zero() || keeps) show(account::restart);
    if (sc.faults.may_hang()) show(account::stalled);
    if (may_fail(sc) && sc.faults.drain_rack_at != 0) show(account::draining);
    if (may_fail(sc) || !s.reservations.empty()) show(account::down);
    if (!sc.fleet.deliveries.empty() || has_build_out(sc)) show(account::uncommissioned);
}

void add_reservation(json& of, const sim::reservation_result& r) {
    of = {{"gpus", r.gpus},
          {"closed_gpu_hours", to_gpu_hours(gpu_time{ticks(r.closed)} * r.gpus)},
          {"idle_before_gpu_hours", to_gpu_hours(r.idle_before)},
          {"jobs_stopped", r.stopped}};
    if (!r.jobs) return;
    of["jobs"] = {{"submitted", r.jobs->submitted},
                  {"finished", r.jobs->finished},
                  {"killed", r.jobs->killed},
                  {"rejected", r.jobs->rejected}};
    of["held_gpu_hours"] = to_gpu_hours(r.jobs->held);
    of["idle_gpu_hours"] = to_gpu_hours(r.jobs->idle);
    of["down_gpu_hours"] = to_gpu_hours(r.jobs->down);
}

void add_site(json& of, const scenario::scenario& sc, const sim::summary& s, const sim::site_result& r) {
    of["gpus"] = r.gpus;
    of["jobs"] = {{"submitted", r.jobs.submitted},
                  {"finished", r.jobs.finished},
                  {"killed", r.jobs.killed},
                  {"rejected", r.jobs.rejected},
                  {"came", r.came},
                  {"left", r.left}};
    of["held_gpu_hours"] = to_gpu_hours(r.jobs.held);
    of["idle_gpu_hours"] = to_gpu_hours(r.jobs.idle);
    of["down_gpu_hours"] = to_gpu_hours(r.jobs.down);
    add_hours(of["gpu_hours"], sc, s, r.count.books);
    if (may_fail(sc)) of["interruptions"] = r.count.interruptions;
    if (r.count.served && !s.services.empty()) {
        const sim::service_count& n = *r.count.served;
        of["services"] = {{"requests", n.requests},
                          {"finished", n.finished},
                          {"prompt_tokens", n.prompt_tokens},
                          {"output_tokens", n.output_tokens}};
    }
    if (r.energy) add_energy(of, *r.energy);
}

void add_failures(json& failures, const sim::summary& s) {
    std::uint64_t total = 0, stopped = 0;
    failures = {{"total", 0}, {"jobs_stopped", 0}, {"by_cause", json::object()}};
    for (const sim::cause_result& c : s.failures) {
        total += c.failures;
        stopped += c.jobs_stopped;
        failures["by_cause"][c.name] = {
            {"count", c.failures}, {"jobs_stopped", c.jobs_stopped}, {"down_node_hours", c.node_s / 3600}};
        if (c.slow_s) failures["by_cause"][c.name]["slow_node_hours"] = *c.slow_s / 3600;
    }
    failures["total"] = total;
    failures["jobs_stopped"] = stopped;
}

}  // namespace

json summary_of(const scenario::scenario& sc, const sim::summary& s, bool interrupted,
                std::span<const workload::skipped_records> skipped) {
    json out{{"schema", 1},
             {"scenario", sc.name},
             {"seed", sc.seed},
             {"policy", sc.scheduler.policy},
             {"simulated_s", to_seconds(s.simulated)}};
    if (interrupted) out["interrupted"] = true;
    out["jobs"] = {{"submitted", s.submitted}, {"finished", s.finished},     {"rejected", s.rejected},
                   {"killed", s.killed},       {"unfinished", s.unfinished}, {"preemptions", s.preemptions}};
    if (may_fail(sc)) out["jobs"]["restarts"] = s.restarts;
    if (s.held) out["jobs"]["held"] = *s.held;
    if (s.resizes) out["jobs"]["resizes"] = *s.resizes;
    for (const auto& [reason, count] : skipped) out["jobs"]["skipped"][std::string{reason}] = count;
    if (s.jct_s) out["jct_s"] = to_json(*s.jct_s);
    if (s.wait_s) out["wait_s"] = to_json(*s.wait_s);
    if (s.bounded_slowdown) out["bounded_slowdown"] = to_json(*s.bounded_slowdown);
    if (s.makespan_s) out["makespan_s"] = *s.makespan_s;
    if (s.utilisation) out["utilisation"] = *s.utilisation;
    add_types(out, s);
    add_hours(out["gpu_hours"], sc, s, s.books);
    if (has_build_out(sc)) out["build_out"] = build_out_summary(sc, start_of_time + s.simulated);
    for (const sim::reservation_result& r : s.reservations) add_reservation(out["reservations"][r.name], r);
    for (const sim::site_result& r : s.sites) add_site(out["sites"][r.name], sc, s, r);
    if (s.migrations)
        out["migrations"] = {
            {"moves", s.migrations->moves}, {"stayed", s.migrations->stayed}, {"moved_gb", s.migrations->bytes * 1e-9}};
    if (sc.faults.parts_fail()) add_failures(out["failures"], s);
    std::vector<const scenario::inference_service*> services;
    for (const scenario::workload_entry& w : sc.workload) {
        if (w.service) services.push_back(&*w.service);
    }
    for (std::size_t i = 0; i != s.services.size(); ++i)
        out["services"][s.services[i].name] = to_json(s.services[i], *services.at(i), sc.energy);
    for (const sim::training_result& t : s.trainings) out["training"][t.name] = to_json(t);
    if (s.energy) add_energy(out, *s.energy);
    add_carbon_shares(out, s);
    if (sc.contract) add_contract(out, sc, s);
    return out;
}

}  // namespace ampacity::io
