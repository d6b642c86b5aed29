#include "support/catch.hpp"

#include <ampacity/core/accounts.hpp>

#include <string>

using namespace ampacity;

namespace {

// The order and the names are those of summary.json.
static_assert(static_cast<std::size_t>(account::uncommissioned) + 1 == num_accounts);
static_assert(account_names[static_cast<std::size_t>(account::useful)] == "useful");
static_assert(account_names[static_cast<std::size_t>(account::lost)] == "lost");
static_assert(account_names[static_cast<std::size_t>(account::checkpoint)] == "checkpoint");
static_assert(account_names[static_cast<std::size_t>(account::restart)] == "restart");
static_assert(account_names[static_cast<std::size_t>(account::stalled)] == "stalled");
static_assert(account_names[static_cast<std::size_t>(account::idle)] == "idle");
static_assert(account_names[static_cast<std::size_t>(account::draining)] == "draining");
static_assert(account_names[static_cast<std::size_t>(account::down)] == "down");
static_assert(account_names[static_cast<std::size_t>(account::uncommissioned)] == "uncommissioned");

constexpr gpu_time huge = static_cast<gpu_time>(1) << 93;  // about 2^31 GPUs over 200 years

ledger balanced() {
    ledger books;
    for (std::size_t i = 0; i < num_accounts; ++i) books.of[i] = huge + (gpu_time{1} << i);
    books.capacity = 8 * huge + 0xFF;
    return books;
}

}  // namespace

TEST_CASE("books balance when all accounts but uncommissioned add up to the capacity", "[accounts]") {
    CHECK_NOTHROW(ledger{}.check());
    const ledger books = balanced();
    CHECK(to_string(books.booked()) == to_string(books.capacity));
    CHECK_NOTHROW(books.check());

    ledger more = books;
    more[account::uncommissioned] += 12345;
    CHECK_NOTHROW(more.check());
    CHECK_FALSE(more == books);
}

TEST_CASE("one GPU-nanosecond too many or too few in any account is found", "[accounts]") {
    for (std::size_t i = 0; i < num_accounts; ++i) {
        const auto a = static_cast<account>(i);
        if (a == account::uncommissioned) continue;
        for (const int off : {-1, 1}) {
            CAPTURE(account_names[i], off);
            ledger books = balanced();
            books[a] += off;
            CHECK((books.of[i] == huge + (gpu_time{1} << i) + off));
            CHECK_THROWS_AS(books.check(), internal_error);
            books.capacity += off;
            CHECK_NOTHROW(books.check());
        }
    }
    ledger books;
    books.capacity = 10;
    books[account::useful] = 4;
    books[account::idle] = 5;
    books[account::uncommissioned] = 1;
    CHECK_THROWS_WITH(books.check(), "the GPU-time ledger does not balance: capacity 10 GPU-ns, booked 9 GPU-ns");
    const ledger& read = books;
    CHECK((read[account::idle] == 5));
}
