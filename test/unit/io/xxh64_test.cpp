// Known answers of the published algorithm (seed 0).
#include "support/catch.hpp"

#include <ampacity/io/xxh64.hpp>

using ampacity::io::digest_text;
using ampacity::io::xxh64;

namespace {

std::uint64_t hash_of(std::string_view text) {
    xxh64 hash;
    hash.update(text);
    return hash.digest();
}

}  // namespace

TEST_CASE("XXH64 gives the published hashes", "[xxh64]") {
    CHECK(hash_of("") == 0xEF46DB3751D8E999U);
    CHECK(hash_of("a") == 0xD24EC4F1A98C6E5BU);
    CHECK(hash_of("abc") == 0x44BC2CF5AD770999U);
    CHECK(hash_of("Nobody inspects the spammish repetition") == 0xFBCEA83C8A378BF1U);
    CHECK(digest_text(hash_of("a")) == "xxh64:d24ec4f1a98c6e5b");
    CHECK(digest_text(0) == "xxh64:0000000000000000");
}

TEST_CASE("XXH64 does not depend on how the bytes arrive", "[xxh64]") {
    std::string text;
    for (int i = 0; i < 1000; ++i) text += static_cast<char>(i * 37);
    for (std::size_t length = 0; length <= 200; ++length) {
        const std::string_view all = std::string_view{text}.substr(0, length);
        for (const std::size_t step : {1U, 3U, 31U, 32U, 33U, 100U}) {
            xxh64 hash;
            for (std::size_t at = 0; at < all.size(); at += step) hash.update(all.substr(at, step));
            REQUIRE(hash.digest() == hash_of(all));
        }
    }
    CHECK(hash_of(text) != hash_of(std::string_view{text}.substr(1)));
}
