#pragma once
/// \file
/// Errors that leave the library. Three kinds, and no others:
///  - the user's input is wrong: `input_error` (scenario: exit 2, data: exit 3), with place, key, value, remedy;
///  - a policy or plug-in broke the rules: `plan_error`, `plugin_error` (exit 5);
///  - we are wrong: `internal_error` (exit 1), thrown by `AMPACITY_ASSERT` and by the ledger check.
/// An expected outcome is a value, never an exception. Library code never prints and never exits.

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ampacity {

/// Where a value stood in a file. Line and column count from 1; 0 means unknown.
struct source_position {
    std::string file;
    std::uint64_t line = 0;
    std::uint64_t column = 0;
    std::optional<std::uint64_t> byte{};  ///< from 0 in the text of the file, uncompressed, where it is known
};

/// What is wrong with an input, and what to do about it.
struct diagnostic {
    source_position where;
    std::string key;     ///< key path or column name, may be empty
    std::string what;    ///< the fault, a lower-case phrase
    std::string value;   ///< the offending text, may be empty
    std::string remedy;  ///< what to do, a lower-case phrase

    /// `FILE:LINE:COL: error: KEY: WHAT, at byte N (VALUE); REMEDY`; parts that are empty or unknown are left
    /// out with their punctuation.
    /// One line: control characters of the parts show as `\xNN`.
    [[nodiscard]] std::string text() const;
};

/// Base of all exceptions that the library throws.
class error : public std::runtime_error {
public:
    error(int exit_status, const std::string& text) : std::runtime_error(text), exit_status_(exit_status) {}
    /// The exit status that the program returns for it.
    [[nodiscard]] int exit_status() const noexcept { return exit_status_; }

private:
    int exit_status_;
};

/// A scenario, a command line or a data file is wrong.
class input_error : public error {
public:
    input_error(int exit_status, diagnostic d) : error(exit_status, d.text()), diagnostic_(std::move(d)) {}
    [[nodiscard]] const diagnostic& details() const noexcept { return diagnostic_; }

private:
    diagnostic diagnostic_;
};

/// Bad usage or a bad scenario: exit status 2.
class scenario_error : public input_error {
public:
    explicit scenario_error(diagnostic d) : input_error(2, std::move(d)) {}
};

/// Unreadable or bad input data: exit status 3.
class data_error : public input_error {
public:
    explicit data_error(diagnostic d) : input_error(3, std::move(d)) {}
};

/// A policy proposed what cannot be done: exit status 5. Names the job, the nodes and the reason.
class plan_error : public error {
public:
    explicit plan_error(const std::string& text) : error(5, text) {}
};

/// A plug-in does not match this build, threw, or gave what cannot be: exit status 5. Its place is the plug-in's file,
/// its key the policy, placer or source.
class plugin_error : public input_error {
public:
    explicit plugin_error(diagnostic d) : input_error(5, std::move(d)) {}
};

/// A bug of ours: exit status 1.
class internal_error : public error {
public:
    explicit internal_error(const std::string& text) : error(1, text) {}
};

/// Throws `internal_error` with the expression and its place. Inline, as plug-ins link nothing of this library.
[[noreturn, gnu::cold, gnu::noinline]] inline void assertion_failed(const char* expression, const char* file,
                                                                    int line) {
    throw internal_error(std::string{"assertion failed: "} + expression + " at " + file + ":" + std::to_string(line));
}

}  // namespace ampacity

/// Checks an invariant of ours in every build type. Not for user input.
#define AMPACITY_ASSERT(expression) \
    (static_cast<bool>(expression) ? void(0) : ::ampacity::assertion_failed(#expression, __FILE__, __LINE__))
