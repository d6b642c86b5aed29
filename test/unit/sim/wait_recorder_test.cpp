// Cases small enough to tell by hand why each job waits, one for each policy.
#include "support/catch.hpp"

#include <ampacity/policy/registry.hpp>
#include <ampacity/policy/wrappers.hpp>
#include <ampacity/sim/simulation.hpp>
#include <ampacity/sim/wait_recorder.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using fleet::fleet_state;
using workload::job_request;

namespace {

job_request job(std::int64_t submit, std::uint32_t gpus, std::int64_t work) {
    job_request r;
    r.submit = instant{duration{submit}};
    r.work = duration{work};
    r.gpus = r.gpus_min = r.gpus_max = gpus;
    return r;
}

using texts = std::vector<std::string>;

/// `JOB FROM-TO REASON [behind BLOCKER] [until INSTANT] free LEAST..MOST ahead N passes N`
std::string text(const sim::wait_stretch& w) {
    std::string out = std::to_string(w.job.name) + ' ' + std::to_string(ticks(w.from)) + '-' +
                      std::to_string(ticks(w.to)) + ' ' +
                      std::string{policy::obstacle_names[static_cast<std::size_t>(w.why.what)]};
    if (w.why.blocker != none<job_id>) out += " behind " + std::to_string(w.blocker.name);
    if (w.why.until != never) out += " until " + std::to_string(ticks(w.why.until));
    return out + " free " + std::to_string(w.least_free) + ".." + std::to_string(w.most_free) + " ahead " +
           std::to_string(w.why.ahead) + " passes " + std::to_string(w.passes);
}

/// Of all jobs, in the order in which the stretches end.
texts waits(fleet_state fleet, std::unique_ptr<policy::policy> decides, std::vector<job_request> jobs) {
    for (std::size_t i = 0; i != jobs.size(); ++i) jobs[i].name = static_cast<std::int64_t>(i);
    texts out;
    sim::wait_recorder recorder([](const sim::job_event&) { return true; },
                                [&out](const sim::wait_stretch& w) { out.push_back(text(w)); });
    sim::parts parts{.fleet = std::move(fleet),
                     .policy = policy::make_explain(std::move(decides), recorder),
                     .placer = policy::make_pack(),
                     .until = duration{1000},
                     .observers = {&recorder}};
    parts.sources.push_back(std::make_unique<workload::vector_source>(std::move(jobs)));
    sim::simulation s(std::move(parts));
    s.run();
    recorder.finish(start_of_time + s.results().simulated);
    return out;
}

texts waits(fleet_state fleet, const std::string& policy, std::vector<job_request> jobs) {
    policy::policy_options options;
    options.las_thresholds = {20};  // [GPU-ns]
    return waits(std::move(fleet), policy::make_policy(policy, options), std::move(jobs));
}

}  // namespace

TEST_CASE("fifo: the head has no place, those behind it stand behind it", "[wait_recorder]") {
    CHECK(waits(fleet_state::pool(4), "fifo", {job(0, 2, 10), job(1, 4, 5), job(2, 1, 3)}) ==
          texts{"2 2-10 order behind 1 free 2..2 ahead 1 passes 1", "1 1-10 gpus free 2..2 ahead 0 passes 2",
                "2 10-15 gpus free 0..0 ahead 0 passes 1"});
}

TEST_CASE("fifo-skip: each job had its turn", "[wait_recorder]") {
    // Job 2 overtakes job 1, which had two free GPUs before it in every pass.
    CHECK(waits(fleet_state::pool(4), "fifo-skip", {job(0, 2, 10), job(1, 4, 5), job(2, 1, 3)}) ==
          texts{"1 1-10 gpus free 2..2 ahead 0 passes 3"});
}

TEST_CASE("sjf: a shorter job comes before", "[wait_recorder]") {
    CHECK(waits(fleet_state::pool(4), "sjf", {job(0, 4, 10), job(1, 3, 7), job(2, 2, 3)}) ==
          texts{"1 1-2 gpus free 0..0 ahead 0 passes 1", "1 2-10 order behind 2 free 0..0 ahead 1 passes 1",
                "2 2-10 gpus free 0..0 ahead 0 passes 1", "1 10-13 gpus free 2..2 ahead 0 passes 1"});
}

TEST_CASE("srtf: a running job that loses its GPUs waits too", "[wait_recorder]") {
    CHECK(waits(fleet_state::pool(4), "srtf", {job(0, 3, 10), job(1, 2, 20), job(2, 1, 30), job(3, 4, 2)}) ==
          texts{"1 1-3 gpus free 1..1 ahead 0 passes 2", "2 2-3 order behind 1 free 1..1 ahead 1 passes 1",
                "1 3-5 order behind 0 free 0..0 ahead 1 passes 1", "2 3-5 order behind 0 free 0..0 ahead 2 passes 1",
                "0 3-5 gpus free 0..0 ahead 0 passes 1", "1 5-12 gpus free 1..1 ahead 0 passes 1",
                "2 5-12 order behind 1 free 1..1 ahead 1 passes 1"});
}

TEST_CASE("las: a job falls behind when it has had its service", "[wait_recorder]") {
    CHECK(waits(fleet_state::pool(4), "las", {job(0, 4, 100), job(1, 4, 3)}) ==
          texts{"1 1-5 gpus free 0..0 ahead 0 passes 1", "0 5-8 gpus free 0..0 ahead 0 passes 1"});
}

TEST_CASE("easy: a job that would delay the head waits, and the head knows until when", "[wait_recorder]") {
    // Job 3 starts at once, since it ends before job 1 is to start; it came behind job 2, which had both GPUs.
    CHECK(waits(fleet_state::pool(4), "easy", {job(0, 2, 10), job(1, 4, 5), job(2, 1, 20), job(3, 2, 6)}) ==
          texts{"2 2-10 reservation behind 1 until 10 free 2..2 ahead 1 passes 3",
                "1 1-10 gpus until 10 free 2..2 ahead 0 passes 4", "2 10-15 gpus until 15 free 0..0 ahead 0 passes 1"});
}

TEST_CASE("conservative: a job that would delay any before it waits", "[wait_recorder]") {
    CHECK(waits(fleet_state::pool(4), "conservative", {job(0, 2, 10), job(1, 4, 5), job(2, 1, 20), job(3, 2, 6)}) ==
          texts{"2 2-10 reservation behind 1 until 10 free 2..2 ahead 1 passes 3",
                "1 1-10 gpus free 2..2 ahead 0 passes 4", "2 10-15 gpus free 0..0 ahead 0 passes 1"});
    // Job 1 is to start at 10, job 2 at 15. Job 3 would run into job 1; job 4 would leave room for job 1, not for
    // job 2.
    CHECK(waits(fleet_state::pool(6), "conservative",
                {job(0, 4, 10), job(1, 5, 5), job(2, 6, 5), job(3, 2, 9), job(4, 1, 12)}) ==
          texts{"3 3-10 reservation behind 1 until 10 free 2..2 ahead 2 passes 2",
                "1 1-10 gpus free 2..2 ahead 0 passes 4",
                "4 4-15 reservation behind 2 until 15 free 1..2 ahead 3 passes 2",
                "2 2-15 gpus free 1..2 ahead 1 passes 4", "3 10-20 gpus free 0..1 ahead 1 passes 2",
                "4 15-20 gpus free 0..0 ahead 1 passes 1"});
}

TEST_CASE("enough GPUs are no place", "[wait_recorder]") {
    for (const std::string policy : {"fifo", "fifo-skip", "sjf", "srtf", "las", "conservative"}) {
        CAPTURE(policy);
        CHECK(waits(fleet_state::flat_nodes(2, 4), policy, {job(0, 3, 5), job(0, 3, 6), job(1, 2, 6)}) ==
              texts{"2 1-5 placement free 2..2 ahead 0 passes 1"});
    }
    CHECK(waits(fleet_state::flat_nodes(2, 4), "easy", {job(0, 3, 5), job(0, 3, 6), job(1, 2, 6)}) ==
          texts{"2 1-5 placement until 5 free 2..2 ahead 0 passes 1"});
}

TEST_CASE("round: jobs wait for the next one, and for what kept them at the last", "[wait_recorder]") {
    policy::policy_options options;
    options.round_every = duration{10};
    const std::vector<job_request> jobs{job(1, 4, 25), job(2, 4, 5), job(23, 1, 1)};
    const texts expected{
        "1 2-10 round until 10 free 4..4 ahead 1 passes 1",  "0 1-10 round until 10 free 4..4 ahead 0 passes 2",
        "2 23-30 round until 30 free 0..0 ahead 1 passes 1", "2 30-40 order behind 1 free 0..0 ahead 1 passes 1",
        "1 10-40 gpus free 0..0 ahead 0 passes 2",           "2 40-50 gpus free 0..0 ahead 0 passes 1"};
    CHECK(waits(fleet_state::pool(4), policy::make_policy("round", options), jobs) == expected);
}

TEST_CASE("of a policy that says nothing only what shows outside is told", "[wait_recorder]") {
    /// Starts nothing before 10, and then as many as fit.
    class late final : public policy::policy {
        void decide(const view& v, plan& p) override {
            if (v.now < instant{duration{10}}) return p.wake_at(instant{duration{10}});
            for (std::uint32_t i = 0; i != v.jobs.size(); ++i) {
                if (v.jobs[i].state == job_state::queued) p.start(job_id{i});
            }
        }
    };
    CHECK(waits(fleet_state::pool(4), std::make_unique<late>(), {job(0, 3, 5), job(1, 5, 1), job(2, 2, 1)}) ==
          texts{"2 2-10 unknown free 4..4 ahead 1 passes 1", "0 0-10 unknown free 4..4 ahead 0 passes 2",
                "2 10-15 gpus free 1..1 ahead 0 passes 1"});
}

TEST_CASE("what still waits at the end has waited until then", "[wait_recorder]") {
    CHECK(waits(fleet_state::pool(1), "fifo", {job(0, 1, 5000), job(990, 1, 1)}) ==
          texts{"1 990-1000 gpus free 0..0 ahead 0 passes 1"});
}

TEST_CASE("only jobs that are asked for are followed", "[wait_recorder]") {
    std::size_t told = 0;
    sim::wait_recorder recorder([](const sim::job_event& e) { return e.gpus == 2; },
                                [&told](const sim::wait_stretch& w) {
                                    CHECK(w.gpus == 2);
                                    ++told;
                                });
    sim::parts parts{.fleet = fleet_state::pool(2),
                     .policy = policy::make_explain(policy::make_policy("fifo", {}), recorder),
                     .placer = policy::make_pack(),
                     .observers = {&recorder}};
    parts.sources.push_back(std::make_unique<workload::vector_source>(
        std::vector<job_request>{job(0, 1, 9), job(1, 2, 3), job(2, 1, 1), job(3, 2, 1), job(4, 1, 1)}));
    sim::simulation s(std::move(parts));
    s.run();
    CHECK(told == 4);  // job 1 for GPUs; job 3 behind job 1, behind job 2, then for GPUs
}
