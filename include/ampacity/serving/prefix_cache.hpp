#pragma once
/// \file
/// KV blocks that are known by what they hold: block j of a session is that of its tokens j b .. (j + 1) b - 1.
///
/// A block is *held* by the requests that use it; one that nobody holds stays until it is evicted, the one that was let
/// go longest ago first. A hash table over (session, block) with linear probing and a list in order of letting go: O(1)
/// expected per operation and per block that joins the front of a session, no allocation once it has held as many
/// blocks as it will. One thread.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ampacity::serving {

class prefix_cache {
public:
    /// Blocks that nobody holds.
    [[nodiscard]] std::int64_t evictable() const noexcept { return evictable_; }
    /// All blocks that it knows.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// How many of the session's first `limit` blocks are here, without a gap. O(1).
    [[nodiscard]] std::uint32_t matching(std::uint32_t session, std::uint32_t limit) const noexcept;
    /// The same, of those that nobody holds among the first `count`. \pre they are here.
    [[nodiscard]] std::uint32_t unheld(std::uint32_t session, std::uint32_t count) const noexcept;

    /// One more request holds it. \pre it is here.
    void hold(std::uint32_t session, std::uint32_t block) noexcept;
    /// Makes it known, held by `holder`; false, and nothing else, where it is here already.
    bool insert(std::uint32_t session, std::uint32_t block, std::uint64_t holder);
    /// Whether that holder's `insert` made it known, and still holds it.
    [[nodiscard]] bool inserted_by(std::uint32_t session, std::uint32_t block, std::uint64_t holder) const noexcept;
    /// One request less holds it; true where none does any more. \pre it is held.
    bool let_go(std::uint32_t session, std::uint32_t block) noexcept;
    /// Forgets that many. \pre count <= evictable().
    void evict(std::int64_t count) noexcept;

private:
    using place = std::uint32_t;
    static constexpr place nowhere = 0xFFFF'FFFFU;

    struct entry {
        std::uint64_t key;
        std::uint64_t inserter;
        std::uint32_t holders;
        place before, after;  // in the order of letting go, or the chain of free entries
        std::uint32_t front;  // of a session's first block: how many are here without a gap
    };

    static std::uint64_t key_of(std::uint32_t session, std::uint32_t block) noexcept {
        return std::uint64_t{session} << 32U | block;
    }
    [[nodiscard]] std::size_t home(std::uint64_t key) const noexcept;
    [[nodiscard]] place find(std::uint64_t key) const noexcept;
    void erase(std::uint64_t key) noexcept;
    void extend_front(std::uint32_t session, std::uint32_t block) noexcept;
    void grow();
    void unlink(place p) noexcept;

    std::vector<entry> entries_;
    std::vector<place> table_;  // a power of two, at most half full
    unsigned shift_ = 64;
    place free_ = nowhere;
    place first_ = nowhere;  // of those that nobody holds
    place last_ = nowhere;
    std::size_t size_ = 0;
    std::int64_t evictable_ = 0;
};

}  // namespace ampacity::serving
