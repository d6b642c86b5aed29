#pragma once
/// \file
/// What a store says about its variants: which are better than a baseline, by how much, and how sure that is.
///
/// Variants that differ in one parameter are compared where all others are equal: policies under each load, say. All
/// comparisons of one call are corrected together. A function without state.

#include <ampacity/experiment/comparison.hpp>
#include <ampacity/experiment/result_store.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::experiment {

/// Whose intervals and p values (comparison.hpp).
enum class interval_kind : std::uint8_t { careful, student, bootstrap, hall };

struct compare_options {
    std::string by{};                    ///< a parameter; empty: `scheduler.policy` where it varies, else the first one
    std::string baseline{};              ///< a value of it; empty: that of the first variant
    std::vector<std::string> metrics{};  ///< empty: all of a few, the usual ones of many
    double confidence = 0.95;
    interval_kind how = interval_kind::careful;
};

/// A variant against the baseline.
struct compared_difference {
    std::size_t pairs = 0;  ///< replications that both have
    double mean = 0;        ///< of variant - baseline
    interval within{};      ///< after correction; leaves out 0 where it is significant
    double p = 1;           ///< after correction
    bool significant = false;
    std::optional<double> change{};  ///< relative to the baseline
};

/// A variant.
struct compared_variant {
    std::string name;  ///< value of the parameter by which variants are compared; `(base)` where it does not set it
    std::string key;   ///< of the variant
    sample_mean mean{};
    bool is_baseline = false;
    std::optional<compared_difference> difference{};  ///< none: the baseline, or fewer than two pairs
    std::optional<double> best{};                     ///< probability that its mean is the best of its group
};

/// The variants that differ in nothing else.
struct compared_group {
    std::string context{};  ///< what they have in common, `workload.0.synthetic.rate=10 /h`; empty: everything else
    std::vector<compared_variant> variants{};
};

/// One metric.
struct compared_metric {
    std::string name;
    direction better = direction::lower;
    std::optional<std::uint64_t>
        thin_samples{};  ///< of a percentile with too few values above it: finished jobs of a run
    std::vector<compared_group> groups{};
};

struct comparison {
    std::string by;
    std::string baseline;
    double confidence = 0.95;
    std::size_t comparisons = 0;  ///< that were corrected together
    std::size_t done = 0, failed = 0;
    std::uint64_t replications = 0;  ///< of the variant with the most
    std::vector<compared_metric> metrics{};
};

/// \throws scenario_error for a parameter, a baseline or a metric that is not there
[[nodiscard]] comparison compare(const result_store& store, const compare_options& options = {});

}  // namespace ampacity::experiment
