#include "builtin.hpp"
#include "eviction.hpp"
#include "job_lists.hpp"
#include "ordered_jobs.hpp"
#include "owner_table.hpp"
#include "vacating.hpp"

#include <ampacity/core/wide.hpp>

#include <algorithm>
#include <limits>

namespace ampacity::policy {
namespace {

using group_row = std::uint32_t;
constexpr group_row root = 0;
constexpr group_row no_group = ~group_row{0};

struct group {
    group_row parent = root;
    std::uint64_t weight = 1;
    std::uint64_t quota = 0;
    std::uint64_t usage = 0;  ///< GPUs that its running jobs and those of the groups below it hold
    std::vector<group_row> below;
    group_row own = no_group;  ///< for jobs of a group that has groups below it: the one that takes them

    // Of a group without any below it.
    std::size_t running = 0;  ///< its list, in order of start
    std::uint64_t waiting = 0;
    std::uint64_t blocked = 0;          ///< the last pass in which its first job found no place
    job_id blocked_job = none<job_id>;  ///< which one that was; a job that was preempted later may stand before it
    std::size_t turn = 0;               ///< how many actions of that pass came before
    job_id next_victim = none<job_id>;  ///< while room is made

    std::uint64_t marked = 0;  ///< the last choice for which a job below it was eligible
};

/// Groups with quotas, lending and reclaim (docs/policies/fair-share.md).
class fair_share final : public policy {
public:
    explicit fair_share(const fair_share_options& o) : reclaim_(o.reclaim), at_checkpoints_(o.at_checkpoints) {
        groups_.emplace_back();
        for (const auto& g : o.groups) {
            name(g.name, add(g.parent.empty() ? root : configured(g.parent), g.weight, g.quota));
        }
        // A group that has others below it takes its own jobs as one more of them.
        for (group_row row = 1, end = size(); row != end; ++row) {
            if (!groups_[row].below.empty()) groups_[row].own = add(row, 1, 0);
        }
    }

    void on_submit(const view& v, job_id job) override {
        const group_row leaf = leaf_of(v.owners == nullptr ? std::string_view{} : v.owners->group(job));
        leaf_.grow_to(index(job) + 1, no_group);
        leaf_[index(job)] = leaf;
        enqueue(v, job);
    }
    void on_finish(const view& v, job_id job) override {
        running_.erase(groups_[leaf_[index(job)]].running, job);
        if (!vacating_.forget(job)) change_usage(leaf_[index(job)], -std::int64_t{v[job].demand.gpus});
    }
    /// It may go on with fewer GPUs.
    void on_speed_changing(const view& v, job_id job) override {
        change_usage(leaf_[index(job)], -std::int64_t{v[job].demand.gpus});
    }
    void on_speed_changed(const view& v, job_id job) override {
        change_usage(leaf_[index(job)], std::int64_t{v[job].demand.gpus});
    }

    void decide(const view& v, plan& p) override {
        if (queue_.empty()) return;
        ++pass_;
        vacating_.begin_pass();
        for (group_row leaf = choose(v, true); leaf != no_group; leaf = choose(v, true)) {
            const job_id job = head_of(leaf);
            if (start(v, p, job) || (reclaim_ && make_room(v, p, leaf, job)))
                begin(v, job);
            else
                block(p, leaf);
        }
        while (v.capacity.free.free_gpus() != 0) {
            const group_row leaf = choose(v, false);
            if (leaf == no_group) break;
            const job_id job = head_of(leaf);
            if (start(v, p, job))
                begin(v, job);
            else
                block(p, leaf);
        }
        for (const job_id job : vacating_.awaiting())
            change_usage(leaf_[index(job)], -std::int64_t{v[job].demand.gpus});
    }

    /// Only the first job of a group has a turn. It reclaims only what keeps its group, or one above, within the quota.
    [[nodiscard]] reason explain(const view& v, const plan& p, job_id job) const override {
        const group_row leaf = leaf_[index(job)];
        const group& g = groups_[leaf];
        const bool had_its_turn = g.blocked == pass_;
        const job_id first = had_its_turn ? g.blocked_job : head_of(leaf);
        reason r =
            seen_from_outside(v, had_its_turn && job == first ? free_before(v, p, g.turn) : v.capacity.free, job);
        if (vacating_.is_awaiting(job)) {
            r.what = obstacle::checkpoint;
            r.until = last_vacated(v, vacating_.leaving());
        } else if (job != first) {
            r.what = obstacle::order;
            r.blocker = first;
        } else if (reclaim_ && r.what != obstacle::unknown && guarantor(leaf, v[job].demand.gpus) == no_group) {
            r.what = obstacle::quota;
        }
        r.ahead = count_waiting(v, [&](job_id o) { return leaf_[index(o)] == leaf && v[o].order < v[job].order; });
        return r;
    }

private:
    void block(const plan& p, group_row leaf) {
        groups_[leaf].blocked = pass_;
        groups_[leaf].blocked_job = head_of(leaf);
        groups_[leaf].turn = p.actions().size();
    }

    [[nodiscard]] group_row size() const noexcept { return static_cast<group_row>(groups_.size()); }

    group_row add(group_row parent, std::uint64_t weight, std::uint64_t quota) {
        const group_row row = size();
        groups_.push_back({.parent = parent, .weight = weight, .quota = quota, .below = {}, .running = running_.add()});
        groups_[parent].below.push_back(row);
        return row;
    }
    group_row configured(std::string_view parent) {
        const auto [row, fresh] = names_.row(parent);
        AMPACITY_ASSERT(!fresh);  // it comes before its children
        return row_of_name_[row];
    }
    void name(std::string_view text, group_row row) {
        row_of_name_.resize(std::max<std::size_t>(row_of_name_.size(), names_.size() + 1), no_group);
        row_of_name_[names_.row(text).first] = row;
    }
    /// The group that takes the jobs of this name; one of its own for a name that is not configured.
    group_row leaf_of(std::string_view text) {
        const auto [row, fresh] = names_.row(text);
        if (fresh) name(text, add(root, 1, 0));
        const group_row found = row_of_name_[row];
        return groups_[found].own == no_group ? found : groups_[found].own;
    }

    // --- queue and usage -------------------------------------------------------------------------------

    void enqueue(const view& v, job_id job) {
        const group_row leaf = leaf_[index(job)];
        queue_.insert({.key = leaf, .order = v[job].order, .job = job});
        if (groups_[leaf].waiting++ == 0) waiting_.push_back(leaf);
    }
    /// \pre has waiting jobs
    [[nodiscard]] job_id head_of(group_row leaf) const {
        constexpr std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
        return queue_.behind({.key = std::uint64_t{leaf} - 1, .order = last, .job = {}})->job;
    }
    void begin(const view& v, job_id job) {
        const group_row leaf = leaf_[index(job)];
        queue_.erase({.key = leaf, .order = v[job].order, .job = job});
        if (--groups_[leaf].waiting == 0) std::erase(waiting_, leaf);
        running_.push_back(groups_[leaf].running, job);
        change_usage(leaf, std::int64_t{v[job].demand.gpus});
    }
    void change_usage(group_row leaf, std::int64_t gpus) {
        for (group_row row = leaf; row != root; row = groups_[row].parent)
            groups_[row].usage += static_cast<std::uint64_t>(gpus);
    }

    // --- who is next -----------------------------------------------------------------------------------

    /// The lowest group at or above `leaf` that stays within its quota with so many GPUs more.
    [[nodiscard]] group_row guarantor(group_row leaf, std::uint64_t gpus) const {
        for (group_row row = leaf; row != root; row = groups_[row].parent) {
            if (groups_[row].usage + gpus <= groups_[row].quota) return row;
        }
        return no_group;
    }

    /// From the root down, the group with the least usage per weight among those with an eligible job below them:
    /// one that has not been blocked in this pass and, if asked for, is guaranteed.
    group_row choose(const view& v, bool guaranteed) {
        ++choice_;
        for (const group_row leaf : waiting_) {
            if (groups_[leaf].blocked == pass_) continue;
            if (guaranteed && guarantor(leaf, v[head_of(leaf)].demand.gpus) == no_group) continue;
            for (group_row row = leaf; groups_[row].marked != choice_; row = groups_[row].parent) {
                groups_[row].marked = choice_;
                if (row == root) break;
            }
        }
        if (groups_[root].marked != choice_) return no_group;
        group_row row = root;
        while (!groups_[row].below.empty()) {
            group_row least = no_group;
            for (const group_row g : groups_[row].below) {
                if (groups_[g].marked != choice_) continue;
                if (least == no_group || less(groups_[g], groups_[least])) least = g;
            }
            row = least;
        }
        return row;
    }
    static bool less(const group& a, const group& b) noexcept {
        return uint128{a.usage} * b.weight < uint128{b.usage} * a.weight;
    }

    // --- reclaim ---------------------------------------------------------------------------------------

    /// May running jobs of `from` be preempted for one that is guaranteed by `by`? Not below `by` itself, and not while
    /// a group between `from` and the first common one is within its quota.
    [[nodiscard]] bool lends(group_row from, group_row by) const {
        for (group_row row = from; row != root; row = groups_[row].parent) {
            if (row == by) return false;
            if (is_above(row, by)) return true;
            if (groups_[row].usage <= groups_[row].quota) return false;
        }
        return true;
    }
    [[nodiscard]] bool is_above(group_row upper, group_row lower) const {
        for (group_row row = lower; row != root; row = groups_[row].parent) {
            if (row == upper) return true;
        }
        return upper == root;
    }

    /// The last job that its group has started, of this one and those before, that is not leaving already.
    [[nodiscard]] job_id may_go(const view& v, job_id job) const {
        while (job != none<job_id> && v[job].vacates) job = running_.before(job);
        return job;
    }

    /// Preempts jobs of lending groups until `job` fits, and starts it; if that cannot help, nobody is. Where victims
    /// leave at checkpoints only, the job may have to wait for them, and counts on all that have been asked to leave.
    bool make_room(const view& v, plan& p, group_row leaf, job_id job) {
        const fleet::demand wanted = v[job].demand;
        const group_row by = guarantor(leaf, wanted.gpus);
        if (!vacating_.look_ahead(v, job, victims_)) return false;
        if (at_checkpoints_ && victims_.is_enough(v)) return await(v, leaf, job);
        for (group& g : groups_) {
            g.next_victim = g.usage == 0 || !g.below.empty() ? none<job_id> : running_.last(g.running);
            // Those that have started at this very instant stay.
            while (g.next_victim != none<job_id> && v.began(g.next_victim) == v.now)
                g.next_victim = running_.before(g.next_victim);
            g.next_victim = may_go(v, g.next_victim);
        }
        bool enough = false;
        while (!enough) {
            const group_row from = most_over_quota(by);
            if (from == no_group) break;
            const job_id victim = groups_[from].next_victim;
            groups_[from].next_victim = may_go(v, running_.before(victim));
            change_usage(from, -std::int64_t{v[victim].demand.gpus});
            enough = victims_.take(v, victim);
        }
        for (const job_id victim : victims_.jobs())
            change_usage(leaf_[index(victim)], std::int64_t{v[victim].demand.gpus});
        if (!enough) return false;
        victims_.spare(v);
        for (const job_id victim : victims_.jobs()) evict(v, p, victim);
        return start(v, p, job) || await(v, leaf, job);
    }
    void evict(const view& v, plan& p, job_id victim) {
        if (!at_checkpoints_) {
            p.preempt(victim);
        } else if (!vacating_.ask(p, victim)) {
            // It counts as gone.
            change_usage(leaf_[index(victim)], -std::int64_t{v[victim].demand.gpus});
            return;
        }
        on_finish(v, victim);
        enqueue(v, victim);
    }

    // --- jobs that wait for others to leave --------------------------------------------------------------

    /// It fits once those that have been asked to leave have: in this pass it counts as started.
    bool await(const view& v, group_row leaf, job_id job) {
        change_usage(leaf, std::int64_t{v[job].demand.gpus});
        vacating_.await(job);
        return false;
    }
    /// Unless that takes the place of one that waits.
    bool start(const view& v, plan& p, job_id job) { return vacating_.leaves_places(v, job, victims_) && p.start(job); }
    [[nodiscard]] group_row most_over_quota(group_row by) const {
        group_row most = no_group;
        for (group_row row = 1; row != size(); ++row) {
            if (groups_[row].next_victim == none<job_id> || !lends(row, by)) continue;
            if (most == no_group || excess(row) > excess(most)) most = row;
        }
        return most;
    }
    /// \pre lends, so it is over its quota
    [[nodiscard]] std::uint64_t excess(group_row row) const { return groups_[row].usage - groups_[row].quota; }

    bool reclaim_;
    bool at_checkpoints_;
    std::vector<group> groups_;
    owner_table names_;
    std::vector<group_row> row_of_name_;  // by row of names_
    pod_vector<group_row> leaf_;          // by job_id
    ordered_jobs queue_;                  // by group, then submit order
    std::vector<group_row> waiting_;      // groups with waiting jobs, in no order
    job_lists running_;
    std::uint64_t pass_ = 0;
    std::uint64_t choice_ = 0;
    vacating vacating_;
    eviction victims_;
};

}  // namespace

std::unique_ptr<policy> make_fair_share(const fair_share_options& options) {
    return std::make_unique<fair_share>(options);
}

}  // namespace ampacity::policy
