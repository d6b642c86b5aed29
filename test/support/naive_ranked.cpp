#include "support/naive_ranked.hpp"

#include "support/naive_world.hpp"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <utility>

namespace naive {

namespace {

/// Is a < b? Exact for numbers below 2^63.
bool less(const fraction& a, const fraction& b) { return a.over * b.under < b.over * a.under; }

/// What has ended, in the order in which it did.
struct past_job {
    job in{};
    std::int64_t last_run_ns = 0;
    std::int64_t ran_ns = 0;
    int128 attained_gpu_ns = 0;
};

class replayer : private world {
public:
    replayer(const std::vector<job>& jobs, const fleet& where, const ranked_options& how)
        : world(jobs, where, how.costs, how.enforce_estimate), how_(how) {
        if (how.policy != "srsf" && how.policy != "gittins" && how.policy != "qssf" && how.policy != "ftf")
            throw std::invalid_argument("naive replay: unknown policy " + how.policy);
        runs_into_closings_ = how.policy == "ftf";
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
        return outcomes(how_.until_ns);
    }

private:
    std::int64_t stage_of(const entry& e) const {
        return static_cast<std::int64_t>(std::min(attained(e) / how_.quantum_gpu_ns, int128{how_.stages - 1}));
    }

    // ---- events

    std::optional<std::int64_t> next_event() const {
        std::optional<std::int64_t> next = next_of_jobs();
        const auto consider = [&](std::int64_t t) {
            if (!next || t < *next) next = t;
        };
        if (lease_end_) consider(*lease_end_);
        for (const entry& e : jobs_) {
            if (e.at != phase::running) continue;
            if (how_.policy != "gittins" || stage_of(e) == how_.stages - 1) continue;
            const int128 when = when_attained(e, how_.quantum_gpu_ns * (stage_of(e) + 1));
            if (when < end_of_run(e)) consider(static_cast<std::int64_t>(when));
        }
        return next;
    }

    /// The phases of one round before its pass; true if the pass is due.
    bool events_of_round() {
        bool changed = lease_end_ && *lease_end_ == now_;
        if (end_jobs([&](const entry& e) { past_.push_back({e.in, now_ - e.run_start, run_time(e), attained(e)}); }))
            changed = true;
        if (change_capacity()) changed = true;
        if (admit_jobs([&](entry& e) { e.predicted_ns = prediction(e); })) changed = true;
        for (entry* e : in(phase::running)) {
            if (how_.policy != "gittins" || stage_of(*e) == e->stage) continue;
            e->stage = stage_of(*e);
            changed = true;
        }
        return changed;
    }

    // ---- ranks

    /// The rolling mean over past jobs that are alike.
    template <class Alike>
    std::optional<std::int64_t> rolling_mean(Alike alike) const {
        std::optional<std::int64_t> mean;
        for (const past_job& p : past_) {
            if (!alike(p.in)) continue;
            const int128 weight = how_.weight_millionths;
            mean = !mean
                       ? p.last_run_ns
                       : static_cast<std::int64_t>((*mean * (1'000'000 - weight) + p.last_run_ns * weight) / 1'000'000);
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
                for (const past_job& p : past_) services.push_back(p.attained_gpu_ns);
            const fraction index = gittins_index(services, how_.quantum_gpu_ns, how_.stages, stage_of(e));
            return {-index.over, index.under};
        }
        const std::int64_t whole = how_.by_estimate ? planning_estimate(e) : e.in.duration_ns;
        return {int128{remaining(e, whole)} * static_cast<int128>(e.in.gpus), 1};
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
            if (!start_if_fits(*e) && !skip) return;
        }
    }

    void pass_fair() {
        const int128 active = static_cast<int128>(queued_and_running().size());
        const bool everything = now_ % how_.lease_ns == 0;
        if (in(phase::queued).empty()) return;
        std::vector<entry*> list = everything ? queued_and_running() : in(phase::queued);
        // rho = shared / alone; -rho, so that the largest goes first. The numbers of these tests are small.
        list = sorted(list, [&](const entry& e) {
            const std::int64_t best = is_mixed() ? best_speed(e) : unit;
            const std::int64_t end =
                e.at == phase::running ? planned_end(e) : now_ + length_at(e, planning_estimate(e), best);
            const int128 shared = end - e.in.submit_ns;
            const std::int64_t undisturbed =
                walk_run(how_.costs, false, without_limit, time_for(planning_estimate(e), best)).total();
            const int128 estimate = std::max<int128>(1, undisturbed);
            const int128 gpus = static_cast<int128>(e.in.gpus);
            // Alone on 1/active of the fleet: as estimated, or longer where that is less than its GPUs.
            return fraction{-shared, estimate * std::max(static_cast<int128>(all_gpus()), gpus * active)};
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

    ranked_options how_;
    std::vector<past_job> past_{};
    std::optional<std::int64_t> lease_end_{};  ///< ftf: somebody waits for it
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
