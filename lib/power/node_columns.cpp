#include <ampacity/core/math.hpp>
#include <ampacity/power/node_columns.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

// Wider vectors where the processor has them. The resolver of clones runs before a thread sanitizer is ready.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define AMPACITY_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define AMPACITY_VECTOR_CLONES
#endif

namespace ampacity::power {
namespace {

constexpr std::size_t lanes = 4;  // of sums
constexpr std::size_t line = 16;  // floats of a cache line
constexpr float no_limit_w = 1e30F;

/// What a tick multiplies with.
struct tick_constants {
    float dt_s, k_per_w, approach, throttle_c, release_c, throttled_w, wear_scale, wear_at_c;
};

/// 2^x for |x| <= 120, within 1e-5 relative: a polynomial for the fraction, the exponent's bits for the rest.
inline float exp2_of(float x) noexcept {
    const float biased = x + 127.0F;
    const auto whole = static_cast<std::int32_t>(biased);  // floor, as it is positive
    const float f = biased - static_cast<float>(whole);
    float p = 1.35206032e-02F;
    p = p * f + 5.20374287e-02F;
    p = p * f + 2.41427493e-01F;
    p = p * f + 6.93006621e-01F;
    p = p * f + 1.00000252e+00F;
    return p * std::bit_cast<float>(whole << 23);
}

AMPACITY_VECTOR_CLONES
void tick_columns(const float* __restrict load, const float* __restrict cap, const float* __restrict coolant,
                  float* __restrict power, float* __restrict temperature, float* __restrict throttles,
                  float* __restrict energy, float* __restrict wear, std::size_t n, tick_constants c) {
    for (std::size_t i = 0; i < n; ++i) {
        // Arithmetic in place of branches and of chained selects, either of which would keep the loop from going wide.
        const float t = temperature[i];
        const float hot = t >= c.throttle_c ? 1.0F : 0.0F;
        const float warm = t >= c.release_c ? 1.0F : 0.0F;
        const float held = hot + (1.0F - hot) * warm * throttles[i];
        const float limit = c.throttled_w + (1.0F - held) * no_limit_w;
        const float l = load[i];
        const float k = cap[i];
        const float wanted = l < k ? l : k;
        const float p = wanted < limit ? wanted : limit;
        const float next = t + (coolant[i] + c.k_per_w * p - t) * c.approach;
        power[i] = p;
        temperature[i] = next;
        throttles[i] = held;
        energy[i] += p * c.dt_s;
        wear[i] += c.dt_s * exp2_of((next - c.wear_at_c) * c.wear_scale);
    }
}

AMPACITY_VECTOR_CLONES
void sum_columns(const float* __restrict x, const std::uint32_t* __restrict bounds, double* __restrict sums,
                 std::size_t segments) {
    for (std::size_t s = 0; s != segments; ++s) {
        const float* const first = x + bounds[s];
        const std::size_t n = bounds[s + 1] - bounds[s];
        double lane[lanes] = {};
        std::size_t i = 0;
        for (; i + lanes <= n; i += lanes) {
            for (std::size_t k = 0; k != lanes; ++k) lane[k] += static_cast<double>(first[i + k]);
        }
        for (; i != n; ++i) lane[i % lanes] += static_cast<double>(first[i]);
        sums[s] = (lane[0] + lane[2]) + (lane[1] + lane[3]);
    }
}

}  // namespace

float_column::float_column(std::size_t size, float value)
    : data_(
          static_cast<float*>(::operator new[]((size + line - 1) / line * line * sizeof(float), std::align_val_t{64}))),
      size_(size) {
    std::fill_n(data_.get(), size, value);
}

node_columns::node_columns(std::size_t nodes, float idle_w, float coolant_temperature_c)
    : load_w(nodes, idle_w),
      cap_w(nodes, std::numeric_limits<float>::max()),
      coolant_c(nodes, coolant_temperature_c),
      power_w(nodes, idle_w),
      temperature_c(nodes, coolant_temperature_c),
      throttles(nodes, 0),
      energy_j(nodes, 0),
      wear_s(nodes, 0) {}

void tick(const node_model& model, node_columns& nodes, std::size_t first, std::size_t last, float dt_s) {
    AMPACITY_ASSERT(first <= last && last <= nodes.size() && dt_s > 0);
    AMPACITY_ASSERT(model.wear_doubles_per_k >= 0 && model.wear_doubles_per_k <= 0.2F);
    const tick_constants c{.dt_s = dt_s,
                           .k_per_w = model.k_per_w,
                           .approach = static_cast<float>(-portable_expm1(-static_cast<double>(dt_s) / model.tau_s)),
                           .throttle_c = model.throttle_c,
                           .release_c = model.release_c,
                           .throttled_w = model.throttled_w,
                           .wear_scale = model.wear_doubles_per_k,
                           .wear_at_c = model.wear_at_c};
    tick_columns(nodes.load_w.data() + first, nodes.cap_w.data() + first, nodes.coolant_c.data() + first,
                 nodes.power_w.data() + first, nodes.temperature_c.data() + first, nodes.throttles.data() + first,
                 nodes.energy_j.data() + first, nodes.wear_s.data() + first, last - first, c);
}

void sum_segments(const float_column& column, std::span<const std::uint32_t> bounds, std::span<double> sums) {
    AMPACITY_ASSERT(!bounds.empty() && sums.size() == bounds.size() - 1 && bounds.back() <= column.size());
    sum_columns(column.data(), bounds.data(), sums.data(), sums.size());
}

void fold(node_columns& nodes, std::span<double> energy_j, std::span<double> wear_s) {
    AMPACITY_ASSERT(energy_j.size() == nodes.size() && wear_s.size() == nodes.size());
    for (std::size_t i = 0; i != nodes.size(); ++i) {
        energy_j[i] += static_cast<double>(nodes.energy_j[i]);
        wear_s[i] += static_cast<double>(nodes.wear_s[i]);
        nodes.energy_j[i] = 0;
        nodes.wear_s[i] = 0;
    }
}

}  // namespace ampacity::power
