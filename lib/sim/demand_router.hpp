#pragma once
/// \file
/// What each site of a service that is everywhere gets, tick by tick, and what it should have replicas for.
///
/// At every tick the requests of the interval that begins are split twice, see `fluid::site_router`: over what replicas
/// can serve that serve now (less what waits), at their mean pace, which is what sites get; and over what they could
/// serve with all the replicas that they may have, which is what is planned for them. A site that is planned more than
/// it gets lacks the difference: its autoscaler sees these requests as if they were there, each for the time that it
/// would take at `max_load`. So a better site gets replicas before it gets requests, and the others keep theirs until
/// it has them. Where nothing serves, the plan is what sites get.
///
/// A site may have as many replicas as its autoscaler's `max`, but only those that serve or start as long as others
/// have waited for GPUs when a round was over: it has no more room, or it is lost. What waits at a site without any
/// goes to the others, in proportion to what they can serve.
///
/// Prices and carbon are those of the begin of the interval. O(origins x sites) per tick, and steps of signals; nothing
/// is allocated unless a site hands over what waits there. Not thread-safe.

#include <ampacity/core/time.hpp>
#include <ampacity/fluid/fluid_service.hpp>
#include <ampacity/fluid/site_router.hpp>
#include <ampacity/sim/result.hpp>
#include <ampacity/sim/service_sites.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace ampacity::sim {

class demand_router {
public:
    explicit demand_router(std::shared_ptr<const spread_service> of);

    /// A site as of a tick.
    struct site_state {
        fluid::fluid_service* flow = nullptr;
        std::uint32_t serving = 0;  ///< replicas that serve
        std::uint32_t up = 0;       ///< the same, or start
        std::uint32_t most = 0;     ///< that it may have
        double pace = 1;            ///< mean of those that serve, of full speed
    };
    /// Tells all flows what comes from now to `to`. \pre they are advanced to now; by site
    void route(instant now, instant to, std::span<const site_state> sites);
    /// The last call's `now`; never: there was none.
    [[nodiscard]] instant routed() const noexcept { return routed_; }
    /// Requests per second that are planned for a site beyond what it gets, since the last call [1/s].
    [[nodiscard]] double lacks_per_s(std::size_t site) const noexcept { return lacks_per_s_[site]; }

    [[nodiscard]] const spread_service& of() const noexcept { return *of_; }
    [[nodiscard]] const fluid::site_router& router() const noexcept { return router_; }
    /// How long requests of each origin are on the way to a site and back [s].
    [[nodiscard]] std::vector<double> ways_to(std::size_t site) const;
    /// Most requests that waited at all sites at a tick.
    [[nodiscard]] double max_backlog() const noexcept { return max_backlog_; }
    /// Of these flows, by site.
    [[nodiscard]] routing_result result(std::span<const fluid::fluid_service* const> flows) const;

private:
    void see_signals(instant now);
    void hand_over(std::span<const site_state> sites);

    std::shared_ptr<const spread_service> of_;
    std::vector<serving_site> sites_;  // with signals that are read on
    std::vector<fluid::offered_rate> rates_;
    std::vector<double> come_;  // (origins) requests so far
    fluid::site_router router_;
    instant routed_ = never;
    double max_backlog_ = 0;
    std::vector<double> lacks_per_s_;  // (sites)
    // Of one call:
    std::vector<double> offered_;               // (origins)
    std::vector<fluid::site_room> now_, then_;  // (sites)
    std::vector<double> given_, planned_;       // (origins x sites)
    std::vector<double> of_site_;               // (origins)
};

}  // namespace ampacity::sim
