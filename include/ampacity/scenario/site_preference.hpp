#pragma once
/// \file
/// How scenarios name what a choice between sites follows.
///
/// Part of `scenario.hpp`. Plain values.

#include <ampacity/hardware/site_preference.hpp>
#include <ampacity/scenario/fields.hpp>

#include <array>

namespace ampacity::scenario {

template <>
struct names<hardware::site_preference> {
    using by = hardware::site_preference;
    static constexpr std::array known{
        named<by>{by::nearest, "nearest"}, named<by>{by::cheapest, "cheapest"}, named<by>{by::greenest, "greenest"},
        named<by>{by::follow_the_sun, "follow-the-sun"}, named<by>{by::balanced, "balanced"}};
};

}  // namespace ampacity::scenario
