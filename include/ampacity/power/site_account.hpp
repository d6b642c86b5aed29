#pragma once
/// \file
/// The books of one site: what its IT power and the losses of its chain come to in energy, carbon, money and water.
///
/// Told of both powers whenever they have held for a while; integrals over that time are exact, in whole microwatts x
/// nanoseconds, and facility = IT + losses + overhead holds by construction. Overhead is
///  - with a cooling that has chillers and with a weather signal: its share of IT power at the outdoor temperature;
///  - with a cooling otherwise: its share, the mean of a year;
///  - with a region: what the PUE leaves beside the losses, which it contains, and not below 0 over the whole run;
///  - else nothing that is known, and no carbon, cost or water is.
/// Carbon and cost are the integral of facility power x signal; without a signal the region's mean x energy. A call
/// costs O(steps of the signals and months crossed). What batteries and generators give is not the grid's: its carbon,
/// cost and demand are of what is drawn from it, that of filling batteries included. Overhead is carried as the chain
/// is: by generators where they make all; on batteries, which do not carry it, by the grid, afterwards. Not
/// thread-safe.

#include <ampacity/core/time.hpp>
#include <ampacity/hardware/cooling.hpp>
#include <ampacity/hardware/region.hpp>
#include <ampacity/power/cooling_plant.hpp>
#include <ampacity/power/delivery.hpp>
#include <ampacity/power/demand_meter.hpp>
#include <ampacity/power/signal.hpp>

#include <optional>

namespace ampacity::power {

/// What varies outside a site; none: the region's mean of a year.
struct site_signals {
    std::optional<signal> carbon{};     ///< of what is consumed [kg/J]
    std::optional<signal> marginal{};   ///< of one more kilowatt-hour [kg/J]
    std::optional<signal> price{};      ///< [USD/J]
    std::optional<signal> outdoor_c{};  ///< [degC]

    [[nodiscard]] bool any() const noexcept { return carbon || marginal || price || outdoor_c; }
};

/// What stands at a site.
struct standing {
    std::optional<double> embodied_kg{};  ///< CO2e of it [kg]
    std::optional<double> rent_usd_s{};   ///< [USD/s]
};

struct site_options {
    std::optional<hardware::region> region{};
    std::optional<hardware::cooling> cooling{};
    double liquid_share = 1;  ///< of the heat, that goes into liquid where cooling is by liquid [1]
    site_signals signals{};
    demand_meter::calendar start{};                 ///< date of simulated time 0
    std::optional<double> demand_usd_w{};           ///< per month, of its highest quarter of an hour [USD/W]
    duration life = std::chrono::hours{24 * 1826};  ///< that embodied carbon is spread over
    bool has_stores = false;                        ///< batteries or generators
    double generators_usd_j = 0;                    ///< of what generators make [USD/J]
    double generators_kg_j = 0;                     ///< CO2e of it [kg/J]
};

/// As of an instant; absent where nothing says what it would follow from.
struct site_books {
    double it_j = 0;      ///< [J]
    double losses_j = 0;  ///< from the utility to there [J]
    std::optional<double> overhead_j{};
    std::optional<double> carbon_location_kg{}, carbon_marginal_kg{}, carbon_market_kg{}, carbon_embodied_kg{};
    std::optional<double> energy_usd{}, demand_usd{}, capacity_usd{};
    std::optional<double> water_m3{};
    // Only with batteries or generators.
    std::optional<double> grid_j{};  ///< of the facility, from the utility; absent where overhead is not known [J]
    std::optional<double> generators_j{};  ///< from generators [J]
    std::optional<double> batteries_j{};   ///< that batteries gave [J]
    std::optional<double> filled_j{};  ///< that batteries kept; facility = grid + generators + batteries - filled [J]
    std::optional<double> carbon_generators_kg{}, generators_usd{};

    /// What the facility takes [J].
    [[nodiscard]] double facility_j() const noexcept { return it_j + losses_j + overhead_j.value_or(0); }
};

/// What holds at a site at an instant; absent where it is not known, or not known then.
struct site_reading {
    std::optional<microwatts> facility{};     ///< IT, losses and overhead
    std::optional<double> carbon_kg_per_j{};  ///< of what is consumed
    std::optional<double> price_usd_per_j{};
};

/// A site as telemetry sees it.
struct site_sample {
    site_reading now{};
    site_books so_far{};
};

class site_account {
public:
    explicit site_account(site_options options);

    /// IT power, what the chain draws from the utility for it, and what flows out of stores and into them, since the
    /// last call. \pre to not before the last call \throws data_error beyond a signal that knows nothing there
    void advance(instant to, microwatts it, microwatts utility_in, const stored_flow& stored = {});
    /// From the last call on this stands there; nothing before the first.
    void set_standing(standing s);
    /// As of the last call.
    [[nodiscard]] site_books books() const;

    /// As of the last call, of powers that begin then. It may read signals on: \pre no `advance` to before that
    [[nodiscard]] site_reading read(microwatts it, microwatts utility_in, const stored_flow& stored);

    [[nodiscard]] energy it_energy() const noexcept { return it_energy_; }
    /// How far it has been told.
    [[nodiscard]] instant now() const noexcept { return now_; }

private:
    /// The integral of a signal x power [signal x uW ns].
    struct account {
        std::optional<signal> of{};
        careful_sum it{}, losses{}, overhead{};
        // Of these not from the grid: of the chain, and what the overhead on generators follows from.
        careful_sum off_chain{}, off_it{}, off_losses{}, off_overhead{};

        double add(instant a, instant b, microwatts it_power, microwatts lost, microwatts over);
        void add_off(double signal_ns, double chain, double it_power, double lost, double over);
    };
    /// Of two powers or energies, as the books have it.
    [[nodiscard]] double overhead_of(double it, double losses, double with_weather) const;

    [[nodiscard]] microwatts overhead_at(instant t, microwatts it, microwatts lost);
    [[nodiscard]] double overhead_j() const;
    [[nodiscard]] double weighed(const account& a) const;

    site_options options_;
    std::optional<cooling_plant> plant_;
    bool follows_weather_ = false;
    bool knows_overhead_ = false;
    account carbon_, marginal_, price_;
    std::optional<demand_meter> demand_;
    /// [kg], [USD] until `stands_since_`, and now
    [[nodiscard]] std::optional<double> embodied_kg() const;
    [[nodiscard]] std::optional<double> capacity_usd() const;

    standing stands_{};
    double embodied_before_kg_ = 0, capacity_before_usd_ = 0;
    instant stands_since_ = start_of_time;
    instant now_ = start_of_time;
    energy it_energy_ = 0, losses_ = 0, overhead_ = 0;  // overhead_ only with the weather
    energy made_ = 0, given_ = 0, kept_ = 0;
    careful_sum made_for_it_{}, made_for_losses_{}, made_for_overhead_{};  // what overhead on generators follows from
};

}  // namespace ampacity::power
