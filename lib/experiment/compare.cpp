#include <ampacity/core/error.hpp>
#include <ampacity/core/suggest.hpp>
#include <ampacity/experiment/compare.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace ampacity::experiment {
namespace {

using parameters = std::map<std::string, std::string>;
using values_by_replication = std::map<std::uint64_t, double>;

/// A variant of the store, with the place that it has in the comparison.
struct placed_variant {
    std::string key, name, context;
};

[[noreturn]] void refuse(const char* option, const std::string& what, const std::string& value,
                         const std::set<std::string>& known) {
    throw scenario_error({{option + (' ' + value), 0, 0},
                          {},
                          what,
                          value,
                          suggestion(value, std::vector<std::string_view>{known.begin(), known.end()})});
}

/// What a variant that does not set the parameter is called: it has the value of the base.
const std::string of_base = "(base)";

const std::string& value_of(const parameters& all, const std::string& path) {
    const auto at = all.find(path);
    return at == all.end() ? of_base : at->second;
}

/// The parameter by which variants are compared unless another one is asked for.
std::string default_parameter(const std::string& first_key,
                              const std::map<std::string, std::set<std::string>>& values) {
    std::string best;
    std::size_t best_at = std::string::npos;
    for (const auto& [path, of] : values) {
        if (of.size() < 2) continue;
        if (path == "scheduler.policy") return path;
        const std::size_t at = first_key.find(path + '=');
        if (best.empty() || at < best_at) {
            best = path;
            best_at = at;
        }
    }
    return best;
}

/// A mean difference by one of the ways.
struct judged_mean {
    double p = 1;
    std::function<interval(double confidence)> within;
};

template <class Way>
judged_mean judged(Way way) {
    const double p = way.p_value();
    return {p, [way = std::move(way)](double confidence) { return way.within(confidence); }};
}

judged_mean judge(const std::vector<double>& values, interval_kind kind, const resampling& how) {
    switch (kind) {
        case interval_kind::student: {
            const sample_mean m = mean_of(values);
            return {*p_value(m), [m](double confidence) { return *t_interval(m, confidence); }};
        }
        case interval_kind::bootstrap: return judged(bootstrap_t(values, how));
        case interval_kind::hall: return judged(hall_t(values, how));
        default: return judged(careful_mean(values, how));
    }
}

class comparer {
public:
    comparer(const result_store& store, const compare_options& options) : store_(store), options_(options) {}

    comparison run() {
        out_.confidence = options_.confidence;
        place_variants();
        for (const std::string& metric : chosen_metrics()) add(metric);
        correct();
        return std::move(out_);
    }

private:
    void place_variants() {
        std::map<std::string, parameters> of_key;
        std::vector<std::string> keys;
        for (const stored_trial& t : store_.trials()) {
            ++(t.done ? out_.done : out_.failed);
            if (t.done) out_.replications = std::max(out_.replications, t.replication + 1);
            if (of_key.count(t.key) != 0) continue;
            of_key[t.key] = store_.parameters(t.id);
            keys.push_back(t.key);
        }
        std::map<std::string, std::set<std::string>> values;
        for (const auto& [key, all] : of_key) {
            for (const auto& [path, value] : all) values[path].insert(value);
        }
        out_.by = options_.by.empty() && !keys.empty() ? default_parameter(keys.front(), values) : options_.by;
        if (!out_.by.empty() && values.count(out_.by) == 0) {
            std::set<std::string> known;
            for (const auto& [path, unused] : values) known.insert(path);
            refuse("--by", "no parameter of the sweep", out_.by, known);
        }
        const auto others = free_parameters(of_key, values);
        for (const std::string& key : keys) {
            const parameters& all = of_key[key];
            placed_variant v{.key = key, .name = out_.by.empty() ? key : value_of(all, out_.by), .context = {}};
            for (const std::string& path : others) {
                if (const auto at = all.find(path); at != all.end())
                    v.context += (v.context.empty() ? "" : ", ") + path + '=' + at->second;
            }
            variants_.push_back(std::move(v));
        }
        std::set<std::string> names;
        for (const placed_variant& v : variants_) names.insert(v.name);
        out_.baseline = options_.baseline;
        if (out_.baseline.empty() && !variants_.empty()) out_.baseline = variants_.front().name;
        if (!options_.baseline.empty() && names.count(out_.baseline) == 0)
            refuse("--baseline", "no variant has this name", out_.baseline, names);
    }

    /// The parameters that vary for variants of the same name: those that move with the name are part of it.
    [[nodiscard]] std::set<std::string> free_parameters(
        const std::map<std::string, parameters>& of_key,
        const std::map<std::string, std::set<std::string>>& values) const {
        std::set<std::string> out;
        if (out_.by.empty()) return out;
        for (const auto& [path, unused] : values) {
            std::map<std::string, std::set<std::string>> by_name;
            for (const auto& [key, all] : of_key) {
                const auto at = all.find(path);
                by_name[value_of(all, out_.by)].insert(at == all.end() ? std::string{} : at->second);
            }
            if (std::any_of(by_name.begin(), by_name.end(), [](const auto& n) { return n.second.size() > 1; }))
                out.insert(path);
        }
        return out;
    }

    [[nodiscard]] std::vector<std::string> chosen_metrics() const {
        const auto known = store_.metric_names();
        const std::set<std::string> names(known.begin(), known.end());
        for (const std::string& m : options_.metrics) {
            if (names.count(m) == 0) refuse("--metric", "no trial has this metric", m, names);
        }
        if (!options_.metrics.empty()) return options_.metrics;
        constexpr std::size_t few = 8;
        if (known.size() <= few) return known;
        static constexpr std::array<const char*, 7> usual{"jct_s.mean",    "wait_s.mean",   "wait_s.p99",
                                                          "utilisation",   "energy_kwh.it", "carbon_kg.location",
                                                          "cost_usd.total"};
        std::vector<std::string> out;
        for (const char* const name : usual) {
            if (names.count(name) != 0) out.emplace_back(name);
        }
        return out;
    }

    void add(const std::string& name) {
        compared_metric m{.name = name, .better = better_of(name)};
        if (const auto samples = store_.fewest_samples(name.substr(0, name.find('.')));
            samples && is_thin_tail(name, *samples))
            m.thin_samples = samples;
        const auto values = store_.values(name);
        std::vector<std::string> contexts;
        for (const placed_variant& v : variants_) {
            if (std::find(contexts.begin(), contexts.end(), v.context) == contexts.end()) contexts.push_back(v.context);
        }
        for (const std::string& context : contexts) m.groups.push_back(group_of(context, m.better, values));
        out_.metrics.push_back(std::move(m));
    }

    compared_group group_of(const std::string& context, direction better,
                            const std::map<std::string, values_by_replication>& values) {
        compared_group g{.context = context};
        std::vector<const values_by_replication*> samples;
        const values_by_replication* baseline = nullptr;
        static const values_by_replication none;
        for (const placed_variant& v : variants_) {
            if (v.context != context) continue;
            const auto at = values.find(v.key);
            samples.push_back(at == values.end() ? &none : &at->second);
            compared_variant row{.name = v.name, .key = v.key, .is_baseline = v.name == out_.baseline};
            std::vector<double> all;
            for (const auto& [replication, x] : *samples.back()) all.push_back(x);
            row.mean = mean_of(all);
            if (row.is_baseline) baseline = samples.back();
            g.variants.push_back(std::move(row));
        }
        for (std::size_t i = 0; baseline != nullptr && i != samples.size(); ++i) {
            if (!g.variants[i].is_baseline) set_difference(g.variants[i], *samples[i], *baseline);
        }
        set_best(g, samples, better);
        return g;
    }

    void set_difference(compared_variant& row, const values_by_replication& of, const values_by_replication& baseline) {
        std::vector<double> a, b;
        for (const auto& [replication, x] : of) {
            const auto at = baseline.find(replication);
            if (at == baseline.end()) continue;
            a.push_back(x);
            b.push_back(at->second);
        }
        if (a.size() < 2) return;
        compared_difference d{.pairs = a.size(), .mean = mean_of(differences(a, b)).mean};
        if (const auto change = change_of(a, b)) d.change = change->share;
        row.difference = d;
        pairs_.push_back(differences(a, b));
    }

    static void set_best(compared_group& g, const std::vector<const values_by_replication*>& samples,
                         direction better) {
        if (samples.size() < 2) return;
        std::vector<std::vector<double>> common(samples.size());
        for (const auto& [replication, unused] : *samples.front()) {
            const auto has = [r = replication](const auto* s) { return s->count(r) != 0; };
            if (!std::all_of(samples.begin(), samples.end(), has)) continue;
            for (std::size_t i = 0; i != samples.size(); ++i) common[i].push_back(samples[i]->at(replication));
        }
        if (common.front().size() < 2) return;
        const auto share = probability_of_best(common, better);
        for (std::size_t i = 0; i != share.size(); ++i) g.variants[i].best = share[i];
    }

    /// P values and intervals of all differences, once their number is known.
    void correct() {
        const double alpha = 1 - options_.confidence;
        const auto count = static_cast<double>(pairs_.size());
        // The smallest p value, 2 / times, is to be far below what is significant among all.
        const resampling how{.times = static_cast<std::uint32_t>(std::max(9999.0, std::ceil(40 * count / alpha)))};
        std::vector<judged_mean> means;
        std::vector<double> p;
        for (const auto& d : pairs_) {
            means.push_back(judge(d, options_.how, how));
            p.push_back(means.back().p);
        }
        const auto all = holm(p, options_.confidence);
        out_.comparisons = all.size();
        std::size_t i = 0;
        for (compared_metric& m : out_.metrics) {
            for (compared_group& g : m.groups) {
                for (compared_variant& v : g.variants) {
                    if (!v.difference) continue;
                    v.difference->p = all[i].p;
                    v.difference->significant = all[i].significant;
                    v.difference->within = means[i].within(all[i].confidence);
                    ++i;
                }
            }
        }
    }

    const result_store& store_;
    const compare_options& options_;
    comparison out_{};
    std::vector<placed_variant> variants_;
    std::vector<std::vector<double>> pairs_;  // of each difference, in the order of the output
};

}  // namespace

comparison compare(const result_store& store, const compare_options& options) {
    AMPACITY_ASSERT(options.confidence > 0 && options.confidence < 1);
    return comparer(store, options).run();
}

}  // namespace ampacity::experiment
