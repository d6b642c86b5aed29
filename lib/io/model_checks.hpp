#pragma once
/// \file
/// Rules between the numbers of a hardware model. Overloads of `check_model` for the structs of `hardware`; `fail(key
/// path, what, remedy)` ends the reading.

#include <ampacity/hardware/accelerator.hpp>
#include <ampacity/hardware/cooling.hpp>
#include <ampacity/hardware/node.hpp>
#include <ampacity/hardware/power.hpp>
#include <ampacity/hardware/rack.hpp>
#include <ampacity/hardware/region.hpp>
#include <ampacity/hardware/reliability.hpp>

#include <string>

namespace ampacity::io {

template <class T, class Fail>
void check_model(const T&, Fail) {}

template <class Fail>
void check_model(const hardware::accelerator& a, Fail fail) {
    const auto& p = a.power;
    if (p.lowest_limit_w && *p.lowest_limit_w > p.limit_w)
        fail("power.lowest_limit", "above power.limit", "write the smallest limit that can be set");
    if (p.context_w < p.idle_w) fail("power.context", "below power.idle", "write a power of at least power.idle");
    if (p.context_w > p.limit_w) fail("power.context", "above power.limit", "write a power of at most power.limit");
    const auto& t = a.thermal;
    if (t.slowdown_c < t.throttle_c)
        fail("temperature.slowdown", "below temperature.throttle",
             "write throttle, slowdown and shutdown by rising temperature");
    if (t.shutdown_c < t.slowdown_c)
        fail("temperature.shutdown", "below temperature.slowdown",
             "write throttle, slowdown and shutdown by rising temperature");
}

template <class Fail>
void check_model(const hardware::power_device& d, Fail fail) {
    for (const auto& point : d.efficiency.points) {
        if (point.efficiency <= 0 || point.efficiency > 1)
            fail("efficiency.points", "an efficiency outside of 0 .. 100 %", "write output / input");
    }
    if (d.battery_efficiency && *d.battery_efficiency <= 0)
        fail("battery_efficiency", "a battery that keeps nothing", "write a share above 0");
    if (!d.overload) return;
    const auto& o = *d.overload;
    if (o.points.front().load < o.holds)
        fail("overload.points", "a trip below the load that is borne without end", "write loads above overload.holds");
    for (std::size_t i = 1; i < o.points.size(); ++i) {
        if (o.points[i].time > o.points[i - 1].time)
            fail("overload.points", "a larger load is borne for longer", "write times that fall with the load");
    }
    for (const auto& point : o.points) {
        if (point.time <= duration::zero()) fail("overload.points", "a time of 0", "write a time above 0");
    }
}

template <class Fail>
void check_model(const hardware::power_topology& p, Fail fail) {
    if (p.needed > p.installed)
        fail("needed", "more than installed", "write how many of the sources carry all of the load");
    if (p.feeds_per_load > p.installed) fail("feeds_per_load", "more than installed", "write at most installed");
}

template <class Fail>
void check_model(const hardware::hall& h, Fail fail) {
    if (!h.generator) return;
    if (h.generator->kind != hardware::power_device_kind::generator)
        fail("generator", "not a generator", "name a device of that kind");
    if (!h.generator->start) fail("generator", "its start is not known", "name one that says it");
}

template <class Fail>
void check_model(const hardware::node& n, Fail fail) {
    if (n.power.cpus_idle_w > n.power.cpus_w) fail("power.cpus_idle", "above power.cpus", "write at most power.cpus");
    if (n.power.rest_idle_w > n.power.rest_w) fail("power.rest_idle", "above power.rest", "write at most power.rest");
    if (n.modules && n.modules->lowest_limit_w > n.modules->limit_w)
        fail("modules.lowest_limit", "above modules.limit", "write at most modules.limit");
}

template <class Fail>
void check_model(const hardware::rack& r, Fail fail) {
    if (r.power.idle_w > r.power.nameplate_w)
        fail("power.idle", "above power.nameplate", "write at most power.nameplate");
    if (r.power.training_w && *r.power.training_w > r.power.nameplate_w)
        fail("power.training", "above power.nameplate", "write at most power.nameplate");
    if (r.shelves && !r.shelves->shelf.rating_w)
        fail("shelves.shelf.model", "a device without a rating", "name one with a rating");
    if (r.shelves && r.shelves->count % r.shelves->redundancy.installed != 0)
        fail("shelves.shelf.count", "not a multiple of the sides", "write as many shelves for each side");
}

template <class Fail>
void check_model(const hardware::cooling& c, Fail fail) {
    if (c.units && c.units->needed > c.units->installed)
        fail("distribution_units.needed", "more than installed", "write at most installed");
}

template <class Fail>
void check_model(const hardware::region& r, Fail fail) {
    if (r.design_c < r.mean_c) fail("design_temperature", "below mean_temperature", "write that of a hot day");
    if (!r.daily) return;
    const auto check = [&](const auto& winter, const auto& summer, auto value, double mean, double near,
                           const std::string& name) {
        if (winter.has_value() != summer.has_value())
            fail("daily." + name + (winter ? "_winter" : "_summer"), "one half of the year only", "write both");
        if (!winter) return;
        double sum = 0;
        for (const auto* const half : {&*winter, &*summer}) {
            const std::string key = "daily." + name + (half == &*winter ? "_winter" : "_summer");
            if (half->points.size() != 24) fail(key, "not 24 hours", "write one point for each hour of a day");
            for (std::size_t h = 0; h != 24; ++h) {
                const auto& p = half->points[h];
                if (p.hour != std::chrono::hours{h}) fail(key, "not the hours 0 to 23", "write 0 h, 1 h, ..., 23 h");
                sum += p.*value * (half == &*winter ? 182.25 : 183) / (24 * 365.25);
            }
        }
        if (std::abs(sum - mean) > near)
            fail("daily." + name + "_winter", "its mean of a year is not that of the region",
                 "write shares of the mean, or what is above it");
    };
    const hardware::daily_profile& d = *r.daily;
    check(d.carbon_winter, d.carbon_summer, &hardware::hour_share::share, 1, 1e-3, "carbon");
    check(d.price_winter, d.price_summer, &hardware::hour_share::share, 1, 1e-3, "price");
    check(d.weather_winter, d.weather_summer, &hardware::hour_step::kelvin, 0, 0.01, "weather");
}

template <class Fail>
void check_model(const hardware::reliability& r, Fail fail) {
    for (std::size_t i = 0; i < r.repairs.size(); ++i) {
        const auto& a = r.repairs[i];
        if (a.usual < a.least || a.most < a.usual)
            fail("repairs." + std::to_string(i), "times that do not rise",
                 "write least, usual and most by rising time");
    }
}

}  // namespace ampacity::io
