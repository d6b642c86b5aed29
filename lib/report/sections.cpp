#include "sections.hpp"

#include "encode.hpp"
#include "strips.hpp"
#include "timeline.hpp"

#include <ampacity/report/text.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <unordered_map>
#include <utility>

namespace ampacity::report {
namespace {

constexpr double width = 992;
constexpr std::size_t most_rectangles = 150'000;
constexpr double units_of_run = 1 << 30;  ///< of time in the data of the timeline

std::string number(std::uint64_t n, std::string_view one, std::string_view many) {
    return grouped(n) + ' ' + std::string{n == 1 ? one : many};
}

/// The jobs whose rectangles are drawn: all, or those with the most GPU-time. Sets how many are left out.
std::vector<bool> drawn_jobs(const timeline& t, std::size_t jobs, std::size_t& left_out) {
    std::vector<bool> drawn(jobs, true);
    left_out = 0;
    if (t.rectangles.size() <= most_rectangles) return drawn;
    std::vector<double> size(jobs);
    std::vector<std::size_t> pieces(jobs);
    for (const held& h : t.rectangles) {
        size[h.job] += static_cast<double>(h.gpus) * static_cast<double>(ticks(h.end - h.start));
        ++pieces[h.job];
    }
    std::vector<std::size_t> order(jobs);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return size[a] > size[b]; });
    std::size_t sum = 0;
    for (const std::size_t job : order) {
        sum += pieces[job];
        drawn[job] = sum <= most_rectangles;
        if (!drawn[job] && pieces[job] != 0) ++left_out;
    }
    return drawn;
}

/// The data of the timeline: times in parts of the run, jobs numbered as they appear.
std::string timeline_data(const timeline& t, const job_columns& jobs, const std::vector<bool>& drawn) {
    const double unit = static_cast<double>(ticks(t.length)) / units_of_run;
    const auto units = [&](std::int64_t ns) {
        return static_cast<std::uint64_t>(std::llround(static_cast<double>(ns) / unit));
    };
    std::vector<std::uint8_t> pieces;
    std::vector<std::uint8_t> facts;
    std::string names = "[";
    std::unordered_map<std::size_t, std::uint64_t> known;
    std::uint64_t before = 0;
    std::size_t count = 0;
    for (const held& h : t.rectangles) {
        if (!drawn[h.job] || h.end <= h.start) continue;
        const std::uint64_t start = units(ticks(h.start - start_of_time));
        const auto [job, is_new] = known.emplace(h.job, known.size());
        for (const std::uint64_t v : {start - before, std::max<std::uint64_t>(1, units(ticks(h.end - h.start))),
                                      h.first, h.gpus, is_new ? 0 : known.size() - job->second})
            append_varint(pieces, v);
        before = start;
        ++count;
        if (!is_new) continue;
        append(names, {names.size() > 1 ? "," : "", json_text(shortened(jobs.name(h.job), 60))});
        const std::int64_t waited = ticks(jobs.start[h.job] - jobs.submit[h.job]);
        for (const std::uint64_t v : {std::uint64_t{jobs.gpus[h.job]}, units(waited),
                                      static_cast<std::uint64_t>(jobs.state[h.job]), std::uint64_t{jobs.runs[h.job]}})
            append_varint(facts, v);
    }
    std::string out = "<script type=\"application/json\" id=\"timeline-data\">{\"length\":";
    append(out,
           {json_number(static_cast<double>(ticks(t.length)) / 1e9, 12), ",\"units\":", json_number(units_of_run, 12),
            ",\"gpus\":", std::to_string(t.gpus), ",\"unit\":", json_text(t.unit), ",\"bands\":["});
    const char* separator = "";
    for (const band& b : t.bands) {
        append(out, {std::exchange(separator, ","), "[", json_text(b.name), ",", std::to_string(b.first), ",",
                     std::to_string(b.gpus), "]"});
    }
    append(out, {"],\"columns\":", std::to_string(t.columns), ",\"occupancy\":\"", base64(t.occupancy),
                 "\",\"count\":", std::to_string(count), ",\"pieces\":\"", base64(pieces), "\",\"facts\":\"",
                 base64(facts), "\",\"names\":", names, "]}</script>\n"});
    return out;
}

/// Mean occupancy of the parts of the fleet, as text for those who do not see the picture.
std::string occupancy_table(const timeline& t) {
    html_table rows{{"Part of the fleet", "GPUs", "mean occupancy", "least", "greatest"}, 1};
    for (std::size_t b = 0; b != t.bands.size(); ++b) {
        const auto* const first = t.occupancy.data() + b * t.columns;
        const auto [least, greatest] = std::minmax_element(first, first + t.columns);
        const double mean = std::accumulate(first, first + t.columns, 0.0) / static_cast<double>(t.columns);
        rows.row({escape(t.bands[b].name), grouped(t.bands[b].gpus), percent(mean, 250), percent(*least, 250),
                  percent(*greatest, 250)});
    }
    return rows.str();
}

}  // namespace

void add_timeline(page& to, const run_files& run) {
    const timeline t = timeline_of(run);
    to.begin_section("Timeline of jobs");
    if (t.rectangles.empty()) {
        to.paragraph(t.source);
        to.end_section();
        return;
    }
    std::size_t left_out = 0;
    const std::vector<bool> drawn = drawn_jobs(t, run.jobs->size(), left_out);
    const std::string what =
        "GPUs of the fleet over simulated time, and which job holds them; a table of the "
        "occupancy follows";
    to.raw(
        "<noscript><p class=\"note\">This picture needs the page's script; the table below says the same in "
        "numbers.</p></noscript>\n<div class=\"tools\" id=\"timeline-tools\" hidden></div>\n<canvas "
        "id=\"timeline\" class=\"wide\" height=\"420\" tabindex=\"0\" role=\"img\" aria-label=\"" +
        escape(what) + "\"></canvas>\n<output class=\"readout\" id=\"timeline-readout\"></output>\n");
    std::string about = t.source;
    if (left_out != 0)
        about += " Bars are drawn for the jobs with the most GPU-time; " + number(left_out, "job", "jobs") +
                 " with less are in the shading behind them and in the occupancy.";
    to.paragraph(about);
    to.end_section();
    to.begin_section("Occupancy of the fleet");
    to.raw(
        "<canvas id=\"occupancy\" class=\"wide\" height=\"260\" tabindex=\"0\" role=\"img\" aria-label=\"Share of "
        "GPU-time held by jobs, by part of the fleet and time; a table of it follows\"></canvas>\n<output "
        "class=\"readout\" id=\"occupancy-readout\"></output>\n");
    to.details("Occupancy as a table", occupancy_table(t));
    to.raw(timeline_data(t, *run.jobs, drawn));
    to.end_section();
}

namespace {

constexpr std::size_t most_feeds = 8;
constexpr std::size_t feed_stretches = 400;

double greatest_share(const feed_columns& f) {
    double share = 0;
    for (std::size_t i = 0; i != f.time.size(); ++i) {
        if (f.limit_w[i] > 0) share = std::max(share, f.load_w[i] / f.limit_w[i]);
    }
    return share;
}

/// The greatest load and the least limit of each stretch, so that no excess is lost.
strip feed_strip(const feed_columns& f, const std::vector<double>& edges, double unit, const std::string& name) {
    const std::size_t n = edges.size() - 1;
    const double nan = std::numeric_limits<double>::quiet_NaN();
    curve load{.name = "load", .css = "c1", .unit = name, .values = std::vector<double>(n, nan)};
    curve limit{.name = "limit", .css = "c2", .unit = name, .values = std::vector<double>(n, nan), .dashed = true};
    for (std::size_t i = 0; i != f.time.size(); ++i) {
        const double at = to_seconds(f.time[i] - start_of_time) / edges.back() * static_cast<double>(n);
        const double until = i + 1 == f.time.size()
                                 ? static_cast<double>(n)
                                 : to_seconds(f.time[i + 1] - start_of_time) / edges.back() * static_cast<double>(n);
        for (auto k = static_cast<std::size_t>(at); k < n && (static_cast<double>(k) < until); ++k) {
            load.values[k] = std::fmax(load.values[k], f.load_w[i] / unit);
            if (f.limit_w[i] >= 0) limit.values[k] = std::fmin(limit.values[k], f.limit_w[i] / unit);
        }
    }
    strip out{.title = f.name + " [" + name + "]", .curves = {std::move(load)}, .height = 84};
    if (std::any_of(f.limit_w.begin(), f.limit_w.end(), [](double w) { return w >= 0; }))
        out.curves.push_back(std::move(limit));
    return out;
}

/// Does an event's feed, which may leave out the site, mean this one or what feeds it?
bool is_about(const marked_time& e, const std::string& feed) {
    return feed == e.feed || feed.ends_with('/' + e.feed) || feed.starts_with(e.feed + '/');
}

std::vector<const feed_columns*> shown_feeds(const run_files& run) {
    std::vector<const feed_columns*> out;
    for (const feed_columns& f : run.feeds) out.push_back(&f);
    const auto is_site = [](const feed_columns* f) { return f->name.find('/') == std::string::npos; };
    std::stable_sort(out.begin(), out.end(), [&](const feed_columns* a, const feed_columns* b) {
        if (is_site(a) != is_site(b)) return is_site(a);
        return greatest_share(*a) > greatest_share(*b);
    });
    if (out.size() > most_feeds) out.resize(most_feeds);
    return out;
}

std::vector<double> even_seconds(duration length, std::size_t count) {
    std::vector<double> out;
    for (const instant t : even_edges(length, count)) out.push_back(to_seconds(t - start_of_time));
    return out;
}

std::string feeds_table(const run_files& run) {
    html_table rows{
        {"Feed", "mean load [kW]", "peak load [kW]", "least limit [kW]", "peak share of limit", "least charge"}, 1};
    for (const feed_columns& f : run.feeds) {
        const auto n = static_cast<double>(std::max<std::size_t>(1, f.time.size()));
        const double mean = std::accumulate(f.load_w.begin(), f.load_w.end(), 0.0) / n;
        const double peak = *std::max_element(f.load_w.begin(), f.load_w.end());
        const auto least_of = [](const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); };
        const double limit = least_of(f.limit_w);
        const double charge = least_of(f.charge);
        rows.row({escape(f.name), fixed(mean / 1e3, 1), fixed(peak / 1e3, 1),
                  limit < 0 ? "\u2013" : fixed(limit / 1e3, 1),
                  limit < 0 ? "\u2013" : fixed(100 * greatest_share(f), 1) + "\u00A0%",
                  charge < 0 ? "\u2013" : fixed(100 * charge, 1) + "\u00A0%"});
    }
    return rows.str();
}

}  // namespace

void add_feeds(page& to, const run_files& run) {
    if (run.feeds.empty() || run.summary.simulated == duration::zero()) return;
    const std::vector<double> edges = even_seconds(run.summary.simulated, feed_stretches);
    std::vector<strip> strips;
    const auto feeds = shown_feeds(run);
    for (const feed_columns* f : feeds) {
        const double most = *std::max_element(f->load_w.begin(), f->load_w.end());
        const bool is_large = most >= 2e6;
        strips.push_back(feed_strip(*f, edges, is_large ? 1e6 : 1e3, is_large ? "MW" : "kW"));
        for (const marked_time& e : run.events) {
            if (is_about(e, f->name)) strips.back().marks.push_back(e);
        }
    }
    to.begin_section("Feeds against their limits");
    std::string caption =
        "From the samples of feeds.csv: the greatest load and the least limit of each stretch. "
        "Shaded: events that the scenario plans for the feed or for what feeds it.";
    if (feeds.size() < run.feeds.size())
        caption += " Drawn are sites and the feeds nearest to their limits, " + grouped(feeds.size()) + " of " +
                   grouped(run.feeds.size()) + "; the table has all.";
    to.figure(draw_strips("Load of each feed and its limit over simulated time", edges, strips), caption);
    to.details("All feeds as a table", feeds_table(run));
    to.end_section();
}

namespace {

std::string figure_cell(const figures& f, std::string_view key, std::string (*show)(double)) {
    const auto v = f.find(key);
    return v ? show(*v) : "\u2013";
}

std::string share_text(double x) { return fixed(100 * x, 1) + "\u00A0%"; }
std::string count_text(double x) { return fixed(x, 0); }
std::string short_text(double x) {
    static constexpr std::array<std::pair<double, std::string_view>, 4> scales{
        {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e4, "k"}}};
    for (const auto& [size, name] : scales) {
        if (x >= size) return significant(x / (name == "k" ? 1e3 : size), 4) + "\u00A0" + std::string{name};
    }
    return significant(x, 4);
}

void add_trainings_table(page& to, const std::vector<figures>& all) {
    html_table rows{{"Training job", "jobs", "finished", "GPUs of one", "tokens", "tokens/s", "step, mean", "MFU",
                     "ETTR", "failures", "checkpoints"},
                    1};
    for (const figures& f : all) {
        rows.row({"<bdi>" + escape(shortened(f.name, 60)) + "</bdi>", figure_cell(f, "jobs", count_text),
                  figure_cell(f, "finished", count_text), figure_cell(f, "gpus", count_text),
                  figure_cell(f, "tokens", short_text), figure_cell(f, "tokens_per_s", short_text),
                  figure_cell(f, "step_s.mean", human_seconds), figure_cell(f, "mfu", share_text),
                  figure_cell(f, "effective_training_time_ratio", share_text), figure_cell(f, "failures", count_text),
                  figure_cell(f, "checkpoints", count_text)});
    }
    to.table(rows);
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kinds_of_hours{{{"training", "c1"},
                                                                                       {"evaluating", "c9"},
                                                                                       {"checkpoint", "c3"},
                                                                                       {"restart", "c4"},
                                                                                       {"lost", "c2"},
                                                                                       {"stalled", "c5"},
                                                                                       {"waiting", "c6"}}};

/// A bar for each job, from the first start to the end, in shares.
void draw_hours(canvas& to, const std::vector<figures>& all) {
    constexpr double left = 190;
    constexpr double pitch = 30;
    double x = left;
    for (const auto& [kind, css] : kinds_of_hours) {
        to.rectangle({x, 6, 11, 11}, "solid " + std::string{css});
        to.text(x + 17, 16, anchor::start, "dim", kind);
        x += 17 + text_width(kind) + 22;
    }
    double y = 32;
    for (const figures& f : all) {
        double sum = 0;
        for (const auto& [kind, css] : kinds_of_hours) sum += f.or_zero("hours." + std::string{kind});
        to.text(left - 10, y + 15, anchor::end, "", shortened(f.name, 24));
        double at = left;
        const double length = width - left - 130;
        for (const auto& [kind, css] : kinds_of_hours) {
            const double hours = f.or_zero("hours." + std::string{kind});
            if (!(hours > 0) || !(sum > 0)) continue;
            const double part = length * hours / sum;
            to.rectangle({at, y, part, pitch - 9}, "part " + std::string{css},
                         std::string{kind} + " " + significant(hours, 4) + " h, " + percent(hours, sum));
            at += part;
        }
        to.text(left + length + 10, y + 15, anchor::start, "dim", human_seconds(sum * 3600));
        y += pitch;
    }
}

}  // namespace

void add_trainings(page& to, const run_summary& s) {
    if (s.trainings.empty()) return;
    to.begin_section("Training");
    add_trainings_table(to, s.trainings);
    canvas drawing{width, 38 + 30.0 * static_cast<double>(s.trainings.size()),
                   "Where the time of training jobs went, in shares"};
    draw_hours(drawing, s.trainings);
    to.figure(drawing.embedded(),
              "Where the time went from the first start to the end, summed over the jobs of a name. MFU: FLOP of the "
              "model in the steps that were kept over the peak of the GPUs in the time of these steps. ETTR: effective "
              "training time ratio, the time in steps that were kept over the elapsed time.");
    html_table rows{
        {"Hours", "elapsed", "training", "evaluating", "checkpoint", "restart", "lost", "stalled", "waiting"}, 1};
    for (const figures& f : s.trainings) {
        const auto hours = [&f](std::string_view kind) { return fixed(f.or_zero("hours." + std::string{kind}), 1); };
        rows.row({"<bdi>" + escape(shortened(f.name, 60)) + "</bdi>", hours("elapsed"), hours("training"),
                  hours("evaluating"), hours("checkpoint"), hours("restart"), hours("lost"), hours("stalled"),
                  hours("waiting")});
    }
    to.details("Hours as a table", rows.str());
    to.end_section();
}

}  // namespace ampacity::report
