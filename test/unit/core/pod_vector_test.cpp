#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <ampacity/core/pod_vector.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

using namespace ampacity;

namespace {

static_assert(!std::is_copy_constructible_v<pod_vector<int>> && !std::is_copy_assignable_v<pod_vector<int>>);
static_assert(std::is_nothrow_move_constructible_v<pod_vector<int>> &&
              std::is_nothrow_move_assignable_v<pod_vector<int>>);

template <std::size_t Alignment>
struct alignas(Alignment) row {
    std::uint64_t value = 0;
    std::uint64_t twice = 0;
};

struct odd {
    char text[3] = {};
    friend bool operator==(const odd&, const odd&) = default;
};

/// Grows one by one and in leaps; every value stays, every address is aligned.
template <std::size_t Alignment>
void check_growth() {
    CAPTURE(Alignment);
    using value = row<Alignment>;
    pod_vector<value> v;
    std::size_t wrong = 0;
    std::size_t moved = 0;
    const value* last = nullptr;
    const auto check_all = [&] {
        for (std::size_t i = 0; i != v.size(); ++i) {
            if (v[i].value != i || v[i].twice != 2 * i) ++wrong;
        }
    };
    for (std::uint64_t i = 0; i != 60'000; ++i) {
        v.push_back({.value = i, .twice = 2 * i});
        if (v.data() == last) continue;
        ++moved;
        last = v.data();
        if (reinterpret_cast<std::uintptr_t>(last) % Alignment != 0) ++wrong;
        check_all();
    }
    check_all();
    CHECK(v.size() == 60'000);
    CHECK(wrong == 0);
    CHECK(moved > 1);
}

}  // namespace

TEST_CASE("a pod vector keeps its values and their alignment as it grows", "[pod_vector]") {
    check_growth<8>();
    check_growth<16>();
    check_growth<32>();
    check_growth<64>();
    check_growth<256>();
    check_growth<4096>();
}

TEST_CASE("several over-aligned pod vectors grow side by side", "[pod_vector]") {
    pod_vector<row<64>> v[5];
    std::size_t wrong = 0;
    for (std::uint64_t i = 0; i != 10'000; ++i) {
        for (std::uint64_t k = 0; k != 5; ++k) v[k].push_back({.value = i + k, .twice = k});
    }
    for (std::uint64_t k = 0; k != 5; ++k) {
        if (reinterpret_cast<std::uintptr_t>(v[k].data()) % 64 != 0) ++wrong;
        for (std::uint64_t i = 0; i != v[k].size(); ++i) {
            if (v[k][i].value != i + k || v[k][i].twice != k) ++wrong;
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("a pod vector begins empty", "[pod_vector]") {
    const pod_vector<int> v;
    CHECK(v.empty());
    CHECK(v.size() == 0);
    CHECK(v.span().empty());
}

TEST_CASE("growing fills and never shrinks", "[pod_vector]") {
    pod_vector<odd> v;
    v.grow_to(3, {.text = {'a', 'b', 'c'}});
    v.grow_to(2, {.text = {'x', 'x', 'x'}});
    v.grow_to(0, {});
    CHECK(v.size() == 3);
    v.grow_to(1000, {.text = {'d', 'e', 'f'}});
    v.push_back({.text = {'g', 'h', 'i'}});
    REQUIRE(v.size() == 1001);
    CHECK_FALSE(v.empty());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i != 1000; ++i) {
        const odd expected = i < 3 ? odd{.text = {'a', 'b', 'c'}} : odd{.text = {'d', 'e', 'f'}};
        if (!(v[i] == expected)) ++wrong;
    }
    CHECK(wrong == 0);
    CHECK(v[1000] == odd{.text = {'g', 'h', 'i'}});
    v[1].text[0] = 'z';
    CHECK(v.span().size() == 1001);
    CHECK(v.span()[1].text[0] == 'z');
    CHECK(v.span().data() == v.data());
}

TEST_CASE("a moved pod vector takes its values along", "[pod_vector]") {
    pod_vector<row<64>> a;
    for (std::uint64_t i = 0; i != 500; ++i) a.push_back({.value = i, .twice = 2 * i});
    const row<64>* const where = a.data();
    pod_vector<row<64>> b{std::move(a)};
    CHECK(b.data() == where);
    CHECK(b.size() == 500);
    pod_vector<row<64>> c;
    c.push_back({.value = 77, .twice = 0});
    c = std::move(b);
    REQUIRE(c.size() == 500);
    CHECK(c.data() == where);
    for (std::uint64_t i = 500; i != 5000; ++i) c.push_back({.value = i, .twice = 2 * i});
    std::size_t wrong = 0;
    for (std::uint64_t i = 0; i != 5000; ++i) {
        if (c[i].value != i || c[i].twice != 2 * i) ++wrong;
    }
    CHECK(wrong == 0);
    a = pod_vector<row<64>>{};  // a moved-from vector can be used again
    CHECK(a.empty());
    a.push_back({.value = 5, .twice = 10});
    CHECK(a.size() == 1);
    CHECK(a[0].twice == 10);
}

TEST_CASE("a pod vector in huge pages keeps its values as it moves into a mapping and grows there", "[pod_vector]") {
    using wide = row<32>;
    pod_vector<wide, pages::huge> v;
    std::size_t wrong = 0;
    const auto check_all = [&] {
        for (std::size_t i = 0; i != v.size(); ++i) {
            if (v[i].value != i || v[i].twice != 2 * i) ++wrong;
        }
    };
    const wide* last = nullptr;
    std::size_t moved = 0;
    for (std::uint64_t i = 0; i != 700'000; ++i) {  // 21 MiB
        v.push_back({.value = i, .twice = 2 * i});
        if (v.data() == last) continue;
        ++moved;
        last = v.data();
        if (reinterpret_cast<std::uintptr_t>(last) % 32 != 0) ++wrong;
        if (i > 100'000) check_all();
    }
    check_all();
    CHECK(wrong == 0);
    CHECK(moved > 1);

    pod_vector<wide, pages::huge> other = std::move(v);
    other.grow_to(2'000'000, {.value = 7, .twice = 8});
    CHECK(other[699'999].value == 699'999);
    CHECK(other[700'000].value == 7);
    CHECK(other[1'999'999].twice == 8);
    v = std::move(other);
    CHECK(v.size() == 2'000'000);
}
