#include "support/naive_replay.hpp"

#include "support/naive_world.hpp"

#include <algorithm>
#include <bitset>
#include <cstddef>
#include <map>
#include <stdexcept>

namespace naive {

namespace {

std::uint64_t count(std::uint64_t mask) { return std::bitset<64>(mask).count(); }

/// The n lowest set bits of a mask.
std::uint64_t lowest(std::uint64_t mask, std::uint64_t n) {
    std::uint64_t taken = 0;
    for (unsigned bit = 0; bit < 64 && count(taken) < n; ++bit) {
        const std::uint64_t one = std::uint64_t{1} << bit;
        if ((mask & one) != 0) taken |= one;
    }
    return taken;
}

/// All node numbers in the order in which a placer prefers them for a part of a node.
std::vector<std::uint32_t> preference(const std::vector<std::uint64_t>& free, const std::string& placer) {
    std::vector<std::uint32_t> order;
    for (std::uint32_t n = 0; n < free.size(); ++n) order.push_back(n);
    if (placer == "pack") {
        std::stable_sort(order.begin(), order.end(),
                         [&](std::uint32_t a, std::uint32_t b) { return count(free[a]) < count(free[b]); });
    } else if (placer == "spread") {
        std::stable_sort(order.begin(), order.end(),
                         [&](std::uint32_t a, std::uint32_t b) { return count(free[a]) > count(free[b]); });
    }
    return order;
}

class replayer : private world {
public:
    replayer(const std::vector<job>& jobs, const fleet& where, const options& how)
        : world(jobs, where, how.costs, how.enforce_estimate), how_(how) {
        static const std::vector<std::string> policies{"fifo", "fifo-skip", "sjf",         "srtf",
                                                       "las",  "easy",      "conservative"};
        static const std::vector<std::string> placers{"first-fit", "pack", "spread", "topology", "block"};
        if (std::find(policies.begin(), policies.end(), how.policy) == policies.end())
            throw std::invalid_argument("naive replay: unknown policy " + how.policy);
        if (std::find(placers.begin(), placers.end(), where.placer) == placers.end())
            throw std::invalid_argument("naive replay: unknown placer " + where.placer);
        if (!is_pool() && !is_mixed() && (where.nodes == 0 || where.gpus_per_node == 0 || where.gpus_per_node > 64))
            throw std::invalid_argument("naive replay: impossible fleet");
    }

    std::vector<outcome> run() {
        while (true) {
            const std::optional<std::int64_t> next = next_event();
            if (!next || (how_.until_ns && *next > *how_.until_ns)) break;
            now_ = *next;
            const bool changed = events_of_round();
            if (how_.every_ns) {
                if (changed) pass_due_ = true;
                if (!pass_due_ || now_ % *how_.every_ns != 0) continue;
                pass_due_ = false;
                pass();
            } else if (decision_ == now_) {
                decision_.reset();
                pass();
            } else if (changed && !decision_ && anyone_here()) {
                const std::int64_t takes = how_.decision_ns + how_.decision_per_job_ns * waiting();
                if (takes == 0)
                    pass();
                else
                    decision_ = now_ + takes;
            }
        }
        return outcomes(how_.until_ns);
    }

private:
    // ---- a job's numbers

    std::int64_t remaining_estimate(const entry& e) const { return remaining(e, planning_estimate(e)); }

    std::int64_t bucket_of(const entry& e) const {
        std::int64_t reached = 0;
        for (const std::int64_t threshold : how_.las_thresholds_gpu_s)
            if (attained(e) >= int128{threshold} * 1'000'000'000) ++reached;
        return reached;
    }

    std::int64_t held_until(const entry& e) const {
        return how_.held_until_ns.empty() ? 0 : how_.held_until_ns[static_cast<std::size_t>(&e - jobs_.data())];
    }

    // ---- events

    std::optional<std::int64_t> next_event() const {
        std::optional<std::int64_t> next = next_of_jobs();
        const auto consider = [&](std::int64_t t) {
            if (!next || t < *next) next = t;
        };
        if (pass_due_) consider(now_ + *how_.every_ns - now_ % *how_.every_ns);
        if (decision_) consider(*decision_);
        for (const entry& e : jobs_) {
            if (e.at == phase::queued && held_until(e) > now_) consider(held_until(e));
            if (e.at == phase::running && how_.policy == "las")
                for (const std::int64_t threshold : how_.las_thresholds_gpu_s)
                    if (attained(e) < int128{threshold} * 1'000'000'000)
                        consider(static_cast<std::int64_t>(when_attained(e, int128{threshold} * 1'000'000'000)));
        }
        return next;
    }

    std::int64_t waiting() const {
        return std::count_if(jobs_.begin(), jobs_.end(), [](const entry& e) { return e.at == phase::queued; });
    }

    bool anyone_here() const {
        return std::any_of(jobs_.begin(), jobs_.end(),
                           [](const entry& e) { return e.at == phase::queued || e.at == phase::running; });
    }

    /// The phases of one round before its pass; true if the pass is due.
    bool events_of_round() {
        bool changed = end_jobs([](const entry&) {});
        if (change_capacity()) changed = true;
        if (admit_jobs([&](entry& e) { e.stage = bucket_of(e); })) changed = true;
        for (const entry& e : jobs_)
            if (e.at == phase::queued && held_until(e) == now_) changed = true;
        if (how_.policy == "las") {
            for (entry& e : jobs_) {
                if (e.at != phase::running || bucket_of(e) == e.stage) continue;
                e.stage = bucket_of(e);
                changed = true;
            }
        }
        return changed;
    }

    // ---- order

    std::int64_t key(const entry& e) const {
        if (how_.policy == "sjf") return how_.by_estimate ? planning_estimate(e) : e.in.duration_ns;
        if (how_.policy == "srtf") return how_.by_estimate ? remaining_estimate(e) : remaining(e, e.in.duration_ns);
        if (how_.policy == "las") return bucket_of(e);
        return 0;
    }

    /// Queued jobs, and running ones if asked for, by (policy's key, submit, file order).
    std::vector<entry*> in_order(bool with_running) {
        std::vector<entry*> list;
        for (entry& e : jobs_)
            if ((e.at == phase::queued && held_until(e) <= now_) || (with_running && e.at == phase::running))
                list.push_back(&e);
        std::sort(list.begin(), list.end(), [&](const entry* a, const entry* b) {
            if (key(*a) != key(*b)) return key(*a) < key(*b);
            return came_before(a, b);
        });
        return list;
    }

    // ---- the policies

    void pass() {
        if (how_.policy == "fifo" || how_.policy == "sjf") pass_in_order();
        if (how_.policy == "fifo-skip") pass_skip();
        if (how_.policy == "srtf" || how_.policy == "las") walk(in_order(true), false);
        if (how_.policy == "easy") is_pool() ? pass_easy_pool() : pass_easy_nodes();
        if (how_.policy == "conservative") pass_conservative();
    }

    void pass_in_order() {
        for (entry* e : in_order(false))
            if (!start_if_fits(*e)) return;
    }

    void pass_skip() {
        for (entry* e : in_order(false)) start_if_fits(*e);
    }

    /// Starts heads as fifo does; the jobs that are left, the blocked head first.
    std::vector<entry*> start_heads() {
        std::vector<entry*> queue = in_order(false);
        while (!queue.empty() && start_if_fits(*queue.front())) queue.erase(queue.begin());
        return queue;
    }

    /// The earliest planned end of a running job, or of a time for which nodes are planned to be away, at which the
    /// blocked head fits; without limit if nodes have failed that it needs.
    std::int64_t shadow_time(const entry& head) const {
        std::int64_t shadow = without_limit;
        const auto consider = [&](std::int64_t t) {
            if (t < shadow && place(room_at(t, head), head)) shadow = t;
        };
        for (const entry& e : jobs_)
            if (e.at == phase::running) consider(planned_end(e));
        for (const leave& l : fleet_.leaves)
            if (l.planned && l.known_ns <= now_ && l.end_ns > now_) consider(l.end_ns);
        return shadow;
    }

    void pass_easy_pool() {
        const std::vector<entry*> queue = start_heads();
        if (queue.empty()) return;
        const std::int64_t shadow = shadow_time(*queue[0]);
        std::uint64_t extra = room_at(shadow, *queue[0]).pool_free - queue[0]->in.gpus;
        for (std::size_t i = 1; i < queue.size(); ++i) {
            entry& e = *queue[i];
            if (!place(room(e), e)) continue;
            if (now_ + remaining_estimate(e) <= shadow) {
                start(e, {});
            } else if (e.in.gpus <= extra) {
                extra -= e.in.gpus;
                start(e, {});
            }
        }
    }

    void pass_easy_nodes() {
        const std::vector<entry*> queue = start_heads();
        if (queue.empty()) return;
        const std::int64_t shadow = shadow_time(*queue[0]);
        for (std::size_t i = 1; i < queue.size(); ++i) {
            entry& e = *queue[i];
            const std::optional<placement> where = place(room(e), e);
            if (!where) continue;
            space then = room_at(shadow, *queue[0]);
            take(then, e, *where);
            if (end_if_started(e, *where) <= shadow || place(then, *queue[0])) start(e, *where);
        }
    }

    /// Free GPUs over time: each value holds from its key up to the next key; the last one for ever.
    using profile = std::map<std::int64_t, std::int64_t>;

    /// Those on nodes that drain go with it.
    std::uint64_t gpus_that_come_back(const entry& e) const {
        if (is_pool()) return e.in.gpus;
        std::uint64_t n = 0;
        for (const auto& [node, mask] : e.where) n += drains(node) ? 0 : count(mask);
        return n;
    }

    static void cut(profile& p, std::int64_t t) { p.emplace(t, std::prev(p.upper_bound(t))->second); }

    /// Takes GPUs off the profile over [from, to).
    static void reserve(profile& p, std::int64_t from, std::int64_t to, std::uint64_t gpus) {
        if (to <= from) return;
        cut(p, from);
        cut(p, to);
        for (auto& [t, free] : p)
            if (t >= from && t < to) free -= static_cast<std::int64_t>(gpus);
    }

    /// True if the profile has the GPUs at `from` and over all of [from, to).
    static bool has_room(const profile& p, std::int64_t from, std::int64_t to, std::uint64_t gpus) {
        for (const auto& [t, free] : p)
            if ((t == from || (t > from && t < to)) && free < static_cast<std::int64_t>(gpus)) return false;
        return true;
    }

    /// The earliest slot, if there is one. Room can only begin where the profile rises, so keys are the only ones to
    /// try.
    static std::optional<std::int64_t> earliest(const profile& p, std::int64_t length, std::uint64_t gpus) {
        for (const auto& [t, free] : p)
            if (has_room(p, t, t + length, gpus)) return t;
        return std::nullopt;
    }

    void pass_conservative() {
        if (is_mixed()) return pass_conservative_mixed();
        profile p;
        p[now_] = static_cast<std::int64_t>(all_gpus());
        for (const std::int64_t t : changes())
            if (t > now_) p[t] = static_cast<std::int64_t>(all_gpus(t, t));
        for (const entry& e : jobs_)
            if (e.at == phase::running) reserve(p, now_, planned_end(e), gpus_that_come_back(e));
        for (entry* e : in_order(false)) {
            const std::optional<std::int64_t> found = earliest(p, remaining_estimate(*e), e->in.gpus);
            if (!found) continue;
            const std::int64_t slot = *found;
            reserve(p, slot, slot + remaining_estimate(*e), e->in.gpus);
            if (slot == now_) start_if_fits(*e);
        }
    }

    /// A profile for each type; the earliest slot counts, then the speed. A job starts on the type of its slot only.
    void pass_conservative_mixed() {
        std::vector<profile> p(fleet_.types.size());
        for (std::size_t t = 0; t < p.size(); ++t) p[t][now_] = static_cast<std::int64_t>(gpus_of_type(t, now_, now_));
        for (const entry& e : jobs_)
            if (e.at == phase::running) reserve(p[type_of(e.where)], now_, planned_end(e), e.in.gpus);
        for (entry* e : in_order(false)) {
            std::optional<std::int64_t> slot;
            std::size_t type = 0;
            for (const std::size_t t : by_speed(*e)) {
                if (!place_on(whole_fleet(), *e, t)) continue;
                const std::int64_t length = length_at(*e, planning_estimate(*e), speed_on(*e, t));
                const std::optional<std::int64_t> here = earliest(p[t], length, e->in.gpus);
                if (!here || (slot && *here >= *slot)) continue;
                slot = here;
                type = t;
            }
            if (!slot) continue;
            reserve(p[type], *slot, *slot + length_at(*e, planning_estimate(*e), speed_on(*e, type)), e->in.gpus);
            if (*slot != now_) continue;
            if (const auto where = place_on(free_now(), *e, type)) start(*e, *where);
        }
    }

    options how_;
    bool pass_due_ = false;
    std::optional<std::int64_t> decision_{};  ///< when the pass comes that has been asked for
};

}  // namespace

std::optional<placement> place_on_nodes(const std::vector<std::uint64_t>& free, std::uint32_t gpus_per_node,
                                        const std::string& placer, std::uint64_t gpus, bool spread_job) {
    placement where;
    std::vector<bool> taken(free.size(), false);
    if (spread_job) {
        std::uint64_t left = gpus;
        for (const std::uint32_t n : preference(free, placer)) {
            const std::uint64_t here = std::min(left, count(free[n]));
            if (here > 0) where.emplace_back(n, lowest(free[n], here));
            left -= here;
        }
        if (left > 0) return std::nullopt;
    } else {
        std::uint64_t whole = gpus / gpus_per_node;
        for (std::uint32_t n = 0; n < free.size() && whole > 0; ++n) {
            if (count(free[n]) != gpus_per_node) continue;
            where.emplace_back(n, free[n]);
            taken[n] = true;
            --whole;
        }
        if (whole > 0) return std::nullopt;
        std::uint64_t rest = gpus % gpus_per_node;
        for (const std::uint32_t n : preference(free, placer)) {
            if (rest == 0 || taken[n] || count(free[n]) < rest) continue;
            where.emplace_back(n, lowest(free[n], rest));
            rest = 0;
        }
        if (rest > 0) return std::nullopt;
    }
    std::sort(where.begin(), where.end());
    return where;
}

spending walk_run(const overheads& how, bool was_preempted, std::int64_t longest, std::int64_t most_work,
                  bool has_failed) {
    spending s;
    const auto left = [&](std::int64_t part) { return std::min(part, longest - s.total()); };
    if (was_preempted) {
        if (!how.checkpoint_interval_ns && !has_failed) s.checkpoint = left(how.checkpoint_ns);
        s.restart = left(how.restart_ns);
    }
    while (s.total() < longest && s.worked < most_work) {
        const std::int64_t until_checkpoint = how.checkpoint_interval_ns
                                                  ? *how.checkpoint_interval_ns - s.worked % *how.checkpoint_interval_ns
                                                  : most_work - s.worked;
        const std::int64_t work = left(std::min(until_checkpoint, most_work - s.worked));
        s.worked += work;
        if (!how.checkpoint_interval_ns) {
            s.kept = s.worked;
        } else if (work == until_checkpoint && s.worked < most_work) {
            const std::int64_t pause = left(how.checkpoint_ns);
            s.checkpoint += pause;
            if (pause < how.checkpoint_ns) return s;
            s.kept = s.worked;
        }
    }
    return s;
}

std::vector<outcome> replay(const std::vector<job>& jobs, const fleet& where, const options& how) {
    return replayer(jobs, where, how).run();
}

}  // namespace naive
