#pragma once
/// \file
/// One loaded plug-in: the library, its table, and how its failures become errors of ours.

#include <ampacity/core/error.hpp>
#include <ampacity/policy/plugin_abi.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace ampacity::io {

class plugin_library {
public:
    /// \throws scenario_error, plugin_error
    explicit plugin_library(const std::string& file);
    plugin_library(const plugin_library&) = delete;
    plugin_library& operator=(const plugin_library&) = delete;
    ~plugin_library();

    [[nodiscard]] const std::string& file() const noexcept { return file_; }
    [[nodiscard]] std::uint64_t digest() const noexcept { return digest_; }
    [[nodiscard]] const plugin::table& table() const noexcept { return *table_; }
    [[nodiscard]] std::span<const plugin::part> parts() const noexcept { return {table_->parts, table_->num_parts}; }
    /// Null where it has none of this kind and name.
    [[nodiscard]] const plugin::part* find(plugin::part_kind kind, std::string_view name) const noexcept;

    /// `part` (empty: the library itself) broke a rule.
    [[noreturn]] void refuse(const std::string& part, std::string what, std::string value, std::string remedy) const;

private:
    void load();
    void check_abi() const;
    void check_parts() const;

    std::string file_;
    std::uint64_t digest_ = 0;
    void* handle_ = nullptr;
    const plugin::table* table_ = nullptr;
};

/// `policy my-policy`.
[[nodiscard]] std::string name_of(const plugin::part& p);

}  // namespace ampacity::io
