#pragma once
/// \file
/// The description of a stream of jobs: from a file, from distributions, from a plug-in, or training jobs; or
/// of a service with its requests.
///
/// Part of `scenario.hpp`. Plain values.

#include <ampacity/power/node_power.hpp>
#include <ampacity/scenario/energy_options.hpp>
#include <ampacity/scenario/fields.hpp>
#include <ampacity/scenario/services.hpp>
#include <ampacity/scenario/synthetic_jobs.hpp>
#include <ampacity/scenario/trained_jobs.hpp>
#include <ampacity/scenario/training_jobs.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::scenario {

/// Formats of job traces.
enum class trace_format : std::uint8_t { jobs_csv, swf, philly_csv, alibaba_openb };

template <>
struct names<trace_format> {
    static constexpr std::array known{named<trace_format>{trace_format::jobs_csv, "jobs-csv"},
                                      named<trace_format>{trace_format::swf, "swf"},
                                      named<trace_format>{trace_format::philly_csv, "philly-csv"},
                                      named<trace_format>{trace_format::alibaba_openb, "alibaba-openb"}};
};

/// Jobs from a file.
struct job_trace {
    std::string path;
    trace_format format = trace_format::jobs_csv;
    duration reorder = std::chrono::hours{1};
    alignment align = alignment::first;
    bool dependencies = false;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&job_trace::path, {.key = "path",
                                 .doc = "the file, plain, .gz or .zst, relative to the scenario file",
                                 .required = true,
                                 .example = "jobs.csv.gz"});
        visit(&job_trace::format, {.key = "format", .doc = "how the file is written"});
        visit(&job_trace::reorder,
              {.key = "reorder",
               .doc = "how far submit times may step back; such rows are sorted stably, more is an error",
               .min = duration::zero(),
               .max = longest_input});
        visit(&job_trace::align,
              {.key = "align",
               .doc = "time 0 of a published format: its first kept submit, or the date `start` (swf: dates are "
                      "UnixStartTime of the header + submit; alibaba-openb has no dates, its times "
                      "then count from `start`, as those of jobs-csv always do)"});
        visit(&job_trace::dependencies,
              {.key = "dependencies",
               .doc = "swf: a job arrives no earlier than the end of its preceding job (field 17) + think time (field "
                      "18); jobs-csv has columns of its own for that, which always hold"});
    }
    friend bool operator==(const job_trace&, const job_trace&) = default;
};

/// Jobs from a source of a plug-in.
struct plugin_jobs {
    std::string name;
    std::optional<free_options> options{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&plugin_jobs::name, {.key = "name",
                                   .doc = "the source, as its plug-in names it; see --plugin",
                                   .required = true,
                                   .example = "my-source"});
        visit(&plugin_jobs::options,
              {.key = "options", .doc = "options of the source, which names its keys", .example = "{ jobs: 100 }"});
    }
    friend bool operator==(const plugin_jobs&, const plugin_jobs&) = default;
};

/// One stream of jobs, or a service: exactly one of its members.
struct workload_entry {
    static constexpr bool exactly_one = true;
    std::optional<job_trace> trace{};
    std::optional<synthetic_jobs> synthetic{};
    std::optional<plugin_jobs> plugin{};
    single_or_list<training_job> training{};
    std::optional<inference_service> service{};
    std::vector<trained_jobs> trains{};
    std::optional<speed_table> speeds{};
    std::optional<std::string> reservation{};
    std::optional<std::string> site{};
    std::optional<std::string> home{};
    std::optional<std::string> origin{};
    std::optional<power::phase> phase{};
    std::optional<job_swing> swing{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&workload_entry::trace, {.key = "trace", .doc = "jobs from a file", .example = "{ path: jobs.csv }"});
        visit(&workload_entry::synthetic, {.key = "synthetic", .doc = "jobs from distributions", .example = "{ ... }"});
        visit(&workload_entry::plugin,
              {.key = "plugin", .doc = "jobs from a source of a plug-in", .example = "{ name: my-source }"});
        visit(&workload_entry::training,
              {.key = "training",
               .doc = "jobs that train a model; a list of them may follow each other",
               .example = "{ name: pretrain, model: llama-3.1-405b, gpus: 16384, tokens: \"15.6 T\", batch: 2048 }",
               .never_empty = true});
        visit(&workload_entry::service,
              {.key = "service",
               .doc = "replicas that serve requests, and hold their GPUs from the start until the last one has left",
               .example = "{ name: chat, gpus_per_replica: 8, engine: { ... }, requests: { path: requests.csv } }"});
        visit(&workload_entry::trains, {.key = "trains",
                                        .doc = "what synthetic jobs train, by their size",
                                        .example = "[ { name: tune, gpus: 8, model: llama-3.1-8b, batch: 128 } ]",
                                        .never_empty = true,
                                        .beside = true});
        visit(
            &workload_entry::speeds,
            {.key = "speeds",
             .doc = "by model of a job, and `default` for all others, its speed on each GPU type of the fleet; a type "
                    "that is not named, or has speed 0, cannot run it; without a row jobs run at speed 1 on all",
             .example = "{ default: { h100: 1, a100: 0.5 } }",
             .beside = true});
        visit(&workload_entry::reservation,
              {.key = "reservation",
               .doc = "the reservation that these jobs run in, unless they name another: one that is not maintenance",
               .example = "block",
               .beside = true});
        visit(&workload_entry::site,
              {.key = "site",
               .doc = "the site that these jobs run at; needs scheduler.sites, which else gives each job one",
               .example = "iad",
               .beside = true});
        visit(&workload_entry::home,
              {.key = "home",
               .doc = "the site that these jobs go to first, such as that of their data, if its nodes in service would "
                      "hold them; they may leave it, as others",
               .example = "iad",
               .beside = true});
        visit(&workload_entry::origin,
              {.key = "origin",
               .doc = "the site that these jobs come from; of scheduler.sites with `place: nearest`",
               .example = "iad",
               .beside = true});
        visit(&workload_entry::phase,
              {.key = "phase",
               .doc = "what the GPUs of these jobs do, for their power: `energy.phase` without it",
               .example = "decode-gemm",
               .beside = true});
        visit(&workload_entry::swing,
              {.key = "swing",
               .doc = "these jobs are synchronous: their power goes up and down in steps, which sites report",
               .example = "{ frequency: \"0.5 Hz\" }",
               .beside = true});
    }
    friend bool operator==(const workload_entry&, const workload_entry&) = default;
};

}  // namespace ampacity::scenario
