#pragma once
/// \file
/// Fits the coefficients of the training step to measured steps, and tells how far the fit is from them.
///
/// Least squares of log(modelled / measured) with normal priors on the logarithms of the coefficients, so that what few
/// rows say little about stays near what is known otherwise. Deterministic; about a second for 100 rows.

#include <ampacity/llm/efficiency.hpp>
#include <ampacity/llm/training_step.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ampacity::llm {

/// A step that somebody measured.
struct measured_step {
    std::string suite{};       ///< "megatron-bridge", "mlperf-v5.0", "sc21", "korthikanti"
    std::string family{};      ///< that is left out together
    std::string software{};    ///< version, to tell old from new; never a variable
    std::string where{};       ///< file and line
    std::uint32_t model = 0;   ///< index
    std::uint32_t system = 0;  ///< index
    parallel_plan plan{};
    batch_shape batch{};
    double time_s = 0;        ///< of a step; 0: only its plan is known, which fits in memory [s]
    bool recipe = false;      ///< of a suite that is tuned in its own way, see `recipe_efficiency`
    bool fitted = true;       ///< used for the fit
    bool superseded = false;  ///< a later version of the software measured the same configuration
    bool plan_known = true;   ///< false: how GPUs were divided was not published
};

/// A collective operation inside a domain that somebody measured.
struct measured_collective {
    std::string accelerator{};
    collective_kind kind = collective_kind::all_reduce;
    double ranks = 0;
    double bytes = 0;     ///< of the whole message [B]
    double link_b_s = 0;  ///< per rank and direction [B/s]
    double time_s = 0;    ///< [s]
};

/// Measurements with what they are about.
struct measured_set {
    std::vector<model> models{};
    std::vector<system> systems{};
    std::vector<measured_step> steps{};
    std::vector<measured_collective> collectives{};
    std::vector<std::string> left_out{};  ///< rows that are not used, each with the reason

    [[nodiscard]] const model& model_of(const measured_step& m) const { return models[m.model]; }
    [[nodiscard]] const system& system_of(const measured_step& m) const { return systems[m.system]; }
};

/// Whether its layers have experts: the two are reported apart.
[[nodiscard]] inline bool has_experts(const measured_set& set, const measured_step& m) {
    return set.model_of(m).has_experts();
}

/// The step as the model has it, and the plan with the lightest recompute that fits where none was published.
[[nodiscard]] training_step modelled(const measured_set& set, const measured_step& m, const training_efficiency& e);

/// The fit to those rows of `set` that `fitted` says. \throws nothing but std::bad_alloc.
[[nodiscard]] training_efficiency fit_training(const measured_set& set);

/// A row with both times.
struct compared_step {
    std::uint32_t row = 0;
    double measured_s = 0;
    double modelled_s = 0;

    /// modelled / measured - 1.
    [[nodiscard]] double error() const { return modelled_s / measured_s - 1; }
};

/// Every row with the coefficients given.
[[nodiscard]] std::vector<compared_step> compare(const measured_set& set, const training_efficiency& e);
/// Every fitted row with coefficients that were fitted without its family.
[[nodiscard]] std::vector<compared_step> leave_one_family_out(const measured_set& set);
/// Every fitted row with coefficients that were fitted without its configuration: model, system, precision and number
/// of GPUs.
[[nodiscard]] std::vector<compared_step> leave_one_configuration_out(const measured_set& set);
/// Rows of recipes: each scale of a group predicted from the others of it, with the other coefficients from `e`. Groups
/// of one row have none.
[[nodiscard]] std::vector<compared_step> leave_one_scale_out(const measured_set& set, const training_efficiency& e);

/// How far the versions of the software are apart on the same plan and system: longest / shortest - 1 of each plan that
/// several measured, rising. No model of the plan can be nearer than that.
[[nodiscard]] std::vector<double> software_drift(const measured_set& set);

/// A curve and how far it is from the measurements.
struct compared_curve {
    std::string accelerator{};
    collective_kind kind = collective_kind::all_reduce;
    collective_curve curve{};
    std::uint32_t rows = 0;
    double curve_error = 0;   ///< mean of |modelled / measured - 1| of the curve [1]
    double linear_error = 0;  ///< the same of the best alpha + V / B [1]
};
/// The curves of `e` beside all collectives of `set`.
[[nodiscard]] std::vector<compared_curve> compare_curves(const measured_set& set, const training_efficiency& e);

/// Mean of |error|; 0 of none. [1]
[[nodiscard]] double mean_error(std::span<const compared_step> rows);
/// Median of |error|; 0 of none. [1]
[[nodiscard]] double median_error(std::span<const compared_step> rows);

}  // namespace ampacity::llm
