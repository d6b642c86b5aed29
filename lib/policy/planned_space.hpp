#pragma once
/// \file
/// What is free at an instant to come, if running jobs end as planned and nodes close and come back as planned.
///
/// A copy of what is free now, on which instants are looked at in rising order: `give` what ends, then `look` at the
/// time that a job would run. Nodes that have failed, or drain, stay out. O(nodes) to begin on nodes, and O(nodes of a
/// closing) where a look is the first to see it begin or end. Not thread-safe.

#include <ampacity/policy/view.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ampacity::policy {

class planned_space {
public:
    void begin(const view& v) { begin(v, v.capacity.free); }
    /// \pre `free` shows the nodes that are in service now
    void begin(const view& v, const fleet::free_index& free) {
        free_ = free;
        seen_ = v.now;
        shut_.assign(v.capacity.closings.size(), 0);
        for (std::size_t k = 0; k != shut_.size(); ++k) {
            const fleet::closing& c = v.capacity.closings[k];
            shut_[k] = c.start <= v.now && v.now < c.end ? 1 : 0;
        }
    }

    /// The indexes of before and after `look` are one and the same.
    [[nodiscard]] const fleet::free_index& free() const noexcept { return free_; }

    void give(fleet::demand wanted, std::span<const fleet::gpu_share> held) { free_.give(wanted, held); }
    void take(fleet::demand wanted, std::span<const fleet::gpu_share> held) { free_.occupy(wanted, held); }

    /// The instant looked at last; now at the beginning.
    [[nodiscard]] instant seen() const noexcept { return seen_; }

    /// From now on `free()` shows what a job that runs over [from, to) could get.
    void look(const view& v, instant from, instant to) {
        const auto closings = v.capacity.closings;
        seen_ = from;
        bool changed = false;
        for (std::size_t k = 0; k != shut_.size(); ++k) {
            const std::uint8_t shut = closings[k].meets(from, to) ? 1 : 0;
            if (shut == shut_[k]) continue;
            shut_[k] = shut;
            for (const node_id n : closings[k].nodes) free_.set_in_service(n, false);
            changed = true;
        }
        if (!changed) return;
        for (std::size_t k = 0; k != shut_.size(); ++k) {
            if (shut_[k] != 0) continue;
            for (const node_id n : closings[k].nodes) {
                const fleet::node_state s = v.health.nodes[index(n)];
                if ((s == fleet::node_state::up || s == fleet::node_state::closed) && !is_shut(v, n))
                    free_.set_in_service(n, true);
            }
        }
    }

private:
    [[nodiscard]] bool is_shut(const view& v, node_id n) const {
        for (std::size_t k = 0; k != shut_.size(); ++k) {
            const auto& nodes = v.capacity.closings[k].nodes;
            if (shut_[k] != 0 && std::binary_search(nodes.begin(), nodes.end(), n)) return true;
        }
        return false;
    }

    fleet::free_index free_;
    instant seen_{};
    std::vector<std::uint8_t> shut_;  // (closings) are its nodes out of service in free_?
};

/// An instant of `ranked_job::key`s: never beyond the range.
[[nodiscard]] inline instant instant_of(std::uint64_t ns) noexcept {
    return ns < static_cast<std::uint64_t>(ticks(never)) ? instant{duration{static_cast<std::int64_t>(ns)}} : never;
}

}  // namespace ampacity::policy
