#pragma once
/// \file
/// A growing array of plain values that never has to hold two copies of itself.
///
/// Grows by a sixteenth through `std::realloc`, which moves large arrays by their pages, so that millions of rows
/// cost their own size in memory and growing is cheap. Where rows are read at random, `pages::huge` gives arrays of
/// many MiB a mapping of their own in huge pages. For trivially copyable types, of any alignment. Not thread-safe.

#include <ampacity/core/huge_pages.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

namespace ampacity {

/// What a large array lies in.
enum class pages : bool {
    usual,
    huge,  ///< if the system has them: rows at random cost fewer misses of the page tables
};

template <class T, pages Pages = pages::usual>
class pod_vector {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

public:
    pod_vector() = default;
    pod_vector(const pod_vector&) = delete;
    pod_vector& operator=(const pod_vector&) = delete;
    pod_vector(pod_vector&& other) noexcept { swap(other); }
    pod_vector& operator=(pod_vector&& other) noexcept {
        swap(other);
        return *this;
    }
    ~pod_vector() { release(); }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] T* data() noexcept { return data_; }
    [[nodiscard]] const T* data() const noexcept { return data_; }
    [[nodiscard]] T& operator[](std::size_t i) noexcept { return data_[i]; }
    [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return data_[i]; }
    [[nodiscard]] std::span<const T> span() const noexcept { return {data_, size_}; }

    /// Appends `value`. Amortised O(1).
    void push_back(const T& value) { grow_to(size_ + 1, value); }

    /// Makes the size `n`, if it is less, by copies of `fill`. Amortised O(1) per element.
    void grow_to(std::size_t n, const T& fill) {
        if (n <= size_) return;
        const T value = fill;  // which may be one of ours, and move
        if (n > capacity_) reserve(n + n / 16 + 64);
        std::uninitialized_fill(data_ + size_, data_ + n, value);
        size_ = n;
    }

private:
    static constexpr std::size_t slack = alignof(T) > alignof(std::max_align_t) ? alignof(T) : 0;

    void swap(pod_vector& other) noexcept {
        std::swap(block_, other.block_);
        std::swap(mapped_, other.mapped_);
        std::swap(data_, other.data_);
        std::swap(offset_, other.offset_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
    }

    void release() noexcept {
        if (mapped_ != 0)
            unmap_huge(block_, mapped_);
        else
            std::free(block_);
    }

    void reserve(std::size_t n) {
        if constexpr (Pages == pages::huge) {
            if (n * sizeof(T) >= own_mapping) return reserve_mapping(n);
        }
        auto* const wider = static_cast<char*>(std::realloc(block_, n * sizeof(T) + slack));
        if (wider == nullptr) throw std::bad_alloc{};
        block_ = wider;
        const std::size_t from = offset_;
        if constexpr (slack != 0) {
            offset_ = (alignof(T) - reinterpret_cast<std::uintptr_t>(wider) % alignof(T)) % alignof(T);
            if (size_ != 0 && offset_ != from) std::memmove(wider + offset_, wider + from, size_ * sizeof(T));
        }
        data_ = reinterpret_cast<T*>(wider + offset_);
        capacity_ = n;
    }

    void reserve_mapping(std::size_t n) {
        const std::size_t bytes = (n * sizeof(T) + huge_page - 1) / huge_page * huge_page;
        if (mapped_ != 0) {
            block_ = grow_huge(block_, mapped_, bytes);
        } else {
            void* const block = map_huge(bytes);
            if (size_ != 0) std::memcpy(block, data_, size_ * sizeof(T));
            std::free(block_);
            block_ = block;
            offset_ = 0;
        }
        mapped_ = bytes;
        data_ = static_cast<T*>(block_);
        capacity_ = bytes / sizeof(T);
    }

    static constexpr std::size_t own_mapping = std::size_t{4} << 20U;  ///< [B] smaller arrays stay in the heap

    void* block_ = nullptr;
    T* data_ = nullptr;
    std::size_t mapped_ = 0;  ///< size of a mapping of its own; 0: from the heap [B]
    std::size_t offset_ = 0;  ///< of the data in the block, for its alignment [B]
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace ampacity
