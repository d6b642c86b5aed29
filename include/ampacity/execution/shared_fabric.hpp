#pragma once
/// \file
/// An oversubscribed tier of the network that training jobs share: each part of it has an uplink, and jobs that span
/// several parts send over the uplinks of all of them.
///
/// Max-min fair: the rates of all jobs that use a saturated link rise together; a job goes at the share of its slowest
/// link. Traffic that takes longer delays the step by all of the excess. With `interleave` steps are shifted against
/// each other, so that a link is busy for no more than one at a time: jobs slow down only where their traffic together
/// takes longer than a step. Shares are recomputed for all jobs at each change, O(uses x links). Not thread-safe.

#include <cstdint>
#include <span>
#include <vector>

namespace ampacity::execution {

class shared_fabric {
public:
    /// What a job sends over a link.
    struct use {
        std::uint32_t link = 0;
        double gpus = 0;  ///< that send at their full rate, while it communicates; > 0
    };

    /// `capacity`: of each link, in GPUs that send at their full rate. \pre > 0
    shared_fabric(std::vector<double> capacity, bool interleave);

    /// A job begins: a step takes `time_s` alone on an unlimited network, of which `traffic_s` is traffic, hidden or
    /// not. Without uses it is alone.
    void add(std::uint32_t job, double time_s, double traffic_s, std::span<const use> uses);
    void remove(std::uint32_t job);

    /// Of a step, with all that use the network now. \pre added
    [[nodiscard]] double step_s(std::uint32_t job) const;
    /// Jobs whose step takes another time since the last call, in the order in which they came; a new one counts if
    /// it is slower than alone. O(1) where none has come or left since. The span is valid until the next call.
    [[nodiscard]] std::span<const std::uint32_t> changed();

private:
    struct user {
        std::uint32_t job = 0;
        double time_s = 0, traffic_s = 0;
        double step_s = 0;  // now
        double told_s = 0;  // when `changed` was called last
        std::vector<use> uses{};
    };

    void share();
    void share_by_rate();
    void share_in_turn();
    [[nodiscard]] const user* find(std::uint32_t job) const;

    std::vector<double> capacity_;
    bool interleave_;
    std::vector<user> users_;
    std::vector<std::vector<use>> spare_;  // room of those that have left
    bool is_told_ = true;                  // nobody has come or left since `changed` was called last
    std::vector<std::uint32_t> changed_;
    // While shares are computed.
    std::vector<double> left_, wanted_;  // (links)
    std::vector<double> share_;          // (users)
};

}  // namespace ampacity::execution
