#include <ampacity/core/statistics.hpp>
#include <ampacity/io/trace_statistics.hpp>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <queue>
#include <system_error>
#include <utility>

namespace ampacity::io {
namespace {

/// One quantity: its mean from the first reading, its percentiles from as many as they need.
class quantity_statistics {
public:
    /// A value of integer ns or GPUs. \pre value >= 0
    void add(std::int64_t value) {
        if (!done_) selector_.add(static_cast<std::uint64_t>(value));
        if (first_) sum_ += value;
    }
    /// A ratio. \pre value >= 0
    void add_ratio(double value) {
        if (!done_) selector_.add(order_key(value));
        if (first_) ratio_sum_ += value;
    }
    /// True if another reading is needed.
    bool end_reading() {
        first_ = false;
        if (!done_) done_ = !selector_.end_pass();
        return !done_;
    }
    /// In units of `unit` of the integers. \pre no further reading is needed
    [[nodiscard]] std::optional<value_statistics> integers(double unit) const {
        const auto n = selector_.count();
        if (n == 0) return std::nullopt;
        const double mean = static_cast<double>(static_cast<long double>(sum_) / static_cast<long double>(n));
        return of(n, mean / unit, [unit](std::uint64_t key) { return static_cast<double>(key) / unit; });
    }
    [[nodiscard]] std::optional<value_statistics> ratios() const {
        const auto n = selector_.count();
        if (n == 0) return std::nullopt;
        return of(n, static_cast<double>(ratio_sum_ / static_cast<long double>(n)), from_order_key);
    }

private:
    template <class Convert>
    [[nodiscard]] value_statistics of(std::uint64_t n, double mean, Convert convert) const {
        return {.count = n,
                .mean = mean,
                .p50 = convert(*selector_.value(0)),
                .p90 = convert(*selector_.value(1)),
                .p95 = convert(*selector_.value(2)),
                .p99 = convert(*selector_.value(3)),
                .max = convert(*selector_.value(4))};
    }

    quantile_selector selector_{{p50, p90, per_mille{950}, p99, p100}};
    int128 sum_ = 0;
    long double ratio_sum_ = 0;
    bool first_ = true;
    bool done_ = false;
};

/// Jobs by user or by group, from the indices of one source.
class owners {
public:
    void add(std::uint32_t index, gpu_time time) {
        if (index == 0) return;
        if (index >= shares_.size()) shares_.resize(index + 1);
        if (shares_[index].jobs == 0) ++count_;
        shares_[index].add(time);
    }
    [[nodiscard]] owner_statistics result(const trace_source& source) const {
        owner_statistics out{.count = count_, .largest = {}, .largest_share = {}};
        std::size_t largest = 0;
        for (std::size_t i = 1; i < shares_.size(); ++i) {
            if (shares_[i].jobs != 0 && (largest == 0 || shares_[i].time > shares_[largest].time)) largest = i;
        }
        if (largest == 0) return out;
        out.largest = source.text(static_cast<std::int64_t>(largest));
        out.largest_share = shares_[largest];
        return out;
    }

private:
    std::vector<job_share> shares_;
    std::uint64_t count_ = 0;
};

/// Jobs that have not ended by the last submit so far.
class open_jobs {
public:
    void add(instant submit, instant end, gpu_time time) {
        last_ = std::max(last_, submit);
        if (end > last_) jobs_.push({end, time});
        while (!jobs_.empty() && jobs_.top().end <= last_) jobs_.pop();
    }
    [[nodiscard]] job_share take() {
        job_share out;
        for (; !jobs_.empty(); jobs_.pop()) out.add(jobs_.top().time);
        return out;
    }

private:
    struct open_job {
        instant end;
        gpu_time time;
        friend bool operator>(const open_job& a, const open_job& b) noexcept { return a.end > b.end; }
    };

    instant last_ = instant::min();
    std::priority_queue<open_job, std::vector<open_job>, std::greater<>> jobs_;
};

class collector final : public record_observer {
public:
    void on_record(const workload::job_request& job, const record_facts& facts) override {
        duration_.add(job.work.count());
        gpus_.add(job.gpus);
        const bool estimated = job.estimate != workload::no_estimate && job.work > duration::zero();
        if (estimated)
            factor_.add_ratio(static_cast<double>(job.estimate.count()) / static_cast<double>(job.work.count()));
        if (facts.wait) wait_.add(facts.wait->count());
        if (!first_) return;
        const gpu_time time = gpu_time{job.work.count()} * job.gpus;
        result_.all.add(time);
        sizes_[job.gpus].add(time);
        users_.add(job.user, time);
        groups_.add(job.group, time);
        result_.ended[static_cast<std::size_t>(facts.end)].add(time);
        const instant start = add_saturating(job.submit, facts.wait.value_or(duration::zero()));
        open_.add(job.submit, add_saturating(start, job.work), time);
    }

    /// One reading of the trace; true if another one is needed.
    bool read(trace_source& source) {
        std::vector<workload::job_request> batch(1024);
        std::optional<instant> before;
        instant begin{};
        while (const std::size_t n = source.next(batch)) {
            for (std::size_t i = 0; i < n; ++i) {
                if (before)
                    interarrival_.add(ticks(batch[i].submit - *before));
                else
                    begin = batch[i].submit;
                before = batch[i].submit;
            }
        }
        const std::uint64_t digest = source.finish_digest();
        if (first_) {
            result_.header = source.header();
            result_.records_endings = source.records_endings();
            result_.skipped = source.skipped();
            result_.users = users_.result(source);
            result_.groups = groups_.result(source);
            result_.open_at_last_submit = open_.take();
            if (before) result_.span = *before - begin;
            for (const auto& [gpus, share] : sizes_) result_.sizes.push_back({gpus, share});
            digest_ = digest;
        } else if (digest != digest_) {
            throw data_error(
                {{source.path(), 1, 1}, {}, "changed while it was read", {}, "try again when it is complete"});
        }
        first_ = false;
        bool again = false;
        for (auto* q : {&duration_, &interarrival_, &gpus_, &factor_, &wait_}) again = q->end_reading() || again;
        return again;
    }

    [[nodiscard]] trace_statistics finish() {
        constexpr double second = 1e9;
        result_.duration_s = duration_.integers(second);
        result_.interarrival_s = interarrival_.integers(second);
        result_.gpus = gpus_.integers(1);
        result_.estimate_factor = factor_.ratios();
        result_.wait_s = wait_.integers(second);
        return std::move(result_);
    }

private:
    trace_statistics result_;
    quantity_statistics duration_, interarrival_, gpus_, factor_, wait_;
    std::map<std::uint32_t, job_share> sizes_;
    owners users_, groups_;
    open_jobs open_;
    bool first_ = true;
    std::uint64_t digest_ = 0;
};

}  // namespace

trace_statistics read_statistics(job_trace_options options) {
    collector all;
    options.observer = &all;
    while (all.read(*open_job_trace(options))) {
        std::error_code unknown;
        if (std::filesystem::is_regular_file(options.path, unknown)) continue;
        throw data_error({{options.path.string(), 1, 1},
                          {},
                          "is no file that can be read twice, which so many jobs need",
                          {},
                          "put the trace in a file"});
    }
    trace_statistics out = all.finish();
    out.format = options.format;
    return out;
}

std::optional<double> offered_load(const trace_statistics& s, std::uint64_t gpus) {
    if (!s.span || *s.span == duration::zero()) return std::nullopt;
    return static_cast<double>(static_cast<long double>(s.all.time) /
                               (static_cast<long double>(gpus) * static_cast<long double>(s.span->count())));
}

}  // namespace ampacity::io
