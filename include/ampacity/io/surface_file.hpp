#pragma once
/// \file
/// Surfaces of fluid services as JSON files. Numbers are written so that they read back to the same bits.

#include <ampacity/fluid/surface.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace ampacity::io {

/// What a surface was made for, for people.
struct surface_notes {
    std::string service{};
    std::string command{};  ///< the whole command line
};

/// What `write_surface` writes.
[[nodiscard]] std::string surface_text(const fluid::surface& s, const fluid::surface_options& from,
                                       const surface_notes& notes);
/// \throws data_error that names `file` for what is none of these
[[nodiscard]] fluid::surface surface_of_text(std::string_view text, const std::filesystem::path& file);

/// \throws scenario_error if the file cannot be written
void write_surface(const std::filesystem::path& file, const fluid::surface& s, const fluid::surface_options& from,
                   const surface_notes& notes);

/// \throws data_error for a file that cannot be read or is none of these
[[nodiscard]] fluid::surface read_surface(const std::filesystem::path& file);

/// The same, of this replica, its requests and targets. \throws scenario_error with `key` if it is of another one
[[nodiscard]] fluid::surface read_surface_of(const fluid::surface_options& from, const std::filesystem::path& file,
                                             const std::string& key);

}  // namespace ampacity::io
