#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <ampacity/fleet/node_set.hpp>

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>
#include <vector>

using namespace ampacity;
using fleet::node_set;

namespace {

/// The rows in ascending order, as the set lists them; stops where they do not ascend.
std::vector<std::uint32_t> members(const node_set& s) {
    std::vector<std::uint32_t> out;
    for (std::uint32_t row = s.first(); row != node_set::npos; row = s.next(row)) {
        out.push_back(row);
        if (out.size() > 1 && out[out.size() - 2] >= row) break;
    }
    return out;
}

std::uint32_t first_of(const std::set<std::uint32_t>& s) { return s.empty() ? node_set::npos : *s.begin(); }

std::uint32_t last_of(const std::set<std::uint32_t>& s) { return s.empty() ? node_set::npos : *s.rbegin(); }

std::uint32_t next_of(const std::set<std::uint32_t>& s, std::uint32_t row) {
    const auto found = s.upper_bound(row);
    return found == s.end() ? node_set::npos : *found;
}

}  // namespace

TEST_CASE("an empty node set has no member, whatever its size", "[node_set]") {
    for (const std::uint32_t size : {0U, 1U, 63U, 64U, 65U, 4096U, 4097U, 262'144U, 262'145U}) {
        CAPTURE(size);
        const node_set s(size);
        CHECK(s.empty());
        CHECK(s.first() == node_set::npos);
        CHECK(s.last() == node_set::npos);
        if (size == 0) continue;
        CHECK(s.next(0) == node_set::npos);
        CHECK(s.next(size - 1) == node_set::npos);
        CHECK_FALSE(s.contains(0));
        CHECK_FALSE(s.contains(size - 1));
    }
    CHECK(node_set{}.empty());
}

TEST_CASE("a node set agrees with std::set on random operations", "[node_set]") {
    std::mt19937_64 random{1};
    for (const std::uint32_t size : {1U, 2U, 63U, 64U, 65U, 4095U, 4096U, 4097U, 5000U, 262'145U, 300'000U}) {
        node_set s(size);
        std::set<std::uint32_t> reference;
        std::uint32_t centre = 0;
        std::size_t fullest = 0;
        std::size_t wrong = 0;
        for (int step = 0; step < 12'000; ++step) {
            // Phases of growth and of shrinkage around a moving place, so that words fill up and run empty.
            if (step % 400 == 0) centre = static_cast<std::uint32_t>(random() % size);
            const auto any = static_cast<std::uint32_t>(random() % size);
            const std::uint32_t near = (centre + any % 200) % size;
            const std::uint32_t row = random() % 4 == 0 ? any : near;
            const bool grow = step / 3000 % 2 == 0;
            if (random() % 8 < (grow ? 6U : 1U)) {
                s.insert(row);
                reference.insert(row);
            } else {
                const std::uint32_t gone = reference.empty() || random() % 3 == 0 ? row : next_of(reference, row);
                if (gone != node_set::npos) {
                    s.erase(gone);
                    reference.erase(gone);
                }
            }
            fullest = std::max(fullest, reference.size());
            const auto probe = static_cast<std::uint32_t>(random() % size);
            if (s.empty() != reference.empty() || s.first() != first_of(reference)) ++wrong;
            if (s.last() != last_of(reference)) ++wrong;
            if (s.next(probe) != next_of(reference, probe) || s.next(row) != next_of(reference, row)) ++wrong;
            if (s.contains(probe) != reference.contains(probe) || s.contains(row) != reference.contains(row)) ++wrong;
            if (step % 997 == 0 && members(s) != std::vector<std::uint32_t>(reference.begin(), reference.end()))
                ++wrong;
        }
        CAPTURE(size, fullest);
        CHECK(wrong == 0);
        CHECK(fullest >= std::min(size * 3 / 4, 300U));
        for (const std::uint32_t row : members(s)) s.erase(row);
        CHECK(s.empty());
        CHECK(members(s).empty());
    }
}

TEST_CASE("rows of a node set that are added or removed together are as those one by one", "[node_set]") {
    std::mt19937_64 random{2};
    for (const std::uint32_t size : {64U, 65U, 128U, 4097U, 20'000U}) {
        node_set together(size), alone(size);
        std::size_t wrong = 0, members_seen = 0;
        for (int step = 0; step < 4000; ++step) {
            const auto first = static_cast<std::uint32_t>(random() % size);
            std::uint64_t bits = random() & (random() % 2 == 0 ? random() : ~std::uint64_t{0});
            if (random() % 16 == 0) bits = 0;
            if (size - first < 64) bits &= (std::uint64_t{1} << (size - first)) - 1;
            const bool adds = random() % 2 == 0;
            adds ? together.insert(first, bits) : together.erase(first, bits);
            for (std::uint32_t i = 0; i != 64; ++i) {
                if ((bits >> i & 1U) == 0) continue;
                adds ? alone.insert(first + i) : alone.erase(first + i);
            }
            if (together.first() != alone.first() || together.last() != alone.last()) ++wrong;
            if (step % 50 != 0) continue;
            members_seen += members(alone).size();
            if (members(together) != members(alone)) ++wrong;
        }
        CAPTURE(size);
        CHECK(wrong == 0);
        CHECK(members_seen > 80);
    }
}

TEST_CASE("a full node set lists every row", "[node_set]") {
    for (const std::uint32_t size : {1U, 63U, 64U, 65U, 4096U, 4097U, 300'000U}) {
        node_set s(size);
        for (std::uint32_t row = size; row-- > 0;) s.insert(row);
        std::uint32_t expected = 0;
        for (std::uint32_t row = s.first(); row != node_set::npos; row = s.next(row)) {
            if (row != expected++) FAIL("size " << size << " row " << row);
        }
        CHECK(expected == size);
        for (std::uint32_t row = 0; row < size; ++row) s.erase(row);
        CHECK(s.empty());
    }
}

TEST_CASE("adding a member and removing a stranger change nothing", "[node_set]") {
    node_set s(5000);
    s.insert(77);
    s.insert(77);
    s.erase(78);
    s.erase(4999);
    s.erase(0);
    CHECK(members(s) == std::vector<std::uint32_t>{77});
    s.erase(77);
    s.erase(77);
    CHECK(s.empty());
    s.insert(4999);
    CHECK(s.first() == 4999);
    CHECK(s.next(77) == 4999);
    CHECK(s.next(4999) == node_set::npos);
}

TEST_CASE("a copy of a node set goes its own way", "[node_set]") {
    node_set a(200);
    a.insert(3);
    node_set b = a;
    b.insert(150);
    a.erase(3);
    CHECK(a.empty());
    CHECK(members(b) == std::vector<std::uint32_t>{3, 150});
}

TEST_CASE("a node set allocates nothing after its construction", "[node_set]") {
    node_set s(300'000);
    std::uint64_t state = 1;
    std::uint32_t sum = 0;
    const std::uint64_t before = test::allocations();
    for (int i = 0; i < 50'000; ++i) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        const auto row = static_cast<std::uint32_t>((state >> 33U) % 300'000);
        if (state >> 63U == 0) {
            s.insert(row);
        } else {
            s.erase(s.next(row) == node_set::npos ? row : s.next(row));
        }
        sum += s.first();
    }
    CHECK(test::allocations() == before);
    CHECK(sum != 0);
}
