#pragma once
/// \file
/// Observers see what was committed; they cannot change a run. Called synchronously, in event order.

#include <ampacity/core/ids.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/fleet/allocation.hpp>
#include <ampacity/fleet/gpu_types.hpp>
#include <ampacity/power/site_account.hpp>
#include <ampacity/serving/request_record.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace ampacity::power {
class plant;
}

namespace ampacity::sim {

/// A service without requests over its last tick, or the part of it since replicas came or went.
struct flow_sample {
    double offered_per_s = 0, served_per_s = 0;        ///< requests [1/s]
    double load = 0;                                   ///< served / what replicas could have served [1]
    double backlog = 0;                                ///< requests
    std::optional<double> ttft_p50_s{}, ttft_p99_s{};  ///< of what was served; none: nothing was [s]
};

/// The requests of a service at one instant, and what became of others since the sample before.
struct request_sample {
    std::uint64_t arrived = 0, finished = 0, shed = 0;  ///< since then
    std::uint64_t waiting = 0;                          ///< at the router and in queues, now
    std::uint64_t running = 0;                          ///< all others, those whose caches are on their way included
    double kv_occupancy = 0;                           ///< share of the blocks of replicas that serve or drain, now [1]
    double prefill_tokens_per_s = 0;                   ///< computed in prompts, recomputed ones included [1/s]
    double output_tokens_per_s = 0;                    ///< given [1/s]
    std::optional<double> ttft_p50_s{}, ttft_p99_s{};  ///< of the first tokens given since then; none: there are none
    std::optional<double> attainment{};                ///< of those that left since then; none: nobody did [1]
    double goodput_per_s = 0;                          ///< requests that finished within all targets [1/s]
    std::optional<double> prefix_hit_share{};          ///< cached / (these and prefilled) tokens; none: there are none
    std::optional<double> power_w{};                   ///< of its GPUs, mean since then; none: no model says [W]
    std::optional<double> output_tokens_per_joule{};   ///< none: no power [1/J]
};

/// Replicas of a service at one instant; of one that does not scale those that have not left are serving.
struct replica_sample {
    std::uint32_t wanted = 0;
    std::uint32_t cold = 0, serving = 0, draining = 0;
    std::optional<flow_sample> flow{};         ///< none: it has requests
    std::optional<request_sample> requests{};  ///< none: it has a flow
};

/// The state of a run at one instant.
struct sample {
    instant at{};
    std::uint64_t queued = 0;                    ///< jobs waiting
    std::uint64_t running = 0;                   ///< jobs holding GPUs
    std::uint64_t busy_gpus = 0;                 ///< GPUs held by jobs and services
    std::uint64_t free_gpus = 0;                 ///< GPUs that could be given to a job
    std::uint64_t finished = 0;                  ///< jobs finished so far
    const power::plant* plant = nullptr;         ///< powers of this instant; none: not modelled
    std::span<const replica_sample> replicas{};  ///< by service
    /// Sites of the plant; where the run is over, as of its end. Valid during the call.
    std::span<const power::site_sample> sites{};
};

/// Something that happened to a job.
struct job_event {
    instant at{};
    std::uint16_t source = 0;  ///< entry of the workload
    std::int64_t name = 0;     ///< job_id of the file, or text index
    bool name_is_text = false;
    std::uint32_t attempt = 0;                  ///< of the run that begins or ends, from 1; 0 where none does
    std::span<const fleet::gpu_share> where{};  ///< of that run; empty on a pool
    fleet::gpu_type type = 0;                   ///< of its GPUs, on a mixed fleet
    job_id job = none<job_id>;  ///< names the job until it leaves; none if it is held or was rejected on arrival
    std::uint32_t gpus = 0;
    std::int32_t priority = 0;  ///< larger is more urgent
    std::uint32_t user = 0;     ///< text index, 0 = none
    instant since{};            ///< start of the run, or of its stretch of so many GPUs, that ends
    std::string_view reason{};  ///< of a rejection or a hold: why, for people; valid during the call
};
/// The event of a start.
using job_start = job_event;

/// Why a run of a job ends.
enum class run_end : std::uint8_t {
    finished,
    killed,
    preempted,
    failed,      ///< its nodes failed
    unfinished,  ///< the simulation ends before it
};

/// Does the job wait again?
[[nodiscard]] constexpr bool waits_again(run_end how) noexcept {
    return how == run_end::preempted || how == run_end::failed;
}

class observer {
public:
    observer() = default;
    observer(const observer&) = delete;
    observer& operator=(const observer&) = delete;
    virtual ~observer() = default;
    /// A job waits for others, and is not in the queue; `reason` says for which. Before `on_submit`, and again when
    /// that changes.
    virtual void on_hold(const job_event&) {}
    /// A job enters the queue, or is rejected instead.
    virtual void on_submit(const job_event&) {}
    /// After `on_submit`, at once or later, instead of a start.
    virtual void on_reject(const job_event&) {}
    virtual void on_start(const job_start&) {}
    /// Every run that started stops: the unfinished ones when the books are closed. `since` is then its last resize, if
    /// it had one.
    virtual void on_stop(const job_event&, run_end) {}
    /// A run goes on with other GPUs: `before` is the stretch that ends, with its GPUs and `since`, `after` the one
    /// that begins. Both are of the same attempt.
    virtual void on_resize(const job_event& before, const job_event& after) {
        static_cast<void>(before);
        static_cast<void>(after);
    }
    /// Requests that have left service number `service`, in order of leaving; when the books are closed, those that
    /// are left.
    virtual void on_requests(std::size_t service, std::span<const serving::request_record> records) {
        static_cast<void>(service);
        static_cast<void>(records);
    }
    // A change of speed is no event: the run goes on.
    virtual void on_sample(const sample&) {}
};

}  // namespace ampacity::sim
