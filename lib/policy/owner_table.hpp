#pragma once
/// \file
/// Rows for users or groups by name, in the order in which they appear. O(log names). Not thread-safe.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace ampacity::policy {

class owner_table {
public:
    /// The row of a name, and whether it is new.
    std::pair<std::uint32_t, bool> row(std::string_view name) {
        if (const auto at = rows_.find(name); at != rows_.end()) return {at->second, false};
        const auto fresh = static_cast<std::uint32_t>(rows_.size());
        rows_.emplace(name, fresh);
        return {fresh, true};
    }
    [[nodiscard]] std::size_t size() const noexcept { return rows_.size(); }

private:
    std::map<std::string, std::uint32_t, std::less<>> rows_;
};

}  // namespace ampacity::policy
