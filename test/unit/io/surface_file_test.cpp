// Surfaces in files: the same bits come back, and what is none, or of another replica, is refused.
#include "support/catch.hpp"
#include "support/files.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/io/surface_file.hpp>

#include <algorithm>
#include <cstddef>
#include <string>

namespace {

using namespace ampacity;
using namespace std::chrono_literals;

fluid::surface_options small() {
    return {
        .engine = {.max_seqs = 4, .max_batched_tokens = 256, .kv_capacity_tokens = 4000},
        .time = serving::iteration_time(serving::linear_step{.base = serving::to_exact(5ms), .per_token = {20'000, 0}}),
        .prompt = workload::token_lengths({{.law = lognormal_distribution{50, 0.6}}}),
        .output = workload::token_lengths({{.law = lognormal_distribution{10, 0.5}}}),
        .targets = {.ttft = 1s},
        .requests = 1000,
        .prompt_scales = {0.5, 1, 2},
        .output_scales = {1, 3}};
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("a surface comes back from its file to the last bit") {
    const test::temporary_directory folder;
    const auto file = folder.path() / "a.json";
    const fluid::surface_options from = small();
    const fluid::surface made = fluid::surface::build(from);
    io::write_surface(file, made, from, {.service = "chat", .command = "ampacity surface"});
    const fluid::surface read = io::read_surface_of(from, file, "key");
    CHECK(read.made_from() == made.made_from());
    REQUIRE(read.mixes().size() == made.mixes().size());
    CHECK(read.queued().size() == 5 * 3);
    CHECK(std::equal(read.queued().begin(), read.queued().end(), made.queued().begin(), made.queued().end()));
    for (std::size_t i = 0; i != made.mixes().size(); ++i) {
        const fluid::mix_values &a = made.mixes()[i], &b = read.mixes()[i];
        CHECK(a.capacity == b.capacity);
        CHECK(a.queued_share == b.queued_share);
        CHECK(a.rejected == b.rejected);
        CHECK(a.prompt_tokens == b.prompt_tokens);
        for (std::size_t k = 0; k != a.points.size(); ++k) {
            CHECK(a.points[k].busy == b.points[k].busy);
            CHECK(a.points[k].prefilling == b.points[k].prefilling);
            CHECK(a.points[k].kv == b.points[k].kv);
            CHECK(a.points[k].met == b.points[k].met);
            CHECK(a.points[k].ttft.mean == b.points[k].ttft.mean);
            CHECK(a.points[k].ttft.quantiles == b.points[k].ttft.quantiles);
            CHECK(a.points[k].tpot.quantiles == b.points[k].tpot.quantiles);
            CHECK(a.points[k].e2e.quantiles == b.points[k].e2e.quantiles);
        }
    }
    const std::string text = test::read_file(file);
    io::write_surface(file, read, from, {.service = "chat", .command = "ampacity surface"});
    CHECK(test::read_file(file) == text);

    fluid::surface_options other = from;
    other.engine.max_seqs = 5;
    CHECK_THROWS_AS(io::read_surface_of(other, file, "key"), scenario_error);
}

TEST_CASE("what is no surface is refused") {
    const test::temporary_directory folder;
    const auto file = folder.path() / "a.json";
    const fluid::surface_options from = small();
    io::write_surface(file, fluid::surface::build(from), from, {});
    const std::string good = test::read_file(file);
    CHECK_THROWS_AS(io::read_surface(folder.path() / "none.json"), data_error);
    const auto refused = [&](const std::string& text) {
        INFO(text.substr(0, 200));
        test::write_file(file, text);
        CHECK_THROWS_AS(io::read_surface(file), data_error);
    };
    refused("");
    refused("[]");
    refused(good.substr(0, good.size() / 2));
    refused(replaced(good, "\"ampacity_surface\": 2", "\"ampacity_surface\": 1"));
    refused(replaced(good, "\"queued_share\": 1", "\"queued_share\": 2"));
    refused(replaced(good, "\"queued_share\": 1", "\"queued_share\": 0"));
    refused(replaced(good, "\"queued_capacity_per_s\": [", "\"queued_capacity_per_s\": [ 1,"));
    refused(replaced(good, "\"made_from\": \"", "\"made_from\": \"x"));
    refused(replaced(good, "\"busy\"", "\"bussy\""));
    refused(replaced(good, "\"capacity_per_s\": ", "\"capacity_per_s\": -"));
    refused(replaced(good, "\"prompt_scales\": [\n  0.5,", "\"prompt_scales\": [\n  1.5,"));
    refused(replaced(good, "\"prompt_scales\": [\n  0.5,", "\"prompt_scales\": ["));
    test::write_file(file, good);
    CHECK_NOTHROW(io::read_surface(file));
}
