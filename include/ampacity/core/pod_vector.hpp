#pragma once
/// \file
/// A growing array of plain values that never has to hold two copies of itself.
///
/// Grows by half through `std::realloc`, which moves large arrays by their pages, so that millions of records cost
/// their own size in memory and growing is cheap. For trivially copyable types. Not thread-safe.

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

namespace ampacity {

template <class T>
class pod_vector {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

public:
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] T& operator[](std::size_t i) noexcept { return data_.get()[i]; }
    [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return data_.get()[i]; }
    [[nodiscard]] std::span<const T> span() const noexcept { return {data_.get(), size_}; }

    /// Makes the size `n`, if it is less, by copies of `fill`. Amortised O(1) per element.
    void grow_to(std::size_t n, const T& fill) {
        if (n <= size_) return;
        if (n > capacity_) reserve(n + n / 2 + 64);
        std::uninitialized_fill(data_.get() + size_, data_.get() + n, fill);
        size_ = n;
    }

private:
    struct free_memory {
        void operator()(T* p) const noexcept { std::free(p); }
    };

    void reserve(std::size_t n) {
        void* const wider = std::realloc(data_.get(), n * sizeof(T));  // NOLINT: realloc can move pages
        if (wider == nullptr) throw std::bad_alloc{};
        (void)data_.release();
        data_.reset(static_cast<T*>(wider));
        capacity_ = n;
    }

    std::unique_ptr<T, free_memory> data_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace ampacity
