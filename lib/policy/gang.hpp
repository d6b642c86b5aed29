#pragma once
/// \file
/// A job as placers on racks see it: equal units that each lie in one rack, and a rest that does too.
///
/// A unit is a segment, or one whole node where the job has no segments. The rest is what the GPUs of the job leave
/// over: fewer whole nodes than a unit and a part of one further node, together in one rack. What a rack can take
/// follows from its wholly free nodes and from whether one of the others has room for that part.

#include <ampacity/fleet/free_index.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ampacity::policy {

struct gang {
    gang(const fleet::free_index& free, fleet::demand wanted);

    /// Units that the rack can take beside nothing else.
    [[nodiscard]] std::uint32_t units_in(const fleet::free_index& free, std::uint32_t rack) const noexcept {
        return allowed(free, rack) ? free.whole_nodes(rack) / unit_nodes : 0;
    }
    /// Units that the rack can take beside the rest; -1 if not even the rest.
    [[nodiscard]] std::int32_t units_beside_rest(const fleet::free_index& free, std::uint32_t rack) const noexcept;
    /// Can the rack take all of it?
    [[nodiscard]] bool fits_in(const fleet::free_index& free, std::uint32_t rack) const noexcept {
        return has_rest() ? units_beside_rest(free, rack) >= static_cast<std::int64_t>(units)
                          : units_in(free, rack) >= units;
    }
    [[nodiscard]] bool has_rest() const noexcept { return rest_nodes != 0 || rest_gpus != 0; }
    /// Whole nodes that it needs at least in the rack that holds all of it.
    [[nodiscard]] std::uint64_t whole_nodes() const noexcept { return std::uint64_t{units} * unit_nodes + rest_nodes; }
    /// GPUs of one unit; of the rest.
    [[nodiscard]] std::uint64_t unit_size() const noexcept { return std::uint64_t{unit_nodes} * node_gpus; }
    [[nodiscard]] std::uint64_t rest_size() const noexcept { return std::uint64_t{rest_nodes} * node_gpus + rest_gpus; }

    std::uint32_t node_gpus;
    std::uint32_t unit_nodes = 1;
    std::uint32_t units = 0;
    std::uint32_t rest_nodes = 0;
    std::uint32_t rest_gpus = 0;
    bool exclusive = false;  ///< racks that a job has touched are of no use
    bool one_rack = false;   ///< must lie in one rack: a wish, or it is small enough for one and wishes nothing else
    scope within = scope::fleet;
    /// May it have anything of the rack?
    [[nodiscard]] bool allowed(const fleet::free_index& free, std::uint32_t rack) const noexcept {
        return !exclusive || free.is_untouched(rack);
    }
};

/// What of a job one rack gets.
struct rack_part {
    std::uint32_t rack = 0;
    std::uint32_t units = 0;
    bool rest = false;

    friend bool operator==(const rack_part&, const rack_part&) = default;
};

/// Which node of a rack gets the part of a node that a job needs.
enum class preference : std::uint8_t { lowest_row, fewest_free, most_free };

/// The lowest `n` free GPUs of a node: the rule for which GPUs of a node a job gets.
[[nodiscard]] fleet::gpu_share lowest_gpus(const fleet::free_index& free, std::uint32_t row, std::uint32_t n);

/// Appends the GPUs of one rack: its lowest wholly free nodes, and the preferred further one for the rest.
/// \pre the rack can take the part
void fill(const fleet::free_index& free, const gang& g, rack_part part, preference prefer,
          std::vector<fleet::gpu_share>& out);

/// Calls `f(first, last)` for the racks of each part of this scope, lowest first, until it returns true; was that so?
template <class F>
bool any_range(const fleet::topology& where, scope within, F f) {
    switch (within) {
        case scope::fleet: return f(0U, where.num_racks());
        case scope::rack:
            for (std::uint32_t r = 0; r != where.num_racks(); ++r) {
                if (f(r, r + 1)) return true;
            }
            return false;
        case scope::block:
            for (std::uint32_t b = 0; b != where.num_blocks(); ++b) {
                const auto& block = where.block_at(b);
                if (f(block.first_rack, block.first_rack + block.racks)) return true;
            }
            return false;
        case scope::site: break;
    }
    for (std::uint32_t b = 0; b != where.num_blocks();) {
        const std::uint32_t first = where.block_at(b).first_rack;
        const std::uint32_t site = where.block_at(b).site;
        while (b != where.num_blocks() && where.block_at(b).site == site) ++b;
        if (f(first, b == where.num_blocks() ? where.num_racks() : where.block_at(b).first_rack)) return true;
    }
    return false;
}

/// Could the racks [first, last) take all of it?
[[nodiscard]] bool racks_fit(const fleet::free_index& free, const gang& g, std::uint32_t first, std::uint32_t last);

/// GPUs of the racks [first, last) that a job which takes them node by node could get.
[[nodiscard]] std::uint64_t loose_gpus(const fleet::free_index& free, const gang& g, std::uint32_t first,
                                       std::uint32_t last);

/// The division of `pack` over the racks [first, last), which can take it.
[[nodiscard]] std::vector<rack_part> pack_over(const fleet::free_index& free, const gang& g, std::uint32_t first,
                                               std::uint32_t last);

/// Why a job may not have these free GPUs, by its wishes and the limits of racks; empty if it may. Messages count nodes
/// from `first_node`. \pre of a mixed fleet: of one type
[[nodiscard]] std::string broken_wish(const fleet::free_index& free, fleet::demand wanted,
                                      std::span<const fleet::gpu_share> where, std::uint32_t first_node = 0);

/// Is there any place at all? The same for every placer on racks. \pre has racks
[[nodiscard]] bool gang_fits(const fleet::free_index& free, fleet::demand wanted);

}  // namespace ampacity::policy
