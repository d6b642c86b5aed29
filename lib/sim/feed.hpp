#pragma once
/// \file
/// All sources as one stream in the order (submit, workload entry, file order), read in batches and timed.

#include <ampacity/workload/source.hpp>

#include <chrono>
#include <memory>
#include <vector>

namespace ampacity::sim {

class feed {
public:
    explicit feed(std::vector<std::unique_ptr<workload::job_source>> sources) : sources_(std::move(sources)) {
        buffers_.resize(sources_.size());
        for (std::size_t i = 0; i != sources_.size(); ++i) refill(i);
        choose();
    }

    [[nodiscard]] bool empty() const noexcept { return next_ == sources_.size(); }
    /// \pre not empty
    [[nodiscard]] const workload::job_request& front() const noexcept { return buffers_[next_].front(); }
    void pop() {
        buffer& b = buffers_[next_];
        if (++b.at == b.size) refill(next_);
        choose();
    }
    [[nodiscard]] std::size_t which() const noexcept { return next_; }
    [[nodiscard]] std::size_t num_sources() const noexcept { return sources_.size(); }
    [[nodiscard]] const workload::job_source& source(std::size_t i) const { return *sources_.at(i); }
    [[nodiscard]] double reading_s() const noexcept { return std::chrono::duration<double>(reading_).count(); }

private:
    struct buffer {
        std::vector<workload::job_request> rows = std::vector<workload::job_request>(256);
        std::size_t at = 0;
        std::size_t size = 0;
        [[nodiscard]] const workload::job_request& front() const noexcept { return rows[at]; }
    };

    void refill(std::size_t i) {
        const auto begin = std::chrono::steady_clock::now();
        buffers_[i].at = 0;
        buffers_[i].size = sources_[i]->next(buffers_[i].rows);
        reading_ += std::chrono::steady_clock::now() - begin;
    }
    void choose() noexcept {
        next_ = sources_.size();
        for (std::size_t i = 0; i != sources_.size(); ++i) {
            if (buffers_[i].size != 0 && (next_ == sources_.size() || buffers_[i].front().submit < front().submit))
                next_ = i;
        }
    }

    std::vector<std::unique_ptr<workload::job_source>> sources_;
    std::vector<buffer> buffers_;
    std::size_t next_ = 0;
    std::chrono::steady_clock::duration reading_{};
};

}  // namespace ampacity::sim
