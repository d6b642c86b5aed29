#include <ampacity/core/math.hpp>

#include <array>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#ifdef __FAST_MATH__
#error "draws are part of the results: build without -ffast-math"
#endif
static_assert(FLT_EVAL_METHOD == 0, "double expressions must be evaluated as double");
static_assert(std::numeric_limits<double>::is_iec559);

namespace ampacity {
namespace {

// The tables come from series in the compiler's 64-bit-mantissa arithmetic, at compile time: what ends up
// in the program is a list of doubles.
using extended = long double;
static_assert(std::numeric_limits<extended>::digits >= 64);

constexpr extended ln2 = 0.693147180559945309417232121458176568L;
constexpr extended ln2_beyond = -1.145835272680e-20L;  // ln 2 - ln2, where ln2 has 64 bits

// Nearest multiple of 2^-42. Products of such a number below 1 with integers below 2^11 are exact.
constexpr double leading_part(extended x) {
    constexpr extended unit = 1.0L / (1LL << 42);
    const extended scaled = x / unit;
    return static_cast<double>(static_cast<extended>(static_cast<long long>(scaled + (scaled < 0 ? -0.5L : 0.5L))) *
                               unit);
}

// ---- logarithm: x = 2^k z, z in [0.701, 1.402); a short number c close to 1/z; r = z c - 1 is tiny and all but exact;
// log x = k ln 2 - log c + log(1 + r).

constexpr unsigned log_bits = 7;
constexpr std::size_t log_entries = std::size_t{1} << log_bits;
// Bits of the smallest z: 76.5 intervals below 1, so that the interval around 1 has c = 1 on both sides
// of 1 and loses nothing there.
constexpr std::uint64_t log_origin = 0x3FF0'0000'0000'0000U - (153ULL << 44U);

struct log_entry {
    double reciprocal;  // c, a multiple of 2^-12
    double leading;     // -log c, a multiple of 2^-42
    double rest;        // -log c - leading
};

constexpr extended log_series(extended x) {  // for x close to 1
    const extended t = (x - 1) / (x + 1);
    extended power = t;
    extended sum = 0;
    for (int n = 1; n < 40; n += 2) {
        sum += power / n;
        power *= t * t;
    }
    return 2 * sum;
}

constexpr std::array<log_entry, log_entries> make_log_table() {
    std::array<log_entry, log_entries> table{};
    for (std::size_t i = 0; i < log_entries; ++i) {
        const auto first = std::bit_cast<double>(log_origin + (std::uint64_t{i} << (52U - log_bits)));
        const auto last = std::bit_cast<double>(log_origin + (std::uint64_t{i + 1} << (52U - log_bits)));
        const bool around_one = first < 1 && last > 1;
        const double c =
            around_one ? 1.0 : static_cast<double>(static_cast<long long>(2.0 / (first + last) * 4096 + 0.5)) / 4096;
        const extended minus_log = around_one ? 0 : -log_series(c);
        table[i] = {c, leading_part(minus_log), static_cast<double>(minus_log - leading_part(minus_log))};
    }
    return table;
}

constexpr auto log_table = make_log_table();
constexpr double ln2_leading = leading_part(ln2);
constexpr double ln2_rest = static_cast<double>((ln2 - leading_part(ln2)) + ln2_beyond);

// ---- exponential: x = k ln2/128 + r, exp x = 2^(k/128) exp r.

constexpr std::size_t exp_entries = 128;

struct exp_entry {
    std::uint64_t bits;  // of 2^(j/128)
    double rest;         // relative error of that double
};

constexpr std::array<exp_entry, exp_entries> make_exp_table() {
    std::array<exp_entry, exp_entries> table{};
    for (std::size_t j = 0; j < exp_entries; ++j) {
        const extended x = ln2 * static_cast<extended>(j) / static_cast<extended>(exp_entries);
        extended term = 1;
        extended sum = 0;
        for (int n = 1; n < 30; ++n) {
            sum += term;
            term *= x / n;
        }
        const auto rounded = static_cast<double>(sum);
        table[j] = {std::bit_cast<std::uint64_t>(rounded), static_cast<double>((sum - rounded) / sum)};
    }
    return table;
}

constexpr auto exp_table = make_exp_table();
constexpr double steps_per_unit = static_cast<double>(exp_entries / ln2);
constexpr double step_leading = leading_part(ln2 / exp_entries);
constexpr double step_rest =
    static_cast<double>((ln2 / exp_entries - leading_part(ln2 / exp_entries)) + ln2_beyond / exp_entries);

// 2^exponent x mantissa x (1 + relative) = exp x, |relative| < 0.003
struct reduced_exp {
    std::int64_t exponent;
    std::uint64_t mantissa_bits;
    double relative;
};

// Requires |x| < 800.
reduced_exp reduce_exp(double x) noexcept {
    // Adding 1.5 x 2^52 rounds to an integer, which then stands in the low bits.
    constexpr double to_integer = 0x1.8p52;
    const double shifted = x * steps_per_unit + to_integer;
    const double steps = shifted - to_integer;
    const auto k =
        static_cast<std::int64_t>(std::bit_cast<std::uint64_t>(shifted) - std::bit_cast<std::uint64_t>(to_integer));
    const exp_entry& entry = exp_table[static_cast<std::uint64_t>(k) % exp_entries];
    // steps x step_leading is exact (18 + 35 bits), and so is its difference from x.
    const double r = (x - steps * step_leading) - steps * step_rest;
    const double r2 = r * r;
    const double relative = (entry.rest + r) + (r2 * (1.0 / 2 + r * (1.0 / 6)) +
                                                r2 * r2 * ((1.0 / 24 + r * (1.0 / 120)) + r2 * (1.0 / 720)));
    return {k >> 7, entry.bits, relative};
}

double power_of_two(std::int64_t exponent) noexcept {  // -1022 .. 1023
    return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52U);
}

double scaled_mantissa(const reduced_exp& e) noexcept {
    return std::bit_cast<double>(e.mantissa_bits + (static_cast<std::uint64_t>(e.exponent) << 52U));
}

template <std::size_t N>
double horner(const std::array<double, N>& coefficients, double x) noexcept {
    double sum = coefficients[N - 1];
    for (std::size_t i = N - 1; i-- > 0;) sum = sum * x + coefficients[i];
    return sum;
}

}  // namespace

double portable_log(double x) noexcept {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
    std::int64_t k = 0;
    if (bits - 0x0010'0000'0000'0000U >= 0x7FF0'0000'0000'0000U - 0x0010'0000'0000'0000U) {
        if (x == 0) return -infinity;
        if (x == infinity) return x;
        if (!(x > 0)) return std::numeric_limits<double>::quiet_NaN();
        bits = std::bit_cast<std::uint64_t>(x * 0x1p52);  // subnormal
        k = -52;
    }
    const std::uint64_t offset = bits - log_origin;
    const log_entry& entry = log_table[(offset >> (52U - log_bits)) % log_entries];
    const std::int64_t exponent = static_cast<std::int64_t>(offset) >> 52;
    const std::uint64_t z_bits = bits - (static_cast<std::uint64_t>(exponent) << 52U);
    k += exponent;

    // Both products are exact: 21 and 32 bits times at most 13.
    const auto z_high = std::bit_cast<double>(z_bits & 0xFFFF'FFFF'0000'0000U);
    const double z_low = std::bit_cast<double>(z_bits) - z_high;
    const double r = (z_high * entry.reciprocal - 1.0) + z_low * entry.reciprocal;

    const auto kd = static_cast<double>(k);
    const double whole = kd * ln2_leading + entry.leading;  // exact
    const double high = whole + r;
    const double low = ((whole - high) + r) + (kd * ln2_rest + entry.rest);
    const double r2 = r * r;
    const double series =
        r2 * (-0.5 + r * ((1.0 / 3 - r * (1.0 / 4)) + r2 * ((1.0 / 5 - r * (1.0 / 6)) + r2 * (1.0 / 7))));
    return high + (low + series);
}

double portable_exp(double x) noexcept {
    if (!(x > -708.0 && x < 709.0)) {
        if (x != x) return x;
        if (x > 709.79) return std::numeric_limits<double>::infinity();
        if (x < -745.14) return 0.0;
        const reduced_exp e = reduce_exp(x);
        const auto mantissa = std::bit_cast<double>(e.mantissa_bits);
        const double value = mantissa + mantissa * e.relative;
        // Two exact powers of two, so that only the last product rounds or overflows.
        const std::int64_t half = e.exponent / 2;
        return value * power_of_two(half) * power_of_two(e.exponent - half);
    }
    const reduced_exp e = reduce_exp(x);
    const double scale = scaled_mantissa(e);
    return scale + scale * e.relative;
}

double portable_log1p(double x) noexcept {
    if (!(x > -1.0))
        return x == -1.0 ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
    if (std::fabs(x) < 0x1p-54 || x == std::numeric_limits<double>::infinity()) return x;
    const double sum = 1.0 + x;
    const double lost = x < 1.0 ? x - (sum - 1.0) : 1.0 - (sum - x);
    return portable_log(sum) + lost / sum;
}

double portable_expm1(double x) noexcept {
    if (x != x || std::fabs(x) < 0x1p-54) return x;
    if (x > 40.0) return portable_exp(x);  // 1 is below half a unit in the last place
    if (x < -40.0) return -1.0;
    if (std::fabs(x) < 1.0 / 64) {  // where scale - 1 below would cancel against the rest
        static constexpr std::array<double, 6> taylor{1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040};
        return x + x * x * horner(taylor, x);
    }
    const reduced_exp e = reduce_exp(x);
    const double scale = scaled_mantissa(e);
    const double high = scale - 1.0;
    const double low = scale >= 1.0 ? (scale - high) - 1.0 : scale - (high + 1.0);
    return high + (low + scale * e.relative);
}

double portable_normal_quantile(double p) noexcept {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    static constexpr std::array<double, 8> a{
        3.3871328727963666080e0,  1.3314166789178437745e+2, 1.9715909503065514427e+3, 1.3731693765509461125e+4,
        4.5921953931549871457e+4, 6.7265770927008700853e+4, 3.3430575583588128105e+4, 2.5090809287301226727e+3};
    static constexpr std::array<double, 8> b{1.0,
                                             4.2313330701600911252e+1,
                                             6.8718700749205790830e+2,
                                             5.3941960214247511077e+3,
                                             2.1213794301586595867e+4,
                                             3.9307895800092710610e+4,
                                             2.8729085735721942674e+4,
                                             5.2264952788528545610e+3};
    static constexpr std::array<double, 8> c{
        1.42343711074968357734e0, 4.63033784615654529590e0,  5.76949722146069140550e0,  3.64784832476320460504e0,
        1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4};
    static constexpr std::array<double, 8> d{1.0,
                                             2.05319162663775882187e0,
                                             1.67638483018380384940e0,
                                             6.89767334985100004550e-1,
                                             1.48103976427480074590e-1,
                                             1.51986665636164571966e-2,
                                             5.47593808499534494600e-4,
                                             1.05075007164441684324e-9};
    static constexpr std::array<double, 8> e{
        6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,  2.96560571828504891230e-1,
        2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7};
    static constexpr std::array<double, 8> f{1.0,
                                             5.99832206555887937690e-1,
                                             1.36929880922735805310e-1,
                                             1.48753612908506148525e-2,
                                             7.86869131145613259100e-4,
                                             1.84631831751005468180e-5,
                                             1.42151175831644588870e-7,
                                             2.04426310338993978564e-15};
    const double q = p - 0.5;
    if (std::fabs(q) <= 0.425) {
        const double r = 0.180625 - q * q;
        return q * horner(a, r) / horner(b, r);
    }
    const double tail = q < 0 ? p : 1.0 - p;
    if (!(tail > 0)) return tail == 0 ? (q < 0 ? -infinity : infinity) : std::numeric_limits<double>::quiet_NaN();
    const double r = std::sqrt(-portable_log(tail));
    const double z = r <= 5.0 ? horner(c, r - 1.6) / horner(d, r - 1.6) : horner(e, r - 5.0) / horner(f, r - 5.0);
    return q < 0 ? -z : z;
}

double portable_log_gamma(double x) noexcept {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    if (!(x > 0)) return x == 0 ? infinity : std::numeric_limits<double>::quiet_NaN();
    if (x == infinity) return x;
    double product = 1.0;
    for (; x < 10.0; x += 1.0) product *= x;
    // B(2n) / (2n (2n-1)), n = 1 .. 7
    static constexpr std::array<double, 7> stirling{1.0 / 12,   -1.0 / 360,      1.0 / 1260, -1.0 / 1680,
                                                    1.0 / 1188, -691.0 / 360360, 1.0 / 156};
    constexpr double half_log_2pi = 0.91893853320467274178;
    const double inverse = 1.0 / x;
    const double series = inverse * horner(stirling, inverse * inverse);
    return ((x - 0.5) * portable_log(x) - x) + half_log_2pi + series - portable_log(product);
}

namespace {

struct student_t_areas {
    double tail;
    double center;
};

/// P(T > t) and P(0 < T <= t) of Student's distribution, t > 0, each without cancellation: half the regularised
/// incomplete beta function I_x(n / 2, 1 / 2) at x = n / (n + t^2), by its continued fraction (modified Lentz;
/// Numerical Recipes, 6.4), on the side where it converges.
student_t_areas student_t_areas_of(double t, double degrees) noexcept {
    const double n = degrees;
    const auto continued = [](double a, double b, double x) {
        constexpr double tiny = 1e-300;
        double c = 1.0;
        double d = 1.0 - (a + b) * x / (a + 1.0);
        d = 1.0 / (d == 0.0 ? tiny : d);
        double h = d;
        for (double m = 1.0; m < 10'000.0; m += 1.0) {
            const auto step = [&](double factor) {
                d = 1.0 + factor * d;
                c = 1.0 + factor / c;
                d = 1.0 / (d == 0.0 ? tiny : d);
                if (c == 0.0) c = tiny;
                h *= d * c;
            };
            step(m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)));
            const double before = h;
            step(-(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)));
            if (std::fabs(h - before) <= 1e-16 * std::fabs(h)) break;
        }
        return h;
    };
    const double a = 0.5 * n;
    const double b = 0.5;
    const double x = n / (n + t * t);
    const double y = t * t / (n + t * t);  // 1 - x
    const double log_front = portable_log_gamma(a + b) - portable_log_gamma(a) - portable_log_gamma(b) -
                             a * portable_log1p(t * t / n) + b * portable_log(y);
    const double front = portable_exp(log_front);
    if (x < (a + 1.0) / (a + b + 2.0)) {
        const double tail = 0.5 * front * continued(a, b, x) / a;
        return {tail, 0.5 - tail};
    }
    const double center = 0.5 * front * continued(b, a, y) / b;
    return {0.5 - center, center};
}

}  // namespace

double portable_student_t_quantile(double p, double degrees) noexcept {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    if (!(p >= 0 && p <= 1 && degrees >= 1)) return std::numeric_limits<double>::quiet_NaN();
    if (p == 0.5) return 0.0;
    if (p == 0.0 || p == 1.0) return p == 0.0 ? -infinity : infinity;
    if (degrees > 1000) {
        const double z = portable_normal_quantile(p);
        const double z2 = z * z;
        const double g1 = z * (z2 + 1.0) / 4.0;
        const double g2 = z * ((5.0 * z2 + 16.0) * z2 + 3.0) / 96.0;
        const double g3 = z * (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / 384.0;
        const double g4 = z * ((((79.0 * z2 + 776.0) * z2 + 1482.0) * z2 - 1920.0) * z2 - 945.0) / 92160.0;
        const double r = 1.0 / degrees;
        return z + r * (g1 + r * (g2 + r * (g3 + r * g4)));
    }
    const double tail = p < 0.5 ? p : 1.0 - p;
    const double center = p < 0.5 ? 0.5 - p : p - 0.5;
    const auto beyond = [&](double t) {  // the quantile is above t
        const student_t_areas at = student_t_areas_of(t, degrees);
        return center < 0.25 ? at.center < center : at.tail > tail;
    };
    double high = 1.0;
    while (beyond(high) && high < 1e300) high *= 2.0;
    double low = 0.0;
    for (;;) {
        const double middle = 0.5 * (low + high);
        if (!(middle > low && middle < high)) break;
        (beyond(middle) ? low : high) = middle;
    }
    return p < 0.5 ? -high : high;
}

}  // namespace ampacity
