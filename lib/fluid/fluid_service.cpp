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
    : fluid_service(std::move(of), targets, {0.0}) {
    offered_.emplace(std::move(offered));
}

fluid_service::fluid_service(std::shared_ptr<const surface> of, const serving::latency_targets& targets,
                             std::vector<double> way_s)
    : surface_(std::move(of)),
      longest_target_s_(longest_target_s(targets)),
      mix_(surface_->mix(1, 1)),
      saturated_(surface_->saturated(1, 1)),
      way_s_(std::move(way_s)),
      in_bin_(way_s_.size() * (num_bins + 1), 0.0),
      offered_of_(way_s_.size(), 0.0),
      served_of_(way_s_.size(), 0.0),
      shares_(way_s_.size(), 0.0) {
    AMPACITY_ASSERT(!way_s_.empty());
    shares_.front() = 1;
    mean_way_s_ = way_s_.front();
    bins_.reserve(num_bins + 1);
    for (std::size_t k = 0; k <= num_bins; ++k) bins_.push_back(surface_->at(static_cast<double>(k) / num_bins, 1, 1));
}

void fluid_service::expect(instant to, std::span<const double> requests, bool last) {
    AMPACITY_ASSERT(!offered_ && requests.size() == way_s_.size() && to > now_ && now_ >= told_.to);
    double all = 0;
    for (const double n : requests) all += n;
    told_ = {.from = now_, .to = to, .before = told_.before + told_.requests, .requests = all, .is_last = last};
    if (!(all > 0)) return;
    mean_way_s_ = 0;
    for (std::size_t p = 0; p != way_s_.size(); ++p) {
        shares_[p] = requests[p] / all;
        mean_way_s_ += shares_[p] * way_s_[p];
    }
}

double fluid_service::come_by(instant now) {
    if (offered_) return offered_->through(now);
    if (now >= told_.to) return told_.before + told_.requests;
    const auto share = static_cast<double>(ticks(now - told_.from)) / static_cast<double>(ticks(told_.to - told_.from));
    return told_.before + share * told_.requests;
}

/// Share of the requests within all targets after a further wait.
double fluid_service::met_of(const point_values& v, double wait_s) const noexcept {
    return longest_target_s_ > 0 && wait_s > 0 ? met_after(v, wait_s / longest_target_s_) : v.met[0];
}

void fluid_service::hand_over(std::span<fluid_service* const> others, std::span<const double> shares) {
    const std::size_t parts_of_piece = way_s_.size();
    std::vector<double> of_piece(parts_of_piece);
    double left = 0;
    for (std::size_t i = 0; i != waiting_.size(); ++i) {
        left += waiting_[i].requests;
        for (std::size_t p = 0; p != parts_of_piece; ++p) {
            of_piece[p] = waiting_shares_[i * parts_of_piece + p];
            offered_of_[p] -= waiting_[i].requests * of_piece[p];
        }
        for (std::size_t k = 0; k != others.size(); ++k) {
            piece one = waiting_[i];
            one.requests *= shares[k];
            if (one.requests > 0) others[k]->take(one, of_piece);
        }
    }
    told_.before -= left;
    totals_.offered -= left;
    backlog_ = 0;
    waiting_.clear();
    waiting_shares_.clear();
}

/// Behind those that came before it.
void fluid_service::take(const piece& p, std::span<const double> shares) {
    auto at = waiting_.size();
    while (at != 0 && waiting_[at - 1].from_s > p.from_s) --at;
    const auto offset = [](std::size_t n) { return static_cast<std::ptrdiff_t>(n); };
    piece own = p;
    own.way_s = 0;
    for (std::size_t k = 0; k != shares.size(); ++k) {
        own.way_s += shares[k] * way_s_[k];
        offered_of_[k] += p.requests * shares[k];
    }
    waiting_.insert(waiting_.begin() + offset(at), own);
    waiting_shares_.insert(waiting_shares_.begin() + offset(at * shares.size()), shares.begin(), shares.end());
    told_.before += p.requests;
    totals_.offered += p.requests;
    backlog_ += p.requests;
    totals_.max_backlog = std::max(totals_.max_backlog, backlog_);
}

void fluid_service::advance(instant now, std::uint32_t replicas) {
    AMPACITY_ASSERT(now >= now_);
    if (now == now_) return;
    const double seconds = to_seconds(now - now_), from_s = seconds_of(now_);
    const double come = come_by(now), arrived = come - totals_.offered;
    for (std::size_t p = 0; p != shares_.size(); ++p) offered_of_[p] += arrived * shares_[p];
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
        if (arrived > 0) {
            waiting_.push_back({from_s, from_s + seconds, arrived, mean_way_s_});
            waiting_shares_.insert(waiting_shares_.end(), shares_.begin(), shares_.end());
        }
        const double before = backlog_;
        if (replicas != 0 && backlog_ + arrived <= most_queued) {
            // Gone within the while: what comes behind that meets none.
            const double until = std::min(seconds, backlog_ / (queued_rate - arrived / seconds));
            const double late = arrived * (1 - until / seconds);
            totals_.request_s += backlog_ * until / 2;
            work_off(from_s, until, backlog_ + arrived - late, replicas);
            waiting_.clear();
            waiting_shares_.clear();
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
        last_.ttft_p50_s = v.ttft.p50() + wait_s + mean_way_s_;
        last_.ttft_p99_s = v.ttft.p99() + wait_s + mean_way_s_;
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
    totals_.busy_s += time_s * blend(a.busy, b.busy);
    totals_.prefilling_s += time_s * blend(a.prefilling, b.prefilling);
    totals_.kv_s += time_s * blend(a.kv, b.kv);
    const double in_service_s = requests * (1 - mix_.rejected) * blend(a.e2e.mean, b.e2e.mean);
    totals_.request_s += in_service_s;
    running_ = in_service_s / seconds;
    for (std::size_t p = 0; p != way_s_.size(); ++p) {
        const double of_part = requests * shares_[p];
        served_of_[p] += of_part;
        totals_.met += of_part * (1 - mix_.rejected) * blend(met_of(a, way_s_[p]), met_of(b, way_s_[p]));
        double* const bins = &in_bin_[p * (num_bins + 1)];
        bins[low] += of_part * (1 - share);
        bins[low + 1] += of_part * share;
    }
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
            add(waited_, saturated_, wait + front.way_s, taken / steps);
            totals_.met += taken / steps * (1 - mix_.rejected) * met_of(saturated_, wait + front.way_s);
        }
        for (std::size_t p = 0; p != way_s_.size(); ++p) served_of_[p] += taken * waiting_shares_[p];
        done += taken;
        front.requests -= taken;
        front.from_s = came_to;
        if (front.requests > 0) continue;
        waiting_.pop_front();
        waiting_shares_.erase(waiting_shares_.begin(),
                              waiting_shares_.begin() + static_cast<std::ptrdiff_t>(way_s_.size()));
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

void fluid_service::add_to(sketches& all) const {
    for (std::size_t p = 0; p != way_s_.size(); ++p) {
        const double* const bins = &in_bin_[p * (num_bins + 1)];
        for (std::size_t k = 0; k <= num_bins; ++k) {
            if (bins[k] > 0) add(all, bins_[k], way_s_[p], bins[k]);
        }
    }
}

std::optional<fluid_service::latencies> fluid_service::result() const {
    const fluid_service* const alone = this;
    return result_of({&alone, 1});
}

std::optional<fluid_service::latencies> fluid_service::result_of(std::span<const fluid_service* const> services) {
    sketches all = services.front()->waited_;
    for (const fluid_service* const s : services.subspan(1)) {
        all.ttft.merge(s->waited_.ttft);
        all.tpot.merge(s->waited_.tpot);
        all.e2e.merge(s->waited_.e2e);
        all.ttft_sum += s->waited_.ttft_sum;
        all.tpot_sum += s->waited_.tpot_sum;
        all.e2e_sum += s->waited_.e2e_sum;
        all.requests += s->waited_.requests;
    }
    for (const fluid_service* const s : services) s->add_to(all);
    if (services.front()->mix_.rejected == 1 || all.ttft.count() == 0) return std::nullopt;
    const auto of = [&](const quantile_sketch& s, double sum) -> latency {
        return {sum / all.requests, *s.percentile(p50), *s.percentile(p90), *s.percentile(p99), *s.percentile(p100)};
    };
    return latencies{of(all.ttft, all.ttft_sum), of(all.tpot, all.tpot_sum), of(all.e2e, all.e2e_sum)};
}

}  // namespace ampacity::fluid
