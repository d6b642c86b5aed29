#pragma once
/// \file
/// What stands in a fleet, when it came into service, and the books of a run as of given instants.
///
/// A snapshot is what `results` would say of a run that ends at its instant, before anything that happens then: runs
/// that go on count as they stand, and what is lost later counts where it is lost. Differences of snapshots are
/// therefore what happened between them, and add up to the results. Taking one changes nothing. Values.

#include <ampacity/core/accounts.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/power/site_account.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::sim {

/// GPUs of one kind at one site: a group of the fleet's description.
struct fleet_group {
    std::uint32_t site = 0;         ///< number of the site
    std::string gpu{};              ///< type; empty: it has no name
    std::uint32_t first_node = 0;   ///< of the fleet
    std::uint32_t nodes = 0;        ///< 0: a pool
    std::uint64_t gpus = 0;         ///< of all
    std::uint64_t gpus_per_unit{};  ///< of a rack, or of a node that stands by itself; a pool: 1
    // Of a unit, by its model; none: not known.
    std::optional<double> price_usd{};            ///< [USD]
    std::optional<double> price_installed_usd{};  ///< with its share of the building and its power [USD]
    std::optional<double> nameplate_w{};          ///< [W]
};

/// GPUs of a group come into service, or leave it for good.
struct standing_step {
    instant at{};
    std::uint32_t group = 0;
    std::int64_t gpus = 0;  ///< more than before; of those that leave below 0
};

/// What a service has done.
struct service_count {
    std::uint64_t requests = 0, finished = 0;            ///< that arrived; of these
    std::uint64_t prompt_tokens = 0, output_tokens = 0;  ///< of finished requests

    service_count& operator+=(const service_count& other) noexcept {
        requests += other.requests;
        finished += other.finished;
        prompt_tokens += other.prompt_tokens;
        output_tokens += other.output_tokens;
        return *this;
    }
};

/// What has happened at a site with a scheduler of its own.
struct site_count {
    ledger books{};                   ///< those of all sites add up to those of the fleet
    std::uint64_t interruptions = 0;  ///< times that a job or a replica lost GPUs there to a failure
    /// What services have done there; none: there are services whose replicas have no site for good.
    std::optional<service_count> served{};
};

struct snapshot {
    instant at{};
    ledger books{};                          ///< of the whole fleet
    std::uint64_t interruptions = 0;         ///< times that a job or a replica lost GPUs to a failure
    std::vector<power::site_books> sites{};  ///< of the plant; empty without energy
    std::vector<site_count> counts{};        ///< (sites) with schedulers of their own; empty without
    std::vector<service_count> services{};   ///< as `parts::services`
};

}  // namespace ampacity::sim
