// The program: thin over the library. Results go to stdout, progress and diagnostics to stderr.

#include "calibrate_command.hpp"
#include "compare_command.hpp"
#include "completion_command.hpp"
#include "exit_codes.hpp"
#include "list_command.hpp"
#include "optimise_command.hpp"
#include "plan_command.hpp"
#include "replicas_command.hpp"
#include "run_command.hpp"
#include "steady_command.hpp"
#include "surface_command.hpp"
#include "sweep_command.hpp"
#include "trace_command.hpp"
#include "why_command.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/core/suggest.hpp>
#include <ampacity/core/version.hpp>
#include <ampacity/io/catalogue.hpp>
#include <ampacity/scenario/scenario.hpp>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace ampacity;

/// For options that mean something else where they are not given.
CLI::Validator given_text() {
    return {
        [](const std::string& text) { return text.empty() ? std::string{"is given an empty text"} : std::string{}; },
        ""};
}

void add_plugin_option(CLI::App& command, std::vector<std::string>& files) {
    command.add_option("--plugin", files, "shared library with policies, placers or sources; may be repeated")
        ->allow_extra_args(false);
}

void add_scenario_options(CLI::App& command, cli::scenario_options& options) {
    command.add_option("SCENARIO", options.scenario, "scenario file")->required();
    command
        .add_option("--set", options.set,
                    "override a key of the file: key.path=value, * for all entries of a list; may be repeated")
        ->allow_extra_args(false);
    command.add_option("--seed", options.seed, "seed of all random streams")->check(given_text());
    command.add_option("--policy", options.policy, "scheduling policy")->check(given_text());
    command.add_option("--until", options.until, "end of the run: a duration, or drained")->check(given_text());
    add_plugin_option(command, options.plugins);
}

void add_surface_options(CLI::App& command, cli::surface_command_options& options) {
    add_scenario_options(command, options.of);
    command.add_option("--service", options.service, "name of the service (default: the only one)")
        ->check(given_text());
    command.add_option("-o,--output", options.output, "the file to write, for `fluid.surface` of a scenario")
        ->check(given_text());
    command.add_option("--from", options.input, "a surface that was written before, in place of measuring it")
        ->check(given_text());
    command.add_option("--span", options.span, "lengths from 1 / SPAN of the service's to SPAN times (default: 4)")
        ->check(CLI::Range(1.01, 64.0));
    command.add_option("--steps", options.steps, "lengths of prompts and of answers, an odd number (default: 9)")
        ->check(CLI::Range(1, 99));
    command.add_option("--requests", options.requests, "of each replica at each point (default: 40000)")
        ->check(CLI::Range(1000, 1 << 30));
    command.add_option("--check", options.check, "compare with the engine on so many other mixes below 90 % of load")
        ->check(CLI::Range(1, 100'000));
    command.add_option("--check-seed", options.check_seed, "seed of its runs (default: the draws of the surface)");
    command.add_option("--threads", options.threads, "runs at a time (default: one per core)")
        ->check(CLI::Range(1, 4096));
}

void add_plan_options(CLI::App& command, cli::plan_options& options) {
    const auto size = CLI::Range(std::uint32_t{1}, std::uint32_t{1} << 30U);
    command
        .add_option("MODEL", options.model, "a language model, as `ampacity list llms` prints it, or its .yaml file")
        ->required();
    command.add_option("--gpus", options.gpus, "GPUs that there are; a plan may use fewer")
        ->required()
        ->check(CLI::Range(std::uint64_t{1}, scenario::max_fleet_gpus));
    command.add_option("--system", options.system, "the rack or node that they are in, or its .yaml file")->required();
    command.add_option("--seq", options.sequence, "tokens of a sequence (default: 8192)")->check(size);
    command.add_option("--gbs", options.batch, "sequences of a step (default: 16 Mi tokens, more for many GPUs)")
        ->check(size);
    command.add_option("--precision", options.precision, "bf16, fp8, mxfp8 or nvfp4 (default: fp8)")
        ->check(given_text());
    command.add_option("--attention", options.attention, "how FLOP of attention count: causal (default) or full")
        ->check(CLI::IsMember({"causal", "full"}));
    command.add_option("--tp", options.fixed.tp, "fix the tensor parallel size")->check(size);
    command.add_option("--pp", options.fixed.pp, "fix the number of pipeline stages")->check(size);
    command.add_option("--vp", options.fixed.vp, "fix the chunks of layers per stage")->check(size);
    command.add_option("--cp", options.fixed.cp, "fix the context parallel size")->check(size);
    command.add_option("--ep", options.fixed.ep, "fix the expert parallel size")->check(size);
    command.add_option("--micro-batch", options.fixed.micro_batch, "fix the sequences of a micro-batch")->check(size);
    command.add_option("--zero", options.fixed.zero, "fix what data parallel ranks share: 0 to 3 of ZeRO")
        ->check(CLI::Range(0, 3));
    command.add_option("--recipe", options.recipe, "suite whose tuning is taken over, such as mlperf-v5.1")
        ->check(given_text());
    command
        .add_option("--coefficients", options.coefficients,
                    "model of the kind efficiency, or its .yaml file (default: training)")
        ->check(given_text());
    command.add_option("--top", options.top, "plans to print (default: 5)")->check(CLI::Range(1, 1000));
    command.add_flag("--mtp", options.mtp, "train multi-token prediction too");
    command.add_flag("--json", options.json, "all of it as JSON");
}

void add_replicas_options(CLI::App& command, cli::replicas_options& options) {
    const auto tokens = CLI::Range(1.0, 1e7);
    const auto any = CLI::Range(0.0, 1e9);
    command
        .add_option("MODEL", options.model, "a language model, as `ampacity list llms` prints it, or its .yaml file")
        ->required();
    command.add_option("--gpus", options.gpus, "GPUs that there are; replicas of one kind fill them")
        ->required()
        ->check(CLI::Range(1U, 1U << 20U));
    command.add_option("--system", options.system, "the rack or node that they are in, or its .yaml file")->required();
    command.add_option("--precision", options.precision, "bf16, fp8, mxfp8 or nvfp4 (default: fp8)")
        ->check(given_text());
    command
        .add_option("--software", options.software,
                    "vllm, sglang, trtllm, or trtllm-tuned: engines tuned as for benchmarks (default: trtllm)")
        ->check(given_text());
    command.add_option("--prompt", options.prompt, "mean tokens of a prompt (default: 1024)")->check(tokens);
    command.add_option("--output", options.output, "mean tokens of an answer (default: 256)")->check(tokens);
    command.add_option("--prompt-sigma", options.prompt_sigma, "spread of the logarithm of prompts (default: 0.5)")
        ->check(CLI::Range(0.0, 4.0));
    command.add_option("--output-sigma", options.output_sigma, "spread of the logarithm of answers (default: 0.5)")
        ->check(CLI::Range(0.0, 4.0));
    command.add_option("--most-prompt", options.most_prompt, "tokens at which prompts are cut (default: nowhere)")
        ->check(any);
    command.add_option("--most-output", options.most_output, "tokens at which answers are cut (default: nowhere)")
        ->check(any);
    command.add_option("--ttft", options.ttft_ms, "limit of 99 % of times to the first token [ms] (default: none)")
        ->check(any);
    command.add_option("--tpot", options.tpot_ms, "limit of 99 % of times per token [ms] (default: none)")->check(any);
    command.add_option("--rate", options.rate, "requests per second whose latencies are told too")
        ->check(CLI::Range(1e-6, 1e9));
    command
        .add_option("--coefficients", options.coefficients,
                    "model of the kind inference-efficiency, or its .yaml file (default: inference)")
        ->check(given_text());
    command.add_flag("--json", options.json, "all of it as JSON");
}

void add_sweep_options(CLI::App& command, cli::sweep_options& options) {
    command.add_option("SWEEP", options.sweep, "sweep file")->required();
    command.add_option("-o,--output", options.output, "SQLite file for the results (default: out/NAME.db)")
        ->check(given_text());
    command.add_option("-j,--threads", options.threads, "trials that run at once (default: all processors)")
        ->check(CLI::Range(1, 4096));
    command.add_flag("--resume", options.resume, "go on with the trials that the file lacks");
    command.add_option("--shard", options.shard, "K/N: every N-th trial, from the K-th; `merge` joins the files")
        ->check(given_text());
    command.add_flag("--dry-run", options.dry_run, "check everything and print the trials: replication, seed, variant");
    command.add_flag_callback(
        "--progress", [&options] { options.progress = true; }, "show progress on stderr (default: on a terminal)");
    command.add_flag_callback("--no-progress", [&options] { options.progress = false; }, "show no progress");
    add_plugin_option(command, options.plugins);
}

void add_optimise_options(CLI::App& command, cli::optimise_options& options) {
    command.add_option("FILE", options.question, "file with the question: what varies, the goal, the limits")
        ->required();
    command.add_option("-o,--output", options.output, "SQLite file for the trials (default: out/NAME.db)")
        ->check(given_text());
    command.add_option("-j,--threads", options.threads, "trials that run at once (default: all processors)")
        ->check(CLI::Range(1, 4096));
    command.add_flag("--resume", options.resume, "take the trials that the file has");
    command.add_flag("--dry-run", options.dry_run, "check everything and print the values that may be tried");
    command
        .add_option_function<std::string>(
            "--format", [&options](const std::string& f) { options.json = f == "json"; }, "text (default) or json")
        ->check(CLI::IsMember({"text", "json"}));
    command.add_flag_callback(
        "--progress", [&options] { options.progress = true; }, "show progress on stderr (default: on a terminal)");
    command.add_flag_callback("--no-progress", [&options] { options.progress = false; }, "show no progress");
    add_plugin_option(command, options.plugins);
}

/// Of a sweep: which variants are compared, and by which numbers.
void add_comparison(CLI::App& command, std::string& by, std::string& baseline, std::vector<std::string>& metrics) {
    command
        .add_option("--by", by,
                    "the key or axis whose values are compared (default: scheduler.policy, else the first that varies)")
        ->check(given_text());
    command.add_option("--baseline", baseline, "the value that the others are compared with (default: the first)")
        ->check(given_text());
    command.add_option("--metric", metrics, "a number of summary.json; may be repeated (default: the usual ones)")
        ->allow_extra_args(false)
        ->check(given_text());
}

void add_compare_options(CLI::App& command, cli::compare_options& options) {
    command.add_option("DB", options.store, "the file that `sweep` wrote")->required();
    add_comparison(command, options.by, options.baseline, options.metrics);
    command
        .add_option("--interval", options.interval,
                    "of Student's t, of the bootstrap-t, of Hall's transformation, or careful: all three (default)")
        ->check(CLI::IsMember({"careful", "t", "bootstrap", "hall"}));
    command.add_option("--confidence", options.confidence, "of intervals and verdicts in percent (default: 95)")
        ->check(CLI::Range(50.0, 99.99));
    command.add_flag("--pareto", options.pareto, "show which variants no other one beats in all these metrics");
    command.add_flag("--tornado", options.tornado,
                     "show what moves each metric most: variants named X-low and X-high as ends of a factor X");
}

void add_report_options(CLI::App& command, cli::report_options& options) {
    command.add_option("RESULTS", options.results, "output folder of a run, or the file that `sweep` wrote")
        ->required();
    command
        .add_option("-o,--output", options.output,
                    "the page (default: report.html in the folder, or beside the file); a name ending in .svg gives a "
                    "picture of a run, or the tornado charts of a sweep")
        ->check(given_text());
    add_comparison(command, options.by, options.baseline, options.metrics);
}

void add_steady_options(CLI::App& command, cli::steady_options& options) {
    command.add_option("DIR", options.directory, "output folder of a run")->required();
    command
        .add_option("--metric", options.metrics,
                    "jct_s, wait_s or bounded_slowdown of jobs, ttft_s, tpot_s or e2e_s of requests; may be repeated "
                    "(default: all that the run's files have)")
        ->allow_extra_args(false)
        ->check(CLI::IsMember({"jct_s", "wait_s", "bounded_slowdown", "ttft_s", "tpot_s", "e2e_s"}));
    command.add_option("--service", options.service, "of the requests of this service (default: of each, and of jobs)")
        ->check(given_text());
    command.add_option("--confidence", options.confidence, "of the intervals in percent (default: 95)")
        ->check(CLI::Range(50.0, 99.99));
    command.add_option("--batches", options.batches, "the fewest that the values are cut into (default: 32)")
        ->check(CLI::Range(std::uint32_t{10}, std::uint32_t{1000}));
}

std::string joined(int argc, char** argv) {
    std::string out;
    for (int i = 0; i < argc; ++i) {
        if (i != 0) out += ' ';
        out += argv[i];
    }
    return out;
}

std::string exit_status_text() {
    std::string out = "Exit status:";
    for (const auto& e : cli::exit_codes) out += fmt::format("\n  {}  {}", e.status, e.text);
    return out;
}

/// Another command that may have been meant, or where to read on.
std::string remedy_for(const CLI::App& app, int argc, char** argv) {
    std::vector<std::string> known;
    for (const CLI::App* command : app.get_subcommands(nullptr)) known.push_back(command->get_name());
    const std::string given = argc > 1 ? argv[1] : "";
    if (std::find(known.begin(), known.end(), given) != known.end())
        return fmt::format("see ampacity {} --help", given);
    const std::vector<std::string_view> names(known.begin(), known.end());
    const std::string_view near = nearest(given, names);
    return near.empty() ? "see ampacity --help" : fmt::format("did you mean `{}`?", near);
}

int run_program(int argc, char** argv) {
    CLI::App app{"Ampacity simulates AI datacenters as discrete events.", "ampacity"};
    app.set_version_flag("--version", "ampacity " + std::string{version});
    app.require_subcommand(0, 1);  // so that an unknown one is named

    cli::run_options options;
    options.command = joined(argc, argv);
    CLI::App& run = *app.add_subcommand("run", "run one simulation: a table on stdout, files in the output folder");
    add_scenario_options(run, options.of);
    run.add_option("-o,--output", options.directory, "folder for the results (default: out/NAME)")->check(given_text());
    run.add_flag_callback(
        "--progress", [&] { options.progress = true; }, "show progress on stderr (default: on a terminal)");
    run.add_flag_callback("--no-progress", [&] { options.progress = false; }, "show no progress");

    run.add_flag_callback(
        "--sparklines", [&] { options.sparklines = true; },
        "draw queue length and utilisation over time below the table (default: on a terminal that shows UTF-8)");
    run.add_flag_callback("--no-sparklines", [&] { options.sparklines = false; }, "draw nothing");

    CLI::App& validate = *app.add_subcommand("validate", "read everything, run nothing; print the resolved scenario");
    add_scenario_options(validate, options.of);

    cli::why_options asked;
    CLI::App& why = *app.add_subcommand("why", "why did a job wait? Runs the scenario again and tells");
    add_scenario_options(why, asked.of);
    why.add_option("--job", asked.job, "its job_id, as in jobs.csv")->required();
    why.add_flag("--all", asked.all, "show every stretch of waiting, however many there are");

    cli::sweep_options swept;
    CLI::App& sweep = *app.add_subcommand("sweep", "run a scenario over all values of its axes and many seeds");
    add_sweep_options(sweep, swept);
    cli::compare_options compared;
    CLI::App& compare =
        *app.add_subcommand("compare", "variants of a sweep side by side: which is better, how sure is it");
    add_compare_options(compare, compared);
    cli::optimise_options optimised;
    CLI::App& optimise =
        *app.add_subcommand("optimise", "find the smallest or largest value that keeps to limits, or the best one");
    add_optimise_options(optimise, optimised);
    std::string merged;
    std::vector<std::string> parts;
    CLI::App& merge = *app.add_subcommand("merge", "join the results of parts of a sweep");
    merge.add_option("OUT", merged, "SQLite file to make")->required();
    merge.add_option("IN", parts, "files that `sweep` wrote")->required();
    std::string exported;
    std::string table;
    CLI::App& export_csv = *app.add_subcommand("export", "the trials of a sweep as CSV: parameters and metrics");
    export_csv.add_option("DB", exported, "the file that `sweep` wrote")->required();
    export_csv.add_option("-o,--output", table, "the file to write (default: stdout)")->check(given_text());

    cli::report_options reported;
    CLI::App& report = *app.add_subcommand("report", "make one HTML page of the results of a run or a sweep");
    add_report_options(report, reported);
    cli::steady_options settled;
    CLI::App& steady =
        *app.add_subcommand("steady", "means of one long run without its warm-up, and how far they may be off");
    add_steady_options(steady, settled);

    cli::trace_options traced;
    CLI::App& trace = *app.add_subcommand("trace", "what a trace of jobs holds; --to converts it");
    trace.add_option("FILE", traced.file, "the trace, plain, .gz or .zst")->required();
    trace.add_option("--format", traced.format, "its format (default: by its name or its first line)")
        ->check(given_text());
    trace.add_option("--gpus", traced.gpus, "GPUs that the offered load is for (default: MaxProcs of the header)")
        ->check(CLI::Range(std::uint64_t{1}, scenario::max_fleet_gpus));
    trace.add_option("--reorder", traced.reorder, "how far submit times may step back (default: 1 h)")
        ->check(given_text());
    CLI::Option* json = trace.add_flag("--json", traced.json, "statistics as JSON");
    CLI::Option* to = trace.add_option("--to", traced.to, "convert to this format")
                          ->check(CLI::IsMember({"jobs-csv"}))
                          ->excludes(json);
    trace.add_option("-o,--output", traced.output, "file for the converted trace (default: stdout)")
        ->needs(to)
        ->check(given_text());

    cli::plan_options planned;
    CLI::App& plan = *app.add_subcommand("plan", "the fastest parallel plans of a training job");
    add_plan_options(plan, planned);

    cli::replicas_options limited;
    CLI::App& replicas =
        *app.add_subcommand("replicas", "the replicas of a model that serve most requests within limits of latency");
    add_replicas_options(replicas, limited);

    cli::surface_command_options measured;
    CLI::App& surface =
        *app.add_subcommand("surface", "measure what a replica of a service does at a load, for `fidelity: fluid`");
    add_surface_options(surface, measured);
    measured.command = joined(argc, argv);

    cli::calibrate_options calibrated;
    CLI::App& calibrate = *app.add_subcommand(
        "calibrate", "fit coefficients of models to measurements, and tell how near the models are to them");
    std::string calibrate_what;
    calibrate
        .add_option("WHAT", calibrate_what, "training: of the training step; inference: of an iteration of a server")
        ->required()
        ->check(CLI::IsMember({"training", "inference"}));
    calibrate
        .add_option("--data", calibrated.data,
                    "folder with CSV files of measurements, found by the ends of their names")
        ->required();
    calibrate
        .add_option("-o,--output", calibrated.output,
                    "file for the coefficients, a model of the kind efficiency or inference-efficiency")
        ->check(given_text());
    calibrate
        .add_option("--coefficients", calibrated.coefficients,
                    "judge these, a model of that kind or its .yaml file, and fit nothing")
        ->check(given_text());
    calibrate.add_flag("--rows", calibrated.rows, "show every row, and those that are left out");
    calibrate.add_flag("--json", calibrated.json, "rows as JSON");

    std::string what;
    CLI::App& list = *app.add_subcommand("list", "what exists");
    std::vector<std::string> lists{"policies", "placers", "workloads", "models"};
    for (const auto& k : io::model_kinds()) lists.emplace_back(k.plural);
    for (const char* const more : {"formats", "metrics", "keys", "files", "exit-codes"}) lists.emplace_back(more);
    list.add_option("WHAT", what,
                    "policies, placers, workloads, models (all) or a kind of them, formats, metrics, keys, files or "
                    "exit-codes")
        ->required()
        ->check(CLI::IsMember(lists));
    std::vector<std::string> plugins;
    add_plugin_option(list, plugins);
    bool markdown = false;
    list.add_flag("--markdown", markdown, "a page with all there is to say about them");
    std::string name;
    CLI::App& describe = *app.add_subcommand(
        "describe", "all there is to say about a policy, placer, model, kind of hardware, format, metric, file or key");
    describe
        .add_option("NAME", name, "its name, as `ampacity list` prints it, or the .yaml file of a model of hardware")
        ->required();
    add_plugin_option(describe, plugins);

    std::string shell;
    std::string script;
    CLI::App& completion = *app.add_subcommand("completion", "print a script that completes the words of this program");
    completion.add_option("SHELL", shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    completion.add_option("-o,--output", script, "the file to write instead")->check(given_text());

    app.footer(exit_status_text());  // last: commands copy what is set before

    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& e) {  // --help, --version
        return app.exit(e);
    } catch (const CLI::ParseError& e) {
        fmt::print(stderr, "ampacity: error: {}; {}\n", e.what(), remedy_for(app, argc, argv));
        return 2;
    }
    if (app.get_subcommands().empty()) {
        fmt::print(stderr, "ampacity: error: no command; see ampacity --help\n");
        return 2;
    }
    if (run) return cli::run(options);
    if (validate) return cli::validate(options.of);
    if (why) return cli::why(asked);
    if (sweep) return cli::sweep(swept);
    if (compare) return cli::compare(compared);
    if (optimise) return cli::optimise(optimised);
    if (merge) return cli::merge(merged, parts);
    if (export_csv) return cli::export_csv(exported, table);
    if (report) return cli::report(reported);
    if (steady) return cli::steady(settled);
    if (trace) return cli::trace(traced);
    if (plan) return cli::plan(planned);
    if (replicas) return cli::replicas(limited);
    if (surface) return cli::surface(measured);
    if (calibrate && calibrate_what == "inference") return cli::calibrate_inference(calibrated);
    if (calibrate) return cli::calibrate_training(calibrated);
    if (list) return cli::list(what, markdown, plugins);
    if (completion) return cli::completion(app, shell, script);
    return cli::describe(name, plugins);
}

int unwritten() {
    fmt::print(stderr, "stdout:1:1: error: the results cannot be written; check where the output goes\n");
    return 2;
}

/// Results that did not reach their reader are an error.
int checked_output(int status) { return std::fflush(stdout) == 0 && std::ferror(stdout) == 0 ? status : unwritten(); }

int report_bug(const char* what) {
    fmt::print(
        stderr,
        "ampacity: this is a bug of ours: {}\nplease report it with the scenario, the command and the version {}\n",
        what, version);
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return checked_output(run_program(argc, argv));
    } catch (const internal_error& e) {
        return report_bug(e.what());
    } catch (const error& e) {
        fmt::print(stderr, "{}\n", e.what());
        return e.exit_status();
    } catch (const std::exception& e) {
        return std::ferror(stdout) != 0 ? unwritten() : report_bug(e.what());
    }
}
