#include <ampacity/core/error.hpp>
#include <ampacity/serving/kv_transfer.hpp>

#include <algorithm>
#include <string>

namespace ampacity::serving {
namespace {

void check(const char* key, std::int64_t value, std::int64_t least, std::int64_t most) {
    if (least <= value && value <= most) return;
    throw scenario_error({{},
                          key,
                          value < least ? "too small" : "too large",
                          std::to_string(value),
                          "give a whole number from " + std::to_string(least) + " to " + std::to_string(most)});
}

}  // namespace

kv_transfer::kv_transfer(const kv_transfer_options& o) : options_(o) {
    constexpr std::int64_t e9 = 1'000'000'000;
    check("latency", ticks(o.latency), 0, ticks(longest_input));
    check("bytes_per_token", o.bytes_per_token, 1, std::int64_t{1} << 34U);
    check("bandwidth", o.bandwidth_b_s, 1, e9 * e9);
    check("efficiency", o.efficiency_ppb, 1, e9);
    check("layers", o.layers, 1, std::int64_t{1} << 20U);
    ns_per_token_ = int128{o.bytes_per_token} * e9 * e9;
    divisor_ = int128{o.bandwidth_b_s} * o.efficiency_ppb;
}

duration kv_transfer::of(std::int64_t tokens, std::int64_t share) const noexcept {
    const int128 whole = tokens * ns_per_token_;
    const int128 by = divisor_ * share;
    const int128 floor = whole / by;
    if (floor >= ticks(longest_input)) return longest_input;
    const int128 rest = whole % by;
    const bool up = rest > by - rest || (rest == by - rest && floor % 2 != 0);
    return duration{static_cast<std::int64_t>(floor) + (up ? 1 : 0)};
}

instant kv_transfer::sent(std::int64_t tokens, instant first_step, instant first_token,
                          instant link_free) const noexcept {
    return std::max(add_saturating(std::max(link_free, first_step), whole(tokens)),
                    add_saturating(std::max(link_free, first_token), last(tokens)));
}

}  // namespace ampacity::serving
