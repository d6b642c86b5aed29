#include <ampacity/core/error.hpp>
#include <ampacity/core/math.hpp>
#include <ampacity/power/trip_curve.hpp>

namespace ampacity::power {

trip_curve::trip_curve(const hardware::overload_curve& c) : hold_(c.holds) {
    AMPACITY_ASSERT(c.holds > 0 && !c.points.empty());
    for (const hardware::overload_point& p : c.points) {
        AMPACITY_ASSERT(p.time > duration::zero() && p.load > (points_.empty() ? c.holds : points_.back().load));
        AMPACITY_ASSERT(points_.empty() || to_seconds(p.time) < points_.back().time_s);
        points_.push_back({p.load, to_seconds(p.time)});
    }
}

double trip_curve::time_s(double load) const noexcept {
    if (!(load > hold_)) return std::numeric_limits<double>::infinity();
    const point& first = points_.front();
    if (load < first.load) return first.time_s * (first.load - hold_) / (load - hold_);
    if (load >= points_.back().load) return points_.back().time_s;
    const auto above =
        std::upper_bound(points_.begin(), points_.end(), load, [](double x, const point& p) { return x < p.load; });
    const point& a = *(above - 1);
    const point& b = *above;
    if (load == a.load) return a.time_s;
    const double part = portable_log(load / a.load) / portable_log(b.load / a.load);
    return a.time_s * portable_exp(part * portable_log(b.time_s / a.time_s));
}

}  // namespace ampacity::power
