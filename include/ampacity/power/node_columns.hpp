#pragma once
/// \file
/// The physical state of nodes as columns, and the control tick: one fused pass over power, cap, temperature, throttle,
/// energy and wear.
///
/// All nodes of a set share one hardware model. Within a tick load, cap and coolant are constant: the temperature
/// follows the exact exponential, whatever the length of the tick. A node that is at the throttle temperature at the
/// start of a tick is held to the throttled power until it is below the release temperature at the start of one.
/// Columns are 64-byte aligned floats: each value is a state within 24 bits (watts and degrees to some 1e-7), and what
/// is summed up, energy and wear, is summed over a window only and then folded into doubles; a window of n ticks adds
/// at most n x 6e-8 to the relative error. The pass is compiled for several vector widths and picks one at run time;
/// all give the same bits, as do sums, whose order is fixed. Not thread-safe; ranges that do not overlap may be ticked
/// by different threads.

#include <ampacity/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <vector>

namespace ampacity::power {

/// What all nodes of a set have in common.
struct node_model {
    float k_per_w = 0.03F / 4;     ///< of the node, to its coolant [K/W]
    float tau_s = 12;              ///< [s]
    float throttle_c = 87;         ///< it throttles from here [degC]
    float release_c = 84;          ///< and stops below [degC]
    float throttled_w = 0;         ///< power while it does [W]
    float wear_doubles_per_k = 0;  ///< 1 / the kelvins over which the wear rate doubles, to 0.2 / K; 0: wear is time
    float wear_at_c = 60;          ///< where its rate is 1 [degC]
};

/// A column of floats, 64-byte aligned and padded to whole cache lines.
class float_column {
public:
    float_column() = default;
    float_column(std::size_t size, float value);

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] float* data() noexcept { return data_.get(); }
    [[nodiscard]] const float* data() const noexcept { return data_.get(); }
    [[nodiscard]] float& operator[](std::size_t i) noexcept { return data_[i]; }
    [[nodiscard]] float operator[](std::size_t i) const noexcept { return data_[i]; }
    [[nodiscard]] std::span<const float> span() const noexcept { return {data_.get(), size_}; }

private:
    struct aligned_delete {
        void operator()(float* p) const noexcept { ::operator delete[](p, std::align_val_t{64}); }
    };
    std::unique_ptr<float[], aligned_delete> data_;
    std::size_t size_ = 0;
};

/// (nodes) each.
struct node_columns {
    /// Idle, at the temperature of the coolant, without caps.
    node_columns(std::size_t nodes, float idle_w, float coolant_temperature_c);

    [[nodiscard]] std::size_t size() const noexcept { return load_w.size(); }

    // What events set.
    float_column load_w;     ///< that it would draw without a cap [W]
    float_column cap_w;      ///< [W]
    float_column coolant_c;  ///< at its inlet [degC]
    // What the tick makes of it.
    float_column power_w;        ///< that it draws [W]
    float_column temperature_c;  ///< at the end of the last tick [degC]
    float_column throttles;      ///< 1 while it does, else 0
    float_column energy_j;       ///< since the last fold [J]
    float_column wear_s;         ///< since the last fold [s at `wear_at_c`]
};

/// Nodes [first, last) over `dt_s` seconds. \pre dt above 0; temperatures within 500 K of `wear_at_c`
void tick(const node_model& model, node_columns& nodes, std::size_t first, std::size_t last, float dt_s);

/// Sums of a column over segments that follow each other: segment i is [bounds[i], bounds[i + 1]). In doubles, in 4
/// lanes, which are added in a fixed order: the same bits on every machine. \pre bounds rise; sums holds one fewer
void sum_segments(const float_column& column, std::span<const std::uint32_t> bounds, std::span<double> sums);

/// Adds energy and wear of a window to the books, and begins a new one. \pre both hold as many as there are nodes
void fold(node_columns& nodes, std::span<double> energy_j, std::span<double> wear_s);

}  // namespace ampacity::power
