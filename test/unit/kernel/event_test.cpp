#include "support/catch.hpp"

#include <ampacity/kernel/event.hpp>

#include <cstdint>
#include <limits>
#include <vector>

namespace {

using ampacity::kernel::before;
using ampacity::kernel::event;
using ampacity::kernel::event_handle;
using ampacity::kernel::event_key;
using ampacity::kernel::no_event;
using ampacity::kernel::pack;
using ampacity::kernel::phase;

static_assert(sizeof(event) == 12);
static_assert(sizeof(event_key) == 16);
static_assert(sizeof(event_handle) == 16);
static_assert(!no_event.valid());

constexpr event_key key(std::int64_t t, int p, std::uint64_t s) { return {t, pack(static_cast<phase>(p), s)}; }

static_assert(before(key(1, 7, 9), key(2, 0, 0)), "time comes first");
static_assert(before(key(1, 0, 9), key(1, 1, 0)), "then the phase");
static_assert(before(key(1, 1, 3), key(1, 1, 4)), "then the sequence");
static_assert(!before(key(1, 1, 3), key(1, 1, 3)), "and an event is not before itself");
static_assert(key(5, 6, 7).rank() == phase{6} && key(5, 6, 7).sequence() == 7);

TEST_CASE("before is one strict order over signed times, phases and sequences", "[kernel]") {
    const std::int64_t times[] = {std::numeric_limits<std::int64_t>::min(), -1, 0, 1,
                                  std::numeric_limits<std::int64_t>::max()};
    const std::uint64_t sequences[] = {0, 1, ampacity::kernel::sequence_mask};
    std::vector<event_key> ascending;
    for (const std::int64_t t : times) {
        for (int p = 0; p <= 7; ++p) {
            for (const std::uint64_t s : sequences) ascending.push_back(key(t, p, s));
        }
    }
    for (std::size_t i = 0; i < ascending.size(); ++i) {
        for (std::size_t j = 0; j < ascending.size(); ++j) REQUIRE(before(ascending[i], ascending[j]) == (i < j));
    }
}

}  // namespace
