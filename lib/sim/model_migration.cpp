// Moves of jobs that run: which go to another site, and when they leave their own.

#include "sites.hpp"

#include <algorithm>
#include <cmath>

namespace ampacity::sim {

void simulation::model::sites::plan_look() {
    const instant now = all_.kernel_.now();
    if (looks_.at == now && all_.live_ != 0) return;
    // Looks alone do not keep a run alive, nor do samples.
    const bool pends = looks_.event != kernel::no_event;
    const std::size_t idle = (pends ? 1U : 0U) + (all_.samples_follow_ ? 1U : 0U);
    const bool goes_on = all_.live_ != 0 && (all_.until_ != never || all_.kernel_.pending() > idle);
    if (goes_on && !pends && next_look_ <= now)
        next_look_ = add_saturating(now, terms_.migrate->interval - now.time_since_epoch() % terms_.migrate->interval);
    all_.follow(looks_, goes_on ? next_look_ : never, control, sites_are_looked_at);
}

void simulation::model::sites::look() {
    looks_ = {};
    next_look_ = add_saturating(all_.kernel_.now(), terms_.migrate->interval);
    jobs_.clear();
    for (std::size_t s = 0; s != size(); ++s) {
        const partition& p = part(s);
        for (std::uint32_t i = 0; p.running != 0 && i != p.jobs.size(); ++i) {
            if (may_move(p, i)) jobs_.push_back(job_id{i});
        }
    }
    std::sort(jobs_.begin(), jobs_.end(), [this](job_id a, job_id b) {
        return all_.part_of(index(a)).jobs[index(a)].order < all_.part_of(index(b)).jobs[index(b)].order;
    });
    rooms_.assign(size(), std::nullopt);
    for (const job_id job : jobs_) {
        if (const auto to = better_site(index(job))) order_move(index(job), *to);
    }
    rooms_.clear();
}

bool simulation::model::sites::may_move(const partition& p, std::size_t job) const {
    if (p.jobs[job].state != policy::job_state::running || pinned_[job] != 0 || is_to_move(job)) return false;
    if (all_.is_replica(job)) return false;
    return moved_at_[job] == unset || all_.kernel_.now() - moved_at_[job] >= terms_.migrate->min_stay;
}

std::optional<std::size_t> simulation::model::sites::better_site(std::size_t job) {
    const partition& p = all_.part_of(job);
    const std::size_t from = p.number - 1U;
    const double here = cost(from, job, p.jobs[job].demand.gpus);
    std::vector<std::pair<double, std::size_t>> better;
    for (std::size_t s = 0; s != size(); ++s) {
        const double there = s == from ? here : cost(s, job, 0);
        if (policy::is_better_site(terms_.place, here, there, terms_.migrate->gain)) better.emplace_back(there, s);
    }
    std::sort(better.begin(), better.end());
    const fleet::demand needed = needed_by(job, p.jobs[job].demand);
    for (const auto& [there, s] : better) {
        if (!rooms_[s]) rooms_[s] = room_at(s, true);
        if (stays_long_enough(s, job, needed) && take_place(s, *rooms_[s], needed)) return s;
    }
    return std::nullopt;
}

double simulation::model::sites::cost(std::size_t site, std::size_t job, std::int64_t gpus_given_back) {
    hardware::site_outlook seen = outlook(site);
    if (terms_.place == hardware::site_preference::balanced) {
        const fleet::fleet_state& f = part(site).fleet;
        const auto free = static_cast<std::int64_t>(f.free().free_gpus()) + planned_gpus(site) + gpus_given_back;
        seen.free_share = f.up_gpus() == 0 ? 0 : static_cast<double>(free) / static_cast<double>(f.up_gpus());
    }
    const std::size_t source = all_.jobs_[job].source();
    const std::uint16_t from = source < terms_.origins.size() ? terms_.origins[source] : std::uint16_t{0};
    return hardware::site_cost(terms_.place, seen, terms_.sites[from].where,
                               terms_.utc_s + to_seconds(all_.kernel_.now()));
}

std::int64_t simulation::model::sites::planned_gpus(std::size_t site) const {
    std::int64_t gpus = 0;
    for (const moving_job& m : moving_) {
        if (all_.jobs_[m.job].part == 1 + site) gpus -= needed_by(m.job, m.seen.demand).gpus;
    }
    for (const std::uint32_t i : chosen_) {
        const std::uint16_t part = all_.jobs_[i].part;
        const fleet::demand held = all_.partitions_[part]->jobs[i].demand;
        if (part == 1 + site) gpus += held.gpus;
        if (orders_[i].to == site) gpus -= needed_by(i, held).gpus;
    }
    return gpus;
}

simulation::model::sites::room simulation::model::sites::room_at(std::size_t site, bool chosen) {
    room out{.free = part(site).fleet.free(), .is_open = part(site).waiting() == 0};
    for (const moving_job& m : moving_) {
        if (!out.is_open) return out;
        if (all_.jobs_[m.job].part == 1 + site) out.is_open = take_place(site, out, needed_by(m.job, m.seen.demand));
    }
    if (!chosen) return out;
    for (const std::uint32_t i : chosen_) {
        if (!out.is_open) return out;
        if (orders_[i].to == site) out.is_open = take_place(site, out, needed_by(i, all_.part_of(i).jobs[i].demand));
    }
    return out;
}

bool simulation::model::sites::stays_long_enough(std::size_t site, std::size_t job, fleet::demand needed) const {
    const partition& to = *all_.partitions_[1 + site];
    if (to.into_closings || to.fleet.horizons().empty()) return true;
    const policy::job_view& seen = all_.part_of(job).jobs[job];
    const duration length = transfer_time(moved_bytes(job)) + time_for(seen.remaining_estimate(), seen.speed);
    const instant end = add_saturating(all_.kernel_.now(), length);
    return policy::fits(*to.placer, fleet::room(to.fleet.horizons(), to.fleet.free(), end), needed);
}

bool simulation::model::sites::take_place(std::size_t site, room& of, fleet::demand needed) {
    if (!of.is_open || needed.gpus > of.free.free_gpus()) return false;
    place_.clear();
    if (!part(site).placer->place(of.free, needed, place_)) return false;
    of.free.take(needed, place_);
    return true;
}

void simulation::model::sites::order_move(std::size_t job, std::size_t to) {
    orders_[job].to = static_cast<std::uint16_t>(to);
    chosen_.push_back(static_cast<std::uint32_t>(job));
    schedule_departure(all_.part_of(job), job);
}

void simulation::model::sites::schedule_departure(const partition& p, std::size_t job) {
    if (is_driven(job)) return all_.trainings_->set_leaves(job, true);
    kernel::event_handle& leaves = orders_[job].leaves;
    all_.kernel_.cancel(std::exchange(leaves, kernel::no_event));
    const instant at = all_.saved_at(p, job);
    if (at < all_.jobs_.run_of(job).end())
        leaves = all_.kernel_.schedule(at, completions,
                                       {.kind = job_leaves_site, .entity = static_cast<std::uint32_t>(job)});
}

void simulation::model::sites::stay(std::size_t job) {
    if (is_driven(job)) all_.trainings_->set_leaves(job, false);
    all_.kernel_.cancel(orders_[job].leaves);
    orders_[job] = {};
    std::erase(chosen_, static_cast<std::uint32_t>(job));
}

void simulation::model::sites::depart(std::size_t job) {
    const std::size_t to = orders_[job].to;
    stay(job);
    partition& p = all_.part_of(job);
    room there = room_at(to, false);
    const fleet::demand needed = needed_by(job, p.jobs[job].demand);
    if (!stays_long_enough(to, job, needed) || !take_place(to, there, needed)) {
        ++moves_->stayed;
        return;
    }
    p.scheduler->on_finish(all_.picture(p), job_id{static_cast<std::uint32_t>(job)});
    all_.end_early(p, job_id{static_cast<std::uint32_t>(job)}, run_end::preempted);
    const double bytes = moved_bytes(job);
    ++moves_->moves;
    moves_->bytes += bytes;
    if (all_.jobs_[job].training != 0) all_.trainings_->moved(all_.jobs_[job].training);
    // Also without time it is on its way until the next round, so that others that leave now see it.
    send(take_out(p, job, to), transfer_time(bytes));
    all_.touch(p);
    all_.tell_headroom(&p);
}

double simulation::model::sites::moved_bytes(std::size_t job) const {
    const std::uint16_t training = all_.jobs_[job].training;
    return training == 0 ? 0 : all_.trainings_->of(training).checkpoint.bytes;
}

duration simulation::model::sites::transfer_time(double bytes) const {
    const double ns = std::ceil(bytes * 1e9 / terms_.migrate->bandwidth_b_s);
    const auto longest = static_cast<double>(ticks(duration::max() / 4));
    return terms_.transfer + duration{static_cast<std::int64_t>(std::min(ns, longest))};
}

}  // namespace ampacity::sim
