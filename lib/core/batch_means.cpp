#include <ampacity/core/batch_means.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/math.hpp>

#include <cmath>

namespace ampacity {

batch_means::batch_means(std::uint32_t batches) : batches_(batches) {
    AMPACITY_ASSERT(batches >= 2);
    sums_.reserve(std::size_t{2} * batches);
}

void batch_means::add(double value) {
    AMPACITY_ASSERT(std::isfinite(value));
    ++count_;
    open_ += value;
    if (++in_open_ < size_) return;
    sums_.push_back(open_);
    open_ = 0.0;
    in_open_ = 0;
    if (sums_.size() < std::size_t{2} * batches_) return;
    for (std::size_t i = 0; i < batches_; ++i) sums_[i] = sums_[2 * i] + sums_[2 * i + 1];
    sums_.resize(batches_);
    size_ *= 2;
}

double batch_means::mean_of_batches() const {
    double sum = 0.0;
    for (const double s : sums_) sum += s;
    return sum / static_cast<double>(size_) / static_cast<double>(sums_.size());
}

std::optional<double> batch_means::mean() const {
    if (count_ == 0) return std::nullopt;
    double sum = 0.0;
    for (const double s : sums_) sum += s;
    return (sum + open_) / static_cast<double>(count_);
}

std::optional<batch_means::interval> batch_means::confidence_interval(double confidence) const {
    AMPACITY_ASSERT(confidence > 0 && confidence < 1);
    if (sums_.size() < batches_) return std::nullopt;
    const double m = mean_of_batches();
    double squares = 0.0;
    for (const double s : sums_) {
        const double off = s / static_cast<double>(size_) - m;
        squares += off * off;
    }
    const auto k = static_cast<double>(sums_.size());
    const double t = portable_student_t_quantile(0.5 + 0.5 * confidence, k - 1.0);
    return interval{m, t * std::sqrt(squares / (k - 1.0) / k)};
}

std::optional<double> batch_means::lag_1() const {
    if (sums_.size() < batches_) return std::nullopt;
    const double m = mean_of_batches();
    double squares = 0.0;
    double products = 0.0;
    double before = 0.0;
    for (std::size_t i = 0; i < sums_.size(); ++i) {
        const double off = sums_[i] / static_cast<double>(size_) - m;
        squares += off * off;
        if (i != 0) products += off * before;
        before = off;
    }
    if (!(squares > 0)) return std::nullopt;
    return products / squares;
}

}  // namespace ampacity
