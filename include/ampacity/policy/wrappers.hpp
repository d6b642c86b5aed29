#pragma once
/// \file
/// Policies round another one, whichever it is: decisions in fixed rounds, jobs that wait for a better hour, and an ear
/// for every pass.

#include <ampacity/core/time.hpp>
#include <ampacity/policy/policy.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

namespace ampacity::policy {

/// Hears of every pass after its decisions were proposed; it can ask `decided_by` why a job waits, and change nothing.
class pass_listener {
public:
    pass_listener() = default;
    pass_listener(const pass_listener&) = delete;
    pass_listener& operator=(const pass_listener&) = delete;
    virtual ~pass_listener() = default;
    virtual void on_pass(const policy::view& v, const policy::plan& p, const policy& decided_by) = 0;
};

/// `inner`, deciding only at the multiples of `every` since the start. Notifications reach it at once. An event opens a
/// pass at its instant if that is such a multiple, else at the next one; rounds without an event since the last are
/// left out. A wish of the inner policy to be woken is granted at the first round at or after it: `on_tick`, then
/// `decide`. While there is no job in the system no round is held. \pre every > 0
[[nodiscard]] std::unique_ptr<policy> make_round(std::unique_ptr<policy> inner, duration every);

/// Which of `view::signals` a job waits for.
enum class signal_kind : std::uint8_t { carbon, marginal, price };

struct signal_options {
    signal_kind of = signal_kind::carbon;
    duration max_delay = std::chrono::hours{12};   ///< at least 0
    std::optional<std::int32_t> below_priority{};  ///< jobs of a lower priority can wait; none: all can
};

/// `inner`, from which jobs that can wait are held back: until the earliest instant, from their submit to `max_delay`
/// behind it, at which a run of the length that they are planned with has the least integral of the signal. Then they
/// take the place that their submit gives them. The series is taken for its own forecast; starts whose run reaches
/// beyond what it knows are left out, and a job of which that holds at once is not held. Others, and jobs that have
/// run before, go on at once; so do all where the view has no such signal.
[[nodiscard]] std::unique_ptr<policy> make_signal_aware(std::unique_ptr<policy> inner, const signal_options& options);

/// `inner`, as it is, with every pass told to `to`, which outlives it.
[[nodiscard]] std::unique_ptr<policy> make_explain(std::unique_ptr<policy> inner, pass_listener& to);

}  // namespace ampacity::policy
