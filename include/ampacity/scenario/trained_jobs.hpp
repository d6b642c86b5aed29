#pragma once
/// \file
/// The description of what jobs of another stream train, by their size.
///
/// Part of `scenario.hpp`. Plain values.

#include <ampacity/scenario/fields.hpp>
#include <ampacity/scenario/training_jobs.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace ampacity::scenario {

/// Jobs of at least so many GPUs train this, for as long as they were drawn.
struct trained_jobs {
    std::string name;
    std::uint64_t gpus = 1;
    std::optional<std::string> model{};
    std::optional<given_step> step{};
    std::uint64_t sequence = 8192;
    std::optional<std::uint64_t> batch{};
    std::optional<llm::precision_kind> precision{};
    std::optional<parallel_sizes> parallel{};
    std::optional<checkpoint_options> checkpoint{};
    duration restart{};

    /// One such job.
    [[nodiscard]] training_job of(std::uint64_t with_gpus) const {
        training_job job{.name = name + '-' + std::to_string(with_gpus)};
        job.model = model;
        job.step = step;
        job.gpus = with_gpus;
        job.steps = 1;  // as many as there is time for
        job.sequence = sequence;
        job.batch = batch;
        job.precision = precision;
        job.parallel = parallel;
        job.checkpoint = checkpoint;
        job.restart = restart;
        return job;
    }

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        constexpr std::uint64_t one = 1;
        visit(&trained_jobs::name, {.key = "name",
                                    .doc = "names them in summary.json, with their GPUs behind it",
                                    .required = true,
                                    .example = "tune"});
        visit(&trained_jobs::gpus, {.key = "gpus",
                                    .doc = "jobs of so many GPUs and more, up to the next entry",
                                    .min = one,
                                    .max = std::uint64_t{1} << 31U});
        visit(&trained_jobs::model, {.key = "model", .doc = "as of `training`; or `step`", .example = "llama-3.1-8b"});
        visit(&trained_jobs::step,
              {.key = "step", .doc = "as of `training`; or `model`", .example = "{ compute: \"5 s\" }"});
        visit(&trained_jobs::sequence,
              {.key = "sequence", .doc = "tokens of a sequence", .min = one, .max = std::uint64_t{1} << 24U});
        visit(&trained_jobs::batch, {.key = "batch",
                                     .doc = "sequences of a step",
                                     .example = "512",
                                     .min = one,
                                     .max = std::uint64_t{1} << 31U});
        visit(&trained_jobs::precision, {.key = "precision", .doc = "as of `training`", .example = "bf16"});
        visit(&trained_jobs::parallel, {.key = "parallel", .doc = "as of `training`", .example = "{ tp: 8 }"});
        visit(&trained_jobs::checkpoint, {.key = "checkpoint",
                                          .doc = "as of `training`",
                                          .example = "{ interval: \"30 min\", blocking: \"10 s\" }"});
        visit(&trained_jobs::restart, {.key = "restart",
                                       .doc = "as of `training`",
                                       .example = "\"10 min\"",
                                       .min = duration::zero(),
                                       .max = longest_input});
    }
    friend bool operator==(const trained_jobs&, const trained_jobs&) = default;
};

}  // namespace ampacity::scenario
