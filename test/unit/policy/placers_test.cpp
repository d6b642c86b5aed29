// The reference is the naive placer of the naive replay, which knows one mask per node and nothing else.
#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/naive_replay.hpp"

#include <ampacity/policy/placer.hpp>
#include <ampacity/policy/registry.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace ampacity;
using fleet::free_index;
using fleet::gpu_share;

namespace {

using masks = std::vector<std::uint64_t>;

free_index index_of(const masks& free, std::uint32_t per_node) {
    free_index f = free_index::nodes(static_cast<std::uint32_t>(free.size()), per_node);
    for (std::uint32_t row = 0; row != free.size(); ++row)
        f.take({.node = node_id{row}, .gpus = free_index::full_mask(per_node) & ~free[row]});
    return f;
}

masks random_masks(std::mt19937_64& random, std::uint32_t nodes, std::uint32_t per_node) {
    const std::uint64_t all = free_index::full_mask(per_node);
    masks free(nodes, 0);
    const std::uint64_t kind = random() % 4;  // mostly free, mostly taken, mixed
    for (auto& mask : free) {
        const std::uint64_t draw = random() % 4;
        mask = draw == 0 ? all : draw == 1 ? 0 : draw == 2 ? all & random() : all & random() & random();
        if (kind == 0 && random() % 2 == 0) mask = all;
        if (kind == 1 && random() % 2 == 0) mask = 0;
    }
    return free;
}

naive::placement sorted(const std::vector<gpu_share>& shares) {
    naive::placement out;
    for (const auto& s : shares) out.emplace_back(static_cast<std::uint32_t>(s.node), s.gpus);
    std::sort(out.begin(), out.end());
    return out;
}

std::string text(const naive::placement& where) {
    std::string out;
    for (const auto& [node, gpus] : where) out += std::to_string(node) + "/" + std::to_string(gpus) + " ";
    return out;
}

const std::vector<gpu_share> before{{.node = node_id{77}, .gpus = 5}, {.node = node_id{3}, .gpus = 1}};

/// One question to one placer. Was there a place?
bool check(const std::string& name, const policy::placer& p, const masks& free, const free_index& f,
           fleet::demand wanted) {
    const auto expected = naive::place_on_nodes(free, f.gpus_per_node(), name, wanted.gpus, wanted.spread);
    INFO(name << ", " << free.size() << " nodes of " << f.gpus_per_node() << ", " << wanted.gpus << " GPUs"
              << (wanted.spread ? ", spread" : ""));
    std::vector<gpu_share> out = before;
    const bool placed = p.place(f, wanted, out);
    if (placed != expected.has_value()) FAIL("place says " << placed);
    if (p.fits(f, wanted) != placed || policy::fits(p, f, wanted) != placed) FAIL("fits does not agree with place");
    if (out.size() < before.size() || !std::equal(before.begin(), before.end(), out.begin()))
        FAIL("what was in the list has changed");
    out.erase(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(before.size()));
    if (!placed) {
        if (!out.empty()) FAIL("a failure leaves " << out.size() << " shares");
        return false;
    }
    if (sorted(out) != *expected) FAIL("placed on " << text(sorted(out)) << "not on " << text(*expected));
    if (out.empty()) FAIL("placed on nothing");
    return true;
}

}  // namespace

TEST_CASE("placers agree with the naive one on random fleets", "[placers]") {
    for (const std::string name : {"first-fit", "pack", "spread"}) {
        std::mt19937_64 random{1};
        const auto p = policy::make_placer(name);
        std::size_t placed = 0;
        std::size_t refused = 0;
        const std::size_t cases = test::random_cases(400);
        for (std::uint32_t per_node = 1; per_node <= 64; ++per_node) {
            for (std::size_t i = 0; i != cases / 20; ++i) {
                const auto nodes = static_cast<std::uint32_t>(1 + random() % (i % 5 == 0 ? 70 : 9));
                const masks free = random_masks(random, nodes, per_node);
                const free_index f = index_of(free, per_node);
                for (int k = 0; k != 6; ++k) {
                    const std::uint64_t most = k < 3   ? per_node
                                               : k < 5 ? f.free_gpus() + 2
                                                       : std::uint64_t{nodes} * per_node + 2;
                    const fleet::demand wanted{.gpus = static_cast<std::uint32_t>(1 + random() % most),
                                               .spread = random() % 3 == 0};
                    (check(name, *p, free, f, wanted) ? placed : refused) += 1;
                }
            }
        }
        CAPTURE(name, placed, refused);
        CHECK(placed > refused / 4);
        CHECK(refused > placed / 20);
    }
}

TEST_CASE("placers agree with the naive one on every small fleet", "[placers]") {
    for (const std::string name : {"first-fit", "pack", "spread"}) {
        const auto p = policy::make_placer(name);
        std::size_t placed = 0;
        for (std::uint64_t state = 0; state != 4096; ++state) {  // 4 nodes of 3 GPUs
            const masks free{state & 7U, state >> 3U & 7U, state >> 6U & 7U, state >> 9U};
            const free_index f = index_of(free, 3);
            for (std::uint32_t gpus = 1; gpus <= 13; ++gpus) {
                for (const bool spread : {false, true})
                    placed += check(name, *p, free, f, {.gpus = gpus, .spread = spread}) ? 1U : 0U;
            }
        }
        CHECK(placed > 4096);
    }
}

TEST_CASE("the remainder goes where the placer prefers it", "[placers]") {
    // Nodes of 8 with 2, 8, 4, 3, 8, 4 free GPUs.
    const masks free{0xC0, 0xFF, 0x0F, 0x70, 0xFF, 0xF0};
    const free_index f = index_of(free, 8);
    const auto place = [&](const std::string& name, fleet::demand wanted) {
        std::vector<gpu_share> out;
        CHECK(policy::make_placer(name)->place(f, wanted, out));
        return sorted(out);
    };
    CHECK(place("first-fit", {.gpus = 3}) == naive::placement{{1, 0x07}});
    CHECK(place("pack", {.gpus = 3}) == naive::placement{{3, 0x70}});
    CHECK(place("spread", {.gpus = 3}) == naive::placement{{1, 0x07}});
    CHECK(place("first-fit", {.gpus = 12}) == naive::placement{{1, 0xFF}, {2, 0x0F}});
    CHECK(place("pack", {.gpus = 11}) == naive::placement{{1, 0xFF}, {3, 0x70}});
    CHECK(place("spread", {.gpus = 9}) == naive::placement{{1, 0xFF}, {4, 0x01}});
    CHECK(place("first-fit", {.gpus = 5, .spread = true}) == naive::placement{{0, 0xC0}, {1, 0x07}});
    CHECK(place("pack", {.gpus = 6, .spread = true}) == naive::placement{{0, 0xC0}, {2, 0x01}, {3, 0x70}});
    CHECK(place("spread", {.gpus = 18, .spread = true}) == naive::placement{{1, 0xFF}, {2, 0x03}, {4, 0xFF}});
}

TEST_CASE("on a pool the count decides", "[placers]") {
    const auto p = policy::make_pack();
    free_index pool = free_index::pool(100);
    pool.take({.gpus = 40}, {});
    std::vector<gpu_share> out = before;
    CHECK(policy::fits(*p, pool, {.gpus = 60}));
    CHECK(policy::place(*p, pool, {.gpus = 60, .spread = true}, out));
    CHECK_FALSE(policy::fits(*p, pool, {.gpus = 61}));
    CHECK_FALSE(policy::place(*p, pool, {.gpus = 61}, out));
    CHECK(out == before);
}

TEST_CASE("a placer of one's own tells what fits by placing", "[placers]") {
    class only_node_zero final : public policy::placer {
    public:
        bool place(const free_index& free, fleet::demand wanted, std::vector<gpu_share>& out) const override {
            const gpu_share share{.node = node_id{0}, .gpus = free_index::full_mask(wanted.gpus)};
            if (wanted.gpus > 64 || !free.is_free(share)) return false;
            out.push_back(share);
            return true;
        }
    };
    const only_node_zero p;
    const free_index f = free_index::nodes(3, 4);
    CHECK(policy::fits(p, f, {.gpus = 4}));
    CHECK_FALSE(policy::fits(p, f, {.gpus = 5}));
}
