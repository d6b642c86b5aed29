// Services beside the jobs.

#include "model.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <vector>

namespace ampacity::sim {

void simulation::model::withdraw_services(fleet::fleet_state& all) {
    for (std::uint32_t i = 0; i != services_->size(); ++i) {
        const service_parts& s = services_->of(i);
        for (std::size_t r = 0; r != s.places.size(); ++r) all.withdraw({.gpus = s.gpus_of(r)}, s.places[r]);
    }
}

void simulation::model::begin_services() {
    step_ends_.resize(services_->size());
    request_arrivals_.resize(services_->size());
    service_acts_.resize(services_->size());
    if (energy_) {
        std::vector<bool> sources(feed_.num_sources());
        for (std::uint32_t i = 0; i != services_->size(); ++i) {
            const std::size_t entry = services_->of(i).entry;
            sources.resize(std::max(sources.size(), entry + 1));
            sources[entry] = true;
        }
        energy_->count_services(sources);
    }
    for (std::uint32_t i = 0; i != services_->size(); ++i) {
        const bool scales = services_->replicas(i) != nullptr;
        if (energy_ && !scales) energy_->on_start(services_->told(i, start_of_time));
        if (services_->is_over(i))
            kernel_.schedule(start_of_time, changes, {.kind = service_leaves, .entity = i});
        else
            follow(request_arrivals_[i], services_->next_arrival(i), arrivals, requests_arrive, i);
        if (scales && !services_->is_over(i)) follow(service_acts_[i], start_of_time, changes, service_acts, i);
    }
}

void simulation::model::end_serving_steps(std::uint32_t i) {
    step_ends_[i] = {};
    services_->advance(i, kernel_.now());
    settle_replicas(i);
    if (services_->is_over(i)) leave_service(i);
}

void simulation::model::submit_requests(std::uint32_t i) {
    request_arrivals_[i] = {};
    services_->submit(i, kernel_.now());
    follow(request_arrivals_[i], services_->next_arrival(i), arrivals, requests_arrive, i);
    if (services_->is_over(i)) leave_service(i);
}

void simulation::model::start_serving_steps() {
    for (const std::uint32_t i : services_->touched()) {
        services_->start(i, kernel_.now());
        tell_requests(i);
        if (services_->follows_answers(i))
            follow(request_arrivals_[i], services_->next_arrival(i), arrivals, requests_arrive, i);
        follow(step_ends_[i], services_->next_end(i), completions, serving_steps_end, i);
        if (const replica_set* const r = services_->replicas(i))
            follow(service_acts_[i], r->next(), changes, service_acts, i);
        // The last requests may have been cancelled before a step.
        if (services_->is_over(i) && !services_->has_left(i))
            kernel_.schedule(kernel_.now(), changes, {.kind = service_leaves, .entity = i});
    }
    services_->forget_touched();
    services_->steps_began(kernel_.now());
}

void simulation::model::tell_requests(std::uint32_t i) {
    if (services_->records(i).empty()) return;
    tell_.requests(services_->place_of(i), services_->records(i));
    services_->clear_records(i);
}

void simulation::model::leave_service(std::uint32_t i) {
    if (services_->has_left(i)) return;
    services_->leave(i, kernel_.now());
    if (services_->replicas(i) != nullptr) return settle_replicas(i);
    const service_parts& s = services_->of(i);
    for (std::size_t r = 0; r != s.places.size(); ++r) main().fleet.give_back({.gpus = s.gpus_of(r)}, s.places[r]);
    if (energy_) energy_->on_stop(services_->told(i, kernel_.now()), run_end::finished);
    tell_capacity(main());
}

void simulation::model::act_on_service(std::uint32_t i) {
    service_acts_[i] = {};
    services_->act(i, kernel_.now());
    settle_replicas(i);
}

void simulation::model::settle_replicas(std::uint32_t i) {
    replica_set* const replicas = services_->replicas(i);
    if (replicas == nullptr) return;
    while (const auto job = replicas->next_done()) {
        end(*job, outcome::finished);
        replicas->ended(*job, kernel_.now());
    }
    while (replicas->lacks_job()) {
        workload::job_request r = services_->next_job(i, kernel_.now());
        if (!sites_) r.site = 0;
        const job_id job = submit(r, r.source);
        AMPACITY_ASSERT(job != none<job_id>);
        replicas->submitted(job, kernel_.now());
    }
    follow(service_acts_[i], replicas->next(), changes, service_acts, i);
}

std::uint32_t simulation::model::service_of(std::size_t i) const noexcept {
    return services_->of_job(jobs_[i].source(), jobs_[i].key & holds::row_mask);
}

void simulation::model::start_replica(const partition& p, std::size_t i) {
    jobs_.end_event(i) = kernel::no_event;
    const std::uint32_t s = service_of(i);
    services_->replicas(s)->started(job_id{static_cast<std::uint32_t>(i)}, p.jobs[i].speed, kernel_.now());
    follow(service_acts_[s], services_->replicas(s)->next(), changes, service_acts, s);
}

void simulation::model::stop_replica(std::size_t i, run_end how) {
    const std::uint32_t s = service_of(i);
    services_->stop(s, job_id{static_cast<std::uint32_t>(i)}, how == run_end::failed, kernel_.now());
    follow(service_acts_[s], services_->replicas(s)->next(), changes, service_acts, s);
}

namespace {

void add(std::optional<service_cost>& to, const service_cost& more) {
    static constexpr std::array parts{&service_cost::facility_j, &service_cost::carbon_location_kg,
                                      &service_cost::carbon_market_kg, &service_cost::energy_usd};
    if (!to) to.emplace();
    to->it_j += more.it_j;
    for (const auto part : parts) {
        if (more.*part) (*to).*part = ((*to).*part).value_or(0) + *(more.*part);
    }
}

/// Of the service and, where it is everywhere, of each of its sites.
void add_costs(service_result& to, const service_parts& of, const std::vector<service_cost>& used) {
    for (const service_cost& at : used) add(to.cost, at);
    for (std::size_t k = 0; k != to.sites.size(); ++k) add(to.sites[k].cost, used.at(of.site->of->sites[k].number));
}

}  // namespace

void simulation::model::close_services(instant end) {
    for (std::uint32_t i = 0; i != services_->size(); ++i) {
        services_->close(i, end);
        tell_requests(i);
        // Of a file that was read to its end all that is in it.
        const instant through = until_ != never || !ended_ ? end : never;
        if (const auto& site = services_->of(i).site) {
            if (site->number + 1 != site->of->sites.size()) continue;
            summary_.services.push_back(services_->result_everywhere(i - site->number, end));
        } else {
            summary_.services.push_back(services_->result(i, end, through));
        }
        const service_parts& of = services_->of(i);
        if (energy_) add_costs(summary_.services.back(), of, energy_->used_by_service(of.entry, end));
        if (services_->replicas(i) == nullptr)
            summary_.books[account::useful] += summary_.services.back().held_gpu_time();
    }
}

}  // namespace ampacity::sim
