#pragma once
/// \file
/// The cells of telemetry.csv and sites.csv that tell of power, carbon, money and heat at a sample.
///
/// Powers are exact, sums are those of summary.json as of the sample. What is not known, or not at that time, is an
/// empty cell. O(sites), with temperatures O(nodes). One thread per object.

#include <ampacity/power/plant.hpp>
#include <ampacity/scenario/output_options.hpp>
#include <ampacity/sim/energy.hpp>
#include <ampacity/sim/observer.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace ampacity::io {

/// Exactly [W].
void append_watts(std::string& out, power::microwatts p);

class power_sample {
public:
    using column = scenario::telemetry_column;

    /// Of all sites.
    explicit power_sample(const sim::sample& s);
    /// Of one. \pre power is modelled
    power_sample(const sim::sample& s, std::size_t site);

    /// Is what the column tells modelled in this run?
    [[nodiscard]] bool has(column c) const;
    void append(std::string& out, column c) const;

private:
    void add(const power::plant& plant, std::size_t site);
    void read(std::span<const power::site_sample> sites);

    bool powered_ = false;
    power::microwatts it_ = 0, drawn_ = 0;
    std::optional<power::microwatts> facility_{};
    std::optional<double> carbon_g_kwh_{}, price_usd_mwh_{};
    sim::energy_result so_far_{};
    std::optional<power::gpu_temperatures> gpus_{};
};

}  // namespace ampacity::io
