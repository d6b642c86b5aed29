#include "service_parts.hpp"

#include "check_services.hpp"
#include "reporter.hpp"

#include <ampacity/policy/placer.hpp>
#include <ampacity/scenario/synthetic_options.hpp>
#include <ampacity/serving/service.hpp>
#include <ampacity/workload/synthetic_requests.hpp>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::scenario {
namespace {

serving::iteration_time time_of(const engine_options& engine) {
    std::vector<serving::linear_step> pieces;
    for (const step_terms& t : engine.step)
        pieces.push_back({.base = t.base.value,
                          .per_token = t.per_token.value,
                          .per_kv_token = t.per_kv_token.value,
                          .per_prefill_attention = t.per_prefill_attention.value});
    return serving::iteration_time{pieces};
}

serving::service_options options_of(const inference_service& service, std::uint64_t seed, std::uint16_t entry) {
    const engine_options& e = service.engine;
    return {.replicas = static_cast<std::uint32_t>(most_replicas(service)),
            .engine = {.max_seqs = static_cast<std::int64_t>(e.max_seqs),
                       .max_batched_tokens = static_cast<std::int64_t>(e.max_batched_tokens),
                       .kv_capacity_tokens = static_cast<std::int64_t>(e.kv_capacity_tokens),
                       .kv_block_tokens = static_cast<std::int64_t>(e.kv_block_tokens),
                       .order = e.order,
                       .priorities = e.priorities,
                       .prefix_cache = e.prefix_cache,
                       .timeout = e.timeout,
                       .max_wait = e.max_wait},
            .router = service.router,
            .random = {.seed = seed, .entity = entry},
            .scaled = service.autoscale.has_value()};
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

class named_replicas final : public workload::job_source {
public:
    explicit named_replicas(std::string service) : service_(std::move(service)) {}
    std::size_t next(std::span<workload::job_request>) override { return 0; }
    [[nodiscard]] std::optional<double> progress() const override { return 1.0; }
    [[nodiscard]] std::string_view text(std::int64_t index) const override {
        if (index < 0) return {};
        while (names_.size() <= static_cast<std::size_t>(index))
            names_.push_back(service_ + '/' + std::to_string(names_.size()));
        return names_[static_cast<std::size_t>(index)];
    }

private:
    std::string service_;
    mutable std::deque<std::string> names_;  // never moves what is told
};

ampacity::fleet::demand demand_of(std::uint32_t gpus, const workload::placement_constraint& placement) {
    return {.gpus = gpus,
            .segment = placement.segment,
            .within = placement.within,
            .exclusive = placement.exclusive,
            .spread = placement.spread};
}

/// Where the bare keys of the serving module's faults stand in a scenario.
std::string path_of(const std::string& service, const std::string& key) {
    // Of replicas that come and go their largest number.
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

std::unique_ptr<workload::job_source> replica_names(const std::string& service) {
    return std::make_unique<named_replicas>(service);
}

void add_services(const scenario& s, sim::parts& parts, const request_opener& open, const locator& locate) {
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
        serving::service_options options = options_of(from, s.seed, entry);
        const serving::iteration_time time = blame(key, report, [&] {
            serving::iteration_time t = time_of(from.engine);
            serving::service_options one = options;
            one.replicas = 1;
            static_cast<void>(serving::service{one, t});
            return t;
        });
        if (parts.services.empty()) left = parts.fleet.free();
        sim::service_parts& to = parts.services.emplace_back(
            sim::service_parts{.name = from.name, .options = std::move(options), .time = time, .requests = nullptr});
        if (from.slo) to.targets = {.ttft = from.slo->ttft, .tpot = from.slo->tpot, .e2e = from.slo->e2e};
        to.gpus_per_replica = static_cast<std::uint32_t>(from.gpus_per_replica);
        to.entry = entry;
        if (from.autoscale) to.scaling = scaling_of(from, s.start);
        const ampacity::fleet::demand wanted =
            to.scaling ? demand_of(to.gpus_per_replica, to.scaling->placement) : demand_of(to.gpus_per_replica, {});
        // Those that come and go must have places, and leave them to all others.
        ampacity::fleet::free_index all = left;
        const std::uint64_t most = to.options.replicas;
        for (std::uint64_t r = 0; r != most; ++r) {
            shares.clear();
            if (!policy::place(*parts.placer, all, wanted, shares))
                report.fail(key + (most == 1        ? ".gpus_per_replica"
                                   : from.autoscale ? ".autoscale"
                                                    : ".replicas"),
                            "only " + std::to_string(r) + " of " + std::to_string(most) + " replicas of " +
                                std::to_string(to.gpus_per_replica) + " GPUs have a place on the fleet",
                            std::to_string(most == 1 ? from.gpus_per_replica : most), "write fewer, or a larger fleet");
            all.take(wanted, shares);
            if (!to.scaling) to.places.push_back(shares);
        }
        if (!to.scaling) left = std::move(all);
        to.requests = from.requests ? open(*from.requests, entry) : synthetic_of(*from.synthetic, s, entry);
    }
}

}  // namespace ampacity::scenario
