// Requests that come besides for a while.
#include "support/catch.hpp"

#include <ampacity/workload/delayed_requests.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;

TEST_CASE("a while of a stream comes later, and nothing behind it") {
    for (const std::size_t batch : {1U, 3U, 100U}) {
        std::vector<workload::request> all;
        for (int i = 0; i != 20; ++i)
            all.push_back({.arrival = start_of_time + i * 1s, .prompt_tokens = 1U + static_cast<std::uint32_t>(i % 7)});
        workload::delayed_requests some(std::make_unique<workload::vector_request_source>(all), 100s, 7s);
        std::vector<workload::request> out(batch), read;
        for (std::size_t n; (n = some.next(out)) != 0;)
            read.insert(read.end(), out.begin(), out.begin() + static_cast<std::ptrdiff_t>(n));
        REQUIRE(read.size() == 7);
        for (std::size_t i = 0; i != read.size(); ++i) {
            CHECK(read[i].arrival == all[i].arrival + 100s);
            CHECK(read[i].prompt_tokens == all[i].prompt_tokens);
        }
        CHECK(some.next(out) == 0);
    }
}
