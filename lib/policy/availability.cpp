#include "availability.hpp"

#include <algorithm>

namespace ampacity::policy {
namespace {

planned_time after(planned_time start, duration length) noexcept {
    const auto ns = static_cast<planned_time>(ticks(length));
    return start > never_planned - ns ? never_planned : start + ns;
}

std::ptrdiff_t signed_row(std::size_t row) noexcept { return static_cast<std::ptrdiff_t>(row); }

}  // namespace

std::size_t availability::block::row_of(planned_time t) const {
    return static_cast<std::size_t>(std::upper_bound(at.begin(), at.begin() + signed_row(size), t) - at.begin()) - 1;
}

void availability::block::erase_front(std::size_t n) {
    std::copy(at.begin() + signed_row(n), at.begin() + signed_row(size), at.begin());
    std::copy(free.begin() + signed_row(n), free.begin() + signed_row(size), free.begin());
    size -= n;
}

void availability::block::insert(std::size_t row, planned_time t, std::int64_t gpus) {
    std::copy_backward(at.begin() + signed_row(row), at.begin() + signed_row(size), at.begin() + signed_row(size + 1));
    std::copy_backward(free.begin() + signed_row(row), free.begin() + signed_row(size),
                       free.begin() + signed_row(size + 1));
    at[row] = t;
    free[row] = gpus;
    ++size;
}

void availability::reset(planned_time now, std::int64_t free,
                         const std::vector<std::pair<planned_time, std::int64_t>>& ends) {
    drop_front(row_.size());
    planned_time at = now;
    for (const auto& [end, gpus] : ends) {
        if (end != at) append(std::exchange(at, end), free);
        free += gpus;
    }
    append(at, free);
}

void availability::append(planned_time at, std::int64_t free) {
    // Half full, so that there is room for steps between.
    if (row_.empty() || steps(row_.size() - 1).size == per_block / 2) insert_block(row_.size());
    block& b = steps(row_.size() - 1);
    b.insert(b.size, at, free);
    measure(row_.size() - 1);
}

void availability::insert_block(std::size_t b) {
    if (spare_.empty()) {
        spare_.push_back(static_cast<std::uint32_t>(store_.size()));
        store_.emplace_back();
    }
    row_.insert(row_.begin() + signed_row(b), spare_.back());
    spare_.pop_back();
    steps(b).size = 0;
    first_.insert(first_.begin() + signed_row(b), planned_time{0});
    for (auto* column : {&offset_, &least_, &most_}) column->insert(column->begin() + signed_row(b), 0);
}

void availability::drop_front(std::size_t n) {
    spare_.insert(spare_.end(), row_.begin(), row_.begin() + signed_row(n));
    row_.erase(row_.begin(), row_.begin() + signed_row(n));
    first_.erase(first_.begin(), first_.begin() + signed_row(n));
    for (auto* column : {&offset_, &least_, &most_}) column->erase(column->begin(), column->begin() + signed_row(n));
}

void availability::measure(std::size_t b) {
    const block& k = steps(b);
    const auto [least, most] = std::minmax_element(k.free.begin(), k.free.begin() + signed_row(k.size));
    least_[b] = *least + offset_[b];
    most_[b] = *most + offset_[b];
    first_[b] = k.at[0];
}

std::size_t availability::block_of(planned_time t) const {
    return static_cast<std::size_t>(std::upper_bound(first_.begin(), first_.end(), t) - first_.begin()) - 1;
}

void availability::forget_past(planned_time now) {
    drop_front(block_of(now));
    block& k = steps(0);
    k.erase_front(k.row_of(now));
    k.at[0] = now;
    measure(0);
}

std::int64_t availability::free_at(planned_time t) const {
    const std::size_t b = block_of(t);
    return steps(b).free[steps(b).row_of(t)] + offset_[b];
}

std::optional<planned_time> availability::free_for(std::int64_t gpus) const {
    const planned_time from = first_.front();
    for (std::size_t b = 0; b != row_.size(); ++b) {
        if (least_[b] >= gpus) continue;
        const block& k = steps(b);
        std::size_t row = 0;
        while (k.free[row] + offset_[b] >= gpus) ++row;
        if (k.at[row] == from) return std::nullopt;
        return k.at[row] - from;
    }
    return never_planned;
}

planned_time availability::earliest(planned_time from, std::int64_t gpus, duration length) const {
    planned_time start = from;
    bool open = false;
    for (std::size_t b = block_of(from); b != row_.size(); ++b) {
        if (open && first_[b] >= after(start, length)) return start;
        if (most_[b] < gpus) {
            open = false;
            continue;
        }
        const block& k = steps(b);
        if (least_[b] >= gpus) {
            if (!open) start = std::max(from, k.at[0]);
            open = true;
            continue;
        }
        const std::int64_t wanted = gpus - offset_[b];
        for (std::size_t row = k.at[0] < from ? k.row_of(from) : 0; row != k.size; ++row) {
            if (open && k.at[row] >= after(start, length)) return start;
            if (k.free[row] < wanted) {
                open = false;
            } else if (!open) {
                start = std::max(from, k.at[row]);
                open = true;
            }
        }
    }
    return open ? start : never_planned;
}

/// The step that begins at `t`, made if there is none.
availability::place availability::split(planned_time t) {
    std::size_t b = block_of(t);
    std::size_t row = steps(b).row_of(t);
    if (steps(b).at[row] == t) return {.block = b, .row = row};
    if (steps(b).size == per_block) {
        insert_block(b + 1);
        block& left = steps(b);
        block& right = steps(b + 1);
        right = left;
        right.erase_front(per_block / 2);
        left.size = per_block / 2;
        offset_[b + 1] = offset_[b];
        measure(b);
        measure(b + 1);
        if (row >= per_block / 2) {
            row -= per_block / 2;
            ++b;
        }
    }
    steps(b).insert(row + 1, t, steps(b).free[row]);
    return {.block = b, .row = row + 1};
}

void availability::claim(planned_time start, duration length, std::int64_t gpus) {
    if (start == never_planned || length == duration::zero()) return;
    const planned_time end = after(start, length);
    split(end);
    const place from = split(start);
    std::size_t row = from.row;
    for (std::size_t b = from.block; b != row_.size() && first_[b] < end; ++b, row = 0) {
        const bool ends_within = b + 1 == row_.size() || first_[b + 1] > end;
        if (row == 0 && !ends_within) {
            offset_[b] -= gpus;
            least_[b] -= gpus;
            most_[b] -= gpus;
            continue;
        }
        block& k = steps(b);
        for (; row != k.size && k.at[row] < end; ++row) k.free[row] -= gpus;
        measure(b);
    }
}

}  // namespace ampacity::policy
