#pragma once
/// \file
/// The description of the memories below the prefix cache of a replica.
///
/// Part of `scenario.hpp`. Plain values.

#include <ampacity/scenario/fields.hpp>

#include <string>

namespace ampacity::scenario {

/// Where KV blocks go that the prefix cache, or the tier before, has no room for.
struct kv_tier {
    std::string name;
    quantity<dimension::data_size> capacity{};
    quantity<dimension::data_rate> bandwidth{};
    duration latency{};
    bool shared = false;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&kv_tier::name, {.key = "name",
                               .doc = "of the tier in results, such as lpddr or nvme",
                               .required = true,
                               .example = "lpddr"});
        visit(&kv_tier::capacity, {.key = "capacity",
                                   .doc = "of the tier of one replica, for its blocks alone; of all of them where "
                                          "it is `shared`",
                                   .required = true,
                                   .example = "\"480 GB\"",
                                   .above = quantity<dimension::data_size>{0}});
        visit(&kv_tier::bandwidth, {.key = "bandwidth",
                                    .doc = "of its link to the GPUs of the replica, which brings one load after the "
                                           "other",
                                    .required = true,
                                    .example = "\"400 GB/s\"",
                                    .min = quantity<dimension::data_rate>{1},
                                    .max = quantity<dimension::data_rate>{1e18}});
        visit(&kv_tier::latency, {.key = "latency",
                                  .doc = "of each load",
                                  .example = "\"100 us\"",
                                  .min = duration::zero(),
                                  .max = longest_input});
        visit(&kv_tier::shared, {.key = "shared",
                                 .doc = "one tier, with one link, for all replicas of the service, which find there "
                                        "what any of them has put down; for the last tier",
                                 .example = "true"});
    }
    friend bool operator==(const kv_tier&, const kv_tier&) = default;
};

}  // namespace ampacity::scenario
