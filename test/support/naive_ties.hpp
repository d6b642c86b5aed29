#pragma once
/// \file
/// The jobs of a naive replay, where they stand, and what ties them: a job enters the queue when those that it waits
/// for have ended, and when its array has room.
///
/// Every question is answered by a look at all jobs. Shares no code with the engine.

#include "support/naive_replay.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace naive {

/// `to_come` may mean submitted and held by ties to other jobs.
enum class phase { to_come, queued, running, over };

/// From when on a run goes at a pace.
struct paced {
    std::int64_t start_ns = 0;
    double pace = 1;
};

/// One job and where it stands.
struct entry {
    std::size_t index = 0;  ///< file order
    job in{};
    phase at = phase::to_come;
    std::int64_t run_start = 0;  ///< of the current run
    std::uint64_t number = 0;    ///< of the current run, counting the runs of all jobs
    std::uint64_t planned = 0;   ///< when its end was planned last, counting the plans of all jobs
    std::vector<paced> paces{};  ///< of the current run, as time goes by
    std::int64_t ran = 0;        ///< run time of earlier runs [ns]
    std::int64_t kept = 0;       ///< their work that was not lost [ns at speed 1]
    std::int64_t useful = 0;     ///< the time that it took [ns]
    std::int64_t served = 0;     ///< what their whole run time counts for as attained service [ns at speed 1]
    std::int64_t lost = 0;       ///< and what else they went on [ns]
    std::int64_t checkpoint = 0;
    std::int64_t restart = 0;
    placement where{};                        ///< of the current run
    bool has_failed = false;                  ///< the last run did
    bool vacates = false;                     ///< the current one has been asked to leave at its next checkpoint
    std::int64_t stage = 0;                   ///< las, gittins: as of the last round
    std::int64_t predicted_ns = 0;            ///< qssf
    bool asked = false;                       ///< its submit has come
    std::optional<std::uint64_t> lined_up{};  ///< in its array, by the order in which tasks were ready
    bool may_enter = false;                   ///< from there, in this round
    std::uint64_t rank = 0;                   ///< by the order in which jobs entered the queue
    std::int64_t over_ns = 0;                 ///< when it was over, also if it was rejected
    std::uint64_t over_round = 0;
    outcome out{};
};

class tied_jobs {
protected:
    explicit tied_jobs(const std::vector<job>& jobs) {
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            entry e;
            e.index = i;
            e.in = jobs[i];
            jobs_.push_back(e);
        }
    }
    ~tied_jobs() = default;

    static bool came_before(const entry* a, const entry* b) { return a->rank < b->rank; }

    void begin_round() {
        ++round_;
        // Whose turn it is in an array is settled before this round's ends.
        for (entry& e : jobs_) e.may_enter = e.lined_up && e.at == phase::to_come && next_in_line(e);
    }

    bool is_broken(const entry& e) const {
        return std::any_of(e.in.after.begin(), e.in.after.end(), [&](const tie& t) {
            return t.must_finish && jobs_[t.job].at == phase::over && jobs_[t.job].out.st != state::finished;
        });
    }

    /// When a job can enter the queue if only the ends of rounds before that one count; none while others hold it.
    std::optional<std::int64_t> ready_ns(const entry& e, std::uint64_t before) const {
        std::int64_t ready = e.in.submit_ns;
        for (const tie& t : e.in.after) {
            const entry& other = jobs_[t.job];
            if (other.at != phase::over || other.over_round >= before) return std::nullopt;
            ready = std::max(ready, other.over_ns + e.in.think_ns);
        }
        return ready;
    }

    void set_over(entry& e, state how) {
        e.at = phase::over;
        e.over_ns = now_;
        e.over_round = round_;
        e.out.st = how;
    }

    /// Rejects what waits for a job that did not finish.
    void reject_broken() {
        for (bool again = true; again;) {
            again = false;
            for (entry& e : jobs_) {
                if (e.at != phase::to_come || !e.asked || !is_broken(e)) continue;
                set_over(e, state::rejected);
                again = true;
            }
        }
    }

    /// When to look at a job that has not entered the queue.
    std::optional<std::int64_t> next_look(const entry& e) const {
        if (!e.asked) return e.in.submit_ns;
        if (e.lined_up) return next_in_line(e) ? std::optional{now_} : std::nullopt;
        const auto ready = ready_ns(e, round_ + 1);
        return ready ? std::optional{std::max(now_, *ready)} : std::nullopt;
    }

    /// Is this job, which was held, ready now?
    bool comes_now(const entry& e) const {
        if (e.lined_up) return e.may_enter;
        const auto ready = ready_ns(e, round_);
        return ready && *ready <= now_;
    }

    /// Its submit has come, and sees all that has ended until then.
    bool comes_at_submit(entry& e) {
        e.asked = true;
        reject_broken();
        const auto ready = ready_ns(e, round_ + 1);
        return e.at == phase::to_come && ready && *ready <= now_;
    }

    /// If not, it lines up.
    bool has_place_in_array(entry& e) {
        if (e.in.array == 0 || e.in.array_limit == 0 || e.lined_up || !takes_no_more(e)) return true;
        e.lined_up = ++lined_up_;
        return false;
    }

    void enter(entry& e) {
        e.at = phase::queued;
        e.rank = ++entered_;
        e.out.entered_ns = now_;
        e.in.submit_ns = now_;  // what its wait counts from
    }

    std::vector<entry> jobs_{};
    std::int64_t now_ = 0;

private:
    /// Is the job's array full, with those of its line that enter in this round?
    bool takes_no_more(const entry& e) const {
        std::uint64_t here = 0;
        for (const entry& o : jobs_) {
            if (o.in.array != e.in.array) continue;
            const bool inside = o.at == phase::queued || o.at == phase::running;
            if (inside || (o.at == phase::to_come && o.lined_up)) ++here;
        }
        return here >= e.in.array_limit;
    }

    /// Is it the turn of this task, which stands in the line of its array?
    bool next_in_line(const entry& e) const {
        std::uint64_t here = 0;
        for (const entry& o : jobs_) {
            if (o.in.array != e.in.array) continue;
            if (o.at == phase::queued || o.at == phase::running) ++here;
            if (o.at == phase::to_come && o.lined_up && *o.lined_up < *e.lined_up) ++here;
        }
        return here < e.in.array_limit;
    }

    std::uint64_t round_ = 0;
    std::uint64_t entered_ = 0;
    std::uint64_t lined_up_ = 0;
};

}  // namespace naive
