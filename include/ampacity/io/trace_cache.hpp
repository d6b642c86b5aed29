#pragma once
/// \file
/// Job traces that many runs of one process read: each is parsed once and held in memory, and every run gets a source
/// of its own over the shared rows.
///
/// Runs see what they would see if they read the file: the same jobs, names, ties and skipped records. A trace that has
/// a fault, or would not fit in the memory that is allowed, is left to be read anew by each run, so that faults come
/// where they would. Any number of threads; whoever asks for a trace that another one parses waits for it.

#include <ampacity/io/job_traces.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace ampacity::io {

class trace_cache {
public:
    /// Holds rows of up to `max_bytes`; names and ties come on top.
    explicit trace_cache(std::uint64_t max_bytes = std::uint64_t{1} << 30U);
    ~trace_cache();
    trace_cache(const trace_cache&) = delete;
    trace_cache& operator=(const trace_cache&) = delete;

    /// As `open_job_trace`; the sources may outlive the cache. Options with an observer are not shared.
    /// \throws what it throws
    [[nodiscard]] std::unique_ptr<trace_source> open(const job_trace_options& options);

    [[nodiscard]] std::uint64_t bytes() const;   ///< of rows that are held
    [[nodiscard]] std::uint64_t parsed() const;  ///< traces that are held

private:
    struct entry;
    void parse(entry& e, const job_trace_options& options);

    std::uint64_t max_bytes_;
    std::uint64_t bytes_ = 0;
    std::uint64_t parsed_ = 0;
    mutable std::mutex mutex_;
    std::map<std::string, std::shared_ptr<entry>> entries_;
};

}  // namespace ampacity::io
