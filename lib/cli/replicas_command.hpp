#pragma once
/// \file
/// The command `replicas`: which replicas of a model serve most requests within limits of latency.

#include <cstdint>
#include <optional>
#include <string>

namespace ampacity::cli {

struct replicas_options {
    std::string model{};
    std::string system{};
    std::uint32_t gpus = 0;
    std::string precision{};  ///< empty: fp8, bf16 where the GPU has none
    std::string software = "trtllm";
    double prompt = 1024;        ///< mean [token]
    double prompt_sigma = 0.5;   ///< of the logarithm [1]
    double most_prompt = 0;      ///< 0: no cut [token]
    double output = 256;         ///< mean [token]
    double output_sigma = 0.5;   ///< of the logarithm [1]
    double most_output = 0;      ///< 0: no cut [token]
    double ttft_ms = 0;          ///< 0: any
    double tpot_ms = 0;          ///< 0: any
    std::optional<double> rate;  ///< requests per second
    std::string coefficients = "inference";
    bool json = false;
};

/// Returns the exit status. \throws ampacity::error
int replicas(const replicas_options& options);

}  // namespace ampacity::cli
