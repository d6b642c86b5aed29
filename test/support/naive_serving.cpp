#include "support/naive_serving.hpp"

#include <ampacity/core/stream.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

namespace ampacity::test {
namespace {

using serving::request_state;
using serving::step_order;

constexpr int128 one_ns = static_cast<int128>(1'000'000'000'000'000'000) * 1000;  // in units of 1e-21 ns

/// In 1e-18 ns.
int128 units(const serving::exact_time& t) {
    int128 u = t.mantissa;
    for (int i = t.scale; i < 18; ++i) u *= 10;
    return u;
}

std::int64_t half_even(int128 u) {
    const int128 floor = u / one_ns;
    const int128 rest = u % one_ns;
    const bool up = 2 * rest > one_ns || (2 * rest == one_ns && floor % 2 != 0);
    return static_cast<std::int64_t>(up ? floor + 1 : floor);
}

/// Of so many millionths of it.
std::int64_t half_even(int128 u, std::int64_t millionths) {
    constexpr int128 million = 1'000'000;
    const int128 whole = u / one_ns * millionths;
    const int128 rest = whole % million * one_ns + u % one_ns * millionths;  // below one_ns x millions of nanoseconds
    const int128 floor = whole / million + rest / (million * one_ns);
    const int128 left = 2 * (rest % (million * one_ns));
    const bool up = left > million * one_ns || (left == million * one_ns && floor % 2 != 0);
    return static_cast<std::int64_t>(up ? floor + 1 : floor);
}

/// Half to even.
std::int64_t quotient(int128 whole, int128 by) {
    const int128 twice = 2 * whole + by;
    int128 q = twice / (2 * by);
    if (twice % (2 * by) == 0 && q % 2 != 0) --q;
    return static_cast<std::int64_t>(q);
}

struct one {
    workload::request r;
    serving::request_record out;
    std::int64_t computed = 0;
    std::int64_t produced = 0;
    std::int64_t thousandths = 0;  // of a token, beyond those computed
    std::vector<std::size_t> blocks;
    std::int64_t scheduled = 0;  // in this step
    bool is_decode = false;      // in this step
    bool drafts = false;         // in this step
    bool brought = false;        // its cache came with it, and it was not admitted since
    std::int64_t to_load = 0;    // tokens of its prefix that are there when its load ends, at
    std::int64_t loaded = 0;
    bool has_adapter = false;
    std::int64_t last_token = 0;

    [[nodiscard]] std::int64_t known() const { return r.prompt_tokens + produced; }
    [[nodiscard]] bool decodes_next() const { return produced >= 1 && computed == known() - 1; }
};

class naive_replica {
public:
    using name = std::pair<std::uint32_t, std::int64_t>;  // session, block

    /// A last tier that replicas share.
    struct store {
        std::deque<name> names;  // by when they came, or were looked up for a load
        std::int64_t link_free = 0;
    };

    naive_replica(const serving::replica_options& o, const std::vector<serving::linear_step>& pieces,
                  const serving::step_grid& grid, std::shared_ptr<store> shared = {})
        : o_(o),
          grid_(grid),
          free_(o.kv_capacity_tokens / o.kv_block_tokens),
          num_blocks_(free_),
          blocks_(static_cast<std::size_t>(num_blocks_)),
          store_(std::move(shared)),
          tiers_(o.tiers.size() - (store_ ? 1 : 0)),
          link_free_(tiers_.size()) {
        result.loads = result.loaded_tokens = result.load_time = std::vector<std::int64_t>(o.tiers.size());
        for (std::size_t b = 0; b != blocks_.size(); ++b) unheld_.insert({0, b});
        for (const serving::linear_step& p : pieces)
            pieces_.push_back(
                {units(p.base), units(p.per_token), units(p.per_kv_token), units(p.per_prefill_attention)});
    }

    naive_serving_result result;

    void serve(const std::vector<workload::request>& requests, instant until, const std::vector<instant>& submitted,
               const std::vector<slowdown_change>& slowdowns) {
        const auto came = [&](std::size_t i) { return submitted.empty() ? requests[i].arrival : submitted[i]; };
        std::vector<one> all(requests.size());
        std::size_t next = 0;
        std::int64_t now = 0;
        std::optional<std::int64_t> last_end;
        std::int64_t t0 = 0;
        int128 sum = 0;
        std::int64_t slowdown = serving::full_speed;
        bool is_told = false;
        const auto tell = [&] {
            if (std::exchange(is_told, true)) return;
            for (const one* x : waiting_) result.waiting_at_until += x->known();
            result.loading_at_until = static_cast<std::int64_t>(loading_.size());
            result.num_waiting_at_until = waiting_.size();
            for (const auto& [key, b] : known_blocks_) result.known_at_until.insert(key);
        };
        for (;;) {
            if (is_empty()) {
                if (next == requests.size()) break;
                const std::int64_t arrival = ticks(came(next));
                if (!last_end || arrival > *last_end) {
                    now = t0 = arrival;
                    sum = 0;
                }
            }
            if (now > ticks(until)) break;
            for (; next != requests.size() && ticks(came(next)) <= now; ++next) {
                all[next].r = requests[next];
                arrive(all[next], came(next));
            }
            if (now == ticks(until)) {
                result.blocks_at_until = num_blocks_ - free_;
                tell();
            }
            cancel(now);
            if (is_empty()) continue;
            const int128 d = begin_step(now);
            if (running_.empty()) {  // until the first load has ended, or the next request comes
                std::int64_t then = next == requests.size() ? ticks(never) : ticks(came(next));
                for (const one* x : loading_)
                    if (x->loaded > now) then = std::min(then, x->loaded);
                if (then == ticks(never)) throw std::logic_error("waits for nothing");
                if (then > ticks(until) && now != ticks(until)) result.blocks_at_until = num_blocks_ - free_;
                result.block_time += static_cast<int128>(num_blocks_ - free_) * (std::min(then, ticks(until)) - now);
                now = t0 = then;
                sum = 0;
                continue;
            }
            std::int64_t wanted = serving::full_speed;
            for (const slowdown_change& c : slowdowns)
                if (ticks(c.at) <= now) wanted = c.millionths;
            if (std::exchange(slowdown, wanted) != wanted) {
                t0 = now;
                sum = 0;
            }
            const std::int64_t end = t0 + half_even(sum + d, slowdown);
            if (end > ticks(until)) {
                if (now != ticks(until)) result.blocks_at_until = num_blocks_ - free_;
                break;
            }
            sum += d;
            result.block_time += static_cast<int128>(num_blocks_ - free_) * (end - now);
            result.busy += end - now;
            const auto prefills = [](const one* x) { return x->scheduled > 0 && !x->is_decode; };
            if (std::any_of(running_.begin(), running_.end(), prefills)) result.prefill_time += end - now;
            result.peak_blocks = std::max(result.peak_blocks, num_blocks_ - free_);
            end_step(end);
            ++result.steps;
            last_end = now = end;
        }
        for (; next != requests.size() && came(next) <= until; ++next) {
            all[next].r = requests[next];
            arrive(all[next], came(next));
        }
        tell();
        for (const one* x : running_) result.cached_at_until += x->computed;
        for (std::size_t i = 0; i != next; ++i) {
            all[i].out.produced = static_cast<std::uint32_t>(all[i].produced);
            result.records.push_back(all[i].out);
        }
        if (until == never && free_ != num_blocks_) throw std::logic_error("blocks leak");
    }

    // One of several, driven by whoever has them all.

    std::vector<one*> handed_over;  // whose prompts are done, where others go on
    bool hands_over = false;
    bool is_touched = false;

    [[nodiscard]] std::int64_t step_end() const { return step_end_; }
    [[nodiscard]] std::int64_t num_requests() const {
        return static_cast<std::int64_t>(waiting_.size() + loading_.size() + running_.size());
    }
    [[nodiscard]] std::int64_t blocks_taken() const { return num_blocks_ - free_; }
    [[nodiscard]] serving::queue_size waiting() const {
        serving::queue_size out;
        for (const one* x : waiting_) out += {.requests = 1, .tokens = x->known()};
        return out;
    }
    [[nodiscard]] bool can_hold(std::int64_t tokens) const { return blocks_for(tokens) <= num_blocks_; }
    [[nodiscard]] std::int64_t drafts() const { return o_.speculation ? o_.speculation->drafts : 0; }
    /// Tokens of its prompt that the prefix cache has.
    [[nodiscard]] std::int64_t cached(const workload::request& r) const {
        one x;
        x.r = r;
        return static_cast<std::int64_t>(matching(x).size()) * o_.kv_block_tokens;
    }
    [[nodiscard]] std::int64_t blocks_of(std::int64_t tokens) const { return blocks_for(tokens); }
    [[nodiscard]] std::int64_t tokens_of_blocks(std::int64_t blocks) const { return blocks * o_.kv_block_tokens; }

    void wait(one& x) {
        auto at = waiting_.end();
        while (o_.priorities && at != waiting_.begin() && (*(at - 1))->r.priority < x.r.priority) --at;
        waiting_.insert(at, &x);
        is_touched = true;
    }
    void let_go(one& x) {
        release(x);
        is_touched = true;
    }
    void end_step_now() {
        const std::int64_t now = std::exchange(step_end_, ticks(never));
        is_touched = true;
        if (!std::exchange(is_in_step_, false)) return;
        sum_ += step_;
        last_end_ = now;
        ++result.steps;
        end_step(now);
    }
    void begin(std::int64_t now) {
        is_touched = false;
        if (is_in_step_) return;
        step_end_ = ticks(never);
        cancel(now);
        if (is_empty()) return;
        if (last_end_ != now) {
            t0_ = now;
            sum_ = 0;
        }
        step_ = begin_step(now);
        is_in_step_ = std::any_of(running_.begin(), running_.end(), [](const one* x) { return x->scheduled > 0; });
        if (is_in_step_) {
            step_end_ = t0_ + half_even(sum_ + step_);
            return;
        }
        for (const one* x : loading_)
            if (x->loaded > now) step_end_ = std::min(step_end_, x->loaded);
    }
    /// Those who lose it, in order of arrival.
    [[nodiscard]] std::vector<one*> all_live() const {
        std::vector<one*> out;
        for (const auto* const from : {&running_, &loading_, &waiting_})
            out.insert(out.end(), from->begin(), from->end());
        std::sort(out.begin(), out.end(), [](const one* x, const one* y) {
            return x->r.arrival != y->r.arrival ? x->r.arrival < y->r.arrival : x->r.row < y->r.row;
        });
        return out;
    }
    /// Tokens that are in its cache for them, or will be when their loads end.
    [[nodiscard]] std::int64_t tokens_held() const {
        std::int64_t sum = 0;
        for (const one* x : running_) sum += x->computed;
        for (const one* x : loading_) sum += x->to_load;
        return sum;
    }

private:
    [[nodiscard]] std::int64_t blocks_for(std::int64_t tokens) const {
        return tokens / o_.kv_block_tokens + (tokens % o_.kv_block_tokens != 0 ? 1 : 0);
    }

    void arrive(one& x, instant at_server) {
        x.out.row = x.r.row;
        x.out.arrival = x.r.arrival;
        x.out.prompt_tokens = x.r.prompt_tokens;
        x.out.output_tokens = x.r.output_tokens;
        x.out.priority = x.r.priority;
        x.out.tenant = x.r.tenant;
        const std::int64_t drafts = o_.speculation ? o_.speculation->drafts : 0;
        if (blocks_for(x.r.prompt_tokens + drafts + x.r.output_tokens) > num_blocks_) {
            x.out.state = request_state::rejected;
            x.out.end = at_server;
            return;
        }
        // Behind all of its priority and above.
        auto at = waiting_.end();
        while (o_.priorities && at != waiting_.begin() && (*(at - 1))->r.priority < x.r.priority) --at;
        waiting_.insert(at, &x);
    }

    void to_front(one& x) {
        auto at = waiting_.begin();
        while (o_.priorities && at != waiting_.end() && (*at)->r.priority > x.r.priority) ++at;
        waiting_.insert(at, &x);
    }

    void cancel(std::int64_t now) {
        const auto expired = [&](const one* x) {
            const std::int64_t age = now - ticks(x->r.arrival);
            return (o_.timeout && age >= ticks(*o_.timeout)) ||
                   (o_.max_wait && x->out.first_start == never && age >= ticks(*o_.max_wait));
        };
        std::vector<one*> gone;
        for (auto* const from : {&running_, &loading_, &waiting_}) {
            std::copy_if(from->begin(), from->end(), std::back_inserter(gone), expired);
            from->erase(std::remove_if(from->begin(), from->end(), expired), from->end());
        }
        std::sort(gone.begin(), gone.end(), [](const one* x, const one* y) { return x->r.row < y->r.row; });
        // Those that ran out of time come before those that waited too long.
        if (o_.timeout) {
            std::stable_partition(gone.begin(), gone.end(),
                                  [&](const one* x) { return now - ticks(x->r.arrival) >= ticks(*o_.timeout); });
        }
        for (one* x : gone) {
            release(*x);
            x->out.state = request_state::cancelled;
            x->out.end = instant{duration{now}};
        }
    }

    [[nodiscard]] bool caches(const one& x) const { return o_.prefix_cache && x.r.session != 0; }

    // A block that nobody holds: one that nothing is known of, else the one that was let go longest ago.
    std::size_t take_block() {
        const std::size_t best = unheld_.begin()->second;
        if (blocks_[best].is_known) {
            known_blocks_.erase(blocks_[best].key);
            blocks_[best].is_known = false;
            move_down(blocks_[best].key);
        }
        hold(best);
        return best;
    }
    void hold(std::size_t b) {
        if (blocks_[b].holders++ != 0) return;
        --free_;
        unheld_.erase({blocks_[b].let_go, b});
    }

    // What a tier has no room for is what came to it longest ago.
    void move_down(name x) {
        for (std::size_t t = 0; t != tiers_.size(); ++t) {
            tiers_[t].push_back(x);
            if (static_cast<std::int64_t>(tiers_[t].size()) <= o_.tiers[t].capacity_tokens / o_.kv_block_tokens) return;
            x = tiers_[t].front();
            tiers_[t].pop_front();
        }
        if (store_) put_in_store(x);
    }
    // Again, if it is there.
    void put_in_store(const name& x) {
        std::deque<name>& names = store_->names;
        names.erase(std::remove(names.begin(), names.end(), x), names.end());
        names.push_back(x);
        if (static_cast<std::int64_t>(names.size()) > o_.tiers.back().capacity_tokens / o_.kv_block_tokens)
            names.pop_front();
    }
    [[nodiscard]] std::optional<std::size_t> tier_of(const name& x) const {
        for (std::size_t t = 0; t != tiers_.size(); ++t)
            if (std::find(tiers_[t].begin(), tiers_[t].end(), x) != tiers_[t].end()) return t;
        if (store_ && std::find(store_->names.begin(), store_->names.end(), x) != store_->names.end())
            return tiers_.size();
        return std::nullopt;
    }

    // Its full blocks become known, unless others of that name are.
    void make_known(one& x) {
        if (!caches(x)) return;
        for (std::int64_t j = 0; (j + 1) * o_.kv_block_tokens <= x.computed; ++j) {
            const std::size_t b = x.blocks[static_cast<std::size_t>(j)];
            const std::pair key{x.r.session, j};
            if (!known_blocks_.emplace(key, b).second) continue;
            for (std::deque<name>& tier : tiers_) tier.erase(std::remove(tier.begin(), tier.end(), key), tier.end());
            blocks_[b].is_known = true;
            blocks_[b].key = key;
        }
    }

    void release(one& x) {
        if (!x.blocks.empty()) make_known(x);
        if (std::exchange(x.has_adapter, false)) {
            adapter& a = adapters_.at(*adapter_of(x));
            if (--a.users == 0) a.let_go = ++adapter_clock_;
        }
        for (; !x.blocks.empty(); x.blocks.pop_back()) {
            const std::size_t at = x.blocks.back();
            block& b = blocks_[at];
            if (--b.holders != 0) continue;
            ++free_;
            b.let_go = b.is_known ? ++clock_ : 0;
            unheld_.insert({b.let_go, at});
        }
        x.computed = x.thousandths = 0;
    }

    // Known blocks at the front of its prefix, short of its last token.
    [[nodiscard]] std::vector<std::size_t> matching(const one& x) const {
        std::vector<std::size_t> out;
        if (!caches(x)) return out;
        const std::int64_t tokens = std::min<std::int64_t>(x.r.prefix_tokens, x.known() - 1);
        for (std::int64_t j = 0; (j + 1) * o_.kv_block_tokens <= tokens; ++j) {
            const auto at = known_blocks_.find({x.r.session, j});
            if (at == known_blocks_.end()) break;
            out.push_back(at->second);
        }
        return out;
    }

    // Takes the blocks for n more tokens; false where they are lacking.
    bool take(one& x, std::int64_t n) { return take_up_to(x, blocks_for(x.computed + n)); }
    // The same, where drafts are verified: for as many as are accepted.
    bool take_drafted(one& x) {
        std::int64_t tokens = x.computed;
        for (std::int64_t left = x.thousandths + o_.speculation->gain; left > 0; left -= 1000) ++tokens;
        return take_up_to(x, blocks_for(tokens));
    }
    bool take_up_to(one& x, std::int64_t blocks) {
        std::int64_t more = blocks - static_cast<std::int64_t>(x.blocks.size());
        if (more > free_) return false;
        for (; more != 0; --more) x.blocks.push_back(take_block());
        return true;
    }

    // Rule 2 for those running requests that `wanted` names; true where one was preempted.
    template <class Wanted>
    bool walk(std::int64_t& budget, Wanted wanted) {
        bool preempted = false;
        for (std::size_t i = 0; i < running_.size() && budget > 0; ++i) {
            one& x = *running_[i];
            if (!wanted(x)) continue;
            x.drafts = o_.speculation && x.decodes_next();
            const std::int64_t n = x.drafts ? 1 + o_.speculation->drafts : std::min(x.known() - x.computed, budget);
            if (n > budget) throw std::logic_error("decodes beyond the budget");
            bool itself = false;
            while (!itself && !(x.drafts ? take_drafted(x) : take(x, n))) {
                if (hands_over && loading_.empty()) return true;
                one& victim = preempt_last();
                preempted = true;
                itself = &victim == &x;
            }
            if (itself) break;
            schedule(x, n, budget);
        }
        return preempted;
    }

    one& preempt_last() {
        std::deque<one*>& from = loading_.empty() ? running_ : loading_;
        one& victim = *from.back();
        victim.drafts = false;
        from.pop_back();
        release(victim);
        ++victim.out.preemptions;
        ++result.preemptions;
        to_front(victim);
        return victim;
    }

    void schedule(one& x, std::int64_t n, std::int64_t& budget) {
        x.scheduled = n;
        x.is_decode = x.drafts || (n == 1 && x.decodes_next());
        budget -= n;
    }

    [[nodiscard]] bool is_empty() const { return running_.empty() && loading_.empty() && waiting_.empty(); }

    // The link's time of so many blocks of a tier.
    [[nodiscard]] std::int64_t whole(std::size_t tier, std::int64_t blocks) const {
        const serving::kv_transfer_options& t = o_.tiers[tier].link;
        const int128 e18 = 1'000'000'000'000'000'000;
        return quotient(int128{blocks * o_.kv_block_tokens} * t.bytes_per_token * e18,
                        int128{t.bandwidth_b_s} * t.efficiency_ppb);
    }

    // Tiers of the blocks behind those that match, as many as are worth it.
    [[nodiscard]] std::vector<std::size_t> worth_loading(const one& x, std::int64_t hits) const {
        std::vector<std::size_t> found;
        if (!caches(x)) return found;
        const std::int64_t tokens = std::min<std::int64_t>(x.r.prefix_tokens, x.known() - 1);
        for (std::int64_t j = hits; (j + 1) * o_.kv_block_tokens <= tokens; ++j) {
            const std::optional<std::size_t> tier = tier_of({x.r.session, j});
            if (!tier) break;
            found.push_back(*tier);
        }
        if (!o_.recompute_per_token) return found;
        std::size_t best = 0;
        int128 most = 0;
        for (std::size_t n = 1; n <= found.size(); ++n) {
            std::int64_t alone = 0;
            for (std::size_t t = 0; t != o_.tiers.size(); ++t) {
                const auto blocks = std::count(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(n), t);
                if (blocks != 0) alone = std::max(alone, whole(t, blocks) + ticks(o_.tiers[t].link.latency));
            }
            const int128 saved =
                int128{ticks(*o_.recompute_per_token)} * static_cast<std::int64_t>(n) * o_.kv_block_tokens - alone;
            if (saved < most) continue;
            most = saved;
            best = n;
        }
        found.resize(best);
        return found;
    }

    struct adapter {
        std::int64_t ready = 0;
        std::int64_t users = 0;
        std::int64_t let_go = 0;
    };

    [[nodiscard]] std::optional<std::int64_t> adapter_of(const one& x) const {
        if (!o_.adapters || x.r.tenant == 0) return std::nullopt;
        return x.r.tenant;
    }
    [[nodiscard]] bool is_adapter_ready(const one& x, std::int64_t now) const {
        const auto number = adapter_of(x);
        if (!number) return true;
        const auto at = adapters_.find(*number);
        return at != adapters_.end() && at->second.ready <= now;
    }
    // Slots are those of adapters that are there; the one to give way, of those without users.
    [[nodiscard]] auto oldest_unused() {
        auto oldest = adapters_.end();
        for (auto at = adapters_.begin(); at != adapters_.end(); ++at)
            if (at->second.users == 0 && (oldest == adapters_.end() || at->second.let_go < oldest->second.let_go))
                oldest = at;
        return oldest;
    }
    [[nodiscard]] bool has_slot(const one& x) {
        const auto number = adapter_of(x);
        return !number || adapters_.contains(*number) ||
               static_cast<std::int64_t>(adapters_.size()) < o_.adapters->slots || oldest_unused() != adapters_.end();
    }
    // Since when it is loaded, or will be.
    std::int64_t take_adapter(one& x, std::int64_t now) {
        const auto number = adapter_of(x);
        if (!number) return now;
        x.has_adapter = true;
        if (!adapters_.contains(*number)) {
            if (static_cast<std::int64_t>(adapters_.size()) == o_.adapters->slots) adapters_.erase(oldest_unused());
            adapter_link_free_ = std::max(adapter_link_free_, now) + ticks(o_.adapters->load);
            adapters_[*number].ready = adapter_link_free_;
            ++result.adapter_loads;
            result.adapter_time += ticks(o_.adapters->load);
        } else {
            ++result.adapter_hits;
        }
        ++adapters_[*number].users;
        return adapters_[*number].ready;
    }

    // It has its seat and its blocks from here on.
    void load(one& x, const std::vector<std::size_t>& cached, const std::vector<std::size_t>& below, std::int64_t now) {
        for (std::size_t n = 0; n != below.size(); ++n)
            if (below[n] == tiers_.size()) put_in_store({x.r.session, static_cast<std::int64_t>(cached.size() + n)});
        for (const std::size_t b : cached) hold(b);
        x.blocks = cached;
        for (std::size_t n = below.size(); n != 0; --n) x.blocks.push_back(take_block());
        x.to_load = static_cast<std::int64_t>(x.blocks.size()) * o_.kv_block_tokens;
        x.loaded = std::max(now + 1, take_adapter(x, now));
        for (std::size_t t = 0; t != o_.tiers.size(); ++t) {
            const auto blocks = std::count(below.begin(), below.end(), t);
            if (blocks == 0) continue;
            std::int64_t& link_free = t == tiers_.size() ? store_->link_free : link_free_[t];
            link_free = std::max(link_free, now) + whole(t, blocks);
            x.loaded = std::max(x.loaded, link_free + ticks(o_.tiers[t].link.latency));
            ++result.loads[t];
            result.loaded_tokens[t] += blocks * o_.kv_block_tokens;
            result.load_time[t] += whole(t, blocks);
        }
        loading_.push_back(&x);
        std::stable_sort(loading_.begin(), loading_.end(),
                         [](const one* a, const one* b) { return a->loaded < b->loaded; });
    }

    // Rule 2 for those whose loads have ended; true where the queue is next.
    bool admit_loaded(std::int64_t& budget, std::int64_t now) {
        bool preempted = false;
        while (!loading_.empty() && loading_.front()->loaded <= now && budget > 0) {
            one& x = *loading_.front();
            const std::int64_t n = std::min(x.known() - x.to_load, budget);
            while (blocks_for(x.to_load + n) - static_cast<std::int64_t>(x.blocks.size()) > free_) {
                if (loading_.back() == &x) return false;
                preempt_last();
                preempted = true;
            }
            x.computed = x.to_load;
            x.out.cached_tokens += static_cast<std::uint32_t>(x.computed);
            take(x, n);
            loading_.pop_front();
            running_.push_back(&x);
            if (x.out.first_start == never) x.out.first_start = instant{duration{now}};
            schedule(x, n, budget);
        }
        return !preempted;
    }

    void admit(std::int64_t& budget, std::int64_t now) {
        if (!admit_loaded(budget, now)) return;
        while (!waiting_.empty() && budget > 0 &&
               static_cast<std::int64_t>(running_.size() + loading_.size()) < o_.max_seqs) {
            one& x = *waiting_.front();
            const std::vector<std::size_t> cached = matching(x);
            if (!has_slot(x)) break;
            const auto below = worth_loading(x, static_cast<std::int64_t>(cached.size()));
            if (!below.empty() || !is_adapter_ready(x, now)) {
                const auto unheld =
                    std::count_if(cached.begin(), cached.end(), [&](std::size_t b) { return blocks_[b].holders == 0; });
                if (static_cast<std::int64_t>(below.size()) + unheld > free_) break;
                load(x, cached, below, now);
                waiting_.pop_front();
                continue;
            }
            const auto hits = static_cast<std::int64_t>(cached.size());
            const std::int64_t computed = x.brought ? x.r.prompt_tokens : hits * o_.kv_block_tokens;
            const std::int64_t n = std::min(x.known() - computed, budget);
            const std::int64_t unheld =
                std::count_if(cached.begin(), cached.end(), [&](std::size_t b) { return blocks_[b].holders == 0; });
            if (blocks_for(computed + n) - hits > free_ - unheld) break;
            for (const std::size_t b : cached) hold(b);
            take_adapter(x, now);
            x.blocks = cached;
            x.computed = computed;
            if (!std::exchange(x.brought, false)) x.out.cached_tokens += static_cast<std::uint32_t>(computed);
            take(x, n);
            waiting_.pop_front();
            running_.push_back(&x);
            if (x.out.first_start == never) x.out.first_start = instant{duration{now}};
            schedule(x, n, budget);
        }
    }

    int128 begin_step(std::int64_t now) {
        std::int64_t budget = o_.max_batched_tokens;
        const auto all = [](const one&) { return true; };
        const auto decodes = [](const one& x) { return x.decodes_next(); };
        const auto chunks = [](const one& x) { return !x.decodes_next(); };
        const bool any_decode = std::any_of(running_.begin(), running_.end(), [&](one* x) { return decodes(*x); });
        if (o_.order == step_order::mixed || (o_.order == step_order::decode_first && !any_decode)) {
            if (!walk(budget, all)) admit(budget, now);
        } else if (o_.order == step_order::decode_first) {
            walk(budget, decodes);
        } else {
            if (!walk(budget, chunks)) admit(budget, now);
            if (budget == o_.max_batched_tokens) walk(budget, decodes);
        }
        return length();
    }

    [[nodiscard]] int128 length() const {
        int128 tokens = 0;
        int128 kv = 0;
        int128 attention = 0;
        std::int64_t decodes = 0;
        int128 drafting = 0;
        for (const one* x : running_) {
            const int128 n = x->scheduled;
            tokens += n;
            if (x->drafts) drafting = units(o_.speculation->draft);
            if (x->is_decode) {
                kv += 1000 * x->computed + x->thousandths;
                ++decodes;
            } else
                attention += n * x->computed + n * (n + 1) / 2;
        }
        int128 longest = 0;
        for (const auto& [base, per_token, per_kv, per_attention] : pieces_)
            longest = std::max(longest, 1000 * (base + per_token * tokens + per_attention * attention) + per_kv * kv);
        return longest + 1000 * drafting + 1000 * of_grid(decodes, static_cast<std::int64_t>(tokens) - decodes);
    }

    // Between the four corners around it, rounded half to even to 1e-9 ns.
    [[nodiscard]] int128 of_grid(std::int64_t decodes, std::int64_t prefilled) const {
        if (grid_.time.empty()) return 0;
        const auto interval = [](const std::vector<std::int64_t>& lines, std::int64_t x) {
            for (std::size_t i = 0;; ++i) {
                if (lines.at(i) <= x && x <= lines.at(i + 1)) return i;
            }
        };
        const std::size_t i = interval(grid_.decodes, decodes);
        const std::size_t j = interval(grid_.prefill_tokens, prefilled);
        int128 sum = 0;
        int128 whole = 0;
        for (std::size_t di = 0; di != 2; ++di) {
            for (std::size_t dj = 0; dj != 2; ++dj) {
                const int128 far_x = di == 0 ? grid_.decodes[i + 1] - decodes : decodes - grid_.decodes[i];
                const int128 far_y =
                    dj == 0 ? grid_.prefill_tokens[j + 1] - prefilled : prefilled - grid_.prefill_tokens[j];
                const std::size_t corner = (i + di) * grid_.prefill_tokens.size() + j + dj;
                sum += far_x * far_y * (units(grid_.time[corner]) / 1'000'000'000);
                whole += far_x * far_y;
            }
        }
        const int128 floor = sum / whole;
        const int128 rest = sum % whole;
        const bool up = 2 * rest > whole || (2 * rest == whole && floor % 2 != 0);
        return (up ? floor + 1 : floor) * 1'000'000'000;
    }

    void end_step(std::int64_t end) {
        std::deque<one*> stay;
        for (one* x : running_) {
            const bool was_chunk = x->scheduled > 0 && !x->is_decode;
            result.computed_tokens += x->scheduled;
            // Tokens of its answer that it gets, and those of them that it has computed.
            std::int64_t gets = 0;
            if (x->drafts) {
                x->thousandths += o_.speculation->gain;
                for (; x->thousandths >= 1000 && x->produced + gets < x->r.output_tokens; ++gets)
                    x->thousandths -= 1000;
                x->computed += gets;
            } else {
                x->computed += x->scheduled;
                gets = x->scheduled > 0 && x->computed == x->known() ? 1 : 0;
            }
            x->scheduled = 0;
            x->is_decode = x->drafts = false;
            if (gets > 0) {
                if (was_chunk) make_known(*x);
                for (std::int64_t k = 0; k != gets; ++k) {
                    if (x->produced + k != 0) {
                        result.gaps.push_back(end - x->last_token);
                        result.gaps_by_priority[x->r.priority].push_back(end - x->last_token);
                    }
                    x->last_token = end;
                }
                x->produced += gets;
                result.produced_tokens += gets;
                if (x->produced == 1) x->out.first_token = instant{duration{end}};
                if (x->produced == x->r.output_tokens) {
                    x->out.state = request_state::finished;
                    x->out.end = instant{duration{end}};
                    release(*x);
                    continue;
                }
                if (hands_over) {
                    handed_over.push_back(x);
                    continue;
                }
            }
            stay.push_back(x);
        }
        running_ = std::move(stay);
    }

    const serving::replica_options& o_;
    const serving::step_grid& grid_;
    std::vector<std::array<int128, 4>> pieces_;
    struct block {
        std::int64_t holders = 0;
        bool is_known = false;
        std::pair<std::uint32_t, std::int64_t> key{};
        std::int64_t let_go = 0;
    };

    std::int64_t free_;  // held by nobody, known or not
    std::int64_t num_blocks_;
    std::vector<block> blocks_;
    std::map<std::pair<std::uint32_t, std::int64_t>, std::size_t> known_blocks_;
    std::set<std::pair<std::int64_t, std::size_t>> unheld_;  // by when they were let go, 0 if nothing is known of them
    std::int64_t clock_ = 0;
    std::shared_ptr<store> store_;         // the last tier, if it is shared
    std::vector<std::deque<name>> tiers_;  // its own; names by when they came
    std::vector<std::int64_t> link_free_;
    std::map<std::int64_t, adapter> adapters_;
    std::int64_t adapter_clock_ = 0, adapter_link_free_ = 0;
    std::deque<one*> waiting_;
    std::deque<one*> loading_;  // by when their loads end
    std::deque<one*> running_;
    std::int64_t step_end_ = ticks(never), last_end_ = -1, t0_ = 0;  // the first: of a load where no step is
    bool is_in_step_ = false;
    int128 step_ = 0, sum_ = 0;
};

/// Which nodes and jobs the replicas of a service have, and how many there are to be.
class naive_lives {
public:
    enum class state : std::uint8_t { idle, queued, cold, serving, draining, done };
    struct row {
        state is = state::idle;
        std::int64_t job = 0;
        std::int64_t due = ticks(never);
        std::optional<std::uint32_t> node{};
    };

    std::vector<row> rows;
    std::int64_t wanted = 0;

    explicit naive_lives(const naive_scaling& o) : rows(o.autoscale.max), o_(o), down_(o.nodes, 0) {
        wanted = o.autoscale.policy == serving::scaling_policy::schedule ? scheduled(0) : o.autoscale.first;
        asked_.emplace_back(0, wanted);
    }

    [[nodiscard]] std::int64_t count(state s) const {
        return std::count_if(rows.begin(), rows.end(), [s](const row& r) { return r.is == s; });
    }
    [[nodiscard]] std::int64_t num_up() const { return count(state::cold) + count(state::serving); }

    [[nodiscard]] std::int64_t next(std::int64_t now) const {
        std::int64_t out = decision_after(now);
        for (const row& r : rows) out = std::min(out, r.is == state::done ? now : r.due);
        for (const naive_scaling::outage& x : o_.outages) {
            if (ticks(x.start) > now) out = std::min(out, ticks(x.start));
            if (ticks(x.end) > now) out = std::min(out, ticks(x.end));
        }
        return out;
    }
    [[nodiscard]] bool decides_at(std::int64_t now) const { return now > 0 && decision_after(now - 1) == now; }

    struct seen {
        std::int64_t running, waiting, left, met, since;
        int128 request_ns;
    };
    void decide(std::int64_t now, const seen& s) {
        const serving::autoscaler_options& a = o_.autoscale;
        if (a.policy == serving::scaling_policy::schedule) {
            wanted = scheduled(now);
            return;
        }
        const double count = std::clamp<double>(asks_for(s), a.min, a.max);
        asked_.emplace_back(now, static_cast<std::int64_t>(count));
        std::int64_t low = a.max, high = a.min;
        for (const auto& [at, replicas] : asked_) {
            if (at == now || now - at < ticks(a.up_delay)) low = std::min(low, replicas);
            if (at == now || now - at < ticks(a.down_delay)) high = std::max(high, replicas);
        }
        if (low > wanted)
            wanted = low;
        else if (high < wanted)
            wanted = high;
    }

    /// The node that fails now, if one does.
    std::optional<std::uint32_t> change_nodes(std::int64_t now) {
        std::optional<std::uint32_t> out;
        if (std::exchange(nodes_at_, now) == now) return out;
        for (const naive_scaling::outage& x : o_.outages) {
            if (ticks(x.end) == now) --down_[x.node];
            if (ticks(x.start) == now && down_[x.node]++ == 0) out = x.node;
        }
        return out;
    }
    /// Jobs that are done end, and those that lack are submitted.
    void settle() {
        for (row& r : rows)
            if (r.is == state::done) r = {};
        while (wanted > num_up() + count(state::queued) && count(state::idle) != 0) {
            row& r = *std::find_if(rows.begin(), rows.end(), [](const row& x) { return x.is == state::idle; });
            r.is = state::queued;
            r.job = ++jobs_;
        }
    }
    /// First come, first served. \return how many begin to be cold
    std::uint64_t start_jobs(std::int64_t now) {
        std::uint64_t begun = 0;
        for (;;) {
            row* first = nullptr;
            for (row& r : rows)
                if (r.is == state::queued && (first == nullptr || r.job < first->job)) first = &r;
            const std::optional<std::uint32_t> node = free_node();
            if (first == nullptr || !node) return begun;
            const bool is_wanted = num_up() < wanted;
            first->node = node;
            first->is = is_wanted ? state::cold : state::done;
            first->due = is_wanted ? now + ticks(o_.cold_start) : ticks(never);
            if (is_wanted) ++begun;
        }
    }

private:
    [[nodiscard]] std::int64_t decision_after(std::int64_t now) const {
        const serving::autoscaler_options& a = o_.autoscale;
        if (a.policy == serving::scaling_policy::fixed) return ticks(never);
        if (a.policy != serving::scaling_policy::schedule) return (now / ticks(a.interval) + 1) * ticks(a.interval);
        for (const serving::scheduled_replicas& s : a.schedule)
            if (ticks(s.at) > now) return ticks(s.at);
        return ticks(never);  // no case lasts a day
    }
    [[nodiscard]] std::int64_t scheduled(std::int64_t now) const {
        std::int64_t out = o_.autoscale.schedule.back().replicas;
        for (const serving::scheduled_replicas& s : o_.autoscale.schedule)
            if (ticks(s.at) <= now) out = s.replicas;
        return out;
    }
    [[nodiscard]] double asks_for(const seen& s) const {
        const serving::autoscaler_options& a = o_.autoscale;
        const auto seats = static_cast<double>(a.seats), now = static_cast<double>(wanted);
        const double requests = static_cast<double>(s.request_ns) / static_cast<double>(s.since);
        switch (a.policy) {
            case serving::scaling_policy::target_utilisation: return std::ceil(requests / (a.target * seats));
            case serving::scaling_policy::queue:
                return std::ceil(static_cast<double>(s.running) / seats) +
                       std::ceil(static_cast<double>(s.waiting) / a.target);
            case serving::scaling_policy::slo:
                if (static_cast<double>(s.met) < a.target * static_cast<double>(s.left))
                    return now + std::max(1.0, std::ceil(now / 10));
                return 2 * requests <= (now - 1) * seats ? now - 1 : now;
            default: throw std::logic_error("nothing is asked");
        }
    }
    [[nodiscard]] std::optional<std::uint32_t> free_node() const {
        for (std::uint32_t n = 0; n != o_.nodes; ++n) {
            const bool is_taken = std::any_of(rows.begin(), rows.end(), [n](const row& r) { return r.node == n; });
            if (down_[n] == 0 && !is_taken) return n;
        }
        return std::nullopt;
    }

    const naive_scaling& o_;
    std::vector<int> down_;
    std::vector<std::pair<std::int64_t, std::int64_t>> asked_;
    std::int64_t jobs_ = 0, nodes_at_ = -1;
};

/// One instant after the other, every replica looked at for every choice.
class naive_service {
public:
    naive_service(const std::vector<workload::request>& requests, const serving::service_options& service,
                  const std::vector<serving::linear_step>& pieces,
                  const std::vector<serving::linear_step>& decode_pieces, const naive_scaling* scaling,
                  const std::vector<std::uint64_t>& after)
        : requests_(requests),
          service_(service),
          pieces_(pieces),
          scaling_(scaling),
          all_(requests.size()),
          after_(after) {
        if (!service.engine.tiers.empty() && service.engine.tiers.back().shared)
            store_ = std::make_shared<naive_replica::store>();
        for (std::uint32_t i = 0; i != service.replicas; ++i) {
            senders_.push_back(fresh());
            if (scaling == nullptr) open_.push_back(i);
        }
        if (scaling != nullptr) lives_.emplace(*scaling);
        if (!service.decode) return;
        decode_ = service.decode->engine;
        decode_.prefix_cache = false;
        decode_.tiers.clear();
        for (std::uint32_t i = 0; i != service.decode->replicas; ++i) {
            receivers_.push_back(std::make_unique<naive_replica>(decode_, decode_pieces, no_grid_));
            all_receivers_.push_back(i);
        }
        link_free_.assign(senders_.size(), 0);
        expected_.assign(receivers_.size(), {});
    }

    naive_pools_result serve(instant until) {
        if (lives_) lives_->settle();
        if (lives_) out_.cold_starts += lives_->start_jobs(0);
        for (std::int64_t before = 0;;) {
            std::int64_t now = next_ == requests_.size() ? ticks(never) : ticks(requests_[next_].arrival);
            for (const auto* pool : {&senders_, &receivers_})
                for (const auto& r : *pool) now = std::min(now, r->step_end());
            for (const moving& m : moving_) now = std::min(now, m.end);
            if (lives_ && !is_over()) now = std::min(now, lives_->next(before));
            if (now == ticks(never) || now > ticks(until)) break;
            rounds_ = now == before ? rounds_ + 1 : 0;
            if (rounds_ > 10'000) throw std::logic_error("an instant without end");
            before = now;
            end_steps(now);
            receive(now);
            if (lives_) change_lives(now);
            arrive(now);
            if (lives_) out_.cold_starts += lives_->start_jobs(now);
            if (!open_.empty()) {
                for (one* x : std::exchange(pending_, {})) send_to_replica(*x);
            }
            for (auto* pool : {&senders_, &receivers_})
                for (const auto& r : *pool)
                    if (r->is_touched) r->begin(now);
            if (lives_) find_drained();
            count_left();
            for (std::size_t i = 0; i != next_; ++i)
                if (all_[i].out.end != never) rows_left_.insert(requests_[i].row);
        }
        for (std::size_t i = 0; i != next_; ++i) {
            all_[i].out.produced = static_cast<std::uint32_t>(all_[i].produced);
            out_.records.push_back(all_[i].out);
        }
        for (const auto& [pool, sum] : {std::pair{&senders_, &out_.prefill}, {&receivers_, &out_.decode}}) {
            for (const auto& r : *pool) {
                add(*sum, r->result);
                if (until == never && r->blocks_taken() != 0) throw std::logic_error("blocks leak");
            }
        }
        return std::move(out_);
    }

private:
    using replica_pool = std::vector<std::unique_ptr<naive_replica>>;
    using state = naive_lives::state;
    struct moving {
        std::int64_t end;
        one* x;
        std::size_t from, to;
    };
    struct expected {
        std::int64_t requests = 0, blocks = 0;
    };

    [[nodiscard]] std::unique_ptr<naive_replica> fresh() const {
        auto out = std::make_unique<naive_replica>(service_.engine, pieces_, no_grid_, store_);
        out->hands_over = service_.decode.has_value();
        return out;
    }

    static void add(naive_serving_result& sum, const naive_serving_result& r) {
        sum.steps += r.steps;
        sum.preemptions += r.preemptions;
        sum.computed_tokens += r.computed_tokens;
        sum.produced_tokens += r.produced_tokens;
        sum.adapter_hits += r.adapter_hits;
        sum.adapter_loads += r.adapter_loads;
        sum.gaps.insert(sum.gaps.end(), r.gaps.begin(), r.gaps.end());
        for (std::size_t p = 0; p != r.gaps_by_priority.size(); ++p)
            sum.gaps_by_priority[p].insert(sum.gaps_by_priority[p].end(), r.gaps_by_priority[p].begin(),
                                           r.gaps_by_priority[p].end());
        sum.loads.resize(r.loads.size(), 0);
        sum.loaded_tokens.resize(r.loads.size(), 0);
        for (std::size_t t = 0; t != r.loads.size(); ++t) {
            sum.loads[t] += r.loads[t];
            sum.loaded_tokens[t] += r.loaded_tokens[t];
        }
    }

    // --- choices

    /// The first of these with the least; pairs are compared as such.
    template <class Of>
    static std::size_t least(const std::vector<std::uint32_t>& of, Of load) {
        std::size_t best = of.front();
        for (const std::size_t i : of)
            if (load(i) < load(best)) best = i;
        return best;
    }

    static std::size_t choose(const std::string& router, const serving::router_options& o, const workload::request& r,
                              const replica_pool& all, const std::vector<std::uint32_t>& of,
                              const std::vector<expected>& more, std::size_t& turn) {
        const auto requests = [&](std::size_t i) {
            return all[i]->num_requests() + (more.empty() ? 0 : more[i].requests);
        };
        const auto blocks = [&](std::size_t i) { return all[i]->blocks_taken() + (more.empty() ? 0 : more[i].blocks); };
        random_stream draws(o.seed, purpose::placement, o.entity);
        draws.seek(4 * r.row);
        if (router == "round-robin") return of[turn++ % of.size()];
        if (router == "random") return of[draws.below(of.size())];
        if (router == "power-of-two") {
            if (of.size() == 1) return of[0];
            const std::size_t first = draws.below(of.size());
            std::size_t second = draws.below(of.size() - 1);
            if (second >= first) ++second;
            return requests(of[second]) < requests(of[first]) ? of[second] : of[first];
        }
        if (router == "session" && r.session != 0) {
            std::uint64_t hash = 0xcbf2'9ce4'8422'2325U;  // FNV-1a, the lowest byte first
            for (unsigned byte = 0; byte != 4; ++byte)
                hash = (hash ^ (r.session >> 8 * byte & 0xFFU)) * 0x100'0000'01b3U;
            return of[hash % of.size()];
        }
        if (router == "least-kv") return least(of, blocks);
        if (router == "prefix-aware")
            return least(of, [&](std::size_t i) { return std::pair{-all[i]->cached(r), requests(i)}; });
        if (router == "kv-aware")
            return least(of, [&](std::size_t i) {
                return 1000 * (r.prompt_tokens - all[i]->cached(r) + all[i]->waiting().tokens) +
                       o.kv_weight * all[i]->tokens_of_blocks(blocks(i));
            });
        return least(of, requests);
    }

    // --- replicas that come and go

    [[nodiscard]] bool is_over() const {
        return next_ == requests_.size() && std::none_of(all_.begin(), all_.end(), [](const one& x) {
                   return x.out.state == request_state::unfinished;
               });
    }
    void change_lives(std::int64_t now) {
        find_drained();
        lives_->settle();
        if (is_over()) return;
        if (const auto node = lives_->change_nodes(now)) {
            for (std::size_t i = 0; i != lives_->rows.size(); ++i)
                if (lives_->rows[i].node == node) fail(i, now);
        }
        if (lives_->decides_at(now) && decided_ != now) decide(now);
        for (std::size_t i = 0; i != lives_->rows.size(); ++i) {
            if (lives_->rows[i].due != now) continue;
            if (lives_->rows[i].is == state::cold) {
                become(i, state::serving);
            } else {
                abandon(i, now, true);
                become(i, state::done);
            }
        }
        take_away(now);
        take_back();
        find_drained();
        lives_->settle();
    }
    void become(std::size_t i, state s, std::int64_t due = ticks(never)) {
        lives_->rows[i].is = s;
        lives_->rows[i].due = due;
        open_.clear();
        for (std::uint32_t k = 0; k != lives_->rows.size(); ++k)
            if (lives_->rows[k].is == state::serving) open_.push_back(k);
    }
    void fail(std::size_t i, std::int64_t now) {
        lives_->rows[i].node.reset();
        become(i, state::queued);
        abandon(i, now, scaling_->requeues);
        ++out_.failures;
        take_back();
    }
    void abandon(std::size_t i, std::int64_t now, bool requeues) {
        out_.lost_tokens += senders_[i]->tokens_held();
        for (one* x : senders_[i]->all_live()) {
            if (requeues) {
                begin_anew(*x);
                pending_.push_back(x);
                ++out_.requeued;
            } else {
                x->out.state = request_state::failed;
                x->out.end = instant{duration{now}};
            }
        }
        add(out_.prefill, senders_[i]->result);
        senders_[i] = fresh();
    }
    void begin_anew(one& x) {
        const workload::request r = x.r;
        x = {};
        x.r = r;
        x.out = {.row = r.row,
                 .arrival = r.arrival,
                 .prompt_tokens = r.prompt_tokens,
                 .output_tokens = r.output_tokens,
                 .replica = serving::no_replica,
                 .tenant = r.tenant,
                 .priority = r.priority};
    }
    void take_away(std::int64_t now) {
        while (lives_->num_up() > lives_->wanted) {
            std::optional<std::size_t> out;
            // The cold one that started last, of several the last; else that with the fewest requests, of several too.
            for (std::size_t i = 0; i != lives_->rows.size(); ++i)
                if (lives_->rows[i].is == state::cold && (!out || lives_->rows[i].due >= lives_->rows[*out].due))
                    out = i;
            if (out) {
                become(*out, state::done);
                continue;
            }
            for (const std::uint32_t i : open_)
                if (!out || senders_[i]->num_requests() <= senders_[*out]->num_requests()) out = i;
            become(*out, state::draining, scaling_->drain_limit ? now + ticks(*scaling_->drain_limit) : ticks(never));
        }
    }
    void take_back() {
        while (lives_->num_up() < lives_->wanted && lives_->count(state::draining) != 0) {
            std::optional<std::size_t> back;
            for (std::size_t i = 0; i != lives_->rows.size(); ++i) {
                if (lives_->rows[i].is != state::draining) continue;
                if (!back || senders_[i]->num_requests() > senders_[*back]->num_requests()) back = i;
            }
            become(*back, state::serving);
        }
    }
    void find_drained() {
        for (std::size_t i = 0; i != lives_->rows.size(); ++i) {
            if (lives_->rows[i].is != state::draining || senders_[i]->num_requests() != 0) continue;
            abandon(i, 0, true);
            become(i, state::done);
        }
    }
    void decide(std::int64_t now) {
        naive_lives::seen s{.running = 0,
                            .waiting = static_cast<std::int64_t>(pending_.size()),
                            .left = left_ - had_left_,
                            .met = met_ - had_met_,
                            .since = now - decided_,
                            .request_ns = 0};
        for (const auto& r : senders_) {
            s.waiting += r->waiting().requests;
            s.running += r->num_requests() - r->waiting().requests;
        }
        for (std::size_t i = 0; i != next_; ++i) {
            const serving::request_record& x = all_[i].out;
            if (x.state == request_state::shed) continue;
            const std::int64_t end = x.end == never ? now : std::min(now, ticks(x.end));
            s.request_ns += std::max<std::int64_t>(0, end - std::max(decided_, ticks(x.arrival)));
        }
        lives_->decide(now, s);
        decided_ = now;
        had_left_ = left_;
        had_met_ = met_;
    }
    /// What is known of those who left when a round is over.
    void count_left() {
        if (!lives_) return;
        left_ = met_ = 0;
        for (std::size_t i = 0; i != next_; ++i) {
            const serving::request_record& x = all_[i].out;
            if (x.end == never) continue;
            ++left_;
            if (x.state == request_state::finished && x.first_token - x.arrival <= scaling_->ttft) ++met_;
        }
    }

    // --- what happens at one instant

    void end_steps(std::int64_t now) {
        for (auto* all : {&senders_, &receivers_})
            for (const auto& r : *all)
                if (r->step_end() == now) r->end_step_now();
        for (std::size_t from = 0; from != senders_.size(); ++from) {
            for (one* x : senders_[from]->handed_over) send(*x, from, now);
            senders_[from]->handed_over.clear();
        }
    }

    void send(one& x, std::size_t from, std::int64_t now) {
        const serving::kv_transfer_options& t = service_.decode->transfer;
        const int128 e18 = 1'000'000'000'000'000'000;
        const int128 bytes = int128{x.r.prompt_tokens} * t.bytes_per_token;
        const int128 rate = int128{t.bandwidth_b_s} * t.efficiency_ppb;
        const std::int64_t whole = quotient(bytes * e18, rate);
        const std::int64_t last = quotient(bytes * e18, rate * t.layers);
        std::int64_t& free = link_free_[from];
        free = std::max(std::max(free, ticks(x.out.first_start)) + whole, std::max(free, now) + last);
        const serving::decode_options& d = *service_.decode;
        const std::size_t to = choose(d.router, d.random, x.r, receivers_, all_receivers_, expected_, decode_turn_);
        ++expected_[to].requests;
        expected_[to].blocks += receivers_[to]->blocks_of(x.r.prompt_tokens + 1);
        x.out.replica = static_cast<std::uint32_t>(senders_.size() + to);
        moving_.push_back({free + ticks(t.latency), &x, from, to});
    }

    void receive(std::int64_t now) {
        std::vector<moving> left;
        for (const moving& m : moving_) {  // in order of first tokens
            if (m.end > now) {
                left.push_back(m);
                continue;
            }
            --expected_[m.to].requests;
            expected_[m.to].blocks -= receivers_[m.to]->blocks_of(m.x->r.prompt_tokens + 1);
            senders_[m.from]->let_go(*m.x);
            m.x->computed = 0;
            m.x->brought = true;
            m.x->out.transfer = duration{now} - (m.x->out.first_token - start_of_time);
            receivers_[m.to]->wait(*m.x);
            ++out_.transfers;
            out_.tokens_moved += m.x->r.prompt_tokens;
        }
        moving_ = std::move(left);
    }

    /// Everybody who is there is counted.
    [[nodiscard]] bool is_shed(const workload::request& r) const {
        if (!service_.admission) return false;
        const serving::request_class* of = nullptr;
        std::uint32_t until = workload::num_request_priorities;  // priorities of its class are below
        for (const serving::request_class& c : service_.admission->classes) {
            if (c.priority <= r.priority)
                of = &c;
            else
                until = std::min<std::uint32_t>(until, c.priority);
        }
        serving::queue_size waiting;
        for (const auto* all : {&senders_, &receivers_})
            for (const auto& x : *all) waiting += x->waiting();
        for (const one* x : pending_) waiting += {.requests = 1, .tokens = x->r.prompt_tokens};
        std::int64_t requests = 0, of_class = 0;
        for (std::size_t i = 0; i != next_; ++i) {
            const serving::request_record& x = all_[i].out;
            if (x.state != request_state::unfinished) continue;
            ++requests;
            if (of != nullptr && x.priority >= of->priority && x.priority < until) ++of_class;
        }
        const auto beyond = [&](const serving::admission_bounds& b, std::int64_t live) {
            const auto n = static_cast<std::int64_t>(std::max<std::size_t>(1, open_.size()));
            return (b.max_waiting && waiting.requests >= *b.max_waiting * n) ||
                   (b.max_waiting_tokens && waiting.tokens >= *b.max_waiting_tokens * n) ||
                   (b.max_requests && live >= *b.max_requests * n);
        };
        return beyond(service_.admission->all, requests) || (of != nullptr && beyond(of->bounds, of_class));
    }

    void arrive(std::int64_t now) {
        now_ = now;
        for (; next_ != requests_.size() && ticks(requests_[next_].arrival) == now; ++next_) {
            if (!after_.empty() && after_[next_] != after_none && !rows_left_.contains(after_[next_])) break;
            one& x = all_[next_];
            x.r = requests_[next_];
            begin_anew(x);
            if (is_shed(x.r)) {
                x.out.state = request_state::shed;
                x.out.end = x.r.arrival;
            } else if (open_.empty() || !pending_.empty()) {
                pending_.push_back(&x);
            } else {
                send_to_replica(x);
            }
        }
    }

    void send_to_replica(one& x) {
        const std::size_t to = choose(service_.router, service_.random, x.r, senders_, open_, {}, turn_);
        x.out.replica = static_cast<std::uint32_t>(to);
        const std::int64_t prompt = x.r.prompt_tokens, output = x.r.output_tokens;
        const naive_replica& sender = *senders_[to];
        const bool fits = service_.decode
                              ? sender.can_hold(prompt + 1) &&
                                    (output == 1 || receivers_[0]->can_hold(prompt + output + receivers_[0]->drafts()))
                              : sender.can_hold(prompt + output + sender.drafts());
        if (fits) return senders_[to]->wait(x);
        x.out.state = request_state::rejected;
        x.out.end = std::max(x.r.arrival, instant{duration{now_}});
        senders_[to]->is_touched = true;  // who waits for blocks looks at time-outs then
    }

    const std::vector<workload::request>& requests_;
    const serving::service_options& service_;
    const std::vector<serving::linear_step>& pieces_;
    const naive_scaling* scaling_;
    serving::replica_options decode_;
    serving::step_grid no_grid_;
    std::shared_ptr<naive_replica::store> store_;  // none: the last tier is not shared
    std::vector<one> all_;
    replica_pool senders_, receivers_;
    std::vector<std::uint32_t> open_, all_receivers_;
    std::vector<one*> pending_;
    std::optional<naive_lives> lives_;
    std::int64_t now_ = 0, decided_ = 0, left_ = 0, met_ = 0, had_left_ = 0, had_met_ = 0;
    std::vector<std::int64_t> link_free_;
    std::vector<expected> expected_;
    std::vector<moving> moving_;
    std::size_t next_ = 0, turn_ = 0, decode_turn_ = 0;
    const std::vector<std::uint64_t>& after_;
    int rounds_ = 0;                     // at this instant
    std::set<std::uint64_t> rows_left_;  // by the end of the last round
    naive_pools_result out_;
};

}  // namespace

naive_serving_result serve_naively(const std::vector<workload::request>& requests,
                                   const serving::replica_options& options,
                                   const std::vector<serving::linear_step>& pieces, instant until,
                                   const serving::step_grid& grid, const std::vector<instant>& submitted,
                                   const std::vector<slowdown_change>& slowdowns) {
    naive_replica replica(options, pieces, grid);
    replica.serve(requests, until, submitted, slowdowns);
    return std::move(replica.result);
}

std::string difference_of(const serving::token_gaps& measured, std::vector<std::int64_t> gaps) {
    int128 sum = 0;
    for (const std::int64_t g : gaps) sum += g;
    if (measured.count() != gaps.size())
        return std::to_string(measured.count()) + " gaps, rather " + std::to_string(gaps.size());
    if (measured.sum_ns() != sum) return "another sum";
    if (gaps.empty()) return measured.mean_s() || measured.percentile_s(p50) ? "values of none" : "";
    std::sort(gaps.begin(), gaps.end());
    const double mean = static_cast<double>(sum) / static_cast<double>(gaps.size()) * 1e-9;
    if (std::abs(*measured.mean_s() - mean) > 1e-9 * mean) return "another mean";
    for (std::uint32_t p = 50; p <= 1000; p += p < 900 ? 50U : 1U) {
        const auto rank = exact_rank(per_mille{p}, gaps.size());
        const auto exact = static_cast<double>(gaps[rank - 1]);
        const double is = *measured.percentile_s(per_mille{p}) * 1e9;
        const double bound = (p == 1000 ? 1 : 1 + (exact + 1) / 2048) + 1e-6 * exact;
        if (std::abs(is - exact) > bound)
            return std::to_string(p) + " per mille: " + std::to_string(is) + ", rather " + std::to_string(exact);
    }
    return {};
}

std::string difference_of(const std::vector<serving::token_gaps>& measured, const naive_serving_result& naive) {
    serving::token_gaps all;
    for (std::size_t p = 0; p != measured.size(); ++p) {
        all.merge(measured[p]);
        const std::string fault = difference_of(measured[p], naive.gaps_by_priority[p]);
        if (!fault.empty()) return "priority " + std::to_string(p) + ": " + fault;
    }
    return difference_of(all, naive.gaps);
}

naive_pools_result serve_pools_naively(const std::vector<workload::request>& requests,
                                       const serving::service_options& service,
                                       const std::vector<serving::linear_step>& pieces,
                                       const std::vector<serving::linear_step>& decode_pieces, instant until,
                                       const naive_scaling* scaling, const std::vector<std::uint64_t>& after) {
    return naive_service{requests, service, pieces, decode_pieces, scaling, after}.serve(until);
}

}  // namespace ampacity::test
