#include <ampacity/core/error.hpp>
#include <ampacity/scenario/feed_failures.hpp>

namespace ampacity::scenario {

ampacity::faults::duration_law law_of(const time_law& t) {
    if (t.constant) return constant_distribution{to_seconds(*t.constant)};
    if (t.uniform) return uniform_distribution{to_seconds(t.uniform->min), to_seconds(t.uniform->max)};
    if (t.exponential) return exponential_distribution{to_seconds(*t.exponential)};
    if (t.lognormal) return lognormal_distribution{to_seconds(t.lognormal->median), t.lognormal->sigma};
    AMPACITY_ASSERT(t.weibull.has_value());
    return weibull_distribution{t.weibull->shape, to_seconds(t.weibull->scale)};
}

}  // namespace ampacity::scenario
