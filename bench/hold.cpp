// What does an event cost in the queue?
//
// The hold model (pop the earliest, push it again after an increment) over the number of pending events
// and the shape of the increments, for `std::priority_queue` with the same payload and key but no
// handles, and for both queues with handles. Interleaved repeats, medians. The answer that a fast
// wrong queue fails: the hash over the order of all popped events is the same for all three.
//
// Increments are drawn beforehand. `--full` adds 1e7 pending events (2.5 GB, a minute).

#include "draws.hpp"
#include "support/allocations.hpp"
#include "table.hpp"

#include <ampacity/kernel/bucket_queue.hpp>
#include <ampacity/kernel/heap_queue.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

namespace {

using namespace ampacity;
using namespace bench;
using kernel::before;
using kernel::bucket_queue;
using kernel::event;
using kernel::event_handle;
using kernel::event_key;
using kernel::pack;
using kernel::phase;
using kernel::popped_event;
using heap4 = kernel::heap_queue<4>;

// --- increments -----------------------------------------------------------------------------------

constexpr std::size_t table_size = std::size_t{1} << 14U;  // 128 KiB, read in order
const char* const shapes[] = {"exponential", "bimodal", "many ties", "camel"};

std::vector<std::int64_t> increments(const std::string& shape) {
    draws d(7);
    std::vector<std::int64_t> out(table_size);
    for (std::int64_t& x : out) {
        double s = 0;
        if (shape == "exponential") s = d.exponential();
        if (shape == "bimodal") s = d.uniform() < 0.9 ? d.uniform() * 0.1 : 9.0 + d.uniform();
        if (shape == "many ties") s = static_cast<double>(1 + d.bits() % 4);
        if (shape == "camel") {
            const double u = d.uniform();
            s = u < 0.45 ? 0.5 + 0.01 * d.uniform() : u < 0.9 ? 1.5 + 0.01 * d.uniform() : 2.0 * d.uniform();
        }
        x = std::llround(s * 1e9);
    }
    return out;
}

// --- the baseline ---------------------------------------------------------------------------------

/// What one would write without this library: key and payload in a `std::priority_queue`, no handles.
class standard_queue {
public:
    void push(instant t, phase p, const event& what) { queue_.push({{ticks(t), pack(p, sequence_++)}, what}); }
    popped_event pop() {
        const popped_event e = queue_.top();
        queue_.pop();
        return e;
    }

private:
    struct later {
        bool operator()(const popped_event& a, const popped_event& b) const { return before(b.key, a.key); }
    };
    std::priority_queue<popped_event, std::vector<popped_event>, later> queue_;
    std::uint64_t sequence_ = 0;
};

// --- hold -----------------------------------------------------------------------------------------

template <class Queue>
class hold {
public:
    hold(std::size_t pending, const std::vector<std::int64_t>& increments) : increments_(increments) {
        draws d(pending);
        for (std::uint32_t i = 0; i < pending; ++i) {
            // On the grid of the increments where they have one, so that ties stay ties.
            const std::int64_t whole = next();
            const bool on_grid = whole % 1'000'000'000 == 0;
            const auto any = static_cast<std::int64_t>(d.uniform() * static_cast<double>(whole));
            queue.push(instant{duration{on_grid ? whole : any}}, rank(i), {0, 0, i, 0});
        }
    }

    /// ns per event.
    double run(std::size_t events) {
        const stopwatch watch;
        for (std::size_t i = 0; i < events; ++i) {
            popped_event e = queue.pop();
            hash ^= static_cast<std::uint64_t>(e.key.time_ns) ^ e.key.phase_sequence;
            hash = hash * 0x100000001B3U + e.what.entity;
            ++e.what.attempt;
            queue.push(e.key.time() + duration{next()}, rank(e.what.entity), e.what);
        }
        return watch.ns() / static_cast<double>(events);
    }

    Queue queue;
    std::uint64_t hash = 0;

private:
    static phase rank(std::uint32_t entity) { return static_cast<phase>(entity % 4); }
    std::int64_t next() { return increments_[at_++ % table_size]; }

    const std::vector<std::int64_t>& increments_;
    std::size_t at_ = 0;
};

struct hold_result {
    double standard, heap, bucket;  // ns per event
};

hold_result measure_hold(table& t, std::size_t pending, const std::string& shape) {
    const std::vector<std::int64_t> steps = increments(shape);
    auto standard = std::make_unique<hold<standard_queue>>(pending, steps);
    auto heap = std::make_unique<hold<heap4>>(pending, steps);
    auto bucket = std::make_unique<hold<bucket_queue>>(pending, steps);
    const std::size_t warm = std::clamp<std::size_t>(2 * pending, 300'000, 10'000'000);
    const std::size_t events = std::clamp<std::size_t>(pending, 200'000, 2'000'000);
    standard->run(warm);
    heap->run(warm);
    bucket->run(warm);
    std::vector<double> s, h, b;
    for (std::vector<double>* const v : {&s, &h, &b}) v->reserve(16);
    std::uint64_t in_run = 0;
    for (int repeat = 0; repeat < (pending < 1'000'000 ? 9 : 3); ++repeat) {
        s.push_back(standard->run(events));
        h.push_back(heap->run(events));
        const std::uint64_t allocations = test::allocations();
        b.push_back(bucket->run(events));
        in_run += test::allocations() - allocations;
    }
    const std::string name = shape + ", " + std::to_string(pending) + " pending";
    t.expect(standard->hash == heap->hash && standard->hash == bucket->hash, "order of events, " + name);
    const hold_result r{median(s), median(h), median(b)};
    const double wanted = pending <= 1000 ? 1.5 : pending <= 100'000 ? 2.5 : 4.0;
    t.row(name + ": heap_queue", cell{r.standard, "ns"}, {r.heap, "ns"}, speedup());
    t.row(name + ": bucket_queue", cell{r.standard, "ns"}, {r.bucket, "ns"}, speedup(wanted));
    if (pending >= 100'000) {
        const double bytes = static_cast<double>(bucket->queue.memory_bytes()) / static_cast<double>(pending);
        t.row("    bytes per pending event", {}, {bytes, "B"}, at_most(64));
    }
    // Chance maxima of the lists in use may still take a slab now and then: none per event, to four digits.
    const double per_event = static_cast<double>(in_run) / static_cast<double>(b.size() * events);
    t.row("    allocations per 1e4 events", {}, {1e4 * per_event, ""}, at_most(0.1));
    return r;
}

// --- handles --------------------------------------------------------------------------------------

/// Cost of push, cancel and reschedule beside `pending` others; the sweeps of corpses are paid within.
template <class Queue>
void measure_handles(table& t, const std::string& name, std::size_t pending, std::optional<double> at_most) {
    const std::vector<std::int64_t> steps = increments("exponential");
    std::vector<double> push, cancel, reschedule;
    bool all_cancelled = true;
    Queue q;
    std::vector<event_handle> handles(pending);
    std::vector<std::uint32_t> order(pending);
    draws d(3);
    for (std::uint32_t i = 0; i < pending; ++i) {
        order[i] = i;
        std::swap(order[i], order[d.bits() % (i + 1)]);
        q.push(instant{duration{steps[d.bits() % table_size] + 1}}, phase{1}, {0, 0, i, 0});
    }
    for (int repeat = 0; repeat < 9; ++repeat) {
        const auto timed = [&](std::vector<double>& into, auto each) {
            const stopwatch watch;
            for (std::uint32_t i = 0; i < pending; ++i) each(i);
            into.push_back(watch.ns() / static_cast<double>(pending));
        };
        timed(push, [&](std::uint32_t i) {
            handles[i] = q.push(instant{duration{steps[i % table_size] + 1}}, phase{1}, {0, 0, i, 0});
        });
        timed(reschedule, [&](std::uint32_t i) {
            event_handle& h = handles[order[i]];
            h = q.reschedule(h, instant{duration{steps[(i + 77) % table_size] + 1}});
        });
        timed(cancel, [&](std::uint32_t i) { all_cancelled = q.cancel(handles[order[i]]) && all_cancelled; });
    }
    const std::string tail = ", " + name + ", " + std::to_string(2 * pending) + " pending";
    t.expect(all_cancelled && q.size() == pending, "cancelled events" + tail);
    t.row("cancel against push" + tail, cell{median(push), "ns"}, {median(cancel), "ns"}, multiple(at_most));
    t.row("reschedule against push" + tail, cell{median(push), "ns"}, {median(reschedule), "ns"}, multiple(at_most));
}

}  // namespace

int main(int argc, char* argv[]) {
    const bool full = argc > 1 && std::strcmp(argv[1], "--full") == 0;
    table t;
    std::map<std::size_t, hold_result> exponential;
    for (const char* const shape : shapes) {
        for (const std::size_t pending : {1'000U, 100'000U, 1'000'000U, 10'000'000U}) {
            const bool first = std::strcmp(shape, "exponential") == 0;
            if (pending > 1'000'000 && !(full && first)) continue;
            const hold_result r = measure_hold(t, pending, shape);
            if (first) exponential[pending] = r;
        }
    }
    const auto& [most, with_most] = *exponential.rbegin();
    t.row("bucket_queue, " + std::to_string(most) + " pending against 1000", cell{exponential[1000].bucket, "ns"},
          {with_most.bucket, "ns"}, multiple(3));
    measure_handles<heap4>(t, "heap_queue", 50'000, std::nullopt);
    measure_handles<bucket_queue>(t, "bucket_queue", 50'000, 2.0);
    return t.exit_status();
}
