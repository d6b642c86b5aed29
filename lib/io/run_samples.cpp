#include "power_samples.hpp"
#include "run_streams.hpp"

#include <ampacity/power/plant.hpp>

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>

namespace ampacity::io {
namespace {

/// Of a site.
constexpr std::array site_columns{scenario::telemetry_column::it,
                                  scenario::telemetry_column::utility,
                                  scenario::telemetry_column::facility,
                                  scenario::telemetry_column::carbon_intensity,
                                  scenario::telemetry_column::price,
                                  scenario::telemetry_column::it_energy,
                                  scenario::telemetry_column::facility_energy,
                                  scenario::telemetry_column::carbon,
                                  scenario::telemetry_column::energy_cost,
                                  scenario::telemetry_column::cost};

}  // namespace

void run_files::begin_telemetry(const power_sample& first) {
    auto& columns = streams_->telemetry_columns = columns_of(described_.output.telemetry_columns);
    if (described_.output.telemetry_columns.empty())
        std::erase_if(columns, [&](scenario::telemetry_column c) { return !first.has(c); });
    streams_->telemetry->text() += header_of(columns);
}

void run_files::on_sample(const sim::sample& s) {
    if (!streams_->telemetry) return;
    const timed clock{writing_};
    const power_sample of_power{s};
    if (streams_->telemetry_columns.empty()) begin_telemetry(of_power);
    std::string& out = streams_->telemetry->text();
    bool first = true;
    for (const scenario::telemetry_column c : streams_->telemetry_columns) {
        if (!std::exchange(first, false)) out += ',';
        const auto count = [&out](auto n) { fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}"), n); };
        using column = scenario::telemetry_column;
        switch (c) {
            case column::time: append_time(out, s.at); break;
            case column::queued: count(s.queued); break;
            case column::running: count(s.running); break;
            case column::busy: count(s.busy_gpus); break;
            case column::free: count(s.free_gpus); break;
            case column::finished: count(s.finished); break;
            default: of_power.append(out, c); break;
        }
    }
    out += '\n';
    streams_->telemetry->row_done();
    if (streams_->sites) write_sites(s);
    if (streams_->replicas) write_replicas(s);
    if (streams_->services) write_services(s);
    if (streams_->flows) write_flows(s);
    if (streams_->feeds && s.plant != nullptr) write_feeds(s);
}

void run_files::write_sites(const sim::sample& s) {
    std::string& out = streams_->sites->text();
    for (std::size_t i = 0; i != s.sites.size(); ++i) {
        const power_sample of{s, i};
        append_time(out, s.at);
        out += ',';
        append_csv_text(out, s.plant->tree().sites()[i].name);
        for (const scenario::telemetry_column c : site_columns) {
            out += ',';
            of.append(out, c);
        }
        out += '\n';
        streams_->sites->row_done();
    }
}

void run_files::write_replicas(const sim::sample& s) {
    std::string& out = streams_->replicas->text();
    for (std::size_t i = 0; i != s.replicas.size(); ++i) {
        const sim::replica_sample& r = s.replicas[i];
        append_time(out, s.at);
        out += ',';
        append_csv_text(out, streams_->replica_names[i]);
        fmt::format_to(std::back_inserter(out), FMT_COMPILE(",{},{},{},{}\n"), r.wanted, r.cold, r.serving, r.draining);
        streams_->replicas->row_done();
    }
}

void run_files::write_services(const sim::sample& s) {
    std::string& out = streams_->services->text();
    for (std::size_t i = 0; i != s.replicas.size(); ++i) {
        const auto& sampled = s.replicas[i].requests;
        if (!sampled) continue;
        const sim::request_sample& r = *sampled;
        append_time(out, s.at);
        out += ',';
        append_csv_text(out, streams_->replica_names[i]);
        fmt::format_to(std::back_inserter(out), FMT_COMPILE(",{},{},{},{},{},{:.6g},{:.6g},{:.6g}"), r.arrived,
                       r.finished, r.shed, r.waiting, r.running, r.kv_occupancy, r.prefill_tokens_per_s,
                       r.output_tokens_per_s);
        for (const auto& t : {r.ttft_p50_s, r.ttft_p99_s, r.attainment, std::optional{r.goodput_per_s},
                              r.prefix_hit_share, r.power_w, r.output_tokens_per_joule}) {
            out += ',';
            if (t) fmt::format_to(std::back_inserter(out), FMT_COMPILE("{:.6g}"), *t);
        }
        out += '\n';
        streams_->services->row_done();
    }
}

void run_files::write_flows(const sim::sample& s) {
    std::string& out = streams_->flows->text();
    for (std::size_t i = 0; i != s.replicas.size(); ++i) {
        const sim::replica_sample& r = s.replicas[i];
        if (!r.flow) continue;
        append_time(out, s.at);
        out += ',';
        append_csv_text(out, streams_->replica_names[i]);
        const sim::flow_sample& f = *r.flow;
        fmt::format_to(std::back_inserter(out), FMT_COMPILE(",{},{:.6g},{:.6g},{:.6g},{:.6g}"), r.serving,
                       f.offered_per_s, f.served_per_s, f.load, f.backlog);
        for (const auto& t : {f.ttft_p50_s, f.ttft_p99_s}) {
            out += ',';
            if (t) fmt::format_to(std::back_inserter(out), FMT_COMPILE("{:.6g}"), *t);
        }
        out += '\n';
        streams_->flows->row_done();
    }
}

/// A row for each feed down to the level that is asked for, from the site on.
void run_files::write_feeds(const sim::sample& s) {
    using level = power::power_tree::level;
    const power::plant& plant = *s.plant;
    std::string& out = streams_->feeds->text();
    const power::delivery& devices = plant.tree().devices();
    const auto write = [&](power::device_id d, std::optional<power::class_limits> limits,
                           power::device_id store = power::no_device) {
        const power::microwatts load = devices.output(d);
        const power::microwatts rest = plant.headroom(d);
        bool first = true;
        for (const scenario::feeds_column c : streams_->feeds_columns) {
            if (!std::exchange(first, false)) out += ',';
            const auto limit_of = [&](std::size_t of) {
                if (limits) fmt::format_to(std::back_inserter(out), FMT_COMPILE("{:.3f}"), (*limits)[of] * 1e-3);
            };
            using column = scenario::feeds_column;
            switch (c) {
                case column::time: append_time(out, s.at); break;
                case column::feed: append_csv_text(out, plant.tree().name_of(d)); break;
                case column::load: append_watts(out, load); break;
                case column::limit:
                    if (rest != std::numeric_limits<power::microwatts>::max()) append_watts(out, load + rest);
                    break;
                case column::gpu_low: limit_of(0); break;
                case column::gpu_high: limit_of(1); break;
                case column::charge:
                    if (store != power::no_device && devices.capacity(store) != 0)
                        fmt::format_to(std::back_inserter(out), FMT_COMPILE("{:.4f}"),
                                       static_cast<double>(devices.charge(store, s.at)) /
                                           static_cast<double>(devices.capacity(store)));
                    break;
            }
        }
        out += '\n';
        streams_->feeds->row_done();
    };
    const auto write_generators = [&](level at) {
        for (const auto& g : plant.tree().generators()) {
            if (plant.tree().place_of(g.device).at == at) write(g.device, {}, g.device);
        }
    };
    for (const auto& site : plant.tree().sites()) write(site.meter, {});
    write_generators(level::site);
    if (*described_.output.feeds == level::site) return;
    for (const auto& hall : plant.tree().halls()) {
        for (std::size_t i = 0; i != hall.sources.size(); ++i) write(hall.sources[i], {}, hall.batteries[i]);
    }
    write_generators(level::source);
    if (*described_.output.feeds == level::source) return;
    for (const auto& row : plant.tree().rows()) write(row.device, {});
    if (*described_.output.feeds == level::row) return;
    for (std::uint32_t u = 0; u != plant.tree().units().size(); ++u)
        write(plant.tree().device_of(u), plant.limits_of(u));
}

}  // namespace ampacity::io
