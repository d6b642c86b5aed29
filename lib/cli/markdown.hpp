#pragma once
/// \file
/// The lists of `ampacity list` as pages of Markdown: the reference part of the documentation.

#include <string>
#include <string_view>

namespace ampacity::cli {

/// One page: "policies", "placers", "workloads", "models" or a kind of them, "formats", "metrics", "keys", "files" or
/// "exit-codes".
[[nodiscard]] std::string markdown_page(std::string_view what);

}  // namespace ampacity::cli
