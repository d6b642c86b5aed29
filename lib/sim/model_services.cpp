// Services beside the jobs.

#include "model.hpp"

namespace ampacity::sim {

void simulation::model::withdraw_services(fleet::fleet_state& all) {
    for (std::uint32_t i = 0; i != services_->size(); ++i) {
        const service_parts& s = services_->of(i);
        for (const auto& place : s.places) all.withdraw({.gpus = s.gpus_per_replica}, place);
    }
}

void simulation::model::begin_services() {
    step_ends_.resize(services_->size());
    request_arrivals_.resize(services_->size());
    for (std::uint32_t i = 0; i != services_->size(); ++i) {
        if (energy_) energy_->on_start(services_->told(i, start_of_time));
        if (services_->is_over(i))
            kernel_.schedule(start_of_time, changes, {.kind = service_leaves, .entity = i});
        else
            follow(request_arrivals_[i], services_->next_arrival(i), arrivals, requests_arrive, i);
    }
}

void simulation::model::end_serving_steps(std::uint32_t i) {
    step_ends_[i] = {};
    services_->advance(i, kernel_.now());
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
        follow(step_ends_[i], services_->next_end(i), completions, serving_steps_end, i);
        // The last requests may have been cancelled before a step.
        if (services_->is_over(i) && !services_->has_left(i))
            kernel_.schedule(kernel_.now(), changes, {.kind = service_leaves, .entity = i});
    }
    services_->forget_touched();
}

void simulation::model::tell_requests(std::uint32_t i) {
    if (services_->records(i).empty()) return;
    tell_.requests(i, services_->records(i));
    services_->clear_records(i);
}

void simulation::model::leave_service(std::uint32_t i) {
    if (services_->has_left(i)) return;
    services_->leave(i, kernel_.now());
    const service_parts& s = services_->of(i);
    for (const auto& place : s.places) main().fleet.give_back({.gpus = s.gpus_per_replica}, place);
    if (energy_) energy_->on_stop(services_->told(i, kernel_.now()), run_end::finished);
    tell_capacity(main());
}

void simulation::model::close_services(instant end) {
    for (std::uint32_t i = 0; i != services_->size(); ++i) {
        services_->close(i, end);
        tell_requests(i);
        // Of a file that was read to its end all that is in it.
        const instant through = until_ != never || !ended_ ? end : never;
        summary_.services.push_back(services_->result(i, end, through));
        summary_.books[account::useful] += summary_.services.back().held_gpu_time();
    }
}

}  // namespace ampacity::sim
