#pragma once
/// \file
/// Processes that share the trials of a sweep, on one machine or on many. Rank 0 hands out trials and alone writes the
/// store; every rank runs trials on threads of its own, rank 0 too.
///
/// How messages travel is behind an interface, so that nothing here knows of MPI: `ampacity sweep` loads its
/// implementation by Boost.MPI where it was started by `mpirun`. What is in the store does not depend on the ranks. A
/// rank whose sweep, inputs or version differ from those of rank 0, or that cannot read them, gets no trials. One
/// thread at a time, the same in the whole life of the object.

#include <ampacity/experiment/result_store.hpp>
#include <ampacity/experiment/trial.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::experiment {

struct rank_message {
    int from = 0;
    std::vector<char> bytes{};
};

/// All ranks, as one of them sees them. Messages from one rank to another arrive in the order in which they were sent.
class ranks {
public:
    ranks() = default;
    ranks(const ranks&) = delete;
    ranks& operator=(const ranks&) = delete;
    /// Waits until what was sent has left and all ranks have come here.
    virtual ~ranks() = default;

    [[nodiscard]] virtual int number() const noexcept = 0;  ///< of this one, from 0
    [[nodiscard]] virtual int count() const noexcept = 0;
    /// Returns at once. \pre `to` is another rank
    virtual void send(int to, std::vector<char> message) = 0;
    /// The next message that has come, without waiting.
    [[nodiscard]] virtual std::optional<rank_message> receive() = 0;
};

/// Sends the other ranks home when rank 0 leaves, whatever the reason. \pre of rank 0; the ranks outlive it
class rank_dismissal {
public:
    explicit rank_dismissal(ranks& of) : ranks_(of) {}
    rank_dismissal(const rank_dismissal&) = delete;
    rank_dismissal& operator=(const rank_dismissal&) = delete;
    ~rank_dismissal();

private:
    ranks& ranks_;
};

/// What must be the same on all ranks: sweep, inputs and version.
[[nodiscard]] std::string fingerprint_of(const provenance& of);

struct service_options {
    unsigned threads = 1;
    std::string fingerprint{};            ///< of what this rank has read
    std::function<bool()> interrupted{};  ///< asked often; true ends the sweep of all ranks
};

/// Runs what rank 0 hands out, until it sends this rank home. \pre not rank 0
void serve_trials(ranks& all, const trial_runner& runner, const service_options& options);

/// Tells rank 0 why this rank can run nothing, and waits until it is sent home. \pre not rank 0
void decline_trials(ranks& all, const std::string& why);

}  // namespace ampacity::experiment
