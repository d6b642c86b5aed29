#pragma once
/// \file
/// Systems and precisions that options name.

#include <ampacity/llm/system.hpp>

#include <string>

namespace ampacity::cli {

/// The rack or node of the catalogue, or that of a .yaml file, that `--system` names. \throws ampacity::error
[[nodiscard]] llm::system system_called(const std::string& name);
/// What `--precision` names; empty: fp8, bf16 where the GPU has none. \throws scenario_error
[[nodiscard]] llm::precision_kind precision_called(const std::string& name, const llm::system& s);

}  // namespace ampacity::cli
