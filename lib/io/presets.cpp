#include "presets.hpp"

#include "text_file.hpp"
#include "yaml_binder.hpp"

#include <ampacity/io/xxh64.hpp>

#include <algorithm>

namespace ampacity::io {
namespace {

yaml_entry* find_entry(yaml_node& map, std::string_view key) {
    const auto at =
        std::find_if(map.entries.begin(), map.entries.end(), [&](const yaml_entry& e) { return e.key == key; });
    return at == map.entries.end() ? nullptr : &*at;
}

std::uint64_t digest_of(std::string_view text) {
    xxh64 hash;
    hash.update(text);
    return hash.digest();
}

}  // namespace

template <class F>
void preset_reader::for_each_synthetic(F f) {
    const auto child = [this](yaml_index row, std::string_view key) -> yaml_index {
        if (tree_.at(row).kind != yaml_kind::map) return row;
        const yaml_entry* const entry = find_entry(tree_.nodes[row], key);
        return entry == nullptr ? row : entry->value;
    };
    const yaml_index workload = child(tree_.root, "workload");
    if (workload == tree_.root || tree_.at(workload).kind != yaml_kind::list) return;
    const std::vector<yaml_index> items = tree_.at(workload).items;
    for (std::size_t i = 0; i < items.size(); ++i) {
        const yaml_index synthetic = child(items[i], "synthetic");
        if (synthetic == items[i] || tree_.at(synthetic).kind != yaml_kind::map) continue;
        f(synthetic, "workload." + std::to_string(i) + ".synthetic");
    }
}

bool preset_reader::is_of_preset(const yaml_entry& entry) const {
    return std::any_of(presets_.begin(), presets_.end(),
                       [&](const auto& p) { return p.second.origin == entry.at.origin; });
}

void preset_reader::take_over() {
    for_each_synthetic([this](yaml_index map, const std::string& path) { take_over(map, path); });
}

void preset_reader::take_over(yaml_index map, const std::string& path) {
    const auto drop_old = [&] {
        std::erase_if(tree_.nodes[map].entries, [&](const yaml_entry& e) { return is_of_preset(e); });
    };
    const yaml_entry* const given = find_entry(tree_.nodes[map], "preset");
    if (given == nullptr) return drop_old();
    // What is no text is left to the reader of the whole, which says so.
    if (tree_.at(given->value).kind != yaml_kind::scalar) return;
    const preset& wanted = read(yaml_node{tree_.at(given->value)}, path + ".preset");
    const auto& now = tree_.at(map).entries;
    if (std::any_of(now.begin(), now.end(), [&](const yaml_entry& e) { return e.at.origin == wanted.origin; })) return;
    drop_old();
    for (const yaml_entry& entry : wanted.entries) {
        if (find_entry(tree_.nodes[map], entry.key) == nullptr) tree_.nodes[map].entries.push_back(entry);
    }
}

const preset_reader::preset& preset_reader::read(const yaml_node& name, const std::string& path) {
    if (const auto known = presets_.find(name.text); known != presets_.end()) return known->second;
    std::filesystem::path file;
    if (name.text.ends_with(".yaml")) {
        file = directory_ / name.text;
    } else {
        const auto models = find_models("workloads");
        std::vector<std::string_view> known;
        for (const model_location& m : models) {
            known.push_back(m.name);
            if (m.name == name.text) file = m.file;
        }
        if (file.empty())
            refuse(tree_.position(name.at), path, "no such workload model", shown(name.text),
                   known.empty() ? "there are none: set AMPACITY_MODELS to the folder of the models"
                                 : suggestion(name.text, known));
    }
    const auto content = read_text_file(file);
    if (!content.error.empty())
        refuse(tree_.position(name.at), path, "the file of the workload model cannot be read", file.string(),
               "check the path; " + content.error);
    const auto origin = static_cast<std::uint32_t>(tree_.origins.size());
    yaml_node& root = tree_.nodes[parse_yaml(tree_, file.string(), content.text, yaml_places::lines)];
    const yaml_entry* const synthetic = root.kind == yaml_kind::map ? find_entry(root, "synthetic") : nullptr;
    if (synthetic == nullptr || tree_.at(synthetic->value).kind != yaml_kind::map)
        refuse({file.string(), 1, 1}, "synthetic", "a workload model needs a map of this name", {},
               "write it as in models/workloads/philly-like.yaml");
    yaml_node& jobs = tree_.nodes[synthetic->value];
    if (const yaml_entry* const nested = find_entry(jobs, "preset"))
        refuse(tree_.position(nested->at), "synthetic.preset", "a preset within a preset", {}, "write its keys out");
    files_.push_back({file.string(), digest_of(content.text)});
    return presets_.emplace(name.text, preset{origin, jobs.entries}).first->second;
}

std::vector<model_file> preset_reader::finish() {
    for_each_synthetic([this](yaml_index map, const std::string&) {
        std::erase_if(tree_.nodes[map].entries, [&](const yaml_entry& e) {
            return e.key == "preset" && tree_.at(e.value).kind == yaml_kind::scalar;
        });
    });
    return std::move(files_);
}

}  // namespace ampacity::io
