#pragma once
/// \file
/// requests.csv: rows in file order, though requests leave in another.
///
/// A row is kept until all before it are there; what is missing at the end has not arrived. Memory is the span of rows
/// between the oldest request that has not left and the youngest that has, 56 bytes each. Amortised O(1) per row
/// without allocation once the span has been as long as it will. One thread at a time.

#include "output_file.hpp"

#include <ampacity/serving/request_record.hpp>

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace ampacity::io {

class request_table {
public:
    /// The first line; with transfers `transfer_s` follows.
    static constexpr std::string_view header =
        "request,arrival_s,ttft_s,finish_s,prompt_tokens,output_tokens,preemptions,replica,state\n";

    /// \throws scenario_error if the file cannot be made
    explicit request_table(const std::filesystem::path& file, bool with_transfers = false);

    /// Is it the first line of such a table?
    [[nodiscard]] static bool is_header(std::string_view line) noexcept;
    /// Each row once. \throws scenario_error
    void add(const serving::request_record& r);
    /// Completes the file. \throws scenario_error
    void commit();

private:
    /// What a line tells.
    struct line {
        std::int64_t arrival = 0, ttft = -1, finish = -1, transfer = -1;  ///< [ns]; -1: none
        std::uint32_t prompt_tokens = 0, output_tokens = 0, preemptions = 0, replica = 0;
        serving::request_state state{};
        bool is_there = false;
    };

    void grow(std::uint64_t span);
    void write(std::uint64_t row, const line& l);

    output_file file_;
    bool with_transfers_;
    std::vector<line> ring_;   // a power of two; row k at k mod size
    std::uint64_t first_ = 0;  // the first row that is not written
    std::uint64_t last_ = 0;   // behind the last row that is there
};

}  // namespace ampacity::io
