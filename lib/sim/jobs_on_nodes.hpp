#pragma once
/// \file
/// Which running jobs hold GPUs of a node: for what happens to nodes and concerns their jobs.
///
/// O(nodes of the job) for each run that begins or ends. Not thread-safe.

#include <ampacity/core/ids.hpp>
#include <ampacity/fleet/allocation.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace ampacity::sim {

class jobs_on_nodes {
public:
    /// Of no nodes: nobody asks, and nothing is kept.
    explicit jobs_on_nodes(std::size_t nodes) : jobs_(nodes) {}

    void add(job_id job, std::span<const fleet::gpu_share> held) {
        if (jobs_.empty()) return;
        for (const fleet::gpu_share& s : held) jobs_[index(s.node)].push_back(job);
    }
    void remove(job_id job, std::span<const fleet::gpu_share> held) {
        if (jobs_.empty()) return;
        for (const fleet::gpu_share& s : held) {
            std::vector<job_id>& here = jobs_[index(s.node)];
            *std::find(here.begin(), here.end(), job) = here.back();
            here.pop_back();
        }
    }

    /// Those on these nodes, each once, in no order.
    void find(std::span<const node_id> nodes, std::vector<job_id>& out) const {
        out.clear();
        for (const node_id n : nodes) out.insert(out.end(), jobs_[index(n)].begin(), jobs_[index(n)].end());
        std::sort(out.begin(), out.end());
        out.erase(std::unique(out.begin(), out.end()), out.end());
    }

private:
    std::vector<std::vector<job_id>> jobs_;  // (nodes)
};

}  // namespace ampacity::sim
