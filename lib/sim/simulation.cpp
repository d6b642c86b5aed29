#include "model.hpp"
#include "sites.hpp"

#include <ampacity/core/decimal.hpp>

namespace ampacity::sim {
namespace {

/// For how long replicas of services may drain, each once.
std::vector<duration> limits_of_draining(const std::vector<service_parts>& list) {
    std::vector<duration> out;
    for (const service_parts& s : list) {
        if (s.scaling && s.scaling->drain_limit) out.push_back(*s.scaling->drain_limit);
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

}  // namespace

simulation::model::model(parts p)
    : feed_(std::move(p.sources)),
      changes_(p.fleet, std::move(p.outages), std::move(p.reservations), std::move(p.deliveries),
               std::move(p.retirements), limits_of_draining(p.services)),
      slowdowns_(p.fleet.free().num_nodes(), std::move(p.slowdowns)),
      energy_(p.energy ? std::make_unique<energy_meter>(std::move(*p.energy)) : nullptr),
      limits_(energy_.get()),
      failing_slow_(failures_),
      pacers_(all_pacers(p.failures)),
      until_(p.until ? start_of_time + *p.until : never),
      trainings_(p.trainings.empty()
                     ? nullptr
                     : std::make_unique<training_runs>(std::move(p.trainings), p.store_b_s, p.fabric, p.fleet.empty())),
      costs_table_(costs_of(p)),
      costs_(costs_table_.empty() ? nullptr : costs_table_.data()),
      jobs_(feed_.num_sources(), costs_, p.enforce_estimate, !pacers_.empty() || trainings_),
      decision_time_(p.decision_time),
      sample_every_(p.sample_every),
      tell_(with(energy_.get(), std::move(p.observers)), jobs_),
      held_(feed_, jobs_, tell_),
      speeds_(std::move(p.speeds)),
      names_(feed_, jobs_, partitions_),
      reserved_for_(std::move(p.reserved_for)),
      signals_(std::move(p.signals)),
      news_(std::move(p.price_news)),
      services_(p.services.empty()
                    ? nullptr
                    : std::make_unique<services>(std::move(p.services), p.sample_every.has_value(), !pacers_.empty())),
      snapshots_(std::move(p.groups), std::move(p.snapshots)),
      kernel_(*this) {
    if (services_) withdraw_services(p.fleet);
    const capacity_plan planned{.any = changes_.any() || feeds_act() || p.failures.any(),
                                .drain_racks_at = p.drain_racks_at};
    partitions_.push_back(std::make_unique<partition>(std::move(p.fleet), planned, std::move(p.policy),
                                                      std::move(p.placer), costs_table_, jobs_, pacers_,
                                                      trainings_.get(), names_));
    if (energy_ != nullptr && energy_->shows_headroom()) {
        headroom_ = std::make_unique<headroom>(*energy_, jobs_);
        headroom_->add_partition({});
        if (feeds_act()) main().plan.allow_caps(*headroom_, true);
    }
    for (std::uint32_t i = 0; i != changes_.reservations().size(); ++i) {
        if (changes_.reservations()[i].kind != reservation_kind::maintenance) add_partition(i, p.drain_racks_at);
    }
    if (!p.sites.sites.empty()) sites_ = std::make_unique<sites>(*this, std::move(p.sites), planned);
    for (std::uint32_t i = 0; i != changes_.reservations().size(); ++i) {
        if (changes_.reservations()[i].known == start_of_time) announce_closing(i);
    }
    for (const auto& part : partitions_) part->view.signals = &signals_;
    for (const delivery& d : changes_.deliveries()) hold_back(d.nodes);
    if (p.failures.any()) {
        failures_ = std::make_unique<faults::part_failures>(
            std::move(p.failures), faults::fleet_layout::of(fleet().empty()), fleet().states());
        stopped_by_.resize(failures_->processes().size(), 0);
    }
    reserved_for_.resize(feed_.num_sources());
    partition_named_.resize(feed_.num_sources());
    if (fleet().free().is_mixed()) {
        speeds_.resize(feed_.num_sources());
        row_of_model_.resize(feed_.num_sources());
        held_by_type_.resize(fleet().free().types()->size(), 0);
    }
    if (!feed_.empty()) kernel_.schedule(feed_.front().submit, arrivals, {.kind = jobs_arrive});
    if (changes_.any()) schedule_changes();
    if (slowdowns_.any()) schedule_slowdowns();
    samples_follow_ = sample_every_.has_value();
    if (sample_every_) kernel_.schedule(start_of_time, samples, {.kind = take_sample});
    if (services_) begin_services();
    follow_feeds();
}

void simulation::model::dispatch(const kernel::event& e, kernel_type&) {
    if (e.kind != take_sample) reach(kernel_.now());
    switch (e.kind) {
        case job_ends: end(job_id{e.entity}, e.attempt); break;
        case jobs_arrive: arrive(); break;
        case held_enter:
            alarm_ = kernel::no_event;
            arrive();
            break;
        case policy_wakes: wake(*partitions_[e.entity]); break;
        case take_sample: sample_now(); break;
        case decision_comes:
            partitions_[e.entity]->deciding = partition::decision::due;
            touch(*partitions_[e.entity]);
            break;
        case capacity_comes_or_goes: change_capacity(); break;
        case feeds_change: change_feeds(); break;
        case feeds_are_controlled: control_feeds(); break;
        case nodes_slow_down: change_speeds(); break;
        case parts_fail: change_parts(); break;
        case training_pauses: pass_boundary(job_id{e.entity}); break;
        case store_has_written: end_writes(); break;
        case serving_steps_end: end_serving_steps(e.entity); break;
        case requests_arrive: submit_requests(e.entity); break;
        case service_leaves: leave_service(e.entity); break;
        case job_vacates: end_vacating(job_id{e.entity}); break;
        case service_acts: act_on_service(e.entity); break;
        case job_comes_to_site: sites_->arrive(e.entity); break;
        case job_leaves_site: sites_->depart(e.entity); break;
        case sites_are_looked_at: sites_->look(); break;
        default: AMPACITY_ASSERT(false);
    }
    settle();
}

void simulation::model::settle() {
    if (trainings_) settle_training();
    if (sites_) sites_->follow_looks();
    follow_feeds();
}

void simulation::model::pass(kernel_type&) {
    if (!touched_.empty()) pass_touched();
    if (services_) start_serving_steps();
}

void simulation::model::pass_touched() {
    if (partitions_.size() == 1) {
        touched_.clear();
        main().changed = false;
        pass(main());
    } else {
        pass_several();
    }
    settle();
    peak_queue_ = std::max(peak_queue_, waiting());
}

void simulation::model::pass_several() {
    std::swap(touched_, passing_);
    std::sort(passing_.begin(), passing_.end());
    for (const std::uint32_t number : passing_) {
        partitions_[number]->changed = false;
        pass(*partitions_[number]);
    }
    passing_.clear();
}

status simulation::model::run_rounds(std::uint64_t events, instant to) {
    const instant limit = std::min(to, until_);
    const auto s = rounds(events, limit);
    if (s == kernel::run_status::paused) return status::paused;
    if (s == kernel::run_status::reached && limit < until_) return status::paused;
    ended_ = true;
    return status::done;
}

std::vector<preemption_costs> simulation::model::costs_of(const parts& p) const {
    std::vector<preemption_costs> rows;
    if (trainings_)
        rows = trainings_->costs(p.preemption);
    else if (!p.preemption.free() || !changes_.outages().empty() || feeds_act() || p.failures.any())
        rows.emplace_back(p.preemption);
    const auto scales = [](const service_parts& s) { return s.scaling.has_value(); };
    if (!rows.empty() && std::any_of(p.services.begin(), p.services.end(), scales)) rows.emplace_back();
    return rows;
}

std::vector<const pacer*> simulation::model::all_pacers(const faults::failure_plan& failures) const {
    std::vector<const pacer*> out;
    if (slowdowns_.any()) out.push_back(&slowdowns_);
    if (feeds_act()) out.push_back(&limits_);
    if (failures.changes_runs()) out.push_back(&failing_slow_);
    return out;
}

std::vector<observer*> simulation::model::with(observer* one, std::vector<observer*> others) {
    if (one != nullptr) others.insert(others.begin(), one);
    return others;
}

kernel::run_status simulation::model::rounds(std::uint64_t events, instant limit) try {
    return kernel_.run_rounds(events, limit);
} catch (const plugin_error& e) {
    diagnostic d = e.details();
    d.what += " at " + format_ns_as_seconds(ticks(kernel_.now())) + " s of simulated time";
    throw plugin_error(std::move(d));
}

void simulation::model::pass(partition& p) {
    if (p.is_over || (decision_time_.any() && !may_decide(p))) return;
    p.plan.begin(kernel_.now(), p.into_closings);
    try {
        const std::int64_t begun = meter_.begin(kernel_.now());
        p.scheduler->decide(picture(p), p.plan);
        meter_.end(begun);
        p.plan.check();
    } catch (...) {
        p.plan.roll_back();
        throw;
    }
    if (feeds_act()) energy_->in_pass(true);
    commit(p);
    if (feeds_act()) energy_->in_pass(false);
    const auto frees = [](const policy::action& a) {
        return a.kind == policy::action_kind::preempt || a.kind == policy::action_kind::resize;
    };
    if (headroom_ && partitions_.size() > 1 && std::any_of(p.plan.actions().begin(), p.plan.actions().end(), frees))
        tell_headroom(&p);
}

void simulation::model::wake(partition& p) {
    p.wake = kernel::no_event;
    if (p.is_over) return;
    p.scheduler->on_tick(picture(p));
    touch(p);
}

bool simulation::model::may_decide(partition& p) {
    using decision = partition::decision;
    if (p.deciding == decision::due) {
        p.deciding = decision::none;
        return true;
    }
    if (p.deciding == decision::pending || p.live == 0) return false;
    const int128 takes = int128{ticks(decision_time_.base)} + int128{ticks(decision_time_.per_job)} * p.waiting();
    if (takes == 0) return true;
    p.deciding = decision::pending;
    const auto longest = int128{ticks(duration::max())};
    kernel_.schedule(add_saturating(kernel_.now(), duration{static_cast<std::int64_t>(std::min(takes, longest))}),
                     control, {.kind = decision_comes, .entity = p.number});
    return false;
}

void simulation::model::reach(instant now) {
    if (now == never) {
        throw scenario_error({.where = {},
                              .key = "until",
                              .what = "the run goes on beyond 292 years, where simulated time ends",
                              .value = {},
                              .remedy = "give a duration, or a larger fleet"});
    }
    if (snapshots_.next() <= now) take_snapshots(now);
    advance(now);
    if (main().waiting() != 0) changes_.wait(0, now - reached_);
    if (sites_ && changes_.counts_idle()) {
        for (const partition* const site : open_) {
            if (site->waiting() != 0) changes_.wait(site->number, now - reached_);
        }
    }
    reached_ = now;
}

void simulation::model::advance(instant now) {
    main().fleet.advance(now);
    for (partition* const p : open_) p->fleet.advance(now);
}

const policy::view& simulation::model::picture(partition& p) noexcept {
    p.view.now = kernel_.now();
    p.view.capacity.up_gpus = p.fleet.up_gpus();
    p.view.jobs = p.jobs.span();
    p.view.elastic_jobs = jobs_.elastic().span();
    p.view.changed_runs = jobs_.changed().span();
    p.view.oracle = policy::oracle_view{reinterpret_cast<const duration*>(jobs_.data()), sizeof(live_job)};
    p.view.more_rows = reinterpret_cast<const char*>(jobs_.data());
    if (headroom_) p.view.headroom = headroom_->picture(p.number, kernel_.now());
    for (; next_news_ != news_.size() && news_[next_news_].at <= kernel_.now(); ++next_news_)
        signals_.price = news_[next_news_].price;
    return p.view;
}

void simulation::model::arrive() {
    const instant now = kernel_.now();
    bool any = false;
    while (!feed_.empty() && feed_.front().submit == now) {
        if (held_.any()) enter_held(holds::key_of(feed_.which(), feed_.front().row));
        ask(feed_.front());
        feed_.pop();
        any = true;
    }
    if (any && !feed_.empty()) kernel_.schedule(feed_.front().submit, arrivals, {.kind = jobs_arrive});
    if (held_.any()) {
        enter_held(~holds::key{0});
        set_alarm();
    }
    forget_changes();
}

void simulation::model::ask(const workload::job_request& r) {
    if (r.links == nullptr) {
        submit(r, feed_.which());
        return;
    }
    ask_linked(r);
}

void simulation::model::ask_linked(workload::job_request r) {
    r.source = static_cast<std::uint16_t>(feed_.which());
    held_.begin();
    const bool never_runs = never_fits(partition_of(r, r.source), r, r.source);
    if (never_runs || held_.submit(r, here())) {
        submit(r, r.source);
        return;
    }
    set_alarm();
}

void simulation::model::enter_held(holds::key before) {
    while (const auto job = held_.next_entering(here(), before)) submit(*job, job->source);
    held_.tell(kernel_.now());
}

void simulation::model::leave(holds::key key, outcome how) {
    held_.left(key, how, here());
    if (held_.any()) set_alarm();
}

void simulation::model::set_alarm() {
    const instant next = held_.next(kernel_.now());
    if (next == never || (alarm_ != kernel::no_event && alarm_at_ == next)) return;
    kernel_.cancel(alarm_);
    alarm_at_ = next;
    alarm_ = kernel_.schedule(next, arrivals, {.kind = held_enter});
}

fleet::demand simulation::model::demand_of(const workload::job_request& r, std::size_t source) {
    return fleet::demand{.gpus = r.gpus,
                         .segment = r.placement.segment,
                         .within = r.placement.within,
                         .exclusive = r.placement.exclusive,
                         .spread = r.placement.spread}
        .with_speeds(speeds_of(r, source));
}

fleet::demand simulation::model::needed_by(const partition& p, const workload::job_request& r, std::size_t source) {
    fleet::demand needed = demand_of(r, source);
    if (r.gpus_min != r.gpus_max && p.scheduler->chooses_gpus()) needed.gpus = r.gpus_min;
    return needed;
}

bool simulation::model::never_fits(const partition& p, const workload::job_request& r, std::size_t source) {
    return r.gpus == 0 || !policy::fits(*p.placer, p.fleet.empty(), needed_by(p, r, source));
}

partition& simulation::model::partition_of(const workload::job_request& r, std::size_t source) {
    if (sites_ && r.reservation == 0) return sites_->partition_of(r, source);
    if (partitions_.size() == 1 && r.reservation == 0 && reserved_for_[source].empty()) return main();
    return *partitions_[partition_named(r.reservation, source)];
}

job_id simulation::model::submit(const workload::job_request& r, std::size_t source) {
    check(r);
    AMPACITY_ASSERT(r.row <= holds::row_mask);
    job_record& kept = jobs_.record(r, source);
    const fleet::demand wanted = demand_of(r, source);
    const std::uint64_t order = arrived_++ + num_moves_;
    partition& p = partition_of(r, source);
    const bool has_no_place = never_fits(p, r, source);
    // One that could run on no site is of none.
    const bool counts = !has_no_place || p.is_reserved() || (sites_ && sites_->pinned(r, source) != 0);
    if (reserved_jobs* const n = counts_of(p); n != nullptr && counts) ++n->submitted;
    const std::string late = has_no_place || !p.is_reserved() ? std::string{} : why_too_late(p, r);
    if (has_no_place || !late.empty()) {
        kept.state = outcome::rejected;
        if (counts) count_end(p, outcome::rejected);
        tell_.submit(p, r, source, none<job_id>, needed_by(p, r, source), kernel_.now(), late);
        if (held_.any()) leave(holds::key_of(source, r.row), outcome::rejected);
        return none<job_id>;
    }
    const job_id job = jobs_.enter(r, holds::key_of(source, r.row), p.number);
    p.jobs.grow_to(index(job) + 1, {});
    policy::job_view& seen = p.jobs[index(job)];
    seen = {.estimate = planned_work(r),
            .speed = fleet().free().is_mixed() ? 1.0 : r.accelerator.speed,
            .demand = wanted,
            .attempt = seen.attempt,  // goes on counting, so that no stale event can match
            .state = policy::job_state::queued,
            .order = order,
            .submit = r.submit,
            .priority = r.priority,
            .user = r.user,
            .group = r.group,
            .costs_row = r.training};
    if (r.kind == workload::job_kind::service && costs_ != nullptr)
        seen.costs_row = static_cast<std::uint16_t>(costs_table_.size() - 1);
    if (sites_) sites_->enter(r, source, index(job));
    ++p.live;
    ++live_;
    tell_.submit(p, r, source, job, wanted, kernel_.now());
    p.scheduler->on_submit(picture(p), job);
    touch(p);
    return job;
}

std::uint8_t simulation::model::speeds_of(const workload::job_request& r, std::size_t source) {
    const fleet::gpu_types* const types = fleet().free().types();
    if (types == nullptr) return 0;
    std::uint8_t row = r.accelerator.row;
    if (row == 0) row = row_of_model(source, r.model);
    AMPACITY_ASSERT(row < types->num_rows());
    return row;
}

std::uint8_t simulation::model::row_of_model(std::size_t source, std::uint32_t of) {
    const source_speeds& speeds = speeds_[source];
    if (of == 0 || speeds.of_model.empty()) return speeds.row;
    std::vector<std::uint8_t>& known = row_of_model_[source];
    if (known.size() <= of) known.resize(std::size_t{of} + 1, no_row);
    if (known[of] == no_row) {
        const auto at = speeds.of_model.find(feed_.source(source).text(of));
        known[of] = at == speeds.of_model.end() ? speeds.row : at->second;
    }
    return known[of];
}

void simulation::model::check(const workload::job_request& r) const {
    const auto refuse = [](const char* what, const char* remedy) {
        throw scenario_error({.where = {}, .key = "workload", .what = what, .value = {}, .remedy = remedy});
    };
    if (r.kind == workload::job_kind::service && !(services_ && services_->of_source(r.source)))
        refuse("a source cannot have services", "give another kind of job");
    if (r.site > (sites_ ? sites_->size() : 0))
        refuse("a job names a site that has no scheduler of its own", "give parts::sites, or leave its site at 0");
    if (const char* const remedy = workload::wrong_gpus(r))
        refuse("the numbers of GPUs of a job do not go together", remedy);
    if (r.training != 0) {
        if (!trainings_ || r.training > trainings_->size())
            refuse("a training job has no terms", "give its row of parts::trainings, from 1");
        if (fleet().free().is_mixed()) refuse("training jobs need a fleet of one type", "give it one");
        if (r.gpus_min != r.gpus_max && !trainings_->of(r.training).elastic)
            refuse("a training job without terms for that has a range of GPUs", "give it one number, or the terms");
    }
    if (!(r.serial_fraction >= 0 && r.serial_fraction <= 1))
        refuse("the serial fraction of a job is out of range", "write 0 to 1");
    if (r.gpus_min != r.gpus_max && fleet().free().is_mixed())
        refuse("elastic jobs cannot run on a fleet of several GPU types, or with speeds, yet",
               "give each job one number of GPUs, or the fleet one type and no speeds");
}

void simulation::model::end(job_id job, std::uint32_t attempt) {
    const std::size_t i = index(job);
    partition& p = part_of(i);
    policy::job_view& j = p.jobs[i];
    AMPACITY_ASSERT(j.state == policy::job_state::running && j.attempt == attempt);
    end(job, jobs_.run_of(i).ends_killed() ? outcome::killed : outcome::finished);
}

void simulation::model::end(job_id job, outcome how) {
    partition& p = part_of(index(job));
    finish(p, job, how);
    p.scheduler->on_finish(picture(p), job);
    p.allocations.release(p.jobs[index(job)].held);
    remove(p, job, how);
    touch(p);
    tell_headroom(&p);
    forget_changes();
}

void simulation::model::finish(partition& p, job_id job, outcome how) {
    const std::size_t i = index(job);
    const policy::job_view& j = p.jobs[i];
    const run_end ends = how == outcome::killed ? run_end::killed : run_end::finished;
    if (j.vacates) forget_vacating(p, i);
    if (sites_) sites_->forget(i);
    leave_training(p, i, stretch_now(p, i), kernel_.now());
    const duration done = jobs_[i].training != 0 ? done_by(p, i, kernel_.now()) : duration::zero();
    jobs_.end_run(i, kernel_.now(), j.demand.gpus, ends);
    forget_spoilt(p, i);
    p.fleet.give(j.demand, p.allocations.shares(j.held));
    tell_release(p, job, j.held);
    --p.running;
    --running_;
    count_type(stretch_now(p, i), kernel_.now());
    tell_.stop(p, i, stretch_now(p, i), kernel_.now(), ends);
    close(p, i, how, kernel_.now(), done);
}

void simulation::model::remove(partition& p, job_id job, outcome how) {
    policy::job_view& j = p.jobs[index(job)];
    j.held = {};
    j.state = policy::job_state::absent;
    const holds::key key = jobs_[index(job)].key;
    jobs_.leave(job);
    --p.live;
    --live_;
    if (held_.any() || how == outcome::rejected) leave(key, how);
}

void simulation::model::follow(followed& f, instant due, phase when, std::uint8_t what, std::uint32_t entity) {
    if (due != never) due = std::max(due, kernel_.now());
    if (due == f.at) return;
    kernel_.cancel(f.event);
    f = {.at = due,
         .event = due == never ? kernel::no_event : kernel_.schedule(due, when, {.kind = what, .entity = entity})};
}

void simulation::model::follow_feeds() {
    if (failures_) follow(parts_change_, is_drained() ? never : failures_->next(), changes, parts_fail);
    if (!feeds_act()) return;
    const bool over = is_drained();
    follow(feeds_change_, over ? never : energy_->plant().next_change(), changes, feeds_change);
    follow(feeds_control_, over ? never : energy_->plant().next_control(), control, feeds_are_controlled);
}

void simulation::model::close(const partition& p, std::size_t i, outcome how, instant finish, duration done) {
    if (p.jobs[i].state == policy::job_state::running) jobs_.started_at(i, began(p, i));
    jobs_.close(i, how, finish);
    if (jobs_[i].training != 0) close_training(i, done);
    if (how == outcome::finished && !is_replica(i)) ++finished_;
    count_end(p, how);
}

void simulation::model::count_end(const partition& p, outcome how) noexcept {
    reserved_jobs* const n = counts_of(p);
    if (n == nullptr) return;
    n->finished += how == outcome::finished ? 1U : 0U;
    n->killed += how == outcome::killed ? 1U : 0U;
    n->rejected += how == outcome::rejected ? 1U : 0U;
}

void simulation::model::count_type(const stretch& run, instant to) {
    if (held_by_type_.empty()) return;
    held_by_type_[type_of(run.held)] += gpu_time{ticks(to - run.since)} * run.gpus;
}

fleet::gpu_type simulation::model::type_of(fleet::allocation held) const {
    return fleet().free().type_of(main().allocations.shares(held).front().node);
}

void simulation::model::start(partition& p, job_id job, instant now) {
    const std::size_t i = index(job);
    jobs_.begin_run(i, p.jobs[i], now);
    ++p.running;
    ++running_;
    __builtin_prefetch(&jobs_.record_of(i), 1);
    if (jobs_[i].training != 0) start_training(p, i);
    if (is_replica(i))
        start_replica(p, i);
    else
        schedule_end(p, i);
    tell_hold(p, job);
    tell_.start(p, i, now);
    p.scheduler->on_start(picture(p), job);
}

void simulation::model::schedule_end(const partition& p, std::size_t i) {
    jobs_.end_event(i) =
        kernel_.schedule(jobs_.run_of(i).end(), completions,
                         {.kind = job_ends, .entity = static_cast<std::uint32_t>(i), .attempt = p.jobs[i].attempt});
}

void simulation::model::preempt(partition& p, const policy::action& a, instant now) {
    const std::size_t i = index(a.job);
    if (a.vacates) kernel_.cancel(vacated_[i]);
    if (sites_) sites_->forget(i);
    leave_training(p, i, stretch_before(a), now - a.lost);
    jobs_.end_run(i, now - a.lost, a.gpus, run_end::preempted);
    forget_spoilt(p, i);
    count_type(stretch_before(a), now);
    tell_.stop(p, i, stretch_before(a), now, run_end::preempted);
    jobs_.lose(i, a.lost, a.gpus);
    jobs_.started_at(i, a.began);
    ++jobs_.record_of(i).preemptions;
    --p.running;
    --running_;
    kernel_.cancel(jobs_.end_event(i));
    tell_release(p, a.job, a.before);
    p.allocations.release(a.before);
    p.scheduler->on_preempt(picture(p), a.job);
    if (is_replica(i)) stop_replica(i, run_end::preempted);
}

void simulation::model::resize(partition& p, const policy::action& a, instant now) {
    const std::size_t i = index(a.job);
    leave_training(p, i, stretch_before(a), now);
    jobs_.change_run(i, p.jobs[i], now, a.gpus);
    kernel_.cancel(jobs_.end_event(i));
    if (jobs_[i].training != 0) {
        start_training(p, i);
        trainings_->resized(jobs_[i].training, false);
    }
    schedule_end(p, i);
    schedule_vacating(p, i);
    jobs_.started_at(i, a.began);
    ++resizes_;
    tell_.resize(p, i, stretch_before(a), now);
    tell_release(p, a.job, a.before);
    tell_hold(p, a.job);
    p.allocations.release(a.before);
    p.scheduler->on_resize(picture(p), a.job);
}

void simulation::model::reject(partition& p, job_id job) {
    tell_.reject(p, index(job), kernel_.now(), "the policy refused it");
    close(p, index(job), outcome::rejected, unset);
    remove(p, job, outcome::rejected);
    forget_changes();
}

void simulation::model::commit(partition& p) {
    const instant now = kernel_.now();
    bool any_cap = false;
    for (const policy::action& a : p.plan.actions()) {
        switch (a.kind) {
            case policy::action_kind::start: start(p, a.job, now); break;
            case policy::action_kind::preempt: preempt(p, a, now); break;
            case policy::action_kind::resize: resize(p, a, now); break;
            case policy::action_kind::reject: reject(p, a.job); break;
            case policy::action_kind::set_cap: any_cap = true; break;
            case policy::action_kind::vacate: begin_vacating(p, index(a.job)); break;
            default: AMPACITY_ASSERT(false);
        }
    }
    if (failures_ && failures_->any_effect()) befall_started(p);
    if (any_cap) set_caps(p);
    if (const auto when = p.plan.wake_up()) {
        kernel_.cancel(p.wake);
        p.wake = *when == never ? kernel::no_event
                                : kernel_.schedule(*when, control, {.kind = policy_wakes, .entity = p.number});
    }
}

void simulation::model::sample_now() {
    const instant now = kernel_.now();
    std::uint64_t busy = 0, free = 0;
    for (const auto& p : partitions_) {
        busy += p->fleet.held_gpus();
        free += p->is_over ? 0 : p->fleet.free().free_gpus();
    }
    // The last one may lie behind the end of the run.
    const bool over = until_ == never && kernel_.pending() == 0;
    const sample s{.at = now,
                   .queued = waiting(),
                   .running = running_,
                   .busy_gpus = busy,
                   .free_gpus = free,
                   .finished = finished_,
                   .plant = energy_ ? &energy_->plant() : nullptr,
                   .replicas = services_ ? services_->samples(now) : std::span<const replica_sample>{},
                   .sites = energy_ ? energy_->look(over ? reached_ : now) : std::span<const power::site_sample>{}};
    tell_.show(s);
    // Samples alone do not keep a run alive, and none lies beyond the end of time.
    const instant next = add_saturating(now, *sample_every_);
    samples_follow_ = next != never && (kernel_.pending() != 0 || (until_ != never && next <= until_));
    if (samples_follow_) {
        kernel_.schedule(next, samples, {.kind = take_sample});
    }
}

simulation::simulation(parts p) {
    AMPACITY_ASSERT(p.policy && p.placer);
    model_ = std::make_unique<model>(std::move(p));
}
simulation::~simulation() = default;
simulation::simulation(simulation&&) noexcept = default;
simulation& simulation::operator=(simulation&&) noexcept = default;

status simulation::step() { return model_->run_rounds(1, never); }
status simulation::run_until(instant t) { return model_->run_rounds(~std::uint64_t{0}, t); }
status simulation::run_rounds(std::uint64_t events) { return model_->run_rounds(events, never); }
void simulation::run() { run_until(never); }
void simulation::deliver(delivery d) { model_->deliver(std::move(d)); }
instant simulation::now() const noexcept { return model_->kernel_.now(); }
std::uint64_t simulation::events_processed() const noexcept { return model_->kernel_.events_processed(); }
std::uint64_t simulation::arrived() const noexcept { return model_->arrived(); }
std::uint64_t simulation::departed() const noexcept { return model_->arrived() - model_->live(); }
std::uint64_t simulation::waiting() const noexcept { return model_->waiting(); }
std::uint64_t simulation::peak_queue() const noexcept { return model_->peak_queue_; }
const decision_costs& simulation::decisions() const noexcept { return model_->meter_.costs(); }
double simulation::reading_s() const noexcept {
    return model_->feed_.reading_s() + (model_->services_ ? model_->services_->reading_s() : 0);
}
const workload::job_source& simulation::source(std::size_t i) const { return model_->feed_.source(i); }
std::size_t simulation::num_sources() const noexcept { return model_->feed_.num_sources(); }
std::size_t simulation::num_services() const noexcept { return model_->services_ ? model_->services_->size() : 0; }
std::optional<double> simulation::service_progress(std::size_t service) const {
    return model_->services_->of(static_cast<std::uint32_t>(service)).requests->progress();
}
const summary& simulation::results() { return model_->results(); }
bool simulation::has_links() const noexcept { return model_->has_links(); }
job_times simulation::times(std::size_t source, std::uint64_t row) const { return model_->times(source, row); }
std::span<const job_record> simulation::records(std::size_t source) const { return model_->all_records(source).jobs; }
source_records simulation::all_records(std::size_t source) const { return model_->all_records(source); }

}  // namespace ampacity::sim
