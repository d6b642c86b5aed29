#pragma once
/// \file
/// Nodes are slow while their power is limited.

#include "pacer.hpp"

#include <ampacity/sim/energy.hpp>

#include <cstdint>
#include <span>

namespace ampacity::sim {

class power_pacer final : public pacer {
public:
    /// `meter` outlives it. \pre it is there when `pace` is called
    explicit power_pacer(const energy_meter* meter) : meter_(meter) {}

    [[nodiscard]] bool slows_none() const noexcept override { return !meter_->limits_any(); }
    [[nodiscard]] double pace(std::uint16_t source, std::int32_t priority, const fleet::gpu_share& on) const override {
        return meter_->pace(source, priority, std::span{&on, 1});
    }

private:
    const energy_meter* meter_;
};

}  // namespace ampacity::sim
