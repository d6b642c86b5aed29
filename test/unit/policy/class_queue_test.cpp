// The reference is one vector in submit order, searched from its front.
#include "support/catch.hpp"

#include <ampacity/policy/class_queue.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <utility>
#include <vector>

using namespace ampacity;
using policy::class_queue;

namespace {

constexpr duration longest = duration::max() - duration{1};

struct waiting {
    std::uint64_t order = 0;
    job_id job{};
    fleet::demand demand{};
    duration estimate{};
};

/// The queue and its reference, driven by the same operations.
class both {
public:
    explicit both(std::uint64_t seed) : random_(seed) {}

    [[nodiscard]] std::size_t size() const { return naive_.size(); }

    void push(fleet::demand demand, duration estimate) {
        job_id job{next_row_};
        if (free_rows_.empty()) {
            ++next_row_;
        } else {  // rows of jobs are reused, in no order
            std::swap(free_rows_[random_() % free_rows_.size()], free_rows_.back());
            job = free_rows_.back();
            free_rows_.pop_back();
        }
        order_ += 1 + random_() % 3;
        queue_.push(job, order_, demand, estimate);
        naive_.push_back({.order = order_, .job = job, .demand = demand, .estimate = std::min(estimate, longest)});
    }

    void remove(std::size_t at) {
        queue_.remove(naive_[at].job);
        free_rows_.push_back(naive_[at].job);
        naive_.erase(naive_.begin() + static_cast<std::ptrdiff_t>(at));
    }

    /// Takes a job out and puts it back later, behind those that came in between.
    void leave(std::size_t at) {
        queue_.remove(naive_[at].job);
        away_.push_back(naive_[at]);
        naive_.erase(naive_.begin() + static_cast<std::ptrdiff_t>(at));
    }
    [[nodiscard]] std::size_t away() const { return away_.size(); }
    void come_back(std::size_t at) {
        const waiting w = away_[at];
        away_.erase(away_.begin() + static_cast<std::ptrdiff_t>(at));
        queue_.put_back(w.job, w.order, w.demand, w.estimate);
        naive_.insert(std::upper_bound(naive_.begin(), naive_.end(), w,
                                       [](const waiting& a, const waiting& b) { return a.order < b.order; }),
                      w);
    }

    /// One search in every lane.
    void check_search() {
        const std::uint64_t from = random_() % 4 == 0 ? 0 : random_() % (order_ + 2);
        duration limit = random_() % 4 == 0 ? longest : duration{static_cast<std::int64_t>(random_() % 5000)};
        if (!naive_.empty() && random_() % 2 == 0)
            limit = naive_[random_() % naive_.size()].estimate - duration{random_() % 3 == 0 ? 1 : 0};
        const std::uint64_t gpus = random_() % 3 == 0 ? ~std::uint64_t{0} : random_() % 40;
        std::map<std::pair<std::uint32_t, bool>, std::vector<const waiting*>> lanes;
        for (const waiting& w : naive_) {
            if (w.demand.gpus <= gpus) lanes[{w.demand.gpus, w.demand.spread}].push_back(&w);
        }
        std::size_t seen = 0;
        std::uint32_t last = 0;
        queue_.for_lanes(gpus, [&](const class_queue::lane& lane) {
            const fleet::demand demand = lane.demand();
            if (demand.gpus < last) FAIL("the lane of " << demand.gpus << " GPUs comes behind that of " << last);
            last = demand.gpus;
            ++seen;
            const auto expected = lanes.find({demand.gpus, demand.spread});
            if (expected == lanes.end()) FAIL("an empty lane, or one of more than " << gpus << ": " << demand.gpus);
            if (lane.size() != expected->second.size())
                FAIL("lane of " << demand.gpus << " has " << lane.size() << " jobs");
            class_queue::entry first;
            for (const waiting* w : expected->second) {
                if (w->order < from || w->estimate > limit) continue;
                first = {.order = w->order, .job = w->job};
                break;
            }
            const class_queue::entry found = lane.first(from, limit);
            if (found.order != first.order || found.job != first.job) {
                FAIL("first of " << demand.gpus << " GPUs from " << from << " within " << ticks(limit) << ": "
                                 << found.order << ", not " << first.order);
            }
            const duration above{static_cast<std::int64_t>(random_() % 5000)};
            first = {};
            for (const waiting* w : expected->second) {
                if (w->order < from || w->estimate > limit || w->estimate <= above) continue;
                first = {.order = w->order, .job = w->job};
                break;
            }
            if (lane.first(from, limit, above).job != first.job)
                FAIL("first of " << demand.gpus << " GPUs within " << ticks(limit) << " and above " << ticks(above));
        });
        if (seen != lanes.size()) FAIL(seen << " lanes of " << lanes.size());
    }

    /// The whole chain in submit order.
    void check_order() const {
        if (queue_.size() != naive_.size() || queue_.empty() != naive_.empty())
            FAIL("size " << queue_.size() << ", not " << naive_.size());
        job_id at = queue_.front();
        for (const waiting& w : naive_) {
            if (at != w.job) FAIL("at rank " << w.order << " stands job " << index(at) << ", not " << index(w.job));
            at = queue_.next(at);
        }
        CHECK(at == none<job_id>);
    }

private:
    std::mt19937_64 random_;
    class_queue queue_;
    std::vector<waiting> naive_;
    std::vector<waiting> away_;
    std::vector<job_id> free_rows_;
    std::uint32_t next_row_ = 0;
    std::uint64_t order_ = 0;
};

fleet::demand draw_demand(std::mt19937_64& random, std::uint32_t lanes) {
    // The first lanes are the most frequent.
    const auto most = static_cast<std::uint32_t>(random() % lanes);
    return {.gpus = 1 + static_cast<std::uint32_t>(random() % (most + 1)), .spread = random() % 3 == 0};
}

duration draw_estimate(std::mt19937_64& random) {
    switch (random() % 12) {
        case 0: return duration::zero();
        case 1: return duration::max();
        case 2: return longest;
        case 3: return duration{static_cast<std::int64_t>(random() % 10)};
        default: return duration{static_cast<std::int64_t>(random() % 5000)};
    }
}

/// Grows and shrinks; which jobs leave is drawn by `pick` from the queue's length.
template <class Pick>
void drive(std::uint64_t seed, std::uint32_t lanes, std::size_t peak, Pick pick) {
    std::mt19937_64 random{seed};
    both q{seed + 1};
    q.check_order();
    std::size_t reached = 0;
    for (int phase = 0; phase != 6; ++phase) {
        const std::size_t goal =
            phase % 2 == 0 ? peak / (phase == 2 ? 4U : 1U) : static_cast<std::size_t>(phase == 3 ? 0 : 20);
        const std::uint64_t pushes = phase % 2 == 0 ? 5 : 1;  // of 6 operations
        for (int step = 0; q.size() != goal; ++step) {
            if (q.size() == 0 || random() % 6 < pushes)
                q.push(draw_demand(random, lanes), draw_estimate(random));
            else
                q.remove(pick(random, q.size()));
            if (step % 32 == 0) q.check_search();
        }
        reached = std::max(reached, q.size());
        for (int i = 0; i != 20; ++i) q.check_search();
        q.check_order();
    }
    CHECK(reached == peak);
}

}  // namespace

TEST_CASE("a class queue agrees with a vector when jobs leave anywhere", "[class_queue]") {
    for (const std::uint32_t lanes : {1U, 3U, 30U}) {
        CAPTURE(lanes);
        drive(lanes, lanes, 6000, [](std::mt19937_64& random, std::size_t n) { return random() % n; });
    }
}

TEST_CASE("a class queue agrees with a vector when jobs leave at the front", "[class_queue]") {
    drive(7, 12, 6000, [](std::mt19937_64& random, std::size_t n) { return random() % std::min<std::size_t>(n, 3); });
}

TEST_CASE("a class queue agrees with a vector when jobs leave at the back", "[class_queue]") {
    drive(8, 12, 6000,
          [](std::mt19937_64& random, std::size_t n) { return n - 1 - random() % std::min<std::size_t>(n, 3); });
}

TEST_CASE("one job more than a run of slots is found behind sixteen longer ones", "[class_queue]") {
    class_queue q;
    constexpr fleet::demand wanted{.gpus = 4};
    for (std::uint32_t i = 0; i != 1000; ++i) q.push(job_id{i}, i, wanted, duration{i == 700 || i == 999 ? 5 : 10});
    const auto first = [&q](std::uint64_t from, std::int64_t within) {
        class_queue::entry e;
        q.for_lanes(4, [&](const class_queue::lane& lane) { e = lane.first(from, duration{within}); });
        return e.job;
    };
    CHECK(first(0, 5) == job_id{700});
    CHECK(first(700, 5) == job_id{700});
    CHECK(first(701, 9) == job_id{999});
    CHECK(first(701, 10) == job_id{701});
    CHECK(first(0, 4) == none<job_id>);
    CHECK(first(1000, 10) == none<job_id>);
    q.remove(job_id{700});
    CHECK(first(0, 5) == job_id{999});
    q.remove(job_id{999});
    CHECK(first(0, 5) == none<job_id>);
    CHECK(first(0, 10) == job_id{0});
}

TEST_CASE("an estimate without limit counts as the longest", "[class_queue]") {
    class_queue q;
    q.push(job_id{3}, 1, {.gpus = 1}, duration::max());
    q.for_lanes(1, [](const class_queue::lane& lane) {
        CHECK(lane.first(0, longest).job == job_id{3});
        CHECK(lane.first(0, longest - duration{1}).job == none<job_id>);
    });
    q.remove(job_id{3});
    CHECK(q.empty());
    std::size_t lanes = 0;
    q.for_lanes(100, [&](const class_queue::lane&) { ++lanes; });
    CHECK(lanes == 0);
    q.push(job_id{3}, 2, {.gpus = 1}, duration{1});
    CHECK(q.front() == job_id{3});
    CHECK(q.size() == 1);
}

TEST_CASE("jobs that come back to a queue stand where they stood", "[class_queue]") {
    for (std::uint64_t seed = 0; seed != 200; ++seed) {
        std::mt19937_64 random{seed};
        both q{seed + 1};
        for (int step = 0; step != 300; ++step) {
            const std::uint64_t what = random() % 8;
            if (what < 3)
                q.push(draw_demand(random, 4), draw_estimate(random));
            else if (what < 4 && q.size() != 0)
                q.remove(random() % q.size());
            else if (what < 6 && q.size() != 0)
                q.leave(random() % q.size());
            else if (q.away() != 0)
                q.come_back(random() % q.away());
            q.check_order();
            q.check_search();
        }
    }
}
