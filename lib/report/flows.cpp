#include "sections.hpp"

#include <ampacity/report/svg_chart.hpp>
#include <ampacity/report/text.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::report {
namespace {

constexpr double width = 992;
constexpr double node_width = 14;
constexpr double gap = 16;

/// A place that something flows through.
struct node {
    std::string name;
    std::string css;
    std::size_t column = 0;
    double value = 0;
    double y = 0, height = 0;
    double sent = 0, received = 0;  ///< height used up by links so far
};
struct link {
    std::size_t from = 0, to = 0;
    double value = 0;
};

/// Nodes in columns from left to right, as high as what flows through them.
class flow_diagram {
public:
    std::size_t add(std::string name, std::string css, std::size_t column, double value) {
        nodes_.push_back({.name = std::move(name), .css = std::move(css), .column = column, .value = value});
        return nodes_.size() - 1;
    }
    /// A node that all of which comes from another one; nothing for no value.
    std::size_t add_from(std::size_t from, std::string name, std::string css, double value) {
        if (!(value > 0)) return from;
        const std::size_t to = add(std::move(name), std::move(css), nodes_[from].column + 1, value);
        join(from, to, value);
        return to;
    }
    void join(std::size_t from, std::size_t to, double value) { links_.push_back({from, to, value}); }

    [[nodiscard]] std::string draw(const std::string& title, const std::string& unit, int decimals) {
        std::size_t columns = 0;
        std::size_t most = 0;
        for (const node& n : nodes_) columns = std::max(columns, n.column + 1);
        for (std::size_t c = 0; c != columns; ++c) most = std::max(most, count(c));
        const double height = 220 + gap * static_cast<double>(most);
        canvas to{width, height + 20, title};
        lay_out(columns, height);
        const double step = (width - 240) / static_cast<double>(std::max<std::size_t>(2, columns) - 1);
        const auto x = [&](const node& n) { return 10 + step * static_cast<double>(n.column); };
        const auto shown = [&](double v) { return fixed(v, decimals) + " " + unit; };
        const double whole = value_of_first_column();
        for (const link& l : links_) draw_link(to, l, x, shown);
        for (const node& n : nodes_) {
            to.rectangle({x(n), n.y, node_width, std::max(1.0, n.height)}, "solid " + n.css,
                         n.name + ": " + shown(n.value));
            const double middle = n.y + n.height / 2 + 4;
            to.text(x(n) + node_width + 6, middle, anchor::start, "halo",
                    shortened(n.name, 22) + "  " + percent(std::min(n.value, whole), whole));
        }
        return to.embedded();
    }

private:
    [[nodiscard]] std::size_t count(std::size_t column) const {
        return static_cast<std::size_t>(
            std::count_if(nodes_.begin(), nodes_.end(), [&](const node& n) { return n.column == column; }));
    }
    [[nodiscard]] double value_of_first_column() const {
        double sum = 0;
        for (const node& n : nodes_) sum += n.column == 0 ? n.value : 0;
        return sum;
    }

    void lay_out(std::size_t columns, double height) {
        const double scale = 200 / value_of_first_column();
        for (std::size_t c = 0; c != columns; ++c) {
            double used = 0;
            for (const node& n : nodes_) used += n.column == c ? n.value * scale : 0;
            const auto gaps = static_cast<double>(count(c) > 0 ? count(c) - 1 : 0);
            double y = std::max(6.0, (height - used - gap * gaps) / 2);
            for (node& n : nodes_) {
                if (n.column != c) continue;
                n.y = y;
                n.height = n.value * scale;
                y += std::max(n.height, 1.0) + gap;
            }
        }
        scale_ = scale;
    }

    template <class X, class Shown>
    void draw_link(canvas& to, const link& l, X x, Shown shown) {
        node& a = nodes_[l.from];
        node& b = nodes_[l.to];
        const double thick = std::max(0.5, l.value * scale_);
        const double x1 = x(a) + node_width;
        const double x2 = x(b);
        const double middle = (x1 + x2) / 2;
        const double y1 = a.y + a.sent;
        const double y2 = b.y + b.received;
        a.sent += thick;
        b.received += thick;
        std::string d;
        const auto px = [](double v) {
            std::string text = fixed(v, 1);
            std::erase(text, ',');
            return text;
        };
        append(d, {"M", px(x1),         " ", px(y1),     "C", px(middle),     " ", px(y1),
                   " ", px(middle),     " ", px(y2),     " ", px(x2),         " ", px(y2),
                   "V", px(y2 + thick), "C", px(middle), " ", px(y2 + thick), " ", px(middle),
                   " ", px(y1 + thick), " ", px(x1),     " ", px(y1 + thick), "Z"});
        to.path(d, "flow " + b.css, a.name + " \u2192 " + b.name + ": " + shown(l.value));
    }

    std::vector<node> nodes_;
    std::vector<link> links_;
    double scale_ = 1;
};

void add_hours(page& to, const run_summary& s) {
    if (!s.capacity_gpu_hours || !(*s.capacity_gpu_hours > 0)) return;
    const auto hours = [&](std::string_view account) {
        const auto at =
            std::find_if(s.gpu_hours.begin(), s.gpu_hours.end(), [&](const auto& a) { return a.first == account; });
        return at == s.gpu_hours.end() ? 0.0 : at->second;
    };
    flow_diagram flow;
    const std::size_t all = flow.add("capacity", "c8", 0, *s.capacity_gpu_hours);
    const double useful = hours("useful");
    double held = useful;
    for (const std::string_view kind : {"lost", "checkpoint", "restart", "stalled"}) held += hours(kind);
    if (held > 0) {
        const std::size_t holders = flow.add_from(all, "held by jobs", "c7", held);
        const std::size_t work = flow.add_from(holders, "useful", "c1", useful);
        flow.add_from(holders, "checkpoint", "c3", hours("checkpoint"));
        flow.add_from(holders, "restart", "c4", hours("restart"));
        flow.add_from(holders, "lost", "c2", hours("lost"));
        flow.add_from(holders, "stalled", "c5", hours("stalled"));
        double served = 0;
        for (const figures& f : s.services) {
            const double by = f.or_zero("held_gpu_hours");
            flow.add_from(work, "service " + f.name, "c9", by);
            served += by;
        }
        if (served > 0) flow.add_from(work, "other jobs", "c1", useful - served);
    }
    flow.add_from(all, "idle", "c6", hours("idle"));
    flow.add_from(all, "draining", "c7", hours("draining"));
    flow.add_from(all, "down", "c8", hours("down"));
    to.begin_section("Flow of GPU-hours");
    to.figure(flow.draw("Flow of GPU-hours from the capacity to where they went", "GPU-h",
                        *s.capacity_gpu_hours < 100 ? 3 : 0),
              "Percentages are of the capacity, " + fixed(*s.capacity_gpu_hours, *s.capacity_gpu_hours < 100 ? 3 : 0) +
                  " GPU-hours. The table above has the same numbers.");
    to.end_section();
}

void add_energy(page& to, const figures& f) {
    const auto facility = f.find("energy_kwh.facility");
    if (!facility || !(*facility > 0)) return;
    const double grid = std::min(f.find("energy_kwh.grid").value_or(*facility), *facility);
    flow_diagram flow;
    const std::size_t from_grid = flow.add("from the grid", "c8", 0, grid);
    const std::size_t site = flow.add("facility", "c7", 1, *facility);
    flow.join(from_grid, site, grid);
    const double own = *facility - grid;
    if (own > 1e-9 * *facility) flow.join(flow.add("generators, batteries", "c2", 0, own), site, own);
    flow.add_from(site, "IT equipment", "c1", f.or_zero("energy_kwh.it"));
    flow.add_from(site, "losses of power", "c3", f.or_zero("energy_kwh.losses"));
    flow.add_from(site, "cooling and others", "c9", f.or_zero("energy_kwh.overhead"));
    const bool small = *facility < 1e4;
    to.begin_section("Flow of energy");
    to.figure(flow.draw("Flow of energy from its sources to where it went", "kWh", small ? 2 : 0),
              "Percentages are of the energy of the facility, " + fixed(*facility, small ? 2 : 0) + " kWh" +
                  (f.find("pue") ? "; PUE " + significant(*f.find("pue"), 4) : std::string{}) + ".");
    to.end_section();
}

/// A bar of the named parts of a group of figures, with a table.
void add_parts(page& to, const figures& f, const std::string& group, const std::string& title, const std::string& unit,
               const std::vector<std::pair<std::string, std::string>>& keys) {
    std::vector<part> parts;
    double whole = 0;
    html_table rows{{"Part", unit, "share"}, 1};
    for (const auto& [key, name] : keys) {
        const double v = f.or_zero(group + '.' + key);
        if (!(v > 0)) continue;
        parts.push_back({name, "c" + std::to_string(1 + parts.size()), v});
        whole += v;
    }
    if (parts.empty()) return;
    for (const part& p : parts) {
        rows.row({"<i class=\"key " + p.css + "\"></i>" + escape(p.label), fixed(p.value, 2), percent(p.value, whole)});
    }
    rows.row({"<b>together</b>", "<b>" + fixed(whole, 2) + "</b>", "<b>100\u00A0%</b>"});
    canvas drawing{width, 60, title};
    draw_parts(drawing, {0, 4, width, 30}, parts);
    to.begin_section(title);
    to.figure(drawing.embedded(), "");
    to.table(rows);
    to.end_section();
}

}  // namespace

void add_flows(page& to, const run_summary& s) {
    add_hours(to, s);
    add_energy(to, s.numbers);
    add_parts(to, s.numbers, "carbon_kg", "Carbon", "kg CO\u2082e",
              {{"location", "electricity, location-based"},
               {"generators", "generators"},
               {"embodied", "embodied in hardware"}});
    add_parts(to, s.numbers, "cost_usd", "Cost", "USD",
              {{"energy", "energy"},
               {"demand", "demand charge"},
               {"generators", "fuel of generators"},
               {"capacity", "capacity"},
               {"water", "water"}});
}

}  // namespace ampacity::report
