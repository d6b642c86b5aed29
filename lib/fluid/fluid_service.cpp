#include <ampacity/core/error.hpp>
#include <ampacity/fluid/fluid_service.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace ampacity::fluid {
namespace {

/// Parts of a request that sketches, which count whole values, know.
constexpr double parts = 10'000;

double seconds_of(instant at) { return to_seconds(at - start_of_time); }

}  // namespace

fluid_service::fluid_service(std::shared_ptr<const surface> of, offered_rate offered,
                             const serving::latency_targets& targets)
    : surface_(std::move(of)),
      offered_(std::move(offered)),
      longest_target_s_(longest_target_s(targets)),
      mix_(surface_->mix(1, 1)),
      saturated_(surface_->saturated(1, 1)),
      in_bin_(num_bins + 1, 0.0) {
    bins_.reserve(num_bins + 1);
    for (std::size_t k = 0; k <= num_bins; ++k) bins_.push_back(surface_->at(static_cast<double>(k) / num_bins, 1, 1));
}

void fluid_service::advance(instant now, std::uint32_t replicas) {
    AMPACITY_ASSERT(now >= now_);
    if (now == now_) return;
    const double seconds = to_seconds(now - now_), from_s = seconds_of(now_);
    const double come = offered_.through(now), arrived = come - totals_.offered;
    const double served_before = totals_.served;
    // A capacity of 0: the cache holds none of them, and all are rejected at once.
    const double rate = mix_.capacity * replicas, most = mix_.capacity > 0 ? rate * seconds : arrived + backlog_;
    const double queued_rate = rate * mix_.queued_share;
    const double most_queued = mix_.capacity > 0 ? queued_rate * seconds : most;
    last_ = {.from = now_, .to = now, .offered = arrived};
    totals_.offered = come;
    totals_.capacity += rate * seconds;
    if (backlog_ == 0 && arrived <= most && replicas != 0) {
        flow(most > 0 ? arrived / most : 0, seconds, arrived, replicas);
    } else {
        if (arrived > 0) waiting_.push_back({from_s, from_s + seconds, arrived});
        const double before = backlog_;
        if (replicas != 0 && backlog_ + arrived <= most_queued) {
            // Gone within the while: what comes behind that meets none.
            const double until = std::min(seconds, backlog_ / (queued_rate - arrived / seconds));
            const double late = arrived * (1 - until / seconds);
            totals_.request_s += backlog_ * until / 2;
            work_off(from_s, until, backlog_ + arrived - late, replicas);
            waiting_.clear();
            backlog_ = 0;
            if (until < seconds) flow(late / (rate * (seconds - until)), seconds - until, late, replicas);
        } else {
            if (replicas != 0) work_off(from_s, seconds, most_queued, replicas);
            backlog_ += arrived - (replicas != 0 ? most_queued : 0);
            if (replicas == 0) running_ = 0;
            totals_.request_s += (before + backlog_) / 2 * seconds;
        }
    }
    now_ = now;
    totals_.max_backlog = std::max(totals_.max_backlog, backlog_);
    last_.served = totals_.served - served_before;
    last_.load = most > 0 && replicas != 0 ? last_.served / most : 0;
    last_.backlog = backlog_;
    if (last_.served > 0) {
        const double wait_s = backlog_ > 0 && queued_rate > 0 ? backlog_ / queued_rate : 0;
        const point_values& v =
            backlog_ > 0 ? saturated_ : bins_[static_cast<std::size_t>(std::min(last_.load, 1.0) * num_bins)];
        last_.ttft_p50_s = v.ttft.p50() + wait_s;
        last_.ttft_p99_s = v.ttft.p99() + wait_s;
    }
}

/// Without a backlog.
void fluid_service::flow(double load, double seconds, double requests, std::uint32_t replicas) {
    const double place = std::clamp(load, 0.0, 1.0) * num_bins;
    const std::size_t low = std::min(static_cast<std::size_t>(place), num_bins - 1);
    const point_values &a = bins_[low], &b = bins_[low + 1];
    const double share = place - static_cast<double>(low), time_s = seconds * replicas;
    const auto blend = [share](double x, double y) { return x + share * (y - x); };
    totals_.served += requests;
    totals_.met += requests * (1 - mix_.rejected) * blend(a.met[0], b.met[0]);
    totals_.busy_s += time_s * blend(a.busy, b.busy);
    totals_.prefilling_s += time_s * blend(a.prefilling, b.prefilling);
    totals_.kv_s += time_s * blend(a.kv, b.kv);
    const double in_service_s = requests * (1 - mix_.rejected) * blend(a.e2e.mean, b.e2e.mean);
    totals_.request_s += in_service_s;
    running_ = in_service_s / seconds;
    in_bin_[low] += requests * (1 - share);
    in_bin_[low + 1] += requests * share;
}

/// So many of the backlog and of what comes meanwhile, from its front on.
void fluid_service::work_off(double from_s, double seconds, double requests, std::uint32_t replicas) {
    const double time_s = seconds * replicas;
    totals_.served += requests;
    totals_.busy_s += time_s * saturated_.busy;
    totals_.prefilling_s += time_s * saturated_.prefilling;
    totals_.kv_s += time_s * saturated_.kv;
    totals_.request_s += requests * (1 - mix_.rejected) * saturated_.e2e.mean;
    if (seconds > 0) running_ = requests / seconds * (1 - mix_.rejected) * saturated_.e2e.mean;
    double done = 0;
    while (done < requests && !waiting_.empty()) {
        piece& front = waiting_.front();
        const double taken = std::min(front.requests, requests - done);
        const double came_to = front.from_s + (front.to_s - front.from_s) * (taken / front.requests);
        const double begin = from_s + seconds * (done / requests), end = from_s + seconds * ((done + taken) / requests);
        // Waits run evenly from one end of the piece to the other.
        constexpr int steps = 4;
        for (int i = 0; i != steps; ++i) {
            const double t = (i + 0.5) / steps;
            const double wait =
                std::max(0.0, begin + (end - begin) * t - (front.from_s + (came_to - front.from_s) * t));
            add(waited_, saturated_, wait, taken / steps);
            const double met =
                longest_target_s_ > 0 ? met_after(saturated_, wait / longest_target_s_) : saturated_.met[0];
            totals_.met += taken / steps * (1 - mix_.rejected) * met;
        }
        done += taken;
        front.requests -= taken;
        front.from_s = came_to;
        if (front.requests <= 0) waiting_.pop_front();
    }
}

void fluid_service::add(sketches& to, const point_values& v, double wait_s, double requests) {
    constexpr int steps = 4;  // between two quantiles
    const auto spread = [&](quantile_sketch& s, const latency_values& l, double wait) {
        for (std::size_t k = 0; k + 1 != quantile_shares.size(); ++k) {
            const double share = (quantile_shares[k + 1] - quantile_shares[k]) / steps;
            const auto times = static_cast<std::uint64_t>(std::llround(requests * share * parts));
            for (int i = 0; i != steps; ++i)
                s.add(l.quantiles[k] + (i + 0.5) / steps * (l.quantiles[k + 1] - l.quantiles[k]) + wait, times);
        }
    };
    spread(to.ttft, v.ttft, wait_s);
    spread(to.tpot, v.tpot, 0);
    spread(to.e2e, v.e2e, wait_s);
    to.ttft_sum += requests * (v.ttft.mean + wait_s);
    to.tpot_sum += requests * v.tpot.mean;
    to.e2e_sum += requests * (v.e2e.mean + wait_s);
    to.requests += requests;
}

std::optional<fluid_service::latencies> fluid_service::result() const {
    sketches all = waited_;
    for (std::size_t k = 0; k <= num_bins; ++k) {
        if (in_bin_[k] > 0) add(all, bins_[k], 0, in_bin_[k]);
    }
    if (mix_.rejected == 1 || all.ttft.count() == 0) return std::nullopt;
    const auto of = [&](const quantile_sketch& s, double sum) -> latency {
        return {sum / all.requests, *s.percentile(p50), *s.percentile(p90), *s.percentile(p99), *s.percentile(p100)};
    };
    return latencies{of(all.ttft, all.ttft_sum), of(all.tpot, all.tpot_sum), of(all.e2e, all.e2e_sum)};
}

}  // namespace ampacity::fluid
