#pragma once
/// \file
/// The command `optimise`. Not thread-safe: one command per process.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::cli {

struct optimise_options {
    std::string question{};                  ///< file
    std::string output{};                    ///< empty: out/NAME.db
    std::optional<std::uint32_t> threads{};  ///< none: all processors
    bool resume = false;
    bool dry_run = false;
    bool json = false;
    std::optional<bool> progress{};
    std::vector<std::string> plugins{};  ///< files
};

// Returns the exit status. \throws ampacity::error
int optimise(const optimise_options& options);

}  // namespace ampacity::cli
