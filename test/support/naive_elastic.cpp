#include "support/naive_elastic.hpp"

#include "support/naive_world.hpp"

#include <algorithm>
#include <bitset>
#include <cmath>
#include <cstddef>

namespace naive {

namespace {

/// A speed as a fraction: numerator / 2^shift.
struct fraction {
    int128 numerator = 0;
    int shift = 0;
};
fraction exactly(double speed) {
    fraction f;
    for (; speed != std::floor(speed); speed *= 2) ++f.shift;
    f.numerator = static_cast<int128>(speed);
    return f;
}
std::vector<job> without_ranges(const std::vector<elastic_job>& jobs) {
    std::vector<job> out;
    for (const elastic_job& j : jobs) out.push_back(j.what);
    return out;
}

class replayer : private world {
public:
    replayer(const std::vector<elastic_job>& jobs, const fleet& where, const elastic_options& how)
        : world(without_ranges(jobs), where, how.costs, how.enforce_estimate), how_(how), ranges_(jobs) {
        for (const elastic_job& j : jobs) states_.push_back({.left = j.what.duration_ns});
    }

    std::vector<elastic_outcome> run() {
        while (const std::optional<std::int64_t> next = next_event()) {
            if (how_.until_ns && *next > *how_.until_ns) break;
            now_ = *next;
            const bool woken = wake_ == now_;
            if (woken) wake_.reset();
            if (round() || woken) pass();
        }
        now_ = how_.until_ns.value_or(now_);
        std::vector<elastic_outcome> out;
        for (entry& e : jobs_) {
            state_of_job& s = of(e);
            if (e.at == phase::running) end_stretch(e);
            if (e.at == phase::queued || e.at == phase::running) s.out.what.useful_gpu_ns = useful(s);
            out.push_back(s.out);
        }
        return out;
    }

private:
    struct state_of_job {
        std::int64_t left = 0;  ///< work at the beginning of the stretch
        std::int64_t since = 0;
        double speed = 1;
        std::int64_t restart = 0;  ///< at the beginning of the stretch
        std::int64_t ran = 0;      ///< of stretches before
        int128 held = 0;           ///< [GPU-ns]
        elastic_outcome out{};
    };
    struct step {
        double gain;
        entry* who;
        std::uint64_t from, to;
    };

    state_of_job& of(const entry& e) { return states_[e.index]; }
    const state_of_job& of(const entry& e) const { return states_[e.index]; }
    const elastic_job& range(const entry& e) const { return ranges_[e.index]; }
    bool is_rigid(const entry& e) const { return range(e).min == range(e).max; }

    /// With another number of GPUs.
    static entry with(const entry& e, std::uint64_t gpus) {
        entry copy = e;
        copy.in.gpus = gpus;
        return copy;
    }

    // ---- time

    overheads costs_of_stretch(const entry& e) const {
        overheads o = how_.costs;
        if (!o.checkpoint_interval_ns) o.checkpoint_ns = 0;  // nobody is preempted
        o.restart_ns = of(e).restart;
        return o;
    }
    spending spent_by(const entry& e, std::int64_t t) const {
        return walk_run(costs_of_stretch(e), true, t - of(e).since, without_limit);
    }
    /// Work of the stretch up to `t`.
    std::int64_t done_since(const entry& e, std::int64_t t) const {
        std::int64_t sum = 0;
        for (std::size_t i = 0; i < e.paces.size(); ++i) {
            const std::int64_t from = std::min(t, e.paces[i].start_ns);
            const std::int64_t to = i + 1 < e.paces.size() ? std::min(t, e.paces[i + 1].start_ns) : t;
            sum += work_done(spent_by(e, to).worked - spent_by(e, from).worked, of(e).speed * e.paces[i].pace);
        }
        return sum;
    }
    std::int64_t length(const entry& e) const {
        const paced last = e.paces.back();
        const std::int64_t left = of(e).left - done_since(e, last.start_ns);
        const std::int64_t worked = spent_by(e, last.start_ns).worked + time_needed(left, of(e).speed * last.pace);
        return walk_run(costs_of_stretch(e), true, without_limit, worked).total();
    }
    bool is_killed(const entry& e) const {
        return how_.enforce_estimate && e.in.estimate_ns && *e.in.estimate_ns - of(e).ran < length(e);
    }
    std::int64_t end_of(const entry& e) const {
        return of(e).since + (is_killed(e) ? *e.in.estimate_ns - of(e).ran : length(e));
    }

    std::optional<std::int64_t> next_event() const {
        std::optional<std::int64_t> next = wake_;
        for (const entry& e : jobs_) {
            if (e.at != phase::to_come && e.at != phase::running) continue;
            const std::int64_t t = e.at == phase::to_come ? e.in.submit_ns : end_of(e);
            if (!next || t < *next) next = t;
        }
        for (const slowdown& d : fleet_.slowdowns) {
            for (const std::int64_t t : {d.start_ns, d.end_ns})
                if (next && t > now_ && t < *next) next = t;
        }
        return next;
    }

    void end_stretch(entry& e) {
        state_of_job& s = of(e);
        const std::int64_t elapsed = now_ - s.since;
        const spending spent = spent_by(e, now_);
        const auto gpus = static_cast<int128>(e.in.gpus);
        s.left = std::max<std::int64_t>(0, s.left - done_since(e, now_));
        s.ran += elapsed;
        s.held += elapsed * gpus;
        s.out.what.checkpoint_gpu_ns += spent.checkpoint * gpus;
        s.out.what.restart_gpu_ns += spent.restart * gpus;
        s.restart = std::max(s.restart - spent.restart, how_.resize_ns);
    }
    static int128 useful(const state_of_job& s) {
        return s.held - s.out.what.checkpoint_gpu_ns - s.out.what.restart_gpu_ns;
    }
    void begin_stretch(entry& e, std::uint64_t gpus, const placement& where) {
        state_of_job& s = of(e);
        const elastic_job& r = range(e);
        e.in.gpus = gpus;
        e.where = where;
        e.paces = {{now_, pace_of(where)}};
        s.since = now_;
        const double q = 1.0 - r.serial;
        const auto n = static_cast<double>(gpus);
        const auto p = static_cast<double>(r.what.gpus);
        s.speed = gpus == r.what.gpus ? 1.0 : (n * (r.serial * p + q)) / (p * (r.serial * n + q));
        s.out.stretches.push_back({now_, gpus, where});
    }

    bool round() {
        bool any = false;
        for (entry& e : jobs_) {
            if (e.at != phase::running || end_of(e) != now_) continue;
            any = true;
            state_of_job& s = of(e);
            const bool killed = is_killed(e);
            end_stretch(e);
            e.at = phase::over;
            s.out.what.finish_ns = now_;
            s.out.what.st = killed ? state::killed : state::finished;
            if (killed) {
                s.out.what.lost_gpu_ns = s.held;
                s.out.what.checkpoint_gpu_ns = s.out.what.restart_gpu_ns = 0;
            } else {
                s.out.what.useful_gpu_ns = useful(s);
            }
        }
        const bool repaced = change_speeds();
        for (entry& e : jobs_) {
            if (e.at != phase::to_come || e.in.submit_ns != now_) continue;
            if (e.in.gpus == 0 || !place(empty_fleet(), with(e, range(e).min))) {
                e.at = phase::over;
                of(e).out.what.st = state::rejected;
                continue;
            }
            enter(e);
            any = true;
        }
        changed_ = changed_ || any;
        return any || repaced;
    }

    // ---- the pass

    std::uint64_t free_gpus() const {
        const space s = free_now();
        if (is_pool()) return s.pool_free;
        std::uint64_t n = 0;
        if (!has_racks()) {
            for (const std::uint64_t mask : s.free) n += std::bitset<64>(mask).count();
            return n;
        }
        // Of the nodes that nobody uses, only so many as the rack may still open.
        std::uint32_t node = 0;
        for (const rack& r : fleet_.racks) {
            std::uint64_t unused = 0;
            std::uint64_t in_use = 0;
            for (std::uint32_t i = 0; i != r.nodes; ++i, ++node) {
                const std::size_t offers = std::bitset<64>(offered(fleet_, s.racks, node)).count();
                if (s.racks.held[node] != 0) {
                    ++in_use;
                    n += offers;
                } else if (offers != 0) {
                    ++unused;
                }
            }
            n += std::min<std::uint64_t>(unused, r.usable - std::min<std::uint64_t>(r.usable, in_use)) *
                 fleet_.gpus_per_node;
        }
        return n;
    }

    /// The numbers of GPUs that a job may have, rising.
    std::vector<std::uint64_t> numbers(const elastic_job& r) const {
        std::vector<std::uint64_t> out;
        for (std::uint64_t n = r.min; n <= r.max; n += r.step) {
            bool is_meant = n == r.min || n == r.max;
            // Numbers that are no multiples are raised to the next one.
            for (std::uint64_t v = n - r.step + 1; v <= n; ++v) {
                const bool is_power = std::bitset<64>(v).count() == 1;
                const bool is_whole = is_pool() || v % fleet_.gpus_per_node == 0;
                is_meant = is_meant || how_.steps == "any" || (how_.steps == "powers-of-two" && is_power) ||
                           (how_.steps == "whole-nodes" && is_whole);
            }
            if (is_meant) out.push_back(n);
        }
        return out;
    }
    double gain(const elastic_job& r, std::uint64_t from, std::uint64_t to) const {
        const double q = 1.0 - r.serial;
        const double b = r.serial + q / static_cast<double>(r.what.gpus);
        const auto c = static_cast<double>(from);
        const auto n = static_cast<double>(to);
        if (how_.arithmetic) return b * q / ((r.serial * c + q) * (r.serial * n + q));
        return q / b / (c * n);
    }

    void pass() {
        const bool adjusts = how_.interval_ns == 0 || now_ % how_.interval_ns == 0;
        std::vector<entry*> running;
        for (entry* e : in(phase::running))
            if (adjusts && !is_rigid(*e)) running.push_back(e);
        std::vector<entry*> waiting = in(phase::queued);
        std::sort(running.begin(), running.end(), came_before);
        std::sort(waiting.begin(), waiting.end(), came_before);

        std::uint64_t room = free_gpus();
        for (const entry* e : running) room += e->in.gpus - range(*e).min;
        std::vector<entry*> admitted;
        for (entry* e : waiting) {
            if (range(*e).min <= room) {
                room -= range(*e).min;
                admitted.push_back(e);
            } else if (!how_.skip) {
                break;
            }
        }

        std::vector<step> steps;
        std::vector<std::uint64_t> target(jobs_.size(), 0);
        for (const auto* list : {&running, &admitted}) {
            for (entry* e : *list) {
                target[e->index] = range(*e).min;
                const auto may_have = numbers(range(*e));
                for (std::size_t i = 1; i < may_have.size(); ++i)
                    steps.push_back({gain(range(*e), may_have[i - 1], may_have[i]), e, may_have[i - 1], may_have[i]});
            }
        }
        std::sort(steps.begin(), steps.end(), [](const step& a, const step& b) {
            if (a.gain != b.gain) return a.gain > b.gain;
            return a.who != b.who ? came_before(a.who, b.who) : a.from < b.from;
        });
        for (const step& s : steps) {
            if (!(s.gain > 0) || s.to - s.from > room) break;
            room -= s.to - s.from;
            target[s.who->index] = s.to;
        }

        for (entry* e : running)
            if (target[e->index] < e->in.gpus) resize(*e, target[e->index]);
        for (entry* e : admitted) {
            if (!start_on(*e, target[e->index]) && !start_on(*e, range(*e).min) && !how_.skip) break;
        }
        for (entry* e : running)
            if (target[e->index] > e->in.gpus) resize(*e, target[e->index]);

        if (adjusts) changed_ = false;
        if (how_.interval_ns == 0) return;
        const auto now_running = in(phase::running);
        const bool elastic_runs =
            std::any_of(now_running.begin(), now_running.end(), [&](const entry* e) { return !is_rigid(*e); });
        wake_.reset();
        if (changed_ && elastic_runs) wake_ = now_ - now_ % how_.interval_ns + how_.interval_ns;
    }

    bool start_on(entry& e, std::uint64_t gpus) {
        const std::optional<placement> where = place(free_now(), with(e, gpus));
        if (!where) return false;
        e.at = phase::running;
        of(e).out.what.first_start_ns = now_;
        begin_stretch(e, gpus, *where);
        return true;
    }

    /// Anew, on what is free and its own. Shrinks come first, so a growing job has not been resized before in a pass.
    void resize(entry& e, std::uint64_t gpus) {
        const space s = free_with([&](const entry& other) { return &other != &e; });
        const std::optional<placement> where = place(s, with(e, gpus));
        if (!where) return;
        end_stretch(e);
        begin_stretch(e, gpus, *where);
    }

    elastic_options how_;
    std::vector<elastic_job> ranges_;
    std::vector<state_of_job> states_{};
    std::optional<std::int64_t> wake_{};
    bool changed_ = false;
};

}  // namespace

std::int64_t work_done(std::int64_t time, double speed) {
    const fraction f = exactly(speed);
    return static_cast<std::int64_t>((int128{time} * f.numerator) >> f.shift);
}
std::int64_t time_needed(std::int64_t work, double speed) {
    const fraction f = exactly(speed);
    const int128 scaled = int128{work} << f.shift;
    return static_cast<std::int64_t>((scaled + f.numerator - 1) / f.numerator);
}

std::string describe(const elastic_outcome& o) {
    const outcome& w = o.what;
    const auto text_of = [](const std::optional<std::int64_t>& t) { return t ? std::to_string(*t) : "-"; };
    std::string out = "state " + std::to_string(static_cast<int>(w.st)) + " start " + text_of(w.first_start_ns) +
                      " finish " + text_of(w.finish_ns) + " useful " + ampacity::to_string(w.useful_gpu_ns) + " lost " +
                      ampacity::to_string(w.lost_gpu_ns);
    for (const elastic_stretch& s : o.stretches) {
        out += " [" + std::to_string(s.start_ns) + " on " + std::to_string(s.gpus) + ":";
        for (const auto& [node, gpus] : s.nodes) out += " " + std::to_string(node) + "/" + std::to_string(gpus);
        out += "]";
    }
    return out;
}

std::vector<elastic_outcome> replay_elastic(const std::vector<elastic_job>& jobs, const fleet& where,
                                            const elastic_options& how) {
    return replayer(jobs, where, how).run();
}

}  // namespace naive
