#include "whole_number.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/serving/replica.hpp>

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

namespace ampacity::serving {
namespace {

void check(const char* key, const std::optional<duration>& value) {
    if (!value || (*value > duration::zero() && *value <= longest_input)) return;
    throw scenario_error(
        {{}, key, "out of range", std::to_string(ticks(*value)) + " ns", "give a time above 0, of at most 200 years"});
}

void check(const speculation_options& s, const replica_options& o) {
    check_number("speculation.tokens", s.drafts, 1, speculation_options::max_drafts);
    check_number("speculation.gain", s.gain, parts_per_token, parts_per_token * (s.drafts + 1));
    if (o.kv_block_tokens <= s.drafts || o.kv_block_tokens > speculation_options::max_block_tokens) {
        throw scenario_error({{},
                              "kv_block_tokens",
                              "not for decodes with their drafts, which take one new block at most",
                              std::to_string(o.kv_block_tokens),
                              "give " + std::to_string(s.drafts + 1) + " to " +
                                  std::to_string(speculation_options::max_block_tokens) +
                                  (o.kv_block_tokens <= s.drafts ? ", or fewer `speculation.tokens`" : "")});
    }
    if (o.max_batched_tokens < o.max_seqs * (s.drafts + 1)) {
        throw scenario_error({{},
                              "max_batched_tokens",
                              "fewer than `max_seqs` requests with their drafts decode",
                              std::to_string(o.max_batched_tokens),
                              "give at least " + std::to_string(o.max_seqs * (s.drafts + 1)) +
                                  ", or smaller `max_seqs` or `speculation.tokens`"});
    }
}

replica_options checked(const replica_options& o) {
    check_number("max_seqs", o.max_seqs, 1, std::int64_t{1} << 20U);
    check_number("max_batched_tokens", o.max_batched_tokens, 1, std::int64_t{1} << 31U);
    check_number("kv_capacity_tokens", o.kv_capacity_tokens, 0, std::int64_t{1} << 48U);
    check_number("kv_block_tokens", o.kv_block_tokens, 1, kv_blocks::max_block_tokens);
    check("timeout", o.timeout);
    check("max_wait", o.max_wait);
    if (o.order == step_order::prefill_first && o.max_batched_tokens < o.max_seqs) {
        throw scenario_error({{},
                              "max_batched_tokens",
                              "below max_seqs, with prefill-first",
                              std::to_string(o.max_batched_tokens),
                              "give at least " + std::to_string(o.max_seqs) + ", or a smaller `max_seqs`"});
    }
    if (o.speculation) check(*o.speculation, o);
    if (!o.tiers.empty() && !o.prefix_cache)
        throw scenario_error({{}, "tiers", "nothing goes down to them without a prefix cache", {}, "add one"});
    if (o.adapters && o.hands_over)
        throw scenario_error({{}, "adapters", "not for replicas that hand requests over", {}, "remove them"});
    if (o.recompute_per_token && *o.recompute_per_token < duration::zero())
        throw scenario_error({{},
                              "recompute_per_token",
                              "below zero",
                              std::to_string(ticks(*o.recompute_per_token)) + " ns",
                              "give a time of 0 or more"});
    return o;
}

}  // namespace

// ---- Lists

template <replica::links L>
void replica::link_back(list& l, slot s) noexcept {
    live_[s].*L.before = l.last;
    live_[s].*L.after = nobody;
    (l.last == nobody ? l.first : live_[l.last].*L.after) = s;
    l.last = s;
}

template <replica::links L>
void replica::link_front(list& l, slot s) noexcept {
    live_[s].*L.before = nobody;
    live_[s].*L.after = l.first;
    (l.first == nobody ? l.last : live_[l.first].*L.before) = s;
    l.first = s;
}

/// Behind all whose time is no later.
template <replica::links L, class TimeOf>
void replica::link_by(list& l, slot s, TimeOf time_of) noexcept {
    slot before = l.last;
    while (before != nobody && time_of(live_[before]) > time_of(live_[s])) before = live_[before].*L.before;
    if (before == l.last) return link_back<L>(l, s);
    if (before == nobody) return link_front<L>(l, s);
    const slot after = live_[before].*L.after;
    live_[s].*L.before = before;
    live_[s].*L.after = after;
    live_[before].*L.after = live_[after].*L.before = s;
}

/// Who was at another replica before is older than others here; of several that arrived at once the first in the file.
template <replica::links L>
void replica::link_by_arrival(list& l, slot s) noexcept {
    link_by<L>(l, s, [](const live& r) { return std::pair{r.request.arrival, r.request.row}; });
}

template <replica::links L>
void replica::unlink(list& l, slot s) noexcept {
    const slot before = live_[s].*L.before;
    const slot after = live_[s].*L.after;
    (before == nobody ? l.first : live_[before].*L.after) = after;
    (after == nobody ? l.last : live_[after].*L.before) = before;
}

// ---- Arrivals and departures

replica::replica(const replica_options& options, iteration_time time, const std::shared_ptr<shared_tier>& shared)
    : options_(checked(options)),
      width_(options.speculation ? options.speculation->drafts + 1 : 1),
      parts_(options.speculation ? parts_per_token : 1),
      growth_(options.speculation ? options.speculation->gain : 1),
      kv_(options.kv_capacity_tokens / options.kv_block_tokens, options.kv_block_tokens, parts_),
      adapters_(options.adapters),
      tiers_(options.tiers, options.kv_block_tokens, shared),
      cache_(tiers_.cache()) {
    if (options.speculation) time.speculate(*options.speculation);
    check_range(time);
    full_ = time_ = wanted_ = std::make_shared<const iteration_time>(std::move(time));
    const auto seats = static_cast<std::size_t>(std::min<std::int64_t>(options.max_seqs, 256));
    finishing_.reserve(seats, 0);
    chunks_.reserve(seats);
    records_.reserve(seats);
}

void replica::check_range(const iteration_time& time) const {
    const auto most = static_cast<double>(
        std::min<std::int64_t>(options_.kv_capacity_tokens, 2 * std::int64_t{workload::max_tokens_per_request}));
    time.check_range(options_.max_batched_tokens, options_.kv_capacity_tokens * parts_,
                     static_cast<double>(options_.max_batched_tokens) * most, options_.max_seqs);
}

std::size_t replica::bytes_per_request() noexcept { return sizeof(live) + sizeof(finish_queue::entry) + sizeof(slot); }

void replica::measure_gaps(std::span<token_gaps> to) {
    AMPACITY_ASSERT(to.size() == 1 || to.size() == workload::num_request_priorities);
    gaps_ = to;
    joining_.reserve(2 * static_cast<std::size_t>(std::min<std::int64_t>(options_.max_seqs, 256)));
}

replica::slot replica::take_slot(const workload::request& r) {
    slot s = free_slots_;
    if (s == nobody) {
        s = static_cast<slot>(live_.size());
        live_.emplace_back();
        finishing_.reserve(0, live_.capacity());
        if (!gaps_.empty()) answers_.resize(live_.capacity());
    } else {
        free_slots_ = live_[s].after;
    }
    live_[s] = {.request = r,
                .first_start = never,
                .first_token = never,
                .admission = 0,
                .computed = 0,
                .num_produced = 0,
                .preemptions = 0,
                .shared_blocks = 0,
                .known_blocks = 0,
                .cached_tokens = 0,
                .before = nobody,
                .after = nobody,
                .older = nobody,
                .younger = nobody,
                .older_unseen = nobody,
                .younger_unseen = nobody,
                .where = phase::waiting,
                .has_come = false,
                .transfer = duration{-1},
                .loaded = never};
    return s;
}

void replica::submit(const workload::request& r, instant now, instant seen) {
    AMPACITY_ASSERT(r.prompt_tokens >= 1 && r.prompt_tokens <= workload::max_tokens_per_request);
    AMPACITY_ASSERT(r.output_tokens >= 1 && r.output_tokens <= workload::max_tokens_per_request);
    AMPACITY_ASSERT(r.priority < workload::num_request_priorities && end_ >= now);
    // The last step may give drafts that nobody asked for.
    const std::int64_t most =
        std::int64_t{r.prompt_tokens} + (options_.hands_over ? 1 : r.output_tokens + (width_ - 1));
    const bool fits_elsewhere =
        r.output_tokens == 1 || std::int64_t{r.prompt_tokens} + r.output_tokens <= options_.most_tokens_elsewhere;
    if (kv_.holding(most) > kv_.num_blocks() || (options_.hands_over && !fits_elsewhere)) {
        live rejected{};
        rejected.request = r;
        rejected.first_start = rejected.first_token = never;
        rejected.transfer = duration{-1};
        return record(rejected, request_state::rejected, now);
    }
    if (num_live() == 0 && boundary_ != now) begin_busy_period(now);
    join_queue(take_slot(r), seen);
}

void replica::accept(const moved_request& m, instant now, instant seen) {
    AMPACITY_ASSERT(end_ >= now && !options_.prefix_cache && !options_.hands_over && !loads());
    if (num_live() == 0 && boundary_ != now) begin_busy_period(now);
    const slot s = take_slot(m.request);
    live& r = live_[s];
    r.first_start = m.first_start;
    r.first_token = m.first_token;
    r.cached_tokens = m.cached_tokens;
    r.preemptions = m.preemptions;
    r.num_produced = 1;
    r.has_come = true;
    r.transfer = now - m.first_token;
    if (!gaps_.empty()) gained_last(s, m.first_token);
    expect(m.request, false);
    join_queue(s, seen);
}

void replica::expect(const workload::request& r, bool will_come) noexcept {
    num_expected_ = will_come ? num_expected_ + 1 : num_expected_ - 1;
    const std::int64_t blocks = kv_.holding(std::int64_t{r.prompt_tokens} + 1);
    blocks_expected_ += will_come ? blocks : -blocks;
}

void replica::join_queue(slot s, instant seen) {
    const workload::request& r = live_[s].request;
    const bool is_unseen = live_[s].first_start == never;
    enqueue(s, false);
    if (options_.timeout) link_by_arrival<age_links>(all_, s);
    if (options_.max_wait && is_unseen) link_by_arrival<unseen_links>(unseen_, s);
    if (!run_.is_series) return;
    if (head() == s && may_admit()) cut(seen);
    if (options_.max_wait && is_unseen) cut(std::max(seen, add_saturating(r.arrival, *options_.max_wait)));
    if (options_.timeout && r.arrival != seen) cut(std::max(seen, add_saturating(r.arrival, *options_.timeout)));
}

void replica::begin_busy_period(instant now) noexcept {
    busy_since_ = boundary_ = now;
    busy_time_ = 0;
}

/// Its seat is free, its blocks are not.
void replica::hand_over(slot s) {
    live& r = live_[s];
    unlink<order_links>(running_, s);
    --num_running_;
    if (options_.timeout) unlink<age_links>(all_, s);
    r.where = phase::moving;
    moved_.push_back({.request = r.request,
                      .first_start = r.first_start,
                      .first_token = r.first_token,
                      .cached_tokens = r.cached_tokens,
                      .preemptions = r.preemptions,
                      .slot = s});
}

void replica::release(slot s, instant now) {
    live& r = live_[s];
    AMPACITY_ASSERT(r.where == phase::moving);
    if (run_.steps == 0) count_idle(now);
    release_blocks(r);
    r.where = phase::waiting;
    r.after = free_slots_;
    free_slots_ = s;
}

/// Blocks of caches that are on their way, or that others are loaded into, while no step is.
void replica::count_idle(instant now) noexcept {
    counts_.twice_block_time += static_cast<int128>(2 * blocks_held()) * ticks(now - idle_since_);
    idle_since_ = now;
}

bool replica::may_admit() const noexcept {
    if (static_cast<std::int64_t>(num_running()) >= options_.max_seqs) return false;
    switch (options_.order) {
        case step_order::mixed:
            return static_cast<std::int64_t>(finishing_.size()) * width_ < options_.max_batched_tokens;
        case step_order::prefill_first: return true;
        case step_order::decode_first: return finishing_.empty();
    }
    return true;
}

void replica::record(const live& r, request_state state, instant end) {
    records_.push_back({.row = r.request.row,
                        .arrival = r.request.arrival,
                        .first_start = r.first_start,
                        .first_token = r.first_token,
                        .end = end,
                        .prompt_tokens = r.request.prompt_tokens,
                        .output_tokens = r.request.output_tokens,
                        .produced = produced(r),
                        .preemptions = r.preemptions,
                        .cached_tokens = r.cached_tokens,
                        .replica = 0,
                        .tenant = r.request.tenant,
                        .priority = r.request.priority,
                        .state = state,
                        .transfer = r.transfer});
}

void replica::leave(slot s, request_state state) {
    live& r = live_[s];
    record(r, state, boundary_);
    if (options_.timeout) unlink<age_links>(all_, s);
    if (options_.max_wait && r.first_start == never) unlink<unseen_links>(unseen_, s);
    r.after = free_slots_;
    free_slots_ = s;
}

/// Tokens that it knows. \pre it does not decode.
std::int64_t replica::known(const live& r) noexcept { return std::int64_t{r.request.prompt_tokens} + r.num_produced; }

std::uint32_t replica::produced(const live& r) const noexcept {
    if (r.where != phase::decoding) return r.num_produced;
    // One more than it has computed of its answer.
    const std::int64_t n = (r.computed + grown()) / parts_ - r.request.prompt_tokens + 1;
    return static_cast<std::uint32_t>(std::min<std::int64_t>(n, r.request.output_tokens));
}

// ---- The queue

replica::list& replica::queue_of(slot s) noexcept {
    return waiting_[options_.priorities ? live_[s].request.priority : std::size_t{0}];
}

replica::slot replica::head() const noexcept {
    if (waiting_classes_ == 0) return nobody;
    return waiting_[static_cast<std::size_t>(std::bit_width(waiting_classes_) - 1)].first;
}

void replica::enqueue(slot s, bool at_front) noexcept {
    list& queue = queue_of(s);
    if (at_front)
        link_front<order_links>(queue, s);
    else
        link_back<order_links>(queue, s);
    waiting_classes_ |= 1U << (&queue - waiting_.data());
    ++num_waiting_;
    waiting_tokens_ += known(live_[s]);
}

void replica::dequeue(slot s) noexcept {
    list& queue = queue_of(s);
    unlink<order_links>(queue, s);
    if (queue.first == nobody) waiting_classes_ &= ~(1U << (&queue - waiting_.data()));
    --num_waiting_;
    waiting_tokens_ -= known(live_[s]);
}

// ---- The pace of steps

std::shared_ptr<const iteration_time> replica::slowed(std::int64_t millionths) const {
    if (millionths == full_speed) return full_;
    auto out = std::make_shared<const iteration_time>(full_->slowed(millionths));
    check_range(*out);
    return out;
}

void replica::pace_by(std::shared_ptr<const iteration_time> time, instant seen) noexcept {
    if (time->slowdown() == wanted_->slowdown()) return;
    wanted_ = std::move(time);
    if (run_.is_series) cut(seen);
}

/// Units of time may differ: sums begin anew.
void replica::take_pace() noexcept {
    if (wanted_->slowdown() == time_->slowdown()) return;
    time_ = wanted_;
    begin_busy_period(boundary_);
}

// ---- The begin of a step

void replica::start(instant now) {
    if (run_.steps != 0 || num_live() == 0) return;
    if (boundary_ != now) {
        AMPACITY_ASSERT(can_wait());
        begin_busy_period(now);
    }
    if (can_wait()) count_idle(now);
    end_ = never;
    if (options_.timeout || options_.max_wait) {
        cancel_expired();
        if (num_live() == 0) return;
    }
    take_pace();
    plan();
}

void replica::plan() {
    batch_ = {};
    bool preempted = false;
    bool admits = true;
    if (options_.order == step_order::prefill_first) {
        preempted = take_chunks(options_.max_batched_tokens, 0, false);
        if (!chunks_.empty()) return begin_step(false);
        admits = false;
    }
    while (needed() > kv_.free()) {
        cache_.evict(cache_.evictable());  // whoever lacks a block comes after others who took all that were free
        preempt_last();
        preempted = true;
    }
    const auto decodes = static_cast<std::int64_t>(finishing_.size());
    if (options_.order == step_order::decode_first && decodes != 0) admits = false;
    if (admits) preempted = take_chunks(options_.max_batched_tokens - decodes * width_, needed(), preempted);
    if (decodes == 0 && chunks_.empty()) {
        AMPACITY_ASSERT(options_.hands_over || num_loading_ != 0);
        // Whose load has ended already waits for what only a cache that leaves brings.
        for (slot s = loading_.first; s != nobody && end_ == never; s = live_[s].after)
            if (live_[s].loaded > boundary_) end_ = live_[s].loaded;
        return;
    }
    if (chunks_.empty() && !preempted) return begin_series();
    begin_step(true);
}

/// True where a request was preempted, here or before.
bool replica::take_chunks(std::int64_t budget, std::int64_t reserved, bool preempted) {
    evict(reserved);
    outcome so_far = preempted ? outcome::preempted : outcome::fits;
    if (partial_ != nobody) so_far = take_partial(budget, reserved, so_far);
    if (so_far == outcome::fits && num_loading_ != 0) so_far = take_loaded(budget, reserved);
    if (so_far == outcome::fits) take_waiting(budget, reserved);
    return so_far == outcome::preempted;
}

/// Whoever runs and has prompt left.
replica::outcome replica::take_partial(std::int64_t& budget, std::int64_t reserved, outcome so_far) {
    const slot s = partial_;
    const live& r = live_[s];
    const std::int64_t n = std::min(known(r) - r.computed, budget);
    while (kv_.holding(r.computed + n) - kv_.holding(r.computed) > kv_.free() - reserved) {
        if (options_.hands_over && num_loading_ == 0) return outcome::waits;
        preempt_last();
        so_far = outcome::preempted;
        if (partial_ == nobody) return so_far;
    }
    add_chunk(s, n);
    evict(reserved);
    budget -= n;
    return so_far;
}

/// Those whose load has ended.
replica::outcome replica::take_loaded(std::int64_t& budget, std::int64_t reserved) {
    outcome so_far = outcome::fits;
    while (budget > 0 && num_loading_ != 0 && live_[loading_.first].loaded <= boundary_) {
        const slot s = loading_.first;
        live& r = live_[s];
        const std::int64_t n = std::min(known(r) - r.computed, budget);
        while (kv_.holding(r.computed + n) - kv_.holding(r.computed) > kv_.free() - reserved) {
            if (loading_.last == s) return so_far == outcome::fits ? outcome::waits : so_far;
            preempt_last();
            so_far = outcome::preempted;
        }
        unlink<order_links>(loading_, s);
        --num_loading_;
        begin_running(s);
        r.cached_tokens += static_cast<std::uint32_t>(r.computed);
        counts_.cached_tokens += r.computed;
        add_chunk(s, n);
        evict(reserved);
        budget -= n;
    }
    return so_far;
}

void replica::take_waiting(std::int64_t budget, std::int64_t reserved) {
    while (num_waiting_ != 0 && budget > 0 && static_cast<std::int64_t>(num_running()) < options_.max_seqs) {
        const slot s = head();
        const live& r = live_[s];
        const std::uint32_t matching = matching_blocks(r);
        const tier_blocks below = worth_loading(r, matching);
        if (!adapters_.has_room(r.request.tenant)) break;
        if (below.all != 0 || !adapters_.is_ready(r.request.tenant, boundary_)) {
            if (!begin_load(s, matching, below, reserved)) break;
            continue;
        }
        const std::int64_t computed =
            r.has_come ? std::int64_t{r.request.prompt_tokens} : matching * kv_.block_tokens();
        const std::int64_t n = std::min(known(r) - computed, budget);
        const std::int64_t revived = matching == 0 ? 0 : cache_.unheld(r.request.session, matching);
        if (kv_.holding(computed + n) - matching + revived > kv_.free() - reserved) break;
        kv_.take(revived);
        admit(s, matching);
        add_chunk(s, n);
        evict(reserved);
        budget -= n;
    }
}

void replica::admit(slot s, std::uint32_t matching) {
    dequeue(s);
    live& r = live_[s];
    for (std::uint32_t block = 0; block != matching; ++block) cache_.hold(r.request.session, block);
    r.shared_blocks = r.known_blocks = matching;
    adapters_.take(r.request.tenant, boundary_, counts_.adapters);
    begin_running(s);
    if (std::exchange(r.has_come, false)) {
        r.computed = r.request.prompt_tokens;
        return kv_.take(kv_.holding(r.computed));
    }
    r.computed = matching * kv_.block_tokens();
    r.cached_tokens += static_cast<std::uint32_t>(r.computed);
    counts_.cached_tokens += r.computed;
}

void replica::begin_running(slot s) {
    live& r = live_[s];
    if (r.first_start == never) {
        r.first_start = boundary_;
        if (options_.max_wait) unlink<unseen_links>(unseen_, s);
    }
    r.admission = admissions_++;
    r.where = phase::prefilling;
    link_back<order_links>(running_, s);
    ++num_running_;
}

/// Takes its seat, its adapter and the blocks of what it finds; false where they are lacking.
bool replica::begin_load(slot s, std::uint32_t matching, const tier_blocks& blocks, std::int64_t reserved) {
    live& r = live_[s];
    const std::int64_t taken = blocks.all + std::int64_t{cache_.unheld(r.request.session, matching)};
    if (taken > kv_.free() - reserved) return false;
    dequeue(s);
    tiers_.look_up(cache_, r.request.session, matching, blocks.all);
    for (std::uint32_t block = 0; block != matching; ++block) cache_.hold(r.request.session, block);
    kv_.take(taken);
    evict(reserved);
    r.shared_blocks = r.known_blocks = matching;
    r.computed = (std::int64_t{matching} + blocks.all) * kv_.block_tokens();
    r.loaded = std::max(tiers_.load(blocks, boundary_, counts_.tiers),
                        adapters_.take(r.request.tenant, boundary_, counts_.adapters));
    r.where = phase::loading;
    link_by<order_links>(loading_, s, [](const live& x) { return x.loaded; });
    ++num_loading_;
    return true;
}

/// Gives back what it was loaded into.
void replica::stop_loading(slot s) {
    live& r = live_[s];
    release_blocks(r);
    adapters_.let_go(r.request.tenant);
    r.computed = 0;
    unlink<order_links>(loading_, s);
    --num_loading_;
}

void replica::add_chunk(slot s, std::int64_t tokens) {
    const live& r = live_[s];
    kv_.take(kv_.holding(r.computed + tokens) - kv_.holding(r.computed));
    const bool is_decode = tokens == 1 && r.num_produced != 0 && r.computed == known(r) - 1;
    batch_.tokens += tokens;
    if (is_decode) {
        ++batch_.decodes;
        batch_.kv_tokens += r.computed * parts_;
    } else {
        batch_.prefill_attention +=
            static_cast<int128>(tokens) * r.computed + static_cast<int128>(tokens) * (tokens + 1) / 2;
    }
    chunks_.push_back({s, tokens, is_decode});
}

/// Who loads comes after all that run.
void replica::preempt_last() {
    const slot s = num_loading_ != 0 ? loading_.last : running_.last;
    live& r = live_[s];
    stop(s);
    ++r.preemptions;
    ++counts_.preemptions;
    r.where = phase::waiting;
    enqueue(s, true);
}

void replica::begin_step(bool with_decodes) {
    run_ = {.steps = 1, .decodes = 0, .total = 0, .blocks = 0, .prefills = false, .is_series = false};
    run_.prefills = batch_.tokens != batch_.decodes;
    if (with_decodes) {
        run_.decodes = static_cast<std::int64_t>(finishing_.size());
        batch_.tokens += run_.decodes * width_;
        batch_.decodes += run_.decodes;
        batch_.kv_tokens += decode_tokens_;
        batch_.drafts = run_.decodes != 0;
    }
    run_.total = (*time_)(batch_);
    run_.blocks = blocks_held() + (run_.decodes == 0 ? 0 : needed());
    if (tiers_.shared() && run_.decodes != 0) evict(needed());
    set_end();
}

void replica::begin_series() {
    run_.steps = steps_with(kv_.free(), finishing_.front().step - decode_steps_);
    const bool has_head = num_waiting_ != 0 && may_admit();
    if (tiers_.shared() || (has_head && is_anywhere(live_[head()]))) {
        // The head's chunk begins behind what it finds, and what it loads depends on where that is: it may fit once a
        // block has been forgotten or has gone down, as the first step does that takes more than the nameless blocks.
        // Others are to find in a shared tier what has gone down by now.
        const std::int64_t nameless = kv_.free() - cache_.evictable();
        run_.steps = std::max<std::int64_t>(1, steps_with(nameless, run_.steps));
    }
    if (tiers_.shared()) {
        evict(needed());
        // What others do changes what the head finds.
        if (has_head && may_be_shared(live_[head()])) run_.steps = 1;
    }
    run_.decodes = static_cast<std::int64_t>(finishing_.size());
    run_.is_series = true;
    run_.blocks = blocks_held() + needed();
    run_.total = series().total(run_.steps);
    set_end();
    if (!time_->ends_differ()) cut(end_);  // what arrives at that instant is seen by the next step that begins at it
    if (options_.timeout || options_.max_wait) cut(first_deadline());
    // Whose load has ended already waits for what only the end of an answer brings.
    if (num_loading_ != 0 && live_[loading_.first].loaded > boundary_) cut(live_[loading_.first].loaded);
}

decode_run replica::series() const noexcept { return {*time_, run_.decodes, decode_tokens_}; }

void replica::set_end() noexcept {
    const time_units since = busy_time_ + run_.total;
    const auto longest = static_cast<time_units>(ticks(never - busy_since_)) * time_->units_per_ns();
    end_ = since < longest ? busy_since_ + duration{time_->round_to_ns(since)} : never;
}

/// The steps of the series that begin before `at`: the first does.
std::int64_t replica::steps_begun(instant at) const noexcept {
    if (run_.steps <= 1) return run_.steps;
    if (at <= boundary_) return 1;
    const time_units wanted = time_->first_rounded_to(ticks(at - busy_since_)) - busy_time_;
    return series().first_reaching(wanted, run_.steps);
}

/// Ends the series at the first end of a step at or after `at`.
void replica::cut(instant at) noexcept {
    if (at > end_) return;
    const std::int64_t steps = steps_begun(at);
    if (steps == run_.steps) return;
    run_.steps = steps;
    run_.total = series().total(steps);
    set_end();
}

// ---- The end of a step

void replica::advance(instant to) {
    AMPACITY_ASSERT(to <= end_);
    if (to != end_) return;
    if (run_.steps != 0) return complete();
    end_ = never;
}

void replica::count_steps(std::int64_t steps) noexcept {
    counts_.steps += steps;
    if (run_.decodes == 0) return;
    kv_.take(needed(steps));
    evict(0);
    decode_steps_ += steps;
    decode_tokens_ += steps * run_.decodes * growth_;
    counts_.decode_tokens += steps * run_.decodes * width_;
    if (!options_.speculation) counts_.produced_tokens += steps * run_.decodes;
}

/// \pre its steps are counted.
void replica::count_time(duration took) noexcept {
    counts_.busy += took;
    if (run_.prefills) counts_.prefilling += took;
    counts_.peak_blocks = std::max(counts_.peak_blocks, blocks_held());
    counts_.twice_block_time += static_cast<int128>(run_.blocks + blocks_held()) * ticks(took);
}

/// Those of the tokens that come in the first steps of what is in progress. \pre its steps are not counted yet
void replica::count_gaps(std::int64_t steps, instant last_end) {
    if (gaps_.empty() || run_.decodes == 0 || steps == 0) return;
    const instant first_end =
        steps == 1 ? last_end : busy_since_ + duration{time_->round_to_ns(busy_time_ + series().total(1))};
    auto others = decoding_;
    for (const slot s : joining_) {
        if (!std::exchange(answers_[s].is_joining, false)) continue;
        const std::size_t group = gap_group(live_[s]);
        gaps_[group].add(first_end - answers_[s].last_token);
        --others[group];
    }
    joining_.clear();
    for (std::size_t group = 0; group != gaps_.size(); ++group) {
        gaps_[group].add(first_end - last_decode_end_, others[group]);
        if (steps != 1 && decoding_[group] != 0)
            gaps_[group].add(series(), steps, time_->units_per_ns(), last_end - first_end, decoding_[group]);
    }
    last_decode_end_ = last_end;
}

void replica::complete() {
    count_gaps(run_.steps, end_);
    count_steps(run_.steps);
    count_time(end_ - boundary_);
    busy_time_ += run_.total;
    boundary_ = end_;
    end_ = never;
    run_ = {};
    idle_since_ = boundary_;
    while (!finishing_.empty() && finishing_.front().step == decode_steps_) {
        const slot s = finishing_.front().slot;
        stop_decoding(s);
        stop_running(s);
        leave(s, request_state::finished);
    }
    if (!chunks_.empty()) partial_ = nobody;
    for (const chunk& c : chunks_) finish_chunk(c);
    chunks_.clear();
}

void replica::finish_chunk(const chunk& c) {
    live& r = live_[c.request];
    r.computed += c.tokens;
    counts_.prefill_tokens += c.tokens;
    const std::int64_t left = known(r) - r.computed;
    if (left == 0) {
        if (!c.is_decode) offer_blocks(r);
        gain_token(c.request);
    } else if (left == 1 && r.num_produced != 0) {
        begin_decoding(c.request);  // what is left of a recomputation is a decode by definition
    } else {
        partial_ = c.request;
    }
}

void replica::gain_token(slot s) {
    live& r = live_[s];
    ++counts_.produced_tokens;
    if (++r.num_produced == 1) {
        r.first_token = boundary_;
        if (first_tokens_ != nullptr) first_tokens_->push_back(ticks(boundary_ - r.request.arrival));
    } else if (!gaps_.empty()) {
        gaps_[gap_group(r)].add(boundary_ - answers_[s].last_token);
    }
    if (!gaps_.empty()) gained_last(s, boundary_);
    if (r.num_produced != r.request.output_tokens) return options_.hands_over ? hand_over(s) : begin_decoding(s);
    stop_running(s);
    leave(s, request_state::finished);
}

/// The last token that it has until it decodes.
void replica::gained_last(slot s, instant at) { answers_[s] = {.last_token = at}; }

void replica::begin_decoding(slot s) {
    live& r = live_[s];
    const std::int64_t computed = r.computed * parts_;
    const std::int64_t left = std::int64_t{r.request.output_tokens - r.num_produced} * parts_;
    kv_.join(grown(), computed);
    decode_tokens_ += computed;
    r.computed = computed - grown();
    r.where = phase::decoding;
    if (!gaps_.empty()) {
        answers_[s].is_joining = true;
        joining_.push_back(s);
        ++decoding_[gap_group(r)];
    }
    finishing_.push({decode_steps_ + (left + growth_ - 1) / growth_, r.admission, s});
}

void replica::stop_decoding(slot s) {
    live& r = live_[s];
    const std::int64_t computed = r.computed + grown();
    count_speculated(r);
    if (!gaps_.empty()) {
        if (!std::exchange(answers_[s].is_joining, false)) answers_[s].last_token = last_decode_end_;
        --decoding_[gap_group(r)];
    }
    r.num_produced = produced(r);
    kv_.leave(grown(), computed);
    decode_tokens_ -= computed;
    // Of a token that is not complete nothing stays, nor of what nobody asked for.
    r.computed = known(r) - 1;
    kv_.give_back(kv_.holding((computed + parts_ - 1) / parts_) - kv_.holding(r.computed));
    r.where = phase::prefilling;
    finishing_.erase(s);
}

/// Whatever it does beside waiting.
void replica::stop(slot s) {
    if (live_[s].where == phase::loading) return stop_loading(s);
    if (live_[s].where == phase::decoding) stop_decoding(s);
    if (s == partial_) partial_ = nobody;
    stop_running(s);
}

/// Takes its blocks and its seat. \pre it does not decode.
void replica::stop_running(slot s) {
    live& r = live_[s];
    release_blocks(r);
    adapters_.let_go(r.request.tenant);
    r.computed = 0;
    unlink<order_links>(running_, s);
    --num_running_;
}

// ---- The prefix cache

/// Lets the cache forget what `reserved` blocks, besides those that are taken, have no other room for.
void replica::evict(std::int64_t reserved) const noexcept {
    const std::int64_t surplus = cache_.evictable() - (kv_.free() - reserved);
    if (surplus > 0) cache_.evict(surplus);
}

/// Full blocks of its prefix, short of the last token that it knows.
std::uint32_t replica::prefix_blocks(const workload::request& r, std::int64_t known) const noexcept {
    const std::int64_t tokens = std::min<std::int64_t>(r.prefix_tokens, known - 1);
    return static_cast<std::uint32_t>(tokens / kv_.block_tokens());
}

/// Those of them that are known at their front.
std::uint32_t replica::matching_blocks(const workload::request& r, std::int64_t known) const noexcept {
    if (!options_.prefix_cache || r.session == 0) return 0;
    return cache_.matching(r.session, prefix_blocks(r, known));
}

/// Whether its first block is known, here or in a tier.
bool replica::is_anywhere(const live& r) const noexcept {
    if (matching_blocks(r) != 0) return true;
    if (tiers_.empty() || r.request.session == 0 || prefix_blocks(r.request, known(r)) == 0) return false;
    return cache_.tier_of(r.request.session, 0) != prefix_cache::max_tiers;
}

/// Whether a shared tier may come to have blocks for it.
bool replica::may_be_shared(const live& r) const noexcept {
    return r.request.session != 0 && prefix_blocks(r.request, known(r)) != 0;
}

/// What it had better load, behind the blocks that match: up to where it saves the most time, the longest of several.
tier_blocks replica::worth_loading(const live& r, std::uint32_t matching) const noexcept {
    tier_blocks best;
    if (tiers_.empty() || r.request.session == 0) return best;
    tier_blocks found;
    duration alone{};
    int128 saved = 0;
    const std::uint32_t limit = prefix_blocks(r.request, known(r));
    for (std::uint32_t block = matching; block != limit; ++block) {
        const std::size_t tier = cache_.tier_of(r.request.session, block);
        if (tier == prefix_cache::max_tiers) break;
        ++found.of[tier];
        ++found.all;
        if (!options_.recompute_per_token) continue;
        alone = std::max(alone, tiers_.alone(tier, found.of[tier]));
        const int128 computing = int128{found.all * kv_.block_tokens()} * ticks(*options_.recompute_per_token);
        if (computing - ticks(alone) < saved) continue;
        saved = computing - ticks(alone);
        best = found;
    }
    return options_.recompute_per_token ? best : found;
}

std::int64_t replica::most_cached_tokens(const workload::request& r) const noexcept {
    return matching_blocks(r, r.prompt_tokens) * kv_.block_tokens();
}

std::int64_t replica::cached_tokens(const workload::request& r, instant seen) const noexcept {
    if (matching_blocks(r, r.prompt_tokens) == 0) return 0;
    evict(blocks_in_use(seen) - blocks_held());
    return most_cached_tokens(r);
}

/// Makes its full blocks known; those of which others are known stay its own.
void replica::offer_blocks(live& r) {
    if (!options_.prefix_cache || r.request.session == 0) return;
    const auto full = static_cast<std::uint32_t>(r.computed / kv_.block_tokens());
    for (std::uint32_t block = r.shared_blocks; block < full; ++block)
        cache_.insert(r.request.session, block, r.admission);
    r.known_blocks = full;
}

/// The last block first, so that it is evicted first.
void replica::release_blocks(live& r) {
    if (r.where != phase::loading) offer_blocks(r);
    std::int64_t freed = kv_.holding(r.computed);
    for (std::uint32_t block = r.known_blocks; block-- != 0;) {
        const bool is_known = block < r.shared_blocks || cache_.inserted_by(r.request.session, block, r.admission);
        if (is_known && !cache_.let_go(r.request.session, block)) --freed;
    }
    r.shared_blocks = r.known_blocks = 0;
    kv_.give_back(freed);
}

// ---- Time-outs, the end of a run

instant replica::first_deadline() const noexcept {
    instant first = never;
    const auto consider = [&](slot s, const std::optional<duration>& after) {
        if (s != nobody) first = std::min(first, add_saturating(live_[s].request.arrival, *after));
    };
    consider(all_.first, options_.timeout);
    consider(unseen_.first, options_.max_wait);
    return first;
}

void replica::cancel_expired() {
    const auto expired = [&](slot s, const std::optional<duration>& after) {
        return s != nobody && add_saturating(live_[s].request.arrival, *after) <= boundary_;
    };
    while (expired(all_.first, options_.timeout)) cancel(all_.first);
    while (expired(unseen_.first, options_.max_wait)) cancel(unseen_.first);
}

void replica::cancel(slot s) {
    if (live_[s].where == phase::waiting) {
        dequeue(s);
    } else {
        stop(s);
    }
    leave(s, request_state::cancelled);
}

std::int64_t replica::blocks_in_use(instant seen) const noexcept {
    const std::int64_t taken = run_.decodes == 0 ? 0 : needed(steps_begun(seen));
    return kv_.num_blocks() - kv_.free() + taken;
}

/// Steps of the series that end by `at`: those that begin before the next instant, but the one in progress.
std::int64_t replica::steps_ended(instant at) const noexcept {
    return at >= end_ ? run_.steps : steps_begun(at + duration{1}) - 1;
}

std::int64_t replica::produced_tokens(instant now) const noexcept {
    const std::int64_t ended = run_.is_series && run_.steps != 0 ? steps_ended(now) : 0;
    if (!options_.speculation) return counts_.produced_tokens + ended * run_.decodes;
    std::int64_t sum = counts_.produced_tokens;
    for (slot s = running_.first; s != nobody; s = live_[s].after) {
        const live& r = live_[s];
        if (r.where != phase::decoding) continue;
        const std::int64_t computed = (r.computed + grown() + ended * growth_) / parts_;
        const std::int64_t given = computed - r.request.prompt_tokens + 1;
        sum += std::min<std::int64_t>(given, r.request.output_tokens) - r.num_produced;
    }
    return sum;
}

replica::step_time replica::time_in_steps(instant now) const noexcept {
    const duration begun = run_.steps == 0 ? duration::zero() : now - boundary_;
    return {.all = counts_.busy + begun,
            .with_prompts = counts_.prefilling + (run_.prefills ? begun : duration::zero())};
}

/// Counts the steps that have ended by then.
void replica::stop_series(instant at) {
    if (!run_.is_series || at == never) return;
    const std::int64_t ended = steps_ended(at);
    const instant last = busy_since_ + duration{time_->round_to_ns(busy_time_ + series().total(ended))};
    count_gaps(ended, last);
    count_steps(ended);
    count_time(last - boundary_);
}

/// What it has been given since it decodes, once it stops.
void replica::count_speculated(const live& r) {
    if (!options_.speculation) return;
    const std::int64_t given = std::int64_t{produced(r)} - r.num_produced;
    counts_.produced_tokens += given;
    if (gaps_.empty() || r.where != phase::decoding) return;
    // All tokens of a step come at once.
    const std::int64_t steps = (r.computed + grown() - (known(r) - 1) * parts_) / growth_;
    gaps_[gap_group(r)].add(duration::zero(), static_cast<std::uint64_t>(given - steps));
}

/// In order of arrival.
std::vector<replica::slot> replica::all_live() const {
    std::vector<slot> left;
    std::vector<bool> is_free(live_.size(), false);
    for (slot s = free_slots_; s != nobody; s = live_[s].after) is_free[s] = true;
    for (slot s = 0; s != live_.size(); ++s) {
        if (!is_free[s] && live_[s].where != phase::moving) left.push_back(s);
    }
    std::sort(left.begin(), left.end(), [&](slot a, slot b) {
        const workload::request& x = live_[a].request;
        const workload::request& y = live_[b].request;
        return x.arrival != y.arrival ? x.arrival < y.arrival : x.row < y.row;
    });
    return left;
}

void replica::close(instant at) {
    stop_series(at);
    if (can_wait() && run_.steps == 0 && at != never) count_idle(at);
    for (const slot s : all_live()) {
        count_speculated(live_[s]);
        record(live_[s], request_state::unfinished, never);
    }
}

std::int64_t replica::abandon(instant at, std::vector<workload::request>* handed_out) {
    const bool is_new = live_.empty() && num_expected_ == 0 && !can_wait();
    if (is_new) {
        wanted_ = full_;
        return 0;
    }
    stop_series(at);
    if (loads() && run_.steps == 0) count_idle(at);
    std::int64_t lost = 0;
    for (const slot s : all_live()) {
        const live& r = live_[s];
        lost += r.where == phase::decoding ? (r.computed + grown()) / parts_ : r.computed;
        count_speculated(r);
        if (handed_out != nullptr)
            handed_out->push_back(r.request);
        else
            record(r, request_state::failed, at);
    }
    replica fresh(options_, *full_, tiers_.shared());
    fresh.counts_ = counts_;
    fresh.gaps_ = gaps_;
    fresh.first_tokens_ = first_tokens_;
    fresh.records_ = std::move(records_);
    *this = std::move(fresh);
    return lost;
}

}  // namespace ampacity::serving
