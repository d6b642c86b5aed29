#include <ampacity/money/capital_costs.hpp>

#include <algorithm>

namespace ampacity::money {
namespace {

constexpr double year_s = 365.0 * 86400;

/// Ages between two instants, of something that is written off from a price over a life.
struct asset {
    double price_usd = 0, left_usd = 0, life_s = 1;

    /// Written off by that age.
    [[nodiscard]] double written_off(double age_s) const noexcept {
        return (price_usd - left_usd) * std::min(1.0, age_s / life_s);
    }
    /// Integral of the book value up to that age [USD s].
    [[nodiscard]] double book_usd_s(double age_s) const noexcept {
        const double falling_s = std::min(age_s, life_s);
        return price_usd * age_s - (price_usd - left_usd) * (falling_s * falling_s / (2 * life_s) + age_s - falling_s);
    }
};

}  // namespace

std::optional<double> rack_price_usd(const scenario::capital& of, const sim::fleet_group& g) noexcept {
    return of.rack ? std::optional{of.rack->value} : g.price_usd;
}

std::optional<double> facility_price_usd(const scenario::capital& of, const sim::fleet_group& g) noexcept {
    if (of.facility) return g.nameplate_w ? std::optional{of.facility->value * *g.nameplate_w} : std::nullopt;
    if (!g.price_installed_usd || !g.price_usd) return std::nullopt;
    return std::max(0.0, *g.price_installed_usd - *g.price_usd);
}

capital_cost capital_costs(const scenario::capital& of, std::span<const sim::fleet_group> groups,
                           std::span<const holding> standing, instant from, instant to,
                           std::optional<std::uint32_t> site) {
    capital_cost sum;
    for (const holding& h : standing) {
        const sim::fleet_group& g = groups[h.group];
        const double stood_s = to_seconds(time_of(h, from, to));
        if (stood_s <= 0 || (site && g.site != *site)) continue;
        const double units = static_cast<double>(h.gpus) / static_cast<double>(g.gpus_per_unit);
        const double rack_usd = rack_price_usd(of, g).value(), facility_usd = facility_price_usd(of, g).value();
        const asset rack{.price_usd = rack_usd, .left_usd = rack_usd * of.residual, .life_s = to_seconds(of.life)};
        const asset facility{.price_usd = facility_usd, .left_usd = 0, .life_s = to_seconds(of.facility_life)};
        const double a = to_seconds(std::max(from, h.from) - h.from), b = a + stood_s;
        sum.racks_usd += units * (rack.written_off(b) - rack.written_off(a));
        sum.facility_usd += units * (facility.written_off(b) - facility.written_off(a));
        sum.interest_usd += units * of.interest / year_s *
                            (rack.book_usd_s(b) - rack.book_usd_s(a) + facility.book_usd_s(b) - facility.book_usd_s(a));
        sum.maintenance_usd += units * of.maintenance * (rack_usd + facility_usd) * stood_s / year_s;
    }
    return sum;
}

}  // namespace ampacity::money
