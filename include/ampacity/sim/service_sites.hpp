#pragma once
/// \file
/// A service whose requests come from several places and that has replicas at several sites. Plain values.

#include <ampacity/fluid/offered_rate.hpp>
#include <ampacity/fluid/site_router.hpp>
#include <ampacity/hardware/site_preference.hpp>
#include <ampacity/power/signal.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::sim {

/// Where requests come from.
struct request_origin {
    std::string name;
    hardware::position where{};
    fluid::offered_rate offered;
};

/// Where they may go.
struct serving_site {
    std::string name;
    std::uint16_t number = 0;  ///< of the fleet
    hardware::position where{};
    double mean_usd_per_j = 0;              ///< where `price` knows nothing [USD/J]
    double mean_kg_per_j = 0;               ///< where `carbon` does not [kg/J]
    std::optional<power::signal> price{};   ///< [USD/J]
    std::optional<power::signal> carbon{};  ///< of what is consumed [kg/J]
};

/// A service that is everywhere.
struct spread_service {
    std::string name;
    fluid::site_router_options router{};
    std::vector<request_origin> origins{};  ///< at least one
    std::vector<serving_site> sites{};      ///< the same
    double utc_s = 0;                       ///< of time 0, since a midnight in UTC [s]
};

/// One of its sites, which is a service of its own to all that know of no others.
struct service_site {
    std::shared_ptr<spread_service> of;  ///< the same of all; constant once the run begins
    std::uint32_t number = 0;            ///< of `of->sites`
};

}  // namespace ampacity::sim
