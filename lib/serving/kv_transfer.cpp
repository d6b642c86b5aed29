#include "whole_number.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/serving/kv_transfer.hpp>

#include <algorithm>
#include <string>

namespace ampacity::serving {

kv_transfer::kv_transfer(const kv_transfer_options& o) : options_(o) {
    constexpr std::int64_t e9 = 1'000'000'000;
    check_number("latency", ticks(o.latency), 0, ticks(longest_input));
    check_number("bytes_per_token", o.bytes_per_token, 1, std::int64_t{1} << 34U);
    check_number("bandwidth", o.bandwidth_b_s, 1, e9 * e9);
    check_number("efficiency", o.efficiency_ppb, 1, e9);
    check_number("layers", o.layers, 1, std::int64_t{1} << 20U);
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
