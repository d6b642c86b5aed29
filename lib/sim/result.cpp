#include <ampacity/core/error.hpp>
#include <ampacity/core/statistics.hpp>
#include <ampacity/sim/result.hpp>

#include <algorithm>

namespace ampacity::sim {
namespace {

constexpr duration slowdown_bound = std::chrono::seconds{10};

template <class F>
void for_finished(std::span<const std::span<const job_record>> sources, F f) {
    for (const auto& records : sources) {
        for (const job_record& r : records) {
            if (r.state == outcome::finished) f(r);
        }
    }
}

std::uint64_t completion_ns(const job_record& r) { return static_cast<std::uint64_t>(ticks(r.finish - r.submit)); }
std::uint64_t wait_ns(const job_record& r) { return static_cast<std::uint64_t>(ticks(r.first_start - r.submit)); }
double slowdown(const job_record& r) {
    const auto bound = static_cast<double>(ticks(std::max(r.useful, slowdown_bound)));
    return std::max(1.0, static_cast<double>(completion_ns(r)) / bound);
}

double seconds(std::uint64_t ns) { return to_seconds(duration{static_cast<std::int64_t>(ns)}); }

/// Mean from the sum, percentiles from a selector that has p50, p90, p99 and the largest value.
template <class Convert>
distribution_summary describe(double mean, const quantile_selector& keys, Convert convert) {
    return {.mean = mean, .p50 = convert(*keys.value(0)), .p90 = convert(*keys.value(1)), .p99 = convert(*keys.value(2)),
            .max = convert(*keys.value(3))};
}

void count(const job_record& r, summary& s) {
    if (r.submit == unset) return;
    ++s.submitted;
    s.preemptions += r.preemptions;
    switch (r.state) {
        case outcome::unfinished: ++s.unfinished; break;
        case outcome::rejected: ++s.rejected; break;
        case outcome::killed: ++s.killed; break;
        case outcome::finished: ++s.finished; break;
    }
}

void describe_finished(std::span<const std::span<const job_record>> sources, summary& s) {
    const std::vector<per_mille> ranks{p50, p90, p99, p100};
    quantile_selector jct{ranks};
    quantile_selector wait{ranks};
    quantile_selector bounded{ranks};
    int128 jct_sum = 0;
    int128 wait_sum = 0;
    double slowdown_sum = 0;
    for (bool again = true, first = true; again; first = false) {
        for_finished(sources, [&](const job_record& r) {
            jct.add(completion_ns(r));
            wait.add(wait_ns(r));
            const double x = slowdown(r);
            bounded.add(order_key(x));
            if (!first) return;
            jct_sum += completion_ns(r);
            wait_sum += wait_ns(r);
            slowdown_sum += x;
        });
        // Each must see the end of the pass.
        const bool jct_again = jct.end_pass();
        const bool wait_again = wait.end_pass();
        const bool bounded_again = bounded.end_pass();
        again = jct_again || wait_again || bounded_again;
    }
    const auto n = static_cast<double>(s.finished);
    s.jct_s = describe(static_cast<double>(jct_sum) / 1e9 / n, jct, seconds);
    s.wait_s = describe(static_cast<double>(wait_sum) / 1e9 / n, wait, seconds);
    s.bounded_slowdown = describe(slowdown_sum / n, bounded, from_order_key);
}

}  // namespace

summary summarise(std::span<const std::span<const job_record>> sources, std::uint64_t gpus) {
    summary s;
    for (const auto& records : sources) {
        for (const job_record& r : records) count(r, s);
    }
    if (s.finished == 0) return s;
    describe_finished(sources, s);
    gpu_time useful = 0;
    instant first = never;
    instant last = unset;
    for_finished(sources, [&](const job_record& r) {
        useful += gpu_time{ticks(r.useful)} * r.gpus;
        first = std::min(first, r.submit);
        last = std::max(last, r.finish);
    });
    s.makespan_s = to_seconds(last - first);
    if (last > first) s.utilisation = static_cast<double>(useful) / (static_cast<double>(gpus) * static_cast<double>(ticks(last - first)));
    return s;
}

}  // namespace ampacity::sim
