#pragma once
/// \file
/// Counts what goes through `operator new`, to prove that a path allocates nothing. Whoever links
/// test_support gets the counting operators; the counter is per thread.

#include <cstdint>

namespace ampacity::test {

/// Calls of any form of `operator new` on this thread so far.
std::uint64_t allocations() noexcept;

}  // namespace ampacity::test
