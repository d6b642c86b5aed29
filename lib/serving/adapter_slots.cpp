#include "whole_number.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/serving/adapter_slots.hpp>

#include <algorithm>
#include <string>

namespace ampacity::serving {

adapter_slots::adapter_slots(const std::optional<adapter_options>& options) {
    if (!options) return;
    check_number("adapters.slots", options->slots, 1, std::int64_t{1} << 20U);
    check_number("adapters.load", ticks(options->load), 0, ticks(longest_input));
    slots_ = options->slots;
    load_ = options->load;
}

bool adapter_slots::is_ready(std::uint32_t tenant, instant now) const noexcept {
    if (!is_adapted(tenant)) return true;
    return has_slot(tenant) && there_.inserter(tenant, 0) <= static_cast<std::uint64_t>(ticks(now));
}

bool adapter_slots::has_room(std::uint32_t tenant) const noexcept {
    return !is_adapted(tenant) || has_slot(tenant) || static_cast<std::int64_t>(there_.size()) < slots_ ||
           there_.evictable() != 0;
}

instant adapter_slots::take(std::uint32_t tenant, instant now, adapter_counts& counts) {
    if (!is_adapted(tenant)) return now;
    if (has_slot(tenant)) {
        there_.hold(tenant, 0);
        ++counts.hits;
        return instant{duration{static_cast<std::int64_t>(there_.inserter(tenant, 0))}};
    }
    if (static_cast<std::int64_t>(there_.size()) == slots_) there_.evict(1);
    const instant begin = std::max(link_free_, now);
    link_free_ = add_saturating(begin, load_);
    there_.insert(tenant, 0, static_cast<std::uint64_t>(ticks(link_free_)));
    ++counts.loads;
    counts.busy += link_free_ - begin;
    return link_free_;
}

void adapter_slots::let_go(std::uint32_t tenant) noexcept {
    if (is_adapted(tenant)) there_.let_go(tenant, 0);
}

}  // namespace ampacity::serving
