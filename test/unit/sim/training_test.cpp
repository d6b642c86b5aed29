// Training jobs in a run: checkpoints, a shared store and failures against a walk in steps of 1 ns; shares of domains
// and of the network by hand.
#include "support/catch.hpp"
#include "support/powered_run.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace ampacity::test;
using execution::training_terms;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr double per_ns = 1e9;  // bytes per ns, as a rate per second

duration ns(std::uint64_t n) { return duration{static_cast<std::int64_t>(n)}; }

/// What a run made of a job.
struct fate {
    std::int64_t finish = 0, useful = 0, lost = 0, checkpoint = 0, restart = 0;
    std::uint64_t restarts = 0, preemptions = 0, checkpoints = 0;

    friend bool operator==(const fate&, const fate&) = default;
    friend std::ostream& operator<<(std::ostream& out, const fate& f) {
        return out << "finish " << f.finish << " useful " << f.useful << " lost " << f.lost << " checkpoint "
                   << f.checkpoint << " restart " << f.restart << " restarts " << f.restarts << " preemptions "
                   << f.preemptions << " checkpoints " << f.checkpoints;
    }
};

/// Jobs of one node each, on enough nodes.
struct world {
    std::uint32_t nodes = 0;
    double store = 0;  ///< [B/ns]; 0: none
    std::vector<training_terms> jobs;
    std::vector<sim::outage> outages;
    struct wish {
        std::int64_t at = 0;
        std::size_t job = 0;
    };
    std::vector<wish> wishes{};  ///< rising: when a job is asked to leave at its next checkpoint
};

/// In order of arrival; asks jobs to leave.
class asking final : public policy::policy {
public:
    explicit asking(std::vector<world::wish> wishes) : wishes_(std::move(wishes)) {}

    void on_submit(const view& v, job_id job) override { queue_.insert({v[job].order, job}); }
    void on_fail(const view&, job_id) override {}
    void decide(const view& v, plan& p) override {
        const auto at = [](const world::wish& w) { return start_of_time + duration{w.at}; };
        for (; next_ != wishes_.size() && at(wishes_[next_]) <= v.now; ++next_) {
            const job_id job{static_cast<std::uint32_t>(wishes_[next_].job)};
            if (v[job].state == job_state::running && p.vacate(job)) queue_.insert({v[job].order, job});
        }
        while (!queue_.empty() && p.start(queue_.begin()->second)) queue_.erase(queue_.begin());
        if (next_ != wishes_.size()) p.wake_at(at(wishes_[next_]));
    }

private:
    std::vector<world::wish> wishes_;
    std::size_t next_ = 0;
    std::set<std::pair<std::uint64_t, job_id>> queue_;
};

sim::parts parts_of(const world& w, std::uint32_t gpus_per_node = 4) {
    sim::parts p{.fleet = fleet::fleet_state::flat_nodes(w.nodes, gpus_per_node),
                 .policy = w.wishes.empty() ? policy::make_policy("fifo", {}) : std::make_unique<asking>(w.wishes),
                 .placer = policy::make_placer("first-fit"),
                 .outages = w.outages,
                 .trainings = w.jobs};
    if (w.store != 0) p.store_b_s = w.store * per_ns;
    std::vector<workload::job_request> requests;
    for (std::size_t i = 0; i != w.jobs.size(); ++i) {
        requests.push_back(gpu_job(gpus_per_node, execution::work_of(w.jobs[i])));
        requests.back().training = static_cast<std::uint16_t>(i + 1);
    }
    p.sources.push_back(std::make_unique<workload::vector_source>(std::move(requests)));
    return p;
}

std::vector<fate> simulated(const world& w) {
    sim::simulation s{parts_of(w)};
    s.run();
    const sim::summary& all = s.results();
    std::vector<fate> out;
    for (std::size_t i = 0; i != w.jobs.size(); ++i) {
        const sim::job_record& r = s.records(0)[i];
        const sim::training_result& t = all.trainings[i];
        const auto whole = [](double s_) { return static_cast<std::int64_t>(std::llround(s_ * 1e9)); };
        out.push_back({.finish = ticks(r.finish - start_of_time),
                       .useful = ticks(r.useful),
                       .lost = ticks(r.lost),
                       .checkpoint = whole(t.checkpoint_s),
                       .restart = whole(t.restart_s),
                       .restarts = r.restarts,
                       .preemptions = r.preemptions,
                       .checkpoints = t.checkpoints.value_or(0)});
    }
    return out;
}

/// The same, one nanosecond after the other.
class walk {
public:
    explicit walk(const world& w) : w_(w), up_(w.nodes, true) {
        for (const training_terms& t : w.jobs) jobs_.push_back({.terms = &t});
    }
    std::vector<fate> run() {
        for (; std::any_of(jobs_.begin(), jobs_.end(), [](const job& j) { return !j.done; }); ++t_) {
            REQUIRE(t_ < 1'000'000);
            complete();
            fail();
            ask();
            start();
            pass();
        }
        std::vector<fate> out;
        for (const job& j : jobs_) out.push_back(j.what);
        return out;
    }

private:
    enum class mode { queued, restarting, working, waiting, blocking, writing };
    struct job {
        const training_terms* terms = nullptr;
        mode now = mode::queued;
        bool done = false;
        std::uint32_t node = 0;
        std::int64_t progress = 0, safe = 0, snapshot = 0;  // work: done, kept, being written
        std::int64_t since = 0;                             // worked since the last pause
        std::int64_t left = 0;                              // of a restart or a blocking pause
        bool in_flight = false;
        bool asked = false, saved = false;  // to leave; a checkpoint is complete at this instant
        double bytes = 0;                   // of the write
        fate what{};
    };
    [[nodiscard]] static bool writes(const job& j) { return j.in_flight || j.now == mode::writing; }

    void block(job& j) {
        j.now = mode::blocking;
        j.left = ticks(j.terms->checkpoint.blocking);
        if (j.left == 0) write(j);
    }
    void write(job& j) {
        j.snapshot = j.progress;
        j.since = 0;
        if (j.terms->checkpoint.bytes == 0) return keep(j);
        j.bytes = j.terms->checkpoint.bytes;
        j.now = j.terms->checkpoint.asynchronous ? mode::working : mode::writing;
        j.in_flight = j.terms->checkpoint.asynchronous;
    }
    void keep(job& j) {
        j.safe = j.snapshot;
        ++j.what.checkpoints;
        j.saved = true;
        j.in_flight = false;
        if (j.now == mode::waiting) return block(j);
        j.now = mode::working;
    }

    void complete() {
        for (job& j : jobs_) {
            if (j.done || j.now == mode::queued) continue;
            j.saved = false;
            const std::int64_t work = ticks(execution::work_of(*j.terms));
            if (j.now == mode::working && j.progress == work) {
                j.done = true;
                j.in_flight = false;
                j.what.finish = t_;
                j.what.useful = work;
                continue;
            }
            if (j.now == mode::restarting && j.left == 0) j.now = mode::working;
            if (writes(j) && j.bytes < 1e-6) keep(j);
            if (j.now == mode::blocking && j.left == 0) write(j);
            const auto& interval = j.terms->checkpoint.interval;
            if (j.now == mode::working && interval && j.since == ticks(*interval)) {
                if (j.in_flight)
                    j.now = mode::waiting;
                else
                    block(j);
            }
            if (j.asked && j.saved) preempt(j);
        }
    }
    void preempt(job& j) {
        ++j.what.preemptions;
        // Without an interval all is kept.
        if (!j.terms->checkpoint.interval) j.safe = j.progress;
        j.what.lost += j.progress - j.safe;
        j.progress = j.safe;
        j.now = mode::queued;
        j.in_flight = j.asked = false;
    }
    void ask() {
        for (const world::wish& wish : w_.wishes) {
            if (wish.at != t_) continue;
            job& j = jobs_[wish.job];
            if (j.done || j.now == mode::queued) continue;
            j.asked = true;
            if (!j.terms->checkpoint.interval || j.progress == j.safe) preempt(j);
        }
    }
    void fail() {
        for (const sim::outage& o : w_.outages) {
            const std::size_t node = index(o.nodes.front());
            if (ticks(o.end - start_of_time) == t_) up_[node] = true;
        }
        for (const sim::outage& o : w_.outages) {
            const std::size_t node = index(o.nodes.front());
            if (ticks(o.start - start_of_time) != t_) continue;
            up_[node] = false;
            for (job& j : jobs_) {
                if (j.done || j.now == mode::queued || j.node != node) continue;
                ++j.what.restarts;
                j.what.lost += j.progress - j.safe;
                j.progress = j.safe;
                j.now = mode::queued;
                j.in_flight = j.asked = false;
            }
        }
    }
    void start() {
        for (job& j : jobs_) {
            if (j.done || j.now != mode::queued) continue;
            for (std::uint32_t n = 0; n != w_.nodes; ++n) {
                const bool taken = std::any_of(jobs_.begin(), jobs_.end(), [n](const job& k) {
                    return !k.done && k.now != mode::queued && k.node == n;
                });
                if (taken || !up_[n]) continue;
                j.node = n;
                j.now = mode::restarting;
                j.left = j.what.restarts + j.what.preemptions == 0 ? 0 : ticks(j.terms->restart);
                if (j.left == 0) j.now = mode::working;
                j.since = 0;
                break;
            }
            if (j.now == mode::queued) return;
        }
    }
    void pass() {
        std::vector<job*> writers;
        for (job& j : jobs_) {
            if (!j.done && j.now != mode::queued && writes(j)) writers.push_back(&j);
        }
        std::sort(writers.begin(), writers.end(), [](const job* a, const job* b) {
            return a->terms->checkpoint.most_b_s < b->terms->checkpoint.most_b_s;
        });
        double left = w_.store;
        for (std::size_t i = 0; i != writers.size(); ++i) {
            const double rate = std::min(writers[i]->terms->checkpoint.most_b_s / per_ns,
                                         left / static_cast<double>(writers.size() - i));
            left -= rate;
            writers[i]->bytes -= rate;
        }
        for (job& j : jobs_) {
            if (j.done) continue;
            switch (j.now) {
                case mode::queued: break;
                case mode::restarting:
                    ++j.what.restart;
                    --j.left;
                    break;
                case mode::working:
                    ++j.progress;
                    ++j.since;
                    break;
                case mode::waiting:
                case mode::writing: ++j.what.checkpoint; break;
                case mode::blocking:
                    ++j.what.checkpoint;
                    --j.left;
                    break;
            }
        }
    }

    const world& w_;
    std::vector<bool> up_;
    std::vector<job> jobs_;
    std::int64_t t_ = 0;
};

world random_world(std::uint64_t seed) {
    random_stream draw{seed, purpose::test, 1};
    world w{.nodes = 12, .store = static_cast<double>(4 + draw.below(12)), .jobs = {}, .outages = {}};
    for (std::uint64_t i = 1 + draw.below(4); i != 0; --i) {
        training_terms t{.name = "j" + std::to_string(i), .steps = 1 + draw.below(60), .step = ns(1 + draw.below(20))};
        if (draw.below(3) == 0) {
            t.evaluation_every = 1 + draw.below(9);
            t.evaluation = ns(draw.below(30));
        }
        if (draw.below(8) != 0) {
            t.checkpoint = {.interval = ns(1 + draw.below(90)),
                            .blocking = ns(draw.below(3) == 0 ? 0 : draw.below(12)),
                            // No multiple of any share, so that no end falls on a whole ns.
                            .bytes = draw.below(4) == 0 ? 0.0 : static_cast<double>(1 + draw.below(400)) + 0.37,
                            .most_b_s = static_cast<double>(1 + draw.below(12)) * per_ns,
                            .asynchronous = draw.below(2) == 0};
        }
        t.restart = ns(draw.below(40));
        w.jobs.push_back(std::move(t));
    }
    std::vector<std::uint64_t> free_from(w.nodes, 1);
    for (std::uint64_t i = draw.below(10); i != 0; --i) {
        const std::uint64_t node = draw.below(5);
        const std::uint64_t start = free_from[node] + draw.below(500);
        const std::uint64_t end = start + 1 + draw.below(300);
        w.outages.push_back({.start = start_of_time + ns(start),
                             .end = start_of_time + ns(end),
                             .nodes = {node_id{static_cast<std::uint32_t>(node)}}});
        free_from[node] = end + 1;
    }
    return w;
}

/// Racks of 2 nodes with 4 GPUs, 2 racks in a block.
fleet::fleet_state blocks(std::uint32_t count) {
    fleet::topology where;
    where.add({.count = 2 * count, .nodes = 2, .racks_per_block = 2});
    return fleet::fleet_state::racks(std::move(where), 4);
}

}  // namespace

TEST_CASE("training jobs that write checkpoints and fail are as a walk by nanoseconds has them") {
    for (std::uint64_t seed = 0; seed != 1500; ++seed) {
        const world w = random_world(seed);
        const std::vector<fate> want = walk{w}.run();
        const std::vector<fate> got = simulated(w);
        CAPTURE(seed);
        REQUIRE(got == want);
    }
}

TEST_CASE("training jobs that are asked to leave do so at their next checkpoint as a walk by nanoseconds has them") {
    std::uint64_t preemptions = 0, lost = 0;
    for (std::uint64_t seed = 0; seed != 1500; ++seed) {
        world w = random_world(seed);
        random_stream draw{seed, purpose::test, 3};
        if (seed % 2 == 0) w.outages.clear();
        std::int64_t at = 0;
        for (std::uint64_t i = 1 + draw.below(12); i != 0; --i) {
            at += 1 + static_cast<std::int64_t>(draw.below(150));
            w.wishes.push_back({.at = at, .job = draw.below(w.jobs.size())});
        }
        const std::vector<fate> want = walk{w}.run();
        const std::vector<fate> got = simulated(w);
        CAPTURE(seed);
        REQUIRE(got == want);
        for (std::size_t i = 0; i != got.size(); ++i) {
            preemptions += got[i].preemptions;
            if (!w.outages.empty()) continue;
            if (!w.jobs[i].checkpoint.asynchronous) REQUIRE(got[i].lost == 0);
            lost += static_cast<std::uint64_t>(got[i].lost);
        }
    }
    CHECK(preemptions > 3000);
    CHECK(lost > 0);
}

TEST_CASE("an asynchronous checkpoint protects its snapshot once it is written, by hand") {
    // Works 100 ns, writes for 50 ns beside the work; fails at 140: all is lost, at 160: what came behind 100 is.
    for (const auto& [fails, kept] : {std::pair{140, 0}, std::pair{160, 100}}) {
        world w{.nodes = 2,
                .store = 10,
                .jobs = {{.name = "a",
                          .steps = 300,
                          .step = ns(1),
                          .checkpoint = {.interval = ns(100), .bytes = 500, .most_b_s = 1e18, .asynchronous = true}}},
                .outages = {{.start = start_of_time + ns(static_cast<std::uint64_t>(fails)),
                             .end = start_of_time + ns(100'000),
                             .nodes = {node_id{0}}}}};
        const fate f = simulated(w).front();
        CHECK(f.lost == fails - kept);
        CHECK(f.finish == fails + 300 - kept);
        CHECK(f.checkpoint == 0);
    }
}

TEST_CASE("two jobs on a 2 to 1 link take 1.8 s a step while both run and 1.4 s when one is alone") {
    for (const bool interleave : {false, true}) {
        // Each holds a block and half of the one in the middle, whose uplink carries just what one of them sends.
        training_terms t{.steps = 100, .step = milliseconds{1400}, .by_share = {{}, {1.4, 0.4}}, .crossing_gpus = 8};
        training_terms longer = t;
        longer.steps = 300;
        sim::parts p{
            .fleet = blocks(3),
            .policy = policy::make_policy("fifo", {}),
            .placer = policy::make_placer("first-fit"),
            .trainings = {t, longer},
            .fabric = sim::fabric_options{.part = scope::block, .oversubscription = 2, .interleave = interleave}};
        std::vector<workload::job_request> jobs;
        for (std::uint16_t row = 1; row != 3; ++row) {
            jobs.push_back(gpu_job(24, execution::work_of(row == 1 ? t : longer)));
            jobs.back().training = row;
        }
        p.sources.push_back(std::make_unique<workload::vector_source>(std::move(jobs)));
        sim::simulation s{std::move(p)};
        s.run();
        const sim::summary& all = s.results();
        REQUIRE(all.trainings.size() == 2);
        const double both = interleave ? 1.4 : 1.8;
        CHECK(all.trainings[0].elapsed_s == Approx(100 * both));
        CHECK(all.trainings[1].elapsed_s == Approx(100 * both + 200 * 1.4));
        CHECK(all.trainings[0].step_s->mean == Approx(both));
        CHECK(all.trainings[1].step_s->p50 == Approx(1.4));
        CHECK(all.trainings[1].step_s->max == Approx(both));
        CHECK(all.trainings[1].steps == 300);
    }
}

TEST_CASE("a job whose domains are cut into small shares takes the steps of these") {
    training_terms t{.steps = 10,
                     .step = seconds{1},
                     .by_share = {{}, {4, 0}, {3, 0}, {3, 0}, {2, 0}, {2, 0}, {2, 0}, {2, 0}, {1, 0}}};
    for (const auto& [gpus, held_first, step] : {std::tuple{16U, 0U, 1.0}, {8U, 0U, 1.0}, {8U, 4U, 2.0}}) {
        // The first job leaves half of a rack; whole nodes of two racks are what the other gets.
        sim::parts p{.fleet = blocks(1),
                     .policy = policy::make_policy("fifo", {}),
                     .placer = policy::make_placer("first-fit"),
                     .trainings = {t}};
        std::vector<workload::job_request> jobs;
        if (held_first != 0) jobs.push_back(gpu_job(held_first, seconds{1000}));
        jobs.push_back(gpu_job(gpus, execution::work_of(t)));
        jobs.back().training = 1;
        jobs.back().placement.spread = held_first != 0;
        p.sources.push_back(std::make_unique<workload::vector_source>(std::move(jobs)));
        sim::simulation s{std::move(p)};
        s.run();
        CHECK(s.results().trainings.front().elapsed_s == Approx(10 * step));
    }
}

TEST_CASE("under every policy training jobs that share, fail, slow down and are preempted keep their books") {
    for (const policy::description& by : policy::policies()) {
        if (by.name == "explain" || by.name == "round" || by.name == "carbon-aware" || by.name == "price-aware" ||
            by.name == "power-aware")
            continue;
        for (std::uint64_t seed = 0; seed != 12; ++seed) {
            random_stream draw{seed, purpose::test, 2};
            world w = random_world(seed);
            for (training_terms& t : w.jobs) {
                // Seconds, so that what a policy thinks in is not below what it can tell apart.
                t.step = seconds{1 + draw.below(20)};
                t.evaluation = seconds{ticks(t.evaluation)};
                t.restart = seconds{ticks(t.restart)};
                if (t.checkpoint.interval) t.checkpoint.interval = seconds{ticks(*t.checkpoint.interval)};
                t.checkpoint.blocking = seconds{ticks(t.checkpoint.blocking)};
                t.checkpoint.most_b_s /= per_ns;
                // Longer than a write takes beside others: else preemptive policies may chase jobs round forever.
                if (t.checkpoint.interval)
                    *t.checkpoint.interval += seconds{static_cast<std::int64_t>(4 * t.checkpoint.bytes)};
                t.by_share.assign(9, {to_seconds(t.step), to_seconds(t.step) / 4});
                for (std::size_t share = 0; share != 8; ++share) t.by_share[share].time_s *= 1.5;
            }
            sim::parts p{
                .fleet = blocks(3),
                .policy = policy::make_policy(by.name, {}),
                .placer = policy::make_placer("first-fit"),
                .until = seconds{1'000'000},
                .preemption = {.checkpoint_interval = seconds{50}, .checkpoint = seconds{3}, .restart = seconds{5}},
                .trainings = w.jobs,
                .store_b_s = w.store,
                .fabric = sim::fabric_options{.part = scope::block, .oversubscription = 3}};
            std::vector<workload::job_request> jobs;
            for (std::size_t i = 0; i != 14; ++i) {
                const std::size_t row = draw.below(2 * w.jobs.size());
                const bool trains = row < w.jobs.size();
                jobs.push_back(gpu_job(4 * (1 + static_cast<std::uint32_t>(draw.below(8))),
                                       trains ? execution::work_of(w.jobs[row]) : seconds{1 + draw.below(400)},
                                       seconds{draw.below(900)}));
                if (trains) jobs.back().training = static_cast<std::uint16_t>(row + 1);
            }
            p.sources.push_back(std::make_unique<workload::vector_source>(std::move(jobs)));
            for (std::uint32_t n = 0; n != 5; ++n) {
                const duration start = seconds{draw.below(2000)};
                p.outages.push_back({.start = start_of_time + start,
                                     .end = start_of_time + start + seconds{1 + draw.below(300)},
                                     .nodes = {node_id{2 * n}}});
                p.slowdowns.push_back({.start = start_of_time + start / 2,
                                       .end = start_of_time + start + seconds{100},
                                       .nodes = {node_id{2 * n + 1}},
                                       .speed = 0.6});
            }
            CAPTURE(by.name, seed);
            sim::simulation s{std::move(p)};
            s.run();
            const sim::summary& all = s.results();
            // Some preempt so often that a job with few checkpoints gets nowhere.
            if (by.name != "max-min") REQUIRE(all.finished == 14);
            for (std::size_t row = 0; row != w.jobs.size(); ++row) {
                const sim::training_result& t = all.trainings[row];
                if (t.finished == t.jobs) REQUIRE(t.steps == t.jobs * w.jobs[row].steps);
                REQUIRE(t.elapsed_s ==
                        Approx(t.training_s + t.evaluating_s + t.lost_s + t.checkpoint_s + t.restart_s + t.waiting_s));
                REQUIRE(t.waiting_s > -1e-6);
                if (t.step_s) REQUIRE(t.step_s->p50 >= to_seconds(w.jobs[row].step) * (1 - 1e-12));
            }
        }
    }
}
