#pragma once
/// \file
/// Scenario files: strict YAML into `scenario::scenario`, with the place of every value kept.
///
/// Strict means: unknown and duplicate keys, wrong types, missing units and values out of range are
/// errors that name file, line, column, key path and remedy. Lines and columns count from 1, columns
/// in bytes. Anchors and aliases are read; merge keys (`<<`), tags and second documents are refused.
/// A missing key is reported at the key that should hold it. `synthetic.preset` is taken over from its model
/// (models.hpp) before anything else is looked at: each key that the scenario does not give comes from there, with its
/// place in that file, and can be overridden like any other. Functions without state, any thread.

#include <ampacity/core/error.hpp>
#include <ampacity/io/models.hpp>
#include <ampacity/scenario/scenario.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::io {

/// A value from the command line or a sweep that takes the place of one in the file.
struct scenario_override {
    std::string path;    ///< `scheduler.policy`, `workload.0.trace.path`; keys and list entries may be new
    std::string value;   ///< YAML: `easy`, `1 h`, `{ pool_gpus: 448 }`; `null` takes the key away
    std::string origin;  ///< what messages name instead of file and line, such as `--seed 7`
};

/// `key.path=value` as `--set` takes it; the origin is `--set key.path=value`.
/// \throws scenario_error where there is no key path or no `=`.
scenario_override parse_override(std::string_view text);

/// A scenario and where it came from.
struct loaded_scenario {
    scenario::scenario value;
    std::string file;                                               ///< as given
    std::filesystem::path directory;                                ///< paths in the scenario are relative to it
    std::uint64_t digest = 0;                                       ///< XXH64 of the file's text
    std::vector<model_file> models{};                               ///< that keys were taken from
    std::map<std::string, source_position, std::less<>> positions;  ///< of each value that was given, by key path

    /// The place of a value; for one that was not given, of the nearest value around it.
    [[nodiscard]] source_position locate(std::string_view key_path) const;

    /// A path of the scenario as it is to be opened.
    [[nodiscard]] std::filesystem::path resolve(const std::string& path) const { return directory / path; }
};

/// Reads and checks a file. Names of policies and placers are left to `scenario::validate`.
/// \throws scenario_error, also when the file cannot be opened
loaded_scenario read_scenario(const std::filesystem::path& file, std::span<const scenario_override> overrides = {});

/// The same from memory; `name` stands for the file in messages.
loaded_scenario read_scenario_text(const std::string& name, std::string_view text,
                                   std::span<const scenario_override> overrides = {},
                                   const std::filesystem::path& directory = {});

}  // namespace ampacity::io
