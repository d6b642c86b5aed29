// The reference is sorting.
#include "support/catch.hpp"

#include <ampacity/core/quantile_sketch.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace ampacity;

namespace {

using values = std::vector<double>;

quantile_sketch sketch_of(const values& x, unsigned digits) {
    quantile_sketch s(digits);
    for (const double v : x) s.add(v);
    return s;
}

/// The largest relative error over some 200 ranks; infinite where 0 is answered for something else or the reverse.
double worst_error(const quantile_sketch& s, values x) {
    std::sort(x.begin(), x.end());
    double worst = 0;
    const std::size_t step = 1 + x.size() / 200;
    for (std::size_t i = 0; i < x.size(); i += step) {
        const double got = s.of_rank(i + 1).value();
        if (x[i] < 0x1p-1022) {
            if (got != 0 && got != x[i]) worst = std::numeric_limits<double>::infinity();
        } else {
            worst = std::max(worst, std::fabs(got - x[i]) / x[i]);
        }
    }
    return worst;
}

values random_values(std::mt19937_64& random, int kind) {
    values x(1 + random() % 3000);
    for (double& v : x) {
        const double u = static_cast<double>(random() >> 11U) * 0x1p-53;
        switch (kind) {
            case 0: v = u; break;
            case 1: v = std::exp(20 * u); break;
            case 2: v = static_cast<double>(random() % 5); break;
            case 3: v = std::ldexp(1 + u, static_cast<int>(random() % 2046) - 1022); break;
            case 4: v = 3.25; break;
            case 5:
                v = std::nextafter(std::ldexp(1, static_cast<int>(random() % 40)), random() % 2 == 0 ? 0 : 1e300);
                break;
            default: v = random() % 3 == 0 ? 0 : random() % 2 == 0 ? 0x1p-1060 : std::pow(1 - u, -1.1); break;
        }
    }
    return x;
}

}  // namespace

TEST_CASE("the ranks of every input are within the proved bound", "[quantile_sketch]") {
    std::mt19937_64 random{21};
    for (int trial = 0; trial < 140; ++trial) {
        const values x = random_values(random, trial % 7);
        // Over the whole range of doubles 16 digits would take a gigabyte.
        const bool wide = trial % 7 == 3 || trial % 7 == 6;
        const auto digits = static_cast<unsigned>(random() % (wide ? 5 : 12));
        CAPTURE(trial, digits, x.size());
        const quantile_sketch s = sketch_of(x, digits);
        REQUIRE(s.count() == x.size());
        REQUIRE(worst_error(s, x) <= s.relative_error());
        REQUIRE_FALSE(s.of_rank(0).has_value());
        REQUIRE_FALSE(s.of_rank(x.size() + 1).has_value());
        REQUIRE(s.percentile(p100) == *std::max_element(x.begin(), x.end()));
        REQUIRE(s.of_rank(1) == *std::min_element(x.begin(), x.end()));
    }
    const values fine = random_values(random, 0);
    CHECK(worst_error(sketch_of(fine, 16), fine) <= 0x1p-17);
    // The bound is nearly reached, so a smaller one would be wrong.
    values edge;
    for (int i = 0; i < 1000; ++i) edge.push_back(1 + i * 1e-3);
    CHECK(worst_error(sketch_of(edge, 3), edge) > 0.85 * quantile_sketch(3).relative_error());
}

TEST_CASE("merged sketches are the sketch of both inputs, in any order", "[quantile_sketch]") {
    std::mt19937_64 random{22};
    for (int trial = 0; trial < 60; ++trial) {
        values a = random_values(random, trial % 7);
        values b = random_values(random, static_cast<int>(random() % 7));
        if (trial % 10 == 0) b.clear();
        if (trial % 10 == 1) a.clear();
        quantile_sketch ab = sketch_of(a, 6);
        ab.merge(sketch_of(b, 6));
        quantile_sketch ba = sketch_of(b, 6);
        ba.merge(sketch_of(a, 6));
        values both = a;
        both.insert(both.end(), b.begin(), b.end());
        std::shuffle(both.begin(), both.end(), random);
        REQUIRE(ab == ba);
        REQUIRE(ab == sketch_of(both, 6));
    }
    quantile_sketch coarse(3);
    CHECK_THROWS_AS(coarse.merge(quantile_sketch(4)), internal_error);
}

TEST_CASE("a sketch's memory follows the range of its values, not their number", "[quantile_sketch]") {
    quantile_sketch s;
    CHECK_FALSE(s.percentile(p50).has_value());
    CHECK(s.bytes() == 0);
    std::mt19937_64 random{23};
    for (int i = 0; i < 300'000; ++i) s.add(1 + static_cast<double>(random() % 1'000'000'000));
    CHECK(s.bytes() <= 30 * 1024);
    s.add(7, 1'000'000'000'000);
    CHECK(s.count() == 1'000'000'300'000);
    CHECK(std::fabs(s.percentile(p50).value() - 7) <= 7 * s.relative_error());
    for (const double wrong : {-1.0, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
        CHECK_THROWS_AS(s.add(wrong), internal_error);
    CHECK_THROWS_AS(quantile_sketch(17), internal_error);
}
