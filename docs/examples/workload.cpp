// Module workload: jobs, where they come from.
#include "example.hpp"

#include <ampacity/workload/job.hpp>
#include <ampacity/workload/source.hpp>
#include <ampacity/workload/synthetic.hpp>

#include <array>

using namespace ampacity;
using namespace std::chrono_literals;

void workload_example() {
    // Jobs from memory come in order of submit.
    workload::job_request late{.name = 1, .submit = start_of_time + 1h, .work = 10min, .gpus = 8};
    workload::job_request early{.name = 2, .work = 5min, .gpus = 1};
    require(early.estimate == workload::no_estimate, "no estimate unless one is given");
    workload::vector_source listed({late, early});
    std::array<workload::job_request, 4> batch;
    require(listed.next(batch) == 2 && batch[0].name == 2 && batch[1].row == 0, "sorted, rows by position");
    require(listed.next(batch) == 0, "exhausted");

    // Jobs from distributions follow from the seed.
    workload::synthetic_source drawn(
        {.seed = 1, .jobs = 3, .rate_per_s = 0.5, .cv = 0, .median = 1min, .sizes = {{.gpus = 4}}});
    require(drawn.next(batch) == 3, "as many as were asked for");
    require(batch[2].submit == start_of_time + 6s && batch[2].work == 1min && batch[2].gpus == 4,
            "a fixed beat of equal jobs");
    require(drawn.progress() == 1.0, "all are out");
}
