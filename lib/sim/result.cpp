#include <ampacity/core/error.hpp>
#include <ampacity/sim/result.hpp>

#include <algorithm>

namespace ampacity::sim {
namespace {

constexpr duration slowdown_bound = std::chrono::seconds{10};

/// The ceil(p/100 n)-th smallest; reorders `values`.
template <class T>
T percentile(std::vector<T>& values, std::size_t p) {
    const std::size_t rank = (p * values.size() + 99) / 100;
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(rank - 1);
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

double seconds(std::int64_t ns) { return to_seconds(duration{ns}); }
double same(double x) { return x; }

template <class T, class Sum, class Convert>
std::optional<distribution_summary> describe(std::vector<T>& values, Sum sum, Convert convert) {
    if (values.empty()) return std::nullopt;
    distribution_summary d;
    d.mean = static_cast<double>(sum) / static_cast<double>(values.size());
    d.p50 = convert(percentile(values, 50));
    d.p90 = convert(percentile(values, 90));
    d.p99 = convert(percentile(values, 99));
    d.max = convert(*std::max_element(values.begin(), values.end()));
    return d;
}

}  // namespace

summary summarise(std::span<const std::vector<job_record>> sources, std::uint64_t gpus) {
    summary s;
    std::vector<std::int64_t> jct;
    std::vector<std::int64_t> wait;
    std::vector<double> slowdown;
    int128 jct_sum = 0;
    int128 wait_sum = 0;
    double slowdown_sum = 0;
    gpu_time useful = 0;
    instant first = never;
    instant last = unset;
    for (const auto& records : sources) {
        for (const job_record& r : records) {
            ++s.submitted;
            s.preemptions += r.preemptions;
            switch (r.state) {
                case outcome::unfinished: ++s.unfinished; continue;
                case outcome::rejected: ++s.rejected; continue;
                case outcome::killed: ++s.killed; continue;
                case outcome::finished: ++s.finished; break;
            }
            const std::int64_t completion = ticks(r.finish - r.submit);
            const std::int64_t waited = ticks(r.first_start - r.submit);
            const auto bound = static_cast<double>(ticks(std::max(r.useful, slowdown_bound)));
            jct.push_back(completion);
            wait.push_back(waited);
            slowdown.push_back(std::max(1.0, static_cast<double>(completion) / bound));
            jct_sum += completion;
            wait_sum += waited;
            slowdown_sum += slowdown.back();
            useful += gpu_time{ticks(r.useful)} * r.gpus;
            first = std::min(first, r.submit);
            last = std::max(last, r.finish);
        }
    }
    s.jct_s = describe(jct, static_cast<double>(jct_sum) / 1e9, seconds);
    s.wait_s = describe(wait, static_cast<double>(wait_sum) / 1e9, seconds);
    s.bounded_slowdown = describe(slowdown, slowdown_sum, same);
    if (s.finished != 0) {
        s.makespan_s = to_seconds(last - first);
        if (last > first) {
            s.utilisation = static_cast<double>(useful) / (static_cast<double>(gpus) * static_cast<double>(ticks(last - first)));
        }
    }
    return s;
}

}  // namespace ampacity::sim
