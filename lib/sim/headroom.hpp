#pragma once
/// \file
/// What policies see of the power of a fleet: a `policy::headroom_view` for each partition, kept up to date.
///
/// What is read after a start or a stop costs O(feeds that can be short); after a feed has come or gone, O(devices +
/// rows x devices above one). Not thread-safe.

#include "live_jobs.hpp"

#include <ampacity/policy/checked_plan.hpp>
#include <ampacity/policy/view.hpp>
#include <ampacity/power/plant.hpp>
#include <ampacity/sim/energy.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ampacity::sim {

class headroom final : public policy::feed_facts, public policy::cap_facts, public policy::capping {
public:
    /// Both outlive it. \pre `meter` shows its head-room
    headroom(const energy_meter& meter, const live_jobs& jobs);

    /// One more partition, with these nodes of the fleet; empty: all.
    void add_partition(std::span<const node_id> nodes);
    /// What the partition of this number sees at this instant. Valid until the next call.
    [[nodiscard]] policy::headroom_view picture(std::size_t partition, instant now);

    [[nodiscard]] std::uint32_t kind(job_id job) const override;
    [[nodiscard]] std::string name(std::uint32_t feed) const override;
    [[nodiscard]] instant limited_until(std::uint32_t feed) const override;

    [[nodiscard]] std::uint32_t stands_for(std::uint32_t feed) const override { return stands_for_[feed]; }
    [[nodiscard]] std::span<const std::uint32_t> above(std::uint32_t group) const override;
    [[nodiscard]] std::uint16_t limit(std::uint32_t feed) const override;
    [[nodiscard]] change if_limited(std::uint32_t group, std::uint16_t to) const override;
    [[nodiscard]] std::int64_t added(std::uint32_t kind, std::uint32_t group, std::uint32_t count,
                                     std::uint16_t limit) const override;

    [[nodiscard]] std::string why_not(std::uint32_t feed) const override;
    [[nodiscard]] std::string why_not(node_id first, node_id last) const override;
    [[nodiscard]] power::device_id device_of(std::uint32_t feed) const noexcept { return feeds_[feed]; }

private:
    void find_feeds();
    void find_groups();
    void find_caps();
    [[nodiscard]] std::int64_t added_uw(std::size_t kind, std::uint32_t model, std::uint32_t count,
                                        std::uint16_t limit) const;
    void find_added();
    void find_shares();
    void read_room();

    /// How much of what the GPUs of a model draw arrives at the input of its rack, or of a node by itself.
    struct slopes {
        double least = 1, most = 1;
    };

    const energy_meter& meter_;
    const live_jobs& jobs_;
    const power::plant& plant_;
    instant now_ = start_of_time;
    std::uint64_t loads_ = 0, feeds_seen_ = 0;  // of the meter, when it was read last

    std::vector<power::device_id> feeds_;     // that can be short
    std::vector<std::uint32_t> number_;       // (devices) of feeds_, or `none`
    std::vector<std::int64_t> limit_, room_;  // (feeds)
    std::vector<std::uint32_t> group_;        // (nodes)
    std::vector<std::uint32_t> unit_;         // (groups) the first of its units
    std::vector<std::uint32_t> model_;        // (groups)
    std::vector<std::uint32_t> first_;        // (groups + 1)
    std::vector<policy::headroom_view::feed_share> shares_;
    std::vector<std::int64_t> added_;
    std::uint32_t gpus_ = 0;
    std::vector<slopes> slopes_;                          // (models)
    std::vector<char> split_;                             // (groups) is it a rack of a row?
    std::vector<std::uint32_t> stands_for_;               // (feeds) the first that has the same limit
    std::vector<std::uint32_t> first_cap_;                // (groups + 1)
    std::vector<std::uint32_t> caps_;                     // by group: feeds that stand for its limits
    std::vector<std::vector<std::uint32_t>> own_groups_;  // (partitions) of their nodes; empty: as the fleet
};

}  // namespace ampacity::sim
