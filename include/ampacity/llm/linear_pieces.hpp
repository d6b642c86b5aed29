#pragma once
/// \file
/// The time of iterations as the largest of a few linear functions, for engines that need exact coefficients.
///
/// An iteration of `iteration_of` is a sum of maxima; engines of requests take max over pieces of (base + per_token x
/// tokens + per_kv_token x kv tokens of decodes + per_prefill_attention x pairs of prefilled tokens with those before
/// them). Fitted on a grid of batches by alternation: each batch to the piece that is largest there, each piece to its
/// batches by least squares of relative errors with coefficients >= 0. Deterministic; milliseconds. What is lost is
/// told, measured on batches between those of the grid. A maximum of linear functions is convex, and the weights of
/// experts that a batch visits are not: where they matter the error is 10 to 30 % over a wide range, and a narrower one
/// (`least_tokens`) lowers it.

#include <ampacity/llm/inference_load.hpp>

#include <cstdint>
#include <vector>

namespace ampacity::llm {

/// One linear function. Whole numbers of 10^-9 ns, so that they are exact decimals.
struct linear_piece {
    std::int64_t base = 0;          ///< [1e-9 ns]
    std::int64_t per_token = 0;     ///< of each scheduled token [1e-9 ns]
    std::int64_t per_kv_token = 0;  ///< of each token before a decode [1e-9 ns]
    std::int64_t per_prefill_attention =
        0;  ///< of each pair of a prefilled token and one before it, or itself [1e-9 ns]

    friend bool operator==(const linear_piece&, const linear_piece&) = default;
};

/// Batches for which the pieces are to hold.
struct batch_range {
    double decodes = 256;          ///< at most
    double context = 8192;         ///< of a decode, at most [token]
    double prefill_tokens = 8192;  ///< of a step, at most [token]
    double least_tokens = 1;       ///< of a step, decodes and prefill together [token]
    std::uint32_t pieces = 6;      ///< at most
};

struct piecewise_time {
    std::vector<linear_piece> pieces{};
    double mean_error = 0;  ///< of |pieces / iteration_of - 1| [1]
    double most_error = 0;  ///< [1]

    /// [s]
    [[nodiscard]] double time_s(double tokens, double kv_tokens, double prefill_attention) const;
};

/// \pre plan and accelerator as for `iteration_of`; `range.pieces` > 0.
[[nodiscard]] piecewise_time linear_pieces(const model& m, const inference_plan& p, const system& s,
                                           const inference_efficiency& e, const inference_software& with,
                                           const batch_range& range);

}  // namespace ampacity::llm
