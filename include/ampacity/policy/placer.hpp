#pragma once
/// \file
/// Placers: given what is free, which GPUs should a job get? A pure function of the free index and the demand,
/// so that a policy can ask it about hypothetical fleets. On a pool no placer is asked: the count decides. Of a mixed
/// fleet a placer sees the part of one GPU type at a time.

#include <ampacity/fleet/allocation.hpp>
#include <ampacity/fleet/free_index.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
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
    /// \pre demand.gpus >= 1, nodes of one type (not a pool)
    virtual bool place(const fleet::free_index& free, fleet::demand wanted,
                       std::vector<fleet::gpu_share>& out) const = 0;

    /// Would `place` succeed? Override where this can be told without choosing.
    [[nodiscard]] virtual bool fits(const fleet::free_index& free, fleet::demand wanted) const {
        std::vector<fleet::gpu_share> unused;
        return place(free, wanted, unused);
    }
};

/// On a mixed fleet: does the placer find a place on GPUs of this type? Nobody asks it about types that cannot run it.
[[nodiscard]] inline bool fits_on(const placer& p, const fleet::free_index& free, fleet::gpu_type type,
                                  fleet::demand wanted) {
    const fleet::free_index& part = free.of(type);
    return wanted.gpus <= part.free_gpus() && (part.is_pool() || p.fits(part, wanted));
}

/// On a mixed fleet: the type that a job gets now, which is the fastest on which the placer finds a place, of equally
/// fast ones the first in the fleet. Null if there is none. The one rule for it.
[[nodiscard, gnu::noinline]] inline const fleet::gpu_type* choose_type(const placer& p, const fleet::free_index& free,
                                                                       fleet::demand wanted) {
    for (const fleet::gpu_type& t : free.types()->by_speed(wanted.speeds)) {
        if (fits_on(p, free, t, wanted)) return &t;
    }
    return nullptr;
}

/// On a mixed fleet: a place on GPUs of this type; a pool appends a share without GPUs that names the type.
[[nodiscard, gnu::noinline]] inline bool place_on(const placer& p, const fleet::free_index& free, fleet::gpu_type type,
                                                  fleet::demand wanted, std::vector<fleet::gpu_share>& out) {
    const fleet::free_index& part = free.of(type);
    if (wanted.gpus > part.free_gpus()) return false;
    const std::uint32_t first = free.first_node(type);
    if (part.is_pool()) {
        out.push_back({.node = node_id{first}, .gpus = 0});
        return true;
    }
    const std::size_t before = out.size();
    if (!p.place(part, wanted, out)) return false;
    for (std::size_t i = before; i != out.size(); ++i)
        out[i].node = node_id{static_cast<std::uint32_t>(out[i].node) + first};
    return true;
}

/// `fits` for pools, nodes and mixed fleets alike.
[[nodiscard]] inline bool fits(const placer& p, const fleet::free_index& free, fleet::demand wanted) {
    if (wanted.gpus > free.free_gpus()) return false;
    if (free.is_pool()) return true;
    if (free.is_mixed()) [[unlikely]]
        return choose_type(p, free, wanted) != nullptr;
    return p.fits(free, wanted);
}

/// `place` for pools (nothing is appended), nodes and mixed fleets alike.
[[nodiscard]] inline bool place(const placer& p, const fleet::free_index& free, fleet::demand wanted,
                                std::vector<fleet::gpu_share>& out) {
    if (wanted.gpus > free.free_gpus()) return false;
    if (free.is_pool()) return true;
    if (free.is_mixed()) [[unlikely]] {
        const fleet::gpu_type* const type = choose_type(p, free, wanted);
        return type != nullptr && place_on(p, free, *type, wanted, out);
    }
    return p.place(free, wanted, out);
}

/// Why a job that does not fit this fleet, with nobody on it, never will: for people.
[[nodiscard]] std::string why_never(const fleet::free_index& empty, fleet::demand wanted);

/// Lowest node row first.
[[nodiscard]] std::unique_ptr<placer> make_first_fit();
/// The remainder goes to the node with the fewest free GPUs that suffice, then the lowest row.
[[nodiscard]] std::unique_ptr<placer> make_pack();
/// The node with the most free GPUs first, then the lowest row.
[[nodiscard]] std::unique_ptr<placer> make_spread();

/// What `topology` weighs, in millionths each, at most `most`.
struct rack_weights {
    static constexpr std::uint64_t whole = 1'000'000;         ///< a weight of 1
    static constexpr std::uint64_t most = 1'000'000 * whole;  ///< so that no sum overflows
    static constexpr std::uint64_t most_racks = 1'000'000;    ///< of the fleet, for the same reason

    std::uint64_t racks = 0;          ///< per rack that the job gets GPUs of
    std::uint64_t largest_share = 0;  ///< per GPU of the largest share of a rack
    std::uint64_t blocks = 0;         ///< per block
    std::uint64_t sites = 0;          ///< per site
    std::uint64_t whole_racks = 0;    ///< per rack that no job had anything of
};

/// Fewest racks, then the smallest largest share of a rack, then fewest blocks, then fewest sites, then the lowest
/// racks; with `keep_racks_whole` a job that fits one rack gets the fullest instead of the lowest. With weights the
/// least weighted sum comes before all that.
[[nodiscard]] std::unique_ptr<placer> make_topology(bool keep_racks_whole = false,
                                                    const std::optional<rack_weights>& weights = {});
/// The smallest aligned group of 1, 2, 4, ... racks that has room, of these the fullest; whole racks first in it.
[[nodiscard]] std::unique_ptr<placer> make_block();

}  // namespace ampacity::policy
