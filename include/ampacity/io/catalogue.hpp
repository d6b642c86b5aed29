#pragma once
/// \file
/// The catalogue: models of accelerators, nodes, racks, what feeds, cools and breaks them, and of language models, from
/// YAML files in which each number has a unit, a source and a confidence.
///
/// A model is named as `io::find_models` finds it, or by a path that ends in `.yaml`. Models that a model refers to are
/// read with it; one that is `based_on` another takes over what it does not say itself. Functions without state but the
/// environment (see models.hpp); each call reads the files anew.

#include <ampacity/core/error.hpp>
#include <ampacity/hardware/accelerator.hpp>
#include <ampacity/hardware/cooling.hpp>
#include <ampacity/hardware/network.hpp>
#include <ampacity/hardware/node.hpp>
#include <ampacity/hardware/power.hpp>
#include <ampacity/hardware/rack.hpp>
#include <ampacity/hardware/region.hpp>
#include <ampacity/hardware/reliability.hpp>
#include <ampacity/io/models.hpp>
#include <ampacity/llm/efficiency.hpp>
#include <ampacity/llm/inference_efficiency.hpp>
#include <ampacity/llm/model.hpp>
#include <ampacity/scenario/units.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::io {

/// The kinds of hardware models, those that others are made of first.
enum class model_kind : std::uint8_t {
    accelerator,
    network_tier,
    power_device,
    power_topology,
    hall,
    cap_control,
    node,
    rack,
    block,
    cooling,
    region,
    reliability,
    llm,
    efficiency,
    inference_efficiency,
};

/// What is said of a kind.
struct model_kind_description {
    model_kind kind{};
    std::string_view name;    ///< "rack": a file begins with `ampacity-rack: 1`
    std::string_view plural;  ///< "racks": what `ampacity list` takes
    std::string_view folder;  ///< below the directories of models
    std::string_view text;    ///< what it is, a phrase
};
/// All kinds, in the order of `model_kind`.
[[nodiscard]] std::span<const model_kind_description> model_kinds() noexcept;
/// The row of one.
[[nodiscard]] const model_kind_description& describe(model_kind kind) noexcept;

/// How far a number can be trusted, the firmest first.
enum class confidence : std::uint8_t {
    measured,     ///< read out of a real system or trace
    published,    ///< by the maker, the operator or a paper
    derived,      ///< computed from numbers of the first two kinds
    second_hand,  ///< told by others: press, analysts, notes without a reference
    assumption,   ///< nobody's number: an engineer's usual value
};
/// "measured", ..., "second-hand", "assumption".
[[nodiscard]] std::string_view name_of(confidence c) noexcept;
/// What it means, a phrase.
[[nodiscard]] std::string_view meaning_of(confidence c) noexcept;

/// Where a number comes from.
struct figure_source {
    std::string id;    ///< as the file calls it
    std::string text;  ///< who says so, with an address
    std::string file;  ///< that has the number

    friend bool operator==(const figure_source&, const figure_source&) = default;
};

/// One number of a model, or a few that belong together such as a curve, as its file has it.
struct model_figure {
    std::string key;    ///< key path, such as "power.idle"
    std::string value;  ///< with its unit, as it was written
    std::string range;  ///< "176 W .. 180 W", empty: none is given
    std::string doc;    ///< what it means, a phrase
    confidence trust = confidence::assumption;
    std::vector<figure_source> sources;  ///< at least one
    std::string note;                    ///< empty: none
    source_position where;               ///< of the value
};

/// A number that follows from a model and its parts.
struct model_total {
    std::string key;
    double value = 0;                       ///< in the base of its dimension
    std::optional<scenario::dimension> of;  ///< none: a count or a ratio
    std::string doc;                        ///< how it follows
    /// As a text with its unit, to about 4 digits.
    [[nodiscard]] std::string text() const;
};

/// A number that was published for the whole, beside the one that follows from the parts.
struct published_total {
    std::string key;       ///< of a `model_total`
    double value = 0;      ///< in the base of its dimension
    double tolerance = 0;  ///< largest relative difference that is explained by rounding
    model_figure figure;   ///< its texts
};

/// Another model that this one is made of.
struct model_part {
    std::string key;  ///< key path
    std::uint32_t count = 1;
    model_kind kind{};
    std::string name;
    std::string doc;
};

/// All texts of a model.
struct model_text {
    model_kind kind{};
    std::string name;
    std::string doc;                                         ///< what it is, a phrase
    std::string based_on;                                    ///< empty: nothing
    std::vector<model_figure> figures;                       ///< in the order of the schema
    std::vector<std::pair<std::string, std::string>> words;  ///< keys and values without source
    std::vector<model_part> parts;
    std::vector<model_total> totals;
    std::vector<published_total> published;
    std::vector<model_file> files;  ///< its own first, then those it was read with
};

/// A model with its texts.
template <class T>
struct model {
    T value{};
    model_text text;
};

/// The kind of a struct.
template <class T>
inline constexpr model_kind kind_of = [] {
    static_assert(sizeof(T) == 0, "not one of the kinds");
    return model_kind{};
}();
template <>
inline constexpr model_kind kind_of<hardware::accelerator> = model_kind::accelerator;
template <>
inline constexpr model_kind kind_of<hardware::network_tier> = model_kind::network_tier;
template <>
inline constexpr model_kind kind_of<hardware::power_device> = model_kind::power_device;
template <>
inline constexpr model_kind kind_of<hardware::power_topology> = model_kind::power_topology;
template <>
inline constexpr model_kind kind_of<hardware::hall> = model_kind::hall;
template <>
inline constexpr model_kind kind_of<hardware::cap_control> = model_kind::cap_control;
template <>
inline constexpr model_kind kind_of<hardware::node> = model_kind::node;
template <>
inline constexpr model_kind kind_of<hardware::rack> = model_kind::rack;
template <>
inline constexpr model_kind kind_of<hardware::block> = model_kind::block;
template <>
inline constexpr model_kind kind_of<hardware::cooling> = model_kind::cooling;
template <>
inline constexpr model_kind kind_of<hardware::region> = model_kind::region;
template <>
inline constexpr model_kind kind_of<hardware::reliability> = model_kind::reliability;
template <>
inline constexpr model_kind kind_of<llm::model> = model_kind::llm;
template <>
inline constexpr model_kind kind_of<llm::training_efficiency> = model_kind::efficiency;
template <>
inline constexpr model_kind kind_of<llm::inference_efficiency> = model_kind::inference_efficiency;

/// The model of this name, or of this file if the name ends in `.yaml`; a relative path starts at `directory`. A name
/// that nothing has is a fault of `key` at `where`, if they are given. \throws scenario_error
template <class T>
[[nodiscard]] model<T> read_model(std::string_view name, const std::filesystem::path& directory = {},
                                  const source_position& where = {}, const std::string& key = {});

/// A model from its text; `origin` is its file in messages and need not exist. \throws scenario_error
template <class T>
[[nodiscard]] model<T> read_model_text(const std::string& origin, std::string_view text,
                                       const std::filesystem::path& directory = {});

/// The texts of a model of any kind. \throws scenario_error
[[nodiscard]] model_text read_model_text(model_kind kind, const std::filesystem::path& file);

/// The kind that the first keys of a file say. \throws scenario_error
[[nodiscard]] model_kind kind_of_file(const std::filesystem::path& file);

/// One key of the files of a kind.
struct model_key {
    std::string path;     ///< `N` stands for any index of a list
    std::string type;     ///< "power", "duration", "number", "whole number", "text", ...
    std::string example;  ///< units, or the words that it takes
    bool required = false;
    std::string doc;
};
/// The keys of a kind, in the order of the schema, without those that every file has.
[[nodiscard]] std::vector<model_key> model_keys(model_kind kind);

}  // namespace ampacity::io
