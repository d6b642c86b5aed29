#pragma once
/// \file
/// Moves values from a YAML tree into structs along their `fields`, strictly; every fault names its place.

#include "yaml_tree.hpp"

#include <ampacity/core/suggest.hpp>
#include <ampacity/scenario/values.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace ampacity::io {

using scenario::described;
using scenario::fault;
using scenario::field;

inline constexpr std::size_t max_values = 1'000'000;  // bounds what aliases can blow up

/// A value as a message shows it: one line, not too long.
inline std::string shown(std::string_view text) {
    constexpr std::size_t longest = 60;
    std::size_t length = std::min(text.size(), longest);
    // Do not cut inside a UTF-8 sequence.
    while (length < text.size() && length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0U) == 0x80U) --length;
    std::string out{text.substr(0, length)};
    std::replace_if(
        out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
    return length < text.size() ? out + "..." : out;
}

inline std::string_view name_of(yaml_kind kind) {
    switch (kind) {
        case yaml_kind::null: return "nothing";
        case yaml_kind::scalar: return "a single value";
        case yaml_kind::list: return "a list";
        case yaml_kind::map: return "a map";
    }
    return {};
}

[[noreturn]] inline void refuse(source_position where, std::string key, std::string what, std::string value,
                                std::string remedy) {
    throw scenario_error({std::move(where), std::move(key), std::move(what), std::move(value), std::move(remedy)});
}

inline std::string joined(const std::string& path, std::string_view key) {
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
        if constexpr (scenario::may_be_single<M>) {
            if (node.kind != yaml_kind::list) {
                out.clear();
                return bind_one(entry.value, path, entry.at, f, out.emplace_back());
            }
        }
        if constexpr (scenario::is_list<M>) {
            expect(node, yaml_kind::list, path, f.example);
            if (f.never_empty && node.items.empty())
                fail(node.at, path, "an empty list", {}, "write at least one entry, such as " + std::string{f.example});
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
        } else if constexpr (std::same_as<T, scenario::free_options>) {
            expect(node, yaml_kind::map, path, f.example);
            for (const yaml_entry& entry : node.entries) bind_option(entry, joined(path, shown(entry.key)), out);
        } else if constexpr (std::same_as<T, scenario::speed_table>) {
            expect(node, yaml_kind::map, path, f.example);
            for (const yaml_entry& entry : node.entries) bind_speeds(entry, joined(path, shown(entry.key)), out);
        } else {
            expect(node, yaml_kind::scalar, path, f.example);
            auto wrong = scenario::read_value(node.text, node.quoted, f, out);
            if (wrong && !f.none.empty()) wrong->remedy += ", or " + std::string{f.none};
            if (!wrong) wrong = scenario::check_range(out, f);
            if (wrong) fail(node.at, path, wrong->what, shown(node.text), wrong->remedy);
        }
    }

    void bind_option(const yaml_entry& entry, const std::string& path, scenario::free_options& out) {
        const yaml_node& node = tree_.at(entry.value);
        positions_[path] = tree_.position(node.at);
        if (node.kind == yaml_kind::null) fail(entry.at, path, "has no value", {}, "write a value, or remove the key");
        std::string text;
        bind_one(entry.value, path, entry.at, field<std::string>{}, text);
        out.entries.emplace_back(entry.key, std::move(text));
    }

    void bind_speeds(const yaml_entry& entry, const std::string& path, scenario::speed_table& out) {
        const yaml_node& node = tree_.at(entry.value);
        positions_[path] = tree_.position(node.at);
        if (node.kind == yaml_kind::null) fail(entry.at, path, "has no value", {}, "write a map, or remove the key");
        expect(node, yaml_kind::map, path, "{ h100: 1, a100: 0.5 }");
        out.rows.push_back({.model = entry.key});
        for (const yaml_entry& of : node.entries) {
            const std::string full = joined(path, shown(of.key));
            if (tree_.at(of.value).kind == yaml_kind::null)
                fail(of.at, full, "has no value", {}, "write a value, or remove the key");
            double speed = 0;
            bind_one(of.value, full, of.at, field<double>{.min = 0.0, .max = scenario::most_speed}, speed);
            out.rows.back().speeds.emplace_back(of.key, speed);
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

}  // namespace ampacity::io
