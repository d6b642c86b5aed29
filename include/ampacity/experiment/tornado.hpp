#pragma once
/// \file
/// Which assumption matters most: variants at a low and a high value of one factor each, against a baseline.
///
/// A variant named `X-low` or `X-high` is an end of factor X; one end may be missing. Where a group has any of them, a
/// variant of another name is a factor of its own with a single end. Factors are sorted by their reach, the largest
/// first, equal ones by name. Functions without state, O(n log n) in the variants.

#include <ampacity/experiment/compare.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::experiment {

/// A variant as seen from the baseline.
struct tornado_end {
    std::string variant;               ///< its whole name
    double difference = 0;             ///< variant - baseline, over the replications that both have
    std::optional<double> change{};    ///< the same, relative to the baseline; none where that is 0
    std::optional<interval> within{};  ///< of the difference, after correction; none below two pairs
    bool significant = false;          ///< as `compared_difference` says
};

/// A factor. \invariant has an end; `single` alone, or any of the others
struct tornado_row {
    std::string factor;
    std::optional<tornado_end> low{}, high{}, single{};

    /// The largest absolute difference of an end to the baseline.
    [[nodiscard]] double reach() const noexcept;
    /// From one end to the other; of a factor with one end from the baseline to it.
    [[nodiscard]] double swing() const noexcept;
};

/// One metric of one group. An end stands at `baseline` + its difference.
struct tornado {
    std::string context{};  ///< as of the group
    double baseline = 0;    ///< mean
    std::vector<tornado_row> rows{};
    std::size_t without_value = 0;  ///< variants that have no number of this metric, and no end
};

/// No rows where no variant but the baseline is named as an end, or the baseline has no number.
[[nodiscard]] tornado tornado_of(const compared_group& group);

/// Does any group of any metric have rows?
[[nodiscard]] bool has_tornado(const comparison& all);

/// For who asked for charts, by this option for this file. \throws scenario_error where there is none
void require_tornado(const comparison& all, const std::string& file, const std::string& option);

}  // namespace ampacity::experiment
