#pragma once
/// \file
/// Least squares of a few dozen unknowns by Levenberg and Marquardt, with differences for derivatives.

#include <cmath>
#include <cstddef>
#include <vector>

namespace ampacity::llm {

/// Something with residuals.
class residual_function {
public:
    virtual ~residual_function() = default;
    /// Fills `out`, always with as many.
    virtual void operator()(const std::vector<double>& x, std::vector<double>& out) const = 0;
};

/// Positive unknowns, each as the logarithm of itself over its usual value, with a normal prior on that.
class priors {
public:
    /// Its place among the unknowns.
    std::size_t add(double usual, double deviation) {
        all_.push_back({usual, deviation});
        return all_.size() - 1;
    }
    [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }
    /// The unknown itself.
    [[nodiscard]] double value(const std::vector<double>& x, std::size_t i) const {
        return all_[i].usual * std::exp(x[i]);
    }
    void add_residuals(const std::vector<double>& x, std::vector<double>& out) const {
        for (std::size_t i = 0; i < all_.size(); ++i) out.push_back(x[i] / all_[i].deviation);
    }

private:
    struct prior {
        double usual;
        double deviation;
    };
    std::vector<prior> all_;
};

/// A local minimum of the sum of squares near `x`. Deterministic.
[[nodiscard]] std::vector<double> least_squares(const residual_function& f, std::vector<double> x, int iterations = 60);

}  // namespace ampacity::llm
