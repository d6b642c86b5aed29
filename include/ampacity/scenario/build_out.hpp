#pragma once
/// \file
/// The description of how the racks of a site come into service over weeks, and leave years later; and what comes of
/// it.
///
/// Plain values, and pure functions of a scenario.

#include <ampacity/core/ids.hpp>
#include <ampacity/fleet/build_out.hpp>
#include <ampacity/scenario/feed_failures.hpp>
#include <ampacity/scenario/fields.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::scenario {

/// Racks that arrive together.
struct arriving_racks {
    duration at{};
    std::uint64_t racks = 0;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&arriving_racks::at, {.key = "at",
                                    .doc = "when, from the start of the scenario",
                                    .required = true,
                                    .example = "\"14 d\"",
                                    .min = duration::zero(),
                                    .max = longest_input});
        visit(&arriving_racks::racks, {.key = "racks",
                                       .doc = "how many",
                                       .required = true,
                                       .example = "96",
                                       .min = std::uint64_t{1},
                                       .max = std::uint64_t{1} << 32U});
    }
    friend bool operator==(const arriving_racks&, const arriving_racks&) = default;
};

/// Power for so many racks.
struct power_block {
    std::uint64_t racks = 0;
    duration ready{};
    std::optional<time_law> delay{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&power_block::racks, {.key = "racks",
                                    .doc = "for how many places; a rack that replaces another takes its place",
                                    .required = true,
                                    .example = "640",
                                    .min = std::uint64_t{1},
                                    .max = std::uint64_t{1} << 32U});
        visit(&power_block::ready, {.key = "ready",
                                    .doc = "when it is promised, from the start of the scenario",
                                    .required = true,
                                    .example = "\"60 d\"",
                                    .min = duration::zero(),
                                    .max = longest_input});
        visit(&power_block::delay,
              {.key = "delay", .doc = "how much later it is ready", .example = "{ exponential: \"20 d\" }"});
    }
    friend bool operator==(const power_block&, const power_block&) = default;
};

/// How racks of a site come into service.
struct build_out {
    duration start{};
    std::optional<double> racks_per_week{};
    std::vector<arriving_racks> arrivals{};
    std::uint64_t present = 0;
    std::vector<power_block> blocks{};
    std::optional<time_law> install{};
    std::optional<std::uint64_t> crews{};
    std::optional<time_law> burn_in{};
    double acceptance_failure = 0;
    std::optional<time_law> rework{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&build_out::start, {.key = "start",
                                  .doc = "when the first rack arrives, from the start of the scenario",
                                  .min = duration::zero(),
                                  .max = longest_input});
        visit(&build_out::racks_per_week,
              {.key = "racks_per_week",
               .doc = "so many arrive a week, evenly, in the order of the groups; or `arrivals`",
               .example = "48",
               .min = 1e-3,
               .max = 1e6});
        visit(&build_out::arrivals, {.key = "arrivals",
                                     .doc = "which arrive when, by time, in the order of the groups",
                                     .example = "[ { at: \"14 d\", racks: 96 } ]"});
        visit(&build_out::present, {.key = "present",
                                    .doc = "so many, the first ones, are in service from the start",
                                    .example = "64",
                                    .max = std::uint64_t{1} << 32U});
        visit(&build_out::blocks,
              {.key = "blocks",
               .doc = "power blocks (halls) in the order in which racks fill them: a rack is not installed before its "
                      "own is ready; none: power is there",
               .example = "[ { racks: 640, ready: \"60 d\" } ]"});
        visit(&build_out::install, {.key = "install",
                                    .doc = "how long a crew installs a rack; none: no time",
                                    .example = "{ uniform: { min: \"2 d\", max: \"5 d\" } }"});
        visit(&build_out::crews, {.key = "crews",
                                  .doc = "that install a rack each at a time, first come first served; none: as many "
                                         "as there are racks",
                                  .example = "12",
                                  .min = std::uint64_t{1},
                                  .max = std::uint64_t{1'000'000}});
        visit(&build_out::burn_in, {.key = "burn_in",
                                    .doc = "how long a rack is burnt in, each time; none: no time",
                                    .example = "{ uniform: { min: \"72 h\", max: \"168 h\" } }"});
        visit(&build_out::acceptance_failure,
              {.key = "acceptance_failure",
               .doc = "share of burn-ins after which a rack is reworked and burnt in again",
               .example = "0.05",
               .min = 0.0,
               .max = 0.9});
        visit(&build_out::rework, {.key = "rework",
                                   .doc = "how long a rack is reworked, each time; none: no time",
                                   .example = "{ exponential: \"48 h\" }"});
    }
    friend bool operator==(const build_out&, const build_out&) = default;
};

/// When racks leave for good.
struct retirement {
    static constexpr bool exactly_one = true;
    static constexpr duration usual_notice = std::chrono::hours{24 * 14};
    std::optional<duration> at{};
    std::optional<duration> after{};
    std::optional<double> racks_per_week{};
    std::optional<duration> notice{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&retirement::at, {.key = "at",
                                .doc = "when the first ones leave, from the start of the scenario",
                                .example = "\"1825 d\"",
                                .min = duration{1},
                                .max = longest_input});
        visit(&retirement::after, {.key = "after",
                                   .doc = "each so long after it came into service, at the end of that day of the run",
                                   .example = "\"1825 d\"",
                                   .min = duration{1},
                                   .max = longest_input});
        visit(&retirement::racks_per_week,
              {.key = "racks_per_week",
               .doc = "with `at`: so many leave in the first week, all at its beginning, and in each one after; none: "
                      "all at once",
               .example = "48",
               .min = 1e-3,
               .max = 1e6,
               .beside = true});
        visit(
            &retirement::notice,
            {.key = "notice",
             .doc = "so long before, policies know it: no job is started there that is planned to run beyond it; none: "
                    "14 d; of a fleet of several GPU types they do not",
             .example = "\"30 d\"",
             .min = duration::zero(),
             .max = longest_input,
             .beside = true});
    }
    friend bool operator==(const retirement&, const retirement&) = default;
};

struct scenario;

/// A rack of the fleet over the run.
struct rack_course {
    std::uint32_t site = 0;   ///< of `fleet.sites`; 0 without
    std::uint32_t rack = 0;   ///< its number in the fleet
    std::uint32_t gpus = 0;   ///< that it has
    duration notice{};        ///< of its retirement
    bool is_present = false;  ///< in service from the start of the run
    ampacity::fleet::rack_dates dates;
};

/// Does any rack come or leave as planned?
[[nodiscard]] bool has_build_out(const scenario& s) noexcept;
/// All racks of sites where any does, by site, in the order of their groups; a pure function of the scenario.
/// \pre checked
[[nodiscard]] std::vector<rack_course> rack_courses(const scenario& s);

/// All that comes and leaves up to an instant.
struct build_out_facts {
    std::uint64_t racks = 0;                 ///< in service then
    std::uint64_t gpus = 0;                  ///< that they have
    std::uint64_t came = 0;                  ///< racks that have come into service after the start of the run
    std::uint64_t retired = 0;               ///< racks
    std::uint64_t reworks = 0;               ///< of racks that have come
    std::optional<instant> first{}, last{};  ///< came into service
    std::optional<double> racks_per_week{};  ///< from the first to the last
    duration crew_wait{}, most_crew_wait{};  ///< of racks that have come: in all, of one
};
[[nodiscard]] build_out_facts facts_of(const std::vector<rack_course>& racks, instant end);

}  // namespace ampacity::scenario
