// A replica where it reduces to queues with closed forms; see queueing.hpp for what the checks mean.
#include "queueing.hpp"
#include "support/catch.hpp"

#include <ampacity/serving/service.hpp>
#include <ampacity/workload/closed_requests.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;
using namespace queueing;
using serving::request_record;
using workload::request;

constexpr std::int64_t token_ns = 1'000'000;

/// Poisson arrivals of prompts of one token, with answers of so many.
template <class Tokens>
std::vector<request> draw_requests(std::size_t n, double mean_gap_ns, std::uint64_t seed, Tokens tokens) {
    random_stream arrivals{seed, purpose::arrivals, 0};
    random_stream sizes{seed, purpose::sizes, 0};
    const exponential_distribution gap{mean_gap_ns};
    std::vector<request> out(n);
    std::int64_t now = 0;
    for (request& r : out) {
        now += std::llround(gap(arrivals));
        r.arrival = instant{duration{now}};
        r.output_tokens = tokens(sizes);
    }
    return out;
}

std::vector<request_record> serve(const std::vector<request>& requests, const serving::replica_options& options,
                                  const serving::linear_step& step) {
    serving::service s({.engine = options, .random = {.seed = 1}}, serving::iteration_time(step));
    workload::vector_request_source source(requests);
    std::vector<request_record> records(requests.size());
    std::size_t finished = 0;
    serving::serve(source, s, never, [&](const request_record& r) {
        records[r.row] = r;
        finished += r.state == serving::request_state::finished ? 1 : 0;
    });
    REQUIRE(finished == requests.size());
    return records;
}

constexpr serving::replica_options one_seat{.max_seqs = 1, .kv_capacity_tokens = 1 << 30};
constexpr serving::replica_options many_seats{
    .max_seqs = 1 << 20, .max_batched_tokens = 1 << 20, .kv_capacity_tokens = std::int64_t{1} << 40};

std::uint32_t geometric(random_stream& s, double mean) {
    return static_cast<std::uint32_t>(1 + std::floor(std::log(s.uniform01_open()) / std::log1p(-1 / mean)));
}

}  // namespace

TEST_CASE("serving with one seat is a queue with one server, wait by wait") {
    const auto requests =
        draw_requests(200'000, 25.0 * token_ns, 41, [](random_stream& s) { return geometric(s, 20); });
    std::vector<customer> customers;
    for (const request& r : requests)
        customers.push_back({ticks(r.arrival), static_cast<std::int64_t>(r.output_tokens) * token_ns});
    std::vector<std::int64_t> waits;
    for (const request_record& r : serve(requests, one_seat, {.base = {token_ns, 0}}))
        waits.push_back(ticks(*serving::queueing(r)));
    check_equal(waits, lindley(customers));
}

TEST_CASE("serving answers of one length with one seat is M/D/1") {
    const double rho = 0.8;
    const auto requests = draw_requests(3'000'000, 10 * token_ns / rho, 42, [](random_stream&) { return 10U; });
    std::vector<double> waits;
    for (const request_record& r : serve(requests, one_seat, {.base = {token_ns, 0}}))
        waits.push_back(static_cast<double>(ticks(*serving::queueing(r))) / (10.0 * token_ns));
    check_mean("wait", waits, pollaczek_khinchine(rho, 0), 0.03);
}

TEST_CASE("serving at a cost per token is processor sharing") {
    // A step costs each request one token's time, so that n of them run at 1/n of the speed. In M/G/1-PS the mean
    // sojourn of a request of size x is x / (1 - rho), whatever the distribution of sizes; a token is so small a part
    // of an answer that steps matter little.
    const double rho = 0.7;
    const double mean_tokens = 2000;
    const auto requests = draw_requests(1'600'000, mean_tokens * token_ns / rho, 43, [&](random_stream& s) {
        return s.below(10) == 0 ? geometric(s, 0.7 * mean_tokens * 10) : geometric(s, mean_tokens / 3);
    });
    std::vector<double> all;
    std::vector<double> slowdowns;
    for (const request_record& r : serve(requests, many_seats, {.per_token = {token_ns, 0}})) {
        const double sojourn = static_cast<double>(ticks(*serving::e2e(r))) / token_ns;
        all.push_back(sojourn / mean_tokens);
        if (r.output_tokens >= 100) slowdowns.push_back(sojourn / r.output_tokens);
    }
    check_mean("sojourn", all, 1 / (1 - rho), 0.06);
    check_mean("slowdown", slowdowns, 1 / (1 - rho), 0.06);
}

TEST_CASE("serving answers of one length at a cost per step is M/D/c with a server for each seat") {
    // Steps cost the same whatever is in them, so that a request that has a seat takes as many as it has tokens. It
    // gets one when a step begins: by the recursion of Kiefer and Wolfowitz but for parts of a step.
    constexpr std::size_t seats = 4;
    constexpr std::uint32_t tokens = 500;
    const double rho = 0.85;
    const auto requests =
        draw_requests(400'000, tokens * token_ns / (rho * seats), 44, [](random_stream&) { return tokens; });
    serving::replica_options options = many_seats;
    options.max_seqs = seats;
    const auto records = serve(requests, options, {.base = {token_ns, 0}});
    std::vector<std::int64_t> free_at(seats, 0);
    double expected = 0, got = 0, worst = 0;
    for (std::size_t i = 0; i != requests.size(); ++i) {
        const auto first = std::min_element(free_at.begin(), free_at.end());
        const std::int64_t start = std::max(ticks(requests[i].arrival), *first);
        *first = start + std::int64_t{tokens} * token_ns;
        const auto wait = static_cast<double>(start - ticks(requests[i].arrival));
        const auto engine = static_cast<double>(ticks(*serving::queueing(records[i])));
        expected += wait;
        got += engine;
        worst = std::max(worst, std::abs(engine - wait));
    }
    CHECK(expected > 0.3 * tokens * token_ns * static_cast<double>(requests.size()));
    CHECK(got == Approx(expected).epsilon(0.02));
    CHECK(worst < 0.1 * tokens * token_ns);
}

TEST_CASE("serving users who wait for their answers with one seat is the machine repair model") {
    const double answer = 200, think = 900;  // tokens, or their milliseconds
    for (const std::uint32_t users : {1U, 4U, 12U}) {
        workload::closed_requests source(
            {.seed = 44,
             .requests = 400'000,
             .arrivals = {.seed = 44, .entity = 0},
             .prompt = workload::token_lengths({{.law = constant_distribution{1}}}),
             .output = workload::token_lengths({{.law = exponential_distribution{answer}}})},
            {.turns = 1}, workload::loop_users{users, think * token_ns * 1e-9});
        serving::service s({.engine = one_seat, .random = {.seed = 1}},
                           serving::iteration_time(serving::linear_step{.base = {token_ns, 0}}));
        double sum = 0;
        instant last = start_of_time;
        serving::serve(source, s, never, [&](const request_record& r) {
            sum += static_cast<double>(ticks(*serving::e2e(r)));
            last = std::max(last, r.end);
        });
        // P(nobody is served) of M/M/1//K; Kleinrock, "Queueing Systems" I, 1975, 3.8.
        double all = 0, term = 1;
        for (std::uint32_t n = 0; n <= users; ++n) {
            all += term;
            term *= (users - n) * answer / think;
        }
        const double rate = (1 - 1 / all) / answer;
        CHECK(400'000 / (static_cast<double>(ticks(last - start_of_time)) / token_ns) == Approx(rate).epsilon(0.006));
        CHECK(sum / 400'000 / token_ns == Approx(users / rate - think).epsilon(0.01));
    }
}
