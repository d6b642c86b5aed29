#pragma once
/// \file
/// Jobs outside of the queue (see holds.hpp), with their records, what observers are told of them, and when they were
/// asked for.
///
/// Does nothing and holds nothing before the first job with links. Not thread-safe.

#include "announcer.hpp"
#include "feed.hpp"
#include "holds.hpp"
#include "live_jobs.hpp"

#include <ampacity/core/time.hpp>
#include <ampacity/sim/simulation.hpp>
#include <ampacity/workload/job.hpp>
#include <ampacity/workload/links.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace ampacity::sim {

/// An instant, and which of its rounds.
struct round_at {
    instant now{};
    std::uint64_t round = 0;
};

class held_jobs {
public:
    /// They outlive it.
    held_jobs(const feed& from, live_jobs& jobs, const announcer& tell) : feed_(from), jobs_(jobs), tell_(tell) {}

    /// There is a job with links.
    void begin() {
        if (!holds_) holds_ = std::make_unique<holds>();
    }
    /// Has there been one?
    [[nodiscard]] bool any() const noexcept { return holds_ != nullptr; }
    /// Jobs held now.
    [[nodiscard]] std::uint64_t size() const noexcept { return holds_ ? holds_->size() : 0; }

    /// A job with links is submitted; its source is set. Does it enter the queue at once? If not, it is held, or
    /// refused. \pre any, as of all that follow but `left` and `times`
    [[nodiscard]] bool submit(const workload::job_request& r, round_at at);
    /// The next job that enters in this round and stands before `before` in file order, as it is to be submitted.
    [[nodiscard]] std::optional<workload::job_request> next_entering(round_at at, holds::key before);
    /// A job has ended: others may have waited for it.
    void left(holds::key key, outcome how, round_at at);
    /// When the next job is due; `never` if none is.
    [[nodiscard]] instant next(instant now) const noexcept { return holds_->next(now); }
    /// Tells what held jobs wait for, where that has changed.
    void tell(instant now);

    /// When the job of that record was submitted, and when it entered the queue.
    [[nodiscard]] job_times times(std::size_t source, std::uint64_t row) const;

private:
    [[nodiscard]] std::optional<ending> ending_of(holds::key key) const;
    void refuse(const workload::job_request& r, holds::key because, instant now);
    [[nodiscard]] instant& asked_of(holds::key key);
    [[nodiscard]] std::string text_of(const holds::why& w) const;
    [[nodiscard]] std::string name_of(holds::key key) const;
    [[nodiscard]] std::string name_of_row(std::uint16_t source, std::uint64_t row) const;

    const feed& feed_;
    live_jobs& jobs_;
    const announcer& tell_;
    std::unique_ptr<holds> holds_;
    std::unordered_map<holds::key, instant> refused_;  // when, of jobs that were rejected after their submit
    std::vector<pod_vector<instant>> asked_;  // by source, by row: submit of a job that was held; `never` while it is
};

}  // namespace ampacity::sim
