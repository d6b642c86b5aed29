#pragma once
/// \file
/// Models of hardware as texts: what `ampacity describe` says of one and of a kind.

#include <ampacity/io/catalogue.hpp>

namespace ampacity::cli {

/// Prints one model: its parts, its numbers with their sources, what follows from them.
void print_model(const io::model_text& model);

/// Prints the keys of the files of a kind.
void print_kind(io::model_kind kind);

}  // namespace ampacity::cli
