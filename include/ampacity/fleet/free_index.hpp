#pragma once
/// \file
/// Free GPUs, indexed for placement: which nodes offer exactly c GPUs, lowest row first; with racks, what each rack
/// offers.
///
/// A pool keeps only the count. With nodes, taking or giving GPUs of one node costs O(log64 nodes); nothing
/// scans the fleet. *Free* or *offered* are GPUs that a job could get: those that no job holds, of a node in service,
/// unless the rack belongs to an exclusive job or has as many nodes in use as it may; so a change of one node may
/// change what its whole rack offers. Copyable, so that a policy can try things out on a copy. Not thread-safe.

#include <ampacity/core/error.hpp>
#include <ampacity/core/ids.hpp>
#include <ampacity/fleet/allocation.hpp>
#include <ampacity/fleet/node_set.hpp>
#include <ampacity/fleet/topology.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace ampacity::fleet {

class free_index {
public:
    /// A pool of `gpus`, all free.
    static free_index pool(std::uint64_t gpus) {
        free_index f;
        f.free_gpus_ = gpus;
        return f;
    }

    /// `count` nodes of `gpus_per_node` GPUs (1 to 64), all free.
    static free_index nodes(std::uint32_t count, std::uint32_t gpus_per_node) {
        free_index f;
        f.make_nodes(count, gpus_per_node);
        f.offer_all();
        return f;
    }

    /// The nodes of `where`, of `gpus_per_node` GPUs each (1 to 64), all free. \pre at least one rack
    static free_index racks(std::shared_ptr<const topology> where, std::uint32_t gpus_per_node) {
        free_index f;
        f.make_nodes(where->num_nodes(), gpus_per_node);
        f.topology_ = std::move(where);
        f.make_racks();
        f.offer_all();
        return f;
    }

    [[nodiscard]] bool is_pool() const noexcept { return gpus_per_node_ == 0; }
    /// GPUs of one node; 0 on a pool.
    [[nodiscard]] std::uint32_t gpus_per_node() const noexcept { return gpus_per_node_; }
    [[nodiscard]] std::uint32_t num_nodes() const noexcept { return static_cast<std::uint32_t>(nodes_.size()); }
    [[nodiscard]] std::uint64_t free_gpus() const noexcept { return free_gpus_; }

    /// Free GPUs of a node, as a mask.
    [[nodiscard]] std::uint64_t free_mask(node_id node) const noexcept { return nodes_[index(node)].offered; }
    /// GPUs of a node that jobs hold.
    [[nodiscard]] std::uint64_t held_mask(node_id node) const noexcept { return nodes_[index(node)].held; }
    /// Nodes with exactly `c` free GPUs, 0 <= c <= gpus_per_node.
    [[nodiscard]] const node_set& nodes_with(std::uint32_t c) const noexcept { return nodes_with_[c]; }
    /// How many nodes have exactly `c` free GPUs.
    [[nodiscard]] std::uint32_t count_with(std::uint32_t c) const noexcept { return count_with_[c]; }
    /// Nodes with at least one free GPU.
    [[nodiscard]] const node_set& any_free() const noexcept { return any_free_; }

    // --- racks ------------------------------------------------------------------------------------------

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
        return by_free_[std::size_t{rack} * (gpus_per_node_ + 1) + c];
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

    // --- changes ----------------------------------------------------------------------------------------

    /// Are all GPUs of the share free?
    [[nodiscard]] bool is_free(gpu_share s) const noexcept { return (s.gpus & ~nodes_[index(s.node)].offered) == 0; }
    /// Could a job of this demand have exactly these GPUs? \pre nodes
    [[nodiscard]] bool is_free(demand wanted, std::span<const gpu_share> shares) const {
        for (const auto& s : shares) {
            if (!is_free(s)) return false;
        }
        return !has_racks() || rack_allows(wanted, shares);
    }

    /// The same of nodes that may be out of service: could a job that has these GPUs keep them?
    [[nodiscard]] bool is_unheld(demand wanted, std::span<const gpu_share> shares) const {
        for (const auto& s : shares) {
            if ((s.gpus & nodes_[index(s.node)].held) != 0) return false;
            if (has_racks() && racks_[topology_->rack_of(s.node)].locked) return false;
        }
        return !has_racks() || rack_allows(wanted, shares);
    }

    /// Takes GPUs of a node in service that no job holds.
    void take(gpu_share s) {
        const node_row& n = nodes_[index(s.node)];
        AMPACITY_ASSERT((s.gpus & ~(n.in_service & ~n.held)) == 0);
        hold(s.node, n.held | s.gpus);
    }
    /// Gives GPUs back that must be held.
    void give(gpu_share s) {
        const node_row& n = nodes_[index(s.node)];
        AMPACITY_ASSERT((s.gpus & ~n.held) == 0);
        hold(s.node, n.held & ~s.gpus);
    }

    /// Takes a whole allocation: the number of GPUs from a pool, else the shares, which sum up to it.
    void take(demand wanted, std::span<const gpu_share> shares) {
        if (is_pool()) {
            AMPACITY_ASSERT(wanted.gpus <= free_gpus_);
            free_gpus_ -= wanted.gpus;
            return;
        }
        for (const auto& s : shares) take(s);
        if (wanted.exclusive) lock(shares, true);
    }
    /// The same on nodes that may be out of service: what is held there is not offered later on.
    void occupy(demand wanted, std::span<const gpu_share> shares) {
        if (is_pool()) return take(wanted, shares);
        for (const auto& s : shares) {
            AMPACITY_ASSERT((s.gpus & nodes_[index(s.node)].held) == 0);
            hold(s.node, nodes_[index(s.node)].held | s.gpus);
        }
        if (wanted.exclusive) lock(shares, true);
    }
    /// Gives a whole allocation back.
    void give(demand wanted, std::span<const gpu_share> shares) {
        if (is_pool()) {
            free_gpus_ += wanted.gpus;
            return;
        }
        if (wanted.exclusive) lock(shares, false);
        for (const auto& s : shares) give(s);
    }

    /// Reserves the racks of these shares for the job that holds them, or ends that. Without racks: nothing.
    void lock(std::span<const gpu_share> shares, bool locked) {
        if (!has_racks()) return;
        for (const auto& s : shares) {
            const std::uint32_t rack = topology_->rack_of(s.node);
            if (racks_[rack].locked == locked) continue;
            racks_[rack].locked = locked;
            offer_rack(rack);
        }
    }

    /// Takes a node out of service, or puts it back. What jobs hold of it they keep.
    void set_in_service(node_id node, bool in_service) {
        nodes_[index(node)].in_service = in_service ? full_mask(gpus_per_node_) : 0;
        offer(index(node));
        if (has_racks()) count_rack(topology_->rack_of(node));
    }

    /// The mask of the lowest `n` GPUs.
    static constexpr std::uint64_t full_mask(std::uint32_t n) noexcept {
        return n >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1;
    }

private:
    /// A node, as masks of its GPUs.
    struct node_row {
        std::uint64_t offered = 0;
        std::uint64_t held = 0;
        std::uint64_t in_service = 0;  ///< all, or none
    };
    struct rack_state {
        std::uint32_t whole = 0;   ///< nodes
        std::uint32_t free = 0;    ///< GPUs
        std::uint32_t in_use = 0;  ///< nodes
        bool locked = false;       ///< belongs to an exclusive job
    };

    void make_nodes(std::uint32_t count, std::uint32_t gpus_per_node) {
        gpus_per_node_ = gpus_per_node;
        nodes_.assign(count, {.in_service = full_mask(gpus_per_node)});
        nodes_with_.assign(gpus_per_node + 1, node_set(count));
        count_with_.assign(gpus_per_node + 1, 0);
        any_free_ = node_set(count);
        for (std::uint32_t row = 0; row != count; ++row) nodes_with_[0].insert(row);
        count_with_[0] = count;
    }
    void make_racks() {
        const std::uint32_t n = topology_->num_racks();
        racks_.assign(n, {});
        by_free_.assign(std::size_t{n} * (gpus_per_node_ + 1), 0);
        with_whole_.assign(topology_->most_nodes() + 1, node_set(n));
        with_free_.assign(topology_->most_nodes() * gpus_per_node_ + 1, node_set(n));
        for (std::uint32_t r = 0; r != n; ++r) {
            by_free_[std::size_t{r} * (gpus_per_node_ + 1)] = static_cast<std::uint16_t>(topology_->rack_at(r).nodes);
            with_whole_[0].insert(r);
            with_free_[0].insert(r);
        }
    }
    void offer_all() {
        for (std::size_t row = 0; row != nodes_.size(); ++row) offer(row);
        for (std::uint32_t r = 0; r != racks_.size(); ++r) count_rack(r);
    }

    /// Jobs hold these GPUs of the node from now on.
    void hold(node_id node, std::uint64_t held) {
        const std::size_t row = index(node);
        const bool was_in_use = nodes_[row].held != 0;
        nodes_[row].held = held;
        if (!has_racks()) {
            offer(row);
            return;
        }
        const std::uint32_t rack = topology_->rack_of(node);
        const bool is_in_use = held != 0;
        if (was_in_use == is_in_use) {
            offer(row);
            count_rack(rack);
            return;
        }
        rack_state& r = racks_[rack];
        const std::uint32_t usable = topology_->rack_at(rack).usable;
        const bool was_open = r.in_use < usable;
        is_in_use ? ++r.in_use : --r.in_use;
        if (was_open == (r.in_use < usable)) {
            offer(row);
            count_rack(rack);
        } else {
            offer_rack(rack);
        }
    }

    /// All nodes of a rack offer something else.
    void offer_rack(std::uint32_t rack) {
        const topology::rack& nodes = topology_->rack_at(rack);
        for (std::uint32_t i = 0; i != nodes.nodes; ++i) offer(nodes.first_node + i);
        count_rack(rack);
    }

    /// Updates what a node offers.
    void offer(std::size_t row) {
        std::uint64_t mask = nodes_[row].in_service & ~nodes_[row].held;
        if (has_racks() && mask != 0) {
            const std::uint32_t rack = topology_->rack_of(node_id{static_cast<std::uint32_t>(row)});
            const rack_state& r = racks_[rack];
            if (r.locked || (nodes_[row].held == 0 && r.in_use >= topology_->rack_at(rack).usable)) mask = 0;
        }
        change(static_cast<std::uint32_t>(row), mask);
    }

    void change(std::uint32_t row, std::uint64_t mask) noexcept {
        const auto before = static_cast<std::uint32_t>(std::popcount(nodes_[row].offered));
        const auto after = static_cast<std::uint32_t>(std::popcount(mask));
        nodes_[row].offered = mask;
        if (before == after) return;
        nodes_with_[before].erase(row);
        nodes_with_[after].insert(row);
        --count_with_[before];
        ++count_with_[after];
        if (before == 0) any_free_.insert(row);
        if (after == 0) any_free_.erase(row);
        if (has_racks()) {
            const std::size_t at = std::size_t{topology_->rack_of(node_id{row})} * (gpus_per_node_ + 1);
            --by_free_[at + before];
            ++by_free_[at + after];
        } else {
            free_gpus_ += after;
            free_gpus_ -= before;
        }
    }

    /// Updates what a rack offers from what its nodes do.
    void count_rack(std::uint32_t rack) noexcept {
        rack_state& r = racks_[rack];
        const std::uint16_t* const nodes = by_free_.data() + std::size_t{rack} * (gpus_per_node_ + 1);
        std::uint32_t free = 0;
        for (std::uint32_t c = 1; c != gpus_per_node_; ++c) free += c * nodes[c];
        const std::uint32_t usable = topology_->rack_at(rack).usable;
        const std::uint32_t may_open = usable > r.in_use ? usable - r.in_use : 0;
        const std::uint32_t whole = std::min<std::uint32_t>(nodes[gpus_per_node_], may_open);
        free += whole * gpus_per_node_;
        if (whole != r.whole) {
            with_whole_[r.whole].erase(rack);
            with_whole_[whole].insert(rack);
            r.whole = whole;
        }
        if (free != r.free) {
            with_free_[r.free].erase(rack);
            with_free_[free].insert(rack);
            free_gpus_ += free;
            free_gpus_ -= r.free;
            r.free = free;
        }
    }

    /// Do the limits of the racks, and an exclusive job's wish, allow these free GPUs together?
    [[nodiscard]] bool rack_allows(demand wanted, std::span<const gpu_share> shares) const {
        for (std::size_t i = 0; i != shares.size(); ++i) {
            const std::uint32_t rack = topology_->rack_of(shares[i].node);
            if (wanted.exclusive && !is_untouched(rack)) return false;
            std::uint32_t opened = 0;
            for (const auto& s : shares) {
                if (topology_->rack_of(s.node) == rack && nodes_[index(s.node)].held == 0) ++opened;
            }
            if (racks_[rack].in_use + opened > topology_->rack_at(rack).usable) return false;
        }
        return true;
    }

    std::uint64_t free_gpus_ = 0;
    std::uint32_t gpus_per_node_ = 0;
    std::vector<node_row> nodes_;
    std::vector<node_set> nodes_with_;       // (gpus_per_node + 1)
    std::vector<std::uint32_t> count_with_;  // (gpus_per_node + 1)
    node_set any_free_;
    std::shared_ptr<const topology> topology_;
    std::vector<rack_state> racks_;       // (racks)
    std::vector<std::uint16_t> by_free_;  // (racks, gpus_per_node + 1) nodes
    std::vector<node_set> with_whole_;    // by whole nodes
    std::vector<node_set> with_free_;     // by free GPUs
};

}  // namespace ampacity::fleet
