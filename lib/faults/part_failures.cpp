#include <ampacity/core/error.hpp>
#include <ampacity/core/fnv.hpp>
#include <ampacity/faults/part_failures.hpp>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

namespace ampacity::faults {
namespace {

/// For heaps with the earliest in front; ties by number.
constexpr auto fails_later = [](const auto& a, const auto& b) {
    return std::tuple(a.at, a.part) > std::tuple(b.at, b.part);
};
constexpr auto goes_on_longer = [](const auto& a, const auto& b) {
    return std::tuple(a.at, a.number) > std::tuple(b.at, b.number);
};

std::uint64_t entity_of(std::uint64_t cause, std::uint32_t part) noexcept {
    for (std::uint64_t left = std::uint64_t{part} + 1; left != 0; left >>= 8U) cause = fnv_1a(left & 0xFFU, cause);
    return cause;
}

bool in_service(fleet::node_state s) noexcept {
    return s != fleet::node_state::down && s != fleet::node_state::uncommissioned;
}
bool any_in_service(const part_change& at, std::span<const fleet::node_state> states) {
    return std::any_of(states.begin() + at.first_node, states.begin() + at.last_node, in_service);
}

std::optional<duration> draw_if(const std::optional<duration_law>& law, random_stream& stream) {
    return law ? std::optional{draw(*law, stream)} : std::nullopt;
}
/// Until a failure is noticed, or its part is swapped.
const std::optional<duration_law>& delay_of(const failure_process& p) { return p.speed ? p.swap_after : p.detection; }

duration times(duration d, double by) { return by == 1 ? d : round_to_duration(to_seconds(d) * by); }

}  // namespace

fleet_layout fleet_layout::of(const fleet::free_index& nodes) {
    fleet_layout out;
    out.first_gpu.push_back(0);
    for (std::uint32_t n = 0; n != nodes.num_nodes(); ++n)
        out.first_gpu.push_back(out.first_gpu.back() + nodes.gpus_of(node_id{n}));
    out.racks = fleet::rack_ranges(nodes);
    return out;
}

part_failures::part_failures(failure_plan plan, fleet_layout where, std::span<const fleet::node_state> states)
    : plan_(std::move(plan)), where_(std::move(where)) {
    AMPACITY_ASSERT(states.size() == where_.num_nodes());
    came_.assign(states.size(), start_of_time);
    for (std::size_t n = 0; n != states.size(); ++n) {
        if (states[n] == fleet::node_state::uncommissioned) came_[n] = never;
    }
    if (plan_.changes_runs()) effects_on_.assign(states.size(), 0);
    draw_lemons();
    for (std::uint32_t i = 0; i != plan_.processes.size(); ++i) begin_process(i);
    AMPACITY_ASSERT(std::is_sorted(plan_.log.begin(), plan_.log.end(),
                                   [](const logged_failure& a, const logged_failure& b) { return a.at < b.at; }));
    find_next();
}

/// Each by a stream of its own: with a larger share there are others besides, and all that there were.
void part_failures::draw_lemons() {
    if (!plan_.lemons || plan_.lemons->factor == 1) return;
    AMPACITY_ASSERT(plan_.lemons->factor > 1);
    std::vector<bool> all(where_.num_nodes(), false);
    bool any = false;
    for (std::size_t n = 0; n != all.size(); ++n) {
        random_stream stream{plan_.seed, purpose::lemons, n};
        all[n] = stream.uniform01() < plan_.lemons->share;
        any = any || all[n];
    }
    if (any) lemons_ = std::move(all);
}

void part_failures::begin_process(std::uint32_t process) {
    const failure_process& p = plan_.processes[process];
    const std::uint64_t entity = fnv_1a(p.cause);
    process_state& s =
        states_.emplace_back(process_state{.law = {},
                                           .failures = random_stream{plan_.seed, purpose::failures, entity},
                                           .repairs = random_stream{plan_.seed, purpose::repairs, entity},
                                           .delays = random_stream{plan_.seed, purpose::delays, entity}});
    AMPACITY_ASSERT(p.each >= 1 && (p.each == 1 || p.part == part_kind::switch_tray || p.part == part_kind::nic));
    AMPACITY_ASSERT(!p.speed || (*p.speed > 0 && *p.speed < 1 && p.repair && !p.detection));
    if (std::isinf(p.mean_s)) return;
    s.parts = parts_of(p.part) * p.each;
    AMPACITY_ASSERT(s.parts >= 1 && p.mean_s > 0);
    if (p.shape == 1) {
        const double mean_s = p.mean_s / static_cast<double>(s.parts);
        s.law = law_of_mean(mean_s, 1);
        draw_next(s, start_of_time);
        const double early = plan_.infant ? plan_.infant->multiplier : 1;
        const double lemon = plan_.lemons && !is_of_rack(p.part) ? plan_.lemons->factor : 1;
        if (early == 1 && (lemon == 1 || lemons_.empty())) return;
        s.beyond.emplace(excess{.law = {mean_s / (lemon * early - 1)},
                                .failures = random_stream{plan_.seed, purpose::excess_failures, entity},
                                .repairs = random_stream{plan_.seed, purpose::excess_repairs, entity},
                                .delays = random_stream{plan_.seed, purpose::excess_delays, entity},
                                .most = lemon * early});
        draw_beyond(process, start_of_time);
        return;
    }
    s.law = law_of_mean(p.mean_s, p.shape);
    AMPACITY_ASSERT(s.parts <= ~std::uint32_t{0});
    s.draws.assign(s.parts, 0);
    for (std::uint32_t part = 0; part != s.parts; ++part) {
        if (came_[place(process, p.part, part).first_node] != never) start_clock(process, start_of_time, part);
    }
}

std::uint64_t part_failures::parts_of(part_kind kind) const noexcept {
    switch (kind) {
        case part_kind::gpu: return where_.first_gpu.back();
        case part_kind::node:
        case part_kind::nic: return where_.num_nodes();
        case part_kind::rack:
        case part_kind::switch_tray: break;
    }
    return where_.racks.size();
}

/// Where a part stands.
part_change part_failures::place(std::uint32_t process, part_kind kind, std::uint64_t part) const {
    part_change out{.process = process};
    if (kind == part_kind::nic || kind == part_kind::switch_tray) part /= plan_.processes[process].each;
    switch (kind) {
        case part_kind::gpu: {
            const auto& first = where_.first_gpu;
            const auto after = std::upper_bound(first.begin(), first.end(), part);
            out.first_node = static_cast<std::uint32_t>(after - first.begin() - 1);
            out.last_node = out.first_node + 1;
            out.gpus = std::uint64_t{1} << (part - first[out.first_node]);
            break;
        }
        case part_kind::node:
        case part_kind::nic:
            out.first_node = static_cast<std::uint32_t>(part);
            out.last_node = out.first_node + 1;
            break;
        case part_kind::rack:
        case part_kind::switch_tray:
            out.first_node = where_.racks[part].first;
            out.last_node = where_.racks[part].last;
            break;
    }
    return out;
}

/// Of a part there, times the usual one, however old it is.
double part_failures::lemon_factor(const part_change& at, part_kind kind) const noexcept {
    return !is_of_rack(kind) && !lemons_.empty() && lemons_[at.first_node] ? plan_.lemons->factor : 1;
}
/// When a part there is no longer new.
instant part_failures::ripe_at(const part_change& at) const noexcept {
    if (!plan_.infant || came_[at.first_node] == never) return start_of_time;
    return add_saturating(came_[at.first_node], plan_.infant->horizon);
}

/// When a part that has so long to live at the usual hazard, from `now` on, fails.
instant part_failures::end_of_life(const part_change& at, part_kind kind, instant now, duration life) const {
    const double factor = lemon_factor(at, kind);
    const instant ripe = ripe_at(at);
    if (now < ripe) {
        const double early = factor * plan_.infant->multiplier;
        const duration lived = times(ripe - now, early);
        if (life <= lived) return add_saturating(now, std::max(duration{1}, times(life, 1 / early)));
        now = ripe;
        life -= lived;
    }
    return add_saturating(now, std::max(duration{1}, times(life, 1 / factor)));
}

/// Its next failure, from now on.
void part_failures::start_clock(std::uint32_t process, instant now, std::uint32_t part) {
    process_state& of = states_[process];
    const part_kind kind = plan_.processes[process].part;
    random_stream stream{plan_.seed, purpose::failures, entity_of(of.failures.name().entity, part)};
    stream.seek(of.draws[part]++);
    of.clocks.push_back({end_of_life(place(process, kind, part), kind, now, draw(of.law, stream)), part});
    std::push_heap(of.clocks.begin(), of.clocks.end(), fails_later);
    of.at = of.clocks.front().at;
}

/// Of an exponential cause: failure k takes draws 2 k, when, and 2 k + 1, which part.
void part_failures::draw_next(process_state& of, instant now) {
    of.failures.seek(2 * of.drawn);
    of.at = add_saturating(now, draw(of.law, of.failures));
}

/// Candidate k takes draws 3 k, when, 3 k + 1, which part, and 3 k + 2, its mark. Those that cannot happen however new
/// their part is are passed over.
void part_failures::draw_beyond(std::uint32_t process, instant now) {
    excess& of = *states_[process].beyond;
    const part_kind kind = plan_.processes[process].part;
    const double early = plan_.infant ? plan_.infant->multiplier : 1;
    of.at = now;
    while (true) {
        of.failures.seek(3 * of.drawn++);
        of.at = add_saturating(of.at, faults::draw(of.law, of.failures));
        of.part = of.failures.below(states_[process].parts);
        of.failures.seek(3 * of.drawn - 1);
        of.mark = (of.most - 1) * of.failures.uniform01();
        const double most = early * lemon_factor(place(process, kind, of.part), kind);
        if (of.mark < most - 1 || of.at == never) return;
    }
}

instant part_failures::next() const noexcept {
    return going_on_.empty() ? fails_at_ : std::min(fails_at_, going_on_.front().at);
}

void part_failures::find_next() noexcept {
    fails_at_ = never;
    const auto consider = [this](instant at, std::uint32_t process, origin from) {
        if (at >= fails_at_) return;
        fails_at_ = at;
        first_ = process;
        first_from_ = from;
    };
    for (std::uint32_t i = 0; i != states_.size(); ++i) {
        consider(states_[i].at, i, origin::usual);
        if (states_[i].beyond) consider(states_[i].beyond->at, i, origin::beyond);
    }
    if (next_logged_ != plan_.log.size()) consider(plan_.log[next_logged_].at, 0, origin::log);
}

std::optional<part_change> part_failures::advance(std::span<const fleet::node_state> states) {
    AMPACITY_ASSERT(next() != never);
    if (!going_on_.empty() && going_on_.front().at <= fails_at_) return end_stage();
    switch (first_from_) {
        case origin::usual: break;
        case origin::beyond: return fail_beyond(first_, states);
        case origin::log: return replay();
    }
    return fail(first_, states);
}

std::optional<part_change> part_failures::fail(std::uint32_t process, std::span<const fleet::node_state> states) {
    process_state& s = states_[process];
    const failure_process& p = plan_.processes[process];
    const instant now = s.at;
    std::uint64_t part = 0;
    if (s.draws.empty()) {
        part = s.failures.below(s.parts);
        ++s.drawn;
        draw_next(s, now);
    } else {
        part = s.clocks.front().part;
        std::pop_heap(s.clocks.begin(), s.clocks.end(), fails_later);
        s.clocks.pop_back();
        s.at = s.clocks.empty() ? never : s.clocks.front().at;
    }
    const part_change at = place(process, p.part, part);
    const bool happens = may_fail(at, part, states);
    const bool goes_on = happens && (p.repair || p.detection);
    if (!s.draws.empty() && !goes_on) start_clock(process, now, static_cast<std::uint32_t>(part));
    find_next();
    if (!happens) return std::nullopt;
    return happen(
        at, part, now,
        {.delay = draw_if(delay_of(p), s.delays).value_or(duration{}), .takes = draw_if(p.repair, s.repairs)});
}

std::optional<part_change> part_failures::fail_beyond(std::uint32_t process,
                                                      std::span<const fleet::node_state> states) {
    excess& x = *states_[process].beyond;
    const failure_process& p = plan_.processes[process];
    const instant now = x.at;
    const part_change at = place(process, p.part, x.part);
    const double early = now < ripe_at(at) ? plan_.infant->multiplier : 1;
    const std::uint64_t part = x.part;
    const bool happens = x.mark < early * lemon_factor(at, p.part) - 1 && may_fail(at, part, states);
    course takes;
    if (happens) {
        x.repairs.seek(x.drawn - 1);
        x.delays.seek(x.drawn - 1);
        takes = {.delay = draw_if(delay_of(p), x.delays).value_or(duration{}), .takes = draw_if(p.repair, x.repairs)};
    }
    draw_beyond(process, now);
    find_next();
    if (!happens) return std::nullopt;
    return happen(at, part, now, takes);
}

std::optional<part_change> part_failures::replay() {
    const logged_failure& l = plan_.log[next_logged_++];
    find_next();
    const part_change at = place(l.process, l.part, l.index);
    if (came_[at.first_node] == never) return std::nullopt;
    return happen(at, l.index, l.at, {.takes = l.repair, .logged = true});
}

/// A part that has failed already, which shows not by its nodes being down, does not fail.
bool part_failures::may_fail(const part_change& at, std::uint64_t part,
                             std::span<const fleet::node_state> states) const {
    if (!any_in_service(at, states)) return false;
    const failure_process& p = plan_.processes[at.process];
    if (!p.speed && !p.detection) return true;
    const auto is_this = [&](const episode& e) {
        return e.where.process == at.process && e.part == part && !e.takes.logged;
    };
    return std::none_of(going_on_.begin(), going_on_.end(), is_this) &&
           std::none_of(waiting_.begin(), waiting_.end(), is_this);
}

part_change part_failures::happen(const part_change& at, std::uint64_t part, instant now, course takes) {
    const failure_process& p = plan_.processes[at.process];
    ++states_[at.process].tally.failures;
    const episode of{.number = failures_++, .since = now, .failed_at = now, .takes = takes, .part = part, .where = at};
    if (!p.detection || takes.logged) return show(of, now);
    episode unnoticed = of;
    unnoticed.now = stage::unnoticed;
    unnoticed.at = add_saturating(now, takes.delay);
    go_on(unnoticed);
    add_effect(of, p.silent ? effect_kind::corrupts : effect_kind::hangs);
    part_change out = at;
    out.what = p.silent ? part_change::kind::corrupts : part_change::kind::hangs;
    return out;
}

/// What follows as soon as it is noticed.
part_change part_failures::show(episode of, instant now) {
    const failure_process& p = plan_.processes[of.where.process];
    part_change out = of.where;
    out.since = of.failed_at;
    of.since = now;
    if (p.speed && !of.takes.logged) {
        out.what = part_change::kind::slows;
        add_effect(of, effect_kind::slow, *p.speed);
        of.now = p.swap_after ? stage::slow : stage::slow_in_repair;
        if (p.swap_after) {
            of.at = add_saturating(now, of.takes.delay);
            go_on(of);
            return out;
        }
    } else {
        out.what = of.takes.takes ? part_change::kind::fails : part_change::kind::stops;
        of.now = stage::in_repair;
    }
    if (of.takes.takes) begin_repair(of, now);
    return out;
}

void part_failures::go_on(const episode& with) {
    going_on_.push_back(with);
    std::push_heap(going_on_.begin(), going_on_.end(), goes_on_longer);
}

/// Nodes x time since its stage began.
int128 part_failures::node_time(const episode& of, instant now) noexcept {
    return int128{ticks(now - of.since)} * (of.where.last_node - of.where.first_node);
}

/// As soon as there is a crew, if it needs one.
void part_failures::begin_repair(episode of, instant now) {
    if (plan_.crews && !of.takes.logged) {
        if (busy_ == *plan_.crews) {
            waiting_.push_back(of);
            return;
        }
        ++busy_;
    }
    of.at = add_saturating(now, *of.takes.takes);
    go_on(of);
}

std::optional<part_change> part_failures::end_stage() {
    episode of = going_on_.front();
    std::pop_heap(going_on_.begin(), going_on_.end(), goes_on_longer);
    going_on_.pop_back();
    switch (of.now) {
        case stage::unnoticed: {
            end_effect(of);
            const part_change out = show(of, of.at);
            if (out.what == part_change::kind::stops) restart_clock(of);
            return out;
        }
        case stage::slow: {
            end_effect(of);
            states_[of.where.process].tally.slow_ns += node_time(of, of.at);
            part_change out = of.where;
            out.what = part_change::kind::fails;
            out.since = of.failed_at;
            of.since = of.at;
            of.now = stage::in_repair;
            begin_repair(of, of.at);
            return out;
        }
        case stage::in_repair:
        case stage::slow_in_repair: break;
    }
    return end_repair(of);
}

part_change part_failures::end_repair(const episode& of) {
    const bool was_slow = of.now == stage::slow_in_repair;
    cause_tally& tally = states_[of.where.process].tally;
    (was_slow ? tally.slow_ns : tally.node_ns) += node_time(of, of.at);
    if (was_slow) end_effect(of);
    restart_clock(of);
    if (plan_.crews && !of.takes.logged) --busy_;
    if (!waiting_.empty() && busy_ != *plan_.crews) {
        const episode waited = waiting_.front();
        waiting_.pop_front();
        begin_repair(waited, of.at);
    }
    part_change out = of.where;
    out.what = was_slow ? part_change::kind::recovers : part_change::kind::repaired;
    if (!was_slow) out.gpus = ~std::uint64_t{0};
    return out;
}

/// The part is as good as new.
void part_failures::restart_clock(const episode& of) {
    if (of.takes.logged || states_[of.where.process].draws.empty()) return;
    start_clock(of.where.process, of.at, static_cast<std::uint32_t>(of.part));
    find_next();
}

void part_failures::add_effect(const episode& of, effect_kind kind, double speed) {
    const effect what{of.number, of.where.first_node, of.where.last_node, of.where.gpus, kind, speed};
    const auto later = std::upper_bound(effects_.begin(), effects_.end(), of.number,
                                        [](std::uint64_t number, const effect& e) { return number < e.number; });
    effects_.insert(later, what);
    for (std::uint32_t n = what.first_node; n != what.last_node; ++n) ++effects_on_[n];
}
void part_failures::end_effect(const episode& of) {
    std::erase_if(effects_, [&of](const effect& e) { return e.number == of.number; });
    for (std::uint32_t n = of.where.first_node; n != of.where.last_node; ++n) --effects_on_[n];
}

double part_failures::slowest(std::uint32_t node, std::uint64_t gpus) const noexcept {
    double speed = 1;
    for (const effect& e : effects_) {
        if (e.is_on(node, gpus)) speed *= e.speed;
    }
    return std::max(speed, 0x1p-60);
}

bool part_failures::has(effect_kind kind, std::uint32_t node, std::uint64_t gpus) const noexcept {
    return std::any_of(effects_.begin(), effects_.end(),
                       [&](const effect& e) { return e.kind == kind && e.is_on(node, gpus); });
}

void part_failures::commission(instant now, std::span<const node_id> nodes) {
    for (const node_id n : nodes) came_[index(n)] = now;
    for (std::uint32_t i = 0; i != states_.size(); ++i) {
        if (states_[i].draws.empty()) continue;
        const failure_process& p = plan_.processes[i];
        // Racks come as a whole: the first node stands for its rack.
        const auto& racks = where_.racks;
        for (const node_id n : nodes) {
            std::uint64_t first = index(n), last = first + 1;
            if (p.part == part_kind::gpu) {
                last = where_.first_gpu[last];
                first = where_.first_gpu[first];
            } else if (is_of_rack(p.part)) {
                const auto at = std::lower_bound(racks.begin(), racks.end(), first,
                                                 [](const auto& r, std::uint64_t node) { return r.first < node; });
                if (at == racks.end() || at->first != first) continue;
                first = static_cast<std::uint64_t>(at - racks.begin());
                last = first + 1;
            }
            for (first *= p.each, last *= p.each; first != last; ++first)
                start_clock(i, now, static_cast<std::uint32_t>(first));
        }
    }
    find_next();
}

cause_tally part_failures::tally(std::size_t process, instant now) const {
    cause_tally out = states_[process].tally;
    const auto add = [&](const episode& e) {
        if (e.where.process != process || e.now == stage::unnoticed) return;
        (e.now == stage::in_repair ? out.node_ns : out.slow_ns) += node_time(e, now);
    };
    for (const episode& e : going_on_) add(e);
    for (const episode& e : waiting_) add(e);
    return out;
}

}  // namespace ampacity::faults
