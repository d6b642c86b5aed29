// `priority`, `fair-share` and `drf` on cases that are told by hand.
#include "support/catch.hpp"

#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;

namespace {

struct wish {
    duration submit{};
    duration work{};
    std::uint32_t gpus = 1;
    std::int32_t priority = 0;
    std::string owner{};  ///< user and group
    bool exclusive = false;
};

/// Jobs that name their owners by an index of this source.
std::unique_ptr<workload::job_source> source_of(const std::vector<wish>& wishes) {
    std::vector<std::string> texts{""};
    std::vector<workload::job_request> jobs;
    for (const wish& w : wishes) {
        workload::job_request r;
        r.name = static_cast<std::int64_t>(jobs.size());
        r.submit = start_of_time + w.submit;
        r.work = w.work;
        r.gpus = r.gpus_min = r.gpus_max = w.gpus;
        r.priority = w.priority;
        r.placement.exclusive = w.exclusive;
        if (!w.owner.empty()) {
            r.user = r.group = static_cast<std::uint32_t>(texts.size());
            texts.push_back(w.owner);
        }
        jobs.push_back(r);
    }
    return std::make_unique<workload::vector_source>(std::move(jobs), std::move(texts));
}

struct fate {
    duration start{};
    duration finish{};
    std::uint32_t preemptions = 0;
    friend bool operator==(const fate&, const fate&) = default;
};

std::string to_text(const std::vector<fate>& fates) {
    std::string out;
    for (const fate& f : fates)
        out += std::to_string(f.start / 1s) + "-" + std::to_string(f.finish / 1s) +
               (f.preemptions == 0 ? "" : "!" + std::to_string(f.preemptions)) + " ";
    return out;
}

/// `start-finish` of each job in seconds, with the number of preemptions if there were any.
std::string replay(fleet::fleet_state fleet, const std::string& policy, const policy::policy_options& options,
                   const std::vector<std::vector<wish>>& sources) {
    sim::parts p{
        .fleet = std::move(fleet), .policy = policy::make_policy(policy, options), .placer = policy::make_first_fit()};
    for (const auto& wishes : sources) p.sources.push_back(source_of(wishes));
    sim::simulation s{std::move(p)};
    s.run();
    s.results();
    std::vector<fate> fates;
    for (std::size_t i = 0; i != sources.size(); ++i) {
        for (const auto& r : s.records(i))
            fates.push_back({r.first_start - start_of_time, r.finish - start_of_time, r.preemptions});
    }
    return to_text(fates);
}

fleet::fleet_state pool(std::uint64_t gpus) { return fleet::fleet_state::pool(gpus); }

}  // namespace

TEST_CASE("an urgent job takes GPUs from the least urgent, the youngest first", "[priority]") {
    const std::vector<wish> jobs{{0s, 100s, 4, 1}, {1s, 100s, 2, 0}, {2s, 100s, 2, 0}, {10s, 10s, 3, 5}};
    // Three GPUs: the job of 2 s and then that of 1 s, both of them.
    CHECK(replay(pool(8), "priority", {}, {jobs}) == "0-100 1-111!1 2-112!1 10-20 ");
    // Two would be enough for two, the youngest goes.
    auto fewer = jobs;
    fewer[3].gpus = 2;
    CHECK(replay(pool(8), "priority", {}, {fewer}) == "0-100 1-101 2-112!1 10-20 ");
    // The one of priority 1 goes last, and spares the others: they are not enough and not needed.
    auto more = jobs;
    more[3].gpus = 4;
    more[1].gpus = more[2].gpus = 1;
    CHECK(replay(pool(6), "priority", {}, {more}) == "0-110!1 1-101 2-102 10-20 ");
}

TEST_CASE("an exclusive job that goes gives back more than its own GPUs", "[priority][racks]") {
    fleet::topology racks;
    racks.add({.count = 1, .nodes = 4, .usable = 4});
    // It holds 4 of 16 GPUs, but nobody may have the others.
    const std::vector<wish> jobs{{0s, 50s, 4, 0, {}, true}, {10s, 10s, 12, 5}};
    CHECK(replay(fleet::fleet_state::racks(std::move(racks), 4), "priority", {}, {jobs}) == "0-60!1 10-20 ");
}

TEST_CASE("equal priorities and small differences preempt nobody", "[priority]") {
    const std::vector<wish> jobs{{0s, 50s, 4, 1}, {1s, 10s, 1, 1}, {2s, 10s, 1, 3}};
    CHECK(replay(pool(4), "priority", {}, {jobs}) == "0-60!1 60-70 2-12 ");
    CHECK(replay(pool(4), "priority", {.priority = {.preempt_above = 3}}, {jobs}) == "0-50 50-60 50-60 ");
    CHECK(replay(pool(4), "priority", {.priority = {.preempt_above = 2}}, {jobs}) == "0-60!1 60-70 2-12 ");
}

TEST_CASE("a job that even preemption does not help preempts nobody and blocks", "[priority]") {
    const std::vector<wish> jobs{{0s, 50s, 3, 9}, {0s, 100s, 1, 0}, {1s, 10s, 2, 5}, {2s, 10s, 1, 0}};
    CHECK(replay(pool(4), "priority", {}, {jobs}) == "0-50 0-100 50-60 50-60 ");
}

TEST_CASE("backfill behind a blocked head starts what it may preempt, or what does not delay it", "[priority]") {
    // The head, of 3 GPUs, waits for the first job until 50; one GPU is free meanwhile.
    const policy::policy_options on{.priority = {.backfill = true}};
    const wish runs{0s, 50s, 3, 5};
    const wish head{1s, 10s, 4, 5};
    CHECK(replay(pool(4), "priority", on, {{runs, head, {2s, 48s, 1, 5}}}) == "0-50 50-60 2-50 ");
    CHECK(replay(pool(4), "priority", on, {{runs, head, {2s, 49s, 1, 5}}}) == "0-50 50-60 60-109 ");
    // A less urgent one may be preempted, and is.
    CHECK(replay(pool(4), "priority", on, {{runs, head, {2s, 49s, 1, 4}}}) == "0-50 50-60 2-61!1 ");
    // One that leaves the head its place may outlive the shadow.
    CHECK(replay(pool(4), "priority", on, {{runs, {1s, 10s, 3, 5}, {2s, 90s, 1, 5}}}) == "0-50 50-60 2-92 ");
    CHECK(replay(pool(4), "priority", {}, {{runs, {1s, 10s, 4, 5}, {2s, 48s, 1, 5}}}) == "0-50 50-60 60-108 ");
}

TEST_CASE("on nodes the victims are those whose places help", "[priority]") {
    // Two nodes of 4; the youngest victim sits alone on the second node, and the head needs the whole of the first.
    const std::vector<wish> jobs{{0s, 100s, 4, 1}, {1s, 100s, 2, 0}, {2s, 100s, 2, 3}, {10s, 10s, 4, 2}};
    CHECK(replay(fleet::fleet_state::flat_nodes(2, 4), "priority", {}, {jobs}) == "0-110!1 1-101 2-102 10-20 ");
}

TEST_CASE("a group within its quota takes back what it has lent", "[fair-share]") {
    const policy::policy_options o{
        .fair_share = {.groups = {{.name = "own", .quota = 4}, {.name = "rich", .quota = 4}}}};
    const std::vector<wish> jobs{{0s, 100s, 2, 0, "rich"}, {1s, 100s, 2, 0, "rich"}, {2s, 100s, 2, 0, "rich"},
                                 {3s, 100s, 2, 0, "rich"}, {10s, 20s, 3, 0, "own"},  {11s, 50s, 3, 0, "own"}};
    // 3 GPUs: the two youngest of the group beyond its quota, which is then within it. The second job of the other
    // group would exceed its quota as long as the first runs, and those two go on when both have ended.
    CHECK(replay(pool(8), "fair-share", o, {jobs}) == "0-100 1-101 2-172!1 3-173!1 10-30 30-80 ");
    auto polite = o;
    polite.fair_share.reclaim = false;
    CHECK(replay(pool(8), "fair-share", polite, {jobs}) == "0-100 1-101 2-102 3-103 101-121 102-152 ");
}

TEST_CASE("a group within its quota is never preempted", "[fair-share]") {
    const policy::policy_options o{.fair_share = {.groups = {{.name = "a", .quota = 4}, {.name = "b", .quota = 8}}}};
    const std::vector<wish> jobs{{0s, 100s, 4, 0, "a"}, {10s, 10s, 8, 0, "b"}};
    CHECK(replay(pool(8), "fair-share", o, {jobs}) == "0-100 100-110 ");
}

TEST_CASE("idle GPUs are lent by usage per weight", "[fair-share]") {
    const policy::policy_options o{.fair_share = {.groups = {{.name = "light"}, {.name = "heavy", .weight = 2}}}};
    // All wait for the first job; then one, two and so on: light, heavy, heavy, light (2/1 = 4/2 would be equal).
    std::vector<wish> jobs{{0s, 10s, 6, 0, "other"}};
    for (int i = 0; i != 4; ++i) jobs.push_back({1s, 10s, 1, 0, "light"});
    for (int i = 0; i != 4; ++i) jobs.push_back({1s, 10s, 1, 0, "heavy"});
    CHECK(replay(pool(6), "fair-share", o, {jobs}) == "0-10 10-20 10-20 20-30 20-30 10-20 10-20 10-20 10-20 ");
}

TEST_CASE("guarantees hold in a tree: siblings lend to each other first", "[fair-share]") {
    // a has 6 of 8, of which x may count on 4 and y on nothing of its own; b has 2.
    const policy::policy_options o{.fair_share = {.groups = {{.name = "a", .quota = 6},
                                                             {.name = "x", .parent = "a", .quota = 4},
                                                             {.name = "y", .parent = "a"},
                                                             {.name = "b", .quota = 2}}}};
    // y borrows within a; x takes its 4 from y and not from b, which is within its quota.
    CHECK(replay(pool(8), "fair-share", o,
                 {{{0s, 100s, 3, 0, "y"}, {0s, 100s, 3, 0, "y"}, {0s, 100s, 2, 0, "b"}, {10s, 10s, 4, 0, "x"}}}) ==
          "0-110!1 0-110!1 0-100 10-20 ");
    // y is guaranteed by a and takes from b, but not from x.
    CHECK(replay(pool(8), "fair-share", o,
                 {{{0s, 100s, 4, 0, "x"}, {0s, 100s, 2, 0, "b"}, {0s, 100s, 2, 0, "b"}, {10s, 10s, 2, 0, "y"}}}) ==
          "0-100 0-100 0-110!1 10-20 ");
    // Jobs of a itself are one group more below it, without a quota of its own.
    CHECK(replay(pool(8), "fair-share", o,
                 {{{0s, 100s, 6, 0, "b"}, {0s, 100s, 2, 0, "b"}, {10s, 10s, 6, 0, "a"}, {11s, 10s, 4, 0, "x"}}}) ==
          "0-120!1 0-100 10-30!1 11-21 ");
}

TEST_CASE("the user with the least share is next", "[drf]") {
    std::vector<wish> jobs{{0s, 10s, 4, 0, "zoe"}};
    for (int i = 0; i != 3; ++i) jobs.push_back({1s, 10s, 1, 0, "ann"});
    for (int i = 0; i != 3; ++i) jobs.push_back({1s, 10s, 1, 0, "bob"});
    CHECK(replay(pool(4), "drf", {}, {jobs}) == "0-10 10-20 10-20 20-30 10-20 10-20 20-30 ");
    const policy::policy_options weighted{.drf = {.weights = {{"bob", 3}}}};
    CHECK(replay(pool(4), "drf", weighted, {jobs}) == "0-10 10-20 20-30 20-30 10-20 10-20 10-20 ");
}

TEST_CASE("a job that does not fit stops the filling, or is passed over", "[drf]") {
    const std::vector<wish> jobs{{0s, 10s, 3, 0, "ann"}, {1s, 10s, 2, 0, "bob"}, {2s, 5s, 1, 0, "ann"}};
    CHECK(replay(pool(4), "drf", {}, {jobs}) == "0-10 10-20 10-15 ");
    CHECK(replay(pool(4), "drf", {.drf = {.skip = true}}, {jobs}) == "0-10 10-20 2-7 ");
}

TEST_CASE("owners of equal names in several sources are one", "[drf]") {
    // In the second source ann has another index; together with her job of the first she holds more than bob.
    const std::vector<wish> first{{0s, 100s, 2, 0, "ann"}, {0s, 10s, 2, 0, "dora"}};
    const std::vector<wish> second{{1s, 10s, 2, 0, "bob"}, {1s, 10s, 2, 0, "ann"}};
    const std::vector<wish> third{{1s, 10s, 2, 0, "ann"}, {1s, 10s, 2, 0, "bob"}};
    CHECK(replay(pool(4), "drf", {}, {first, second}) == "0-100 0-10 10-20 20-30 ");
    CHECK(replay(pool(4), "drf", {}, {first, third}) == "0-100 0-10 20-30 10-20 ");
    CHECK(replay(pool(4), "drf", {.drf = {.by_group = true}}, {first, third}) == "0-100 0-10 20-30 10-20 ");
}
