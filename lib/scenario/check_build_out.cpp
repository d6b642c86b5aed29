#include "check_build_out.hpp"

#include <ampacity/scenario/scenario.hpp>

#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

namespace ampacity::scenario {
namespace {

void check_law(const std::optional<time_law>& law, const std::string& path, const reporter& report) {
    if (law && law->uniform && law->uniform->min >= law->uniform->max)
        report.fail(path + ".uniform.max", "not above min", format(law->uniform->max),
                    "write more than " + format(law->uniform->min));
}

/// Who leaves, and who comes in whose place.
void check_groups(const std::vector<rack_group>& groups, const std::string& path, const reporter& report) {
    const auto at = [&](std::size_t i) {
        return groups.size() == 1 && path == "fleet.racks" ? path : path + '.' + std::to_string(i);
    };
    std::vector<bool> replaced(groups.size(), false);
    for (std::size_t i = 0; i != groups.size(); ++i) {
        const rack_group& g = groups[i];
        if (g.retire && g.retire->racks_per_week && !g.retire->at)
            report.fail(at(i) + ".retire.racks_per_week", "is for racks that leave `at` a time",
                        format(*g.retire->racks_per_week), "remove it, or write `at`");
        if (!g.replaces) continue;
        const std::string key = at(i) + ".replaces";
        const std::string value = std::to_string(*g.replaces);
        if (*g.replaces >= i)
            report.fail(key, "no group before it has this number", value,
                        i == 0 ? "remove it" : "write at most " + std::to_string(i - 1));
        const rack_group& before = groups[*g.replaces];
        if (!before.retire) report.fail(key, "that group does not leave", value, "give it `retire`");
        if (replaced[*g.replaces]) report.fail(key, "another group replaces it, too", value, "name each once");
        if (g.count > before.count)
            report.fail(key, "has fewer racks than this group", value,
                        "write at most " + std::to_string(before.count) + " for `count`");
        replaced[*g.replaces] = true;
    }
}

/// \p places: racks that replace none.
void check(const build_out& b, std::uint64_t places, const std::string& path, const reporter& report) {
    if (b.present > places)
        report.fail(path + ".present", "more racks than there are", std::to_string(b.present),
                    "write at most " + std::to_string(places));
    const std::uint64_t to_come = places - b.present;
    if (b.racks_per_week && !b.arrivals.empty())
        report.fail(path + ".racks_per_week", "says twice when racks arrive", format(*b.racks_per_week),
                    "remove it, or `arrivals`");
    std::uint64_t arrive = 0;
    for (std::size_t i = 0; i != b.arrivals.size(); ++i) {
        if (i != 0 && b.arrivals[i].at < b.arrivals[i - 1].at)
            report.fail(path + ".arrivals." + std::to_string(i) + ".at", "before those above it",
                        format(b.arrivals[i].at), "list them by time");
        arrive += b.arrivals[i].racks;
    }
    if (!b.racks_per_week && arrive != to_come)
        report.fail(path + ".arrivals", "not as many racks as there are to come", std::to_string(arrive),
                    "make them " + std::to_string(to_come) + ", or give `racks_per_week`");
    std::uint64_t powered = 0;
    for (std::size_t i = 0; i != b.blocks.size(); ++i) {
        powered += b.blocks[i].racks;
        check_law(b.blocks[i].delay, path + ".blocks." + std::to_string(i) + ".delay", report);
    }
    if (!b.blocks.empty() && powered < places)
        report.fail(path + ".blocks", "not enough for all racks", std::to_string(powered),
                    "make them " + std::to_string(places) + " in all");
    check_law(b.install, path + ".install", report);
    check_law(b.burn_in, path + ".burn_in", report);
    check_law(b.rework, path + ".rework", report);
    if (b.rework && b.acceptance_failure == 0)
        report.fail(path + ".rework", "no rack fails", {}, "give `acceptance_failure`, such as 0.05");
}

std::uint64_t places_of(const std::vector<rack_group>& groups) {
    return std::accumulate(groups.begin(), groups.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const rack_group& g) { return sum + (g.replaces ? 0 : g.count); });
}

}  // namespace

void check_build_out(const scenario& s, const reporter& report) {
    const fleet& f = s.fleet;
    check_groups(f.racks, "fleet.racks", report);
    if (f.plan) {
        if (f.racks.empty())
            report.fail("fleet.build_out", "the fleet has no racks of its own", {},
                        f.sites.empty() ? "describe it by racks" : "give it to the sites");
        check(*f.plan, places_of(f.racks), "fleet.build_out", report);
    }
    for (std::size_t i = 0; i != f.sites.size(); ++i) {
        const std::string path = "fleet.sites." + std::to_string(i);
        check_groups(f.sites[i].racks, path + ".racks", report);
        if (f.sites[i].plan) check(*f.sites[i].plan, places_of(f.sites[i].racks), path + ".build_out", report);
    }
    if (!has_build_out(s)) return;
    if (!f.deliveries.empty())
        report.fail("fleet.deliveries", "not together with a build_out, or racks that leave", {},
                    "give build_out.arrivals, or remove it");
}

}  // namespace ampacity::scenario
