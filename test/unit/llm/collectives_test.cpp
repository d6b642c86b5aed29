#include "support/catch.hpp"

#include <ampacity/llm/collectives.hpp>

#include <cmath>

using namespace ampacity;

TEST_CASE("closed forms of collectives", "[llm]") {
    const double bytes = 1e9;
    const double alpha = 5e-6;
    const double b = 450e9;
    CHECK(llm::ring_all_reduce_s(bytes, 8, alpha, b) == Approx(14 * alpha + 1.75 * bytes / b));
    CHECK(llm::ring_gather_s(bytes, 8, alpha, b) == Approx(llm::ring_all_reduce_s(bytes, 8, alpha, b) / 2));
    CHECK(llm::tree_all_reduce_s(bytes, 8, alpha, b) == Approx(6 * alpha + 2 * bytes / b));
    CHECK(llm::switch_all_reduce_s(bytes, alpha, b) == Approx(2 * alpha + bytes / b));
    CHECK(llm::all_to_all_s(bytes, 8, alpha, b) == Approx(alpha + 0.875 * bytes / b));
    // One level is a ring.
    CHECK(llm::hierarchical_all_reduce_s(bytes, 8, 1, alpha, b, 1, 1) ==
          Approx(llm::ring_all_reduce_s(bytes, 8, alpha, b)));
    CHECK(llm::hierarchical_all_reduce_s(bytes, 1, 8, 1, 1, alpha, b) ==
          Approx(llm::ring_all_reduce_s(bytes, 8, alpha, b)));
    // Across domains goes an eighth only.
    CHECK(llm::hierarchical_all_reduce_s(bytes, 8, 4, alpha, b, alpha, 50e9) ==
          Approx(llm::ring_all_reduce_s(bytes, 8, alpha, b) + llm::ring_all_reduce_s(bytes / 8, 4, alpha, 50e9)));
}

TEST_CASE("a measured curve reaches half of its bandwidth at the size it says", "[llm]") {
    const llm::collective_curve c{.latency_s = 8e-6, .share = 0.5, .half_b = 1e6};
    const double link = 900e9;
    const auto bandwidth = [&](double bytes) { return bytes / c.sent_s(bytes, bytes, link); };
    CHECK(bandwidth(1e6) == Approx(0.25 * link));
    CHECK(bandwidth(9e6) == Approx(0.375 * link));
    CHECK(bandwidth(1e15) == Approx(0.5 * link).epsilon(1e-4));
    CHECK(c.time_s(llm::collective_kind::all_gather, 1, 2, link) == Approx(8e-6).epsilon(1e-2));
    CHECK(c.time_s(llm::collective_kind::all_gather, 1e9, 1, link) == 0);
    CHECK(llm::sent_share(llm::collective_kind::all_reduce, 4) == 1.5);
    CHECK(llm::sent_share(llm::collective_kind::all_to_all, 4) == 0.75);
    double last = 0;
    for (double bytes = 1; bytes < 1e10; bytes *= 2) {
        const double t = c.time_s(llm::collective_kind::all_reduce, bytes, 8, link);
        CHECK(t > last);
        last = t;
    }
}
