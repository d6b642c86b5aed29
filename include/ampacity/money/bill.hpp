#pragma once
/// \file
/// What a customer pays for a fleet under a contract.
///
/// A lump sum is paid in equal parts of time over its term. With a commitment of so many GPUs, of which fewer are in
/// service, the part of those that are is paid, and of the rest the share `take_or_pay`. By prices each GPU in service
/// is paid by its type and date while the contract lasts, more than are committed, too; what is committed and not in
/// service is paid at the price of its type times `take_or_pay`: of GPUs at a time as it is missing, of GPU-hours over
/// the term at its end. GPUs in service are those that have come, whatever they do, those that have failed included.
///
/// Rates are constant between two changes, so sums are exact but for the last bits. What is paid for what is not there
/// belongs to no site. O((steps + prices) x groups) to make, O(stretches) per sum. Values; thread-safe to read.

#include <ampacity/core/time.hpp>
#include <ampacity/money/holdings.hpp>
#include <ampacity/scenario/contract.hpp>
#include <ampacity/scenario/units.hpp>
#include <ampacity/sim/snapshot.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ampacity::money {

/// What was paid in a while.
struct payment {
    double usd = 0;          ///< [USD]
    double missing_usd = 0;  ///< of it, for what was committed and not in service [USD]
};

class bill {
public:
    /// `start`: date of simulated time 0; `end` of the run. The contract outlives this. \pre it was checked
    bill(const scenario::contract& of, scenario::date start, std::span<const sim::fleet_group> groups,
         std::span<const holding> standing, instant end);

    /// Of all sites.
    [[nodiscard]] payment between(instant from, instant to) const;
    /// For what was in service at a site [USD].
    [[nodiscard]] double of_site(std::uint32_t site, instant from, instant to) const;
    /// When it begins and ends in simulated time, within the run.
    [[nodiscard]] instant begin() const noexcept { return begin_; }
    [[nodiscard]] instant end() const noexcept { return end_; }

private:
    struct stretch {
        instant from{}, to{};
        std::vector<double> site_usd_s;  ///< [USD/s]
        double usd_s = 0, missing_usd_s = 0;
    };
    struct settlement {
        instant at{};
        double usd = 0;
    };
    [[nodiscard]] instant at(scenario::date d) const;
    [[nodiscard]] double price_of(const std::string& gpu, instant t) const;
    [[nodiscard]] std::vector<instant> changes(std::span<const holding> standing) const;
    void price(stretch& s, std::span<const std::uint64_t> gpus) const;
    void settle(std::span<const holding> standing, instant end_of_run);
    [[nodiscard]] double take_or_pay() const noexcept { return of_.take_or_pay.value_or(1); }

    const scenario::contract& of_;
    scenario::date start_;
    std::vector<sim::fleet_group> groups_;
    instant begin_{}, end_{}, term_end_{};
    std::vector<stretch> stretches_;
    std::vector<settlement> settlements_;  ///< of GPU-hours
};

}  // namespace ampacity::money
