// The history of a run in a fixed amount of memory, against integrals that are worked out directly.

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/random_workload.hpp"

#include <ampacity/report/load_history.hpp>

#include <cmath>
#include <vector>

namespace {

using namespace ampacity;
using report::load_history;
using report::sparkline;

instant at(std::int64_t t) { return instant{duration{t}}; }

sim::job_event event_at(std::int64_t t, std::uint32_t gpus = 1) {
    sim::job_event e;
    e.at = at(t);
    e.gpus = gpus;
    return e;
}

}  // namespace

TEST_CASE("parts are means over time", "[load_history]") {
    load_history h;
    h.on_submit(event_at(0));
    h.on_start(event_at(0, 4));
    h.on_submit(event_at(10));
    h.on_submit(event_at(20));
    h.on_reject(event_at(25));
    h.on_stop(event_at(30, 4), sim::run_end::finished);
    h.on_start(event_at(30, 2));
    h.on_stop(event_at(35, 2), sim::run_end::preempted);
    h.on_start(event_at(35, 2));
    h.on_stop(event_at(40, 2), sim::run_end::unfinished);
    const auto parts = h.parts(4, at(40));
    REQUIRE(parts.size() == 4);
    const std::vector<double> queued{0, 1, 1.5, 0};
    const std::vector<double> busy{4, 4, 4, 2};
    for (std::size_t i = 0; i != 4; ++i) {
        INFO(i);
        CHECK(parts[i].queued == Approx(queued[i]));
        CHECK(parts[i].busy_gpus == Approx(busy[i]));
    }
    const auto one = h.parts(1, at(80));  // what runs and waits at the end does so until then
    CHECK(one.at(0).busy_gpus == Approx((30 * 4 + 50 * 2) / 80.0));
    CHECK(h.parts(7, at(40)).size() == 7);
    CHECK(h.parts(100, at(40)).size() == 40);
    CHECK(load_history{}.parts(10, at(0)).empty());
}

TEST_CASE("a resize changes what is busy", "[load_history]") {
    load_history h;
    h.on_submit(event_at(0));
    h.on_start(event_at(0, 8));
    h.on_resize(event_at(10, 8), event_at(10, 2));
    h.on_resize(event_at(20, 2), event_at(20, 3));
    h.on_stop(event_at(30, 3), sim::run_end::finished);
    const auto parts = h.parts(4, at(40));
    for (std::size_t i = 0; i != 4; ++i) CHECK(parts.at(i).busy_gpus == Approx(std::vector<double>{8, 2, 3, 0}[i]));
}

TEST_CASE("long histories keep their integral, whatever is merged", "[load_history]") {
    naive::test_random random{7};
    for (const std::int64_t longest : std::vector<std::int64_t>{3, 1'000, 1'000'000'000, 1'000'000'000'000'000}) {
        load_history h;
        std::int64_t now = 0;
        std::int64_t waiting = 0;
        long double integral = 0;
        long double late = 0;  // of the second half
        std::vector<std::pair<std::int64_t, std::int64_t>> steps;
        for (int i = 0; i != 5'000; ++i) {
            const std::int64_t next = now + random.between(0, longest);
            steps.emplace_back(next, waiting);
            integral += static_cast<long double>(next - now) * static_cast<long double>(waiting);
            now = next;
            if (waiting > 0 && random.chance(50)) {
                h.on_reject(event_at(now));
                --waiting;
            } else {
                h.on_submit(event_at(now));
                ++waiting;
            }
        }
        std::int64_t before = 0;
        for (const auto& [to, value] : steps) {
            const auto from = std::max<std::int64_t>(before, now / 2);
            if (to > from) late += static_cast<long double>(to - from) * static_cast<long double>(value);
            before = to;
        }
        const auto total = static_cast<double>(now);
        INFO(longest);
        CHECK(h.parts(1, at(now)).at(0).queued == Approx(static_cast<double>(integral) / total).epsilon(1e-9));
        // Cuts fall within bins, which are known by their mean only: 256 of them leave less than one part in 100.
        const auto halves = h.parts(2, at(now));
        CHECK(halves.at(1).queued == Approx(static_cast<double>(late) * 2 / total).epsilon(0.01));
        const auto many = h.parts(100, at(now));
        double sum = 0;
        for (const auto& p : many) sum += p.queued / 100;
        CHECK(many.size() == 100);
        CHECK(sum == Approx(static_cast<double>(integral) / total).epsilon(1e-9));
    }
}

TEST_CASE("a history takes no memory of its own, up to the end of time", "[load_history]") {
    load_history h;
    const auto before = test::allocations();
    h.on_submit(event_at(0));
    for (std::int64_t t = 1; t < std::int64_t{1} << 61; t += t / 3 + 1) h.on_submit(event_at(t));
    h.on_submit({.at = never - duration{1}, .where = {}});
    CHECK(test::allocations() == before);
    CHECK(h.parts(80, never - duration{1}).size() == 80);
    static_assert(sizeof(load_history) < 17'000);
}

TEST_CASE("a sparkline has eight heights", "[load_history]") {
    const std::vector<double> values{0, 0.9, 1, 2, 3.5, 4, 5, 6, 7, 7.9, 8, 99, -1};
    CHECK(sparkline(values, 8) ==
          "▁▁▂▃▄▅▆▇███"
          "█▁");
    CHECK(sparkline(values, 0) == "▁▁▁▁▁▁▁▁▁▁▁▁▁");
    CHECK(sparkline({}, 1).empty());
}
