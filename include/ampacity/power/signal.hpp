#pragma once
/// \file
/// What the outside world does over time: carbon per energy, a price, a temperature. A series of steps, or a constant,
/// read forward only.
///
/// Going on from step to step costs O(steps crossed). Integrals are sums of value x time over the steps, with the
/// error of summing carried along. Beyond a series that knows nothing there, reading it is an error of the input that
/// names its file. Copies share the series; not thread-safe.

#include <ampacity/core/error.hpp>
#include <ampacity/core/step_series.hpp>
#include <ampacity/core/time.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

namespace ampacity::power {

/// A sum of doubles whose rounding errors are added up beside it (Neumaier).
class careful_sum {
public:
    void add(double x) noexcept {
        const double next = sum_ + x;
        lost_ += std::abs(sum_) >= std::abs(x) ? (sum_ - next) + x : (x - next) + sum_;
        sum_ = next;
    }
    [[nodiscard]] double value() const noexcept { return sum_ + lost_; }

private:
    double sum_ = 0, lost_ = 0;
};

class signal {
public:
    using series = step_series<double>;

    signal(double constant) noexcept : now_{constant, instant::min(), never} {}
    /// `ends` is thrown, as a `data_error`, where nothing is known.
    signal(std::shared_ptr<const series> s, diagnostic ends)
        : series_(std::move(s)), ends_(std::make_shared<const diagnostic>(std::move(ends))) {
        now_.end = now_.begin = instant::min();
    }

    /// With other steps over its own, unread. \pre `s` knows as much
    [[nodiscard]] signal with(std::shared_ptr<const series> s) const {
        signal out = *this;
        out.series_ = std::move(s);
        out.now_.end = out.now_.begin = instant::min();
        return out;
    }

    /// \pre not before any other question
    [[nodiscard]] double at(instant t) { return step_at(t).value; }
    /// The same; none where nothing is known.
    [[nodiscard]] std::optional<double> known_at(instant t) {
        if (t < now_.end) return now_.value;
        const auto next = series_->find(t);
        if (!next) return std::nullopt;
        now_ = *next;
        return now_.value;
    }
    /// When its step ends: after `t`; `never` of a constant. \pre not before any other question
    [[nodiscard]] instant next_change(instant t) { return step_at(t).end; }
    /// From `a` to `b` [its unit x ns]. \pre a <= b, a not before any other question
    [[nodiscard]] double integral(instant a, instant b) {
        careful_sum sum;
        while (a != b) {
            const series::step& s = step_at(a);
            const instant to = std::min(b, s.end);
            sum.add(s.value * static_cast<double>(ticks(to - a)));
            a = to;
        }
        return sum.value();
    }

private:
    const series::step& step_at(instant t) {
        if (t < now_.end) return now_;
        const auto next = series_->find(t);
        if (!next) throw data_error(*ends_);
        return now_ = *next;
    }

    std::shared_ptr<const series> series_;  // null: constant
    std::shared_ptr<const diagnostic> ends_;
    series::step now_{};
};

}  // namespace ampacity::power
