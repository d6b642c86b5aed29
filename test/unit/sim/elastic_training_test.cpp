// Elastic training jobs: replicas that fail and come back against a walk in steps of 1 ns, closed forms, every policy.
#include "support/catch.hpp"
#include "support/powered_run.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>
#include <ampacity/workload/scaling.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace ampacity::test;
using execution::node_loss;
using execution::training_terms;
using std::chrono::seconds;

namespace {

constexpr std::uint32_t node_gpus = 2;

duration ns(std::int64_t n) { return duration{n}; }

struct outage_ns {
    std::int64_t start = 0, end = 0;
    std::uint32_t node = 0;
};

/// One job that prefers 4 nodes, and can do with one.
struct world {
    std::int64_t work = 0;         ///< on 4 nodes [ns]
    std::int64_t reconfigure = 0;  ///< [ns]
    std::int64_t restart = 0;      ///< [ns]
    std::int64_t interval = 0, pause = 0;
    node_loss on_loss = node_loss::goes_on;
    std::vector<outage_ns> outages;
};

struct fate {
    std::int64_t finish = 0, lost = 0, checkpoint = 0, restart = 0;
    std::uint64_t stops = 0, resizes = 0, shrunk = 0;

    friend bool operator==(const fate&, const fate&) = default;
    friend std::ostream& operator<<(std::ostream& out, const fate& f) {
        return out << "finish " << f.finish << " lost " << f.lost << " checkpoint " << f.checkpoint << " restart "
                   << f.restart << " stops " << f.stops << " resizes " << f.resizes << " shrunk " << f.shrunk;
    }
};

training_terms terms_of(const world& w) {
    training_terms t{.name = "job", .steps = 1, .step = ns(w.work), .restart = ns(w.restart)};
    t.checkpoint = {.interval = ns(w.interval), .blocking = ns(w.pause)};
    t.elastic = execution::elastic_terms{.gpus_min = node_gpus,
                                         .gpus_max = 4 * node_gpus,
                                         .replica = node_gpus,
                                         .reconfigure = ns(w.reconfigure),
                                         .on_loss = w.on_loss};
    return t;
}

workload::job_request request_of(const training_terms& t, std::uint32_t gpus, std::uint16_t row = 1) {
    workload::job_request r = gpu_job(gpus, execution::work_of(t));
    r.training = row;
    r.kind = workload::job_kind::elastic;
    r.gpus_min = t.elastic->gpus_min;
    r.gpus_max = t.elastic->gpus_max;
    r.gpus_step = t.elastic->replica;
    r.serial_fraction = t.elastic->serial;
    return r;
}

sim::parts parts_of(std::vector<training_terms> terms, std::uint32_t nodes, const std::string& policy) {
    sim::parts p{.fleet = fleet::fleet_state::flat_nodes(nodes, node_gpus),
                 .policy = policy::make_policy(policy, {}),
                 .placer = policy::make_placer("first-fit"),
                 .trainings = std::move(terms)};
    return p;
}

fate simulated(const world& w) {
    const training_terms t = terms_of(w);
    sim::parts p = parts_of({t}, 4, "elastic");
    for (const outage_ns& o : w.outages)
        p.outages.push_back(
            {.start = start_of_time + ns(o.start), .end = start_of_time + ns(o.end), .nodes = {node_id{o.node}}});
    p.sources.push_back(
        std::make_unique<workload::vector_source>(std::vector<workload::job_request>{request_of(t, 4 * node_gpus)}));
    sim::simulation s{std::move(p)};
    s.run();
    const sim::summary& all = s.results();
    const sim::job_record& r = s.records(0)[0];
    const sim::training_result& of = all.trainings[0];
    const auto whole = [](double s_) { return static_cast<std::int64_t>(std::llround(s_ * 1e9)); };
    return {.finish = ticks(r.finish - start_of_time),
            .lost = ticks(r.lost),
            .checkpoint = whole(of.checkpoint_s),
            .restart = whole(of.restart_s),
            .stops = r.restarts,
            .resizes = *of.resizes,
            .shrunk = *of.shrunk};
}

/// The same, one nanosecond after the other. Work is counted in quarters of a nanosecond: one a node.
fate walk(const world& w) {
    fate out;
    std::array<bool, 4> up{true, true, true, true};
    std::array<bool, 4> held{};
    const std::int64_t total = 4 * w.work;
    std::int64_t done = 0, safe = 0, since = 0, idle = 0, paused = 0, vain = 0;
    bool runs = false, has_failed = false;
    const auto count = [](const std::array<bool, 4>& of) { return std::count(of.begin(), of.end(), true); };
    // A stretch of a run keeps whole nanoseconds of work.
    const auto keep = [&] {
        done -= done % 4;
        safe = done;
        since = vain = 0;
    };
    for (std::int64_t t = 0;; ++t) {
        REQUIRE(t < 1'000'000);
        // Completions.
        if (runs && done >= total) {
            out.finish = t;
            return out;
        }
        if (runs && paused != 0 && --paused == 0) keep();
        // Nodes that leave or come back, in the order of their listing; those that come back first see who leaves.
        bool lost_some = false;
        for (const outage_ns& o : w.outages) {
            if (o.start == t) up[o.node] = false;
            if (o.end == t) up[o.node] = true;
        }
        if (runs) {
            std::array<bool, 4> left = held;
            for (std::size_t n = 0; n != 4; ++n) left[n] = held[n] && up[n];
            lost_some = left != held;
            if (lost_some && (count(left) == 0 || w.on_loss == node_loss::stops)) {
                runs = false;
                has_failed = true;
                ++out.stops;
                out.lost += vain;
                done = safe;
                since = vain = idle = paused = 0;
                held = {};
            } else if (lost_some) {
                held = left;
                ++out.resizes;
                ++out.shrunk;
                if (w.on_loss == node_loss::reloads) {
                    out.lost += vain;
                    done = safe;
                    idle = w.reconfigure;
                } else {
                    idle = std::max(idle, w.reconfigure);
                }
                paused = 0;
                keep();
            }
        }
        // The policy gives it all that there is.
        if (!runs && count(up) != 0) {
            runs = true;
            held = up;
            idle = has_failed ? w.restart : 0;
        } else if (runs && held != up) {
            held = up;
            ++out.resizes;
            idle = std::max(idle, w.reconfigure);
            paused = 0;
            keep();
        }
        if (!runs) continue;
        // One nanosecond.
        if (idle != 0) {
            --idle;
            ++out.restart;
        } else if (paused != 0) {
            ++out.checkpoint;
        } else if (since == w.interval) {
            done -= done % 4;
            paused = w.pause;
            ++out.checkpoint;
        } else {
            done += count(held);
            ++since;
            ++vain;
        }
    }
}

}  // namespace

TEST_CASE("an elastic training job loses replicas and gets them back as a walk says", "[elastic_training]") {
    fate seen;
    for (std::uint64_t seed = 0; seed != 400; ++seed) {
        CAPTURE(seed);
        random_stream random{seed, purpose::test, 3};
        const auto below = [&random](std::uint64_t n) { return static_cast<std::int64_t>(random.below(n)); };
        world w{.work = 12 * (1 + below(60)),
                .reconfigure = below(3) * 7,
                .restart = below(3) * 5,
                .interval = 1 + below(90),
                .pause = 1 + below(9),
                .on_loss = std::array{node_loss::stops, node_loss::reloads, node_loss::goes_on}[seed % 3]};
        std::vector<std::int64_t> used;
        for (std::int64_t k = below(9); k != 0; --k) {
            outage_ns o{.start = 1 + below(900), .node = static_cast<std::uint32_t>(below(4))};
            o.end = o.start + 1 + below(300);
            const auto meets = [&](const outage_ns& x) {
                return x.node == o.node && x.start <= o.end && o.start <= x.end;
            };
            const bool is_new = std::find(used.begin(), used.end(), o.start) == used.end() &&
                                std::find(used.begin(), used.end(), o.end) == used.end();
            if (!is_new || std::any_of(w.outages.begin(), w.outages.end(), meets)) continue;
            used.insert(used.end(), {o.start, o.end});
            w.outages.push_back(o);
        }
        const fate expected = walk(w);
        CHECK(simulated(w) == expected);
        seen.shrunk += expected.shrunk;
        seen.stops += expected.stops;
        seen.lost += expected.lost;
    }
    CHECK(seen.shrunk > 100);
    CHECK(seen.stops > 50);
    CHECK(seen.lost > 1000);
}

TEST_CASE("an elastic training job that goes on without a node has the speed of Amdahl's law", "[elastic_training]") {
    // 8 GPUs, of 1 s a step 0.2 s are not shared; then 6, after 7 s of reconfiguration.
    training_terms t{.name = "job", .steps = 100, .step = seconds{1}};
    t.elastic = execution::elastic_terms{.gpus_min = 2,
                                         .gpus_max = 8,
                                         .replica = 2,
                                         .serial = execution::serial_fraction_of(0.2, 8),
                                         .reconfigure = seconds{7},
                                         .on_loss = node_loss::goes_on};
    sim::parts p = parts_of({t}, 4, "fifo");
    p.outages.push_back(
        {.start = start_of_time + seconds{40}, .end = start_of_time + seconds{50}, .nodes = {node_id{1}}});
    p.sources.push_back(
        std::make_unique<workload::vector_source>(std::vector<workload::job_request>{request_of(t, 8)}));
    sim::simulation s{std::move(p)};
    s.run();
    // A step on 6 GPUs takes 0.2 + 0.8 x 8 / 6; fifo never gives it more.
    const double step_s = 0.2 + 0.8 * 8 / 6;
    CHECK(to_seconds(s.records(0)[0].finish - start_of_time) == Approx(40 + 7 + 60 * step_s));
    const sim::training_result& of = s.results().trainings[0];
    CHECK(*of.resizes == 1);
    CHECK(*of.shrunk == 1);
    CHECK(of.failures == 1);
    CHECK(of.restart_s == Approx(7));
    CHECK(of.lost_s == 0);
    CHECK(of.steps == 100);
    CHECK(to_gpu_hours(s.results().books[account::restart]) * 3600 == Approx(7 * 6));
    CHECK(to_gpu_hours(s.results().books[account::useful]) * 3600 == Approx(40 * 8 + 60 * step_s * 6));
}

TEST_CASE("what is left of an elastic training job is whole replicas", "[elastic_training]") {
    // Replicas of 4 GPUs on nodes of 2: of 6 GPUs that are left 4 are of use.
    training_terms t{.name = "job", .steps = 100, .step = seconds{1}};
    t.elastic = execution::elastic_terms{
        .gpus_min = 4, .gpus_max = 8, .replica = 4, .reconfigure = {}, .on_loss = node_loss::goes_on};
    sim::parts p = parts_of({t}, 4, "fifo");
    p.outages.push_back(
        {.start = start_of_time + seconds{10}, .end = start_of_time + seconds{500}, .nodes = {node_id{0}}});
    workload::job_request other = gpu_job(2, seconds{1}, seconds{5});
    p.sources.push_back(
        std::make_unique<workload::vector_source>(std::vector<workload::job_request>{request_of(t, 8), other}));
    sim::simulation s{std::move(p)};
    s.run();
    CHECK(s.records(0)[0].finish == start_of_time + seconds{190});
    CHECK(s.records(0)[1].first_start == start_of_time + seconds{10});
}

TEST_CASE("with too few replicas left an elastic training job waits", "[elastic_training]") {
    training_terms t{.name = "job", .steps = 100, .step = seconds{1}};
    t.elastic = execution::elastic_terms{
        .gpus_min = 8, .gpus_max = 16, .replica = 8, .reconfigure = {}, .on_loss = node_loss::goes_on};
    sim::parts p = parts_of({t}, 4, "fifo");
    p.outages.push_back(
        {.start = start_of_time + seconds{10}, .end = start_of_time + seconds{500}, .nodes = {node_id{0}}});
    p.sources.push_back(
        std::make_unique<workload::vector_source>(std::vector<workload::job_request>{request_of(t, 8)}));
    sim::simulation s{std::move(p)};
    s.run();
    CHECK(s.records(0)[0].finish == start_of_time + seconds{600});
    CHECK(s.records(0)[0].restarts == 1);
    CHECK(*s.results().trainings[0].shrunk == 0);
}

TEST_CASE("elastic training jobs and failures balance the books under every policy", "[elastic_training]") {
    for (const auto& d : policy::policies()) {
        CAPTURE(d.name);
        if (d.name.starts_with("power-")) continue;
        for (std::uint64_t seed = 0; seed != 12; ++seed) {
            CAPTURE(seed);
            random_stream random{seed, purpose::test, 4};
            const auto below = [&random](std::uint64_t n) { return static_cast<std::int64_t>(random.below(n)); };
            std::vector<training_terms> terms;
            for (int k = 0; k != 3; ++k) {
                training_terms t{.name = "job" + std::to_string(k),
                                 .steps = 50,
                                 .step = seconds{1 + below(20)},
                                 .restart = seconds{below(20)}};
                if (below(3) != 0) t.checkpoint = {.interval = seconds{20 + below(60)}, .blocking = seconds{below(5)}};
                if (!t.checkpoint.interval) t.restart = {};
                t.elastic = execution::elastic_terms{.gpus_min = 4,
                                                     .gpus_max = 16,
                                                     .replica = 4,
                                                     .serial = 0.01 * static_cast<double>(below(10)),
                                                     .reconfigure = seconds{below(30)},
                                                     .on_loss = static_cast<node_loss>(below(3))};
                terms.push_back(t);
            }
            std::vector<workload::job_request> requests;
            for (std::int64_t i = 0; i != 40; ++i) {
                const std::int64_t row = below(4);
                workload::job_request r = gpu_job(static_cast<std::uint32_t>(1 + below(6)), seconds{1 + below(400)});
                if (row != 3)
                    r = request_of(terms[static_cast<std::size_t>(row)], static_cast<std::uint32_t>(4 + 4 * below(4)),
                                   static_cast<std::uint16_t>(row + 1));
                r.submit = start_of_time + seconds{i * 20};
                r.priority = static_cast<std::int32_t>(below(3));
                r.row = static_cast<std::uint64_t>(i);
                requests.push_back(r);
            }
            sim::parts p = parts_of(terms, 12, std::string{d.name});
            for (std::int64_t at = below(100); at < 2000; at += 1 + below(120))
                p.outages.push_back({.start = start_of_time + seconds{at},
                                     .end = start_of_time + seconds{at + 1 + below(200)},
                                     .nodes = {node_id{static_cast<std::uint32_t>(below(12))}}});
            p.sources.push_back(std::make_unique<workload::vector_source>(std::move(requests)));
            sim::simulation s{std::move(p)};
            s.run();
            const sim::summary& all = s.results();
            CHECK(all.finished == 40);
            CHECK(s.departed() == 40);
            gpu_time useful = 0;
            for (std::size_t row = 0; row != 40; ++row) useful += s.all_records(0).useful(row);
            CHECK(useful == all.books[account::useful]);
            for (const sim::training_result& t : all.trainings) {
                CHECK(t.training_s + t.lost_s + t.checkpoint_s + t.restart_s + t.waiting_s + t.stalled_s ==
                      Approx(t.elapsed_s));
                CHECK(t.steps == 50 * t.jobs);
            }
            // Scheduling has moved no work: each training job did all of its own, on GPUs that it was given.
            if (s.all_records(0).elastic.empty()) continue;
            CHECK(*all.resizes >= *all.trainings[0].resizes + *all.trainings[1].resizes + *all.trainings[2].resizes);
        }
    }
}

TEST_CASE("training jobs are charged what goes into their racks, by their GPUs", "[elastic_training]") {
    // Of 3 racks, a job on all of the first and half of the second, one on the rest of that one, and a rack that idles.
    const auto terms = [](const char* name, std::uint64_t steps) {
        return training_terms{.name = name, .steps = steps, .step = seconds{10}};
    };
    std::vector<workload::job_request> jobs{gpu_job(72 + 36, seconds{1000}), gpu_job(36, seconds{400})};
    jobs[0].training = 1;
    jobs[1].training = 2;
    sim::parts p =
        powered_parts(plant_of(3, "single", 1), {jobs}, {power::phase::gemm_bf16}, policy::make_policy("fifo", {}));
    p.energy->shows_headroom = false;
    p.trainings = {terms("a", 100), terms("b", 40)};
    p.until = seconds{50};
    sim::simulation s{std::move(p)};
    s.run();
    const sim::summary& all = s.results();
    REQUIRE(all.trainings.size() == 2);
    const sim::training_cost& a = *all.trainings[0].cost;
    const sim::training_cost& b = *all.trainings[1].cost;
    CHECK(a.gpu_s == Approx(108 * 50));
    CHECK(b.gpu_s == Approx(36 * 50));
    // Half of the second rack is that of the other half.
    CHECK(b.it_j < a.it_j / 2);
    CHECK(a.it_j + b.it_j < all.energy->it_j);
    CHECK(a.it_j - b.it_j == Approx(2 * b.it_j).epsilon(1e-9));
}

TEST_CASE("what training jobs and idle racks are charged is all there is", "[elastic_training]") {
    // One job holds all GPUs for some of the time.
    training_terms t{.name = "all", .steps = 40, .step = seconds{10}};
    std::vector<workload::job_request> jobs{gpu_job(144, seconds{400}, seconds{60})};
    jobs[0].training = 1;
    double with_j = 0, idle_w = 0;
    for (const bool runs : {false, true}) {
        std::vector<std::vector<workload::job_request>> list{runs ? jobs : std::vector<workload::job_request>{}};
        sim::parts p = powered_parts(plant_of(2, "single", 1), std::move(list), {power::phase::gemm_bf16},
                                     policy::make_policy("fifo", {}));
        p.energy->shows_headroom = false;
        p.trainings = {t};
        p.until = seconds{500};
        sim::simulation s{std::move(p)};
        s.run();
        const sim::summary& all = s.results();
        if (!runs) {
            idle_w = all.energy->it_j / 500;
            continue;
        }
        with_j = all.energy->it_j;
        REQUIRE(all.trainings[0].cost);
        CHECK(all.trainings[0].cost->it_j + idle_w * 100 == Approx(with_j).epsilon(1e-9));
        CHECK(all.trainings[0].cost->gpu_s == Approx(144 * 400));
    }
}
