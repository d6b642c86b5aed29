#include "training_runs.hpp"

#include <ampacity/core/error.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

namespace ampacity::sim {
namespace {

/// GPUs that can send out of each part at their full rate.
std::vector<double> uplinks_of(const fleet::free_index& nodes, const fabric_options& o) {
    const fleet::topology& where = nodes.where();
    std::vector<double> out(o.part == scope::rack    ? where.num_racks()
                            : o.part == scope::block ? where.num_blocks()
                                                     : where.num_sites());
    for (std::uint32_t r = 0; r != where.num_racks(); ++r) {
        const auto& rack = where.rack_at(r);
        const std::uint32_t part = o.part == scope::rack ? r : o.part == scope::block ? rack.block : where.site_of(r);
        out[part] += static_cast<double>(rack.nodes) * nodes.gpus_per_node() / o.oversubscription;
    }
    return out;
}

/// The p-th percentile of steps by their length, of so many in all.
double percentile(const std::map<double, double>& steps, double total, double share) {
    double seen = 0;
    for (const auto& [length, count] : steps) {
        seen += count;
        if (seen >= share * total) return length;
    }
    return steps.rbegin()->first;
}

}  // namespace

training_runs::training_runs(std::vector<terms> list, std::optional<double> store_b_s,
                             std::optional<fabric_options> fabric, const fleet::free_index& nodes)
    : list_(std::move(list)),
      racks_(nodes.has_racks() ? &nodes.where() : nullptr),
      gpus_per_node_(nodes.is_pool() ? 0 : nodes.gpus_per_node()),
      store_b_s_(store_b_s.value_or(std::numeric_limits<double>::infinity())),
      store_(store_b_s_),
      fabric_options_(fabric),
      steps_(list_.size()),
      kept_(list_.size(), 0.0),
      gpu_s_(list_.size(), 0.0) {
    AMPACITY_ASSERT(list_.size() < 1U << 16U);
    whole_ = racks_ ? racks_->most_usable() * gpus_per_node_ : gpus_per_node_;
    gpus_of_.resize(racks_ ? racks_->num_racks() : nodes.num_nodes());
    if (fabric_options_) {
        uplinks_ = uplinks_of(nodes, *fabric_options_);
        gpus_of_part_.resize(uplinks_.size(), 0);
        fabric_ = std::make_unique<execution::shared_fabric>(uplinks_, fabric_options_->interleave);
    }
    for (const terms& t : list_) {
        results_.push_back({.name = t.name, .post = t.post});
        if (results_.back().post) results_.back().post->steps.clear();
        if (t.checkpoint.interval) results_.back().checkpoints = 0;
        if (t.elastic) results_.back().resizes = results_.back().shrunk = 0;
    }
}

std::vector<preemption_costs> training_runs::costs(const preemption_options& others) const {
    std::vector<preemption_costs> out{preemption_costs{others}};
    for (const terms& t : list_) {
        const execution::checkpoint_rule& rule = t.checkpoint;
        preemption_options own = others;
        if (rule.interval || t.restart != duration::zero()) {
            const duration pause = rule.asynchronous ? rule.blocking : rule.blocking + write_time(t);
            own = {.checkpoint_interval = rule.interval, .checkpoint = pause, .restart = t.restart};
        }
        if (t.elastic) own.resize = t.elastic->reconfigure;
        out.push_back(preemption_costs{own});
    }
    return out;
}

/// Alone on the store.
duration training_runs::write_time(const terms& t) const {
    const execution::checkpoint_rule& rule = t.checkpoint;
    if (rule.bytes == 0) return {};
    const double most = rule.most_b_s == 0 ? store_b_s_ : std::min(rule.most_b_s, store_b_s_);
    return duration{static_cast<std::int64_t>(std::ceil(rule.bytes / most * 1e9))};
}

std::uint32_t training_runs::rack_of(node_id n) const noexcept {
    return racks_ ? racks_->rack_of(n) : static_cast<std::uint32_t>(index(n));
}
std::uint32_t training_runs::part_of(node_id n) const noexcept {
    const std::uint32_t rack = racks_->rack_of(n);
    if (fabric_options_->part == scope::rack) return rack;
    return fabric_options_->part == scope::block ? racks_->rack_at(rack).block : racks_->site_of(rack);
}

const execution::placed_step& training_runs::placed(const terms& t, std::span<const fleet::gpu_share> where) const {
    parts_.clear();
    for (auto s = where.begin(); s != where.end();) {
        const std::uint32_t rack = rack_of(s->node);
        const std::uint64_t mask = s->gpus;
        const std::uint32_t of_mask = fleet::count_gpus(mask);
        std::uint32_t gpus = 0;
        for (; s != where.end() && s->gpus == mask && rack_of(s->node) == rack; ++s) gpus += of_mask;
        if (gpus_of_[rack] == 0) parts_.push_back(rack);
        gpus_of_[rack] += gpus;
    }
    shares_.clear();
    for (const std::uint32_t rack : parts_) shares_.push_back(std::exchange(gpus_of_[rack], 0));
    return execution::step_at(t, execution::share_of(shares_, whole_));
}

double training_runs::speed(std::size_t job, std::uint16_t row, std::span<const fleet::gpu_share> where,
                            double scaled) const {
    const terms& t = of(row);
    if (t.by_share.empty()) return scaled;
    const double best = t.by_share.back().time_s;
    // With another number of GPUs it will be there anew.
    const bool shares = job < runs_.size() && runs_[job].in_fabric != 0 && runs_[job].scaled == scaled;
    return shares ? best / fabric_->step_s(static_cast<std::uint32_t>(job)) : best / placed(t, where).time_s * scaled;
}

void training_runs::begin(std::size_t job, std::uint16_t row, std::span<const fleet::gpu_share> where, double scaled) {
    if (runs_.size() <= job) runs_.resize(job + 1);
    runs_[job] = {};
    if (fabric_ && !of(row).by_share.empty()) enter_fabric(job, row, where, scaled);
}

void training_runs::enter_fabric(std::size_t job, std::uint16_t row, std::span<const fleet::gpu_share> where,
                                 double scaled) {
    const terms& t = of(row);
    const execution::placed_step& step = placed(t, where);
    parts_.clear();
    for (const fleet::gpu_share& s : where) {
        const std::uint32_t part = part_of(s.node);
        if (gpus_of_part_[part] == 0) parts_.push_back(part);
        gpus_of_part_[part] += fleet::count_gpus(s.gpus);
    }
    std::sort(parts_.begin(), parts_.end());
    uses_.clear();
    for (const std::uint32_t part : parts_) {
        double sends = std::exchange(gpus_of_part_[part], 0.0);
        if (t.crossing_gpus != 0) sends = std::min<double>(sends, t.crossing_gpus);
        if (t.timed_alone) sends = std::min(sends, uplinks_[part]);
        uses_.push_back({part, sends});
    }
    if (uses_.size() < 2 || step.traffic_s == 0) return;
    fabric_->add(static_cast<std::uint32_t>(job), step.time_s / scaled, step.traffic_s, uses_);
    runs_[job].in_fabric = row;
    runs_[job].scaled = scaled;
}

kernel::event_handle training_runs::leave(std::size_t job, instant now) {
    run& r = runs_[job];
    if (r.in_flight || r.now == phase::writing) store_.cancel(now, static_cast<std::uint32_t>(job));
    if (r.in_fabric != 0) fabric_->remove(static_cast<std::uint32_t>(job));
    return std::exchange(r, run{}).boundary;
}

void training_runs::count_steps(std::uint16_t row, duration from, duration work, double speed) {
    const terms& t = of(row);
    if (work <= duration::zero()) return;
    if (!t.ends.empty()) {
        const duration to = from + work;
        for (auto at = std::upper_bound(t.ends.begin(), t.ends.end(), from); at != t.ends.end() && from < to; ++at) {
            const duration length = at == t.ends.begin() ? *at : *at - *(at - 1);
            const duration part = std::min(*at, to) - from;
            steps_[row - 1U][to_seconds(length) / speed] += to_seconds(part) / to_seconds(length);
            from += part;
        }
        return;
    }
    const double step = to_seconds(t.step);
    double per_step = step;
    if (t.evaluation_every != 0) per_step += to_seconds(t.evaluation) / static_cast<double>(t.evaluation_every);
    steps_[row - 1U][step / speed] += to_seconds(work) / per_step;
}

instant training_runs::boundary(std::size_t job, const run_costs& costs, instant since) const {
    const run& r = runs_[job];
    if (r.now == phase::blocking) return costs.hangs ? never : r.blocked_until;
    if (r.now != phase::working || costs.interval == duration::max() || costs.hangs) return never;
    return add_saturating(since, costs.reload + costs.restart + (costs.interval - costs.since_pause));
}

bool training_runs::pass_boundary(std::size_t job, std::uint16_t row, instant now, run_costs& costs) {
    run& r = runs_[job];
    if (r.now == phase::blocking) return write(job, row, now, costs);
    AMPACITY_ASSERT(r.now == phase::working);
    if (!r.in_flight) return block(job, row, now, costs);
    r.now = phase::waiting;
    r.paused_until = store_.end_of(static_cast<std::uint32_t>(job));
    costs.pause_left = r.paused_until - now + of(row).checkpoint.blocking;
    return false;
}

bool training_runs::block(std::size_t job, std::uint16_t row, instant now, run_costs& costs) {
    const execution::checkpoint_rule& rule = of(row).checkpoint;
    if (rule.blocking == duration::zero()) return write(job, row, now, costs);
    runs_[job].now = phase::blocking;
    runs_[job].blocked_until = now + rule.blocking;
    costs.pause_left = rule.asynchronous ? rule.blocking : rule.blocking + write_time(of(row));
    return false;
}

bool training_runs::write(std::size_t job, std::uint16_t row, instant now, run_costs& costs) {
    run& r = runs_[job];
    const execution::checkpoint_rule& rule = of(row).checkpoint;
    if (rule.bytes == 0) {
        keep_all(r, row, costs);
        return true;
    }
    const double most = rule.most_b_s == 0 ? std::numeric_limits<double>::infinity() : rule.most_b_s;
    store_.begin(now, static_cast<std::uint32_t>(job), rule.bytes, most);
    if (rule.asynchronous && !r.leaves) {
        costs.at_risk += std::exchange(costs.since_pause, {});
        costs.pause_left = {};
        r.in_flight = true;
        r.flight_time = costs.at_risk;
        r.flight_work = costs.unkept;
        r.now = phase::working;
        return false;
    }
    r.now = phase::writing;
    r.paused_until = store_.end_of(static_cast<std::uint32_t>(job));
    costs.pause_left = r.paused_until - now;
    return false;
}

bool training_runs::written(std::size_t job, std::uint16_t row, instant now, run_costs& costs) {
    run& r = runs_[job];
    if (r.now == phase::writing) {
        keep_all(r, row, costs);
        return true;
    }
    AMPACITY_ASSERT(r.in_flight);
    ++*results_[row - 1U].checkpoints;
    r.in_flight = false;
    costs.at_risk -= r.flight_time;
    costs.unkept -= r.flight_work;
    return r.now == phase::waiting && !costs.hangs && block(job, row, now, costs);
}

void training_runs::keep_all(run& r, std::uint16_t row, run_costs& costs) {
    ++*results_[row - 1U].checkpoints;
    costs.pause_left = costs.since_pause = costs.at_risk = costs.unkept = {};
    r.now = phase::working;
}

bool training_runs::pause_moved(std::size_t job) const {
    const run& r = runs_[job];
    return (r.now == phase::writing || r.now == phase::waiting) &&
           store_.end_of(static_cast<std::uint32_t>(job)) != r.paused_until;
}

void training_runs::move_pause(std::size_t job, instant now, run_costs& costs) {
    run& r = runs_[job];
    const instant until = store_.end_of(static_cast<std::uint32_t>(job));
    const duration behind = costs.pause_left - (r.paused_until - now);  // what follows the write
    costs.pause_left = until - now + behind;
    r.paused_until = until;
}

void training_runs::close(std::uint16_t row, duration done, const job_record& record, const live_jobs::waste& waste,
                          duration elapsed, gpu_time useful) {
    const terms& t = of(row);
    training_result& r = results_[row - 1U];
    ++r.jobs;
    r.gpus = record.gpus;
    r.failures += record.restarts;
    r.preemptions += record.preemptions;
    r.elapsed_s += to_seconds(elapsed);
    r.lost_s += to_seconds(record.lost);
    r.checkpoint_s += to_seconds(waste.checkpoint);
    r.restart_s += to_seconds(waste.restart);
    r.stalled_s += to_seconds(waste.stalled);
    r.waiting_s += to_seconds(elapsed - record.useful - record.lost - waste.checkpoint - waste.restart - waste.stalled);
    if (record.state == outcome::killed || record.state == outcome::rejected) return;
    if (record.state == outcome::finished) ++r.finished;
    const execution::training_progress p = execution::progress_of(t, done);
    r.steps += p.steps;
    r.tokens += t.tokens_per_step * static_cast<double>(p.steps);
    if (done == duration::zero()) return;
    const double useful_s = to_seconds(record.useful);
    const double in_steps =
        p.evaluating == duration::zero() ? useful_s : useful_s * to_seconds(p.training) / to_seconds(done);
    r.training_s += in_steps;
    kept_[row - 1U] += to_seconds(p.training) / to_seconds(t.step);
    if (useful_s > 0) gpu_s_[row - 1U] += static_cast<double>(useful) * 1e-9 * (in_steps / useful_s);
    r.evaluating_s += useful_s - in_steps;
}

void training_runs::begin_energy(std::size_t job, instant now, std::span<const fleet::gpu_share> where,
                                 energy_meter& meter) {
    runs_[job].since = now;
    if (began_.size() <= job) began_.resize(job + 1);
    meter.uses_of(now, where, began_[job]);
}

void training_runs::end_energy(std::size_t job, std::uint16_t row, instant now, std::span<const fleet::gpu_share> where,
                               std::uint32_t gpus, energy_meter& meter) {
    training_cost& to = results_[row - 1U].cost ? *results_[row - 1U].cost : results_[row - 1U].cost.emplace();
    meter.uses_of(now, where, ended_);
    for (std::size_t i = 0; i != ended_.size(); ++i) energy_meter::add_use(to, began_[job][i], ended_[i]);
    to.gpu_s += to_seconds(now - runs_[job].since) * gpus;
}

void training_runs::resized(std::uint16_t row, bool by_failure) {
    training_result& r = results_[row - 1U];
    ++*r.resizes;
    if (!by_failure) return;
    ++*r.shrunk;
    ++r.failures;
}

std::vector<training_result> training_runs::results() const {
    std::vector<training_result> out = results_;
    for (std::size_t i = 0; i != out.size(); ++i) {
        double total = 0, sum = 0;
        for (const auto& [length, count] : steps_[i]) {
            total += count;
            sum += length * count;
        }
        if (total > 0)
            out[i].step_s = {.mean = sum / total,
                             .p50 = percentile(steps_[i], total, 0.5),
                             .p90 = percentile(steps_[i], total, 0.9),
                             .p99 = percentile(steps_[i], total, 0.99),
                             .max = steps_[i].rbegin()->first};
        const terms& t = list_[i];
        if (t.flop_per_step <= 0 || t.peak_flop_s <= 0 || out[i].training_s <= 0) continue;
        // Of all GPUs: an elastic job has them for a part of the time.
        const double all_s = t.elastic ? gpu_s_[i] / static_cast<double>(out[i].gpus) : out[i].training_s;
        out[i].mfu = t.flop_per_step * kept_[i] / (t.peak_flop_s * all_s);
    }
    return out;
}

}  // namespace ampacity::sim
