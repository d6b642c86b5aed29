// Sites with schedulers of their own: where jobs go, and which leave a site whose nodes are all out of service.

#include "sites.hpp"

#include <algorithm>

namespace ampacity::sim {

void simulation::model::settle_sites() {
    if (sites_) sites_->settle();
}

simulation::model::sites::sites(model& all, site_scheduling terms, const capacity_plan& planned)
    : all_(all), terms_(std::move(terms)), offers_(terms_.sites.size()), coming_(terms_.sites.size(), 0) {
    AMPACITY_ASSERT(std::all_of(all.changes_.reservations().begin(), all.changes_.reservations().end(),
                                [](const reservation& r) { return r.kind == reservation_kind::maintenance; }));
    AMPACITY_ASSERT(!all.fleet().free().is_mixed());
    AMPACITY_ASSERT(all.fleet().held_gpus() == 0);  // by services
    AMPACITY_ASSERT(terms_.make_policy && terms_.make_placer && size() < unknown_partition);
    all.main().is_over = true;
    for (const site_parts& s : terms_.sites) {
        auto p = std::make_unique<partition>(fleet::fleet_state::part(all.fleet(), s.nodes), planned,
                                             terms_.make_policy(), terms_.make_placer(), all.costs_table_, all.jobs_,
                                             all.pacers_, all.trainings_.get(), all.names_);
        p->rows = s.nodes;
        p->number = static_cast<std::uint16_t>(all.partitions_.size());
        if (all.headroom_) all.headroom_->add_partition(p->rows);
        if (all.headroom_ && all.feeds_act()) p->plan.allow_caps(*all.headroom_, false);
        results_.push_back({.name = s.name, .gpus = p->fleet.installed_gpus()});
        all.changes_.add_queue(p->number, p->rows);
        all.open_.push_back(p.get());
        all.partitions_.push_back(std::move(p));
    }
    all.jobs_.parts().keep(all.partitions_.size());
    if (!terms_.migrate) return;
    AMPACITY_ASSERT(terms_.migrate->interval > duration::zero() && terms_.migrate->bandwidth_b_s > 0);
    if (all.trainings_) all.trainings_->count_moves();
    moves_.emplace();
}

partition& simulation::model::sites::partition_of(const workload::job_request& r, std::size_t source) {
    if (const std::uint16_t bound = pinned(r, source); bound != 0) return part(bound - 1U);
    const fleet::demand needed = all_.needed_by(part(0), r, source);
    const std::uint16_t home = source < terms_.homes.size() ? terms_.homes[source] : std::uint16_t{0};
    if (home != 0 && room_later(home - 1U, needed) >= policy::site_room::in_service) return part(home - 1U);
    return part(choose(needed, planned_work(r), source).value_or(0));
}

std::optional<std::size_t> simulation::model::sites::choose(fleet::demand needed, duration length, std::size_t source) {
    using policy::site_room;
    bool any_now = false;
    for (std::size_t s = 0; s != size(); ++s) {
        const bool now = starts_now(s, needed, add_saturating(all_.kernel_.now(), length));
        offers_[s] = {.room = now ? site_room::now : site_room::none, .outlook = outlook(s)};
        any_now = any_now || now;
    }
    // Placers may look long for places of large jobs; where some site has one now, no other room matters.
    for (std::size_t s = 0; s != size() && !any_now; ++s) offers_[s].room = room_later(s, needed);
    const std::uint16_t from = source < terms_.origins.size() ? terms_.origins[source] : std::uint16_t{0};
    return policy::choose_site(offers_, terms_.place, terms_.sites[from].where,
                               terms_.utc_s + to_seconds(all_.kernel_.now()));
}

bool simulation::model::sites::starts_now(std::size_t site, fleet::demand needed, instant end) {
    const partition& p = part(site);
    if (needed.gpus == 0 || p.waiting() != 0 || coming_[site] != 0) return false;
    const fleet::free_index& free = p.fleet.free();
    return policy::fits(*p.placer, p.into_closings ? free : fleet::room(p.fleet.horizons(), free, end), needed);
}

policy::site_room simulation::model::sites::room_later(std::size_t site, fleet::demand needed) {
    using policy::site_room;
    const partition& p = part(site);
    if (needed.gpus == 0) return site_room::none;
    if (policy::fits(*p.placer, p.fleet.in_service(), needed)) return site_room::in_service;
    return policy::fits(*p.placer, p.fleet.empty(), needed) ? site_room::ever : site_room::none;
}

hardware::site_outlook simulation::model::sites::outlook(std::size_t site) {
    using hardware::site_preference;
    site_parts& s = terms_.sites[site];
    hardware::site_outlook out{.where = s.where};
    if (terms_.place == site_preference::cheapest) out.price_usd_per_j = s.price->at(all_.kernel_.now());
    if (terms_.place == site_preference::greenest) out.carbon_kg_per_j = s.carbon->at(all_.kernel_.now());
    const fleet::fleet_state& f = part(site).fleet;
    if (f.up_gpus() != 0) out.free_share = static_cast<double>(f.free().free_gpus()) / static_cast<double>(f.up_gpus());
    return out;
}

void simulation::model::sites::settle() {
    for (std::size_t s = 0; s != size(); ++s) {
        partition& p = part(s);
        if (p.fleet.up_gpus() == 0 && p.running == 0 && p.live != 0) leave(p);
    }
}

void simulation::model::sites::leave(partition& p) {
    jobs_.clear();
    for (std::uint32_t i = 0; i != p.jobs.size(); ++i) {
        if (p.jobs[i].state == policy::job_state::queued && pinned_[i] == 0) jobs_.push_back(job_id{i});
    }
    by_arrival(p, jobs_);
    bool any = false;
    for (const job_id job : jobs_) {
        const std::size_t i = index(job);
        const duration length = time_for(p.jobs[i].remaining_estimate(), p.jobs[i].speed);
        const auto to = choose(needed_by(i, p.jobs[i].demand), length, all_.jobs_[i].source());
        if (!to || offers_[*to].room < policy::site_room::in_service) continue;
        const moving_job m = take_out(p, i, *to);
        terms_.transfer == duration::zero() ? enter_queue(m) : send(m, terms_.transfer);
        any = true;
    }
    if (any) renew(p);
}

fleet::demand simulation::model::sites::needed_by(std::size_t job, fleet::demand of) const {
    if (!all_.jobs_.is_elastic(job)) return of;
    const policy::elastic_job& range = all_.jobs_.elastic()[job];
    of.gpus = all_.partitions_[1]->scheduler->chooses_gpus() ? range.gpus_min : range.gpus;
    return of;
}

simulation::model::sites::moving_job simulation::model::sites::take_out(partition& from, std::size_t job,
                                                                        std::size_t to) {
    const moving_job m{.job = job, .seen = from.jobs[job]};
    from.jobs[job].state = policy::job_state::absent;
    --from.live;
    ++result(from.number).left;
    all_.jobs_.move(job_id{static_cast<std::uint32_t>(job)}, static_cast<std::uint16_t>(1 + to));
    ++coming_[to];
    return m;
}

void simulation::model::sites::send(const moving_job& m, duration after) {
    moving_.push_back(m);
    all_.kernel_.schedule(add_saturating(all_.kernel_.now(), after), arrivals,
                          {.kind = job_comes_to_site, .entity = static_cast<std::uint32_t>(m.job)});
}

void simulation::model::sites::arrive(std::size_t job) {
    const auto at = std::find_if(moving_.begin(), moving_.end(), [job](const moving_job& m) { return m.job == job; });
    AMPACITY_ASSERT(at != moving_.end());
    const moving_job m = *at;
    moving_.erase(at);
    enter_queue(m);
    settle();
}

void simulation::model::sites::enter_queue(const moving_job& m) {
    partition& p = all_.part_of(m.job);
    --coming_[p.number - 1U];
    ++result(p.number).came;
    p.jobs.grow_to(m.job + 1, {});
    policy::job_view& seen = p.jobs[m.job];
    const std::uint32_t attempt = std::max(seen.attempt, m.seen.attempt);
    seen = m.seen;
    seen.attempt = attempt;
    seen.order = all_.arrived_ + all_.num_moves_++;
    if (terms_.migrate) moved_at_[m.job] = all_.kernel_.now();
    ++p.live;
    p.scheduler->on_submit(all_.picture(p), job_id{static_cast<std::uint32_t>(m.job)});
    all_.touch(p);
}

void simulation::model::sites::renew(partition& p) {
    all_.kernel_.cancel(std::exchange(p.wake, kernel::no_event));
    p.scheduler = terms_.make_policy();
    all_.tell_capacity(p);
    jobs_.clear();
    for (std::uint32_t i = 0; i != p.jobs.size(); ++i) {
        if (p.jobs[i].state == policy::job_state::queued) jobs_.push_back(job_id{i});
    }
    by_arrival(p, jobs_);
    for (const job_id job : jobs_) p.scheduler->on_submit(all_.picture(p), job);
}

void simulation::model::sites::close() {
    for (const moving_job& m : moving_) {
        policy::job_table& jobs = all_.part_of(m.job).jobs;
        jobs.grow_to(m.job + 1, {});
        jobs[m.job] = m.seen;
    }
    moving_.clear();
}

std::vector<site_count> simulation::model::sites::counts_at(instant then, std::vector<ledger> parts,
                                                            const ledger& all) {
    std::vector<site_count> out(size());
    const auto served = served_at(then);
    ledger sum;
    for (std::size_t s = 0; s != size(); ++s) {
        const partition& p = part(s);
        ledger& books = parts[p.number];
        p.fleet.book(books);
        books.check();
        sum += books;
        out[s] = {.books = books, .interruptions = results_[s].count.interruptions};
        if (served) out[s].served = (*served)[s];
    }
    if (sum != all) throw internal_error("the GPU-time of all sites is not that of the fleet");
    return out;
}

std::optional<std::vector<service_count>> simulation::model::sites::served_at(instant then) const {
    std::vector<service_count> out(size());
    for (std::uint32_t i = 0; all_.services_ && i != all_.services_->size(); ++i) {
        const service_parts& of = all_.services_->of(i);
        std::size_t site = of.entry < terms_.pinned.size() ? terms_.pinned[of.entry] : 0U;
        if (of.site) site = 1U + of.site->of->sites[of.site->number].number;
        if (site == 0) return std::nullopt;
        out[site - 1] += all_.services_->count(i, then);
    }
    return out;
}

void simulation::model::sites::finish(instant end, const ledger& all, const energy_meter* energy) {
    std::vector<site_count> counts = counts_at(end, all_.jobs_.parts().books(), all);
    std::vector<power::site_books> used;
    if (energy != nullptr) used = energy->books_at(end);
    for (std::size_t s = 0; s != size(); ++s) {
        results_[s].count = counts[s];
        if (energy != nullptr) results_[s].energy = used.at(s);
    }
}

}  // namespace ampacity::sim
