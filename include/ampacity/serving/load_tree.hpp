#pragma once
/// \file
/// The replica with the least load, the first of several: a winner tree over replicas.
///
/// O(1) to ask, O(log replicas) to change one load; allocates in `assign` only. One thread.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace ampacity::serving {

class load_tree {
public:
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::int64_t load(std::size_t i) const noexcept { return loads_[i]; }
    /// The first with the least load. \pre size() > 0.
    [[nodiscard]] std::size_t least() const noexcept { return winner_[1]; }

    /// All loads anew. \pre there is one.
    void assign(std::vector<std::int64_t> loads) {
        size_ = loads.size();
        leaves_ = std::bit_ceil(size_);
        loads_ = std::move(loads);
        loads_.resize(leaves_, std::numeric_limits<std::int64_t>::max());
        winner_.assign(2 * leaves_, 0);
        for (std::size_t i = 0; i != leaves_; ++i) winner_[leaves_ + i] = static_cast<std::uint32_t>(i);
        for (std::size_t node = leaves_; --node != 0;) play(node);
    }

    /// \pre i < size().
    void set(std::size_t i, std::int64_t load) noexcept {
        if (loads_[i] == load) return;
        loads_[i] = load;
        for (std::size_t node = (leaves_ + i) / 2; node != 0; node /= 2) play(node);
    }

private:
    void play(std::size_t node) noexcept {
        const std::uint32_t left = winner_[2 * node];
        const std::uint32_t right = winner_[2 * node + 1];
        winner_[node] = loads_[right] < loads_[left] ? right : left;
    }

    std::size_t size_ = 0;
    std::size_t leaves_ = 0;             // a power of two
    std::vector<std::int64_t> loads_;    // of the leaves; those behind `size_` never win
    std::vector<std::uint32_t> winner_;  // by node; the root is entry 1
};

}  // namespace ampacity::serving
