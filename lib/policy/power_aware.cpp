#include "builtin.hpp"
#include "job_ring.hpp"
#include "power_caps.hpp"
#include "rank_order.hpp"

#include <ampacity/policy/class_queue.hpp>
#include <ampacity/policy/power_budget.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace ampacity::policy {
namespace {

/// Starts jobs where the feeds above can carry them.
class powered_starts {
public:
    explicit powered_starts(const power_aware_options& options)
        : reserve_(options.reserve), caps_(options.cap, options.reserve) {}

    /// What became of a try.
    enum class result : std::uint8_t { started, no_place, no_power };

    void begin(const view& v) {
        if (!v.headroom.any()) return;
        budget_.begin(v.headroom, reserve_);
        caps_.begin(v.headroom, budget_);
    }
    void end(const view& v, plan& p) {
        if (v.headroom.any()) caps_.end(p, budget_);
    }
    [[nodiscard]] static std::uint32_t kind(const view& v, job_id job) {
        return v.headroom.any() ? v.headroom.facts->kind(job) : 0;
    }
    result start(const view& v, plan& p, job_id job) {
        if (!v.headroom.any()) return p.start(job) ? result::started : result::no_place;
        where_.clear();
        const std::uint32_t of_kind = kind(v, job);
        const fleet::free_index& room = v.room(job);
        if (!place(v.place, room, v[job].demand, where_)) return result::no_place;
        if (const auto shortage = budget_.short_of(of_kind, where_)) {
            feed_ = shortage->feed;
            if (!place_elsewhere(v, room, job, of_kind, *shortage, budget_) && !place_capped(v, room, job, of_kind))
                return result::no_power;
        }
        p.start(job, where_);
        budget_.charge(of_kind, where_);
        caps_.add(of_kind, where_);
        return result::started;
    }
    /// Behind the last try: the feed that could not carry what the placer chose first. \pre it was `no_power`
    [[nodiscard]] std::uint32_t short_feed() const noexcept { return feed_; }

private:
    /// Nodes whose feeds are exhausted are left out; then, for as long as what the placer chooses overloads a feed, all
    /// nodes behind that feed but those chosen that it can carry.
    bool place_elsewhere(const view& v, const fleet::free_index& room, job_id job, std::uint32_t of_kind,
                         power_budget::shortage shortage, power_budget& budget) {
        trial_ = room;
        find_groups(v.headroom);
        for (std::uint32_t g = 0; g != groups_.size(); ++g) {
            if (!groups_[g].is_empty() && budget.exhausted(of_kind, g)) leave_out(groups_[g], {});
        }
        for (std::size_t tries = v.headroom.room_uw.size(); tries > 0; --tries) {
            leave_out_behind(v.headroom, shortage);
            where_.clear();
            if (!place(v.place, trial_, v[job].demand, where_)) return false;
            const auto next = budget.short_of(of_kind, where_);
            if (!next) return true;
            shortage = *next;
        }
        return false;
    }
    /// The same with GPUs limited as far as may be; then as far as it takes.
    bool place_capped(const view& v, const fleet::free_index& room, job_id job, std::uint32_t of_kind) {
        if (!caps_.may()) return false;
        power_budget& at_floor = caps_.at_floor(budget_);
        where_.clear();
        if (!place(v.place, room, v[job].demand, where_)) return false;
        const auto shortage = at_floor.short_of(of_kind, where_);
        if (shortage && !place_elsewhere(v, room, job, of_kind, *shortage, at_floor)) return false;
        return caps_.lower_for(of_kind, where_, budget_);
    }

    /// Nodes of a group, which follow each other.
    struct range {
        std::uint32_t first = 0, last = 0;
        [[nodiscard]] bool is_empty() const noexcept { return first == last; }
    };
    /// They stay the same over the run.
    void find_groups(const headroom_view& h) {
        if (!groups_.empty()) return;
        groups_.resize(h.model.size());
        for (std::uint32_t n = 0; n != h.group.size(); ++n) {
            range& g = groups_[h.group[n]];
            if (g.is_empty()) g.first = n;
            g.last = n + 1;
        }
    }
    void leave_out(range nodes, std::span<const fleet::gpu_share> but) {
        for (std::uint32_t n = nodes.first; n != nodes.last; ++n) {
            const node_id node{n};
            if (trial_.free_mask(node) == 0) continue;
            const bool stays =
                std::any_of(but.begin(), but.end(), [node](const fleet::gpu_share& s) { return s.node == node; });
            if (!stays) trial_.set_in_service(node, false);
        }
    }
    void leave_out_behind(const headroom_view& h, power_budget::shortage shortage) {
        const auto carried = std::span<const fleet::gpu_share>{where_}.first(shortage.share);
        for (std::uint32_t g = 0; g != groups_.size(); ++g) {
            const auto above = h.above(g);
            const bool is_behind = std::any_of(above.begin(), above.end(), [&](const headroom_view::feed_share& s) {
                return s.feed == shortage.feed;
            });
            if (is_behind) leave_out(groups_[g], carried);
        }
    }

    std::uint32_t reserve_;
    power_budget budget_;
    power_caps caps_;
    std::uint32_t feed_ = 0;
    std::vector<range> groups_;
    fleet::free_index trial_;
    std::vector<fleet::gpu_share> where_;
};

/// It fits, and `feed` could not carry it.
void say_power(const view& v, std::uint32_t feed, reason& r) {
    r.what = obstacle::power;
    r.feed = feed;
    r.until = v.headroom.facts->limited_until(feed);
}

class power_aware_fifo final : public policy {
public:
    explicit power_aware_fifo(const power_aware_options& options) : starts_(options) {}

    void on_submit(const view& v, job_id job) override {
        if (!ranks_.rises(v[job].order)) return on_requeue(v, job);
        queue_.push_back(job);
    }
    void on_requeue(const view& v, job_id job) override {
        queue_.insert(job, [&v](job_id a, job_id b) { return v[a].order < v[b].order; });
    }
    void decide(const view& v, plan& p) override {
        starts_.begin(v);
        start_all(v, p);
        starts_.end(v, p);
    }
    [[nodiscard]] reason explain(const view& v, const plan&, job_id job) const override {
        const job_id head = queue_.front();
        reason r{.what = obstacle::order, .blocker = head, .free_gpus = v.capacity.free.free_gpus()};
        if (job == head) {
            r = seen_from_outside(v, v.capacity.free, job);
            if (lacks_power_ && r.what == obstacle::unknown) say_power(v, starts_.short_feed(), r);
        }
        r.ahead = waiting_before(v, job);
        return r;
    }

private:
    void start_all(const view& v, plan& p) {
        lacks_power_ = false;
        while (!queue_.empty()) {
            const auto result = starts_.start(v, p, queue_.front());
            lacks_power_ = result == powered_starts::result::no_power;
            if (result != powered_starts::result::started) return;
            queue_.pop_front();
            if (!queue_.empty()) v.expect(queue_.front());
        }
    }

    powered_starts starts_;
    job_ring queue_;
    rank_order ranks_;
    bool lacks_power_ = false;  // the head, in the last pass
};

/// Within a pass room and power only shrink: of jobs that are alike none is tried behind one that lacked power.
class power_aware_skip final : public policy {
public:
    explicit power_aware_skip(const power_aware_options& options) : starts_(options) {}

    void on_submit(const view& v, job_id job) override {
        if (!ranks_.rises(v[job].order)) return on_requeue(v, job);
        queue_of(v, job).push(job, v[job].order, v[job].demand, v.remaining_time(job));
    }
    void on_requeue(const view& v, job_id job) override {
        queue_of(v, job).put_back(job, v[job].order, v[job].demand, v.remaining_time(job));
    }
    void decide(const view& v, plan& p) override {
        starts_.begin(v);
        start_all(v, p);
        starts_.end(v, p);
    }
    [[nodiscard]] reason explain(const view& v, const plan& p, job_id job) const override {
        reason r = seen_from_outside(v, free_at_turn(v, p, job), job);
        if (r.what == obstacle::unknown) {
            if (const lacking* const lacks = find(powered_starts::kind(v, job), v[job].demand))
                say_power(v, lacks->feed, r);
        }
        r.ahead = waiting_before(v, job);
        return r;
    }

private:
    static constexpr std::uint64_t closed = std::numeric_limits<std::uint64_t>::max();
    /// Jobs of a kind and a demand, one of which lacked power in this pass.
    struct lacking {
        std::size_t kind = 0;
        std::uint64_t demand = 0;
        std::uint64_t from = closed;  // order of the first that may be tried
        std::uint32_t feed = 0;
    };

    void start_all(const view& v, plan& p) {
        short_.clear();
        while (v.capacity.free.free_gpus() != 0) {
            class_queue::entry best;
            std::size_t of_kind = 0;
            for (std::size_t k = 0; k != queues_.size(); ++k) {
                queues_[k].for_lanes(v.capacity.free.free_gpus(), [&](const class_queue::lane& lane) {
                    const lacking* const lacks = find(k, lane.demand());
                    if (lacks != nullptr && lacks->from == closed) return;
                    const auto longest = v.longest_run(lane.demand());
                    if (!longest) return;
                    const auto e = lane.first(lacks == nullptr ? 0 : lacks->from, class_queue::within(*longest));
                    if (e.order >= best.order) return;
                    best = e;
                    of_kind = k;
                });
            }
            if (best.job == none<job_id>) return;
            switch (starts_.start(v, p, best.job)) {
                case powered_starts::result::started: queues_[of_kind].remove(best.job); break;
                case powered_starts::result::no_place: return;
                case powered_starts::result::no_power:
                    // A shorter one may have room on nodes that close later.
                    set_short(of_kind, v[best.job].demand, v.capacity.horizons.empty() ? closed : best.order + 1);
                    break;
            }
        }
    }

    [[nodiscard]] const lacking* find(std::size_t kind, fleet::demand d) const {
        const auto at = std::find_if(short_.begin(), short_.end(), [kind, key = d.key()](const lacking& l) {
            return l.kind == kind && l.demand == key;
        });
        return at == short_.end() ? nullptr : &*at;
    }
    void set_short(std::size_t kind, fleet::demand d, std::uint64_t from) {
        const auto at = std::find_if(short_.begin(), short_.end(), [kind, key = d.key()](const lacking& l) {
            return l.kind == kind && l.demand == key;
        });
        const lacking now{.kind = kind, .demand = d.key(), .from = from, .feed = starts_.short_feed()};
        at == short_.end() ? short_.push_back(now) : static_cast<void>(*at = now);
    }
    class_queue& queue_of(const view& v, job_id job) {
        const std::size_t k = powered_starts::kind(v, job);
        if (queues_.size() <= k) queues_.resize(k + 1);
        return queues_[k];
    }

    powered_starts starts_;
    std::vector<class_queue> queues_;  // by kind
    std::vector<lacking> short_;
    rank_order ranks_;
};

}  // namespace

std::unique_ptr<policy> make_power_aware(const power_aware_options& options) {
    if (options.skip) return std::make_unique<power_aware_skip>(options);
    return std::make_unique<power_aware_fifo>(options);
}

}  // namespace ampacity::policy
