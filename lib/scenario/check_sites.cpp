#include "check_sites.hpp"

#include "gpu_fleet.hpp"

#include <ampacity/core/suggest.hpp>
#include <ampacity/hardware/site_preference.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::scenario {
namespace {

using hardware::site_preference;

void check_known_site(const std::optional<std::string>& name, const std::string& path, const fleet& f,
                      const reporter& report) {
    if (!name) return;
    std::vector<std::string_view> known;
    for (const site& s : f.sites) known.push_back(s.name);
    if (std::find(known.begin(), known.end(), *name) == known.end())
        report.fail(path, "no site of the fleet has this name", *name, suggestion(*name, known));
}

/// What schedulers of sites do not go together with yet.
void check_others(const scenario& s, const reporter& report) {
    const auto refuse = [&report](bool given, const std::string& path) {
        if (given) report.fail(path, "not supported together with scheduler.sites yet", {}, "remove one of them");
    };
    refuse(is_mixed(s), "fleet");
    refuse(!s.scheduler.reservations.empty(), "scheduler.reservations");
    for (std::size_t i = 0; i != s.workload.size(); ++i) {
        if (s.workload[i].service && !s.workload[i].service->autoscale)
            report.fail("workload." + std::to_string(i) + ".service",
                        "holds its GPUs for good, which scheduler.sites does not know", {},
                        "give it an autoscale, such as { min: 4, max: 4, policy: queue }, or remove scheduler.sites");
    }
}

/// What the choice follows is known of every site.
void check_place(const scenario& s, const reporter& report) {
    const site_preference by = s.scheduler.sites->place;
    if (by == site_preference::balanced) return;
    const energy all = s.energy.value_or(energy{});
    const energy_signals common = all.signals.value_or(energy_signals{});
    for (std::size_t i = 0; i != s.fleet.sites.size(); ++i) {
        const site& of = s.fleet.sites[i];
        const energy_signals own = of.signals.value_or(energy_signals{});
        const bool has_signal = (by == site_preference::cheapest && (own.price || common.price)) ||
                                (by == site_preference::greenest && (own.carbon || common.carbon));
        if (!of.region && !all.region && !has_signal)
            report.fail("fleet.sites." + std::to_string(i),
                        "its region is not known, which scheduler.sites.place needs", of.name,
                        "give it a region, such as region: us-east-1");
    }
}

}  // namespace

void check_sites(const scenario& s, const reporter& report) {
    const auto& terms = s.scheduler.sites;
    for (std::size_t i = 0; i != s.workload.size(); ++i) {
        const workload_entry& w = s.workload[i];
        const std::string path = "workload." + std::to_string(i);
        for (const auto& [given, key] : {std::pair{&w.site, ".site"}, {&w.home, ".home"}, {&w.origin, ".origin"}}) {
            if (*given && !terms)
                report.fail(path + key, "sites have no schedulers of their own", **given,
                            "write scheduler.sites, or remove it");
            check_known_site(*given, path + key, s.fleet, report);
        }
        if (w.site && w.home)
            report.fail(path + ".home", "these jobs have their site already", *w.home, "remove one of them");
        if (!w.origin) continue;
        if (w.site)
            report.fail(path + ".origin", "these jobs have their site already", *w.origin, "remove one of them");
        if (terms->place != site_preference::nearest)
            report.fail(path + ".origin", "nothing follows it", *w.origin, "write scheduler.sites.place: nearest");
    }
    if (!terms) return;
    if (s.fleet.sites.empty())
        report.fail("scheduler.sites", "the fleet has no sites", {}, "describe it by fleet.sites, or remove this");
    check_others(s, report);
    check_place(s, report);
    check_known_site(terms->origin, "scheduler.sites.origin", s.fleet, report);
    if (terms->place != site_preference::nearest) {
        if (terms->origin)
            report.fail("scheduler.sites.origin", "nothing follows it", *terms->origin,
                        "write place: nearest, or remove it");
        return;
    }
    for (std::size_t i = 0; i != s.workload.size() && !terms->origin; ++i) {
        if (!s.workload[i].site && !s.workload[i].origin)
            report.fail("scheduler.sites",
                        "does not say where the jobs of workload." + std::to_string(i) + " come from", {},
                        "give origin, such as origin: " + s.fleet.sites.front().name);
    }
}

}  // namespace ampacity::scenario
