#pragma once
/// \file
/// A set of node rows that finds its lowest or highest member, or the next one after a row, in O(log64 n).
///
/// A hierarchy of bit words: bit i of a level says that word i of the level below is not empty. Insert and
/// erase touch one word per level and stop early; nothing allocates after construction. Not thread-safe.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ampacity::fleet {

class node_set {
public:
    /// "No such row".
    static constexpr std::uint32_t npos = 0xFFFF'FFFFU;

    /// An empty set over rows [0, size).
    explicit node_set(std::uint32_t size = 0) {
        std::size_t words = (std::size_t{size} + 63) / 64;
        do {
            levels_.emplace_back(words == 0 ? 1 : words, std::uint64_t{0});
            words = (levels_.back().size() + 63) / 64;
        } while (levels_.back().size() > 1);
    }

    /// Adds a row; adding a member changes nothing.
    void insert(std::uint32_t row) noexcept { add(row / 64, std::uint64_t{1} << (row % 64)); }

    /// Removes a row; removing a stranger changes nothing.
    void erase(std::uint32_t row) noexcept { remove(row / 64, std::uint64_t{1} << (row % 64)); }

    /// The same of the rows `first` + i for all bits i. \pre rows of the set
    void insert(std::uint32_t first, std::uint64_t bits) noexcept {
        const std::uint32_t shift = first % 64;
        if (const std::uint64_t low = bits << shift; low != 0) add(first / 64, low);
        if (const std::uint64_t high = bits >> 1U >> (63 - shift); high != 0) add(first / 64 + 1, high);
    }
    void erase(std::uint32_t first, std::uint64_t bits) noexcept {
        const std::uint32_t shift = first % 64;
        if (const std::uint64_t low = bits << shift; low != 0) remove(first / 64, low);
        if (const std::uint64_t high = bits >> 1U >> (63 - shift); high != 0) remove(first / 64 + 1, high);
    }

    [[nodiscard]] bool contains(std::uint32_t row) const noexcept {
        return (levels_.front()[row / 64] >> (row % 64) & 1U) != 0;
    }

    [[nodiscard]] bool empty() const noexcept { return levels_.back().front() == 0; }

    /// The lowest member, or `npos`.
    [[nodiscard]] std::uint32_t first() const noexcept { return empty() ? npos : descend(levels_.size() - 1, 0); }

    /// The highest member, or `npos`.
    [[nodiscard]] std::uint32_t last() const noexcept {
        if (empty()) return npos;
        std::uint32_t row = 0;
        for (std::size_t level = levels_.size(); level-- != 0;)
            row = row * 64 + 63 - static_cast<std::uint32_t>(std::countl_zero(levels_[level][row]));
        return row;
    }

    /// The lowest member above `row`, or `npos`.
    [[nodiscard]] std::uint32_t next(std::uint32_t row) const noexcept {
        for (std::size_t level = 0; level != levels_.size(); ++level) {
            const std::uint32_t bit = row % 64;
            const std::uint32_t word = row / 64;
            const std::uint64_t above = bit == 63 ? 0 : levels_[level][word] >> (bit + 1) << (bit + 1);
            if (above != 0) {
                const auto found = word * 64 + static_cast<std::uint32_t>(std::countr_zero(above));
                return level == 0 ? found : descend(level - 1, found);
            }
            row = word;
        }
        return npos;
    }

private:
    void add(std::uint32_t at, std::uint64_t bits) noexcept {
        for (auto& level : levels_) {
            auto& word = level[at];
            const bool was_empty = word == 0;
            word |= bits;
            if (!was_empty) return;
            bits = std::uint64_t{1} << (at % 64);
            at /= 64;
        }
    }
    void remove(std::uint32_t at, std::uint64_t bits) noexcept {
        for (auto& level : levels_) {
            auto& word = level[at];
            word &= ~bits;
            if (word != 0) return;
            bits = std::uint64_t{1} << (at % 64);
            at /= 64;
        }
    }

    [[nodiscard]] std::uint32_t descend(std::size_t level, std::uint32_t word) const noexcept {
        for (;; --level) {
            word = word * 64 + static_cast<std::uint32_t>(std::countr_zero(levels_[level][word]));
            if (level == 0) return word;
        }
    }

    std::vector<std::vector<std::uint64_t>> levels_;  // finest first; the last has one word
};

}  // namespace ampacity::fleet
