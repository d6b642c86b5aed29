#pragma once
/// \file
/// Jobs by key, the first in front, sorted no further than they are needed (an incremental quicksort).
///
/// The jobs lie in segments, each wholly before the one behind it; only the first segment, which is short, is in
/// order. When it is used up the next one is split until its front part is short. A push finds its segment from the
/// last one on, which holds half of all jobs. Each job moves O(log n) times on average, always in sequence, so a long
/// queue costs few cache misses, where a heap has some in every pop. Allocates only as segments reach new maxima.
/// No two entries are equal. Not thread-safe.

#include "ordered_jobs.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace ampacity::policy {

class job_sorter {
public:
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// \pre not empty
    [[nodiscard]] const ranked_job& front() const noexcept { return segments_[used_ - 1].jobs.back(); }

    /// Calls `f(job)` for jobs that will come to the front soon; called after each pop, about once for each of them.
    template <class F>
    void for_next(F f) {
        if (used_ == 0) return;
        const auto& jobs = segments_[used_ - 1].jobs;
        const std::size_t last = std::min(look_ahead, jobs.size());
        for (std::size_t i = hinted_ ? look_ahead : 1; i <= last; ++i) f(jobs[jobs.size() - i].job);
        hinted_ = true;
    }

    void push(const ranked_job& e) {
        ++size_;
        if (used_ == 0) open();
        std::size_t at = 0;
        while (at + 1 != used_ && before(e, segments_[at].least)) ++at;
        auto& jobs = segments_[at].jobs;
        if (jobs.size() == jobs.capacity()) jobs.reserve(jobs.size() + jobs.size() / 8 + 64);
        if (at + 1 != used_) {
            jobs.push_back(e);
            return;
        }
        jobs.insert(std::upper_bound(jobs.begin(), jobs.end(), e, later), e);
        if (jobs.size() > 2 * most_sorted) split_first();
    }

    /// \pre not empty
    void pop() {
        --size_;
        segments_[used_ - 1].jobs.pop_back();
        while (used_ != 0 && segments_[used_ - 1].jobs.empty()) --used_;
        if (used_ != 0 && !segments_[used_ - 1].sorted) sort_first();
    }

    void clear() noexcept {
        while (used_ != 0) segments_[--used_].jobs.clear();
        size_ = 0;
    }

private:
    static constexpr std::size_t most_sorted = 128;
    static constexpr std::size_t look_ahead = 16;

    struct segment {
        ranked_job least{};   ///< none of its jobs is before this one
        bool sorted = false;  ///< last first
        std::vector<ranked_job> jobs;
    };

    static bool later(const ranked_job& a, const ranked_job& b) noexcept { return before(b, a); }

    /// A new first segment, sorted as long as it is empty.
    segment& open() {
        if (used_ == segments_.size()) segments_.emplace_back();
        segment& s = segments_[used_++];
        s.least = {};
        s.sorted = true;
        return s;
    }

    /// Halves the first segment, which is in order and has grown too long.
    void split_first() {
        segment& earlier = open();
        segment& rest = segments_[used_ - 2];
        const auto middle = rest.jobs.begin() + static_cast<std::ptrdiff_t>(rest.jobs.size() / 2);
        earlier.jobs.assign(middle, rest.jobs.end());
        rest.jobs.erase(middle, rest.jobs.end());
        rest.least = rest.jobs.back();
        rest.sorted = false;  // from now on jobs are only appended to it
    }

    /// Splits the first segment until it is short, and sorts it.
    void sort_first() {
        while (segments_[used_ - 1].jobs.size() > most_sorted) {
            segment& earlier = open();
            segment& rest = segments_[used_ - 2];
            const ranked_job pivot = middle_of(rest.jobs);
            rest.sorted = false;
            rest.least = pivot;
            // Without a branch on the comparison, which nobody could predict.
            std::size_t num_earlier = 0;
            for (const ranked_job& e : rest.jobs) num_earlier += static_cast<std::size_t>(before(e, pivot));
            earlier.jobs.resize(num_earlier + 1);
            std::size_t moved = 0;
            std::size_t kept = 0;
            for (std::size_t i = 0; i != rest.jobs.size(); ++i) {
                const ranked_job e = rest.jobs[i];
                earlier.jobs[moved] = e;
                rest.jobs[kept] = e;
                const bool goes = before(e, pivot);
                moved += static_cast<std::size_t>(goes);
                kept += static_cast<std::size_t>(!goes);
            }
            earlier.jobs.pop_back();
            rest.jobs.resize(kept);
            earlier.sorted = false;
        }
        segment& first = segments_[used_ - 1];
        std::sort(first.jobs.begin(), first.jobs.end(), later);
        first.sorted = true;
        hinted_ = false;
    }

    /// The median of three of them, so neither the first nor the last of all.
    static ranked_job middle_of(const std::vector<ranked_job>& jobs) noexcept {
        const ranked_job& a = jobs.front();
        const ranked_job& b = jobs[jobs.size() / 2];
        const ranked_job& c = jobs.back();
        const ranked_job& low = before(a, b) ? a : b;
        const ranked_job& high = before(a, b) ? b : a;
        return before(c, low) ? low : before(high, c) ? high : c;
    }

    std::vector<segment> segments_;  // the first used_ are in use, those with the latest keys first
    std::size_t used_ = 0;
    std::size_t size_ = 0;
    bool hinted_ = false;  // `for_next` has seen the jobs in front of the first segment
};

}  // namespace ampacity::policy
