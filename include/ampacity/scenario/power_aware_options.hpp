#pragma once
/// \file
/// Options of the policy that starts jobs where feeds can carry them.
///
/// Plain values: copy, compare and move between threads freely.

#include <ampacity/scenario/fields.hpp>

namespace ampacity::scenario {

/// Options of `power-aware`.
struct power_aware_options {
    bool skip = false;
    double reserve = 0;
    double cap = 1;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&power_aware_options::skip,
              {.key = "skip", .doc = "start jobs behind one that does not fit, or lacks power"});
        visit(&power_aware_options::reserve,
              {.key = "reserve", .doc = "share of every feed's limit that is kept free", .max = 0.99});
        visit(&power_aware_options::cap,
              {.key = "cap",
               .doc = "share of the power limit of GPUs down to which they are capped so that jobs can start",
               .min = 0.01,
               .max = 1});
    }
    friend bool operator==(const power_aware_options&, const power_aware_options&) = default;
};

}  // namespace ampacity::scenario
