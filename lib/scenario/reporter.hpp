#pragma once
/// \file
/// Faults of a scenario with the place of their key.

#include <ampacity/core/error.hpp>
#include <ampacity/scenario/validate.hpp>

#include <initializer_list>
#include <string>
#include <utility>

namespace ampacity::scenario {

/// Throws faults with the place of their key.
class reporter {
public:
    explicit reporter(const locator& locate) : locate_{locate} {}

    [[noreturn]] void fail(const std::string& path, std::string what, std::string value, std::string remedy) const {
        throw scenario_error(
            {locate_ ? locate_(path) : source_position{}, path, std::move(what), std::move(value), std::move(remedy)});
    }

    /// The same for the keys of a map that may have some of them from a preset.
    [[nodiscard]] reporter of_map(std::string path) const {
        reporter out{locate_};
        out.map_ = std::move(path);
        return out;
    }

    /// A key, and its value as text.
    struct given {
        std::string path;
        std::string value{};
    };
    /// A fault between keys of the map: named at the first of them that the scenario itself gives, rather than at one
    /// that it has from a preset.
    [[noreturn]] void fail_between(std::initializer_list<given> keys, const std::string& what,
                                   const std::string& remedy) const {
        for (const given& key : keys) {
            if (is_own(key.path)) fail(key.path, what, key.value, remedy);
        }
        fail(keys.begin()->path, what, keys.begin()->value, remedy);
    }

private:
    /// What comes from a preset has a line, but in another file than the map.
    [[nodiscard]] bool is_own(const std::string& path) const {
        if (!locate_) return true;
        const source_position at = locate_(path);
        return at.line == 0 || at.file == locate_(map_).file;
    }

    const locator& locate_;
    std::string map_{};
};

}  // namespace ampacity::scenario
