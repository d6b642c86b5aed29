#pragma once
/// \file
/// Policies round another one, whichever it is: decisions in fixed rounds, and an ear for every pass.

#include <ampacity/core/time.hpp>
#include <ampacity/policy/policy.hpp>

#include <memory>

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

/// `inner`, as it is, with every pass told to `to`, which outlives it.
[[nodiscard]] std::unique_ptr<policy> make_explain(std::unique_ptr<policy> inner, pass_listener& to);

}  // namespace ampacity::policy
