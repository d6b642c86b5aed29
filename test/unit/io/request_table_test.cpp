#include "lib/io/request_table.hpp"

#include "support/catch.hpp"
#include "support/files.hpp"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

using namespace ampacity;
using serving::request_record;
using serving::request_state;

namespace {

std::string line_of(std::uint64_t row) {
    return std::to_string(row) + ",0.000000001,,,7,9," + std::to_string(row % 3) + ",4,unfinished\n";
}

}  // namespace

TEST_CASE("rows stand in order, whatever the order in which requests leave", "[request_table]") {
    std::mt19937_64 random{5};
    for (int round = 0; round != 40; ++round) {
        const test::temporary_directory folder;
        const std::uint64_t rows = random() % 6000, window = 1 + random() % 4000;
        std::vector<std::uint64_t> order;
        for (std::uint64_t i = 0; i != rows; ++i) {
            if (random() % 50 != 0) order.push_back(i);  // some never arrive
        }
        for (std::size_t i = 0; i < order.size(); i += window)
            std::shuffle(order.begin() + static_cast<std::ptrdiff_t>(i),
                         order.begin() + static_cast<std::ptrdiff_t>(std::min(order.size(), i + window)), random);
        std::string expected{io::request_table::header};
        std::vector<std::uint64_t> sorted = order;
        std::sort(sorted.begin(), sorted.end());
        for (const std::uint64_t row : sorted) expected += line_of(row);
        io::request_table table(folder.path() / "requests.csv");
        for (const std::uint64_t row : order)
            table.add({.row = row,
                       .arrival = instant{duration{1}},
                       .prompt_tokens = 7,
                       .output_tokens = 9,
                       .preemptions = static_cast<std::uint32_t>(row % 3),
                       .replica = 4});
        table.commit();
        REQUIRE(test::read_file(folder.path() / "requests.csv") == expected);
    }
}

TEST_CASE("times are exact, and empty where they do not say anything", "[request_table]") {
    const test::temporary_directory folder;
    io::request_table table(folder.path() / "r.csv");
    const auto at = [](std::int64_t ns) { return instant{duration{ns}}; };
    request_record r{
        .row = 0, .arrival = at(1'500'000'000), .first_token = at(1'500'000'000), .end = at(2'000'000'001)};
    r.state = request_state::finished;
    table.add(r);
    r.row = 1;
    r.state = request_state::cancelled;
    table.add(r);
    r.row = 2;
    r.first_token = never;
    r.state = request_state::rejected;
    table.add(r);
    table.commit();
    CHECK(test::read_file(folder.path() / "r.csv") == std::string{io::request_table::header} +
                                                          "0,1.5,0,2.000000001,0,0,0,0,finished\n"
                                                          "1,1.5,0,,0,0,0,0,cancelled\n"
                                                          "2,1.5,,,0,0,0,0,rejected\n");
}
