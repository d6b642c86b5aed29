#include "support/catch.hpp"

#include <ampacity/workload/client_requests.hpp>
#include <ampacity/workload/synthetic_requests.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

using namespace ampacity;
using workload::request;

namespace {

workload::synthetic_request_options client(std::uint64_t entity, double rate, double cv, std::uint64_t requests) {
    return {.seed = 5,
            .entity = entity,
            .requests = requests,
            .arrivals = {.seed = 5, .entity = entity, .rate_per_s = rate, .cv = cv},
            .prompt = workload::token_lengths({{.law = lognormal_distribution{100, 1}}}),
            .output = workload::token_lengths({{.law = constant_distribution{7}}})};
}

std::vector<request> all(workload::request_source& source, std::size_t batch_size) {
    std::vector<request> out;
    std::vector<request> batch(batch_size);
    while (const std::size_t n = source.next(batch))
        out.insert(out.end(), batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(n));
    return out;
}

std::unique_ptr<workload::client_requests> merged(std::uint64_t requests) {
    std::vector<std::unique_ptr<workload::request_source>> clients;
    clients.push_back(std::make_unique<workload::synthetic_requests>(client(0, 8, 1, requests)));
    clients.push_back(std::make_unique<workload::synthetic_requests>(client(1'000'000, 1, 6, requests)));
    clients.push_back(std::make_unique<workload::synthetic_requests>(client(2'000'000, 1, 0, requests)));
    return std::make_unique<workload::client_requests>(std::move(clients), requests);
}

}  // namespace

TEST_CASE("client_requests: is the stable merge of its clients") {
    const auto source = merged(5000);
    const std::vector<request> got = all(*source, 33);
    REQUIRE(got.size() == 5000);
    std::vector<request> expected;
    const std::array rates{8.0, 1.0, 1.0}, cvs{1.0, 6.0, 0.0};
    for (std::uint32_t i = 0; i != 3; ++i) {
        workload::synthetic_requests one(client(i * 1'000'000, rates[i], cvs[i], 5000));
        for (request r : all(one, 100)) {
            r.tenant = i + 1;
            expected.push_back(r);
        }
    }
    std::stable_sort(expected.begin(), expected.end(),
                     [](const request& a, const request& b) { return a.arrival < b.arrival; });
    for (std::size_t i = 0; i != got.size(); ++i) {
        CHECK(got[i].row == i);
        CHECK(got[i].arrival == expected[i].arrival);
        CHECK(got[i].tenant == expected[i].tenant);
        CHECK(got[i].prompt_tokens == expected[i].prompt_tokens);
    }
    const auto first = std::count_if(got.begin(), got.end(), [](const request& r) { return r.tenant == 1; });
    CHECK(first > 3700);
    CHECK(first < 4300);
}

TEST_CASE("client_requests: conversations of different clients stay apart") {
    std::vector<std::unique_ptr<workload::request_source>> clients;
    clients.push_back(std::make_unique<workload::vector_request_source>(
        std::vector<request>{{.session = 1}, {.session = 2}, {.session = 0}}));
    clients.push_back(
        std::make_unique<workload::vector_request_source>(std::vector<request>{{.session = 1}, {.session = 2}}));
    workload::client_requests source(std::move(clients), 100);
    const auto got = all(source, 10);
    REQUIRE(got.size() == 5);
    std::vector<std::uint32_t> sessions;
    for (const request& r : got) sessions.push_back(r.session);
    CHECK(sessions == std::vector<std::uint32_t>{1, 3, 0, 2, 4});
}
