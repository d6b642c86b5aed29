#include <ampacity/core/distributions.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/math.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/workload/arrivals.hpp>

#include <algorithm>
#include <cmath>

namespace ampacity::workload {
namespace {

constexpr instant end_of_input = start_of_time + longest_input;

/// log(1 + cv^2) of a Weibull distribution, from log Gamma; it falls as the shape rises.
double log_one_plus_cv2(double shape) {
    return portable_log_gamma(1 + 2 / shape) - 2 * portable_log_gamma(1 + 1 / shape);
}

}  // namespace

double weibull_shape(double cv) {
    AMPACITY_ASSERT(cv >= 0.02 && cv <= 100);
    const double wanted = portable_log1p(cv * cv);
    double low = 0.05;
    double high = 100;
    for (int i = 0; i < 200; ++i) {
        const double middle = 0.5 * (low + high);
        (log_one_plus_cv2(middle) > wanted ? low : high) = middle;
    }
    return high;
}

arrivals::arrivals(const arrival_options& options)
    : seed_(options.seed),
      entity_(options.entity),
      cv_(options.cv),
      process_(options.process),
      batches_(options.batches),
      beat_(options.beat),
      simple_(!options.batches && !options.beat) {
    AMPACITY_ASSERT(options.rate_per_s > 0 && cv_ >= 0);
    AMPACITY_ASSERT(process_ != arrival_process::poisson || cv_ == 1);
    if (!options.profile.empty()) profile_.emplace(options.profile, options.week_offset);
    if (!options.trend.is_flat()) trend_.emplace(profile_, options.trend);
    double rate = options.rate_per_s;
    if (beat_) {
        AMPACITY_ASSERT(*beat_ > duration::zero());
        rate -= 1 / to_seconds(*beat_);
        AMPACITY_ASSERT(rate > 0);
        beat_at_ = add_saturating(start_of_time, *beat_);
    }
    if (batches_) {
        AMPACITY_ASSERT(batches_->share >= 0 && batches_->share <= 1 && batches_->mean >= 2 &&
                        batches_->mean <= 10'000 && batches_->spacing >= duration::zero());
        rate /= 1 - batches_->share + batches_->share * batches_->mean;
        log_more_ = portable_log1p(-1 / (batches_->mean - 1));
    }
    mean_s_ = 1 / rate;
    if (cv_ == 1) process_ = arrival_process::poisson;  // which both others are then
    if (cv_ > 0 && process_ == arrival_process::gamma) {
        // A gamma variate has cv = 1 / sqrt(shape).
        shape_ = 1 / (cv_ * cv_);
        scale_s_ = mean_s_ / shape_;
    } else if (cv_ > 0 && process_ == arrival_process::weibull) {
        shape_ = weibull_shape(cv_);
        scale_s_ = mean_s_ / weibull_distribution{shape_, 1}.mean();
    }
    advance();
}

duration arrivals::draw_interval() const {
    if (cv_ == 0) return round_to_duration(mean_s_);
    random_stream stream{seed_, purpose::arrivals, entity_ + arrival_};
    switch (process_) {
        case arrival_process::poisson: return draw_duration(exponential_distribution{mean_s_}, stream);
        case arrival_process::weibull: return draw_duration(weibull_distribution{shape_, scale_s_}, stream);
        case arrival_process::gamma: break;
    }
    return draw_duration(gamma_distribution{shape_, scale_s_}, stream);
}

std::uint32_t arrivals::draw_batch() const {
    random_stream stream{seed_, purpose::batches, entity_ + arrival_};
    const double u = stream.uniform01();
    if (!(u < batches_->share)) return 1;
    if (batches_->mean == 2) return 2;
    // 2 + a geometric number, by inversion from what the choice has left of u.
    const double more = portable_log1p(-std::min(u / batches_->share, 1 - 0x1p-53)) / log_more_;
    return 2 + static_cast<std::uint32_t>(std::min(more, static_cast<double>(max_batch - 2)));
}

/// Moves on to arrival number `arrival_`.
void arrivals::advance() {
    const duration interval = draw_interval();
    if (interval > longest_input - clock_) {
        next_ = never;
        return;
    }
    clock_ += interval;
    const duration at = trend_ ? trend_->calendar_time(clock_) : profile_ ? profile_->calendar_time(clock_) : clock_;
    next_ = at > longest_input ? never : start_of_time + at;
}

instant arrivals::take_tail() {
    tail t = tails_.top();
    tails_.pop();
    const instant at = t.at;
    if (--t.left != 0) {
        t.at = add_saturating(at, batches_->spacing);
        tails_.push(t);
    }
    return at;
}

std::optional<instant> arrivals::next() {
    instant at = next_;
    if (!simple_) {
        const instant of_tails = tails_.empty() ? never : tails_.top().at;
        if (of_tails <= std::min(beat_at_, next_) && of_tails <= end_of_input) return take_tail();
        if (beat_at_ <= next_ && beat_at_ <= end_of_input) {
            at = beat_at_;
            beat_at_ = add_saturating(at, *beat_);
            return at;
        }
    }
    if (at == never) return std::nullopt;
    if (batches_) {
        const std::uint32_t jobs = draw_batch();
        if (jobs > 1) tails_.push({add_saturating(at, batches_->spacing), arrival_, jobs - 1});
    }
    ++arrival_;
    advance();
    return at;
}

}  // namespace ampacity::workload
