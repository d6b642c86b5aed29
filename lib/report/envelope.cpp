#include <ampacity/core/error.hpp>
#include <ampacity/report/envelope.hpp>

#include <algorithm>
#include <functional>
#include <utility>

namespace ampacity::report {

std::vector<instant> even_edges(duration length, std::size_t count) {
    AMPACITY_ASSERT(length >= duration::zero() && count >= 1);
    const auto parts = std::min(static_cast<int128>(count), static_cast<int128>(ticks(length)));
    std::vector<instant> edges{start_of_time};
    for (int128 i = 1; i <= parts; ++i) {
        edges.push_back(start_of_time + duration{static_cast<std::int64_t>(i * ticks(length) / parts)});
    }
    return edges;
}

envelope::envelope(std::vector<instant> edges) : edges_(std::move(edges)) {
    AMPACITY_ASSERT(!edges_.empty() && edges_.front() == start_of_time);
    AMPACITY_ASSERT(std::adjacent_find(edges_.begin(), edges_.end(), std::greater_equal<>{}) == edges_.end());
    stretches_.resize(edges_.size() - 1);
}

void envelope::set(instant at, std::int64_t value) {
    AMPACITY_ASSERT(at >= last_);
    const instant to = std::min(at, edges_.back());
    while (last_ < to) {
        stretch& s = stretches_[current_];
        const instant end = edges_[current_ + 1];
        const instant until = std::min(to, end);
        s.integral += static_cast<int128>(value_) * ticks(until - last_);
        s.least = entered_ ? std::min(s.least, value_) : value_;
        s.greatest = entered_ ? std::max(s.greatest, value_) : value_;
        entered_ = until != end;
        if (!entered_) ++current_;
        last_ = until;
    }
    value_ = value;
}

double envelope::mean(std::size_t i) const noexcept {
    return static_cast<double>(stretches_[i].integral) / static_cast<double>(ticks(edge(i + 1) - edge(i)));
}

int128 envelope::integral() const noexcept {
    int128 sum = 0;
    for (const stretch& s : stretches_) sum += s.integral;
    return sum;
}

std::int64_t envelope::least() const noexcept {
    std::int64_t value = stretches_.empty() ? 0 : stretches_.front().least;
    for (const stretch& s : stretches_) value = std::min(value, s.least);
    return value;
}

std::int64_t envelope::greatest() const noexcept {
    std::int64_t value = stretches_.empty() ? 0 : stretches_.front().greatest;
    for (const stretch& s : stretches_) value = std::max(value, s.greatest);
    return value;
}

double envelope::mean() const noexcept {
    return stretches_.empty() ? 0 : static_cast<double>(integral()) / static_cast<double>(ticks(length()));
}

}  // namespace ampacity::report
