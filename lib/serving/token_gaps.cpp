#include <ampacity/serving/token_gaps.hpp>

#include <algorithm>

namespace ampacity::serving {

void token_gaps::add(const decode_run& series, std::int64_t steps, std::int64_t units_per_ns, duration took,
                     std::uint64_t requests) {
    if (steps == 1) return;
    sum_ns_ += static_cast<int128>(ticks(took)) * static_cast<int128>(requests);
    const auto length = [&, by = 1 / static_cast<double>(units_per_ns)](std::int64_t i) {
        return static_cast<double>(series.step(i)) * by;
    };
    const std::int64_t last = steps - 1;
    const double longest = length(last);
    for (std::int64_t i = 1; i != last;) {
        const double here = length(i);
        const double beyond = sketch_.end_of_bin(here);
        // `out` becomes the first step beyond the bin, or the last. As lengths are convex, the chord to the last step
        // is beyond it no later than they are.
        std::int64_t in = i, out = last;
        if (longest >= beyond) {
            const double chord = (longest - here) / static_cast<double>(last - i);
            const auto guess = i + static_cast<std::int64_t>((beyond - here) / chord);
            if (guess > i && guess < last) (length(guess) < beyond ? in : out) = guess;
            for (std::int64_t stride = 1; in + stride < out; stride *= 2) {
                if (length(in + stride) >= beyond)
                    out = in + stride;
                else
                    in += stride;
            }
            while (out - in > 1) {
                const std::int64_t middle = in + (out - in) / 2;
                (length(middle) < beyond ? in : out) = middle;
            }
        }
        sketch_.add(here, static_cast<std::uint64_t>(out - i) * requests);
        i = out;
    }
    sketch_.add(longest, requests);
}

std::optional<double> token_gaps::mean_s() const {
    if (count() == 0) return std::nullopt;
    return static_cast<double>(sum_ns_) / static_cast<double>(count()) * 1e-9;
}

std::optional<double> token_gaps::percentile_s(per_mille p) const {
    const std::optional<double> ns = sketch_.percentile(p);
    return ns ? std::optional{*ns * 1e-9} : std::nullopt;
}

}  // namespace ampacity::serving
