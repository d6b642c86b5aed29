#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>
#include <ampacity/workload/synthetic.hpp>

#include <cstdio>
#include <set>
#include <tuple>

using namespace ampacity;
using namespace std::chrono_literals;

/// The queued job with the shortest estimate starts first; one that does not fit blocks those behind it.
class shortest_estimate_first final : public policy::policy {
    std::set<std::tuple<duration, std::uint64_t, job_id>> queue_;

    void on_submit(const policy::view& v, job_id job) override { queue_.insert({v[job].estimate, v[job].order, job}); }
    void decide(const policy::view&, policy::plan& p) override {
        while (!queue_.empty() && p.start(std::get<job_id>(*queue_.begin()))) queue_.erase(queue_.begin());
    }
};

double mean_wait_s(std::unique_ptr<policy::policy> policy) {
    sim::parts parts{
        .fleet = fleet::fleet_state::flat_nodes(64, 8), .policy = std::move(policy), .placer = policy::make_pack()};
    parts.sources.push_back(
        std::make_unique<workload::synthetic_source>(workload::synthetic_options{.seed = 42,
                                                                                 .jobs = 100'000,
                                                                                 .rate_per_s = 60 / 3600.0,
                                                                                 .median = 23min,
                                                                                 .sigma = 2.1,
                                                                                 .max = 96h,
                                                                                 .sizes = {{1, 68}, {4, 14}, {8, 18}},
                                                                                 .estimate = {{1, 5}}}));
    sim::simulation simulation(std::move(parts));
    simulation.run();
    return simulation.results().wait_s->mean;
}

int main() {
    std::printf("mean wait: easy %.0f s, mine %.0f s\n", mean_wait_s(policy::make_policy("easy", {})),
                mean_wait_s(std::make_unique<shortest_estimate_first>()));
}
