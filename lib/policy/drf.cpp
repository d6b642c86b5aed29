#include "builtin.hpp"
#include "job_lists.hpp"
#include "owner_table.hpp"
#include "rank_order.hpp"

#include <ampacity/core/wide.hpp>

#include <boost/intrusive/set.hpp>

#include <algorithm>
#include <deque>
#include <vector>

namespace ampacity::policy {
namespace {

/// What jobs take: GPUs, of a mixed fleet those of each type.
using amounts = std::vector<std::uint64_t>;

struct fraction {
    std::uint64_t part = 0;
    std::uint64_t whole = 1;
};

bool less(const fraction& a, const fraction& b) noexcept {
    return uint128{a.part} * b.whole < uint128{b.part} * a.whole;
}

/// The largest of the shares in the resources.
fraction dominant_share(const view& v, const amounts& used) {
    fraction most{};
    for (std::size_t t = 0; t != used.size(); ++t) {
        const fraction f{used[t], v.capacity.free.is_mixed()
                                      ? v.capacity.empty.of(static_cast<fleet::gpu_type>(t)).free_gpus()
                                      : v.capacity.usable_gpus()};
        if (less(most, f)) most = f;
    }
    return most;
}

using hook = boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>,
                                             boost::intrusive::optimize_size<true>>;

/// Who jobs belong to.
struct owner : hook {
    std::uint64_t weight = 1;
    std::size_t queue = 0;  ///< its waiting jobs, in submit order
    amounts used{0};
    fraction share{};
    std::uint64_t head_order = 0;  ///< of its first waiting job
    std::size_t turn = 0;          ///< passed over in the last pass: how many actions came before
};

/// Least dominant share per weight first, then the one whose first job has waited longest.
struct owner_order {
    bool operator()(const owner& a, const owner& b) const noexcept {
        const uint128 of_a = uint128{a.share.part} * b.share.whole * b.weight;
        const uint128 of_b = uint128{b.share.part} * a.share.whole * a.weight;
        return of_a != of_b ? of_a < of_b : a.head_order < b.head_order;
    }
};

/// Dominant resource fairness by progressive filling (docs/policies/drf.md). Owners with waiting jobs are kept in
/// order, so that a start or an end costs O(log owners).
class drf final : public policy {
public:
    explicit drf(const drf_options& o) : by_group_(o.by_group), skip_(o.skip) {
        for (const auto& [name, weight] : o.weights) owners_[row_of(name)].weight = weight;
    }

    void on_submit(const view& v, job_id job) override {
        const std::uint32_t row = row_of(name_of(v, job));
        owner_of_.grow_to(index(job) + 1, 0);
        owner_of_[index(job)] = row;
        if (!ranks_.rises(v[job].order)) return on_requeue(v, job);
        owner& o = owners_[row];
        const bool first = queues_.first(o.queue) == none<job_id>;
        queues_.push_back(o.queue, job);
        if (first) wait(v, o);
    }

    void on_requeue(const view& v, job_id job) override {
        owner& o = owners_[owner_of_[index(job)]];
        job_id next = queues_.first(o.queue);
        if (next != none<job_id>) waiting_.erase(waiting_.iterator_to(o));
        while (next != none<job_id> && v[next].order < v[job].order) next = queues_.after(next);
        queues_.insert(o.queue, job, next);
        wait(v, o);
    }

    void on_finish(const view& v, job_id job) override {
        owner& o = owners_[owner_of_[index(job)]];
        const bool waits = queues_.first(o.queue) != none<job_id>;
        if (waits) waiting_.erase(waiting_.iterator_to(o));
        used_by(v, o, job) -= v[job].demand.gpus;
        if (waits) wait(v, o);
    }

    /// It may go on with fewer GPUs.
    void on_speed_changing(const view& v, job_id job) override { on_finish(v, job); }
    void on_speed_changed(const view& v, job_id job) override {
        owner& o = owners_[owner_of_[index(job)]];
        const bool waits = queues_.first(o.queue) != none<job_id>;
        if (waits) waiting_.erase(waiting_.iterator_to(o));
        used_by(v, o, job) += v[job].demand.gpus;
        if (waits) wait(v, o);
    }

    /// Shares are of what there is.
    void on_capacity_changed(const view& v) override {
        std::vector<owner*> all;
        for (owner& o : waiting_) all.push_back(&o);
        waiting_.clear();
        for (owner* o : all) wait(v, *o);
    }

    void decide(const view& v, plan& p) override {
        passed_over_.clear();
        while (!waiting_.empty() && v.capacity.free.free_gpus() != 0) {
            owner& o = *waiting_.begin();
            const job_id job = queues_.first(o.queue);
            const bool started = p.start(job);
            if (!started && !skip_) break;
            waiting_.erase(waiting_.begin());
            if (!started) {
                o.turn = p.actions().size();
                passed_over_.push_back(&o);
                continue;
            }
            queues_.erase(o.queue, job);
            used_by(v, o, job) += v[job].demand.gpus;
            if (queues_.first(o.queue) != none<job_id>) wait(v, o);
        }
        for (owner* o : passed_over_) waiting_.insert(*o);
    }

    /// Only the first job of an owner has a turn: that of the owner in front, and if there is `skip`, of each.
    [[nodiscard]] reason explain(const view& v, const plan& p, job_id job) const override {
        const owner& mine = owners_[owner_of_[index(job)]];
        const owner& front = *waiting_.begin();
        const job_id first = queues_.first(skip_ ? mine.queue : front.queue);
        const bool was_passed_over = std::find(passed_over_.begin(), passed_over_.end(), &mine) != passed_over_.end();
        reason r =
            seen_from_outside(v, job == first && was_passed_over ? free_before(v, p, mine.turn) : v.capacity.free, job);
        if (job != first) {
            // Behind the owner's own first job, or behind the owner in front.
            r.what = obstacle::order;
            r.blocker = first;
        }
        r.ahead = count_waiting(v, [&](job_id other) {
            const owner& o = owners_[owner_of_[index(other)]];
            return &o == &mine ? v[other].order < v[job].order
                               : other == queues_.first(o.queue) && owner_order{}(o, mine);
        });
        return r;
    }

private:
    [[nodiscard]] std::string_view name_of(const view& v, job_id job) const {
        if (v.owners == nullptr) return {};
        return by_group_ ? v.owners->group(job) : v.owners->user(job);
    }
    std::uint32_t row_of(std::string_view name) {
        const auto [row, fresh] = names_.row(name);
        if (fresh) owners_.emplace_back().queue = queues_.add();
        return row;
    }
    /// What its owner has of the GPUs that a running job holds.
    static std::uint64_t& used_by(const view& v, owner& o, job_id job) {
        if (!v.capacity.free.is_mixed()) return o.used[0];
        o.used.resize(v.capacity.types()->size(), 0);
        return o.used[v[job].type];
    }
    /// Puts an owner in its place. \pre it has a waiting job
    void wait(const view& v, owner& o) {
        o.share = dominant_share(v, o.used);
        o.head_order = v[queues_.first(o.queue)].order;
        waiting_.insert(o);
    }

    rank_order ranks_;
    bool by_group_;
    bool skip_;
    owner_table names_;
    std::deque<owner> owners_;
    pod_vector<std::uint32_t> owner_of_;  // by job_id
    job_lists queues_;
    boost::intrusive::set<owner, boost::intrusive::compare<owner_order>> waiting_;
    std::vector<owner*> passed_over_;
};

}  // namespace

std::unique_ptr<policy> make_drf(const drf_options& options) { return std::make_unique<drf>(options); }

}  // namespace ampacity::policy
