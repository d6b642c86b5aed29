#include "support/catch.hpp"

#include <ampacity/workload/session_requests.hpp>

#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

using namespace ampacity;
using workload::request;

namespace {

std::vector<request> conversations(std::uint64_t requests, const workload::session_options& sessions,
                                   double rate_per_s = 0.5, std::size_t batch_size = 64) {
    workload::session_requests source({.seed = 3,
                                       .entity = 100,
                                       .requests = requests,
                                       .arrivals = {.seed = 3, .entity = 100, .rate_per_s = rate_per_s},
                                       .prompt = workload::token_lengths({{.law = lognormal_distribution{80, 0.7}}}),
                                       .output = workload::token_lengths({{.law = exponential_distribution{150}}})},
                                      sessions);
    std::vector<request> out;
    std::vector<request> batch(batch_size);
    while (const std::size_t n = source.next(batch))
        out.insert(out.end(), batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(n));
    return out;
}

}  // namespace

TEST_CASE("session_requests: each prompt holds what was said before and something new") {
    const std::vector<request> all = conversations(20'000, {.turns = 5, .think_s = 20, .context = 4000});
    REQUIRE(all.size() == 20'000);
    std::map<std::uint32_t, request> last;
    instant before = start_of_time;
    std::uint64_t row = 0, later = 0, shortened = 0;
    for (const request& r : all) {
        CHECK(r.row == row++);
        CHECK(r.arrival >= before);
        before = r.arrival;
        CHECK(r.prompt_tokens + r.output_tokens <= 4000);
        const auto known = last.find(r.session);
        if (known == last.end()) {
            CHECK(r.prefix_tokens == 0);
        } else {
            ++later;
            const std::uint32_t said = known->second.prompt_tokens + known->second.output_tokens;
            shortened += r.prefix_tokens < said;
            CHECK(r.prefix_tokens <= said);
            CHECK(r.prompt_tokens >= r.prefix_tokens);
            CHECK(r.arrival >= known->second.arrival);
        }
        last[r.session] = r;
    }
    CHECK(later > 10'000);
    CHECK(shortened < later / 10);  // only where the context is full
}

TEST_CASE("session_requests: turns and pauses have their means") {
    const std::vector<request> all =
        conversations(400'000, {.turns = 4, .think_s = 30, .context = std::uint64_t{1} << 30U}, 50);
    std::map<std::uint32_t, std::pair<int, instant>> seen;
    double pauses = 0, sum_s = 0;
    // Conversations that began in the first half have ended.
    for (const request& r : all) {
        auto& [count, at] = seen[r.session];
        if (count != 0) {
            ++pauses;
            sum_s += to_seconds(r.arrival - at);
        }
        ++count;
        at = r.arrival;
    }
    const auto half = static_cast<std::uint32_t>(seen.size() / 2);
    double turns = 0, squares = 0;
    for (std::uint32_t s = 1; s <= half; ++s) {
        turns += seen[s].first;
        squares += seen[s].first * seen[s].first;
    }
    const double mean = turns / half;
    // Geometric from 1: variance m (m - 1); five standard errors.
    CHECK(std::abs(mean - 4) < 5 * std::sqrt(12.0 / half));
    CHECK(squares / half - mean * mean == Approx(12).epsilon(0.05));
    CHECK(sum_s / pauses == Approx(30).epsilon(0.02));
}

TEST_CASE("session_requests: a conversation is the same whatever the rate, and batches do not matter") {
    const workload::session_options shape{.turns = 3, .think_s = 10, .context = 3000};
    const auto slow = conversations(3000, shape, 0.01, 7);
    const auto fast = conversations(3000, shape, 0.05, 64);
    std::map<std::uint32_t, std::vector<std::uint32_t>> one, other;
    for (const request& r : slow) one[r.session].push_back(r.prompt_tokens);
    for (const request& r : fast) other[r.session].push_back(r.prompt_tokens);
    for (std::uint32_t s = 1; s <= 500; ++s) CHECK(one[s] == other[s]);
    const auto again = conversations(3000, shape, 0.01, 64);
    REQUIRE(again.size() == slow.size());
    for (std::size_t i = 0; i != slow.size(); ++i) {
        CHECK(again[i].arrival == slow[i].arrival);
        CHECK(again[i].prompt_tokens == slow[i].prompt_tokens);
    }
}

TEST_CASE("session_requests: with one turn nothing is shared") {
    for (const request& r : conversations(1000, {.turns = 1, .think_s = 1})) CHECK(r.prefix_tokens == 0);
}
