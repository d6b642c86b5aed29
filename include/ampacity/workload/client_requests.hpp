#pragma once
/// \file
/// The requests of several clients as one stream: few of them often send most, each with bursts and lengths of its own.
///
/// Merged by (arrival, number of the client); rows are numbered anew, the tenant is the client's number from 1, and
/// conversations of different clients never have one session number. Ends after `requests`, or when all clients have
/// ended. O(log clients) per request. One thread at a time.

#include <ampacity/workload/request_source.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <span>
#include <utility>
#include <vector>

namespace ampacity::workload {

/// Names the draws of request 0 of a client of an entry of the workload; those of the others follow. No two streams of
/// requests meet. \pre client < 256
[[nodiscard]] constexpr std::uint64_t first_request(std::uint16_t entry, std::uint64_t client = 0) noexcept {
    return (std::uint64_t{entry} << 48U) + (client << 40U);
}

class client_requests final : public request_source {
public:
    /// \pre there is a client.
    client_requests(std::vector<std::unique_ptr<request_source>> clients, std::uint64_t requests);

    std::size_t next(std::span<request> out) override;
    [[nodiscard]] std::optional<double> progress() const override;

private:
    struct client {
        std::unique_ptr<request_source> source;
        std::vector<request> batch;
        std::size_t at = 0, have = 0;
    };
    using head = std::pair<instant, std::uint32_t>;

    void refill(std::uint32_t i);

    std::vector<client> clients_;
    std::priority_queue<head, std::vector<head>, std::greater<>> heads_;  ///< of clients that have more
    std::uint64_t requests_;
    std::uint64_t num_given_ = 0;
};

}  // namespace ampacity::workload
