#pragma once
/// \file
/// Nodes by how many free GPUs each offers: the rows and sets of a `free_index`, which derives from it.
///
/// Moving one node costs O(log64 nodes), and so does moving up to 64 that follow each other and offer as many GPUs as
/// each other, before and behind. Not thread-safe.

#include <ampacity/fleet/allocation.hpp>
#include <ampacity/fleet/node_set.hpp>

#include <cstdint>
#include <vector>

namespace ampacity::fleet {

class free_nodes {
public:
    /// Nodes with exactly `c` free GPUs, 0 <= c <= gpus_per_node.
    [[nodiscard]] const node_set& nodes_with(std::uint32_t c) const noexcept { return nodes_with_[c]; }
    /// How many nodes have exactly `c` free GPUs.
    [[nodiscard]] std::uint32_t count_with(std::uint32_t c) const noexcept { return count_with_[c]; }
    /// Nodes with at least one free GPU.
    [[nodiscard]] const node_set& any_free() const noexcept { return any_free_; }

    /// The mask of the lowest `n` GPUs.
    static constexpr std::uint64_t full_mask(std::uint32_t n) noexcept {
        return n >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1;
    }

protected:
    /// A node, as masks of its GPUs.
    struct node_row {
        std::uint64_t offered = 0;
        std::uint64_t held = 0;
        std::uint64_t in_service = 0;  ///< all, or none
    };

    /// Nodes that all offer the GPUs of one mask where they offered those of another: rows `first` + i of the bits i.
    struct moved_nodes {
        std::uint64_t before = 0, after = 0;
        std::uint64_t rows = 0;
        std::uint32_t first = 0;
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

    /// A node offers `after` GPUs where it offered `before`, which differs.
    void move_row(std::uint32_t row, std::uint32_t before, std::uint32_t after) noexcept {
        nodes_with_[before].erase(row);
        nodes_with_[after].insert(row);
        --count_with_[before];
        ++count_with_[after];
        if (before == 0) any_free_.insert(row);
        if (after == 0) any_free_.erase(row);
    }
    /// The same of the rows `first` + i for all bits i.
    void move_rows(std::uint32_t first, std::uint64_t bits, std::uint32_t before, std::uint32_t after) noexcept {
        const std::uint32_t nodes = count_gpus(bits);
        nodes_with_[before].erase(first, bits);
        nodes_with_[after].insert(first, bits);
        count_with_[before] -= nodes;
        count_with_[after] += nodes;
        if (before == 0) any_free_.insert(first, bits);
        if (after == 0) any_free_.erase(first, bits);
    }

    std::uint64_t free_gpus_ = 0;
    std::uint32_t gpus_per_node_ = 0;
    std::vector<node_row> nodes_;
    std::vector<node_set> nodes_with_;       // (gpus_per_node + 1)
    std::vector<std::uint32_t> count_with_;  // (gpus_per_node + 1)
    node_set any_free_;
};

}  // namespace ampacity::fleet
