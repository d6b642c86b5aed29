#include "fleet_models.hpp"

#include "yaml_binder.hpp"

#include <ampacity/io/catalogue.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ampacity::io {
namespace {

class fleet_reader {
public:
    fleet_reader(yaml_tree& tree, const std::filesystem::path& directory, std::vector<model_file>& files)
        : tree_(tree), directory_(directory), files_(files) {}

    void read() {
        const yaml_index fleet = child(tree_.root, "fleet");
        if (fleet == nowhere) return;
        for_groups(child(fleet, "nodes"), "fleet.nodes", [this](yaml_index g, const std::string& path) {
            const auto m = model_of<hardware::node>(g, path);
            if (!m) return;
            put(g, path, "gpus", m->value.gpus);
            name_type(g, m->value.gpu.name);
        });
        const auto racks = [this](yaml_index g, const std::string& path) {
            const auto m = model_of<hardware::rack>(g, path);
            if (!m) return;
            put(g, path, "nodes_per_rack", m->value.nodes);
            put(g, path, "gpus_per_node", m->value.node.gpus);
            name_type(g, m->value.node.gpu.name);
        };
        for_groups(child(fleet, "racks"), "fleet.racks", racks);
        for_groups(child(fleet, "sites"), "fleet.sites", [&](yaml_index site, const std::string& path) {
            for_groups(child(site, "racks"), path + ".racks", racks);
        });
    }

private:
    static constexpr yaml_index nowhere = ~yaml_index{0};

    [[nodiscard]] const yaml_entry* find(yaml_index map, std::string_view key) const {
        if (tree_.at(map).kind != yaml_kind::map) return nullptr;
        const auto& entries = tree_.at(map).entries;
        const auto at = std::find_if(entries.begin(), entries.end(), [&](const yaml_entry& e) { return e.key == key; });
        return at == entries.end() ? nullptr : &*at;
    }
    [[nodiscard]] yaml_index child(yaml_index map, std::string_view key) const {
        const yaml_entry* const entry = map == nowhere ? nullptr : find(map, key);
        return entry == nullptr ? nowhere : entry->value;
    }
    /// Of a map itself, or of each entry of a list. What is neither is left to the reader of the whole, which says so.
    template <class F>
    void for_groups(yaml_index at, const std::string& path, F f) {
        if (at == nowhere) return;
        if (tree_.at(at).kind == yaml_kind::map) f(at, path);
        if (tree_.at(at).kind != yaml_kind::list) return;
        const std::vector<yaml_index> items = tree_.at(at).items;
        for (std::size_t i = 0; i != items.size(); ++i) f(items[i], path + '.' + std::to_string(i));
    }

    template <class T>
    [[nodiscard]] std::optional<model<T>> model_of(yaml_index group, const std::string& path) {
        const yaml_entry* const entry = find(group, "model");
        if (entry == nullptr || tree_.at(entry->value).kind != yaml_kind::scalar) return std::nullopt;
        const yaml_node& name = tree_.at(entry->value);
        auto m = read_model<T>(name.text, directory_, tree_.position(name.at), path + ".model");
        add_files(files_, m.text.files);
        return m;
    }

    void put(yaml_index group, const std::string& path, const std::string& key, std::uint32_t value) {
        const std::string text = std::to_string(value);
        if (const yaml_entry* const given = find(group, key)) {
            const yaml_node& node = tree_.at(given->value);
            if (node.kind == yaml_kind::scalar && node.text == text) return;
            refuse(tree_.position(node.at), path + '.' + key, "not as its model has it", shown(node.text),
                   "remove it, or write " + text);
        }
        add(group, key, text);
    }
    void name_type(yaml_index group, const std::string& gpu) {
        if (find(group, "gpu") == nullptr) add(group, "gpu", gpu);
    }
    void add(yaml_index group, const std::string& key, const std::string& text) {
        const yaml_place at = tree_.at(find(group, "model")->value).at;
        const auto row = static_cast<yaml_index>(tree_.nodes.size());
        tree_.nodes.push_back({.kind = yaml_kind::scalar, .at = at, .text = text, .items = {}, .entries = {}});
        tree_.nodes[group].entries.push_back({key, at, row});
    }

    yaml_tree& tree_;
    const std::filesystem::path& directory_;
    std::vector<model_file>& files_;
};

}  // namespace

void take_fleet_models(yaml_tree& tree, const std::filesystem::path& directory, std::vector<model_file>& files) {
    fleet_reader{tree, directory, files}.read();
}

}  // namespace ampacity::io
