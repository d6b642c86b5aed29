#include "build_out_files.hpp"

#include "csv_text.hpp"
#include "output_file.hpp"

#include <ampacity/core/decimal.hpp>

#include <fmt/format.h>

#include <chrono>
#include <iterator>
#include <string>

namespace ampacity::io {
namespace {

std::string date_of(const scenario::scenario& s, instant at) {
    const auto day = std::chrono::floor<std::chrono::days>(s.start + (at - start_of_time));
    const std::chrono::year_month_day d{day};
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(d.year()), static_cast<unsigned>(d.month()),
                       static_cast<unsigned>(d.day()));
}

}  // namespace

void write_build_out(const std::filesystem::path& file, const scenario::scenario& described) {
    output_file table(file);
    std::string& out = table.text();
    out += "site,rack,arrived_s,ready_s,installed_s,burnt_in_s,in_service_s,retired_s,attempts\n";
    const auto& sites = described.fleet.sites;
    for (const scenario::rack_course& r : scenario::rack_courses(described)) {
        if (!sites.empty()) append_csv_text(out, sites[r.site].name);
        fmt::format_to(std::back_inserter(out), ",{}", r.rack);
        const auto& d = r.dates;
        for (const instant t : {d.arrived, d.ready, d.installed, d.burnt_in, d.in_service, d.retired}) {
            out += ',';
            if (t != never) append_ns_as_seconds(out, ticks(t));
        }
        fmt::format_to(std::back_inserter(out), ",{}\n", d.attempts);
        table.row_done();
    }
    table.commit();
}

nlohmann::ordered_json build_out_summary(const scenario::scenario& described, instant end) {
    const scenario::build_out_facts f = scenario::facts_of(scenario::rack_courses(described), end);
    nlohmann::ordered_json out{{"racks", f.racks}, {"gpus", f.gpus}, {"came", f.came}, {"retired", f.retired}};
    if (f.came == 0) return out;
    out["first_s"] = to_seconds(*f.first);
    out["first_date"] = date_of(described, *f.first);
    out["last_s"] = to_seconds(*f.last);
    out["last_date"] = date_of(described, *f.last);
    if (f.racks_per_week) out["racks_per_week"] = *f.racks_per_week;
    out["reworks"] = f.reworks;
    out["crew_wait_s"] = {{"mean", to_seconds(f.crew_wait) / static_cast<double>(f.came)},
                          {"max", to_seconds(f.most_crew_wait)}};
    return out;
}

}  // namespace ampacity::io
