#include "read_details.hpp"

#include "result_table.hpp"

#include <ampacity/io/scenario_file.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <string_view>
#include <unordered_map>

namespace ampacity::report {
namespace {

/// Finds the jobs of starts. Names need not be unique: of equal ones the job is meant whose first start it is, and
/// later the one that was meant before.
class job_finder {
public:
    explicit job_finder(const job_columns& jobs) : jobs_(jobs) {
        sorted_.resize(jobs.size());
        std::iota(sorted_.begin(), sorted_.end(), std::size_t{0});
        std::stable_sort(sorted_.begin(), sorted_.end(),
                         [&](std::size_t a, std::size_t b) { return jobs.name(a) < jobs.name(b); });
    }

    [[nodiscard]] std::optional<std::size_t> find(std::string_view name, instant start) {
        const auto begin = std::lower_bound(sorted_.begin(), sorted_.end(), name,
                                            [&](std::size_t row, std::string_view n) { return jobs_.name(row) < n; });
        if (begin == sorted_.end() || jobs_.name(*begin) != name) return std::nullopt;
        const std::size_t key = *begin;
        for (auto at = begin; at != sorted_.end() && jobs_.name(*at) == name; ++at) {
            if (jobs_.start[*at] == start) return meant_[key] = *at;
        }
        const auto before = meant_.find(key);
        return before == meant_.end() ? key : before->second;
    }

private:
    const job_columns& jobs_;
    std::vector<std::size_t> sorted_;
    std::unordered_map<std::size_t, std::size_t> meant_;
};

/// Reads `node:gpus;node:gpus`.
void read_parts(const result_table& rows, std::size_t column, std::vector<placement_columns::part>& to) {
    std::string_view text = rows[column];
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(';'), text.size());
        placement_columns::part p;
        const char* const last = text.data() + end;
        const auto node = std::from_chars(text.data(), last, p.node);
        if (node.ec != std::errc{} || node.ptr == last || *node.ptr != ':')
            rows.fail(column, "not a list of nodes", "give NODE:GPUS, separated by ;");
        const auto gpus = std::from_chars(node.ptr + 1, last, p.gpus);
        if (gpus.ec != std::errc{} || gpus.ptr != last)
            rows.fail(column, "not a list of nodes", "give NODE:GPUS, separated by ;");
        to.push_back(p);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

double amount_or(const result_table& rows, std::size_t column, double otherwise) {
    return rows[column].empty() ? otherwise : rows.amount(column);
}

void add_racks(const std::vector<scenario::rack_group>& groups, const std::string& site, fleet_shape& to) {
    for (const scenario::rack_group& g : groups) {
        for (std::uint64_t r = 0; r != g.count; ++r) {
            to.rack_begin.push_back(static_cast<std::uint32_t>(to.node_gpus.size()));
            to.rack_site.push_back(site);
            to.node_gpus.insert(to.node_gpus.end(), g.nodes_per_rack, static_cast<std::uint32_t>(g.gpus_per_node));
        }
    }
}

constexpr std::uint64_t most_nodes = 4'000'000;  ///< beyond it nothing of the fleet is drawn by node

std::uint64_t nodes_of(const std::vector<scenario::rack_group>& groups) {
    std::uint64_t sum = 0;
    for (const scenario::rack_group& g : groups) sum += g.count * g.nodes_per_rack;
    return sum;
}

fleet_shape shape_of(const scenario::fleet& f) {
    fleet_shape out;
    std::uint64_t nodes = nodes_of(f.racks);
    for (const scenario::node_group& g : f.nodes) nodes += g.count;
    for (const scenario::site& s : f.sites) nodes += nodes_of(s.racks);
    if (nodes > most_nodes) return out;
    for (const scenario::node_group& g : f.nodes)
        out.node_gpus.insert(out.node_gpus.end(), g.count, static_cast<std::uint32_t>(g.gpus));
    add_racks(f.racks, "", out);
    for (const scenario::site& s : f.sites) add_racks(s.racks, f.sites.size() > 1 ? s.name : "", out);
    return out;
}

std::string_view name_of(scenario::power_event_kind k) {
    static constexpr std::array<std::string_view, 7> names{
        "loss", "maintenance", "limit", "demand response", "loss of cooling", "loss of flow", "price spike"};
    return names[static_cast<std::size_t>(k)];
}

}  // namespace

placement_columns read_placement(const std::filesystem::path& file, const job_columns& jobs) {
    result_table rows{file, {"job_id", "start_s", "nodes"}};
    job_finder finder{jobs};
    placement_columns out;
    while (rows.next()) {
        const instant at = rows.time(1);
        if (!out.start.empty() && at < out.start.back())
            rows.fail(1, "earlier than the row before", "sort the rows by start_s");
        const auto job = finder.find(rows[0], at);
        if (!job) rows.fail(0, "no such job in jobs.csv", "give the files of one run, as `ampacity run` left them");
        out.job.push_back(*job);
        out.start.push_back(at);
        read_parts(rows, 2, out.parts);
        out.ends.push_back(out.parts.size());
    }
    return out;
}

request_columns read_requests(const std::filesystem::path& file, const std::string& service) {
    result_table rows{file, {"arrival_s", "ttft_s", "finish_s", "output_tokens", "state"}};
    request_columns out;
    out.service = service;
    while (rows.next()) {
        const instant arrival = rows.time(0);
        const bool finished = rows[4] == "finished";
        out.arrival.push_back(arrival);
        out.ttft.push_back(rows[1].empty() ? -1 : ticks(rows.time(1) - start_of_time));
        out.finish.push_back(rows.time_or_unset(2));
        if (finished && (out.finish.back() == sim::unset || out.ttft.back() < 0))
            rows.fail(4, "a finished request without times", "give the file as `ampacity run` wrote it");
        if (out.finish.back() != sim::unset && out.finish.back() < arrival)
            rows.fail(2, "before arrival_s", "correct the times");
        const std::int64_t tokens = rows.count(3);
        out.output_tokens.push_back(static_cast<std::uint32_t>(std::min<std::int64_t>(tokens, 0xFFFF'FFFF)));
        out.finished.push_back(finished);
    }
    return out;
}

std::vector<service_samples> read_service_samples(const std::filesystem::path& file) {
    result_table rows{file,
                      {"time_s", "service", "arrived", "shed", "waiting", "running", "kv_occupancy",
                       "prefill_tokens_per_s", "output_tokens_per_s", "ttft_p50_s", "ttft_p99_s", "slo_attainment"}};
    constexpr std::array columns{&service_samples::arrived,
                                 &service_samples::shed,
                                 &service_samples::waiting,
                                 &service_samples::running,
                                 &service_samples::kv_occupancy,
                                 &service_samples::prefill_tokens_per_s,
                                 &service_samples::output_tokens_per_s,
                                 &service_samples::ttft_p50_s,
                                 &service_samples::ttft_p99_s,
                                 &service_samples::attainment};
    std::vector<service_samples> out;
    std::map<std::string, std::size_t, std::less<>> known;
    while (rows.next()) {
        auto at = known.find(rows[1]);
        if (at == known.end()) {
            at = known.emplace(std::string{rows[1]}, out.size()).first;
            out.emplace_back().service = at->first;
        }
        service_samples& to = out[at->second];
        const instant time = rows.time(0);
        if (!to.time.empty() && time <= to.time.back())
            rows.fail(0, "not later than the row before of this service", "sort the rows by time_s");
        to.time.push_back(time);
        for (std::size_t k = 0; k != columns.size(); ++k) (to.*columns[k]).push_back(rows.value_or_nan(2 + k));
    }
    return out;
}

std::vector<feed_columns> read_feeds(const std::filesystem::path& file) {
    result_table rows{file, {"time_s", "feed", "load_w", "limit_w", "charge"}};
    std::vector<feed_columns> out;
    std::map<std::string, std::size_t, std::less<>> known;
    while (rows.next()) {
        auto at = known.find(rows[1]);
        if (at == known.end()) {
            at = known.emplace(std::string{rows[1]}, out.size()).first;
            out.push_back({.name = at->first, .time = {}, .load_w = {}, .limit_w = {}, .charge = {}});
        }
        feed_columns& feed = out[at->second];
        const instant time = rows.time(0);
        if (!feed.time.empty() && time < feed.time.back())
            rows.fail(0, "earlier than the row before of this feed", "sort the rows by time_s");
        feed.time.push_back(time);
        feed.load_w.push_back(rows.amount(2));
        feed.limit_w.push_back(amount_or(rows, 3, -1));
        feed.charge.push_back(amount_or(rows, 4, -1));
    }
    return out;
}

std::vector<year_row> read_years(const std::filesystem::path& file) {
    static constexpr std::array<std::string_view, 24> numbers{"hours",
                                                              "gpu_hours_in_service",
                                                              "gpu_hours_useful",
                                                              "gpu_hours_lost",
                                                              "gpu_hours_checkpoint",
                                                              "gpu_hours_restart",
                                                              "gpu_hours_stalled",
                                                              "gpu_hours_idle",
                                                              "gpu_hours_draining",
                                                              "gpu_hours_down",
                                                              "interruptions",
                                                              "it_kwh",
                                                              "facility_kwh",
                                                              "pue",
                                                              "carbon_location_kg",
                                                              "carbon_embodied_kg",
                                                              "energy_usd",
                                                              "demand_usd",
                                                              "rent_usd",
                                                              "contract_usd",
                                                              "capital_usd",
                                                              "requests",
                                                              "finished",
                                                              "output_tokens"};
    result_table rows{file, {"year", "site", "hours"}};
    std::vector<std::pair<std::string_view, std::size_t>> known;
    for (const std::string_view name : numbers) {
        if (const auto at = rows.optional(name)) known.emplace_back(name, *at);
    }
    std::vector<year_row> out;
    while (rows.next()) {
        year_row& r = out.emplace_back();
        const std::int64_t year = rows.count(0);
        if (year > 9999) rows.fail(0, "not a year", "give the file as `ampacity run` wrote it");
        r.year = static_cast<int>(year);
        // The row of all stands first, whatever sites are called.
        const bool begins = out.size() == 1 || out[out.size() - 2].year != r.year;
        if (rows[1] != "all" || !begins) r.site = rows[1];
        for (const auto& [name, at] : known) r.values.emplace_back(name, rows.value_or_nan(at, 1e24));
    }
    return out;
}

void read_description(const std::filesystem::path& file, run_files& to) {
    try {
        const auto loaded = io::read_scenario_text(file.string(), *to.resolved, {}, file.parent_path());
        to.fleet = shape_of(loaded.value.fleet);
        if (!loaded.value.power) return;
        for (const scenario::power_event& e : loaded.value.power->events) {
            to.events.push_back({.start = start_of_time + e.start,
                                 .end = start_of_time + e.start + e.length,
                                 .feed = e.feed,
                                 .what = std::string{name_of(e.kind)}});
        }
    } catch (const input_error& e) {
        to.notes.push_back("resolved.yaml cannot be understood, so nodes, racks and planned events are not shown: " +
                           e.details().what);
    }
}

}  // namespace ampacity::report
