#include <ampacity/core/error.hpp>
#include <ampacity/core/fnv.hpp>
#include <ampacity/faults/part_failures.hpp>

#include <algorithm>
#include <tuple>
#include <utility>

namespace ampacity::faults {
namespace {

/// For heaps with the earliest in front; ties by number.
constexpr auto fails_later = [](const auto& a, const auto& b) {
    return std::tuple(a.at, a.part) > std::tuple(b.at, b.part);
};
constexpr auto is_repaired_later = [](const auto& a, const auto& b) {
    return std::tuple(a.at, a.number) > std::tuple(b.at, b.number);
};

std::uint64_t entity_of(std::uint64_t cause, std::uint32_t part) noexcept {
    for (std::uint64_t left = std::uint64_t{part} + 1; left != 0; left >>= 8U) cause = fnv_1a(left & 0xFFU, cause);
    return cause;
}

bool in_service(fleet::node_state s) noexcept {
    return s != fleet::node_state::down && s != fleet::node_state::uncommissioned;
}

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
    for (std::uint32_t i = 0; i != plan_.processes.size(); ++i) {
        const failure_process& p = plan_.processes[i];
        const std::uint64_t parts = parts_of(p.part);
        AMPACITY_ASSERT(parts >= 1 && p.mean_s > 0);
        const std::uint64_t entity = fnv_1a(p.cause);
        process_state& s =
            states_.emplace_back(process_state{.law = {},
                                               .failures = random_stream{plan_.seed, purpose::failures, entity},
                                               .repairs = random_stream{plan_.seed, purpose::repairs, entity},
                                               .parts = parts});
        if (p.shape == 1) {
            s.law = law_of_mean(p.mean_s / static_cast<double>(parts), 1);
            draw_next(s, start_of_time);
            continue;
        }
        s.law = law_of_mean(p.mean_s, p.shape);
        AMPACITY_ASSERT(parts <= ~std::uint32_t{0});
        s.draws.assign(parts, 0);
        for (std::uint32_t part = 0; part != parts; ++part) {
            if (states[place(i, part).first_node] != fleet::node_state::uncommissioned)
                start_clock(s, start_of_time, part);
        }
    }
    find_next();
}

std::uint64_t part_failures::parts_of(part_kind kind) const noexcept {
    switch (kind) {
        case part_kind::gpu: return where_.first_gpu.back();
        case part_kind::node: return where_.num_nodes();
        case part_kind::rack: break;
    }
    return where_.racks.size();
}

/// Where a part stands.
part_change part_failures::place(std::uint32_t process, std::uint64_t part) const {
    part_change out{.process = process};
    switch (plan_.processes[process].part) {
        case part_kind::gpu: {
            const auto& first = where_.first_gpu;
            const auto after = std::upper_bound(first.begin(), first.end(), part);
            out.first_node = static_cast<std::uint32_t>(after - first.begin() - 1);
            out.last_node = out.first_node + 1;
            out.gpus = std::uint64_t{1} << (part - first[out.first_node]);
            break;
        }
        case part_kind::node:
            out.first_node = static_cast<std::uint32_t>(part);
            out.last_node = out.first_node + 1;
            break;
        case part_kind::rack:
            out.first_node = where_.racks[part].first;
            out.last_node = where_.racks[part].last;
            break;
    }
    return out;
}

/// Its next failure, from now on.
void part_failures::start_clock(process_state& of, instant now, std::uint32_t part) {
    random_stream stream{plan_.seed, purpose::failures, entity_of(of.failures.name().entity, part)};
    stream.seek(of.draws[part]++);
    of.clocks.push_back({add_saturating(now, draw(of.law, stream)), part});
    std::push_heap(of.clocks.begin(), of.clocks.end(), fails_later);
    of.at = of.clocks.front().at;
}

/// Of an exponential cause: failure k takes draws 2 k, when, and 2 k + 1, which part.
void part_failures::draw_next(process_state& of, instant now) {
    of.failures.seek(2 * of.drawn);
    of.at = add_saturating(now, draw(of.law, of.failures));
}

instant part_failures::next() const noexcept {
    return repairs_.empty() ? fails_at_ : std::min(fails_at_, repairs_.front().at);
}

void part_failures::find_next() noexcept {
    fails_at_ = never;
    for (std::uint32_t i = 0; i != states_.size(); ++i) {
        if (states_[i].at >= fails_at_) continue;
        fails_at_ = states_[i].at;
        first_ = i;
    }
}

std::optional<part_change> part_failures::advance(std::span<const fleet::node_state> states) {
    AMPACITY_ASSERT(next() != never);
    if (!repairs_.empty() && repairs_.front().at <= fails_at_) return end_repair();
    return fail(first_, states);
}

std::optional<part_change> part_failures::fail(std::uint32_t process, std::span<const fleet::node_state> states) {
    process_state& s = states_[process];
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
    part_change out = place(process, part);
    const auto* const first = states.data() + out.first_node;
    const bool happens = std::any_of(first, states.data() + out.last_node, in_service);
    const failure_process& p = plan_.processes[process];
    const bool is_repaired = happens && p.repair;
    if (!s.draws.empty() && !is_repaired) start_clock(s, now, static_cast<std::uint32_t>(part));
    find_next();
    if (!happens) return std::nullopt;
    ++s.tally.failures;
    out.what = p.repair ? part_change::kind::fails : part_change::kind::stops;
    if (is_repaired)
        begin_repair({.number = failures_++,
                      .failed_at = now,
                      .takes = draw(*p.repair, s.repairs),
                      .process = process,
                      .part = static_cast<std::uint32_t>(part),
                      .first_node = out.first_node,
                      .last_node = out.last_node},
                     now);
    return out;
}

/// As soon as there is a crew.
void part_failures::begin_repair(repair what, instant now) {
    if (plan_.crews && repairs_.size() >= *plan_.crews) {
        waiting_.push_back(what);
        return;
    }
    what.at = add_saturating(now, what.takes);
    repairs_.push_back(what);
    std::push_heap(repairs_.begin(), repairs_.end(), is_repaired_later);
}

part_change part_failures::end_repair() {
    const repair done = repairs_.front();
    std::pop_heap(repairs_.begin(), repairs_.end(), is_repaired_later);
    repairs_.pop_back();
    process_state& s = states_[done.process];
    s.tally.node_ns += int128{ticks(done.at - done.failed_at)} * (done.last_node - done.first_node);
    if (!s.draws.empty()) {
        start_clock(s, done.at, done.part);
        find_next();
    }
    if (!waiting_.empty()) {
        const repair waited = waiting_.front();
        waiting_.pop_front();
        begin_repair(waited, done.at);
    }
    return {.what = part_change::kind::repaired,
            .process = done.process,
            .first_node = done.first_node,
            .last_node = done.last_node};
}

void part_failures::commission(instant now, std::span<const node_id> nodes) {
    for (std::uint32_t i = 0; i != states_.size(); ++i) {
        process_state& s = states_[i];
        if (s.draws.empty()) continue;
        // Racks come as a whole: the first node stands for its rack.
        const auto& racks = where_.racks;
        for (const node_id n : nodes) {
            std::uint64_t first = index(n), last = first + 1;
            if (plan_.processes[i].part == part_kind::gpu) {
                last = where_.first_gpu[last];
                first = where_.first_gpu[first];
            } else if (plan_.processes[i].part == part_kind::rack) {
                const auto at = std::lower_bound(racks.begin(), racks.end(), first,
                                                 [](const auto& r, std::uint64_t node) { return r.first < node; });
                if (at == racks.end() || at->first != first) continue;
                first = static_cast<std::uint64_t>(at - racks.begin());
                last = first + 1;
            }
            for (; first != last; ++first) start_clock(s, now, static_cast<std::uint32_t>(first));
        }
    }
    find_next();
}

cause_tally part_failures::tally(std::size_t process, instant now) const {
    cause_tally out = states_[process].tally;
    const auto add = [&](const repair& r) {
        if (r.process == process) out.node_ns += int128{ticks(now - r.failed_at)} * (r.last_node - r.first_node);
    };
    for (const repair& r : repairs_) add(r);
    for (const repair& r : waiting_) add(r);
    return out;
}

}  // namespace ampacity::faults
