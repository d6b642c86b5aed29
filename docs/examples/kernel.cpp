// Module kernel: events in one order, and the loop that runs them in rounds.
#include "example.hpp"

#include <ampacity/kernel/bucket_queue.hpp>
#include <ampacity/kernel/chunk_pool.hpp>
#include <ampacity/kernel/crowd.hpp>
#include <ampacity/kernel/dary_heap.hpp>
#include <ampacity/kernel/entry_buffer.hpp>
#include <ampacity/kernel/environment.hpp>
#include <ampacity/kernel/event.hpp>
#include <ampacity/kernel/event_queue.hpp>
#include <ampacity/kernel/event_slots.hpp>
#include <ampacity/kernel/frame_pool.hpp>
#include <ampacity/kernel/heap_queue.hpp>
#include <ampacity/kernel/kernel.hpp>
#include <ampacity/kernel/process.hpp>
#include <ampacity/kernel/process_model.hpp>
#include <ampacity/kernel/radix_lists.hpp>
#include <ampacity/kernel/resource.hpp>
#include <ampacity/kernel/scheduler.hpp>
#include <ampacity/kernel/store.hpp>
#include <ampacity/kernel/wait_list.hpp>

#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;

namespace {

constexpr kernel::phase completions{0};
constexpr kernel::phase arrivals{2};

/// A clerk who serves one customer at a time, for two minutes each.
struct clerk {
    static constexpr kernel::phase pass_phase{6};
    enum kind : std::uint8_t { arrival, completion };

    std::uint32_t waiting = 0;
    bool busy = false;
    std::vector<instant> served{};

    template <class Kernel>
    void dispatch(const kernel::event& e, Kernel& k) {
        if (e.kind == arrival) {
            ++waiting;
        } else {
            busy = false;
            served.push_back(k.now());
        }
    }
    template <class Kernel>
    void pass(Kernel& k) {
        if (busy || waiting == 0) return;
        busy = true;
        --waiting;
        k.schedule_in(2min, completions, {.kind = completion});
    }
};

void a_model_runs() {
    clerk c;
    kernel::kernel<clerk> k(c);
    k.schedule(start_of_time, arrivals, {.kind = clerk::arrival});
    k.schedule(start_of_time + 1min, arrivals, {.kind = clerk::arrival});
    const auto late = k.schedule(start_of_time + 1min, arrivals, {.kind = clerk::arrival});
    require(k.run_until(start_of_time + 30s) == kernel::run_status::reached, "the rest is later");
    require(k.cancel(late) && !k.is_pending(late), "a handle withdraws its event");
    require(k.run_until(never) == kernel::run_status::drained, "no event is left");
    require(c.served == std::vector{start_of_time + 2min, start_of_time + 4min}, "one after the other");
}

/// Both queues yield (time, phase, sequence).
template <kernel::event_queue Queue>
void a_queue_orders() {
    Queue q;
    q.push(start_of_time + 2s, arrivals, {.entity = 1});
    q.push(start_of_time + 1s, arrivals, {.entity = 2});
    q.push(start_of_time + 1s, completions, {.entity = 3});
    const auto moved = q.push(start_of_time + 1s, completions, {.entity = 4});
    q.reschedule(moved, start_of_time + 3s);
    std::vector<std::uint32_t> order;
    while (!q.empty()) order.push_back(q.pop().what.entity);
    require(order == std::vector<std::uint32_t>{3, 2, 1, 4}, "time, then phase, then sequence");
}

/// The parts that queues are made of.
void the_parts_of_a_queue() {
    kernel::event_slots slots;
    const auto packed = kernel::packed_event::of({.subsystem = 1, .kind = 2, .entity = 3, .attempt = 4});
    kernel::entry_buffer entries;
    for (const std::int64_t t : {30, 10, 20}) entries.push_back(slots.acquire(t, arrivals, packed));
    require(slots.living() == 3 && slots.alive(entries[0]), "a row for each pending event");

    kernel::dary_heap<4> heap;
    for (const auto& e : entries) heap.push(e);
    require(heap.top().key.time_ns == 10 && kernel::before(heap.top().key, entries[0].key), "the earliest is on top");

    kernel::chunk_pool pool;
    kernel::radix_lists lists(pool);
    lists.raise_base(kernel::ordinal(0));
    for (const auto& e : entries) lists.put(e);
    std::vector<std::int64_t> times;
    lists.drain([&](const kernel::queued_event& e) { times.push_back(e.key.time_ns); });
    require(times == std::vector<std::int64_t>{10, 20, 30}, "lists by the bits of the time");

    kernel::crowd crowd(pool);
    kernel::chunk_pool::list one_instant;
    pool.append(one_instant, slots.acquire(5, arrivals, packed));
    pool.append(one_instant, slots.acquire(5, completions, packed));
    crowd.start(one_instant);
    kernel::entry_buffer near;
    while (!crowd.empty()) crowd.leave(near, [](const kernel::queued_event&) {});
    require(near[0].key.rank() == completions && near[1].key.rank() == arrivals, "a crowd leaves by phases");
    require(slots.release(entries[0].slot).entity == 3, "a row gives its payload back");
}

/// The same clerk, as processes: customers queue for it, and what is done lies on a shelf for whoever fetches it.
kernel::process customer(kernel::environment& world, kernel::resource& desk, kernel::store<instant>& shelf) {
    const kernel::lease turn = co_await desk.acquire();
    co_await kernel::delay(2min);
    co_await shelf.put(world.now());
}

kernel::process collector(kernel::environment&, kernel::store<instant>& shelf, std::vector<instant>& served) {
    for (;;) served.push_back(co_await shelf.get());
}

void processes_run() {
    kernel::process_model world;
    kernel::resource desk(world, 1);
    kernel::store<instant> shelf(world);
    std::vector<instant> served;
    const kernel::process_ref fetching = world.spawn(collector(world, shelf, served));
    world.spawn(customer(world, desk, shelf));
    const kernel::process_ref second = world.spawn(customer(world, desk, shelf));
    require(world.run_until(start_of_time + 3min) == kernel::run_status::reached && second.alive(), "the second waits");
    world.run();
    require(served == std::vector{start_of_time + 2min, start_of_time + 4min}, "one after the other");
    require(fetching.cancel() && world.alive() == 0, "a process ends where it waits");
}

/// Keeps a single timer on whatever kernel it is given: a part of a model that need not know the model's type.
class alarm_clock {
public:
    explicit alarm_clock(kernel::scheduler<>& s) : scheduler_(s) {}
    void set(duration d) {
        scheduler_.cancel(timer_);
        timer_ = scheduler_.schedule_in(d, arrivals, {.kind = clerk::arrival});
    }

private:
    kernel::scheduler<>& scheduler_;
    kernel::event_handle timer_ = kernel::no_event;
};

/// What processes are made of.
void the_parts_of_processes() {
    clerk c;
    kernel::kernel<clerk> k(c);
    alarm_clock alarm(k);
    alarm.set(1h);
    alarm.set(1min);
    require(k.pending() == 1 && k.next_time() == start_of_time + 1min, "the last one set counts");

    kernel::frame_pool frames;
    void* const block = frames.allocate(200);
    kernel::frame_pool::deallocate(block, 200);
    require(frames.allocate(200) == block, "freed memory is used again");
    kernel::frame_pool::deallocate(block, 200);

    kernel::wait_list line;
    kernel::waiter usual;
    kernel::waiter urgent;
    line.push(usual, 0);
    line.push(urgent, -1);
    require(&line.pop_front() == &urgent && line.size() == 1, "the more urgent first");
}

}  // namespace

void kernel_example() {
    a_model_runs();
    a_queue_orders<kernel::bucket_queue>();
    a_queue_orders<kernel::heap_queue<>>();
    the_parts_of_a_queue();
    processes_run();
    the_parts_of_processes();
}
