#pragma once
/// \file
/// The report of a sweep: its store as one HTML file.
///
///     std::string page = html(experiment::result_store::open("out/sweep.db"));
///
/// Variants side by side with intervals, differences to a baseline on the same random draws (experiment/compare.hpp
/// says how), two metrics against each other, a metric against an axis, failed trials, and what the store is of. The
/// page needs no network; its script only redraws the last two pictures for other metrics, whose first choice is in
/// tables too. Equal stores give equal bytes, whatever the order in which their trials ended. A function without state.

#include <ampacity/experiment/compare.hpp>
#include <ampacity/experiment/result_store.hpp>

#include <string>

namespace ampacity::report {

/// \throws scenario_error for a parameter, a baseline or a metric that is not there
[[nodiscard]] std::string html(const experiment::result_store& store, const experiment::compare_options& options = {});

}  // namespace ampacity::report
