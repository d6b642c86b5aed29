#pragma once
/// \file
/// Which parts of a fleet fail, how often, and how long their repair takes: at random, or as a log has it.
///
/// Plain values.

#include <ampacity/core/time.hpp>
#include <ampacity/faults/duration_law.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::faults {

/// What fails.
enum class part_kind : std::uint8_t {
    gpu,
    node,
    rack,
    switch_tray,  ///< of the NVLink switches of a rack
    nic,          ///< of a node
};

/// Does a part of this kind take a rack, not a node?
[[nodiscard]] constexpr bool is_of_rack(part_kind kind) noexcept {
    return kind == part_kind::rack || kind == part_kind::switch_tray;
}

/// One cause of failures.
struct failure_process {
    std::string cause{};  ///< names its streams; each once
    part_kind part = part_kind::gpu;
    std::uint32_t each = 1;  ///< of a switch tray or NIC: how many its rack or node has; >= 1
    /// Time to failure of one part in service, early failures and lemons apart [s]; > 0; infinite: as the log has it.
    double mean_s = std::numeric_limits<double>::infinity();
    double shape = 1;  ///< of its Weibull law; 1: exponential
    /// How long the nodes of the part are out of service, those of a GPU all of its node; none: what it runs stops, and
    /// it goes on.
    std::optional<duration_law> repair{};
    /// In (0, 1) [1]: what runs on its nodes, of a GPU on it, goes on so fast until the repair is over.
    /// \pre a repair, no detection
    std::optional<double> speed{};
    /// With a speed: for so long, and then its nodes are out of service for the repair.
    std::optional<duration_law> swap_after{};
    /// From the failure until it is noticed, when all else begins; none: at once.
    std::optional<duration_law> detection{};
    bool silent = false;  ///< until then what it runs goes on, with wrong results; else it hangs
};

/// Nodes on which all that belongs to one node fails more often.
struct lemon_nodes {
    double share = 0;   ///< of all nodes, each drawn by itself [1]; in [0, 1]
    double factor = 1;  ///< times their rates [1]; >= 1
};

/// Parts fail more often when they are new.
struct early_failures {
    double multiplier = 1;  ///< times the rates [1]; >= 1
    duration horizon{};     ///< for so long from when a node comes into service
};

/// A failure that has happened.
struct logged_failure {
    instant at{};
    std::uint32_t process = 0;
    part_kind part = part_kind::node;  ///< gpu, node or rack
    std::uint64_t index = 0;           ///< of the part among all of its kind
    std::optional<duration> repair{};  ///< until it is back; none: what it runs stops, and it goes on
};

struct failure_plan {
    std::vector<failure_process> processes{};
    std::optional<std::uint64_t> crews{};  ///< repairs that go on at a time; none: all
    std::uint64_t seed = 0;
    std::optional<lemon_nodes> lemons{};
    std::optional<early_failures> infant{};
    std::vector<logged_failure> log{};  ///< by time

    [[nodiscard]] bool any() const noexcept { return !processes.empty(); }
    /// May what fails slow jobs down, or have them hang?
    [[nodiscard]] bool changes_runs() const noexcept {
        return std::any_of(processes.begin(), processes.end(),
                           [](const failure_process& p) { return p.speed || p.detection; });
    }
};

}  // namespace ampacity::faults
