#include <ampacity/scenario/build.hpp>
#include <ampacity/scenario/build_out.hpp>
#include <ampacity/scenario/scenario.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace ampacity::scenario {
namespace {

using ampacity::fleet::arrival_of;
using ampacity::fleet::build_out_terms;
using ampacity::fleet::drawn_time;
using ampacity::fleet::no_rack;
using ampacity::fleet::planned_rack;

std::uint64_t millionths(double x) { return static_cast<std::uint64_t>(std::llround(x * 1e6)); }

drawn_time drawn(const std::optional<time_law>& law) {
    if (!law) return {};
    return [of = law_of(*law)](random_stream& stream) { return ampacity::faults::draw(of, stream); };
}

build_out_terms terms_of(const build_out& b, std::uint64_t seed, std::uint32_t site) {
    return {.seed = seed,
            .site = site,
            .crews = static_cast<std::uint32_t>(b.crews.value_or(0)),
            .install = drawn(b.install),
            .burn_in = drawn(b.burn_in),
            .rework = drawn(b.rework),
            .acceptance_failure = b.acceptance_failure};
}

/// Racks that replace none arrive in the order of the groups, and fill the blocks in that order.
class places {
public:
    places(const std::optional<build_out>& plan, const build_out_terms& terms) : plan_(plan) {
        if (!plan) return;
        for (std::uint32_t i = 0; i != plan->blocks.size(); ++i) {
            const power_block& b = plan->blocks[i];
            blocks_.push_back(ampacity::fleet::ready_at(terms, i, start_of_time + b.ready, drawn(b.delay)));
        }
    }

    planned_rack next() {
        planned_rack r;
        const std::uint64_t number = number_++;
        r.is_present = !plan_ || number < plan_->present;
        if (r.is_present) return r;
        const std::uint64_t coming = number - plan_->present;
        if (plan_->racks_per_week) {
            r.arrives = arrival_of(start_of_time + plan_->start, coming, millionths(*plan_->racks_per_week));
        } else {
            while (coming >= arrived_ + plan_->arrivals[arrival_].racks) arrived_ += plan_->arrivals[arrival_++].racks;
            r.arrives = start_of_time + plan_->arrivals[arrival_].at;
        }
        if (blocks_.empty()) return r;
        while (number >= filled_ + plan_->blocks[block_].racks) filled_ += plan_->blocks[block_++].racks;
        r.powered = blocks_[block_];
        return r;
    }

private:
    const std::optional<build_out>& plan_;
    std::vector<instant> blocks_;
    std::uint64_t number_ = 0, arrived_ = 0, filled_ = 0;
    std::size_t arrival_ = 0, block_ = 0;
};

void put_end(planned_rack& r, const retirement& end, std::uint64_t number) {
    if (end.after) r.life = *end.after;
    if (!end.at) return;
    r.leaves = start_of_time + *end.at;
    if (!end.racks_per_week) return;
    // All of a week leave at its beginning.
    const uint128 week = uint128{number} * 1'000'000 / millionths(*end.racks_per_week);
    r.leaves = arrival_of(r.leaves, static_cast<std::uint64_t>(week), 1'000'000);
}

/// The number in the fleet of the first rack of each group, by site: type by type where there are several.
std::vector<std::vector<std::uint32_t>> first_racks(const scenario& s,
                                                    const std::vector<const std::vector<rack_group>*>& sites) {
    std::vector<std::vector<std::uint32_t>> out;
    for (const auto* groups : sites) out.emplace_back(groups->size(), 0);
    std::uint32_t next = 0;
    const auto number = [&](const std::string* type) {
        for (std::size_t i = 0; i != sites.size(); ++i) {
            for (std::size_t g = 0; g != sites[i]->size(); ++g) {
                const rack_group& group = (*sites[i])[g];
                if (type != nullptr && group.gpu != *type) continue;
                out[i][g] = next;
                next += static_cast<std::uint32_t>(group.count);
            }
        }
    };
    const std::vector<std::string> types = gpu_types_of(s.fleet);
    if (types.empty()) number(nullptr);
    for (const std::string& type : types) number(&type);
    return out;
}

void add_courses(std::uint32_t site, const std::vector<rack_group>& groups, const std::optional<build_out>& plan,
                 std::uint64_t seed, const std::vector<std::uint32_t>& first, std::vector<rack_course>& out) {
    const build_out_terms terms = terms_of(plan.value_or(build_out{}), seed, site);
    places all{plan, terms};
    std::vector<planned_rack> racks;
    std::vector<std::uint32_t> begins;
    const std::size_t before = out.size();
    for (std::size_t g = 0; g != groups.size(); ++g) {
        const rack_group& group = groups[g];
        begins.push_back(static_cast<std::uint32_t>(racks.size()));
        for (std::uint32_t i = 0; i != group.count; ++i) {
            planned_rack r = group.replaces ? planned_rack{.replaces = begins[*group.replaces] + i} : all.next();
            if (group.retire) put_end(r, *group.retire, i);
            racks.push_back(r);
            out.push_back(
                {.site = site,
                 .rack = first[g] + i,
                 .gpus = static_cast<std::uint32_t>(group.nodes_per_rack * group.gpus_per_node),
                 .notice = group.retire ? group.retire->notice.value_or(retirement::usual_notice) : duration::zero(),
                 .is_present = r.is_present,
                 .dates = {}});
        }
    }
    const auto dates = ampacity::fleet::build_out(terms, racks);
    for (std::size_t i = 0; i != dates.size(); ++i) {
        out[before + i].dates = dates[i];
        // A rack that replaces another arrives when its place is free.
        if (racks[i].replaces != no_rack) out[before + i].dates.arrived = dates[i].ready;
    }
}

bool any_leaves(const std::vector<rack_group>& groups) noexcept {
    return std::any_of(groups.begin(), groups.end(), [](const rack_group& g) { return g.retire.has_value(); });
}

}  // namespace

bool has_build_out(const scenario& s) noexcept {
    const fleet& f = s.fleet;
    return f.plan || any_leaves(f.racks) ||
           std::any_of(f.sites.begin(), f.sites.end(), [](const site& p) { return p.plan || any_leaves(p.racks); });
}

std::vector<rack_course> rack_courses(const scenario& s) {
    std::vector<rack_course> out;
    if (!has_build_out(s)) return out;
    const fleet& f = s.fleet;
    std::vector<const std::vector<rack_group>*> groups;
    if (f.sites.empty()) groups.push_back(&f.racks);
    for (const site& p : f.sites) groups.push_back(&p.racks);
    const auto first = first_racks(s, groups);
    for (std::uint32_t i = 0; i != groups.size(); ++i) {
        const std::optional<build_out>& plan = f.sites.empty() ? f.plan : f.sites[i].plan;
        if (plan || any_leaves(*groups[i])) add_courses(i, *groups[i], plan, s.seed, first[i], out);
    }
    return out;
}

build_out_facts facts_of(const std::vector<rack_course>& racks, instant end) {
    build_out_facts f;
    for (const rack_course& r : racks) {
        const auto& d = r.dates;
        if (d.in_service > end) continue;
        const bool has_left = d.retired <= end;
        f.retired += has_left ? 1 : 0;
        f.racks += has_left ? 0 : 1;
        f.gpus += has_left ? 0 : r.gpus;
        if (r.is_present) continue;
        ++f.came;
        f.reworks += d.attempts - 1;
        f.first = std::min(f.first.value_or(never), d.in_service);
        f.last = std::max(f.last.value_or(start_of_time), d.in_service);
        f.crew_wait += d.begun - d.ready;
        f.most_crew_wait = std::max(f.most_crew_wait, d.begun - d.ready);
    }
    constexpr double week_s = 7 * 86400;
    if (f.came > 1 && *f.last > *f.first)
        f.racks_per_week = static_cast<double>(f.came - 1) * week_s / to_seconds(*f.last - *f.first);
    return f;
}

}  // namespace ampacity::scenario
