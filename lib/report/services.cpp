#include "sections.hpp"
#include "strips.hpp"

#include <ampacity/core/statistics.hpp>
#include <ampacity/report/text.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

namespace ampacity::report {
namespace {

constexpr double width = 992;
constexpr std::size_t stretches = 120;
constexpr std::size_t enough_requests = 5;  ///< of a stretch, for a percentile
constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// What the requests that arrive in each of equal stretches of time see.
struct over_time {
    std::vector<double> edges;  ///< [s]
    std::vector<double> arrivals, in_system, tokens;
    std::vector<double> ttft_p50, ttft_p99, e2e_p50, e2e_p99;
};

/// The p per mille-th of n values in nearest rank, in seconds; reorders them.
double percentile_s(std::vector<std::int64_t>& ns, per_mille p) {
    if (ns.size() < enough_requests) return none;
    const auto rank = static_cast<std::ptrdiff_t>(exact_rank(p, ns.size())) - 1;
    std::nth_element(ns.begin(), ns.begin() + rank, ns.end());
    return static_cast<double>(ns[static_cast<std::size_t>(rank)]) / 1e9;
}

/// Adds the part of [from, until) [s] that lies in each stretch, over the stretch's length.
void spread(std::vector<double>& to, const std::vector<double>& edges, double from, double until, double by) {
    const double step = edges[1] - edges[0];
    for (auto k = static_cast<std::size_t>(from / step); k < to.size() && edges[k] < until; ++k)
        to[k] += by * (std::min(until, edges[k + 1]) - std::max(from, edges[k])) / step;
}

over_time measure(const request_columns& r, duration simulated) {
    over_time out;
    instant last = start_of_time;
    for (std::size_t i = 0; i != r.size(); ++i)
        last = std::max({last, r.arrival[i], r.finish[i] == sim::unset ? r.arrival[i] : r.finish[i]});
    const duration length = std::max(duration{1}, std::min(simulated, last - start_of_time));
    for (const instant t : even_edges(length, stretches)) out.edges.push_back(to_seconds(t - start_of_time));
    const std::size_t n = out.edges.size() - 1;
    std::vector<std::vector<std::int64_t>> ttft(n);
    std::vector<std::vector<std::int64_t>> e2e(n);
    for (auto* v : {&out.arrivals, &out.in_system, &out.tokens}) v->assign(n, 0);
    const double step = out.edges[1] - out.edges[0];
    const auto stretch_of = [&](double s) { return std::min(n - 1, static_cast<std::size_t>(s / step)); };
    for (std::size_t i = 0; i != r.size(); ++i) {
        const double arrival = to_seconds(r.arrival[i] - start_of_time);
        const std::size_t at = stretch_of(arrival);
        out.arrivals[at] += 1 / step;
        if (!r.finished[i]) continue;
        const double finish = to_seconds(r.finish[i] - start_of_time);
        ttft[at].push_back(r.ttft[i]);
        e2e[at].push_back(ticks(r.finish[i] - r.arrival[i]));
        spread(out.in_system, out.edges, arrival, finish, 1);
        out.tokens[stretch_of(finish)] += r.output_tokens[i] / step;
    }
    for (std::size_t k = 0; k != n; ++k) {
        out.ttft_p50.push_back(percentile_s(ttft[k], per_mille{500}));
        out.ttft_p99.push_back(percentile_s(ttft[k], per_mille{990}));
        out.e2e_p50.push_back(percentile_s(e2e[k], per_mille{500}));
        out.e2e_p99.push_back(percentile_s(e2e[k], per_mille{990}));
    }
    return out;
}

std::vector<strip> strips_of(const over_time& o) {
    const auto line = [](std::string name, std::string css, std::string unit, const std::vector<double>& values) {
        return curve{.name = std::move(name), .css = std::move(css), .unit = std::move(unit), .values = values};
    };
    return {{.title = "Load",
             .curves = {line("arrivals per s", "c1", "/s", o.arrivals),
                        line("requests in service or queue", "c2", "", o.in_system)}},
            {.title = "Output tokens per s", .curves = {line("tokens per s", "c9", "/s", o.tokens)}},
            {.title = "Time to first token",
             .curves = {line("p50", "c1", "s", o.ttft_p50), line("p99", "c2", "s", o.ttft_p99)},
             .seconds = true},
            {.title = "End to end",
             .curves = {line("p50", "c1", "s", o.e2e_p50), line("p99", "c2", "s", o.e2e_p99)},
             .seconds = true}};
}

/// One point for each stretch: its load, and the median and the 99th percentile of the time to first token.
std::string draw_against_load(const over_time& o) {
    double least = std::numeric_limits<double>::infinity();
    double greatest = 0;
    double load = 0;
    for (std::size_t k = 0; k != o.arrivals.size(); ++k) {
        if (!std::isfinite(o.ttft_p50[k])) continue;
        if (o.ttft_p50[k] > 0) least = std::min(least, o.ttft_p50[k]);
        greatest = std::max(greatest, o.ttft_p99[k]);
        load = std::max(load, o.in_system[k]);
    }
    if (!(greatest > 0) || !(load > 0) || !std::isfinite(least)) return {};
    const axis y = log_time_axis(least, greatest);
    const axis x = count_axis(std::max(1.0, 1.05 * load), 10);
    canvas to{width, 300, "Time to first token against the number of requests in service or queue"};
    const box plot{70, 30, width - 94, 220};
    to.rectangle({plot.x, 8, 10, 10}, "solid c1");
    to.text(plot.x + 16, 18, anchor::start, "dim", "p50 of a stretch of time");
    to.rectangle({plot.x + 210, 8, 10, 10}, "solid c2");
    to.text(plot.x + 226, 18, anchor::start, "dim", "p99");
    draw_axes(to, plot, x, y, true);
    for (const auto& [values, css] : {std::pair{&o.ttft_p99, "c2"}, std::pair{&o.ttft_p50, "c1"}}) {
        for (std::size_t k = 0; k != values->size(); ++k) {
            if (!std::isfinite((*values)[k])) continue;
            to.rectangle({plot.x + plot.width * x.share(o.in_system[k]) - 2.5,
                          plot.y + plot.height * (1 - y.share((*values)[k])) - 2.5, 5, 5},
                         "solid " + std::string{css},
                         fixed(o.in_system[k], 1) + " requests, " + fixed(o.arrivals[k], 1) +
                             " arrivals per s: " + human_seconds((*values)[k]));
        }
    }
    to.text(plot.x + plot.width / 2, 288, anchor::middle, "dim", "requests in service or queue, mean of the stretch");
    return to.embedded();
}

std::string draw_latencies(const request_columns& r) {
    sample ttft{"TTFT", "c1", {}};
    sample tpot{"TPOT", "c9", {}};
    sample e2e{"end to end", "c2", {}};
    for (std::size_t i = 0; i != r.size(); ++i) {
        if (!r.finished[i]) continue;
        const std::int64_t whole = ticks(r.finish[i] - r.arrival[i]);
        ttft.sorted.push_back(r.ttft[i]);
        e2e.sorted.push_back(whole);
        if (r.output_tokens[i] > 1) tpot.sorted.push_back((whole - r.ttft[i]) / (r.output_tokens[i] - 1));
    }
    for (sample* s : {&ttft, &tpot, &e2e}) std::sort(s->sorted.begin(), s->sorted.end());
    return draw_distributions("Cumulative distributions of TTFT, TPOT and end-to-end time", {ttft, tpot, e2e});
}

std::string shown(const figures& f, std::string_view key, std::string (*show)(double)) {
    const auto v = f.find(key);
    return v ? show(*v) : "\u2013";
}

std::string whole_number(double x) { return fixed(x, 0); }

void add_figures(page& to, const figures& f) {
    to.begin_cards();
    const auto count = [&](std::string_view key) { return fixed(f.or_zero(key), 0); };
    std::string left_out;
    for (const std::string_view kind : {"rejected", "shed", "cancelled", "unfinished"}) {
        if (f.or_zero(kind) > 0) append(left_out, {"\n", count(kind), " ", kind});
    }
    to.card("Requests finished", count("finished"), "of " + count("requests") + left_out);
    for (const auto& [name, key] :
         {std::pair{"TTFT, mean", "ttft_s"}, std::pair{"TPOT, mean", "tpot_s"},
          std::pair{"Between tokens, mean", "itl_s"}, std::pair{"End to end, mean", "e2e_s"}}) {
        const std::string k = key;
        if (k == "itl_s" && !f.find("itl_s.mean")) continue;
        to.card(name, shown(f, k + ".mean", human_seconds),
                "p50 " + shown(f, k + ".p50", human_seconds) + "\np99 " + shown(f, k + ".p99", human_seconds));
    }
    if (const auto share = f.find("slo_attainment")) to.card("SLO attainment", percent(*share, 1), "of requests");
    to.card("Output tokens", shown(f, "output_tokens", whole_number),
            shown(f, "tokens_per_s_per_gpu", [](double x) { return significant(x, 3); }) + " per s and GPU");
    to.card("Preemptions", count("preemptions"), "for want of KV cache");
    to.end_cards();
}

void add_requests(page& to, const request_columns& r, duration simulated) {
    const std::string cumulative = draw_latencies(r);
    if (cumulative.empty()) {
        to.paragraph("No request finished, so there are no latencies to draw.");
        return;
    }
    to.figure(cumulative,
              "Of the finished requests. TTFT: time to the first token; TPOT: time per token after the "
              "first, of answers of several.");
    const over_time o = measure(r, simulated);
    to.figure(draw_strips("Load and latencies of the service over simulated time", o.edges, strips_of(o)),
              "In stretches of " + human_seconds(o.edges[1]) +
                  ". Latencies are of the requests that arrive in a stretch and finish, where they are five or more.");
    const std::string against = draw_against_load(o);
    if (!against.empty())
        to.figure(against, "Time to first token against load: each stretch of time is a pair of points.");
}

/// Neighbouring intervals as one, where there are more than can be told apart.
class merged_intervals {
public:
    explicit merged_intervals(const std::vector<instant>& time) : by_((time.size() - 2) / most_intervals + 1) {
        for (std::size_t i = 0; i < time.size() - 1; i += by_) edges_.push_back(to_seconds(time[i] - start_of_time));
        edges_.push_back(to_seconds(time.back() - start_of_time));
    }
    [[nodiscard]] const std::vector<double>& edges() const noexcept { return edges_; }
    [[nodiscard]] std::size_t each() const noexcept { return by_; }

    /// Mean, or largest, of the values that are known, of the rows from the second on.
    [[nodiscard]] std::vector<double> of(const std::vector<double>& rows, bool largest) const {
        std::vector<double> out;
        for (std::size_t i = 1; i < rows.size(); i += by_) {
            double sum = 0, most = none;
            std::size_t known = 0;
            for (std::size_t k = i; k < std::min(i + by_, rows.size()); ++k) {
                if (std::isnan(rows[k])) continue;
                sum += rows[k];
                most = ++known == 1 ? rows[k] : std::max(most, rows[k]);
            }
            out.push_back(known == 0 ? none : largest ? most : sum / static_cast<double>(known));
        }
        return out;
    }
    /// Counts of the rows, per second.
    [[nodiscard]] std::vector<double> rate(const std::vector<double>& counts) const {
        std::vector<double> out = of(counts, false);
        for (std::size_t k = 0; k != out.size(); ++k) {
            const auto rows = static_cast<double>(std::min(by_, counts.size() - 1 - k * by_));
            out[k] *= rows / (edges_[k + 1] - edges_[k]);
        }
        return out;
    }

private:
    static constexpr std::size_t most_intervals = 480;
    std::size_t by_;
    std::vector<double> edges_;
};

/// What services.csv has of one, from 0 on.
void add_samples(page& to, const service_samples& s) {
    if (s.time.size() < 2 || s.time.front() != start_of_time) return;
    const merged_intervals merged{s.time};
    const auto line = [](std::string name, std::string css, std::string unit, std::vector<double> values) {
        return curve{
            .name = std::move(name), .css = std::move(css), .unit = std::move(unit), .values = std::move(values)};
    };
    const std::vector<strip> strips{
        {.title = "Arrivals per s",
         .curves = {line("all", "c1", "/s", merged.rate(s.arrived)), line("shed", "c2", "/s", merged.rate(s.shed))}},
        {.title = "Requests",
         .curves = {line("running", "c1", "", merged.of(s.running, false)),
                    line("waiting", "c2", "", merged.of(s.waiting, false))}},
        {.title = "Tokens per s",
         .curves = {line("of answers", "c9", "/s", merged.of(s.output_tokens_per_s, false)),
                    line("of prompts", "c3", "/s", merged.of(s.prefill_tokens_per_s, false))}},
        {.title = "Share of KV blocks taken, and of requests within targets",
         .curves = {line("KV blocks", "c1", "", merged.of(s.kv_occupancy, false)),
                    line("within targets", "c9", "", merged.of(s.attainment, false))}},
        {.title = "Time to first token",
         .curves = {line("p50", "c1", "s", merged.of(s.ttft_p50_s, true)),
                    line("p99", "c2", "s", merged.of(s.ttft_p99_s, true))},
         .seconds = true}};
    const std::string merging = merged.each() == 1 ? ""
                                                   : " Of each " + std::to_string(merged.each()) +
                                                         " intervals: means, of percentiles the largest.";
    to.figure(draw_strips("The service over simulated time, by interval of telemetry", merged.edges(), strips),
              "By services.csv: counts and rates of an interval, requests and KV blocks at its end, percentiles of the "
              "first tokens in it." +
                  merging);
}

}  // namespace

void add_services(page& to, const run_files& run) {
    for (const figures& f : run.summary.services) {
        to.begin_section("Service " + shortened(f.name, 60));
        add_figures(to, f);
        const auto rows = std::find_if(run.service_rows.begin(), run.service_rows.end(),
                                       [&](const service_samples& s) { return s.service == f.name; });
        if (rows != run.service_rows.end()) add_samples(to, *rows);
        const auto of = std::find_if(run.requests.begin(), run.requests.end(),
                                     [&](const request_columns& r) { return r.service == f.name; });
        if (of != run.requests.end()) {
            add_requests(to, *of, run.summary.simulated);
        } else {
            to.paragraph(
                "Distributions and latency by arrival need the file of requests: set output.requests to true "
                "and run again.");
        }
        to.end_section();
    }
}

}  // namespace ampacity::report
