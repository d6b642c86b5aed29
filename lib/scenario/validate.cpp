#include "check_build_out.hpp"
#include "check_contract.hpp"
#include "check_services.hpp"
#include "check_sites.hpp"
#include "check_synthetic.hpp"
#include "check_training.hpp"
#include "gpu_fleet.hpp"
#include "reporter.hpp"
#include "row_list.hpp"

#include <ampacity/scenario/validate.hpp>
#include <ampacity/scenario/values.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::scenario {
namespace {

/// Ranges of every value and exactly-one rules, by `fields`.
template <described S>
class range_checker {
public:
    range_checker(const S& value, std::string prefix, const reporter& report)
        : value_{value}, prefix_{std::move(prefix)}, report_{report} {}

    template <class M>
    void operator()(M S::* member, const field<value_of_t<M>>& f) {
        const M& m = value_.*member;
        std::string path = prefix_;
        path += f.key;
        if constexpr (is_optional<M>) {
            given_ += m && !f.beside ? 1U : 0U;
            if (m) check_one(*m, f, path);
        } else if constexpr (is_list<M>) {
            given_ += m.empty() || f.beside ? 0U : 1U;
            for (std::size_t i = 0; i < m.size(); ++i) {
                const bool is_single = may_be_single<M> && m.size() == 1;
                check_one(m[i], f, is_single ? path : path + '.' + std::to_string(i));
            }
        } else {
            check_one(m, f, path);
        }
    }
    void not_yet(std::string_view) {}

    [[nodiscard]] std::size_t given() const { return given_; }

private:
    template <class T>
    void check_one(const T& v, const field<T>& f, const std::string& path) {
        if constexpr (described<T>) {
            range_checker<T> inner{v, path + '.', report_};
            T::fields(inner);
            if constexpr (one_of<T>) {
                if (inner.given() != 1) fail_one_of<T>(path, inner.given());
            }
        } else if (auto wrong = check_range(v, f)) {
            report_.fail(path, wrong->what, yaml_text(v), wrong->remedy);
        }
    }

    template <one_of T>
    [[noreturn]] void fail_one_of(const std::string& path, std::size_t given) const {
        std::string known;
        for (const std::string_view key : keys_of<T>().one_of) known += (known.empty() ? "" : ", ") + std::string{key};
        report_.fail(path, "expected exactly one key, found " + std::to_string(given), {}, "give one of: " + known);
    }

    const S& value_;
    std::string prefix_;
    const reporter& report_;
    std::size_t given_ = 0;
};

void check_name(const std::string& name, const reporter& report) {
    const std::string remedy = "write a name that can be a folder, such as philly-easy";
    const auto unusable = [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '/' || c == '\\';
    };
    if (name.empty()) report.fail("name", "is empty", {}, remedy);
    if (name.size() > 128) report.fail("name", "longer than 128 bytes", name.substr(0, 32) + "...", remedy);
    if (name.front() == '.' || name.front() == '-' || name.front() == ' ' || name.back() == ' ') {
        report.fail("name", "starts with a dot, a dash or a blank, or ends with a blank", name, remedy);
    }
    if (std::any_of(name.begin(), name.end(), unusable))
        report.fail("name", "contains a slash, a backslash or a control character", yaml_text(name), remedy);
}

void check_workload(const std::vector<workload_entry>& workload, const reporter& report) {
    if (workload.size() > 0xFFFF)
        report.fail("workload", "too many entries", std::to_string(workload.size()), "write at most 65535");
    for (std::size_t i = 0; i < workload.size(); ++i) {
        const std::string path = "workload." + std::to_string(i) + '.';
        if (workload[i].trace && workload[i].trace->path.empty())
            report.fail(path + "trace.path", "is empty", {}, "write the name of a file");
        if (workload[i].trace && workload[i].trace->dependencies && workload[i].trace->format != trace_format::swf)
            report.fail(path + "trace.dependencies", "is for traces of the format swf",
                        std::string{name_of_value(workload[i].trace->format)},
                        "remove it; in jobs-csv the columns `after` and `after_any` name the jobs to wait for");
        if (workload[i].synthetic) check_synthetic(*workload[i].synthetic, path + "synthetic", report);
    }
}

/// The groups of a list have at most so many nodes or GPUs together.
template <class Group>
void check_count(const std::vector<Group>& groups, const std::string& path, const char* what, std::uint64_t most,
                 const reporter& report) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i != groups.size(); ++i) {
        sum += groups[i].count;
        if (sum > most)
            report.fail(path + '.' + std::to_string(i) + ".count", "too many " + std::string{what},
                        std::to_string(groups[i].count),
                        "write at most " + std::to_string(most) + ' ' + what + " in all");
    }
}

void check_racks(const fleet& f, const reporter& report) {
    std::uint64_t nodes = 0;
    const auto check_group = [&](const rack_group& g, const std::string& path) {
        if (g.usable_per_rack && *g.usable_per_rack > g.nodes_per_rack) {
            report.fail(path + ".usable_per_rack", "more than the nodes of a rack", std::to_string(*g.usable_per_rack),
                        "write at most " + std::to_string(g.nodes_per_rack));
        }
        nodes += g.count * g.nodes_per_rack;
        if (nodes > max_nodes) {
            report.fail(path + ".count", "too many nodes", std::to_string(g.count),
                        "write fewer racks: at most " + std::to_string(max_nodes) + " nodes in all");
        }
    };
    for (std::size_t i = 0; i < f.racks.size(); ++i)
        check_group(f.racks[i], f.racks.size() == 1 ? "fleet.racks" : "fleet.racks." + std::to_string(i));
    for (std::size_t i = 0; i < f.sites.size(); ++i) {
        const std::string path = "fleet.sites." + std::to_string(i);
        if (f.sites[i].name.empty()) report.fail(path + ".name", "is empty", {}, "write a name");
        for (std::size_t k = 0; k < i; ++k) {
            if (f.sites[k].name == f.sites[i].name)
                report.fail(path + ".name", "names another site too", f.sites[i].name, "write another name");
        }
        for (std::size_t k = 0; k < f.sites[i].racks.size(); ++k)
            check_group(f.sites[i].racks[k], path + ".racks." + std::to_string(k));
    }
}

/// Names of a list of groups or users: none empty, each once.
template <class T>
void check_names(const std::vector<T>& list, const std::string& path, const reporter& report) {
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const std::string at = path + '.' + std::to_string(i) + ".name";
        if (list[i].name.empty()) report.fail(at, "is empty", {}, "write a name");
        if (!seen.insert(list[i].name).second)
            report.fail(at, "another one has this name", list[i].name, "name each once");
    }
    if (list.size() > 100'000)
        report.fail(path, "too many entries", std::to_string(list.size()), "write at most 100000");
}

/// Nodes and racks of a fleet; a pool has neither.
struct extent {
    std::uint64_t nodes = 0;
    std::uint64_t racks = 0;
    std::uint64_t gpus = 0;
};
extent extent_of(const fleet& f) {
    extent e;
    for (const node_group& g : f.nodes) {
        e.nodes += g.count;
        e.gpus += g.count * g.gpus;
    }
    const auto add = [&e](const rack_group& g) {
        e.racks += g.count;
        e.nodes += g.count * g.nodes_per_rack;
        e.gpus += g.count * g.nodes_per_rack * g.gpus_per_node;
    };
    std::for_each(f.racks.begin(), f.racks.end(), add);
    for (const site& s : f.sites) std::for_each(s.racks.begin(), s.racks.end(), add);
    return e;
}

void check_rows(const std::string& text, std::uint64_t count, const std::string& path, const reporter& report) {
    if (count == 0) report.fail(path, "the fleet has none", text, "name nodes, or give the fleet racks");
    if (parse_rows(text, count).empty())
        report.fail(path, "not a list of numbers and ranges below " + std::to_string(count), text,
                    "write such as " + std::string{count == 1 ? "\"0\"" : "\"0-" + std::to_string(count - 1) + "\""});
}

/// Which nodes an outage, a slowdown or a reservation is about: exactly one way to say it.
template <class T>
void check_nodes(const T& what, std::size_t given, const std::string& path, const fleet& f, const reporter& report) {
    const extent e = extent_of(f);
    if (e.nodes == 0) report.fail(path, "a pool has no nodes to name", {}, "describe the fleet by nodes or racks");
    if (given != 1) {
        report.fail(path, given == 0 ? "does not say which nodes" : "says twice which nodes", {},
                    "give one of its keys for that");
    }
    if (what.nodes) check_rows(*what.nodes, e.nodes, path + ".nodes", report);
    if (what.racks) check_rows(*what.racks, e.racks, path + ".racks", report);
}

/// Mean days take the place of signals from files, each once.
void check_daily(const energy& e, const reporter& report) {
    const energy_signals given = e.signals.value_or(energy_signals{});
    for (std::size_t i = 0; i != e.daily.size(); ++i) {
        const std::string path = "energy.daily." + std::to_string(i);
        const std::string name{name_of_value(e.daily[i])};
        if (std::find(e.daily.begin(), e.daily.begin() + static_cast<std::ptrdiff_t>(i), e.daily[i]) !=
            e.daily.begin() + static_cast<std::ptrdiff_t>(i))
            report.fail(path, "named twice", name, "name it once");
        const auto& file = e.daily[i] == daily_signal::carbon  ? given.carbon
                           : e.daily[i] == daily_signal::price ? given.price
                                                               : given.weather;
        if (file) report.fail(path, "is given by energy.signals." + name + ", too", name, "remove one of them");
    }
}

template <class Column>
void check_columns(const std::vector<Column>& columns, const std::string& key, bool written, const char* remedy,
                   const reporter& report) {
    if (!columns.empty() && !written) report.fail(key, "the file is not written", {}, remedy);
    for (std::size_t i = 0; i != columns.size(); ++i) {
        if (std::find(columns.begin(), columns.begin() + static_cast<std::ptrdiff_t>(i), columns[i]) !=
            columns.begin() + static_cast<std::ptrdiff_t>(i))
            report.fail(key + '.' + std::to_string(i), "named twice", std::string{name_of_value(columns[i])},
                        "name it once");
    }
}

/// Columns of files that are written, each once.
void check_columns(const scenario& s, const reporter& report) {
    const output& o = s.output;
    check_columns(o.telemetry_columns, "output.telemetry_columns", o.telemetry.has_value(),
                  "set output.telemetry to an interval, such as \"60 s\"", report);
    check_columns(o.feeds_columns, "output.feeds_columns", o.feeds.has_value(), "set output.feeds, such as row",
                  report);
    for (std::size_t i = 0; i != o.telemetry_columns.size(); ++i) {
        const telemetry_column c = o.telemetry_columns[i];
        const std::string key = "output.telemetry_columns." + std::to_string(i), name{name_of_value(c)};
        if (c >= telemetry_column::it && !s.is_powered())
            report.fail(key, "power is not modelled", name, "give `energy` or `power`, or remove it");
        if (c >= telemetry_column::gpu_mean && !(s.power && s.power->thermal))
            report.fail(key, "temperatures are not modelled", name, "write power.thermal: true, or remove it");
    }
}

/// What is not supported on mixed fleets yet.
void check_mixed(const scenario& s, const reporter& report) {
    if (!is_mixed(s)) return;
    const auto refuse = [&report](const std::string& path, const std::string& what) {
        report.fail(path, what + " on a fleet of several GPU types, or with speeds, yet", {},
                    "remove it, or give all groups of the fleet one `gpu` and no workload `speeds`");
    };
    if (s.faults.drain_rack_at != 0) refuse("faults.drain_rack_at", "racks cannot drain");
    if (!s.scheduler.reservations.empty()) refuse("scheduler.reservations.0", "nodes cannot be reserved");
    if (!s.faults.planned.empty()) refuse("faults.maintenance.0", "nodes cannot be reserved");
    for (std::size_t i = 0; i != s.workload.size(); ++i) {
        if (s.workload[i].training) refuse("workload." + std::to_string(i) + ".training", "no training jobs");
        if (!s.workload[i].trains.empty()) refuse("workload." + std::to_string(i) + ".trains", "no training jobs");
        if (!s.workload[i].synthetic) continue;
        const auto& sizes = s.workload[i].synthetic->gpus;
        for (std::size_t k = 0; k != sizes.size(); ++k) {
            if (!sizes[k].elastic) continue;
            refuse("workload." + std::to_string(i) + ".synthetic.gpus." + std::to_string(k) + ".elastic",
                   "elastic jobs cannot run");
        }
    }
}

void check_control(const feed_control& c, const std::string& path, const reporter& report) {
    if (c.target > c.trigger)
        report.fail(path + ".target", "above the share that loads are lowered from", format(c.target),
                    "write at most the trigger, " + format(c.trigger));
    if (c.release > c.target)
        report.fail(path + ".release", "above the share that loads are lowered to", format(c.release),
                    "write at most the target, " + format(c.target));
}

/// Of an event, or of what happens again and again.
template <class Event>
void check_event(const Event& e, const std::string& path, bool thermal, const reporter& report) {
    if ((e.kind == power_event_kind::cooling_loss || e.kind == power_event_kind::flow_loss) && !thermal)
        report.fail(path + ".kind", "temperatures act on nothing", std::string{name_of_value(e.kind)},
                    "write power.thermal: true");
    const bool is_limit = e.kind == power_event_kind::limit;
    const bool is_cut = e.kind == power_event_kind::demand_response;
    if (is_limit != e.power.has_value())
        report.fail(path + (is_limit ? "" : ".power"),
                    is_limit ? "does not say how much load is left" : "only a limit has a power", {},
                    is_limit ? "give `power`, such as \"0.8 MW\"" : "remove it");
    if (is_cut != e.cut.has_value())
        report.fail(path + (is_cut ? "" : ".cut"),
                    is_cut ? "does not say by how much" : "only a demand response has a cut", {},
                    is_cut ? "give `cut`, such as 0.2" : "remove it");
    const bool is_spike = e.kind == power_event_kind::price_spike;
    for (const auto& [given, key] : {std::pair{e.price.has_value(), ".price"}, {e.factor.has_value(), ".factor"}}) {
        if (given && !is_spike)
            report.fail(path + key, std::string{"only a price spike has a "} + (key + 1), {}, "remove it");
    }
    if (is_spike && e.price.has_value() == e.factor.has_value())
        report.fail(path, e.price ? "says twice what energy costs" : "does not say what energy costs", {},
                    "give `price`, such as \"900 USD/MWh\", or `factor`, such as 5");
}

void check_law(const time_law& law, const std::string& path, const reporter& report) {
    if (law.uniform && law.uniform->min >= law.uniform->max)
        report.fail(path + ".uniform.max", "not above min", format(law.uniform->max),
                    "write more than " + format(law.uniform->min));
}

void check_failures(const feed_failures& f, const std::string& path, bool thermal, const reporter& report) {
    check_event(f, path, thermal, report);
    if (f.level.has_value() == f.feed.has_value())
        report.fail(path, f.level ? "says twice to which feeds" : "does not say to which feeds", {},
                    "give `level`, such as source, or `feed`");
    check_law(f.repair, path + ".repair", report);
    if (!f.level) return;
    const auto refuse = [&](const char* remedy) {
        report.fail(path + ".level", "no such thing happens to one", std::string{name_of_value(*f.level)}, remedy);
    };
    const bool of_coolant = f.kind == power_event_kind::cooling_loss || f.kind == power_event_kind::flow_loss;
    if (of_coolant && *f.level == failing_level::source) refuse("write site, hall, row or rack");
    if (f.kind == power_event_kind::price_spike && *f.level != failing_level::site) refuse("write site");
    if (!of_coolant && *f.level == failing_level::hall) refuse("write site, source, row or rack");
}

void check_power(const power_delivery& p, bool has_end, const reporter& report) {
    const auto& list = p.control;
    for (std::size_t i = 0; i != list.size(); ++i) {
        const std::string path = list.size() == 1 ? "power.control" : "power.control." + std::to_string(i);
        check_control(list[i], path, report);
        for (std::size_t k = 0; k != i; ++k) {
            if (list[k].level == list[i].level)
                report.fail(path + ".level", "this level has a controller already",
                            std::string{name_of_value(list[i].level)}, "give each level one");
        }
    }
    for (std::size_t i = 0; i != p.events.size(); ++i) {
        const std::string path = "power.events." + std::to_string(i);
        check_event(p.events[i], path, p.thermal, report);
    }
    for (std::size_t i = 0; i != p.failures.size(); ++i)
        check_failures(p.failures[i], "power.failures." + std::to_string(i), p.thermal, report);
    if ((p.reliability || !p.failures.empty()) && !has_end)
        report.fail(p.reliability ? "power.reliability" : "power.failures", "what happens at random has no end", {},
                    "write `until`, such as until: \"30 d\"");
}

/// What bears on random failures of all causes, and failures of a log.
void check_hazards(const faults& f, const reporter& report) {
    const auto needs_failures = [&](bool given, const std::string& key, std::string value) {
        if (given && !f.at_random())
            report.fail(key, "nothing fails at random", std::move(value),
                        "write faults.model or faults.processes, or remove it");
    };
    needs_failures(f.crews.has_value(), "faults.crews", f.crews ? std::to_string(*f.crews) : "");
    needs_failures(f.lemon_nodes.has_value(), "faults.lemons", {});
    needs_failures(f.infant.has_value(), "faults.infant", {});
    const auto needs_model = [&](bool given, const std::string& key, const char* remedy) {
        if (!given && !f.model) report.fail(key, "is missing, and there is no model that has it", {}, remedy);
    };
    if (f.lemon_nodes)
        needs_model(f.lemon_nodes->share.has_value(), "faults.lemons.share", "write it, such as share: 0.01");
    if (f.infant) {
        needs_model(f.infant->multiplier.has_value(), "faults.infant.multiplier", "write it, such as multiplier: 3");
        needs_model(f.infant->horizon.has_value(), "faults.infant.horizon", "write it, such as horizon: \"90 d\"");
    }
    if (f.log && f.log->path.empty()) report.fail("faults.log.path", "is empty", {}, "write the name of a file");
}

/// A cause of one's own.
void check_process(const failing_parts& p, const std::string& path, const extent& e, const reporter& report) {
    using kind = ampacity::faults::part_kind;
    const std::string part{name_of_value(p.part)};
    if (ampacity::faults::is_of_rack(p.part) && e.racks == 0)
        report.fail(path + ".part", "the fleet has no racks", part, "write gpu or node, or give the fleet racks");
    const bool counts = p.part == kind::switch_tray || p.part == kind::nic;
    if (counts && !p.count)
        report.fail(path + ".count", "does not say how many of them there are", part,
                    p.part == kind::nic ? "write those of a node, such as count: 8"
                                        : "write those of a rack, such as count: 9");
    if (!counts && p.count)
        report.fail(path + ".count", "is for switch-tray and nic", std::to_string(*p.count), "remove it");
    if (p.speed && !p.repair)
        report.fail(path + ".speed", "is for as long as a repair takes", format(*p.speed),
                    "give a repair, or remove it");
    if (p.swap_after && !p.speed)
        report.fail(path + ".swap_after", "is for what goes on at a lower speed", {}, "give a speed, or remove it");
    if (p.detection && p.speed)
        report.fail(path + ".detection", "is for what stops jobs", {}, "remove it, or the speed");
    if (p.silent && !p.detection)
        report.fail(path + ".silent", "is noticed at once", "true", "give a detection, or remove it");
    for (const auto& [law, key] :
         {std::pair{&p.repair, ".repair"}, {&p.swap_after, ".swap_after"}, {&p.detection, ".detection"}}) {
        if (*law) check_law(**law, path + key, report);
    }
}

/// Parts that fail.
void check_part_failures(const faults& f, const fleet& where, const reporter& report) {
    const extent e = extent_of(where);
    if (f.parts_fail() && e.nodes == 0)
        report.fail(f.model ? "faults.model"
                    : f.log ? "faults.log"
                            : "faults.processes",
                    "a pool has no parts that fail", {}, "describe the fleet by nodes or racks");
    check_hazards(f, report);
    for (const auto& [given, key] : {std::pair{f.scale.has_value(), "faults.scale"},
                                     {!f.causes.empty(), "faults.causes"},
                                     {f.repairs.has_value(), "faults.repairs"},
                                     {f.detection.has_value(), "faults.detection"}}) {
        if (given && !f.model) report.fail(key, "is about a model", {}, "write faults.model, or remove it");
    }
    check_names(f.causes, "faults.causes", report);
    for (std::size_t i = 0; i != f.causes.size(); ++i) {
        const changed_cause& c = f.causes[i];
        const std::string path = "faults.causes." + std::to_string(i);
        if (c.scale && c.mtbf)
            report.fail(path + ".mtbf", "says twice how often", format(*c.mtbf), "remove it, or the scale");
        if (c.repair) check_law(*c.repair, path + ".repair", report);
    }
    if (f.repairs) {
        const class_repairs& r = *f.repairs;
        for (const auto& [law, key] : {std::pair{&r.hard_gpu, "hard-gpu"},
                                       {&r.resettable_gpu, "resettable-gpu"},
                                       {&r.host, "host"},
                                       {&r.network, "network"},
                                       {&r.silent, "silent"}}) {
            if (*law) check_law(**law, std::string{"faults.repairs."} + key, report);
        }
    }
    if (f.detection) {
        const class_detections& d = *f.detection;
        for (const auto& [law, key] : {std::pair{&d.hard_gpu, "hard-gpu"},
                                       {&d.resettable_gpu, "resettable-gpu"},
                                       {&d.host, "host"},
                                       {&d.network, "network"},
                                       {&d.soft, "soft"},
                                       {&d.silent, "silent"}}) {
            if (*law) check_law(**law, std::string{"faults.detection."} + key, report);
        }
    }
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i != f.processes.size(); ++i) {
        const failing_parts& p = f.processes[i];
        const std::string path = "faults.processes." + std::to_string(i);
        if (p.name.empty()) report.fail(path + ".cause", "is empty", {}, "write a name");
        if (!seen.insert(p.name).second)
            report.fail(path + ".cause", "another one has this name", p.name, "name each once");
        check_process(p, path, e, report);
    }
    if (f.processes.size() > 1000)
        report.fail("faults.processes", "too many causes", std::to_string(f.processes.size()), "write at most 1000");
}

/// Work that is planned.
void check_maintenance(const scenario& s, const reporter& report) {
    const auto& list = s.faults.planned;
    check_names(list, "faults.maintenance", report);
    for (std::size_t i = 0; i != list.size(); ++i) {
        const maintenance& m = list[i];
        const std::string path = "faults.maintenance." + std::to_string(i);
        const std::size_t given = std::size_t{m.nodes.has_value()} + std::size_t{m.racks.has_value()};
        check_nodes(m, std::max<std::size_t>(given, 1), path, s.fleet, report);
        if (!m.start && !m.every)
            report.fail(path + ".start", "does not say when", {}, "give `start` or `every`, such as every: \"30 d\"");
        if (m.every && !s.until)
            report.fail(path + ".every", "has no end", format(*m.every), "write `until`, such as until: \"90 d\"");
    }
}

void check_changes(const scenario& s, const reporter& report) {
    check_part_failures(s.faults, s.fleet, report);
    check_maintenance(s, report);
    for (std::size_t i = 0; i < s.faults.outages.size(); ++i) {
        const outage& o = s.faults.outages[i];
        const std::size_t given = std::size_t{o.nodes.has_value()} + std::size_t{o.racks.has_value()};
        check_nodes(o, given, "faults.outages." + std::to_string(i), s.fleet, report);
    }
    for (std::size_t i = 0; i < s.fleet.slowdowns.size(); ++i) {
        const slowdown& d = s.fleet.slowdowns[i];
        const std::size_t given = std::size_t{d.nodes.has_value()} + std::size_t{d.racks.has_value()};
        check_nodes(d, given, "fleet.slowdowns." + std::to_string(i), s.fleet, report);
    }
    for (std::size_t i = 0; i < s.fleet.deliveries.size(); ++i) {
        const delivery& d = s.fleet.deliveries[i];
        const std::string path = "fleet.deliveries." + std::to_string(i);
        check_nodes(d, std::size_t{d.nodes.has_value()} + std::size_t{d.racks.has_value()}, path, s.fleet, report);
        if (d.nodes && extent_of(s.fleet).racks != 0)
            report.fail(path + ".nodes", "racks come as a whole", *d.nodes, "give `racks`");
    }
    if (s.faults.drain_rack_at != 0 && extent_of(s.fleet).racks == 0)
        report.fail("faults.drain_rack_at", "the fleet has no racks", format(s.faults.drain_rack_at), "remove it");
    const auto& list = s.scheduler.reservations;
    check_names(list, "scheduler.reservations", report);
    if (list.size() > 1000)
        report.fail("scheduler.reservations", "too many reservations", std::to_string(list.size()),
                    "write at most 1000");
    for (std::size_t i = 0; i < list.size(); ++i) {
        const reservation& r = list[i];
        const std::string path = "scheduler.reservations." + std::to_string(i);
        const std::size_t given =
            std::size_t{r.nodes.has_value()} + std::size_t{r.racks.has_value()} + std::size_t{r.gpus.has_value()};
        check_nodes(r, given, path, s.fleet, report);
        const std::uint64_t all = extent_of(s.fleet).gpus;
        if (r.gpus && *r.gpus > all)
            report.fail(path + ".gpus", "more than the fleet has", std::to_string(*r.gpus),
                        "write at most " + std::to_string(all));
    }
    std::vector<std::string_view> with_jobs;
    for (const reservation& r : list) {
        if (r.kind != reservation_kind::maintenance) with_jobs.push_back(r.name);
    }
    for (std::size_t i = 0; i < s.workload.size(); ++i) {
        const auto& name = s.workload[i].reservation;
        if (!name || std::find(with_jobs.begin(), with_jobs.end(), *name) != with_jobs.end()) continue;
        report.fail("workload." + std::to_string(i) + ".reservation", "no reservation of this name takes jobs", *name,
                    with_jobs.empty() ? "give scheduler.reservations one of kind advance or capacity-block"
                                      : suggestion(*name, with_jobs));
    }
}

/// What caps save and take back is reckoned by phases alone.
void check_caps(const scenario& s, const reporter& report) {
    if (s.scheduler.power_aware.cap == 1) return;
    for (std::size_t i = 0; i != s.workload.size(); ++i) {
        if (s.workload[i].swing && s.workload[i].swing->floor)
            report.fail("workload." + std::to_string(i) + ".swing.floor",
                        "not together with scheduler.power-aware.cap yet", {}, "remove one of them");
    }
}

/// Weights are kept in millionths, so that sums and ties are exact.
void check_weights(const scenario& s, const reporter& report) {
    const auto& w = s.scheduler.topology.weights;
    if (!w) return;
    const std::string path = "scheduler.topology.weights";
    for (const auto& [name, value] : {std::pair{"racks", w->racks},
                                      {"largest_share", w->largest_share},
                                      {"blocks", w->blocks},
                                      {"sites", w->sites},
                                      {"whole_racks", w->whole_racks}}) {
        if (std::round(value * 1e6) / 1e6 != value)
            report.fail(path + '.' + name, "more than 6 decimals", format(value),
                        "write " + format(std::round(value * 1e6) / 1e6));
    }
    const std::uint64_t racks = extent_of(s.fleet).racks;
    if (racks > max_weighed_racks)
        report.fail(path, "the fleet has too many racks for weights", std::to_string(racks),
                    "remove it, or write at most " + std::to_string(max_weighed_racks) + " racks");
}

void check_thresholds(const las_options& las, const reporter& report) {
    const auto& t = las.thresholds;
    for (std::size_t i = 1; i < t.size(); ++i) {
        if (t[i] > t[i - 1]) continue;
        report.fail("scheduler.las.thresholds." + std::to_string(i), "not above the threshold before it", format(t[i]),
                    "write rising thresholds");
    }
    if (t.size() > 64)
        report.fail("scheduler.las.thresholds", "too many thresholds", std::to_string(t.size()), "write at most 64");
}

void check_groups(const std::vector<quota_group>& groups, const reporter& report) {
    const std::string path = "scheduler.fair-share.groups";
    check_names(groups, path, report);
    std::set<std::string_view> before;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        if (!groups[i].parent.empty() && !before.contains(groups[i].parent))
            report.fail(path + '.' + std::to_string(i) + ".parent", "no group before it has this name",
                        groups[i].parent, "list the parent first");
        before.insert(groups[i].name);
    }
}

void check_known(const std::string& path, std::string_view what, const std::string& name,
                 std::span<const std::string_view> known, const reporter& report) {
    if (std::find(known.begin(), known.end(), name) == known.end())
        report.fail(path, "unknown " + std::string{what}, name, suggestion(name, known));
}

/// The policy that another one, which cannot hold all of them, passes the decisions on to.
void check_inner(const std::string& path, const std::string& name, std::initializer_list<std::string_view> not_these,
                 std::span<const std::string_view> known, const reporter& report) {
    std::vector<std::string_view> possible(known.begin(), known.end());
    std::erase_if(possible, [&](std::string_view k) {
        return std::find(not_these.begin(), not_these.end(), k) != not_these.end();
    });
    if (std::find(not_these.begin(), not_these.end(), name) != not_these.end())
        report.fail(path, "cannot be this policy", name, suggestion({}, possible));
    check_known(path, "policy", name, possible, report);
}

/// Policies that wait for a signal need one.
void check_signals(const scenario& s, const reporter& report) {
    const std::string* name = s.scheduler.policy == "explain" ? &s.scheduler.explain.policy : &s.scheduler.policy;
    if (*name == "round") name = &s.scheduler.round.policy;
    const energy_signals given = s.energy && s.energy->signals ? *s.energy->signals : energy_signals{};
    const auto need = [&](const std::optional<signal_file>& signal, const char* key) {
        const auto is_called = [key](daily_signal d) { return name_of_value(d) == key; };
        const bool daily = s.energy && std::any_of(s.energy->daily.begin(), s.energy->daily.end(), is_called);
        if (!signal && !daily)
            report.fail("scheduler.policy", "needs a signal that is not given", *name,
                        std::string{"write energy.signals."} + key);
    };
    if (*name == "carbon-aware") {
        const bool marginal = s.scheduler.carbon_aware.intensity == intensity::marginal;
        need(marginal ? given.marginal : given.carbon, marginal ? "marginal" : "carbon");
    }
    const auto is_spike = [](const auto& e) { return e.kind == power_event_kind::price_spike; };
    const bool spikes = s.power && (std::any_of(s.power->events.begin(), s.power->events.end(), is_spike) ||
                                    std::any_of(s.power->failures.begin(), s.power->failures.end(), is_spike));
    if (*name == "price-aware" && !spikes) need(given.price, "price");
}

/// The policy that starts jobs by power needs feeds.
void check_feeds(const scenario& s, const reporter& report) {
    const scheduler& of = s.scheduler;
    const std::string* name = of.policy == "explain" ? &of.explain.policy : &of.policy;
    if (*name == "round") name = &of.round.policy;
    if (*name == "carbon-aware") name = &of.carbon_aware.base;
    if (*name == "price-aware") name = &of.price_aware.base;
    if (*name == "power-aware" && !s.power)
        report.fail("scheduler.policy", "needs feeds that limit power", *name, "write `power`, such as power: {}");
}

void check_explained(const explain_options& explain, const reporter& report) {
    if (explain.jobs.size() > 1000)
        report.fail("scheduler.explain.jobs", "too many jobs", std::to_string(explain.jobs.size()),
                    "name at most 1000");
}

}  // namespace

void check(const scenario& s, const locator& locate) {
    const reporter report{locate};
    range_checker<scenario> ranges{s, {}, report};
    scenario::fields(ranges);
    check_name(s.name, report);
    check_workload(s.workload, report);
    check_training(s, report);
    check_count(s.fleet.nodes, "fleet.nodes", "nodes", max_nodes, report);
    check_count(s.fleet.pools, "fleet.pools", "GPUs", max_fleet_gpus, report);
    check_racks(s.fleet, report);
    check_gpu_types(s, report);
    check_weights(s, report);
    check_caps(s, report);
    check_thresholds(s.scheduler.las, report);
    check_explained(s.scheduler.explain, report);
    check_groups(s.scheduler.fair_share.groups, report);
    check_names(s.scheduler.drf.weights, "scheduler.drf.weights", report);
    check_mixed(s, report);
    check_build_out(s, report);
    check_services(s, report);
    check_sites(s, report);
    check_changes(s, report);
    if (s.power) check_power(*s.power, s.until.has_value(), report);
    check_columns(s, report);
    if (s.energy) check_daily(*s.energy, report);
    if (s.contract) check_contract(s, report);
    if (s.output.feeds && !s.is_powered())
        report.fail("output.feeds", "power is not modelled", std::string{name_of_value(*s.output.feeds)},
                    "give `energy` or `power`, or remove it");
    if (s.output.feeds && !s.output.telemetry)
        report.fail("output.feeds", "no interval is given", std::string{name_of_value(*s.output.feeds)},
                    "set output.telemetry to one, such as \"60 s\"");
}

void check(const synthetic_jobs& jobs, std::string_view path, const locator& locate) {
    const reporter report{locate};
    const std::string at{path};
    range_checker<synthetic_jobs> ranges{jobs, at + '.', report};
    synthetic_jobs::fields(ranges);
    check_synthetic(jobs, at, report);
}

void validate(const scenario& s, std::span<const std::string_view> known_policies,
              std::span<const std::string_view> known_placers, const locator& locate) {
    check(s, locate);
    const reporter report{locate};
    check_known("scheduler.policy", "policy", s.scheduler.policy, known_policies, report);
    check_inner("scheduler.round.policy", s.scheduler.round.policy, {"round", "explain"}, known_policies, report);
    check_inner("scheduler.explain.policy", s.scheduler.explain.policy, {"explain"}, known_policies, report);
    const auto wrappers = {std::string_view{"round"}, std::string_view{"explain"}, std::string_view{"carbon-aware"},
                           std::string_view{"price-aware"}};
    check_inner("scheduler.carbon-aware.base", s.scheduler.carbon_aware.base, wrappers, known_policies, report);
    check_inner("scheduler.price-aware.base", s.scheduler.price_aware.base, wrappers, known_policies, report);
    check_signals(s, report);
    check_feeds(s, report);
    check_known("scheduler.placer", "placer", s.scheduler.placer, known_placers, report);
}

}  // namespace ampacity::scenario
