#pragma once
/// \file
/// "Did you mean": the known name that is nearest to a misspelt one.
///
/// Pure functions; O(number of names x lengths). For error messages only.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity {

/// Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`; case and `_`/`-` do
/// not count. Both texts are compared by their first 64 bytes.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The nearest of `known`, the first among equals; empty when none is within a third of the
/// text's length (at least 1 edit, at most 3).
std::string_view nearest(std::string_view text, std::span<const std::string_view> known);

/// Those of `known` that contain `text`, in their order; case and `_`/`-` do not count.
std::vector<std::string_view> containing(std::string_view text, std::span<const std::string_view> known);

/// The remedy for an unknown name: "did you mean `easy`?", or where nothing is near,
/// "known: easy, fifo" with at most 20 names.
std::string suggestion(std::string_view text, std::span<const std::string_view> known);

}  // namespace ampacity
