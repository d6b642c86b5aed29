#pragma once
/// \file
/// The commands `list` and `describe`: what exists, with units.

#include <string>
#include <string_view>
#include <vector>

namespace ampacity::cli {

/// One line for each: "policies", "placers", "workloads", "formats", "metrics", "keys", "files" or "exit-codes"; with
/// `markdown` a page with all there is to say about them. `plugins`: files whose policies and placers are listed too,
/// their sources with the workloads.
int list(const std::string& what, bool markdown, const std::vector<std::string>& plugins);
/// The names that `list` prints.
std::vector<std::string> names_of(std::string_view what);
/// All there is to say about a policy, a placer, a workload model, a format, a metric, a file of a run or a key of a
/// scenario.
/// \throws scenario_error for a name that nothing has
int describe(const std::string& name, const std::vector<std::string>& plugins);

}  // namespace ampacity::cli
