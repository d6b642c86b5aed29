#include "headroom.hpp"

#include <ampacity/power/node_power.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <utility>

namespace ampacity::sim {
namespace {

using power::device_id;

constexpr std::uint32_t no_feed = ~std::uint32_t{0};

/// The most that the input of a device grows with its output, at loads from `from` to `to`. On a segment of the curve,
/// with efficiency a + b x, the input is x / (a + b x): its slope is a over the square of the efficiency.
double steepest(const hardware::efficiency_curve& curve, double from,
                double to = std::numeric_limits<double>::infinity()) {
    double most = 0, load = from;
    double here = curve.at(from);
    for (const hardware::efficiency_point& p : curve.points) {
        if (p.load <= load || load >= to) continue;
        const double end = std::min(p.load, to);
        const double next = curve.at(end);
        const double a = here - (next - here) / (end - load) * load;
        const double least = std::min(here, next);
        most = std::max(most, a / (least * least));
        load = end;
        here = next;
    }
    return load < to || most == 0 ? std::max(most, 1 / here) : most;
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
            }
            group_.resize(group_.size() + tree.units()[u].nodes, static_cast<std::uint32_t>(unit_.size() - 1));
        }
    }
}

/// Increments of an idle node: its power is concave in what its chips draw, so later ones are not larger.
void headroom::find_added() {
    const auto& models = plant_.tree().models();
    // Nodes that are too hot draw nothing.
    const bool may_be_off = plant_.heat_events().has_value();
    for (const power::unit_model& m : models) gpus_ = std::max(gpus_, m.node.gpus);
    const auto floors = plant_.floors();
    const std::size_t kinds = power::num_phases + floors.size();
    added_.reserve(kinds * models.size() * (std::size_t{gpus_} + 1));
    for (std::size_t k = 0; k != kinds; ++k) {
        for (const power::unit_model& m : models) {
            const double each_w = gpu_w(m.node.gpu.power, k, floors);
            const double idle = power::node_power_w(m.node, {});
            double steep = 1, switches_w = 0;
            if (m.rack) {
                const hardware::rack& r = *m.rack;
                double least = idle * r.nodes, most = most_w(m.node, floors) * r.nodes;
                if (r.switches) {
                    least += r.switches->power_w * r.switches->idle_share;
                    most += r.switches->power_w;
                    switches_w = r.switches->power_w * (1 - r.switches->idle_share) / r.gpus();
                }
                if (may_be_off) least = 0;
                if (r.shelves)
                    steep = steepest(r.shelves->shelf.efficiency, least / r.shelves->rating_w(),
                                     most / r.shelves->rating_w());
            }
            for (std::uint32_t n = 0; n <= gpus_; ++n) {
                const std::uint32_t held = std::min(n, m.node.gpus);
                const double w = (power::node_power_w(m.node, {.count = held, .power_w = each_w * held}) - idle +
                                  switches_w * held) *
                                 steep;
                added_.push_back(std::llround(std::ceil(std::max(0.0, w) * 1e6)));
            }
        }
    }
}

/// How much of what is added to a group arrives at each feed above it, as feeds are now.
void headroom::find_shares() {
    const power::power_tree& tree = plant_.tree();
    const power::delivery& devices = tree.devices();
    // No device carries less than this, whatever jobs do.
    std::vector<double> least(devices.size(), 0);
    for (std::uint32_t u = 0; !plant_.heat_events() && u != tree.units().size(); ++u)
        least[power::index(tree.device_of(u))] = idle_w(tree.models()[tree.units()[u].model]);
    std::vector<double> steep(devices.size(), 1);
    for (std::size_t d = devices.size(); d-- > 0;) {
        const device_id id{static_cast<std::uint32_t>(d)};
        if (!devices.is_live(id)) continue;
        if (const auto* curve = devices.efficiency(id))
            steep[d] = steepest(*curve, least[d] * 1e6 / static_cast<double>(devices.rating(id)));
        devices.for_carriers(id, [&](device_id feed, double share) { least[power::index(feed)] += least[d] * share; });
    }
    first_.assign(1, 0);
    shares_.clear();
    std::map<device_id, double, std::greater<>> ahead;  // feeds come before what they feed
    for (const std::uint32_t unit : unit_) {
        ahead = {{tree.device_of(unit), 1.0}};
        while (!ahead.empty()) {
            const auto [d, share] = *ahead.begin();
            ahead.erase(ahead.begin());
            if (const std::uint32_t feed = number_[power::index(d)]; feed != no_feed)
                shares_.push_back({feed, std::llround(std::ceil(share * 1e9)) + 1});
            devices.for_carriers(d, [&, d = d, share = share](device_id by, double part) {
                ahead[by] += share * steep[power::index(d)] * part;
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
            .facts = this};
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
