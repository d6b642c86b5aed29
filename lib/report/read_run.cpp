#include "json_file.hpp"
#include "read_details.hpp"
#include "result_table.hpp"

#include <ampacity/report/run_report.hpp>
#include <ampacity/report/text.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

namespace ampacity::report {
namespace {

constexpr std::size_t most_listed = 20;
constexpr const char* remedy_of_mixture = "give the folder of one run, as `ampacity run` left it";

enum job_column : std::size_t {
    job_name,
    submit_s,
    start_s,
    finish_s,
    gpus,
    state,
    preemptions,
    restarts,
    useful_gpu_s
};

sim::outcome read_state(const result_table& rows) {
    static constexpr std::array<std::string_view, 4> names{"unfinished", "finished", "rejected", "killed"};
    const auto at = std::find(names.begin(), names.end(), rows[state]);
    if (at == names.end()) rows.fail(state, "unknown state", "known: finished, rejected, killed, unfinished");
    return static_cast<sim::outcome>(at - names.begin());
}

/// The slowest finished jobs so far, as a heap with the least slow in front.
class slowest_jobs {
public:
    explicit slowest_jobs(const job_columns& jobs) : slower_{jobs} {}

    /// The last row of the columns.
    void offer(const result_table& rows) {
        const std::size_t row = slower_.jobs.size() - 1;
        if (listed_.size() == most_listed && !slower_(row, listed_.front().row)) return;
        listed_.push_back({row, std::string{rows[job_name]}, static_cast<std::uint64_t>(rows.count(preemptions)),
                           static_cast<std::uint64_t>(rows.count(restarts))});
        std::push_heap(listed_.begin(), listed_.end(), slower_);
        if (listed_.size() <= most_listed) return;
        std::pop_heap(listed_.begin(), listed_.end(), slower_);
        listed_.pop_back();
    }
    [[nodiscard]] std::vector<listed_job> take() {
        std::sort_heap(listed_.begin(), listed_.end(), slower_);
        return std::move(listed_);
    }

private:
    struct order {
        const job_columns& jobs;
        bool operator()(std::size_t a, std::size_t b) const {
            const duration jct_a = jobs.finish[a] - jobs.submit[a];
            const duration jct_b = jobs.finish[b] - jobs.submit[b];
            return jct_a != jct_b ? jct_a > jct_b : a < b;
        }
        bool operator()(const listed_job& a, const listed_job& b) const { return (*this)(a.row, b.row); }
    };

    order slower_;
    std::vector<listed_job> listed_;
};

/// `eligible` is its column, where the run has jobs that waited for others before they entered the queue.
void read_job(const result_table& rows, std::optional<std::size_t> eligible, job_columns& to) {
    const instant submit = rows.time(submit_s);
    to.submit.push_back(eligible ? rows.time_or_unset(*eligible) : submit);
    if (eligible && to.submit.back() != sim::unset && to.submit.back() < submit)
        rows.fail(*eligible, "before submit_s", "correct the times");
    to.start.push_back(rows.time_or_unset(start_s));
    to.finish.push_back(rows.time_or_unset(finish_s));
    to.state.push_back(read_state(rows));
    const std::int64_t size = rows.count(gpus);
    if (size > std::int64_t{1} << 31U) rows.fail(gpus, "too large", "give at most 2147483648 GPUs");
    to.gpus.push_back(static_cast<std::uint32_t>(size));
    to.useful_gpu_s.push_back(rows.amount(useful_gpu_s));
    const std::int64_t runs = 1 + rows.count(preemptions) + rows.count(restarts);
    if (runs > std::int64_t{1} << 31U) rows.fail(preemptions, "too large", "give at most 2147483648 runs of a job");
    if (runs != 1) to.ran_in_one_piece = false;
    to.runs.push_back(static_cast<std::uint32_t>(runs));
    to.names += rows[job_name];
    to.ends.push_back(to.names.size());

    const instant start = to.start.back();
    const instant finish = to.finish.back();
    const bool is_finished = to.state.back() == sim::outcome::finished;
    if (start == sim::unset && is_finished) rows.fail(start_s, "value missing", "a finished job has a start");
    if (finish == sim::unset && is_finished) rows.fail(finish_s, "value missing", "a finished job has an end");
    if (start != sim::unset && to.submit.back() == sim::unset)
        rows.fail(*eligible, "value missing", "a job that started has entered the queue");
    if (start != sim::unset && start < to.submit.back()) rows.fail(start_s, "before submit_s", "correct the times");
    if (finish != sim::unset && finish < std::max(start, to.submit.back())) {
        rows.fail(finish_s, "before the job began", "correct the times");
    }
}

void read_jobs(const std::filesystem::path& file, run_files& to) {
    result_table rows{
        file,
        {"job_id", "submit_s", "start_s", "finish_s", "gpus", "state", "preemptions", "restarts", "useful_gpu_s"}};
    const auto eligible = rows.optional("eligible_s");
    job_columns& jobs = to.jobs.emplace();
    slowest_jobs slowest{jobs};
    while (rows.next()) {
        read_job(rows, eligible, jobs);
        if (jobs.state.back() == sim::outcome::finished) slowest.offer(rows);
    }
    to.slowest = slowest.take();
    const auto of = [&](sim::outcome s) {
        return static_cast<std::uint64_t>(std::count(jobs.state.begin(), jobs.state.end(), s));
    };
    const run_summary& s = to.summary;
    if (jobs.size() != s.submitted || of(sim::outcome::finished) != s.finished ||
        of(sim::outcome::unfinished) != s.unfinished || of(sim::outcome::rejected) != s.rejected) {
        throw data_error({{file.string(), 0, 0},
                          {},
                          "is not of the run that summary.json describes",
                          grouped(jobs.size()) + " jobs, " + grouped(of(sim::outcome::finished)) + " finished, where " +
                              grouped(s.submitted) + " and " + grouped(s.finished) + " are expected",
                          remedy_of_mixture});
    }
}

/// Nothing of a file without times. Of the counts all are read, or none.
telemetry_columns read_telemetry(const std::filesystem::path& file) {
    result_table rows{file, {}};
    const auto time_s = rows.optional("time_s");
    const auto queued = rows.optional("queued_jobs");
    const auto busy = rows.optional("busy_gpus");
    const auto free = rows.optional("free_gpus");
    const auto it_w = rows.optional("it_w");
    const auto utility_w = rows.optional("utility_w");
    telemetry_columns out;
    if (!time_s) return out;
    const std::array<std::pair<std::optional<std::size_t>, std::vector<double>*>, 6> others{
        {{rows.optional("carbon_g_per_kwh"), &out.carbon_g_kwh},
         {rows.optional("price_usd_per_mwh"), &out.price_usd_mwh},
         {rows.optional("carbon_kg"), &out.carbon_kg},
         {rows.optional("cost_usd"), &out.cost_usd},
         {rows.optional("gpu_temperature_mean_c"), &out.gpu_mean_c},
         {rows.optional("gpu_temperature_max_c"), &out.gpu_max_c}}};
    while (rows.next()) {
        const instant at = rows.time(*time_s);
        if (!out.time.empty() && at < out.time.back())
            rows.fail(*time_s, "earlier than the row before", "sort the rows");
        out.time.push_back(at);
        if (queued && busy && free) {
            out.queued.push_back(rows.count(*queued));
            out.busy_gpus.push_back(rows.count(*busy));
            out.free_gpus.push_back(rows.count(*free));
        }
        if (it_w && utility_w) {
            out.it_w.push_back(rows.amount(*it_w));
            out.utility_w.push_back(rows.amount(*utility_w));
        }
        for (const auto& [column, values] : others) {
            if (column) values->push_back(rows.value_or_nan(*column));
        }
    }
    return out;
}

/// All values below a JSON value, by dotted name.
void add_leaves(const std::string& name, const json_file::json_value& v, std::vector<named_text>& to) {
    if (v.is_structured()) {
        for (const auto& [key, inner] : v.items()) add_leaves(name.empty() ? key : name + '.' + key, inner, to);
    } else if (v.is_number_unsigned()) {
        to.push_back({name, grouped(v.get<std::uint64_t>())});
    } else if (v.is_number()) {
        to.push_back({name, significant(v.get<double>(), 6)});
    } else if (v.is_string()) {
        to.push_back({name, v.get<std::string>()});
    } else if (!v.is_null()) {
        to.push_back({name, v.dump()});
    }
}

void add_numbers(const std::string& name, const json_file::json_value& v, figures& to) {
    if (v.is_number()) to.values.emplace_back(name, v.get<double>());
    if (!v.is_object()) return;
    for (const auto& [key, inner] : v.items()) add_numbers(name.empty() ? key : name + '.' + key, inner, to);
}

/// The numbers of each member of an object, such as of each service.
std::vector<figures> read_members(const json_file& file, const std::string& name) {
    std::vector<figures> out;
    const auto* const members = file.find(name);
    if (members == nullptr || !members->is_object()) return out;
    for (const auto& [key, value] : members->items()) {
        out.push_back({key, {}});
        add_numbers("", value, out.back());
    }
    return out;
}

std::optional<sim::distribution_summary> read_distribution(const json_file& file, const std::string& name) {
    if (file.find(name) == nullptr) return std::nullopt;
    return sim::distribution_summary{.mean = file.number(name + ".mean"),
                                     .p50 = file.number(name + ".p50"),
                                     .p90 = file.number(name + ".p90"),
                                     .p99 = file.number(name + ".p99"),
                                     .max = file.number(name + ".max")};
}

duration read_simulated(const json_file& file) {
    const double seconds = file.number("simulated_s");
    if (seconds > longest_s) {
        file.fail("simulated_s", "not a time", significant(seconds, 6), "give seconds from 0 to 290 years");
    }
    return duration{std::llround(seconds * 1e9)};
}

run_summary read_summary(const std::filesystem::path& path) {
    const json_file file{path};
    if (const std::uint64_t schema = file.count("schema"); schema != 1) {
        file.fail("schema", "is of another version of Ampacity", std::to_string(schema),
                  "use that version for the report, or run the simulation again");
    }
    run_summary out{.scenario = file.text("scenario"),
                    .policy = file.text("policy"),
                    .seed = std::to_string(file.count("seed")),
                    .simulated = read_simulated(file),
                    .interrupted = file.find("interrupted") != nullptr && *file.find("interrupted") == true,
                    .submitted = file.count("jobs.submitted"),
                    .finished = file.count("jobs.finished"),
                    .rejected = file.count("jobs.rejected"),
                    .killed = file.count("jobs.killed"),
                    .unfinished = file.count("jobs.unfinished"),
                    .preemptions = file.count("jobs.preemptions"),
                    .skipped = {},
                    .jct_s = read_distribution(file, "jct_s"),
                    .wait_s = read_distribution(file, "wait_s"),
                    .bounded_slowdown = read_distribution(file, "bounded_slowdown"),
                    .makespan_s = file.optional_number("makespan_s"),
                    .utilisation = file.optional_number("utilisation"),
                    .capacity_gpu_hours = file.optional_number("gpu_hours.capacity"),
                    .nameplate_w = file.optional_number("power_w.nameplate"),
                    .gpu_hours = {},
                    .further = {},
                    .services = {},
                    .trainings = {},
                    .sites = {},
                    .numbers = {}};
    if (const auto* skipped = file.find("jobs.skipped"); skipped != nullptr && skipped->is_object()) {
        for (const auto& [reason, count] : skipped->items())
            out.skipped.emplace_back(reason, file.count("jobs.skipped." + reason));
    }
    if (const auto* hours = file.find("gpu_hours"); hours != nullptr && hours->is_object()) {
        for (const auto& [account, value] : hours->items()) {
            if (account != "capacity") out.gpu_hours.emplace_back(account, file.number("gpu_hours." + account));
        }
    }
    static constexpr std::array<std::string_view, 13> shown{
        "schema", "scenario", "policy",           "seed",       "simulated_s", "interrupted", "jobs",
        "jct_s",  "wait_s",   "bounded_slowdown", "makespan_s", "utilisation", "gpu_hours"};
    for (const auto& [key, value] : file.root().items()) {
        if (std::find(shown.begin(), shown.end(), key) == shown.end()) add_leaves(key, value, out.further);
        if (key != "services" && key != "training") add_numbers(key, value, out.numbers);
    }
    out.services = read_members(file, "services");
    out.trainings = read_members(file, "training");
    out.sites = read_members(file, "sites");
    return out;
}

void read_facts(const std::filesystem::path& path, run_files& to) {
    const json_file file{path};
    std::vector<named_text>& facts = to.facts.emplace();
    for (const auto& [key, value] : file.root().items()) {
        const bool is_bytes = key.ends_with("_bytes") && value.is_number_unsigned();
        const bool is_time = key.ends_with("_s") && !key.ends_with("per_s") && value.is_number() && value >= 0;
        if (is_bytes) {
            facts.push_back({key, human_bytes(value.get<std::uint64_t>())});
        } else if (is_time) {
            facts.push_back({key, human_seconds(value.get<double>())});
        } else if (key == "inputs" && value.is_object()) {
            for (const auto& [input, hash] : value.items()) {
                to.inputs.push_back({input, hash.is_string() ? hash.get<std::string>() : hash.dump()});
            }
        } else if (key == "notes" && value.is_array()) {
            for (const auto& note : value) {
                if (note.is_string()) to.remarks.push_back(note.get<std::string>());
            }
        } else {
            add_leaves(key, value, facts);
        }
    }
}

}  // namespace

run_files read_run(const std::filesystem::path& directory) {
    namespace fs = std::filesystem;
    std::error_code ignored;
    if (!fs::is_directory(directory, ignored)) {
        const char* const what = fs::exists(directory, ignored) ? "is not a folder" : "there is no such folder";
        throw scenario_error({{directory.string(), 0, 0},
                              {},
                              what,
                              {},
                              "give the output folder of `ampacity run`, or the file that `ampacity sweep` wrote"});
    }
    const auto has = [&](const char* name) { return fs::exists(directory / name, ignored); };
    if (!has("summary.json")) {
        throw data_error({{(directory / "summary.json").string(), 0, 0},
                          {},
                          "there is no such file",
                          {},
                          "give the output folder of `ampacity run`; a run writes it at its end"});
    }
    run_files out;
    out.summary = read_summary(directory / "summary.json");
    if (has("jobs.csv")) read_jobs(directory / "jobs.csv", out);
    if (has("telemetry.csv")) out.telemetry = read_telemetry(directory / "telemetry.csv");
    if (has("resolved.yaml")) out.resolved = read_text(directory / "resolved.yaml");
    if (has("run.json")) read_facts(directory / "run.json", out);
    if (out.jobs && has("placement.csv")) out.placement = read_placement(directory / "placement.csv", *out.jobs);
    if (has("services.csv")) out.service_rows = read_service_samples(directory / "services.csv");
    if (has("feeds.csv")) out.feeds = read_feeds(directory / "feeds.csv");
    if (has("years.csv")) out.years = read_years(directory / "years.csv");
    for (const figures& service : out.summary.services) {
        const std::string own = out.summary.services.size() == 1 ? "requests.csv" : "requests-" + service.name + ".csv";
        if (has(own.c_str())) out.requests.push_back(read_requests(directory / own, service.name));
    }
    if (out.resolved) read_description(directory / "resolved.yaml", out);
    return out;
}

std::optional<double> figures::find(std::string_view key) const {
    const auto at = std::find_if(values.begin(), values.end(), [&](const auto& v) { return v.first == key; });
    return at == values.end() ? std::nullopt : std::optional{at->second};
}

double year_row::find(std::string_view column) const noexcept {
    const auto at = std::find_if(values.begin(), values.end(), [&](const auto& v) { return v.first == column; });
    return at == values.end() ? std::numeric_limits<double>::quiet_NaN() : at->second;
}

}  // namespace ampacity::report
