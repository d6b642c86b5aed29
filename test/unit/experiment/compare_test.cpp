#include "support/catch.hpp"
#include "sweep_folder.hpp"

#include <ampacity/core/distributions.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/experiment/compare.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

using namespace ampacity;
using namespace ampacity::experiment;
using test::sweep_folder;

namespace {

/// A store of 3 policies under 2 loads: `easy` is better by 10 under the first load alone, `sjf` never differs.
class known_store {
public:
    known_store()
        : sweep_(here_.sweep(R"(axes:
  scheduler.policy: [fifo, easy, sjf]
  workload.0.synthetic.rate: ["20 /h", "40 /h"]
replications: 20
)")) {
        auto store = result_store::create(here_.path("a.db"), provenance_of(sweep_, {}));
        const normal_distribution normal;
        for (std::uint64_t r = 0; r != 20; ++r) {
            random_stream shared{41, purpose::test, r};
            const double common = 100 + 30 * normal(shared);
            for (std::size_t v = 0; v != 6; ++v) {
                random_stream own{43, purpose::test, 100 * r + v};
                const double x = common + normal(own) - (v == 2 ? 10 : 0);
                trial_result result{.which = {v, r}, .seed = 1, .wall_s = 0.1};
                result.metrics = {{"jct_s.mean", x}, {"jct_s.p99", 9 * x}, {"utilisation", 1 - x / 1000}};
                result.histograms = {{"jct_s", {{100, 2'000}}}};
                store.add(result, sweep_.variants[v]);
            }
        }
    }
    [[nodiscard]] result_store open() const { return result_store::open(here_.path("a.db")); }

private:
    sweep_folder here_;
    sweep sweep_;
};

}  // namespace

TEST_CASE("compare: differences that are there are found and those that are not are not") {
    const known_store known;
    const auto c = compare(known.open());
    CHECK(c.by == "scheduler.policy");
    CHECK(c.baseline == "fifo");
    CHECK(c.done == 120);
    CHECK(c.replications == 20);
    CHECK(c.comparisons == 12);
    REQUIRE(c.metrics.size() == 3);
    const auto& jct = c.metrics[0];
    CHECK(jct.name == "jct_s.mean");
    CHECK(jct.better == direction::lower);
    CHECK_FALSE(jct.thin_samples);
    CHECK(c.metrics[1].thin_samples == 2'000U);
    CHECK(c.metrics[2].better == direction::higher);
    REQUIRE(jct.groups.size() == 2);
    CHECK(jct.groups[0].context == "workload.0.synthetic.rate=20 /h");
    const auto& easy = jct.groups[0].variants[1];
    CHECK(easy.name == "easy");
    REQUIRE(easy.difference);
    CHECK(easy.difference->significant);
    CHECK(easy.difference->pairs == 20);
    CHECK(easy.difference->mean == Approx(-10).margin(1.5));
    CHECK(easy.difference->within.contains(-10));
    CHECK(*easy.difference->change == Approx(-0.1).margin(0.03));
    CHECK(*easy.best > 0.999);
    CHECK(jct.groups[0].variants[0].is_baseline);
    CHECK_FALSE(jct.groups[0].variants[0].difference);
    CHECK_FALSE(jct.groups[0].variants[2].difference->significant);
    CHECK_FALSE(jct.groups[1].variants[1].difference->significant);
    for (const auto& m : c.metrics) {
        for (const auto& g : m.groups) {
            double best = 0;
            for (const auto& v : g.variants) {
                best += *v.best;
                if (v.difference) CHECK(v.difference->significant != v.difference->within.contains(0));
            }
            CHECK(best == Approx(1));
        }
    }
    // Without pairing 20 values of deviation 30 could not tell a difference of 10: 2 x 30 x sqrt(2 / 20) = 19.
    CHECK(easy.mean.standard_error > 4);
}

TEST_CASE("compare: by another parameter with another baseline and one metric alone") {
    const known_store known;
    const auto c =
        compare(known.open(), {.by = "workload.0.synthetic.rate", .baseline = "40 /h", .metrics = {"jct_s.mean"}});
    CHECK(c.comparisons == 3);
    REQUIRE(c.metrics.size() == 1);
    REQUIRE(c.metrics[0].groups.size() == 3);
    CHECK(c.metrics[0].groups[1].context == "scheduler.policy=easy");
    CHECK(c.metrics[0].groups[1].variants[0].difference->significant);
    CHECK(c.metrics[0].groups[1].variants[1].is_baseline);
    CHECK_FALSE(c.metrics[0].groups[0].variants[0].difference->significant);
}

TEST_CASE("compare: names that are not there") {
    const known_store known;
    const auto refused = [&](const compare_options& o) {
        try {
            static_cast<void>(compare(known.open(), o));
        } catch (const scenario_error& e) {
            return std::string{e.what()};
        }
        return std::string{};
    };
    CHECK(refused({.baseline = "fife"}).find("did you mean `fifo`?") != std::string::npos);
    CHECK(refused({.metrics = {"jct_s.maen"}}).find("did you mean `jct_s.mean`?") != std::string::npos);
    CHECK(refused({.by = "scheduler.polcy"}).find("did you mean `scheduler.policy`?") != std::string::npos);
}

TEST_CASE("compare: keys that move with the compared one are part of it") {
    const sweep_folder here;
    const auto s = here.sweep(R"(axes:
  zip: { fleet.pool_gpus: [8, 16], workload.0.synthetic.jobs: [10, 20] }
  costs: { variants: { free: {}, dear: { workload.0.synthetic.cv: 2 } } }
)");
    {
        auto store = result_store::create(here.path("a.db"), provenance_of(s, {}));
        for (std::size_t v = 0; v != 4; ++v) {
            for (std::uint64_t r = 0; r != 3; ++r)
                store.add(
                    {.which = {v, r}, .seed = 1, .wall_s = 1, .metrics = {{"jct_s.mean", static_cast<double>(v)}}},
                    s.variants[v]);
        }
    }
    const auto store = result_store::open(here.path("a.db"));
    const auto by_size = compare(store, {.by = "fleet.pool_gpus"});
    REQUIRE(by_size.metrics[0].groups.size() == 2);
    CHECK(by_size.metrics[0].groups[0].context == "costs=free");
    CHECK(by_size.metrics[0].groups[0].variants[1].difference->mean == 2);
    CHECK(by_size.metrics[0].groups[0].variants[1].difference->significant);
    const auto by_costs = compare(store, {.by = "costs"});
    REQUIRE(by_costs.metrics[0].groups.size() == 2);
    CHECK(by_costs.metrics[0].groups[1].context == "fleet.pool_gpus=16, workload.0.synthetic.jobs=20");
    CHECK(by_costs.metrics[0].groups[1].variants.size() == 2);
    CHECK(compare(store).by == "fleet.pool_gpus");
}

TEST_CASE("compare: by the interval that is asked for") {
    const known_store known;
    const auto store = known.open();
    const auto first = [&](interval_kind how, double confidence) {
        const auto c = compare(store, {.metrics = {"jct_s.mean"}, .confidence = confidence, .how = how});
        return *c.metrics[0].groups[0].variants[1].difference;
    };
    // Four comparisons, of which this one alone is significant: its interval has a quarter of the error.
    const auto means = store.values("jct_s.mean");
    const auto of = [&](const std::string& policy) {
        std::vector<double> all;
        for (const auto& [r, x] : means.at("scheduler.policy=" + policy + ", workload.0.synthetic.rate=20 /h"))
            all.push_back(x);
        return all;
    };
    const auto d = differences(of("easy"), of("fifo"));
    for (const double confidence : {0.9, 0.95}) {
        const double level = 1 - (1 - confidence) / 4;
        const auto t = first(interval_kind::student, confidence);
        CHECK(t.within.low == Approx(t_interval(mean_of(d), level)->low));
        CHECK(t.within.high == Approx(t_interval(mean_of(d), level)->high));
        const auto b = first(interval_kind::bootstrap, confidence), h = first(interval_kind::hall, confidence);
        const auto all = first(interval_kind::careful, confidence);
        CHECK(all.within.low == Approx(std::min({t.within.low, b.within.low, h.within.low})));
        CHECK(all.within.high == Approx(std::max({t.within.high, b.within.high, h.within.high})));
        CHECK(b.within.low != h.within.low);
    }
}

TEST_CASE("compare: a variant that does not set the key has the value of the base") {
    const sweep_folder here;
    const auto swept = here.sweep(R"(axes:
  case: { variants: { plain: {}, backfill: { scheduler.policy: easy }, short: { scheduler.policy: sjf } } }
replications: 3
)");
    auto store = result_store::create(here.path("a.db"), provenance_of(swept, {}));
    for (std::uint64_t r = 0; r != 3; ++r) {
        for (std::size_t v = 0; v != 3; ++v) {
            trial_result result{.which = {v, r}, .seed = 1, .wall_s = 0.1};
            result.metrics = {{"jct_s.mean", 100.0 - 10.0 * static_cast<double>(v * (r + 1))}};
            store.add(result, swept.variants[v]);
        }
    }
    const auto c = compare(store);
    CHECK(c.by == "scheduler.policy");
    CHECK(c.baseline == "(base)");
    REQUIRE(c.metrics.front().groups.size() == 1);
    const auto& variants = c.metrics.front().groups.front().variants;
    REQUIRE(variants.size() == 3);
    CHECK(variants[0].is_baseline);
    CHECK(variants[1].name == "easy");
    CHECK(variants[1].difference->mean == Approx(-20));
    CHECK(compare(store, {.baseline = "(base)"}).baseline == "(base)");
}
