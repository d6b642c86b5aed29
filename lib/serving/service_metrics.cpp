#include <ampacity/serving/service_metrics.hpp>

#include <algorithm>

namespace ampacity::serving {

void latency_statistics::add(double ns) {
    ++count_;
    sum_ += ns;
    if (count_ <= exact_limit) return values_.push_back(ns);
    for (const double v : values_) sketch_.add(v);
    values_ = {};
    sketch_.add(ns);
}

std::optional<double> latency_statistics::mean_s() const {
    if (count_ == 0) return std::nullopt;
    return sum_ / static_cast<double>(count_) * 1e-9;
}

std::optional<double> latency_statistics::percentile_s(per_mille p) const {
    if (count_ == 0) return std::nullopt;
    if (!is_exact()) return *sketch_.percentile(p) * 1e-9;
    std::vector<double> sorted = values_;
    const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(exact_rank(p, count_) - 1);
    std::nth_element(sorted.begin(), at, sorted.end());
    return *at / 1e9;
}

void service_metrics::add(const request_record& r, const latency_targets& targets) {
    ++requests;
    preemptions += r.preemptions;
    switch (r.state) {
        case request_state::finished: ++finished; break;
        case request_state::rejected: ++rejected; break;
        case request_state::cancelled: ++cancelled; break;
        case request_state::unfinished: ++unfinished; break;
        case request_state::failed: ++failed; break;
        case request_state::shed: ++shed; break;
    }
    if (r.transfer >= duration::zero()) transfer.add(static_cast<double>(ticks(r.transfer)));
    if (r.state != request_state::finished) return;
    prompt_tokens += r.prompt_tokens;
    output_tokens += r.output_tokens;
    const duration first = *serving::ttft(r);
    const duration all = *serving::e2e(r);
    const std::optional<double> per_token = tpot_ns(r);
    ttft.add(static_cast<double>(ticks(first)));
    e2e.add(static_cast<double>(ticks(all)));
    queueing.add(static_cast<double>(ticks(*serving::queueing(r))));
    if (per_token) tpot.add(*per_token);
    const bool in_time = (!targets.ttft || first <= *targets.ttft) && (!targets.e2e || all <= *targets.e2e) &&
                         (!targets.tpot || !per_token || *per_token <= static_cast<double>(ticks(*targets.tpot)));
    if (in_time) ++met;
}

std::optional<double> service_metrics::attainment() const {
    if (decided() == 0) return std::nullopt;
    return static_cast<double>(met) / static_cast<double>(decided());
}

}  // namespace ampacity::serving
