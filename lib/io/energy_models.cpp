#include "energy_models.hpp"

#include "daily_series.hpp"
#include "feed_events.hpp"

#include <ampacity/core/suggest.hpp>
#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/signal_files.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/power/cap_policy.hpp>
#include <ampacity/power/power_tree.hpp>
#include <ampacity/power/price_spikes.hpp>
#include <ampacity/scenario/build.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::io {
namespace {

/// Behind `explain` and `round`.
std::string_view policy_name(const scenario::scheduler& s) {
    std::string_view name = s.policy;
    if (name == "explain") name = s.explain.policy;
    if (name == "round") name = s.round.policy;
    return name;
}

/// Does the policy look at what feeds could carry? What those of plug-ins look at is not known. Others are spared it.
bool looks_at_headroom(const scenario::scheduler& s) {
    std::string_view name = s.policy;
    for (int depth = 0; depth != 3; ++depth) {
        if (name == "round") name = s.round.policy;
        if (name == "explain") name = s.explain.policy;
        if (name == "carbon-aware") name = s.carbon_aware.base;
        if (name == "price-aware") name = s.price_aware.base;
    }
    if (name == "power-aware") return true;
    const auto known = policy::policies();
    return std::none_of(known.begin(), known.end(), [name](const policy::description& d) { return d.name == name; });
}

/// All that a signal depends on.
std::string text_of(const signal_request& r) {
    const scenario::signal_file& f = r.of;
    const auto ns = [](const auto& optional) {
        return optional ? std::to_string(optional->count()) : std::string{"-"};
    };
    std::string out =
        r.key + '\n' + r.file.string() + '\n' + f.column + '\n' + f.unit + '\n' + f.time.value_or("") + '\n';
    out += std::to_string(static_cast<int>(r.what)) + ' ' + std::to_string(r.start.time_since_epoch().count()) + ' ' +
           ns(r.until) + ' ' + std::to_string(f.utc_offset.count()) + ' ' + ns(f.step) + ' ' +
           std::to_string(static_cast<int>(f.gaps)) + ' ' + std::to_string(f.most_gap.count()) + ' ' +
           std::to_string(static_cast<int>(f.beyond)) + ' ' +
           (f.from ? std::to_string(f.from->time_since_epoch().count()) : "-") + ' ';
    return out + (f.usd ? scenario::format(*f.usd) : "-");
}

class energy_reader {
public:
    energy_reader(const loaded_scenario& loaded, std::vector<model_file>& files, const scenario::more_parts* more,
                  shared_inputs* shared)
        : loaded_(loaded), files_(files), more_(more), shared_(shared) {}

    [[nodiscard]] energy_parts read() {
        const scenario::scenario& s = loaded_.value;
        const scenario::energy e = s.energy.value_or(scenario::energy{});
        if (s.fleet.pool_gpus || !s.fleet.pools.empty())
            refuse(main_key(), "a pool has no nodes that draw power",
                   "describe the fleet by nodes or racks of a `model`");
        number_types(s.fleet);
        const bool one = s.fleet.nodes.size() == 1;
        for (std::size_t i = 0; i != s.fleet.nodes.size(); ++i) {
            const auto& g = s.fleet.nodes[i];
            const std::string path = one ? "fleet.nodes" : "fleet.nodes." + std::to_string(i);
            const auto node = group_model<hardware::node>(g.model, path);
            add_units({.node = node}, g.gpu, g.count, 1);
        }
        add_racks(s.fleet.racks, "fleet.racks", s.fleet.racks.size() == 1);
        if (s.fleet.sites.empty()) add_site("site", 0, hall_of(nullptr, ""), e.region, e.cooling, "energy");
        for (std::size_t i = 0; i != s.fleet.sites.size(); ++i) {
            const scenario::site& site = s.fleet.sites[i];
            const std::string path = "fleet.sites." + std::to_string(i);
            const std::size_t first = out_.plant.units.size();
            add_racks(site.racks, path + ".racks", site.racks.size() == 1);
            add_site(site.name, first, hall_of(&site, path), site.region ? site.region : e.region,
                     site.cooling ? site.cooling : e.cooling, path);
        }
        for (const scenario::workload_entry& w : s.workload) {
            out_.phases.push_back(w.phase.value_or(e.phase));
            out_.swings.emplace_back();
            if (!w.swing) continue;
            out_.swings.back() = power::swing_pattern{.hz = w.swing->hz.value,
                                                      .low = w.swing->low,
                                                      .floor_w = w.swing->floor ? w.swing->floor->value : 0,
                                                      .transition_s = to_seconds(w.swing->transition),
                                                      .low_share = w.swing->low_share};
        }
        out_.start = s.start;
        out_.life = e.life;
        if (e.demand_charge) out_.demand_usd_w = e.demand_charge->value;
        if (e.gpu_price) out_.gpu_usd_s = e.gpu_price->value;
        energy_parts parts;
        read_signals(parts);
        check_environments(e);
        if (s.power) add_power(*s.power);
        out_.plant.caps_by_scheduler = s.scheduler.power_aware.cap < 1;
        add_spikes(parts);
        parts.model = std::move(out_);
        return parts;
    }

private:
    /// Which key asks for all this.
    [[nodiscard]] std::string main_key() const {
        return loaded_.value.energy ? "energy" : loaded_.value.power ? "power" : "fleet";
    }
    /// Carbon and cost are of a facility, whose power must be known.
    void check_environments(const scenario::energy& e) const {
        const auto follows = [](const sim::site_environment& at) { return at.cooling && at.cooling->chiller; };
        for (std::size_t i = 0; i != out_.sites.size(); ++i) {
            const sim::site_environment& at = out_.sites[i];
            const auto& sites = loaded_.value.fleet.sites;
            const bool own = i < sites.size() && sites[i].signals;
            const std::string key = own ? "fleet.sites." + std::to_string(i) + ".signals" : "energy.signals";
            if ((at.signals.any() || e.demand_charge) && !at.region && !at.cooling)
                refuse(at.signals.any() ? key : "energy.demand_charge", "the facility's power is not known",
                       "write energy.region or energy.cooling");
            if (own && sites[i].signals->weather && !follows(at)) refuse_weather(key);
        }
        if (std::any_of(out_.sites.begin(), out_.sites.end(), follows)) return;
        if (e.signals && e.signals->weather) refuse_weather("energy.signals");
        const auto weather = std::find(e.daily.begin(), e.daily.end(), scenario::daily_signal::weather);
        if (weather != e.daily.end())
            refuse("energy.daily." + std::to_string(weather - e.daily.begin()), "nothing follows it",
                   "write an energy.cooling with chillers, such as chilled-liquid, or remove it", "weather");
    }
    [[noreturn]] void refuse_weather(const std::string& signals) const {
        refuse(signals + ".weather", "nothing follows it",
               "write an energy.cooling with chillers, such as chilled-liquid, or remove it");
    }

    /// Those of the scenario, which policies see, and those of sites that have their own.
    void read_signals(energy_parts& parts) {
        const scenario::scenario& s = loaded_.value;
        power::site_signals common;
        std::shared_ptr<const step_series<double>> common_price;
        if (s.energy && s.energy->signals)
            common = signals_of(*s.energy->signals, "energy.signals", parts.filled, &parts.signals, common_price);
        prices_.assign(out_.sites.size(), common_price);
        for (std::size_t i = 0; i != out_.sites.size(); ++i) {
            power::site_signals& to = out_.sites[i].signals;
            to = common;
            if (i >= s.fleet.sites.size() || !s.fleet.sites[i].signals) continue;
            const std::string path = "fleet.sites." + std::to_string(i) + ".signals";
            std::shared_ptr<const step_series<double>> own_price;
            const power::site_signals own =
                signals_of(*s.fleet.sites[i].signals, path, parts.filled, nullptr, own_price);
            if (own_price) prices_[i] = own_price;
            for (const auto part : {&power::site_signals::carbon, &power::site_signals::marginal,
                                    &power::site_signals::price, &power::site_signals::outdoor_c})
                if (own.*part) to.*part = own.*part;
        }
        add_daily(parts);
    }
    /// Mean days of the regions, where they have them; others keep their means. Policies see those of `energy.region`.
    void add_daily(energy_parts& parts) {
        if (!loaded_.value.energy) return;
        const scenario::energy& e = *loaded_.value.energy;
        for (std::size_t k = 0; k != e.daily.size(); ++k)
            add_daily(e.daily[k], "energy.daily." + std::to_string(k), parts);
    }
    void add_daily(scenario::daily_signal of, const std::string& key, energy_parts& parts) {
        std::vector<std::size_t> without;
        bool laid = false;
        for (std::size_t i = 0; i != out_.sites.size(); ++i) {
            auto& to = signal_of(of, out_.sites[i].signals);
            if (to) continue;  // the site's own file
            if (!out_.sites[i].region) refuse(key, "where it is is not known", "write energy.region");
            const auto days = days_of(of, *out_.sites[i].region);
            if (!days) {
                without.push_back(i);
                continue;
            }
            laid = true;
            to.emplace(days, diagnostic{});
            if (of == scenario::daily_signal::price) prices_[i] = days;
            if (has_own_region(i)) continue;
            if (of == scenario::daily_signal::carbon && !parts.signals.carbon) parts.signals.carbon = exact(days);
            if (of == scenario::daily_signal::price && !parts.signals.price) parts.signals.price = exact(days);
        }
        if (without.empty()) return;
        check_without(of, key, without, laid);
        note_without(of, without, parts);
    }
    /// Somebody must follow mean days, and what a policy waits for must change.
    void check_without(scenario::daily_signal of, const std::string& key, const std::vector<std::size_t>& without,
                       bool laid) const {
        const std::string remedy = "remove it, or give energy.signals." + std::string{scenario::name_of_value(of)};
        if (!laid) {
            const bool one = out_.sites.size() == 1;
            refuse(key, one ? "the region's model has no mean days of it" : "no region of a site has mean days of it",
                   remedy, out_.sites[without.front()].region->name);
        }
        const std::string_view waits = of == scenario::daily_signal::carbon  ? "carbon-aware"
                                       : of == scenario::daily_signal::price ? "price-aware"
                                                                             : "";
        if (waits.empty() || policy_name(loaded_.value.scheduler) != waits) return;
        for (const std::size_t i : without) {
            if (!has_own_region(i))
                refuse(key, "the policy sees that of energy.region, whose model has no mean days of it", remedy,
                       out_.sites[i].region->name);
        }
    }
    /// Says where the mean of the region stays.
    void note_without(scenario::daily_signal of, const std::vector<std::size_t>& without, energy_parts& parts) const {
        std::string places;
        for (const std::size_t i : without) {
            const auto& cooling = out_.sites[i].cooling;
            if (of == scenario::daily_signal::weather && !(cooling && cooling->chiller))
                continue;  // nothing follows it
            places += places.empty() ? "" : ", ";
            places += loaded_.value.fleet.sites[i].name + " (" + out_.sites[i].region->name + ')';
        }
        if (places.empty()) return;
        parts.notes.push_back("energy.daily: no mean days of " + std::string{scenario::name_of_value(of)} +
                              " for the region of " + places + ", which keeps its mean");
    }
    [[nodiscard]] bool has_own_region(std::size_t site) const {
        const auto& sites = loaded_.value.fleet.sites;
        return site < sites.size() && sites[site].region;
    }
    static std::optional<power::signal>& signal_of(scenario::daily_signal of, power::site_signals& at) {
        if (of == scenario::daily_signal::carbon) return at.carbon;
        return of == scenario::daily_signal::price ? at.price : at.outdoor_c;
    }
    /// Null: the region's model has none.
    [[nodiscard]] std::shared_ptr<const step_series<double>> days_of(scenario::daily_signal of,
                                                                     const hardware::region& at) const {
        const hardware::daily_profile d = at.daily.value_or(hardware::daily_profile{});
        const scenario::date start = loaded_.value.start;
        if (of == scenario::daily_signal::carbon && d.carbon_winter)
            return daily_series(start, *d.carbon_winter, *d.carbon_summer, at.carbon.mean_kg_per_j);
        if (of == scenario::daily_signal::price && d.price_winter)
            return daily_series(start, *d.price_winter, *d.price_summer, at.price_usd_per_j);
        if (of == scenario::daily_signal::weather && d.weather_winter)
            return daily_series(start, *d.weather_winter, *d.weather_summer, at.mean_c);
        return nullptr;
    }
    [[nodiscard]] power::site_signals signals_of(const scenario::energy_signals& of, const std::string& path,
                                                 std::vector<std::pair<std::string, std::uint64_t>>& filled,
                                                 policy::known_signals* known,
                                                 std::shared_ptr<const step_series<double>>& price) {
        using scenario::dimension;
        power::site_signals out;
        const auto one = [&](const std::optional<scenario::signal_file>& f, const char* name, dimension what,
                             std::optional<power::signal>& to) -> std::shared_ptr<const step_series<double>> {
            if (!f) return nullptr;
            const std::string key = path + '.' + name;
            const signal_request request{.key = key,
                                         .of = *f,
                                         .file = loaded_.resolve(f->path),
                                         .what = what,
                                         .start = loaded_.value.start,
                                         .until = loaded_.value.until};
            const auto read = shared_or_new<signal_data>(shared_, text_of(request), [&] {
                return read_signal(request, [this](std::string_view at) { return loaded_.locate(at); });
            });
            add_files(files_, {read->file});
            if (read->filled != 0) filled.emplace_back(key, read->filled);
            to.emplace(read->series, read->ends);
            return read->series;
        };
        const auto carbon = one(of.carbon, "carbon", dimension::carbon_intensity, out.carbon);
        const auto marginal = one(of.marginal, "marginal", dimension::carbon_intensity, out.marginal);
        price = one(of.price, "price", dimension::price, out.price);
        one(of.weather, "weather", dimension::temperature, out.outdoor_c);
        if (known != nullptr) *known = {.carbon = exact(carbon), .marginal = exact(marginal), .price = exact(price)};
        return out;
    }
    /// In ug/kWh or uUSD/MWh: 3.6e15 of them are one kg/J or USD/J.
    static std::int64_t to_whole(double value) { return std::llround(value * 3.6e15); }
    static std::shared_ptr<const exact_series> exact(const std::shared_ptr<const step_series<double>>& s) {
        if (!s) return nullptr;
        std::vector<instant> begins;
        std::vector<std::int64_t> values;
        for (std::size_t i = 0; i != s->size(); ++i) {
            begins.push_back(s->begin_of(i));
            values.push_back(to_whole(s->value(i)));
        }
        return std::make_shared<exact_series>(std::move(begins), std::move(values), s->end(), s->beyond());
    }

    void add_racks(const std::vector<scenario::rack_group>& groups, const std::string& list, bool one) {
        for (std::size_t i = 0; i != groups.size(); ++i) {
            const auto rack = group_model<hardware::rack>(groups[i].model, one ? list : list + '.' + std::to_string(i));
            add_units({.node = rack.node, .rack = rack}, groups[i].gpu, groups[i].count, rack.nodes);
        }
    }
    /// The fleet numbers its nodes type by type, in the order in which it first names the types.
    void number_types(const scenario::fleet& f) {
        const std::vector<std::string> types = scenario::gpu_types_of(f);
        std::vector<std::uint32_t> nodes(types.size() + 1, 0);
        const auto type_of = [&](const std::optional<std::string>& gpu) {
            return static_cast<std::size_t>(std::find(types.begin(), types.end(), gpu.value_or("")) - types.begin());
        };
        const auto add = [&](const auto& groups, auto nodes_of) {
            for (const auto& g : groups) nodes[type_of(g.gpu)] += static_cast<std::uint32_t>(g.count * nodes_of(g));
        };
        const auto of_rack = [](const scenario::rack_group& g) { return g.nodes_per_rack; };
        add(f.nodes, [](const scenario::node_group&) { return std::uint64_t{1}; });
        add(f.racks, of_rack);
        for (const scenario::site& s : f.sites) add(s.racks, of_rack);
        std::uint32_t first = 0;
        for (std::size_t t = 0; t != nodes.size(); ++t) {
            next_node_[t < types.size() ? types[t] : ""] = first;
            first += nodes[t];
        }
    }
    void add_units(power::unit_model model, const std::optional<std::string>& gpu, std::uint64_t count,
                   std::uint32_t nodes) {
        out_.plant.models.push_back(std::move(model));
        std::uint32_t& next = next_node_.at(gpu.value_or(""));
        for (std::uint64_t i = 0; i != count; ++i) {
            out_.plant.units.push_back({.model = static_cast<std::uint32_t>(out_.plant.models.size() - 1),
                                        .first_node = next,
                                        .nodes = nodes});
            next += nodes;
        }
    }

    /// Units from `first` on.
    void add_site(const std::string& name, std::size_t first, power::hall_plan halls,
                  const std::optional<std::string>& region, const std::optional<std::string>& cooling,
                  const std::string& path) {
        out_.plant.sites.push_back({.name = name,
                                    .units = static_cast<std::uint32_t>(out_.plant.units.size() - first),
                                    .halls = std::move(halls)});
        sim::site_environment at;
        if (region) at.region = part<hardware::region>(*region, given(path + ".region", "energy.region"));
        if (cooling) at.cooling = part<hardware::cooling>(*cooling, given(path + ".cooling", "energy.cooling"));
        out_.sites.push_back(std::move(at));
    }
    /// The key that stands in the file.
    [[nodiscard]] std::string given(const std::string& own, const std::string& common) const {
        return loaded_.locate(own).line != 0 && own != common ? own : common;
    }

    [[nodiscard]] power::hall_plan hall_of(const scenario::site* site, const std::string& path) {
        const scenario::scenario& s = loaded_.value;
        power::hall_plan out;
        std::optional<hardware::hall> hall;
        const bool own = site != nullptr && site->power;
        if (own || (s.power && s.power->hall)) {
            hall = own ? part<hardware::hall>(site->power->model, path + ".power.model")
                       : part<hardware::hall>(*s.power->hall, "power.hall");
            out.topology = hall->topology;
            out.units_per_row = hall->racks_per_row;
            out.rows_per_hall = hall->rows;
        } else {
            out.topology =
                part<hardware::power_topology>(s.energy.value_or(scenario::energy{}).topology, "energy.topology");
        }
        if (!s.power) return out;
        if (s.power->racks_per_row) out.units_per_row = static_cast<std::uint32_t>(*s.power->racks_per_row);
        if (s.power->rows_per_hall) out.rows_per_hall = static_cast<std::uint32_t>(*s.power->rows_per_hall);
        out.oversubscription = s.power->oversubscription;
        out.trips = s.power->trips;
        out.batteries = batteries_of(out.topology);
        out.generators = generators_of(hall);
        return out;
    }
    /// Those of the UPS of the topology, as the scenario has them.
    [[nodiscard]] std::optional<power::battery_plan> batteries_of(const hardware::power_topology& topology) const {
        const auto& given = loaded_.value.power->batteries;
        const auto ups = std::find_if(topology.stages.begin(), topology.stages.end(),
                                      [](const auto& d) { return d.kind == hardware::power_device_kind::ups; });
        if (ups == topology.stages.end()) {
            if (given && given->ride_through.value_or(duration{1}) != duration::zero())
                refuse("power.batteries", "there is no UPS that has one", "remove it, or name a topology with a UPS",
                       topology.name);
            return std::nullopt;
        }
        const auto o = given.value_or(scenario::battery_options{});
        const auto ride_through = o.ride_through ? o.ride_through : ups->battery;
        if (given && !ride_through)
            refuse("power.batteries", "the charge of its battery is not known", "write a `ride_through`, such as 5 min",
                   ups->name);
        if (ride_through.value_or(duration::zero()) == duration::zero()) return std::nullopt;
        const power::battery_plan usual;
        return power::battery_plan{
            .ride_through = *ride_through,
            .recharge = o.recharge.value_or(ups->recharge.value_or(usual.recharge)),
            .efficiency = o.efficiency.value_or(ups->battery_efficiency.value_or(usual.efficiency))};
    }
    /// Those of the hall, as the scenario has them.
    [[nodiscard]] std::optional<power::generator_plan> generators_of(const std::optional<hardware::hall>& hall) {
        const auto& given = loaded_.value.power->generators;
        if (!given && (!hall || !hall->generator)) return std::nullopt;
        const auto o = given.value_or(scenario::generator_options{});
        const double share = o.share.value_or(hall ? hall->generator_share.value_or(1) : 1);
        if (share == 0) return std::nullopt;
        const std::string key = o.model ? "power.generators.model" : "power.generators";
        const auto device = !o.model && hall && hall->generator
                                ? *hall->generator
                                : part<hardware::power_device>(o.model.value_or("generator"), key);
        if (device.kind != hardware::power_device_kind::generator)
            refuse(key, "not a generator", "name a device of that kind, such as generator", device.name);
        const auto start = o.start ? o.start : device.start;
        if (!start)
            refuse(key, "how long it takes to start is not known", "write power.generators.start, such as 10 s",
                   device.name);
        const bool of_site =
            o.level ? *o.level == scenario::generator_level::site : hall && hall->generator_of_site.value_or(false);
        return power::generator_plan{.of_site = of_site,
                                     .start = *start,
                                     .share = share,
                                     .fuel = o.fuel ? o.fuel : device.tank,
                                     .usd_per_j = o.price ? o.price->value : device.fuel_usd_per_j.value_or(0),
                                     .kg_per_j = o.carbon ? o.carbon->value : device.fuel_kg_per_j.value_or(0),
                                     .overload = device.overload};
    }

    void add_power(const scenario::power_delivery& p) {
        out_.shows_headroom = looks_at_headroom(loaded_.value.scheduler);
        out_.plant.boot = p.boot;
        out_.plant.reclose = p.reclose;
        out_.plant.high_priority_from = static_cast<std::int32_t>(p.high_priority_from);
        for (std::size_t i = 0; i != p.control.size(); ++i) {
            const scenario::feed_control& c = p.control[i];
            const std::string path = p.control.size() == 1 ? "power.control" : "power.control." + std::to_string(i);
            const auto actuator = part<hardware::cap_control>(c.actuator, path + ".actuator");
            auto policy = make_cap_policy(c, path, static_cast<std::uint16_t>(i));
            if (!policy) continue;
            out_.plant.controls.push_back(
                {.at = c.level,
                 .policy = std::move(policy),
                 .period = c.period.value_or(actuator.period.value_or(std::chrono::seconds{3})),
                 .latency = c.latency.value_or(actuator.latency)});
        }
        if (p.thermal) add_coolant();
        if (p.events.empty() && p.failures.empty() && !p.reliability) return;
        const power::power_tree tree{out_.plant.models, out_.plant.units, out_.plant.sites};
        spikes_.resize(tree.sites().size());
        for (std::size_t i = 0; i != p.events.size(); ++i) {
            const scenario::power_event& e = p.events[i];
            const std::string path = "power.events." + std::to_string(i);
            check_feed(tree, e.kind, e.feed, path + ".feed");
            add_event(tree, e, e.feed, path,
                      {start_of_time + e.start, add_saturating(start_of_time + e.start, e.length)}, false);
        }
        if (p.reliability) add_reliability(tree, *p.reliability);
        for (std::size_t i = 0; i != p.failures.size(); ++i) add_failures(tree, i);
    }
    /// Null for `none`.
    [[nodiscard]] std::unique_ptr<power::cap_policy> make_cap_policy(const scenario::feed_control& c,
                                                                     const std::string& path, std::uint16_t number) {
        std::vector<std::string_view> known;
        for (const auto& d : power::cap_policies()) known.push_back(d.name);
        if (std::find(known.begin(), known.end(), c.policy) != known.end()) {
            if (c.options) refuse(path + ".options", "only a policy of a plug-in has options", "remove it", c.policy);
            return power::make_cap_policy(c.policy,
                                          {.bands = {.trigger = c.trigger, .target = c.target, .release = c.release}});
        }
        if (more_ != nullptr) {
            const auto theirs = more_->cap_policies();
            for (const auto& d : theirs) known.push_back(d.name);
            if (auto made = more_->make_cap_policy({.name = c.policy,
                                                    .options = c.options ? &*c.options : nullptr,
                                                    .key = path + ".options",
                                                    .seed = loaded_.value.seed,
                                                    .entry = number}))
                return made;
        }
        refuse(path + ".policy", "unknown cap policy", suggestion(c.policy, known), c.policy);
    }
    template <class Event>
    void add_event(const power::power_tree& tree, const Event& e, const std::string& feed, const std::string& path,
                   feed_outage when, bool at_random) {
        using kind = scenario::power_event_kind;
        if (e.kind == kind::price_spike) {
            power::price_spike s{.start = when.start, .end = when.end};
            if (e.price) s.price = e.price->value;
            s.factor = e.factor.value_or(1);
            spikes_[tree.place_of(*tree.find(feed)).number].push_back({.what = s, .at_random = at_random, .key = path});
            return;
        }
        const auto what = e.kind == kind::limit             ? power::feed_event::kind::limit
                          : e.kind == kind::demand_response ? power::feed_event::kind::cut
                          : e.kind == kind::cooling_loss    ? power::feed_event::kind::cooling_loss
                          : e.kind == kind::flow_loss       ? power::feed_event::kind::flow_loss
                                                            : power::feed_event::kind::loss;
        out_.plant.events.push_back({.start = when.start,
                                     .end = when.end,
                                     .what = what,
                                     .device = feed,
                                     .limit_w = e.power ? e.power->value : 0,
                                     .share = e.cut.value_or(0)});
    }
    /// Names of all parts of a level.
    [[nodiscard]] static std::vector<std::string> parts_of(const power::power_tree& tree,
                                                           scenario::failing_level level) {
        using of = scenario::failing_level;
        std::vector<std::string> out;
        for (const auto& site : tree.sites()) {
            if (level == of::site) out.push_back(site.name);
            for (std::uint32_t h = site.halls.first; h != site.halls.last && level == of::hall; ++h)
                out.push_back(site.name + "/hall-" + std::to_string(h - site.halls.first));
        }
        for (const auto& hall : tree.halls()) {
            for (const auto d : hall.sources) {
                if (level == of::source) out.push_back(tree.name_of(d));
            }
        }
        for (const auto& row : tree.rows()) {
            if (level == of::row) out.push_back(tree.name_of(row.device));
        }
        for (std::uint32_t u = 0; u != tree.units().size() && level == of::rack; ++u)
            out.push_back(tree.name_of(tree.device_of(u)));
        return out;
    }
    /// Its full name: a site may have been left out.
    [[nodiscard]] static std::string full_name(const power::power_tree& tree, const std::string& feed) {
        if (const auto device = tree.find(feed)) return tree.name_of(*device);
        const std::string prefix = tree.sites().front().name + '/';
        return feed.starts_with(prefix) || tree.sites().size() > 1 ? feed : prefix + feed;
    }
    void add_failures(const power::power_tree& tree, std::size_t number) {
        const auto& all = loaded_.value.power->failures;
        const scenario::feed_failures& f = all[number];
        const std::string path = "power.failures." + std::to_string(number);
        const std::vector<std::string> feeds = f.level ? parts_of(tree, *f.level) : std::vector<std::string>{*f.feed};
        for (const std::string& feed : feeds) check_feed(tree, f.kind, feed, path + (f.level ? ".level" : ".feed"));
        // Processes of the same kind and level, or feed, have streams of their own.
        const auto like = [&f](const scenario::feed_failures& g) {
            return g.kind == f.kind && g.level == f.level && g.feed == f.feed;
        };
        const auto before = std::count_if(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(number), like);
        const std::string process = std::string{scenario::name_of_value(f.kind)} + ' ' + (f.level ? "each" : "one") +
                                    ' ' + std::to_string(before);
        add_process(tree, f, process, feeds, f.mtbf, f.repair, path);
    }
    void add_process(const power::power_tree& tree, const scenario::feed_failures& f, const std::string& process,
                     const std::vector<std::string>& feeds, duration mtbf, const scenario::time_law& repair,
                     const std::string& path) {
        constexpr std::size_t most = 1'000'000;
        const instant until = start_of_time + *loaded_.value.until;
        for (const std::string& feed : feeds) {
            const auto outages = draw_outages(mtbf, f.shape, repair, loaded_.value.seed,
                                              feed_entity(process, full_name(tree, feed)), until, most - drawn_);
            drawn_ += outages.size();
            if (drawn_ == most)
                refuse(path, "more than 1000000 events at random until `until`", "write a longer mtbf", {});
            for (const feed_outage& o : outages) add_event(tree, f, feed, path, o, true);
        }
    }
    /// Utilities and UPSs fail as a model of the catalogue says, with exponential times.
    void add_reliability(const power::power_tree& tree, const std::string& name) {
        const auto model = part<hardware::reliability>(name, "power.reliability");
        bool any = false;
        const auto add = [&](const char* device, std::vector<std::string> feeds) {
            for (const hardware::plant_failure& p : model.plant) {
                if (p.name != device) continue;
                any = true;
                add_process(tree, {}, std::string{"reliability "} + device, feeds, p.between, {.exponential = p.repair},
                            "power.reliability");
            }
        };
        add("utility", parts_of(tree, scenario::failing_level::site));
        std::vector<std::string> with_ups;
        for (const auto& hall : tree.halls()) {
            const auto& stages = tree.sites()[hall.site].plan.topology.stages;
            if (std::none_of(stages.begin(), stages.end(),
                             [](const auto& d) { return d.kind == hardware::power_device_kind::ups; }))
                continue;
            for (const auto d : hall.sources) with_ups.push_back(tree.name_of(d));
        }
        add("ups_module", with_ups);
        if (!any)
            refuse("power.reliability", "says nothing of utilities and UPSs",
                   "name one whose plant has a utility or a ups_module, such as facility", name);
    }

    // --- prices ----------------------------------------------------------------------------------------

    /// Sites see the spikes that are theirs. Policies see those of sites that have no price signal of their own: the
    /// scheduled ones at any time, others from their start on.
    void add_spikes(energy_parts& parts) {
        using series = step_series<double>;
        std::vector<site_spike> seen;
        std::optional<series> below;  // what policies see of it
        for (std::size_t i = 0; i != spikes_.size(); ++i) {
            if (spikes_[i].empty()) continue;
            sim::site_environment& at = out_.sites[i];
            const std::string& key = spikes_[i].front().key;
            if (!at.region && !at.cooling)
                refuse(key, "the facility's power is not known", "write energy.region or energy.cooling");
            if (!at.signals.price && !at.region)
                refuse(key, "what energy costs without it is not known", "write energy.region or energy.signals.price");
            const series own = prices_[i] ? *prices_[i] : power::constant_price(at.region->price_usd_per_j);
            std::vector<power::price_spike> all;
            for (const site_spike& s : spikes_[i]) all.push_back(s.what);
            const auto with = std::make_shared<const series>(power::with_spikes(own, all));
            at.signals.price = at.signals.price ? at.signals.price->with(with) : power::signal{with, {}};
            if (has_own_price(i)) continue;
            if (!below) below = own;
            seen.insert(seen.end(), spikes_[i].begin(), spikes_[i].end());
        }
        if (!below) return;
        std::stable_sort(seen.begin(), seen.end(),
                         [](const site_spike& a, const site_spike& b) { return a.what.start < b.what.start; });
        const auto base = parts.signals.price ? parts.signals.price : exact(std::make_shared<const series>(*below));
        const auto known = [&](const std::vector<power::price_spike>& spikes) {
            std::vector<exact_series::step> over;
            const series with = power::with_spikes(*below, spikes);
            for (const auto& s : with.over()) over.push_back({to_whole(s.value), s.begin, s.end});
            return std::make_shared<const exact_series>(*base, std::move(over));
        };
        std::vector<power::price_spike> scheduled;
        for (const site_spike& s : seen) {
            if (!s.at_random) scheduled.push_back(s.what);
        }
        parts.signals.price = known(scheduled);
        std::vector<power::price_spike> going_on;
        for (const site_spike& s : seen) {
            if (!s.at_random) continue;
            std::erase_if(going_on, [&s](const power::price_spike& o) { return o.end <= s.what.start; });
            going_on.push_back(s.what);
            std::vector<power::price_spike> now = scheduled;
            now.insert(now.end(), going_on.begin(), going_on.end());
            parts.price_news.push_back({s.what.start, known(now)});
        }
    }
    [[nodiscard]] bool has_own_price(std::size_t site) const {
        const auto& sites = loaded_.value.fleet.sites;
        return site < sites.size() && sites[site].signals && sites[site].signals->price;
    }

    /// The coolant of each site, which has to be cool enough for GPUs at their lowest limit.
    void add_coolant() {
        for (std::size_t i = 0; i != out_.sites.size(); ++i) {
            const std::optional<hardware::cooling>& c = out_.sites[i].cooling;
            const bool own = i < loaded_.value.fleet.sites.size() && loaded_.value.fleet.sites[i].cooling;
            const std::string key = own ? "fleet.sites." + std::to_string(i) + ".cooling" : "energy.cooling";
            const std::string remedy =
                "write a liquid one that says its supply, such as energy.cooling: warm-water-w40";
            if (!c) refuse("power.thermal", "how the racks are cooled is not known", remedy);
            if (c->kind != hardware::cooling_kind::liquid)
                refuse(key, "power.thermal needs racks that are cooled by liquid", remedy, c->name);
            if (!c->supply_c) refuse(key, "the temperature of its water is not known", remedy, c->name);
            const double coolant_c = *c->supply_c + (c->units ? c->units->approach_k : 0);
            const power::site_plan& site = out_.plant.sites[i];
            for (std::uint32_t k = 0; k != site.units; ++k) {
                const auto& model = out_.plant.models[out_.plant.units[first_unit_of(i) + k].model];
                const hardware::gpu_thermal& t = model.node.gpu.thermal;
                const hardware::gpu_power& p = model.node.gpu.power;
                const double least_w = std::max(p.lowest_limit_w.value_or(p.context_w), p.idle_w);
                if (model.liquid_share() > 0 && coolant_c + t.resistance_k_per_w * least_w > t.throttle_c)
                    refuse(key, "its water is too warm for " + model.node.gpu.name + " even at its lowest power",
                           "write one with a cooler supply", c->name);
            }
            out_.plant.coolant.push_back(
                power::coolant_plan{.supply_c = coolant_c, .rack_loop_j_per_k = c->rack_loop_j_per_k.value_or(0)});
        }
    }
    [[nodiscard]] std::size_t first_unit_of(std::size_t site) const {
        std::size_t first = 0;
        for (std::size_t i = 0; i != site; ++i) first += out_.plant.sites[i].units;
        return first;
    }
    /// The coolant of a part of the fleet: of racks, whose loops are known.
    void check_part(const power::power_tree& tree, scenario::power_event_kind kind, const std::string& feed,
                    const std::string& key) const {
        const auto units = tree.units_of(feed);
        if (!units) {
            std::vector<std::string> names = tree.names();
            for (const auto& s : tree.sites()) {
                for (std::uint32_t h = 0; h != s.halls.size(); ++h)
                    names.push_back(s.name + "/hall-" + std::to_string(h));
            }
            std::erase_if(names, [](const std::string& n) { return n.find("/source-") != std::string::npos; });
            refuse_feed(tree, feed, key, std::move(names), "there is no such part of the fleet");
        }
        for (std::uint32_t u = units->first; u != units->last; ++u) {
            const power::unit_model& model = tree.models()[tree.units()[u].model];
            if (kind != scenario::power_event_kind::cooling_loss || !(model.liquid_share() > 0)) continue;
            if (!model.rack || out_.plant.coolant[tree.site_of(u)]->rack_loop_j_per_k <= 0)
                throw scenario_error({.where = loaded_.locate(key),
                                      .key = key,
                                      .what = "how much coolant there is is not known",
                                      .value = feed,
                                      .remedy = "take racks, and a cooling that says its rack_loop"});
        }
    }
    /// A limit needs somebody who lowers loads.
    void check_watched(power::power_tree::level at, scenario::power_event_kind what, const std::string& feed,
                       const std::string& key) const {
        using kind = scenario::power_event_kind;
        if (what != kind::limit && what != kind::demand_response) return;
        const auto& controls = out_.plant.controls;
        if (std::any_of(controls.begin(), controls.end(), [at](const auto& c) { return c.at == at; })) return;
        const std::string level{scenario::name_of_value(at)};
        throw scenario_error({.where = loaded_.locate(key),
                              .key = key,
                              .what = "no controller lowers the load of such a feed",
                              .value = feed,
                              .remedy = "give `power.control` one, such as { level: " + level + ", policy: uniform }"});
    }
    void check_feed(const power::power_tree& tree, scenario::power_event_kind kind, const std::string& feed,
                    const std::string& key) const {
        using of = scenario::power_event_kind;
        if (kind == of::cooling_loss || kind == of::flow_loss) return check_part(tree, kind, feed, key);
        const auto device = tree.find(feed);
        if (kind == of::price_spike && (!device || tree.place_of(*device).at != power::power_tree::level::site)) {
            std::vector<std::string> names;
            for (const auto& s : tree.sites()) names.push_back(s.name);
            refuse_feed(tree, feed, key, std::move(names), "there is no such site");
        }
        if (device && tree.place_of(*device).is_generator && (kind == of::limit || kind == of::demand_response))
            throw scenario_error({.where = loaded_.locate(key),
                                  .key = key,
                                  .what = "nothing lowers the load of a generator",
                                  .value = feed,
                                  .remedy = "name the feed that it stands by for, or write a loss"});
        if (device) return check_watched(tree.place_of(*device).at, kind, feed, key);
        refuse_feed(tree, feed, key, tree.names(), "there is no such feed");
    }
    [[noreturn]] void refuse_feed(const power::power_tree& tree, const std::string& feed, const std::string& key,
                                  std::vector<std::string> names, std::string what) const {
        if (tree.sites().size() == 1) {
            const std::string prefix = tree.sites()[0].name + '/';
            for (std::string& n : names) {
                if (n.starts_with(prefix)) n.erase(0, prefix.size());
            }
        }
        throw scenario_error({.where = loaded_.locate(key),
                              .key = key,
                              .what = std::move(what),
                              .value = feed,
                              .remedy = suggestion(feed, std::vector<std::string_view>(names.begin(), names.end()))});
    }

    template <class T>
    [[nodiscard]] T group_model(const std::optional<std::string>& name, const std::string& path) {
        if (!name)
            refuse(main_key(), "the power of " + path + " is not known",
                   "give that group a `model`, such as gb300-nvl72 for racks or dgx-h100 for nodes");
        return part<T>(*name, path + ".model");
    }
    template <class T>
    [[nodiscard]] T part(const std::string& name, const std::string& key) {
        const auto m = shared_or_new<model<T>>(shared_, (loaded_.directory / "").string() + '\n' + name, [&] {
            return read_model<T>(name, loaded_.directory, loaded_.locate(key), key);
        });
        add_files(files_, m->text.files);
        return m->value;
    }
    [[noreturn]] void refuse(const std::string& key, std::string what, std::string remedy,
                             std::string value = {}) const {
        throw scenario_error({.where = loaded_.locate(key),
                              .key = key,
                              .what = std::move(what),
                              .value = std::move(value),
                              .remedy = std::move(remedy)});
    }

    const loaded_scenario& loaded_;
    std::vector<model_file>& files_;
    const scenario::more_parts* more_;
    shared_inputs* shared_;
    sim::energy_model out_{};
    std::map<std::string, std::uint32_t, std::less<>> next_node_{};  // by GPU type

    /// A spike of a site, and the key that asks for it.
    struct site_spike {
        power::price_spike what{};
        bool at_random = false;
        std::string key{};
    };
    std::vector<std::vector<site_spike>> spikes_;                     // (sites)
    std::vector<std::shared_ptr<const step_series<double>>> prices_;  // (sites) their signals of prices; null: none
    std::size_t drawn_ = 0;                                           // events at random
};

}  // namespace

energy_parts read_energy(const loaded_scenario& loaded, std::vector<model_file>& files,
                         const scenario::more_parts* more, shared_inputs* shared) {
    if (!loaded.value.is_powered()) return {};
    return energy_reader{loaded, files, more, shared}.read();
}

}  // namespace ampacity::io
