#include <ampacity/core/huge_pages.hpp>

#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace ampacity {

void prefer_huge_pages([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(__linux__)
    constexpr std::size_t worth_it = std::size_t{4} << 20U;
    constexpr std::uintptr_t page = 4096;
    if (bytes < worth_it) return;
    // All pages that it touches, so that its mapping stays one.
    char* const base = static_cast<char*>(memory);
    const std::size_t before = reinterpret_cast<std::uintptr_t>(base) % page;
    ::madvise(base - before, (before + bytes + page - 1) / page * page, MADV_HUGEPAGE);
#endif
}

}  // namespace ampacity
