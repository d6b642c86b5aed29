// Jobs that wait for a signal, in cases small enough to tell by hand.
#include "support/catch.hpp"

#include <ampacity/policy/registry.hpp>
#include <ampacity/policy/wrappers.hpp>
#include <ampacity/sim/simulation.hpp>
#include <ampacity/sim/wait_recorder.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using policy::signal_kind;
using policy::signal_options;
using workload::job_request;

namespace {

job_request job(std::int64_t submit, std::uint32_t gpus, std::int64_t work, std::int32_t priority = 0) {
    job_request r;
    r.submit = instant{duration{submit}};
    r.work = duration{work};
    r.gpus = r.gpus_min = r.gpus_max = gpus;
    r.priority = priority;
    return r;
}

std::shared_ptr<const exact_series> steps(std::vector<std::int64_t> values, std::int64_t each,
                                          outside beyond = outside::repeated) {
    std::vector<instant> begins;
    for (std::size_t i = 0; i != values.size(); ++i)
        begins.push_back(start_of_time + duration{static_cast<std::int64_t>(i) * each});
    const instant end = begins.back() + duration{each};
    return std::make_shared<exact_series>(std::move(begins), std::move(values), end, beyond);
}

struct schedule {
    std::vector<std::int64_t> starts;
    std::vector<std::string> waits;  ///< `JOB FROM-TO REASON UNTIL`
};

schedule run(std::unique_ptr<policy::policy> decides, std::vector<job_request> jobs, policy::known_signals signals,
             std::uint64_t gpus = 4) {
    for (std::size_t i = 0; i != jobs.size(); ++i) jobs[i].name = static_cast<std::int64_t>(i);
    schedule out;
    sim::wait_recorder recorder(
        [](const sim::job_event&) { return true; },
        [&out](const sim::wait_stretch& w) {
            out.waits.push_back(std::to_string(w.job.name) + ' ' + std::to_string(ticks(w.from)) + '-' +
                                std::to_string(ticks(w.to)) + ' ' +
                                std::string{policy::obstacle_names[static_cast<std::size_t>(w.why.what)]} + ' ' +
                                std::to_string(ticks(w.why.until)));
        });
    sim::parts parts{.fleet = fleet::fleet_state::pool(gpus),
                     .policy = policy::make_explain(std::move(decides), recorder),
                     .placer = policy::make_pack(),
                     .observers = {&recorder},
                     .signals = std::move(signals)};
    parts.sources.push_back(std::make_unique<workload::vector_source>(std::move(jobs)));
    sim::simulation s(std::move(parts));
    s.run();
    for (const sim::job_record& r : s.records(0)) out.starts.push_back(ticks(r.first_start));
    return out;
}

std::unique_ptr<policy::policy> waiting(const std::string& base, std::int64_t max_delay,
                                        std::optional<std::int32_t> below = {}, signal_kind of = signal_kind::carbon) {
    return policy::make_signal_aware(policy::make_policy(base, {}),
                                     {.of = of, .max_delay = duration{max_delay}, .below_priority = below});
}

using starts = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("on a square wave a job waits for the low half, as far as its delay reaches", "[signal-aware]") {
    // High in 0-10, low in 10-20, again and again.
    const policy::known_signals wave{.carbon = steps({9, 1}, 10), .marginal = nullptr, .price = nullptr};
    // Of length 4: at 3 it waits for 10, at 12 it goes at once, at 18 (2 of 4 low) it waits for 30.
    CHECK(run(waiting("fifo", 12), {job(3, 1, 4), job(12, 1, 4), job(18, 1, 4)}, wave).starts == starts{10, 12, 30});
    // The delay ends before the low half begins: as late as allowed, so that most of it is low.
    CHECK(run(waiting("fifo", 5), {job(3, 1, 4)}, wave).starts == starts{8});
    // It ends before any of it would be low: at once.
    CHECK(run(waiting("fifo", 2), {job(3, 1, 4)}, wave).starts == starts{3});
    CHECK(run(waiting("fifo", 0), {job(3, 1, 4)}, wave).starts == starts{3});
    // Longer than the low half, 14: all starts from 6 to 10 of it hold the whole of it, the first is the best.
    CHECK(run(waiting("fifo", 20), {job(3, 1, 14)}, wave).starts == starts{6});
    // A whole period costs the same at any time.
    CHECK(run(waiting("fifo", 20), {job(3, 1, 20)}, wave).starts == starts{3});
    CHECK(run(waiting("fifo", 20), {job(3, 1, 0)}, wave).starts == starts{3});
    // The estimate counts, not the truth.
    job_request wrong = job(3, 1, 4);
    wrong.estimate = duration{20};
    CHECK(run(waiting("fifo", 20), {wrong}, wave).starts == starts{3});
}

TEST_CASE("jobs of a priority that is high enough do not wait", "[signal-aware]") {
    const policy::known_signals wave{.carbon = nullptr, .marginal = steps({9, 1}, 10), .price = steps({1, 9}, 10)};
    const std::vector<job_request> jobs{job(3, 1, 4, 0), job(3, 1, 4, 1), job(3, 1, 4, -1)};
    CHECK(run(waiting("fifo", 12, 1, signal_kind::marginal), jobs, wave).starts == starts{10, 3, 10});
    CHECK(run(waiting("fifo", 12, 0, signal_kind::marginal), jobs, wave).starts == starts{3, 3, 10});
    CHECK(run(waiting("fifo", 12, {}, signal_kind::price), jobs, wave).starts == starts{3, 3, 3});
    // Without that signal nobody waits.
    CHECK(run(waiting("fifo", 12), jobs, wave).starts == starts{3, 3, 3});
}

TEST_CASE("jobs that are let go take the place of their submit, and are told why they waited", "[signal-aware]") {
    const policy::known_signals wave{.carbon = steps({9, 1}, 10), .marginal = nullptr, .price = nullptr};
    // Job 1 needs all GPUs and does not wait for the signal, but for job 0; job 2 is let go at 10 and stands before job
    // 3, which arrived at 9.
    const std::vector<job_request> jobs{job(0, 4, 10, 5), job(3, 4, 4, 0), job(9, 4, 2, 5)};
    const schedule s = run(waiting("fifo", 12, 1), jobs, wave);
    CHECK(s.starts == starts{0, 10, 14});
    CHECK(std::find(s.waits.begin(), s.waits.end(), "1 3-10 signal 10") != s.waits.end());
    // The same in front of a queue that was planned without it.
    for (const char* const base : {"fifo-skip", "easy", "conservative", "drf", "sjf"})
        CHECK(run(waiting(base, 12, 1), jobs, wave).starts[1] >= 10);
}

TEST_CASE("beyond what is known nobody waits", "[signal-aware]") {
    const policy::known_signals known{
        .carbon = steps({9, 1, 5}, 10, outside::unknown), .marginal = nullptr, .price = nullptr};
    // From 22 on a run of 10 is not known.
    CHECK(run(waiting("fifo", 100), {job(3, 1, 4), job(22, 1, 10), job(40, 1, 4)}, known).starts == starts{10, 22, 40});
    // Of the starts that are known the best: 16 is the last, and best is 10.
    CHECK(run(waiting("fifo", 100), {job(3, 1, 14)}, known).starts == starts{10});
}

TEST_CASE("a policy round another one passes its wishes to be woken on", "[signal-aware]") {
    const policy::known_signals wave{.carbon = steps({9, 1}, 10), .marginal = nullptr, .price = nullptr};
    // Least attained service wakes itself when a job falls to the next bucket.
    policy::policy_options options;
    options.las_thresholds = {5};
    const auto las = [&] { return policy::make_policy("las", options); };
    const std::vector<job_request> jobs{job(0, 4, 12, 5), job(1, 4, 12, 5)};
    const auto alone = run(las(), jobs, {});
    const auto wrapped =
        run(policy::make_signal_aware(las(), {.max_delay = duration{30}, .below_priority = 1}), jobs, wave);
    CHECK(alone.starts == wrapped.starts);
    std::vector<job_request> more = jobs;
    more.push_back(job(2, 4, 3, 0));
    const auto third =
        run(policy::make_signal_aware(las(), {.max_delay = duration{30}, .below_priority = 1}), more, wave);
    CHECK(third.starts == starts{0, alone.starts[1], 10});
}
