#include "support/catch.hpp"

#include <ampacity/core/batch_means.hpp>
#include <ampacity/core/distributions.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/math.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

using namespace ampacity;

namespace {

/// What batch_means promises, from all values at once.
struct reference {
    std::size_t length = 1;
    std::vector<double> means;

    reference(const std::vector<double>& x, std::size_t batches) {
        while (x.size() / length >= 2 * batches) length *= 2;
        for (std::size_t i = 0; i + length <= x.size(); i += length) {
            double sum = 0;
            for (std::size_t k = 0; k < length; ++k) sum += x[i + k];
            means.push_back(sum / static_cast<double>(length));
        }
    }
};

}  // namespace

TEST_CASE("Student's t quantiles are those of tables", "[batch_means]") {
    // R: qt(p, n), 15 digits; n = 1 and 2 have closed forms.
    const auto near = [](double got, double expected) {
        INFO("got " << got << " expected " << expected);
        CHECK(std::fabs(got - expected) <= 1e-9 * std::fabs(expected));
    };
    const double pi = std::acos(-1.0);
    for (const double p : {0.5001, 0.6, 0.9, 0.975, 0.995, 0.9999, 0.9999999}) {
        near(portable_student_t_quantile(p, 1), std::tan(pi * (p - 0.5)));
        near(portable_student_t_quantile(p, 2), (2 * p - 1) / std::sqrt(2 * p * (1 - p)));
        // n = 4: Shaw, "Sampling Student's t distribution", 2006.
        const double a = 4 * p * (1 - p);
        const double q = std::cos(std::acos(std::sqrt(a)) / 3) / std::sqrt(a);
        if (p > 0.55) near(portable_student_t_quantile(p, 4), 2 * std::sqrt(q - 1));  // q - 1 cancels below
        near(portable_student_t_quantile(1 - p, 7), -portable_student_t_quantile(p, 7));
    }
    near(portable_student_t_quantile(0.975, 10), 2.228138851964939);
    near(portable_student_t_quantile(0.975, 30), 2.042272456301238);
    near(portable_student_t_quantile(0.995, 31), 2.744041919294047);
    // The two methods meet at 1000 degrees, and beyond lies the normal distribution.
    for (const double p : {0.6, 0.9, 0.975, 0.9999}) {
        const double series = portable_student_t_quantile(p, 1000.0001);
        CHECK(std::fabs(portable_student_t_quantile(p, 1000) - series) < 1e-8 * series);
        near(portable_student_t_quantile(p, 1e15), portable_normal_quantile(p));
    }
    CHECK(portable_student_t_quantile(0.5, 3) == 0);
    CHECK(portable_student_t_quantile(0, 3) == -std::numeric_limits<double>::infinity());
    CHECK(portable_student_t_quantile(1, 3) == std::numeric_limits<double>::infinity());
    CHECK(std::isnan(portable_student_t_quantile(1.1, 3)));
    CHECK(std::isnan(portable_student_t_quantile(0.9, 0.5)));
}

TEST_CASE("batches are those of the whole sequence", "[batch_means]") {
    random_stream stream{20'260'101, purpose::test, 501};
    std::vector<double> x;
    batch_means b(8);
    for (int n = 1; n <= 700; ++n) {
        x.push_back(normal_distribution{3, 2}(stream));
        b.add(x.back());
        const reference expected(x, 8);
        REQUIRE(b.count() == x.size());
        REQUIRE(b.batch_length() == expected.length);
        REQUIRE(b.full_batches() == expected.means.size());
        REQUIRE(std::fabs(b.mean().value() - std::accumulate(x.begin(), x.end(), 0.0) / n) < 1e-13);
        const auto interval = b.confidence_interval(0.9);
        REQUIRE(interval.has_value() == (n >= 8));
        if (!interval) continue;
        const auto k = static_cast<double>(expected.means.size());
        const double m = std::accumulate(expected.means.begin(), expected.means.end(), 0.0) / k;
        double squares = 0;
        double products = 0;
        for (std::size_t i = 0; i < expected.means.size(); ++i) {
            squares += (expected.means[i] - m) * (expected.means[i] - m);
            if (i != 0) products += (expected.means[i] - m) * (expected.means[i - 1] - m);
        }
        REQUIRE(std::fabs(interval->mean - m) < 1e-13);
        const double t = portable_student_t_quantile(0.95, k - 1);
        REQUIRE(std::fabs(interval->half_width - t * std::sqrt(squares / (k - 1) / k)) < 1e-13);
        REQUIRE(std::fabs(b.lag_1().value() - products / squares) < 1e-12);
    }
}

// 1000 sequences; the count of intervals that hold the mean is binomial. Bounds: 4.4 standard errors.
TEST_CASE("the interval covers the mean of an autocorrelated sequence as often as it says", "[batch_means]") {
    int covered = 0;
    int covered_naively = 0;
    for (std::uint64_t run = 0; run < 1000; ++run) {
        random_stream stream{20'260'101, purpose::test, 1000 + run};
        batch_means b(16);
        double x = normal_distribution{0, 1 / std::sqrt(1 - 0.8 * 0.8)}(stream);
        double sum = 0;
        double square = 0;
        constexpr int n = 16 * 256;
        for (int i = 0; i < n; ++i) {
            x = 0.8 * x + normal_distribution{0, 1}(stream);
            b.add(x);
            sum += x;
            square += x * x;
        }
        const auto interval = b.confidence_interval(0.9).value();
        covered += interval.low() <= 0 && interval.high() >= 0 ? 1 : 0;
        const double naive = 1.645 * std::sqrt((square / n - sum / n * sum / n) / n);
        covered_naively += std::fabs(sum / n) <= naive ? 1 : 0;
    }
    CHECK(std::abs(covered - 900) < 4.4 * std::sqrt(1000 * 0.9 * 0.1));
    CHECK(covered_naively < 600);  // what is won: values taken for independent cover far too rarely
}

TEST_CASE("batch means refuse what they cannot do", "[batch_means]") {
    CHECK_THROWS_AS(batch_means(1), internal_error);
    batch_means b(2);
    CHECK_FALSE(b.mean().has_value());
    CHECK_THROWS_AS(b.add(std::numeric_limits<double>::quiet_NaN()), internal_error);
    CHECK_THROWS_AS(b.confidence_interval(1), internal_error);
    for (int i = 0; i < 5; ++i) b.add(4);
    CHECK(b.confidence_interval()->half_width == 0);
    CHECK_FALSE(b.lag_1().has_value());
}
