#include <ampacity/serving/prefix_cache.hpp>

#include <algorithm>
#include <bit>

namespace ampacity::serving {

prefix_cache::prefix_cache(std::span<const std::int64_t> tier_blocks, prefix_cache* shared) noexcept
    : num_tiers_(tier_blocks.size()), shared_(shared) {
    std::copy(tier_blocks.begin(), tier_blocks.end(), room_.begin());
}

std::size_t prefix_cache::home(std::uint64_t key) const noexcept {
    // Fibonacci hashing: the high bits of the product.
    return static_cast<std::size_t>((key * 0x9E37'79B9'7F4A'7C15U) >> shift_);
}

prefix_cache::place prefix_cache::find(std::uint64_t key) const noexcept {
    if (table_.empty()) return nowhere;
    for (std::size_t at = home(key);; at = (at + 1) & (table_.size() - 1)) {
        const place p = table_[at];
        if (p == nowhere || entries_[p].key == key) return p;
    }
}

std::uint32_t prefix_cache::matching(std::uint32_t session, std::uint32_t limit) const noexcept {
    const place first = find(key_of(session, 0));
    return first == nowhere ? 0 : std::min(limit, entries_[first].front);
}

std::uint32_t prefix_cache::unheld(std::uint32_t session, std::uint32_t count) const noexcept {
    std::uint32_t n = 0;
    for (std::uint32_t block = 0; block != count; ++block) {
        if (entries_[find(key_of(session, block))].holders == 0) ++n;
    }
    return n;
}

void prefix_cache::hold(std::uint32_t session, std::uint32_t block) noexcept {
    const place p = find(key_of(session, block));
    if (entries_[p].holders++ == 0) unlink(unheld_, p);
}

std::size_t prefix_cache::tier_of(std::uint32_t session, std::uint32_t block) const noexcept {
    const place p = find(key_of(session, block));
    if (p != nowhere && !is_here(p)) return static_cast<std::size_t>(entries_[p].inserter - tier_mark);
    return shared_ != nullptr && shared_->tier_of(session, block) == 0 ? num_tiers_ : max_tiers;
}

void prefix_cache::put_down(std::uint32_t session, std::uint32_t block) {
    const std::uint64_t key = key_of(session, block);
    place p = find(key);
    if (p == nowhere)
        p = add(key, tier_mark);
    else
        unlink(tiers_[0], p);
    move_down(p);
}

bool prefix_cache::insert(std::uint32_t session, std::uint32_t block, std::uint64_t holder) {
    const std::uint64_t key = key_of(session, block);
    if (const place known = find(key); known != nowhere) {
        if (is_here(known)) return false;
        unlink(tiers_[static_cast<std::size_t>(entries_[known].inserter - tier_mark)], known);
        entries_[known].inserter = holder;
        entries_[known].holders = 1;
        extend_front(session, block);
        return true;
    }
    add(key, holder);
    extend_front(session, block);
    return true;
}

/// A name that is not there.
prefix_cache::place prefix_cache::add(std::uint64_t key, std::uint64_t inserter) {
    if (2 * (size_ + 1) > table_.size()) grow();
    place p = free_;
    if (p == nowhere) {
        p = static_cast<place>(entries_.size());
        entries_.emplace_back();
    } else {
        free_ = entries_[p].after;
    }
    entries_[p] = {key, inserter, 1, nowhere, nowhere, 0};
    std::size_t at = home(key);
    while (table_[at] != nowhere) at = (at + 1) & (table_.size() - 1);
    table_[at] = p;
    ++size_;
    return p;
}

/// Block `block` is new: it may close the gap behind those before it.
void prefix_cache::extend_front(std::uint32_t session, std::uint32_t block) noexcept {
    const place first = find(key_of(session, 0));
    if (first == nowhere || entries_[first].front != block) return;
    std::uint32_t n = block + 1;
    while (is_here(find(key_of(session, n)))) ++n;
    entries_[first].front = n;
}

bool prefix_cache::inserted_by(std::uint32_t session, std::uint32_t block, std::uint64_t holder) const noexcept {
    const place p = find(key_of(session, block));
    return p != nowhere && entries_[p].inserter == holder;
}

bool prefix_cache::let_go(std::uint32_t session, std::uint32_t block) noexcept {
    const place p = find(key_of(session, block));
    if (--entries_[p].holders != 0) return false;
    link_back(unheld_, p);
    return true;
}

void prefix_cache::evict(std::int64_t count) {
    for (; count != 0; --count) {
        const place p = unheld_.first;
        unlink(unheld_, p);
        const auto block = static_cast<std::uint32_t>(entries_[p].key);
        const place first = find(entries_[p].key - block);
        if (first != nowhere) entries_[first].front = std::min(entries_[first].front, block);
        move_down(p);
    }
}

/// To the first tier, and what that has no room for to the next one.
void prefix_cache::move_down(place p) {
    for (std::size_t tier = 0; tier != num_tiers_; ++tier) {
        entries_[p].inserter = tier_mark + tier;
        link_back(tiers_[tier], p);
        if (tiers_[tier].size <= room_[tier]) return;
        p = tiers_[tier].first;
        unlink(tiers_[tier], p);
    }
    forget(p);
}

void prefix_cache::forget(place p) {
    const std::uint64_t key = entries_[p].key;
    if (shared_ != nullptr) shared_->put_down(static_cast<std::uint32_t>(key >> 32U), static_cast<std::uint32_t>(key));
    erase(key);
    entries_[p].after = free_;
    free_ = p;
    --size_;
}

void prefix_cache::link_back(list& l, place p) noexcept {
    entries_[p].before = l.last;
    entries_[p].after = nowhere;
    (l.last == nowhere ? l.first : entries_[l.last].after) = p;
    l.last = p;
    ++l.size;
}

void prefix_cache::unlink(list& l, place p) noexcept {
    const entry& e = entries_[p];
    (e.before == nowhere ? l.first : entries_[e.before].after) = e.after;
    (e.after == nowhere ? l.last : entries_[e.after].before) = e.before;
    --l.size;
}

/// Takes a key out of the table and moves those behind it up, so that no search ends early.
void prefix_cache::erase(std::uint64_t key) noexcept {
    const std::size_t mask = table_.size() - 1;
    std::size_t hole = home(key);
    while (entries_[table_[hole]].key != key) hole = (hole + 1) & mask;
    for (std::size_t at = (hole + 1) & mask; table_[at] != nowhere; at = (at + 1) & mask) {
        const std::size_t wanted = home(entries_[table_[at]].key);
        if (((at - wanted) & mask) < ((at - hole) & mask)) continue;
        table_[hole] = table_[at];
        hole = at;
    }
    table_[hole] = nowhere;
}

void prefix_cache::grow() {
    const std::vector<place> old = std::move(table_);
    table_.assign(old.empty() ? 64 : 2 * old.size(), nowhere);
    shift_ = 64U - static_cast<unsigned>(std::countr_zero(table_.size()));
    for (const place p : old) {
        if (p == nowhere) continue;
        std::size_t at = home(entries_[p].key);
        while (table_[at] != nowhere) at = (at + 1) & (table_.size() - 1);
        table_[at] = p;
    }
}

}  // namespace ampacity::serving
