#pragma once
/// \file
/// run.json: what is true of one execution only.

#include <ampacity/io/run_files.hpp>
#include <ampacity/sim/simulation.hpp>

#include <string>

namespace ampacity::io {

/// The whole file. `write_s`: wall time spent on writing [s].
[[nodiscard]] std::string run_text(const sim::simulation& s, const run_facts& facts, const std::string& policy,
                                   double write_s);

}  // namespace ampacity::io
