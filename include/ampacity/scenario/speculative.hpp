#pragma once
/// \file
/// The description of speculative decoding.
///
/// Part of `scenario.hpp`. Plain values.

#include <ampacity/scenario/fields.hpp>
#include <ampacity/serving/speculation.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace ampacity::scenario {

struct speculative_decoding {
    std::uint64_t tokens = 1;
    std::optional<double> acceptance{};
    std::vector<double> accepted{};
    exact_duration draft{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&speculative_decoding::tokens,
              {.key = "tokens",
               .doc = "tokens that are drafted for each request that decodes, and verified in its step",
               .min = std::uint64_t{1},
               .max = static_cast<std::uint64_t>(serving::speculation_options::max_drafts)});
        visit(&speculative_decoding::acceptance,
              {.key = "acceptance",
               .doc = "probability that a draft is accepted if those before it are: a step gives "
                      "(1 - a^(tokens + 1)) / (1 - a) tokens, in whole thousandths",
               .example = "0.8",
               .min = 0.0,
               .max = 1.0});
        visit(&speculative_decoding::accepted, {.key = "accepted",
                                                .doc = "in place of it, shares of the steps that accept 0, 1, ... "
                                                       "drafts",
                                                .example = "[ 0.3, 0.25, 0.2, 0.25 ]",
                                                .min = 0.0,
                                                .max = 1.0,
                                                .never_empty = true});
        visit(&speculative_decoding::draft,
              {.key = "draft", .doc = "time that it takes to draft one token, for all requests together"});
    }
    friend bool operator==(const speculative_decoding&, const speculative_decoding&) = default;
};

}  // namespace ampacity::scenario
