// The reference is the C library's long double, whose 64-bit mantissa is 2^11 times finer than what is tested.
#include "support/catch.hpp"

#include <ampacity/core/math.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

using namespace ampacity;

namespace {

static_assert(std::numeric_limits<long double>::digits >= 64);

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// |got - exact| in units in the last place of the double nearest to `exact`.
double ulps(double got, long double exact) {
    const auto nearest = static_cast<double>(exact);
    if (std::isinf(nearest)) return got == nearest ? 0 : infinity;
    int exponent = 0;
    (void)std::frexp(nearest, &exponent);
    const long double unit = std::ldexp(1.0L, std::max(exponent - 53, -1074));
    return static_cast<double>(std::fabs(static_cast<long double>(got) - exact) / unit);
}

/// Numbers in [0, 1) and of random size, the same with every standard library.
class numbers {
public:
    explicit numbers(std::uint64_t seed) : random_(seed) {}
    std::uint64_t bits() { return random_(); }
    double unit() { return static_cast<double>(random_() >> 11U) * 0x1p-53; }
    double between(double low, double high) { return low + (high - low) * unit(); }
    /// Magnitude 2^low to 2^high, either sign.
    double sized(int low, int high) {
        const int exponent = low + static_cast<int>(random_() % static_cast<std::uint64_t>(high - low));
        const double x = std::ldexp(1 + unit(), exponent);
        return random_() % 2 == 0 ? x : -x;
    }

private:
    std::mt19937_64 random_;
};

/// z with Phi(z) = p, by Newton's method from `start`; each side of 1/2 from the function that is exact there.
long double normal_quantile(double p, double start) {
    const long double root_half = std::sqrt(0.5L);
    const long double root_two_pi = std::sqrt(2 * std::acos(-1.0L));
    long double z = start;
    for (int i = 0; i < 3; ++i) {
        const long double density = std::exp(-z * z / 2) / root_two_pi;
        long double off = 0;
        if (p < 0.4) off = std::erfc(-z * root_half) / 2 - p;
        if (p >= 0.4 && p <= 0.6) off = std::erf(z * root_half) / 2 - (static_cast<long double>(p) - 0.5L);
        if (p > 0.6) off = (1 - static_cast<long double>(p)) - std::erfc(z * root_half) / 2;
        z -= off / density;
    }
    return z;
}

/// FNV-1a over the results' bits.
class digest {
public:
    void add(double x) {
        auto bits = std::bit_cast<std::uint64_t>(x);
        for (int i = 0; i < 8; ++i, bits >>= 8U) value_ = (value_ ^ (bits & 0xFFU)) * 0x100'0000'01b3U;
    }
    [[nodiscard]] std::uint64_t value() const { return value_; }

private:
    std::uint64_t value_ = 0xcbf2'9ce4'8422'2325U;
};

}  // namespace

TEST_CASE("the logarithm is within 1 ulp", "[math]") {
    numbers n(1);
    double worst = 0;
    const auto test = [&](double x) {
        if (x > 0 && std::isfinite(x) && x != 1)
            worst = std::max(worst, ulps(portable_log(x), std::log(static_cast<long double>(x))));
    };
    for (int i = 0; i < 100'000; ++i) {
        test(std::bit_cast<double>(n.bits() >> 1U));
        test(n.between(0.25, 4));
        test(1 + n.sized(-53, -1));
        test(std::bit_cast<double>(n.bits() >> 12U));  // subnormal
    }
    CHECK(worst < 1);
    CHECK(worst > 0.5);  // the reference is finer than a double
    CHECK(portable_log(1) == 0);
    CHECK(portable_log(2) == 0x1.62e42fefa39efp-1);
    CHECK(portable_log(10) == 0x1.26bb1bbb55516p+1);
    CHECK(portable_log(0) == -infinity);
    CHECK(portable_log(-0.0) == -infinity);
    CHECK(portable_log(infinity) == infinity);
    CHECK(std::isnan(portable_log(-1)));
    CHECK(std::isnan(portable_log(-infinity)));
    CHECK(std::isnan(portable_log(not_a_number)));
}

TEST_CASE("the exponential is within 1 ulp", "[math]") {
    numbers n(2);
    double worst = 0;
    const auto test = [&](double x) {
        worst = std::max(worst, ulps(portable_exp(x), std::exp(static_cast<long double>(x))));
    };
    for (int i = 0; i < 100'000; ++i) {
        test(n.between(-708, 709.78));
        test(n.between(-745, -708));  // subnormal: an ulp is 2^-1074 there
        test(n.between(708, 709.78));
        test(n.between(-1, 1));
        test(n.sized(-80, -1));
    }
    CHECK(worst < 1);
    CHECK(worst > 0.5);
    CHECK(portable_exp(0) == 1);
    CHECK(portable_exp(1) == 0x1.5bf0a8b145769p+1);
    CHECK(portable_exp(709.782712893384) == 0x1.fffffffffff2ap+1023);
    CHECK(portable_exp(709.782712893385) == infinity);
    CHECK(portable_exp(1e300) == infinity);
    CHECK(portable_exp(infinity) == infinity);
    CHECK(portable_exp(-745.13) == 0x1p-1074);
    CHECK(portable_exp(-745.14) == 0);
    CHECK(portable_exp(-infinity) == 0);
    CHECK(std::isnan(portable_exp(not_a_number)));
}

TEST_CASE("log(1 + x) and exp(x) - 1 are within 2 ulp, however small x is", "[math]") {
    numbers n(3);
    double worst_log = 0;
    double worst_exp = 0;
    const auto test = [&](double x) {
        const long double wide = x;
        if (x > -1) worst_log = std::max(worst_log, ulps(portable_log1p(x), std::log1p(wide)));
        if (std::fabs(x) < 700) worst_exp = std::max(worst_exp, ulps(portable_expm1(x), std::expm1(wide)));
    };
    for (int i = 0; i < 60'000; ++i) {
        test(n.sized(-70, 1));
        test(n.sized(-10, 10));
        test(n.sized(-1000, 1000));
        test(n.between(-1, 1));
        test(n.between(-1.0 / 32, 1.0 / 32));
        test(-1 + std::fabs(n.sized(-53, 0)));
    }
    CHECK(worst_log < 2);
    CHECK(worst_exp < 2);
    CHECK(portable_log1p(0x1p-1074) == 0x1p-1074);
    CHECK(portable_log1p(-1) == -infinity);
    CHECK(portable_log1p(infinity) == infinity);
    CHECK(std::isnan(portable_log1p(-1.5)));
    CHECK(std::isnan(portable_log1p(not_a_number)));
    CHECK(std::signbit(portable_log1p(-0.0)));
    CHECK(portable_expm1(0x1p-1074) == 0x1p-1074);
    CHECK(portable_expm1(710) == infinity);
    CHECK(portable_expm1(infinity) == infinity);
    CHECK(portable_expm1(-50) == -1);
    CHECK(portable_expm1(-infinity) == -1);
    CHECK(std::isnan(portable_expm1(not_a_number)));
    CHECK(std::signbit(portable_expm1(-0.0)));
}

TEST_CASE("the normal quantile is right to 2e-15 from the smallest double to the last draw below 1", "[math]") {
    numbers n(4);
    double worst = 0;
    const auto test = [&](double p) {
        if (!(p > 0 && p < 1) || p == 0.5) return;
        const double z = portable_normal_quantile(p);
        const long double exact = normal_quantile(p, z);
        worst = std::max(worst, static_cast<double>(std::fabs((z - exact) / exact)));
    };
    for (int i = 0; i < 20'000; ++i) {
        test(n.unit());
        test(0.5 + n.sized(-53, -2));
        test(std::fabs(n.sized(-1022, -1)));
        test(1 - std::fabs(n.sized(-53, -1)));
    }
    for (const double join : {0.075, 0.925, std::exp(-25.0)}) {
        for (int k = -50; k <= 50; ++k) test(join * (1 + k * 0x1p-50));
    }
    CHECK(worst < 2e-15);
    CHECK(worst > 1e-17);
    CHECK(std::fabs(portable_normal_quantile(0.975) - 1.959963984540054) < 1e-15);
    CHECK(std::fabs(portable_normal_quantile(0.001) + 3.090232306167813) < 2e-15);
    CHECK(portable_normal_quantile(0.5) == 0);
    CHECK(portable_normal_quantile(0x1p-53) > -8.3);
    CHECK(portable_normal_quantile(0x1p-53) == -portable_normal_quantile(1 - 0x1p-53));
    CHECK(portable_normal_quantile(0) == -infinity);
    CHECK(portable_normal_quantile(1) == infinity);
    CHECK(std::isnan(portable_normal_quantile(-0.1)));
    CHECK(std::isnan(portable_normal_quantile(1.1)));
    CHECK(std::isnan(portable_normal_quantile(not_a_number)));
}

TEST_CASE("log(Gamma(x)) is right to 2e-14", "[math]") {
    // Log-factorials by summation; half-integers by the recurrence from sqrt(pi).
    long double whole = 0;
    long double half = std::log(std::acos(-1.0L)) / 2;
    for (int k = 1; k < 400; ++k) {
        CAPTURE(k);
        CHECK(std::fabs(portable_log_gamma(k) - whole) <= 2e-14L * std::max(1.0L, whole));
        CHECK(std::fabs(portable_log_gamma(k - 0.5) - half) <= 2e-14L * std::max(1.0L, half));
        whole += std::log(static_cast<long double>(k));
        half += std::log(k - 0.5L);
    }
    // Gamma(x) Gamma(1 - x) = pi / sin(pi x), also for tiny x.
    numbers n(5);
    const long double pi = std::acos(-1.0L);
    double worst = 0;
    for (int i = 0; i < 20'000; ++i) {
        const double x = i % 2 == 0 ? n.between(0.001, 0.999) : std::fabs(n.sized(-1000, -1));
        const long double exact = std::log(pi / std::sin(pi * x));
        const long double sum = static_cast<long double>(portable_log_gamma(x)) + portable_log_gamma(1 - x);
        worst = std::max(worst, static_cast<double>(std::fabs(sum - exact) / std::max(1.0L, exact)));
    }
    CHECK(worst < 4e-14);
    // Gamma(2x) = 2^(2x - 1) / sqrt(pi) Gamma(x) Gamma(x + 1/2), up to large x.
    worst = 0;
    for (int i = 0; i < 20'000; ++i) {
        const double x = std::fabs(n.sized(-2, 50));
        const long double left = portable_log_gamma(2 * x);
        const long double right = (2.0L * x - 1) * std::log(2.0L) - std::log(pi) / 2 + portable_log_gamma(x) +
                                  static_cast<long double>(portable_log_gamma(x + 0.5));
        worst = std::max(worst, static_cast<double>(std::fabs(left - right) / std::max(1.0L, std::fabs(left))));
    }
    CHECK(worst < 6e-14);
    CHECK(portable_log_gamma(0) == infinity);
    CHECK(portable_log_gamma(infinity) == infinity);
    CHECK(std::isnan(portable_log_gamma(-0.5)));
    CHECK(std::isnan(portable_log_gamma(not_a_number)));
}

TEST_CASE("the elementary functions give the same bits everywhere", "[math]") {
    // Contraction to FMA, another order of operations or another library would change these. A new value is a change
    // of results.
    struct row {
        const char* name;
        double (*function)(double) noexcept;
        double low, high;
        std::uint64_t expected;
    };
    const std::array rows{
        row{"log", portable_log, 0, 10, 0x9f3f'c037'aec3'825dU},
        row{"exp", portable_exp, -20, 20, 0x927f'361a'1f4d'f756U},
        row{"log1p", portable_log1p, -1, 3, 0xa7b5'cb49'5fd2'3574U},
        row{"expm1", portable_expm1, -5, 5, 0x7579'c8fc'666a'f495U},
        row{"normal_quantile", portable_normal_quantile, 0, 1, 0x392a'1730'b449'330cU},
        row{"log_gamma", portable_log_gamma, 0, 30, 0x555d'fef4'dd93'1ff8U},
    };
    for (const row& r : rows) {
        numbers n(6);
        digest d;
        for (int i = 0; i < 10'000; ++i) d.add(r.function(n.between(r.low, r.high)));
        CAPTURE(r.name);
        CHECK(d.value() == r.expected);
    }
}
