#pragma once
/// \file
/// A run by calendar year (UTC) and site: what it has served, lost, drawn, emitted and cost.
///
/// A row is the difference of two snapshots, so those of all sites add up to the results of the run. What came into
/// service, energy, carbon and money are of each site, too; books of GPUs, interruptions and what services did where
/// sites have schedulers of their own. The first and the last year are as long as the run lies in them.

#include <ampacity/core/accounts.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/money/capital_costs.hpp>
#include <ampacity/scenario/scenario.hpp>
#include <ampacity/sim/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::money {

/// A year, of a site or of all.
struct year_row {
    int year = 0;
    std::string site{};  ///< empty: of all
    instant from{}, to{};
    gpu_time in_service = 0, uncommissioned = 0;   ///< [GPU-ns]
    std::optional<ledger> books{};                 ///< none: of a site without a scheduler of its own
    std::optional<std::uint64_t> interruptions{};  ///< the same
    std::optional<sim::service_count> served{};    ///< the same; or it is not known where services were
    std::optional<power::site_books> energy{};     ///< none: not modelled
    std::optional<double> contract_usd{};          ///< paid by the customer [USD]
    std::optional<capital_cost> capital{};
};

/// By year, all before the sites; one site alone has no rows of its own. Empty without snapshots.
[[nodiscard]] std::vector<year_row> years_of(const scenario::scenario& described, const sim::summary& s);

/// The difference of two books of one site, and their sum: what is not known of one is not known.
[[nodiscard]] power::site_books minus(const power::site_books& a, const power::site_books& b);
[[nodiscard]] power::site_books plus(const power::site_books& a, const power::site_books& b);

}  // namespace ampacity::money
