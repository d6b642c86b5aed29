#pragma once
/// \file
/// Where nodes stand: node -> rack (an NVLink domain) -> block (a scalable unit of racks) -> site, as contiguous
/// ranges of rows.
///
/// A description that never changes once it is built; indexes of free GPUs share one. Racks may be of uneven size. Of
/// `nodes` nodes of a rack jobs use at most `usable` at a time, the others are spares.

#include <ampacity/core/error.hpp>
#include <ampacity/core/ids.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ampacity::fleet {

/// Equal racks of one site, to be appended to a topology.
struct rack_group {
    std::uint32_t count = 1;
    std::uint32_t nodes = 18;           ///< of one rack
    std::uint32_t usable = 0;           ///< nodes of a rack that jobs use at a time; 0: all
    std::uint32_t racks_per_block = 0;  ///< 0: the group is one block
};

class topology {
public:
    /// A rack: its nodes are rows [first_node, first_node + nodes).
    struct rack {
        std::uint32_t first_node = 0;
        std::uint32_t nodes = 0;
        std::uint32_t usable = 0;
        std::uint32_t block = 0;
    };
    /// A block: its racks are rows [first_rack, first_rack + racks).
    struct block {
        std::uint32_t first_rack = 0;
        std::uint32_t racks = 0;
        std::uint32_t site = 0;
    };

    /// Appends racks to the site that was opened last; the first site opens by itself. A block holds racks of one
    /// group. \pre count, nodes >= 1, usable <= nodes
    void add(const rack_group& g) {
        AMPACITY_ASSERT(g.count >= 1 && g.nodes >= 1 && g.usable <= g.nodes);
        const std::uint32_t per_block = g.racks_per_block == 0 ? g.count : g.racks_per_block;
        for (std::uint32_t i = 0; i != g.count; ++i) {
            if (i % per_block == 0) blocks_.push_back({.first_rack = num_racks(), .racks = 0, .site = site_});
            ++blocks_.back().racks;
            rack_of_.insert(rack_of_.end(), g.nodes, num_racks());
            racks_.push_back({.first_node = num_nodes() - g.nodes,
                              .nodes = g.nodes,
                              .usable = g.usable == 0 ? g.nodes : g.usable,
                              .block = num_blocks() - 1});
            most_nodes_ = std::max(most_nodes_, g.nodes);
            most_usable_ = std::max(most_usable_, racks_.back().usable);
        }
    }
    /// What is added from here on belongs to a further site.
    void next_site() {
        if (!racks_.empty()) ++site_;
    }

    /// These nodes alone, numbered from 0. Racks, blocks and sites without any of them are left out; a rack has no more
    /// usable nodes than it had. \pre rising
    [[nodiscard]] topology part(std::span<const node_id> nodes) const {
        topology out;
        for (std::size_t i = 0; i != nodes.size(); ++i) {
            const rack& from = racks_[rack_of(nodes[i])];
            const rack* const before = i == 0 ? nullptr : &racks_[rack_of(nodes[i - 1])];
            if (before == nullptr || before->block != from.block) {
                if (before != nullptr && blocks_[before->block].site != blocks_[from.block].site) out.next_site();
                out.blocks_.push_back({.first_rack = out.num_racks(), .racks = 0, .site = out.site_});
            }
            if (before != &from) {
                ++out.blocks_.back().racks;
                out.racks_.push_back(
                    {.first_node = out.num_nodes(), .nodes = 0, .usable = 0, .block = out.num_blocks() - 1});
            }
            rack& to = out.racks_.back();
            ++to.nodes;
            to.usable = std::min(to.nodes, from.usable);
            out.rack_of_.push_back(out.num_racks() - 1);
            out.most_nodes_ = std::max(out.most_nodes_, to.nodes);
            out.most_usable_ = std::max(out.most_usable_, to.usable);
        }
        return out;
    }

    [[nodiscard]] std::uint32_t num_nodes() const noexcept { return static_cast<std::uint32_t>(rack_of_.size()); }
    [[nodiscard]] std::uint32_t num_racks() const noexcept { return static_cast<std::uint32_t>(racks_.size()); }
    [[nodiscard]] std::uint32_t num_blocks() const noexcept { return static_cast<std::uint32_t>(blocks_.size()); }
    [[nodiscard]] std::uint32_t num_sites() const noexcept { return racks_.empty() ? 0 : blocks_.back().site + 1; }
    [[nodiscard]] const rack& rack_at(std::uint32_t r) const noexcept { return racks_[r]; }
    [[nodiscard]] const block& block_at(std::uint32_t b) const noexcept { return blocks_[b]; }
    [[nodiscard]] std::uint32_t rack_of(node_id node) const noexcept { return rack_of_[index(node)]; }
    [[nodiscard]] std::uint32_t site_of(std::uint32_t r) const noexcept { return blocks_[racks_[r].block].site; }
    /// Of the largest rack.
    [[nodiscard]] std::uint32_t most_nodes() const noexcept { return most_nodes_; }
    /// Nodes that one job can have in the rack that offers most: the size of the NVLink domain.
    [[nodiscard]] std::uint32_t most_usable() const noexcept { return most_usable_; }

private:
    std::vector<rack> racks_;
    std::vector<block> blocks_;
    std::vector<std::uint32_t> rack_of_;  // (nodes)
    std::uint32_t site_ = 0;
    std::uint32_t most_nodes_ = 0;
    std::uint32_t most_usable_ = 0;
};

}  // namespace ampacity::fleet
