#include "plugin_library.hpp"
#include "plugin_parts.hpp"

#include <ampacity/io/plugins.hpp>
#include <ampacity/io/xxh64.hpp>
#include <ampacity/power/cap_policy.hpp>

#include <algorithm>
#include <utility>

namespace ampacity::io {
namespace {

using libraries = std::vector<std::shared_ptr<const plugin_library>>;

std::vector<policy::description> all_of(const libraries& loaded, plugin::part_kind kind) {
    std::vector<policy::description> out;
    for (const auto& library : loaded) {
        for (const auto& p : library->parts()) {
            if (p.kind == kind) out.push_back({.name = p.name, .text = p.meaning == nullptr ? "" : p.meaning});
        }
    }
    return out;
}

bool is_built_in(const plugin::part& p) {
    if (p.kind == plugin::part_kind::source) return false;
    if (p.kind == plugin::part_kind::cap_policy) {
        const auto caps = power::cap_policies();
        return std::any_of(caps.begin(), caps.end(), [&](const auto& d) { return d.name == p.name; });
    }
    const auto table = p.kind == plugin::part_kind::policy ? policy::policies() : policy::placers();
    return std::any_of(table.begin(), table.end(), [&](const auto& d) { return d.name == p.name; });
}

/// Calls `f(library, part)` for the part of this name; null where none has it.
template <class F>
auto with_part(const libraries& loaded, plugin::part_kind kind, std::string_view name, F f)
    -> decltype(f(loaded.front(), std::declval<const plugin::part&>())) {
    for (const auto& library : loaded) {
        if (const auto* p = library->find(kind, name)) return f(library, *p);
    }
    return nullptr;
}

}  // namespace

plugins::plugins(std::span<const std::string> files) {
    for (const std::string& file : files) {
        auto library = std::make_shared<const plugin_library>(file);
        plugin_file about{.path = file, .digest = library->digest(), .parts = {}};
        for (const auto& p : library->parts()) {
            if (is_built_in(p))
                library->refuse(name_of(p), "has the name of a built-in one", {},
                                "give it another name in the plug-in");
            for (const auto& other : libraries_) {
                if (other->find(p.kind, p.name) == nullptr) continue;
                throw scenario_error({.where = {.file = file, .line = 1, .column = 1},
                                      .key = "--plugin",
                                      .what = "two plug-ins have a " + name_of(p),
                                      .value = other->file(),
                                      .remedy = "load one of them"});
            }
            about.parts.push_back(name_of(p));
        }
        libraries_.push_back(std::move(library));
        files_.push_back(std::move(about));
    }
}

plugins::~plugins() = default;

std::string plugins::comment() const {
    std::string out;
    for (const auto& f : files_) {
        out += "# --plugin " + f.path + "  " + digest_text(f.digest) + ':';
        for (const auto& p : f.parts) out += (&p == f.parts.data() ? " " : ", ") + p;
        out += '\n';
    }
    return out;
}

std::vector<policy::description> plugins::policies() const { return all_of(libraries_, plugin::part_kind::policy); }
std::vector<policy::description> plugins::placers() const { return all_of(libraries_, plugin::part_kind::placer); }
std::vector<policy::description> plugins::sources() const { return all_of(libraries_, plugin::part_kind::source); }
std::vector<policy::description> plugins::cap_policies() const {
    return all_of(libraries_, plugin::part_kind::cap_policy);
}

std::unique_ptr<policy::policy> plugins::make_policy(const recipe& r) const {
    return with_part(libraries_, plugin::part_kind::policy, r.name,
                     [&](const auto& home, const plugin::part& p) -> std::unique_ptr<policy::policy> {
                         return std::make_unique<plugin_policy>(home, p, r);
                     });
}

std::unique_ptr<policy::placer> plugins::make_placer(const recipe& r) const {
    return with_part(libraries_, plugin::part_kind::placer, r.name,
                     [&](const auto& home, const plugin::part& p) -> std::unique_ptr<policy::placer> {
                         return std::make_unique<plugin_placer>(home, p, r);
                     });
}

std::unique_ptr<workload::job_source> plugins::make_source(const recipe& r) const {
    return with_part(libraries_, plugin::part_kind::source, r.name,
                     [&](const auto& home, const plugin::part& p) -> std::unique_ptr<workload::job_source> {
                         return std::make_unique<plugin_source>(r.entry, home, p, r);
                     });
}

std::unique_ptr<power::cap_policy> plugins::make_cap_policy(const recipe& r) const {
    return with_part(libraries_, plugin::part_kind::cap_policy, r.name,
                     [&](const auto& home, const plugin::part& p) -> std::unique_ptr<power::cap_policy> {
                         return std::make_unique<plugin_cap_policy>(home, p, r);
                     });
}

}  // namespace ampacity::io
