#pragma once
/// \file
/// KV blocks that are known by what they hold: block j of a session is that of its tokens j b .. (j + 1) b - 1.
///
/// A block is *held* by the requests that use it; one that nobody holds stays until it is evicted, the one that was let
/// go longest ago first. A hash table over (session, block) with linear probing and a list in order of letting go: O(1)
/// expected per operation and per block that joins the front of a session, no allocation once it has held as many
/// blocks as it will. One thread.
///
/// Below it there may be *tiers*. What is evicted goes to the first one; of each, what came longest ago goes on to the
/// next one while there is more than it has room for, and from the last one nowhere. A name has one place: what is made
/// known here is in no tier any more. Behind the last tier there may be one more that several caches *share*, itself
/// the first tier of a cache that nothing else is done with: names stay there while caches know them, and what came, or
/// was looked up for a load, longest ago goes first.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ampacity::serving {

class prefix_cache {
public:
    static constexpr std::size_t max_tiers = 4;

    prefix_cache() = default;
    /// With tiers of so many blocks, the first one first, and perhaps a shared one behind them. \pre up to `max_tiers`,
    /// of 1 or more each; `shared` outlives this
    explicit prefix_cache(std::span<const std::int64_t> tier_blocks, prefix_cache* shared = nullptr) noexcept;

    /// Blocks that nobody holds.
    [[nodiscard]] std::int64_t evictable() const noexcept { return unheld_.size; }
    /// All blocks that it knows, those in tiers included.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::int64_t in_tier(std::size_t tier) const noexcept { return tiers_[tier].size; }

    /// How many of the session's first `limit` blocks are here, without a gap. O(1).
    [[nodiscard]] std::uint32_t matching(std::uint32_t session, std::uint32_t limit) const noexcept;
    /// The same, of those that nobody holds among the first `count`. \pre they are here.
    [[nodiscard]] std::uint32_t unheld(std::uint32_t session, std::uint32_t count) const noexcept;

    /// One more request holds it. \pre it is here.
    void hold(std::uint32_t session, std::uint32_t block) noexcept;
    /// The tier in which it is, the shared one being that behind the others; `max_tiers`: in none. O(1).
    [[nodiscard]] std::size_t tier_of(std::uint32_t session, std::uint32_t block) const noexcept;
    /// It comes to the first tier, or is there already and counts as come now. \pre it is not here, nor in another tier
    void put_down(std::uint32_t session, std::uint32_t block);
    /// Makes it known, held by `holder`, below 2^63; false, and nothing else, where it is here already.
    bool insert(std::uint32_t session, std::uint32_t block, std::uint64_t holder);
    /// Whether that holder's `insert` made it known, and still holds it.
    [[nodiscard]] bool inserted_by(std::uint32_t session, std::uint32_t block, std::uint64_t holder) const noexcept;
    /// Who made it known. \pre it is here.
    [[nodiscard]] std::uint64_t inserter(std::uint32_t session, std::uint32_t block) const noexcept {
        return entries_[find(key_of(session, block))].inserter;
    }
    /// One request less holds it; true where none does any more. \pre it is held.
    bool let_go(std::uint32_t session, std::uint32_t block) noexcept;
    /// Forgets that many, or moves them to the tiers. \pre count <= evictable().
    void evict(std::int64_t count);

private:
    using place = std::uint32_t;
    static constexpr place nowhere = 0xFFFF'FFFFU;

    struct entry {
        std::uint64_t key;
        std::uint64_t inserter;  // of what is in a tier: that tier's mark
        std::uint32_t holders;
        place before, after;  // in the order of letting go or of a tier, or the chain of free entries
        std::uint32_t front;  // of a session's first block: how many are here without a gap
    };
    struct list {
        place first = nowhere;
        place last = nowhere;
        std::int64_t size = 0;
    };
    static constexpr std::uint64_t tier_mark = std::uint64_t{1} << 63U;

    static std::uint64_t key_of(std::uint32_t session, std::uint32_t block) noexcept {
        return std::uint64_t{session} << 32U | block;
    }
    [[nodiscard]] std::size_t home(std::uint64_t key) const noexcept;
    [[nodiscard]] place find(std::uint64_t key) const noexcept;
    place add(std::uint64_t key, std::uint64_t inserter);
    void erase(std::uint64_t key) noexcept;
    void extend_front(std::uint32_t session, std::uint32_t block) noexcept;
    void grow();
    void link_back(list& l, place p) noexcept;
    void unlink(list& l, place p) noexcept;
    void move_down(place p);
    void forget(place p);
    [[nodiscard]] bool is_here(place p) const noexcept { return p != nowhere && entries_[p].inserter < tier_mark; }

    std::vector<entry> entries_;
    std::vector<place> table_;  // a power of two, at most half full
    unsigned shift_ = 64;
    place free_ = nowhere;
    list unheld_;
    std::array<list, max_tiers> tiers_{};
    std::array<std::int64_t, max_tiers> room_{};  // of each tier
    std::size_t num_tiers_ = 0;
    prefix_cache* shared_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace ampacity::serving
