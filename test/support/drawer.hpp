#pragma once
/// \file
/// Whole numbers for random cases, from a stream of its own for each case.

#include <ampacity/core/stream.hpp>

#include <cstdint>

namespace ampacity::test {

class drawer {
public:
    /// `test` keeps the cases of one test from being those of another.
    drawer(std::uint64_t test, std::uint64_t number) : stream_(test, purpose::test, number) {}
    std::int64_t between(std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(stream_.below(static_cast<std::uint64_t>(high - low + 1)));
    }
    bool one_in(std::int64_t n) { return between(1, n) == 1; }

private:
    random_stream stream_;
};

}  // namespace ampacity::test
