#pragma once
/// \file
/// Cap policies of plug-ins: who lowers loads, in a shared library that the program loads with `--plugin`.
///
/// Derive from `power::cap_policy` and name it among the parts of the plug-in (policy/plugin.hpp), with its namespace:
///
///     AMPACITY_PLUGIN(ampacity::plugin::cap_policy<in_steps>("in-steps", "one step a tick"))
///
/// A scenario then has `power: { control: { level: row, policy: in-steps, options: { ... } } }`. All of a header is
/// inline: the plug-in links nothing. A controller has a policy of its own, which may keep state by
/// `capped_feed::number`. What it throws, or a limit that cannot be, ends the run with exit status 5.

#include <ampacity/core/fnv.hpp>
#include <ampacity/policy/plugin.hpp>
#include <ampacity/power/cap_policy.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace ampacity::plugin {

/// What crosses for cap policies. `layout` stands first in every version.
struct cap_calls {
    std::uint64_t layout = 0;
    bool (*decide)(void* self, const power::capped_feed& feed, power::class_limits& to, failure& out) noexcept;
    void (*destroy)(void* self) noexcept;
};

namespace detail {

constexpr std::uint64_t cap_layout() {
    std::uint64_t hash = fnv_start;
    for (const std::size_t x :
         {sizeof(power::capped_feed), alignof(power::capped_feed), offsetof(power::capped_feed, load_w),
          offsetof(power::capped_feed, limit_w), offsetof(power::capped_feed, now), offsetof(power::capped_feed, gpus),
          sizeof(power::gpu_load), offsetof(power::gpu_load, gpus), offsetof(power::gpu_load, draw_w),
          offsetof(power::gpu_load, limit_w), offsetof(power::gpu_load, lowest_w), offsetof(power::gpu_load, now_w),
          sizeof(power::class_limits), sizeof(power::cap_policy)})
        hash = fnv_1a(x, hash);
    return hash;
}

inline bool decide_cap(void* self, const power::capped_feed& feed, power::class_limits& to, failure& out) noexcept {
    return guarded(out, [&] { to = static_cast<power::cap_policy*>(self)->decide(feed); });
}

inline constexpr cap_calls calls_of_caps{cap_layout(), decide_cap, destroy<power::cap_policy>};

}  // namespace detail

/// A cap policy of the plug-in: its class, the name that a scenario uses and what it means, one phrase.
template <std::derived_from<power::cap_policy> T>
constexpr part cap_policy(const char* name, const char* meaning) {
    return {part_kind::cap_policy, name, meaning, detail::make<power::cap_policy, T>, &detail::calls_of_caps};
}

}  // namespace ampacity::plugin
