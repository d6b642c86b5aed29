#include "replica_set.hpp"

#include <ampacity/core/error.hpp>

#include <algorithm>
#include <cmath>

namespace ampacity::sim {

replica_set::replica_set(const scaling_options& options, std::uint32_t gpus, serving::service& engine, bool steps)
    : options_(options),
      engine_(engine),
      steps_(steps),
      autoscaler_(options.autoscale),
      rows_(options.autoscale.max),
      decision_(autoscaler_.next(start_of_time)),
      wanted_(autoscaler_.wanted()) {
    AMPACITY_ASSERT(engine.replicas().size() == rows_.size());
    counts_[static_cast<std::size_t>(state::idle)] = static_cast<std::uint32_t>(rows_.size());
    members_.assign(counts_.size(), fleet::node_set{most()});
    for (std::uint32_t i = 0; i != most(); ++i) in(state::idle).insert(i);
    result_.gpus_per_replica = gpus;
}

std::size_t replica_set::row_of(job_id job) const noexcept {
    AMPACITY_ASSERT(index(job) < row_of_job_.size() && rows_[row_of_job_[index(job)]].job == job);
    return row_of_job_[index(job)];
}

std::size_t replica_set::num_live(std::size_t i) const noexcept {
    return engine_.is_used() ? engine_.replicas()[i].num_live() : 0;
}

void replica_set::account(instant now) {
    result_ = result_until(now);
    accounted_ = now;
}

scaling_result replica_set::result_until(instant now) const {
    const gpu_time since = ticks(now - accounted_);
    scaling_result out = result_;
    out.serving += since * count(state::serving);
    out.cold += since * count(state::cold);
    out.draining += since * count(state::draining);
    out.slowed += since * num_slowed_;
    out.paced += since * paces_;
    return out;
}

/// It serves once more, or once less.
void replica_set::count_pace(const row& r, std::int64_t times) noexcept {
    paces_ += times * r.pace;
    if (r.is_slowed) num_slowed_ = static_cast<std::uint32_t>(num_slowed_ + times);
}

void replica_set::become(std::size_t i, state s, instant now, instant due) {
    account(now);
    --counts_[static_cast<std::size_t>(rows_[i].is)];
    ++counts_[static_cast<std::size_t>(s)];
    if (rows_[i].is == state::serving) {
        engine_.shut(i);
        count_pace(rows_[i], -1);
    }
    if (s == state::serving) {
        engine_.open(i);
        count_pace(rows_[i], 1);
    }
    in(rows_[i].is).erase(static_cast<std::uint32_t>(i));
    in(s).insert(static_cast<std::uint32_t>(i));
    rows_[i].is = s;
    rows_[i].due = due;
    rows_[i].leaves = false;
    result_.max_serving = std::max(result_.max_serving, count(state::serving));
}

void replica_set::set_next(instant now) noexcept {
    next_ = is_over_ ? never : decision_;
    if (count(state::done) != 0) next_ = std::min(next_, now);
    // Only those that start, or drain, have something due.
    for (const state s : {state::cold, state::draining})
        for_each(s, [this](std::size_t i) { next_ = std::min(next_, rows_[i].due); });
}

void replica_set::decide(serving::scaling_observation seen) {
    seen.waiting += static_cast<std::int64_t>(engine_.num_pending());
    for (const serving::replica& r : engine_.is_used() ? engine_.replicas() : std::span<const serving::replica>{}) {
        seen.running += static_cast<std::int64_t>(r.num_running());
        seen.waiting += static_cast<std::int64_t>(r.num_waiting());
    }
    wanted_ = autoscaler_.decide(seen);
    decision_ = autoscaler_.next(seen.now);
}

void replica_set::act(instant now) {
    due_.clear();
    for (const state s : {state::cold, state::draining}) {
        for_each(s, [this, now](std::size_t i) {
            if (rows_[i].due == now) due_.push_back(i);
        });
    }
    std::sort(due_.begin(), due_.end());
    for (const std::size_t i : due_) {
        if (rows_[i].is == state::cold) {
            become(i, state::serving, now);
        } else {
            abandon(i, now, true);
            become(i, state::done, now);
        }
    }
    take_away(now);
    take_back(now);
    find_drained(now);
    set_next(now);
}

void replica_set::take_away(instant now) {
    while (num_up() > wanted_) {
        std::size_t out = rows_.size();
        if (count(state::cold) != 0) {
            for_each(state::cold, [&](std::size_t i) {
                if (out == rows_.size() || rows_[i].due >= rows_[out].due) out = i;
            });
        } else if (engine_.is_used()) {
            for_each(state::serving, [&](std::size_t i) {
                if (out == rows_.size() || num_live(i) <= num_live(out)) out = i;
            });
        } else {
            out = in(state::serving).last();
        }
        if (rows_[out].is == state::cold)
            become(out, state::done, now);
        else
            become(out, state::draining, now,
                   options_.drain_limit ? add_saturating(now, *options_.drain_limit) : never);
    }
}

void replica_set::take_back(instant now) {
    while (num_up() < wanted_ && count(state::draining) != 0) {
        std::size_t back = rows_.size();
        for_each(state::draining, [&](std::size_t i) {
            if (!rows_[i].leaves && (back == rows_.size() || num_live(i) > num_live(back))) back = i;
        });
        if (back == rows_.size()) return;
        become(back, state::serving, now);
    }
}

void replica_set::find_drained(instant now) {
    if (count(state::draining) == 0) return;
    for_each(state::draining, [&](std::size_t i) {
        if (num_live(i) != 0) return;
        abandon(i, now, true);
        become(i, state::done, now);
    });
    set_next(now);
}

void replica_set::finish(instant now) {
    account(now);
    is_over_ = true;
    over_ = now;
    wanted_ = 0;
    for (std::size_t i = 0; i != rows_.size(); ++i) {
        const state s = rows_[i].is;
        if (s == state::cold || s == state::serving || s == state::draining) become(i, state::done, now);
    }
    set_next(now);
}

bool replica_set::lacks_job() const noexcept {
    return wanted_ > num_up() + count(state::queued) && count(state::idle) != 0;
}

void replica_set::submitted(job_id job, instant now) {
    const std::uint32_t i = in(state::idle).first();
    rows_[i].job = job;
    if (index(job) >= row_of_job_.size()) row_of_job_.resize(index(job) + 1);
    row_of_job_[index(job)] = i;
    become(i, state::queued, now);
    ++num_jobs_;
    set_next(now);
}

std::optional<job_id> replica_set::next_done() const noexcept {
    if (count(state::done) == 0) return std::nullopt;
    return rows_[in(state::done).first()].job;
}

void replica_set::ended(job_id job, instant now) {
    const std::size_t i = row_of(job);
    become(i, state::idle, now);
    rows_[i].job = none<job_id>;
    set_next(now);
}

void replica_set::started(job_id job, double pace, instant now) {
    const std::size_t i = row_of(job);
    pace_row(i, pace, now);
    if (num_up() < wanted_) {
        ++result_.cold_starts;
        become(i, state::cold, now, add_saturating(now, options_.cold_start));
    } else {
        become(i, state::done, now);
    }
    set_next(now);
}

void replica_set::set_pace(job_id job, double pace, instant now) { pace_row(row_of(job), pace, now); }

void replica_set::pace_row(std::size_t i, double pace, instant now) {
    account(now);
    const std::int64_t slowdown = serving::slowdown_at(pace);
    const bool serves = rows_[i].is == state::serving;
    if (serves) count_pace(rows_[i], -1);
    rows_[i].pace = std::llround(1e6 * pace);
    rows_[i].is_slowed = slowdown != serving::full_speed;
    if (serves) count_pace(rows_[i], 1);
    if (steps_) engine_.set_slowdown(i, slowdown, now);
}

double replica_set::mean_pace() const noexcept {
    const std::uint32_t serving = count(state::serving);
    return serving == 0 ? 1.0 : static_cast<double>(paces_) / (1e6 * serving);
}

void replica_set::stopped(job_id job, bool failed, instant now) {
    const std::size_t i = row_of(job);
    become(i, state::queued, now);
    abandon(i, now, !failed || options_.requeues);
    ++(failed ? result_.failures : result_.preemptions);
    take_back(now);
    set_next(now);
}

void replica_set::drain(job_id job, instant now) {
    const std::size_t i = row_of(job);
    if (rows_[i].is == state::cold) become(i, state::done, now);
    if (rows_[i].is == state::serving) become(i, state::draining, now);
    rows_[i].leaves = rows_[i].is == state::draining;
    take_back(now);
    find_drained(now);
    set_next(now);
}

void replica_set::end_drain(job_id job, instant now) {
    const std::size_t i = row_of(job);
    if (rows_[i].is != state::draining) return;
    abandon(i, now, true);
    become(i, state::done, now);
    set_next(now);
}

void replica_set::abandon(std::size_t i, instant now, bool requeue) {
    const serving::service::loss lost = engine_.abandon(i, now, requeue);
    if (requeue) result_.requeued += lost.requests;
    result_.lost_tokens += lost.tokens;
}

replica_sample replica_set::sample() const noexcept {
    return {.wanted = wanted_,
            .cold = count(state::cold),
            .serving = count(state::serving),
            .draining = count(state::draining)};
}

scaling_result replica_set::result(instant end) const {
    scaling_result out = result_until(end);
    out.lasted = std::min(end, over_) - start_of_time;
    return out;
}

}  // namespace ampacity::sim
