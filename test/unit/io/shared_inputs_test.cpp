#include "support/catch.hpp"

#include <ampacity/io/prepare.hpp>
#include <ampacity/io/run_files.hpp>
#include <ampacity/io/shared_inputs.hpp>

#include <stdexcept>
#include <string>

using namespace ampacity;

TEST_CASE("shared inputs: made once by type and name and faults each time") {
    io::shared_inputs shared;
    int made = 0;
    const auto make = [&] { return ++made; };
    CHECK(*shared.once<int>("a", make) == 1);
    CHECK(*shared.once<int>("a", make) == 1);
    CHECK(*shared.once<int>("b", make) == 2);
    CHECK(*shared.once<double>("a", make) == 3.0);
    const auto fault = [&]() -> int {
        ++made;
        throw std::runtime_error("no");
    };
    CHECK_THROWS(shared.once<int>("c", fault));
    CHECK_THROWS(shared.once<int>("c", fault));
    CHECK(made == 5);
    CHECK(*shared.once<int>("c", make) == 6);
    CHECK(*io::shared_or_new<int>(nullptr, "a", make) == 7);
}

TEST_CASE("shared inputs: a run with them has the results of one without") {
    const auto loaded = io::read_scenario_text("s.yaml", R"(ampacity: 1
name: powered
seed: 3
fleet: { racks: { model: gb300-nvl72, count: 4 } }
workload:
  - synthetic:
      jobs: 40
      rate: "10 /h"
      duration: { median: "30 min", sigma: 1 }
      gpus: [ { gpus: 8, weight: 1 }, { gpus: 72, weight: 1 } ]
scheduler: { policy: easy, placer: topology }
energy: { region: us-east-1 }
faults: { model: llama3-h100 }
)");
    const auto numbers = [&](io::shared_inputs* shared) {
        sim::simulation s(io::prepare(loaded, nullptr, shared).parts);
        s.run();
        return io::summary_numbers(loaded.value, s.results(), {});
    };
    io::shared_inputs shared;
    const auto expected = numbers(nullptr);
    CHECK(expected.size() > 30);
    CHECK(numbers(&shared) == expected);
    CHECK(numbers(&shared) == expected);
}
