// Rounds told by hand: when the inner policy decides, when it is told, when it is woken; and what a listener sees.
#include "support/catch.hpp"

#include <ampacity/policy/registry.hpp>
#include <ampacity/policy/wrappers.hpp>
#include <ampacity/sim/simulation.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using workload::job_request;

namespace {

job_request job(std::int64_t submit, std::uint32_t gpus, std::int64_t work) {
    job_request r;
    r.submit = instant{duration{submit}};
    r.work = duration{work};
    r.gpus = r.gpus_min = r.gpus_max = gpus;
    return r;
}

/// Writes down what it is told, and starts what is queued in row order unless a script says otherwise.
class diary final : public policy::policy {
public:
    explicit diary(std::string& out) : out_(out) {}
    std::function<void(const view&, plan&)> script{};

    void decide(const view& v, plan& p) override {
        note(v, "decide");
        if (script) return script(v, p);
        for (std::uint32_t i = 0; i != v.jobs.size(); ++i) {
            if (v.jobs[i].state == job_state::queued) p.start(job_id{i});
        }
    }
    void on_submit(const view& v, job_id) override { note(v, "submit"); }
    void on_start(const view& v, job_id) override { note(v, "start"); }
    void on_finish(const view& v, job_id) override { note(v, "finish"); }
    void on_preempt(const view& v, job_id) override { note(v, "preempt"); }
    void on_tick(const view& v) override { note(v, "tick"); }

private:
    void note(const view& v, const std::string& what) { out_ += std::to_string(ticks(v.now)) + ' ' + what + '\n'; }
    std::string& out_;
};

duration run(std::unique_ptr<policy::policy> decides, std::vector<job_request> jobs) {
    sim::parts parts{.fleet = fleet::fleet_state::pool(4), .policy = std::move(decides), .placer = policy::make_pack()};
    parts.sources.push_back(std::make_unique<workload::vector_source>(std::move(jobs)));
    sim::simulation s(std::move(parts));
    s.run();
    return s.results().simulated;
}

}  // namespace

TEST_CASE("notifications come at once, decisions at rounds", "[round]") {
    std::string told;
    const duration end = run(policy::make_round(std::make_unique<diary>(told), duration{10}),
                             {job(0, 4, 3), job(1, 1, 12), job(2, 1, 8), job(100, 1, 10), job(105, 1, 1)});
    CHECK(told ==
          "0 submit\n0 decide\n0 start\n"
          "1 submit\n2 submit\n3 finish\n"
          "10 decide\n10 start\n10 start\n"
          "18 finish\n"
          "20 decide\n"  // for the end at 18
          "22 finish\n"  // the last job there is: no round at 30
          "100 submit\n100 decide\n100 start\n"
          "105 submit\n"
          "110 finish\n110 decide\n110 start\n"
          "111 finish\n");
    CHECK(end == duration{111});
}

TEST_CASE("a job without length keeps its round open", "[round]") {
    std::string told;
    run(policy::make_round(std::make_unique<diary>(told), duration{10}), {job(3, 4, 0), job(4, 4, 0)});
    CHECK(told ==
          "3 submit\n4 submit\n"
          "10 decide\n10 start\n"
          "10 finish\n10 decide\n10 start\n"
          "10 finish\n10 decide\n");
}

TEST_CASE("a wish to be woken waits for its round", "[round]") {
    std::string told;
    auto inner = std::make_unique<diary>(told);
    inner->script = [](const policy::policy::view& v, policy::policy::plan& p) {
        const auto at = [](std::int64_t ns) { return instant{duration{ns}}; };
        if (v.now == at(0)) p.wake_at(at(13));   // granted at 20
        if (v.now == at(20)) p.wake_at(at(40));  // at 40 itself
        if (v.now == at(40)) p.wake_at(at(1000));
        if (v.now != at(50)) return;
        p.wake_at(never);  // taken back
        p.start(job_id{0});
        p.start(job_id{1});
    };
    const duration end = run(policy::make_round(std::move(inner), duration{10}), {job(0, 1, 7), job(45, 1, 1)});
    CHECK(told ==
          "0 submit\n0 decide\n"
          "20 tick\n20 decide\n"
          "40 tick\n40 decide\n"
          "45 submit\n50 decide\n50 start\n50 start\n"
          "51 finish\n57 finish\n");
    CHECK(end == duration{57});
}

TEST_CASE("rounds go on for jobs that are rejected, until the last has left", "[round]") {
    std::string told;
    auto inner = std::make_unique<diary>(told);
    inner->script = [](const policy::policy::view& v, policy::policy::plan& p) {
        if (v.jobs[0].state == policy::job_state::queued) p.reject(job_id{0});
        p.wake_at(v.now + duration{1});
    };
    CHECK(run(policy::make_round(std::move(inner), duration{10}), {job(3, 1, 7)}) == duration{10});
    CHECK(told == "3 submit\n10 decide\n");
}

TEST_CASE("las in rounds falls to the next bucket at the round after the crossing", "[round]") {
    policy::policy_options options{.las_thresholds = {20}};
    const auto finish = [&](duration every) {
        sim::parts parts{.fleet = fleet::fleet_state::pool(4),
                         .policy = policy::make_round(policy::make_policy("las", options), every),
                         .placer = policy::make_pack()};
        parts.sources.push_back(
            std::make_unique<workload::vector_source>(std::vector<job_request>{job(0, 4, 100), job(1, 4, 3)}));
        sim::simulation s(std::move(parts));
        s.run();
        s.results();
        return s.records(0)[1].finish;
    };
    CHECK(finish(duration{1}) == instant{duration{8}});  // the crossing is at 5
    CHECK(finish(duration{5}) == instant{duration{8}});
    CHECK(finish(duration{6}) == instant{duration{9}});
    CHECK(finish(duration{50}) == instant{duration{53}});
}

TEST_CASE("a listener hears of each pass after its decisions", "[explain]") {
    struct ear final : policy::pass_listener {
        void on_pass(const policy::policy::view& v, const policy::policy::plan& p, const policy::policy&) override {
            out += std::to_string(ticks(v.now)) + ": " + std::to_string(p.actions().size()) + " free " +
                   std::to_string(v.capacity.free.free_gpus()) + '\n';
        }
        std::string out;
    } heard;
    std::string told;
    run(policy::make_explain(std::make_unique<diary>(told), heard), {job(0, 3, 5), job(1, 2, 4)});
    CHECK(heard.out == "0: 1 free 1\n1: 0 free 1\n5: 1 free 2\n9: 0 free 4\n");
    CHECK(told == "0 submit\n0 decide\n0 start\n1 submit\n1 decide\n5 finish\n5 decide\n5 start\n9 finish\n9 decide\n");
}
