// The reference is a std::set.
#include "lib/policy/ordered_jobs.hpp"

#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <cstdint>
#include <iterator>
#include <random>
#include <set>
#include <vector>

using namespace ampacity;
using policy::before;
using policy::ordered_jobs;
using policy::ranked_job;

namespace {

static_assert(before({.key = 1, .order = 9}, {.key = 2, .order = 0}) &&
              !before({.key = 2, .order = 0}, {.key = 1, .order = 9}));
static_assert(before({.key = 1, .order = 3}, {.key = 1, .order = 4}) &&
              !before({.key = 1, .order = 4}, {.key = 1, .order = 4}));

struct in_order {
    bool operator()(const ranked_job& a, const ranked_job& b) const { return before(a, b); }
};
using naive_set = std::set<ranked_job, in_order>;

ranked_job ranked(std::uint64_t key, std::uint64_t order) {
    return {.key = key, .order = order, .job = job_id{static_cast<std::uint32_t>(order * 13 % 100'003)}};
}

void check_ends(const ordered_jobs& jobs, const naive_set& naive) {
    if (jobs.empty() != naive.empty()) FAIL("empty with " << naive.size() << " jobs");
    if (naive.empty()) return;
    if (jobs.first() != *naive.begin()) FAIL("first " << jobs.first().order << ", not " << naive.begin()->order);
    if (jobs.last() != *naive.rbegin()) FAIL("last " << jobs.last().order << ", not " << naive.rbegin()->order);
}

void check_walk(const ordered_jobs& jobs, const naive_set& naive) {
    auto at = jobs.begin();
    for (const ranked_job& e : naive) {
        if (at == jobs.end() || *at != e || at->job != e.job)
            FAIL("the walk differs at (" << e.key << ", " << e.order << ")");
        ++at;
    }
    CHECK(at == jobs.end());
}

void check_behind(const ordered_jobs& jobs, const naive_set& naive, const ranked_job& e) {
    const auto expected = naive.upper_bound(e);
    const auto found = jobs.behind(e);
    if ((found == jobs.end()) != (expected == naive.end())) FAIL("behind (" << e.key << ", " << e.order << ")");
    if (expected != naive.end() && *found != *expected)
        FAIL("behind (" << e.key << ", " << e.order << ") comes " << found->order);
}

/// Grows and shrinks by erasing anywhere, with keys below `keys`.
void drive(std::uint64_t seed, std::uint64_t keys) {
    std::mt19937_64 random{seed};
    ordered_jobs jobs;
    naive_set naive;
    std::vector<ranked_job> alive;
    std::uint64_t order = 0;
    check_ends(jobs, naive);
    for (const std::size_t goal : {20'000U, 30U, 10'000U, 0U, 70U, 0U}) {
        const bool growing = goal > naive.size();
        while (naive.size() != goal) {
            if (naive.empty() || random() % 5 < (growing ? 4U : 1U)) {
                const ranked_job e = ranked(random() % keys, order++);
                jobs.insert(e);
                naive.insert(e);
                alive.push_back(e);
            } else {
                std::swap(alive[random() % alive.size()], alive.back());
                jobs.erase(alive.back());
                naive.erase(alive.back());
                alive.pop_back();
            }
            check_ends(jobs, naive);
            if (!alive.empty()) check_behind(jobs, naive, alive[random() % alive.size()]);
            check_behind(jobs, naive, ranked(random() % keys, random() % (order + 1)));
        }
        check_walk(jobs, naive);
    }
    CHECK(order > 20'000);
}

}  // namespace

TEST_CASE("ordered jobs agree with a set for random keys", "[ordered_jobs]") { drive(1, ~std::uint64_t{0}); }

TEST_CASE("ordered jobs of equal keys stand by arrival", "[ordered_jobs]") {
    drive(2, 4);
    drive(3, 1);
}

TEST_CASE("ordered jobs can be cleared and filled again", "[ordered_jobs]") {
    ordered_jobs jobs;
    naive_set naive;
    jobs.clear();
    CHECK(jobs.empty());
    CHECK(jobs.begin() == jobs.end());
    for (int repeat = 0; repeat != 4; ++repeat) {
        for (std::uint64_t i = 0; i != 3000; ++i) {
            const ranked_job e = ranked(i * 7919 % 1000, i);
            jobs.insert(e);
            naive.insert(e);
        }
        check_walk(jobs, naive);
        jobs.clear();
        naive.clear();
        check_walk(jobs, naive);
        CHECK(jobs.empty());
    }
}

TEST_CASE("a job that is not in the set cannot be erased", "[ordered_jobs]") {
    ordered_jobs jobs;
    CHECK_THROWS_AS(jobs.erase(ranked(1, 1)), internal_error);
    jobs.insert(ranked(1, 1));
    jobs.insert(ranked(1, 3));
    CHECK_THROWS_AS(jobs.erase(ranked(1, 2)), internal_error);
    CHECK_THROWS_AS(jobs.erase(ranked(2, 1)), internal_error);
    CHECK_THROWS_AS(jobs.erase({.key = 1, .order = 1, .job = job_id{99}}),
                    internal_error);  // another job at this place
    CHECK(jobs.first() == ranked(1, 1));
    CHECK(jobs.last() == ranked(1, 3));
    jobs.erase(ranked(1, 1));
    jobs.erase(ranked(1, 3));
    CHECK(jobs.empty());
}

TEST_CASE("ordered jobs allocate nothing once they have been as many", "[ordered_jobs]") {
    ordered_jobs jobs;
    for (std::uint64_t i = 0; i != 10'000; ++i) jobs.insert(ranked(i % 100, i));
    jobs.clear();
    const std::uint64_t allocations = test::allocations();
    std::uint64_t order = 0;
    std::size_t left = 0;
    for (int repeat = 0; repeat != 3; ++repeat) {
        for (; left != 10'000; ++left) jobs.insert(ranked(order * 31 % 997, order)), ++order;
        for (; left != 5'000; --left) jobs.erase(ranked_job{left % 2 == 0 ? jobs.first() : jobs.last()});
        if (repeat == 1) {
            jobs.clear();
            left = 0;
        }
    }
    CHECK(test::allocations() == allocations);
}
