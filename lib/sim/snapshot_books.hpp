#pragma once
/// \file
/// What snapshots of a run are made from: when they are due, those that were taken, and what stands in the fleet.
///
/// O(nodes x log(groups)) for nodes that come. Not thread-safe.

#include <ampacity/core/ids.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/fleet/fleet_state.hpp>
#include <ampacity/sim/energy.hpp>
#include <ampacity/sim/result.hpp>
#include <ampacity/sim/snapshot.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace ampacity::sim {

class snapshot_books {
public:
    /// \pre instants rise
    snapshot_books(std::vector<fleet_group> groups, std::vector<instant> at);

    /// These nodes come into service, or, before the run, will later.
    void note(instant now, std::span<const node_id> nodes, const fleet::fleet_state& of, bool come);
    /// Jobs or replicas have lost GPUs to a failure.
    void interrupt(std::size_t count) noexcept { interruptions_ += count; }
    [[nodiscard]] std::uint64_t interruptions() const noexcept { return interruptions_; }

    /// Of those that are not taken yet, the first; `never`: there is none.
    [[nodiscard]] instant next() const noexcept { return next_ == at_.size() ? never : at_[next_]; }
    /// It is taken.
    void add(snapshot s) {
        taken_.push_back(std::move(s));
        ++next_;
    }
    /// The run has ended, and its books are closed.
    void finish(summary& of, const energy_meter* energy, instant end);

private:
    std::vector<fleet_group> groups_;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> group_at_;  // their first nodes, rising, and numbers
    std::vector<standing_step> standing_;
    std::vector<instant> at_;
    std::vector<snapshot> taken_;
    std::size_t next_ = 0;
    std::uint64_t interruptions_ = 0;
};

}  // namespace ampacity::sim
