#include "support/catch.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/serving/router.hpp>
#include <ampacity/serving/service.hpp>

#include <string>
#include <vector>

using namespace ampacity;

TEST_CASE("router: an unknown name is refused with what it may have meant") {
    try {
        static_cast<void>(serving::make_router("least-request", {.seed = 1}));
        FAIL("no error");
    } catch (const scenario_error& e) {
        CHECK(e.details().key == "router");
        CHECK(e.details().remedy.find("least-requests") != std::string::npos);
    }
}

TEST_CASE("router: a random choice follows from seed, service and row alone") {
    const serving::iteration_time time(serving::linear_step{.base = {10, 0}});
    const std::vector<serving::replica> replicas = [&] {
        std::vector<serving::replica> out;
        for (int i = 0; i != 7; ++i) out.emplace_back(serving::replica_options{}, time);
        return out;
    }();
    const serving::replica_view view(replicas, start_of_time);
    for (const char* name : {"random", "power-of-two"}) {
        const auto one = serving::make_router(name, {.seed = 1});
        const auto other = serving::make_router(name, {.seed = 1});
        const auto elsewhere = serving::make_router(name, {.seed = 1, .entity = 2});
        int differ = 0;
        for (std::uint64_t row = 1000; row-- != 0;) {
            const std::size_t choice = one->route({.row = row}, view);
            if (row % 3 == 0) CHECK(other->route({.row = row}, view) == choice);
            if (elsewhere->route({.row = row}, view) != choice) ++differ;
        }
        CHECK(differ > 700);
    }
}

TEST_CASE("service: refuses to have no replicas") {
    const serving::iteration_time time(serving::linear_step{.base = {10, 0}});
    CHECK_THROWS_AS(serving::service({.replicas = 0, .random = {.seed = 1}}, time), scenario_error);
}
