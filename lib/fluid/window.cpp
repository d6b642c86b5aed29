#include <ampacity/core/error.hpp>
#include <ampacity/core/quantile_sketch.hpp>
#include <ampacity/fluid/window.hpp>
#include <ampacity/serving/service.hpp>
#include <ampacity/workload/arrivals.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

namespace ampacity::fluid {
namespace {

/// Parts of a request that sketches, which count whole values, know.
constexpr double parts = 10'000;
/// Rows of a window are numbers of their own.
constexpr unsigned window_bit = 32;

double seconds_of(instant at) { return to_seconds(at - start_of_time); }
instant at_s(double seconds) { return start_of_time + duration{std::llround(seconds * 1e9)}; }

/// One side of windows.
struct side {
    quantile_sketch ttft{10}, tpot{10};
    double served = 0;  // of all replicas
    double busy_s = 0;  // replicas x time in steps
    double seen_s = 0;  // replicas x time in which steps were seen
    double time_s = 0;  // replicas x time

    void merge(const side& o) {
        ttft.merge(o.ttft);
        tpot.merge(o.tpot);
        served += o.served;
        busy_s += o.busy_s;
        seen_s += o.seen_s;
        time_s += o.time_s;
    }

    [[nodiscard]] window_values values() const {
        return {.served_per_s = time_s > 0 ? served / time_s : 0,
                .busy = seen_s > 0 ? busy_s / seen_s : 0,
                .ttft_p50_s = ttft.percentile(p50),
                .ttft_p99_s = ttft.percentile(p99),
                .tpot_p50_s = tpot.percentile(p50),
                .tpot_p99_s = tpot.percentile(p99)};
    }
};

/// Time as slowed replicas have it, from the begin of the first piece on: by it, their steps take as long as ever.
class replica_clock {
public:
    explicit replica_clock(std::span<const window_piece> pieces) {
        for (const window_piece& p : pieces) {
            const instant from = at_s(p.from_s);
            if (parts_.empty())
                parts_.push_back({from, from, p.pace});
            else if (parts_.back().pace != p.pace)
                parts_.push_back({from, of(from), p.pace});
        }
    }

    struct part {
        instant from;  // by the clock of all
        instant begin;
        double pace;
    };
    [[nodiscard]] std::span<const part> parts() const noexcept { return parts_; }
    [[nodiscard]] instant of(instant at) const {
        if (at == never) return never;
        const part& p = last_by(&part::from, at);
        return p.begin + scaled(at - p.from, p.pace);
    }
    /// The clock of all.
    [[nodiscard]] instant back(instant at) const {
        const part& p = last_by(&part::begin, at);
        return p.from + scaled(at - p.begin, 1 / p.pace);
    }

private:
    [[nodiscard]] const part& last_by(instant part::* time, instant at) const {
        std::size_t k = parts_.size() - 1;
        while (k != 0 && parts_[k].*time > at) --k;
        return parts_[k];
    }
    [[nodiscard]] static duration scaled(duration d, double times) {
        return times == 1 ? d : duration{std::llround(static_cast<double>(ticks(d)) * times)};
    }

    std::vector<part> parts_;
};

/// A window with the replicas that stand for all.
struct sample {
    double from_s = 0, to_s = 0;  // without the warm-up
    std::uint32_t replicas = 0;
    std::span<const window_piece> pieces;

    /// Of a piece, to the simulated replicas [1/s].
    [[nodiscard]] double rate(const window_piece& p) const {
        return p.requests / (p.to_s - p.from_s) * replicas / p.replicas;
    }
};

/// Latencies so many times as long.
void spread(quantile_sketch& to, const latency_values& l, double requests, double times) {
    constexpr int steps = 4;  // between two quantiles
    for (std::size_t k = 0; k + 1 != quantile_shares.size(); ++k) {
        const double share = (quantile_shares[k + 1] - quantile_shares[k]) / steps;
        const auto count = static_cast<std::uint64_t>(std::llround(requests * share * parts));
        for (int i = 0; i != steps; ++i)
            to.add((l.quantiles[k] + (i + 0.5) / steps * (l.quantiles[k + 1] - l.quantiles[k])) * times, count);
    }
}

side by_surface(const surface& s, const sample& w) {
    const mix_values mix = s.mix(1, 1);
    side out;
    for (const window_piece& p : w.pieces) {
        const double seconds = std::min(p.to_s, w.to_s) - std::max(p.from_s, w.from_s);
        if (seconds <= 0) continue;
        const double rate = w.rate(p), requests = rate * seconds, time_s = seconds * w.replicas;
        const point_values v = s.at(mix.capacity > 0 ? rate / (w.replicas * mix.capacity * p.pace) : 0, 1, 1);
        out.served += requests;
        out.busy_s += time_s * v.busy;
        out.seen_s += time_s;
        out.time_s += time_s;
        spread(out.ttft, v.ttft, requests * (1 - mix.rejected), 1 / p.pace);
        spread(out.tpot, v.tpot, requests * (1 - mix.rejected), 1 / p.pace);
    }
    return out;
}

/// Instants of arrivals: a process of one per second, on the clock of the pieces. The last one goes on for ever.
class piecewise_arrivals {
public:
    piecewise_arrivals(const sample& w, const surface_options& o, std::uint64_t seed, std::uint64_t entity)
        : w_(w), process_({.seed = seed, .entity = entity, .rate_per_s = 1, .cv = o.cv, .process = o.process}) {}

    [[nodiscard]] instant next() {
        const auto count = process_.next();
        if (!count) return never;
        const double wanted = seconds_of(*count);
        for (;; ++at_) {
            const window_piece& p = w_.pieces[at_];
            const double rate = w_.rate(p), come = rate * (p.to_s - p.from_s);
            const bool is_last = at_ + 1 == w_.pieces.size();
            if (wanted < before_ + come || (is_last && rate > 0)) return at_s(p.from_s + (wanted - before_) / rate);
            if (is_last) return never;
            before_ += come;
        }
    }

private:
    const sample& w_;
    workload::arrivals process_;
    std::size_t at_ = 0;
    double before_ = 0;  // arrivals before this piece
};

/// The replicas of a window, request by request, by their clock.
class window_trial {
public:
    window_trial(const surface_options& o, const sample& w, std::uint64_t seed, std::uint64_t number)
        : o_(o),
          first_row_(number << window_bit),
          clock_(w.pieces),
          begin_(clock_.of(at_s(w.from_s))),
          end_(clock_.of(at_s(w.to_s))),
          replicas_(w.replicas),
          arrivals_(w, o, seed, first_row_),
          engine_({.replicas = w.replicas, .engine = o.engine, .router = o.router, .random = {.seed = seed}}, o.time) {
        o_.seed = seed;
        out_.time_s = (w.to_s - w.from_s) * w.replicas;
        due_.push_back({begin_, 1});
        for (const replica_clock::part& p : clock_.parts()) {
            if (p.begin > begin_ && p.begin < end_) due_.push_back({p.begin, pace_});
            if (p.begin < end_) pace_ = p.pace;
        }
        due_.push_back({end_, pace_});
    }

    [[nodiscard]] side run() {
        workload::request next = draw();
        while (!is_done(next.arrival)) {
            const instant now = std::min(next.arrival, engine_.next());
            if (now == never) break;
            engine_.advance(now);
            for (; next.arrival == now; next = draw()) {
                if (now >= begin_ && now < end_) ++num_measured_;
                engine_.submit(next, now);
            }
            engine_.start(now);
            for (const serving::request_record& r : engine_.records()) leave(r, now);
            engine_.clear_records();
            look(now);
        }
        // Nothing more happens.
        while (looked_ != due_.size()) look(due_[looked_].at);
        return std::move(out_);
    }

private:
    [[nodiscard]] workload::request draw() {
        workload::request r = request_of(o_, first_row_ + row_++, 1, 1);
        r.arrival = clock_.of(arrivals_.next());
        return r;
    }

    /// All that arrived in the window have left, and it is over.
    [[nodiscard]] bool is_done(instant next) const {
        return next >= end_ && looked_ == due_.size() && num_measured_ == 0;
    }

    void leave(serving::request_record r, instant now) {
        if (now >= begin_ && now < end_) ++out_.served;
        if (r.arrival < begin_ || r.arrival >= end_) return;
        --num_measured_;
        if (r.state != serving::request_state::finished) return;
        for (instant* const at : {&r.arrival, &r.first_token, &r.end}) *at = clock_.back(*at);
        out_.ttft.add(to_seconds(r.first_token - r.arrival));
        if (const auto each = serving::tpot_ns(r)) out_.tpot.add(1e-9 * *each);
    }

    /// Time in steps from the first event of the window to the first behind it, at each pace.
    void look(instant now) {
        if (looked_ == due_.size() || now < due_[looked_].at) return;
        const double busy_s = to_seconds(engine_.counts().busy), seen_s = seconds_of(now) * replicas_;
        if (looked_ != 0) {
            out_.busy_s += (busy_s - busy_s_) / due_[looked_].pace;
            out_.seen_s += (seen_s - seen_s_) / due_[looked_].pace;
        }
        busy_s_ = busy_s;
        seen_s_ = seen_s;
        ++looked_;
    }

    struct reading {
        instant at;
        double pace;  // before it
    };

    surface_options o_;
    std::uint64_t first_row_, row_ = 0;
    replica_clock clock_;
    instant begin_, end_;
    std::uint32_t replicas_;
    piecewise_arrivals arrivals_;
    serving::service engine_;
    side out_;
    std::uint64_t num_measured_ = 0;  // of the window, that have not left
    double pace_ = 1;
    std::vector<reading> due_;
    std::size_t looked_ = 0;          // readings
    double busy_s_ = 0, seen_s_ = 0;  // as of the last one
};

struct both_sides {
    side flow, engine;

    void merge(const both_sides& o) {
        flow.merge(o.flow);
        engine.merge(o.engine);
    }
    [[nodiscard]] window_result result(double from_s, std::uint32_t replicas) const {
        return {.from_s = from_s, .replicas = replicas, .flow = flow.values(), .engine = engine.values()};
    }
    void tell(windows_result& to) const {
        to.flow = flow.values();
        to.engine = engine.values();
    }
};

sample sample_of(const recorded_window& w, const window_options& o) {
    sample out{.from_s = to_seconds(o.every * static_cast<std::int64_t>(w.number)), .pieces = w.pieces};
    out.to_s = out.from_s + to_seconds(o.length);
    out.replicas = o.replicas;
    for (const window_piece& p : w.pieces) out.replicas = std::min(out.replicas, p.replicas);
    return out;
}

bool is_comparable(const recorded_window& w, const sample& one) {
    const auto comes = [&](const window_piece& p) { return p.requests > 0 && p.to_s > one.from_s; };
    return !w.waited && std::any_of(w.pieces.begin(), w.pieces.end(), comes);
}

}  // namespace

instant window_recorder::begin_of(std::uint64_t number) const {
    return start_of_time + options_.every * static_cast<std::int64_t>(number);
}

void window_recorder::add(const flow_interval& i, std::uint32_t replicas) {
    if (i.to <= through_) return;
    through_ = i.to;
    const double seconds = to_seconds(i.to - i.from);
    for (std::uint64_t number = num_passed_ + 1;; ++number) {
        const instant from = begin_of(number) - options_.warm_up, to = begin_of(number) + options_.length;
        if (i.to <= from) return;
        if (windows_.size() < number) windows_.push_back({.number = number});
        recorded_window& w = windows_[number - 1];
        const instant begin = std::max(from, i.from), end = std::min(to, i.to);
        w.pieces.push_back({.from_s = seconds_of(begin),
                            .to_s = seconds_of(end),
                            .requests = i.offered * (to_seconds(end - begin) / seconds),
                            .replicas = replicas,
                            .pace = i.pace});
        const bool worked_off = i.served > i.offered * (1 + 1e-6) + 1e-3;
        w.waited = w.waited || i.backlog > 0 || worked_off || replicas == 0;
        if (i.to < to) return;
        ++num_passed_;
    }
}

windows_result compare_windows(const surface& s, const surface_options& from, const window_recorder& recorded) {
    const window_recorder* const alone = &recorded;
    return std::move(compare_windows(s, from, {&alone, 1}).sites.front());
}

windows_of_sites compare_windows(const surface& s, const surface_options& from,
                                 std::span<const window_recorder* const> sites) {
    AMPACITY_ASSERT(!sites.empty());
    windows_of_sites out;
    out.sites.resize(sites.size());
    std::vector<both_sides> of_site(sites.size());
    both_sides all;
    std::size_t most = 0;
    for (const window_recorder* const site : sites) most = std::max(most, site->windows().size());
    for (std::size_t k = 0; k != most; ++k) {
        both_sides of_window;
        window_result result;
        for (std::size_t i = 0; i != sites.size(); ++i) {
            if (k >= sites[i]->windows().size()) continue;
            const recorded_window& w = sites[i]->windows()[k];
            const sample one = sample_of(w, sites[i]->options());
            result.from_s = one.from_s;
            if (!is_comparable(w, one)) {
                ++out.sites[i].not_compared;
                continue;
            }
            const both_sides seen{by_surface(s, one),
                                  window_trial(from, one, sites[i]->options().seed, w.number).run()};
            out.sites[i].each.push_back(seen.result(one.from_s, one.replicas));
            of_site[i].merge(seen);
            of_window.merge(seen);
            result.replicas += one.replicas;
        }
        if (result.replicas == 0) {
            ++out.together.not_compared;
            continue;
        }
        out.together.each.push_back(of_window.result(result.from_s, result.replicas));
        all.merge(of_window);
    }
    for (std::size_t i = 0; i != sites.size(); ++i) of_site[i].tell(out.sites[i]);
    all.tell(out.together);
    return out;
}

}  // namespace ampacity::fluid
