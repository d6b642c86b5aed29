#pragma once
/// \file
/// Faults of a scenario with the place of their key.

#include <ampacity/core/error.hpp>
#include <ampacity/scenario/validate.hpp>

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

private:
    const locator& locate_;
};

}  // namespace ampacity::scenario
