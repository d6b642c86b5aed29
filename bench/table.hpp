#pragma once
/// \file
/// What the benchmarks print: one row per question with baseline, ours, ratio, target and verdict, and under it the
/// counters that are the same on every machine. A missed target is only printed; a wrong answer makes the program fail.

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

namespace bench {

/// A measured value.
struct cell {
    double value;
    const char* unit;
};

/// What is asked of a row, and which way round its ratio is.
struct target {
    enum class kind { speedup, multiple, at_least, at_most };
    kind what;
    std::optional<double> value{};
};

/// baseline / ours, for times; with a value, at least that.
constexpr target speedup(std::optional<double> at_least = {}) { return {target::kind::speedup, at_least}; }
/// ours / baseline; with a value, at most that.
constexpr target multiple(std::optional<double> at_most = {}) { return {target::kind::multiple, at_most}; }
/// Ours itself; the ratio is ours / baseline.
constexpr target at_least(double ours) { return {target::kind::at_least, ours}; }
constexpr target at_most(double ours) { return {target::kind::at_most, ours}; }

class table {
public:
    table() {
        std::printf("%-66s | %-16s | %-16s | %-7s | %-8s |\n", "question", "baseline", "ours", "ratio", "target");
    }

    void row(const std::string& question, std::optional<cell> baseline, cell ours, target wanted) {
        const bool inverse = wanted.what == target::kind::speedup;
        const double ratio = !baseline ? 0 : inverse ? baseline->value / ours.value : ours.value / baseline->value;
        const bool of_ratio = inverse || wanted.what == target::kind::multiple;
        const bool lower_bound = inverse || wanted.what == target::kind::at_least;
        const char* verdict = "-";
        std::string limit = "-";
        if (wanted.value) {
            const double judged = of_ratio ? ratio : ours.value;
            verdict = (lower_bound ? judged >= *wanted.value : judged <= *wanted.value) ? "pass" : "short";
            limit = (lower_bound ? ">= " : "<= ") + number(*wanted.value) + (of_ratio ? "x" : "");
        }
        std::printf("%-66s | %16s | %16s | %7s | %-8s | %s\n", question.c_str(),
                    baseline ? text(*baseline).c_str() : "-", text(ours).c_str(),
                    baseline ? number(ratio).c_str() : "-", limit.c_str(), verdict);
        std::fflush(stdout);
    }

    /// A line of counters, or whatever else a reader should know of the row above.
    void note(const std::string& line) {
        std::printf("    %s\n", line.c_str());
        std::fflush(stdout);
    }

    /// The answer that a fast wrong program would miss.
    void expect(bool holds, const std::string& what) {
        if (holds) return;
        failed_ = true;
        std::printf("WRONG ANSWER: %s\n", what.c_str());
        std::fflush(stdout);
    }

    /// Of the process.
    [[nodiscard]] int exit_status() const { return failed_ ? 1 : 0; }

private:
    static std::string number(double x) {
        char out[32];
        const bool whole = x < 1e9 && x == static_cast<double>(static_cast<long>(x));
        std::snprintf(out, sizeof out, whole ? "%.0f" : x < 0.1 ? "%.4f" : x < 100 ? "%.2f" : "%.0f", x);
        return out;
    }
    static std::string text(cell c) { return number(c.value) + ' ' + c.unit; }

    bool failed_ = false;
};

inline double median(std::vector<double> v) {
    const auto middle = v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2);
    std::nth_element(v.begin(), middle, v.end());
    return *middle;
}

/// Processor time of this thread, so that what shares the core is not counted. Reading it costs about 0.2 us.
class stopwatch {
public:
    [[nodiscard]] double ns() const { return now_ns() - start_ns_; }
    [[nodiscard]] double s() const { return ns() * 1e-9; }

private:
    static double now_ns() {
        timespec t{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
    }

    double start_ns_ = now_ns();
};

}  // namespace bench
