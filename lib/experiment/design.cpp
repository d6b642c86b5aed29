#include <ampacity/core/error.hpp>
#include <ampacity/core/math.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/experiment/design.hpp>

#include <boost/random/sobol.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace ampacity::experiment {
namespace {

using rows = std::vector<std::vector<double>>;

rows latin_hypercube(std::size_t points, std::size_t dimensions, std::uint64_t seed) {
    rows out(points, std::vector<double>(dimensions));
    std::vector<std::size_t> strata(points);
    for (std::size_t d = 0; d != dimensions; ++d) {
        random_stream draws{seed, purpose::designs, d};
        std::iota(strata.begin(), strata.end(), std::size_t{0});
        for (std::size_t i = points; i > 1; --i) std::swap(strata[i - 1], strata[draws.below(i)]);
        for (std::size_t i = 0; i != points; ++i) {
            const double u = (static_cast<double>(strata[i]) + draws.uniform01()) / static_cast<double>(points);
            out[i][d] = std::min(u, 1 - 0x1p-53);
        }
    }
    return out;
}

rows sobol(std::size_t points, std::size_t dimensions, std::uint64_t seed) {
    std::vector<std::uint64_t> shifts(dimensions);
    for (std::size_t d = 0; d != dimensions; ++d) shifts[d] = random_stream{seed, purpose::designs, d}();
    boost::random::sobol sequence(dimensions);
    rows out(points, std::vector<double>(dimensions));
    for (std::size_t i = 0; i != points; ++i) {
        // Boost leaves out the first point, 0, without which 2^k points are no net (Owen, "On dropping the first Sobol'
        // point", 2020).
        for (std::size_t d = 0; d != dimensions; ++d)
            out[i][d] = static_cast<double>(((i == 0 ? 0 : sequence()) ^ shifts[d]) >> 11U) * 0x1p-53;
    }
    return out;
}

}  // namespace

rows design_points(io::sweep_sample::method how, std::size_t points, std::size_t dimensions, std::uint64_t seed) {
    AMPACITY_ASSERT(dimensions >= 1 && dimensions <= 1000);
    return how == io::sweep_sample::method::sobol ? sobol(points, dimensions, seed)
                                                  : latin_hypercube(points, dimensions, seed);
}

double value_at(const io::sweep_dimension& d, double u) {
    using law = io::sweep_dimension::law;
    double x = 0;
    switch (d.of) {
        case law::uniform: x = d.a + (d.b - d.a) * u; break;
        case law::log_uniform: x = d.a * portable_exp(u * portable_log(d.b / d.a)); break;
        case law::normal: x = d.a + d.b * portable_normal_quantile(u + 0x1p-54); break;
    }
    if (d.whole) return std::nearbyint(x);
    return io::split_number(io::number_text(x, true))->number;
}

}  // namespace ampacity::experiment
