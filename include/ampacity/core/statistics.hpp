#pragma once
/// \file
/// Exact statistics: ranks of percentiles, order statistics of data of any size, time-weighted means.
///
/// Everything is integer arithmetic, so results do not depend on the order of the data, the number of passes or the
/// machine; a division to double happens once, at the end. Not synchronised: one thread per object.

#include <ampacity/core/error.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ampacity {

/// A percentile in tenths of a percent: 1 .. 1000.
struct per_mille {
    std::uint32_t value;
    friend constexpr auto operator<=>(const per_mille&, const per_mille&) = default;
};

inline constexpr per_mille p50{500};    ///< the median
inline constexpr per_mille p90{900};    ///< 90 %
inline constexpr per_mille p99{990};    ///< 99 %
inline constexpr per_mille p999{999};   ///< 99.9 %
inline constexpr per_mille p100{1000};  ///< the largest value

/// The rank, from 1, of a percentile among n values: ceil(p / 1000 x n). Requires 1 <= p <= 1000, n >= 1.
[[nodiscard]] constexpr std::uint64_t exact_rank(per_mille p, std::uint64_t n) {
    AMPACITY_ASSERT(p.value >= 1 && p.value <= 1000 && n >= 1);
    return static_cast<std::uint64_t>((static_cast<uint128>(p.value) * n + 999) / 1000);
}

/// A key in the order of the non-negative doubles: a < b exactly if key(a) < key(b); -0.0 counts as 0.
/// Infinity is allowed. Requires x >= 0.
[[nodiscard]] constexpr std::uint64_t order_key(double x) {
    AMPACITY_ASSERT(x >= 0);
    return std::bit_cast<std::uint64_t>(x == 0 ? 0.0 : x);
}

/// The double behind an `order_key`.
[[nodiscard]] constexpr double from_order_key(std::uint64_t key) noexcept { return std::bit_cast<double>(key); }

/// Exact order statistics of more keys than memory holds, by radix selection over repeated passes.
///
///     quantile_selector selector({p50, p99});
///     do {
///         for (std::uint64_t key : keys) selector.add(key);  // the same keys every time, in any order
///     } while (selector.end_pass());
///     std::uint64_t median = selector.value(0);
///
/// Pass 1 counts the keys in 2^16 bins that are exact below 2^10 and 1/1024 of their lower end wide above; later
/// passes split the bins in which wanted ranks lie, 2^16-fold, until a bin has few enough keys to be
/// collected, or only one possible value. All ranks share the passes, and several selectors (one per
/// metric) can share a scan.
///
/// At most 5 passes, typically 2; 1 for up to `collect_limit` keys. O(passes x n) time, two or three operations per
/// key and pass. Memory: 8 bytes a key up to `collect_limit`, beyond it 512 KiB for the bins of pass 1, then at most
/// 512 KiB for each distinct bin in work.
class quantile_selector {
public:
    /// A bin with up to this many keys is collected and searched in memory.
    static constexpr std::uint64_t collect_limit = std::uint64_t{1} << 16;

    /// Selects these percentiles, in any order. Throws `internal_error` for one outside 1 .. 1000.
    explicit quantile_selector(const std::vector<per_mille>& percentiles);

    /// Selects these ranks, from 1; those beyond the number of keys have no value.
    [[nodiscard]] static quantile_selector of_ranks(const std::vector<std::uint64_t>& ranks);

    /// Adds one key to the current pass.
    void add(std::uint64_t key) {
        if (first_pass_) {
            add_first(key);
        } else {
            add_later(key);
        }
    }

    /// Ends the pass; true if another one is needed. Throws `internal_error` if the pass did not show the same keys as
    /// the first (as far as the counts tell).
    bool end_pass();

    /// Number of keys; known after the first pass.
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

    /// The key at the i-th percentile or rank given to the constructor; nothing if there are no keys, or the rank is
    /// beyond them. Requires that `end_pass` has returned false.
    [[nodiscard]] std::optional<std::uint64_t> value(std::size_t i) const;

    /// Number of passes ended so far.
    [[nodiscard]] int passes() const noexcept { return passes_; }

private:
    static constexpr unsigned digit_bits = 16;
    static constexpr unsigned fraction_bits = 10;

    // A range of keys, first .. first + 2^width_log - 1, that holds wanted ranks.
    struct active_bin {
        std::uint64_t first;
        unsigned width_log;
        std::uint64_t keys;               // in it
        std::uint64_t below;              // keys smaller than `first`
        std::uint64_t seen;               // in the current pass
        std::vector<std::uint64_t> data;  // counts per part of the bin, or the keys themselves
        bool collect;
    };

    struct request {
        std::optional<per_mille> percentile;
        std::uint64_t rank;                  // 0 until known
        std::optional<std::uint64_t> found;  // the answer
    };

    quantile_selector() = default;

    // Monotone in the key: the key itself below 2^10, then the place of the leading one and the 10 bits after it.
    static constexpr std::size_t first_bin(std::uint64_t key) noexcept {
        if (key < (std::uint64_t{1} << fraction_bits)) return key;
        const auto shift = static_cast<unsigned>(std::bit_width(key)) - fraction_bits - 1;
        return (std::size_t{shift} << fraction_bits) + (key >> shift);
    }

    void add_first(std::uint64_t key) {
        if (count_++ < collect_limit) {
            sample_.push_back(key);
        } else {
            if (counts_.empty()) count_sample();
            ++counts_[first_bin(key)];
        }
    }

    void add_later(std::uint64_t key) {
        for (active_bin& bin : bins_) {
            const std::uint64_t offset = key - bin.first;
            if (offset >> bin.width_log != 0) continue;
            ++bin.seen;
            if (bin.collect) {
                bin.data.push_back(key);
            } else {
                ++bin.data[offset >> part_shift(bin.width_log)];
            }
            return;
        }
    }

    static constexpr unsigned part_shift(unsigned width_log) noexcept {
        return width_log > digit_bits ? width_log - digit_bits : 0;
    }

    void count_sample();
    void end_first_pass();
    void split(const active_bin& bin, std::vector<active_bin>& next);
    void enter(std::vector<active_bin>& next, std::uint64_t first, unsigned width_log, std::uint64_t keys,
               std::uint64_t below);
    void search(std::vector<std::uint64_t>& keys, std::uint64_t below);

    std::vector<request> requests_;
    std::vector<std::uint64_t> counts_;  // pass 1 only, once there are many keys
    std::vector<std::uint64_t> sample_;  // pass 1 only: the keys, while there are few
    std::vector<active_bin> bins_;       // later passes
    std::uint64_t count_ = 0;
    int passes_ = 0;
    bool first_pass_ = true;
};

/// Percentiles of the keys that `for_each(sink)` passes to `sink(key)`, the same on each of several calls.
/// Empty optionals if there are none.
template <class ForEach>
[[nodiscard]] std::vector<std::optional<std::uint64_t>> select_percentiles(ForEach&& for_each,
                                                                           const std::vector<per_mille>& percentiles) {
    const std::size_t wanted = percentiles.size();
    quantile_selector selector(percentiles);
    do {
        for_each([&selector](std::uint64_t key) { selector.add(key); });
    } while (selector.end_pass());
    std::vector<std::optional<std::uint64_t>> out(wanted);
    for (std::size_t i = 0; i < wanted; ++i) out[i] = selector.value(i);
    return out;
}

/// The exact integral and mean of an integer step function of time, right-continuous: a value set at t
/// holds from t on; of several set at one instant the last counts. O(1) per change.
class time_weighted {
public:
    /// Starts at `start` with `value`.
    explicit constexpr time_weighted(instant start, std::int64_t value = 0) noexcept
        : start_(start), last_(start), value_(value) {}

    /// The function's value from `at` on. Requires at >= the last change.
    constexpr void set(instant at, std::int64_t value) {
        integral_ = integral(at);
        last_ = at;
        value_ = value;
    }

    /// Adds `change` to the value from `at` on. Requires at >= the last change.
    constexpr void add(instant at, std::int64_t change) { set(at, value_ + change); }

    /// The current value.
    [[nodiscard]] constexpr std::int64_t value() const noexcept { return value_; }

    /// Integral from the start to `until`, exact [value x ns]. Requires until >= the last change.
    [[nodiscard]] constexpr int128 integral(instant until) const {
        AMPACITY_ASSERT(until >= last_);
        return integral_ + static_cast<int128>(value_) * ticks(until - last_);
    }

    /// Mean from the start to `until`; nothing for no time. Requires until >= the last change.
    [[nodiscard]] constexpr std::optional<double> mean(instant until) const {
        const int128 total = integral(until);
        if (until == start_) return std::nullopt;
        return static_cast<double>(total) / static_cast<double>(ticks(until - start_));
    }

private:
    instant start_;
    instant last_;
    std::int64_t value_;
    int128 integral_ = 0;
};

}  // namespace ampacity
