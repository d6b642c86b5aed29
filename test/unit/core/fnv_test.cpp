#include "support/catch.hpp"

#include <ampacity/core/fnv.hpp>

using ampacity::fnv_1a;

// http://www.isthe.com/chongo/tech/comp/fnv, test vectors of the 64-bit FNV-1a.
static_assert(fnv_1a("") == 0xCBF29CE484222325);
static_assert(fnv_1a("a") == 0xAF63DC4C8601EC8C);
static_assert(fnv_1a("foobar") == 0x85944171F73967E8);

TEST_CASE("a text may be told in pieces, and bytes are not signed", "[fnv]") {
    CHECK(fnv_1a("bar", fnv_1a("foo")) == fnv_1a("foobar"));
    CHECK(fnv_1a("\xFF") == fnv_1a(0xFF, ampacity::fnv_start));
}
