#pragma once
/// \file
/// The names of users and groups of the jobs in the system, as their sources tell them.

#include "feed.hpp"
#include "live_jobs.hpp"
#include "partition.hpp"

#include <ampacity/policy/view.hpp>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace ampacity::sim {

class owner_texts final : public policy::owner_names {
public:
    /// All outlive it.
    owner_texts(const feed& jobs, const live_jobs& live, const std::vector<std::unique_ptr<partition>>& partitions)
        : feed_(jobs), live_(live), partitions_(partitions) {}
    [[nodiscard]] std::string_view user(job_id job) const override { return text(job, seen(job).user); }
    [[nodiscard]] std::string_view group(job_id job) const override { return text(job, seen(job).group); }

private:
    [[nodiscard]] const policy::job_view& seen(job_id job) const {
        return partitions_[live_[index(job)].part]->jobs[index(job)];
    }
    [[nodiscard]] std::string_view text(job_id job, std::uint32_t name) const {
        return name == 0 ? std::string_view{} : feed_.source(live_[index(job)].source()).text(name);
    }

    const feed& feed_;
    const live_jobs& live_;
    const std::vector<std::unique_ptr<partition>>& partitions_;
};

}  // namespace ampacity::sim
