#pragma once
/// \file
/// A series of steps in simulated time: right-continuous, each value holds until the next begins, the last until `end`.
///
/// What lies before the first and behind the last step is chosen: nothing is known there, the outer values hold, or the
/// series repeats. Immutable; a look-up costs O(log steps); any thread.

#include <ampacity/core/error.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace ampacity {

/// What is before the first and behind the last step.
enum class outside : std::uint8_t {
    unknown,
    held,      ///< the first and the last value
    repeated,  ///< the whole series, again and again
};

template <class Value>
class step_series {
public:
    /// A value and when it holds: from `begin` until `end`, which may be `instant::min()` and `never`.
    struct step {
        Value value{};
        instant begin{}, end{};
    };

    /// \pre as many instants as values, at least one; the instants and `end` rise
    step_series(std::vector<instant> begins, std::vector<Value> values, instant end, outside beyond)
        : begins_(std::move(begins)), values_(std::move(values)), end_(end), beyond_(beyond) {
        AMPACITY_ASSERT(!begins_.empty() && begins_.size() == values_.size() && begins_.back() < end_);
        AMPACITY_ASSERT(std::adjacent_find(begins_.begin(), begins_.end(),
                                           [](instant a, instant b) { return b <= a; }) == begins_.end());
    }

    [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }
    [[nodiscard]] instant first() const noexcept { return begins_.front(); }
    [[nodiscard]] instant end() const noexcept { return end_; }
    [[nodiscard]] outside beyond() const noexcept { return beyond_; }
    [[nodiscard]] Value value(std::size_t i) const noexcept { return values_[i]; }
    [[nodiscard]] instant begin_of(std::size_t i) const noexcept { return begins_[i]; }
    [[nodiscard]] instant end_of(std::size_t i) const noexcept { return i + 1 == size() ? end_ : begins_[i + 1]; }

    /// Is every value from `a` until before `b` known?
    [[nodiscard]] bool knows(instant a, instant b) const noexcept {
        return beyond_ != outside::unknown || (a >= first() && b <= end_);
    }

    /// The step at `t`; none where nothing is known.
    [[nodiscard]] std::optional<step> find(instant t) const noexcept {
        if (beyond_ == outside::repeated) {
            const int128 turns = turns_before(t);
            const instant in_first{duration{static_cast<std::int64_t>(ticks(t) - turns * period())}};
            const std::size_t i = row(in_first);
            return step{values_[i], shifted(begins_[i], turns), shifted(end_of(i), turns)};
        }
        if (beyond_ == outside::unknown && (t < first() || t >= end_)) return std::nullopt;
        const std::size_t i = t < first() ? 0 : row(t);
        const bool holds = beyond_ == outside::held;
        return step{values_[i], holds && i == 0 ? instant::min() : begins_[i],
                    holds && i + 1 == size() ? never : end_of(i)};
    }

protected:
    /// [ns]
    [[nodiscard]] int128 period() const noexcept { return int128{ticks(end_)} - ticks(first()); }
    /// Whole repetitions between the first one and that of `t`.
    [[nodiscard]] int128 turns_before(instant t) const noexcept {
        const int128 since = int128{ticks(t)} - ticks(first());
        return since >= 0 ? since / period() : -((-since + period() - 1) / period());
    }
    /// The last one that begins by `t`. \pre t >= first()
    [[nodiscard]] std::size_t row(instant t) const noexcept {
        return static_cast<std::size_t>(std::upper_bound(begins_.begin(), begins_.end(), t) - begins_.begin()) - 1;
    }

private:
    [[nodiscard]] instant shifted(instant t, int128 turns) const noexcept {
        const int128 at = turns * period() + ticks(t);
        if (at >= ticks(never)) return never;
        if (at <= ticks(instant::min())) return instant::min();
        return instant{duration{static_cast<std::int64_t>(at)}};
    }

    std::vector<instant> begins_;
    std::vector<Value> values_;
    instant end_;
    outside beyond_;
};

/// Steps of whole numbers with exact integrals, for decisions.
class exact_series : public step_series<std::int64_t> {
public:
    exact_series(std::vector<instant> begins, std::vector<std::int64_t> values, instant end, outside beyond)
        : step_series(std::move(begins), std::move(values), end, beyond) {
        sums_.reserve(size() + 1);
        sums_.push_back(0);
        for (std::size_t i = 0; i != size(); ++i)
            sums_.push_back(sums_.back() + int128{value(i)} * ticks(end_of(i) - begin_of(i)));
    }

    /// From `a` to `b` [value x ns]. O(log steps). \pre knows(a, b)
    [[nodiscard]] int128 integral(instant a, instant b) const noexcept { return since_first(b) - since_first(a); }

private:
    [[nodiscard]] int128 since_first(instant t) const noexcept {
        int128 turns = 0;
        if (beyond() == outside::repeated) {
            turns = turns_before(t);
        } else if (t < first()) {
            return int128{value(0)} * (int128{ticks(t)} - ticks(first()));
        } else if (t >= end()) {
            return sums_.back() + int128{value(size() - 1)} * (int128{ticks(t)} - ticks(end()));
        }
        const instant in_first{duration{static_cast<std::int64_t>(ticks(t) - turns * period())}};
        const std::size_t i = row(in_first);
        return turns * sums_.back() + sums_[i] + int128{value(i)} * ticks(in_first - begin_of(i));
    }

    std::vector<int128> sums_;  // before each step, and in all
};

}  // namespace ampacity
