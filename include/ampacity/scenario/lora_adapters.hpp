#pragma once
/// \file
/// The description of the adapters (LoRA) that the tenants of a service use.
///
/// Part of `scenario.hpp`. Plain values.

#include <ampacity/scenario/fields.hpp>

#include <cstdint>

namespace ampacity::scenario {

struct lora_adapters {
    std::uint64_t slots = 1;
    quantity<dimension::data_size> size{};
    quantity<dimension::data_rate> bandwidth{};
    duration latency{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&lora_adapters::slots, {.key = "slots",
                                      .doc = "adapters that are in the memory of a replica's GPUs at a time",
                                      .required = true,
                                      .example = "8",
                                      .min = std::uint64_t{1},
                                      .max = std::uint64_t{1} << 20U});
        visit(&lora_adapters::size, {.key = "size",
                                     .doc = "of each, in all",
                                     .required = true,
                                     .example = "\"200 MB\"",
                                     .above = quantity<dimension::data_size>{0}});
        visit(&lora_adapters::bandwidth, {.key = "bandwidth",
                                          .doc = "of the link of a replica that loads one after the other",
                                          .required = true,
                                          .example = "\"50 GB/s\"",
                                          .above = quantity<dimension::data_rate>{0}});
        visit(&lora_adapters::latency, {.key = "latency",
                                        .doc = "of each load, for which the link is taken too",
                                        .example = "\"10 ms\"",
                                        .min = duration::zero(),
                                        .max = longest_input});
    }
    friend bool operator==(const lora_adapters&, const lora_adapters&) = default;
};

}  // namespace ampacity::scenario
