#pragma once
/// \file
/// The temperatures of GPUs, and what follows from them: limits that hold a GPU at its throttle temperature, nodes that
/// switch themselves off.
///
/// The state machine behind the heat of a `plant`, which tells it of powers. Per node the hottest GPU as one
/// `thermal_mass`; power and coolant are constant between two calls, so its temperature is kept as a value and an
/// instant, and when it comes to a limit follows in closed form. Coolant that is no longer cooled warms by the exact
/// heat of its rack, at the whole seconds. Nodes of racks that can never get too hot, and that nothing happens to, are
/// not kept. A change of power costs O(log nodes), a tick O(nodes of racks that warm). Not thread-safe.

#include <ampacity/core/ids.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/power/cap_policy.hpp>
#include <ampacity/power/plant.hpp>
#include <ampacity/power/power_tree.hpp>
#include <ampacity/power/thermal.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace ampacity::power {

/// The coolant of a rack warms, or stands still in its cold plates.
enum class heat_fault : std::uint8_t { warm, dry };

class heat {
public:
    /// `disturbed`: (units) is something going to happen to their cooling? `coolant`: (sites)
    /// `floors`: that may lift what GPUs draw.
    heat(const power_tree& tree, std::span<const std::optional<coolant_plan>> coolant,
         const std::vector<bool>& disturbed, duration boot, std::span<const power_floor> floors);

    [[nodiscard]] bool keeps(std::uint32_t unit) const noexcept { return units_[unit].nodes != 0; }
    /// Is its coolant known?
    [[nodiscard]] bool knows(std::uint32_t unit) const noexcept { return units_[unit].known; }
    /// Where its GPU settles that draws this. \pre knows(unit), and nothing happens to its coolant [degC]
    [[nodiscard]] double settled_c(std::uint32_t unit, double w) const noexcept {
        return chips_[units_[unit].chip].mass.settled_c(w, units_[unit].supply_c);
    }
    /// That a node gives itself; `no_limit`.
    [[nodiscard]] permille limit_of(std::uint32_t unit, std::size_t node) const noexcept {
        const unit_state& u = units_[unit];
        return u.nodes != 0 && nodes_[row_of(u, node)].throttled ? u.limit : no_limit;
    }
    /// Has it switched itself off? It draws nothing.
    [[nodiscard]] bool is_off(std::uint32_t unit, std::size_t node) const noexcept {
        return has_state(unit, node, state::off);
    }
    /// The same, or not yet booted.
    [[nodiscard]] bool is_lost(std::uint32_t unit, std::size_t node) const noexcept {
        return is_off(unit, node) || has_state(unit, node, state::booting);
    }
    /// Of its hottest GPU [degC]. \pre keeps(unit)
    [[nodiscard]] double temperature_c(std::uint32_t unit, std::size_t node, instant now) const noexcept;
    [[nodiscard]] double coolant_c(std::uint32_t unit) const noexcept { return units_[unit].coolant_c; }
    [[nodiscard]] heat_counts counts() const noexcept { return counts_; }

    /// The largest draw of a GPU of the node from now on, without the limit that it gives itself [W]. \pre keeps(unit)
    void put_draw(instant now, std::uint32_t unit, std::size_t node, double w);
    /// At the input of the unit from now on [W].
    void put_power(instant now, std::uint32_t unit, double w);
    /// Something happens to the cooling of these units, or is over.
    void disturb(instant now, power_tree::range units, heat_fault what, bool begins);

    /// When a node switches itself off, or has booted; `never`.
    [[nodiscard]] instant next_change() const noexcept;
    /// When limits change; `never`.
    [[nodiscard]] instant next_control() const noexcept;

    /// Nodes that switch themselves off now: `f(unit, node, was_lost)`.
    template <class F>
    void take_shutdowns(instant now, F f) {
        while (shutdowns_.next() == now) {
            const std::uint32_t n = shutdowns_.pop();
            const bool was_lost = nodes_[n].what != state::on;
            shut_down(now, n);
            f(nodes_[n].unit, node_of(n), was_lost);
        }
        prune();
    }
    /// Nodes that have booted now: `f(unit, node)`.
    template <class F>
    void take_boots(instant now, F f) {
        while (boots_.next() == now) {
            const std::uint32_t n = boots_.pop();
            nodes_[n].what = state::on;
            nodes_[n].boot_at = never;
            prune();
            f(nodes_[n].unit, node_of(n));
        }
    }
    /// All that `next_control` announced. Nodes whose limit or power is another than before, in no order.
    [[nodiscard]] std::span<const std::size_t> control(instant now);

private:
    enum class state : std::uint8_t { on, off, booting };
    struct unit_state {
        std::uint32_t first = 0, nodes = 0;  // rows of nodes_; none: not kept
        std::uint32_t first_node = 0;        // of the fleet
        std::uint32_t chip = 0;
        std::uint32_t running = 0;  // nodes that are not off
        bool known = false;         // its coolant
        std::uint16_t warm = 0, dry = 0;
        permille limit = no_limit;  // of its nodes that are throttled
        double limit_w = std::numeric_limits<double>::infinity();
        double supply_c = 0, coolant_c = 0;
        double k_per_j = 0;  // of heat of the rack
        double power_w = 0;  // since:
        instant since{};
        double heat_j = 0;  // before, since the last tick
    };
    struct node_state {
        std::uint32_t unit = 0;
        state what = state::on;
        bool throttled = false;
        double draw_w = 0;
        double c = 0;  // at:
        instant since{};
        instant throttle_at = never;  // or, if it is throttled, it is no more
        instant shutdown_at = never, boot_at = never;
    };
    struct chip {
        thermal_mass mass{};
        double throttle_c = 0, shutdown_c = 0;
        double limit_w = 0, lowest_w = 0;
    };
    /// Earliest first, ties by row; entries that no longer hold are dropped when they come to the top.
    class due_list {
    public:
        void push(instant at, std::uint32_t row);
        std::uint32_t pop();
        [[nodiscard]] instant next() const noexcept { return heap_.empty() ? never : heap_.front().at; }
        template <class Holds>
        void prune(Holds holds) {
            while (!heap_.empty() && !holds(heap_.front().at, heap_.front().row)) pop();
        }

    private:
        struct entry {
            instant at{};
            std::uint32_t row = 0;
        };
        static bool later(const entry& a, const entry& b) noexcept;
        std::vector<entry> heap_;
    };

    [[nodiscard]] static std::size_t row_of(const unit_state& u, std::size_t node) noexcept {
        return u.first + node - u.first_node;
    }
    [[nodiscard]] std::size_t node_of(std::uint32_t row) const noexcept {
        const unit_state& u = units_[nodes_[row].unit];
        return std::size_t{u.first_node} + row - u.first;
    }
    [[nodiscard]] bool has_state(std::uint32_t unit, std::size_t node, state s) const noexcept {
        const unit_state& u = units_[unit];
        return u.nodes != 0 && nodes_[row_of(u, node)].what == s;
    }
    [[nodiscard]] double power_of(const node_state& n) const noexcept;
    [[nodiscard]] double temperature_c(const node_state& n, instant now) const noexcept;
    [[nodiscard]] double time_to_s(const node_state& n, double limit_c) const noexcept;
    [[nodiscard]] double time_to_cool_s(const node_state& n, double c) const noexcept;
    void advance(node_state& n, instant now) noexcept;
    void plan(std::uint32_t row);
    void prune();
    void shut_down(instant now, std::uint32_t row);
    void boot(instant now, std::uint32_t row);
    void set_limit(unit_state& u) const noexcept;
    void review(std::uint32_t unit);
    void sum_heat(unit_state& u, instant now) const noexcept;
    void tick(instant now);

    duration boot_;
    std::vector<chip> chips_;  // (models)
    std::vector<unit_state> units_;
    std::vector<node_state> nodes_;
    due_list throttles_, shutdowns_, boots_;
    std::vector<std::uint32_t> warm_;  // units whose coolant warms
    instant tick_ = never;
    instant stirred_ = never;  // nodes have changed in a call before `control`
    std::vector<std::size_t> changed_, told_;
    heat_counts counts_{};
};

}  // namespace ampacity::power
