#include "analysis.hpp"
#include "over_time.hpp"
#include "overview.hpp"
#include "page.hpp"
#include "power_chart.hpp"
#include "scripts.hpp"
#include "sections.hpp"
#include "strips.hpp"

#include <ampacity/core/math.hpp>
#include <ampacity/core/version.hpp>
#include <ampacity/report/run_report.hpp>
#include <ampacity/report/svg_chart.hpp>
#include <ampacity/report/text.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace ampacity::report {
namespace {

constexpr double chart_width = 992;
constexpr box overview_box{0, 0, chart_width, overview_height};
constexpr std::string_view none = "\u2013";

std::string number(std::uint64_t n, std::string_view one, std::string_view many) {
    return grouped(n) + ' ' + std::string{n == 1 ? one : many};
}

/// The share of the jobs that the means are over.
std::string share_finished(const run_summary& s) {
    return percent(static_cast<double>(s.finished), static_cast<double>(s.submitted));
}

std::string jobs_text(std::uint64_t n) { return number(n, "job", "jobs"); }

/// A time as people say it, the exact seconds below it.
std::string time_cell(double seconds) {
    const std::string human = human_seconds(seconds);
    const std::string exact = significant(seconds, 6) + "\u00A0s";
    return human == exact ? human : human + "<small>" + exact + "</small>";
}

/// A slowdown: two decimals where they matter.
std::string factor(double x) { return x < 10 ? fixed(x, 2) : significant(x, 3); }

std::string gpus_text(std::uint32_t least, std::uint32_t greatest) {
    if (least == greatest) return number(least, "GPU", "GPUs");
    return grouped(least) + "\u2013" + number(greatest, "GPU", "GPUs");
}

void add_heading(page& to, const run_summary& s) {
    std::string below;
    append(below, {"policy <b>", escape(s.policy), "</b> &middot; seed <b>", escape(s.seed), "</b> &middot; <b>"});
    if (const auto gpus = mean_capacity(s)) append(below, {significant(*gpus, 4), "</b> GPUs &middot; <b>"});
    append(below,
           {grouped(s.submitted), "</b> jobs &middot; <b>", human_seconds(to_seconds(s.simulated)), "</b> simulated"});
    to.heading(s.scenario, below);
}

/// How far the unfinished jobs had come.
std::string about_cut_off(const cut_off& cut) {
    if (cut.running + cut.waiting == 0) return {};
    if (cut.waiting == 0) return " All unfinished jobs had started.";
    std::string out = " Of the unfinished jobs ";
    append(out, {cut.running == 0 ? "none" : grouped(cut.running), " had started and ", grouped(cut.waiting),
                 " had not, the longest wait so far being ", human_seconds(to_seconds(cut.longest_wait)), "."});
    return out;
}

/// Records of the traces that were no jobs.
std::string about_skipped(const run_summary& s) {
    std::string reasons;
    std::uint64_t sum = 0;
    for (const auto& [reason, count] : s.skipped) {
        append(reasons, {reasons.empty() ? "" : ", ", grouped(count), " ", reason});
        sum += count;
    }
    return number(sum, "record", "records") + " of the traces " +
           (sum == 1 ? "was no job and is" : "were no jobs and are") + " nowhere here: " + reasons + '.';
}

/// What is not in the means, before anything else is shown.
void add_bands(page& to, const run_files& run) {
    const run_summary& s = run.summary;
    if (s.interrupted) {
        to.band(band_kind::warning, "Interrupted.",
                "The run was stopped after " + human_seconds(to_seconds(s.simulated)) +
                    " of simulated time. Everything below describes this part only.");
    }
    if (s.submitted == 0) {
        to.band(band_kind::note, "No jobs.", "No job was submitted, so there is nothing to average.");
    } else if (s.finished != s.submitted) {
        std::string text = "Means and percentiles are over the " + grouped(s.finished) + " finished of " +
                           jobs_text(s.submitted) + " (" + share_finished(s) + ").";
        if (s.finished == 0) text = "No job finished, so there are no means.";
        text += " Left out:";
        const char* separator = " ";
        for (const auto& [count, what] : {std::pair{s.unfinished, " unfinished"}, std::pair{s.rejected, " rejected"},
                                          std::pair{s.killed, " killed"}}) {
            if (count == 0) continue;
            append(text, {separator, grouped(count), what});
            separator = ", ";
        }
        text += '.';
        to.band(band_kind::warning, "Censored.", text + about_cut_off(cut_off_jobs(run)));
    }
    for (const std::string& n : run.remarks) to.band(band_kind::note, "Note.", n);
    for (const std::string& n : run.notes) to.band(band_kind::note, "Not shown.", n);
    if (!s.skipped.empty()) to.band(band_kind::note, "Skipped records.", about_skipped(s));
}

void add_mean_card(page& to, const run_summary& s, std::string_view name,
                   const std::optional<sim::distribution_summary>& d, std::string (*show)(double)) {
    if (!d) {
        to.card(name, none, "no job finished");
        return;
    }
    std::string below = "p50 " + show(d->p50) + "\np99 " + show(d->p99);
    if (s.finished != s.submitted) {
        append(below, {"\nof ", share_finished(s), " of jobs"});
    }
    to.card(name, show(d->mean), below);
}

void add_cards(page& to, const run_summary& s) {
    to.begin_cards();
    to.card("Jobs finished", grouped(s.finished), "of " + grouped(s.submitted) + " submitted");
    add_mean_card(to, s, "Mean JCT", s.jct_s, human_seconds);
    add_mean_card(to, s, "Mean wait", s.wait_s, human_seconds);
    add_mean_card(to, s, "Mean slowdown", s.bounded_slowdown, factor);
    to.card("Makespan", s.makespan_s ? human_seconds(*s.makespan_s) : none, "first submit to last finish");
    to.card("Utilisation", s.utilisation ? percent(*s.utilisation, 1) : none, "useful GPU-time over the makespan");
    std::string per_job;
    if (s.preemptions != 0) {
        per_job = significant(static_cast<double>(s.preemptions) / static_cast<double>(s.submitted), 3) + " per job";
    }
    to.card("Preemptions", grouped(s.preemptions), per_job);
    to.end_cards();
}

void add_distribution_table(page& to, const run_summary& s) {
    html_table rows{{"", "mean", "p50", "p90", "p99", "largest"}, 1};
    const auto add = [&rows](std::string_view name, const std::optional<sim::distribution_summary>& d, auto show) {
        if (d) rows.row({name, show(d->mean), show(d->p50), show(d->p90), show(d->p99), show(d->max)});
    };
    add("JCT<small>finish &minus; submit</small>", s.jct_s, time_cell);
    add("Wait<small>first start &minus; submit</small>", s.wait_s, time_cell);
    add("Bounded slowdown<small>JCT / max(run time, 10 s)</small>", s.bounded_slowdown,
        [](double x) { return fixed(x, 2); });
    to.begin_section("Key figures over the " + number(s.finished, "finished job", "finished jobs"));
    to.table(rows);
    if (s.finished != s.submitted) {
        to.paragraph(jobs_text(s.unfinished) + " unfinished, " + grouped(s.rejected) + " rejected, " +
                     grouped(s.killed) + " killed: they are in none of these numbers.");
    }
    to.end_section();
}

/// The means of both charts from each edge of the upper one on.
readout overview_readout(const time_series& series) {
    readout out{.plot = overview_plot(overview_box, series),
                .low = 0,
                .high = to_seconds(series.busy.length()),
                .logarithmic = false,
                .kind = "time",
                .x = {},
                .curves = {{"GPUs busy", "c1", "", {}, false}, {"jobs waiting", "c2", "", {}, false}}};
    std::size_t other = 0;
    for (std::size_t i = 0; i != series.busy.stretches().size(); ++i) {
        const instant at = series.busy.edge(i);
        while (other + 1 < series.waiting.stretches().size() && series.waiting.edge(other + 1) <= at) ++other;
        out.x.push_back(to_seconds(at - start_of_time));
        out.curves[0].values.push_back(series.busy.mean(i));
        out.curves[1].values.push_back(series.waiting.mean(other));
    }
    return out;
}

void add_time_charts(page& to, const run_files& run) {
    const time_series_or_reason over = over_time(run);
    to.begin_section("Over time");
    if (over.series) {
        const envelope& busy = over.series->busy;
        canvas drawing{chart_width, overview_height, "GPUs busy and jobs waiting over simulated time"};
        draw_overview(drawing, overview_box, *over.series);
        std::string caption = over.series->source;
        if (!over.series->is_drawn_exactly()) {
            const auto drawn = std::max(busy.stretches().size(), over.series->waiting.stretches().size());
            const double stretch_s = to_seconds(busy.length()) / static_cast<double>(drawn);
            append(caption, {" Line: mean of every ", human_seconds(stretch_s),
                             "; band around it: least and greatest value within."});
        }
        to.figure(drawing.embedded() + readout_element(overview_readout(*over.series)), caption);
    } else {
        to.paragraph(over.reason);
    }
    to.end_section();
}

void add_power(page& to, const run_files& run) {
    if (!has_power(run)) return;
    canvas drawing{chart_width, power_height, "Power over simulated time"};
    draw_power(drawing, {0, 0, chart_width, power_height}, run);
    to.begin_section("Power over time");
    to.figure(drawing.embedded(),
              "From the samples of telemetry.csv; what happened between two is not seen. Energy, "
              "carbon and cost, which are exact integrals, stand in the figures below.");
    to.end_section();
}

/// Beside its curve, on the side where no other one is: JCT lies to the right of wait at every height.
void label_curves(canvas& to, const box& plot, const axis& x, const distributions& d) {
    const auto seconds_at_half = [](const std::vector<std::int64_t>& sorted) {
        return static_cast<double>(sorted[(sorted.size() - 1) / 2]) / 1e9;
    };
    const auto height = [&](double share) { return plot.y + plot.height * (1 - share); };
    const double right = plot.x + plot.width;
    const double jct_x = plot.x + plot.width * x.share(seconds_at_half(d.jct));
    const bool room = jct_x + 50 < right;
    to.text(room ? jct_x + 10 : right - 6, height(room ? 0.40 : 0.04), room ? anchor::start : anchor::end,
            "hue halo c1", "JCT");

    const auto zeros = std::upper_bound(d.wait.begin(), d.wait.end(), 0) - d.wait.begin();
    std::string name = "wait";
    if (zeros != 0) {
        append(name, {" (", percent(static_cast<double>(zeros), static_cast<double>(d.wait.size())), " did not wait)"});
    }
    const double wait_x = plot.x + plot.width * x.share(seconds_at_half(d.wait));
    if (wait_x - 10 - text_width(name) > plot.x) {
        to.text(wait_x - 10, height(0.56), anchor::end, "hue halo c2", name);
        return;
    }
    const double label_end = x.low * portable_exp(portable_log(x.high / x.low) * (text_width(name) + 20) / plot.width);
    const double above = height(share_up_to(d.wait, label_end)) - 8;
    const double below = height(share_up_to(d.wait, x.low)) + 18;
    to.text(plot.x + 10, above > plot.y + 10 ? above : below, anchor::start, "hue halo c2", name);
}

axis shares_axis() {
    axis y{.low = 0, .high = 1, .logarithmic = false, .unit = {}, .ticks = {}};
    for (const double share : {0.0, 0.25, 0.5, 0.75, 0.9, 1.0}) y.ticks.push_back({share, percent(share, 1)});
    return y;
}

void add_cumulative(page& to, const job_columns& jobs) {
    const distributions d = distributions_of(jobs);
    if (d.jct.empty()) return;
    const auto first_positive = [](const std::vector<std::int64_t>& sorted) {
        const auto at = std::upper_bound(sorted.begin(), sorted.end(), 0);
        return at == sorted.end() ? std::int64_t{10'000'000'000} : *at;
    };
    const auto least = static_cast<double>(std::min(first_positive(d.jct), first_positive(d.wait))) / 1e9;
    const double greatest = std::max(least, static_cast<double>(d.jct.back()) / 1e9);
    const axis x = log_time_axis(std::min(least, greatest / 10), greatest);
    const axis y = shares_axis();
    const box plot{60, 14, chart_width - 84, 260};
    canvas drawing{chart_width, 330, "Cumulative distribution of JCT and wait"};
    draw_axes(drawing, plot, x, y, true);
    readout data{.plot = plot,
                 .low = x.low,
                 .high = x.high,
                 .logarithmic = true,
                 .kind = "seconds",
                 .x = {},
                 .curves = {{"wait", "c2", "share", {}, false}, {"JCT", "c1", "share", {}, false}}};
    constexpr int steps = 200;
    for (int i = 0; i <= steps; ++i) {
        data.x.push_back(x.low * portable_exp(portable_log(x.high / x.low) * i / steps));
        data.curves[0].values.push_back(share_up_to(d.wait, data.x.back()));
        data.curves[1].values.push_back(share_up_to(d.jct, data.x.back()));
    }
    drawing.begin_line(0);
    draw_cumulative(drawing, plot, d.wait, x, "c2");
    drawing.end_line();
    drawing.begin_line(1);
    draw_cumulative(drawing, plot, d.jct, x, "c1");
    drawing.end_line();
    label_curves(drawing, plot, x, d);
    drawing.text(plot.x + plot.width / 2, plot.y + plot.height + 38, anchor::middle, "dim", "time, logarithmic");
    to.begin_section("Distribution of JCT and wait");
    to.figure(drawing.embedded() + readout_element(data), "Share of the " +
                                                              number(d.jct.size(), "finished job", "finished jobs") +
                                                              " whose JCT, or wait, is at most the time on the axis.");
    to.end_section();
}

void add_sizes(page& to, const job_columns& jobs) {
    const std::vector<size_class> classes = by_size(jobs);
    if (classes.empty()) return;
    std::vector<bar> bars;
    html_table rows{{"Size", "jobs", "wait, mean", "wait, p50", "wait, p90", "slowdown, p50", "slowdown, p90"}, 1};
    double greatest = 1;
    for (const size_class& c : classes) {
        const std::string name = gpus_text(c.least, c.greatest);
        const std::string p50_text = factor(c.slowdown_p50);
        const std::string p90_text = factor(c.slowdown_p90);
        bars.push_back({.label = name,
                        .count = grouped(c.count),
                        .p50 = c.slowdown_p50,
                        .p90 = c.slowdown_p90,
                        .text = "p50 " + p50_text + ", p90 " + p90_text});
        rows.row({name, grouped(c.count), human_seconds(c.wait_mean_s), human_seconds(c.wait_p50_s),
                  human_seconds(c.wait_p90_s), p50_text, p90_text});
        greatest = std::max(greatest, c.slowdown_p90);
    }
    const axis x = factor_axis(greatest);
    const box plot{236, 26, chart_width - 236 - 180, bars_height(bars.size())};
    canvas drawing{chart_width, plot.y + plot.height + 46, "Bounded slowdown by job size"};
    drawing.text(plot.x - 90, 14, anchor::end, "dim", "size");
    drawing.text(plot.x - 8, 14, anchor::end, "dim", "jobs");
    draw_axes(drawing, plot, x, {}, true);
    draw_bars(drawing, plot, bars, x, "c1");
    drawing.text(plot.x + plot.width / 2, plot.y + plot.height + 38, anchor::middle, "dim",
                 x.logarithmic ? "bounded slowdown, logarithmic" : "bounded slowdown");
    to.begin_section("Bounded slowdown by job size");
    to.figure(drawing.embedded(),
              "Narrow bar: the median of the finished jobs of that size; wide bar: nine of ten are at or "
              "below it. 1 is a job that ran at once and without a break.");
    to.table(rows);
    to.end_section();
}

std::string_view colour_of(std::string_view account) {
    const auto known = account_colours();
    const auto at = std::find_if(known.begin(), known.end(), [&](const auto& k) { return k.first == account; });
    return at == known.end() ? "c9" : at->second;
}

void add_accounts(page& to, const run_summary& s) {
    constexpr std::string_view outside = "uncommissioned";  // not part of the capacity
    std::vector<part> parts;
    double whole = 0;
    for (const auto& [account, hours] : s.gpu_hours) {
        if (account == outside) continue;
        parts.push_back({account, std::string{colour_of(account)}, hours});
        whole += hours;
    }
    if (!(whole > 0)) return;
    const int decimals = whole < 100 ? 4 : 1;
    html_table rows{{"Account", "GPU-hours", "share"}, 1};
    for (const part& p : parts) {
        rows.row({"<i class=\"key " + p.css + "\"></i>" + escape(p.label), fixed(p.value, decimals),
                  percent(p.value, whole)});
    }
    const std::string capacity = fixed(s.capacity_gpu_hours.value_or(whole), decimals);
    rows.row({"<b>capacity</b>", "<b>" + capacity + "</b>", "<b>100\u00A0%</b>"});
    for (const auto& [account, hours] : s.gpu_hours) {
        if (account != outside || hours == 0) continue;
        rows.row({"not yet commissioned, not in the capacity", fixed(hours, decimals), ""});
    }
    canvas drawing{chart_width, 66, "GPU-hours by account"};
    draw_parts(drawing, {0, 4, chart_width, 34}, parts);
    to.begin_section("Where the GPU-hours went");
    to.figure(drawing.embedded(), "");
    to.table(rows);
    to.end_section();
}

void add_slowest(page& to, const run_files& run) {
    if (run.slowest.empty()) return;
    const job_columns& jobs = *run.jobs;
    html_table rows{{"Job", "GPUs", "submitted", "wait", "JCT", "run time", "slowdown", "preemptions", "restarts"}, 1};
    for (const listed_job& j : run.slowest) {
        const instant submit = jobs.submit[j.row];
        rows.row({"<bdi>" + escape(shortened(j.id, 80)) + "</bdi>", grouped(jobs.gpus[j.row]),
                  human_seconds(to_seconds(submit)), human_seconds(to_seconds(jobs.start[j.row] - submit)),
                  human_seconds(to_seconds(jobs.finish[j.row] - submit)),
                  human_seconds(jobs.useful_gpu_s[j.row] / std::max(1.0, static_cast<double>(jobs.gpus[j.row]))),
                  factor(bounded_slowdown(jobs, j.row)), grouped(j.preemptions), grouped(j.restarts)});
    }
    const std::string many = "The " + grouped(run.slowest.size()) + " slowest finished jobs";
    to.begin_section(run.slowest.size() == 1 ? "The finished job" : many);
    to.table(rows);
    to.paragraph("By JCT. Times of submission count from the start of the simulation.");
    to.end_section();
}

html_table names_and_texts(const std::vector<named_text>& list, std::string_view name, std::string_view text) {
    html_table rows{{name, text}, 2};
    for (const named_text& n : list) {
        rows.row({"<code>" + escape(n.name) + "</code>", "<code>" + escape(n.text) + "</code>"});
    }
    return rows;
}

void add_further(page& to, const run_summary& s) {
    if (s.further.empty()) return;
    to.begin_section("Further figures of summary.json");
    to.details("All of them", names_and_texts(s.further, "Figure", "Value").str());
    to.end_section();
}

void add_sources(page& to, const run_files& run) {
    to.begin_section("Scenario and provenance");
    if (run.resolved) {
        to.details("Scenario, every default spelt out (resolved.yaml)", "<pre>" + escape(*run.resolved) + "</pre>\n");
    }
    if (run.facts) {
        std::string facts = names_and_texts(*run.facts, "Fact", "Value").str();
        if (!run.inputs.empty()) facts += names_and_texts(run.inputs, "Input", "Hash").str();
        to.details("How the run was made (run.json)", facts);
    }
    std::string missing;
    if (!run.jobs) missing += " jobs.csv";
    if (!run.resolved) missing += " resolved.yaml";
    if (!run.facts) missing += " run.json";
    if (run.requests.size() < run.summary.services.size()) missing += " requests.csv";
    if (!missing.empty()) to.paragraph("Not in the folder:" + missing + ".");
    to.end_section();
}

}  // namespace

std::span<const std::pair<std::string_view, std::string_view>> account_colours() noexcept {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> known{{{"useful", "c1"},
                                                                                         {"lost", "c2"},
                                                                                         {"checkpoint", "c3"},
                                                                                         {"restart", "c4"},
                                                                                         {"stalled", "c5"},
                                                                                         {"idle", "c6"},
                                                                                         {"draining", "c7"},
                                                                                         {"down", "c8"}}};
    return known;
}

std::string html(const run_files& run) {
    const run_summary& s = run.summary;
    page out{s.scenario + ", " + s.policy, {page_script, timeline_script}};
    add_heading(out, s);
    add_bands(out, run);
    add_cards(out, s);
    if (s.jct_s) add_distribution_table(out, s);
    add_time_charts(out, run);
    add_timeline(out, run);
    add_services(out, run);
    add_trainings(out, s);
    add_power(out, run);
    add_carbon_and_cost(out, run);
    add_temperatures(out, run);
    add_feeds(out, run);
    if (run.jobs) {
        add_cumulative(out, *run.jobs);
        add_sizes(out, *run.jobs);
    }
    add_accounts(out, s);
    add_flows(out, s);
    add_years(out, run);
    add_sites(out, run);
    add_slowest(out, run);
    add_further(out, s);
    add_sources(out, run);
    return std::move(out).finish("Made by ampacity report, version " + std::string{version} + ".");
}

}  // namespace ampacity::report
