#pragma once
/// \file
/// Sites that schedule their own jobs, and what their choice follows.
///
/// Part of `scheduler.hpp`. Plain values.

#include <ampacity/scenario/fields.hpp>
#include <ampacity/scenario/site_migration.hpp>
#include <ampacity/scenario/site_preference.hpp>

#include <optional>
#include <string>

namespace ampacity::scenario {

/// What stands above the schedulers of sites.
struct site_scheduler {
    hardware::site_preference place = hardware::site_preference::balanced;
    std::optional<std::string> origin{};
    duration transfer{};
    std::optional<site_migration> migrate{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(
            &site_scheduler::place,
            {.key = "place",
             .doc = "of sites where a job could start at once, or else of those that could hold it, the one that it "
                    "gets: nearest to its origin, with the lowest price of energy or the least carbon now, closest to "
                    "noon, or with the largest free share"});
        visit(&site_scheduler::origin,
              {.key = "origin",
               .doc = "the site that work comes from, of `place: nearest`; workload.N.origin takes its place",
               .example = "iad"});
        visit(&site_scheduler::transfer,
              {.key = "transfer",
               .doc = "after which a job that goes to another site, because its own has no node left or by `migrate`, "
                      "enters the queue there",
               .min = duration::zero(),
               .max = longest_input});
        visit(&site_scheduler::migrate,
              {.key = "migrate",
               .doc = "jobs that run go to a site that is better by far, at a checkpoint; without it none does",
               .example = "{ interval: \"6 h\", gain: 0.2, min_stay: \"1 d\", bandwidth: \"100 GB/s\" }"});
    }
    friend bool operator==(const site_scheduler&, const site_scheduler&) = default;
};

}  // namespace ampacity::scenario
