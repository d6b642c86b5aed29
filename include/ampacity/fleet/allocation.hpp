#pragma once
/// \file
/// Which GPUs a job holds: a list of (node, GPU mask), so that a failure can hit a single GPU.
///
/// Lists live in one arena with a free list per power-of-two size. An arena that knows how many shares there can be
/// at a time has address space for them from the start, so starting and stopping jobs allocates nothing. On a pool the
/// list is empty and only the count matters. Not thread-safe.

#include <ampacity/core/ids.hpp>
#include <ampacity/core/scope.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ampacity::fleet {

/// GPUs of a mask. Without the machine's own instruction, `std::popcount` is a call.
[[nodiscard]] constexpr std::uint32_t count_gpus(std::uint64_t mask) noexcept {
    mask -= mask >> 1U & 0x5555'5555'5555'5555U;
    mask = (mask & 0x3333'3333'3333'3333U) + (mask >> 2U & 0x3333'3333'3333'3333U);
    return static_cast<std::uint32_t>(((mask + (mask >> 4U)) & 0x0F0F'0F0F'0F0F'0F0FU) * 0x0101'0101'0101'0101U >> 56U);
}

/// The GPUs of one node that belong to one job; bit i is GPU i of the node.
struct gpu_share {
    node_id node{};
    std::uint64_t gpus = 0;

    friend constexpr bool operator==(const gpu_share&, const gpu_share&) = default;
};

/// What a job needs, as far as placing it is concerned.
struct demand {
    std::uint32_t gpus = 0;
    std::uint16_t segment = 0;    ///< nodes of a segment, each of which lies in one rack; 0: no segments
    scope within = scope::fleet;  ///< holds the whole job
    bool exclusive : 1 = false;   ///< no other job in its racks while it runs
    bool spread : 1 = false;      ///< take GPUs node by node instead of whole nodes
    /// On a mixed fleet: the row of `gpu_types` that says which types may run it, and how fast.
    std::uint8_t speeds : 6 = 0;

    [[nodiscard]] constexpr demand with_speeds(std::uint8_t row) const noexcept {
        demand d = *this;
        d.speeds = row & 63U;
        return d;
    }
    /// Equal for equal demands only.
    [[nodiscard]] constexpr std::uint64_t key() const noexcept {
        return std::uint64_t{gpus} << 32U | std::uint64_t{segment} << 16U |
               static_cast<std::uint64_t>(static_cast<unsigned>(speeds) << 10U | static_cast<unsigned>(within) << 2U |
                                          (exclusive ? 2U : 0U) | (spread ? 1U : 0U));
    }
    friend constexpr bool operator==(const demand& a, const demand& b) noexcept { return a.key() == b.key(); }
};
static_assert(sizeof(demand) == 8);

/// A list of shares inside an `allocation_arena`.
struct allocation {
    std::uint32_t at = 0;
    std::uint32_t size = 0;
};

/// Storage for allocations.
class allocation_arena {
public:
    /// Makes room for lists of `most_shares` shares in all; more are possible.
    explicit allocation_arena(std::size_t most_shares = 0) {
        if (most_shares == 0) return;
        storage_.reserve(2 * most_shares);
        std::size_t shortest = 1;  // list of its kind
        for (auto& lists : free_) {
            lists.reserve(most_shares / shortest);
            if (shortest > most_shares) break;
            shortest = 2 * shortest - (shortest == 1 ? 0 : 1);
        }
    }

    /// Copies `shares`, which are not of this arena, in. O(size), amortised without allocation.
    [[nodiscard]] allocation store(std::span<const gpu_share> shares) {
        if (shares.empty()) return {};
        const std::size_t kind = size_class(shares.size());
        std::uint32_t at = 0;
        if (!free_[kind].empty()) {
            at = free_[kind].back();
            free_[kind].pop_back();
        } else {
            at = static_cast<std::uint32_t>(storage_.size());
            storage_.resize(storage_.size() + (std::size_t{1} << kind));
        }
        std::copy(shares.begin(), shares.end(), storage_.begin() + at);
        return {.at = at, .size = static_cast<std::uint32_t>(shares.size())};
    }

    /// Gives the storage back; the allocation must not be used again.
    void release(allocation a) {
        if (a.size != 0) free_[size_class(a.size)].push_back(a.at);
    }

    /// Valid until the next `store`.
    [[nodiscard]] std::span<const gpu_share> shares(allocation a) const noexcept {
        return {storage_.data() + a.at, a.size};
    }

private:
    static std::size_t size_class(std::size_t size) noexcept {
        return static_cast<std::size_t>(std::bit_width(size - 1));
    }

    std::vector<gpu_share> storage_;
    std::array<std::vector<std::uint32_t>, 33> free_{};
};

}  // namespace ampacity::fleet
