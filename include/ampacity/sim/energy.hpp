#pragma once
/// \file
/// Power and energy of a run: what racks draw as jobs come and go, what the chain from the utility loses, what cooling
/// adds, and what that means in carbon and money.
///
/// An observer: it changes nothing. Between two events every power is constant, so energies are exact integrals, in
/// whole microwatts x nanoseconds; facility = IT + losses + overhead holds by construction. IT power is that at the AC
/// inputs of racks, or of nodes that stand by themselves. Nodes that have failed or are closed draw what they draw
/// idle. One event costs O(nodes of the job + stages of the chain). Not thread-safe.

#include <ampacity/core/time.hpp>
#include <ampacity/hardware/cooling.hpp>
#include <ampacity/hardware/power.hpp>
#include <ampacity/hardware/rack.hpp>
#include <ampacity/hardware/region.hpp>
#include <ampacity/power/delivery.hpp>
#include <ampacity/power/node_power.hpp>
#include <ampacity/power/site_account.hpp>
#include <ampacity/sim/observer.hpp>
#include <ampacity/sim/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ampacity::sim {

/// What stands behind one AC input: a rack, or a node by itself.
struct powered_unit {
    std::uint32_t model = 0;  ///< row of `energy_model::models`
    std::uint32_t first_node = 0;
    std::uint32_t nodes = 1;  ///< rows of the fleet from there on
};

/// One kind of them.
struct unit_model {
    hardware::node node{};
    std::optional<hardware::rack> rack{};  ///< none: a node by itself

    /// What it is planned with [W].
    [[nodiscard]] double nameplate_w() const;
    /// CO2e of making it: of the rack, or of the GPUs where no more is known; none: not even that [kg].
    [[nodiscard]] std::optional<double> embodied_kg() const;
    [[nodiscard]] std::optional<double> rent_usd_s() const { return rack ? rack->rent_usd_s : node.rent_usd_s; }
    [[nodiscard]] std::uint32_t gpus() const { return rack ? rack->gpus() : node.gpus; }
};

/// Everything that the energy of a run is computed from.
struct energy_model {
    std::vector<unit_model> models{};
    std::vector<powered_unit> units{};              ///< all nodes of the fleet, in their order
    std::vector<hardware::power_device> chain{};    ///< from the utility to the units
    double usable_share = 1;                        ///< of the chain's ratings, that load is planned for
    std::optional<hardware::region> region{};       ///< none: no carbon, no cost
    std::optional<hardware::cooling> cooling{};     ///< none: what the region's PUE says
    std::vector<power::phase> phases{};             ///< by source: what GPUs of its jobs do
    power::site_signals signals{};                  ///< none of them: the region's means
    power::demand_meter::calendar start{};          ///< date of simulated time 0
    std::optional<double> demand_usd_w{};           ///< per month, see power/demand_meter.hpp [USD/W]
    duration life = std::chrono::hours{24 * 1826};  ///< of what stands there
    std::optional<double> gpu_usd_s{};              ///< of each GPU, in place of the models' rents [USD/s]
};

class energy_meter final : public observer {
public:
    explicit energy_meter(energy_model model);

    void on_start(const job_start& e) override { change(e, true); }
    void on_stop(const job_event& e, run_end) override { change(e, false); }
    void on_resize(const job_event& before, const job_event& after) override {
        change(before, false);
        change(after, true);
    }

    /// IT power now [W].
    [[nodiscard]] double it_w() const noexcept { return static_cast<double>(it_) * 1e-6; }
    /// As of the end of the run.
    [[nodiscard]] energy_result results(instant end);

private:
    struct node_state {
        std::uint32_t held = 0;            // GPUs
        power::microwatts held_power = 0;  // of them
        power::microwatts input = 0;
    };
    struct unit_state {
        std::uint64_t held = 0;
        power::microwatts nodes = 0;
        power::device_id device = power::no_device;
    };

    void change(const job_event& e, bool starts);
    void advance(instant to);
    void refresh(instant now, std::size_t unit);
    [[nodiscard]] power::microwatts input_of(std::size_t unit, const node_state& n) const;

    energy_model model_;
    power::delivery chain_;
    power::device_id utility_ = power::no_device;
    std::vector<std::uint32_t> unit_of_;  // (nodes)
    std::vector<node_state> nodes_;
    std::vector<unit_state> units_;
    power::site_account site_;
    power::microwatts it_ = 0, peak_ = 0;
};

}  // namespace ampacity::sim
