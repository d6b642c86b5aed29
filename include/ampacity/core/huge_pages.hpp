#pragma once
/// \file
/// A hint for large tables that are read at random: with 4 KiB pages most reads would also miss the page tables.

#include <cstddef>

namespace ampacity {

/// Asks the system to back this memory with huge pages, if it is large enough to gain and the system has them. Never
/// fails, and changes nothing but speed.
void prefer_huge_pages(void* memory, std::size_t bytes) noexcept;

/// Blocks of memory of their own, for tables that outgrow a heap: page-aligned to huge pages, which back them where the
/// system has any. Sizes are multiples of `huge_page`.
inline constexpr std::size_t huge_page = std::size_t{2} << 20U;
/// Zeroed memory. \throws std::bad_alloc
[[nodiscard]] void* map_huge(std::size_t bytes);
/// The same contents in a larger block, moved by their pages. \throws std::bad_alloc, and nothing has changed
[[nodiscard]] void* grow_huge(void* block, std::size_t bytes, std::size_t wanted);
void unmap_huge(void* block, std::size_t bytes) noexcept;

}  // namespace ampacity
