#pragma once
/// \file
/// One line on stderr that says how far a run is. Shown on a terminal only, unless asked for.

#include <ampacity/sim/simulation.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace ampacity::cli {

/// `42 s`, `3:05 min`, `1:30 h`.
[[nodiscard]] std::string clock_text(double seconds);

class progress_line {
public:
    /// `wanted`: from the command line; without it a line is shown where stderr is a terminal.
    progress_line(std::optional<bool> wanted, std::optional<duration> until);
    ~progress_line();
    progress_line(const progress_line&) = delete;
    progress_line& operator=(const progress_line&) = delete;

    /// Shows the state of the run, a few times a second at most.
    void update(const sim::simulation& s);

private:
    using clock = std::chrono::steady_clock;

    bool shown_;
    bool drawn_ = false;
    std::optional<duration> until_;
    clock::time_point begun_ = clock::now();
    clock::time_point next_ = begun_ + std::chrono::milliseconds{250};
};

}  // namespace ampacity::cli
