#include "feed_events.hpp"

#include <ampacity/core/distributions.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/stream.hpp>

#include <algorithm>
#include <variant>

namespace ampacity::io {
namespace {

using law = std::variant<constant_distribution, uniform_distribution, exponential_distribution, lognormal_distribution,
                         weibull_distribution>;

law law_of(const scenario::time_law& t) {
    if (t.constant) return constant_distribution{to_seconds(*t.constant)};
    if (t.uniform) return uniform_distribution{to_seconds(t.uniform->min), to_seconds(t.uniform->max)};
    if (t.exponential) return exponential_distribution{to_seconds(*t.exponential)};
    if (t.lognormal) return lognormal_distribution{to_seconds(t.lognormal->median), t.lognormal->sigma};
    AMPACITY_ASSERT(t.weibull.has_value());
    return weibull_distribution{t.weibull->shape, to_seconds(t.weibull->scale)};
}

/// Its mean is `mtbf`.
law time_between(duration mtbf, double shape) {
    const double mean_s = to_seconds(mtbf);
    if (shape == 1) return exponential_distribution{mean_s};
    return weibull_distribution{shape, mean_s / weibull_distribution{shape, 1}.mean()};
}

/// At least a nanosecond, so that time goes on.
duration draw(const law& of, random_stream& stream) {
    return std::max(duration{1}, std::visit([&stream](const auto& l) { return draw_duration(l, stream); }, of));
}

}  // namespace

std::uint64_t feed_entity(std::string_view process, std::string_view feed) noexcept {
    std::uint64_t hash = 0xCBF2'9CE4'8422'2325U;
    const auto add = [&hash](std::string_view text) {
        for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01B3U;
    };
    add(process);
    add(" ");
    add(feed);
    return hash;
}

std::vector<feed_outage> draw_outages(duration mtbf, double shape, const scenario::time_law& repair, std::uint64_t seed,
                                      std::uint64_t entity, instant until, std::size_t most) {
    const law up = time_between(mtbf, shape);
    const law down = law_of(repair);
    random_stream ups{seed, purpose::failures, entity};
    random_stream downs{seed, purpose::repairs, entity};
    std::vector<feed_outage> out;
    for (instant t = start_of_time; out.size() != most;) {
        const instant start = add_saturating(t, draw(up, ups));
        if (start >= until) break;
        t = add_saturating(start, draw(down, downs));
        out.push_back({start, t});
    }
    return out;
}

}  // namespace ampacity::io
