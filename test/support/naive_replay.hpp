#pragma once
/// \file
/// The naive replay: a second program for rigid jobs, written from the semantics alone, that the
/// engine is compared with job by job.
///
/// It shares no code with the engine and keeps no state that could go stale: every round looks at
/// all jobs, every pass sorts the queue and rebuilds free space and profile from the running jobs.
/// Cost: O(jobs^2) to O(jobs^3) per pass; meant for hundreds of jobs. Pure functions, any thread.
/// Planned times are 64-bit: the sum of all estimates must stay below 2^63 ns.

#include <ampacity/core/scope.hpp>
#include <ampacity/core/wide.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace naive {

/// Another job that must have ended, by its place in the file.
struct tie {
    std::size_t job = 0;
    bool must_finish = true;
};

/// One line of the trace. File order is vector order; submits need not be sorted.
struct job {
    std::int64_t submit_ns = 0;
    std::int64_t duration_ns = 0;
    std::optional<std::int64_t> estimate_ns{};  ///< raw estimate; may be shorter than the duration
    std::uint64_t gpus = 0;
    bool spread = false;      ///< may be cut into pieces of any size over the nodes
    std::uint32_t user = 0;   ///< 0 = not given
    std::uint32_t group = 0;  ///< 0 = not given
    std::int32_t priority = 0;
    // On racks:
    std::uint32_t segment = 0;                        ///< nodes; 0: none
    ampacity::scope within = ampacity::scope::fleet;  ///< holds all of it
    bool exclusive = false;                           ///< no other job in its racks
    // Ties to other jobs:
    std::vector<tie> after{};
    std::int64_t think_ns = 0;
    std::uint32_t array = 0;        ///< 0: none
    std::uint32_t array_limit = 0;  ///< 0: none
    // On a mixed fleet:
    std::vector<std::int64_t> speeds{};  ///< by type, in 64ths, 0: cannot run there; empty: 1 on every type
};

/// A rack; blocks and sites are numbered from 0 in the order of the racks.
struct rack {
    std::uint32_t nodes = 1;
    std::uint32_t usable = 1;  ///< nodes that jobs use at a time
    std::uint32_t block = 0;
    std::uint32_t site = 0;
};

/// Nodes that leave and come back.
struct leave {
    std::int64_t start_ns = 0;
    std::int64_t end_ns = 0;  ///< later
    std::vector<std::uint32_t> nodes{};
    bool planned = false;       ///< known beforehand; else they fail
    std::int64_t known_ns = 0;  ///< since then, if planned; not after the start
};

/// Nodes on which jobs run slower for a while.
struct slowdown {
    std::int64_t start_ns = 0;
    std::int64_t end_ns = 0;  ///< later
    std::vector<std::uint32_t> nodes{};
    double speed = 1;  ///< of the full one
};

/// An option of the placer `topology`, in millionths.
struct rack_weights {
    std::uint64_t racks = 0;
    std::uint64_t largest_share = 0;
    std::uint64_t blocks = 0;
    std::uint64_t sites = 0;
    std::uint64_t whole_racks = 0;
};

/// A pool if `pool_gpus` > 0, else nodes: flat ones, or those of racks if there are any.
struct fleet {
    std::uint64_t pool_gpus = 0;
    std::uint32_t nodes = 0;           ///< in all
    std::uint32_t gpus_per_node = 0;   ///< at most 64
    std::string placer = "first-fit";  ///< first-fit | pack | spread; on racks topology | block, too
    std::vector<rack> racks{};
    bool keep_racks_whole = false;          ///< an option of topology
    std::optional<rack_weights> weights{};  ///< another one
    std::vector<leave> leaves{};
    std::vector<slowdown> slowdowns{};      ///< on a mixed fleet by the numbers of the whole fleet
    std::uint32_t drain_at_millionths = 0;  ///< share of a rack's nodes that have failed at which the rest drains
    /// A mixed fleet: its GPU types, each a fleet of its own and all pools or all nodes; nodes are counted on from one
    /// to the next. Nothing else of the mixed fleet counts but the placer.
    std::vector<fleet> types{};
};

/// What preempting a job costs.
struct overheads {
    std::optional<std::int64_t> checkpoint_interval_ns{};  ///< none: preemption keeps all progress
    std::int64_t checkpoint_ns = 0;
    std::int64_t restart_ns = 0;
};

/// What the scenario says about scheduling.
struct options {
    std::string policy;  ///< fifo | fifo-skip | sjf | srtf | las | easy | conservative
    bool by_estimate = false;
    std::vector<std::int64_t> las_thresholds_gpu_s{3600, 36000};
    bool enforce_estimate = false;
    std::optional<std::int64_t> until_ns{};
    std::optional<std::int64_t>
        every_ns{};                ///< passes at its multiples only, where something has happened since the last
    std::int64_t decision_ns = 0;  ///< from the first change to the pass that it asks for
    std::int64_t decision_per_job_ns = 0;  ///< more of it for each job that waits at that change
    overheads costs{};
    std::vector<std::int64_t> held_until_ns{};  ///< by job: passes do not see it before; empty: all are seen at once
};

/// What the beginning of a run went on.
struct spending {
    std::int64_t worked = 0;
    std::int64_t kept = 0;  ///< work up to the last checkpoint
    std::int64_t checkpoint = 0;
    std::int64_t restart = 0;
    std::int64_t total() const { return worked + checkpoint + restart; }
};

/// Steps through the parts of a run until it has lasted so long, or has worked so much.
/// `has_failed`: a failure came before it, which left no time for a checkpoint.
spending walk_run(const overheads& how, bool was_preempted, std::int64_t longest, std::int64_t most_work,
                  bool has_failed = false);

inline constexpr std::int64_t without_limit = std::int64_t{1} << 62;

enum class state { finished, rejected, killed, unfinished };

/// GPUs of a job: (node, GPU mask), ascending node; empty on a pool.
using placement = std::vector<std::pair<std::uint32_t, std::uint64_t>>;

/// One uninterrupted stay of a job on one set of GPUs.
struct attempt {
    std::int64_t start_ns = 0;
    placement nodes{};
    std::uint32_t type = 0;  ///< on a mixed fleet
};

/// What became of one job.
struct outcome {
    state st = state::unfinished;
    std::optional<std::int64_t> first_start_ns{};
    std::optional<std::int64_t> finish_ns{};  ///< end or kill; absent for rejected and unfinished jobs
    std::uint32_t preemptions = 0;
    std::uint32_t restarts = 0;  ///< after failures
    std::vector<attempt> attempts{};
    ampacity::int128 useful_gpu_ns = 0;
    ampacity::int128 lost_gpu_ns = 0;
    ampacity::int128 checkpoint_gpu_ns = 0;  ///< of a killed job all its time is lost
    ampacity::int128 restart_gpu_ns = 0;
    std::optional<std::int64_t> entered_ns{};  ///< the queue; absent for rejected jobs
};

/// Replays the jobs; outcomes are in the order of `jobs`.
/// Throws std::invalid_argument for an unknown policy or placer or an impossible fleet.
std::vector<outcome> replay(const std::vector<job>& jobs, const fleet& where, const options& how);

/// The placer alone: where a job of `gpus` goes when `free` holds the free-GPU mask of each node,
/// or nothing if it does not fit.
std::optional<placement> place_on_nodes(const std::vector<std::uint64_t>& free, std::uint32_t gpus_per_node,
                                        const std::string& placer, std::uint64_t gpus, bool spread_job);

}  // namespace naive
