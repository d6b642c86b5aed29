// Placers on racks. The reference is test/support/naive_racks, which was written from docs/placement.md alone and tries
// every set of racks.
#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/naive_racks.hpp"
#include "support/random_racks.hpp"

#include <ampacity/policy/placer.hpp>
#include <ampacity/policy/registry.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

using namespace ampacity;
using fleet::free_index;
using fleet::gpu_share;
using fleet::rack_group;
using naive::test_random;

namespace {

std::unique_ptr<policy::placer> placer_of(const naive::fleet& where) {
    policy::policy_options options;
    naive::set_placer_options(where, options);
    return policy::make_placer(where.placer, options);
}

const std::vector<gpu_share> before{{.node = node_id{77}, .gpus = 5}, {.node = node_id{3}, .gpus = 1}};

/// One question to one placer; what is wrong with the answer, if anything.
std::string ask(const policy::placer& p, const naive::fleet& where, const naive::rack_space& s, const free_index& f,
                const naive::job& j, std::size_t& placements) {
    const auto expected = naive::place_on_racks(where, s, j);
    const fleet::demand wanted = naive::demand_of(j);
    std::vector<gpu_share> out = before;
    const bool placed = p.place(f, wanted, out);
    if (out.size() < before.size() || !std::equal(before.begin(), before.end(), out.begin()))
        return "what was in the list has changed";
    out.erase(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(before.size()));
    if (placed != expected.has_value()) return "there is " + std::string(expected ? "a" : "no") + " place";
    if (p.fits(f, wanted) != placed || policy::fits(p, f, wanted) != placed) return "fits does not agree with place";
    if (!placed) return out.empty() ? "" : "a failure leaves shares";
    ++placements;
    const naive::placement got = naive::sorted(out);
    if (const std::string wrong = naive::broken_wish(where, s, j, got); !wrong.empty())
        return "placed on " + naive::text(got) + ": " + wrong;
    if (!f.is_free(wanted, out)) return "the index does not allow it";
    if (got != *expected) return "placed on " + naive::text(got) + "not on " + naive::text(*expected);
    return {};
}

struct flavour {
    bool keep_whole = false;
    bool weigh = false;
};

/// Random states and demands for one placer; no more than a few of the differences are shown.
void compare(const std::string& placer, flavour kind, std::uint64_t seeds, std::int64_t most_racks,
             std::int64_t most_nodes, std::int64_t most_gpus) {
    std::size_t placements = 0;
    std::size_t asked = 0;
    std::size_t wrong = 0;
    for (std::uint64_t seed = 0; seed != seeds && wrong < 5; ++seed) {
        test_random random(seed);
        const auto sites = naive::random_sites(random, most_racks, most_nodes);
        naive::fleet where =
            naive::rack_fleet_of(sites, static_cast<std::uint32_t>(random.between(1, most_gpus)), placer);
        where.keep_racks_whole = kind.keep_whole;
        if (kind.weigh) where.weights = naive::random_weights(random);
        const auto p = placer_of(where);
        const auto racks = std::make_shared<const fleet::topology>(naive::topology_of(sites));
        const naive::rack_space s = naive::random_space(random, where);
        const free_index f = naive::index_of(racks, where, s);
        for (int i = 0; i != 12; ++i, ++asked) {
            const naive::job j = naive::random_wishes(random, where);
            const std::string said = ask(*p, where, s, f, j, placements);
            if (said.empty()) continue;
            ++wrong;
            UNSCOPED_INFO("seed " << seed << ", " << naive::text(where, s) << "\n  " << naive::text(j) << ": " << said);
        }
    }
    CHECK(wrong == 0);
    CHECK(placements > asked / 5);
    CHECK(asked - placements > asked / 10);
}

}  // namespace

TEST_CASE("placers on racks agree with the naive ones", "[placers][racks]") {
    const std::string placer =
        GENERATE(from_range(std::vector<std::string>(naive::all_rack_placers.begin(), naive::all_rack_placers.end())));
    compare(placer, {}, test::random_cases(6000), 6, 6, 4);
    compare(placer, {}, test::random_cases(3000), 8, 4, 2);
    compare(placer, {}, test::random_cases(1500), 3, 20, 8);
}

TEST_CASE("topology that keeps racks whole agrees with the naive one", "[placers][racks]") {
    compare("topology", {.keep_whole = true}, test::random_cases(6000), 6, 6, 4);
    compare("topology", {.keep_whole = true}, test::random_cases(3000), 8, 4, 2);
}

TEST_CASE("topology with weights agrees with the naive one", "[placers][racks][weights]") {
    const bool keep_whole = GENERATE(false, true);
    compare("topology", {.keep_whole = keep_whole, .weigh = true}, test::random_cases(6000), 6, 6, 4);
    compare("topology", {.keep_whole = keep_whole, .weigh = true}, test::random_cases(3000), 8, 4, 2);
    compare("topology", {.keep_whole = keep_whole, .weigh = true}, test::random_cases(1500), 3, 20, 8);
}

namespace {

/// Racks with so many wholly free nodes each; what is taken lies on the highest rows.
free_index racks_with_free(const std::vector<std::uint32_t>& free_nodes, const std::vector<rack_group>& groups) {
    auto t = std::make_shared<const fleet::topology>(naive::topology_of({groups}));
    free_index f = free_index::racks(t, 4);
    for (std::uint32_t r = 0; r != free_nodes.size(); ++r) {
        const auto& k = t->rack_at(r);
        for (std::uint32_t i = free_nodes[r]; i != k.nodes; ++i)
            f.take({.node = node_id{k.first_node + i}, .gpus = 0xF});
    }
    return f;
}

/// Nodes of each rack that the job gets, in order of racks; empty where it gets nothing.
std::vector<std::uint32_t> nodes_by_rack(const std::string& placer, const free_index& f, fleet::demand wanted) {
    std::vector<gpu_share> out;
    if (!policy::make_placer(placer)->place(f, wanted, out)) return {};
    std::map<std::uint32_t, std::uint32_t> nodes;
    for (const auto& s : out) ++nodes[f.where().rack_of(s.node)];
    std::vector<std::uint32_t> counts;
    for (const auto& [rack, n] : nodes) counts.push_back(n);
    return counts;
}

using counts = std::vector<std::uint32_t>;
constexpr rack_group usual{.count = 4, .nodes = 18};

}  // namespace

TEST_CASE("topology makes even shares on the fewest racks", "[placers][racks]") {
    const free_index empty = racks_with_free({18, 18, 18, 18}, {usual});
    CHECK(nodes_by_rack("topology", empty, {.gpus = 18 * 4}) == counts{18});
    CHECK(nodes_by_rack("topology", empty, {.gpus = 24 * 4}) == counts{12, 12});
    CHECK(nodes_by_rack("topology", empty, {.gpus = 25 * 4}) == counts{13, 12});
    CHECK(nodes_by_rack("topology", empty, {.gpus = 48 * 4}) == counts{16, 16, 16});
    CHECK(nodes_by_rack("topology", empty, {.gpus = 72 * 4}) == counts{18, 18, 18, 18});
    CHECK(nodes_by_rack("topology", empty, {.gpus = 73 * 4}).empty());
    // The others fill racks one after the other.
    CHECK(nodes_by_rack("pack", empty, {.gpus = 24 * 4}) == counts{18, 6});
    CHECK(nodes_by_rack("first-fit", empty, {.gpus = 48 * 4}) == counts{18, 18, 12});
}

TEST_CASE("36 nodes in segments of 12 need three racks with 17 free nodes each", "[placers][racks]") {
    const free_index f = racks_with_free({17, 17, 17}, {{.count = 3, .nodes = 18}});
    for (const std::string placer : naive::all_rack_placers) {
        CAPTURE(placer);
        CHECK(nodes_by_rack(placer, f, {.gpus = 144, .segment = 12}) == counts{12, 12, 12});
        CHECK(nodes_by_rack(placer, f, {.gpus = 144 + 20, .segment = 12}).size() == 3);  // 5 more nodes beside one
        CHECK(nodes_by_rack(placer, f, {.gpus = 144 + 24, .segment = 12}).empty());      // 6 find no room
        CHECK(nodes_by_rack(placer, f, {.gpus = 144 + 18, .segment = 12}).size() == 3);  // 4 nodes and a half
        CHECK(nodes_by_rack(placer, racks_with_free({17, 17, 11}, {{.count = 3, .nodes = 18}}),
                            {.gpus = 144, .segment = 12})
                  .empty());
    }
}

TEST_CASE("spares of a rack are no place for a job", "[placers][racks]") {
    const free_index f = racks_with_free({18, 18}, {{.count = 2, .nodes = 18, .usable = 16}});
    for (const std::string placer : naive::all_rack_placers) {
        CAPTURE(placer);
        CHECK(nodes_by_rack(placer, f, {.gpus = 17 * 4, .within = scope::rack}).empty());
        CHECK(nodes_by_rack(placer, f, {.gpus = 16 * 4, .within = scope::rack}) == counts{16});
        CHECK(nodes_by_rack(placer, f, {.gpus = 17 * 4}).size() == 2);
        CHECK(nodes_by_rack(placer, f, {.gpus = 33 * 4}).empty());
    }
    const std::string reason = policy::why_never(f, {.gpus = 17 * 4, .within = scope::rack});
    CAPTURE(reason);
    CHECK(reason.find("17") != std::string::npos);
    CHECK(reason.find("16") != std::string::npos);
}

TEST_CASE("uneven racks serve the jobs that fit them", "[placers][racks]") {
    const std::vector<rack_group> groups{{.count = 2, .nodes = 4}, {.count = 1, .nodes = 18}, {.count = 1, .nodes = 9}};
    const free_index f = racks_with_free({4, 4, 18, 9}, groups);
    for (const std::string placer : naive::all_rack_placers) {
        CAPTURE(placer);
        CHECK(nodes_by_rack(placer, f, {.gpus = 18 * 4}) == counts{18});  // as small as the largest rack
        CHECK(nodes_by_rack(placer, racks_with_free({4, 4, 17, 9}, groups), {.gpus = 18 * 4}).empty());
        CHECK(nodes_by_rack(placer, f, {.gpus = 35 * 4}) == counts{4, 4, 18, 9});
    }
    CHECK(nodes_by_rack("topology", f, {.gpus = 26 * 4}) == counts{17, 9});
    CHECK(nodes_by_rack("topology", f, {.gpus = 20 * 4}) == counts{11, 9});
    CHECK(nodes_by_rack("topology", f, {.gpus = 31 * 4}) == counts{4, 18, 9});
    CHECK(nodes_by_rack("topology", f, {.gpus = 28 * 4}) == counts{4, 15, 9});
}

TEST_CASE("jobs of one GPU leave as many racks whole as there can be", "[placers][racks]") {
    constexpr std::uint32_t racks = 33;
    for (const std::uint32_t usable : {18U, 16U}) {
        for (const std::string name : {"pack", "block", "topology"}) {
            CAPTURE(name, usable);
            const auto placer = policy::make_placer(name, {.topology_keeps_racks_whole = true});
            fleet::topology t;
            t.add({.count = racks, .nodes = 18, .usable = usable, .racks_per_block = 8});
            free_index f = free_index::racks(std::make_shared<const fleet::topology>(t), 4);
            const std::uint32_t per_rack = usable * 4;
            const auto whole = [&] {
                std::uint32_t n = 0;
                for (std::uint32_t r = 0; r != racks; ++r) n += f.is_untouched(r) ? 1U : 0U;
                return n;
            };
            std::vector<std::vector<gpu_share>> running;
            const auto add = [&] {
                std::vector<gpu_share> where;
                REQUIRE(placer->place(f, {.gpus = 1}, where));
                f.take({.gpus = 1}, where);
                running.push_back(std::move(where));
            };
            std::size_t wrong = 0;
            while (running.size() != std::size_t{racks} * per_rack) {
                add();
                const auto used = static_cast<std::uint32_t>((running.size() + per_rack - 1) / per_rack);
                if (whole() != racks - used) ++wrong;
            }
            CHECK(wrong == 0);
            // After random departures no arrival opens a rack as long as one that is open has room.
            test_random random(usable);
            std::size_t opened = 0;
            for (int round = 0; round != 200; ++round) {
                for (std::int64_t n = random.between(1, 300); n > 0 && !running.empty(); --n) {
                    std::swap(running[static_cast<std::size_t>(
                                  random.between(0, static_cast<std::int64_t>(running.size()) - 1))],
                              running.back());
                    f.give({.gpus = 1}, running.back());
                    running.pop_back();
                }
                const std::uint32_t before_arrivals = whole();
                const std::uint32_t open_room =
                    (racks - before_arrivals) * per_rack - static_cast<std::uint32_t>(running.size());
                const auto arrivals = static_cast<std::uint32_t>(random.between(0, 250));
                std::uint32_t came = 0;
                for (; came != arrivals && running.size() != std::size_t{racks} * per_rack; ++came) add();
                const std::uint32_t needed = came <= open_room ? 0 : (came - open_room + per_rack - 1) / per_rack;
                opened += needed;
                if (whole() != before_arrivals - needed) ++wrong;
            }
            CHECK(wrong == 0);
            CHECK(opened > 0);
        }
    }
}
