#pragma once
/// \file
/// Carbon, prices and weather over time from CSV files, read strictly.
///
/// Rows are steps of one length, found by their times. A time that steps back or lies between steps, a value that is
/// no number or that nothing of its kind can have, is a `data_error` at its place; so is a gap (missing rows, empty
/// values, NaN) unless the scenario says how it is filled. Lines before the header that begin with `#` are passed
/// over. One pass, memory for the steps. Functions without state.

#include <ampacity/core/step_series.hpp>
#include <ampacity/io/models.hpp>
#include <ampacity/scenario/build.hpp>
#include <ampacity/scenario/signal_options.hpp>
#include <ampacity/scenario/units.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace ampacity::io {

/// A signal that a scenario asks for.
struct signal_request {
    std::string key{};                                      ///< its key path, `energy.signals.carbon`
    scenario::signal_file of{};                             ///< as the scenario gives it
    std::filesystem::path file{};                           ///< its `path`, as it is to be opened
    scenario::dimension what = scenario::dimension::price;  ///< carbon_intensity, price or temperature
    scenario::date start{};                                 ///< of the scenario
    std::optional<duration> until{};                        ///< of the scenario
};

struct signal_data {
    std::shared_ptr<const step_series<double>> series{};  ///< in the base of its dimension
    diagnostic ends{};                                    ///< what there is to say where it knows nothing more
    std::uint64_t filled = 0;                             ///< steps that the file lacks
    model_file file{};                                    ///< path and XXH64 of the file as it lies on disk
};

/// \throws scenario_error for a unit of another kind, data_error for the file
[[nodiscard]] signal_data read_signal(const signal_request& request, const scenario::locator& locate);

}  // namespace ampacity::io
