#pragma once
/// \file
/// The blueprint of sites as a power tree: site -> halls -> rows -> racks -> nodes, all as contiguous ranges, and over
/// them the devices that feed them: utility and substation of the site, sources of a hall (UPS line-ups), the busway of
/// a row, the input of a rack. Where the plan has them, UPS have batteries, and generators stand beside the utility:
/// one in front of each source, or one set behind the devices of the site.
///
/// Loads of a hall lie on its sources as its topology says: each row hangs on `feeds_per_load` of them, chosen so that
/// the sources are planned for the same power; on all of them where one feed per load means a common bus; or on one and
/// the idle reserve behind it. The chain is built for the nameplate of the racks, divided by the oversubscription. Rows
/// can be appended. Not thread-safe.

#include <ampacity/hardware/node.hpp>
#include <ampacity/hardware/power.hpp>
#include <ampacity/hardware/rack.hpp>
#include <ampacity/power/delivery.hpp>
#include <ampacity/power/trip_curve.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::power {

/// What stands behind one AC input: a rack, or a node by itself.
struct powered_unit {
    std::uint32_t model = 0;  ///< row of the models
    std::uint32_t first_node = 0;
    std::uint32_t nodes = 1;  ///< rows of the fleet from there on
};

/// One kind of them.
struct unit_model {
    hardware::node node{};
    std::optional<hardware::rack> rack{};  ///< none: a node by itself

    /// What it is planned with [W].
    [[nodiscard]] double nameplate_w() const {
        return rack ? rack->power.nameplate_w : node.power.nameplate_w.value_or(node.full_power_w());
    }
    /// CO2e of making it: of the rack, or of the GPUs where no more is known; none: not even that [kg].
    [[nodiscard]] std::optional<double> embodied_kg() const {
        if (rack && rack->embodied_kg) return rack->embodied_kg;
        if (!node.gpu.embodied_kg) return std::nullopt;
        return *node.gpu.embodied_kg * gpus();
    }
    [[nodiscard]] std::optional<double> rent_usd_s() const { return rack ? rack->rent_usd_s : node.rent_usd_s; }
    [[nodiscard]] std::uint32_t gpus() const { return rack ? rack->gpus() : node.gpus; }
    /// Of its heat, that goes into liquid; 1 where the model does not say.
    [[nodiscard]] double liquid_share() const { return (rack ? rack->liquid_share : node.liquid_share).value_or(1); }
};

/// The batteries of UPS.
struct battery_plan {
    duration ride_through{};  ///< of a full one at the rating of its UPS; UPS lose what they lose on the grid
    double recharge = 0.1;    ///< drawn to fill it, of the rating [1]
    double efficiency = 0.9;  ///< kept of that [1]
};

/// Generators: they start when what they stand beside is lost, and stop when it is back.
struct generator_plan {
    bool of_site = false;                                ///< one set for all of it; else one per source
    duration start = std::chrono::seconds{10};           ///< until it carries load
    double share = 1;                                    ///< its rating, of that of what it feeds [1]
    std::optional<duration> fuel{};                      ///< at its rating; none: without end
    double usd_per_j = 0;                                ///< of what it makes [USD/J]
    double kg_per_j = 0;                                 ///< CO2e of what it makes [kg/J]
    std::optional<hardware::overload_curve> overload{};  ///< none: it bears any load
};

/// How the halls of a site are fed.
struct hall_plan {
    hardware::power_topology topology{};  ///< without stages: nothing is lost and nothing is limited
    std::uint32_t units_per_row = 8;
    std::uint32_t rows_per_hall = 12;
    double oversubscription = 1;                 ///< nameplate over what the chain is built for
    bool trips = false;                          ///< devices with a tolerance curve trip
    std::optional<battery_plan> batteries{};     ///< of UPS; none: they have none
    std::optional<generator_plan> generators{};  ///< none: there are none
};

/// One site: units that follow those of the site before.
struct site_plan {
    std::string name{};
    std::uint32_t units = 0;
    hall_plan halls{};
};

class power_tree {
public:
    using row_number = std::uint32_t;
    /// Rows [first, last) of the next level.
    struct range {
        std::uint32_t first = 0;
        std::uint32_t last = 0;
        [[nodiscard]] std::uint32_t size() const noexcept { return last - first; }
    };
    struct site {
        std::string name;
        hall_plan plan;
        range halls, units;
        device_id meter = no_device;      ///< its input is what the utility delivers
        device_id bus = no_device;        ///< the last stage before the halls
        std::vector<row_number> rows{};   ///< below it
        double planned_w = 0;             ///< nameplate of its units
        std::vector<trip_curve> trips{};  ///< by stage
        trip_curve generator_trips{};
        std::vector<device_id> batteries{};  ///< UPS that have one
    };
    struct generator {
        std::uint32_t site = 0;
        device_id device = no_device;  ///< stands by from the start
        device_id normal = no_device;  ///< it runs while that is dead
    };
    struct hall {
        std::uint32_t site = 0;
        range rows, units;
        std::vector<device_id> sources{};           ///< the last stage of each
        std::vector<std::vector<row_number>> on{};  ///< (sources) rows that hang on it
        std::vector<double> planned_w{};            ///< (sources) load in normal operation, at the rows
        std::vector<device_id> batteries{};         ///< (sources) its UPS that has one, or none
    };
    struct row {
        std::uint32_t hall = 0;
        std::uint32_t model = 0;
        range units;
        device_id device = no_device;
        std::vector<std::uint32_t> sources{};  ///< of its hall
        double planned_w = 0;
    };

    /// `units`: all nodes of the fleet, each in one of them, site by site. \pre sites hold all units
    power_tree(std::vector<unit_model> models, std::vector<powered_unit> units, std::vector<site_plan> sites);
    power_tree(const power_tree&) = delete;
    power_tree& operator=(const power_tree&) = delete;

    /// One more row in a new hall of the last site. Its nodes follow all others. Returns its number. Ratings stay.
    row_number append_row(std::uint32_t model, std::uint32_t units);

    [[nodiscard]] std::span<const unit_model> models() const noexcept { return models_; }
    [[nodiscard]] std::span<const powered_unit> units() const noexcept { return units_; }
    [[nodiscard]] std::span<const site> sites() const noexcept { return sites_; }
    [[nodiscard]] std::span<const hall> halls() const noexcept { return halls_; }
    [[nodiscard]] std::span<const row> rows() const noexcept { return rows_; }
    [[nodiscard]] std::span<const generator> generators() const noexcept { return generators_; }
    [[nodiscard]] device_id device_of(std::uint32_t unit) const noexcept { return device_of_[unit]; }
    [[nodiscard]] row_number row_of(std::uint32_t unit) const noexcept { return row_of_[unit]; }
    [[nodiscard]] std::uint32_t unit_of(std::size_t node) const noexcept { return unit_of_[node]; }
    [[nodiscard]] std::uint32_t site_of(std::uint32_t unit) const noexcept {
        return halls_[rows_[row_of_[unit]].hall].site;
    }
    [[nodiscard]] std::size_t num_nodes() const noexcept { return unit_of_.size(); }
    /// Where a device belongs.
    enum class level : std::uint8_t { site, source, row, unit };
    struct place {
        level at = level::site;
        std::uint32_t number = 0;  ///< of the site, the hall, the row or the unit
        std::uint32_t source = 0;  ///< of the hall
        bool is_generator = false;
    };
    [[nodiscard]] const place& place_of(device_id d) const noexcept { return places_[index(d)]; }

    /// `iad`, `iad/hall-0/source-1`, `iad/hall-0/row-3`, `rack-17`, `iad/generator`, `iad/hall-0/generator-1`; the site
    /// may be left out where there is one. A hall has no device of its own.
    [[nodiscard]] std::optional<device_id> find(std::string_view name) const;
    /// The units of a part of the fleet: `iad`, `iad/hall-0`, `iad/hall-0/row-3`, `rack-17`; sources have none.
    [[nodiscard]] std::optional<range> units_of(std::string_view name) const;
    [[nodiscard]] std::string name_of(device_id d) const;
    /// Names that `find` knows, racks left out.
    [[nodiscard]] std::vector<std::string> names() const;

    [[nodiscard]] delivery& devices() noexcept { return devices_; }
    [[nodiscard]] const delivery& devices() const noexcept { return devices_; }

private:
    struct stages {
        std::span<const hardware::power_device> site, source, row;
    };
    [[nodiscard]] const site* take_site(std::string_view& name) const;
    [[nodiscard]] static stages split(const hardware::power_topology& t);
    device_id add(const device& d, place p);
    device_id add_generator(site& s, device_id normal, double planned_w, place p);
    device_id add_stage(site& s, std::size_t stage, double planned_w, std::vector<device_id> feeds, feeding how,
                        place p);
    void add_hall(std::uint32_t site, std::uint32_t first_unit, std::uint32_t last_unit, double planned_w);
    void add_row(std::uint32_t hall, std::uint32_t first_unit, std::uint32_t last_unit);
    [[nodiscard]] std::vector<std::uint32_t> choose_sources(const hall& h, const hardware::power_topology& t) const;
    [[nodiscard]] double nameplate_w(std::uint32_t first_unit, std::uint32_t last_unit) const;

    std::vector<unit_model> models_;
    std::vector<powered_unit> units_;
    std::vector<site> sites_;
    std::vector<hall> halls_;
    std::vector<row> rows_;
    std::vector<generator> generators_;
    std::vector<device_id> device_of_;    // (units)
    std::vector<row_number> row_of_;      // (units)
    std::vector<std::uint32_t> unit_of_;  // (nodes)
    std::vector<place> places_;           // (devices)
    delivery devices_;
};

}  // namespace ampacity::power
