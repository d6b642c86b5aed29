// Every format of job traces: the first byte chooses it, the second how it is read.
#include "fuzz.hpp"

#include <ampacity/io/job_traces.hpp>

#include <array>

using namespace ampacity;

namespace {

void read_all(const io::job_trace_options& options) {
    const auto source = io::open_job_trace(options);
    std::array<workload::job_request, 7> batch;
    instant before = start_of_time;
    for (;;) {
        const std::size_t n = source->next(batch);
        fuzz::demand(n <= batch.size(), "a batch fits");
        if (n == 0) break;
        for (std::size_t i = 0; i != n; ++i) {
            const auto& job = batch[i];
            fuzz::demand(job.submit >= before, "jobs come in order of time");
            before = job.submit;
            fuzz::demand(duration::zero() <= job.work && job.work <= longest_input, "durations are in range");
            fuzz::demand(job.estimate == workload::no_estimate ||
                             (duration::zero() <= job.estimate && job.estimate <= longest_input),
                         "estimates are in range");
            fuzz::demand(job.gpus <= workload::max_gpus_per_job, "GPUs are in range");
            fuzz::demand(job.gpus_min <= job.gpus && job.gpus <= job.gpus_max, "gangs are in order");
            if (job.name_is_text) (void)source->text(job.name);
            (void)source->text(job.user);
            (void)source->text(job.group);
        }
    }
    fuzz::demand(source->next(batch) == 0, "a trace that has ended stays so");
    const auto progress = source->progress();
    fuzz::demand(!progress || (*progress >= 0 && *progress <= 1), "progress is a share");
    (void)source->finish_digest();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static fuzz::memory_file file;
    fuzz::input in(data, size);
    const auto formats = io::job_trace_formats();
    io::job_trace_options options{.path = file.path(), .format = std::string{formats[in.choose(formats.size())].name}};
    const std::size_t how = in.choose(8);
    if ((how & 1U) != 0) options.reorder = duration{0};
    if ((how & 2U) != 0) options.align = scenario::alignment::absolute;
    if ((how & 4U) != 0) options.unix_start_ns = 1'767'225'600'000'000'000;
    file.write(in.rest());
    const auto first = fuzz::refusal([&] { read_all(options); });
    fuzz::demand(first == fuzz::refusal([&] { read_all(options); }), "the same file gives the same message");
    return 0;
}
