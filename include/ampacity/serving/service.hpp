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
///
/// With `admission` a request that finds too many before it is shed: it leaves as it arrives, and no router sees it.
/// Those of the same instant before it count, as they wait until steps begin.
///
/// With `decode` the replicas compute prompts and give first tokens alone, and those of a `decode_pool` the others. At
/// one instant steps end first, of prompts, then of others; then decoding replicas are chosen for requests that have
/// their first token, and then caches arrive.

#include <ampacity/core/time.hpp>
#include <ampacity/serving/admission.hpp>
#include <ampacity/serving/kv_transfer.hpp>
#include <ampacity/serving/replica.hpp>
#include <ampacity/serving/request_record.hpp>
#include <ampacity/serving/router.hpp>
#include <ampacity/workload/request_source.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ampacity::serving {

class decode_pool;

/// Replicas that give all tokens but the first.
struct decode_options {
    std::uint32_t replicas = 1;  ///< >= 1
    replica_options engine{};    ///< of each; it has no prefix cache
    std::string router = "round-robin";
    router_options random{};
    iteration_time time;  ///< of their steps
    kv_transfer_options transfer{};
};

struct service_options {
    std::uint32_t replicas = 1;  ///< >= 1
    replica_options engine{};    ///< of each; with `decode` nobody looks at its `speculation`
    std::string router = "round-robin";
    router_options random;                         ///< names the router's draws
    bool scaled = false;                           ///< replicas come and go: at first none is open
    std::optional<decode_options> decode{};        ///< none: replicas give whole answers. \pre not scaled
    std::optional<admission_options> admission{};  ///< none: all requests are taken
};

class service {
public:
    /// \throws scenario_error for options outside their ranges; the key is their name.
    service(const service_options& options, const iteration_time& time);
    service(service&&) noexcept;
    service& operator=(service&&) noexcept;
    ~service();

    /// Gaps between tokens of all requests are added there, as `replica::measure_gaps` says.
    void measure_gaps(std::span<token_gaps> to);
    void measure_gaps(token_gaps& to) { measure_gaps(std::span{&to, 1}); }
    /// The same of times to first tokens, as these are given [ns].
    void note_first_tokens(std::vector<std::int64_t>& to) noexcept;

    /// A request arrives and is sent to a replica, whose number is returned, or `no_replica` if it waits for one or is
    /// shed.
    /// \pre as for `replica::submit`.
    std::size_t submit(const workload::request& r, instant now);
    /// Sends on what waits at the router, if it can, and begins steps on replicas at which something arrived or ended.
    /// What comes at that instant later on is for the steps after these.
    void start(instant now);
    /// The same, where nothing began here, but would have.
    void steps_began(instant now) noexcept { begun_ = now; }
    /// The earliest end of what is in progress; never: nothing is.
    [[nodiscard]] instant next() const noexcept { return std::min(ends_[1], decode_next_); }
    /// Does what ends at `to`, by number of replica. \pre to <= next().
    void advance(instant to);
    /// The run is over, see `replica::close`.
    void close(instant at);

    /// Steps of this replica that begin from now on last so many millionths of their time, and steps in progress as
    /// they have begun. \pre no pools of prompts and answers; now <= next()
    /// \throws scenario_error where times cannot be exact any more
    void set_slowdown(std::size_t i, std::int64_t millionths, instant now);

    /// Records of requests that have left since `clear_records`.
    [[nodiscard]] std::span<const request_record> records() const noexcept { return records_; }
    void clear_records() noexcept { records_.clear(); }

    // --- replicas that come and go; \pre scaled ---

    /// It gets requests from now on. \pre it is not open
    void open(std::size_t i);
    /// It gets no more of them. \pre it is open
    void shut(std::size_t i);
    [[nodiscard]] std::size_t num_open() const noexcept { return open_.size(); }
    /// What waits at the router and at replicas, those that decode included. O(1).
    [[nodiscard]] queue_size waiting() const noexcept;
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

    // --- as a pool that decodes, see `decode_pool` ---

    /// The replica to which a request will come with its cache.
    std::size_t expect(const workload::request& r, instant now);
    /// It has come. \pre it was expected there
    void accept(std::size_t i, const moved_request& r, instant now);

    /// Those that get requests.
    [[nodiscard]] std::span<const replica> replicas() const noexcept { return replicas_; }
    /// Has any of them ever had a request? Of a fluid service none has.
    [[nodiscard]] bool is_used() const noexcept { return is_used_; }
    /// Those that go on with them; null: the same.
    [[nodiscard]] const decode_pool* decode() const noexcept { return decode_.get(); }
    /// What has been computed and given by the end of `now`, and what is there then. \pre advance(now) was called
    struct progress {
        std::int64_t prefill_tokens = 0;   ///< computed in chunks of prompts, recomputed ones included
        std::int64_t produced_tokens = 0;  ///< of answers
        std::int64_t cached_tokens = 0;    ///< found in prefix caches at admissions
        std::int64_t blocks = 0;           ///< taken now, those of steps in progress included
    };
    [[nodiscard]] progress progress_at(instant now) const noexcept;
    /// Of all replicas, those of the decode pool included; the peak is that of one.
    [[nodiscard]] replica_counts counts() const noexcept;

private:
    [[nodiscard]] std::shared_ptr<const iteration_time> time_at(std::int64_t millionths);
    [[nodiscard]] instant seen(instant now) const noexcept { return begun_ == now ? now + duration{1} : now; }
    [[nodiscard]] replica_view view_of(instant now) const noexcept;
    void touch(std::size_t i);
    void stop_here(std::size_t i, instant now);
    void settle(std::size_t i, instant now);
    void collect(std::size_t i);
    void set_end(std::size_t i) noexcept;
    void count_waiting(std::size_t i) noexcept;
    void record(const workload::request& r, request_state state, instant end);
    void count_left(std::size_t first_record) noexcept;
    std::size_t send(const workload::request& r, instant now);
    void send_pending(instant now);
    void move_requests(instant now);
    void collect_decoded();

    std::vector<replica> replicas_;
    // That replicas have asked for, and some may have no more; by slowdown.
    std::vector<std::shared_ptr<const iteration_time>> slowed_;
    std::unique_ptr<router> router_;
    std::size_t leaves_;                // a power of two
    std::vector<instant> ends_;         // a tree of minima over `next()` of the replicas; the root is entry 1
    std::vector<std::size_t> touched_;  // replicas on which `start` is to be called
    std::vector<bool> is_touched_;
    std::vector<request_record> records_;
    struct handed_over {
        std::uint32_t from;
        moved_request request;
    };
    std::vector<handed_over> handed_over_;  // at this instant
    std::unique_ptr<decode_pool> decode_;
    instant decode_next_ = never;
    bool scaled_;
    bool shares_;            // replicas a tier
    instant begun_ = never;  // the last instant at which steps began, here or elsewhere
    bool is_used_ = false;
    std::vector<std::uint32_t> open_;         // rising; only if replicas come and go
    std::vector<workload::request> pending_;  // the same
    std::optional<admission> admission_;
    std::vector<queue_size> queues_;  // (replicas)
    queue_size queued_;               // their sum and what is pending
};

/// Sums over replicas; the peak is that of one.
[[nodiscard]] replica_counts counts_of(std::span<const replica> replicas) noexcept;

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
