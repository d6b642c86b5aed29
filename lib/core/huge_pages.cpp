#include <ampacity/core/huge_pages.hpp>

#include <cstdint>
#include <cstdlib>
#include <new>

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

#if defined(__linux__)

namespace {

/// Address space that starts at a huge page; nothing is mapped in it yet.
char* reserve(std::size_t bytes) {
    void* const found =
        ::mmap(nullptr, bytes + huge_page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (found == MAP_FAILED) throw std::bad_alloc{};
    char* const begin = static_cast<char*>(found);
    const std::size_t skip = (huge_page - reinterpret_cast<std::uintptr_t>(begin) % huge_page) % huge_page;
    if (skip != 0) ::munmap(begin, skip);
    if (skip != huge_page) ::munmap(begin + skip + bytes, huge_page - skip);
    return begin + skip;
}

}  // namespace

void* map_huge(std::size_t bytes) {
    char* const block = reserve(bytes);
    if (::mprotect(block, bytes, PROT_READ | PROT_WRITE) != 0) {
        ::munmap(block, bytes);
        throw std::bad_alloc{};
    }
    ::madvise(block, bytes, MADV_HUGEPAGE);
    return block;
}

void* grow_huge(void* block, std::size_t bytes, std::size_t wanted) {
    if (::mremap(block, bytes, wanted, 0) != MAP_FAILED) return block;
    // Huge pages move as such only to where huge pages may be.
    char* const to = reserve(wanted);
    if (::mremap(block, bytes, wanted, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED) {
        ::munmap(to, wanted);
        throw std::bad_alloc{};
    }
    return to;
}

void unmap_huge(void* block, std::size_t bytes) noexcept { ::munmap(block, bytes); }

#else

void* map_huge(std::size_t bytes) {
    void* const block = std::calloc(bytes, 1);
    if (block == nullptr) throw std::bad_alloc{};
    return block;
}

void* grow_huge(void* block, std::size_t, std::size_t wanted) {
    void* const wider = std::realloc(block, wanted);
    if (wider == nullptr) throw std::bad_alloc{};
    return wider;
}

void unmap_huge(void* block, std::size_t) noexcept { std::free(block); }

#endif

}  // namespace ampacity
