#pragma once
/// \file
/// What each rack offers, beside the counts of an index: free GPUs, wholly free nodes, and racks by how many of them.
///
/// Empty without racks. `free_index` derives from it, tells it what nodes offer, and asks for a rack to be counted
/// anew. Not thread-safe.

#include <ampacity/fleet/node_set.hpp>
#include <ampacity/fleet/topology.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace ampacity::fleet {

class rack_counts {
public:
    [[nodiscard]] bool has_racks() const noexcept { return topology_ != nullptr; }
    /// \pre has_racks()
    [[nodiscard]] const topology& where() const noexcept { return *topology_; }
    /// Wholly free nodes of a rack that one job could get: no more than may still come into use.
    [[nodiscard]] std::uint32_t whole_nodes(std::uint32_t rack) const noexcept { return racks_[rack].whole; }
    /// Free GPUs of a rack, of its wholly free nodes only so many as may still come into use.
    [[nodiscard]] std::uint32_t free_gpus_of(std::uint32_t rack) const noexcept { return racks_[rack].free; }
    /// Nodes of the rack on which jobs hold GPUs.
    [[nodiscard]] std::uint32_t nodes_in_use(std::uint32_t rack) const noexcept { return racks_[rack].in_use; }
    /// Nodes of the rack with exactly `c` free GPUs.
    [[nodiscard]] std::uint32_t count_in(std::uint32_t rack, std::uint32_t c) const noexcept {
        return by_free_[std::size_t{rack} * (most_free_ + 1) + c];
    }
    /// Racks with exactly so many `whole_nodes`, 0 to `topology::most_nodes`.
    [[nodiscard]] const node_set& racks_with_whole(std::uint32_t nodes) const noexcept { return with_whole_[nodes]; }
    /// Racks with exactly so many `free_gpus_of`.
    [[nodiscard]] const node_set& racks_with_free(std::uint32_t gpus) const noexcept { return with_free_[gpus]; }
    /// The number of different values of `free_gpus_of`, 0 included.
    [[nodiscard]] std::uint32_t num_free_counts() const noexcept {
        return static_cast<std::uint32_t>(with_free_.size());
    }
    /// Does no job hold anything of the rack?
    [[nodiscard]] bool is_untouched(std::uint32_t rack) const noexcept {
        return racks_[rack].in_use == 0 && !racks_[rack].locked;
    }

    /// Does the rack belong to an exclusive job?
    [[nodiscard]] bool is_locked(std::uint32_t rack) const noexcept { return racks_[rack].locked; }

protected:
    struct rack_state {
        std::uint32_t whole = 0;   ///< nodes
        std::uint32_t free = 0;    ///< GPUs
        std::uint32_t in_use = 0;  ///< nodes
        bool locked = false;       ///< belongs to an exclusive job
    };

    /// Racks of nodes that offer nothing yet.
    void make_racks(std::shared_ptr<const topology> where, std::uint32_t gpus_per_node) {
        topology_ = std::move(where);
        most_free_ = gpus_per_node;
        const std::uint32_t n = topology_->num_racks();
        racks_.assign(n, {});
        by_free_.assign(std::size_t{n} * (most_free_ + 1), 0);
        with_whole_.assign(topology_->most_nodes() + 1, node_set(n));
        with_free_.assign(topology_->most_nodes() * most_free_ + 1, node_set(n));
        for (std::uint32_t r = 0; r != n; ++r) {
            by_free_[std::size_t{r} * (most_free_ + 1)] = static_cast<std::uint16_t>(topology_->rack_at(r).nodes);
            with_whole_[0].insert(r);
            with_free_[0].insert(r);
        }
    }

    /// So many nodes of the rack offer `after` GPUs where each offered `before`.
    void move_nodes(std::uint32_t rack, std::uint32_t nodes, std::uint32_t before, std::uint32_t after) noexcept {
        std::uint16_t* const counts = by_free_.data() + std::size_t{rack} * (most_free_ + 1);
        counts[before] = static_cast<std::uint16_t>(counts[before] - nodes);
        counts[after] = static_cast<std::uint16_t>(counts[after] + nodes);
    }

    /// Updates what a rack offers from what its nodes do, and returns by how much its free GPUs have grown, modulo
    /// 2^64.
    [[nodiscard]] std::uint64_t recount(std::uint32_t rack) noexcept {
        rack_state& r = racks_[rack];
        const std::uint16_t* const nodes = by_free_.data() + std::size_t{rack} * (most_free_ + 1);
        std::uint32_t free = 0;
        for (std::uint32_t c = 1; c != most_free_; ++c) free += c * nodes[c];
        const std::uint32_t usable = topology_->rack_at(rack).usable;
        const std::uint32_t may_open = usable > r.in_use ? usable - r.in_use : 0;
        const std::uint32_t whole = std::min<std::uint32_t>(nodes[most_free_], may_open);
        free += whole * most_free_;
        if (whole != r.whole) {
            with_whole_[r.whole].erase(rack);
            with_whole_[whole].insert(rack);
            r.whole = whole;
        }
        if (free == r.free) return 0;
        with_free_[r.free].erase(rack);
        with_free_[free].insert(rack);
        return std::uint64_t{free} - std::exchange(r.free, free);
    }

    std::shared_ptr<const topology> topology_;
    std::vector<rack_state> racks_;  // (racks)

private:
    std::vector<std::uint16_t> by_free_;  // (racks, most_free + 1) nodes
    std::vector<node_set> with_whole_;    // by whole nodes
    std::vector<node_set> with_free_;     // by free GPUs
    std::uint32_t most_free_ = 0;         // GPUs per node
};

}  // namespace ampacity::fleet
