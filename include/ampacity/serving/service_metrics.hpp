#pragma once
/// \file
/// What the records of a service come to: counts, latencies, and the share of requests that met their targets.
///
/// Percentiles are exact for up to `latency_statistics::exact_limit` values of a kind and beyond it within a relative
/// error of 2^-11 (0.05 %), by a sketch. Results do not depend on the order of the records but for the last bits of the
/// mean of TPOT. O(1) per record. One thread.

#include <ampacity/core/quantile_sketch.hpp>
#include <ampacity/core/statistics.hpp>
#include <ampacity/serving/request_record.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace ampacity::serving {

/// Times of one kind.
class latency_statistics {
public:
    static constexpr std::size_t exact_limit = std::size_t{1} << 20U;

    /// \pre ns is finite and >= 0.
    void add(double ns);

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] bool is_exact() const noexcept { return count_ <= exact_limit; }
    /// [s]; nothing without values.
    [[nodiscard]] std::optional<double> mean_s() const;
    /// [s], the ceil(p n)-th smallest of n values; nothing without values. O(values) while it is exact.
    [[nodiscard]] std::optional<double> percentile_s(per_mille p) const;

private:
    std::uint64_t count_ = 0;
    double sum_ = 0;
    std::vector<double> values_;  // until they are too many
    quantile_sketch sketch_{10};
};

/// What a request should meet; what is not given is met.
struct latency_targets {
    std::optional<duration> ttft{};
    std::optional<duration> tpot{};  ///< met by answers of one token
    std::optional<duration> e2e{};
};

class service_metrics {
public:
    explicit service_metrics(const latency_targets& targets = {}) : targets_(targets) {}

    void add(const request_record& r) { add(r, targets_); }
    /// The same, with targets of its own.
    void add(const request_record& r, const latency_targets& targets);

    std::uint64_t requests = 0;  ///< all records
    std::uint64_t finished = 0;
    std::uint64_t rejected = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t unfinished = 0;
    std::uint64_t failed = 0;
    std::uint64_t shed = 0;
    std::uint64_t met = 0;            ///< finished and within all targets
    std::uint64_t preemptions = 0;    ///< of all
    std::uint64_t prompt_tokens = 0;  ///< of finished requests
    std::uint64_t output_tokens = 0;  ///< of finished requests

    latency_statistics ttft{};      ///< of finished requests
    latency_statistics tpot{};      ///< of finished requests of more than one token
    latency_statistics e2e{};       ///< of finished requests
    latency_statistics queueing{};  ///< of finished requests
    latency_statistics transfer{};  ///< of those whose cache went to another replica

    /// Requests that have left, in whatever way.
    [[nodiscard]] std::uint64_t decided() const noexcept { return finished + rejected + cancelled + failed + shed; }
    /// Share of these that met all targets; nothing where there are none.
    [[nodiscard]] std::optional<double> attainment() const;

private:
    latency_targets targets_;
};

}  // namespace ampacity::serving
