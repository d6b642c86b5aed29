#pragma once
/// \file
/// Jobs that have been submitted and are not in the queue yet: they wait for other jobs of their source, for the think
/// time after these, or for room in their array.
///
/// A job is *ready* at max(submit, end of the last job that it waits for + think time). A ready task of an array with a
/// limit takes its place in line, by the order in which tasks become ready; it enters the queue when fewer tasks of
/// the array than the limit are in the system. What an end releases for its own instant enters in a further round of
/// it, so no pass sees what it caused. Among the jobs that enter in one round file order decides; the caller merges
/// them with those that arrive from the sources. Without jobs that have links there is no object of this class.
///
/// The caller gives each job a key, unique for good, that sorts as the workload entries and rows do.

#include <ampacity/core/time.hpp>
#include <ampacity/sim/result.hpp>
#include <ampacity/workload/job.hpp>
#include <ampacity/workload/links.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ampacity::sim {

/// How and when a job has ended, rejection included.
struct ending {
    outcome how = outcome::finished;
    instant at{};
};

class holds {
public:
    using key = std::uint64_t;
    static constexpr unsigned row_bits = 48;
    static constexpr key row_mask = (key{1} << row_bits) - 1;
    [[nodiscard]] static constexpr key key_of(std::uint64_t source, std::uint64_t row) noexcept {
        return source << row_bits | row;
    }

    /// What becomes of a job at its submit.
    enum class answer : std::uint8_t { enters, waits, refused };

    /// A job that enters the queue, or is refused because `because` did not finish.
    struct leaving {
        workload::job_request request{};
        key self = 0;
        key because = 0;
    };

    /// A job is submitted in this round, which is `now`. `ended(key)` tells of each job that it waits for whether that
    /// has ended: std::optional<ending>. \pre it has links, and `source` is its entry of the workload
    template <class Ended>
    [[nodiscard]] answer submit(const workload::job_request& r, key self, instant now, Ended ended) {
        const workload::job_links& links = *r.links;
        instant ready = r.submit;
        std::uint32_t open = 0;
        for (const workload::dependency& d : links.after) {
            const std::optional<ending> e = ended(key_of(r.source, d.row));
            if (!e) {
                ++open;
            } else if (breaks(d.kind, e->how)) {
                because_ = key_of(r.source, d.row);
                return answer::refused;
            } else {
                ready = std::max(ready, add_saturating(e->at, links.think));
            }
        }
        if (open == 0 && ready <= now && take_place(r, self)) return answer::enters;
        const std::uint32_t at = keep({.request = r, .self = self, .ready = ready, .open = open});
        if (open != 0) {
            for (const workload::dependency& d : links.after) {
                const key on = key_of(r.source, d.row);
                if (!ended(on)) followers_[on].push_back({at, self, d.kind});
            }
        } else if (ready <= now) {
            array_of(r).line.push_back(at);
        } else {
            add_due({ready, self, at});
        }
        return answer::waits;
    }
    /// The job on whose account the last submit was refused.
    [[nodiscard]] key because() const noexcept { return because_; }

    /// A job has ended in this round. Jobs that it refuses are to be taken with `next_refused` before anything else.
    void left(key self, ending how, std::uint64_t round);
    [[nodiscard]] std::optional<leaving> next_refused();

    /// The next job that enters in this round of `now`, if it stands before (now, `before`) in file order.
    [[nodiscard]] std::optional<leaving> next_entering(instant now, std::uint64_t round, key before);

    /// When the next job is due to enter, or take its place in line; `never` if none is.
    [[nodiscard]] instant next(instant now) const noexcept {
        return !fresh_.empty() ? now : due_.empty() ? never : due_.front().at;
    }

    /// Jobs held now.
    [[nodiscard]] std::uint64_t size() const noexcept { return num_held_; }

    /// What a held job waits for.
    struct why {
        enum class kind : std::uint8_t { none, jobs, think, array } what = kind::none;
        const workload::job_links* links = nullptr;
        std::uint16_t source = 0;
        instant until = never;  ///< think
    };
    /// Of the job that the last `submit` kept, or, after `left` or `next_entering`, of those whose reason has changed,
    /// one by one.
    [[nodiscard]] const std::vector<std::uint32_t>& changed() const noexcept { return changed_; }
    void forget_changes() noexcept { changed_.clear(); }
    [[nodiscard]] const workload::job_request& request(std::uint32_t at) const noexcept { return held_[at].request; }
    [[nodiscard]] bool holds_at(std::uint32_t at) const noexcept { return held_[at].self != nobody; }
    [[nodiscard]] why why_held(std::uint32_t at, instant now) const noexcept {
        const held_job& h = held_[at];
        return {.what = h.open != 0     ? why::kind::jobs
                        : h.ready > now ? why::kind::think
                                        : why::kind::array,
                .links = h.request.links,
                .source = h.request.source,
                .until = h.ready};
    }

private:
    static constexpr key nobody = ~key{0};

    struct held_job {
        workload::job_request request{};
        key self = nobody;
        instant ready{};
        std::uint32_t open = 0;  ///< jobs that it waits for
        bool has_place = false;  ///< in its array
    };
    struct follower {
        std::uint32_t at = 0;
        key self = 0;  ///< stale where another job is held there by now
        workload::dependency_kind kind{};
    };
    struct due_job {
        instant at{};
        key self = 0;
        std::uint32_t held = 0;
    };
    struct fresh_job {
        std::uint64_t round = 0;
        std::uint32_t held = 0;
    };
    struct array {
        std::uint32_t inside = 0;  ///< tasks that have entered and not left, or are about to enter
        std::deque<std::uint32_t> line{};
    };

    [[nodiscard]] static constexpr bool breaks(workload::dependency_kind kind, outcome how) noexcept {
        return kind == workload::dependency_kind::after_ok && how != outcome::finished;
    }
    [[nodiscard]] static bool later(const due_job& a, const due_job& b) noexcept {
        return a.at != b.at ? a.at > b.at : a.self > b.self;
    }
    [[nodiscard]] static std::uint64_t array_key(const workload::job_request& r) noexcept {
        return std::uint64_t{r.source} << 32U | r.links->array;
    }
    [[nodiscard]] array& array_of(const workload::job_request& r) { return arrays_[array_key(r)]; }

    /// Takes a place in the job's array, if there is one or it needs none.
    bool take_place(const workload::job_request& r, key self);
    std::uint32_t keep(const held_job& h);
    leaving let_go(std::uint32_t at);
    void add_due(const due_job& d);

    std::vector<held_job> held_;
    std::vector<std::uint32_t> free_;  // rows of held_
    std::uint64_t num_held_ = 0;
    std::vector<due_job> due_;     // a heap, earliest first, then file order
    std::deque<fresh_job> fresh_;  // due now, in a round after the one named; rounds rise
    std::unordered_map<key, std::vector<follower>> followers_;
    std::unordered_map<std::uint64_t, array> arrays_;
    std::unordered_map<key, std::uint64_t> tasks_;  // in the system, of arrays with a limit: which array
    std::deque<std::pair<std::uint32_t, key>> refused_;
    std::vector<std::uint32_t> changed_;
    key because_ = 0;
};

}  // namespace ampacity::sim
