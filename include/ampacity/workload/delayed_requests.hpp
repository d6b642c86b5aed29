#pragma once
/// \file
/// The requests of another source, later by a constant and only for a while: what comes besides at one time of the day.
///
/// O(1) per request. One thread at a time.

#include <ampacity/workload/request_source.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace ampacity::workload {

class delayed_requests final : public request_source {
public:
    /// Those that come before `length` there come `delay` later here. \pre delay >= 0, length >= 0; their sum is an
    /// instant
    delayed_requests(std::unique_ptr<request_source> source, duration delay, duration length)
        : source_(std::move(source)), delay_(delay), end_(start_of_time + length) {}

    std::size_t next(std::span<request> out) override {
        if (ended_) return 0;
        const std::size_t n = source_->next(out);
        for (std::size_t i = 0; i != n; ++i) {
            if (out[i].arrival >= end_) {
                ended_ = true;
                return i;
            }
            out[i].arrival += delay_;
        }
        return n;
    }
    [[nodiscard]] std::optional<double> progress() const override { return source_->progress(); }

private:
    std::unique_ptr<request_source> source_;
    duration delay_;
    instant end_;
    bool ended_ = false;
};

}  // namespace ampacity::workload
