#include <ampacity/serving/kv_blocks.hpp>

#include <algorithm>
#include <cstddef>

namespace ampacity::serving {

kv_blocks::kv_blocks(std::int64_t num_blocks, std::int64_t block_tokens, std::int64_t parts)
    : num_blocks_(num_blocks),
      block_tokens_(block_tokens),
      block_steps_(block_tokens * parts),
      free_(num_blocks),
      class_(static_cast<std::size_t>(block_tokens * parts)),
      group_(static_cast<std::size_t>(block_tokens * parts / group + 1)) {}

void kv_blocks::count(std::int64_t step, std::int64_t computed, std::int32_t by) noexcept {
    // It takes a block before step i where computed + (i - step) is a multiple of the block.
    std::int64_t c = (step - computed) % block_steps_;
    if (c < 0) c += block_steps_;
    class_[static_cast<std::size_t>(c)] += by;
    group_[static_cast<std::size_t>(c / group)] += by;
    members_ += by;
}

std::int64_t kv_blocks::in_classes(std::int64_t from, std::int64_t n) const noexcept {
    std::int64_t sum = 0;
    std::int64_t at = from;
    const std::int64_t end = from + n;
    while (at != end) {
        if (at % group == 0 && end - at >= group) {
            sum += group_[static_cast<std::size_t>(at / group)];
            at += group;
        } else {
            const std::int64_t stop = std::min(end, (at / group + 1) * group);
            for (; at != stop; ++at) sum += class_[static_cast<std::size_t>(at)];
        }
    }
    return sum;
}

std::int64_t kv_blocks::needed(std::int64_t step, std::int64_t steps) const noexcept {
    const std::int64_t rounds = steps / block_steps_;
    const std::int64_t rest = steps - rounds * block_steps_;
    const std::int64_t from = step % block_steps_;
    const std::int64_t first = std::min(rest, block_steps_ - from);
    return rounds * members_ + in_classes(from, first) + in_classes(0, rest - first);
}

std::int64_t kv_blocks::steps_with(std::int64_t blocks, std::int64_t step, std::int64_t limit) const noexcept {
    // In `limit` steps no request takes more than ceil(limit / block) blocks.
    if (members_ == 0 || blocks / members_ >= (limit - 1) / block_steps_ + 1) return limit;
    std::int64_t steps = blocks / members_ * block_steps_;
    std::int64_t left = blocks % members_;
    std::int64_t at = step % block_steps_;
    // Within one round more than `left` blocks are taken: this ends.
    while (steps < limit) {
        if (at == block_steps_) at = 0;
        const bool whole = at % group == 0 && at + group <= block_steps_;
        const std::int64_t some = group_[static_cast<std::size_t>(at / group)];
        if (whole && some <= left) {
            left -= some;
            steps += group;
            at += group;
            continue;
        }
        left -= class_[static_cast<std::size_t>(at)];
        if (left < 0) break;
        ++steps;
        ++at;
    }
    return std::min(steps, limit);
}

}  // namespace ampacity::serving
