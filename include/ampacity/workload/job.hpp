#pragma once
/// \file
/// A job as its user asks for it: what a trace or a generator yields, before anything runs.
///
/// A plain value of under 128 bytes; the simulation copies it into its live tables at submit and
/// forgets it when the job leaves.

#include <ampacity/core/scope.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/workload/scaling.hpp>

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>

namespace ampacity::workload {

/// How a job behaves over time. Services are refused with a message.
enum class job_kind : std::uint8_t {
    rigid,    ///< a fixed number of GPUs for a fixed amount of work
    elastic,  ///< min..max GPUs, speed by scaling curve; the preferred number unless the policy chooses
    service,  ///< without end, ends when told to
};

/// Where the GPUs of a job may be.
struct placement_constraint {
    std::uint16_t segment = 0;  ///< the gang is cut into segments of so many nodes, each inside one rack; 0: it is not
    scope within = scope::fleet;  ///< the part of the fleet that holds all of it
    bool exclusive = false;       ///< no other job in its racks
    bool spread = false;          ///< take GPUs node by node in the placer's order, without whole nodes or segments

    friend constexpr bool operator==(const placement_constraint&, const placement_constraint&) = default;
};

/// How fast a job runs: on a fleet without GPU types at one speed, on a mixed one as a row of its table says.
struct accelerator_speed {
    std::uint8_t row = 0;  ///< of `fleet::gpu_types`; 0: that of its model, which `sim::source_speeds` knows
    double speed = 1.0;    ///< work per time, 1 = the trace's own speed
};

/// No value was given.
inline constexpr duration no_estimate = duration::min();

struct job_links;

/// A request to run a job.
struct job_request {
    std::uint64_t row = 0;            ///< position in its file, from 0, counting the rows that were kept
    std::int64_t name = 0;            ///< the file's job_id: the number itself, or an index into the source's `names`
    instant submit{};                 ///< when the job arrives
    duration work{};                  ///< true duration at speed 1; policies other than oracles never see it
    duration estimate = no_estimate;  ///< the user's estimate, raw; `no_estimate` where there is none
    std::uint32_t gpus_min = 0;       ///< smallest gang that can run
    std::uint32_t gpus = 0;           ///< preferred gang; equal to min and max for rigid jobs
    std::uint32_t gpus_max = 0;       ///< largest gang of use
    std::int32_t priority = 0;        ///< larger is more urgent
    std::uint32_t user = 0;           ///< index into the source's `names`, 0 = none
    std::uint32_t group = 0;          ///< index into the source's `names`, 0 = none
    std::uint32_t model = 0;          ///< index into the source's `names`, 0 = none, or nobody wants to know
    std::uint16_t source = 0;         ///< which entry of the scenario's workload it came from
    job_kind kind = job_kind::rigid;
    bool name_is_text = false;  ///< `name` is an index into the source's `names`
    placement_constraint placement{};
    std::uint32_t reservation = 0;  ///< index into the source's `names`: where alone it runs; 0 = that of its source
    double serial_fraction = 0;     ///< of an elastic job's work on one GPU; see scaling.hpp
    accelerator_speed accelerator{};
    std::uint16_t training = 0;        ///< of a training job: row of `sim::parts::trainings` + 1
    std::uint16_t site = 0;            ///< 1 + the site whose nodes it runs on; 0: any
    std::uint32_t gpus_step = 1;       ///< of an elastic job: it runs on multiples of it only
    const job_links* links = nullptr;  ///< what ties it to other jobs, kept by the source; null: nothing
};

static_assert(sizeof(job_request) <= 128);

/// The largest GPU count that is input at all; more is bad input, not a rejected job.
inline constexpr std::uint64_t max_gpus_per_job = std::uint64_t{1} << 31U;

/// What to do about GPU counts that do not go together with each other and the kind; null if they do.
[[nodiscard]] inline const char* wrong_gpus(const job_request& r) noexcept {
    if (r.gpus_min == r.gpus && r.gpus == r.gpus_max) return nullptr;
    if (r.kind != job_kind::elastic) return "set kind to elastic, or gpus_min, gpus and gpus_max to one number";
    if (r.gpus_min < 1 || r.gpus_min > r.gpus || r.gpus > r.gpus_max) return "write 1 <= gpus_min <= gpus <= gpus_max";
    if (r.gpus_max > r.gpus * max_scale_out) return "write a gpus_max of at most 1048576 times gpus";
    if (r.gpus_step == 0 || r.gpus_min % r.gpus_step != 0 || r.gpus % r.gpus_step != 0 || r.gpus_max % r.gpus_step != 0)
        return "write multiples of gpus_step for gpus_min, gpus and gpus_max";
    return nullptr;
}

}  // namespace ampacity::workload
