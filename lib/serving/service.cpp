#include <ampacity/core/error.hpp>
#include <ampacity/serving/service.hpp>

#include <algorithm>
#include <bit>

namespace ampacity::serving {

service::service(const service_options& options, const iteration_time& time)
    : router_(make_router(options.router, options.random)),
      leaves_(std::bit_ceil(std::size_t{options.replicas})),
      ends_(2 * leaves_, never),
      is_touched_(options.replicas, false) {
    if (options.replicas == 0) throw scenario_error({{}, "replicas", "too small", "0", "give 1 or more"});
    replicas_.reserve(options.replicas);
    touched_.reserve(options.replicas);
    for (std::uint32_t i = 0; i != options.replicas; ++i) replicas_.emplace_back(options.engine, time);
}

std::size_t service::submit(const workload::request& r, instant now) {
    const std::size_t i = router_->route(r, replica_view{replicas_, now});
    AMPACITY_ASSERT(i < replicas_.size());
    replicas_[i].submit(r, now);
    settle(i, now);
    touch(i);
    return i;
}

void service::start(instant now) {
    for (const std::size_t i : touched_) {
        is_touched_[i] = false;
        replicas_[i].start(now);
        settle(i, now);
    }
    touched_.clear();
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
}

void service::close(instant at) {
    for (std::size_t i = 0; i != replicas_.size(); ++i) {
        replicas_[i].close(at);
        collect(i);
    }
}

void service::touch(std::size_t i) {
    if (is_touched_[i]) return;
    is_touched_[i] = true;
    touched_.push_back(i);
}

/// Takes over what came of a change of a replica.
void service::settle(std::size_t i, instant now) {
    collect(i);
    set_end(i);
    router_->changed(i, replica_view{replicas_, now});
}

void service::collect(std::size_t i) {
    for (request_record r : replicas_[i].records()) {
        r.replica = static_cast<std::uint32_t>(i);
        records_.push_back(r);
    }
    replicas_[i].clear_records();
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

replica_counts service::counts() const noexcept {
    replica_counts sum;
    for (const replica& r : replicas_) {
        const replica_counts& c = r.counts();
        sum.steps += c.steps;
        sum.prefill_tokens += c.prefill_tokens;
        sum.decode_tokens += c.decode_tokens;
        sum.produced_tokens += c.produced_tokens;
        sum.preemptions += c.preemptions;
        sum.cached_tokens += c.cached_tokens;
        sum.busy += c.busy;
        sum.prefilling += c.prefilling;
        sum.peak_blocks = std::max(sum.peak_blocks, c.peak_blocks);
        sum.twice_block_time += c.twice_block_time;
    }
    return sum;
}

}  // namespace ampacity::serving
