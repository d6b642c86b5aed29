// One server as processes of the kernel: Lindley's recursion customer by customer, the closed form in the mean, and the
// same waits whichever way it is written.

#include "analytic/queueing.hpp"

#include <ampacity/kernel/process_model.hpp>
#include <ampacity/kernel/resource.hpp>
#include <ampacity/kernel/store.hpp>

using namespace queueing;
using namespace ampacity;
using kernel::process;

namespace {

/// One process for each customer.
struct by_customer : kernel::process_model {
    explicit by_customer(std::span<const customer> c) : customers(c) { spawn(arrivals()); }
    process arrivals() {
        for (const customer& c : customers) {
            co_await kernel::delay(instant{duration{c.arrival_ns}} - now());
            spawn(serve(c));
        }
    }
    process serve(const customer& c) {
        const kernel::lease turn = co_await server.acquire();
        waits.push_back(ticks(now()) - c.arrival_ns);
        co_await kernel::delay(duration{c.service_ns});
    }

    std::span<const customer> customers;
    kernel::resource server{*this, 1};
    std::vector<std::int64_t> waits;
};

/// One process for the server.
struct by_server : kernel::process_model {
    explicit by_server(std::span<const customer> c) : customers(c) {
        spawn(arrivals());
        spawn(serve());
    }
    process arrivals() {
        for (const customer& c : customers) {
            co_await kernel::delay(instant{duration{c.arrival_ns}} - now());
            co_await line.put(&c);
        }
    }
    process serve() {
        for (;;) {
            const customer* const c = co_await line.get();
            waits.push_back(ticks(now()) - c->arrival_ns);
            co_await kernel::delay(duration{c->service_ns});
        }
    }

    std::span<const customer> customers;
    kernel::store<const customer*> line{*this};
    std::vector<std::int64_t> waits;
};

template <class Model>
std::vector<std::int64_t> waits_of(std::span<const customer> customers) {
    Model model(customers);
    model.run();
    return model.waits;
}

constexpr exponential_distribution exponential{mean_service_s};

}  // namespace

TEST_CASE("waits of processes follow the recursion of Lindley exactly") {
    const std::size_t count = 50'000;
    auto ties = draw(gamma_distribution{0.25, 500}, exponential, count, 5);
    for (customer& c : ties) {
        c.arrival_ns -= c.arrival_ns % 10'000'000'000;
        c.service_ns -= c.service_ns % 10'000'000'000;
    }
    for (const auto& customers : {draw_poisson(0.9, 1, exponential, count, 1),
                                  draw_poisson(1.1, 1, uniform_distribution{0, 2 * mean_service_s}, count, 3), ties}) {
        const auto expected = lindley(customers);
        check_equal(waits_of<by_customer>(customers), expected);
        check_equal(waits_of<by_server>(customers), expected);
    }
}

TEST_CASE("mean wait of processes in M/M/1") {
    const double rho = 0.8;
    const auto waits = waits_of<by_customer>(draw_poisson(rho, 1, exponential, 800'000, 11));
    check_mean("mean wait", in_services(waits), rho / (1 - rho), 0.055);
    check_mean("P(wait > 0)", above(waits, 0), rho, 0.055 / 3);
}
