#include "steady_command.hpp"

#include "text_table.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/core/suggest.hpp>
#include <ampacity/experiment/steady_state.hpp>
#include <ampacity/report/run_report.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <numeric>
#include <string_view>
#include <utility>

namespace ampacity::cli {
namespace {

/// Values of one metric in the order in which jobs were submitted, or requests arrived.
struct sequence {
    std::string name;  ///< of the metric
    std::string of;    ///< whose: of jobs empty, else the service
    std::vector<double> values{};
};

bool is_of_jobs(std::string_view metric) {
    return metric == "jct_s" || metric == "wait_s" || metric == "bounded_slowdown";
}

/// Rows that have ended, by the time at which they came; equal times as in the file.
template <class Ended>
std::vector<std::size_t> in_order(const std::vector<instant>& came, Ended ended) {
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i != came.size(); ++i) {
        if (ended(i)) rows.push_back(i);
    }
    std::stable_sort(rows.begin(), rows.end(), [&](std::size_t a, std::size_t b) { return came[a] < came[b]; });
    return rows;
}

void add_jobs(const report::job_columns& jobs, std::vector<sequence>& to) {
    sequence jct{.name = "jct_s", .of = {}}, wait{.name = "wait_s", .of = {}};
    sequence slowdown{.name = "bounded_slowdown", .of = {}};
    for (const std::size_t i :
         in_order(jobs.submit, [&](std::size_t row) { return jobs.state[row] == sim::outcome::finished; })) {
        constexpr double bound_s = 10;
        const double jct_s = to_seconds(jobs.finish[i] - jobs.submit[i]);
        const double ran_s = jobs.useful_gpu_s[i] / std::max<double>(jobs.gpus[i], 1);
        jct.values.push_back(jct_s);
        wait.values.push_back(to_seconds(jobs.start[i] - jobs.submit[i]));
        slowdown.values.push_back(std::max(1.0, jct_s / std::max(ran_s, bound_s)));
    }
    for (sequence* const s : {&jct, &wait, &slowdown}) to.push_back(std::move(*s));
}

void add_requests(const report::request_columns& requests, std::vector<sequence>& to) {
    sequence ttft{.name = "ttft_s", .of = requests.service}, tpot{.name = "tpot_s", .of = requests.service};
    sequence e2e{.name = "e2e_s", .of = requests.service};
    for (const std::size_t i : in_order(requests.arrival, [&](std::size_t row) { return requests.finished[row]; })) {
        const double first_s = static_cast<double>(requests.ttft[i]) * 1e-9;
        const double all_s = to_seconds(requests.finish[i] - requests.arrival[i]);
        ttft.values.push_back(first_s);
        e2e.values.push_back(all_s);
        if (requests.output_tokens[i] > 1) tpot.values.push_back((all_s - first_s) / (requests.output_tokens[i] - 1));
    }
    for (sequence* const s : {&ttft, &tpot, &e2e}) to.push_back(std::move(*s));
}

/// What was asked for, and is in the files.
std::vector<sequence> read(const steady_options& options) {
    const report::run_files run = report::read_run(options.directory);
    const auto asked = [&](bool of_jobs) {
        return options.metrics.empty() || std::any_of(options.metrics.begin(), options.metrics.end(),
                                                      [&](const std::string& m) { return is_of_jobs(m) == of_jobs; });
    };
    const auto lacks = [&](const char* file, const char* remedy) {
        throw data_error({{(std::filesystem::path{options.directory} / file).string(), 0, 0},
                          {},
                          "there is no such file",
                          {},
                          remedy});
    };
    if (!options.service.empty()) {
        std::vector<std::string_view> names;
        for (const report::figures& s : run.summary.services) names.push_back(s.name);
        if (std::find(names.begin(), names.end(), options.service) == names.end())
            throw scenario_error({{options.directory, 0, 0},
                                  "--service",
                                  "there is no such service",
                                  options.service,
                                  suggestion(options.service, names)});
    }
    const bool of_jobs = asked(true) && options.service.empty(), of_requests = asked(false);
    std::vector<sequence> out;
    if (of_jobs && run.jobs) add_jobs(*run.jobs, out);
    if (of_jobs && !run.jobs && !options.metrics.empty()) lacks("jobs.csv", "run with output.jobs: true");
    std::size_t tables = 0;
    for (const report::request_columns& r : run.requests) {
        if (!of_requests || (!options.service.empty() && r.service != options.service)) continue;
        add_requests(r, out);
        ++tables;
    }
    const bool named = !options.metrics.empty() || !options.service.empty();
    if (of_requests && named && tables == 0) lacks("requests.csv", "run with output.requests: true");
    std::erase_if(out, [&](const sequence& s) {
        const auto& m = options.metrics;
        return m.empty() ? s.values.empty() : std::find(m.begin(), m.end(), s.name) == m.end();
    });
    return out;
}

/// Six digits.
std::string number(double x) { return fmt::format("{:.6g}", x); }

/// Beyond it batches are too short against the correlation.
double most_lag_1(std::uint32_t batches) { return 2 / std::sqrt(static_cast<double>(batches)); }

}  // namespace

int steady(const steady_options& options) {
    const std::vector<sequence> all = read(options);
    text_table table(20, {0, 0, 0, 0, 0, 0, 0});
    table.row({"metric", "values", "warm-up", "mean", fmt::format("{:.6g} % interval", options.confidence), "batch",
               "lag 1", "verdict"});
    bool any = false;
    for (const sequence& s : all) {
        const auto m = experiment::steady_state_mean(s.values, options.confidence / 100, options.batches);
        std::vector<std::string> row{s.of.empty() ? s.name : s.of + ' ' + s.name, std::to_string(s.values.size())};
        any = any || m.has_value();
        if (m) {
            const bool correlated = m->lag_1 && std::abs(*m->lag_1) > most_lag_1(options.batches);
            row.insert(row.end(),
                       {std::to_string(m->left_out), number(m->mean),
                        number(m->within.low) + " .. " + number(m->within.high), std::to_string(m->batch_length),
                        m->lag_1 ? fmt::format("{:.2f}", *m->lag_1) : "-", correlated ? "correlated" : "steady"});
        } else {
            row.insert(row.end(), {"-", "-", "-", "-", "-", "too short"});
        }
        table.row(std::move(row));
    }
    if (all.empty())
        throw data_error({{options.directory, 0, 0},
                          {},
                          "nothing that has finished is in its files",
                          {},
                          "run longer, and with output.jobs or output.requests"});
    if (!any)
        throw data_error({{options.directory, 0, 0},
                          {},
                          "the run is too short for a steady state",
                          std::to_string(all.front().values.size()) + " values of " + all.front().name,
                          "run longer; the warm-up must end in the first half, and " + std::to_string(options.batches) +
                              " values must be left"});
    table.print();
    fmt::print(
        "\nwarm-up: the first values, which MSER-5 leaves out; interval by batch means of so many values each\n"
        "correlated: neighbouring batches depend on each other, so that the interval may be too narrow\n");
    return 0;
}

}  // namespace ampacity::cli
