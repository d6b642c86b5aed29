#pragma once
/// \file
/// By how much the power of sites and rows swings while jobs of synchronous training run.
///
/// Each job swings between two powers at its own frequency; the storage of the racks that it lies in, in proportion to
/// the GPUs that it holds there, takes its part off (see swing.hpp). What is left of one job is in step on all of its
/// racks; of several jobs on one feed there are two bounds: all in step (the sum), and independent (the root of the sum
/// of squares). Kept in whole milliwatts: what a job adds it takes away again exactly. A start or a stop costs O(its
/// nodes). Not thread-safe.

#include <ampacity/core/wide.hpp>
#include <ampacity/fleet/allocation.hpp>
#include <ampacity/power/node_power.hpp>
#include <ampacity/power/power_tree.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace ampacity::power {

/// How a job swings.
struct swing_pattern {
    double hz = 1;                     ///< how often it goes from high to low and back [Hz]
    phase low = phase::communication;  ///< what its GPUs do meanwhile
    double floor_w = 0;                ///< below which a GPU is kept from falling [W]
    double transition_s = 0.02;        ///< from high to low [s]
    double low_share = 0.5;            ///< of the time that they do it: what a floor costs
};

/// What the swings on one feed add up to.
struct swing_envelope {
    double coherent_w = 0;    ///< all jobs in step [W]
    double incoherent_w = 0;  ///< independent of each other [W]
    double ramp_w_per_s = 0;  ///< all in step [W/s]
};

class swing_meter {
public:
    /// `tree` outlives it.
    explicit swing_meter(const power_tree& tree);

    void start(const swing_pattern& p, phase high, std::span<const fleet::gpu_share> where) {
        change(p, high, where, 1);
    }
    void stop(const swing_pattern& p, phase high, std::span<const fleet::gpu_share> where) {
        change(p, high, where, -1);
    }

    [[nodiscard]] swing_envelope of_site(std::size_t site) const noexcept { return envelope(sites_[site]); }
    [[nodiscard]] swing_envelope of_row(std::size_t row) const noexcept { return envelope(rows_[row]); }

private:
    struct sums {
        std::int64_t coherent = 0;  // [mW]
        int128 squares = 0;         // [mW2]
        std::int64_t ramp = 0;      // [mW/s]
    };
    void change(const swing_pattern& p, phase high, std::span<const fleet::gpu_share> where, int sign);
    void add(sums& to, std::int64_t swing, double transition_s, int sign) const;
    [[nodiscard]] std::int64_t left_of(const swing_pattern& p, phase high, std::uint32_t unit,
                                       std::uint32_t gpus) const;
    [[nodiscard]] static swing_envelope envelope(const sums& s) noexcept;

    const power_tree& tree_;
    std::vector<sums> sites_, rows_;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> gpus_;  // of a job: unit and GPUs there
};

}  // namespace ampacity::power
