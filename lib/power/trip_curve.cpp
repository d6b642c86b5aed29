#include <ampacity/core/error.hpp>
#include <ampacity/core/math.hpp>
#include <ampacity/power/trip_curve.hpp>

namespace ampacity::power {

trip_curve::trip_curve(double hold, std::span<const trip_point> points)
    : hold_(hold), points_(points.begin(), points.end()) {
    AMPACITY_ASSERT(hold > 0 && !points_.empty());
    for (std::size_t i = 0; i != points_.size(); ++i) {
        AMPACITY_ASSERT(points_[i].time_s > 0 && points_[i].load > (i == 0 ? hold : points_[i - 1].load));
        AMPACITY_ASSERT(i == 0 || points_[i].time_s < points_[i - 1].time_s);
    }
}

double trip_curve::time_s(double load) const noexcept {
    if (!(load > hold_)) return std::numeric_limits<double>::infinity();
    const trip_point& first = points_.front();
    if (load < first.load) return first.time_s * (first.load - hold_) / (load - hold_);
    if (load >= points_.back().load) return points_.back().time_s;
    const auto above = std::upper_bound(points_.begin(), points_.end(), load,
                                        [](double x, const trip_point& p) { return x < p.load; });
    const trip_point& a = *(above - 1);
    const trip_point& b = *above;
    if (load == a.load) return a.time_s;
    const double part = portable_log(load / a.load) / portable_log(b.load / a.load);
    return a.time_s * portable_exp(part * portable_log(b.time_s / a.time_s));
}

}  // namespace ampacity::power
