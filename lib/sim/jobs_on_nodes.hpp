#pragma once
/// \file
/// Which running jobs hold GPUs of a node: for what happens to nodes and concerns their jobs.
///
/// O(nodes of the job) for each run that begins or ends; a node that one job holds alone costs one number. Not
/// thread-safe.

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
    explicit jobs_on_nodes(std::size_t nodes) : first_(nodes, none<job_id>) {}

    void add(job_id job, std::span<const fleet::gpu_share> held) {
        if (first_.empty()) return;
        for (const fleet::gpu_share& s : held) {
            job_id& first = first_[index(s.node)];
            if (first != none<job_id>) [[unlikely]]
                add_further(index(s.node), job);
            else
                first = job;
        }
    }
    void remove(job_id job, std::span<const fleet::gpu_share> held) {
        if (first_.empty()) return;
        const bool alone = further_.empty();
        for (const fleet::gpu_share& s : held) {
            if (alone)
                first_[index(s.node)] = none<job_id>;
            else
                remove_one(index(s.node), job);
        }
    }

    /// Those on these nodes, each once, in no order.
    void find(std::span<const node_id> nodes, std::vector<job_id>& out) const {
        out.clear();
        for (const node_id n : nodes) {
            if (first_[index(n)] == none<job_id>) continue;
            out.push_back(first_[index(n)]);
            if (!further_.empty()) out.insert(out.end(), further_[index(n)].begin(), further_[index(n)].end());
        }
        std::sort(out.begin(), out.end());
        out.erase(std::unique(out.begin(), out.end()), out.end());
    }

private:
    void add_further(std::size_t node, job_id job) {
        if (further_.empty()) further_.resize(first_.size());
        further_[node].push_back(job);
    }
    void remove_one(std::size_t node, job_id job) {
        std::vector<job_id>& others = further_[node];
        if (first_[node] != job) {
            *std::find(others.begin(), others.end(), job) = others.back();
        } else if (others.empty()) {
            first_[node] = none<job_id>;
            return;
        } else {
            first_[node] = others.back();
        }
        others.pop_back();
    }

    std::vector<job_id> first_;                 // (nodes) one of its jobs, or none
    std::vector<std::vector<job_id>> further_;  // (nodes) empty until a node has had two
};

}  // namespace ampacity::sim
