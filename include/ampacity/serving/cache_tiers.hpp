#pragma once
/// \file
/// What is below a prefix cache: slower memories that keep the blocks it evicts, and the links that bring them back.
///
/// Each tier of a replica has one link, which brings one load after the other in the order in which they begin; links
/// of different tiers work side by side, and what goes down to a tier takes no time of them. The last tier may be one
/// for all replicas of a service, with one link for all: a `shared_tier`. A load begins at an instant; its blocks of a
/// tier, n tokens in all, are there at
///
///     max(free, begin) + whole(n) + latency,    free = max(free, begin) + whole(n)
///
/// with whole(n) = n x bytes_per_token / (efficiency x bandwidth), rounded once, half to even, to nanoseconds. The load
/// ends with the last of its tiers, at least 1 ns after its begin. O(tiers) per load, no allocation. One thread.

#include <ampacity/core/time.hpp>
#include <ampacity/serving/kv_transfer.hpp>
#include <ampacity/serving/prefix_cache.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace ampacity::serving {

/// One of them, of each replica.
struct cache_tier {
    std::int64_t capacity_tokens = 0;  ///< whole blocks count, one at least; up to 2^48
    kv_transfer_options link{};        ///< `layers` is 1
    bool shared = false;               ///< by all replicas, which have one between them; of the last tier alone
};

/// What the tiers of a replica have given, in whole numbers.
struct tier_counts {
    std::int64_t loads = 0;   ///< begun, with blocks of this tier
    std::int64_t tokens = 0;  ///< of these blocks
    duration busy{};          ///< that the link takes for them, latency excluded
};

using counts_by_tier = std::array<tier_counts, prefix_cache::max_tiers>;

/// Blocks of a prefix by the tier in which they are.
struct tier_blocks {
    std::array<std::uint32_t, prefix_cache::max_tiers> of{};
    std::uint32_t all = 0;
};

/// What replicas share of such a tier.
struct shared_tier {
    prefix_cache blocks;
    instant free = start_of_time;  ///< its link
};

/// None where the last of these tiers is each replica's own. \throws as `cache_tiers`
[[nodiscard]] std::shared_ptr<shared_tier> shared_of(const std::vector<cache_tier>& tiers, std::int64_t block_tokens);

class cache_tiers {
public:
    /// Those of one of the replicas that share `shared`, of `shared_of`; without it the last tier is this one's alone.
    /// \throws scenario_error for options outside their ranges; the key is tiers.N and their name.
    cache_tiers(const std::vector<cache_tier>& tiers, std::int64_t block_tokens,
                std::shared_ptr<shared_tier> shared = {});

    [[nodiscard]] bool empty() const noexcept { return links_.empty(); }
    [[nodiscard]] const std::shared_ptr<shared_tier>& shared() const noexcept { return shared_; }
    /// The cache of the first tier's blocks and of the others'. \pre this outlives it
    [[nodiscard]] prefix_cache cache() const;
    /// How long links without other loads take for so many blocks of a tier.
    [[nodiscard]] duration alone(std::size_t tier, std::uint32_t blocks) const noexcept;
    /// Begins a load, and counts it. \return its end
    instant load(const tier_blocks& blocks, instant begin, counts_by_tier& counts) noexcept;
    /// These blocks of a session are looked up for a load: those of the shared tier go later now.
    void look_up(const prefix_cache& cache, std::uint32_t session, std::uint32_t first, std::uint32_t count);

private:
    struct link {
        kv_transfer transfer;
        std::int64_t blocks;
        instant free = start_of_time;
    };

    std::int64_t block_tokens_;
    std::vector<link> links_;
    std::shared_ptr<shared_tier> shared_;  // the last tier; its own `free` counts
};

}  // namespace ampacity::serving
