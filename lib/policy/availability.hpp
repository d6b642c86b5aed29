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

/// Nanoseconds since the start, unsigned: what is planned from a start of at most 292 years on, for at most 200,
/// fits; whatever lies beyond all of it is `never_planned` and cannot matter to what starts now.
using planned_time = std::uint64_t;
inline constexpr planned_time never_planned = ~planned_time{0};

class availability {
public:
    /// Begins anew: from `now` on `free` GPUs, more as of each of `ends` (instant, GPUs), which rise and lie after
    /// `now`.
    void reset(planned_time now, std::int64_t free, const std::vector<std::pair<planned_time, std::int64_t>>& ends);

    /// Drops what lies before `now`. \pre not before the first step
    void forget_past(planned_time now);

    /// GPUs planned to be free at `t`. \pre not before the first instant
    [[nodiscard]] std::int64_t free_at(planned_time t) const;

    /// For how long `gpus` are planned to be free from the first instant on; nothing if they are not, not even then.
    /// [ns]
    [[nodiscard]] std::optional<planned_time> free_for(std::int64_t gpus) const;

    /// The earliest instant at or after `from` from which `gpus` are planned free for `length`; `never_planned` if
    /// there is none.
    [[nodiscard]] planned_time earliest(planned_time from, std::int64_t gpus, duration length) const;

    /// Takes GPUs out over [start, start + length). \pre `start` is not before the first step
    void claim(planned_time start, duration length, std::int64_t gpus);

private:
    static constexpr std::size_t per_block = 64;
    struct block {
        std::array<planned_time, per_block> at;    ///< rising
        std::array<std::int64_t, per_block> free;  ///< until the next step, less the block's offset
        std::size_t size = 0;

        /// The row that holds `t`. \pre not before the first
        [[nodiscard]] std::size_t row_of(planned_time t) const;
        void erase_front(std::size_t n);
        void insert(std::size_t row, planned_time t, std::int64_t gpus);
    };
    struct place {
        std::size_t block;
        std::size_t row;
    };

    [[nodiscard]] block& steps(std::size_t b) noexcept { return store_[row_[b]]; }
    [[nodiscard]] const block& steps(std::size_t b) const noexcept { return store_[row_[b]]; }

    void append(planned_time at, std::int64_t free);
    [[nodiscard]] std::size_t block_of(planned_time t) const;
    place split(planned_time t);
    void insert_block(std::size_t b);
    void drop_front(std::size_t n);
    void measure(std::size_t b);

    std::vector<block> store_;          // in the order in which they were made
    std::vector<std::uint32_t> spare_;  // rows of the store that are not in use
    std::vector<std::uint32_t> row_;    // (blocks) into the store, in order of time
    std::vector<planned_time> first_;   // (blocks)
    std::vector<std::int64_t> offset_;  // (blocks) to be added to each of the block's counts
    std::vector<std::int64_t> least_;   // (blocks) with the offset
    std::vector<std::int64_t> most_;    // (blocks) with the offset
};

}  // namespace ampacity::policy
