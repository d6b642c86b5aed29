#pragma once
/// \file
/// A series of steps in simulated time: right-continuous, each value holds until the next begins, the last until `end`.
///
/// What lies before the first and behind the last step is chosen: nothing is known there, the outer values hold, or the
/// series repeats. Other steps may be laid over some of it. Immutable; copies share the steps; a look-up costs
/// O(log steps); any thread.

#include <ampacity/core/error.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
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
        : rows_(std::make_shared<const rows>(rows{std::move(begins), std::move(values)})), end_(end), beyond_(beyond) {
        AMPACITY_ASSERT(!starts().empty() && starts().size() == rows_->values.size() && starts().back() < end_);
        AMPACITY_ASSERT(std::adjacent_find(starts().begin(), starts().end(),
                                           [](instant a, instant b) { return b <= a; }) == starts().end());
    }
    /// `below` with other steps over it. \pre `below` has none; they rise, do not overlap, and are where it is known
    step_series(const step_series& below, std::vector<step> over)
        : rows_(below.rows_),
          end_(below.end_),
          beyond_(below.beyond_),
          over_(std::make_shared<const std::vector<step>>(std::move(over))) {
        AMPACITY_ASSERT(below.over().empty());
        AMPACITY_ASSERT(std::adjacent_find(over_->begin(), over_->end(), [](const step& a, const step& b) {
                            return b.begin < a.end;
                        }) == over_->end());
    }

    // Without the steps that lie over it.
    [[nodiscard]] std::size_t size() const noexcept { return rows_->values.size(); }
    [[nodiscard]] instant first() const noexcept { return starts().front(); }
    [[nodiscard]] instant end() const noexcept { return end_; }
    [[nodiscard]] outside beyond() const noexcept { return beyond_; }
    [[nodiscard]] Value value(std::size_t i) const noexcept { return rows_->values[i]; }
    [[nodiscard]] instant begin_of(std::size_t i) const noexcept { return starts()[i]; }
    [[nodiscard]] instant end_of(std::size_t i) const noexcept { return i + 1 == size() ? end_ : starts()[i + 1]; }

    /// Steps that lie over it.
    [[nodiscard]] std::span<const step> over() const noexcept {
        return over_ ? std::span<const step>{*over_} : std::span<const step>{};
    }
    /// Is every value from `a` until before `b` known?
    [[nodiscard]] bool knows(instant a, instant b) const noexcept {
        return beyond_ != outside::unknown || (a >= first() && b <= end_);
    }

    /// The step at `t`; none where nothing is known.
    [[nodiscard]] std::optional<step> find(instant t) const noexcept {
        std::optional<step> found = find_below(t);
        if (!over_ || !found) return found;
        const std::size_t next = over_before(t);
        if (next != 0) {
            const step& last = (*over_)[next - 1];
            if (t < last.end) return last;
            found->begin = std::max(found->begin, last.end);
        }
        if (next != over_->size()) found->end = std::min(found->end, (*over_)[next].begin);
        return found;
    }

protected:
    /// Steps over it that begin by `t`.
    [[nodiscard]] std::size_t over_before(instant t) const noexcept {
        const auto all = over();
        return static_cast<std::size_t>(
            std::upper_bound(all.begin(), all.end(), t, [](instant at, const step& s) { return at < s.begin; }) -
            all.begin());
    }
    /// [ns]
    [[nodiscard]] int128 period() const noexcept { return int128{ticks(end_)} - ticks(first()); }
    /// Whole repetitions between the first one and that of `t`.
    [[nodiscard]] int128 turns_before(instant t) const noexcept {
        const int128 since = int128{ticks(t)} - ticks(first());
        return since >= 0 ? since / period() : -((-since + period() - 1) / period());
    }
    /// The last one that begins by `t`. \pre t >= first()
    [[nodiscard]] std::size_t row(instant t) const noexcept {
        return static_cast<std::size_t>(std::upper_bound(starts().begin(), starts().end(), t) - starts().begin()) - 1;
    }

private:
    struct rows {
        std::vector<instant> begins;
        std::vector<Value> values;
    };
    [[nodiscard]] const std::vector<instant>& starts() const noexcept { return rows_->begins; }

    [[nodiscard]] std::optional<step> find_below(instant t) const noexcept {
        if (beyond_ == outside::repeated) {
            const int128 turns = turns_before(t);
            const instant in_first{duration{static_cast<std::int64_t>(ticks(t) - turns * period())}};
            const std::size_t i = row(in_first);
            return step{value(i), shifted(begin_of(i), turns), shifted(end_of(i), turns)};
        }
        if (beyond_ == outside::unknown && (t < first() || t >= end_)) return std::nullopt;
        const std::size_t i = t < first() ? 0 : row(t);
        const bool holds = beyond_ == outside::held;
        return step{value(i), holds && i == 0 ? instant::min() : begin_of(i),
                    holds && i + 1 == size() ? never : end_of(i)};
    }

    [[nodiscard]] instant shifted(instant t, int128 turns) const noexcept {
        const int128 at = turns * period() + ticks(t);
        if (at >= ticks(never)) return never;
        if (at <= ticks(instant::min())) return instant::min();
        return instant{duration{static_cast<std::int64_t>(at)}};
    }

    std::shared_ptr<const rows> rows_;
    instant end_;
    outside beyond_;
    std::shared_ptr<const std::vector<step>> over_{};
};

/// Steps of whole numbers with exact integrals, for decisions.
class exact_series : public step_series<std::int64_t> {
public:
    exact_series(std::vector<instant> begins, std::vector<std::int64_t> values, instant end, outside beyond)
        : step_series(std::move(begins), std::move(values), end, beyond) {
        std::vector<int128> sums{0};
        sums.reserve(size() + 1);
        for (std::size_t i = 0; i != size(); ++i)
            sums.push_back(sums.back() + int128{value(i)} * ticks(end_of(i) - begin_of(i)));
        sums_ = std::make_shared<const std::vector<int128>>(std::move(sums));
    }
    exact_series(const exact_series& below, std::vector<step> over)
        : step_series(below, std::move(over)), sums_(below.sums_) {
        std::vector<int128> more{0};
        for (const step& s : this->over()) more.push_back(more.back() + more_of(s, s.end));
        more_ = std::make_shared<const std::vector<int128>>(std::move(more));
    }

    /// From `a` to `b` [value x ns]. O(log steps). \pre knows(a, b)
    [[nodiscard]] int128 integral(instant a, instant b) const noexcept {
        return since_first(b) - since_first(a) + (more_ ? more_until(b) - more_until(a) : 0);
    }

private:
    /// What a step adds to what it lies over, until `t`.
    [[nodiscard]] int128 more_of(const step& s, instant t) const noexcept {
        return int128{s.value} * ticks(t - s.begin) - (since_first(t) - since_first(s.begin));
    }
    [[nodiscard]] int128 more_until(instant t) const noexcept {
        const std::size_t next = over_before(t);
        if (next == 0) return 0;
        const step& last = over()[next - 1];
        return t < last.end ? (*more_)[next - 1] + more_of(last, t) : (*more_)[next];
    }
    [[nodiscard]] int128 since_first(instant t) const noexcept {
        int128 turns = 0;
        if (beyond() == outside::repeated) {
            turns = turns_before(t);
        } else if (t < first()) {
            return int128{value(0)} * (int128{ticks(t)} - ticks(first()));
        } else if (t >= end()) {
            return sums_->back() + int128{value(size() - 1)} * (int128{ticks(t)} - ticks(end()));
        }
        const instant in_first{duration{static_cast<std::int64_t>(ticks(t) - turns * period())}};
        const std::size_t i = row(in_first);
        return turns * sums_->back() + (*sums_)[i] + int128{value(i)} * ticks(in_first - begin_of(i));
    }

    std::shared_ptr<const std::vector<int128>> sums_;  // before each step, and in all
    std::shared_ptr<const std::vector<int128>> more_;  // by steps over it, before each, and in all
};

}  // namespace ampacity
