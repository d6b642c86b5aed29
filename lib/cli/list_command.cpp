#include "list_command.hpp"

#include "exit_codes.hpp"
#include "good_models.hpp"
#include "markdown.hpp"
#include "model_command.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/core/suggest.hpp>
#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/csv_reader.hpp>
#include <ampacity/io/job_traces.hpp>
#include <ampacity/io/metrics.hpp>
#include <ampacity/io/models.hpp>
#include <ampacity/io/output_files.hpp>
#include <ampacity/io/plugins.hpp>
#include <ampacity/io/request_traces.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/scenario/reference.hpp>
#include <ampacity/scenario/resolved.hpp>
#include <ampacity/serving/router.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::cli {
namespace {

struct line {
    std::string name;
    std::string text;
};

std::vector<line> lines_of(std::span<const policy::description> table) {
    std::vector<line> out;
    for (const auto& d : table) out.push_back({std::string{d.name}, std::string{d.text}});
    return out;
}

std::string with_unit(std::string_view text, std::string_view unit) {
    return unit.empty() ? std::string{text} : fmt::format("{} [{}]", text, unit);
}

/// The kind that `ampacity list` calls so.
const io::model_kind_description* kind_called(std::string_view plural) {
    const auto kinds = io::model_kinds();
    const auto at = std::find_if(kinds.begin(), kinds.end(), [&](const auto& k) { return k.plural == plural; });
    return at == kinds.end() ? nullptr : &*at;
}

std::vector<line> lines_of_models() {
    std::vector<line> out;
    for (const auto& k : io::model_kinds()) {
        for (const auto& m : good_models(k.kind)) out.push_back({m.name, fmt::format("{}: {}", k.name, m.doc)});
    }
    for (const auto& m : good_workloads()) out.push_back({m.name, fmt::format("workload: {}", m.doc)});
    return out;
}

std::vector<line> lines_of(std::string_view what) {
    if (what == "models") return lines_of_models();
    if (what == "policies") return lines_of(policy::policies());
    if (what == "placers") return lines_of(policy::placers());
    std::vector<line> out;
    if (const auto* const kind = kind_called(what)) {
        for (const auto& m : good_models(kind->kind)) out.push_back({m.name, m.doc});
    } else if (what == "workloads") {
        for (const auto& m : good_workloads()) out.push_back({m.name, m.doc});
    } else if (what == "formats") {
        for (const auto& f : io::job_trace_formats()) out.push_back({std::string{f.name}, std::string{f.description}});
        for (const auto& f : io::request_trace_formats())
            out.push_back({std::string{f.name}, "requests: " + std::string{f.description}});
    } else if (what == "metrics") {
        for (const auto& m : io::metrics()) out.push_back({std::string{m.name}, with_unit(m.text, m.unit)});
    } else if (what == "files") {
        for (const auto& f : io::output_files()) out.push_back({std::string{f.name}, std::string{f.text}});
    } else if (what == "exit-codes") {
        for (const auto& e : exit_codes) out.push_back({fmt::to_string(e.status), std::string{e.text}});
    } else {
        for (const auto& k : scenario::key_reference()) {
            if (k.supported) out.push_back({k.path, k.doc});
        }
    }
    return out;
}

/// With what plug-ins add.
std::vector<line> lines_of(std::string_view what, const io::plugins& more) {
    std::vector<line> out = lines_of(what);
    const auto add = [&out](const std::vector<line>& lines) { out.insert(out.end(), lines.begin(), lines.end()); };
    if (what == "policies") add(lines_of(more.policies()));
    if (what == "placers") add(lines_of(more.placers()));
    if (what == "workloads") {
        for (const line& l : lines_of(more.sources())) out.push_back({l.name, "source of a plug-in: " + l.text});
    }
    return out;
}

void print(const std::vector<line>& lines) {
    std::size_t width = 0;
    for (const line& l : lines) width = std::max(width, l.name.size());
    for (const line& l : lines) fmt::print("{:<{}}  {}\n", l.name, width, l.text);
}

template <class Format>
void print_format(const Format& f) {
    bool by_position = false;
    if constexpr (requires { f.by_position; }) by_position = f.by_position;
    fmt::print("{}: {}\n\n{}:\n", f.name, f.description,
               by_position ? "fields of a line, in this order" : "columns, found by the names in the header");
    std::vector<line> columns;
    for (const auto& c : f.columns) {
        const char* use = c.use == io::column_use::required     ? ""
                          : c.use == io::column_use::optional   ? "; optional"
                          : c.use == io::column_use::statistics ? "; for `ampacity trace` only"
                                                                : "; not looked at";
        columns.push_back({"  " + std::string{c.name}, with_unit(c.doc, c.unit) + use});
    }
    print(columns);
    if (f.skips.empty()) return;
    fmt::print("\nrecords that are skipped, and counted by reason:\n");
    std::vector<line> skips;
    for (const auto& s : f.skips) skips.push_back({"  " + std::string{s.name}, std::string{s.doc}});
    print(skips);
}

void print_workload(const io::model_location& at) {
    const auto model = io::read_workload_model(at.file);
    fmt::print("{}: {}\n  source   {}\n  file     {}\n\nkeys of synthetic, which those of a scenario override:\n",
               model.name, model.doc, model.source, at.file.string());
    const std::string keys = scenario::write_resolved(model.synthetic);
    for (std::size_t from = 0; from < keys.size();) {
        const std::size_t end = keys.find('\n', from);
        fmt::print("  {}\n", std::string_view{keys}.substr(from, end - from));
        from = end + 1;
    }
    fmt::print("\nwhere they come from:\n");
    std::vector<line> lines;
    for (const auto& p : model.parameters) lines.push_back({"  " + p.key, p.source});
    print(lines);
    if (model.published.empty()) return;
    fmt::print("\npublished figures that generated jobs reproduce within the tolerance:\n");
    lines.clear();
    for (const auto& p : model.published)
        lines.push_back(
            {"  " + p.figure, fmt::format("{} {} +- {} %; {}", p.value, p.unit, p.tolerance * 100, p.source)});
    print(lines);
}

void print_file(const io::output_description& f) {
    fmt::print("{}: {}\n", f.name, f.text);
    if (f.when != "always") fmt::print("  written if the key {} says so\n", f.when);
    if (f.columns.empty()) return;
    fmt::print("\ncolumns:\n");
    std::vector<line> columns;
    for (const auto& c : f.columns) columns.push_back({"  " + std::string{c.name}, with_unit(c.text, c.unit)});
    print(columns);
}

void print_key(const scenario::key_entry& k) {
    fmt::print("{}: {}\n", k.path, k.doc);
    const auto more = [](const char* what, const std::string& text) {
        if (!text.empty()) fmt::print("  {:<9}{}\n", what, text);
    };
    more("type", k.type);
    more("units", k.unit);
    more("range", k.range);
    more("default", k.required ? "none: it must be given" : k.default_value);
}

/// The names that may be meant by one that nothing has: the nearest; else those that hold it as a part, or one whose
/// last part is near.
std::vector<std::string_view> meant_by(std::string_view name, std::span<const std::string_view> known) {
    if (const std::string_view near = nearest(name, known); !near.empty()) return {near};
    if (name.size() < 3) return {};
    if (auto longer = containing(name, known); !longer.empty()) return longer;
    std::vector<std::string_view> last_parts;
    for (const std::string_view k : known) last_parts.push_back(k.substr(k.rfind('.') + 1));
    const std::string_view near = nearest(name, last_parts);
    std::vector<std::string_view> out;
    for (std::size_t i = 0; i < known.size() && !near.empty(); ++i) {
        if (last_parts[i] == near) out.push_back(known[i]);
    }
    return out;
}

std::string remedy_for(std::string_view name, std::span<const std::string_view> known) {
    constexpr std::size_t most = 6;
    auto meant = meant_by(name, known);
    if (meant.empty()) return "see `ampacity list policies`, placers, models, formats, metrics, keys, files";
    const bool more = meant.size() > most;
    meant.resize(std::min(meant.size(), most));
    return fmt::format("did you mean `{}`{}?", fmt::join(meant, "`, `"), more ? ", ..." : "");
}

}  // namespace

int list(const std::string& what, bool markdown, const std::vector<std::string>& plugins) {
    const io::plugins more{plugins};
    if (markdown)
        fmt::print("{}", markdown_page(what));
    else
        print(lines_of(what, more));
    return 0;
}

std::vector<std::string> names_of(std::string_view what) {
    std::vector<std::string> out;
    const auto add_found = [&out](std::string_view folder) {  // the files are not looked at
        for (io::model_location& m : io::find_models(folder)) out.push_back(std::move(m.name));
    };
    const auto* const kind = kind_called(what);
    if (what == "workloads" || what == "models") add_found("workloads");
    for (const auto& k : io::model_kinds()) {
        if (kind == &k || what == "models") add_found(k.folder);
    }
    if (kind != nullptr) out.emplace_back(kind->plural);  // which `describe` knows, too
    if (!out.empty() || kind != nullptr) return out;
    for (line& l : lines_of(what)) out.push_back(std::move(l.name));
    return out;
}

int describe(const std::string& name, const std::vector<std::string>& plugins) {
    const io::plugins more{plugins};
    if (name.ends_with(".yaml")) return print_model(io::read_model_text(io::kind_of_file(name), name)), 0;
    std::vector<std::string> known;
    for (const auto& k : io::model_kinds()) {
        if (k.plural == name) return print_kind(k.kind), 0;
        known.emplace_back(k.plural);
        for (const auto& m : io::find_models(k.folder)) {
            if (m.name == name) return print_model(io::read_model_text(k.kind, m.file)), 0;
            known.push_back(m.name);
        }
    }
    for (const auto& f : io::job_trace_formats()) {
        if (f.name == name) return print_format(f), 0;
        known.emplace_back(f.name);
    }
    for (const auto& f : io::request_trace_formats()) {
        if (f.name == name) return print_format(f), 0;
        known.emplace_back(f.name);
    }
    for (const auto& r : serving::router_descriptions()) {
        if (r.name == name) return fmt::print("{}: {}\n", r.name, r.doc), 0;
        known.emplace_back(r.name);
    }
    for (const auto& m : io::find_models("workloads")) {
        if (m.name == name) return print_workload(m), 0;
        known.push_back(m.name);
    }
    for (const auto& f : io::output_files()) {
        if (f.name == name) return print_file(f), 0;
        known.emplace_back(f.name);
    }
    for (const auto& k : scenario::key_reference()) {
        if (k.path == name && k.supported) return print_key(k), 0;
        if (k.supported) known.push_back(k.path);
    }
    for (const char* what : {"policies", "placers", "metrics"}) {
        for (const line& l : lines_of(what, more)) {
            if (l.name == name) return fmt::print("{}: {}\n", l.name, l.text), 0;
            known.push_back(l.name);
        }
    }
    for (const auto& d : more.sources()) {
        if (d.name == name) return fmt::print("{}: source of a plug-in: {}\n", d.name, d.text), 0;
        known.emplace_back(d.name);
    }
    const std::vector<std::string_view> names(known.begin(), known.end());
    throw scenario_error({.where = {.file = "describe " + io::printable(name)},
                          .key = {},
                          .what = "nothing has this name",
                          .value = io::printable(name),
                          .remedy = remedy_for(name, names)});
}

}  // namespace ampacity::cli
