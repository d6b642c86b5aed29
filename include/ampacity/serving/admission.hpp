#pragma once
/// \file
/// Which requests a service takes, and which it sheds as they arrive, as a gateway does that answers with status 429.
///
/// A request is shed where a bound of all requests or one of its class has been reached. What waits is looked at as a
/// whole, whatever its class, so that classes with smaller bounds are shed first as a queue grows; `max_requests`
/// counts the requests of the class itself. Bounds are multiples of the replicas that get requests, at least one.
/// Requests that the cache can never hold are taken, and rejected by their replica. O(1) per request. One thread.

#include <ampacity/workload/request.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace ampacity::serving {

/// Reached where the service has so many before the request; per replica that gets requests.
struct admission_bounds {
    std::optional<std::int64_t> max_waiting{};         ///< requests that wait, 1 .. `admission::most`
    std::optional<std::int64_t> max_waiting_tokens{};  ///< tokens that these know, 1 .. `admission::most`
    std::optional<std::int64_t> max_requests{};        ///< requests that wait or run, 1 .. `admission::most`
};

/// Requests of its priority, and of those above it up to the next class's.
struct request_class {
    std::uint8_t priority = 0;
    admission_bounds bounds{};
};

struct admission_options {
    admission_bounds all{};                ///< of requests of any class, or none
    std::vector<request_class> classes{};  ///< by rising priority
};

/// Requests that wait for a step to work on them again, at a router or at replicas.
struct queue_size {
    std::int64_t requests = 0;
    std::int64_t tokens = 0;  ///< that they know

    queue_size& operator+=(const queue_size& o) noexcept {
        requests += o.requests;
        tokens += o.tokens;
        return *this;
    }
    queue_size& operator-=(const queue_size& o) noexcept {
        requests -= o.requests;
        tokens -= o.tokens;
        return *this;
    }
};

/// In place of the number of a class: the request is of none.
inline constexpr std::size_t no_class = workload::num_request_priorities;

/// The class of each priority, of classes with these priorities; `no_class` below the first.
[[nodiscard]] std::array<std::size_t, workload::num_request_priorities> classes_of_priorities(
    const std::vector<std::uint8_t>& priorities);

class admission {
public:
    static constexpr std::int64_t most = std::int64_t{1} << 40U;

    /// \throws scenario_error for bounds outside their ranges and classes out of order; the key is their name.
    explicit admission(const admission_options& options);

    /// Would it be taken? `replicas`: that get requests.
    [[nodiscard]] bool takes(const workload::request& r, const queue_size& waiting,
                             std::size_t replicas) const noexcept;
    /// A request has been taken.
    void entered(std::uint8_t priority) noexcept { count(priority, 1); }
    /// One that was taken has left.
    void left(std::uint8_t priority) noexcept { count(priority, -1); }

private:
    void count(std::uint8_t priority, std::int64_t more) noexcept {
        requests_ += more;
        of_class_[classes_[priority]] += more;
    }

    admission_options options_;
    std::array<std::size_t, workload::num_request_priorities> classes_;
    std::int64_t requests_ = 0;                          // taken, and not left
    std::array<std::int64_t, no_class + 1> of_class_{};  // of them
};

}  // namespace ampacity::serving
