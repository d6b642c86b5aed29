// What does an event cost in the queue, and what does the run loop add?
//
// The hold model (pop the earliest, push it again after an increment) over the number of pending events
// and the shape of the increments, for `std::priority_queue` with the same payload and key but no
// handles, and for both queues with handles. Interleaved repeats, medians. The answer that a fast
// wrong queue fails: the hash over the order of all popped events is the same for all three.
// M/M/1 at rho 0.9 through the kernel's public interface, against a hand-written loop over a heap and the Lindley
// recursion: all three have the same sum of waiting times to the nanosecond.
//
// Increments are drawn beforehand. `--full` adds 1e7 pending events (2.5 GB, a minute).

#include "support/allocations.hpp"

#include <ampacity/kernel/heap_queue.hpp>
#include <ampacity/kernel/kernel.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

namespace {

using namespace ampacity;
using kernel::before;
using kernel::bucket_queue;
using kernel::event;
using kernel::event_handle;
using kernel::event_key;
using kernel::pack;
using kernel::phase;
using kernel::popped_event;
using heap4 = kernel::heap_queue<4>;
using heap8 = kernel::heap_queue<8>;

bool failed = false;

// --- the table ------------------------------------------------------------------------------------

struct cell {
    double value;
    const char* unit;
};

/// One line; `at_least`: the ratio is baseline / ours, else ours / baseline.
void row(const std::string& question, cell baseline, cell ours, std::optional<double> target, bool at_least) {
    const double ratio = at_least ? baseline.value / ours.value : ours.value / baseline.value;
    char text[64] = "-";
    const char* verdict = "-";
    if (target) {
        std::snprintf(text, sizeof text, "%s %.2f", at_least ? ">=" : "<=", *target);
        verdict = (at_least ? ratio >= *target : ratio <= *target) ? "pass" : "short";
    }
    std::printf("%-58s | %9.1f %-6s | %9.1f %-6s | %6.2f | %-8s | %s\n", question.c_str(), baseline.value, baseline.unit,
                ours.value, ours.unit, ratio, text, verdict);
    std::fflush(stdout);
}

void expect(bool holds, const std::string& what) {
    if (holds) return;
    failed = true;
    std::printf("WRONG ANSWER: %s\n", what.c_str());
}

double median(std::vector<double> v) {
    std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
    return v[v.size() / 2];
}

class stopwatch {
public:
    [[nodiscard]] double ns() const {
        return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start_).count();
    }

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// --- draws ----------------------------------------------------------------------------------------

/// splitmix64: enough for the shape of a load, and independent of what is measured.
class draws {
public:
    explicit draws(std::uint64_t seed) : state_(seed) {}
    std::uint64_t bits() {
        std::uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
        z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
        z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
        return z ^ (z >> 31U);
    }
    double uniform() { return static_cast<double>(bits() >> 11U) * 0x1p-53; }
    double exponential() { return -std::log1p(-uniform()); }

private:
    std::uint64_t state_;
};

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
            const auto t = whole % 1'000'000'000 == 0 ? whole : static_cast<std::int64_t>(d.uniform() * static_cast<double>(whole));
            queue.push(instant{duration{t}}, rank(i), {0, 0, i, 0});
        }
    }

    /// ns per event.
    double run(std::size_t events) {
        const stopwatch watch;
        for (std::size_t i = 0; i < events; ++i) {
            popped_event e = queue.pop();
            hash = (hash ^ static_cast<std::uint64_t>(e.key.time_ns) ^ e.key.phase_sequence) * 0x100000001B3U + e.what.entity;
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

hold_result measure_hold(std::size_t pending, const std::string& shape) {
    const std::vector<std::int64_t> table = increments(shape);
    auto standard = std::make_unique<hold<standard_queue>>(pending, table);
    auto heap = std::make_unique<hold<heap4>>(pending, table);
    auto bucket = std::make_unique<hold<bucket_queue>>(pending, table);
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
    expect(standard->hash == heap->hash && standard->hash == bucket->hash, "order of events, " + name);
    const hold_result r{median(s), median(h), median(b)};
    const double target = pending <= 1000 ? 1.5 : pending <= 100'000 ? 2.5 : 4.0;
    row("hold, " + name + ": heap_queue", {r.standard, "ns"}, {r.heap, "ns"}, std::nullopt, true);
    row("hold, " + name + ": bucket_queue", {r.standard, "ns"}, {r.bucket, "ns"}, target, true);
    if (pending >= 100'000) {
        row("  bytes per pending event, bucket_queue", {64.0, "B"},
            {static_cast<double>(bucket->queue.memory_bytes()) / static_cast<double>(pending), "B"}, 1.0, false);
    }
    // Chance maxima of the lists in use may still take a slab now and then: none per event, to four digits.
    row("  allocations per 1e4 events, bucket_queue", {1.0, ""},
        {1e4 * static_cast<double>(in_run) / static_cast<double>(b.size() * events), ""}, 0.1, false);
    return r;
}

// --- handles --------------------------------------------------------------------------------------

/// Cost of push, cancel and reschedule beside `pending` others; the sweeps of corpses are paid within.
template <class Queue>
void measure_handles(const std::string& name, std::size_t pending, std::optional<double> target) {
    const std::vector<std::int64_t> table = increments("exponential");
    std::vector<double> push, cancel, reschedule;
    Queue q;
    std::vector<event_handle> handles(pending);
    std::vector<std::uint32_t> order(pending);
    draws d(3);
    for (std::uint32_t i = 0; i < pending; ++i) {
        order[i] = i;
        std::swap(order[i], order[d.bits() % (i + 1)]);
        q.push(instant{duration{table[d.bits() % table_size] + 1}}, phase{1}, {0, 0, i, 0});
    }
    for (int repeat = 0; repeat < 9; ++repeat) {
        const auto timed = [&](std::vector<double>& into, auto each) {
            const stopwatch watch;
            for (std::uint32_t i = 0; i < pending; ++i) each(i);
            into.push_back(watch.ns() / static_cast<double>(pending));
        };
        timed(push, [&](std::uint32_t i) {
            handles[i] = q.push(instant{duration{table[i % table_size] + 1}}, phase{1}, {0, 0, i, 0});
        });
        timed(reschedule, [&](std::uint32_t i) {
            event_handle& h = handles[order[i]];
            h = q.reschedule(h, instant{duration{table[(i + 77) % table_size] + 1}});
        });
        timed(cancel, [&](std::uint32_t i) {
            if (!q.cancel(handles[order[i]])) failed = true;
        });
    }
    const std::string tail = ", " + name + ", " + std::to_string(2 * pending) + " pending";
    row("cancel against push" + tail, {median(push), "ns"}, {median(cancel), "ns"}, target, false);
    row("reschedule against push" + tail, {median(push), "ns"}, {median(reschedule), "ns"}, target, false);
}

// --- M/M/1 ----------------------------------------------------------------------------------------

struct customers {
    explicit customers(std::size_t n) {
        draws d(11);
        for (std::size_t i = 0; i < n; ++i) {
            gap.push_back(std::llround(d.exponential() * 1e9));
            service.push_back(std::llround(d.exponential() * 0.9e9));
        }
    }
    std::vector<std::int64_t> gap;      ///< from the arrival before [ns]
    std::vector<std::int64_t> service;  ///< [ns]
};

std::int64_t lindley(const customers& c) {
    std::int64_t wait = 0;
    std::int64_t sum = 0;
    for (std::size_t i = 1; i < c.gap.size(); ++i) {
        wait = std::max<std::int64_t>(0, wait + c.service[i - 1] - c.gap[i]);
        sum += wait;
    }
    return sum;
}

/// First in, first out, of arrival times; grows to what the queue needs.
class waiting_line {
public:
    [[nodiscard]] bool empty() const { return head_ == tail_; }
    void push(std::int64_t t) {
        if (tail_ - head_ == ring_.size()) {
            std::vector<std::int64_t> wider(ring_.size() * 2);
            for (std::size_t i = head_; i != tail_; ++i) wider[i % wider.size()] = ring_[i % ring_.size()];
            ring_ = std::move(wider);
        }
        ring_[tail_++ & (ring_.size() - 1)] = t;
    }
    std::int64_t pop() { return ring_[head_++ & (ring_.size() - 1)]; }

private:
    std::vector<std::int64_t> ring_ = std::vector<std::int64_t>(1024);
    std::size_t head_ = 0;
    std::size_t tail_ = 0;
};

std::int64_t hand_written(const customers& c) {
    struct entry {
        std::int64_t time;
        std::uint64_t sequence;
        bool departure;
        bool operator<(const entry& other) const {
            return time != other.time ? time > other.time : sequence > other.sequence;
        }
    };
    std::priority_queue<entry> events;
    waiting_line line;
    std::uint64_t sequence = 0;
    std::size_t arrived = 0;
    std::size_t served = 0;
    bool busy = false;
    std::int64_t sum = 0;
    events.push({c.gap[0], sequence++, false});
    while (!events.empty()) {
        const entry e = events.top();
        events.pop();
        if (e.departure) {
            if (line.empty()) {
                busy = false;
            } else {
                sum += e.time - line.pop();
                events.push({e.time + c.service[served++], sequence++, true});
            }
        } else {
            if (++arrived < c.gap.size()) events.push({e.time + c.gap[arrived], sequence++, false});
            if (busy) {
                line.push(e.time);
            } else {
                busy = true;
                events.push({e.time + c.service[served++], sequence++, true});
            }
        }
    }
    return sum;
}

/// The same queueing system as a model of the kernel.
class single_server {
public:
    explicit single_server(const customers& c) : customers_(c) {}

    template <class Kernel>
    void start(Kernel& k) {
        k.schedule_in(duration{customers_.gap[0]}, arrivals, {0, arrival, 0, 0});
    }

    template <class Kernel>
    void dispatch(const event& e, Kernel& k) {
        if (e.kind == departure) {
            if (line_.empty()) {
                busy_ = false;
            } else {
                sum += ticks(k.now()) - line_.pop();
                serve(k);
            }
        } else {
            if (++arrived_ < customers_.gap.size()) {
                k.schedule_in(duration{customers_.gap[arrived_]}, arrivals, {0, arrival, 0, 0});
            }
            if (busy_) {
                line_.push(ticks(k.now()));
            } else {
                busy_ = true;
                serve(k);
            }
        }
    }

    std::int64_t sum = 0;

private:
    static constexpr phase completions{0};
    static constexpr phase arrivals{2};
    enum : std::uint8_t { arrival, departure };

    template <class Kernel>
    void serve(Kernel& k) {
        k.schedule_in(duration{customers_.service[served_++]}, completions, {0, departure, 0, 0});
    }

    const customers& customers_;
    waiting_line line_;
    std::size_t arrived_ = 0;
    std::size_t served_ = 0;
    bool busy_ = false;
};

template <class Queue>
std::int64_t through_kernel(const customers& c) {
    single_server model(c);
    kernel::kernel<single_server, Queue> k(model);
    model.start(k);
    k.run_until(never);
    return model.sum;
}

void measure_mm1() {
    const customers c(1'000'000);
    const auto n = static_cast<double>(c.gap.size());
    std::vector<double> floor, hand, heap, bucket;
    std::int64_t sums[4] = {};
    const auto timed = [&](std::vector<double>& into, std::int64_t& sum, auto run) {
        const stopwatch watch;
        sum = run(c);
        into.push_back(watch.ns() / n);
    };
    for (int repeat = 0; repeat < 9; ++repeat) {
        timed(floor, sums[0], lindley);
        timed(hand, sums[1], hand_written);
        timed(heap, sums[2], through_kernel<heap4>);
        timed(bucket, sums[3], through_kernel<bucket_queue>);
    }
    expect(sums[0] == sums[1] && sums[0] == sums[2] && sums[0] == sums[3], "sum of waiting times of M/M/1");
    row("M/M/1, per customer: hand-written against Lindley", {median(floor), "ns"}, {median(hand), "ns"}, std::nullopt, false);
    row("M/M/1, per customer: kernel with heap_queue", {median(hand), "ns"}, {median(heap), "ns"}, std::nullopt, false);
    row("M/M/1, per customer: kernel with bucket_queue", {median(hand), "ns"}, {median(bucket), "ns"}, 2.0, false);
    std::printf("  mean wait %.3f s of %.0f customers (theory 8.100 s)\n", static_cast<double>(sums[3]) / n * 1e-9, n);
}

}  // namespace

int main(int argc, char* argv[]) {
    const bool full = argc > 1 && std::strcmp(argv[1], "--full") == 0;
    std::printf("%-58s | %-16s | %-16s | %-6s | %-8s | %s\n", "question", "baseline", "ours", "ratio", "target", "");
    measure_mm1();
    std::map<std::size_t, hold_result> exponential;
    for (const char* const shape : shapes) {
        for (const std::size_t pending : {1'000U, 100'000U, 1'000'000U, 10'000'000U}) {
            const bool first = std::strcmp(shape, "exponential") == 0;
            if (pending > 1'000'000 && !(full && first)) continue;
            const hold_result r = measure_hold(pending, shape);
            if (first) exponential[pending] = r;
        }
    }
    const auto& [most, at_most] = *exponential.rbegin();
    row("cost at " + std::to_string(most) + " against 1000 pending", {exponential[1000].bucket, "ns"}, {at_most.bucket, "ns"}, 3.0,
        false);
    measure_handles<heap4>("heap_queue", 50'000, std::nullopt);
    measure_handles<bucket_queue>("bucket_queue", 50'000, 2.0);
    return failed ? 1 : 0;
}
