#pragma once
/// \file
/// The command `surface`: what replicas of a service do at a load, for fluid services, and how near that is.

#include "run_command.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace ampacity::cli {

struct surface_command_options {
    scenario_options of{};
    std::string service{};  ///< empty: the only one
    std::string output{};   ///< empty: none
    std::string input{};    ///< a surface that was written before; empty: it is measured
    double span = 4;        ///< scales are 1 / span .. span
    std::uint32_t steps = 9;
    std::uint64_t requests = 40'000;
    std::uint32_t check = 0;  ///< mixes
    std::optional<std::uint64_t> check_seed{};
    std::optional<std::uint32_t> threads{};
    std::string command{};
};

/// Returns the exit status. \throws ampacity::error
int surface(const surface_command_options& options);

}  // namespace ampacity::cli
