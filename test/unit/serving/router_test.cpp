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

TEST_CASE("router: kv-aware weighs tokens to compute against tokens in the cache") {
    // Replica 0 has the prompt of session 7 in its cache and works on it again; replica 1 is idle.
    const serving::iteration_time time(serving::linear_step{.base = {10, 0}});
    std::vector<serving::replica> replicas;
    for (int i = 0; i != 2; ++i)
        replicas.emplace_back(serving::replica_options{.kv_block_tokens = 16, .prefix_cache = true}, time);
    workload::request r{.prompt_tokens = 160, .output_tokens = 2, .prefix_tokens = 160, .session = 7};
    replicas[0].submit(r, start_of_time);
    replicas[0].start(start_of_time);
    const instant end = replicas[0].next();
    replicas[0].advance(end);
    replicas[0].start(end);
    const serving::replica_view view(replicas, end);
    // 9 of its 10 blocks, short of the last token; it holds 11.
    CHECK(view.cached_tokens(0, r) == 144);
    CHECK(view.kv_blocks(0) == 11);
    const auto choice = [&](std::int64_t kv_weight) {
        return serving::make_router("kv-aware", {.seed = 1, .kv_weight = kv_weight})->route(r, view);
    };
    // 160 - 144 + w 176 against 160.
    CHECK(choice(818) == 0);
    CHECK(choice(819) == 1);
    CHECK(serving::make_router("prefix-aware", {.seed = 1})->route(r, view) == 0);
    r.session = 8;
    CHECK(serving::make_router("prefix-aware", {.seed = 1})->route(r, view) == 1);
    CHECK_THROWS_AS(choice(-1), scenario_error);
    CHECK_THROWS_AS(choice(1'000'001), scenario_error);
}

TEST_CASE("service: refuses to have no replicas") {
    const serving::iteration_time time(serving::linear_step{.base = {10, 0}});
    CHECK_THROWS_AS(serving::service({.replicas = 0, .random = {.seed = 1}}, time), scenario_error);
}
