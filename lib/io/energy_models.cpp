#include "energy_models.hpp"

#include <ampacity/core/suggest.hpp>
#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/signal_files.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/power/cap_policy.hpp>
#include <ampacity/power/power_tree.hpp>
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

class energy_reader {
public:
    energy_reader(const loaded_scenario& loaded, std::vector<model_file>& files) : loaded_(loaded), files_(files) {}

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
                                                      .transition_s = to_seconds(w.swing->transition)};
        }
        out_.start = s.start;
        out_.life = e.life;
        if (e.demand_charge) out_.demand_usd_w = e.demand_charge->value;
        if (e.gpu_price) out_.gpu_usd_s = e.gpu_price->value;
        energy_parts parts;
        read_signals(parts);
        check_environments(e);
        if (s.power) add_power(*s.power);
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
        if (e.signals && e.signals->weather && std::none_of(out_.sites.begin(), out_.sites.end(), follows))
            refuse_weather("energy.signals");
    }
    [[noreturn]] void refuse_weather(const std::string& signals) const {
        refuse(signals + ".weather", "nothing follows it",
               "write an energy.cooling with chillers, such as chilled-liquid, or remove it");
    }

    /// Those of the scenario, which policies see, and those of sites that have their own.
    void read_signals(energy_parts& parts) {
        const scenario::scenario& s = loaded_.value;
        power::site_signals common;
        if (s.energy && s.energy->signals)
            common = signals_of(*s.energy->signals, "energy.signals", parts.filled, &parts.signals);
        for (std::size_t i = 0; i != out_.sites.size(); ++i) {
            power::site_signals& to = out_.sites[i].signals;
            to = common;
            if (i >= s.fleet.sites.size() || !s.fleet.sites[i].signals) continue;
            const std::string path = "fleet.sites." + std::to_string(i) + ".signals";
            const power::site_signals own = signals_of(*s.fleet.sites[i].signals, path, parts.filled, nullptr);
            for (const auto part : {&power::site_signals::carbon, &power::site_signals::marginal,
                                    &power::site_signals::price, &power::site_signals::outdoor_c})
                if (own.*part) to.*part = own.*part;
        }
    }
    [[nodiscard]] power::site_signals signals_of(const scenario::energy_signals& of, const std::string& path,
                                                 std::vector<std::pair<std::string, std::uint64_t>>& filled,
                                                 policy::known_signals* known) {
        using scenario::dimension;
        power::site_signals out;
        const auto one = [&](const std::optional<scenario::signal_file>& f, const char* name, dimension what,
                             std::optional<power::signal>& to) -> std::shared_ptr<const step_series<double>> {
            if (!f) return nullptr;
            const std::string key = path + '.' + name;
            const signal_data read = read_signal({.key = key,
                                                  .of = *f,
                                                  .file = loaded_.resolve(f->path),
                                                  .what = what,
                                                  .start = loaded_.value.start,
                                                  .until = loaded_.value.until},
                                                 [this](std::string_view at) { return loaded_.locate(at); });
            add_files(files_, {read.file});
            if (read.filled != 0) filled.emplace_back(key, read.filled);
            to.emplace(read.series, read.ends);
            return read.series;
        };
        const auto carbon = one(of.carbon, "carbon", dimension::carbon_intensity, out.carbon);
        const auto marginal = one(of.marginal, "marginal", dimension::carbon_intensity, out.marginal);
        const auto price = one(of.price, "price", dimension::price, out.price);
        one(of.weather, "weather", dimension::temperature, out.outdoor_c);
        if (known != nullptr) *known = {.carbon = exact(carbon), .marginal = exact(marginal), .price = exact(price)};
        return out;
    }
    /// In ug/kWh or uUSD/MWh: 3.6e15 of them are one kg/J or USD/J.
    static std::shared_ptr<const exact_series> exact(const std::shared_ptr<const step_series<double>>& s) {
        if (!s) return nullptr;
        std::vector<instant> begins;
        std::vector<std::int64_t> values;
        for (std::size_t i = 0; i != s->size(); ++i) {
            begins.push_back(s->begin_of(i));
            values.push_back(std::llround(s->value(i) * 3.6e15));
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
        const bool own = site != nullptr && site->power;
        if (own || (s.power && s.power->hall)) {
            const auto hall = own ? part<hardware::hall>(site->power->model, path + ".power.model")
                                  : part<hardware::hall>(*s.power->hall, "power.hall");
            out.topology = hall.topology;
            out.units_per_row = hall.racks_per_row;
            out.rows_per_hall = hall.rows;
        } else {
            out.topology =
                part<hardware::power_topology>(s.energy.value_or(scenario::energy{}).topology, "energy.topology");
        }
        if (!s.power) return out;
        if (s.power->racks_per_row) out.units_per_row = static_cast<std::uint32_t>(*s.power->racks_per_row);
        if (s.power->rows_per_hall) out.rows_per_hall = static_cast<std::uint32_t>(*s.power->rows_per_hall);
        out.oversubscription = s.power->oversubscription;
        out.trips = s.power->trips;
        return out;
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
            auto policy =
                power::make_cap_policy(scenario::name_of_value(c.policy),
                                       {.bands = {.trigger = c.trigger, .target = c.target, .release = c.release}});
            if (!policy) continue;
            out_.plant.controls.push_back(
                {.at = c.level,
                 .policy = std::move(policy),
                 .period = c.period.value_or(actuator.period.value_or(std::chrono::seconds{3})),
                 .latency = c.latency.value_or(actuator.latency)});
        }
        if (p.thermal) add_coolant();
        if (p.events.empty()) return;
        const power::power_tree tree{out_.plant.models, out_.plant.units, out_.plant.sites};
        for (std::size_t i = 0; i != p.events.size(); ++i) {
            const scenario::power_event& e = p.events[i];
            using kind = scenario::power_event_kind;
            const std::string key = "power.events." + std::to_string(i) + ".feed";
            const bool of_coolant = e.kind == kind::cooling_loss || e.kind == kind::flow_loss;
            of_coolant ? check_part(tree, e, key) : check_feed(tree, e, key);
            const auto what = e.kind == kind::limit             ? power::feed_event::kind::limit
                              : e.kind == kind::demand_response ? power::feed_event::kind::cut
                              : e.kind == kind::cooling_loss    ? power::feed_event::kind::cooling_loss
                              : e.kind == kind::flow_loss       ? power::feed_event::kind::flow_loss
                                                                : power::feed_event::kind::loss;
            out_.plant.events.push_back({.start = start_of_time + e.start,
                                         .end = add_saturating(start_of_time + e.start, e.length),
                                         .what = what,
                                         .device = e.feed,
                                         .limit_w = e.power ? e.power->value : 0,
                                         .share = e.cut.value_or(0)});
        }
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
    void check_part(const power::power_tree& tree, const scenario::power_event& e, const std::string& key) const {
        const auto units = tree.units_of(e.feed);
        if (!units) {
            std::vector<std::string> names = tree.names();
            for (const auto& s : tree.sites()) {
                for (std::uint32_t h = 0; h != s.halls.size(); ++h)
                    names.push_back(s.name + "/hall-" + std::to_string(h));
            }
            std::erase_if(names, [](const std::string& n) { return n.find("/source-") != std::string::npos; });
            refuse_feed(tree, e, key, std::move(names), "there is no such part of the fleet");
        }
        for (std::uint32_t u = units->first; u != units->last; ++u) {
            const power::unit_model& model = tree.models()[tree.units()[u].model];
            if (e.kind != scenario::power_event_kind::cooling_loss || !(model.liquid_share() > 0)) continue;
            if (!model.rack || out_.plant.coolant[tree.site_of(u)]->rack_loop_j_per_k <= 0)
                throw scenario_error({.where = loaded_.locate(key),
                                      .key = key,
                                      .what = "how much coolant there is is not known",
                                      .value = e.feed,
                                      .remedy = "take racks, and a cooling that says its rack_loop"});
        }
    }
    /// A limit needs somebody who lowers loads.
    void check_watched(power::power_tree::level at, const scenario::power_event& e, const std::string& key) const {
        using kind = scenario::power_event_kind;
        if (e.kind != kind::limit && e.kind != kind::demand_response) return;
        const auto& controls = out_.plant.controls;
        if (std::any_of(controls.begin(), controls.end(), [at](const auto& c) { return c.at == at; })) return;
        const std::string level{scenario::name_of_value(at)};
        throw scenario_error({.where = loaded_.locate(key),
                              .key = key,
                              .what = "no controller lowers the load of such a feed",
                              .value = e.feed,
                              .remedy = "give `power.control` one, such as { level: " + level + ", policy: uniform }"});
    }
    void check_feed(const power::power_tree& tree, const scenario::power_event& e, const std::string& key) const {
        if (const auto device = tree.find(e.feed)) return check_watched(tree.place_of(*device).at, e, key);
        refuse_feed(tree, e, key, tree.names(), "there is no such feed");
    }
    [[noreturn]] void refuse_feed(const power::power_tree& tree, const scenario::power_event& e, const std::string& key,
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
                              .value = e.feed,
                              .remedy = suggestion(e.feed, std::vector<std::string_view>(names.begin(), names.end()))});
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
        auto m = read_model<T>(name, loaded_.directory, loaded_.locate(key), key);
        add_files(files_, m.text.files);
        return std::move(m.value);
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
    sim::energy_model out_{};
    std::map<std::string, std::uint32_t, std::less<>> next_node_{};  // by GPU type
};

}  // namespace

energy_parts read_energy(const loaded_scenario& loaded, std::vector<model_file>& files) {
    if (!loaded.value.is_powered()) return {};
    return energy_reader{loaded, files}.read();
}

}  // namespace ampacity::io
