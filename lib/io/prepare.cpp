#include "energy_models.hpp"
#include "fault_models.hpp"
#include "service_models.hpp"
#include "text_file.hpp"
#include "training_models.hpp"

#include <ampacity/io/prepare.hpp>
#include <ampacity/io/surface_file.hpp>
#include <ampacity/io/xxh64.hpp>
#include <ampacity/money/capital_costs.hpp>
#include <ampacity/scenario/build.hpp>
#include <ampacity/scenario/fields.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace ampacity::io {

namespace {

/// Those that fluid services name; the others come from the cache when the run begins.
void read_surfaces(const loaded_scenario& loaded, sim::parts& parts, std::vector<model_file>& files,
                   std::vector<std::shared_ptr<const used_surface>>& used, shared_inputs* shared) {
    for (sim::service_parts& s : parts.services) {
        if (!s.fluid) continue;
        if (s.site && s.site->number != 0) {
            s.fluid->made = (&s - 1)->fluid->made;
            continue;
        }
        const auto& shape = loaded.value.workload[s.entry].service->fluid;
        if (!shape || !shape->surface) {
            const auto own =
                std::make_shared<used_surface>(used_surface{.service = loaded.value.workload[s.entry].service->name});
            s.fluid->make = [own, shared](const fluid::surface_options& from) {
                const surface_cache cache;
                own->of = shared != nullptr ? *shared->once<kept_surface>(surface_cache::name_of(from),
                                                                          [&] { return cache.get(from); })
                                            : cache.get(from);
                return own->of.made;
            };
            used.push_back(own);
            continue;
        }
        const std::filesystem::path file = loaded.resolve(*shape->surface);
        const std::string key = "workload." + std::to_string(s.entry) + ".service.fluid.surface";
        s.fluid->made = std::make_shared<const fluid::surface>(read_surface_of(s.fluid->from, file, key));
        xxh64 hash;
        hash.update(read_text_file(file).text);
        add_files(files, {{.path = file.string(), .digest = hash.digest()}});
    }
}

/// Where sites are that services are spread over, and what energy costs and emits there. \pre they have regions
void place_services(sim::parts& parts) {
    for (sim::service_parts& s : parts.services) {
        if (!s.site || s.site->number != 0) continue;
        for (sim::serving_site& site : s.site->of->sites) {
            const sim::site_environment& at = parts.energy->sites.at(site.number);
            site.where = {at.region->latitude_deg, at.region->longitude_deg};
            site.mean_usd_per_j = at.region->price_usd_per_j;
            site.mean_kg_per_j = at.region->carbon.mean_kg_per_j;
            site.price = at.signals.price;
            site.carbon = at.signals.carbon;
        }
    }
}

/// What models say of the groups of the fleet; those of energy are in the same order.
void add_prices(const scenario::scenario& s, sim::parts& parts) {
    for (std::size_t i = 0; parts.energy && i != parts.groups.size(); ++i) {
        const power::unit_model& model = parts.energy->plant.models.at(i);
        sim::fleet_group& g = parts.groups[i];
        g.nameplate_w = model.nameplate_w();
        if (!model.rack) continue;
        g.price_usd = model.rack->price_usd;
        g.price_installed_usd = model.rack->price_installed_usd;
    }
    if (!s.contract || !s.contract->capex) return;
    const auto refuse = [](const char* key, const char* what, const char* remedy) {
        throw scenario_error({.where = {}, .key = key, .what = what, .value = {}, .remedy = remedy});
    };
    for (const sim::fleet_group& g : parts.groups) {
        if (!money::rack_price_usd(*s.contract->capex, g))
            refuse("contract.capex.rack", "the model of a group of the fleet has no price, or there is none",
                   "write it, such as \"3.4e6 USD\", or give `energy`, and each group a rack `model` with a price");
        if (money::facility_price_usd(*s.contract->capex, g)) continue;
        if (s.contract->capex->facility)
            refuse("contract.capex.facility", "the nameplate of a group of the fleet is not known",
                   "give `energy`, and each group a `model`");
        refuse("contract.capex.facility",
               "the model of a group of the fleet does not say what it costs, or there is none",
               "write it, such as \"15 USD/W\"");
    }
}

/// What a choice between sites that schedule their own jobs follows.
void tell_sites(sim::parts& parts) {
    if (!parts.energy) return;
    for (std::size_t i = 0; i != parts.sites.sites.size(); ++i) {
        const sim::site_environment& at = parts.energy->sites[i];
        sim::site_parts& to = parts.sites.sites[i];
        to.price = at.signals.price;
        to.carbon = at.signals.carbon;
        if (!at.region) continue;
        to.where = {.latitude_deg = at.region->latitude_deg, .longitude_deg = at.region->longitude_deg};
        if (!to.price) to.price = at.region->price_usd_per_j;
        if (!to.carbon) to.carbon = at.region->carbon.mean_kg_per_j;
    }
}

}  // namespace

prepared_run prepare(const loaded_scenario& loaded, const plugins* more, shared_inputs* shared) {
    std::vector<trace_source*> traces;
    std::vector<std::string> with_jobs;
    for (const scenario::reservation& r : loaded.value.scheduler.reservations) {
        if (r.kind != scenario::reservation_kind::maintenance) with_jobs.push_back(r.name);
    }
    const auto open = [&](const scenario::job_trace& t, std::uint16_t entry) -> std::unique_ptr<workload::job_source> {
        const job_trace_options options{.path = loaded.resolve(t.path),
                                        .format = std::string{scenario::name_of_value(t.format)},
                                        .reorder = t.reorder,
                                        .align = t.align,
                                        .source = entry,
                                        .dependencies = t.dependencies,
                                        .unix_start_ns = loaded.value.start.time_since_epoch().count(),
                                        .models = loaded.value.workload[entry].speeds.has_value(),
                                        .reservations = with_jobs};
        auto source = shared != nullptr ? shared->traces().open(options) : open_job_trace(options);
        traces.push_back(source.get());
        return source;
    };
    std::vector<request_trace*> request_traces;
    std::vector<model_file> models = loaded.models;
    const auto open_requests = [&](const scenario::request_file& f,
                                   std::uint16_t entry) -> std::unique_ptr<workload::request_source> {
        auto source = open_request_trace({.path = loaded.resolve(f.path),
                                          .format = std::string{scenario::name_of_value(f.format)},
                                          .reorder = f.reorder,
                                          .align = f.align,
                                          .unix_start_ns = loaded.value.start.time_since_epoch().count(),
                                          .lengths = f.lengths ? loaded.resolve(*f.lengths) : std::filesystem::path{},
                                          .rate_factor = f.rate_factor.value_or(1),
                                          .seed = loaded.value.seed,
                                          .entry = entry});
        const auto others = source->other_files();
        add_files(models, {others.begin(), others.end()});
        request_traces.push_back(source.get());
        return source;
    };
    const auto locate = [&](std::string_view key) { return loaded.locate(key); };
    try {
        std::optional<training_reader> training;
        const auto train = [&](const scenario::single_or_list<scenario::training_job>& jobs, std::uint16_t entry) {
            if (!training) training.emplace(loaded, models, shared);
            return training->open(jobs, entry);
        };
        const auto serve = [&](const scenario::inference_service& service, std::uint16_t entry) {
            return serve_model(loaded, service, entry, models, shared);
        };
        sim::parts parts = scenario::build(loaded.value, open, locate, more, train, open_requests, serve);
        std::vector<std::shared_ptr<const used_surface>> surfaces;
        read_surfaces(loaded, parts, models, surfaces, shared);
        energy_parts energy = read_energy(loaded, models, more, shared);
        parts.energy = std::move(energy.model);
        place_services(parts);
        add_prices(loaded.value, parts);
        tell_sites(parts);
        parts.signals = std::move(energy.signals);
        parts.price_news = std::move(energy.price_news);
        parts.failures = read_faults(loaded, parts.fleet.free(), models, shared);
        if (!parts.services.empty() && parts.failures.changes_runs())
            throw scenario_error({.where = {},
                                  .key = "faults.model",
                                  .what = "has causes that slow nodes down or hang, which services do not have yet",
                                  .value = loaded.value.faults.model.value_or(""),
                                  .remedy = "take another model, or remove the services"});
        for (std::size_t i = 0; i != parts.sources.size(); ++i) {
            if (loaded.value.workload[i].trains.empty()) continue;
            if (!training) training.emplace(loaded, models, shared);
            parts.sources[i] = training->train(std::move(parts.sources[i]), static_cast<std::uint16_t>(i));
        }
        if (training) parts.trainings = training->finish(parts.failures);
        const auto shrinks = [](const execution::training_terms& t) {
            return t.elastic && t.elastic->on_loss != execution::node_loss::stops;
        };
        if (parts.policy->moves_runs() && std::any_of(parts.trainings.begin(), parts.trainings.end(), shrinks))
            throw scenario_error({.where = {},
                                  .key = "scheduler.policy",
                                  .what = "places running jobs anew, and cannot have them go on with fewer GPUs",
                                  .value = loaded.value.scheduler.policy,
                                  .remedy = "use another one, or `on_failure: requeue` for elastic training jobs"});
        return {std::move(parts),         std::move(traces),   std::move(request_traces), std::move(models),
                std::move(energy.filled), std::move(surfaces), std::move(energy.notes)};
    } catch (const scenario_error& e) {  // an option of a plug-in has no place yet
        if (!e.details().where.file.empty() || e.details().key.empty()) throw;
        diagnostic d = e.details();
        d.where = loaded.locate(d.key);
        throw scenario_error(std::move(d));
    }
}

checked_inputs check_inputs(const loaded_scenario& loaded, const plugins* more) {
    const prepared_run run = prepare(loaded, more);
    std::vector<workload::job_request> batch(1024);
    const instant until = loaded.value.until ? start_of_time + *loaded.value.until : never;
    for (std::size_t i = 0; i != run.parts.sources.size(); ++i) {
        while (const std::size_t n = run.parts.sources[i]->next(batch)) {
            // A plug-in's source may have no end.
            if (loaded.value.workload[i].plugin && batch[n - 1].submit > until) break;
        }
    }
    std::vector<workload::request> requests(1024);
    for (const sim::service_parts& s : run.parts.services) {
        while (s.requests->next(requests) != 0) {
        }
    }
    checked_inputs all;
    all.notes = run.notes;
    std::vector<skipped_in_trace>& out = all.skipped;
    for (std::size_t i = 0; i < run.parts.sources.size(); ++i) {
        auto records = run.parts.sources[i]->skipped();
        if (!records.empty()) out.push_back({"workload." + std::to_string(i) + ".trace", std::move(records)});
    }
    for (const sim::service_parts& s : run.parts.services) {
        auto records = s.requests->skipped();
        if (!records.empty())
            out.push_back({"workload." + std::to_string(s.entry) + ".service.requests", std::move(records)});
        if (s.site && s.site->number != 0) continue;
        if (s.modelled) all.modelled.emplace_back(s.decode_modelled ? s.name + ", prefill" : s.name, *s.modelled);
        if (s.decode_modelled) all.modelled.emplace_back(s.name + ", decode", *s.decode_modelled);
    }
    return all;
}

}  // namespace ampacity::io
