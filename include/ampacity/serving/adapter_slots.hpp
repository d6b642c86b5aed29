#pragma once
/// \file
/// Adapters (LoRA) of the tenants of a replica, of which a few at a time are in the memory of its GPUs.
///
/// Each tenant has one, tenant 0 none. An adapter that is asked for takes a free slot, else that of the adapter without
/// users whose last one left longest ago. One link loads one after the other, in the order in which they are asked for;
/// an adapter that gives its slot away while it is loaded has spent the link's time. O(1) expected each, no allocation
/// once all slots have been taken. One thread.

#include <ampacity/core/time.hpp>
#include <ampacity/serving/prefix_cache.hpp>

#include <cstdint>
#include <optional>

namespace ampacity::serving {

struct adapter_options {
    std::int64_t slots = 1;  ///< 1 .. 2^20
    duration load{};         ///< of one on an idle link, 0 .. 200 years
};

/// What a replica did with them, in whole numbers.
struct adapter_counts {
    std::int64_t hits = 0;   ///< requests that got a seat and whose adapter was in a slot, if only to be loaded
    std::int64_t loads = 0;  ///< begun, for all others
    duration busy{};         ///< of the link for these
};

class adapter_slots {
public:
    /// None: nobody waits for any. \throws scenario_error for options outside their ranges; the key is adapters.NAME.
    explicit adapter_slots(const std::optional<adapter_options>& options);

    [[nodiscard]] bool empty() const noexcept { return slots_ == 0; }
    /// Whether it is loaded.
    [[nodiscard]] bool is_ready(std::uint32_t tenant, instant now) const noexcept;
    /// Whether it has a slot or can get one.
    [[nodiscard]] bool has_room(std::uint32_t tenant) const noexcept;
    /// One request more uses it. \return when it is loaded \pre has_room(tenant)
    instant take(std::uint32_t tenant, instant now, adapter_counts& counts);
    /// One request less uses it.
    void let_go(std::uint32_t tenant) noexcept;

private:
    [[nodiscard]] bool is_adapted(std::uint32_t tenant) const noexcept { return tenant != 0 && slots_ != 0; }
    [[nodiscard]] bool has_slot(std::uint32_t tenant) const noexcept { return there_.matching(tenant, 1) != 0; }

    std::int64_t slots_ = 0;
    duration load_{};
    instant link_free_ = start_of_time;
    prefix_cache there_;  // those in slots as blocks 0, with the time since when they are loaded as their inserter
};

}  // namespace ampacity::serving
