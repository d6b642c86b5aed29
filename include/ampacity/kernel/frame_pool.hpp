#pragma once
/// \file
/// Memory for the frames of coroutines: freed blocks are kept by size and handed out again.
///
/// Blocks are cut from chunks of 64 KiB and rounded up to 64 bytes; allocating and freeing are O(1), and touch the heap
/// only at a new maximum of blocks of one size. Before each block stands the id of what lives in it, 0 when nothing
/// does, and stays readable as long as the pool lives: so a reference to an ended process is known to be stale.
/// Everything goes back when the pool is destroyed. One pool belongs to one thread.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace ampacity::kernel {

class frame_pool {
public:
    /// What stands before each block.
    struct alignas(16) header {
        std::uint64_t id;  ///< of the living content; 0: none
        union {
            frame_pool* pool;  ///< of a block in use
            header* next;      ///< of a free one
        };
        [[nodiscard]] void* block() noexcept { return this + 1; }
    };

    frame_pool() = default;
    frame_pool(const frame_pool&) = delete;
    frame_pool& operator=(const frame_pool&) = delete;

    [[nodiscard]] static header& header_of(void* block) noexcept { return *(static_cast<header*>(block) - 1); }

    /// A block of at least this size, aligned to 16, without an id.
    [[nodiscard]] void* allocate(std::size_t bytes) {
        const std::size_t unit = units(bytes);
        header* h = nullptr;
        if (unit < free_.size() && free_[unit] != nullptr) [[likely]] {
            h = free_[unit];
            free_[unit] = h->next;
            mark(h->block(), unit, true);
        } else {
            h = cut(unit);
        }
        h->pool = this;
        return h->block();
    }

    /// Takes back a block of this size; it must come from `allocate` of some pool that lives.
    static void deallocate(void* block, std::size_t bytes) noexcept {
        header& h = header_of(block);
        frame_pool& pool = *h.pool;
        const std::size_t unit = units(bytes);
        h.id = 0;
        h.next = pool.free_[unit];
        pool.free_[unit] = &h;
        mark(block, unit, false);
    }

    /// What the pool has taken from the heap.
    [[nodiscard]] std::size_t memory_bytes() const noexcept { return chunk_bytes_; }

    ~frame_pool() {
#if defined(__SANITIZE_ADDRESS__)
        for (const chunk& c : chunks_) __asan_unpoison_memory_region(c.memory.get(), c.bytes);
#endif
    }

private:
    static constexpr std::size_t unit_bytes = 64;
    static constexpr std::size_t usual_chunk = std::size_t{1} << 16U;

    struct release {
        void operator()(std::byte* p) const noexcept { ::operator delete(p); }
    };
    struct chunk {
        std::unique_ptr<std::byte, release> memory;
        std::size_t bytes;
    };

    static std::size_t units(std::size_t bytes) noexcept {
        return (bytes + sizeof(header) + unit_bytes - 1) / unit_bytes;
    }

    /// The address sanitizer reports the use of a frame that has been freed.
    static void mark([[maybe_unused]] void* block, [[maybe_unused]] std::size_t unit,
                     [[maybe_unused]] bool in_use) noexcept {
#if defined(__SANITIZE_ADDRESS__)
        const std::size_t bytes = unit * unit_bytes - sizeof(header);
        in_use ? __asan_unpoison_memory_region(block, bytes) : __asan_poison_memory_region(block, bytes);
#endif
    }

    [[gnu::noinline]] header* cut(std::size_t unit) {
        const std::size_t bytes = unit * unit_bytes;
        if (unit >= free_.size()) free_.resize(unit + 1, nullptr);
        if (left_ < bytes) {
            const std::size_t size = std::max(usual_chunk, bytes);
            chunks_.push_back({{static_cast<std::byte*>(::operator new(size)), release{}}, size});
            next_ = chunks_.back().memory.get();
            left_ = size;
            chunk_bytes_ += size;
        }
        auto* const h = ::new (static_cast<void*>(next_)) header{0, {nullptr}};
        next_ += bytes;
        left_ -= bytes;
        return h;
    }

    std::vector<header*> free_;  ///< by size in units
    std::vector<chunk> chunks_;
    std::byte* next_ = nullptr;  ///< the uncut rest of the last chunk
    std::size_t left_ = 0;
    std::size_t chunk_bytes_ = 0;
};

}  // namespace ampacity::kernel
