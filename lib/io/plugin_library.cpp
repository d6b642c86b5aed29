#include "plugin_library.hpp"

#include "text_file.hpp"

#include <ampacity/io/xxh64.hpp>
#include <ampacity/sim/cap_plugin.hpp>

#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

namespace ampacity::io {
namespace {

constexpr const char* rebuild = "build it again with the headers and the compiler of this program";

/// Has it a name that a scenario can hold and a message show?
bool is_name(const char* name) {
    const std::string_view text = name == nullptr ? "" : name;
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    });
}

/// The first item of two lists with commas that differs, as "its gcc 13 is gcc 12 here".
std::string difference(std::string_view theirs, std::string_view ours) {
    while (!theirs.empty() || !ours.empty()) {
        const std::string_view a = theirs.substr(0, theirs.find(','));
        const std::string_view b = ours.substr(0, ours.find(','));
        const auto trimmed = [](std::string_view s) {
            return std::string{s.substr(std::min(s.find_first_not_of(' '), s.size()))};
        };
        if (a != b) return "it has `" + trimmed(a) + "`, this build `" + trimmed(b) + '`';
        theirs.remove_prefix(std::min(theirs.size(), a.size() + 1));
        ours.remove_prefix(std::min(ours.size(), b.size() + 1));
    }
    return {};
}

}  // namespace

std::string name_of(const plugin::part& p) {
    const char* const kind = p.kind == plugin::part_kind::policy   ? "policy "
                             : p.kind == plugin::part_kind::placer ? "placer "
                             : p.kind == plugin::part_kind::source ? "source "
                                                                   : "cap policy ";
    return kind + std::string{p.name};
}

plugin_library::plugin_library(const std::string& file) : file_(file) {
    const auto content = read_text_file(file_);
    if (!content.error.empty()) {
        throw scenario_error({.where = {.file = file_, .line = 1, .column = 1},
                              .key = "--plugin",
                              .what = "the plug-in cannot be read",
                              .value = content.error,
                              .remedy = "check the path"});
    }
    xxh64 hash;
    hash.update(content.text);
    digest_ = hash.digest();
    try {
        load();
    } catch (...) {
        if (handle_ != nullptr) dlclose(handle_);
        throw;
    }
}

plugin_library::~plugin_library() { dlclose(handle_); }

void plugin_library::load() {
    // With a slash, so that no search path is looked at.
    const std::string path = std::filesystem::absolute(file_).string();
    handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) {
        const char* const why = dlerror();
        refuse({}, "cannot be loaded", why == nullptr ? "" : why,
               "give a shared library whose symbols are all in it or in the libraries that it names");
    }
    void* const found = dlsym(handle_, plugin::entry_point);
    if (found == nullptr) {
        refuse({}, std::string{"is no plug-in: it has no function "} + plugin::entry_point, {},
               "write AMPACITY_PLUGIN(...) in one of its files");
    }
    using entry = const plugin::table* (*)();
    table_ = reinterpret_cast<entry>(found)();
    if (table_ == nullptr || table_->abi == nullptr) refuse({}, "is no plug-in: its table is empty", {}, rebuild);
    check_abi();
    check_parts();
}

void plugin_library::check_abi() const {
    const std::string_view theirs{table_->abi, strnlen(table_->abi, sizeof plugin::abi.text)};
    const std::string_view ours = plugin::abi.text;
    if (theirs == ours) return;
    refuse({}, "does not match this build: " + difference(theirs, ours), std::string{theirs}, rebuild);
}

void plugin_library::check_parts() const {
    if (table_->num_parts == 0 || table_->parts == nullptr) {
        refuse({}, "has no policy, placer or source", {}, "name what it has in AMPACITY_PLUGIN(...)");
    }
    for (const auto& p : parts()) {
        if (p.kind > plugin::part_kind::cap_policy || p.make == nullptr || !is_name(p.name)) {
            refuse({}, "has a part with an unusable name",
                   p.name == nullptr ? "" : std::string(p.name, strnlen(p.name, 64)),
                   "use up to 64 letters, digits, dashes, dots and underscores");
        }
        if (p.kind == plugin::part_kind::cap_policy) {
            const auto* const calls = static_cast<const plugin::cap_calls*>(p.calls);
            if (calls == nullptr || calls->layout != plugin::detail::calls_of_caps.layout)
                refuse(name_of(p), "does not match this build: what it sees of feeds differs", {}, rebuild);
        }
        if (find(p.kind, p.name) != &p) refuse(name_of(p), "is named twice", {}, "give each part a name of its own");
    }
}

const plugin::part* plugin_library::find(plugin::part_kind kind, std::string_view name) const noexcept {
    for (const auto& p : parts()) {
        if (p.kind == kind && p.name == name) return &p;
    }
    return nullptr;
}

void plugin_library::refuse(const std::string& part, std::string what, std::string value, std::string remedy) const {
    throw plugin_error({.where = {.file = file_},
                        .key = part,
                        .what = std::move(what),
                        .value = std::move(value),
                        .remedy = std::move(remedy)});
}

}  // namespace ampacity::io
