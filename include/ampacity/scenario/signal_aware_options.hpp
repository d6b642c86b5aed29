#pragma once
/// \file
/// Options of the policies that hold jobs back for low carbon or a low price.
///
/// Plain values: copy, compare and move between threads freely.

#include <ampacity/scenario/fields.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace ampacity::scenario {

/// What `carbon-aware` looks at.
enum class intensity : std::uint8_t { average, marginal };

template <>
struct names<intensity> {
    static constexpr std::array known{named<intensity>{intensity::average, "average"},
                                      named<intensity>{intensity::marginal, "marginal"}};
};

/// Options of `carbon-aware`.
struct carbon_aware_options {
    std::string base = "easy";
    duration max_delay = std::chrono::hours{12};
    std::optional<std::uint64_t> below_priority{};
    ampacity::scenario::intensity intensity = ampacity::scenario::intensity::average;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&carbon_aware_options::base,
              {.key = "base", .doc = "the policy that decides about the jobs that are not held back"});
        visit(&carbon_aware_options::max_delay, {.key = "max_delay",
                                                 .doc = "the longest time that a job is held back after its submit",
                                                 .min = duration::zero(),
                                                 .max = longest_input});
        visit(&carbon_aware_options::below_priority, {.key = "below_priority",
                                                      .doc = "jobs of a lower priority can wait; without it all can",
                                                      .example = "10",
                                                      .max = 0x7FFF'FFFFU});
        visit(&carbon_aware_options::intensity,
              {.key = "intensity",
               .doc = "the signal that is made low: energy.signals.carbon (average) or energy.signals.marginal"});
    }
    friend bool operator==(const carbon_aware_options&, const carbon_aware_options&) = default;
};

/// Options of `price-aware`.
struct price_aware_options {
    std::string base = "easy";
    duration max_delay = std::chrono::hours{12};
    std::optional<std::uint64_t> below_priority{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&price_aware_options::base,
              {.key = "base", .doc = "the policy that decides about the jobs that are not held back"});
        visit(&price_aware_options::max_delay, {.key = "max_delay",
                                                .doc = "the longest time that a job is held back after its submit",
                                                .min = duration::zero(),
                                                .max = longest_input});
        visit(&price_aware_options::below_priority, {.key = "below_priority",
                                                     .doc = "jobs of a lower priority can wait; without it all can",
                                                     .example = "10",
                                                     .max = 0x7FFF'FFFFU});
    }
    friend bool operator==(const price_aware_options&, const price_aware_options&) = default;
};

}  // namespace ampacity::scenario
