// Points of a surface, by the request engine.

#include <ampacity/core/error.hpp>
#include <ampacity/core/statistics.hpp>
#include <ampacity/fluid/surface.hpp>
#include <ampacity/serving/service.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace ampacity::fluid {
namespace {

std::uint32_t scaled(std::uint32_t tokens, double scale) {
    constexpr auto most = static_cast<double>(workload::max_tokens_per_request);
    return static_cast<std::uint32_t>(std::clamp(std::round(tokens * scale), 1.0, most));
}

/// Requests of a mix: at `rate_per_s`, or all at time 0 if that is 0.
class scaled_requests {
public:
    scaled_requests(const surface_options& o, double prompt_scale, double output_scale, double rate_per_s)
        : o_(o), prompt_scale_(prompt_scale), output_scale_(output_scale) {
        if (rate_per_s > 0)
            arrivals_.emplace(workload::arrival_options{
                .seed = o.seed, .entity = 0, .rate_per_s = rate_per_s, .cv = o.cv, .process = o.process});
    }

    [[nodiscard]] workload::request next() {
        workload::request r = request_of(o_, row_++, prompt_scale_, output_scale_);
        r.arrival = arrivals_ ? arrivals_->next().value_or(never) : start_of_time;
        return r;
    }

private:
    const surface_options& o_;
    double prompt_scale_, output_scale_;
    std::uint64_t row_ = 0;
    std::optional<workload::arrivals> arrivals_;
};

/// What replicas had done at an instant.
struct reading {
    instant at{};
    serving::replica_counts counts{};
    double come = 0, left = 0;  ///< requests

    [[nodiscard]] double there() const noexcept { return come - left; }
};

/// Latencies of the measured requests.
struct samples {
    std::vector<double> ttft, tpot, e2e;             ///< [s]
    std::array<std::uint64_t, num_waits + 1> met{};  ///< of `e2e`
};

latency_values summary_of(std::vector<double>& values) {
    latency_values out;
    if (values.empty()) return out;
    std::sort(values.begin(), values.end());
    double sum = 0;
    for (const double v : values) sum += v;
    out.mean = sum / static_cast<double>(values.size());
    for (std::size_t k = 0; k != quantile_shares.size(); ++k) {
        const double rank = std::ceil(quantile_shares[k] * static_cast<double>(values.size()) - 1e-9);
        out.quantiles[k] = values[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
    }
    return out;
}

/// One run of the engine.
class trial {
public:
    trial(const surface_options& o, double prompt_scale, double output_scale, double rate_per_s)
        : o_(o),
          requests_(o, prompt_scale, output_scale, rate_per_s),
          saturated_(rate_per_s == 0),
          engine_({.replicas = o.replicas, .engine = o.engine, .router = o.router, .random = {.seed = o.seed}}, o.time),
          all_(o.requests * o.replicas) {
        AMPACITY_ASSERT(o.requests >= 1000 && o.replicas >= 1);
    }

    void run() {
        first_ = all_ / 10;
        last_ = all_ - first_ / 2;
        workload::request next = requests_.next();
        while (!is_done_) {
            const instant arrival = next.row < all_ ? next.arrival : never;
            const instant now = std::min(arrival, engine_.next());
            if (now == never) break;
            engine_.advance(now);
            for (; next.row < all_ && next.arrival == now; next = requests_.next()) submit(next, now);
            engine_.start(now);
            for (const serving::request_record& r : engine_.records()) leave(r, now);
            engine_.clear_records();
        }
    }

    [[nodiscard]] double elapsed_s() const { return to_seconds(to_.at - from_.at); }
    [[nodiscard]] double growth_per_s() const { return (to_.there() - from_.there()) / (elapsed_s() * o_.replicas); }
    [[nodiscard]] double offered_per_s() const { return (to_.come - from_.come) / (elapsed_s() * o_.replicas); }
    [[nodiscard]] double served_per_s() const { return (to_.left - from_.left) / (elapsed_s() * o_.replicas); }

    [[nodiscard]] point_values values() {
        point_values out;
        const double time_s = elapsed_s() * o_.replicas;
        const auto share = [&](duration a, duration b) { return std::clamp(to_seconds(b - a) / time_s, 0.0, 1.0); };
        out.busy = share(from_.counts.busy, to_.counts.busy);
        out.prefilling = share(from_.counts.prefilling, to_.counts.prefilling);
        const auto blocks = static_cast<double>(engine_.replicas().front().num_blocks());
        const auto taken = static_cast<double>(to_.counts.twice_block_time - from_.counts.twice_block_time);
        out.kv = blocks > 0 ? std::clamp(0.5e-9 * taken / (blocks * time_s), 0.0, 1.0) : 0;
        for (std::size_t k = 0; k != out.met.size(); ++k)
            out.met[k] = samples_.e2e.empty()
                             ? 1
                             : static_cast<double>(samples_.met[k]) / static_cast<double>(samples_.e2e.size());
        out.ttft = summary_of(samples_.ttft);
        out.tpot = summary_of(samples_.tpot);
        out.e2e = summary_of(samples_.e2e);
        return out;
    }

    /// Of a saturated run.
    void tell_mix(mix_values& out) const {
        const auto taken = static_cast<double>(all_ - num_rejected_);
        out.rejected = static_cast<double>(num_rejected_) / static_cast<double>(all_);
        if (num_rejected_ == all_) return;
        out.prompt_tokens = prompt_tokens_ / taken;
        out.output_tokens = output_tokens_ / taken;
        out.capacity = static_cast<double>(last_ - first_) / (elapsed_s() * o_.replicas * (1 - out.rejected));
    }

private:
    void submit(const workload::request& r, instant now) {
        if (!saturated_ && r.row == first_) from_ = read(now);
        if (!saturated_ && r.row == last_) to_ = read(now);
        engine_.submit(r, now);
        ++num_submitted_;
        prompt_tokens_ += r.prompt_tokens;
        output_tokens_ += r.output_tokens;
    }

    void leave(const serving::request_record& r, instant now) {
        ++num_left_;
        if (r.state == serving::request_state::rejected) {
            ++num_rejected_;
            prompt_tokens_ -= r.prompt_tokens;
            output_tokens_ -= r.output_tokens;
            // All that wait have come by now.
            if (saturated_) {
                first_ = (all_ - num_rejected_) / 10;
                last_ = (all_ - num_rejected_) - first_;
            }
        }
        const std::uint64_t place = saturated_ ? num_left_ - num_rejected_ : r.row;
        if (saturated_ && r.state == serving::request_state::finished && place == first_) from_ = read(now);
        if (saturated_ && r.state == serving::request_state::finished && place == last_) {
            to_ = read(now);
            is_done_ = true;
        }
        if (place < first_ || place >= last_) return;
        if (r.state == serving::request_state::finished) add(r);
        if (!saturated_ && ++num_measured_ == last_ - first_ && num_submitted_ > last_) is_done_ = true;
    }

    void add(const serving::request_record& r) {
        constexpr double s = 1e-9;
        const instant begin = saturated_ ? r.first_start : r.arrival;
        const double first = s * static_cast<double>(ticks(r.first_token - begin));
        const double all = s * static_cast<double>(ticks(r.end - begin));
        samples_.ttft.push_back(first);
        samples_.e2e.push_back(all);
        const auto each = serving::tpot_ns(r);
        if (each) samples_.tpot.push_back(s * *each);
        const serving::latency_targets& t = o_.targets;
        if (t.tpot && each && s * *each > to_seconds(*t.tpot)) return;
        double slack = std::numeric_limits<double>::infinity();
        if (t.ttft) slack = std::min(slack, to_seconds(*t.ttft) - first);
        if (t.e2e) slack = std::min(slack, to_seconds(*t.e2e) - all);
        const double longest = longest_target_s(t);
        for (std::size_t k = 0; k <= num_waits; ++k) {
            if (slack >= longest * static_cast<double>(k) / num_waits) ++samples_.met[k];
        }
    }

    [[nodiscard]] reading read(instant now) const {
        return {.at = now,
                .counts = engine_.counts(),
                .come = static_cast<double>(num_submitted_),
                .left = static_cast<double>(num_left_)};
    }

    const surface_options& o_;
    scaled_requests requests_;
    bool saturated_;
    serving::service engine_;
    std::uint64_t all_;
    std::uint64_t first_ = 0, last_ = 0;  // measured: [first, last)
    std::uint64_t num_submitted_ = 0, num_left_ = 0, num_rejected_ = 0, num_measured_ = 0;
    double prompt_tokens_ = 0, output_tokens_ = 0;
    reading from_, to_;
    samples samples_;
    bool is_done_ = false;
};

/// The highest rate at which the queue of idle replicas does not grow; `m` has the capacity with a long queue. [1/s]
double sustained(const surface_options& o, double prompt_scale, double output_scale, const mix_values& m) {
    // Half of what is too much for a long queue tells one that grows from one that does not.
    const auto holds = [&](double times) {
        const measured_point p = measure_point(o, prompt_scale, output_scale, times, m.capacity);
        return p.growth_per_s < (1 - m.rejected) * (p.offered_per_s - m.capacity) / 2;
    };
    constexpr double precision = 1.01, most = 64;
    // What few requests tell is not sure.
    const double noise = std::max(1.0, o.cv) / std::sqrt(static_cast<double>(o.requests * o.replicas));
    const double least = 1 + std::max(0.05, 4 * noise);
    if (!holds(least)) return m.capacity;
    double low = least, high = 1 + 2 * (least - 1);
    while (high < most && holds(high)) low = std::exchange(high, 1 + 2 * (high - 1));
    while (high / low > precision) {
        const double middle = std::sqrt(low * high);
        (holds(middle) ? low : high) = middle;
    }
    return low * m.capacity;
}

}  // namespace

double longest_target_s(const serving::latency_targets& t) noexcept {
    double out = 0;
    if (t.ttft) out = std::max(out, to_seconds(*t.ttft));
    if (t.e2e) out = std::max(out, to_seconds(*t.e2e));
    return out;
}

workload::request request_of(const surface_options& o, std::uint64_t row, double prompt_scale, double output_scale) {
    random_stream lengths(o.seed, purpose::sizes, row);
    workload::request r{.row = row};
    r.prompt_tokens = scaled(o.prompt(lengths), prompt_scale);
    lengths.seek(2);
    r.output_tokens = scaled(o.output(lengths), output_scale);
    return r;
}

measured_point measure_point(const surface_options& o, double prompt_scale, double output_scale, double load,
                             double capacity) {
    trial t(o, prompt_scale, output_scale, load * capacity * o.replicas);
    t.run();
    return {.values = t.values(),
            .offered_per_s = t.offered_per_s(),
            .served_per_s = t.served_per_s(),
            .growth_per_s = t.growth_per_s()};
}

double queued_capacity(const surface_options& o, double prompt_scale, double output_scale) {
    mix_values out;
    trial saturated(o, prompt_scale, output_scale, 0);
    saturated.run();
    saturated.tell_mix(out);
    return out.capacity;
}

mix_values measure_mix(const surface_options& o, double prompt_scale, double output_scale) {
    mix_values out;
    trial saturated(o, prompt_scale, output_scale, 0);
    saturated.run();
    saturated.tell_mix(out);
    if (out.rejected == 1) return out;
    const double most = sustained(o, prompt_scale, output_scale, out);
    out.queued_share = out.capacity / most;
    out.capacity = most;
    for (std::size_t i = 0; i + 1 != surface_loads.size(); ++i)
        out.points[i] = measure_point(o, prompt_scale, output_scale, surface_loads[i], out.capacity).values;
    out.points.back() = saturated.values();
    return out;
}

}  // namespace ampacity::fluid
