#pragma once
/// \file
/// A folder with a small scenario and sweeps over it, and what a store holds as text, for the tests of experiments.

#include "support/files.hpp"

#include <ampacity/experiment/result_store.hpp>
#include <ampacity/experiment/sweep.hpp>

#include <array>
#include <charconv>
#include <filesystem>
#include <string>

namespace ampacity::test {

class sweep_folder {
public:
    sweep_folder() {
        write_file(path("s.yaml"), R"(ampacity: 1
name: small
fleet: { pool_gpus: 8 }
workload:
  - synthetic:
      jobs: 60
      rate: "20 /h"
      duration: { median: "10 min", sigma: 1 }
      gpus: [ { gpus: 1, weight: 2 }, { gpus: 4, weight: 1 } ]
scheduler: { policy: fifo }
)");
    }

    [[nodiscard]] std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }

    /// A sweep over the scenario with these lines.
    [[nodiscard]] experiment::sweep sweep(const std::string& more) const {
        return experiment::expand(io::read_sweep_text(
            "sweep.yaml", "ampacity-sweep: 1\nname: x\nbase: s.yaml\nseed: 7\n" + more, folder_.path()));
    }

    /// A sweep over traces, of which good.csv can be read and bad.csv cannot.
    [[nodiscard]] experiment::sweep of_traces(const std::string& traces, int replications) const {
        write_file(path("t.yaml"), R"(ampacity: 1
name: traced
fleet: { pool_gpus: 8 }
workload: [ { trace: { path: good.csv } } ]
scheduler: { policy: fifo }
)");
        write_file(path("good.csv"), "job_id,submit_s,gpus,duration_s\n1,0,1,5\n");
        write_file(path("bad.csv"), "job_id,submit_s,gpus,duration_s\n1,0,1,5\n2,1,1,x\n");
        return experiment::expand(
            io::read_sweep_text("sweep.yaml",
                                "ampacity-sweep: 1\nname: x\nbase: t.yaml\nseed: 1\naxes: { workload.0.trace.path: [" +
                                    traces + "] }\nreplications: " + std::to_string(replications) + '\n',
                                path("")));
    }

private:
    temporary_directory folder_;
};

/// Shortest text that gives the number again.
inline std::string text_of(double x) {
    std::array<char, 32> text{};
    return {text.data(), std::to_chars(text.data(), text.data() + text.size(), x).ptr};
}

/// All that must be the same in two stores of one sweep.
inline std::string content_of(const experiment::result_store& store) {
    std::string out;
    store.write_csv([&](std::string_view text) { out += text; });
    for (const auto& t : store.trials()) {
        for (const auto& [path, value] : store.parameters(t.id)) out += path + '=' + value + '\n';
        for (const auto& [name, value] : store.metrics(t.id)) out += name + '=' + text_of(value) + '\n';
    }
    return out;
}

}  // namespace ampacity::test
