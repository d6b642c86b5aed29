#pragma once
/// \file
/// Max-min fair shares of time on the GPU types of a fleet: a linear program for each level, solved by the simplex
/// method on a dense table with a fixed rule for pivots, so that equal questions have equal answers.
///
/// Of a job that has the shares x_t of its time on type t, runs there at speed s_t and takes g GPUs, the level is
/// g x sum(s_t x_t) / sum(s_t N_t / N), where N_t of the fleet's N GPUs are of type t. The least level is as large as
/// it can be; then, with all jobs held at theirs that cannot get more, the least of the others; and so on. No class
/// gets more than all of its time, no type is given more than it has. Levels are met to about 1e-9 of their size.
///
/// A level costs a few hundred pivots at the most where classes and types are few, each O((2K + T) K T) for K classes
/// and T types; there are at most K levels. Pure functions.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ampacity::policy {

/// Jobs that are alike.
struct share_class {
    std::uint64_t jobs = 0;        ///< at least 1
    std::uint32_t gpus = 0;        ///< of each, at least 1
    std::vector<double> speeds{};  ///< (types), 0: cannot run there; one is above 0
};

struct max_min_result {
    std::vector<double> shares{};  ///< (classes, types) of the time of one job of the class
    std::vector<double> levels{};  ///< (classes)
};

/// \pre at least one type, all of at least one GPU
[[nodiscard]] max_min_result max_min_shares(const std::vector<share_class>& classes,
                                            const std::vector<std::uint64_t>& gpus_of_type);

}  // namespace ampacity::policy
