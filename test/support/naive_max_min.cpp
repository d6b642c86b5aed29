#include "support/naive_max_min.hpp"

#include "lib/policy/max_min_shares.hpp"
#include "support/naive_world.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <utility>

namespace naive {

namespace {

class replayer : private world {
public:
    replayer(const std::vector<job>& jobs, const fleet& where, const max_min_options& how)
        : world(jobs, where, how.costs, how.enforce_estimate), how_(how) {
        runs_into_closings_ = true;
    }

    std::vector<outcome> run() {
        std::optional<std::int64_t> last;
        while (true) {
            std::optional<std::int64_t> next = next_of_jobs();
            if (!everybody().empty()) {
                const std::int64_t round = (now_ / how_.round_ns + 1) * how_.round_ns;
                if (!next || round < *next) next = round;
            }
            if (!next || (how_.until_ns && *next > *how_.until_ns)) break;
            now_ = *next;
            end_jobs([](const entry&) {});
            change_capacity();
            admit_jobs([&](const entry& e) { meet(e); });
            if (now_ % how_.round_ns != 0 || now_ == last || everybody().empty() || all_gpus() == 0) continue;
            last = now_;
            round();
        }
        return outcomes(how_.until_ns);
    }

private:
    std::size_t num_types() const { return std::max<std::size_t>(1, fleet_.types.size()); }

    std::vector<entry*> everybody() {
        std::vector<entry*> list = in(phase::queued);
        for (entry* e : in(phase::running)) list.push_back(e);
        std::sort(list.begin(), list.end(), came_before);
        return list;
    }

    // ---- shares

    std::vector<std::int64_t> speeds_of(const job& j) const {
        return j.speeds.empty() ? std::vector<std::int64_t>(num_types(), unit) : j.speeds;
    }
    bool alike(const job& a, const job& b) const {
        return a.gpus == b.gpus && a.segment == b.segment && a.within == b.within && a.exclusive == b.exclusive &&
               a.spread == b.spread && speeds_of(a) == speeds_of(b);
    }
    std::size_t kind_of(const entry& e) const {
        return static_cast<std::size_t>(
            std::find_if(kinds_.begin(), kinds_.end(), [&](const entry& k) { return alike(k.in, e.in); }) -
            kinds_.begin());
    }
    void meet(const entry& e) {
        if (kind_of(e) == kinds_.size()) kinds_.push_back(e);
    }

    /// The share of its time for each kind of job and type, in 2^-30.
    std::map<std::size_t, std::vector<std::int64_t>> shares() {
        std::vector<ampacity::policy::share_class> classes;
        std::vector<std::size_t> rows;
        for (std::size_t k = 0; k < kinds_.size(); ++k) {
            ampacity::policy::share_class c{.jobs = 0, .gpus = static_cast<std::uint32_t>(kinds_[k].in.gpus)};
            for (const entry* e : everybody())
                if (kind_of(*e) == k) ++c.jobs;
            if (c.jobs == 0) continue;
            for (std::size_t t = 0; t < num_types(); ++t) {
                const bool possible =
                    !is_mixed() || (speed_on(kinds_[k], t) > 0 && place_on(whole_fleet(), kinds_[k], t));
                const std::int64_t speed = is_mixed() ? speed_on(kinds_[k], t) : unit;
                c.speeds.push_back(possible ? static_cast<double>(speed) / unit : 0);
            }
            classes.push_back(c);
            rows.push_back(k);
        }
        std::vector<std::uint64_t> gpus;
        for (std::size_t t = 0; t < fleet_.types.size(); ++t) gpus.push_back(gpus_of_type(t, now_, now_));
        if (!is_mixed()) gpus.push_back(all_gpus());
        const auto found = ampacity::policy::max_min_shares(classes, gpus);
        std::map<std::size_t, std::vector<std::int64_t>> out;
        for (std::size_t i = 0; i < rows.size(); ++i)
            for (std::size_t t = 0; t < num_types(); ++t)
                out[rows[i]].push_back(std::llround(found.shares[i * num_types() + t] * (1 << 30)));
        return out;
    }

    // ---- a round

    struct turn {
        entry* who = nullptr;
        std::size_t type = 0;
        int128 due = 0;
        int128 had = 0;
    };
    static bool goes_before(const turn& a, const turn& b) {
        const bool a_had_none = a.had == 0;
        const bool b_had_none = b.had == 0;
        if (a_had_none != b_had_none) return a_had_none;
        if (!a_had_none && a.due * b.had != b.due * a.had) return a.due * b.had > b.due * a.had;
        if (a.due != b.due) return a.due > b.due;
        if (a.who != b.who) return came_before(a.who, b.who);
        return a.type < b.type;
    }

    void round() {
        const auto share = shares();
        std::vector<turn> turns;
        for (entry* e : everybody()) {
            for (std::size_t t = 0; t < num_types(); ++t) {
                const std::int64_t s = share.at(kind_of(*e))[t];
                const auto at = std::pair{e->index, t};
                if (s == 0) continue;
                due_[at] += s;
                turns.push_back({e, t, due_[at], had_[at]});
            }
        }
        std::sort(turns.begin(), turns.end(), goes_before);
        for (entry* e : everybody()) {
            if (!is_mixed()) turns.push_back({e, 0});
            if (is_mixed())
                for (const std::size_t t : by_speed(*e)) turns.push_back({e, t});
        }

        space unclaimed = empty_fleet();
        std::map<const entry*, placement> decided;
        std::map<const entry*, bool> asked;
        std::vector<entry*> in_turn;  // in which they were placed
        for (const turn& t : turns) {
            entry& e = *t.who;
            if (decided.count(&e) != 0) continue;
            const bool here = e.at == phase::running && !asked[&e] && (!is_mixed() || type_of(e.where) == t.type);
            std::optional<placement> where;
            if (here) {
                asked[&e] = true;
                if (could_keep(unclaimed, e)) where = e.where;
            }
            if (!where) {
                // Not on GPUs of running jobs whose turn is still to come, if it can be helped.
                space quiet = unclaimed;
                for (entry* other : in(phase::running))
                    if (!is_pool() && decided.count(other) == 0 && !asked[other]) take(quiet, *other, other->where);
                where = is_mixed() ? place_on(quiet, e, t.type) : place(quiet, e);
                // On racks a node that only jobs still to be walked use may be one too many.
                if (where && !could_have(unclaimed, e, *where)) where.reset();
                if (!where) where = is_mixed() ? place_on(unclaimed, e, t.type) : place(unclaimed, e);
            }
            if (!where) continue;
            take(unclaimed, e, *where);
            decided[&e] = *where;
            in_turn.push_back(&e);
            ++had_[{e.index, t.type}];
        }
        for (entry* e : everybody()) {
            const auto at = decided.find(e);
            if (e->at == phase::running && (at == decided.end() || at->second != e->where)) preempt(*e);
        }
        for (entry* e : in_turn)
            if (e->at == phase::queued) start(*e, decided[e]);
    }

    max_min_options how_;
    std::vector<entry> kinds_{};  ///< one job of each, in the order in which they came
    std::map<std::pair<std::size_t, std::size_t>, std::int64_t> due_{};
    std::map<std::pair<std::size_t, std::size_t>, std::int64_t> had_{};
};

}  // namespace

std::vector<outcome> replay(const std::vector<job>& jobs, const fleet& where, const max_min_options& how) {
    return replayer(jobs, where, how).run();
}

}  // namespace naive
