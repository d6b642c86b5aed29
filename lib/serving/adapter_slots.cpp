#include <ampacity/core/error.hpp>
#include <ampacity/serving/adapter_slots.hpp>

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

adapter_slots::adapter_slots(const std::optional<adapter_options>& options) {
    if (!options) return;
    constexpr std::int64_t most = std::int64_t{1} << 20U;
    check("adapters.count", options->count, 1, most);
    check("adapters.slots", options->slots, 1, most);
    check("adapters.load", ticks(options->load), 0, ticks(longest_input));
    all_.resize(static_cast<std::size_t>(options->count));
    free_slots_ = options->slots;
    load_ = options->load;
}

bool adapter_slots::is_ready(std::uint32_t tenant, instant now) const noexcept {
    if (!is_adapted(tenant)) return true;
    const adapter& a = all_[of(tenant)];
    return a.has_slot && a.ready <= now;
}

bool adapter_slots::has_room(std::uint32_t tenant) const noexcept {
    return !is_adapted(tenant) || all_[of(tenant)].has_slot || free_slots_ != 0 || first_ != none;
}

instant adapter_slots::take(std::uint32_t tenant, instant now, adapter_counts& counts) noexcept {
    if (!is_adapted(tenant)) return now;
    const number n = of(tenant);
    adapter& a = all_[n];
    if (a.has_slot) {
        if (a.users == 0) unlink(n);
        ++counts.hits;
    } else {
        if (free_slots_ != 0) {
            --free_slots_;
        } else {
            all_[first_].has_slot = false;
            unlink(first_);
        }
        const instant begin = std::max(link_free_, now);
        a.ready = link_free_ = add_saturating(begin, load_);
        a.has_slot = true;
        ++counts.loads;
        counts.busy += link_free_ - begin;
    }
    ++a.users;
    return a.ready;
}

void adapter_slots::let_go(std::uint32_t tenant) noexcept {
    if (!is_adapted(tenant)) return;
    const number n = of(tenant);
    adapter& a = all_[n];
    if (--a.users != 0) return;
    a.before = last_;
    a.after = none;
    (last_ == none ? first_ : all_[last_].after) = n;
    last_ = n;
}

void adapter_slots::unlink(number n) noexcept {
    const adapter& a = all_[n];
    (a.before == none ? first_ : all_[a.before].after) = a.after;
    (a.after == none ? last_ : all_[a.after].before) = a.before;
}

}  // namespace ampacity::serving
