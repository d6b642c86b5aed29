#include "file_damage.hpp"
#include "line_reader.hpp"
#include "ordered_trace.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/suggest.hpp>
#include <ampacity/io/csv_reader.hpp>
#include <ampacity/io/job_traces.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <system_error>
#include <vector>

namespace ampacity::io {
namespace {

using opener = std::unique_ptr<trace_source> (*)(const job_trace_options&);

constexpr std::array<opener, 4> openers{open_jobs_csv, open_swf, open_philly_csv, open_alibaba_openb};

std::string known_formats() {
    std::string out;
    for (const job_trace_format& format : job_trace_formats())
        out += (out.empty() ? "" : ", ") + std::string{format.name};
    return out;
}

/// The first line that is not blank.
std::string first_line(const std::filesystem::path& path) {
    line_reader lines{input_stream{path}, 4096};
    while (lines.next()) {
        if (lines.line().find_first_not_of(" \t") != std::string_view::npos) return std::string{lines.line()};
    }
    throw data_error({{path.string(), 1, 1}, {}, "the file is empty", {}, "give a trace"});
}

/// Whether a header line names all required columns of a format.
bool names_columns_of(const job_trace_format& format, std::string_view line) {
    std::vector<std::string_view> names;
    for (std::size_t at = 0; at <= line.size();) {
        const std::size_t end = std::min(line.find(',', at), line.size());
        std::string_view name = line.substr(at, end - at);
        if (name.size() >= 2 && name.front() == '"' && name.back() == '"') name = name.substr(1, name.size() - 2);
        names.push_back(name);
        at = end + 1;
    }
    return std::all_of(format.columns.begin(), format.columns.end(), [&](const trace_column& c) {
        return c.use != column_use::required || std::find(names.begin(), names.end(), c.name) != names.end();
    });
}

/// A comment, or as many numbers as the format has fields.
bool looks_like_swf(std::string_view line) {
    std::size_t num_fields = 0;
    for (std::size_t at = line.find_first_not_of(" \t"); at != std::string_view::npos;) {
        if (num_fields == 0 && line[at] == ';') return true;
        const std::size_t end = std::min(line.find_first_of(" \t", at), line.size());
        if (!parse_scaled(line.substr(at, end - at), 0)) return false;
        ++num_fields;
        at = line.find_first_not_of(" \t", end);
    }
    return num_fields == swf_format().columns.size();
}

std::string_view guess_format(const std::filesystem::path& path) {
    std::filesystem::path name = path.filename();
    if (name.extension() == ".gz" || name.extension() == ".zst") name = name.stem();
    if (name.extension() == ".swf") return swf_format().name;
    const auto fail = [&](const char* why, std::string value) {
        throw data_error(
            {{path.string(), 1, 1}, "format", why, std::move(value), "name it with --format: " + known_formats()});
    };
    std::error_code unknown;
    const auto kind = std::filesystem::status(path, unknown).type();
    using std::filesystem::file_type;
    if (kind == file_type::fifo || kind == file_type::character || kind == file_type::socket)
        fail("cannot be told from a pipe", {});
    const std::string line = first_line(path);
    if (looks_like_swf(line)) return swf_format().name;
    for (const job_trace_format& format : job_trace_formats()) {
        if (!format.by_position && names_columns_of(format, line)) return format.name;
    }
    fail("not recognised by the first line", printable(line));
    return {};
}

}  // namespace

std::span<const job_trace_format> job_trace_formats() noexcept {
    static const std::array formats{jobs_csv_format(), swf_format(), philly_csv_format(), alibaba_openb_format()};
    static_assert(formats.size() == openers.size());
    return formats;
}

ending ending_named(std::string_view text) noexcept {
    const auto at = std::find(ending_names.begin(), ending_names.end(), text);
    return at == ending_names.end() ? ending::unknown : static_cast<ending>(at - ending_names.begin());
}

std::unique_ptr<trace_source> open_job_trace(const job_trace_options& options) {
    if (options.reorder < duration::zero()) {
        throw scenario_error(
            {{}, "reorder", "negative", format_ns_as_seconds(ticks(options.reorder)) + " s", "give 0 or more"});
    }
    std::vector<std::string_view> names;
    for (const job_trace_format& format : job_trace_formats()) {
        if (format.name == options.format)
            return blame_damage(options.path, [&] { return openers[names.size()](options); });
        names.push_back(format.name);
    }
    throw scenario_error(
        {{}, "format", "unknown format of job traces", options.format, suggestion(options.format, names)});
}

std::string_view guess_job_trace_format(const std::filesystem::path& path) {
    return blame_damage(path, [&] { return guess_format(path); });
}

}  // namespace ampacity::io
