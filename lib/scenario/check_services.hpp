#pragma once
/// \file
/// Rules between the keys of services, and what cannot be beside them.

#include "reporter.hpp"

#include <ampacity/scenario/scenario.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ampacity::scenario {

/// The largest number of replicas at a time.
[[nodiscard]] std::uint64_t most_replicas(const inference_service& service);

/// Numbers of the sites that have replicas, rising. \pre it is everywhere
[[nodiscard]] std::vector<std::size_t> sites_of(const inference_service& service, const fleet& f);

/// The service as one kind of its replicas alone.
[[nodiscard]] inference_service service_of_pool(const inference_service& service, const service_pool& pool);

/// \pre every value is in its own range. \throws scenario_error
void check_services(const scenario& s, const reporter& report);

}  // namespace ampacity::scenario
