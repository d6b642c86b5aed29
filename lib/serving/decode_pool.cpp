#include <ampacity/core/error.hpp>
#include <ampacity/serving/decode_pool.hpp>

#include <utility>

namespace ampacity::serving {
namespace {

bool ends_later(const transfer& a, const transfer& b) noexcept {
    return a.end != b.end ? a.end > b.end : a.number > b.number;
}

service_options pool_of(const decode_options& o) {
    service_options out{.replicas = o.replicas, .engine = o.engine, .router = o.router, .random = o.random};
    out.engine.prefix_cache = false;  // prompts are computed elsewhere
    out.engine.tiers.clear();
    return out;
}

}  // namespace

decode_pool::decode_pool(const decode_options& options, std::uint32_t senders)
    : pool_(pool_of(options), options.time),
      transfer_(options.transfer),
      senders_(senders),
      link_free_(senders, start_of_time) {}

void decode_pool::advance(instant to) {
    if (pool_.next() == to) pool_.advance(to);
}

void decode_pool::send(const moved_request& r, std::uint32_t from, instant now) {
    const std::int64_t tokens = r.request.prompt_tokens;
    const instant sent = transfer_.sent(tokens, r.first_start, r.first_token, link_free_[from]);
    link_free_[from] = sent;
    const std::size_t to = pool_.expect(r.request, now);
    on_their_way_.push_back({.end = add_saturating(sent, transfer_.options().latency),
                             .number = num_begun_++,
                             .from = from,
                             .to = static_cast<std::uint32_t>(to),
                             .request = r});
    std::push_heap(on_their_way_.begin(), on_their_way_.end(), ends_later);
}

transfer decode_pool::receive(instant now) {
    AMPACITY_ASSERT(has_arrived(now));
    std::pop_heap(on_their_way_.begin(), on_their_way_.end(), ends_later);
    const transfer t = on_their_way_.back();
    on_their_way_.pop_back();
    pool_.accept(t.to, t.request, now);
    ++num_received_;
    tokens_received_ += t.request.request.prompt_tokens;
    return t;
}

void decode_pool::collect() {
    for (request_record r : pool_.records()) {
        r.replica += senders_;
        records_.push_back(r);
    }
    pool_.clear_records();
}

void decode_pool::close(instant at) {
    pool_.close(at);
    collect();
    std::sort(on_their_way_.begin(), on_their_way_.end(),
              [](const transfer& a, const transfer& b) { return a.number < b.number; });
    for (const transfer& t : on_their_way_) {
        const workload::request& r = t.request.request;
        records_.push_back({.row = r.row,
                            .arrival = r.arrival,
                            .first_start = t.request.first_start,
                            .first_token = t.request.first_token,
                            .prompt_tokens = r.prompt_tokens,
                            .output_tokens = r.output_tokens,
                            .produced = 1,
                            .preemptions = t.request.preemptions,
                            .cached_tokens = t.request.cached_tokens,
                            .replica = senders_ + t.to,
                            .tenant = r.tenant,
                            .priority = r.priority});
    }
}

}  // namespace ampacity::serving
