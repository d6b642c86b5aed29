#pragma once
/// \file
/// Single values of the files of the hardware catalogue: numbers with their ranges, words, sources and confidences;
/// every fault names its place.

#include "model_schema.hpp"
#include "yaml_binder.hpp"
#include "yaml_tree.hpp"

#include <ampacity/io/catalogue.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::scenario {

template <>
struct names<io::confidence> {
    using E = io::confidence;
    static constexpr std::array known{named<E>{E::measured, "measured"}, named<E>{E::published, "published"},
                                      named<E>{E::derived, "derived"}, named<E>{E::second_hand, "second-hand"},
                                      named<E>{E::assumption, "assumption"}};
};

}  // namespace ampacity::scenario

namespace ampacity::io {

/// One file of a model: its own, or one that it is based on.
struct model_layer {
    yaml_index root = 0;
    std::uint32_t origin = 0;
    std::filesystem::path directory{};             ///< that relative paths start from
    std::map<std::string, std::string> sources{};  ///< ids and texts
};

/// Reads single values out of the layers of a model, and collects their texts.
class model_values {
public:
    /// The layers: its own first.
    model_values(const yaml_tree& tree, const std::vector<model_layer>& layers, model_text& text)
        : tree_{tree}, layers_{layers}, text_{text} {}

    /// Where a key stands, or the nearest that holds it.
    [[nodiscard]] source_position locate(std::string path) const;

    /// That of the map with this key.
    static const yaml_entry* find(const yaml_node& map, std::string_view key);
    /// The same, which must be there.
    const yaml_entry& required(const yaml_node& map, std::string_view key, const yaml_place& holder,
                               const std::string& path, const std::string& example) const;
    const yaml_node& scalar(const yaml_node& node, const yaml_place& holder, const std::string& path) const;
    const yaml_node& scalar(const yaml_entry& entry, const std::string& path) const {
        return scalar(tree_.at(entry.value), entry.at, path);
    }
    void expect(const yaml_node& node, yaml_kind kind, const yaml_place& holder, const std::string& path,
                const std::string& example) const;
    void refuse_unknown(const yaml_node& map, const std::string& path, std::span<const std::string_view> known) const;

    /// Each reads a number; its text.
    std::string read_number(const yaml_entry& entry, const std::string& path, const number_field& f, double& out);
    std::string read_number(const yaml_entry& entry, const std::string& path, const number_field& f, duration& out);
    std::string read_number(const yaml_entry& entry, const std::string& path, const number_field& f,
                            std::uint32_t& out);

    template <class T>
    std::string read_word(const yaml_entry& entry, const std::string& path, T& out) {
        const yaml_node& node = scalar(entry, path);
        note_place(path, entry);
        const auto wrong = scenario::read_value(node.text, node.quoted, scenario::field<T>{}, out);
        if (wrong) fail(node.at, path, wrong->what, shown(node.text), wrong->remedy);
        return node.text;
    }

    /// Source, confidence and note of the map that `holder` holds.
    void read_texts(const yaml_entry& holder, const std::string& path, model_figure& out);

    [[noreturn]] void fail(const yaml_place& at, std::string key, std::string what, std::string value,
                           std::string remedy) const {
        refuse(tree_.position(at), std::move(key), std::move(what), std::move(value), std::move(remedy));
    }

protected:
    /// A figure with these texts.
    model_figure& add_figure(const model_figure& texts, std::string key, std::string_view doc, yaml_index value);
    [[nodiscard]] const model_layer& layer_of(const yaml_place& place) const;
    void note_place(const std::string& path, const yaml_entry& entry) {
        positions_[path] = tree_.position(tree_.at(entry.value).at);
    }

    const yaml_tree& tree_;
    const std::vector<model_layer>& layers_;
    model_text& text_;

private:
    void check(const yaml_node& node, const std::string& path, std::optional<fault> wrong, double value,
               const number_field& f, std::string_view unit) const;
    void read_source(const yaml_node& node, const std::string& path, const model_layer& layer, model_figure& out) const;

    std::map<std::string, source_position, std::less<>> positions_;
};

}  // namespace ampacity::io
