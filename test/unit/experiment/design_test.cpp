#include "support/catch.hpp"

#include <ampacity/experiment/design.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <vector>

using namespace ampacity;
using namespace ampacity::experiment;
using method = io::sweep_sample::method;

namespace {

/// Does each of so many equal strata of [0, 1) hold one number?
bool fills_strata(const std::vector<std::vector<double>>& points, std::size_t dimension) {
    std::set<std::size_t> strata;
    for (const auto& p : points)
        strata.insert(static_cast<std::size_t>(p[dimension] * static_cast<double>(points.size())));
    return strata.size() == points.size();
}

}  // namespace

TEST_CASE("design: each dimension of a Latin hypercube fills every stratum once") {
    for (const std::size_t n : {1U, 2U, 7U, 100U}) {
        const auto points = design_points(method::latin_hypercube, n, 5, 42);
        REQUIRE(points.size() == n);
        for (std::size_t d = 0; d != 5; ++d) CHECK(fills_strata(points, d));
    }
    CHECK(design_points(method::latin_hypercube, 10, 3, 1) == design_points(method::latin_hypercube, 10, 3, 1));
    CHECK(design_points(method::latin_hypercube, 10, 3, 1) != design_points(method::latin_hypercube, 10, 3, 2));
}

TEST_CASE("design: Sobol points are a net") {
    for (const std::size_t n : {2U, 8U, 64U, 1024U}) {
        const auto points = design_points(method::sobol, n, 10, 42);
        for (std::size_t d = 0; d != 10; ++d) CHECK(fills_strata(points, d));
    }
    // In the first two dimensions each elementary interval of area 1/64 holds one point of 64.
    const auto points = design_points(method::sobol, 64, 2, 7);
    for (const std::size_t a : {1U, 2U, 4U, 8U, 16U, 32U, 64U}) {
        std::set<std::pair<std::size_t, std::size_t>> boxes;
        for (const auto& p : points)
            boxes.emplace(static_cast<std::size_t>(p[0] * static_cast<double>(a)),
                          static_cast<std::size_t>(p[1] * 64 / static_cast<double>(a)));
        CHECK(boxes.size() == 64);
    }
    // More points go on from fewer.
    const auto more = design_points(method::sobol, 100, 2, 7);
    CHECK(std::equal(points.begin(), points.end(), more.begin()));
    CHECK(design_points(method::sobol, 64, 2, 8) != points);
}

TEST_CASE("design: a Sobol sample integrates better than its size lets random points") {
    double squares = 0;
    for (std::uint64_t seed = 0; seed != 50; ++seed) {
        double sum = 0;
        for (const auto& p : design_points(method::sobol, 1024, 5, seed)) {
            double product = 1;
            for (const double u : p) product *= 3 * u * u;
            sum += product;
        }
        squares += (sum / 1024 - 1) * (sum / 1024 - 1) / 50;
    }
    // The standard error of 1,024 random points is sqrt(1.8^5 - 1) / 32 = 0.13.
    INFO(std::sqrt(squares));
    CHECK(std::sqrt(squares) < 0.13 / 3);
}

TEST_CASE("design: values are quantiles") {
    using law = io::sweep_dimension::law;
    io::sweep_dimension d{.path = "x", .of = law::uniform, .a = 10, .b = 20};
    CHECK(value_at(d, 0) == 10);
    CHECK(value_at(d, 0.25) == 12.5);
    d.whole = true;
    CHECK(value_at(d, 0.26) == 13);
    d = {.path = "x", .of = law::log_uniform, .a = 1, .b = 10'000};
    CHECK(value_at(d, 0.5) == 100);
    CHECK(value_at(d, 0.75) == 1'000);
    d = {.path = "x", .of = law::normal, .a = 5, .b = 2};
    CHECK(value_at(d, 0.5) == 5);
    CHECK(value_at(d, 0.975) == Approx(5 + 2 * 1.959963985).epsilon(1e-9));
    CHECK(std::isfinite(value_at(d, 0)));
}
