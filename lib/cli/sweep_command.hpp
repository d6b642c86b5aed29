#pragma once
/// \file
/// The commands `sweep` and `merge`. Not thread-safe: one command per process.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::cli {

struct sweep_options {
    std::string sweep{};                     ///< file
    std::string output{};                    ///< empty: out/NAME.db
    std::optional<std::uint32_t> threads{};  ///< none: all processors
    bool resume = false;
    bool dry_run = false;
    std::string shard{};  ///< K/N; empty: all
    std::optional<bool> progress{};
    std::vector<std::string> plugins{};  ///< files
};

// Each returns the exit status. \throws ampacity::error
int sweep(const sweep_options& options);
int merge(const std::string& output, const std::vector<std::string>& inputs);

}  // namespace ampacity::cli
