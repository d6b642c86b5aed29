#include "support/naive_ranked.hpp"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <utility>

namespace naive {

namespace {

using ampacity::int128;

/// Is a < b? Exact for numbers below 2^63.
bool less(const fraction& a, const fraction& b) { return a.over * b.under < b.over * a.under; }

enum class phase { to_come, queued, running, over };

/// One job and where it stands.
struct entry {
    std::size_t index = 0;  ///< file order
    job in{};
    phase at = phase::to_come;
    std::int64_t run_start = 0;  ///< of the current run
    std::int64_t ran = 0;        ///< run time of earlier runs [ns]
    std::int64_t kept = 0;       ///< their work that was not lost [ns]
    std::int64_t lost = 0;       ///< and what else they went on [ns]
    std::int64_t checkpoint = 0;
    std::int64_t restart = 0;
    std::uint64_t number = 0;       ///< of the current run, counting all runs
    placement where{};              ///< of the current run
    std::int64_t stage = 0;         ///< gittins: as of the last round
    std::int64_t predicted_ns = 0;  ///< qssf
    outcome out{};
};

/// What has ended, in the order in which it did.
struct past_job {
    job in{};
    std::int64_t ran_ns = 0;
};

class replayer {
public:
    replayer(const std::vector<job>& jobs, const fleet& where, const ranked_options& how) : fleet_(where), how_(how) {
        if (how.policy != "srsf" && how.policy != "gittins" && how.policy != "qssf" && how.policy != "ftf")
            throw std::invalid_argument("naive replay: unknown policy " + how.policy);
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            entry e;
            e.index = i;
            e.in = jobs[i];
            jobs_.push_back(e);
        }
    }

    std::vector<outcome> run() {
        while (true) {
            const std::optional<std::int64_t> next = next_event();
            if (!next || (how_.until_ns && *next > *how_.until_ns)) break;
            now_ = *next;
            if (!events_of_round()) continue;
            pass();
            lease_end_.reset();
            if (how_.policy == "ftf" && !in(phase::queued).empty())
                lease_end_ = (now_ / how_.lease_ns + 1) * how_.lease_ns;
        }
        std::vector<outcome> result;
        for (entry& e : jobs_) {
            now_ = how_.until_ns.value_or(now_);
            if (e.at == phase::running) book_run(e, false);
            if (e.at != phase::over) book_job(e);
            result.push_back(e.out);
        }
        return result;
    }

private:
    bool is_pool() const { return fleet_.pool_gpus > 0; }

    int128 all_gpus() const {
        return is_pool() ? static_cast<int128>(fleet_.pool_gpus) : int128{fleet_.nodes} * fleet_.gpus_per_node;
    }

    std::vector<entry*> in(phase wanted) {
        std::vector<entry*> list;
        for (entry& e : jobs_)
            if (e.at == wanted) list.push_back(&e);
        return list;
    }

    // ---- a job's numbers

    std::int64_t run_time(const entry& e) const { return e.ran + (e.at == phase::running ? now_ - e.run_start : 0); }

    bool will_be_killed(const entry& e) const {
        return how_.enforce_estimate && e.in.estimate_ns &&
               *e.in.estimate_ns - e.ran < length_of_run(e, e.in.duration_ns);
    }

    std::int64_t end_of_run(const entry& e) const {
        return e.run_start + (will_be_killed(e) ? *e.in.estimate_ns - e.ran : length_of_run(e, e.in.duration_ns));
    }

    /// How long a run lasts that does all the work that is left of `whole`.
    std::int64_t length_of_run(const entry& e, std::int64_t whole) const {
        return walk_run(how_.costs, e.out.preemptions > 0, without_limit, whole - e.kept).total();
    }

    /// Run time that is left if work is what `whole` says.
    std::int64_t remaining(const entry& e, std::int64_t whole) const {
        return length_of_run(e, whole) - (e.at == phase::running ? now_ - e.run_start : 0);
    }

    void book_run(entry& e, bool loses) const {
        const spending s = walk_run(how_.costs, e.out.preemptions > 0, now_ - e.run_start, without_limit);
        const std::int64_t kept = loses ? s.kept : s.worked;
        e.ran += now_ - e.run_start;
        e.kept += kept;
        e.lost += s.worked - kept;
        e.checkpoint += s.checkpoint;
        e.restart += s.restart;
    }

    static void book_job(entry& e) {
        const auto gpus = static_cast<int128>(e.in.gpus);
        e.out.useful_gpu_ns = e.kept * gpus;
        e.out.lost_gpu_ns = e.lost * gpus;
        e.out.checkpoint_gpu_ns = e.checkpoint * gpus;
        e.out.restart_gpu_ns = e.restart * gpus;
    }

    static std::int64_t planning_estimate(const entry& e) {
        return e.in.estimate_ns ? std::max(*e.in.estimate_ns, e.in.duration_ns) : e.in.duration_ns;
    }

    int128 attained(const entry& e) const { return int128{run_time(e)} * static_cast<int128>(e.in.gpus); }

    std::int64_t stage_of(const entry& e) const {
        return static_cast<std::int64_t>(std::min(attained(e) / how_.quantum_gpu_ns, int128{how_.stages - 1}));
    }

    // ---- events

    std::optional<std::int64_t> next_event() const {
        std::optional<std::int64_t> next = lease_end_;
        const auto consider = [&](std::int64_t t) {
            if (!next || t < *next) next = t;
        };
        for (const entry& e : jobs_) {
            if (e.at == phase::to_come) consider(e.in.submit_ns);
            if (e.at != phase::running) continue;
            consider(end_of_run(e));
            if (how_.policy != "gittins" || stage_of(e) == how_.stages - 1) continue;
            const int128 gpus = static_cast<int128>(e.in.gpus);
            const int128 missing = how_.quantum_gpu_ns * (stage_of(e) + 1) - int128{e.ran} * gpus;
            const int128 when = e.run_start + (missing + gpus - 1) / gpus;
            if (when < end_of_run(e)) consider(static_cast<std::int64_t>(when));
        }
        return next;
    }

    /// The phases of one round before its pass; true if the pass is due.
    bool events_of_round() {
        bool changed = lease_end_ && *lease_end_ == now_;
        std::vector<entry*> ending;
        for (entry* e : in(phase::running))
            if (end_of_run(*e) == now_) ending.push_back(e);
        std::sort(ending.begin(), ending.end(), [](const entry* a, const entry* b) { return a->number < b->number; });
        for (entry* e : ending) {
            end_job(*e);
            changed = true;
        }
        for (entry& e : jobs_) {
            if (e.at != phase::to_come || e.in.submit_ns != now_) continue;
            if (e.in.gpus == 0 || !place(empty_fleet(), e)) {
                e.at = phase::over;
                e.out.st = state::rejected;
            } else {
                e.at = phase::queued;
                e.predicted_ns = prediction(e);
                changed = true;
            }
        }
        for (entry* e : in(phase::running)) {
            if (how_.policy != "gittins" || stage_of(*e) == e->stage) continue;
            e->stage = stage_of(*e);
            changed = true;
        }
        return changed;
    }

    void end_job(entry& e) {
        past_.push_back({e.in, run_time(e)});
        const bool killed = will_be_killed(e);
        book_run(e, false);
        e.at = phase::over;
        e.out.finish_ns = now_;
        e.out.st = killed ? state::killed : state::finished;
        if (killed)
            e.out.lost_gpu_ns = int128{e.ran} * static_cast<int128>(e.in.gpus);
        else
            book_job(e);
    }

    void start(entry& e, const placement& where) {
        e.at = phase::running;
        e.run_start = now_;
        e.number = ++runs_;
        e.where = where;
        e.stage = stage_of(e);
        if (!e.out.first_start_ns) e.out.first_start_ns = now_;
        e.out.attempts.push_back({now_, where});
    }

    void preempt(entry& e) {
        book_run(e, true);
        e.at = phase::queued;
        e.where.clear();
        ++e.out.preemptions;
    }

    // ---- space: a count on a pool, a mask per node on nodes

    struct space {
        std::uint64_t pool_free = 0;
        std::vector<std::uint64_t> free{};
    };

    space empty_fleet() const {
        if (is_pool()) return {fleet_.pool_gpus, {}};
        const std::uint32_t n = fleet_.gpus_per_node;
        return {0, std::vector<std::uint64_t>(fleet_.nodes, n == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1)};
    }

    static void take(space& s, const entry& e, const placement& where) {
        if (s.free.empty()) s.pool_free -= e.in.gpus;
        for (const auto& [node, mask] : where) s.free[node] &= ~mask;
    }

    space free_now() const {
        space s = empty_fleet();
        for (const entry& e : jobs_)
            if (e.at == phase::running) take(s, e, e.where);
        return s;
    }

    std::optional<placement> place(const space& s, const entry& e) const {
        if (!is_pool()) return place_on_nodes(s.free, fleet_.gpus_per_node, fleet_.placer, e.in.gpus, e.in.spread);
        if (e.in.gpus > s.pool_free) return std::nullopt;
        return placement{};
    }

    // ---- ranks

    /// The rolling mean over past jobs that are alike.
    template <class Alike>
    std::optional<std::int64_t> rolling_mean(Alike alike) const {
        std::optional<std::int64_t> mean;
        for (const past_job& p : past_) {
            if (!alike(p.in)) continue;
            const int128 weight = how_.weight_millionths;
            mean = !mean ? p.ran_ns
                         : static_cast<std::int64_t>((*mean * (1'000'000 - weight) + p.ran_ns * weight) / 1'000'000);
        }
        return mean;
    }

    std::int64_t prediction(const entry& e) const {
        const job& mine = e.in;
        std::optional<std::int64_t> mean;
        if (mine.user != 0)
            mean = rolling_mean([&](const job& j) { return j.user == mine.user && j.gpus == mine.gpus; });
        if (!mean && mine.group != 0)
            mean = rolling_mean([&](const job& j) { return j.group == mine.group && j.gpus == mine.gpus; });
        if (!mean) mean = rolling_mean([&](const job& j) { return j.gpus == mine.gpus; });
        if (!mean) mean = rolling_mean([](const job&) { return true; });
        return mean.value_or(how_.prior_ns);
    }

    /// Smaller fractions go first.
    fraction key(const entry& e) const {
        if (how_.policy == "qssf") return {int128{e.predicted_ns} * static_cast<int128>(e.in.gpus), 1};
        if (how_.policy == "gittins") {
            std::vector<int128> services = how_.service_gpu_ns;
            if (services.empty())
                for (const past_job& p : past_) services.push_back(int128{p.ran_ns} * static_cast<int128>(p.in.gpus));
            const fraction index = gittins_index(services, how_.quantum_gpu_ns, how_.stages, stage_of(e));
            return {-index.over, index.under};
        }
        const std::int64_t whole = how_.by_estimate ? planning_estimate(e) : e.in.duration_ns;
        return {int128{remaining(e, whole)} * static_cast<int128>(e.in.gpus), 1};
    }

    static bool came_before(const entry* a, const entry* b) {
        if (a->in.submit_ns != b->in.submit_ns) return a->in.submit_ns < b->in.submit_ns;
        return a->index < b->index;
    }

    /// These jobs by a fraction, the smallest first, then by arrival.
    template <class Key>
    static std::vector<entry*> sorted(const std::vector<entry*>& jobs, Key key_of) {
        std::vector<std::pair<fraction, entry*>> list;
        for (entry* e : jobs) list.emplace_back(key_of(*e), e);
        std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
            if (less(a.first, b.first)) return true;
            return !less(b.first, a.first) && came_before(a.second, b.second);
        });
        std::vector<entry*> out;
        for (const auto& [fraction, e] : list) out.push_back(e);
        return out;
    }

    std::vector<entry*> queued_and_running() {
        std::vector<entry*> list = in(phase::queued);
        for (entry* e : in(phase::running)) list.push_back(e);
        return list;
    }

    // ---- the policies

    void pass() {
        const auto by_key = [this](const entry& e) { return key(e); };
        if (how_.policy == "ftf") {
            pass_fair();
        } else if (how_.policy == "qssf") {
            start_in_order(sorted(in(phase::queued), by_key), how_.skip);
        } else {
            walk(sorted(queued_and_running(), by_key), false);
        }
    }

    void start_in_order(const std::vector<entry*>& list, bool skip) {
        for (entry* e : list) {
            const std::optional<placement> where = place(free_now(), *e);
            if (where) start(*e, *where);
            if (!where && !skip) return;
        }
    }

    /// Gives the whole fleet to the jobs of the list, which holds all running ones. The first without a place ends the
    /// walk, or is passed over.
    void walk(const std::vector<entry*>& list, bool skip) {
        space unclaimed = empty_fleet();
        std::vector<std::optional<placement>> decided(list.size());
        for (std::size_t i = 0; i < list.size(); ++i) {
            const entry& e = *list[i];
            bool keeps = e.at == phase::running && (!is_pool() || e.in.gpus <= unclaimed.pool_free);
            for (const auto& [node, mask] : e.where)
                if ((unclaimed.free[node] & mask) != mask) keeps = false;
            if (keeps) {
                decided[i] = e.where;
            } else if (is_pool()) {
                decided[i] = place(unclaimed, e);
            } else {
                space quiet = unclaimed;
                for (std::size_t later = i + 1; later < list.size(); ++later)
                    if (list[later]->at == phase::running) take(quiet, *list[later], list[later]->where);
                decided[i] = place(quiet, e);
                if (!decided[i]) decided[i] = place(unclaimed, e);
            }
            if (decided[i]) take(unclaimed, e, *decided[i]);
            if (!decided[i] && !skip) break;
        }
        for (std::size_t i = 0; i < list.size(); ++i) {
            entry& e = *list[i];
            if (e.at == phase::running && decided[i] && *decided[i] == e.where) continue;
            if (e.at == phase::running) preempt(e);
            if (decided[i]) start(e, *decided[i]);
        }
    }

    void pass_fair() {
        const int128 active = static_cast<int128>(queued_and_running().size());
        const bool everything = now_ % how_.lease_ns == 0;
        if (in(phase::queued).empty()) return;
        std::vector<entry*> list = everything ? queued_and_running() : in(phase::queued);
        // rho = shared / alone; -rho, so that the largest goes first. The numbers of these tests are small.
        list = sorted(list, [&](const entry& e) {
            const int128 shared = now_ - e.in.submit_ns + remaining(e, planning_estimate(e));
            const std::int64_t undisturbed = walk_run(how_.costs, false, without_limit, planning_estimate(e)).total();
            const int128 estimate = std::max<int128>(1, undisturbed);
            const int128 gpus = static_cast<int128>(e.in.gpus);
            // Alone on 1/active of the fleet: as estimated, or longer where that is less than its GPUs.
            return fraction{-shared, estimate * std::max(all_gpus(), gpus * active)};
        });
        const std::int64_t others = 1'000'000 - how_.fairness_millionths;
        const auto worst = (static_cast<std::ptrdiff_t>(list.size()) * others + 999'999) / 1'000'000;
        std::sort(list.begin() + worst, list.end(), came_before);
        if (everything) {
            walk(list, true);
        } else {
            start_in_order(list, true);
        }
    }

    fleet fleet_;
    ranked_options how_;
    std::vector<entry> jobs_{};
    std::vector<past_job> past_{};
    std::optional<std::int64_t> lease_end_{};  ///< ftf: somebody waits for it
    std::int64_t now_ = 0;
    std::uint64_t runs_ = 0;
};

}  // namespace

fraction gittins_index(const std::vector<int128>& services, int128 quantum, std::int64_t stages, std::int64_t stage) {
    std::vector<int128> taken;
    int128 most = 0;
    for (const int128 s : services) {
        taken.push_back(std::max<int128>(1, (s + quantum - 1) / quantum));
        most = std::max(most, taken.back());
    }
    const auto index = [&](int128 m) {
        fraction f{0, 0};
        for (const int128 t : taken) {
            if (t <= stage) continue;
            if (t <= stage + m) ++f.over;
            f.under += std::min(t - stage, m);
        }
        return f.under == 0 ? fraction{} : f;
    };
    fraction best = index(most + 1);  // no limit
    for (int128 m = 1; stage + m < stages; ++m)
        if (less(best, index(m))) best = index(m);
    return best;
}

std::vector<outcome> replay(const std::vector<job>& jobs, const fleet& where, const ranked_options& how) {
    return replayer(jobs, where, how).run();
}

}  // namespace naive
