#pragma once
/// \file
/// The replicas that go on with requests whose prompts others have computed, and the transfers of caches to them.
///
/// A replica is chosen when a request has its first token, by the pool's own router, which counts what is on its way;
/// the request comes to it when its cache is there, and then waits for blocks as any other. `service` drives this, in
/// the order of its own calls. O(log transfers) per request beside what replicas and router cost; nothing is allocated
/// once as many transfers were on their way as will be. One thread.

#include <ampacity/serving/kv_transfer.hpp>
#include <ampacity/serving/service.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ampacity::serving {

/// A cache on its way.
struct transfer {
    instant end;           ///< it is there
    std::uint64_t number;  ///< in order of first tokens
    std::uint32_t from;    ///< of the replicas that compute prompts
    std::uint32_t to;      ///< of the pool
    moved_request request;
};

class decode_pool {
public:
    /// `senders`: replicas that compute prompts. \throws scenario_error as for `service` and `kv_transfer`
    decode_pool(const decode_options& options, std::uint32_t senders);

    /// As of `service`.
    void measure_gaps(std::span<token_gaps> to) { pool_.measure_gaps(to); }

    /// The next end of a step or of a transfer.
    [[nodiscard]] instant next() const noexcept {
        return on_their_way_.empty() ? pool_.next() : std::min(pool_.next(), on_their_way_.front().end);
    }
    /// Steps that end at `to`.
    void advance(instant to);
    /// A request has its first token now.
    void send(const moved_request& r, std::uint32_t from, instant now);
    /// Has a cache come by `now`?
    [[nodiscard]] bool has_arrived(instant now) const noexcept {
        return !on_their_way_.empty() && on_their_way_.front().end <= now;
    }
    /// Takes in the first that has: of several at one instant in order of their first tokens. \pre has_arrived(now)
    transfer receive(instant now);
    void start(instant now) { pool_.start(now); }
    /// \pre advance(at) was called
    void close(instant at);

    /// As of `service`, with numbers of replicas that count on from those of the senders.
    [[nodiscard]] std::span<const request_record> records() const noexcept { return records_; }
    void clear_records() noexcept { records_.clear(); }
    /// Brings `records` up to date.
    void collect();

    [[nodiscard]] std::span<const replica> replicas() const noexcept { return pool_.replicas(); }
    /// As of `service`; caches on their way do not wait.
    [[nodiscard]] queue_size waiting() const noexcept { return pool_.waiting(); }
    [[nodiscard]] const kv_transfer& transfers() const noexcept { return transfer_; }
    [[nodiscard]] std::size_t num_on_their_way() const noexcept { return on_their_way_.size(); }
    [[nodiscard]] std::uint64_t num_begun() const noexcept { return num_begun_; }
    [[nodiscard]] std::uint64_t num_received() const noexcept { return num_received_; }
    /// Tokens whose caches have been received.
    [[nodiscard]] std::int64_t tokens_received() const noexcept { return tokens_received_; }

private:
    service pool_;
    kv_transfer transfer_;
    std::uint32_t senders_;
    std::vector<instant> link_free_;      // of each sender
    std::vector<transfer> on_their_way_;  // a heap, the first to end in front
    std::vector<request_record> records_;
    std::uint64_t num_begun_ = 0, num_received_ = 0;
    std::int64_t tokens_received_ = 0;
};

}  // namespace ampacity::serving
