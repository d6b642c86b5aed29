#include <ampacity/core/error.hpp>
#include <ampacity/llm/inference_replica.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace ampacity::llm {
namespace {

/// 0, 1, then each larger by a quarter, to `most`.
std::vector<std::int64_t> lines_to(std::int64_t most) {
    std::vector<std::int64_t> out{0, 1};
    while (out.back() < most) out.push_back(std::min(most, out.back() + std::max<std::int64_t>(1, out.back() / 4)));
    return out;
}

/// The iteration of one replica.
class iterations {
public:
    iterations(const model& m, const inference_plan& p, const system& s, const inference_efficiency& e,
               const inference_software& with, const replica_range& range)
        : m_(m), p_(p), s_(s), e_(e), with_(with), range_(range) {}

    [[nodiscard]] double operator()(double decodes, double context, double prefilled, double before = 0) const {
        return iteration_of(m_, p_,
                            {.decodes = decodes,
                             .context = context,
                             .prefills = prompts(prefilled),
                             .prefill_tokens = prefilled,
                             .prefill_before = before},
                            s_, e_, with_)
            .time_s();
    }
    [[nodiscard]] double prompts(double prefilled) const {
        return prefilled <= 0 ? 0 : std::max(1.0, std::round(prefilled / range_.prompt));
    }
    /// Of so many prefilled tokens with each other.
    [[nodiscard]] double pairs(double prefilled) const {
        return prefilled <= 0 ? 0 : prefilled * (prefilled / prompts(prefilled) + 1) / 2;
    }

private:
    const model& m_;
    const inference_plan& p_;
    const system& s_;
    const inference_efficiency& e_;
    const inference_software& with_;
    const replica_range& range_;
};

void measure_errors(modelled_replica& r, const iterations& time, const replica_range& range) {
    double sum = 0, count = 0;
    const auto between = [](const std::vector<std::int64_t>& lines, std::size_t i) {
        return i == 0 ? 0.0 : std::floor(static_cast<double>(lines[i] + lines[i - 1]) / 2);
    };
    for (std::size_t i = 0; i < r.decodes.size(); i += 2) {
        for (std::size_t j = 0; j < r.prefill_tokens.size(); j += 3) {
            for (const double share : {0.25, 0.5, 1.5, 2.0}) {
                const double d = between(r.decodes, i), p = between(r.prefill_tokens, j);
                if (d + p == 0) continue;
                const double context = std::floor(share * range.context);
                const double error = std::abs(r.step_s(d, d * context, p, time.pairs(p)) / time(d, context, p) - 1);
                sum += error;
                ++count;
                r.most_error = std::max(r.most_error, error);
            }
        }
    }
    r.mean_error = count > 0 ? sum / count : 0;
}

}  // namespace

double modelled_replica::step_s(double decodes_now, double kv_tokens, double prefilled, double pairs) const {
    const auto below = [](const std::vector<std::int64_t>& lines, double x) {
        const auto above = std::upper_bound(lines.begin() + 1, lines.end() - 1, x,
                                            [](double v, std::int64_t line) { return v < static_cast<double>(line); });
        return static_cast<std::size_t>(above - lines.begin()) - 1;
    };
    const auto share = [](const std::vector<std::int64_t>& lines, std::size_t i, double x) {
        return (x - static_cast<double>(lines[i])) / static_cast<double>(lines[i + 1] - lines[i]);
    };
    const std::size_t i = below(decodes, decodes_now), j = below(prefill_tokens, prefilled);
    const double x = share(decodes, i, decodes_now), y = share(prefill_tokens, j, prefilled);
    const auto corner = [&](std::size_t row, std::size_t column) {
        return time_s[row * prefill_tokens.size() + column];
    };
    return (1 - x) * ((1 - y) * corner(i, j) + y * corner(i, j + 1)) +
           x * ((1 - y) * corner(i + 1, j) + y * corner(i + 1, j + 1)) + per_kv_token_s * kv_tokens +
           per_pair_s * pairs;
}

std::string memory_fault_of(const model& m, const inference_plan& p, const system& s, double memory_share) {
    const double needed = weight_bytes(m, p) + inference_workspace_b;
    const double has = memory_share * s.memory_b;
    if (needed < has) return {};
    return fmt::format(
        "it needs {:.1f} GB of each GPU ({:.1f} of weights, {:.1f} of workspace), {:.1f} GB more than "
        "the {:.1f} that may be used",
        needed / 1e9, weight_bytes(m, p) / 1e9, inference_workspace_b / 1e9, (needed - has) / 1e9, has / 1e9);
}

modelled_replica replica_of(const model& m, const inference_plan& p, const system& s, const inference_efficiency& e,
                            const inference_software& with, const replica_range& range) {
    AMPACITY_ASSERT(range.decodes >= 1 && range.prefill_tokens >= 1);
    const iterations time{m, p, s, e, with, range};
    modelled_replica r{.decodes = lines_to(range.decodes), .prefill_tokens = lines_to(range.prefill_tokens)};
    const auto most = static_cast<double>(range.decodes);
    const auto longest = static_cast<double>(range.prefill_tokens);
    // Attention alone grows with what came before; that of the largest batch weighs most.
    const double context = std::max(2.0, range.context);
    r.per_kv_token_s =
        std::max(0.0, (time(most, 2 * context, 0) - time(most, context / 2, 0)) / (1.5 * context * most));
    r.per_pair_s = std::max(0.0, (time(0, 0, longest, range.prompt) - time(0, 0, longest)) / (longest * range.prompt));
    for (const std::int64_t d : r.decodes) {
        for (const std::int64_t t : r.prefill_tokens) {
            const auto decodes = static_cast<double>(d), prefilled = static_cast<double>(t);
            const double attention = r.per_kv_token_s * decodes * context + r.per_pair_s * time.pairs(prefilled);
            r.time_s.push_back(d + t == 0 ? 0 : std::max(0.0, time(decodes, context, prefilled) - attention));
        }
    }
    r.cache_tokens = std::floor(cache_tokens(m, p, s, context, range.memory_share));
    r.weights_b = weight_bytes(m, p);
    measure_errors(r, time, range);
    return r;
}

}  // namespace ampacity::llm
