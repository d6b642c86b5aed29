#pragma once
/// \file
/// How long one step of a replica lasts: linear in its batch, or the largest of several linear functions (a roofline);
/// beside them, where one is given, what a table has for its decodes and prefilled tokens.
///
///     d = draft x (1 if drafts are verified, else 0) + table(decodes, tokens - decodes)
///         + max over pieces of (base + per_token x tokens + per_kv_token x kv_tokens
///                               + per_prefill_attention x prefill_attention)
///
/// Exact: coefficients are decimals of a nanosecond, brought to one common denominator; times are integers in *units*
/// of 10^-s ns, s being the most decimals that a coefficient has. Nothing is rounded but sums of a whole busy period,
/// by `round_to_ns`. A slowdown multiplies all of d. Immutable: any number of threads.

#include <ampacity/core/error.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/serving/exact_time.hpp>
#include <ampacity/serving/speculation.hpp>
#include <ampacity/serving/step_table.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace ampacity::serving {

/// The coefficients of one linear function, all >= 0.
struct linear_step {
    exact_time base{};                   ///< of every step
    exact_time per_token{};              ///< of each token that is scheduled
    exact_time per_kv_token{};           ///< of each token in the caches of the requests that decode
    exact_time per_prefill_attention{};  ///< of each pair of a prefilled token and one before it, itself included
};

/// What a step works on.
struct batch {
    std::int64_t tokens = 0;     ///< scheduled, of all requests
    std::int64_t kv_tokens = 0;  ///< sum over decodes of the tokens computed before; in parts with `speculate`
    /// Sum over the other chunks, of n tokens after c computed ones, of n c + n (n + 1) / 2.
    int128 prefill_attention = 0;
    std::int64_t decodes = 0;  ///< of the tokens, those of requests that decode, drafts excluded
    bool drafts = false;       ///< tokens that were drafted for the step are among `tokens`
};

/// An exact time as an integer number of units, see above.
using time_units = int128;

/// The slowdown of steps that last as long as they should, in millionths.
inline constexpr std::int64_t full_speed = 1'000'000;
/// How many millionths of their time steps last at this pace: the least whole number that is no faster, of at most
/// 10^12. \pre 0 < pace <= 1
[[nodiscard]] std::int64_t slowdown_at(double pace) noexcept;

/// The duration of steps.
class iteration_time {
public:
    /// The most pieces.
    static constexpr std::size_t max_pieces = 16;

    /// \throws scenario_error unless there are 1 to `max_pieces` pieces with coefficients >= 0.
    explicit iteration_time(std::span<const linear_step> pieces, step_table table = {});
    explicit iteration_time(const linear_step& linear, step_table table = {})
        : iteration_time(std::span{&linear, 1}, std::move(table)) {}

    /// From now on decode steps verify drafts, and `kv_tokens` are in 1 / `parts_per_token` of a token; if they do so
    /// already, nothing changes.
    /// \throws scenario_error where times cannot be exact any more; the key is `speculation`.
    void speculate(const speculation_options& o);

    /// The same steps, each of which lasts so many millionths of its time. \pre millionths >= full_speed; this one has
    /// the slowdown `full_speed`
    /// \throws scenario_error where times cannot be exact any more; the key is `step`.
    [[nodiscard]] iteration_time slowed(std::int64_t millionths) const;
    /// In millionths.
    [[nodiscard]] std::int64_t slowdown() const noexcept { return slowdown_; }

    /// Of one step.
    [[nodiscard]] time_units operator()(const batch& b) const noexcept;

    [[nodiscard]] std::int64_t units_per_ns() const noexcept { return units_per_ns_; }

    /// Whether steps are so long that no two of a busy period can end at one instant.
    [[nodiscard]] bool ends_differ() const noexcept { return ends_differ_; }

    /// Half to even. \pre 0 <= t, and the result has at most 63 bits.
    [[nodiscard]] std::int64_t round_to_ns(time_units t) const noexcept;
    /// The least time that `round_to_ns` makes `ns` or more. \pre ns >= 0.
    [[nodiscard]] time_units first_rounded_to(std::int64_t ns) const noexcept;

    /// Refuses what could leave 126 bits within 2^32 steps of at most so large a batch, and a table that it leaves.
    /// \throws scenario_error
    void check_range(std::int64_t tokens, std::int64_t kv_tokens, double prefill_attention,
                     std::int64_t decodes = 0) const;

    /// Calls `f` with each number (int128) that a step hangs on, in one order: what has the same ones takes the same
    /// times.
    template <class F>
    void for_each_number(F f) const {
        for (const int128 n : {int128{units_per_ns_}, units_per_entry_, int128{drafts_}, int128{growth_}}) f(n);
        f(draft_);
        table_->for_each_number(f);
        for (const piece& p : pieces_)
            for (const time_units c : {p.base, p.per_token, p.per_kv_token, p.per_prefill_attention}) f(c);
    }

private:
    friend class decode_run;

    struct piece {
        time_units base, per_token, per_kv_token, per_prefill_attention;
    };

    void find_whether_ends_differ() noexcept;
    [[nodiscard]] time_units of_table(std::int64_t decodes, std::int64_t prefill_tokens) const noexcept {
        return table_->empty() ? 0 : (*table_)(decodes, prefill_tokens) * units_per_entry_;
    }

    std::vector<piece> pieces_;
    std::shared_ptr<const step_table> table_;  ///< of all slowdowns
    time_units units_per_entry_ = 1;           ///< units of the table's 10^-9 ns
    std::int64_t units_per_ns_ = 1;
    std::int64_t slowdown_ = full_speed;
    bool ends_differ_ = false;
    std::int64_t drafts_ = 0;  ///< verified for each decode of a series
    std::int64_t growth_ = 1;  ///< of the tokens in the cache of each, per step, as `kv_tokens` counts them
    time_units draft_ = 0;
};

/// A series of steps in which the same requests decode: every step schedules one token of each, and drafts, so that the
/// tokens in their caches grow by the same amount. Closed form between changes of the active piece; O(pieces) per call
/// where the time is linear, O(pieces^2) else.
class decode_run {
public:
    /// `kv_tokens` before the first step. \pre decodes >= 1. `time` must outlive it.
    decode_run(const iteration_time& time, std::int64_t decodes, std::int64_t kv_tokens) noexcept
        : time_(&time),
          decodes_(decodes),
          kv_tokens_(kv_tokens),
          fixed_(time.of_table(decodes, decodes * time.drafts_) + time.draft_) {}

    /// The exact time of the first `steps` steps. \pre 0 <= steps <= 2^32.
    [[nodiscard]] time_units total(std::int64_t steps) const noexcept;

    /// The exact time of step `i`, from 0. No step is shorter than the one before.
    [[nodiscard]] time_units step(std::int64_t i) const noexcept { return next_segment(i, 1).first; }

    /// The least number of steps, of 1 .. `limit`, whose time is `wanted` or more; `limit` where none is.
    [[nodiscard]] std::int64_t first_reaching(time_units wanted, std::int64_t limit) const noexcept;

private:
    /// Steps with one active piece: step i of them, from 0, lasts first + slope x i.
    struct segment {
        time_units first = 0;
        time_units slope = 0;
        std::int64_t steps = 0;

        [[nodiscard]] time_units total(std::int64_t n) const noexcept;
        [[nodiscard]] std::int64_t first_reaching(time_units wanted) const noexcept;
    };

    /// The segment that begins after `done` steps, at most `limit` long.
    [[nodiscard]] segment next_segment(std::int64_t done, std::int64_t limit) const noexcept;

    const iteration_time* time_;
    std::int64_t decodes_;
    std::int64_t kv_tokens_;
    time_units fixed_;  ///< of each step, from the table and for drafts
};

}  // namespace ampacity::serving
