#include <ampacity/llm/efficiency.hpp>

#include <cmath>

namespace ampacity::llm {

const gpu_efficiency* training_efficiency::find(std::string_view accelerator) const {
    for (const gpu_efficiency& g : gpus) {
        if (g.name == accelerator) return &g;
    }
    return nullptr;
}

collective_curve training_efficiency::curve_of(std::string_view accelerator, collective_kind kind) const {
    for (const collective_efficiency& c : collectives) {
        if (c.accelerator == accelerator && c.kind == kind) return c.curve();
    }
    return {};
}

std::optional<recipe_efficiency> training_efficiency::find_recipe(std::string_view suite, std::string_view accelerator,
                                                                  precision_kind p) const {
    double sum = 0;
    double count = 0;
    for (const recipe_efficiency& r : recipes) {
        if (r.suite != suite) continue;
        if (r.accelerator == accelerator && r.precision == p) return r;
        sum += std::log(r.time_factor);
        count += 1;
    }
    if (count == 0) return std::nullopt;
    return recipe_efficiency{.name = std::string{suite},
                             .suite = std::string{suite},
                             .accelerator = std::string{accelerator},
                             .precision = p,
                             .time_factor = std::exp(sum / count)};
}

}  // namespace ampacity::llm
