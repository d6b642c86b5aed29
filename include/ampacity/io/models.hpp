#pragma once
/// \file
/// Models: data in YAML files, one per model, found at run time.
///
/// A model NAME of a kind is the file `KIND/NAME.yaml` in the first of these directories that has it:
///  1. those of the environment variable AMPACITY_MODELS, separated by colons;
///  2. `../share/ampacity/models` beside the folder of the running program, where an installation puts them;
///  3. `models` of the source tree that the library was built from;
///  4. `share/ampacity/models` of the prefix that it was configured for.
/// Directories that do not exist are passed over. Functions without state but the environment; any thread, as long as
/// none changes the environment.

#include <ampacity/scenario/workload_model.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::io {

/// A file that was read.
struct model_file {
    std::string path;
    std::uint64_t digest = 0;  ///< XXH64 of its text
};

/// Adds those whose path is not there yet.
void add_files(std::vector<model_file>& to, const std::vector<model_file>& files);

/// The directories, in the order of the search.
[[nodiscard]] std::vector<std::filesystem::path> model_directories();

/// A model that exists.
struct model_location {
    std::string name;
    std::filesystem::path file;
};

/// All models of a kind, such as "workloads", by name.
[[nodiscard]] std::vector<model_location> find_models(std::string_view kind);

/// Reads and checks a workload model. \throws scenario_error
[[nodiscard]] scenario::workload_model read_workload_model(const std::filesystem::path& file);

}  // namespace ampacity::io
