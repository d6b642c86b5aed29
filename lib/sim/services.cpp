#include "services.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/serving/decode_pool.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

namespace ampacity::sim {
namespace {

template <class Statistics>
std::optional<distribution_summary> summary_of(const Statistics& s) {
    if (s.count() == 0) return std::nullopt;
    return distribution_summary{.mean = *s.mean_s(),
                                .p50 = *s.percentile_s(p50),
                                .p90 = *s.percentile_s(p90),
                                .p99 = *s.percentile_s(p99),
                                .max = *s.percentile_s(p100)};
}

/// Of the priorities that `wanted` names; without gaps by priority of all.
template <class Wanted>
std::optional<distribution_summary> gaps_of(const std::vector<serving::token_gaps>& all, Wanted wanted) {
    serving::token_gaps sum;
    for (std::size_t p = 0; p != all.size(); ++p) {
        if (wanted(p)) sum.merge(all[p]);
    }
    return summary_of(sum);
}

template <class Metrics>
std::vector<priority_result> priorities_of(const Metrics& all, const std::vector<serving::token_gaps>& gaps) {
    std::vector<priority_result> out;
    for (std::size_t p = 0; p != all.size(); ++p) {
        if (!all[p]) continue;
        const serving::service_metrics& m = *all[p];
        out.push_back({.priority = static_cast<std::uint8_t>(p),
                       .requests = m.requests,
                       .finished = m.finished,
                       .ttft_s = summary_of(m.ttft),
                       .tpot_s = summary_of(m.tpot),
                       .itl_s = gaps_of(gaps, [p](std::size_t q) { return q == p; }),
                       .e2e_s = summary_of(m.e2e),
                       .attainment = m.attainment(),
                       .queueing_s = summary_of(m.queueing),
                       .prompt_tokens = m.prompt_tokens,
                       .output_tokens = m.output_tokens});
    }
    return out;
}

std::vector<tier_result> tiers_of(const serving::replica_counts& counts, std::size_t tiers) {
    std::vector<tier_result> out;
    for (std::size_t t = 0; t != tiers; ++t)
        out.push_back({.loads = static_cast<std::uint64_t>(counts.tiers[t].loads),
                       .tokens = static_cast<std::uint64_t>(counts.tiers[t].tokens),
                       .busy = counts.tiers[t].busy});
    return out;
}

std::optional<adapter_result> adapters_of(const serving::replica_counts& counts, bool has_adapters) {
    if (!has_adapters) return std::nullopt;
    return adapter_result{.hits = static_cast<std::uint64_t>(counts.adapters.hits),
                          .loads = static_cast<std::uint64_t>(counts.adapters.loads),
                          .busy = counts.adapters.busy};
}

std::vector<class_result> classes_of(const std::vector<class_parts>& classes,
                                     const std::vector<serving::service_metrics>& all,
                                     std::span<const std::size_t> class_of,
                                     const std::vector<serving::token_gaps>& gaps) {
    std::vector<class_result> out;
    for (std::size_t c = 0; c != all.size(); ++c) {
        const serving::service_metrics& m = all[c];
        out.push_back({.name = classes[c].name,
                       .requests = m.requests,
                       .finished = m.finished,
                       .shed = m.shed,
                       .met = m.met,
                       .ttft_s = summary_of(m.ttft),
                       .tpot_s = summary_of(m.tpot),
                       .itl_s = gaps_of(gaps, [&](std::size_t p) { return class_of[p] == c; }),
                       .e2e_s = summary_of(m.e2e),
                       .attainment = m.attainment(),
                       .queueing_s = summary_of(m.queueing),
                       .prompt_tokens = m.prompt_tokens,
                       .output_tokens = m.output_tokens});
    }
    return out;
}

/// Shares of one node as one.
std::vector<fleet::gpu_share> by_node(const std::vector<std::vector<fleet::gpu_share>>& places) {
    std::vector<fleet::gpu_share> all;
    for (const auto& place : places) all.insert(all.end(), place.begin(), place.end());
    std::sort(all.begin(), all.end(),
              [](const fleet::gpu_share& a, const fleet::gpu_share& b) { return a.node < b.node; });
    std::vector<fleet::gpu_share> out;
    for (const fleet::gpu_share& s : all) {
        if (out.empty() || out.back().node != s.node)
            out.push_back(s);
        else
            out.back().gpus |= s.gpus;
    }
    return out;
}

/// What is planned for a site beyond what it gets, as if it were there.
void add_lacks(serving::scaling_observation& to, double requests, const fluid::fluid_service& flow,
               const demand_router& router, std::size_t site) {
    const double each_s = (1 - flow.mix().rejected) * flow.service_s(std::min(1.0, router.of().router.max_load));
    to.request_ns += static_cast<int128>(std::round(requests * each_s * 1e9));
    to.running += std::llround(router.lacks_per_s(site) * each_s);
    to.left += static_cast<std::uint64_t>(std::llround(requests));
}

flow_sample flow_of(const fluid::fluid_service& f) {
    const fluid::flow_interval& i = f.last();
    const double seconds = to_seconds(i.to - i.from);
    if (seconds <= 0) return {};
    return {.offered_per_s = i.offered / seconds,
            .served_per_s = i.served / seconds,
            .load = i.load,
            .backlog = i.backlog,
            .ttft_p50_s = i.ttft_p50_s,
            .ttft_p99_s = i.ttft_p99_s};
}

pool_result pool_of(std::span<const serving::replica> replicas, std::uint32_t gpus_each, duration held,
                    const std::optional<modelled_service>& modelled) {
    const serving::replica_counts c = serving::counts_of(replicas);
    const auto blocks = static_cast<double>(replicas.front().num_blocks());
    const double room = blocks * static_cast<double>(replicas.size()) * static_cast<double>(ticks(held));
    return {.replicas = replicas.size(),
            .gpus_per_replica = gpus_each,
            .steps = static_cast<std::uint64_t>(c.steps),
            .preemptions = static_cast<std::uint64_t>(c.preemptions),
            .busy = c.busy,
            .prefilling = c.prefilling,
            .kv_occupancy = room > 0 ? 0.5 * static_cast<double>(c.twice_block_time) / room : 0,
            .kv_peak = blocks > 0 ? static_cast<double>(c.peak_blocks) / blocks : 0,
            .modelled = modelled};
}

std::optional<disaggregated_result> pools_of(const service_parts& parts, const serving::service& engine,
                                             const serving::service_metrics& m, duration held) {
    const serving::decode_pool* const pool = engine.decode();
    if (pool == nullptr) return std::nullopt;
    return disaggregated_result{
        .prefill = pool_of(engine.replicas(), parts.gpus_per_replica, held, parts.modelled),
        .decode = pool_of(pool->replicas(), parts.decode_gpus_per_replica, held, parts.decode_modelled),
        .begun = pool->num_begun(),
        .received = pool->num_received(),
        .moved_b = static_cast<double>(pool->tokens_received()) *
                   static_cast<double>(pool->transfers().options().bytes_per_token),
        .transfer_s = summary_of(m.transfer)};
}

/// Of all blocks of all replicas.
double mean_occupancy(const disaggregated_result& d, const serving::service& engine) {
    const auto blocks = [](std::span<const serving::replica> all) {
        return static_cast<double>(all.front().num_blocks()) * static_cast<double>(all.size());
    };
    const double prefill = blocks(engine.replicas()), decode = blocks(engine.decode()->replicas());
    return prefill + decode > 0
               ? (d.prefill.kv_occupancy * prefill + d.decode.kv_occupancy * decode) / (prefill + decode)
               : 0;
}

}  // namespace

services::services(std::vector<service_parts> list, bool sampled, bool paced) : is_paced_(paced) {
    for (service_parts& p : list) {
        AMPACITY_ASSERT(p.requests && p.options.scaled == p.scaling.has_value());
        AMPACITY_ASSERT(p.places.size() == (p.scaling ? 0 : p.num_replicas()));
        const bool is_first = !p.site || p.site->number == 0;
        if (p.scaling && is_first) {
            of_source_.resize(std::max<std::size_t>(of_source_.size(), p.entry + 1U), 0);
            of_source_[p.entry] = static_cast<std::uint32_t>(all_.size()) + 1;
        }
        all_.push_back(std::make_unique<one>(std::move(p)));
        all_.back()->place = is_first ? num_places_++ : num_places_ - 1;
        if (all_.back()->parts.site) join_sites(*all_.back());
        all_.back()->where = by_node(all_.back()->parts.places);
        all_.back()->loop = all_.back()->parts.requests->loop();
        if (sampled) all_.back()->engine.note_first_tokens(all_.back()->first_tokens);
        if (all_.back()->parts.fluid)
            make_flow(*all_.back());
        else
            refill(*all_.back());
    }
    touched_.reserve(all_.size());
}

job_event services::told(std::uint32_t i, instant now) const {
    const one& s = *all_[i];
    return {.at = now,
            .source = s.parts.entry,
            .where = s.where,
            .gpus = s.parts.scaling ? 0 : static_cast<std::uint32_t>(s.parts.num_gpus())};
}

void services::refill(one& s) {
    if (s.loop != nullptr) return;
    const auto begin = std::chrono::steady_clock::now();
    try {
        s.have = s.parts.requests->next(s.batch);
    } catch (const scenario_error& e) {
        diagnostic d = e.details();
        if (d.key == "rate") d.key = "workload." + std::to_string(s.parts.entry) + ".service.synthetic.rate";
        throw scenario_error(std::move(d));
    }
    s.at = 0;
    reading_ += std::chrono::steady_clock::now() - begin;
}

void services::make_flow(one& s) {
    const auto begin = std::chrono::steady_clock::now();
    fluid_parts& f = *s.parts.fluid;
    // One surface is for all sites.
    if (s.together && !f.made) f.made = all_[s.together->first]->parts.fluid->made;
    if (!f.made)
        f.made = f.make ? f.make(f.from) : std::make_shared<const fluid::surface>(fluid::surface::build(f.from));
    if (s.together) {
        s.flow.emplace(f.made, s.parts.targets, s.together->router.ways_to(s.parts.site->number));
        s.together->states.back().flow = &*s.flow;
    } else {
        s.flow.emplace(f.made, *f.offered, s.parts.targets);
    }
    if (f.windows) s.windows.emplace(*f.windows);
    reading_ += std::chrono::steady_clock::now() - begin;
}

void services::touch(std::uint32_t i) {
    if (!std::exchange(all_[i]->is_touched, true)) touched_.push_back(i);
}

void services::forget_touched() noexcept {
    for (const std::uint32_t i : touched_) all_[i]->is_touched = false;
    touched_.clear();
}

void services::advance(std::uint32_t i, instant now) {
    one& s = *all_[i];
    count_requests(s, now);
    s.engine.advance(now);
    if (s.replicas) s.replicas->find_drained(now);
    touch(i);
}

void services::submit(std::uint32_t i, instant now) {
    one& s = *all_[i];
    count_requests(s, now);
    if (s.flow) s.next_tick = now + s.parts.fluid->tick;
    if (s.together) route(s, now);
    while (!s.flow && s.next_arrival() == now) {
        ++s.arrived;
        if (s.loop != nullptr) {
            s.engine.submit(s.loop->take(), now);
            continue;
        }
        s.engine.submit(s.batch[s.at], now);
        if (++s.at == s.have) refill(s);
    }
    touch(i);
}

void services::start(std::uint32_t i, instant now) {
    one& s = *all_[i];
    s.engine.start(now);
    if (s.replicas) s.replicas->find_drained(now);
    if (s.together) look_at_replicas(s);
}

void services::count_requests(one& s, instant now) const {
    s.engine.steps_began(begun_);  // whatever is done to it next comes behind them
    if (s.flow) s.flow->advance(now, s.num_serving(), mean_pace(s));
    if (s.windows) s.windows->add(s.flow->last(), s.num_serving());
    if (s.together) {
        s.lacked_requests += s.together->router.lacks_per_s(s.parts.site->number) * to_seconds(now - s.counted);
        s.counted = now;
    }
    if (s.flow || !s.replicas) return;
    const std::uint64_t live = s.arrived - s.metrics.requests - s.engine.records().size();
    s.request_ns += int128{live} * ticks(now - s.counted);
    s.counted = now;
}

serving::scaling_observation services::seen(one& s, instant now) {
    if (s.flow) return seen_of_flow(s, now);
    const serving::service_metrics& m = s.metrics;
    const std::uint64_t left = m.decided();
    serving::scaling_observation out{.now = now,
                                     .since = now - s.decided,
                                     .request_ns = s.request_ns,
                                     .left = left - s.had_left,
                                     .met = m.met - s.had_met};
    s.request_ns = 0;
    s.decided = now;
    s.had_left = left;
    s.had_met = m.met;
    return out;
}

serving::scaling_observation services::seen_of_flow(one& s, instant now) {
    const fluid::flow_totals& t = s.flow->totals();
    const auto left = static_cast<std::uint64_t>(std::llround(t.served));
    const auto met = static_cast<std::uint64_t>(std::llround(t.met));
    serving::scaling_observation out{
        .now = now,
        .since = now - s.decided,
        .running = std::llround(s.flow->running()),
        .waiting = std::llround(s.flow->backlog()),
        .request_ns = static_cast<int128>(std::round((t.request_s - s.had_request_s) * 1e9)),
        .left = left - s.had_left,
        .met = met - s.had_met};
    if (s.together) add_lacks(out, s.lacked_requests, *s.flow, s.together->router, s.parts.site->number);
    s.lacked_requests = 0;
    s.had_request_s = t.request_s;
    s.decided = now;
    s.had_left = left;
    s.had_met = met;
    return out;
}

void services::act(std::uint32_t i, instant now) {
    one& s = *all_[i];
    count_requests(s, now);
    if (s.replicas->must_decide(now)) s.replicas->decide(seen(s, now));
    s.replicas->act(now);
    touch(i);
}

void services::set_pace(std::uint32_t i, job_id job, double pace, instant now) {
    one& s = *all_[i];
    count_requests(s, now);
    s.replicas->set_pace(job, pace, now);
    touch(i);
}

void services::interfere(std::uint32_t i, instant now) {
    one& s = *all_[i];
    count_requests(s, now);
    if (s.engine.next() == now) s.engine.advance(now);
    touch(i);
}

void services::stop(std::uint32_t i, job_id job, bool failed, instant now) {
    interfere(i, now);
    all_[i]->replicas->stopped(job, failed, now);
}

void services::drain(std::uint32_t i, job_id job, instant now) {
    interfere(i, now);
    all_[i]->replicas->drain(job, now);
}

void services::end_drain(std::uint32_t i, job_id job, instant now) {
    interfere(i, now);
    all_[i]->replicas->end_drain(job, now);
}

workload::job_request services::next_job(std::uint32_t i, instant now) const {
    const service_parts& p = all_[i]->parts;
    const auto& site = p.site;
    const std::uint64_t number =
        all_[i]->replicas->num_jobs() * (site ? site->of->sites.size() : 1) + (site ? site->number : 0);
    return {.row = number,
            .name = static_cast<std::int64_t>(number),
            .submit = now,
            .work = duration::max(),
            .gpus_min = p.gpus_per_replica,
            .gpus = p.gpus_per_replica,
            .gpus_max = p.gpus_per_replica,
            .priority = p.scaling->priority,
            .source = p.entry,
            .kind = workload::job_kind::service,
            .name_is_text = true,
            .placement = p.scaling->placement,
            .site = static_cast<std::uint16_t>(site ? site->of->sites[site->number].number + 1 : 0)};
}

std::optional<double> services::energy_j(const one& s, instant now) {
    const service_parts& p = s.parts;
    const duration held = std::min(s.left, now) - start_of_time;
    double sum = 0;
    const auto add = [&](std::span<const serving::replica> all, const std::optional<modelled_service>& is,
                         std::uint32_t gpus) {
        if (!is || is->waiting_w <= 0) return false;
        duration in_steps{}, with_prompts{};
        for (const serving::replica& r : all) {
            const auto [time, prompts] = r.time_in_steps(now);
            in_steps += time;
            with_prompts += prompts;
        }
        const double all_s = s.replicas ? static_cast<double>(s.replicas->result(now).held()) * 1e-9
                                        : to_seconds(held) * static_cast<double>(all.size());
        sum += sim::energy_j(*is, gpus, all_s, to_seconds(in_steps), to_seconds(with_prompts));
        return true;
    };
    if (!add(s.engine.replicas(), p.modelled, p.gpus_per_replica)) return std::nullopt;
    const serving::decode_pool* const pool = s.engine.decode();
    if (pool != nullptr && !add(pool->replicas(), p.decode_modelled, p.decode_gpus_per_replica)) return std::nullopt;
    return sum;
}

services::totals services::totals_of(const one& s, instant now) {
    const serving::service_metrics& m = s.metrics;
    return {.at = now,
            .arrived = s.arrived,
            .finished = m.finished,
            .shed = m.shed,
            .decided = m.decided(),
            .met = m.met,
            .done = s.engine.progress_at(now),
            .energy_j = energy_j(s, now)};
}

request_sample services::sample_of(one& s, instant now, std::uint64_t replicas) {
    const totals t = totals_of(s, now);
    const auto waiting = static_cast<std::uint64_t>(s.engine.waiting().requests);
    request_sample out{.arrived = t.arrived - s.sampled.arrived,
                       .finished = t.finished - s.sampled.finished,
                       .shed = t.shed - s.sampled.shed,
                       .waiting = waiting,
                       .running = t.arrived - s.metrics.requests - waiting};
    const auto blocks = static_cast<double>(s.engine.replicas().front().num_blocks());
    const serving::decode_pool* const pool = s.engine.decode();
    const double room = pool == nullptr ? blocks * static_cast<double>(replicas)
                        : replicas == 0 ? 0
                                        : blocks * static_cast<double>(s.engine.replicas().size()) +
                                              static_cast<double>(pool->replicas().front().num_blocks()) *
                                                  static_cast<double>(pool->replicas().size());
    if (room > 0) out.kv_occupancy = static_cast<double>(t.done.blocks) / room;
    if (const double seconds = to_seconds(now - s.sampled.at); seconds > 0) {
        const auto rate = [&](std::int64_t n) { return static_cast<double>(n) / seconds; };
        out.prefill_tokens_per_s = rate(t.done.prefill_tokens - s.sampled.done.prefill_tokens);
        out.output_tokens_per_s = rate(t.done.produced_tokens - s.sampled.done.produced_tokens);
        out.goodput_per_s = rate(static_cast<std::int64_t>(t.met - s.sampled.met));
        if (t.energy_j) {
            out.power_w = std::max(0.0, *t.energy_j - s.sampled.energy_j.value_or(0)) / seconds;
            if (*out.power_w > 0) out.output_tokens_per_joule = out.output_tokens_per_s / *out.power_w;
        }
    }
    const std::int64_t cached = t.done.cached_tokens - s.sampled.done.cached_tokens;
    const std::int64_t needed = cached + t.done.prefill_tokens - s.sampled.done.prefill_tokens;
    if (s.parts.options.engine.prefix_cache && needed > 0)
        out.prefix_hit_share = static_cast<double>(cached) / static_cast<double>(needed);
    std::vector<std::int64_t>& ttft = s.first_tokens;
    if (!ttft.empty()) {
        std::sort(ttft.begin(), ttft.end());
        out.ttft_p50_s = static_cast<double>(ttft[exact_rank(p50, ttft.size()) - 1]) / 1e9;
        out.ttft_p99_s = static_cast<double>(ttft[exact_rank(p99, ttft.size()) - 1]) / 1e9;
        ttft.clear();
    }
    if (t.decided != s.sampled.decided)
        out.attainment =
            static_cast<double>(t.met - s.sampled.met) / static_cast<double>(t.decided - s.sampled.decided);
    s.sampled = t;
    return out;
}

std::span<const replica_sample> services::samples(instant now) {
    samples_.clear();
    for (const auto& s : all_) {
        const std::uint32_t all = s->left == never ? static_cast<std::uint32_t>(s->parts.num_replicas()) : 0;
        samples_.push_back(s->replicas ? s->replicas->sample() : replica_sample{.wanted = all, .serving = all});
        replica_sample& to = samples_.back();
        if (s->flow)
            to.flow = flow_of(*s->flow);
        else
            to.requests = sample_of(*s, now, std::uint64_t{to.serving} + to.draining);
    }
    return samples_;
}

void services::clear_records(std::uint32_t i) {
    one& s = *all_[i];
    for (const serving::request_record& r : s.engine.records()) {
        if (const std::size_t c = s.class_of[r.priority]; c != serving::no_class) {
            s.metrics.add(r, s.parts.classes[c].targets);
            s.by_class[c].add(r);
        } else {
            s.metrics.add(r);
        }
        if (s.loop != nullptr && r.end != never)
            s.loop->left(r.row, r.state == serving::request_state::finished, r.end);
        if (!s.parts.options.engine.priorities) continue;
        auto& own = s.by_priority[r.priority];
        if (!own) own = std::make_unique<serving::service_metrics>(s.parts.targets);
        own->add(r);
    }
    s.engine.clear_records();
}

bool services::is_over(std::uint32_t i) const {
    const one& s = *all_[i];
    if (s.flow) return s.is_over();
    // What follows a request of a loop is known once its record is cleared.
    const std::size_t leaving = s.loop != nullptr ? 0 : s.engine.records().size();
    return s.next_arrival() == never && s.metrics.requests + leaving == s.arrived;
}

void services::leave(std::uint32_t i, instant now) {
    AMPACITY_ASSERT(!has_left(i));
    all_[i]->left = now;
    if (all_[i]->replicas) all_[i]->replicas->finish(now);
    ++num_over_;
}

void services::close(std::uint32_t i, instant end) {
    one& s = *all_[i];
    // A run that is cut short between two rounds may have left it in the middle of this instant.
    if (s.engine.next() == end) s.engine.advance(end);
    if (s.flow && !has_left(i)) count_requests(s, end);
    s.engine.close(end);
}

namespace {

/// Of flows, in whole requests and tokens.
struct whole_counts : service_count {
    std::uint64_t served = 0;  ///< rejected ones included
};
whole_counts counts_of(const fluid::flow_totals& t, const fluid::mix_values& mix) {
    const auto whole = [](double n) { return static_cast<std::uint64_t>(std::llround(n)); };
    whole_counts out;
    out.requests = whole(t.offered);
    out.served = std::min(out.requests, whole(t.served));
    out.finished = out.served - std::min(out.served, whole(t.served * mix.rejected));
    out.prompt_tokens = whole(static_cast<double>(out.finished) * mix.prompt_tokens);
    out.output_tokens = whole(static_cast<double>(out.finished) * mix.output_tokens);
    return out;
}

}  // namespace

service_count services::count(std::uint32_t i, instant then) const {
    const one& s = *all_[i];
    if (s.flow) {
        if (has_left(i)) return counts_of(s.flow->totals(), s.flow->mix());
        fluid::fluid_service flow = *s.flow;
        flow.advance(then, s.num_serving(), mean_pace(s));
        return counts_of(flow.totals(), flow.mix());
    }
    return {.requests = s.arrived,
            .finished = s.metrics.finished,
            .prompt_tokens = s.metrics.prompt_tokens,
            .output_tokens = s.metrics.output_tokens};
}

gpu_time services::held(std::uint32_t i, instant then) const {
    const one& s = *all_[i];
    return gpu_time{ticks(std::min(s.left, then) - start_of_time)} * static_cast<gpu_time>(s.parts.num_gpus());
}

service_result services::flow_result(const service_parts& parts, const fluid::flow_totals& t,
                                     const fluid::mix_values& mix,
                                     const std::optional<fluid::fluid_service::latencies>& times, duration held,
                                     const std::optional<scaling_result>& scaling) {
    const auto whole = [](double n) { return static_cast<std::uint64_t>(std::llround(n)); };
    const whole_counts n = counts_of(t, mix);
    const std::uint64_t all = n.requests, served = n.served, finished = n.finished;
    service_result out{.name = parts.name,
                       .gpus = std::uint64_t{parts.gpus_per_replica} * parts.options.replicas,
                       .gpus_per_replica = parts.gpus_per_replica,
                       .requests = all,
                       .finished = finished,
                       .rejected = served - finished,
                       .unfinished = all - served,
                       .met = std::min(finished, whole(t.met)),
                       .prompt_tokens = n.prompt_tokens,
                       .output_tokens = n.output_tokens,
                       .modelled = parts.modelled,
                       .busy_s = t.busy_s,
                       .prefilling_s = t.prefilling_s,
                       .held = held,
                       .scaling = scaling};
    if (served != 0) out.attainment = static_cast<double>(out.met) / static_cast<double>(served);
    if (out.replica_s() > 0) out.kv_occupancy = t.kv_s / out.replica_s();
    out.fluid = fluid_result{.capacity_per_s = mix.capacity,
                             .queued_capacity_per_s = mix.capacity * mix.queued_share,
                             .max_backlog = t.max_backlog};
    if (t.capacity > 0) out.fluid->mean_load = t.served / t.capacity;
    if (times) {
        const auto summary = [](const fluid::fluid_service::latency& of) {
            return distribution_summary{.mean = of.mean, .p50 = of.p50, .p90 = of.p90, .p99 = of.p99, .max = of.max};
        };
        out.ttft_s = summary(times->ttft);
        out.tpot_s = summary(times->tpot);
        out.e2e_s = summary(times->e2e);
    }
    return out;
}

service_result services::result(std::uint32_t i, instant end, instant through) const {
    const one& s = *all_[i];
    const serving::service_metrics& m = s.metrics;
    const serving::replica_counts counts = s.engine.counts();
    const auto count = [](std::int64_t n) { return static_cast<std::uint64_t>(n); };
    const duration held = std::min(s.left, end) - start_of_time;
    const auto blocks = static_cast<double>(s.engine.replicas().front().num_blocks());
    auto scaling = s.replicas ? std::optional{s.replicas->result(end)} : std::nullopt;
    if (scaling) scaling->is_paced = is_paced_;
    const auto pools = pools_of(s.parts, s.engine, m, held);
    const double room =
        blocks * (scaling ? static_cast<double>(scaling->held())
                          : static_cast<double>(s.parts.places.size()) * static_cast<double>(ticks(held)));
    if (s.flow) {
        service_result out = flow_result(s.parts, s.flow->totals(), s.flow->mix(), s.flow->result(), held, scaling);
        if (s.windows && !s.together)
            out.fluid->windows = fluid::compare_windows(*s.parts.fluid->made, s.parts.fluid->from, *s.windows);
        return out;
    }
    return {
        .name = s.parts.name,
        .gpus = s.parts.num_gpus(),
        .gpus_per_replica = s.parts.gpus_per_replica,
        .requests = m.requests,
        .finished = m.finished,
        .rejected = m.rejected,
        .cancelled = m.cancelled,
        .unfinished = m.unfinished,
        .failed = m.failed,
        .shed = m.shed,
        .ttft_s = summary_of(m.ttft),
        .tpot_s = summary_of(m.tpot),
        .e2e_s = summary_of(m.e2e),
        .queueing_s = summary_of(m.queueing),
        .itl_s = gaps_of(s.gaps, [](std::size_t) { return true; }),
        .attainment = m.attainment(),
        .met = m.met,
        .priorities = priorities_of(s.by_priority, s.gaps),
        .classes = classes_of(s.parts.classes, s.by_class, s.class_of, s.gaps),
        .prompt_tokens = m.prompt_tokens,
        .output_tokens = m.output_tokens,
        .preemptions = m.preemptions,
        .steps = count(counts.steps),
        .cached_tokens = count(counts.cached_tokens),
        .tiers = tiers_of(counts, s.parts.options.engine.tiers.size()),
        .adapters = adapters_of(counts, s.parts.options.engine.adapters.has_value()),
        .prefill_tokens = count(pools ? serving::counts_of(s.engine.replicas()).prefill_tokens : counts.prefill_tokens),
        .kv_occupancy = pools      ? mean_occupancy(*pools, s.engine)
                        : room > 0 ? 0.5 * static_cast<double>(counts.twice_block_time) / room
                                   : 0,
        .kv_peak = pools        ? std::max(pools->prefill.kv_peak, pools->decode.kv_peak)
                   : blocks > 0 ? static_cast<double>(counts.peak_blocks) / blocks
                                : 0,
        .modelled = s.parts.modelled,
        .busy_s = to_seconds(counts.busy),
        .prefilling_s = to_seconds(counts.prefilling),
        .held = held,
        .skipped = s.parts.requests->skipped(through),
        .scaling = scaling,
        .disaggregated = pools};
}

}  // namespace ampacity::sim
