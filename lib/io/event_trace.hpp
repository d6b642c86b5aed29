#pragma once
/// \file
/// events.json: all runs as a timeline in the Trace Event Format, which Perfetto and chrome://tracing show.
///
/// On nodes each is a process and each of its GPUs a track; a run is a slice, on every node that it uses, on the track
/// of its first GPU there, so that slices of a track never overlap. On a pool each running job has a lane of its own,
/// the lowest that is free. Submits, preemptions and rejections are instants, queue length and busy GPUs are counters
/// with one point per instant at which they changed. Times are exact decimals in microseconds. A slice is written when
/// its run ends, so that memory grows with running jobs and nodes only. One thread at a time.

#include "output_file.hpp"

#include <ampacity/core/time.hpp>
#include <ampacity/sim/observer.hpp>
#include <ampacity/workload/source.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::io {

class event_trace {
public:
    /// `sources`: how many entries the workload has; with several, each slice names its own.
    /// \throws scenario_error as `output_file`
    event_trace(std::filesystem::path path, std::size_t sources);

    // Texts come from `source`, the one that the event names.
    void submit(const sim::job_event& e, const workload::job_source& source);
    void reject(const sim::job_event& e, const workload::job_source& source);
    void start(const sim::job_event& e);
    void stop(const sim::job_event& e, sim::run_end how, const workload::job_source& source);
    void resize(const sim::job_event& before, const sim::job_event& after, const workload::job_source& source);

    /// Completes the file; `end`: of the run. \throws scenario_error
    void commit(instant end, const std::string& scenario);

private:
    struct counts {
        std::int64_t queued = 0;
        std::int64_t busy = 0;
    };

    /// Begins an event; the caller appends fields and the closing brace.
    std::string& begin(std::string_view phase, std::uint64_t process);
    void reach(instant now);
    void write_counts();
    void name_track(std::string_view kind, std::uint64_t process, std::uint64_t track, std::string_view name);
    void mark(std::string_view what, std::uint64_t track, const sim::job_event& e, const workload::job_source& source);
    /// On the lane of the job, or on the first GPU of each node that it has.
    void slices(const sim::job_event& e, std::string_view end, const workload::job_source& source);
    void slice(const sim::job_event& e, std::string_view end, const workload::job_source& source, std::uint64_t process,
               std::uint64_t track, std::uint64_t node_gpus);
    std::uint32_t take_lane(job_id job);
    void name_gpu(std::uint64_t node, unsigned gpu);

    output_file file_;
    bool many_sources_;
    bool first_ = true;
    instant now_ = start_of_time;
    counts counts_;
    counts written_{-1, -1};
    std::vector<std::uint32_t> lane_of_;  ///< by job_id, on a pool
    std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, std::greater<>> free_lanes_;
    std::uint32_t lanes_ = 0;
    std::vector<std::uint64_t> named_gpus_;  ///< by node: one bit for each GPU that has a track
};

}  // namespace ampacity::io
