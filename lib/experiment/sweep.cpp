#include <ampacity/core/error.hpp>
#include <ampacity/experiment/design.hpp>
#include <ampacity/experiment/sweep.hpp>
#include <ampacity/io/xxh64.hpp>

#include <algorithm>
#include <array>
#include <set>

namespace ampacity::experiment {
namespace {

std::string place_text(const source_position& p) {
    return p.file + ':' + std::to_string(p.line) + ':' + std::to_string(p.column);
}

/// A point of an axis, as a part of variants.
struct part {
    std::string label;
    std::vector<std::pair<std::string, std::string>> parameters;
    std::vector<io::scenario_override> overrides;
};

part part_of(const io::sweep_axis& axis, const io::sweep_point& point) {
    part out;
    if (!axis.name.empty()) {
        out.label = axis.name + '=' + point.name;
        out.parameters.emplace_back(axis.name, point.name);
    }
    for (const io::sweep_setting& s : point.settings) {
        if (axis.name.empty()) out.label += (out.label.empty() ? "" : ", ") + s.path + '=' + s.shown;
        out.parameters.emplace_back(s.path, s.shown);
        out.overrides.push_back({s.path, s.yaml, place_text(s.where)});
    }
    return out;
}

std::vector<part> parts_of(const io::sweep_axis& axis, std::uint64_t seed) {
    std::vector<part> out;
    for (const io::sweep_point& p : axis.points) out.push_back(part_of(axis, p));
    if (!axis.sample) return out;
    const io::sweep_sample& sample = *axis.sample;
    const auto points = design_points(sample.how, sample.points, sample.over.size(), seed);
    for (std::size_t i = 0; i != points.size(); ++i) {
        io::sweep_point p{.name = std::to_string(i), .where = axis.where};
        for (std::size_t k = 0; k != sample.over.size(); ++k) {
            const io::sweep_dimension& d = sample.over[k];
            const std::string text = io::number_text(value_at(d, points[i][k]), false) + d.unit;
            p.settings.push_back({d.path, d.quoted ? '"' + text + '"' : text, text, d.where});
        }
        out.push_back(part_of(axis, p));
    }
    return out;
}

bool holds(const io::sweep_condition& c, const variant& v) {
    const std::string* value = v.parameter(c.path);
    if (value == nullptr) return false;
    using relation = io::sweep_condition::relation;
    if (c.is == relation::one_of) return std::find(c.values.begin(), c.values.end(), *value) != c.values.end();
    const auto number = io::split_number(*value);
    if (!number || number->unit != c.unit)
        throw scenario_error(
            {c.where, c.path, "cannot be compared with this value", *value, "write a limit in the unit of the values"});
    switch (c.is) {
        case relation::less: return number->number < c.limit;
        case relation::at_most: return number->number <= c.limit;
        case relation::more: return number->number > c.limit;
        default: return number->number >= c.limit;
    }
}

bool holds(const std::vector<io::sweep_filter>& any_of, const variant& v) {
    return std::any_of(any_of.begin(), any_of.end(), [&](const io::sweep_filter& all) {
        return std::all_of(all.begin(), all.end(), [&](const auto& c) { return holds(c, v); });
    });
}

std::optional<stopping_rule> rule_of(const io::sweep_file& described) {
    if (described.until.empty()) return std::nullopt;
    auto rule = parse_stopping_rule(described.until);
    if (!rule)
        throw scenario_error(
            {described.at_until, "until", "not a rule", described.until, "write it as in ci(jct_s.mean) < 1 %"});
    const auto& stored = described.metrics;
    if (!stored.empty() && std::find(stored.begin(), stored.end(), rule->metric) == stored.end())
        throw scenario_error(
            {described.at_until, "until", "the metric is not stored", rule->metric, "add it to `metrics`"});
    if (described.replications < stopping_rule::least)
        throw scenario_error({described.at_until, "until", "needs 10 replications to tell",
                              std::to_string(described.replications), "write `replications: 100`, the most to run"});
    return rule;
}

[[noreturn]] void refuse_sweep(const io::sweep_file& described, std::string what, std::string value,
                               std::string remedy) {
    throw scenario_error({{described.file, 1, 1}, "axes", std::move(what), std::move(value), std::move(remedy)});
}

}  // namespace

const std::string* variant::parameter(std::string_view path) const {
    const auto at = std::find_if(parameters.begin(), parameters.end(), [&](const auto& p) { return p.first == path; });
    return at == parameters.end() ? nullptr : &at->second;
}

io::loaded_scenario sweep::load(std::size_t i, std::uint64_t seed) const {
    std::vector<io::scenario_override> all = variants[i].overrides;
    all.push_back({"seed", std::to_string(seed), "seed of a replication"});
    return io::read_scenario_text(described.base.string(), described.base_text, all, described.base.parent_path());
}

sweep expand(io::sweep_file described) {
    sweep out{.described = std::move(described)};
    const io::sweep_file& file = out.described;
    out.until = rule_of(file);
    std::vector<std::vector<part>> axes;
    std::uint64_t count = 1;
    for (const io::sweep_axis& axis : file.axes) {
        axes.push_back(parts_of(axis, file.seed));
        count *= axes.back().size();
        if (count > io::max_variants)
            refuse_sweep(file, "more than 1000000 combinations", {}, "write fewer values, or sample them");
    }
    std::set<std::string> keys;
    for (std::uint64_t i = 0; i != count; ++i) {
        variant v;
        std::uint64_t rest = i, of_slower = count;
        for (const auto& axis : axes) {
            of_slower /= axis.size();
            const part& p = axis[rest / of_slower];
            rest %= of_slower;
            v.key += (v.key.empty() ? "" : ", ") + p.label;
            v.parameters.insert(v.parameters.end(), p.parameters.begin(), p.parameters.end());
            v.overrides.insert(v.overrides.end(), p.overrides.begin(), p.overrides.end());
        }
        if (v.key.empty()) v.key = "base";
        if (holds(file.exclude, v) || (!file.only.empty() && !holds(file.only, v))) continue;
        if (!keys.insert(v.key).second) refuse_sweep(file, "two combinations have the same values", v.key, "keep one");
        out.variants.push_back(std::move(v));
    }
    if (out.variants.empty()) refuse_sweep(file, "`exclude` and `only` leave nothing", {}, "leave a combination");
    return out;
}

std::uint64_t seed_of(std::uint64_t master, std::uint64_t replication) noexcept {
    std::array<char, 16> bytes{};
    for (unsigned i = 0; i != 8; ++i) {
        bytes[i] = static_cast<char>(master >> (8 * i) & 0xFFU);
        bytes[8 + i] = static_cast<char>(replication >> (8 * i) & 0xFFU);
    }
    io::xxh64 hash;
    hash.update({bytes.data(), bytes.size()});
    return hash.digest() >> 11U;
}

}  // namespace ampacity::experiment
