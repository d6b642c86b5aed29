#pragma once
/// \file
/// How even the load of routed experts is over the sets of GPUs that hold them, with redundant copies of busy ones.
///
/// As DeepSeek's EPLB does without groups of experts: each further copy is of the expert with most load per copy; all
/// copies, the busiest first, go to the set with least load that has a free slot and none of that expert. Loads are
/// those that the placement knows: what changes between two placements, and the chance of a batch, are not counted.
/// Pure functions, O(slots x (log experts + sets)); of equals the first is taken.

#include <ampacity/llm/inference_step.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ampacity::llm {

/// Loads of experts by their rank, rank^-skew, the first 1 (Zipf); 0: all are even. \pre skew >= 0
[[nodiscard]] std::vector<double> zipf_loads(std::uint32_t experts, double skew);

/// Copies of each expert, 1 at least and `sets` at most, so that the largest load per copy is least. \pre loads are
/// finite and >= 0; `redundant` <= loads.size() x (sets - 1)
[[nodiscard]] std::vector<std::uint32_t> expert_copies(std::span<const double> loads, std::uint32_t sets,
                                                       std::uint32_t redundant);

/// The set of each copy, expert by expert. \pre `copies` are >= 1, and `sets` divides their sum
[[nodiscard]] std::vector<std::uint32_t> place_experts(std::span<const double> loads,
                                                       std::span<const std::uint32_t> copies, std::uint32_t sets);

/// Largest load of a set / mean, from 1 to `sets`; 1 where there is no load. \pre as for `expert_copies`, and `sets`
/// divides loads.size() + redundant. [1]
[[nodiscard]] double expert_imbalance(std::span<const double> loads, std::uint32_t sets, std::uint32_t redundant);

/// The same over the `ep` sets of a plan, Zipf: the mean of the layers by their FLOP. \pre `fault_of` is empty, and
/// `ep` divides experts and copies of each layer. [1]
[[nodiscard]] double expert_imbalance(const model& m, const inference_plan& p, double skew);

/// The least number of redundant experts, `from` or more, with which `ep` divides the slots of every layer of experts;
/// none: there is none that its sets have room for.
[[nodiscard]] std::optional<std::uint32_t> redundant_from(const model& m, std::uint32_t ep, std::uint32_t from);

}  // namespace ampacity::llm
