#include <ampacity/core/error.hpp>
#include <ampacity/experiment/tornado.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>

namespace ampacity::experiment {
namespace {

constexpr std::string_view low_suffix = "-low", high_suffix = "-high";

/// Does a name say which end of which factor it is?
bool is_end(std::string_view name, std::string_view suffix) {
    return name.size() > suffix.size() && name.ends_with(suffix);
}

bool is_end(const compared_variant& v) { return is_end(v.name, low_suffix) || is_end(v.name, high_suffix); }

tornado_end end_of(const compared_variant& v, double baseline) {
    tornado_end out{.variant = v.name};
    if (v.difference) {
        out.difference = v.difference->mean;
        out.change = v.difference->change;
        out.within = v.difference->within;
        out.significant = v.difference->significant;
    } else {
        out.difference = v.mean.mean - baseline;
        if (baseline != 0) out.change = out.difference / baseline;
    }
    return out;
}

}  // namespace

double tornado_row::reach() const noexcept {
    double out = 0;
    for (const auto* const end : {&low, &high, &single})
        if (*end) out = std::max(out, std::abs((*end)->difference));
    return out;
}

double tornado_row::swing() const noexcept {
    return low && high ? std::abs(high->difference - low->difference) : reach();
}

tornado tornado_of(const compared_group& group) {
    tornado out{.context = group.context};
    const auto& all = group.variants;
    const auto baseline = std::find_if(all.begin(), all.end(), [](const auto& v) { return v.is_baseline; });
    if (baseline == all.end() || baseline->mean.count == 0) return out;
    if (std::none_of(all.begin(), all.end(), [](const auto& v) { return !v.is_baseline && is_end(v); })) return out;
    out.baseline = baseline->mean.mean;
    std::map<std::string, tornado_row> pairs;
    for (const compared_variant& v : all) {
        if (v.is_baseline) continue;
        if (v.mean.count == 0) {
            ++out.without_value;
            continue;
        }
        tornado_end end = end_of(v, out.baseline);
        if (!is_end(v)) {
            out.rows.push_back({.factor = v.name, .single = std::move(end)});
            continue;
        }
        const bool is_low = is_end(v.name, low_suffix);
        const std::string factor = v.name.substr(0, v.name.size() - (is_low ? low_suffix : high_suffix).size());
        tornado_row& row = pairs[factor];
        row.factor = factor;
        (is_low ? row.low : row.high) = std::move(end);
    }
    for (auto& [factor, row] : pairs) out.rows.push_back(std::move(row));
    std::stable_sort(out.rows.begin(), out.rows.end(), [](const tornado_row& a, const tornado_row& b) {
        return a.reach() != b.reach() ? a.reach() > b.reach() : a.factor < b.factor;
    });
    return out;
}

bool has_tornado(const comparison& all) {
    return std::any_of(all.metrics.begin(), all.metrics.end(), [](const compared_metric& m) {
        return std::any_of(m.groups.begin(), m.groups.end(),
                           [](const compared_group& g) { return !tornado_of(g).rows.empty(); });
    });
}

void require_tornado(const comparison& all, const std::string& file, const std::string& option) {
    if (has_tornado(all)) return;
    throw scenario_error({{file, 0, 0},
                          option,
                          "nothing for a tornado chart: no variant with results is named as an end of a factor",
                          all.by.empty() ? std::string{} : "--by " + all.by,
                          "compare by an axis that has variants named X-low or X-high, and a baseline with results"});
}

}  // namespace ampacity::experiment
