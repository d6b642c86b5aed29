// The rules of the Helios study's scheduler: the nodes are divided among virtual clusters, a job runs in its own, in
// submit order or shortest first, and the first that finds no place blocks those behind it; whole nodes for each 8
// GPUs, the rest on the fullest node that has room. Three ways that must agree to the second: a policy of one's own
// that chooses the nodes itself, a walk second by second without any library, and a run of a built-in policy on each
// virtual cluster alone.
#include "support/catch.hpp"
#include "support/random_workload.hpp"

#include <ampacity/io/models.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/scenario/synthetic_options.hpp>
#include <ampacity/sim/simulation.hpp>
#include <ampacity/workload/synthetic.hpp>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using namespace ampacity;

namespace {

constexpr std::uint32_t gpus_per_node = 8;

/// Nodes of each virtual cluster; they follow each other by row.
const std::vector<std::uint32_t> clusters{1, 2, 3, 5, 8, 13, 21, 34};

std::uint32_t first_node(std::size_t cluster) {
    std::uint32_t row = 0;
    for (std::size_t c = 0; c != cluster; ++c) row += clusters[c];
    return row;
}

/// The policy, by public headers alone.
class virtual_clusters final : public policy::policy {
public:
    explicit virtual_clusters(bool shortest_first) : shortest_first_(shortest_first), queues_(clusters.size()) {}

    void on_submit(const view& v, job_id job) override {
        const duration key = shortest_first_ ? v.oracle.work(job) : duration::zero();
        queues_[v[job].group].insert({key, v[job].order, job});
    }

    void decide(const view& v, plan& p) override {
        for (std::size_t c = 0; c != clusters.size(); ++c) {
            auto& queue = queues_[c];
            while (!queue.empty()) {
                const job_id job = std::get<job_id>(*queue.begin());
                const std::uint32_t gpus = v[job].demand.gpus;
                if (gpus > clusters[c] * gpus_per_node) {
                    p.reject(job);
                } else {
                    const auto where = place(v.capacity.free, c, gpus);
                    if (where.empty()) break;
                    p.start(job, where);
                }
                queue.erase(queue.begin());
            }
        }
    }

private:
    /// Empty if there is no room.
    static std::vector<fleet::gpu_share> place(const fleet::free_index& free, std::size_t cluster, std::uint32_t gpus) {
        std::vector<fleet::gpu_share> where;
        std::optional<std::pair<int, std::uint32_t>> best;  // free GPUs and row of the node for the rest
        std::uint32_t whole = gpus / gpus_per_node;
        const auto rest = static_cast<int>(gpus % gpus_per_node);
        const std::uint32_t begin = first_node(cluster);
        for (std::uint32_t row = begin; row != begin + clusters[cluster]; ++row) {
            const std::uint64_t mask = free.free_mask(node_id{row});
            const int has = std::popcount(mask);
            if (has == gpus_per_node && whole != 0) {
                where.push_back({.node = node_id{row}, .gpus = mask});
                --whole;
            } else if (rest != 0 && has >= rest && (!best || has < best->first)) {
                best = {has, row};
            }
        }
        if (whole != 0 || (rest != 0 && !best)) return {};
        if (rest != 0) {
            std::uint64_t mask = free.free_mask(node_id{best->second});
            while (std::popcount(mask) > rest) mask &= mask - 1;
            where.push_back({.node = node_id{best->second}, .gpus = mask});
        }
        return where;
    }

    bool shortest_first_;
    std::vector<std::set<std::tuple<duration, std::uint64_t, job_id>>> queues_;
};

constexpr std::int64_t nanoseconds = 1'000'000'000;

/// Jobs like those of Helios, in whole seconds, on 87 of 778 nodes, each given to a virtual cluster in proportion to
/// its nodes.
std::vector<workload::job_request> helios_like(std::size_t n) {
    const auto models = io::find_models("workloads");
    const auto at = std::find_if(models.begin(), models.end(), [](const auto& m) { return m.name == "helios-like"; });
    REQUIRE(at != models.end());
    scenario::synthetic_jobs described = io::read_workload_model(at->file).synthetic;
    described.jobs = n;
    workload::synthetic_source source{scenario::make_options(described, 7, 0, scenario::default_start)};
    std::vector<workload::job_request> jobs(n);
    REQUIRE(source.next(jobs) == n);
    naive::test_random random(20);
    for (workload::job_request& j : jobs) {
        const auto whole = [](std::int64_t ns) { return (ns + nanoseconds - 1) / nanoseconds * nanoseconds; };
        j.submit = instant{duration{whole(ticks(j.submit) * 9)}};
        j.work = std::min(duration{whole(ticks(j.work))}, duration{std::chrono::hours{100}});
        std::int64_t node = random.between(0, first_node(clusters.size()) - 1);
        for (j.group = 0; node >= clusters[j.group]; ++j.group) node -= clusters[j.group];
    }
    return jobs;
}

/// What became of a job, in seconds; -1 twice if it was rejected.
using fate = std::pair<std::int64_t, std::int64_t>;  // start, finish

fate fate_of(const sim::job_record& r) {
    if (r.state == sim::outcome::rejected) return {-1, -1};
    CHECK(r.state == sim::outcome::finished);
    return {ticks(r.first_start) / nanoseconds, ticks(r.finish) / nanoseconds};
}

std::vector<fate> simulate(std::uint32_t nodes, std::unique_ptr<policy::policy> policy,
                           const std::vector<workload::job_request>& jobs) {
    sim::parts parts{.fleet = fleet::fleet_state::flat_nodes(nodes, gpus_per_node),
                     .policy = std::move(policy),
                     .placer = policy::make_pack()};
    parts.sources.push_back(std::make_unique<workload::vector_source>(jobs));
    sim::simulation s(std::move(parts));
    s.run();
    s.results();
    std::vector<fate> fates;
    for (const sim::job_record& r : s.records(0)) fates.push_back(fate_of(r));
    return fates;
}

// ---- second by second

struct naive_job {
    std::size_t index = 0;
    std::int64_t submit = 0;
    std::int64_t length = 0;
    int gpus = 0;
    std::int64_t end = 0;
    std::vector<int> taken{};  // of each node
};

/// Takes the GPUs; nothing if there is no room.
std::vector<int> best_fit(std::vector<int>& free, int gpus) {
    std::vector<int> taken(free.size(), 0);
    std::vector<int> left = free;
    for (std::size_t n = 0; n < free.size() && gpus >= 8; ++n) {
        if (left[n] != 8) continue;
        taken[n] = 8;
        left[n] = 0;
        gpus -= 8;
    }
    if (gpus >= 8) return {};
    std::size_t best = free.size();
    for (std::size_t n = 0; n < free.size() && gpus > 0; ++n) {
        if (left[n] >= gpus && (best == free.size() || left[n] < left[best])) best = n;
    }
    if (gpus > 0) {
        if (best == free.size()) return {};
        taken[best] = gpus;
        left[best] -= gpus;
    }
    free = left;
    return taken;
}

void walk(std::size_t cluster, bool shortest_first, const std::vector<naive_job>& jobs, std::vector<fate>& fates) {
    std::vector<int> free(clusters[cluster], 8);
    std::vector<naive_job> queue;
    std::vector<naive_job> running;
    std::size_t next = 0;
    for (std::int64_t now = 0; next < jobs.size() || !queue.empty() || !running.empty(); ++now) {
        for (std::size_t i = 0; i < running.size();) {
            if (running[i].end != now) {
                ++i;
                continue;
            }
            for (std::size_t n = 0; n < free.size(); ++n) free[n] += running[i].taken[n];
            running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
        }
        for (; next < jobs.size() && jobs[next].submit == now; ++next) {
            if (jobs[next].gpus > static_cast<int>(8 * free.size()))
                fates[jobs[next].index] = {-1, -1};
            else
                queue.push_back(jobs[next]);
        }
        if (shortest_first) {
            std::stable_sort(queue.begin(), queue.end(),
                             [](const naive_job& a, const naive_job& b) { return a.length < b.length; });
        }
        while (!queue.empty()) {
            naive_job j = queue.front();
            j.taken = best_fit(free, j.gpus);
            if (j.taken.empty()) break;
            j.end = now + j.length;
            fates[j.index] = {now, j.end};
            running.push_back(j);
            queue.erase(queue.begin());
        }
    }
}

void compare(bool shortest_first, const std::string& built_in) {
    const auto jobs = helios_like(12'000);
    const std::vector<fate> own =
        simulate(first_node(clusters.size()), std::make_unique<virtual_clusters>(shortest_first), jobs);
    std::vector<fate> naive_fates(jobs.size());
    std::vector<fate> alone(jobs.size());
    for (std::size_t c = 0; c != clusters.size(); ++c) {
        std::vector<workload::job_request> requests;
        std::vector<naive_job> plain;
        for (std::size_t i = 0; i != jobs.size(); ++i) {
            if (jobs[i].group != c) continue;
            requests.push_back(jobs[i]);
            plain.push_back({.index = i,
                             .submit = ticks(jobs[i].submit) / nanoseconds,
                             .length = ticks(jobs[i].work) / nanoseconds,
                             .gpus = static_cast<int>(jobs[i].gpus)});
        }
        walk(c, shortest_first, plain, naive_fates);
        const auto of_cluster = simulate(clusters[c], policy::make_policy(built_in, {}), requests);
        for (std::size_t i = 0; i != plain.size(); ++i) alone[plain[i].index] = of_cluster[i];
    }
    std::size_t waited = 0;
    std::size_t rejected = 0;
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        rejected += own[i].first < 0 ? 1U : 0U;
        waited += own[i].first > ticks(jobs[i].submit) / nanoseconds ? 1U : 0U;
        if (own[i] != naive_fates[i] || alone[i] != naive_fates[i]) {
            FAIL("job " << i << " of virtual cluster " << jobs[i].group << ": " << own[i].first << " to "
                        << own[i].second << ", second by second " << naive_fates[i].first << " to "
                        << naive_fates[i].second << ", alone " << alone[i].first << " to " << alone[i].second);
        }
    }
    CHECK(waited > jobs.size() / 10);
    CHECK(rejected > 0);
    CHECK(rejected < jobs.size() / 10);
}

}  // namespace

TEST_CASE("first in first out in each virtual cluster of Helios", "[helios]") { compare(false, "fifo"); }
TEST_CASE("shortest first in each virtual cluster of Helios", "[helios]") { compare(true, "sjf"); }
