// The program: thin over the library. Results go to stdout, progress and diagnostics to stderr.

#include "run_command.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/core/version.hpp>
#include <ampacity/policy/registry.hpp>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include <exception>
#include <string>

namespace {

void print(std::span<const ampacity::policy::description> table) {
    for (const auto& d : table) fmt::print("{:<14} {}\n", d.name, d.text);
}

int run_program(int argc, char** argv) {
    CLI::App app{"Ampacity simulates AI datacenters as discrete events.", "ampacity"};
    app.set_version_flag("--version", std::string{ampacity::version});
    app.require_subcommand(1);

    ampacity::cli::run_options options;
    const auto scenario_arguments = [&options](CLI::App& command) {
        command.add_option("SCENARIO", options.scenario, "scenario file")->required();
        command.add_option("--set", options.set, "override: key.path=value")->allow_extra_args(false);
        command.add_option("--seed", options.seed, "seed of all random streams");
        command.add_option("--policy", options.policy, "scheduling policy");
        command.add_option("--until", options.until, "end of the run: a duration, or drained");
    };
    CLI::App& run = *app.add_subcommand("run", "run one simulation");
    scenario_arguments(run);
    run.add_option("-o,--output", options.directory, "folder for the results (default out/NAME)");
    run.add_flag("--progress,!--no-progress", options.progress, "show progress (default: on a terminal)");
    CLI::App& validate = *app.add_subcommand("validate", "check a scenario and print it resolved");
    scenario_arguments(validate);
    std::string what;
    CLI::App& list = *app.add_subcommand("list", "what exists");
    list.add_option("WHAT", what, "policies or placers")->required()->check(CLI::IsMember({"policies", "placers"}));

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? 0 : 2;
    }
    if (run) return ampacity::cli::run(options);
    if (validate) return ampacity::cli::validate(options);
    print(what == "policies" ? ampacity::policy::policies() : ampacity::policy::placers());
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run_program(argc, argv);
    } catch (const ampacity::internal_error& e) {
        fmt::print(stderr, "ampacity: this is a bug of ours: {}\nplease report it with the scenario and the version {}\n", e.what(), ampacity::version);
        return 1;
    } catch (const ampacity::error& e) {
        fmt::print(stderr, "{}\n", e.what());
        return e.exit_status();
    } catch (const std::exception& e) {
        fmt::print(stderr, "ampacity: this is a bug of ours: {}\nplease report it with the scenario and the version {}\n", e.what(), ampacity::version);
        return 1;
    }
}
