#pragma once
/// \file
/// The command `calibrate`: fits coefficients to measurements and tells how near the model is to them.

#include <string>

namespace ampacity::cli {

struct calibrate_options {
    std::string data{};          ///< folder with the measurements
    std::string output{};        ///< file for the coefficients; empty: none is written
    std::string coefficients{};  ///< a model of the catalogue or a file, judged instead of a fit; empty: fit
    bool rows = false;           ///< show every row
    bool json = false;
};

/// Training steps. Returns the exit status. \throws ampacity::error
int calibrate_training(const calibrate_options& options);
/// Iterations of inference. Returns the exit status. \throws ampacity::error
int calibrate_inference(const calibrate_options& options);

}  // namespace ampacity::cli
