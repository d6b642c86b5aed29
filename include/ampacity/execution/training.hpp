#pragma once
/// \file
/// A training job: its steps, how long a step takes where the job lies, evaluations and checkpoints.
///
/// Work is counted in time at speed 1, the speed of whole NVLink domains: steps one after the other, and behind each
/// `evaluation_every` of them an evaluation. Plain data and pure functions.

#include <ampacity/core/time.hpp>
#include <ampacity/execution/post_training.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::execution {

/// A step of a job that has so many of its GPUs in each NVLink domain.
struct placed_step {
    double time_s = 0;     ///< of the step, alone on the network [s]
    double traffic_s = 0;  ///< traffic between domains, hidden or not, alone on the network [s]

    friend bool operator==(const placed_step&, const placed_step&) = default;
};

/// How a job keeps its progress. The job pauses for `blocking`; then the checkpoint is written to the shared store. A
/// synchronous job waits for that. An asynchronous one works on: its progress as of the pause is kept once the write is
/// complete; a checkpoint that is due meanwhile waits for that, and the job with it.
struct checkpoint_rule {
    std::optional<duration> interval{};  ///< work time between two, from the end of the pause; none: never
    duration blocking{};
    double bytes = 0;     ///< written to the store; 0: nothing [B]
    double most_b_s = 0;  ///< that the job's nodes can write; 0: as fast as the store takes it [B/s]
    bool asynchronous = false;

    friend bool operator==(const checkpoint_rule&, const checkpoint_rule&) = default;
};

/// What becomes of an elastic job when nodes that it holds fail, if the replicas that are left are enough.
enum class node_loss : std::uint8_t {
    stops,    ///< it waits again, as any job does
    reloads,  ///< the replicas that are left go on from the last checkpoint that is complete
    goes_on,  ///< they have all of its state, and go on with what they have
};

/// A job whose data-parallel replicas may come and go. Its speed follows Amdahl's law: with all replicas `serial` of
/// the work of one GPU is not shared by them, see workload/scaling.hpp. Sequences are taken to divide evenly.
struct elastic_terms {
    std::uint32_t gpus_min = 0;
    std::uint32_t gpus_max = 0;
    std::uint32_t replica = 1;  ///< GPUs of one; the numbers of GPUs are multiples
    double serial = 0;
    duration reconfigure{};  ///< without work after each change
    node_loss on_loss = node_loss::stops;

    friend bool operator==(const elastic_terms&, const elastic_terms&) = default;
};

/// The serial fraction of a job of which this share of a step on so many GPUs does not shrink with more: with
/// T(n) = T(p) (s + (1 - s) p / n), it is s / (p (1 - s) + s). \pre share in [0, 1], gpus >= 1
[[nodiscard]] constexpr double serial_fraction_of(double share, std::uint32_t gpus) noexcept {
    return share / (static_cast<double>(gpus) * (1 - share) + share);
}

/// What a training job runs.
struct training_terms {
    std::string name{};
    std::uint64_t steps = 0;
    duration step{};                      ///< at speed 1, mean; > 0
    std::vector<placed_step> by_share{};  ///< (GPUs of a domain + 1) row 0 is not used; empty: always as `step`
    std::uint32_t crossing_gpus = 0;      ///< that send out of a part of the fabric at a time, at most; 0: all there
    bool timed_alone = false;             ///< `by_share` holds on this very network while nobody shares it
    double tokens_per_step = 0;           ///< 0: not told
    double flop_per_step = 0;             ///< of the model, all GPUs; 0: not told [FLOP]
    double peak_flop_s = 0;               ///< dense, of all GPUs [FLOP/s]
    std::uint64_t evaluation_every = 0;   ///< steps; 0: never
    duration evaluation{};
    checkpoint_rule checkpoint{};
    /// Where steps are of many lengths: what they consist of. `ends`: work at the end of each, without evaluations.
    std::optional<post_training_result> post{};
    std::vector<duration> ends{};
    duration restart{};                      ///< of a run after a failure or a preemption, until it works
    std::optional<elastic_terms> elastic{};  ///< none: it is rigid

    friend bool operator==(const training_terms&, const training_terms&) = default;
};

/// The whole of it; `duration::max()` beyond the range.
[[nodiscard]] duration work_of(const training_terms& t);

/// What a piece of work consists of, from the start of the job.
struct training_progress {
    std::uint64_t steps = 0;  ///< whole ones
    duration training{};      ///< in steps
    duration evaluating{};
};
/// Makes the steps of a job those of `r`. \pre r.steps is not empty, and their sum > 0
void take_steps(training_terms& t, post_training_result r);
/// \pre work >= 0
[[nodiscard]] training_progress progress_of(const training_terms& t, duration work);

/// GPUs of a domain that steps are as fast as: a job that spans several counts by the second smallest share, as one of
/// them may hold a remainder; one inside a domain has all of it, `whole`. \pre each > 0
[[nodiscard]] std::uint32_t share_of(const std::vector<std::uint32_t>& gpus_of_domains, std::uint32_t whole);
/// Its row; the last for more than it has. \pre not empty
[[nodiscard]] inline const placed_step& step_at(const training_terms& t, std::uint32_t share) {
    return t.by_share[share < t.by_share.size() ? share : t.by_share.size() - 1];
}

/// Work between two checkpoints that loses least if each stops the job for `pause` and failures come at random, `mtbf`
/// apart on average. J. W. Young, CACM 17 (1974): sqrt(2 pause mtbf). [s]
[[nodiscard]] double young_interval_s(double pause_s, double mtbf_s);
/// J. T. Daly, FGCS 22 (2006): sqrt(2 pause mtbf) (1 + sqrt(pause / 2 mtbf) / 3 + pause / 18 mtbf) - pause, and `mtbf`
/// where `pause` is at least twice that. [s]
[[nodiscard]] double daly_interval_s(double pause_s, double mtbf_s);

}  // namespace ampacity::execution
