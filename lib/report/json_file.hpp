#pragma once
/// \file
/// A JSON file whose values are named by dotted paths, and whose faults are reported with their place.
///
/// One thread per object; a look-up costs the length of the path, a fault the length of the file.

#include <ampacity/core/error.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace ampacity::report {

/// A whole file, plain, gzip or Zstandard. \throws data_error when it cannot be read.
std::string read_text(const std::filesystem::path& file);

/// The place of the value at a dotted path, or of the innermost value around it that is there. \pre valid JSON
source_position json_position(const std::string& file, std::string_view text, std::string_view path);

class json_file {
public:
    using json_value = nlohmann::ordered_json;

    /// \throws data_error when the file cannot be read or does not hold one JSON object.
    explicit json_file(const std::filesystem::path& file);

    [[nodiscard]] const json_value& root() const noexcept { return root_; }
    /// The value at a path; nothing where a key of it is missing.
    [[nodiscard]] const json_value* find(std::string_view path) const;

    /// The value at a path. \throws data_error when it is missing or of another kind.
    [[nodiscard]] std::string text(std::string_view path) const;
    [[nodiscard]] std::uint64_t count(std::string_view path) const;
    /// A number, not below 0.
    [[nodiscard]] double number(std::string_view path) const;
    /// The same, nothing where it is missing.
    [[nodiscard]] std::optional<double> optional_number(std::string_view path) const;

    [[noreturn]] void fail(std::string_view path, std::string what, std::string_view value, std::string remedy) const;

private:
    [[nodiscard]] const json_value& needed(std::string_view path) const;

    std::string file_;
    std::string text_;
    json_value root_;
};

}  // namespace ampacity::report
