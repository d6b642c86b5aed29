// What does the kernel add to the events of a small model?
//
// M/M/1 at rho 0.9, two events per customer, through the kernel's public interface, against a hand-written loop over a
// heap and the Lindley recursion; then the same as processes: one for the server, which does what the plain events do,
// against these, and one for each customer, which makes and frees 1,000,000 of them, against the hand-written loop: 1.5
// times what the kernel's plain events may take (twice the loop). Interleaved repeats, medians. The answer that a fast
// wrong kernel fails: all have the same sum of waiting times to the nanosecond.

#include "draws.hpp"
#include "support/allocations.hpp"
#include "table.hpp"

#include <ampacity/kernel/heap_queue.hpp>
#include <ampacity/kernel/kernel.hpp>
#include <ampacity/kernel/process_model.hpp>
#include <ampacity/kernel/resource.hpp>
#include <ampacity/kernel/store.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <numeric>
#include <queue>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;
using namespace bench;
using kernel::bucket_queue;
using kernel::event;
using kernel::phase;
using heap4 = kernel::heap_queue<4>;

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

/// One process for the server: it gets the instants of arrival from a store.
struct process_per_server : kernel::process_model {
    explicit process_per_server(const customers& c) : customers_(c) {
        spawn(arrivals());
        spawn(server());
    }
    kernel::process arrivals() {
        for (const std::int64_t gap : customers_.gap) {
            co_await kernel::delay(duration{gap});
            line_.try_put(ticks(now()));
        }
    }
    kernel::process server() {
        for (const std::int64_t service : customers_.service) {
            const std::int64_t arrived = co_await line_.get();
            sum += ticks(now()) - arrived;
            co_await kernel::delay(duration{service});
        }
    }

    std::int64_t sum = 0;

private:
    const customers& customers_;
    kernel::store<std::int64_t> line_{*this};
};

/// One process for each customer: it acquires the server.
struct process_per_customer : kernel::process_model {
    explicit process_per_customer(const customers& c) : customers_(c) { spawn(arrivals()); }
    kernel::process arrivals() {
        for (std::size_t i = 0; i != customers_.gap.size(); ++i) {
            co_await kernel::delay(duration{customers_.gap[i]});
            spawn(customer(duration{customers_.service[i]}));
        }
    }
    kernel::process customer(duration service) {
        const instant arrived = now();
        const kernel::lease turn = co_await server_.acquire();
        sum += ticks(now() - arrived);
        co_await kernel::delay(service);
    }

    std::int64_t sum = 0;

private:
    const customers& customers_;
    kernel::resource server_{*this, 1};
};

template <class Model>
std::int64_t as_processes(const customers& c) {
    Model model(c);
    model.run();
    return model.sum;
}

/// Allocations in the second half of a run.
template <class Model>
std::uint64_t allocations_when_warm(const customers& c) {
    Model model(c);
    const std::int64_t all = std::accumulate(c.gap.begin(), c.gap.end(), std::int64_t{0});
    model.run_until(instant{duration{all / 2}});
    const std::uint64_t before = ampacity::test::allocations();
    model.run();
    return ampacity::test::allocations() - before;
}

}  // namespace

int main() {
    table t;
    const customers c(1'000'000);
    const auto n = static_cast<double>(c.gap.size());
    std::vector<double> floor, hand, heap, bucket, per_server, per_customer;
    std::int64_t sums[6] = {};
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
        timed(per_server, sums[4], as_processes<process_per_server>);
        timed(per_customer, sums[5], as_processes<process_per_customer>);
    }
    t.expect(std::all_of(std::begin(sums), std::end(sums), [&](std::int64_t sum) { return sum == sums[0]; }),
             "sum of waiting times of M/M/1");
    const auto ns = [](const std::vector<double>& v) { return cell{median(v), "ns"}; };
    t.row("per customer: hand-written against Lindley", ns(floor), ns(hand), multiple());
    t.row("per customer: kernel with heap_queue", ns(hand), ns(heap), multiple());
    t.row("per customer: kernel with bucket_queue", ns(hand), ns(bucket), multiple(2));
    t.row("per customer: one process for the server, against plain events", ns(bucket), ns(per_server), multiple(1.5));
    t.row("per customer: one process for each customer, against plain events", ns(bucket), ns(per_customer),
          multiple());
    t.row("per customer: one process for each customer, against hand-written", ns(hand), ns(per_customer), multiple(3));
    const auto allocated =
        allocations_when_warm<process_per_server>(c) + allocations_when_warm<process_per_customer>(c);
    t.expect(allocated < 16, "processes allocate at new maxima only");
    t.note("allocations of both in the second half of a run (at new maxima): " + std::to_string(allocated));
    const double mean_s = static_cast<double>(sums[3]) / n * 1e-9;
    char text[80];
    std::snprintf(text, sizeof text, "mean wait %.3f s of %.0f customers (theory 8.100 s)", mean_s, n);
    t.note(text);
    return t.exit_status();
}
