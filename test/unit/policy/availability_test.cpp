// The reference is a std::map from the beginning of each step to what is free in it.
#include "lib/policy/availability.hpp"

#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <utility>
#include <vector>

using namespace ampacity;
using policy::availability;
using policy::never_planned;
using policy::planned_time;

namespace {

using ends_list = std::vector<std::pair<planned_time, std::int64_t>>;

class naive_steps {
public:
    void reset(planned_time now, std::int64_t free, const ends_list& ends) {
        free_.clear();
        free_[now] = free;
        for (const auto& [end, gpus] : ends) free_[end] = free += gpus;
    }
    void forget_past(planned_time now) {
        cut(now);
        free_.erase(free_.begin(), free_.find(now));
    }
    [[nodiscard]] std::int64_t free_at(planned_time t) const { return std::prev(free_.upper_bound(t))->second; }
    [[nodiscard]] std::optional<planned_time> free_for(std::int64_t gpus) const {
        if (free_.begin()->second < gpus) return std::nullopt;
        for (const auto& [t, free] : free_) {
            if (free < gpus) return t - free_.begin()->first;
        }
        return never_planned;
    }
    /// Tries `from` and then every step.
    [[nodiscard]] planned_time earliest(planned_time from, std::int64_t gpus, duration length) const {
        planned_time start = from;
        auto step = std::prev(free_.upper_bound(from));
        while (true) {
            const planned_time end = end_of(start, length);
            auto at = step;
            if (at->second >= gpus) ++at;
            while (at != free_.end() && at->second >= gpus && at->first < end) ++at;
            const bool room = step->second >= gpus && (at == free_.end() || at->first >= end);
            if (room) return start;
            while (at != free_.end() && at->second < gpus) ++at;
            if (at == free_.end()) return never_planned;
            start = at->first;
            step = at;
        }
    }
    void claim(planned_time start, duration length, std::int64_t gpus) {
        const planned_time end = end_of(start, length);
        if (end == start) return;
        cut(end);
        cut(start);
        for (auto at = free_.find(start); at->first != end; ++at) at->second -= gpus;
    }

    [[nodiscard]] auto begin() const { return free_.begin(); }
    [[nodiscard]] auto end() const { return free_.end(); }
    [[nodiscard]] std::size_t size() const { return free_.size(); }

private:
    static planned_time end_of(planned_time start, duration length) {
        const auto ns = static_cast<planned_time>(length.count());
        return ns > never_planned - start ? never_planned : start + ns;
    }
    void cut(planned_time t) { free_.emplace(t, free_at(t)); }

    std::map<planned_time, std::int64_t> free_;
};

/// Everything, at and around each step.
void check_all(const availability& a, const naive_steps& n) {
    for (const auto& [t, free] : n) {
        if (a.free_at(t) != free) FAIL("at " << t << " are free " << a.free_at(t) << ", not " << free);
        if (t != n.begin()->first && a.free_at(t - 1) != n.free_at(t - 1)) FAIL("just before " << t);
        if (t != never_planned && a.free_at(t + 1) != n.free_at(t + 1)) FAIL("just after " << t);
    }
    if (a.free_at(never_planned) != n.free_at(never_planned)) FAIL("at the end of time");
}

/// What the random operations are like.
struct style {
    planned_time begin = 0;
    planned_time span = 1'000'000;  ///< of the times
    std::int64_t longest = 50'000;  ///< of the claims
    std::size_t ends = 1000;
    std::size_t steps = 3000;  ///< operations
    bool forget = false;
    bool at_slots = true;  ///< claims are made where there is room
};

void drive(std::uint64_t seed, const style& s) {
    std::mt19937_64 random{seed};
    availability a;
    naive_steps n;
    constexpr std::int64_t fleet = 64;
    for (int repeat = 0; repeat != 2; ++repeat) {  // a reset forgets everything
        ends_list ends;
        planned_time now = s.begin;
        for (std::size_t i = 0; i != s.ends; ++i) {
            ends.emplace_back(now + 1 + random() % (s.span < never_planned - now ? s.span : never_planned - now - 1),
                              random() % 3);
        }
        std::sort(ends.begin(), ends.end());
        for (std::size_t i = 1; i < ends.size(); ++i) {
            if (random() % 4 == 0) ends[i].first = ends[i - 1].first;  // several at one instant
        }
        a.reset(now, 8, ends);
        n.reset(now, 8, ends);
        check_all(a, n);
        std::size_t most = 0;
        for (std::size_t step = 0; step != s.steps; ++step) {
            const auto gpus = static_cast<std::int64_t>(1 + random() % fleet) >> random() % 6;
            const duration length{
                random() % 8 == 0 ? 0 : static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(s.longest))};
            planned_time from = now;
            if (random() % 2 == 0) from += random() % std::min(s.span, never_planned - now);
            if (random() % 4 == 0)
                from =
                    std::next(n.begin(), static_cast<std::ptrdiff_t>(random() % std::min<std::size_t>(n.size(), 500)))
                        ->first;
            if (a.free_for(gpus) != n.free_for(gpus)) FAIL("step " << step << ": free for " << gpus);
            const planned_time slot = a.earliest(from, gpus, length);
            if (slot != n.earliest(from, gpus, length)) {
                FAIL("step " << step << ": earliest from " << from << " of " << gpus << " for " << length.count()
                             << " is " << slot << ", not " << n.earliest(from, gpus, length));
            }
            if (a.free_at(from) != n.free_at(from))
                FAIL("step " << step << ": at " << from << " are free " << a.free_at(from));
            const planned_time start = s.at_slots ? slot : from;
            if (start != never_planned) {
                a.claim(start, length, gpus);
                n.claim(start, length, gpus);
            }
            if (s.forget && step % 7 == 0) {
                // To a step, between steps, or nowhere.
                if (random() % 3 == 0)
                    now = std::next(n.begin(), n.size() > 3 ? 3 : 0)->first;
                else if (random() % 2 == 0)
                    now += random() % 200;
                if (now == never_planned) break;
                a.forget_past(now);
                n.forget_past(now);
            }
            most = std::max(most, n.size());
            if (step % 500 == 0) check_all(a, n);
        }
        check_all(a, n);
        CHECK(most > s.ends / 2);
    }
}

}  // namespace

TEST_CASE("reservations at their earliest slots agree with a map", "[availability]") { drive(1, {}); }

TEST_CASE("thousands of steps in many blocks agree with a map", "[availability]") {
    drive(2, {.span = 1'000'000'000, .longest = 30'000'000, .ends = 4000, .steps = 2000});
    drive(3, {.span = 1'000'000'000, .longest = 900'000'000, .ends = 0, .steps = 3000, .at_slots = false});
}

TEST_CASE("few instants, so that many meet, agree with a map", "[availability]") {
    drive(4, {.span = 200, .longest = 20, .ends = 60, .steps = 4000});
    drive(5, {.span = 200, .longest = 200, .ends = 60, .steps = 4000, .at_slots = false});
}

TEST_CASE("forgetting the past agrees with a map", "[availability]") {
    drive(6, {.forget = true});
    drive(7, {.span = 100'000, .longest = 5'000, .ends = 2000, .steps = 4000, .forget = true, .at_slots = false});
}

TEST_CASE("plans near the end of the range agree with a map", "[availability]") {
    constexpr planned_time late = never_planned - 2'000'000;
    drive(8, {.begin = late, .span = 1'999'000, .longest = 50'000, .ends = 500, .steps = 2000});
    drive(9, {.begin = late, .span = 1'999'000, .longest = 5'000'000, .ends = 500, .steps = 1000, .at_slots = false});
    drive(10, {.begin = planned_time{1} << 63U,
               .longest = std::numeric_limits<std::int64_t>::max(),
               .ends = 300,
               .steps = 1000,
               .forget = true});
}

TEST_CASE("a job without length needs its GPUs at one instant", "[availability]") {
    availability a;
    a.reset(10, 2, {{20, 1}, {20, 1}, {30, 4}});
    CHECK(a.free_at(10) == 2);
    CHECK(a.free_at(19) == 2);
    CHECK(a.free_at(20) == 4);
    CHECK(a.free_at(never_planned) == 8);
    CHECK(a.earliest(10, 2, duration{0}) == 10);
    CHECK(a.earliest(10, 3, duration{0}) == 20);
    CHECK(a.earliest(25, 3, duration{0}) == 25);
    CHECK(a.earliest(10, 9, duration{0}) == never_planned);
    a.claim(10, duration{0}, 2);
    CHECK(a.free_at(10) == 2);
}

TEST_CASE("a slot may end where the next reservation begins", "[availability]") {
    availability a;
    a.reset(0, 4, {});
    a.claim(100, duration{50}, 4);
    CHECK(a.free_for(4) == planned_time{100});
    CHECK(a.free_for(5) == std::nullopt);
    CHECK(a.free_for(0) == never_planned);
    CHECK(a.earliest(0, 1, duration{100}) == 0);
    CHECK(a.earliest(0, 1, duration{101}) == 150);
    CHECK(a.earliest(1, 1, duration{100}) == 150);
    CHECK(a.earliest(99, 1, duration{1}) == 99);
    CHECK(a.earliest(120, 1, duration{1}) == 150);
    a.forget_past(100);
    CHECK(a.free_for(1) == std::nullopt);
    CHECK(a.free_at(100) == 0);
    a.forget_past(150);
    CHECK(a.free_for(4) == never_planned);
}

TEST_CASE("a reservation beyond the range takes its GPUs for good", "[availability]") {
    availability a;
    a.reset(never_planned - 1000, 4, {});
    a.claim(never_planned - 10, duration{11}, 3);
    CHECK(a.free_at(never_planned - 11) == 4);
    CHECK(a.free_at(never_planned - 10) == 1);
    CHECK(a.free_at(never_planned - 1) == 1);
    CHECK(a.earliest(never_planned - 1000, 4, duration{990}) == never_planned - 1000);
    CHECK(a.earliest(never_planned - 1000, 4, duration{991}) == never_planned);
    a.claim(never_planned, duration{5}, 1);  // never: nothing happens
    CHECK(a.free_at(never_planned - 1) == 1);
}

TEST_CASE("a plan that repeats itself allocates nothing", "[availability]") {
    availability a;
    ends_list ends;
    for (planned_time i = 0; i != 1000; ++i) ends.emplace_back(10 + i * 10, 1);
    std::uint64_t spent = 0;
    for (int repeat = 0; repeat != 3; ++repeat) {
        const std::uint64_t before = test::allocations();
        a.reset(0, 8, ends);
        for (std::int64_t i = 0; i != 2000; ++i) {
            const std::int64_t gpus = 1 + i * 37 % 50;
            const duration length{1 + i * 101 % 997};
            a.claim(a.earliest(0, gpus, length), length, gpus);
        }
        a.forget_past(5'000);
        spent = test::allocations() - before;
    }
    CHECK(spent == 0);
}
