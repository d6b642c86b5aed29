#pragma once
/// \file
/// Options of the placer `topology`.
///
/// Part of `scheduler.hpp`. Plain values.

#include <ampacity/scenario/fields.hpp>

#include <cstdint>
#include <optional>

namespace ampacity::scenario {

/// The largest weight of the placer `topology`; they have at most 6 decimals.
inline constexpr double max_placement_weight = 1e6;
inline constexpr std::uint64_t max_weighed_racks = 1'000'000;  ///< of a fleet whose placer has weights

/// What the placer `topology` weighs, if anything.
struct placement_weights {
    double racks = 0;
    double largest_share = 0;
    double blocks = 0;
    double sites = 0;
    double whole_racks = 0;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&placement_weights::racks, {.key = "racks",
                                          .doc = "of each rack that the job gets GPUs of",
                                          .example = "1",
                                          .min = 0.0,
                                          .max = max_placement_weight});
        visit(&placement_weights::largest_share, {.key = "largest_share",
                                                  .doc = "of each GPU of the job's largest share of a rack",
                                                  .example = "0.25",
                                                  .min = 0.0,
                                                  .max = max_placement_weight});
        visit(&placement_weights::blocks, {.key = "blocks",
                                           .doc = "of each block that the job gets GPUs of",
                                           .example = "10",
                                           .min = 0.0,
                                           .max = max_placement_weight});
        visit(&placement_weights::sites, {.key = "sites",
                                          .doc = "of each site that the job gets GPUs of",
                                          .example = "100",
                                          .min = 0.0,
                                          .max = max_placement_weight});
        visit(&placement_weights::whole_racks, {.key = "whole_racks",
                                                .doc = "of each rack that the job is the first to get GPUs of",
                                                .example = "5",
                                                .min = 0.0,
                                                .max = max_placement_weight});
    }
    friend bool operator==(const placement_weights&, const placement_weights&) = default;
};

/// Options of the placer `topology`.
struct topology_options {
    bool keep_racks_whole = false;
    std::optional<placement_weights> weights{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&topology_options::keep_racks_whole,
              {.key = "keep_racks_whole",
               .doc = "a job that fits one rack gets the fullest that has room, instead of the lowest"});
        visit(
            &topology_options::weights,
            {.key = "weights",
             .doc = "a job gets the place of the least weighted sum; ties, and all without it, by the order of wishes",
             .example = "{ racks: 1, blocks: 10, sites: 100, whole_racks: 5 }"});
    }
    friend bool operator==(const topology_options&, const topology_options&) = default;
};

}  // namespace ampacity::scenario
