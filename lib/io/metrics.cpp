#include <ampacity/io/metrics.hpp>

#include <array>

namespace ampacity::io {
namespace {

constexpr std::array table{
    metric{"simulated_s", "s", "simulated time from the start to the end of the run"},
    metric{"jobs.submitted", "", "jobs that arrived by the end of the run"},
    metric{"jobs.finished", "", "jobs that did all their work; the only ones in the means and percentiles"},
    metric{"jobs.rejected", "", "jobs of 0 GPUs, that the empty fleet cannot hold, or whose dependency did not finish"},
    metric{"jobs.killed", "", "jobs stopped at their estimate (enforce_estimate)"},
    metric{"jobs.unfinished", "", "jobs that ran or waited at the end of the run"},
    metric{"jobs.held", "",
           "of these, jobs that still waited for others before the queue; absent where none has links"},
    metric{"jobs.preemptions", "", "times that a running job lost its GPUs to another"},
    metric{"jobs.restarts", "", "times that a job lost its GPUs to a failure; absent where nothing fails"},
    metric{"jobs.resizes", "", "times that a running job got another number of GPUs; absent without elastic jobs"},
    metric{"jobs.skipped.no_gpus", "", "records of traces that are no jobs: without GPUs; absent where there are none"},
    metric{"jobs.skipped.no_run_time", "", "the same: without a run time"},
    metric{"jobs.skipped.shared_gpu", "", "the same: a share of a GPU"},
    metric{"jobs.skipped.never_scheduled", "", "the same: never started in reality"},
    metric{"jct_s.mean", "s", "job completion time: finish - submit, or - entering the queue after dependencies, mean"},
    metric{"jct_s.p50", "s", "job completion time, the ceil(n/2)-th smallest of n"},
    metric{"jct_s.p90", "s", "job completion time, 90th percentile"},
    metric{"jct_s.p99", "s", "job completion time, 99th percentile"},
    metric{"jct_s.max", "s", "job completion time, largest"},
    metric{"wait_s.mean", "s", "first start - submit, or - entering the queue after dependencies, mean"},
    metric{"wait_s.p50", "s", "wait, median"},
    metric{"wait_s.p90", "s", "wait, 90th percentile"},
    metric{"wait_s.p99", "s", "wait, 99th percentile"},
    metric{"wait_s.max", "s", "wait, largest"},
    metric{"bounded_slowdown.mean", "", "max(1, JCT / max(duration, 10 s)), mean"},
    metric{"bounded_slowdown.p50", "", "bounded slowdown, median"},
    metric{"bounded_slowdown.p90", "", "bounded slowdown, 90th percentile"},
    metric{"bounded_slowdown.p99", "", "bounded slowdown, 99th percentile"},
    metric{"bounded_slowdown.max", "", "bounded slowdown, largest"},
    metric{"makespan_s", "s", "last finish - first submit"},
    metric{"utilisation", "", "useful GPU-time / (GPUs x makespan)"},
    metric{"gpu_types.NAME.gpus", "", "GPUs of the type NAME; this and the next two only where the fleet has several"},
    metric{"gpu_types.NAME.held_gpu_hours", "GPU-h", "time for which jobs held them, whatever it was good for"},
    metric{"gpu_types.NAME.occupancy", "", "the same / (GPUs x simulated time)"},
    metric{"gpu_hours.capacity", "GPU-h", "GPUs in service, over the whole run; the sum of all accounts"},
    metric{"gpu_hours.useful", "GPU-h", "time of work that was kept"},
    metric{"gpu_hours.lost", "GPU-h", "time of work that was thrown away"},
    metric{"gpu_hours.checkpoint", "GPU-h", "time of writing checkpoints; absent where that takes none"},
    metric{"gpu_hours.restart", "GPU-h", "time of restarts after preemptions and resizes; absent where they take none"},
    metric{"gpu_hours.draining", "GPU-h", "time of idle GPUs in draining racks; absent where none drain"},
    metric{"gpu_hours.down", "GPU-h", "time of nodes that have failed or are reserved; absent where there are none"},
    metric{"reservations.NAME.gpus", "", "GPUs of a reservation"},
    metric{"reservations.NAME.closed_gpu_hours", "GPU-h", "time for which it has taken them"},
    metric{"reservations.NAME.idle_before_gpu_hours", "GPU-h",
           "time before it for which its GPUs lay idle, since their last job, while jobs waited"},
    metric{"reservations.NAME.jobs_stopped", "", "jobs that it stopped as it began"},
    metric{"reservations.NAME.jobs.submitted", "",
           "its own jobs that arrived; absent, as what follows, for maintenance"},
    metric{"reservations.NAME.jobs.finished", "", "of these, finished"},
    metric{"reservations.NAME.jobs.killed", "", "of these, stopped at its end, or at their estimate"},
    metric{"reservations.NAME.jobs.rejected", "", "of these, never placed, or still waiting at its end"},
    metric{"reservations.NAME.held_gpu_hours", "GPU-h", "time for which its own jobs held its GPUs"},
    metric{"reservations.NAME.idle_gpu_hours", "GPU-h", "time for which its GPUs waited for such jobs"},
    metric{"reservations.NAME.down_gpu_hours", "GPU-h", "time for which its nodes had failed, or drained"},
    metric{"gpu_hours.idle", "GPU-h", "time in service and unallocated"},
};

}  // namespace

std::span<const metric> metrics() noexcept { return table; }

}  // namespace ampacity::io
