#pragma once
/// \file
/// Which replica a request goes to. A router sees a `replica_view`, never an engine; it decides once per request, at
/// its arrival, when everything that completes at that instant has been done and nothing that begins then.
///
/// O(1) per request, but O(log replicas) per request and per change of a replica for `least-requests`, `session` and
/// `least-kv`. The last asks again for those replicas alone whose blocks were less than the least when they were last
/// looked at. `prefix-aware` and `kv-aware` are O(replicas) per request, with one look into the table of each prefix
/// cache. No allocation per request. One router belongs to one service.

#include <ampacity/serving/replica.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace ampacity::serving {

/// What a router may know of the replicas.
class replica_view {
public:
    replica_view(std::span<const replica> replicas, instant now) noexcept : replica_view(replicas, now, now) {}
    /// `seen`: see `replica::submit`.
    replica_view(std::span<const replica> replicas, instant now, instant seen) noexcept
        : replicas_(replicas), size_(replicas.size()), now_(now), seen_(seen) {}
    /// Of these alone, numbered from 0 in their order.
    replica_view(std::span<const replica> replicas, std::span<const std::uint32_t> which, instant now,
                 instant seen) noexcept
        : replicas_(replicas), which_(which.data()), size_(which.size()), now_(now), seen_(seen) {}

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] instant now() const noexcept { return now_; }
    /// Requests that wait or run there, or are on their way from where their prompts were computed.
    [[nodiscard]] std::size_t requests(std::size_t i) const noexcept { return at(i).num_live() + at(i).num_expected(); }
    /// KV blocks that are taken there, those of the step in progress included, and of caches on their way.
    [[nodiscard]] std::int64_t kv_blocks(std::size_t i) const noexcept {
        return at(i).blocks_in_use(seen_) + at(i).blocks_expected();
    }
    /// The same without those of the step in progress: at most as many, now and until the replica is told to have
    /// changed. O(1).
    [[nodiscard]] std::int64_t least_kv_blocks(std::size_t i) const noexcept {
        return at(i).blocks_held() + at(i).blocks_expected();
    }
    /// Tokens of such a block.
    [[nodiscard]] std::int64_t block_tokens(std::size_t i) const noexcept { return at(i).block_tokens(); }
    /// Tokens of the request's prompt that the prefix cache there has now.
    [[nodiscard]] std::int64_t cached_tokens(std::size_t i, const workload::request& r) const noexcept {
        return at(i).cached_tokens(r, seen_);
    }
    /// At least as many. O(1).
    [[nodiscard]] std::int64_t most_cached_tokens(std::size_t i, const workload::request& r) const noexcept {
        return at(i).most_cached_tokens(r);
    }
    /// Tokens that the requests know that wait there.
    [[nodiscard]] std::int64_t waiting_tokens(std::size_t i) const noexcept { return at(i).waiting_tokens(); }

private:
    [[nodiscard]] const replica& at(std::size_t i) const noexcept {
        return replicas_[which_ == nullptr ? i : which_[i]];
    }

    std::span<const replica> replicas_;
    const std::uint32_t* which_ = nullptr;  // none: all
    std::size_t size_;
    instant now_, seen_;
};

class router {
public:
    router() = default;
    router(const router&) = delete;
    router& operator=(const router&) = delete;
    virtual ~router() = default;

    /// The number of the replica that gets it. \pre the view is not empty.
    virtual std::size_t route(const workload::request& r, const replica_view& view) = 0;
    /// Something arrived, ended or began at this replica. Between two calls it has the same requests, and its blocks
    /// never become fewer.
    virtual void changed(std::size_t replica, const replica_view& view) {
        static_cast<void>(replica);
        static_cast<void>(view);
    }
    /// Replicas have come or gone: views have others, with other numbers, from now on.
    virtual void renumbered() {}
};

/// The name of a random choice, see `random_stream`, and what else a router may be told.
struct router_options {
    std::uint64_t seed;             ///< of the run
    std::uint64_t entity = 0;       ///< of the service: a number that does not depend on the order of construction
    std::int64_t kv_weight = 1000;  ///< of `kv-aware`: of a token in a cache against one to compute [1/1000], 0 .. 10^6
};

/// A router and what it does.
struct router_description {
    std::string_view name;
    std::string_view doc;
};

/// All routers.
[[nodiscard]] std::span<const router_description> router_descriptions() noexcept;

/// A router by its name. \throws scenario_error for an unknown one.
[[nodiscard]] std::unique_ptr<router> make_router(std::string_view name, const router_options& options);

}  // namespace ampacity::serving
