#pragma once
/// \file
/// Quantiles of any number of values in bounded memory, within a relative error that is proved, not estimated.
///
/// A value's bin is its exponent and the first `digits` bits of its mantissa, so a bin reaches from L to L + w with
/// w <= 2^-digits x L. The k-th smallest value is in the bin in which the running count of keys reaches k, exactly; the
/// bin's middle, which is the answer, is at most w / 2 away from it:
///
///     |answer - exact| <= 2^-(digits + 1) x exact        (digits = 7: 0.4 %)
///
/// for every rank and every input of finite values >= 2^-1022. Smaller ones count as 0, and for these the answer is 0.
/// The smallest and the largest value are exact. Counts are integers: the order of the values does not matter, and
/// merging two sketches gives, bit for bit, the sketch of both inputs. Compare Masson, Rim and Lee, "DDSketch", VLDB 12
/// (2019): the same bound, with bins that are powers of one base and so need a logarithm.
///
/// Memory: 8 x 2^digits bytes for each power of two between the smallest and the largest value above 0 (1 KiB for
/// digits = 7; nanoseconds to centuries are 63 of them), never more than 2046. O(1) per value. One thread per object.

#include <ampacity/core/error.hpp>
#include <ampacity/core/statistics.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

namespace ampacity {

class quantile_sketch {
public:
    /// Requires 0 <= digits <= 16.
    explicit quantile_sketch(unsigned digits = 7) : digits_(digits) { AMPACITY_ASSERT(digits <= 16); }

    /// Requires a finite value >= 0.
    void add(double value) { add(value, 1); }

    /// Adds a value `times` times.
    void add(double value, std::uint64_t times) {
        AMPACITY_ASSERT(std::isfinite(value) && value >= 0);
        if (times == 0) return;
        if (count_ == 0 || value < min_) min_ = value;
        if (count_ == 0 || value > max_) max_ = value;
        count_ += times;
        const std::uint64_t bin = order_key(value) >> (52U - digits_);
        if (bin >> digits_ == 0) {
            zeros_ += times;
        } else {
            at(bin) += times;
        }
    }

    /// Adds all values of another sketch. Requires the same digits.
    void merge(const quantile_sketch& other);

    /// The value of this rank, from 1, within the bound; nothing beyond the count.
    [[nodiscard]] std::optional<double> of_rank(std::uint64_t rank) const;
    /// The percentile as `exact_rank` defines it; nothing without values.
    [[nodiscard]] std::optional<double> percentile(per_mille p) const {
        return count_ == 0 ? std::nullopt : of_rank(exact_rank(p, count_));
    }

    /// The least value above all that count as one with this one, as far as percentiles go. Requires a finite value
    /// >= 0.
    [[nodiscard]] double end_of_bin(double value) const {
        const std::uint64_t bin = order_key(value) >> (52U - digits_);
        return from_order_key(std::max(bin + 1, std::uint64_t{1} << digits_) << (52U - digits_));
    }

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    /// The bound: answers are within this share of the exact value.
    [[nodiscard]] double relative_error() const noexcept { return std::ldexp(0.5, -static_cast<int>(digits_)); }
    [[nodiscard]] std::size_t bytes() const noexcept { return counts_.size() * sizeof(std::uint64_t); }

    friend bool operator==(const quantile_sketch&, const quantile_sketch&) = default;

private:
    // The count of a bin; the range in memory grows by whole powers of two.
    std::uint64_t& at(std::uint64_t bin) {
        if (bin < first_ || bin - first_ >= counts_.size()) grow(bin);
        return counts_[bin - first_];
    }
    void grow(std::uint64_t bin);

    unsigned digits_;
    std::uint64_t count_ = 0;
    std::uint64_t zeros_ = 0;
    double min_ = 0.0;
    double max_ = 0.0;
    std::uint64_t first_ = 0;  // bin of counts_[0], a multiple of 2^digits
    std::vector<std::uint64_t> counts_;
};

}  // namespace ampacity
