#include "service_parts.hpp"

#include "reporter.hpp"

#include <ampacity/core/tables.hpp>
#include <ampacity/policy/placer.hpp>
#include <ampacity/scenario/synthetic_options.hpp>
#include <ampacity/serving/service.hpp>
#include <ampacity/workload/client_requests.hpp>
#include <ampacity/workload/request_presets.hpp>
#include <ampacity/workload/session_requests.hpp>
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
    const auto max = static_cast<std::uint64_t>(l.max.value);
    if (!l.quantiles.empty()) {
        std::vector<empirical_distribution::point> points;
        const auto steps = static_cast<double>(l.quantiles.size() - 1);
        for (const double tokens : l.quantiles) points.push_back({static_cast<double>(points.size()) / steps, tokens});
        return workload::token_lengths({{1, empirical_distribution{std::move(points), interpolation::linear}}}, max);
    }
    std::vector<workload::weighted_law> laws;
    if (l.sigma > 0)
        laws.push_back({1, lognormal_distribution{l.median->value, l.sigma}});
    else
        laws.push_back({1, constant_distribution{l.median->value}});
    return workload::token_lengths(std::move(laws), max);
}

/// Draws of different entries of the workload never meet, nor do those of their clients.
constexpr unsigned request_bits = 48;
constexpr unsigned client_bits = 40;

/// Of all clients together where there are several.
class request_streams {
public:
    request_streams(const synthetic_requests& r, const scenario& s, std::uint16_t entry)
        : r_(r),
          s_(s),
          entity_(std::uint64_t{entry} << request_bits),
          preset_(r.preset ? workload::find_request_preset(*r.preset) : nullptr) {}

    [[nodiscard]] std::unique_ptr<workload::request_source> all() const {
        if (r_.clients.empty()) return one({}, r_.requests, 1, 0);
        double sum = 0;
        for (const request_client& c : r_.clients) sum += c.weight;
        std::vector<std::unique_ptr<workload::request_source>> streams;
        // Each could send all of them.
        for (const request_client& c : r_.clients)
            streams.push_back(one(c, r_.requests, c.weight / sum, streams.size()));
        return std::make_unique<workload::client_requests>(std::move(streams), r_.requests);
    }

private:
    [[nodiscard]] static workload::token_lengths lengths(const std::optional<token_length>& own,
                                                         const std::optional<token_length>& common,
                                                         const workload::token_lengths* preset) {
        return own ? lengths_of(*own) : common ? lengths_of(*common) : *preset;
    }

    [[nodiscard]] std::unique_ptr<workload::request_source> one(const request_client& c, std::uint64_t requests,
                                                                double share, std::size_t number) const {
        const std::uint64_t entity = entity_ + (std::uint64_t{number} << client_bits);
        workload::synthetic_request_options options{
            .seed = s_.seed,
            .entity = entity,
            .requests = requests,
            .arrivals = {.seed = s_.seed,
                         .entity = entity,
                         .rate_per_s = r_.rate.value * share,
                         .cv = c.cv.value_or(r_.cv.value_or(preset_ ? preset_->cv : 1.0))},
            .prompt = lengths(c.prompt, r_.prompt, preset_ ? &preset_->prompt : nullptr),
            .output = lengths(c.output, r_.output, preset_ ? &preset_->output : nullptr),
            .priority = static_cast<std::uint8_t>(c.priority)};
        if (r_.arrivals) {
            const arrival_shape& a = *r_.arrivals;
            options.arrivals.process = a.process;
            options.arrivals.profile = profile_of(a);
            options.arrivals.week_offset = into_week(s_.start);
            if (a.batches)
                options.arrivals.batches =
                    workload::batch_options{a.batches->share, a.batches->mean, a.batches->spacing};
            options.arrivals.beat = a.beat;
        }
        if (!r_.sessions) return std::make_unique<workload::synthetic_requests>(std::move(options));
        const conversation_shape& shape = *r_.sessions;
        return std::make_unique<workload::session_requests>(
            std::move(options), workload::session_options{.turns = shape.turns,
                                                          .think_s = to_seconds(shape.think),
                                                          .context = static_cast<std::uint64_t>(shape.context.value)});
    }

    const synthetic_requests& r_;
    const scenario& s_;
    std::uint64_t entity_;
    const workload::request_preset* preset_;
};

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
        to.requests = from.requests ? open(*from.requests, entry) : request_streams{*from.synthetic, s, entry}.all();
    }
}

}  // namespace ampacity::scenario
