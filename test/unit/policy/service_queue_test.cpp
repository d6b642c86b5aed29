// The reference is a sorted set.
#include "lib/policy/service_queue.hpp"

#include "support/catch.hpp"
#include "support/random_workload.hpp"

#include <cstdint>
#include <limits>
#include <set>
#include <tuple>

using namespace ampacity;
using policy::service_queue;

namespace {

/// (service, order, job, GPUs, spread)
using row = std::tuple<uint128, std::uint64_t, std::uint32_t, std::uint32_t, bool>;

}  // namespace

TEST_CASE("services are lengths x GPUs, beyond 64 bits", "[service_queue]") {
    service_queue q;
    const std::uint64_t longest = std::numeric_limits<std::uint64_t>::max();
    q.push({.gpus = 4}, longest, 0, job_id{0});
    q.push({.gpus = 3}, longest, 1, job_id{1});
    q.push({.gpus = 5}, longest, 2, job_id{2});
    CHECK(q.front().job == job_id{1});
    CHECK(q.front().service == uint128{longest} * 3);
    q.pop();
    CHECK(q.front().job == job_id{0});
    q.pop();
    CHECK(q.front().job == job_id{2});
    q.pop();
    CHECK(q.empty());
}

TEST_CASE("equal services of different GPUs stand in the order of arrival", "[service_queue]") {
    service_queue q;
    q.push({.gpus = 1}, 12, 5, job_id{5});
    q.push({.gpus = 6}, 2, 4, job_id{4});
    q.push({.gpus = 12}, 1, 3, job_id{3});
    q.push({.gpus = 12, .spread = true}, 1, 6, job_id{6});
    for (const std::uint32_t job : {3U, 4U, 5U, 6U}) {
        CHECK(q.front().job == job_id{job});
        q.pop();
    }
}

TEST_CASE("a queue of services is a sorted set", "[service_queue]") {
    for (std::uint64_t seed = 0; seed != 200; ++seed) {
        naive::test_random random(seed);
        service_queue q;
        std::set<row> naive;
        std::uint32_t pushed = 0;
        for (int step = 0; step != 600; ++step) {
            const std::int64_t what = random.between(0, 9);
            if (what < (step < 400 ? 6 : 2)) {
                const auto gpus = static_cast<std::uint32_t>(random.between(1, 6));
                const bool spread = random.chance(20);
                const auto length = static_cast<std::uint64_t>(random.between(0, 40));
                // Orders that come back are those of preempted jobs.
                const std::uint64_t order = std::uint64_t{pushed} * 7919 % 10'007;
                q.push({.gpus = gpus, .spread = spread}, length, order, job_id{pushed});
                naive.insert({uint128{length} * gpus, order, pushed, gpus, spread});
                ++pushed;
            } else if (what < 8 && !naive.empty()) {
                q.pop();
                naive.erase(naive.begin());
            } else {
                const auto most = static_cast<std::uint32_t>(random.between(0, 6));
                const bool agrees = random.chance(80);
                auto at = naive.begin();
                while (at != naive.end() && std::get<3>(*at) > most) ++at;
                std::uint32_t asked = std::numeric_limits<std::uint32_t>::max();
                const bool taken = q.take_first([most](fleet::demand d) { return d.gpus <= most; },
                                                [&](job_id job) {
                                                    asked = static_cast<std::uint32_t>(index(job));
                                                    return agrees;
                                                });
                if (taken != (at != naive.end() && agrees)) FAIL("seed " << seed << " step " << step);
                if (at != naive.end() && asked != std::get<2>(*at)) FAIL("seed " << seed << " step " << step);
                if (taken) naive.erase(at);
            }
            if (q.size() != naive.size() || q.empty() != naive.empty()) FAIL("seed " << seed << " step " << step);
            if (!naive.empty() && q.front().job != job_id{std::get<2>(*naive.begin())})
                FAIL("seed " << seed << " step " << step);
        }
    }
    SUCCEED();
}
