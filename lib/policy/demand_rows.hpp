#pragma once
/// \file
/// Numbers for demands: jobs that ask for the same GPUs in the same way share a row of a table.
///
/// O(1) on average; allocates for a demand that is seen for the first time. Not thread-safe.

#include <ampacity/fleet/allocation.hpp>

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace ampacity::policy {

class demand_rows {
public:
    /// The row of this demand; a new one, the number of rows so far, for one that is seen for the first time.
    std::size_t row(fleet::demand d) { return rows_.try_emplace(d.key(), rows_.size()).first->second; }
    /// The row of one that has been seen.
    [[nodiscard]] std::size_t known(fleet::demand d) const { return rows_.at(d.key()); }

private:
    std::unordered_map<std::uint64_t, std::size_t> rows_;
};

}  // namespace ampacity::policy
