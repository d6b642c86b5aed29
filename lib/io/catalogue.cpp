#include "model_binder.hpp"
#include "model_checks.hpp"
#include "model_totals.hpp"
#include "text_file.hpp"
#include "yaml_binder.hpp"
#include "yaml_tree.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/xxh64.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <system_error>

namespace ampacity::io {
namespace fs = std::filesystem;

namespace {

constexpr std::array kinds{
    model_kind_description{model_kind::accelerator, "accelerator", "accelerators", "accelerators", "a GPU"},
    model_kind_description{model_kind::network_tier, "network", "networks", "networks",
                           "an NVLink domain, rails of NICs or the fabric of a cloud"},
    model_kind_description{model_kind::power_device, "power-device", "power-devices", "power/devices",
                           "a device between the utility and the chip"},
    model_kind_description{model_kind::power_topology, "power-topology", "power-topologies", "power/topologies",
                           "how sources of power stand in for each other"},
    model_kind_description{model_kind::hall, "hall", "halls", "power/halls",
                           "rows of racks behind one group of sources"},
    model_kind_description{model_kind::cap_control, "cap-control", "cap-controls", "power/controls",
                           "a way to lower the power of loads"},
    model_kind_description{model_kind::node, "node", "nodes", "nodes", "a server, a compute tray or an instance"},
    model_kind_description{model_kind::rack, "rack", "racks", "racks", "nodes behind common power shelves"},
    model_kind_description{model_kind::block, "block", "blocks", "blocks", "a scalable unit of racks"},
    model_kind_description{model_kind::cooling, "cooling", "cooling", "cooling", "a way to cool a hall"},
    model_kind_description{model_kind::region, "region", "regions", "regions",
                           "grid, price, climate and water of a place"},
    model_kind_description{model_kind::reliability, "reliability", "reliability", "reliability",
                           "failures, repairs and spares"},
    model_kind_description{model_kind::llm, "llm", "llms", "llms", "a language model"},
    model_kind_description{model_kind::efficiency, "efficiency", "efficiencies", "calibration",
                           "what training reaches of peaks, as fitted to measured steps"},
    model_kind_description{model_kind::inference_efficiency, "inference-efficiency", "inference-efficiencies",
                           "calibration/inference",
                           "what inference reaches of peaks, as fitted to measured deployments"},
};

constexpr std::array<std::string_view, 4> header_keys{"name", "doc", "based_on", "sources"};

std::string key_of(model_kind kind) { return "ampacity-" + std::string{describe(kind).name}; }

/// A file of a model before it is parsed.
struct model_source {
    std::string origin;  ///< in messages
    std::string text;
    fs::path directory;  ///< that relative paths start from
    std::string stem;    ///< what its name must be; empty: anything
};

/// The file that a name or path stands for.
fs::path file_of(model_kind kind, std::string_view name, const fs::path& directory, const source_position& where,
                 const std::string& key) {
    if (name.ends_with(".yaml")) return directory / name;
    const auto models = find_models(describe(kind).folder);
    std::vector<std::string_view> known;
    for (const model_location& m : models) {
        if (m.name == name) return m.file;
        known.push_back(m.name);
    }
    refuse(where, key, "no such " + std::string{describe(kind).name}, shown(name),
           known.empty() ? "there are none: set AMPACITY_MODELS to the folder of the models" : suggestion(name, known));
}

model_source load(model_kind kind, const fs::path& file, const source_position& where, const std::string& key) {
    auto content = read_text_file(file);
    if (!content.error.empty())
        refuse(where, key, "the file of the " + std::string{describe(kind).name} + " cannot be read", file.string(),
               "check the path; " + content.error);
    return {file.string(), std::move(content.text), file.parent_path(), file.stem().string()};
}

/// The files of one model: its own and those it is based on.
class layered_model {
public:
    layered_model(model_kind kind, const model_source& own) : kind_{kind} {
        text_.kind = kind;
        add(own);
    }

    template <class T>
    model<T> bind() {
        model<T> out;
        binder_ = std::make_unique<model_binder>(tree_, layers_, text_);
        std::vector<std::string_view> more(header_keys.begin(), header_keys.end());
        const std::string head = key_of(kind_);
        more.push_back(head);
        more.push_back("published");
        binder_->bind(out.value, more);
        out.value.name = text_.name;
        check_model(out.value, [this](const std::string& path, const char* what, const char* remedy) {
            refuse(binder_->locate(path), path, what, {}, remedy);
        });
        text_.totals = totals(out.value);
        read_published();
        out.text = std::move(text_);
        return out;
    }

private:
    [[noreturn]] void fail(const yaml_place& at, std::string key, std::string what, std::string value,
                           std::string remedy) const {
        refuse(tree_.position(at), std::move(key), std::move(what), std::move(value), std::move(remedy));
    }

    void add(const model_source& source) {
        std::error_code ignored;
        const std::string file = fs::weakly_canonical(source.origin, ignored).string();
        xxh64 hash;
        hash.update(source.text);
        text_.files.push_back({source.origin, hash.digest()});
        model_layer layer;
        layer.root = parse_yaml(tree_, source.origin, source.text, yaml_places::lines);
        layer.origin = static_cast<std::uint32_t>(tree_.origins.size() - 1);
        layer.directory = source.directory;
        const yaml_node& root = tree_.at(layer.root);
        if (root.kind != yaml_kind::map)
            fail({layer.origin, 1, 1}, {}, "not a map", {}, "begin with `" + key_of(kind_) + ": 1`");
        check_head(root);
        const std::string name = text_of(root, "name", source.stem.empty() ? "mine" : source.stem);
        if (!source.stem.empty() && name != source.stem)
            fail(tree_.at(model_binder::find(root, "name")->value).at, "name", "not the name of the file", shown(name),
                 "write " + source.stem);
        const std::string doc = text_of(root, "doc", "\"what it is, in a phrase\"");
        read_sources(root, layer);
        chain_.push_back({file, name});
        if (layers_.empty()) {
            text_.name = name;
            text_.doc = doc;
        }
        layers_.push_back(std::move(layer));
        add_base(root, source);
    }

    void add_base(const yaml_node& root, const model_source& source) {
        const yaml_entry* const base = model_binder::find(root, "based_on");
        if (base == nullptr) return;
        const std::string name = text_of(root, "based_on", "gb300-nvl72");
        const source_position where = tree_.position(tree_.at(base->value).at);
        if (chain_.size() == 1) text_.based_on = name;
        const fs::path file = file_of(kind_, name, source.directory, where, "based_on");
        std::error_code ignored;
        const std::string canonical = fs::weakly_canonical(file, ignored).string();
        if (std::any_of(chain_.begin(), chain_.end(), [&](const link& l) { return l.file == canonical; })) {
            std::string way;
            for (const link& l : chain_) way += l.name + " -> ";
            refuse(where, "based_on", "a model that is based on itself", way + shown(name),
                   "name a model that does not lead back here");
        }
        add(load(kind_, file, where, "based_on"));
    }

    void check_head(const yaml_node& root) const {
        const std::string head = key_of(kind_);
        const yaml_entry* const given = model_binder::find(root, head);
        if (given == nullptr) {
            for (const auto& other : kinds) {
                const yaml_entry* const e = model_binder::find(root, "ampacity-" + std::string{other.name});
                if (e != nullptr)
                    fail(e->at, e->key, "a file of another kind", std::string{other.name},
                         "name a " + std::string{describe(kind_).name} + " here");
            }
            fail(root.at, head, "required key is missing", {}, "add it, such as `" + head + ": 1`");
        }
        const yaml_node& version = tree_.at(given->value);
        if (version.kind != yaml_kind::scalar || version.text != "1")
            fail(given->at, head, "not supported", shown(version.text), "write 1");
    }

    std::string text_of(const yaml_node& root, std::string_view key, const std::string& example) const {
        const yaml_entry* const entry = model_binder::find(root, key);
        if (entry == nullptr)
            fail(root.at, std::string{key}, "required key is missing", {},
                 "add it, such as `" + std::string{key} + ": " + example + '`');
        const yaml_node& node = tree_.at(entry->value);
        if (node.kind != yaml_kind::scalar || node.text.empty())
            fail(entry->at, std::string{key}, "expected a text", {}, "write it as in " + example);
        std::string out;
        if (const auto wrong = scenario::read_value(node.text, node.quoted, scenario::field<std::string>{}, out))
            fail(node.at, std::string{key}, wrong->what, shown(node.text), wrong->remedy);
        return out;
    }

    void read_sources(const yaml_node& root, model_layer& layer) const {
        const yaml_entry* const entry = model_binder::find(root, "sources");
        if (entry == nullptr) return;
        const yaml_node& map = tree_.at(entry->value);
        if (map.kind != yaml_kind::map)
            fail(entry->at, "sources", "expected a map", {}, "write lines such as `smi: \"a capture, https://...\"`");
        for (const yaml_entry& source : map.entries) {
            const yaml_node& text = tree_.at(source.value);
            if (text.kind != yaml_kind::scalar || text.text.empty())
                fail(source.at, "sources." + shown(source.key), "expected a text", {}, "write who says so, and where");
            layer.sources.emplace(source.key, text.text);
        }
    }

    /// The list `published` of the model's own file.
    void read_published() {
        const yaml_entry* const entry = model_binder::find(tree_.at(layers_.front().root), "published");
        if (entry == nullptr) return;
        const yaml_node& list = tree_.at(entry->value);
        binder_->expect(list, yaml_kind::list, entry->at, "published", "a list of maps");
        for (std::size_t i = 0; i < list.items.size(); ++i)
            read_published({{}, tree_.at(list.items[i]).at, list.items[i]}, "published." + std::to_string(i));
    }

    void read_published(const yaml_entry& item, const std::string& path) {
        static constexpr std::array<std::string_view, 6> known{"total",  "value",      "tolerance",
                                                               "source", "confidence", "note"};
        static const std::string example =
            "{ total: memory, value: 20.7 TB, tolerance: 0.5 %, source: sheet, confidence: published }";
        const yaml_node& map = tree_.at(item.value);
        binder_->expect(map, yaml_kind::map, item.at, path, example);
        binder_->refuse_unknown(map, path, known);
        published_total out;
        const yaml_node& key =
            binder_->scalar(binder_->required(map, "total", item.at, path, example), path + ".total");
        std::vector<std::string_view> names;
        const model_total* of = nullptr;
        for (const model_total& t : text_.totals) {
            names.push_back(t.key);
            if (t.key == key.text) of = &t;
        }
        if (of == nullptr)
            fail(key.at, path + ".total", "nothing that follows from the parts", shown(key.text),
                 names.empty() ? "remove it: no totals follow here" : suggestion(key.text, names));
        out.key = of->key;
        out.value = number_of(map, item, path, "value", of->of, out.figure);
        model_figure ignored;
        out.tolerance = number_of(map, item, path, "tolerance", scenario::dimension::share, ignored);
        binder_->read_texts(item, path, out.figure);
        out.figure.key = out.key;
        out.figure.doc = of->doc;
        text_.published.push_back(std::move(out));
    }

    double number_of(const yaml_node& map, const yaml_entry& item, const std::string& path, std::string_view key,
                     std::optional<scenario::dimension> of, model_figure& figure) const {
        const std::string full = joined(path, key);
        const yaml_node& node = binder_->scalar(binder_->required(map, key, item.at, path, "a number"), full);
        double value = 0;
        const auto wrong = of ? scenario::parse_quantity(node.text, *of, value) : scenario::parse(node.text, value);
        if (wrong) fail(node.at, full, wrong->what, shown(node.text), wrong->remedy);
        figure.value = node.text;
        figure.where = tree_.position(node.at);
        return value;
    }

    struct link {
        std::string file;  ///< canonical
        std::string name;
    };

    model_kind kind_;
    yaml_tree tree_;
    std::vector<model_layer> layers_;
    std::vector<link> chain_;
    model_text text_;
    std::unique_ptr<model_binder> binder_;
};

/// Collects the keys of a kind.
class key_lister {
public:
    key_lister(std::vector<model_key>& out, std::string prefix) : out_{out}, prefix_{std::move(prefix)} {}

    template <class S, class M>
    void number(M S::*, const number_field& f) {
        using N = scenario::value_of_t<M>;
        if constexpr (std::same_as<N, duration>)
            add<M>(f, "duration", std::string{scenario::example_of(scenario::dimension::time)});
        else if constexpr (std::same_as<N, std::uint32_t>)
            add<M>(f, "whole number", {});
        else
            add<M>(f, f.of ? std::string{without_article(scenario::name_of(*f.of))} : "number",
                   f.of ? std::string{scenario::example_of(*f.of)} : "");
    }
    template <class S, class M>
    void word(M S::*, const word_field& f) {
        using W = scenario::value_of_t<M>;
        add<M>(f, std::string{scenario::type_name<W>()}, scenario::range_text(scenario::field<W>{}));
    }
    template <class S, class M>
    void group(M S::*, const word_field& f) {
        inner<scenario::value_of_t<M>>(f, "");
    }
    template <class S, class M>
    void record(M S::*, const word_field& f) {
        inner<scenario::value_of_t<M>>(f, scenario::is_list<M> ? ".N" : "");
    }
    template <class S, class M, class C>
    void part(M S::*, C, const word_field& f) {
        using P = scenario::value_of_t<M>;
        const std::string kind{describe(kind_of<P>).name};
        if constexpr (std::same_as<C, std::nullptr_t>) {
            add<M>(f, kind, {});
        } else {
            add<M>(entry{std::string{f.key} + ".model", std::string{f.doc}}, kind, {});
            add<M>(entry{std::string{f.key} + ".count", "how many of it"}, "whole number", {});
        }
    }
    template <class S, class M>
    void parts(std::vector<M> S::*, const word_field& f) {
        add<std::vector<M>>(f, "list of " + std::string{describe(kind_of<M>).plural}, {});
    }
    template <class R, class P, class X, class Y>
    void points(std::vector<P> R::*, X P::*, Y P::*, const points_field& f) {
        add<int>(entry{std::string{f.key}, std::string{f.doc}}, "list of pairs", "[[50 %, 99 %], [100 %, 98 %]]");
    }

private:
    struct entry {
        std::string key;
        std::string doc;
        entry(std::string k, std::string d) : key{std::move(k)}, doc{std::move(d)} {}
        entry(const number_field& f) : key{f.key}, doc{f.doc} {}
        entry(const word_field& f) : key{f.key}, doc{f.doc} {}
    };

    static std::string_view without_article(std::string_view name) { return name.substr(name.find(' ') + 1); }

    template <class M>
    void add(const entry& e, std::string type, std::string example) {
        const bool required = !scenario::is_optional<M> && !scenario::is_list<M>;
        out_.push_back({prefix_ + e.key, std::move(type), std::move(example), required, e.doc});
    }
    template <class S>
    void inner(const word_field& f, const std::string& index) {
        key_lister list{out_, prefix_ + std::string{f.key} + index + '.'};
        schema<S>::walk(list);
    }

    std::vector<model_key>& out_;
    std::string prefix_;
};

/// Calls `f` with a null pointer to the struct of a kind.
template <class F>
auto with_struct(model_kind kind, F f) {
    switch (kind) {
        case model_kind::accelerator: return f(static_cast<hardware::accelerator*>(nullptr));
        case model_kind::network_tier: return f(static_cast<hardware::network_tier*>(nullptr));
        case model_kind::power_device: return f(static_cast<hardware::power_device*>(nullptr));
        case model_kind::power_topology: return f(static_cast<hardware::power_topology*>(nullptr));
        case model_kind::hall: return f(static_cast<hardware::hall*>(nullptr));
        case model_kind::cap_control: return f(static_cast<hardware::cap_control*>(nullptr));
        case model_kind::node: return f(static_cast<hardware::node*>(nullptr));
        case model_kind::rack: return f(static_cast<hardware::rack*>(nullptr));
        case model_kind::block: return f(static_cast<hardware::block*>(nullptr));
        case model_kind::cooling: return f(static_cast<hardware::cooling*>(nullptr));
        case model_kind::region: return f(static_cast<hardware::region*>(nullptr));
        case model_kind::reliability: return f(static_cast<hardware::reliability*>(nullptr));
        case model_kind::llm: return f(static_cast<llm::model*>(nullptr));
        case model_kind::efficiency: return f(static_cast<llm::training_efficiency*>(nullptr));
        case model_kind::inference_efficiency: break;
    }
    return f(static_cast<llm::inference_efficiency*>(nullptr));
}

}  // namespace

std::span<const model_kind_description> model_kinds() noexcept { return kinds; }

const model_kind_description& describe(model_kind kind) noexcept { return kinds[static_cast<std::size_t>(kind)]; }

std::string_view name_of(confidence c) noexcept { return scenario::name_of_value(c); }

std::string_view meaning_of(confidence c) noexcept {
    switch (c) {
        case confidence::measured: return "read out of a real system or trace";
        case confidence::published: return "by the maker, the operator or a paper";
        case confidence::derived: return "computed from numbers that were measured or published";
        case confidence::second_hand: return "told by others: press, analysts, notes without a reference";
        case confidence::assumption: break;
    }
    return "nobody's number: an engineer's usual value";
}

std::string model_total::text() const {
    if (!of) return fmt::format("{:.6g}", value);
    const auto in = [this](const scenario::unit& u) {
        return value * static_cast<double>(u.den) / static_cast<double>(u.num);
    };
    const scenario::unit* best = nullptr;
    for (const scenario::unit& u : scenario::units()) {
        // Binary prefixes and bits are for reading only.
        if (u.of != *of || u.symbol == "GiB" || u.symbol.find("bit") != std::string_view::npos) continue;
        best = &u;
        if (std::abs(in(u)) < 1000) break;
    }
    return fmt::format("{:.4g} {}", in(*best), best->symbol);
}

template <class T>
model<T> read_named_model(std::string_view name, const fs::path& directory, const source_position& where,
                          const std::string& key) {
    const fs::path file = file_of(kind_of<T>, name, directory, where, key);
    return layered_model{kind_of<T>, load(kind_of<T>, file, where, key)}.template bind<T>();
}

template <class T>
model<T> read_model(std::string_view name, const fs::path& directory, const source_position& where,
                    const std::string& key) {
    return read_named_model<T>(name, directory, where.file.empty() ? source_position{std::string{name}, 0, 0} : where,
                               key);
}

template <class T>
model<T> read_model_text(const std::string& origin, std::string_view text, const fs::path& directory) {
    return layered_model{kind_of<T>, {origin, std::string{text}, directory, {}}}.template bind<T>();
}

model_text read_model_text(model_kind kind, const fs::path& file) {
    return with_struct(kind, [&]<class T>(T*) { return read_model<T>(file.string()).text; });
}

model_kind kind_of_file(const fs::path& file) {
    const std::string name = file.string();
    const auto content = read_text_file(file);
    if (!content.error.empty()) refuse({name, 1, 1}, {}, "the model cannot be read", content.error, "check the path");
    yaml_tree tree;
    const yaml_node& root = tree.at(parse_yaml(tree, name, content.text, yaml_places::lines));
    if (root.kind == yaml_kind::map) {
        for (const auto& k : kinds) {
            if (model_values::find(root, key_of(k.kind)) != nullptr) return k.kind;
        }
    }
    std::string heads;
    for (const auto& k : kinds) heads += (heads.empty() ? "" : ", ") + key_of(k.kind);
    refuse(tree.position(root.at), {}, "no model of hardware", {}, "begin with the kind, one of " + heads);
}

std::vector<model_key> model_keys(model_kind kind) {
    std::vector<model_key> out;
    with_struct(kind, [&]<class T>(T*) {
        key_lister list{out, {}};
        schema<T>::walk(list);
        return 0;
    });
    return out;
}

#define AMPACITY_MODEL(T)                                                                                           \
    template model<T> read_model<T>(std::string_view, const fs::path&, const source_position&, const std::string&); \
    template model<T> read_model_text<T>(const std::string&, std::string_view, const fs::path&);
AMPACITY_MODEL(hardware::accelerator)
AMPACITY_MODEL(hardware::network_tier)
AMPACITY_MODEL(hardware::power_device)
AMPACITY_MODEL(hardware::power_topology)
AMPACITY_MODEL(hardware::hall)
AMPACITY_MODEL(hardware::cap_control)
AMPACITY_MODEL(hardware::node)
AMPACITY_MODEL(hardware::rack)
AMPACITY_MODEL(hardware::block)
AMPACITY_MODEL(hardware::cooling)
AMPACITY_MODEL(hardware::region)
AMPACITY_MODEL(hardware::reliability)
AMPACITY_MODEL(llm::model)
AMPACITY_MODEL(llm::training_efficiency)
AMPACITY_MODEL(llm::inference_efficiency)
#undef AMPACITY_MODEL

}  // namespace ampacity::io
