#include "support/naive_sharing.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <stdexcept>
#include <tuple>

namespace naive {

namespace {

using ampacity::int128;

enum class phase { to_come, queued, running, over };

struct entry {
    std::size_t index = 0;
    owned_job in{};
    phase at = phase::to_come;
    std::int64_t run_start = 0;
    std::uint64_t start_number = 0;  ///< starts of all jobs are counted
    std::int64_t ran = 0, kept = 0, lost = 0, checkpoint = 0, restart = 0;
    placement where{};
    outcome out{};
    std::uint64_t gpus() const { return in.what.gpus; }
    std::int64_t estimate() const { return std::max(in.what.estimate_ns.value_or(0), in.what.duration_ns); }
};

/// Free GPUs of a pool, or of each node.
struct space {
    std::uint64_t pool = 0;
    std::vector<std::uint64_t> nodes{};
};

class replayer {
public:
    replayer(const std::vector<owned_job>& jobs, const fleet& where, const sharing_options& how)
        : fleet_(where), how_(how) {
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            entry e;
            e.index = i;
            e.in = jobs[i];
            jobs_.push_back(e);
        }
        for (const quota_group& g : how.groups) tree_.push_back({g.name, g.parent, g.quota, g.weight, false});
        for (const quota_group& g : how.groups) {
            const bool has_children = std::any_of(how.groups.begin(), how.groups.end(),
                                                  [&](const quota_group& other) { return other.parent == g.name; });
            if (has_children) tree_.push_back({g.name + own, g.name, 0, 1, true});
        }
    }

    std::vector<outcome> run() {
        while (true) {
            std::optional<std::int64_t> next;
            for (const entry& e : jobs_) {
                std::optional<std::int64_t> t;
                if (e.at == phase::to_come) t = e.in.what.submit_ns;
                if (e.at == phase::running) t = end_of(e);
                if (t && (!next || *t < *next)) next = t;
            }
            if (!next || (how_.run.until_ns && *next > *how_.run.until_ns)) break;
            now_ = *next;
            if (round()) pass();
        }
        std::vector<outcome> result;
        for (entry& e : jobs_) {
            if (e.at == phase::running) {
                now_ = *how_.run.until_ns;
                book_run(e, false);
            }
            if (e.at != phase::over) book_job(e);
            result.push_back(e.out);
        }
        return result;
    }

private:
    // ---- jobs

    std::int64_t length(const entry& e, std::int64_t whole) const {
        return walk_run(how_.run.costs, e.out.preemptions > 0, without_limit, whole - e.kept).total();
    }
    bool killed(const entry& e) const {
        return how_.run.enforce_estimate && e.in.what.estimate_ns &&
               *e.in.what.estimate_ns - e.ran < length(e, e.in.what.duration_ns);
    }
    std::int64_t end_of(const entry& e) const {
        return e.run_start + (killed(e) ? *e.in.what.estimate_ns - e.ran : length(e, e.in.what.duration_ns));
    }
    std::int64_t planned_end(const entry& e) const {
        return (e.at == phase::running ? e.run_start : now_) + length(e, e.estimate());
    }
    void book_run(entry& e, bool loses) const {
        const spending s = walk_run(how_.run.costs, e.out.preemptions > 0, now_ - e.run_start, without_limit);
        e.ran += now_ - e.run_start;
        e.kept += loses ? s.kept : s.worked;
        e.lost += loses ? s.worked - s.kept : 0;
        e.checkpoint += s.checkpoint;
        e.restart += s.restart;
    }
    static void book_job(entry& e) {
        const auto gpus = static_cast<int128>(e.gpus());
        e.out.useful_gpu_ns = e.kept * gpus;
        e.out.lost_gpu_ns = e.lost * gpus;
        e.out.checkpoint_gpu_ns = e.checkpoint * gpus;
        e.out.restart_gpu_ns = e.restart * gpus;
    }

    bool round() {
        bool changed = false;
        for (entry& e : jobs_) {
            if (e.at != phase::running || end_of(e) != now_) continue;
            e.out.st = killed(e) ? state::killed : state::finished;
            book_run(e, false);
            if (e.out.st == state::finished) book_job(e);
            if (e.out.st == state::killed) e.out.lost_gpu_ns = int128{e.ran} * static_cast<int128>(e.gpus());
            e.at = phase::over;
            e.out.finish_ns = now_;
            changed = true;
        }
        for (entry& e : jobs_) {
            if (e.at != phase::to_come || e.in.what.submit_ns != now_) continue;
            if (e.gpus() == 0 || !place(everything(), e)) {
                e.at = phase::over;
                e.out.st = state::rejected;
                continue;
            }
            e.at = phase::queued;
            changed = true;
            meet(e);
        }
        return changed;
    }

    bool start(entry& e) {
        const auto where = place(free(), e);
        if (!where) return false;
        e.at = phase::running;
        e.run_start = now_;
        e.start_number = ++starts_;
        e.where = *where;
        if (!e.out.first_start_ns) e.out.first_start_ns = now_;
        e.out.attempts.push_back({now_, *where});
        return true;
    }
    void preempt(entry& e) {
        book_run(e, true);
        e.at = phase::queued;
        e.where.clear();
        ++e.out.preemptions;
    }

    // ---- space

    space everything() const {
        if (fleet_.pool_gpus > 0) return {fleet_.pool_gpus, {}};
        const std::uint64_t all =
            fleet_.gpus_per_node >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << fleet_.gpus_per_node) - 1;
        return {0, std::vector<std::uint64_t>(fleet_.nodes, all)};
    }
    static void take(space& s, const entry& e, const placement& where) {
        if (s.nodes.empty()) s.pool -= e.gpus();
        for (const auto& [node, mask] : where) s.nodes[node] &= ~mask;
    }
    /// What is free if these running jobs were not there.
    space free(const std::set<const entry*>& without = {}) const {
        space s = everything();
        for (const entry& e : jobs_)
            if (e.at == phase::running && without.count(&e) == 0) take(s, e, e.where);
        return s;
    }
    std::optional<placement> place(const space& s, const entry& e) const {
        if (fleet_.pool_gpus == 0)
            return place_on_nodes(s.nodes, fleet_.gpus_per_node, fleet_.placer, e.gpus(), e.in.what.spread);
        if (e.gpus() > s.pool) return std::nullopt;
        return placement{};
    }

    std::vector<entry*> all(phase at) {
        std::vector<entry*> list;
        for (entry& e : jobs_)
            if (e.at == at) list.push_back(&e);
        return list;
    }
    static auto arrival(const entry* e) { return std::tuple{e->in.what.submit_ns, e->index}; }

    /// Of the victims in their order: as many as make the job fit, then spared from the last to the first.
    std::optional<std::set<const entry*>> needed(const std::vector<entry*>& victims, const entry& e) const {
        std::set<const entry*> gone;
        std::vector<const entry*> taken;
        for (const entry* v : victims) {
            gone.insert(v);
            taken.push_back(v);
            if (!place(free(gone), e)) continue;
            for (std::size_t i = taken.size(); i-- > 0;) {
                gone.erase(taken[i]);
                if (!place(free(gone), e)) gone.insert(taken[i]);
            }
            return gone;
        }
        return std::nullopt;
    }
    void preempt_all(const std::set<const entry*>& gone) {
        for (entry& e : jobs_)
            if (gone.count(&e) != 0) preempt(e);
    }

    void pass() {
        if (how_.run.policy == "priority") return pass_priority();
        if (how_.run.policy == "fair-share") return pass_fair_share();
        if (how_.run.policy == "drf") return pass_drf();
        throw std::invalid_argument("naive sharing: unknown policy " + how_.run.policy);
    }

    // ---- priority

    std::vector<entry*> by_priority() {
        auto list = all(phase::queued);
        std::sort(list.begin(), list.end(), [](const entry* a, const entry* b) {
            if (a->in.what.priority != b->in.what.priority) return a->in.what.priority > b->in.what.priority;
            return arrival(a) < arrival(b);
        });
        return list;
    }
    bool may_preempt(const entry& e, const entry& other) const {
        return std::int64_t{e.in.what.priority} - other.in.what.priority >= how_.preempt_above;
    }

    void pass_priority() {
        while (true) {
            const auto queue = by_priority();
            if (queue.empty()) return;
            entry& head = *queue[0];
            if (start(head)) continue;
            std::vector<entry*> victims;
            for (entry* e : all(phase::running))
                if (may_preempt(head, *e)) victims.push_back(e);
            std::sort(victims.begin(), victims.end(), [](const entry* a, const entry* b) {
                if (a->in.what.priority != b->in.what.priority) return a->in.what.priority < b->in.what.priority;
                return a->start_number > b->start_number;
            });
            const auto gone = needed(victims, head);
            if (!gone) break;
            preempt_all(*gone);
            start(head);
        }
        if (!how_.backfill) return;
        const auto queue = by_priority();
        const entry& head = *queue[0];
        const auto gone_by = [&](std::int64_t t) {
            std::set<const entry*> gone;
            for (const entry* e : all(phase::running))
                if (may_preempt(head, *e) || planned_end(*e) <= t) gone.insert(e);
            return gone;
        };
        std::optional<std::int64_t> shadow;
        for (const entry* e : all(phase::running)) {
            if (may_preempt(head, *e)) continue;
            const std::int64_t t = planned_end(*e);
            if ((!shadow || t < *shadow) && place(free(gone_by(t)), head)) shadow = t;
        }
        for (std::size_t i = 1; i < queue.size(); ++i) {
            entry& e = *queue[i];
            const auto where = place(free(), e);
            if (!where) continue;
            space then = free(gone_by(shadow.value()));
            take(then, e, *where);
            if (may_preempt(head, e) || planned_end(e) <= *shadow || place(then, head)) start(e);
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
        if (std::none_of(tree_.begin(), tree_.end(), [&](const node& n) { return n.name == e.in.group; }))
            tree_.push_back({e.in.group, {}, 0, 1, false});
        met_owners_.insert(owner_of(e));
    }
    const node& at(const std::string& name) const {
        return *std::find_if(tree_.begin(), tree_.end(), [&](const node& n) { return n.name == name; });
    }
    bool is_leaf(const std::string& name) const {
        return std::none_of(how_.groups.begin(), how_.groups.end(),
                            [&](const quota_group& g) { return !g.parent.empty() && g.parent == name; });
    }
    std::string leaf_of(const entry& e) const { return is_leaf(e.in.group) ? e.in.group : e.in.group + own; }
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
            if (e.at == phase::running && without.count(&e) == 0 && within(leaf_of(e), group)) sum += e.gpus();
        return sum;
    }
    std::optional<std::string> guarantor(const entry& e) const {
        for (const std::string& g : path(leaf_of(e)))
            if (usage(g) + e.gpus() <= at(g).quota) return g;
        return std::nullopt;
    }

    /// The first waiting job of each group that is not blocked.
    std::vector<entry*> heads(const std::set<std::string>& blocked) {
        std::map<std::string, entry*> first;
        for (entry* e : all(phase::queued)) {
            entry*& head = first[leaf_of(*e)];
            if (head == nullptr || arrival(e) < arrival(head)) head = e;
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
                for (entry* e : all(phase::running)) {
                    if (leaf_of(*e) != n.name || gone.count(e) != 0 || e->run_start == now_) continue;
                    if (last == nullptr || e->start_number > last->start_number) last = e;
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
        while (true) {
            std::vector<entry*> candidates;
            for (entry* e : heads(blocked))
                if (guarantor(*e)) candidates.push_back(e);
            entry* e = next(candidates);
            if (e == nullptr) break;
            if (start(*e)) continue;
            const auto gone = how_.reclaim ? needed(victims_for(*guarantor(*e)), *e) : std::nullopt;
            if (gone) {
                preempt_all(*gone);
                start(*e);
            } else {
                blocked.insert(leaf_of(*e));
            }
        }
        while (entry* e = next(heads(blocked)))
            if (!start(*e)) blocked.insert(leaf_of(*e));
    }

    // ---- drf

    std::string owner_of(const entry& e) const { return how_.by_group ? e.in.group : e.in.user; }

    void pass_drf() {
        std::set<std::string> passed_over;
        while (true) {
            entry* best = nullptr;
            for (const std::string& owner : met_owners_) {
                if (passed_over.count(owner) != 0) continue;
                entry* head = nullptr;
                for (entry* e : all(phase::queued))
                    if (owner_of(*e) == owner && (head == nullptr || arrival(e) < arrival(head))) head = e;
                if (head == nullptr) continue;
                if (best == nullptr || before(*head, *best)) best = head;
            }
            if (best == nullptr) return;
            if (start(*best)) continue;
            if (!how_.skip) return;
            passed_over.insert(owner_of(*best));
        }
    }
    bool before(const entry& a, const entry& b) const {
        const auto held = [&](const entry& of) {
            int128 sum = 0;
            for (const entry& e : jobs_)
                if (e.at == phase::running && owner_of(e) == owner_of(of)) sum += static_cast<int128>(e.gpus());
            return sum;
        };
        const auto weight = [&](const entry& of) {
            const auto w = how_.weights.find(owner_of(of));
            return w == how_.weights.end() ? int128{1} : static_cast<int128>(w->second);
        };
        const int128 of_a = held(a) * weight(b);
        const int128 of_b = held(b) * weight(a);
        return of_a != of_b ? of_a < of_b : arrival(&a) < arrival(&b);
    }

    fleet fleet_;
    sharing_options how_;
    std::vector<entry> jobs_{};
    std::vector<node> tree_{};
    std::set<std::string> met_owners_{};
    std::uint64_t starts_ = 0;
    std::int64_t now_ = 0;
};

}  // namespace

std::vector<outcome> share(const std::vector<owned_job>& jobs, const fleet& where, const sharing_options& how) {
    return replayer(jobs, where, how).run();
}

}  // namespace naive
