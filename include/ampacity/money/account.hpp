#pragma once
/// \file
/// What a run comes to under its contract: paid by the customer, spent by the owner, and both per GPU-hour.

#include <ampacity/money/bill.hpp>
#include <ampacity/money/capital_costs.hpp>
#include <ampacity/scenario/scenario.hpp>
#include <ampacity/sim/result.hpp>

#include <optional>
#include <string>
#include <vector>

namespace ampacity::money {

/// What one site, or all of them, had in service while the contract lasted, and what was paid for it.
struct site_payment {
    std::string site{};
    double gpu_hours = 0;
    double usd = 0;
};

/// The customer's view.
struct customer_account {
    payment paid{};
    double gpu_hours = 0;                   ///< in service while the contract lasted
    std::optional<double> usd_per_gpu_h{};  ///< of these; none: there were none
    std::optional<double> usd_per_useful_gpu_h{};
    std::vector<site_payment> sites{};  ///< empty: one
};

/// The owner's view.
struct owner_account {
    capital_cost capital{};
    std::optional<double> energy_usd{};  ///< with generators; none: no region or price
    std::optional<double> demand_usd{};  ///< none: there is no demand charge
    double gpu_hours = 0;                ///< in service
    std::optional<double> margin_usd{};  ///< what is paid less what it costs; none: nothing says what is paid

    [[nodiscard]] double total_usd() const noexcept {
        return capital.total_usd() + energy_usd.value_or(0) + demand_usd.value_or(0);
    }
};

struct account {
    std::optional<customer_account> customer{};
    std::optional<owner_account> owner{};

    /// Of what is paid, or else spent, that of so much GPU-time, by the mean of what was in service; none: neither.
    [[nodiscard]] std::optional<double> paid_for(double gpu_hours) const noexcept;
};

/// \pre the scenario has a contract, and the summary snapshots
[[nodiscard]] account account_of(const scenario::scenario& described, const sim::summary& s);

}  // namespace ampacity::money
