#include "build_out_files.hpp"
#include "power_samples.hpp"
#include "run_json.hpp"
#include "run_streams.hpp"
#include "summary_json.hpp"
#include "years_table.hpp"

#include <ampacity/scenario/build.hpp>
#include <ampacity/scenario/resolved.hpp>

#include <fmt/compile.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>

namespace ampacity::io {
namespace {

using json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::string_view sites_header =
    "time_s,site,it_w,utility_w,facility_w,carbon_g_per_kwh,price_usd_per_mwh,it_kwh,facility_kwh,carbon_kg,"
    "energy_usd,cost_usd\n";

/// The job_id of the file, quoted where CSV needs it.
void append_name(std::string& out, std::int64_t name, bool is_text, const workload::job_source& source) {
    if (!is_text) {
        fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}"), name);
        return;
    }
    append_csv_text(out, source.text(name));
}

void add_numbers(const json& from, const std::string& name, std::vector<std::pair<std::string, double>>& out) {
    if (from.is_number()) out.emplace_back(name, from.get<double>());
    if (!from.is_object()) return;
    for (const auto& [key, value] : from.items()) add_numbers(value, name.empty() ? key : name + '.' + key, out);
}

/// In the order of samples: `chat`, or `chat@iad` for each site of one that is everywhere.
std::vector<std::string> names_of_replicas(const scenario::scenario& of) {
    std::vector<std::string> out;
    for (const scenario::workload_entry& w : of.workload) {
        if (!w.service) continue;
        if (!w.service->everywhere) {
            out.push_back(w.service->name);
            continue;
        }
        const std::vector<std::string>& chosen = w.service->everywhere->sites;
        for (const scenario::site& site : of.fleet.sites) {
            if (chosen.empty() || std::find(chosen.begin(), chosen.end(), site.name) != chosen.end())
                out.push_back(w.service->name + '@' + site.name);
        }
    }
    return out;
}

}  // namespace

std::vector<workload::skipped_records> skipped_in(const sim::simulation& s, const scenario::scenario& described,
                                                  bool interrupted) {
    instant through = never;
    if (described.until) through = start_of_time + *described.until;
    if (interrupted) through = s.now();
    std::map<std::string_view, std::uint64_t> counts;
    for (std::size_t i = 0; i != s.num_sources(); ++i) {
        for (const auto& [reason, count] : s.source(i).skipped(through)) counts[reason] += count;
    }
    std::vector<workload::skipped_records> out;
    for (const auto& [reason, count] : counts) out.push_back({reason, count});
    return out;
}

std::vector<std::pair<std::string, double>> summary_numbers(const scenario::scenario& described, const sim::summary& s,
                                                            std::span<const workload::skipped_records> skipped) {
    std::vector<std::pair<std::string, double>> out;
    add_numbers(summary_of(described, s, false, skipped), {}, out);
    return out;
}

void write_file(const fs::path& path, const std::string& text) {
    output_file file(path);
    file.text() += text;
    file.commit();
}

run_files::run_files(fs::path folder, const scenario::scenario& described, std::span<const fs::path> inputs)
    : folder_(std::move(folder)), described_(described), streams_(std::make_unique<streams>()) {
    const std::vector<std::string> tables = request_files_of(described_);
    for (const fs::path& input : inputs) keep_input(folder_, input, tables);
    streams_->lock = make_folder(folder_);
    if (described_.output.placement) {
        if (const auto types = scenario::gpu_types_of(described_.fleet); types.size() > 1) gpu_types_ = types;
        streams_->placement.emplace(folder_ / "placement.csv").text() +=
            gpu_types_.empty() ? "job_id,attempt,start_s,nodes\n" : "job_id,attempt,start_s,nodes,gpu\n";
    }
    if (described_.output.telemetry) {
        streams_->telemetry.emplace(folder_ / "telemetry.csv");
        if (described_.is_powered() && described_.fleet.sites.size() > 1)
            streams_->sites.emplace(folder_ / "sites.csv").text() += sites_header;
    }
    for (const scenario::workload_entry& w : described_.workload) {
        if (!described_.output.telemetry || !w.service || !w.service->autoscale || streams_->replicas) continue;
        streams_->replicas.emplace(folder_ / "replicas.csv").text() += "time_s,service,wanted,cold,serving,draining\n";
    }
    for (const scenario::workload_entry& w : described_.workload) {
        if (!described_.output.telemetry || !w.service || streams_->services ||
            w.service->fidelity != scenario::service_fidelity::request)
            continue;
        streams_->services.emplace(folder_ / "services.csv").text() +=
            "time_s,service,arrived,finished,shed,waiting,running,kv_occupancy,prefill_tokens_per_s,"
            "output_tokens_per_s,ttft_p50_s,ttft_p99_s,slo_attainment,goodput_per_s,prefix_hit_share,power_w,"
            "output_tokens_per_joule\n";
    }
    for (const scenario::workload_entry& w : described_.workload) {
        if (!described_.output.telemetry || !w.service || streams_->flows ||
            w.service->fidelity != scenario::service_fidelity::fluid)
            continue;
        streams_->flows.emplace(folder_ / "flows.csv").text() +=
            "time_s,service,serving,offered_per_s,served_per_s,load,backlog,ttft_p50_s,ttft_p99_s\n";
    }
    streams_->replica_names = names_of_replicas(described_);
    if (described_.output.feeds) {
        streams_->feeds_columns = columns_of(described_.output.feeds_columns);
        streams_->feeds.emplace(folder_ / "feeds.csv").text() += header_of(streams_->feeds_columns);
    }
    if (described_.scheduler.policy == "explain") {
        streams_->explain.emplace(folder_ / "explain.csv").text() +=
            "job_id,from_s,to_s,passes,reason,ahead,gpus,least_free,most_free,blocker,until_s\n";
        streams_->waits.emplace([this](const sim::job_event& e) { return is_explained(e); },
                                [this](const sim::wait_stretch& w) { write_stretch(w); });
    }
    std::size_t service = 0;
    for (const std::string& name : tables) {
        while (!described_.workload[service].service) ++service;
        const bool moves = described_.workload[service++].service->disaggregated.has_value();
        streams_->requests.push_back(std::make_unique<request_table>(folder_ / name, moves));
    }
    if (described_.output.events) streams_->events.emplace(folder_ / "events.json", described_.workload.size());
}

run_files::~run_files() = default;

void run_files::on_requests(std::size_t service, std::span<const serving::request_record> records) {
    if (streams_->requests.empty()) return;
    const timed clock{writing_};
    for (const serving::request_record& r : records) streams_->requests[service]->add(r);
}

policy::pass_listener* run_files::passes() noexcept { return streams_->waits ? &*streams_->waits : nullptr; }

bool run_files::is_explained(const sim::job_event& e) const {
    const auto& jobs = described_.scheduler.explain.jobs;
    std::string name;
    if (e.name_is_text)
        name = simulation_->source(e.source).text(e.name);
    else
        name = std::to_string(e.name);
    return std::find(jobs.begin(), jobs.end(), name) != jobs.end();
}

void run_files::write_stretch(const sim::wait_stretch& w) {
    const timed clock{writing_};
    std::string& out = streams_->explain->text();
    const auto append = [&](const sim::job_label& j) {
        append_name(out, j.name, j.name_is_text, simulation_->source(j.source));
    };
    append(w.job);
    out += ',';
    append_time(out, w.from);
    out += ',';
    append_time(out, w.to);
    fmt::format_to(std::back_inserter(out), FMT_COMPILE(",{},{},{},{},{},{},"), w.passes,
                   policy::obstacle_names[static_cast<std::size_t>(w.why.what)], w.why.ahead, w.gpus, w.least_free,
                   w.most_free);
    if (w.why.blocker != none<job_id>) append(w.blocker);
    if (w.why.what == policy::obstacle::power) out += w.feed;
    out += ',';
    if (w.why.until != never) append_time(out, w.why.until);
    out += '\n';
    streams_->explain->row_done();
}

void run_files::on_submit(const sim::job_event& e) {
    if (streams_->waits) streams_->waits->on_submit(e);
    if (!streams_->events) return;
    const timed clock{writing_};
    streams_->events->submit(e, simulation_->source(e.source));
}

void run_files::on_reject(const sim::job_event& e) {
    if (streams_->waits) streams_->waits->on_reject(e);
    const timed clock{writing_};
    if (streams_->events) streams_->events->reject(e, simulation_->source(e.source));
    if (!described_.output.jobs) return;
    if (!streams_->rejected)
        streams_->rejected.emplace(folder_ / "rejected.csv").text() += "job_id,time_s,gpus,reason\n";
    std::string& out = streams_->rejected->text();
    append_name(out, e.name, e.name_is_text, simulation_->source(e.source));
    out += ',';
    append_time(out, e.at);
    fmt::format_to(std::back_inserter(out), FMT_COMPILE(",{},"), e.gpus);
    append_csv_text(out, e.reason);
    out += '\n';
    streams_->rejected->row_done();
}

void run_files::on_stop(const sim::job_event& e, sim::run_end how) {
    if (streams_->waits) streams_->waits->on_stop(e, how);
    if (!streams_->events) return;
    const timed clock{writing_};
    streams_->events->stop(e, how, simulation_->source(e.source));
}

void run_files::on_start(const sim::job_start& s) {
    if (streams_->waits) streams_->waits->on_start(s);
    if (!streams_->placement && !streams_->events) return;
    const timed clock{writing_};
    if (streams_->events) streams_->events->start(s);
    if (streams_->placement) write_place(s);
}

void run_files::on_resize(const sim::job_event& before, const sim::job_event& after) {
    if (!streams_->placement && !streams_->events) return;
    const timed clock{writing_};
    if (streams_->events) streams_->events->resize(before, after, simulation_->source(after.source));
    if (streams_->placement) write_place(after);
}

void run_files::write_place(const sim::job_event& s) {
    std::string& out = streams_->placement->text();
    append_name(out, s.name, s.name_is_text, simulation_->source(s.source));
    fmt::format_to(std::back_inserter(out), FMT_COMPILE(",{},"), s.attempt);
    append_time(out, s.at);
    out += ',';
    const char* separator = "";
    for (const auto& share : s.where) {
        fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}{}:{}"), separator, index(share.node),
                       std::popcount(share.gpus));
        separator = ";";
    }
    if (!gpu_types_.empty()) {
        out += ',';
        append_csv_text(out, gpu_types_.at(s.type));
    }
    out += '\n';
    streams_->placement->row_done();
}

void run_files::write_jobs(const sim::simulation& s) const {
    static constexpr std::array<std::string_view, 4> states{"unfinished", "finished", "rejected", "killed"};
    output_file file(folder_ / "jobs.csv");
    std::string& out = file.text();
    out += "job_id,submit_s,start_s,finish_s,gpus,state,preemptions,restarts,useful_gpu_s,lost_gpu_s";
    out += s.has_links() ? ",eligible_s\n" : "\n";
    for (std::size_t i = 0; i != s.num_sources(); ++i) {
        const sim::source_records all = s.all_records(i);
        for (std::size_t row = 0; row != all.jobs.size(); ++row) {
            const sim::job_record& r = all.jobs[row];
            if (r.submit == sim::unset) continue;
            const sim::job_times times = s.has_links() ? s.times(i, row) : sim::job_times{.submit = r.submit};
            append_name(out, r.name, r.name_is_text, s.source(i));
            for (const instant t : {times.submit, r.first_start, r.finish}) {
                out += ',';
                append_time(out, t);
            }
            fmt::format_to(std::back_inserter(out), FMT_COMPILE(",{},{},{},{},"), r.gpus,
                           states[static_cast<std::size_t>(r.state)], r.preemptions, r.restarts);
            append_gpu_seconds(out, all.useful(row));
            out += ',';
            append_gpu_seconds(out, all.lost(row));
            if (s.has_links()) {
                out += ',';
                append_time(out, times.eligible);
            }
            out += '\n';
            file.row_done();
        }
    }
    file.commit();
}

void run_files::finish(sim::simulation& s, bool interrupted, const run_facts& facts) {
    const sim::summary& summary = s.results();
    if (streams_->waits) streams_->waits->finish(start_of_time + summary.simulated);
    {
        const timed clock{writing_};
        if (streams_->telemetry && streams_->telemetry_columns.empty()) begin_telemetry(power_sample{sim::sample{}});
        for (auto* stream :
             {&streams_->rejected, &streams_->placement, &streams_->telemetry, &streams_->sites, &streams_->replicas,
              &streams_->services, &streams_->flows, &streams_->feeds, &streams_->explain}) {
            if (*stream) (*stream)->commit();
        }
        for (const auto& table : streams_->requests) table->commit();
        if (streams_->events) streams_->events->commit(start_of_time + summary.simulated, described_.name);
        if (described_.output.jobs) write_jobs(s);
        if (has_build_out(described_)) write_build_out(folder_ / "build_out.csv", described_);
        if (described_.has_years()) write_file(folder_ / "years.csv", years_table(described_, summary));
        write_file(folder_ / "resolved.yaml", scenario::write_resolved(described_) +
                                                  (facts.more == nullptr ? std::string{} : facts.more->comment()));
    }
    write_file(folder_ / "run.json", run_text(s, facts, described_.scheduler.policy, writing_s()));
    write_file(folder_ / "summary.json",
               summary_of(described_, summary, interrupted, skipped_in(s, described_, interrupted)).dump(2) + '\n');
}

}  // namespace ampacity::io
