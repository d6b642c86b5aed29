// Elastic jobs against their naive re-implementation: start, finish, every number of GPUs and every place of each job,
// and its GPU-time, on random workloads, with and without costs of resizes. Without a range of GPUs the policy is
// `fifo`, or on pools `fifo-skip`.

#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/engine_replay.hpp"
#include "support/naive_elastic.hpp"
#include "support/random_racks.hpp"
#include "support/random_workload.hpp"

#include <ampacity/policy/registry.hpp>
#include <ampacity/policy/wrappers.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;

std::vector<naive::elastic_job> random_jobs(std::uint64_t seed, naive::flavour kind, const naive::fleet& where,
                                            std::size_t count, std::int64_t elastic_percent = 70) {
    naive::test_random random(seed ^ 0x656c6173746963U);
    auto jobs = naive::random_workload(seed, kind, where, count);
    if (!where.racks.empty()) naive::add_wishes(seed, jobs);
    const auto fleet_gpus = static_cast<std::int64_t>(naive::gpus_of(where));
    const std::int64_t law = random.between(0, 3);
    static constexpr std::array fractions{0.0, 0.01, 0.1, 0.25, 1.0};
    std::vector<naive::elastic_job> out;
    for (const naive::job& j : jobs) {
        naive::elastic_job e{.what = j, .min = j.gpus, .max = j.gpus};
        const auto gpus = static_cast<std::int64_t>(j.gpus);
        if (gpus != 0 && random.chance(elastic_percent)) {
            e.min = static_cast<std::uint64_t>(random.chance(50) ? 1 : random.between(1, gpus));
            e.max = static_cast<std::uint64_t>(gpus + random.between(0, random.chance(50) ? 8 : fleet_gpus + 3));
            e.serial = law == 0   ? 0.0
                       : law == 1 ? static_cast<double>(random.between(0, 1000)) / 1000
                                  : fractions[static_cast<std::size_t>(random.between(0, 4))];
            if (random.chance(40)) e.step = static_cast<std::uint64_t>(random.between(1, 4));
            if (j.gpus % e.step != 0) e.step = 1;
            e.min = (e.min + e.step - 1) / e.step * e.step;
            e.max = e.max / e.step * e.step;
        }
        out.push_back(e);
    }
    return out;
}

naive::elastic_options random_how(std::uint64_t seed, naive::flavour kind) {
    naive::test_random random(seed ^ 0x686f77656cU);
    naive::elastic_options how;
    how.steps =
        std::array{"any", "any", "powers-of-two", "whole-nodes"}[static_cast<std::size_t>(random.between(0, 3))];
    how.arithmetic = random.chance(35);
    how.skip = random.chance(50);
    how.enforce_estimate = random.chance(20);
    const std::int64_t tick = kind == naive::flavour::long_jobs ? 500'000'000'000 : 1'000'000'000;
    if (random.chance(40)) how.interval_ns = random.between(1, 9) * tick;
    if (random.chance(50)) how.resize_ns = random.chance(50) ? random.between(1, 2 * tick) : tick;
    if (random.chance(30)) {
        how.costs.checkpoint_interval_ns = random.between(1, 6) * tick;
        how.costs.checkpoint_ns = random.between(0, tick);
        how.costs.restart_ns = random.between(0, 3) * tick;
    }
    if (random.chance(25)) how.until_ns = random.between(0, 100) * tick;
    return how;
}

policy::policy_options options_of(const naive::elastic_options& how, const naive::fleet& where) {
    policy::policy_options o;
    naive::set_placer_options(where, o);
    o.elastic.steps = how.steps == "powers-of-two" ? policy::gpu_steps::powers_of_two
                      : how.steps == "whole-nodes" ? policy::gpu_steps::whole_nodes
                                                   : policy::gpu_steps::any;
    o.elastic.arithmetic = how.arithmetic;
    o.elastic.interval = duration{how.interval_ns};
    o.elastic.skip = how.skip;
    return o;
}

/// The stretches of all jobs by number.
struct stretch_recorder final : sim::observer {
    void on_start(const sim::job_start& s) override { add(s); }
    void on_resize(const sim::job_event& before, const sim::job_event& after) override {
        const naive::elastic_stretch& last = of[after.name].back();
        CHECK(ticks(before.since) == last.start_ns);
        CHECK(before.gpus == last.gpus);
        CHECK(places(before) == last.nodes);
        CHECK(before.attempt == after.attempt);
        add(after);
    }
    static naive::placement places(const sim::job_event& e) { return naive::sorted({e.where.begin(), e.where.end()}); }
    void add(const sim::job_event& e) { of[e.name].push_back({ticks(e.at), e.gpus, places(e)}); }
    std::map<std::int64_t, std::vector<naive::elastic_stretch>> of;
};

struct engine_result {
    std::vector<naive::elastic_outcome> jobs;
    ledger books;
    std::uint64_t resizes = 0;
};

engine_result engine(const std::vector<naive::elastic_job>& jobs, const naive::fleet& where,
                     const naive::elastic_options& how) {
    std::vector<workload::job_request> requests;
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        auto r = naive::request(jobs[i].what, i);
        r.gpus_min = static_cast<std::uint32_t>(jobs[i].min);
        r.gpus_max = static_cast<std::uint32_t>(jobs[i].max);
        r.gpus_step = static_cast<std::uint32_t>(jobs[i].step);
        r.serial_fraction = jobs[i].serial;
        if (r.gpus_min != r.gpus_max) r.kind = workload::job_kind::elastic;
        requests.push_back(r);
    }
    const policy::policy_options options = options_of(how, where);
    stretch_recorder seen;
    naive::start_recorder starts;
    sim::parts p{.fleet = test::fleet_of(where),
                 .policy = policy::make_policy("elastic", options),
                 .placer = policy::make_placer(where.placer, options),
                 .enforce_estimate = how.enforce_estimate,
                 .preemption = naive::costs_of(how.costs),
                 .observers = {&seen, &starts}};
    p.preemption.resize = duration{how.resize_ns};
    p.sources.push_back(std::make_unique<workload::vector_source>(requests));
    if (how.until_ns) p.until = duration{*how.until_ns};
    p.slowdowns = test::slowdowns_of(where);
    sim::simulation s(std::move(p));
    s.run();
    engine_result result;
    result.books = s.results().books;
    result.resizes = s.results().resizes.value_or(0);
    const auto outcomes = naive::outcomes_of(s, starts, jobs.size());
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        naive::elastic_outcome o{.what = outcomes[i], .stretches = seen.of[static_cast<std::int64_t>(i)]};
        const auto all = s.all_records(0);
        if (i < all.jobs.size()) {
            o.what.useful_gpu_ns = all.useful(i);
            o.what.lost_gpu_ns = all.lost(i);
        }
        result.jobs.push_back(o);
    }
    return result;
}

/// False after the first difference. Counts resizes.
bool compare(std::uint64_t seed, naive::flavour kind, const naive::fleet& where, std::uint64_t& resizes) {
    const auto how = random_how(seed, kind);
    const auto jobs = random_jobs(seed, kind, where, 30);
    const auto expected = naive::replay_elastic(jobs, where, how);
    const auto actual = engine(jobs, where, how);
    resizes += actual.resizes;
    std::vector<naive::outcome> plain;
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        plain.push_back(expected[i].what);
        if (naive::describe(expected[i]) == naive::describe(actual.jobs[i])) continue;
        INFO("seed " << seed << " flavour " << naive::name_of(kind) << " pool " << where.pool_gpus << " nodes "
                     << where.nodes << "x" << where.gpus_per_node << " placer " << where.placer << " job " << i
                     << " gpus " << jobs[i].min << ".." << jobs[i].what.gpus << ".." << jobs[i].max << " serial "
                     << jobs[i].serial << " steps " << how.steps << " interval " << how.interval_ns << " resize "
                     << how.resize_ns << " skip " << how.skip << " arithmetic " << how.arithmetic);
        CHECK(naive::describe(actual.jobs[i]) == naive::describe(expected[i]));
        return false;
    }
    CHECK(naive::same_overheads(actual.books, plain));
    return true;
}

}  // namespace

TEST_CASE("elastic jobs on pools give the naive schedule", "[elastic]") {
    std::uint64_t resizes = 0;
    for (std::uint64_t seed = 0; seed != test::random_cases(400); ++seed) {
        for (const auto kind : naive::all_flavours) {
            if (!compare(seed, kind, naive::random_pool(seed), resizes)) return;
        }
    }
    CHECK(resizes > 1000);
}

TEST_CASE("elastic jobs on nodes give the naive schedule and places", "[elastic]") {
    const std::string placer =
        GENERATE(from_range(std::vector<std::string>(naive::all_placers.begin(), naive::all_placers.end())));
    std::uint64_t resizes = 0;
    for (std::uint64_t seed = 0; seed != test::random_cases(150); ++seed) {
        for (const auto kind : naive::all_flavours) {
            if (!compare(seed, kind, naive::random_nodes(seed, placer), resizes)) return;
        }
    }
    CHECK(resizes > 1000);
}

TEST_CASE("elastic jobs on racks give the naive schedule and places", "[elastic]") {
    const std::string placer =
        GENERATE(from_range(std::vector<std::string>(naive::all_rack_placers.begin(), naive::all_rack_placers.end())));
    std::uint64_t resizes = 0;
    for (std::uint64_t seed = 0; seed != test::random_cases(30); ++seed) {
        for (const auto kind : naive::all_flavours) {
            if (!compare(seed, kind, naive::random_racks(seed, placer), resizes)) return;
        }
    }
    CHECK(resizes > 300);
}

TEST_CASE("elastic jobs give the naive schedule where nodes are slow for a while", "[elastic]") {
    std::uint64_t resizes = 0;
    for (std::uint64_t seed = 0; seed != test::random_cases(150); ++seed) {
        for (const auto kind : naive::all_flavours) {
            naive::fleet where = naive::random_nodes_or_racks_that_are_slow(seed, kind);
            where.leaves.clear();
            where.drain_at_millionths = 0;
            if (!compare(seed, kind, where, resizes)) return;
        }
    }
    CHECK(resizes > 1000);
}

TEST_CASE("without ranges of GPUs elastic is fifo, or on pools fifo-skip", "[elastic]") {
    for (std::uint64_t seed = 0; seed != test::random_cases(60); ++seed) {
        for (const auto kind : naive::all_flavours) {
            for (const naive::fleet& where : {naive::random_pool(seed), naive::random_nodes(seed, "pack")}) {
                const auto jobs = naive::random_workload(seed, kind, where, 40);
                for (const bool skip : {false, true}) {
                    if (skip && where.pool_gpus == 0) continue;  // the room of a job without a place is kept for it
                    policy::policy_options options;
                    options.elastic.skip = skip;
                    const auto elastic = test::replay_by_engine(jobs, where, {.policy = "elastic", .options = options});
                    const auto rigid = test::replay_by_engine(jobs, where, {.policy = skip ? "fifo-skip" : "fifo"});
                    for (std::size_t i = 0; i != jobs.size(); ++i)
                        REQUIRE(naive::describe(elastic[i]) == naive::describe(rigid[i]));
                }
            }
        }
    }
}

TEST_CASE("other policies run an elastic job as a rigid one", "[elastic]") {
    const naive::fleet where{.nodes = 6, .gpus_per_node = 8, .placer = "pack"};
    const auto jobs = random_jobs(7, naive::flavour::mixed, where, 60, 100);
    for (const auto& d : policy::policies()) {
        if (d.name == "elastic") continue;
        CAPTURE(d.name);
        std::vector<std::vector<sim::job_record>> records;
        for (const bool ranges : {false, true}) {
            std::vector<workload::job_request> requests;
            for (std::size_t i = 0; i != jobs.size(); ++i) {
                auto r = naive::request(jobs[i].what, i);
                if (ranges && jobs[i].min != jobs[i].max) {
                    r.kind = workload::job_kind::elastic;
                    r.gpus_min = static_cast<std::uint32_t>(jobs[i].min);
                    r.gpus_max = static_cast<std::uint32_t>(jobs[i].max);
                    r.gpus_step = static_cast<std::uint32_t>(jobs[i].step);
                    r.serial_fraction = jobs[i].serial;
                }
                requests.push_back(r);
            }
            sim::parts p{.fleet = test::fleet_of(where),
                         .policy = policy::make_policy(d.name, {}),
                         .placer = policy::make_placer("pack", {})};
            p.preemption.restart = duration{3'000'000'000};
            p.sources.push_back(std::make_unique<workload::vector_source>(requests));
            sim::simulation s(std::move(p));
            s.run();
            CHECK(s.results().resizes.has_value() == ranges);
            CHECK(s.results().resizes.value_or(0) == 0);
            const auto all = s.all_records(0);
            auto& of = records.emplace_back(all.jobs.begin(), all.jobs.end());
            for (std::size_t i = 0; i != of.size(); ++i) {
                CHECK(all.useful(i) == gpu_time{ticks(of[i].useful)} * of[i].gpus);
                CHECK(all.lost(i) == gpu_time{ticks(of[i].lost)} * of[i].gpus);
            }
        }
        for (std::size_t i = 0; i != jobs.size(); ++i) {
            const auto& [a, b] = std::pair{records[0][i], records[1][i]};
            CAPTURE(i);
            CHECK(a.first_start == b.first_start);
            CHECK(a.finish == b.finish);
            CHECK(a.preemptions == b.preemptions);
            CHECK(a.useful == b.useful);
            CHECK(a.lost == b.lost);
            CHECK(a.state == b.state);
        }
    }
}
