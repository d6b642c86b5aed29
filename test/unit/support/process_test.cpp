#include "support/process.hpp"

#include "support/catch.hpp"
#include "support/files.hpp"

#include <csignal>
#include <system_error>

using ampacity::test::process_options;
using ampacity::test::run_process;
using ampacity::test::temporary_directory;
using namespace std::chrono_literals;

TEST_CASE("run_process keeps output, errors and the exit status apart") {
    const auto r = run_process({"sh", "-c", "echo out; echo err >&2; exit 3"});
    CHECK(r.status == 3);
    CHECK(r.signal == 0);
    CHECK(r.out == "out\n");
    CHECK(r.err == "err\n");
    CHECK_FALSE(r.timed_out);
}

TEST_CASE("run_process passes arguments, environment, directory and input") {
    const temporary_directory here;
    process_options options;
    options.directory = here.path();
    options.environment = {{"AMPACITY_TEST_VALUE", "a b"}};
    options.input = "given";
    const auto r =
        run_process({"sh", "-c", "pwd -P; echo \"$AMPACITY_TEST_VALUE\"; echo \"$1\"; cat", "sh", "x  y"}, options);
    CHECK(r.out == std::filesystem::canonical(here.path()).string() + "\na b\nx  y\ngiven");
    CHECK(r.status == 0);
}

TEST_CASE("run_process moves more than a pipe holds in both directions") {
    process_options options;
    options.input.assign(1'000'000, 'x');
    CHECK(run_process({"cat"}, options).out == options.input);
    CHECK(run_process({"true"}, options).status == 0);
}

TEST_CASE("run_process ends a program that takes too long, with its children") {
    process_options options;
    options.timeout = 200ms;
    const auto r = run_process({"sh", "-c", "sleep 60 & sleep 60; echo late"}, options);
    CHECK(r.timed_out);
    CHECK(r.signal == SIGKILL);
    CHECK(r.out.empty());
}

TEST_CASE("run_process sends a signal when asked to") {
    const temporary_directory here;
    process_options options;
    options.directory = here.path();
    options.signal = SIGINT;
    options.signal_when = [&] { return std::filesystem::exists(here.path() / "ready"); };
    const auto r =
        run_process({"sh", "-c", "trap 'echo caught; exit 4' INT; touch ready; while :; do sleep 0.02; done"}, options);
    CHECK(r.status == 4);
    CHECK(r.out == "caught\n");
}

TEST_CASE("run_process reports a program that does not exist") {
    CHECK_THROWS_AS(run_process({"ampacity-no-such-program"}), std::system_error);
}
