#pragma once
/// \file
/// Reliability: how often things fail, what a repair takes and what it drains.
///
/// Plain data, rates in 1/s. An empty optional means that no figure is known.

#include <ampacity/core/time.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::hardware {

/// What an interruption needs.
enum class failure_class : std::uint8_t {
    hard_gpu,        ///< a repair of the GPU
    resettable_gpu,  ///< a reset of the GPU
    host,            ///< work on the node
    network,         ///< work on a switch, NIC or cable
    soft,            ///< a restart of the job
    silent,          ///< wrong results until it is found
};

/// What is out of service during a repair.
enum class drain_scope : std::uint8_t { nothing, nic, node, rack };

/// One cause of interruptions.
struct failure_cause {
    std::string name{};
    failure_class kind = failure_class::hard_gpu;
    double per_gpu_s = 0;  ///< rate per GPU [1/s]

    friend bool operator==(const failure_cause&, const failure_cause&) = default;
};

/// One kind of repair.
struct repair_action {
    std::string name{};
    drain_scope drains = drain_scope::node;
    duration least{};
    duration usual{};
    duration most{};

    friend bool operator==(const repair_action&, const repair_action&) = default;
};

/// One kind of plant in a building.
struct plant_failure {
    std::string name{};
    duration between{};  ///< mean time between failures
    duration repair{};   ///< mean time to repair

    friend bool operator==(const plant_failure&, const plant_failure&) = default;
};

/// Early failures: the hazard over the first `horizon` is `multiplier` times the later one on average, with the shape
/// of a Weibull law.
struct infant_mortality {
    double shape = 1;       ///< [1]
    double multiplier = 1;  ///< [1]
    duration horizon{};

    friend bool operator==(const infant_mortality&, const infant_mortality&) = default;
};

/// Nodes that are held ready.
struct spare_rule {
    std::string name{};
    double share = 0;  ///< of all GPUs [1]

    friend bool operator==(const spare_rule&, const spare_rule&) = default;
};

/// Failures of a fleet.
struct reliability {
    std::string name{};
    std::optional<double> per_gpu_s{};        ///< all unplanned interruptions, per GPU [1/s]
    std::optional<duration> memory_errors{};  ///< GPU-time between uncorrectable memory errors
    std::vector<failure_cause> causes{};      ///< of the interruptions
    std::vector<repair_action> repairs{};
    std::vector<plant_failure> plant{};
    std::vector<spare_rule> spares{};
    std::optional<infant_mortality> infant{};
    std::optional<double> lemon_share{};         ///< of nodes that fail far more often [1]
    std::optional<double> start_failure{};       ///< probability that a generator does not start [1]
    std::optional<duration> burn_in{};           ///< before a node takes jobs
    std::optional<double> acceptance_failure{};  ///< of delivered nodes, that fail in burn-in [1]

    friend bool operator==(const reliability&, const reliability&) = default;
};

}  // namespace ampacity::hardware
