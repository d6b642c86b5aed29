#pragma once
/// \file
/// Rules between the keys of synthetic jobs.

#include "reporter.hpp"

#include <ampacity/scenario/synthetic_jobs.hpp>

#include <string>

namespace ampacity::scenario {

/// `path`: of the jobs, such as `workload.0.synthetic`. \pre every value is in its own range. \throws scenario_error
void check_synthetic(const synthetic_jobs& jobs, const std::string& path, const reporter& report);

/// The same of when jobs or requests come; `path` is that of the map that holds `arrivals`, `cv` and `rate`.
void check_arrivals(const arrival_shape& a, double cv_of, rate mean, const std::string& path, const reporter& report);

}  // namespace ampacity::scenario
