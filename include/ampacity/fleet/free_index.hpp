#pragma once
/// \file
/// Free GPUs, indexed for placement: which nodes offer exactly c GPUs, lowest row first; with racks, what each rack
/// offers.
///
/// A pool keeps only the count. With nodes, taking or giving GPUs of one node costs O(log64 nodes); nothing
/// scans the fleet. *Free* or *offered* are GPUs that a job could get: those that no job holds, of a node in service,
/// unless the rack belongs to an exclusive job or has as many nodes in use as it may; so a change of one node may
/// change what its whole rack offers. Copyable, so that a policy can try things out on a copy. Not thread-safe.
/// Of a mixed fleet what changes the index goes to the part of a type, which has racks or not; placers see parts only.

#include <ampacity/core/error.hpp>
#include <ampacity/core/ids.hpp>
#include <ampacity/fleet/allocation.hpp>
#include <ampacity/fleet/free_nodes.hpp>
#include <ampacity/fleet/rack_counts.hpp>
#include <ampacity/fleet/topology.hpp>
#include <ampacity/fleet/typed_parts.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace ampacity::fleet {

class free_index : public rack_counts, public typed_parts<free_index>, public free_nodes {
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
        f.make_racks(std::move(where), gpus_per_node);
        f.offer_all();
        return f;
    }

    /// A fleet of several types: all pools, or all nodes. \pre a part for each type
    static free_index mixed(std::shared_ptr<const gpu_types> types, std::vector<free_index> parts) {
        free_index f;
        for (const free_index& part : parts) {
            f.gpus_per_node_ = std::max({f.gpus_per_node_, part.gpus_per_node_, 1U});
            f.free_gpus_ += part.free_gpus_;
        }
        f.set_parts(std::move(types), std::move(parts));
        return f;
    }

    /// Without types, and a pool.
    [[nodiscard]] bool is_pool() const noexcept { return gpus_per_node_ == 0; }
    /// GPUs of one node, of a mixed fleet those of its largest; 0 on a pool.
    [[nodiscard]] std::uint32_t gpus_per_node() const noexcept { return gpus_per_node_; }
    [[nodiscard]] std::uint32_t num_nodes() const noexcept {
        return is_mixed() ? num_rows() : static_cast<std::uint32_t>(nodes_.size());
    }
    [[nodiscard]] std::uint64_t free_gpus() const noexcept { return free_gpus_; }

    /// Free GPUs of a node, as a mask.
    [[nodiscard]] std::uint64_t free_mask(node_id node) const noexcept {
        return is_mixed() ? part_of(node).free_mask(local(node)) : nodes_[index(node)].offered;
    }
    /// GPUs of a node that jobs hold.
    [[nodiscard]] std::uint64_t held_mask(node_id node) const noexcept {
        return is_mixed() ? part_of(node).held_mask(local(node)) : nodes_[index(node)].held;
    }
    /// GPUs that the node has.
    [[nodiscard]] std::uint32_t gpus_of(node_id node) const noexcept {
        return is_mixed() ? part_of(node).gpus_per_node_ : gpus_per_node_;
    }
    /// Sets what is free of a pool. \pre has_pools()
    void set_free(gpu_type t, std::uint64_t gpus) noexcept {
        free_gpus_ += gpus - std::exchange(part(t).free_gpus_, gpus);
    }
    using rack_counts::is_locked;
    /// Does the node's rack belong to an exclusive job? Without racks it does not.
    [[nodiscard]] bool is_locked(node_id node) const noexcept {
        if (is_mixed()) return part_of(node).is_locked(local(node));
        return has_racks() && racks_[topology_->rack_of(node)].locked;
    }

    // --- changes ----------------------------------------------------------------------------------------

    /// Are all GPUs of the share free?
    [[nodiscard]] bool is_free(gpu_share s) const noexcept {
        if (is_mixed()) return has_pools() || part_of(s.node).is_free(local(s));
        return (s.gpus & ~nodes_[index(s.node)].offered) == 0;
    }
    /// Could a job of this demand have exactly these GPUs? \pre nodes, or a mixed fleet
    [[nodiscard]] bool is_free(demand wanted, std::span<const gpu_share> shares) const {
        for (const auto& s : shares) {
            if (!is_free(s)) return false;
        }
        return limits_allow(wanted, shares);
    }

    /// The same of nodes that may be out of service: could a job that has these GPUs keep them?
    [[nodiscard]] bool is_unheld(demand wanted, std::span<const gpu_share> shares) const {
        if (!has_pools()) {
            for (const auto& s : shares) {
                if ((s.gpus & held_mask(s.node)) != 0 || is_locked(s.node)) return false;
            }
        }
        return limits_allow(wanted, shares);
    }

    /// Takes GPUs of a node in service that no job holds.
    void take(gpu_share s) {
        if (is_mixed()) [[unlikely]]
            return change_part(type_of(s.node), [this, s](free_index& part) { part.take(local(s)); });
        const node_row& n = nodes_[index(s.node)];
        AMPACITY_ASSERT((s.gpus & ~(n.in_service & ~n.held)) == 0);
        hold(s.node, n.held | s.gpus);
    }
    /// Gives GPUs back that must be held.
    void give(gpu_share s) {
        if (is_mixed()) [[unlikely]]
            return change_part(type_of(s.node), [this, s](free_index& part) { part.give(local(s)); });
        const node_row& n = nodes_[index(s.node)];
        AMPACITY_ASSERT((s.gpus & ~n.held) == 0);
        hold(s.node, n.held & ~s.gpus);
    }

    /// Takes GPUs that no job holds of a node that may be out of service.
    void occupy(gpu_share s) {
        if (is_mixed()) [[unlikely]]
            return change_part(type_of(s.node), [this, s](free_index& part) { part.occupy(local(s)); });
        const node_row& n = nodes_[index(s.node)];
        AMPACITY_ASSERT((s.gpus & n.held) == 0);
        hold(s.node, n.held | s.gpus);
    }

    /// Takes a whole allocation: the number of GPUs from a pool, else the shares, which sum up to it.
    void take(demand wanted, std::span<const gpu_share> shares) {
        if (is_pool()) {
            AMPACITY_ASSERT(wanted.gpus <= free_gpus_);
            free_gpus_ -= wanted.gpus;
            return;
        }
        if (has_pools()) [[unlikely]]
            return change_part(type_of(shares.front().node), [&](free_index& part) { part.take(wanted, {}); });
        for_shares(
            shares, [this](const gpu_share& s) { take(s); },
            [](const node_row& n, std::uint64_t gpus) {
                AMPACITY_ASSERT((gpus & ~(n.in_service & ~n.held)) == 0);
                return n.held | gpus;
            });
        if (wanted.exclusive) lock(shares, true);
    }
    /// The same on nodes that may be out of service: what is held there is not offered later on.
    void occupy(demand wanted, std::span<const gpu_share> shares) {
        if (is_pool() || has_pools()) return take(wanted, shares);
        for_shares(
            shares, [this](const gpu_share& s) { occupy(s); },
            [](const node_row& n, std::uint64_t gpus) {
                AMPACITY_ASSERT((gpus & n.held) == 0);
                return n.held | gpus;
            });
        if (wanted.exclusive) lock(shares, true);
    }
    /// Gives a whole allocation back.
    void give(demand wanted, std::span<const gpu_share> shares) {
        if (is_pool()) {
            free_gpus_ += wanted.gpus;
            return;
        }
        if (has_pools()) [[unlikely]]
            return change_part(type_of(shares.front().node), [&](free_index& part) { part.give(wanted, {}); });
        if (wanted.exclusive) lock(shares, false);
        for_shares(
            shares, [this](const gpu_share& s) { give(s); },
            [](const node_row& n, std::uint64_t gpus) {
                AMPACITY_ASSERT((gpus & ~n.held) == 0);
                return n.held & ~gpus;
            });
    }

    /// Reserves the racks of these shares for the job that holds them, or ends that. Without racks: nothing.
    void lock(std::span<const gpu_share> shares, bool locked) {
        if (is_mixed()) [[unlikely]] {
            for (const auto& s : shares) {
                const gpu_share mine = local(s);
                change_part(type_of(s.node), [&mine, locked](free_index& part) { part.lock({&mine, 1}, locked); });
            }
            return;
        }
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
        if (is_mixed()) [[unlikely]]
            return change_part(type_of(node), [this, node, in_service](free_index& part) {
                part.set_in_service(local(node), in_service);
            });
        nodes_[index(node)].in_service = in_service ? full_mask(gpus_per_node_) : 0;
        offer(index(node));
        if (has_racks()) count_rack(topology_->rack_of(node));
    }

private:
    /// What a part offers changes by more than what is taken from it where its racks have limits.
    template <class F>
    [[gnu::noinline]] void change_part(gpu_type t, F f) {
        free_gpus_ -= of(t).free_gpus_;
        f(part(t));
        free_gpus_ += of(t).free_gpus_;
    }

    void offer_all() {
        for (std::size_t row = 0; row != nodes_.size(); ++row) offer(row);
        for (std::uint32_t r = 0; r != racks_.size(); ++r) count_rack(r);
    }

    /// Jobs hold these GPUs of the node from now on.
    [[gnu::always_inline]] void hold(node_id node, std::uint64_t held) {
        put_held(node, held);
        if (has_racks()) count_rack(topology_->rack_of(node));
    }

    /// The same, without its rack, which is to be counted behind it.
    [[gnu::always_inline]] void put_held(node_id node, std::uint64_t held) {
        const std::size_t row = index(node);
        const bool was_in_use = nodes_[row].held != 0;
        nodes_[row].held = held;
        const bool is_in_use = held != 0;
        if (!has_racks() || was_in_use == is_in_use) {
            offer(row);
            return;
        }
        const std::uint32_t rack = topology_->rack_of(node);
        rack_state& r = racks_[rack];
        const std::uint32_t usable = topology_->rack_at(rack).usable;
        const bool was_open = r.in_use < usable;
        is_in_use ? ++r.in_use : --r.in_use;
        if (was_open == (r.in_use < usable))
            offer(row);
        else
            offer_nodes(rack);
    }

    /// All shares of a job, of which `held(node, gpus)` says what is held then: those of a rack that follow each other
    /// at once. On a mixed fleet `one(share)` does it.
    template <class One, class Held>
    void for_shares(std::span<const gpu_share> shares, One one, Held held) {
        if (is_mixed()) [[unlikely]] {
            for (const gpu_share& s : shares) one(s);
            return;
        }
        if (!has_racks()) {
            for (const gpu_share& s : shares) put_held(s.node, held(nodes_[index(s.node)], s.gpus));
            return;
        }
        for (auto from = shares.begin(); from != shares.end();) {
            const std::uint32_t rack = topology_->rack_of(from->node);
            const topology::rack& at = topology_->rack_at(rack);
            auto to = from;
            while (to != shares.end() && index(to->node) - at.first_node < at.nodes) ++to;
            hold_in_rack(rack, {from, to}, held);
            from = to;
        }
    }

    template <class Held>
    void hold_in_rack(std::uint32_t rack, std::span<const gpu_share> shares, Held held) {
        rack_state& r = racks_[rack];
        const topology::rack& at = topology_->rack_at(rack);
        const bool was_open = r.in_use < at.usable;
        for (const gpu_share& s : shares) {
            node_row& n = nodes_[index(s.node)];
            const bool was_in_use = n.held != 0;
            n.held = held(n, s.gpus);
            r.in_use += (n.held != 0 ? 1U : 0U) - (was_in_use ? 1U : 0U);
        }
        moved_nodes moved;
        if (was_open == (r.in_use < at.usable)) {
            for (const gpu_share& s : shares) offer(static_cast<std::uint32_t>(index(s.node)), rack, moved);
        } else {
            for (std::uint32_t i = 0; i != at.nodes; ++i) offer(at.first_node + i, rack, moved);
        }
        move(rack, moved);
        count_rack(rack);
    }

    /// What a node of the rack offers, all but the sets and counts, which follow when others differ.
    [[gnu::always_inline]] void offer(std::uint32_t row, std::uint32_t rack, moved_nodes& moved) {
        node_row& n = nodes_[row];
        const std::uint64_t mask = offered_in(rack, n);
        if (mask == n.offered) return;
        if (n.offered != moved.before || mask != moved.after || row - moved.first >= 64) {
            move(rack, moved);
            moved = {.before = n.offered, .after = mask, .rows = 0, .first = row};
        }
        n.offered = mask;
        moved.rows |= std::uint64_t{1} << (row - moved.first);
    }

    void move(std::uint32_t rack, const moved_nodes& moved) noexcept {
        const std::uint32_t before = count_gpus(moved.before), after = count_gpus(moved.after);
        if (before == after) return;
        move_rows(moved.first, moved.rows, before, after);
        move_nodes(rack, count_gpus(moved.rows), before, after);
    }

    /// The GPUs that a node of the rack may offer.
    [[nodiscard]] std::uint64_t offered_in(std::uint32_t rack, const node_row& n) const noexcept {
        const rack_state& r = racks_[rack];
        const bool is_shut = r.locked || (n.held == 0 && r.in_use >= topology_->rack_at(rack).usable);
        return is_shut ? 0 : n.in_service & ~n.held;
    }

    /// All nodes of a rack offer something else.
    void offer_rack(std::uint32_t rack) {
        offer_nodes(rack);
        count_rack(rack);
    }
    void offer_nodes(std::uint32_t rack) {
        const topology::rack& nodes = topology_->rack_at(rack);
        for (std::uint32_t i = 0; i != nodes.nodes; ++i) offer(nodes.first_node + i);
    }

    /// Updates what a node offers.
    [[gnu::always_inline]] void offer(std::size_t row) {
        const node_row& n = nodes_[row];
        const auto node = node_id{static_cast<std::uint32_t>(row)};
        const std::uint64_t mask = has_racks() ? offered_in(topology_->rack_of(node), n) : n.in_service & ~n.held;
        change(static_cast<std::uint32_t>(row), mask);
    }

    void change(std::uint32_t row, std::uint64_t mask) noexcept {
        const auto before = count_gpus(nodes_[row].offered);
        const auto after = count_gpus(mask);
        nodes_[row].offered = mask;
        if (before == after) return;
        move_row(row, before, after);
        if (has_racks()) {
            move_nodes(topology_->rack_of(node_id{row}), 1, before, after);
        } else {
            free_gpus_ += after;
            free_gpus_ -= before;
        }
    }

    void count_rack(std::uint32_t rack) noexcept { free_gpus_ += recount(rack); }

    /// Are there as many GPUs in the type's pool, or do the limits of racks allow these GPUs together? True without
    /// types and racks.
    [[nodiscard]] bool limits_allow(demand wanted, std::span<const gpu_share> shares) const {
        if (is_mixed()) [[unlikely]] {
            const gpu_type t = type_of(shares.front().node);
            const free_index& part = of(t);
            if (part.is_pool()) return wanted.gpus <= part.free_gpus_;
            return !part.has_racks() || part.rack_allows(wanted, shares, first_node(t));
        }
        return !has_racks() || rack_allows(wanted, shares, 0);
    }

    /// Do the limits of the racks, and an exclusive job's wish, allow these free GPUs together? Row 0 is node `first`.
    [[nodiscard]] bool rack_allows(demand wanted, std::span<const gpu_share> shares, std::uint32_t first) const {
        const auto row = [first](const gpu_share& s) { return node_id{static_cast<std::uint32_t>(s.node) - first}; };
        for (std::size_t i = 0; i != shares.size(); ++i) {
            const std::uint32_t rack = topology_->rack_of(row(shares[i]));
            if (wanted.exclusive && !is_untouched(rack)) return false;
            std::uint32_t opened = 0;
            for (const auto& s : shares) {
                if (topology_->rack_of(row(s)) == rack && nodes_[index(row(s))].held == 0) ++opened;
            }
            if (racks_[rack].in_use + opened > topology_->rack_at(rack).usable) return false;
        }
        return true;
    }
};

}  // namespace ampacity::fleet
