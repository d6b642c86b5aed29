#pragma once
/// \file
/// Free GPUs, indexed for placement: which nodes have exactly c GPUs free, lowest row first.
///
/// A pool keeps only the count. With nodes, taking or giving GPUs of one node costs O(log64 nodes); nothing
/// scans the fleet. Copyable, so that a policy can try things out on a copy. Not thread-safe.

#include <ampacity/core/error.hpp>
#include <ampacity/core/ids.hpp>
#include <ampacity/fleet/allocation.hpp>
#include <ampacity/fleet/node_set.hpp>

#include <bit>
#include <cstdint>
#include <span>
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
        f.gpus_per_node_ = gpus_per_node;
        f.mask_.assign(count, 0);
        f.nodes_with_.assign(gpus_per_node + 1, node_set(count));
        f.count_with_.assign(gpus_per_node + 1, 0);
        f.any_free_ = node_set(count);
        for (std::uint32_t row = 0; row != count; ++row) f.nodes_with_[0].insert(row);
        f.count_with_[0] = count;
        const std::uint64_t all = full_mask(gpus_per_node);
        for (std::uint32_t row = 0; row != count; ++row) f.give({.node = node_id{row}, .gpus = all});
        return f;
    }

    [[nodiscard]] bool is_pool() const noexcept { return gpus_per_node_ == 0; }
    /// GPUs of one node; 0 on a pool.
    [[nodiscard]] std::uint32_t gpus_per_node() const noexcept { return gpus_per_node_; }
    [[nodiscard]] std::uint32_t num_nodes() const noexcept { return static_cast<std::uint32_t>(mask_.size()); }
    [[nodiscard]] std::uint64_t free_gpus() const noexcept { return free_gpus_; }

    /// Free GPUs of a node, as a mask.
    [[nodiscard]] std::uint64_t free_mask(node_id node) const noexcept { return mask_[index(node)]; }
    /// Nodes with exactly `c` free GPUs, 0 <= c <= gpus_per_node.
    [[nodiscard]] const node_set& nodes_with(std::uint32_t c) const noexcept { return nodes_with_[c]; }
    /// How many nodes have exactly `c` free GPUs.
    [[nodiscard]] std::uint32_t count_with(std::uint32_t c) const noexcept { return count_with_[c]; }
    /// Nodes with at least one free GPU.
    [[nodiscard]] const node_set& any_free() const noexcept { return any_free_; }

    /// Are all GPUs of the share free?
    [[nodiscard]] bool is_free(gpu_share s) const noexcept { return (s.gpus & ~mask_[index(s.node)]) == 0; }

    /// Takes GPUs that must be free.
    void take(gpu_share s) {
        AMPACITY_ASSERT(is_free(s));
        change(s.node, mask_[index(s.node)] & ~s.gpus);
    }
    /// Gives GPUs back that must not be free.
    void give(gpu_share s) {
        AMPACITY_ASSERT((mask_[index(s.node)] & s.gpus) == 0 && (s.gpus & ~full_mask(gpus_per_node_)) == 0);
        change(s.node, mask_[index(s.node)] | s.gpus);
    }

    /// Takes a whole allocation: `gpus` from a pool, else the shares, which sum up to `gpus`.
    void take(std::uint32_t gpus, std::span<const gpu_share> shares) {
        if (is_pool()) {
            AMPACITY_ASSERT(gpus <= free_gpus_);
            free_gpus_ -= gpus;
        } else {
            for (const auto& s : shares) take(s);
        }
    }
    /// Gives a whole allocation back.
    void give(std::uint32_t gpus, std::span<const gpu_share> shares) {
        if (is_pool()) {
            free_gpus_ += gpus;
        } else {
            for (const auto& s : shares) give(s);
        }
    }

    /// The mask of the lowest `n` GPUs.
    static constexpr std::uint64_t full_mask(std::uint32_t n) noexcept {
        return n >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1;
    }

private:
    void change(node_id node, std::uint64_t mask) noexcept {
        const auto row = static_cast<std::uint32_t>(node);
        const auto before = static_cast<std::uint32_t>(std::popcount(mask_[row]));
        const auto after = static_cast<std::uint32_t>(std::popcount(mask));
        mask_[row] = mask;
        if (before == after) return;
        nodes_with_[before].erase(row);
        nodes_with_[after].insert(row);
        --count_with_[before];
        ++count_with_[after];
        if (before == 0) any_free_.insert(row);
        if (after == 0) any_free_.erase(row);
        free_gpus_ += after;
        free_gpus_ -= before;
    }

    std::uint64_t free_gpus_ = 0;
    std::uint32_t gpus_per_node_ = 0;
    std::vector<std::uint64_t> mask_;        // (nodes) bit i: GPU i is free
    std::vector<node_set> nodes_with_;       // (gpus_per_node + 1)
    std::vector<std::uint32_t> count_with_;  // (gpus_per_node + 1)
    node_set any_free_;
};

}  // namespace ampacity::fleet
