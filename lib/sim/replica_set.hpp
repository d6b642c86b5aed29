#pragma once
/// \file
/// The replicas of a service that come and go: which of them wait for GPUs, start, serve and drain, and when something
/// is due of them.
///
/// Each has a row, below the largest number of them, and a job while it is wanted or holds GPUs. A replica whose job
/// waits can not be taken back: if it is one too many when it gets GPUs it ends at once. Of those to be taken away the
/// last one to have started goes first, then that with the fewest requests, of several the last row. Where one more is
/// wanted than start and serve, of those that drain that with the most requests serves again, of several the first row;
/// but not one whose nodes are to leave. While it holds GPUs a replica has their pace, from which the slowdown of its
/// steps follows; its start is not slowed. A change of one costs O(those that start or drain), where
/// one is taken away also O(those that serve), one of its pace O(1). Not thread-safe.

#include <ampacity/core/ids.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/fleet/node_set.hpp>
#include <ampacity/serving/autoscaler.hpp>
#include <ampacity/serving/service.hpp>
#include <ampacity/sim/observer.hpp>
#include <ampacity/sim/result.hpp>
#include <ampacity/sim/service_parts.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace ampacity::sim {

class replica_set {
public:
    /// `engine` outlives it; `steps`: and does them, which a pace slows down.
    replica_set(const scaling_options& options, std::uint32_t gpus, serving::service& engine, bool steps);

    /// The next instant at which `act` is due; never: at none.
    [[nodiscard]] instant next() const noexcept { return next_; }
    /// Is a decision of the autoscaler due? Then `decide` comes before `act`.
    [[nodiscard]] bool must_decide(instant now) const noexcept { return !is_over_ && decision_ == now; }
    /// Requests of the engine are added to `seen.running` and `seen.waiting`.
    void decide(serving::scaling_observation seen);
    /// What is due at this instant: starts that are over, limits of draining, replicas too many.
    void act(instant now);
    /// Those that drain and have nothing left are done. After whatever ends requests.
    void find_drained(instant now);
    /// The last request has left: all are done, and none is wanted any more.
    void finish(instant now);

    /// Another one is wanted than there are jobs and rows for.
    [[nodiscard]] bool lacks_job() const noexcept;
    /// It has a job now, which waits. \pre lacks_job
    void submitted(job_id job, instant now);
    /// Jobs that have been submitted.
    [[nodiscard]] std::uint64_t num_jobs() const noexcept { return num_jobs_; }
    /// A job whose replica is done and which is to end now: then `ended` follows.
    [[nodiscard]] std::optional<job_id> next_done() const noexcept;
    void ended(job_id job, instant now);
    /// Its job has got GPUs, on which it goes at this pace.
    void started(job_id job, double pace, instant now);
    /// The pace of its GPUs has changed. \pre it holds some; 0 < pace <= 1
    void set_pace(job_id job, double pace, instant now);
    /// Of those that serve, of full speed; 1 where none does.
    [[nodiscard]] double mean_pace() const noexcept;
    /// It has lost them, and waits again; `failed`: by its nodes.
    void stopped(job_id job, bool failed, instant now);
    /// Its nodes are to leave: if it serves it drains for good, if it starts it is done.
    void drain(job_id job, instant now);
    /// They leave now: if it drains it is done, and what is left of its requests waits for others.
    void end_drain(job_id job, instant now);

    /// Replicas that wait for GPUs; that start or serve; that there may be.
    [[nodiscard]] std::uint32_t num_queued() const noexcept { return count(state::queued); }
    [[nodiscard]] std::uint32_t num_up() const noexcept { return count(state::cold) + count(state::serving); }
    [[nodiscard]] std::uint32_t most() const noexcept { return static_cast<std::uint32_t>(rows_.size()); }
    [[nodiscard]] replica_sample sample() const noexcept;
    /// As of `end`, or when it was over.
    [[nodiscard]] scaling_result result(instant end) const;

private:
    enum class state : std::uint8_t { idle, queued, cold, serving, draining, done };
    struct row {
        state is = state::idle;
        job_id job = none<job_id>;
        instant due = never;            ///< cold: it serves; draining: the limit
        std::int64_t pace = 1'000'000;  ///< of its GPUs, in millionths of full speed
        bool is_slowed = false;         ///< its steps are
        bool leaves = false;            ///< draining: it does not serve again
    };

    [[nodiscard]] std::size_t row_of(job_id job) const noexcept;
    [[nodiscard]] std::uint32_t count(state s) const noexcept { return counts_[static_cast<std::size_t>(s)]; }
    /// Rows in a state.
    [[nodiscard]] fleet::node_set& in(state s) noexcept { return members_[static_cast<std::size_t>(s)]; }
    [[nodiscard]] const fleet::node_set& in(state s) const noexcept { return members_[static_cast<std::size_t>(s)]; }
    /// By number; `f` may move the row to another state.
    template <class F>
    void for_each(state s, F f) const {
        for (std::uint32_t i = in(s).first(); i != fleet::node_set::npos; i = in(s).next(i)) f(std::size_t{i});
    }
    /// Requests of a row.
    [[nodiscard]] std::size_t num_live(std::size_t i) const noexcept;
    void become(std::size_t i, state s, instant now, instant due = never);
    void account(instant now);
    [[nodiscard]] scaling_result result_until(instant now) const;
    void count_pace(const row& r, std::int64_t times) noexcept;
    void pace_row(std::size_t i, double pace, instant now);
    void take_away(instant now);
    void take_back(instant now);
    void abandon(std::size_t i, instant now, bool requeue);
    void set_next(instant now) noexcept;

    scaling_options options_;
    serving::service& engine_;
    bool steps_;
    serving::autoscaler autoscaler_;
    std::vector<row> rows_;
    std::vector<std::uint32_t> row_of_job_{};  // by job_id; of those that a row has now
    std::array<std::uint32_t, 6> counts_{};    // by state
    std::vector<fleet::node_set> members_;     // the same rows
    std::vector<std::size_t> due_{};           // now, while they are seen to
    std::uint32_t num_slowed_ = 0;             // of those that serve
    std::int64_t paces_ = 0;                   // their sum over those that serve
    instant next_ = start_of_time;             // so that the first jobs are submitted
    instant decision_;
    std::uint32_t wanted_;
    std::uint64_t num_jobs_ = 0;
    instant accounted_ = start_of_time;
    bool is_over_ = false;
    instant over_ = never;
    scaling_result result_;
};

}  // namespace ampacity::sim
