// The reference tries every m of the definition.
#include "lib/policy/gittins_index.hpp"

#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/naive_ranked.hpp"
#include "support/random_workload.hpp"

#include <ampacity/core/time.hpp>

#include <cstdint>
#include <vector>

using namespace ampacity;
using policy::gittins_index;

namespace {

constexpr gpu_time second = 1'000'000'000;

/// Indices of a sample in quanta of one GPU-second.
std::vector<double> indices(const std::vector<std::int64_t>& sample_s, std::size_t stages) {
    gittins_index g(second, stages);
    for (const std::int64_t s : sample_s) g.add(s * second);
    std::vector<double> out;
    for (const auto& f : g.indices()) out.push_back(static_cast<double>(f.over) / static_cast<double>(f.under));
    return out;
}

std::vector<std::uint64_t> ranks(const std::vector<std::int64_t>& sample_s, std::size_t stages) {
    gittins_index g(second, stages);
    for (const std::int64_t s : sample_s) g.add(s * second);
    std::vector<std::uint64_t> out(stages);
    g.rank(out);
    return out;
}

}  // namespace

TEST_CASE("the index of a sample that is worked out by hand", "[gittins]") {
    // Two of three end in the first quantum: 2 / 3. The third then takes three more, all of which must be spent.
    const auto index = indices({1, 1, 4}, 5);
    CHECK(index == std::vector<double>{2.0 / 3, 1.0 / 3, 1.0 / 2, 1.0, 0.0});
    CHECK(ranks({1, 1, 4}, 5) == std::vector<std::uint64_t>{1, 3, 2, 0, 4});
}

TEST_CASE("services that are all alike: who has come further goes first", "[gittins]") {
    CHECK(ranks({6, 6, 6}, 6) == std::vector<std::uint64_t>{5, 4, 3, 2, 1, 0});
}

TEST_CASE("a constant chance to end: the index is that chance in every stage", "[gittins]") {
    std::vector<std::int64_t> geometric;  // of 65536 half end with each quantum
    for (std::int64_t quanta = 1, left = 65'536; left != 1; ++quanta, left /= 2) {
        for (std::int64_t i = 0; i != left / 2; ++i) geometric.push_back(quanta);
    }
    // The sample lacks its last job, so chances rise a little: half and more.
    for (const double index : indices(geometric, 8)) CHECK(index == Approx(0.5).epsilon(0.02));
}

TEST_CASE("a falling chance to end: who has come less far goes first", "[gittins]") {
    CHECK(ranks({1, 1, 1, 1, 1, 2, 2, 4, 8}, 3) == std::vector<std::uint64_t>{0, 1, 2});
}

TEST_CASE("the last stage has no end", "[gittins]") {
    // In stage 1 of 2 the rest is to be spent as a whole: 2 ends in (3 - 1) + (9 - 1) quanta.
    CHECK(indices({1, 3, 9}, 2) == std::vector<double>{1.0 / 3, 2.0 / 10});
    CHECK(indices({1, 3, 9}, 1) == std::vector<double>{3.0 / 13});
}

TEST_CASE("without a sample all stages are alike", "[gittins]") {
    CHECK(ranks({}, 4) == std::vector<std::uint64_t>{0, 0, 0, 0});
    CHECK(ranks({2}, 4) == std::vector<std::uint64_t>{1, 0, 2, 2});
}

TEST_CASE("services are rounded up to quanta, and none takes less than one", "[gittins]") {
    gittins_index g(second, 3);
    for (const gpu_time s : {gpu_time{0}, gpu_time{1}, second, second + 1}) g.add(s);
    const auto index = g.indices();
    CHECK((index[0].over == 4 && index[0].under == 5));  // two quanta; one would give 3 / 4
    CHECK((index[1].over == 1 && index[1].under == 1));
    CHECK((index[2].over == 0));
}

TEST_CASE("indices and their order are those of the definition", "[gittins]") {
    for (std::uint64_t seed = 0; seed != test::random_cases(2'000); ++seed) {
        naive::test_random random(seed);
        const gpu_time quantum = random.between(1, 3) * second;
        const std::int64_t stages = random.between(1, 12);
        std::vector<int128> sample;
        gittins_index g(quantum, static_cast<std::size_t>(stages));
        for (std::int64_t i = random.between(0, 15); i > 0; --i) {
            sample.push_back(random.between(0, random.chance(80) ? 12 : 90) * second);
            g.add(sample.back());
        }
        std::vector<std::uint64_t> rank(static_cast<std::size_t>(stages));
        g.rank(rank);
        const auto index = g.indices();
        std::vector<naive::fraction> expected;
        for (std::int64_t s = 0; s != stages; ++s) {
            expected.push_back(naive::gittins_index(sample, quantum, stages, s));
            const auto& actual = index[static_cast<std::size_t>(s)];
            if (static_cast<int128>(actual.over) * expected.back().under !=
                static_cast<int128>(actual.under) * expected.back().over) {
                FAIL("seed " << seed << " stage " << s);
            }
        }
        for (std::size_t a = 0; a != rank.size(); ++a) {
            for (std::size_t b = 0; b != rank.size(); ++b) {
                const bool larger = expected[a].over * expected[b].under > expected[b].over * expected[a].under;
                if ((rank[a] < rank[b]) != larger) FAIL("seed " << seed << " stages " << a << " and " << b);
            }
        }
    }
    SUCCEED();
}

TEST_CASE("fractions of many large services are compared exactly", "[gittins]") {
    // 2^31 GPUs over 200 years in quanta of a GPU-second; the second sample takes one quantum more.
    const gpu_time most = gpu_time{1U << 31U} * ticks(longest_input);
    gittins_index a(second, 1);
    gittins_index b(second, 1);
    for (int i = 0; i != 1'000'000; ++i) {
        a.add(most);
        b.add(most + (i == 0 ? second : 0));
    }
    CHECK(b.indices()[0] < a.indices()[0]);
    CHECK_FALSE(a.indices()[0] < b.indices()[0]);
}
