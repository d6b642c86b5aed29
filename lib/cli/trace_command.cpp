#include "trace_command.hpp"

#include "skipped_text.hpp"
#include "text_table.hpp"

#include <ampacity/core/accounts.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/io/convert_trace.hpp>
#include <ampacity/io/csv_reader.hpp>
#include <ampacity/io/run_files.hpp>
#include <ampacity/io/trace_statistics.hpp>
#include <ampacity/report/text.hpp>
#include <ampacity/scenario/units.hpp>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::cli {
namespace {

using json = nlohmann::ordered_json;
using report::fixed;
using report::grouped;

double hours(const io::job_share& s) { return to_gpu_hours(s.time); }

double percentage(double part, double whole) { return whole > 0 ? 100 * part / whole : 0; }

/// "12.3 % of the jobs, 4.5 % of the GPU-hours"
std::string shares_text(const io::job_share& part, const io::job_share& all) {
    return fmt::format("{} % of the jobs, {} % of the GPU-hours",
                       fixed(percentage(static_cast<double>(part.jobs), static_cast<double>(all.jobs)), 1),
                       fixed(percentage(hours(part), hours(all)), 1));
}

/// The GPUs that the offered load is for, and the load.
std::optional<std::pair<std::uint64_t, double>> load_of(const io::trace_statistics& s, const trace_options& o) {
    const auto gpus = o.gpus ? o.gpus : s.header.max_procs;
    if (!gpus) return std::nullopt;
    const auto load = io::offered_load(s, *gpus);
    if (!load) return std::nullopt;
    return std::pair{*gpus, *load};
}

struct named_values {
    const char* title;
    const char* key;
    int decimals;
    const std::optional<io::value_statistics>& values;
};

std::vector<named_values> quantities(const io::trace_statistics& s) {
    return {{"duration [s]", "duration_s", 1, s.duration_s},
            {"interarrival [s]", "interarrival_s", 1, s.interarrival_s},
            {"GPUs", "gpus", 2, s.gpus},
            {"estimate / duration", "estimate_factor", 2, s.estimate_factor},
            {"recorded wait [s]", "wait_s", 1, s.wait_s}};
}

void print_sizes(const io::trace_statistics& s) {
    constexpr std::size_t most = 12;
    auto sizes = s.sizes;
    io::job_share others;
    std::size_t num_others = 0;
    if (sizes.size() > most) {
        std::stable_sort(sizes.begin(), sizes.end(),
                         [](const auto& a, const auto& b) { return a.share.jobs > b.share.jobs; });
        for (std::size_t i = most; i < sizes.size(); ++i) {
            others.jobs += sizes[i].share.jobs;
            others.time += sizes[i].share.time;
        }
        num_others = sizes.size() - most;
        sizes.resize(most);
        std::sort(sizes.begin(), sizes.end(), [](const auto& a, const auto& b) { return a.gpus < b.gpus; });
    }
    text_table table{20, {14, 14, 16, 16}};
    const auto row = [&](const std::string& name, const io::job_share& share) {
        table.row({name, grouped(share.jobs),
                   fixed(percentage(static_cast<double>(share.jobs), static_cast<double>(s.all.jobs)), 1),
                   fixed(hours(share), 1), fixed(percentage(hours(share), hours(s.all)), 1)});
    };
    table.row({"GPUs of a job", "jobs", "% of jobs", "GPU-hours", "% of GPU-hours"});
    for (const auto& size : sizes) row(grouped(size.gpus), size.share);
    if (num_others != 0) row(fmt::format("{} other sizes", grouped(num_others)), others);
    fmt::print("\n");
    table.print();
}

void print_owners(const char* what, const io::owner_statistics& o, const io::job_share& all) {
    if (o.count == 0) return;
    fmt::print("{:<22}{}; the largest, {}, has {}\n", what, grouped(o.count), io::printable(o.largest),
               shares_text(o.largest_share, all));
}

std::string header_text(const io::trace_header& h) {
    std::string out;
    const auto add = [&out](const char* key, const std::string& value) {
        out += (out.empty() ? "" : ", ") + std::string{key} + ' ' + value;
    };
    if (h.max_nodes) add("MaxNodes", grouped(*h.max_nodes));
    if (h.max_procs) add("MaxProcs", grouped(*h.max_procs));
    if (h.unix_start_s) add("UnixStartTime", std::to_string(*h.unix_start_s));
    return out;
}

void print_text(const io::trace_statistics& s, const trace_options& o) {
    std::uint64_t skipped = 0;
    for (const auto& [reason, count] : s.skipped) skipped += count;
    fmt::print("{}  format {}\n", o.file, s.format);
    fmt::print("{} records: {} jobs, {} skipped{}\n", grouped(s.all.jobs + skipped), grouped(s.all.jobs),
               grouped(skipped), s.skipped.empty() ? "" : " (" + skipped_text(s.skipped) + ")");
    if (const std::string header = header_text(s.header); !header.empty()) fmt::print("header: {}\n", header);
    if (s.all.jobs == 0) {
        fmt::print("no job: there is nothing to sum up\n");
        return;
    }
    fmt::print("span {} days  {} GPU-hours", fixed(to_seconds(*s.span) / 86400, 2), fixed(hours(s.all), 1));
    if (const auto load = load_of(s, o))
        fmt::print("  offered load on {} GPUs {}", grouped(load->first), fixed(load->second, 4));
    fmt::print("\n\n");
    text_table table{20, {14, 14, 14, 14, 14, 14, 14}};
    table.row({"", "values", "mean", "p50", "p90", "p95", "p99", "max"});
    for (const auto& [title, key, decimals, v] : quantities(s)) {
        if (!v) continue;
        std::vector<std::string> cells{title, grouped(v->count)};
        for (const double x : {v->mean, v->p50, v->p90, v->p95, v->p99, v->max}) cells.push_back(fixed(x, decimals));
        table.row(std::move(cells));
    }
    table.print();
    print_sizes(s);
    fmt::print("\n");
    print_owners("users", s.users, s.all);
    print_owners("groups", s.groups, s.all);
    const auto row = [&](const std::string& name, const io::job_share& share) {
        fmt::print("{:<22}{}: {}\n", name, grouped(share.jobs), shares_text(share, s.all));
    };
    for (std::size_t i = 0; s.records_endings && i < s.ended.size(); ++i) {
        if (s.ended[i].jobs != 0) row(fmt::format("recorded as {}", io::ending_names[i]), s.ended[i]);
    }
    row("end after last submit", s.open_at_last_submit);
}

json to_json(const io::value_statistics& v) {
    return {{"count", v.count}, {"mean", v.mean}, {"p50", v.p50}, {"p90", v.p90},
            {"p95", v.p95},     {"p99", v.p99},   {"max", v.max}};
}
json to_json(const io::job_share& s) { return {{"jobs", s.jobs}, {"gpu_hours", hours(s)}}; }
json to_json(const io::owner_statistics& o) {
    json out{{"count", o.count}, {"largest", to_json(o.largest_share)}};
    out["largest"]["name"] = o.largest;
    return out;
}

void print_json(const io::trace_statistics& s, const trace_options& o) {
    json out{{"schema", 1}, {"format", s.format}, {"jobs", s.all.jobs}, {"skipped", json::object()}};
    for (const auto& [reason, count] : s.skipped) out["skipped"][std::string{reason}] = count;
    json header = json::object();
    if (s.header.max_nodes) header["max_nodes"] = *s.header.max_nodes;
    if (s.header.max_procs) header["max_procs"] = *s.header.max_procs;
    if (s.header.unix_start_s) header["unix_start_s"] = *s.header.unix_start_s;
    if (!header.empty()) out["header"] = header;
    if (s.span) out["span_s"] = to_seconds(*s.span);
    out["gpu_hours"] = hours(s.all);
    if (const auto load = load_of(s, o)) out["offered_load"] = {{"gpus", load->first}, {"load", load->second}};
    for (const auto& [title, key, decimals, v] : quantities(s)) {
        if (v) out[key] = to_json(*v);
    }
    out["sizes"] = json::array();
    for (const auto& size : s.sizes) {
        json entry{{"gpus", size.gpus}};
        entry.update(to_json(size.share));
        out["sizes"].push_back(std::move(entry));
    }
    if (s.users.count != 0) out["users"] = to_json(s.users);
    if (s.groups.count != 0) out["groups"] = to_json(s.groups);
    if (s.records_endings) {
        for (std::size_t i = 0; i < s.ended.size(); ++i) {
            if (s.ended[i].jobs != 0) out["ended"][std::string{io::ending_names[i]}] = to_json(s.ended[i]);
        }
    }
    out["open_at_last_submit"] = to_json(s.open_at_last_submit);
    fmt::print("{}\n", out.dump(2, ' ', false, json::error_handler_t::replace));
}

duration parse_reorder(const std::string& text) {
    duration out{};
    auto fault = scenario::parse(text, out);
    if (!fault && out < duration::zero()) fault = scenario::fault{"negative", "give 0 or more"};
    if (fault)
        throw scenario_error({{.file = "--reorder " + io::printable(text)},
                              "reorder",
                              std::move(fault->what),
                              io::printable(text),
                              std::move(fault->remedy)});
    return out;
}

int convert(const io::job_trace_options& source, const trace_options& o) {
    if (!o.output.empty()) {
        for (const char* ending : {".gz", ".zst"}) {
            if (!o.output.ends_with(ending)) continue;
            throw scenario_error({.where = {.file = o.output, .line = 1, .column = 1},
                                  .key = {},
                                  .what = "converted traces are written as plain text",
                                  .value = ending,
                                  .remedy = "leave the ending out and compress the file afterwards"});
        }
        const auto done = io::convert_to_jobs_csv(source, std::filesystem::path{o.output});
        fmt::print("{}: {} jobs; skipped records: {}\n", o.output, done.jobs,
                   done.skipped.empty() ? "none" : skipped_text(done.skipped));
        return 0;
    }
    const auto done = io::convert_to_jobs_csv(
        source, [](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); });
    if (!done.skipped.empty())
        fmt::print(stderr, "ampacity: skipped records of {}: {}\n", o.file, skipped_text(done.skipped));
    return 0;
}

}  // namespace

int trace(const trace_options& o) {
    io::job_trace_options source{.path = o.file};
    if (!o.reorder.empty()) source.reorder = parse_reorder(o.reorder);
    source.format = o.format.empty() ? std::string{io::guess_job_trace_format(o.file)} : o.format;
    try {
        if (!o.to.empty()) return convert(source, o);
        const auto statistics = io::read_statistics(source);
        o.json ? print_json(statistics, o) : print_text(statistics, o);
    } catch (const scenario_error& e) {
        // An unknown format was named on the command line.
        if (!e.details().where.file.empty() || e.details().key != "format") throw;
        diagnostic d = e.details();
        d.where.file = "--format " + io::printable(o.format);
        throw scenario_error(std::move(d));
    }
    return 0;
}

}  // namespace ampacity::cli
