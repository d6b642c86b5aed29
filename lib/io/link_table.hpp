#pragma once
/// \file
/// The ties between the jobs of a file: which row an id stands for, the arrays, and the links that requests point to.
///
/// Only ids of rows above are known, so a file streams, and no jobs can wait for each other in a circle. Memory: about
/// 50 bytes for each row, its id where that is no plain number, 16 bytes for each dependency and 8 for each task of an
/// array. Links never move.

#include <ampacity/workload/links.hpp>

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ampacity::io {

class link_table {
public:
    /// Row `row` has this id.
    void name_row(std::string_view id, std::uint64_t row);

    /// The row of that id that stands last; none where there is none above.
    [[nodiscard]] bool find(std::string_view id, std::uint64_t& row) const;

    /// Adds what `ids`, separated by `;`, stand for: a job, or all tasks of an array so far. The fault in words, or
    /// nothing.
    [[nodiscard]] std::string add_dependencies(std::string_view ids, workload::dependency_kind kind);
    void add_dependency(workload::dependency d) { after_.push_back(d); }
    [[nodiscard]] bool has_dependencies() const noexcept { return !after_.empty(); }
    void set_think(duration think) noexcept { links_.think = think; }

    /// The row is a task of the array of this name; `limit` is 0 where the row gives none. The fault, or nothing.
    [[nodiscard]] std::string_view set_array(std::string_view name, std::uint32_t limit, std::uint64_t row);

    /// The links of the row that the calls since the last `take` described; null where there are none.
    [[nodiscard]] const workload::job_links* take();

private:
    struct named_row {
        std::uint64_t row = 0;
        bool is_unique = true;
    };
    struct array {
        std::uint32_t number = 0;
        std::uint32_t limit = 0;
        std::vector<std::uint64_t> rows{};
    };
    struct kept {
        std::vector<workload::dependency> after;
        workload::job_links links;
    };

    [[nodiscard]] const named_row* row_named(std::string_view id) const;
    [[nodiscard]] std::string add_named(std::string_view id, workload::dependency_kind kind);

    std::unordered_map<std::int64_t, named_row> numbers_;
    std::unordered_map<std::string, named_row> texts_;
    std::unordered_map<std::string, array> arrays_;
    std::vector<workload::dependency> after_;  // of the row that is read
    workload::job_links links_;                // the same
    std::deque<kept> kept_;
};

}  // namespace ampacity::io
