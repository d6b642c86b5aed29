#include <ampacity/core/error.hpp>
#include <ampacity/core/fnv.hpp>
#include <ampacity/core/math.hpp>
#include <ampacity/fluid/surface.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

namespace ampacity::fluid {
namespace {

/// How a value is interpolated.
enum class scale_kind : std::uint8_t {
    share,    ///< of requests within targets
    work,     ///< 0 at load 0
    busy,     ///< the same; by the logarithm of its complement, as it goes with arrivals of Poisson
    latency,  ///< by its logarithm
    queued,   ///< the same; at load 1 at least as long as before
};

/// Calls `f(get, kind)` for every value of a point.
template <class F>
void for_each_value(F f) {
    f([](auto& v) -> auto& { return v.busy; }, scale_kind::busy);
    f([](auto& v) -> auto& { return v.prefilling; }, scale_kind::work);
    f([](auto& v) -> auto& { return v.kv; }, scale_kind::work);
    for (std::size_t k = 0; k <= num_waits; ++k) f([k](auto& v) -> auto& { return v.met[k]; }, scale_kind::share);
    const auto latency = [&f](auto of, scale_kind kind) {
        f([of](auto& v) -> auto& { return of(v).mean; }, kind);
        for (std::size_t k = 0; k != quantile_shares.size(); ++k)
            f([of, k](auto& v) -> auto& { return of(v).quantiles[k]; }, kind);
    };
    latency([](auto& v) -> auto& { return v.ttft; }, scale_kind::queued);
    latency([](auto& v) -> auto& { return v.tpot; }, scale_kind::latency);
    latency([](auto& v) -> auto& { return v.e2e; }, scale_kind::queued);
}

/// Loads with 0 before them.
constexpr std::size_t num_nodes = surface_loads.size() + 1;
constexpr std::array<double, num_nodes> nodes = [] {
    std::array<double, num_nodes> out{};
    for (std::size_t i = 1; i != num_nodes; ++i) out[i] = surface_loads[i - 1];
    return out;
}();

/// Where something lies on a line of the grid.
struct line_place {
    std::size_t low = 0;  // node
    double t = 0;         // of the way to the next one; 0: on it
};

line_place place_of(std::span<const double> x, double value) {
    if (x.size() == 1) return {};
    std::size_t low = 0;
    while (low + 2 < x.size() && value >= x[low + 1]) ++low;
    const double t = std::clamp((value - x[low]) / (x[low + 1] - x[low]), 0.0, 1.0);
    return t == 1 ? line_place{low + 1, 0} : line_place{low, t};
}

/// Monotone cubic between nodes `x`, rising; of values `y(i)` those of at most four are asked for.
template <class Value>
double cubic(std::span<const double> x, const line_place& at, const Value& y) {
    const std::size_t i = at.low;
    const double y0 = y(i);
    if (at.t == 0) return y0;
    const double y1 = y(i + 1), h = x[i + 1] - x[i], here = (y1 - y0) / h;
    const auto slope = [](double h0, double before, double h1, double after) {
        if (before * after <= 0) return 0.0;
        const double w0 = 2 * h1 + h0, w1 = h1 + 2 * h0;
        return (w0 + w1) / (w0 / before + w1 / after);
    };
    double left = here, right = here;
    if (i != 0) left = slope(x[i] - x[i - 1], (y0 - y(i - 1)) / (x[i] - x[i - 1]), h, here);
    if (i + 2 < x.size()) right = slope(h, here, x[i + 2] - x[i + 1], (y(i + 2) - y1) / (x[i + 2] - x[i + 1]));
    const double t = at.t, t2 = t * t, t3 = t2 * t;
    const double value = y0 + (y1 - y0) * (3 * t2 - 2 * t3) + h * (left * (t3 - 2 * t2 + t) + right * (t3 - t2));
    return std::clamp(value, std::min(y0, y1), std::max(y0, y1));
}

/// The same in two directions, of `value(place)` on a grid whose second direction runs fastest.
template <class Value>
double between(std::span<const double> rows, std::span<const double> columns, double prompt_scale, double output_scale,
               const Value& value) {
    const line_place p = place_of(rows, portable_log(prompt_scale));
    const line_place o = place_of(columns, portable_log(output_scale));
    return cubic(rows, p, [&](std::size_t i) {
        return cubic(columns, o, [&](std::size_t j) { return value(i * columns.size() + j); });
    });
}

/// A latency that nobody has is shorter than any.
double to_scale(double v, scale_kind kind) {
    if (kind == scale_kind::latency || kind == scale_kind::queued) return portable_log(std::max(v, 1e-12));
    return kind == scale_kind::busy ? -portable_log(std::max(1 - v, 1e-9)) : v;
}
double from_scale(double v, scale_kind kind) {
    if (kind == scale_kind::latency || kind == scale_kind::queued) return portable_exp(v);
    return kind == scale_kind::busy ? 1 - portable_exp(-v) : v;
}

std::vector<double> logs_of(std::span<const double> scales) {
    std::vector<double> out;
    for (const double s : scales) out.push_back(portable_log(s));
    return out;
}

std::uint64_t add(std::uint64_t hash, std::uint64_t word) {
    for (unsigned i = 0; i != 64; i += 8) hash = fnv_1a((word >> i) & 0xFFU, hash);
    return hash;
}
std::uint64_t add(std::uint64_t hash, double x) { return add(hash, std::bit_cast<std::uint64_t>(x)); }

std::uint64_t add_time(std::uint64_t hash, const surface_options& o) {
    o.time.for_each_number([&hash](int128 n) {
        hash = add(add(hash, static_cast<std::uint64_t>(n)), static_cast<std::uint64_t>(n >> 64));
    });
    return hash;
}

}  // namespace

std::uint64_t signature(const surface_options& o) {
    std::uint64_t hash = add(fnv_start, std::uint64_t{2});  // the version of what is measured
    for (const std::int64_t n : {o.engine.max_seqs, o.engine.max_batched_tokens, o.engine.kv_capacity_tokens,
                                 o.engine.kv_block_tokens, static_cast<std::int64_t>(o.engine.order)})
        hash = add(hash, static_cast<std::uint64_t>(n));
    hash = add_time(hash, o);
    hash = fnv_1a(o.router, add(hash, std::uint64_t{o.replicas}));
    hash = add(add(hash, o.cv), static_cast<std::uint64_t>(o.process));
    for (const auto& t : {o.targets.ttft, o.targets.tpot, o.targets.e2e})
        hash = add(hash, t ? static_cast<std::uint64_t>(ticks(*t)) : ~std::uint64_t{0});
    random_stream draws(1, purpose::sizes, 0);
    for (int i = 0; i != 256; ++i)
        hash = add(add(hash, std::uint64_t{o.prompt(draws)}), std::uint64_t{o.output(draws)});
    return hash;
}

std::uint64_t fingerprint(const surface_options& o) {
    std::uint64_t hash = add(add(signature(o), o.requests), o.seed);
    for (const auto* scales : {&o.prompt_scales, &o.output_scales}) {
        hash = add(hash, std::uint64_t{scales->size()});
        for (const double s : *scales) hash = add(hash, s);
    }
    for (std::uint64_t row = 0; row != o.requests * o.replicas; ++row) {
        const workload::request r = request_of(o, row, 1, 1);
        hash = add(hash, (std::uint64_t{r.prompt_tokens} << 32U) | r.output_tokens);
    }
    return hash;
}

double met_after(const point_values& v, double share) noexcept {
    const double place = share * num_waits;
    if (!(place < num_waits)) return share > 1 ? 0 : v.met[num_waits];
    const auto low = static_cast<std::size_t>(place);
    return v.met[low] + (place - static_cast<double>(low)) * (v.met[low + 1] - v.met[low]);
}

surface::surface(std::uint64_t made_from, std::vector<double> prompt_scales, std::vector<double> output_scales,
                 std::vector<mix_values> mixes, std::vector<double> queued)
    : made_from_(made_from),
      prompt_(std::move(prompt_scales)),
      output_(std::move(output_scales)),
      log_prompt_(logs_of(prompt_)),
      log_output_(logs_of(output_)),
      mixes_(std::move(mixes)),
      log_fine_prompt_(log_prompt_),
      log_fine_output_(log_output_),
      queued_(std::move(queued)) {
    AMPACITY_ASSERT(!prompt_.empty() && !output_.empty() && mixes_.size() == prompt_.size() * output_.size());
    if (queued_.empty()) {
        for (const mix_values& m : mixes_) queued_.push_back(m.capacity * m.queued_share);
    } else {
        log_fine_prompt_ = logs_of(halved(prompt_));
        log_fine_output_ = logs_of(halved(output_));
    }
    AMPACITY_ASSERT(queued_.size() == log_fine_prompt_.size() * log_fine_output_.size());
}

std::vector<double> surface::halved(std::span<const double> scales) {
    std::vector<double> out{scales.begin(), scales.begin() + 1};
    for (std::size_t i = 1; i != scales.size(); ++i) {
        out.push_back(std::sqrt(scales[i - 1] * scales[i]));
        out.push_back(scales[i]);
    }
    return out;
}

surface surface::build(const surface_options& o, const loop& each) {
    const std::size_t rows = o.prompt_scales.size(), columns = o.output_scales.size();
    const std::vector<double> prompt = halved(o.prompt_scales), output = halved(o.output_scales);
    std::vector<mix_values> mixes(rows * columns);
    std::vector<double> queued(prompt.size() * output.size());
    // Mixes first, as they take longest.
    const std::function<void(std::size_t)> measure = [&](std::size_t i) {
        if (i < mixes.size()) {
            mixes[i] = measure_mix(o, o.prompt_scales[i / columns], o.output_scales[i % columns]);
            return;
        }
        const std::size_t k = i - mixes.size(), p = k / output.size(), a = k % output.size();
        if (p % 2 != 0 || a % 2 != 0) queued[k] = queued_capacity(o, prompt[p], output[a]);
    };
    const std::size_t all = mixes.size() + queued.size();
    if (each) {
        each(all, measure);
    } else {
        for (std::size_t i = 0; i != all; ++i) measure(i);
    }
    for (std::size_t i = 0; i != mixes.size(); ++i)
        queued[i / columns * 2 * output.size() + i % columns * 2] = mixes[i].capacity * mixes[i].queued_share;
    return {signature(o), o.prompt_scales, o.output_scales, std::move(mixes), std::move(queued)};
}

template <class Value>
double surface::between_mixes(double prompt_scale, double output_scale, const Value& value) const {
    return between(log_prompt_, log_output_, prompt_scale, output_scale,
                   [&](std::size_t i) { return value(mixes_[i]); });
}

mix_values surface::mix(double prompt_scale, double output_scale) const {
    constexpr double least = 1e-300;
    const auto log_of = [&](auto get) {
        const double v = between_mixes(prompt_scale, output_scale,
                                       [&](const mix_values& m) { return portable_log(std::max(get(m), least)); });
        return v < -600 ? 0 : portable_exp(v);
    };
    mix_values out;
    out.queued_share = std::min(1.0, log_of([](const mix_values& m) { return m.queued_share; }));
    const double queued = between(log_fine_prompt_, log_fine_output_, prompt_scale, output_scale,
                                  [&](std::size_t i) { return portable_log(std::max(queued_[i], least)); });
    out.capacity = queued < -600 ? 0 : portable_exp(queued) / out.queued_share;
    out.prompt_tokens = log_of([](const mix_values& m) { return m.prompt_tokens; });
    out.output_tokens = log_of([](const mix_values& m) { return m.output_tokens; });
    out.rejected = between_mixes(prompt_scale, output_scale, [](const mix_values& m) { return m.rejected; });
    return out;
}

point_values surface::at(double load, double prompt_scale, double output_scale) const {
    const line_place place = place_of(nodes, std::clamp(load, 0.0, 1.0));
    constexpr std::size_t last = num_nodes - 1;
    point_values out;
    for_each_value([&](auto get, scale_kind kind) {
        const auto of_mix = [&](const mix_values& m) {
            return cubic(nodes, place, [&](std::size_t i) {
                if (i == 0 && (kind == scale_kind::work || kind == scale_kind::busy)) return 0.0;
                double v = get(m.points[i == 0 ? 0 : i - 1]);
                if (i == last && kind == scale_kind::queued) v = std::max(v, get(m.points[last - 2]));
                if (i == last && kind == scale_kind::share) v = std::min(v, get(m.points[last - 2]));
                return to_scale(v, kind);
            });
        };
        get(out) = from_scale(between_mixes(prompt_scale, output_scale, of_mix), kind);
    });
    return out;
}

point_values surface::saturated(double prompt_scale, double output_scale) const {
    point_values out;
    for_each_value([&](auto get, scale_kind kind) {
        const auto of_mix = [&](const mix_values& m) { return to_scale(get(m.points.back()), kind); };
        get(out) = from_scale(between_mixes(prompt_scale, output_scale, of_mix), kind);
    });
    return out;
}

}  // namespace ampacity::fluid
