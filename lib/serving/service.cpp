#include <ampacity/core/error.hpp>
#include <ampacity/serving/decode_pool.hpp>
#include <ampacity/serving/service.hpp>

#include <algorithm>
#include <bit>

namespace ampacity::serving {
namespace {

replica_options engine_of(const service_options& o) {
    replica_options out = o.engine;
    if (!o.decode) return out;
    const replica_options& other = o.decode->engine;
    out.hands_over = true;
    out.speculation.reset();        // nobody decodes there
    if (other.kv_block_tokens > 0)  // else it is refused
        out.most_tokens_elsewhere = other.kv_capacity_tokens / other.kv_block_tokens * other.kv_block_tokens -
                                    (other.speculation ? other.speculation->drafts : 0);
    return out;
}

}  // namespace

service::service(const service_options& options, const iteration_time& time)
    : router_(make_router(options.router, options.random)),
      leaves_(std::bit_ceil(std::size_t{options.replicas})),
      ends_(2 * leaves_, never),
      is_touched_(options.replicas, false),
      scaled_(options.scaled),
      shares_(!options.engine.tiers.empty() && options.engine.tiers.back().shared),
      queues_(options.replicas) {
    if (options.replicas == 0) throw scenario_error({{}, "replicas", "too small", "0", "give 1 or more"});
    replicas_.reserve(options.replicas);
    touched_.reserve(options.replicas);
    const auto shared = shared_of(options.engine.tiers, options.engine.kv_block_tokens);
    for (std::uint32_t i = 0; i != options.replicas; ++i) replicas_.emplace_back(engine_of(options), time, shared);
    if (options.admission) admission_.emplace(*options.admission);
    if (!options.decode) return;
    AMPACITY_ASSERT(!scaled_);
    decode_ = std::make_unique<decode_pool>(*options.decode, options.replicas);
}

service::service(service&&) noexcept = default;
service& service::operator=(service&&) noexcept = default;
service::~service() = default;

void service::measure_gaps(std::span<token_gaps> to) {
    for (replica& r : replicas_) r.measure_gaps(to);
    if (decode_) decode_->measure_gaps(to);
}

void service::note_first_tokens(std::vector<std::int64_t>& to) noexcept {
    for (replica& r : replicas_) r.note_first_tokens(to);
}

std::size_t service::submit(const workload::request& r, instant now) {
    if (admission_) {
        if (!admission_->takes(r, waiting(), scaled_ ? open_.size() : replicas_.size())) {
            record(r, request_state::shed, now);
            return no_replica;
        }
        admission_->entered(r.priority);
    }
    if (!scaled_ || (!open_.empty() && pending_.empty())) return send(r, now);
    pending_.push_back(r);
    queued_ += {.requests = 1, .tokens = r.prompt_tokens};
    return no_replica;
}

queue_size service::waiting() const noexcept {
    queue_size out = queued_;
    if (decode_) out += decode_->waiting();
    return out;
}

std::size_t service::send(const workload::request& r, instant now) {
    const replica_view view = view_of(now);
    std::size_t i = router_->route(r, view);
    AMPACITY_ASSERT(i < view.size());
    if (scaled_) i = open_[i];
    is_used_ = true;
    replicas_[i].submit(r, now, seen(now));
    stop_here(i, now);
    return i;
}

void service::send_pending(instant now) {
    for (const workload::request& r : pending_) {
        queued_ -= {.requests = 1, .tokens = r.prompt_tokens};
        send(r, now);
    }
    pending_.clear();
}

void service::open(std::size_t i) {
    const auto at = std::lower_bound(open_.begin(), open_.end(), i);
    AMPACITY_ASSERT(scaled_ && i < replicas_.size() && (at == open_.end() || *at != i));
    open_.insert(at, static_cast<std::uint32_t>(i));
    router_->renumbered();
}

void service::shut(std::size_t i) {
    const auto at = std::lower_bound(open_.begin(), open_.end(), i);
    AMPACITY_ASSERT(at != open_.end() && *at == i);
    open_.erase(at);
    router_->renumbered();
}

service::loss service::abandon(std::size_t i, instant now, bool requeue) {
    AMPACITY_ASSERT(!std::binary_search(open_.begin(), open_.end(), i));
    const std::uint64_t requests = replicas_[i].num_live();
    const std::size_t before = pending_.size();
    const std::int64_t tokens = replicas_[i].abandon(now, requeue ? &pending_ : nullptr);
    for (std::size_t k = before; k != pending_.size(); ++k)
        queued_ += {.requests = 1, .tokens = pending_[k].prompt_tokens};
    collect(i);
    set_end(i);
    count_waiting(i);
    return {.requests = requests, .tokens = tokens};
}

void service::set_slowdown(std::size_t i, std::int64_t millionths, instant now) {
    AMPACITY_ASSERT(!decode_);
    if (replicas_[i].slowdown() == millionths) return;
    replicas_[i].pace_by(millionths == full_speed ? replicas_[i].slowed(full_speed) : time_at(millionths), seen(now));
    stop_here(i, now);
}

std::shared_ptr<const iteration_time> service::time_at(std::int64_t millionths) {
    const auto find = [&] {
        return std::lower_bound(slowed_.begin(), slowed_.end(), millionths,
                                [](const auto& t, std::int64_t wanted) { return t->slowdown() < wanted; });
    };
    if (const auto at = find(); at != slowed_.end() && (*at)->slowdown() == millionths) return *at;
    // Each replica has two at most, so that a list of twice as many is not cleared each time.
    if (slowed_.size() >= 4 * replicas_.size())
        slowed_.erase(std::remove_if(slowed_.begin(), slowed_.end(), [](const auto& t) { return t.use_count() == 1; }),
                      slowed_.end());
    return *slowed_.insert(find(), replicas_.front().slowed(millionths));
}

void service::start(instant now) {
    if (!pending_.empty() && !open_.empty()) send_pending(now);
    // What they share depends on whose step begins first.
    if (shares_) std::sort(touched_.begin(), touched_.end());
    for (const std::size_t i : touched_) {
        is_touched_[i] = false;
        replicas_[i].start(now);
        settle(i, now);
    }
    touched_.clear();
    begun_ = now;
    if (!decode_) return;
    decode_->start(now);
    collect_decoded();
}

void service::advance(instant to) {
    while (ends_[1] == to && to != never) {
        std::size_t node = 1;
        while (node < leaves_) node = 2 * node + (ends_[2 * node] == to ? 0 : 1);
        const std::size_t i = node - leaves_;
        replicas_[i].advance(to);
        settle(i, to);
        touch(i);
    }
    if (decode_) move_requests(to);
}

void service::move_requests(instant now) {
    decode_->advance(now);
    for (const handed_over& h : handed_over_) decode_->send(h.request, h.from, now);
    handed_over_.clear();
    while (decode_->has_arrived(now)) {
        const transfer t = decode_->receive(now);
        replicas_[t.from].release(t.request.slot, now);
        settle(t.from, now);
        touch(t.from);
    }
    collect_decoded();
}

void service::collect_decoded() {
    decode_->collect();
    const std::size_t first = records_.size();
    records_.insert(records_.end(), decode_->records().begin(), decode_->records().end());
    count_left(first);
    decode_->clear_records();
    decode_next_ = decode_->next();
}

std::size_t service::expect(const workload::request& r, instant now) {
    const std::size_t i = router_->route(r, view_of(now));
    AMPACITY_ASSERT(i < replicas_.size());
    is_used_ = true;
    replicas_[i].expect(r, true);
    settle(i, now);
    return i;
}

void service::accept(std::size_t i, const moved_request& r, instant now) {
    is_used_ = true;
    replicas_[i].accept(r, now, seen(now));
    stop_here(i, now);
}

void service::close(instant at) {
    for (std::size_t i = 0; i != replicas_.size(); ++i) {
        replicas_[i].close(at);
        collect(i);
    }
    if (decode_) {
        decode_->close(at);
        collect_decoded();
    }
    for (const workload::request& r : pending_) record(r, request_state::unfinished, never);
}

/// Of a request that no replica has.
void service::record(const workload::request& r, request_state state, instant end) {
    records_.push_back({.row = r.row,
                        .arrival = r.arrival,
                        .end = end,
                        .prompt_tokens = r.prompt_tokens,
                        .output_tokens = r.output_tokens,
                        .replica = no_replica,
                        .tenant = r.tenant,
                        .priority = r.priority,
                        .state = state});
}

/// Those that were taken have records from this one on.
void service::count_left(std::size_t first_record) noexcept {
    if (!admission_) return;
    for (std::size_t k = first_record; k != records_.size(); ++k) admission_->left(records_[k].priority);
}

void service::count_waiting(std::size_t i) noexcept {
    const queue_size now{.requests = static_cast<std::int64_t>(replicas_[i].num_waiting()),
                         .tokens = replicas_[i].waiting_tokens()};
    queued_ += now;
    queued_ -= queues_[i];
    queues_[i] = now;
}

replica_view service::view_of(instant now) const noexcept {
    return scaled_ ? replica_view{replicas_, open_, now, seen(now)} : replica_view{replicas_, now, seen(now)};
}

void service::touch(std::size_t i) {
    if (is_touched_[i]) return;
    is_touched_[i] = true;
    touched_.push_back(i);
}

/// A series of steps may have to stop at one that ends now: the next one is to begin in this round.
void service::stop_here(std::size_t i, instant now) {
    if (replicas_[i].next() == now) replicas_[i].advance(now);
    settle(i, now);
    touch(i);
}

/// Takes over what came of a change of a replica.
void service::settle(std::size_t i, instant now) {
    collect(i);
    set_end(i);
    count_waiting(i);
    if (!scaled_) return router_->changed(i, view_of(now));
    const auto at = std::lower_bound(open_.begin(), open_.end(), i);
    if (at != open_.end() && *at == i) router_->changed(static_cast<std::size_t>(at - open_.begin()), view_of(now));
}

void service::collect(std::size_t i) {
    const std::size_t first = records_.size();
    for (request_record r : replicas_[i].records()) {
        r.replica = static_cast<std::uint32_t>(i);
        records_.push_back(r);
    }
    replicas_[i].clear_records();
    count_left(first);
    if (!decode_) return;
    for (const moved_request& r : replicas_[i].moved())
        handed_over_.push_back({.from = static_cast<std::uint32_t>(i), .request = r});
    replicas_[i].clear_moved();
}

void service::set_end(std::size_t i) noexcept {
    std::size_t node = leaves_ + i;
    ends_[node] = replicas_[i].next();
    for (node /= 2; node != 0; node /= 2) {
        const instant earliest = std::min(ends_[2 * node], ends_[2 * node + 1]);
        if (ends_[node] == earliest) break;
        ends_[node] = earliest;
    }
}

namespace {

void add(replica_counts& sum, const replica_counts& c) noexcept {
    sum.steps += c.steps;
    sum.prefill_tokens += c.prefill_tokens;
    sum.decode_tokens += c.decode_tokens;
    sum.produced_tokens += c.produced_tokens;
    sum.preemptions += c.preemptions;
    sum.cached_tokens += c.cached_tokens;
    for (std::size_t tier = 0; tier != c.tiers.size(); ++tier) {
        sum.tiers[tier].loads += c.tiers[tier].loads;
        sum.tiers[tier].tokens += c.tiers[tier].tokens;
        sum.tiers[tier].busy += c.tiers[tier].busy;
    }
    sum.adapters.hits += c.adapters.hits;
    sum.adapters.loads += c.adapters.loads;
    sum.adapters.busy += c.adapters.busy;
    sum.busy += c.busy;
    sum.prefilling += c.prefilling;
    sum.peak_blocks = std::max(sum.peak_blocks, c.peak_blocks);
    sum.twice_block_time += c.twice_block_time;
}

}  // namespace

replica_counts counts_of(std::span<const replica> replicas) noexcept {
    replica_counts sum;
    for (const replica& r : replicas) add(sum, r.counts());
    return sum;
}

service::progress service::progress_at(instant now) const noexcept {
    progress out;
    for (const auto replicas : {replicas(), decode_ ? decode_->replicas() : std::span<const replica>{}}) {
        for (const replica& r : replicas) {
            out.prefill_tokens += r.counts().prefill_tokens;
            out.produced_tokens += r.produced_tokens(now);
            out.cached_tokens += r.counts().cached_tokens;
            out.blocks += r.blocks_in_use(now);
        }
    }
    return out;
}

replica_counts service::counts() const noexcept {
    replica_counts sum = counts_of(replicas_);
    if (decode_) add(sum, counts_of(decode_->replicas()));
    return sum;
}

}  // namespace ampacity::serving
