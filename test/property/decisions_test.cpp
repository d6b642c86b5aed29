// Policies of different names decide differently: on one workload, every two of the registry give some job another
// start, end or number of preemptions. A policy that is added to the registry takes part.

#include "support/catch.hpp"
#include "support/engine_replay.hpp"
#include "support/random_workload.hpp"

#include <ampacity/policy/registry.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace ampacity;

/// Jobs of minutes to hours with users, priorities and wrong estimates, more than the nodes can take.
std::vector<naive::job> common_workload(const naive::fleet& where) {
    auto jobs = naive::random_workload(2026, naive::flavour::long_jobs, where, 400);
    naive::test_random random(2026);
    for (naive::job& j : jobs) {
        j.user = static_cast<std::uint32_t>(random.between(1, 9));
        j.group = j.user % 3 + 1;
        j.priority = static_cast<std::int32_t>(random.between(0, 3));
    }
    return jobs;
}

/// Every third job may have between half and twice of its GPUs.
void make_elastic(workload::job_request& r) {
    if (r.name % 3 != 0 || r.gpus < 2) return;
    r.kind = workload::job_kind::elastic;
    r.gpus_min = r.gpus / 2;
    r.gpus_max = 2 * r.gpus;
    r.serial_fraction = 0.02;
}

/// Carbon that falls over eight hours, and a price that rises.
policy::known_signals two_signals() {
    std::vector<instant> begins;
    std::vector<std::int64_t> falling;
    for (std::int64_t i = 0; i != 8; ++i) {
        begins.push_back(start_of_time + std::chrono::hours{i});
        falling.push_back(8 - i);
    }
    const std::vector<std::int64_t> rising(falling.rbegin(), falling.rend());
    const instant end = begins.back() + std::chrono::hours{1};
    return {.carbon = std::make_shared<exact_series>(begins, falling, end, outside::repeated),
            .marginal = nullptr,
            .price = std::make_shared<exact_series>(begins, rising, end, outside::repeated)};
}

std::size_t differing(const std::vector<naive::outcome>& a, const std::vector<naive::outcome>& b) {
    std::size_t count = 0;
    for (std::size_t i = 0; i != a.size(); ++i) {
        count += static_cast<std::size_t>(a[i].first_start_ns != b[i].first_start_ns ||
                                          a[i].finish_ns != b[i].finish_ns || a[i].preemptions != b[i].preemptions);
    }
    return count;
}

}  // namespace

TEST_CASE("policies of different names decide differently") {
    const naive::fleet where{.nodes = 6, .gpus_per_node = 8, .placer = "pack"};
    const auto jobs = common_workload(where);
    std::map<std::string, std::vector<naive::outcome>> schedules;
    for (const auto& d : policy::policies()) {
        const std::string name{d.name};
        // Without feeds power-aware is fifo; with them, see power_aware_test.cpp.
        if (name == "explain" || name == "power-aware") continue;
        schedules[name] =
            test::replay_by_engine(jobs, where, {.policy = name, .change = make_elastic, .signals = two_signals()});
    }
    REQUIRE(schedules.size() + 2 == policy::policies().size());
    for (auto a = schedules.begin(); a != schedules.end(); ++a) {
        for (auto b = std::next(a); b != schedules.end(); ++b) {
            INFO(a->first << " and " << b->first);
            CHECK(differing(a->second, b->second) >= 5);
        }
    }
    const auto explained =
        test::replay_by_engine(jobs, where, {.policy = "explain", .options = {.explain_policy = "srtf"}});
    CHECK(differing(schedules["srtf"], explained) == 0);
}
