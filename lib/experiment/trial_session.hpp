#pragma once
/// \file
/// Runs lists of trials into a store, one list after the other. One thread.

#include "crew.hpp"

#include <ampacity/experiment/run_sweep.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::experiment {

class trial_session {
public:
    /// All of them outlive it.
    trial_session(const sweep& s, const trial_runner& runner, result_store& store, const sweep_options& options);

    /// Runs those of the list that are neither done in the store nor failed in this session; false if interrupted
    /// before its end. `trials`: that there are to be in the store, for whoever watches.
    bool run(std::vector<trial> list, std::size_t trials);

    [[nodiscard]] const sweep_state& state() const noexcept { return state_; }
    [[nodiscard]] bool interrupted() const noexcept { return interrupted_; }
    /// Of the failed trial that comes first in the order of trials; empty if none failed.
    [[nodiscard]] std::string first_error() const { return failures_.empty() ? "" : failures_.begin()->second; }
    [[nodiscard]] std::vector<std::string> absences() const { return crew_->absences(); }

private:
    using steady = std::chrono::steady_clock;
    static std::pair<std::uint64_t, std::size_t> order_of(const trial& t) { return {t.replication, t.variant}; }

    void count(const trial_result& r);
    bool goes_on();

    const sweep& sweep_;
    result_store& store_;
    const sweep_options& options_;
    steady::time_point begin_ = steady::now();
    sweep_state state_{};
    bool interrupted_ = false;
    std::map<std::pair<std::uint64_t, std::size_t>, std::string> failures_;
    std::unique_ptr<crew> crew_;  // last: it ends first
};

}  // namespace ampacity::experiment
