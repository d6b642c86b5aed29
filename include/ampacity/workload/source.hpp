#pragma once
/// \file
/// Where jobs come from: a pull interface in batches, so that a trace larger than memory streams
/// through and a virtual call is paid once per batch.
///
/// A source yields requests in order of (submit, row); `row` may jump back where a file's rows were
/// not sorted. One source is read by one simulation; it is not shared between threads.

#include <ampacity/workload/job.hpp>

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

/// Records of an input that are no jobs, for one reason.
struct skipped_records {
    std::string_view reason;  ///< such as `no_gpus`
    std::uint64_t count = 0;
};

/// A stream of job requests.
class job_source {
public:
    job_source() = default;
    job_source(const job_source&) = delete;
    job_source& operator=(const job_source&) = delete;
    virtual ~job_source() = default;

    /// Fills `out` from the front and returns how many were written; 0 means the source is exhausted.
    /// \throws data_error when the input is unreadable or malformed.
    virtual std::size_t next(std::span<job_request> out) = 0;

    /// Share of the input consumed so far, in [0, 1], where it is known; for progress only.
    [[nodiscard]] virtual std::optional<double> progress() const { return std::nullopt; }

    /// Records read so far that are no jobs, by reason in alphabetical order, none with a count of 0; of those with a
    /// submit time only the ones up to `through`, in the time of the requests.
    [[nodiscard]] virtual std::vector<skipped_records> skipped(instant through = never) const {
        static_cast<void>(through);
        return {};
    }

    /// The text behind `job_request::name` (where `name_is_text`), `user` and `group`.
    [[nodiscard]] virtual std::string_view text(std::int64_t index) const = 0;
};

/// Requests held in memory, in the order of the span that is given; sorted stably by submit.
class vector_source final : public job_source {
public:
    /// `jobs` get row numbers by position; `texts` are what they name by index, of which 0 is nobody.
    explicit vector_source(std::vector<job_request> jobs, std::vector<std::string> texts = {})
        : jobs_(std::move(jobs)), texts_(std::move(texts)) {
        for (std::size_t i = 0; i != jobs_.size(); ++i) jobs_[i].row = i;
        std::sort(jobs_.begin(), jobs_.end(), [](const job_request& a, const job_request& b) {
            return a.submit != b.submit ? a.submit < b.submit : a.row < b.row;
        });
    }
    std::size_t next(std::span<job_request> out) override {
        const std::size_t n = std::min(out.size(), jobs_.size() - at_);
        for (std::size_t i = 0; i != n; ++i) out[i] = jobs_[at_++];
        return n;
    }
    [[nodiscard]] std::optional<double> progress() const override {
        return jobs_.empty() ? 1.0 : static_cast<double>(at_) / static_cast<double>(jobs_.size());
    }
    [[nodiscard]] std::string_view text(std::int64_t index) const override {
        return index >= 0 && static_cast<std::size_t>(index) < texts_.size() ? texts_[static_cast<std::size_t>(index)]
                                                                             : std::string_view{};
    }

private:
    std::vector<job_request> jobs_;
    std::vector<std::string> texts_;
    std::size_t at_ = 0;
};

}  // namespace ampacity::workload
