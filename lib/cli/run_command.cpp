#include "run_command.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/version.hpp>
#include <ampacity/io/job_traces.hpp>
#include <ampacity/io/scenario_file.hpp>
#include <ampacity/io/xxh64.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/scenario/resolved.hpp>
#include <ampacity/scenario/validate.hpp>
#include <ampacity/sim/simulation.hpp>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>

namespace ampacity::cli {
namespace {

using json = nlohmann::ordered_json;
namespace fs = std::filesystem;

volatile std::sig_atomic_t interrupted = 0;
extern "C" void on_interrupt(int) { interrupted = 1; }

io::loaded_scenario load(const run_options& o) {
    std::vector<io::scenario_override> overrides;
    for (const auto& text : o.set) overrides.push_back(io::parse_override(text));
    if (!o.seed.empty()) overrides.push_back({.path = "seed", .value = o.seed, .origin = "--seed " + o.seed});
    if (!o.policy.empty()) overrides.push_back({.path = "scheduler.policy", .value = o.policy, .origin = "--policy " + o.policy});
    if (!o.until.empty()) overrides.push_back({.path = "until", .value = o.until, .origin = "--until " + o.until});
    auto loaded = io::read_scenario(o.scenario, overrides);
    std::vector<std::string_view> policies;
    std::vector<std::string_view> placers;
    for (const auto& d : policy::policies()) policies.push_back(d.name);
    for (const auto& d : policy::placers()) placers.push_back(d.name);
    scenario::validate(loaded.value, policies, placers, [&loaded](std::string_view key) { return loaded.locate(key); });
    return loaded;
}

std::string name_of(std::int64_t name, bool is_text, const workload::job_source& source) {
    return is_text ? std::string{source.text(name)} : std::to_string(name);
}

/// Writes placement.csv and telemetry.csv while the run goes on.
class writer final : public sim::observer {
public:
    writer(const fs::path& dir, const scenario::output& wanted) {
        if (wanted.placement) {
            placement_.open(dir / "placement.csv");
            placement_ << "job_id,attempt,start_s,nodes\n";
        }
        if (wanted.telemetry) {
            telemetry_.open(dir / "telemetry.csv");
            telemetry_ << "time_s,queued_jobs,running_jobs,busy_gpus,free_gpus,finished_jobs\n";
        }
    }
    void watch(const sim::simulation& s) { simulation_ = &s; }

    void on_start(const sim::job_start& s) override {
        if (!placement_.is_open()) return;
        placement_ << name_of(s.name, s.name_is_text, simulation_->source(s.source)) << ',' << s.attempt << ','
                   << format_ns_as_seconds(ticks(s.at)) << ',';
        const char* separator = "";
        for (const auto& share : s.where) {
            placement_ << separator << index(share.node) << ':' << std::popcount(share.gpus);
            separator = ";";
        }
        placement_ << '\n';
    }
    void on_sample(const sim::sample& s) override {
        telemetry_ << format_ns_as_seconds(ticks(s.at)) << ',' << s.queued << ',' << s.running << ',' << s.busy_gpus << ','
                   << s.free_gpus << ',' << s.finished << '\n';
    }

private:
    std::ofstream placement_;
    std::ofstream telemetry_;
    const sim::simulation* simulation_ = nullptr;
};

void write_jobs(const fs::path& file, const sim::simulation& s) {
    static constexpr std::array<std::string_view, 4> states{"unfinished", "finished", "rejected", "killed"};
    std::ofstream out(file);
    out << "job_id,submit_s,start_s,finish_s,gpus,state,preemptions,restarts,useful_gpu_s,lost_gpu_s\n";
    const auto time = [](instant t) { return t == sim::unset ? std::string{} : format_ns_as_seconds(ticks(t)); };
    for (std::size_t i = 0; i != s.num_sources(); ++i) {
        for (const auto& r : s.records(i)) {
            out << name_of(r.name, r.name_is_text, s.source(i)) << ',' << time(r.submit) << ',' << time(r.first_start) << ','
                << time(r.finish) << ',' << r.gpus << ',' << states[static_cast<std::size_t>(r.state)] << ',' << r.preemptions << ','
                << r.restarts << ',' << format_gpu_seconds(gpu_time{ticks(r.useful)} * r.gpus) << ','
                << format_gpu_seconds(gpu_time{ticks(r.lost)} * r.gpus) << '\n';
        }
    }
}

json to_json(const sim::distribution_summary& d) {
    return {{"mean", d.mean}, {"p50", d.p50}, {"p90", d.p90}, {"p99", d.p99}, {"max", d.max}};
}

json to_json(const scenario::scenario& sc, const sim::summary& s) {
    json out{{"schema", 1}, {"scenario", sc.name}, {"seed", sc.seed}, {"policy", sc.scheduler.policy}, {"simulated_s", to_seconds(s.simulated)}};
    if (interrupted != 0) out["interrupted"] = true;
    out["jobs"] = {{"submitted", s.submitted}, {"finished", s.finished}, {"rejected", s.rejected},
                   {"killed", s.killed}, {"unfinished", s.unfinished}, {"preemptions", s.preemptions}};
    if (s.jct_s) out["jct_s"] = to_json(*s.jct_s);
    if (s.wait_s) out["wait_s"] = to_json(*s.wait_s);
    if (s.bounded_slowdown) out["bounded_slowdown"] = to_json(*s.bounded_slowdown);
    if (s.makespan_s) out["makespan_s"] = *s.makespan_s;
    if (s.utilisation) out["utilisation"] = *s.utilisation;
    json& hours = out["gpu_hours"];
    hours["capacity"] = to_gpu_hours(s.books.capacity);
    for (const auto a : {account::useful, account::lost, account::idle}) {
        hours[std::string{account_names[static_cast<std::size_t>(a)]}] = to_gpu_hours(s.books[a]);
    }
    return out;
}

void print_summary(const scenario::scenario& sc, const sim::summary& s, std::uint64_t peak_queue) {
    fmt::print("{}  policy {}  {} of {} jobs finished, {} rejected, {} killed, {} unfinished, {} preemptions, at most {} queued\n", sc.name,
               sc.scheduler.policy, s.finished, s.submitted, s.rejected, s.killed, s.unfinished, s.preemptions, peak_queue);
    fmt::print("{:<18}{:>14}{:>14}{:>14}{:>14}{:>14}\n", "", "mean", "p50", "p90", "p99", "max");
    const auto row = [](const char* name, const std::optional<sim::distribution_summary>& d) {
        if (d) fmt::print("{:<18}{:>14.2f}{:>14.2f}{:>14.2f}{:>14.2f}{:>14.2f}\n", name, d->mean, d->p50, d->p90, d->p99, d->max);
    };
    row("JCT [s]", s.jct_s);
    row("wait [s]", s.wait_s);
    row("bounded slowdown", s.bounded_slowdown);
    if (s.makespan_s) fmt::print("{:<18}{:>14.2f}\n", "makespan [s]", *s.makespan_s);
    if (s.utilisation) fmt::print("{:<18}{:>14.4f}\n", "utilisation", *s.utilisation);
}

double seconds_since(std::chrono::steady_clock::time_point t) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - t).count();
}

}  // namespace

int validate(const run_options& options) {
    fmt::print("{}", scenario::write_resolved(load(options).value));
    return 0;
}

int run(const run_options& options) {
    const auto begun = std::chrono::steady_clock::now();
    const auto loaded = load(options);
    const auto& sc = loaded.value;
    const fs::path dir = options.directory.empty() ? fs::path{"out"} / sc.name : fs::path{options.directory};

    std::vector<io::trace_source*> traces;
    sim::parts p{.fleet = sc.fleet.pool_gpus ? fleet::fleet_state::pool(*sc.fleet.pool_gpus)
                                             : fleet::fleet_state::flat_nodes(static_cast<std::uint32_t>(sc.fleet.nodes->count),
                                                                              static_cast<std::uint32_t>(sc.fleet.nodes->gpus)),
                 .sources = {}, .policy = nullptr, .placer = policy::make_placer(sc.scheduler.placer), .until = sc.until,
                 .enforce_estimate = sc.enforce_estimate, .sample_every = sc.output.telemetry, .observers = {}};
    policy::policy_options settings{.sjf_by_estimate = sc.scheduler.sjf.by == scenario::knowledge::estimate,
                                    .srtf_by_estimate = sc.scheduler.srtf.by == scenario::knowledge::estimate, .las_thresholds = {}};
    for (const auto& t : sc.scheduler.las.thresholds) settings.las_thresholds.push_back(t.value);
    p.policy = policy::make_policy(sc.scheduler.policy, settings);
    for (std::size_t i = 0; i != sc.workload.size(); ++i) {
        const auto& entry = sc.workload[i];
        if (!entry.trace) {
            const std::string key = "workload." + std::to_string(i) + ".synthetic";
            throw scenario_error({.where = loaded.locate(key), .key = key, .what = "is not supported yet", .value = {}, .remedy = "give a `trace`"});
        }
        auto source = io::open_job_trace(
            {.path = loaded.resolve(entry.trace->path),
             .format = entry.trace->format == scenario::trace_format::philly_csv ? "philly-csv" : "jobs-csv",
             .reorder = entry.trace->reorder, .align = entry.trace->align, .source = static_cast<std::uint16_t>(i),
             .unix_start_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(sc.start.time_since_epoch()).count()});
        traces.push_back(source.get());
        p.sources.push_back(std::move(source));
    }

    fs::create_directories(dir);
    for (const char* ours : {"summary.json", "jobs.csv", "requests.csv", "placement.csv", "telemetry.csv", "events.json", "resolved.yaml", "run.json", "report.html"}) {
        fs::remove(dir / ours);
    }
    writer files(dir, sc.output);
    if (sc.output.placement || sc.output.telemetry) p.observers.push_back(&files);
    sim::simulation s(std::move(p));
    files.watch(s);
    const double load_s = seconds_since(begun);
    const double read_before = s.reading_s();

    std::signal(SIGINT, on_interrupt);
    std::signal(SIGTERM, on_interrupt);
    const bool show = options.progress.value_or(isatty(STDERR_FILENO) != 0);
    const auto start = std::chrono::steady_clock::now();
    auto shown = start;
    while (interrupted == 0 && s.run_rounds(1U << 16U) == sim::status::paused) {
        if (!show || seconds_since(shown) < 0.2) continue;
        shown = std::chrono::steady_clock::now();
        const double share = traces.empty() ? 0 : traces.front()->progress().value_or(0);
        const double wall = seconds_since(start);
        fmt::print(stderr, "\r{:5.1f} %  day {:.1f}  {:.2f} M events/s  ETA {:.0f} s   ", 100 * share, to_seconds(s.now()) / 86400,
                   static_cast<double>(s.events_processed()) / wall / 1e6, share > 0 ? wall * (1 - share) / share : 0.0);
    }
    const auto& result = s.results();
    const double wall_s = seconds_since(start) - (s.reading_s() - read_before);
    if (show) fmt::print(stderr, "\r\033[K");

    const auto writing = std::chrono::steady_clock::now();
    if (sc.output.jobs) write_jobs(dir / "jobs.csv", s);
    std::ofstream(dir / "resolved.yaml") << scenario::write_resolved(sc);
    std::ofstream(dir / "summary.json") << to_json(sc, result).dump(2) << '\n';
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    json about{{"wall_s", wall_s}, {"load_s", load_s + s.reading_s() - read_before}, {"write_s", seconds_since(writing)},
               {"events", s.events_processed()}, {"events_per_s", static_cast<double>(s.events_processed()) / wall_s},
               {"peak_rss_bytes", usage.ru_maxrss * 1024}, {"peak_queue", s.peak_queue()}, {"version", version}, {"compiler", compiler}};
    for (auto* t : traces) {
        if (interrupted == 0) about["inputs"][t->path()] = io::digest_text(t->finish_digest());
    }
    std::ofstream(dir / "run.json") << about.dump(2) << '\n';
    print_summary(sc, result, s.peak_queue());
    return interrupted != 0 ? 4 : 0;
}

}  // namespace ampacity::cli
