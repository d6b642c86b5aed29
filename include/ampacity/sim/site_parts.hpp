#pragma once
/// \file
/// Sites that schedule their own jobs: each has a queue, a policy and a placer, and above them stands a choice of the
/// site of each job.
///
/// A job that names no site gets one at its arrival by `policy::choose_site`. It keeps it, unless the site has no node
/// left that takes jobs: see `site_scheduling::transfer`.

#include <ampacity/core/ids.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/hardware/site_preference.hpp>
#include <ampacity/policy/placer.hpp>
#include <ampacity/policy/policy.hpp>
#include <ampacity/power/signal.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::sim {

struct site_parts {
    std::string name;
    std::vector<node_id> nodes;             ///< that follow each other
    hardware::position where{};             ///< only for `nearest` and `follow_the_sun`
    std::optional<power::signal> price{};   ///< only for `cheapest` [USD/J]
    std::optional<power::signal> carbon{};  ///< only for `greenest` [kg/J]
};

struct site_scheduling {
    std::vector<site_parts> sites{};  ///< they share out the fleet, in its order; none: one queue for all of it
    hardware::site_preference place = hardware::site_preference::balanced;
    std::vector<std::uint16_t> pinned{};   ///< by source: 1 + the site of its jobs, 0: any; those behind its end: 0
    std::vector<std::uint16_t> origins{};  ///< by source: the site its work comes from; those behind its end: 0
    double utc_s = 0;                      ///< time of simulated time 0, since a midnight in UTC [s]
    /// Whenever nodes have left or come, jobs that wait at a site none of whose nodes takes jobs, and where none runs,
    /// go to the site that `policy::choose_site` names, if its nodes in service would hold them; not those that name
    /// their site. They enter the queue there so much later, behind those that have come until then, with the progress
    /// that they keep. The scheduler that they have left begins anew with those that stay.
    duration transfer{};
    std::function<std::unique_ptr<policy::policy>()> make_policy{};  ///< of a site, as the next
    std::function<std::unique_ptr<policy::placer>()> make_placer{};
};

}  // namespace ampacity::sim
