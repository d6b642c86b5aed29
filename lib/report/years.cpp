#include "sections.hpp"

#include <ampacity/report/axis.hpp>
#include <ampacity/report/svg_chart.hpp>
#include <ampacity/report/text.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::report {
namespace {

constexpr double width = 992;
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
constexpr std::string_view none = "\u2013";

/// A step of units, from the largest on.
struct scale {
    double unit;
    std::string_view name;
};
constexpr std::array gpu_hours{scale{1e9, "10⁹ GPU-h"}, scale{1e6, "10⁶ GPU-h"}, scale{1e3, "10³ GPU-h"},
                               scale{1, "GPU-h"}};
constexpr std::array energies{scale{1e9, "TWh"}, scale{1e6, "GWh"}, scale{1e3, "MWh"}, scale{1, "kWh"}};
constexpr std::array masses{scale{1e9, "Mt"}, scale{1e6, "kt"}, scale{1e3, "t"}, scale{1, "kg"}};
constexpr std::array money{scale{1e9, "10⁹ USD"}, scale{1e6, "10⁶ USD"}, scale{1e3, "10³ USD"}, scale{1, "USD"}};
constexpr std::array plain{scale{1, ""}};

/// A part of what stands for each year; 0 where it is not known.
struct layer {
    std::string name, css;
    std::vector<double> values;
};

/// Bars of years, or points for what does not add up.
struct year_panel {
    std::string title;
    std::span<const scale> units;
    std::vector<layer> layers;
    bool points = false;
};

class year_charts {
public:
    explicit year_charts(const std::vector<year_row>& rows) {
        for (const year_row& r : rows) {
            if (r.site.empty()) rows_.push_back(&r);
        }
    }
    [[nodiscard]] std::vector<year_panel> panels() const {
        std::vector<year_panel> all{{"GPU-time in service, by account", gpu_hours, accounts(), false},
                                    {"Energy", energies, {}, false},
                                    {"PUE", plain, {of("facility / IT", "c1", "pue")}, true},
                                    {"CO2e", masses, {}, false},
                                    {"Cost", money, {}, false},
                                    {"Paid under the contract", money, {of("paid", "c1", "contract_usd")}, false},
                                    {"Interruptions", plain, {of("jobs and replicas", "c2", "interruptions")}, false},
                                    {"Tokens of answers", tokens, {of("output tokens", "c9", "output_tokens")}, false}};
        all[1].layers = {of("IT", "c1", "it_kwh"), difference("losses and building", "c3", "facility_kwh", "it_kwh")};
        all[3].layers = {of("energy, by location", "c1", "carbon_location_kg"),
                         of("making it", "c3", "carbon_embodied_kg")};
        all[4].layers = {of("energy", "c1", "energy_usd"), of("demand", "c7", "demand_usd"),
                         of("rent", "c5", "rent_usd"), of("capital", "c3", "capital_usd")};
        for (year_panel& p : all) std::erase_if(p.layers, [](const layer& l) { return is_nothing(l); });
        std::erase_if(all, [](const year_panel& p) { return p.layers.empty(); });
        return all;
    }
    void draw(canvas& to, const box& where, const year_panel& p) const {
        double most = 0, least = std::numeric_limits<double>::infinity();
        for (std::size_t k = 0; k != rows_.size(); ++k) {
            double sum = 0;
            for (const layer& l : p.layers) sum += above_zero(l.values[k]);
            most = std::max(most, sum);
            if (sum > 0) least = std::min(least, sum);
        }
        const scale& unit =
            *std::find_if(p.units.begin(), p.units.end() - 1, [most](const scale& s) { return most >= 2 * s.unit; });
        const axis y = value_axis(p.points ? std::min(least, most) / unit.unit : 0, most / unit.unit, 5);
        axis x{.low = 0, .high = static_cast<double>(rows_.size()), .logarithmic = false, .unit = {}, .ticks = {}};
        for (std::size_t k = 0; k != rows_.size(); ++k)
            x.ticks.push_back({static_cast<double>(k) + 0.5, std::to_string(rows_[k]->year)});
        double widest = 0;
        for (const tick& t : y.ticks) widest = std::max(widest, text_width(t.label));
        const box plot{where.x + widest + 12, where.y + 46, where.width - widest - 40, where.height - 80};
        to.text(where.x, where.y + 14, anchor::start, "strong",
                p.title + (unit.name.empty() ? "" : " [" + std::string{unit.name} + "]"));
        legend(to, where.x, where.y + 34, p.layers);
        draw_axes(to, plot, x, y, true);
        for (std::size_t k = 0; k != rows_.size(); ++k) draw_year(to, plot, p, k, unit, y);
    }

private:
    static constexpr std::array tokens{scale{1e15, "10¹⁵"}, scale{1e12, "10¹²"}, scale{1e9, "10⁹"}, scale{1e6, "10⁶"},
                                       scale{1, ""}};

    static double above_zero(double v) { return std::isnan(v) ? 0 : std::max(0.0, v); }
    static bool is_nothing(const layer& l) {
        return std::all_of(l.values.begin(), l.values.end(), [](double v) { return above_zero(v) == 0; });
    }
    [[nodiscard]] layer of(std::string name, std::string css, std::string_view column) const {
        layer out{std::move(name), std::move(css), {}};
        for (const year_row* r : rows_) out.values.push_back(r->find(column));
        return out;
    }
    [[nodiscard]] layer difference(std::string name, std::string css, std::string_view of_this,
                                   std::string_view less) const {
        layer out{std::move(name), std::move(css), {}};
        for (const year_row* r : rows_) out.values.push_back(r->find(of_this) - r->find(less));
        return out;
    }
    [[nodiscard]] std::vector<layer> accounts() const {
        std::vector<layer> out;
        for (const auto& [name, css] : account_colours())
            out.push_back(of(std::string{name}, std::string{css}, "gpu_hours_" + std::string{name}));
        return out;
    }
    static void legend(canvas& to, double x, double y, const std::vector<layer>& layers) {
        if (layers.size() < 2) return;
        for (const layer& l : layers) {
            to.rectangle({x, y - 10, 11, 11}, "solid " + l.css);
            to.text(x + 16, y, anchor::start, "dim", l.name);
            x += 16 + text_width(l.name) + 14;
        }
    }
    void draw_year(canvas& to, const box& plot, const year_panel& p, std::size_t k, const scale& unit,
                   const axis& y) const {
        const double pitch = plot.width / static_cast<double>(rows_.size());
        const double bar = std::min(64.0, 0.72 * pitch);
        const double left = plot.x + pitch * (static_cast<double>(k) + 0.5) - bar / 2;
        const auto height = [&](double v) { return plot.height * y.share(v / unit.unit); };
        double below = 0;
        for (const layer& l : p.layers) {
            const double v = above_zero(l.values[k]);
            if (!(v > 0)) continue;
            const std::string what = std::to_string(rows_[k]->year) + ", " + l.name + ": " +
                                     significant(v / unit.unit, 4) + ' ' + std::string{unit.name};
            const double from = p.points ? height(v) + 3 : height(below),
                         until = p.points ? from - 6 : height(below + v);
            const double top = std::max(from, until);
            to.rectangle({left, plot.y + plot.height - top, bar, std::abs(until - from)}, "part " + l.css, what);
            below += v;
        }
    }

    std::vector<const year_row*> rows_;
};

std::string cell(double v, double unit, int decimals) {
    return std::isfinite(v) ? fixed(v / unit, decimals) : std::string{none};
}

/// What the tables tell of a year or a site.
struct told {
    double hours = unknown, in_service = unknown, useful = unknown, lost = unknown, idle = unknown, down = unknown;
    double interruptions = unknown, facility_kwh = unknown, it_kwh = unknown, carbon_kg = unknown,
           embodied_kg = unknown;
    double energy_usd = unknown, paid_usd = unknown, tokens = unknown;
};

constexpr std::array<std::pair<std::string_view, double told::*>, 14> columns{
    {{"hours", &told::hours},
     {"gpu_hours_in_service", &told::in_service},
     {"gpu_hours_useful", &told::useful},
     {"gpu_hours_lost", &told::lost},
     {"gpu_hours_idle", &told::idle},
     {"gpu_hours_down", &told::down},
     {"interruptions", &told::interruptions},
     {"facility_kwh", &told::facility_kwh},
     {"it_kwh", &told::it_kwh},
     {"carbon_location_kg", &told::carbon_kg},
     {"carbon_embodied_kg", &told::embodied_kg},
     {"energy_usd", &told::energy_usd},
     {"contract_usd", &told::paid_usd},
     {"output_tokens", &told::tokens}}};

told of_row(const year_row& r) {
    told out;
    for (const auto& [name, part] : columns) out.*part = r.find(name);
    return out;
}

constexpr std::array<std::string_view, 13> heads{
    "GPU-h in service", "useful",        "lost",         "idle",       "down",      "interruptions", "MWh", "PUE",
    "CO2e [t]",         "making it [t]", "energy [USD]", "paid [USD]", "tokens out"};

std::vector<std::string> cells_of(const told& t) {
    const auto share = [&t](double part) {
        return std::isfinite(part) && t.in_service > 0 ? fixed(100 * part / t.in_service, 2) + "\u00A0%"
                                                       : std::string{none};
    };
    return {cell(t.in_service, 1, 0),
            share(t.useful),
            share(t.lost),
            share(t.idle),
            share(t.down),
            cell(t.interruptions, 1, 0),
            cell(t.facility_kwh, 1e3, 1),
            t.it_kwh > 0 ? cell(t.facility_kwh / t.it_kwh, 1, 4) : std::string{none},
            cell(t.carbon_kg, 1e3, 1),
            cell(t.embodied_kg, 1e3, 1),
            cell(t.energy_usd, 1, 0),
            cell(t.paid_usd, 1, 0),
            std::isfinite(t.tokens) ? significant(t.tokens, 4) : std::string{none}};
}

template <class Texts>
std::vector<std::string> with(std::vector<std::string> first, const Texts& more) {
    first.insert(first.end(), more.begin(), more.end());
    return first;
}

std::string site_cell(const std::string& name) { return "<bdi>" + escape(shortened(name, 60)) + "</bdi>"; }

/// Sums over years; what is not known of one is not known.
std::vector<std::pair<std::string, told>> sites_of(const std::vector<year_row>& rows) {
    std::vector<std::pair<std::string, told>> out;
    for (const year_row& r : rows) {
        if (r.site.empty()) continue;
        const auto at = std::find_if(out.begin(), out.end(), [&r](const auto& s) { return s.first == r.site; });
        if (at == out.end()) {
            out.emplace_back(r.site, of_row(r));
            continue;
        }
        for (const auto& [name, part] : columns) at->second.*part += r.find(name);
    }
    return out;
}

/// Of a run without years.
std::vector<std::pair<std::string, told>> sites_of(const std::vector<figures>& sites) {
    std::vector<std::pair<std::string, told>> out;
    for (const figures& f : sites) {
        const auto get = [&f](std::string_view key) { return f.find(key).value_or(unknown); };
        out.emplace_back(f.name, told{.in_service = get("gpu_hours.capacity"),
                                      .useful = get("gpu_hours.useful"),
                                      .lost = get("gpu_hours.lost"),
                                      .idle = get("gpu_hours.idle"),
                                      .down = get("gpu_hours.down"),
                                      .interruptions = get("interruptions"),
                                      .facility_kwh = get("energy_kwh.facility"),
                                      .it_kwh = get("energy_kwh.it"),
                                      .carbon_kg = get("carbon_kg.location"),
                                      .embodied_kg = get("carbon_kg.embodied"),
                                      .energy_usd = get("cost_usd.energy"),
                                      .tokens = get("services.output_tokens")});
    }
    return out;
}

void add_year_table(page& to, const std::vector<year_row>& rows) {
    html_table table{with({"Year", "hours"}, heads), 1};
    html_table by_site{with({"Year", "Site"}, heads), 2};
    bool any = false;
    for (const year_row& r : rows) {
        const std::string year = std::to_string(r.year);
        const told t = of_row(r);
        if (r.site.empty()) {
            table.row(with({year, cell(t.hours, 1, 0)}, cells_of(t)));
        } else {
            any = true;
            by_site.row(with({year, site_cell(r.site)}, cells_of(t)));
        }
    }
    to.table(table);
    if (any) to.details("Years of each site", by_site.str());
}

}  // namespace

void add_years(page& to, const run_files& run) {
    if (run.years.empty()) return;
    const year_charts charts{run.years};
    const std::vector<year_panel> panels = charts.panels();
    to.begin_section("By calendar year");
    if (!panels.empty()) {
        // The first over the whole width, then two beside each other.
        constexpr double height = 240, gap = 18;
        const std::size_t rows = 1 + panels.size() / 2;
        canvas drawing{width, (height + gap) * static_cast<double>(rows), "The run by calendar year"};
        for (std::size_t i = 0; i != panels.size(); ++i) {
            const double x = i == 0 || i % 2 == 1 ? 0 : width / 2;
            const double y = (height + gap) * static_cast<double>((i + 1) / 2);
            charts.draw(drawing, {x, y, i == 0 ? width : width / 2 - gap, height}, panels[i]);
        }
        to.figure(drawing.embedded(),
                  "From years.csv: calendar years in UTC; the first and the last are as long as the run lies in them. "
                  "What is useful in one year and lost in the next is taken back in that one.");
    }
    add_year_table(to, run.years);
    to.paragraph("Shares are of the GPU-time in service. Emissions by location, of the energy from the grid.");
    to.end_section();
}

void add_sites(page& to, const run_files& run) {
    const auto sites = run.summary.sites.empty() ? sites_of(run.years) : sites_of(run.summary.sites);
    if (sites.empty()) return;
    // What is paid is known by year alone.
    std::map<std::string, double> paid;
    for (const auto& [name, t] : sites_of(run.years)) paid[name] = t.paid_usd;
    html_table table{with({"Site"}, heads), 1};
    for (auto [name, t] : sites) {
        if (const auto at = paid.find(name); at != paid.end()) t.paid_usd = at->second;
        table.row(with({site_cell(name)}, cells_of(t)));
    }
    to.begin_section("By site");
    to.table(table);
    to.end_section();
}

}  // namespace ampacity::report
