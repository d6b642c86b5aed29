#pragma once
/// \file
/// What a stage of the power chain loses at a load: transformers, UPS, busways, power shelves.
///
/// Published efficiencies at some loads; between them the loss, not the efficiency, is linear in the load, and beyond
/// them it goes on so. Without load it is what is given, or what the line through the first two points says, but at
/// least 0; a single efficiency holds at every load. So the energy of a piecewise constant load is an exact sum.
/// Values; pure functions.

#include <ampacity/core/error.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace ampacity::power {

/// Output over input at an output of `load` ratings.
struct efficiency_point {
    double load = 1;
    double efficiency = 1;
};

class loss_curve {
public:
    /// Without loss.
    loss_curve() = default;
    /// \pre rising loads above 0, efficiencies in (0, 1]; losses that do not fall
    explicit loss_curve(std::span<const efficiency_point> points, std::optional<double> without_load = {}) {
        AMPACITY_ASSERT(!points.empty());
        for (const efficiency_point& p : points) {
            AMPACITY_ASSERT(p.efficiency > 0 && p.efficiency <= 1);
            add(p.load, p.load * (1 / p.efficiency - 1));
        }
        double at_zero = 0;
        if (without_load)
            at_zero = *without_load;
        else if (points_.size() > 1)
            at_zero = std::max(0.0, points_[0].loss - slope(0) * points_[0].load);
        AMPACITY_ASSERT(at_zero >= 0 && at_zero <= points_.front().loss);
        points_.insert(points_.begin(), point{.load = 0, .loss = at_zero});
    }
    /// The same efficiency at every load.
    [[nodiscard]] static loss_curve of_efficiency(double efficiency) {
        const efficiency_point p{.load = 1, .efficiency = efficiency};
        return loss_curve{{&p, 1}};
    }

    /// [W] at an output of `output_w` of a stage of that rating. \pre rating above 0, output not below
    [[nodiscard]] double loss_w(double output_w, double rating_w) const noexcept {
        if (points_.empty()) return 0;
        const double load = output_w / rating_w;
        std::size_t i = 0;
        while (i + 2 < points_.size() && load > points_[i + 1].load) ++i;
        return rating_w * (points_[i].loss + slope(i) * (load - points_[i].load));
    }
    /// Output over input; 0 without output.
    [[nodiscard]] double efficiency(double output_w, double rating_w) const noexcept {
        return output_w <= 0 ? 0 : output_w / (output_w + loss_w(output_w, rating_w));
    }

private:
    struct point {
        double load = 0;
        double loss = 0;  // over the rating
    };
    void add(double load, double loss) {
        AMPACITY_ASSERT(load > (points_.empty() ? 0 : points_.back().load));
        AMPACITY_ASSERT(points_.empty() || loss >= points_.back().loss);
        points_.push_back({load, loss});
    }
    [[nodiscard]] double slope(std::size_t i) const noexcept {
        return (points_[i + 1].loss - points_[i].loss) / (points_[i + 1].load - points_[i].load);
    }

    std::vector<point> points_;
};

/// A stage of a chain.
struct chain_stage {
    loss_curve losses{};
    double rating_w = 1;
};

/// [W] that goes into the first of these stages, each feeding the next, for `output_w` out of the last.
[[nodiscard]] inline double chain_input_w(std::span<const chain_stage> chain, double output_w) noexcept {
    double w = output_w;
    for (std::size_t i = chain.size(); i-- > 0;) w += chain[i].losses.loss_w(w, chain[i].rating_w);
    return w;
}

}  // namespace ampacity::power
