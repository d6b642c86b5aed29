#include "years_table.hpp"

#include "csv_text.hpp"

#include <ampacity/money/account.hpp>
#include <ampacity/money/years.hpp>

#include <fmt/compile.h>
#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

namespace ampacity::io {
namespace {

using json = nlohmann::ordered_json;

constexpr std::string_view years_header =
    "year,site,hours,gpu_hours_in_service,gpu_hours_useful,gpu_hours_lost,gpu_hours_checkpoint,gpu_hours_restart,"
    "gpu_hours_stalled,gpu_hours_idle,gpu_hours_draining,gpu_hours_down,gpu_hours_uncommissioned,interruptions,it_kwh,"
    "facility_kwh,pue,carbon_location_kg,carbon_marginal_kg,carbon_market_kg,carbon_embodied_kg,energy_usd,demand_usd,"
    "rent_usd,contract_usd,capital_usd,requests,finished,prompt_tokens,output_tokens\n";

class row_writer {
public:
    explicit row_writer(std::string& out) : out_(out) {}
    void number(const std::optional<double>& value) {
        out_ += ',';
        if (value) fmt::format_to(std::back_inserter(out_), FMT_COMPILE("{}"), *value);
    }
    void count(const std::optional<std::uint64_t>& n) {
        out_ += ',';
        if (n) fmt::format_to(std::back_inserter(out_), FMT_COMPILE("{}"), *n);
    }

private:
    std::string& out_;
};

std::optional<double> kwh(const std::optional<double>& joules) {
    return joules ? std::optional{*joules / 3.6e6} : std::nullopt;
}

void append(std::string& out, const money::year_row& r) {
    fmt::format_to(std::back_inserter(out), FMT_COMPILE("{},"), r.year);
    append_csv_text(out, r.site.empty() ? "all" : r.site);
    row_writer to{out};
    to.number(to_seconds(r.to - r.from) / 3600);
    to.number(to_gpu_hours(r.in_service));
    for (const account a : {account::useful, account::lost, account::checkpoint, account::restart, account::stalled,
                            account::idle, account::draining, account::down})
        to.number(r.books ? std::optional{to_gpu_hours((*r.books)[a])} : std::nullopt);
    to.number(to_gpu_hours(r.uncommissioned));
    to.count(r.interruptions);
    const bool powered = r.energy.has_value();
    const power::site_books e = r.energy.value_or(power::site_books{});
    const auto facility = e.overhead_j ? std::optional{e.facility_j()} : std::nullopt;
    to.number(powered ? kwh(e.it_j) : std::nullopt);
    to.number(kwh(facility));
    to.number(facility && e.it_j > 0 ? std::optional{*facility / e.it_j} : std::nullopt);
    for (const auto& value : {e.carbon_location_kg, e.carbon_marginal_kg, e.carbon_market_kg, e.carbon_embodied_kg,
                              e.energy_usd, e.demand_usd, e.capacity_usd, r.contract_usd})
        to.number(value);
    to.number(r.capital ? std::optional{r.capital->total_usd()} : std::nullopt);
    using served = sim::service_count;
    for (const auto part : {&served::requests, &served::finished, &served::prompt_tokens, &served::output_tokens})
        to.count(r.served ? std::optional{(*r.served).*part} : std::nullopt);
    out += '\n';
}

/// `f(json of it, its GPU-hours, output tokens)` of each service that held GPUs.
template <class F>
void for_services(json& out, const sim::summary& s, F f) {
    for (const sim::service_result& one : s.services)
        f(out["services"][one.name], to_gpu_hours(one.held_gpu_time()), static_cast<double>(one.output_tokens));
}

json to_json(const money::owner_account& o) {
    json out{{"racks_usd", o.capital.racks_usd},
             {"facility_usd", o.capital.facility_usd},
             {"interest_usd", o.capital.interest_usd},
             {"maintenance_usd", o.capital.maintenance_usd}};
    if (o.energy_usd) out["energy_usd"] = *o.energy_usd;
    if (o.demand_usd) out["demand_usd"] = *o.demand_usd;
    out["total_usd"] = o.total_usd();
    if (o.gpu_hours > 0) out["usd_per_gpu_hour"] = o.total_usd() / o.gpu_hours;
    if (o.margin_usd) out["margin_usd"] = *o.margin_usd;
    return out;
}

}  // namespace

std::string years_table(const scenario::scenario& described, const sim::summary& s) {
    std::string out{years_header};
    for (const money::year_row& r : money::years_of(described, s)) append(out, r);
    return out;
}

void add_contract(json& out, const scenario::scenario& described, const sim::summary& s) {
    const money::account all = money::account_of(described, s);
    json& c = out["contract"];
    if (all.customer) {
        const money::customer_account& of = *all.customer;
        c["paid_usd"] = of.paid.usd;
        c["missing_usd"] = of.paid.missing_usd;
        c["gpu_hours"] = of.gpu_hours;
        if (of.usd_per_gpu_h) c["usd_per_gpu_hour"] = *of.usd_per_gpu_h;
        if (of.usd_per_useful_gpu_h) c["usd_per_useful_gpu_hour"] = *of.usd_per_useful_gpu_h;
        for (const money::site_payment& p : of.sites)
            c["sites"][p.site] = {{"paid_usd", p.usd}, {"gpu_hours", p.gpu_hours}};
    }
    if (all.owner) c["capital"] = to_json(*all.owner);
    for_services(out, s, [&all](json& to, double gpu_hours, double tokens) {
        const auto usd = all.paid_for(gpu_hours);
        if (!usd) return;
        to["contract_usd"] = *usd;
        if (tokens > 0) to["contract_usd_per_million_output_tokens"] = *usd * 1e6 / tokens;
    });
    for (const sim::training_result& t : s.trainings) {
        if (!t.cost) continue;
        if (const auto usd = all.paid_for(t.cost->gpu_s / 3600)) out["training"][t.name]["used"]["contract_usd"] = *usd;
    }
}

void add_carbon_shares(json& out, const sim::summary& s) {
    if (!s.energy) return;
    const double useful = to_gpu_hours(s.books[account::useful]), all = to_gpu_hours(s.books.capacity);
    for (const auto& [name, kg] : {std::pair{"location", s.energy->carbon_location_kg},
                                   {"market", s.energy->carbon_market_kg},
                                   {"embodied", s.energy->carbon_embodied_kg}}) {
        if (!kg) continue;
        if (useful > 0) out["carbon_kg_per_useful_gpu_hour"][name] = *kg / useful;
    }
    for (const sim::service_result& one : s.services) {
        if (one.output_tokens == 0) continue;
        const auto put = [&, per_million = 1e6 / static_cast<double>(one.output_tokens)](const char* name, double kg) {
            out["services"][one.name]["carbon_kg_per_million_output_tokens"][name] = kg * per_million;
        };
        if (one.cost && one.cost->carbon_location_kg) put("location", *one.cost->carbon_location_kg);
        if (one.cost && one.cost->carbon_market_kg) put("market", *one.cost->carbon_market_kg);
        if (s.energy->carbon_embodied_kg && all > 0)
            put("embodied", *s.energy->carbon_embodied_kg * to_gpu_hours(one.held_gpu_time()) / all);
    }
}

}  // namespace ampacity::io
