#include "support/naive_sharing.hpp"

#include "support/naive_world.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <stdexcept>

namespace naive {

namespace {

std::vector<job> without_owners(const std::vector<owned_job>& jobs) {
    std::vector<job> out;
    for (const owned_job& j : jobs) out.push_back(j.what);
    return out;
}

class replayer : private world {
public:
    replayer(const std::vector<owned_job>& jobs, const fleet& where, const sharing_options& how)
        : world(without_owners(jobs), where, how.run.costs, how.run.enforce_estimate), how_(how), owned_(jobs) {
        for (const quota_group& g : how.groups) tree_.push_back({g.name, g.parent, g.quota, g.weight, false});
        for (const quota_group& g : how.groups) {
            const bool has_children = std::any_of(how.groups.begin(), how.groups.end(),
                                                  [&](const quota_group& other) { return other.parent == g.name; });
            if (has_children) tree_.push_back({g.name + own, g.name, 0, 1, true});
        }
    }

    std::vector<outcome> run() {
        while (true) {
            std::optional<std::int64_t> next = next_of_jobs();
            for (const entry* e : leaving()) next = std::min(*next, next_saved(*e));
            if (!next || (how_.run.until_ns && *next > *how_.run.until_ns)) break;
            now_ = *next;
            if (round()) pass();
        }
        return outcomes(how_.run.until_ns);
    }

private:
    bool round() {
        const bool ended = end_jobs([](const entry&) {});
        const bool vacated = vacate_jobs();
        const bool changed = change_capacity();
        return admit_jobs([&](const entry& e) { meet(e); }) || ended || vacated || changed;
    }

    const std::string& group_of(const entry& e) const { return owned_[e.index].group; }

    /// What a job that waits could get now if these running jobs were not there.
    space room_without(const entry& e, const std::set<const entry*>& gone) const { return room_without(e, gone, now_); }
    /// The same at `t`.
    space room_without(const entry& e, const std::set<const entry*>& gone, std::int64_t t) const {
        return free_with([&](const entry& other) { return gone.count(&other) == 0; }, t, t + planned_end(e) - now_);
    }

    /// Of the victims in their order: as many as make the job fit, then spared from the last to the first.
    std::optional<std::set<const entry*>> needed(const std::vector<entry*>& victims, const entry& e) const {
        const auto fits = [&](const std::set<const entry*>& gone) {
            const auto s = room_ahead(e, gone);
            return s && place(*s, e);
        };
        std::set<const entry*> gone;
        if (!leaving().empty() && fits(gone)) return gone;
        std::vector<const entry*> taken;
        for (const entry* v : victims) {
            if (v->vacates) continue;
            gone.insert(v);
            taken.push_back(v);
            if (!fits(gone)) continue;
            for (std::size_t i = taken.size(); i-- > 0;) {
                gone.erase(taken[i]);
                if (!fits(gone)) gone.insert(taken[i]);
            }
            return gone;
        }
        return std::nullopt;
    }
    void preempt_all(const std::set<const entry*>& gone) {
        for (entry& e : jobs_) {
            if (gone.count(&e) == 0) continue;
            if (how_.at_checkpoints)
                vacate(e);
            else
                preempt(e);
        }
    }

    // ---- victims that leave at checkpoints

    /// When a running job can be stopped next without losing anything.
    std::int64_t next_saved(const entry& e) const {
        if (!costs_.checkpoint_interval_ns || walk_to(e, now_).kept == walk_to(e, now_).worked) return now_;
        for (std::int64_t k = 1;; ++k) {
            // Just before it works on behind its k-th checkpoint.
            const std::int64_t worked = k * *costs_.checkpoint_interval_ns;
            const auto t = walk_run(costs_, was_stopped(e), without_limit, worked + 1, e.has_failed).total() - 1;
            if (e.run_start + t >= now_) return e.run_start + t;
        }
    }
    /// Asks a running job to leave then.
    void vacate(entry& e) {
        e.vacates = next_saved(e) != now_;
        if (!e.vacates) preempt(e);
    }
    bool vacate_jobs() {
        bool any = false;
        for (entry* e : in(phase::running)) {
            if (!e->vacates || next_saved(*e) != now_) continue;
            preempt(*e);
            any = true;
        }
        return any;
    }
    /// As planned.
    std::int64_t vacated_at(const entry& e) const { return std::min(next_saved(e), planned_end(e)); }

    std::set<const entry*> leaving() const {
        std::set<const entry*> out;
        for (const entry& e : jobs_)
            if (e.at == phase::running && e.vacates) out.insert(&e);
        return out;
    }
    bool leaves_at_once() const { return !how_.at_checkpoints || !costs_.checkpoint_interval_ns; }
    /// Where those that wait for others to leave would be then, one after the other, beside one that has a place.
    struct placed {
        const entry* who;
        placement where;
    };
    std::optional<std::vector<placed>> place_awaiting(std::vector<placed> first) const {
        for (const entry* a : awaiting_) {
            space s = room_without(*a, leaving());
            for (const placed& p : first) take(s, *p.who, p.where);
            const auto where = place(s, *a);
            if (!where) return std::nullopt;
            first.push_back({a, *where});
        }
        return first;
    }
    /// What a job that waits could get if these running jobs and those that are leaving were not there, behind those
    /// that wait for them already.
    std::optional<space> room_ahead(const entry& e, std::set<const entry*> gone) const {
        const auto before = place_awaiting({});
        if (!before) return std::nullopt;
        gone.merge(leaving());
        space s = room_without(e, gone);
        for (const placed& p : *before) take(s, *p.who, p.where);
        return s;
    }
    /// Unless it takes the place of one that waits for others to leave.
    bool start_beside_awaiting(entry& e) {
        const auto where = place(room(e), e);
        if (!where || !place_awaiting({{&e, *where}})) return false;
        start(e, *where);
        return true;
    }

    void pass() {
        if (how_.run.policy == "priority") return pass_priority();
        if (how_.run.policy == "fair-share") return pass_fair_share();
        if (how_.run.policy == "drf") return pass_drf();
        throw std::invalid_argument("naive sharing: unknown policy " + how_.run.policy);
    }

    // ---- priority

    std::vector<entry*> by_priority() {
        auto list = in(phase::queued);
        std::sort(list.begin(), list.end(), [](const entry* a, const entry* b) {
            if (a->in.priority != b->in.priority) return a->in.priority > b->in.priority;
            return came_before(a, b);
        });
        return list;
    }
    bool may_preempt(const entry& e, const entry& other) const {
        return std::int64_t{e.in.priority} - other.in.priority >= how_.preempt_above;
    }

    std::vector<entry*> victims_of(const entry& head) {
        std::vector<entry*> victims;
        for (entry* e : in(phase::running))
            if (may_preempt(head, *e)) victims.push_back(e);
        std::sort(victims.begin(), victims.end(), [](const entry* a, const entry* b) {
            if (a->in.priority != b->in.priority) return a->in.priority < b->in.priority;
            return a->number > b->number;
        });
        return victims;
    }
    /// While the head waits for its victims, those of the jobs behind it are asked.
    void ask_ahead() {
        for (entry* e : by_priority()) {
            if (!awaiting_.empty()) {
                const auto gone = needed(victims_of(*e), *e);
                if (!gone) break;
                if (std::any_of(gone->begin(), gone->end(), [&](const entry* v) { return next_saved(*v) == now_; }))
                    break;
                preempt_all(*gone);
            }
            awaiting_.push_back(e);
        }
        awaiting_.clear();
    }

    void pass_priority() {
        bool waits = false;
        while (true) {
            const auto queue = by_priority();
            if (queue.empty()) return;
            entry& head = *queue[0];
            if (start_if_fits(head)) continue;
            const auto gone = needed(victims_of(head), head);
            if (!gone) break;
            preempt_all(*gone);
            waits = !start_if_fits(head);
            if (waits) break;
        }
        if (waits) ask_ahead();
        if (!how_.backfill) return;
        const auto queue = by_priority();
        const entry& head = *queue[0];
        std::set<const entry*> fresh;  // started behind the head
        const auto counts_as_gone = [&](const entry& e) {
            return may_preempt(head, e) && !e.vacates && (leaves_at_once() || (!waits && fresh.count(&e) == 0));
        };
        const auto gone_at = [&](const entry& e) { return e.vacates ? vacated_at(e) : planned_end(e); };
        const auto gone_by = [&](std::int64_t t) {
            std::set<const entry*> gone;
            for (const entry* e : in(phase::running))
                if (counts_as_gone(*e) || gone_at(*e) <= t) gone.insert(e);
            return gone;
        };
        std::int64_t shadow = without_limit;
        const auto consider = [&](std::int64_t t) {
            if (t < shadow && place(room_without(head, gone_by(t), t), head)) shadow = t;
        };
        for (const entry* e : in(phase::running)) {
            if (!counts_as_gone(*e)) consider(gone_at(*e));
        }
        for (const leave& l : fleet_.leaves)
            if (l.planned && l.known_ns <= now_ && l.end_ns > now_) consider(l.end_ns);
        for (std::size_t i = 1; i < queue.size(); ++i) {
            entry& e = *queue[i];
            const auto where = place(room(e), e);
            if (!where) continue;
            space then = room_without(head, gone_by(shadow), shadow);
            take(then, e, *where);
            const bool harmless = may_preempt(head, e) && leaves_at_once();
            if (!harmless && end_if_started(e, *where) > shadow && !place(then, head)) continue;
            start_if_fits(e);
            fresh.insert(&e);
        }
    }

    // ---- fair-share

    struct node {
        std::string name;
        std::string parent;
        std::uint64_t quota;
        std::uint64_t weight;
        bool is_own;  ///< takes the jobs of a group with others below it
    };
    const std::string own = "/own jobs";

    /// A group that is not configured appears with its first job.
    void meet(const entry& e) {
        if (std::none_of(tree_.begin(), tree_.end(), [&](const node& n) { return n.name == group_of(e); }))
            tree_.push_back({group_of(e), {}, 0, 1, false});
        met_owners_.insert(owner_of(e));
    }
    const node& at(const std::string& name) const {
        return *std::find_if(tree_.begin(), tree_.end(), [&](const node& n) { return n.name == name; });
    }
    bool is_leaf(const std::string& name) const {
        return std::none_of(how_.groups.begin(), how_.groups.end(),
                            [&](const quota_group& g) { return !g.parent.empty() && g.parent == name; });
    }
    std::string leaf_of(const entry& e) const { return is_leaf(group_of(e)) ? group_of(e) : group_of(e) + own; }
    bool is_top(const node& n) const { return n.parent.empty(); }
    /// The group and those above it, the lowest first.
    std::vector<std::string> path(const std::string& leaf) const {
        std::vector<std::string> out{leaf};
        while (!is_top(at(out.back()))) out.push_back(at(out.back()).parent);
        return out;
    }
    bool within(const std::string& leaf, const std::string& group) const {
        const auto p = path(leaf);
        return std::find(p.begin(), p.end(), group) != p.end();
    }
    std::uint64_t usage(const std::string& group, const std::set<const entry*>& without = {}) const {
        std::uint64_t sum = 0;
        for (const entry& e : jobs_)
            if (e.at == phase::running && !e.vacates && without.count(&e) == 0 && within(leaf_of(e), group))
                sum += e.in.gpus;
        for (const entry* e : awaiting_)
            if (within(leaf_of(*e), group)) sum += e->in.gpus;
        return sum;
    }
    std::optional<std::string> guarantor(const entry& e) const {
        for (const std::string& g : path(leaf_of(e)))
            if (usage(g) + e.in.gpus <= at(g).quota) return g;
        return std::nullopt;
    }

    /// The first waiting job of each group that is not blocked.
    std::vector<entry*> heads(const std::set<std::string>& blocked) {
        std::map<std::string, entry*> first;
        for (entry* e : in(phase::queued)) {
            entry*& head = first[leaf_of(*e)];
            if (head == nullptr || came_before(e, head)) head = e;
        }
        std::vector<entry*> out;
        for (const auto& [leaf, head] : first)
            if (blocked.count(leaf) == 0) out.push_back(head);
        return out;
    }
    /// Whose turn it is, by the paths of the groups compared from the top.
    entry* next(const std::vector<entry*>& candidates) const {
        std::vector<entry*> left = candidates;
        for (std::size_t level = 0; left.size() > 1; ++level) {
            const auto group_at = [&](const entry* e) {
                const auto p = path(leaf_of(*e));
                return p[p.size() - 1 - level];
            };
            std::string best = group_at(left[0]);
            for (const node& n : tree_) {
                const bool present =
                    std::any_of(left.begin(), left.end(), [&](const entry* e) { return group_at(e) == n.name; });
                if (!present) continue;
                const auto mine = int128{usage(n.name)} * at(best).weight;
                const auto its = int128{usage(best)} * n.weight;
                if (mine < its || (mine == its && position(n.name) < position(best))) best = n.name;
            }
            left.erase(std::remove_if(left.begin(), left.end(), [&](const entry* e) { return group_at(e) != best; }),
                       left.end());
        }
        return left.empty() ? nullptr : left[0];
    }
    std::size_t position(const std::string& name) const { return static_cast<std::size_t>(&at(name) - tree_.data()); }

    bool lends(const std::string& from, const std::string& by, const std::set<const entry*>& gone) const {
        if (within(from, by)) return false;
        const auto above = path(by);
        for (const std::string& g : path(from)) {
            if (std::find(above.begin(), above.end(), g) != above.end()) break;
            if (usage(g, gone) <= at(g).quota) return false;
        }
        return true;
    }
    /// Victims in their order, for as long as there are any.
    std::vector<entry*> victims_for(const std::string& by) {
        std::vector<entry*> out;
        std::set<const entry*> gone;
        while (true) {
            std::string most;
            std::uint64_t excess = 0;
            entry* victim = nullptr;
            for (const node& n : tree_) {
                entry* last = nullptr;
                for (entry* e : in(phase::running)) {
                    if (leaf_of(*e) != n.name || gone.count(e) != 0 || e->run_start == now_ || e->vacates) continue;
                    if (last == nullptr || e->number > last->number) last = e;
                }
                if (last == nullptr || !lends(n.name, by, gone)) continue;
                const std::uint64_t over = usage(n.name, gone) - n.quota;
                if (victim != nullptr && over <= excess) continue;
                victim = last;
                excess = over;
            }
            if (victim == nullptr) return out;
            out.push_back(victim);
            gone.insert(victim);
        }
    }

    void pass_fair_share() {
        std::set<std::string> blocked;
        awaiting_.clear();
        while (true) {
            std::vector<entry*> candidates;
            for (entry* e : heads(blocked))
                if (guarantor(*e)) candidates.push_back(e);
            entry* e = next(candidates);
            if (e == nullptr) break;
            if (start_beside_awaiting(*e)) continue;
            const auto gone = how_.reclaim ? needed(victims_for(*guarantor(*e)), *e) : std::nullopt;
            if (gone) {
                preempt_all(*gone);
                if (start_beside_awaiting(*e)) continue;
                awaiting_.push_back(e);
            }
            blocked.insert(leaf_of(*e));
        }
        while (entry* e = next(heads(blocked)))
            if (!start_beside_awaiting(*e)) blocked.insert(leaf_of(*e));
        awaiting_.clear();
    }

    // ---- drf

    std::string owner_of(const entry& e) const { return how_.by_group ? group_of(e) : owned_[e.index].user; }

    void pass_drf() {
        std::set<std::string> passed_over;
        while (true) {
            entry* best = nullptr;
            for (const std::string& owner : met_owners_) {
                if (passed_over.count(owner) != 0) continue;
                entry* head = nullptr;
                for (entry* e : in(phase::queued))
                    if (owner_of(*e) == owner && (head == nullptr || came_before(e, head))) head = e;
                if (head == nullptr) continue;
                if (best == nullptr || before(*head, *best)) best = head;
            }
            if (best == nullptr) return;
            if (start_if_fits(*best)) continue;
            if (!how_.skip) return;
            passed_over.insert(owner_of(*best));
        }
    }
    bool before(const entry& a, const entry& b) const {
        // GPUs of a type as a share of all, over the product of the types' sizes.
        const auto held = [&](const entry& of) {
            int128 most = 0;
            for (std::size_t t = 0; t < std::max<std::size_t>(1, fleet_.types.size()); ++t) {
                int128 sum = 0;
                for (const entry& e : jobs_)
                    if (e.at == phase::running && owner_of(e) == owner_of(of) && (!is_mixed() || type_of(e.where) == t))
                        sum += static_cast<int128>(e.in.gpus);
                for (std::size_t other = 0; other < fleet_.types.size(); ++other)
                    if (other != t) sum *= static_cast<int128>(naive::all_gpus(fleet_.types[other]));
                most = std::max(most, sum);
            }
            return most;
        };
        const auto weight = [&](const entry& of) {
            const auto w = how_.weights.find(owner_of(of));
            return w == how_.weights.end() ? int128{1} : static_cast<int128>(w->second);
        };
        const int128 of_a = held(a) * weight(b);
        const int128 of_b = held(b) * weight(a);
        return of_a != of_b ? of_a < of_b : came_before(&a, &b);
    }

    sharing_options how_;
    std::vector<owned_job> owned_;
    std::vector<node> tree_{};
    std::set<std::string> met_owners_{};
    std::vector<const entry*> awaiting_{};  // fair-share, in a pass: counted as started
};

}  // namespace

std::vector<outcome> share(const std::vector<owned_job>& jobs, const fleet& where, const sharing_options& how) {
    return replayer(jobs, where, how).run();
}

}  // namespace naive
