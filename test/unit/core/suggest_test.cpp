#include "support/catch.hpp"

#include <ampacity/core/suggest.hpp>

#include <array>
#include <string>
#include <vector>

using namespace ampacity;

TEST_CASE("edit distance counts inserts, deletes, replacements and swaps", "[suggest]") {
    CHECK(edit_distance("", "") == 0);
    CHECK(edit_distance("", "abc") == 3);
    CHECK(edit_distance("abc", "") == 3);
    CHECK(edit_distance("policy", "policy") == 0);
    CHECK(edit_distance("polcy", "policy") == 1);
    CHECK(edit_distance("polciy", "policy") == 1);
    CHECK(edit_distance("kitten", "sitting") == 3);
    CHECK(edit_distance("Pool_GPUs", "pool-gpus") == 0);
    CHECK(edit_distance(std::string(1000, 'a'), std::string(1000, 'b')) == 64);
}

TEST_CASE("edit distance is symmetric and obeys its bounds", "[suggest]") {
    const std::array<std::string, 7> words{"", "a", "ab", "ba", "fifo", "fifo-skip", "conservative"};
    for (const auto& a : words) {
        for (const auto& b : words) {
            CHECK(edit_distance(a, b) == edit_distance(b, a));
            CHECK(edit_distance(a, b) <= std::max(a.size(), b.size()));
            CHECK((edit_distance(a, b) == 0) == (a == b));
        }
    }
}

TEST_CASE("names that hold a text are found in their order", "[suggest]") {
    const std::array<std::string_view, 4> known{"wait_s.mean", "jct_s.mean", "JCT-s.p50", "makespan_s"};
    CHECK(containing("jct_s", known) == std::vector<std::string_view>{"jct_s.mean", "JCT-s.p50"});
    CHECK(containing("mean", known) == std::vector<std::string_view>{"wait_s.mean", "jct_s.mean"});
    CHECK(containing("meant", known).empty());
    CHECK(containing("", known).empty());
}

TEST_CASE("a suggestion is near, or the list of what is known", "[suggest]") {
    const std::array<std::string_view, 4> known{"fifo", "easy", "sjf", "conservative"};
    CHECK(nearest("fifi", known) == "fifo");
    CHECK(nearest("consevatife", known) == "conservative");
    CHECK(nearest("tetris", known).empty());
    CHECK(suggestion("eazy", known) == "did you mean `easy`?");
    CHECK(suggestion("tetris", known) == "known: fifo, easy, sjf, conservative");
    CHECK(suggestion("tetris", {}).empty());
    const std::vector<std::string_view> many(30, "name-of-a-policy");
    const std::string listed = suggestion("x", many);
    CHECK(listed.ends_with(", ..."));
}
