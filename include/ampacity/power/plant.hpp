#pragma once
/// \file
/// The power of a fleet while it runs: what nodes draw as jobs come and go, who carries it, what limits it, and what
/// happens when a feed is lost or overloaded, or chips get too hot.
///
/// A state machine without a clock of its own: it says when something is due and does it when it is told to. Feeds are
/// lost and come back by schedule; an overload that lasts trips its device, which takes all below it down; nodes come
/// back `boot` after their power. Where the plan has them, batteries carry what has lost its feeds, at once, and
/// generators start and take over; at one instant what comes back is first, then what is empty goes. Controllers look
/// at their feeds at the multiples of their period, at the loads from before that instant's scheduling pass, and what
/// they decide holds after their latency. A tick that would see what the last one saw is left out: it would decide the
/// same. Loads are whole microwatts, limits thousandths of the GPUs' power limit: results do not depend on the order of
/// jobs. A start or a stop costs O(its nodes + devices above them); a limit that changes, O(nodes below it). Where the
/// coolant is known, temperatures act, too: from its throttle temperature on a GPU holds itself there by a limit, and
/// where cooling is lost nodes switch themselves off. Not thread-safe.

#include <ampacity/core/ids.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/fleet/allocation.hpp>
#include <ampacity/power/cap_policy.hpp>
#include <ampacity/power/cap_response.hpp>
#include <ampacity/power/node_power.hpp>
#include <ampacity/power/power_tree.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ampacity::power {

class heat;

/// Who looks at all feeds of one level.
struct controller {
    power_tree::level at = power_tree::level::row;
    std::unique_ptr<cap_policy> policy{};
    duration period = std::chrono::seconds{3};
    duration latency = std::chrono::milliseconds{100};
};

/// What happens to a feed by schedule.
struct feed_event {
    enum class kind : std::uint8_t {
        loss,          ///< it fails, or is taken out of service
        limit,         ///< its load is to stay below `limit_w`
        cut,           ///< its load is to be lower by `share` than it is at the start
        cooling_loss,  ///< of a part: the coolant of its racks warms
        flow_loss,     ///< of a part: the coolant stands still
    };
    instant start{};
    instant end = never;
    kind what = kind::loss;
    std::string device{};  ///< see `power_tree::find`; of a part `power_tree::units_of`
    double limit_w = 0;    ///< [W]
    double share = 0;      ///< [1]
};

/// The liquid that cools the racks of a site.
struct coolant_plan {
    double supply_c = 0;           ///< at the cold plates [degC]
    double rack_loop_j_per_k = 0;  ///< of the coolant of one rack; 0: it does not warm [J/K]
};

struct plant_plan {
    std::vector<unit_model> models{};
    std::vector<powered_unit> units{};  ///< all nodes of the fleet, each in one of them, site by site
    std::vector<site_plan> sites{};
    std::vector<controller> controls{};   ///< \pre at most one per level
    std::vector<feed_event> events{};     ///< \pre devices that there are; start < end
    std::int32_t high_priority_from = 1;  ///< jobs of this priority and above are of the high class
    duration boot = std::chrono::minutes{10};
    std::optional<duration> reclose{};                   ///< after a trip; none: the device stays open
    std::vector<std::optional<coolant_plan>> coolant{};  ///< (sites) empty: temperatures act on nothing
    std::vector<power_floor> floors{};                   ///< of jobs, see `plant::load`
    bool caps_by_scheduler = false;                      ///< a policy may limit GPUs
};

/// A device that opened under too much load.
struct trip_record {
    instant at{};
    device_id device = no_device;
    double load = 0;          ///< over the rating, when it did
    std::uint32_t units = 0;  ///< that lost their power
};

/// Of the hottest GPU of each node [degC].
struct gpu_temperatures {
    double mean_c = 0, max_c = 0;  ///< over nodes
};

/// What nodes have done because of their temperature.
struct heat_counts {
    std::uint64_t throttles = 0;  ///< times that GPUs of a node came to their throttle temperature
    std::uint64_t shutdowns = 0;  ///< nodes that switched themselves off
};

class plant {
public:
    /// \pre events of coolant only where `coolant` is given
    explicit plant(plant_plan p);
    ~plant();
    plant(const plant&) = delete;
    plant& operator=(const plant&) = delete;

    [[nodiscard]] const power_tree& tree() const noexcept { return tree_; }
    [[nodiscard]] std::span<const feed_event> events() const noexcept { return events_; }

    // --- jobs ------------------------------------------------------------------------------------------

    /// What a job does with its GPUs.
    struct load {
        phase what = phase::gemm_bf16;
        std::int32_t priority = 0;
        std::span<const fleet::gpu_share> where{};
        std::uint32_t floor = no_floor;  ///< that lifts its draw: one of the plan. \pre of `what`
    };
    static constexpr std::uint32_t no_floor = ~std::uint32_t{0};
    void start(instant now, const load& l) { change_load(now, l, true); }
    void stop(instant now, const load& l) { change_load(now, l, false); }
    /// From now on units that loads change draw otherwise from `settle` on, which comes before time goes on and before
    /// any reading but `used` of this instant. \pre no coolant; who changes anything else settles first
    void gather() noexcept { gathers_ = true; }
    void settle();
    /// How fast it runs under the limits that hold: that of its slowest GPU, 1 without any. What a floor adds gives way
    /// first: it makes nothing slower. 0 < it <= 1
    [[nodiscard]] double pace(const load& l) const;
    /// May any pace be below 1?
    [[nodiscard]] bool limits_any() const noexcept { return limited_ != 0 || heat_ != nullptr; }
    /// What is changed from now on comes from a scheduling pass, behind the controllers of this instant; or not.
    void in_pass(bool yes) noexcept { in_pass_ = yes; }

    /// Units that are to come: they draw nothing, and nobody misses them. \pre all nodes of their units, without jobs
    void set_absent(instant now, std::span<const node_id> nodes, bool absent);
    [[nodiscard]] bool is_absent(std::uint32_t unit) const noexcept { return units_[unit].absent; }

    // --- what is due -----------------------------------------------------------------------------------

    /// When a feed is lost or comes back, a device trips, a generator carries load, a battery is full or a store is
    /// empty, nodes switch themselves off or have booted; `never`.
    [[nodiscard]] instant next_change() const;
    /// When a controller looks, a limit begins to hold or temperatures change one; `never`.
    [[nodiscard]] instant next_control() const;

    /// Nodes that something happened to, rising. Valid until the next call.
    struct outcome {
        std::vector<node_id> lost;     ///< without power, or too hot; their jobs are to be stopped
        std::vector<node_id> back;     ///< they may take jobs again
        std::vector<node_id> repaced;  ///< the pace of jobs on them may have changed
    };
    /// All that `next_change` announced for this instant.
    const outcome& change(instant now);
    /// All that `next_control` announced for this instant.
    const outcome& control(instant now);

    /// A limit by a scheduler of the GPUs behind a device, from now on. Of several of one GPU, those of controllers
    /// included, the lowest holds. Devices in series have one.
    const outcome& cap(instant now, device_id d, class_limits limits);
    /// The same of units [first, last), in place of that of each.
    const outcome& cap_units(instant now, std::uint32_t first, std::uint32_t last, class_limits limits);

    /// The limit by a scheduler of the GPUs behind a device.
    [[nodiscard]] class_limits cap_of(device_id d) const noexcept;
    /// Bounds of what GPUs that jobs hold would draw more, and less, if a limit by a scheduler went from `from`, which
    /// holds now, to `to`, and all others stayed.
    struct draw_change {
        microwatts more = 0;  ///< at most
        microwatts less = 0;  ///< at least
    };
    /// Of a row: O(its units), or nodes where temperatures are followed.
    [[nodiscard]] draw_change if_row_capped(power_tree::row_number row, class_limits from, class_limits to) const;
    /// Of a unit: O(its nodes).
    [[nodiscard]] draw_change if_unit_capped(std::uint32_t unit, class_limits from, class_limits to) const;

    // --- readings --------------------------------------------------------------------------------------

    /// At the inputs of all units of a site, those without power left out.
    [[nodiscard]] microwatts it(std::size_t site) const noexcept { return it_[site]; }
    /// What floors add to that: the difference to the same GPUs under the same limits without them.
    [[nodiscard]] microwatts lifted(std::size_t site) const noexcept;
    [[nodiscard]] std::span<const power_floor> floors() const noexcept;
    /// At the meter of the utility.
    [[nodiscard]] microwatts drawn(std::size_t site) const noexcept {
        return tree_.devices().input(tree_.sites()[site].meter);
    }
    /// Out of batteries and generators of a site, and into its batteries: drawn + made + given = IT + losses + kept.
    [[nodiscard]] stored_flow stored(std::size_t site) const noexcept {
        return tree_.devices().flow(static_cast<std::uint32_t>(site));
    }
    /// That could carry load: started, with fuel, and not lost.
    [[nodiscard]] std::uint32_t running_generators() const noexcept { return running_; }
    /// What a feed could carry more: of its rating, or of what an event leaves of it. Below 0 in an overload.
    [[nodiscard]] microwatts headroom(device_id d) const noexcept;
    /// What has gone into a unit up to `now`, at its input. \pre `now` is not before the last change
    [[nodiscard]] energy used(std::uint32_t unit, instant now) const noexcept {
        const unit_state& u = units_[unit];
        return u.used + energy{u.live ? u.input : 0} * ticks(now - u.since);
    }
    /// Of a node, as its own input.
    [[nodiscard]] microwatts node_input(node_id n) const noexcept { return input_[index(n)]; }
    [[nodiscard]] class_limits limits_of(std::uint32_t unit) const noexcept { return units_[unit].limits; }
    /// Of the hottest GPU of a node [degC]; none where it is not followed.
    [[nodiscard]] std::optional<double> temperature_c(node_id n, instant now) const;
    /// Of all nodes that stand there and whose coolant is known; those that can never get too hot, as they settle. None
    /// where temperatures act on nothing. O(nodes)
    [[nodiscard]] std::optional<gpu_temperatures> temperatures(instant now) const;
    /// At the cold plates of a unit [degC]; none where it is not followed.
    [[nodiscard]] std::optional<double> coolant_c(std::uint32_t unit) const;
    /// None where temperatures act on nothing.
    [[nodiscard]] std::optional<heat_counts> heat_events() const;
    /// Units without power.
    [[nodiscard]] std::uint32_t dark_units() const noexcept { return dark_; }
    [[nodiscard]] std::span<const trip_record> trips() const noexcept { return trips_; }
    /// How often limits of units have changed.
    [[nodiscard]] std::uint64_t limit_changes() const noexcept { return limit_changes_; }

private:
    static constexpr class_limits unlimited{no_limit, no_limit};
    using counts = std::array<std::uint8_t, num_phases>;
    using node_counts = std::array<counts, num_classes>;
    using gpu_counts = std::array<std::array<std::uint32_t, num_phases>, num_classes>;
    struct unit_state {
        std::uint64_t held = 0;  // GPUs
        microwatts nodes = 0;    // their inputs
        microwatts input = 0;
        energy used = 0;  // up to `since`
        instant since{};
        class_limits limits{no_limit, no_limit};
        bool live = true, booting = false, absent = false;
        bool behind = false;       // of its nodes, until `settle`
        std::uint32_t losses = 0;  // so far: tells boots apart
    };
    struct row_state {
        gpu_counts held{};
        class_limits limits{no_limit, no_limit};
        std::vector<std::uint32_t> feeds{};  // that limit it
    };
    /// A model's GPUs by phase.
    struct gpu_model {
        std::array<microwatts, num_phases> draw{};
        std::array<double, num_phases> bound_w{};  // what it draws with the others of its module [W]
        std::array<std::optional<cap_response>, num_phases> response{};
        double limit_w = 0, lowest_w = 0;
    };
    /// A feed that a controller looks at.
    struct feed {
        device_id device = no_device;
        std::uint32_t control = 0;
        class_limits limits{no_limit, no_limit};
        bool pending = false;
    };
    struct pending_limits {
        instant at{};
        std::uint32_t feed = 0;
        class_limits limits{};
    };
    /// Limits by the scheduler.
    struct caps {
        std::vector<class_limits> sites, rows, units;
        std::vector<std::vector<class_limits>> sources;  // (halls)
    };
    struct floors_state;
    struct control_state {
        bool dirty = true;
        instant tick = start_of_time;  // the next, if dirty
        std::uint32_t first_feed = 0, last_feed = 0;
        std::deque<pending_limits> pending{};
    };
    struct scheduled {
        instant at{};
        bool begins = false;
        std::uint32_t event = 0;
    };
    /// An event that leaves its feed so much.
    struct limiting_event {
        std::uint32_t event = 0;
        double w = 0;
    };
    struct boot {
        instant at{};
        std::uint32_t unit = 0;
        std::uint32_t losses = 0;
    };
    struct closing {
        instant at{};
        device_id device = no_device;
    };
    struct generator_state {
        instant starts = never;  // it carries load from then on
        bool runs = false;
    };

    [[nodiscard]] priority_class class_of(std::int32_t priority) const noexcept {
        return priority >= high_from_ ? priority_class::high : priority_class::low;
    }
    /// Nodes that hold the same under the same limits draw the same.
    struct alike {
        std::uint32_t model = 0;
        class_limits limits{};
        node_counts held{};
        microwatts power = 0;
        bool any = false;  ///< has been seen
    };
    void change_load(instant now, const load& l, bool starts);
    void change_unit(std::uint32_t unit, const load& l, std::span<const fleet::gpu_share> where, bool starts,
                     alike& last);
    void change_floor(std::uint32_t unit, std::size_t node, std::size_t c, const load& l, std::uint32_t gpus);
    void mark_dirty(instant now);
    [[nodiscard]] microwatts node_power(std::size_t node, std::uint32_t unit, bool lifts) const;
    /// Before its input changes.
    void read_meter(unit_state& u) const noexcept;
    [[nodiscard]] permille limit_of(std::size_t node, std::uint32_t unit, std::size_t c) const;
    [[nodiscard]] double hottest_gpu_w(std::size_t node, std::uint32_t unit) const;
    void refresh_node(std::size_t node, std::uint32_t unit);
    void follow_heat(const std::vector<std::optional<coolant_plan>>& coolant);
    void shut_down_nodes();
    bool limit_by_heat();
    void refresh_unit(std::uint32_t unit);
    void set_failed(instant now, device_id d, bool failed);
    void limit_feed(const scheduled& s, double w);
    void take_change(device_id changed, bool live);
    void trip(device_id d);
    void pass_store(device_id d);
    void follow_generators();
    void apply(const pending_limits& p);
    void limit_unit(std::uint32_t unit, class_limits limits);
    void limit_row(std::uint32_t row);
    void begin_caps(instant now);
    const outcome& end_caps();
    void look(instant now, std::uint32_t number);
    [[nodiscard]] class_limits limits_above(std::uint32_t unit) const;
    [[nodiscard]] gpu_counts held_by(std::uint32_t unit) const;
    [[nodiscard]] draw_change change_of(std::uint32_t model, const gpu_counts& held, power_tree::range units,
                                        class_limits from, class_limits to) const;
    void list_gpus(const feed& f);
    void begin_outcome();

    power_tree tree_;
    std::vector<controller> controls_;
    std::vector<feed_event> events_;
    duration boot_;
    std::optional<duration> reclose_;
    std::int32_t high_from_ = 1;
    bool in_pass_ = false, gathers_ = false;
    instant now_ = start_of_time;  // of the call

    std::vector<gpu_model> gpus_;    // by model
    std::vector<node_counts> held_;  // (nodes) GPUs by class and phase
    std::vector<microwatts> input_;  // (nodes)
    std::vector<unit_state> units_;
    std::vector<row_state> rows_;
    std::vector<microwatts> it_;  // (sites)
    std::vector<feed> feeds_;
    std::vector<std::uint32_t> feed_of_unit_;  // (units) of a controller of racks; empty without one
    std::vector<control_state> states_;        // of controls_
    std::vector<std::uint16_t> causes_;        // (devices) for which it has failed
    std::vector<double> event_limit_w_;        // (devices) infinite without an event
    std::vector<device_id> event_device_;      // (events) none: it is of coolant
    std::vector<limiting_event> limiting_;     // that go on

    std::vector<scheduled> schedule_;
    std::size_t next_scheduled_ = 0;
    std::unique_ptr<heat> heat_;            // none: temperatures act on nothing
    std::unique_ptr<caps> caps_;            // none so far
    std::unique_ptr<floors_state> floors_;  // none: no job has one
    std::deque<boot> boots_;
    std::deque<closing> closings_;
    std::vector<generator_state> generators_;  // of the tree
    instant next_start_ = never;               // of a generator
    std::uint32_t running_ = 0;
    std::vector<trip_record> trips_;
    std::uint64_t limit_changes_ = 0;
    std::uint32_t dark_ = 0, limited_ = 0;  // units

    outcome outcome_;
    std::vector<gpu_load> gpu_loads_;
    std::vector<std::uint32_t> touched_;
    std::vector<std::uint32_t> behind_;  // units that are
};

}  // namespace ampacity::power
