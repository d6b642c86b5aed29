// Little's law without expectations: the integral of the number present is the sum of the sojourns, to the nanosecond.

#include "analytic/queueing.hpp"

#include <ampacity/kernel/kernel.hpp>

#include <deque>
#include <optional>

using namespace queueing;
using namespace ampacity;

namespace {

constexpr std::int64_t second = 1'000'000'000;

/// Adds up what is sampled.
struct integrals final : sim::observer {
    explicit integrals(instant until) : end(until) {}
    void on_sample(const sim::sample& s) override {
        // A sample speaks for the second after it.
        if (s.at >= end) return;
        present += s.queued + s.running;
        queued += s.queued;
        busy += s.busy_gpus;
        free += s.free_gpus;
    }
    instant end;
    std::uint64_t present = 0, queued = 0, busy = 0, free = 0;
};

/// Jobs of several sizes whose times are whole seconds, none of them 0: between samples at each second nothing happens.
std::vector<customer> whole_seconds(std::size_t count, std::uint64_t seed) {
    auto customers = draw(exponential_distribution{3}, exponential_distribution{40}, count, seed);
    random_stream sizes{seed, purpose::sizes, 0};
    for (customer& c : customers) {
        c.arrival_ns -= c.arrival_ns % second;
        c.service_ns += second - c.service_ns % second;
        c.gpus = static_cast<std::uint32_t>(1 + sizes.below(8));
    }
    return customers;
}

constexpr std::uint64_t pool = 64;

/// `until` cuts the run where given.
void check_littles_law(const std::string& policy, std::optional<duration> until) {
    INFO(policy << (until ? ", cut" : ", to the end"));
    const auto customers = whole_seconds(20'000, 41);
    integrals seen{until ? start_of_time + *until : never};
    auto parts = make_parts(std::make_unique<customer_source>(customers), fleet::fleet_state::pool(pool), policy);
    parts.until = until;
    parts.sample_every = duration{second};
    parts.observers = {&seen};
    sim::simulation s(std::move(parts));
    s.run();
    const auto& result = s.results();

    int128 sojourns = 0;
    int128 waits = 0;
    const auto cut = [&](instant t) { return t == sim::unset ? seen.end : t; };
    for (const auto& r : s.records(0)) {
        sojourns += ticks(cut(r.finish) - r.submit);
        waits += ticks(cut(r.first_start) - r.submit);
    }
    CHECK(int128{seen.present} * second == sojourns);
    CHECK(int128{seen.busy} * second == result.books[account::useful]);
    if (result.preemptions == 0) CHECK(int128{seen.queued} * second == waits);
    if (until) CHECK(int128{seen.busy + seen.free} * second == result.books.capacity);
    CHECK(result.finished > 10'000);
}

/// M/M/1 on the kernel alone, with its own account of the number present.
struct single_server {
    using kernel_type = kernel::kernel<single_server>;
    enum kind : std::uint8_t { arrives, departs };
    static constexpr kernel::phase departures{0};
    static constexpr kernel::phase arrivals{2};

    explicit single_server(std::span<const customer> all) : customers(all) {}

    void dispatch(const kernel::event& e, kernel_type& k) {
        area += int128{present.size()} * ticks(k.now() - last);
        last = k.now();
        if (e.kind == arrives) {
            present.push_back(e.entity);
            if (present.size() == 1) serve(k);
            if (e.entity + 1 != customers.size()) arrive(k, e.entity + 1);
        } else {
            sojourns.push_back(ticks(k.now()) - customers[present.front()].arrival_ns);
            present.pop_front();
            if (!present.empty()) serve(k);
        }
    }
    void arrive(kernel_type& k, std::uint32_t who) {
        k.schedule(instant{duration{customers[who].arrival_ns}}, arrivals, {.kind = arrives, .entity = who});
    }
    void serve(kernel_type& k) {
        k.schedule_in(duration{customers[present.front()].service_ns}, departures,
                      {.kind = departs, .entity = present.front()});
    }

    std::span<const customer> customers;
    std::deque<std::uint32_t> present;
    std::vector<std::int64_t> sojourns;
    int128 area = 0;
    instant last = start_of_time;
};

}  // namespace

TEST_CASE("the integral of the number present is the sum of sojourns under every policy") {
    for (const std::string policy : {"fifo", "fifo-skip", "sjf", "srtf", "easy", "conservative"}) {
        check_littles_law(policy, std::nullopt);
        check_littles_law(policy, duration{40'000 * second});
    }
}

TEST_CASE("a queue on the bare kernel obeys the law and agrees with the simulation") {
    const double rho = 0.9;
    const auto customers = draw_poisson(rho, 1, exponential_distribution{mean_service_s}, 400'000, 42);
    single_server model{customers};
    kernel::kernel<single_server> k{model};
    model.arrive(k, 0);
    CHECK(k.run_until(never) == kernel::run_status::drained);
    CHECK(k.events_processed() == 2 * customers.size());
    CHECK(model.area == sum(model.sojourns));
    check_equal(model.sojourns, sojourns_ns(run(customers, 1)));
    check_mean("mean sojourn", in_services(model.sojourns), 1 / (1 - rho), 0.15);
}
