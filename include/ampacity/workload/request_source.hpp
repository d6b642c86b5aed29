#pragma once
/// \file
/// Where requests come from: a pull interface in batches, as `job_source` is for jobs.
///
/// A source yields requests in order of (arrival, row); `row` may jump back where a file's rows were not sorted. One
/// source is read by one simulation; it is not shared between threads.

#include <ampacity/workload/request.hpp>
#include <ampacity/workload/source.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::workload {

/// What a source is whose requests follow answers. `next_arrival` may become earlier by `left`, but never lies before
/// the instant of the latest call.
class request_loop {
public:
    request_loop() = default;
    request_loop(const request_loop&) = delete;
    request_loop& operator=(const request_loop&) = delete;
    virtual ~request_loop() = default;

    /// Of the next request that is known; `never`: there is none until one leaves.
    [[nodiscard]] virtual instant next_arrival() const = 0;
    /// That request. \pre next_arrival() != never
    virtual request take() = 0;
    /// A request that was taken has left at `now`, with its answer or without. Once for each.
    virtual void left(std::uint64_t row, bool answered, instant now) = 0;
};

/// A stream of requests.
class request_source {
public:
    request_source() = default;
    request_source(const request_source&) = delete;
    request_source& operator=(const request_source&) = delete;
    virtual ~request_source() = default;

    /// Fills `out` from the front and returns how many were written; 0 means the source is exhausted.
    /// \throws data_error when the input is unreadable or malformed.
    virtual std::size_t next(std::span<request> out) = 0;

    /// Share of the input consumed so far, in [0, 1], where it is known; for progress only.
    [[nodiscard]] virtual std::optional<double> progress() const { return std::nullopt; }

    /// Records read so far that are no requests, by reason in alphabetical order, none with a count of 0; only those
    /// that would have arrived by `through`.
    [[nodiscard]] virtual std::vector<skipped_records> skipped(instant through = never) const {
        static_cast<void>(through);
        return {};
    }

    /// Itself as a loop, if its requests follow answers; whoever knows of answers then asks the loop and not `next`,
    /// which reads on as if answers took no time.
    [[nodiscard]] virtual request_loop* loop() noexcept { return nullptr; }

    /// The text behind `request::tenant` and `request::session`; empty for 0 and for what is none.
    [[nodiscard]] virtual std::string_view text(std::uint32_t index) const {
        static_cast<void>(index);
        return {};
    }
};

/// Requests held in memory, sorted stably by arrival.
class vector_request_source final : public request_source {
public:
    /// `requests` get row numbers by position.
    explicit vector_request_source(std::vector<request> requests) : requests_(std::move(requests)) {
        for (std::size_t i = 0; i != requests_.size(); ++i) requests_[i].row = i;
        std::stable_sort(requests_.begin(), requests_.end(),
                         [](const request& a, const request& b) { return a.arrival < b.arrival; });
    }
    std::size_t next(std::span<request> out) override {
        const std::size_t n = std::min(out.size(), requests_.size() - at_);
        std::copy_n(requests_.begin() + static_cast<std::ptrdiff_t>(at_), n, out.begin());
        at_ += n;
        return n;
    }
    [[nodiscard]] std::optional<double> progress() const override {
        return requests_.empty() ? 1.0 : static_cast<double>(at_) / static_cast<double>(requests_.size());
    }

private:
    std::vector<request> requests_;
    std::size_t at_ = 0;
};

}  // namespace ampacity::workload
