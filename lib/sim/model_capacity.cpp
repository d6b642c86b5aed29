// Nodes that leave and come back, reservations with jobs of their own, and what becomes of the jobs that are there.

#include "model.hpp"
#include "sites.hpp"

#include <ampacity/core/suggest.hpp>

namespace ampacity::sim {

void simulation::model::add_partition(std::uint32_t number, std::uint32_t drain_racks_at) {
    reservation& r = changes_.reservations()[number];
    AMPACITY_ASSERT(r.policy && r.placer && partitions_.size() < unknown_partition);
    auto nodes = fleet::fleet_state::part(fleet(), r.what.nodes);
    std::vector<node_id> all;
    for (std::uint32_t i = 0; i != r.what.nodes.size(); ++i) all.push_back(node_id{i});
    capacity_plan planned{.any = true, .drain_racks_at = drain_racks_at};
    const bool is_later = r.what.start != start_of_time;
    if (is_later) planned.closings.push_back({.start = start_of_time, .end = r.what.start, .nodes = all});
    if (r.kind == reservation_kind::advance)
        planned.closings.push_back({.start = r.what.end, .end = never, .nodes = all});
    auto p = std::make_unique<partition>(std::move(nodes), std::move(planned), std::move(r.policy), std::move(r.placer),
                                         costs_table_, jobs_, pacers_, trainings_.get(), names_);
    p->reserved = {.name = r.name, .kind = r.kind, .start = r.what.start, .end = r.what.end, .number = number};
    p->rows = r.what.nodes;
    p->number = static_cast<std::uint16_t>(partitions_.size());
    if (headroom_) headroom_->add_partition(p->rows);
    if (headroom_ && feeds_act()) p->plan.allow_caps(*headroom_, false);
    if (is_later) p->fleet.begin_closing();
    changes_.result(number).jobs.emplace();
    partitions_.push_back(std::move(p));
    tell_capacity(*partitions_.back());
}

reserved_jobs* simulation::model::counts_of(const partition& p) noexcept {
    if (p.is_reserved()) return &*changes_.result(p.reserved->number).jobs;
    return sites_ && p.number != 0 ? &sites_->result(p.number).jobs : nullptr;
}

void simulation::model::count_held(const partition& p) {
    ledger books;
    p.fleet.book(books);
    reserved_jobs& jobs = *counts_of(p);
    jobs.idle = books[account::idle];
    jobs.down = books[account::down] + books[account::draining];
    jobs.held = books.capacity - jobs.idle - jobs.down;
}

std::uint16_t simulation::model::partition_named(std::uint32_t text, std::size_t source) {
    if (text == 0 && reserved_for_[source].empty()) return 0;
    std::vector<std::uint16_t>& known = partition_named_[source];
    if (known.size() <= text) known.resize(std::size_t{text} + 1, unknown_partition);
    if (known[text] == unknown_partition) known[text] = find_partition(text, source);
    return known[text];
}

std::uint16_t simulation::model::find_partition(std::uint32_t text, std::size_t source) {
    const std::string name{text == 0 ? std::string_view{reserved_for_[source]} : feed_.source(source).text(text)};
    std::vector<std::string_view> known;
    for (std::uint16_t i = 1; i != partitions_.size(); ++i) {
        if (!partitions_[i]->is_reserved()) continue;
        if (partitions_[i]->reserved->name == name) return i;
        known.push_back(partitions_[i]->reserved->name);
    }
    throw scenario_error(
        {.where = {},
         .key = "workload." + std::to_string(source),
         .what = "a job names a reservation that takes no jobs",
         .value = name,
         .remedy = known.empty() ? "give scheduler.reservations one of kind advance" : suggestion(name, known)});
}

std::string simulation::model::why_too_late(const partition& p, const workload::job_request& r) const {
    const reserved_for_jobs& of = *p.reserved;
    const instant now = kernel_.now();
    if (p.is_over || now >= of.end) return "its reservation " + of.name + " is over";
    if (of.kind != reservation_kind::advance || p.into_closings || r.gpus_min != r.gpus_max) return {};
    const duration work = time_for(planned_work(r), r.accelerator.speed);
    const duration length = costs_ == nullptr ? work : costs_[r.training].of(false).length(work);
    if (add_saturating(std::max(now, of.start), length) <= of.end) return {};
    return "it is planned to run beyond the end of its reservation " + of.name;
}

void simulation::model::forget_changes_now() {
    if (!is_drained()) return;
    kernel_.cancel(std::exchange(next_change_, kernel::no_event));
    kernel_.cancel(std::exchange(next_slowdown_, kernel::no_event));
}

void simulation::model::schedule_changes() {
    next_change_ = kernel::no_event;
    if (const auto when = changes_.when(); when && !is_drained())
        next_change_ = kernel_.schedule(*when, changes, {.kind = capacity_comes_or_goes});
}

std::uint64_t simulation::model::lose(std::span<const node_id> nodes) {
    std::uint64_t stopped = 0;
    for_parts(nodes, [this, &stopped](partition& p, std::span<const node_id> own) {
        stopped += stop_jobs(p, own, run_end::failed);
        p.fleet.fail(own);
    });
    stopped += stop_jobs(main(), nodes, run_end::failed);
    main().fleet.fail(nodes);
    return stopped;
}

void simulation::model::bring_back(std::span<const node_id> nodes) {
    for_parts(nodes, [](partition& p, std::span<const node_id> own) { p.fleet.repair(own); });
    main().fleet.repair(nodes);
    changes_.come_back(nodes);
}

std::uint64_t simulation::model::gpus_of(std::span<const node_id> nodes) const noexcept {
    std::uint64_t gpus = 0;
    for (const node_id n : nodes) gpus += fleet().free().gpus_of(n);
    return gpus;
}

void simulation::model::hold_back(std::span<const node_id> nodes) {
    for_parts(nodes, [](partition& p, std::span<const node_id> own) { p.fleet.uncommission(own); });
    main().fleet.uncommission(nodes);
    to_come_ += gpus_of(nodes);
    snapshots_.note(start_of_time, nodes, fleet(), false);
    if (energy_) energy_->set_absent(start_of_time, nodes, true);
}

void simulation::model::commission(std::span<const node_id> nodes) {
    for_parts(nodes, [](partition& p, std::span<const node_id> own) { p.fleet.commission(own); });
    main().fleet.commission(nodes);
    if (failures_) failures_->commission(kernel_.now(), nodes);
    came_.push_back({.at = kernel_.now(), .gpus = static_cast<std::int64_t>(gpus_of(nodes))});
    snapshots_.note(kernel_.now(), nodes, fleet(), true);
    changes_.come_back(nodes);
    if (!energy_) return;
    energy_->set_absent(kernel_.now(), nodes, false);
    tell_headroom(nullptr);
}

void simulation::model::announce(const retirement& r) {
    for_parts(r.nodes, [&r](partition& p, std::span<const node_id> own) {
        if (!p.is_reserved()) p.fleet.announce({.start = r.at, .end = never, .nodes = {own.begin(), own.end()}});
    });
    main().fleet.announce({.start = r.at, .end = never, .nodes = r.nodes});
}

void simulation::model::retire(const retirement& r) {
    for_parts(r.nodes, [this, &r](partition& p, std::span<const node_id> own) {
        stop_jobs(p, own, run_end::preempted);
        // Only sites were told of it before.
        p.is_reserved() ? p.fleet.uncommission(own) : p.fleet.retire(own, r.known != r.at);
        p.look_at_closings();
    });
    stop_jobs(main(), r.nodes, run_end::preempted);
    main().fleet.retire(r.nodes, r.known != r.at);
    main().look_at_closings();
    came_.push_back({.at = kernel_.now(), .gpus = -static_cast<std::int64_t>(gpus_of(r.nodes))});
    snapshots_.note(kernel_.now(), r.nodes, fleet(), false);
    if (!energy_) return;
    energy_->set_absent(kernel_.now(), r.nodes, true);
    tell_headroom(nullptr);
}

void simulation::model::announce_closing(std::uint32_t number) {
    const fleet::closing& c = changes_.reservations()[number].what;
    if (!sites_) {
        main().fleet.announce(c, number);
        return main().look_at_closings();
    }
    for_parts(c.nodes, [&c, number](partition& p, std::span<const node_id> own) {
        p.fleet.announce({.start = c.start, .end = c.end, .nodes = {own.begin(), own.end()}}, number);
        p.look_at_closings();
    });
}

void simulation::model::begin_closing(std::uint32_t number) {
    const fleet::closing& c = changes_.reservations()[number].what;
    if (services_) drain_replicas(number);
    std::uint64_t stopped = 0;
    if (sites_) {
        for_parts(c.nodes, [this, &stopped](partition& p, std::span<const node_id> own) {
            stopped += stop_jobs(p, own, run_end::preempted);
            p.fleet.begin_closing();
            p.look_at_closings();
        });
        main().fleet.announce(c, number);  // sites plan, not the fleet
    } else {
        stopped = stop_jobs(main(), c.nodes, run_end::preempted);
    }
    changes_.begin_reservation(number, stopped);
    main().fleet.begin_closing();
    main().look_at_closings();
    open(number);
}

void simulation::model::end_closing(std::uint32_t number) {
    const fleet::closing& c = changes_.reservations()[number].what;
    shut(number);
    if (sites_) {
        for_parts(c.nodes, [number](partition& p, std::span<const node_id>) {
            p.fleet.end_closing(number);
            p.look_at_closings();
        });
    }
    main().fleet.end_closing(number);
    main().look_at_closings();
    changes_.come_back(c.nodes);
}

/// Before a reservation replicas on its nodes drain for so long as they may, where the policy starts others elsewhere;
/// when it begins, those that drain end.
void simulation::model::drain_replicas(std::uint32_t number) {
    const instant now = kernel_.now();
    const fleet::closing& c = changes_.reservations()[number].what;
    for (const auto& p : partitions_) {
        if (p->is_over || p->is_reserved() || (p->into_closings && now != c.start)) continue;
        p->on_nodes.find(p->own(c.nodes), hit_);
        by_arrival(*p, hit_);
        for (const job_id job : hit_) {
            if (!is_replica(index(job))) continue;
            const std::uint32_t s = service_of(index(job));
            const auto& limit = services_->of(s).scaling->drain_limit;
            if (now == c.start)
                services_->end_drain(s, job, now);
            else if (limit && changes_.drain_of(number, *limit) == now)
                services_->drain(s, job, now);
        }
    }
    for (std::uint32_t s = 0; s != services_->size(); ++s) settle_replicas(s);
}

void simulation::model::deliver(delivery d) {
    AMPACITY_ASSERT(d.at > kernel_.now() && d.at != never && changes_.any());
    changes_.add(std::move(d));
    kernel_.cancel(next_change_);
    schedule_changes();
}

void simulation::model::change_capacity() {
    while (changes_.when() == kernel_.now()) {
        const capacity_change& c = changes_.next();
        const auto nodes = changes_.nodes(c);
        switch (c.what) {
            case capacity_change::kind::outage_begins: lose(nodes); break;
            case capacity_change::kind::closing_is_known: announce_closing(c.row); break;
            case capacity_change::kind::replicas_drain: drain_replicas(c.row); break;
            case capacity_change::kind::closing_begins: begin_closing(c.row); break;
            case capacity_change::kind::outage_ends: bring_back(nodes); break;
            case capacity_change::kind::delivery_comes: commission(nodes); break;
            case capacity_change::kind::retirement_is_known: announce(changes_.retirements()[c.row]); break;
            case capacity_change::kind::retirement_comes: retire(changes_.retirements()[c.row]); break;
            case capacity_change::kind::closing_ends: end_closing(c.row); break;
        }
    }
    tell_capacity(main());
    settle_sites();
    schedule_changes();
}

void simulation::model::tell_capacity(partition& p) {
    if (p.is_over) return;
    p.look_at_closings();
    p.scheduler->on_capacity_changed(picture(p));
    touch(p);
}

template <class F>
void simulation::model::for_parts(std::span<const node_id> nodes, F f) {
    for (const auto& p : partitions_) {
        if (p->rows.empty() || p->is_over) continue;
        const std::span<const node_id> own = p->own(nodes);
        if (own.empty()) continue;
        f(*p, own);
        tell_capacity(*p);
    }
}

partition* simulation::model::reserved_by(std::uint32_t number) noexcept {
    for (const auto& p : partitions_) {
        if (p->is_reserved() && p->reserved->number == number) return p.get();
    }
    return nullptr;
}

void simulation::model::open(std::uint32_t number) {
    partition* const p = reserved_by(number);
    if (p == nullptr) return;
    if (p->reserved->start != start_of_time) p->fleet.end_closing(0);
    p->fleet.advance(kernel_.now());
    p->fleet.open_books();
    open_.push_back(p);
    tell_capacity(*p);
}

void simulation::model::shut(std::uint32_t number) {
    partition* const p = reserved_by(number);
    if (p == nullptr) return;
    p->is_over = true;
    std::erase(open_, p);
    std::vector<job_id> jobs;
    for (std::uint32_t i = 0; i != p->jobs.size(); ++i) {
        if (p->jobs[i].state != policy::job_state::absent) jobs.push_back(job_id{i});
    }
    by_arrival(*p, jobs);
    for (const job_id job : jobs) {
        const std::size_t i = index(job);
        const bool runs = p->jobs[i].state == policy::job_state::running;
        if (runs) {
            kernel_.cancel(jobs_.end_event(i));
            finish(*p, job, outcome::killed);
            p->allocations.release(p->jobs[i].held);
        } else {
            tell_.reject(*p, i, kernel_.now(), "its reservation " + p->reserved->name + " is over");
            close(*p, i, outcome::rejected, unset);
        }
        remove(*p, job, runs ? outcome::killed : outcome::rejected);
    }
    kernel_.cancel(std::exchange(p->wake, kernel::no_event));
    tell_headroom(p);
}

std::uint64_t simulation::model::stop_jobs(partition& p, std::span<const node_id> nodes, run_end how,
                                           std::uint64_t gpus) {
    std::vector<job_id>& hit = hit_;
    p.on_nodes.find(nodes, hit);
    if (~gpus != 0) {
        std::erase_if(hit, [&](job_id job) {
            const auto held = p.allocations.shares(p.jobs[index(job)].held);
            return std::none_of(held.begin(), held.end(), [&](const fleet::gpu_share& s) {
                return (s.gpus & gpus) != 0 && std::binary_search(nodes.begin(), nodes.end(), s.node);
            });
        });
    }
    by_arrival(p, hit);
    for (const job_id job : hit) {
        if (how != run_end::failed || ~gpus != 0 || !shrink(p, job, nodes)) stop(p, job, how);
    }
    if (how == run_end::failed) snapshots_.interrupt(hit.size());
    if (how == run_end::failed && sites_ && p.number != 0) sites_->interrupt(p.number, hit.size());
    return hit.size();
}

void simulation::model::stop(partition& p, job_id job, run_end how) {
    const std::size_t i = index(job);
    p.scheduler->on_fail(picture(p), job);
    end_early(p, job, how);
    p.scheduler->on_requeue(picture(p), job);
    if (is_replica(i)) stop_replica(i, how);
    tell_headroom(&p);
}

void simulation::model::end_early(partition& p, job_id job, run_end how) {
    const std::size_t i = index(job);
    policy::job_view& j = p.jobs[i];
    const instant now = kernel_.now();
    if (j.vacates) forget_vacating(p, i);
    if (sites_) sites_->forget(i);
    leave_training(p, i, stretch_now(p, i), now);
    // Of a replica all time was useful, however it ends.
    const run_end books_as = is_replica(i) ? run_end::preempted : how;
    j.progress += jobs_.gain_if_stopped(i, now, books_as);
    jobs_.end_run(i, now, j.demand.gpus, books_as);
    forget_spoilt(p, i);
    tell_.stop(p, i, stretch_now(p, i), now, how);
    job_record& r = jobs_.record_of(i);
    jobs_.started_at(i, began(p, i));
    ++(how == run_end::failed ? r.restarts : r.preemptions);
    --p.running;
    --running_;
    kernel_.cancel(jobs_.end_event(i));
    p.fleet.give(j.demand, p.allocations.shares(j.held));
    tell_release(p, job, j.held);
    p.allocations.release(j.held);
    j.held = {};
    j.state = policy::job_state::queued;
    j.was_preempted = true;
    j.has_failed = how == run_end::failed;
    if (i < jobs_.changed().size() && std::exchange(jobs_.changed()[i].any, false))
        j.speed = jobs_.changed()[i].queued_speed;
    if (jobs_.is_elastic(i)) {
        j.demand.gpus = jobs_.elastic()[i].gpus;
        j.speed = jobs_.elastic()[i].speed;
    }
}

void simulation::model::begin_vacating(const partition& p, std::size_t i) {
    vacated_.grow_to(i + 1, kernel::no_event);
    schedule_vacating(p, i);
}

instant simulation::model::saved_at(const partition& p, std::size_t i) const {
    const policy::job_view& j = p.jobs[i];
    if (costs_ == nullptr) return kernel_.now();
    const policy::changed_table& changed = jobs_.changed();
    const run_costs& costs = i < changed.size() && changed[i].any ? changed[i].costs : j.costs(costs_);
    return add_saturating(j.run_start, costs.saved_from(kernel_.now() - j.run_start));
}

void simulation::model::schedule_vacating(const partition& p, std::size_t i) {
    if (sites_ && sites_->is_to_move(i)) sites_->schedule_departure(p, i);
    if (!p.jobs[i].vacates) return;
    kernel_.cancel(std::exchange(vacated_[i], kernel::no_event));
    // The checkpoints of training jobs with a rule of their own are complete when the store says so.
    if (trainings_ && trainings_->is_driven(jobs_[i].training)) return;
    const instant at = saved_at(p, i);
    if (at < jobs_.run_of(i).end())
        vacated_[i] = kernel_.schedule(at, completions, {.kind = job_vacates, .entity = static_cast<std::uint32_t>(i)});
}

void simulation::model::end_vacating(job_id job) {
    partition& p = part_of(index(job));
    stop(p, job, run_end::preempted);
    touch(p);
}

void simulation::model::forget_vacating(partition& p, std::size_t i) noexcept {
    p.jobs[i].vacates = false;
    kernel_.cancel(vacated_[i]);
}

void simulation::model::leave_if_asked(std::size_t i) {
    const instant now = kernel_.now();
    const policy::job_view& j = part_of(i).jobs[i];
    if (jobs_.run_of(i).end() <= now) return;
    if (!j.vacates) {
        if (sites_ && sites_->is_to_move(i)) sites_->depart(i);
        return;
    }
    const job_id job{static_cast<std::uint32_t>(i)};
    // A pause that is due now begins before it leaves: without length it is over, but what it saves not yet written.
    kernel::event_handle& boundary = trainings_->boundary_event(i);
    if (boundary != kernel::no_event && trainings_->boundary(i, jobs_.changed()[i].costs, j.run_start) == now) {
        kernel_.cancel(boundary);
        pass_boundary(job);
    }
    if (j.vacates) end_vacating(job);
}

void simulation::model::by_arrival(const partition& p, std::vector<job_id>& jobs) {
    std::sort(jobs.begin(), jobs.end(),
              [&p](job_id a, job_id b) { return p.jobs[index(a)].order < p.jobs[index(b)].order; });
}

}  // namespace ampacity::sim
