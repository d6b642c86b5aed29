#include <ampacity/llm/inference_load.hpp>

#include <algorithm>
#include <cmath>

namespace ampacity::llm {
namespace {

constexpr int halvings = 40;

class closed_loop {
public:
    closed_loop(const model& m, const inference_deployment& d, const closed_load& load, const system& s,
                const inference_efficiency& e)
        : m_{m}, d_{d}, s_{s}, e_{e}, load_{load}, with_{e.find_software(d.software)} {
        each_ = load.concurrency / d.decode_workers;
        most_ = cache_tokens(m, d.decode, s, load.prompt + load.output) / (load.prompt + load.output / 2);
    }

    load_estimate run() const {
        if (!(most_ > 0) || !(load_.concurrency > 0)) return {};
        load_estimate out = d_.split() ? split() : d_.admission == admission_kind::waves ? waves() : mixed();
        out.most_decodes = most_;
        out.tokens_s_gpu = out.requests_s * load_.output / d_.gpus();
        return out;
    }

private:
    [[nodiscard]] double token(double decodes) const {
        return token_s(m_, d_, decodes, load_.prompt + load_.output / 2, s_, e_);
    }
    [[nodiscard]] double prompt(double decodes) const { return prompt_s(m_, d_, decodes, load_.prompt, s_, e_); }

    /// The first prompt of an idle worker.
    [[nodiscard]] double alone() const {
        const inference_plan& p = d_.split() ? d_.prefill : d_.decode;
        const double chunks = std::ceil(load_.prompt / d_.step_tokens);
        double time = 0;
        for (double i = 0; i < chunks; ++i) {
            const inference_batch b{
                .prefills = 1, .prefill_tokens = load_.prompt / chunks, .prefill_before = i * load_.prompt / chunks};
            time += iteration_of(m_, p, b, s_, e_, with_).time_s();
        }
        return time;
    }

    /// Mean time to the first token: most requests of a run come one by one, some all at once, each after those before.
    void set_ttft(load_estimate& out, double steady, double requests, double each) const {
        const double outside = with_.request_s + (d_.split() ? with_.handover_s : 0);
        out.steady_s = steady;
        out.burst_s = std::max(steady, (requests + 1) / 2 * each);
        out.ttft_s = outside + (1 - with_.burst) * out.steady_s + with_.burst * out.burst_s;
    }

    struct state {
        double tpot, requests_s, ttft;
    };
    [[nodiscard]] state mixed_at(double decodes) const {
        const double one = prompt(decodes);
        const double tpot = token(decodes) + decodes / load_.output * one;
        const double x = decodes / (load_.output * tpot);
        const double busy = std::min(0.95, x * one);
        // What is left of a running step, the prompt itself beside decodes, and prompts before it.
        const double ttft = tpot / 2 + token(decodes) + one + busy * one / (2 * (1 - busy));
        return {tpot, x, ttft};
    }

    [[nodiscard]] load_estimate mixed() const {
        double low = 0;
        double high = std::min(each_, most_);
        const bool queues = high + mixed_at(high).requests_s * (mixed_at(high).ttft + with_.request_s) < each_;
        for (int i = 0; i < halvings && !queues; ++i) {
            const double mid = (low + high) / 2;
            const state s = mixed_at(mid);
            (mid + s.requests_s * (s.ttft + with_.request_s) < each_ ? low : high) = mid;
        }
        const state s = mixed_at(high);
        load_estimate out{.tpot_s = s.tpot,
                          .requests_s = s.requests_s * d_.decode_workers,
                          .decodes = high,
                          .capacity_s = mixed_at(std::min(most_, largest_batch)).requests_s * d_.decode_workers,
                          .queues = queues};
        if (queues)
            out.ttft_s = (each_ - high) / s.requests_s;
        else
            set_ttft(out, s.ttft, high, prompt(high));
        return out;
    }

    [[nodiscard]] state wave_of(double requests) const {
        const double per_batch = std::max(1.0, std::floor(d_.step_tokens / load_.prompt));
        const double batches = std::ceil(requests / per_batch);
        const double one = prompt(0) * std::min(per_batch, requests);
        const double ttft = (batches + 1) / 2 * one;
        const double tpot = token(requests) + (batches - 1) / 2 * one / load_.output;
        return {tpot, requests / (ttft + load_.output * tpot), ttft};
    }

    [[nodiscard]] load_estimate waves() const {
        const double taken = std::min(each_, most_);
        const state s = wave_of(taken);
        const bool queues = taken < each_;
        return {.ttft_s = queues ? each_ / s.requests_s - load_.output * s.tpot : s.ttft + with_.request_s,
                .tpot_s = s.tpot,
                .requests_s = s.requests_s * d_.decode_workers,
                .decodes = taken,
                .capacity_s = wave_of(std::min(most_, largest_batch)).requests_s * d_.decode_workers,
                .queues = queues};
    }

    [[nodiscard]] load_estimate split() const {
        const double one = prompt(0);
        const double prefills_s = d_.prefill_workers / one;
        const double outside = with_.request_s + with_.handover_s;
        const double first = alone() + transfer_s(m_, d_.prefill, load_.prompt, s_, e_);
        const auto rate = [&](double b) { return b * d_.decode_workers / (load_.output * token(b)); };
        const auto ttft = [&](double x) {
            const double busy = std::min(0.95, x / prefills_s);
            return first + token(1) + busy * one / (2 * (1 - busy));
        };
        const double most = std::min(each_, most_);
        double low = 0;
        double high = most;
        // The batch at which all requests are somewhere; prefill may be slower than that.
        for (int i = 0; i < halvings; ++i) {
            const double mid = (low + high) / 2;
            const double x = rate(mid);
            (x < prefills_s && mid * d_.decode_workers + x * (ttft(x) + outside) < load_.concurrency ? low : high) =
                mid;
        }
        const double x = rate(high);
        const bool queues = x >= 0.999 * prefills_s || high >= 0.999 * most_;
        const double waited = load_.concurrency / x - load_.output * token(high);
        load_estimate out{.tpot_s = token(high),
                          .requests_s = x,
                          .decodes = high,
                          .capacity_s = std::min(prefills_s, rate(std::min(most_, largest_batch))),
                          .queues = queues};
        if (queues)
            out.ttft_s = std::max(waited, ttft(x));
        else
            set_ttft(out, ttft(x), load_.concurrency / d_.prefill_workers, one);
        return out;
    }

    static constexpr double largest_batch = 4096;

    const model& m_;
    const inference_deployment& d_;
    const system& s_;
    const inference_efficiency& e_;
    closed_load load_;
    inference_software with_;
    double each_ = 0;  ///< requests of one replica
    double most_ = 0;  ///< for which it has memory
};

}  // namespace

double token_s(const model& m, const inference_deployment& d, double decodes, double context, const system& s,
               const inference_efficiency& e) {
    const inference_software with = e.find_software(d.software);
    const double each = std::max(1.0, decodes / d.decode.pp);
    const double step =
        iteration_of(m, d.decode, {.decodes = each, .context = context, .tokens_per_decode = 1 + d.drafts.drafts}, s, e,
                     with)
            .time_s();
    if (d.drafts.drafts <= 0) return step;
    const double plain = iteration_of(m, d.decode, {.decodes = each, .context = context}, s, e, with).time_s();
    return (step + d.drafts.drafts * d.drafts.draft_cost * plain) / d.drafts.tokens_per_step();
}

double prompt_s(const model& m, const inference_deployment& d, double decodes, double prompt, const system& s,
                const inference_efficiency& e) {
    const inference_software with = e.find_software(d.software);
    if (decodes > 0) {
        // Spread over the steps of its neighbours: what its tokens add to a full iteration.
        const double context = prompt;
        const double count = std::max(1.0, d.step_tokens / prompt);
        const inference_batch both{
            .decodes = decodes, .context = context, .prefills = count, .prefill_tokens = count * prompt};
        const inference_batch rest{.decodes = decodes, .context = context};
        return (iteration_of(m, d.decode, both, s, e, with).time_s() -
                iteration_of(m, d.decode, rest, s, e, with).time_s()) /
               count;
    }
    const inference_plan& p = d.split() ? d.prefill : d.decode;
    const double count = std::max<double>(p.attention_dp, std::floor(d.step_tokens / prompt));
    const inference_batch full{.prefills = count, .prefill_tokens = count * prompt};
    return iteration_of(m, p, full, s, e, with).time_s() / count;
}

load_estimate estimate(const model& m, const inference_deployment& d, const closed_load& load, const system& s,
                       const inference_efficiency& e) {
    return closed_loop{m, d, load, s, e}.run();
}

}  // namespace ampacity::llm
