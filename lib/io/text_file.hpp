#pragma once
/// \file
/// A small file as a whole.

#include <filesystem>
#include <string>

namespace ampacity::io {

/// The text, or why there is none.
struct text_file {
    std::string text;
    std::string error;  ///< empty: none
};

[[nodiscard]] text_file read_text_file(const std::filesystem::path& file);

}  // namespace ampacity::io
