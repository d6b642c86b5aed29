#include <ampacity/serving/speculation.hpp>

#include <boost/multiprecision/cpp_int.hpp>

#include <cmath>

namespace ampacity::serving {
namespace {

using boost::multiprecision::cpp_int;

/// As a whole number of them shares are exact, as they were written.
constexpr std::int64_t billion = 1'000'000'000;

std::int64_t billionths(double share) noexcept { return std::llround(share * static_cast<double>(billion)); }

/// In parts, half to even.
std::int64_t to_parts(cpp_int tokens, const cpp_int& unit) {
    tokens *= parts_per_token;
    const cpp_int whole = tokens / unit, twice = 2 * (tokens % unit);
    const bool up = twice > unit || (twice == unit && whole % 2 != 0);
    return (whole + (up ? 1 : 0)).convert_to<std::int64_t>();
}

}  // namespace

std::int64_t mean_gain(std::int64_t drafts, double acceptance) {
    cpp_int tokens = 1, accepted = 1, unit = 1;  // those of k drafts, in units of billion^k
    for (std::int64_t k = 0; k != drafts; ++k) {
        accepted *= billionths(acceptance);
        tokens = tokens * billion + accepted;
        unit *= billion;
    }
    return to_parts(tokens, unit);
}

std::int64_t mean_gain(std::span<const double> shares) {
    cpp_int tokens = 0, all = 0;
    std::int64_t given = 1;
    for (const double share : shares) {
        tokens += cpp_int{billionths(share)} * given++;
        all += billionths(share);
    }
    return to_parts(tokens, all);
}

}  // namespace ampacity::serving
