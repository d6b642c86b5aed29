#include "feed_events.hpp"

#include <ampacity/core/distributions.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/fnv.hpp>
#include <ampacity/core/stream.hpp>

namespace ampacity::io {

std::uint64_t feed_entity(std::string_view process, std::string_view feed) noexcept {
    return fnv_1a(feed, fnv_1a(" ", fnv_1a(process)));
}

std::vector<feed_outage> draw_outages(duration mtbf, double shape, const scenario::time_law& repair, std::uint64_t seed,
                                      std::uint64_t entity, instant until, std::size_t most) {
    const faults::duration_law up = faults::law_of_mean(to_seconds(mtbf), shape);
    const faults::duration_law down = law_of(repair);
    random_stream ups{seed, purpose::failures, entity};
    random_stream downs{seed, purpose::repairs, entity};
    std::vector<feed_outage> out;
    for (instant t = start_of_time; out.size() != most;) {
        const instant start = add_saturating(t, faults::draw(up, ups));
        if (start >= until) break;
        t = add_saturating(start, faults::draw(down, downs));
        out.push_back({start, t});
    }
    return out;
}

}  // namespace ampacity::io
