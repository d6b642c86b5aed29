#pragma once
/// \file
/// The commands `compare` and `export`. Not thread-safe: one command per process.

#include <string>
#include <vector>

namespace ampacity::cli {

struct compare_options {
    std::string store{};  ///< file
    std::string by{};
    std::string baseline{};
    std::vector<std::string> metrics{};
    std::string interval{"careful"};  ///< or t, bootstrap, hall
    double confidence = 95;           ///< [%]
    bool pareto = false;
    bool tornado = false;
};

// Each returns the exit status. \throws ampacity::error
int compare(const compare_options& options);
int export_csv(const std::string& store, const std::string& output);

}  // namespace ampacity::cli
