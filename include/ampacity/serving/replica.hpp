#pragma once
/// \file
/// One replica of an inference server with continuous batching, exact at every step, and yet without a step's cost for
/// steps in which nothing changes.
///
/// What a step does, in this order (docs/serving.md tells it in full):
///
///     running requests, in order of admission, take tokens of the budget and blocks for them; while blocks are
///         lacking, the last running request is preempted: it loses its blocks and goes to the front of the queue
///     if none was preempted: the head of the queue is admitted while there is budget, a seat and blocks
///     at its end: who has computed all its known tokens gets one more; the last one finishes it
///
/// Step k of a busy period ends at t0 + (the exact sum of k step times, rounded half to even). A series of decode steps
/// is one *run*: its end, the blocks that it takes and the step that an arrival meets are found in closed form.
///
/// A step lasts by the slowdown of the instant at which it begins. One that begins with another slowdown than the step
/// before begins a busy period of that clock: t0 is then the instant at which it begins, which is whole nanoseconds.
///
/// A state machine for one thread: `next()` is the instant of its one pending event. At any instant call, in this
/// order, `advance` (completions), `submit` (arrivals), `start` (begin of a step); an event at the current instant
/// opens a further round. Cost: O(log running) per request and per preemption, O(1) per step that prefills, independent
/// of the number of output tokens. No allocation once it has held as many requests as it will.

#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/serving/adapter_slots.hpp>
#include <ampacity/serving/cache_tiers.hpp>
#include <ampacity/serving/finish_queue.hpp>
#include <ampacity/serving/iteration_time.hpp>
#include <ampacity/serving/kv_blocks.hpp>
#include <ampacity/serving/prefix_cache.hpp>
#include <ampacity/serving/replica_options.hpp>
#include <ampacity/serving/request_record.hpp>
#include <ampacity/serving/speculation.hpp>
#include <ampacity/serving/token_gaps.hpp>
#include <ampacity/workload/request.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace ampacity::serving {

/// A request whose prompt one replica has computed and whose answer another one continues.
struct moved_request {
    workload::request request{};
    instant first_start = never;
    instant first_token = never;
    std::uint32_t cached_tokens = 0;
    std::uint32_t preemptions = 0;
    std::uint32_t slot = 0;  ///< where its blocks are until `release`
};

/// What a replica has done, in whole numbers.
struct replica_counts {
    std::int64_t steps = 0;            ///< ended
    std::int64_t prefill_tokens = 0;   ///< computed in chunks, recomputed ones included
    std::int64_t decode_tokens = 0;    ///< computed in decodes, drafts included
    std::int64_t produced_tokens = 0;  ///< given to requests; with speculation, to those that do not decode any more
    std::int64_t preemptions = 0;
    std::int64_t cached_tokens = 0;  ///< found in the prefix cache at admissions, and not computed
    counts_by_tier tiers{};          ///< what was loaded, by requests that were preempted or cancelled meanwhile too
    adapter_counts adapters{};
    duration busy{};               ///< in steps that have ended, as their rounded ends tell it
    duration prefilling{};         ///< of it, in steps with chunks of prompts
    std::int64_t peak_blocks = 0;  ///< most that were taken at the end of a step
    /// Twice the integral of taken blocks over `busy`, by the mean of the first and the last step of each
    /// series: exact where blocks grow evenly over equal steps [block-ns].
    int128 twice_block_time = 0;
};

class replica {
public:
    /// Several may share the last of their tiers, see `shared_of`. \throws scenario_error for options outside their
    /// ranges; the key is their name.
    replica(const replica_options& options, iteration_time time, const std::shared_ptr<shared_tier>& shared = {});

    /// Gaps between tokens of its requests are added there from now on, by priority if there is one for each. \pre
    /// these outlive this, are 1 or `num_request_priorities`, and no request has come
    void measure_gaps(std::span<token_gaps> to);
    void measure_gaps(token_gaps& to) { measure_gaps(std::span{&to, 1}); }

    /// Times to first tokens are added there as these are given [ns]. \pre as for `measure_gaps`
    void note_first_tokens(std::vector<std::int64_t>& to) noexcept { first_tokens_ = &to; }

    /// A request arrives; it may have arrived at the service before. It is rejected at once if the cache can never hold
    /// it. \pre `advance(now)` was called;
    /// prompt and output tokens are 1 .. `max_tokens_per_request`, the priority is below `num_request_priorities`.
    ///
    /// Here and below, `seen` is `now`, or a nanosecond more where steps have begun at that instant already: what comes
    /// in a later round of it meets the step that comes next.
    void submit(const workload::request& r, instant now, instant seen);
    void submit(const workload::request& r, instant now) { submit(r, now, now); }
    /// A request comes whose prompt was computed elsewhere, and its first token with it: it waits for blocks of its
    /// own, and nothing is computed again unless it is preempted. \pre as for `submit`; no prefix cache, no adapters
    void accept(const moved_request& r, instant now, instant seen);
    void accept(const moved_request& r, instant now) { accept(r, now, now); }
    /// The cache of a request that was handed over is gone from here. \pre `advance(now)` was called
    void release(std::uint32_t slot, instant now);
    /// Such a request will come, or has.
    void expect(const workload::request& r, bool will_come) noexcept;
    /// Requests that were handed over since `clear_moved`, in order of their admission.
    [[nodiscard]] std::span<const moved_request> moved() const noexcept { return moved_; }
    void clear_moved() noexcept { moved_.clear(); }
    /// The same steps at another slowdown, see `iteration_time::slowed`, which replicas of the same options may share.
    /// \throws scenario_error where times cannot be exact any more
    [[nodiscard]] std::shared_ptr<const iteration_time> slowed(std::int64_t millionths) const;
    /// Steps that begin from `seen` on last as long as this says; one in progress as it has begun. \pre it is of
    /// `slowed`; advance(now) was called
    void pace_by(std::shared_ptr<const iteration_time> time, instant seen) noexcept;
    /// Of steps that begin now, in millionths.
    [[nodiscard]] std::int64_t slowdown() const noexcept { return wanted_->slowdown(); }
    /// Begins a step, or a series of them, unless one is in progress or there is nothing to do.
    void start(instant now);
    /// The end of what is in progress, or of the first load where nothing else is; never: nothing is.
    [[nodiscard]] instant next() const noexcept { return end_; }
    /// Does what ends at `to`. \pre to <= next().
    void advance(instant to);
    /// The run is over: writes records of the requests that are left, and counts the steps that have ended. \pre
    /// advance(at) was called; nothing is called after it.
    void close(instant at);
    /// The server is gone, with its caches: it stands there like a new one, at full speed, but for its counts. Requests
    /// that are left fail, or are handed out in order of arrival, as if nothing had been done for them. \pre
    /// advance(at) was called
    /// \return tokens that were in their caches
    std::int64_t abandon(instant at, std::vector<workload::request>* handed_out);

    /// Records of requests that have left since `clear_records`, in order of leaving.
    [[nodiscard]] std::span<const request_record> records() const noexcept { return records_; }
    void clear_records() noexcept { records_.clear(); }

    [[nodiscard]] std::size_t num_live() const noexcept { return num_waiting_ + num_loading_ + num_running_; }
    /// Requests that will come with their caches, and the blocks that those take.
    [[nodiscard]] std::size_t num_expected() const noexcept { return num_expected_; }
    [[nodiscard]] std::int64_t blocks_expected() const noexcept { return blocks_expected_; }
    [[nodiscard]] std::size_t num_waiting() const noexcept { return num_waiting_; }
    /// That have a seat, those included whose prefix is being loaded.
    [[nodiscard]] std::size_t num_running() const noexcept { return num_loading_ + num_running_; }
    /// Blocks that are taken, those of the step in progress included. \pre advance(now) was called.
    [[nodiscard]] std::int64_t blocks_in_use(instant seen) const noexcept;
    /// The same without those of the step in progress. O(1).
    [[nodiscard]] std::int64_t blocks_held() const noexcept { return kv_.num_blocks() - kv_.free(); }
    [[nodiscard]] std::int64_t num_blocks() const noexcept { return kv_.num_blocks(); }
    [[nodiscard]] std::int64_t block_tokens() const noexcept { return kv_.block_tokens(); }
    /// Tokens of answers that have been given by the end of `now`, whatever becomes of the requests. O(1), with
    /// speculation O(running). \pre advance(now) was called
    [[nodiscard]] std::int64_t produced_tokens(instant now) const noexcept;
    /// Time in steps by `now`, and of it in those with chunks of prompts; the one in progress included. O(1).
    /// \pre advance(now) was called
    struct step_time {
        duration all{}, with_prompts{};
    };
    [[nodiscard]] step_time time_in_steps(instant now) const noexcept;
    /// Tokens at the front of this request's prompt that its prefix cache would have, those forgotten in the step in
    /// progress excluded. O(1), but for what it forgets. \pre as for `blocks_in_use`.
    [[nodiscard]] std::int64_t cached_tokens(const workload::request& r, instant seen) const noexcept;
    /// The same, or more: what the step in progress makes it forget may be included. O(1).
    [[nodiscard]] std::int64_t most_cached_tokens(const workload::request& r) const noexcept;
    /// Tokens that the requests know that wait: all that they may have to compute.
    [[nodiscard]] std::int64_t waiting_tokens() const noexcept { return waiting_tokens_; }
    [[nodiscard]] const replica_counts& counts() const noexcept { return counts_; }
    /// Size of the state of one live request [B].
    [[nodiscard]] static std::size_t bytes_per_request() noexcept;

private:
    using slot = std::uint32_t;
    static constexpr slot nobody = 0xFFFF'FFFFU;

    enum class phase : std::uint8_t { waiting, loading, prefilling, decoding, moving };

    struct live {
        workload::request request;
        instant first_start;
        instant first_token;
        std::uint64_t admission;     // order of the last one
        std::int64_t computed;       // while it decodes: in parts, less those that all have grown by
        std::uint32_t num_produced;  // before it decoded
        std::uint32_t preemptions;
        std::uint32_t shared_blocks;  // the first ones, found in the prefix cache
        std::uint32_t known_blocks;   // the first ones, found there or offered to it
        std::uint32_t cached_tokens;
        slot before, after;                 // in the queue or among the running
        slot older, younger;                // of all
        slot older_unseen, younger_unseen;  // of those that were never admitted
        phase where;
        bool has_come;      // with its prompt computed, and was not admitted since
        duration transfer;  // as in a record
        instant loaded;     // the end of its load, while it is `loading`
    };
    struct list {
        slot first = nobody;
        slot last = nobody;
    };
    struct chunk {
        slot request;
        std::int64_t tokens;
        bool is_decode;  // what is left beside the prefix cache may be
    };
    /// What is in progress.
    struct run {
        std::int64_t steps = 0;    // 0: nothing is
        std::int64_t decodes = 0;  // requests that decode in each step
        time_units total = 0;      // exact time of all
        std::int64_t blocks = 0;   // taken in its first step
        bool prefills = false;     // has chunks that are no decodes
        bool is_series = false;    // of decodes only; else one step with chunks, or after a preemption
    };

    /// The names of the links that make a list.
    struct links {
        slot live::* before;
        slot live::* after;
    };
    static constexpr links order_links{&live::before, &live::after};
    static constexpr links age_links{&live::older, &live::younger};
    static constexpr links unseen_links{&live::older_unseen, &live::younger_unseen};

    template <links L>
    void link_back(list& l, slot s) noexcept;
    template <links L>
    void link_front(list& l, slot s) noexcept;
    template <links L, class TimeOf>
    void link_by(list& l, slot s, TimeOf time_of) noexcept;
    template <links L>
    void link_by_arrival(list& l, slot s) noexcept;
    template <links L>
    void unlink(list& l, slot s) noexcept;

    [[nodiscard]] slot take_slot(const workload::request& r);
    void leave(slot s, request_state state);
    void join_queue(slot s, instant seen);
    void begin_busy_period(instant now) noexcept;
    void take_pace() noexcept;
    void hand_over(slot s);
    void count_idle(instant now) noexcept;
    void record(const live& r, request_state state, instant end);

    [[nodiscard]] list& queue_of(slot s) noexcept;
    [[nodiscard]] slot head() const noexcept;
    void enqueue(slot s, bool at_front) noexcept;
    void dequeue(slot s) noexcept;
    [[nodiscard]] static std::int64_t known(const live& r) noexcept;
    /// Parts by which whoever decoded since the beginning has grown.
    [[nodiscard]] std::int64_t grown() const noexcept { return decode_steps_ * growth_; }
    /// Blocks that the next decode steps take.
    [[nodiscard]] std::int64_t needed(std::int64_t steps = 1) const noexcept {
        return growth_ == 1 && steps == 1 ? kv_.needed(decode_steps_) : kv_.needed(grown(), steps * growth_);
    }
    [[nodiscard]] std::int64_t steps_with(std::int64_t blocks, std::int64_t limit) const noexcept {
        return kv_.steps_with(blocks, grown(), limit * growth_) / growth_;
    }
    [[nodiscard]] std::uint32_t produced(const live& r) const noexcept;
    [[nodiscard]] bool may_admit() const noexcept;

    void plan();
    void preempt_last();
    [[nodiscard]] bool can_wait() const noexcept { return options_.hands_over || loads(); }
    [[nodiscard]] bool loads() const noexcept { return !tiers_.empty() || !adapters_.empty(); }
    void evict(std::int64_t reserved) const noexcept;
    [[nodiscard]] std::uint32_t matching_blocks(const workload::request& r, std::int64_t known) const noexcept;
    [[nodiscard]] std::uint32_t matching_blocks(const live& r) const noexcept {
        return matching_blocks(r.request, known(r));
    }
    void offer_blocks(live& r);
    void release_blocks(live& r);
    [[nodiscard]] std::uint32_t prefix_blocks(const workload::request& r, std::int64_t known) const noexcept;
    [[nodiscard]] bool is_anywhere(const live& r) const noexcept;
    [[nodiscard]] bool may_be_shared(const live& r) const noexcept;
    [[nodiscard]] tier_blocks worth_loading(const live& r, std::uint32_t matching) const noexcept;
    enum class outcome : std::uint8_t { fits, waits, preempted };
    bool take_chunks(std::int64_t budget, std::int64_t reserved, bool preempted);
    outcome take_partial(std::int64_t& budget, std::int64_t reserved, outcome so_far);
    outcome take_loaded(std::int64_t& budget, std::int64_t reserved);
    void take_waiting(std::int64_t budget, std::int64_t reserved);
    bool begin_load(slot s, std::uint32_t matching, const tier_blocks& blocks, std::int64_t reserved);
    void stop_loading(slot s);
    void admit(slot s, std::uint32_t matching);
    void begin_running(slot s);
    void add_chunk(slot s, std::int64_t tokens);
    void begin_series();
    void begin_step(bool with_decodes);
    void set_end() noexcept;
    void cut(instant at) noexcept;
    void check_range(const iteration_time& time) const;
    [[nodiscard]] decode_run series() const noexcept;
    [[nodiscard]] std::int64_t steps_begun(instant at) const noexcept;
    void count_steps(std::int64_t steps) noexcept;
    void count_time(duration took) noexcept;
    void count_gaps(std::int64_t steps, instant last_end);
    void stop_series(instant at);
    [[nodiscard]] std::int64_t steps_ended(instant at) const noexcept;
    void count_speculated(const live& r);
    [[nodiscard]] std::vector<slot> all_live() const;

    void complete();
    void finish_chunk(const chunk& c);
    void gain_token(slot s);
    void gained_last(slot s, instant at);
    [[nodiscard]] std::size_t gap_group(const live& r) const noexcept {
        return gaps_.size() == 1 ? 0 : std::size_t{r.request.priority};
    }
    void begin_decoding(slot s);
    void stop_decoding(slot s);
    void stop(slot s);
    void stop_running(slot s);
    [[nodiscard]] instant first_deadline() const noexcept;
    void cancel_expired();
    void cancel(slot s);

    replica_options options_;
    std::int64_t width_ = 1;                        // tokens that a decode schedules
    std::int64_t parts_ = 1;                        // of a token, in which decodes grow
    std::int64_t growth_ = 1;                       // of each in a step, in parts
    std::shared_ptr<const iteration_time> full_;    // at full speed
    std::shared_ptr<const iteration_time> time_;    // of the step in progress, or the last one
    std::shared_ptr<const iteration_time> wanted_;  // of the next one
    kv_blocks kv_;
    // Its blocks that nobody holds count as free in `kv_`. Mutable: what a series of steps makes it forget is forgotten
    // at its end, or when somebody asks.
    adapter_slots adapters_;
    cache_tiers tiers_;
    mutable prefix_cache cache_;
    finish_queue finishing_;

    std::vector<live> live_;
    slot free_slots_ = nobody;  // chained by `after`
    std::array<list, workload::num_request_priorities> waiting_{};
    std::uint32_t waiting_classes_ = 0;  // bit p: some of priority p wait
    list loading_;                       // in order of the ends of loads
    list running_;                       // in order of admission
    list all_;                           // in order of arrival; kept for `timeout` only
    list unseen_;                        // in order of arrival; kept for `max_wait` only
    std::size_t num_waiting_ = 0;
    std::int64_t waiting_tokens_ = 0;
    std::size_t num_loading_ = 0;
    std::size_t num_running_ = 0;
    slot partial_ = nobody;  // runs and has prompt left: always the last of the running
    std::uint64_t admissions_ = 0;

    std::vector<chunk> chunks_;  // of the step in progress
    batch batch_{};              // of the step being planned
    run run_;

    instant busy_since_ = start_of_time;  // t0
    time_units busy_time_ = 0;            // exact time from it to the last end of a step
    instant boundary_ = never;            // the last end of a step, or the arrival that began the busy period
    instant end_ = never;                 // of the run in progress
    std::int64_t decode_steps_ = 0;       // done so far
    std::int64_t decode_tokens_ = 0;      // computed by those that decode, of all their tokens

    std::size_t num_expected_ = 0;
    std::int64_t blocks_expected_ = 0;
    instant idle_since_ = start_of_time;  // no step since; where requests may wait without one

    std::vector<std::int64_t>* first_tokens_ = nullptr;
    // Only where gaps are measured:
    struct answer {
        instant last_token;       // before it decoded
        bool is_joining = false;  // it decodes, and no step has given it a token since
    };
    std::span<token_gaps> gaps_{};                                            // by group: of all, or of each priority
    std::vector<answer> answers_;                                             // by slot
    std::array<std::uint64_t, workload::num_request_priorities> decoding_{};  // by group
    std::vector<slot> joining_;                                               // some may be there no more
    instant last_decode_end_ = start_of_time;  // whoever decodes and does not join has its last token then

    replica_counts counts_;
    std::vector<request_record> records_;
    std::vector<moved_request> moved_;
};

}  // namespace ampacity::serving
