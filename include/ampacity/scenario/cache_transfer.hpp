#pragma once
/// \file
/// The description of what carries KV caches from replicas that compute prompts to those that give the answers.
///
/// Part of `services.hpp`. Plain values.

#include <ampacity/scenario/fields.hpp>

#include <cstdint>
#include <optional>

namespace ampacity::scenario {

/// How the cache of a prompt comes to where its answer goes on.
struct cache_transfer {
    std::optional<duration> latency{};
    std::optional<quantity<dimension::data_rate>> bandwidth{};
    std::optional<double> efficiency{};
    std::optional<quantity<dimension::data_size>> bytes_per_token{};
    std::optional<std::uint64_t> layers{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&cache_transfer::latency, {.key = "latency",
                                         .doc = "of each transfer; without it that of the model's network, or none",
                                         .example = "\"1 ms\"",
                                         .min = duration::zero(),
                                         .max = longest_input});
        visit(&cache_transfer::bandwidth, {.key = "bandwidth",
                                           .doc = "of the link of a replica that computes prompts, which carries one "
                                                  "cache after the other; without it that of the model's GPUs",
                                           .example = "\"50 GB/s\"",
                                           .min = quantity<dimension::data_rate>{1},
                                           .max = quantity<dimension::data_rate>{1e18}});
        visit(&cache_transfer::efficiency,
              {.key = "efficiency",
               .doc = "share of the bandwidth that is reached; without it 1, or what was measured of the model's GPUs",
               .example = "0.8",
               .min = 1e-9,
               .max = 1.0});
        visit(&cache_transfer::bytes_per_token, {.key = "bytes_per_token",
                                                 .doc = "of the cache; without it those of the model",
                                                 .example = "\"0.16 MB\"",
                                                 .min = quantity<dimension::data_size>{1},
                                                 .max = quantity<dimension::data_size>{17179869184.0}});
        visit(&cache_transfer::layers,
              {.key = "layers",
               .doc = "equal parts of the cache, of which all but the last may leave while the prompt is computed; "
                      "without it those of the model, or 1: nothing leaves before the first token",
               .example = "80",
               .min = std::uint64_t{1},
               .max = std::uint64_t{1} << 20U});
    }
    friend bool operator==(const cache_transfer&, const cache_transfer&) = default;
};

}  // namespace ampacity::scenario
