#include "yaml_tree.hpp"

#include <ampacity/core/suggest.hpp>
#include <ampacity/io/scenario_file.hpp>
#include <ampacity/io/xxh64.hpp>
#include <ampacity/scenario/validate.hpp>
#include <ampacity/scenario/values.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

namespace ampacity::io {
namespace {

using scenario::described;
using scenario::fault;
using scenario::field;

constexpr std::size_t max_values = 1'000'000;  // bounds what aliases can blow up

/// A value as a message shows it: one line, not too long.
std::string shown(std::string_view text) {
    constexpr std::size_t longest = 60;
    std::size_t length = std::min(text.size(), longest);
    // Do not cut inside a UTF-8 sequence.
    while (length < text.size() && length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0U) == 0x80U) --length;
    std::string out{text.substr(0, length)};
    std::replace_if(
        out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
    return length < text.size() ? out + "..." : out;
}

std::string_view name_of(yaml_kind kind) {
    switch (kind) {
        case yaml_kind::null: return "nothing";
        case yaml_kind::scalar: return "a single value";
        case yaml_kind::list: return "a list";
        case yaml_kind::map: return "a map";
    }
    return {};
}

[[noreturn]] void refuse(source_position where, std::string key, std::string what, std::string value,
                         std::string remedy) {
    throw scenario_error({std::move(where), std::move(key), std::move(what), std::move(value), std::move(remedy)});
}

std::string joined(const std::string& path, std::string_view key) {
    return path.empty() ? std::string{key} : path + '.' + std::string{key};
}

/// Moves values from a tree into structs along their `fields`.
class binder {
public:
    binder(const yaml_tree& tree, std::map<std::string, source_position, std::less<>>& positions)
        : tree_{tree}, positions_{positions} {}

    /// `holder`: the place of the key that holds the struct, where its missing keys are reported.
    template <described S>
    void bind_struct(yaml_index row, const std::string& path, const yaml_place& holder, S& out) {
        const yaml_node& node = tree_.at(row);
        expect(node, yaml_kind::map, path, {});
        refuse_unknown<S>(node, path);
        member_binder<S> visit{*this, node, path, holder, out};
        S::fields(visit);
    }

private:
    template <described S>
    struct member_binder {
        binder& to;
        const yaml_node& node;
        const std::string& path;
        const yaml_place& holder;
        S& out;

        template <class M>
        void operator()(M S::* member, const field<scenario::value_of_t<M>>& f) {
            const std::string full = joined(path, f.key);
            const auto entry = std::find_if(node.entries.begin(), node.entries.end(),
                                            [&](const yaml_entry& e) { return e.key == f.key; });
            if (entry == node.entries.end()) {
                if (f.required) to.fail(holder, full, "required key is missing", {}, to.how_to_add(f));
                return;
            }
            to.bind_member(*entry, full, f, out.*member);
        }
        void not_yet(std::string_view) {}
    };

    template <class M>
    void bind_member(const yaml_entry& entry, const std::string& path, const field<scenario::value_of_t<M>>& f,
                     M& out) {
        const yaml_node& node = tree_.at(entry.value);
        positions_[path] = tree_.position(node.at);
        if (node.kind == yaml_kind::null)
            fail(entry.at, path, "has no value", {},
                 std::string{"write a value"} + (f.required ? "" : ", or remove the key"));
        if constexpr (scenario::is_list<M>) {
            expect(node, yaml_kind::list, path, f.example);
            out.clear();
            for (const yaml_index item : node.items) {
                const std::string item_path = path + '.' + std::to_string(out.size());
                if (tree_.at(item).kind == yaml_kind::null)
                    fail(node.at, item_path, "has no value", {}, "write a value, or remove the entry");
                bind_one(item, item_path, tree_.at(item).at, f, out.emplace_back());
            }
        } else if constexpr (scenario::is_optional<M>) {
            if (!f.none.empty() && node.kind == yaml_kind::scalar && node.text == f.none)
                out.reset();
            else
                bind_one(entry.value, path, entry.at, f, out.emplace());
        } else {
            bind_one(entry.value, path, entry.at, f, out);
        }
    }

    template <class T>
    void bind_one(yaml_index row, const std::string& path, const yaml_place& holder, const field<T>& f, T& out) {
        const yaml_node& node = tree_.at(row);
        if (++values_ > max_values) fail(node.at, path, "more than 1000000 values", {}, "use fewer aliases or entries");
        positions_[path] = tree_.position(node.at);
        if constexpr (described<T>) {
            bind_struct(row, path, holder, out);
        } else {
            expect(node, yaml_kind::scalar, path, f.example);
            auto wrong = scenario::read_value(node.text, node.quoted, f, out);
            if (wrong && !f.none.empty()) wrong->remedy += ", or " + std::string{f.none};
            if (!wrong) wrong = scenario::check_range(out, f);
            if (wrong) fail(node.at, path, wrong->what, shown(node.text), wrong->remedy);
        }
    }

    template <described S>
    void refuse_unknown(const yaml_node& node, const std::string& path) const {
        const auto keys = scenario::keys_of<S>();
        for (const yaml_entry& entry : node.entries) {
            const std::string_view key = entry.key;
            if (std::find(keys.known.begin(), keys.known.end(), key) != keys.known.end()) continue;
            const bool reserved = std::find(keys.reserved.begin(), keys.reserved.end(), key) != keys.reserved.end();
            fail(entry.at, joined(path, shown(key)), reserved ? "not supported yet" : "unknown key", shown(key),
                 suggestion(reserved ? std::string_view{} : key, keys.known));
        }
    }

    template <class T>
    static std::string how_to_add(const field<T>& f) {
        std::string remedy = "add it";
        if (!f.example.empty()) remedy += ", such as `" + std::string{f.key} + ": " + std::string{f.example} + '`';
        return remedy;
    }

    void expect(const yaml_node& node, yaml_kind kind, const std::string& path, std::string_view example) const {
        if (node.kind == kind) return;
        const std::string remedy = !example.empty()         ? "write it as in " + std::string{example}
                                   : kind == yaml_kind::map ? "write `key: value` lines"
                                                            : "write it as " + std::string{name_of(kind)};
        fail(node.at, path, "expected " + std::string{name_of(kind)} + ", found " + std::string{name_of(node.kind)},
             shown(node.text), remedy);
    }

    [[noreturn]] void fail(const yaml_place& at, std::string key, std::string what, std::string value,
                           std::string remedy) const {
        refuse(tree_.position(at), std::move(key), std::move(what), std::move(value), std::move(remedy));
    }

    const yaml_tree& tree_;
    std::map<std::string, source_position, std::less<>>& positions_;
    std::size_t values_ = 0;
};

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
        // Aliases share nodes: each node on the way is copied, so that only this path changes.
        yaml_index at = tree_.root = copy_of(tree_.root);
        for (std::size_t from = 0;;) {
            const std::size_t dot = std::min(path_.find('.', from), path_.size());
            const std::string key = path_.substr(from, dot - from);
            if (key.empty()) fail("empty part in the key path", "write keys separated by single dots");
            const bool last = dot == path_.size();
            if (last && tree_.at(value_).kind == yaml_kind::null) return remove(at, key);
            const yaml_index child = make_child(at, key, path_.substr(0, from == 0 ? 0 : from - 1));
            if (last) {
                set_child(at, key, value_);
                return;
            }
            set_child(at, key, child);
            at = child;
            from = dot + 1;
        }
    }

private:
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
    for (const scenario_override& o : overrides) overrider{tree, o}.apply();
    loaded_scenario loaded;
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
    const auto unreadable = [&](const std::string& why) {
        refuse({name, 1, 1}, {}, "the scenario file cannot be read", why, "check the path");
    };
    // A folder would open like a file and fail on its first read.
    std::error_code ignored;
    if (std::filesystem::is_directory(file, ignored)) unreadable("it is a folder");
    errno = 0;
    std::ifstream stream{file, std::ios::binary};
    if (!stream) unreadable(errno != 0 ? std::generic_category().message(errno) : "unknown reason");
    const std::string text{std::istreambuf_iterator<char>{stream}, {}};
    return read_scenario_text(name, text, overrides, file.parent_path());
}

}  // namespace ampacity::io
