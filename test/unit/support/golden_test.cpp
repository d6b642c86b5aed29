#include "support/golden.hpp"

#include "support/catch.hpp"

using ampacity::test::first_difference;

TEST_CASE("first_difference names the line and shows both sides") {
    CHECK(first_difference("a\nb\n", "a\nb\n").empty());
    CHECK(first_difference("a\nb\nc\n", "a\nB\nc\n") == "line 2\n  expected: b\n  actual:   B");
    CHECK(first_difference("x\n", "y\n") == "line 1\n  expected: x\n  actual:   y");
    CHECK(first_difference("a\n", "a\nb\n") == "line 2\n  expected: (end of text)\n  actual:   b");
    CHECK(first_difference("a\nbc", "a\n") == "line 2\n  expected: bc\n  actual:   (end of text)");
}
