#include "support/byte_offset.hpp"
#include "support/catch.hpp"
#include "support/data.hpp"
#include "support/files.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/io/job_traces.hpp>

#include <map>
#include <string>
#include <vector>

using namespace ampacity;
using namespace ampacity::io;
using workload::job_request;

namespace {

constexpr std::string_view head =
    "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n";

struct recorder final : record_observer {
    void on_record(const job_request&, const record_facts& f) override { facts.push_back(f); }
    std::vector<record_facts> facts;
};

struct trace {
    std::vector<job_request> jobs;
    std::vector<std::string> names;
    std::map<std::string, std::uint64_t> skipped;
    recorder seen;
};

trace read(job_trace_options options) {
    trace got;
    options.observer = &got.seen;
    const auto source = open_job_trace(options);
    std::vector<job_request> batch(3);
    while (const std::size_t n = source->next(batch)) {
        for (std::size_t i = 0; i < n; ++i) {
            got.jobs.push_back(batch[i]);
            got.names.emplace_back(source->text(batch[i].name));
        }
    }
    for (const auto& [reason, count] : source->skipped()) got.skipped.emplace(reason, count);
    return got;
}

struct files {
    test::temporary_directory directory;
    [[nodiscard]] job_trace_options operator()(std::string_view rows) const {
        const auto file = directory.path() / "t.csv";
        test::write_file(file, std::string{head} += rows);
        return {.path = file, .format = "alibaba-openb"};
    }
};

std::string fault_of(std::string_view row) {
    const files make;
    const auto options = make(std::string{row} + "\n");
    try {
        read(options);
        return "read";
    } catch (const data_error& e) {
        return test::without_byte(std::string{e.what()}.substr(make.directory.path().string().size() + 1),
                                  test::read_file(options.path));
    }
}

}  // namespace

TEST_CASE("pods with whole GPUs are jobs", "[alibaba_openb]") {
    const files make;
    const auto options = make(
        "cpu,1,2,0,0,,LS,Running,0,100,0\n"
        "share,1,2,1,460,,LS,Running,0,100,0\n"
        "late,1,2,1,1000,,LS,Pending,1,100,\n"
        "no-gpu-late,1,2,0,1000,,LS,Pending,1,100,\n"
        "a,1,2,8,1000,T4|P100,BE,Running,100,250.5,150\n"
        "b,1,2,1,1000,,LS,Succeeded,101,101,101\n"
        "c,1,2,2,1000,,LS,Failed,102,200,103\n");
    const trace got = read(options);
    CHECK(got.names == std::vector<std::string>{"a", "b", "c"});
    REQUIRE(got.jobs.size() == 3);
    CHECK(got.jobs[0].gpus == 8);
    CHECK(got.jobs[0].submit == instant{});
    CHECK(got.jobs[0].work == std::chrono::milliseconds{100'500});
    CHECK(got.jobs[0].estimate == workload::no_estimate);
    CHECK(got.jobs[1].submit == instant{std::chrono::seconds{1}});
    CHECK(got.jobs[1].work == duration::zero());
    CHECK(got.jobs[2].row == 2);
    CHECK(got.skipped ==
          std::map<std::string, std::uint64_t>{{"never_scheduled", 1}, {"no_gpus", 2}, {"shared_gpu", 1}});
    CHECK(got.seen.facts.at(0).wait == std::chrono::seconds{50});
    CHECK(got.seen.facts.at(1).wait == duration::zero());
    CHECK(got.seen.facts.at(0).end == ending::running);
    CHECK(got.seen.facts.at(1).end == ending::finished);
    CHECK(got.seen.facts.at(2).end == ending::failed);

    // It has no dates: `absolute` keeps its times, counted from the scenario's start.
    auto kept = options;
    kept.align = scenario::alignment::absolute;
    CHECK(read(kept).jobs.at(0).submit == instant{std::chrono::seconds{100}});
}

TEST_CASE("pods that contradict themselves are refused", "[alibaba_openb]") {
    const std::string seconds = "; give seconds from 0 to 200 years";
    CHECK(fault_of("a,1,2,1,1000,,LS,Running,0,9,10") ==
          "t.csv:2:28: error: deletion_time: before scheduled_time (9); correct one of them");
    CHECK(fault_of("a,1,2,1,1000,,LS,Running,0,,10") == "t.csv:2:28: error: deletion_time: value missing" + seconds);
    CHECK(fault_of("a,1,2,1,1000,,LS,Running,,9,10") == "t.csv:2:26: error: creation_time: value missing" + seconds);
    CHECK(fault_of(",1,2,1,1000,,LS,Running,0,10,9") == "t.csv:2:1: error: name: value missing; name the job");
    const std::string share = "; give thousandths of a GPU from 0 to 1000";
    CHECK(fault_of("a,1,2,1,1001,,LS,Running,0,10,9") == "t.csv:2:9: error: gpu_milli: too large (1001)" + share);
    CHECK(fault_of("a,1,2,1,,,LS,Running,0,10,9") == "t.csv:2:9: error: gpu_milli: value missing" + share);
    CHECK(fault_of("a,1,2,-1,1000,,LS,Running,0,10,9").find("t.csv:2:7: error: num_gpu: negative (-1)") == 0);
}

TEST_CASE("the pods of 2023 are read whole", "[alibaba_openb]") {
    for (const char* name : {"default", "gpuspec33"}) {
        const auto file = test::real_data("jobs/alibaba2023_openb_pod_list_" + std::string{name} + ".csv.gz");
        if (!file) return;
        CHECK(guess_job_trace_format(*file) == "alibaba-openb");
        const trace got = read({.path = *file, .format = "alibaba-openb"});
        CHECK(got.jobs.size() == 3'630);
        CHECK(got.skipped == std::map<std::string, std::uint64_t>{
                                 {"never_scheduled", 356}, {"no_gpus", 1'088}, {"shared_gpu", 3'078}});
    }
}
