#pragma once
/// \file
/// The Gittins index of stages of attained service, from a sample of the services that jobs took in all.
///
/// Service is counted in quanta: a sample's is rounded up to whole ones, at least 1. A job of stage k has attained k
/// quanta, or more in the last stage. Its index is the largest, over all m >= 1, of
///     (samples that took more than k and at most k + m quanta) / (sum over samples of more than k of min(taken - k,
///     m)),
/// the chance to finish per quantum that is spent, in an exact fraction; where the last stage is reached, m has no
/// limit. 0 where no sample took more than k quanta. All indices cost O(stages) and a sort, a sample O(1). Nothing
/// allocates but the constructor. Not thread-safe.

#include <ampacity/core/wide.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace ampacity::policy {

class gittins_index {
public:
    /// An exact fraction.
    struct fraction {
        uint128 over = 0;
        uint128 under = 1;

        friend constexpr bool operator<(const fraction& a, const fraction& b) noexcept {
            return a.over * b.under < b.over * a.under;
        }
    };

    /// \pre quantum >= 1 GPU-s, stages >= 1; so that products of fractions fit: fewer than 2^32 samples of fewer than
    /// 2^31 GPUs over 200 years
    gittins_index(gpu_time quantum, std::size_t stages)
        : quantum_(quantum),
          ended_(stages, 0),
          index_(stages),
          points_(stages + 1),
          hull_(stages + 1),
          order_(stages) {}

    void add(gpu_time service) {
        const gpu_time quanta = std::max<gpu_time>(1, (service + quantum_ - 1) / quantum_);
        const auto last = static_cast<gpu_time>(ended_.size()) - 1;
        ++ended_[static_cast<std::size_t>(std::min(quanta - 1, last))];
        if (quanta > last) beyond_ += static_cast<uint128>(quanta - last);
    }

    /// The index of each stage.
    std::span<const fraction> indices() {
        // Points (quanta spent, jobs finished) by stage: the index is the steepest way from a point to a later one, to
        // the next corner of the upper hull of those behind it.
        std::uint64_t alive = std::accumulate(ended_.begin(), ended_.end(), std::uint64_t{0});
        points_[0] = {};
        for (std::size_t s = 0; s != ended_.size(); ++s) {
            const uint128 spent = s + 1 == ended_.size() ? beyond_ : uint128{alive};
            points_[s + 1] = {points_[s].over + ended_[s], points_[s].under + spent};
            alive -= ended_[s];
        }
        std::size_t corners = 0;
        hull_[corners++] = ended_.size();
        for (std::size_t s = ended_.size(); s-- != 0;) {
            while (corners > 1 && slope(s, hull_[corners - 1]) < slope(s, hull_[corners - 2])) --corners;
            index_[s] = slope(s, hull_[corners - 1]);
            hull_[corners++] = s;
        }
        return index_;
    }

    /// Writes the rank of each stage: 0 for the largest index, equal ones for equal indices.
    void rank(std::span<std::uint64_t> ranks) {
        indices();
        std::iota(order_.begin(), order_.end(), std::size_t{0});
        std::sort(order_.begin(), order_.end(), [this](std::size_t a, std::size_t b) {
            if (index_[b] < index_[a]) return true;
            return !(index_[a] < index_[b]) && a < b;
        });
        std::uint64_t rank = 0;
        for (std::size_t i = 0; i != order_.size(); ++i) {
            if (i != 0 && index_[order_[i]] < index_[order_[i - 1]]) ++rank;
            ranks[order_[i]] = rank;
        }
    }

private:
    /// 0 where nothing is spent: no sample came so far.
    [[nodiscard]] fraction slope(std::size_t from, std::size_t to) const {
        const uint128 spent = points_[to].under - points_[from].under;
        if (spent == 0) return {};
        return {points_[to].over - points_[from].over, spent};
    }

    gpu_time quantum_;
    std::vector<std::uint64_t> ended_;  // (stages) samples by the stage in which they end
    uint128 beyond_ = 0;                // quanta that samples take in the last stage
    std::vector<fraction> index_;       // (stages)
    std::vector<fraction> points_;      // (stages + 1) finished, spent by the beginning of each stage
    std::vector<std::size_t> hull_;     // corners of the hull, the nearest last
    std::vector<std::size_t> order_;    // (stages)
};

}  // namespace ampacity::policy
