#pragma once
/// \file
/// Nodes are slow while parts of theirs have failed so that they go on.

#include "pacer.hpp"

#include <ampacity/core/ids.hpp>
#include <ampacity/faults/part_failures.hpp>

#include <cstdint>
#include <memory>

namespace ampacity::sim {

class failing_slow final : public pacer {
public:
    /// `failures` outlives this; it is there when `pace` is called.
    explicit failing_slow(const std::unique_ptr<faults::part_failures>& failures) : failures_(failures) {}

    [[nodiscard]] double pace(std::uint16_t, std::int32_t, const fleet::gpu_share& on) const override {
        return failures_->speed_of(static_cast<std::uint32_t>(index(on.node)), on.gpus);
    }

private:
    const std::unique_ptr<faults::part_failures>& failures_;
};

}  // namespace ampacity::sim
