#pragma once
/// \file
/// What a scheduling policy may see of a job: what its user said and what the cluster has observed, never the
/// true duration. (`oracle_view` in view.hpp is the declared exception, for policies that are oracles.)
///
/// One row of a dense table indexed by `job_id`; a row belongs to a job from its submit until its finish and is
/// then reused. Only the simulation and the plan write it.

#include <ampacity/core/ids.hpp>
#include <ampacity/core/pod_vector.hpp>
#include <ampacity/core/run_costs.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/core/work.hpp>
#include <ampacity/fleet/allocation.hpp>
#include <ampacity/fleet/gpu_types.hpp>
#include <ampacity/workload/scaling.hpp>

#include <cstddef>
#include <cstdint>

namespace ampacity::policy {

/// Where a job is.
enum class job_state : std::uint8_t {
    absent,   ///< the row is free
    queued,   ///< waiting for GPUs
    running,  ///< holding GPUs (in a plan: from the moment its start is proposed)
};

/// What a start and an end look at stands first and fits one cache line.
struct job_view {
    duration estimate{};        ///< planning estimate: max(user's estimate, duration), for the whole work
    instant run_start{};        ///< start of the current run, or its last change of size or speed; none if queued
    duration progress{};        ///< work done before `run_start`; 0 before the first preemption or such change
    double speed = 1.0;         ///< work per time while it runs; on a mixed fleet 1 while it is queued
    fleet::demand demand{};     ///< GPUs and how they may lie; of an elastic job that waits the preferred number
    fleet::allocation held{};   ///< what it holds while running (empty on a pool)
    std::uint32_t attempt = 0;  ///< runs begun so far
    job_state state = job_state::absent;
    bool was_preempted = false;   ///< before its current run, or before its next if queued
    bool has_failed = false;      ///< that run follows a failure, not a preemption
    fleet::gpu_type type = 0;     ///< on a mixed fleet: of the GPUs that it holds while running
    std::uint64_t order = 0;      ///< rank by (submit, or move to its site, entry, file order); unique and rising
    instant submit{};             ///< when it arrived
    std::int32_t priority = 0;    ///< larger is more urgent
    std::uint32_t user = 0;       ///< text index of its source, 0 = not given; `view::owners` knows the name
    std::uint32_t group = 0;      ///< the same
    std::uint16_t costs_row = 0;  ///< of `view::costs`
    bool vacates = false;         ///< asked to leave its GPUs at its next checkpoint, while it runs

    static constexpr std::size_t busy_bytes = 56;  ///< up to and with `type`

    /// Work that is left by the planning estimate, at `run_start`, or now if queued. What time that
    /// takes is a question to the view, which knows what preemption costs.
    [[nodiscard]] duration remaining_estimate() const noexcept { return estimate - progress; }
    /// Of its next run if queued, or its current one as long as it has not changed; `view::costs_of` knows all.
    [[nodiscard]] const run_costs& costs(const preemption_costs* rows) const noexcept {
        return rows[costs_row].of(was_preempted, has_failed);
    }
};

static_assert(offsetof(job_view, type) < job_view::busy_bytes && offsetof(job_view, order) == job_view::busy_bytes);

/// All jobs, by `job_id`.
using job_table = pod_vector<job_view, pages::huge>;

/// What is known of an elastic job besides.
struct elastic_job {
    std::uint32_t gpus_min = 0;
    std::uint32_t gpus = 0;      ///< preferred
    std::uint32_t gpus_max = 0;  ///< 0: the job is rigid
    std::uint32_t step = 1;      ///< it runs on multiples of it only; these three are some
    double serial_fraction = 0;
    double speed = 1.0;  ///< on the preferred number of GPUs

    /// Work per time on so many GPUs. \pre gpus >= 1
    [[nodiscard]] double speed_on(std::uint32_t n) const noexcept {
        return n == gpus ? speed : speed * workload::amdahl_speed(serial_fraction, gpus, n);
    }
};

/// Elastic jobs, by `job_id`; ends behind the last of them.
using elastic_table = pod_vector<elastic_job>;

/// A run that does not go on as it began, or that began on slow nodes.
struct changed_run {
    run_costs costs{};          ///< since `job_view::run_start`
    instant began{};            ///< start of the run, or its last resize, whatever its speed has been since
    double full_speed = 1.0;    ///< what its speed would be if none of its nodes were slow, as far as its start knew
    double queued_speed = 1.0;  ///< what its speed is once it waits again: the same, or what it has learned
    bool any = false;           ///< false: the run is as it began, at full speed
};

/// Such runs, by `job_id`; ends behind the last job that may be one.
using changed_table = pod_vector<changed_run>;

}  // namespace ampacity::policy
