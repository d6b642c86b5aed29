#include "fleet_models.hpp"
#include "presets.hpp"
#include "text_file.hpp"
#include "yaml_binder.hpp"
#include "yaml_tree.hpp"

#include <ampacity/io/scenario_file.hpp>
#include <ampacity/io/xxh64.hpp>
#include <ampacity/scenario/validate.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

namespace ampacity::io {
namespace {

/// Puts one override into the tree.
class overrider {
public:
    overrider(yaml_tree& tree, const scenario_override& o)
        : tree_{tree},
          path_{o.path},
          text_{o.value},
          value_{parse_yaml(tree, o.origin.empty() ? "--set " + o.path + '=' + o.value : o.origin, o.value,
                            yaml_places::origin_only)} {
        place_.origin = static_cast<std::uint32_t>(tree.origins.size() - 1);
    }

    void apply() {
        if (text_.find_first_not_of(" \t\n") == std::string::npos)
            fail("has no value", "write a value, or null to take the key away");
        std::vector<std::string> keys;
        for (std::size_t from = 0, dot = 0; dot != path_.size(); from = dot + 1) {
            dot = std::min(path_.find('.', from), path_.size());
            keys.push_back(path_.substr(from, dot - from));
            if (keys.back().empty()) fail("empty part in the key path", "write keys separated by single dots");
        }
        if (!apply_to(keys, 0))
            fail("no entry of a list has what is behind `*`", "name an entry that has it by its index");
    }

private:
    /// Sets what `keys` name; each `*` stands for the entries of its list that have all the keys behind it but the
    /// last. False: there is none.
    bool apply_to(std::vector<std::string>& keys, std::size_t from) {
        const auto star = std::find(keys.begin() + static_cast<std::ptrdiff_t>(from), keys.end(), "*");
        if (star == keys.end()) {
            set(keys);
            return true;
        }
        const auto i = static_cast<std::size_t>(star - keys.begin());
        const auto list = find(keys, i);
        if (!list) return false;
        bool any = false;
        if (tree_.at(*list).kind == yaml_kind::map) {
            // One entry may be written without a list.
            keys.erase(keys.begin() + static_cast<std::ptrdiff_t>(i));
            any = goes_through(keys, i) && apply_to(keys, i);
            keys.insert(keys.begin() + static_cast<std::ptrdiff_t>(i), "*");
            return any;
        }
        // From the end, as an entry may be taken away.
        for (std::size_t entry = tree_.at(*list).items.size(); entry-- != 0;) {
            keys[i] = std::to_string(entry);
            if (goes_through(keys, i)) any = apply_to(keys, i + 1) || any;
        }
        keys[i] = "*";
        return any;
    }

    /// Is all there that the keys go through, to the next `*` behind `from` or the last one?
    [[nodiscard]] bool goes_through(const std::vector<std::string>& keys, std::size_t from) const {
        const auto next = std::find(keys.begin() + static_cast<std::ptrdiff_t>(from), keys.end(), "*");
        return find(keys, static_cast<std::size_t>((next == keys.end() ? keys.end() - 1 : next) - keys.begin()))
            .has_value();
    }

    /// What the first `count` keys name.
    [[nodiscard]] std::optional<yaml_index> find(const std::vector<std::string>& keys, std::size_t count) const {
        yaml_index at = tree_.root;
        for (std::size_t k = 0; k != count; ++k) {
            const yaml_node& node = tree_.at(at);
            if (const auto i = list_index(keys[k]); node.kind == yaml_kind::list && i && *i < node.items.size()) {
                at = node.items[*i];
                continue;
            }
            const auto entry = std::find_if(node.entries.begin(), node.entries.end(),
                                            [&](const yaml_entry& e) { return e.key == keys[k]; });
            if (node.kind != yaml_kind::map || entry == node.entries.end()) return std::nullopt;
            at = entry->value;
        }
        return at;
    }

    void set(const std::vector<std::string>& keys) {
        // Aliases share nodes: each node on the way is copied, so that only this path changes.
        yaml_index at = tree_.root = copy_of(tree_.root);
        std::string parent;
        for (std::size_t k = 0; k != keys.size(); ++k) {
            const bool last = k + 1 == keys.size();
            if (last && tree_.at(value_).kind == yaml_kind::null) return remove(at, keys[k]);
            const yaml_index child = make_child(at, keys[k], parent);
            set_child(at, keys[k], last ? value_ : child);
            at = child;
            parent += (k == 0 ? "" : ".") + keys[k];
        }
    }

    [[noreturn]] void fail(std::string what, std::string remedy) const {
        refuse(tree_.position(place_), path_, std::move(what), {}, std::move(remedy));
    }

    yaml_index copy_of(yaml_index row) {
        tree_.nodes.push_back(yaml_node{tree_.at(row)});
        return static_cast<yaml_index>(tree_.nodes.size() - 1);
    }

    static std::optional<std::size_t> list_index(std::string_view key) {
        std::size_t value = 0;
        const auto [end, status] = std::from_chars(key.data(), key.data() + key.size(), value);
        if (status != std::errc{} || end != key.data() + key.size()) return std::nullopt;
        return value;
    }

    /// A copy of the child `key` of `at`, or a new null node; `at` becomes a map or list if it was null.
    yaml_index make_child(yaml_index at, const std::string& key, const std::string& parent) {
        if (tree_.at(at).kind == yaml_kind::null)
            tree_.nodes[at].kind = list_index(key) ? yaml_kind::list : yaml_kind::map;
        const yaml_node& node = tree_.at(at);
        if (node.kind == yaml_kind::list) {
            const auto i = list_index(key);
            const std::size_t size = node.items.size();
            if (!i || *i > size) {
                fail("`" + parent + "` is a list of " + std::to_string(size) + (size == 1 ? " entry" : " entries"),
                     "write an index from 0 to " + std::to_string(size) + " after it");
            }
            if (*i < size) return copy_of(node.items[*i]);
        } else if (node.kind == yaml_kind::map) {
            for (const yaml_entry& entry : node.entries) {
                if (entry.key == key) return copy_of(entry.value);
            }
        } else {
            fail("`" + parent + "` is a single value", "end the key path there");
        }
        tree_.nodes.emplace_back().at = place_;
        return static_cast<yaml_index>(tree_.nodes.size() - 1);
    }

    void set_child(yaml_index at, const std::string& key, yaml_index child) {
        yaml_node& node = tree_.nodes[at];
        if (node.kind == yaml_kind::list) {
            const std::size_t i = *list_index(key);
            if (i == node.items.size())
                node.items.push_back(child);
            else
                node.items[i] = child;
            return;
        }
        const auto entry =
            std::find_if(node.entries.begin(), node.entries.end(), [&](const yaml_entry& e) { return e.key == key; });
        if (entry == node.entries.end())
            node.entries.push_back({key, place_, child});
        else
            entry->value = child;
    }

    void remove(yaml_index at, const std::string& key) {
        yaml_node& node = tree_.nodes[at];
        if (node.kind == yaml_kind::list) {
            const auto i = list_index(key);
            if (!i || *i >= node.items.size()) fail("no such list entry", "name an entry that is there");
            node.items.erase(node.items.begin() + static_cast<std::ptrdiff_t>(*i));
        } else {
            node.kind = yaml_kind::map;
            std::erase_if(node.entries, [&](const yaml_entry& e) { return e.key == key; });
        }
    }

    yaml_tree& tree_;
    const std::string& path_;
    const std::string& text_;
    yaml_index value_;
    yaml_place place_{};
};

}  // namespace

scenario_override parse_override(std::string_view text) {
    const std::size_t equals = text.find('=');
    const std::string origin = "--set " + std::string{text};
    if (equals == 0 || equals == std::string_view::npos) {
        refuse({origin, 0, 0}, {}, "expected key.path=value", shown(text),
               "write it as in --set scheduler.policy=easy");
    }
    return {std::string{text.substr(0, equals)}, std::string{text.substr(equals + 1)}, origin};
}

source_position loaded_scenario::locate(std::string_view key_path) const {
    for (;;) {
        if (const auto found = positions.find(key_path); found != positions.end()) return found->second;
        const std::size_t dot = key_path.rfind('.');
        if (dot == std::string_view::npos) return {file, 1, 1};
        key_path = key_path.substr(0, dot);
    }
}

loaded_scenario read_scenario_text(const std::string& name, std::string_view text,
                                   std::span<const scenario_override> overrides,
                                   const std::filesystem::path& directory) {
    yaml_tree tree;
    tree.root = parse_yaml(tree, name, text, yaml_places::lines);
    if (tree.at(tree.root).kind == yaml_kind::null)
        refuse({name, 1, 1}, {}, "the file is empty", {}, "write a scenario that starts with `ampacity: 1`");
    loaded_scenario loaded;
    preset_reader presets{tree, directory};
    presets.take_over();
    for (const scenario_override& o : overrides) {
        overrider{tree, o}.apply();
        presets.take_over();
    }
    loaded.models = presets.finish();
    take_fleet_models(tree, directory, loaded.models);
    loaded.file = name;
    loaded.directory = directory;
    xxh64 hash;
    hash.update(text);
    loaded.digest = hash.digest();
    binder{tree, loaded.positions}.bind_struct(tree.root, {}, tree.at(tree.root).at, loaded.value);
    scenario::check(loaded.value, [&](std::string_view path) { return loaded.locate(path); });
    return loaded;
}

loaded_scenario read_scenario(const std::filesystem::path& file, std::span<const scenario_override> overrides) {
    const std::string name = file.string();
    const auto content = read_text_file(file);
    if (!content.error.empty())
        refuse({name, 1, 1}, {}, "the scenario file cannot be read", content.error, "check the path");
    return read_scenario_text(name, content.text, overrides, file.parent_path());
}

}  // namespace ampacity::io
