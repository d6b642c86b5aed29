// Rounds, passes and the clock, as the pseudo-code in kernel.hpp says.

#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <ampacity/kernel/heap_queue.hpp>
#include <ampacity/kernel/kernel.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using namespace ampacity;
using ampacity::kernel::bucket_queue;
using ampacity::kernel::event;
using ampacity::kernel::event_handle;
using ampacity::kernel::phase;
using ampacity::kernel::run_status;
using heap4 = ampacity::kernel::heap_queue<4>;

instant at(std::int64_t t) { return instant{duration{t}}; }
event named(std::uint32_t entity) { return {0, 0, entity, 0}; }

/// Writes what happens as "time:entity" and "time:pass", and does what a test hangs onto it.
template <class Queue>
struct recorder {
    using kernel_type = ampacity::kernel::kernel<recorder, Queue>;
    static constexpr phase pass_phase{5};

    void dispatch(const event& e, kernel_type& k) {
        log.push_back(std::to_string(ticks(k.now())) + ":" + std::to_string(e.entity));
        if (on_event) on_event(e, k);
    }
    void pass(kernel_type& k) {
        log.push_back(std::to_string(ticks(k.now())) + ":pass");
        if (on_pass) on_pass(k);
    }

    std::vector<std::string> log;
    std::function<void(const event&, kernel_type&)> on_event;
    std::function<void(kernel_type&)> on_pass;
};

template <class Queue>
struct without_pass {
    using kernel_type = ampacity::kernel::kernel<without_pass, Queue>;
    void dispatch(const event& e, kernel_type& k) {
        order.push_back(e.entity);
        if (e.entity < 10) k.schedule_in(duration{0}, phase{0}, named(e.entity + 100));
    }
    std::vector<std::uint32_t> order;
};

using strings = std::vector<std::string>;

static_assert(!std::is_copy_constructible_v<ampacity::kernel::kernel<recorder<bucket_queue>>>);

TEMPLATE_TEST_CASE("a round is phases in order around one pass", "[kernel]", heap4, bucket_queue) {
    recorder<TestType> m;
    typename recorder<TestType>::kernel_type k(m);
    k.schedule(at(3), phase{6}, named(6));
    k.schedule(at(3), phase{5}, named(5));
    k.schedule(at(3), phase{4}, named(4));
    k.schedule(at(3), phase{0}, named(0));
    k.schedule(at(3), phase{4}, named(44));
    CHECK(k.pending() == 5);
    CHECK(k.next_time() == at(3));
    CHECK(k.step());
    CHECK(m.log == strings{"3:0", "3:4", "3:44", "3:pass", "3:5", "3:6"});
    CHECK_FALSE(k.step());
    CHECK(k.empty());
    CHECK(k.next_time() == never);
    CHECK(k.events_processed() == 5);
    CHECK(k.rounds_processed() == 1);
}

TEMPLATE_TEST_CASE("the pass runs once in every round, whatever it holds", "[kernel]", heap4, bucket_queue) {
    recorder<TestType> m;
    typename recorder<TestType>::kernel_type k(m);
    k.schedule(at(1), phase{2}, named(1));
    k.schedule(at(2), phase{7}, named(2));
    k.schedule(at(3), phase{2}, named(3));
    k.schedule(at(3), phase{1}, named(4));
    k.schedule(at(4), phase{7}, named(5));
    k.schedule(at(4), phase{6}, named(6));
    CHECK(k.run_until(at(100)) == run_status::drained);
    CHECK(m.log == strings{"1:1", "1:pass", "2:pass", "2:2", "3:4", "3:3", "3:pass", "4:pass", "4:6", "4:5"});
}

TEMPLATE_TEST_CASE("what is scheduled for now opens a further round", "[kernel]", heap4, bucket_queue) {
    recorder<TestType> m;
    typename recorder<TestType>::kernel_type k(m);
    SECTION("from an event, also into an earlier phase") {
        m.on_event = [](const event& e, auto& kk) {
            if (e.entity == 1) {
                kk.schedule(kk.now(), phase{3}, named(11));
                kk.schedule(kk.now(), phase{0}, named(10));
            }
        };
        k.schedule(at(7), phase{1}, named(1));
        k.schedule(at(7), phase{2}, named(2));
        k.schedule(at(7), phase{6}, named(3));
        k.run_until(at(7));
        CHECK(m.log == strings{"7:1", "7:2", "7:pass", "7:3", "7:10", "7:11", "7:pass"});
    }
    SECTION("from a round of one event") {
        m.on_event = [](const event& e, auto& kk) {
            if (e.entity < 3) kk.schedule_in(duration{0}, phase{0}, named(e.entity + 1));
        };
        k.schedule(at(7), phase{1}, named(1));
        k.run_until(at(7));
        CHECK(m.log == strings{"7:1", "7:pass", "7:2", "7:pass", "7:3", "7:pass"});
    }
    SECTION("from the pass, which does not see it before the next pass") {
        m.on_pass = [once = true](auto& kk) mutable {
            if (once) kk.schedule(kk.now(), phase{0}, named(9));
            once = false;
        };
        k.schedule(at(7), phase{0}, named(1));
        k.schedule(at(7), phase{6}, named(2));
        k.run_until(at(7));
        CHECK(m.log == strings{"7:1", "7:pass", "7:2", "7:9", "7:pass"});
    }
    SECTION("after the pass, too") {
        m.on_event = [](const event& e, auto& kk) {
            if (e.entity == 2) kk.schedule(kk.now(), phase{7}, named(3));
        };
        k.schedule(at(7), phase{6}, named(2));
        k.schedule(at(7), phase{7}, named(1));
        k.run_until(at(7));
        CHECK(m.log == strings{"7:pass", "7:2", "7:1", "7:pass", "7:3"});
    }
}

TEMPLATE_TEST_CASE("an event can be withdrawn up to its turn", "[kernel]", heap4, bucket_queue) {
    recorder<TestType> m;
    typename recorder<TestType>::kernel_type k(m);
    event_handle victim;
    SECTION("in the running round, by an event of it") {
        m.on_event = [&](const event& e, auto& kk) {
            if (e.entity == 1) {
                CHECK(kk.is_pending(victim));
                CHECK(kk.cancel(victim));
                CHECK_FALSE(kk.cancel(victim));
            }
        };
        k.schedule(at(7), phase{1}, named(1));
        victim = k.schedule(at(7), phase{2}, named(2));
        k.run_until(at(9));
        CHECK(m.log == strings{"7:1", "7:pass"});
        CHECK(k.events_processed() == 1);
    }
    SECTION("by the pass before it, though it is alone in its round") {
        m.on_pass = [&](auto& kk) { kk.cancel(victim); };
        victim = k.schedule(at(7), phase{6}, named(2));
        k.run_until(at(9));
        CHECK(m.log == strings{"7:pass"});
        CHECK(k.empty());
    }
    SECTION("moved from the running round to the next one") {
        m.on_event = [&](const event& e, auto& kk) {
            if (e.entity == 1) victim = kk.reschedule(victim, kk.now());
        };
        k.schedule(at(7), phase{1}, named(1));
        victim = k.schedule(at(7), phase{2}, named(2));
        k.schedule(at(7), phase{3}, named(3));
        k.run_until(at(9));
        CHECK(m.log == strings{"7:1", "7:3", "7:pass", "7:2", "7:pass"});
        CHECK_FALSE(k.is_pending(victim));
    }
    SECTION("in the round to come") {
        m.on_event = [&](const event& e, auto& kk) {
            if (e.entity == 1) victim = kk.schedule(kk.now(), phase{0}, named(2));
            if (e.entity == 3) kk.cancel(victim);
        };
        k.schedule(at(7), phase{1}, named(1));
        k.schedule(at(7), phase{3}, named(3));
        k.run_until(at(9));
        CHECK(m.log == strings{"7:1", "7:3", "7:pass"});
        CHECK(k.rounds_processed() == 1);
    }
    SECTION("an event that runs has left already") {
        m.on_event = [&](const event&, auto& kk) {
            CHECK_FALSE(kk.is_pending(victim));
            CHECK_FALSE(kk.reschedule(victim, at(8)).valid());
        };
        victim = k.schedule(at(7), phase{1}, named(1));
        k.run_until(at(9));
        CHECK(m.log == strings{"7:1", "7:pass"});
    }
}

TEMPLATE_TEST_CASE("equal events are first in, first out, and a rescheduled one goes to the end", "[kernel]", heap4,
                   bucket_queue) {
    recorder<TestType> m;
    typename recorder<TestType>::kernel_type k(m);
    std::vector<event_handle> h;
    for (std::uint32_t i = 0; i < 5; ++i) h.push_back(k.schedule(at(2), phase{1}, named(i)));
    CHECK(k.reschedule(h[1], at(2)).valid());
    CHECK_FALSE(k.reschedule(h[1], at(2)).valid());
    k.run_until(at(2));
    CHECK(m.log == strings{"2:0", "2:2", "2:3", "2:4", "2:1", "2:pass"});
}

TEMPLATE_TEST_CASE("the clock", "[kernel]", heap4, bucket_queue) {
    recorder<TestType> m;
    typename recorder<TestType>::kernel_type k(m, at(5));
    CHECK(k.now() == at(5));
    CHECK_THROWS_AS(k.schedule(at(4), phase{0}, named(0)), internal_error);
    k.schedule(at(10), phase{0}, named(1));
    k.schedule(at(20), phase{0}, named(2));
    const event_handle later = k.schedule(at(30), phase{0}, named(3));
    CHECK(k.run_until(at(9)) == run_status::reached);
    CHECK(k.now() == at(5));
    CHECK(k.run_until(at(20)) == run_status::reached);
    CHECK(m.log == strings{"10:1", "10:pass", "20:2", "20:pass"});
    CHECK(k.now() == at(20));
    CHECK_THROWS_AS(k.reschedule(later, at(19)), internal_error);
    CHECK_THROWS_AS(k.advance_to(at(31)), internal_error);
    k.advance_to(at(25));
    CHECK(k.now() == at(25));
    CHECK_THROWS_AS(k.advance_to(at(24)), internal_error);
    CHECK_THROWS_AS(k.schedule(at(24), phase{0}, named(0)), internal_error);
    k.schedule(at(26), phase{0}, named(4));
    CHECK(k.run_until(never) == run_status::drained);
    CHECK(k.now() == at(30));
    CHECK(m.log.size() == 8);
}

TEMPLATE_TEST_CASE("a run pauses between rounds only, and is not started within a run", "[kernel]", heap4,
                   bucket_queue) {
    recorder<TestType> m;
    typename recorder<TestType>::kernel_type k(m);
    for (std::uint32_t i = 0; i < 10; ++i) k.schedule(at(i / 3), phase{1}, named(i));
    CHECK(k.run_rounds(1) == run_status::paused);
    CHECK(k.events_processed() == 3);
    CHECK(k.run_rounds(4) == run_status::paused);
    CHECK(k.events_processed() == 9);
    CHECK(k.run_rounds(100, at(2)) == run_status::reached);
    CHECK(k.run_rounds(100) == run_status::drained);
    m.on_event = [](const event&, auto& kk) { CHECK_THROWS_AS(kk.step(), internal_error); };
    k.schedule(at(9), phase{1}, named(1));
    CHECK(k.step());
}

TEMPLATE_TEST_CASE("a model without a pass has the same rounds", "[kernel]", heap4, bucket_queue) {
    without_pass<TestType> m;
    typename without_pass<TestType>::kernel_type k(m);
    k.schedule(at(1), phase{7}, named(7));
    k.schedule(at(1), phase{1}, named(1));
    k.run_until(at(1));
    CHECK(m.order == std::vector<std::uint32_t>{1, 7, 101, 107});
    CHECK(k.rounds_processed() == 2);
}

/// Rounds of random size with events for now, for later, withdrawn and moved: nothing allocates.
template <class Queue>
struct busy {
    using kernel_type = ampacity::kernel::kernel<busy, Queue>;
    static constexpr phase pass_phase{5};
    void dispatch(const event& e, kernel_type& k) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        const auto r = static_cast<std::int64_t>(state >> 40);
        if (e.kind == 1) return;
        k.schedule_in(duration{r % 500}, static_cast<phase>(r % 8), e);
        if (r % 4 == 0) k.schedule_in(duration{0}, phase{1}, {0, 1, 0, 0});
        if (r % 8 == 0) spare = k.reschedule(spare, k.now() + duration{r % 900});
        if (!spare.valid()) spare = k.schedule_in(duration{r}, phase{2}, {0, 1, 0, 0});
    }
    void pass(kernel_type&) { ++passes; }
    std::uint64_t state = 1;
    std::uint64_t passes = 0;
    event_handle spare;
};

TEMPLATE_TEST_CASE("the run loop allocates nothing in steady state, and queues agree", "[kernel]", heap4,
                   bucket_queue) {
    busy<TestType> m;
    typename busy<TestType>::kernel_type k(m);
    busy<heap4> reference;
    typename busy<heap4>::kernel_type other(reference);
    for (std::uint32_t i = 0; i < 2000; ++i) {
        k.schedule(at(i % 300), phase{1}, named(i));
        other.schedule(at(i % 300), phase{1}, named(i));
    }
    k.reserve(8'000);
    k.run_rounds(200'000);
    const std::uint64_t allocations = test::allocations();
    k.run_rounds(200'000);
    CHECK(test::allocations() == allocations);
    CHECK(m.passes == k.rounds_processed());
    other.run_until(k.now());
    k.run_until(k.now());
    CHECK(reference.state == m.state);
    CHECK(other.rounds_processed() == k.rounds_processed());
    CHECK(other.events_processed() == k.events_processed());
}

}  // namespace
