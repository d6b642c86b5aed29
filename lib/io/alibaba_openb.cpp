#include "csv_trace.hpp"

#include <array>
#include <memory>

namespace ampacity::io {
namespace {

enum column : std::size_t {
    pod_name,
    cpu_milli,
    memory_mib,
    num_gpu,
    gpu_milli,
    gpu_spec,
    qos,
    pod_phase,
    creation_time,
    deletion_time,
    scheduled_time
};

constexpr std::array columns{
    trace_column{"name", "", "name of the pod, the job's name", column_use::required},
    trace_column{"cpu_milli", "", "CPU request", column_use::ignored},
    trace_column{"memory_mib", "MiB", "memory request", column_use::ignored},
    trace_column{"num_gpu", "", "number of GPUs, all at once", column_use::required},
    trace_column{"gpu_milli", "", "share of each GPU; only pods with whole ones, 1000, are jobs", column_use::required},
    trace_column{"gpu_spec", "", "allowed GPU types", column_use::ignored},
    trace_column{"qos", "", "class of service", column_use::ignored},
    trace_column{"pod_phase", "", "how the pod ended", column_use::statistics},
    trace_column{"creation_time", "s", "submission, from the start of the recording", column_use::required},
    trace_column{"deletion_time", "s", "end; run time = deletion_time - scheduled_time", column_use::required},
    trace_column{"scheduled_time", "s", "start in reality; empty: never", column_use::required},
};
static_assert(columns[scheduled_time].name == "scheduled_time" && columns.size() == scheduled_time + 1);

enum reason : std::size_t { never_scheduled, no_gpus, shared_gpu };
constexpr std::array skips{
    skip_reason{"never_scheduled", "scheduled_time is empty, and none of the others"},
    skip_reason{"no_gpus", "num_gpu is 0"},
    skip_reason{"shared_gpu", "a share of a GPU: gpu_milli is not 1000"},
};
static_assert(skips[shared_gpu].name == "shared_gpu");

constexpr job_trace_format format{
    .name = "alibaba-openb",
    .description = "pods of the Alibaba GPU cluster trace of 2023 (openb_pod_list_*.csv), times from its start",
    .columns = columns,
    .skips = skips,
    .records = {.wait = true, .end = true}};

class alibaba_openb final : public csv_trace {
public:
    explicit alibaba_openb(const job_trace_options& options)
        : csv_trace(options, format, creation_time,
                    options.align == scenario::alignment::absolute ? time_origin::scenario_start
                                                                   : time_origin::first_submit) {}

    [[nodiscard]] bool records_endings() const override { return has(pod_phase); }

private:
    bool read_row(workload::job_request& job, record_facts& facts) override {
        job.submit = start_of_time + seconds(creation_time);
        read_gpus(num_gpu, job);
        const auto [status, share] = parse_count(field(gpu_milli));
        if (status != decimal_status::ok || share > 1000) {
            fail(gpu_milli, std::string{status == decimal_status::ok ? "too large" : fault_of(status)},
                 "give thousandths of a GPU from 0 to 1000");
        }
        if (job.gpus == 0) return skip(job.submit, no_gpus), false;
        if (share != 1000) return skip(job.submit, shared_gpu), false;
        if (field(scheduled_time).empty()) return skip(job.submit, never_scheduled), false;
        read_name(pod_name, job);
        const duration scheduled = seconds(scheduled_time);
        const duration deleted = seconds(deletion_time);
        if (deleted < scheduled) fail(deletion_time, "before scheduled_time", "correct one of them");
        job.work = deleted - scheduled;
        const duration wait = start_of_time + scheduled - job.submit;
        if (wait >= duration::zero()) facts.wait = wait;
        facts.end = ending_of(field(pod_phase));
        return true;
    }

    static ending ending_of(std::string_view phase) noexcept {
        if (phase == "Succeeded") return ending::finished;
        if (phase == "Failed") return ending::failed;
        if (phase == "Running") return ending::running;
        return ending::unknown;
    }
};

}  // namespace

const job_trace_format& alibaba_openb_format() noexcept { return format; }

std::unique_ptr<trace_source> open_alibaba_openb(const job_trace_options& options) {
    return std::make_unique<alibaba_openb>(options);
}

}  // namespace ampacity::io
