#pragma once
/// \file
/// Placers: given what is free, which GPUs should a job get? A pure function of the free index and the demand,
/// so that a policy can ask it about hypothetical fleets. On a pool no placer is asked: the count decides.

#include <ampacity/fleet/allocation.hpp>
#include <ampacity/fleet/free_index.hpp>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::policy {

class placer {
public:
    placer() = default;
    placer(const placer&) = delete;
    placer& operator=(const placer&) = delete;
    virtual ~placer() = default;

    /// Appends the chosen GPUs to `out`, or returns false and leaves `out` as it was.
    /// \pre demand.gpus >= 1, nodes (not a pool)
    virtual bool place(const fleet::free_index& free, fleet::demand wanted,
                       std::vector<fleet::gpu_share>& out) const = 0;

    /// Would `place` succeed? Override where this can be told without choosing.
    [[nodiscard]] virtual bool fits(const fleet::free_index& free, fleet::demand wanted) const {
        std::vector<fleet::gpu_share> unused;
        return place(free, wanted, unused);
    }
};

/// `fits` for pools and nodes alike.
[[nodiscard]] inline bool fits(const placer& p, const fleet::free_index& free, fleet::demand wanted) {
    if (wanted.gpus > free.free_gpus()) return false;
    return free.is_pool() || p.fits(free, wanted);
}

/// `place` for pools (nothing is appended) and nodes alike.
[[nodiscard]] inline bool place(const placer& p, const fleet::free_index& free, fleet::demand wanted,
                                std::vector<fleet::gpu_share>& out) {
    if (wanted.gpus > free.free_gpus()) return false;
    return free.is_pool() || p.place(free, wanted, out);
}

/// Why a job that does not fit this fleet, with nobody on it, never will: for people.
[[nodiscard]] std::string why_never(const fleet::free_index& empty, fleet::demand wanted);

/// Lowest node row first.
[[nodiscard]] std::unique_ptr<placer> make_first_fit();
/// The remainder goes to the node with the fewest free GPUs that suffice, then the lowest row.
[[nodiscard]] std::unique_ptr<placer> make_pack();
/// The node with the most free GPUs first, then the lowest row.
[[nodiscard]] std::unique_ptr<placer> make_spread();

/// Fewest racks, then the smallest largest share of a rack, then fewest blocks, then fewest sites, then the lowest
/// racks; with `keep_racks_whole` a job that fits one rack gets the fullest instead of the lowest.
[[nodiscard]] std::unique_ptr<placer> make_topology(bool keep_racks_whole = false);
/// The smallest aligned group of 1, 2, 4, ... racks that has room, of these the fullest; whole racks first in it.
[[nodiscard]] std::unique_ptr<placer> make_block();

}  // namespace ampacity::policy
