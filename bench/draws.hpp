#pragma once
/// \file
/// Random numbers for the shape of a load: splitmix64, independent of what is measured.

#include <cmath>
#include <cstdint>

namespace bench {

class draws {
public:
    explicit draws(std::uint64_t seed) : state_(seed) {}
    std::uint64_t bits() {
        std::uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
        z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
        z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
        return z ^ (z >> 31U);
    }
    double uniform() { return static_cast<double>(bits() >> 11U) * 0x1p-53; }
    double exponential() { return -std::log1p(-uniform()); }

private:
    std::uint64_t state_;
};

}  // namespace bench
