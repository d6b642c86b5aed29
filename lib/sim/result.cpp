#include <ampacity/core/error.hpp>
#include <ampacity/core/statistics.hpp>
#include <ampacity/sim/result.hpp>

#include <algorithm>

namespace ampacity::sim {
namespace {

constexpr duration slowdown_bound = std::chrono::seconds{10};

/// In file order. The records stand far apart in memory: those to come are fetched ahead.
template <class F>
void for_all(std::span<const source_records> sources, F f) {
    constexpr std::size_t ahead = 32;  // records
    for (const source_records& of : sources) {
        for (std::size_t row = 0; row != of.jobs.size(); ++row) {
            __builtin_prefetch(of.jobs.data() + row + ahead);
            f(of, row);
        }
    }
}

std::uint64_t completion_ns(const job_record& r) { return static_cast<std::uint64_t>(ticks(r.finish - r.submit)); }
std::uint64_t wait_ns(const job_record& r) { return static_cast<std::uint64_t>(ticks(r.first_start - r.submit)); }
double seconds(std::uint64_t ns) { return to_seconds(duration{static_cast<std::int64_t>(ns)}); }

/// Mean from the sum, percentiles from a selector that has p50, p90, p99 and the largest value.
template <class Convert>
distribution_summary describe(double mean, const quantile_selector& keys, Convert convert) {
    return {.mean = mean,
            .p50 = convert(*keys.value(0)),
            .p90 = convert(*keys.value(1)),
            .p99 = convert(*keys.value(2)),
            .max = convert(*keys.value(3))};
}

/// a / b, to the nearest double or the next to it.
double ratio(int128 a, int128 b) {
    return static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b));
}

/// What one scan over all records adds up.
struct totals {
    int128 jct_ns = 0;
    int128 wait_ns = 0;
    long double slowdown = 0;
    gpu_time useful = 0;
    instant first = never;
    instant last = unset;

    void add(const source_records& of, std::size_t row, double slowdown_of_r) {
        const job_record& r = of.jobs[row];
        jct_ns += sim::completion_ns(r);
        wait_ns += sim::wait_ns(r);
        slowdown += slowdown_of_r;
        useful += of.useful(row);
        first = std::min(first, r.submit);
        last = std::max(last, r.finish);
    }
};

void count(const job_record& r, summary& s) {
    if (r.submit == unset) return;
    ++s.submitted;
    s.preemptions += r.preemptions;
    s.restarts += r.restarts;
    switch (r.state) {
        case outcome::unfinished: ++s.unfinished; break;
        case outcome::rejected: ++s.rejected; break;
        case outcome::killed: ++s.killed; break;
        case outcome::finished: ++s.finished; break;
    }
}

/// The order statistics of the three metrics, which share the scans.
struct selectors {
    quantile_selector jct{ranks()};
    quantile_selector wait{ranks()};
    quantile_selector bounded{ranks()};

    static std::vector<per_mille> ranks() { return {p50, p90, p99, p100}; }
    void add(const job_record& r, double slowdown_of_r) {
        jct.add(completion_ns(r));
        wait.add(wait_ns(r));
        bounded.add(order_key(slowdown_of_r));
    }
    bool end_pass() {
        // Each must see the end of the pass.
        const bool jct_again = jct.end_pass();
        const bool wait_again = wait.end_pass();
        const bool bounded_again = bounded.end_pass();
        return jct_again || wait_again || bounded_again;
    }
};

}  // namespace

double bounded_slowdown(const source_records& of, std::size_t row) noexcept {
    const auto bound = static_cast<double>(ticks(std::max(of.alone(row), slowdown_bound)));
    return std::max(1.0, static_cast<double>(completion_ns(of.jobs[row])) / bound);
}

void share_costs(training_cost& of, const energy_result& run, gpu_time capacity) {
    const auto share = [](std::optional<double>& to, const std::optional<double>& all, double part) {
        if (all) to = to.value_or(0) + *all * part;
    };
    if (run.it_j > 0) {
        const double part = of.it_j / run.it_j;
        share(of.energy_usd, run.demand_usd, part);
    }
    if (capacity == 0) return;
    const double held = of.gpu_s / (static_cast<double>(capacity) * 1e-9);
    share(of.capacity_usd, run.capacity_usd, held);
    share(of.carbon_embodied_kg, run.carbon_embodied_kg, held);
}

summary summarise(std::span<const source_records> sources, std::uint64_t gpus, std::span<const capacity_step> came) {
    summary s;
    totals sum;
    selectors select;
    for_all(sources, [&](const source_records& of, std::size_t row) {
        const job_record& r = of.jobs[row];
        count(r, s);
        if (r.state != outcome::finished) return;
        const double x = bounded_slowdown(of, row);
        sum.add(of, row, x);
        select.add(r, x);
    });
    if (s.finished == 0) return s;
    while (select.end_pass()) {
        for_all(sources, [&](const source_records& of, std::size_t row) {
            if (of.jobs[row].state == outcome::finished) select.add(of.jobs[row], bounded_slowdown(of, row));
        });
    }
    const int128 n = s.finished;
    s.jct_s = describe(ratio(sum.jct_ns, n * 1'000'000'000), select.jct, seconds);
    s.wait_s = describe(ratio(sum.wait_ns, n * 1'000'000'000), select.wait, seconds);
    s.bounded_slowdown =
        describe(static_cast<double>(sum.slowdown / static_cast<long double>(n)), select.bounded, from_order_key);
    s.makespan_s = to_seconds(sum.last - sum.first);
    if (sum.last > sum.first) {
        int128 capacity = int128{gpus} * ticks(sum.last - sum.first);
        for (const capacity_step& c : came) {
            if (c.at < sum.last) capacity += int128{c.gpus} * ticks(sum.last - std::max(sum.first, c.at));
        }
        if (capacity != 0) s.utilisation = ratio(sum.useful, capacity);
    }
    return s;
}

}  // namespace ampacity::sim
