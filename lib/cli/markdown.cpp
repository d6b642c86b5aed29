#include "markdown.hpp"

#include "exit_codes.hpp"
#include "good_models.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/job_traces.hpp>
#include <ampacity/io/metrics.hpp>
#include <ampacity/io/output_files.hpp>
#include <ampacity/io/request_traces.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/scenario/reference.hpp>
#include <ampacity/scenario/resolved.hpp>
#include <ampacity/scenario/units.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <vector>

namespace ampacity::cli {
namespace {

/// Text for a cell of a table.
std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '|' || c == '<' || c == '*' || c == '_') out += '\\';
        out += c;
    }
    return out;
}

std::string code(std::string_view text) {
    if (text.empty()) return {};
    std::string out{'`'};
    for (const char c : text) {
        if (c == '|') out += '\\';
        out += c;
    }
    out += '`';
    return out;
}

/// With a capital letter and a full stop.
std::string sentence(std::string_view text) {
    std::string out = cell(text);
    if (!out.empty() && 'a' <= out[0] && out[0] <= 'z') out[0] = static_cast<char>(out[0] - 'a' + 'A');
    return out + '.';
}

/// A table; its cells are Markdown.
std::string table(std::vector<std::string> header, const std::vector<std::vector<std::string>>& rows) {
    const auto line = [](const std::vector<std::string>& cells) {
        return fmt::format("| {} |\n", fmt::join(cells, " | "));
    };
    std::string out = line(header);
    for (std::string& name : header) name = "---";
    out += line(header);
    for (const auto& row : rows) out += line(row);
    return out;
}

std::string names_page(std::string_view title, std::string_view use, std::span<const policy::description> known) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& d : known) rows.push_back({code(d.name), cell(d.text)});
    return fmt::format("# {}\n\n{}\n\n{}", title, use, table({"name", "meaning"}, rows));
}

template <class Format>
std::string format_section(const Format& f) {
    bool by_position = false;
    if constexpr (requires { f.by_position; }) by_position = f.by_position;
    std::vector<std::vector<std::string>> rows;
    for (const auto& c : f.columns) {
        const char* use = c.use == io::column_use::required     ? "required"
                          : c.use == io::column_use::optional   ? "optional"
                          : c.use == io::column_use::statistics ? "for `ampacity trace` only"
                                                                : "not looked at";
        rows.push_back({code(c.name), cell(c.unit), use, cell(c.doc)});
    }
    std::string out = fmt::format("\n## {}\n\n{}\n", f.name, sentence(f.description));
    if (!rows.empty())
        out += '\n' + table({by_position ? "field, in this order" : "column", "unit", "use", "meaning"}, rows);
    if (f.skips.empty()) return out;
    rows.clear();
    for (const auto& s : f.skips) rows.push_back({code(s.name), cell(s.doc)});
    return out + "\nRecords that are skipped, and counted by reason:\n\n" + table({"reason", "meaning"}, rows);
}

std::string formats_page() {
    std::string out =
        "# Formats of traces\n\n"
        "The key `workload.N.trace.format` takes one of these names. Columns are found by the names in the header, but "
        "for those of lines.\n";
    for (const auto& f : io::job_trace_formats()) out += format_section(f);
    out +=
        "\n# Formats of traces of requests\n\n"
        "The key `workload.N.service.requests.format` takes one of these names.\n";
    for (const auto& f : io::request_trace_formats()) out += format_section(f);
    return out;
}

std::string workloads_page() {
    std::string out =
        "# Workload models\n\n"
        "The key `workload.N.synthetic.preset` takes one of these names. Keys that stand beside it replace those of "
        "the "
        "model.\n";
    for (const auto& model : good_workloads()) {
        out += fmt::format("\n## {}\n\n{} Source: {}.\n\n```text\n{}```\n\n", model.name, sentence(model.doc),
                           cell(model.source), scenario::write_resolved(model.synthetic));
        std::vector<std::vector<std::string>> rows;
        for (const auto& p : model.parameters) rows.push_back({code(p.key), cell(p.source)});
        out += table({"key", "where its numbers come from"}, rows);
        if (model.published.empty()) continue;
        rows.clear();
        for (const auto& p : model.published) {
            rows.push_back({code(p.figure), fmt::format("{} {}", p.value, cell(p.unit)),
                            fmt::format("{} %", p.tolerance * 100), cell(p.source)});
        }
        out += '\n' + table({"published figure", "value", "reproduced within", "source"}, rows);
    }
    return out;
}

/// The models of these kinds, and the keys of their files.
std::string models_page(std::span<const io::model_kind_description> kinds) {
    std::string out =
        "# Models of hardware\n\n"
        "Files below `models/`, one per model; each number has a unit, a source and a confidence. `ampacity describe "
        "NAME` "
        "prints one as a table. A key that needs a number is a map, `{ value: 178 W, source: ID, confidence: measured "
        "}`, "
        "but for keys of records, which share one source. Keys of a map that may be left out are required where it is "
        "given.\n\n";
    std::vector<std::vector<std::string>> rows;
    for (const io::confidence c : {io::confidence::measured, io::confidence::published, io::confidence::derived,
                                   io::confidence::second_hand, io::confidence::assumption})
        rows.push_back({code(io::name_of(c)), cell(io::meaning_of(c))});
    out += table({"confidence", "meaning"}, rows);
    for (const auto& k : kinds) {
        out += fmt::format("\n## {}\n\n{} In `{}/`.\n\n", k.plural, sentence(k.text), k.folder);
        rows.clear();
        for (const auto& m : good_models(k.kind)) rows.push_back({code(m.name), cell(m.doc)});
        out += table({"name", "what"}, rows);
        rows.clear();
        for (const auto& key : io::model_keys(k.kind))
            rows.push_back({code(key.path), key.type, key.example.empty() ? "" : code(key.example),
                            key.required ? "required" : "", cell(key.doc)});
        out += '\n' + table({"key", "type", "example or names", "", "meaning"}, rows);
    }
    return out;
}

std::string metrics_page() {
    std::vector<std::vector<std::string>> rows;
    for (const auto& m : io::metrics()) rows.push_back({code(m.name), cell(m.unit), cell(m.text)});
    return "# Metrics\n\n"
           "The numbers of `summary.json` by their dotted names. A metric over no job at all is absent, never 0.\n\n" +
           table({"name", "unit", "meaning"}, rows);
}

std::string units_section() {
    std::string out =
        "\n## Units\n\n"
        "A quantity is a number and a unit, such as `\"22.6 min\"` or `\"46 /h\"`; the units of each kind, the "
        "smallest "
        "first:\n\n";
    std::vector<std::vector<std::string>> rows;
    for (std::size_t begin = 0; begin != scenario::units().size();) {
        const auto of = scenario::units()[begin].of;
        std::vector<std::string> symbols;
        for (; begin != scenario::units().size() && scenario::units()[begin].of == of; ++begin)
            symbols.push_back(code(scenario::units()[begin].symbol));
        rows.push_back({cell(scenario::name_of(of)), fmt::format("{}", fmt::join(symbols, " "))});
    }
    return out + table({"kind", "units"}, rows);
}

std::string keys_page() {
    std::vector<std::vector<std::string>> rows;
    for (const auto& k : scenario::key_reference()) {
        if (!k.supported) continue;
        rows.push_back(
            {code(k.path), k.type, k.required ? "required" : code(k.default_value), code(k.range), cell(k.doc)});
    }
    return "# Keys of a scenario\n\n"
           "`N` stands for the index of an entry of a list, from 0, as in `--set workload.0.trace.path=jobs.csv`. "
           "Unknown and duplicate keys are errors.\n\n" +
           table({"key", "type", "default", "range", "meaning"}, rows) + units_section();
}

std::string files_page() {
    std::string out =
        "# Files of a run\n\n"
        "They stand in the folder that `-o` names, or in `out/NAME`. No file stands under its name before it is "
        "complete; `summary.json` is the last.\n";
    for (const auto& f : io::output_files()) {
        out += fmt::format("\n## {}\n\n{}", f.name, sentence(f.text));
        out += f.when == "always" ? "\n" : fmt::format(" Written if the key {} says so.\n", code(f.when));
        std::vector<std::vector<std::string>> rows;
        for (const auto& c : f.columns) rows.push_back({code(c.name), cell(c.unit), cell(c.text)});
        if (!rows.empty()) out += '\n' + table({"column", "unit", "meaning"}, rows);
    }
    return out;
}

std::string exit_codes_page() {
    std::vector<std::vector<std::string>> rows;
    for (const auto& e : exit_codes) rows.push_back({fmt::to_string(e.status), cell(e.text)});
    return "# Exit statuses\n\n" + table({"status", "meaning"}, rows);
}

}  // namespace

std::string markdown_page(std::string_view what) {
    if (what == "policies")
        return names_page("Policies", "The key `scheduler.policy` and the option `--policy` take one of these names.",
                          policy::policies());
    if (what == "placers")
        return names_page("Placers",
                          "The key `scheduler.placer` takes one of these names. On a pool no placer is asked.",
                          policy::placers());
    if (what == "formats") return formats_page();
    if (what == "workloads") return workloads_page();
    if (what == "models") return models_page(io::model_kinds());
    for (const auto& k : io::model_kinds()) {
        if (k.plural == what) return models_page({&k, 1});
    }
    if (what == "metrics") return metrics_page();
    if (what == "keys") return keys_page();
    if (what == "files") return files_page();
    return exit_codes_page();
}

}  // namespace ampacity::cli
