#include "power_samples.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <iterator>

namespace ampacity::io {
namespace {

using reading = std::optional<double> power::site_reading::*;

/// Of several sites the mean by their power; of sites without any the plain one.
std::optional<double> mean_of(std::span<const power::site_sample> sites, reading what) {
    double sum = 0, weights = 0, plain = 0;
    for (const power::site_sample& s : sites) {
        if (!(s.now.*what) || !s.now.facility) return std::nullopt;
        sum += *(s.now.*what) * static_cast<double>(*s.now.facility);
        weights += static_cast<double>(*s.now.facility);
        plain += *(s.now.*what);
    }
    if (sites.size() == 1) return plain;
    return weights > 0 ? sum / weights : plain / static_cast<double>(sites.size());
}

void append_number(std::string& out, const std::optional<double>& value) {
    if (value) fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}"), *value);
}

/// A reading, without the noise of its unit.
void append_rounded(std::string& out, const std::optional<double>& value) {
    if (value) fmt::format_to(std::back_inserter(out), FMT_COMPILE("{:.9g}"), *value);
}

}  // namespace

void append_watts(std::string& out, power::microwatts p) {
    fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}.{:06}"), p / 1'000'000, p % 1'000'000);
}

power_sample::power_sample(const sim::sample& s) : powered_(s.plant != nullptr) {
    if (!powered_) return;
    for (std::size_t i = 0; i != s.plant->tree().sites().size(); ++i) add(*s.plant, i);
    read(s.sites);
    gpus_ = s.plant->temperatures(s.at);
}

power_sample::power_sample(const sim::sample& s, std::size_t site) : powered_(true) {
    add(*s.plant, site);
    read(s.sites.subspan(site, 1));
}

void power_sample::add(const power::plant& plant, std::size_t site) {
    it_ += plant.it(site);
    drawn_ += plant.drawn(site);
}

void power_sample::read(std::span<const power::site_sample> sites) {
    constexpr double g_per_kwh = 3.6e9, usd_per_mwh = 3.6e9;  // of 1 kg/J and 1 USD/J
    facility_ = 0;
    for (const power::site_sample& s : sites) {
        if (facility_ && s.now.facility)
            *facility_ += *s.now.facility;
        else
            facility_.reset();
    }
    carbon_g_kwh_ = mean_of(sites, &power::site_reading::carbon_kg_per_j);
    if (carbon_g_kwh_) *carbon_g_kwh_ *= g_per_kwh;
    price_usd_mwh_ = mean_of(sites, &power::site_reading::price_usd_per_j);
    if (price_usd_mwh_) *price_usd_mwh_ *= usd_per_mwh;
    so_far_ = sim::sum_of(sites);
}

bool power_sample::has(column c) const {
    switch (c) {
        case column::it:
        case column::utility:
        case column::it_energy: return powered_;
        case column::facility:
        case column::facility_energy: return so_far_.overhead_j.has_value();
        case column::carbon_intensity:
        case column::carbon: return so_far_.carbon_location_kg.has_value();
        case column::price:
        case column::energy_cost: return so_far_.energy_usd.has_value();
        case column::cost: return so_far_.total_usd().has_value();
        case column::gpu_mean:
        case column::gpu_max: return gpus_.has_value();
        default: return true;
    }
}

void power_sample::append(std::string& out, column c) const {
    const auto kwh = [](double j) { return j / 3.6e6; };
    switch (c) {
        case column::it: return append_watts(out, it_);
        case column::utility: return append_watts(out, drawn_);
        case column::facility:
            if (facility_) append_watts(out, *facility_);
            return;
        case column::carbon_intensity: return append_rounded(out, carbon_g_kwh_);
        case column::price: return append_rounded(out, price_usd_mwh_);
        case column::it_energy: return append_number(out, kwh(so_far_.it_j));
        case column::facility_energy:
            if (so_far_.overhead_j) append_number(out, kwh(so_far_.facility_j()));
            return;
        case column::carbon: return append_number(out, so_far_.carbon_location_kg);
        case column::energy_cost: return append_number(out, so_far_.energy_usd);
        case column::cost: return append_number(out, so_far_.total_usd());
        case column::gpu_mean:
        case column::gpu_max:
            if (gpus_)
                fmt::format_to(std::back_inserter(out), FMT_COMPILE("{:.3f}"),
                               c == column::gpu_mean ? gpus_->mean_c : gpus_->max_c);
            return;
        default: return;
    }
}

}  // namespace ampacity::io
