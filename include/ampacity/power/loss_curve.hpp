#pragma once
/// \file
/// What a stage of the power chain loses at a load: transformers, UPS, busways, power shelves.
///
/// Follows the stage's efficiency at its load (`hardware::efficiency_curve`), so that the energy of a piecewise
/// constant load is an exact sum. Without output nothing is lost. Values; pure functions.

#include <ampacity/hardware/curves.hpp>

#include <span>
#include <utility>

namespace ampacity::power {

class loss_curve {
public:
    /// Without loss.
    loss_curve() = default;
    explicit loss_curve(hardware::efficiency_curve efficiency) : efficiency_(std::move(efficiency)) {}
    /// The same efficiency at every load.
    [[nodiscard]] static loss_curve of_efficiency(double efficiency) {
        return loss_curve{hardware::efficiency_curve{{{.load = 1, .efficiency = efficiency}}}};
    }

    /// [W] at an output of `output_w` of a stage of that rating. \pre rating above 0, output not below
    [[nodiscard]] double loss_w(double output_w, double rating_w) const {
        return output_w / efficiency_.at(output_w / rating_w) - output_w;
    }

private:
    hardware::efficiency_curve efficiency_;
};

/// A stage of a chain.
struct chain_stage {
    loss_curve losses{};
    double rating_w = 1;
};

/// [W] that goes into the first of these stages, each feeding the next, for `output_w` out of the last.
[[nodiscard]] inline double chain_input_w(std::span<const chain_stage> chain, double output_w) {
    double w = output_w;
    for (std::size_t i = chain.size(); i-- > 0;) w += chain[i].losses.loss_w(w, chain[i].rating_w);
    return w;
}

}  // namespace ampacity::power
