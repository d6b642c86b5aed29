#pragma once
/// \file
/// Makers of the built-in policies; their rules stand in the semantics, one file per family.

#include <ampacity/policy/registry.hpp>

namespace ampacity::policy {

std::unique_ptr<policy> make_fifo();
std::unique_ptr<policy> make_fifo_skip();
std::unique_ptr<policy> make_sjf(bool by_estimate);
std::unique_ptr<policy> make_srtf(bool by_estimate);
std::unique_ptr<policy> make_las(std::vector<gpu_time> thresholds);
std::unique_ptr<policy> make_easy();
std::unique_ptr<policy> make_conservative();
std::unique_ptr<policy> make_srsf(bool by_estimate);
std::unique_ptr<policy> make_gittins(const gittins_options& options);
std::unique_ptr<policy> make_qssf(const qssf_options& options);
std::unique_ptr<policy> make_ftf(const ftf_options& options);
std::unique_ptr<policy> make_max_min(const max_min_options& options);
std::unique_ptr<policy> make_priority(const priority_options& options);
std::unique_ptr<policy> make_fair_share(const fair_share_options& options);
std::unique_ptr<policy> make_drf(const drf_options& options);
std::unique_ptr<policy> make_elastic(const elastic_options& options);
std::unique_ptr<policy> make_power_aware(const power_aware_options& options);

}  // namespace ampacity::policy
