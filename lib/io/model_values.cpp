#include "model_values.hpp"

#include <algorithm>

namespace ampacity::io {

source_position model_values::locate(std::string path) const {
    for (;;) {
        if (const auto at = positions_.find(path); at != positions_.end()) return at->second;
        const std::size_t dot = path.rfind('.');
        if (dot == std::string::npos) return tree_.position(tree_.at(layers_.front().root).at);
        path.resize(dot);
    }
}

const yaml_entry* model_values::find(const yaml_node& map, std::string_view key) {
    const auto at =
        std::find_if(map.entries.begin(), map.entries.end(), [key](const yaml_entry& e) { return e.key == key; });
    return at == map.entries.end() ? nullptr : &*at;
}

const yaml_entry& model_values::required(const yaml_node& map, std::string_view key, const yaml_place& holder,
                                         const std::string& path, const std::string& example) const {
    const yaml_entry* const entry = find(map, key);
    if (entry == nullptr)
        fail(holder, joined(path, key), "required key is missing", {}, "add it, such as `" + example + '`');
    return *entry;
}

const yaml_node& model_values::scalar(const yaml_node& node, const yaml_place& holder, const std::string& path) const {
    expect(node, yaml_kind::scalar, holder, path, {});
    return node;
}

void model_values::expect(const yaml_node& node, yaml_kind kind, const yaml_place& holder, const std::string& path,
                          const std::string& example) const {
    if (node.kind == kind) return;
    if (node.kind == yaml_kind::null) fail(holder, path, "has no value", {}, "write a value, or remove the key");
    fail(node.at, path, "expected " + std::string{name_of(kind)} + ", found " + std::string{name_of(node.kind)},
         shown(node.text), example.empty() ? "write it as " + std::string{name_of(kind)} : "write it as in " + example);
}

void model_values::refuse_unknown(const yaml_node& map, const std::string& path,
                                  std::span<const std::string_view> known) const {
    for (const yaml_entry& entry : map.entries) {
        if (std::find(known.begin(), known.end(), entry.key) == known.end())
            fail(entry.at, joined(path, shown(entry.key)), "unknown key", shown(entry.key),
                 suggestion(entry.key, known));
    }
}

void model_values::check(const yaml_node& node, const std::string& path, std::optional<fault> wrong, double value,
                         const number_field& f, std::string_view unit) const {
    const auto limit = [&](double base) {
        return f.of ? scenario::format_quantity(base, *f.of) : scenario::format(base) + std::string{unit};
    };
    if (!wrong && value < f.min) wrong = fault{"too small", "write at least " + limit(f.min)};
    if (!wrong && value > f.max) wrong = fault{"too large", "write at most " + limit(f.max)};
    if (wrong) fail(node.at, path, wrong->what, shown(node.text), wrong->remedy);
}

std::string model_values::read_number(const yaml_entry& entry, const std::string& path, const number_field& f,
                                      double& out) {
    const yaml_node& node = scalar(entry, path);
    note_place(path, entry);
    auto wrong = f.of ? scenario::parse_quantity(node.text, *f.of, out) : scenario::parse(node.text, out);
    check(node, path, std::move(wrong), out, f, {});
    if (f.of == scenario::dimension::time) out *= 1e-9;  // a double is in seconds, the base of times in ns
    return node.text;
}

std::string model_values::read_number(const yaml_entry& entry, const std::string& path, const number_field& f,
                                      duration& out) {
    const yaml_node& node = scalar(entry, path);
    note_place(path, entry);
    auto wrong = scenario::parse(node.text, out);
    check(node, path, std::move(wrong), to_seconds(out), {.key = {}, .doc = {}, .min = f.min, .max = f.max}, " s");
    return node.text;
}

std::string model_values::read_number(const yaml_entry& entry, const std::string& path, const number_field& f,
                                      std::uint32_t& out) {
    const yaml_node& node = scalar(entry, path);
    note_place(path, entry);
    std::uint64_t whole = 0;
    auto wrong = scenario::parse(node.text, whole);
    check(node, path, std::move(wrong), static_cast<double>(whole),
          {.key = {}, .doc = {}, .min = f.min, .max = std::min(f.max, 1e9)}, {});
    out = static_cast<std::uint32_t>(whole);
    return node.text;
}

void model_values::read_texts(const yaml_entry& holder, const std::string& path, model_figure& out) {
    const yaml_node& map = tree_.at(holder.value);
    const model_layer& layer = layer_of(map.at);
    const yaml_entry& source = required(map, "source", holder.at, path, "source: ID");
    const yaml_node& ids = tree_.at(source.value);
    if (ids.kind == yaml_kind::list) {
        for (const yaml_index item : ids.items) read_source(tree_.at(item), path + ".source", layer, out);
        if (ids.items.empty()) fail(ids.at, path + ".source", "an empty list", {}, "name an id of `sources`");
    } else {
        expect(ids, yaml_kind::scalar, source.at, path + ".source", {});
        read_source(ids, path + ".source", layer, out);
    }
    read_word(required(map, "confidence", holder.at, path, "confidence: published"), path + ".confidence", out.trust);
    if (const yaml_entry* const note = find(map, "note")) read_word(*note, path + ".note", out.note);
}

void model_values::read_source(const yaml_node& node, const std::string& path, const model_layer& layer,
                               model_figure& out) const {
    const yaml_node& id = scalar(node, node.at, path);
    const auto known = layer.sources.find(id.text);
    if (known == layer.sources.end()) {
        std::vector<std::string_view> ids;
        for (const auto& [name, text] : layer.sources) ids.push_back(name);
        fail(id.at, path, "not one of `sources`", shown(id.text),
             ids.empty() ? "add it to `sources`" : suggestion(id.text, ids));
    }
    out.sources.push_back({known->first, known->second, tree_.origins[layer.origin]});
}

model_figure& model_values::add_figure(const model_figure& texts, std::string key, std::string_view doc,
                                       yaml_index value) {
    model_figure& figure = text_.figures.emplace_back(texts);
    figure.key = std::move(key);
    figure.doc = doc;
    figure.where = tree_.position(tree_.at(value).at);
    return figure;
}

const model_layer& model_values::layer_of(const yaml_place& place) const {
    return *std::find_if(layers_.begin(), layers_.end(),
                         [&](const model_layer& layer) { return layer.origin == place.origin; });
}

}  // namespace ampacity::io
