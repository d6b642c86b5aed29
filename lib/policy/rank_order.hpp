#pragma once
/// \file
/// Do jobs reach a policy in the order of their ranks? They do, unless a policy round it holds some of them back.

#include <cstdint>

namespace ampacity::policy {

class rank_order {
public:
    /// False for a job that comes behind one of a higher rank.
    [[nodiscard]] bool rises(std::uint64_t rank) noexcept {
        if (rank < newest_) return false;
        newest_ = rank;
        return true;
    }

private:
    std::uint64_t newest_ = 0;
};

}  // namespace ampacity::policy
