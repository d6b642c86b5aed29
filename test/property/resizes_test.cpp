// A policy that starts, resizes and preempts at random: what observers are told adds up to the books, every job ends
// when its stretches say, and what the policy is shown of its progress is what they have done. Also on nodes that are
// slow for a while.

#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/engine_replay.hpp"
#include "support/naive_elastic.hpp"
#include "support/naive_leaves.hpp"
#include "support/random_racks.hpp"
#include "support/random_workload.hpp"

#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;
using policy::job_state;

constexpr std::int64_t second = 1'000'000'000;

/// A stretch of a run on the same GPUs.
struct stretch {
    std::int64_t from = 0, to = 0;
    std::uint32_t gpus = 0;
    naive::placement nodes{};
    bool ends_run = false;
};

class listener final : public sim::observer {
public:
    std::map<std::int64_t, std::vector<stretch>> of;
    std::map<std::int64_t, std::string> how;  // it ended
    gpu_time held = 0;
    std::uint64_t resizes = 0;
    std::uint64_t busy = 0;

    void on_start(const sim::job_event& e) override { begin(e); }
    void on_resize(const sim::job_event& before, const sim::job_event& after) override {
        ++resizes;
        end(before, false);
        begin(after);
    }
    void on_stop(const sim::job_event& e, sim::run_end how_it_ends) override {
        end(e, true);
        if (how_it_ends != sim::run_end::preempted)
            how[e.name] = how_it_ends == sim::run_end::finished ? "finished" : "";
    }

private:
    void begin(const sim::job_event& e) {
        of[e.name].push_back(
            {.from = ticks(e.at), .to = -1, .gpus = e.gpus, .nodes = naive::sorted({e.where.begin(), e.where.end()})});
        busy += e.gpus;
    }
    void end(const sim::job_event& e, bool ends_run) {
        stretch& s = of[e.name].back();
        if (s.to != -1 || s.from != ticks(e.since) || s.gpus != e.gpus) FAIL("stretch of " << e.name);
        s.to = ticks(e.at);
        s.ends_run = ends_run;
        held += gpu_time{s.to - s.from} * s.gpus;
        busy -= e.gpus;
    }
};

class at_random final : public policy::policy {
public:
    at_random(std::uint64_t seed, bool loses) : random_(seed), loses_(loses) {}

    [[nodiscard]] bool chooses_gpus() const override { return true; }
    void on_resize(const view& v, job_id job) override {
        ++told;
        CHECK(v[job].run_start == v.now);
    }

    void decide(const view& v, plan& p) override {
        std::uint32_t live = 0;
        for (std::uint32_t i = 0; i != v.jobs.size(); ++i) {
            const job_id job{i};
            if (v[job].state == job_state::absent) continue;
            ++live;
            const auto* const e = v.elastic(job);
            if (v[job].state == job_state::queued)
                start(v, p, job, e);
            else if (v[job].run_start != v.now)
                change(v, p, job, e);
        }
        if (live != 0) p.wake_at(v.now + duration{random_.between(1, 4 * second)});
    }

    std::uint64_t told = 0;

private:
    void start(const view& v, plan& p, job_id job, const ::ampacity::policy::elastic_job* e) {
        if (e == nullptr || random_.chance(40)) {
            p.start(job);
            return;
        }
        if (!p.start_on(job, random_number(*e))) p.start_on(job, e->gpus_min);
        if (v[job].state == job_state::running) CHECK(v.full_speed(job) == e->speed_on(v[job].demand.gpus));
    }
    void change(const view& v, plan& p, job_id job, const ::ampacity::policy::elastic_job* e) {
        if (random_.chance(10)) {
            const duration ran = v.now - v[job].run_start;
            p.preempt(job, loses_ && random_.chance(50) ? duration{random_.between(0, ticks(ran))} : duration::zero());
            if (random_.chance(50)) start(v, p, job, e);
            return;
        }
        if (e == nullptr || random_.chance(30)) return;
        const std::uint32_t n = random_number(*e);
        const std::uint32_t held = v[job].demand.gpus;
        if (n == held) return;
        const duration done = v.done(job);
        const bool resized = p.resize(job, n);
        CHECK(v.done(job) == done);
        CHECK(v[job].demand.gpus == (resized ? n : held));
        CHECK(v.planned_end(job) >= v.now);
    }
    std::uint32_t random_number(const ::ampacity::policy::elastic_job& e) {
        return static_cast<std::uint32_t>(random_.between(e.gpus_min, std::min(e.gpus_max, 2 * e.gpus)));
    }

    naive::test_random random_;
    bool loses_;
};

std::vector<workload::job_request> random_requests(std::uint64_t seed, const naive::fleet& where) {
    naive::test_random random(seed ^ 0x72657369U);
    auto jobs = naive::random_workload(seed, naive::flavour::mixed, where, 25);
    if (!where.racks.empty()) naive::add_wishes(seed, jobs);
    std::vector<workload::job_request> out;
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        auto r = naive::request(jobs[i], i);
        if (r.gpus != 0 && random.chance(75)) {
            r.kind = workload::job_kind::elastic;
            r.gpus_min = static_cast<std::uint32_t>(random.between(1, r.gpus));
            r.gpus_max = r.gpus + static_cast<std::uint32_t>(random.between(0, 12));
            r.serial_fraction = static_cast<double>(random.between(0, 10)) / 10;
        }
        out.push_back(r);
    }
    return out;
}

double speed_of(const workload::job_request& r, std::uint32_t gpus) {
    return gpus == r.gpus ? 1.0 : workload::amdahl_speed(r.serial_fraction, r.gpus, gpus);
}

/// False after the first fault.
bool check(std::uint64_t seed, const naive::fleet& where) {
    naive::test_random random(seed);
    const auto requests = random_requests(seed, where);
    preemption_options costs;
    const bool with_costs = random.chance(60);
    if (with_costs) {
        if (random.chance(50)) costs.checkpoint_interval = duration{random.between(1, 5) * second};
        costs.checkpoint = duration{random.between(0, second)};
        costs.restart = duration{random.between(0, 3 * second)};
        costs.resize = duration{random.between(0, second)};
    }
    listener heard;
    auto made = std::make_unique<at_random>(seed, random.chance(50));
    const at_random& decider = *made;
    sim::parts p{.fleet = test::fleet_of(where),
                 .policy = std::move(made),
                 .placer = policy::make_placer(where.placer, {}),
                 .until = duration{300 * second},
                 .preemption = costs,
                 .observers = {&heard}};
    p.sources.push_back(std::make_unique<workload::vector_source>(requests));
    p.slowdowns = test::slowdowns_of(where);
    sim::simulation s(std::move(p));
    s.run();
    INFO("seed " << seed << " costs " << with_costs << " placer " << where.placer);
    const auto& books = s.results().books;
    CHECK(books[account::useful] + books[account::lost] + books[account::checkpoint] + books[account::restart] ==
          heard.held);
    CHECK(s.results().resizes.value_or(0) == heard.resizes);
    CHECK(decider.told == heard.resizes);
    CHECK(heard.busy == 0);
    std::vector<std::int64_t> changes;  // of speeds
    for (const naive::slowdown& d : where.slowdowns) changes.insert(changes.end(), {d.start_ns, d.end_ns});
    std::sort(changes.begin(), changes.end());
    const auto all = s.all_records(0);
    gpu_time useful = 0;
    gpu_time lost = 0;
    for (std::size_t i = 0; i != all.jobs.size(); ++i) {
        useful += all.useful(i);
        lost += all.lost(i);
        const auto& stretches = heard.of[static_cast<std::int64_t>(i)];
        if (!stretches.empty()) CHECK(ticks(all.jobs[i].first_start) == stretches[0].from);
        if (with_costs || all.jobs[i].state != sim::outcome::finished || all.lost(i) != 0) continue;
        std::int64_t left = ticks(requests[i].work);
        std::int64_t end = 0;
        for (const stretch& t : stretches) {
            const double speed = speed_of(requests[i], t.gpus);
            std::int64_t from = t.from;
            double pace = naive::pace_at(where, t.nodes, from);
            for (const std::int64_t at : changes) {
                if (at <= t.from || at >= t.to || naive::pace_at(where, t.nodes, at) == pace) continue;
                left -= naive::work_done(at - from, speed * pace);
                from = at;
                pace = naive::pace_at(where, t.nodes, at);
            }
            end = from + naive::time_needed(left, speed * pace);
            left = std::max<std::int64_t>(0, left - naive::work_done(t.to - from, speed * pace));
        }
        if (ticks(all.jobs[i].finish) == end) continue;
        CHECK(ticks(all.jobs[i].finish) == end);
        return false;
    }
    CHECK(useful == books[account::useful]);
    CHECK(lost == books[account::lost]);
    return true;
}

}  // namespace

TEST_CASE("resizes at random leave nothing uncounted", "[elastic]") {
    for (std::uint64_t seed = 0; seed != test::random_cases(400); ++seed) {
        if (!check(seed, naive::random_pool(seed))) return;
        for (const std::string placer : {"first-fit", "pack", "spread"}) {
            if (!check(seed, naive::random_nodes(seed, placer))) return;
        }
        naive::fleet slow = naive::random_nodes(seed, "pack");
        naive::add_slowdowns(seed, naive::flavour::mixed, slow);
        if (!check(seed, slow)) return;
        if (seed % 4 == 0 && !check(seed, naive::random_racks(seed, "topology"))) return;
        if (seed % 4 == 1 && !check(seed, naive::random_racks(seed, "block"))) return;
    }
}
