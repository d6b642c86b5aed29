#pragma once
/// \file
/// Was the program started by mpirun or its like? MPI is touched only then. Not thread-safe: one command per process.

#include <ampacity/experiment/ranks.hpp>

#include <memory>
#include <optional>

namespace ampacity::cli {

/// What the launcher says in the environment: Open MPI, MPICH and those that speak its PMI.
struct launched {
    int ranks = 1;
    int rank = 0;
};
/// Nothing where no launcher started it.
[[nodiscard]] std::optional<launched> launch_of_this();

/// Joins the other ranks. \throws scenario_error where this program has no MPI
[[nodiscard]] std::unique_ptr<experiment::ranks> join_ranks();

}  // namespace ampacity::cli
