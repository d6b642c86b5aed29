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

/// Share of the latencies that are not above a limit.
double share_within(const latency_values& l, double limit_s) noexcept {
    const auto& q = l.quantiles;
    const auto above = static_cast<std::size_t>(std::upper_bound(q.begin(), q.end(), limit_s) - q.begin());
    if (above == 0) return 0;
    if (above == q.size()) return 1;
    const double part = (limit_s - q[above - 1]) / (q[above] - q[above - 1]);
    return quantile_shares[above - 1] + part * (quantile_shares[above] - quantile_shares[above - 1]);
}

/// How many times as long all takes, by the steps in which it is kept.
double times_of(int step) { return std::exp(step / 256.0); }

}  // namespace

fluid_service::fluid_service(std::shared_ptr<const surface> of, offered_rate offered,
                             const serving::latency_targets& targets)
    : fluid_service(std::move(of), targets, {0.0}) {
    offered_.emplace(std::move(offered));
}

fluid_service::fluid_service(std::shared_ptr<const surface> of, const serving::latency_targets& targets,
                             std::vector<double> way_s)
    : surface_(std::move(of)),
      targets_(targets),
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
double fluid_service::met_of(const point_values& v, double wait_s, double pace) const noexcept {
    const double met = longest_target_s_ > 0 && wait_s > 0 ? met_after(v, wait_s / longest_target_s_) : v.met[0];
    if (pace == 1) return met;
    const double at_full_pace = within_each(v, wait_s, 1);
    return at_full_pace > 0 ? met * (within_each(v, wait_s, pace) / at_full_pace) : 0;
}

/// The same by the distribution of each alone: times to the first token and per token as independent, times to the last
/// as the others allow at most.
double fluid_service::within_each(const point_values& v, double wait_s, double pace) const noexcept {
    const auto within = [pace](const std::optional<duration>& target, const latency_values& l, double wait) {
        return target ? share_within(l, pace * (to_seconds(*target) - wait)) : 1.0;
    };
    return std::min(within(targets_.ttft, v.ttft, wait_s) * within(targets_.tpot, v.tpot, 0),
                    within(targets_.e2e, v.e2e, wait_s));
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

void fluid_service::advance(instant now, std::uint32_t replicas, double pace) {
    AMPACITY_ASSERT(now >= now_ && pace > 0 && pace <= 1);
    if (now == now_) return;
    const double seconds = to_seconds(now - now_), from_s = seconds_of(now_);
    const double come = come_by(now), arrived = come - totals_.offered;
    for (std::size_t p = 0; p != shares_.size(); ++p) offered_of_[p] += arrived * shares_[p];
    const double served_before = totals_.served;
    // A capacity of 0: the cache holds none of them, and all are rejected at once.
    const double rate = mix_.capacity * replicas * pace, most = mix_.capacity > 0 ? rate * seconds : arrived + backlog_;
    const double queued_rate = rate * mix_.queued_share;
    const double most_queued = mix_.capacity > 0 ? queued_rate * seconds : most;
    last_ = {.from = now_, .to = now, .offered = arrived, .pace = pace};
    totals_.offered = come;
    totals_.capacity += rate * seconds;
    if (backlog_ == 0 && arrived <= most && replicas != 0) {
        flow(most > 0 ? arrived / most : 0, seconds, arrived, replicas, pace);
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
            work_off(from_s, until, backlog_ + arrived - late, replicas, pace);
            waiting_.clear();
            waiting_shares_.clear();
            backlog_ = 0;
            if (until < seconds) flow(late / (rate * (seconds - until)), seconds - until, late, replicas, pace);
        } else {
            if (replicas != 0) work_off(from_s, seconds, most_queued, replicas, pace);
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
        last_.ttft_p50_s = v.ttft.p50() / pace + wait_s + mean_way_s_;
        last_.ttft_p99_s = v.ttft.p99() / pace + wait_s + mean_way_s_;
    }
}

/// Without a backlog.
void fluid_service::flow(double load, double seconds, double requests, std::uint32_t replicas, double pace) {
    const double place = std::clamp(load, 0.0, 1.0) * num_bins;
    const std::size_t low = std::min(static_cast<std::size_t>(place), num_bins - 1);
    const point_values &a = bins_[low], &b = bins_[low + 1];
    const double share = place - static_cast<double>(low), time_s = seconds * replicas;
    const auto between = [share](double x, double y) { return x + share * (y - x); };
    totals_.served += requests;
    totals_.busy_s += time_s * between(a.busy, b.busy);
    totals_.prefilling_s += time_s * between(a.prefilling, b.prefilling);
    totals_.kv_s += time_s * between(a.kv, b.kv);
    const double in_service_s = requests * (1 - mix_.rejected) * between(a.e2e.mean, b.e2e.mean) / pace;
    totals_.request_s += in_service_s;
    running_ = in_service_s / seconds;
    for (std::size_t p = 0; p != way_s_.size(); ++p) {
        const double of_part = requests * shares_[p];
        served_of_[p] += of_part;
        totals_.met += of_part * (1 - mix_.rejected) * between(met_of(a, way_s_[p], pace), met_of(b, way_s_[p], pace));
        if (pace < 1) {
            keep_slowed(pace, p, low, share, of_part);
            continue;
        }
        double* const bins = &in_bin_[p * (num_bins + 1)];
        bins[low] += of_part * (1 - share);
        bins[low + 1] += of_part * share;
    }
}

/// Between two steps of the pace and two bins of the load.
void fluid_service::keep_slowed(double pace, std::size_t part, std::size_t bin, double share, double requests) {
    const int step = static_cast<int>(std::floor(-std::log(pace) * 256));
    const double least = times_of(step), slower = (1 / pace - least) / (times_of(step + 1) - least);
    for (const auto& [at, n] : {std::pair{step, requests * (1 - slower)}, {step + 1, requests * slower}}) {
        std::vector<double>& kept = slowed_[at];
        kept.resize(in_bin_.size());
        double* const bins = &kept[part * (num_bins + 1) + bin];
        bins[0] += n * (1 - share);
        bins[1] += n * share;
    }
}

/// So many of the backlog and of what comes meanwhile, from its front on.
void fluid_service::work_off(double from_s, double seconds, double requests, std::uint32_t replicas, double pace) {
    const double time_s = seconds * replicas;
    totals_.served += requests;
    totals_.busy_s += time_s * saturated_.busy;
    totals_.prefilling_s += time_s * saturated_.prefilling;
    totals_.kv_s += time_s * saturated_.kv;
    totals_.request_s += requests * (1 - mix_.rejected) * saturated_.e2e.mean / pace;
    if (seconds > 0) running_ = requests / seconds * (1 - mix_.rejected) * saturated_.e2e.mean / pace;
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
            add(waited_, saturated_, wait + front.way_s, taken / steps, 1 / pace);
            totals_.met += taken / steps * (1 - mix_.rejected) * met_of(saturated_, wait + front.way_s, pace);
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

/// Latencies of the point, so many times as long, and a wait before them.
void fluid_service::add(sketches& to, const point_values& v, double wait_s, double requests, double times) {
    constexpr int steps = 4;  // between two quantiles
    const auto spread = [&](quantile_sketch& s, const latency_values& l, double wait) {
        for (std::size_t k = 0; k + 1 != quantile_shares.size(); ++k) {
            const double share = (quantile_shares[k + 1] - quantile_shares[k]) / steps;
            const auto count = static_cast<std::uint64_t>(std::llround(requests * share * parts));
            for (int i = 0; i != steps; ++i) {
                const double at_full_pace = l.quantiles[k] + (i + 0.5) / steps * (l.quantiles[k + 1] - l.quantiles[k]);
                s.add(at_full_pace * times + wait, count);
            }
        }
    };
    spread(to.ttft, v.ttft, wait_s);
    spread(to.tpot, v.tpot, 0);
    spread(to.e2e, v.e2e, wait_s);
    to.ttft_sum += requests * (v.ttft.mean * times + wait_s);
    to.tpot_sum += requests * (v.tpot.mean * times);
    to.e2e_sum += requests * (v.e2e.mean * times + wait_s);
    to.requests += requests;
}

void fluid_service::add_to(sketches& all) const {
    const auto add_kept = [&](const std::vector<double>& kept, double times) {
        for (std::size_t p = 0; p != way_s_.size(); ++p) {
            const double* const bins = &kept[p * (num_bins + 1)];
            for (std::size_t k = 0; k <= num_bins; ++k) {
                if (bins[k] > 0) add(all, bins_[k], way_s_[p], bins[k], times);
            }
        }
    };
    add_kept(in_bin_, 1);
    for (const auto& [step, kept] : slowed_) add_kept(kept, times_of(step));
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
