#include "service_parts.hpp"

#include "check_services.hpp"
#include "reporter.hpp"

#include <ampacity/core/fnv.hpp>
#include <ampacity/core/tables.hpp>
#include <ampacity/fleet/rack_ranges.hpp>
#include <ampacity/policy/placer.hpp>
#include <ampacity/scenario/synthetic_options.hpp>
#include <ampacity/serving/kv_transfer.hpp>
#include <ampacity/serving/service.hpp>
#include <ampacity/workload/client_requests.hpp>
#include <ampacity/workload/closed_requests.hpp>
#include <ampacity/workload/request_presets.hpp>
#include <ampacity/workload/session_requests.hpp>
#include <ampacity/workload/synthetic_requests.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
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

std::optional<serving::speculation_options> speculation_of(const std::optional<speculative_decoding>& s) {
    if (!s) return std::nullopt;
    const auto drafts = static_cast<std::int64_t>(s->tokens);
    return serving::speculation_options{
        .drafts = drafts,
        .gain = s->acceptance ? serving::mean_gain(drafts, *s->acceptance) : serving::mean_gain(s->accepted),
        .draft = {s->draft.value.mantissa * drafts, s->draft.value.scale}};
}

std::optional<serving::adapter_options> adapters_of(const std::optional<lora_adapters>& a) {
    if (!a) return std::nullopt;
    const double ns = std::ceil(a->size.value * 1e9 / a->bandwidth.value) + static_cast<double>(ticks(a->latency));
    return serving::adapter_options{.slots = static_cast<std::int64_t>(a->slots),
                                    .load = ns < static_cast<double>(ticks(longest_input))
                                                ? duration{static_cast<std::int64_t>(ns)}
                                                : longest_input};
}

serving::router_options router_of(const inference_service& service, std::uint64_t seed, std::uint16_t entry) {
    return {.seed = seed, .entity = entry, .kv_weight = std::llround(service.kv_weight.value_or(1.0) * 1000)};
}

serving::service_options options_of(const inference_service& service, std::uint64_t seed, std::uint16_t entry) {
    const engine_options& e = service.engine;
    return {.replicas = static_cast<std::uint32_t>(most_replicas(service)),
            .engine = {.max_seqs = static_cast<std::int64_t>(e.max_seqs),
                       .max_batched_tokens = static_cast<std::int64_t>(e.max_batched_tokens),
                       .kv_capacity_tokens = static_cast<std::int64_t>(e.kv_capacity_tokens.value_or(0)),
                       .kv_block_tokens = static_cast<std::int64_t>(e.kv_block_tokens),
                       .order = e.order,
                       .priorities = e.priorities,
                       .prefix_cache = e.prefix_cache,
                       .recompute_per_token = e.recompute_per_token,
                       .adapters = adapters_of(e.adapters),
                       .timeout = e.timeout,
                       .max_wait = e.max_wait,
                       .speculation = speculation_of(e.speculation)},
            .router = service.router,
            .random = router_of(service, seed, entry),
            .scaled = service.autoscale.has_value()};
}

template <class Keys>
serving::admission_bounds bounds_of(const Keys& from) {
    const auto number = [](const std::optional<std::uint64_t>& n) {
        return n ? std::optional{static_cast<std::int64_t>(*n)} : std::nullopt;
    };
    return {.max_waiting = number(from.max_waiting),
            .max_waiting_tokens = number(from.max_waiting_tokens),
            .max_requests = number(from.max_requests)};
}

serving::latency_targets targets_of(const service_targets& slo) {
    return {.ttft = slo.ttft, .tpot = slo.tpot, .e2e = slo.e2e};
}

/// \pre checked: no two classes have one priority
void set_admission(sim::service_parts& to, const inference_service& from) {
    if (from.slo) to.targets = targets_of(*from.slo);
    if (!from.admission) return;
    serving::admission_options& options = to.options.admission.emplace();
    options.all = bounds_of(*from.admission);
    std::vector<admission_class> classes = from.admission->classes;
    std::sort(classes.begin(), classes.end(),
              [](const admission_class& a, const admission_class& b) { return a.priority < b.priority; });
    for (const admission_class& c : classes) {
        const auto priority = static_cast<std::uint8_t>(c.priority);
        options.classes.push_back({.priority = priority, .bounds = bounds_of(c)});
        to.classes.push_back(
            {.name = c.name, .priority = priority, .targets = c.slo ? targets_of(*c.slo) : to.targets});
    }
}

duration cold_start_of(const autoscale_options& a) {
    if (a.start) return *a.start;
    if (!a.weights) return duration::zero();
    const double ns = std::ceil(a.weights->value / a.bandwidth->value * 1e9);
    return ns < static_cast<double>(ticks(longest_input)) ? duration{static_cast<std::int64_t>(ns)} : longest_input;
}

double default_target(serving::scaling_policy policy) {
    switch (policy) {
        case serving::scaling_policy::queue: return 8;
        case serving::scaling_policy::slo: return 0.95;
        default: return 0.7;
    }
}

sim::scaling_options scaling_of(const inference_service& service, date start) {
    const autoscale_options& a = *service.autoscale;
    serving::autoscaler_options scaler{.policy = a.policy,
                                       .first = static_cast<std::uint32_t>(service.replicas),
                                       .min = static_cast<std::uint32_t>(a.min),
                                       .max = static_cast<std::uint32_t>(most_replicas(service)),
                                       .interval = a.interval,
                                       .up_delay = a.up_delay,
                                       .down_delay = a.down_delay,
                                       .target = a.target.value_or(default_target(a.policy)),
                                       .seats = static_cast<std::int64_t>(service.engine.max_seqs)};
    for (const schedule_step& step : a.schedule)
        scaler.schedule.push_back({step.at, static_cast<std::uint32_t>(step.replicas)});
    scaler.period = a.period == schedule_period::day ? std::chrono::hours{24} : std::chrono::hours{168};
    scaler.offset = into_week(start) % scaler.period;
    sim::scaling_options out{.autoscale = std::move(scaler),
                             .cold_start = cold_start_of(a),
                             .drain_limit = a.drain,
                             .requeues = a.on_failure == failure_rule::requeue,
                             .priority = static_cast<std::int32_t>(service.priority.value_or(0))};
    if (service.placement) out.placement = placement_of(*service.placement);
    return out;
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

/// The most replicas behind the router at a point of a surface: beyond them a router spreads arrivals no better.
constexpr std::uint32_t most_in_surface = 4;

/// Of all clients together where there are several.
class request_streams {
public:
    request_streams(const synthetic_requests& r, const scenario& s, std::uint16_t entry)
        : r_(r), s_(s), entry_(entry), preset_(r.preset ? workload::find_request_preset(*r.preset) : nullptr) {}

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
        const std::uint64_t entity = workload::first_request(entry_, number);
        workload::synthetic_request_options options{
            .seed = s_.seed,
            .entity = entity,
            .requests = requests,
            .arrivals = {.seed = s_.seed,
                         .entity = entity,
                         .rate_per_s = r_.rate ? r_.rate->value * share : 1,
                         .cv = c.cv.value_or(r_.cv.value_or(preset_ ? preset_->cv : 1.0))},
            .prompt = lengths(c.prompt, r_.prompt, preset_ ? &preset_->prompt : nullptr),
            .output = lengths(c.output, r_.output, preset_ ? &preset_->output : nullptr),
            .priority = static_cast<std::uint8_t>(c.priority)};
        if (r_.arrivals) set_arrivals(options.arrivals, *r_.arrivals, s_.start);
        if (r_.users || (r_.sessions && r_.sessions->after == pause_after::answer)) {
            std::optional<workload::loop_users> users;
            if (r_.users) users = {static_cast<std::uint32_t>(r_.users->count), to_seconds(r_.users->think)};
            return std::make_unique<workload::closed_requests>(std::move(options), sessions(), users);
        }
        if (!r_.sessions) return std::make_unique<workload::synthetic_requests>(std::move(options));
        return std::make_unique<workload::session_requests>(std::move(options), sessions());
    }

    /// Without conversations each request is one of its own.
    [[nodiscard]] workload::session_options sessions() const {
        if (!r_.sessions) return {.turns = 1};
        return {.turns = r_.sessions->turns,
                .think_s = to_seconds(r_.sessions->think),
                .context = static_cast<std::uint64_t>(r_.sessions->context.value)};
    }

    const synthetic_requests& r_;
    const scenario& s_;
    std::uint16_t entry_;
    const workload::request_preset* preset_;
};

fluid::offered_rate rate_of(const synthetic_requests& r, double rate, std::uint64_t requests, duration into_week) {
    const std::vector<double> profile = r.arrivals ? profile_of(*r.arrivals) : std::vector<double>{};
    const workload::rate_trend trend = r.arrivals ? trend_of(*r.arrivals) : workload::rate_trend{};
    return {rate, requests, profile, into_week, trend};
}

/// \pre checked: one stream, of the arrival process alone
sim::fluid_parts fluid_of(const inference_service& service, const scenario& s, const sim::service_parts& of) {
    const synthetic_requests& r = *service.synthetic;
    const workload::request_preset* const preset = r.preset ? workload::find_request_preset(*r.preset) : nullptr;
    const auto lengths = [](const std::optional<token_length>& own, const workload::token_lengths* other) {
        return own ? lengths_of(*own) : *other;
    };
    const fluid_shape shape = service.fluid.value_or(fluid_shape{});
    fluid::surface_options from{.engine = of.options.engine,
                                .time = of.time,
                                .replicas = std::min<std::uint32_t>(of.options.replicas, most_in_surface),
                                .router = of.options.router,
                                .prompt = lengths(r.prompt, preset ? &preset->prompt : nullptr),
                                .output = lengths(r.output, preset ? &preset->output : nullptr),
                                .cv = r.cv.value_or(preset ? preset->cv : 1.0),
                                .process = r.arrivals ? r.arrivals->process : workload::arrival_process::gamma,
                                .targets = of.targets,
                                .requests = shape.requests};
    std::optional<fluid::window_options> windows;
    if (const auto& w = shape.windows)
        windows = {.every = w->every,
                   .length = w->length,
                   .warm_up = w->warm_up,
                   .replicas = static_cast<std::uint32_t>(w->replicas),
                   .seed = fnv_1a(service.name, s.seed)};
    sim::fluid_parts out{.from = std::move(from), .tick = shape.tick, .windows = windows};
    if (!service.everywhere) out.offered = rate_of(r, r.rate->value, r.requests, into_week(s.start));
    return out;
}

duration utc_offset_of(const request_origin& o) {
    return o.utc_offset.value_or(duration{std::llround(o.longitude * 3600e9 / 15)});
}

/// Without places and signals of sites, which only models know. \pre it is everywhere
std::shared_ptr<sim::spread_service> spread_of(const inference_service& service, const scenario& s) {
    const everywhere_options& e = *service.everywhere;
    const synthetic_requests& r = *service.synthetic;
    auto out = std::make_shared<sim::spread_service>(sim::spread_service{.name = service.name});
    out->router = {.by = e.router, .max_load = e.max_load, .detour = e.detour};
    if (e.max_round_trip) out->router.max_round_trip_s = to_seconds(*e.max_round_trip);
    constexpr duration week = std::chrono::weeks{1}, day = std::chrono::days{1};
    std::uint64_t left = r.requests;
    for (const request_origin& o : e.origins) {
        // The last one has what rounding leaves.
        const auto share = static_cast<std::uint64_t>(std::llround(o.share * static_cast<double>(r.requests)));
        const std::uint64_t requests = &o == &e.origins.back() ? left : std::min(left, share);
        left -= requests;
        const duration local = (into_week(s.start) + utc_offset_of(o) + week) % week;
        out->origins.push_back({.name = o.name,
                                .where = {o.latitude, o.longitude},
                                .offered = rate_of(r, r.rate->value * o.share, requests, local)});
    }
    for (const std::size_t i : sites_of(service, s.fleet))
        out->sites.push_back({.name = s.fleet.sites[i].name, .number = static_cast<std::uint16_t>(i)});
    const duration today = s.start.time_since_epoch() % day;
    out->utc_s = to_seconds(today < duration::zero() ? today + day : today);
    return out;
}

/// Nodes of a site. \pre a fleet of one type
ampacity::fleet::node_range nodes_of_site(const fleet& f, std::size_t site) {
    std::uint64_t first = 0, count = 0;
    for (std::size_t i = 0; i <= site; ++i) {
        first += count;
        count = 0;
        for (const rack_group& g : f.sites[i].racks) count += g.count * g.nodes_per_rack;
    }
    return {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(first + count)};
}

/// The others are out of service.
ampacity::fleet::free_index only_nodes(ampacity::fleet::free_index all, ampacity::fleet::node_range nodes) {
    for (std::uint32_t n = 0; n != all.num_nodes(); ++n) {
        if (n < nodes.first || n >= nodes.last) all.set_in_service(node_id{n}, false);
    }
    return all;
}

/// In place of the last service, which is everywhere, one for each of its sites, with as many replicas as have a place.
void spread_over_sites(const inference_service& service, const scenario& s, std::span<const std::uint32_t> most,
                       sim::parts& parts) {
    const sim::service_parts whole = std::move(parts.services.back());
    parts.services.pop_back();
    const std::shared_ptr<sim::spread_service> all = spread_of(service, s);
    for (std::uint32_t k = 0; k != all->sites.size(); ++k) {
        sim::service_parts& one = parts.services.emplace_back(sim::service_parts{
            .name = whole.name + '@' + all->sites[k].name,
            .options = whole.options,
            .time = whole.time,
            .requests = std::make_unique<workload::vector_request_source>(std::vector<workload::request>{})});
        one.targets = whole.targets;
        one.gpus_per_replica = whole.gpus_per_replica;
        one.entry = whole.entry;
        one.modelled = whole.modelled;
        one.scaling = whole.scaling;
        one.options.replicas = one.scaling->autoscale.max = most[k];
        for (serving::scheduled_replicas& step : one.scaling->autoscale.schedule)
            step.replicas = std::min(step.replicas, most[k]);
        one.fluid = whole.fluid;
        if (one.fluid->windows) one.fluid->windows->seed = fnv_1a(one.name, s.seed);
        one.site = {all, k};
    }
}

class named_replicas final : public workload::job_source {
public:
    explicit named_replicas(std::vector<std::string> services) : services_(std::move(services)) {}
    std::size_t next(std::span<workload::job_request>) override { return 0; }
    [[nodiscard]] std::optional<double> progress() const override { return 1.0; }
    [[nodiscard]] std::string_view text(std::int64_t index) const override {
        if (index < 0) return {};
        while (names_.size() <= static_cast<std::size_t>(index)) {
            const std::size_t n = names_.size();
            names_.push_back(services_[n % services_.size()] + '/' + std::to_string(n / services_.size()));
        }
        return names_[static_cast<std::size_t>(index)];
    }

private:
    std::vector<std::string> services_;
    mutable std::deque<std::string> names_;  // never moves what is told
};

ampacity::fleet::demand demand_of(std::uint32_t gpus, const workload::placement_constraint& placement) {
    return {.gpus = gpus,
            .segment = placement.segment,
            .within = placement.within,
            .exclusive = placement.exclusive,
            .spread = placement.spread};
}

/// Where the bare keys of the serving module's faults stand in a scenario. `pool`: of the key `pool_key`; null: none.
std::string path_of(const std::string& service, const std::string& key, const service_pool* pool = nullptr,
                    const std::string& pool_key = {}) {
    if (pool != nullptr) {
        const bool is_own =
            key == "replicas" || (key == "router" ? pool->router.has_value() : pool->engine.has_value());
        if (is_own) return path_of(service + ".disaggregated." + pool_key, key);
    }
    // Of replicas that come and go their largest number.
    if (key == "replicas" || key == "router" || key == "kv_weight") return service + '.' + key;
    if (key == "rate") return service + ".synthetic.rate";
    return service + ".engine." + key;
}

/// Runs `f`; what it refuses gets the place of its key.
template <class F>
decltype(auto) blame(const std::string& service, const reporter& report, F f, const service_pool* pool = nullptr,
                     const std::string& pool_key = {}) {
    try {
        return f();
    } catch (const scenario_error& e) {
        const diagnostic& d = e.details();
        report.fail(path_of(service, d.key, pool, pool_key), d.what, d.value, d.remedy);
    }
}

/// Those below the prefix caches of replicas.
std::vector<serving::cache_tier> tiers_of(const engine_options& engine, const std::optional<served_model>& served) {
    if (engine.tiers.empty()) return {};
    const double bytes = std::clamp(
        std::ceil(engine.kv_bytes_per_token ? engine.kv_bytes_per_token->value : served->cache.bytes_per_token), 1.0,
        1e18);
    std::vector<serving::cache_tier> out;
    for (const kv_tier& t : engine.tiers)
        out.push_back({.capacity_tokens = static_cast<std::int64_t>(std::min(t.capacity.value / bytes, 0x1p48)),
                       .link = {.latency = t.latency,
                                .bytes_per_token = std::llround(bytes),
                                .bandwidth_b_s = std::llround(t.bandwidth.value)},
                       .shared = t.shared});
    return out;
}

/// Replicas that are alike, as an engine and a fleet see them.
struct replica_group {
    serving::service_options options;
    serving::iteration_time time;
    std::uint32_t gpus = 1;
    std::optional<served_model> served{};
};

/// Of a service, or of one of its pools.
replica_group group_of(const inference_service& from, std::uint64_t seed, std::uint16_t entry,
                       const model_opener& model, const std::string& key, const reporter& report,
                       const service_pool* pool = nullptr, const std::string& pool_key = {}) {
    serving::service_options options = options_of(from, seed, entry);
    std::optional<served_model> served;
    if (from.model) {
        served = model(from, entry);
        if (!from.engine.kv_capacity_tokens) options.engine.kv_capacity_tokens = served->kv_capacity_tokens;
        if (from.autoscale && served->replicas != 1)
            report.fail(key + ".autoscale", "replicas with several pipeline stages cannot come and go yet", {},
                        "remove it, or write `parallel: { pp: 1 }`");
        if (!from.engine.tiers.empty() && served->replicas != 1)
            report.fail(key + ".engine.tiers", "replicas with several pipeline stages have none yet", {},
                        "remove them, or write `parallel: { pp: 1 }`");
        options.replicas *= served->replicas;
    }
    options.engine.tiers = tiers_of(from.engine, served);
    const auto checked = [&] {
        serving::iteration_time t = served
                                        ? serving::iteration_time{served->attention, serving::step_table{served->grid}}
                                        : time_of(from.engine);
        serving::service_options one = options;
        one.replicas = 1;
        static_cast<void>(serving::service{one, t});
        return t;
    };
    serving::iteration_time time = blame(key, report, checked, pool, pool_key);
    const std::uint32_t gpus = served ? served->gpus : static_cast<std::uint32_t>(*from.gpus_per_replica);
    return {.options = std::move(options), .time = std::move(time), .gpus = gpus, .served = std::move(served)};
}

/// Of caches that replicas of `from` send.
serving::kv_transfer_options transfer_of(const cache_transfer& t, const std::optional<served_model>& from,
                                         const std::string& service, const reporter& report) {
    const std::string key = service + ".disaggregated.transfer";
    const served_cache model = from ? from->cache : served_cache{};
    const double link_b_s = t.bandwidth ? t.bandwidth->value : model.link_b_s;
    if (link_b_s < 1)
        report.fail(key + ".bandwidth", "no network between these GPUs is known", {},
                    "add it, such as `bandwidth: \"50 GB/s\"`");
    const double share = t.efficiency.value_or(t.bandwidth ? 1.0 : model.link_share);
    const double bytes = t.bytes_per_token ? t.bytes_per_token->value : model.bytes_per_token;
    const serving::kv_transfer_options out{
        .latency = t.latency.value_or(model.link_latency),
        .bytes_per_token = std::llround(std::clamp(std::ceil(bytes), 1.0, 1e18)),
        .bandwidth_b_s = std::llround(std::min(link_b_s, 1e18)),
        .efficiency_ppb = std::llround(share * 1e9),
        .layers = static_cast<std::int64_t>(t.layers.value_or(std::max<std::uint32_t>(1, model.layers)))};
    try {
        static_cast<void>(serving::kv_transfer{out});
    } catch (const scenario_error& e) {
        const diagnostic& d = e.details();
        report.fail(key + '.' + d.key, d.what, d.value, d.remedy);
    }
    return out;
}

/// Where something may slow replicas down their times must be exact then, too.
void check_slowed(const scenario& s, const inference_service& from, const replica_group& group, const std::string& key,
                  const reporter& report) {
    if (!s.power && s.fleet.slowdowns.empty()) return;
    if (from.fidelity == service_fidelity::fluid) return;
    const serving::replica one(group.options.engine, group.time);
    blame(key, report, [&] { static_cast<void>(one.slowed(serving::full_speed + 1)); });
}

/// The draws of the router of replicas that decode never meet those of the others'.
constexpr unsigned decode_bit = 32;

}  // namespace

std::unique_ptr<workload::job_source> replica_names(const inference_service& service, const fleet& f) {
    std::vector<std::string> names;
    if (service.everywhere) {
        for (const std::size_t i : sites_of(service, f)) names.push_back(service.name + '@' + f.sites[i].name);
    }
    return std::make_unique<named_replicas>(names.empty() ? std::vector{service.name} : std::move(names));
}

void add_services(const scenario& s, sim::parts& parts, const request_opener& open, const model_opener& model,
                  const locator& locate) {
    const reporter report{locate};
    ampacity::fleet::free_index left;
    std::vector<ampacity::fleet::gpu_share> shares;
    for (std::size_t i = 0; i != s.workload.size(); ++i) {
        if (!s.workload[i].service) continue;
        const inference_service& whole = *s.workload[i].service;
        const disaggregation* const apart = whole.disaggregated ? &*whole.disaggregated : nullptr;
        const inference_service from = apart != nullptr ? service_of_pool(whole, apart->prefill) : whole;
        const auto entry = static_cast<std::uint16_t>(i);
        const std::string key = "workload." + std::to_string(i) + ".service";
        if (from.requests && !open)
            report.fail(key + ".requests", "no way to open requests was given", from.requests->path,
                        "pass a request_opener to build, or use the library of files");
        if (from.model && !model)
            report.fail(key + ".model", "no way to read models was given", *from.model,
                        "pass a model_opener to build, or use the library of files");
        replica_group group =
            group_of(from, s.seed, entry, model, key, report, apart != nullptr ? &apart->prefill : nullptr, "prefill");
        check_slowed(s, from, group, key, report);
        std::optional<replica_group> decode;
        if (apart != nullptr) {
            decode = group_of(service_of_pool(whole, apart->decode), s.seed, entry, model, key, report, &apart->decode,
                              "decode");
            group.options.decode = serving::decode_options{
                .replicas = decode->options.replicas,
                .engine = decode->options.engine,
                .router = decode->options.router,
                .random = {.seed = s.seed, .entity = std::uint64_t{entry} | std::uint64_t{1} << decode_bit},
                .time = decode->time,
                .transfer = transfer_of(apart->transfer, group.served, key, report)};
        }
        if (parts.services.empty()) left = parts.fleet.free();
        sim::service_parts& to = parts.services.emplace_back(sim::service_parts{
            .name = from.name, .options = std::move(group.options), .time = group.time, .requests = nullptr});
        set_admission(to, whole);
        to.gpus_per_replica = group.gpus;
        if (group.served) to.modelled = group.served->facts;
        if (decode) {
            to.decode_gpus_per_replica = decode->gpus;
            if (decode->served) to.decode_modelled = decode->served->facts;
        }
        to.entry = entry;
        to.measures_gaps = s.output.itl;
        if (from.autoscale) to.scaling = scaling_of(from, s.start);
        // Those that come and go must have places, and leave them to all others.
        ampacity::fleet::free_index all = left;
        std::string place = "the fleet";
        const auto place_all = [&](std::uint64_t most, std::uint32_t gpus, const std::string& fault_at,
                                   std::uint64_t least) {
            const ampacity::fleet::demand wanted =
                demand_of(gpus, to.scaling ? to.scaling->placement : workload::placement_constraint{});
            for (std::uint32_t r = 0; r != most; ++r) {
                shares.clear();
                if (!policy::place(*parts.placer, all, wanted, shares)) {
                    if (r < least)
                        report.fail(fault_at,
                                    "only " + std::to_string(r) + " of " + std::to_string(least) + " replicas of " +
                                        std::to_string(gpus) + " GPUs have a place on " + place,
                                    std::to_string(least == 1 ? gpus : least), "write fewer, or a larger fleet");
                    return r;
                }
                all.take(wanted, shares);
                if (!to.scaling) to.places.push_back(shares);
            }
            return static_cast<std::uint32_t>(most);
        };
        const std::uint64_t most = to.options.replicas;
        std::vector<std::uint32_t> most_of_site;
        if (decode) {
            place_all(most, to.gpus_per_replica, key + ".disaggregated.prefill", most);
            place_all(decode->options.replicas, decode->gpus, key + ".disaggregated.decode", decode->options.replicas);
        } else {
            const std::string fault_at = key + (most == 1 ? from.gpus_per_replica ? ".gpus_per_replica" : ".model"
                                                : from.autoscale ? ".autoscale"
                                                                 : ".replicas");
            const std::vector<std::size_t> sites =
                from.everywhere ? sites_of(from, s.fleet) : std::vector<std::size_t>{};
            for (const std::size_t site : sites) {
                all = only_nodes(left, nodes_of_site(s.fleet, site));
                place = "site " + s.fleet.sites[site].name;
                const std::uint64_t least = std::max({std::uint64_t{1}, from.autoscale->min, from.replicas});
                most_of_site.push_back(place_all(most, to.gpus_per_replica, fault_at, least));
            }
            if (sites.empty()) place_all(most, to.gpus_per_replica, fault_at, most);
        }
        if (!to.scaling) left = std::move(all);
        if (from.fidelity == service_fidelity::fluid) {
            to.fluid = fluid_of(from, s, to);
            to.requests = std::make_unique<workload::vector_request_source>(std::vector<workload::request>{});
            if (from.everywhere) spread_over_sites(from, s, most_of_site, parts);
            continue;
        }
        to.requests = from.requests ? open(*from.requests, entry) : request_streams{*from.synthetic, s, entry}.all();
    }
}

}  // namespace ampacity::scenario
