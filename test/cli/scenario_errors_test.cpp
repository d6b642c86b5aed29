// Scenarios that are refused: status 2, and one message with place, key path, value and remedy.

#include "cli/program.hpp"
#include "support/cases.hpp"
#include "support/random_workload.hpp"

using namespace ampacity::test;

namespace {

/// Places are those of this scenario:
///     4  fleet: { pool_gpus: 4 }
///     6    - trace: { path: jobs.csv }
///     7  scheduler: { policy: fifo }
const std::string good = small_scenario;

struct fault {
    std::string scenario;
    std::uint64_t line, column;
    std::string key, value, remedy;
};

/// `run` and `validate` refuse it with the same message.
void check_fault(const fault& f) {
    INFO(f.scenario);
    const workspace here{f.scenario};
    const auto ran = here.run();
    const auto m = check_refused(ran, 2);
    CHECK(m.file == "s.yaml");
    CHECK(m.line == f.line);
    CHECK(m.column == f.column);
    CHECK(m.key == f.key);
    CHECK(m.value == f.value);
    CHECK(contains(m.remedy, f.remedy));
    CHECK_FALSE(here.has("out"));
    const auto validated = here.call({"validate", "s.yaml"});
    CHECK(validated.status == 2);
    CHECK(validated.err == ran.err);
}

}  // namespace

TEST_CASE("unknown keys are named with what was meant") {
    check_fault({with(good, "seed: 1\n", "seed: 1\nsede: 2\n"), 4, 1, "sede", "sede", "did you mean `seed`"});
    check_fault({with(good, "{ policy: fifo }", "{ policy: fifo, placr: pack }"), 7, 28, "scheduler.placr", "placr",
                 "did you mean `placer`"});
    check_fault({with(good, "path: jobs.csv", "path: jobs.csv, fromat: jobs-csv"), 6, 30, "workload.0.trace.fromat",
                 "fromat", "did you mean `format`"});
    check_fault(
        {with(good, "pool_gpus: 4", "pool_gpu: 4"), 4, 10, "fleet.pool_gpu", "pool_gpu", "did you mean `pool_gpus`"});
}

TEST_CASE("duplicate keys are named where they stand again") {
    check_fault({with(good, "seed: 1\n", "seed: 1\nseed: 2\n"), 4, 1, "seed", "seed", ""});
    check_fault({with(good, "pool_gpus: 4", "pool_gpus: 4, pool_gpus: 5"), 4, 24, "fleet.pool_gpus", "pool_gpus", ""});
    check_fault({good + "name: again\n", 8, 1, "name", "name", ""});
}

TEST_CASE("wrong units are named") {
    check_fault({with(good, "seed: 1\n", "seed: 1\nuntil: 5 kW\n"), 4, 8, "until", "5 kW", "unit"});
    check_fault({with(good, "seed: 1\n", "seed: 1\nuntil: 5 parsec\n"), 4, 8, "until", "5 parsec", "unit"});
    check_fault({good + "output: { telemetry: 60 GPU-h }\n", 8, 22, "output.telemetry", "60 GPU-h", "unit"});
}

TEST_CASE("a bare number is refused where a unit belongs") {
    check_fault({with(good, "seed: 1\n", "seed: 1\nuntil: 5\n"), 4, 8, "until", "5", "unit"});
    check_fault({good + "output: { telemetry: 60 }\n", 8, 22, "output.telemetry", "60", "unit"});
    check_fault({with(good, "path: jobs.csv", "path: jobs.csv, reorder: 3600"), 6, 39, "workload.0.trace.reorder",
                 "3600", "unit"});
}

TEST_CASE("a missing key is reported where its parent stands") {
    check_fault({with(good, "seed: 1\n", ""), 1, 1, "seed", "", ""});
    check_fault({with(good, "ampacity: 1\n", ""), 1, 1, "ampacity", "", ""});
    check_fault({with(good, "name: small\n", ""), 1, 1, "name", "", ""});
    check_fault({with(good, "fleet: { pool_gpus: 4 }\n", ""), 1, 1, "fleet", "", ""});
    check_fault({with(good, "workload:\n  - trace: { path: jobs.csv }\n", ""), 1, 1, "workload", "", ""});
    check_fault({with(good, "scheduler: { policy: fifo }\n", ""), 1, 1, "scheduler", "", ""});
    check_fault({with(good, "{ policy: fifo }", "{ placer: pack }"), 7, 1, "scheduler.policy", "", ""});
    check_fault({with(good, "{ path: jobs.csv }", "{ format: jobs-csv }"), 6, 5, "workload.0.trace.path", "", ""});
    check_fault({with(good, "pool_gpus: 4", "nodes: { gpus: 8 }"), 4, 10, "fleet.nodes.count", "", ""});
}

TEST_CASE("unknown policies and placers are named with what was meant") {
    check_fault({with(good, "policy: fifo", "policy: eazy"), 7, 22, "scheduler.policy", "eazy", "did you mean `easy`"});
    check_fault({with(good, "policy: fifo", "policy: conservativ"), 7, 22, "scheduler.policy", "conservativ",
                 "did you mean `conservative`"});
    check_fault({with(good, "policy: fifo", "policy: fifo, placer: pakc"), 7, 36, "scheduler.placer", "pakc",
                 "did you mean `pack`"});
    check_fault({with(good, "path: jobs.csv", "path: jobs.csv, format: job-csv"), 6, 38, "workload.0.trace.format",
                 "job-csv", "did you mean `jobs-csv`"});
}

TEST_CASE("values out of range or of the wrong type are named") {
    check_fault({with(good, "pool_gpus: 4", "pool_gpus: 0"), 4, 21, "fleet.pool_gpus", "0", "1"});
    check_fault({with(good, "pool_gpus: 4", "pool_gpus: -4"), 4, 21, "fleet.pool_gpus", "-4", ""});
    check_fault({with(good, "pool_gpus: 4", "pool_gpus: 4.5"), 4, 21, "fleet.pool_gpus", "4.5", ""});
    check_fault({with(good, "pool_gpus: 4", "pool_gpus: many"), 4, 21, "fleet.pool_gpus", "many", ""});
    check_fault({with(good, "seed: 1", "seed: \"1\""), 3, 7, "seed", "1", ""});
    check_fault({with(good, "ampacity: 1", "ampacity: 2"), 1, 11, "ampacity", "2", "1"});
    check_fault({with(good, "seed: 1\n", "seed: 1\nuntil: 201000 d\n"), 4, 8, "until", "201000 d", "200 years"});
    check_fault({with(good, "seed: 1\n", "seed: 1\nstart: tomorrow\n"), 4, 8, "start", "tomorrow", ""});
    check_fault({with(good, "name: small", "name: ../up"), 2, 7, "name", "../up", ""});
}

TEST_CASE("exactly one kind of fleet is given") {
    const auto both = with(good, "pool_gpus: 4", "pool_gpus: 4, nodes: { gpus: 8, count: 1 }");
    const workspace here{both};
    const auto m = check_refused(here.run(), 2);
    CHECK(m.line == 4);
    CHECK(m.key == "fleet");
}

TEST_CASE("text that is not YAML is refused where it breaks") {
    for (const std::string text : {"a: b: c\n", "a: [1, 2\n", "a: 1\n\tb: 2\n", "- 1\n- 2\n", "words\n", ""}) {
        INFO(text);
        const workspace here{text};
        check_placed(check_refused(here.run(), 2), "s.yaml");
    }
    const workspace binary{std::string("\0\xFF\x1F\x8B\0\1\2", 7)};
    check_refused(binary.run(), 2);
}

TEST_CASE("a scenario that cannot be read is named") {
    const workspace here;
    for (const std::string command : {"run", "validate"}) {
        check_whole_file(check_refused(here.call({command, "none.yaml"}), 2), "none.yaml");
        check_whole_file(check_refused(here.call({command, here.path().string()}), 2), here.path().string());
        check_whole_file(check_refused(here.call({command, "s.yaml/x"}), 2), "s.yaml/x");
    }
}

TEST_CASE("the path in a message is the one that was given") {
    const workspace here{with(small_scenario, "seed: 1\n", "")};
    process_options elsewhere;
    elsewhere.directory = "/";
    const auto file = here.path("s.yaml").string();
    check_placed(check_refused(here.call({"validate", file}, elsewhere), 2), file);
}

TEST_CASE("mutated scenarios are read or refused and nothing else") {
    naive::test_random random{11};
    const std::vector<std::string> pieces{"\n",    "  ", "\t",   ": ",   "- ", "{",      "}",     "[",
                                          "]",     "\"", "#",    "&a ",  "*a", "!!str ", "---\n", "null",
                                          "1e999", "-1", "\xC3", "\xFF", "x",  "9",      "\r"};
    std::size_t refused = 0;
    const auto tries = random_cases(80);
    for (std::size_t i = 0; i < tries; ++i) {
        std::string text = small_scenario;
        for (auto edits = random.between(1, 3); edits > 0; --edits) {
            const auto at = static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(text.size())));
            const auto& piece = pieces[static_cast<std::size_t>(random.next() % pieces.size())];
            if (random.chance(50))
                text.insert(at, piece);
            else
                text.erase(at, static_cast<std::size_t>(random.between(1, 8)));
        }
        const workspace here{text};
        const auto r = here.call({"validate", "s.yaml"});
        INFO(text << "\nstderr: " << r.err);
        if (r.status == 0) {
            CHECK(r.err.empty());
        } else {
            ++refused;
            // A mutated path names no file, which is a fault of the data.
            CHECK((r.status == 2 || r.status == 3));
            CHECK(r.out.empty());
            CHECK(parse_message(r.err).has_value());
        }
    }
    CHECK(refused > tries / 2);
}
