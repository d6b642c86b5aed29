#pragma once
/// \file
/// The command `completion`: what a shell needs to complete the program's commands, options and names.
///
/// Everything follows from the program's own description of itself and from what `list` prints, so that no script lags
/// behind. `workload.N` is offered as `workload.0`.

#include <string>

namespace CLI {
class App;
}

namespace ampacity::cli {

/// Prints the script for "bash", "zsh" or "fish", or writes it to `file` unless that is empty.
/// \throws scenario_error if the file cannot be written
int completion(const CLI::App& app, const std::string& shell, const std::string& file);

}  // namespace ampacity::cli
