#pragma once
/// \file
/// Power and energy of a run: what racks draw as jobs come and go, what the chain from the utility loses, what cooling
/// adds, and what that means in carbon and money.
///
/// The meter of a `power::plant`, which it tells of jobs. Between two events every power is constant, so energies are
/// exact integrals, in whole microwatts x nanoseconds; facility = IT + losses + overhead holds by construction. IT
/// power is that at the AC inputs of racks, or of nodes that stand by themselves. Nodes that have failed or are closed
/// draw what they draw idle; those that are to come, nothing. Not thread-safe.

#include <ampacity/core/time.hpp>
#include <ampacity/hardware/cooling.hpp>
#include <ampacity/hardware/region.hpp>
#include <ampacity/power/node_power.hpp>
#include <ampacity/power/plant.hpp>
#include <ampacity/power/site_account.hpp>
#include <ampacity/power/swing_meter.hpp>
#include <ampacity/sim/observer.hpp>
#include <ampacity/sim/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace ampacity::sim {

/// Where a site stands and how it is cooled.
struct site_environment {
    std::optional<hardware::region> region{};    ///< none: no carbon, no cost
    std::optional<hardware::cooling> cooling{};  ///< none: what the region's PUE says
    power::site_signals signals{};               ///< none of them: the region's means
};

/// Everything that the power and energy of a run are computed from.
struct energy_model {
    power::plant_plan plant{};
    std::vector<site_environment> sites{};  ///< (sites of the plant)
    std::vector<power::phase> phases{};     ///< by source: what GPUs of its jobs do
    /// By source: how the power of its jobs swings; empty: of no source.
    std::vector<std::optional<power::swing_pattern>> swings{};
    power::demand_meter::calendar start{};          ///< date of simulated time 0
    std::optional<double> demand_usd_w{};           ///< per month, see power/demand_meter.hpp [USD/W]
    duration life = std::chrono::hours{24 * 1826};  ///< of what stands there
    std::optional<double> gpu_usd_s{};              ///< of each GPU, in place of the models' rents [USD/s]
    bool shows_headroom = false;                    ///< to policies
};

class service_energy;

class energy_meter final : public observer {
public:
    explicit energy_meter(energy_model model);
    ~energy_meter() override;

    void on_start(const job_start& e) override { change(e, true); }
    void on_stop(const job_event& e, run_end) override { change(e, false); }
    void on_resize(const job_event& before, const job_event& after) override {
        change(before, false);
        change(after, true);
    }

    /// IT power now [W].
    [[nodiscard]] double it_w() const {
        settle();
        return static_cast<double>(it_) * 1e-6;
    }
    /// As of the end of the run.
    [[nodiscard]] energy_result results(instant end);
    /// Every site as of `now`, its books included, which looking does not change: they would be added up in other
    /// pieces. O(signals' steps since the last call or change). Valid until the next call.
    /// \pre not before the last call or change
    [[nodiscard]] std::span<const power::site_sample> look(instant now);

    /// The books of every site as of then. \pre nothing has changed between the last change and then
    [[nodiscard]] std::vector<power::site_books> books_at(instant then) const;

    /// As of the last call or change: ask again behind others.
    [[nodiscard]] const power::plant& plant() const {
        settle();
        return plant_;
    }
    /// Does anything of it act on jobs: limits, trips, feeds that are lost, temperatures?
    [[nodiscard]] bool acts() const noexcept { return acts_; }
    [[nodiscard]] static bool acts_on_jobs(const power::plant_plan& p);
    [[nodiscard]] bool shows_headroom() const noexcept { return shows_headroom_; }
    /// What GPUs of jobs of this source do: a phase, or, behind all of those, a floor of the plant.
    [[nodiscard]] std::uint32_t kind_of(std::uint16_t source) const {
        const std::uint32_t floor = floor_of(source);
        return floor == power::plant::no_floor ? static_cast<std::uint32_t>(phases_.at(source))
                                               : static_cast<std::uint32_t>(power::num_phases) + floor;
    }
    /// How often loads or limits of feeds may have changed; how often feeds have come or gone.
    [[nodiscard]] std::uint64_t load_changes() const noexcept { return load_changes_; }
    [[nodiscard]] std::uint64_t feed_changes() const noexcept { return feed_changes_; }
    /// See `power::plant`.
    [[nodiscard]] bool limits_any() const noexcept { return plant_.limits_any(); }
    /// The pace of a job of this source and priority on these GPUs, see `power::plant::pace`.
    [[nodiscard]] double pace(std::uint16_t source, std::int32_t priority,
                              std::span<const fleet::gpu_share> where) const {
        return plant_.pace({.what = phases_.at(source), .priority = priority, .where = where});
    }
    /// What has gone into these GPUs up to now: of their units, in proportion to all GPUs there. Differences over time
    /// are what whoever held them meanwhile has used [J].
    [[nodiscard]] double used_j(instant now, std::span<const fleet::gpu_share> where) const;
    /// From now on it counts what jobs of these sources use. \pre nothing has started
    void count_services(const std::vector<bool>& sources);
    /// What those of such a source have used, by site. \pre not before the last call or change
    [[nodiscard]] std::vector<service_cost> used_by_service(std::size_t source, instant now);
    /// What had gone into GPUs of one site by an instant, and into all of that site.
    struct site_use {
        std::size_t site = 0;
        double used_j = 0;
        service_cost of_site{};
    };
    /// Of these GPUs up to now, by site in the order of their nodes.
    void uses_of(instant now, std::span<const fleet::gpu_share> where, std::vector<site_use>& out);
    /// Adds what went into GPUs between two of their uses, and their part of what their site emitted and paid
    /// meanwhile.
    static void add_use(service_cost& to, const site_use& from, const site_use& until);
    [[nodiscard]] std::size_t site_at(node_id n) const {
        return plant_.tree().site_of(plant_.tree().unit_of(index(n)));
    }
    /// See `power::plant`.
    void in_pass(bool yes) {
        settle();
        plant_.in_pass(yes);
    }
    /// See `power::plant`; what does not stand there costs nothing.
    void set_absent(instant now, std::span<const node_id> nodes, bool absent);
    const power::plant::outcome& change_feeds(instant now);
    const power::plant::outcome& control(instant now);
    const power::plant::outcome& cap(instant now, power::device_id feed, power::class_limits limits);
    const power::plant::outcome& cap_units(instant now, std::uint32_t first, std::uint32_t last,
                                           power::class_limits limits);

private:
    void advance(instant now);
    /// What all of a site has used, as of the last `advance`.
    [[nodiscard]] const service_cost& used_at(std::size_t site);
    void sum_up() const;
    /// Changes of one instant are worked out together, once somebody looks or time goes on; one by one where
    /// temperatures are followed, or policies see head-room.
    void settle() const {
        if (is_behind_) catch_up();
    }
    void catch_up() const;
    [[nodiscard]] power::standing standing_at(std::size_t site) const;
    void change(const job_event& e, bool starts);
    [[nodiscard]] std::uint32_t floor_of(std::uint16_t source) const noexcept {
        return source < floors_.size() ? floors_[source] : power::plant::no_floor;
    }

    std::unique_ptr<service_energy> services_;  // none: nobody asked
    std::vector<std::uint32_t> floors_;         // by source, of the plant; empty: none has one
    std::vector<power::phase> phases_;
    std::vector<std::optional<power::swing_pattern>> swings_;
    bool acts_, shows_headroom_, gathers_;
    mutable bool is_behind_ = false;
    std::uint64_t load_changes_ = 0, feed_changes_ = 0;
    mutable power::plant plant_;
    std::optional<double> gpu_usd_s_;            // of each GPU, in place of the models' rents
    std::optional<power::swing_meter> swing_;    // none: nobody asked
    power::swing_envelope most_swing_{};         // of any site so far
    std::vector<power::site_account> accounts_;  // (sites)
    struct known_use {
        instant at = never;
        service_cost used{};
    };
    std::vector<known_use> used_;  // (sites) that were asked for; within one instant nothing is used
    mutable power::microwatts it_ = 0;
    power::microwatts peak_ = 0;
    int128 dark_ = 0;           // units without power x time [ns]
    int128 running_ = 0;        // generators x time [ns]
    power::energy lifted_ = 0;  // by floors
    instant since_ = start_of_time;
    // What `look` has shown: copies of the accounts, read on from there as long as nothing changes.
    std::vector<power::site_account> shown_;
    std::vector<power::site_sample> samples_;
};

/// What of all sites is known so far: energies, carbon and money.
[[nodiscard]] energy_result sum_of(std::span<const power::site_sample> sites);

}  // namespace ampacity::sim
