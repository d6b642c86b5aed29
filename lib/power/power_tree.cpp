#include <ampacity/core/error.hpp>
#include <ampacity/power/power_tree.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <tuple>
#include <utility>

namespace ampacity::power {
namespace {

/// What the stages from this one on leave of their input, each at its rating.
double efficiency_from(const hardware::power_topology& t, std::size_t stage) {
    double product = 1;
    for (std::size_t i = stage; i < t.stages.size(); ++i) product *= t.stages[i].efficiency.at(1);
    return product;
}

microwatts microwatts_of(double w) { return std::llround(w * 1e6); }

/// Takes `prefix` and a number off the front.
std::optional<std::uint32_t> take_number(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return std::nullopt;
    const std::string_view digits = text.substr(prefix.size());
    std::uint32_t n = 0;
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
    if (fault != std::errc{}) return std::nullopt;
    text = digits.substr(static_cast<std::size_t>(end - digits.data()));
    return n;
}

}  // namespace

power_tree::power_tree(std::vector<unit_model> models, std::vector<powered_unit> units, std::vector<site_plan> sites)
    : models_(std::move(models)), units_(std::move(units)) {
    std::size_t nodes = 0;
    for (const powered_unit& u : units_) nodes += u.nodes;
    constexpr std::uint32_t nobody = ~std::uint32_t{0};
    unit_of_.resize(nodes, nobody);
    for (std::uint32_t i = 0; i != units_.size(); ++i) {
        const powered_unit& u = units_[i];
        AMPACITY_ASSERT(u.model < models_.size() && u.first_node + std::size_t{u.nodes} <= nodes);
        for (std::uint32_t n = u.first_node; n != u.first_node + u.nodes; ++n) {
            AMPACITY_ASSERT(unit_of_[n] == nobody);
            unit_of_[n] = i;
        }
    }
    device_of_.resize(units_.size(), no_device);
    row_of_.resize(units_.size(), 0);

    std::uint32_t next = 0;
    for (site_plan& plan : sites) {
        site s{.name = std::move(plan.name),
               .plan = std::move(plan.halls),
               .halls = {},
               .units = {next, next + plan.units}};
        next += plan.units;
        AMPACITY_ASSERT(next <= units_.size() && s.plan.units_per_row != 0 && s.plan.rows_per_hall != 0);
        s.planned_w = nameplate_w(s.units.first, s.units.last);
        for (const hardware::power_device& of : s.plan.topology.stages)
            s.trips.push_back(of.overload ? trip_curve{*of.overload} : trip_curve{});
        if (const auto& g = s.plan.generators; g && g->overload) s.generator_trips = trip_curve{*g->overload};
        sites_.push_back(std::move(s));
    }
    AMPACITY_ASSERT(next == units_.size());
    for (std::uint32_t i = 0; i != sites_.size(); ++i) {
        site& s = sites_[i];
        const double built_w = s.planned_w / s.plan.oversubscription / s.plan.topology.usable_share();
        for (std::size_t k = 0; k != split(s.plan.topology).site.size(); ++k) {
            std::vector<device_id> feeds;
            if (s.bus != no_device) feeds.push_back(s.bus);
            s.bus = add_stage(s, k, built_w, std::move(feeds), feeding::shared, {level::site, i});
            if (s.meter == no_device) s.meter = s.bus;
        }
        if (s.bus == no_device) s.meter = s.bus = add({}, {level::site, i});
        if (s.plan.generators && s.plan.generators->of_site)
            s.bus =
                add_generator(s, s.bus, built_w / efficiency_from(s.plan.topology, split(s.plan.topology).site.size()),
                              {level::site, i, 0, true});
        s.halls.first = static_cast<std::uint32_t>(halls_.size());
        // A row holds units of one model.
        std::vector<std::uint32_t> ends;
        for (std::uint32_t u = s.units.first; u != s.units.last;) {
            const std::uint32_t most = std::min(s.units.last, u + s.plan.units_per_row);
            std::uint32_t end = u + 1;
            while (end != most && units_[end].model == units_[u].model) ++end;
            ends.push_back(u = end);
        }
        std::uint32_t from = s.units.first;
        for (std::size_t r = 0; r < ends.size(); r += s.plan.rows_per_hall) {
            const std::size_t behind = std::min(ends.size(), r + s.plan.rows_per_hall);
            const auto number = static_cast<std::uint32_t>(halls_.size());
            add_hall(i, from, ends[behind - 1], nameplate_w(from, ends[behind - 1]));
            for (std::size_t k = r; k != behind; ++k) add_row(number, std::exchange(from, ends[k]), ends[k]);
        }
        s.halls.last = static_cast<std::uint32_t>(halls_.size());
    }
}

power_tree::row_number power_tree::append_row(std::uint32_t model, std::uint32_t units) {
    AMPACITY_ASSERT(!sites_.empty() && model < models_.size() && units != 0);
    const auto first = static_cast<std::uint32_t>(units_.size());
    const hardware::rack* const rack = models_[model].rack ? &*models_[model].rack : nullptr;
    for (std::uint32_t u = 0; u != units; ++u) {
        units_.push_back({.model = model,
                          .first_node = static_cast<std::uint32_t>(unit_of_.size()),
                          .nodes = rack != nullptr ? rack->nodes : 1});
        unit_of_.resize(unit_of_.size() + units_.back().nodes, first + u);
    }
    device_of_.resize(units_.size(), no_device);
    row_of_.resize(units_.size(), 0);
    const auto last = static_cast<std::uint32_t>(units_.size());
    site& s = sites_.back();
    s.units.last = last;
    const auto number = static_cast<std::uint32_t>(halls_.size());
    add_hall(static_cast<std::uint32_t>(sites_.size() - 1), first, last, nameplate_w(first, last));
    s.halls.last = number + 1;
    add_row(number, first, last);
    return static_cast<row_number>(rows_.size() - 1);
}

/// Stages of the site: up to the last transformer before the UPS, if that is not the first one. Those of a row: from
/// the busway on.
power_tree::stages power_tree::split(const hardware::power_topology& t) {
    using kind = hardware::power_device_kind;
    const std::span<const hardware::power_device> all = t.stages;
    const auto is = [](kind k) { return [k](const hardware::power_device& d) { return d.kind == k; }; };
    const auto ups = std::find_if(all.begin(), all.end(), is(kind::ups));
    const auto busway = std::find_if(all.begin(), all.end(), is(kind::busway));
    auto source = std::min(ups, busway);
    auto transformers = std::count_if(all.begin(), source, is(kind::transformer));
    if (transformers > 1) {
        while (source->kind != kind::transformer || source == ups) --source;
    }
    const auto a = static_cast<std::size_t>(source - all.begin());
    const auto b = static_cast<std::size_t>(std::max(source, busway) - all.begin());
    return {.site = all.first(a), .source = all.subspan(a, b - a), .row = all.subspan(b)};
}

device_id power_tree::add(const device& d, place p) {
    places_.push_back(p);
    return devices_.add(d);
}

/// One that stands beside a device. Returns what both feed: the device as long as it is live.
device_id power_tree::add_generator(site& s, device_id normal, double planned_w, place p) {
    const generator_plan& plan = *s.plan.generators;
    device d{.rating = std::max<microwatts>(1, microwatts_of(planned_w * plan.share)), .failed = true};
    if (s.plan.trips && plan.overload) d.trips = &s.generator_trips;
    d.store = storage{.capacity = plan.fuel ? energy{ticks(*plan.fuel)} * d.rating : endless,
                      .account = static_cast<std::uint32_t>(&s - sites_.data())};
    const device_id made = add(d, p);
    generators_.push_back({.site = d.store->account, .device = made, .normal = normal});
    p.is_generator = false;
    return add({.feeds = {normal, made}, .how = feeding::reserve}, p);
}

device_id power_tree::add_stage(site& s, std::size_t stage, double planned_w, std::vector<device_id> feeds, feeding how,
                                place p) {
    // It delivers what those below it lose, too.
    const double built_w = planned_w / efficiency_from(s.plan.topology, stage + 1);
    device d{.rating = microwatts_of(built_w), .feeds = std::move(feeds), .how = how};
    const hardware::power_device& of = s.plan.topology.stages[stage];
    d.efficiency = &of.efficiency;
    if (s.plan.trips && of.overload) d.trips = &s.trips[stage];
    const auto& battery = s.plan.batteries;
    if (of.kind != hardware::power_device_kind::ups || !battery || battery->ride_through == duration::zero())
        return add(d, p);
    const auto full = static_cast<double>(d.rating) / of.efficiency.at(1);
    d.store = storage{.capacity = energy{ticks(battery->ride_through)} * std::llround(full),
                      .recharge = std::llround(static_cast<double>(d.rating) * battery->recharge),
                      .efficiency = battery->efficiency,
                      .account = static_cast<std::uint32_t>(&s - sites_.data())};
    s.batteries.push_back(add(d, p));
    return s.batteries.back();
}

void power_tree::add_hall(std::uint32_t number, std::uint32_t first_unit, std::uint32_t last_unit, double planned_w) {
    site& s = sites_[number];
    const auto first_row = static_cast<std::uint32_t>(rows_.size());
    hall h{.site = number, .rows = {first_row, first_row}, .units = {first_unit, last_unit}};
    const hardware::power_topology& t = s.plan.topology;
    const stages st = split(t);
    const double built_w = planned_w / s.plan.oversubscription / t.needed;
    for (std::uint32_t i = 0; i != t.installed; ++i) {
        const place p{level::source, static_cast<std::uint32_t>(halls_.size()), i};
        device_id last = s.bus;
        const std::size_t before = s.batteries.size();
        if (s.plan.generators && !s.plan.generators->of_site)
            last =
                add_generator(s, last, built_w / efficiency_from(t, st.site.size()), {p.at, p.number, p.source, true});
        for (std::size_t k = 0; k != st.source.size(); ++k)
            last = add_stage(s, st.site.size() + k, built_w, {last}, feeding::shared, p);
        if (st.source.empty()) {
            const double w = built_w / efficiency_from(t, st.site.size());
            last = add({.rating = microwatts_of(w), .feeds = {last}}, p);
        }
        h.sources.push_back(last);
        h.batteries.push_back(s.batteries.size() == before ? no_device : s.batteries.back());
    }
    h.on.resize(t.installed);
    h.planned_w.resize(t.installed, 0);
    halls_.push_back(std::move(h));
}

void power_tree::add_row(std::uint32_t number, std::uint32_t first_unit, std::uint32_t last_unit) {
    hall& h = halls_[number];
    site& s = sites_[h.site];
    const hardware::power_topology& t = s.plan.topology;
    const stages st = split(t);
    const auto id = static_cast<std::uint32_t>(rows_.size());
    row r{.hall = number,
          .model = units_[first_unit].model,
          .units = {first_unit, last_unit},
          .sources = choose_sources(h, t),
          .planned_w = nameplate_w(first_unit, last_unit)};
    std::vector<device_id> feeds;
    for (const std::uint32_t i : r.sources) {
        feeds.push_back(h.sources[i]);
        h.on[i].push_back(id);
        const bool waits = t.idle_reserve && i != r.sources.front();
        if (!waits)
            h.planned_w[i] += t.idle_reserve ? r.planned_w : r.planned_w / static_cast<double>(r.sources.size());
    }
    const feeding how = t.idle_reserve ? feeding::reserve : feeding::shared;
    const double built_w = r.planned_w / s.plan.oversubscription;
    for (std::size_t k = 0; k != st.row.size(); ++k) {
        r.device = add_stage(s, st.site.size() + st.source.size() + k, built_w, feeds, k == 0 ? how : feeding::shared,
                             {level::row, id});
        feeds = {r.device};
    }
    if (st.row.empty())
        r.device = add({.rating = microwatts_of(built_w), .feeds = feeds, .how = how}, {level::row, id});
    for (std::uint32_t u = first_unit; u != last_unit; ++u) {
        device_of_[u] = add({.feeds = {r.device}}, {level::unit, u});
        row_of_[u] = id;
    }
    h.rows.last = id + 1;
    s.rows.push_back(id);
    rows_.push_back(std::move(r));
}

/// The next row hangs on those that are planned for the least so far, ties by number.
std::vector<std::uint32_t> power_tree::choose_sources(const hall& h, const hardware::power_topology& t) const {
    std::vector<std::uint32_t> all(t.installed);
    std::iota(all.begin(), all.end(), 0U);
    if (t.installed == 1 || (t.feeds_per_load <= 1 && !t.idle_reserve)) return all;  // a common bus
    if (t.idle_reserve) {
        // One that works, then the reserves.
        const auto works = std::min_element(h.planned_w.begin(), h.planned_w.begin() + t.needed);
        std::vector<std::uint32_t> out{static_cast<std::uint32_t>(works - h.planned_w.begin())};
        for (std::uint32_t i = t.needed; i != t.installed; ++i) out.push_back(i);
        return out;
    }
    // Of all sets of so many sources the one whose most loaded member is least so, then least in sum, then the one that
    // fewest rows hang on already, then the first.
    const std::uint32_t want = std::min(t.feeds_per_load, t.installed);
    std::vector<std::uint32_t> set(want), best;
    std::iota(set.begin(), set.end(), 0U);
    double best_most = 0, best_sum = 0;
    std::size_t best_shared = 0;
    while (true) {
        double most = 0, sum = 0;
        for (const std::uint32_t i : set) {
            most = std::max(most, h.planned_w[i]);
            sum += h.planned_w[i];
        }
        const auto shared =
            static_cast<std::size_t>(std::count_if(rows_.begin() + h.rows.first, rows_.begin() + h.rows.last,
                                                   [&set](const row& r) { return r.sources == set; }));
        if (best.empty() || std::tie(most, sum, shared) < std::tie(best_most, best_sum, best_shared)) {
            best = set;
            best_most = most;
            best_sum = sum;
            best_shared = shared;
        }
        std::uint32_t k = want;
        while (k != 0 && set[k - 1] == t.installed - want + k - 1) --k;
        if (k == 0) return best;
        ++set[k - 1];
        for (; k != want; ++k) set[k] = set[k - 1] + 1;
    }
}

double power_tree::nameplate_w(std::uint32_t first_unit, std::uint32_t last_unit) const {
    double sum = 0;
    for (std::uint32_t u = first_unit; u != last_unit; ++u) sum += models_[units_[u].model].nameplate_w();
    return sum;
}

/// Takes the name of a site and the slash behind it off the front; null: there is no such site.
const power_tree::site* power_tree::take_site(std::string_view& name) const {
    const auto at = std::find_if(sites_.begin(), sites_.end(), [name](const site& s) {
        return name.starts_with(s.name) && (name.size() == s.name.size() || name[s.name.size()] == '/');
    });
    if (at == sites_.end()) return sites_.size() == 1 && !name.empty() ? &sites_.front() : nullptr;
    name.remove_prefix(at->name.size());
    // "iad/" names nothing.
    if (name.size() == 1) return nullptr;
    if (!name.empty()) name.remove_prefix(1);
    return &*at;
}

std::optional<power_tree::range> power_tree::units_of(std::string_view name) const {
    if (const auto device = find(name)) {
        const place& p = place_of(*device);
        switch (p.at) {
            case level::site: return p.is_generator ? std::nullopt : std::optional{sites_[p.number].units};
            case level::source: return std::nullopt;
            case level::row: return rows_[p.number].units;
            case level::unit: return range{p.number, p.number + 1};
        }
    }
    const site* const s = take_site(name);
    const auto number = s == nullptr ? std::nullopt : take_number(name, "hall-");
    if (!number || !name.empty() || *number >= s->halls.size()) return std::nullopt;
    return halls_[s->halls.first + *number].units;
}

std::optional<device_id> power_tree::find(std::string_view name) const {
    if (const auto unit = take_number(name, "rack-"); unit)
        return name.empty() && *unit < units_.size() ? std::optional{device_of_[*unit]} : std::nullopt;
    const site* const s = take_site(name);
    if (s == nullptr) return std::nullopt;
    if (name.empty()) return s->meter;
    const auto generator_of = [this](level at, std::uint32_t of, std::uint32_t source) -> std::optional<device_id> {
        for (const generator& g : generators_) {
            const place& p = place_of(g.device);
            if (p.at == at && p.number == of && p.source == source) return g.device;
        }
        return std::nullopt;
    };
    if (name == "generator") return generator_of(level::site, static_cast<std::uint32_t>(s - sites_.data()), 0);
    const auto number = take_number(name, "hall-");
    if (!number || *number >= s->halls.size()) return std::nullopt;
    const hall& h = halls_[s->halls.first + *number];
    if (const auto source = take_number(name, "/generator-"); source)
        return name.empty() ? generator_of(level::source, s->halls.first + *number, *source) : std::nullopt;
    if (const auto source = take_number(name, "/source-"); source)
        return name.empty() && *source < h.sources.size() ? std::optional{h.sources[*source]} : std::nullopt;
    if (const auto r = take_number(name, "/row-"); r)
        return name.empty() && *r < h.rows.size() ? std::optional{rows_[h.rows.first + *r].device} : std::nullopt;
    return std::nullopt;
}

std::string power_tree::name_of(device_id d) const {
    const place& p = place_of(d);
    const auto in_hall = [this](std::uint32_t number, const std::string& what) {
        const site& s = sites_[halls_[number].site];
        return s.name + "/hall-" + std::to_string(number - s.halls.first) + what;
    };
    switch (p.at) {
        case level::site: return sites_[p.number].name + (p.is_generator ? "/generator" : "");
        case level::source:
            return in_hall(p.number, (p.is_generator ? "/generator-" : "/source-") + std::to_string(p.source));
        case level::row: {
            const std::uint32_t of = rows_[p.number].hall;
            return in_hall(of, "/row-" + std::to_string(p.number - halls_[of].rows.first));
        }
        case level::unit: break;
    }
    return "rack-" + std::to_string(p.number);
}

std::vector<std::string> power_tree::names() const {
    std::vector<std::string> out;
    for (const site& s : sites_) {
        out.push_back(s.name);
        if (s.plan.generators && s.plan.generators->of_site) out.push_back(s.name + "/generator");
        for (std::uint32_t h = 0; h != s.halls.size(); ++h) {
            const std::string prefix = s.name + "/hall-" + std::to_string(h);
            const auto& of = halls_[s.halls.first + h];
            for (std::size_t i = 0; i != of.sources.size(); ++i) out.push_back(prefix + "/source-" + std::to_string(i));
            for (std::size_t i = 0; s.plan.generators && !s.plan.generators->of_site && i != of.sources.size(); ++i)
                out.push_back(prefix + "/generator-" + std::to_string(i));
            for (std::uint32_t r = 0; r != of.rows.size(); ++r) out.push_back(prefix + "/row-" + std::to_string(r));
        }
    }
    return out;
}

}  // namespace ampacity::power
