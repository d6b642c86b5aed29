#pragma once
/// \file
/// What services draw, emit and cost, by source and site.
///
/// A replica uses the energy of its units in proportion to the GPUs that it holds, as `energy_meter::used_j` has it:
/// exactly, from when it gets them until it gives them back. Of what its site emits and pays meanwhile it has the share
/// that it has of the IT energy of the site: so replicas that come and go with the hours have the intensity and the
/// price of their hours, and one that is always there the mean. O(GPU shares) at starts and stops. Not thread-safe.

#include <ampacity/sim/energy.hpp>
#include <ampacity/sim/observer.hpp>
#include <ampacity/sim/service_result.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ampacity::sim {

class service_energy {
public:
    /// By source: are its jobs replicas?
    service_energy(const std::vector<bool>& sources, std::size_t sites);

    [[nodiscard]] bool counts(std::size_t source) const noexcept { return !totals_[source].empty(); }
    /// \pre the meter has counted up to now, and this counts the source
    void start(const job_event& e, energy_meter& meter);
    void stop(const job_event& e, energy_meter& meter);
    /// By site, up to now, with what has not stopped yet. \pre it counts this source
    [[nodiscard]] std::vector<service_cost> totals(std::size_t source, instant now, energy_meter& meter);

private:
    static constexpr std::size_t nobody = ~std::size_t{0};
    /// GPUs of a replica, and what they and their sites had used when it got them.
    struct held_gpus {
        std::size_t source = nobody;  ///< `nobody`: it holds none
        std::vector<fleet::gpu_share> where{};
        std::vector<energy_meter::site_use> from{};
    };
    /// Services that hold their GPUs for good have no jobs.
    [[nodiscard]] held_gpus& held_by(const job_event& e);
    void add(std::vector<service_cost>& to, const held_gpus& held, instant now, energy_meter& meter);

    std::vector<std::vector<service_cost>> totals_;  // (sources) (sites); empty: not counted
    std::vector<held_gpus> of_job_, of_source_;      // by job_id, by source
    std::vector<energy_meter::site_use> until_;      // of the last call
};

}  // namespace ampacity::sim
