#include "headroom.hpp"

#include <ampacity/power/node_power.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

namespace ampacity::sim {
namespace {

using power::device_id;

constexpr std::uint32_t no_feed = ~std::uint32_t{0};

/// How much the input of a device grows with its output, at loads from `from` to `to`. On a segment of the curve, with
/// efficiency a + b x, the input is x / (a + b x): its slope is a over the square of the efficiency.
struct slope_range {
    double least = std::numeric_limits<double>::infinity(), most = 0;
};
slope_range slopes_of(const hardware::efficiency_curve& curve, double from,
                      double to = std::numeric_limits<double>::infinity()) {
    slope_range out;
    double load = from;
    double here = curve.at(from);
    for (const hardware::efficiency_point& p : curve.points) {
        if (p.load <= load || load >= to) continue;
        const double end = std::min(p.load, to);
        const double next = curve.at(end);
        const double a = here - (next - here) / (end - load) * load;
        const auto [low, high] = std::minmax(here, next);
        out.most = std::max(out.most, a / (low * low));
        out.least = std::min(out.least, std::max(0.0, a / (high * high)));
        load = end;
        here = next;
    }
    if (load < to || out.most == 0) {
        out.most = std::max(out.most, 1 / here);
        out.least = std::min(out.least, 1 / here);
    }
    return out;
}

/// What a GPU of a kind of job draws [W]: see `energy_meter::kind_of`.
double gpu_w(const hardware::gpu_power& gpu, std::size_t kind, std::span<const power::power_floor> floors) {
    return kind < power::num_phases ? power::gpu_power_w(gpu, static_cast<power::phase>(kind))
                                    : power::gpu_power_w(gpu, floors[kind - power::num_phases]);
}

/// What a node draws if each of its GPUs draws so much [W]; with the kind of jobs that takes most.
double full_w(const hardware::node& n, double each_w) {
    return power::node_power_w(n, {.count = n.gpus, .power_w = n.gpus * each_w});
}
double most_w(const hardware::node& n, std::span<const power::power_floor> floors) {
    double most = 0;
    for (std::size_t k = 0; k != power::num_phases + floors.size(); ++k)
        most = std::max(most, full_w(n, gpu_w(n.gpu.power, k, floors)));
    return most;
}

/// What a model draws with nothing running [W].
double idle_w(const power::unit_model& m) { return m.rack ? m.rack->idle_power_w() : m.node.idle_power_w(); }

/// Does it leave a feed less than its rating?
bool limits_feed(const power::feed_event& e) {
    return e.what == power::feed_event::kind::limit || e.what == power::feed_event::kind::cut;
}

}  // namespace

headroom::headroom(const energy_meter& meter, const live_jobs& jobs)
    : meter_(meter), jobs_(jobs), plant_(meter.plant()) {
    find_feeds();
    find_groups();
    find_caps();
    find_added();
    find_shares();
    read_room();
}

void headroom::find_feeds() {
    const power::power_tree& tree = plant_.tree();
    std::vector<char> can_be_short(tree.devices().size(), 0);
    for (std::uint32_t d = 0; d != can_be_short.size(); ++d)
        can_be_short[d] = tree.devices().rating(device_id{d}) != 0 ? 1 : 0;
    for (const power::feed_event& e : plant_.events())
        if (limits_feed(e)) can_be_short[power::index(*tree.find(e.device))] = 1;
    number_.assign(can_be_short.size(), no_feed);
    for (std::uint32_t d = 0; d != can_be_short.size(); ++d) {
        if (can_be_short[d] == 0) continue;
        number_[d] = static_cast<std::uint32_t>(feeds_.size());
        feeds_.push_back(device_id{d});
    }
    limit_.resize(feeds_.size());
    room_.resize(feeds_.size());
}

/// A row is one; where a rack of it can be short by itself, each of its racks is.
void headroom::find_groups() {
    const power::power_tree& tree = plant_.tree();
    group_.reserve(tree.num_nodes());
    for (const power::power_tree::row& r : tree.rows()) {
        bool split = false;
        for (std::uint32_t u = r.units.first; u != r.units.last; ++u)
            split = split || number_[power::index(tree.device_of(u))] != no_feed;
        for (std::uint32_t u = r.units.first; u != r.units.last; ++u) {
            if (split || u == r.units.first) {
                unit_.push_back(u);
                model_.push_back(r.model);
                split_.push_back(split ? 1 : 0);
            }
            group_.resize(group_.size() + tree.units()[u].nodes, static_cast<std::uint32_t>(unit_.size() - 1));
        }
    }
}

/// A limit is of a place in the tree, which devices in series share. Those that could have one over a group need not
/// carry it now.
void headroom::find_caps() {
    const power::power_tree& tree = plant_.tree();
    using level = power::power_tree::level;
    using key = std::tuple<level, std::uint32_t, std::uint32_t>;
    const auto key_of = [](const power::power_tree::place& p) { return key{p.at, p.number, p.source}; };
    std::map<key, std::uint32_t> first;
    for (std::uint32_t f = 0; f != feeds_.size(); ++f)
        stands_for_.push_back(first.try_emplace(key_of(tree.place_of(feeds_[f])), f).first->second);
    first_cap_.assign(1, 0);
    for (const std::uint32_t unit : unit_) {
        const power::power_tree::row_number number = tree.row_of(unit);
        const power::power_tree::row& r = tree.rows()[number];
        const auto add = [&](level at, std::uint32_t of, std::uint32_t source) {
            if (const auto it = first.find({at, of, source}); it != first.end()) caps_.push_back(it->second);
        };
        add(level::unit, unit, 0);
        add(level::row, number, 0);
        for (const std::uint32_t k : r.sources) add(level::source, r.hall, k);
        add(level::site, tree.site_of(unit), 0);
        first_cap_.push_back(static_cast<std::uint32_t>(caps_.size()));
    }
}

void headroom::find_added() {
    const auto& models = plant_.tree().models();
    // Nodes that are too hot draw nothing.
    const bool may_be_off = plant_.heat_events().has_value();
    const auto floors = plant_.floors();
    const std::size_t kinds = power::num_phases + floors.size();
    for (const power::unit_model& m : models) {
        gpus_ = std::max(gpus_, m.node.gpus);
        slopes& s = slopes_.emplace_back();
        if (!m.rack || !m.rack->shelves) continue;
        const hardware::rack& r = *m.rack;
        double least = power::node_power_w(m.node, {}) * r.nodes, most = most_w(m.node, floors) * r.nodes;
        if (r.switches) {
            least += r.switches->power_w * r.switches->idle_share;
            most += r.switches->power_w;
        }
        if (may_be_off) least = 0;
        const auto of =
            slopes_of(r.shelves->shelf.efficiency, least / r.shelves->rating_w(), most / r.shelves->rating_w());
        s = {.least = of.least, .most = of.most};
    }
    added_.reserve(kinds * models.size() * (std::size_t{gpus_} + 1));
    for (std::size_t k = 0; k != kinds; ++k) {
        for (std::uint32_t m = 0; m != models.size(); ++m) {
            for (std::uint32_t n = 0; n <= gpus_; ++n) added_.push_back(added_uw(k, m, n, power::no_limit));
        }
    }
}

/// Increments of an idle node: its power is concave in what its chips draw, so later ones are not larger.
std::int64_t headroom::added_uw(std::size_t kind, std::uint32_t model, std::uint32_t count, std::uint16_t limit) const {
    const power::unit_model& m = plant_.tree().models()[model];
    double each_w = gpu_w(m.node.gpu.power, kind, plant_.floors());
    if (limit != power::no_limit) each_w = std::min(each_w, power::limited_w(m.node.gpu.power, limit));
    const double idle = power::node_power_w(m.node, {});
    double switches_w = 0;
    if (m.rack && m.rack->switches)
        switches_w = m.rack->switches->power_w * (1 - m.rack->switches->idle_share) / m.rack->gpus();
    const std::uint32_t held = std::min(count, m.node.gpus);
    const double w =
        (power::node_power_w(m.node, {.count = held, .power_w = each_w * held}) - idle + switches_w * held) *
        slopes_[model].most;
    return std::llround(std::ceil(std::max(0.0, w) * 1e6));
}

/// How much of what is added to a group arrives at each feed above it, as feeds are now.
void headroom::find_shares() {
    const power::power_tree& tree = plant_.tree();
    const power::delivery& devices = tree.devices();
    // No device carries less than this, whatever jobs do.
    std::vector<double> least(devices.size(), 0);
    for (std::uint32_t u = 0; !plant_.heat_events() && u != tree.units().size(); ++u)
        least[power::index(tree.device_of(u))] = idle_w(tree.models()[tree.units()[u].model]);
    std::vector<slope_range> slope(devices.size(), {.least = 1, .most = 1});
    for (std::size_t d = devices.size(); d-- > 0;) {
        const device_id id{static_cast<std::uint32_t>(d)};
        if (!devices.is_live(id)) continue;
        if (const auto* curve = devices.efficiency(id))
            slope[d] = slopes_of(*curve, least[d] * 1e6 / static_cast<double>(devices.rating(id)));
        devices.for_carriers(id, [&](device_id feed, double share) { least[power::index(feed)] += least[d] * share; });
    }
    first_.assign(1, 0);
    shares_.clear();
    std::map<device_id, slope_range, std::greater<>> ahead;  // feeds come before what they feed
    for (const std::uint32_t unit : unit_) {
        ahead = {{tree.device_of(unit), {.least = 1, .most = 1}}};
        while (!ahead.empty()) {
            const auto [d, share] = *ahead.begin();
            ahead.erase(ahead.begin());
            if (const std::uint32_t feed = number_[power::index(d)]; feed != no_feed)
                shares_.push_back({feed, std::llround(std::ceil(share.most * 1e9)) + 1,
                                   std::max<std::int64_t>(0, std::llround(std::floor(share.least * 1e9)) - 1)});
            devices.for_carriers(d, [&, d = d, share = share](device_id by, double part) {
                slope_range& at = ahead.try_emplace(by, slope_range{.least = 0, .most = 0}).first->second;
                at.most += share.most * slope[power::index(d)].most * part;
                at.least += share.least * slope[power::index(d)].least * part;
            });
        }
        first_.push_back(static_cast<std::uint32_t>(shares_.size()));
    }
    feeds_seen_ = meter_.feed_changes();
}

void headroom::read_room() {
    for (std::size_t i = 0; i != feeds_.size(); ++i) {
        room_[i] = plant_.headroom(feeds_[i]);
        limit_[i] = room_[i] == policy::headroom_view::no_limit ? room_[i]
                                                                : room_[i] + plant_.tree().devices().output(feeds_[i]);
    }
    loads_ = meter_.load_changes();
}

void headroom::add_partition(std::span<const node_id> nodes) {
    auto& groups = own_groups_.emplace_back();
    for (const node_id n : nodes) groups.push_back(group_[index(n)]);
}

policy::headroom_view headroom::picture(std::size_t partition, instant now) {
    now_ = now;
    if (feeds_seen_ != meter_.feed_changes()) find_shares();
    if (loads_ != meter_.load_changes()) read_room();
    const auto& own = own_groups_[partition];
    return {.limit_uw = limit_,
            .room_uw = room_,
            .group = own.empty() ? group_ : own,
            .model = model_,
            .first = first_,
            .shares = shares_,
            .added_uw = added_,
            .models = static_cast<std::uint32_t>(plant_.tree().models().size()),
            .gpus = gpus_,
            .facts = this,
            .caps = meter_.acts() ? this : nullptr};
}

std::uint32_t headroom::kind(job_id job) const { return meter_.kind_of(jobs_[index(job)].source()); }

std::string headroom::name(std::uint32_t feed) const { return plant_.tree().name_of(feeds_[feed]); }

instant headroom::limited_until(std::uint32_t feed) const {
    std::optional<instant> until;
    for (const power::feed_event& e : plant_.events()) {
        if (!limits_feed(e) || e.start > now_ || e.end <= now_) continue;
        if (*plant_.tree().find(e.device) != feeds_[feed]) continue;
        until = std::max(until.value_or(e.end), e.end);
    }
    return until.value_or(never);
}

std::span<const std::uint32_t> headroom::above(std::uint32_t group) const {
    return std::span{caps_}.subspan(first_cap_[group], first_cap_[group + 1] - first_cap_[group]);
}

std::uint16_t headroom::limit(std::uint32_t feed) const {
    const power::class_limits by_class = plant_.cap_of(feeds_[feed]);
    return std::max(by_class[0], by_class[1]);
}

policy::cap_facts::change headroom::if_limited(std::uint32_t group, std::uint16_t to) const {
    power::class_limits from{power::no_limit, power::no_limit};
    for (const std::uint32_t f : above(group)) {
        const power::class_limits by_class = plant_.cap_of(feeds_[f]);
        for (std::size_t c = 0; c != from.size(); ++c) from[c] = std::min(from[c], by_class[c]);
    }
    const power::power_tree& tree = plant_.tree();
    const std::uint32_t unit = unit_[group];
    const power::power_tree::row_number row = tree.row_of(unit);
    const bool is_rack = split_[group] != 0;
    const auto chips =
        is_rack ? plant_.if_unit_capped(unit, from, {to, to}) : plant_.if_row_capped(row, from, {to, to});
    const slopes& s = slopes_[model_[group]];
    // What is rounded to whole microwatts: at each node, and at the input of each rack.
    const std::uint32_t units = is_rack ? 1 : tree.rows()[row].units.size();
    const auto rounded = std::int64_t{3} * units * (tree.units()[unit].nodes + 1);
    const double inputs = tree.models()[model_[group]].node.at_input(1);
    change out;
    if (chips.more != 0)
        out.more = std::llround(std::ceil(static_cast<double>(chips.more) * inputs * s.most)) + rounded;
    if (chips.less != 0)
        out.less = std::max<std::int64_t>(
            0, std::llround(std::floor(static_cast<double>(chips.less) * inputs * s.least)) - rounded);
    return out;
}

std::int64_t headroom::added(std::uint32_t kind, std::uint32_t group, std::uint32_t count, std::uint16_t limit) const {
    return added_uw(kind, model_[group], count, limit);
}

std::string headroom::why_not(std::uint32_t feed) const {
    if (feed < feeds_.size()) return {};
    return "there is no such feed; the head-room shows " + std::to_string(feeds_.size());
}

std::string headroom::why_not(node_id first, node_id last) const {
    const power::power_tree& tree = plant_.tree();
    if (index(last) > tree.num_nodes() || index(first) >= index(last))
        return "there are no such nodes; the fleet has " + std::to_string(tree.num_nodes());
    const power::powered_unit& a = tree.units()[tree.unit_of(index(first))];
    const power::powered_unit& b = tree.units()[tree.unit_of(index(last) - 1)];
    if (a.first_node == index(first) && b.first_node + b.nodes == index(last)) return {};
    return "they cut a rack, whose GPUs have one limit; name nodes " + std::to_string(a.first_node) + " to " +
           std::to_string(b.first_node + b.nodes);
}

}  // namespace ampacity::sim
