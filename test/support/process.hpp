#pragma once
/// \file
/// Runs a program and collects what it says: for the tests of the command line. Blocks until the program has ended;
/// safe to use from several threads at once.

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::test {

struct process_options {
    std::filesystem::path directory{};                               ///< where to run; empty means here
    std::vector<std::pair<std::string, std::string>> environment{};  ///< added to, or replacing, our own
    std::string input{};                                             ///< what stands on its standard input
    std::chrono::milliseconds timeout{60'000};                       ///< killed with its children after that
    int signal = 0;                                                  ///< sent once, when `signal_when` first says so
    std::function<bool()> signal_when{};                             ///< asked every 10 ms; none means at once
};

struct process_result {
    int status = -1;         ///< exit status, -1 where a signal ended it
    int signal = 0;          ///< the signal that ended it, or 0
    bool timed_out = false;  ///< we killed it
    std::string out;         ///< standard output
    std::string err;         ///< standard error
};

/// Runs `command` (the program, looked up in PATH, and its arguments).
/// \throws std::system_error when it cannot be started.
process_result run_process(const std::vector<std::string>& command, const process_options& options = {});

}  // namespace ampacity::test
