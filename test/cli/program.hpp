#pragma once
/// \file
/// What the tests of the program share: a folder with a scenario and a trace in it, runs of the program there, and its
/// messages taken apart. Every run is checked for what never may happen: status 1, death by a signal, a run without
/// end.

#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/golden.hpp"
#include "support/process.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <regex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::test {

inline const std::string header = "job_id,submit_s,gpus,duration_s\n";

/// Three jobs on a pool of 4 GPUs: `b` needs all of it and waits for `a`, `c` waits behind `b`.
inline const std::string small_trace = header + "a,0,2,10\nb,1.5,4,5\nc,2,1,0.25\n";

inline const std::string small_scenario = R"(ampacity: 1
name: small
seed: 1
fleet: { pool_gpus: 4 }
workload:
  - trace: { path: jobs.csv }
scheduler: { policy: fifo }
)";

/// `text` with its one `from` replaced.
inline std::string with(std::string text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    if (at == std::string::npos || text.find(from, at + 1) != std::string::npos)
        throw std::logic_error("not there once: " + from);
    return text.replace(at, from.size(), to);
}

inline std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::size_t begin = 0;
    while (begin < text.size()) {
        const auto end = text.find('\n', begin);
        lines.push_back(text.substr(begin, end - begin));
        if (end == std::string::npos) break;
        begin = end + 1;
    }
    return lines;
}

inline std::vector<std::string> fields_of(const std::string& line) {
    std::vector<std::string> fields{{}};
    for (const char c : line) {
        if (c == ',')
            fields.emplace_back();
        else
            fields.back() += c;
    }
    return fields;
}

using file_texts = std::map<std::string, std::string>;

/// The same files with the same bytes.
inline void check_same(const file_texts& actual, const file_texts& expected) {
    CHECK(actual.size() == expected.size());
    for (const auto& [name, text] : expected) {
        const auto found = actual.find(name);
        const auto difference = found == actual.end() ? "missing" : first_difference(text, found->second);
        INFO(name << ' ' << difference);
        CHECK(difference.empty());
    }
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// `FILE:LINE:COL: error: KEY: WHAT (VALUE); REMEDY`.
struct message {
    std::string file;
    std::uint64_t line = 0;  ///< 0 where there is no place
    std::uint64_t column = 0;
    std::string key;
    std::string what;
    std::string value;
    std::string remedy;
};

/// Nothing where `text` is not one such line and no more. Place, key and value may be missing.
inline std::optional<message> parse_message(const std::string& text) {
    static const std::regex form{
        R"(([^\n]+?)(?::([0-9]+):([0-9]+))?: error: (?:([^\s:]+): )?([^\n]+?)(?: \(([^\n]*?)\))?; ([^\n]+)\n)"};
    std::smatch parts;
    if (!std::regex_match(text, parts, form)) return std::nullopt;
    const auto number = [](const std::string& digits) { return digits.empty() ? 0 : std::stoull(digits); };
    return message{parts[1], number(parts[2]), number(parts[3]), parts[4], parts[5], parts[6], parts[7]};
}

/// A JSON text, read by dotted paths. What is missing or of another type throws.
class document {
public:
    explicit document(const std::string& text) : root_(nlohmann::json::parse(text)) {}
    [[nodiscard]] bool has(const std::string& path) const { return root_.contains(pointer(path)); }
    [[nodiscard]] const nlohmann::json& at(const std::string& path) const { return root_.at(pointer(path)); }
    [[nodiscard]] double number(const std::string& path) const { return at(path).get<double>(); }
    [[nodiscard]] std::string text(const std::string& path) const { return at(path).get<std::string>(); }

private:
    static nlohmann::json::json_pointer pointer(std::string path) {
        std::replace(path.begin(), path.end(), '.', '/');
        return nlohmann::json::json_pointer{'/' + path};
    }

    nlohmann::json root_;
};

/// Every GPU-hour stands in exactly one account.
inline void check_books(const document& summary) {
    double sum = 0;
    for (const auto& [name, hours] : summary.at("gpu_hours").items()) {
        INFO(name);
        CHECK(hours.get<double>() >= 0);
        if (name != "capacity" && name != "uncommissioned") sum += hours.get<double>();
    }
    CHECK(sum == Approx(summary.number("gpu_hours.capacity")).epsilon(1e-12));
}

/// Runs the program. Surfaces are kept nowhere, unless the environment says where.
inline process_result ampacity(std::vector<std::string> arguments, process_options options = {}) {
    const auto is_cache = [](const auto& v) { return v.first == "AMPACITY_CACHE"; };
    if (std::none_of(options.environment.begin(), options.environment.end(), is_cache))
        options.environment.emplace_back("AMPACITY_CACHE", "");
    std::string shown = "ampacity";
    for (const auto& argument : arguments) shown += ' ' + argument;
    arguments.insert(arguments.begin(), AMPACITY_PROGRAM);
    auto result = run_process(arguments, options);
    INFO(shown << "\nstatus " << result.status << "\nstderr: " << result.err);
    CHECK_FALSE(result.timed_out);
    CHECK(result.signal == 0);
    CHECK(result.status != 1);
    return result;
}

/// A trace of jobs that are alike, one every so many seconds.
inline std::string equal_jobs(int count, int every_s, int gpus, int duration_s) {
    std::string out = header;
    for (int i = 0; i != count; ++i)
        out += "job" + std::to_string(i) + ',' + std::to_string(i * every_s) + ',' + std::to_string(gpus) + ',' +
               std::to_string(duration_s) + '\n';
    return out;
}

/// A folder of its own with `s.yaml` and `jobs.csv`.
class workspace {
public:
    explicit workspace(const std::string& scenario = small_scenario, const std::string& trace = small_trace) {
        write("s.yaml", scenario);
        write("jobs.csv", trace);
    }

    [[nodiscard]] std::filesystem::path path(const std::string& name = {}) const { return folder_.path() / name; }
    void write(const std::string& name, const std::string& text) const { write_file(path(name), text); }
    [[nodiscard]] std::string read(const std::string& name) const { return read_file(path(name)); }
    [[nodiscard]] bool has(const std::string& name) const { return std::filesystem::exists(path(name)); }
    [[nodiscard]] document summary(const std::string& out = "out") const {
        return document{read(out + "/summary.json")};
    }
    [[nodiscard]] document about() const { return document{read("out/run.json")}; }

    /// The program in this folder.
    [[nodiscard]] process_result call(const std::vector<std::string>& arguments, process_options options = {}) const {
        if (options.directory.empty()) options.directory = folder_.path();
        return ampacity(arguments, options);
    }

    /// `run s.yaml -o OUT ...`, not yet checked.
    [[nodiscard]] process_result run(const std::vector<std::string>& more = {}, const std::string& out = "out") const {
        std::vector<std::string> arguments{"run", "s.yaml", "-o", out};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return call(arguments);
    }

    /// The same, expecting this status.
    process_result run_to(int status, const std::vector<std::string>& more = {}, const std::string& out = "out") const {
        auto result = run(more, out);
        INFO("stderr: " << result.err);
        CHECK(result.status == status);
        return result;
    }

    /// The same, which must succeed and say nothing on stderr.
    process_result run_well(const std::vector<std::string>& more = {}, const std::string& out = "out") const {
        auto result = run(more, out);
        INFO("stderr: " << result.err);
        REQUIRE(result.status == 0);
        CHECK(result.err.empty());
        CHECK_FALSE(result.out.empty());
        return result;
    }

    /// summary.json and every CSV file of an output folder, by name.
    [[nodiscard]] file_texts results(const std::string& out = "out") const {
        file_texts files;
        for (const auto& entry : std::filesystem::directory_iterator(path(out))) {
            const auto name = entry.path().filename().string();
            if (name == "summary.json" || entry.path().extension() == ".csv") files[name] = read_file(entry.path());
        }
        return files;
    }

private:
    temporary_directory folder_;
};

/// A refusal: this status, nothing on stdout, and one message of the form.
inline message check_refused(const process_result& result, int status) {
    INFO("stderr: " << result.err);
    CHECK(result.status == status);
    CHECK(result.out.empty());
    const auto parsed = parse_message(result.err);
    REQUIRE(parsed.has_value());
    return *parsed;
}

/// The scenario is refused at this key, for this value, with such a remedy.
inline void check_key_refused(const std::string& scenario, const std::string& key, const std::string& value,
                              const std::string& remedy) {
    INFO(scenario);
    const workspace here{scenario, small_trace};
    const auto m = check_refused(here.run(), 2);
    CHECK(m.file == "s.yaml");
    CHECK(m.line != 0);
    CHECK(m.key == key);
    CHECK(m.value == value);
    CHECK(contains(m.remedy, remedy));
}

/// A refusal at a place in a file.
inline void check_placed(const message& m, const std::string& file) {
    CHECK(m.file == file);
    CHECK(m.line >= 1);
    CHECK(m.column >= 1);
}

/// A refusal of a whole file. The form asks for a place there too; its beginning will do.
inline void check_whole_file(const message& m, const std::string& file) { check_placed(m, file); }

}  // namespace ampacity::test
