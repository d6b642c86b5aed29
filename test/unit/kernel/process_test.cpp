// Processes: order, waits, ends, interruption and destruction, as process.hpp, resource.hpp and store.hpp say.

#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <ampacity/kernel/process_model.hpp>
#include <ampacity/kernel/resource.hpp>
#include <ampacity/kernel/store.hpp>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using namespace ampacity;
using namespace ampacity::kernel;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

instant at(std::int64_t t) { return instant{duration{t}}; }
duration d(std::int64_t t) { return duration{t}; }

/// A model that notes "time:what".
struct notes : process_model {
    void operator()(const std::string& what) { log.push_back(std::to_string(ticks(now())) + ":" + what); }
    strings log;
};

/// Notes when it is destroyed.
struct witness {
    notes& note;
    std::string name;
    ~witness() { note.log.push_back("~" + name); }
};

process sleeper(notes& note, std::string name, std::vector<std::int64_t> naps) {
    note(name);
    for (const auto nap : naps) {
        co_await delay(d(nap));
        note(name);
    }
}

/// GCC 12 takes no braces here within a coroutine.
std::vector<std::int64_t> nap(std::int64_t length) { return {length}; }

process user(notes& note, resource& r, std::string name, std::int64_t length, std::uint64_t units = 1,
             std::int32_t priority = 0) {
    const lease held = co_await r.acquire(units, priority);
    note(name + "+");
    co_await delay(d(length));
    note(name + "-");
}

static_assert(!std::is_copy_constructible_v<process> && !std::is_copy_constructible_v<lease>);

}  // namespace

TEST_CASE("delays interleave in time, ties in the order of going to sleep", "[process]") {
    notes note;
    note.spawn(sleeper(note, "a", {3, 2}));
    note.spawn(sleeper(note, "b", {2, 3, 0}));
    CHECK(note.alive() == 2);
    CHECK(note.log.empty());
    note.run();
    CHECK(note.log == strings{"0:a", "0:b", "2:b", "3:a", "5:b", "5:a", "5:b"});
    CHECK(note.alive() == 0);
    CHECK(note.events_processed() == 6);  // five delays and the start
    CHECK(note.now() == at(5));
}

TEST_CASE("a run can stop between events and go on", "[process]") {
    notes note;
    note.spawn(sleeper(note, "a", {5, 5}));
    CHECK(note.run_until(at(5)) == run_status::reached);
    CHECK(note.log == strings{"0:a", "5:a"});
    note.spawn(sleeper(note, "b", {1}));
    CHECK(note.run_until(never) == run_status::drained);
    CHECK(note.log == strings{"0:a", "5:a", "5:b", "6:b", "10:a"});
    CHECK_FALSE(note.step());
}

TEST_CASE("a delay into the past is an error of the process, one beyond the end of time never ends", "[process]") {
    notes note;
    const auto backwards = [](notes& n) -> process {
        co_await delay(1s);
        CHECK_THROWS_AS(co_await delay(-1ns), internal_error);
        n("caught");
        const witness w{n, "w"};
        co_await delay(duration::max());
        n("not reached");
    };
    const process_ref p = note.spawn(backwards(note));
    note.run();
    CHECK(note.log == strings{"1000000000:caught"});
    CHECK(p.alive());
    CHECK(p.cancel());
    CHECK(note.log == strings{"1000000000:caught", "~w"});
}

TEST_CASE("a process awaits the end of another, however it came", "[process]") {
    notes note;
    const auto parent = [](notes& n) -> process {
        const process_ref a = n.spawn(sleeper(n, "a", nap(4)));
        const process_ref b = n.spawn(sleeper(n, "b", nap(9)));
        CHECK(a.id() == 2);
        co_await a;
        n("a ended");
        co_await a;  // again: it has ended
        CHECK(b.cancel());
        CHECK_FALSE(b.cancel());
        CHECK_FALSE(b.interrupt());
        co_await b;
        n("b ended");
        co_await sleeper(n, "c", nap(2));
        n("c ended");
    };
    note.spawn(parent(note));
    note.run();
    CHECK(note.log == strings{"0:a", "0:b", "4:a", "4:a ended", "4:b ended", "4:c", "6:c", "6:c ended"});
    CHECK(note.alive() == 0);
}

TEST_CASE("several await one end in the order of asking", "[process]") {
    notes note;
    const process_ref a = note.spawn(sleeper(note, "a", {4}));
    const auto waiting = [](notes& n, process_ref whom, std::string name) -> process {
        co_await whom;
        n(name);
    };
    for (const char* name : {"x", "y", "z"}) note.spawn(waiting(note, a, name));
    note.run();
    CHECK(note.log == strings{"0:a", "4:a", "4:x", "4:y", "4:z"});
}

TEST_CASE("an exception reaches the run, or those who await the process", "[process]") {
    notes note;
    const auto thrower = [](notes& n) -> process {
        const witness w{n, "w"};
        co_await delay(2ns);
        throw std::runtime_error("broken");
    };
    SECTION("the run") {
        note.spawn(thrower(note));
        note.spawn(sleeper(note, "a", {9}));
        CHECK_THROWS_WITH(note.run(), "broken");
        CHECK(note.log == strings{"0:a", "~w"});
    }
    SECTION("the parent that called it") {
        const auto parent = [&](notes& n) -> process {
            CHECK_THROWS_WITH(co_await thrower(n), "broken");
            n("caught");
        };
        note.spawn(parent(note));
        note.run();
        CHECK(note.log == strings{"~w", "2:caught"});
        CHECK(note.alive() == 0);
    }
    SECTION("all that await it; through them the run") {
        const process_ref p = note.spawn(thrower(note));
        const auto waiting = [](notes& n, process_ref whom) -> process {
            try {
                co_await whom;
            } catch (const std::runtime_error&) {
                n("caught");
                throw;
            }
        };
        note.spawn(waiting(note, p));
        CHECK_THROWS_WITH(note.run(), "broken");
        CHECK(note.log == strings{"~w", "2:caught"});
    }
    SECTION("at once") {
        const auto hasty = [](notes&) -> process {
            throw std::runtime_error("hasty");
            co_return;
        };
        note.spawn(hasty(note));
        CHECK_THROWS_WITH(note.run(), "hasty");
    }
}

TEST_CASE("an interruption ends the wait it hits", "[process]") {
    notes note;
    const auto patient = [](notes& n, resource* r, store<int>* s) -> process {
        try {
            const witness w{n, "w"};
            if (r != nullptr) {
                const lease l = co_await r->acquire(2);
            } else if (s != nullptr) {
                co_await s->get();
            } else {
                co_await delay(10ns);
            }
            n("not reached");
        } catch (const interrupted& i) {
            n("interrupted " + std::to_string(i.reason));
        }
        co_await delay(20ns);
        n("end");
    };
    const auto interrupter = [](notes&, process_ref whom) -> process {
        co_await delay(3ns);
        CHECK(whom.interrupt(7));
        CHECK(whom.interrupt(8));  // the later reason counts
    };
    const strings expected{"~w", "3:interrupted 8", "23:end"};
    SECTION("of time") {
        note.spawn(interrupter(note, note.spawn(patient(note, nullptr, nullptr))));
        note.run();
        CHECK(note.log == expected);
        CHECK(note.now() == at(23));
    }
    SECTION("of a resource, where it blocked the one behind it") {
        resource r(note, 2);
        note.spawn(user(note, r, "a", 9));
        const process_ref p = note.spawn(patient(note, &r, nullptr));
        note.spawn(user(note, r, "b", 1));
        note.spawn(interrupter(note, p));
        note.run();
        CHECK(note.log == strings{"0:a+", "~w", "3:interrupted 8", "3:b+", "4:b-", "9:a-", "23:end"});
    }
    SECTION("of a store") {
        store<int> s(note);
        note.spawn(interrupter(note, note.spawn(patient(note, nullptr, &s))));
        note.run();
        CHECK(s.getters_waiting() == 0);
        CHECK(note.log == expected);
    }
}

TEST_CASE("an interruption before the start is thrown there, one of the running process does nothing", "[process]") {
    notes note;
    const auto self = [](notes& n) -> process {
        CHECK(n.current().alive());
        CHECK_FALSE(n.current().interrupt());
        CHECK_THROWS_AS(n.current().cancel(), internal_error);
        co_await delay(1ns);
        n("end");
    };
    note.spawn(self(note));
    note.run();
    CHECK_FALSE(note.current().alive());
    CHECK(note.log == strings{"1:end"});
    const process_ref p = note.spawn(sleeper(note, "a", {4}));
    CHECK(p.interrupt(3));
    CHECK_THROWS_AS(note.run(), interrupted);
}

TEST_CASE("cancelling destroys the variables, gives back and withdraws", "[process]") {
    notes note;
    resource r(note, 1);
    const auto holder = [](notes& n, resource& res) -> process {
        const witness w{n, "holder"};
        const lease l = co_await res.acquire();
        co_await delay(100ns);
        n("not reached");
    };
    const process_ref h = note.spawn(holder(note, r));
    const process_ref waiting = note.spawn(user(note, r, "never", 1));
    note.spawn(user(note, r, "a", 1));
    note.run_until(at(0));
    CHECK(r.in_use() == 1);
    CHECK(r.waiting() == 2);
    CHECK(waiting.cancel());
    CHECK(h.cancel());
    CHECK(r.in_use() == 1);  // handed on at once
    note.run();
    CHECK(note.log == strings{"~holder", "0:a+", "1:a-"});
    CHECK(note.now() == at(1));
}

TEST_CASE("a child that is called ends with its parent", "[process]") {
    notes note;
    const auto child = [](notes& n) -> process {
        const witness w{n, "child"};
        co_await delay(100ns);
    };
    const auto parent = [&](notes& n) -> process {
        const witness w{n, "parent"};
        co_await child(n);
    };
    const process_ref p = note.spawn(parent(note));
    note.run_until(at(1));
    CHECK(note.alive() == 2);
    SECTION("cancelled") { CHECK(p.cancel()); }
    SECTION("interrupted") {
        CHECK(p.interrupt());
        CHECK_THROWS_AS(note.run(), interrupted);
    }
    CHECK(note.log == strings{"~child", "~parent"});
}

TEST_CASE("a model destroyed in the middle destroys its processes, latest first", "[process]") {
    strings log;
    strings expected{"guest", "host"};
    {
        auto note = std::make_unique<notes>();
        auto r = std::make_unique<resource>(*note, 2);
        auto s = std::make_unique<store<std::unique_ptr<int>>>(*note, 1);
        const auto host = [&log](notes& n, resource& outer) -> process {
            resource inner(n, 1);  // lives in the frame; its user is destroyed first
            const auto guest = [&log](notes&, resource& a, resource& b) -> process {
                const lease l = co_await a.acquire();
                const lease m = co_await b.acquire(2);
                struct last {
                    strings& out;
                    ~last() { out.push_back("guest"); }
                } const end{log};
                co_await delay(1h);
            };
            n.spawn(guest(n, inner, outer));
            struct last {
                strings& out;
                ~last() { out.push_back("host"); }
            } const end{log};
            co_await delay(2h);
        };
        const auto putter = [](notes&, store<std::unique_ptr<int>>& st) -> process {
            for (;;) co_await st.put(std::make_unique<int>(1));
        };
        note->spawn(host(*note, *r));
        note->spawn(putter(*note, *s));
        note->spawn(sleeper(*note, "never started", {1}));
        auto unspawned = sleeper(*note, "unspawned", {1});
        SECTION("before the run") { expected.clear(); }
        SECTION("in the run") { note->run_until(at(10)); }
        SECTION("with its resources gone") {
            note->run_until(at(10));
            r.reset();
            s.reset();
        }
        SECTION("after an exception") {
            const auto thrower = [](notes&) -> process {
                co_await delay(1ns);
                throw std::runtime_error("broken");
            };
            note->spawn(thrower(*note));
            CHECK_THROWS(note->run());
        }
        {
            const auto gone = std::move(unspawned);
        }
        r.reset();
        s.reset();
        note.reset();
    }
    CHECK(log == expected);
}

TEST_CASE("a resource serves strictly in order", "[process]") {
    notes note;
    resource r(note, 4);
    note.spawn(user(note, r, "a", 5, 3));
    note.spawn(user(note, r, "b", 1, 2));  // blocks
    note.spawn(user(note, r, "c", 1, 1));  // though this would fit
    note.run();
    CHECK(note.log == strings{"0:a+", "5:a-", "5:b+", "5:c+", "6:b-", "6:c-"});
    CHECK(r.available() == 4);
}

TEST_CASE("the more urgent are served first, equals in order", "[process]") {
    notes note;
    resource r(note, 2);
    note.spawn(user(note, r, "a", 5));
    note.spawn(user(note, r, "b", 3, 2, 1));
    note.spawn(user(note, r, "c", 3, 2, 2));
    note.spawn(user(note, r, "d", 1, 2, 0));
    note.spawn(user(note, r, "e", 1, 2, 1));
    note.spawn(user(note, r, "f", 1, 1, -1));  // fits, and is more urgent than all that wait
    note.run();
    CHECK(note.log ==
          strings{"0:a+", "0:f+", "1:f-", "5:a-", "5:d+", "6:d-", "6:b+", "9:b-", "9:e+", "10:e-", "10:c+", "13:c-"});
}

TEST_CASE("leases move, are given back early and outlive their resource", "[process]") {
    notes note;
    auto r = std::make_unique<resource>(note, 3);
    CHECK_THROWS_AS(r->acquire(4), internal_error);
    CHECK_THROWS_AS(r->acquire(0), internal_error);
    lease a = r->try_acquire(2);
    CHECK(a.units() == 2);
    CHECK_FALSE(r->try_acquire(2));
    lease b = std::move(a);
    CHECK(b.units() == 2);
    CHECK(a.units() == 0);
    CHECK(r->in_use() == 2);
    a = r->try_acquire(1);
    b.release();
    b.release();
    CHECK(r->in_use() == 1);
    r.reset();
    CHECK(a);
}

TEST_CASE("units given back from outside of a process open a further round", "[process]") {
    notes note;
    resource r(note, 1);
    lease mine = r.try_acquire();
    note.spawn(user(note, r, "a", 1));
    note.run();
    CHECK(note.log.empty());
    mine.release();
    CHECK(note.log.empty());
    note.run();
    CHECK(note.log == strings{"0:a+", "1:a-"});
}

TEST_CASE("a store hands items on in order, and waits when it is full or empty", "[process]") {
    const auto producer = [](notes& n, store<int>& s) -> process {
        for (int i = 0; i < 4; ++i) {
            co_await s.put(i);
            n("put " + std::to_string(i));
        }
    };
    const auto consumer = [](notes& n, store<int>& s, std::string name) -> process {
        for (;;) {
            n(name + " got " + std::to_string(co_await s.get()));
            co_await delay(2ns);
        }
    };
    notes note;
    SECTION("unbounded") {
        store<int> s(note);
        note.spawn(producer(note, s));
        note.run();
        CHECK(note.log == strings{"0:put 0", "0:put 1", "0:put 2", "0:put 3"});
        CHECK(s.size() == 4);
        note.spawn(consumer(note, s, "a"));
        note.spawn(consumer(note, s, "b"));
        note.log.clear();
        note.run();
        CHECK(note.log == strings{"0:a got 0", "0:b got 1", "2:a got 2", "2:b got 3"});
        CHECK(s.getters_waiting() == 2);
        CHECK(s.try_put(9));
        note.run_until(at(4));
        CHECK(note.log.back() == "4:a got 9");
        CHECK_FALSE(s.try_get());
    }
    SECTION("bounded") {
        store<int> s(note, 1);
        note.spawn(producer(note, s));
        note.run();
        CHECK(note.log == strings{"0:put 0"});
        CHECK(s.putters_waiting() == 1);
        CHECK_FALSE(s.try_put(9));
        CHECK(s.try_get() == 0);
        note.log.clear();
        note.spawn(consumer(note, s, "a"));
        note.run();
        CHECK(note.log == strings{"0:put 1", "0:a got 1", "0:put 2", "2:a got 2", "2:put 3", "4:a got 3"});
    }
    SECTION("from hand to hand") {
        store<int> s(note, 0);
        note.spawn(producer(note, s));
        note.spawn(consumer(note, s, "a"));
        note.run();
        CHECK(note.log ==
              strings{"0:a got 0", "0:put 0", "2:a got 1", "2:put 1", "4:a got 2", "4:put 2", "6:a got 3", "6:put 3"});
    }
}

TEST_CASE("an item handed to who does not live to use it goes to the next one", "[process]") {
    notes note;
    store<std::unique_ptr<int>> s(note);
    const auto consumer = [](notes& n, store<std::unique_ptr<int>>& st, std::string name) -> process {
        n(name + " got " + std::to_string(*co_await st.get()));
    };
    const process_ref a = note.spawn(consumer(note, s, "a"));
    note.spawn(consumer(note, s, "b"));
    note.run();
    CHECK(s.try_put(std::make_unique<int>(1)));
    CHECK(a.cancel());
    CHECK(s.empty());
    note.run();
    CHECK(note.log == strings{"0:b got 1"});
    const process_ref c = note.spawn(consumer(note, s, "c"));
    note.run();
    CHECK(s.try_put(std::make_unique<int>(2)));
    CHECK(s.try_put(std::make_unique<int>(3)));
    CHECK(c.cancel());
    CHECK(**s.try_get() == 2);
    CHECK(**s.try_get() == 3);
}

namespace {

/// A model with plain events and processes side by side.
struct mixed {
    using kernel_type = ampacity::kernel::kernel<mixed>;
    void dispatch(const event& e, kernel_type& k) {
        if (e.subsystem == env.subsystem()) return env.dispatch(e);
        log.push_back(std::to_string(ticks(k.now())) + ":event");
        orders.try_put(static_cast<int>(e.entity));
        if (e.entity == 3) worker.cancel();
    }
    environment& processes() { return env; }
    process work() {
        for (;;) {
            const int order = co_await orders.get();
            log.push_back(std::to_string(ticks(env.now())) + ":order " + std::to_string(order));
            co_await delay(d(4), phase{5});
        }
    }

    strings log;
    kernel_type kernel{*this};
    environment env{kernel, 9, phase{2}};
    store<int> orders{env};
    process_ref worker;
};

}  // namespace

TEST_CASE("plain events and processes share one kernel", "[process]") {
    mixed m;
    m.worker = m.env.spawn(m.work());
    m.kernel.schedule(at(1), phase{0}, {.subsystem = 1, .entity = 1});
    m.kernel.schedule(at(5), phase{7}, {.subsystem = 1, .entity = 2});
    m.kernel.schedule(at(6), phase{0}, {.subsystem = 1, .entity = 3});
    m.kernel.run_until(never);
    CHECK(m.log == strings{"1:event", "1:order 1", "5:event", "5:order 2", "6:event"});
    CHECK(m.env.alive() == 0);
    CHECK(m.orders.size() == 1);
}

TEST_CASE("processes allocate nothing in steady state", "[process]") {
    process_model m;
    resource r(m, 2);
    store<int> s(m, 3);
    const auto customer = [](process_model&, resource& res, store<int>& out) -> process {
        const lease l = co_await res.acquire();
        co_await delay(3ns);
        co_await out.put(1);
    };
    const auto source = [&customer](process_model& w, resource& res, store<int>& out) -> process {
        for (;;) {
            const process_ref p = w.spawn(customer(w, res, out));
            co_await delay(1ns);
            co_await customer(w, res, out);
            co_await p;
        }
    };
    const auto sink = [](process_model&, store<int>& in) -> process {
        for (;;) co_await in.get();
    };
    for (int i = 0; i < 3; ++i) m.spawn(source(m, r, s));
    m.spawn(sink(m, s));
    m.run_until(at(1000));
    const auto before = test::allocations();
    const auto bytes = m.memory_bytes();
    m.run_until(at(100'000));
    CHECK(test::allocations() == before);
    CHECK(m.memory_bytes() == bytes);
    CHECK(m.events_processed() > 100'000);
}

TEST_CASE("a store holds items of any movable type in order", "[process]") {
    struct fixed {
        const int value;  // cannot be assigned
    };
    process_model world;
    store<bool> flags(world);
    store<fixed> items(world);
    store<std::string> texts(world, 20);
    for (int i = 0; i != 20; ++i) {
        CHECK(flags.try_put(i % 3 == 0));
        CHECK(items.try_put({i}));
        CHECK(texts.try_put(std::string(static_cast<std::size_t>(i), 'x')));
    }
    CHECK_FALSE(texts.try_put("one too many"));
    for (int i = 0; i != 20; ++i) {
        CHECK(flags.try_get() == (i % 3 == 0));
        CHECK(items.try_get()->value == i);
        CHECK(texts.try_get()->size() == static_cast<std::size_t>(i));
    }
    CHECK_FALSE(flags.try_get().has_value());
    CHECK(items.empty());
}
