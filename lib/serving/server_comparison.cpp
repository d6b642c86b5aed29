#include <ampacity/serving/server_comparison.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <tuple>

namespace ampacity::serving {
namespace {

/// What the best replicas hang on. Answers count as so many whole tokens.
using question = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, double, double, double>;

class comparison {
public:
    comparison(const llm::inference_set& set, const llm::inference_efficiency& e) : set_{set}, e_{e} {}

    bool compare(std::uint32_t row, compared_server& out) {
        const llm::measured_server& r = set_.servers[row];
        if (e_.find(set_.systems[r.system].accelerator) == nullptr) return false;
        out.row = row;
        out.best = best(r);
        if (out.best.most.requests_s <= 0) return false;
        out.throughput_error = out.best.most.requests_s / r.requests_s - 1;
        if (r.tpot_s <= 0) return true;
        const double rate = std::min(r.requests_s, out.best.most.requests_s);
        out.modelled = latencies_at(set_.models[r.model], out.best.as, goal_of(r), rate, set_.systems[r.system], e_);
        out.measured = errors_of(out.modelled, r);
        out.largest = errors_of(out.best.most, r);
        return true;
    }

private:
    static percentile_goal goal_of(const llm::measured_server& r) {
        percentile_goal goal{r.prompt, r.output, r.goal.most_ttft_s, r.goal.most_tpot_s};
        goal.output.mean = std::max(1.0, std::round(goal.output.mean));
        return goal;
    }
    static latency_errors errors_of(const latency_percentiles& l, const llm::measured_server& r) {
        const auto error = [](double modelled, double measured) { return measured > 0 ? modelled / measured - 1 : 0; };
        return {error(l.ttft_p50_s, r.ttft_s), error(l.tpot_p50_s, r.tpot_s), error(l.tpot_p99_s, r.tpot_p99_s)};
    }

    [[nodiscard]] percentile_plan best(const llm::measured_server& r) {
        const percentile_goal goal = goal_of(r);
        const question q{r.model, r.system, r.gpus, goal.output.mean, goal.most_ttft_s, goal.most_tpot_s};
        const auto [at, is_new] = known_.try_emplace(q);
        if (!is_new) return at->second;
        const llm::model& m = set_.models[r.model];
        const llm::system& s = set_.systems[r.system];
        llm::inference_deployment like = r.like;
        like.software = llm::tuned_program;
        if (r.tpot_s > 0) return at->second = best_within(m, r.gpus, like, goal, s, e_);
        for (const llm::planned_serving& p : llm::all_replicas(m, r.gpus, like, goal.mean(), s, e_)) {
            const double rate = llm::full_rate(m, p.as, goal.prompt, goal.output, s, e_);
            if (rate > at->second.most.requests_s) at->second = {p.as, {.requests_s = rate}};
        }
        return at->second;
    }

    const llm::inference_set& set_;
    const llm::inference_efficiency& e_;
    std::map<question, percentile_plan> known_;
};

llm::inference_software* tuned(llm::inference_efficiency& e) {
    const auto at = std::find_if(e.software.begin(), e.software.end(),
                                 [](const llm::inference_software& s) { return s.name == llm::tuned_program; });
    return at == e.software.end() ? nullptr : &*at;
}

/// \pre `compared` is without any time outside of iterations. [s]
double outside_s(const llm::inference_set& set, const std::vector<compared_server>& compared) {
    std::map<const llm::measured_server*, double> weights;
    for (const llm::weighted_run& r : llm::fitted_runs(set)) weights[r.run] = r.weight;
    const auto miss = [&](double outside) {
        double sum = 0;
        for (const compared_server& c : compared) {
            const llm::measured_server& r = set.servers[c.row];
            const auto weight = weights.find(&r);
            if (r.ttft_s <= 0 || weight == weights.end()) continue;
            sum += weight->second * std::abs(std::log((outside + c.modelled.ttft_p50_s) / r.ttft_s));
        }
        return sum;
    };
    double best = 0;
    for (int i = 1; i <= 40; ++i) {
        if (miss(i * 0.005) < miss(best)) best = i * 0.005;
    }
    return best;
}

template <class Key>
std::vector<compared_server> leave_out(const llm::inference_set& set, const llm::inference_efficiency& e, Key key_of) {
    std::map<std::string, std::vector<std::uint32_t>> groups;
    for (std::uint32_t i = 0; i < set.servers.size(); ++i) {
        if (set.servers[i].fitted) groups[key_of(set.servers[i])].push_back(i);
    }
    llm::inference_efficiency bare = e;
    if (llm::inference_software* const s = tuned(bare)) s->request_s = 0;
    const std::vector<compared_server> all = compare_servers(set, bare);
    std::vector<compared_server> out;
    for (const auto& [key, rows] : groups) {
        llm::inference_set rest = set;
        for (const std::uint32_t i : rows) rest.servers[i].fitted = false;
        llm::inference_efficiency without = e;
        llm::fit_tuned(rest, without);
        if (llm::inference_software* const s = tuned(without)) s->request_s = outside_s(rest, all);
        comparison c{set, without};
        for (const std::uint32_t i : rows) {
            if (compared_server one; c.compare(i, one)) out.push_back(one);
        }
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
    return out;
}

}  // namespace

void fit_first_tokens(const llm::inference_set& set, llm::inference_efficiency& e) {
    llm::inference_software* const s = tuned(e);
    if (s == nullptr) return;
    s->request_s = 0;
    s->request_s = outside_s(set, compare_servers(set, e));
}

std::vector<compared_server> compare_servers(const llm::inference_set& set, const llm::inference_efficiency& e) {
    std::vector<compared_server> out;
    comparison c{set, e};
    for (std::uint32_t i = 0; i < set.servers.size(); ++i) {
        if (compared_server one; c.compare(i, one)) out.push_back(one);
    }
    return out;
}

std::vector<compared_server> leave_one_model_out(const llm::inference_set& set, const llm::inference_efficiency& e) {
    return leave_out(set, e, [&](const llm::measured_server& r) { return set.models[r.model].name; });
}

std::vector<compared_server> leave_one_gpu_out(const llm::inference_set& set, const llm::inference_efficiency& e) {
    return leave_out(set, e, [&](const llm::measured_server& r) { return set.systems[r.system].accelerator; });
}

}  // namespace ampacity::serving
