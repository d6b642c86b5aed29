// The reference is a std::set.
#include "lib/policy/job_sorter.hpp"

#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <vector>

using namespace ampacity;
using policy::job_sorter;
using policy::ranked_job;

namespace {

struct in_order {
    bool operator()(const ranked_job& a, const ranked_job& b) const { return policy::before(a, b); }
};

/// The sorter and a set, driven by the same operations.
struct both {
    job_sorter sorter;
    std::set<ranked_job, in_order> naive;
    std::uint64_t order = 0;

    void push(std::uint64_t key) {
        const ranked_job e{
            .key = key, .order = order, .job = job_id{static_cast<std::uint32_t>(order * 7 % 1'000'003)}};
        ++order;
        sorter.push(e);
        naive.insert(e);
        check();
    }
    void push_back_again(const ranked_job& e) {
        sorter.push(e);
        naive.insert(e);
        check();
    }
    ranked_job pop() {
        const ranked_job first = sorter.front();
        sorter.pop();
        naive.erase(naive.begin());
        check();
        return first;
    }
    void clear() {
        sorter.clear();
        naive.clear();
        check();
    }
    void check() const {
        if (sorter.size() != naive.size() || sorter.empty() != naive.empty())
            FAIL("size " << sorter.size() << ", not " << naive.size());
        if (naive.empty() || sorter.front() == *naive.begin()) return;
        FAIL("front (" << sorter.front().key << ", " << sorter.front().order << "), not (" << naive.begin()->key << ", "
                       << naive.begin()->order << ")");
    }
};

/// What keys of new jobs look like, given the number of the push and the key that left last.
template <class Key>
void drive(std::uint64_t seed, std::size_t peak, Key key) {
    std::mt19937_64 random{seed};
    both q;
    std::uint64_t last = 0;
    std::size_t reached = 0;
    for (const std::size_t goal : {peak, std::size_t{100}, peak / 3, std::size_t{0}, peak / 2, std::size_t{0}}) {
        const bool growing = goal > q.naive.size();
        while (q.naive.size() != goal) {
            if (q.naive.empty() || random() % 5 < (growing ? 4U : 1U))
                q.push(key(random, q.order, last));
            else
                last = q.pop().key;
        }
        reached = std::max(reached, goal);
    }
    CHECK(reached == peak);
    CHECK(q.sorter.empty());
}

}  // namespace

TEST_CASE("jobs leave a sorter in the order of a set for random keys", "[job_sorter]") {
    drive(1, 30'000, [](std::mt19937_64& random, std::uint64_t, std::uint64_t) { return random(); });
}

TEST_CASE("jobs of equal keys leave a sorter by arrival", "[job_sorter]") {
    drive(2, 20'000, [](std::mt19937_64& random, std::uint64_t, std::uint64_t) { return random() % 5; });
    drive(3, 20'000, [](std::mt19937_64&, std::uint64_t, std::uint64_t) { return std::uint64_t{42}; });
}

TEST_CASE("a sorter takes rising, falling and sawtooth keys", "[job_sorter]") {
    drive(4, 20'000, [](std::mt19937_64&, std::uint64_t n, std::uint64_t) { return n; });
    drive(5, 20'000, [](std::mt19937_64&, std::uint64_t n, std::uint64_t) { return ~n; });
    drive(6, 20'000, [](std::mt19937_64&, std::uint64_t n, std::uint64_t) { return n % 1000; });
}

TEST_CASE("a sorter takes keys close to those that leave", "[job_sorter]") {
    drive(7, 20'000, [](std::mt19937_64& random, std::uint64_t, std::uint64_t last) { return last + random() % 1000; });
    drive(8, 20'000, [](std::mt19937_64& random, std::uint64_t, std::uint64_t last) {
        return last < 50 ? last : last - random() % 50;
    });
}

TEST_CASE("a sorter orders the smallest and the largest key", "[job_sorter]") {
    both q;
    for (int i = 0; i != 500; ++i) {
        q.push(std::numeric_limits<std::uint64_t>::max());
        q.push(0);
        q.push(1);
    }
    while (!q.naive.empty()) q.pop();
    CHECK(q.sorter.size() == 0);
}

TEST_CASE("a job that left a sorter can come back with an older rank", "[job_sorter]") {
    std::mt19937_64 random{9};
    both q;
    for (int i = 0; i != 3000; ++i) q.push(random() % 100);
    for (int i = 0; i != 20'000; ++i) {
        ranked_job e = q.pop();
        e.key += random() % 30;
        q.push_back_again(e);
    }
    CHECK(q.sorter.size() == 3000);
    while (!q.naive.empty()) q.pop();
}

TEST_CASE("a cleared sorter begins anew", "[job_sorter]") {
    std::mt19937_64 random{10};
    both q;
    for (const std::size_t n :
         {std::size_t{5000}, std::size_t{1}, std::size_t{0}, std::size_t{129}, std::size_t{2000}}) {
        for (std::size_t i = 0; i != n; ++i) q.push(random() % 1000);
        for (std::size_t i = 0; i != n / 3; ++i) q.pop();
        q.clear();
        CHECK(q.sorter.empty());
    }
    for (int i = 0; i != 1000; ++i) q.push(random() % 1000);
    while (!q.naive.empty()) q.pop();
}

TEST_CASE("each job is expected once, before it comes to the front", "[job_sorter]") {
    job_sorter q;
    std::vector<bool> seen(1000);
    const auto look = [&] {
        q.for_next([&seen](job_id job) {
            if (seen[index(job)]) FAIL("job " << index(job) << " is expected again");
            seen[index(job)] = true;
        });
    };
    look();
    for (std::uint32_t i = 0; i != 1000; ++i) q.push({.key = 5000 - i, .order = i, .job = job_id{i}});
    q.pop();
    for (std::uint32_t left = 999; left != 0; --left) {
        look();
        if (!seen[index(q.front().job)]) FAIL("with " << left << " jobs left");
        q.pop();
    }
    look();
    CHECK_FALSE(seen[999]);  // which had left before
}

TEST_CASE("a sorter that repeats itself allocates nothing", "[job_sorter]") {
    job_sorter q;
    std::uint64_t spent = 0;
    for (int repeat = 0; repeat != 3; ++repeat) {
        const std::uint64_t before = test::allocations();
        std::mt19937_64 random{11};
        std::uint64_t order = 0;
        for (int i = 0; i != 20'000; ++i) q.push({.key = random(), .order = order++, .job = job_id{}});
        for (int i = 0; i != 50'000; ++i) {
            if (random() % 2 == 0)
                q.push({.key = random(), .order = order++, .job = job_id{}});
            else
                q.pop();
        }
        if (repeat == 1) q.clear();
        while (!q.empty()) q.pop();
        spent = test::allocations() - before;
    }
    CHECK(spent == 0);
}
