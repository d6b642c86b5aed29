#include "check_services.hpp"

#include "check_synthetic.hpp"
#include "gpu_fleet.hpp"

#include <ampacity/core/suggest.hpp>
#include <ampacity/scenario/values.hpp>
#include <ampacity/serving/iteration_time.hpp>
#include <ampacity/workload/request_presets.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::scenario {
namespace {

/// It is part of the name of a file.
void check_name(const std::string& name, const std::string& path, const reporter& report) {
    const auto unusable = [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '/' || c == '\\';
    };
    if (name.empty()) report.fail(path, "is empty", {}, "write a name, such as chat");
    if (name.size() > 128)
        report.fail(path, "longer than 128 bytes", name.substr(0, 32) + "...", "write a name, such as chat");
    if (std::any_of(name.begin(), name.end(), unusable))
        report.fail(path, "contains a slash, a backslash or a control character", yaml_text(name),
                    "write a name that can be part of a file's, such as chat");
}

void check_lengths(const token_length& l, const std::string& path, const reporter& report) {
    if (l.median.has_value() == !l.quantiles.empty())
        report.fail(path, l.median ? "says twice how long they are" : "does not say how long they are", {},
                    "give one of: median, quantiles");
    if (l.quantiles.empty()) return;
    if (l.sigma != 0) report.fail(path + ".sigma", "is for a median", yaml_text(l.sigma), "remove it, or quantiles");
    if (l.quantiles.size() < 2)
        report.fail(path + ".quantiles", "is too short", std::to_string(l.quantiles.size()),
                    "write two or more, from the shortest to the longest");
    if (!std::is_sorted(l.quantiles.begin(), l.quantiles.end()))
        report.fail(path + ".quantiles", "do not ascend", {}, "sort them");
}

const workload::request_preset* check_preset(const synthetic_requests& r, const std::string& path,
                                             const reporter& report) {
    if (!r.preset) return nullptr;
    if (const workload::request_preset* const preset = workload::find_request_preset(*r.preset)) return preset;
    std::vector<std::string_view> names;
    for (const workload::request_preset& p : workload::request_presets()) names.push_back(p.name);
    report.fail(path + ".preset", "no such preset", *r.preset, suggestion(*r.preset, names));
}

/// Whoever sends requests has lengths: of its own, of all, or of the preset.
void check_clients(const synthetic_requests& r, bool has_preset, const std::string& path, const reporter& report) {
    const auto require_both = [&](const std::optional<token_length>& prompt, const std::optional<token_length>& output,
                                  const std::string& at) {
        for (const auto& [given, key] : {std::pair{prompt.has_value() || r.prompt || has_preset, ".prompt"},
                                         {output.has_value() || r.output || has_preset, ".output"}}) {
            if (!given)
                report.fail(at + key, "required key is missing", {},
                            "add it, such as `" + std::string{key + 1} + ": { median: \"1020 token\" }`, or `preset`");
        }
    };
    if (r.clients.empty()) return require_both({}, {}, path);
    if (r.clients.size() > 255)
        report.fail(path + ".clients", "too many", std::to_string(r.clients.size()), "write at most 255");
    for (std::size_t i = 0; i != r.clients.size(); ++i) {
        const request_client& c = r.clients[i];
        const std::string at = path + ".clients." + std::to_string(i);
        if (c.prompt) check_lengths(*c.prompt, at + ".prompt", report);
        if (c.output) check_lengths(*c.output, at + ".output", report);
        if (c.cv && r.arrivals) check_arrivals(*r.arrivals, *c.cv, *r.rate, path, report.of_map(path));
        require_both(c.prompt, c.output, at);
    }
}

/// What brings requests: a rate, or users who wait for answers.
void check_loop(const synthetic_requests& r, const std::string& path, const reporter& report) {
    if (!r.rate && !r.users)
        report.fail(path + ".rate", "required key is missing", {}, "add it, such as `rate: \"3 /s\"`, or `users`");
    if (r.rate && r.users)
        report.fail_between({{path + ".users"}, {path + ".rate", format(*r.rate)}}, "users beside a rate",
                            "give one of both: users send when they have been answered");
    if (r.users && r.arrivals)
        report.fail_between({{path + ".users"}, {path + ".arrivals"}}, "users beside arrivals",
                            "remove the arrivals: users send when they have been answered");
    if (r.users && r.cv)
        report.fail_between({{path + ".users"}, {path + ".cv", yaml_text(*r.cv)}}, "users beside a cv",
                            "remove the cv: users send when they have been answered");
    const bool waits = r.users || (r.sessions && r.sessions->after == pause_after::answer);
    if (waits && !r.clients.empty())
        report.fail(path + ".clients", "are not for requests that follow answers", {},
                    "give each client a service entry of its own, or write sessions.after: arrival");
}

void check_servegen(const request_file& f, const std::string& path, const reporter& report) {
    const bool draws = f.format == request_format::servegen;
    if (draws && (!f.lengths || f.lengths->empty()))
        report.fail(path + ".lengths", "servegen has its lengths in another file", {}, "give that file by `lengths`");
    if (!draws && f.lengths)
        report.fail(path + ".lengths", "is for servegen", *f.lengths, "remove it, or write format: servegen");
    if (!draws && f.rate_factor)
        report.fail(path + ".rate_factor", "is for servegen", yaml_text(*f.rate_factor),
                    "remove it, or write format: servegen");
}

void check_requests(const inference_service& service, const std::string& path, const reporter& report) {
    if (service.requests.has_value() == service.synthetic.has_value())
        report.fail(path,
                    service.requests ? "says twice which requests it gets" : "does not say which requests it gets",
                    service.name, "give one of: requests, synthetic");
    if (service.requests && service.requests->path.empty())
        report.fail(path + ".requests.path", "is empty", {}, "write the name of a file");
    if (service.requests) check_servegen(*service.requests, path + ".requests", report);
    if (!service.synthetic) return;
    const synthetic_requests& r = *service.synthetic;
    const std::string at = path + ".synthetic";
    const workload::request_preset* const preset = check_preset(r, at, report);
    const double cv = r.cv.value_or(preset != nullptr ? preset->cv : 1.0);
    check_loop(r, at, report);
    if (r.arrivals) check_arrivals(*r.arrivals, cv, *r.rate, at, report.of_map(at));
    constexpr std::uint64_t most_one_by_one = std::uint64_t{1} << 40U;
    if (r.requests > most_one_by_one && service.fidelity != service_fidelity::fluid)
        report.fail(at + ".requests", "too many to be simulated one by one", std::to_string(r.requests),
                    "write at most " + std::to_string(most_one_by_one) + ", or `fidelity: fluid`");
    // Half of the limit of input times leaves room for a stream that runs longer than its mean.
    if (r.rate && static_cast<double>(r.requests) / r.rate->value > to_seconds(longest_input) / 2)
        report.fail(at + ".rate", "the requests would take more than 100 years to arrive", format(*r.rate),
                    "write a larger rate or fewer requests");
    if (r.prompt) check_lengths(*r.prompt, at + ".prompt", report);
    if (r.output) check_lengths(*r.output, at + ".output", report);
    check_clients(r, preset != nullptr, at, report);
    if (r.sessions && r.arrivals && r.arrivals->beat)
        report.fail(at + ".arrivals.beat", "is not for conversations", format(*r.arrivals->beat), "remove it");
}

void check_speculation(const speculative_decoding& s, const std::string& at, const reporter& report) {
    if (s.acceptance.has_value() == !s.accepted.empty())
        report.fail(at, s.acceptance ? "says twice how many drafts are accepted" : "does not say how many are accepted",
                    {}, "give one of: acceptance, accepted");
    // What all drafts of a step take must be a number of the same decimals.
    if (s.draft.value.mantissa > std::numeric_limits<std::int64_t>::max() / static_cast<std::int64_t>(s.tokens))
        report.fail(at + ".draft", "too long", format(s.draft), "write a shorter time, or one of fewer decimals");
    if (s.accepted.empty()) return;
    if (s.accepted.size() != s.tokens + 1)
        report.fail(at + ".accepted", "has not one share for each number of drafts that may be accepted",
                    std::to_string(s.accepted.size()), "write " + std::to_string(s.tokens + 1));
    const double sum = std::accumulate(s.accepted.begin(), s.accepted.end(), 0.0);
    if (std::abs(sum - 1) > 1e-6)
        report.fail(at + ".accepted", "shares do not sum to 1", yaml_text(sum), "write shares of all steps");
}

void check_tiers(const inference_service& service, const std::string& at, const reporter& report) {
    const engine_options& engine = service.engine;
    if (engine.tiers.empty()) {
        for (const auto& [given, key] : {std::pair{engine.kv_bytes_per_token.has_value(), ".kv_bytes_per_token"},
                                         {engine.recompute_per_token.has_value(), ".recompute_per_token"}}) {
            if (given) report.fail(at + key, "is for tiers of KV caches", {}, "remove it, or give `tiers`");
        }
        return;
    }
    if (!engine.prefix_cache)
        report.fail(at + ".tiers", "nothing goes down to them without a prefix cache", {},
                    "write `prefix_cache: true`, or remove them");
    if (!service.model && !engine.kv_bytes_per_token)
        report.fail(at + ".kv_bytes_per_token", "required key is missing", {},
                    "add it, such as `kv_bytes_per_token: \"0.16 MB\"`, or `model`");
    std::set<std::string_view> names;
    for (std::size_t i = 0; i != engine.tiers.size(); ++i) {
        const std::string key = at + ".tiers." + std::to_string(i) + ".name";
        if (engine.tiers[i].name.empty()) report.fail(key, "is empty", {}, "write a name, such as lpddr");
        if (!names.insert(engine.tiers[i].name).second)
            report.fail(key, "another tier has this name", engine.tiers[i].name, "name each once");
    }
}

/// Either a model says what a replica is, or the keys do.
void check_engine(const inference_service& service, const std::string& path, const std::string& at,
                  const reporter& report) {
    const engine_options& engine = service.engine;
    if (engine.speculation) check_speculation(*engine.speculation, at + ".speculation", report);
    check_tiers(service, at, report);
    if (engine.step.size() > serving::iteration_time::max_pieces)
        report.fail(at + ".step", "wrong number of terms", std::to_string(engine.step.size()), "write 1 to 16");
    if (service.model) {
        for (const auto& [given, key] : {std::pair{!engine.step.empty(), ".step"}, {!engine.table.empty(), ".table"}}) {
            if (given) report.fail(at + key, "the model says how long steps take", {}, "remove it, or `model`");
        }
        if (service.assumptions && service.assumptions->kv_cache &&
            *service.assumptions->kv_cache != llm::precision_kind::bf16 &&
            *service.assumptions->kv_cache != llm::precision_kind::fp8)
            report.fail(path + ".assumptions.kv_cache", "no format of keys and values",
                        std::string{name_of_value(*service.assumptions->kv_cache)}, "write bf16 or fp8");
        return;
    }
    if (engine.step.empty() && engine.table.empty())
        report.fail(at, "does not say how long a step takes", service.name,
                    "write engine.step, such as { base: \"5 ms\", per_token: \"20 us\" }, or `model`");
    if (!engine.kv_capacity_tokens)
        report.fail(at + ".kv_capacity_tokens", "required key is missing", {},
                    "add it, such as `kv_capacity_tokens: 60000`, or `model`");
    if (!service.gpus_per_replica)
        report.fail(path + ".gpus_per_replica", "required key is missing", {},
                    "add it, such as `gpus_per_replica: 8`, or `model`");
    for (const auto& [given, key] : {std::pair{service.system.has_value(), ".system"},
                                     {service.precision.has_value(), ".precision"},
                                     {service.parallel.has_value(), ".parallel"},
                                     {service.assumptions.has_value(), ".assumptions"}}) {
        if (given) report.fail(path + key, "is for a model", {}, "remove it, or write `model`");
    }
}

/// Each pool as a service of its own, and what carries caches between them.
void check_pools(const inference_service& service, const std::string& path, const reporter& report) {
    const disaggregation& d = *service.disaggregated;
    if (service.fidelity == service_fidelity::fluid)
        report.fail(path + ".disaggregated", "is not for fluid services", {},
                    "remove it, or write `fidelity: request`");
    if (service.autoscale)
        report.fail(path + ".autoscale", "replicas that compute prompts or answers alone cannot come and go yet", {},
                    "remove it, or `disaggregated`");
    if (service.replicas != 1)
        report.fail(path + ".replicas", "is said of either kind of replicas", std::to_string(service.replicas),
                    "remove it, and write disaggregated.prefill.replicas and disaggregated.decode.replicas");
    for (const auto& [pool, key] : {std::pair{&d.prefill, ".prefill"}, {&d.decode, ".decode"}}) {
        const std::string at = path + ".disaggregated" + key;
        if (pool->parallel && !service.model)
            report.fail(at + ".parallel", "is for a model", {}, "remove it, or write `model`");
        const inference_service one = service_of_pool(service, *pool);
        const std::string engine = (pool->engine ? at : path) + ".engine";
        if (pool == &d.prefill && pool->engine && pool->engine->speculation)
            report.fail(engine + ".speculation", "is not for replicas that compute prompts alone", {},
                        "write it in disaggregated.decode.engine");
        if (one.engine.adapters)
            report.fail(engine + ".adapters", "are not for replicas that compute prompts or answers alone yet", {},
                        "remove them, or `disaggregated`");
        if (pool == &d.decode && pool->engine && !pool->engine->tiers.empty())
            report.fail(engine + ".tiers", "are not for replicas that compute answers alone", {},
                        "write them in disaggregated.prefill.engine");
        check_engine(one, path, engine, report);
    }
    if (service.model) return;
    const std::string at = path + ".disaggregated.transfer";
    if (!d.transfer.bandwidth)
        report.fail(at + ".bandwidth", "required key is missing", {},
                    "add it, such as `bandwidth: \"50 GB/s\"`, or `model`");
    if (!d.transfer.bytes_per_token)
        report.fail(at + ".bytes_per_token", "required key is missing", {},
                    "add it, such as `bytes_per_token: \"0.16 MB\"`, or `model`");
}

void check_schedule(const autoscale_options& a, const std::string& path, const reporter& report) {
    const duration period = a.period == schedule_period::day ? std::chrono::hours{24} : std::chrono::hours{168};
    for (std::size_t i = 0; i != a.schedule.size(); ++i) {
        const std::string at = path + ".schedule." + std::to_string(i) + ".at";
        if (i != 0 && a.schedule[i].at <= a.schedule[i - 1].at)
            report.fail(at, "not later than the step before", format(a.schedule[i].at), "write rising times");
        if (a.schedule[i].at >= period)
            report.fail(at, "beyond the period", format(a.schedule[i].at), "write a time of it, or period: week");
    }
}

/// Keys that go together, and counts that do.
void check_autoscale(const inference_service& service, const std::string& path, const reporter& report) {
    using policy = serving::scaling_policy;
    if (!service.autoscale) {
        if (service.priority)
            report.fail(path + ".priority", "is for replicas that come and go", std::to_string(*service.priority),
                        "give `autoscale`, or remove it");
        if (service.placement)
            report.fail(path + ".placement", "is for replicas that come and go", {}, "give `autoscale`, or remove it");
        return;
    }
    const autoscale_options& a = *service.autoscale;
    const std::string at = path + ".autoscale";
    const std::string name{name_of_value(a.policy)};
    const auto need = [&](bool given, bool wanted, const char* key) {
        if (given == wanted) return;
        report.fail(at + (wanted ? "" : std::string{"."} + key),
                    wanted ? std::string{"lacks what its policy needs: "} + key : "is not for this policy", name,
                    wanted ? "give it, or another policy" : "remove it, or give another policy");
    };
    need(!a.schedule.empty(), a.policy == policy::schedule, "schedule");
    if (a.policy == policy::fixed || a.policy == policy::schedule) need(a.target.has_value(), false, "target");
    if (a.policy == policy::slo && !service.slo)
        report.fail(at + ".policy", "there are no targets that requests could miss", name, "give the service `slo`");
    if (a.policy == policy::slo && a.target && *a.target > 1)
        report.fail(at + ".target", "more than all requests", format(*a.target), "write a share of at most 1");
    check_schedule(a, at, report);
    if (a.start && a.weights)
        report.fail(at + ".start", "says twice how long a start takes", format(*a.start), "remove it, or `weights`");
    if (a.weights.has_value() != a.bandwidth.has_value())
        report.fail(at + (a.weights ? ".weights" : ".bandwidth"), "goes with its other half", {},
                    "give both, weights and bandwidth, or none");
    const std::uint64_t most = most_replicas(service);
    if (a.min == 0 && !service.everywhere)
        report.fail(at + ".min", "a service without replicas has nobody to see its requests", "0",
                    "write at least 1, or give the service `everywhere`");
    if (a.min > most)
        report.fail(at + ".min", "more than the most that are wanted", std::to_string(a.min),
                    "write at most " + std::to_string(most));
    if (a.policy != policy::schedule && (service.replicas < a.min || service.replicas > most))
        report.fail(path + ".replicas", "outside of autoscale.min and max", std::to_string(service.replicas),
                    "write " + std::to_string(a.min) + " to " + std::to_string(most));
    for (std::size_t i = 0; i != a.schedule.size(); ++i) {
        const std::uint64_t n = a.schedule[i].replicas;
        if (n < a.min || n > most)
            report.fail(at + ".schedule." + std::to_string(i) + ".replicas", "outside of autoscale.min and max",
                        std::to_string(n), "write " + std::to_string(a.min) + " to " + std::to_string(most));
    }
}

void check_admission(const admission_control& a, const std::string& path, const reporter& report) {
    std::set<std::string_view> names;
    std::set<std::uint64_t> priorities;
    for (std::size_t i = 0; i != a.classes.size(); ++i) {
        const admission_class& c = a.classes[i];
        const std::string at = path + ".classes." + std::to_string(i);
        check_name(c.name, at + ".name", report);
        if (!names.insert(c.name).second)
            report.fail(at + ".name", "another class has this name", c.name, "name each once");
        if (!priorities.insert(c.priority).second)
            report.fail(at + ".priority", "another class has this priority", std::to_string(c.priority),
                        "give each class another one");
    }
}

/// What a flow knows nothing of.
void check_fluid(const inference_service& service, const std::string& path, const reporter& report) {
    if (service.fidelity != service_fidelity::fluid) {
        if (service.fluid) report.fail(path + ".fluid", "is for fluid services", {}, "write `fidelity: fluid`");
        return;
    }
    const auto refuse = [&](bool given, const char* key) {
        if (given) report.fail(path + key, "is not for fluid services", {}, "remove it, or write `fidelity: request`");
    };
    // A replica that is not full before the last request has come shows too short steps, and too many of them.
    const std::uint64_t filling = 4 * service.engine.max_seqs,
                        measured = service.fluid ? service.fluid->requests : fluid_shape{}.requests;
    if (!(service.fluid && service.fluid->surface) && measured < filling)
        report.fail(path + ".fluid.requests", "too few to fill the seats of a replica for a while",
                    std::to_string(measured),
                    "make them at least " + std::to_string(filling) + ", four for each of `engine.max_seqs`");
    refuse(service.requests.has_value(), ".requests");
    refuse(service.router == "session" || service.router == "prefix-aware" || service.router == "kv-aware", ".router");
    refuse(service.admission.has_value(), ".admission");
    refuse(service.engine.speculation.has_value(), ".engine.speculation");
    refuse(service.engine.priorities, ".engine.priorities");
    refuse(!service.engine.tiers.empty(), ".engine.tiers");
    refuse(service.engine.adapters.has_value(), ".engine.adapters");
    refuse(service.engine.prefix_cache, ".engine.prefix_cache");
    refuse(service.engine.timeout.has_value(), ".engine.timeout");
    refuse(service.engine.max_wait.has_value(), ".engine.max_wait");
    if (!service.synthetic) return;
    const synthetic_requests& r = *service.synthetic;
    refuse(!r.clients.empty(), ".synthetic.clients");
    refuse(r.sessions.has_value(), ".synthetic.sessions");
    refuse(r.users.has_value(), ".synthetic.users");
    refuse(r.arrivals && r.arrivals->batches, ".synthetic.arrivals.batches");
    refuse(r.arrivals && r.arrivals->beat, ".synthetic.arrivals.beat");
    if (!service.fluid || !service.fluid->windows) return;
    const fluid_window_shape& w = *service.fluid->windows;
    if (w.length > w.every - w.warm_up)
        report.fail(path + ".fluid.windows.every", "windows with their warm-up overlap", {},
                    "write at least `warm_up` + `length`");
}

/// Places and sites that there are, and replicas that can come and go there.
void check_everywhere(const inference_service& service, const scenario& s, const std::string& path,
                      const reporter& report) {
    if (!service.everywhere) return;
    const everywhere_options& e = *service.everywhere;
    const std::string at = path + ".everywhere";
    if (service.fidelity != service_fidelity::fluid)
        report.fail(at, "is for fluid services", {}, "write `fidelity: fluid`, or remove it");
    if (!service.autoscale)
        report.fail(at, "is for replicas that come and go", {}, "give `autoscale`, such as { policy: fixed }");
    if (s.fleet.sites.empty())
        report.fail(at, "the fleet has no sites", {}, "describe the fleet by `sites`, or remove it");
    else if (!s.scheduler.sites)
        report.fail(at, "its sites have no schedulers that place replicas there", {}, "write `scheduler.sites: {}`");
    std::set<std::string_view> names;
    double sum = 0;
    for (std::size_t i = 0; i != e.origins.size(); ++i) {
        const std::string key = at + ".origins." + std::to_string(i);
        if (e.origins[i].name.empty()) report.fail(key + ".name", "is empty", {}, "write a name, such as us-east");
        if (!names.insert(e.origins[i].name).second)
            report.fail(key + ".name", "another one has this name", e.origins[i].name, "name each once");
        sum += e.origins[i].share;
    }
    if (std::abs(sum - 1) > 1e-6)
        report.fail(at + ".origins", "shares do not sum to 1", yaml_text(sum), "write shares of all requests");
    std::vector<std::string_view> known;
    for (const site& one : s.fleet.sites) known.push_back(one.name);
    std::set<std::string_view> chosen;
    for (std::size_t i = 0; i != e.sites.size(); ++i) {
        const std::string key = at + ".sites." + std::to_string(i);
        if (std::find(known.begin(), known.end(), e.sites[i]) == known.end())
            report.fail(key, "the fleet has no such site", e.sites[i], suggestion(e.sites[i], known));
        if (!chosen.insert(e.sites[i]).second) report.fail(key, "is named twice", e.sites[i], "name each site once");
    }
    for (std::size_t i = 0; i != s.fleet.sites.size(); ++i) {
        if (!chosen.empty() && !chosen.contains(s.fleet.sites[i].name)) continue;
        if (!s.fleet.sites[i].region)
            report.fail("fleet.sites." + std::to_string(i) + ".region",
                        "where this site of a service that is everywhere is, is not known", s.fleet.sites[i].name,
                        "add it, such as `region: us-east-1`");
    }
}

/// Nothing may take the nodes of a service that holds them for good away, or make those of any slow.
void check_surroundings(const scenario& s, const reporter& report) {
    const auto refuse = [&report](bool given, const std::string& key) {
        if (given) report.fail(key, "not supported together with services yet", {}, "remove it, or the services");
    };
    refuse(is_mixed(s), "fleet");
    refuse(!s.scheduler.reservations.empty(), "scheduler.reservations");
    const auto all = [&s](auto has) {
        return std::all_of(s.workload.begin(), s.workload.end(),
                           [&](const workload_entry& w) { return !w.service || has(*w.service); });
    };
    const bool all_scale = all([](const inference_service& x) { return x.autoscale.has_value(); });
    const auto refuse_unless_scaled = [&](bool given, const std::string& key) {
        if (given && !all_scale)
            report.fail(key, "not supported together with services that hold their GPUs for good", {},
                        "add `autoscale` to each, such as { policy: fixed }, or remove it");
    };
    refuse_unless_scaled(!s.faults.planned.empty(), "faults.maintenance");
    refuse_unless_scaled(s.faults.drain_rack_at != 0, "faults.drain_rack_at");
    refuse_unless_scaled(!s.fleet.deliveries.empty(), "fleet.deliveries");
    refuse_unless_scaled(has_build_out(s), "fleet");
    refuse_unless_scaled(!s.faults.outages.empty(), "faults.outages");
    refuse_unless_scaled(s.faults.parts_fail(), s.faults.model ? "faults.model"
                                                : s.faults.log ? "faults.log"
                                                               : "faults.processes");
    refuse_unless_scaled(s.power.has_value(), "power");
    refuse_unless_scaled(!s.fleet.slowdowns.empty(), "fleet.slowdowns");
    refuse(s.faults.detection.has_value(), "faults.detection");
    for (std::size_t i = 0; i != s.faults.processes.size(); ++i) {
        const failing_parts& p = s.faults.processes[i];
        const std::string at = "faults.processes." + std::to_string(i);
        refuse(p.detection.has_value(), at + ".detection");
        refuse(p.speed.has_value(), at + ".speed");
    }
}

}  // namespace

inference_service service_of_pool(const inference_service& service, const service_pool& pool) {
    inference_service out = service;
    out.disaggregated.reset();
    out.replicas = pool.replicas;
    if (pool.gpus_per_replica) out.gpus_per_replica = pool.gpus_per_replica;
    if (pool.parallel) out.parallel = pool.parallel;
    if (pool.router) out.router = *pool.router;
    if (pool.engine) out.engine = *pool.engine;
    return out;
}

std::vector<std::size_t> sites_of(const inference_service& service, const fleet& f) {
    const std::vector<std::string>& names = service.everywhere->sites;
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i != f.sites.size(); ++i) {
        if (names.empty() || std::find(names.begin(), names.end(), f.sites[i].name) != names.end()) out.push_back(i);
    }
    return out;
}

std::uint64_t most_replicas(const inference_service& service) {
    if (!service.autoscale) return service.replicas;
    const autoscale_options& a = *service.autoscale;
    if (a.max) return *a.max;
    std::uint64_t most = a.policy == serving::scaling_policy::schedule ? 1 : service.replicas;
    for (const schedule_step& step : a.schedule) most = std::max(most, step.replicas);
    return most;
}

void check_services(const scenario& s, const reporter& report) {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i != s.workload.size(); ++i) {
        const workload_entry& entry = s.workload[i];
        if (!entry.service) continue;
        const std::string path = "workload." + std::to_string(i);
        const inference_service& service = *entry.service;
        check_name(service.name, path + ".service.name", report);
        if (!names.insert(service.name).second)
            report.fail(path + ".service.name", "another service has this name", service.name, "name each once");
        if (service.kv_weight && service.router != "kv-aware")
            report.fail(path + ".service.kv_weight", "is for another router", service.router,
                        "write `router: kv-aware`, or remove it");
        if (service.disaggregated)
            check_pools(service, path + ".service", report);
        else
            check_engine(service, path + ".service", path + ".service.engine", report);
        check_requests(service, path + ".service", report);
        check_autoscale(service, path + ".service", report);
        check_fluid(service, path + ".service", report);
        check_everywhere(service, s, path + ".service", report);
        if (service.admission) check_admission(*service.admission, path + ".service.admission", report);
        for (const auto& [given, key] : {std::pair{entry.speeds.has_value(), ".speeds"},
                                         {entry.reservation.has_value(), ".reservation"},
                                         {entry.swing.has_value(), ".swing"}}) {
            if (given) report.fail(path + key, "is for jobs, not for a service", {}, "remove it");
        }
    }
    if (!names.empty()) check_surroundings(s, report);
    if (s.output.itl && names.empty())
        report.fail("output.itl", "there is no service that gives answers", "true",
                    "write workload.N.service, or false");
    if (s.output.requests && names.empty())
        report.fail("output.requests", "there is no service that gets any", "true",
                    "write workload.N.service, or false");
}

}  // namespace ampacity::scenario
