#include "gang.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/policy/checked_plan.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>

namespace ampacity::policy {

checked_plan::checked_plan(fleet::fleet_state& fleet, job_table& jobs, fleet::allocation_arena& allocations,
                           const placer& place, const preemption_costs* costs, elastic_table* elastic,
                           changed_table* changed, const pacing* pace)
    : fleet_(fleet),
      jobs_(jobs),
      allocations_(allocations),
      placer_(place),
      costs_(costs),
      elastic_(elastic),
      changed_(changed),
      pacing_(pace) {
    AMPACITY_ASSERT(changed != nullptr || (elastic == nullptr && pace == nullptr));
    constexpr std::uint64_t enough = 4096;  // beyond which a pass costs more than an allocation
    actions_.reserve(std::min(enough, 2 * fleet.installed_gpus()));
}

void checked_plan::begin(instant now, bool into_closings) {
    now_ = now;
    into_closings_ = into_closings;
    actions_.clear();
    before_.clear();
    wake_up_.reset();
    refusal_.clear();
}

bool checked_plan::start(job_id job) {
    job_view& j = checked(job, job_state::queued, "start");
    if (!find_place(job, room(job, j, j.progress, j.speed), j.demand)) return false;
    commit_start(job, j, scratch_);
    return true;
}

bool checked_plan::start_on(job_id job, std::uint32_t gpus) {
    job_view& j = checked(job, job_state::queued, "start");
    const elastic_job& e = ranged(job, gpus);
    fleet::demand wanted = j.demand;
    wanted.gpus = gpus;
    if (!find_place(job, room(job, j, j.progress, e.speed_on(gpus)), wanted)) return false;
    j.demand = wanted;
    j.speed = e.speed_on(gpus);
    commit_start(job, j, scratch_);
    return true;
}

bool checked_plan::find_place(job_id job, const fleet::free_index& room, fleet::demand wanted) try {
    scratch_.clear();
    return place(placer_, room, wanted, scratch_);
} catch (const plugin_error& e) {
    diagnostic d = e.details();
    d.what += " for " + name_of(job);
    roll_back();
    throw plugin_error(std::move(d));
}

const fleet::free_index& checked_plan::room(job_id job, const job_view& j, duration progress, double speed,
                                            const run_costs* costs) {
    if (into_closings_ || fleet_.horizons().empty()) return fleet_.free();
    const run_costs of_run = costs != nullptr ? *costs : costs_of(job, j);
    const instant end = add_saturating(now_, of_run.length(time_for(j.estimate - progress, speed)));
    return fleet::room(fleet_.horizons(), fleet_.free(), end);
}

void checked_plan::start(job_id job, std::span<const fleet::gpu_share> where) {
    job_view& j = checked(job, job_state::queued, "start");
    std::uint64_t gpus = 0;
    if (fleet_.is_pool()) {
        if (!where.empty()) refuse(job, "a pool has no nodes to start it on");
        if (j.demand.gpus > fleet_.free().free_gpus()) {
            refuse(job, "it needs " + std::to_string(j.demand.gpus) + " GPUs and " +
                            std::to_string(fleet_.free().free_gpus()) + " are free");
        }
        gpus = j.demand.gpus;
    }
    if (fleet_.free().is_mixed()) gpus = check_type(job, j, where);
    for (std::size_t i = 0; i != where.size(); ++i) {
        const auto& s = where[i];
        const auto node = [&s] { return "node " + std::to_string(index(s.node)); };
        if (index(s.node) >= fleet_.free().num_nodes()) refuse(job, node() + " does not exist");
        if (s.gpus == 0 && !fleet_.free().has_pools()) refuse(job, "no GPU of " + node() + " is named");
        if (!fleet_.free().is_free(s)) refuse(job, "GPUs of " + node() + " are not free");
        for (std::size_t k = 0; k != i; ++k) {
            if (where[k].node == s.node) refuse(job, node() + " is named twice");
        }
        gpus += std::uint64_t{fleet::count_gpus(s.gpus)};
    }
    if (gpus != j.demand.gpus) {
        refuse(job, "it needs " + std::to_string(j.demand.gpus) + " GPUs and was given " + std::to_string(gpus));
    }
    if (const std::string broken = broken_wish(fleet_.free(), j.demand, where); !broken.empty()) refuse(job, broken);
    commit_start(job, j, where);
}

/// On a mixed fleet: are the GPUs of one type that can run the job? The number that a pool gives.
std::uint64_t checked_plan::check_type(job_id job, const job_view& j, std::span<const fleet::gpu_share> where) {
    const fleet::free_index& free = fleet_.free();
    if (where.empty()) refuse(job, "it was given no GPUs");
    for (const auto& s : where) {
        const std::string node = (free.has_pools() ? "pool " : "node ") + std::to_string(index(s.node));
        if (index(s.node) >= free.num_nodes()) refuse(job, node + " does not exist");
        const fleet::gpu_type t = free.type_of(s.node);
        if (free.types()->speed(j.demand.speeds, t) == 0)
            refuse(job, "it cannot run on " + free.types()->name(t) + ", the type of " + node);
        if (t != free.type_of(where.front().node)) refuse(job, "its GPUs must be of one type");
    }
    if (!free.has_pools()) return 0;
    const fleet::gpu_type t = free.type_of(where.front().node);
    if (where.size() != 1 || where.front().gpus != 0) refuse(job, "a pool is given as one share without GPUs");
    if (j.demand.gpus > free.of(t).free_gpus()) {
        refuse(job, "it needs " + std::to_string(j.demand.gpus) + " GPUs and " +
                        std::to_string(free.of(t).free_gpus()) + " of type " + free.types()->name(t) + " are free");
    }
    return j.demand.gpus;
}

void checked_plan::run_on(job_view& j, std::span<const fleet::gpu_share> where) const {
    const fleet::free_index& free = fleet_.free();
    if (!free.is_mixed()) return;
    j.type = free.type_of(where.front().node);
    j.speed = free.types()->speed(j.demand.speeds, j.type);
}

void checked_plan::leave_type(job_view& j) const {
    if (fleet_.free().is_mixed()) j.speed = 1.0;
}

void checked_plan::commit_start(job_id job, job_view& j, std::span<const fleet::gpu_share> where) {
    actions_.push_back({.kind = action_kind::start, .job = job, .speed = j.speed});
    fleet_.take(j.demand, where);
    run_on(j, where);
    if (pacing_ != nullptr) slow_down(job, j, where, costs_of(job, j));
    j.held = allocations_.store(where);
    j.state = job_state::running;
    j.run_start = now_;
    ++j.attempt;
}

void checked_plan::slow_down(job_id job, job_view& j, std::span<const fleet::gpu_share> where, const run_costs& costs) {
    const double placed = pacing_->full_speed(job, where, j.speed);
    const double speed = placed * pacing_->pace(job, where);
    if (speed == j.speed) return;
    change(job) = {.costs = costs, .began = now_, .full_speed = j.speed, .queued_speed = placed, .any = true};
    j.speed = speed;
}

void checked_plan::forget_change(job_id job, job_view& j) {
    changed_run* const c = changed(job);
    if (c == nullptr) return;
    j.speed = c->queued_speed;
    c->any = false;
}

changed_run* checked_plan::changed(job_id job) noexcept {
    if (changed_ == nullptr || index(job) >= changed_->size()) return nullptr;
    changed_run& c = (*changed_)[index(job)];
    return c.any ? &c : nullptr;
}

changed_run& checked_plan::change(job_id job) {
    AMPACITY_ASSERT(index(job) < changed_->size());  // it must not move while a policy looks at it
    return (*changed_)[index(job)];
}

bool checked_plan::resize(job_id job, std::uint32_t gpus) {
    job_view& j = checked(job, job_state::running, "resize");
    refuse_twice(job, j);
    elastic_job& e = ranged(job, gpus);
    if (gpus == j.demand.gpus) refuse(job, "it has " + std::to_string(gpus) + " GPUs already");
    const duration elapsed = now_ - j.run_start;
    const run_costs costs = costs_of(job, j);
    // Without GPUs for as long as the placer is asked.
    fleet_.give(j.demand, allocations_.shares(j.held));
    actions_.push_back(as_it_is(action_kind::resize, job, j));
    j.held = {};
    j.demand.gpus = 0;
    fleet::demand wanted = j.demand;
    wanted.gpus = gpus;
    const duration progress = j.progress + work_in(costs.spend(elapsed).worked, j.speed);
    const run_costs next = costs_ == nullptr ? run_costs{} : costs_[j.costs_row].after_resize(costs, elapsed);
    if (!find_place(job, room(job, j, progress, e.speed_on(gpus), &next), wanted)) {
        undo(actions_.back());
        actions_.pop_back();
        return false;
    }
    fleet_.take(wanted, scratch_);
    j.held = allocations_.store(scratch_);
    j.demand = wanted;
    j.progress = progress;
    j.run_start = now_;
    j.speed = e.speed_on(gpus);
    change(job) = {.costs = next, .began = now_, .full_speed = j.speed, .queued_speed = j.speed, .any = true};
    if (pacing_ != nullptr) slow_down(job, j, scratch_, next);
    return true;
}

void checked_plan::preempt(job_id job, duration lost) {
    job_view& j = checked(job, job_state::running, "preempt");
    refuse_twice(job, j);
    if (lost < duration::zero() || lost > now_ - j.run_start) {
        refuse(job, "it cannot lose " + format_ns_as_seconds(ticks(lost)) + " s of a run of " +
                        format_ns_as_seconds(ticks(now_ - j.run_start)) + " s");
    }
    const duration until = now_ - lost - j.run_start;
    const duration gained =
        costs_ == nullptr ? work_in(until, j.speed) : costs_of(job, j).stopped(until, j.speed, false).gained;
    fleet_.give(j.demand, allocations_.shares(j.held));
    action& a = actions_.emplace_back(as_it_is(action_kind::preempt, job, j));
    a.lost = lost;
    j.held = {};
    j.state = job_state::queued;
    j.vacates = false;
    j.progress += gained;
    forget_change(job, j);
    leave_type(j);
    j.was_preempted = true;
    j.has_failed = false;
    if (const elastic_job* const e = elastic(job)) {
        j.demand.gpus = e->gpus;
        j.speed = e->speed;
    }
}

bool checked_plan::vacate(job_id job) {
    job_view& j = checked(job, job_state::running, "vacate");
    refuse_twice(job, j);
    if (costs_of(job, j).lost_after(now_ - j.run_start) == duration::zero()) {
        preempt(job);
        return true;
    }
    if (std::exchange(j.vacates, true)) return false;
    actions_.push_back({.kind = action_kind::vacate, .job = job});
    return false;
}

void checked_plan::reject(job_id job) {
    job_view& j = checked(job, job_state::queued, "reject");
    j.state = job_state::absent;
    actions_.push_back({.kind = action_kind::reject, .job = job});
}

void checked_plan::wake_at(instant when) {
    if (when <= now_) {
        refuse("wake_at " + format_ns_as_seconds(ticks(when)) + " s is not after now, " +
               format_ns_as_seconds(ticks(now_)) + " s");
    }
    wake_up_ = when;
}

void checked_plan::roll_back() {
    for (; !actions_.empty(); actions_.pop_back()) undo(actions_.back());
    wake_up_.reset();
}

void checked_plan::undo(const action& a) {
    if (a.kind == action_kind::set_cap) return;  // nothing has happened yet
    job_view& j = jobs_[index(a.job)];
    const elastic_job* const e = elastic(a.job);
    switch (a.kind) {
        case action_kind::start:
            fleet_.give(j.demand, allocations_.shares(j.held));
            allocations_.release(j.held);
            j.held = {};
            forget_change(a.job, j);
            j.speed = a.speed;
            j.state = job_state::queued;
            --j.attempt;
            if (e != nullptr) {
                j.demand.gpus = e->gpus;
                j.speed = e->speed;
            }
            break;
        case action_kind::resize:
            fleet_.give(j.demand, allocations_.shares(j.held));
            allocations_.release(j.held);
            [[fallthrough]];
        case action_kind::preempt:
            j.demand.gpus = a.gpus;
            fleet_.take(j.demand, allocations_.shares(a.before));
            j.held = a.before;
            j.state = job_state::running;
            j.progress = a.progress;
            j.run_start = a.run_start;
            run_on(j, allocations_.shares(a.before));
            j.speed = a.speed;
            j.was_preempted = a.was_preempted;
            j.has_failed = a.has_failed;
            j.vacates = a.vacates;
            if (a.changed) {
                change(a.job) = before_.back();
                before_.pop_back();
            } else if (changed_run* const c = changed(a.job)) {
                c->any = false;
            }
            break;
        case action_kind::reject: j.state = job_state::queued; break;
        case action_kind::vacate: j.vacates = false; break;
        default: break;
    }
}

action checked_plan::as_it_is(action_kind kind, job_id job, const job_view& j) {
    action a{.kind = kind,
             .job = job,
             .before = j.held,
             .progress = j.progress,
             .run_start = j.run_start,
             .began = j.run_start,
             .was_preempted = j.was_preempted,
             .has_failed = j.has_failed,
             .vacates = j.vacates,
             .gpus = j.demand.gpus,
             .speed = j.speed};
    if (const changed_run* const c = changed(job)) {
        a.changed = true;
        a.began = c->began;
        before_.push_back(*c);
    }
    return a;
}

elastic_job* checked_plan::elastic(job_id job) noexcept {
    if (elastic_ == nullptr || index(job) >= elastic_->size()) return nullptr;
    elastic_job& e = (*elastic_)[index(job)];
    return e.gpus_max == 0 ? nullptr : &e;
}

elastic_job& checked_plan::ranged(job_id job, std::uint32_t gpus) {
    elastic_job* const e = elastic(job);
    if (e == nullptr) {
        refuse(job, "it is rigid: it runs on " + std::to_string(jobs_[index(job)].demand.gpus) +
                        " GPUs, and was given " + std::to_string(gpus));
    }
    if (gpus < e->gpus_min || gpus > e->gpus_max) {
        refuse(job, "it runs on " + std::to_string(e->gpus_min) + " to " + std::to_string(e->gpus_max) +
                        " GPUs, and was given " + std::to_string(gpus));
    }
    if (gpus % e->step != 0) {
        refuse(job,
               "it runs on multiples of " + std::to_string(e->step) + " GPUs, and was given " + std::to_string(gpus));
    }
    return *e;
}

const run_costs& checked_plan::costs_of(job_id job, const job_view& j) {
    static constexpr run_costs none{};
    if (costs_ == nullptr) return none;
    const changed_run* const c = changed(job);
    return c == nullptr ? j.costs(costs_) : c->costs;
}

void checked_plan::refuse_twice(job_id job, const job_view& j) {
    if (j.run_start != now_) return;
    for (const auto& a : actions_) {
        if (a.job != job) continue;
        if (a.kind == action_kind::start) refuse(job, "this plan has just started it");
        if (a.kind == action_kind::resize) refuse(job, "this plan has just resized it");
    }
}

job_view& checked_plan::checked(job_id job, job_state wanted, const char* verb) {
    if (index(job) >= jobs_.size() || jobs_[index(job)].state != wanted) {
        refuse(job, std::string{"cannot "} + verb + " it: it is not " +
                        (wanted == job_state::queued ? "queued" : "running"));
    }
    return jobs_[index(job)];
}

std::string checked_plan::name_of(job_id job) const {
    const bool known = index(job) < jobs_.size() && jobs_[index(job)].state != job_state::absent;
    return known ? "job number " + std::to_string(jobs_[index(job)].order) + " by arrival (id " +
                       std::to_string(index(job)) + ")"
                 : "job id " + std::to_string(index(job));
}

void checked_plan::refuse(job_id job, const std::string& why) {
    const std::string name = name_of(job);
    refuse("the policy's plan at " + format_ns_as_seconds(ticks(now_)) + " s is impossible: " + name + ": " + why);
}

void checked_plan::refuse(const std::string& text) {
    roll_back();
    refusal_ = text;
    throw plan_error(text);
}

void checked_plan::unsupported(const char* what) {
    refuse(std::string{"the policy proposed '"} + what +
           "', which no model of this version supports; use start, resize, preempt, vacate, reject or wake_at");
}

void checked_plan::migrate(job_id, std::span<const fleet::gpu_share>) { unsupported("migrate"); }
void checked_plan::drain(node_id) { unsupported("drain"); }
void checked_plan::undrain(node_id) { unsupported("undrain"); }

void checked_plan::check_cap(const std::string& of, const std::string& why_not, gpu_limits to) {
    const auto fail = [&](const std::string& why) {
        refuse("the policy's plan at " + format_ns_as_seconds(ticks(now_)) + " s is impossible: set_cap of " + of +
               ": " + why);
    };
    if (!why_not.empty()) fail(why_not);
    for (const std::uint16_t limit : {to.low, to.high}) {
        if (limit == 0 || limit > gpu_limits::none)
            fail("a limit of " + std::to_string(limit) + " thousandths; write 1 to 1000");
    }
}

constexpr const char* no_caps = "no power acts on jobs; the scenario needs `power` with feeds that have limits";

void checked_plan::set_cap(std::uint32_t feed, gpu_limits to) {
    check_cap("feed " + std::to_string(feed), capping_ == nullptr ? no_caps : capping_->why_not(feed), to);
    actions_.push_back({.kind = action_kind::set_cap, .cap = to, .feed = feed});
}

void checked_plan::set_cap(node_id first, node_id last, gpu_limits to) {
    check_cap("nodes " + std::to_string(index(first)) + " to " + std::to_string(index(last)),
              capping_ == nullptr ? no_caps
              : caps_nodes_       ? capping_->why_not(first, last)
                                  : "a reservation numbers its own nodes; cap the feed",
              to);
    actions_.push_back({.kind = action_kind::set_cap, .cap = to, .first_node = first, .last_node = last});
}

}  // namespace ampacity::policy
