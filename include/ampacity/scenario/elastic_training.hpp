#pragma once
/// \file
/// The description of training jobs whose data-parallel replicas come and go.
///
/// Part of `scenario.hpp`. Plain values.

#include <ampacity/scenario/fields.hpp>

#include <array>
#include <cstdint>
#include <optional>

namespace ampacity::scenario {

/// What becomes of an elastic job that loses nodes.
enum class node_loss_rule : std::uint8_t { requeue, reload, go_on };

template <>
struct names<node_loss_rule> {
    static constexpr std::array known{named<node_loss_rule>{node_loss_rule::requeue, "requeue"},
                                      named<node_loss_rule>{node_loss_rule::reload, "reload"},
                                      named<node_loss_rule>{node_loss_rule::go_on, "continue"}};
};

/// A job whose data-parallel replicas come and go.
struct elastic_training {
    std::optional<std::uint64_t> min{};
    std::optional<std::uint64_t> max{};
    std::optional<std::uint64_t> replica{};
    duration reconfigure{};
    node_loss_rule on_failure = node_loss_rule::requeue;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        constexpr std::uint64_t one = 1, most = std::uint64_t{1} << 31U;
        visit(&elastic_training::min, {.key = "min",
                                       .doc = "smallest number of GPUs, whole replicas; without it one replica",
                                       .example = "4096",
                                       .min = one,
                                       .max = most});
        visit(&elastic_training::max, {.key = "max",
                                       .doc = "largest number of GPUs, whole replicas; without it `gpus`",
                                       .example = "16384",
                                       .min = one,
                                       .max = most});
        visit(&elastic_training::replica,
              {.key = "replica",
               .doc = "GPUs of a data-parallel replica; only with `step`: of a model tp x cp x pp of its plan",
               .example = "8",
               .min = one,
               .max = most});
        visit(&elastic_training::reconfigure, {.key = "reconfigure",
                                               .doc = "time without work after each change of the number of replicas",
                                               .example = "\"90 s\"",
                                               .min = duration::zero(),
                                               .max = longest_input});
        visit(
            &elastic_training::on_failure,
            {.key = "on_failure",
             .doc = "what a job does that loses nodes and has enough replicas left: wait again as any other; or go on "
                    "with them, from the last complete checkpoint (reload) or with all of its progress (continue)"});
    }
    friend bool operator==(const elastic_training&, const elastic_training&) = default;
};

}  // namespace ampacity::scenario
