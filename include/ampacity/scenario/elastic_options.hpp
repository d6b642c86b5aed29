#pragma once
/// \file
/// Options of the policy `elastic`.
///
/// Part of `scheduler.hpp`. Plain values.

#include <ampacity/scenario/fields.hpp>

#include <array>
#include <cstdint>

namespace ampacity::scenario {

/// Which numbers of GPUs `elastic` gives a job between its smallest and its largest.
enum class gpu_steps : std::uint8_t { any, powers_of_two, whole_nodes };

template <>
struct names<gpu_steps> {
    static constexpr std::array known{named<gpu_steps>{gpu_steps::any, "any"},
                                      named<gpu_steps>{gpu_steps::powers_of_two, "powers-of-two"},
                                      named<gpu_steps>{gpu_steps::whole_nodes, "whole-nodes"}};
};

/// Which mean of the speeds of jobs `elastic` makes large.
enum class speed_mean : std::uint8_t { harmonic, arithmetic };

template <>
struct names<speed_mean> {
    static constexpr std::array known{named<speed_mean>{speed_mean::harmonic, "harmonic"},
                                      named<speed_mean>{speed_mean::arithmetic, "arithmetic"}};
};

/// Options of `elastic`.
struct elastic_options {
    gpu_steps steps = gpu_steps::any;
    speed_mean mean = speed_mean::harmonic;
    duration interval{};
    bool skip = false;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&elastic_options::steps,
              {.key = "steps", .doc = "numbers of GPUs that a job may have between its smallest and its largest"});
        visit(&elastic_options::mean,
              {.key = "mean", .doc = "the mean of the jobs' speeds that is made as large as can be"});
        visit(&elastic_options::interval,
              {.key = "interval",
               .doc = "running jobs are resized at the multiples of this time only; 0: whenever something changes",
               .example = "\"60 s\"",
               .min = duration::zero(),
               .max = longest_input});
        visit(&elastic_options::skip,
              {.key = "skip", .doc = "jobs behind one that does not fit may start, instead of waiting for it"});
    }
    friend bool operator==(const elastic_options&, const elastic_options&) = default;
};

}  // namespace ampacity::scenario
