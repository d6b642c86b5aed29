#pragma once
/// \file
/// A hint for large tables that are read at random: with 4 KiB pages most reads would also miss the page tables.

#include <cstddef>

namespace ampacity {

/// Asks the system to back this memory with huge pages, if it is large enough to gain and the system has them. Never
/// fails, and changes nothing but speed.
void prefer_huge_pages(void* memory, std::size_t bytes) noexcept;

}  // namespace ampacity
