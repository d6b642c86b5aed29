#include "whole_number.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/serving/admission.hpp>

#include <algorithm>
#include <string>

namespace ampacity::serving {
namespace {

void check(const admission_bounds& b) {
    for (const auto& [value, key] : {std::pair{b.max_waiting, "max_waiting"},
                                     {b.max_waiting_tokens, "max_waiting_tokens"},
                                     {b.max_requests, "max_requests"}}) {
        if (value) check_number(key, *value, 1, admission::most);
    }
}

std::vector<std::uint8_t> priorities_of(const admission_options& options) {
    std::vector<std::uint8_t> out;
    check(options.all);
    for (const request_class& c : options.classes) {
        check(c.bounds);
        if (c.priority >= workload::num_request_priorities || (!out.empty() && c.priority <= out.back()))
            throw scenario_error({{},
                                  "priority",
                                  "not above that of the class before, or not below 8",
                                  std::to_string(c.priority),
                                  "give rising priorities from 0 to 7"});
        out.push_back(c.priority);
    }
    return out;
}

/// \pre replicas >= 1
bool is_reached(const admission_bounds& b, const queue_size& waiting, std::int64_t requests, std::int64_t replicas) {
    const auto reached = [&](const std::optional<std::int64_t>& bound, std::int64_t have) {
        return bound && have >= *bound * replicas;
    };
    return reached(b.max_waiting, waiting.requests) || reached(b.max_waiting_tokens, waiting.tokens) ||
           reached(b.max_requests, requests);
}

}  // namespace

std::array<std::size_t, workload::num_request_priorities> classes_of_priorities(
    const std::vector<std::uint8_t>& priorities) {
    std::array<std::size_t, workload::num_request_priorities> out{};
    for (std::size_t p = 0; p != out.size(); ++p) {
        const auto above = std::find_if(priorities.begin(), priorities.end(), [&](std::uint8_t q) { return q > p; });
        out[p] = above == priorities.begin() ? no_class : static_cast<std::size_t>(above - priorities.begin()) - 1;
    }
    return out;
}

admission::admission(const admission_options& options)
    : options_(options), classes_(classes_of_priorities(priorities_of(options))) {}

bool admission::takes(const workload::request& r, const queue_size& waiting, std::size_t replicas) const noexcept {
    const auto many = static_cast<std::int64_t>(std::max<std::size_t>(replicas, 1));
    if (is_reached(options_.all, waiting, requests_, many)) return false;
    const std::size_t of = classes_[r.priority];
    return of == no_class || !is_reached(options_.classes[of].bounds, waiting, of_class_[of], many);
}

}  // namespace ampacity::serving
