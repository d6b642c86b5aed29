// How many synthetic jobs per second does the generator make on one core, kind by kind?
//
// Timed: the pull of 2e6 jobs in batches of 1024. The answer that a fast wrong generator fails: the same digest of all
// jobs when they are pulled in batches of 100, and the same jobs but for their users with and without users.

#include "table.hpp"

#include <ampacity/io/models.hpp>
#include <ampacity/scenario/synthetic_options.hpp>
#include <ampacity/workload/synthetic.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;
using namespace bench;
using workload::synthetic_options;

constexpr std::uint64_t num_jobs = 2'000'000;
constexpr int num_repeats = 3;  // of each row; the fastest counts

std::uint64_t digest(const std::vector<workload::job_request>& jobs, std::uint64_t hash) {
    for (const auto& j : jobs) {
        for (const std::uint64_t x :
             {static_cast<std::uint64_t>(ticks(j.submit)), static_cast<std::uint64_t>(ticks(j.work)),
              std::uint64_t{j.gpus}, static_cast<std::uint64_t>(ticks(j.estimate))})
            hash = (hash ^ x) * 0x100000001B3U;
    }
    return hash;
}

std::uint64_t pull(const synthetic_options& options, std::size_t batch, double* seconds) {
    workload::synthetic_source source{options};
    std::vector<workload::job_request> jobs(batch);
    std::uint64_t hash = 0;
    double ns = 0;
    for (;;) {
        jobs.resize(batch);
        const stopwatch watch;
        const std::size_t n = source.next(jobs);
        ns += watch.ns();
        if (n == 0) break;
        jobs.resize(n);
        hash = digest(jobs, hash);
    }
    if (seconds != nullptr) *seconds = ns * 1e-9;
    return hash;
}

std::uint64_t measure(table& t, const std::string& question, const synthetic_options& options, double wanted) {
    double best = std::numeric_limits<double>::infinity();
    std::uint64_t hash = 0;
    for (int i = 0; i != num_repeats; ++i) {
        double s = 0;
        hash = pull(options, 1024, &s);
        best = std::min(best, s);
    }
    t.expect(hash == pull(options, 100, nullptr), "the same jobs in batches of 100, " + question);
    t.row(question, {}, {static_cast<double>(num_jobs) / best * 1e-6, "M/s"}, at_least(wanted));
    return hash;
}

}  // namespace

int main() {
    using namespace std::chrono_literals;
    table t;
    synthetic_options basic{.seed = 42,
                            .jobs = num_jobs,
                            .rate_per_s = 0.1,
                            .median = 22min,
                            .sigma = 2,
                            .max = 720h,
                            .sizes = {{1, 68}, {2, 6}, {4, 8}, {8, 18}}};
    const std::uint64_t plain = measure(t, "Poisson, lognormal, 4 sizes", basic, 5);
    synthetic_options with_users = basic;
    for (int k = 1; k <= 1000; ++k)
        with_users.users.push_back({"user-" + std::to_string(k), "group-" + std::to_string(k % 10), 1.0 / k});
    t.expect(measure(t, "the same with 1000 users", with_users, 5) == plain, "users shift no other draw");
    synthetic_options estimates = basic;
    estimates.estimate = synthetic_options::factor{1, 5};
    measure(t, "the same with estimates", estimates, 5);
    synthetic_options profile = basic;
    for (int h = 0; h < 168; ++h) profile.profile.push_back(1 + h % 24);
    measure(t, "the same with an hourly profile", profile, 5);
    synthetic_options bursts = basic;
    bursts.batches = workload::batch_options{.share = 0.1, .mean = 10, .spacing = 5s};
    bursts.beat = 600s;
    measure(t, "the same with batches and a beat", bursts, 5);
    synthetic_options gamma = basic;
    gamma.cv = 3;
    measure(t, "the same with gamma arrivals, cv 3", gamma, 3);
    for (const auto& at : io::find_models("workloads")) {
        auto jobs = io::read_workload_model(at.file).synthetic;
        jobs.jobs = num_jobs;
        measure(t, "preset " + at.name, scenario::make_options(jobs, 42, 0), 3);
    }
    return t.exit_status();
}
