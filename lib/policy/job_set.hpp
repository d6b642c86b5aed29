#pragma once
/// \file
/// Jobs in no order. Adding and removing costs O(1). Not thread-safe.

#include <ampacity/core/ids.hpp>
#include <ampacity/core/pod_vector.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ampacity::policy {

class job_set {
public:
    [[nodiscard]] bool empty() const noexcept { return jobs_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return jobs_.size(); }
    [[nodiscard]] auto begin() const noexcept { return jobs_.begin(); }
    [[nodiscard]] auto end() const noexcept { return jobs_.end(); }

    void add(job_id job) {
        at_.grow_to(index(job) + 1, 0);
        at_[index(job)] = static_cast<std::uint32_t>(jobs_.size());
        jobs_.push_back(job);
    }
    void remove(job_id job) {
        const std::uint32_t at = at_[index(job)];
        jobs_[at] = jobs_.back();
        at_[index(jobs_[at])] = at;
        jobs_.pop_back();
    }

private:
    std::vector<job_id> jobs_;
    pod_vector<std::uint32_t> at_;  // by job_id
};

}  // namespace ampacity::policy
