#include "heat.hpp"

#include <ampacity/core/error.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <tuple>
#include <utility>

namespace ampacity::power {
namespace {

constexpr duration tick_length = std::chrono::seconds{1};
/// Temperatures that differ by less are one: rounding makes no GPU slow [K].
constexpr double same_k = 1e-6;
/// A GPU that is not throttled any more has cooled by so much [K].
constexpr double hysteresis_k = 1;
constexpr double forever_s = 1e9;

double hottest_w(const hardware::gpu_power& gpu, std::span<const power_floor> floors) {
    double most = 0;
    for (std::size_t i = 0; i != num_phases; ++i) most = std::max(most, gpu_power_w(gpu, static_cast<phase>(i)));
    for (const power_floor& f : floors) most = std::max(most, gpu_power_w(gpu, f));
    return most;
}

instant first_tick_after(instant now) { return add_saturating(now, tick_length - (now - start_of_time) % tick_length); }

}  // namespace

bool heat::due_list::later(const entry& a, const entry& b) noexcept {
    return std::tie(a.at, a.row) > std::tie(b.at, b.row);
}

void heat::due_list::push(instant at, std::uint32_t row) {
    heap_.push_back({.at = at, .row = row});
    std::push_heap(heap_.begin(), heap_.end(), later);
}

std::uint32_t heat::due_list::pop() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const std::uint32_t row = heap_.back().row;
    heap_.pop_back();
    return row;
}

heat::heat(const power_tree& tree, std::span<const std::optional<coolant_plan>> coolant,
           const std::vector<bool>& disturbed, duration boot, std::span<const power_floor> floors)
    : boot_(boot), units_(tree.units().size()) {
    std::vector<double> most_w;
    for (const unit_model& m : tree.models()) {
        const hardware::gpu_thermal& t = m.node.gpu.thermal;
        const hardware::gpu_power& p = m.node.gpu.power;
        chips_.push_back(
            {.mass = {.k_per_w = t.resistance_k_per_w, .tau_s = t.resistance_k_per_w * t.heat_capacity_j_per_k},
             .throttle_c = t.throttle_c,
             .shutdown_c = t.shutdown_c,
             .limit_w = p.limit_w,
             .lowest_w = p.lowest_limit_w.value_or(p.context_w)});
        most_w.push_back(hottest_w(p, floors));
    }
    for (std::uint32_t i = 0; i != units_.size(); ++i) {
        const powered_unit& at = tree.units()[i];
        const unit_model& model = tree.models()[at.model];
        const std::size_t site = tree.site_of(i);
        if (site >= coolant.size() || !coolant[site] || !(model.liquid_share() > 0)) continue;
        const chip& c = chips_[at.model];
        const double supply_c = coolant[site]->supply_c;
        unit_state& u = units_[i];
        u.known = true;
        u.chip = at.model;
        u.supply_c = u.coolant_c = supply_c;
        if (!disturbed[i] && c.mass.settled_c(most_w[at.model], supply_c) <= c.throttle_c + same_k) continue;
        const double loop = coolant[site]->rack_loop_j_per_k;
        u.first = static_cast<std::uint32_t>(nodes_.size());
        u.nodes = u.running = at.nodes;
        u.first_node = at.first_node;
        u.k_per_j = loop > 0 ? model.liquid_share() / loop : 0;
        set_limit(u);
        const double idle_w = model.node.gpu.power.idle_w;
        nodes_.resize(nodes_.size() + at.nodes, {.unit = i, .draw_w = idle_w, .c = c.mass.settled_c(idle_w, supply_c)});
        for (std::uint32_t n = u.first; n != nodes_.size(); ++n) plan(n);
    }
    prune();
}

// --- temperatures --------------------------------------------------------------------------------------------

double heat::power_of(const node_state& n) const noexcept {
    if (n.what == state::off) return 0;
    return n.throttled ? std::min(n.draw_w, units_[n.unit].limit_w) : n.draw_w;
}

double heat::temperature_c(const node_state& n, instant now) const noexcept {
    if (now == n.since) return n.c;
    const unit_state& u = units_[n.unit];
    const thermal_mass& mass = chips_[u.chip].mass;
    const double dt_s = to_seconds(now - n.since);
    if (u.dry != 0) return n.c + mass.adiabatic_k_per_s(power_of(n)) * dt_s;
    return mass.after_c(n.c, power_of(n), u.coolant_c, dt_s);
}

double heat::temperature_c(std::uint32_t unit, std::size_t node, instant now) const noexcept {
    return temperature_c(nodes_[row_of(units_[unit], node)], now);
}

void heat::advance(node_state& n, instant now) noexcept {
    n.c = temperature_c(n, now);
    n.since = now;
}

/// Until it has warmed to that [s]; 0 if it is there and does not cool down.
double heat::time_to_s(const node_state& n, double limit_c) const noexcept {
    const unit_state& u = units_[n.unit];
    const thermal_mass& mass = chips_[u.chip].mass;
    const double power_w = power_of(n);
    if (u.dry != 0) {
        if (power_w <= 0) return forever_s;
        return std::max(0.0, limit_c - n.c) / mass.adiabatic_k_per_s(power_w);
    }
    if (mass.settled_c(power_w, u.coolant_c) <= limit_c + same_k) return forever_s;
    return n.c >= limit_c ? 0 : mass.time_to_s(limit_c, n.c, power_w, u.coolant_c);
}

/// Until it has cooled to that [s]. \pre it is warmer
double heat::time_to_cool_s(const node_state& n, double c) const noexcept {
    const unit_state& u = units_[n.unit];
    const thermal_mass& mass = chips_[u.chip].mass;
    if (u.dry != 0 || mass.settled_c(power_of(n), u.coolant_c) >= c - same_k) return forever_s;
    return mass.time_to_s(c, n.c, power_of(n), u.coolant_c);
}

/// When it becomes too hot, or has cooled, from what holds now.
void heat::plan(std::uint32_t row) {
    node_state& n = nodes_[row];
    const unit_state& u = units_[n.unit];
    const chip& c = chips_[u.chip];
    // What one instant brings about never is due at the same.
    const auto after = [&n](double s) {
        if (!(s < forever_s)) return never;
        return add_saturating(n.since, std::max(duration{1}, duration{std::llround(std::ceil(s * 1e9))}));
    };
    const double cool_c = c.throttle_c - hysteresis_k;
    const bool needs_limit = n.draw_w > u.limit_w;
    if (n.throttled && !needs_limit && n.c <= cool_c) n.throttled = false;
    n.throttle_at = never;
    if (n.what != state::off && needs_limit != n.throttled)
        n.throttle_at = after(n.throttled ? time_to_cool_s(n, cool_c) : time_to_s(n, c.throttle_c));
    n.shutdown_at = n.what != state::off ? after(time_to_s(n, c.shutdown_c)) : never;
    if (n.throttle_at != never) throttles_.push(n.throttle_at, row);
    if (n.shutdown_at != never) shutdowns_.push(n.shutdown_at, row);
}

void heat::prune() {
    throttles_.prune([this](instant at, std::uint32_t row) { return nodes_[row].throttle_at == at; });
    shutdowns_.prune([this](instant at, std::uint32_t row) { return nodes_[row].shutdown_at == at; });
    boots_.prune([this](instant at, std::uint32_t row) { return nodes_[row].boot_at == at; });
}

void heat::put_draw(instant now, std::uint32_t unit, std::size_t node, double w) {
    const std::size_t row = row_of(units_[unit], node);
    node_state& n = nodes_[row];
    if (n.draw_w == w) return;
    advance(n, now);
    n.draw_w = w;
    plan(static_cast<std::uint32_t>(row));
    prune();
}

// --- limits --------------------------------------------------------------------------------------------------

/// The largest that holds the throttle temperature, not below the lowest.
void heat::set_limit(unit_state& u) const noexcept {
    const chip& c = chips_[u.chip];
    const double bearable_w = u.dry != 0 ? 0 : (c.throttle_c + same_k - u.coolant_c) / c.mass.k_per_w;
    if (bearable_w >= c.limit_w) {
        u.limit = no_limit;
        u.limit_w = std::numeric_limits<double>::infinity();
        return;
    }
    const auto watts = [&c](int k) { return std::floor(c.limit_w * k / no_limit); };
    const int lowest = std::clamp(static_cast<int>(std::ceil(c.lowest_w * no_limit / c.limit_w)), 1, no_limit - 1);
    int k = std::clamp(static_cast<int>((bearable_w + 1) * no_limit / c.limit_w) + 1, lowest, no_limit - 1);
    while (k > lowest && watts(k) > bearable_w) --k;
    u.limit = static_cast<permille>(k);
    u.limit_w = std::max(c.lowest_w, watts(k));
}

/// Its coolant has changed. \pre its nodes are advanced
void heat::review(std::uint32_t unit) {
    unit_state& u = units_[unit];
    const permille before = u.limit;
    set_limit(u);
    for (std::uint32_t row = u.first; row != u.first + u.nodes; ++row) {
        node_state& n = nodes_[row];
        if (n.throttled && u.limit != before) changed_.push_back(node_of(row));
        plan(row);
    }
}

std::span<const std::size_t> heat::control(instant now) {
    stirred_ = never;
    while (throttles_.next() == now) {
        const std::uint32_t row = throttles_.pop();
        node_state& n = nodes_[row];
        advance(n, now);
        const double throttle_c = chips_[units_[n.unit].chip].throttle_c;
        n.throttled = !n.throttled;
        n.c = n.throttled ? std::max(n.c, throttle_c) : std::min(n.c, throttle_c - hysteresis_k);
        if (n.throttled) ++counts_.throttles;
        changed_.push_back(node_of(row));
        plan(row);
        prune();
    }
    if (tick_ == now) tick(now);
    prune();
    told_.clear();
    std::swap(told_, changed_);
    return told_;
}

// --- coolant -------------------------------------------------------------------------------------------------

void heat::sum_heat(unit_state& u, instant now) const noexcept {
    u.heat_j += u.power_w * to_seconds(now - u.since);
    u.since = now;
}

void heat::put_power(instant now, std::uint32_t unit, double w) {
    unit_state& u = units_[unit];
    if (u.warm != 0) sum_heat(u, now);
    u.power_w = w;
}

void heat::disturb(instant now, power_tree::range units, heat_fault what, bool begins) {
    for (std::uint32_t i = units.first; i != units.last; ++i) {
        unit_state& u = units_[i];
        if (u.nodes == 0) continue;
        for (std::uint32_t row = u.first; row != u.first + u.nodes; ++row) advance(nodes_[row], now);
        std::uint16_t& faults = what == heat_fault::warm ? u.warm : u.dry;
        faults = static_cast<std::uint16_t>(begins ? faults + 1 : faults - 1);
        if (faults != (begins ? 1 : 0)) continue;
        if (what == heat_fault::dry && u.warm != 0) {
            // Heat that does not leave the cold plates does not warm the coolant.
            sum_heat(u, now);
            if (begins) u.coolant_c += u.heat_j * u.k_per_j;
            u.heat_j = 0;
        } else if (what == heat_fault::warm && begins) {
            u.heat_j = 0;
            u.since = now;
            if (warm_.empty()) tick_ = first_tick_after(now);
            warm_.push_back(i);
        } else if (what == heat_fault::warm) {
            u.coolant_c = u.supply_c;
            warm_.erase(std::remove(warm_.begin(), warm_.end(), i), warm_.end());
            if (warm_.empty()) tick_ = never;
        }
        review(i);
        if (u.warm == 0 && u.dry == 0) {
            for (std::uint32_t row = u.first; row != u.first + u.nodes; ++row) {
                if (nodes_[row].what == state::off) boot(now, row);
            }
        }
    }
    if (!changed_.empty()) stirred_ = now;
    prune();
}

/// A second of warming is over. Racks whose nodes are all off stay as they are.
void heat::tick(instant now) {
    for (std::size_t k = 0; k != warm_.size();) {
        unit_state& u = units_[warm_[k]];
        if (u.running == 0) {
            warm_.erase(warm_.begin() + static_cast<std::ptrdiff_t>(k));
            continue;
        }
        sum_heat(u, now);
        for (std::uint32_t row = u.first; row != u.first + u.nodes; ++row) advance(nodes_[row], now);
        if (u.dry == 0) u.coolant_c += u.heat_j * u.k_per_j;
        u.heat_j = 0;
        review(warm_[k]);
        ++k;
    }
    tick_ = warm_.empty() ? never : add_saturating(now, tick_length);
}

// --- nodes that are too hot ----------------------------------------------------------------------------------

void heat::shut_down(instant now, std::uint32_t row) {
    node_state& n = nodes_[row];
    unit_state& u = units_[n.unit];
    advance(n, now);
    n.c = std::max(n.c, chips_[u.chip].shutdown_c);
    n.what = state::off;
    n.throttled = false;
    n.boot_at = never;
    --u.running;
    ++counts_.shutdowns;
    plan(row);
    if (u.warm == 0 && u.dry == 0) boot(now, row);
    prune();
}

/// It is switched on. It takes no job before it has cooled down to where it would throttle.
void heat::boot(instant now, std::uint32_t row) {
    node_state& n = nodes_[row];
    unit_state& u = units_[n.unit];
    const chip& c = chips_[u.chip];
    n.what = state::booting;
    ++u.running;
    double cool_s = n.c <= c.throttle_c ? 0 : c.mass.time_to_s(c.throttle_c, n.c, n.draw_w, u.coolant_c);
    if (!(cool_s < forever_s)) cool_s = 0;
    n.boot_at = add_saturating(now, std::max(boot_, duration{std::llround(std::ceil(cool_s * 1e9))}));
    plan(row);
    boots_.push(n.boot_at, row);
    changed_.push_back(node_of(row));
    stirred_ = now;
}

instant heat::next_change() const noexcept { return std::min(shutdowns_.next(), boots_.next()); }
instant heat::next_control() const noexcept { return std::min({throttles_.next(), tick_, stirred_}); }

}  // namespace ampacity::power
