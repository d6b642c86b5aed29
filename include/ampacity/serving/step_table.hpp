#pragma once
/// \file
/// Times of steps on a grid of what they schedule, linear between: what no maximum of linear functions can be, such as
/// the weights of experts that a batch visits.
///
/// Rows are numbers of decodes, columns prefilled tokens. Between four corners the time is bilinear; it is rounded half
/// to even to 10^-9 ns, so that two programs that follow these words agree to the last digit:
///
///     f = ((x1 - x) ((y1 - y) f00 + (y - y0) f01) + (x - x0) ((y1 - y) f10 + (y - y0) f11)) / ((x1 - x0) (y1 - y0))
///
/// Immutable: any number of threads. O(log of the grid) per look-up.

#include <ampacity/core/wide.hpp>
#include <ampacity/serving/exact_time.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace ampacity::serving {

/// A grid as it is given.
struct step_grid {
    std::vector<std::int64_t> decodes{};         ///< rows, ascending from 0; none: there is no table
    std::vector<std::int64_t> prefill_tokens{};  ///< columns, ascending from 0
    std::vector<exact_time> time{};              ///< rows x columns, row by row; at most 9 decimals of a nanosecond

    friend bool operator==(const step_grid&, const step_grid&) = default;
};

class step_table {
public:
    /// Decimals of a nanosecond in `operator()`.
    static constexpr int scale = 9;
    /// The most rows and the most columns.
    static constexpr std::size_t max_lines = 256;
    /// The longest time of a corner.
    static constexpr std::int64_t max_time_s = 1000;

    step_table() = default;
    /// \throws scenario_error with key `table` for a grid that is not one: lines that do not ascend from 0, a corner
    /// that is missing, below 0 or beyond `max_time_s`.
    explicit step_table(const step_grid& grid);

    [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
    /// [1e-9 ns] \pre 0 <= decodes <= max_decodes(), 0 <= prefill_tokens <= max_prefill_tokens().
    [[nodiscard]] int128 operator()(std::int64_t decodes, std::int64_t prefill_tokens) const noexcept;

    [[nodiscard]] std::int64_t max_decodes() const noexcept { return rows_.back(); }
    [[nodiscard]] std::int64_t max_prefill_tokens() const noexcept { return columns_.back(); }
    [[nodiscard]] int128 least() const noexcept { return least_; }      ///< of all corners but the first [1e-9 ns]
    [[nodiscard]] int128 largest() const noexcept { return largest_; }  ///< of all corners [1e-9 ns]

    /// Calls `f` with each number (int128) that it is made of, in one order: no two tables have the same ones.
    template <class F>
    void for_each_number(F f) const {
        for (const auto* lines : {&rows_, &columns_}) {
            f(int128{static_cast<std::int64_t>(lines->size())});
            for (const std::int64_t line : *lines) f(int128{line});
        }
        for (const int128 t : time_) f(t);
    }

private:
    std::vector<std::int64_t> rows_, columns_;
    std::vector<int128> time_;
    int128 least_ = 0, largest_ = 0;
};

}  // namespace ampacity::serving
