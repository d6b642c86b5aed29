#pragma once
/// \file
/// The command `steady`. Not thread-safe: one command per process.

#include <cstdint>
#include <string>
#include <vector>

namespace ampacity::cli {

struct steady_options {
    std::string directory{};             ///< of a run
    std::vector<std::string> metrics{};  ///< empty: all that its files have
    std::string service{};               ///< empty: all
    double confidence = 95;              ///< [%]
    std::uint32_t batches = 32;
};

/// Returns the exit status. \throws ampacity::error
int steady(const steady_options& options);

}  // namespace ampacity::cli
