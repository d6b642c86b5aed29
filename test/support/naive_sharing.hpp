#pragma once
/// \file
/// Naive re-implementations of the policies that look at priorities, users and groups: `priority`, `fair-share`, `drf`.
///
/// Written from docs/policies alone. Every question is answered by looking at all jobs again. Pure functions, any
/// thread.

#include "support/naive_replay.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace naive {

/// A job and whose it is.
struct owned_job {
    job what{};  ///< but for the numbers of user and group
    std::string user{};
    std::string group{};
};

/// A group of fair-share.
struct quota_group {
    std::string name;
    std::string parent{};
    std::uint64_t quota = 0;
    std::uint64_t weight = 1;
};

struct sharing_options {
    options run{};  ///< the policy, its costs and limits
    bool backfill = false;
    std::int64_t preempt_above = 1;
    std::vector<quota_group> groups{};
    bool reclaim = true;
    bool by_group = false;
    std::map<std::string, std::uint64_t> weights{};
    bool skip = false;
    bool at_checkpoints = false;  ///< victims leave then
};

/// Replays the jobs; outcomes are in their order.
std::vector<outcome> share(const std::vector<owned_job>& jobs, const fleet& where, const sharing_options& how);

}  // namespace naive
