#include "model_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::cli {
namespace {

/// Rows of cells, each column as wide as it must be; the last one is not padded.
void print_rows(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i != row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    for (const auto& row : rows) {
        std::string line = " ";
        for (std::size_t i = 0; i != row.size(); ++i) line += fmt::format(" {:<{}} ", row[i], widths[i]);
        fmt::print("{}\n", line.substr(0, line.find_last_not_of(' ') + 1));
    }
}

/// Ids of sources; the same id in another file, of a model that this one is based on, gets the name of that file.
class source_table {
public:
    std::string names(const std::vector<io::figure_source>& sources) {
        std::string out;
        for (const auto& s : sources) out += (out.empty() ? "" : ", ") + name(s);
        return out;
    }
    void print() const {
        std::vector<std::vector<std::string>> rows;
        for (const auto& [id, text] : rows_) rows.push_back({id, text});
        print_rows(rows);
    }
    [[nodiscard]] bool empty() const { return rows_.empty(); }

private:
    std::string name(const io::figure_source& s) {
        for (std::string id = s.id;; id += '\'') {
            const auto at = std::find_if(rows_.begin(), rows_.end(), [&](const auto& row) { return row.first == id; });
            if (at != rows_.end() && at->second != s.text) continue;
            if (at == rows_.end()) rows_.emplace_back(id, s.text);
            return id;
        }
    }

    std::vector<std::pair<std::string, std::string>> rows_;
};

std::string with_range(const io::model_figure& f) {
    return f.range.empty() ? f.value : fmt::format("{} ({})", f.value, f.range);
}

}  // namespace

void print_model(const io::model_text& model) {
    fmt::print("{}: {}\n", model.name, model.doc);
    std::vector<std::vector<std::string>> rows{{"class", std::string{io::describe(model.kind).name}},
                                               {"file", model.files.front().path}};
    if (!model.based_on.empty()) rows.push_back({"based on", model.based_on});
    for (const auto& [key, text] : model.words) rows.push_back({key, text});
    print_rows(rows);

    rows.clear();
    for (const auto& p : model.parts) rows.push_back({p.key, fmt::format("{} x {}", p.count, p.name), p.doc});
    if (!rows.empty()) {
        fmt::print("\nmade of:\n");
        print_rows(rows);
    }

    source_table sources;
    std::map<std::string, std::string> published;
    std::vector<std::vector<std::string>> notes;
    rows = {{"quantity", "value", "confidence", "source", "meaning"}};
    for (const auto& f : model.figures) {
        rows.push_back({f.key, with_range(f), std::string{io::name_of(f.trust)}, sources.names(f.sources), f.doc});
        const std::vector<std::string> note{f.key, f.note};
        // The numbers of a record share one.
        if (!f.note.empty() && (notes.empty() || notes.back()[1] != f.note)) notes.push_back(note);
    }
    for (const auto& p : model.published) {
        published[p.key] =
            fmt::format("{}, {} ({})", p.figure.value, io::name_of(p.figure.trust), sources.names(p.figure.sources));
        if (!p.figure.note.empty()) notes.push_back({p.key, p.figure.note});
    }
    if (rows.size() > 1) {
        fmt::print("\n");
        print_rows(rows);
    }

    if (!model.totals.empty()) {
        fmt::print("\nfollows from the parts:\n");
        rows = {{"quantity", "value", "for comparison", "how"}};
        for (const auto& t : model.totals) rows.push_back({t.key, t.text(), published[t.key], t.doc});
        print_rows(rows);
    }
    if (!notes.empty()) {
        fmt::print("\nnotes:\n");
        print_rows(notes);
    }
    if (!sources.empty()) {
        fmt::print("\nsources:\n");
        sources.print();
    }
}

void print_kind(io::model_kind kind) {
    const auto& of = io::describe(kind);
    fmt::print("{}: {}\n  files     {}/NAME.yaml, beginning with `ampacity-{}: 1`, name, doc, sources\n\n", of.plural,
               of.text, of.folder, of.name);
    std::vector<std::vector<std::string>> rows{{"key", "type", "needed", "meaning"}};
    for (const auto& k : io::model_keys(kind))
        rows.push_back({k.path, k.example.empty() ? k.type : fmt::format("{}, {}", k.type, k.example),
                        k.required ? "yes" : "no", k.doc});
    print_rows(rows);
    fmt::print("\nA key of a map that may be left out is needed where the map is given.\n");
}

}  // namespace ampacity::cli
