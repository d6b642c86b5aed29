#pragma once
/// \file
/// Moves numbers from the layers of a model into structs along their `schema`, strictly.

#include "llm_schema.hpp"
#include "model_values.hpp"
#include "plant_schema.hpp"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::io {

/// Collects the keys of one map.
struct schema_keys {
    std::vector<std::string_view> known;

    template <class M>
    void number(M, const number_field& f) {
        known.push_back(f.key);
    }
    template <class M>
    void word(M, const word_field& f) {
        known.push_back(f.key);
    }
    template <class M>
    void group(M, const word_field& f) {
        known.push_back(f.key);
    }
    template <class M>
    void record(M, const word_field& f) {
        known.push_back(f.key);
    }
    template <class M, class C>
    void part(M, C, const word_field& f) {
        known.push_back(f.key);
    }
    template <class M>
    void parts(M, const word_field& f) {
        known.push_back(f.key);
    }
    template <class M, class X, class Y>
    void points(M, X, Y, const points_field& f) {
        known.push_back(f.key);
    }
};

/// The model that a text names, read for a key that stands at `where`. Relative paths start at `directory`.
template <class T>
model<T> read_named_model(std::string_view name, const std::filesystem::path& directory, const source_position& where,
                          const std::string& key);

/// Moves numbers from the layers of a model into its struct.
class model_binder : public model_values {
public:
    using model_values::model_values;

    /// \p more keys are known to every kind.
    template <class S>
    void bind(S& out, std::span<const std::string_view> more) {
        rows maps;
        for (const model_layer& layer : layers_) maps.push_back(layer.root);
        bind_group(maps, {}, tree_.at(maps.front()).at, out, more);
    }

private:
    using rows = std::vector<yaml_index>;  ///< the same map in several layers, the own one first

    static constexpr const char* figure_example = "{ value: 178 W, source: smi, confidence: measured }";

    template <class T>
    static T& slot(T& member) {
        return member;
    }
    template <class T>
    static T& slot(std::optional<T>& member) {
        return member.emplace();
    }

    template <class S>
    void bind_group(const rows& maps, const std::string& path, const yaml_place& holder, S& out,
                    std::span<const std::string_view> more = {}) {
        schema_keys keys;
        schema<S>::walk(keys);
        keys.known.insert(keys.known.end(), more.begin(), more.end());
        for (const yaml_index row : maps) refuse_unknown(tree_.at(row), path, keys.known);
        group_visitor<S> visit{*this, maps, path, holder, out};
        schema<S>::walk(visit);
    }

    template <class S>
    struct group_visitor {
        model_binder& to;
        const rows& maps;
        const std::string& path;
        const yaml_place& holder;
        S& out;

        template <class M>
        void number(M S::* member, const number_field& f) {
            if (const yaml_entry* const e = entry<M>(f.key, figure_example))
                to.bind_figure(*e, joined(path, f.key), f, slot(out.*member));
        }
        template <class M>
        void word(M S::* member, const word_field& f) {
            if (const yaml_entry* const e = entry<M>(f.key, "a word"))
                to.text_.words.emplace_back(joined(path, f.key),
                                            to.read_word(*e, joined(path, f.key), slot(out.*member)));
        }
        template <class M>
        void group(M S::* member, const word_field& f) {
            const yaml_entry* const first = entry<M>(f.key, "a map");
            if (first == nullptr) return;
            const std::string full = joined(path, f.key);
            rows inner;
            for (const yaml_index row : maps) {
                const yaml_entry* const e = find(to.tree_.at(row), f.key);
                if (e == nullptr) continue;
                to.expect(to.tree_.at(e->value), yaml_kind::map, e->at, full, "`key: value` lines");
                inner.push_back(e->value);
            }
            to.note_place(full, *first);
            to.bind_group(inner, full, first->at, slot(out.*member));
        }
        template <class M>
        void record(M S::* member, const word_field& f) {
            if (const yaml_entry* const e = entry<M>(f.key, "{ ..., source: smi, confidence: measured }"))
                to.bind_record(*e, joined(path, f.key), joined(path, f.key), slot(out.*member));
        }
        template <class M, class C>
        void part(M S::* member, C count, const word_field& f) {
            const std::string full = joined(path, f.key);
            const yaml_entry* const e = entry<M>(f.key, "the name of a model");
            if (e == nullptr) return;
            if constexpr (std::same_as<C, std::nullptr_t>)
                to.bind_part(*e, full, slot(out.*member));
            else
                to.bind_counted_part(*e, full, slot(out.*member), out.*count);
        }
        template <class M>
        void parts(std::vector<M> S::* member, const word_field& f) {
            if (const yaml_entry* const e = entry<std::vector<M>>(f.key, "[a, b]"))
                to.bind_parts(*e, joined(path, f.key), out.*member);
        }

    private:
        /// That of the first layer which has it.
        template <class M>
        const yaml_entry* entry(std::string_view key, const std::string& example) const {
            for (const yaml_index row : maps) {
                if (const yaml_entry* const e = find(to.tree_.at(row), key)) return e;
            }
            if constexpr (!scenario::is_optional<M> && !scenario::is_list<M> &&
                          !std::same_as<M, hardware::efficiency_curve>)
                to.fail(holder, joined(path, key), "required key is missing", {},
                        "add it, such as `" + std::string{key} + ": " + example + '`');
            return nullptr;
        }
    };

    template <class R>
    struct record_visitor {
        model_binder& to;
        const yaml_entry& holder;
        const std::string& path;
        const std::string& label;
        const model_figure& texts;
        R& out;

        template <class M>
        void number(M R::* member, const number_field& f) {
            if (const yaml_entry* const e = entry<M>(f.key)) {
                model_figure& figure = to.add_figure(texts, joined(label, f.key), f.doc, e->value);
                figure.value = to.read_number(*e, joined(path, f.key), f, slot(out.*member));
            }
        }
        template <class M>
        void word(M R::* member, const word_field& f) {
            if (const yaml_entry* const e = entry<M>(f.key)) {
                std::string text = to.read_word(*e, joined(path, f.key), slot(out.*member));
                if (f.key != "name")
                    to.add_figure(texts, joined(label, f.key), f.doc, e->value).value = std::move(text);
            }
        }
        template <class P, class X, class Y>
        void points(std::vector<P> R::* member, X P::* x, Y P::* y, const points_field& f) {
            const yaml_entry& e = to.required(map(), f.key, holder.at, path, "points: [[50 %, 99 %], [100 %, 98 %]]");
            model_figure& figure = to.add_figure(texts, label, f.doc, e.value);
            figure.value = to.bind_points(e, joined(path, f.key), f, out.*member, x, y);
        }

    private:
        [[nodiscard]] const yaml_node& map() const { return to.tree_.at(holder.value); }
        template <class M>
        const yaml_entry* entry(std::string_view key) const {
            if constexpr (scenario::is_optional<M>)
                return find(map(), key);
            else
                return &to.required(map(), key, holder.at, path, std::string{key} + ": ...");
        }
    };

    template <class N>
    void bind_figure(const yaml_entry& entry, const std::string& path, const number_field& f, N& out) {
        static constexpr std::array<std::string_view, 5> known{"value", "range", "source", "confidence", "note"};
        const yaml_node& map = tree_.at(entry.value);
        expect(map, yaml_kind::map, entry.at, path, figure_example);
        refuse_unknown(map, path, known);
        const yaml_entry& value = required(map, "value", entry.at, path, "value: 178 W");
        model_figure texts;
        read_texts(entry, path, texts);
        model_figure& figure = add_figure(texts, path, f.doc, value.value);
        note_place(path, value);
        figure.value = read_number(value, path + ".value", f, out);
        if (const yaml_entry* const range = find(map, "range"))
            figure.range = read_range(*range, path + ".range", f, out);
    }

    template <class N>
    std::string read_range(const yaml_entry& entry, const std::string& path, const number_field& f, const N& value) {
        const yaml_node& list = tree_.at(entry.value);
        expect(list, yaml_kind::list, entry.at, path, "[176 W, 180 W]");
        if (list.items.size() != 2)
            fail(list.at, path, "not two values", std::to_string(list.items.size()), "write the least and the most");
        N least{};
        N most{};
        const std::string from = read_number({{}, list.at, list.items[0]}, path + ".0", f, least);
        const std::string to = read_number({{}, list.at, list.items[1]}, path + ".1", f, most);
        if (!(least <= value && value <= most))
            fail(list.at, path, "does not hold the value", from + " .. " + to, "write the least and the most of it");
        return from + " .. " + to;
    }

    template <class R>
    void bind_record(const yaml_entry& entry, const std::string& path, const std::string& label, R& out) {
        schema_keys keys;
        schema<R>::walk(keys);
        keys.known.insert(keys.known.end(), {"source", "confidence", "note"});
        const yaml_node& map = tree_.at(entry.value);
        expect(map, yaml_kind::map, entry.at, path, "{ ..., source: smi, confidence: measured }");
        refuse_unknown(map, path, keys.known);
        note_place(path, entry);
        model_figure texts;
        read_texts(entry, path, texts);
        record_visitor<R> visit{*this, entry, path, label, texts, out};
        schema<R>::walk(visit);
    }

    template <class R>
    void bind_record(const yaml_entry& entry, const std::string& path, const std::string& label, std::vector<R>& out) {
        const yaml_node& list = tree_.at(entry.value);
        expect(list, yaml_kind::list, entry.at, path, "a list of maps");
        for (std::size_t i = 0; i < list.items.size(); ++i) {
            const yaml_node& item = tree_.at(list.items[i]);
            const yaml_entry* const name = item.kind == yaml_kind::map ? find(item, "name") : nullptr;
            const std::string called = name != nullptr ? shown(tree_.at(name->value).text) : std::to_string(i);
            bind_record({{}, item.at, list.items[i]}, path + '.' + std::to_string(i), joined(label, called),
                        out.emplace_back());
        }
    }

    template <class P, class X, class Y>
    std::string bind_points(const yaml_entry& entry, const std::string& path, const points_field& f,
                            std::vector<P>& out, X P::* x, Y P::* y) {
        static const std::string example = "[[50 %, 99 %], [100 %, 98 %]]";
        const yaml_node& list = tree_.at(entry.value);
        expect(list, yaml_kind::list, entry.at, path, example);
        note_place(path, entry);
        std::string text;
        for (std::size_t i = 0; i < list.items.size(); ++i) {
            const std::string full = path + '.' + std::to_string(i);
            const yaml_node& pair = tree_.at(list.items[i]);
            expect(pair, yaml_kind::list, pair.at, full, example);
            if (pair.items.size() != 2)
                fail(pair.at, full, "not two values", std::to_string(pair.items.size()), "write it as in " + example);
            P& point = out.emplace_back();
            text += text.empty() ? "" : ", ";
            text += read_number({{}, pair.at, pair.items[0]}, full + ".0", {.key = {}, .doc = {}, .of = f.x}, point.*x);
            text += ": ";
            text += read_number({{}, pair.at, pair.items[1]}, full + ".1",
                                {.key = {}, .doc = {}, .of = f.y, .min = f.least_y}, point.*y);
            if (i != 0 && !(out[i - 1].*x < point.*x))
                fail(pair.at, full, "not above the point before", shown(tree_.at(pair.items[0]).text),
                     "write the points by rising load");
        }
        if (out.empty()) fail(list.at, path, "an empty list", {}, "write it as in " + example);
        return text;
    }

    template <class P>
    void bind_part(const yaml_entry& entry, const std::string& path, P& out, std::uint32_t count = 1) {
        const yaml_node& name = scalar(entry, path);
        note_place(path, entry);
        auto part = read_named_model<P>(name.text, layer_of(name.at).directory, tree_.position(name.at), path);
        out = std::move(part.value);
        text_.parts.push_back({path, count, kind_of<P>, part.text.name, part.text.doc});
        for (model_file& file : part.text.files) {
            if (std::none_of(text_.files.begin(), text_.files.end(),
                             [&](const model_file& known) { return known.path == file.path; }))
                text_.files.push_back(std::move(file));
        }
    }

    template <class P>
    void bind_counted_part(const yaml_entry& entry, const std::string& path, P& out, std::uint32_t& count) {
        static constexpr std::array<std::string_view, 5> known{"model", "count", "source", "confidence", "note"};
        static const std::string example = "{ model: gb300, count: 4, source: guide, confidence: published }";
        const yaml_node& map = tree_.at(entry.value);
        expect(map, yaml_kind::map, entry.at, path, example);
        refuse_unknown(map, path, known);
        model_figure texts;
        read_texts(entry, path, texts);
        const yaml_entry& number = required(map, "count", entry.at, path, example);
        model_figure& figure = add_figure(texts, path + ".count", "how many of it", number.value);
        figure.value = read_number(number, path + ".count", {.key = {}, .doc = {}, .min = 1, .max = 1000}, count);
        bind_part(required(map, "model", entry.at, path, example), path + ".model", out, count);
    }

    template <class P>
    void bind_parts(const yaml_entry& entry, const std::string& path, std::vector<P>& out) {
        const yaml_node& list = tree_.at(entry.value);
        expect(list, yaml_kind::list, entry.at, path, "[ups-double-conversion, busway-415v]");
        if (list.items.size() > 100)
            fail(list.at, path, "too many", std::to_string(list.items.size()), "write at most 100");
        for (std::size_t i = 0; i < list.items.size(); ++i)
            bind_part({{}, tree_.at(list.items[i]).at, list.items[i]}, path + '.' + std::to_string(i),
                      out.emplace_back());
    }
};

}  // namespace ampacity::io
