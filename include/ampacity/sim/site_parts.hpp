#pragma once
/// \file
/// Sites that schedule their own jobs: each has a queue, a policy and a placer, and above them stands a choice of the
/// site of each job.
///
/// A job that names no site gets one at its arrival by `policy::choose_site`. It keeps it, unless the site has no node
/// left that takes jobs: see `site_scheduling::transfer`; or, while it runs, unless another one is preferred by much:
/// see `site_migration`.

#include <ampacity/core/ids.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/hardware/site_preference.hpp>
#include <ampacity/policy/placer.hpp>
#include <ampacity/policy/policy.hpp>
#include <ampacity/power/signal.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
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

/// At the multiples of `interval` each job that runs is looked at, in the order of their arrival at their sites; not
/// those that name their site, nor replicas. Of the other sites that could start it now, and are preferred to its own
/// by `policy::is_better_site`, it is to go to the one that `policy::choose_site` names. A site could if no job waits
/// there and its placer has a place in what is free, once those have theirs that are on their way there or were chosen
/// to go there before.
///
/// The job runs on until a preemption would lose nothing: that may be at once, else it is when its next checkpoint is
/// complete. A training job with a rule of its own waits for one in any case, and stands still while it is written,
/// even if it is asynchronous: a write that goes on already is none. If the site could then still start the job, now
/// behind those on their way only, its run ends as by a preemption, and it enters the queue there after `transfer` and
/// the time that its checkpoint takes; else it runs on where it is. If its run ends before, it stays. Its own site's
/// policy is told that it has finished.
struct site_migration {
    duration interval = std::chrono::hours{24};                      ///< > 0
    double gain = 0.1;                                               ///< see `policy::is_better_site` [1]
    duration min_stay = std::chrono::hours{7 * 24};                  ///< at a site that it has moved to
    double bandwidth_b_s = std::numeric_limits<double>::infinity();  ///< of what is moved, each alone [B/s]
};

struct site_scheduling {
    std::vector<site_parts> sites{};  ///< they share out the fleet, in its order; none: one queue for all of it
    hardware::site_preference place = hardware::site_preference::balanced;
    std::vector<std::uint16_t> pinned{};   ///< by source: 1 + the site of its jobs, 0: any; those behind its end: 0
    std::vector<std::uint16_t> homes{};    ///< as `pinned`: where they go first if nodes in service there hold them
    std::vector<std::uint16_t> origins{};  ///< by source: the site its work comes from; those behind its end: 0
    double utc_s = 0;                      ///< time of simulated time 0, since a midnight in UTC [s]
    /// Whenever nodes have left or come, jobs that wait at a site none of whose nodes takes jobs, and where none runs,
    /// go to the site that `policy::choose_site` names, if its nodes in service would hold them; not those that name
    /// their site. They enter the queue there so much later, behind those that have come until then, with the progress
    /// that they keep. The scheduler that they have left begins anew with those that stay.
    duration transfer{};
    std::optional<site_migration> migrate{};  ///< none: a job keeps its site for as long as nodes there take jobs
    std::function<std::unique_ptr<policy::policy>()> make_policy{};  ///< of a site, as the next
    std::function<std::unique_ptr<policy::placer>()> make_placer{};
};

}  // namespace ampacity::sim
