#pragma once
/// \file
/// The GPU types of a mixed fleet, and how fast jobs run on each: rows of speeds, which demands name by number.
///
/// Row 0 is speed 1 on every type. A speed of 0 means that the type cannot run the job. Of the types that can, the
/// fastest comes first, of equally fast ones the first in the fleet; that order is made when the row is added. Filled
/// before a run and constant from then on; indexes of free GPUs share one.

#include <ampacity/core/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::fleet {

/// Number of a GPU type, in the order in which the fleet names them.
using gpu_type = std::uint8_t;

class gpu_types {
public:
    static constexpr std::size_t most_types = 64;
    static constexpr std::size_t most_rows = 64;  ///< as many as a demand can name

    /// \pre 1 to `most_types` different names
    explicit gpu_types(std::vector<std::string> names) : names_(std::move(names)) {
        AMPACITY_ASSERT(!names_.empty() && names_.size() <= most_types);
        append(std::vector<double>(names_.size(), 1.0));
    }

    [[nodiscard]] std::size_t size() const noexcept { return names_.size(); }
    [[nodiscard]] const std::string& name(gpu_type t) const noexcept { return names_[t]; }
    [[nodiscard]] std::optional<gpu_type> find(std::string_view name) const noexcept {
        const auto at = std::find(names_.begin(), names_.end(), name);
        if (at == names_.end()) return std::nullopt;
        return static_cast<gpu_type>(at - names_.begin());
    }

    /// The row of these speeds, one for each type; nothing if there is no room for another row. \pre 0 or 2^-20 to 2^20
    [[nodiscard]] std::optional<std::uint8_t> add_row(const std::vector<double>& speeds) {
        AMPACITY_ASSERT(speeds.size() == names_.size());
        const auto at = std::find(rows_.begin(), rows_.end(), speeds);
        if (at == rows_.end() && rows_.size() == most_rows) return std::nullopt;
        if (at == rows_.end()) return append(speeds);
        return static_cast<std::uint8_t>(at - rows_.begin());
    }
    [[nodiscard]] std::size_t num_rows() const noexcept { return rows_.size(); }

    /// Work per time of a job of this row on this type; 0 if it cannot run there.
    [[nodiscard]] double speed(std::uint8_t row, gpu_type t) const noexcept { return rows_[row][t]; }
    /// The types that can run a job of this row, the fastest first.
    [[nodiscard]] std::span<const gpu_type> by_speed(std::uint8_t row) const noexcept { return by_speed_[row]; }

private:
    std::uint8_t append(std::vector<double> speeds) {
        std::vector<gpu_type> order;
        for (std::size_t t = 0; t != speeds.size(); ++t) {
            if (speeds[t] > 0) order.push_back(static_cast<gpu_type>(t));
        }
        std::stable_sort(order.begin(), order.end(), [&](gpu_type a, gpu_type b) { return speeds[a] > speeds[b]; });
        rows_.push_back(std::move(speeds));
        by_speed_.push_back(std::move(order));
        return static_cast<std::uint8_t>(rows_.size() - 1);
    }

    std::vector<std::string> names_;
    std::vector<std::vector<double>> rows_;  // (rows, types)
    std::vector<std::vector<gpu_type>> by_speed_;
};

}  // namespace ampacity::fleet
