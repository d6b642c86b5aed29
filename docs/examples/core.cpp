// Module core: exact time, decimals and books; named random streams; order statistics.
#include "example.hpp"

#include <ampacity/core/accounts.hpp>
#include <ampacity/core/batch_means.hpp>
#include <ampacity/core/decimal.hpp>
#include <ampacity/core/distributions.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/fnv.hpp>
#include <ampacity/core/huge_pages.hpp>
#include <ampacity/core/ids.hpp>
#include <ampacity/core/math.hpp>
#include <ampacity/core/philox.hpp>
#include <ampacity/core/pod_vector.hpp>
#include <ampacity/core/quantile_sketch.hpp>
#include <ampacity/core/run_costs.hpp>
#include <ampacity/core/statistics.hpp>
#include <ampacity/core/step_series.hpp>
#include <ampacity/core/step_statistics.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/core/suggest.hpp>
#include <ampacity/core/tables.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/core/truncated.hpp>
#include <ampacity/core/version.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/core/work.hpp>

#include <array>
#include <cmath>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;

namespace {

void time_is_an_integer() {
    const instant end = start_of_time + 90min;
    require(to_seconds(end) == 5400, "an instant counts from the start");
    require(fnv_1a("a") == 0xAF63DC4C8601EC8C, "a name has the same number everywhere");
    require(add_saturating(end, duration::max()) == never, "later than all there is, is never");

    // Decimals become nanoseconds exactly, half to even.
    require(parse_seconds("0.0000000005").value == 0ns, "half a nanosecond is rounded to the even one");
    require(parse_seconds("1.5e3").value == 1500s, "exponents are read");
    require(parse_seconds("nan").status == decimal_status::not_finite, "NaN is no time");
    require(format_ns_as_seconds(ticks(1500ms)) == "1.5", "the shortest exact decimal is written");

    // Work that is done at a speed: rounded in one direction each way.
    require(work_in(10s, 0.5) == 5s && time_for(5s, 0.5) == 10s, "half the speed, twice the time");
}

void a_run_has_costs() {
    const preemption_costs costs{{.checkpoint_interval = 30min, .checkpoint = 20s, .restart = 60s}};
    require(costs.of(false).length(2h) == 2h + 3 * 20s, "three checkpoints, none at the end");
    require(costs.of(true).length(2h) == 2h + 3 * 20s + 60s, "after a preemption it restarts");
    require(costs.of(true).spend(45min).kept == 30min, "what a preemption then would leave");
}

void the_books_balance() {
    const gpu_time day = gpu_time{512} * ticks(24h);
    ledger books{.capacity = day, .of = {}};
    books[account::useful] = day / 4;
    books[account::idle] = day - books[account::useful];
    books.check();
    require(to_gpu_hours(books.capacity) == 512 * 24, "GPU-hours of a day");
    require(account_names[static_cast<std::size_t>(account::idle)] == "idle", "accounts have names");
    books[account::lost] = 1;
    try {
        books.check();
        require(false, "books with a GPU-nanosecond too many are refused");
    } catch (const internal_error& e) {
        require(e.exit_status() == 1, "that is a bug of ours");
    }
    require(to_string(day) == "44236800000000000", "128-bit numbers have a text");
}

void randomness_is_named() {
    random_stream durations(42, purpose::durations, 7);
    random_stream again(42, purpose::durations, 7);
    require(durations() == again() && durations == again, "a stream follows from its name");
    require(durations.below(6) < 6 && durations.uniform01() < 1, "numbers in a range");

    // The published test vector of Philox4x32-10.
    require(philox4x32({0, 0, 0, 0}, {0, 0})[0] == 0x6627E8D5U, "the generator is that of Random123");

    const lognormal_distribution d{.median = 600, .sigma = 1.5};
    d.validate();
    require(draw_duration(d, durations) > 0s, "durations are drawn from distributions");
    require(std::abs(d.mean() - 600 * portable_exp(1.5 * 1.5 / 2)) < 1e-9, "their moments are known");
    require(round_to_duration(1e-9) == 1ns, "seconds are rounded to nanoseconds");
}

void percentiles_are_order_statistics() {
    const std::vector<double> waits{4, 1, 3, 2};
    const auto found = select_percentiles(
        [&](auto sink) {
            for (const double w : waits) sink(order_key(w));
        },
        {p50, p99});
    require(from_order_key(*found[0]) == 2 && from_order_key(*found[1]) == 4, "the ceil(p n / 100)-th smallest");

    time_weighted busy(start_of_time);
    busy.set(start_of_time + 10s, 8);
    require(busy.mean(start_of_time + 20s) == 4, "a mean over time, not over changes");
}

void tables_and_bounds_are_distributions() {
    random_stream stream(42, purpose::durations, 1);
    // Half of the values are at most 10, all at most 100; between the points they are evenly spread.
    const empirical_distribution measured({{0, 0}, {0.5, 10}, {1, 100}}, interpolation::linear);
    require(measured.quantile(0.25) == 5 && measured.mean() == 30, "a table of quantiles");
    require(measured.cdf(55) == 0.75, "and its inverse");

    const discrete_distribution sizes(std::array{3.0, 0.0, 1.0});
    require(sizes.share(0) == 0.75 && sizes.index(0.8) == 2, "an index by weight");

    const truncated_distribution limited(exponential_distribution{.scale = 1}, 2, 3);
    const double x = limited(stream);
    require(2 <= x && x <= 3, "a distribution between bounds");
    require(std::abs(limited.kept() - (std::exp(-2) - std::exp(-3))) < 1e-12, "and how much of it lies there");
}

void a_long_run_is_summed_up() {
    step_statistics queue(start_of_time);
    queue.add(start_of_time + 10s, 4);
    queue.add(start_of_time + 30s, -4);
    const auto q = queue.summarize(start_of_time + 40s);
    require(q->mean == 2 && q->variance == 4 && q->max == 4, "a step function of time, exactly");

    batch_means waits;
    quantile_sketch percentiles;
    for (int i = 0; i != 6400; ++i) {
        waits.add(i % 10);
        percentiles.add(i % 10);
    }
    const auto interval = waits.confidence_interval(0.95);
    require(interval->low() <= 4.5 && 4.5 <= interval->high(), "a mean with its confidence interval");
    const double median = *percentiles.percentile(p50);
    require(std::abs(median - 4) <= 4 * percentiles.relative_error(), "a percentile within a proved bound");
}

void small_things() {
    const std::array<std::string_view, 2> known{"easy", "fifo"};
    require(suggestion("fifi", known) == "did you mean `fifo`?", "misspelt names get a remedy");

    pod_vector<int> rows;
    rows.grow_to(1000, 7);
    rows.push_back(8);
    require(rows.size() == 1001 && rows[999] == 7 && rows[1000] == 8, "an array of plain values");
    prefer_huge_pages(rows.data(), rows.size() * sizeof(int));
    require(rows[1000] == 8, "a hint changes nothing");

    const exact_series prices({start_of_time, start_of_time + std::chrono::hours{1}}, {20, 80},
                              start_of_time + std::chrono::hours{2}, outside::repeated);
    require(prices.find(start_of_time + std::chrono::hours{2})->value == 20, "a series of steps, again and again");
    require(prices.integral(start_of_time, start_of_time + std::chrono::hours{2}) == int128{100} * 3'600'000'000'000,
            "with exact integrals");

    require(index(job_id{3}) == 3 && none<job_id> != job_id{3}, "ids are rows");
    require(version.starts_with(std::to_string(version_major) + '.'), "the version");

    const diagnostic fault{.where = {"a.yaml", 3, 7},
                           .key = "seed",
                           .what = "expected a whole number",
                           .value = "x",
                           .remedy = "write 42"};
    require(
        scenario_error(fault).what() == std::string{"a.yaml:3:7: error: seed: expected a whole number (x); write 42"},
        "a message names place, key, value and remedy");
}

}  // namespace

void core_example() {
    time_is_an_integer();
    a_run_has_costs();
    the_books_balance();
    randomness_is_named();
    percentiles_are_order_statistics();
    tables_and_bounds_are_distributions();
    a_long_run_is_summed_up();
    small_things();
}
