#include "heat.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/power/plant.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace ampacity::power {
namespace {

microwatts microwatts_of(double w) { return std::llround(w * 1e6); }
double watts_of(microwatts p) { return static_cast<double>(p) * 1e-6; }

constexpr double no_limit_w = std::numeric_limits<double>::infinity();

bool is_memory_bound(phase p) {
    return p == phase::decode_gemm || p == phase::decode_attention || p == phase::decode_mla;
}

/// Below the loads that the published fit is good for, work goes with the power.
cap_response response_of(const hardware::cap_response& fit, double lowest) {
    const double from = fit.valid_from;
    const double least = std::min(lowest, from / 2);
    const cap_response above{fit, 0, 1e-9};
    return {fit, least, above.performance(from) * std::max(least, 1e-9) / from};
}

class_limits lower_of(class_limits a, class_limits b) { return {std::min(a[0], b[0]), std::min(a[1], b[1])}; }

/// Without the call that comparing arrays of such a size is.
template <class Counts>
bool is_same(const Counts& a, const Counts& b) {
    constexpr std::size_t size = sizeof(Counts), word = sizeof(std::uint64_t);
    static_assert(size >= word);
    const auto word_at = [](const Counts& of, std::size_t at) {
        std::uint64_t out = 0;
        std::memcpy(&out, reinterpret_cast<const char*>(&of) + at, word);
        return out;
    };
    std::uint64_t differs = word_at(a, size - word) ^ word_at(b, size - word);
    for (std::size_t at = 0; at + word < size; at += word) differs |= word_at(a, at) ^ word_at(b, at);
    return differs == 0;
}

bool is_of_coolant(const feed_event& e) {
    return e.what == feed_event::kind::cooling_loss || e.what == feed_event::kind::flow_loss;
}

}  // namespace

/// GPUs with a floor are counted by their phase, too; this is what they draw more.
struct plant::floors_state {
    std::vector<power_floor> kinds;
    std::vector<microwatts> draw;          // (models x kinds) of a GPU, without a limit
    std::vector<double> bound_w;           // the same, with the others of its module [W]
    std::vector<std::uint8_t> held;        // (nodes x classes x kinds) GPUs
    std::vector<std::uint32_t> of_row;     // (rows x classes x kinds) GPUs
    std::vector<microwatts> node;          // (nodes) added to their inputs
    std::vector<microwatts> nodes, units;  // (units) added to all of theirs, and to their own
    std::vector<microwatts> sites;         // of units with power

    floors_state(std::vector<power_floor> all, const power_tree& tree)
        : kinds(std::move(all)),
          held(tree.num_nodes() * num_classes * kinds.size()),
          of_row(tree.rows().size() * num_classes * kinds.size()),
          node(tree.num_nodes()),
          nodes(tree.units().size()),
          units(tree.units().size()),
          sites(tree.sites().size()) {}

    [[nodiscard]] std::size_t row_of(std::size_t of, std::size_t c) const noexcept {
        return (of * num_classes + c) * kinds.size();
    }
    [[nodiscard]] bool any(std::size_t of_node) const noexcept {
        const auto* first = held.data() + row_of(of_node, 0);
        return std::any_of(first, first + num_classes * kinds.size(), [](std::uint8_t n) { return n != 0; });
    }
    /// `f(kind, GPUs)` of a class on a node.
    template <class F>
    void for_held(std::size_t of_node, std::size_t c, F f) const {
        for (std::size_t k = 0; k != kinds.size(); ++k) {
            if (const std::uint32_t n = held[row_of(of_node, c) + k]; n != 0) f(k, n);
        }
    }
};

plant::plant(plant_plan p)
    : tree_(std::move(p.models), std::move(p.units), std::move(p.sites)),
      controls_(std::move(p.controls)),
      events_(std::move(p.events)),
      boot_(p.boot),
      reclose_(p.reclose),
      high_from_(p.high_priority_from),
      held_(tree_.num_nodes()),
      input_(tree_.num_nodes()),
      units_(tree_.units().size()),
      rows_(tree_.rows().size()),
      it_(tree_.sites().size()),
      causes_(tree_.devices().size()),
      event_limit_w_(tree_.devices().size(), no_limit_w) {
    for (const unit_model& m : tree_.models()) {
        const hardware::gpu_power& gpu = m.node.gpu.power;
        gpu_model g{.limit_w = gpu.limit_w, .lowest_w = gpu.lowest_limit_w.value_or(gpu.context_w)};
        double module_w = std::numeric_limits<double>::infinity();
        if (m.node.modules && m.node.gpus != 0)
            module_w = (m.node.modules->count * m.node.modules->limit_w - m.node.power.cpus_w) / m.node.gpus;
        for (std::size_t i = 0; i != num_phases; ++i) {
            const auto what = static_cast<phase>(i);
            const double w = gpu_power_w(gpu, what);
            g.draw[i] = microwatts_of(w);
            g.bound_w[i] = std::min(w, module_w);
            const hardware::cap_response& fit = is_memory_bound(what) ? gpu.memory_bound : gpu.compute_bound;
            if (fit.valid_from > 0 && g.bound_w[i] > 0)
                g.response[i] = response_of(fit, std::min(0.999, g.lowest_w / g.bound_w[i]));
        }
        gpus_.push_back(std::move(g));
        if (p.floors.empty()) continue;
        if (!floors_) floors_ = std::make_unique<floors_state>(p.floors, tree_);
        for (const power_floor& f : p.floors) {
            const double w = gpu_power_w(gpu, f);
            floors_->draw.push_back(microwatts_of(w));
            floors_->bound_w.push_back(std::min(w, module_w));
        }
    }
    generators_.resize(tree_.generators().size());
    for (const auto& g : tree_.generators()) causes_[index(g.device)] = 1;  // they stand by
    if (!p.coolant.empty()) follow_heat(p.coolant);
    for (std::uint32_t u = 0; u != units_.size(); ++u) {
        const powered_unit& at = tree_.units()[u];
        for (std::uint32_t n = at.first_node; n != at.first_node + at.nodes; ++n) {
            // Nodes of a model are alike as long as they are idle.
            input_[n] = n == at.first_node ? node_power(n, u, false) : input_[at.first_node];
            units_[u].nodes += input_[n];
        }
        refresh_unit(u);
    }
    tree_.devices().settle(start_of_time);

    for (std::uint32_t i = 0; i != controls_.size(); ++i) {
        control_state s{.first_feed = static_cast<std::uint32_t>(feeds_.size())};
        const auto add = [&](device_id d) {
            feeds_.push_back({.device = d, .control = i});
            return static_cast<std::uint32_t>(feeds_.size() - 1);
        };
        switch (controls_[i].at) {
            case power_tree::level::site:
                for (const auto& site : tree_.sites()) {
                    const std::uint32_t f = add(site.meter);
                    for (const auto row : site.rows) rows_[row].feeds.push_back(f);
                }
                break;
            case power_tree::level::source:
                for (const auto& hall : tree_.halls()) {
                    for (std::size_t k = 0; k != hall.sources.size(); ++k) {
                        const std::uint32_t f = add(hall.sources[k]);
                        for (const auto row : hall.on[k]) rows_[row].feeds.push_back(f);
                    }
                }
                break;
            case power_tree::level::row:
                for (std::uint32_t r = 0; r != rows_.size(); ++r) rows_[r].feeds.push_back(add(tree_.rows()[r].device));
                break;
            case power_tree::level::unit:
                for (std::uint32_t u = 0; u != units_.size(); ++u) feed_of_unit_.push_back(add(tree_.device_of(u)));
                break;
        }
        s.last_feed = static_cast<std::uint32_t>(feeds_.size());
        states_.push_back(std::move(s));
    }

    for (std::uint32_t i = 0; i != events_.size(); ++i) {
        const feed_event& e = events_[i];
        AMPACITY_ASSERT(is_of_coolant(e) ? heat_ && tree_.units_of(e.device) : tree_.find(e.device).has_value());
        event_device_.push_back(is_of_coolant(e) ? no_device : *tree_.find(e.device));
        schedule_.push_back({.at = events_[i].start, .begins = true, .event = i});
        if (events_[i].end != never) schedule_.push_back({.at = events_[i].end, .begins = false, .event = i});
    }
    std::stable_sort(schedule_.begin(), schedule_.end(), [](const scheduled& a, const scheduled& b) {
        return std::pair(a.at, a.begins) < std::pair(b.at, b.begins);
    });
}

plant::~plant() = default;

// --- loads ---------------------------------------------------------------------------------------------------

/// `lifts`: with what floors add.
microwatts plant::node_power(std::size_t node, std::uint32_t unit, bool lifts) const {
    const std::uint32_t model = tree_.units()[unit].model;
    const gpu_model& g = gpus_[model];
    held_gpus held;
    microwatts power = 0;
    for (std::size_t c = 0; c != num_classes; ++c) {
        const permille limit = limit_of(node, unit, c);
        const microwatts most = limit == no_limit
                                    ? std::numeric_limits<microwatts>::max()
                                    : microwatts_of(limited_w(tree_.models()[model].node.gpu.power, limit));
        for (std::size_t i = 0; i != num_phases; ++i) {
            const std::uint32_t n = held_[node][c][i];
            held.count += n;
            power += std::min(most, g.draw[i]) * n;
        }
        if (!lifts) continue;
        floors_->for_held(node, c, [&](std::size_t k, std::uint32_t n) {
            const microwatts bare = g.draw[static_cast<std::size_t>(floors_->kinds[k].what)];
            power += (std::min(most, floors_->draw[model * floors_->kinds.size() + k]) - std::min(most, bare)) * n;
        });
    }
    held.power_w = watts_of(power);
    return microwatts_of(node_power_w(tree_.models()[model].node, held));
}

permille plant::limit_of(std::size_t node, std::uint32_t unit, std::size_t c) const {
    const permille limit = units_[unit].limits[c];
    return heat_ ? std::min(limit, heat_->limit_of(unit, node)) : limit;
}

/// By the limits of controllers alone. Where modules bind, their GPUs share what is left as they draw [W].
double plant::hottest_gpu_w(std::size_t node, std::uint32_t unit) const {
    if (!units_[unit].live || units_[unit].absent) return 0;
    const std::uint32_t model = tree_.units()[unit].model;
    const hardware::node& of = tree_.models()[model].node;
    const gpu_model& g = gpus_[model];
    double most = 0, sum = 0;
    std::uint32_t held = 0;
    for (std::size_t c = 0; c != num_classes; ++c) {
        const permille limit = units_[unit].limits[c];
        const double limit_w = limit == no_limit ? std::numeric_limits<double>::infinity()
                                                 : limited_w(tree_.models()[model].node.gpu.power, limit);
        for (std::size_t i = 0; i != num_phases; ++i) {
            const std::uint32_t n = held_[node][c][i];
            if (n == 0) continue;
            const double w = std::min(limit_w, watts_of(g.draw[i]));
            most = std::max(most, w);
            sum += w * n;
            held += n;
        }
        if (!floors_) continue;
        floors_->for_held(node, c, [&](std::size_t k, std::uint32_t n) {
            const double w = std::min(limit_w, watts_of(floors_->draw[model * floors_->kinds.size() + k]));
            most = std::max(most, w);
            sum += (w - std::min(limit_w, watts_of(g.draw[static_cast<std::size_t>(floors_->kinds[k].what)]))) * n;
        });
    }
    if (held != of.gpus) most = std::max(most, of.gpu.power.idle_w);
    if (!of.modules) return most;
    sum += (of.gpus - held) * of.gpu.power.idle_w;
    const hardware::node_power& p = of.power;
    const double cpus = p.cpus_idle_w + (p.cpus_w - p.cpus_idle_w) * held / of.gpus;
    const double left = of.modules->count * of.modules->limit_w - cpus;
    return sum > left ? most * left / sum : most;
}

void plant::refresh_node(std::size_t node, std::uint32_t unit) {
    if (heat_ && heat_->keeps(unit)) heat_->put_draw(now_, unit, node, hottest_gpu_w(node, unit));
    const bool is_off = units_[unit].absent || (heat_ && heat_->is_off(unit, node));
    const bool lifts = floors_ && floors_->any(node);
    const microwatts input = is_off ? 0 : node_power(node, unit, lifts);
    if (floors_) {
        const microwatts added = is_off || !lifts ? 0 : input - node_power(node, unit, false);
        floors_->nodes[unit] += added - std::exchange(floors_->node[node], added);
    }
    units_[unit].nodes += input - input_[node];
    input_[node] = input;
}

void plant::read_meter(unit_state& u) const noexcept {
    if (u.since == now_) return;
    if (u.live) u.used += energy{u.input} * ticks(now_ - u.since);
    u.since = now_;
}

void plant::refresh_unit(std::uint32_t unit) {
    unit_state& u = units_[unit];
    read_meter(u);
    const powered_unit& at = tree_.units()[unit];
    const unit_model& m = tree_.models()[at.model];
    const auto at_input = [&](microwatts nodes) {
        if (!m.rack || u.absent) return nodes;
        const double gpus = static_cast<double>(at.nodes) * m.node.gpus;
        return microwatts_of(rack_power_w(*m.rack, watts_of(nodes), static_cast<double>(u.held) / gpus));
    };
    const microwatts input = at_input(u.nodes);
    if (floors_) {
        const microwatts lift = floors_->nodes[unit];
        const microwatts added = lift == 0 ? 0 : input - at_input(u.nodes - lift);
        const microwatts before = std::exchange(floors_->units[unit], added);
        if (u.live) floors_->sites[tree_.site_of(unit)] += added - before;
    }
    if (u.live) it_[tree_.site_of(unit)] += input - u.input;
    u.input = input;
    if (heat_) heat_->put_power(now_, unit, u.live ? watts_of(input) : 0);
    tree_.devices().put_load(tree_.device_of(unit), input);
}

void plant::change_load(instant now, const load& l, bool starts) {
    now_ = now;
    if (l.where.empty()) return;
    // Nodes of a job are mostly alike, and those of a unit follow each other.
    alike last;
    for (auto from = l.where.begin(); from != l.where.end();) {
        const std::uint32_t unit = tree_.unit_of(index(from->node));
        const powered_unit& at = tree_.units()[unit];
        const auto to = std::find_if(from + 1, l.where.end(), [&at](const fleet::gpu_share& s) {
            return index(s.node) - at.first_node >= at.nodes;
        });
        change_unit(unit, l, {from, to}, starts, last);
        if (!gathers_)
            refresh_unit(unit);
        else if (!std::exchange(units_[unit].behind, true))
            behind_.push_back(unit);
        from = to;
    }
    if (gathers_) return;
    tree_.devices().settle(now);
    mark_dirty(now);
}

void plant::settle() {
    if (behind_.empty()) return;
    for (const std::uint32_t unit : behind_) {
        units_[unit].behind = false;
        refresh_unit(unit);
    }
    behind_.clear();
    tree_.devices().settle(now_);
    mark_dirty(now_);
}

/// What GPUs of one unit do: `where` is those of a load there.
void plant::change_unit(std::uint32_t unit, const load& l, std::span<const fleet::gpu_share> where, bool starts,
                        alike& last) {
    const auto c = static_cast<std::size_t>(class_of(l.priority));
    const auto what = static_cast<std::size_t>(l.what);
    unit_state& u = units_[unit];
    const bool one_by_one = heat_ || floors_ || u.absent;
    const std::uint32_t model = tree_.units()[unit].model;
    std::uint32_t sum = 0;
    for (auto s = where.begin(); s != where.end();) {
        const std::uint64_t mask = s->gpus;
        const std::uint32_t gpus = fleet::count_gpus(mask);
        const node_counts before = held_[index(s->node)];
        node_counts after = before;
        AMPACITY_ASSERT(starts || before[c][what] >= gpus);
        after[c][what] = static_cast<std::uint8_t>(starts ? before[c][what] + gpus : before[c][what] - gpus);
        auto to = s;
        do {
            held_[index(to->node)] = after;
            ++to;
        } while (to != where.end() && to->gpus == mask && is_same(held_[index(to->node)], before));
        sum += gpus * static_cast<std::uint32_t>(to - s);
        if (one_by_one) {
            for (; s != to; ++s) {
                if (l.floor != no_floor) change_floor(unit, index(s->node), c, l, starts ? gpus : 0U - gpus);
                refresh_node(index(s->node), unit);
            }
            continue;
        }
        AMPACITY_ASSERT(l.floor == no_floor);
        if (!last.any || model != last.model || u.limits != last.limits || !is_same(after, last.held))
            last = {model, u.limits, after, node_power(index(s->node), unit, false), true};
        microwatts more = 0;
        for (; s != to; ++s) more += last.power - std::exchange(input_[index(s->node)], last.power);
        u.nodes += more;
    }
    u.held += starts ? std::uint64_t{sum} : std::uint64_t{0} - sum;
    rows_[tree_.row_of(unit)].held[c][what] += starts ? sum : 0U - sum;
}

/// `gpus` more of a node, modulo 2^32, have the floor of this load.
void plant::change_floor(std::uint32_t unit, std::size_t node, std::size_t c, const load& l, std::uint32_t gpus) {
    AMPACITY_ASSERT(floors_ && floors_->kinds[l.floor].what == l.what);
    auto& floored = floors_->held[floors_->row_of(node, c) + l.floor];
    floored = static_cast<std::uint8_t>(floored + gpus);
    floors_->of_row[floors_->row_of(tree_.row_of(unit), c) + l.floor] += gpus;
}

void plant::set_absent(instant now, std::span<const node_id> nodes, bool absent) {
    now_ = now;
    for (const node_id n : nodes) {
        const std::uint32_t unit = tree_.unit_of(index(n));
        unit_state& u = units_[unit];
        if (u.absent == absent) continue;
        AMPACITY_ASSERT(u.held == 0);
        u.absent = absent;
        if (!u.live) absent ? --dark_ : ++dark_;
        const powered_unit& at = tree_.units()[unit];
        for (std::uint32_t i = at.first_node; i != at.first_node + at.nodes; ++i) refresh_node(i, unit);
        refresh_unit(unit);
    }
    tree_.devices().settle(now);
    mark_dirty(now);
}

double plant::pace(const load& l) const {
    if (!limits_any()) return 1;
    const auto c = static_cast<std::size_t>(class_of(l.priority));
    const auto what = static_cast<std::size_t>(l.what);
    double slowest = 1;
    permille lowest = no_limit;
    std::uint32_t of_model = ~std::uint32_t{0};
    for (const fleet::gpu_share& s : l.where) {
        const std::uint32_t unit = tree_.unit_of(index(s.node));
        const permille limit = limit_of(index(s.node), unit, c);
        const std::uint32_t model = tree_.units()[unit].model;
        if (limit == no_limit || (limit >= lowest && model == of_model)) continue;
        lowest = limit;
        of_model = model;
        const gpu_model& g = gpus_[model];
        const double most = limited_w(tree_.models()[model].node.gpu.power, limit);
        const double share = most / g.bound_w[what];
        // Without a fit work goes with the power.
        slowest = std::min(slowest, g.response[what] ? g.response[what]->performance(share) : share);
    }
    return slowest;
}

microwatts plant::lifted(std::size_t site) const noexcept { return floors_ ? floors_->sites[site] : 0; }

std::span<const power_floor> plant::floors() const noexcept {
    return floors_ ? std::span<const power_floor>{floors_->kinds} : std::span<const power_floor>{};
}

// --- feeds ---------------------------------------------------------------------------------------------------

microwatts plant::headroom(device_id d) const noexcept {
    const microwatts rest = tree_.devices().headroom(d);
    const double limit = event_limit_w_[index(d)];
    if (limit == no_limit_w) return rest;
    return std::min(rest, microwatts_of(limit) - tree_.devices().output(d));
}

instant plant::next_change() const {
    instant next = std::min({tree_.devices().next_trip().at, tree_.devices().next_store().at, next_start_});
    if (next_scheduled_ != schedule_.size()) next = std::min(next, schedule_[next_scheduled_].at);
    if (!boots_.empty()) next = std::min(next, boots_.front().at);
    if (!closings_.empty()) next = std::min(next, closings_.front().at);
    if (heat_) next = std::min(next, heat_->next_change());
    return next;
}

void plant::begin_outcome() {
    outcome_.lost.clear();
    outcome_.back.clear();
    outcome_.repaced.clear();
}

const plant::outcome& plant::change(instant now) {
    now_ = now;
    begin_outcome();
    if (heat_) shut_down_nodes();
    for (; !closings_.empty() && closings_.front().at == now; closings_.pop_front())
        set_failed(now, closings_.front().device, false);
    for (; next_scheduled_ != schedule_.size() && schedule_[next_scheduled_].at == now; ++next_scheduled_) {
        const scheduled& s = schedule_[next_scheduled_];
        const feed_event& e = events_[s.event];
        if (is_of_coolant(e)) {
            heat_->disturb(now, *tree_.units_of(e.device),
                           e.what == feed_event::kind::flow_loss ? heat_fault::dry : heat_fault::warm, s.begins);
            continue;
        }
        const device_id d = event_device_[s.event];
        switch (e.what) {
            case feed_event::kind::limit: limit_feed(s, e.limit_w); break;
            case feed_event::kind::cut: limit_feed(s, watts_of(tree_.devices().output(d)) * (1 - e.share)); break;
            default: set_failed(now, d, s.begins);
        }
    }
    follow_generators();
    while (true) {
        const auto tripping = tree_.devices().next_trip();
        const auto store = tree_.devices().next_store();
        if (tripping.at <= now)
            trip(tripping.device);
        else if (store.at <= now)
            pass_store(store.device);
        else
            break;
        follow_generators();
    }
    for (; !boots_.empty() && boots_.front().at == now; boots_.pop_front()) {
        unit_state& u = units_[boots_.front().unit];
        if (!u.booting || u.losses != boots_.front().losses) continue;
        u.booting = false;
        const powered_unit& at = tree_.units()[boots_.front().unit];
        for (std::uint32_t n = at.first_node; n != at.first_node + at.nodes; ++n) {
            if (!heat_ || !heat_->is_lost(boots_.front().unit, n)) outcome_.back.push_back(node_id{n});
        }
    }
    if (heat_) {
        heat_->take_boots(now, [this](std::uint32_t unit, std::size_t node) {
            if (units_[unit].live && !units_[unit].booting)
                outcome_.back.push_back(node_id{static_cast<std::uint32_t>(node)});
        });
    }
    std::sort(outcome_.lost.begin(), outcome_.lost.end());
    std::sort(outcome_.back.begin(), outcome_.back.end());
    return outcome_;
}

/// An event leaves its feed so much, or no longer. Of several of one feed the lowest limit holds.
void plant::limit_feed(const scheduled& s, double w) {
    if (s.begins)
        limiting_.push_back({s.event, w});
    else
        std::erase_if(limiting_, [&s](const limiting_event& l) { return l.event == s.event; });
    const device_id d = event_device_[s.event];
    double& limit = event_limit_w_[index(d)];
    limit = no_limit_w;
    for (const limiting_event& l : limiting_) {
        if (event_device_[l.event] == d) limit = std::min(limit, l.w);
    }
    mark_dirty(now_);
}

/// A device fails for one more reason, or one less. `touched_`: units whose power goes.
void plant::set_failed(instant now, device_id d, bool failed) {
    touched_.clear();
    std::uint16_t& causes = causes_[index(d)];
    causes = static_cast<std::uint16_t>(failed ? causes + 1 : causes - 1);
    if (causes != (failed ? 1 : 0)) return;
    tree_.devices().set_failed(now, d, failed, [this](device_id changed, bool live) { take_change(changed, live); });
    mark_dirty(now);
}

/// A device has lost its power, or has it back.
void plant::take_change(device_id changed, bool live) {
    const power_tree::place& p = tree_.place_of(changed);
    if (p.at != power_tree::level::unit) return;
    unit_state& u = units_[p.number];
    read_meter(u);
    u.live = live;
    if (!u.absent) live ? --dark_ : ++dark_;
    it_[tree_.site_of(p.number)] += live ? u.input : -u.input;
    if (floors_) {
        const microwatts added = floors_->units[p.number];
        floors_->sites[tree_.site_of(p.number)] += live ? added : -added;
    }
    const powered_unit& at = tree_.units()[p.number];
    if (heat_ && heat_->keeps(p.number)) {
        heat_->put_power(now_, p.number, live ? watts_of(u.input) : 0);
        for (std::uint32_t n = at.first_node; n != at.first_node + at.nodes; ++n)
            heat_->put_draw(now_, p.number, n, hottest_gpu_w(n, p.number));
    }
    if (live) {
        boots_.push_back({.at = add_saturating(now_, boot_), .unit = p.number, .losses = u.losses});
        u.booting = true;
        return;
    }
    touched_.push_back(p.number);
    ++u.losses;
    // Nodes that have not booted are still lost.
    if (std::exchange(u.booting, false)) return;
    for (std::uint32_t n = at.first_node; n != at.first_node + at.nodes; ++n) {
        if (!heat_ || !heat_->is_lost(p.number, n)) outcome_.lost.push_back(node_id{n});
    }
}

void plant::trip(device_id d) {
    const microwatts carried = tree_.devices().output(d);
    const microwatts rating = carried + tree_.devices().headroom(d);
    set_failed(now_, d, true);
    trips_.push_back({.at = now_,
                      .device = d,
                      .load = static_cast<double>(carried) / static_cast<double>(rating),
                      .units = static_cast<std::uint32_t>(touched_.size())});
    if (reclose_) closings_.push_back({.at = add_saturating(now_, *reclose_), .device = d});
}

void plant::pass_store(device_id d) {
    touched_.clear();
    tree_.devices().pass_store(now_, d, [this](device_id changed, bool live) { take_change(changed, live); });
    mark_dirty(now_);
}

/// They run while what they stand beside is dead.
void plant::follow_generators() {
    if (generators_.empty()) return;
    next_start_ = never;
    running_ = 0;
    for (std::size_t i = 0; i != generators_.size(); ++i) {
        generator_state& g = generators_[i];
        const power_tree::generator& of = tree_.generators()[i];
        if (tree_.devices().is_live(of.normal)) {
            if (std::exchange(g.runs, false)) set_failed(now_, of.device, true);
            g.starts = never;
            continue;
        }
        if (!g.runs && g.starts == never)
            g.starts = add_saturating(now_, tree_.sites()[of.site].plan.generators->start);
        if (!g.runs && g.starts <= now_) {
            g.runs = true;
            g.starts = never;
            set_failed(now_, of.device, false);
        }
        next_start_ = std::min(next_start_, g.starts);
        running_ += tree_.devices().is_live(of.device) ? 1U : 0U;
    }
}

// --- heat ----------------------------------------------------------------------------------------------------

void plant::follow_heat(const std::vector<std::optional<coolant_plan>>& coolant) {
    std::vector<bool> disturbed(units_.size(), false);
    for (const feed_event& e : events_) {
        if (!is_of_coolant(e)) continue;
        const auto units = tree_.units_of(e.device);
        AMPACITY_ASSERT(units.has_value());
        for (std::uint32_t u = units->first; u != units->last; ++u) disturbed[u] = true;
    }
    heat_ = std::make_unique<heat>(tree_, coolant, disturbed, boot_, floors());
}

/// Nodes that are too hot switch themselves off.
void plant::shut_down_nodes() {
    bool any = false;
    heat_->take_shutdowns(now_, [&](std::uint32_t unit, std::size_t node, bool was_lost) {
        any = true;
        if (!was_lost && units_[unit].live && !units_[unit].booting)
            outcome_.lost.push_back(node_id{static_cast<std::uint32_t>(node)});
        refresh_node(node, unit);
        refresh_unit(unit);
    });
    if (!any) return;
    tree_.devices().settle(now_);
    mark_dirty(now_);
}

bool plant::limit_by_heat() {
    const std::span<const std::size_t> nodes = heat_->control(now_);
    for (std::size_t i = 0; i != nodes.size(); ++i) {
        const std::uint32_t unit = tree_.unit_of(nodes[i]);
        refresh_node(nodes[i], unit);
        outcome_.repaced.push_back(node_id{static_cast<std::uint32_t>(nodes[i])});
        if (i + 1 == nodes.size() || tree_.unit_of(nodes[i + 1]) != unit) refresh_unit(unit);
    }
    return !nodes.empty();
}

std::optional<double> plant::temperature_c(node_id n, instant now) const {
    const std::uint32_t unit = tree_.unit_of(index(n));
    if (!heat_ || !heat_->keeps(unit)) return std::nullopt;
    return heat_->temperature_c(unit, index(n), now);
}

std::optional<gpu_temperatures> plant::temperatures(instant now) const {
    if (!heat_) return std::nullopt;
    double sum = 0, most = -std::numeric_limits<double>::infinity();
    std::size_t count = 0;
    for (std::uint32_t u = 0; u != units_.size(); ++u) {
        if (!heat_->knows(u) || units_[u].absent) continue;
        const powered_unit& at = tree_.units()[u];
        for (std::uint32_t n = at.first_node; n != at.first_node + at.nodes; ++n) {
            const double c =
                heat_->keeps(u) ? heat_->temperature_c(u, n, now) : heat_->settled_c(u, hottest_gpu_w(n, u));
            sum += c;
            most = std::max(most, c);
        }
        count += at.nodes;
    }
    if (count == 0) return std::nullopt;
    return gpu_temperatures{.mean_c = sum / static_cast<double>(count), .max_c = most};
}

std::optional<double> plant::coolant_c(std::uint32_t unit) const {
    if (!heat_ || !heat_->keeps(unit)) return std::nullopt;
    return heat_->coolant_c(unit);
}

std::optional<heat_counts> plant::heat_events() const { return heat_ ? std::optional{heat_->counts()} : std::nullopt; }

// --- controllers ---------------------------------------------------------------------------------------------

void plant::mark_dirty(instant now) {
    for (std::size_t i = 0; i != states_.size(); ++i) {
        control_state& s = states_[i];
        if (s.dirty) continue;
        s.dirty = true;
        // The first multiple of the period that sees the change, behind the last one that was looked at.
        const duration period = controls_[i].period;
        const auto behind = (now - start_of_time) % period;
        instant tick = behind == duration::zero() ? now : add_saturating(now, period - behind);
        if (tick == now && in_pass_) tick = add_saturating(now, period);
        s.tick = std::max(tick, s.tick);
    }
}

instant plant::next_control() const {
    instant next = never;
    for (const control_state& s : states_) {
        if (s.dirty) next = std::min(next, s.tick);
        if (!s.pending.empty()) next = std::min(next, s.pending.front().at);
    }
    if (heat_) next = std::min(next, heat_->next_control());
    return next;
}

const plant::outcome& plant::control(instant now) {
    now_ = now;
    begin_outcome();
    bool any = heat_ && heat_->next_control() == now && limit_by_heat();
    for (control_state& s : states_) {
        for (; !s.pending.empty() && s.pending.front().at == now; s.pending.pop_front()) {
            apply(s.pending.front());
            any = true;
        }
    }
    tree_.devices().settle(now);
    if (any) mark_dirty(now);
    for (std::uint32_t i = 0; i != states_.size(); ++i) {
        control_state& s = states_[i];
        if (!s.dirty || s.tick != now) continue;
        s.dirty = false;
        s.tick = add_saturating(now, controls_[i].period);
        look(now, i);
    }
    // Several controls may have changed the limits of a node.
    std::sort(outcome_.repaced.begin(), outcome_.repaced.end());
    outcome_.repaced.erase(std::unique(outcome_.repaced.begin(), outcome_.repaced.end()), outcome_.repaced.end());
    return outcome_;
}

void plant::look(instant now, std::uint32_t number) {
    controller& c = controls_[number];
    control_state& s = states_[number];
    const delivery& d = tree_.devices();
    for (std::uint32_t i = s.first_feed; i != s.last_feed; ++i) {
        feed& f = feeds_[i];
        if (f.pending) continue;
        const microwatts carried = d.output(f.device);
        const microwatts rest = headroom(f.device);
        class_limits next{no_limit, no_limit};
        if (rest != std::numeric_limits<microwatts>::max()) {  // it has a limit, of its own or by an event
            capped_feed seen{.number = i - s.first_feed,
                             .load_w = watts_of(carried),
                             .limit_w = watts_of(carried + rest),
                             .now = f.limits};
            if (c.policy->leaves(seen)) continue;
            list_gpus(f);
            seen.gpus = gpu_loads_;
            next = c.policy->decide(seen);
        }
        AMPACITY_ASSERT(next[0] != 0 && next[0] <= no_limit && next[1] != 0 && next[1] <= no_limit);
        if (next == f.limits) continue;
        f.pending = true;
        s.pending.push_back({.at = add_saturating(now, c.latency), .feed = i, .limits = next});
    }
    if (c.latency == duration::zero() && !s.pending.empty()) {
        for (; !s.pending.empty(); s.pending.pop_front()) apply(s.pending.front());
        tree_.devices().settle(now);
        mark_dirty(now);
    }
}

/// GPUs behind a feed, those of a row that hangs on several with the share that this one carries.
void plant::list_gpus(const feed& f) {
    gpu_loads_.clear();
    const auto add = [this](std::uint32_t model, std::size_t c, double draw_w, double gpus, class_limits limits) {
        const gpu_model& g = gpus_[model];
        gpu_load l{.of = static_cast<priority_class>(c),
                   .gpus = gpus,
                   .draw_w = draw_w,
                   .limit_w = g.limit_w,
                   .lowest_w = g.lowest_w};
        l.now_w = l.under_w(limits[c]);
        gpu_loads_.push_back(l);
    };
    using class_counts = std::array<std::array<std::uint32_t, num_phases>, num_classes>;
    // `floored(c, kind)`: GPUs of `held` that have this floor.
    const auto add_all = [&](std::uint32_t model, class_counts held, double share, class_limits limits, auto floored) {
        for (std::size_t c = 0; c != num_classes; ++c) {
            const std::size_t kinds = floors_ ? floors_->kinds.size() : 0;
            for (std::size_t k = 0; k != kinds; ++k) {
                const std::uint32_t n = floored(c, k);
                if (n == 0) continue;
                held[c][static_cast<std::size_t>(floors_->kinds[k].what)] -= n;
                add(model, c, floors_->bound_w[model * kinds + k], n * share, limits);
            }
            for (std::size_t i = 0; i != num_phases; ++i) {
                if (const std::uint32_t n = held[c][i]; n != 0)
                    add(model, c, gpus_[model].bound_w[i], n * share, limits);
            }
        }
    };
    const power_tree::place& p = tree_.place_of(f.device);
    const auto add_row = [&](std::uint32_t row, double share) {
        add_all(tree_.rows()[row].model, rows_[row].held, share, rows_[row].limits,
                [&](std::size_t c, std::size_t k) { return floors_->of_row[floors_->row_of(row, c) + k]; });
    };
    switch (p.at) {
        case power_tree::level::site:
            for (const auto row : tree_.sites()[p.number].rows) add_row(row, 1);
            break;
        case power_tree::level::source: {
            const power_tree::hall& hall = tree_.halls()[p.number];
            for (const auto row : hall.on[p.source]) {
                const auto& sources = tree_.rows()[row].sources;
                const auto lives = [&](std::uint32_t k) { return tree_.devices().is_live(hall.sources[k]); };
                if (!lives(p.source)) continue;
                if (tree_.sites()[hall.site].plan.topology.idle_reserve) {
                    if (*std::find_if(sources.begin(), sources.end(), lives) == p.source) add_row(row, 1);
                } else {
                    add_row(row, 1 / static_cast<double>(std::count_if(sources.begin(), sources.end(), lives)));
                }
            }
            break;
        }
        case power_tree::level::row: add_row(p.number, 1); break;
        case power_tree::level::unit: {
            const powered_unit& at = tree_.units()[p.number];
            const gpu_counts sum = held_by(p.number);
            add_all(at.model, sum, 1, units_[p.number].limits, [&](std::size_t c, std::size_t k) {
                std::uint32_t n = 0;
                for (std::uint32_t i = at.first_node; i != at.first_node + at.nodes; ++i)
                    n += floors_->held[floors_->row_of(i, c) + k];
                return n;
            });
            break;
        }
    }
}

plant::gpu_counts plant::held_by(std::uint32_t unit) const {
    const powered_unit& at = tree_.units()[unit];
    gpu_counts sum{};
    for (std::uint32_t n = at.first_node; n != at.first_node + at.nodes; ++n) {
        for (std::size_t c = 0; c != num_classes; ++c) {
            for (std::size_t i = 0; i != num_phases; ++i) sum[c][i] += held_[n][c][i];
        }
    }
    return sum;
}

void plant::apply(const pending_limits& p) {
    feed& f = feeds_[p.feed];
    f.limits = p.limits;
    f.pending = false;
    const power_tree::place& at = tree_.place_of(f.device);
    if (at.at == power_tree::level::unit) return limit_unit(at.number, limits_above(at.number));
    switch (at.at) {
        case power_tree::level::site:
            for (const auto row : tree_.sites()[at.number].rows) limit_row(row);
            break;
        case power_tree::level::source:
            for (const auto row : tree_.halls()[at.number].on[at.source]) limit_row(row);
            break;
        default: limit_row(at.number);
    }
}

/// The lowest of its feeds, of controllers and of the scheduler.
void plant::limit_row(std::uint32_t row) {
    const power_tree::row& r = tree_.rows()[row];
    class_limits lowest{no_limit, no_limit};
    for (const std::uint32_t i : rows_[row].feeds) lowest = lower_of(lowest, feeds_[i].limits);
    if (caps_) {
        lowest = lower_of(lowest, lower_of(caps_->rows[row], caps_->sites[tree_.halls()[r.hall].site]));
        for (const std::uint32_t k : r.sources) lowest = lower_of(lowest, caps_->sources[r.hall][k]);
    }
    if (lowest == rows_[row].limits) return;
    rows_[row].limits = lowest;
    for (std::uint32_t u = r.units.first; u != r.units.last; ++u) limit_unit(u, limits_above(u));
}

class_limits plant::limits_above(std::uint32_t unit) const {
    class_limits lowest = rows_[tree_.row_of(unit)].limits;
    if (!feed_of_unit_.empty()) lowest = lower_of(lowest, feeds_[feed_of_unit_[unit]].limits);
    return caps_ ? lower_of(lowest, caps_->units[unit]) : lowest;
}

// --- limits by the scheduler ---------------------------------------------------------------------------------

void plant::begin_caps(instant now) {
    now_ = now;
    begin_outcome();
    if (caps_) return;
    constexpr class_limits none{no_limit, no_limit};
    caps_ = std::make_unique<caps>();
    caps_->sites.assign(tree_.sites().size(), none);
    caps_->rows.assign(rows_.size(), none);
    caps_->units.assign(units_.size(), none);
    for (const auto& hall : tree_.halls()) caps_->sources.emplace_back(hall.sources.size(), none);
}

const plant::outcome& plant::end_caps() {
    if (outcome_.repaced.empty()) return outcome_;
    std::sort(outcome_.repaced.begin(), outcome_.repaced.end());
    tree_.devices().settle(now_);
    mark_dirty(now_);
    return outcome_;
}

const plant::outcome& plant::cap(instant now, device_id d, class_limits limits) {
    begin_caps(now);
    const power_tree::place& p = tree_.place_of(d);
    switch (p.at) {
        case power_tree::level::site:
            caps_->sites[p.number] = limits;
            for (const auto row : tree_.sites()[p.number].rows) limit_row(row);
            break;
        case power_tree::level::source:
            caps_->sources[p.number][p.source] = limits;
            for (const auto row : tree_.halls()[p.number].on[p.source]) limit_row(row);
            break;
        case power_tree::level::row:
            caps_->rows[p.number] = limits;
            limit_row(p.number);
            break;
        case power_tree::level::unit:
            caps_->units[p.number] = limits;
            limit_unit(p.number, limits_above(p.number));
            break;
    }
    return end_caps();
}

const plant::outcome& plant::cap_units(instant now, std::uint32_t first, std::uint32_t last, class_limits limits) {
    begin_caps(now);
    for (std::uint32_t u = first; u != last; ++u) {
        caps_->units[u] = limits;
        limit_unit(u, limits_above(u));
    }
    return end_caps();
}

class_limits plant::cap_of(device_id d) const noexcept {
    if (!caps_) return {no_limit, no_limit};
    const power_tree::place& p = tree_.place_of(d);
    switch (p.at) {
        case power_tree::level::site: return caps_->sites[p.number];
        case power_tree::level::source: return caps_->sources[p.number][p.source];
        case power_tree::level::row: return caps_->rows[p.number];
        case power_tree::level::unit: break;
    }
    return caps_->units[p.number];
}

plant::draw_change plant::if_row_capped(power_tree::row_number row, class_limits from, class_limits to) const {
    const power_tree::row& r = tree_.rows()[row];
    return change_of(r.model, rows_[row].held, r.units, from, to);
}

plant::draw_change plant::if_unit_capped(std::uint32_t unit, class_limits from, class_limits to) const {
    return change_of(tree_.units()[unit].model, held_by(unit), {unit, unit + 1}, from, to);
}

/// Other limits only make both changes smaller: for what is saved the lowest of the units holds of all. Where modules
/// bind, only what lies below their limit is saved.
plant::draw_change plant::change_of(std::uint32_t model, const gpu_counts& held, power_tree::range units,
                                    class_limits from, class_limits to) const {
    draw_change out;
    const gpu_model& g = gpus_[model];
    const auto most = [&](permille limit) {
        return limit == no_limit ? std::numeric_limits<microwatts>::max()
                                 : microwatts_of(limited_w(tree_.models()[model].node.gpu.power, limit));
    };
    for (std::size_t c = 0; c != num_classes; ++c) {
        if (to[c] == from[c]) continue;
        permille now = no_limit;
        for (std::uint32_t u = units.first; u != units.last && to[c] < from[c]; ++u) {
            now = std::min(now, units_[u].limits[c]);
            if (!heat_ || !heat_->keeps(u)) continue;
            const powered_unit& at = tree_.units()[u];
            for (std::uint32_t n = at.first_node; n != at.first_node + at.nodes; ++n)
                now = std::min(now, heat_->limit_of(u, n));
        }
        const microwatts before = most(from[c]), after = most(to[c]), held_now = most(now);
        for (std::size_t i = 0; i != num_phases; ++i) {
            const auto n = static_cast<microwatts>(held[c][i]);
            if (n == 0) continue;
            if (to[c] > from[c]) {
                out.more += n * (std::min(after, g.draw[i]) - std::min(before, g.draw[i]));
            } else {
                const microwatts drawn = std::min({held_now, g.draw[i], microwatts_of(g.bound_w[i])});
                out.less += n * std::max<microwatts>(0, drawn - after);
            }
        }
    }
    return out;
}

void plant::limit_unit(std::uint32_t unit, class_limits limits) {
    unit_state& u = units_[unit];
    if (u.limits == limits) return;
    if (u.limits == unlimited) ++limited_;
    if (limits == unlimited) --limited_;
    u.limits = limits;
    ++limit_changes_;
    const powered_unit& at = tree_.units()[unit];
    for (std::uint32_t n = at.first_node; n != at.first_node + at.nodes; ++n) {
        refresh_node(n, unit);
        outcome_.repaced.push_back(node_id{n});
    }
    refresh_unit(unit);
}

}  // namespace ampacity::power
