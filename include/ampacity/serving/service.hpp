#pragma once
/// \file
/// Replicas behind one router, as one state machine: what a simulation drives.
///
/// At any instant call, in this order, `advance` (completions), `submit` (arrivals), `start` (begins of steps); a
/// completion at the current instant opens a further round. `serve` below is the loop that does so for a service alone.
/// O(log replicas) per completion beside what replicas and router cost; no allocation once replicas hold as many
/// requests as they will. One thread.
///
/// Where replicas come and go (`scaled`), none gets requests until it is opened; what arrives while none is open waits
/// at the router, and is sent on in that order when steps begin, behind the arrivals of the instant.

#include <ampacity/core/time.hpp>
#include <ampacity/serving/replica.hpp>
#include <ampacity/serving/request_record.hpp>
#include <ampacity/serving/router.hpp>
#include <ampacity/workload/request_source.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ampacity::serving {

struct service_options {
    std::uint32_t replicas = 1;  ///< >= 1
    replica_options engine{};    ///< of each
    std::string router = "round-robin";
    router_options random;  ///< names the router's draws
    bool scaled = false;    ///< replicas come and go: at first none is open
};

class service {
public:
    /// \throws scenario_error for options outside their ranges; the key is their name.
    service(const service_options& options, const iteration_time& time);

    /// A request arrives and is sent to a replica, whose number is returned, or `no_replica` if it waits for one.
    /// \pre as for `replica::submit`.
    std::size_t submit(const workload::request& r, instant now);
    /// Sends on what waits at the router, if it can, and begins steps on replicas at which something arrived or ended.
    void start(instant now);
    /// The earliest end of what is in progress; never: nothing is.
    [[nodiscard]] instant next() const noexcept { return ends_[1]; }
    /// Does what ends at `to`, by number of replica. \pre to <= next().
    void advance(instant to);
    /// The run is over, see `replica::close`.
    void close(instant at);

    /// Records of requests that have left since `clear_records`.
    [[nodiscard]] std::span<const request_record> records() const noexcept { return records_; }
    void clear_records() noexcept { records_.clear(); }

    // --- replicas that come and go; \pre scaled ---

    /// It gets requests from now on. \pre it is not open
    void open(std::size_t i);
    /// It gets no more of them. \pre it is open
    void shut(std::size_t i);
    [[nodiscard]] std::size_t num_open() const noexcept { return open_.size(); }
    /// Requests at the router.
    [[nodiscard]] std::size_t num_pending() const noexcept { return pending_.size(); }
    /// What of a replica's work is lost.
    struct loss {
        std::uint64_t requests = 0;
        std::int64_t tokens = 0;  ///< in their caches
    };
    /// A replica that is not open is gone, see `replica::abandon`; its requests wait at the router, or fail.
    /// \pre advance(now) was called
    loss abandon(std::size_t i, instant now, bool requeue);

    [[nodiscard]] std::span<const replica> replicas() const noexcept { return replicas_; }
    /// Of all replicas; the peak is that of one.
    [[nodiscard]] replica_counts counts() const noexcept;

private:
    void touch(std::size_t i);
    void settle(std::size_t i, instant now);
    void collect(std::size_t i);
    void set_end(std::size_t i) noexcept;
    std::size_t send(const workload::request& r, instant now);
    void send_pending(instant now);

    std::vector<replica> replicas_;
    std::unique_ptr<router> router_;
    std::size_t leaves_;                // a power of two
    std::vector<instant> ends_;         // a tree of minima over `next()` of the replicas; the root is entry 1
    std::vector<std::size_t> touched_;  // replicas on which `start` is to be called
    std::vector<bool> is_touched_;
    std::vector<request_record> records_;
    bool scaled_;
    std::vector<std::uint32_t> open_;         // rising; only if replicas come and go
    std::vector<workload::request> pending_;  // the same
};

/// Serves all requests of a source, or those up to `until`; `sink` gets every record, in order of leaving.
/// \throws data_error from the source.
template <class Sink>
void serve(workload::request_source& source, service& s, instant until, Sink&& sink) {
    workload::request_loop* const loop = source.loop();
    std::array<workload::request, 256> batch;
    std::size_t have = loop != nullptr ? 0 : source.next(batch);
    std::size_t at = 0;
    const auto next_arrival = [&] {
        return loop != nullptr ? loop->next_arrival() : at == have ? never : batch[at].arrival;
    };
    const auto deliver = [&] {
        for (const request_record& r : s.records()) {
            if (loop != nullptr && r.end != never) loop->left(r.row, r.state == request_state::finished, r.end);
            sink(r);
        }
        s.clear_records();
    };
    for (;;) {
        const instant now = std::min(next_arrival(), s.next());
        if (now == never || now > until) break;
        s.advance(now);
        while (next_arrival() == now) {
            if (loop != nullptr) {
                s.submit(loop->take(), now);
                continue;
            }
            s.submit(batch[at], now);
            if (++at != have) continue;
            have = source.next(batch);
            at = 0;
        }
        s.start(now);
        deliver();
    }
    s.close(until);
    deliver();
}

}  // namespace ampacity::serving
