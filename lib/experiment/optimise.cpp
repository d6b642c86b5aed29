#include "trial_session.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/experiment/optimise.hpp>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <utility>

namespace ampacity::experiment {
namespace {

using relation = io::sweep_condition::relation;
using aim = io::optimise_file::aim;

constexpr std::uint64_t first_replications = 10;  ///< the variance of fewer is no ground for a verdict
constexpr std::size_t finalists = 4;

bool keeps(const io::optimise_constraint& c, double x) {
    switch (c.is) {
        case relation::less: return x < c.limit;
        case relation::at_most: return x <= c.limit;
        case relation::more: return x > c.limit;
        default: return x >= c.limit;
    }
}

verdict joint(verdict a, verdict b) {
    if (a == verdict::fails || b == verdict::fails) return verdict::fails;
    if (a == verdict::unsure_fails || b == verdict::unsure_fails) return verdict::unsure_fails;
    return is_sure(a) ? b : a;
}

/// Runs trials and judges values by what the store has of them.
class judge {
public:
    judge(const io::optimise_file& asked, const sweep& candidates, const trial_runner& runner, result_store& store,
          const sweep_options& options)
        : asked_(asked), sweep_(candidates), store_(store), session_(candidates, runner, store, options) {}

    /// So many replications of each; false where the answer cannot be had, as `end` says.
    bool run(const std::vector<std::size_t>& variants, std::uint64_t replications) {
        std::vector<trial> list;
        for (std::uint64_t r = 0; r != replications; ++r) {
            for (const std::size_t v : variants) list.push_back({v, r});
        }
        const auto is_new = [&](const trial& t) { return ran_.count(t) == 0; };
        const auto more = static_cast<std::uint64_t>(std::count_if(list.begin(), list.end(), is_new));
        if (ran_.size() + more > asked_.budget) {
            end_.out_of_budget = true;
            return false;
        }
        ran_.insert(list.begin(), list.end());
        const std::size_t count = list.size();
        if (!session_.run(std::move(list), count)) {
            end_.interrupted = true;
            return false;
        }
        end_.first_error = session_.first_error();
        if (!end_.first_error.empty()) return false;
        for (const std::size_t v : variants) replications_[v] = std::max(replications_[v], replications);
        read();
        return true;
    }

    /// With all replications that it was run with.
    [[nodiscard]] judged_value judged(std::size_t variant) const {
        judged_value out{.variant = variant, .replications = replications_.at(variant)};
        if (!asked_.metric.empty()) {
            out.metrics.push_back({.metric = asked_.metric});
            judged_metric& goal = out.metrics.back();
            const auto x = values_of(asked_.metric, variant);
            goal.mean = mean_of(x);
            if (x.size() >= 2) goal.within = careful_mean(x).within(asked_.confidence);
        }
        for (const auto& c : asked_.where) {
            out.metrics.push_back(judged_by(c, variant));
            out.is = joint(out.is, out.metrics.back().is);
        }
        return out;
    }

    [[nodiscard]] std::vector<double> values_of(const std::string& metric, std::size_t variant) const {
        std::vector<double> out;
        const auto of = read_.find(metric);
        if (of == read_.end()) return out;
        const auto at = of->second.find(sweep_.variants[variant].key);
        if (at == of->second.end()) return out;
        // A store may have more of it, from a search that went on for longer.
        for (const auto& [replication, x] : at->second) {
            if (replication < replications_.at(variant)) out.push_back(x);
        }
        return out;
    }

    /// Of all values that were run, by variant.
    [[nodiscard]] std::vector<judged_value> all() const {
        std::vector<judged_value> out;
        for (const auto& [variant, unused] : replications_) out.push_back(judged(variant));
        return out;
    }

    /// What ended the search, with what it took.
    [[nodiscard]] optimisation end() const {
        optimisation out = end_;
        out.trials = ran_.size();
        out.state = session_.state();
        out.absences = session_.absences();
        return out;
    }

private:
    judged_metric judged_by(const io::optimise_constraint& c, std::size_t variant) const {
        judged_metric out{.metric = c.metric, .limit = c.text};
        const auto x = values_of(c.metric, variant);
        out.mean = mean_of(x);
        // What is not there in one of the runs, such as the wait of jobs that never start, keeps to no limit.
        if (x.size() < replications_.at(variant)) {
            out.is = verdict::fails;
            return out;
        }
        const bool good = keeps(c, out.mean.mean);
        out.is = good ? verdict::unsure_holds : verdict::unsure_fails;
        if (x.size() < 2) return out;
        // One side of an interval has half the error; it is shared by limits, and by looks at the same value.
        const double shares = static_cast<double>(asked_.where.size()) * looks();
        const double error = (1 - asked_.confidence) / shares;
        out.within = careful_mean(x).within(1 - error);
        if (keeps(c, out.within->low) == good && keeps(c, out.within->high) == good)
            out.is = good ? verdict::holds : verdict::fails;
        return out;
    }

    /// At a value whose limits are to be kept: after 10 replications, 20, and so on.
    [[nodiscard]] double looks() const {
        if (!asked_.bisects()) return 1;
        double count = 1;
        for (std::uint64_t n = first_replications; n < asked_.trials.replications; n *= 2) ++count;
        return count;
    }

    void read() {
        const auto again = [&](const std::string& metric, const source_position& where) {
            auto values = store_.values(metric);
            if (values.empty())
                throw scenario_error({where,
                                      metric,
                                      "no trial has this metric",
                                      {},
                                      "see the names in the summary of a run, or `ampacity list metrics`"});
            read_[metric] = std::move(values);
        };
        if (!asked_.metric.empty()) again(asked_.metric, asked_.at_goal);
        for (const auto& c : asked_.where) again(c.metric, c.where);
    }

    const io::optimise_file& asked_;
    const sweep& sweep_;
    result_store& store_;
    trial_session session_;
    optimisation end_{};
    std::set<trial> ran_;
    std::map<std::size_t, std::uint64_t> replications_;
    std::map<std::string, std::map<std::string, std::map<std::uint64_t, double>>> read_;
};

/// The smallest or largest value that keeps to the limits.
class bisection {
public:
    bisection(const io::optimise_file& asked, const sweep& candidates, judge& by)
        : asked_(asked), count_(candidates.variants.size()), judge_(by) {}

    optimisation run() {
        const bool found = search();
        if (found && holds_ != count_) look_aside();
        optimisation out = judge_.end();
        out.values = judge_.all();
        out.monotone = is_monotone(out.values);
        if (found && !out.interrupted && out.first_error.empty()) answer(out);
        return out;
    }

private:
    /// Values are counted from the side that is to fail to the side that is to hold.
    [[nodiscard]] std::size_t variant_of(std::size_t place) const {
        return asked_.goal == aim::smallest ? place : count_ - 1 - place;
    }

    bool decide(std::size_t place, verdict& is) {
        const std::uint64_t most = asked_.trials.replications;
        for (std::uint64_t n = std::min(first_replications, most);; n = std::min(most, 2 * n)) {
            looked_at_.insert(place);
            if (!judge_.run({variant_of(place)}, n)) return false;
            is = judge_.judged(variant_of(place)).is;
            if (is_sure(is) || n == most) return true;
        }
    }

    bool search() {
        verdict last{}, first{};
        if (!decide(count_ - 1, last)) return false;
        holds_ = count_;
        if (!is_good(last)) return true;
        holds_ = count_ - 1;
        if (!decide(0, first)) return false;
        if (is_good(first)) {
            holds_ = 0;
            return true;
        }
        std::size_t fails = 0;
        while (holds_ - fails > 1) {
            const std::size_t middle = fails + (holds_ - fails) / 2;
            verdict is{};
            if (!decide(middle, is)) return false;
            (is_good(is) ? holds_ : fails) = middle;
        }
        return true;
    }

    /// The middle of the longest stretch on either side of the answer that was not looked at, so that a question that
    /// is not monotone may show it; by halves alone it never does.
    void look_aside() {
        const std::size_t answer = holds_;
        for (const auto& [from, to] : {std::pair{std::size_t{0}, answer}, std::pair{answer, count_ - 1}}) {
            std::size_t longest = 1, middle = 0;
            for (auto at = looked_at_.find(from); at != looked_at_.end() && *at < to; ++at) {
                const std::size_t gap = *std::next(at) - *at;
                if (gap <= longest) continue;
                longest = gap;
                middle = *at + gap / 2;
            }
            verdict is{};
            if (longest > 1 && !decide(middle, is)) return;
        }
    }

    void answer(optimisation& out) const {
        const auto row_of = [&](std::size_t place) {
            const auto at = std::find_if(out.values.begin(), out.values.end(),
                                         [&](const judged_value& v) { return v.variant == variant_of(place); });
            return static_cast<std::size_t>(at - out.values.begin());
        };
        for (std::size_t i = 0; i != out.values.size(); ++i) {
            // Rows from the side that fails to the side that holds.
            const std::size_t row = asked_.goal == aim::smallest ? i : out.values.size() - 1 - i;
            if (out.values[row].is == verdict::fails) out.surely_fails = row;
            if (out.values[row].is == verdict::holds && !out.surely_holds) out.surely_holds = row;
        }
        out.certain = out.monotone && !out.out_of_budget;
        if (holds_ != count_) out.answer = row_of(holds_);
        if (out.answer) out.certain = out.certain && is_sure(out.values[*out.answer].is);
        if (holds_ == 0) return;
        const std::size_t neighbour = row_of(holds_ - 1);
        if (out.answer) out.neighbour = neighbour;
        out.certain = out.certain && is_sure(out.values[neighbour].is);
    }

    [[nodiscard]] bool is_monotone(const std::vector<judged_value>& values) const {
        bool held = false;
        for (std::size_t i = 0; i != values.size(); ++i) {
            const judged_value& v = values[asked_.goal == aim::smallest ? i : values.size() - 1 - i];
            if (v.is == verdict::fails && held) return false;
            held = held || v.is == verdict::holds;
        }
        return true;
    }

    const io::optimise_file& asked_;
    std::size_t count_;
    judge& judge_;
    std::set<std::size_t> looked_at_;  // places
    std::size_t holds_ = 0;            ///< place of the answer; `count_`: there is none
};

/// The point with the least or most of a metric.
class halving {
public:
    halving(const io::optimise_file& asked, const sweep& candidates, judge& by)
        : asked_(asked), count_(candidates.variants.size()), judge_(by) {}

    optimisation run() {
        std::vector<std::size_t> left(count_);
        for (std::size_t i = 0; i != count_; ++i) left[i] = i;
        std::uint64_t n = std::max<std::uint64_t>(1, asked_.trials.replications >> halvings());
        bool goes_on = judge_.run(left, n);
        const bool has_first = goes_on;
        while (goes_on && (left.size() > finalists || n != asked_.trials.replications)) {
            if (left.size() > finalists) {
                rank(left);
                left.resize(std::max(finalists, (left.size() + 1) / 2));
            }
            n = left.size() > finalists ? std::min(asked_.trials.replications, 2 * n) : asked_.trials.replications;
            goes_on = judge_.run(left, n);
        }
        optimisation out = judge_.end();
        out.values = judge_.all();
        if (has_first && !out.interrupted && out.first_error.empty()) answer(out, left);
        return out;
    }

private:
    [[nodiscard]] unsigned halvings() const {
        unsigned out = 0;
        for (std::size_t left = count_; left > finalists; left = (left + 1) / 2) ++out;
        return std::min(out, 63U);
    }

    /// Less is better; points that keep to no limit come last, the nearest to it first.
    [[nodiscard]] std::pair<double, double> cost_of(const judged_value& v) const {
        constexpr double infinity = std::numeric_limits<double>::infinity();
        const judged_metric& goal = v.metrics.front();
        double beyond = goal.mean.count < v.replications ? infinity : 0;
        for (std::size_t i = 0; i != asked_.where.size(); ++i) {
            const judged_metric& m = v.metrics[i + 1];
            if (is_good(m.is)) continue;
            const double limit = asked_.where[i].limit;
            // Next to nothing for one that lies on its limit.
            beyond += m.mean.count < v.replications
                          ? infinity
                          : std::max(std::abs(m.mean.mean - limit) / std::max(std::abs(limit), 1e-300), 1e-300);
        }
        return {beyond, asked_.goal == aim::minimise ? goal.mean.mean : -goal.mean.mean};
    }

    void rank(std::vector<std::size_t>& variants) const {
        std::map<std::size_t, std::pair<double, double>> cost;
        for (const std::size_t v : variants) cost[v] = cost_of(judge_.judged(v));
        std::sort(variants.begin(), variants.end(),
                  [&](std::size_t a, std::size_t b) { return std::pair{cost[a], a} < std::pair{cost[b], b}; });
    }

    void answer(optimisation& out, std::vector<std::size_t> left) const {
        rank(left);
        std::vector<std::size_t> rows;
        for (const std::size_t v : left) {
            const auto at = std::find_if(out.values.begin(), out.values.end(),
                                         [&](const judged_value& j) { return j.variant == v; });
            if (cost_of(*at).first == 0) rows.push_back(static_cast<std::size_t>(at - out.values.begin()));
        }
        if (rows.empty()) return;
        out.answer = rows.front();
        std::vector<std::vector<double>> goals;
        for (const std::size_t r : rows) goals.push_back(judge_.values_of(asked_.metric, out.values[r].variant));
        set_rivals(out, rows, goals);
        out.certain = !out.out_of_budget && is_sure(out.values[*out.answer].is) &&
                      std::count_if(out.values.begin(), out.values.end(),
                                    [](const judged_value& v) { return v.may_be_best; }) == 1;
    }

    void set_rivals(optimisation& out, const std::vector<std::size_t>& rows,
                    const std::vector<std::vector<double>>& goals) const {
        out.values[rows.front()].may_be_best = true;
        const auto best =
            probability_of_best(goals, asked_.goal == aim::minimise ? direction::lower : direction::higher);
        std::vector<double> p;
        for (std::size_t i = 0; i != rows.size(); ++i) {
            out.values[rows[i]].best = best[i];
            if (i == 0) continue;
            const auto d = differences(goals[i], goals.front());
            p.push_back(d.size() < 2 ? 1 : careful_mean(d).p_value());
        }
        const auto worse = holm(p, asked_.confidence);
        for (std::size_t i = 1; i != rows.size(); ++i) out.values[rows[i]].may_be_best = !worse[i - 1].significant;
    }

    const io::optimise_file& asked_;
    std::size_t count_;
    judge& judge_;
};

}  // namespace

sweep candidates_of(const io::optimise_file& asked) { return expand(asked.trials); }

std::vector<std::size_t> checked_rows(const io::optimise_file& asked, const sweep& candidates) {
    if (asked.bisects()) return {0, candidates.variants.size() - 1};
    std::vector<std::size_t> out(candidates.variants.size());
    for (std::size_t i = 0; i != out.size(); ++i) out[i] = i;
    return out;
}

optimisation optimise(const io::optimise_file& asked, const sweep& candidates, const trial_runner& runner,
                      result_store& store, const sweep_options& options) {
    judge by(asked, candidates, runner, store, options);
    return asked.bisects() ? bisection(asked, candidates, by).run() : halving(asked, candidates, by).run();
}

}  // namespace ampacity::experiment
