#pragma once
/// \file
/// Tables on the terminal: names on the left, numbers on the right of their columns, which grow where they must.

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::cli {

/// Rows of cells; the first of a row is its name.
class text_table {
public:
    /// `name_width` and `widths` are the least that the columns take; of all but the first two blanks are kept free.
    text_table(std::size_t name_width, std::vector<std::size_t> widths) : widths_(std::move(widths)) {
        widths_.insert(widths_.begin(), name_width);
    }

    /// \pre no more cells than columns
    void row(std::vector<std::string> cells) {
        for (std::size_t i = 0; i < cells.size(); ++i)
            widths_[i] = std::max(widths_[i], cells[i].size() + (i == 0 ? 0 : 2));
        rows_.push_back(std::move(cells));
    }

    void print() const {
        for (const auto& cells : rows_) {
            for (std::size_t i = 0; i < cells.size(); ++i) {
                if (i == 0)
                    fmt::print("{:<{}}", cells[i], widths_[i]);
                else
                    fmt::print("{:>{}}", cells[i], widths_[i]);
            }
            fmt::print("\n");
        }
    }

private:
    std::vector<std::size_t> widths_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace ampacity::cli
