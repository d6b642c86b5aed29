#pragma once
/// \file
/// The models that exist, for lists of them: a bad file does not hide the others.

#include <ampacity/core/error.hpp>
#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/models.hpp>

#include <fmt/core.h>

#include <cstdio>
#include <vector>

namespace ampacity::cli {

/// Those that can be read; what is wrong with each other one goes to stderr.
inline std::vector<scenario::workload_model> good_workloads() {
    std::vector<scenario::workload_model> out;
    for (const auto& at : io::find_models("workloads")) {
        try {
            out.push_back(io::read_workload_model(at.file));
        } catch (const scenario_error& e) {
            fmt::print(stderr, "{}\n", e.what());
        }
    }
    return out;
}

/// The same of a kind of hardware.
inline std::vector<io::model_text> good_models(io::model_kind kind) {
    std::vector<io::model_text> out;
    for (const auto& at : io::find_models(io::describe(kind).folder)) {
        try {
            out.push_back(io::read_model_text(kind, at.file));
        } catch (const scenario_error& e) {
            fmt::print(stderr, "{}\n", e.what());
        }
    }
    return out;
}

}  // namespace ampacity::cli
