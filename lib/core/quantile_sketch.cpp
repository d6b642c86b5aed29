#include <ampacity/core/quantile_sketch.hpp>

#include <algorithm>
#include <utility>

namespace ampacity {

void quantile_sketch::grow(std::uint64_t bin) {
    const std::uint64_t octave = bin >> digits_ << digits_;
    const std::uint64_t size = std::uint64_t{1} << digits_;
    if (counts_.empty()) first_ = octave;
    const std::uint64_t first = std::min(first_, octave);
    const std::uint64_t end = std::max(first_ + counts_.size(), octave + size);
    std::vector<std::uint64_t> wider(end - first);
    std::copy(counts_.begin(), counts_.end(), wider.begin() + static_cast<std::ptrdiff_t>(first_ - first));
    counts_ = std::move(wider);
    first_ = first;
}

void quantile_sketch::merge(const quantile_sketch& other) {
    AMPACITY_ASSERT(digits_ == other.digits_);
    if (other.count_ == 0) return;
    min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
    max_ = count_ == 0 ? other.max_ : std::max(max_, other.max_);
    count_ += other.count_;
    zeros_ += other.zeros_;
    if (other.counts_.empty()) return;
    at(other.first_);
    at(other.first_ + other.counts_.size() - 1);
    for (std::size_t i = 0; i < other.counts_.size(); ++i) counts_[other.first_ - first_ + i] += other.counts_[i];
}

std::optional<double> quantile_sketch::of_rank(std::uint64_t rank) const {
    if (rank == 0 || rank > count_) return std::nullopt;
    if (rank == 1) return min_;
    if (rank == count_) return max_;
    std::uint64_t below = zeros_;
    if (rank <= below) return 0.0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        below += counts_[i];
        if (rank > below) continue;
        // The middle of the bin is the double half way between the keys of its ends; the extremes never lie beyond it.
        const std::uint64_t key = (first_ + i) << (52U - digits_);
        return std::clamp(from_order_key(key + (std::uint64_t{1} << (51U - digits_))), min_, max_);
    }
    return max_;
}

}  // namespace ampacity
