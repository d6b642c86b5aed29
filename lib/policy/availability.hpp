#pragma once
/// \file
/// How many GPUs are planned to be free from now on: a step function of time, for policies that reserve.
///
/// Steps lie in blocks of at most 64; a block's count is relative to an offset of the block, and its least and most
/// free GPUs are known, so a search skips blocks that cannot begin or end a slot, and a reservation changes whole
/// blocks in one addition. With n steps a search or a reservation costs O(64 + n / 64). Not thread-safe.

#include <ampacity/core/time.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace ampacity::policy {

class availability {
public:
    /// Begins anew: from `now` on `free` GPUs, more as of each of `ends` (instant, GPUs), which rise and lie after `now`.
    void reset(instant now, std::int64_t free, const std::vector<std::pair<instant, std::int64_t>>& ends);

    /// Drops what lies before `now`. \pre not before the first step
    void forget_past(instant now);

    /// GPUs planned to be free at `t`. \pre not before the first instant
    [[nodiscard]] std::int64_t free_at(instant t) const;

    /// For how long `gpus` are planned to be free from the first instant on; nothing if they are not, not even then.
    [[nodiscard]] std::optional<duration> free_for(std::int64_t gpus) const;

    /// The earliest instant at or after `from` from which `gpus` are planned free for `length`; `never` if there is none.
    [[nodiscard]] instant earliest(instant from, std::int64_t gpus, duration length) const;

    /// Takes GPUs out over [start, start + length). \pre `start` is not before the first step
    void claim(instant start, duration length, std::int64_t gpus);

private:
    static constexpr std::size_t per_block = 64;
    struct block {
        std::array<instant, per_block> at;         ///< rising
        std::array<std::int64_t, per_block> free;  ///< until the next step, less the block's offset
        std::size_t size = 0;

        /// The row that holds `t`. \pre not before the first
        [[nodiscard]] std::size_t row_of(instant t) const;
        void erase_front(std::size_t n);
        void insert(std::size_t row, instant t, std::int64_t gpus);
    };
    struct place {
        std::size_t block;
        std::size_t row;
    };

    [[nodiscard]] block& steps(std::size_t b) noexcept { return store_[row_[b]]; }
    [[nodiscard]] const block& steps(std::size_t b) const noexcept { return store_[row_[b]]; }

    void append(instant at, std::int64_t free);
    [[nodiscard]] std::size_t block_of(instant t) const;
    place split(instant t);
    void insert_block(std::size_t b);
    void drop_front(std::size_t n);
    void measure(std::size_t b);

    std::vector<block> store_;          // in the order in which they were made
    std::vector<std::uint32_t> spare_;  // rows of the store that are not in use
    std::vector<std::uint32_t> row_;    // (blocks) into the store, in order of time
    std::vector<instant> first_;        // (blocks)
    std::vector<std::int64_t> offset_;  // (blocks) to be added to each of the block's counts
    std::vector<std::int64_t> least_;   // (blocks) with the offset
    std::vector<std::int64_t> most_;    // (blocks) with the offset
};

}  // namespace ampacity::policy
