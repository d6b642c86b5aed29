#include <ampacity/money/bill.hpp>
#include <ampacity/money/holdings.hpp>
#include <ampacity/money/years.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>

namespace ampacity::money {
namespace {

using power::site_books;

constexpr std::array known_parts{
    &site_books::overhead_j,       &site_books::carbon_location_kg, &site_books::carbon_marginal_kg,
    &site_books::carbon_market_kg, &site_books::carbon_embodied_kg, &site_books::energy_usd,
    &site_books::demand_usd,       &site_books::capacity_usd,       &site_books::water_m3};
// Only some sites have them, and others then have none.
constexpr std::array parts_of_some{
    &site_books::grid_j,   &site_books::generators_j,         &site_books::batteries_j,
    &site_books::filled_j, &site_books::carbon_generators_kg, &site_books::generators_usd};

template <class F>
site_books combined(const site_books& a, const site_books& b, F f) {
    site_books out{.it_j = f(a.it_j, b.it_j), .losses_j = f(a.losses_j, b.losses_j)};
    for (const auto part : known_parts) {
        if (a.*part && b.*part) out.*part = f(*(a.*part), *(b.*part));
    }
    for (const auto part : parts_of_some) {
        if (a.*part || b.*part) out.*part = f((a.*part).value_or(0), (b.*part).value_or(0));
    }
    return out;
}

ledger minus(const ledger& a, const ledger& b) {
    ledger out{.capacity = a.capacity - b.capacity};
    for (std::size_t i = 0; i != num_accounts; ++i) out.of[i] = a.of[i] - b.of[i];
    return out;
}

/// Flows of several parts are rounded one by one.
sim::service_count minus(sim::service_count a, const sim::service_count& b) {
    const auto less = [](std::uint64_t& n, std::uint64_t by) { n -= std::min(n, by); };
    less(a.requests, b.requests);
    less(a.finished, b.finished);
    less(a.prompt_tokens, b.prompt_tokens);
    less(a.output_tokens, b.output_tokens);
    return a;
}

sim::service_count served_between(const sim::snapshot& a, const sim::snapshot& b) {
    sim::service_count before, after;
    for (const auto& c : a.services) before += c;
    for (const auto& c : b.services) after += c;
    return minus(after, before);
}

class divided {
public:
    divided(const scenario::scenario& of, const sim::summary& s) : of_(of), s_(s), standing_(holdings_of(s.standing)) {
        if (of.contract && (of.contract->value || !of.contract->price.empty()))
            bill_.emplace(*of.contract, of.start, s.groups, standing_, s.snapshots.back().at);
        num_sites_ = std::max<std::size_t>(1, of.fleet.sites.size());
    }

    [[nodiscard]] std::vector<year_row> rows() const {
        std::vector<year_row> out;
        sim::snapshot before{.at = start_of_time};
        if (!s_.snapshots.empty()) before.sites.resize(s_.snapshots.back().sites.size());
        if (!s_.snapshots.empty()) before.counts.resize(s_.snapshots.back().counts.size());
        for (site_books& b : before.sites) {  // known to be nothing
            for (const auto part : known_parts) b.*part = 0;
        }
        for (const sim::snapshot& after : s_.snapshots) {
            add_year(before, after, out);
            before = after;
        }
        return out;
    }

private:
    [[nodiscard]] year_row row(const sim::snapshot& a, const sim::snapshot& b) const {
        using namespace std::chrono;
        year_row r{.from = a.at, .to = b.at};
        // Simulated time may go on where dates of 64 bits end.
        const auto day =
            floor<days>(of_.start) + floor<days>(of_.start - floor<days>(of_.start) + (a.at - start_of_time));
        r.year = static_cast<int>(year_month_day{sys_days{day}}.year());
        return r;
    }

    void add_year(const sim::snapshot& a, const sim::snapshot& b, std::vector<year_row>& out) const {
        year_row all = row(a, b);
        all.books = minus(b.books, a.books);
        all.in_service = all.books->capacity;
        all.uncommissioned = (*all.books)[account::uncommissioned];
        all.interruptions = b.interruptions - a.interruptions;
        all.served = served_between(a, b);
        if (bill_) all.contract_usd = bill_->between(a.at, b.at).usd;
        if (capital()) all.capital = capital_costs(*capital(), s_.groups, standing_, a.at, b.at);
        std::vector<year_row> sites;
        for (std::size_t i = 0; i != num_sites_; ++i) sites.push_back(of_site(i, a, b));
        if (!b.sites.empty()) {
            all.energy = sites[0].energy;
            for (std::size_t i = 1; i != sites.size(); ++i) all.energy = plus(*all.energy, *sites[i].energy);
        }
        out.push_back(std::move(all));
        if (num_sites_ > 1) out.insert(out.end(), sites.begin(), sites.end());
    }

    [[nodiscard]] year_row of_site(std::size_t i, const sim::snapshot& a, const sim::snapshot& b) const {
        const auto site = static_cast<std::uint32_t>(i);
        year_row r = row(a, b);
        if (i < of_.fleet.sites.size()) r.site = of_.fleet.sites[i].name;
        r.in_service = gpu_time_of(standing_, s_.groups, a.at, b.at, site);
        for (const sim::fleet_group& g : s_.groups) {
            if (g.site == site) r.uncommissioned += gpu_time{ticks(b.at - a.at)} * static_cast<gpu_time>(g.gpus);
        }
        r.uncommissioned -= r.in_service;
        if (!b.counts.empty()) {
            r.books = minus(b.counts[i].books, a.counts[i].books);
            r.interruptions = b.counts[i].interruptions - a.counts[i].interruptions;
            if (const auto& served = b.counts[i].served)
                r.served = minus(*served, a.counts[i].served.value_or(sim::service_count{}));
        }
        if (!b.sites.empty()) r.energy = money::minus(b.sites[i], a.sites[i]);
        if (bill_) r.contract_usd = bill_->of_site(site, a.at, b.at);
        if (capital()) r.capital = capital_costs(*capital(), s_.groups, standing_, a.at, b.at, site);
        return r;
    }

    [[nodiscard]] const std::optional<scenario::capital>& capital() const {
        static const std::optional<scenario::capital> nothing;
        return of_.contract ? of_.contract->capex : nothing;
    }

    const scenario::scenario& of_;
    const sim::summary& s_;
    std::vector<holding> standing_;
    std::optional<bill> bill_{};
    std::size_t num_sites_ = 1;
};

}  // namespace

site_books minus(const site_books& a, const site_books& b) { return combined(a, b, std::minus<>{}); }
site_books plus(const site_books& a, const site_books& b) { return combined(a, b, std::plus<>{}); }

std::vector<year_row> years_of(const scenario::scenario& described, const sim::summary& s) {
    if (s.snapshots.empty()) return {};
    return divided{described, s}.rows();
}

}  // namespace ampacity::money
