#include "energy_models.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/signal_files.hpp>
#include <ampacity/scenario/build.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace ampacity::io {
namespace {

class energy_reader {
public:
    energy_reader(const loaded_scenario& loaded, std::vector<model_file>& files) : loaded_(loaded), files_(files) {}

    [[nodiscard]] energy_parts read() {
        const scenario::scenario& s = loaded_.value;
        const scenario::energy& e = *s.energy;
        if (s.fleet.pool_gpus || !s.fleet.pools.empty())
            refuse("energy", "a pool has no nodes that draw power",
                   "describe the fleet by nodes or racks of a `model`");
        if (scenario::gpu_types_of(s.fleet).size() > 1)
            refuse("energy", "not supported on a fleet of several GPU types yet",
                   "remove it, or give all groups one model");
        const bool one = s.fleet.nodes.size() == 1;
        for (std::size_t i = 0; i != s.fleet.nodes.size(); ++i) {
            const auto& g = s.fleet.nodes[i];
            const std::string path = one ? "fleet.nodes" : "fleet.nodes." + std::to_string(i);
            const auto node = group_model<hardware::node>(g.model, path);
            add_units({.node = node}, g.count, 1);
        }
        add_racks(s.fleet.racks, "fleet.racks", s.fleet.racks.size() == 1);
        for (std::size_t i = 0; i != s.fleet.sites.size(); ++i)
            add_racks(s.fleet.sites[i].racks, "fleet.sites." + std::to_string(i) + ".racks", false);
        const auto topology = part<hardware::power_topology>(e.topology, "energy.topology");
        out_.chain = topology.stages;
        out_.usable_share = topology.usable_share();
        if (e.region) out_.region = part<hardware::region>(*e.region, "energy.region");
        if (e.cooling) out_.cooling = part<hardware::cooling>(*e.cooling, "energy.cooling");
        for (const scenario::workload_entry& w : s.workload) out_.phases.push_back(w.phase.value_or(e.phase));
        out_.start = s.start;
        out_.life = e.life;
        if (e.demand_charge) out_.demand_usd_w = e.demand_charge->value;
        if (e.gpu_price) out_.gpu_usd_s = e.gpu_price->value;
        energy_parts parts;
        if (e.signals) read_signals(*e.signals, parts);
        const char* const needs_site = e.signals ? "energy.signals" : "energy.demand_charge";
        if ((e.signals || e.demand_charge) && !out_.region && !out_.cooling)
            refuse(needs_site, "the facility's power is not known", "write energy.region or energy.cooling");
        if (out_.signals.outdoor_c && !(out_.cooling && out_.cooling->chiller))
            refuse("energy.signals.weather", "nothing follows it",
                   "write an energy.cooling with chillers, such as chilled-liquid, or remove it");
        parts.model = std::move(out_);
        return parts;
    }

private:
    void read_signals(const scenario::energy_signals& of, energy_parts& parts) {
        using scenario::dimension;
        const auto one = [&](const std::optional<scenario::signal_file>& f, const char* name, dimension what,
                             std::optional<power::signal>& out) -> std::shared_ptr<const step_series<double>> {
            if (!f) return nullptr;
            const std::string key = std::string{"energy.signals."} + name;
            const signal_data read = read_signal({.key = key,
                                                  .of = *f,
                                                  .file = loaded_.resolve(f->path),
                                                  .what = what,
                                                  .start = loaded_.value.start,
                                                  .until = loaded_.value.until},
                                                 [this](std::string_view path) { return loaded_.locate(path); });
            add_files(files_, {read.file});
            if (read.filled != 0) parts.filled.emplace_back(key, read.filled);
            out.emplace(read.series, read.ends);
            return read.series;
        };
        power::site_signals& to = out_.signals;
        parts.signals.carbon = exact(one(of.carbon, "carbon", dimension::carbon_intensity, to.carbon));
        parts.signals.marginal = exact(one(of.marginal, "marginal", dimension::carbon_intensity, to.marginal));
        parts.signals.price = exact(one(of.price, "price", dimension::price, to.price));
        one(of.weather, "weather", dimension::temperature, to.outdoor_c);
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
            add_units({.node = rack.node, .rack = rack}, groups[i].count, rack.nodes);
        }
    }
    void add_units(sim::unit_model model, std::uint64_t count, std::uint32_t nodes) {
        out_.models.push_back(std::move(model));
        for (std::uint64_t i = 0; i != count; ++i) {
            out_.units.push_back({.model = static_cast<std::uint32_t>(out_.models.size() - 1),
                                  .first_node = next_node_,
                                  .nodes = nodes});
            next_node_ += nodes;
        }
    }

    template <class T>
    [[nodiscard]] T group_model(const std::optional<std::string>& name, const std::string& path) {
        if (!name)
            refuse("energy", "the power of " + path + " is not known",
                   "give that group a `model`, such as gb300-nvl72 for racks or dgx-h100 for nodes");
        return part<T>(*name, path + ".model");
    }
    template <class T>
    [[nodiscard]] T part(const std::string& name, const std::string& key) {
        auto m = read_model<T>(name, loaded_.directory, loaded_.locate(key), key);
        add_files(files_, m.text.files);
        return std::move(m.value);
    }
    [[noreturn]] void refuse(const std::string& key, std::string what, std::string remedy) const {
        throw scenario_error({.where = loaded_.locate(key),
                              .key = key,
                              .what = std::move(what),
                              .value = {},
                              .remedy = std::move(remedy)});
    }

    const loaded_scenario& loaded_;
    std::vector<model_file>& files_;
    sim::energy_model out_{};
    std::uint32_t next_node_ = 0;
};

}  // namespace

energy_parts read_energy(const loaded_scenario& loaded, std::vector<model_file>& files) {
    if (!loaded.value.energy) return {};
    return energy_reader{loaded, files}.read();
}

}  // namespace ampacity::io
