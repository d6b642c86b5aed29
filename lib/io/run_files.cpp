#include "build_out_files.hpp"
#include "csv_text.hpp"
#include "event_trace.hpp"
#include "output_file.hpp"
#include "power_samples.hpp"
#include "request_table.hpp"
#include "years_table.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/version.hpp>
#include <ampacity/io/run_files.hpp>
#include <ampacity/io/xxh64.hpp>
#include <ampacity/power/plant.hpp>
#include <ampacity/scenario/build.hpp>
#include <ampacity/scenario/resolved.hpp>

#include <fcntl.h>
#include <fmt/compile.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>

namespace ampacity::io {
namespace {

using json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::array our_files{"summary.json",  "jobs.csv",    "rejected.csv",  "requests.csv", "placement.csv",
                               "telemetry.csv", "sites.csv",   "replicas.csv",  "flows.csv",    "feeds.csv",
                               "explain.csv",   "events.json", "resolved.yaml", "run.json",     "report.html",
                               "build_out.csv", "years.csv",   "services.csv"};

/// Keeps other runs from a folder as long as it lives.
class folder_lock {
public:
    explicit folder_lock(const fs::path& folder) : number_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
        // A file system without locks is no reason not to run.
        if (number_ < 0 || ::flock(number_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
        ::close(number_);
        throw scenario_error({.where = {.file = folder.string(), .line = 1, .column = 1},
                              .key = {},
                              .what = "is the output folder of another run that has not ended",
                              .value = {},
                              .remedy = "wait for it, or choose another folder with -o"});
    }
    folder_lock(const folder_lock&) = delete;
    folder_lock& operator=(const folder_lock&) = delete;
    ~folder_lock() {
        if (number_ >= 0) ::close(number_);
    }

private:
    int number_;
};

/// The names of the files of requests that the run writes, by service.
std::vector<std::string> request_files_of(const scenario::scenario& sc) {
    std::vector<std::string> out;
    if (!sc.output.requests) return out;
    for (const scenario::workload_entry& w : sc.workload) {
        if (w.service) out.push_back("requests-" + w.service->name + ".csv");
    }
    if (out.size() == 1) out = {"requests.csv"};
    return out;
}

/// Files of requests of services, whatever they were called. Others of such a name are not ours.
std::vector<fs::path> files_of_services(const fs::path& folder) {
    std::vector<fs::path> out;
    std::error_code status;
    for (const auto& entry : fs::directory_iterator(folder, status)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with("requests-") || !(name.ends_with(".csv") || name.ends_with(".csv.partial"))) continue;
        std::ifstream file(entry.path());
        std::string first;
        if (std::getline(file, first) && request_table::is_header(first)) out.push_back(entry.path());
    }
    return out;
}

/// Makes the folder, takes it, and removes what earlier runs have left in it.
std::unique_ptr<folder_lock> make_folder(const fs::path& folder) {
    const auto refuse = [](const fs::path& path, const char* what, const std::string& why) {
        throw scenario_error({.where = {.file = path.string(), .line = 1, .column = 1},
                              .key = {},
                              .what = what,
                              .value = why,
                              .remedy = "choose another folder with -o"});
    };
    std::error_code status;
    fs::create_directories(folder, status);
    if (status) refuse(folder, "cannot be used as the output folder", status.message());
    if (!fs::is_directory(folder, status)) refuse(folder, "cannot be used as the output folder", "it is not a folder");
    auto lock = std::make_unique<folder_lock>(folder);
    for (const char* name : our_files) {
        for (const char* suffix : {"", ".partial"}) {
            const fs::path file = folder / (std::string{name} + suffix);
            if (fs::is_directory(file, status)) refuse(file, "cannot be written", "it is a folder");
            fs::remove(file, status);
            if (status) refuse(file, "a file of an earlier run cannot be removed", status.message());
        }
    }
    for (const fs::path& file : files_of_services(folder)) {
        fs::remove(file, status);
        if (status) refuse(file, "a file of an earlier run cannot be removed", status.message());
    }
    return lock;
}

/// Refuses to write over what the run reads.
void keep_input(const fs::path& folder, const fs::path& input, std::span<const std::string> more) {
    std::vector<fs::path> ours;
    for (const char* name : our_files) ours.push_back(folder / name);
    for (const std::string& name : more) ours.push_back(folder / name);
    for (const fs::path& file : ours) {
        std::error_code absent;
        if (!fs::equivalent(file, input, absent) || absent) continue;
        throw scenario_error({.where = {.file = file.string(), .line = 1, .column = 1},
                              .key = {},
                              .what = "is an input of this run, which would write over it",
                              .value = input.string(),
                              .remedy = "choose another folder with -o"});
    }
}

void append_time(std::string& out, instant t) {
    if (t != sim::unset) append_ns_as_seconds(out, ticks(t));
}

/// The job_id of the file, quoted where CSV needs it.
void append_name(std::string& out, std::int64_t name, bool is_text, const workload::job_source& source) {
    if (!is_text) {
        fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}"), name);
        return;
    }
    append_csv_text(out, source.text(name));
}

json to_json(const sim::distribution_summary& d) {
    return {{"mean", d.mean}, {"p50", d.p50}, {"p90", d.p90}, {"p99", d.p99}, {"max", d.max}};
}

void add_energy(json& out, const sim::energy_result& e) {
    const auto kwh = [](double j) { return j / 3.6e6; };
    out["power_w"] = {{"nameplate", e.nameplate_w}, {"mean", e.mean_it_w}, {"peak", e.peak_it_w}};
    json& energy = out["energy_kwh"];
    energy = {{"it", kwh(e.it_j)}, {"losses", kwh(e.losses_j)}};
    if (e.floors_j) energy["floor"] = kwh(*e.floors_j);
    if (e.overhead_j) {
        energy["overhead"] = kwh(*e.overhead_j);
        energy["facility"] = kwh(e.facility_j());
    }
    if (e.grid_j) energy["grid"] = kwh(*e.grid_j);
    const auto put = [](json& to, const char* key, const std::optional<double>& value) {
        if (value) to[key] = *value;
    };
    put(out, "pue", e.pue);
    put(out, "pue_without_losses", e.pue_without_losses);
    json carbon = json::object();
    put(carbon, "location", e.carbon_location_kg);
    put(carbon, "marginal", e.carbon_marginal_kg);
    put(carbon, "market", e.carbon_market_kg);
    put(carbon, "generators", e.carbon_generators_kg);
    put(carbon, "embodied", e.carbon_embodied_kg);
    if (!carbon.empty()) out["carbon_kg"] = std::move(carbon);
    if (e.total_usd()) {
        json& cost = out["cost_usd"];
        put(cost, "energy", e.energy_usd);
        put(cost, "generators", e.generators_usd);
        put(cost, "demand", e.demand_usd);
        put(cost, "capacity", e.capacity_usd);
        put(cost, "total", e.total_usd());
    }
    put(out, "water_m3", e.water_m3);
    if (e.swing)
        out["swing"] = {{"coherent_w", e.swing->coherent_w},
                        {"incoherent_w", e.swing->incoherent_w},
                        {"ramp_w_per_s", e.swing->ramp_w_per_s}};
    if (e.trips)
        out["feeds"] = {{"trips", *e.trips}, {"limits", *e.limits}, {"lost_rack_hours", *e.lost_rack_s / 3600}};
    if (e.trips && e.generators_j) {
        json& feeds = out["feeds"];
        feeds["battery_kwh"] = kwh(*e.batteries_j);
        feeds["recharge_kwh"] = kwh(*e.filled_j);
        feeds["generator_kwh"] = kwh(*e.generators_j);
        feeds["generator_hours"] = *e.generators_s / 3600;
    }
    if (e.throttles) out["heat"] = {{"throttles", *e.throttles}, {"shutdowns", *e.shutdowns}};
}

json to_json(const sim::training_result& t) {
    json out{{"jobs", t.jobs}, {"finished", t.finished}, {"gpus", t.gpus}, {"steps", t.steps}};
    if (t.tokens > 0) out["tokens"] = t.tokens;
    if (t.tokens > 0 && t.elapsed_s > 0) out["tokens_per_s"] = t.tokens / t.elapsed_s;
    if (t.step_s) out["step_s"] = to_json(*t.step_s);
    if (t.mfu) out["mfu"] = *t.mfu;
    if (t.elapsed_s > 0) out["effective_training_time_ratio"] = t.training_s / t.elapsed_s;
    out["failures"] = t.failures;
    out["preemptions"] = t.preemptions;
    if (t.checkpoints) out["checkpoints"] = *t.checkpoints;
    if (t.resizes) out["resizes"] = *t.resizes;
    if (t.shrunk) out["shrunk"] = *t.shrunk;
    if (t.cost) {
        const sim::training_cost& c = *t.cost;
        const auto put = [&out](const char* name, const std::optional<double>& value, double unit) {
            if (value) out["used"][name] = *value / unit;
        };
        put("gpu_hours", c.gpu_s, 3600);
        put("it_mwh", c.it_j, 3.6e9);
        put("facility_mwh", c.facility_j, 3.6e9);
        put("carbon_location_t", c.carbon_location_kg, 1000);
        put("energy_usd", c.energy_usd, 1);
        put("capacity_usd", c.capacity_usd, 1);
        put("carbon_embodied_t", c.carbon_embodied_kg, 1000);
    }
    json& hours = out["hours"];
    for (const auto& [name, s] : {std::pair{"elapsed", t.elapsed_s},
                                  {"training", t.training_s},
                                  {"evaluating", t.evaluating_s},
                                  {"lost", t.lost_s},
                                  {"checkpoint", t.checkpoint_s},
                                  {"restart", t.restart_s},
                                  {"stalled", t.stalled_s},
                                  {"waiting", t.waiting_s}})
        hours[name] = s / 3600;
    if (t.post) {
        const execution::post_training_result& p = *t.post;
        const auto share = [&p](duration d) { return to_seconds(d) / to_seconds(p.total); };
        out["rl"] = {{"rollout", share(p.rollout)},
                     {"train", share(p.train)},
                     {"sync", share(p.sync)},
                     {"longest_bubble", share(p.longest_bubble)},
                     {"rollouts_wait", share(p.rollouts_wait)},
                     {"trainer_waits", share(p.trainer_waits)},
                     {"rollout_tokens", p.tokens}};
    }
    return out;
}

/// Replicas that come and go.
void add_scaling(json& out, const sim::service_result& s) {
    const sim::scaling_result& r = *s.scaling;
    const auto gpu_hours = [&r](gpu_time of) { return to_gpu_hours(of * static_cast<gpu_time>(r.gpus_per_replica)); };
    out["cold_gpu_hours"] = gpu_hours(r.cold);
    out["draining_gpu_hours"] = gpu_hours(r.draining);
    const double gpu_s = to_gpu_hours(s.held_gpu_time()) * 3600;
    if (gpu_s > 0) out["tokens_per_s_per_gpu"] = static_cast<double>(s.output_tokens) / gpu_s;
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

/// Requests of a place or at a site, of a service that is everywhere.
json to_json(const sim::routed_requests& r, const sim::routing_result& of) {
    return {{"requests", std::llround(r.requests)},
            {"served", std::llround(r.served)},
            {"prompt_tokens", std::llround(r.served * of.prompt_tokens)},
            {"output_tokens", std::llround(r.served * of.output_tokens)},
            {"round_trip_s", r.round_trip_s},
            {"far_share", r.far_share}};
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
    if (s.fluid && s.fluid->windows) out["fluid"]["windows"] = to_json(*s.fluid->windows);
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
        const double of_caches_s = s.disaggregated
                                       ? to_seconds(s.held) * static_cast<double>(s.disaggregated->prefill.replicas)
                                       : s.replica_s();
        if (of_caches_s > 0) one["busy_share"] = to_seconds(s.tiers[t].busy) / of_caches_s;
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
    if (s.routing) add_routing(out, s);
    if (s.disaggregated)
        add_pools(out, *s.disaggregated, s.held);
    else if (s.modelled)
        out["replica"] = to_json(*s.modelled);
    return out;
}

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
    const bool may_fail = !sc.faults.outages.empty() || sc.faults.parts_fail() || sc.power;
    if (may_fail) out["jobs"]["restarts"] = s.restarts;
    if (s.held) out["jobs"]["held"] = *s.held;
    if (s.resizes) out["jobs"]["resizes"] = *s.resizes;
    for (const auto& [reason, count] : skipped) out["jobs"]["skipped"][std::string{reason}] = count;
    if (s.jct_s) out["jct_s"] = to_json(*s.jct_s);
    if (s.wait_s) out["wait_s"] = to_json(*s.wait_s);
    if (s.bounded_slowdown) out["bounded_slowdown"] = to_json(*s.bounded_slowdown);
    if (s.makespan_s) out["makespan_s"] = *s.makespan_s;
    if (s.utilisation) out["utilisation"] = *s.utilisation;
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
    json& hours = out["gpu_hours"];
    hours["capacity"] = to_gpu_hours(s.books.capacity);
    const auto show = [&](account a) {
        hours[std::string{account_names[static_cast<std::size_t>(a)]}] = to_gpu_hours(s.books[a]);
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
    if (may_fail && sc.faults.drain_rack_at != 0) show(account::draining);
    if (may_fail || !s.reservations.empty()) show(account::down);
    if (!sc.fleet.deliveries.empty() || has_build_out(sc)) show(account::uncommissioned);
    if (has_build_out(sc)) out["build_out"] = build_out_summary(sc, start_of_time + s.simulated);
    for (const sim::reservation_result& r : s.reservations) {
        out["reservations"][r.name] = {{"gpus", r.gpus},
                                       {"closed_gpu_hours", to_gpu_hours(gpu_time{ticks(r.closed)} * r.gpus)},
                                       {"idle_before_gpu_hours", to_gpu_hours(r.idle_before)},
                                       {"jobs_stopped", r.stopped}};
        if (!r.jobs) continue;
        json& of = out["reservations"][r.name];
        of["jobs"] = {{"submitted", r.jobs->submitted},
                      {"finished", r.jobs->finished},
                      {"killed", r.jobs->killed},
                      {"rejected", r.jobs->rejected}};
        of["held_gpu_hours"] = to_gpu_hours(r.jobs->held);
        of["idle_gpu_hours"] = to_gpu_hours(r.jobs->idle);
        of["down_gpu_hours"] = to_gpu_hours(r.jobs->down);
    }
    for (const sim::site_result& r : s.sites) {
        json& of = out["sites"][r.name];
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
    }
    if (sc.faults.parts_fail()) {
        json& failures = out["failures"];
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

void add_numbers(const json& from, const std::string& name, std::vector<std::pair<std::string, double>>& out) {
    if (from.is_number()) out.emplace_back(name, from.get<double>());
    if (!from.is_object()) return;
    for (const auto& [key, value] : from.items()) add_numbers(value, name.empty() ? key : name + '.' + key, out);
}

json host_facts() {
    json host;
    utsname name{};
    if (uname(&name) == 0) {
        host["system"] = std::string{name.sysname} + ' ' + name.release;
        host["machine"] = name.machine;
    }
    host["cores"] = std::thread::hardware_concurrency();
    std::ifstream cpus("/proc/cpuinfo");
    for (std::string line; std::getline(cpus, line);) {
        if (!line.starts_with("model name")) continue;
        host["cpu"] = line.substr(std::min(line.size(), line.find(':') + 2));
        break;
    }
    return host;
}

/// Bins up to the last that holds anything, each by its largest value.
json to_json(const sim::power_histogram& h) {
    json bins = json::array();
    for (std::size_t b = 0; b != h.bins().size(); ++b) {
        if (h.bins()[b] != 0) bins.push_back({{"up_to", h.last_of(b)}, {"count", h.bins()[b]}});
    }
    return {{"mean", h.mean()}, {"max", h.max()}, {"bins", std::move(bins)}};
}

json to_json(const sim::decision_costs& d, const std::string& policy) {
    return {{"policy", policy},
            {"passes", d.passes},
            {"measured", d.measured},
            {"wall_ns", to_json(d.wall_ns)},
            {"per_simulated_hour", to_json(d.per_hour)}};
}

std::string run_text(const sim::simulation& s, const run_facts& facts, const std::string& policy, double write_s) {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    json out{{"wall_s", facts.wall_s},
             {"load_s", facts.load_s},
             {"write_s", write_s},
             {"events", s.events_processed()},
             {"events_per_s", facts.wall_s > 0 ? static_cast<double>(s.events_processed()) / facts.wall_s : 0.0},
             {"peak_queue", s.peak_queue()},
             {"decisions", to_json(s.decisions(), policy)},
             {"peak_rss_bytes", usage.ru_maxrss * 1024},
             {"version", version},
             {"compiler", compiler},
             {"command", facts.command},
             {"host", host_facts()},
             {"inputs", json::object()}};
    for (const auto& [path, hash] : facts.inputs) out["inputs"][path] = hash;
    for (const auto& [key, steps] : facts.filled) out["filled_steps"][key] = steps;
    for (const auto& used : facts.surfaces) {
        json& of = out["surfaces"][used->service];
        of = {{"digest", digest_text(used->of.digest)}, {"from", used->of.was_read ? "cache" : "engine"}};
        if (!used->of.file.empty()) of["file"] = used->of.file;
    }
    if (facts.more != nullptr) {
        for (const auto& file : facts.more->files()) {
            out["inputs"][file.path] = digest_text(file.digest);
            out["plugins"][file.path] = file.parts;
        }
    }
    return out.dump(2, ' ', false, json::error_handler_t::replace) + '\n';
}

/// Adds its own life time to a sum.
class timed {
public:
    explicit timed(std::chrono::steady_clock::duration& sum) : sum_(sum) {}
    timed(const timed&) = delete;
    timed& operator=(const timed&) = delete;
    ~timed() { sum_ += std::chrono::steady_clock::now() - begin_; }

private:
    std::chrono::steady_clock::duration& sum_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace

/// The chosen columns, or all.
template <class Column>
std::vector<Column> columns_of(const std::vector<Column>& chosen) {
    if (!chosen.empty()) return chosen;
    std::vector<Column> all;
    for (const auto& c : scenario::names<Column>::known) all.push_back(c.value);
    return all;
}

template <class Column>
std::string header_of(const std::vector<Column>& columns) {
    std::string out;
    for (const Column c : columns) (out += out.empty() ? "" : ",") += scenario::name_of_value(c);
    return out + '\n';
}

/// Of a site.
constexpr std::array site_columns{scenario::telemetry_column::it,
                                  scenario::telemetry_column::utility,
                                  scenario::telemetry_column::facility,
                                  scenario::telemetry_column::carbon_intensity,
                                  scenario::telemetry_column::price,
                                  scenario::telemetry_column::it_energy,
                                  scenario::telemetry_column::facility_energy,
                                  scenario::telemetry_column::carbon,
                                  scenario::telemetry_column::energy_cost,
                                  scenario::telemetry_column::cost};
constexpr std::string_view sites_header =
    "time_s,site,it_w,utility_w,facility_w,carbon_g_per_kwh,price_usd_per_mwh,it_kwh,facility_kwh,carbon_kg,"
    "energy_usd,cost_usd\n";

struct run_files::streams {
    std::unique_ptr<folder_lock> lock;
    std::optional<output_file> rejected;
    std::optional<output_file> placement;
    std::optional<output_file> telemetry;
    std::optional<output_file> sites;
    std::optional<output_file> replicas;
    std::optional<output_file> services;
    std::optional<output_file> flows;
    std::optional<output_file> feeds;
    std::vector<scenario::telemetry_column> telemetry_columns;
    std::vector<scenario::feeds_column> feeds_columns;
    std::optional<output_file> explain;
    std::optional<sim::wait_recorder> waits;
    std::optional<event_trace> events;
    std::vector<std::unique_ptr<request_table>> requests;  // (services) where they are written
    std::vector<std::string> replica_names;                // (services, and sites of those that are everywhere)
};

/// In the order of samples: `chat`, or `chat@iad` for each site of one that is everywhere.
std::vector<std::string> names_of_replicas(const scenario::scenario& of) {
    std::vector<std::string> out;
    for (const scenario::workload_entry& w : of.workload) {
        if (!w.service) continue;
        if (!w.service->everywhere) {
            out.push_back(w.service->name);
            continue;
        }
        const std::vector<std::string>& chosen = w.service->everywhere->sites;
        for (const scenario::site& site : of.fleet.sites) {
            if (chosen.empty() || std::find(chosen.begin(), chosen.end(), site.name) != chosen.end())
                out.push_back(w.service->name + '@' + site.name);
        }
    }
    return out;
}

std::vector<workload::skipped_records> skipped_in(const sim::simulation& s, const scenario::scenario& described,
                                                  bool interrupted) {
    instant through = never;
    if (described.until) through = start_of_time + *described.until;
    if (interrupted) through = s.now();
    std::map<std::string_view, std::uint64_t> counts;
    for (std::size_t i = 0; i != s.num_sources(); ++i) {
        for (const auto& [reason, count] : s.source(i).skipped(through)) counts[reason] += count;
    }
    std::vector<workload::skipped_records> out;
    for (const auto& [reason, count] : counts) out.push_back({reason, count});
    return out;
}

std::vector<std::pair<std::string, double>> summary_numbers(const scenario::scenario& described, const sim::summary& s,
                                                            std::span<const workload::skipped_records> skipped) {
    std::vector<std::pair<std::string, double>> out;
    add_numbers(summary_of(described, s, false, skipped), {}, out);
    return out;
}

void write_file(const fs::path& path, const std::string& text) {
    output_file file(path);
    file.text() += text;
    file.commit();
}

run_files::run_files(fs::path folder, const scenario::scenario& described, std::span<const fs::path> inputs)
    : folder_(std::move(folder)), described_(described), streams_(std::make_unique<streams>()) {
    const std::vector<std::string> tables = request_files_of(described_);
    for (const fs::path& input : inputs) keep_input(folder_, input, tables);
    streams_->lock = make_folder(folder_);
    if (described_.output.placement) {
        if (const auto types = scenario::gpu_types_of(described_.fleet); types.size() > 1) gpu_types_ = types;
        streams_->placement.emplace(folder_ / "placement.csv").text() +=
            gpu_types_.empty() ? "job_id,attempt,start_s,nodes\n" : "job_id,attempt,start_s,nodes,gpu\n";
    }
    if (described_.output.telemetry) {
        streams_->telemetry.emplace(folder_ / "telemetry.csv");
        if (described_.is_powered() && described_.fleet.sites.size() > 1)
            streams_->sites.emplace(folder_ / "sites.csv").text() += sites_header;
    }
    for (const scenario::workload_entry& w : described_.workload) {
        if (!described_.output.telemetry || !w.service || !w.service->autoscale || streams_->replicas) continue;
        streams_->replicas.emplace(folder_ / "replicas.csv").text() += "time_s,service,wanted,cold,serving,draining\n";
    }
    for (const scenario::workload_entry& w : described_.workload) {
        if (!described_.output.telemetry || !w.service || streams_->services ||
            w.service->fidelity != scenario::service_fidelity::request)
            continue;
        streams_->services.emplace(folder_ / "services.csv").text() +=
            "time_s,service,arrived,finished,shed,waiting,running,kv_occupancy,prefill_tokens_per_s,"
            "output_tokens_per_s,ttft_p50_s,ttft_p99_s,slo_attainment,goodput_per_s,prefix_hit_share,power_w,"
            "output_tokens_per_joule\n";
    }
    for (const scenario::workload_entry& w : described_.workload) {
        if (!described_.output.telemetry || !w.service || streams_->flows ||
            w.service->fidelity != scenario::service_fidelity::fluid)
            continue;
        streams_->flows.emplace(folder_ / "flows.csv").text() +=
            "time_s,service,serving,offered_per_s,served_per_s,load,backlog,ttft_p50_s,ttft_p99_s\n";
    }
    streams_->replica_names = names_of_replicas(described_);
    if (described_.output.feeds) {
        streams_->feeds_columns = columns_of(described_.output.feeds_columns);
        streams_->feeds.emplace(folder_ / "feeds.csv").text() += header_of(streams_->feeds_columns);
    }
    if (described_.scheduler.policy == "explain") {
        streams_->explain.emplace(folder_ / "explain.csv").text() +=
            "job_id,from_s,to_s,passes,reason,ahead,gpus,least_free,most_free,blocker,until_s\n";
        streams_->waits.emplace([this](const sim::job_event& e) { return is_explained(e); },
                                [this](const sim::wait_stretch& w) { write_stretch(w); });
    }
    std::size_t service = 0;
    for (const std::string& name : tables) {
        while (!described_.workload[service].service) ++service;
        const bool moves = described_.workload[service++].service->disaggregated.has_value();
        streams_->requests.push_back(std::make_unique<request_table>(folder_ / name, moves));
    }
    if (described_.output.events) streams_->events.emplace(folder_ / "events.json", described_.workload.size());
}

run_files::~run_files() = default;

void run_files::on_requests(std::size_t service, std::span<const serving::request_record> records) {
    if (streams_->requests.empty()) return;
    const timed clock{writing_};
    for (const serving::request_record& r : records) streams_->requests[service]->add(r);
}

policy::pass_listener* run_files::passes() noexcept { return streams_->waits ? &*streams_->waits : nullptr; }

bool run_files::is_explained(const sim::job_event& e) const {
    const auto& jobs = described_.scheduler.explain.jobs;
    std::string name;
    if (e.name_is_text)
        name = simulation_->source(e.source).text(e.name);
    else
        name = std::to_string(e.name);
    return std::find(jobs.begin(), jobs.end(), name) != jobs.end();
}

void run_files::write_stretch(const sim::wait_stretch& w) {
    const timed clock{writing_};
    std::string& out = streams_->explain->text();
    const auto append = [&](const sim::job_label& j) {
        append_name(out, j.name, j.name_is_text, simulation_->source(j.source));
    };
    append(w.job);
    out += ',';
    append_time(out, w.from);
    out += ',';
    append_time(out, w.to);
    fmt::format_to(std::back_inserter(out), FMT_COMPILE(",{},{},{},{},{},{},"), w.passes,
                   policy::obstacle_names[static_cast<std::size_t>(w.why.what)], w.why.ahead, w.gpus, w.least_free,
                   w.most_free);
    if (w.why.blocker != none<job_id>) append(w.blocker);
    if (w.why.what == policy::obstacle::power) out += w.feed;
    out += ',';
    if (w.why.until != never) append_time(out, w.why.until);
    out += '\n';
    streams_->explain->row_done();
}

void run_files::on_submit(const sim::job_event& e) {
    if (streams_->waits) streams_->waits->on_submit(e);
    if (!streams_->events) return;
    const timed clock{writing_};
    streams_->events->submit(e, simulation_->source(e.source));
}

void run_files::on_reject(const sim::job_event& e) {
    if (streams_->waits) streams_->waits->on_reject(e);
    const timed clock{writing_};
    if (streams_->events) streams_->events->reject(e, simulation_->source(e.source));
    if (!described_.output.jobs) return;
    if (!streams_->rejected)
        streams_->rejected.emplace(folder_ / "rejected.csv").text() += "job_id,time_s,gpus,reason\n";
    std::string& out = streams_->rejected->text();
    append_name(out, e.name, e.name_is_text, simulation_->source(e.source));
    out += ',';
    append_time(out, e.at);
    fmt::format_to(std::back_inserter(out), FMT_COMPILE(",{},"), e.gpus);
    append_csv_text(out, e.reason);
    out += '\n';
    streams_->rejected->row_done();
}

void run_files::on_stop(const sim::job_event& e, sim::run_end how) {
    if (streams_->waits) streams_->waits->on_stop(e, how);
    if (!streams_->events) return;
    const timed clock{writing_};
    streams_->events->stop(e, how, simulation_->source(e.source));
}

void run_files::on_start(const sim::job_start& s) {
    if (streams_->waits) streams_->waits->on_start(s);
    if (!streams_->placement && !streams_->events) return;
    const timed clock{writing_};
    if (streams_->events) streams_->events->start(s);
    if (streams_->placement) write_place(s);
}

void run_files::on_resize(const sim::job_event& before, const sim::job_event& after) {
    if (!streams_->placement && !streams_->events) return;
    const timed clock{writing_};
    if (streams_->events) streams_->events->resize(before, after, simulation_->source(after.source));
    if (streams_->placement) write_place(after);
}

void run_files::write_place(const sim::job_event& s) {
    std::string& out = streams_->placement->text();
    append_name(out, s.name, s.name_is_text, simulation_->source(s.source));
    fmt::format_to(std::back_inserter(out), FMT_COMPILE(",{},"), s.attempt);
    append_time(out, s.at);
    out += ',';
    const char* separator = "";
    for (const auto& share : s.where) {
        fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}{}:{}"), separator, index(share.node),
                       std::popcount(share.gpus));
        separator = ";";
    }
    if (!gpu_types_.empty()) {
        out += ',';
        append_csv_text(out, gpu_types_.at(s.type));
    }
    out += '\n';
    streams_->placement->row_done();
}

void run_files::begin_telemetry(const power_sample& first) {
    auto& columns = streams_->telemetry_columns = columns_of(described_.output.telemetry_columns);
    if (described_.output.telemetry_columns.empty())
        std::erase_if(columns, [&](scenario::telemetry_column c) { return !first.has(c); });
    streams_->telemetry->text() += header_of(columns);
}

void run_files::on_sample(const sim::sample& s) {
    if (!streams_->telemetry) return;
    const timed clock{writing_};
    const power_sample of_power{s};
    if (streams_->telemetry_columns.empty()) begin_telemetry(of_power);
    std::string& out = streams_->telemetry->text();
    bool first = true;
    for (const scenario::telemetry_column c : streams_->telemetry_columns) {
        if (!std::exchange(first, false)) out += ',';
        const auto count = [&out](auto n) { fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}"), n); };
        using column = scenario::telemetry_column;
        switch (c) {
            case column::time: append_time(out, s.at); break;
            case column::queued: count(s.queued); break;
            case column::running: count(s.running); break;
            case column::busy: count(s.busy_gpus); break;
            case column::free: count(s.free_gpus); break;
            case column::finished: count(s.finished); break;
            default: of_power.append(out, c); break;
        }
    }
    out += '\n';
    streams_->telemetry->row_done();
    if (streams_->sites) write_sites(s);
    if (streams_->replicas) write_replicas(s);
    if (streams_->services) write_services(s);
    if (streams_->flows) write_flows(s);
    if (streams_->feeds && s.plant != nullptr) write_feeds(s);
}

void run_files::write_sites(const sim::sample& s) {
    std::string& out = streams_->sites->text();
    for (std::size_t i = 0; i != s.sites.size(); ++i) {
        const power_sample of{s, i};
        append_time(out, s.at);
        out += ',';
        append_csv_text(out, s.plant->tree().sites()[i].name);
        for (const scenario::telemetry_column c : site_columns) {
            out += ',';
            of.append(out, c);
        }
        out += '\n';
        streams_->sites->row_done();
    }
}

void run_files::write_replicas(const sim::sample& s) {
    std::string& out = streams_->replicas->text();
    for (std::size_t i = 0; i != s.replicas.size(); ++i) {
        const sim::replica_sample& r = s.replicas[i];
        append_time(out, s.at);
        out += ',';
        append_csv_text(out, streams_->replica_names[i]);
        fmt::format_to(std::back_inserter(out), FMT_COMPILE(",{},{},{},{}\n"), r.wanted, r.cold, r.serving, r.draining);
        streams_->replicas->row_done();
    }
}

void run_files::write_services(const sim::sample& s) {
    std::string& out = streams_->services->text();
    for (std::size_t i = 0; i != s.replicas.size(); ++i) {
        const auto& sampled = s.replicas[i].requests;
        if (!sampled) continue;
        const sim::request_sample& r = *sampled;
        append_time(out, s.at);
        out += ',';
        append_csv_text(out, streams_->replica_names[i]);
        fmt::format_to(std::back_inserter(out), FMT_COMPILE(",{},{},{},{},{},{:.6g},{:.6g},{:.6g}"), r.arrived,
                       r.finished, r.shed, r.waiting, r.running, r.kv_occupancy, r.prefill_tokens_per_s,
                       r.output_tokens_per_s);
        for (const auto& t : {r.ttft_p50_s, r.ttft_p99_s, r.attainment, std::optional{r.goodput_per_s},
                              r.prefix_hit_share, r.power_w, r.output_tokens_per_joule}) {
            out += ',';
            if (t) fmt::format_to(std::back_inserter(out), FMT_COMPILE("{:.6g}"), *t);
        }
        out += '\n';
        streams_->services->row_done();
    }
}

void run_files::write_flows(const sim::sample& s) {
    std::string& out = streams_->flows->text();
    for (std::size_t i = 0; i != s.replicas.size(); ++i) {
        const sim::replica_sample& r = s.replicas[i];
        if (!r.flow) continue;
        append_time(out, s.at);
        out += ',';
        append_csv_text(out, streams_->replica_names[i]);
        const sim::flow_sample& f = *r.flow;
        fmt::format_to(std::back_inserter(out), FMT_COMPILE(",{},{:.6g},{:.6g},{:.6g},{:.6g}"), r.serving,
                       f.offered_per_s, f.served_per_s, f.load, f.backlog);
        for (const auto& t : {f.ttft_p50_s, f.ttft_p99_s}) {
            out += ',';
            if (t) fmt::format_to(std::back_inserter(out), FMT_COMPILE("{:.6g}"), *t);
        }
        out += '\n';
        streams_->flows->row_done();
    }
}

/// A row for each feed down to the level that is asked for, from the site on.
void run_files::write_feeds(const sim::sample& s) {
    using level = power::power_tree::level;
    const power::plant& plant = *s.plant;
    std::string& out = streams_->feeds->text();
    const power::delivery& devices = plant.tree().devices();
    const auto write = [&](power::device_id d, std::optional<power::class_limits> limits,
                           power::device_id store = power::no_device) {
        const power::microwatts load = devices.output(d);
        const power::microwatts rest = plant.headroom(d);
        bool first = true;
        for (const scenario::feeds_column c : streams_->feeds_columns) {
            if (!std::exchange(first, false)) out += ',';
            const auto limit_of = [&](std::size_t of) {
                if (limits) fmt::format_to(std::back_inserter(out), FMT_COMPILE("{:.3f}"), (*limits)[of] * 1e-3);
            };
            using column = scenario::feeds_column;
            switch (c) {
                case column::time: append_time(out, s.at); break;
                case column::feed: append_csv_text(out, plant.tree().name_of(d)); break;
                case column::load: append_watts(out, load); break;
                case column::limit:
                    if (rest != std::numeric_limits<power::microwatts>::max()) append_watts(out, load + rest);
                    break;
                case column::gpu_low: limit_of(0); break;
                case column::gpu_high: limit_of(1); break;
                case column::charge:
                    if (store != power::no_device && devices.capacity(store) != 0)
                        fmt::format_to(std::back_inserter(out), FMT_COMPILE("{:.4f}"),
                                       static_cast<double>(devices.charge(store, s.at)) /
                                           static_cast<double>(devices.capacity(store)));
                    break;
            }
        }
        out += '\n';
        streams_->feeds->row_done();
    };
    const auto write_generators = [&](level at) {
        for (const auto& g : plant.tree().generators()) {
            if (plant.tree().place_of(g.device).at == at) write(g.device, {}, g.device);
        }
    };
    for (const auto& site : plant.tree().sites()) write(site.meter, {});
    write_generators(level::site);
    if (*described_.output.feeds == level::site) return;
    for (const auto& hall : plant.tree().halls()) {
        for (std::size_t i = 0; i != hall.sources.size(); ++i) write(hall.sources[i], {}, hall.batteries[i]);
    }
    write_generators(level::source);
    if (*described_.output.feeds == level::source) return;
    for (const auto& row : plant.tree().rows()) write(row.device, {});
    if (*described_.output.feeds == level::row) return;
    for (std::uint32_t u = 0; u != plant.tree().units().size(); ++u)
        write(plant.tree().device_of(u), plant.limits_of(u));
}

void run_files::write_jobs(const sim::simulation& s) const {
    static constexpr std::array<std::string_view, 4> states{"unfinished", "finished", "rejected", "killed"};
    output_file file(folder_ / "jobs.csv");
    std::string& out = file.text();
    out += "job_id,submit_s,start_s,finish_s,gpus,state,preemptions,restarts,useful_gpu_s,lost_gpu_s";
    out += s.has_links() ? ",eligible_s\n" : "\n";
    for (std::size_t i = 0; i != s.num_sources(); ++i) {
        const sim::source_records all = s.all_records(i);
        for (std::size_t row = 0; row != all.jobs.size(); ++row) {
            const sim::job_record& r = all.jobs[row];
            if (r.submit == sim::unset) continue;
            const sim::job_times times = s.has_links() ? s.times(i, row) : sim::job_times{.submit = r.submit};
            append_name(out, r.name, r.name_is_text, s.source(i));
            for (const instant t : {times.submit, r.first_start, r.finish}) {
                out += ',';
                append_time(out, t);
            }
            fmt::format_to(std::back_inserter(out), FMT_COMPILE(",{},{},{},{},"), r.gpus,
                           states[static_cast<std::size_t>(r.state)], r.preemptions, r.restarts);
            append_gpu_seconds(out, all.useful(row));
            out += ',';
            append_gpu_seconds(out, all.lost(row));
            if (s.has_links()) {
                out += ',';
                append_time(out, times.eligible);
            }
            out += '\n';
            file.row_done();
        }
    }
    file.commit();
}

void run_files::finish(sim::simulation& s, bool interrupted, const run_facts& facts) {
    const sim::summary& summary = s.results();
    if (streams_->waits) streams_->waits->finish(start_of_time + summary.simulated);
    {
        const timed clock{writing_};
        if (streams_->telemetry && streams_->telemetry_columns.empty()) begin_telemetry(power_sample{sim::sample{}});
        for (auto* stream :
             {&streams_->rejected, &streams_->placement, &streams_->telemetry, &streams_->sites, &streams_->replicas,
              &streams_->services, &streams_->flows, &streams_->feeds, &streams_->explain}) {
            if (*stream) (*stream)->commit();
        }
        for (const auto& table : streams_->requests) table->commit();
        if (streams_->events) streams_->events->commit(start_of_time + summary.simulated, described_.name);
        if (described_.output.jobs) write_jobs(s);
        if (has_build_out(described_)) write_build_out(folder_ / "build_out.csv", described_);
        if (described_.has_years()) write_file(folder_ / "years.csv", years_table(described_, summary));
        write_file(folder_ / "resolved.yaml", scenario::write_resolved(described_) +
                                                  (facts.more == nullptr ? std::string{} : facts.more->comment()));
    }
    write_file(folder_ / "run.json", run_text(s, facts, described_.scheduler.policy, writing_s()));
    write_file(folder_ / "summary.json",
               summary_of(described_, summary, interrupted, skipped_in(s, described_, interrupted)).dump(2) + '\n');
}

}  // namespace ampacity::io
