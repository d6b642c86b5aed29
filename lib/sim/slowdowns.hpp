#pragma once
/// \file
/// Nodes that are slow for a while, and how slow they are now.
///
/// Where several slowdowns of a node overlap their speeds multiply, in the order of the list, down to 2^-60. Not
/// thread-safe.

#include "pacer.hpp"

#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

namespace ampacity::sim {

class slowdowns final : public pacer {
public:
    /// Of a fleet of so many nodes.
    slowdowns(std::size_t nodes, std::vector<slowdown> list) : list_(std::move(list)) {
        if (list_.empty()) return;
        pace_.assign(nodes, 1.0);
        for (std::size_t i = 0; i != list_.size(); ++i) {
            changes_.push_back({list_[i].start, i, true});
            changes_.push_back({list_[i].end, i, false});
        }
        std::sort(changes_.begin(), changes_.end(), [](const change& a, const change& b) {
            return std::tuple(a.at, a.row, a.begins) < std::tuple(b.at, b.row, b.begins);
        });
    }

    [[nodiscard]] bool any() const noexcept { return !list_.empty(); }
    /// When the next one begins or ends, if there is one.
    [[nodiscard]] std::optional<instant> when() const noexcept {
        if (next_ == changes_.size()) return std::nullopt;
        return changes_[next_].at;
    }
    /// All that begin and end at `now`; the nodes that these are about, rising.
    [[nodiscard]] std::span<const node_id> change_all(instant now) {
        touched_.clear();
        for (; when() == now; ++next_) {
            const change& c = changes_[next_];
            touched_.insert(touched_.end(), list_[c.row].nodes.begin(), list_[c.row].nodes.end());
            const auto at = std::lower_bound(now_on_.begin(), now_on_.end(), c.row);
            if (c.begins)
                now_on_.insert(at, c.row);
            else
                now_on_.erase(at);
        }
        std::sort(touched_.begin(), touched_.end());
        touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
        for (const node_id n : touched_) pace_[index(n)] = pace_of(n);
        return touched_;
    }

    [[nodiscard]] double pace(std::uint16_t, std::int32_t, const fleet::gpu_share& on) const override {
        return pace_[index(on.node)];
    }

private:
    struct change {
        instant at{};
        std::size_t row = 0;
        bool begins = false;
    };
    static constexpr double least = 0x1p-60;

    [[nodiscard]] double pace_of(node_id n) const {
        double pace = 1.0;
        for (const std::size_t row : now_on_) {
            if (std::binary_search(list_[row].nodes.begin(), list_[row].nodes.end(), n)) pace *= list_[row].speed;
        }
        return std::max(pace, least);
    }

    std::vector<slowdown> list_;
    std::vector<change> changes_;      // by time
    std::size_t next_ = 0;             // of them
    std::vector<std::size_t> now_on_;  // rows of list_, rising
    std::vector<double> pace_;         // (nodes)
    std::vector<node_id> touched_;
};

}  // namespace ampacity::sim
