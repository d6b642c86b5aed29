#pragma once
/// \file
/// When jobs that run go to another site.
///
/// Part of `site_scheduler.hpp`. Plain values.

#include <ampacity/scenario/fields.hpp>

#include <chrono>
#include <optional>

namespace ampacity::scenario {

/// Moves of jobs at their checkpoints.
struct site_migration {
    duration interval = std::chrono::hours{24};
    double gain = 0.1;
    duration min_stay = std::chrono::hours{7 * 24};
    std::optional<quantity<dimension::data_rate>> bandwidth{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&site_migration::interval,
              {.key = "interval",
               .doc = "at its multiples each job that runs is compared with what other sites that could start it offer",
               .min = duration{1},
               .max = longest_input});
        visit(&site_migration::gain,
              {.key = "gain",
               .doc = "a job goes where `place` is better by at least this share of what its site has: price, carbon, "
                      "distance, or hours from noon; of `balanced` where so much more is free",
               .min = 0.0,
               .max = 1.0});
        visit(&site_migration::min_stay, {.key = "min_stay",
                                          .doc = "how long a job stays at least at a site that it has gone to",
                                          .min = duration::zero(),
                                          .max = longest_input});
        visit(&site_migration::bandwidth,
              {.key = "bandwidth",
               .doc = "between sites, of each job that moves: its checkpoint takes its size / bandwidth on top of "
                      "`transfer`; without it no time",
               .example = "\"100 GB/s\"",
               .min = quantity<dimension::data_rate>{1},
               .max = quantity<dimension::data_rate>{1e18}});
    }
    friend bool operator==(const site_migration&, const site_migration&) = default;
};

}  // namespace ampacity::scenario
