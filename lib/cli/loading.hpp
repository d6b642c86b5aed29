#pragma once
/// \file
/// A scenario as the options of a command give it. Functions without state.

#include "run_command.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/io/plugins.hpp>
#include <ampacity/io/scenario_file.hpp>

#include <utility>

namespace ampacity::cli {

/// Reads the file, puts the options in place of its keys and validates it with the parts of the plug-ins. \throws
/// scenario_error
io::loaded_scenario load(const scenario_options& options, const io::plugins& more);

/// Calls `f`; a fault of the scenario that was found without its file gets its place there.
template <class F>
void with_places(const io::loaded_scenario& loaded, F f) {
    try {
        f();
    } catch (const scenario_error& e) {
        if (!e.details().where.file.empty() || e.details().key.empty()) throw;
        diagnostic d = e.details();
        d.where = loaded.locate(d.key);
        throw scenario_error(std::move(d));
    }
}

}  // namespace ampacity::cli
