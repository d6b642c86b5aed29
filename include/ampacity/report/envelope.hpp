#pragma once
/// \file
/// A step function of time, of any number of steps, as at most a few hundred stretches with least value, greatest value
/// and exact integral.
///
/// A million steps so draw as one band of the width of a screen, and nothing is lost between the stretches: a short
/// peak stays in `greatest`, the integrals add up to that of the function. Integers throughout. O(1) per step and per
/// stretch. One thread per object.

#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ampacity::report {

/// The function's values over one stretch of time; only values that last for some time count.
struct stretch {
    std::int64_t least = 0;
    std::int64_t greatest = 0;
    int128 integral = 0;  ///< [value x ns]
};

/// `count` + 1 instants from 0 to `length`, evenly spread to within 1 ns; fewer where `length` has fewer ns.
/// \pre length >= 0, count >= 1
[[nodiscard]] std::vector<instant> even_edges(duration length, std::size_t count);

/// The envelope of a right-continuous step function that begins with the value 0 at time 0.
class envelope {
public:
    /// Stretches between neighbouring edges; none where there is only one edge.
    /// \pre edges increase strictly, from 0
    explicit envelope(std::vector<instant> edges);

    /// The value from `at` on; the last of several at one instant counts. What lies at the end or after it has no
    /// effect. \pre at >= 0 and not before the step before
    void set(instant at, std::int64_t value);
    /// Adds to the value from `at` on.
    void add(instant at, std::int64_t change) { set(at, value_ + change); }
    /// The last value lasts to the end; no further steps.
    void close() { set(edges_.back(), value_); }

    [[nodiscard]] duration length() const noexcept { return edges_.back() - edges_.front(); }
    [[nodiscard]] const std::vector<stretch>& stretches() const noexcept { return stretches_; }
    /// Where the i-th stretch begins, or the last one ends. \pre i <= stretches().size()
    [[nodiscard]] instant edge(std::size_t i) const noexcept { return edges_[i]; }
    /// Mean over the i-th stretch.
    [[nodiscard]] double mean(std::size_t i) const noexcept;

    /// Over all stretches; 0 where there are none.
    [[nodiscard]] int128 integral() const noexcept;
    [[nodiscard]] std::int64_t least() const noexcept;
    [[nodiscard]] std::int64_t greatest() const noexcept;
    [[nodiscard]] double mean() const noexcept;

private:
    std::vector<instant> edges_;
    std::vector<stretch> stretches_;
    instant last_{};           ///< of the last step
    std::int64_t value_ = 0;   ///< since then
    std::size_t current_ = 0;  ///< the stretch that holds `last_`
    bool entered_ = false;     ///< the current stretch has a value
};

}  // namespace ampacity::report
