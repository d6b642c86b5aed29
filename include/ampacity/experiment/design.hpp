#pragma once
/// \file
/// Points that fill a cube evenly, for experiments over several numbers at once.
///
/// The same seed gives the same points, whatever else is drawn. Pure functions, any thread, O(points x dimensions).

#include <ampacity/io/sweep_file.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ampacity::experiment {

/// `points` rows of `dimensions` numbers in [0, 1). Latin hypercube: each number of a dimension lies in a stratum of
/// its own, at random within it (McKay, Beckman and Conover, Technometrics 21, 1979). Sobol: the sequence with the
/// direction numbers of Joe and Kuo (2008), each dimension shifted by a random number bit by bit, which keeps its
/// evenness; a power of two of points is best. \pre 1 <= dimensions <= 1000
[[nodiscard]] std::vector<std::vector<double>> design_points(io::sweep_sample::method how, std::size_t points,
                                                             std::size_t dimensions, std::uint64_t seed);

/// The value of a dimension at u, 0 <= u < 1: its quantile, rounded to 12 digits, or to a whole number where it is
/// `whole`.
[[nodiscard]] double value_at(const io::sweep_dimension& d, double u);

}  // namespace ampacity::experiment
