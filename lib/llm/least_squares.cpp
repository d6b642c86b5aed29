#include "least_squares.hpp"

#include <cmath>
#include <cstddef>

namespace ampacity::llm {
namespace {

double sum_of_squares(const std::vector<double>& r) {
    double sum = 0;
    for (const double v : r) sum += v * v;
    return sum;
}

/// Solves a x = b for a symmetric, positive definite a (n x n, by rows) by Cholesky; false: it is not.
bool solve(std::vector<double> a, std::vector<double> b, std::vector<double>& x) {
    const std::size_t n = b.size();
    for (std::size_t j = 0; j < n; ++j) {
        for (std::size_t k = 0; k < j; ++k) a[j * n + j] -= a[j * n + k] * a[j * n + k];
        if (!(a[j * n + j] > 0)) return false;
        a[j * n + j] = std::sqrt(a[j * n + j]);
        for (std::size_t i = j + 1; i < n; ++i) {
            for (std::size_t k = 0; k < j; ++k) a[i * n + j] -= a[i * n + k] * a[j * n + k];
            a[i * n + j] /= a[j * n + j];
        }
    }
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t k = 0; k < i; ++k) b[i] -= a[i * n + k] * b[k];
        b[i] /= a[i * n + i];
    }
    for (std::size_t i = n; i-- > 0;) {
        for (std::size_t k = i + 1; k < n; ++k) b[i] -= a[k * n + i] * b[k];
        b[i] /= a[i * n + i];
    }
    x = std::move(b);
    return true;
}

}  // namespace

std::vector<double> least_squares(const residual_function& f, std::vector<double> x, int iterations) {
    const std::size_t n = x.size();
    std::vector<double> r;
    f(x, r);
    double best = sum_of_squares(r);
    double damping = 1e-3;
    std::vector<double> moved;
    std::vector<double> other;
    for (int i = 0; i < iterations && damping < 1e9; ++i) {
        const std::size_t rows = r.size();
        std::vector<double> jacobian(rows * n);
        for (std::size_t j = 0; j < n; ++j) {
            const double step = 1e-5;
            moved = x;
            moved[j] += step;
            f(moved, other);
            for (std::size_t k = 0; k < rows; ++k) jacobian[k * n + j] = (other[k] - r[k]) / step;
        }
        std::vector<double> normal(n * n);
        std::vector<double> gradient(n);
        for (std::size_t k = 0; k < rows; ++k) {
            for (std::size_t a = 0; a < n; ++a) {
                gradient[a] -= jacobian[k * n + a] * r[k];
                for (std::size_t b = 0; b <= a; ++b) normal[a * n + b] += jacobian[k * n + a] * jacobian[k * n + b];
            }
        }
        for (std::size_t a = 0; a < n; ++a) {
            for (std::size_t b = 0; b < a; ++b) normal[b * n + a] = normal[a * n + b];
        }
        bool better = false;
        double gain = 0;
        while (!better && damping < 1e9) {
            std::vector<double> damped = normal;
            for (std::size_t a = 0; a < n; ++a) damped[a * n + a] *= 1 + damping;
            std::vector<double> step;
            if (solve(std::move(damped), gradient, step)) {
                moved = x;
                for (std::size_t a = 0; a < n; ++a) moved[a] += step[a];
                f(moved, other);
                const double now = sum_of_squares(other);
                if (now < best) {
                    gain = best - now;
                    best = now;
                    x = moved;
                    r = other;
                    better = true;
                }
            }
            damping = better ? damping / 5 : damping * 4;
        }
        if (better && gain < 1e-10 * best) break;
    }
    return x;
}

}  // namespace ampacity::llm
