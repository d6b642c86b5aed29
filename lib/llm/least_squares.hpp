#pragma once
/// \file
/// Least squares of a few dozen unknowns by Levenberg and Marquardt, with differences for derivatives.

#include <vector>

namespace ampacity::llm {

/// Something with residuals.
class residual_function {
public:
    virtual ~residual_function() = default;
    /// Fills `out`, always with as many.
    virtual void operator()(const std::vector<double>& x, std::vector<double>& out) const = 0;
};

/// A local minimum of the sum of squares near `x`. Deterministic.
[[nodiscard]] std::vector<double> least_squares(const residual_function& f, std::vector<double> x, int iterations = 60);

}  // namespace ampacity::llm
