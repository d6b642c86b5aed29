#pragma once
/// \file
/// The blocks of a KV cache, counted for requests that all grow by one token per decode step.
///
/// A request that decodes takes a block in one step out of `block_tokens`: in those whose number is congruent to its
/// *class*. So the blocks that a series of steps takes follow from the number of requests in each class. Steps are
/// counted by whoever owns this; step s is the one before which s steps were done. join, leave and needed are O(1); the
/// others O(min(block_tokens, 64) + block_tokens / 64). Allocates in the constructor only. One thread.
///
/// Where requests grow by parts of tokens, a step here is one of one part, and `computed` are parts.

#include <cstdint>
#include <vector>

namespace ampacity::serving {

class kv_blocks {
public:
    /// The largest block [tokens].
    static constexpr std::int64_t max_block_tokens = std::int64_t{1} << 20U;

    /// `parts` of a token are one step. \pre num_blocks >= 0, 1 <= block_tokens x parts <= max_block_tokens.
    kv_blocks(std::int64_t num_blocks, std::int64_t block_tokens, std::int64_t parts = 1);

    [[nodiscard]] std::int64_t num_blocks() const noexcept { return num_blocks_; }
    [[nodiscard]] std::int64_t free() const noexcept { return free_; }
    [[nodiscard]] std::int64_t block_tokens() const noexcept { return block_tokens_; }
    /// Blocks that hold so many tokens.
    [[nodiscard]] std::int64_t holding(std::int64_t tokens) const noexcept {
        return (tokens + block_tokens_ - 1) / block_tokens_;
    }

    void take(std::int64_t blocks) noexcept { free_ -= blocks; }
    void give_back(std::int64_t blocks) noexcept { free_ += blocks; }

    /// A request with so many computed tokens decodes from step `step` on, or no longer. Moves no blocks.
    void join(std::int64_t step, std::int64_t computed) noexcept { count(step, computed, 1); }
    void leave(std::int64_t step, std::int64_t computed) noexcept { count(step, computed, -1); }

    /// Blocks that step `step` takes.
    [[nodiscard]] std::int64_t needed(std::int64_t step) const noexcept {
        return class_[static_cast<std::size_t>(step % block_steps_)];
    }
    /// Blocks that the `steps` steps from `step` on take.
    [[nodiscard]] std::int64_t needed(std::int64_t step, std::int64_t steps) const noexcept;
    /// The most steps from `step` on, up to `limit`, for which there are free blocks.
    [[nodiscard]] std::int64_t steps_with_blocks(std::int64_t step, std::int64_t limit) const noexcept {
        return steps_with(free_, step, limit);
    }
    /// The same, that take at most so many blocks.
    [[nodiscard]] std::int64_t steps_with(std::int64_t blocks, std::int64_t step, std::int64_t limit) const noexcept;

private:
    static constexpr std::int64_t group = 64;  ///< classes in one partial sum

    void count(std::int64_t step, std::int64_t computed, std::int32_t by) noexcept;
    /// Requests in the classes from .. from + n - 1. \pre they do not wrap.
    [[nodiscard]] std::int64_t in_classes(std::int64_t from, std::int64_t n) const noexcept;

    std::int64_t num_blocks_;
    std::int64_t block_tokens_;
    std::int64_t block_steps_;  ///< in which a request fills a block
    std::int64_t free_;
    std::int64_t members_ = 0;  ///< requests that decode
    std::vector<std::int32_t> class_;
    std::vector<std::int64_t> group_;
};

}  // namespace ampacity::serving
