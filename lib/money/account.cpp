#include <ampacity/money/account.hpp>
#include <ampacity/money/holdings.hpp>

#include <cstddef>

namespace ampacity::money {
namespace {

customer_account customer_of(const scenario::scenario& of, const sim::summary& s,
                             const std::vector<holding>& standing) {
    const instant end = start_of_time + s.simulated;
    const bill b{*of.contract, of.start, s.groups, standing, end};
    customer_account out{.paid = b.between(start_of_time, end),
                         .gpu_hours = to_gpu_hours(gpu_time_of(standing, b.begin(), b.end()))};
    if (out.gpu_hours > 0) out.usd_per_gpu_h = out.paid.usd / out.gpu_hours;
    if (const double useful = to_gpu_hours(s.books[ampacity::account::useful]); useful > 0)
        out.usd_per_useful_gpu_h = out.paid.usd / useful;
    for (std::size_t i = 0; of.fleet.sites.size() > 1 && i != of.fleet.sites.size(); ++i) {
        const auto site = static_cast<std::uint32_t>(i);
        out.sites.push_back({.site = of.fleet.sites[i].name,
                             .gpu_hours = to_gpu_hours(gpu_time_of(standing, s.groups, b.begin(), b.end(), site)),
                             .usd = b.of_site(site, start_of_time, end)});
    }
    return out;
}

owner_account owner_of(const scenario::capital& of, const sim::summary& s, const std::vector<holding>& standing) {
    const instant end = start_of_time + s.simulated;
    owner_account out{.capital = capital_costs(of, s.groups, standing, start_of_time, end),
                      .gpu_hours = to_gpu_hours(s.books.capacity)};
    if (!s.energy) return out;
    out.energy_usd = s.energy->energy_usd;
    if (s.energy->generators_usd) out.energy_usd = out.energy_usd.value_or(0) + *s.energy->generators_usd;
    out.demand_usd = s.energy->demand_usd;
    return out;
}

}  // namespace

std::optional<double> account::paid_for(double gpu_hours) const noexcept {
    if (customer && customer->usd_per_gpu_h) return *customer->usd_per_gpu_h * gpu_hours;
    if (!customer && owner && owner->gpu_hours > 0) return owner->total_usd() / owner->gpu_hours * gpu_hours;
    return std::nullopt;
}

account account_of(const scenario::scenario& described, const sim::summary& s) {
    const scenario::contract& c = *described.contract;
    const std::vector<holding> standing = holdings_of(s.standing);
    account out;
    if (c.value || !c.price.empty()) out.customer = customer_of(described, s, standing);
    if (!c.capex) return out;
    out.owner = owner_of(*c.capex, s, standing);
    if (out.customer) out.owner->margin_usd = out.customer->paid.usd - out.owner->total_usd();
    return out;
}

}  // namespace ampacity::money
