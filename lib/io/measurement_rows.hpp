#pragma once
/// \file
/// Rows of tables of measurements by the names of their columns, and the systems that they were taken on.

#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/csv_reader.hpp>
#include <ampacity/llm/system.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace ampacity::io {

/// A row of a CSV file by the names of its columns.
class named_row {
public:
    explicit named_row(csv_reader& in) : in_{in} {}

    [[nodiscard]] std::size_t column(std::string_view name) const {
        const auto at = in_.find(name);
        if (!at)
            throw data_error({in_.where_named(in_.columns().size()),
                              std::string{name},
                              "no such column",
                              {},
                              "give a file with this column"});
        return *at;
    }
    [[nodiscard]] std::string text(std::string_view name) const { return std::string{in_[column(name)]}; }
    [[nodiscard]] bool empty(std::string_view name) const {
        const std::string_view t = in_[column(name)];
        return t.empty() || t == "n/a";
    }
    [[nodiscard]] double number(std::string_view name) const {
        const std::size_t c = column(name);
        const std::string_view t = in_[c];
        double out = 0;
        const auto [end, wrong] = std::from_chars(t.data(), t.data() + t.size(), out);
        if (wrong != std::errc{} || end != t.data() + t.size() || !std::isfinite(out) || out < 0)
            in_.fail(c, "expected a number of at least 0", "write it as in 12.5");
        return out;
    }
    [[nodiscard]] std::uint32_t count(std::string_view name, std::uint32_t otherwise) const {
        return empty(name) ? otherwise : count(name);
    }
    [[nodiscard]] std::uint32_t count(std::string_view name) const {
        const double v = number(name);
        if (v < 1 || v > 1e9 || v != std::floor(v)) in_.fail(column(name), "expected a count", "write a whole number");
        return static_cast<std::uint32_t>(v);
    }
    [[nodiscard]] std::string place() const {
        const source_position at = in_.where(0);
        return fmt::format("{}:{}", std::filesystem::path{at.file}.filename().string(), at.line);
    }
    [[noreturn]] void fail(std::string_view name, std::string what, std::string remedy) const {
        in_.fail(column(name), std::move(what), std::move(remedy));
    }

private:
    csv_reader& in_;
};

/// Tables of a kind, by how the names of their files end, and who takes their rows.
template <class Collector>
struct measured_table {
    std::string_view ending;
    void (*read)(const named_row&, Collector&);
};

/// All rows of these tables in the files of a folder: table by table, the files by name. `example` names one, `of` what
/// it measures. \throws data_error if there is no such file, or one cannot be read
template <class Collector>
void read_tables(const std::filesystem::path& folder, std::span<const measured_table<Collector>> tables, Collector& to,
                 const std::string& of, const std::string& example) {
    std::error_code wrong;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator{folder, wrong}) files.push_back(entry.path());
    if (wrong)
        throw data_error(
            {{folder.string(), 0, 0, {}}, {}, "the folder cannot be read", wrong.message(), "check the path"});
    std::sort(files.begin(), files.end());
    bool any = false;
    for (const measured_table<Collector>& t : tables) {
        for (const std::filesystem::path& file : files) {
            if (!file.filename().string().ends_with(t.ending)) continue;
            any = true;
            csv_reader in{input_stream{file}};
            while (in.next()) t.read(named_row{in}, to);
        }
    }
    if (!any)
        throw data_error({{folder.string(), 0, 0, {}},
                          {},
                          "no measurements of " + of + " here",
                          {},
                          "name a folder with files such as " + example});
}

/// GPUs of this kind in the racks or nodes that they are sold in. \throws scenario_error
inline llm::system measured_system(const std::string& gpu) {
    if (gpu == "gb200" || gpu == "gb300") return llm::system_of(read_model<hardware::rack>(gpu + "-nvl72").value);
    if (gpu == "a100-80gb")  // Selene: DGX A100, 8 rails of 200 Gbit/s
        return {.name = "dgx-a100",
                .accelerator = gpu,
                .memory_b = 81920.0 * 1048576,
                .memory_b_s = 2.039e12,
                .bf16_flop_s = 312e12,
                .domain_gpus = 8,
                .node_gpus = 8,
                .domain_b_s = 300e9,
                .rail_b_s = 25e9};
    if (gpu != "h200") return llm::system_of(read_model<hardware::node>("dgx-" + gpu).value);
    hardware::node n = read_model<hardware::node>("dgx-h100").value;
    n.gpu = read_model<hardware::accelerator>("h200").value;
    n.name = "dgx-h200";
    return llm::system_of(n);
}

inline std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : static_cast<char>(c);
    });
    return text;
}

}  // namespace ampacity::io
