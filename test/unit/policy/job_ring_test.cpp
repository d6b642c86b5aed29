// The reference is a std::deque.
#include "lib/policy/job_ring.hpp"

#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <random>

using namespace ampacity;
using policy::job_ring;

namespace {

void check(const job_ring& ring, const std::deque<job_id>& naive) {
    if (ring.empty() != naive.empty())
        FAIL("the ring is " << (ring.empty() ? "" : "not ") << "empty with " << naive.size() << " jobs");
    if (!naive.empty() && ring.front() != naive.front())
        FAIL("front " << index(ring.front()) << ", not " << index(naive.front()));
}

}  // namespace

TEST_CASE("jobs leave a ring as they came", "[job_ring]") {
    std::mt19937_64 random{1};
    job_ring ring;
    std::deque<job_id> naive;
    std::uint32_t next = 0;
    check(ring, naive);
    for (const std::size_t goal : {50'000U, 10U, 64U, 63U, 65U, 20'000U, 0U, 1U, 0U, 80'000U, 0U}) {
        const bool growing = goal > naive.size();
        while (naive.size() != goal) {
            if (naive.empty() || random() % 5 < (growing ? 4U : 1U)) {
                ring.push_back(job_id{next});
                naive.push_back(job_id{next++});
            } else {
                ring.pop_front();
                naive.pop_front();
            }
            check(ring, naive);
        }
    }
    CHECK(ring.empty());
    CHECK(next > 150'000);
}

TEST_CASE("a ring that grows while it is wrapped keeps its order", "[job_ring]") {
    for (std::uint32_t offset = 0; offset != 70; ++offset) {
        CAPTURE(offset);
        job_ring ring;
        std::uint32_t in = 0;
        std::uint32_t out = 0;
        for (std::uint32_t i = 0; i != offset; ++i) {
            ring.push_back(job_id{in++});
            if (ring.front() != job_id{out++}) FAIL("before it grows");
            ring.pop_front();
        }
        while (in - out != 500) ring.push_back(job_id{in++});
        std::size_t wrong = 0;
        for (; !ring.empty(); ring.pop_front()) {
            if (ring.front() != job_id{out++}) ++wrong;
        }
        CHECK(wrong == 0);
        CHECK(in == out);
    }
}

TEST_CASE("a ring allocates nothing once it has been as long", "[job_ring]") {
    job_ring ring;
    for (std::uint32_t i = 0; i != 10'000; ++i) ring.push_back(job_id{i});
    while (!ring.empty()) ring.pop_front();
    const std::uint64_t before = test::allocations();
    std::uint32_t in = 0;
    std::uint32_t out = 0;
    std::size_t wrong = 0;
    for (int round = 0; round != 5; ++round) {
        while (in - out != 10'000) ring.push_back(job_id{in++});
        while (in - out != (round % 2 == 0 ? 3'333U : 0U)) {
            if (ring.front() != job_id{out++}) ++wrong;
            ring.pop_front();
        }
    }
    CHECK(test::allocations() == before);
    CHECK(wrong == 0);
}

TEST_CASE("a job is put into a ring behind those before it", "[job_ring]") {
    std::mt19937_64 random{3};
    job_ring ring;
    std::deque<job_id> naive;
    std::uint32_t next = 0;
    std::deque<job_id> away;
    const auto before = [](job_id a, job_id b) { return index(a) < index(b); };
    for (int step = 0; step != 20'000; ++step) {
        const std::uint64_t what = random() % 5;
        if (what < 2) {
            ring.push_back(job_id{next});
            naive.push_back(job_id{next++});
        } else if (what < 4 && !naive.empty()) {
            if (random() % 2 == 0) away.push_back(naive.front());
            ring.pop_front();
            naive.pop_front();
        } else if (!away.empty()) {
            ring.insert(away.back(), before);
            naive.insert(std::upper_bound(naive.begin(), naive.end(), away.back(), before), away.back());
            away.pop_back();
        }
        check(ring, naive);
    }
    while (!naive.empty()) {
        check(ring, naive);
        ring.pop_front();
        naive.pop_front();
    }
}
