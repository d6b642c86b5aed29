#pragma once
/// \file
/// How long the prompts or the answers of a service are: a lognormal law that is cut. Pure functions.

namespace ampacity::llm {

/// A lognormal law, cut, that has this mean after the cut.
struct length_law {
    double mean = 1;   ///< [token]
    double sigma = 0;  ///< standard deviation of the logarithm before the cut; 0: all alike [1]
    double most = 0;   ///< where it is cut; 0: nowhere [token]

    /// Of the law before the cut. [token] \pre 0 < mean, and mean < most where there is a cut
    [[nodiscard]] double median() const;
    /// Mean of squares / mean: the length of the request that a step meets, on average. [token] \pre as above
    [[nodiscard]] double met() const;
    friend bool operator==(const length_law&, const length_law&) = default;
};

}  // namespace ampacity::llm
