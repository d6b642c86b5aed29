#include <ampacity/core/statistics.hpp>
#include <ampacity/llm/inference_replica.hpp>
#include <ampacity/serving/percentile_planner.hpp>
#include <ampacity/serving/service.hpp>
#include <ampacity/workload/synthetic_requests.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace ampacity::serving {
namespace {

constexpr double most_requests_at_once = 512;  ///< of replicas that are simulated together, unless it is one
constexpr double most_replicas = 4;            ///< that are simulated together
constexpr double most_tokens = 8192;           ///< of a step
constexpr double most_seqs = 4096;             ///< of one
constexpr double least_requests = 2000;        ///< whose latencies count
constexpr double first_share = 0.3;            ///< of the rate that equal requests would allow: what is tried first
constexpr double least_share = 1e-3;           ///< and the least
constexpr double most_share = 1.05;            ///< and the most
constexpr int halvings = 6;
constexpr double run_in = 6;  ///< times that an answer takes, before requests count

workload::token_lengths lengths_of(const llm::length_law& l) {
    const auto most = l.most > 0 ? static_cast<std::uint64_t>(l.most) : workload::max_tokens_per_request;
    if (l.sigma <= 0) return workload::token_lengths{{{1, constant_distribution{l.mean}}}, most};
    return workload::token_lengths{{{1, lognormal_distribution{l.median(), l.sigma}}}, most};
}

exact_time exact_of(double s) { return {std::llround(std::min(s, 9.0) * 1e18), 9}; }

iteration_time time_of(const llm::modelled_replica& r) {
    step_grid grid{.decodes = r.decodes, .prefill_tokens = r.prefill_tokens, .time = {}};
    for (const double s : r.time_s) grid.time.push_back(exact_of(s));
    return iteration_time{
        linear_step{.per_kv_token = exact_of(r.per_kv_token_s), .per_prefill_attention = exact_of(r.per_pair_s)},
        step_table{grid}};
}

double percentile(std::vector<double>& of, per_mille p) {
    if (of.empty()) return 0;
    const auto at = of.begin() + static_cast<std::ptrdiff_t>(exact_rank(p, of.size()) - 1);
    std::nth_element(of.begin(), at, of.end());
    return *at;
}

/// Replicas of one kind, simulated at any rate.
class trial {
public:
    /// `at`: about the load that they will serve.
    trial(const llm::model& m, const llm::inference_deployment& d, const percentile_goal& goal,
          const llm::load_estimate& at, const llm::system& s, const llm::inference_efficiency& e)
        : total_s_{at.ttft_s + goal.output.mean * at.tpot_s},
          outside_s_{e.find_software(d.software).request_s},
          prompt_{lengths_of(goal.prompt)},
          output_{lengths_of(goal.output)} {
        const double workers = std::max<double>(1, d.decode_workers);
        const double several = most_requests_at_once * workers / std::max(1.0, at.requests_s * total_s_);
        replicas_ = static_cast<std::uint32_t>(std::floor(std::clamp(several, 1.0, std::min(workers, most_replicas))));
        share_ = replicas_ / workers;
        const llm::replica_range range{.decodes = static_cast<std::int64_t>(std::min(most_seqs, d.step_tokens)),
                                       .prefill_tokens = static_cast<std::int64_t>(d.step_tokens),
                                       .context = goal.prompt.mean + goal.output.met() / 2,
                                       .prompt = goal.prompt.mean};
        const llm::modelled_replica r = llm::replica_of(m, d.decode, s, e, e.find_software(d.software), range);
        options_ = {.max_seqs = range.decodes,
                    .max_batched_tokens = range.prefill_tokens,
                    .kv_capacity_tokens = static_cast<std::int64_t>(std::min(r.cache_tokens, std::ldexp(1.0, 40)))};
        time_.emplace(time_of(r));
    }

    [[nodiscard]] latency_percentiles run(double requests_s) const {
        const double rate = requests_s * share_;
        const double before = std::ceil(run_in * total_s_ * rate);
        const double counted = std::max(least_requests, std::ceil(total_s_ * rate));
        const auto all = static_cast<std::uint64_t>(1.25 * before + counted);
        workload::synthetic_requests source{
            {.seed = 1,
             .entity = 0,
             .requests = all,
             .arrivals = {.seed = 1, .entity = 0, .rate_per_s = rate, .process = workload::arrival_process::poisson},
             .prompt = prompt_,
             .output = output_}};
        service serving{{.replicas = replicas_, .engine = options_, .router = "least-requests", .random = {.seed = 1}},
                        *time_};
        std::vector<double> first, each;
        serve(source, serving, longest, [&](const request_record& r) {
            const auto row = static_cast<double>(r.row);
            if (row < before || row >= before + counted) return;
            if (r.first_token == never) return first.push_back(std::numeric_limits<double>::infinity());
            first.push_back(static_cast<double>(ticks(*ttft(r))) * 1e-9 + outside_s_);
            if (const auto per_token = tpot_ns(r)) each.push_back(*per_token * 1e-9);
        });
        return {.requests_s = requests_s,
                .ttft_p50_s = percentile(first, p50),
                .ttft_p99_s = percentile(first, p99),
                .tpot_p50_s = percentile(each, p50),
                .tpot_p99_s = percentile(each, p99)};
    }

private:
    static constexpr instant longest = start_of_time + duration{std::int64_t{1} << 62U};

    double total_s_;  ///< of an answer, about
    double outside_s_;
    std::uint32_t replicas_ = 1;
    double share_ = 1;  ///< of the replicas, those that are simulated
    workload::token_lengths prompt_;
    workload::token_lengths output_;
    replica_options options_{};
    std::optional<iteration_time> time_{};
};

}  // namespace

double step_tokens_within(const llm::model& m, const llm::inference_deployment& d, double most_tpot_s, double prompt,
                          const llm::system& s, const llm::inference_efficiency& e) {
    double tokens = most_tokens;
    if (most_tpot_s <= 0) return tokens;
    const llm::inference_software with = e.find_software(d.software);
    const auto lasts = [&](double of) {
        const llm::inference_batch b{.prefills = std::max(1.0, of / prompt), .prefill_tokens = of};
        return llm::iteration_of(m, d.decode, b, s, e, with).time_s();
    };
    while (tokens > 256 && lasts(tokens) > most_tpot_s) tokens /= 2;
    return tokens;
}

latency_percentiles latencies_at(const llm::model& m, const llm::inference_deployment& d, const percentile_goal& goal,
                                 double requests_s, const llm::system& s, const llm::inference_efficiency& e) {
    const llm::load_estimate at = llm::estimate_at(m, d, goal.mean(), requests_s, s, e);
    return trial{m, d, goal, at, s, e}.run(requests_s);
}

percentile_plan best_within(const llm::model& m, std::uint32_t gpus, const llm::inference_deployment& like,
                            const percentile_goal& goal, const llm::system& s, const llm::inference_efficiency& e) {
    percentile_plan best;
    for (const llm::planned_serving& p : llm::all_replicas(m, gpus, like, goal.mean(), s, e)) {
        llm::inference_deployment d = p.as;
        const double least_tokens = step_tokens_within(m, d, goal.most_tpot_s, goal.prompt.mean, s, e);
        for (d.step_tokens = least_tokens; d.step_tokens <= std::min(most_tokens, 4 * least_tokens);
             d.step_tokens *= 2) {
            double high = most_share * p.most.requests_s;
            double low = std::max(first_share * p.most.requests_s, 1.01 * best.most.requests_s);
            const double least = std::max(least_share * p.most.requests_s, 1.01 * best.most.requests_s);
            if (low >= high) break;
            const trial simulated{m, d, goal, p.most, s, e};
            latency_percentiles found = simulated.run(low);
            while (!found.keeps(goal) && low > least) {
                high = low;
                low = std::max(least, low / 4);
                found = simulated.run(low);
            }
            if (!found.keeps(goal)) continue;
            best = {d, found};
            for (int i = 0; i < halvings && high > 1.01 * low; ++i) {
                const double mid = std::sqrt(low * high);
                found = simulated.run(mid);
                (found.keeps(goal) ? low : high) = mid;
                if (low == mid) best.most = found;
            }
        }
    }
    return best;
}

}  // namespace ampacity::serving
