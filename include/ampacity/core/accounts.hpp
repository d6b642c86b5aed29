#pragma once
/// \file
/// The accounts in which every GPU-nanosecond of a run lands exactly once, and the check that they balance.
///
/// `capacity` is integrated from node states, the unallocated accounts from free GPUs, the allocated ones from
/// the jobs: three independent sums, so a lost or doubly counted GPU shows. Integers; equality is exact.

#include <ampacity/core/error.hpp>
#include <ampacity/core/wide.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ampacity {

/// Where a GPU's time went.
enum class account : std::uint8_t {
    useful,          ///< work that counts: kept progress of jobs
    lost,            ///< work thrown away by a failure or a kill
    checkpoint,      ///< blocked on writing a checkpoint
    restart,         ///< loading, warming up after a start
    stalled,         ///< allocated, waiting for something else
    idle,            ///< in service and unallocated
    draining,        ///< unallocated on a node that takes no new jobs
    down,            ///< on a failed node
    uncommissioned,  ///< installed, not yet in service
};

inline constexpr std::size_t num_accounts = 9;  ///< entries of `account`

/// Names as in `summary.json`, in the order of `account`.
inline constexpr std::array<std::string_view, num_accounts> account_names = {
    "useful", "lost", "checkpoint", "restart", "stalled", "idle", "draining", "down", "uncommissioned"};

/// The books of a run. [GPU-ns]
struct ledger {
    gpu_time capacity = 0;                    ///< integral of GPUs in service
    std::array<gpu_time, num_accounts> of{};  ///< by account

    [[nodiscard]] gpu_time& operator[](account a) noexcept { return of[static_cast<std::size_t>(a)]; }
    [[nodiscard]] gpu_time operator[](account a) const noexcept { return of[static_cast<std::size_t>(a)]; }

    ledger& operator+=(const ledger& other) noexcept {
        capacity += other.capacity;
        for (std::size_t i = 0; i != num_accounts; ++i) of[i] += other.of[i];
        return *this;
    }

    /// Sum of all accounts in service: must equal `capacity`.
    [[nodiscard]] gpu_time booked() const noexcept {
        gpu_time sum = 0;
        for (std::size_t i = 0; i != num_accounts; ++i) {
            if (static_cast<account>(i) != account::uncommissioned) sum += of[i];
        }
        return sum;
    }

    /// \throws internal_error with both sums when the books do not balance.
    void check() const {
        if (booked() != capacity) {
            throw internal_error("the GPU-time ledger does not balance: capacity " + to_string(capacity) +
                                 " GPU-ns, booked " + to_string(booked()) + " GPU-ns");
        }
    }

    friend bool operator==(const ledger&, const ledger&) = default;
};

}  // namespace ampacity
