#include "service_parts.hpp"

#include "reporter.hpp"

#include <ampacity/policy/placer.hpp>
#include <ampacity/scenario/synthetic_options.hpp>
#include <ampacity/serving/service.hpp>
#include <ampacity/workload/synthetic_requests.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::scenario {
namespace {

/// The corners of a table in the order of a grid.
serving::step_grid grid_of(const std::vector<table_entry>& table) {
    serving::step_grid grid;
    std::map<std::pair<std::int64_t, std::int64_t>, serving::exact_time> corners;
    std::set<std::int64_t> rows, columns;
    for (const table_entry& e : table) {
        const auto decodes = static_cast<std::int64_t>(e.decodes),
                   prefilled = static_cast<std::int64_t>(e.prefill_tokens);
        if (!corners.emplace(std::pair{decodes, prefilled}, e.time.value).second)
            throw scenario_error(
                {{},
                 "table",
                 "has an entry twice",
                 "{ decodes: " + std::to_string(decodes) + ", prefill_tokens: " + std::to_string(prefilled) + " }",
                 "remove one of them"});
        rows.insert(decodes);
        columns.insert(prefilled);
    }
    // Without prompts in it, a table is of decodes alone: prompts cost what `step` says.
    if (columns.size() == 1 && columns.contains(0)) {
        constexpr std::int64_t all = std::int64_t{1} << 31U;
        columns.insert(all);
        for (const std::int64_t row : rows) {
            if (const auto at = corners.find({row, 0}); at != corners.end()) corners[{row, all}] = at->second;
        }
    }
    grid.decodes.assign(rows.begin(), rows.end());
    grid.prefill_tokens.assign(columns.begin(), columns.end());
    for (const auto& [at, time] : corners) grid.time.push_back(time);
    return grid;
}

serving::iteration_time time_of(const engine_options& engine) {
    std::vector<serving::linear_step> pieces;
    for (const step_terms& t : engine.step)
        pieces.push_back({.base = t.base.value,
                          .per_token = t.per_token.value,
                          .per_kv_token = t.per_kv_token.value,
                          .per_prefill_attention = t.per_prefill_attention.value});
    if (pieces.empty()) pieces.push_back({});
    return serving::iteration_time{pieces, serving::step_table{grid_of(engine.table)}};
}

serving::service_options options_of(const inference_service& service, std::uint64_t seed, std::uint16_t entry) {
    const engine_options& e = service.engine;
    return {.replicas = static_cast<std::uint32_t>(service.replicas),
            .engine = {.max_seqs = static_cast<std::int64_t>(e.max_seqs),
                       .max_batched_tokens = static_cast<std::int64_t>(e.max_batched_tokens),
                       .kv_capacity_tokens = static_cast<std::int64_t>(e.kv_capacity_tokens.value_or(0)),
                       .kv_block_tokens = static_cast<std::int64_t>(e.kv_block_tokens),
                       .order = e.order,
                       .priorities = e.priorities,
                       .prefix_cache = e.prefix_cache,
                       .timeout = e.timeout,
                       .max_wait = e.max_wait},
            .router = service.router,
            .random = {.seed = seed, .entity = entry}};
}

workload::token_lengths lengths_of(const token_length& l) {
    std::vector<workload::weighted_law> laws;
    if (l.sigma > 0)
        laws.push_back({1, lognormal_distribution{l.median.value, l.sigma}});
    else
        laws.push_back({1, constant_distribution{l.median.value}});
    return workload::token_lengths(std::move(laws), static_cast<std::uint64_t>(l.max.value));
}

/// Draws of different entries of the workload never meet.
constexpr unsigned request_bits = 48;

std::unique_ptr<workload::request_source> synthetic_of(const synthetic_requests& r, const scenario& s,
                                                       std::uint16_t entry) {
    const std::uint64_t entity = std::uint64_t{entry} << request_bits;
    workload::arrival_options arrivals{.seed = s.seed, .entity = entity, .rate_per_s = r.rate.value, .cv = r.cv};
    if (r.arrivals) {
        const arrival_shape& a = *r.arrivals;
        arrivals.process = a.process;
        arrivals.profile = profile_of(a);
        arrivals.week_offset = into_week(s.start);
        if (a.batches)
            arrivals.batches = workload::batch_options{a.batches->share, a.batches->mean, a.batches->spacing};
        arrivals.beat = a.beat;
    }
    return std::make_unique<workload::synthetic_requests>(
        workload::synthetic_request_options{.seed = s.seed,
                                            .entity = entity,
                                            .requests = r.requests,
                                            .arrivals = std::move(arrivals),
                                            .prompt = lengths_of(r.prompt),
                                            .output = lengths_of(r.output)});
}

/// Where the bare keys of the serving module's faults stand in a scenario.
std::string path_of(const std::string& service, const std::string& key) {
    if (key == "replicas" || key == "router") return service + '.' + key;
    if (key == "rate") return service + ".synthetic.rate";
    return service + ".engine." + key;
}

/// Runs `f`; what it refuses gets the place of its key.
template <class F>
decltype(auto) blame(const std::string& service, const reporter& report, F f) {
    try {
        return f();
    } catch (const scenario_error& e) {
        const diagnostic& d = e.details();
        report.fail(path_of(service, d.key), d.what, d.value, d.remedy);
    }
}

}  // namespace

void add_services(const scenario& s, sim::parts& parts, const request_opener& open, const model_opener& model,
                  const locator& locate) {
    const reporter report{locate};
    ampacity::fleet::free_index left;
    std::vector<ampacity::fleet::gpu_share> shares;
    for (std::size_t i = 0; i != s.workload.size(); ++i) {
        if (!s.workload[i].service) continue;
        const inference_service& from = *s.workload[i].service;
        const auto entry = static_cast<std::uint16_t>(i);
        const std::string key = "workload." + std::to_string(i) + ".service";
        if (from.requests && !open)
            report.fail(key + ".requests", "no way to open requests was given", from.requests->path,
                        "pass a request_opener to build, or use the library of files");
        if (from.model && !model)
            report.fail(key + ".model", "no way to read models was given", *from.model,
                        "pass a model_opener to build, or use the library of files");
        serving::service_options options = options_of(from, s.seed, entry);
        std::optional<served_model> served;
        if (from.model) {
            served = model(from, entry);
            if (!from.engine.kv_capacity_tokens) options.engine.kv_capacity_tokens = served->kv_capacity_tokens;
            options.replicas *= served->replicas;
        }
        const serving::iteration_time time = blame(key, report, [&] {
            serving::iteration_time t =
                served ? serving::iteration_time{served->attention, serving::step_table{served->grid}}
                       : time_of(from.engine);
            serving::service_options one = options;
            one.replicas = 1;
            static_cast<void>(serving::service{one, t});
            return t;
        });
        if (parts.services.empty()) left = parts.fleet.free();
        sim::service_parts& to = parts.services.emplace_back(
            sim::service_parts{.name = from.name, .options = std::move(options), .time = time, .requests = nullptr});
        if (from.slo) to.targets = {.ttft = from.slo->ttft, .tpot = from.slo->tpot, .e2e = from.slo->e2e};
        to.gpus_per_replica = served ? served->gpus : static_cast<std::uint32_t>(*from.gpus_per_replica);
        if (served) to.modelled = served->facts;
        to.entry = entry;
        const ampacity::fleet::demand wanted{.gpus = to.gpus_per_replica};
        const std::uint32_t replicas = to.options.replicas;
        for (std::uint32_t r = 0; r != replicas; ++r) {
            shares.clear();
            if (!policy::place(*parts.placer, left, wanted, shares))
                report.fail(key + (replicas != 1           ? ".replicas"
                                   : from.gpus_per_replica ? ".gpus_per_replica"
                                                           : ".model"),
                            "only " + std::to_string(r) + " of " + std::to_string(replicas) + " replicas of " +
                                std::to_string(to.gpus_per_replica) + " GPUs have a place on the fleet",
                            std::to_string(replicas == 1 ? to.gpus_per_replica : replicas),
                            "write fewer, or a larger fleet");
            left.take(wanted, shares);
            to.places.push_back(shares);
        }
        to.requests = from.requests ? open(*from.requests, entry) : synthetic_of(*from.synthetic, s, entry);
    }
}

}  // namespace ampacity::scenario
