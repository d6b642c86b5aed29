#pragma once
/// \file
/// The description of training jobs: a model and a parallel plan, or steps of a given length; what they train, and how
/// they keep it.
///
/// Part of `scenario.hpp`. Plain values.

#include <ampacity/core/scope.hpp>
#include <ampacity/llm/system.hpp>
#include <ampacity/scenario/elastic_training.hpp>
#include <ampacity/scenario/fields.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::scenario {

template <>
struct names<llm::precision_kind> {
    using kind = llm::precision_kind;
    static constexpr std::array known{named<kind>{kind::bf16, "bf16"}, named<kind>{kind::fp8, "fp8"},
                                      named<kind>{kind::mxfp8, "mxfp8"}, named<kind>{kind::nvfp4, "nvfp4"}};
};

/// Sizes of a parallel plan; those that are not given are the planner's.
struct parallel_sizes {
    std::optional<std::uint64_t> tp{};
    std::optional<std::uint64_t> pp{};
    std::optional<std::uint64_t> vp{};
    std::optional<std::uint64_t> cp{};
    std::optional<std::uint64_t> ep{};
    std::optional<std::uint64_t> micro_batch{};
    std::optional<std::uint64_t> zero{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        constexpr std::uint64_t one = 1, most = 65536;
        visit(&parallel_sizes::tp,
              {.key = "tp", .doc = "tensor parallel, with sequence parallel", .example = "8", .min = one, .max = most});
        visit(&parallel_sizes::pp, {.key = "pp", .doc = "pipeline stages", .example = "16", .min = one, .max = most});
        visit(&parallel_sizes::vp, {.key = "vp",
                                    .doc = "chunks of layers of a stage (interleaving)",
                                    .example = "4",
                                    .min = one,
                                    .max = most});
        visit(&parallel_sizes::cp, {.key = "cp", .doc = "context parallel", .example = "2", .min = one, .max = most});
        visit(&parallel_sizes::ep, {.key = "ep", .doc = "expert parallel", .example = "64", .min = one, .max = most});
        visit(&parallel_sizes::micro_batch,
              {.key = "micro_batch", .doc = "sequences of a micro-batch", .example = "1", .min = one, .max = most});
        visit(&parallel_sizes::zero, {.key = "zero",
                                      .doc = "ZeRO stage: what data-parallel ranks share",
                                      .example = "1",
                                      .min = std::uint64_t{0},
                                      .max = std::uint64_t{3}});
    }
    friend bool operator==(const parallel_sizes&, const parallel_sizes&) = default;
};

/// A step without a model.
struct given_step {
    duration compute{};
    duration exchange{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&given_step::compute, {.key = "compute",
                                     .doc = "what no other job can delay",
                                     .required = true,
                                     .example = "\"1 s\"",
                                     .min = duration{1},
                                     .max = longest_input});
        visit(&given_step::exchange,
              {.key = "exchange",
               .doc = "then, traffic between the parts of the network that the job spans, when nobody else uses it",
               .example = "\"0.4 s\"",
               .min = duration::zero(),
               .max = longest_input});
    }
    friend bool operator==(const given_step&, const given_step&) = default;
};

/// Who says how much is worked between two checkpoints.
enum class interval_rule : std::uint8_t { given, young, daly };

template <>
struct names<interval_rule> {
    static constexpr std::array known{named<interval_rule>{interval_rule::given, "given"},
                                      named<interval_rule>{interval_rule::young, "young"},
                                      named<interval_rule>{interval_rule::daly, "daly"}};
};

/// How a job keeps its progress.
struct checkpoint_options {
    std::optional<duration> interval{};
    interval_rule rule = interval_rule::given;
    duration blocking{};
    std::optional<quantity<dimension::data_size>> size{};
    bool asynchronous = false;
    std::optional<duration> mtbf{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&checkpoint_options::interval, {.key = "interval",
                                              .doc = "time of work between two checkpoints; only with `rule: given`",
                                              .example = "\"30 min\"",
                                              .min = duration{1},
                                              .max = longest_input});
        visit(&checkpoint_options::rule,
              {.key = "rule",
               .doc = "young and daly: the interval that loses least by their formulas, from the time that a "
                      "checkpoint stops the job and the time between its failures"});
        visit(&checkpoint_options::blocking,
              {.key = "blocking",
               .doc = "how long each stops the job before it is written: until its nodes have a copy",
               .example = "\"3 s\"",
               .min = duration::zero(),
               .max = longest_input});
        visit(&checkpoint_options::size,
              {.key = "size",
               .doc = "of one, written to `fleet.storage`; without it 14 bytes for each parameter of the model where "
                      "there is such a store",
               .example = "\"5.7 TB\"",
               .min = quantity<dimension::data_size>{0},
               .max = quantity<dimension::data_size>{1e18}});
        visit(&checkpoint_options::asynchronous,
              {.key = "asynchronous", .doc = "the job works on while it is written; one is written at a time"});
        visit(&checkpoint_options::mtbf,
              {.key = "mtbf",
               .doc = "mean time between failures of the job, for young and daly; without it that of its GPUs, nodes "
                      "and racks by `faults`",
               .example = "\"3 h\"",
               .min = duration{1},
               .max = longest_input});
    }
    friend bool operator==(const checkpoint_options&, const checkpoint_options&) = default;
};

/// Evaluations during training.
struct evaluation_options {
    std::uint64_t every = 0;
    duration takes{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&evaluation_options::every, {.key = "every",
                                           .doc = "steps between two",
                                           .required = true,
                                           .example = "1000",
                                           .min = std::uint64_t{1},
                                           .max = std::uint64_t{1'000'000'000'000}});
        visit(&evaluation_options::takes, {.key = "takes",
                                           .doc = "how long one stops the training",
                                           .required = true,
                                           .example = "\"5 min\"",
                                           .min = duration::zero(),
                                           .max = longest_input});
    }
    friend bool operator==(const evaluation_options&, const evaluation_options&) = default;
};

/// Steps of reinforcement learning: rollouts before each training step, new weights behind it.
struct rollout_options {
    std::uint64_t rollouts = 0;
    std::uint64_t slots = 0;
    quantity<dimension::tokens> median{};
    double sigma = 0;
    quantity<dimension::tokens> most{};
    duration per_token{};
    duration sync{};
    std::optional<std::uint64_t> gpus{};
    std::uint64_t staleness = 0;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        constexpr std::uint64_t one = 1, many = 1'000'000;
        constexpr quantity<dimension::tokens> least{1}, longest{1e9};
        visit(&rollout_options::rollouts,
              {.key = "rollouts", .doc = "of a step", .required = true, .example = "512", .min = one, .max = many});
        visit(&rollout_options::slots, {.key = "slots",
                                        .doc = "rollouts that go on at a time, in all replicas; others wait for them",
                                        .required = true,
                                        .example = "512",
                                        .min = one,
                                        .max = many});
        visit(&rollout_options::median, {.key = "median",
                                         .doc = "length of a rollout, lognormal",
                                         .required = true,
                                         .example = "\"1500 token\"",
                                         .min = least,
                                         .max = longest});
        visit(&rollout_options::sigma, {.key = "sigma",
                                        .doc = "standard deviation of the logarithm of the length; 0: all are equal",
                                        .min = 0.0,
                                        .max = 10.0});
        visit(&rollout_options::most, {.key = "most",
                                       .doc = "where longer ones are cut",
                                       .required = true,
                                       .example = "\"32768 token\"",
                                       .min = least,
                                       .max = longest});
        visit(&rollout_options::per_token, {.key = "per_token",
                                            .doc = "time per token of a rollout (TPOT)",
                                            .required = true,
                                            .example = "\"20 ms\"",
                                            .min = duration{1},
                                            .max = std::chrono::minutes{1}});
        visit(&rollout_options::sync, {.key = "sync",
                                       .doc = "time until the replicas have the new weights",
                                       .example = "\"5 s\"",
                                       .min = duration::zero(),
                                       .max = std::chrono::hours{24}});
        visit(&rollout_options::gpus,
              {.key = "gpus",
               .doc = "GPUs of the job that only roll out; the others train meanwhile. Without it all do both in turn",
               .example = "256",
               .min = one,
               .max = std::uint64_t{1} << 31U});
        visit(&rollout_options::staleness,
              {.key = "staleness",
               .doc = "steps that rollouts may be ahead of the weights; 0 is synchronous; only with `gpus`",
               .max = std::uint64_t{1000}});
    }
    friend bool operator==(const rollout_options&, const rollout_options&) = default;
};

/// Equal jobs that train a model.
struct training_job {
    std::string name;
    std::optional<std::string> model{};
    std::optional<given_step> step{};
    std::optional<rollout_options> rl{};
    std::uint64_t gpus = 0;
    std::uint64_t count = 1;
    duration submit{};
    std::vector<std::string> after{};
    std::optional<quantity<dimension::tokens>> tokens{};
    std::optional<std::uint64_t> steps{};
    std::uint64_t sequence = 8192;
    std::optional<std::uint64_t> batch{};
    std::optional<llm::precision_kind> precision{};
    std::optional<parallel_sizes> parallel{};
    std::optional<evaluation_options> evaluation{};
    std::optional<checkpoint_options> checkpoint{};
    duration restart{};
    std::optional<elastic_training> elastic{};
    std::uint64_t priority = 0;
    std::string user{};
    std::string group{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        constexpr std::uint64_t one = 1, many = 1'000'000'000'000;
        visit(&training_job::name, {.key = "name",
                                    .doc = "names it in summary.json, and in jobs.csv; of several with a number",
                                    .required = true,
                                    .example = "pretrain"});
        visit(&training_job::model,
              {.key = "model",
               .doc = "a language model of the catalogue, or a file, under the best parallel plan; or `step`",
               .example = "llama-3.1-405b"});
        visit(&training_job::step,
              {.key = "step", .doc = "steps of a given length, without a model", .example = "{ compute: \"5 s\" }"});
        visit(&training_job::rl,
              {.key = "rl",
               .doc = "reinforcement learning: rollouts before each step of training, new weights behind it; only with "
                      "`steps`",
               .example = "{ rollouts: 512, slots: 512, median: \"1500 token\", most: \"32768 token\", per_token: "
                          "\"20 ms\" }"});
        visit(&training_job::gpus, {.key = "gpus",
                                    .doc = "of one job",
                                    .required = true,
                                    .example = "16384",
                                    .min = one,
                                    .max = std::uint64_t{1} << 31U});
        visit(&training_job::count,
              {.key = "count", .doc = "so many of them", .min = one, .max = std::uint64_t{1'000'000}});
        visit(&training_job::submit, {.key = "submit",
                                      .doc = "when they arrive, from the start of the scenario",
                                      .example = "\"24 h\"",
                                      .min = duration::zero(),
                                      .max = longest_input});
        visit(&training_job::after,
              {.key = "after",
               .doc = "names of jobs of the same list that must have finished before these enter the queue",
               .example = "[ pretrain ]",
               .never_empty = true});
        visit(&training_job::tokens, {.key = "tokens",
                                      .doc = "what is trained in all, in whole steps; or `steps`",
                                      .example = "\"15.6 T\"",
                                      .min = quantity<dimension::tokens>{1},
                                      .max = quantity<dimension::tokens>{1e18}});
        visit(&training_job::steps,
              {.key = "steps", .doc = "how many steps that is", .example = "1000000", .min = one, .max = many});
        visit(&training_job::sequence,
              {.key = "sequence", .doc = "tokens of a sequence", .min = one, .max = std::uint64_t{1} << 24U});
        visit(&training_job::batch, {.key = "batch",
                                     .doc = "sequences of a step",
                                     .example = "2048",
                                     .min = one,
                                     .max = std::uint64_t{1} << 31U});
        visit(&training_job::precision, {.key = "precision",
                                         .doc = "of the matrix products; fp8 where the hardware has it, else bf16",
                                         .example = "mxfp8"});
        visit(&training_job::parallel, {.key = "parallel",
                                        .doc = "sizes of the parallel plan; the planner finds those that are not given",
                                        .example = "{ tp: 8, pp: 16 }"});
        visit(&training_job::evaluation, {.key = "evaluation",
                                          .doc = "evaluations that stop the training for a while",
                                          .example = "{ every: 1000, takes: \"5 min\" }"});
        visit(&training_job::checkpoint, {.key = "checkpoint",
                                          .doc = "how progress is kept; without it `scheduler.preemption` holds",
                                          .example = "{ rule: young, blocking: \"3 s\" }"});
        visit(&training_job::restart,
              {.key = "restart",
               .doc = "time without work at the beginning of a run after a failure or a preemption; only with "
                      "`checkpoint`",
               .example = "\"10 min\"",
               .min = duration::zero(),
               .max = longest_input});
        visit(&training_job::elastic,
              {.key = "elastic",
               .doc = "data-parallel replicas may come and go: the policy may choose how many there are, and the job "
                      "may go on without nodes that fail",
               .example = "{ min: 8192, reconfigure: \"90 s\", on_failure: continue }"});
        visit(&training_job::priority,
              {.key = "priority", .doc = "larger is more urgent", .max = std::uint64_t{2147483647}});
        visit(&training_job::user, {.key = "user", .doc = "whose they are", .example = "alice"});
        visit(&training_job::group, {.key = "group", .doc = "whose, too", .example = "pretraining"});
    }
    friend bool operator==(const training_job&, const training_job&) = default;
};

/// Where checkpoints are written to.
struct storage_options {
    std::optional<quantity<dimension::data_rate>> bandwidth{};
    std::optional<quantity<dimension::data_rate>> node{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&storage_options::bandwidth,
              {.key = "bandwidth",
               .doc = "what the store takes in all, shared max-min fair by the jobs that write; none: all that they "
                      "write",
               .example = "\"2 TB/s\"",
               .above = quantity<dimension::data_rate>{0},
               .max = quantity<dimension::data_rate>{1e18}});
        visit(&storage_options::node, {.key = "node",
                                       .doc = "what one node can write; none: all that the store takes",
                                       .example = "\"25 GB/s\"",
                                       .above = quantity<dimension::data_rate>{0},
                                       .max = quantity<dimension::data_rate>{1e18}});
    }
    friend bool operator==(const storage_options&, const storage_options&) = default;
};

/// A part of the fleet with an uplink.
enum class network_part : std::uint8_t { rack, block, site };

template <>
struct names<network_part> {
    static constexpr std::array known{named<network_part>{network_part::rack, "rack"},
                                      named<network_part>{network_part::block, "block"},
                                      named<network_part>{network_part::site, "site"}};
};

/// A tier of the network that training jobs share.
struct network_options {
    network_part part = network_part::block;
    double oversubscription = 1;
    bool interleave = false;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&network_options::part, {.key = "part", .doc = "what has an uplink each"});
        visit(&network_options::oversubscription,
              {.key = "oversubscription",
               .doc = "GPUs of a part for each that can send out of it at its full rate",
               .required = true,
               .example = "2",
               .min = 1.0,
               .max = 1e6});
        visit(&network_options::interleave,
              {.key = "interleave",
               .doc = "jobs that share an uplink shift their steps against each other, and slow down only where their "
                      "traffic takes longer than a step"});
    }
    friend bool operator==(const network_options&, const network_options&) = default;
};

}  // namespace ampacity::scenario
