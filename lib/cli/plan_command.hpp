#pragma once
/// \file
/// The command `plan`: the fastest parallel plans of a training job.

#include <ampacity/llm/planner.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace ampacity::cli {

struct plan_options {
    std::string model{};
    std::string system{};
    std::uint64_t gpus = 0;
    std::uint32_t sequence = 8192;
    std::optional<std::uint32_t> batch{};  ///< sequences of a step
    std::string precision{};               ///< empty: fp8, bf16 where the GPU has none
    std::string attention = "causal";      ///< convention of FLOP
    std::string recipe{};                  ///< suite whose tuning is taken over
    std::string coefficients = "training";
    llm::fixed_sizes fixed{};
    std::uint32_t top = 5;
    bool mtp = false;
    bool json = false;
};

/// Returns the exit status. \throws ampacity::error
int plan(const plan_options& options);

}  // namespace ampacity::cli
